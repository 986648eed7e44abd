"""The reader's environment: Colab's versions, an empty folder, no checkout, and
a lab's set-up cell as it stands.

The environment with Colab's versions is kept in _build/colab. Every test gets a
fresh one on top of it, which sees the packages below and takes what the set-up
cell installs.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest
import replicate
import repository
from constraints import normal, pins
from kept_files import copy_kept_files
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
LABS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
BASE = ROOT / "_build" / "colab"
COLAB_PYTHON = "3.13"
URL = "https://github.com/reader/deep-learning-tested"
NOT_OURS = (
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "COURSE_SEED",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_WORK_TREE",
)


def run(*command: str | Path, **settings) -> subprocess.CompletedProcess:
    """Run a command, and fail with what it said if it fails."""
    done = subprocess.run(
        command, capture_output=True, encoding="utf8", **settings
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def base():
    """An environment with Colab's versions: its folder, and in words where it
    differs from Colab.
    """
    said, wanted = (
        BASE / "said.txt",
        (ROOT / "tests/colab.txt").read_text(encoding="utf8"),
    )
    nearest = pins((ROOT / "requirements.txt").read_text(encoding="utf8"))
    key = (
        f"{sys.version}\n{nearest['torch']}\n{nearest['torchvision']}\n{wanted}"
    )
    if (
        not said.exists()
        or (BASE / "key.txt").read_text(encoding="utf8") != key
    ):
        shutil.rmtree(BASE, ignore_errors=True)
        venv.create(BASE, with_pip=True)
        said.with_name("key.txt").write_text(key, encoding="utf8")
        said.write_text(build(pins(wanted), nearest), encoding="utf8")
    return BASE


def build(wanted: dict[str, str], nearest: dict[str, str]) -> str:
    """Install Colab's versions and say where they differ from Colab's."""
    install = [
        BASE / "bin/python",
        "-m",
        "pip",
        "install",
        "-q",
        "--only-binary",
        ":all:",
    ]
    differs = (
        []
        if sys.version.startswith(COLAB_PYTHON)
        else [f"Python {sys.version.split()[0]}, not {COLAB_PYTHON}"]
    )
    both = {name: wanted.pop(name) for name in ("torch", "torchvision")}
    exact = subprocess.run(
        [*install, *(f"{name}=={v}+cpu" for name, v in both.items())],
        capture_output=True,
    )
    if (
        exact.returncode
    ):  # the packages that torch needs are then replaced by Colab's
        differs += [
            f"{name} {nearest[name]}, not {v}" for name, v in both.items()
        ]
        run(*install, f"torch=={nearest['torch']}")
        run(*install, "--no-deps", f"torchvision=={nearest['torchvision']}")
    run(*install, "--no-deps", *(f"{name}=={v}" for name, v in wanted.items()))
    return ", ".join(differs)


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """The repository as it stands, committed, with its address set by the code
    behind `make repository`.
    """
    copy = tmp_path_factory.mktemp("source")
    copy_kept_files(ROOT, copy)
    repository.main(copy, URL)
    run("git", "init", "-q", cwd=copy)
    run("git", "add", "-A", cwd=copy)
    run(
        "git",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.example",
        "commit",
        "-qm",
        "As it stands",
        cwd=copy,
    )
    return copy


class Reader:
    """A reader's machine: a fresh environment and an empty folder; the
    repository's address leads to `source`.
    """

    def __init__(self, folder: Path, below: Path | None, source: Path):
        self.folder = folder / "empty"
        self.folder.mkdir()
        venv.create(folder / "env")
        (self.site,) = (folder / "env").glob("lib/python*/site-packages")
        if below:
            (below,) = below.glob("lib/python*/site-packages")
            (self.site / "colab.pth").write_text(f"{below}\n", encoding="utf8")
        self.python = folder / "env/bin/python"
        self.env = {
            name: value
            for name, value in os.environ.items()
            if name not in NOT_OURS
        }
        self.env |= {
            "COURSE_STRICT": "1",
            "TQDM_DISABLE": "1",
            "OMP_NUM_THREADS": "2",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self.env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": URL}
        self.lead_to(source)

    def lead_to(self, source: Path) -> None:
        """Let git take the repository from a folder."""
        self.env["GIT_CONFIG_KEY_0"] = f"url.{source.as_uri()}.insteadOf"

    def execute(self, lab: Path) -> nbformat.NotebookNode:
        """Run the lab in the empty folder, in a kernel of the environment."""
        kernel = self.folder.parent / "jupyter/kernels/reader/kernel.json"
        kernel.parent.mkdir(parents=True)
        command = [
            str(self.python),
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ]
        kernel.write_text(
            json.dumps(
                {
                    "argv": command,
                    "display_name": "reader",
                    "language": "python",
                }
            )
        )
        alone = shutil.copy(lab, self.folder)
        notebook = nbformat.read(alone, as_version=4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JUPYTER_PATH", str(kernel.parents[2]))
            client = NotebookClient(
                notebook,
                kernel_name="reader",
                timeout=900,
                resources={"metadata": {"path": str(self.folder)}},
            )
            client.execute(env=self.env)
        return notebook

    def set_up(
        self, cell: str, before: str = ""
    ) -> subprocess.CompletedProcess:
        """Run a set-up cell in a process of its own, after some lines that
        change what it finds.
        """
        code = before + cell
        return subprocess.run(
            [self.python, "-c", code],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            encoding="utf8",
        )

    def installed(self) -> dict[str, str]:
        """Return name, version and place of everything that is installed."""
        code = (
            "from importlib.metadata import distributions as all\nfor d in"
            " all(): print(d.name, d.version, d._path)"
        )
        lines = run(
            self.python, "-c", code, cwd=self.folder, env=self.env
        ).stdout.splitlines()
        return {
            line.split()[0]: line for line in reversed(lines)
        }  # the first that Python finds is the one that counts


@pytest.fixture
def reader(tmp_path, base, source):
    """A reader on Colab."""
    return Reader(tmp_path, base, source)


def cell_of(root: Path, slug: str = LABS[0]) -> str:
    """Return the set-up cell of a lab."""
    return "".join(
        json.loads(
            (root / f"notebooks/{slug}.ipynb").read_text(encoding="utf8")
        )["cells"][2]["source"]
    )


def last_line(done: subprocess.CompletedProcess) -> str:
    """Return the sentence with which a failed cell ends."""
    assert done.returncode == 1, done.stdout
    return done.stderr.splitlines()[-1]


def test_the_versions_are_colabs_or_what_differs_is_said(reader, capsys):
    said = (BASE / "said.txt").read_text(encoding="utf8")
    with capsys.disabled():
        print(f"\nas on Colab but for: {said or 'nothing'}")
    found = {
        normal(name): line.split()[1]
        for name, line in reader.installed().items()
    }
    for name, v in pins(
        (ROOT / "tests/colab.txt").read_text(encoding="utf8")
    ).items():
        assert (
            found[name].partition("+")[0] == v
            or f"{name} {found[name].partition('+')[0]}, not {v}" in said
        )


@pytest.mark.parametrize("slug", LABS)
def test_lab_alone(slug, reader, source):
    before = reader.installed()
    notebook = reader.execute(source / "notebooks" / f"{slug}.ipynb")
    claims = replicate.claims(notebook)
    assert claims and all(claim["holds"] for claim in claims.values())
    after = reader.installed()
    assert {name: after[name] for name in before} == before
    uses_d2l = "USES_D2L = True" in notebook.cells[2].source
    assert set(after) - set(before) == {
        "deep-learning-tested",
        *["d2l"] * uses_d2l,
    }
    assert str(reader.site) in after["deep-learning-tested"]
    text = notebook.cells[2].outputs[0].text
    assert re.fullmatch(
        r"Jupyter, Python [\d.]+, torch \S+, numpy [\d.]+, companion [\d.]+,"
        r" device cpu.*\n",
        text,
    ), text


def test_a_half_finished_install_is_completed_and_a_repeat_needs_nothing(
    reader, source, tmp_path
):
    (reader.site / "companion").mkdir()
    (reader.site / "companion/__init__.py").write_text("")
    done = reader.set_up(cell_of(source))
    assert done.stdout.count("\n") == 1 and "companion 0" in done.stdout, (
        done.stderr
    )
    assert (reader.site / "companion/claims.py").exists()
    reader.lead_to(tmp_path / "nowhere")
    reader.env["PATH"] = ""
    again = reader.set_up(cell_of(source))
    assert again.stdout == done.stdout, again.stderr


def test_no_network(reader, source, tmp_path):
    reader.lead_to(tmp_path / "nowhere")
    sentence = (
        f"RuntimeError: pip failed, see above: check the network and {URL},"
        " then run this cell again."
    )
    assert last_line(reader.set_up(cell_of(source))) == sentence


@pytest.mark.parametrize(
    "said",
    [
        "fatal: could not read Username for 'https://github.com': terminal"
        " prompts disabled",
        "remote: Repository not found.",
    ],
)
def test_a_private_repository(said):
    """Pip says what git said; no environment is needed for this."""
    source = repository.SET_UP.replace("<url>", URL).replace("<at>", "")
    source = source.replace("<uses_d2l>", "False")
    source = source.replace('whole("companion"', 'whole("nothing"')
    fail = (
        "import subprocess\n"
        "def run(*_, env, **__):\n"
        "    assert env['GIT_TERMINAL_PROMPT'] == '0'\n"
        f"    said = {'git clone ... did not run. ' + said!r}\n"
        "    return subprocess.CompletedProcess([], 1, '', said)\n"
        "subprocess.run = run\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", fail + source], capture_output=True, text=True
    )
    assert last_line(done).startswith(f"RuntimeError: {URL} is private, or")


def test_no_git(reader, source):
    reader.env["PATH"] = ""
    assert last_line(reader.set_up(cell_of(source))).startswith(
        "RuntimeError: git is missing: install it"
    )


def test_an_old_python(reader, source):
    ast.parse(cell_of(source), feature_version=(3, 7))
    done = reader.set_up(
        cell_of(source), "import sys\nsys.version_info = (3, 10, 9)\n"
    )
    assert re.fullmatch(
        r"RuntimeError: Python is [\d.]+, but the course needs 3.11: choose a"
        r" newer .+",
        last_line(done),
    )


@pytest.mark.parametrize(
    ("package", "old", "oldest"),
    [("torch", "2.5.1+cpu", "2.6"), ("numpy", "1.26.4", "2.0")],
)
def test_an_old_package(reader, source, package, old, oldest):
    assert f'"{package}>={oldest}"' in (ROOT / "pyproject.toml").read_text(
        encoding="utf8"
    )
    done = reader.set_up(
        cell_of(source), f"import {package}\n{package}.__version__ = {old!r}\n"
    )
    wanted = (
        f"{package} {old} is too old: run '%pip install -U"
        f" {package}>={oldest}', then restart the kernel."
    )
    assert last_line(done) == f"RuntimeError: {wanted}"


def test_an_install_that_the_kernel_does_not_see(reader, source, tmp_path):
    elsewhere = f'"--target", {str(tmp_path / "elsewhere")!r}, "--no-deps"'
    cell = cell_of(source).replace('"--no-deps"', elsewhere)
    sentence = (
        "companion is installed, but this kernel does not see it: restart it,"
        " run this cell again."
    )
    assert last_line(reader.set_up(cell)) == f"RuntimeError: {sentence}"


def test_an_address_that_nobody_set(reader, source):
    cell = cell_of(source).replace(
        URL, "https://github.com/OWNER/deep-learning-tested"
    )
    assert "does not know its address: put it in REPOSITORY above" in last_line(
        reader.set_up(cell)
    )


def test_a_bare_jupyter_without_torch(tmp_path, source):
    done = Reader(tmp_path, None, source).set_up(cell_of(source))
    assert (
        "run '%pip install torch scipy scikit-learn matplotlib tqdm' in a new"
        " cell" in last_line(done)
    )


def test_a_machine_with_a_gpu(reader, source):
    reader.env["PYTHONPATH"] = str(source)
    done = reader.set_up(
        cell_of(source),
        "import torch\ntorch.cuda.is_available = lambda: True\n",
    )
    assert done.stdout.endswith(
        "device cpu (a GPU is here, the labs do not need it)\n"
    ), done.stderr


def test_a_checkout_installs_nothing(reader, source, tmp_path):
    before = reader.installed()
    reader.lead_to(tmp_path / "nowhere")
    reader.env |= {"PYTHONPATH": str(source), "PATH": ""}
    done = reader.set_up(cell_of(source))
    assert re.fullmatch(r"Jupyter, .+ device cpu.*\n", done.stdout), done.stderr
    del reader.env["PYTHONPATH"]
    assert reader.installed() == before
