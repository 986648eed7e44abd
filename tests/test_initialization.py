"""Initialization: parity with torch.nn.init, the scales themselves, theory
against simulation, bad input, exercises.
"""

import functools
import math

import pytest
import torch
from exercises import assert_answers
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from companion import initialization as init
from companion.optimizers import sgd

SHAPES = [(7, 5), (5, 7), (6, 6), (8, 3, 3, 3), (2, 3, 5)]
GAINS = [
    "linear",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
    "conv1d",
    "conv2d",
    "conv3d",
]
GAINS += ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
FILLS = {
    "xavier_uniform_": [{}, {"gain": 1.7}],
    "xavier_normal_": [{}, {"gain": 0.3}],
    "kaiming_uniform_": [
        {},
        {"a": math.sqrt(5)},
        {"mode": "fan_out"},
        {"nonlinearity": "tanh"},
    ],
    "kaiming_normal_": [
        {},
        {"a": 0.2},
        {"mode": "fan_out"},
        {"nonlinearity": "relu"},
    ],
    "orthogonal_": [{}, {"gain": -2.5}],
}


def filled(fill, shape, dtype=torch.float64, seed=0, **options):
    return fill(
        torch.empty(shape, dtype=dtype),
        generator=torch.Generator().manual_seed(seed),
        **options,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FILLS)
def test_every_initializer_draws_what_torch_draws(name, shape, dtype):
    for options in FILLS[name]:
        ours = filled(getattr(init, name), shape, dtype, **options)
        theirs = filled(getattr(nn.init, name), shape, dtype, **options)
        assert ours.dtype == dtype
        torch.testing.assert_close(
            ours, theirs, rtol=1e-10 if dtype == torch.float64 else 1e-6, atol=0
        )


@pytest.mark.parametrize("name", FILLS)
def test_initializers_fill_in_place_and_need_no_gradient(name):
    weight = nn.Parameter(torch.zeros(4, 3))
    assert getattr(init, name)(weight) is weight
    assert weight.requires_grad
    assert weight.grad_fn is None
    assert (weight != 0).all()


def test_layers_of_torch_start_as_kaiming_with_root_five_says():
    for make in (lambda: nn.Linear(20, 8), lambda: nn.Conv2d(3, 8, 5)):
        torch.manual_seed(3)
        theirs = make().weight
        ours = torch.empty_like(theirs)
        torch.manual_seed(3)
        assert torch.equal(init.kaiming_uniform_(ours, a=math.sqrt(5)), theirs)
        assert ours.abs().max() <= init.fans(ours)[0] ** -0.5


@pytest.mark.parametrize("nonlinearity", GAINS)
@pytest.mark.parametrize("param", [None, 0, 0.2, 3])
def test_gains_equal_torch(nonlinearity, param):
    assert init.calculate_gain(nonlinearity, param) == nn.init.calculate_gain(
        nonlinearity, param
    )


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_fans_equal_torch(shape):
    weight = torch.zeros(shape)
    assert init.fans(weight) == nn.init._calculate_fan_in_and_fan_out(weight)


@pytest.mark.parametrize(
    ("fill", "wanted"),
    [
        (init.xavier_uniform_, 2 / 700),
        (init.xavier_normal_, 2 / 700),
        (init.kaiming_uniform_, 2 / 400),
        (init.kaiming_normal_, 2 / 400),
        (functools.partial(init.kaiming_normal_, mode="fan_out"), 2 / 300),
        (functools.partial(init.kaiming_uniform_, a=math.sqrt(5)), 1 / 1200),
    ],
)
def test_the_variance_is_the_formula(fill, wanted):
    weight = filled(
        fill, (300, 400)
    )  # the relative error of 120 000 draws is at most √(2/120 000) = 0.4 %
    assert abs(weight.var().item() / wanted - 1) < 0.02
    assert abs(weight.mean().item()) < 4 * math.sqrt(wanted / weight.numel())


