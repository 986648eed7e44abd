"""Run labs side by side, one on each core, the longest first.

``python tests/labs.py execute`` executes the labs whose outputs are missing or
out of date and puts them into the cache that the build of the site uses.
``python tests/labs.py compare`` runs every lab anew and compares what its
tagged cells print with what the site shows; ``again`` runs these cells once
more at the end. ``quick`` runs every lab at the pace of a class hour and keeps
nothing.
"""

import asyncio
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import executed_labs
import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.db import NbCacheRecord
from jupyter_cache.cache.main import JupyterCacheBase
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from progress import (
    COLOURS,
    LOG,
    ROOT,
    Line,
    alone,
    check_pace,
    check_seed,
    program,
)

sys.path.append(str(ROOT / "book" / "_ext"))
from replications import fingerprint

CACHE = ROOT / "_build" / ".jupyter_cache"
COMPARED = ROOT / "_build" / "labs"
STATE = ROOT / "_build" / "labs.json"
TIMEOUT = 600
# Every lab computes in one thread: as many labs run as there are cores. No
# progress bar may reach a stored output. A false claim is an error.
KERNEL = {
    "COURSE_STRICT": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
}
QUICK = KERNEL | {"COURSE_STRICT": "", "COURSE_PACE": "quick"}


# What a copy of the course puts into its set-up cells: address and branch. They
# decide nothing where the course is installed.
ADDRESS = re.compile(
    r'(?<=^REPOSITORY = ")[^"]*|(?<=\{REPOSITORY\})@[\w./-]+',
    re.MULTILINE,
)


class Failed(Exception):
    """A lab failed; the text says where and why, the log has the rest."""


def find_labs() -> list[Path]:
    """Return every lab of the book."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


# Which labs have to run -------------------------------------------------------


def key(lab: Path, root: Path = ROOT) -> str:
    """Return one hash of all that decides what an executed lab looks like: what
    decides its findings, Python, the seeds and the settings of its cells. The
    address of the repository is no part of it.
    """
    notebook = json.loads(lab.read_text(encoding="utf8"))
    cells = [
        [ADDRESS.sub("", "".join(cell["source"])), cell["metadata"]]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]
    whole = [
        fingerprint(lab, root),
        cells,
        notebook["metadata"],
        sys.version,
        os.getenv("COURSE_SEED"),
    ]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def read_state() -> dict[str, dict]:
    """Return what is known of earlier runs: of each lab its key and its
    seconds.
    """
    return json.loads(STATE.read_text()) if STATE.exists() else {}


# Side by side -----------------------------------------------------------------


def side_by_side(
    verb: str,
    labs: list[Path],
    job: Callable[[Path], object],
    seconds: dict[str, float],
    finished: Callable[[Path, object, float], None] = lambda *_: None,
) -> int:
    """Do a job for every lab, the longest first, say how far it is, and return
    how many failed.
    """
    line, failed, started = Line(), 0, {}
    workers = min(os.cpu_count() or 1, len(labs))
    order = sorted(
        labs,
        key=lambda lab: (seconds.get(lab.stem, math.inf), lab.stat().st_size),
        reverse=True,
    )

    def timed(lab: Path) -> tuple[object, float]:
        started[lab.stem] = time.monotonic()
        try:
            return job(lab), time.monotonic() - started[lab.stem]
        finally:
            del started[lab.stem]

    print(f"{verb} {len(labs)} labs, {workers} side by side", flush=True)
    pool = ThreadPoolExecutor(workers)
    pending = {pool.submit(timed, lab): lab for lab in order}
    while pending:
        done, _ = wait(pending, 0.5, FIRST_COMPLETED)
        for future in done:
            lab = pending.pop(future)
            count = f"({len(labs) - len(pending)} of {len(labs)})"
            try:
                result, took = future.result()
            except Failed as reason:
                failed += 1
                line.done(f"  {lab.stem} FAILED {count}\n{reason}")
                continue
            finished(lab, result, took)
            line.done(f"  {lab.stem} {took:.0f} s {count}")
        running = ", ".join(
            f"{name} {time.monotonic() - since:.0f} s"
            for name, since in list(started.items())
        )
        line.now(
            f"  {len(labs) - len(pending)} of {len(labs)} labs done,"
            f" {line.seconds():.0f} s; now {running}"
        )
    return failed


# The jobs ---------------------------------------------------------------------


def where(notebook: nbformat.NotebookNode) -> str:
    """Say which cell of an executed lab failed, as Jupyter counts them."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(cells, 1):
        if any(output.output_type == "error" for output in cell.outputs):
            return f"cell [{count}]: {cell.source.strip().splitlines()[0]}"
    ran = sum(cell.execution_count is not None for cell in cells)
    return f"cell [{ran}]"


def explain(
    lab: Path, notebook: nbformat.NotebookNode, error: Exception
) -> str:
    """Say in some lines which lab failed, where, why, and what helps."""
    name, why = type(error).__name__, str(error).strip()
    if isinstance(error, CellExecutionError):
        name, why = error.ename, error.evalue
    last = COLOURS.sub("", why).strip().splitlines()[-1:] or [""]
    lines = [f"{lab.name}, {where(notebook)}", f"{name}: {last[0]}"]
    if name == "ClaimError":
        lines.append(
            "The claim is false as it stands. What helps: more seeds, or"
            " another sentence; never another bound."
        )
    lines.append(f"The whole traceback: {LOG / lab.stem}.log")
    return "\n".join(f"    {each}" for each in lines)


