"""``{tested-code} companion.module.name``: the source of a tested function as
the formula that it is: without its docstring and without the checks of its
arguments at the head of the body.

The page shows the very lines that the tests run, so no code is written twice;
only a long signature is filled anew. A line below the block links to the whole
in the API pages. What is shown uses public names only and is at most 80 columns
wide, else the build stops.
"""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from itertools import chain

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective

_ = get_translation("course")
WIDEST = 80


def shown(source: str) -> tuple[str, bool]:
    """Return the source of one function or class without docstrings and
    without the leading checks of arguments, and whether it had checks.
    """
    source = textwrap.dedent(source)
    lines, left_out, checked = source.splitlines(), set(), False
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        first, body = node.body[0].lineno - 1, node.body
        last = first
        if ast.get_docstring(node) is not None:
            last, body = body[0].end_lineno, body[1:]
        if isinstance(node, ast.FunctionDef) and (n := leading_checks(body)):
            last, checked = body[n - 1].end_lineno, True
            while lines[first - 1].lstrip().startswith("#"):
                first -= 1
        if last > first:  # blank lines below go too
            while last < len(lines) and not lines[last].strip():
                last += 1
        left_out |= set(range(first, last))
        head = range(node.lineno, node.body[0].lineno - 1)
        if len(head) > 2 and lines[head[-1]].strip() == "):":
            left_out |= set(head)
            lines[head[0] - 1] += "\n" + filled(lines[head[0] : head[-1] + 1])
    kept = [line for i, line in enumerate(lines) if i not in left_out]
    return "\n".join(kept), checked


def filled(arguments: list[str]) -> str:
    """Fill lines with the arguments of a signature that stand one on a line
    each; the last line closes it.
    """
    indent = arguments[0][: -len(arguments[0].lstrip())]
    text = textwrap.fill(
        " ".join(map(str.strip, arguments[:-1])),
        WIDEST,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{text}\n{arguments[-1]}"


def leading_checks(body: list[ast.stmt]) -> int:
    """Count the statements at the head of a body that only check arguments: no
    later statement uses a name that they bind.
    """
    found = 0
    for count, statement in enumerate(body[:-1], start=1):
        if not isinstance(statement, ast.Assign) and not checks(statement):
            break
        if checks(statement) and not bound(body[:count]) & used(body[count:]):
            found = count
    return found


def checks(statement: ast.stmt) -> bool:
    """Say whether a statement calls a function ``check_…``, raises, or is a
    condition or loop around nothing else.
    """
    match statement:
        case ast.Raise():
            return True
        case ast.Expr(value=ast.Call(func=function)):
            name = getattr(function, "id", getattr(function, "attr", ""))
            return name.lstrip("_").startswith("check_")
        case ast.If() | ast.For():
            *before, last = statement.body
            return checks(last) and all(
                checks(each) or isinstance(each, ast.Assign)
                for each in before + statement.orelse
            )
    return False


def bound(body: list[ast.stmt]) -> set[str]:
    """Names that statements bind, those inside a comprehension aside."""
    inner = {
        id(name)
        for node in everything(body)
        if isinstance(node, ast.comprehension)
        for name in ast.walk(node.target)
    }
    return {
        node.id
        for node in everything(body)
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Store)
        and id(node) not in inner
    }


def used(body: list[ast.stmt]) -> set[str]:
    """Names that statements read."""
    return {
        node.id
        for node in everything(body)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def everything(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node of some statements."""
    return chain.from_iterable(map(ast.walk, body))


def private_names(code: str) -> list[str]:
    """List the names in code that begin with one underscore, ``_`` aside."""
    fields = ("id", "attr", "arg", "name", "asname", "module")
    words = (
        word
        for node in ast.walk(ast.parse(code))
        for field in fields
        for word in str(getattr(node, field, "")).split(".")
    )
    return sorted(
        {
            word
            for word in words
            if word.startswith("_")
            and word != "_"
            and not (word.startswith("__") and word.endswith("__"))
        }
    )


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
        code, checked = shown(source)
        self.look_at(name, code)
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
        words = "{link}"
        if checked:
            words = _(
                "Shown without the checks of its arguments; all of it: {link}"
            )
        before, _mark, after = words.partition("{link}")
        line = nodes.paragraph(
            "",
            "",
            nodes.Text(before),
            link,
            nodes.Text(after),
            classes=["tested-code-link"],
            translatable=False,
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

    def look_at(self, name: str, code: str) -> None:
        """Refuse private names and lines that would scroll sideways."""
        if private := private_names(code):
            raise self.error(
                f"tested-code {name} shows the private name"
                f" {', '.join(private)}; what is shown may use public names of"
                " companion, torch and Python only"
            )
        for line in code.splitlines():
            if len(line) > WIDEST:
                raise self.error(
                    f"tested-code {name} shows a line of {len(line)} columns,"
                    f" at most {WIDEST} are allowed: {line.strip()}"
                )


def setup(app: Sphinx) -> dict:
    """Register the directive."""
    app.add_directive("tested-code", TestedCode)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
