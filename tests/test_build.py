"""What make does with its programs: labs run side by side, pages built, stages
timed, an environment that is this folder's own.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import build_site
import claim_names
import environment
import labs
import nbformat
import progress
import pytest
import release
import replicate
import repository
import stages
import test_colab
from jupyter_cache import get_cache
from nbclient import NotebookClient
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parents[1]
CLAIM = "class ClaimError(Exception):\n    pass\n"


def write(path: Path, *cells: str) -> Path:
    """Write a lab with these code cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python"}},
    )
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def course(tmp_path, monkeypatch):
    """An empty course: its folder, with everything made in it."""
    for module in (labs, build_site, environment):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(labs, "STATE", tmp_path / "labs.json")
    monkeypatch.setattr(labs, "LOG", tmp_path / "log")
    (tmp_path / "companion").mkdir()
    (tmp_path / "log").mkdir()
    return tmp_path


@pytest.fixture
def cache(course):
    """An empty cache of executed labs."""
    cache = get_cache(course / "cache")
    yield cache
    cache.db.dispose()


# Labs side by side ------------------------------------------------------------


def test_labs_are_executed_into_the_cache_and_not_twice(course, cache, capsys):
    book = [write(course / f"{name}.ipynb", "print(2)") for name in "ab"]
    assert labs.execute_missing(book, cache) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Executing 2 labs")
    assert said[-1].endswith("(2 of 2)")
    notebook = nbformat.read(book[0], as_version=4)
    _, executed = cache.merge_match_into_notebook(notebook)
    assert executed.cells[0].outputs[0].text == "2\n"
    assert labs.execute_missing(book, cache) == 0
    assert capsys.readouterr().out == ""


def test_a_failing_lab_is_explained_and_the_others_run(course, cache, capsys):
    (course / "companion/claims.py").write_text("")
    bad = write(
        course / "bad.ipynb",
        CLAIM,
        "# the race\nraise ClaimError('first\\nIt gains above 5: \\x1b[31m2')",
    )
    good = write(course / "good.ipynb", "import sys\nprint(2)")
    assert labs.execute_missing([bad, good], cache) == 1
    said = capsys.readouterr().out
    assert "bad.ipynb, cell [2]: # the race" in said
    assert "ClaimError: It gains above 5: 2\n" in said
    assert "more seeds" in said and "never another bound" in said
    assert "Traceback" not in said and "\x1b" not in said
    log = (course / "log/bad.log").read_text(encoding="utf8")
    assert "Traceback" in log and "\x1b" not in log
    assert labs.read_state().keys() == {"good"}
    assert labs.execute_missing([good], cache) == 0


def test_labs_compute_in_one_thread(course):
    lab = write(course / "a.ipynb", "import os; os.environ['OMP_NUM_THREADS']")
    cell = labs.execute(lab).cells[0]
    assert cell.outputs[0].data["text/plain"] == "'1'"


FALSE = [
    "from companion.claims import claim\n"
    "claim('a', 'It is', [1.0, 2.0] * 5, above=5)",
    "claim('b', 'It is', [float('nan')] * 10, above=5)\n"
    "claim('c', 'It is', [1.0, 2.0] * 5, below=5)",
]


@pytest.fixture
def false(course, monkeypatch):
    """A lab whose first two claims are false, where no setting says what then
    is to be done.
    """
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    return write(course / "false.ipynb", *FALSE)


def test_in_a_readers_kernel_a_lab_goes_on_after_a_false_claim(false):
    notebook = nbformat.read(false, as_version=4)
    NotebookClient(notebook).execute()
    said = "".join(
        output.text
        for cell in notebook.cells
        for output in cell.outputs
        if output.output_type == "stream"
    )
    assert [line[0] for line in said.splitlines()] == ["✗", " ", "✗", " ", "✓"]


def test_a_false_claim_stops_the_lab_of_the_site(false):
    with pytest.raises(labs.Failed, match="ClaimError: It is more than 5"):
        labs.execute(false)


def test_a_false_claim_stops_the_comparison(false, monkeypatch):
    monkeypatch.setattr(labs, "ROOT", ROOT)
    with pytest.raises(labs.Failed, match="ClaimError"):
        labs.compare(false)


