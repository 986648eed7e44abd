"""Every rule, and its ``torch.optim`` face, against torch's own optimizer."""

import copy
import functools
import inspect
import io
import itertools
import math
import re

import numpy as np
import pytest
import torch
from exercises import assert_answers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from companion import optimizers as op
from companion.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    RMSprop,
    adagrad,
    adam,
    adamw,
    check_hyperparameters,
    lion,
    rmsprop,
    rule_hyperparameters,
    sgd,
)  # fmt: skip
from companion.training import fit_many

RTOL = 1e-10
TRIPLES = {
    "SGD": (sgd, SGD, torch.optim.SGD),
    "Adam": (adam, Adam, torch.optim.Adam),
}
TRIPLES["AdamW"] = (adamw, AdamW, torch.optim.AdamW)
TRIPLES |= {
    "Adagrad": (adagrad, Adagrad, torch.optim.Adagrad),
    "RMSprop": (rmsprop, RMSprop, torch.optim.RMSprop),
}

OPTIONS = {  # every option that the face shares with torch, alone and together
    "SGD": [
        {},
        {"lr": 0.1},
        {"lr": 0.0, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 1.0},
        {"lr": 0.1, "dampening": 0.5},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.5},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"lr": 0.1, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.1, "nesterov": True},
        {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.1, "dampening": 0.9},
    ],
    "Adam": [
        {},
        {"lr": 0.1},
        {"lr": 0.1, "betas": (0.5, 0.9)},
        {"lr": 0.1, "betas": (0.0, 0.0)},
        {"lr": 0.1, "betas": (0.99, 0.5)},
        {"lr": 0.1, "eps": 0.1},
        {"lr": 0.1, "eps": 1e-16},
        {"lr": 0.1, "weight_decay": 0.1},
        {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 1.0},
        {"lr": 0.1, "amsgrad": True},
        {"lr": 0.1, "betas": (0.5, 0.5), "weight_decay": 0.1, "amsgrad": True},
    ],
    "Adagrad": [
        {},
        {"lr": 0.1, "lr_decay": 0.1},
        {"lr": 0.1, "weight_decay": 0.1},
        {"lr": 0.1, "initial_accumulator_value": 2.0},
        {"lr": 0.1, "eps": 0.1},
        {
            "lr": 0.1,
            "lr_decay": 0.01,
            "weight_decay": 0.5,
            "initial_accumulator_value": 0.1,
            "eps": 1e-3,
        },
    ],
    "RMSprop": [
        {},
        {"lr": 0.1, "alpha": 0.5},
        {"lr": 0.1, "alpha": 0.0},
        {"lr": 0.1, "eps": 0.1},
        {"lr": 0.1, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "centered": True},
        {
            "lr": 0.1,
            "alpha": 0.9,
            "eps": 1e-3,
            "weight_decay": 0.5,
            "momentum": 0.5,
            "centered": True,
        },
    ],
}
OPTIONS["AdamW"] = [*OPTIONS["Adam"], {"lr": 0.1, "weight_decay": 0.0}]
CASES = [
    (kind, options) for kind, several in OPTIONS.items() for options in several
]
cases = pytest.mark.parametrize(
    ("kind", "options"),
    CASES,
    ids=[f"{kind} {' '.join(map(str, o.items()))}" for kind, o in CASES],
)
kinds = pytest.mark.parametrize("kind", TRIPLES)

GRADIENTS = {  # what 100 gradients look like: (scale, offset)
    "ordinary": (1.0, 0.0),
    "tiny": (1e-12, 0.0),
    "tiny with an offset": (1e-12, 1e-8),
    "large offset": (1.0, 1e8),
    "huge": (1e12, 0.0),
}


def rand(*shape, seed=0):
    return torch.randn(
        *shape,
        generator=torch.Generator().manual_seed(seed),
        dtype=torch.float64,
    )


def gradients(scale=1.0, offset=0.0, steps=100, shape=(4, 3)):
    return offset + scale * rand(steps, *shape, seed=7)


def torch_run(optimizer_class, options, grads, start):
    """The parameter after torch's optimizer has seen the gradients."""
    p = start.clone().requires_grad_()
    extra = (
        {"foreach": False}
        if optimizer_class.__module__.startswith("torch")
        else {}
    )
    optimizer = optimizer_class([p], **options, **extra)
    for grad in grads:
        p.grad = grad.clone()
        optimizer.step()
    return p.detach()


def rule_options(options):
    options = dict(options)
    if "betas" in options:
        options["beta1"], options["beta2"] = options.pop("betas")
    return options


def rule_run(rule, options, grads, start):
    param, state = start.clone(), {}
    for grad in grads:
        param, state = rule(param, grad, state, **options)
    return param


def assert_close(actual, expected, rtol=RTOL):
    assert actual.dtype == expected.dtype
    assert (actual - expected).norm() <= rtol * expected.norm(), (
        actual - expected
    ).norm() / expected.norm()


@cases
def test_rule_and_face_are_torchs_over_100_steps(kind, options):
    """Half the weights start at zero: there they are the path, and a step of
    1e-12 cannot hide behind a large start.
    """
    rule, face, reference = TRIPLES[kind]
    looks = GRADIENTS
    if options.get(
        "centered"
    ):  # E[g²] − E[g]² of gradients that hardly vary is rounding, in torch too
        looks = GRADIENTS | {"large offset": (1e6, 1e8)}
    start = torch.cat(
        [rand(2, 3, seed=1), torch.zeros(2, 3, dtype=torch.float64)]
    ).repeat(len(looks), 1, 1)
    grads = torch.stack(
        [gradients(scale, offset) for scale, offset in looks.values()], dim=1
    )
    expected = torch_run(reference, options, grads, start)
    for actual in (
        rule_run(rule, rule_options(options), grads, start),
        torch_run(face, options, grads, start),
    ):
        for row in range(len(looks)):
            assert_close(actual[row, :2], expected[row, :2])
            assert_close(actual[row, 2:], expected[row, 2:])
    assert (
        expected.ne(start).flatten(1).any(1).all() or options.get("lr") == 0.0
    )


@kinds
def test_faces_take_torchs_arguments_in_torchs_order_with_torchs_defaults(kind):
    _, face, reference = TRIPLES[kind]
    *ours, maximize = inspect.signature(face).parameters.values()
    parameters = inspect.signature(reference).parameters
    theirs = list(parameters.values())[: len(ours)]
    assert [p.name for p in ours] == [p.name for p in theirs]
    assert [p.default for p in ours] == [p.default for p in theirs]
    assert maximize.default is parameters[maximize.name].default
    rule_defaults = {
        p.name: p.default
        for p in inspect.signature(TRIPLES[kind][0]).parameters.values()
    }
    assert {
        n: v
        for n, v in rule_defaults.items()
        if v is not inspect.Parameter.empty
    } == rule_options({p.name: p.default for p in ours if p.name != "params"})


