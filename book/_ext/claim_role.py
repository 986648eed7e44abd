"""``{claim}`name` ``: the estimate of a claim as a reader says it, and behind
it the proof.

The name is that of a claim in the lab of the page, or ``slug/name`` for another
lab. ``name:low`` and the other parts of :mod:`claim_words` say one thing of it.
The estimate is a link to the claim's row in the ledger. A script opens the
claim's card instead, which stands at the end of the page as a template.
"""

import re
from html import escape

from claim_records import claims_by_lab, lab_document, slug
from claim_strip import strip
from claim_words import PARTS, SAID, counted, on_paper, replicated
from claims_ledger import cell_uri, row_uri
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole
from typography import well_set

logger = logging.getLogger(__name__)
_ = get_translation("course")
TARGET = re.compile(r"(?:(\w+)/)?([a-z][a-z0-9_]*)(?::(\w+))?")


class pending_claim(nodes.Inline, nodes.Element):
    """The place of an estimate, until all labs have been read."""


class claim_link(nodes.Inline, nodes.TextElement):
    """An estimate that links to its proof."""


class ClaimRole(SphinxRole):
    """Leave a place for the estimate."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the place."""
        found = TARGET.fullmatch(self.text)
        if found is None:
            logger.warning(
                "a claim role is name, name:part or slug/name; got %r",
                self.text,
                location=self.get_location(),
            )
            return [], []
        lab, name, part = found.groups()
        place = pending_claim(
            lab=lab_document(self.env, lab or slug(self.env.docname)),
            claim=name,
            part=part or "",
        )
        self.set_source_info(place)
        return [place], []


class FillClaims(SphinxPostTransform):
    """Put the estimates in their places, and the cards at the end of the
    page.
    """

    default_priority = 4  # after the boxes, which may hold roles

    def run(self, **kwargs: object) -> None:
        """Replace every place by a link."""
        labs, used = claims_by_lab(self.env), {}
        for place in list(self.document.findall(pending_claim)):
            claim = self.find(place, labs)
            if claim is None:
                place.replace_self([])
                continue
            name = f"claim-{slug(place['lab'])}-{claim['name']}"
            used[name] = place["lab"], claim
            text = SAID[place["part"]](claim)
            link = claim_link(
                text,
                text,
                card=name,
                refuri=row_uri(self, place["lab"], claim),
            )
            if not place["part"] and on_paper(claim) != text:
                link["paper"] = on_paper(claim)
            place.replace_self(link)
        if used:
            self.document["claim_cards"] = True
            self.document += nodes.raw(
                "",
                "".join(
                    self.card(name, *found) for name, found in used.items()
                ),
                format="html",
            )

    def find(self, place: pending_claim, labs: dict) -> dict | None:
        """Return the claim that a place names; an unknown one, or a part that
        it has not, is a warning.
        """
        made = {each["name"]: each for each in labs.get(place["lab"], [])}
        if not made:
            logger.warning(
                "the claim %r has no lab %s; labs are: %s",
                place["claim"],
                place["lab"],
                ", ".join(map(slug, labs)),
                location=place,
            )
            return None
        if place["claim"] not in made:
            logger.warning(
                "no claim %r in %s; it makes: %s",
                place["claim"],
                place["lab"],
                ", ".join(made),
                location=place,
            )
            return None
        claim = made[place["claim"]]
        allowed = PARTS[claim["kind"]]
        if place["part"] and place["part"] not in allowed:
            logger.warning(
                "the claim %r is of kind %s and has no part %r; its parts"
                " are: %s",
                place["claim"],
                claim["kind"],
                place["part"],
                ", ".join(allowed),
                location=place,
            )
            return None
        return claim

    def card(self, name: str, lab: str, claim: dict) -> str:
        """Return the card of a claim."""
        lines = [sentence(claim)]
        if claim["values"]:
            lines.append(strip(claim))
            lines.append(f'<p class="legend">{shown(legend(claim))}</p>')
        lines.append(f'<p class="fresh">{shown(replicated(claim))}</p>')
        if claim["source"]:
            source = _("Source: {source}.").format(source=claim["source"])
            lines.append(f'<p class="source">{escape(source)}</p>')
        lines.append(
            f'<p class="more"><a href="{cell_uri(self, lab, claim)}">'
            f"{escape(_('Its cell in the lab'))}</a>"
            f'<a href="{row_uri(self, lab, claim)}">'
            f"{escape(_('Its row in the ledger'))}</a></p>"
        )
        return (
            f'<template id="{name}-card">'
            f'<div class="claim-words">{"".join(lines)}</div></template>\n'
        )


def shown(text: str) -> str:
    """Return a text as the page shows it."""
    return escape(well_set(text))


def sentence(claim: dict) -> str:
    """Return the sentence that was tested, its bound set off."""
    parts = (claim["statement"], claim["bound"])
    rest = claim["sentence"].removeprefix(" ".join(parts))
    statement, bound, rest = (shown(x) for x in (*parts, rest))
    return (
        f'<p class="sentence"><span aria-hidden="true">✓ </span>{statement}'
        f" <strong>{bound}</strong>{rest}.</p>"
    )


def legend(claim: dict) -> str:
    """Say how to read the strip."""
    if len(claim["values"]) > 100:
        text = _(
            "The bars count {counted}; the thick line is the 95 % interval,"
            " the dashed line the bound."
        )
    elif claim["kind"] == "share":
        text = _(
            "Each dot is one of {counted}: right yes, left no. The thick line"
            " is the 95 % interval, the dashed line the bound."
        )
    else:
        text = _(
            "Each dot is one of {counted}; the thick line is the 95 % interval,"
            " the dashed line the bound."
        )
    return text.format(counted=counted(claim))


def add_script(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Load the script on pages that have cards, with the few words it needs."""
    if doctree is not None and doctree.get("claim_cards"):
        app.add_js_file(
            "claims.js",
            loading_method="defer",
            **{
                "data-card": _("Proof of this number"),
                "data-close": _("Close"),
            },
        )


def visit_link(self, node: claim_link) -> None:
    """Open the link."""
    self.body.append(
        self.starttag(
            node,
            "a",
            "",
            CLASS="claim",
            href=node["refuri"],
            **{"data-card": f"{node['card']}-card"},
        )
    )
    if "paper" in node:
        self.body.append('<span class="on-screen">')


def depart_link(self, node: claim_link) -> None:
    """Close the link; what a printed page shows stands in it too."""
    if "paper" in node:
        paper = shown(node["paper"])
        self.body.append(f'</span><span class="on-paper">{paper}</span>')
    self.body.append("</a>")


def setup(app: Sphinx) -> dict:
    """Register the role, its places and what fills them."""
    app.setup_extension("claims_ledger")
    app.add_role("claim", ClaimRole())
    app.add_node(pending_claim)
    app.add_node(claim_link, html=(visit_link, depart_link))
    app.add_post_transform(FillClaims)
    app.connect("html-page-context", add_script)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
