"""The page book/your_data.md: its code runs from top to bottom, and its table
has the messages that readers meet.
"""

import re
from pathlib import Path

import pytest

from companion import data

PAGE = (Path(__file__).parents[1] / "book" / "your_data.md").read_text(
    encoding="utf8"
)
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What the page's code leaves behind."""
    space = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("reader"))
        for block in BLOCKS:
            exec(compile(block, "your_data.md", "exec"), space)
    return space


def test_the_whole_page_runs(ran):
    assert len(BLOCKS) == PAGE.count("```python") > 5
    assert ran["own"].classes == ["A", "B", "C"]
    assert ran["right"].shape == (20, 3)


def test_a_number_comes_back_in_its_unit(ran):
    wine, strength = ran["wine"], ran["strength"]
    alcohol = wine.data[:, wine.feature_names.index("alcohol")]
    back = ran["first"] * strength.target_std + strength.target_mean
    assert abs(alcohol - back).min() < 1e-5
    assert alcohol.std() > 0.5


def test_new_rows_are_read_as_the_rows_of_the_table_are(ran):
    answers = [ran["own"].classes[a] for a in ran["answers"].tolist()]
    assert answers == ["A", "A", "A"]  # as load_wine has them


def test_the_network_learns_more_than_the_majority(ran):
    assert (ran["right"][:, 0] > ran["majority"]).all()
    assert (ran["wide"].diverged == 0).all()


ROWS = {
    "no column": ({"a": [1, 2, 3]}, "b", "there is no column"),
    "a word": ({"a": [1, 2, 3], "b": ["x", 1, 1]}, "a", "is no number"),
    "a comma": ({"a": [1, 2, 3], "b": ["5,25", 1, 1]}, "a", "write 5.25, with"),
    "empty": ({"a": [1, 2, 3], "b": [None, 1, 1]}, "a", "is empty"),
    "a name": ({"a": [1, 2, "x"], "b": [1, 2, 3]}, "a", "write classes=True"),
}


@pytest.mark.parametrize("case", ROWS)
def test_the_page_knows_what_each_message_wants(case):
    table, target, words = ROWS[case]
    assert words in PAGE.split("## What a message wants")[1]
    with pytest.raises(ValueError, match=words):
        data.from_table(table, target)