@given(
    st.integers(1, 12), st.integers(1, 12), st.floats(-3, 3), st.integers(0, 99)
)
def test_orthogonal_matrices_keep_lengths(rows, columns, gain, seed):
    weight = filled(init.orthogonal_, (rows, columns), seed=seed, gain=gain)
    gram = weight @ weight.T if rows <= columns else weight.T @ weight
    torch.testing.assert_close(
        gram,
        gain**2 * torch.eye(min(rows, columns), dtype=torch.float64),
        rtol=0,
        atol=1e-12,
    )


def test_a_model_is_initialized_layer_by_layer():
    model = nn.Sequential(
        nn.Conv1d(2, 3, 3),
        nn.BatchNorm1d(3),
        nn.Flatten(),
        nn.Linear(9, 4),
        nn.Linear(4, 2, bias=False),
    )
    before = {
        name: value.clone() for name, value in model[1].state_dict().items()
    }
    assert (
        init.initialize(model, functools.partial(nn.init.constant_, val=0.5))
        is model
    )
    assert all((model[i].weight == 0.5).all() for i in (0, 3, 4))
    assert all((model[i].bias == 0).all() for i in (0, 3))
    assert all(
        torch.equal(before[name], value)
        for name, value in model[1].state_dict().items()
    )


def test_preactivations_are_those_of_the_forward_pass_with_their_gradients():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    x = torch.randn(6, 4, dtype=torch.float64)
    first, last = init.preactivations(model, x)
    assert torch.equal(last, model(x))
    last.square().sum().backward()
    torch.testing.assert_close(last.grad, 2 * last.detach())
    by_hand = (
        2
        * last.detach()
        @ model[2].weight.detach()
        * (1 - first.detach().tanh() ** 2)
    )
    torch.testing.assert_close(first.grad, by_hand, rtol=1e-10, atol=1e-14)
    with torch.no_grad():
        assert not init.preactivations(model, x)[0].requires_grad


def test_preactivations_are_kept_from_an_activation_in_place():
    torch.manual_seed(0)
    linear = nn.Linear(4, 5), nn.Linear(5, 3)
    x = torch.randn(6, 4)
    kept = {}
    for inplace in (False, True):
        kept[inplace] = init.preactivations(
            nn.Sequential(linear[0], nn.ReLU(inplace=inplace), linear[1]), x
        )
        kept[inplace][-1].square().sum().backward()
    for safe, overwritten in zip(*kept.values(), strict=True):
        assert torch.equal(safe, overwritten)
        assert torch.equal(safe.grad, overwritten.grad)


@pytest.mark.parametrize(
    ("activation", "factor"),
    [
        (torch.relu, 1 / 2),
        (torch.nn.functional.leaky_relu, (1 + 1e-4) / 2),
        (lambda x: x, 1.0),
    ],
)
@given(v=st.floats(1e-6, 1e6))
def test_piecewise_linear_activations_scale_the_variance(activation, factor, v):
    assert init.next_variance(v, activation).item() == pytest.approx(
        factor * v, rel=1e-9
    )