def execute(lab: Path, settings: dict = KERNEL) -> nbformat.NotebookNode:
    """Return a lab with its outputs."""
    notebook = nbformat.read(lab, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        record_timing=False,  # the cache would take it for another lab
        resources={"metadata": {"path": str(lab.parent)}},
    )
    path = LOG / f"{lab.stem}.log"
    with path.open("w", encoding="utf8") as log:
        env = {**os.environ, **settings}
        try:
            asyncio.run(client.async_execute(env=env, stdout=log, stderr=log))
        except Exception as error:
            text = COLOURS.sub("", traceback.format_exc())
            log.write(text)
            raise Failed(explain(lab, notebook, error)) from None
    return notebook


def quick(lab: Path) -> list[str]:
    """Run a lab at the pace of a class hour and return what its claims print.
    What does not hang on seeds is tested all the same; the rest must say that
    it is not.
    """
    said = [
        line
        for cell in execute(lab, QUICK).cells
        if "nbval-check-output" in cell.metadata.get("tags", [])
        for output in cell.outputs
        for line in output.get("text", "").splitlines()
    ]
    if false := [line for line in said if line.startswith("✗")]:
        raise Failed("\n".join(f"    {line}" for line in false))
    if not any("(not tested: 4 of " in line for line in said):
        raise Failed("    no claim says that it is not tested")
    return said


def compare(lab: Path) -> None:
    """Run an executed lab anew with nbval, which compares the outputs."""
    log = LOG / f"compare-{lab.stem}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "--color=no"]
    command += ["-p", "nbval_records", "-p", "no:cacheprovider"]
    command += ["--nbval-lax", "--nbval-current-env"]
    command += ["--nbval-cell-timeout", str(TIMEOUT), str(lab)]
    path = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    env = {**os.environ, **KERNEL, "PYTHONPATH": path}
    with log.open("w", encoding="utf8") as file:
        status = subprocess.call(
            command, cwd=ROOT, env=env, stdout=file, stderr=file
        )
    if status:
        said = COLOURS.sub("", log.read_text(encoding="utf8"))
        raise Failed(f"{said}\n    The whole log: {log}")


def cached_again(lab: Path, cached: str, cache: JupyterCacheBase) -> str:
    """Keep what a lab printed under the code that it has now, where only the
    address in it has changed; return the name in the cache.
    """
    notebook = nbformat.read(lab, as_version=4)
    now, name = cache.create_hashed_notebook(notebook)
    if name == cached:
        return name
    record = NbCacheRecord.record_from_hashkey(cached, cache.db)
    bundle = cache.get_cache_bundle(record.pk)
    for cell, new in zip(bundle.nb.cells, now.cells, strict=True):
        cell.source = new.source
    return cache.cache_notebook_bundle(
        CacheBundleIn(bundle.nb, str(lab), data=record.data),
        check_validity=False,
        overwrite=True,
    ).hashkey


def execute_missing(labs: list[Path], cache: JupyterCacheBase) -> int:
    """Execute the labs that are missing or out of date and return how many
    failed. What has been executed is kept when others fail.
    """
    state = read_state()
    keys = {lab.stem: key(lab) for lab in labs}
    old = [
        lab
        for lab in labs
        if state.get(lab.stem, {}).get("key") != keys[lab.stem]
        or not (cache.path / "executed" / state[lab.stem]["cached"]).exists()
    ]

    for lab in set(labs) - set(old):
        known = state[lab.stem]
        known["cached"] = cached_again(lab, known["cached"], cache)
    STATE.write_text(json.dumps(state, indent=1))

    def keep(lab: Path, notebook: nbformat.NotebookNode, took: float) -> None:
        record = cache.cache_notebook_bundle(
            CacheBundleIn(notebook, str(lab), data={"execution_seconds": took}),
            check_validity=False,
            overwrite=True,
        )
        state[lab.stem] = {
            "key": keys[lab.stem],
            "cached": record.hashkey,
            "seconds": round(took, 1),
        }
        STATE.write_text(json.dumps(state, indent=1))

    seconds = {name: each["seconds"] for name, each in state.items()}
    return side_by_side("Executing", old, execute, seconds, keep) if old else 0


def main(what: str) -> int:
    """Execute or compare, once or again; return the exit status."""
    check_seed()
    if what != "quick":
        check_pace()
    with alone():
        LOG.mkdir(parents=True, exist_ok=True)
        if what == "quick":
            return bool(
                side_by_side("At a quick pace:", find_labs(), quick, {})
            )
        cache = get_cache(CACHE)
        if what == "execute":
            return bool(execute_missing(find_labs(), cache))
        executed_labs.main(COMPARED, find_labs(), cache, what == "again")
        seconds = {k: each["seconds"] for k, each in read_state().items()}
        labs = [COMPARED / lab.name for lab in find_labs()]
        return bool(side_by_side("Comparing", labs, compare, seconds))


if __name__ == "__main__":
    program(lambda: main(sys.argv[1]))
