"""Words set as a printer sets them: a number stays on the line of its unit,
``Figure`` on the line of its number, a minus is no hyphen, and no line begins
with a dot between two words or with the comma after a formula.

Pages are typed with plain spaces; this is done when they are written, in prose
only, never in code.
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform

UNITS = (
    r"(?:%|(?:percent|points?|times|seeds?|steps?|epochs?|rows?|digits?"
    r"|images?|pictures?|pixels?|units?|layers?|weights?|inputs?|features?"
    r"|classes|trees?|models?|networks?|masks?|batches|copies|folds?"
    r"|seconds?|minutes?|hours?|days?|years?|km|cm|mm|m|s|ms|kB|MB|MiB|GB"
    r"|GiB|bits?|bytes?|nats?|degrees?|draws?|runs?|labels?)\b)"
)
NAMES = (
    r"(?:Fig\.|[Ff]igures?|[Tt]ables?|[Ss]ections?|[Cc]hapters?|[Pp]art"
    r"|[Ee]quations?|Eq\.|[Ee]xperiments?|[Ee]xercises?|[Ss]eeds?|[Ss]teps?"
    r"|[Ee]pochs?|[Ll]ayers?|[Rr]ows?|[Vv]ersions?|Python|torch|numpy)"
)
SPACE = "\N{NO-BREAK SPACE}"
# A line that ends in the source is a text of its own.
FIRST, LAST = slice(20), slice(-20, None)
RULES = [
    (re.compile(rf"(?<=\d)[ \n](?={UNITS})"), SPACE),
    (re.compile(rf"(?<![\w-])({NAMES})[ \n](?=\d)"), rf"\1{SPACE}"),
    (re.compile(r"[ \n](?=·)"), SPACE),
    (re.compile(r"(?<![\w)\]}.:/#%–-])-(?=\d)"), "\N{MINUS SIGN}"),
]
# A browser may break a line between a formula and the mark after it.
MARK = re.compile(r"[,.;:!?)]+")
SHORT = 20  # characters of a formula that need no break inside
AS_TYPED = (
    nodes.FixedTextElement,  # code, what cells print, raw HTML
    nodes.literal,
    nodes.math,
    nodes.Invisible,
    addnodes.desc_signature,
)


def well_set(text: str) -> str:
    """Return a text with what belongs together kept together."""
    for pattern, right in RULES:
        text = pattern.sub(right, text)
    return text


def edge(node: nodes.Node | None, part: slice) -> str:
    """Return with which words a neighbour begins or ends; a formula counts as
    a number.
    """
    if node is None:
        return ""
    return "0" if isinstance(node, nodes.math) else node.astext()[part]


class SetWords(SphinxPostTransform):
    """Set the words of a page, when all its numbers are in their places."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Replace each text by what is set for it."""
        for text in list(self.document.findall(nodes.Text)):
            parent = text.parent
            while parent is not None and not isinstance(parent, AS_TYPED):
                parent = parent.parent
            if parent is None:
                self.set(text)
        for formula in list(self.document.findall(nodes.math)):
            self.keep_mark(formula)

    def set(self, text: nodes.Text) -> None:
        """Set one text; its neighbours may be the number, or the unit. No rule
        changes a length.
        """
        around = text.parent.children
        # line breaks are equal to each other, so not by index()
        place = next(i for i, each in enumerate(around) if each is text)
        before = edge(around[place - 1] if place else None, LAST)
        after = edge((*around, None)[place + 1], FIRST)
        words = well_set(f"{before}{text}{after}")
        words = words[len(before) : len(words) - len(after)]
        if words != text:
            text.parent[place] = nodes.Text(words)

    def keep_mark(self, formula: nodes.math) -> None:
        """Keep a short formula and the mark after it on one line."""
        around = formula.parent.children
        place = next(i for i, each in enumerate(around) if each is formula)
        after = (*around, None)[place + 1]
        mark = isinstance(after, nodes.Text) and MARK.match(after)
        if not mark or len(formula.astext()) > SHORT:
            return
        whole = nodes.inline(classes=["whole"])
        rest = nodes.Text(after[mark.end() :])
        formula.parent[place : place + 2] = [whole, rest]
        whole += [formula, nodes.Text(mark[0])]


def keep_figures_whole(app: Sphinx, config: Config) -> None:
    """Do the same for the numbers of figures, which Sphinx writes."""
    config.numfig_format = {
        kind: words.replace(" ", SPACE)
        for kind, words in config.numfig_format.items()
    }


def setup(app: Sphinx) -> dict:
    """Register the transform; formats of numbers are translated by then."""
    app.connect("config-inited", keep_figures_whole, priority=900)
    app.add_post_transform(SetWords)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
