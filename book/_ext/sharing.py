"""What a page says of itself to others: to search engines, and to those who
show it when somebody shares its address.

Every page has a description of its own: the one in its front matter, else its
first words. Chapters and labs have the picture of their chapter
(:mod:`social_cards`), all other pages that of the first page. Chapters, labs
and the course are described as schema.org asks for it.
"""

import json
import re
from html import escape, unescape
from pathlib import Path
from xml.etree import ElementTree

from claim_records import lab_document, slug
from docutils import nodes
from social_cards import HEIGHT, SVG, WIDTH, card
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.locale import get_translation

_ = get_translation("course")
LICENCE = "https://creativecommons.org/licenses/by/4.0/"
SHORTEST, LONGEST = 50, 160  # a description, in characters
FRONT = "front"  # the drawing of the first page
# Formulas of a lab's first words, as one says them.
TEX = {
    r"\partial ": "∂",
    r"\frac{1}{2}": "½",
    r"\operatorname{Var}": "Var",
    r"\sqrt": "√",
    r"\kappa": "κ",
}


# Words ------------------------------------------------------------------------


def plain(text: str) -> str:
    """Return a text in one line, without TeX."""
    for tex, sign in TEX.items():
        text = text.replace(tex, sign)
    return " ".join(text.split())


def shortened(text: str) -> str:
    """Return the first words of a text, as many as a description may have; to
    the end of a part of it if possible.
    """
    if len(text) <= LONGEST:
        return text
    part = re.match(rf"(.{{{SHORTEST},{LONGEST - 1}}})[.;](?= )", text)
    if part:
        return part[1] + "."
    return text[: LONGEST - 1].rpartition(" ")[0].rstrip(",;:—") + "…"


def labelled(doctree: nodes.document, kind: type) -> list[str]:
    """Return what follows each of the first labels of a page, such as *You
    need:* and *You will be able to:*; labels are nodes of the given kind.
    """
    found = []
    for paragraph in doctree.findall(nodes.paragraph):
        parts = [part for part in paragraph.children if part.astext()]
        labels = [
            place
            for place, part in enumerate(parts)
            if isinstance(part, kind) and part.astext().endswith((":", "："))
        ]
        if labels[:1] == [0]:
            for start, end in zip(labels, [*labels[1:], None], strict=True):
                rest = (part.astext() for part in parts[start + 1 : end])
                found.append(plain("".join(rest)))
        elif found:
            break
    return found


def first_words(doctree: nodes.document) -> str:
    """Return the first words of a page that are not a line of links."""
    words = ""
    for paragraph in doctree.findall(nodes.paragraph):
        text = paragraph.astext()
        links = paragraph.findall(nodes.reference)
        if 2 * sum(len(link.astext()) for link in links) < len(text):
            words = plain(f"{words} {text}")
        if len(words) >= SHORTEST:
            break
    return words


def title_of(app: Sphinx, pagename: str, context: dict) -> str:
    """Return the title of a page."""
    if pagename in app.env.titles:
        return app.env.titles[pagename].astext()
    made = {
        "genindex": _("Index"),
        "py-modindex": _("Modules"),
        "search": _("Search"),
    }
    return made.get(pagename) or unescape(re.sub("<.*?>", "", context["title"]))


def description(
    app: Sphinx, pagename: str, title: str, doctree: nodes.document | None
) -> str:
    """Return what a page says of itself in one or two sentences."""
    if doctree is None:
        return _("{title}: a page of {course}, a course to touch.").format(
            title=title, course=app.config.html_title
        )
    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            return meta["content"]
    if is_lab(pagename) and (does := labelled(doctree, nodes.strong)):
        return shortened(_("A lab: {text}").format(text=does[0]))
    return shortened(first_words(doctree))


# The pages ------------------------------------------------------------------


def is_lab(pagename: str) -> bool:
    """Say whether a page is a lab."""
    return pagename.startswith("notebooks/")


def is_chapter(env: BuildEnvironment, pagename: str) -> bool:
    """Say whether a page is a chapter: it has a lab."""
    return (
        pagename == f"book/{slug(pagename)}"
        and lab_document(env, slug(pagename)) in env.found_docs
    )


def drawing(env: BuildEnvironment, pagename: str) -> str:
    """Return the name of the drawing that stands for a page."""
    known = is_lab(pagename) or is_chapter(env, pagename)
    name = slug(pagename)
    return name if known and path_of(env, name).exists() else FRONT


def path_of(env: BuildEnvironment, name: str) -> Path:
    """Return the file of a drawing."""
    return Path(env.srcdir, "book/diagrams", f"{name}.svg")


def picture(name: str) -> str:
    """Return where on the site the picture with a drawing is."""
    return f"_images/share-{name}.png"


def above(env: BuildEnvironment, pagename: str) -> list[str]:
    """Return the pages above a page, from the first page of the course down,
    and the page itself.
    """
    parents = {
        child: parent
        for parent, children in env.toctree_includes.items()
        for child in children
    }
    chain = [pagename]
    while chain[0] in parents:
        chain.insert(0, parents[chain[0]])
    return chain


