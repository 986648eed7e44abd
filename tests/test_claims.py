"""Claims: true ones pass, false ones raise, unusable ones are refused, and all
are printed and recorded.
"""

import contextlib
import json
import math
import warnings
from statistics import fmean

import IPython
import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from companion import _pace
from companion.claims import (
    RECORD,
    ClaimError,
    _hall,
    _wilson,
    claim,
    claim_exact,
    claim_factor,
    claim_share,
    factor,
    glue,
    interval,
    number,
    publish,
)

GAIN = [12.1, 11.8, 12.6, 12.0, 12.4, 11.9, 12.2, 12.5, 11.7, 12.3]
LINE = (
    "Dropout raises accuracy by more than 5 points: 12.2 points, 95 % interval"
    " [11.9, 12.4], 10 seeds"
)


def records(shell):
    """Name to the recorded content, plain text evaluated as pages do."""
    found = {}
    for output in shell.outputs:
        assert set(output["data"]) <= {
            RECORD + "text/plain",
            RECORD + "application/json",
        }
        assert output["metadata"]["scrapbook"]["mime_prefix"] == RECORD
        (content,) = output["data"].values()
        found[output["metadata"]["scrapbook"]["name"]] = content
    return found


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        (0, {}, "0"),
        (-0.0, {}, "0"),
        (12.234567891, {}, "12.2346"),
        (12.234, {"digits": 3}, "12.2"),
        (61039, {"digits": 3}, "61,039"),
        (1234567, {}, "1,234,567"),
        (100, {}, "100"),
        (1e7, {}, "10⁷"),
        (-0.01234, {"digits": 3}, "−0.0123"),
        (9.996, {"digits": 3}, "10"),
        (1e-4, {}, "0.0001"),
        (1e-12, {}, "10⁻¹²"),
        (-3.21e-17, {"digits": 3}, "−3.21 × 10⁻¹⁷"),
        (2.5e9, {}, "2.5 × 10⁹"),
        (-0.001, {"decimals": 1}, "0.0"),
        (1234.5, {"decimals": 2}, "1,234.50"),
        (np.float32(0.5), {}, "0.5"),
        (0.00009999996, {"digits": 3}, "0.0001"),
    ],
)
def test_number_reads_well(value, options, text):
    assert number(value, **options) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_keeps_its_value(value):
    text = number(value).replace(",", "").replace("−", "-")
    if "10" in text and any(c in text for c in "⁰¹²³⁴⁵⁶⁷⁸⁹"):
        text = (
            text.replace(" × 10", "e")
            if "×" in text
            else text.replace("10", "1e", 1)
        )
        text = text.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    assert "e+" not in number(value)
    assert math.isclose(float(text), value, rel_tol=6e-6, abs_tol=0)


def test_interval_is_students():
    values = np.random.default_rng(0).normal(size=(12, 3))
    mean, low, high = interval(torch.from_numpy(values))
    expected = stats.t.interval(
        0.95, 11, loc=values.mean(0), scale=stats.sem(values)
    )
    np.testing.assert_allclose(mean, values.mean(0), rtol=1e-14)
    np.testing.assert_allclose((low, high), expected, rtol=1e-12)


def test_interval_of_identical_values_is_a_point():
    mean, low, high = interval(
        [0.1] * 10
    )  # whose mean, summed in floats, is not 0.1 to the last bit
    assert mean == low == high == 0.1
    with pytest.raises(ValueError, match=r"at least 2 seeds.*\(1,\)"):
        interval([1.0])


def test_interval_takes_every_real_dtype_and_refuses_the_rest():
    assert (
        interval(
            torch.tensor([1.0, 3.0], dtype=torch.bfloat16, requires_grad=True)
        )[0]
        == 2.0
    )
    for values in (["a", "b"], [1j, 2.0], torch.tensor([1j, 2.0])):
        with pytest.raises(TypeError, match="values must be real numbers; got"):
            interval(values)


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_number_refuses_what_is_not_finite(value):
    with pytest.raises(ValueError, match=f"value must be finite; got {value}"):
        number(value)


def test_interval_covers_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(1).normal(size=(10, 20000))
    _, low, high = interval(draws)
    covered = ((low < 0) & (high > 0)).mean()
    assert abs(covered - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 20000)


@pytest.mark.parametrize(
    "values",
    [
        GAIN,
        np.array(GAIN),
        torch.tensor(GAIN, requires_grad=True),
        [torch.tensor(v) for v in GAIN],
        tuple(GAIN),
    ],
)
def test_a_true_claim_prints_one_line(values, capsys):
    assert (
        claim(
            "gain", "Dropout raises accuracy by", values, above=5, unit="points"
        )
        is None
    )
    assert capsys.readouterr().out == f"✓ {LINE}\n"


def test_a_claim_can_be_run_again_and_prints_the_same(capsys):
    for _ in range(2):
        claim(
            "gain", "Dropout raises accuracy by", GAIN, above=5, unit="points"
        )
    first, second = capsys.readouterr().out.splitlines()
    assert first == second


