"""The search: every section, and every name of the API, is found by itself.

While pages are written, their sections are noted; at the end Pagefind makes an
index of them, which ``search.js`` asks. The index is split, so that a search
loads only what it needs, and no other host.

Where readers may look for a section in words that it does not say, a comment
below its heading has them:

    % search: kaiming, he init
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from shutil import rmtree

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation

_ = get_translation("course")
NOTED = ".sections"
# What repeats other pages, or only lists.
PASSED_BY = {"book/claims", "book/misconceptions", "book/references"}
# The story comes before its lab, and both before the functions: search.js. Of a
# page, sections that mention everything come last.
KINDS = {"notebooks/": "lab", "book/api": "api", "": "page"}
MENTIONS = re.compile(
    r"quiz|sources|exercises|your turn|summary", re.IGNORECASE
)
UNREAD = (
    nodes.math_block,
    nodes.literal_block,
    nodes.raw,
    nodes.Invisible,
    nodes.section,
    addnodes.desc,
)
COLAB = "colab.research"
SPHINX_SEARCH = re.compile(
    r"<script[^>]*(?:searchtools|language_data|searchindex)[^>]*></script>\n?"
)
# What Pagefind brings along: its own front ends, and words in no language.
UNUSED = ("pagefind-*ui.*", "pagefind-highlight.js", "wasm.unknown.pagefind")


def unread(node: nodes.Node) -> bool:
    """Say whether nobody looks for what a node says: code, a formula, the links
    above a page and below code.
    """
    return isinstance(node, UNREAD) or (
        isinstance(node, nodes.paragraph)
        and (
            "tested-code-link" in node["classes"]
            or any(
                COLAB in link.get("refuri", "")
                for link in node.findall(nodes.reference)
            )
        )
    )


def words(node: nodes.Node) -> Iterator[str]:
    """Yield what of a node a reader may look for."""
    for child in node.children:
        if isinstance(child, nodes.Text):
            yield child.astext()
        elif isinstance(child, nodes.math):
            letters = child.astext()
            yield "" if re.search(r"[\\^_{]", letters) else letters
        elif not unread(child):
            yield from words(child)
            yield "" if isinstance(child, nodes.Inline) else " "


def text(node: nodes.Node) -> str:
    """Return the words of a node, on one line."""
    return " ".join("".join(words(node)).split())


def sections(doctree: nodes.document) -> Iterator[dict]:
    """Yield anchor, title and text of each section and each documented name."""
    about = [
        meta["content"]
        for meta in doctree.findall(nodes.meta)
        if meta.get("name") == "description"
    ]
    for section in doctree.findall(nodes.section):
        title, *rest = section.children
        found = [text(child) for child in rest if not unread(child)]
        if section.parent is doctree:
            found = [*about, *found]
        also = [
            child.astext().removeprefix("search:")
            for child in rest
            if isinstance(child, nodes.comment)
            and child.astext().startswith("search:")
        ]
        yield {
            "id": section["ids"][0],
            "title": text(title),
            "text": " ".join(filter(None, found)),
            "also": " ".join(also),
        }
    for entry in doctree.findall(addnodes.desc):
        for signature in entry.findall(addnodes.desc_signature):
            # an exercise is found on its page
            if signature["ids"] and ".check_" not in signature["ids"][0]:
                content = entry.next_node(addnodes.desc_content)
                yield {
                    "id": signature["ids"][0],
                    "title": signature["ids"][0],
                    "text": text(content),
                    "also": "",
                }


def note(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Write down the sections of the page that is being written."""
    add_script(app)
    if doctree is None or pagename in PASSED_BY:
        return
    folder = Path(app.outdir, NOTED)
    folder.mkdir(exist_ok=True)
    lab = pagename.startswith("notebooks/")
    chapter = pagename.replace("notebooks/", "book/") if lab else pagename
    found = app.env.titles.get(chapter, app.env.titles[pagename]).astext()
    place = _("{chapter}, the lab").format(chapter=found) if lab else found
    address = app.builder.get_target_uri(pagename)
    kind = next(KINDS[each] for each in KINDS if pagename.startswith(each))
    for i, section in enumerate(sections(doctree)):
        name = f"{pagename.replace('/', '-')}-{i}.html"
        page = document(section, place, address, kind)
        folder.joinpath(name).write_text(page, encoding="utf8")


def document(section: dict, place: str, address: str, kind: str) -> str:
    """Return a section as a small page for Pagefind. Title and place come
    first: search.js knows.
    """
    title, place = escape(section["title"]), escape(place)
    weight = 0.25 if MENTIONS.match(title) else 1
    return (
        f'<html><body data-pagefind-weight="{weight}">'
        f'<h1 data-pagefind-weight="{7 * weight}">{title}</h1>'
        f'<p data-pagefind-meta="place" data-pagefind-weight="2">{place}</p>'
        f"<p>{escape(section['text'])}</p>"
        f'<p data-pagefind-weight="{7 * weight}">{escape(section["also"])}</p>'
        f'<p data-pagefind-filter="kind:{kind}"></p>'
        f'<p data-address="{address}#{escape(section["id"])}"'
        ' data-pagefind-meta="address[data-address]"></p></body></html>'
    )


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Let Pagefind make its index of all sections that were noted."""
    folder, made = Path(app.outdir, NOTED), Path(app.outdir, "pagefind")
    if exception or not folder.exists():
        return
    command = [sys.executable, "-m", "pagefind", "--site", folder]
    command += ["--output-path", made, "--silent"]
    command += ["--force-language", app.config.language]
    subprocess.run(command, check=True)
    rmtree(folder)
    for pattern in UNUSED:
        for path in made.glob(pattern):
            path.unlink()
    page = Path(app.outdir, "search.html")
    html = SPHINX_SEARCH.sub("", page.read_text(encoding="utf8"))
    page.write_text(html, encoding="utf8")
    for name in ("searchindex.js", "_static/searchtools.js"):
        Path(app.outdir, name).unlink()


def add_script(app: Sphinx) -> None:
    """Load the script, with its few words."""
    app.add_js_file(
        "search.js",
        loading_method="defer",
        **{
            "data-some": _("Found: {count}"),
            "data-none": _("Nothing has these words. Try fewer, or others."),
            "data-file": _(
                "The search does not work in pages that are opened as files."
                " Start the course: with start.bat on Windows, start.command"
                " on a Mac, start.sh on Linux; where you built it, with make"
                " serve."
            ),
        },
    )


def setup(app: Sphinx) -> dict:
    """Note sections while pages are written; come before the site's diet."""
    app.connect("html-page-context", note)
    app.connect("build-finished", finish, priority=800)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
