"""Addresses that stay, each with a link to it: of every exercise, question and
prediction, of every misconception, and of a lab's claims and figures.

    exercise-3   quiz-2   prediction-1   misconception-dropout-forgot_eval
    in a lab     claim-forgot_eval   figure-rates

Headings, formulas and the figures of a page (``fig-dropout-rates``) have a link
of Sphinx's own; rows of the ledger have theirs.
"""

import re
from collections.abc import Iterator
from html import escape

from docutils import nodes
from misconceptions import misconception
from predict import predict
from quiz import quiz
from sphinx.application import Sphinx
from sphinx.locale import get_translation

_ = get_translation("course")
NUMBER = re.compile(r"(\d+)\. ")
FIGURE = re.compile(r'\bname="fig_(\w+)"')


class permalink(nodes.Inline, nodes.Element):
    """A link to a place; it has no text of its own, so none is searched or
    translated.
    """


def link(name: str, words: str) -> permalink:
    """Return the link to a place, and what it is for those who hear it."""
    return permalink(place=name, words=words)


def add_links(app: Sphinx, doctree: nodes.document) -> None:
    """Name the places of the page just read, and link to them."""
    for bold, number in exercises(doctree):
        name = f"exercise-{number}"
        bold.parent["ids"].append(name)
        bold.parent.append(link(name, _("Link to this exercise")))
    questions = [each for each in doctree.findall(quiz)]
    asked = [each for each in questions if "predict" not in each["classes"]]
    for number, box in enumerate(asked, 1):
        add_to_box(box, f"quiz-{number}", _("Link to this question"))
    guessed = doctree.findall(
        lambda node: (
            isinstance(node, predict)
            or (isinstance(node, quiz) and node not in asked)
        )
    )
    for number, box in enumerate(guessed, 1):
        add_to_box(box, f"prediction-{number}", _("Link to this prediction"))
    for box in doctree.findall(misconception):
        words = _("Link to this misconception")
        box.next_node(nodes.paragraph).append(link(box["ids"][0], words))
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            add_to_cell(cell)


def exercises(doctree: nodes.document) -> Iterator[tuple[nodes.strong, str]]:
    """Yield the bold words that begin a paragraph by a number, and that."""
    for bold in doctree.findall(nodes.strong):
        number = NUMBER.match(bold.astext())
        if number and bold.parent.astext().startswith(bold.astext()):
            yield bold, number[1]


def add_to_box(box: nodes.Element, name: str, words: str) -> None:
    """Name a question; its link stands at the end of its first paragraph."""
    box["ids"].append(name)
    box.next_node(nodes.paragraph).append(link(name, words))


def add_to_cell(cell: nodes.container) -> None:
    """Name a cell of a lab by the figures that it shows, and link to these and
    to its claims.
    """
    words = {name: _("Link to this claim") for name in cell["ids"]}
    for figure in FIGURE.findall(cell.astext()):
        words[f"figure-{figure}"] = _("Link to this figure")
    if words:
        cell["ids"] = list(words)
        cell += nodes.container(
            "", *map(link, words, words.values()), classes=["places"]
        )


def visit_permalink(self: nodes.NodeVisitor, node: permalink) -> None:
    """Write the link."""
    place, words = escape(node["place"]), escape(node["words"])
    self.body.append(
        f'<a class="headerlink" href="#{place}" title="{words}">#</a>'
    )
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Come after the cells have been named by their claims."""
    app.setup_extension("claim_records")
    app.add_node(permalink, html=(visit_permalink, None))
    app.connect("doctree-read", add_links, priority=600)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
