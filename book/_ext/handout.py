"""Print: the style sheet ``print.css``, and what makes a chapter a handout.

A page with questions, that is a quiz, a prediction or a misconception, gets the
script ``handout.js`` and an empty place for its answers, which is filled while
the page is printed. The place has the words that the script says. In the two
columns of a handout stand the figures that phones see.

Every page names itself in the margins of its prints.
"""

from html import escape

from docutils import nodes
from misconceptions import misconception
from predict import predict
from quiz import quiz
from sphinx.application import Sphinx
from sphinx.locale import get_translation

_ = get_translation("course")
SCREEN = 'media="(max-width: 600px)"'
PRINT = 'media="(max-width: 600px), print"'


def has_questions(doctree: nodes.document) -> bool:
    """Tell whether a page asks its reader something."""
    return any(
        isinstance(node, quiz | predict | misconception)
        for node in doctree.findall()
    )


def answers() -> str:
    """Return the place of the answers, with the words that name them."""
    words = {
        "title": _("Answers"),
        "prediction": _("Prediction {number}"),
        "misconception": _("Saying {number}"),
        "exercise": _("Exercise {number}"),
        "quiz": _("Question {number}"),
    }
    data = "".join(
        f' data-{key}="{escape(text)}"' for key, text in words.items()
    )
    return f'<section class="answers" id="answers" hidden{data}></section>\n'


def quoted(text: str) -> str:
    """Return a text as a string of a style sheet inside a page."""
    return (
        '"'
        + "".join(
            f"\\{ord(each):x} " if each in '"\\<&\n' else each for each in text
        )
        + '"'
    )


def prepare(
    app: Sphinx,
    page: str,
    template: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Name the page in its margins; make a page with questions a handout."""
    if not doctree:
        return
    context["metatags"] = (
        f"{context.get('metatags', '')}<style>:root{{"
        f"--course:{quoted(app.config.html_title)};"
        f"--page:{quoted(app.env.titles[page].astext())}}}</style>\n"
    )
    if has_questions(doctree):
        app.add_js_file("handout.js", loading_method="defer")
        body = context["body"].replace(SCREEN, PRINT)
        context["body"] = body + answers()


def setup(app: Sphinx) -> dict:
    """Prepare every page that is written."""
    app.setup_extension("misconceptions")
    app.setup_extension("predict")
    app.connect("html-page-context", prepare)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
