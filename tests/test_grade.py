"""Grading: every kind of notebook gets its lines, and none stops the run."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from editions import filled
from lab_exercises import exercises, read_cells

ROOT = Path(__file__).parents[1]
GRADE = ROOT / "tests" / "grade.py"
LAB = ROOT / "notebooks" / "gradients.ipynb"
CELLS = read_cells(LAB)
BY_HAND, SILU, CLIP = exercises(CELLS)
RIGHT = """\
def my_silu_derivative(z):
    s = torch.sigmoid(z)
    return s + z * s * (1 - s)
"""
# of the exercise on SiLU: the cell, the verdict, what hint or error says
KINDS = {
    "right": (RIGHT, "right", ""),
    "wrong": (
        "def my_silu_derivative(z):\n    return torch.sigmoid(z)",
        "not yet",
        "",
    ),
    "magic": (f"%time\n{RIGHT}", "right", ""),
    "twice": (f"{RIGHT}\n\nprint(gr.check_silu_derivative(1))", "right", ""),
    "crashes": ("1 / 0", "no verdict", "ZeroDivisionError: division by zero"),
    "half": ("def my_silu_derivative(z:", "no verdict", "line 1: SyntaxError"),
    "leaves": ("import os\nos._exit(0)", "no verdict", "it ended itself"),
    "exits": (f"{RIGHT}raise SystemExit", "no verdict", "SystemExit"),
    "falls": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
        "no verdict",
        "ended by SIGSEGV",
    ),
    "hangs": ("import time\ntime.sleep(1000)", "no verdict", "longer than 5 s"),
    "computes": (
        "def my_silu_derivative(z):\n    while True: pass",
        "no verdict",
        "longer than 5 s",
    ),
    "prints": ("while True: print('x' * 999)", "no verdict", "printed more"),
    "grows": (
        "all_of_it = [bytearray(10**8) for _ in range(1000)]",
        "no verdict",
        "MemoryError",
    ),
    "writes": (
        "with open('HERE/written', 'w') as f: f.write('x')",
        "no verdict",
        "OSError",
    ),
    "calls": (
        "import socket\nsocket.create_connection(('127.0.0.1', PORT), 1)",
        "no verdict",
        "OSError",
    ),
    "replaces": (
        "gr.check_silu_derivative = print\nmy_silu_derivative = 1",
        "refused",
        "rewrites the check",
    ),
    "shadows": (
        "class gr:\n    check_silu_derivative = print",
        "refused",
        "rewrites the check",
    ),
    "smuggles": (
        "import sys\nsys.modules['companion.checks'] = None",
        "refused",
        "rewrites the check",
    ),
    "widens": (
        "import companion.checks as c\nc.TOLERANCE[torch.float32] = 1e9",
        "refused",
        "rewrites the check",
    ),
    "hides": (
        "vars(gr)['check'] = lambda *a, **k: True\nmy_silu_derivative = 1",
        "refused",
        "rewrites the check",
    ),
    "later": (
        "def my_silu_derivative(z):\n"
        "    vars(torch)['sigmoid'] = abs\n    return z",
        "refused",
        "rewrites the check",
    ),
    "code": (
        "def my_silu_derivative(z): return 1\n"
        "f = gr.check_silu_derivative\nf.__code__ = (lambda a: True).__code__",
        "refused",
        "rewrites the check",
    ),
    "poses": (
        "import os\nfor fd in range(3, 50):\n"
        '    try: os.write(fd, b\'{"verdict": "right"}\')\n'
        "    except OSError: pass\nos._exit(0)",
        "no verdict",
        "something else than the check",
    ),
    "escapes": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0:\n        time.sleep(1234.5)\n"
        "        os._exit(0)\n    os._exit(0)\n" + RIGHT,
        "right",
        "",
    ),
}


def notebook(silu: str, mark: bool = True) -> dict:
    """Return the lab with an answer to the exercise on SiLU."""
    lab = filled(LAB)
    cell = lab["cells"][SILU.cell]
    cell["source"] = f"{silu}\n\ngr.check_silu_derivative(my_silu_derivative)"
    if not mark:
        cell["id"] = "other"
    lab["cells"].insert(0, cell) if not mark else None
    return lab


def grade(folder: Path, *more: str, seconds: int = 5) -> list[dict]:
    """Grade a folder and return the lines of the CSV."""
    out = folder.parent / "grades.csv"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    limits = f"--seconds {seconds} --memory 300".split()
    done = subprocess.run(
        [sys.executable, GRADE, folder, "--out", out, *limits, *more],
        capture_output=True,
        encoding="utf8",
        env=env,
    )
    assert done.returncode == 0, done.stderr
    with out.open(encoding="utf8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The lines of one run over every kind of notebook, by student, and whether
    anything reached a server, and the folder.
    """
    folder = tmp_path_factory.mktemp("grade") / "labs"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        for name, (silu, _, _) in KINDS.items():
            (folder / name).mkdir()
            silu = silu.replace("PORT", port).replace("HERE", str(folder))
            text = json.dumps(notebook(silu))
            (folder / name / "gradients.ipynb").write_text(text)
        (folder / "flat-gradients.ipynb").write_text(json.dumps(notebook("1")))
        odd = notebook(RIGHT, mark=False)
        del odd["cells"][SILU.cell + 1], odd["cells"][BY_HAND.cell + 1]
        odd["cells"].insert(0, CELLS[0])
        (folder / "odd (1).ipynb").write_text(json.dumps(odd))
        (folder / "torn-gradients.ipynb").write_text("{")
        (folder / "list-gradients.ipynb").write_text("[1]")
        (folder / "void-gradients.ipynb").write_text('{"cells": [{}]}')
        os.mkfifo(folder / "pipe-gradients.ipynb")
        (folder / "essay.ipynb").write_text('{"cells": []}')
        lines = grade(folder)
        server.settimeout(0)
        try:
            reached = bool(server.accept())
        except BlockingIOError:
            reached = False
    found = {}
    for line in lines:
        found.setdefault(line["student"], []).append(line)
    return found, reached, folder


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_notebook_gets_its_line(graded, kind):
    if kind == "calls" and not shutil.which("unshare"):
        pytest.skip("this system cannot cut the network")
    _, verdict, words = KINDS[kind]
    by_hand, silu, clip = graded[0][kind]
    assert [by_hand["verdict"], clip["verdict"]] == ["right", "right"]
    assert silu["lab"] == "gradients"
    assert silu["exercise"] == "check_silu_derivative"
    assert silu["verdict"] == verdict, silu
    assert words in silu["hint"] + silu["error"], silu
    assert bool(silu["hint"]) == (verdict == "not yet")


