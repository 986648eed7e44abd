"""A chapter that begins with ``make chapter`` keeps every rule."""

import ast
import importlib.util
import os
import subprocess
import sys

import new_chapter
import one_chapter
import pytest
import test_repository as rules
from kept_files import copy_kept_files
from progress import ROOT

SLUG = "label_smoothing"
# What asks every lab, page and module.
EVERY = ["editions", "lab_cells", "repository", "words"]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course with one chapter more."""
    folder = tmp_path_factory.mktemp("course")
    copy_kept_files(ROOT, folder)
    assert new_chapter.main(SLUG, folder) == 0
    return folder


def test_a_new_chapter_keeps_the_rules(course):
    assert SLUG in rules.chapters(course)
    lab = course / "notebooks" / f"{SLUG}.ipynb"
    page = course / "book" / f"{SLUG}.md"
    assert rules.missing_files(course) == []
    assert rules.misplaced_labs(course) == []
    assert rules.disorder(lab) == []
    assert rules.wrong_addresses(course) == []
    assert rules.unknown_claims(course) == []
    assert rules.guessable_quizzes(course) == []
    assert rules.bare_pages(course) == []
    assert rules.dangling(course) == []
    assert rules.named_claims(page) == [(SLUG, f"{SLUG}_mean")]
    assert rules.made(rules.read_lab(lab)[3:5]) == [f"{SLUG}_mean"]


def test_a_new_chapter_has_a_module_that_is_documented(course):
    path = course / "companion" / f"{SLUG}.py"
    spec = importlib.util.spec_from_file_location(f"companion.{SLUG}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    api = (course / "book" / "api" / f"{SLUG}.md").read_text()
    assert rules.undocumented(module, api) == []
    index = (course / "book" / "api.md").read_text(encoding="utf8")
    assert f"[`companion.{SLUG}`](api/{SLUG}.md)" in index


def test_a_new_chapter_has_tests_and_tidy_code(course):
    parts = [f"companion/{SLUG}.py", f"tests/test_{SLUG}.py"]
    ruff = [sys.executable, "-m", "ruff"]
    for what in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [*ruff, *what, *parts, f"notebooks/{SLUG}.ipynb"],
            cwd=course,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
    tests = ast.parse((course / parts[1]).read_text())
    assert sum(isinstance(node, ast.FunctionDef) for node in tests.body) == 3


def test_a_new_chapter_passes_what_every_chapter_is_asked(course):
    files = [f"tests/test_{name}.py" for name in (SLUG, *EVERY)]
    files.append(f"companion/{SLUG}.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *files, "-k", SLUG],
        cwd=course,
        env={**os.environ, "PYTHONPATH": str(course)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_no_file_is_written_over(course):
    before = (course / "_toc.yml").read_text()
    with pytest.raises(SystemExit, match=f"book/{SLUG}.md is there already"):
        new_chapter.main(SLUG, course)
    assert (course / "_toc.yml").read_text() == before


@pytest.mark.parametrize("name", ["", "Label", "1st", "a b", "../x", "a_"])
def test_a_name_that_is_no_module_is_refused(name, course):
    with pytest.raises(SystemExit, match="NAME is a word"):
        new_chapter.main(name, course)


def test_one_chapter_names_the_labs_there_are():
    with pytest.raises(
        SystemExit, match=r"LAB is one of augmentation, .*'lab'"
    ):
        one_chapter.main("lab")


def test_one_chapter_checks_what_belongs_to_it():
    parts = ["companion/dropout.py", "notebooks/dropout.ipynb"]
    style, form, tests, every = one_chapter.commands(parts)
    assert style[-2:] == form[-2:] == parts
    assert tests[-1] == "companion/dropout.py"
    assert "notebooks/dropout.ipynb" not in tests
    assert every[-len(one_chapter.RULES) :] == one_chapter.RULES
