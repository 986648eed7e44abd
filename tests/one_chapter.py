"""Build and check one chapter: ``make one LAB=dropout``.

Its tests and the rules first, then its lab, then the site, of which other labs
run only where something they import has changed; last its page in a browser.
"""

import sys

import build_site
import labs
from jupyter_cache import get_cache
from progress import ROOT, alone, check_pace, check_seed, program
from stages import OF_THE_SITE, PY, PYTEST, SETTINGS, run

# The rules of the repository, without the tests of what runs labs.
RULES = ["tests/test_repository.py", "tests/test_words.py"]
RULES += ["-k", "not (replicate or release or nbval or outputs)"]


def commands(parts: list[str]) -> list[list[str]]:
    """Return the commands that come before the lab runs."""
    tests = [part for part in parts if part.endswith(".py")]
    return [
        [PY, "-m", "ruff", "check", "--output-format", "concise", *parts],
        [PY, "-m", "ruff", "format", "--check", *parts],
        [*PYTEST, *tests],
        [*PYTEST, *RULES],
    ]


def main(slug: str) -> int:
    """Return the exit status; the lab runs when all that is quick holds."""
    lab = ROOT / "notebooks" / f"{slug}.ipynb"
    if not lab.is_file():
        names = ", ".join(each.stem for each in labs.find_labs())
        sys.exit(f"LAB is one of {names}; got {slug!r}")
    check_seed()
    check_pace()
    parts = [
        name
        for name in [
            f"companion/{slug}.py",
            f"tests/test_{slug}.py",
            f"tests/test_model_{slug}.py",
            f"notebooks/{slug}.ipynb",
        ]
        if (ROOT / name).exists()
    ]
    with alone():
        if any([run(command, **SETTINGS) for command in commands(parts)]):
            return 1
        labs.LOG.mkdir(parents=True, exist_ok=True)
        cache = get_cache(labs.CACHE)
        if labs.execute_missing([lab], cache) or build_site.main():
            return 1
        return run([*PYTEST, *OF_THE_SITE, "-k", slug], **SETTINGS)


if __name__ == "__main__":
    program(lambda: main(*sys.argv[1:2] or [""]))
