"""The explorer of overfitting computes what the companion computes."""

import models
import pytest
import torch
from models import assert_close

from companion import overfitting

browser, compute = models.browser, models.compute
GRID = torch.linspace(-1, 1, 201, dtype=torch.float64)
N, LAMS = 12, [0.0, 1e-7, 1e-3, 1.0]


def features(x, p):
    """The companion's polynomials, each divided by its degree."""
    degrees = torch.arange(p).clamp(min=1)
    return overfitting.polynomial_features(x, p - 1) / degrees


def points(seed):
    """Twelve places and values, in no order."""
    chance = torch.Generator().manual_seed(seed)
    x = torch.linspace(-0.95, 0.95, N, dtype=torch.float64)
    moved = torch.rand(2, N, generator=chance, dtype=torch.float64)
    return x + (moved[0] - 0.5) / 10, 2 * moved[1] - 1


@pytest.mark.parametrize("p", [1, 2, 5, 12, 13, 40])
def test_the_features(compute, p):
    x, _ = points(p)
    rows = compute(
        "overfitting", "features", *[(each, p) for each in x.tolist()]
    )
    assert_close(rows, features(x, p))


@pytest.mark.parametrize("p", [1, 2, 5, 8, 12, 13, 20, 40])
@pytest.mark.parametrize("lam", LAMS)
def test_the_curve_its_errors_and_its_length(compute, p, lam):
    x, y = points(p)
    X = features(x, p)
    w = overfitting.least_squares(X, y, lam)
    pairs = torch.stack([x, y], dim=1).tolist()
    (found,) = compute("overfitting", "fit", (pairs, p, lam))
    assert_close(found["weights"], w)
    assert_close(found["length"], w.norm())
    assert_close(found["train"], (X @ w - y).square().mean().sqrt())
    curve = features(GRID, p) @ w
    assert_close(found["curve"], curve)
    missed = curve - torch.sin(torch.pi * GRID)
    assert_close(found["test"], missed.square().mean().sqrt())


@pytest.mark.parametrize("p", [3, 12, 30])
def test_the_singular_values_and_the_weights_from_them(compute, p):
    x, y = points(p)
    X = features(x, p)
    (parts,) = compute("overfitting", "singular", (X.tolist(),))
    found = sorted((each["s"] for each in parts), reverse=True)
    assert_close(found, torch.linalg.svdvals(X))
    (w,) = compute("overfitting", "weights", (parts, y.tolist(), 1e-3, p))
    assert_close(w, overfitting.least_squares(X, y, 1e-3))


def test_equal_columns_share_their_weight_and_zeros_get_none(compute):
    ones = [[1, 1], [1, 1]]
    for rows, wanted in ((ones, [1, 1]), ([[0, 0], [0, 0]], [0, 0])):
        (parts,) = compute("overfitting", "singular", (rows,))
        (found,) = compute("overfitting", "weights", (parts, [1, 3], 0, 2))
        assert_close(found, wanted)


def test_the_truth_and_a_sample(compute):
    (found,) = compute("overfitting", "sample", ([0.5] * 5,))
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    y = torch.sin(torch.pi * x) + 0.15
    assert_close(found, torch.stack([x, y], dim=1))
    found = compute("overfitting", "truth", *[(each,) for each in x.tolist()])
    assert_close(found, torch.sin(torch.pi * x))


def test_the_first_state_is_wild_and_can_be_repaired_in_three_ways(compute):
    (chance,) = compute("overfitting", "normals", (0, N))
    (pairs,) = compute("overfitting", "sample", (chance,))
    states = {
        (12, 0): "wild",
        (1, 0): "stiff",
        (4, 0): "few",
        (40, 0): "calm",
        (12, 1e-4): "tamed",
        (40, 1): "stiff",
    }
    fits = compute("overfitting", "fit", *[(pairs, *each) for each in states])
    found = compute(
        "overfitting",
        "outcome",
        *[
            (p, N, lam, each["train"], each["test"])
            for (p, lam), each in zip(states, fits, strict=True)
        ],
    )
    assert found == list(states.values())
    assert fits[0]["length"] > 3 * fits[3]["length"]
