"""Write the repository's address into every file that names it: ``make
repository URL=https://github.com/you/name``.

``_config.yml`` is the one place where the address stands as data. Without a
URL, only what follows from it is written, such as the set-up cell of a new lab.
"""

import json
import re
import sys
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
    sources.append(f"git+{REPOSITORY}")
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
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr)
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


def name_of(url: str) -> str:
    """Return owner and name of the repository, as in you/name."""
    if not re.fullmatch(
        r"https://github\.com/[A-Za-z0-9-]+/[\w.-]*[\w-]", url, re.ASCII
    ) or url.endswith(".git"):
        raise SystemExit(
            "URL is an address such as https://github.com/you/name, without"
            f" .git or a final /; got {url!r}"
        )
    return url.removeprefix("https://github.com/")


def prefix(url: str) -> str:
    """Return the path under which GitHub Pages shows the site of a
    repository.
    """
    owner, name = name_of(url).split("/")
    return "/" if name.lower() == f"{owner}.github.io".lower() else f"/{name}/"


def site(url: str) -> str:
    """Return the address at which GitHub Pages shows the site of a
    repository.
    """
    return f"https://{name_of(url).split('/')[0]}.github.io{prefix(url)}"


def set_up(url: str, cells: list[dict]) -> str:
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
    return SET_UP.replace("<url>", url).replace("<uses_d2l>", str(uses_d2l))


def with_set_up(url: str, lab: str) -> str:
    """Return the text of a lab with the set-up cell as it should be."""
    notebook = json.loads(lab)
    source = set_up(url, notebook["cells"]).splitlines(keepends=True)
    notebook["cells"][2] |= {"metadata": FOLDED, "source": source}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def with_address(old: str, new: str, path: Path) -> str:
    """Return the text of a file with the new address in place of the old
    one.
    """
    text = path.read_text(encoding="utf8").replace(site(old), site(new))
    text = re.sub(
        rf"(github(?:\.com)?/){re.escape(name_of(old))}(?![\w-])",
        rf"\g<1>{name_of(new)}",
        text,
    )
    if path.name == "_config.yml":
        text = re.sub(
            r"(notfound_urls_prefix: ).*", rf"\g<1>{prefix(new)}", text
        )
    return with_set_up(new, text) if path.suffix == ".ipynb" else text


def main(root: Path, url: str) -> list[str]:
    """Write the address into every file and return the names of those that
    changed.
    """
    old, changed = address(root), []
    for path in (
        path for pattern in NAMING for path in sorted(root.glob(pattern))
    ):  # _config.yml last: it holds `old`
        text = with_address(old, url, path)
        if text != path.read_text(encoding="utf8"):
            path.write_text(text, encoding="utf8", newline="\n")
            changed.append(str(path.relative_to(root)))
    return changed


if __name__ == "__main__":
    here = Path(__file__).parents[1]
    for name in main(here, sys.argv[1] if sys.argv[1:] else address(here)):
        print(f"{name} changed")
