"""Losses: parity with torch in value and gradient, extreme logits, Huber
regression, bad input, exercises.
"""

import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from exercises import assert_answers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from companion import losses

D = torch.float64
ERRORS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6).map(
    lambda e: torch.tensor(e, dtype=D)
)
LOGITS = st.lists(st.floats(-800, 800), min_size=2, max_size=6).map(
    lambda z: torch.tensor(z, dtype=D)
)
REDUCTIONS = ("mean", "sum", "none")


def draw(*shape, seed=0):
    return 3 * torch.randn(
        *shape, generator=torch.Generator().manual_seed(seed), dtype=D
    )


def classes(*shape, n=5):
    return torch.randint(n, shape, generator=torch.Generator().manual_seed(1))


def assert_same(ours, theirs, input, *rest, **options):
    """Values and gradients agree."""
    results = []
    for loss in (ours, theirs):
        leaf = input.clone().requires_grad_()
        value = loss(leaf, *rest, **options)
        results.append(
            (value.detach(), torch.autograd.grad(value.sum(), leaf)[0])
        )
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(
            mine, reference, rtol=1e-10, atol=1e-14, equal_nan=True
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("huber_loss", {}),
        ("huber_loss", {"delta": 2.5}),
        ("smooth_l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.3}),
        ("smooth_l1_loss", {"beta": 0.0}),
    ],
)
def test_losses_of_a_number_equal_torch(name, options, reduction):
    input, target = draw(4, 3), draw(4, 3, seed=1)
    input[0, 0], input[0, 1], input[0, 2] = (
        target[0, 0],
        target[0, 1] + 1,
        target[0, 2] - 2.5,
    )  # the kinks
    input[1, 1], input[1, 2] = (
        target[1, 1] + 0.2,
        target[1, 2] - 0.1,
    )  # on the parabola
    input[1, 0] = float("nan")
    assert_same(
        getattr(losses, name),
        getattr(F, name),
        input,
        target,
        reduction=reduction,
        **options,
    )


@settings(max_examples=30)
@given(ERRORS, st.floats(1e-2, 1e2))
def test_huber_is_delta_times_smooth_l1(e, delta):
    zero = torch.zeros_like(e)
    ours = delta * losses.smooth_l1_loss(e, zero, beta=delta)
    torch.testing.assert_close(
        losses.huber_loss(e, zero, delta=delta), ours, rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.1}, {"label_smoothing": 1.0}]
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5,), (7, 5), (3, 5, 2, 2)])
def test_cross_entropy_equals_torch(shape, reduction, weighted, options):
    weight = (
        torch.tensor([0.0, 1.0, 2.0, 0.5, 4.0], dtype=D) if weighted else None
    )
    input, target = (
        draw(*shape),
        classes(*(shape[:1] + shape[2:] if len(shape) > 1 else ())),
    )
    target = torch.tensor(3) if len(shape) == 1 else target
    common = {"weight": weight, "reduction": reduction, **options}
    assert_same(losses.cross_entropy, F.cross_entropy, input, target, **common)
    probabilities = draw(*shape, seed=2).softmax(min(1, len(shape) - 1))
    assert_same(
        losses.cross_entropy, F.cross_entropy, input, probabilities, **common
    )
    if len(shape) > 1:
        target.view(-1)[::3] = -100
        assert_same(
            losses.cross_entropy, F.cross_entropy, input, target, **common
        )


def test_cross_entropy_ignores_another_index_and_gives_nan_if_all_are_ignored():
    input, target = draw(6, 5), torch.tensor([0, 2, 1, 2, 4, 3])
    assert_same(
        losses.cross_entropy, F.cross_entropy, input, target, ignore_index=2
    )
    assert losses.cross_entropy(input, torch.full((6,), -100)).isnan()


def test_masked_logits_cost_nothing_where_they_are_not_the_target():
    input = torch.tensor([[1.0, 2.0, -math.inf]], dtype=D)
    assert_same(losses.cross_entropy, F.cross_entropy, input, torch.tensor([1]))


@given(LOGITS)
def test_log_softmax_equals_torch_and_softmax_sums_to_one(z):
    torch.testing.assert_close(
        losses.log_softmax(z), F.log_softmax(z, dim=-1), rtol=1e-10, atol=1e-12
    )
    assert abs(losses.softmax(z).sum().item() - 1) < 1e-12