def test_the_whole_interval_must_lie_inside(capsys):
    low, high = (float(end) for end in interval(GAIN)[1:])
    mean = fmean(GAIN)
    claim("gain", "It is", GAIN, above=low - 1e-9)
    claim("gain", "It is", GAIN, below=high + 1e-9)
    claim("gain", "It is", GAIN, within=(low, high))
    for bound in (
        {"above": low},
        {"below": high},
        {"above": (low + mean) / 2},
        {"below": (high + mean) / 2},
        {"within": (low + 1e-9, high)},
        {"within": (low, high - 1e-9)},
        {"within": (0, 1)},
    ):
        capsys.readouterr()
        with pytest.raises(ClaimError) as error:
            claim("gain", "It is", GAIN, **bound)
        assert capsys.readouterr().out == f"✗ {error.value}\n"
    assert issubclass(ClaimError, AssertionError)


EQUAL = "which is no certainty; write a claim_share of what holds in each"


def misses(draw, truth, trials=1000):
    """Return how many percent of claims that a mean lies beyond its true value
    pass, below and above.
    """
    found = []
    for bound in ("below", "above"):
        passed = 0
        for values in draw(np.random.default_rng(0), (trials, 10)):
            with contextlib.suppress(ClaimError):
                claim("mean", "The mean is", values, **{bound: truth})
                passed += 1
        found.append(100 * passed / trials)
    return found


def test_skewed_values_pass_wrongly_half_as_often_as_by_student(capsys):
    """What the docstring says; two standard errors of 1000 trials are below 2
    points. Student's intervals miss in 15.7, 9.6 and 2.5 %.
    """
    below, above = misses(lambda r, n: r.lognormal(0, 1, n), math.exp(0.5))
    assert below < 10 and above < 1
    below, above = misses(lambda r, n: r.exponential(size=n), 1)
    assert below < 6.5 and above < 1
    below, above = misses(lambda r, n: r.normal(size=n), 0)
    assert 1 < below < 4 and 1 < above < 4


@pytest.mark.parametrize(
    ("make", "sign", "bound"),
    [
        (claim, 1, {"below": 2.4}),
        (claim, -1, {"above": -2.4}),
        (claim, 1, {"within": (-1, 2.4)}),
        (claim_factor, 1, {"below": math.exp(2.4)}),
    ],
)
def test_a_bound_that_only_the_corrected_interval_leaves_is_left(
    make, sign, bound, capsys
):
    values = [sign * x for x in [0.1 * i for i in range(9)] + [6.0]]
    _, low, high = interval(values)
    assert max(abs(low), abs(high)) < 2.4
    if make is claim_factor:
        values = np.exp(values)
    with pytest.raises(ClaimError, match="skewed: their corrected interval"):
        make("skewed", "It is", values, **bound)
    assert "leaves the bound" in capsys.readouterr().out


@pytest.mark.parametrize("scale", [1e-120, 1.0, 1e120])
def test_the_corrected_interval_follows_mirrors_and_scales(scale):
    values = np.array([0.3, 0.1, 0.9, 0.2, 4.0, 0.5, 0.4, 1.2, 0.7, 0.6])
    low, high = _hall(values)
    assert low > interval(values)[1] and high > interval(values)[2]
    assert _hall(-scale * values) == pytest.approx(
        (-scale * high, -scale * low)
    )
    even = np.array([-3.0, -2, -1, -0.5, -0.1, 0.1, 0.5, 1, 2, 3])
    assert _hall(even) == pytest.approx(interval(even)[1:], rel=1e-12)
    nearly = even + np.where(even == 3, 1e-5, 0)
    assert _hall(nearly) == pytest.approx(_hall(even), rel=1e-4)


def test_identical_values_stand_on_their_bound():
    with pytest.warns(UserWarning, match=EQUAL):
        claim("none", "The difference is", [0.0] * 10, within=(0, 1))
    with pytest.warns(UserWarning, match=EQUAL):
        claim("none", "The difference is", [0.3] * 10, within=(0.3, 1))
    with (
        pytest.warns(UserWarning, match=EQUAL),
        pytest.raises(ClaimError),
    ):
        claim("none", "The difference is", [0.3] * 10, above=0.3)


def test_identical_values_are_a_share_with_its_interval(capsys, shell):
    with pytest.warns(UserWarning, match=EQUAL) as warned:
        claim(
            "none",
            "The difference is",
            [0.0] * 10,
            below=1,
            unit="points",
            counted="draws",
        )
    assert warned[0].filename == __file__
    assert str(warned[0].message).startswith(
        "claim 'none': the value is 0 points for all 10 draws,"
    )
    line = (
        "The difference is less than 1 point: 0 points in 10 of 10 draws, 95 %"
        " interval [72.2 %, 100 %]"
    )
    assert capsys.readouterr().out == f"✓ {line}\n"
    record = json.loads(records(shell)["claim.none"])
    wilson = stats.binomtest(10, 10).proportion_ci(method="wilson")
    assert record == {
        "name": "none",
        "kind": "share",
        "statement": "The difference is",
        "bound": "less than 1 point",
        "floor": None,
        "ceiling": None,
        "unit": "",
        "value": 1.0,
        "low": wilson.low,
        "high": wilson.high,
        "n": 10,
        "values": [1.0] * 10,
        "counted": "draws",
        "source": None,
        "holds": True,
        "margin": None,
        "sentence": line,
    }