# Data -----------------------------------------------------------------------


def course(app: Sphinx, about: str) -> dict:
    """Describe the course and its parts."""
    parts = [
        {
            "@type": "LearningResource",
            "name": part.caption,
            "hasPart": [
                {"@id": address(app, str(page))}
                for page in part.items
                if is_chapter(app.env, str(page))
            ],
        }
        for part in app.config.external_site_map.root.subtrees
    ]
    return {
        "@type": "Course",
        "@id": address(app, app.config.root_doc),
        "name": app.config.html_title,
        "description": about,
        "inLanguage": app.config.language,
        "educationalLevel": _("Intermediate"),
        "isAccessibleForFree": True,
        "license": LICENCE,
        "provider": {"@type": "Organization", "name": app.config.author},
        "hasPart": [part for part in parts if part["hasPart"]],
    }


def lesson(
    app: Sphinx, pagename: str, title: str, about: str, doctree: nodes.document
) -> dict:
    """Describe a chapter or a lab."""
    lab = is_lab(pagename)
    teaches = labelled(doctree, nodes.strong if lab else nodes.emphasis)[1:2]
    whole = {"@id": address(app, app.config.root_doc)}
    return {
        "@type": "LearningResource",
        "@id": address(app, pagename),
        "name": title,
        "description": about,
        "inLanguage": app.config.language,
        "learningResourceType": _("lab") if lab else _("chapter"),
        "educationalLevel": _("Intermediate"),
        "teaches": [part.strip(" .") for part in ";".join(teaches).split(";")],
        "isPartOf": {"@type": "Course", **whole, "name": app.config.html_title},
        "license": LICENCE,
    }


def breadcrumbs(app: Sphinx, pagename: str) -> dict:
    """Describe the way from the first page to a page."""
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {
                "@type": "ListItem",
                "position": place,
                "name": app.env.titles[each].astext(),
                "item": address(app, each),
            }
            for place, each in enumerate(above(app.env, pagename), 1)
        ],
    }


def address(app: Sphinx, pagename: str) -> str:
    """Return the address of a page in the web."""
    return app.config.html_baseurl + app.builder.get_target_uri(pagename)


def script(data: list[dict]) -> str:
    """Return the element that holds data for search engines."""
    text = json.dumps(
        {"@context": "https://schema.org", "@graph": data},
        ensure_ascii=False,
        separators=(",", ":"),
    ).replace("</", "<\\/")
    return f'<script type="application/ld+json">{text}</script>'


# What Sphinx calls ----------------------------------------------------------


def add_facts(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Put all this into the head of a page."""
    title = title_of(app, pagename, context)
    about = description(app, pagename, title, doctree)
    name = drawing(app.env, pagename)
    svg = ElementTree.parse(path_of(app.env, name))
    facts = {
        "og:title": title,
        "og:description": about,
        "og:type": "website",
        "og:url": address(app, pagename),
        "og:site_name": app.config.html_title,
        "og:image": app.config.html_baseurl + picture(name),
        "og:image:width": WIDTH,
        "og:image:height": HEIGHT,
        "og:image:alt": svg.findtext(f"{SVG}title"),
    }
    lines = [
        f'<meta property="{key}" content="{escape(str(value))}">'
        for key, value in facts.items()
    ]
    lines.append('<meta name="twitter:card" content="summary_large_image">')
    meta = context.get("metatags", "")
    if 'name="description"' not in meta:
        lines.append(f'<meta name="description" content="{escape(about)}">')
    if doctree is not None:
        data = []
        if pagename == app.config.root_doc:
            data.append(course(app, about))
        elif is_lab(pagename) or is_chapter(app.env, pagename):
            data.append(lesson(app, pagename, title, about, doctree))
        if pagename != app.config.root_doc:
            data.append(breadcrumbs(app, pagename))
        lines.append(script(data))
        if is_lab(pagename):
            context["title"] = _("Lab: {title}").format(title=context["title"])
    context["metatags"] = "\n".join([meta, *lines, ""])


def draw_pictures(app: Sphinx, exception: Exception | None) -> None:
    """Make the pictures when all pages are written."""
    if exception or app.builder.format != "html":
        return
    env = app.env
    pages = {FRONT: app.config.root_doc}
    for docname in sorted(env.found_docs):
        if is_chapter(env, docname):
            pages.setdefault(drawing(env, docname), docname)
    for name, docname in pages.items():
        title, course = env.titles[docname].astext(), app.config.html_title
        about = description(app, docname, title, env.get_doctree(docname))
        hook = re.match(r".+?[.?!](?= |$)|.*", about)[0]
        target = Path(app.outdir, picture(name))
        card(title, hook, course, path_of(env, name), target)


def setup(app: Sphinx) -> dict:
    """Describe every page; draw the pictures before pages are made light."""
    app.connect("html-page-context", add_facts)
    app.connect("build-finished", draw_pictures)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
