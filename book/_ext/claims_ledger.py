"""``{claims-ledger}``: every claim of every executed lab, with its bound, its
measured value and a link to its cell.
"""

from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version

from claim_records import claims_by_lab, mark, marked, slug
from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.locale import get_translation
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from companion.claims import number

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
DIGITS = 4
SCALE = {"mean": 1, "share": 100, "exact": 1}
FAR = 3  # half-widths of its interval that a claim should lie inside its bound


class claims_ledger(nodes.General, nodes.Element):
    """The place of the ledger."""


class ClaimsLedger(SphinxDirective):
    """Leave a place for the ledger; it is filled when all labs have been
    read.
    """

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        mark(self.env, "shows_labs")
        mark(self.env, "ledger")
        return [claims_ledger()]


class FillLedger(SphinxPostTransform):
    """Put the claims in their place."""

    default_priority = 3

    def run(self, **kwargs: object) -> None:
        """Replace each place by the stamp and one table per lab."""
        for place in list(self.document.findall(claims_ledger)):
            labs = claims_by_lab(self.env)
            body: list[nodes.Node] = [stamp(self.env, labs), *close(self, labs)]
            for lab, claims in labs.items():
                title = nodes.title(
                    "", "", link(self, lab, "", self.env.titles[lab].astext())
                )
                body.append(
                    nodes.section(
                        "",
                        title,
                        table(self, lab, claims),
                        ids=[f"claims-{slug(lab)}"],
                    )
                )
            place.replace_self(body)


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


def close(
    transform: SphinxPostTransform, labs: dict[str, list[dict]]
) -> list[nodes.paragraph]:
    """Name the claims that hold, but lie closer to their bound than the book
    wants.
    """
    found = [
        (lab, each)
        for lab, claims in labs.items()
        for each in claims
        if (each["margin"] or FAR) < FAR
    ]
    if not found:
        return []
    line = nodes.paragraph(
        "",
        _(
            "Closer to their bound than {n} half-widths of their interval:"
        ).format(n=FAR),
    )
    for lab, claim in found:
        anchor = f"#claim-{slug(lab)}-{claim['name']}"
        line += [
            nodes.Text(" "),
            link(
                transform,
                transform.env.docname,
                anchor,
                f"{slug(lab)} {claim['name']}",
            ),
        ]
        line += nodes.Text("." if (lab, claim) == found[-1] else ",")
    return [line]


def table(
    transform: SphinxPostTransform, lab: str, claims: list[dict]
) -> nodes.table:
    """Return the table of one lab's claims, each row with the stable id
    ``claim-<lab>-<name>``.
    """
    heads = (
        _("Claim"),
        _("Measured"),
        _("95 % interval"),
        _("Seeds"),
        _("Kind"),
        _("Source"),
    )
    rows = nodes.tbody()
    for claim in claims:
        words = link(
            transform,
            lab,
            f"#claim-{claim['name']}",
            f"{claim['statement']} {claim['bound']}",
        )
        measured = (
            f"{number(SCALE[claim['kind']] * claim['value'], DIGITS)}"
            f" {unit(claim)}".strip()
        )
        facts = (
            measured,
            interval(claim),
            str(claim.get("n") or "–"),
            _(claim["kind"]),
            claim.get("source") or "–",
        )
        cells = [nodes.paragraph("", "", words)]
        for head, fact in zip(heads[1:], facts, strict=True):
            label = nodes.inline(
                "", f"{head}: ", classes=["head"]
            )  # shown where a narrow page hides the table's head
            cells.append(nodes.paragraph("", "", label, nodes.Text(fact)))
        rows += nodes.row(
            "",
            *(nodes.entry("", cell) for cell in cells),
            ids=[f"claim-{slug(lab)}-{claim['name']}"],
        )
    head = nodes.thead(
        "",
        nodes.row(
            "", *(nodes.entry("", nodes.paragraph("", head)) for head in heads)
        ),
    )
    group = nodes.tgroup(
        "",
        *(nodes.colspec(colwidth=1) for _head in heads),
        head,
        rows,
        cols=len(heads),
    )
    return nodes.table("", group, classes=["claims-ledger", "colwidths-auto"])


def interval(claim: dict) -> str:
    """Return the interval of a claim, or a dash for an exact one, which has
    none.
    """
    if claim["kind"] == "exact" or claim.get("low") is None:
        return "–"
    low, high = (
        number(SCALE[claim["kind"]] * claim[end], DIGITS)
        for end in ("low", "high")
    )
    return (
        _("{low} to {high} {unit}")
        .format(low=low, high=high, unit=unit(claim))
        .strip()
    )


def unit(claim: dict) -> str:
    """Return the unit in which a claim is shown: shares are recorded as numbers
    up to 1 and shown in percent.
    """
    return "%" if claim["kind"] == "share" else claim.get("unit") or ""


def link(
    transform: SphinxPostTransform, docname: str, anchor: str, text: str
) -> nodes.reference:
    """Return a link from the page being written to a place on another page."""
    uri = (
        transform.app.builder.get_relative_uri(transform.env.docname, docname)
        + anchor
    )
    return nodes.reference("", text, internal=True, refuri=uri)


def ledger_link(
    transform: SphinxPostTransform, lab: str, claim: dict, text: str
) -> nodes.reference:
    """Return a link to a claim's row in the ledger, or to its cell where the
    book has no ledger.
    """
    pages = marked(transform.env, "ledger")
    if pages:
        return link(
            transform, pages[0], f"#claim-{slug(lab)}-{claim['name']}", text
        )
    return link(transform, lab, f"#claim-{claim['name']}", text)


def setup(app: Sphinx) -> dict:
    """Register the directive, its place and what fills it."""
    app.setup_extension("claim_records")
    app.add_node(claims_ledger)
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_post_transform(FillLedger)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
