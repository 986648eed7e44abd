"""What arguments may be, and the sentence that refuses the rest."""

import math

import numpy as np
import pytest
import torch
from torch.func import vmap

from companion import (
    augmentation,
    backpropagation,
    batch_norm,
    capstone,
    data,
    dropout,
    early_stopping,
    ensembles,
    gradient_descent,
    gradients,
    initialization,
    losses,
    overfitting,
    weight_decay,
)
from companion.arguments import (
    at_least_float32,
    check_floats,
    check_int,
    check_real,
    check_seed,
    check_tensor,
    in_float32,
    mapped,
    plain,
    surely,
)


@pytest.mark.parametrize(
    ("check", "value", "limits"),
    [
        (check_tensor, torch.tensor(1), {}),
        (check_floats, torch.tensor(math.nan), {}),
        (check_floats, torch.ones(0), {}),
        (check_floats, torch.ones(2, 3), {"dims": 2, "shape": (2, 3)}),
        (check_int, 1, {}),
        (check_int, 0, {"low": 0, "high": 0}),
        (check_int, np.int8(3), {}),
        (check_real, np.float32(0.5), {"above": 0}),
        (check_real, np.int64(1), {}),
        (check_seed, 2**32 - 1, {}),
        (check_seed, np.int64(0), {}),
        (check_real, -1e9, {}),
        (check_real, 0, {"low": 0}),
        (check_real, 1.0, {"above": 0, "high": 1}),
    ],
)
def test_what_is_allowed_passes(check, value, limits):
    assert check("x", value, **limits) is None


