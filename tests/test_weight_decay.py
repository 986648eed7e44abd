"""Weight decay: formulas against autograd, scikit-learn and torch.optim; bad
input; every exercise answered wrongly.
"""

import pytest
import torch
import torch.nn.functional as F
from exercises import assert_answers
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, Ridge
from torch import nn

from companion import data
from companion import weight_decay as wd
from companion.optimizers import SGD, Adam, AdamW
from companion.training import fit_many, seeded_model

WEIGHTS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6).map(
    lambda w: torch.tensor(w, dtype=torch.float64)
)
NOT_NEGATIVE = st.floats(0, 1e3)


def regression(seed, n=40, d=5, problems=()):
    chance = torch.Generator().manual_seed(seed)
    X = torch.randn(*problems, n, d, generator=chance, dtype=torch.float64)
    return X, X.sum(-1) + torch.randn(
        *problems, n, generator=chance, dtype=torch.float64
    )


@given(WEIGHTS)
def test_norms_equal_torch(w):
    torch.testing.assert_close(
        wd.l1_norm(w), torch.linalg.vector_norm(w, ord=1)
    )
    torch.testing.assert_close(wd.l2_norm(w), torch.linalg.vector_norm(w))
    torch.testing.assert_close(
        wd.squared_l2_norm(w), torch.linalg.vector_norm(w) ** 2
    )


@given(WEIGHTS, NOT_NEGATIVE)
def test_the_gradient_of_the_l2_penalty_is_lambda_w(w, lam):
    w.requires_grad_()
    (slope,) = torch.autograd.grad(wd.l2_penalty(w, lam), w)
    torch.testing.assert_close(slope, lam * w.detach())


@given(WEIGHTS, NOT_NEGATIVE)
def test_the_gradient_of_the_l1_penalty_is_lambda_sign_w(w, lam):
    w.requires_grad_()
    (slope,) = torch.autograd.grad(wd.l1_penalty(w, lam), w)
    torch.testing.assert_close(slope, lam * w.detach().sign())


def test_one_training_row_is_enough_to_convert_a_penalty():
    assert wd.convert_penalty(0.7, "λ/m", m=1) == 1.4


@pytest.mark.parametrize(
    ("source", "factor"),
    [("λ/2", 1 / 2), ("λ", 1), ("λ/2m", 1 / 160), ("λ/m", 1 / 80)],
)
def test_a_converted_penalty_takes_the_same_steps(source, factor):
    weight_decay = wd.convert_penalty(
        0.7, source, m=80 if "m" in source else None
    )
    penalised, decayed = (
        torch.tensor([3.0, -4.0], dtype=torch.float64, requires_grad=True)
        for _ in range(2)
    )
    by_hand, by_torch = (
        torch.optim.SGD([penalised], lr=0.1),
        torch.optim.SGD([decayed], lr=0.1, weight_decay=weight_decay),
    )
    for _ in range(100):
        for w, optimizer, penalty in (
            (penalised, by_hand, 0.7 * factor),
            (decayed, by_torch, 0.0),
        ):
            optimizer.zero_grad()
            ((w - 1).square().sum() + penalty * w.square().sum()).backward()
            optimizer.step()
    torch.testing.assert_close(penalised, decayed, rtol=1e-12, atol=0)


@pytest.mark.parametrize("lam", [0.0, 1e-3, 0.5, 10.0])
def test_ridge_equals_scikit_learn(lam):
    X, y = regression(0)
    expected = (
        Ridge(alpha=len(X) * lam, fit_intercept=False, tol=1e-12)
        .fit(X, y)
        .coef_
    )
    torch.testing.assert_close(
        wd.ridge(X, y, lam), torch.tensor(expected), rtol=1e-9, atol=1e-12
    )


def test_the_gradient_vanishes_at_ridge():
    X, y = regression(1)
    w = wd.ridge(X, y, lam=0.3).requires_grad_()
    (slope,) = torch.autograd.grad(
        F.mse_loss(X @ w, y) / 2 + wd.l2_penalty(w, 0.3), w
    )
    assert slope.abs().max() < 1e-12


