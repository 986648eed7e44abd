"""``{explorer} name``: a live figure that a reader touches.

    ```{explorer} initialization
    :title: A signal in fifty layers
    :description: what it shows and what one can do
    :still: initialization
    :height: 520 640
    :word-reset: Reset
    Caption in MyST.
    ```

The module ``book/explorers/<name>.js`` exports ``model``, an object of pure
functions, and ``mount(element, words)``. Its words come from the options
``:word-…:``, where gettext sees them. Without JavaScript, in print, or if the
module does not load, the page shows the still: a diagram, and the description.
``:height:`` is the room that is kept, in pixels, on wide and narrow screens.

What must be trained beforehand is data: ``:data: name`` (or ``slug/name``, of
another lab) hands ``mount(element, words, data)`` what the executed lab
recorded by ``explorer_data(name, …)``.

Modules are copied to the site with every import's content hash in its address,
so that a browser's cache never mixes two editions.
"""

import hashlib
import json
import re
from html import escape
from pathlib import Path

from claim_records import lab_document, slug
from diagram import Words, captioned, diagram_node
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from typography import well_set

from companion.plots import DATA

IMPORT = re.compile(r"""^(import\s[^"']*["'])(\.[^"']+)(["'])""", re.MULTILINE)
WORD = re.compile(r"\bwords\.(\w+)")
FED = re.compile(r"\bfunction mount\([^)]*\bdata\b")
LOADER = "load.js"

_ = get_translation("course")
logger = logging.getLogger(__name__)


class explorer(nodes.General, nodes.Element, Words):
    """The stage of an explorer, with its still inside."""


class Options(dict):
    """The options of the directive: those named, and any ``word-…``."""

    def __missing__(self, name: str) -> object:
        """Take every option that is a word."""
        if not name.startswith("word-"):
            raise KeyError(name)
        return str


def exports(code: str, name: str) -> bool:
    """Tell whether a module exports a name."""
    return bool(
        re.search(
            rf"^export\s+(async\s+)?(const|let|class|function)\s+{name}\b"
            rf"|^export\s*\{{[^}}]*\b{name}\b",
            code,
            re.MULTILINE,
        )
    )


def heights(text: str) -> list[int]:
    """Read the two heights."""
    found = [int(part) for part in text.split()]
    if len(found) != 2 or min(found) < 100:
        raise ValueError("two heights in pixels, wide and narrow: 520 640")
    return found


class Explorer(SphinxDirective):
    """Place an explorer; its module is checked here, and runs in the reader's
    browser.
    """

    required_arguments = 1
    has_content = True
    option_spec = Options(
        title=str,
        description=str,
        still=str,
        height=heights,
        data=str,
        name=lambda text: text,
    )

    def run(self) -> list[nodes.Node]:
        """Return the figure."""
        if missing := [
            f":{option}:"
            for option in ("title", "description", "still", "height")
            if self.options.get(option) in (None, "None")
        ]:
            raise self.error(f"an explorer needs {', '.join(missing)}")
        if not self.content:
            raise self.error("an explorer has a caption")
        name = self.arguments[0]
        words = self.checked_words(name)
        stage = explorer(
            module=name,
            height=self.options["height"],
            words=words
            | {
                "title": self.options["title"],
                "description": self.options["description"],
            },
            prefix=f"explorer-{name}-{self.env.new_serialno('explorer')}",
        )
        if data := self.options.get("data"):
            lab, _slash, key = data.rpartition("/")
            stage["lab"] = lab_document(self.env, lab or slug(self.env.docname))
            stage["data"] = key
        self.set_source_info(stage)
        stage += diagram_node(self, self.options["still"])
        return [captioned(self, stage, "live-explorer")]

    def checked_words(self, name: str) -> dict[str, str]:
        """Return the words of the module, or say what is missing."""
        path = source(self.env.srcdir) / f"{name}.js"
        shown = path.relative_to(self.env.srcdir)
        if not path.is_file():
            known = sorted(
                each.stem
                for each in path.parent.glob("*.js")
                if exports(each.read_text(encoding="utf8"), "mount")
            )
            raise self.error(
                f"there is no {shown}; allowed:"
                f" {', '.join(known) or 'none yet'}"
            )
        self.env.note_dependency(str(path))
        code = path.read_text(encoding="utf8")
        for each in ("model", "mount"):
            if not exports(code, each):
                raise self.error(
                    f"{shown} must export model, an object of pure functions,"
                    f" and mount(element, words); {each} is missing"
                )
        if bool(FED.search(code)) != ("data" in self.options):
            raise self.error(
                f":data: and the third argument of mount(element, words, data)"
                f" go together; {shown} has one of the two"
            )
        given = {
            option.removeprefix("word-"): text
            for option, text in self.options.items()
            if option.startswith("word-")
        }
        used = set(WORD.findall(code))
        if used != set(given):
            raise self.error(
                f"the options :word-…: must be the words.… of {shown};"
                f" missing: {', '.join(sorted(used - set(given))) or 'none'};"
                f" unused: {', '.join(sorted(set(given) - used)) or 'none'}"
            )
        return given