@cases
def test_rules_leave_what_they_are_given_alone(kind, options):
    rule = TRIPLES[kind][0]
    param, state = rand(4, 3), {}
    for grad in gradients(steps=3):
        before = param.clone(), grad.clone(), copy.deepcopy(state)
        new_param, new_state = rule(param, grad, state, **rule_options(options))
        assert param.equal(before[0]) and grad.equal(before[1])
        assert state.keys() == before[2].keys()
        assert all(
            torch.as_tensor(state[name]).equal(torch.as_tensor(before[2][name]))
            for name in state
        )
        assert all(value is not grad for value in new_state.values())
        param, state = new_param, new_state


LION = [{}, {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.1, "beta1": 0.0}]


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (TRIPLES[kind][0], rule_options(options))
        for kind in TRIPLES
        for options in OPTIONS[kind]
    ]
    + [(lion, options) for options in LION],
)
def test_the_equation_and_its_fast_form_take_the_same_path(rule, options):
    """The page shows the first; ``fit_many`` and the faces run the second."""
    start, grads = rand(4, 3, seed=1), gradients(steps=300)
    fast = op._fast(rule)
    assert fast is not rule
    expected = rule_run(rule, options, grads, start)
    actual = rule_run(fast, options, grads, start)
    assert_close(actual, expected, rtol=1e-12)


def test_the_fast_form_has_the_defaults_of_its_rule():
    for rule in op._FAST:
        start, grads = rand(4, 3), gradients(steps=20)
        assert_close(
            rule_run(op._fast(rule), {}, grads, start),
            rule_run(rule, {}, grads, start),
            rtol=1e-12,
        )


def test_a_rule_of_the_reader_has_no_fast_form():
    def mine(param, grad, state, *, lr=0.1):
        return param - lr * grad, state

    assert op._fast(mine) is mine


STACKS = {
    "sgd": (
        sgd,
        {
            "lr": [0.1, 0.01],
            "momentum": [0.0, 0.5, 0.9],
            "weight_decay": [0.0, 0.1],
        },
        {},
    ),
    "sgd with dampening": (
        sgd,
        {"momentum": [0.0, 0.9], "dampening": [0.0, 0.5]},
        {"lr": 0.1},
    ),
    "sgd, one dampening": (
        sgd,
        {"momentum": [0.0, 0.9]},
        {"lr": 0.1, "dampening": 0.5},
    ),
    "sgd with Nesterov": (
        sgd,
        {"momentum": [0.0, 0.9], "lr": [0.1, 0.2]},
        {"nesterov": True},
    ),
    "adam": (
        adam,
        {
            "lr": [0.1, 0.01],
            "beta1": [0.0, 0.9],
            "beta2": [0.5, 0.999],
            "weight_decay": [0.0, 0.1],
        },
        {},
    ),
    "adam with eps": (adam, {"eps": [1e-8, 0.1]}, {"lr": 0.1}),
    "adam with AMSGrad": (
        adam,
        {"lr": [0.1, 0.01], "beta2": [0.5, 0.9]},
        {"amsgrad": True},
    ),
    "adagrad": (
        adagrad,
        {
            "lr": [0.1, 0.01],
            "lr_decay": [0.0, 0.1],
            "weight_decay": [0.0, 0.1],
            "initial_accumulator_value": [0.0, 1.0],
            "eps": [1e-10, 0.1],
        },
        {},
    ),
    "rmsprop": (
        rmsprop,
        {
            "lr": [0.1, 0.01],
            "alpha": [0.5, 0.9],
            "momentum": [0.0, 0.9],
            "eps": [1e-8, 0.1],
        },
        {},
    ),
    "rmsprop, centered": (
        rmsprop,
        {"alpha": [0.5, 0.9], "weight_decay": [0.0, 0.1]},
        {"lr": 0.1, "centered": True},
    ),
    "lion": (
        lion,
        {
            "lr": [0.1, 0.01],
            "beta1": [0.5, 0.9],
            "beta2": [0.5, 0.99],
            "weight_decay": [0.0, 0.1],
        },
        {},
    ),
    "adamw": (
        adamw,
        {"lr": [0.1, 0.01], "beta2": [0.5, 0.999], "weight_decay": [0.0, 0.1]},
        {},
    ),
}


@pytest.mark.parametrize("form", [lambda rule: rule, op._fast])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("rule", "grid", "shared"), STACKS.values(), ids=STACKS.keys()
)
def test_stacked_hyper_parameters_are_separate_runs(
    rule, grid, shared, dtype, form
):
    rule = form(rule)
    points = [
        dict(zip(grid, values, strict=True))
        for values in itertools.product(*grid.values())
    ]
    stacked = {
        name: (
            torch.tensor([p[name] for p in points], dtype=dtype).reshape(
                -1, 1, 1
            )
        )
        for name in grid
    }
    start, grads = rand(4, 3, seed=1).to(dtype), gradients(steps=20).to(dtype)
    many = rule_run(
        rule,
        stacked | shared,
        grads.unsqueeze(1).expand(-1, len(points), -1, -1),
        start.expand(len(points), -1, -1),
    )
    for i, point in enumerate(points):
        alone = rule_run(rule, point | shared, grads, start)
        assert_close(
            many[i], alone, rtol=1e-12 if dtype is torch.float64 else 1e-5
        )


# ---------------------------------------------------------------- properties

scales = st.floats(min_value=-100, max_value=100).map(lambda e: 10.0**e)
signs = st.sampled_from([-1.0, 1.0])


@given(
    scale=scales,
    sign=signs,
    lr=st.floats(1e-6, 10.0),
    beta1=st.floats(0, 0.999),
    beta2=st.floats(0, 0.9999),
)
def test_the_first_step_of_adam_has_length_lr_whatever_the_gradient(
    scale, sign, lr, beta1, beta2
):
    grad = torch.tensor([sign * scale], dtype=torch.float64)
    step, _ = adam(
        torch.zeros(1, dtype=torch.float64),
        grad,
        {},
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=0.0,
    )
    assert step.item() == pytest.approx(-sign * lr, rel=1e-9)


