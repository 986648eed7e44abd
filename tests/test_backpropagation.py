"""Backpropagation: graph and layers against autograd and finite differences;
bad input; exercises answered wrongly.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from exercises import assert_answers
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from companion import backpropagation as bp
from companion.backpropagation import Value
from companion.training import seeded_model

F64 = torch.float64
NUMBERS = st.floats(-3, 3)
# One step of a random program: which two earlier values, and what to do with
# them.
PROGRAMS = st.lists(
    st.tuples(st.sampled_from("+-*s"), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=12,
)


def run(program, inputs):
    """Run a random program on Values or on tensors; its output is the sum of
    all steps, so that all take part.
    """
    values = list(inputs)
    total = values[0]
    for operation, i, j in program:
        a, b = values[i % len(values)], values[j % len(values)]
        new = {
            "+": lambda a=a, b=b: a + b,
            "-": lambda a=a, b=b: a - b,
            "*": lambda a=a, b=b: a * b,
        }.get(operation, a.sigmoid)()
        if abs(new.data) < 100:
            values.append(new)
        total = total + values[-1]
    return total


def network(seed=0, widths=(3, 5, 4, 2), n=6, dtype=F64):
    """Random weights, inputs and targets, and torch's network with the same
    weights.
    """

    def make():
        pairs = pairwise(widths)
        return nn.Sequential(
            *(
                layer
                for a, b in pairs
                for layer in (nn.Linear(a, b), nn.Sigmoid())
            )
        ).to(dtype)

    model = seeded_model(make, seed)
    chance = torch.Generator().manual_seed(seed)
    X = torch.randn(n, widths[0], generator=chance, dtype=dtype)
    y = torch.rand(n, widths[-1], generator=chance, dtype=dtype)
    return model, [p.detach() for p in model.parameters()], X, y


@given(PROGRAMS, st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_the_graph_equals_autograd_in_both_directions(program, numbers):
    ours = [Value(x) for x in numbers]
    theirs = [torch.tensor(x, dtype=F64, requires_grad=True) for x in numbers]
    y, expected = run(program, ours), run(program, theirs)
    assert math.isclose(y.data, expected.item(), rel_tol=1e-10, abs_tol=1e-10)
    slopes = torch.autograd.grad(expected, theirs, allow_unused=True)
    back = bp.reverse_mode(y)
    for x, slope in zip(ours, slopes, strict=True):
        if x in back:
            assert math.isclose(
                back[x], slope.item(), rel_tol=1e-10, abs_tol=1e-8
            )
            assert math.isclose(
                bp.forward_mode(y, x)[y],
                slope.item(),
                rel_tol=1e-10,
                abs_tol=1e-8,
            )
        else:
            assert slope is None


def test_a_value_used_twice_collects_both_paths():
    x = Value(3.0)
    y = x * x * x
    assert bp.reverse_mode(y)[x] == 27.0
    assert bp.forward_mode(y, x)[y] == 27.0


def test_paths_multiply_where_edges_add():
    x = y = Value(1.0)
    for _ in range(40):
        y = y * y + y
    assert bp.count_paths(y)[x] == 3**40
    a, b = Value(2.0), Value(3.0)
    assert bp.count_paths((a + b) * b)[b] == 2


def test_paths_times_equal_slopes_are_the_derivative():
    x = y = Value(1.0)
    for _ in range(10):
        y = y * 0.5 + y * 0.5
    paths = bp.count_paths(y)[x]
    assert bp.reverse_mode(y)[x] == paths * 0.5**10


def test_numbers_mix_with_values_on_either_side():
    x = Value(2.0)
    y = 1 + 3 * (5 - x) - x * 2
    assert y.data == 6.0
    assert bp.reverse_mode(y)[x] == -5.0


def test_a_sweep_does_not_change_the_next():
    x = Value(0.5)
    y = (x * 2).sigmoid()
    assert bp.reverse_mode(y) == bp.reverse_mode(y)


def test_the_order_of_computation_is_kept_on_long_chains():
    x = v = Value(1.0)
    for _ in range(5000):  # deeper than Python's recursion goes
        v = v + x
    order = bp.trace(v)
    place = {node: i for i, node in enumerate(order)}
    assert all(
        place[parent] < place[node]
        for node in order
        for parent, _ in node.edges
    )
    assert bp.reverse_mode(v)[x] == 5001.0


@pytest.mark.parametrize("z", [-800.0, -40.0, 0.0, 40.0, 800.0])
def test_the_logistic_function_neither_overflows_nor_loses_its_tail(z):
    y = Value(z).sigmoid()
    assert y.data == pytest.approx(
        torch.sigmoid(torch.tensor(z, dtype=F64)).item(), rel=1e-12, abs=0
    )


@pytest.mark.parametrize("widths", [(3, 5, 4, 2), (1, 1), (4, 3, 3, 3, 3, 1)])
def test_layers_equal_autograd(widths):
    model, params, X, y = network(1, widths)
    loss = (model(X) - y).square().sum(1).mean() / 2
    expected = torch.autograd.grad(loss, list(model.parameters()))
    outputs = bp.mlp_forward(params, X)
    torch.testing.assert_close(
        outputs[-1], model(X).detach(), rtol=1e-12, atol=0
    )
    torch.testing.assert_close(
        bp.half_squared_error(outputs[-1], y), loss.detach(), rtol=1e-12, atol=0
    )
    for ours, theirs in zip(
        bp.mlp_backward(params, outputs, y), expected, strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-15)


def test_layers_stay_equal_over_many_steps_of_descent():
    model, params, X, y = network(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(100):
        gradients = bp.mlp_backward(params, bp.mlp_forward(params, X), y)
        params = [p - 0.5 * g for p, g in zip(params, gradients, strict=True)]
        optimizer.zero_grad()
        (F.mse_loss(model(X), y) * y.shape[1] / 2).backward()
        optimizer.step()
    for ours, theirs in zip(params, model.parameters(), strict=True):
        torch.testing.assert_close(
            ours, theirs.detach(), rtol=1e-10, atol=1e-14
        )


def test_layers_equal_the_graph():
    _, (W, b, *_), X, y = network(3, (2, 1), n=1)
    w, bias, x = (
        [Value(v) for v in W[0].tolist()],
        Value(b.item()),
        X[0].tolist(),
    )
    error = (w[0] * x[0] + w[1] * x[1] + bias).sigmoid() - y.item()
    slopes = bp.reverse_mode(error * error * 0.5)
    dW, db = bp.mlp_backward([W, b], bp.mlp_forward([W, b], X), y)
    torch.testing.assert_close(
        dW[0],
        torch.tensor([slopes[v] for v in w], dtype=F64),
        rtol=1e-12,
        atol=0,
    )
    assert slopes[bias] == pytest.approx(db.item(), rel=1e-12)


def test_the_backward_functions_are_the_slopes_of_the_forward_ones():
    chance = torch.Generator().manual_seed(0)
    h, W, b, delta = (
        torch.randn(*s, generator=chance, dtype=F64, requires_grad=True)
        for s in ((5, 3), (4, 3), (4,), (5, 4))
    )
    expected = torch.autograd.grad(h @ W.T + b, [W, b, h], grad_outputs=delta)
    for ours, theirs in zip(
        bp.linear_backward(delta, h, W), expected, strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    z = torch.randn(5, 4, generator=chance, dtype=F64, requires_grad=True)
    (expected,) = torch.autograd.grad(torch.sigmoid(z), z, grad_outputs=delta)
    torch.testing.assert_close(
        bp.sigmoid_backward(delta, torch.sigmoid(z)),
        expected,
        rtol=1e-12,
        atol=0,
    )
    assert torch.autograd.gradcheck(
        lambda h: bp.half_squared_error(torch.sigmoid(h), torch.sigmoid(h * 2)),
        (h,),
    )


@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e4])
@pytest.mark.parametrize("n", [1, 7])
def test_the_logits_gradient_equals_autograd(n, scale):
    chance = torch.Generator().manual_seed(n)
    z = scale * torch.randn(n, 5, generator=chance, dtype=F64)
    y = torch.randint(5, (n,), generator=chance)
    z.requires_grad_()
    (expected,) = torch.autograd.grad(F.cross_entropy(z, y), z)
    found = bp.cross_entropy_backward(z.detach(), y)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-15)
    rows = found.sum(1)
    torch.testing.assert_close(rows, 0 * rows, rtol=0, atol=1e-15)


def test_the_product_with_the_hessian_equals_torch():
    _, params, X, y = network(6)
    W, v = params[0], torch.randn(params[0].shape, dtype=F64)

    def loss(W):
        return bp.half_squared_error(bp.mlp_forward([W, *params[1:]], X)[-1], y)

    _, expected = torch.autograd.functional.hvp(loss, W, v)
    torch.testing.assert_close(
        bp.hvp(loss, W, v), expected, rtol=1e-10, atol=1e-15
    )
    whole = torch.func.jacrev(torch.func.grad(loss))(W)
    torch.testing.assert_close(
        bp.hvp(loss, W, v), (whole * v).sum((2, 3)), rtol=1e-10, atol=1e-15
    )


def test_half_the_squared_error_is_mse_loss_for_two_outputs_only():
    a, b = torch.rand(4, 2, dtype=F64), torch.rand(4, 2, dtype=F64)
    torch.testing.assert_close(bp.half_squared_error(a, b), F.mse_loss(a, b))
    torch.testing.assert_close(
        bp.half_squared_error(a[:, :1], b[:, :1]),
        F.mse_loss(a[:, :1], b[:, :1]) / 2,
    )


@pytest.mark.parametrize(("scheme", "power"), [("central", 2), ("forward", 1)])
def test_the_error_of_a_difference_falls_with_its_order(scheme, power):
    x = torch.tensor([0.3, -0.8], dtype=F64)
    errors = [
        (bp.finite_difference(lambda x: x.exp().sum(), x, h, scheme) - x.exp())
        .abs()
        .max()
        for h in (1e-2, 1e-3)
    ]
    assert (errors[0] / errors[1]).log10().item() == pytest.approx(
        power, abs=0.01
    )


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("scheme", ["central", "forward"])
def test_the_best_step_is_within_a_factor_of_ten_of_the_best(dtype, scheme):
    x = torch.linspace(0.5, 1.5, 50, dtype=dtype)
    steps = torch.logspace(-10, -1, 19).tolist()

    def error(h):
        return bp.relative_error(
            bp.finite_difference(lambda x: x.sin().sum() / 25, x, h, scheme),
            x.cos() / 25,
        )

    usable = [h for h in steps if h > 4 * torch.finfo(dtype).eps]
    assert error(bp.best_step(dtype, scheme)) < 10 * min(
        error(h) for h in usable
    )


def test_differences_of_a_parabola_are_exact_but_for_rounding():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=F64)
    torch.testing.assert_close(
        bp.finite_difference(lambda x: x.square().sum(), x, h=0.25), 2 * x
    )


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_differences_of_nothing_are_empty(shape):
    found = bp.finite_difference(torch.sum, torch.ones(shape, dtype=F64))
    torch.testing.assert_close(found, torch.ones(shape, dtype=F64))


def test_differences_take_memory_in_proportion_to_the_entries():
    def stop(x):
        raise StopAsyncIteration

    with pytest.raises(
        StopAsyncIteration
    ):  # reached at all: a matrix of 10⁷ rows and columns fits nowhere
        bp.finite_difference(stop, torch.ones(10**7))


def test_differences_leave_the_point_alone_and_work_on_columns():
    x = torch.arange(6, dtype=F64).view(2, 3).T.requires_grad_()
    before = x.detach().clone()
    found = bp.finite_difference(lambda x: (x**3).sum(), x)
    torch.testing.assert_close(found, 3 * before**2, rtol=1e-7, atol=1e-9)
    assert not found.requires_grad
    assert torch.equal(x, before)
    assert x.grad is None


def test_the_check_passes_right_gradients_and_finds_wrong_ones():
    _, params, X, y = network(4)
    W = params[0]

    def loss(W):
        return bp.half_squared_error(bp.mlp_forward([W, *params[1:]], X)[-1], y)

    right = bp.mlp_backward(params, bp.mlp_forward(params, X), y)[0]
    assert bp.gradient_check(loss, W) < 1e-7
    assert not W.requires_grad
    assert bp.gradient_check(loss, W, right) < 1e-7
    assert bp.gradient_check(loss, W, 1.01 * right) == pytest.approx(
        0.01 / 1.01, rel=1e-4
    )
    assert bp.gradient_check(loss, W, -right) == pytest.approx(2, rel=1e-6)
    assert bp.gradient_check(loss, W, torch.zeros_like(W)) == 1


def test_the_relative_error_has_no_hole_at_zero():
    zero, tiny = torch.zeros(3), torch.full((3,), 1e-30)
    assert bp.relative_error(zero, zero) == 0.0
    assert bp.relative_error(zero, tiny) == bp.relative_error(tiny, zero) == 1.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_layers_and_differences_work_on_a_gpu():
    _, params, X, y = network(5)
    params, X, y = [p.cuda() for p in params], X.cuda(), y.cuda()
    right = bp.mlp_backward(params, bp.mlp_forward(params, X), y)

    def loss(W):
        return bp.half_squared_error(bp.mlp_forward([W, *params[1:]], X)[-1], y)

    assert bp.gradient_check(loss, params[0], right[0]) < 1e-7


ONE = torch.ones(1, 1)
X1 = torch.ones(3, dtype=F64)
BAD = {
    "value a word": (
        lambda: Value("1"),
        TypeError,
        "data must be a number, got str",
    ),
    "value a bool": (
        lambda: Value(True),
        TypeError,
        "data must be a number, got bool",
    ),
    "value plus a tensor": (
        lambda: Value(1.0) + ONE,
        TypeError,
        "data must be a number, got Tensor",
    ),
    "trace": (
        lambda: bp.trace(1.0),
        TypeError,
        "output must be a Value, got float",
    ),
    "reverse": (
        lambda: bp.reverse_mode(ONE),
        TypeError,
        "output must be a Value, got Tensor",
    ),
    "forward source": (
        lambda: bp.forward_mode(Value(1.0), 2),
        TypeError,
        "source must be a Value, got int",
    ),
    "forward apart": (
        lambda: bp.forward_mode(Value(1.0), Value(2.0)),
        ValueError,
        "source must take part in output",
    ),
    "sigmoid shapes": (
        lambda: bp.sigmoid_backward(ONE, torch.ones(1, 2)),
        ValueError,
        r"shape of h, \(1, 2\)",
    ),
    "sigmoid list": (
        lambda: bp.sigmoid_backward([1.0], ONE),
        TypeError,
        "dh must be a torch.Tensor, got list",
    ),
    "linear vector": (
        lambda: bp.linear_backward(ONE, X1, ONE),
        ValueError,
        r"h must be .* dimensions, got .*\(3,\)",
    ),
    "linear delta": (
        lambda: bp.linear_backward(ONE.int(), ONE, ONE),
        ValueError,
        "delta must be floating-point",
    ),
    "linear ints": (
        lambda: bp.linear_backward(ONE, ONE, ONE.int()),
        ValueError,
        "W must be floating-point",
    ),
    "linear shapes": (
        lambda: bp.linear_backward(ONE, ONE, torch.ones(2, 1)),
        ValueError,
        r"got .* and \(2, 1\)",
    ),
    "loss shapes": (
        lambda: bp.half_squared_error(ONE, torch.ones(2, 1)),
        ValueError,
        "y must have the shape of y_hat",
    ),
    "params odd": (
        lambda: bp.mlp_forward([ONE], ONE),
        ValueError,
        "params must be a list .* got .*tensor",
    ),
    "params none": (
        lambda: bp.mlp_forward(None, ONE),
        TypeError,
        "params must be a list .* got NoneType",
    ),
    "params empty": (
        lambda: bp.mlp_forward([], ONE),
        ValueError,
        r"params must be a list .* got \[\]",
    ),
    "bias a list": (
        lambda: bp.mlp_forward([ONE, [0.0]], ONE),
        TypeError,
        r"params\[1\] must be a .*Tensor, got list",
    ),
    "params vector": (
        lambda: bp.mlp_forward([X1, X1], ONE),
        ValueError,
        r"params\[0\] must be",
    ),
    "layer": (
        lambda: bp.mlp_forward([ONE, torch.ones(2)], ONE),
        ValueError,
        r"layer 1 must fit its 1 inputs, got \(1, 1\) and \(2,\)",
    ),
    "outputs": (
        lambda: bp.mlp_backward([ONE, torch.ones(1)], [ONE], ONE),
        ValueError,
        "outputs must be the 2",
    ),
    "targets": (
        lambda: bp.mlp_backward(
            [ONE, torch.ones(1)], [ONE, ONE], torch.ones(1, 2)
        ),
        ValueError,
        r"y must have the shape of the prediction, \(1, 1\)",
    ),
    "best dtype": (
        lambda: bp.best_step(torch.float16),
        TypeError,
        "dtype must be torch.float32 or torch.float64",
    ),
    "best scheme": (
        lambda: bp.best_step(F64, "left"),
        ValueError,
        "scheme must be one of central, forward",
    ),
    "x a list": (
        lambda: bp.finite_difference(torch.sum, [1.0]),
        TypeError,
        "x must be a torch.Tensor, got list",
    ),
    "x ints": (
        lambda: bp.finite_difference(
            torch.sum, torch.ones(1, dtype=torch.int64)
        ),
        TypeError,
        "torch.int64",
    ),
    "h zero": (
        lambda: bp.finite_difference(torch.sum, X1, 0.0),
        ValueError,
        "h must be above 0 and finite, got 0.0",
    ),
    "h NaN": (
        lambda: bp.finite_difference(torch.sum, X1, math.nan),
        ValueError,
        "h must be above 0 .* got nan",
    ),
    "h infinite": (
        lambda: bp.finite_difference(torch.sum, X1, math.inf),
        ValueError,
        "h must be .* finite, got inf",
    ),
    "ints and h": (
        lambda: bp.finite_difference(torch.sum, X1.long(), 0.5),
        TypeError,
        "torch.int64",
    ),
    "h tiny": (
        lambda: bp.finite_difference(torch.sum, X1, 1e-20),
        ValueError,
        "1e-20 vanishes beside the entry 1",
    ),
    "scheme": (
        lambda: bp.finite_difference(torch.sum, X1, 0.1, "left"),
        ValueError,
        "got 'left'",
    ),
    "many numbers": (
        lambda: bp.finite_difference(torch.exp, X1),
        ValueError,
        "without dimensions, got tensor",
    ),
    "a float": (
        lambda: bp.finite_difference(lambda x: x.sum().item(), X1),
        ValueError,
        r"without dimensions, got \d",
    ),
    "error shapes": (
        lambda: bp.relative_error(X1, ONE),
        ValueError,
        r"same shape, got \(3,\) and \(1, 1\)",
    ),
    "error list": (
        lambda: bp.relative_error(X1, [1.0]),
        TypeError,
        "a and b must be tensors, got Tensor and list",
    ),
    "paths": (
        lambda: bp.count_paths(1.0),
        TypeError,
        "output must be a Value, got float",
    ),
    "classes a list": (
        lambda: bp.cross_entropy_backward(ONE, [0]),
        TypeError,
        "y must be a torch.Tensor, got list",
    ),
    "classes real": (
        lambda: bp.cross_entropy_backward(ONE, torch.ones(1)),
        ValueError,
        "one int64 for each of the 1 rows of z, got torch.float32",
    ),
    "classes too many": (
        lambda: bp.cross_entropy_backward(ONE, torch.zeros(2).long()),
        ValueError,
        r"got torch.int64 of shape \(2,\)",
    ),
    "logits a vector": (
        lambda: bp.cross_entropy_backward(X1, torch.zeros(3).long()),
        ValueError,
        "z must be floating-point numbers with two dimensions",
    ),
    "direction a list": (
        lambda: bp.hvp(torch.sum, X1, [1.0]),
        TypeError,
        "x and v must be tensors, got Tensor and list",
    ),
    "direction shorter": (
        lambda: bp.hvp(torch.sum, X1, X1[:2]),
        ValueError,
        r"float64 \(3,\) and torch.float64 \(2,\)",
    ),
    "direction ints": (
        lambda: bp.hvp(torch.sum, X1.long(), X1.long()),
        ValueError,
        "must be floating-point",
    ),
    "check shape": (
        lambda: bp.gradient_check(torch.sum, X1, ONE),
        ValueError,
        "same shape",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_sentence(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


def test_nan_passes_through():
    nan = torch.full((2, 1), torch.nan)
    assert bp.sigmoid_backward(nan, nan).isnan().all()
    assert all(
        g.isnan().all()
        for g in bp.mlp_backward(
            [ONE, torch.ones(1)], [ONE.expand(2, 1), nan], nan
        )
    )


EXERCISES = {
    "paths, right": (bp.check_three_paths, 12, "Right"),
    "paths, stub": (bp.check_three_paths, ..., "put your number"),
    "paths, one": (bp.check_three_paths, 3, "that is one path; b is used"),
    "paths, direct": (bp.check_three_paths, 6, "one path or two"),
    "paths, two": (bp.check_three_paths, 9, "one of three paths is missing"),
    "paths, value": (bp.check_three_paths, 18, "y itself"),
    "delta, right": (
        bp.check_hidden_delta,
        lambda W, d, h: (d @ W) * (h - h**2),
        "Right",
    ),
    "delta, stub": (
        bp.check_hidden_delta,
        lambda W, d, h: None,
        "write its body",
    ),
    "delta, no slope": (
        bp.check_hidden_delta,
        lambda W, d, h: d @ W,
        "is missing: multiply by h (1 − h)",
    ),
    "delta, transposed": (
        bp.check_hidden_delta,
        lambda W, d, h: d @ W.T * h * (1 - h),
        "delta @ W, not delta @ W.T",
    ),
    "delta, twice": (
        bp.check_hidden_delta,
        lambda W, d, h: d @ W * h.sigmoid() * (1 - h.sigmoid()),
        "do not apply σ again",
    ),
    "delta, h": (
        bp.check_hidden_delta,
        lambda W, d, h: d @ W * h,
        "not h alone",
    ),
    "delta, tanh": (
        bp.check_hidden_delta,
        lambda W, d, h: d @ W * (1 - h**2),
        "the slope of tanh",
    ),
    "logits, right": (
        bp.check_logit_delta,
        lambda z, y: (z.softmax(1) - torch.eye(4)[y]) / len(y),
        "Right",
    ),
    "logits, stub": (
        bp.check_logit_delta,
        lambda z, y: None,
        "write its body",
    ),
    "logits, no target": (
        bp.check_logit_delta,
        lambda z, y: z.softmax(1),
        "the target is missing",
    ),
    "logits, sum": (
        bp.check_logit_delta,
        lambda z, y: z.softmax(1) - torch.eye(4)[y],
        "the loss is a mean",
    ),
    "logits, sign": (
        bp.check_logit_delta,
        lambda z, y: (torch.eye(4)[y] - z.softmax(1)) / len(y),
        "the other way round",
    ),
    "logits, columns": (
        bp.check_logit_delta,
        lambda z, y: (z.softmax(0) - torch.eye(4)[y]) / len(y),
        "over the classes of a row",
    ),
    "delta, no weights": (
        bp.check_hidden_delta,
        lambda W, d, h: d * h * (1 - h),
        "carry the deltas back",
    ),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_answer_back(name, capsys):
    assert_answers(*EXERCISES[name], capsys)


def test_values_take_numbers_of_numpy():
    value = Value(np.float32(0.5)) + np.int64(1)
    assert value.data == 1.5 and type(value.data) is float