def test_a_false_claim_hides_none_from_replications_and_releases(false):
    assert release.replicate is replicate
    executed = replicate.execute(false, 0)
    held = {name: c["holds"] for name, c in replicate.claims(executed).items()}
    assert held == {"a": False, "c": True}
    assert replicate.other_errors(executed) == []
    assert replicate.unmade(executed) == ["its claim b was not made"]


def test_a_false_claim_stops_labs_that_sphinx_executes(monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "")
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    import claim_records

    claim_records.setup(mock.Mock())
    assert os.environ["COURSE_STRICT"]


def test_a_false_claim_stops_labs_in_the_readers_environment(tmp_path):
    reader = test_colab.Reader(tmp_path, None, tmp_path)
    assert reader.env["COURSE_STRICT"]


def test_the_longest_lab_runs_first(course, monkeypatch):
    monkeypatch.setattr(labs.os, "cpu_count", lambda: 1)
    book = [write(course / f"{name}.ipynb", name) for name in "abcd"]
    ran = []
    seconds = {"a": 1.0, "b": 3.0, "d": 2.0}
    labs.side_by_side("Running", book, ran.append, seconds)
    assert [lab.stem for lab in ran] == ["c", "b", "d", "a"]


def test_a_lab_runs_again_when_a_module_behind_it_changes(course):
    for name, text in {
        "__init__": "",
        "claims": "import math",
        "training": "from companion.claims import claim",
        "dropout": "from companion import training",
        "losses": "import companion.claims",
    }.items():
        (course / f"companion/{name}.py").write_text(text)
    lab = write(course / "a.ipynb", "from companion.dropout import mask")
    before = labs.key(lab, course)
    (course / "companion/losses.py").write_text("x = 1")
    assert labs.key(lab, course) == before
    (course / "companion/claims.py").write_text("x = 1")
    assert labs.key(lab, course) != before


@pytest.mark.parametrize("what", ["code", "tags", "seed", "pins"])
def test_a_lab_runs_again_when(course, monkeypatch, what):
    lab = write(course / "a.ipynb", "1")
    before = labs.key(lab, course)
    if what == "code":
        write(lab, "2")
    elif what == "tags":
        text = lab.read_text(encoding="utf8")
        lab.write_text(text.replace('"metadata": {}', '"metadata": {"a": 1}'))
    elif what == "seed":
        monkeypatch.setenv("COURSE_SEED", "41")
    else:
        (course / "requirements.txt").write_text("torch==1")
    assert labs.key(lab, course) != before


@pytest.fixture
def copies(course):
    """A lab before and after its address and branch are set: their texts."""
    texts = []
    for name, at in (("OWNER/name", ""), ("ada/course", "@autumn")):
        lab = write(
            course / "a.ipynb",
            f'REPOSITORY = "https://github.com/{name}"\n'
            f'f"git+{{REPOSITORY}}{at}"',
            "print(2)",
        )
        text = lab.read_text(encoding="utf8")
        form = '"metadata": {"cellView": "form"}'
        texts.append(text.replace('"metadata": {}', form, 1))
    return texts


def test_a_lab_with_another_address_does_not_run_again(
    course, cache, copies, monkeypatch
):
    lab = course / "a.ipynb"
    lab.write_text(copies[0], encoding="utf8")
    assert labs.execute_missing([lab], cache) == 0
    lab.write_text(copies[1], encoding="utf8")
    runs = labs.Failed("It ran.")
    monkeypatch.setattr(labs, "execute", mock.Mock(side_effect=runs))
    assert labs.execute_missing([lab], cache) == 0
    notebook = nbformat.read(lab, as_version=4)
    _, merged = cache.merge_match_into_notebook(notebook)  # as the site does
    set_up, cell = merged.cells
    assert "ada/course" in set_up.source and "@autumn" in set_up.source
    assert cell.outputs[0].text == "2\n" and cell.execution_count == 2
    assert labs.execute_missing([lab], cache) == 0
    lab.write_text(copies[1].replace("print(2)", "print(3)"), encoding="utf8")
    assert labs.execute_missing([lab], cache) == 1


