"""What the executed labs claim, for the pages that show it.

When a lab is read, its claims are taken from the records that ``claim`` left
among the outputs, the cell that made each claim gets an anchor, and all of it
goes into MyST-NB's own per-document data, which survives incremental and
parallel builds. The ledger and the misconceptions look it up when pages are
written, after every lab has been read.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from replications import replications
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.locale import get_translation
from sphinx.util import logging

logger = logging.getLogger(__name__)
_ = get_translation("course")
RECORD = "claim."


def collect_claims(app: Sphinx, doctree: nodes.document) -> None:
    """Store the claims of the lab just read, and give their cells the anchors
    ``claim-<name>``.
    """
    env, docname = app.env, app.env.docname
    keys = [
        key
        for key in NbMetadataCollector.get_doc_data(env)[docname].get(
            "glue", []
        )
        if key.startswith(RECORD)
    ]
    if not keys:
        return
    glued = json.loads(
        Path(env.mystnb_config.output_folder, f"{docname}.glue.json").read_text(
            encoding="utf8"
        )
    )
    claims = [
        json.loads(glued[key]["data"]["application/json"]) for key in keys
    ]
    cells = [
        cell
        for cell in doctree.findall(nodes.container)
        if cell.get("nb_element") == "cell_code"
    ]
    root = Path(app.srcdir)
    fresh = replications(root / f"{docname}.ipynb", root)
    for claim in claims:
        claim["fresh"] = fresh.get(claim["name"], {})
        cell = next(
            (cell for cell in cells if claim["sentence"] in cell.astext()), None
        )
        if cell is None:
            logger.warning(
                "the lab shows no line for its claim %r",
                claim["name"],
                location=docname,
            )
        else:
            cell["ids"].append(f"claim-{claim['name']}")
    NbMetadataCollector.set_doc_data(env, docname, "claims", claims)


def mark(env: BuildEnvironment, what: str) -> None:
    """Note something about the page being read, such as that it shows what labs
    found.
    """
    NbMetadataCollector.set_doc_data(env, env.docname, what, True)


def marked(env: BuildEnvironment, what: str) -> list[str]:
    """Return the pages that carry a mark, in reading order."""
    data = NbMetadataCollector.get_doc_data(env)
    return [
        docname
        for docname in reading_order(env)
        if data.get(docname, {}).get(what)
    ]


def reading_order(
    env: BuildEnvironment, docname: str | None = None
) -> Iterator[str]:
    """Yield every page in the order of the table of contents."""
    docname = docname or env.config.root_doc
    yield docname
    for child in env.toctree_includes.get(docname, []):
        yield from reading_order(env, child)


def claims_by_lab(env: BuildEnvironment) -> dict[str, list[dict]]:
    """Return the claims of every executed lab, labs in reading order."""
    data = NbMetadataCollector.get_doc_data(env)
    return {
        docname: data[docname]["claims"] for docname in marked(env, "claims")
    }


def lab_document(env: BuildEnvironment, lab: str) -> str:
    """Return the page name of a lab given by its slug."""
    return f"notebooks/{lab}"


def slug(docname: str) -> str:
    """Return the slug of a lab given by its page name."""
    return docname.rpartition("/")[2]


def setup(app: Sphinx) -> dict:
    """Collect claims while reading; false ones stop the build, in whatever
    lab it executes.
    """
    if os.environ.get("COURSE_PACE"):
        raise ExtensionError(
            _("Nothing is built at the pace of a class hour: unset COURSE_PACE")
        )
    os.environ["COURSE_STRICT"] = "1"
    app.connect("doctree-read", collect_claims)
    app.add_message_catalog("course", str(Path(__file__).parent / "locale"))
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
