"""Make the environment ``.venv``: ``python3 tests/environment.py``.

It needs Python 3.11 or newer and nothing else. Interrupted, it starts again;
``.venv/.ready`` is written last and names the folder, for an environment that
was moved or copied runs the package of another folder.
"""

import os
import shutil
import subprocess
import sys

from progress import LOG, ROOT, alone, program, run_logged

VENV = ROOT / ".venv"
READY = VENV / ".ready"
PY = VENV / "bin" / "python"
MADE_FROM = ["requirements.txt", "constraints.txt", "pyproject.toml"]
MADE_FROM += ["companion/__init__.py"]
# jsonschema, which reads every notebook, would load a grammar of foreign
# addresses: more than a second at every start, and no notebook has any.
QUICK = "import sys; sys.modules.setdefault('rfc3987_syntax', None)\n"
# Lines "#no-deps: name==version" are installed without their dependencies.
NO_DEPS = "#no-deps: "


def is_ready() -> bool:
    """Say whether the environment is that of this folder and up to date."""
    return (
        READY.exists()
        and READY.read_text(encoding="utf8").strip() == str(ROOT)
        and all(
            (ROOT / name).stat().st_mtime <= READY.stat().st_mtime
            for name in MADE_FROM
        )
    )


def is_usable() -> bool:
    """Say whether the environment was complete once, and in this folder."""
    return (
        READY.exists()
        and READY.read_text(encoding="utf8").strip() == str(ROOT)
        and subprocess.call([PY, "-c", "import pip"], stderr=subprocess.DEVNULL)
        == 0
    )


def step(what: str, command: list, hint: str) -> None:
    """Run one step; a step that fails ends all with what it said and a hint."""
    log = LOG / "environment.log"
    env = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    if run_logged(what, command, log, cwd=ROOT, env=env):
        said = log.read_text(encoding="utf8").splitlines()
        errors = [line for line in said if not line.startswith("WARNING")]
        print("\n".join(errors[-15:]))
        sys.exit(f"\nThis step failed: {what}. The log: {log}\nTry: {hint}")


def make() -> None:
    """Make the environment, or complete it."""
    if shutil.which("git") is None:
        sys.exit(
            "This step failed: looking for git\nTry: install git with the"
            " package manager of your system"
        )
    usable = is_usable()
    if VENV.is_symlink():  # to the environment of another folder
        VENV.unlink()
    READY.unlink(missing_ok=True)
    if not usable:
        shutil.rmtree(VENV, ignore_errors=True)
        step(
            "Creating the environment .venv",
            [sys.executable, "-m", "venv", VENV],
            "on Debian and Ubuntu install the package python3-venv",
        )
    # Python compiles what is used when it is first used, and on every core.
    pip = [PY, "-m", "pip", "install", "--no-compile"]
    text = (ROOT / "requirements.txt").read_text(encoding="utf8")
    bare = [
        line.removeprefix(NO_DEPS)
        for line in text.splitlines()
        if line.startswith(NO_DEPS)
    ]
    step(
        "Installing the packages of requirements.txt (the first time minutes)",
        [*pip, "-r", "requirements.txt", "-c", "constraints.txt"],
        "check the network and the disk (3 GB are needed) and repeat the"
        " command; downloads are kept",
    )
    step(
        f"Installing {' '.join(bare)} and this folder's companion",
        [*pip, "--no-deps", "--no-build-isolation", *bare, "-e", "."],
        "check the network and repeat the command; then: make clean",
    )
    (packages,) = VENV.glob("lib/python*/site-packages")
    (packages / "quick.pth").write_text(QUICK, encoding="utf8")
    READY.write_text(f"{ROOT}\n", encoding="utf8")


def main() -> int:
    """Make the environment unless it is there by now."""
    with alone():
        if not is_ready():
            make()
    return 0


if __name__ == "__main__":
    program(main)
