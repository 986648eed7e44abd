"""The exercises of a lab, found in its cells: a name that is left open, and a
call of the check that gets it.
"""

import ast
import json
import re
from pathlib import Path
from typing import NamedTuple

SET_UP = "# @title Set-up"


class Exercise(NamedTuple):
    """One exercise: the cell it stands in, its number on the page, the name
    that it leaves open and the check that gets it, as in ``dr.check_dropout``.
    """

    cell: int
    number: str
    name: str
    check: str

    @property
    def title(self) -> str:
        """The name of the check's function."""
        return self.check.rsplit(".", 1)[-1]


def source_of(cell: dict) -> str:
    """Return the text of a stored cell."""
    return "".join(cell["source"])


def read_cells(lab: Path) -> list[dict]:
    """Return the cells of a stored lab."""
    return json.loads(lab.read_text(encoding="utf8"))["cells"]


def defined(tree: ast.Module, name: str) -> ast.stmt | None:
    """Return the last statement of a cell that gives a name its value."""
    found = None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
        else:
            continue
        found = node if name in names else found
    return found


def call(node: ast.stmt) -> tuple[str, str] | None:
    """Return the check that a statement calls, and the name it gets."""
    match node:
        case ast.Expr(
            ast.Call(ast.Attribute(attr=attr) as func, [ast.Name(name)], [])
        ) if attr.startswith("check_"):
            return ast.unparse(func), name
    return None


def exercises(cells: list[dict]) -> list[Exercise]:
    """Return the exercises of a lab in their order."""
    found = []
    for index, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse(source_of(cell))
        for node in tree.body:
            asked = call(node)
            if asked and defined(tree, asked[1]):
                number = re.search(r"\*\*(\d+)\. ", source_of(cells[index - 1]))
                found.append(
                    Exercise(index, number[1] if number else "", *asked[::-1])
                )
    return found


def imports(cells: list[dict]) -> str:
    """Return the imports of a lab, which are all that its exercises need."""
    lines = []
    for cell in cells:
        text = source_of(cell)
        if cell["cell_type"] == "code" and not text.startswith(SET_UP):
            lines += [
                ast.unparse(node)
                for node in ast.parse(text).body
                if isinstance(node, ast.Import | ast.ImportFrom)
            ]
    return "\n".join(lines)
