"""Settings and fixtures of the tests. Property tests try the same examples on
every machine, and may be slow.
"""

import IPython
import pytest
from hypothesis import settings
from IPython.core.displaypub import CapturingDisplayPublisher

pytest.register_assert_rewrite("exercises")
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Where workers take tests by group, let one worker do all that need a
    fixture which their file names in MADE_ONCE, such as a small book, and one
    all that only read pages, so that each is read once. The others go anywhere.
    """
    if config.getoption("dist", "no") != "loadgroup":
        return
    for item in items:
        needs = set(item.fixturenames)
        shared = needs & set(getattr(item.module, "MADE_ONCE", ()))
        if shared or not needs & {"browser", "tmp_path"}:
            group = min(shared, default="pages")
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def shell(monkeypatch):
    """A stand-in for a notebook: IPython's own capturing publisher."""

    class Shell:
        display_pub = CapturingDisplayPublisher()

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    Shell.display_pub.outputs.clear()
    return Shell.display_pub
