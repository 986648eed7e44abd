"""The explorer of the front page computes what the companion computes."""

import models
import pytest
import torch
from models import assert_close

from companion import overfitting

browser, compute = models.browser, models.compute


@pytest.mark.parametrize("p", [1, 2, 5, 8, 12, 13, 20, 40])
def test_the_curve_of_the_front_page(compute, p):
    chance = torch.Generator().manual_seed(p)
    noise = torch.rand(2, 12, generator=chance, dtype=torch.float64)
    x = torch.linspace(-0.95, 0.95, 12, dtype=torch.float64)
    x, y = x + (noise[0] - 0.5) / 10, 2 * noise[1] - 1
    degrees = torch.arange(p).clamp(min=1)
    X = overfitting.polynomial_features(x, p - 1) / degrees
    rows = compute("front", "features", *[(each, p) for each in x.tolist()])
    assert_close(rows, X)
    (found,) = compute("front", "leastSquares", (X.tolist(), y.tolist()))
    w = overfitting.least_squares(X, y)
    assert_close(found, w)
    (whole,) = compute("front", "fit", (torch.stack([x, y], dim=1).tolist(), p))
    grid = torch.linspace(-1, 1, 201, dtype=torch.float64)
    curve = overfitting.polynomial_features(grid, p - 1) / degrees @ w
    (truth,) = [compute("front", "truth", *[(g,) for g in grid.tolist()])]
    truth = torch.tensor(truth, dtype=torch.float64)
    assert_close(whole["curve"], curve)
    assert_close(whole["test"], (curve - truth).square().mean().sqrt())
    assert_close(whole["train"], (X @ w - y).square().mean().sqrt())


def test_equal_columns_and_equal_points_share_their_weight(compute):
    (found,) = compute("front", "leastSquares", ([[1, 1], [1, 1]], [1, 3]))
    assert_close(found, [1, 1])
