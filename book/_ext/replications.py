"""What ``replications.json`` says of the claims: on how many fresh sets of
seeds they held.

``make release`` writes the file. What it says of a lab counts only as long as
the lab, the modules of companion behind it and the pins are those that ran.
"""

import ast
import functools
import hashlib
import json
from pathlib import Path

NAME = "replications.json"
SET_UP = "cellView"  # the set-up cell is a form; it decides nothing


@functools.cache
def imported(source: str) -> frozenset[str]:
    """Name the modules of companion that some Python imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = (name.split(".") for name in names)
    return frozenset(
        part[1] for part in parts if part[0] == "companion" and part[1:]
    )


def fingerprint(lab: Path, root: Path) -> str:
    """Return one hash of all that decides what a lab finds on given seeds: its
    code, the modules of companion behind it, and the pins.
    """
    cells = [
        "".join(cell["source"])
        for cell in json.loads(lab.read_text(encoding="utf8"))["cells"]
        if cell["cell_type"] == "code" and SET_UP not in cell["metadata"]
    ]
    modules, new = {"__init__"}, imported("\n".join(cells))
    while new - modules:
        modules |= new
        paths = (root / "companion" / f"{name}.py" for name in modules)
        new = {
            name
            for path in paths
            if path.is_file()
            for name in imported(path.read_text(encoding="utf8"))
        }
    files = [root / f"companion/{name}.py" for name in sorted(modules)]
    files += [root / "requirements.txt", root / "constraints.txt"]
    found = hashlib.sha256(json.dumps(cells).encode())
    for path in filter(Path.is_file, files):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def read(root: Path) -> dict:
    """Return the file, or an empty one where there is none."""
    path = root / NAME
    if not path.exists():
        return {"used": [], "labs": {}, "failures": []}
    return json.loads(path.read_text(encoding="utf8"))


def replications(lab: Path, root: Path) -> dict[str, dict]:
    """Return, for each claim of a lab that stands as it ran, its runs: of each
    seed the estimate, or None, and whether the claim held.
    """
    known = read(root)["labs"].get(lab.stem)
    if known is None or known["hash"] != fingerprint(lab, root):
        return {}
    return known["claims"]