@pytest.mark.parametrize(
    ("check", "value", "limits", "error", "sentence"),
    [
        (
            check_tensor,
            1.0,
            {},
            TypeError,
            "x must be a torch.Tensor, got float",
        ),
        (
            check_floats,
            [1.0],
            {},
            TypeError,
            "x must be a tensor of floating-point numbers, got list",
        ),
        (
            check_floats,
            torch.tensor(1),
            {},
            TypeError,
            "x must be a tensor of floating-point numbers, got torch.int64",
        ),
        (
            check_floats,
            torch.tensor(1.0),
            {"dims": 1},
            ValueError,
            "x must have at least 1 dimension, none empty, got shape ()",
        ),
        (
            check_floats,
            torch.ones(2, 0),
            {"dims": 2},
            ValueError,
            "x must have at least 2 dimensions, none empty, got shape (2, 0)",
        ),
        (
            check_floats,
            torch.ones(2),
            {"shape": (3,)},
            ValueError,
            "x must have shape (3,), got (2,)",
        ),
        (
            check_floats,
            np.ones(2),
            {},
            TypeError,
            "x must be a tensor of floating-point numbers, got ndarray",
        ),
        (check_int, np.True_, {}, TypeError, "x must be an int, got bool"),
        (
            check_int,
            np.float64(1),
            {},
            TypeError,
            "x must be an int, got float64",
        ),
        (
            check_seed,
            2**32,
            {},
            ValueError,
            "x must be between 0 and 4294967295, got 4294967296",
        ),
        (check_int, True, {}, TypeError, "x must be an int, got bool"),
        (check_int, 1.0, {}, TypeError, "x must be an int, got float"),
        (check_int, 0, {}, ValueError, "x must be at least 1, got 0"),
        (
            check_int,
            3,
            {"low": 0, "high": 2},
            ValueError,
            "x must be between 0 and 2, got 3",
        ),
        (check_real, "1", {}, TypeError, "x must be a number, got str"),
        (check_real, False, {}, TypeError, "x must be a number, got bool"),
        (check_real, math.nan, {}, ValueError, "x must be finite, got nan"),
        (
            check_real,
            math.inf,
            {"low": 0},
            ValueError,
            "x must be finite and at least 0, got inf",
        ),
        (
            check_real,
            -0.1,
            {"low": 0},
            ValueError,
            "x must be finite and at least 0, got -0.1",
        ),
        (
            check_real,
            0,
            {"above": 0},
            ValueError,
            "x must be finite and above 0, got 0",
        ),
        (
            check_real,
            2,
            {"above": 0, "high": 1},
            ValueError,
            "x must be in (0, 1], got 2",
        ),
        (
            check_real,
            2,
            {"low": 0, "high": 1},
            ValueError,
            "x must be in [0, 1], got 2",
        ),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_sentence(
    check, value, limits, error, sentence
):
    with pytest.raises(error) as refused:
        check("x", value, **limits)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_at_least_float32(narrow, wide):
    x = torch.ones(2, dtype=narrow, requires_grad=True)
    y = at_least_float32(x)
    assert y.dtype == wide and (y is x) == (narrow == wide)
    y.sum().backward()
    assert x.grad.dtype == narrow


def test_plain_numbers():
    found = [plain(x) for x in (np.float32(0.5), np.int8(2), np.True_, "a")]
    assert found == [0.5, 2, True, "a"]
    assert [type(x) for x in found] == [float, int, bool, str]


# Values that cannot be looked at ----------------------------------------------

CHANCE = torch.Generator().manual_seed(0)
X = torch.randn(20, 3, generator=CHANCE, dtype=torch.float64)
Y = X.sum(1).sin()
SQUARE = X[:3] @ X[:3].T
RATES = torch.tensor([0.1, 0.5], dtype=torch.float64)
EPOCHS = torch.tensor([[2, 3], [1, 2]])
# Functions that look at the values of a tensor, and one that they take.
MAPPED = {
    "check_data": (lambda X: X * (data.check_data(X, X) is None), X),
    "flip_labels": (lambda y: data.flip_labels(y, 0.0, 4), EPOCHS),
    "l1_penalty": (lambda lam: weight_decay.l1_penalty(X, lam), RATES),
    "l2_penalty": (lambda lam: weight_decay.l2_penalty(X, lam), RATES),
    "convert": (lambda lam: weight_decay.convert_penalty(lam, "λ"), RATES),
    "ridge": (lambda lam: weight_decay.ridge(X, Y, lam), RATES),
    "ridge of y": (lambda y: weight_decay.ridge(X, y, 0.1), torch.stack([Y])),
    "ista": (lambda lam: weight_decay.ista(X, Y, lam, 20), RATES),
    "soft": (lambda t: weight_decay.soft_threshold(X, t), RATES),
    "least_squares": (lambda lam: overfitting.least_squares(X, Y, lam), RATES),
    "degrees": (
        lambda lam: overfitting.effective_degrees_of_freedom(X, lam),
        RATES,
    ),
    "leave_one_out": (
        lambda lam: overfitting.leave_one_out_errors(X, Y, lam),
        RATES,
    ),
    "dropout_ridge": (lambda p: dropout.dropout_ridge(X, Y, p), RATES),
    "expected_squared_error": (
        lambda p: dropout.expected_squared_error(X, Y, X[0], p),
        RATES,
    ),
    "huber": (lambda y: losses.huber_regression(X, y), torch.stack([Y, -Y])),
    "at_epoch": (lambda e: early_stopping.at_epoch(X[:2], e), EPOCHS),
    "shrinkage": (
        lambda c: early_stopping.descent_shrinkage(c, 0.1, 5),
        X.square(),
    ),
    "ridge_shrinkage": (
        lambda c: early_stopping.ridge_shrinkage(c, 0.1),
        X.square(),
    ),
    "average": (lambda w: ensembles.average(X, w), X[:, :2].T.square()),
    "expected_error": (lambda m: ensembles.expected_error(1.0, 0.1, m), EPOCHS),
    "vote": (lambda votes: ensembles.vote(votes, 4), EPOCHS),
    "cosine": (initialization.relu_correlation, RATES),
    "variance": (
        lambda v: initialization.next_variance(v, torch.relu, v, v),
        RATES,
    ),
    "learned_mode": (
        lambda s: initialization.learned_mode(1.0, s, s / 4),
        RATES,
    ),
    "half_time": (lambda s: initialization.half_time(s, s / 4), RATES),
    "step_limit": (gradient_descent.step_limit, X.square()),
    "best_step": (gradient_descent.best_step, X.square()),
}


@pytest.mark.parametrize("name", MAPPED)
def test_functions_can_be_mapped_over_what_they_check(name):
    function, values = MAPPED[name]
    mapped = vmap(function, randomness="different")(values)
    assert torch.equal(mapped.isnan(), torch.zeros_like(mapped, dtype=bool))
    for came, value in zip(mapped, values, strict=True):
        torch.testing.assert_close(came, function(value))


@pytest.mark.parametrize("name", ["ridge", "at_epoch", "leave_one_out"])
def test_functions_can_be_compiled_whole(name):
    function, (value, *_) = MAPPED[name]
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(value), function(value))


def test_what_is_sure():
    assert surely(True) and surely(torch.tensor(True))
    assert not surely(False) and not surely(torch.tensor(False))
    for transform in (vmap, lambda f: torch.func.grad(lambda x: f(x).sum())):
        seen = []

        def look(x, seen=seen):
            seen += [mapped(x), surely(x[0] > 0), surely(x[0] < 0)]
            return x

        transform(look)(torch.ones(2, 2))
        assert seen == [True, False, False]
    assert not mapped(torch.ones(2)) and not mapped(1.0)


# Half precision ---------------------------------------------------------------

WIDE = torch.randn(6, 40, generator=CHANCE, dtype=torch.float64)
TARGET = WIDE.mean(0)
# Ratios, roots and moments whose value is in the range of the type, though
# squares and sums on the way are not.
NARROW = {
    "l2_norm": lambda x: weight_decay.l2_norm(x),
    "error_correlation": lambda x: ensembles.error_correlation(x, x[0] / 2),
    "noise_scale": gradient_descent.noise_scale,
    "batch_noise": lambda x: gradient_descent.batch_noise(x, 2),
    "autocorrelation": lambda x: gradients.autocorrelation(x, 1),
    "generalization_loss": early_stopping.generalization_loss,
    "progress": lambda x: early_stopping.progress(x.clamp(300))[:, 4:],
    "bias_variance": lambda x: torch.stack(
        overfitting.bias_variance(x.clamp(2048, 2080), x[0] * 0 + 2048)
    ),
    "ambiguity_decomposition": lambda x: torch.stack(
        ensembles.ambiguity_decomposition(x.clamp(2048, 2080), x[0] * 0 + 2048)
    ),
    "sharpness": lambda x: gradient_descent.sharpness(
        lambda p: p["w"].square().sum(), {"w": x[0]}, {"w": x[0]}, 1
    )[0],
}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("centre", [0.0, 2000.0])
@pytest.mark.parametrize("name", NARROW)
def test_half_precision_keeps_what_fits_into_it(name, centre, dtype):
    x = (centre + 600 * WIDE).abs().to(dtype)
    came, exact = NARROW[name](x), NARROW[name](x.double())
    assert came.dtype == dtype
    torch.testing.assert_close(
        came.double(), exact, rtol=4 * torch.finfo(dtype).eps, atol=0
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64], ids=str)
def test_arguments_by_name_reach_a_function_in_float32(dtype):
    function = in_float32(lambda x, *, by: x * by)
    x = torch.tensor([1.0, 2.0], dtype=dtype)
    assert torch.equal(function(x, by=3), 3 * x)
    assert torch.equal(function(x=x, by=x), x * x)


