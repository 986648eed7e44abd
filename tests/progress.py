"""Say what long work is at: on a terminal in one line that is rewritten,
elsewhere in one line for each part that is done.

What other programs print goes into log files in ``_build/log``.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOG = ROOT / "_build" / "log"
HELD = "COURSE_LOCK_HELD"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Line:
    """The one line of a terminal, or nothing where there is no terminal."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.terminal = sys.stdout.isatty()

    def seconds(self) -> float:
        """Return how long the work has taken."""
        return time.monotonic() - self.start

    def now(self, text: str) -> None:
        """Show what is going on."""
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", flush=True)

    def done(self, text: str) -> None:
        """Print what stays."""
        print(f"\r\x1b[K{text}" if self.terminal else text, flush=True)


def stop(child: subprocess.Popen) -> None:
    """End a child that has a group of its own, and all that it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
            child.wait(5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def run(command: list, **settings) -> int:
    """Run a command in a group of its own and return its status; what ends
    this process ends the command as well.
    """
    child = subprocess.Popen(command, start_new_session=True, **settings)
    try:
        return child.wait()
    except BaseException:
        stop(child)
        raise


def run_logged(what: str, command: list, log: Path, **settings) -> int:
    """Run a command whose output goes into a log file; meanwhile a terminal
    shows its last line.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    line, last = Line(), [""]
    child = subprocess.Popen(
        command,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf8",
        errors="replace",
        **settings,
    )

    def read() -> None:
        with log.open("w", encoding="utf8") as file, child.stdout:
            for text in child.stdout:
                text = COLOURS.sub("", text)
                file.write(text)
                last[0] = text.strip() or last[0]

    reader = threading.Thread(target=read)
    reader.start()
    try:
        while reader.is_alive():
            line.now(f"{what}: {line.seconds():.0f} s  {last[0]}")
            reader.join(0.5)
        status = child.wait()
    except BaseException:
        stop(child)
        raise
    line.done(f"{what}: {line.seconds():.0f} s")
    return status


@contextmanager
def alone(folder: Path = ROOT) -> Iterator[None]:
    """Hold the folder's lock; when another make holds it, say so and wait."""
    if os.environ.get(HELD) == str(folder):
        yield
        return
    path = folder / "_build" / "lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make works in this folder: waiting for it ...")
            sys.stdout.flush()
            fcntl.flock(file, fcntl.LOCK_EX)
        os.environ[HELD] = str(folder)
        try:
            yield
        finally:
            del os.environ[HELD]


def check_seed() -> None:
    """Refuse a COURSE_SEED that no lab takes, before anything is done."""
    seed = os.environ.get("COURSE_SEED", "0")
    if not (seed.isascii() and seed.isdigit()):
        sys.exit(
            f"COURSE_SEED is a whole number of at least 0, such as 41; got"
            f" {seed!r}"
        )


def check_pace() -> None:
    """Refuse the pace of a class hour, which tests nothing, before anything is
    done.
    """
    if os.environ.get("COURSE_PACE"):
        sys.exit(
            "COURSE_PACE is for a class: nothing is built, tested or published"
            " at that pace; unset COURSE_PACE"
        )


def program(main) -> None:
    """Run a script's main function. Ctrl-C ends it without a traceback, for
    make says that it was interrupted.
    """
    try:
        status = main()
    except KeyboardInterrupt:
        status = 130
    sys.stdout.flush()
    os._exit(status) if status == 130 else sys.exit(status)
