"""Words of the pages that only a claim may say: numbers that an experiment
found, and that something makes no difference.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "book").glob("*.md"))
# What is not prose: choices, which are guesses, formulas, code, targets.
APART = re.compile(
    r"^- \[[ x]\][^\n]*"
    r"|\$\$.*?\$\$|\$[^$]*\$|`[^`\n]+`|(?<=\])\([^)]*\)",
    re.DOTALL | re.MULTILINE,
)
FENCE = re.compile(r"(`{3,}|:{3,})(.*)")
UNREAD = ("{explorer}", "{tested-code}", "{math}", "{bibliography}")
# Parts of a setting, wherever they stand.
SETTINGS = re.compile(
    r"95 %\s\W*(?:intervals?|bands?)|\d+ %\s+wrong\s+labels"
    r"|\d+ % of (?:its|the|them|\d+)[\w\s]*?\s(?:wrong|random)\b"
)
FOUND = re.compile(
    r"[−-]?\d[\d.,]*\s?(?:%|percent|points?\b|-fold|times\b"
    r"|of \d+ (?:seeds|runs|draws))"
)
# Numbers of this form that no experiment found, with what stands around them.
SETTING, BY_HAND = "a setting", "hand arithmetic"
MEANING, EXERCISE = "what a word means", "of an exercise"
TYPED = {
    "augmentation": {
        "sizes up to 10 %": SETTING,
        "begins at 86 %": "of an axis",
        "30 % of them mislabelled": SETTING,
    },
    "backpropagation": {"32 times too long": BY_HAND},
    "batch_norm": {"gets 95 % of": EXERCISE, "12 % when": EXERCISE},
    "capstone": {
        "95 % of experiments": MEANING,
        "95 times in 100": MEANING,
        "more than 99 % of": "what the claim beside it counts",
        "70 %": BY_HAND,
        "20 % of labels": SETTING,
        "10 points": BY_HAND,
        "20 points": BY_HAND,
        "4 and 6 points": EXERCISE,
        "3.3 points": EXERCISE,
        "5 points": EXERCISE,
    },
    "dropout": {
        "30 % of the labels": SETTING,
        "30 % are wrong": SETTING,
        "90 % and 50 %, is 70 %": BY_HAND,
        "75 %": BY_HAND,
        "answers at 90 %": MEANING,
        "50 % is a coin, 100 % is perfect": MEANING,
        "more than 4 points": EXERCISE,
        "84 %": EXERCISE,
        "60 % wrong ones": SETTING,
    },
    "early_stopping": {
        "40 % of the": SETTING,
        "40 % of all labels wrong": SETTING,
        "right in 40 %": BY_HAND,
        "90 % of cases": MEANING,
        "90 % sure": MEANING,
        "about 90 %, …": EXERCISE,
    },
    "ensembles": {
        "90 % of what endlessly many": EXERCISE,
        "95 % of that": EXERCISE,
        "five 80 %, ten 90 %": BY_HAND,
        "40 % wrong ones": SETTING,
        "guessing gets 10 %": BY_HAND,
    },
    "gradient_descent": {"the middle 80 %": "what a band shows"},
    "gradients": {"nearly 5 % per step": BY_HAND},
    "initialization": {"256 times": SETTING},
    "introduction": {
        "71 %": BY_HAND,
        "more than 50 points": "the bound of the claim above",
        "20 of 20 seeds": MEANING,
    },
    "losses": {
        "80 % lies within": BY_HAND,
        "promises 80 %": MEANING,
        "30 % at the start": SETTING,
        "98 % of cases": "of the data, by construction",
        "fewer than 1 %": "the bound of the claim beside it",
        "for 10 %": MEANING,
        "30 % carry": SETTING,
        '"10 %"': MEANING,
        "90 %": MEANING,
        "10 % stay": EXERCISE,
        "95 times in 100": EXERCISE,
        "60 % of the far ones": EXERCISE,
    },
    "optimizers": {"25 times steeper": SETTING, "1.9 times": BY_HAND},
    "overfitting": {
        "guessing gets 90 %": BY_HAND,
        "a guess gets 10 %": BY_HAND,
        "20 points": "data points",
        "320 points": "data points",
        "3 % error": EXERCISE,
    },
    "weight_decay": {
        "30 % of the training labels": SETTING,
        "40 points": "data points",
        "(Guessing gets 10 %": BY_HAND,
        "less than 3 points": "the bound of the claim beside it",
        "2 % of a weight": BY_HAND,
        "about 4 % of the": BY_HAND,
        "log shows 3 %": EXERCISE,
    },
}
# Words that promise an absence, and where they promise nothing of the kind.
ABSENT = re.compile(
    r"(?i)\b(?:no (?:effect|difference|gain)\b|makes? no difference|unchanged"
    r"|does(?: not|n't) help|null\b)"
)
CLAIM = re.compile(r"\{claim\}`(?:(\w+)/)?(\w+)(?::\w+)?`")
PROMISES_NOTHING = {
    "backpropagation": ["and that does not help."],
    "capstone": ["So the null belongs to this company"],
    "introduction": ["or a null; another draw"],
    "losses": ["or clamping the probability, does not help."],
}


def absences(page: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return every sentence of a page that says that something is absent, and
    the claims in it, each with its lab. Questions, sayings that are judged, and
    what is quoted promise nothing.
    """
    text = CLAIM.sub(lambda it: f"<{it[1] or page.stem}/{it[2]}>", told(page))
    text = APART.sub("", text)
    text = re.sub(r"\"(?:[^\"\n]|\n(?!\n))*\"", "", text)
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z<])|\n\s*\n", text)
    return [
        (" ".join(each.split()), re.findall(r"<(\w+)/(\w+)>", each))
        for each in sentences
        if ABSENT.search(each)
        and not each.rstrip().endswith("?")
        and not any(
            phrase in " ".join(each.split())
            for phrase in PROMISES_NOTHING.get(page.stem, [])
        )
    ]


def told(page: Path) -> str:
    """Return a page without its front matter, its code and explorers, and the
    options of directives.
    """
    text = page.read_text(encoding="utf8")
    text = re.sub(r"\A---.*?^---", "", text, flags=re.DOTALL | re.MULTILINE)
    kept, fences = [], []
    for line in text.splitlines():
        fence = FENCE.match(line)
        skipped = any(skip for _, skip in fences)
        closes = fence and fences and fence[0].rstrip() == fences[-1][0]
        if closes:
            fences.pop()
            kept.append("")
        elif fence and not skipped:
            name = (fence[2].split() or [""])[0]
            code = not name.startswith("{")
            fences.append((fence[1], code or name in UNREAD))
            saying = name == "{misconception}"  # it is judged
            kept += ["", "" if saying else fence[2].removeprefix(name), ""]
        elif not skipped and not re.match(r":[\w-]+: |%", line):
            kept.append(line)
    assert not fences, f"{page.name}: a fence stays open"
    return "\n".join(kept)


def prose(page: Path) -> str:
    """Return the words of a page, on one line."""
    return " ".join(APART.sub("", told(page)).split())


def typed(text: str, allowed: dict[str, str]) -> list[str]:
    """Return the numbers that look found and stand in no allowed phrase."""
    text = SETTINGS.sub("", text)
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
        ("```python\nx = 3 % 2\n```\nIt is 3 % worse.", 1),
        ("```{note} A\nIt is 3 % worse.\n```\nBy 3 points.", 2),
    ],
)
def test_numbers_that_look_found_are_seen(tmp_path, text, count):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf8")
    assert len(typed(prose(page), {})) == count
