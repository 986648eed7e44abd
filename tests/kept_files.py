"""The files of a folder that git would keep, also where it has no history, as
in a ZIP file from the web.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path


def kept_files(root: Path) -> list[Path]:
    """Return every file that git does not ignore."""
    with tempfile.TemporaryDirectory() as empty:
        git = ["git", f"--git-dir={empty}", f"--work-tree={root}"]
        subprocess.run(
            ["git", "init", "--bare", "-q", empty],
            check=True,
            capture_output=True,
        )
        listed = subprocess.run(
            [*git, "ls-files", "-o", "-z", "--exclude-standard"],
            cwd=root,
            check=True,
            capture_output=True,
            encoding="utf8",
        ).stdout
    names = sorted(filter(None, listed.split("\0")))
    return [root / name for name in names if (root / name).is_file()]


def copy_kept_files(root: Path, target: Path) -> None:
    """Copy every file that git does not ignore into another folder."""
    for file in kept_files(root):
        copy = target / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
