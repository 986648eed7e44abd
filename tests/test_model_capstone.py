"""The explorer of the capstone computes what the companion computes."""

import itertools
import math

import models
import pytest
import torch
from models import assert_close
from scipy.special import stdtrit

from companion import capstone

browser, compute = models.browser, models.compute
PLACES = list(itertools.product((0, 1), repeat=6))
T = float(stdtrit(9, 1 - 0.025 / 6))


@pytest.fixture(scope="module")
def data():
    """Scores as the lab hands them over, from chance."""
    chance = torch.Generator().manual_seed(0)
    scores = 60 + 30 * torch.rand(
        64, 2, 10, generator=chance, dtype=torch.float64
    )
    return {"t": T, "scores": scores.tolist()}


def test_switches_are_a_binary_number(compute):
    numbers = compute("capstone", "place", *[(on,) for on in PLACES])
    assert numbers == list(range(64))
    assert compute("capstone", "switches", *[(n,) for n in range(64)]) == [
        list(on) for on in PLACES
    ]


def test_one_switch_is_turned(compute):
    found = compute("capstone", "turned", ([1, 0, 1, 0, 0, 0], 1))
    assert found == [[1, 1, 1, 0, 0, 0]]


def test_the_interval_is_the_companions(compute, data):
    rows = [each[0] for each in data["scores"]]
    found = compute("capstone", "interval", *[(row, T) for row in rows])
    for each, row in zip(found, rows, strict=True):
        values = torch.tensor(row, dtype=torch.float64)
        assert_close(
            [each["mean"], each["low"], each["high"]],
            torch.stack(
                capstone.paired_interval(values, torch.zeros(10).double(), 6)
            ),
        )


@pytest.mark.parametrize("rate", [0, 1])
def test_worth_here_is_the_paired_interval_of_the_companion(
    compute, data, rate
):
    found = compute(
        "capstone", "worths", *[(data, list(on), rate) for on in PLACES]
    )
    scores = torch.tensor(data["scores"], dtype=torch.float64)[:, rate]
    names = [str(i) for i in range(6)]
    for here, on in zip(found, PLACES, strict=True):
        for part, each in enumerate(here):
            recipe = dict(zip(names, on, strict=True))
            with_part, without = (
                scores[PLACES.index(tuple({**recipe, str(part): x}.values()))]
                for x in (1, 0)
            )
            wanted = capstone.paired_interval(with_part, without, 6)
            assert_close(
                [each["mean"], each["low"], each["high"]], torch.stack(wanted)
            )


def test_worth_in_the_corners_is_one_in_and_one_out(compute, data):
    default, recipe = (dict.fromkeys("abcdef", x) for x in (0, 1))
    scores = torch.tensor(data["scores"], dtype=torch.float64)[:, 0].mean(1)

    def mean(each):
        return scores[PLACES.index(tuple(each.values()))]

    alone, company = compute(
        "capstone", "worths", (data, [0] * 6, 0), (data, [1] * 6, 0)
    )
    for part, each in zip("abcdef", alone, strict=True):
        one_in = capstone.one_in(default, recipe)[part]
        assert_close(each["mean"], mean(one_in) - mean(default))
    for part, each in zip("abcdef", company, strict=True):
        one_out = capstone.one_out(default, recipe)[part]
        assert_close(each["mean"], mean(recipe) - mean(one_out))


def test_the_ranking_goes_from_the_worst_to_the_best(compute, data):
    scores = torch.tensor(data["scores"], dtype=torch.float64)
    for rate in (0, 1):
        (found,) = compute("capstone", "ranking", (data, rate))
        assert found == scores[:, rate].mean(1).argsort().tolist()


def test_the_best_switch_adds_what_helps_or_removes_what_harms(compute):
    worth = [{"mean": x} for x in (3.0, -8.0, 5.0, -1.0, 0.0, 2.0)]
    found = compute(
        "capstone",
        "bestSwitch",
        ([0, 1, 0, 0, 0, 0], worth),
        ([0, 0, 0, 0, 0, 0], worth),
        ([1, 0, 1, 0, 0, 1], worth),
    )
    assert found == [
        {"part": 1, "gain": 8},
        {"part": 2, "gain": 5},
        {"part": 4, "gain": 0},
    ]


def test_without_seeds_that_differ_there_is_no_width(compute):
    (found,) = compute("capstone", "interval", ([3.0, 3.0, 3.0], T))
    assert found == {"mean": 3, "low": 3, "high": 3}
    assert math.isfinite(T)
