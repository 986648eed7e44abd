"""Grade submitted labs: ``python tests/grade.py FOLDER [--out grades.csv]``.

Of every submitted notebook only the cells of the exercises are taken. Each runs
after the imports of the course's own lab, in a process of its own: without a
network, with limits on time, memory, printing and files. The verdict is that of
the course's own check. Whatever a notebook does, it gets its lines, and the run
goes on.

Nothing here makes a hostile notebook safe to run: it may read the files that
you may read. Grade in an account or a container that holds nothing else.
"""

import argparse
import ast
import builtins
import contextlib
import csv
import ctypes
import importlib.util
import json
import linecache
import os
import resource
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lab_exercises import (
    Exercise,
    call,
    exercises,
    imports,
    read_cells,
    source_of,
)
from progress import ROOT, Line, program

COLUMNS = "student lab exercise verdict hint seconds error".split()
ALONE = "COURSE_NETWORK_CUT"
LARGEST = 50_000_000  # bytes of a notebook
PRINTED = 100_000  # bytes that an exercise may print
SAID = 300  # characters of a hint or an error
PLAIN = int | float | str | dict | list | tuple | set
SUBREAPER = 36  # of prctl: children of a child that has ended become ours


class Limits(NamedTuple):
    """What one exercise may use: seconds, and MB beyond what is loaded."""

    seconds: float
    memory: int


class Rewrites(Exception):
    """A submitted cell changes the course's own code."""


# Which notebooks, which cells -------------------------------------------------


def submitted(folder: Path) -> list[Path]:
    """Return every notebook in a folder, the traces of editors left out."""
    return sorted(
        path
        for path in folder.rglob("*.ipynb")
        if not any(part.startswith(".") for part in path.parts)
    )


def first_cell(path: Path) -> str:
    """Return the first cell's text, or nothing where there is none."""
    try:
        return source_of(read_submitted(path)[0])
    except (ValueError, IndexError):
        return ""


def owner(path: Path, folder: Path, names: list[str]) -> tuple[str, str]:
    """Tell whose notebook this is and of which lab: ``student/lab.ipynb``,
    ``student-lab.ipynb``, or any name where the first cell links to the lab.
    """
    inside = path.relative_to(folder).parts[:-1]
    stem = path.stem
    for lab in sorted(names, key=len, reverse=True):
        if stem == lab:
            return "/".join(inside), lab
        if stem.endswith(f"-{lab}"):
            return "/".join([*inside, stem[: -len(lab) - 1]]), lab
    text = first_cell(path)
    lab = next((n for n in names if f"notebooks/{n}.ipynb" in text), "")
    return "/".join(inside) or stem, lab


def read_submitted(path: Path) -> list[dict]:
    """Return the code cells and texts of a notebook that anybody may have
    written.
    """
    if not path.is_file():
        raise ValueError("it is no file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST / 1e6:.0f} MB")
    try:
        cells = read_cells(path)
        for cell in cells:
            source_of(cell)
            cell["cell_type"]
    except (OSError, TypeError, KeyError, RecursionError, ValueError) as error:
        raise ValueError(f"it is no notebook ({said(error)})") from error
    return cells


def parsed(text: str) -> ast.Module:
    """Parse a cell; lines for the notebook itself, as ``%time``, are left
    out.
    """
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        lines = text.splitlines()
        return ast.parse(
            "\n".join("" if s.lstrip()[:1] in "%!" else s for s in lines)
        )


def answer_to(
    exercise: Exercise, own: list[dict], cells: list[dict]
) -> str | None:
    """Return the submitted cell that answers an exercise: the one with the
    lab's own mark, else the last that gives the name its value or calls the
    check.
    """
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    mark = own[exercise.cell]["id"]
    for cell in code:
        if cell.get("id") == mark and exercise.name in source_of(cell):
            return source_of(cell)
    for wanted in (f"def {exercise.name}(", f"{exercise.name} ="):
        for cell in reversed(code):
            if wanted in source_of(cell):
                return source_of(cell)
    for cell in reversed(code):
        if f"{exercise.check}(" in source_of(cell):
            return source_of(cell)
    return None


# What no answer does ----------------------------------------------------------


def root_of(node: ast.expr) -> str:
    """Return the name with which a chain of attributes begins."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def bound(tree: ast.Module) -> Iterator[str]:
    """Yield the names of what a cell imports from the course."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.name.split(".")[0] == "companion":
                    yield each.asname or "companion"
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] == "companion":
                yield from (each.asname or each.name for each in node.names)


def rewrites(tree: ast.Module, names: set[str], check: str) -> bool:
    """Tell whether a cell assigns to a check, to an attribute of the course's
    modules, or touches ``sys.modules``.
    """
    alias = check.split(".")[0]
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                if root_of(node) in names | set(bound(tree)):
                    return True
            case ast.Subscript(
                ast.Attribute() as part, ctx=ast.Store() | ast.Del()
            ):
                if root_of(part) in names | set(bound(tree)):
                    return True
            case ast.Attribute(attr="modules") if root_of(node) == "sys":
                return True
            case ast.ImportFrom(module="sys"):
                if "modules" in {each.name for each in node.names}:
                    return True
            case ast.Call(ast.Name("setattr" | "delattr"), [first, *_]):
                if root_of(first) in names | set(bound(tree)):
                    return True
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                if name.startswith("check_"):
                    return True
            case ast.Global(names=changed):
                if alias in changed:
                    return True
    made = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and not isinstance(
                part.ctx, ast.Load
            ):
                made.add(part.id)
    return alias in made or any(name.startswith("check_") for name in made)


