"""The explorer of backpropagation computes what the companion computes."""

import models
import pytest
import torch
from models import assert_close

from companion import backpropagation as bp

browser, compute = models.browser, models.compute
START = [0.15, 0.20, 0.25, 0.30, 0.35, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.60]
X = torch.tensor([[0.05, 0.10]], dtype=torch.float64)
Y = torch.tensor([[0.01, 0.99]], dtype=torch.float64)


def points():
    """Return the start and random parameters, small and large."""
    chance = torch.Generator().manual_seed(0)
    draws = torch.randn(8, 12, generator=chance, dtype=torch.float64)
    return [START, *(3 * draws).tolist()]


def layers(params):
    """Return the list of tensors of the companion's network."""
    flat = torch.tensor(params, dtype=torch.float64)
    return [flat[0:4].view(2, 2), flat[4:6], flat[6:10].view(2, 2), flat[10:12]]


def loss_of(params):
    """Return the companion's loss."""
    return bp.half_squared_error(bp.mlp_forward(layers(params), X)[-1], Y)


def test_the_forward_sweep(compute):
    found = compute("backpropagation", "forward", *[(p,) for p in points()])
    for params, sweep in zip(points(), found, strict=True):
        _, h, o = bp.mlp_forward(layers(params), X)
        assert_close(sweep["h"], h[0])
        assert_close(sweep["o"], o[0])
        assert_close(sweep["loss"], loss_of(params))


def test_the_backward_sweep(compute):
    calls = [(p, False) for p in points()]
    found = compute("backpropagation", "backward", *calls)
    for params, sweep in zip(points(), found, strict=True):
        kept = bp.mlp_forward(layers(params), X)
        wanted = bp.mlp_backward(layers(params), kept, Y)
        assert_close(
            sweep["gradients"], torch.cat([g.flatten() for g in wanted])
        )
        assert_close(sweep["hidden"], wanted[1])
        assert_close(sweep["out"], wanted[3])
        assert_close(sweep["arrives"], wanted[3] @ layers(params)[2])


def test_the_bug_leaves_out_the_slope_of_the_hidden_units(compute):
    calls = [(p, bug) for p in points() for bug in (False, True)]
    found = compute("backpropagation", "backward", *calls)
    for params, right, wrong in zip(
        points(), found[::2], found[1::2], strict=True
    ):
        h = bp.mlp_forward(layers(params), X)[1][0]
        assert_close(
            torch.tensor(wrong["hidden"]).double() * h * (1 - h),
            right["hidden"],
        )
        assert wrong["gradients"][6:] == right["gradients"][6:]


@pytest.mark.parametrize("index", [0, 6, 9])
def test_the_curve_is_the_loss_along_one_weight(compute, index):
    (found,) = compute("backpropagation", "curve", (START, index))
    wanted = []
    for w in torch.linspace(-4, 4, 81, dtype=torch.float64).tolist():
        params = [*START]
        params[index] = w
        wanted.append(loss_of(params))
    assert_close(found, torch.stack(wanted))


def test_the_first_state_can_be_repaired_by_one_weight(compute):
    (first,) = compute("backpropagation", "forward", (START,))
    assert_close(first["loss"], 0.2983711088)
    slopes = [0.0821670406, 0.0821670406]
    (verdict,) = compute("backpropagation", "outcome", (first["loss"], *slopes))
    assert verdict == {"loss": "high", "slope": "fits"}
    (along,) = compute("backpropagation", "curve", (START, 6))
    assert along[0] < 0.1  # w₅ pulled to −4
    (verdict,) = compute("backpropagation", "outcome", (along[0], 0.4, 0.1))
    assert verdict == {"loss": "low", "slope": "wrong"}
