"""Which claims a lab makes, and which of them a page names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CLAIMS = {"claim", "claim_factor", "claim_share", "claim_exact"}


def nodes(code: list[dict]) -> Iterator[ast.AST]:
    """Yield the syntax of some code cells, magic commands left out."""
    for cell in code:
        source = re.sub(
            r"^(\s*)[%!].*", r"\1pass", cell["source"], flags=re.MULTILINE
        )
        yield from ast.walk(ast.parse(source))


def made(code: list[dict]) -> list[str]:
    """Return the names of the claims in some code cells, in order; one that is
    not a plain string is shown as code.
    """
    return [
        name.value if isinstance(name, ast.Constant) else ast.unparse(name)
        for node in nodes(code)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", None) in CLAIMS
        for name in node.args[:1]
    ]


def named_claims(page: Path) -> list[tuple[str, str]]:
    """Return lab and name of every claim that roles and directives name."""
    text = page.read_text(encoding="utf8")
    found = [
        (lab or page.stem, name)
        for lab, name in re.findall(
            r"\{claim\}`(?:(\w+)/)?(\w+)(?::\w+)?`", text
        )
    ]
    for options in re.findall(
        r"^(?:`{3,}|:{3,})\{(?:misconception|predict)\}.*\n((?::\w+:.*\n)*)",
        text,
        re.MULTILINE,
    ):
        given = dict(re.findall(r"^:(\w+): (.+)$", options, re.MULTILINE))
        for name in given.get("claim", "").split():
            lab, _, name = name.rpartition("/")
            found.append((lab or given.get("lab", page.stem), name))
    return found
