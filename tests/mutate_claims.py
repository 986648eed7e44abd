"""Run every lab with small mistakes in its experiments, and list the claims
that hold nevertheless: ``make mutate-claims``, with ``LABS="dropout losses"``
only these.

``tests/mutants/<lab>.toml`` holds the mistakes, the mutants. Each replaces a
text that stands once in the lab's code, and names the claims that must be false
then. Mutants of a lab run together, so they lie in different experiments; where
two would meet, ``run = 2`` puts one into a second execution. A claim that a
page names and no mutant kills stands in ``[exempt]``, with the reason.

In a mutated lab a false claim is recorded and does not end its cell, assertions
are left out, and figures are not shown. The exit status is 1 if a claim held
nevertheless, was not made, or has no mutant.
"""

import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import labs
import nbformat
import replicate
from claim_names import made, named_claims
from progress import ROOT, alone, check_pace, program

FOLDER = ROOT / "tests" / "mutants"
RUNS = ROOT / "_build" / "mutants"
# What comes before the first cell of a mutated lab.
RECORD_ONLY = """
import ast as _ast
import companion.claims as _claims
import companion.plots as _plots


def _only_record(claim):
    def call(name, *args, **settings):
        try:
            claim(name, *args, **settings)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}")

    return call


for _each in ("claim", "claim_exact", "claim_factor", "claim_share"):
    setattr(_claims, _each, _only_record(getattr(_claims, _each)))
_plots.show = lambda fig, *_, **__: _plots.plt.close(fig)


class _Plain(_ast.NodeTransformer):
    def visit_Assert(self, node):
        return _ast.Pass()

    def visit_Expr(self, node):
        called = getattr(node.value, "func", None)
        name = getattr(called, "attr", getattr(called, "id", ""))
        return _ast.Pass() if name.startswith("assert_") else node


get_ipython().ast_transformers.append(_Plain())
"""


class Mutant(NamedTuple):
    """A mistake in an experiment, and the claims that must not survive it."""

    claims: list[str]
    why: str
    old: str
    new: str
    run: int = 1


class Mutants(NamedTuple):
    """The mutants of a lab, and the claims that need none, with reasons."""

    mutants: list[Mutant]
    exempt: dict[str, str]


def read(lab: str, folder: Path = FOLDER) -> Mutants:
    """Return the mutants of a lab: none where it has no file."""
    path = folder / f"{lab}.toml"
    if not path.exists():
        return Mutants([], {})
    data = tomllib.loads(path.read_text(encoding="utf8"))
    mutants = [Mutant(**each) for each in data["mutant"]]
    return Mutants(mutants, data.get("exempt", {}))


def story(lab: str, root: Path = ROOT) -> list[str]:
    """Return the claims of a lab that pages name, sorted."""
    pages = (root / "book").glob("*.md")
    named = {each for page in pages for each in named_claims(page)}
    return sorted(name for slug, name in named if slug == lab)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the code cells of a lab."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def faults(lab: Path, found: Mutants) -> list[str]:
    """Say which mutants do not fit their lab, and which claims do not exist."""
    cells = code_cells(nbformat.read(lab, as_version=4))
    known, said = set(made(cells)), []
    for mutant in found.mutants:
        times = sum(cell.source.count(mutant.old) for cell in cells)
        if times != 1:
            said.append(
                f"{lab.stem}, {mutant.why!r}: its old text stands {times} times"
                " in the lab, and must stand there once"
            )
    for cell in cells:
        end = {}
        for at, mutant in sorted(
            (cell.source.find(each.old), each)
            for each in found.mutants
            if each.old in cell.source
        ):
            if at < end.get(mutant.run, 0):
                said.append(
                    f"{lab.stem}, {mutant.why!r}: its old text overlaps with"
                    " another mutant's: give one of them another run"
                )
            end[mutant.run] = at + len(mutant.old)
    named = [name for each in found.mutants for name in each.claims]
    return said + [
        f"{lab.stem}: there is no claim {name!r}"
        for name in dict.fromkeys([*named, *found.exempt])
        if name not in known
    ]


def without(found: Mutants, wanted: list[str]) -> list[str]:
    """Return those of the wanted claims that no mutant must kill."""
    killed = {name for each in found.mutants for name in each.claims}
    return [name for name in wanted if name not in killed | {*found.exempt}]


