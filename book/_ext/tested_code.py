"""``{tested-code} companion.module.name``: the source of a tested function,
without its docstring.

The page shows the very lines that the tests run, so no code is written twice. A
line below the block links to the function's entry in the API pages.
"""

import ast
import importlib
import inspect
import textwrap

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def without_docstring(source: str) -> str:
    """Return the source of one function or class with every docstring line
    taken out.
    """
    source = textwrap.dedent(source)
    lines = source.splitlines()
    found = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    )
    docs = (
        node.body[0] for node in found if ast.get_docstring(node) is not None
    )
    for doc in sorted(
        docs, key=lambda doc: doc.lineno, reverse=True
    ):  # the last first, so that line numbers stay
        end = doc.end_lineno
        while (
            end < len(lines) and not lines[end].strip()
        ):  # the blank line after a docstring goes with it
            end += 1
        del lines[doc.lineno - 1 : end]
    return "\n".join(lines)


def load(name: str) -> object:
    """Return the object behind a dotted name such as
    ``companion.weight_decay.ridge``.
    """
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


class TestedCode(SphinxDirective):
    """Include a companion function or class as a highlighted block that links
    to its API entry.
    """

    required_arguments = 1
    option_spec = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        """Return the code block and the link below it."""
        name = self.arguments[0]
        try:
            found = load(name)
            source = inspect.getsource(found)
        except (
            ImportError,
            AttributeError,
            TypeError,
            OSError,
            ValueError,
        ) as reason:
            raise self.error(
                f"tested-code cannot show {name!r}: {reason}"
            ) from None
        self.env.note_dependency(inspect.getsourcefile(found))
        code = without_docstring(source)
        block = nodes.literal_block(code, code, language="python")
        kind = "class" if inspect.isclass(found) else "func"
        link = pending_xref(
            "",
            refdomain="py",
            reftype=kind,
            reftarget=name,
            refexplicit=True,
            refwarn=True,
            refdoc=self.env.docname,
        )
        link += nodes.literal(name, name, classes=["xref", "py", f"py-{kind}"])
        line = nodes.paragraph(
            "", "", link, classes=["tested-code-link"], translatable=False
        )
        box = nodes.container(
            "",
            block,
            line,
            classes=["tested-code", *self.options.get("class", [])],
        )
        for node in (block, line, box):
            self.set_source_info(node)
        return [box]


def setup(app: Sphinx) -> dict:
    """Register the directive."""
    app.add_directive("tested-code", TestedCode)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
