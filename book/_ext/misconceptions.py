"""``{misconception}``: a common saying, where it comes from, what the
experiment shows, and the claim that settles it.

    ```{misconception} L2 regularization and weight decay are the same thing.
    :lab: weight_decay
    :claim: adam_coupled_differs
    :from: many study notes
    What the experiment shows, in MyST.
    ```

``{misconceptions}`` collects all of them on its page, each with a link to the
chapter it comes from.
"""

from collections.abc import Iterator

from claim_records import claims_by_lab, lab_document, mark, marked
from claims_ledger import ledger_link, link
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)


class misconception(nodes.General, nodes.Element):
    """One misconception with all its parts."""


class settling_claim(nodes.General, nodes.Element):
    """The place of the sentence that a claim printed."""


class all_misconceptions(nodes.General, nodes.Element):
    """The place of the collection."""


class Misconception(SphinxDirective):
    """Read a saying, its origin and what refutes it."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = {
        "lab": directives.unchanged_required,
        "claim": directives.unchanged_required,
        "from": directives.unchanged_required,
        "name": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """Return the misconception; the claims' sentences are filled in when
        all labs have been read.
        """
        if missing := [
            option
            for option in ("lab", "claim", "from")
            if option not in self.options
        ]:
            raise self.error(
                "a misconception needs"
                f" {', '.join(f':{option}:' for option in missing)}"
            )
        if not self.content:
            raise self.error(
                "a misconception says in its body what the experiment shows"
            )
        mark(self.env, "shows_labs")
        mark(self.env, "has_misconceptions")
        box = misconception()
        self.set_source_info(box)
        box += self.line("You may have read", "label")
        box += self.line(self.arguments[0], "saying")
        box += self.line(self.options["from"], "origin")
        box += self.line("What the experiment shows", "label")
        self.state.nested_parse(self.content, self.content_offset, box)
        lab = lab_document(self.env, self.options["lab"])
        for name in self.options["claim"].split():
            place = settling_claim(lab=lab, claim=name)
            self.set_source_info(place)
            box += place
        self.add_name(box)
        return [box]

    def line(self, text: str, role: str) -> nodes.paragraph:
        """Return one line of the box as a paragraph of its own, which gettext
        can translate.
        """
        children, _messages = self.parse_inline(text)
        paragraph = nodes.paragraph(text, "", *children, classes=[role])
        self.set_source_info(paragraph)
        return paragraph


class AllMisconceptions(SphinxDirective):
    """Leave a place for the collection."""

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        mark(self.env, "shows_labs")
        return [all_misconceptions()]


class FillMisconceptions(SphinxPostTransform):
    """Collect the misconceptions and show the sentence of the claim that
    settles each.
    """

    default_priority = 3

    def run(self, **kwargs: object) -> None:
        """Fill the places of the collection, then the places of the claims."""
        for place in list(self.document.findall(all_misconceptions)):
            place.replace_self(list(self.collected()))
        for place in list(self.document.findall(settling_claim)):
            place.replace_self(self.sentence(place))

    def collected(self) -> Iterator[nodes.section]:
        """Yield one section per chapter with a copy of its misconceptions."""
        for docname in marked(self.env, "has_misconceptions"):
            title = nodes.title(
                "",
                "",
                link(self, docname, "", self.env.titles[docname].astext()),
            )
            copies = [
                node.deepcopy()
                for node in self.env.get_doctree(docname).findall(misconception)
            ]
            yield nodes.section(
                "",
                title,
                *copies,
                ids=[f"misconceptions-{docname.rpartition('/')[2]}"],
            )

    def sentence(self, place: settling_claim) -> list[nodes.Node]:
        """Return the claim's sentence as a link to its row in the ledger; an
        unknown claim is a warning.
        """
        for claim in claims_by_lab(self.env).get(place["lab"], []):
            if claim["name"] == place["claim"]:
                sentence = ledger_link(
                    self, place["lab"], claim, claim["sentence"]
                )
                return [nodes.paragraph("", "", sentence, classes=["tested"])]
        logger.warning(
            "no claim %r in %s", place["claim"], place["lab"], location=place
        )
        return []


def visit_misconception(self, node: misconception) -> None:
    """Open the box."""
    self.body.append(self.starttag(node, "div", CLASS="misconception"))


def depart_misconception(self, node: misconception) -> None:
    """Close the box."""
    self.body.append("</div>\n")


def setup(app: Sphinx) -> dict:
    """Register both directives, their places and what fills them."""
    app.setup_extension("claim_records")
    app.add_node(
        misconception, html=(visit_misconception, depart_misconception)
    )
    app.add_node(settling_claim)
    app.add_node(all_misconceptions)
    app.add_directive("misconception", Misconception)
    app.add_directive("misconceptions", AllMisconceptions)
    app.add_post_transform(FillMisconceptions)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
