"""The rules of the repository: functions that name what breaks them, each shown
to fail on a small wrong example.
"""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import executed_labs
import labs
import nbformat
import pytest
import release
import replicate
import repository
import yaml
from claim_names import made, named_claims, nodes
from constraints import LEFT_OUT, constraints, pins
from jupyter_cache import get_cache
from kept_files import kept_files

ROOT = Path(__file__).parents[1]
FRAME = {
    "index",
    "introduction",
    "claims",
    "misconceptions",
    "status",
    "your_data",
    "coming_from_d2l",
    "teaching",
    "notation",
    "api",
    "references",
}
SHARED = {
    "arguments",
    "data",
    "training",
    "claims",
    "plots",
    "checks",
    "d2l_bridge",
}
MACHINE_PATH = re.compile(
    r"(?<![\w.~:/-])/(?:work|farm|root|home|Users|tmp|opt)/\w"
)


# The rules --------------------------------------------------------------------


def stems(folder: Path, pattern: str) -> set[str]:
    """Return the names of the files in a folder, without their endings."""
    return {path.stem for path in folder.glob(pattern)}


def chapters(root: Path) -> set[str]:
    """Return every slug that has at least one of a chapter's files."""
    modules = stems(root / "companion", "[!_]*.py") - SHARED
    return (
        stems(root / "notebooks", "*.ipynb")
        | (stems(root / "book", "*.md") - FRAME)
        | modules
    )


def missing_files(root: Path) -> list[str]:
    """Name the files that a chapter or a shared module lacks."""
    wanted = [f"tests/test_{name}.py" for name in SHARED]
    for slug in chapters(root):
        wanted += [
            f"book/{slug}.md",
            f"notebooks/{slug}.ipynb",
            f"companion/{slug}.py",
            f"tests/test_{slug}.py",
            f"tests/mutants/{slug}.toml",
            f"book/diagrams/{slug}.svg",
        ]
    return sorted(
        f"{name} is missing" for name in wanted if not (root / name).is_file()
    )