@given(LOGITS, st.floats(-1e4, 1e4))
def test_softmax_does_not_notice_a_common_offset(z, offset):
    torch.testing.assert_close(
        losses.log_softmax(z + offset),
        losses.log_softmax(z),
        rtol=0,
        atol=1e-10,
    )


@pytest.mark.parametrize("softmax", [losses.softmax, losses.log_softmax])
def test_softmax_of_no_class_is_refused(softmax):
    words = r"input must have a class along dim 1, got shape \(3, 0\)"
    with pytest.raises(ValueError, match=words):
        softmax(torch.ones(3, 0), 1)


def test_log_softmax_keeps_small_gaps_on_a_large_offset():
    z = torch.tensor([[2.0**26, 2.0**26 + 8]])
    assert torch.equal(losses.log_softmax(z), F.log_softmax(z, dim=1))
    assert losses.log_softmax(z)[0, 0] < -8


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_bce_equals_torch(reduction, weighted):
    z, y = draw(6, 4), classes(6, 4, n=2).to(D)
    z[0] = 0.0  # where every weight starts: the gradient is p − y there too
    y[1] = 0.3
    weight = draw(4, seed=2).abs() if weighted else None
    common = {
        "reduction": reduction,
        "pos_weight": draw(4, seed=3).abs() if weighted else None,
    }
    logits = (
        losses.binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
    )
    assert_same(*logits, z, y, weight, **common)


@pytest.mark.parametrize(
    "z", [-1e4, -800.0, -50.0, 0.0, 17.0, 50.0, 800.0, 1e4]
)
@pytest.mark.parametrize("y", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, D])
def test_bce_with_logits_is_right_for_extreme_logits(z, y, dtype):
    leaf = torch.tensor(z, dtype=dtype, requires_grad=True)
    target = torch.tensor(y, dtype=dtype)
    value = losses.binary_cross_entropy_with_logits(leaf, target)
    (slope,) = torch.autograd.grad(value, leaf)
    torch.testing.assert_close(
        value.detach(),
        F.binary_cross_entropy_with_logits(leaf.detach(), target),
    )
    torch.testing.assert_close(slope, leaf.detach().sigmoid() - target)


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_gradients(check):
    z, y = draw(3, 4).requires_grad_(), classes(3, n=4)
    t = classes(3, 4, n=2).to(D)
    assert check(lambda z: losses.cross_entropy(z, y, label_smoothing=0.1), z)
    assert check(
        lambda z: losses.binary_cross_entropy_with_logits(
            z, t, pos_weight=t + 1
        ),
        z,
    )
    assert check(lambda z: losses.sigmoid_focal_loss(z, t), z)
    assert check(lambda z: losses.gaussian_nll_loss(z, t, z.exp()), z)
    assert check(lambda z: losses.quantile_loss(z, t, 0.9), z)
    assert check(
        lambda z: (
            losses.huber_loss(z, t) + losses.smooth_l1_loss(z, t, beta=0.5)
        ),
        z,
    )


@pytest.mark.parametrize(
    "name",
    [
        "mse_loss",
        "huber_loss",
        "binary_cross_entropy_with_logits",
        "cross_entropy",
    ],
)
def test_losses_can_be_mapped_over_models(name):
    loss, z = getattr(losses, name), draw(3, 6, 5)
    y = (
        torch.stack([classes(6)] * 3)
        if name == "cross_entropy"
        else classes(3, 6, 5, n=2).to(D)
    )
    mapped = torch.func.vmap(loss)(z, y)
    torch.testing.assert_close(
        mapped, torch.stack([loss(a, b) for a, b in zip(z, y, strict=True)])
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gaussian_nll_equals_torch(reduction):
    input, target, var = draw(4, 3), draw(4, 3, seed=1), draw(4, 3, seed=2)
    var = var.exp()
    assert_same(
        losses.gaussian_nll_loss,
        F.gaussian_nll_loss,
        input,
        target,
        var,
        reduction=reduction,
    )
    results = []
    for loss in (losses.gaussian_nll_loss, F.gaussian_nll_loss):
        leaf = var.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(input, target, leaf), leaf)
        results.append(slope)
    torch.testing.assert_close(*results, rtol=1e-10, atol=0)


