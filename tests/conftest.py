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