def misplaced_labs(root: Path) -> list[str]:
    """Name the chapters that the table of contents does not list with their lab
    right under them.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf8"))
    entries = [entry for part in toc["parts"] for entry in part["chapters"]]
    labs = {
        entry["file"]: [
            section["file"] for section in entry.get("sections", [])
        ]
        for entry in entries
    }
    return [
        f"_toc.yml: book/{slug} has under it {labs.get(f'book/{slug}')}, not"
        " its lab"
        for slug in sorted(chapters(root))
        if labs.get(f"book/{slug}") != [f"notebooks/{slug}"]
    ]


def read_lab(path: Path) -> list[dict]:
    """Return the cells of a lab, each source as one string."""
    cells = json.loads(path.read_text(encoding="utf8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in cells]


def disorder(path: Path) -> list[str]:
    """Say where a lab leaves the standard form: stored without outputs, and its
    cells in order.
    """
    cells, found = read_lab(path), []
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    kinds = [cell["cell_type"] for cell in cells]
    if any(cell["outputs"] or cell["execution_count"] for cell in code):
        found.append("is stored with outputs")
    if (
        not re.match(r"# .+\?\n", cells[0]["source"] + "\n")
        or kinds[0] != "markdown"
    ):
        found.append("does not open with its title as a question")
    if f"book/{path.stem}" not in cells[0]["source"]:
        found.append("does not link to its chapter in the first cell")
    if kinds[1] != "markdown" or not all(
        re.search(rf"\b{word}\b", cells[1]["source"])
        for word in ("do", "learn", "need")
    ):
        found.append(
            "does not say in the second cell what the reader will do, will"
            " learn and needs"
        )
    if kinds[2] != "code" or "google.colab" not in cells[2]["source"]:
        found.append("does not set itself up in the third cell")
    if kinds[-1] != "markdown" or not cells[-1]["source"].startswith(
        "## Summary"
    ):
        found.append("does not close with its summary")
    if roles := re.findall(
        r"\{[a-z:]+\}`",
        "".join(
            cell["source"] for cell in cells if cell["cell_type"] == "markdown"
        ),
    ):
        found.append(f"uses {roles[0]}, which Colab does not know")
    tagged = [
        cell
        for cell in code
        if "nbval-check-output" in cell["metadata"].get("tags", [])
    ]
    found += [
        f"makes {claim} in a cell without the tag nbval-check-output"
        for claim in made(code)
        if claim not in made(tagged)
    ]
    if not made(code):
        found.append("makes no claim")
    return [f"{path.name} {each}" for each in found]


def wrong_addresses(root: Path) -> list[str]:
    """Name the files that do not agree with the address in _config.yml, and the
    set-up cells that are not the one.
    """
    text = {
        path: path.read_text(encoding="utf8")
        for pattern in repository.NAMING
        for path in sorted(root.glob(pattern))
    }
    config, url = (
        yaml.safe_load(text[root / "_config.yml"]),
        repository.address(root),
    )
    found = []
    if config["html"]["baseurl"] != repository.site(url):
        found.append(f"_config.yml: baseurl is not {repository.site(url)}")
    if config["sphinx"]["config"]["notfound_urls_prefix"] != repository.prefix(
        url
    ):
        found.append(
            f"_config.yml: notfound_urls_prefix is not {repository.prefix(url)}"
        )
    branch = config["repository"]["branch"]
    blob = f"{repository.name_of(url)}/blob/{branch}/notebooks"
    in_colab = repository.on_github(url)
    for path, lines in text.items():
        links = re.findall(
            r"colab\.research\.google\.com/github/([^)\s]+)", lines
        )
        if not in_colab:
            pass
        elif path.parent.name in ("book", "notebooks") and path.stem in stems(
            root / "notebooks", "*.ipynb"
        ):
            if links != [f"{blob}/{path.stem}.ipynb"]:
                found.append(
                    f"{path.relative_to(root)} does not link once to itself in"
                    f" Colab: {links}"
                )
        elif any(not link.startswith(f"{blob}/") for link in links):
            found.append(
                f"{path.relative_to(root)} links to another repository in"
                f" Colab: {links}"
            )
        if (
            path.suffix == ".ipynb"
            and f"({repository.site(url)}book/{path.stem}.html)" not in lines
        ):
            found.append(
                f"{path.relative_to(root)} does not link to its chapter on"
                " the web"
            )
        if path.name in ("README.md", "CONTRIBUTING.md") and url not in lines:
            found.append(f"{path.name} does not name the repository {url}")
        if f"/{repository.UNSET}/" not in url and re.search(
            rf"github(\.com)?/{repository.UNSET}/", lines
        ):
            found.append(
                f"{path.relative_to(root)} still has the address that nobody"
                " owns"
            )
        if path.suffix == ".ipynb" and read_lab(path)[2][
            "source"
        ] != repository.set_up(url, read_lab(path), branch):
            found.append(
                f"{path.relative_to(root)} has another set-up cell: run make"
                " repository"
            )
        if (
            path.suffix == ".ipynb"
            and read_lab(path)[2]["metadata"] != repository.FOLDED
        ):
            found.append(
                f"{path.relative_to(root)} has a set-up cell that is not"
                " folded: run make repository"
            )
    return found


def glued(code: list[dict]) -> re.Pattern:
    """Return a pattern of the names that some code cells glue beside their
    claims; what is computed may be any word.
    """
    patterns = [rf"{name}\.\w+" for name in made(code)]
    for cell in code:
        for name in re.findall(
            r"\bglue\(\s*f?(?:\"([^\"]+)\")?", cell["source"]
        ):
            name = (name or "{x}").replace(".", r"\.")
            patterns.append(re.sub(r"\{[^}]*\}", r"[\\w.]+", name))
    return re.compile("|".join(patterns) or "(?!)")


def unknown_claims(root: Path) -> list[str]:
    """Name the claims and glued numbers that pages show and no lab makes."""
    code = {
        path.stem: [
            cell for cell in read_lab(path) if cell["cell_type"] == "code"
        ]
        for path in (root / "notebooks").glob("*.ipynb")
    }
    claims = {lab: set(made(cells)) for lab, cells in code.items()}
    numbers = {lab: glued(cells) for lab, cells in code.items()}
    found = []
    for page in sorted((root / "book").glob("*.md")):
        found += [
            f"book/{page.name} shows {lab}/{name}, which no lab claims"
            for lab, name in named_claims(page)
            if name not in claims.get(lab, ())
        ]
        found += [
            f"book/{page.name} shows {lab}/{name}, which no lab glues"
            for lab, name in re.findall(
                r"\{glue:text\}`/notebooks/(\w+)\.ipynb::([\w.]+)",
                page.read_text(encoding="utf8"),
            )
            if lab not in numbers or not numbers[lab].fullmatch(name)
        ]
    return found


def right_places(page: Path) -> list[int]:
    """Return where the right choice stands in each quiz of three choices."""
    quizzes = re.findall(
        r"^```\{quiz\}\n(.*?)^```$",
        page.read_text(encoding="utf8"),
        re.MULTILINE | re.DOTALL,
    )
    marks = [re.findall(r"^- \[([ x])\] ", each, re.M) for each in quizzes]
    return [each.index("x") for each in marks if len(each) == 3]


def guessable_quizzes(root: Path) -> list[str]:
    """Say where the place of the right choice gives it away: in one chapter, or
    over the book.
    """
    pages = {
        page.name: right_places(page) for page in (root / "book").glob("*.md")
    }
    found = [
        f"book/{name}: the right choice is always number {places[0] + 1}"
        for name, places in sorted(pages.items())
        if len(places) > 1 and len(set(places)) == 1
    ]
    every = [place for places in pages.values() for place in places]
    return found + [
        f"choice {place + 1} is right in {every.count(place)} of {len(every)}"
        for place in range(3)
        if not len(every) / 5 <= every.count(place) <= len(every) / 2
    ]


def public(module: object) -> dict[str, object]:
    """Return the public functions and classes that a module defines itself."""
    found = inspect.getmembers(
        module, lambda each: inspect.isfunction(each) or inspect.isclass(each)
    )
    return {
        name: each
        for name, each in found
        if not name.startswith("_") and each.__module__ == module.__name__
    }


def undocumented(module: object, api: str) -> list[str]:
    """Name what an API page or a docstring lacks: the module, a docstring, a
    doctest where something is computed.
    """
    found = (
        []
        if re.search(
            rf"automodule:: {re.escape(module.__name__)}\n\s+:members:", api
        )
        else [f"{module.__name__} is not on its page in book/api"]
    )
    for name, each in public(module).items():
        doc = inspect.getdoc(each) if inspect.isfunction(each) else each.__doc__
        if not doc:
            found.append(f"{module.__name__}.{name} has no docstring")
        elif (
            "Returns:" in doc
            and ">>>" not in doc
            and each.__module__ != "companion.plots"
        ):  # a plot returns what it drew on
            found.append(
                f"{module.__name__}.{name} returns something, and no doctest"
                " shows what"
            )
    return found


def bare_pages(root: Path) -> list[str]:
    """Name the chapters whose page lacks a description, exercises or a quiz."""
    found = []
    for slug in sorted(chapters(root)):
        page = root / "book" / f"{slug}.md"
        text = page.read_text(encoding="utf8") if page.is_file() else ""
        for what, pattern in {
            "description": r"^    description: \S",
            "exercise": r"^## Exercises\n(.*\n)*?\*\*1\. ",
            "quiz": r"^```\{quiz\}\n",
        }.items():
            if not re.search(pattern, text, re.MULTILINE):
                found.append(f"book/{slug}.md has no {what}")
    return found


def names_of(path: Path) -> set[str]:
    """Return the names that a module binds at its top level."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= {
                each.id for each in ast.walk(node) if isinstance(each, ast.Name)
            }
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def missing_imports(root: Path, lab: Path) -> list[str]:
    """Name what a lab imports from companion and companion does not have."""
    found, folder = [], root / "companion"
    modules = stems(folder, "*.py")
    code = [cell for cell in read_lab(lab) if cell["cell_type"] == "code"]
    for node in nodes(code):
        if isinstance(node, ast.Import):
            whole = [alias.name.split(".") for alias in node.names]
            found += [
                ".".join(parts)
                for parts in whole
                if parts[0] == "companion" and not set(parts[1:2]) <= modules
            ]
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        package, _, module = node.module.partition(".")
        if package != "companion":
            continue
        if module and module not in modules:
            found.append(f"companion.{module}")
            continue
        known = names_of(folder / f"{module}.py") if module else modules
        found += [
            f"{node.module}.{alias.name}"
            for alias in node.names
            if alias.name not in known
        ]
    return [f"{lab.name} imports {each}, which is not there" for each in found]