def test_identical_factors_are_a_share_too(capsys):
    with pytest.warns(UserWarning, match="'it': the value is 1/4,000 for all"):
        claim_factor("it", "It falls to", [1 / 4000] * 10, below=0.1)
    assert (
        capsys.readouterr().out
        == "✓ It falls to less than 1/10: 1/4,000 in 10 of 10 seeds, 95 %"
        " interval [72.2 %, 100 %]\n"
    )


@pytest.mark.parametrize(
    ("bound", "unit", "words"),
    [
        ({"above": 5}, "points", "more than 5 points"),
        ({"above": 1}, "points", "more than 1 point"),
        ({"above": -1.5}, "", "more than −1.5"),
        ({"below": 1e6}, "", "less than 1,000,000"),
        ({"below": 99.5}, "%", "less than 99.5 %"),
        ({"within": (-15, 15.5)}, "points", "between −15 and 15.5 points"),
    ],
)
def test_bounds_in_words(bound, unit, words, capsys):
    claim("gain", "It is", GAIN, **bound, unit=unit)
    assert capsys.readouterr().out.startswith(f"✓ It is {words}: 12.2")


@pytest.mark.parametrize(
    ("centre", "width", "texts"),
    [
        (97.123, 0.02, "97.12, 95 % interval [97.11, 97.13]"),
        (97.123, 0.01, "97.123, 95 % interval [97.118, 97.128]"),
        (0.0123, 0.5, "0.012, 95 % interval [−0.252, 0.277]"),
        (3e-17, 1e-17, "3 × 10⁻¹⁷, 95 % interval [2.47 × 10⁻¹⁷, 3.53 × 10⁻¹⁷]"),
        (61039, 900, "61,039, 95 % interval [60,563, 61,515]"),
        (97.123, 1e-9, "97.1230, 95 % interval [97.1230, 97.1230]"),
    ],
)
def test_value_and_interval_are_written_alike(centre, width, texts, capsys):
    claim("it", "It is", centre + width * np.linspace(-1.1, 1.1, 10), below=1e9)
    assert f": {texts}, 10 seeds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            {"values": GAIN[:9]},
            ValueError,
            r"at least 10 seeds; got shape \(9,\)",
        ),
        ({"values": [GAIN, GAIN]}, ValueError, r"got shape \(2, 10\)"),
        ({"values": 3.0}, ValueError, r"got shape \(\)"),
        (
            {"values": [*GAIN[:9], math.nan]},
            ValueError,
            r"finite; got nan at index \[9\]",
        ),
        (
            {"values": torch.tensor([math.inf, *GAIN])},
            ValueError,
            r"finite; got inf at index \[0\]",
        ),
        ({"values": ["1.0"] * 10}, TypeError, "must be numbers"),
        ({"values": [1j] * 10}, TypeError, "must be numbers"),
        ({"values": [[1.0], 2.0] * 5}, TypeError, "must be numbers"),
        ({"values": None}, TypeError, "values must be numbers; got None"),
        ({"values": [None] * 10}, TypeError, "values must be numbers"),
        (
            {"values": [1e200, *GAIN]},
            ValueError,
            "at most 1e150 in size, or squares overflow; claim_factor takes"
            " ratios by their logarithms$",
        ),
        ({"values": [True] * 10}, TypeError, "use claim_share"),
        ({"above": None}, ValueError, "exactly one bound"),
        ({"below": 20}, ValueError, "exactly one bound.*above=5, below=20"),
        (
            {"above": None, "within": (2, 1)},
            ValueError,
            r"low < high; got \(2, 1\)",
        ),
        ({"above": None, "within": (1, 1)}, ValueError, r"low < high"),
        ({"above": None, "within": 1}, TypeError, "pair"),
        ({"above": "5"}, TypeError, "above must be a number; got '5'"),
        ({"above": True}, TypeError, "above must be a number"),
        ({"above": math.nan}, ValueError, "above must be finite; got nan"),
        (
            {"above": None, "within": (-math.inf, 1)},
            ValueError,
            "within must be finite",
        ),
        ({"name": "Gain"}, ValueError, "name must be.*'Gain'"),
        ({"name": "gain.value"}, ValueError, "name must be"),
        ({"name": 3}, ValueError, "name must be.*3"),
        ({"statement": "  "}, ValueError, "statement must be a clause"),
        (
            {"statement": "It is true."},
            ValueError,
            "statement must be a clause",
        ),
        ({"statement": "It\nis"}, ValueError, "statement must be a clause"),
        ({"statement": None}, TypeError, "statement must be a string"),
        ({"unit": None}, TypeError, "unit must be a string"),
        ({"source": 1957}, TypeError, "source a string or None.*1957"),
        ({"counted": 10}, TypeError, "counted must be a string; got 10"),
        ({"counted": ""}, ValueError, "plural such as 'seeds'; got ''"),
        ({"counted": "seeds."}, ValueError, "plural such as 'seeds'"),
    ],
)
def test_unusable_claims_are_refused(change, kind, message, capsys, shell):
    arguments = {
        "name": "gain",
        "statement": "It is",
        "values": GAIN,
        "above": 5,
    } | change
    with pytest.raises(kind, match=message) as error:
        claim(**arguments)
    assert not isinstance(error.value, ClaimError)
    assert capsys.readouterr().out == "" and shell.outputs == []


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.00102, 2, "1/980"),
        (1 / 1870, 3, "1/1,870"),
        (0.1, 3, "1/10"),
        (0.1004, 3, "0.1"),
        (0.468, 2, "0.47"),
        (1, 6, "1"),
        (980.4, 2, "980"),
        (61039, 2, "61,000"),
        (2.5e9, 3, "2.5 × 10⁹"),
        (4e-10, 3, "4 × 10⁻¹⁰"),
        (1e-7, 3, "10⁻⁷"),
        (1.5e-7, 2, "1/6,700,000"),
    ],
)
def test_factors_read_well(value, digits, text):
    assert factor(value, digits) == text


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_what_is_not_above_0_is_no_factor(value):
    with pytest.raises(ValueError, match="above 0 and finite; got"):
        factor(value)