@given(
    seed=st.integers(0, 10**6), factor=st.floats(-20, 20).map(lambda e: 10.0**e)
)
@settings(max_examples=30)
def test_adam_without_eps_does_not_see_the_scale_of_the_loss(seed, factor):
    start, grads = rand(3, seed=seed), rand(10, 3, seed=seed + 1)
    run = functools.partial(
        rule_run, adam, {"lr": 0.1, "eps": 0.0}, start=start
    )
    assert_close(run(grads=factor * grads), run(grads=grads), rtol=1e-9)


@given(
    lr=st.floats(0, 1), weight_decay=st.floats(0, 1), steps=st.integers(1, 20)
)
@settings(max_examples=30)
def test_without_a_gradient_weight_decay_shrinks_by_a_power(
    lr, weight_decay, steps
):
    start, grads = rand(3), torch.zeros(steps, 3, dtype=torch.float64)
    for rule in (sgd, adamw):
        end = rule_run(
            rule, {"lr": lr, "weight_decay": weight_decay}, grads, start
        )
        assert torch.allclose(
            end,
            start * (1 - lr * weight_decay) ** steps,
            rtol=1e-12,
            atol=1e-300,
        )


def test_adam_passes_its_decay_through_the_denominator_and_adamw_does_not():
    """After one step from w = 1 with no gradient, Adam's penalty moves by lr
    whatever its strength.
    """
    w, zero = (
        torch.ones(1, dtype=torch.float64),
        torch.zeros(1, dtype=torch.float64),
    )
    for strength in (0.01, 1.0):
        assert adam(w, zero, {}, lr=0.1, weight_decay=strength)[
            0
        ].item() == pytest.approx(0.9)
        assert adamw(w, zero, {}, lr=0.1, weight_decay=strength)[
            0
        ].item() == pytest.approx(1 - 0.1 * strength)


@given(
    scale=scales, sign=signs, lr=st.floats(1e-6, 10.0), beta1=st.floats(0, 0.99)
)
def test_every_step_of_lion_has_length_lr(scale, sign, lr, beta1):
    grads = sign * scale * torch.rand(5, 1, dtype=torch.float64).add(0.1)
    assert rule_run(
        lion,
        {"lr": lr, "beta1": beta1},
        grads,
        torch.zeros(1, dtype=torch.float64),
    ).item() == (pytest.approx(-5 * sign * lr))


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_lion_is_the_algorithm_of_its_paper(weight_decay):
    w, m, grads = (
        rand(4, 3, seed=1),
        torch.zeros(4, 3, dtype=torch.float64),
        gradients(),
    )
    options = {
        "lr": 0.1,
        "beta1": 0.8,
        "beta2": 0.95,
        "weight_decay": weight_decay,
    }
    mine = rule_run(lion, options, grads, w)
    p = w.clone().requires_grad_()
    face = Lion([p], lr=0.1, betas=(0.8, 0.95), weight_decay=weight_decay)
    for g in grads:
        w = w - 0.1 * (torch.sign(0.8 * m + 0.2 * g) + weight_decay * w)
        m = 0.95 * m + 0.05 * g
        p.grad = g
        face.step()
    assert_close(mine, w)
    assert_close(p.detach(), w)


def test_amsgrad_never_divides_by_less_than_before():
    state, largest = {}, torch.zeros(3, dtype=torch.float64)
    for grad in gradients(shape=(3,)):
        _, state = adam(
            torch.zeros(3, dtype=torch.float64),
            grad,
            state,
            beta2=0.5,
            amsgrad=True,
        )
        assert (state["max_exp_avg_sq"] >= largest).all()
        largest = state["max_exp_avg_sq"]
    assert (largest > state["exp_avg_sq"]).any()


# ---------------------------------------------------------------- averages,
# tuned momentum, the schedule


@given(
    beta=st.floats(0, 0.999),
    seed=st.integers(0, 10**6),
    steps=st.integers(1, 30),
)
def test_moving_average_is_the_weighted_mean_of_its_formula(beta, seed, steps):
    x = rand(steps, 2, seed=seed)
    weights = torch.tensor(
        [beta ** (steps - 1 - i) for i in range(steps)], dtype=torch.float64
    )
    raw = op.moving_average(x, beta, bias_correction=False)[-1]
    torch.testing.assert_close(
        raw, (1 - beta) * (weights @ x), rtol=1e-10, atol=1e-14
    )
    torch.testing.assert_close(
        op.moving_average(x, beta)[-1],
        weights @ x / weights.sum(),
        rtol=1e-9,
        atol=1e-14,
    )


def test_the_averages_of_adam_are_moving_averages():
    grads, state = gradients(steps=30), {}
    for t, grad in enumerate(grads, start=1):
        _, state = adam(
            rand(4, 3), grad, state, lr=float(t)
        )  # whatever the learning rate
    assert_close(
        state["exp_avg"],
        op.moving_average(grads, 0.9, bias_correction=False)[-1],
    )
    assert_close(
        state["exp_avg_sq"],
        op.moving_average(grads.square(), 0.999, bias_correction=False)[-1],
    )


@pytest.mark.parametrize("kappa", [1.0, 4.0, 100.0, 1e4])
def test_tuned_momentum_contracts_both_ends_by_the_root_of_momentum(
    kappa,
):
    lr, momentum = op.tuned_momentum(3.0, 3.0 * kappa)
    for eigenvalue in (3.0, math.sqrt(kappa) * 3.0, 3.0 * kappa):
        step = torch.tensor(
            [[1 + momentum - lr * eigenvalue, -momentum], [1.0, 0.0]],
            dtype=torch.float64,
        )
        best = (math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)
        assert torch.linalg.eigvals(step).abs().max().item() == pytest.approx(
            best, abs=1e-6
        )


@pytest.mark.parametrize("momentum", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("product", [0.05, 0.9, 2.25, 3.5])
def test_the_iteration_matrix_takes_momentums_steps(product, momentum):
    """The start stands still: before the first step, both places are one."""
    matrix = op.iteration_matrix(product / 0.1, 0.1, momentum)
    places = torch.ones(2, dtype=torch.float64)
    w, state = torch.ones(1, dtype=torch.float64), {}
    for _ in range(30):
        w, state = sgd(w, product / 0.1 * w, state, lr=0.1, momentum=momentum)
        places = matrix @ places
        torch.testing.assert_close(places[:1], w, rtol=1e-10, atol=1e-12)
    roots = torch.linalg.eigvals(matrix)
    assert roots.prod().real == pytest.approx(momentum, abs=1e-12)
    assert roots.sum().real == pytest.approx(1 + momentum - product)


@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (3, 6, 6)])
def test_orthogonalize_is_a_polynomial_of_the_singular_values(shape):
    matrix = rand(*shape)
    U, s, Vh = torch.linalg.svd(matrix, full_matrices=False)
    s = s / s.norm(dim=-1, keepdim=True)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    assert_close(op.orthogonalize(matrix), U * s.unsqueeze(-2) @ Vh)
    assert_close(op.orthogonalize(1e6 * matrix), op.orthogonalize(matrix))
    zero = torch.zeros(2, 2, dtype=torch.float64)
    assert op.orthogonalize(zero).equal(zero)


