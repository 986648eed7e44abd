"""Labs to work in, apart from those of the course.

``python tests/lab_copies.py copy`` puts a copy of every lab into ``my_labs``,
which git ignores. A copy that its reader has changed is never touched; one that
is as it was made follows the lab. ``python tests/lab_copies.py strip`` takes
outputs and an editor's traces out of the labs of the course, and ``python
tests/lab_copies.py open`` opens JupyterLab on the copies.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from progress import ROOT, program, stop

FOLDER = "my_labs"
MADE = ".made.json"
LANGUAGE = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def fingerprint(notebook: Path) -> str:
    """Return a hash of the cells a reader can change, outputs aside."""
    cells = nbformat.read(notebook, as_version=4).cells
    whole = [[cell.cell_type, cell.source] for cell in cells]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def copy(root: Path) -> list[str]:
    """Copy every lab that is new or newer than its copy, and return a sentence
    for each that was not copied because its reader has changed it.
    """
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    record, kept = folder / MADE, []
    made = json.loads(record.read_text("utf8")) if record.exists() else {}
    for lab in sorted((root / "notebooks").glob("*.ipynb")):
        mine, now = folder / lab.name, fingerprint(lab)
        if mine.exists() and made.get(lab.name) == now:
            continue
        if mine.exists() and fingerprint(mine) not in (
            made.get(lab.name),
            now,
        ):
            kept.append(
                f"{FOLDER}/{lab.name} has your changes and stays; there is a"
                " newer lab: rename yours to get it"
            )
            continue
        mine.write_bytes(lab.read_bytes())
        made[lab.name] = now
    record.write_text(json.dumps(made, indent=1), encoding="utf8")
    return kept


def strip(root: Path) -> list[str]:
    """Bring every lab into the form in which it is stored, and return the
    names of those that were not.
    """
    changed = []
    for lab in sorted((root / "notebooks").glob("*.ipynb")):
        old = lab.read_text(encoding="utf8")
        notebook = json.loads(old)
        for cell in notebook["cells"]:
            for name in ("collapsed", "execution", "scrolled", "trusted"):
                cell["metadata"].pop(name, None)
            if cell["cell_type"] == "code":
                cell |= {"execution_count": None, "outputs": []}
        notebook["metadata"] = LANGUAGE
        new = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        if new != old:
            lab.write_text(new, encoding="utf8", newline="\n")
            changed.append(f"notebooks/{lab.name} stripped")
    return changed


def open_lab(root: Path, *options: str) -> int:
    """Show the copies in JupyterLab until Ctrl-C. What it says goes on to the
    terminal, except its last words.
    """
    if os.geteuid() == 0 and "--allow-root" not in options:
        sys.exit(
            "JupyterLab starts as root only where you allow it: make lab"
            " ARGS=--allow-root"
        )
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.root_dir=."]
    command += [f"--LabApp.default_url=/lab/tree/{FOLDER}", *options]
    lab = subprocess.Popen(
        command,
        cwd=root,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        for line in lab.stdout:
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
        return lab.wait()
    except BaseException:
        stop(lab)
        raise


def main(what: str, *options: str) -> int:
    """Copy or strip, and say what was kept or changed; or open the copies."""
    work = strip if what == "strip" else copy
    for sentence in work(ROOT):
        print(sentence, flush=True)
    return open_lab(ROOT, *options) if what == "open" else 0


if __name__ == "__main__":
    program(lambda: main(*sys.argv[1:]))
