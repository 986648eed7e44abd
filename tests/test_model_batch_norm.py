"""The explorer of batch normalization trains what torch trains, through the
companion's layers.
"""

import itertools
import math

import models
import pytest
import torch
import torch.nn.functional as F
from models import assert_close

from companion import batch_norm as bn
from companion import data

browser, compute = models.browser, models.compute
SIZES = [16, 8, 8, 8, 8, 8, 4]
NETWORKS = {
    "relu": (torch.relu, None),
    "reluBatch": (torch.relu, "batch"),
    "sigmoid": (torch.sigmoid, None),
    "sigmoidLayer": (torch.sigmoid, "layer"),
    "sigmoidBatch": (torch.sigmoid, "batch"),
}
RATES = [10 ** (k / 12) for k in range(-24, 13)]
START, SEED = 1.0, 2


def numbers(value):
    return torch.tensor(value, dtype=torch.float64)


def images(compute):
    (found,) = compute("batch_norm", "digits", ())
    return numbers(found["X"]).reshape(40, 16), torch.tensor(found["y"])


def forward(name, x, W, shifts, scales):
    activation, norm = NETWORKS[name]
    for weights, scale, shift in zip(W, scales, shifts, strict=False):
        x = x @ weights.T
        if norm == "batch":
            x = bn.batch_norm(x, None, None, scale, shift, training=True)
        elif norm == "layer":
            x = bn.layer_norm(x, scale.shape, scale, shift)
        else:
            x = x + shift
        x = activation(x)
    return x @ W[-1].T + shifts[-1]


def losses(name, chance, X, y, rate, steps):
    """Train the same network with autograd."""
    shapes = [(b, a) for a, b in itertools.pairwise(SIZES)]
    parts = chance.split([b * a for b, a in shapes])
    W = [
        each.reshape(b, a) * math.sqrt((1 if b == SIZES[-1] else 2) / a)
        for each, (b, a) in zip(parts, shapes, strict=True)
    ]
    shifts = [torch.zeros(b, dtype=torch.float64) for b, _ in shapes]
    scales = [torch.ones(b, dtype=torch.float64) for b, _ in shapes[:-1]]
    params = [p.requires_grad_() for p in (*W, *shifts, *scales)]
    found = []
    for _ in range(steps + 1):
        loss = F.cross_entropy(forward(name, X, W, shifts, scales), y)
        found.append(loss.item())
        gradients = torch.autograd.grad(loss, params, allow_unused=True)
        with torch.no_grad():
            for p, g in zip(params, gradients, strict=True):
                if g is not None:
                    p -= rate * g
    return found


def test_the_images_are_the_first_digits_from_0_to_3(compute):
    X, y = images(compute)
    rows = torch.as_tensor(data._read_digits())
    rows = rows[rows[:, -1] < 4][:40]
    blocks = rows[:, :-1].reshape(40, 4, 2, 4, 2).mean((2, 4))
    assert_close(X, blocks.floor().reshape(40, 16) / 8 - 1)
    assert y.tolist() == rows[:, -1].tolist()


@pytest.mark.parametrize("name", NETWORKS)
def test_training_equals_torchs(compute, name):
    X, y = images(compute)
    (count,) = compute("batch_norm", "need", ())
    assert count == sum(a * b for a, b in itertools.pairwise(SIZES))
    chance = torch.randn(
        count, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    rates = [0.01, 0.1, 1.0, 3.0]
    found = compute(
        "batch_norm", "train", *[(name, chance.tolist(), r, 8) for r in rates]
    )
    for rate, curve in zip(rates, found, strict=True):
        assert_close(curve, losses(name, chance, X, y, rate, 8))


def test_the_verdict(compute):
    half = math.log(4) / 2
    found = compute("batch_norm", "lives", (half - 1e-9,), (half + 1e-9,))
    assert found == [True, False]
    assert compute("batch_norm", "lives", (math.nan,)) == [False]


def test_the_story_of_the_first_weights(compute):
    """At the start two live; somewhere three do; two never do."""
    (count,) = compute("batch_norm", "need", ())
    (chance,) = compute("batch_norm", "normals", (SEED, count))
    living = {rate: set() for rate in RATES}
    for name in NETWORKS:
        curves = compute(
            "batch_norm", "train", *[(name, chance, r, 80) for r in RATES]
        )
        ends = [(curve[-1],) for curve in curves]
        alive = compute("batch_norm", "lives", *ends)
        for rate, yes in zip(RATES, alive, strict=True):
            if yes:
                living[rate].add(name)
    assert living[START] == {"reluBatch", "sigmoidBatch"}
    assert {"relu", "reluBatch", "sigmoidBatch"} in living.values()
    assert not set.union(*living.values()) & {"sigmoid", "sigmoidLayer"}