@pytest.mark.skipif(
    not hasattr(torch.optim, "Muon"), reason="torch has Muon from 2.9 on"
)
@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.1, "momentum": 0.5},
        {"lr": 0.1, "nesterov": False, "weight_decay": 0.0},
        {"lr": 0.1, "weight_decay": 1.0, "eps": 10.0},
    ],
)
def test_muon_is_torchs_but_for_bfloat16(monkeypatch, shape, options):
    """With torch's bfloat16 made float64, both take the same path."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    start, grads = rand(*shape, seed=1), gradients(shape=shape)
    p = start.clone().requires_grad_()
    theirs = torch.optim.Muon([p], **options)
    for grad in grads:
        p.grad = grad.clone()
        theirs.step()
    assert_close(rule_run(op.muon, options, grads, start), p.detach())


def test_muon_takes_a_stack_of_matrices_one_by_one():
    start, grads = rand(3, 4, 6), gradients(steps=20, shape=(3, 4, 6))
    together = rule_run(op.muon, {"lr": 0.1}, grads, start)
    for i in range(3):
        alone = rule_run(op.muon, {"lr": 0.1}, grads[:, i], start[i])
        assert_close(together[i], alone)


def test_warmup_cosine_rises_to_one_and_falls_to_its_floor():
    factors = [
        op.warmup_cosine(t, warmup=10, total=100, floor=0.1) for t in range(120)
    ]
    assert factors[0] == 0.1 and factors[9] == factors[10] == 1.0
    assert all(a < b for a, b in itertools.pairwise(factors[:10]))
    assert all(a > b for a, b in itertools.pairwise(factors[10:101]))
    assert factors[100] == factors[119] == pytest.approx(0.1)


def test_warmup_cosine_is_torchs_cosine_and_drives_both_ways_of_training():
    schedule = functools.partial(op.warmup_cosine, warmup=0, total=20)
    p = [torch.zeros(1, requires_grad=True)]
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(
        torch.optim.SGD(p, lr=1.0), T_max=20
    )
    ours = torch.optim.lr_scheduler.LambdaLR(SGD(p, lr=1.0), schedule)
    for _ in range(20):
        assert ours.get_last_lr()[0] == pytest.approx(
            reference.get_last_lr()[0], abs=1e-12
        )
        for each in (ours, reference):
            each.optimizer.step()
            each.step()
    options = dict(
        loss=nn.functional.mse_loss,
        rule=sgd,
        seeds=[0],
        batch_size=None,
        lr=0.1,
    )
    make = lambda: nn.Linear(4, 2).double()  # noqa: E731
    all_at_once = fit_many(
        make, (X, Y), epochs=1, schedule=lambda t: 0.5, **options
    )
    assert_close(
        fit_many(
            make,
            (X, Y),
            epochs=1,
            schedule=functools.partial(op.warmup_cosine, warmup=2, total=9),
            **options,
        ).params["weight"],
        all_at_once.params["weight"],
    )


# ---------------------------------------------------------------- the faces are
# optimizers of torch

MORE = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "Adam": {"lr": 0.01},
    "AdamW": {"lr": 0.01},
}
MORE |= {
    "Adagrad": {"lr": 0.1, "lr_decay": 0.1},
    "RMSprop": {"lr": 0.01, "momentum": 0.5, "centered": True},
}
OWN = {
    "SGD": {"momentum": 0.1},
    "Adagrad": {"eps": 0.1},
    "RMSprop": {"alpha": 0.5},
}  # of a parameter group


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double()


X, Y = rand(20, 4), rand(20, 2, seed=1)


def pair(kind, groups=lambda model: model.parameters()):
    """The same net twice: under the companion's optimizer and under torch's."""
    ours, theirs = net(), net()
    return (ours, TRIPLES[kind][1](groups(ours), **MORE[kind])), (
        theirs,
        TRIPLES[kind][2](groups(theirs), **MORE[kind], foreach=False),
    )


def train(model, optimizer, steps=20, scheduler=None):
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(X), Y).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def assert_same_weights(a, b):
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert_close(p.detach(), q.detach())


@pytest.fixture(autouse=True)
def _random_state():
    with torch.random.fork_rng():
        yield


@kinds
@pytest.mark.parametrize(
    "through_a_file", [False, True], ids=["deepcopy", "torch.save"]
)
def test_state_dict_round_trip(kind, through_a_file):
    (ours, optimizer), (theirs, reference) = pair(kind)
    train(ours, optimizer, 10)
    train(theirs, reference, 20)
    state = copy.deepcopy(optimizer.state_dict())
    if through_a_file:
        torch.save(state, file := io.BytesIO())
        file.seek(0)
        state = torch.load(file, weights_only=True)
    resumed = copy.deepcopy(ours)
    fresh = TRIPLES[kind][1](resumed.parameters(), lr=7.0)
    fresh.load_state_dict(state)
    assert fresh.param_groups[0]["lr"] == MORE[kind]["lr"]
    train(resumed, fresh, 10)
    assert_same_weights(resumed, theirs)
    forgetful = TRIPLES[kind][1](
        ours.parameters(), **MORE[kind]
    )  # without its state the path is another
    train(ours, forgetful, 10)
    assert (ours[0].weight - theirs[0].weight).norm() > 1e-6


@kinds
def test_state_is_kept_per_parameter_under_torchs_names(kind):
    (ours, optimizer), (theirs, reference) = pair(kind)
    train(ours, optimizer, 5)
    train(theirs, reference, 5)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert optimizer.state[mine].keys() == reference.state[other].keys()
        for name, value in reference.state[other].items():
            assert_close(
                torch.as_tensor(
                    optimizer.state[mine][name], dtype=torch.float64
                ),
                value.double(),
            )


@kinds
@pytest.mark.parametrize(
    "schedule",
    [
        functools.partial(torch.optim.lr_scheduler.StepLR, step_size=5),
        functools.partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=20),
        functools.partial(
            torch.optim.lr_scheduler.LambdaLR, lr_lambda=lambda t: 1 / (1 + t)
        ),
    ],
    ids=["StepLR", "CosineAnnealingLR", "LambdaLR"],
)
def test_schedulers_drive_the_learning_rate(kind, schedule):
    (ours, optimizer), (theirs, reference) = pair(kind)
    train(ours, optimizer, 20, schedule(optimizer))
    train(theirs, reference, 20, schedule(reference))
    assert_same_weights(ours, theirs)
    train(
        constant := net(),
        TRIPLES[kind][1](constant.parameters(), **MORE[kind]),
        20,
    )
    assert (constant[0].weight - ours[0].weight).norm() > 1e-3


@kinds
def test_parameter_groups_have_options_of_their_own(kind):
    def groups(model):
        return [
            {"params": model[0].parameters(), "lr": 0.001, "weight_decay": 0.5},
            {"params": [model[2].weight]}
            | OWN.get(kind, {"betas": (0.5, 0.6)}),
        ]

    def last(model):
        return {"params": [model[2].bias], "lr": 0.3}

    (ours, optimizer), _ = pair(kind, groups)
    optimizer.add_param_group(last(ours))
    # torch gets all groups at once: the Adagrad of torch 2.6 cannot take a step
    # with a group that came later.
    _, (theirs, reference) = pair(
        kind, lambda model: [*groups(model), last(model)]
    )
    train(ours, optimizer)
    train(theirs, reference)
    assert_same_weights(ours, theirs)
    assert len(optimizer.param_groups) == 3


@kinds
def test_step_runs_a_closure_once_and_returns_its_loss(kind):
    (ours, optimizer), (theirs, reference) = pair(kind)
    calls = []

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(ours(X), Y)
        loss.backward()
        calls.append(loss.item())
        return loss

    with torch.no_grad():  # step turns gradients back on for the closure
        returned = [optimizer.step(closure).item() for _ in range(5)]
    assert returned == calls
    train(theirs, reference, 5)
    assert_same_weights(ours, theirs)
    assert optimizer.step() is None


@kinds
def test_parameters_without_gradient_do_not_move(kind):
    used, unused = (
        torch.ones(2, dtype=torch.float64).requires_grad_(),
        torch.ones(2).requires_grad_(),
    )
    optimizer = TRIPLES[kind][1](
        [used, unused], **MORE[kind] | {"weight_decay": 0.5}
    )
    for _ in range(3):
        used.grad = torch.ones(2, dtype=torch.float64)
        optimizer.step()
    assert unused.equal(torch.ones(2))
    assert used.ne(1).all()
    assert not optimizer.state.get(unused)


@kinds
def test_faces_update_in_place_and_leave_the_gradient(kind):
    p = rand(3).requires_grad_()
    address, p.grad = p.data_ptr(), rand(3, seed=1)
    before = p.grad.clone()
    TRIPLES[kind][1]([p], **MORE[kind]).step()
    assert p.data_ptr() == address and p.requires_grad and p.is_leaf
    assert p.grad.equal(before)


def sparse_step(face, **options):
    torch.manual_seed(0)
    table = torch.nn.Embedding(4, 2, sparse=True, dtype=torch.float64)
    optimizer = face(table.parameters(), **options)
    for row in (1, 2, 1):
        optimizer.zero_grad()
        table(torch.tensor([row, 0])).square().sum().backward()
        optimizer.step()
    return table.weight.detach()


@pytest.mark.parametrize(
    "options",
    [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}],
    ids=["plain", "momentum"],
)
def test_sgd_takes_sparse_gradients_as_torch_does(options):
    assert_close(
        sparse_step(SGD, **options), sparse_step(torch.optim.SGD, **options)
    )


# ---------------------------------------------------------------- bad input

P = [torch.zeros(1, requires_grad=True)]
NOT_AT_LEAST_0 = "must be finite and at least 0, got"
BAD = {
    "SGD, negative lr": (
        lambda: SGD(P, lr=-0.1),
        ValueError,
        f"lr {NOT_AT_LEAST_0} -0.1",
    ),
    "SGD, NaN lr": (
        lambda: SGD(P, lr=math.nan),
        ValueError,
        f"lr {NOT_AT_LEAST_0} nan",
    ),
    "SGD, infinite lr": (
        lambda: SGD(P, lr=math.inf),
        ValueError,
        f"lr {NOT_AT_LEAST_0} inf",
    ),
    "SGD, lr a word": (
        lambda: SGD(P, lr="fast"),
        TypeError,
        "lr must be a number or a tensor, got str",
    ),
    "SGD, lr None": (
        lambda: SGD(P, lr=None),
        TypeError,
        "lr must be a number or a tensor, got NoneType",
    ),
    "SGD, lr True": (
        lambda: SGD(P, lr=True),
        TypeError,
        "lr must be a number or a tensor, got bool",
    ),
    "SGD, Nesterov with a word for momentum": (
        lambda: SGD(P, momentum="a", nesterov=True),
        TypeError,
        "momentum must be a number or a tensor, got str",
    ),
    "Adam, complex": (
        lambda: Adam([P[0].detach() + 1j]),
        TypeError,
        "params must be real, got torch.complex64",
    ),
    "Adam, sparse": (
        lambda: sparse_step(Adam),
        ValueError,
        "gradients must be dense, got a sparse one; make the emb",
    ),
    "SGD, sparse with decay": (
        lambda: sparse_step(SGD, weight_decay=0.1),
        ValueError,
        "gradients must be dense, got a sparse one",
    ),
    "SGD, negative momentum": (
        lambda: SGD(P, momentum=-1.0),
        ValueError,
        f"momentum {NOT_AT_LEAST_0} -1.0",
    ),
    "SGD, NaN dampening": (
        lambda: SGD(P, dampening=math.nan),
        ValueError,
        "dampening must be finite, got nan",
    ),
    "SGD, infinite dampening": (
        lambda: SGD(P, dampening=-math.inf),
        ValueError,
        "dampening must be finite, got -inf",
    ),
    "SGD, negative decay": (
        lambda: SGD(P, weight_decay=-1.0),
        ValueError,
        f"weight_decay {NOT_AT_LEAST_0} -1.0",
    ),
    "SGD, Nesterov without momentum": (
        lambda: SGD(P, nesterov=True),
        ValueError,
        (
            "nesterov needs momentum above 0 and dampening 0, got momentum 0.0"
            " and dampening 0.0"
        ),
    ),
    "SGD, Nesterov with dampening": (
        lambda: SGD(P, momentum=0.9, dampening=0.1, nesterov=True),
        ValueError,
        (
            "nesterov needs momentum above 0 and dampening 0, got momentum 0.9"
            " and dampening 0.1"
        ),
    ),
    "SGD, Nesterov a number": (
        lambda: SGD(P, momentum=0.9, nesterov=1),
        TypeError,
        "nesterov must be True or False, got 1",
    ),
    "Adam, beta1 of 1": (
        lambda: Adam(P, betas=(1.0, 0.9)),
        ValueError,
        "beta1 must be finite and in [0, 1), got 1.0",
    ),
    "Adam, beta2 of 1": (
        lambda: Adam(P, betas=(0.9, 1.0)),
        ValueError,
        "beta2 must be finite and in [0, 1), got 1.0",
    ),
    "Adam, negative beta1": (
        lambda: Adam(P, betas=(-0.1, 0.9)),
        ValueError,
        "beta1 must be finite and in [0, 1), got",
    ),
    "Adam, one beta": (
        lambda: Adam(P, betas=0.9),
        TypeError,
        "betas must be a pair (beta1, beta2), got 0.9",
    ),
    "Adam, three betas": (
        lambda: Adam(P, betas=(0.9,) * 3),
        TypeError,
        "betas must be a pair (beta1, beta2), got (0.",
    ),
    "Adam, negative eps": (
        lambda: Adam(P, eps=-1.0),
        ValueError,
        f"eps {NOT_AT_LEAST_0} -1.0",
    ),
    "Adam, AMSGrad a number": (
        lambda: Adam(P, amsgrad=1),
        TypeError,
        "amsgrad must be True or False, got 1",
    ),
    "Adagrad, negative lr decay": (
        lambda: Adagrad(P, lr_decay=-1.0),
        ValueError,
        f"lr_decay {NOT_AT_LEAST_0} -1.0",
    ),
    "Adagrad, negative start": (
        lambda: Adagrad(P, initial_accumulator_value=-1.0),
        ValueError,
        "initial_accumulator_value must be finite and",
    ),
    "RMSprop, alpha of 1": (
        lambda: RMSprop(P, alpha=1.0),
        ValueError,
        "alpha must be finite and in [0, 1), got 1.0",
    ),
    "RMSprop, negative momentum": (
        lambda: RMSprop(P, momentum=-1.0),
        ValueError,
        f"momentum {NOT_AT_LEAST_0} -1.0",
    ),
    "RMSprop, centered a word": (
        lambda: RMSprop(P, centered="yes"),
        TypeError,
        "centered must be True or False, got",
    ),
    "Lion, beta2 of 1": (
        lambda: Lion(P, betas=(0.9, 1.0)),
        ValueError,
        "beta2 must be finite and in [0, 1), got 1.0",
    ),
    "average, a list": (
        lambda: op.moving_average([1.0], 0.9),
        TypeError,
        "x must be a tensor of floating-point numbers, got list",
    ),
    "average, whole numbers": (
        lambda: op.moving_average(torch.ones(3).long(), 0.9),
        TypeError,
        "x must be a tensor of floating-point numbers, got torch.int64",
    ),
    "average, empty": (
        lambda: op.moving_average(torch.ones(0), 0.9),
        ValueError,
        "x must have at least 1 dimension, none empty, got shape (0,)",
    ),
    "average, beta of 1": (
        lambda: op.moving_average(torch.ones(3), 1.0),
        ValueError,
        "beta must be below 1, got 1.0",
    ),
    "average, beta below 0": (
        lambda: op.moving_average(torch.ones(3), -0.1),
        ValueError,
        "beta must be finite and at least 0, got -0.1",
    ),
    "average, a word": (
        lambda: op.moving_average(torch.ones(3), "0.9"),
        TypeError,
        "beta must be a number, got str",
    ),
    "tuned momentum, a word": (
        lambda: op.tuned_momentum("1", 9.0),
        TypeError,
        "smallest must be a number, got str",
    ),
    "schedule, a word": (
        lambda: op.warmup_cosine(0, warmup="1", total=2),
        TypeError,
        "warmup must be a number, got str",
    ),
    "tuned momentum, zero": (
        lambda: op.tuned_momentum(0.0, 1.0),
        ValueError,
        "smallest must be finite and above 0, got 0.0",
    ),
    "tuned momentum, order": (
        lambda: op.tuned_momentum(2.0, 1.0),
        ValueError,
        "largest must be finite and at least 2, got 1.0",
    ),
    "orthogonalize, a vector": (
        lambda: op.orthogonalize(torch.ones(3)),
        ValueError,
        "matrix must have at least two dimensions and steps be at least 0, got"
        " (3,) and 5",
    ),
    "orthogonalize, negative steps": (
        lambda: op.orthogonalize(torch.ones(3, 3), steps=-1),
        ValueError,
        "matrix must have at least two dimensions and steps be at least 0, got"
        " (3, 3) and -1",
    ),
    "schedule, negative step": (
        lambda: op.warmup_cosine(-1, warmup=1, total=2),
        ValueError,
        "step must be finite and at least 0, got -1",
    ),
    "schedule, all warm-up": (
        lambda: op.warmup_cosine(0, warmup=2, total=2),
        ValueError,
        "total must be finite and above 2, got 2",
    ),
    "schedule, floor": (
        lambda: op.warmup_cosine(0, warmup=0, total=2, floor=2),
        ValueError,
        "floor must be in [0, 1], got 2",
    ),
    "AdamW, negative lr": (
        lambda: AdamW(P, lr=-1.0),
        ValueError,
        f"lr {NOT_AT_LEAST_0} -1.0",
    ),
    "AdamW, negative decay": (
        lambda: AdamW(P, weight_decay=-1.0),
        ValueError,
        f"weight_decay {NOT_AT_LEAST_0} -1.0",
    ),
    "a group": (
        lambda: AdamW([{"params": P, "lr": -1.0}]),
        ValueError,
        f"lr {NOT_AT_LEAST_0} -1.0",
    ),
    "a group that comes later": (
        lambda: SGD(P).add_param_group(
            {"params": [torch.zeros(1, requires_grad=True)], "lr": -1.0}
        ),
        ValueError,
        f"lr {NOT_AT_LEAST_0} -1.0",
    ),
    "no parameters": (
        lambda: SGD([]),
        ValueError,
        "optimizer got an empty parameter list",
    ),
    "unknown name": (
        lambda: check_hyperparameters(adam, {"momentum": 0.9}),
        ValueError,
        (
            "adam has no hyper-parameter 'momentum'; it has lr, beta1, beta2,"
            " eps, weight_decay"
        ),
    ),
    "one bad value in a tensor": (
        lambda: check_hyperparameters(sgd, {"lr": torch.tensor([0.5, -0.5])}),
        ValueError,
        f"lr {NOT_AT_LEAST_0} [0.5, -0.5]",
    ),
    "Nesterov a tensor": (
        lambda: check_hyperparameters(sgd, {"nesterov": torch.tensor([True])}),
        TypeError,
        "nesterov must be True or False, got tensor([True])",
    ),
    "a list": (
        lambda: check_hyperparameters(sgd, {"lr": [0.1]}),
        TypeError,
        "lr must be a number or a tensor, got li",
    ),
}


@pytest.mark.parametrize(
    ("call", "kind", "message"), BAD.values(), ids=BAD.keys()
)
def test_refuses(call, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        call()


@pytest.mark.parametrize(
    ("rule", "hyper"),
    [
        (sgd, {"lr": 0, "momentum": 1.5, "dampening": -1.0, "nesterov": True}),
        (adam, {"beta1": 0.0, "eps": 0}),
        (sgd, {"lr": torch.tensor([0.0, 1.0])}),
        (adamw, {}),
    ],
)
def test_values_at_the_edge_of_their_range_are_allowed(rule, hyper):
    check_hyperparameters(rule, hyper)


def test_hyper_parameters_are_the_keyword_arguments_in_order():
    assert rule_hyperparameters(sgd) == [
        "lr",
        "momentum",
        "dampening",
        "weight_decay",
        "nesterov",
    ]


# ---------------------------------------------------------------- exercises


def adam_step(
    m_power=1,
    v_power=1,
    shift=0,
    root=0.5,
    sign=-1,
    stale=False,
    eps=1e-8,
    inside=0.0,
):
    def step(w, m, v, g, t, lr):
        new_m, new_v = m.lerp(g, 0.1), v.lerp(g * g, 0.001)
        m, v = (m, v) if stale else (new_m, new_v)
        m, v = (
            m / (1 - 0.9 ** (t - shift)) ** m_power,
            v / (1 - 0.999 ** (t - shift)) ** v_power,
        )
        return w + sign * lr * m / ((v + inside) ** root + eps)

    return step


def efficient(w, m, v, g, t, lr):
    """The paper's second form of the step, with eps as it stands."""
    m, v = m.lerp(g, 0.1), v.lerp(g * g, 0.001)
    rate = lr * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
    return w - rate * m / (v**0.5 + 1e-8)