def mutate(lab: Path, mutants: list[Mutant]) -> nbformat.NotebookNode:
    """Return a lab with mutants in it, up to their last claim, and with claims
    that only record.
    """
    notebook = nbformat.read(lab, as_version=4)
    names = {name for mutant in mutants for name in mutant.claims}
    while not names & {*made(code_cells(notebook)[-1:])}:
        notebook.cells.pop()
    for cell in code_cells(notebook):
        here = [each for each in mutants if each.old in cell.source]
        for mutant in sorted(here, key=lambda m: -cell.source.index(m.old)):
            at = cell.source.index(mutant.old)
            rest = cell.source[at + len(mutant.old) :]
            cell.source = cell.source[:at] + mutant.new + rest
    first = nbformat.from_dict(
        {"cell_type": "code", "source": RECORD_ONLY, "metadata": {}}
        | {"id": "record-only", "outputs": [], "execution_count": None}
    )
    notebook.cells.insert(0, first)
    return notebook


def verdicts(
    mutant: Mutant, executed: nbformat.NotebookNode | None
) -> dict[str, str]:
    """Return what became of the claims of a mutant in an executed lab."""
    records = replicate.claims(executed) if executed else {}
    return {
        name: "not made"
        if name not in records
        else "survived"
        if records[name]["holds"]
        else "killed"
        for name in mutant.claims
    }


def report(
    lab: str,
    found: Mutants,
    executed: dict[int, nbformat.NotebookNode],
    wanted: list[str],
) -> tuple[list[str], bool]:
    """Return the lines about a lab, and whether its mutants killed all that
    they must.
    """
    lines, killed = [], set()
    for mutant in found.mutants:
        became = verdicts(mutant, executed.get(mutant.run))
        killed |= {name for name, how in became.items() if how == "killed"}
        lines += [
            f"  {name}: {how}; {mutant.why}"
            for name, how in became.items()
            if how != "killed"
        ]
    if lines:
        lines += [
            f"  a cell failed: {error}"
            for notebook in executed.values()
            for error in replicate.other_errors(notebook)
        ]
    open_claims = without(found, wanted)
    if not found.mutants:
        lines.append("  no mutants yet")
    elif open_claims:
        lines.append(f"  no mutant for {', '.join(open_claims)}")
    count = len(killed & {*wanted})
    head = f"{lab}: mutants killed {count} of {len(wanted)} claims"
    if found.exempt:
        head += f", {len(found.exempt)} need none"
    return [head, *lines], not lines and not open_claims


def main(
    found: list[Path],
    folder: Path = FOLDER,
    runs: Path = RUNS,
    root: Path = ROOT,
) -> int:
    """Run the mutated labs, print the report and return the exit status."""
    mutants = {lab.stem: read(lab.stem, folder) for lab in found}
    wrong = [line for lab in found for line in faults(lab, mutants[lab.stem])]
    if wrong:
        print("\n".join(wrong))
        return 1
    runs.mkdir(parents=True, exist_ok=True)
    todo, executed = {}, {lab.stem: {} for lab in found}
    for lab in found:
        all_of_it = mutants[lab.stem].mutants
        for run in sorted({mutant.run for mutant in all_of_it}):
            path = runs / f"{lab.stem}-{run}.ipynb"
            now = [mutant for mutant in all_of_it if mutant.run == run]
            nbformat.write(mutate(lab, now), path)
            todo[path] = lab.stem, run

    def keep(path: Path, notebook: nbformat.NotebookNode, _: float) -> None:
        lab, run = todo[path]
        executed[lab][run] = notebook
        nbformat.write(notebook, path)

    good = not (todo and replicate.execute_all(0, list(todo), keep))
    for lab in found:
        lines, all_killed = report(
            lab.stem,
            mutants[lab.stem],
            executed[lab.stem],
            story(lab.stem, root),
        )
        good &= all_killed
        print("\n".join(lines), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    names = sys.argv[1:] or [lab.stem for lab in labs.find_labs()]
    paths = [ROOT / "notebooks" / f"{name}.ipynb" for name in names]
    if missing := [path.stem for path in paths if not path.exists()]:
        sys.exit(f"LABS are names of notebooks; got {' '.join(missing)}")
    check_pace()
    with alone():
        program(lambda: main(paths))