def dangling(root: Path) -> list[str]:
    """Name links of pages and labs to files, and imports, that do not exist."""
    texts = {page: page.read_text("utf8") for page in root.glob("book/**/*.md")}
    labs = sorted(root.glob("notebooks/*.ipynb"))
    for lab in labs:
        texts[lab] = "\n".join(
            cell["source"]
            for cell in read_lab(lab)
            if cell["cell_type"] == "markdown"
        )
    found = []
    for path, text in sorted(texts.items()):
        text = re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.M | re.S)
        for link in re.findall(
            r"\]\(([^)\s:#]+\.(?:md|ipynb))(?:#\w+)?\)", text
        ):
            if not (path.parent / link).is_file():
                name = path.relative_to(root)
                found.append(f"{name} links to {link}, which is not there")
    toc = (root / "_toc.yml").read_text(encoding="utf8")
    for name in re.findall(r"(?:file|root): (\S+)", toc):
        if not any(
            (root / f"{name}.{kind}").is_file() for kind in ("md", "ipynb")
        ):
            found.append(f"_toc.yml lists {name}, which is not there")
    return found + [each for lab in labs for each in missing_imports(root, lab)]


def idle_drawings(root: Path) -> list[str]:
    """Name the drawings that no page shows: not in its text, nor as the picture
    of its chapter.
    """
    shown = chapters(root)
    for page in root.glob("book/*.md"):
        text = page.read_text(encoding="utf8")
        shown |= set(re.findall(r"(?:\{diagram\}|:still:) (\w+)", text))
    return [
        f"book/diagrams/{path.name} is on no page"
        for path in sorted(root.glob("book/diagrams/*.svg"))
        if path.stem not in shown
    ]


def wide_code(root: Path) -> list[str]:
    """Name the lines of code blocks on pages that are longer than 80 columns:
    they would scroll sideways.
    """
    found = []
    for path in sorted((root / "book").glob("**/*.md")):
        text, fences = path.read_text(encoding="utf8"), []
        for number, line in enumerate(text.splitlines(), start=1):
            fence = re.match(r"\s*(`{3,}|:{3,})(.*)", line)
            if fence and (fence[2].strip() or not fences):
                fences.append(fence[2].strip())
            elif fence:
                fences.pop()
            elif (
                fences
                and (fences[-1][:1] != "{" or fences[-1].startswith("{code"))
                and len(line) > 80
            ):
                found.append(
                    f"{path.name}:{number} has code of {len(line)} columns, at"
                    " most 80 are allowed"
                )
    return found


def machine_paths(files: list[Path]) -> list[str]:
    """Name the lines that hold a path of one machine."""
    lines = (
        (path, *each)
        for path in files
        for each in enumerate(path.read_text(encoding="utf8").splitlines(), 1)
    )
    return [
        f"{path.name}:{number}: {line.strip()[:80]}"
        for path, number, line in lines
        if MACHINE_PATH.search(line)
    ]


def wrong_pins(requirements: str, constrained: str) -> list[str]:
    """Say where the two files of pins disagree with each other, or with what is
    installed.
    """
    direct, rest = pins(requirements), pins(constrained)
    found = [
        f"{name} is pinned in both files"
        for name in direct.keys() & rest.keys()
    ]
    found += [
        f"{name}: a pin of one build ({v})"
        for name, v in (direct | rest).items()
        if "+" in v
    ]
    found += [
        f"{name} belongs to one kind of machine"
        for name in rest
        if LEFT_OUT.fullmatch(name)
    ]
    for name, v in (direct | rest).items():
        try:
            installed = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
        if installed != v:
            found.append(f"{name} is pinned to {v}, installed is {installed}")
    return found


# The repository keeps them ----------------------------------------------------


def test_a_chapter_is_four_files_with_one_name():
    found = missing_files(ROOT)
    assert not found, "\n".join(found)


def test_each_lab_stands_under_its_chapter():
    found = misplaced_labs(ROOT)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("slug", sorted(stems(ROOT / "notebooks", "*.ipynb")))
def test_labs_have_the_standard_form(slug):
    assert disorder(ROOT / "notebooks" / f"{slug}.ipynb") == []


def test_every_file_names_the_one_address_and_labs_set_themselves_up_alike():
    found = wrong_addresses(ROOT)
    assert not found, "\n".join(found)


def test_pages_show_what_labs_make():
    assert sum(len(named_claims(page)) for page in (ROOT / "book").glob("*.md"))
    found = unknown_claims(ROOT)
    assert not found, "\n".join(found)


def test_the_place_of_the_right_choice_gives_nothing_away():
    found = guessable_quizzes(ROOT)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", sorted(stems(ROOT / "companion", "[!_]*.py")))
def test_the_companion_is_documented(name):
    module = import_module(f"companion.{name}")
    page = ROOT / "book" / "api" / f"{name}.md"
    assert undocumented(module, page.read_text(encoding="utf8")) == []
    index = (ROOT / "book" / "api.md").read_text(encoding="utf8")
    assert f"[`companion.{name}`](api/{name}.md)" in index


def test_every_chapter_has_a_description_exercises_and_a_quiz():
    found = bare_pages(ROOT)
    assert not found, "\n".join(found)


def test_every_drawing_is_on_a_page():
    found = idle_drawings(ROOT)
    assert not found, "\n".join(found)


def test_a_drawing_on_no_page_is_named(tmp_path):
    folder = tmp_path / "book/diagrams"
    folder.mkdir(parents=True)
    for name in ("coins", "bowl", "old"):
        (folder / f"{name}.svg").touch()
    page = "```{diagram} coins\n```\n```{explorer} x\n:still: bowl\n```\nold"
    (tmp_path / "book/toy.md").write_text(page, encoding="utf8")
    assert idle_drawings(tmp_path) == ["book/diagrams/old.svg is on no page"]


def test_no_link_and_no_import_dangles():
    found = dangling(ROOT)
    assert not found, "\n".join(found)


def test_code_on_pages_is_not_wide():
    found = wide_code(ROOT)
    assert not found, "\n".join(found)


def test_no_file_names_a_path_of_a_machine():
    kinds = set(".py .md .ipynb .yml .toml .txt .css".split())
    files = [
        file
        for file in kept_files(ROOT)
        if (file.suffix in kinds or file.name in ("Makefile", "run"))
        and "katex" not in file.parts
    ]
    assert len(files) > 20
    assert machine_paths(files) == []


def test_pins_agree():
    requirements, constrained = (
        (ROOT / "requirements.txt").read_text(),
        (ROOT / "constraints.txt").read_text(),
    )
    assert len(pins(requirements)) > 15
    assert wrong_pins(requirements, constrained) == []
    if sys.platform == "linux" and sys.version_info[:2] == (
        3,
        11,
    ):  # where constraints.txt was written
        assert constrained == constraints(requirements), "run: make constraints"


# Each rule can fail -----------------------------------------------------------

