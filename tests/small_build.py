"""Builds of small books, each in a copy of one process that has imported what
every build needs.
"""

import functools
import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.context import BaseContext
from pathlib import Path

import build_site


@functools.cache
def copies() -> BaseContext:
    """Return what starts such a copy."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        "small_build companion.claims companion.plots scipy.stats myst_nb"
        " jupyter_book.cli.main sphinx_book_theme".split()
    )
    return context


def build_into(folder: Path, read: Sequence[str]) -> None:
    """Build a book as make does; what it says goes into two files."""
    for stream, name in (sys.stdout, "stdout"), (sys.stderr, "stderr"):
        file = os.open(folder / name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(file, stream.fileno())
    build_site.ROOT = folder
    sys.exit(build_site.sphinx(*read))
