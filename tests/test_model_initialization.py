"""The explorer of initialization computes what the companion computes."""

import math

import models
import pytest
import torch
from models import assert_close

from companion import initialization

browser, compute = models.browser, models.compute
SIGMAS = [0.2, 1 / math.sqrt(3), 1.0, math.sqrt(2), 2.5, 4.0]
FUNCTIONS = {"linear": lambda z: z, "relu": torch.relu, "tanh": torch.tanh}


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_the_next_variance(compute, activation):
    grid = [(v, s) for v in (1e-6, 0.3, 1.0, 7.0, 16.0) for s in SIGMAS]
    found = compute(
        "initialization",
        "nextVariance",
        *[(v, activation, s) for v, s in grid],
    )
    assert_close(
        found,
        [
            initialization.next_variance(v, FUNCTIONS[activation], s**2)
            for v, s in grid
        ],
    )


def correlation(c, v, phi, points=6001):
    """E φ(z)φ(z′) / E φ(z)² by a sum over a grid, for c below 1."""
    z = torch.linspace(-9, 9, points, dtype=torch.float64)
    weight = torch.exp(-z.square() / 2)
    z_in = z[:: (points - 1) // 600]
    inner = torch.exp(-z_in.square() / 2)
    inner = inner / inner.sum()
    outer = weight / weight.sum()
    other = c * z[:, None] + math.sqrt(1 - c * c) * z_in
    first, second = phi(math.sqrt(v) * z), phi(math.sqrt(v) * other) @ inner
    return (outer * first * second).sum() / (outer * first.square()).sum()


@pytest.mark.parametrize("v", [1e-4, 0.5, 3.0, 16.0])
@pytest.mark.parametrize("c", [0.0, 0.1, 0.5, 0.8])
def test_the_next_correlation_of_tanh(compute, c, v):
    (found,) = compute("initialization", "nextCorrelation", (c, v, "tanh"))
    assert_close(found, correlation(c, v, torch.tanh))


def test_the_next_correlation_of_a_line_and_of_relu(compute):
    cosines = [0.0, 0.3, 0.9, 1.0]
    found = compute(
        "initialization", "nextCorrelation", *[(c, 2, "relu") for c in cosines]
    )
    # over the angle φ of the plane: ∫ max(0, cos φ) max(0, cos(φ − θ)) dφ
    for c, value in zip(cosines, found, strict=True):
        turn = math.acos(c)
        edges = (turn - math.pi / 2, math.pi / 2)
        phi = torch.linspace(*edges, 200_001, dtype=torch.float64)
        product = phi.cos() * (phi - turn).cos()
        assert_close(value, torch.trapezoid(product, phi) / (math.pi / 2))
    found = compute("initialization", "nextCorrelation", (0.3, 2, "linear"))
    assert found == [0.3]


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_signal_of_twenty_layers(compute, activation, sigma):
    n, depth, chance = 16, 20, torch.Generator().manual_seed(0)
    weights = torch.randn(depth, n, n, generator=chance, dtype=torch.float64)
    numbers = torch.randn(2 * n, generator=chance, dtype=torch.float64)
    (pair,) = compute("initialization", "inputs", (numbers.tolist(), 0.5))
    pair = torch.tensor(pair, dtype=torch.float64)
    assert_close(pair.square().mean(dim=1), [1, 1])
    assert_close((pair[0] * pair[1]).mean(), 0.5)
    layers = []
    for matrix in weights:
        linear = torch.nn.Linear(n, n, bias=False, dtype=torch.float64)
        linear.weight.data = sigma / math.sqrt(n) * matrix
        act = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}
        layers += [linear, act.get(activation, torch.nn.Identity)()]
    with torch.no_grad():
        kept = initialization.preactivations(torch.nn.Sequential(*layers), pair)
    z = torch.stack([pair, *kept])
    (found,) = compute(
        "initialization",
        "signal",
        (weights.flatten().tolist(), pair.tolist(), depth, sigma, activation),
    )
    sizes = z.square().mean(dim=2).sqrt().T
    torch.testing.assert_close(
        torch.tensor(found["sizes"], dtype=torch.float64),
        sizes,
        rtol=1e-9,
        atol=0,
    )
    cosines = torch.nn.functional.cosine_similarity(
        *z.transpose(0, 1), eps=1e-300
    )
    assert_close(found["cosines"], cosines)


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_the_theory_and_its_inverse(compute, activation):
    for sigma in (0.8, 1.3):
        (found,) = compute(
            "initialization", "theory", (12, sigma, activation, 0.5)
        )
        v = list(torch.tensor([1, sigma**2], dtype=torch.float64))
        c = [0.5, 0.5]
        for _ in range(11):
            (each,) = compute(
                "initialization",
                "nextCorrelation",
                (c[-1], v[-1].item(), activation),
            )
            c.append(each)
            v.append(
                initialization.next_variance(
                    v[-1], FUNCTIONS[activation], sigma**2
                )
            )
        assert_close(found["sizes"], torch.stack(v).sqrt())
        assert_close(found["cosines"], c)
        size = found["sizes"][-1]
        (back,) = compute("initialization", "sigmaFor", (size, 12, activation))
        assert back == pytest.approx(sigma, rel=1e-3)


def test_chance_is_normal_and_the_same_everywhere(compute):
    first, again, other = compute(
        "initialization", "normals", (1, 20_000), (1, 20_000), (2, 20_000)
    )
    assert first == again != other
    x = torch.tensor(first, dtype=torch.float64)
    for power, wanted, spread in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        error = (x**power).mean() - wanted
        assert error.abs() < 4 * math.sqrt(spread / len(x))


@pytest.mark.parametrize(
    ("size", "cosine", "wanted"),
    [
        (1e-9, 0.99, {"size": "shrunk", "pair": "one"}),
        (1e9, 0.0, {"size": "grown", "pair": "torn"}),
        (1.0, 0.5, {"size": "alive", "pair": "two"}),
    ],
)
def test_the_verdict(compute, size, cosine, wanted):
    assert compute("initialization", "outcome", (size, cosine)) == [wanted]
