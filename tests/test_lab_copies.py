"""Copies of the labs that readers may change, and labs stripped again."""

import json
import shutil
from pathlib import Path

import lab_copies
import nbformat
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def course(tmp_path):
    """A course with two labs and a copy of each."""
    (tmp_path / "notebooks").mkdir()
    for name in ("losses.ipynb", "dropout.ipynb"):
        shutil.copy(ROOT / "notebooks" / name, tmp_path / "notebooks")
    assert lab_copies.copy(tmp_path) == []
    return tmp_path


def change(notebook, text, cell=3):
    """Write another source into a cell, as a reader does in an editor."""
    found = nbformat.read(notebook, as_version=4)
    found.cells[cell].source = text
    nbformat.write(found, notebook)


def both(course, name):
    """The lab and its copy."""
    return course / "notebooks" / name, course / "my_labs" / name


def test_every_lab_has_a_copy(course):
    for name in ("losses.ipynb", "dropout.ipynb"):
        lab, mine = both(course, name)
        assert mine.read_bytes() == lab.read_bytes()


def test_a_copy_follows_its_lab_until_it_is_changed(course):
    lab, mine = both(course, "dropout.ipynb")
    change(lab, "newer = 1")
    assert lab_copies.copy(course) == []
    assert "newer = 1" in mine.read_text()
    change(mine, "my_own = 2")
    assert lab_copies.copy(course) == []
    change(lab, "newest = 3")
    (sentence,) = lab_copies.copy(course)
    assert sentence.startswith("my_labs/dropout.ipynb has your changes")
    assert "my_own = 2" in mine.read_text()
    assert lab_copies.copy(course) == [sentence]


def test_outputs_are_no_change(course):
    lab, mine = both(course, "losses.ipynb")
    run(mine)
    change(lab, "newer = 1")
    assert lab_copies.copy(course) == []
    assert "newer = 1" in mine.read_text()


def test_a_copy_that_was_there_before_is_kept(course):
    _lab, mine = both(course, "losses.ipynb")
    change(mine, "my_own = 2")
    (course / "my_labs" / lab_copies.MADE).unlink()
    assert len(lab_copies.copy(course)) == 1
    assert "my_own = 2" in mine.read_text()


def run(lab):
    """Leave what Jupyter leaves when it runs and saves a lab."""
    notebook = nbformat.read(lab, as_version=4)
    notebook.metadata.language_info.version = "3.12.1"
    notebook.metadata["toc-autonumbering"] = True
    for count, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.execution_count = count
            cell.outputs = [nbformat.v4.new_output("stream", text="✓ 2.0\n")]
            cell.metadata |= {"execution": {}, "scrolled": True}
    nbformat.write(notebook, lab)


def test_a_stripped_lab_is_as_it_was(course):
    lab, _mine = both(course, "losses.ipynb")
    before = lab.read_bytes()
    assert lab_copies.strip(course) == []
    run(lab)
    assert lab.read_bytes() != before
    assert lab_copies.strip(course) == ["notebooks/losses.ipynb stripped"]
    assert lab.read_bytes() == before


def test_git_ignores_the_copies():
    ignored = (ROOT / ".gitignore").read_text().split()
    assert f"/{lab_copies.FOLDER}/" in ignored


def test_the_labs_of_the_course_are_stripped(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    assert lab_copies.strip(tmp_path) == []
    assert (
        json.loads((tmp_path / "notebooks" / "losses.ipynb").read_text("utf8"))[
            "metadata"
        ]
        == lab_copies.LANGUAGE
    )


def test_root_is_told_what_to_say(course, monkeypatch):
    monkeypatch.setattr(lab_copies.os, "geteuid", lambda: 0)
    with pytest.raises(SystemExit, match="make lab ARGS=--allow-root"):
        lab_copies.open_lab(course)