def test_nothing_reaches_the_network(graded):
    if not shutil.which("unshare"):
        pytest.skip("this system cannot cut the network")
    assert not graded[1]


def test_nothing_is_left_running_or_written(graded):
    time.sleep(0.2)
    for status in Path("/proc").glob("[0-9]*/stat"):
        if int(status.parent.name) == os.getpid():
            continue
        try:
            command = (status.parent / "cmdline").read_text()
        except OSError:
            continue
        assert str(graded[2]) not in command, command
    assert not (graded[2] / "written").read_text()


def test_names_and_cells_that_readers_changed_are_found(graded):
    assert graded[0]["flat"][0]["verdict"] == "right"
    verdicts = [line["verdict"] for line in graded[0]["odd (1)"]]
    assert verdicts == ["missing", "right", "right"]


@pytest.mark.parametrize("student", ["torn", "list", "void", "pipe"])
def test_an_unreadable_notebook_has_a_line(graded, student):
    (line,) = graded[0][student]
    assert line["verdict"] == "no verdict"
    assert line["error"].startswith("unreadable: ")


def test_another_notebook_has_a_line(graded):
    (line,) = graded[0]["essay"]
    assert line["error"] == (
        "essay.ipynb: no lab of the course: name it student-lab.ipynb"
    )


def test_a_private_case_decides_too(tmp_path):
    folder, cases = tmp_path / "labs", tmp_path / "cases"
    folder.mkdir()
    cases.mkdir()
    (folder / "=ann-gradients.ipynb").write_text(json.dumps(notebook(RIGHT)))
    (cases / "gradients.py").write_text(
        "from companion.checks import check\n\n\n"
        "def check_silu_derivative(attempt):\n"
        "    return check(attempt, lambda z: z, [(3.0,)])\n"
    )
    lines = grade(folder, "--cases", str(cases))
    assert [line["verdict"] for line in lines] == ["right", "not yet", "right"]
    assert lines[1]["hint"].startswith("private case: my_silu_derivative(3)")
    assert lines[1]["student"] == "'=ann"


@pytest.mark.parametrize(
    ("folder", "said"),
    [(["no/such"], "is no folder"), ([], "Say which folder has the notebooks")],
)
def test_a_folder_that_is_none_is_said(folder, said):
    done = subprocess.run(
        [sys.executable, GRADE, *folder],
        capture_output=True,
        encoding="utf8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.endswith(": make grade LABS=folder\n")