def by_face(w, m, v, g, t, lr):
    """The right answer, by torch itself."""
    p = w.clone().requires_grad_()
    optimizer = torch.optim.Adam([p], lr=lr)
    optimizer.state[p] = {
        "step": torch.tensor(t - 1.0),
        "exp_avg": m.clone(),
        "exp_avg_sq": v.clone(),
    }
    p.grad = g
    optimizer.step()
    return p.detach()


EXERCISES = {
    "by hand, right": (op.check_first_step_by_hand, 0.01, "Right"),
    "by hand, stub": (op.check_first_step_by_hand, ..., "put your number"),
    "by hand, SGD": (
        op.check_first_step_by_hand,
        10,
        "that is the step of SGD",
    ),
    "by hand, uncorrected": (
        op.check_first_step_by_hand,
        0.0316,
        "without bias correction",
    ),
    "by hand, m uncorrected": (
        op.check_first_step_by_hand,
        0.001,
        "m is 100 after one step",
    ),
    "by hand, one": (
        op.check_first_step_by_hand,
        1,
        "Divide them, then multiply by lr",
    ),
    "by hand, sign": (op.check_first_step_by_hand, -0.01, "a length"),
    "momentum, right": (
        op.check_momentum_step,
        lambda w, v, g, lr, mu: (w - lr * (g + mu * v), g + mu * v),
        "Right",
    ),
    "momentum, stub": (
        op.check_momentum_step,
        lambda w, v, g, lr, mu: None,
        "write its body",
    ),
    "momentum, old buffer": (
        op.check_momentum_step,
        lambda w, v, g, lr, mu: (w - lr * v, mu * v + g),
        "renew the",
    ),
    "momentum, average": (
        op.check_momentum_step,
        lambda w, v, g, lr, mu: (w - lr * v.lerp(g, 1 - mu), v.lerp(g, 1 - mu)),
        "not an",
    ),
    "momentum, lr inside": (
        op.check_momentum_step,
        lambda w, v, g, lr, mu: (w - mu * v - lr * g, mu * v + lr * g),
        "out of the",
    ),
    "momentum, sign": (
        op.check_momentum_step,
        lambda w, v, g, lr, mu: (w + lr * (g + mu * v), g + mu * v),
        "mind its sign",
    ),
    "momentum, Nesterov": (
        op.check_momentum_step,
        lambda w, v, g, lr, mu: (w - lr * (g + mu * (g + mu * v)), g + mu * v),
        "Nesterov's",
    ),
    "momentum, gradient": (
        op.check_momentum_step,
        lambda w, v, g, lr, mu: (w - lr * g, g + mu * v),
        "goes along the buffer",
    ),
    "Adam, right": (op.check_adam_step, adam_step(), "Right"),
    "Adam, by torch": (
        op.check_adam_step,
        by_face,
        "write the formula yourself",
    ),
    "Adam, efficient": (op.check_adam_step, efficient, "efficient form"),
    "Adam, stub": (
        op.check_adam_step,
        lambda w, m, v, g, t, lr: None,
        "write its body",
    ),
    "Adam, no correction": (
        op.check_adam_step,
        adam_step(0, 0),
        "the averages start at zero",
    ),
    "Adam, v uncorrected": (
        op.check_adam_step,
        adam_step(1, 0),
        "v needs its own",
    ),
    "Adam, m uncorrected": (
        op.check_adam_step,
        adam_step(0, 1),
        "m needs its own",
    ),
    "Adam, no root": (
        op.check_adam_step,
        adam_step(root=1),
        "square root of v_hat",
    ),
    "Adam, step before": (op.check_adam_step, adam_step(shift=1), "not t − 1"),
    "Adam, uphill": (op.check_adam_step, adam_step(sign=1), "mind its sign"),
    "Adam, stale": (op.check_adam_step, adam_step(stale=True), "renew m and v"),
    "Adam, eps inside": (
        op.check_adam_step,
        adam_step(eps=0.0, inside=1e-8),
        "outside the root",
    ),
    "Adam, no eps": (
        op.check_adam_step,
        adam_step(eps=0.0),
        "add eps to the root of v_hat",
    ),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_answer_back(name, capsys):
    assert_answers(*EXERCISES[name], capsys)


@kinds
@pytest.mark.parametrize(
    ("dtype", "size"), [(torch.float16, 300.0), (torch.float32, 1e20)]
)
@pytest.mark.parametrize("form", ["rule", "fast", "stacked"])
def test_squares_of_large_gradients_do_not_overflow(kind, dtype, size, form):
    rule, _, reference = TRIPLES[kind]
    theirs = nn.Parameter(torch.ones(3, dtype=dtype))
    optimizer = reference([theirs], lr=0.01)
    ours, state, hyper = theirs.detach().clone(), {}, {"lr": 0.01}
    if form == "stacked":  # as in a grid of fit_many
        decay = {"adam": "beta2", "adamw": "beta2", "rmsprop": "alpha"}
        name = decay.get(rule.__name__, "weight_decay")
        value = inspect.signature(rule).parameters[name].default
        hyper[name] = torch.full((3,), value, dtype=dtype)
    step = rule if form == "rule" else op._fast(rule)
    for _ in range(2):
        theirs.grad = torch.full_like(theirs, size)
        optimizer.step()
        ours, state = step(ours, theirs.grad.clone(), state, **hyper)
    torch.testing.assert_close(ours, theirs.detach(), rtol=5e-3, atol=0)


def test_orthogonalize_half_precision():
    X = op.orthogonalize(torch.full((2, 2), 300.0, dtype=torch.float16))
    torch.testing.assert_close(
        X.double(),
        op.orthogonalize(torch.ones(2, 2).double()),
        rtol=0.01,
        atol=0,
    )


RESUMED = [
    ("SGD", {"lr": 0.01, "momentum": 0.9}),
    ("Adagrad", {"lr": 0.01, "lr_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9, "centered": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01, "amsgrad": True}),
]


@pytest.mark.parametrize(("kind", "options"), RESUMED)
@pytest.mark.parametrize("ours_first", [False, True])
def test_a_saved_state_goes_on_as_in_torch(kind, options, ours_first):
    _, *pair = TRIPLES[kind]
    first, second = pair if ours_first else reversed(pair)
    *before, after = gradients(steps=6)
    w = nn.Parameter(rand(4, 3))
    optimizer = first([w], **options)
    for grad in before:
        w.grad = grad.clone()
        optimizer.step()
    start, other = w.detach().clone(), nn.Parameter(w.detach().clone())
    resumed = second([other], lr=7.0)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for parameter, each in ((w, optimizer), (other, resumed)):
        parameter.grad = after.clone()
        each.step()
    torch.testing.assert_close(other - start, w - start, rtol=1e-11, atol=1e-15)


@kinds
def test_maximize_goes_uphill_as_in_torch(kind):
    _, face, reference = TRIPLES[kind]
    weights = [nn.Parameter(rand(4, 3)) for _ in range(2)]
    pair = [
        each([w], lr=0.01, maximize=True)
        for each, w in zip((face, reference), weights, strict=True)
    ]
    for grad in gradients(steps=3):
        for w, optimizer in zip(weights, pair, strict=True):
            w.grad = grad.clone()
            optimizer.step()
            assert w.grad.equal(grad)
    assert_close(*weights)
    loaded = face([weights[0]])
    loaded.load_state_dict(pair[1].state_dict())
    assert loaded.param_groups[0]["maximize"] is True


@pytest.mark.parametrize(
    "name", ["capturable", "differentiable", "decoupled_weight_decay"]
)
def test_options_of_torch_that_are_missing_are_refused(name):
    optimizer = Adam([nn.Parameter(torch.ones(1))])
    with pytest.raises(ValueError, match=f"^{name} must be False, got True"):
        Adam([{"params": nn.Parameter(torch.ones(1)), name: True}])
    state = optimizer.state_dict()
    state["param_groups"][0][name] = True
    with pytest.raises(ValueError, match=f"^{name} must be False, got True"):
        optimizer.load_state_dict(state)
    assert name not in optimizer.param_groups[0]


def test_adamw_takes_the_state_of_torchs_adamw():
    theirs = torch.optim.AdamW([nn.Parameter(torch.ones(1))], lr=0.25)
    state = theirs.state_dict()
    state["param_groups"][0]["decoupled_weight_decay"] = True
    optimizer = AdamW([nn.Parameter(torch.ones(1))])
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_the_rate_is_one_number():
    w = nn.Parameter(torch.ones(2))
    with pytest.raises(
        ValueError, match=re.escape("lr must be one number, got a tensor of")
    ):
        SGD([w], lr=torch.tensor([0.1, 0.2]))
    optimizer = SGD([w], lr=torch.tensor([[[0.5]]]))
    w.grad = torch.ones(2)
    optimizer.step()
    assert w.tolist() == [0.5, 0.5]


def test_a_refused_group_is_not_trained():
    optimizer = SGD([nn.Parameter(torch.ones(1))])
    with pytest.raises(ValueError, match=r"^lr must be"):
        optimizer.add_param_group(
            {"params": [nn.Parameter(torch.ones(1))], "lr": -1.0}
        )
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5)])
def test_rates_of_numpy_become_pythons(value):
    optimizer = SGD([nn.Parameter(torch.ones(1))], lr=value, momentum=value)
    group = optimizer.param_groups[0]
    assert type(group["lr"]) is type(group["momentum"]) is float
    check_hyperparameters(sgd, {"lr": value})


@pytest.mark.parametrize("rule", [adam, adamw, rmsprop, adagrad])
def test_rules_can_be_differentiated_and_mapped(rule):
    def end(lr, eps):
        w, state = torch.ones(2, dtype=torch.float64), {}
        for _ in range(3):
            w, state = rule(w, 2 * w, state, lr=lr, eps=eps)
        return w.sum()

    lr, eps = rand(3).abs() / 10, rand(3).abs()
    assert torch.autograd.gradcheck(
        end, [lr[0].clone().requires_grad_(), eps[0].clone().requires_grad_()]
    )
    mapped = torch.func.vmap(end)(lr, eps)
    one_by_one = [end(*each) for each in zip(lr, eps, strict=True)]
    torch.testing.assert_close(mapped, torch.stack(one_by_one))
