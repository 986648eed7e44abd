"""Settings and fixtures of the tests. Property tests try the same examples on
every machine, and may be slow. Nothing is tested at the pace of a class hour.
"""

import os

import IPython
import pytest
from hypothesis import settings
from IPython.core.displaypub import CapturingDisplayPublisher

os.environ.pop("COURSE_PACE", None)
pytest.register_assert_rewrite("exercises")
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")


# Fixtures of the tests of the site that are made once for many.
MADE = ["joined", "unpacked", "dropout", "refused", "book", "toy_site", "wrong"]


def order(item) -> int:
    """Return the place of a test among those of the site: what shares a fixture
    comes first, and last what only reads pages, which are parsed once.
    """
    names = item.fixturenames
    if not {"browser", "tmp_path", *MADE} & set(names):
        return len(MADE) + 1
    return min(
        MADE.index(name) if name in MADE else len(MADE) for name in names
    )


def pytest_collection_modifyitems(items):
    """Let few of the processes that run the tests of the site do things twice:
    each begins with a part of the tests, then takes of another's last ones.
    """
    of_the_site = any(item.path.name == "test_site.py" for item in items)
    if of_the_site and "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=order)


@pytest.fixture
def shell(monkeypatch):
    """A stand-in for a notebook of the build: IPython's own capturing
    publisher.
    """
    monkeypatch.setenv("COURSE_STRICT", "1")

    class Shell:
        display_pub = CapturingDisplayPublisher()

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    Shell.display_pub.outputs.clear()
    return Shell.display_pub
