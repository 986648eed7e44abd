"""The wheel and the source archive hold the companion and nothing else, and
install; versions agree everywhere.
"""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from kept_files import copy_kept_files
from packaging.requirements import Requirement

import companion

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))[
    "project"
]
MODULES = {
    f"companion/{path.name}" for path in (ROOT / "companion").glob("*.py")
}


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command that must succeed, and return what it prints."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, encoding="utf8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(kind: str, source: Path) -> Path:
    """Build a wheel or an sdist from a folder with the setuptools that is
    installed, and return its file.
    """
    run(
        sys.executable,
        "-c",
        f"from setuptools import build_meta; build_meta.build_{kind}('dist')",
        cwd=source,
    )
    (archive,) = (source / "dist").iterdir()
    return archive


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """Build the source archive from a copy of everything that git keeps."""
    source = tmp_path_factory.mktemp("source")
    copy_kept_files(ROOT, source)
    return build("sdist", source)


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """Build the wheel from the source archive, as a reader's pip would."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build("wheel", folder / sdist.name.removesuffix(".tar.gz"))


def test_the_source_archive_holds_only_the_companion(sdist):
    with tarfile.open(sdist) as archive:
        names = {
            member.name.partition("/")[2]
            for member in archive
            if member.isfile()
        }
    about = {
        name
        for name in names
        if name.startswith("deep_learning_tested.egg-info/")
    }
    build_files = {
        "LICENSE",
        "MANIFEST.in",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        "setup.cfg",
    }
    assert names - about == MODULES | build_files


def test_the_wheel_holds_only_the_companion(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    about = {
        name
        for name in names
        if name.startswith(
            f"deep_learning_tested-{companion.__version__}.dist-info/"
        )
    }
    assert names - about == MODULES
    assert any(name.endswith("LICENSE") for name in about)


def test_the_wheel_installs_where_nothing_else_is(wheel, tmp_path):
    run(
        sys.executable,
        "-I",
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        tmp_path,
        wheel,
    )
    code = f"""
import sys
sys.path.append({str(tmp_path)!r})
import companion
from importlib.metadata import requires, version
name = "deep-learning-tested"
print(companion.__version__, version(name), *requires(name), sep="\\n")
"""
    first, second, *needed = run(
        sys.executable, "-I", "-S", "-c", code
    ).splitlines()  # -S: without what is installed
    assert first == second == companion.__version__
    assert set(map(Requirement, needed)) == set(
        map(Requirement, PROJECT["dependencies"])
    )


def test_every_dependency_has_a_lower_bound_only():
    for dependency in map(Requirement, PROJECT["dependencies"]):
        assert [bound.operator for bound in dependency.specifier] == [">="], (
            dependency
        )


def test_the_named_pythons_start_with_the_oldest_that_installs():
    assert (
        PROJECT["requires-python"]
        == ">=" + PROJECT["classifiers"][0].rpartition(" ")[2]
    )


def test_the_installed_version_is_that_of_the_companion():
    assert version("deep-learning-tested") == companion.__version__
