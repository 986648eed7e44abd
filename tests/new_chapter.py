"""Begin a chapter: ``make chapter NAME=label_smoothing``.

Writes its files, and its lines in the table of contents and on the API
pages. They pass every rule, build and run; what is to be written says so.
"""

import json
import re
import sys
from pathlib import Path

import repository
from progress import ROOT, program

PAGE = """\
---
myst:
  html_meta:
    description: What the chapter on <words> shows, in one sentence of its own.
---

# <Words>

*You need:* [overfitting](overfitting.md).
*You will be able to:* say what <words> is worth.

[Run the lab in Colab](<colab>)

## What is the mystery?

To write: something a reader cannot explain yet.

```{diagram} <slug>
```

## One formula

$$
\\bar x = \\frac1n \\sum_i x_i
$$ (eq-<slug>-mean)

```{tested-code} companion.<slug>.mean
```

The mean of a hundred draws is {claim}`<slug>_mean`.

## Exercises

**1. By hand.** What is the mean of 1 and 3?

````{dropdown} Solution
{eq}`eq-<slug>-mean` gives 2:

```python
my_answer = (1 + 3) / 2
```
````

## Quiz

```{quiz}
What does a mean divide by?

- [ ] The largest value

  That gives values of at most 1.
- [x] The number of values

  So it is in their unit.
- [ ] The number of values less one

  A variance does that.
```
"""
MODULE = '''\
"""Functions of the chapter *<words>*."""

from companion.arguments import check_floats
from companion.checks import check_number

__all__ = ["check_two_values", "mean"]


def mean(x):
    r"""Average the entries of x.

    .. math:: \\bar x = \\frac1n \\sum_i x_i

    Args:
        x (Tensor): any shape, floating point.

    Returns:
        Tensor: one number.

    Raises:
        TypeError: if ``x`` is not a tensor of floating-point numbers.

    Example:
        >>> import torch
        >>> mean(torch.tensor([1.0, 3.0]))
        tensor(2.)

    Chapter: <slug>.
    """
    check_floats("x", x)
    return x.sum() / x.numel()


def check_two_values(answer):
    """Exercise by hand: what is the mean of 1 and 3?

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_two_values(4)
        ✗ Not yet: that is the sum; divide it by the number of values.

    Chapter: <slug>.
    """
    hint = "that is the sum; divide it by the number of values"
    return check_number(answer, 2.0, {4.0: hint})
'''
TESTS = '''\
"""companion.<slug> against PyTorch and bad input."""

import pytest
import torch
from exercises import assert_answers

from companion import <slug>


def test_mean_is_torchs():
    x = torch.randn(7, 3, dtype=torch.float64)
    torch.testing.assert_close(<slug>.mean(x), x.mean())


def test_mean_refuses_what_has_no_mean():
    with pytest.raises(TypeError, match="x must be"):
        <slug>.mean([1.0, 2.0])


@pytest.mark.parametrize(
    ("answer", "words"), [(2, "Right"), (4, "that is the sum")]
)
def test_the_exercise_knows_right_and_wrong(answer, words, capsys):
    assert_answers(<slug>.check_two_values, answer, words, capsys)
'''
DRAWING = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 120" width="480" \
fill="none" stroke-width="2.5" font-size="14">
  <title>Two numbers and their mean</title>
  <desc>A line with dots at 1 and 3, and between them a disc at 2.</desc>
  <path d="M40 50H360" stroke="var(--pst-color-border)" stroke-width="1" />
  <circle cx="200" cy="50" r="9" fill="var(--course-one)" />
  <g fill="currentColor">
    <circle cx="100" cy="50" r="5" />
    <circle cx="300" cy="50" r="5" />
    <text x="100" y="84" text-anchor="middle">1</text>
    <text x="200" y="84" text-anchor="middle">2, the mean</text>
    <text x="300" y="84" text-anchor="middle">3</text>
  </g>
</svg>
"""
API = """\
# `companion.<slug>`

```{eval-rst}
.. automodule:: companion.<slug>
   :members:
   :ignore-module-all:
   :member-order: bysource
```
"""
OPENING = """\
# What is <words> worth?

[The chapter on the web](<site>book/<slug>.html) · [the chapter here]\
(../book/<slug>.md) · [open in Colab](<colab>)"""
FRAME = """\
**You will do:** one experiment over some seeds.

**You will learn:** what <words> is worth.

**You need:** the chapter, and a kernel with PyTorch."""
EXPERIMENT = """\
import torch