@pytest.mark.parametrize("solver", [wd.ridge, wd.ista])
def test_stacked_problems_equal_single_ones(solver):
    X, y = regression(2, problems=(3,))
    lams = torch.tensor([0.01, 0.1, 1.0], dtype=torch.float64)
    together = solver(X, y, lams)
    alone = torch.stack([solver(X[i], y[i], lams[i].item()) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("lam", [0.02, 0.3])
def test_ista_equals_scikit_learn_zeros_included(lam):
    X, y = regression(3, n=60, d=20)
    expected = torch.tensor(
        Lasso(alpha=lam, fit_intercept=False, tol=1e-14, max_iter=10**5)
        .fit(X, y)
        .coef_
    )
    found = wd.ista(X, y, lam, steps=3000)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)
    assert torch.equal(found == 0, expected == 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ista_leaves_the_weights_of_empty_inputs_at_zero(dtype):
    X, y = regression(5, problems=(2,))
    X[0] = 0
    for lam in (0.0, 0.3):
        w = wd.ista(X.to(dtype), y.to(dtype), lam)
        assert torch.equal(w[0], torch.zeros(5, dtype=dtype))
        torch.testing.assert_close(
            w[1], wd.ista(X[1].to(dtype), y[1].to(dtype), lam)
        )


@pytest.mark.parametrize("solver", [wd.ridge, wd.ista])
def test_solvers_stay_on_the_device_of_their_inputs(solver):
    X, y = regression(0)
    with torch.device(
        "meta"
    ):  # what the solver makes without a device would land there
        w = solver(X, y, 0.1)
    torch.testing.assert_close(w, solver(X, y, 0.1))


@given(WEIGHTS, NOT_NEGATIVE)
def test_the_soft_threshold_minimises_its_objective(w, threshold):
    def objective(u):
        return (u - w).square() / 2 + threshold * u.abs()

    best = objective(wd.soft_threshold(w, threshold))
    for u in (
        w,
        torch.zeros_like(w),
        wd.soft_threshold(w, threshold) + 1e-2,
        wd.soft_threshold(w, threshold) - 1e-2,
    ):
        assert (best <= objective(u) + 1e-9 * (1 + objective(u))).all()


@given(WEIGHTS, NOT_NEGATIVE)
def test_the_soft_threshold_equals_torch_softshrink(w, threshold):
    assert torch.equal(
        wd.soft_threshold(w, threshold), F.softshrink(w, threshold)
    )


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_the_slope_of_a_network_stays_below_its_bound(seed, depth):
    chance = torch.Generator().manual_seed(seed)
    sizes = torch.randint(1, 6, (depth + 1,), generator=chance).tolist()
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [
        torch.randn(shape, generator=chance, dtype=torch.float64)
        for shape in shapes
    ]
    bound = wd.slope_bound(weights)
    for activation in (torch.relu, torch.tanh):
        a, b = torch.randn(
            2, 20, sizes[0], generator=chance, dtype=torch.float64
        )
        inputs = (a - b).norm(dim=1)
        for W in weights:
            a, b = activation(a @ W.mT), activation(b @ W.mT)
        assert ((a - b).norm(dim=1) <= bound * inputs * (1 + 1e-12)).all()
    squares = sum(wd.squared_l2_norm(W) for W in weights)
    assert bound <= (squares / depth) ** (depth / 2) * (1 + 1e-12)


def test_the_slope_bound_is_reached_and_takes_stacked_networks():
    eye = torch.eye(3, dtype=torch.float64)
    both = torch.stack([2 * eye, 5 * eye])
    torch.testing.assert_close(
        wd.slope_bound([both, 3 * both]),
        torch.tensor([12.0, 75.0], dtype=torch.float64),
    )


def test_proximal_sgd_reaches_the_lasso_and_subgradients_do_not():
    X, y = regression(4, n=60, d=20)
    expected = wd.ista(X, y, 0.3, steps=3000)
    ends = {}
    for rule in (wd.proximal_sgd, wd.subgradient_sgd):
        w = torch.zeros_like(expected)
        for _ in range(3000):
            w, _ = rule(w, X.T @ (X @ w - y) / len(X), {}, lr=0.1, l1=0.3)
        ends[rule] = w
    torch.testing.assert_close(
        ends[wd.proximal_sgd], expected, rtol=1e-8, atol=1e-10
    )
    assert (expected == 0).sum() > 0
    torch.testing.assert_close(
        ends[wd.subgradient_sgd], expected, rtol=0, atol=0.1 * 0.3
    )  # within one step
    assert (ends[wd.subgradient_sgd] == 0).sum() == 0


def test_rules_leave_their_arguments_alone_and_run_in_fit_many():
    w, gradient = torch.ones(3), torch.full((3,), 0.5)
    for rule in (wd.proximal_sgd, wd.subgradient_sgd):
        rule(w, gradient, {}, lr=0.1, l1=1.0)
        runs = fit_many(
            lambda: nn.Linear(5, 1, bias=False),
            (torch.randn(20, 5), torch.zeros(20, 1)),
            loss=F.mse_loss,
            rule=rule,
            seeds=[0],
            epochs=50,
            lr=0.1,
            grid={"l1": [0.0, 5.0]},
        )
        assert runs.params["weight"].shape == (1, 2, 1, 5)
        assert ((runs.params["weight"][0, 1] == 0).sum() == 5) == (
            rule is wd.proximal_sgd
        )
    assert torch.equal(w, torch.ones(3))
    assert torch.equal(gradient, torch.full((3,), 0.5))


def test_groups_spare_biases_and_norm_parameters():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        nn.LayerNorm([2, 2]),
        nn.Linear(4, 4),
        nn.GRU(4, 4),
    )
    decayed, spared = wd.parameter_groups(model, 0.1)
    assert {p.ndim for p in decayed["params"]} == {2, 4}
    assert len(decayed["params"]) + len(spared["params"]) == len(
        list(model.parameters())
    )
    assert {id(p) for p in spared["params"]} >= {
        id(p) for p in (*model[1].parameters(), *model[2].parameters())
    }
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def test_groups_count_a_tied_parameter_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert [
        len(group["params"]) for group in wd.parameter_groups(model, 0.1)
    ] == [1, 2]


@pytest.mark.parametrize(
    "optimizer", [SGD, Adam, AdamW, torch.optim.SGD, torch.optim.AdamW]
)
def test_groups_leave_biases_to_the_loss(optimizer):
    model = seeded_model(lambda: nn.Linear(3, 2), 0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    step = optimizer(wd.parameter_groups(model, 0.5), lr=0.1)
    (0 * sum(p.sum() for p in model.parameters())).backward()
    step.step()
    assert torch.equal(model.bias, before["bias"])
    assert not torch.equal(model.weight, before["weight"])


def test_fit_many_spares_biases_as_the_groups_do():
    split = data.diabetes(0, n_train=60, dtype=torch.float64)
    train = (split.X_train, split.y_train.unsqueeze(1))
    make = lambda: nn.Linear(10, 1).double()  # noqa: E731
    runs = fit_many(
        make,
        train,
        loss=F.mse_loss,
        rule=wd.proximal_sgd,
        seeds=[3],
        epochs=1,
        lr=0.1,
        l1=0.0,
        batch_size=None,
    )
    decayed = fit_many(
        make,
        train,
        loss=F.mse_loss,
        rule=SGD.rule,
        seeds=[3],
        epochs=1,
        lr=0.1,
        weight_decay=0.5,
        batch_size=None,
        overrides=wd.spare_biases,
    )
    torch.testing.assert_close(runs.params["bias"], decayed.params["bias"])
    assert not torch.allclose(runs.params["weight"], decayed.params["weight"])


X, Y = regression(0)
BAD = {
    "w a list": (
        lambda: wd.l1_norm([1.0]),
        TypeError,
        "w must be a torch.Tensor, got list",
    ),
    "w a list, squares": (
        lambda: wd.squared_l2_norm([1.0]),
        TypeError,
        "w must be a torch.Tensor, got list",
    ),
    "lam negative": (
        lambda: wd.l2_penalty(torch.ones(1), -1.0),
        ValueError,
        "lam must be at least 0, got -1.0",
    ),
    "lam NaN": (
        lambda: wd.l1_penalty(torch.ones(1), float("nan")),
        ValueError,
        "lam must be at least 0, got nan",
    ),
    "lam a word": (
        lambda: wd.l2_penalty(torch.ones(1), "1"),
        TypeError,
        "lam must be a number or a tensor, got str",
    ),
    "form": (
        lambda: wd.convert_penalty(1.0, "λ/3"),
        ValueError,
        "source must be one of λ/2, λ, λ/2m, λ/m, got 'λ/3'",
    ),
    "m missing": (
        lambda: wd.convert_penalty(1.0, "λ/2m"),
        ValueError,
        "needs m, the number of training rows",
    ),
    "m zero": (
        lambda: wd.convert_penalty(1.0, "λ/m", m=0),
        ValueError,
        "at least 1; got 0",
    ),
    "m needless": (
        lambda: wd.convert_penalty(1.0, "λ", m=5),
        ValueError,
        "has no m; got 5",
    ),
    "ridge shapes": (
        lambda: wd.ridge(X, Y[:-1], 0.1),
        ValueError,
        "X has 40 rows and y has 39",
    ),
    "ridge column y": (
        lambda: wd.ridge(X, Y.unsqueeze(1), 0.1),
        ValueError,
        r"got \(40, 5\) and \(40, 1\)",
    ),
    "ridge NaN": (
        lambda: wd.ridge(X * float("nan"), Y, 0.1),
        ValueError,
        "X must be finite, got 200 values",
    ),
    "ridge ints": (
        lambda: wd.ridge(X.long(), Y.long(), 0.5),
        TypeError,
        "X must be a tensor of floating-point numbers",
    ),
    "ista ints": (
        lambda: wd.ista(X.long(), Y.long(), 0.5),
        TypeError,
        "X must be a tensor of floating-point",
    ),
    "ridge dtypes": (
        lambda: wd.ridge(X, Y.float(), 0.5),
        TypeError,
        "got torch.float64 and torch.float32",
    ),
    "ista dtypes": (
        lambda: wd.ista(X.float(), Y, 0.5),
        TypeError,
        "got torch.float32 and torch.float64",
    ),
    "ridge empty": (
        lambda: wd.ridge(X[:0], Y[:0], 0.1),
        ValueError,
        "must have at least one row",
    ),
    "ista lam": (
        lambda: wd.ista(X, Y, -0.1),
        ValueError,
        "lam must be at least 0, got -0.1",
    ),
    "ista steps": (
        lambda: wd.ista(X, Y, 0.1, steps=0),
        ValueError,
        "steps must be at least 1, got 0",
    ),
    "no weights": (
        lambda: wd.slope_bound([]),
        ValueError,
        "weights must hold at least one matrix, got none",
    ),
    "a vector": (
        lambda: wd.slope_bound([torch.ones(3)]),
        ValueError,
        "a weight must have at least 2 dimensions",
    ),
    "integers": (
        lambda: wd.slope_bound([torch.ones(3, 3).long()]),
        TypeError,
        "a weight must be a tensor of floating-point numbers",
    ),
    "threshold": (
        lambda: wd.soft_threshold(torch.ones(1), -0.1),
        ValueError,
        "threshold must be at least 0",
    ),
    "groups": (
        lambda: wd.parameter_groups(nn.Linear(1, 1), -1),
        ValueError,
        "weight_decay must be at least 0, got -1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_sentence(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


EXERCISES = {
    "step, right": (
        wd.check_decay_step,
        lambda w, g, lr, c: (1 - lr * c) * w - lr * g,
        "Right",
    ),
    "step, stub": (
        wd.check_decay_step,
        lambda w, g, lr, c: None,
        "write its body",
    ),
    "step, decay without lr": (
        wd.check_decay_step,
        lambda w, g, lr, c: w - lr * g - c * w,
        "scaled by the learning",
    ),
    "step, twice": (
        wd.check_decay_step,
        lambda w, g, lr, c: w - lr * (g + 2 * c * w),
        "λw, not 2λw",
    ),
    "step, sign": (
        wd.check_decay_step,
        lambda w, g, lr, c: w - lr * g + lr * c * w,
        "mind its sign",
    ),
    "step, no loss": (
        wd.check_decay_step,
        lambda w, g, lr, c: (1 - lr * c) * w,
        "gradient of the loss is missing",
    ),
    "step, L1": (
        wd.check_decay_step,
        lambda w, g, lr, c: w - lr * (g + c * w.sign()),
        "which is the L1 penalty",
    ),
    "step, none": (
        wd.check_decay_step,
        lambda w, g, lr, c: w - lr * g,
        "step without decay",
    ),
    "threshold, by torch": (
        wd.check_soft_threshold,
        F.softshrink,
        "write the formula yourself",
    ),
    "threshold, by sign": (
        wd.check_soft_threshold,
        lambda w, t: w.sign() * (w.abs() - t).clamp(min=0),
        "Right",
    ),
    "threshold, stub": (
        wd.check_soft_threshold,
        lambda w, t: None,
        "write its body",
    ),
    "threshold, over": (
        wd.check_soft_threshold,
        lambda w, t: w - t * w.sign(),
        "yours steps over it",
    ),
    "threshold, hard": (
        wd.check_soft_threshold,
        F.hardshrink,
        "only removes the small ones",
    ),
    "threshold, positive": (
        wd.check_soft_threshold,
        lambda w, t: (w - t).relu(),
        "negative weights survive too",
    ),
    "threshold, sizes": (
        wd.check_soft_threshold,
        lambda w, t: (w.abs() - t).relu(),
        "give the sign back",
    ),
    "lasso, right": (wd.check_lasso_by_hand, 1.0, "Right"),
    "lasso, stub": (wd.check_lasso_by_hand, ..., "put your number"),
    "lasso, zero": (wd.check_lasso_by_hand, 0, "so the weight survives"),
    "lasso, three": (
        wd.check_lasso_by_hand,
        3,
        "minimises the first term alone",
    ),
    "lasso, five": (wd.check_lasso_by_hand, 5, "mind the sign of its slope"),
    "lasso, ridge": (wd.check_lasso_by_hand, 0.6, "the ridge answer"),
    "lasso, two": (wd.check_lasso_by_hand, 2, "solve for u"),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_answer_back(name, capsys):
    assert_answers(*EXERCISES[name], capsys)
