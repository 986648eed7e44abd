"""Gradient descent: paths, limits, noise and curvature against closed forms and
torch; bad input; every exercise.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from exercises import assert_answers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from companion import gradient_descent as gd
from companion.training import seeded_model

CURVATURE = torch.tensor([0.5, 2.0, 10.0], dtype=torch.float64)
ONES = torch.ones(3, dtype=torch.float64)
POSITIVE = st.floats(0.1, 10)


def draw(*shape, seed=0):
    return torch.randn(
        *shape,
        generator=torch.Generator().manual_seed(seed),
        dtype=torch.float64,
    )


def bowl(w):
    return (CURVATURE * w.square()).sum() / 2


def test_descent_equals_torch_sgd_over_100_steps():
    def valley(w):
        return (1 - w[0]) ** 2 + 10 * (w[1] - w[0] ** 2) ** 2

    path = gd.gradient_descent(
        valley,
        torch.tensor([-0.5, 1.0], dtype=torch.float64),
        lr=0.01,
        steps=100,
    )
    w = torch.tensor([-0.5, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.01)
    for step in range(101):
        torch.testing.assert_close(path[step], w.detach(), rtol=1e-10, atol=0)
        optimizer.zero_grad()
        valley(w).backward()
        optimizer.step()


@pytest.mark.parametrize("lr", [0.0, 0.05, 0.15, 0.19, 0.21])
def test_the_closed_form_equals_descent(lr):
    path = gd.gradient_descent(bowl, ONES, lr=lr, steps=100)
    torch.testing.assert_close(
        gd.quadratic_path(CURVATURE, ONES, lr=lr, steps=100),
        path,
        rtol=1e-10,
        atol=1e-300,
    )


@given(st.lists(POSITIVE, min_size=1, max_size=5), st.floats(0.01, 3))
def test_descent_shrinks_exactly_below_the_limit(curvature, share):
    curvature = torch.tensor(curvature, dtype=torch.float64)
    lr = share / 2 * gd.step_limit(curvature)
    assert (gd.contraction(curvature, lr) < 1) == (share < 2)


@given(st.lists(POSITIVE, min_size=1, max_size=5), st.floats(0.01, 2))
def test_no_step_contracts_more_than_the_best(curvature, lr):
    curvature = torch.tensor(curvature, dtype=torch.float64)
    best = gd.contraction(curvature, gd.best_step(curvature))
    condition = curvature.max() / curvature.min()
    torch.testing.assert_close(
        best, (condition - 1) / (condition + 1), rtol=1e-9, atol=1e-12
    )
    assert best <= gd.contraction(curvature, lr) + 1e-12


@given(st.integers(1, 60), st.integers(1, 60))
def test_batches_hold_each_row_once(n, m):
    m = min(n, m)
    batches = gd.minibatches(n, m, torch.Generator().manual_seed(0))
    assert torch.cat(batches).sort().values.tolist() == list(range(n))
    assert [len(rows) for rows in batches[:-1]] == [m] * (len(batches) - 1)


def test_batches_come_in_the_order_of_fit():
    rows = gd.minibatches(10, 3, torch.Generator().manual_seed(5))
    assert torch.equal(
        torch.cat(rows),
        torch.randperm(10, generator=torch.Generator().manual_seed(5)),
    )


@pytest.mark.parametrize("m", [1, 2, 3, 6])
@pytest.mark.parametrize("replacement", [True, False])
def test_batch_noise_equals_the_mean_over_all_batches(m, replacement):
    gradients = draw(6, 2)
    index = torch.cartesian_prod(*[torch.arange(6)] * m).reshape(-1, m)
    if not replacement:
        index = index[[len(set(rows)) == m for rows in index.tolist()]]
    distance = (
        (gradients[index].mean(1) - gradients.mean(0))
        .square()
        .sum(1)
        .mean()
        .sqrt()
    )
    found = gd.batch_noise(gradients, m, replacement=replacement)
    torch.testing.assert_close(found, distance, rtol=1e-10, atol=1e-12)


def test_the_noise_scale_is_the_batch_with_as_much_noise_as_signal():
    gradients = draw(50, 3) + 0.3
    scale = gd.noise_scale(gradients)
    noise = gd.batch_noise(gradients, 1, replacement=True) / scale.sqrt()
    torch.testing.assert_close(
        noise, gradients.mean(0).norm(), rtol=1e-10, atol=0
    )
    # neither a longer gradient nor more copies of the rows change it
    for other in (7 * gradients, gradients.repeat(3, 1)):
        torch.testing.assert_close(
            gd.noise_scale(other), scale, rtol=1e-10, atol=0
        )
    assert gd.noise_scale(torch.tensor([[1.0], [-1.0]])) == math.inf


@pytest.mark.parametrize("m", [1, 3, 20])
def test_steps_and_rate_of_a_batch_follow_from_the_best_gain(m):
    g, variance, curvature = 0.7, 2.0, 3.0
    rates = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    lost = rates.square() * curvature * (g**2 + variance / m) / 2
    gain = (rates * g**2 - lost).max().item()
    found = gd.steps_with_batch(
        m, fewest=1 / (g**2 / (2 * curvature)), critical=variance / g**2
    )
    assert math.isclose(found, 1 / gain, rel_tol=1e-6)


def test_noisy_descent_without_noise_is_descent_and_follows_its_schedule():
    still = torch.zeros(50, 3, dtype=torch.float64)
    path = gd.noisy_descent(lambda w: CURVATURE * w, ONES, still, lr=0.1)
    torch.testing.assert_close(
        path,
        gd.gradient_descent(bowl, ONES, lr=0.1, steps=50),
        rtol=1e-10,
        atol=1e-300,
    )
    rates = gd.noisy_descent(
        torch.zeros_like,
        ONES,
        still - 1,
        lr=0.5,
        schedule=lambda t: 1 / (t + 1),
    ).diff(dim=0)
    torch.testing.assert_close(
        rates[:, 0],
        0.5 / torch.arange(1, 51, dtype=torch.float64),
        rtol=1e-10,
        atol=1e-13,
    )


def test_noisy_descent_reaches_its_floor():
    noise = 0.5 * draw(4000, 400)
    path = gd.noisy_descent(
        lambda w: 2 * w, torch.zeros(400, dtype=torch.float64), noise, lr=0.3
    )
    floor = gd.noise_floor(0.3, curvature=2.0, noise=0.5)
    # 400 runs of 2000 steps that forget their past in about two steps: the
    # relative error is below 0.3 %
    assert abs(path[2000:].square().mean().item() / floor - 1) < 0.012


@given(POSITIVE, POSITIVE, st.floats(0.01, 1.9))
def test_the_floor_is_a_fixed_point(curvature, noise, share):
    lr = share / curvature
    floor = gd.noise_floor(lr, curvature, noise)
    assert math.isclose(
        floor,
        (1 - lr * curvature) ** 2 * floor + (lr * noise) ** 2,
        rel_tol=1e-9,
    )


@given(st.integers(0, 40), st.integers(1, 20), st.floats(0.05, 1))
@settings(deadline=None, max_examples=30)
def test_stairs_equal_torch_step_lr(step, every, gamma):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, every, gamma)
    for _ in range(step):
        optimizer.step()
        scheduler.step()
    assert math.isclose(
        gd.step_decay(step, every=every, gamma=gamma),
        optimizer.param_groups[0]["lr"],
        rel_tol=1e-10,
    )
    assert (
        gd.step_decay(1, every=1)
        == torch.optim.lr_scheduler.StepLR(optimizer, 1).gamma
    )


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6))
def test_inverse_time_falls_and_halves(step, half):
    assert (
        0
        < gd.inverse_time(step + 1, half=half)
        < gd.inverse_time(step, half=half)
        <= 1
    )
    assert gd.inverse_time(half, half=half) == 0.5


@pytest.mark.parametrize("batch_size", [1, 7, 16, 50])
def test_accumulated_gradients_equal_those_of_all_rows(batch_size):
    make = lambda: nn.Sequential(  # noqa: E731
        nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)
    ).double()
    parts, whole = seeded_model(make, 0), seeded_model(make, 0)
    X, y = draw(50, 4), torch.arange(50) % 3
    for _ in range(2):  # the second call starts from zero too
        value = gd.accumulate_gradients(
            parts, F.cross_entropy, X, y, batch_size
        )
    loss = F.cross_entropy(whole(X), y)
    loss.backward()
    assert math.isclose(value, loss.item(), rel_tol=1e-10)
    for a, b in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_sharpness_equals_the_hessians_eigenvalue(sign):
    X, y = draw(20, 3), draw(20, seed=1)

    def loss(params):
        return (
            sign * ((X @ params["W"]).tanh() @ params["v"] - y).square().mean()
        )

    params = {"W": draw(3, 4, seed=2), "v": draw(4, seed=3)}
    flat = torch.cat([params["W"].flatten(), params["v"]])
    hessian = torch.autograd.functional.hessian(
        lambda p: loss({"W": p[:12].view(3, 4), "v": p[12:]}), flat
    )
    values = torch.linalg.eigvalsh(hessian)
    start = {name: torch.ones_like(each) for name, each in params.items()}
    found, vector = gd.sharpness(loss, params, start, iterations=200)
    torch.testing.assert_close(
        found, values[values.abs().argmax()], rtol=1e-6, atol=0
    )
    again, _ = gd.sharpness(loss, params, vector, iterations=1)
    torch.testing.assert_close(again, found, rtol=1e-6, atol=0)


def test_sharpness_maps_over_runs():
    start, scales = torch.ones(5, 2), torch.arange(1.0, 6.0)
    found, _ = torch.func.vmap(
        lambda c, v: gd.sharpness(
            lambda p: c * p["w"].square().sum(), {"w": v}, {"w": v}
        )
    )(scales, start)
    torch.testing.assert_close(found, 2 * scales)


def test_sharpness_of_a_flat_loss_is_zero_and_leaves_a_start_for_the_next():
    def loss(params):
        return (params["w"] * params["c"].unsqueeze(-1)).square().sum() / 2

    def measure(c, v):
        return gd.sharpness(
            lambda p: loss({"w": p["w"], "c": c}),
            {"w": torch.ones(2)},
            {"w": v},
        )

    found, vectors = torch.func.vmap(measure)(
        torch.tensor([0.0, 2.0]), torch.ones(2, 2)
    )
    torch.testing.assert_close(found, torch.tensor([0.0, 4.0]))
    again, _ = measure(torch.tensor(2.0), vectors["w"][0])
    torch.testing.assert_close(again, torch.tensor(4.0))


@pytest.mark.parametrize(
    ("eigenvalues", "kind"),
    [
        ((1, 2), "minimum"),
        ((-1, -2), "maximum"),
        ((1, -1), "saddle"),
        ((1, 0), "undecided"),
        ((0, 0), "undecided"),
        ((1, 0, -1), "saddle"),
        ((3,), "minimum"),
        ((1e-9, 1), "undecided"),
    ],
)
def test_critical_points_get_their_names(eigenvalues, kind):
    Q, _ = torch.linalg.qr(draw(len(eigenvalues), len(eigenvalues)))
    assert (
        gd.critical_point(
            Q @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ Q.T
        )
        == kind
    )


def test_eigenvalues_up_to_the_tolerance_count_as_zero():
    assert gd.critical_point(torch.zeros(2, 2), tolerance=0) == "undecided"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_dtype_stays(dtype):
    w, noise = torch.ones(2, dtype=dtype), torch.ones(3, 2, dtype=dtype)
    assert (
        gd.gradient_descent(
            lambda v: v.square().sum(), w, lr=0.1, steps=2
        ).dtype
        == dtype
    )
    assert gd.quadratic_path(w, w, lr=0.1, steps=2).dtype == dtype
    assert (
        gd.noisy_descent(
            lambda v: v,
            w,
            noise,
            lr=0.1,
            schedule=lambda t: gd.inverse_time(t, half=2),
        ).dtype
        == dtype
    )
    assert (
        gd.batch_noise(noise, 2).dtype
        == gd.step_limit(w).dtype
        == gd.best_step(w).dtype
        == dtype
    )


LINEAR = nn.Linear(2, 1)
PARAMS = {"w": torch.ones(2)}
BAD = {
    "start a list": (
        lambda: gd.gradient_descent(bowl, [1.0], lr=0.1, steps=1),
        TypeError,
        "start must be a torch.T",
    ),
    "lr": (
        lambda: gd.gradient_descent(bowl, ONES, lr=-0.1, steps=1),
        ValueError,
        "lr must be finite and at least 0",
    ),
    "lr a word": (
        lambda: gd.gradient_descent(bowl, ONES, lr="1", steps=1),
        TypeError,
        "lr must be a number, got str",
    ),
    "lr NaN": (
        lambda: gd.noise_floor(float("nan")),
        ValueError,
        "lr must be finite and at least 0, got nan",
    ),
    "steps": (
        lambda: gd.quadratic_path(ONES, ONES, lr=0.1, steps=-1),
        ValueError,
        "steps must be at least 0, got -1",
    ),
    "steps 1.5": (
        lambda: gd.gradient_descent(bowl, ONES, lr=1, steps=1.5),
        TypeError,
        "steps must be an int, got fl",
    ),
    "shapes": (
        lambda: gd.quadratic_path(ONES, ONES[:2], lr=1, steps=1),
        ValueError,
        r"shape \(3,\) of curvature, got",
    ),
    "matrix": (
        lambda: gd.step_limit(torch.eye(2)),
        ValueError,
        r"must have 1 dimensions .*, got shape \(2, 2\)",
    ),
    "no curve": (
        lambda: gd.step_limit(-ONES),
        ValueError,
        "must have an eigenvalue above 0, got at most -1",
    ),
    "flat": (
        lambda: gd.best_step(0 * ONES),
        ValueError,
        "must be above 0 in every direction, got 0",
    ),
    "n": (
        lambda: gd.minibatches(0, 1),
        ValueError,
        "n must be at least 1, got 0",
    ),
    "m zero": (
        lambda: gd.minibatches(5, 0),
        ValueError,
        "batch_size must be between 1 and 5, got 0",
    ),
    "m large": (
        lambda: gd.batch_noise(draw(5, 2), 6),
        ValueError,
        "batch_size must be between 1 and 5, got 6",
    ),
    "one row": (
        lambda: gd.batch_noise(draw(1, 2), 1),
        ValueError,
        "rows of gradients must be at least 2, got 1",
    ),
    "scale": (
        lambda: gd.noise_scale(ONES),
        ValueError,
        r"gradients must have 2 dimensions .*, got shape \(3,\)",
    ),
    "noise": (
        lambda: gd.noisy_descent(bowl, ONES, draw(4, 2), lr=1),
        ValueError,
        r"noise must have shape \(steps, \*",
    ),
    "floor lr": (
        lambda: gd.noise_floor(1.0, 2.0),
        ValueError,
        "lr must be below 2 / curvature = 1, got 1.0",
    ),
    "floor flat": (
        lambda: gd.noise_floor(1.0, 0.0),
        ValueError,
        "curvature must be finite and above 0, got 0.0",
    ),
    "half": (
        lambda: gd.inverse_time(1, half=0),
        ValueError,
        "half must be finite and above 0, got 0",
    ),
    "step": (
        lambda: gd.inverse_time(-1, half=1),
        ValueError,
        "step must be finite and at least 0, got -1",
    ),
    "every": (
        lambda: gd.step_decay(1, every=0),
        ValueError,
        "every must be at least 1, got 0",
    ),
    "gamma": (
        lambda: gd.step_decay(1, every=1, gamma=-1),
        ValueError,
        "gamma must be finite and above 0, got -1",
    ),
    "rows, a list": (
        lambda: gd.accumulate_gradients(
            LINEAR, F.mse_loss, [[1.0, 1.0]], torch.ones(1, 1), 1
        ),
        TypeError,
        "^X must be a torch.Tensor, got list$",
    ),
    "rows": (
        lambda: gd.accumulate_gradients(
            LINEAR, F.mse_loss, torch.ones(3, 2), torch.ones(2, 1), 1
        ),
        ValueError,
        "X has",
    ),
    "part": (
        lambda: gd.accumulate_gradients(
            LINEAR, F.mse_loss, torch.ones(3, 2), torch.ones(3, 1), 4
        ),
        ValueError,
        "and 3",
    ),
    "names": (
        lambda: gd.sharpness(bowl, PARAMS, {"v": ONES}),
        ValueError,
        "names and shapes of params, got .'v'",
    ),
    "iterations": (
        lambda: gd.sharpness(bowl, PARAMS, PARAMS, 0),
        ValueError,
        "iterations must be at least 1, got 0",
    ),
    "not square": (
        lambda: gd.critical_point(torch.ones(2, 3)),
        ValueError,
        r"symmetric matrix, got shape \(2, 3\)",
    ),
    "not symmetric": (
        lambda: gd.critical_point(torch.tensor([[1.0, 2.0], [0.0, 1.0]])),
        ValueError,
        "symmetric",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_sentence(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


def slope(w, X, y, rows):
    return (
        torch.einsum("ij,i->j", X[rows], torch.mv(X[rows], w) - y[rows])
        / rows.numel()
    )


def whole_step(w, X, y, rows, lr):
    return w - lr * slope(w, X, y, torch.arange(len(X)))


EXERCISES = {
    "step, right": (
        gd.check_minibatch_step,
        lambda w, X, y, r, lr: w - lr * slope(w, X, y, r),
        "Right",
    ),
    "step, stub": (
        gd.check_minibatch_step,
        lambda w, X, y, r, lr: None,
        "write its body",
    ),
    "step, all rows": (
        gd.check_minibatch_step,
        whole_step,
        "the step of all rows",
    ),
    "step, sum": (
        gd.check_minibatch_step,
        lambda w, X, y, r, lr: w - 4 * lr * slope(w, X, y, r),
        "is a mean",
    ),
    "step, over n": (
        gd.check_minibatch_step,
        lambda w, X, y, r, lr: w - lr / 3 * slope(w, X, y, r),
        "not by all rows",
    ),
    "step, twice": (
        gd.check_minibatch_step,
        lambda w, X, y, r, lr: w - 2 * lr * slope(w, X, y, r),
        "has no 2",
    ),
    "step, sign": (
        gd.check_minibatch_step,
        lambda w, X, y, r, lr: w + lr * slope(w, X, y, r),
        "mind its sign",
    ),
    "step, gradient": (
        gd.check_minibatch_step,
        lambda w, X, y, r, lr: slope(w, X, y, r),
        "not the weights",
    ),
    "parts, right": (
        gd.check_accumulate,
        lambda g, m: m @ g / m.sum(),
        "Right",
    ),
    "parts, stub": (gd.check_accumulate, lambda g, m: None, "write its body"),
    "parts, mean": (
        gd.check_accumulate,
        lambda g, m: g.sum(0) / len(g),
        "weight each gradient by its size",
    ),
    "parts, no division": (
        gd.check_accumulate,
        lambda g, m: m @ g,
        "divide by the number of rows",
    ),
    "parts, sum": (
        gd.check_accumulate,
        lambda g, m: g.sum(0),
        "adds the mean gradients",
    ),
    "limit, right": (gd.check_limit_by_hand, 0.333, "Right"),
    "limit, two digits": (gd.check_limit_by_hand, 0.33, "Right"),
    "limit, stub": (gd.check_limit_by_hand, ..., "put your number"),
    "limit, factor": (
        gd.check_limit_by_hand,
        2 / 3,
        "the second derivative, 6",
    ),
    "limit, best": (gd.check_limit_by_hand, 1 / 6, "lands on the minimum"),
    "limit, curvature": (gd.check_limit_by_hand, 6, "6 is the curvature"),
    "limit, upside down": (gd.check_limit_by_hand, 3, "the limit is 2 / 6"),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_answer_back(name, capsys):
    assert_answers(*EXERCISES[name], capsys)
