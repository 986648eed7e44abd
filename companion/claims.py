r"""Claims that are tests: every result the course states is one call here. Used
by the lab of every chapter.

A claim is checked, printed as one line, and recorded in the notebook, so that a
page can show the measured number. Three kinds exist: :func:`claim` (the mean
over seeds), :func:`claim_share` (in how many seeds) and :func:`claim_exact` (no
chance involved).
"""

import json
import math
import re
import sys
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats

__all__ = [
    "ClaimError",
    "claim",
    "claim_exact",
    "claim_share",
    "glue",
    "interval",
    "number",
    "publish",
]

RECORD = (  # a MIME prefix that no front end shows
    "application/papermill.record/"
)
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MIN_SEEDS = 10
LARGEST = 1e150  # its square is still a number


class ClaimError(AssertionError):
    """The measured interval does not lie inside the bound of its claim.

    Chapter: all.
    """


def number(value, digits=6, decimals=None):
    r"""Write a number for readers: thousands separated, a true minus sign, no
    computer exponent.

    Args:
        value: a finite number.
        digits: significant digits kept at most; digits before the decimal point
            are never dropped.
        decimals: exactly this many decimals instead.

    Returns:
        The number in words of the page.

    Raises:
        ValueError: if the value is NaN or infinite.

    Example:
        >>> (
        ...     number(61039),
        ...     number(-0.01234, digits=3),
        ...     number(3.2e-17),
        ...     number(12, decimals=1),
        ... )
        ('61,039', '−0.0123', '3.2 × 10⁻¹⁷', '12.0')

    Chapter: all.
    """
    size = abs(float(value))
    if not math.isfinite(size):
        raise ValueError(f"value must be finite; got {value}")
    # of the rounded number: 9.99 may become 10
    exponent = int(f"{size:.{digits - 1}e}".split("e")[1])
    if decimals is not None:
        text = f"{size:,.{decimals}f}"
    elif size == 0 or -4 <= exponent < 7:
        text = f"{size:,.{max(digits - 1 - exponent, 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa = f"{float(f'{size:.{digits - 1}e}'.split('e')[0]):g}"
        text = (
            ("" if mantissa == "1" else f"{mantissa} × ")
            + "10"
            + str(exponent).translate(SUPERSCRIPT)
        )
    return "−" + text if value < 0 and text.strip("0,.") else text


def interval(values):
    r"""Mean over the first dimension and its 95 % interval, by Student's t.

    .. math:: \bar x \pm t_{0.975,\,S-1} \, \frac{s}{\sqrt S}, \qquad
        s^2 = \frac{1}{S-1} \sum_{i=1}^{S} (x_i - \bar x)^2

    Args:
        values: shape (S, ...), one entry per seed, S at least 2.

    Returns:
        Mean, low and high, arrays of shape (...). Identical values give a
        point.

    Raises:
        TypeError: if the values are not real numbers.
        ValueError: if there are fewer than two seeds.

    Example:
        >>> mean, low, high = interval([1.0, 2.0, 3.0])
        >>> print(f"{mean:.3f} [{low:.3f}, {high:.3f}]")
        2.000 [-0.484, 4.484]

    Source: Student (1908), The probable error of a mean.

    Chapter: all.
    """
    values = np.asarray(
        values.tolist() if isinstance(values, torch.Tensor) else values
    )
    if values.dtype.kind not in "biufO":
        raise TypeError(f"values must be real numbers; got {values.dtype}")
    values = values.astype(np.float64)
    if values.ndim == 0 or len(values) < 2:
        raise ValueError(
            "values must have shape (S, ...) with at least 2 seeds S; got"
            f" shape {values.shape}"
        )
    seeds = len(values)
    # rounding in the mean must not give these a width
    same = values.max(axis=0) == values.min(axis=0)
    mean = np.where(same, values[0], values.mean(axis=0))
    half = np.where(
        same,
        0.0,
        stats.t.ppf(0.975, seeds - 1)
        * values.std(axis=0, ddof=1)
        / math.sqrt(seeds),
    )
    return mean, mean - half, mean + half


