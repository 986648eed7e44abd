"""Run every lab on other seeds and print, per claim, where it held: ``make
replicate SEEDS="1 2 3"``.

A claim that fails does not stop its lab. The exit status is 1 if a claim failed
anywhere or a cell failed for another reason.
"""

import asyncio
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL

import labs
import nbformat
from claim_names import made
from nbclient import NotebookClient
from progress import alone, check_pace, program

RECORD = "application/papermill.record/application/json"


def execute(lab: Path, seed: int) -> nbformat.NotebookNode:
    """Return the lab, executed with COURSE_SEED set, errors allowed. A false
    claim does not end its cell, so those behind it are made as well.
    """
    notebook = nbformat.read(lab, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=2 * labs.TIMEOUT,
        allow_errors=True,
        resources={"metadata": {"path": str(lab.parent)}},
    )
    own = {"COURSE_SEED": str(seed), "COURSE_STRICT": ""}
    env = {**os.environ, **labs.KERNEL, **own}
    try:
        asyncio.run(
            client.async_execute(env=env, stdout=DEVNULL, stderr=DEVNULL)
        )
    except Exception as error:  # the kernel died, or a cell took too long
        raise labs.Failed(labs.explain(lab, notebook, error)) from error
    return notebook


def execute_all(
    seed: int,
    found: list[Path],
    finished: Callable[[Path, nbformat.NotebookNode, float], None],
) -> int:
    """Run labs on a seed, side by side, and return how many did not end."""
    labs.LOG.mkdir(parents=True, exist_ok=True)
    seconds = {k: each["seconds"] for k, each in labs.read_state().items()}
    job = functools.partial(execute, seed=seed)
    verb = f"With COURSE_SEED={seed}:"
    return labs.side_by_side(verb, found, job, seconds, finished)


def outputs(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """Yield every output of every code cell."""
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def claims(notebook: nbformat.NotebookNode) -> dict[str, dict]:
    """Return the claims that an executed lab recorded, by name."""
    records = (
        json.loads(output["data"][RECORD])
        for output in outputs(notebook)
        if RECORD in output.get("data", {})
    )
    return {record["name"]: record for record in records if "holds" in record}


def other_errors(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the errors of an executed lab; a false claim is none."""
    return [
        f"{output.ename}: {output.evalue}"
        for output in outputs(notebook)
        if output.output_type == "error"
    ]


def unmade(notebook: nbformat.NotebookNode) -> list[str]:
    """Name the claims that an executed lab did not make: their cell had failed,
    or their values were no numbers.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    known = claims(notebook)
    return [
        f"its claim {name} was not made"
        for name in made(code)
        if name not in known
    ]


def report(
    lab: str, by_seed: dict[int, dict[str, dict]]
) -> tuple[list[str], bool]:
    """Return the lines about one lab and whether each of its claims was made,
    and held, for every seed.
    """
    names = list(
        dict.fromkeys(name for known in by_seed.values() for name in known)
    )
    lines, good = [], bool(names)
    for name in names:
        held = [
            seed
            for seed, known in by_seed.items()
            if name in known and known[name]["holds"]
        ]
        good &= len(held) == len(by_seed)
        lines.append(
            f"{lab} {name}: held for {len(held)} of {len(by_seed)} seeds"
        )
        for seed, known in by_seed.items():
            mark = (
                "–"
                if name not in known
                else "✓"
                if known[name]["holds"]
                else "✗"
            )
            sentence = (
                known[name]["sentence"]
                if name in known
                else "the lab stopped before this claim"
            )
            lines.append(f"  {seed:>4} {mark} {sentence}")
    return lines or [f"{lab}: makes no claim"], good


def main(seeds: list[int], found: list[Path]) -> int:
    """Run the labs on the seeds, print the report and return the exit
    status.
    """
    good = bool(seeds) and bool(found)
    records = {lab.stem: {} for lab in found}
    errors = []
    for seed in seeds:

        def keep(
            lab: Path, notebook: nbformat.NotebookNode, _: float, seed=seed
        ) -> None:
            records[lab.stem][seed] = claims(notebook)
            errors.extend(
                f"{lab.stem}: with COURSE_SEED={seed} a cell failed: {error}"
                for error in other_errors(notebook) + unmade(notebook)
            )

        good &= not execute_all(seed, found, keep)
    for error in errors:
        print(error)
    good &= not errors
    for lab, by_seed in records.items():
        lines, held = report(lab, by_seed)
        good &= held
        print("\n".join(lines), flush=True)
    print(
        "Every claim held for every seed."
        if good
        else "Not every claim held for every seed: see above."
    )
    return 0 if good else 1


if __name__ == "__main__":
    if not sys.argv[1:] or not all(seed.isdigit() for seed in sys.argv[1:]):
        sys.exit(
            'SEEDS are whole numbers from 0 on, such as SEEDS="1 2 3"; got'
            f" {' '.join(sys.argv[1:])!r}"
        )
    if (seed := os.environ.get("COURSE_SEED", "0")) != "0":
        sys.exit(
            "make replicate runs the seeds of SEEDS and no others: unset"
            f' COURSE_SEED and write SEEDS="{seed}"'
        )
    check_pace()
    with alone():
        program(
            lambda: main([int(seed) for seed in sys.argv[1:]], labs.find_labs())
        )
