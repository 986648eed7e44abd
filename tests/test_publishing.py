"""The workflows: valid, pinned, with few rights, naming only what exists; their
longer steps; and the citation.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from archive import TARGET
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner
from course_pdf import TARGET as PDF

import companion

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text(encoding="utf8"))
    for path in FOLDER.glob("*.yml")
}
JOBS = {
    (name, job): content
    for name, workflow in WORKFLOWS.items()
    for job, content in workflow["jobs"].items()
}
PIN = re.compile(
    r"\.github/workflows/\w+\.yml|[\w-]+/[\w-]+@([0-9a-f]{40}  #"
    r" v\d+\.\d+\.\d+|v\d+)"
)
# Every right beyond reading the repository, and the job that needs it.
RIGHTS = {
    ("publish.yml", "pages"): {"pages": "write", "id-token": "write"},
    ("publish.yml", "archive"): {"contents": "write"},
    ("weekly.yml", "report"): {"issues": "write"},
}


def problems(*files: Path, schema: str = "github-workflows") -> str:
    """Return what is wrong by a schema that check-jsonschema brings along;
    nothing for valid files.
    """
    done = CliRunner().invoke(
        check_jsonschema,
        ["--builtin-schema", f"vendor.{schema}", *map(str, files)],
    )
    return "" if done.exit_code == 0 else done.output


def unpinned(text: str) -> list[str]:
    """Name the actions that are pinned neither by a commit with its version
    beside it nor by a tag.
    """
    uses = re.findall(r"uses: (?:\./)?(.+)", text)
    return [each for each in uses if not PIN.fullmatch(each)]


def commands() -> str:
    """Return everything the workflows run."""
    return "\n".join(
        step["run"]
        for job in JOBS.values()
        for step in job.get("steps", [])
        if "run" in step
    )


def test_all_workflows_are_valid():
    assert set(WORKFLOWS) == {"check.yml", "publish.yml", "weekly.yml"}
    assert problems(*FOLDER.glob("*.yml")) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [("runs-on:", "runs_on:"), ("contents: read", "contents: all")],
)
def test_an_invalid_workflow_is_named(tmp_path, old, new):
    text = (FOLDER / "check.yml").read_text(encoding="utf8")
    (tmp_path / "wrong.yml").write_text(text.replace(old, new), encoding="utf8")
    assert "wrong.yml" in problems(tmp_path / "wrong.yml")


def test_gitlab_runs_the_same_and_publishes_its_own_address():
    path = ROOT / ".gitlab-ci.yml"
    assert problems(path, schema="gitlab-ci") == ""
    jobs = yaml.safe_load(path.read_text(encoding="utf8"))
    assert jobs["check"]["script"] == [".ci/run"]
    assert jobs["check"]["artifacts"]["paths"] == ["_build/html"]
    assert jobs["pages"]["needs"] == ["check"]
    assert jobs["pages"]["stage"] == "deploy"
    step, publish = jobs["pages"]["script"]
    assert publish == "mv _build/html public"  # the one folder GitLab shows
    assert jobs["pages"]["artifacts"]["paths"] == ["public"]
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf8"))[
        "repository"
    ]["url"]
    for here, status in ((url, 0), ("https://gitlab.com/me/other", 1)):
        done = subprocess.run(
            ["bash", "-e", "-c", step],
            cwd=ROOT,
            env=os.environ | {"CI_PROJECT_URL": here},
            capture_output=True,
            encoding="utf8",
        )
        assert done.returncode == status
        assert (f"make repository URL={here}" in done.stdout) == bool(status)


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_actions_are_pinned(name):
    assert unpinned((FOLDER / name).read_text(encoding="utf8")) == []


def test_an_action_without_a_pin_is_named():
    assert unpinned("uses: a/b@main\nuses: a/b@v2\nuses: a/b") == [
        "a/b@main",
        "a/b",
    ]
    assert unpinned(
        f"uses: a/b@{'0' * 40}\nuses: ./.github/workflows/x.yml"
    ) == [f"a/b@{'0' * 40}"]


def test_no_job_has_more_rights_than_it_needs():
    assert all(
        workflow["permissions"] == {"contents": "read"}
        for workflow in WORKFLOWS.values()
    )
    assert {
        key: job["permissions"]
        for key, job in JOBS.items()
        if "permissions" in job
    } == RIGHTS


def test_no_job_runs_for_hours():
    assert [
        key
        for key, job in JOBS.items()
        if "steps" in job and job.get("timeout-minutes", 360) > 90
    ] == []


def test_a_checkout_leaves_no_token_behind():
    steps = [step for job in JOBS.values() for step in job.get("steps", [])]
    checkouts = [
        step
        for step in steps
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert len(checkouts) > 4
    assert all(
        step["with"]["persist-credentials"] is False for step in checkouts
    )


def test_the_commands_exist():
    targets = re.findall(
        r"^([\w-]+):",
        (ROOT / "Makefile").read_text(encoding="utf8"),
        re.MULTILINE,
    )
    named = re.findall(r"\bmake ([\w-]+)", commands())
    assert {"links", "test-colab", "repository"} <= set(named)
    assert [name for name in named if name not in targets] == []
    assert os.access(ROOT / ".ci" / "run", os.X_OK) and ".ci/run" in commands()


def test_linux_runs_every_session_of_nox_and_every_system_oldest_and_newest():
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "--list", "--json"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf8",
        check=True,
    )
    sessions = [session["session"] for session in json.loads(listed.stdout)]
    matrix = JOBS["check.yml", "versions"]["strategy"]["matrix"]
    assert set(sessions) == {
        *matrix["session"],
        *(extra["session"] for extra in matrix["include"]),
    }
    assert (
        {extra["os"] for extra in matrix["include"]}
        == {"ubuntu-latest"}
        <= set(matrix["os"])
    )
    assert matrix["session"] == [sessions[0], sessions[-1]]
    pythons = {session.rpartition("-")[2] for session in sessions}
    steps = JOBS["check.yml", "versions"]["steps"]
    assert pythons == set(
        next(
            step
            for step in steps
            if "with" in step and "python-version" in step["with"]
        )["with"]["python-version"].split()
    )


# The longer steps, run on stand-ins for GitHub and Colab ----------------------


def run_step(
    key: tuple[str, str], words: str, cwd: Path, **env: str
) -> subprocess.CompletedProcess:
    """Run the step whose name contains some words, in a folder, with the
    programs of cwd/bin first.
    """
    (step,) = (
        each for each in JOBS[key]["steps"] if words in each.get("name", "")
    )
    settings = {
        name: value
        for name, value in step.get("env", {}).items()
        if "${{" not in value
    }
    path = f"{cwd / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=cwd,
        env=os.environ | settings | env | {"PATH": path},
        capture_output=True,
        encoding="utf8",
    )


def stand_in(folder: Path, name: str, script: str) -> None:
    """Write a program that takes the place of another."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / name).write_text(
        f"#!/bin/sh\n{script}\n", encoding="utf8"
    )
    (folder / "bin" / name).chmod(0o755)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://github.com/OWNER/deep-learning-tested", 1),
        ("https://github.com/someone/deep-learning-tested", 1),
        ("https://github.com/me/course2", 1),
        ("https://github.com/me/course", 0),
        ("https://github.com/Me/Course", 0),
    ],
)
def test_nothing_is_published_from_a_copy_with_another_address(
    tmp_path, url, status
):
    config = (ROOT / "_config.yml").read_text(encoding="utf8")
    (tmp_path / "_config.yml").write_text(
        re.sub(r"^  url: .*", f"  url: {url}", config, flags=re.M),
        encoding="utf8",
    )
    here = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "me/course",
    }
    done = run_step(("publish.yml", "address"), "address", tmp_path, **here)
    assert done.returncode == status
    assert (
        "make repository URL=https://github.com/me/course" in done.stdout
    ) == bool(status)