SETUP = "import sys\n\nif 'google.colab' in sys.modules:\n    %pip install x"
CELLS = (
    ("markdown", "# Why?\n\n[Chapter](../book/toy.md)"),
    ("markdown", "You will do a, you will learn b, you need c."),
    ("code", SETUP),
    ("code", "claim('grows', 'It grows by', values, above=1)"),
    ("markdown", "## Summary"),
)


def write_lab(
    path: Path, cells=CELLS, tags=("nbval-check-output",), count=None
) -> Path:
    """Write a small lab whose code cells all carry the tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = [
        {
            "cell_type": kind,
            "id": f"cell-{i}",
            "source": source,
            "metadata": {"tags": list(tags)},
        }
        | ({"outputs": [], "execution_count": count} if kind == "code" else {})
        for i, (kind, source) in enumerate(cells)
    ]
    path.write_text(
        json.dumps(
            {
                "cells": stored,
                "metadata": {},
                "nbformat": 4,
                "nbformat_minor": 5,
            }
        )
    )
    return path


def replaced(place: int, cell: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the cells of the small lab with one replaced."""
    return [
        cell if i == place % len(CELLS) else each
        for i, each in enumerate(CELLS)
    ]


def write_chapter(root: Path, slug: str = "toy") -> None:
    """Write the files of a small chapter, its table of contents and the tests
    of the shared modules.
    """
    write_lab(root / "notebooks" / f"{slug}.ipynb")
    files = [f"book/{slug}.md", f"companion/{slug}.py", f"tests/test_{slug}.py"]
    files += [f"book/diagrams/{slug}.svg", f"tests/mutants/{slug}.toml"]
    for name in files + [f"tests/test_{module}.py" for module in SHARED]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(
            "{glue:text}`/notebooks/toy.ipynb::grows.result:s`"
        )
    entry = {
        "file": f"book/{slug}",
        "sections": [{"file": f"notebooks/{slug}"}],
    }
    (root / "_toc.yml").write_text(
        yaml.safe_dump({"parts": [{"chapters": [entry]}]})
    )


def test_a_complete_chapter_breaks_no_rule(tmp_path):
    write_chapter(tmp_path)
    lab = tmp_path / "notebooks" / "toy.ipynb"
    assert (
        missing_files(tmp_path)
        + misplaced_labs(tmp_path)
        + disorder(lab)
        + unknown_claims(tmp_path)
        == []
    )


OF_A_CHAPTER = [
    "book/diagrams/toy.svg",
    "book/toy.md",
    "companion/toy.py",
    "notebooks/toy.ipynb",
    "tests/mutants/toy.toml",
    "tests/test_toy.py",
]


@pytest.mark.parametrize("name", [*OF_A_CHAPTER, "tests/test_data.py"])
def test_a_missing_file_is_named(tmp_path, name):
    write_chapter(tmp_path)
    (tmp_path / name).unlink()
    assert missing_files(tmp_path) == [f"{name} is missing"]


@pytest.mark.parametrize(
    "name", ["book/toy.md", "notebooks/toy.ipynb", "companion/toy.py"]
)
def test_one_file_alone_asks_for_the_others(tmp_path, name):
    write_chapter(tmp_path)
    others = [each for each in OF_A_CHAPTER if each != name]
    for other in others:
        (tmp_path / other).unlink()
    assert missing_files(tmp_path) == [
        f"{other} is missing" for other in others
    ]


def test_a_lab_elsewhere_in_the_contents_is_named(tmp_path):
    write_chapter(tmp_path)
    (tmp_path / "_toc.yml").write_text(
        "parts: [{chapters: [{file: book/toy}, {file: notebooks/toy}]}]"
    )
    assert misplaced_labs(tmp_path) == [
        "_toc.yml: book/toy has under it [], not its lab"
    ]


@pytest.mark.parametrize(
    ("place", "cell", "words"),
    [
        (
            0,
            ("markdown", "# A statement\n\n[Chapter](../book/toy.md)"),
            "title as a question",
        ),
        (0, ("markdown", "# Why?"), "link to its chapter"),
        (1, ("markdown", "Hello."), "will do, will learn and needs"),
        (1, ("code", "# do learn need"), "will do, will learn and needs"),
        (2, ("code", "import torch"), "set itself up"),
        (2, ("markdown", SETUP), "set itself up"),
        (3, ("code", "print(1)"), "makes no claim"),
        (-1, ("markdown", "The end."), "summary"),
        (-1, ("code", "## Summary"), "summary"),
        (
            1,
            ("markdown", "You do, learn, need {cite:p}`x`."),
            "Colab does not know",
        ),
    ],
)
def test_a_lab_out_of_order_is_named(tmp_path, place, cell, words):
    (found,) = disorder(
        write_lab(tmp_path / "toy.ipynb", replaced(place, cell))
    )
    assert words in found


def test_a_lab_with_outputs_is_named(tmp_path):
    lab = write_lab(tmp_path / "toy.ipynb", count=1)
    assert disorder(lab) == ["toy.ipynb is stored with outputs"]
    lab = write_lab(tmp_path / "toy.ipynb")
    lab.write_text(lab.read_text().replace('"outputs": []', '"outputs": [{}]'))
    assert disorder(lab) == ["toy.ipynb is stored with outputs"]


def test_a_claim_that_nbval_does_not_compare_is_named(tmp_path):
    (found,) = disorder(write_lab(tmp_path / "toy.ipynb", tags=()))
    assert "makes grows in a cell without the tag" in found