def test_the_set_up_cell_of_a_copy_has_the_key_of_the_original(course):
    lab = ROOT / "notebooks/losses.ipynb"
    keys = set()
    for url, at in [
        ("https://github.com/OWNER/deep-learning-tested", "main"),
        ("https://gitlab.com/ada/course", "autumn/2"),
    ]:
        text = repository.with_set_up(url, lab.read_text("utf8"), at)
        (course / "a.ipynb").write_text(text, encoding="utf8")
        assert url in text and at in text
        keys.add(labs.key(course / "a.ipynb", ROOT))
    assert len(keys) == 1


def test_all_labs_of_the_book_have_a_key():
    assert len({labs.key(lab) for lab in labs.find_labs()}) == len(
        labs.find_labs()
    )


def test_a_lab_that_prints_something_else_now_fails_the_comparison(course):
    lab = write(course / "a.ipynb", "print(3)")
    notebook = nbformat.read(lab, as_version=4)
    notebook.cells[0].metadata["tags"] = ["nbval-check-output"]
    notebook.cells[0].execution_count = 1
    for text, fails in (("3\n", False), ("2\n", True)):
        notebook.cells[0].outputs = [
            nbformat.v4.new_output("stream", text=text)
        ]
        nbformat.write(notebook, lab)
        if fails:
            with pytest.raises(labs.Failed, match="compare-a"):
                labs.compare(lab)
        else:
            labs.compare(lab)


# Pages ------------------------------------------------------------------------

BEFORE = {"book/a.md": "1", "notebooks/a.ipynb": "1", "_config.yml": "1"}


@pytest.mark.parametrize(
    ("after", "pages"),
    [
        (BEFORE | {"book/a.md": "2"}, ["book/a"]),
        (BEFORE | {"notebooks/a.ipynb": "2"}, ["notebooks/a"]),
        (BEFORE | {"_config.yml": "2", "book/a.md": "2"}, []),
        (BEFORE | {"book/_ext/quiz.md": "2"}, []),
        (BEFORE | {"book/b.md": "2"}, []),
        ({"_config.yml": "1"}, []),
    ],
)
def test_pages_that_changed_are_read_all_when_something_else_did(after, pages):
    assert build_site.pages_to_read(BEFORE, after) == pages


def test_everything_the_site_shows_counts(monkeypatch):
    before = build_site.hashes()
    assert {
        "_config.yml",
        "_toc.yml",
        "book/index.md",
        "book/_ext/quiz.py",
        "book/assets/course.css",
        "companion/claims.py",
        "notebooks/losses.ipynb",
        "requirements.txt",
    } <= before.keys()
    monkeypatch.setenv("COURSE_SEED", "41")
    assert build_site.hashes() != before


# Around the work --------------------------------------------------------------


