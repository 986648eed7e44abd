"""Mutants of a tiny lab, and the rule that every claim of a page has one."""

from pathlib import Path

import labs
import mutate_claims
import nbformat
import pytest
from mutate_claims import Mutant

FIRST = """
from companion.claims import claim, claim_factor
from companion.plots import figure, show

grow, size = 2, 1
values = [grow + i / 10 for i in range(10)]
"""
SECOND = """
assert grow == 2
show(figure()[0], "")
claim("grows", "It grows by", values, above=1)
claim("small", "It is at most", values, below=100)
claim_factor("ratio", "Its factor is", [v * size for v in values], above=1)
"""
LATER = """
1 / 0
claim("later", "Later it is", values, above=1)
"""
GROWS = Mutant(["grows"], "no growth", "grow, size = 2", "grow, size = 0")
SMALL = Mutant(["small"], "no growth at all", "i / 10", "i / 20")
RATIO = Mutant(["ratio"], "no size", "[v * size", "[v * 0")


def write(path: Path, *cells: str) -> Path:
    """Write a lab of code cells."""
    new = nbformat.v4.new_notebook()
    new.cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    nbformat.write(new, path)
    return path


@pytest.fixture
def lab(tmp_path):
    """A course with one lab; its page names all claims but the last."""
    (tmp_path / "book").mkdir()
    page = "{claim}`grows` {claim}`small` {claim}`ratio`"
    (tmp_path / "book" / "toy.md").write_text(page)
    return write(tmp_path / "toy.ipynb", FIRST, SECOND, LATER)


def run(lab: Path, *mutants: Mutant, exempt: str = "") -> int:
    """Write the mutants' file, and run them."""
    text = "".join(
        f"[[mutant]]\nclaims = {each.claims}\nwhy = {each.why!r}\n"
        f"old = {each.old!r}\nnew = {each.new!r}\nrun = {each.run}\n"
        for each in mutants
    )
    (lab.parent / "toy.toml").write_text(text + exempt)
    here = lab.parent
    return mutate_claims.main([lab], here, here / "runs", here)


def test_a_claim_is_killed_survives_or_is_not_made(lab, capsys):
    assert run(lab, GROWS, SMALL, RATIO) == 1
    said = capsys.readouterr().out
    assert "toy: mutants killed 1 of 3 claims" in said
    assert "  small: survived; no growth at all" in said
    assert "  ratio: not made; no size" in said
    assert "grows:" not in said and "later" not in said
    assert "a cell failed" not in said  # no assertion, no figure, no later cell


def test_an_error_of_a_cell_is_no_kill_and_is_named(lab, capsys):
    wrong = GROWS._replace(new="grow, size = 1 / 0")
    assert run(lab, wrong, exempt="[exempt]\nsmall = 'x'\nratio = 'x'\n") == 1
    said = capsys.readouterr().out
    assert "  grows: not made; no growth" in said
    assert "a cell failed: ZeroDivisionError" in said


def test_all_killed_is_a_success_and_runs_are_apart(lab, capsys):
    again = Mutant(["small"], "huge", "grow, size = 2", "grow, size = 200", 2)
    exempt = "[exempt]\nratio = 'holds by definition'\n"
    assert run(lab, GROWS, again, exempt=exempt) == 0
    said = capsys.readouterr().out
    assert "toy: mutants killed 2 of 3 claims, 1 need none" in said


def test_a_claim_of_a_page_without_a_mutant_is_named(lab, capsys):
    assert run(lab, GROWS) == 1
    assert "  no mutant for ratio, small" in capsys.readouterr().out
    (lab.parent / "toy.toml").unlink()
    here = lab.parent
    assert mutate_claims.main([lab], here, here / "runs", here) == 1
    assert "  no mutants yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mutant", "words"),
    [
        (GROWS._replace(old="grow = 3"), "stands 0 times in the lab"),
        (GROWS._replace(old="claim("), "stands 3 times in the lab"),
        (GROWS._replace(claims=["grwos"]), "there is no claim 'grwos'"),
        (SMALL._replace(old="size = 2, 1"), "overlaps with another"),
    ],
)
def test_a_mutant_that_does_not_fit_its_lab_is_named(
    lab, capsys, mutant, words
):
    assert run(lab, GROWS, mutant) == 1
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("path", labs.find_labs(), ids=lambda path: path.stem)
def test_every_claim_of_a_page_has_a_mutant_that_fits(path):
    found = mutate_claims.read(path.stem)
    assert mutate_claims.faults(path, found) == []
    wanted = mutate_claims.story(path.stem)
    assert wanted
    assert mutate_claims.without(found, wanted) == []
    assert all(len(reason) > 20 for reason in found.exempt.values())


def test_mutants_of_one_cell_do_not_change_each_other(lab):
    pair = [
        GROWS._replace(old="grow, size", new="size, grow"),
        GROWS._replace(old="values =", new="grow, size, values ="),
    ]
    cell = mutate_claims.mutate(lab, pair).cells[1].source
    assert "\nsize, grow = 2" in cell and "\ngrow, size, values =" in cell