class FillData(SphinxPostTransform):
    """Hand each explorer what its lab recorded, after all labs were read."""

    default_priority = 4

    def run(self, **kwargs: object) -> None:
        """Look the data up; unknown data is a warning."""
        for stage in self.document.findall(explorer):
            if "data" not in stage:
                continue
            made = recorded(
                Path(
                    self.env.mystnb_config.output_folder,
                    f"{stage['lab']}.glue.json",
                )
            )
            if stage["data"] not in made:
                logger.warning(
                    "no data %r in %s; its explorer_data: %s",
                    stage["data"],
                    stage["lab"],
                    ", ".join(made) or "none",
                    location=stage,
                )
            stage["json"] = made.get(stage["data"], "null")


def recorded(path: Path) -> dict[str, str]:
    """Return the data that a lab recorded for explorers, as JSON by name."""
    if not path.is_file():
        return {}
    glued = json.loads(path.read_text(encoding="utf8"))
    return {
        key.removeprefix(DATA): each["data"]["application/json"]
        for key, each in glued.items()
        if key.startswith(DATA)
    }


def source(srcdir: str | Path) -> Path:
    """Return where the modules are."""
    return Path(srcdir, "book", "explorers")


def place(path: Path, book: Path) -> Path:
    """Return where a script of the book stands below ``_static``."""
    inside = path.relative_to(book)
    return (
        inside.relative_to("assets") if inside.parts[0] == "assets" else inside
    )


def published(path: Path, book: Path) -> str:
    """Return a module with the content hash in the address of each import."""

    def address(match: re.Match) -> str:
        target = (path.parent / match[2]).resolve()
        steps = "../" * (len(place(path, book).parts) - 1)
        return (
            f"{match[1]}./{steps}{place(target, book).as_posix()}"
            f"?v={digest(target, book)}{match[3]}"
        )

    return IMPORT.sub(address, path.read_text(encoding="utf8"))


def digest(path: Path, book: Path) -> str:
    """Return a hash of a module and of all that it imports."""
    return hashlib.sha256(published(path, book).encode()).hexdigest()[:10]


def visit_explorer(self, node: explorer) -> None:
    """Open the stage; the still follows."""
    book = source(self.builder.env.srcdir).parent.resolve()
    module = source(book.parent) / f"{node['module']}.js"
    words = {
        key: text
        for key, text in node["words"].items()
        if key not in ("title", "description")
    }
    wide, narrow = node["height"]
    data = f' data-data="{escape(node["json"])}"' if "json" in node else ""
    self.body.append(
        f'<div class="stage" style="--wide:{wide}px;--narrow:{narrow}px"'
        f' data-module="{module.name}?v={digest(module, book)}"'
        f' data-words="{escape(json.dumps(words, ensure_ascii=False))}"'
        f'{data} role="group" aria-label="{escape(node["words"]["title"])}"'
        f' aria-describedby="{node["prefix"]}">\n'
        f'<div class="live"></div>\n<div class="still">\n'
    )


def depart_explorer(self, node: explorer) -> None:
    """Close the stage and say in words what it shows."""
    self.body.append(
        f'</div>\n<p class="description" id="{node["prefix"]}">'
        f"{escape(well_set(node['words']['description']))}</p>\n"
        f'<p class="opened-as-file" hidden>{escape(opened_as_file())}</p>\n'
        "</div>\n"
    )


def opened_as_file() -> str:
    """Say why an explorer stays still, and what to do."""
    return _(
        "This is a still, because the page was opened as a file. To touch the"
        " figure, start the course: with start.bat on Windows, start.command"
        " on a Mac, start.sh on Linux; where you built it, with make serve."
    )


def load(
    app: Sphinx,
    page: str,
    template: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Give the pages that have an explorer the script that fetches it."""
    if doctree and any(doctree.findall(explorer)):
        app.add_js_file(f"explorers/{LOADER}", loading_method="defer")


def copy_modules(app: Sphinx) -> None:
    """Put the modules beside the other files of the site."""
    if app.builder.format != "html":
        return
    book = source(app.srcdir).parent.resolve()
    target = Path(app.outdir, "_static", "explorers")
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted((book / "explorers").glob("*.js")):
        (target / path.name).write_text(published(path, book), encoding="utf8")


def setup(app: Sphinx) -> dict:
    """Register the directive, its node, its script and its modules."""
    app.setup_extension("claim_records")
    app.setup_extension("diagram")
    app.add_node(explorer, html=(visit_explorer, depart_explorer))
    app.add_directive("explorer", Explorer)
    app.add_post_transform(FillData)
    app.connect("html-page-context", load)
    app.connect("builder-inited", copy_modules)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
