"""Cells of labs are run again and out of order, at a quick pace too, and
exercises are looked up on the page: no name means two things, no number two
exercises, and none counts seeds.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
LABS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PARTS = ("listcomp", "genexpr", "setcomp", "dictcomp", "lambda")


def code_cells(lab: Path) -> dict[int, str]:
    """Return the code cells of a lab by place, without the set-up cell."""
    notebook = nbformat.read(lab, as_version=4)
    return {
        place: cell.source
        for place, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        and "hide-input" not in cell.metadata.get("tags", [])
    }


# No name means two things -----------------------------------------------------


def statements(body: list[ast.stmt]) -> Iterator[tuple[list, list, str]]:
    """Yield, in the order in which they run, what a cell reads and binds: nodes
    that are read, nodes that are bound, and the text of what is bound.
    """
    for line in body:
        text = ast.unparse(line)
        if isinstance(line, ast.For):
            yield [line.iter], [line.target], text
        elif isinstance(line, ast.With):
            items = line.items
            names = [i.optional_vars for i in items if i.optional_vars]
            yield [i.context_expr for i in items], names, text
        elif isinstance(line, ast.If | ast.While):
            yield [line.test], [], text
        else:
            yield [line], [line], text
            continue
        yield from statements(line.body + getattr(line, "orelse", []))


def names(nodes: list[ast.AST], kind: type) -> list[str]:
    """Return the names that nodes read or bind, those of comprehensions and
    lambdas left out.
    """
    found, inner = [], set()
    for node in nodes:
        for each in ast.walk(node):
            if isinstance(each, ast.comprehension):
                targets = ast.walk(each.target)
                inner |= {n.id for n in targets if isinstance(n, ast.Name)}
            elif isinstance(each, ast.Lambda):
                inner |= {arg.arg for arg in each.args.args}
            elif isinstance(each, ast.Name) and isinstance(each.ctx, kind):
                found.append(each.id)
    return [name for name in found if name not in inner]


def globals_of(table: symtable.SymbolTable) -> set[str]:
    """Return the names that the functions of a cell take from outside."""
    found = set()
    for child in table.get_children():
        if child.get_name() not in PARTS:
            symbols = child.get_symbols()
            found |= {s.get_name() for s in symbols if s.is_global()}
        found |= globals_of(child)
    return found


def uses(source: str) -> tuple[set[str], dict[str, str], dict[str, set[str]]]:
    """Return the names that a cell takes from others, what it binds with the
    text that binds it, and of each of its functions the names from outside.
    """
    taken, bound, inside = set(), {}, {}
    for read, written, text in statements(ast.parse(source).body):
        line = written[0] if written else None
        if isinstance(line, ast.FunctionDef | ast.ClassDef):
            table = symtable.symtable(text, "cell", "exec")
            inside[line.name] = globals_of(table) - set(dir(builtins))
            bound[line.name] = text
            continue
        if isinstance(line, ast.Import | ast.ImportFrom):
            for alias in line.names:
                name = (alias.asname or alias.name).split(".")[0]
                bound[name] = text
            continue
        taken |= set(names(read, ast.Load)) - bound.keys()
        if isinstance(line, ast.AugAssign):
            taken |= set(names([line.target], ast.Store)) - bound.keys()
        for name in names(written, ast.Store):
            bound[name] = bound.get(name, "") + text
    for outside in inside.values():
        taken |= outside - bound.keys()
    return taken, bound, inside


def ambiguous(cells: dict[int, str]) -> list[str]:
    """Say which names a cell takes from others though several cells give them
    different meanings: what it gets depends on which of them ran last.
    """
    used = {place: uses(source) for place, source in cells.items()}
    taken = {place: set(found) for place, (found, _, _) in used.items()}
    for place, (_, _, inside) in used.items():
        for function, outside in inside.items():
            called = any(
                function in found
                for other, found in taken.items()
                if other != place
            )
            if called:  # the function looks its names up when it is called
                taken[place] |= outside
    found = []
    for name in sorted({n for _, bound, _ in used.values() for n in bound}):
        places = {p: used[p][1][name] for p in used if name in used[p][1]}
        readers = [place for place, names in taken.items() if name in names]
        if len(set(places.values())) > 1 and readers:
            found.append(
                f"{name!r} is bound in the cells {sorted(places)} and read in"
                f" {readers}; give it one meaning"
            )
    return found


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_a_cell_takes_no_name_with_two_meanings(lab):
    found = ambiguous(code_cells(lab))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "cells",
    [
        ["x = 1", "print(x)", "x = 2"],
        ["x = 1", "x = x + 1"],
        ["x = 1", "x += 1"],
        ["for x in y:\n    print(x)", "x = 2", "print(x)"],
        ["x = 1", "if True:\n    x = 2", "print(x)"],
        ["x = 1", "def f():\n    return x", "x = 2"],
        ["x = 1\ndef f():\n    return x", "x = 2", "f()"],
        ["import x", "x = 2", "x"],
        ["with a as x:\n    x", "x = 2", "x"],
        ["a, (b, x) = y", "x = 2", "[x for b in y]"],
    ],
)
def test_a_name_with_two_meanings_is_named(cells):
    (found,) = ambiguous(dict(enumerate(cells)))
    assert found.startswith("'x' is bound in the cells [")


@pytest.mark.parametrize(
    "cells",
    [
        ["x = 1\nprint(x)", "x = 2\nprint(x)"],
        ["x = 1", "print(x)", "x = 1"],
        ["x = 1", "[x for x in y]", "f = lambda x: x", "print(x)"],
        ["x = 1\nx = x + 1", "print(x)"],
        ["def f():\n    x = 1\n    return x", "x = 2", "print(x)", "f()"],
        ["x = 1\ndef f():\n    return x\nf()", "x = 2\nprint(x)"],
    ],
)
def test_names_that_stay_in_their_cell_are_free(cells):
    assert not ambiguous(dict(enumerate(cells)))


# No number counts seeds -------------------------------------------------------

TYPED = re.compile(
    r"(?<![\d.-])(ten|twelve|sixteen|twenty|thirty|forty|fifty|sixty|eighty"
    r"|hundred|[1-9]\d+)( [a-z-]+)?\s+(seeds|splits|dots|runs|networks"
    r"|regressions)\b",
    re.IGNORECASE,
)


def typed_counts(source: str) -> list[str]:
    """Return the counts of seeds that the strings of a cell spell out: at the
    quick pace there are fewer.
    """
    texts = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [found[0] for text in texts for found in TYPED.finditer(text)]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_what_a_lab_says_takes_the_number_of_seeds_from_its_list(lab):
    found = [
        f"cell {place}: {count!r}; take the number from the list of seeds"
        for place, source in code_cells(lab).items()
        for count in typed_counts(source)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('show(fig, "Twenty dots" " and a mean.")', ["Twenty dots"]),
        ('f"{share} of 20 random networks"', ["20 random networks"]),
        ('def f():\n    """Of ten\n  seeds."""', ["ten\n  seeds"]),
        ('f"{len(TWENTY)} dots, five networks, PQ 2 runs"', []),
        ('"up to rate 0.10 runs lie together"  # of 20 seeds', []),
    ],
)
def test_typed_counts_of_seeds_are_found(source, found):
    assert typed_counts(source) == found


# No number means two exercises ------------------------------------------------


def exercises(text: str) -> dict[int, tuple[str, set[str]]]:
    """Return the kind and the words of each numbered exercise."""
    parts = re.split(r"^\*\*(\d+)\. ([^*]+)\.\*\*", text, flags=re.MULTILINE)
    return {
        int(number): (
            "In code" if kind.startswith("Find the") else kind,
            set(re.findall(r"\w{3,}", body.lower())),
        )
        for number, kind, body in zip(
            parts[1::3], parts[2::3], parts[3::3], strict=True
        )
    }


def misnumbered(page: str, lab: str) -> list[str]:
    """Say which exercises of a lab carry the number of another one of the page,
    or a number between those of the page.
    """
    on_page, found = exercises(page), []
    for number, (kind, words) in exercises(lab).items():
        if number > max(on_page):
            continue
        its_kind, its_words = on_page.get(number, ("none", set()))
        if kind != its_kind:
            found.append(
                f"exercise {number}: {kind!r} in the lab, {its_kind!r} on the"
                " page"
            )
        elif kind == "Design" and len(words & its_words) < len(words) / 2:
            found.append(f"exercise {number} is another design than the page's")
    return found


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_exercises_have_the_numbers_of_the_page(lab):
    page = (ROOT / f"book/{lab.stem}.md").read_text(encoding="utf8")
    page = page.split("\n## Exercises\n")[1].split("\n## ")[0]
    notebook = nbformat.read(lab, as_version=4)
    text = "\n\n".join(
        cell.source for cell in notebook.cells if cell.cell_type == "markdown"
    )
    text = text.split("## Your turn\n")[1].split("\n## ")[0]
    found = misnumbered(page, text)
    assert not found, "\n".join(found)
    numbers = list(exercises(text))
    assert numbers == sorted(numbers) and numbers[0] == 1


def test_exercises_with_the_numbers_of_others_are_named():
    page = (
        "**1. By hand.** Add seven and eight.\n\n**2. Design.** Race two"
        " optimizers, fairly.\n\n**4. Find the bugs.** Grow a tree."
    )
    assert not misnumbered(page, "**2. Design.** Race two optimizers")
    assert not misnumbered(page, "**4. In code.** Grow it")
    assert not misnumbered(page, "**5. Design.** Halve the rate")
    assert misnumbered(page, "**1. In code.** Add seven and eight") == [
        "exercise 1: 'In code' in the lab, 'By hand' on the page"
    ]
    assert misnumbered(page, "**2. Design.** Halve the rate") == [
        "exercise 2 is another design than the page's"
    ]
    assert misnumbered(page, "**3. Break it.** Halve the rate") == [
        "exercise 3: 'Break it' in the lab, 'none' on the page"
    ]
