"""Write the repository's address, its branch and the title of the course into
every file that names them: ``make repository URL=https://github.com/you/name
BRANCH=main TITLE="My course"``.

``_config.yml`` is the one place where they stand as data. What is not given
stays; what follows from it is written, such as the set-up cell of a new lab.
What could not be changed is said.
"""

import argparse
import json
import re
from pathlib import Path

import yaml

UNSET = "OWNER"
NAMING = [
    "*.md",
    "*.toml",
    "*.cff",
    "book/*.md",
    "notebooks/*.ipynb",
    ".github/*/*.yml",
    "_config.yml",
]
# Where the title stands. The package and the copyright keep their names.
TITLED = ["README.md", "CITATION.cff", "book/index.md"]
TITLED += ["book/offline/README.txt", "_config.yml"]
COLAB = re.compile(
    r"(?<=colab\.research\.google\.com/github/)[^/\s]+/[^/\s]+/blob/[^/\s]+/"
)
# The first code cell of every lab. It needs no IPython, and any Python 3 can
# read it. Its code is folded away: on Colab (cellView; the title stays), in
# JupyterLab (source_hidden) and on the site (hide-input).
FOLDED = {
    "cellView": "form",
    "jupyter": {"source_hidden": True},
    "tags": ["hide-input"],
}
SET_UP = """\
# @title Set-up: installs the course's package where it is missing
import importlib
import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import which

REPOSITORY = "<url>"
USES_D2L = <uses_d2l>
if sys.version_info < (3, 11):
    raise RuntimeError(
        f"Python is {platform.python_version()}, but the course needs 3.11:"
        " choose a newer runtime."
    )

needed = ["torch", "scipy", "sklearn", "matplotlib", "tqdm"]
absent = " ".join(name for name in needed if find_spec(name) is None)
absent = absent.replace("sklearn", "scikit-learn")
if absent:
    raise RuntimeError(
        f"Packages are missing: run '%pip install {absent}' in a new cell,"
        " then this cell again."
    )

import numpy
import torch

for package, oldest in [(torch, (2, 6)), (numpy, (2, 0))]:
    if tuple(map(int, package.__version__.split(".")[:2])) < oldest:
        name = package.__name__
        wanted = f"{name}>={oldest[0]}.{oldest[1]}"
        hint = f"run '%pip install -U {wanted}', then restart the kernel."
        raise RuntimeError(f"{name} {package.__version__} is too old: {hint}")


def whole(name, project):  # of an installed package, pip writes RECORD last
    spec = find_spec(name)
    folder = Path(spec.origin).parents[1] if spec and spec.origin else None
    return folder and (
        not folder.name.endswith("-packages")
        or any(folder.glob(f"{project}-*.dist-info/RECORD"))
    )


sources = ["d2l==1.0.3"] if USES_D2L and not whole("d2l", "d2l") else []
if not whole("companion", "deep_learning_tested"):
    sources.append(f"git+{REPOSITORY}<at>")
    if "/OWNER/" in REPOSITORY:
        raise RuntimeError(
            "This copy does not know its address: put it in REPOSITORY above"
            " and run this cell again."
        )
    if not which("git"):
        raise RuntimeError(
            "git is missing: install it as your system installs programs,"
            " then run this cell again."
        )
if sources:
    pip = [sys.executable, "-m", "pip", "install", "-q"]
    pip += ["--no-deps", "--ignore-installed", *sources]
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}  # no one answers here
    done = subprocess.run(pip, capture_output=True, text=True, env=env)
    if done.returncode:
        print(done.stderr)
        asked = ["could not read Username", "not found", "Authentication"]
        if "git clone" in done.stderr and any(s in done.stderr for s in asked):
            raise RuntimeError(
                f"{REPOSITORY} is private, or is not there: labs install the"
                " course from a public repository. In a whole copy of the"
                " course they need no repository."
            )
        raise RuntimeError(
            f"pip failed, see above: check the network and {REPOSITORY},"
            " then run this cell again."
        )
    importlib.invalidate_caches()
    if find_spec("companion") is None:
        raise RuntimeError(
            "companion is installed, but this kernel does not see it:"
            " restart it, run this cell again."
        )

import companion

where = "Colab" if "google.colab" in sys.modules else "Jupyter"
device = "cpu"
if torch.cuda.is_available():
    device = "cpu (a GPU is here, the labs do not need it)"
print(
    f"{where}, Python {platform.python_version()},"
    f" torch {torch.__version__}, numpy {numpy.__version__},"
    f" companion {companion.__version__}, device {device}"
)"""


def address(root: Path) -> str:
    """Return the address of the repository."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf8"))[
        "repository"
    ]["url"]


def branch(root: Path) -> str:
    """Return the branch that is published."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf8"))[
        "repository"
    ]["branch"]


