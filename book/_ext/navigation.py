"""How a reader finds the way: how long a page takes, its contents for those who
see none beside it, the next chapter, and a page for wrong addresses.
"""

import re
from html import escape
from pathlib import Path

from claim_records import reading_order, slug
from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from search_index import sections
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment.adapters.toctree import document_toc
from sphinx.locale import get_translation
from typography import well_set

_ = get_translation("course")
WORDS_A_MINUTE = 230
SECONDS = 5  # a lab's time is rounded up to a multiple of these
FEW = 3  # sections that need no contents
TEXT = re.compile(r">[^<]+<")
LABEL = re.compile(r'(<a class="headerlink"[^>]*?) title="([^"]*)"')


def finish_page(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Give a page what stands around its text."""
    if pagename == app.config.notfound_pagename:
        context["content_root"] = app.config.notfound_urls_prefix
        context["body"] = not_found(context)
    if doctree is None:
        context["ways"] = []
        return
    context["ways"] = ways(app, pagename)
    for side, name in (("left-prev", "prev"), ("right-next", "next")):
        found = [each for each in context["ways"] if each["side"] == side]
        context[name] = found[0] if found else None
    head = time_to_read(app, pagename, doctree) + contents(app, pagename)
    body = LABEL.sub(r'\1 aria-label="\2" title="\2"', context["body"])
    context["body"] = body.replace("</h1>", "</h1>" + head, 1)


def pair(pagename: str) -> tuple[str, str]:
    """Return the chapter and the lab that have the name of a page."""
    return f"book/{slug(pagename)}", f"notebooks/{slug(pagename)}"


def time_to_read(app: Sphinx, pagename: str, doctree: nodes.document) -> str:
    """Say how long a chapter or a lab takes to read, and a lab to run."""
    story, lab = pair(pagename)
    if pagename not in (story, lab) or not {story, lab} <= app.env.found_docs:
        return ""
    words = sum(len(each["text"].split()) for each in sections(doctree))
    minutes = max(1, round(words / WORDS_A_MINUTE))
    said = _("Reading time: about {minutes}\N{NO-BREAK SPACE}min.").format(
        minutes=minutes
    )
    data = NbMetadataCollector.get_doc_data(app.env).get(pagename, {})
    if seconds := (data.get("exec_data") or {}).get("runtime"):
        runs = _("Running time: about {seconds}\N{NO-BREAK SPACE}s.")
        said += " " + runs.format(seconds=-SECONDS * int(-seconds // SECONDS))
    return f'\n<p class="reading-time">{escape(said)}</p>'


def contents(app: Sphinx, pagename: str) -> str:
    """Return the contents of a page with many sections, folded."""
    found = document_toc(app.env, pagename, app.tags)
    entries = [each for item in found.children for each in item.children[1:]]
    if sum(len(each) for each in entries) < FEW:
        return ""
    listed = "".join(
        app.builder.render_partial(each)["fragment"] for each in entries
    )
    listed = TEXT.sub(lambda found: well_set(found[0]), listed)
    return (
        f'\n<details class="page-contents"><summary>{_("Contents")}</summary>'
        f'<nav aria-label="{_("Contents of this page")}">{listed}</nav>'
        "</details>"
    )


def ways(app: Sphinx, pagename: str) -> list[dict[str, str]]:
    """Return the ways on and back: from chapter to chapter, with the lab
    between; from a lab to its chapter and to the next one.
    """
    pages = list(reading_order(app.env))
    chapters = [each for each in pages if not each.startswith("notebooks/")]
    story, lab = pair(pagename)
    chapter = story if pagename == lab else pagename
    if chapter not in chapters:
        return []
    place = chapters.index(chapter)
    found = []
    if pagename == lab:
        found.append(("left-prev", _("The chapter of this lab"), chapter))
    elif place:
        found.append(("left-prev", _("Previous"), chapters[place - 1]))
    if pagename == story and lab in pages:
        found.append(("to-lab", _("The lab of this chapter"), lab))
    if place + 1 < len(chapters):
        found.append(("right-next", _("Next"), chapters[place + 1]))
    title = app.builder.render_partial
    return [
        {
            "side": side,
            "word": word,
            "link": app.builder.get_relative_uri(pagename, other),
            "title": title(app.env.titles[other])["title"],
        }
        for side, word, other in found
    ]


def not_found(context: dict) -> str:
    """Return what the page for wrong addresses says."""
    search = _("Search the course")
    return (
        f"<h1>{_('Page not found')}</h1>"
        f"<p>{_('There is no page at this address.')}</p>"
        '<div><form class="bd-search d-flex align-items-center" role="search"'
        f' action="{context["pathto"]("search")}">'
        '<i class="fa-solid fa-magnifying-glass"></i>'
        f'<input type="search" class="form-control" name="q"'
        f' placeholder="{search}" aria-label="{search}"></form></div>'
        f"<h2>{_('All pages')}</h2>"
        f'<nav class="all-pages" aria-label="{_("All pages")}">'
        f"{context['toctree'](maxdepth=1, includehidden=True)}</nav>"
    )


def add_templates(app: Sphinx, config: Config) -> None:
    """Let the book's own templates come before the theme's."""
    config.templates_path.insert(0, str(Path(__file__).parent / "templates"))


def setup(app: Sphinx) -> dict:
    """Come after what makes the page for wrong addresses."""
    app.connect("config-inited", add_templates)
    app.connect("html-page-context", finish_page, priority=700)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
