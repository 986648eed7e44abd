"""The companion's unit tests on the oldest and on the newest versions that
pyproject.toml allows.

`nox` runs every session whose Python is on this machine and names those it
skips; `nox -s oldest` runs one. The workflow check.yml has all three Pythons
and runs every session on Linux, the first and the last also on macOS and
Windows, which only it can. `make test` tests the pinned versions of
requirements.txt, and d2l_bridge with them.
"""

import re
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
DEPENDENCIES = PROJECT["project"]["dependencies"]
PINS = dict(
    re.findall(
        r"^([\w-]+)==(\S+)$",
        Path("requirements.txt").read_text(encoding="utf8"),
        re.MULTILINE,
    )
)
TOOLS = [
    f"{name}=={PINS[name]}"
    for name in (
        *("pytest", "pytest-xdist", "hypothesis", "ipykernel", "expecttest"),
    )
] + ["nbformat"]

nox.options.download_python = "never"


def test(session: nox.Session, *versions: str) -> None:
    """Install the companion with these versions, and run its unit tests and
    doctests.
    """
    session.install("--upgrade", "-e", ".", *versions, *TOOLS)
    session.run("python", "-m", "pip", "list")
    names = sorted(
        path.stem
        for path in Path("companion").glob("[!_]*.py")
        if path.stem != "d2l_bridge"
    )
    files = [
        file
        for name in names
        for file in (f"companion/{name}.py", f"tests/test_{name}.py")
    ] + ["tests/test_against_torch.py"]
    workers = ("--numprocesses", "auto", "--dist", "loadfile")
    session.run(
        "python",
        "-m",
        "pytest",
        "-q",
        *workers,
        "README.md",
        *files,
        env={"OMP_NUM_THREADS": "1"},
    )


@nox.session(python=PYTHONS[:1])
def oldest(session: nox.Session) -> None:
    """Test the lower bounds of pyproject.toml, on the oldest Python."""
    test(
        session,
        *(dependency.replace(">=", "==") for dependency in DEPENDENCIES),
    )


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """Test the newest versions, on each Python."""
    test(session)
