"""What the published site needs beside its pages: a sitemap, and pages mended
where the theme falls short.

Mended are: names for the sidebar's unfolding buttons and valid roles for the
list of references (for screen readers), and scripts that no page of this book
uses (1.5 MB of icons that also come as a font, live code).
"""

import re
from html import escape
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.locale import get_translation

_ = get_translation("course")
UNUSED = re.compile(
    r'[ \t]*(<script[^>]*src="[^"]*/(fontawesome|sphinx-thebe)\.js[^>]*>'
    r"</script>"
    r"|<link[^>]*sphinx-thebe\.css[^>]*>"
    r"|<script>const THEBE_JS_URL.*?</script>"
    r'|<script type="text/x-thebe-config">.*?</script>)\n?',
    re.DOTALL,
)
UNFOLD = re.compile(r"(<a [^>]*>)([^<]*)(</a>\s*<details[^>]*>\s*<summary)>")


def mend(page: str) -> str:
    """Return the text of a page as it is published."""
    page = UNUSED.sub("", page)
    page = UNFOLD.sub(
        lambda found: (
            f'{found[1]}{found[2]}{found[3]} aria-label="{_("Pages under")}:'
            f' {found[2].strip()}">'
        ),
        page,
    )
    return page.replace('role="doc-biblioentry"', 'role="listitem"')


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Mend every page and list those of the book in ``sitemap.xml``."""
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf8")
        path.write_text(mend(text), encoding="utf8")
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
