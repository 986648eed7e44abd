"""The explorer of the optimizers takes the companion's steps."""

import math

import models
import pytest
import torch
from models import assert_close

from companion import optimizers as op

browser, compute = models.browser, models.compute
FIRST = {
    "product": 1.9, "momentum": 0.95, "rate": 0.2, "tilt": 0, "kappa": 25,
}  # fmt: skip
AT = [-2.3, 1.0]
SETTINGS = [
    FIRST,
    FIRST | {"momentum": 0.0, "rate": 0.02, "tilt": 45},
    FIRST | {"product": 0.05, "momentum": 0.99, "rate": 1.0, "tilt": 17},
    FIRST | {"product": 3.9, "momentum": 0.96, "kappa": 100},
]
RULES = {
    "plain": lambda s: (op.sgd, {"lr": s["product"] / s["kappa"]}),
    "momentum": lambda s: (
        op.sgd,
        {"lr": s["product"] / s["kappa"], "momentum": s["momentum"]},
    ),
    "rms": lambda s: (op.rmsprop, {"lr": s["rate"], "alpha": 0.9}),
    "adam": lambda s: (op.adam, {"lr": s["rate"]}),
}


def valley(tilt, kappa):
    turn = math.radians(tilt)
    c, s = math.cos(turn), math.sin(turn)
    turned = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    return turned @ torch.tensor([1.0, kappa]).double().diag() @ turned.T


def places(racer, settings, steps=60):
    H = valley(settings["tilt"], settings["kappa"])
    rule, options = RULES[racer](settings)
    w, state = torch.tensor(AT, dtype=torch.float64), {}
    found = [w]
    for _ in range(steps):
        w, state = rule(w, H @ w, state, **options)
        found.append(w)
    return torch.stack(found)


@pytest.mark.parametrize("tilt", [0, 17, 45])
def test_the_valley(compute, tilt):
    H = valley(tilt, 25)
    points = [AT, [0.3, -1.2], [5.0, 0.0]]
    w = torch.tensor(points, dtype=torch.float64)
    found = compute("optimizers", "gradient", *[(p, tilt, 25) for p in points])
    assert_close(found, w @ H)
    found = compute("optimizers", "height", *[(p, tilt, 25) for p in points])
    assert_close(found, ((w @ H) * w).sum(1) / 2)


@pytest.mark.parametrize("racer", RULES)
@pytest.mark.parametrize("settings", SETTINGS)
def test_the_racers_take_the_companions_steps(compute, racer, settings):
    (found,) = compute("optimizers", "path", (racer, AT, 60, settings))
    wanted = places(racer, settings)
    scale = wanted.abs().clamp(min=1)  # what explodes is compared by its size
    assert_close(
        torch.tensor(found, dtype=torch.float64) / scale, wanted / scale
    )


@pytest.mark.parametrize("momentum", [0.0, 0.3, 4 / 9, 0.9, 0.99])
def test_the_factor_is_the_larger_eigenvalue(compute, momentum):
    products = [0.05, 0.5, 1.0, 2.7, 4.0]
    found = compute("optimizers", "factor", *[(p, momentum) for p in products])
    sizes = {
        (p, kappa): torch.linalg.eigvals(
            op.iteration_matrix(p / kappa, 1.0, momentum)
        )
        .abs()
        .max()
        .item()
        for p in products
        for kappa in (1, 25)
    }
    assert_close(found, [sizes[p, 1] for p in products])
    found = compute(
        "optimizers", "slowest", *[(p, momentum, 25) for p in products]
    )
    assert_close(found, [max(sizes[p, 1], sizes[p, 25]) for p in products])


def left(compute, settings):
    H = valley(settings["tilt"], settings["kappa"])
    start = torch.tensor(AT, dtype=torch.float64)
    ends = {}
    for racer in RULES:
        (path,) = compute("optimizers", "path", (racer, AT, 60, settings))
        end = torch.tensor(path[-1], dtype=torch.float64)
        ends[racer] = (end @ H @ end / (start @ H @ start)).item()
    return ends


def test_at_first_momentum_comes_in_last_and_less_of_it_wins(compute):
    first = left(compute, FIRST)
    better = left(compute, FIRST | {"momentum": 0.5})
    before, after = compute(
        "optimizers", "standing", (first, 1.9, 0.95), (better, 1.9, 0.5)
    )
    assert before["order"][-1] == "momentum"
    assert after["order"][0] == "momentum"
    assert before["exploded"] == after["exploded"] == "none"
    (path,) = compute("optimizers", "path", ("momentum", AT, 60, FIRST))
    (swings,) = compute("optimizers", "passes", (path, 0))
    along = torch.tensor(path)[:, 0]
    assert swings == (along[1:] * along[:-1] < 0).sum() > 2


@pytest.mark.parametrize(
    ("product", "momentum", "wanted"),
    [(2.05, 0.5, "plain"), (3.05, 0.5, "both"), (2.05, 0.0, "both")],
)
def test_beyond_their_limits_they_explode(compute, product, momentum, wanted):
    settings = FIRST | {"product": product, "momentum": momentum}
    ends = left(compute, settings)
    (found,) = compute("optimizers", "standing", (ends, product, momentum))
    assert found["exploded"] == wanted
    assert ends["plain"] > 1
    assert (ends["momentum"] > 1) == (wanted == "both")


def test_rmsprop_gets_down_and_jumps_up_again(compute):
    (path,) = compute("optimizers", "path", ("rms", AT, 60, FIRST))
    heights = compute("optimizers", "height", *[(w, 0, 25) for w in path])
    low = min(heights) / heights[0]
    again = max(heights[heights.index(min(heights)) :]) / heights[0]
    assert low < 1e-12 < 1e-3 < again
