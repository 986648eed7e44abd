"""Pack the course for a classroom without network, as
``_build/deep-learning-tested.zip``: ``python tests/archive.py``.

It holds the built site, what starts it on each system, and the labs with the
companion beside them, where their set-up cell finds it. The same course gives
the same bytes.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from progress import ROOT, program

SITE = ROOT / "_build" / "html"
TARGET = ROOT / "_build" / "deep-learning-tested.zip"
# What browsers refuse to pages that are opened as files, and say so.
PRELOAD = re.compile(rb'<link\b[^>]*rel="preload"[^>]*>')
# Windows wants its own ends of lines in what it runs and in its notepad.
FOR_WINDOWS = {"start.bat", "README.txt", "LICENSE.txt"}
LONG_AGO = (1980, 1, 1, 0, 0, 0)
# Only a server reads it, at the address that the course is published at.
LEFT_OUT = {"404.html", "sitemap.xml", "objects.inv", ".buildinfo"}


def members(site: Path, root: Path = ROOT) -> Iterator[tuple[str, bytes]]:
    """Yield the names and the bytes of all that is packed."""
    for path in sorted((root / "book" / "offline").glob("*.*")):
        data = path.read_bytes()
        yield path.name, data
        if path.name == "start.sh":
            yield "start.command", data
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site)
        if path.is_file() and name.as_posix() not in LEFT_OUT:
            data = path.read_bytes()
            if path.suffix == ".html":
                data = PRELOAD.sub(b"", data)
            yield f"site/{name.as_posix()}", data
    for path in sorted(root.glob("notebooks/*.ipynb")):
        yield f"labs/{path.name}", path.read_bytes()
    for path in sorted(root.glob("companion/*.py")):
        yield f"labs/companion/{path.name}", path.read_bytes()
    yield "LICENSE.txt", (root / "LICENSE").read_bytes()


def pack(site: Path, target: Path) -> None:
    """Write the archive; all is in one folder, and starters may be run."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members(site):
            if name in FOR_WINDOWS:
                data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            entry = zipfile.ZipInfo(f"{target.stem}/{name}", LONG_AGO)
            entry.create_system = 3  # Unix, for the rights
            entry.compress_type = zipfile.ZIP_DEFLATED
            starts = name.endswith((".sh", ".command"))
            entry.external_attr = (0o100755 if starts else 0o100644) << 16
            archive.writestr(entry, data)


def main() -> int:
    """Pack the site that is built."""
    pack(SITE, TARGET)
    print(f"{TARGET}: {TARGET.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    program(main)
