"""``{predict}``: a question that the reader answers before the page does.

With a claim the answer is a place on a number line; "Show" opens what the lab
measured, and how far the reader was from it:

    ```{predict} How many percent of 12-layer networks learn?
    :claim: he_12
    :from: 0
    :to: 100
    :step: 1
    :unit: %
    What the answer means, in MyST.
    ```

``:claim:`` names a claim of the lab of the page's own name, or
``lab/claim``. ``:scale: log`` is for factors; ``:step:`` is then left out. A
factor below 1 is asked as its inverse where the line starts at 1 or above.
Without a claim the content is a list of choices, as in a quiz.

The answer is a native ``details`` element: without JavaScript it opens, and in
print it stands. Nothing that a reader says is stored or sent.
"""

from html import escape
from math import log

from claim_records import claims_by_lab, lab_document, slug
from claim_words import end, value
from docutils import nodes
from quiz import Quiz, quiz
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from typography import well_set

from companion.claims import number

_ = get_translation("course")
logger = logging.getLogger(__name__)
DIGITS = 3


class predict(nodes.General, nodes.Element):
    """The question, and what a reader needs to answer it."""


class predict_answer(nodes.General, nodes.Element):
    """What opens: the measured value, then what it means."""


def scale(text: str) -> str:
    """Read the kind of number line."""
    if text not in ("linear", "log"):
        raise ValueError("allowed are linear and log")
    return text


class Predict(Quiz):
    """Read a question with a number line, or with choices."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {
        "claim": str,
        "from": float,
        "to": float,
        "step": float,
        "unit": str,
        "scale": scale,
    }

    def run(self) -> list[nodes.Node]:
        """Return the question; a claim's numbers are filled in when all labs
        have been read.
        """
        children, _messages = self.parse_inline(self.arguments[0])
        question = nodes.paragraph(
            self.arguments[0], "", *children, classes=["question"]
        )
        self.set_source_info(question)
        box = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, box)
        if "claim" in self.options:
            return [self.line(question, box.children)]
        if self.options:
            raise self.error(
                "a predict with a number line names its claim with :claim:"
            )
        if len(box) != 1 or not isinstance(box[0], nodes.bullet_list):
            raise self.error(
                "a predict has a :claim: and a number line, or one list of"
                " choices"
            )
        choices = [self.choice(item) for item in box[0]]
        if not any(choice["right"] for choice in choices):
            raise self.error("a predict has at least one right choice, [x]")
        return [quiz("", question, *choices, classes=["predict"])]

    def line(
        self, question: nodes.paragraph, meaning: list[nodes.Node]
    ) -> predict:
        """Return a question with a number line."""
        low, high = self.options.get("from"), self.options.get("to")
        logarithmic = self.options.get("scale") == "log"
        if low is None or high is None or low >= high:
            raise self.error(
                "a predict with a claim needs :from: and, above it, :to:"
            )
        if logarithmic and low <= 0:
            raise self.error("a logarithmic line starts above 0; see :from:")
        if logarithmic == ("step" in self.options):
            raise self.error(
                "a predict needs :step:, or :scale: log without :step:"
            )
        lab, _slash, name = self.options["claim"].rpartition("/")
        place = predict(
            "",
            question,
            predict_answer("", *meaning),
            lab=lab_document(self.env, lab or slug(self.env.docname)),
            claim=name,
            low=low,
            high=high,
            step=self.options.get("step", 0),
            unit=self.options.get("unit", ""),
            logarithmic=logarithmic,
            id=f"predict-{self.env.new_serialno('predict')}",
        )
        self.set_source_info(place)
        return place


class FillPredictions(SphinxPostTransform):
    """Look up what was measured."""

    default_priority = 3

    def run(self, **kwargs: object) -> None:
        """Give each question its claim's numbers; an unknown claim, or one
        beyond the line, is a warning.
        """
        for place in list(self.document.findall(predict)):
            claims = claims_by_lab(self.env).get(place["lab"], [])
            found = [each for each in claims if each["name"] == place["claim"]]
            if not found:
                logger.warning(
                    "no claim %r in %s; allowed: %s",
                    place["claim"],
                    place["lab"],
                    ", ".join(each["name"] for each in claims) or "none",
                    location=place,
                )
                place.replace_self(place.children[:1])
                continue
            claim = as_asked(found[0], place["low"])
            place["claim"] = claim
            if not place["low"] <= on_line(claim, "value") <= place["high"]:
                logger.warning(
                    "the claim %r measured %s; allowed is a line from below it"
                    " to above it, see :from: and :to:",
                    claim["name"],
                    value(claim),
                    location=place,
                )


def as_asked(claim: dict, start: float) -> dict:
    """Return a claim, or the inverse of a factor below 1 if the line starts at
    1 or above: falls to 1/980 is falls 980-fold.
    """
    if claim["kind"] != "factor" or not claim["value"] < 1 <= start:
        return claim
    return claim | {
        "value": 1 / claim["value"],
        "low": 1 / claim["high"],
        "high": 1 / claim["low"],
    }


def on_line(claim: dict, what: str) -> float:
    """Return value or end of a claim as the line has it: shares in percent."""
    return claim[what] * (100 if claim["kind"] == "share" else 1)


def with_unit(text: str, unit: str) -> str:
    """Write a number with its unit, which a narrow line does not part."""
    return f"{text}\N{NO-BREAK SPACE}{unit}".strip()


def sentences(node: predict) -> dict[str, str]:
    """Return what the page says: before, and after, a reader's guess."""
    claim, unit = node["claim"], node["unit"]
    shown = with_unit(value(claim), unit)
    if claim["kind"] == "exact":
        measured = _("Measured: {value}.").format(value=shown)
    else:
        measured = _(
            "Measured: {value} (95 % interval {low} to {high})."
        ).format(
            value=shown,
            low=short_end(claim, "low"),
            high=with_unit(short_end(claim, "high"), unit),
        )
    measured = well_set(measured)
    distance = "{distance}"
    if node["logarithmic"]:
        away = _("You were off by a factor of {distance}.")
    elif unit == "%":
        away = _("You were {distance} points away.")
    else:
        away = _("You were {distance} away.")
        distance = with_unit("{distance}", unit)
    away = away.format(distance=distance)
    said = _("You said {guess}.").format(guess=with_unit("{guess}", unit))
    return {
        "measured": measured,
        "far": f"{said} {measured} {away}",
        "close": f"{said} {measured} {_('You were right.')}",
    }