def write_addresses(
    root: Path, url: str = "https://github.com/first/course"
) -> Path:
    """Write a small repository whose files name an address."""
    write_chapter(root)
    colab = (
        "https://colab.research.google.com/github/"
        f"{repository.name_of(url)}/blob/main/notebooks/toy.ipynb"
    )
    chapter = (
        "[Chapter](../book/toy.md) ([on the"
        f" web]({repository.site(url)}book/toy.html))"
    )
    title = ("markdown", f"# Why?\n\n[Open in Colab]({colab}) · {chapter}")
    write_lab(root / "notebooks" / "toy.ipynb", replaced(0, title))
    (root / "book/toy.md").write_text(
        f"[Colab]({colab}) [other](https://github.com/first/course-2)",
        encoding="utf8",
    )
    (root / "README.md").write_text(
        f"git clone {url}.git; see {repository.site(url)}.", encoding="utf8"
    )
    (root / "CONTRIBUTING.md").write_text(f"See {url}/issues.", encoding="utf8")
    (root / "_config.yml").write_text(
        f"title: The Course\nrepository:\n  url: {url}\n  branch: main\n"
        "launch_buttons:\n  colab_url: x\n"
        f"html:\n  baseurl: &site {repository.site(url)}  # a comment"
        " stays\nsphinx: {config: {\n   "
        f" notfound_urls_prefix: {repository.prefix(url)}\n  }}}}\n",
        encoding="utf8",
    )
    repository.main(root, url)
    return root


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://github.com/you/name", "https://you.github.io/name/"),
        (
            "https://github.com/you/course-2.x",
            "https://you.github.io/course-2.x/",
        ),
        ("https://github.com/You/you.github.io", "https://You.github.io/"),
    ],
)
def test_a_new_address_stands_in_every_file(tmp_path, url, site):
    root = write_addresses(tmp_path)
    before = {
        path: path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
    assert wrong_addresses(root) == []
    names = [
        "CONTRIBUTING.md",
        "README.md",
        "book/toy.md",
        "notebooks/toy.ipynb",
        "_config.yml",
    ]
    assert repository.main(root, url) == names
    assert wrong_addresses(root) == []
    assert repository.main(root, url) == []
    assert (root / "README.md").read_text(
        encoding="utf8"
    ) == f"git clone {url}.git; see {site}."
    assert "(https://github.com/first/course-2)" in (
        root / "book/toy.md"
    ).read_text(encoding="utf8")
    assert f"baseurl: &site {site}  # a comment stays" in (
        root / "_config.yml"
    ).read_text(encoding="utf8")
    repository.main(root, "https://github.com/first/course")
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    "url",
    [
        "",
        "you/name",
        "http://github.com/you/name",
        "https://github.com/you/name/",
        "https://github.com/you/name.git",
        "https://example.org/you/name",
        "https://github.com/you/na me",
        "https://github.com/you/name\n",
    ],
)
def test_what_is_no_address_changes_nothing(tmp_path, url):
    root = write_addresses(tmp_path)
    with pytest.raises(
        SystemExit,
        match=(
            r"^URL is an address such as https://github.com/you/name, without"
            r" .*; got '"
        ),
    ):
        repository.main(root, url)
    assert (
        wrong_addresses(root) == []
        and repository.address(root) == "https://github.com/first/course"
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (
            "_config.yml",
            "first.github.io",
            "me.github.io",
            "_config.yml: baseurl is not https://first.github.io/course/",
        ),
        (
            "_config.yml",
            "prefix: /course/",
            "prefix: /",
            "_config.yml: notfound_urls_prefix is not /course/",
        ),
        (
            "README.md",
            "first/course",
            "me/course",
            "README.md does not name the repository",
        ),
        (
            "CONTRIBUTING.md",
            "first/course",
            "me/course",
            "CONTRIBUTING.md does not name the repository",
        ),
        (
            "book/toy.md",
            "first/course/",
            "me/course/",
            "book/toy.md does not link once to itself in Colab",
        ),
        (
            "book/toy.md",
            "toy.ipynb",
            "dropout.ipynb",
            "book/toy.md does not link once to itself in Colab",
        ),
        (
            "book/toy.md",
            "/main/",
            "/master/",
            "book/toy.md does not link once to itself in Colab",
        ),
        (
            "notebooks/toy.ipynb",
            "first/course/",
            "me/course/",
            "notebooks/toy.ipynb does not link once to itself",
        ),
        (
            "notebooks/toy.ipynb",
            "first.github.io",
            "me.github.io",
            "notebooks/toy.ipynb does not link to its chapter on",
        ),
        (
            "notebooks/toy.ipynb",
            "import torch",
            "import torch as t",
            "notebooks/toy.ipynb has another set-up cell",
        ),
        (
            "notebooks/toy.ipynb",
            "USES_D2L = False",
            "USES_D2L = True",
            "notebooks/toy.ipynb has another set-up cell",
        ),
        (
            "notebooks/toy.ipynb",
            '"hide-input"',
            '"hide-output"',
            "notebooks/toy.ipynb has a set-up cell that is not",
        ),
    ],
)
def test_a_file_with_another_address_or_set_up_is_named(
    tmp_path, name, old, new, words
):
    path = write_addresses(tmp_path) / name
    text = path.read_text(encoding="utf8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf8")
    (found,) = wrong_addresses(tmp_path)
    assert found.startswith(words)


def test_a_branch_stands_in_every_file(tmp_path):
    root = write_addresses(tmp_path)
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    url = repository.address(root)
    (root / ".github/workflows").mkdir(parents=True)
    flow = root / ".github/workflows/a.yml"
    flow.write_text("  push:\n    branches: [main]\n", encoding="utf8")
    repository.main(root, url, "autumn")
    assert repository.branch(root) == "autumn"
    assert wrong_addresses(root) == []
    assert "branches: [autumn]" in flow.read_text(encoding="utf8")
    assert "course/blob/autumn/" in (root / "book/toy.md").read_text("utf8")
    lab = read_lab(root / "notebooks/toy.ipynb")
    assert 'f"git+{REPOSITORY}@autumn"' in lab[2]["source"]
    assert repository.main(root, url) == []  # and it stays
    repository.main(root, url, "main")
    assert {p: p.read_bytes() for p in before} == before
    with pytest.raises(SystemExit, match="BRANCH is a name"):
        repository.main(root, url, "a b")


def test_on_gitlab_the_links_to_colab_want_a_mirror(tmp_path):
    root = write_addresses(tmp_path)
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert repository.unchanged(root) == []
    repository.main(root, "https://gitlab.com/you/name")
    assert wrong_addresses(root) == []
    config = (root / "_config.yml").read_text(encoding="utf8")
    assert "baseurl: &site https://you.gitlab.io/name/" in config
    assert "\n  # colab_url: x" in config
    readme = (root / "README.md").read_text(encoding="utf8")
    assert readme.startswith("git clone https://gitlab.com/you/name.git; see")
    colab, rest, pages = repository.unchanged(root)
    assert "at https://github.com/you/name, or delete" in colab
    assert "in 2 files, such as book/toy.md" in colab
    assert ".gitlab-ci.yml" in rest
    assert "https://you.gitlab.io/name/: turn" in pages
    repository.main(root, "https://github.com/first/course")
    assert {p: p.read_bytes() for p in before} == before


