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


# What is made once for many tests; and the pages that are parsed.
MADE = ["toy_site", "book", "wrong", "refused", "dropout", "joined", "unpacked"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Let one process run all tests that share what is costly to make, where
    several run them: ``--dist loadgroup``.
    """
    for item in items:
        names = getattr(item, "fixturenames", ())
        groups = [name for name in MADE if name in names]
        if not {"browser", "tmp_path"} & set(names):
            groups.append("pages")
        if groups:
            item.add_marker(pytest.mark.xdist_group(groups[0]))


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
