r"""Maths rendered when the site is built, so that no reader's browser has to.

KaTeX (``book/assets/katex``, as its authors publish it) runs in the build and
leaves HTML for the eye and MathML for screen readers. ``katex_macros`` of
``_config.yml`` holds the course's own commands. An invalid formula is a
warning that names page and line, and fails the strict build.
"""

import functools
import os
import re
from pathlib import Path

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number, wrap_displaymath
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)
KATEX = Path(__file__).parents[1] / "assets/katex/katex.min.js"
# The formulas of nearly every page need these two.
FONTS = ("KaTeX_Main-Regular", "KaTeX_Math-Italic")
# A page shows no TeX: what KaTeX repeats of it beside the MathML goes.
SOURCE = re.compile("</?semantics>|<annotation.*?</annotation>", re.DOTALL)


@functools.cache
def katex(process: int) -> MiniRacer:
    """Return a JavaScript engine that knows KaTeX, one for each process, for an
    engine does not survive a fork.
    """
    engine = MiniRacer()
    engine.eval("var self = this;" + KATEX.read_text(encoding="utf8"))
    engine.eval("""function render(tex, displayMode, macros) {
        try {
            return [katex.renderToString(tex, {displayMode, macros}), ""];
        } catch (error) {
            return ["", error.message];
        }
    }""")
    return engine


@functools.cache
def render(tex: str, display: bool, macros: tuple) -> tuple[str, str]:
    """Return the HTML of a formula, or nothing and what is wrong with it."""
    html, error = katex(os.getpid()).call("render", tex, display, dict(macros))
    return SOURCE.sub("", html), error.replace("\u0332", "")


def rendered(self: HTML5Translator, node: nodes.Node, tex: str) -> str:
    """Return the HTML of a node's formula; warn where it is invalid."""
    macros = tuple(self.config.katex_macros.items())
    display = isinstance(node, nodes.math_block)
    html, error = render(tex, display, macros)
    if error:
        logger.warning("invalid formula: %s", error, location=node)
    return html


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula of a line."""
    classes = "math notranslate nohighlight"
    self.body.append(self.starttag(node, "span", "", CLASS=classes))
    self.body.append(rendered(self, node, node.astext()) + "</span>")
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own line, with its number if it has one."""
    classes = "math notranslate nohighlight"
    self.body.append(self.starttag(node, "div", "", CLASS=classes))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    tex = node.astext()
    if not node["nowrap"]:
        tex = wrap_displaymath(tex, None, False).strip()
    self.body.append(rendered(self, node, tex) + "</div>\n")
    raise nodes.SkipNode


def add_style(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: object,
) -> None:
    """Load KaTeX's style, and the usual fonts early, where there is maths."""
    if 'class="katex"' not in context.get("body", ""):
        return
    app.add_css_file("katex/katex-swap.min.css")
    for font in FONTS:
        address = context["pathto"](f"_static/katex/fonts/{font}.woff2", 1)
        context["metatags"] += (
            f'\n<link rel="preload" href="{address}" as="font"'
            ' type="font/woff2" crossorigin>'
        )


def setup(app: Sphinx) -> dict:
    """Register the renderer and its macros."""
    app.add_config_value("katex_macros", {}, "env")
    app.add_html_math_renderer(
        "katex", (visit_math, None), (visit_displaymath, None)
    )
    app.connect("html-page-context", add_style)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