def test_a_title_stands_where_readers_see_it(tmp_path):
    root = write_addresses(tmp_path)
    url = repository.address(root)
    (root / "book/index.md").write_text("# The Course\n", encoding="utf8")
    (root / "LICENSE").write_text("The authors of The Course", encoding="utf8")
    config = root / "_config.yml"
    config.write_text(
        config.read_text("utf8") + "author: The authors of The Course\n",
        encoding="utf8",
    )
    changed = repository.main(root, url, called="Learning, in spring!")
    assert changed == ["book/index.md", "_config.yml"]
    assert repository.title(root) == "Learning, in spring!"
    assert "author: The authors of The Course" in config.read_text("utf8")
    assert "licence asks to name" in repository.unchanged(root)[0]
    for bad in ("A: b", "- a", "2026", "a\nb", 'a "b"'):
        with pytest.raises(SystemExit, match="TITLE begins with a letter"):
            repository.main(root, url, called=bad)


def test_the_title_stands_where_it_is_looked_for():
    for name in repository.TITLED:
        text = (ROOT / name).read_text(encoding="utf8")
        assert repository.title(ROOT) in text, name


def test_an_address_that_was_forgotten_is_named(tmp_path):
    root = write_addresses(tmp_path, "https://github.com/you/course")
    (root / "book/index.md").write_text(
        "https://github.com/OWNER/course", encoding="utf8"
    )
    (root / "book/introduction.md").write_text(
        "https://colab.research.google.com/github/me/course/blob/main/notebooks/toy.ipynb",
        encoding="utf8",
    )
    assert [each.partition(":")[0] for each in wrong_addresses(root)] == [
        "book/index.md still has the address that nobody owns",
        "book/introduction.md links to another repository in Colab",
    ]


@pytest.mark.parametrize(
    ("source", "uses_d2l"),
    [
        ("import torch\nfrom companion.d2l_bridge import d2l", True),
        ("from d2l import torch as d2l", True),
        ("from companion import d2l_bridge", True),
        ("import torch  # as d2l does", False),
        ("from companion.data import digits", False),
    ],
)
def test_a_set_up_cell_installs_d2l_where_its_lab_uses_it(
    tmp_path, source, uses_d2l
):
    cells = read_lab(
        write_lab(tmp_path / "toy.ipynb", replaced(3, ("code", source)))
    )
    assert f"USES_D2L = {uses_d2l}\n" in repository.set_up(
        "https://github.com/you/name", cells
    )


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ("{claim}`shrinks`", "toy/shrinks, which no lab claims"),
        ("{claim}`shrinks:low`", "toy/shrinks, which no lab claims"),
        ("{claim}`other/grows`", "other/grows, which no lab claims"),
        (
            "```{misconception} It shrinks.\n:lab: toy\n:from: x\n"
            ":claim: grows shrinks\n```",
            "toy/shrinks, which no lab claims",
        ),
        (
            ":::{predict} How much?\n:claim: other/grows\n:::",
            "other/grows, which no lab claims",
        ),
        (
            "{glue:text}`/notebooks/toy.ipynb::shrinks.low:.2f`",
            "toy/shrinks.low, which no lab glues",
        ),
        (
            "{glue:text}`/notebooks/other.ipynb::size:d`",
            "other/size, which no lab glues",
        ),
    ],
)
def test_what_no_lab_makes_is_named(tmp_path, shown, words):
    write_chapter(tmp_path)
    (tmp_path / "book" / "toy.md").write_text(shown + "\n")
    assert unknown_claims(tmp_path) == [f"book/toy.md shows {words}"]


def test_what_a_lab_makes_may_be_shown(tmp_path):
    write_chapter(tmp_path)
    code = "claim('grows', 'It grows', v, above=1)\nglue(\"size\", 3)"
    code += '\nglue(f"before_{name}", 1)'
    write_lab(tmp_path / "notebooks" / "toy.ipynb", replaced(3, ("code", code)))
    (tmp_path / "book" / "other.md").write_text(
        "{claim}`toy/grows:low` {glue:text}`/notebooks/toy.ipynb::size:d`"
        " {glue:text}`/notebooks/toy.ipynb::before_w1:.2f`\n"
        "```{misconception} No.\n:lab: toy\n:claim: grows\n```\n"
    )
    assert len(named_claims(tmp_path / "book" / "other.md")) == 2
    assert unknown_claims(tmp_path) == []


def write_quizzes(page: Path, places: str) -> None:
    """Write a page of quizzes whose right choices stand at these places."""
    page.parent.mkdir(exist_ok=True)
    quizzes = []
    for right in places:
        choices = "".join(
            f"- [{'x' if place == right else ' '}] Choice\n\n  Why.\n"
            for place in "123"
        )
        quizzes.append(f"```{{quiz}}\nWhich?\n\n{choices}```\n")
    page.write_text("\n".join(quizzes))


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        (("123", "213"), []),
        (
            ("222", "1331"),
            ["book/0.md: the right choice is always number 2"],
        ),
        (
            ("121", "211"),
            ["choice 1 is right in 4 of 6", "choice 3 is right in 0 of 6"],
        ),
    ],
)
def test_a_place_that_gives_the_answer_away_is_named(tmp_path, pages, found):
    for i, places in enumerate(pages):
        write_quizzes(tmp_path / "book" / f"{i}.md", places)
    assert guessable_quizzes(tmp_path) == found


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f():\n    pass", "f has no docstring"),
        (
            'def f():\n    """One.\n\n    Returns:\n        int: one.\n    """',
            "no doctest",
        ),
        ("class A(dict):\n    pass", "A has no docstring"),
    ],
)
def test_what_lacks_documentation_is_named(
    tmp_path, monkeypatch, source, words
):
    (tmp_path / "toy_module.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_module", raising=False)
    module = import_module("toy_module")
    (found,) = undocumented(
        module, ".. automodule:: toy_module\n   :members:\n"
    )
    assert words in found
    missing = "toy_module is not on its page in book/api"
    assert missing in undocumented(module, "")


@pytest.mark.parametrize("lacks", ["description", "exercise", "quiz"])
def test_a_page_without_its_parts_is_named(tmp_path, lacks):
    write_chapter(tmp_path)
    parts = {
        "description": "---\nmyst:\n  html_meta:\n    description: A toy.\n---",
        "exercise": "## Exercises\n\nHere:\n\n**1. By hand.** One?",
        "quiz": "```{quiz}\nTwo?\n```",
    }
    page = tmp_path / "book" / "toy.md"
    page.write_text("\n\n".join(parts.values()) + "\n")
    assert bare_pages(tmp_path) == []
    del parts[lacks]
    page.write_text("\n\n".join(parts.values()) + "\n")
    assert bare_pages(tmp_path) == [f"book/toy.md has no {lacks}"]


