"""What pages say of a claim: short numbers, parts, and the strip."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from companion.claims import (
    claim,
    claim_exact,
    claim_factor,
    claim_share,
    interval,
)

pytest.importorskip(
    "sphinx", reason="Sphinx is not here: it comes with what builds the site"
)
EXTENSIONS = Path(__file__).parents[1] / "book" / "_ext"


@pytest.fixture
def words(monkeypatch):
    """The module that says it."""
    monkeypatch.syspath_prepend(EXTENSIONS)
    return import_module("claim_words")


@pytest.fixture
def strip(monkeypatch):
    """The function that draws the strip."""
    monkeypatch.syspath_prepend(EXTENSIONS)
    return import_module("claim_strip").strip


def recorded(shell):
    """Return the record of the last claim."""
    return json.loads(
        shell.outputs[-1]["data"][
            "application/papermill.record/application/json"
        ]
    )


def spread(centre, half, count=20):
    """Return values with this mean whose interval has this half-width."""
    noise = np.linspace(-1, 1, count)
    factor = half / (2.093024 * noise.std(ddof=1) / count**0.5)
    return centre + factor * noise


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (13.512, 1.47, "13.5"),
        (13.512, 4.7, "13.5"),
        (13.512, 12, "14"),
        (97.123, 0.01, "97.1"),
        (0.0213, 0.4, "0.02"),
        (61039, 470, "61,000"),
        (61039, 12345, "61,000"),
        (13.0, 0.1, "13"),
        (-0.004, 1.2, "0"),
        (-1.234, 0.12, "−1.23"),
        (3.21e-17, 1e-19, "3.21 × 10⁻¹⁷"),
        (0, 0, "0"),
        (61039, 0, "61,039"),
        (2 / 3, 0, "0.667"),
        (9.996, 0.001, "10"),
    ],
)
def test_short_numbers_have_the_digits_they_deserve(words, value, half, text):
    assert words.short(value, half) == text


def test_a_mean(words, shell):
    claim("a", "It is", spread(13.512, 1.47), above=5, unit="points")
    said = {name: say(recorded(shell)) for name, say in words.SAID.items()}
    assert said | {"fold": ""} == {
        "": "13.5\N{NO-BREAK SPACE}points",
        "value": "13.5",
        "low": "12",
        "high": "15",
        "interval": "12 to 15\N{NO-BREAK SPACE}points",
        "bound": "more than 5 points",
        "sentence": "It is more than 5 points: 13.5 points, 95 % interval"
        " [12.0, 15.0], 20 seeds",
        "fold": "",
    }
    assert (
        words.on_paper(recorded(shell)) == "13.5 ± 1.5\N{NO-BREAK SPACE}points"
    )


def test_the_ends_keep_digits_that_tell_them_apart(words, shell):
    claim("a", "It is", spread(97.123, 0.01), above=5, unit="%")
    record = recorded(shell)
    assert words.estimate(record) == "97.1\N{NO-BREAK SPACE}%"
    assert words.interval(record) == "97.113 to 97.133\N{NO-BREAK SPACE}%"


def test_one_point_is_singular(words, shell):
    claim("a", "It is", spread(1, 0.1), above=0, unit="points")
    assert words.estimate(recorded(shell)) == "1\N{NO-BREAK SPACE}point"


@pytest.mark.parametrize(
    ("centre", "said"),
    [
        (1 / 980, ("1/980", "980-fold", "1/1,100 to 1/870")),
        (980, ("980", "980-fold", "870 to 1,100")),
        (0.47, ("0.47", "2.1-fold", "0.42 to 0.53")),
    ],
)
def test_a_factor(words, shell, centre, said):
    ratios = centre * np.exp(spread(0, 0.12))
    claim_factor("a", "It is", ratios, within=(centre / 2, 2 * centre))
    record = recorded(shell)
    assert said == (
        words.estimate(record),
        words.fold(record),
        words.interval(record),
    )
    assert words.on_paper(record) == f"{said[0]} ({said[2]})"


def test_a_share(words, shell):
    claim_share("a", "It is so in", [1] * 19 + [0], above=0.7, counted="draws")
    record = recorded(shell)
    assert words.estimate(record) == "19 of 20 draws"
    assert words.value(record) == "95"
    assert words.interval(record) == "76.4 to 99.1\N{NO-BREAK SPACE}%"


def test_an_exact_claim_has_no_interval_to_show(words, shell):
    claim_exact("a", "It is", 1.4636, above=1)
    record = recorded(shell)
    assert words.estimate(record) == words.on_paper(record) == "1.4636"
    assert "low" not in words.PARTS["exact"]


def path(svg, name):
    """Return the drawing of one path of the strip."""
    (found,) = [part for part in svg.split("<path") if f'"{name}"' in part]
    return found


def test_a_strip_has_one_dot_per_seed_and_its_bound(strip, shell):
    claim("a", "It is", spread(13.5, 1.5), above=5, unit="points")
    svg = strip(recorded(shell))
    assert path(svg, "dots").count("M") == 20
    assert path(svg, "interval") and path(svg, "bound")
    assert ">5</text>" in svg and "</text>" not in strip(
        recorded(shell), numbers=False
    )
    assert 'aria-label="20 seeds, from ' in svg


def test_a_strip_of_many_is_a_histogram(strip, shell):
    claim("a", "It is", np.repeat([1.0, 2.0, 3.0], 40), within=(0, 9))
    svg = strip(recorded(shell))
    assert path(svg, "bars").count("M") == 3 and "dots" not in svg


def test_a_strip_of_factors_is_logarithmic(strip, shell):
    claim_factor("a", "It is", [1 / 99, 1 / 101] * 10, within=(1e-4, 1))
    svg = strip(recorded(shell))
    assert 'estimate" d="M120 ' in svg  # halfway, for 1/100 is
    assert ">1/10,000</text>" in svg and ">1</text>" in svg


def test_a_strip_of_a_share_puts_no_left_and_yes_right(strip, shell):
    claim_share("a", "It is so in", [1] * 19 + [0], above=0.7)
    svg = strip(recorded(shell))
    dots = path(svg, "dots").split("M")[1:]
    places = sorted(int(dot.split()[0]) for dot in dots)
    assert places[0] == 8 and places[1] > 200 and len(places) == 20
    assert ">70 %</text>" in svg


@pytest.fixture
def by_chance(monkeypatch):
    """The function that says how probable a failure is."""
    monkeypatch.syspath_prepend(EXTENSIONS)
    return import_module("claims_ledger").by_chance


def test_chance_lets_claims_fail_as_often_as_said(by_chance):
    """Old and new values come from one law; two standard errors of 4000 trials
    are 1.2 points.
    """
    said = by_chance({"kind": "mean", "n": 10, "margin": 1.6})
    failed = 0
    for old, new in np.random.default_rng(0).normal(1, 1, (4000, 2, 10)):
        mean, low, high = interval(old)
        failed += interval(new)[1] <= mean - 1.6 * (high - low) / 2
    assert failed / 4000 == pytest.approx(said, abs=0.02)


def test_a_share_that_chance_can_break(by_chance, shell, capsys):
    """After 20 of 20, one more miss is allowed above 70 %, none above 80 %."""
    found = {}
    for bound in (0.5, 0.7, 0.8):
        claim_share("often", "It grows in", [True] * 20, above=bound)
        found[bound] = by_chance(recorded(shell))
    law = stats.betabinom(20, 20.5, 0.5)
    assert found[0.7] == pytest.approx(law.cdf(18))
    assert found[0.8] == pytest.approx(law.cdf(19))
    assert found[0.5] < found[0.7] < found[0.8]
    claim_exact("half", "The mean is", 0.5, equals=0.5, tolerance=0)
    assert by_chance(recorded(shell)) == 0
