"""Print constraints.txt: the versions, in this environment, of what the
packages of requirements.txt need.
"""

import re
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

# Only some builds of torch need these, so that pinning them would be wrong on
# other machines.
LEFT_OUT = re.compile(r"nvidia-.*|cuda-.*|triton")
HEAD = (
    "# Written by `make constraints`: what the packages of requirements.txt"
    " need, as last tested.\n"
)


def normal(name: str) -> str:
    """Return a package name in the one form in which two spellings compare
    equal.
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Return name and version of every pin in a requirements file, those
    installed without dependencies included.
    """
    return {
        normal(name): v
        for name, v in re.findall(
            r"^(?:#no-deps: )?([\w.-]+)==(\S+)$", text, re.MULTILINE
        )
    }


def needed(text: str) -> dict[str, str]:
    """Return name and installed version of everything that the pins of a
    requirements file need, directly or not.
    """
    found: dict[str, str] = {}
    seen = set()
    queue = [
        Requirement(line)
        for line in text.splitlines()
        if line and not line.startswith("#")
    ]
    while queue:
        requirement = queue.pop()
        name = normal(requirement.name)
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:  # not for this machine
            continue
        for extra in requirement.extras | {""}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            below = map(Requirement, requires(name) or [])
            queue += [
                each
                for each in below
                if each.marker is None or each.marker.evaluate({"extra": extra})
            ]
    return found


def constraints(text: str) -> str:
    """Return the text of constraints.txt for the text of requirements.txt."""
    direct = pins(text)
    rest = {
        name: v
        for name, v in needed(text).items()
        if name not in direct and not LEFT_OUT.fullmatch(name)
    }
    return HEAD + "".join(f"{name}=={rest[name]}\n" for name in sorted(rest))


if __name__ == "__main__":
    print(
        constraints(Path("requirements.txt").read_text(encoding="utf8")), end=""
    )
