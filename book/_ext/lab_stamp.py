"""What a lab was verified with, below its title: the versions that its set-up
cell printed when it was executed for the site.

Without a date, which would differ from build to build; the status page has it.
"""

import re

from claim_records import claims_by_lab
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.transforms.post_transforms import SphinxPostTransform

_ = get_translation("course")
VERSIONS = re.compile(
    r"^\w+, (Python [\d.]+, torch [\d.]+)\S*(, numpy [\d.]+), ", re.MULTILINE
)
STATUS = "book/status"


class StampLabs(SphinxPostTransform):
    """Put the stamp into the line of links of a lab."""

    default_priority = 5
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Add what was printed; a page that is no lab prints nothing."""
        printed = self.document.findall(
            lambda node: (
                isinstance(node, nodes.literal_block)
                and VERSIONS.search(node.astext())
            )
        )
        first = next(printed, None)
        line = next(self.document.findall(nodes.paragraph), None)
        if first is None or line is None:
            return
        text = _("Verified with {versions}: all {count} claims held.").format(
            versions="".join(VERSIONS.search(first.astext()).groups()),
            count=len(claims_by_lab(self.env).get(self.env.docname, [])),
        )
        stamp = nodes.inline("", text + " ", classes=["stamp"])
        if STATUS in self.env.found_docs:
            page = self.app.builder.get_relative_uri(self.env.docname, STATUS)
            when = _("When?")
            stamp += nodes.reference("", when, refuri=page, internal=True)
        line += stamp


def setup(app: Sphinx) -> dict:
    """Register the transform."""
    app.add_post_transform(StampLabs)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