def test_a_factor_is_tested_on_logarithms(capsys, shell):
    noise = stats.zscore(np.random.default_rng(0).normal(size=20))
    ratios = np.exp(0.25 * noise) / 980
    claim_factor("falls", "It falls to", torch.from_numpy(ratios), below=0.01)
    assert (
        capsys.readouterr().out
        == "✓ It falls to less than 1/100: 1/980, 95 % interval [1/1,100,"
        " 1/870], 20 seeds\n"
    )
    found = records(shell)
    assert (
        found["falls.result"]
        == "'1/980 (95 % interval 1/1,100 to 1/870, 20 seeds)'"
    )
    record = json.loads(found["claim.falls"])
    logs = np.log(ratios)
    low, high = stats.t.interval(
        0.95, 19, loc=logs.mean(), scale=stats.sem(logs)
    )
    assert record["kind"] == "factor" and record["n"] == 20
    np.testing.assert_allclose(
        [record[part] for part in ("value", "low", "high")],
        [stats.gmean(ratios), math.exp(low), math.exp(high)],
        rtol=1e-12,
    )
    assert record["margin"] == pytest.approx(
        (math.log(0.01) - logs.mean()) / ((high - low) / 2), rel=1e-12
    )
    assert (record["floor"], record["ceiling"]) == (None, 0.01)
    np.testing.assert_allclose(record["values"], ratios, rtol=5e-7)


@pytest.mark.parametrize(
    ("centre", "bound", "words"),
    [
        (0.47, {"within": (0.25, 1)}, "between 0.25 and 1: 0.47, 95 %"),
        (980, {"above": 100}, "more than 100: 980, 95 %"),
        (1, {"within": (1 / 20, 20)}, "between 1/20 and 20: 1, 95 %"),
        (5e8, {"above": 1e8}, "more than 10⁸: 5 × 10⁸, 95 %"),
    ],
)
def test_factors_in_words(centre, bound, words, capsys):
    ratios = [centre * 1.1, centre / 1.1] * 10
    claim_factor("it", "It is", ratios, **bound)
    assert capsys.readouterr().out.startswith(f"✓ It is {words}")


def test_factors_as_far_apart_as_allowed_are_finite(shell):
    claim_factor("it", "It is", [1e-150, 1e150] * 5, within=(1e-150, 1e150))
    record = json.loads(records(shell)["claim.it"])
    assert 0 < record["low"] < 1 < record["high"] < math.inf


def test_a_false_factor_raises():
    for bound in ({"below": 1}, {"above": 1}, {"within": (1, 2)}):
        with pytest.raises(ClaimError):
            claim_factor("it", "It is", [0.5, 2.0] * 10, **bound)


@pytest.mark.parametrize(
    ("ratios", "bound", "kind", "message"),
    [
        (
            [*GAIN, 0.0],
            {"above": 1},
            ValueError,
            r"got 0.0 at index \[10\]; a factor is above 0; claim a difference"
            " or a share of what can be 0",
        ),
        ([-1.0, *GAIN], {"above": 1}, ValueError, r"got -1.0 at index \[0\]"),
        ([1e200, *GAIN], {"above": 1}, ValueError, "1e-150 and 1e150"),
        ([math.inf, *GAIN], {"above": 1}, ValueError, "must be finite"),
        (GAIN[:9], {"above": 1}, ValueError, "at least 10 seeds"),
        ([True] * 10, {"above": 1}, TypeError, "use claim_share"),
        (GAIN, {}, ValueError, "exactly one bound"),
        (
            GAIN,
            {"above": 0},
            ValueError,
            "bound of a factor must be above 0; it reads 'more than 0'",
        ),
        (GAIN, {"within": (-1, 2)}, ValueError, "factor must be above 0"),
        (GAIN, {"below": "1/100"}, TypeError, "below must be a number"),
        (GAIN, {"above": 1, "counted": None}, TypeError, "counted must be"),
    ],
)
def test_unusable_factors_are_refused(ratios, bound, kind, message, capsys):
    with pytest.raises(kind, match=message) as error:
        claim_factor("it", "It is", ratios, **bound)
    assert not isinstance(error.value, ClaimError)
    assert capsys.readouterr().out == ""


