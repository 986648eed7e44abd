"""The explorer of gradient_descent computes what the companion computes."""

import models
import pytest
import torch
from models import assert_close

from companion import gradient_descent as gd

browser, compute = models.browser, models.compute
CURVATURE = torch.tensor([1.0, 10.0], dtype=torch.float64)
START = torch.tensor([-4.4, 0.12], dtype=torch.float64)


def noise(level, steps=60):
    chance = torch.Generator().manual_seed(0)
    shape = (steps, 2)
    return level * torch.randn(shape, generator=chance, dtype=torch.float64)


@pytest.mark.parametrize("rate", [0.005, 0.1, 0.18, 0.21])
@pytest.mark.parametrize("level", [0.0, 2.0])
def test_the_path_is_that_of_noisy_descent(compute, rate, level):
    shocks = noise(level)
    (found,) = compute(
        "gradient_descent",
        "path",
        (START.tolist(), CURVATURE.tolist(), rate, 0, shocks.tolist()),
    )
    assert_close(
        found,
        gd.noisy_descent(lambda w: CURVATURE * w, START, shocks, lr=rate),
    )


@pytest.mark.parametrize("momentum", [0.5, 0.95])
def test_the_path_with_momentum_is_that_of_torch(compute, momentum):
    shocks = noise(0.5)
    w = START.clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=0.05, momentum=momentum)
    path = [w.detach().clone()]
    for shock in shocks:
        w.grad = CURVATURE * w.detach() + shock
        optimizer.step()
        path.append(w.detach().clone())
    (found,) = compute(
        "gradient_descent",
        "path",
        (START.tolist(), CURVATURE.tolist(), 0.05, momentum, shocks.tolist()),
    )
    assert_close(found, torch.stack(path))


def test_the_factor_is_that_of_the_solved_bowl(compute):
    for rate in (0.05, 0.15, 0.25):
        found = compute(
            "gradient_descent", "factor", *[(c, rate) for c in (1, 10)]
        )
        ones = torch.ones(2, dtype=torch.float64)
        path = gd.quadratic_path(CURVATURE, ones, lr=rate, steps=1)
        assert_close(found, path[1])


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.2, 0.39])
def test_the_pace_is_an_eigenvalue_of_the_step(compute, momentum, rate):
    for curvature in (1.0, 10.0):
        # (w, v) to (w − η (μ v + λ w), μ v + λ w)
        step = torch.tensor(
            [
                [1 - rate * curvature, -rate * momentum],
                [curvature, momentum],
            ],
            dtype=torch.float64,
        )
        (found,) = compute(
            "gradient_descent", "pace", (curvature, rate, momentum)
        )
        assert_close(found, torch.linalg.eigvals(step).abs().max())


def test_the_limit(compute):
    found = compute(
        "gradient_descent", "limit", *[([1, 10], mu) for mu in (0, 0.5)]
    )
    assert_close(found[0], gd.step_limit(CURVATURE))
    for rate, grows in ((found[1] - 1e-6, False), (found[1] + 1e-6, True)):
        (pace,) = compute("gradient_descent", "pace", (10, rate, 0.5))
        assert (pace > 1) == grows


def test_the_first_state_explodes_and_can_be_repaired(compute):
    states = {
        (0.21, 0, 0): "leaves",
        (0.2, 0, 0): "leaves",
        (0.18, 0, 0): "arrives",
        (0.01, 0, 0): "creeps",
        (0.18, 0, 1): "shakes",
        (0.21, 0.5, 0): "arrives",
    }
    found = compute(
        "gradient_descent", "outcome", *[([1, 10], *each) for each in states]
    )
    assert found == list(states.values())