def test_publishing_waits_for_the_tests_and_the_address():
    publishing = {
        key: job["needs"]
        for key, job in JOBS.items()
        if key[0] == "publish.yml" and "permissions" in job
    }
    assert len(publishing) == 2
    assert all(needs == ["check", "address"] for needs in publishing.values())


def test_a_repeated_run_publishes_the_site_of_its_own_attempt():
    upload = next(
        step
        for step in JOBS["check.yml", "test"]["steps"]
        if "upload-pages-artifact" in step.get("uses", "")
    )
    assert (
        upload["with"]["name"]
        == JOBS["check.yml", "test"]["outputs"]["site"]
        == "site-${{ github.run_attempt }}"
    )
    (deploy,) = JOBS["publish.yml", "pages"]["steps"]
    outputs = "${{ needs.check.outputs.site }}"
    assert deploy["with"]["artifact_name"] == outputs


def test_a_release_has_the_pdf_and_the_archive_of_its_own_attempt():
    job = JOBS["check.yml", "test"]
    made, upload = (s for s in job["steps"] if "release" in s.get("if", ""))
    assert made["run"].splitlines()[0] == "make pdf archive"
    for name in (TARGET, PDF):
        assert f"_build/{name.name}" in made["run"]
    assert upload["with"]["path"] == "_build/course"
    course = "course-${{ github.run_attempt }}"
    assert upload["with"]["name"] == job["outputs"]["course"] == course
    download = JOBS["publish.yml", "archive"]["steps"][0]
    assert download["with"]["name"] == "${{ needs.check.outputs.course }}"
    called = WORKFLOWS["check.yml"][True]["workflow_call"]["outputs"]
    assert called["course"]["value"] == "${{ jobs.test.outputs.course }}"


