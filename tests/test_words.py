"""Words of the pages that only a claim may say: numbers that an experiment
found, and that something makes no difference.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "book").glob("*.md"))
# What is not prose: front matter, explorers, code, formulas, roles, targets.
APART = re.compile(
    r"\A---.*?^---"
    r"|^(`{3,}|:{3,})\{(?:explorer|tested-code|math|bibliography)\}.*?^\1"
    r"|^(`{3,})\w*\n.*?^\2"
    r"|\$\$.*?\$\$|\$[^$]*\$|`[^`\n]+`|(?<=\])\([^)]*\)",
    re.DOTALL | re.MULTILINE,
)
FOUND = re.compile(
    r"[−-]?\d[\d.,]*\s?(?:%|percent|points?\b|-fold|times\b"
    r"|of \d+ (?:seeds|runs|draws))"
)
# Numbers of this form that no experiment found, with what stands around them.
SETTING, BY_HAND, MEANING = "a setting", "hand arithmetic", "what a word means"
TYPED = {
    "augmentation": {"sizes up to 10 %": SETTING},
    "capstone": {
        "95 % interval": MEANING,
        "95 % of experiments": MEANING,
        "20 % of labels": SETTING,
        "4 and 6 points": BY_HAND,
        "3.3 points": BY_HAND,
        "5 points": BY_HAND,
    },
    "dropout": {
        "30 % of the labels": SETTING,
        "90 % and 50 %, is 70 %": BY_HAND,
        "75 %": BY_HAND,
        "2.5 points": "the bound of the claim beside it",
        "answers at 90 %": MEANING,
        "50 % is a coin, 100 % is perfect": MEANING,
        "30 % wrong labels": SETTING,
        "more than 4 points": "the bound of a claim, in an exercise",
        "84 %": "the bound of a claim, in an exercise",
        "60 % wrong ones": SETTING,
    },
    "early_stopping": {
        "40 % of the": SETTING,
        "right in 40 %": BY_HAND,
        "90 % of cases": MEANING,
        "90 % sure": MEANING,
    },
    "ensembles": {
        "40 % wrong labels": SETTING,
        "90 % of what endlessly many": "a question",
    },
    "initialization": {"256 times": SETTING},
    "introduction": {
        "71 %": BY_HAND,
        "more than 50 points": "the bound of the claim above",
        "95 % **interval**": MEANING,
        "20 of 20 seeds": MEANING,
        "95 % intervals": MEANING,
    },
    "losses": {
        "80 % lies within": BY_HAND,
        "30 % at the start": SETTING,
        "98 % of cases": "of the data, by construction",
        "30 % carry": SETTING,
        '"10 %"': MEANING,
        "90 %": MEANING,
        "10 % stay": "of an exercise",
    },
    "optimizers": {"25 times steeper": SETTING},
    "weight_decay": {
        "30 % of the training labels": SETTING,
        "30 % wrong labels": SETTING,
    },
}


def prose(page: Path) -> str:
    """Return the words of a page, all on their lines."""
    text = page.read_text(encoding="utf8")
    return APART.sub(lambda found: "\n" * found[0].count("\n"), text)


def typed(text: str, allowed: dict[str, str]) -> list[str]:
    """Return the numbers that look found and stand in no allowed phrase."""
    for phrase in allowed:
        text = text.replace(phrase, "")
    return [
        text[max(found.start() - 30, 0) : found.end() + 30]
        for found in FOUND.finditer(text)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_number_that_an_experiment_found_is_typed(page):
    allowed, text = TYPED.get(page.stem, {}), prose(page)
    assert typed(text, allowed) == [], "let a {claim} role say it"
    stale = [phrase for phrase in allowed if phrase not in text]
    assert stale == [], "these stand on the page no more: drop them from TYPED"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It gains 3.2 points.", 1),
        ("It gains {claim}`gain`, of $3.2$ points: `3 %`.", 0),
        ("A 980-fold drop in 19 of 20 seeds, 12 times, 4 percent.", 4),
        ("With 200 digits and 560 steps it is 1.5 % worse.", 1),
        ("```python\nx = 3 % 2\n```", 0),
    ],
)
def test_numbers_that_look_found_are_seen(tmp_path, text, count):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf8")
    assert len(typed(prose(page), {})) == count