@pytest.mark.parametrize(
    "call",
    [
        lambda X: weight_decay.ridge(X, X[:, 0], 0.1),
        lambda X: weight_decay.ista(X, X[:, 0], 0.1),
        lambda X: weight_decay.slope_bound([X]),
        lambda X: dropout.dropout_ridge(X, X[:, 0], 0.1),
        lambda X: overfitting.least_squares(X, X[:, 0]),
        lambda X: overfitting.effective_degrees_of_freedom(X, 0.1),
        lambda X: losses.huber_regression(X, X[:, 0]),
        lambda X: augmentation.noisy_least_squares(X, X[:, 0], 0.1, 2),
        lambda X: early_stopping.descent_weights(X, X[:, 0], 0.1, 2),
        lambda X: gradient_descent.critical_point(X.T @ X),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_what_solves_equations_refuses_half_precision(call, dtype):
    with pytest.raises(TypeError, match=r"must be float32 or float64, got to"):
        call(X.to(dtype))


# numpy ------------------------------------------------------------------------

PICTURES = X[:18].reshape(2, 3, 9)
NUMBERS = {
    "l1_penalty": lambda v: weight_decay.l1_penalty(X, v),
    "l2_penalty": lambda v: weight_decay.l2_penalty(X, v),
    "convert_penalty": lambda v: torch.tensor(
        weight_decay.convert_penalty(v, "λ/m", m=2)
    ),
    "ridge": lambda v: weight_decay.ridge(X, Y, v),
    "ista": lambda v: weight_decay.ista(X, Y, v),
    "soft_threshold": lambda v: weight_decay.soft_threshold(X, v),
    "dropout_ridge": lambda v: dropout.dropout_ridge(X, Y, v),
    "Dropout": lambda v: dropout.Dropout(v).p,
    "rotate": lambda v: augmentation.rotate(PICTURES, v),
    "clean_accuracy": lambda v: torch.tensor(
        float(capstone.clean_accuracy(v, v, num_classes=5))
    ),
    "false_alarm_rate": lambda v: torch.tensor(
        float(capstone.false_alarm_rate(3, level=v))
    ),
    "ridge_shrinkage": lambda v: early_stopping.ridge_shrinkage(X.square(), v),
    "least_squares": lambda v: overfitting.least_squares(X, Y, v),
    "learned_mode": lambda v: initialization.learned_mode(v, 2 * v, v),
    "huber_regression": lambda v: losses.huber_regression(X, Y, v),
    "quadratic_path": lambda v: gradient_descent.quadratic_path(
        X[0], X[1], lr=v, steps=3
    ),
    "finite_difference": lambda v: backpropagation.finite_difference(
        lambda x: x.sin().sum(), X, h=v
    ),
}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_numpy_is_a_number(name, kind):
    came, plain = NUMBERS[name](kind(0.25)), NUMBERS[name](0.25)
    assert isinstance(came, torch.Tensor)
    torch.testing.assert_close(came.double(), plain.double(), rtol=0, atol=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: weight_decay.ista(X, Y, 0.1, steps=v),
        lambda v: dropout.mc_predict(dropout.Dropout(0.5), X, samples=v),
        lambda v: dropout.mc_predict(dropout.Dropout(0.5), X, seed=v),
        lambda v: early_stopping.stop_patience(X[0], v),
        lambda v: [ensembles.majority_accuracy(0.4, v)],
        lambda v: overfitting.kfold(20, v)[0],
    ],
)
def test_an_int_of_numpy_is_an_int(call):
    came, plain = call(np.int64(3)), call(3)
    for ours, theirs in zip(came, plain, strict=True):
        torch.testing.assert_close(
            torch.as_tensor(ours), torch.as_tensor(theirs)
        )
    for wrong in (3.5, np.float64(3.0), "3", True):
        with pytest.raises(TypeError, match="must be an int, got"):
            call(wrong)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: capstone.SealedTest(X, torch.arange(20)).open(x),
        lambda x: ensembles.log_loss_decomposition(PICTURES, x),
        lambda x: early_stopping.at_epoch(X, x),
        lambda x: data.flip_labels(x, 0.1, 2),
    ],
)
def test_an_array_is_named_by_its_own_type(call):
    with pytest.raises(TypeError, match="got ndarray"):
        call(np.ones(3))


