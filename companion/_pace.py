"""The pace of a class hour: with the environment variable ``COURSE_PACE`` set
to quick, experiments run on at most :data:`FEW` seeds, and a claim that has too
few says so instead of being tested.
"""

import os

FEW = 4

# The numbers of seeds that this notebook would have at its full pace.
asked = set()


def quick():
    """Whether this is the quick pace.

    Raises:
        ValueError: if ``COURSE_PACE`` is set to anything but quick, or if
            ``COURSE_STRICT`` is set as well.
    """
    pace = os.environ.get("COURSE_PACE", "")
    if pace not in ("", "quick"):
        raise ValueError(f'COURSE_PACE must be "quick" or unset, got {pace!r}')
    if pace and os.environ.get("COURSE_STRICT"):
        raise ValueError(
            "COURSE_PACE=quick tests no claim and COURSE_STRICT tests every"
            " one: unset one of them"
        )
    return bool(pace)


def full(n, counted):
    """Say how many values of a claim there are, of how many."""
    if counted != "seeds" or not asked:
        return f"{n} {counted}"
    few, many = min(asked), max(asked)
    return f"{n} of {many if few == many else f'{few} to {many}'} {counted}"