@pytest.mark.parametrize("seed", ["abc", "-1", "1.5", "", "²"])
@pytest.mark.parametrize("name", ["build_site.py", "stages.py"])
def test_a_wrong_seed_is_refused_before_anything_is_done(seed, name):
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / name],
        env={**os.environ, "COURSE_SEED": seed},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert "COURSE_SEED is a whole number of at least 0, such as 41; got" in (
        done.stderr
    )


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["release.py"], "draws the seeds itself: unset COURSE_SEED"),
        (["replicate.py", "7"], 'unset COURSE_SEED and write SEEDS="41"'),
    ],
)
def test_who_takes_seeds_elsewhere_refuses_a_course_seed(command, words):
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / command[0], *command[1:]],
        env={**os.environ, "COURSE_SEED": "41"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and words in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["build_site.py"],
        ["labs.py", "compare"],
        ["labs.py", "execute"],
        ["mutate_claims.py", "losses"],
        ["one_chapter.py", "losses"],
        ["release.py"],
        ["replicate.py", "41"],
        ["stages.py"],
    ],
    ids=" ".join,
)
def test_nothing_comes_of_the_pace_of_a_class_hour(command):
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / command[0], *command[1:]],
        env={**os.environ, "COURSE_PACE": "quick"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines() == [
        "COURSE_PACE is for a class: nothing is built, tested or published at"
        " that pace; unset COURSE_PACE"
    ]


def test_sphinx_builds_nothing_at_the_pace_of_a_class_hour(monkeypatch):
    monkeypatch.setenv("COURSE_PACE", "quick")
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    import claim_records

    with pytest.raises(ExtensionError, match="unset COURSE_PACE"):
        claim_records.setup(mock.Mock())


# The two that take the least time; make quick runs all.
@pytest.mark.parametrize("name", ["initialization", "losses"])
def test_a_lab_runs_at_the_pace_of_a_class_hour(name, tmp_path, monkeypatch):
    monkeypatch.setattr(labs, "LOG", tmp_path)
    monkeypatch.setenv("COURSE_STRICT", "1")  # of whoever builds
    lab = ROOT / "notebooks" / f"{name}.ipynb"
    cells = nbformat.read(lab, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    said = "\n".join(labs.quick(lab))
    assert len(re.findall(r"\(not tested: \d+ of ", said)) + len(
        re.findall(r"^✓", said, re.MULTILINE)
    ) == len(claim_names.made(code))


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("claim_exact('a', 'It is', 3, equals=2, tolerance=0)", "✗ It is"),
        ("claim('a', 'It is', [float('nan')] * 10, above=5)", "✗ It is"),
        ("claim('a', 'It is', [6.0, 7.0] * 5, above=5)", "no claim says"),
        ("claim('a', 'It is', [[6.0]], above=5)", "ValueError"),
    ],
)
def test_a_quick_lab_that_is_wrong_fails(cell, why, course):
    first = "from companion.claims import claim, claim_exact\n"
    lab = write(course / "a.ipynb", first + cell)
    notebook = nbformat.read(lab, as_version=4)
    notebook.cells[0].metadata["tags"] = ["nbval-check-output"]
    nbformat.write(notebook, lab)
    with pytest.raises(labs.Failed, match=why):
        labs.quick(lab)


def test_a_failed_command_is_logged(tmp_path, capsys):
    code = (
        "import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"
    )
    log = tmp_path / "log" / "a.log"
    assert progress.run_logged("Work", [sys.executable, "-c", code], log) == 3
    assert capsys.readouterr().out == "Work: 0 s\n"
    assert set(log.read_text().split()) == {"one", "two"}