def title(root: Path) -> str:
    """Return the title of the course."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf8"))[
        "title"
    ]


def on_github(url: str) -> bool:
    """Say whether a repository is on GitHub, from which alone Colab opens."""
    return url.startswith("https://github.com/")


def name_of(url: str) -> str:
    """Return owner and name of the repository, as in you/name."""
    if not re.fullmatch(
        r"https://git(hub|lab)\.com/[A-Za-z0-9-]+/[\w.-]*[\w-]", url, re.ASCII
    ) or url.endswith(".git"):
        raise SystemExit(
            "URL is an address such as https://github.com/you/name, without"
            f" .git or a final /, on github.com or gitlab.com; got {url!r}"
        )
    return url.split("/", 3)[3]


def pages_of(url: str) -> str:
    """Return the name of the computer on which pages of the owner are shown."""
    host = "github" if on_github(url) else "gitlab"
    return f"{name_of(url).split('/')[0]}.{host}.io"


def prefix(url: str) -> str:
    """Return the path under which GitHub or GitLab Pages show the site of a
    repository.
    """
    name = name_of(url).split("/")[1]
    return "/" if name.lower() == pages_of(url).lower() else f"/{name}/"


def site(url: str) -> str:
    """Return the address at which GitHub or GitLab Pages show the site of a
    repository.
    """
    return f"https://{pages_of(url)}{prefix(url)}"


def set_up(url: str, cells: list[dict], branch: str = "main") -> str:
    """Return the set-up cell of a lab with these cells."""
    rest = "".join(
        "".join(cell["source"])
        for cell in cells[3:]
        if cell["cell_type"] == "code"
    )
    uses_d2l = (
        re.search(
            r"^\s*(from|import) [^#\n]*\bd2l(_bridge)?\b", rest, re.MULTILINE
        )
        is not None
    )
    at = "" if branch == "main" else f"@{branch}"
    return (
        SET_UP.replace("<url>", url)
        .replace("<uses_d2l>", str(uses_d2l))
        .replace("<at>", at)
    )


def with_set_up(url: str, lab: str, branch: str = "main") -> str:
    """Return the text of a lab with the set-up cell as it should be."""
    notebook = json.loads(lab)
    source = set_up(url, notebook["cells"], branch).splitlines(keepends=True)
    notebook["cells"][2] |= {"metadata": FOLDED, "source": source}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def with_address(old: str, new: str, path: Path, at: str = "main") -> str:
    """Return the text of a file with the new address in place of the old one,
    and the branch.
    """
    text = path.read_text(encoding="utf8").replace(site(old), site(new))
    text = re.sub(rf"{re.escape(old)}(?![\w-])", new, text, flags=re.ASCII)
    text = COLAB.sub(f"{name_of(new)}/blob/{at}/", text)
    if path.name == "_config.yml":
        text = re.sub(
            r"(notfound_urls_prefix: ).*", rf"\g<1>{prefix(new)}", text
        )
        text = re.sub(r"(?m)^(  branch: ).*", rf"\g<1>{at}", text)
        hidden = "" if on_github(new) else "# "
        text = re.sub(r"(?m)^  (# )?(?=colab_url:)", f"  {hidden}", text)
    if path.suffix == ".yml" and path.parent.name == "workflows":
        text = re.sub(r"(branches(?:-ignore)?: )\[.*\]", rf"\g<1>[{at}]", text)
    return with_set_up(new, text, at) if path.suffix == ".ipynb" else text


def with_title(old: str, new: str, text: str) -> str:
    """Return a text with another title; who wrote the course stays."""
    return re.sub(rf"(?<!The authors of ){re.escape(old)}", lambda _: new, text)


def main(root: Path, url: str, at: str = "", called: str = "") -> list[str]:
    """Write the address into every file, and the branch and the title where
    they are given; return the names of the files that changed.
    """
    old, changed, name = address(root), [], title(root)
    at, called = at or branch(root), called or name
    if not re.fullmatch(r"\w[\w./-]*", at, re.ASCII):
        raise SystemExit(f"BRANCH is a name such as main; got {at!r}")
    if not re.fullmatch(r"[^\W\d_][\w ,.!?'()-]*", called):
        raise SystemExit(
            "TITLE begins with a letter and has letters, digits, spaces and"
            f" , . ! ? ' ( ) - only; got {called!r}"
        )
    patterns = [*NAMING[:-1], *TITLED[:-1], NAMING[-1]]
    paths = [path for each in patterns for path in sorted(root.glob(each))]
    for path in dict.fromkeys(paths):  # _config.yml last: it holds `old`
        text = with_address(old, url, path, at)
        if path.relative_to(root).as_posix() in TITLED:
            text = with_title(name, called, text)
        if text != path.read_text(encoding="utf8"):
            path.write_text(text, encoding="utf8", newline="\n")
            changed.append(str(path.relative_to(root)))
    return changed


def unchanged(root: Path) -> list[str]:
    """Say what a copy has to change by hand."""
    found = []
    url = address(root)
    if not on_github(url):
        files = [
            path.relative_to(root).as_posix()
            for pattern in NAMING
            for path in sorted(root.glob(pattern))
            if COLAB.search(path.read_text(encoding="utf8"))
        ]
        found.append(
            "Colab opens labs from GitHub only. Keep a public mirror at"
            f" https://github.com/{name_of(url)}, or delete the links to Colab"
            f" in {len(files)} files, such as {', '.join(files[:1])}"
        )
        found.append(
            ".gitlab-ci.yml checks and publishes; the other systems, the weekly"
            " checks and the files of a release are for GitHub alone"
        )
        found.append(
            f'The site\'s address is {site(url)}: turn "Use unique domain" off'
            " on GitLab, under Deploy, Pages"
        )
    names = ["pyproject.toml", "companion/__init__.py", "LICENSE"]
    named = [
        each
        for each in names
        if (root / each).is_file()
        and title(root) not in (root / each).read_text(encoding="utf8")
    ]
    if named:
        found.append(
            "The package and the authors, whom the licence asks to name, keep"
            f" their names, in {', '.join(named)}"
        )
    return found


if __name__ == "__main__":
    here = Path(__file__).parents[1]
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default=address(here))
    parser.add_argument("--branch", default="")
    parser.add_argument("--title", default="")
    given = parser.parse_args()
    for name in main(here, given.url, given.branch, given.title):
        print(f"{name} changed")
    for sentence in unchanged(here):
        print(f"Not changed: {sentence}.")
