"""What a page says of a claim: its estimate as a reader says it, and the parts
that a sentence about uncertainty needs.
"""

import math
from collections.abc import Callable

from sphinx.locale import get_translation

from companion.claims import factor, number

_ = get_translation("course")
PLAIN = ("value", "low", "high", "interval", "bound", "sentence")
PARTS = {
    "mean": PLAIN,
    "factor": (*PLAIN, "fold"),
    "share": PLAIN,
    "exact": ("value", "bound", "sentence"),
}


def short(value: float, half: float) -> str:
    """Write a number with the digits that its half-width justifies, at most
    three.
    """
    return rounded(value, half, at_most=3)


def rounded(value: float, half: float, at_most: int = 6) -> str:
    """Round a number at the second digit of its half-width, if it has one."""
    if value == 0:
        return "0"
    if not half:
        whole = float(f"{value:.6g}") == value
        return number(value, 6 if whole else 3)
    places = min(
        1 - math.floor(math.log10(half)),
        at_most - 1 - math.floor(math.log10(abs(value))),
    )
    return number(round(value, places), at_most)


def digits(claim: dict) -> int:
    """Return how many digits of a factor its interval justifies."""
    half = math.log(claim["high"] / claim["low"]) / 2
    return max(2, 1 - math.floor(math.log10(half)))


def half(claim: dict) -> float:
    """Return half the width of a claim's interval."""
    return (claim["high"] - claim["low"]) / 2


def value(claim: dict) -> str:
    """Return the bare estimate: a share in percent, without the sign."""
    if claim["kind"] == "share":
        return number(100 * claim["value"], 3)
    if claim["kind"] == "factor":
        return factor(claim["value"], min(digits(claim), 3))
    return short(claim["value"], half(claim))


def end(claim: dict, which: str) -> str:
    """Return one end of the interval, as bare as the estimate."""
    if claim["kind"] == "share":
        return number(100 * claim[which], 3)
    if claim["kind"] == "factor":
        return factor(claim[which], min(digits(claim), 6))
    return rounded(claim[which], half(claim))


def unit(claim: dict) -> str:
    """Return the unit in which a claim is shown: shares are recorded as numbers
    up to 1 and shown in percent.
    """
    return "%" if claim["kind"] == "share" else claim["unit"]


def with_unit(claim: dict, text: str) -> str:
    """Join a number of a claim and its unit."""
    name = unit(claim)
    if not name:
        return text
    name = "point" if name == "points" and text == "1" else name
    return _("{value}\N{NO-BREAK SPACE}{unit}").format(value=text, unit=_(name))


def counted(claim: dict) -> str:
    """Return of what, and of how many, the claim has values."""
    return _("{count} {things}").format(
        count=number(claim["n"]), things=_(claim["counted"])
    )


def estimate(claim: dict) -> str:
    """Return the estimate as a reader says it."""
    if claim["kind"] == "share":
        return _("{hits} of {count} {things}").format(
            hits=number(round(claim["value"] * claim["n"])),
            count=number(claim["n"]),
            things=_(claim["counted"]),
        )
    return with_unit(claim, value(claim))


def interval(claim: dict) -> str:
    """Return the interval in words, with its unit."""
    return with_unit(
        claim,
        _("{low} to {high}").format(
            low=end(claim, "low"), high=end(claim, "high")
        ),
    )


def fresh(claim: dict) -> str:
    """Return on how many fresh sets of seeds a claim held, or a dash."""
    held = [holds for _, holds in claim["fresh"].values()]
    if not held:
        return "–"
    return _("{held} of {count}").format(held=sum(held), count=len(held))


def replicated(claim: dict) -> str:
    """Say on how many fresh sets of seeds a claim held, and with which
    estimates.
    """
    if not claim["fresh"]:
        return _("Not replicated on fresh seeds since the last change.")
    found = [each for each, _ in claim["fresh"].values() if each is not None]
    if not (claim["n"] and found):
        return _("Held on {share} fresh sets of seeds.").format(
            share=fresh(claim)
        )
    low, high = (
        estimate({**claim, "value": each}) for each in (min(found), max(found))
    )
    return _("Held on {share} fresh sets of seeds: {low} … {high}.").format(
        share=fresh(claim), low=low, high=high
    )


def fold(claim: dict) -> str:
    """Return how many times larger or smaller something becomes."""
    size = max(claim["value"], 1 / claim["value"])
    return _("{factor}-fold").format(factor=factor(size, min(digits(claim), 3)))


def on_paper(claim: dict) -> str:
    """Return the estimate with its uncertainty, as a printed page shows it."""
    if claim["kind"] == "mean":
        return with_unit(
            claim,
            _("{value} ± {half}").format(
                value=rounded(claim["value"], half(claim)),
                half=rounded(half(claim), half(claim)),
            ),
        )
    if claim["kind"] == "exact":
        return estimate(claim)
    return _("{estimate} ({interval})").format(
        estimate=estimate(claim), interval=interval(claim)
    )


SAID: dict[str, Callable[[dict], str]] = {
    "": estimate,
    "value": value,
    "low": lambda claim: end(claim, "low"),
    "high": lambda claim: end(claim, "high"),
    "interval": interval,
    "bound": lambda claim: claim["bound"],
    "sentence": lambda claim: claim["sentence"],
    "fold": fold,
}
