"""``{diagram} name``: a drawing of the course, part of the page itself.

    ```{diagram} coin_flips
    :name: fig-coin-flips
    Caption in MyST; with it the diagram is a numbered figure.
    ```

The SVG stands in ``book/diagrams/<name>.svg``. It becomes a part of the page,
so that it follows light and dark: its colours are ``currentColor`` or the
course's CSS variables. Its title, description and words are seen by gettext.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = re.compile(
    r"none|currentColor|inherit|transparent|var\(.+\)|url\(#.+\)"
)
COLOURS = ("fill", "stroke", "color", "stop-color", "flood-color")
WORDS = [SVG + tag for tag in ("title", "desc", "text", "tspan")]


class DiagramError(ValueError):
    """A drawing that a page cannot hold; the message names its file."""


class Words(addnodes.translatable):
    """A node whose words gettext sees: the values of its ``words``."""

    def preserve_original_messages(self) -> None:
        """Keep the words as written."""
        self.setdefault("originals", dict(self["words"]))

    def apply_translated_message(self, original: str, translated: str) -> None:
        """Put the translation in the place of each equal message."""
        for key, message in self["originals"].items():
            if message == original:
                self["words"][key] = translated

    def extract_original_messages(self) -> list[str]:
        """Return the words as written."""
        return list(
            dict.fromkeys(self.get("originals", self["words"]).values())
        )


class diagram(nodes.General, nodes.Element, Words):
    """One drawing: its file's text, its words, and a prefix for its ids."""


def read(env: BuildEnvironment, name: str) -> ElementTree.Element:
    """Return the drawing of a name, or refuse it with one sentence."""
    path = folder(env) / f"{name}.svg"
    shown = path.relative_to(env.srcdir)
    if not path.is_file():
        known = ", ".join(
            sorted(each.stem for each in folder(env).glob("*.svg"))
        )
        raise DiagramError(
            f"there is no {shown}; allowed: {known or 'none yet'}"
        )
    env.note_dependency(str(path))
    try:
        svg = ElementTree.fromstring(path.read_text(encoding="utf8"))
    except ElementTree.ParseError as error:
        raise DiagramError(f"{shown} is not well-formed: {error}") from error
    if svg.tag != SVG + "svg" or "viewBox" not in svg.attrib:
        raise DiagramError(f"{shown} must be an <svg> with a viewBox")
    for tag in ("title", "desc"):
        if not (svg.findtext(SVG + tag) or "").strip():
            raise DiagramError(
                f"{shown} must have a <title> and a <desc> as first elements,"
                f" both with words; <{tag}> is missing"
            )
    for element in svg.iter():
        if element.tag in (SVG + "style", SVG + "script", SVG + "image"):
            raise DiagramError(
                f"{shown} must be drawn from shapes and text; it has"
                f" <{element.tag.removeprefix(SVG)}>"
            )
        for key in COLOURS:
            colour = element.get(key, "none")
            if not ALLOWED.fullmatch(colour):
                raise DiagramError(
                    f"{shown}: {key}={colour!r}; allowed are none,"
                    " currentColor and var(--…), which follow light and dark"
                )
        if "style" in element.attrib:
            raise DiagramError(
                f"{shown}: attributes such as fill are allowed, style is not"
            )
    return svg


def folder(env: BuildEnvironment) -> Path:
    """Return where the diagrams are."""
    return Path(env.srcdir, "book", "diagrams")


def diagram_node(directive: SphinxDirective, name: str) -> diagram:
    """Return the node of a drawing, or stop with the place of the directive."""
    try:
        svg = read(directive.env, name)
    except DiagramError as error:
        raise directive.error(str(error)) from error
    words = {
        str(place): " ".join(element.text.split())
        for place, element in enumerate(svg.iter())
        if element.tag in WORDS and (element.text or "").strip()
    }
    node = diagram(
        svg=ElementTree.tostring(svg, encoding="unicode"),
        words=words,
        prefix=f"{name}-{directive.env.new_serialno('diagram')}-",
    )
    directive.set_source_info(node)
    return node


class Diagram(SphinxDirective):
    """Place a drawing, with a caption if the page gives one."""

    required_arguments = 1
    has_content = True
    option_spec = {"name": lambda text: text}

    def run(self) -> list[nodes.Node]:
        """Return the drawing, as a figure if it has a caption."""
        body = diagram_node(self, self.arguments[0])
        if not self.content:
            if "name" in self.options:
                raise self.error("a diagram with a :name: has a caption")
            return [nodes.container("", body, classes=["diagram"])]
        return [captioned(self, body, "diagram")]


def captioned(
    directive: SphinxDirective, body: nodes.Element, kind: str
) -> nodes.figure:
    """Return a numbered figure whose caption is the directive's content."""
    figure = nodes.figure("", body, classes=[kind])
    directive.set_source_info(figure)
    directive.add_name(figure)
    text = nodes.Element()
    directive.state.nested_parse(
        directive.content, directive.content_offset, text
    )
    first, *rest = text.children
    if not isinstance(first, nodes.paragraph):
        raise directive.error(
            f"the caption of a {kind} starts with a paragraph"
        )
    caption = nodes.caption(first.rawsource, "", *first.children)
    caption.source, caption.line = first.source, first.line
    figure += caption
    if rest:
        figure += nodes.legend("", *rest)
    return figure


def drawn(node: diagram) -> str:
    """Return the SVG as it stands on a page: its ids are the page's only ones,
    its title and description its name.
    """
    svg = ElementTree.fromstring(node["svg"])
    prefix = node["prefix"]
    for place, element in enumerate(svg.iter()):
        if str(place) in node["words"]:
            element.text = node["words"][str(place)]
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, prefix + value)
            elif key.endswith("href"):
                element.set(key, re.sub("^#", f"#{prefix}", value))
            else:
                element.set(key, value.replace("url(#", f"url(#{prefix}"))
    for tag in ("title", "desc"):
        svg.find(SVG + tag).set("id", prefix + tag)
    svg.set("role", "img")
    svg.set("aria-labelledby", f"{prefix}title {prefix}desc")
    ElementTree.register_namespace("", SVG[1:-1])
    return ElementTree.tostring(svg, encoding="unicode")


def visit_diagram(self, node: diagram) -> None:
    """Write the drawing."""
    self.body.append(drawn(node) + "\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Register the directive and its node."""
    app.add_node(diagram, html=(visit_diagram, None))
    app.add_directive("diagram", Diagram)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
