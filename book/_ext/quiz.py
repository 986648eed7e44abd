"""``{quiz}``: a question whose choices each open to an explanation.

A reader answers by opening a choice. The choices are native ``details``
elements, so the quiz works without JavaScript, from the keyboard and in a
screen reader. Question, choices and explanations are ordinary document nodes,
so that gettext sees every sentence.

    ```{quiz}
    Which of the two gives exact zeros?

    - [ ] A gradient step on the penalty

      It circles around zero.
    - [x] A proximal step

      Soft thresholding cuts small weights to zero.
    ```
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

MARK = re.compile(r"\[( |x)\] ")


class quiz(nodes.General, nodes.Element):
    """The question and its choices."""


class quiz_choice(nodes.General, nodes.Element):
    """One choice, a ``details`` element."""


class quiz_answer(nodes.General, nodes.TextElement):
    """The words of a choice, a ``summary`` element."""


class Quiz(SphinxDirective):
    """Read the question, then a list whose items start with ``[x]`` (right) or
    ``[ ]`` (wrong).
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the quiz node."""
        box = quiz()
        self.set_source_info(box)
        self.state.nested_parse(self.content, self.content_offset, box)
        if len(box) < 2 or not isinstance(box[-1], nodes.bullet_list):
            raise self.error(
                "a quiz is a question followed by a list of choices"
            )
        choices = box.pop()
        box += [self.choice(item) for item in choices]
        if (
            sum(
                choice["right"]
                for choice in box
                if isinstance(choice, quiz_choice)
            )
            < 1
        ):
            raise self.error("a quiz has at least one right choice, marked [x]")
        return [box]

    def choice(self, item: nodes.list_item) -> quiz_choice:
        """Turn a list item into a choice: its first paragraph is the answer,
        the rest explains it.
        """
        first = item[0] if len(item) > 1 else nodes.paragraph()
        mark = MARK.match(first.rawsource or first.astext())
        if mark is None:
            raise self.error(
                "each choice starts with [x] or [ ] and has an explanation"
                " below it"
            )
        answer = quiz_answer(first.rawsource[mark.end() :])
        answer.source, answer.line = first.source, first.line
        answer += first.children
        answer[0] = nodes.Text(answer[0].astext()[mark.end() :])
        right = mark[1] == "x"
        choice = quiz_choice("", answer, right=right)
        words = "Right." if right else "Not quite."
        verdict = nodes.paragraph(words, words, classes=["verdict"])
        verdict.source, verdict.line = first.source, first.line
        choice += [verdict, *item.children[1:]]
        return choice


def visit_quiz(self, node: quiz) -> None:
    """Open the quiz."""
    self.body.append(self.starttag(node, "div", CLASS="quiz"))


def depart_quiz(self, node: quiz) -> None:
    """Close the quiz."""
    self.body.append("</div>\n")


def visit_choice(self, node: quiz_choice) -> None:
    """Open a choice; its class tells the style sheet whether it is right."""
    self.body.append(
        f'<details class="{"right" if node["right"] else "wrong"}">\n'
    )


def depart_choice(self, node: quiz_choice) -> None:
    """Close a choice."""
    self.body.append("</details>\n")


def visit_answer(self, node: quiz_answer) -> None:
    """Open the words of a choice."""
    self.body.append("<summary>")


def depart_answer(self, node: quiz_answer) -> None:
    """Close the words of a choice."""
    self.body.append("</summary>\n")


def setup(app: Sphinx) -> dict:
    """Register the directive and its nodes."""
    app.add_directive("quiz", Quiz)
    app.add_node(quiz, html=(visit_quiz, depart_quiz))
    app.add_node(quiz_choice, html=(visit_choice, depart_choice))
    app.add_node(quiz_answer, html=(visit_answer, depart_answer))
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