def publish(data, name=None, visible=True):
    r"""Put a MIME bundle into the output of the running notebook cell; outside
    IPython, do nothing.

    Args:
        data: MIME type to content.
        name: the key under which a page can glue it.
        visible: whether the cell shows it. An invisible bundle is only a record
            for pages.

    Chapter: all.
    """
    shell = (
        sys.modules["IPython"].get_ipython()
        if "IPython" in sys.modules
        else None
    )
    if not hasattr(shell, "display_pub"):
        return
    prefix = "" if visible else RECORD
    metadata = (
        {"scrapbook": {"name": name, "mime_prefix": prefix}} if name else {}
    )
    shell.display_pub.publish(
        {prefix + kind: content for kind, content in data.items()}, metadata
    )


def glue(name, value):
    r"""Record a number or a string under a name, for pages to show. The cell
    itself shows nothing.

    Args:
        name: lower-case letters, digits, underscores and dots.
        value: a finite number or a string.

    Raises:
        ValueError: if the name is malformed or the number is not finite.
        TypeError: if the value is neither a single number nor a string.

    Example:
        >>> glue(  # in a notebook, {glue:text} can now show it
        ...     "test_images", 540
        ... )

    Chapter: all.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_.]*", name):
        raise ValueError(
            "name must be lower-case letters, digits, underscores and dots;"
            f" got {name!r}"
        )
    if (
        isinstance(value, np.ndarray | np.generic | torch.Tensor)
        and value.ndim == 0
    ):
        value = value.item()
    if not isinstance(value, bool | int | float | str):
        raise TypeError(
            f"value of {name!r} must be a single number or a string; got"
            f" {type(value).__name__}"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"value of {name!r} must be finite; got {value}")
    publish({"text/plain": repr(value)}, name, visible=False)


def claim(
    name,
    statement,
    values,
    *,
    above=None,
    below=None,
    within=None,
    unit="",
    source=None,
):
    r"""Claim that a mean over seeds lies inside a bound: its whole 95 %
    t-interval must.

    Write the bound from the science before the final run, and leave room: the
    mean should lie at least three half-widths of its interval inside the bound
    (the record stores this as ``margin``). Pass skewed positive quantities as
    their log10, and say so in the statement. ``within`` claims equivalence: so
    a null is claimed.

    Args:
        name: ``[a-z][a-z0-9_]*``, unique in the lab. Running the cell again is
            fine.
        statement: a clause that reads on into its bound, e.g. "Dropout raises
            test accuracy by".
        values: shape (S,), one finite number per seed, S at least 10.
        above: the bound from below, exclusive.
        below: the bound from above, exclusive.
        within: the bound (low, high), inclusive.
        unit: what the number counts, e.g. "points" or "%".
        source: the work that reports the effect.

    Raises:
        ClaimError: if the claim is false, after the line is printed and
            recorded.
        ValueError: if the name, the statement, the values or the bound cannot
            make a claim.
        TypeError: if an argument has the wrong type.

    Example:
        >>> gain = [12.1, 11.8, 12.6, 12.0, 12.4, 11.9, 12.2, 12.5, 11.7, 12.3]
        >>> claim(
        ...     "gain",
        ...     "Dropout raises test accuracy by",
        ...     gain,
        ...     above=5,
        ...     unit="points",
        ... )
        ✓ Dropout raises test accuracy by more than 5 points: 12.2 points, 95 %
        interval [11.9, 12.4], 10 seeds

    Chapter: all.
    """
    _check_words(name, statement, unit, source)
    seeds = _per_seed(name, "values", values)
    if seeds.dtype == bool:
        raise TypeError(
            f"claim {name!r}: values are true or false; use claim_share"
        )
    bound = _bound(name, above, below, within, unit)
    if np.abs(seeds).max() > LARGEST:
        raise ValueError(
            f"claim {name!r}: values must be at most 1e150 in size, or squares"
            " overflow; pass their log10"
        )
    value, low, high = (float(x) for x in interval(seeds))
    texts = _alike(value, low, high, spread=(high - low) / 2)
    estimate = _quantity(texts[0], unit)
    _settle(
        {
            "name": name,
            "kind": "mean",
            "statement": statement,
            "unit": unit,
            "source": source,
        },
        (value, low, high, len(seeds)),
        bound,
        printed=(
            f"{estimate}, 95 % interval [{texts[1]}, {texts[2]}], {len(seeds)}"
            " seeds"
        ),
        result=(
            f"{estimate} (95 % interval {texts[1]} to {texts[2]}, {len(seeds)}"
            " seeds)"
        ),
    )


def claim_share(
    name, statement, hits, *, above=None, below=None, within=None, source=None
):
    r"""Claim in what share of seeds something happens: the whole 95 % Wilson
    interval must lie inside the bound.

    .. math::
        \frac{\hat p + z^2/2S \pm z
        \sqrt{\hat p (1 - \hat p)/S + z^2/4S^2}}{1 + z^2/S}, \qquad z = 1.96

    "In every seed" prints k of n seeds and is not extrapolated: 10 of 10 give
    the interval [72.2 %, 100 %].

    Args:
        name: as in :func:`claim`.
        statement: a clause that reads on into "more than 70 % of seeds", e.g.
            "The network learns in".
        hits: shape (S,), true/false or 1/0 per seed, S at least 10.
        above: as in :func:`claim`, a share between 0 and 1.
        below: likewise.
        within: likewise, two shares.
        source: as in :func:`claim`.

    Raises:
        ClaimError: if the claim is false, after the line is printed and
            recorded.
        ValueError: as :func:`claim`, and for other values than 0 and 1.
        TypeError: as :func:`claim`.

    Example:
        >>> claim_share("wins", "Momentum is faster in", [True] * 10, above=0.7)
        ✓ Momentum is faster in more than 70 % of seeds: 10 of 10 seeds, 95 %
        interval [72.2 %, 100 %]

    Source: Wilson (1927), Probable inference, the law of succession, and
    statistical inference.

    Chapter: all.
    """
    _check_words(name, statement, "", source)
    seeds = _per_seed(name, "hits", hits)
    if not np.isin(seeds, (0, 1)).all():
        raise ValueError(
            f"claim {name!r}: hits must be 0 or 1 in each seed; got"
            f" {seeds[~np.isin(seeds, (0, 1))][0]}"
        )
    bound = _bound(name, above, below, within, "% of seeds", scale=100)
    if any(
        math.isfinite(end) and not 0 <= end <= 1
        for end in (bound.floor, bound.ceiling)
    ):
        raise ValueError(
            f"claim {name!r}: the bound of a share must lie between 0 and 1; it"
            f" reads {bound.words!r}"
        )
    count, total = int(seeds.sum()), len(seeds)
    wilson = stats.binomtest(count, total).proportion_ci(method="wilson")
    low, high = (f"{number(100 * end, digits=3)} %" for end in wilson)
    _settle(
        {
            "name": name,
            "kind": "share",
            "statement": statement,
            "unit": "",
            "source": source,
        },
        (count / total, float(wilson.low), float(wilson.high), total),
        bound,
        printed=f"{count} of {total} seeds, 95 % interval [{low}, {high}]",
        result=f"{count} of {total} seeds (95 % interval {low} to {high})",
    )


def claim_exact(
    name,
    statement,
    value,
    *,
    equals=None,
    tolerance=None,
    above=None,
    below=None,
    within=None,
    unit="",
    source=None,
):
    r"""Claim a value or an identity in which chance plays no part.

    With ``equals``, the largest absolute difference must not exceed
    ``tolerance``, and arrays are compared entry by entry; for arrays the
    recorded value is that difference. With a bound, ``value`` is one number.

    Args:
        name: as in :func:`claim`.
        statement: as in :func:`claim`, e.g. "The two gradients equal" with an
            array, "The shift is" with a number.
        value: what came out, finite.
        equals: what it should be; a number, or an array of the same shape.
        tolerance: largest allowed absolute difference, at least 0; needed with
            ``equals``.
        above: as in :func:`claim`, instead of ``equals``.
        below: likewise.
        within: likewise.
        unit: as in :func:`claim`.
        source: as in :func:`claim`.

    Raises:
        ClaimError: if the claim is false, after the line is printed and
            recorded.
        ValueError: as :func:`claim`, and if the shapes do not fit.
        TypeError: as :func:`claim`.

    Example:
        >>> claim_exact(
        ...     "half", "The mean of 0 and 1 is", 0.5, equals=0.5, tolerance=0
        ... )
        ✓ The mean of 0 and 1 is exactly 0.5: 0.5

    Chapter: all.
    """
    _check_words(name, statement, unit, source)
    got = _finite(name, "value", value)
    if not got.size:
        raise ValueError(
            f"claim {name!r}: value is empty; nothing can be claimed of it"
        )
    if got.dtype == bool:
        raise TypeError(
            f"claim {name!r}: value is true or false; claim the number"
            " behind it"
        )
    if equals is None:
        if tolerance is not None:
            raise ValueError(
                f"claim {name!r}: tolerance belongs to equals; a bound is taken"
                " as it is"
            )
        if got.ndim:
            raise ValueError(
                f"claim {name!r}: a bound needs a single number; value has"
                f" shape {got.shape}"
            )
        bound, tested = _bound(name, above, below, within, unit), float(got)
    else:
        want = _finite(name, "equals", equals)
        if (above, below, within) != (None, None, None):
            raise ValueError(
                f"claim {name!r}: give either equals with tolerance, or a"
                " bound, not both"
            )
        if want.ndim and want.shape != got.shape:
            raise ValueError(
                f"claim {name!r}: value has shape {got.shape}, equals has shape"
                f" {want.shape}"
            )
        if tolerance is None or _real(name, "tolerance", tolerance) < 0:
            raise ValueError(
                f"claim {name!r}: equals needs a tolerance of at least 0; got"
                f" {tolerance!r}"
            )
        target = (
            "the expected values"
            if want.ndim
            else _quantity(number(want), unit)
        )
        words = (
            f"{target} to within {number(tolerance)}"
            if tolerance
            else f"exactly {target}"
        )
        tested = float(np.abs(got.astype(np.float64) - want).max())
        bound = _Bound(-math.inf, tolerance, False, words)
    shown = tested if got.ndim else float(got)
    # all its digits where six suffice, else three or as many as the tolerance
    # asks for
    text = number(shown)
    if got.ndim or float(f"{shown:.6g}") != shown:
        text = _alike(shown, spread=tolerance or 0)[0]
    text = _quantity(text, unit)
    off = (
        f", off by {number(tested, digits=2)}"
        if equals is not None and tested
        else ""
    )
    _settle(
        {
            "name": name,
            "kind": "exact",
            "statement": statement,
            "unit": unit,
            "source": source,
        },
        (shown, shown, shown, 0),
        bound,
        printed=f"largest difference {text}" if got.ndim else text + off,
        result=text,
        holds=bound.holds(tested, tested),
    )


class _Bound(NamedTuple):
    """The region an interval must lie in, and its words."""

    floor: float
    ceiling: float
    strict: bool
    words: str

    def holds(self, low, high):
        if self.strict:
            return self.floor < low and high < self.ceiling
        return self.floor <= low and high <= self.ceiling


def _bound(name, above, below, within, unit, scale=1):
    """Check that exactly one bound is given, and put it into words."""
    if sum(b is not None for b in (above, below, within)) != 1:
        given = f"above={above!r}, below={below!r}, within={within!r}"
        raise ValueError(
            f"claim {name!r} needs exactly one bound: above, below or within;"
            f" got {given}"
        )
    if within is not None:
        if not isinstance(within, tuple | list) or len(within) != 2:
            raise TypeError(
                f"claim {name!r}: within must be a pair (low, high); got"
                f" {within!r}"
            )
        floor, ceiling = (_real(name, "within", end) for end in within)
        if not floor < ceiling:
            raise ValueError(
                f"claim {name!r}: within must be (low, high) with low < high;"
                f" got {within!r}"
            )
        ends = f"{number(scale * floor)} and {number(scale * ceiling)}"
        return _Bound(floor, ceiling, False, f"between {_quantity(ends, unit)}")
    if above is not None:
        floor = _real(name, "above", above)
        return _Bound(
            floor,
            math.inf,
            True,
            f"more than {_quantity(number(scale * floor), unit)}",
        )
    ceiling = _real(name, "below", below)
    return _Bound(
        -math.inf,
        ceiling,
        True,
        f"less than {_quantity(number(scale * ceiling), unit)}",
    )


def _settle(record, measured, bound, printed, result, holds=None):
    """Print the claim, record it, and raise if it is false: every kind ends
    here.
    """
    value, low, high, n = measured
    name, half = record["name"], (high - low) / 2
    holds = bound.holds(low, high) if holds is None else holds
    sentence = f"{record['statement']} {bound.words}: {printed}"
    parts = {"value": value, "low": low, "high": high, "n": n}
    record |= parts | {
        "bound": bound.words,
        "holds": holds,
        "sentence": sentence,
    }
    record["margin"] = (
        min(value - bound.floor, bound.ceiling - value) / half if half else None
    )
    # in one piece: a kernel may send what stands between two pieces apart
    print(f"{'✓' if holds else '✗'} {sentence}")
    for part, content in (
        parts | {"bound": bound.words, "result": result, "sentence": sentence}
    ).items():
        glue(f"{name}.{part}", content)
    publish(
        {"application/json": json.dumps(record)}, f"claim.{name}", visible=False
    )
    if not holds:
        raise ClaimError(sentence)


def _alike(*values, spread):
    """Write numbers with the same decimals: three digits for the largest, more
    if a narrow spread needs them.
    """
    size = max(abs(v) for v in values)
    exponent = int(f"{size:.2e}".split("e")[1])
    if size == 0 or not -4 <= exponent < 7:
        return [number(v, digits=3) for v in values]
    places = (
        2 - exponent
        if not spread
        else max(2 - exponent, -math.floor(math.log10(spread)))
    )
    return [
        number(v, decimals=min(max(places, 0), max(5 - exponent, 0)))
        for v in values
    ]


def _quantity(text, unit):
    """Join a number and its unit."""
    unit = "point" if unit == "points" and text == "1" else unit
    return f"{text} {unit}" if unit else text


def _check_words(name, statement, unit, source):
    """Refuse names and statements that pages could not use."""
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            "a claim's name must be lower-case letters, digits and"
            f" underscores; got {name!r}"
        )
    if not isinstance(statement, str):
        raise TypeError(
            f"claim {name!r}: statement must be a string; got"
            f" {type(statement).__name__}"
        )
    if (
        not statement.strip()
        or statement != statement.strip()
        or "\n" in statement
        or statement[-1] in ".,:;!?"
    ):
        raise ValueError(
            f"claim {name!r}: statement must be a clause that reads on into its"
            f" bound; got {statement!r}"
        )
    if not isinstance(unit, str) or not isinstance(source, str | None):
        raise TypeError(
            f"claim {name!r}: unit must be a string and source a string or"
            f" None; got {unit!r}, {source!r}"
        )


def _finite(name, argument, values):
    """Turn lists, arrays and tensors into an array of finite numbers or of
    booleans.
    """
    values = (
        values.detach().cpu().tolist()
        if isinstance(values, torch.Tensor)
        else values
    )
    try:
        array = np.asarray(values)
        # O: lists of scalar tensors
        if array.dtype.kind not in "biufO" or None in array.ravel().tolist():
            raise TypeError(array.dtype)
        whole = array.dtype.kind in "iu"
        array = array if array.dtype == bool else array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"claim {name!r}: {argument} must be numbers; got {values!r}"
        ) from error
    if whole and np.abs(array).max(initial=0) > 2**53:
        raise ValueError(
            f"claim {name!r}: whole numbers in {argument} must be at most 2⁵³"
            " in size, to be told apart"
        )
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(
            f"claim {name!r}: {argument} must be finite; got"
            f" {array[tuple(where)]} at index {where}"
        )
    return array


def _per_seed(name, argument, values):
    """Check one number per seed, and enough of them."""
    array = _finite(name, argument, values)
    if array.ndim != 1 or len(array) < MIN_SEEDS:
        wanted = (
            f"{argument} must have shape (S,), one entry per seed, at least"
            f" {MIN_SEEDS} seeds"
        )
        raise ValueError(f"claim {name!r}: {wanted}; got shape {array.shape}")
    return array


def _real(name, argument, value):
    """Check a bound or a tolerance."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            f"claim {name!r}: {argument} must be a number; got {value!r}"
        )
    if not math.isfinite(value):
        raise ValueError(
            f"claim {name!r}: {argument} must be finite; got {value}"
        )
    return float(value)
