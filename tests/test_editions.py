"""Editions: solutions are right, empty exercises say so kindly, and the edition
for students has no solutions.
"""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import editions
import pytest
from lab_exercises import exercises, imports, read_cells, source_of

ROOT = Path(__file__).parents[1]
LABS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OPEN = (
    "✗ Not yet: put your number in place of the dots.\n",
    "returns nothing; write its body.\n",
)


def said(cells, index, space):
    """Return what an exercise's cell prints."""
    heard = io.StringIO()
    with redirect_stdout(heard):
        exec(source_of(cells[index]), space)
    return heard.getvalue()


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_solutions_are_right_and_empty_exercises_are_open(lab):
    cells = read_cells(lab)
    found, solved = exercises(cells), editions.filled(lab)["cells"]
    space = {}
    exec(imports(cells), space)
    for exercise in found:
        assert exercise.number
        text = said(cells, exercise.cell, dict(space))
        assert text.endswith(OPEN) and text.count("\n") == 1, text
        text = said(solved, exercise.cell, dict(space))
        assert text.startswith("✓ Right: ") and text.count("\n") == 1, text


def test_every_check_of_a_lab_belongs_to_an_exercise():
    calls = sum(
        source_of(cell).count(".check_")
        for lab in LABS
        for cell in read_cells(lab)
        if "..." in source_of(cell) and cell["cell_type"] == "code"
    )
    assert calls == sum(len(exercises(read_cells(lab))) for lab in LABS) > 40


def test_only_cells_of_exercises_differ(tmp_path, capsys):
    assert editions.solutions(tmp_path / "solutions") == 0
    assert capsys.readouterr().out.startswith(f"{len(LABS)} labs")
    for lab in LABS:
        own = json.loads(lab.read_text(encoding="utf8"))
        new = json.loads(
            (tmp_path / "solutions" / lab.name).read_text(encoding="utf8")
        )
        for exercise in exercises(own["cells"]):
            cell = new["cells"][exercise.cell]
            assert f"{exercise.check}({exercise.name})" in cell["source"]
            assert cell["source"] != source_of(own["cells"][exercise.cell])
            cell["source"] = own["cells"][exercise.cell]["source"]
        assert new == own


def test_an_exercise_without_a_solution_is_named(tmp_path):
    lab = ROOT / "notebooks" / "gradients.ipynb"
    (tmp_path / "book").mkdir()
    (tmp_path / "tests").mkdir()
    page = (ROOT / "book" / "gradients.md").read_text(encoding="utf8")
    page = page.replace("def my_clip(", "def my_clipping(")
    (tmp_path / "book" / "gradients.md").write_text(page, encoding="utf8")
    answers = (ROOT / "tests" / "answers.toml").read_bytes()
    (tmp_path / "tests" / "answers.toml").write_bytes(answers)
    with pytest.raises(SystemExit, match=r"gradients.ipynb: exercise 3 has no"):
        editions.filled(lab, tmp_path)


def test_no_answer_is_left_over():
    used = {
        (lab.stem, exercise.name)
        for lab in LABS
        for exercise in exercises(read_cells(lab))
        if not editions.on_page(
            (ROOT / "book" / f"{lab.stem}.md").read_text(encoding="utf8"),
            exercise,
        )
    }
    answers = editions.answers(ROOT)
    assert {(lab, name) for lab in answers for name in answers[lab]} == used
