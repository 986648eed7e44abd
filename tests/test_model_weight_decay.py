"""The explorer of weight_decay computes what the companion computes."""

import models
import pytest
import torch
from models import assert_close

from companion import weight_decay as wd

browser, compute = models.browser, models.compute
BOTTOMS = [[1.5, 0.5], [-1.2, 1.8], [2.2, -1.0], [0.3, 0.3], [1.0, 0.0]]
LAMS = [0.0, 0.05, 0.6, 0.95, 4.0]


def problem(bottom, likeness):
    """Inputs of two rows with this correlation, and targets made by a bottom:
    XᵀX / n is [1 ρ; ρ 1], and Xᵀy / n is that matrix times the bottom.
    """
    gram = torch.tensor([[1, likeness], [likeness, 1]], dtype=torch.float64)
    X = 2**0.5 * torch.linalg.cholesky(gram).mT
    return X, X @ torch.tensor(bottom, dtype=torch.float64)


@pytest.mark.parametrize("likeness", [0.0, 0.35, 0.9])
@pytest.mark.parametrize("bottom", BOTTOMS)
def test_the_ball_is_ridge_regression(compute, bottom, likeness):
    found = compute(
        "weight_decay", "ridge", *[(bottom, likeness, lam) for lam in LAMS]
    )
    wanted = [wd.ridge(*problem(bottom, likeness), lam) for lam in LAMS]
    assert_close(found, torch.stack(wanted))


@pytest.mark.parametrize("likeness", [0.0, 0.35, 0.9])
@pytest.mark.parametrize("bottom", BOTTOMS)
def test_the_diamond_is_the_lasso(compute, bottom, likeness):
    found = compute(
        "weight_decay", "lasso", *[(bottom, likeness, lam) for lam in LAMS]
    )
    X, y = problem(bottom, likeness)
    wanted = torch.stack([wd.ista(X, y, lam, steps=5000) for lam in LAMS])
    assert_close(found, wanted)
    zeros = torch.tensor(found[1:], dtype=torch.float64) == 0
    assert torch.equal(zeros, wanted[1:] == 0)


def test_the_path_is_made_of_solutions(compute):
    for kind, solve in (("ball", wd.ridge), ("diamond", wd.ista)):
        (found,) = compute(
            "weight_decay", "path", (kind, [1.5, 0.5], 0.5, LAMS)
        )
        X, y = problem([1.5, 0.5], 0.5)
        assert_close(found, torch.stack([solve(X, y, lam) for lam in LAMS]))


@pytest.mark.parametrize("likeness", [0.0, 0.9])
def test_the_loss_is_half_the_mean_squared_error(compute, likeness):
    X, y = problem([1.5, 0.5], likeness)
    for w in BOTTOMS:
        (found,) = compute("weight_decay", "loss", (w, [1.5, 0.5], likeness))
        error = X @ torch.tensor(w, dtype=torch.float64) - y
        assert_close(found, error.square().mean() / 2)


def test_the_size_is_the_norm_of_the_shape(compute):
    for w in BOTTOMS:
        found = compute("weight_decay", "size", ("ball", w), ("diamond", w))
        w = torch.tensor(w, dtype=torch.float64)
        assert_close(found, torch.stack([wd.l2_norm(w), wd.l1_norm(w)]))


def test_the_first_state_keeps_both_weights_and_the_diamond_drops_one(compute):
    found = {}
    for kind in ("ball", "diamond"):
        (walk,) = compute(
            "weight_decay", "path", (kind, [1.5, 0.5], 0, [0.6, 4])
        )
        found[kind] = compute("weight_decay", "outcome", *[(w,) for w in walk])
    assert found == {"ball": ["none", "none"], "diamond": ["second", "both"]}
    (odd,) = compute("weight_decay", "outcome", ([0, 1],))
    assert odd == "first"