def picture() -> dict[tuple, object]:
    """Return what the course, and what its checks stand on, consists of."""
    import torch

    course = [
        module
        for name, module in list(sys.modules.items())
        if name.split(".")[0] == "companion"
    ]
    used = {
        value
        for module in course
        for value in vars(module).values()
        if isinstance(value, types.ModuleType)
    }
    seen = {}
    for module in [*course, *used, os, torch.Tensor, builtins]:
        for key, value in list(vars(module).items()):
            place = module.__name__, key
            if callable(value):
                seen[place] = value
                code = getattr(value, "__code__", None)
                seen[*place, "code"] = code
            elif module in course and isinstance(value, PLAIN):
                seen[place] = repr(value)
    return seen


def unchanged(before: dict) -> bool:
    """Tell whether all that was there is there still."""
    now = picture()
    return all(
        now.get(key) == value
        if isinstance(value, str)
        else now.get(key) is value
        for key, value in before.items()
    )


# One exercise, in a process of its own ----------------------------------------


def said(error: BaseException) -> str:
    """Write an error in one line."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text[:SAID].removesuffix(": ")


def confine(limits: Limits) -> None:
    """Limit what this process may use, for good."""
    size = Path("/proc/self/statm")
    if size.exists():  # macOS heeds no limit of this kind
        pages = int(size.read_text().split()[0])
        most = pages * resource.getpagesize() + limits.memory * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def judge(
    text: str, exercise: Exercise, names: dict, own: types.ModuleType | None
) -> dict:
    """Run a submitted cell and ask the check, and then the private one; return
    what the CSV says. Both are taken before the cell runs.
    """
    from companion.checks import Answer

    tree = parsed(text)
    courses = {"companion", *bound(ast.parse(names["_imports"]))}
    if rewrites(tree, courses, exercise.check):
        raise Rewrites
    tree.body = [
        node for node in tree.body if (call(node) or [""])[0] != exercise.check
    ]
    asked = [eval(exercise.check, names), getattr(own, exercise.title, None)]
    before, answered = picture(), Answer
    file = f"<{exercise.title}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    space = {**names, "__name__": "__main__"}
    exec(compile(tree, file, "exec"), space)
    if exercise.name not in space:
        raise NameError(f"the cell does not define {exercise.name}")
    for private, ask in enumerate(filter(None, asked)):
        if not unchanged(before):
            raise Rewrites
        answer = ask(space[exercise.name])
        if not unchanged(before) or type(answer) is not answered:
            raise Rewrites
        if not answer:
            hint = "private case: " * private + answer.hint
            return {"verdict": "not yet", "hint": hint[:SAID]}
    return {"verdict": "right"}


def child(
    text: str,
    exercise: Exercise,
    names: dict,
    own: types.ModuleType | None,
    limits: Limits,
    pipes: dict[str, tuple[int, int]],
) -> None:
    """Be the process of one exercise; it ends here."""
    try:
        os.setsid()
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(pipes["printed"][1], 1)
        os.dup2(pipes["printed"][1], 2)
        confine(limits)
        try:
            result = judge(text, exercise, names, own)
        except Rewrites:
            result = {"verdict": "refused", "error": "rewrites the check"}
        except SyntaxError as error:
            result = {"error": f"line {error.lineno}: {said(error)}"}
        except BaseException as error:
            result = {"error": said(error)}
        nonce = os.read(pipes["nonce"][0], 64)
        os.write(
            pipes["verdict"][1], nonce + json.dumps(result).encode() + b"\n"
        )
    finally:
        os._exit(0)


def end(pid: int) -> str:
    """End a process with all that it started; say how it ended itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    # what left the group became a child of this process
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    for _ in range(100):
        left = children.read_text().split() if children.exists() else []
        if not left:
            break
        for each in map(int, left):
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(each, signal.SIGKILL)
                os.waitpid(each, 0)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return f"it was ended by {name} before the check had answered"
    return "it ended itself before the check had answered"


