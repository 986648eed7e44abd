"""``{lab-figure} key``: a numbered figure whose body is what a lab showed under
that name.

```{lab-figure} fig_path
:lab: weight_decay
:name: fig-path
Caption in MyST, which may hold glue roles.
```
"""

from claim_records import lab_document
from docutils import nodes
from docutils.parsers.rst import directives
from myst_nb.ext.glue.utils import PendingGlueReference
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class LabFigure(SphinxDirective):
    """Place a lab's figure, with a caption of this page."""

    required_arguments = 1
    has_content = True
    option_spec = {
        "lab": directives.unchanged_required,
        "name": directives.unchanged,
        "class": directives.class_option,
    }

    def run(self) -> list[nodes.Node]:
        """Return the figure: a pending reference to the lab's output, the
        caption, and the legend if any.
        """
        if "lab" not in self.options or not self.content:
            raise self.error(
                "a lab-figure names its lab with :lab: and has a caption"
            )
        body = PendingGlueReference(
            refdoc=lab_document(self.env, self.options["lab"]),
            key=self.arguments[0],
            inline=False,
            gtype="any",
        )
        self.set_source_info(body)
        figure = nodes.figure(
            "", body, classes=["lab-figure", *self.options.get("class", [])]
        )
        self.set_source_info(figure)
        self.add_name(figure)
        text = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, text)
        first, *rest = text.children
        if not isinstance(first, nodes.paragraph):
            raise self.error(
                "the caption of a lab-figure starts with a paragraph"
            )
        caption = nodes.caption(first.rawsource, "", *first.children)
        caption.source, caption.line = first.source, first.line
        figure += caption
        if rest:
            figure += nodes.legend("", *rest)
        return [figure]


def setup(app: Sphinx) -> dict:
    """Register the directive."""
    app.add_directive("lab-figure", LabFigure)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