def test_links_and_imports_that_dangle_are_named(tmp_path):
    write_chapter(tmp_path)
    (tmp_path / "companion" / "toy.py").write_text(
        "import math\n\nclass A: ...\n\nb: int = 1\nc, d = 2, 3\n"
    )
    imports = "from companion import {}\nfrom companion.toy import {}"
    code = ("code", imports.format("toy", "A, b, d, math"))
    write_lab(tmp_path / "notebooks" / "toy.ipynb", (*CELLS[:3], code))
    page = tmp_path / "book" / "toy.md"
    page.write_text("```\n[in code](not.md)\n```\n[a](toy.md) [b](toy.md#c)")
    assert dangling(tmp_path) == []

    code = ("code", imports.format("tot", "A, e") + "\nimport companion.tut")
    lab = (*CELLS[:2], code, ("markdown", "[c](../book/tot.md)"))
    write_lab(tmp_path / "notebooks" / "toy.ipynb", lab)
    page.write_text("[a](tot.md) [b](../notebooks/tot.ipynb)")
    toc = (tmp_path / "_toc.yml").read_text()
    (tmp_path / "_toc.yml").write_text(toc + "- file: book/tot\n")
    assert dangling(tmp_path) == [
        "book/toy.md links to tot.md, which is not there",
        "book/toy.md links to ../notebooks/tot.ipynb, which is not there",
        "notebooks/toy.ipynb links to ../book/tot.md, which is not there",
        "_toc.yml lists book/tot, which is not there",
        "toy.ipynb imports companion.tot, which is not there",
        "toy.ipynb imports companion.toy.e, which is not there",
        "toy.ipynb imports companion.tut, which is not there",
    ]


def test_wide_code_on_a_page_is_named(tmp_path):
    (tmp_path / "book").mkdir()
    long = "x" * 81
    (tmp_path / "book/toy.md").write_text(
        f"{long}\n\n```{{math}}\n{long}\n```\n\n````{{dropdown}} Solution\n"
        f"{long}\n```python\n{long[1:]}\n{long}\n```\n{long}\n````\n{long}\n"
    )
    assert wide_code(tmp_path) == [
        "toy.md:11 has code of 81 columns, at most 80 are allowed"
    ]


def test_a_machine_path_is_named(tmp_path):
    slash = "/"
    (tmp_path / "a.md").write_text(
        f"See {slash}home/me/x, not https://host{slash}home/x or"
        f" .{slash}work/x."
    )
    (tmp_path / "b.md").write_text(
        f"https://host{slash}work/x and ..{slash}work/x and _build{slash}work/x"
    )
    assert [
        line[:6]
        for line in machine_paths([tmp_path / "a.md", tmp_path / "b.md"])
    ] == ["a.md:1"]


@pytest.mark.parametrize(
    ("requirements", "constrained", "words"),
    [
        ("numpy==0.1", "", "pinned to 0.1"),
        ("", "numpy==0.1", "pinned to 0.1"),
        ("#no-deps: numpy==0.1", "", "pinned to 0.1"),
        ("absent-package==2+cpu", "", "one build"),
        ("absent-package==2", "absent-package==2", "in both"),
        ("", "nvidia-absent==2", "one kind of machine"),
    ],
)
def test_wrong_pins_are_named(requirements, constrained, words):
    (found,) = wrong_pins(requirements, constrained)
    assert words in found


# make replicate ---------------------------------------------------------------

HEADER = (
    "import os\nfrom companion.claims import claim\nshift ="
    " float(os.environ['COURSE_SEED'] != '2')\n"
)
CLAIM = (
    "claim('grows', 'It grows by', [shift + i / 10 for i in range(10)],"
    " above=1)"
)


def ran(holds, value=2.0):
    """Return a lab as executed, with one claim that held or not, or none."""
    record = {
        "name": "grows",
        "value": value,
        "holds": holds,
        "sentence": "It grows",
    }
    data = {} if holds is None else {replicate.RECORD: json.dumps(record)}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return replicate.nbformat.from_dict(
        {"cells": [{"cell_type": "code", "source": "", "outputs": [output]}]}
    )


def test_replicate_runs_labs_on_other_seeds_and_says_where_claims_failed(
    tmp_path, capsys
):
    lab = write_lab(
        tmp_path / "toy.ipynb", [("code", HEADER + CLAIM), ("code", "1 / 0")]
    )
    assert replicate.main([3, 2], [lab]) == 1
    said = capsys.readouterr().out
    assert "toy grows: held for 1 of 2 seeds" in said
    assert "with COURSE_SEED=3 a cell failed: ZeroDivisionError" in said


@pytest.mark.parametrize(
    ("holds", "status", "words"),
    [
        ({3: True, 4: True}, 0, "toy grows: held for 2 of 2"),
        ({3: True, 4: False}, 1, "held for 1 of 2"),
        ({}, 1, "no claim"),
    ],
)
def test_replicate_succeeds_when_each_claim_held_for_each_seed(
    tmp_path, monkeypatch, capsys, holds, status, words
):
    lab = write_lab(tmp_path / "toy.ipynb")
    monkeypatch.setattr(
        replicate, "execute", lambda lab, seed: ran(holds.get(seed))
    )
    assert replicate.main([3, 4], [lab]) == status
    assert words in capsys.readouterr().out