def run(
    text: str,
    exercise: Exercise,
    names: dict,
    own: types.ModuleType | None,
    limits: Limits,
) -> dict:
    """Grade one exercise and return what the CSV says of it."""
    sys.stdout.flush()
    start, nonce = time.monotonic(), secrets.token_hex(32).encode()
    pipes = {name: os.pipe() for name in ("verdict", "printed", "nonce")}
    pid = os.fork()
    if pid == 0:
        child(text, exercise, names, own, limits, pipes)
    for fd in (pipes["verdict"][1], pipes["printed"][1], pipes["nonce"][0]):
        os.close(fd)
    with contextlib.suppress(BrokenPipeError):
        os.write(pipes["nonce"][1], nonce)
    came, sizes, why = b"", {"verdict": 0, "printed": 0}, ""
    try:
        with selectors.DefaultSelector() as waiting:
            for name in sizes:
                waiting.register(pipes[name][0], selectors.EVENT_READ, name)
            open_ = set(sizes)
            # an end mark, for what the exercise started may hold the pipe open
            while "verdict" in open_ and not why and not came.endswith(b"\n"):
                left = start + limits.seconds - time.monotonic()
                if left <= 0:
                    why = f"it ran longer than {limits.seconds:g} s"
                    break
                for key, _ in waiting.select(left):
                    data = os.read(key.fd, 65536)
                    sizes[key.data] += len(data)
                    if not data:
                        waiting.unregister(key.fd)
                        open_.discard(key.data)
                    elif key.data == "verdict":
                        came += data
                    if sizes[key.data] > PRINTED:
                        why = f"it printed more than {PRINTED // 1000} kB"
    finally:  # also when the run is interrupted
        ended = end(pid)
    for fd in (pipes["verdict"][0], pipes["printed"][0], pipes["nonce"][1]):
        os.close(fd)
    seconds = {"seconds": f"{time.monotonic() - start:.1f}"}
    nothing = {"verdict": "no verdict"}
    if why:
        return nothing | seconds | {"error": why}
    if not came.startswith(nonce):
        why = "something else than the check answered" if came else ended
        return nothing | seconds | {"error": why}
    return nothing | seconds | json.loads(came.removeprefix(nonce))


# All of them ------------------------------------------------------------------


def cases(folder: Path | None, lab: str) -> types.ModuleType | None:
    """Load the private checks of a lab, where there are any."""
    path = folder / f"{lab}.py" if folder else None
    if path is None or not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(f"cases_{lab}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def grades(
    folder: Path, labs: Path, private: Path | None, limits: Limits
) -> Iterator[dict]:
    """Yield the lines of the CSV."""
    known = {path.stem: path for path in sorted(labs.glob("*.ipynb"))}
    spaces = {}
    for path in submitted(folder):
        student, lab = owner(path, folder, list(known))
        line = {"student": student, "lab": lab, "verdict": "no verdict"}
        if not lab:
            why = "no lab of the course: name it student-lab.ipynb"
            yield line | {"error": f"{path.name}: {why}"}
            continue
        try:
            cells = read_submitted(path)
        except ValueError as error:
            yield line | {"error": f"unreadable: {error}"[:SAID]}
            continue
        own = read_cells(known[lab])
        if lab not in spaces:
            names = {"_imports": imports(own)}
            exec(names["_imports"], names)
            spaces[lab] = names, cases(private, lab)
        for exercise in exercises(own):
            text = answer_to(exercise, own, cells)
            if text is None:
                result = {"verdict": "missing", "error": "it has no such cell"}
            else:
                result = run(text, exercise, *spaces[lab], limits)
            yield line | {"exercise": exercise.title} | result


def harmless(text: object) -> str:
    """Keep a table from taking a text for a formula."""
    text = str(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def cut_network(arguments: list[str]) -> None:
    """Begin anew where there is no network, if the system can do that."""
    if os.environ.get(ALONE):
        return
    os.environ[ALONE] = "1"
    unshare = shutil.which("unshare")
    alone = [unshare, "--user", "--map-root-user", "--net"]
    if (
        unshare
        and not subprocess.run([*alone, "true"], capture_output=True).returncode
    ):
        os.execv(unshare, [*alone, sys.executable, __file__, *arguments])
    print(
        "The network was not cut, for this system cannot: submitted code could"
        " use it.",
        flush=True,
    )


def main(arguments: list[str]) -> int:
    """Grade a folder and write the CSV."""
    parser = argparse.ArgumentParser(prog="make grade")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=Path("grades.csv"))
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--memory", type=int, default=1000, help="MB")
    asked = parser.parse_args(arguments)
    if asked.folder is None:
        sys.exit("Say which folder has the notebooks: make grade LABS=folder")
    for folder in filter(None, (asked.folder, asked.cases)):
        if not folder.is_dir():
            sys.exit(f"{folder} is no folder: make grade LABS=folder")
    cut_network(arguments)
    import torch  # takes seconds, which may be interrupted

    torch.set_num_threads(1)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    line, count = Line(), 0
    limits = Limits(asked.seconds, asked.memory)
    folder, out = asked.folder.resolve(), asked.out.resolve()
    private = asked.cases and asked.cases.resolve()
    with out.open("w", encoding="utf8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        with tempfile.TemporaryDirectory() as empty:
            os.chdir(empty)
            for row in grades(folder, ROOT / "notebooks", private, limits):
                table.writerow({k: harmless(v) for k, v in row.items()})
                file.flush()
                count += 1
                line.now(f"{count} exercises graded, {row['student']}")
            os.chdir(ROOT)
    line.done(f"{count} lines: {out}")
    return 0


if __name__ == "__main__":
    program(lambda: main(sys.argv[1:]))
