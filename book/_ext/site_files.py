"""What the published site needs beside its pages: a sitemap, and pages mended
where the theme falls short.

Mended are: titles that say the same twice, a second heading of the first
level, viewports named three times, a palette that came after the first paint,
and for screen readers the names of the sidebar's unfolding buttons and the
roles in the list of references.
"""

import re
from html import escape
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.locale import get_translation

_ = get_translation("course")
TITLE = re.compile(r"<title>(.*) &#8212; \1</title>")
VIEWPORT = re.compile(r'\s*<meta name="viewport"[^>]*>')
# The theme sets the palette when its script runs, after the first paint.
THEME = 'localStorage.getItem("theme") || "auto"'
PALETTE = (
    'localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme:'
    ' dark)").matches ? "dark" : "light")'
)
# Above the text, for paper, the theme repeats the title.
PRINTED = re.compile(r'(<div id="jb-print-docs-body"[^>]*>\s*)<h1(.*?)</h1>')
# What the address of the site says of itself, as its first page does.
FACTS = re.compile(
    r'<(?:meta (?=[^>]*(?:property="og:|name="(?:twitter:|description)))'
    r'|link rel="canonical")[^>]*>'
)
UNFOLD = re.compile(r"(<a [^>]*>)([^<]*)(</a>\s*<details[^>]*>\s*<summary)>")


def mend(page: str) -> str:
    """Return the text of a page as it is published."""
    page = TITLE.sub(r"<title>\1</title>", page).replace(THEME, PALETTE)
    page = PRINTED.sub(r"\1<p\2</p>", page)
    first = next(iter(VIEWPORT.findall(page)), "")
    page = VIEWPORT.sub("", page).replace("<head>", "<head>" + first, 1)
    page = UNFOLD.sub(
        lambda found: (
            f'{found[1]}{found[2]}{found[3]} aria-label="{_("Pages under")}:'
            f' {found[2].strip()}">'
        ),
        page,
    )
    return page.replace('role="doc-biblioentry"', 'role="listitem"')


def write_root(app: Sphinx) -> None:
    """Lead from the address of the site to its first page."""
    first = app.builder.get_target_uri(app.config.root_doc)
    if first == "index.html":
        return
    page = Path(app.outdir, first).read_text(encoding="utf8")
    lines = [
        '<!DOCTYPE html>\n<meta charset="utf-8">',
        f"<title>{escape(app.config.html_title)}</title>",
        f'<meta http-equiv="refresh" content="0; url={first}">',
        *FACTS.findall(page),
    ]
    root = Path(app.outdir, "index.html")
    root.write_text("\n".join([*lines, ""]), encoding="utf8")


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Mend every page and list those of the book in ``sitemap.xml``."""
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf8")
        path.write_text(mend(text), encoding="utf8")
    write_root(app)
    pages = sorted(
        app.builder.get_target_uri(docname) for docname in app.env.found_docs
    )
    urls = "\n".join(
        f"  <url><loc>{escape(app.config.html_baseurl + page)}</loc></url>"
        for page in pages
    )
    text = f"""<?xml version="1.0" encoding="utf-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{urls}
</urlset>
"""
    Path(app.outdir, "sitemap.xml").write_text(text, encoding="utf8")


def setup(app: Sphinx) -> dict:
    """Do all this at the end of a build."""
    app.connect("build-finished", finish)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
