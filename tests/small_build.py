"""Builds of small books, each in a copy of one process that has imported what
every build needs.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import build_site

COPIES = multiprocessing.get_context("forkserver")
COPIES.set_forkserver_preload(
    "small_build companion.claims companion.plots scipy.stats myst_nb"
    " jupyter_book.cli.main sphinx_book_theme".split()
)


def build_into(folder: Path, read: Sequence[str]) -> None:
    """Build a book as make does; what it says goes into two files."""
    for stream in sys.stdout, sys.stderr:
        name = stream.name.strip("<>")
        os.dup2(
            os.open(folder / name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC),
            stream.fileno(),
        )
    build_site.ROOT = folder
    sys.exit(build_site.sphinx(*read))