from companion import data, <slug>
from companion.claims import claim
from companion.training import course_seeds

SEEDS = course_seeds(20)"""
CLAIM = """\
draws = [
    torch.randn(100, generator=data.generator(seed, "draws")) for seed in SEEDS
]
claim(
    "<slug>_mean",
    "The mean of a hundred normal numbers is",
    torch.stack([<slug>.mean(x) for x in draws]),
    within=(-0.3, 0.3),
)"""
MUTANT = """\
[[mutant]]
claims = ["<slug>_mean"]
why = "draws around 1"
old = '''torch.randn(100,'''
new = '''1 + torch.randn(100,'''
"""
TURN = """\
## Your turn

The numbers are those of the chapter.

**1. By hand.** What is the mean of 1 and 3?"""
EXERCISE = """\
my_answer = ...
<slug>.check_two_values(my_answer)"""
SUMMARY = """\
## Summary

To write: what was found, in sentences that stand alone."""


def filled(text: str, slug: str, url: str, at: str) -> str:
    """Return a template with the chapter's names and addresses in it."""
    words = slug.replace("_", " ")
    blob = f"{repository.name_of(url)}/blob/{at}/notebooks/{slug}.ipynb"
    for mark, value in {
        "<slug>": slug,
        "<words>": words,
        "<Words>": words.capitalize(),
        "<site>": repository.site(url),
        "<colab>": f"https://colab.research.google.com/github/{blob}",
    }.items():
        text = text.replace(mark, value)
    return text


def notebook(slug: str, url: str, at: str) -> str:
    """Return the text of the new lab."""
    kinds = ["markdown"] * 2 + ["code"] * 3 + ["markdown", "code", "markdown"]
    texts = [OPENING, FRAME, "", EXPERIMENT, CLAIM, TURN, EXERCISE, SUMMARY]
    cells = []
    for number, (kind, text) in enumerate(zip(kinds, texts, strict=True)):
        source = filled(text, slug, url, at).splitlines(keepends=True)
        cell = {"cell_type": kind, "id": f"cell-{number:02}", "metadata": {}}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append({**cell, "source": source})
    cells[4]["metadata"] = {"tags": ["nbval-check-output"]}
    lab = {
        "cells": [dict(sorted(cell.items())) for cell in cells],
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return repository.with_set_up(url, json.dumps(lab), at)


def insert(path: Path, line: str, before: str) -> None:
    """Put lines into a file before the first line that begins as given."""
    old = path.read_text(encoding="utf8")
    new = re.sub(
        rf"^{re.escape(before)}",
        lambda found: line + found[0],
        old,
        count=1,
        flags=re.MULTILINE,
    )
    if new == old:
        sys.exit(f"{path.name} has no line that begins with {before!r}")
    path.write_text(new, encoding="utf8", newline="\n")


def main(slug: str, root: Path = ROOT) -> int:
    """Write the chapter; an existing file is never written over."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", slug):
        sys.exit(
            "NAME is a word for file and module, lower case, such as"
            f" label_smoothing; got {slug!r}"
        )
    url, at = repository.address(root), repository.branch(root)
    texts = {
        f"book/{slug}.md": PAGE,
        f"book/api/{slug}.md": API,
        f"book/diagrams/{slug}.svg": DRAWING,
        f"companion/{slug}.py": MODULE,
        f"tests/test_{slug}.py": TESTS,
        f"tests/mutants/{slug}.toml": MUTANT,
    }
    files = {name: filled(text, slug, url, at) for name, text in texts.items()}
    files[f"notebooks/{slug}.ipynb"] = notebook(slug, url, at)
    for name in files:
        if (root / name).exists():
            sys.exit(f"{name} is there already; nothing was written")
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf8", newline="\n")
        print(f"{name} written")
    insert(
        root / "_toc.yml",
        f"      - file: book/{slug}\n        sections:\n"
        f"          - file: notebooks/{slug}\n",
        "  - caption: Back matter",
    )
    insert(
        root / "_toc.yml",
        f"          - file: book/api/{slug}\n",
        "          - file: book/api/data",
    )
    insert(
        root / "book" / "api.md",
        f"- [`companion.{slug}`](api/{slug}.md): to write, what it is for.\n\n",
        "## Modules that all chapters share",
    )
    print("_toc.yml and book/api.md changed. Next: make one LAB=" + slug)
    return 0


if __name__ == "__main__":
    program(lambda: main(*sys.argv[1:2] or [""]))
