"""The explorer of augmentation computes what the companion computes."""

import models
import pytest
import torch
import torch.nn.functional as F
from models import assert_close

from companion import augmentation as aug
from companion import data

browser, compute = models.browser, models.compute
DIGITS = data.digits(0, dtype=torch.float64).X_test[:3].unflatten(1, (8, 8))


@pytest.mark.parametrize("degrees", [-60, 0, 5, 90])
@pytest.mark.parametrize(
    ("right", "down"), [(0, 0), (1, 0), (-2, 0.25), (0.6, -1.3)]
)
def test_a_digit_is_moved_and_turned(compute, right, down, degrees):
    found = compute(
        "augmentation",
        "moved",
        *[(x.flatten().tolist(), right, down, degrees) for x in DIGITS],
    )
    phi = torch.deg2rad(torch.tensor(float(degrees), dtype=torch.float64))
    turn = torch.stack([phi.cos(), phi.sin(), -phi.sin(), phi.cos()])
    wanted = aug.affine(DIGITS, turn.reshape(2, 2), right, down)
    assert_close(found, wanted.flatten(1))
    if (right, down) == (0, 0):
        assert_close(found, aug.rotate(DIGITS, degrees).flatten(1))
    if degrees == 0:
        assert_close(found, aug.shift(DIGITS, right, down).flatten(1))


def test_noise_is_added(compute):
    chance = torch.Generator().manual_seed(3)
    wanted = aug.add_noise(DIGITS[0].flatten(), 0.4, chance)
    again = torch.Generator().manual_seed(3)
    numbers = torch.randn(64, generator=again, dtype=torch.float64)
    (found,) = compute(
        "augmentation",
        "noisy",
        (DIGITS[0].flatten().tolist(), numbers.tolist(), 0.4),
    )
    assert_close(found, wanted)


@pytest.mark.parametrize("size", [0.1, 1.0, 30.0])
def test_the_opinion_of_a_network(compute, size):
    chance = torch.Generator().manual_seed(0)
    W1, b1, W2, b2 = (
        size * torch.randn(*shape, generator=chance, dtype=torch.float64)
        for shape in ((64, 64), (64,), (10, 64), (10,))
    )
    network = [each.tolist() for each in (W1, b1, W2, b2)]
    X = DIGITS.flatten(1)
    found = compute(
        "augmentation", "opinion", *[(network, x.tolist()) for x in X]
    )
    hidden = F.relu(F.linear(X, W1, b1))
    logits = F.linear(hidden, W2, b2)
    assert_close(found, logits.softmax(1))
    answers = compute("augmentation", "answer", *[(p,) for p in found])
    assert answers == logits.argmax(1).tolist()


def test_a_drawing_is_counted_as_the_data_were(compute):
    chance = torch.Generator().manual_seed(0)
    dots = (torch.rand(32, 32, generator=chance) < 0.3).double()
    (found,) = compute("augmentation", "counted", (dots.flatten().tolist(),))
    wanted = F.avg_pool2d(dots[None, None], 4)
    assert_close(found, wanted.flatten())


@pytest.mark.parametrize(
    ("start", "end"),
    [((4.2, 5.0), (20.0, 27.3)), ((9.5, 9.5), (9.5, 9.5)), ((0, 31), (40, 2))],
)
def test_a_pen_blackens_what_it_touches(compute, start, end):
    blank = torch.zeros(32, 32, dtype=torch.float64)
    blank[0, 31] = 1  # what is black stays black
    (found,) = compute(
        "augmentation", "stroke", (blank.flatten().tolist(), start, end)
    )
    a, b = (torch.tensor(p, dtype=torch.float64) for p in (start, end))
    middle = torch.arange(32, dtype=torch.float64) + 0.5
    dots = torch.cartesian_prod(middle, middle).flip(1)
    steps = torch.linspace(0, 1, 4001, dtype=torch.float64).unsqueeze(1)
    away = torch.cdist(dots, a + steps * (b - a)).min(1).values
    surely = (away - 1.6).abs() > 0.01
    wanted = (away <= 1.6).double()
    wanted[31] = 1
    assert surely.sum() > 1000
    assert_close(torch.tensor(found)[surely], wanted[surely])


@pytest.mark.parametrize(
    ("first", "second", "digit", "wanted"),
    [
        (3, 3, 3, "both"),
        (8, 3, 3, "second"),
        (3, 8, 3, "first"),
        (5, 8, 3, "neither"),
        (5, 5, None, "agree"),
        (5, 8, None, "differ"),
    ],
)
def test_the_verdict(compute, first, second, digit, wanted):
    assert compute("augmentation", "outcome", (first, second, digit)) == [
        wanted
    ]
