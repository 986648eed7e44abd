"""``{claims-ledger}``: every claim of every executed lab, with its bound, its
measured value, its strip and a link to its cell.

The ledger is one plain table. A script makes it sortable and shows the form
that filters it.
"""

import functools
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from platform import python_version

import numpy as np
from claim_records import claims_by_lab, mark, marked, slug
from claim_strip import strip
from claim_words import counted, estimate, fresh, interval, replicated
from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from scipy import stats
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.locale import get_translation
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from companion.claims import _wilson, number

_ = get_translation("course")
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "d2l",
    "jupyter-book",
)
FAR = 3  # half-widths of its interval that a claim should lie inside its bound


class claims_ledger(nodes.General, nodes.Element):
    """The place of the ledger."""


class ClaimsLedger(SphinxDirective):
    """Leave a place for the ledger; it is filled when all labs have been
    read.
    """

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        mark(self.env, "ledger")
        return [claims_ledger()]


class FillLedger(SphinxPostTransform):
    """Put the claims in their place."""

    default_priority = 3

    def run(self, **kwargs: object) -> None:
        """Replace each place by the stamp, the form and the table."""
        for place in list(self.document.findall(claims_ledger)):
            labs = claims_by_lab(self.env)
            self.document["ledger"] = True
            place.replace_self(
                [
                    stamp(self.env, labs),
                    close(labs),
                    nodes.raw("", chapters(self, labs), format="html"),
                    nodes.raw("", form(self, labs), format="html"),
                    nodes.raw("", table(self, labs), format="html"),
                ]
            )


def stamp(
    env: BuildEnvironment, labs: dict[str, list[dict]]
) -> nodes.paragraph:
    """Say since when every lab stands as executed, and with which versions."""
    data = NbMetadataCollector.get_doc_data(env)
    times = [
        data[lab]["exec_data"]["mtime"]
        for lab in labs
        if data[lab].get("exec_data")
    ]
    day = (
        datetime.fromtimestamp(min(times), UTC).strftime("%Y-%m-%d")
        if times
        else _("never")
    )
    versions = ", ".join(
        [
            f"Python {python_version()}",
            *(f"{name} {version(name)}" for name in PACKAGES),
        ]
    )
    text = _(
        "Claims: {count}, in {labs} of the labs. Last verified on {day} with"
        " {versions}."
    ).format(
        count=sum(map(len, labs.values())),
        labs=len(labs),
        day=day,
        versions=versions,
    )
    return nodes.paragraph(text, text, classes=["verified"])


def close(labs: dict[str, list[dict]]) -> nodes.paragraph:
    """Say what the margin is, how many claims have less of it than the book
    wants, and how many would fail by chance.
    """
    every = [each for made in labs.values() for each in made]
    text = _(
        "The margin of a claim is the distance from its estimate to its bound,"
        " divided by the distance from its estimate to the end of its interval."
        " Claims with a margin below {far}: {count}. On one fresh set of seeds"
        " chance alone would let about {failures} claims fail."
    ).format(
        far=FAR,
        count=sum(
            each["margin"] is not None and each["margin"] < FAR
            for each in every
        ),
        failures=number(sum(map(by_chance, every)), 1),
    )
    return nodes.paragraph(text, text)


def by_chance(claim: dict) -> float:
    """Return how probable it is that a claim fails on as many fresh seeds, if
    nothing but chance differs: means and spreads of old and new values follow
    the laws of normal ones, and a new share follows the beta-binomial law that
    the old one and Jeffreys' prior give.
    """
    count, margin = claim["n"], claim["margin"]
    if margin is None:
        return 0.0
    if claim["kind"] != "share":
        t = stats.t.ppf(0.975, count - 1)
        quantiles = (np.arange(40) + 0.5) / 40
        spread = (stats.chi2.ppf(quantiles, count - 1) / (count - 1)) ** 0.5
        rooms = t * (margin * spread[:, None] - spread) / 2**0.5
        return float(stats.norm.sf(rooms).mean())
    hits = round(claim["value"] * count)
    law = stats.betabinom(count, hits + 0.5, count - hits + 0.5)
    floor = -1 if claim["floor"] is None else claim["floor"]
    ceiling = 2 if claim["ceiling"] is None else claim["ceiling"]
    held = [floor < low and high < ceiling for low, high in limits(count)]
    return float(1 - law.pmf(np.flatnonzero(held)).sum())


@functools.cache
def limits(count: int) -> list[tuple[float, float]]:
    """Return Wilson's limits for every number of hits."""
    return [_wilson(hits, count) for hits in range(count + 1)]


def chapter(transform: SphinxPostTransform, lab: str) -> str:
    """Return the title of the chapter that a lab belongs to."""
    titles = transform.env.titles
    return titles.get(f"book/{slug(lab)}", titles[lab]).astext()


def chapters(
    transform: SphinxPostTransform, labs: dict[str, list[dict]]
) -> str:
    """Return links to the first claim of each chapter."""
    links = "".join(
        f'<li><a href="#claim-{slug(lab)}-{made[0]["name"]}">'
        f"{escape(chapter(transform, lab))}</a> ({len(made)})</li>"
        for lab, made in labs.items()
    )
    return (
        f'<nav class="ledger-chapters" aria-label="{_("Chapters")}">'
        f"<ul>{links}</ul></nav>"
    )