def script(code: str) -> subprocess.Popen:
    """Start some Python that knows the programs of make."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_ctrl_c_ends_the_work_and_what_it_started_without_a_word():
    child = script(
        "import progress\n"
        "progress.program(lambda: progress.run(['sh', '-c',"
        " 'echo started; sleep 60 & wait']))"
    )
    assert child.stdout.readline() == "started\n"
    time.sleep(0.5)  # until it waits
    child.send_signal(signal.SIGINT)
    # The end of its output comes when the last of them has ended.
    assert child.communicate(timeout=20)[0] == ""
    assert child.returncode == 130


def test_a_second_make_says_that_it_waits(tmp_path):
    code = (
        "from pathlib import Path\nimport progress, sys\n"
        f"with progress.alone(Path({str(tmp_path)!r})):\n"
        "    print('mine', flush=True)\n    sys.stdin.read()"
    )
    with progress.alone(tmp_path):
        os.environ.pop(progress.HELD)  # the other make does not inherit it
        second = script(code)
        assert "Another make works" in second.stdout.readline()
        os.environ[progress.HELD] = str(tmp_path)
    assert second.communicate(timeout=20)[0] == "mine\n"


def test_a_program_started_by_the_holder_does_not_wait(tmp_path):
    with progress.alone(tmp_path), progress.alone(tmp_path):
        assert os.environ[progress.HELD] == str(tmp_path)
    assert progress.HELD not in os.environ


def test_the_table_has_every_stage():
    assert stages.table({"style": 3.2, "the site": 61.0}, 64.4).split("\n") == [
        "style         3 s",
        "the site     61 s",
        "together     64 s",
    ]


BAD, GOOD = ([[sys.executable, "-c", f"exit({n})"]] for n in (3, 0))
THREE = {"a": BAD + BAD, "b": GOOD, "c": BAD}


@pytest.mark.parametrize(
    ("go_on", "ran", "failed"), [(True, "abc", "a, c"), (False, "a", "a")]
)
def test_a_check_goes_on_after_a_failure_and_a_test_does_not(
    tmp_path, monkeypatch, capsys, go_on, ran, failed
):
    commands = []

    def run(command, **_):
        commands.append(command)
        return subprocess.call(command)

    monkeypatch.setattr(stages, "run", run)
    monkeypatch.setattr(stages, "STAGES", THREE)
    monkeypatch.setattr(stages, "LOG", tmp_path)
    monkeypatch.setattr(stages, "alone", contextlib.nullcontext)
    with pytest.raises(SystemExit, match=f"This failed: {failed}[.]"):
        stages.main(list(THREE), go_on)
    said = capsys.readouterr().out.splitlines()
    assert said == [f"== {name}" for name in ran]
    assert len(commands) == (4 if go_on else 1)


def test_a_check_says_all_and_a_test_stops():
    text = (ROOT / "Makefile").read_text(encoding="utf8")
    assert re.findall(r"stages\.py(.*)", text) == [
        "",
        ' --go-on style "modules, doctests, repository"',
        ' "labs against the site"',
    ]


@pytest.mark.parametrize("port", ["busy", "99999", "x"])
def test_a_port_that_cannot_be_had_is_said_in_a_sentence(tmp_path, port):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1]) if port == "busy" else port
        done = subprocess.run(
            [sys.executable, ROOT / "tests/serve.py", tmp_path, port],
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.startswith(f"Port {port} cannot be used")
    assert "make serve PORT=8001" in done.stdout


# The environment --------------------------------------------------------------


@pytest.fixture
def folder(course, monkeypatch):
    """A folder whose environment is complete, with nothing really installed."""
    monkeypatch.setattr(environment, "VENV", course / ".venv")
    monkeypatch.setattr(environment, "READY", course / ".venv/.ready")
    for name in environment.MADE_FROM:
        (course / name).write_text("#no-deps: d2l==1\n")
        os.utime(course / name, (1, 1))
    (course / ".venv").mkdir()
    (course / ".venv/.ready").write_text(f"{course}\n")
    return course


def test_an_environment_is_ready_for_its_own_folder_and_pins(folder):
    assert environment.is_ready()
    (folder / ".venv/.ready").write_text("/elsewhere\n")
    assert not environment.is_ready()
    (folder / ".venv/.ready").write_text(f"{folder}\n")
    os.utime(folder / "constraints.txt", (2e9, 2e9))
    assert not environment.is_ready()
    (folder / ".venv/.ready").unlink()
    assert not environment.is_ready()


def test_an_environment_of_another_folder_is_made_anew(folder, monkeypatch):
    steps = []
    monkeypatch.setattr(environment, "step", lambda _, c, hint: steps.append(c))
    (folder / ".venv/.ready").write_text("/elsewhere\n")
    (folder / ".venv/old").touch()

    def made(_, command, hint):
        steps.append([str(part) for part in command])
        packages.mkdir(parents=True, exist_ok=True)

    packages = folder / ".venv/lib/python3/site-packages"
    monkeypatch.setattr(environment, "step", made)
    environment.make()
    assert steps[0][1:3] == ["-m", "venv"]
    assert {"d2l==1", "--no-deps", "-e"} <= set(steps[-1])
    assert not (folder / ".venv/old").exists()
    assert (folder / ".venv/.ready").read_text() == f"{folder}\n"
    assert "rfc3987_syntax" in (packages / "quick.pth").read_text()


def test_reading_a_notebook_is_soon_begun():
    code = "import nbformat, sys; assert 'lark' not in sys.modules"
    assert subprocess.call([sys.executable, "-c", code]) == 0


def test_a_link_to_another_environment_is_taken_away_not_followed(
    folder, monkeypatch, tmp_path_factory
):
    other = tmp_path_factory.mktemp("other")
    (other / ".ready").write_text("/elsewhere\n")
    (folder / ".venv/.ready").unlink()
    (folder / ".venv").rmdir()
    (folder / ".venv").symlink_to(other)
    monkeypatch.setattr(
        environment,
        "step",
        lambda *_: (folder / ".venv/lib/python3/site-packages").mkdir(
            parents=True, exist_ok=True
        ),
    )
    environment.make()
    assert (other / ".ready").read_text() == "/elsewhere\n"


def test_a_failed_step_says_what_failed_and_what_to_try(
    folder, monkeypatch, capsys
):
    monkeypatch.setattr(environment, "LOG", folder / "log")
    code = "print('WARNING: Location'); print('ERROR: no torch'); exit(1)"
    with pytest.raises(SystemExit, match=r"(?s)failed: Work.+Try: again"):
        environment.step("Work", [sys.executable, "-c", code], "again")
    said = capsys.readouterr().out
    assert "ERROR: no torch" in said and "Location" not in said


def test_git_is_looked_for_first(folder, monkeypatch):
    monkeypatch.setattr(environment.shutil, "which", lambda _: None)
    with pytest.raises(SystemExit, match="install git"):
        environment.make()
    assert (folder / ".venv/.ready").exists()


# Ctrl-C ----------------------------------------------------------------------

# What each target starts last, replaced by something that loads for ever.
LOADS = "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"
STARTS = {
    "test": "tests/stages.py",
    "check": "tests/stages.py",
    "one": "tests/one_chapter.py",
    "chapter": "tests/new_chapter.py",
    "site": "tests/build_site.py",
    "book": "tests/build_site.py",
    "nbval": "tests/build_site.py",
    "again": "tests/labs.py",
    "test-colab": "pytest.py",
    "links": "tests/links.py",
    "lab": "jupyterlab.py",
    "strip": "tests/lab_copies.py",
    "serve": "tests/serve.py",
    "pdf": "tests/course_pdf.py",
    "archive": "tests/archive.py",
    "student": "tests/editions.py",
    "solutions": "tests/editions.py",
    "grade": "tests/grade.py",
    "quick": "tests/labs.py",
    "bench": "benchmarks/bench_a.py",
    "audit": "tests/audit.py",
    "replicate": "tests/replicate.py",
    "mutate-claims": "tests/mutate_claims.py",
    "release": "tests/release.py",
    "repository": "tests/repository.py",
    "constraints": "tests/constraints.py",
}


@pytest.fixture
def made(tmp_path):
    """A folder with the Makefile and an environment that is this one."""
    for name in ("tests", "benchmarks", "notebooks", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in [*environment.MADE_FROM, "_config.yml"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    for name in ("Makefile", "tests/progress.py", "tests/quiet.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / ".venv/.ready").write_text(f"{tmp_path}\n")
    return tmp_path


@pytest.mark.parametrize("target", STARTS)
def test_ctrl_c_is_one_line_in_every_target(made, target):
    for name in set(STARTS.values()) - {STARTS[target]}:
        (made / name).write_text("")
    if target == "lab":
        shutil.copy(ROOT / "tests/lab_copies.py", made / "tests")
    if target == "serve":  # what is built already
        (made / "_build/html").mkdir(parents=True)
        (made / "_build/html/index.html").touch()
    (made / STARTS[target]).write_text(LOADS)
    make = subprocess.Popen(
        ["make", target, "ARGS=--allow-root"],
        cwd=made,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
    )
    if target == "constraints":  # what it says goes into a file
        time.sleep(1)
    else:
        assert make.stdout.readline() == "begun\n"
    os.killpg(make.pid, signal.SIGINT)
    said = make.communicate(timeout=20)[0].splitlines()
    # One line, or three where make lost count of what it waits for.
    assert said and all(line.startswith("make: ***") for line in said), said
    assert len(said) == 1 or "No child processes" in said[0], said


def test_every_target_is_interrupted():
    text = (ROOT / "Makefile").read_text(encoding="utf8")
    (names,) = re.findall(r"^\.PHONY: (help .*)", text, re.MULTILINE)
    assert set(names.split()) - {"help", "clean"} == STARTS.keys()


def test_make_lets_python_keep_what_it_has_compiled():
    shown = subprocess.run(
        ["make", "--eval", "show: ; @env", "show"],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    ).stdout
    assert "PYTHONUTF8=1" in shown
    assert "PYTHONDONTWRITEBYTECODE" not in shown
