"""The explorer of dropout computes what the companion and torch compute."""

import itertools
import math

import models
import pytest
import torch
from models import assert_close

from companion import dropout as dr

browser, compute = models.browser, models.compute
UNITS = [2.0, 1.0, 1.0, 2.0]
WEIGHTS = [0.5, 0.5, -0.5, 0.5]
PS = [0.05, 0.3, 0.5, 0.8]


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def sums(units, weights, p):
    """Sums of all masks by torch's dropout rule, and their chances."""
    kept = double(list(itertools.product([0.0, 1.0], repeat=len(units))))
    chance = (kept * (1 - p) + (1 - kept) * p).prod(1)
    return (kept / (1 - p) * double(units)) @ double(weights), chance


@pytest.mark.parametrize("p", PS)
def test_a_pass_under_a_mask_is_the_companions(compute, p):
    chance = torch.Generator().manual_seed(0)
    units = torch.randn(6, generator=chance, dtype=torch.float64)
    weights = torch.randn(6, generator=chance, dtype=torch.float64)
    dropped = dr.dropout(units, p, generator=chance)
    mask = (dropped != 0).long().tolist()
    (found,) = compute(
        "dropout", "pass", (units.tolist(), weights.tolist(), mask, p, True)
    )
    assert_close(found["values"], dropped)
    assert_close(found["sum"], dropped @ weights)
    assert_close(found["out"], torch.tanh(dropped @ weights))
    (kept,) = compute(
        "dropout", "pass", (units.tolist(), weights.tolist(), mask, p, False)
    )
    assert_close(kept["values"], dropped * (1 - p))


@pytest.mark.parametrize("p", PS)
def test_the_means_are_those_over_all_masks(compute, p):
    units, weights = [2.0, 1.0, -0.7, 3.0], [0.5, 0.1, -0.5, 0.8]
    (found,) = compute("dropout", "mean", (units, weights, p, True))
    each, chance = sums(units, weights, p)
    assert_close(found["sum"], each @ chance)
    assert_close(found["sum"], double(units) @ double(weights))
    assert_close(found["out"], each.tanh() @ chance)
    # of a target of 0, the squared error is the mean square of the sum
    assert_close(
        found["square"],
        dr.expected_squared_error(
            double([units]), double([0.0]), double(weights), p
        ),
    )


def test_every_mask_is_there_once_and_the_chances_add_up(compute):
    for p in PS:
        (found,) = compute("dropout", "masks", (4, p))
        assert len({tuple(each["mask"]) for each in found}) == 16
        assert_close(sum(each["chance"] for each in found), 1.0)
        for each in found:
            kept = sum(each["mask"])
            assert_close(each["chance"], (1 - p) ** kept * p ** (4 - kept))


@pytest.mark.parametrize("p", PS)
def test_survivors_grow_as_in_torch(compute, p):
    (grown, stayed) = compute("dropout", "growth", (p, True), (p, False))
    torch.manual_seed(0)
    out = torch.nn.functional.dropout(double([1.0] * 200), p)
    assert_close(grown, out.max())
    assert stayed == 1


def test_masks_are_drawn_from_even_numbers(compute):
    (normals,) = compute("dropout", "normals", (1, 20_000))
    (found,) = compute("dropout", "uniforms", (normals,))
    pairs = double(normals).reshape(-1, 2)
    wanted = torch.atan2(pairs[:, 0], pairs[:, 1]) / (2 * math.pi) + 0.5
    assert_close(found, wanted)
    u = double(found)
    assert ((u >= 0) & (u <= 1)).all()
    for p in PS:
        (mask,) = compute("dropout", "drawn", (found, p))
        assert mask == (u >= p).long().tolist()
        share = 1 - sum(mask) / len(mask)
        assert abs(share - p) < 4.5 * math.sqrt(p * (1 - p) / len(mask))


def test_the_first_state_has_something_to_repair(compute):
    """Half of the sum is missing; growing repairs it, and the tanh remains."""
    stay, grow = compute(
        "dropout",
        "mean",
        (UNITS, WEIGHTS, 0.5, False),
        (UNITS, WEIGHTS, 0.5, True),
    )
    assert_close([stay["sum"], grow["sum"]], [1.0, 2.0])
    assert math.tanh(2) - grow["out"] > 0.2
    small = [0.15 * w for w in WEIGHTS]
    (straight,) = compute("dropout", "mean", (UNITS, small, 0.5, True))
    assert compute(
        "dropout",
        "outcome",
        (2.0, stay["sum"], stay["out"]),
        (2.0, grow["sum"], grow["out"]),
        (0.3, straight["sum"], straight["out"]),
    ) == ["shrunk", "bent", "level"]
