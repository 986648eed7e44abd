r"""Claims that are tests: every result the course states is one call here. Used
by the lab of every chapter.

A claim is checked, printed as one line, and recorded in the notebook, so that a
page can show the measured number. Four kinds exist: :func:`claim` (the mean
over seeds), :func:`claim_factor` (new over old), :func:`claim_share` (in how
many seeds) and :func:`claim_exact` (no chance involved).

A false claim raises :class:`ClaimError` and so stops builds and tests, which
set the environment variable ``COURSE_STRICT``. In a notebook of your own it is
a finding: ✗, by how much it missed, what usually explains it, and the notebook
goes on. The same holds for values that cannot be measured, such as NaN. With
``COURSE_PACE=quick`` a claim on fewer than ten values is not tested: its line
says so, after the estimate.
"""

import functools
import json
import math
import os
import re
import sys
import warnings
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import ndtri, stdtrit

from companion import _pace

__all__ = [
    "ClaimError",
    "claim",
    "claim_exact",
    "claim_factor",
    "claim_share",
    "factor",
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
DIVERGED = "usually a training diverged at too large a learning rate"


class ClaimError(AssertionError):
    """The measured interval does not lie inside the bound of its claim.

    Chapter: all.
    """

    def __init__(self, message, finding=""):
        super().__init__(message)
        self.finding = finding


class _Unmeasured(ValueError):
    """The values say nothing about the claim; ``finding`` says why, for a
    reader.
    """

    def __init__(self, message, finding):
        super().__init__(message)
        self.finding = finding


def _notebook():
    """The running notebook, or None."""
    shell = (
        sys.modules["IPython"].get_ipython()
        if "IPython" in sys.modules
        else None
    )
    return shell if hasattr(shell, "display_pub") else None


def _goes_on(make):
    """Let a claim that fails in a reader's notebook be a finding."""

    @functools.wraps(make)
    def made(name, statement, *args, **kwargs):
        try:
            make(name, statement, *args, **kwargs)
        except (ClaimError, _Unmeasured) as problem:
            if os.environ.get("COURSE_STRICT") or _notebook() is None:
                raise
            if isinstance(problem, _Unmeasured):
                print(f"✗ {statement} …:")
            print(f"  {problem.finding}.")

    return made


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


def factor(value, digits=6):
    r"""Write a ratio for readers: a small one as one part of a whole.

    Args:
        value: a finite number above 0.
        digits: significant digits at most.

    Returns:
        The ratio in words of the page. Between 1/10 and 10⁻⁷ it is one over
        its reciprocal, else as :func:`number` writes it.

    Raises:
        ValueError: if the value is not above 0 and finite.

    Example:
        >>> factor(0.00102, digits=2), factor(0.47), factor(1870, digits=2)
        ('1/980', '0.47', '1,900')

    Chapter: all.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"value must be above 0 and finite; got {value}")
    small = 1e-7 < value <= 0.1
    size = float(f"{1 / value if small else value:.{digits - 1}e}")
    return ("1/" if small else "") + number(size, digits)


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
        stdtrit(seeds - 1, 0.975)
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
    shell = _notebook()
    if shell is None:
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


@_goes_on
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
    counted="seeds",
):
    r"""Claim that a mean over seeds lies inside a bound: its whole 95 %
    t-interval must.

    Of skewed values this interval misses the mean too often: of ten lognormal
    ones (:math:`\sigma = 1`) in 16 % of samples. So the interval that Hall's
    transformation corrects for their skewness :math:`\gamma` must lie inside
    the bound as well:

    .. math:: \bar x - s \, g^{-1}\!\left(\pm t_{0.975,\,S-1} / \sqrt S\right),
        \qquad g(u) = u + \frac{\gamma}{3} u^2 + \frac{\gamma^2}{27} u^3 +
        \frac{\gamma}{6S}

    Together they miss in 8 %; of ten exponential values in 5 % instead of 10 %,
    of normal ones as seldom as before. The line shows the t-interval, and the
    other one where only that leaves the bound.

    Write the bound from the science before the final run, and leave room: the
    mean should lie at least three half-widths of its interval inside the bound
    (the record stores this as ``margin``). A ratio is a :func:`claim_factor`.
    ``within`` claims equivalence: so a null is claimed.

    When all values are equal, their interval would have no width. The line then
    says in how many seeds the value was seen, with a Wilson interval, the
    record is that of a share, and a warning says what to write instead.

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
        counted: what there is one value of, in the plural: seeds, draws,
            tables.

    Raises:
        ClaimError: if the claim is false, after the line is printed and
            recorded; in a reader's notebook the line says by how much, and
            nothing is raised.
        ValueError: if the name, the statement, the values or the bound cannot
            make a claim; in a reader's notebook values that cannot be measured
            are a line too.
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

    Source: Hall (1992), On the removal of skewness by transformation.

    Chapter: all.
    """
    _check_words(name, statement, unit, source, counted)
    seeds = _per_seed(name, "values", values)
    if seeds.dtype == bool:
        raise TypeError(
            f"claim {name!r}: values are true or false; use claim_share"
        )
    bound = _bound(name, above, below, within, unit)
    if np.abs(seeds).max() > LARGEST:
        raise _Unmeasured(
            f"claim {name!r}: values must be at most 1e150 in size, or squares"
            " overflow; claim_factor takes ratios by their logarithms",
            f"Not measured, for a value is above 10¹⁵⁰; {DIVERGED}",
        )
    record = _Record(name, "mean", statement, unit, source, counted)
    if len(seeds) < MIN_SEEDS:
        text = _alike(seeds.mean(), spread=0)[0]
        _not_tested(record, seeds, bound, _quantity(text, unit))
        return
    value, low, high = (float(x) for x in interval(seeds))
    if low == high:
        text = _quantity(_alike(value, spread=0)[0], unit)
        _settle_equal(record, seeds, bound, text)
        return
    corrected = _hall(seeds)
    texts = _alike(value, low, high, *corrected, spread=(high - low) / 2)
    _settle(
        record,
        (value, low, high),
        seeds,
        bound,
        (_quantity(texts[0], unit), *texts[1:]),
        f", {len(seeds)} {counted}",
        corrected=corrected,
    )


@_goes_on
def claim_factor(
    name,
    statement,
    values,
    *,
    above=None,
    below=None,
    within=None,
    source=None,
    counted="seeds",
):
    r"""Claim by what factor something changes: new over old, one per seed. The
    whole 95 % interval of their geometric mean must lie inside the bound.

    .. math:: \exp\!\left(\bar\ell \pm t_{0.975,\,S-1} \,
        \frac{s_\ell}{\sqrt S}\right), \qquad
        \ell_i = \ln \frac{\text{new}_i}{\text{old}_i}

    What can be 0, such as a count or an error rate, has no factor: claim a
    difference or a share of it. The margin is in half-widths of the logarithms.
    As in :func:`claim`, the interval corrected for the logarithms' skewness
    must lie inside the bound too.

    Args:
        name: as in :func:`claim`.
        statement: a clause that reads on into "less than 1/100", e.g. "The
            penalty multiplies the error by".
        values: shape (S,), one ratio above 0 per seed, S at least 10.
        above: as in :func:`claim`, a factor above 0.
        below: likewise.
        within: likewise, two factors.
        source: as in :func:`claim`.
        counted: as in :func:`claim`.

    Raises:
        ClaimError: if the claim is false, after the line is printed and
            recorded.
        ValueError: as :func:`claim`, and for values or bounds that are not
            above 0.
        TypeError: as :func:`claim`.

    Example:
        >>> shrunk = [1 / 1200, 1 / 800] * 10
        >>> claim_factor(
        ...     "falls",
        ...     "The penalty multiplies the error by",
        ...     shrunk,
        ...     below=1 / 100,
        ... )
        ✓ The penalty multiplies the error by less than 1/100: 1/980, 95 %
        interval [1/1,080, 1/889], 20 seeds

    Chapter: all.
    """
    _check_words(name, statement, "", source, counted)
    seeds = _per_seed(name, "values", values)
    if seeds.dtype == bool:
        raise TypeError(
            f"claim {name!r}: values are true or false; use claim_share"
        )
    for i, value in enumerate(seeds):
        if not 1 / LARGEST <= value <= LARGEST:
            raise _Unmeasured(
                f"claim {name!r}: values must lie between 1e-150 and 1e150; got"
                f" {value} at index [{i}]; a factor is above 0; claim a"
                " difference or a share of what can be 0",
                f"Not measured, for the ratio at index [{i}] is"
                f" {number(value)}; one of its two parts became 0, negative or"
                " endless",
            )
    bound = _bound(
        name,
        above,
        below,
        within,
        "",
        lambda x: factor(x) if x > 0 else number(x),
    )
    if any(
        math.isfinite(end) and end <= 0 for end in (bound.floor, bound.ceiling)
    ):
        raise ValueError(
            f"claim {name!r}: the bound of a factor must be above 0; it reads"
            f" {bound.words!r}"
        )
    record = _Record(name, "factor", statement, "", source, counted)
    if len(seeds) < MIN_SEEDS:
        text = factor(math.exp(np.log(seeds).mean()), 3)
        _not_tested(record, seeds, bound, text)
        return
    mean, low, high = (float(x) for x in interval(np.log(seeds)))
    if low == high:
        _settle_equal(record, seeds, bound, factor(seeds[0], 3))
        return
    # down to the second digit of the half-width
    digits = 1 - math.floor(math.log10((high - low) / 2))
    digits = min(max(digits, 2), 6)
    parts = [math.exp(x) for x in (mean, low, high, *_hall(np.log(seeds)))]
    _settle(
        record,
        parts[:3],
        seeds,
        bound,
        [factor(x, digits) for x in parts],
        f", {len(seeds)} {counted}",
        scale=math.log,
        corrected=parts[3:],
    )


@_goes_on
def claim_share(
    name,
    statement,
    hits,
    *,
    above=None,
    below=None,
    within=None,
    source=None,
    counted="seeds",
):
    r"""Claim in what share of seeds something happens: the whole 95 % Wilson
    interval must lie inside the bound.

    .. math::
        \frac{\hat p + z^2/2S \pm z
        \sqrt{\hat p (1 - \hat p)/S + z^2/4S^2}}{1 + z^2/S}, \qquad z = 1.96

    "In every seed" prints k of n seeds and is not extrapolated: 10 of 10 give
    the interval [72.2 %, 100 %]. The interval is not symmetric: the margin is
    the distance from estimate to bound over that from estimate to limit.

    Args:
        name: as in :func:`claim`.
        statement: a clause that reads on into "more than 70 % of seeds", e.g.
            "The network learns in".
        hits: shape (S,), true/false or 1/0 per seed, S at least 10.
        above: as in :func:`claim`, a share between 0 and 1.
        below: likewise.
        within: likewise, two shares.
        source: as in :func:`claim`.
        counted: as in :func:`claim`.

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
    _check_words(name, statement, "", source, counted)
    seeds = _per_seed(name, "hits", hits)
    if not np.isin(seeds, (0, 1)).all():
        raise ValueError(
            f"claim {name!r}: hits must be 0 or 1 in each seed; got"
            f" {seeds[~np.isin(seeds, (0, 1))][0]}"
        )
    bound = _bound(
        name, above, below, within, f"% of {counted}", lambda x: number(100 * x)
    )
    if any(
        math.isfinite(end) and not 0 <= end <= 1
        for end in (bound.floor, bound.ceiling)
    ):
        raise ValueError(
            f"claim {name!r}: the bound of a share must lie between 0 and 1; it"
            f" reads {bound.words!r}"
        )
    record = _Record(name, "share", statement, "", source, counted)
    count, total = int(seeds.sum()), len(seeds)
    if total < MIN_SEEDS:
        _not_tested(record, seeds, bound, _percent(count / total))
        return
    low, high = _wilson(count, total)
    _settle(
        record,
        (count / total, low, high),
        seeds,
        bound,
        (f"{count} of {total} {counted}", _percent(low), _percent(high)),
        after="",
    )


@_goes_on
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
    _check_words(name, statement, unit, source, "seeds")
    got = _finite(name, "value", value)
    if not got.size:
        raise _Unmeasured(
            f"claim {name!r}: value is empty; nothing can be claimed of it",
            "Not measured, for there is no value; nothing was left to measure",
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
        bound = (
            _Bound(-math.inf, tolerance, False, words)
            if got.ndim
            else _Bound(want - tolerance, want + tolerance, False, words)
        )
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
    _publish(
        _Record(name, "exact", statement, unit, source, "seeds"),
        (shown, shown, shown),
        [],
        bound,
        bound.holds(tested, tested) if equals is None else tested <= tolerance,
        missed=_missed("exact", unit, bound, shown, shown, shown),
        margin=None,
        printed=f"largest difference {text}" if got.ndim else text + off,
        result=text,
    )


class _Record(NamedTuple):
    """What a claim is about."""

    name: str
    kind: str
    statement: str
    unit: str
    source: str | None
    counted: str


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


def _bound(name, above, below, within, unit, write=number):
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
        ends = f"{write(floor)} and {write(ceiling)}"
        return _Bound(floor, ceiling, False, f"between {_quantity(ends, unit)}")
    if above is not None:
        floor = _real(name, "above", above)
        return _Bound(
            floor,
            math.inf,
            True,
            f"more than {_quantity(write(floor), unit)}",
        )
    ceiling = _real(name, "below", below)
    return _Bound(
        -math.inf,
        ceiling,
        True,
        f"less than {_quantity(write(ceiling), unit)}",
    )


def _settle(
    record, measured, seeds, bound, texts, after, scale=float, corrected=()
):
    """Put estimate and interval into words, and compare the interval, and the
    one corrected for skewness, with the bound: every kind with an interval ends
    here.
    """
    value, low, high = measured
    estimate, *ends = texts
    holds = bound.holds(low, high)
    if holds and corrected and not bound.holds(*corrected):
        holds = False
        after += (
            f"; the values are skewed: their corrected interval"
            f" [{ends[2]}, {ends[3]}] leaves the bound"
        )
        low, high = corrected
    centre, arms = scale(value), []
    for end, limit in zip(
        (bound.floor, bound.ceiling), measured[1:], strict=True
    ):
        # no other seeds can cross an end at which the interval has no arm
        if math.isfinite(end) and limit != value:
            arms.append((centre - scale(end)) / (centre - scale(limit)))
    _publish(
        record,
        measured,
        seeds,
        bound,
        holds,
        missed=_missed(record.kind, record.unit, bound, value, low, high),
        margin=min(arms, default=None),
        printed=f"{estimate}, 95 % interval [{ends[0]}, {ends[1]}]{after}",
        result=f"{estimate} (95 % interval {ends[0]} to {ends[1]}{after})",
    )


def _settle_equal(record, seeds, bound, text):
    """Record values that are all equal as the share of seeds that gave this
    value, and warn.
    """
    name, count, value = record.name, len(seeds), float(seeds[0])
    warnings.warn(
        f"claim {name!r}: the value is {text} for all {count}"
        f" {record.counted}, which is no certainty; write a claim_share of"
        " what holds in each, or claim_exact if no chance is involved",
        stacklevel=4,
    )
    low, high = _wilson(count, count)
    estimate = f"{text} in {count} of {count} {record.counted}"
    ends = _percent(low), _percent(high)
    _publish(
        record._replace(kind="share", unit=""),
        (1.0, low, high),
        np.ones(count),
        bound._replace(floor=-math.inf, ceiling=math.inf),
        bound.holds(value, value),
        missed=_missed(record.kind, record.unit, bound, value, value, value),
        margin=None,
        printed=f"{estimate}, 95 % interval [{ends[0]}, {ends[1]}]",
        result=f"{estimate} (95 % interval {ends[0]} to {ends[1]})",
    )


def _not_tested(record, seeds, bound, estimate):
    """Print the estimate of too few values, as the quick pace has them."""
    few = _pace.full(len(seeds), record.counted)
    print(f"– {record.statement} {bound.words}: {estimate} (not tested: {few})")


def _missed(kind, unit, bound, value, low, high):
    """Say by how much an interval leaves its bound, and what usually explains
    it.
    """
    if kind == "factor":
        size = max(bound.floor / low, high / bound.ceiling)
        by = f"by a factor of {number(size, 3)}"
    else:
        size = max(bound.floor - low, high - bound.ceiling)
        if kind == "share":
            size, unit = 100 * size, "%"
        unit = "percentage points" if unit == "%" else unit
        by = f"by {_quantity(number(size, 2), unit)}"
    if bound.holds(value, value):
        return (
            f"Its interval misses {by}, its estimate lies inside the bound:"
            " more seeds make the interval narrower"
        )
    return (
        f"It misses {by}. If you changed a setting, this is what you found; if"
        " not, cells ran out of order: restart the kernel and run them all"
    )


def _publish(
    record, measured, seeds, bound, holds, *, missed, margin, printed, result
):
    """Print the claim, record it, and raise if it is false."""
    name = record.name
    sentence = f"{record.statement} {bound.words}: {printed}"
    parts = dict(zip(("value", "low", "high"), measured, strict=True)) | {
        "n": len(seeds)
    }
    floor, ceiling = (
        float(end) if math.isfinite(end) else None
        for end in (bound.floor, bound.ceiling)
    )
    full = {
        **record._asdict(),
        **parts,
        "bound": bound.words,
        "floor": floor,
        "ceiling": ceiling,
        "values": [float(f"{value:.7g}") for value in seeds],
        "holds": holds,
        "margin": margin,
        "sentence": sentence,
    }
    # in one piece: a kernel may send what stands between two pieces apart
    print(f"{'✓' if holds else '✗'} {sentence}")
    for part, content in (
        parts | {"bound": bound.words, "result": result, "sentence": sentence}
    ).items():
        glue(f"{name}.{part}", content)
    publish(
        {"application/json": json.dumps(full)}, f"claim.{name}", visible=False
    )
    if not holds:
        raise ClaimError(sentence, missed)


def _hall(values):
    """The 95 % interval of a mean, corrected for the skewness of the values."""
    seeds, mean = len(values), values.mean()
    skew = (((values - mean) / values.std()) ** 3).mean()
    skew *= math.sqrt(seeds * (seeds - 1)) / (seeds - 2)
    ends = []
    for t in (stdtrit(seeds - 1, 0.975), stdtrit(seeds - 1, 0.025)):
        u = t / math.sqrt(seeds) - skew / (6 * seeds)
        if abs(skew) > 1e-6:  # else the difference would be rounding
            u = 3 / skew * (np.cbrt(1 + skew * u) - 1)
        ends.append(float(mean - u * values.std(ddof=1)))
    return min(ends), max(ends)


def _wilson(count, total):
    """The 95 % interval of a share, as ``scipy.stats.binomtest`` has it;
    ``scipy.stats`` itself takes a second to load.
    """
    p, z = count / total, ndtri(0.975)
    middle = (2 * total * p + z**2) / (2 * (total + z**2))
    half = z / (2 * (total + z**2)) * math.sqrt(4 * total * p * (1 - p) + z**2)
    low = 0.0 if count == 0 else middle - half
    return float(low), float(1.0 if count == total else middle + half)


def _percent(share):
    """Write a share in percent."""
    return f"{number(100 * share, digits=3)} %"


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


def _check_words(name, statement, unit, source, counted):
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
    if not isinstance(counted, str):
        raise TypeError(
            f"claim {name!r}: counted must be a string; got {counted!r}"
        )
    if not re.fullmatch(r"\w+(?:[ -]\w+)*", counted):
        raise ValueError(
            f"claim {name!r}: counted must be a plural such as 'seeds'; got"
            f" {counted!r}"
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
        bad = int((~np.isfinite(array)).sum())
        raise _Unmeasured(
            f"claim {name!r}: {argument} must be finite; got"
            f" {array[tuple(where)]} at index {where}",
            f"Not measured, for {bad} of {array.size} values"
            f" {'is' if bad == 1 else 'are'} NaN or infinite; {DIVERGED}, or"
            " something was divided by a count of 0",
        )
    return array


def _per_seed(name, argument, values):
    """Check one number per seed, and enough of them."""
    array = _finite(name, argument, values)
    least = 1 if _pace.quick() else MIN_SEEDS
    if array.ndim != 1 or len(array) < least:
        wanted = (
            f"{argument} must have shape (S,), one entry per seed, at least"
            f" {MIN_SEEDS} seeds"
        )
        message = f"claim {name!r}: {wanted}; got shape {array.shape}"
        if array.ndim == 1:
            raise _Unmeasured(
                message,
                f"Not tested, for there are {len(array)} values; a claim needs"
                f" at least {MIN_SEEDS}",
            )
        raise ValueError(message)
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