def form(transform: SphinxPostTransform, labs: dict[str, list[dict]]) -> str:
    """Return the form that filters the table. It is hidden until the script
    runs.
    """
    kinds = {each["kind"] for made in labs.values() for each in made}
    choices = {
        "chapter": (
            _("Chapter"),
            [(slug(lab), chapter(transform, lab)) for lab in labs],
        ),
        "kind": (_("Kind"), [(kind, _(kind)) for kind in sorted(kinds)]),
        "margin": (
            _("Margin"),
            [
                ("close", _("below {far}").format(far=FAR)),
                ("far", _("{far} or more").format(far=FAR)),
            ],
        ),
        "fresh": (
            _("Fresh seeds"),
            [
                ("held", _("held on all")),
                ("failed", _("failed on some")),
                ("none", _("not since the last change")),
            ],
        ),
    }
    fields = [f'<label>{_("Find")} <input type="search" name="words"></label>']
    for name, (label, options) in choices.items():
        listed = "".join(
            f'<option value="{escape(value)}">{escape(text)}</option>'
            for value, text in [("", _("all")), *options]
        )
        fields.append(
            f'<label>{label} <select name="{name}">{listed}</select></label>'
        )
    words = escape(_("{shown} of {all} claims"))
    return (
        f'<form class="ledger-filter" data-far="{FAR}" hidden>'
        f'{"".join(fields)}<p role="status" data-words="{words}"></p></form>'
    )


def table(transform: SphinxPostTransform, labs: dict[str, list[dict]]) -> str:
    """Return the table. What its columns are sorted by stands in attributes of
    the rows.
    """
    heads = {
        "claim": _("Claim"),
        "chapter": _("Chapter"),
        "value": _("Measured"),
        "n": _("Counted"),
        "kind": _("Kind"),
        "margin": _("Margin"),
        "fresh": _("Fresh seeds"),
    }
    head = "".join(
        f'<th scope="col" data-key="{key}">{text}</th>'
        for key, text in heads.items()
    )
    found = [(lab, claim) for lab, made in labs.items() for claim in made]
    body = "\n".join(
        row(transform, list(heads.values()), place, lab, claim)
        for place, (lab, claim) in enumerate(found)
    )
    return (
        '<div class="pst-scrollable-table-container">'
        f'<table class="table claims-ledger"><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def row(
    transform: SphinxPostTransform,
    heads: list[str],
    place: int,
    lab: str,
    claim: dict,
) -> str:
    """Return the row of a claim, with the stable id ``claim-<lab>-<name>``."""
    name = f"claim-{slug(lab)}-{claim['name']}"
    here = _("Link to this row")
    words = f"{claim['statement']} {claim['bound']}"
    first = (
        f'<a href="{cell_uri(transform, lab, claim)}">{escape(words)}</a>'
        f' <a class="here" href="#{name}" aria-label="{here}">#</a>'
    )
    if claim["source"]:
        first += f'<span class="source">{escape(claim["source"])}</span>'
    measured = escape(estimate(claim))
    if claim["values"]:
        spread = _("95 % interval: {interval}").format(interval=interval(claim))
        measured += f'<span class="spread">{escape(spread)}</span>'
        measured += strip(claim, numbers=False)
    if claim["fresh"]:
        measured += f'<span class="spread">{escape(replicated(claim))}</span>'
    margin = claim["margin"]
    cells = [
        escape(chapter(transform, lab)),
        measured,
        escape(counted(claim)) if claim["n"] else "–",
        _(claim["kind"]),
        "–" if margin is None else number(margin, 2),
        escape(fresh(claim)),
    ]
    labelled = "".join(
        f'<td><span class="head">{head}: </span>{cell}</td>'
        for head, cell in zip(heads[1:], cells, strict=True)
    )
    sorting = {
        "place": place,
        "chapter": slug(lab),
        "value": f"{claim['value']:.6g}",
        "n": claim["n"],
        "kind": claim["kind"],
        "margin": "" if margin is None else f"{margin:.4g}",
        "fresh": share_held(claim),
    }
    data = "".join(f' data-{key}="{value}"' for key, value in sorting.items())
    return f'<tr id="{name}"{data}><td>{first}</td>{labelled}</tr>'


def share_held(claim: dict) -> str:
    """Return the share of fresh sets of seeds on which a claim held, or
    nothing where there is none.
    """
    held = [holds for _, holds in claim["fresh"].values()]
    return f"{sum(held) / len(held):.4g}" if held else ""


def cell_uri(transform: SphinxPostTransform, lab: str, claim: dict) -> str:
    """Return the address of the cell that makes a claim."""
    page = transform.app.builder.get_relative_uri(transform.env.docname, lab)
    return f"{page}#claim-{claim['name']}"


def row_uri(transform: SphinxPostTransform, lab: str, claim: dict) -> str:
    """Return the address of a claim's row in the ledger, or of its cell where
    the book has no ledger.
    """
    pages = marked(transform.env, "ledger")
    if not pages:
        return cell_uri(transform, lab, claim)
    page = transform.app.builder.get_relative_uri(
        transform.env.docname, pages[0]
    )
    return f"{page}#claim-{slug(lab)}-{claim['name']}"


def add_script(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Load the script on the page that has the ledger."""
    if doctree is not None and doctree.get("ledger"):
        app.add_js_file("ledger.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Register the directive, its place and what fills it."""
    app.setup_extension("claim_records")
    app.add_node(claims_ledger)
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_post_transform(FillLedger)
    app.connect("html-page-context", add_script)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
