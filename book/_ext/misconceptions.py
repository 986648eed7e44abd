"""``{misconception}``: a common saying, where it comes from, and, once the
reader has judged it, what the experiment shows and the claims that settle it.

    ```{misconception} L2 regularization and weight decay are the same thing.
    :lab: weight_decay
    :claim: adam_coupled_differs
    :from: many study notes
    :verdict: false
    What the experiment shows, in MyST.
    ```

The verdicts that a reader can choose from are ``details`` elements; the style
sheet shows the answer when one of them is open. So a box works without
JavaScript, from the keyboard and in a screen reader. Without ``:verdict:`` the
saying is false.

``{misconceptions}`` collects all of them on its page, each with a link to the
chapter it comes from.
"""

from collections.abc import Iterator

from claim_records import lab_document, mark, marked, slug
from claim_role import pending_claim
from docutils import nodes
from docutils.parsers.rst import directives
from quiz import quiz_answer, quiz_choice
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

VERDICTS = {"true": "True", "partly": "Partly", "false": "False"}
REPLIES = {
    "true": "It is true.",
    "partly": "It is partly true.",
    "false": "It is false.",
}


class misconception(nodes.General, nodes.Element):
    """One misconception with all its parts."""


class misconception_part(nodes.General, nodes.Element):
    """The choices of a misconception, or its answer."""


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
        "verdict": lambda text: directives.choice(text, tuple(VERDICTS)),
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
        mark(self.env, "has_misconceptions")
        box = misconception()
        self.set_source_info(box)
        box += self.line("You may have read", "label")
        box += self.line(self.arguments[0], "saying")
        box += self.line(self.options["from"], "origin")
        box += self.line("True or false? Judge first.", "question")
        verdict = self.options.get("verdict", "false")
        box += self.choices(verdict)
        answer = misconception_part(classes=["answer"])
        answer += self.line(REPLIES[verdict], "verdict")
        answer += self.line("What the experiment shows", "label")
        self.state.nested_parse(self.content, self.content_offset, answer)
        lab = lab_document(self.env, self.options["lab"])
        names = self.options["claim"].split()
        for name in names:
            place = pending_claim(lab=lab, claim=name, part="sentence")
            self.set_source_info(place)
            answer += nodes.paragraph("", "", place, classes=["tested"])
        box += answer
        self.add_name(box)
        # the claim's name stays; numbers are what addresses once were made of
        number = self.env.new_serialno("misconception") + 1
        for part in (names[0].replace("/", "-"), number):
            box["ids"].append(f"misconception-{slug(self.env.docname)}-{part}")
        return [box]

    def choices(self, verdict: str) -> misconception_part:
        """Return the verdicts to choose from."""
        found = misconception_part(classes=["choices"])
        for each, words in VERDICTS.items():
            answer = quiz_answer(words, words)
            right = each == verdict
            self.set_source_info(answer)
            choice = quiz_choice("", answer, right=right)
            reply = "Right." if right else "Not quite."
            choice += self.line(reply, "verdict")
            found += choice
        return found

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
        mark(self.env, "collects_misconceptions")
        return [all_misconceptions()]


class FillMisconceptions(SphinxPostTransform):
    """Collect the misconceptions."""

    default_priority = 3

    def run(self, **kwargs: object) -> None:
        """Fill the places of the collection."""
        for place in list(self.document.findall(all_misconceptions)):
            place.replace_self(list(self.collected()))

    def collected(self) -> Iterator[nodes.section]:
        """Yield one section per chapter with a copy of its misconceptions."""
        for docname in marked(self.env, "has_misconceptions"):
            uri = self.app.builder.get_relative_uri(self.env.docname, docname)
            name = self.env.titles[docname].astext()
            link = nodes.reference("", name, internal=True, refuri=uri)
            copies = [
                node.deepcopy()
                for node in self.env.get_doctree(docname).findall(misconception)
            ]
            yield nodes.section(
                "",
                nodes.title("", "", link),
                *copies,
                ids=[f"misconceptions-{slug(docname)}"],
            )


def list_chapters(app: Sphinx, env: BuildEnvironment) -> None:
    """Tell the contents of the collection's page what it will hold."""
    for page in marked(env, "collects_misconceptions"):
        entries = nodes.bullet_list()
        for docname in marked(env, "has_misconceptions"):
            name = env.titles[docname].astext()
            link = nodes.reference(
                "",
                name,
                internal=True,
                refuri=page,
                anchorname=f"#misconceptions-{slug(docname)}",
            )
            line = addnodes.compact_paragraph("", "", link)
            entries += nodes.list_item("", line)
        env.tocs[page][0][1:] = [entries]


def visit_box(self, node: misconception) -> None:
    """Open the box."""
    self.body.append(self.starttag(node, "div", CLASS="misconception"))


def visit_part(self, node: misconception_part) -> None:
    """Open the choices or the answer."""
    self.body.append(self.starttag(node, "div"))


def depart_div(self, node: misconception | misconception_part) -> None:
    """Close either."""
    self.body.append("</div>\n")


def setup(app: Sphinx) -> dict:
    """Register both directives, their places and what fills them."""
    app.setup_extension("claim_role")
    app.setup_extension("quiz")
    app.add_node(misconception, html=(visit_box, depart_div))
    app.add_node(misconception_part, html=(visit_part, depart_div))
    app.add_node(all_misconceptions)
    app.add_directive("misconception", Misconception)
    app.add_directive("misconceptions", AllMisconceptions)
    app.add_post_transform(FillMisconceptions)
    app.connect("env-updated", list_chapters)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