def test_the_predicted_variance_is_that_of_many_draws():
    z = 1.3 * torch.randn(
        10**6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    predicted = init.next_variance(
        torch.tensor([1.3**2, 0.0]),
        torch.tanh,
        weight_variance=2.0,
        bias_variance=0.1,
    )
    assert predicted[0].item() == pytest.approx(
        2 * z.tanh().square().mean().item() + 0.1, rel=3e-3
    )
    assert predicted[1].item() == pytest.approx(0.1)


def test_a_smooth_expectation_equals_gauss_hermite():
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    wanted = (np.tanh(0.5 * nodes) ** 2 @ weights) / weights.sum()
    assert init.next_variance(0.25, torch.tanh).item() == pytest.approx(
        wanted, rel=1e-9
    )


@pytest.mark.parametrize("shape", [(), (3, 2)])
def test_the_closed_form_for_relu_equals_the_general_sum(shape):
    c = torch.linspace(-1, 1, math.prod(shape) or 1, dtype=torch.float64)
    c = c.reshape(shape)
    predicted = init.next_correlation(c, 1.7, torch.relu, 2.0)
    assert predicted.shape == shape
    torch.testing.assert_close(
        predicted, init.relu_correlation(c), rtol=0, atol=2e-4
    )


@pytest.mark.parametrize(
    ("activation", "weight_variance", "bias_variance"),
    [(torch.relu, 2.0, 0.0), (torch.relu, 1 / 3, 0.2), (torch.tanh, 4.0, 0.1)],
)
def test_the_predicted_correlation_is_that_of_a_wide_layer(
    activation, weight_variance, bias_variance
):
    chance = torch.Generator().manual_seed(0)
    width, c, v = 4000, 0.4, 1.3
    z = torch.randn(2, width, generator=chance, dtype=torch.float64)
    z = v**0.5 * torch.stack([z[0], c * z[0] + (1 - c * c) ** 0.5 * z[1]])
    W = torch.randn(width, width, generator=chance, dtype=torch.float64)
    b = torch.randn(width, generator=chance, dtype=torch.float64)
    out = (
        activation(z) @ W.T * (weight_variance / width) ** 0.5
        + bias_variance**0.5 * b
    )
    wanted = torch.nn.functional.cosine_similarity(*out, 0).item()
    # a cosine of 4000 entries has a standard error below 4000^-0.5 = 0.016
    assert init.next_correlation(
        c, v, activation, weight_variance, bias_variance
    ).item() == pytest.approx(wanted, abs=0.05)


def test_equal_and_linear_inputs_keep_their_correlation():
    assert init.next_correlation(1.0, 2.0, torch.tanh, 3.0).item() == (
        pytest.approx(1.0, abs=1e-12)
    )
    assert init.next_correlation(-0.3, 2.0, lambda z: z).item() == (
        pytest.approx(-0.3, abs=1e-9)
    )


@pytest.mark.parametrize("activation", [torch.tanh, torch.sigmoid])
def test_the_distance_factor_is_the_slope_of_the_correlation_map_at_one(
    activation,
):
    v, weights, biases = 0.8, 2.5, 0.1
    for _ in range(200):  # to the variance that stays
        v = init.next_variance(v, activation, weights, biases).item()
    near = 1 - 1e-5
    slope = (
        1 - init.next_correlation(near, v, activation, weights, biases).item()
    ) / (1 - near)
    assert init.distance_factor(v, activation, weights).item() == pytest.approx(
        slope, rel=1e-3
    )


@given(st.floats(0.01, 10), st.floats(0.1, 5))
def test_relu_multiplies_size_and_distance_by_the_same_number(v, weights):
    assert init.distance_factor(v, torch.relu, weights).item() == (
        pytest.approx(init.next_variance(v, torch.relu, weights).item() / v)
    )


@given(st.floats(0.1, 10), st.floats(1e-6, 0.04))
def test_a_mode_solves_its_differential_equation(s, start):
    t = torch.linspace(0, 3, 7, dtype=torch.float64, requires_grad=True)
    u = init.learned_mode(t, s, start)
    (slope,) = torch.autograd.grad(u.sum(), t)
    torch.testing.assert_close(slope, 2 * u * (s - u), rtol=1e-7, atol=1e-9)
    assert u[0].item() == pytest.approx(start)
    assert init.learned_mode(
        init.half_time(s, start), s, start
    ).item() == pytest.approx(s / 2)


def test_a_mode_neither_overflows_nor_loses_gradients():
    assert init.learned_mode(1e6, 50.0, 1e-9).item() == 50.0
    t = torch.tensor([0.1, 1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda t: init.learned_mode(t, 2.0, 0.01), t
    )


def test_gradient_descent_on_a_linear_network_follows_the_mode():
    s, start, lr = 2.0, 0.01, 1e-3
    first = second = torch.tensor(start**0.5, dtype=torch.float64)
    for _ in range(2000):
        error = s - first * second
        first, second = (
            sgd(w, -error * other, {}, lr=lr)[0]
            for w, other in ((first, second), (second, first))
        )
    assert (first * second).item() == pytest.approx(
        init.learned_mode(2000 * lr, s, start).item(), rel=1e-2
    )


W = torch.empty(3, 4)
BAD = {
    "a list": (
        lambda: init.fans([[1.0]]),
        TypeError,
        "tensor must be a tensor of floating-point numbers, got list",
    ),
    "a vector": (
        lambda: init.xavier_normal_(torch.empty(3)),
        ValueError,
        r"at least 2 .* got shape \(3,\)",
    ),
    "empty": (
        lambda: init.orthogonal_(torch.empty(0, 3)),
        ValueError,
        r"none empty, got shape \(0, 3\)",
    ),
    "ints": (
        lambda: init.kaiming_normal_(torch.ones(2, 2, dtype=torch.int64)),
        TypeError,
        "got torch.int64",
    ),
    "gain NaN": (
        lambda: init.xavier_uniform_(W, gain=float("nan")),
        ValueError,
        "gain must be finite and at least 0",
    ),
    "gain negative": (
        lambda: init.xavier_uniform_(W, gain=-1.0),
        ValueError,
        "at least 0, got -1.0",
    ),
    "normal, negative": (
        lambda: init.xavier_normal_(W, gain=-1.0),
        ValueError,
        "gain must be finite and at least 0",
    ),
    "gain a word": (
        lambda: init.orthogonal_(W, gain="relu"),
        TypeError,
        "gain must be a number, got str",
    ),
    "slope a flag": (
        lambda: init.calculate_gain("leaky_relu", True),
        TypeError,
        "param must be a number, got bool",
    ),
    "slope": (
        lambda: init.kaiming_uniform_(W, a=math.inf),
        ValueError,
        "param must be finite, got inf",
    ),
    "activation": (
        lambda: init.calculate_gain("gelu"),
        ValueError,
        "must be one of linear, .* got 'gelu'",
    ),
    "mode": (
        lambda: init.kaiming_normal_(W, mode="fan_avg"),
        ValueError,
        "mode must be 'fan_in' or 'fan_out'",
    ),
    "no model": (
        lambda: init.initialize(W, init.kaiming_normal_),
        TypeError,
        "model must be an nn.Module, got Tensor",
    ),
    "no function": (
        lambda: init.initialize(nn.Linear(1, 1), "he"),
        TypeError,
        "init_ must be a function .* got str",
    ),
    "no chain": (
        lambda: init.preactivations(nn.Linear(1, 1), W),
        TypeError,
        "must be an nn.Sequential, got Linear",
    ),
    "activation a word": (
        lambda: init.next_variance(1.0, "relu"),
        TypeError,
        "function of a tensor, got str",
    ),
    "variance": (
        lambda: init.next_variance(-1.0, torch.relu),
        ValueError,
        "v must be at least 0, got -1.0",
    ),
    "bias": (
        lambda: init.next_variance(1.0, torch.relu, bias_variance=-1),
        ValueError,
        "bias_variance must be at",
    ),
    "cosine": (
        lambda: init.relu_correlation(1.1),
        ValueError,
        "c must be between -1 and 1, got 1.1",
    ),
    "correlation": (
        lambda: init.next_correlation(math.nan, 1.0, torch.relu),
        ValueError,
        "c must be between -1 and 1, got nan",
    ),
    "correlation, variance": (
        lambda: init.next_correlation(0.5, -1.0, torch.relu),
        ValueError,
        "v must be at least 0, got -1.0",
    ),
    "correlation, activation": (
        lambda: init.next_correlation(0.5, 1.0, "relu"),
        TypeError,
        "function of a tensor, got str",
    ),
    "distance": (
        lambda: init.distance_factor(1.0, torch.relu, -2.0),
        ValueError,
        "weight_variance must be at least 0, got -2.0",
    ),
    "distance, activation": (
        lambda: init.distance_factor(1.0, None),
        TypeError,
        "function of a tensor, got NoneType",
    ),
    "mode s": (
        lambda: init.learned_mode(1.0, 0.0, 0.1),
        ValueError,
        "s and start must be above 0, got 0.0 and 0.1",
    ),
    "mode start": (
        lambda: init.learned_mode(1.0, 1.0, -0.1),
        ValueError,
        "got 1.0 and -0.1",
    ),
    "half": (
        lambda: init.half_time(1.0, 0.5),
        ValueError,
        "above 0 and below s / 2, got start 0.5 and s 1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_sentence(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


HE, BOUND, FACTOR = (
    init.check_he_std,
    init.check_he_bound,
    init.check_default_factor,
)
EXERCISES = {
    "he, right": (HE, lambda i, o: (2 / i) ** 0.5, "Right"),
    "he, stub": (HE, lambda i, o: None, "write its body"),
    "he, variance": (HE, lambda i, o: 2 / i, "that is the variance"),
    "he, no ReLU": (HE, lambda i, o: i**-0.5, "a ReLU halves"),
    "he, fan_out": (HE, lambda i, o: (2 / o) ** 0.5, "count the inputs"),
    "he, xavier": (HE, lambda i, o: (2 / (i + o)) ** 0.5, "that is Xavier's"),
    "he, bound": (
        HE,
        lambda i, o: (6 / i) ** 0.5,
        "bound of the uniform version",
    ),
    "he, default": (HE, lambda i, o: (3 * i) ** -0.5, "PyTorch's default"),
    "bound, right": (
        BOUND,
        lambda i, o: math.sqrt(3) * (2 / i) ** 0.5,
        "Right",
    ),
    "bound, stub": (BOUND, lambda i, o: ..., "write its body"),
    "bound, both": (BOUND, lambda i, o: (2 / o) ** 0.5, "two bugs are left"),
    "bound, std": (
        BOUND,
        lambda i, o: (2 / i) ** 0.5,
        "one bug is left: that is the standard deviation",
    ),
    "bound, outputs": (
        BOUND,
        lambda i, o: (6 / o) ** 0.5,
        "one bug is left: the outputs are counted",
    ),
    "bound, length": (BOUND, lambda i, o: (24 / i) ** 0.5, "for length r"),
    "bound, no ReLU": (BOUND, lambda i, o: (3 / i) ** 0.5, "linear layer"),
    "bound, xavier": (BOUND, lambda i, o: (6 / (i + o)) ** 0.5, "Xavier's"),
    "factor, right": (FACTOR, 0.1667, "Right"),
    "factor, stub": (FACTOR, ..., "put your number"),
    "factor, weights": (FACTOR, 1 / 3, "the ReLU halves"),
    "factor, xavier": (FACTOR, 0.5, "that is Xavier's"),
    "factor, length": (FACTOR, 1 / 12, "interval of length r"),
    "factor, he": (FACTOR, 1, "that is He's"),
    "factor, inverse": (FACTOR, 6, "that is the inverse"),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_answer_back(name, capsys):
    assert_answers(*EXERCISES[name], capsys)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_initializers_and_theory_run_on_cuda():
    for name in FILLS:
        weight = getattr(init, name)(torch.empty(300, 300, device="cuda"))
        assert weight.device.type == "cuda"
        assert weight.isfinite().all()
    assert (
        init.next_variance(torch.ones(2, device="cuda"), torch.relu).device.type
        == "cuda"
    )
    assert (
        init.learned_mode(torch.ones(2, device="cuda"), 1.0, 0.1).device.type
        == "cuda"
    )


def test_lazy_layers_have_no_weights_to_initialize():
    with pytest.raises(
        ValueError, match=r"^model must have its weights, got none for 0.weig"
    ):
        init.initialize(nn.Sequential(nn.LazyLinear(1)), init.kaiming_normal_)