def test_what_was_counted_is_said(capsys):
    claim("it", "It is", GAIN, above=1, counted="tables")
    claim_share("so", "It is so in", [1] * 10, above=0.5, counted="draws")
    claim_factor("by", "It grows by", GAIN, above=2, counted="weight draws")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(", 10 tables")
    assert lines[1].startswith(
        "✓ It is so in more than 50 % of draws: 10 of 10 draws, 95 %"
    )
    assert lines[2].endswith(", 10 weight draws")


@pytest.mark.parametrize("total", [1, 2, 7, 40])
def test_the_interval_of_a_share_is_that_of_scipy(total):
    for count in range(total + 1):
        ends = stats.binomtest(count, total).proportion_ci(method="wilson")
        assert _wilson(count, total) == (ends.low, ends.high)


def test_share_uses_wilson(capsys, shell):
    claim_share(
        "wins",
        "Momentum is faster in",
        [True] * 9 + [False] * 11,
        within=(0.2, 0.7),
        source="Polyak 1964",
    )
    assert (
        capsys.readouterr().out
        == "✓ Momentum is faster in between 20 and 70 % of seeds: 9 of 20"
        " seeds, 95 % interval [25.8 %, 65.8 %]\n"
    )
    p, z, n = 9 / 20, stats.norm.ppf(0.975), 20
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    record = json.loads(records(shell)["claim.wins"])
    assert math.isclose(
        record["low"],
        (p + z**2 / (2 * n) - half) / (1 + z**2 / n),
        rel_tol=1e-12,
    )
    assert math.isclose(
        record["high"],
        (p + z**2 / (2 * n) + half) / (1 + z**2 / n),
        rel_tol=1e-12,
    )
    assert (record["kind"], record["value"], record["n"], record["source"]) == (
        "share",
        p,
        20,
        "Polyak 1964",
    )
    assert (
        records(shell)["wins.result"]
        == "'9 of 20 seeds (95 % interval 25.8 % to 65.8 %)'"
    )


def test_every_seed_is_not_extrapolated(capsys):
    claim_share(
        "wins", "It works in", torch.ones(10, dtype=torch.bool), above=0.7
    )
    assert (
        "10 of 10 seeds, 95 % interval [72.2 %, 100 %]"
        in capsys.readouterr().out
    )
    with pytest.raises(ClaimError):
        claim_share("wins", "It works in", [1] * 10, above=0.75)
    claim_share("wins", "It works in", [1] * 10, within=(0.7, 1))
    claim_share("wins", "It works in", [1] * 10, above=0)


@pytest.mark.parametrize(
    ("hits", "bound", "message"),
    [
        ([1] * 9, {"above": 0.5}, "hits must have shape.*at least 10"),
        ([1] * 9 + [2], {"above": 0.5}, "0 or 1 in each seed; got 2"),
        ([1] * 9 + [0.5], {"above": 0.5}, "0 or 1 in each seed; got 0.5"),
        ([1] * 10, {}, "exactly one bound"),
        ([1] * 10, {"above": 50}, "between 0 and 1.*more than 5,000 %"),
        ([1] * 10, {"within": (-0.1, 0.5)}, "between 0 and 1"),
    ],
)
def test_unusable_shares_are_refused(hits, bound, message):
    with pytest.raises(ValueError, match=message):
        claim_share("wins", "It works in", hits, **bound)


@pytest.mark.parametrize(
    ("value", "options", "line"),
    [
        (0.5, {"equals": 0.5, "tolerance": 0}, "exactly 0.5: 0.5"),
        (
            1.4636,
            {"equals": 1.46694, "tolerance": 0.03},
            "1.46694 to within 0.03: 1.4636, off by 0.0033",
        ),
        (
            2 / 3,
            {"equals": 0.67, "tolerance": 0.01},
            "0.67 to within 0.01: 0.667, off by 0.0033",
        ),
        (
            2 / 3,
            {"above": 0.5, "unit": "points"},
            "more than 0.5 points: 0.667 points",
        ),
        (
            torch.tensor(61),
            {"within": (60, 62), "unit": "steps"},
            "between 60 and 62 steps: 61 steps",
        ),
        (
            np.zeros((2, 3)),
            {"equals": np.full((2, 3), 1e-16), "tolerance": 1e-12},
            "the expected values to within 10⁻¹²: largest difference 10⁻¹⁶",
        ),
        (
            torch.tensor([1.0, 1.5]),
            {"equals": 1, "tolerance": 0.5},
            "1 to within 0.5: largest difference 0.500",
        ),
        (
            [1, 2],
            {"equals": [1, 2], "tolerance": 0},
            "exactly the expected values: largest difference 0",
        ),
    ],
)
def test_exact_claims(value, options, line, capsys):
    claim_exact("it", "It is", value, **options)
    assert capsys.readouterr().out == f"✓ It is {line}\n"


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (0.5 + 1e-12, {"equals": 0.5, "tolerance": 0}),
        (0.5, {"equals": 0.6, "tolerance": 0.09}),
        ([1.0, 2.0], {"equals": [1.0, 2.1], "tolerance": 0.09}),
        (0.5, {"above": 0.5}),
        (0.5, {"below": 0.5}),
        (0.5, {"within": (0.6, 0.7)}),
    ],
)
def test_false_exact_claims_raise(value, options):
    with pytest.raises(ClaimError):
        claim_exact("it", "It is", value, **options)