def test_gaussian_nll_is_the_surprise_of_a_normal_distribution():
    y_hat, y, spread = draw(9), draw(9, seed=1), draw(9, seed=2).exp()
    surprise = -torch.distributions.Normal(y_hat, spread).log_prob(y)
    ours = losses.gaussian_nll_loss(y_hat, y, spread.square(), reduction="none")
    constant = math.log(2 * math.pi) / 2
    torch.testing.assert_close(ours, surprise - constant)


@pytest.mark.parametrize("tau", [0.05, 0.5, 0.9])
def test_the_quantile_loss_equals_scikit_learns_and_finds_the_quantile(tau):
    from sklearn.metrics import mean_pinball_loss

    y_hat, y = draw(50), draw(50, seed=1)
    ours = losses.quantile_loss(y_hat, y, tau)
    theirs = mean_pinball_loss(y, y_hat, alpha=tau)
    assert ours.item() == pytest.approx(theirs, rel=1e-12)
    # the best constant is one of the rows, with that share below it
    constants = y.unsqueeze(1).expand(50, 50)
    each = losses.quantile_loss(
        constants, y.expand(50, 50), tau, reduction="none"
    )
    best = y[each.sum(1).argmin()]
    assert (y < best).double().mean() <= tau <= (y <= best).double().mean()
    leaf = torch.tensor([-1.0, 1.0], dtype=D, requires_grad=True)
    loss = losses.quantile_loss(leaf, torch.zeros(2, dtype=D), tau)
    (slope,) = torch.autograd.grad(2 * loss, leaf)
    torch.testing.assert_close(slope, torch.tensor([-tau, 1 - tau], dtype=D))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_is_its_formula_and_finite_for_extreme_logits(gamma):
    z, y = draw(6, 4), classes(6, 4, n=2).to(D)
    p = z.sigmoid()
    right = torch.where(y == 1, p, 1 - p)
    torch.testing.assert_close(
        losses.sigmoid_focal_loss(z, y, gamma=gamma, reduction="none"),
        -((1 - right) ** gamma) * right.log(),
        rtol=1e-10,
        atol=1e-14,
    )
    far = torch.tensor([1e4, -1e4, 40.0], dtype=D, requires_grad=True)
    loss = losses.sigmoid_focal_loss(
        far, torch.tensor([0.0, 0.0, 1.0], dtype=D), gamma=gamma
    )
    (slope,) = torch.autograd.grad(loss, far)
    assert loss.isfinite() and slope.isfinite().all()


def test_focal_loss_without_gamma_is_cross_entropy():
    z, y = draw(6, 4), classes(6, 4, n=2).to(D)
    torch.testing.assert_close(
        losses.sigmoid_focal_loss(z, y, gamma=0),
        F.binary_cross_entropy_with_logits(z, y),
    )


@pytest.mark.parametrize("c", [1.0, 9.0, 49.0])
def test_pos_weight_multiplies_the_odds(c):
    n = 50  # one yes
    best = torch.tensor(math.log(c / (n - 1)), dtype=D, requires_grad=True)
    rows = torch.tensor([1.0] + (n - 1) * [0.0], dtype=D)
    loss = losses.binary_cross_entropy_with_logits(
        best.expand(n), rows, pos_weight=torch.tensor(c, dtype=D)
    )
    assert abs(torch.autograd.grad(loss, best)[0]) < 1e-12


def test_the_brier_score_is_that_of_scikit_learn():
    from sklearn.metrics import brier_score_loss

    q, y = draw(40, 2).softmax(1), classes(40, n=2)
    ours = losses.brier_score(q, y)
    theirs = 2 * brier_score_loss(y.numpy(), q[:, 1].numpy())
    assert ours.item() == pytest.approx(theirs, rel=1e-12)
    many = losses.brier_score(draw(4, 30, 5).softmax(-1), classes(4, 30))
    wanted = [
        losses.brier_score(q, y)
        for q, y in zip(draw(4, 30, 5).softmax(-1), classes(4, 30), strict=True)
    ]
    torch.testing.assert_close(many, torch.stack(wanted).mean())


def test_the_temperature_has_the_least_cross_entropy():
    z, y = draw(2, 200, 5), classes(2, 200)
    z = z + 2 * F.one_hot(y, 5)
    found = losses.fit_temperature(z, y)
    for logits, label, T in zip(z, y, found, strict=True):
        leaf = T.clone().requires_grad_()
        loss = F.cross_entropy(logits / leaf, label)
        assert abs(torch.autograd.grad(loss, leaf)[0]) < 1e-12
        for other in (0.99 * T, 1.01 * T):
            assert F.cross_entropy(logits / other, label) > loss
    # a model that is right is left as it is, made three times as sure or not
    chance = torch.Generator().manual_seed(7)
    label = torch.multinomial(draw(20_000, 5).softmax(1), 1, generator=chance)
    for sure in (1.0, 3.0):
        T = losses.fit_temperature(sure * draw(20_000, 5), label[:, 0])
        assert T.item() == pytest.approx(sure, rel=0.05)


