"""The explorer of gradients computes what companion and autograd compute."""

import math

import models
import pytest
import torch
from models import assert_close
from torch import nn

from companion import gradients as gr

browser, compute = models.browser, models.compute
FUNCTIONS = {
    "sigmoid": (nn.Sigmoid, gr.sigmoid_derivative),
    "tanh": (nn.Tanh, gr.tanh_derivative),
    "relu": (nn.ReLU, gr.relu_derivative),
}
BLOCKS = {"plain": None, "added": lambda d: 1.0, "scaled": lambda d: d**-0.5}
START = {"depth": 20, "gain": 1, "activation": "sigmoid", "block": "plain"}


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_activations_and_slopes(compute, activation):
    z = torch.tensor([-30, -2, -0.1, 0, 0.7, 3, 30], dtype=torch.float64)
    function, slope = FUNCTIONS[activation]
    found = compute(
        "gradients", "activate", *[(x, activation) for x in z.tolist()]
    )
    assert_close(found, torch.stack([function()(z), slope(z)], 1))
    tail = torch.tensor(found, dtype=torch.float64)[-1, 1]
    torch.testing.assert_close(tail, slope(z)[-1], rtol=1e-9, atol=0)


class Exact(torch.autograd.Function):
    """An activation with the companion's slope: torch's own, s(1 − s) and
    1 − t², lose digits where a unit saturates.
    """

    @staticmethod
    def forward(ctx, z, name):
        ctx.save_for_backward(z)
        ctx.slope = FUNCTIONS[name][1]
        return FUNCTIONS[name][0]()(z)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.slope(ctx.saved_tensors[0]), None


class Activation(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, z):
        return Exact.apply(z, self.name)


def chance(depth, n=12):
    draw = torch.Generator().manual_seed(0)
    weights = torch.randn(depth, n, n, generator=draw, dtype=torch.float64)
    pair = torch.randn(2, n, generator=draw, dtype=torch.float64)
    return weights, *pair


def by_torch(weights, x, end, depth, gain, activation, block):
    """Root mean squares of z, ∂L/∂z and ∂L/∂W from modules and probes."""
    n = len(x)
    net = nn.Sequential()
    for matrix in weights[:depth]:
        linear = nn.Linear(n, n, bias=False, dtype=torch.float64)
        linear.weight.data = gain / math.sqrt(n) * matrix
        layer = nn.Sequential(linear, Activation(activation))
        scale = BLOCKS[block]
        net.append(gr.Residual(layer, scale(depth)) if scale else layer)
    with gr.probe(net, nn.Linear) as signals:
        (net(x[None]) @ end).sum().backward()
    sizes = {"signal": [], "message": [], "lesson": []}
    linears = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    for signal, linear in zip(signals, linears, strict=True):
        seen = signal.output, signal.gradient, linear.weight.grad
        for name, values in zip(sizes, seen, strict=True):
            sizes[name].append(values.square().mean().sqrt())
    return {name: torch.stack(values) for name, values in sizes.items()}


def assert_exact(found, wanted):
    """To a billionth of itself, however small."""
    for name, values in wanted.items():
        torch.testing.assert_close(
            torch.tensor(found[name], dtype=torch.float64),
            values,
            rtol=1e-9,
            atol=0,
        )


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("gain", [0.2, 1 / math.sqrt(3), 1.0, 3.0, 12.0])
def test_both_gradients_of_twenty_layers(compute, activation, block, gain):
    weights, x, end = chance(20)
    for depth in (2, 20):
        setting = depth, gain, activation, block
        (found,) = compute(
            "gradients",
            "backprop",
            (weights.flatten().tolist(), x.tolist(), end.tolist(), *setting),
        )
        assert_exact(found, by_torch(weights, x, end, *setting))