@pytest.mark.parametrize(
    ("value", "options", "kind", "message"),
    [
        (0.5, {}, ValueError, "exactly one bound"),
        (0.5, {"equals": 0.5}, ValueError, "tolerance of at least 0; got None"),
        (
            0.5,
            {"equals": 0.5, "tolerance": -1},
            ValueError,
            "tolerance of at least 0; got -1",
        ),
        (
            0.5,
            {"equals": 0.5, "tolerance": 0, "above": 0},
            ValueError,
            "not both",
        ),
        (
            0.5,
            {"equals": [0.5], "tolerance": 0},
            ValueError,
            r"value has shape \(\), equals has shape \(1,\)",
        ),
        (
            [0.5, 0.6],
            {"above": 0},
            ValueError,
            r"single number; value has shape \(2,\)",
        ),
        (
            math.nan,
            {"equals": 0.5, "tolerance": 1},
            ValueError,
            "value must be finite; got nan",
        ),
        (
            0.5,
            {"equals": math.inf, "tolerance": 1},
            ValueError,
            "equals must be finite; got inf",
        ),
        ([], {"equals": [], "tolerance": 0}, ValueError, "empty"),
        (
            True,
            {"equals": 1, "tolerance": 0},
            TypeError,
            "value is true or false; claim the number behind it$",
        ),
        (
            None,
            {"equals": 1, "tolerance": 0},
            TypeError,
            "value must be numbers; got None",
        ),
        (
            0.5,
            {"above": 0, "tolerance": 0.1},
            ValueError,
            "tolerance belongs to equals",
        ),
        (
            2**60 + 1,
            {"equals": 2**60, "tolerance": 0},
            ValueError,
            "whole numbers in value must be at most 2⁵³",
        ),
    ],
)
def test_unusable_exact_claims_are_refused(value, options, kind, message):
    with pytest.raises(kind, match=message) as error:
        claim_exact("it", "It is", value, **options)
    assert not isinstance(error.value, ClaimError)


def test_records(shell, capsys):
    claim(
        "gain",
        "Dropout raises accuracy by",
        GAIN,
        above=5,
        unit="points",
        source="Srivastava 2014",
    )
    found = records(shell)
    mean, low, high = (float(end) for end in interval(GAIN))
    assert [
        found[f"gain.{part}"] for part in ("value", "low", "high", "n")
    ] == [
        repr(mean),
        repr(low),
        repr(high),
        "10",
    ]
    assert found["gain.bound"] == "'more than 5 points'"
    assert (
        found["gain.result"]
        == "'12.2 points (95 % interval 11.9 to 12.4, 10 seeds)'"
    )
    assert found["gain.sentence"] == repr(LINE)
    record = json.loads(found["claim.gain"])
    margin = record.pop("margin")
    assert margin == pytest.approx((mean - 5) / ((high - low) / 2), rel=1e-12)
    assert record == {
        "name": "gain",
        "kind": "mean",
        "statement": "Dropout raises accuracy by",
        "bound": "more than 5 points",
        "unit": "points",
        "value": mean,
        "low": low,
        "high": high,
        "n": 10,
        "source": "Srivastava 2014",
        "floor": 5.0,
        "ceiling": None,
        "values": GAIN,
        "counted": "seeds",
        "holds": True,
        "sentence": LINE,
    }


@pytest.mark.parametrize(
    ("value", "options", "floor", "ceiling"),
    [
        (0.5, {"equals": 0.5, "tolerance": 0.25}, 0.25, 0.75),
        ([1, 2], {"equals": [1, 2], "tolerance": 0.5}, None, 0.5),
        (0.5, {"within": (0, 1)}, 0.0, 1.0),
        (0.5, {"above": 0}, 0.0, None),
    ],
)
def test_exact_records_have_their_bound_and_no_values(
    value, options, floor, ceiling, shell
):
    claim_exact("it", "It is", value, unit="m", source="Gauss", **options)
    record = json.loads(records(shell)["claim.it"])
    assert (record["kind"], record["unit"], record["source"]) == (
        "exact",
        "m",
        "Gauss",
    )
    assert (record["floor"], record["ceiling"]) == (floor, ceiling)
    assert record["values"] == [] and record["n"] == 0


def test_records_keep_seven_digits_per_seed(shell):
    claim("it", "It is", [1 / 3 + i for i in range(10)], above=0)
    assert json.loads(records(shell)["claim.it"])["values"][0] == 0.3333333


def test_a_false_claim_is_recorded_before_it_raises(shell):
    with pytest.raises(ClaimError, match="more than 20"):
        claim("gain", "It is", GAIN, above=20)
    record = json.loads(records(shell)["claim.gain"])
    assert record["holds"] is False and record["margin"] < 0


