"""What starts the course of the archive: rights, ends of lines, folders with
spaces, computers without Python. The file for Windows is read, not run.
"""

import re
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import archive
import pytest

ROOT = Path(__file__).parents[1]
SENTENCE = "Python 3.8 or newer is missing: install it from python.org"


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The entries of an archive of a small site, and their bytes."""
    folder = tmp_path_factory.mktemp("archive")
    (folder / "site").mkdir()
    (folder / "site/index.html").write_text("<h1>Why?</h1>", encoding="utf8")
    archive.pack(folder / "site", folder / "course.zip")
    with zipfile.ZipFile(folder / "course.zip") as file:
        return {
            each.filename.removeprefix("course/"): (each, file.read(each))
            for each in file.infolist()
        }


@pytest.fixture
def course(packed, tmp_path):
    """The unpacked course in a folder that is hard to quote."""
    folder = tmp_path / "my course's $HOME & (2)"
    for name, (_, data) in packed.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def program(folder: Path, name: str, text: str) -> None:
    """Put a program into a folder."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf8")
    path.chmod(0o755)


def start(course: Path, found: Path, name: str = "start.sh"):
    """Start the course where only some programs are found."""
    (found / "dirname").symlink_to(shutil.which("dirname"))
    return subprocess.run(
        ["/bin/sh", course / name],
        env={"PATH": str(found), "CDPATH": "/"},
        cwd=found,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_is_run_may_be_run_and_nothing_else(packed):
    may = [
        name
        for name, (entry, _) in packed.items()
        if entry.external_attr >> 16 & stat.S_IXUSR
    ]
    assert sorted(may) == ["start.command", "start.sh"]
    assert all(entry.create_system == 3 for entry, _ in packed.values())


def test_ends_of_lines_are_those_of_the_system(packed):
    for name in ("start.bat", "README.txt", "LICENSE.txt"):
        data = packed[name][1]
        assert data.count(b"\n") == data.count(b"\r\n") > 5, name
    for name in ("start.sh", "start.command", "start.py"):
        assert b"\r" not in packed[name][1], name


@pytest.mark.parametrize("name", ["start.sh", "start.command"])
def test_a_folder_with_spaces_is_started_in(course, tmp_path, name):
    program(tmp_path, "python3", 'echo "$@"')
    done = start(course, tmp_path, name)
    assert done.stderr == "" and done.returncode == 0
    assert done.stdout.splitlines()[-1] == str(course / "start.py")


@pytest.mark.parametrize("python", [None, "exit 1"], ids=["none", "too old"])
def test_without_python_a_sentence_says_so(course, tmp_path, python):
    if python:
        program(tmp_path, "python3", python)
    done = start(course, tmp_path)
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.startswith(SENTENCE) and done.stdout.count("\n") == 1


def test_the_file_for_windows_quotes_its_folder_and_tries_each_python(packed):
    text = packed["start.bat"][1].decode("ascii")
    assert text.startswith("@echo off\r\n")
    assert text.count("%~dp0") == len(re.findall(r'"%~dp0[\w\\.]+"', text)) == 2
    assert re.search(r'in \("py -3" "python" "python3"\) do', text)
    assert "(3, 8)" in text and SENTENCE in text
    assert text.endswith("pause\r\n")  # the window stays, for what it says
    depth = 0
    for line in text.splitlines():
        bare = re.sub(r'"[^"]*"', "", line)
        depth += bare.count("(") - bare.count(")")
        assert depth >= 0, line
        if line.lstrip().startswith("echo "):
            assert not set("()<>|&^%!") & set(line), line
    assert depth == 0


def test_scripts_and_styles_have_their_types_on_every_system(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book/offline")
    import start as starter

    monkeypatch.setattr("mimetypes.guess_type", lambda *_: ("text/plain", None))
    handler = object.__new__(starter.Server)
    for name, kind in {"a.js": "text/javascript", "a.css": "text/css"}.items():
        assert handler.guess_type(name) == kind