# make release -----------------------------------------------------------------


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course with two labs; returns it, its labs and the runs made of them.
    A claim of lab b fails on every seed, and is not made on the first.
    """
    code = [("code", "1")]
    labs = [write_lab(tmp_path / f"{name}.ipynb", code) for name in "ab"]
    runs = []

    def execute(lab, seed):
        runs.append((lab.stem, seed))
        first = seed == min(seed for _, seed in runs)
        if lab.stem == "a":
            return ran(True, seed)
        return ran(None if first else False)

    monkeypatch.setattr(replicate, "execute", execute)
    return tmp_path, labs, runs


def test_a_release_draws_fresh_seeds_and_keeps_what_failed(course, capsys):
    root, labs, runs = course
    assert release.main(labs, root, count=3) == 1
    file = release.read(root)
    seeds = file["used"]
    assert len(set(seeds)) == 3 and min(seeds) >= 100
    assert sorted(runs) == [(lab, seed) for lab in "ab" for seed in seeds]
    held = {str(seed): [seed, True] for seed in seeds}
    assert file["labs"]["a"]["claims"] == {"grows": held}
    failed = file["labs"]["b"]["claims"]["grows"]
    assert failed == {
        str(seed): [None if seed == seeds[0] else 2.0, False] for seed in seeds
    }
    assert [(each["lab"], each["seed"]) for each in file["failures"]] == [
        ("b", seed) for seed in seeds[1:]
    ]
    said = capsys.readouterr().out
    assert "a: 1 of 1 claims held on 3 fresh seeds" in said
    assert "b: 0 of 1 claims held on 3 fresh seeds" in said
    assert "grows failed on" in said


def test_a_release_repeats_nothing_and_after_a_change_takes_other_seeds(course):
    root, labs, runs = course
    release.main(labs, root, count=2)
    before = release.read(root)
    release.main(labs, root, count=2)
    assert release.read(root) == before and len(runs) == 4
    write_lab(labs[1], [("code", "2")])
    release.main(labs, root, count=2)
    after = release.read(root)
    assert len(runs) == 6 and {lab for lab, _ in runs[4:]} == {"b"}
    assert not set(after["labs"]["b"]["seeds"]) & set(before["used"])
    assert after["labs"]["a"] == before["labs"]["a"]
    assert after["failures"][: len(before["failures"])] == before["failures"]


def test_an_interrupted_release_goes_on_with_the_same_seeds(
    course, monkeypatch
):
    root, labs, runs = course
    whole, executed = replicate.execute_all, []

    def once(seed, todo, keep):
        if executed:
            raise KeyboardInterrupt
        executed.append(seed)
        return whole(seed, todo, keep)

    monkeypatch.setattr(replicate, "execute_all", once)
    with pytest.raises(KeyboardInterrupt):
        release.main(labs, root, count=2)
    seeds = release.read(root)["used"]
    monkeypatch.setattr(replicate, "execute_all", whole)
    release.main(labs, root, count=2)
    assert sorted(runs) == [(lab, seed) for lab in "ab" for seed in seeds]
    assert release.read(root)["used"] == seeds


def test_a_lab_that_makes_no_claim_is_not_released(course, monkeypatch):
    root, labs, _ = course
    monkeypatch.setattr(replicate, "execute", lambda lab, seed: ran(None))
    assert release.main(labs[:1], root, count=1) == 1


def test_only_what_decides_a_finding_changes_a_fingerprint(tmp_path):
    lab = write_lab(tmp_path / "a.ipynb", [("code", "1"), ("markdown", "x")])
    before = release.fingerprint(lab, tmp_path)
    write_lab(lab, [("code", "1"), ("markdown", "y")])
    assert release.fingerprint(lab, tmp_path) == before
    notebook = json.loads(lab.read_text(encoding="utf8"))
    set_up = {**notebook["cells"][0], "source": ["2"]}
    set_up["metadata"] = {"cellView": "form"}
    notebook["cells"].append(set_up)
    lab.write_text(json.dumps(notebook), encoding="utf8")
    assert release.fingerprint(lab, tmp_path) == before
    (tmp_path / "constraints.txt").write_text("torch==1")
    assert release.fingerprint(lab, tmp_path) != before


# nbval ------------------------------------------------------------------------


def test_labs_get_the_outputs_of_the_build(tmp_path):
    lab, cache = (
        write_lab(tmp_path / "toy.ipynb"),
        get_cache(tmp_path / "cache"),
    )
    with pytest.raises(
        SystemExit,
        match=(
            r"toy.ipynb as it stands has not been executed: run make book first"
        ),
    ):
        executed_labs.main(tmp_path / "labs", [lab], cache)

    notebook = nbformat.read(lab, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = (
                1,
                [nbformat.v4.new_output("stream", text="✓ 2.0 points\n")],
            )
    nbformat.write(notebook, tmp_path / "run.ipynb")
    cache.cache_notebook_file(tmp_path / "run.ipynb", lab, check_validity=False)
    executed_labs.main(tmp_path / "labs", [lab], cache)
    assert "✓ 2.0 points" in (tmp_path / "labs/toy.ipynb").read_text(
        encoding="utf8"
    )


def test_claims_can_be_compared_again_after_the_last_cell(tmp_path):
    cells = [("code", "x = 1"), ("code", "print(x)"), ("code", "x = 2")]
    lab = write_lab(tmp_path / "toy.ipynb", cells)
    notebook = nbformat.read(lab, as_version=4)
    for cell, text in zip(notebook.cells, ("", "1\n", ""), strict=True):
        cell.execution_count = 1
        cell.metadata.tags = ["nbval-check-output"] if text else []
        cell.outputs = [nbformat.v4.new_output("stream", text=text)]
    nbformat.write(notebook, lab)
    cache = get_cache(tmp_path / "cache")
    cache.cache_notebook_file(lab, check_validity=False)
    executed_labs.main(tmp_path, [lab], cache, again=True)
    notebook = nbformat.read(lab, as_version=4)
    nbformat.validate(notebook)
    assert [cell.source for cell in notebook.cells[3:]] == ["print(x)"]
    assert notebook.cells[3].outputs == notebook.cells[1].outputs
    with pytest.raises(labs.Failed, match=r"Cell 3"):
        labs.compare(lab)


@pytest.mark.parametrize(
    "tags", [("nbval-check-output",), ()], ids=["no output", "no tag"]
)
def test_labs_without_anything_to_compare_are_refused(tmp_path, tags):
    lab, cache = (
        write_lab(tmp_path / "toy.ipynb", tags=tags),
        get_cache(tmp_path / "cache"),
    )
    cache.cache_notebook_file(lab, check_validity=False)
    with pytest.raises(
        SystemExit,
        match=(
            r"toy.ipynb has a cell tagged nbval-check-output without output, or"
            r" no such"
        ),
    ):
        executed_labs.main(tmp_path / "labs", [lab], cache)


def test_nbval_compares_what_a_claim_prints(tmp_path):
    record = {"application/papermill.record/text/plain": "2.0"}
    code = (
        "code",
        f"print('✓ 2.0 points')\nget_ipython().display_pub.publish({record})",
    )
    lab = write_lab(tmp_path / "toy.ipynb", [code, code], count=1)
    notebook = json.loads(lab.read_text(encoding="utf8"))
    for cell, stored in zip(
        notebook["cells"], ["✓ 2.0 points\n", "✓ 2.1 points\n"], strict=True
    ):
        cell["outputs"] = [
            {"output_type": "stream", "name": "stdout", "text": stored}
        ]
    lab.write_text(json.dumps(notebook))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-p",
        "no:cacheprovider",
        "-p",
        "nbval_records",
    ]
    run = subprocess.run(
        [*command, "--nbval-lax", "--nbval-current-env", lab],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        encoding="utf8",
    )
    assert re.findall(r"Cell (\d) (PASSED|FAILED)", run.stdout) == [
        ("0", "PASSED"),
        ("1", "FAILED"),
    ], run.stdout
