"""Build the site: ``python tests/build_site.py``.

The labs that are missing are executed first, then Sphinx reads the pages that
changed since the last build that succeeded, and writes all pages, for any page
may show what another one says: a title, a claim, a misconception. When
something other than pages and labs has changed, such as the settings, an
extension or the companion, everything is read anew.
"""

import functools
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import labs
from progress import (
    LOG,
    ROOT,
    alone,
    check_pace,
    check_seed,
    program,
    run_logged,
)

BUILD = ROOT / "_build"
SITE = BUILD / "html"
STATE = BUILD / "site.json"
SHOWN = ["companion", "book", "notebooks", "*.txt", "_config.yml", "_toc.yml"]
SHOWN += ["replications.json"]
PAGES = ["book/*.md", "notebooks/*.ipynb"]
PASSED_BY = {"__pycache__", ".ipynb_checkpoints"}


def hashes() -> dict[str, str]:
    """Return a hash of everything that the site shows, by name."""
    found = {"Python": sys.version, "seed": os.environ.get("COURSE_SEED", "")}
    for pattern in SHOWN:
        for path in ROOT.glob(pattern):
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in files:
                if file.is_file() and not PASSED_BY & set(file.parts):
                    name = file.relative_to(ROOT).as_posix()
                    found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def pages_to_read(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Name the pages that have changed, or none where all are to be read."""
    changed = [
        name for name in {**old, **new} if old.get(name) != new.get(name)
    ]
    if all(
        name in old
        and name in new
        and any(Path(name).match(pattern) for pattern in PAGES)
        for name in changed
    ):
        return [str(Path(name).with_suffix("")) for name in changed]
    return []


def sphinx(
    *docnames: str, edition: str = "", output: Path | None = None
) -> int:
    """Let Jupyter Book build an edition with a process per core; without names
    all pages are read anew.
    """
    from jupyter_book import sphinx as book
    from jupyter_book.cli.main import main as jupyter_book
    from pybtex import plugin

    # every citation asks the disk for the same plug-ins
    plugin._load_entry_point = functools.cache(plugin._load_entry_point)
    book.build_sphinx = functools.partial(
        book.build_sphinx,
        jobs=os.cpu_count() or 1,
        force_all=True,
    )
    os.environ["COURSE_READ"] = " ".join(docnames)
    os.environ["COURSE_EDITION"] = edition
    options = ["-W", "-n", "--keep-going", *([] if docnames else ["--all"])]
    options += ["--path-output", str(output)] if output else []
    return jupyter_book(["build", str(ROOT), *options])


def write_pages(command: list, log: Path) -> bool:
    """Run a build, say what went wrong, and return whether all went well."""
    if not run_logged("Writing the pages", command, log, cwd=ROOT):
        return True
    said = log.read_text(encoding="utf8").splitlines()
    marks = ("WARNING", "ERROR", "rror:")
    said = [s for s in said if any(m in s for m in marks)] or said
    print("\n".join(said[-40:]))
    print(f"The site is not complete: read the lines above, or {log}")
    return False


def main() -> int:
    """Build what is not up to date; return the exit status."""
    check_seed()
    check_pace()
    with alone():
        if labs.main("execute"):
            return 1
        new = hashes()
        old = json.loads(STATE.read_text()) if STATE.exists() else {}
        if new == old and (SITE / "index.html").exists():
            return 0
        docnames = pages_to_read(old, new)
        if not docnames:
            STATE.unlink(missing_ok=True)
            shutil.rmtree(BUILD / "jupyter_execute", ignore_errors=True)
        shutil.rmtree(SITE, ignore_errors=True)
        command = [sys.executable, __file__, "sphinx", *docnames]
        if not write_pages(command, LOG / "site.log"):
            return 1
        STATE.write_text(json.dumps(new, indent=1))
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["sphinx"]:
        sys.exit(sphinx(*sys.argv[2:]))
    program(main)