def test_the_floor_is_reached_by_certainty_and_by_nothing_else():
    certain = 1000 * torch.eye(10, dtype=D)
    floor = losses.double_softmax_floor(10)
    assert losses.cross_entropy(
        certain.softmax(1), torch.arange(10)
    ).item() == pytest.approx(floor, rel=1e-12)
    assert (
        losses.cross_entropy(draw(50, 10).softmax(1), classes(50)).item()
        > floor
    )


@pytest.mark.parametrize(
    ("k", "smoothing"), [(2, 0.1), (10, 0.1), (10, 0.5), (5, 1.0)]
)
def test_the_gradient_vanishes_at_the_smoothing_gap(k, smoothing):
    z = torch.zeros(1, k, dtype=D)
    z[0, 0] = losses.smoothing_gap(k, smoothing)
    z.requires_grad_()
    (slope,) = torch.autograd.grad(
        F.cross_entropy(z, torch.tensor([0]), label_smoothing=smoothing), z
    )
    assert slope.abs().max() < 1e-12


@pytest.mark.parametrize("delta", [0.1, 1.0, 1e3])
def test_huber_regression_stands_where_the_gradient_vanishes(delta):
    X, y = draw(2, 40, 3), draw(2, 40, seed=5)
    w = losses.huber_regression(X, y, delta, steps=800).requires_grad_()
    predicted = (X @ w.unsqueeze(-1)).squeeze(-1)
    (slope,) = torch.autograd.grad(F.huber_loss(predicted, y, delta=delta), w)
    assert slope.abs().max() < 1e-8
    alone = losses.huber_regression(X[1], y[1], delta, steps=800)
    torch.testing.assert_close(w[1].detach(), alone, rtol=1e-8, atol=1e-10)


def test_huber_regression_has_least_squares_and_the_median_at_its_ends():
    X, y = draw(41, 3), draw(41, seed=6)
    torch.testing.assert_close(
        losses.huber_regression(X, y, 1e9),
        torch.linalg.lstsq(X, y.unsqueeze(1))[0][:, 0],
    )
    centre = losses.huber_regression(
        torch.ones(41, 1, dtype=D), y, 1e-4, steps=500
    )
    assert abs(centre.item() - y.median().item()) < 1e-3


