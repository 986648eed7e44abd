"""Read the pages anew that have changed since the last build that succeeded.

Sphinx itself compares times with those of its last reading. After a build that
failed it would pass by a faulty page whose warning was already given.
"""

import os

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def changed_pages(
    app: Sphinx,
    env: BuildEnvironment,
    added: set[str],
    changed: set[str],
    removed: set[str],
) -> list[str]:
    """Name the pages that the build says have changed."""
    return os.environ.get("COURSE_READ", "").split()


def setup(app: Sphinx) -> dict:
    """Add these pages to those that Sphinx reads, and let it read several at
    a time.
    """
    app.connect("env-get-outdated", changed_pages)
    # It does not say whether it allows that. It works after all have been read.
    app.setup_extension("sphinx_multitoc_numbering")
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
