"""The explorer of losses computes what the companion computes."""

import itertools

import models
import pytest
import torch
from models import assert_close

from companion import losses

browser, compute = models.browser, models.compute
RIGHT = [
    [1.6, 19], [1.2, 18.6], [2.1, 21.2], [2.7, 26.4], [3.2, 27.1], [3.8, 31.8],
    [4.4, 33], [5, 37.9],
]  # fmt: skip
TYPED = [[1.6, 91], *RIGHT[1:]]
AFAR = [[16, 19], *RIGHT[1:]]
CASES = [RIGHT, TYPED, AFAR, [[18, 0], *RIGHT[1:]], [[7, 108], *RIGHT[1:]]]


def tensors(points):
    x, y = torch.tensor(points, dtype=torch.float64).T
    return torch.stack([torch.ones_like(x), x], dim=1), y


@pytest.mark.parametrize("points", CASES)
def test_the_line_of_the_squared_error(compute, points):
    X, y = tensors(points)
    (found,) = compute("losses", "squaredLine", (points,))
    assert_close(found, torch.linalg.lstsq(X, y.unsqueeze(1))[0][:, 0])


@pytest.mark.parametrize("points", CASES)
def test_a_weighted_line(compute, points):
    X, y = tensors(points)
    weight = torch.linspace(0.1, 1, len(y), dtype=torch.float64)
    (found,) = compute("losses", "weightedLine", (points, weight.tolist()))
    root = weight.sqrt().unsqueeze(1)
    assert_close(
        found, torch.linalg.lstsq(root * X, root * y[:, None])[0][:, 0]
    )


@pytest.mark.parametrize("points", CASES)
@pytest.mark.parametrize("delta", [0.1, 2.7, 30.0, 100.0])
@pytest.mark.parametrize("steps", [1, 7, 100])
def test_hubers_line(compute, points, delta, steps):
    wanted = losses.huber_regression(*tensors(points), delta, steps)
    (found,) = compute("losses", "huberLine", (points, delta, steps))
    assert_close(found, wanted)


@pytest.mark.parametrize("points", CASES)
@pytest.mark.parametrize("delta", [0.1, 2.7, 100.0])
def test_the_weights_are_the_slope_of_hubers_loss_over_the_error(
    compute, points, delta
):
    X, y = tensors(points)
    w = torch.tensor([12.0, 5.0], dtype=torch.float64)
    y_hat = (X @ w).requires_grad_()
    loss = losses.huber_loss(y_hat, y, delta=delta, reduction="sum")
    (slope,) = torch.autograd.grad(loss, y_hat)
    (found,) = compute("losses", "weights", (points, w.tolist(), delta))
    assert_close(found, slope / (y_hat - y).detach())


@pytest.mark.parametrize("points", CASES)
def test_the_line_of_the_absolute_error_is_the_best_of_all_lines(
    compute, points
):
    X, y = tensors(points)
    (found,) = compute("losses", "absoluteLine", (points,))

    def loss(w):
        w = torch.as_tensor(w, dtype=torch.float64)
        return losses.l1_loss(X @ w, y).item()

    through_two = [
        torch.linalg.solve(X[[i, j]], y[[i, j]])
        for i, j in itertools.combinations(range(len(y)), 2)
    ]
    assert_close(loss(found), min(map(loss, through_two)))
    chance = torch.Generator().manual_seed(0)
    for shift in 0.3 * torch.randn(50, 2, generator=chance).double():
        assert loss(torch.tensor(found) + shift) >= loss(found)


def test_the_first_state_has_something_to_repair(compute):
    story = []
    for points in (RIGHT, TYPED, AFAR):
        squared, absolute = (
            compute("losses", name, (points,))[0][1]
            for name in ("squaredLine", "absoluteLine")
        )
        (huber,) = compute("losses", "huberLine", (points, 2.7, 100))
        story.append([squared, huber[1], absolute])
    (right,) = compute("losses", "squaredLine", (RIGHT[1:],))
    said = compute("losses", "outcome", *[(each, right[1]) for each in story])
    assert said == ["agree", "shrug", "all"]
    assert story[1][0] < 0  # typed 91 for 19: longer ways seem quicker
    assert all(4.5 < each < 5.5 for each in story[1][1:])
    assert all(each < 0 for each in story[2])
