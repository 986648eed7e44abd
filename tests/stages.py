"""Run the stages of ``make test``, or those named, and print how long each
took: ``python tests/stages.py [STAGE ...]``.

The stage that mostly waits for downloads runs beside the others. The first
failure ends everything; with ``--go-on``, as in ``make check``, the other
stages run nevertheless, so that all is said at once.
"""

import os
import subprocess
import sys
import time

from progress import (
    LOG,
    ROOT,
    alone,
    check_pace,
    check_seed,
    program,
    run,
    stop,
)

PY = sys.executable
PYTEST = [PY, "-m", "pytest", "-q"]
WORKERS = ["--numprocesses", str(os.cpu_count() or 1)]
OF_THE_SITE = [
    "tests/test_site.py",
    "tests/test_explorers.py",
    "tests/test_navigation.py",
    "tests/test_print.py",
    "tests/test_sharing.py",
]
LATER = [f"--ignore={name}" for name in [*OF_THE_SITE, "tests/test_colab.py"]]
QUICK_LAB = "losses"
STAGES = {
    "style": [
        [PY, "-m", "ruff", "check", "--output-format", "concise", "."],
        [PY, "-m", "ruff", "format", "--check", "."],
    ],
    "modules, doctests, repository": [
        [*PYTEST, *WORKERS, "--dist", "loadfile", *LATER],
    ],
    "labs and pages": [[PY, "tests/build_site.py"]],
    "labs against the site": [[PY, "tests/labs.py", "compare"]],
    "the site": [[*PYTEST, *OF_THE_SITE, *WORKERS, "--dist", "worksteal"]],
    "one lab in the reader's environment": [
        [*PYTEST, "tests/test_colab.py", "-k", f"not lab_alone or {QUICK_LAB}"],
    ],
}
BESIDE = "one lab in the reader's environment"
SETTINGS = {"cwd": ROOT, "env": {**os.environ, "OMP_NUM_THREADS": "1"}}


def table(took: dict[str, float], total: float) -> str:
    """Return the stages and their seconds as a table."""
    width = max(map(len, [*took, "together"]))
    rows = {**took, "together": total}
    return "\n".join(f"{name:{width}} {s:6.0f} s" for name, s in rows.items())


def run_stage(name: str, go_on: bool) -> tuple[float, bool]:
    """Run the commands of a stage, up to the first that fails or all of them;
    return its seconds, and whether it failed.
    """
    start, failed = time.monotonic(), False
    print(f"== {name}", flush=True)
    for command in STAGES[name]:
        if run(command, **SETTINGS):
            failed = True
            if not go_on:
                break
    return time.monotonic() - start, failed


def main(names: list[str], go_on: bool = False) -> int:
    """Run the stages and print the table."""
    check_seed()
    check_pace()
    start, took, beside, failed = time.monotonic(), {}, None, []
    with alone():
        SETTINGS["env"] |= os.environ
        LOG.mkdir(parents=True, exist_ok=True)
        log = LOG / "colab.log"
        if BESIDE in names and len(names) > 1:
            with log.open("w", encoding="utf8") as file:
                beside = subprocess.Popen(
                    STAGES[BESIDE][0],
                    **SETTINGS,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                )
        try:
            for name in names:
                if beside is None or name != BESIDE:
                    took[name], bad = run_stage(name, go_on)
                    failed += [name] * bad
                    if bad and not go_on:
                        break
            if failed:
                sys.exit(
                    f"This failed: {', '.join(failed)}. The last lines above"
                    " say why."
                )
            if beside is not None:
                print(f"== {BESIDE} (since the start; {log})", flush=True)
                waited = time.monotonic()
                status = beside.wait()
                took[BESIDE] = time.monotonic() - waited
                print(log.read_text(encoding="utf8"), end="")
                if status:
                    sys.exit(f"This stage failed: {BESIDE}.")
        finally:
            if beside is not None and beside.poll() is None:
                stop(beside)
    print(table(took, time.monotonic() - start), flush=True)
    return 0


if __name__ == "__main__":
    asked = [name for name in sys.argv[1:] if name != "--go-on"]
    program(lambda: main(asked or list(STAGES), "--go-on" in sys.argv))
