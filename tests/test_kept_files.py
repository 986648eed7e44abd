"""The files of a folder that git would keep."""

import subprocess

from kept_files import copy_kept_files, kept_files


def test_a_folder_without_history_has_kept_files(tmp_path):
    """What comes of a ZIP file is not a repository of git."""
    for name in ("a.py", "sub/b.md", "_build/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".gitignore").write_text("_build/\n")
    names = [".gitignore", "a.py", "sub/b.md"]
    assert kept_files(tmp_path) == [tmp_path / name for name in names]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "add", "a.py"], check=True)
    assert kept_files(tmp_path) == [tmp_path / name for name in names]
    (tmp_path / "a.py").unlink()  # git still has it
    assert kept_files(tmp_path) == [tmp_path / name for name in names[::2]]


def test_a_copy_has_the_kept_files(tmp_path):
    """It has folders, and nothing that git ignores."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "sub").mkdir(parents=True)
    (old / "sub" / "b.md").write_text("b")
    (old / "c.pyc").write_text("c")
    (old / ".gitignore").write_text("*.pyc\n")
    copy_kept_files(old, new)
    assert (new / "sub" / "b.md").read_text() == "b"
    assert not (new / "c.pyc").exists()