def test_a_lesson_is_the_message_times_the_input(compute):
    weights, x, end = chance(3)
    setting = 3, 1.0, "tanh", "plain"
    (found,) = compute(
        "gradients",
        "backprop",
        (weights.flatten().tolist(), x.tolist(), end.tolist(), *setting),
    )
    # for one example the mean square of δhᵀ is that of δ times that of h
    assert_close(
        found["lesson"][0],
        found["message"][0] * x.square().mean().sqrt(),
    )
    delta, h = chance(1)[1:]
    product = gr.weight_gradient(delta[None], h[None])
    assert_close(
        product.square().mean().sqrt(),
        (delta.square().mean() * h.square().mean()).sqrt(),
    )


@pytest.mark.parametrize(
    ("block", "depth", "wanted"),
    [
        ("plain", 20, {"kappa": 1, "identity": 0}),
        ("added", 20, {"kappa": 1, "identity": 1}),
        ("scaled", 25, {"kappa": 0.2, "identity": 1}),
    ],
)
def test_the_blocks(compute, block, depth, wanted):
    assert compute("gradients", "branch", (block, depth)) == [wanted]


def pulled(compute, wanted, numbers, *setting):
    """Pull until the scale rests."""
    gain, before = 1.0, None
    for _ in range(40):
        if gain == before:
            break
        before = gain
        pull = gain, wanted, *numbers, *setting
        (gain,) = compute("gradients", "nearer", pull)
    return gain


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("depth", [5, 20, 40])
def test_pulling_the_message_finds_the_scale(compute, activation, depth):
    weights, x, end = chance(depth, 32)
    numbers = weights.flatten().tolist(), x.tolist(), end.tolist()
    for gain in (0.5, 1.2, 8.0):
        wanted = by_torch(weights, x, end, depth, gain, activation, "plain")
        share = (wanted["message"][0] / wanted["message"][-1]).item()
        setting = depth, activation, "plain"
        found = pulled(compute, share, numbers, *setting)
        back = by_torch(weights, x, end, depth, found, activation, "plain")
        again = (back["message"][0] / back["message"][-1]).item()
        # above 1 a small change of tanh's scale moves the message at random
        smooth = activation != "tanh" or gain < 1
        assert abs(math.log(again / share)) < (0.06 if smooth else 3)


def test_pulling_beyond_the_ends_stops_there(compute):
    weights, x, end = chance(5)
    numbers = weights.flatten().tolist(), x.tolist(), end.tolist()
    for share, gain in ((1e-90, 0.2), (1e90, 12)):
        found = pulled(compute, share, numbers, 5, "relu", "plain")
        assert found == pytest.approx(gain)


@pytest.mark.parametrize(
    ("share", "wanted"),
    [(1e-12, "vanished"), (0.5, "alive"), (3.0, "alive"), (1e5, "exploded")],
)
def test_the_outcome(compute, share, wanted):
    assert compute("gradients", "outcome", (share,)) == [wanted]


def test_the_share_of_layer_1(compute):
    assert compute("gradients", "reach", ([3, 5, 6],)) == [0.5]


def story(compute, n=64, **change):
    """Both outcomes in the network that the explorer draws first."""
    setting = START | change
    count = n * n * 40
    (numbers,) = compute("gradients", "normals", (0, count + 2 * n))
    x, end = numbers[count : count + n], numbers[count + n :]
    numbers = numbers[: n * n * setting["depth"]]
    order = "depth", "gain", "activation", "block"
    (found,) = compute(
        "gradients",
        "backprop",
        (numbers, x, end, *[setting[name] for name in order]),
    )
    shares = [
        found[name][0] / found[name][-1] for name in ("message", "lesson")
    ]
    outcomes = compute("gradients", "outcome", *[(s,) for s in shares])
    return shares, outcomes


def test_the_first_state_has_something_to_repair(compute):
    (heard, _), outcomes = story(compute)
    assert outcomes == ["vanished", "vanished"] and heard < 1e-10
    for cure in (
        {"activation": "tanh"},
        {"block": "added"},
        {"block": "scaled"},
        {"activation": "relu", "gain": math.sqrt(2)},
    ):
        assert story(compute, **cure)[1][0] == "alive", cure


def test_one_gradient_fades_and_one_stays(compute):
    shares, outcomes = story(compute, activation="relu", gain=1 / math.sqrt(3))
    assert outcomes == ["vanished", "alive"] and shares[0] < 1e-5