def short_end(claim: dict, which: str) -> str:
    """Return one end of the interval with as few digits as a guess has."""
    if claim["kind"] == "factor":
        return end(claim, which)
    return number(on_line(claim, which), DIGITS)


def position(node: predict, what: str) -> float:
    """Return where a part of the claim is, in percent of the line's length."""
    place, low, high = on_line(node["claim"], what), node["low"], node["high"]
    if node["logarithmic"]:
        place, low, high = log(max(place, low)), log(low), log(high)
    return round(100 * min(max((place - low) / (high - low), 0), 1), 2)


def visit_predict(self, node: predict) -> None:
    """Open the box; the question follows."""
    words = sentences(node)
    data = {
        "from": node["low"],
        "to": node["high"],
        "scale": "log" if node["logarithmic"] else "linear",
        **{
            what: on_line(node["claim"], what)
            for what in ("value", "low", "high")
        },
        "far": words["far"],
        "close": words["close"],
        "unit": node["unit"],
    }
    attributes = {f"data-{key}": str(each) for key, each in data.items()}
    self.body.append(self.starttag(node, "div", CLASS="predict", **attributes))


def depart_predict(self, node: predict) -> None:
    """Close the box."""
    self.body.append("</div>\n")


def visit_answer(self, node: predict_answer) -> None:
    """Write the number line, which waits for the script, and open the answer
    with its own line: the measured dot, its interval and the reader's mark.
    """
    box = node.parent
    steps = (
        'min="0" max="100" step="1" value="50"'
        if box["logarithmic"]
        else f'min="{box["low"]:g}" max="{box["high"]:g}"'
        f' step="{box["step"]:g}"'
    )
    ends = [
        escape(with_unit(number(each, DIGITS), box["unit"]))
        for each in (box["low"], box["high"])
    ]
    left, dot, right = (
        position(box, what) for what in ("low", "value", "high")
    )
    self.body.append(
        f'<div class="guess" hidden>\n'
        f'<label for="{box["id"]}">{_("Your guess:")}</label>'
        f' <output for="{box["id"]}" aria-live="off">?</output>\n'
        f'<input type="range" id="{box["id"]}" {steps}>\n'
        f'<div class="ends"><span>{ends[0]}</span><span>{ends[1]}</span></div>'
        f"\n</div>\n<details>\n<summary>{_('Show')}</summary>\n"
        '<div class="line" aria-hidden="true"><span class="interval"'
        f' style="left:{left}%;width:{right - left:.2f}%"></span>'
        f'<span class="dot" style="left:{dot}%"></span>'
        '<span class="yours" hidden></span></div>\n'
        f'<p class="verdict" aria-live="polite">'
        f"{escape(sentences(box)['measured'])}</p>\n"
    )


def depart_answer(self, node: predict_answer) -> None:
    """Close the answer."""
    self.body.append("</details>\n")


def load(
    app: Sphinx,
    page: str,
    template: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Give the pages that have a number line its script."""
    if doctree and any(doctree.findall(predict)):
        app.add_js_file("predict.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register the directive, its nodes, its script and what fills it."""
    app.setup_extension("claim_records")
    app.setup_extension("quiz")
    app.add_node(predict, html=(visit_predict, depart_predict))
    app.add_node(predict_answer, html=(visit_answer, depart_answer))
    app.add_directive("predict", Predict)
    app.add_post_transform(FillPredictions)
    app.connect("html-page-context", load)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
