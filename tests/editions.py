"""Editions of the course from one source.

``python tests/editions.py solutions`` writes the labs with their exercises
solved into ``_build/solutions``: code comes from the solutions of the pages,
the rest from ``tests/answers.toml``. ``python tests/editions.py student``
writes the site without solutions and the labs as they are into
``_build/student``.
"""

import ast
import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import build_site
import labs
from lab_exercises import Exercise, defined, exercises, source_of
from progress import LOG, ROOT, alone, check_pace, check_seed, program

SOLUTIONS = ROOT / "_build" / "solutions"
STUDENT = ROOT / "_build" / "student"


# Solutions --------------------------------------------------------------------


def on_page(page: str, exercise: Exercise) -> str | None:
    """Return the code of a page's solution that defines the wanted name."""
    text = re.search(
        rf"^\*\*{exercise.number}\. (?:(?!^\*\*\d+\. |^## ).*\n)*?"
        r"(`{3,})\{dropdown\} Solution\n([\s\S]*?)^\1$",
        page,
        re.MULTILINE,
    )
    if text is None:
        return None
    for code in re.findall(
        r"^```python\n([\s\S]*?)^```$", text[2], re.MULTILINE
    ):
        node = defined(ast.parse(code), exercise.name)
        if node:
            return ast.get_source_segment(code, node)
    return None


def answers(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """Return what no page has as code, by lab and name."""
    file = root / "tests" / "answers.toml"
    return tomllib.loads(file.read_text(encoding="utf8"))


def solution(lab: Path, exercise: Exercise, root: Path = ROOT) -> str:
    """Return the statement that answers an exercise."""
    page = (root / "book" / f"{lab.stem}.md").read_text(encoding="utf8")
    code = on_page(page, exercise)
    if code:
        return code
    code = answers(root).get(lab.stem, {}).get(exercise.name, "").strip()
    if not code:
        sys.exit(
            f"{lab.name}: exercise {exercise.number} has no solution. Define"
            f" {exercise.name} in its solution in book/{lab.stem}.md, or under"
            f" [{lab.stem}] in tests/answers.toml."
        )
    return code if code.startswith("def ") else f"{exercise.name} = {code}"


def fill(source: str, name: str, code: str) -> str:
    """Put a solution in place of the statement that leaves its name open."""
    node = defined(ast.parse(source), name)
    lines = source.splitlines()
    lines[node.lineno - 1 : node.end_lineno] = code.splitlines()
    return "\n".join(lines)


def filled(lab: Path, root: Path = ROOT) -> dict:
    """Return a lab with all its exercises solved."""
    notebook = json.loads(lab.read_text(encoding="utf8"))
    for exercise in exercises(notebook["cells"]):
        cell = notebook["cells"][exercise.cell]
        code = solution(lab, exercise, root)
        cell["source"] = fill(source_of(cell), exercise.name, code)
    return notebook


def solutions(target: Path = SOLUTIONS, root: Path = ROOT) -> int:
    """Write every lab with its exercises solved."""
    found = {
        lab.name: filled(lab, root)
        for lab in sorted((root / "notebooks").glob("*.ipynb"))
    }
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name, notebook in found.items():
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        (target / name).write_text(text, encoding="utf8", newline="\n")
    print(f"{len(found)} labs with solutions: {target}")
    return 0


# Without solutions ------------------------------------------------------------


def student() -> int:
    """Write the site without solutions, and the labs, whose exercises are open
    as they are stored.
    """
    check_seed()
    check_pace()
    with alone():
        if labs.main("execute"):
            return 1
        command = [sys.executable, __file__, "site"]
        shutil.rmtree(STUDENT, ignore_errors=True)
        if not build_site.write_pages(command, LOG / "student.log"):
            return 1
        built = STUDENT / "_build"
        (built / "html").rename(STUDENT / "site")
        shutil.rmtree(built)
        (STUDENT / "notebooks").mkdir()
        for lab in labs.find_labs():
            shutil.copy(lab, STUDENT / "notebooks" / lab.name)
    print(f"The edition for students is at {STUDENT / 'site' / 'index.html'}")
    print(f"Its labs are in {STUDENT / 'notebooks'}")
    return 0


def site() -> int:
    """Build that site; every page is read anew."""
    return build_site.sphinx(edition="student", output=STUDENT)


if __name__ == "__main__":
    what = {"solutions": solutions, "student": student, "site": site}
    program(what[sys.argv[1]])