HALF = torch.ones(3, 2).half()
LAYERS = [torch.ones(1, 2), torch.ones(1)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: dropout.dropout_ridge(HALF, HALF[:, 0], 0.5),
            "X must be float32 or float64, got torch.float16",
        ),
        (
            lambda: early_stopping.descent_weights(HALF, HALF[:, 0], 0.1, 2),
            "X must be float32 or float64, got torch.float16",
        ),
        (
            lambda: augmentation.noisy_least_squares([[1.0]], HALF, 0.1, 2),
            "data: X must be a torch.Tensor, got list",
        ),
        (
            lambda: augmentation.cutout([[1.0]], 1),
            "X must be a tensor of floating-point numbers, got list",
        ),
        (
            lambda: backpropagation.mlp_forward(LAYERS, [[1.0, 2.0]]),
            "X must be a torch.Tensor, got list",
        ),
        (
            lambda: batch_norm.layer_norm([1.0], (1,)),
            "input must be a tensor of floating-point numbers, got list",
        ),
        (
            lambda: batch_norm.BatchNorm1d(2)([1.0]),
            "input must be a tensor of floating-point numbers, got list",
        ),
        (
            lambda: batch_norm.BatchNorm1d(2, momentum=2.0),
            "momentum must be in [0, 1], got 2.0",
        ),
        (
            lambda: overfitting.effective_degrees_of_freedom(HALF, 0.1),
            "X must be float32 or float64, got torch.float16",
        ),
        (
            lambda: gradient_descent.quadratic_path(
                torch.ones(2), torch.ones(2), lr=-1, steps=3
            ),
            "lr must be finite and at least 0, got -1",
        ),
        (
            lambda: augmentation.random_affine(torch.ones(2, 4, 4), pixels=-1),
            "pixels must be finite and at least 0, got -1",
        ),
        (
            lambda: early_stopping.generalization_loss([1.0]),
            "valid_loss must be a tensor of floating-point numbers, got list",
        ),
    ],
)
def test_a_refusal_names_the_argument(call, words):
    with pytest.raises((TypeError, ValueError)) as refused:
        call()
    assert str(refused.value).startswith(words)
