"""A pytest plugin for nbval: do not compare the invisible records that claims
leave for the pages.

They hold every digit of a number, and pages need not show all of them. What a
claim prints is compared.
"""

from collections.abc import Iterator

import pytest

RECORD = "application/papermill.record/"
KINDS = (
    "text/plain",
    "text/html",
    "text/latex",
    "application/json",
    "image/png",
    "image/svg+xml",
)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Iterator[None]:
    """Add the record types to what each collected notebook leaves out of its
    comparison.
    """
    collected = yield
    for notebook in collected:
        if hasattr(notebook, "skip_compare"):
            notebook.skip_compare = (
                *notebook.skip_compare,
                *(RECORD + kind for kind in KINDS),
            )
    return collected