Z, Y, C = (
    torch.zeros(3, 2),
    torch.zeros(3, 2),
    torch.zeros(3, dtype=torch.int64),
)
BCE = losses.binary_cross_entropy_with_logits
BAD = {
    "input a list": (
        lambda: losses.mse_loss([1.0], Y),
        TypeError,
        "floating-point numbers, got list",
    ),
    "target a number": (
        lambda: losses.l1_loss(Z, 1.0),
        TypeError,
        "target must be a torch.Tensor, got float",
    ),
    "target bool": (
        lambda: BCE(Z, Y > 0),
        TypeError,
        "target must hold real numbers, got torch.bool",
    ),
    "target complex": (
        lambda: losses.mse_loss(Z, Y + 1j),
        TypeError,
        "target must hold real numbers, got torch.compl",
    ),
    "input int": (
        lambda: losses.mse_loss(C, C),
        TypeError,
        "floating-point numbers, got torch.int64",
    ),
    "broadcast": (
        lambda: losses.mse_loss(Z[:, :1], Y[:, 0]),
        ValueError,
        r"got \(3, 1\) and \(3,\); nothing is",
    ),
    "broadcast bce": (
        lambda: BCE(Z[:, :1], Y[:, 0]),
        ValueError,
        "must have the same shape",
    ),
    "reduction": (
        lambda: losses.mse_loss(Z, Y, reduction="avg"),
        ValueError,
        "'mean', 'sum' or 'none', got 'avg'",
    ),
    "delta": (
        lambda: losses.huber_loss(Z, Y, delta=0.0),
        ValueError,
        "delta must be finite and above 0, got 0.0",
    ),
    "delta NaN": (
        lambda: losses.huber_loss(Z, Y, delta=math.nan),
        ValueError,
        "finite and above 0, got nan",
    ),
    "delta a word": (
        lambda: losses.huber_loss(Z, Y, delta="1"),
        TypeError,
        "delta must be a number, got str",
    ),
    "beta": (
        lambda: losses.smooth_l1_loss(Z, Y, beta=-1),
        ValueError,
        "beta must be finite and at least 0, got -1",
    ),
    "variance": (
        lambda: losses.gaussian_nll_loss(Z, Y, Y[:, :1]),
        ValueError,
        "var must have shape",
    ),
    "tau": (
        lambda: losses.quantile_loss(Z, Y, 90),
        ValueError,
        r"tau must be in \(0, 1\], got 90",
    ),
    "gamma": (
        lambda: losses.sigmoid_focal_loss(Z, Y, gamma=-1),
        ValueError,
        "gamma must be finite and at least 0, got -1",
    ),
    "focal shape": (
        lambda: losses.sigmoid_focal_loss(Z[:, :1], Y[:, 0]),
        ValueError,
        "must have the same shape",
    ),
    "brier shape": (
        lambda: losses.brier_score(Z, C[:2]),
        ValueError,
        r"input must be \(…, N, K\) and target \(…, N\), got \(3, 2\) and",
    ),
    "brier type": (
        lambda: losses.brier_score(Z, Y[:, 0]),
        TypeError,
        "target must hold int64 classes, got torch.float32",
    ),
    "temperature": (
        lambda: losses.fit_temperature(Z[0], C[0]),
        ValueError,
        r"\(…, N, K\) and target",
    ),
    "temperature steps": (
        lambda: losses.fit_temperature(Z, C, steps=0),
        ValueError,
        "steps must be at least 1, got 0",
    ),
    "bce weight": (
        lambda: BCE(Z, Y, torch.ones(3)),
        ValueError,
        r"weight must broadcast to the shape \(3, 2\), got",
    ),
    "pos_weight": (
        lambda: BCE(Z, Y, pos_weight=2.0),
        TypeError,
        "pos_weight must be a torch.Tensor, got float",
    ),
    "class type": (
        lambda: losses.cross_entropy(Z, C.int()),
        TypeError,
        "int64 classes or floating-point",
    ),
    "class shape": (
        lambda: losses.cross_entropy(Z, C[:2]),
        ValueError,
        r"classes of shape \(3,\), got \(2,\)",
    ),
    "probabilities": (
        lambda: losses.cross_entropy(Z, Y[:, :1]),
        ValueError,
        r"probabilities of shape \(3, 2\), got",
    ),
    "class weight": (
        lambda: losses.cross_entropy(Z, C, torch.ones(3)),
        ValueError,
        r"shape \(2,\), one per class",
    ),
    "no classes": (
        lambda: losses.cross_entropy(Z[0, 0], C[0]),
        ValueError,
        "must have a dimension of classes",
    ),
    "smoothing": (
        lambda: losses.cross_entropy(Z, C, label_smoothing=2),
        ValueError,
        r"in \[0, 1\], got 2",
    ),
    "softmax": (
        lambda: losses.softmax(C),
        TypeError,
        "input must be a tensor of floating-point numbers",
    ),
    "floor": (
        lambda: losses.double_softmax_floor(1),
        ValueError,
        "num_classes must be at least 2, got 1",
    ),
    "gap": (
        lambda: losses.smoothing_gap(10, 0),
        ValueError,
        r"label_smoothing must be in \(0, 1\], got 0",
    ),
    "regression": (
        lambda: losses.huber_regression(Z, Y),
        ValueError,
        r"X must be \(…, n, d\) and y \(…, n\)",
    ),
    "regression NaN": (
        lambda: losses.huber_regression(Z / 0, Y[:, 0]),
        ValueError,
        "X must be finite",
    ),
    "steps": (
        lambda: losses.huber_regression(Z, Y[:, 0], steps=0),
        ValueError,
        "steps must be at least 1, got 0",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_sentence(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


def test_a_class_that_does_not_exist_is_an_error():
    with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
        losses.cross_entropy(Z, C + 2)


def test_torch_warns_where_the_companion_refuses():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        F.mse_loss(torch.zeros(3, 1), torch.zeros(3))
    assert "broadcasting" in str(caught[0].message)


def log_of_softmax(z, y):
    return -z.softmax(1).gather(1, y.unsqueeze(1)).log().mean()


def exponentials(z, y):
    return (
        -(z.exp() / z.exp().sum(1, keepdim=True))
        .gather(1, y.unsqueeze(1))
        .log()
        .mean()
    )


def sigmoid_first(z, y):
    p = z.sigmoid()
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


def added(z, y):
    return -(z.softmax(1)[range(len(y)), y] + 1e-12).log().mean()


def clamped(z, y):
    return F.nll_loss(z.softmax(1).clamp(1e-7, 1 - 1e-7).log(), y)


def bce_added(z, y):
    p, e = z.sigmoid(), 1e-8
    return -(y * (p + e).log() + (1 - y) * (1 - p + e).log()).mean()


def bce_clamped(z, y):
    p = z.sigmoid().clamp(1e-6, 1 - 1e-6)
    return F.binary_cross_entropy(p, y)


ce, bce = losses.check_cross_entropy, losses.check_bce_with_logits
quantile = losses.check_quantile_loss
hand = losses.check_smooth_l1_by_hand
EXERCISES = {
    "ce, right": (
        ce,
        lambda z, y: (
            z.logsumexp(1) - z.gather(1, y.unsqueeze(1)).squeeze(1)
        ).mean(),
        "Right",
    ),
    "ce, torch": (ce, F.cross_entropy, "write the formula yourself"),
    "ce, stub": (ce, lambda z, y: None, "write its body"),
    "ce, twice": (
        ce,
        lambda z, y: F.cross_entropy(z.softmax(1), y),
        "softmax is taken twice",
    ),
    "ce, exp": (ce, exponentials, "large logits overflow"),
    "ce, exp in the log": (
        ce,
        lambda z, y: (z.exp().sum(1).log() - z[range(len(y)), y]).mean(),
        "log-sum-exp overflows",
    ),
    "ce, log of 0": (ce, log_of_softmax, "a probability that rounds to 0"),
    "ce, added": (
        ce,
        added,
        "log(p + 1e-12), or p clamped there, hides an error",
    ),
    "ce, clamped": (ce, clamped, "p clamped"),
    "bce, added": (
        bce,
        bce_added,
        "log(p + 1e-08), or p clamped there, hides an error",
    ),
    "bce, clamped": (bce, bce_clamped, "p clamped"),
    "quantile, right": (
        quantile,
        lambda y_hat, y, tau: torch.maximum(
            tau * (y - y_hat), (tau - 1) * (y - y_hat)
        ).mean(),
        "Right",
    ),
    "quantile, the companion": (
        quantile,
        lambda y_hat, y, tau: losses.quantile_loss(y_hat, y, tau),
        "write the formula yourself",
    ),
    "quantile, stub": (quantile, lambda y_hat, y, tau: None, "write its body"),
    "quantile, swapped": (
        quantile,
        lambda y_hat, y, tau: losses.quantile_loss(y, y_hat, tau),
        "the sides are swapped",
    ),
    "quantile, half": (
        quantile,
        lambda y_hat, y, tau: (y_hat - y).abs().mean() / 2,
        "half the absolute error",
    ),
    "quantile, minimum": (
        quantile,
        lambda y_hat, y, tau: torch.minimum(
            tau * (y - y_hat), (tau - 1) * (y - y_hat)
        ).mean(),
        "the larger of the two slopes",
    ),
    "quantile, sum": (
        quantile,
        lambda y_hat, y, tau: losses.quantile_loss(
            y_hat, y, tau, reduction="sum"
        ),
        "the mean over the rows",
    ),
    "ce, sign": (ce, lambda z, y: -F.cross_entropy(z, y), "mind the sign"),
    "ce, sum": (
        ce,
        lambda z, y: F.cross_entropy(z, y, reduction="sum"),
        "the mean over the rows, not the sum",
    ),
    "ce, rows": (
        ce,
        lambda z, y: F.nll_loss(z.log_softmax(0), y),
        "normalises over the rows",
    ),
    "ce, all": (
        ce,
        lambda z, y: -z.log_softmax(1).mean(),
        "averages over all entries",
    ),
    "bce, right": (bce, lambda z, y: (F.softplus(z) - y * z).mean(), "Right"),
    "bce, torch": (
        bce,
        F.binary_cross_entropy_with_logits,
        "write the formula yourself",
    ),
    "bce, stub": (bce, lambda z, y: ..., "write its body"),
    "bce, sigmoid": (bce, sigmoid_first, "the sigmoid rounds to 0 or 1"),
    "bce, cut": (
        bce,
        lambda z, y: F.binary_cross_entropy(z.sigmoid(), y),
        "cut at −100",
    ),
    "bce, exp": (
        bce,
        lambda z, y: (
            y * (1 + (-z).exp()).log() + (1 - y) * (1 + z.exp()).log()
        ).mean(),
        "exp(200) overflows",
    ),
    "bce, exp once": (
        bce,
        lambda z, y: ((1 - y) * z + (1 + (-z).exp()).log()).mean(),
        "exp(200) overflows",
    ),
    "bce, log1p": (
        bce,
        lambda z, y: ((1 - y) * z + (-z).exp().log1p()).mean(),
        "exp(200) overflows",
    ),
    "bce, swapped": (bce, lambda z, y: BCE(-z, y), "the two cases are swapped"),
    "bce, yes only": (
        bce,
        lambda z, y: (y * F.softplus(-z)).mean(),
        "a no counts as well",
    ),
    "bce, sum": (
        bce,
        lambda z, y: (F.softplus(z) - y * z).sum(),
        "the mean over the entries",
    ),
    "bce, sign": (
        bce,
        lambda z, y: (y * z - F.softplus(z)).mean(),
        "mind the sign",
    ),
    "bce, twice": (
        bce,
        lambda z, y: BCE(z.sigmoid(), y),
        "the sigmoid is applied twice",
    ),
    "hand, right": (hand, 2, "Right"),
    "hand, stub": (hand, ..., "put your number"),
    "hand, huber": (hand, 4.0, "the Huber loss with δ = 2"),
    "hand, quadratic": (hand, 2.25, "the quadratic branch"),
    "hand, one": (hand, 2.5, "the answer for β = 1"),
    "hand, absolute": (hand, 3, "the absolute error"),
    "hand, half square": (hand, 4.5, "half the square"),
    "hand, square": (hand, 9, "that is the square"),
    "hand, whole beta": (hand, 1, "half of β, not β"),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_answer_back(name, capsys):
    assert_answers(*EXERCISES[name], capsys)


@pytest.mark.parametrize("name", ["huber_loss", "smooth_l1_loss"])
@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float16, 40000.0), (torch.float32, 2e38)]
)
def test_far_errors_have_a_gradient(name, dtype, error):
    x = torch.tensor([error], dtype=dtype, requires_grad=True)
    getattr(losses, name)(x, torch.zeros_like(x)).backward()
    assert x.grad.item() == 1.0


def test_a_weight_of_yes_leaves_a_no_alone():
    z = torch.tensor([-40000.0], dtype=torch.float16)
    weight = torch.tensor([3.0], dtype=torch.float16)
    no = torch.zeros_like(z)
    assert (
        losses.binary_cross_entropy_with_logits(z, no, pos_weight=weight) == 0
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sums_of_half_precision_are_taken_in_float32(dtype):
    many = torch.zeros(70_000, dtype=dtype)
    wanted = torch.tensor(math.log(70_000), dtype=dtype)
    assert -losses.log_softmax(many)[0] == wanted
    z = torch.tensor([[0.0, 7.0, 7.03]], dtype=dtype)
    torch.testing.assert_close(
        losses.softmax(z), F.softmax(z.double(), -1).to(dtype), rtol=0, atol=0
    )
    rows = torch.zeros(70_000, 2, dtype=dtype)
    value = losses.cross_entropy(rows, torch.zeros(70_000, dtype=torch.int64))
    assert value == torch.tensor(math.log(2), dtype=dtype)
    assert value.dtype == dtype


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_takes_a_type(name):
    z = draw(3, 4).half()
    found = getattr(losses, name)(z, 0, dtype=torch.float64)
    wanted = getattr(F, name)(z, 0, dtype=torch.float64)
    torch.testing.assert_close(found, wanted)


def test_classes_may_be_small_ints():
    z, y = draw(7, 5), classes(7)
    assert losses.cross_entropy(z, y.to(torch.uint8)) == losses.cross_entropy(
        z, y
    )


def test_no_class_is_ignored_beside_probabilities():
    z = draw(7, 5)
    with pytest.raises(
        ValueError, match=r"^ignore_index must be negative .*, got 1$"
    ):
        losses.cross_entropy(z, z.softmax(1), ignore_index=1)