def test_the_margin_of_a_share_is_in_distances_to_its_own_limit(shell):
    hits = [True] * 18 + [False] * 2
    low, high = _wilson(18, 20)
    for bound, margin in (
        ({"above": 0.5}, (0.9 - 0.5) / (0.9 - low)),
        ({"within": (0, 0.985)}, (0.985 - 0.9) / (high - 0.9)),
    ):
        claim_share("wins", "It works in", hits, **bound)
        record = json.loads(records(shell)["claim.wins"])
        assert record["margin"] == pytest.approx(margin)
    claim_share("wins", "It works in", [True] * 20, within=(0.7, 1))
    record = json.loads(records(shell)["claim.wins"])
    assert record["margin"] == pytest.approx(0.3 / (1 - _wilson(20, 20)[0]))


def test_margin_is_to_the_nearest_side_and_needs_a_width(shell):
    claim("gain", "It is", GAIN, within=(0, 13))
    claim_exact("half", "It is", 0.5, above=0)
    found = records(shell)
    mean, low, high = (float(end) for end in interval(GAIN))
    assert json.loads(found["claim.gain"])["margin"] == pytest.approx(
        (13 - mean) / ((high - low) / 2)
    )
    assert json.loads(found["claim.half"]) | {
        "margin": None,
        "n": 0,
    } == json.loads(found["claim.half"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (0.1, "0.1"),
        (np.float64(0.5), "0.5"),
        (torch.tensor(7), "7"),
        ("α 'b'", repr("α 'b'")),
        (np.True_, "True"),
    ],
)
def test_glue_casts_scalars(value, text, shell):
    glue("some.name", value)
    assert records(shell) == {"some.name": text}


@pytest.mark.parametrize(
    ("name", "value", "kind", "message"),
    [
        ("Name", 1, ValueError, "name must be"),
        ("name", math.nan, ValueError, "finite; got nan"),
        (
            "name",
            torch.zeros(2),
            TypeError,
            "single number or a string; got Tensor",
        ),
        ("name", None, TypeError, "got NoneType"),
    ],
)
def test_glue_refuses(name, value, kind, message):
    with pytest.raises(kind, match=message):
        glue(name, value)


def test_nothing_invisible_outside_ipython(capsys):
    assert IPython.get_ipython() is None
    glue("name", 1)
    publish({"text/html": "<b>seen</b>"})
    assert capsys.readouterr().out == ""


def test_a_real_kernel_stores_records_that_pages_can_glue(tmp_path):
    """The notebook stays valid, and MyST-NB finds every part."""
    pytest.importorskip(
        "myst_nb",
        reason=(
            "MyST-NB is not here: it comes with the packages that build the"
            " site"
        ),
    )
    from myst_nb.ext.glue import extract_glue_data_cell
    from nbclient import NotebookClient

    code = "from companion.claims import claim, publish\n"
    code += (
        "claim('gain', 'It is', [1.0, 2.0] * 5, above=0, unit=\"points'\")\n"
    )
    code += "publish({'text/html': '<b>seen</b>'}, 'bold')\n"
    code += "publish({'text/html': 'no name'})"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": "."}}
    ).execute()
    nbformat.validate(notebook)
    notebook = nbformat.reads(nbformat.writes(notebook), as_version=4)
    parts = dict(extract_glue_data_cell(notebook.cells[0]))
    assert (
        json.loads(parts["claim.gain"]["data"]["application/json"])["holds"]
        is True
    )
    assert float(parts["gain.value"]["data"]["text/plain"]) == 1.5
    assert parts["bold"]["data"]["text/html"] == "<b>seen</b>"
    assert None not in parts
    visible = notebook.cells[
        0
    ].outputs  # what is left to show: the printed line and the published HTML
    assert [output.output_type for output in visible] == [
        "stream",
        "display_data",
        "display_data",
    ]
    assert visible[0].text.startswith("✓ It is more than 0 points'")


# In a reader's notebook -------------------------------------------------------


@pytest.fixture
def found(shell, monkeypatch, capsys):
    """Make a claim in a reader's notebook, and return what it printed."""
    monkeypatch.delenv("COURSE_STRICT")

    def run(make, statement, *args, **kwargs):
        make("name", statement, *args, **kwargs)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("make", "values", "bound", "line"),
    [
        (claim, GAIN, {"above": 20, "unit": "points"}, "misses by 8.1 points"),
        (claim, GAIN, {"within": (0, 12)}, "misses by 0.37"),
        (claim, [3.0] * 10, {"below": 1}, "misses by 2"),
        (
            claim,
            GAIN,
            {"below": 5, "unit": "%"},
            "misses by 7.4 percentage points",
        ),
        (claim_factor, [7.0, 9.0] * 10, {"below": 2}, "by a factor of 4.2"),
        (claim_factor, [0.1, 0.2] * 9, {"above": 1}, "by a factor of 8.4"),
        (
            claim_share,
            [0] * 9 + [1],
            {"above": 0.9},
            "misses by 88 percentage points",
        ),
        (claim_exact, 2.5, {"equals": 2, "tolerance": 0.1}, "misses by 0.4"),
        (
            claim_exact,
            [1.0, 4.0],
            {"equals": [1, 2], "tolerance": 0},
            "misses by 2",
        ),
    ],
)
def test_a_false_claim_is_a_finding(make, values, bound, line, found, shell):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = found(make, "It is", values, **bound)
    first, second, *rest = said.split("\n")
    assert first.startswith("✗ It is ") and rest == [""]
    assert second.startswith("  It") and line in second
    assert "restart the kernel" in second
    record = json.loads(shell.outputs[-1]["data"][RECORD + "application/json"])
    assert record["holds"] is False