def test_a_release_gets_the_pdf_and_the_archive_with_checksums(tmp_path):
    for path in (TARGET, PDF):
        (tmp_path / path.name).write_text("Why?", encoding="utf8")
    subprocess.run(
        ["tar", "-cf", "artifact.tar", f"./{TARGET.name}", f"./{PDF.name}"],
        cwd=tmp_path,
        check=True,
    )
    stand_in(tmp_path, "gh", 'echo "$@"')
    tag = {"GITHUB_REF_NAME": "v0.1.0"}
    named = run_step(("publish.yml", "archive"), "Name", tmp_path, **tag)
    assert named.returncode == 0, named.stderr
    names = [f"deep-learning-tested-v0.1.0.{kind}" for kind in ("pdf", "zip")]
    sums = [f"{name}.sha256" for name in names]
    subprocess.run(["sha256sum", "--check", *sums], cwd=tmp_path, check=True)
    added = run_step(("publish.yml", "archive"), "Add", tmp_path, **tag).stdout
    assert added.split() == [
        "release",
        "upload",
        "v0.1.0",
        "--clobber",
        *sorted([*names, *sums]),
    ]


FREEZE = """\
absent-here==1
numpy==9.8.7
torch @ https://the.index/whl/cpu/torch-9.11.0%2Bcpu-cp313-cp313-manylinux_2_28_x86_64.whl
torch-other==4
torchvision @ https://the.index/whl/cpu/torchvision-0.99.1%2Bcpu-cp313-cp313-manylinux_2_28_x86_64.whl
"""
OS = (
    "# Written by something\nUbuntu 22.04.5 LTS\nPython 3.13.15\nR version"
    " 4.6.1\n"
)


def take(
    folder: Path, os_info: str, freeze: str
) -> subprocess.CompletedProcess:
    """Run the step that takes today's versions from Colab's list, on a list of
    ours.
    """
    (folder / "tests").mkdir()
    (folder / "tests/colab.txt").write_text(
        "# Of old\nnumpy==2\ntorch==2.1\ntorchvision==0.1\n", encoding="utf8"
    )
    (folder / "os-info").write_text(os_info, encoding="utf8")
    (folder / "pip-freeze").write_text(freeze, encoding="utf8")
    stand_in(
        folder,
        "curl",
        'for last; do :; done; cp "$(basename "$last" .txt)" "$5"',
    )
    files = {
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_ENV": str(folder / "env"),
    }
    return run_step(
        ("weekly.yml", "colab"), "today's versions", folder, **files
    )


def test_todays_versions_of_colab_are_taken(tmp_path):
    done = take(tmp_path, OS, FREEZE)
    assert done.returncode == 0, done.stdout + done.stderr
    taken = (tmp_path / "tests/colab.txt").read_text(encoding="utf8")
    assert taken == "numpy==9.8.7\ntorch==9.11.0\ntorchvision==0.99.1\n"
    assert (tmp_path / "output").read_text(encoding="utf8") == "python=3.13\n"
    assert (tmp_path / "env").read_text(
        encoding="utf8"
    ) == "PIP_EXTRA_INDEX_URL=https://the.index/whl/cpu\n"


@pytest.mark.parametrize(
    ("os_info", "freeze"),
    [
        ("", FREEZE),
        (OS, ""),
        (OS, "numpy==9.8.7\ntorch==9\n"),
        (OS, FREEZE.replace("numpy==", "numpy>=")),
    ],
)
def test_a_list_of_another_form_is_refused(tmp_path, os_info, freeze):
    done = take(tmp_path, os_info, freeze)
    assert done.returncode == 1
    assert "Colab's list has another form now" in done.stdout


@pytest.mark.parametrize(
    ("opened", "command"),
    [
        ("", "issue create --title The weekly check failed"),
        ("7", "issue comment 7"),
    ],
)
def test_a_failure_opens_an_issue_or_adds_to_the_open_one(
    tmp_path, opened, command
):
    stand_in(
        tmp_path, "gh", f'[ "$2" = list ] && printf "{opened}" || echo "$@"'
    )
    place = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "me/course",
        "GITHUB_RUN_ID": "5",
    }
    done = run_step(
        ("weekly.yml", "report"),
        "issue",
        tmp_path,
        **place,
        FAILED="failure, success, success",
    )
    assert done.stdout.startswith(command), done.stderr
    assert (
        "failure, success, success" in done.stdout
        and "https://github.com/me/course/actions/runs/5" in done.stdout
    )
    report = JOBS["weekly.yml", "report"]
    for result in ("failure", "cancelled"):
        assert f"contains(needs.*.result, '{result}')" in report["if"]
    assert {*report["needs"], "report"} == set(WORKFLOWS["weekly.yml"]["jobs"])


# The citation -----------------------------------------------------------------


def test_the_citation_names_this_version_and_address():
    assert problems(ROOT / "CITATION.cff", schema="citation-file-format") == ""
    citation = yaml.safe_load(
        (ROOT / "CITATION.cff").read_text(encoding="utf8")
    )
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf8"))
    assert citation["version"] == companion.__version__
    assert citation["repository-code"] == config["repository"]["url"]
    assert (citation["title"], citation["authors"]) == (
        config["title"],
        [{"name": config["author"]}],
    )


def test_a_citation_without_authors_is_refused(tmp_path):
    text = (
        (ROOT / "CITATION.cff")
        .read_text(encoding="utf8")
        .replace("authors:", "writers:")
    )
    (tmp_path / "CITATION.cff").write_text(text, encoding="utf8")
    assert "authors" in problems(
        tmp_path / "CITATION.cff", schema="citation-file-format"
    )
