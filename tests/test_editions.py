"""Editions: solutions are right, empty exercises say so kindly, and the edition
for students has no solutions.
"""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import editions
import pytest
from lab_exercises import exercises, imports, read_cells, source_of

ROOT = Path(__file__).parents[1]
LABS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SPHINX = [sys.executable, "-m", "sphinx", "-W", "-q"]
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


PAGE = """\
# Toy

```{toctree}
lab
```

**1. By hand.** What is half of 8?

```{dropdown} Solution
It is four.
```

```{dropdown} Aside: more
It stays.
```

````{dropdown} Solution
Nested.

```python
four = 4
```
````

```{quiz}
What is half of 2?

- [x] 1

  It is one.
- [ ] 2

  It is too large.
```
"""


@pytest.fixture
def built(tmp_path):
    """A page in an edition: the process that built it, and its HTML."""
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'book' / '_ext')!r})\n"
        "extensions = ['myst_nb', 'sphinx_design', 'edition', 'quiz']\n"
        "html_theme, nb_execution_mode = 'sphinx_book_theme', 'off'\n"
    )
    (tmp_path / "index.md").write_text(PAGE, encoding="utf8")
    lab = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    text = {"cell_type": "markdown", "metadata": {}, "source": "# Lab"}
    lab["cells"].append({**text, "id": "a"})
    (tmp_path / "lab.ipynb").write_text(json.dumps(lab))

    def build(edition):
        done = subprocess.run(
            [*SPHINX, tmp_path, tmp_path / "html"],
            capture_output=True,
            encoding="utf8",
            env={**os.environ, "COURSE_EDITION": edition},
        )
        return done, tmp_path / "html"

    return build


def test_the_edition_for_students_has_no_solution(built):
    done, html = built("student")
    assert done.returncode == 0, done.stderr
    page = (html / "index.html").read_text(encoding="utf8")
    assert "What is half of 8?" in page
    assert "It stays." in page and "It is too large." in page
    assert "Solution" not in page
    assert "_sources" not in page
    lab = (html / "lab.html").read_text(encoding="utf8")
    assert (
        "_sources/lab.ipynb" in lab and (html / "_sources/lab.ipynb").exists()
    )
    everything = b"".join(
        path.read_bytes()
        for path in html.rglob("*")
        if path.is_file() and ".doctrees" not in path.parts
    )
    assert b"It is four." not in everything and b"Nested" not in everything
    assert b"What is half of 8?" in everything


def test_the_ordinary_site_has_them(built):
    done, html = built("")
    assert done.returncode == 0, done.stderr
    page = (html / "index.html").read_text(encoding="utf8")
    assert page.count("Solution") == 2 and "It is four." in page
    assert "_sources/index.md" in page


def test_another_edition_is_refused(built):
    done, _ = built("studnet")
    assert done.returncode
    said = "COURSE_EDITION is student or unset; got 'studnet'"
    assert said in done.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_ordinary_build_takes_no_edition_from_outside(monkeypatch):
    asked = []
    monkeypatch.setenv("COURSE_EDITION", "student")
    monkeypatch.setenv("COURSE_READ", "")
    monkeypatch.setattr("jupyter_book.sphinx.build_sphinx", print)
    monkeypatch.setattr(
        "jupyter_book.cli.main.main",
        lambda options: asked.append(
            (os.environ["COURSE_EDITION"], "--path-output" in options)
        ),
    )
    editions.build_site.sphinx()
    editions.site()
    assert asked == [("", False), ("student", True)]