def test_too_few_seeds_are_told_from_a_wrong_estimate(found):
    said = found(claim, "It is", [0.0, 2.0] * 5, above=0.9)
    assert "Its interval misses by 0.65, its estimate lies inside" in said
    assert "more seeds" in said and "restart" not in said


def test_the_interval_that_misses_is_the_one_measured(found):
    values = [0.9, 1.0, 1.0, 1.1, 1.1, 1.2, 1.2, 1.3, 1.5, 9.0]
    low, high = interval(values)[1:]
    said = found(claim, "It is", values, within=(float(low), float(high)))
    assert "corrected interval" in said and "Its interval misses by" in said
    assert "misses by 0," not in said and "misses by −" not in said


@pytest.mark.parametrize(
    ("make", "values", "line"),
    [
        (claim, [*GAIN[:8], math.nan, math.inf], "2 of 10 values are NaN or"),
        (claim, [*GAIN[:9], 1e200], "a value is above 10¹⁵⁰"),
        (claim, GAIN[:4], "there are 4 values; a claim needs at least 10"),
        (claim, [], "there are 0 values"),
        (claim_factor, [*GAIN[:9], 0.0], "the ratio at index [9] is 0"),
        (claim_share, [1.0] * 9 + [math.nan], "1 of 10 values is NaN"),
        (claim_exact, math.nan, "1 of 1 values is NaN"),
        (claim_exact, [], "there is no value"),
    ],
)
def test_what_cannot_be_measured_is_a_finding(make, values, line, found):
    said = found(make, "It is", values, above=0.5)
    assert said.startswith("✗ It is …:\n  Not ") and line in said
    assert said.endswith(".\n") and said.count("\n") == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"above": None},
        {"unit": 3},
        {"above": math.nan},
        {"values": [True] * 10},
        {"values": [[1.0]] * 10},
    ],
)
def test_a_claim_that_is_written_wrongly_stops_everywhere(wrong, found):
    values = wrong.pop("values", GAIN)
    with pytest.raises((ValueError, TypeError)):
        found(claim, "It is", values, **{"above": 5, **wrong})


@pytest.mark.parametrize("values", [[1.0, 2.0] * 5, [math.nan] * 10])
def test_builds_and_tests_stop(values, shell):
    with pytest.raises((ClaimError, ValueError)):
        claim("name", "It is", values, above=5)


@pytest.mark.parametrize("values", [[1.0, 2.0] * 5, [math.nan] * 10])
def test_outside_a_notebook_a_false_claim_stops(values, monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    with pytest.raises((ClaimError, ValueError)):
        claim("name", "It is", values, above=5)


# At the pace of a class hour --------------------------------------------------


@pytest.fixture
def quick(found, monkeypatch):
    """Make a claim at this pace, in a lab that asked for twenty seeds."""
    monkeypatch.setenv("COURSE_PACE", "quick")
    monkeypatch.setattr(_pace, "asked", {20})
    return found


@pytest.mark.parametrize(
    ("make", "values", "settings", "line"),
    [
        (
            claim,
            GAIN[:4],
            {"above": 20, "unit": "points"},
            "more than 20 points: 12.1 points (not tested: 4 of 20 seeds)",
        ),
        (claim, [3], {"below": 1}, "less than 1: 3.00 (not tested: 1 of 20"),
        (
            claim_factor,
            [0.01, 0.04],
            {"below": 1 / 10, "counted": "draws"},
            "less than 1/10: 1/50 (not tested: 2 draws)",
        ),
        (
            claim_share,
            [True, True, True, False],
            {"above": 0.9},
            "more than 90 % of seeds: 75 % (not tested: 4 of 20 seeds)",
        ),
    ],
)
def test_a_class_hour_tests_no_claim(
    make, values, settings, line, quick, shell
):
    said = quick(make, "It is", values, **settings)
    assert said.startswith(f"– It is {line}") and said.count("\n") == 1
    assert not shell.outputs


def test_a_lab_with_other_numbers_of_seeds_says_between_which(quick):
    _pace.asked.add(60)
    said = quick(claim, "It is", GAIN[:4], above=5)
    assert said.endswith("(not tested: 4 of 20 to 60 seeds)\n")


@pytest.mark.parametrize(
    ("make", "value", "settings"),
    [
        (claim_exact, 2.5, {"equals": 2, "tolerance": 0.1}),
        (claim, [1.0, 2.0] * 5, {"above": 5}),
    ],
)
def test_a_class_hour_tests_what_needs_no_seeds(make, value, settings, quick):
    assert quick(make, "It is", value, **settings).startswith("✗ It is")


def test_a_strict_class_hour_is_refused(quick, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(ValueError, match="unset one of them"):
        quick(claim, "It is", GAIN, above=5)
