"""Gradients: derivatives against autograd, clipping against torch, probes that
leave nothing behind, exercises.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from exercises import assert_answers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from companion import gradients as gr
from companion.training import fit_many, seeded_model

ACTIVATIONS = {
    "sigmoid": (torch.sigmoid, gr.sigmoid_derivative, 1 / 4),
    "tanh": (torch.tanh, gr.tanh_derivative, 1.0),
    "relu": (F.relu, gr.relu_derivative, 1.0),
    "leaky": (F.leaky_relu, gr.leaky_relu_derivative, 1.0),
    "elu": (F.elu, gr.elu_derivative, 1.0),
    "gelu": (F.gelu, gr.gelu_derivative, 1.1289),
    "silu": (F.silu, gr.silu_derivative, 1.0998),
}
NUMBERS = st.floats(-20, 20)


def rand(*shape, seed=0, dtype=torch.float64):
    return torch.randn(
        *shape, generator=torch.Generator().manual_seed(seed), dtype=dtype
    )


def slope_of(function, z):
    z = z.clone().requires_grad_()
    return torch.autograd.grad(function(z).sum(), z)[0]


# Activation functions ---------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_equal_autograd(name):
    function, derivative, largest = ACTIVATIONS[name]
    z = torch.cat(
        [
            torch.linspace(-6, 6, 1001, dtype=torch.float64),
            torch.zeros(1, dtype=torch.float64),
        ]
    )
    torch.testing.assert_close(
        derivative(z), slope_of(function, z), rtol=1e-10, atol=1e-15
    )
    assert derivative(z).max().item() == pytest.approx(largest, abs=1e-4)
    assert derivative(z.float()).dtype == torch.float32
    assert derivative(torch.tensor([math.nan])).shape == (1,)
    with pytest.raises(
        TypeError,
        match=r"z must be a tensor of floating-point numbers, got torch\.int64",
    ):
        derivative(torch.tensor([1]))


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "silu"])
def test_smooth_derivatives_pass_gradcheck(name):
    assert torch.autograd.gradcheck(
        ACTIVATIONS[name][1], rand(5).requires_grad_()
    )


def test_slopes_of_leaky_relu_and_elu_follow_their_settings():
    z = rand(50)
    torch.testing.assert_close(
        gr.leaky_relu_derivative(z, 0.3),
        slope_of(lambda z: F.leaky_relu(z, 0.3), z),
    )
    torch.testing.assert_close(
        gr.elu_derivative(z, 2.0), slope_of(lambda z: F.elu(z, 2.0), z)
    )


def test_tails_do_not_round_to_zero():
    z = torch.tensor(40.0, dtype=torch.float64)
    assert gr.sigmoid_derivative(z).item() == pytest.approx(
        math.exp(-40), rel=1e-12, abs=0
    )
    assert gr.tanh_derivative(z).item() == pytest.approx(
        4 * math.exp(-80), rel=1e-12, abs=0
    )
    assert gr.elu_derivative(torch.tensor(1000.0)).item() == 1


# Chains and Jacobians ---------------------------------------------------------


@given(NUMBERS, NUMBERS, st.integers(1, 6), st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_the_chain_equals_autograd_and_obeys_its_bound(w, b, depth, a0):
    a = start = torch.tensor(a0, dtype=torch.float64, requires_grad=True)
    for _ in range(depth):
        a = torch.sigmoid(w * a + b)
    (slope,) = torch.autograd.grad(a, start)
    found = gr.chain_derivative(w, b, depth, a0)
    torch.testing.assert_close(found, slope, rtol=1e-6, atol=1e-12)
    assert found.abs() <= (abs(w) / 4) ** depth * (1 + 1e-12)


def test_the_chain_at_its_fixed_point_is_a_power():
    w = torch.tensor([3.0, 4.0, 5.0, 8.0], dtype=torch.float64)
    torch.testing.assert_close(
        gr.chain_derivative(w, -w / 2, 20), (w / 4) ** 20, rtol=1e-12, atol=0
    )


@given(st.lists(st.floats(-8, 8), min_size=2, max_size=6))
@settings(deadline=None, max_examples=50)
def test_the_softmax_jacobian_equals_autograd(logits):
    z = torch.tensor(logits, dtype=torch.float64)
    jacobian = gr.softmax_jacobian(torch.softmax(z, 0))
    expected = torch.autograd.functional.jacobian(
        lambda z: torch.softmax(z, 0), z
    )
    torch.testing.assert_close(jacobian, expected, rtol=1e-10, atol=1e-14)
    assert torch.linalg.matrix_norm(jacobian, ord=2) <= 0.5 + 1e-12


def test_the_gradient_of_weights_is_message_times_input():
    net = seeded_model(
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), 0
    ).double()
    X = rand(5, 4)
    with gr.probe(net) as signals:
        net(X).square().sum().backward()
    given = X, None, signals[1].output
    for signal, h, layer in zip(signals, given, net, strict=True):
        if h is not None:
            torch.testing.assert_close(
                gr.weight_gradient(signal.gradient, h),
                layer.weight.grad,
                rtol=1e-12,
                atol=1e-14,
            )
    delta, h = rand(6, 5, 3), rand(6, 5, 4, seed=1)
    found = gr.weight_gradient(delta, h)
    torch.testing.assert_close(found, torch.einsum("sno,sni->soi", delta, h))


def test_a_scale_can_be_learned():
    block = gr.Residual(nn.Linear(3, 3), nn.Parameter(torch.zeros(1)))
    x = torch.ones(2, 3)
    assert torch.equal(block(x), x)
    assert "scale" in dict(block.named_parameters())
    block(x).sum().backward()
    assert block.branch.weight.grad.norm() == 0 < block.scale.grad.norm()


def test_the_norm_of_a_product_equals_the_plain_product():
    factors = rand(7, 3, 5, 5)
    product = factors[0]
    for factor in factors[1:]:
        product = factor @ product
    found = gr.log10_norm_of_product(factors)
    torch.testing.assert_close(
        found,
        torch.linalg.matrix_norm(product, ord=2).log10(),
        rtol=1e-10,
        atol=1e-12,
    )


def test_the_norm_of_a_product_neither_overflows_nor_underflows():
    factors = torch.eye(2).expand(600, 2, 2)
    assert gr.log10_norm_of_product(10 * factors).item() == pytest.approx(600)
    assert gr.log10_norm_of_product(factors / 10).item() == pytest.approx(-600)
    assert gr.log10_norm_of_product(0 * factors).item() == -math.inf


# Clipping ---------------------------------------------------------------------


def two_models(scale, dtype=torch.float64, seed=0):
    """The same model twice, with equal gradients of a given size, one parameter
    without.
    """
    models = [
        seeded_model(
            lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)).to(dtype),
            seed,
        )
        for _ in range(2)
    ]
    for model in models:
        for i, parameter in enumerate(model.parameters()):
            parameter.grad = (
                scale * rand(*parameter.shape, seed=i, dtype=dtype)
                if i
                else None
            )
    return models


def assert_same_gradients(ours, theirs):
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            torch.testing.assert_close(
                a.grad, b.grad, rtol=1e-10, atol=0, equal_nan=True
            )


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3, math.inf, 0.0])
@pytest.mark.parametrize("scale", [1e-12, 1e-6, 0.1, 1.0, 1e6])
@pytest.mark.parametrize("max_norm", [0, 1e-6, 1.0, math.inf])
def test_clipping_by_norm_equals_torch(scale, max_norm, norm_type):
    ours, theirs = two_models(scale)
    norm = gr.clip_grad_norm_(ours.parameters(), max_norm, norm_type)
    expected = nn.utils.clip_grad_norm_(
        theirs.parameters(), max_norm, norm_type
    )
    torch.testing.assert_close(norm, expected, rtol=1e-12, atol=0)
    assert_same_gradients(ours, theirs)


@pytest.mark.parametrize("clip_value", [0, 1e-3, 0.5, math.inf])
def test_clipping_by_value_equals_torch(clip_value):
    ours, theirs = two_models(1.0)
    assert gr.clip_grad_value_(ours.parameters(), clip_value) is None
    nn.utils.clip_grad_value_(theirs.parameters(), clip_value)
    assert_same_gradients(ours, theirs)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gradients_that_are_not_finite(bad):
    ours, theirs = two_models(1.0)
    for model in (ours, theirs):
        model[1].bias.grad[0] = bad
    with pytest.raises(RuntimeError, match="so they cannot be clipped"):
        gr.clip_grad_norm_(ours.parameters(), 1.0, error_if_nonfinite=True)
    with pytest.raises(RuntimeError):
        nn.utils.clip_grad_norm_(
            theirs.parameters(), 1.0, error_if_nonfinite=True
        )
    assert_same_gradients(ours, theirs)
    gr.clip_grad_norm_(ours.parameters(), 1.0)
    nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
    assert_same_gradients(ours, theirs)


def test_clipping_takes_a_tensor_and_nothing():
    w = torch.zeros(2, requires_grad=True)
    assert gr.clip_grad_norm_(w, 1.0) == nn.utils.clip_grad_norm_(w, 1.0) == 0
    assert gr.clip_grad_norm_([], 1.0) == 0
    w.grad = torch.tensor([30.0, 40.0])
    assert gr.clip_grad_norm_(w, 1.0) == 50
    assert w.grad.norm() < 1


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), st.floats(1e-3, 1e3)
)
@settings(deadline=None)
def test_a_clipped_gradient_is_short_and_keeps_its_direction(entries, limit):
    w = torch.zeros(len(entries), dtype=torch.float64, requires_grad=True)
    w.grad = before = torch.tensor(entries, dtype=torch.float64)
    before = before.clone()
    norm = gr.clip_grad_norm_(w, limit)
    assert w.grad.norm() <= limit
    torch.testing.assert_close(
        w.grad * norm, before * w.grad.norm(), rtol=1e-9, atol=1e-9
    )


# Probes -----------------------------------------------------------------------


def hooks_on(model):
    return sum(
        len(module._forward_hooks) + len(module._backward_hooks)
        for module in model.modules()
    )


def test_a_probe_sees_activations_and_gradients():
    net = seeded_model(
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)), 0
    )
    X = rand(6, 4, dtype=torch.float32)
    with gr.probe(net) as signals:
        net(X).square().sum().backward()
    assert [signal.name for signal in signals] == ["0", "1", "2"]
    z = net[0](X).detach().requires_grad_()
    (expected,) = torch.autograd.grad(net[2](net[1](z)).square().sum(), z)
    torch.testing.assert_close(signals[0].output, z.detach())
    torch.testing.assert_close(signals[0].gradient, expected)
    assert signals[0].gradient_norm == pytest.approx(expected.norm().item())
    assert not signals[0].output.requires_grad


def test_a_probe_changes_nothing_and_leaves_nothing():
    net = seeded_model(
        lambda: nn.Sequential(
            nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Linear(3, 1)
        ),
        0,
    )
    X = rand(6, 4, dtype=torch.float32)
    net(X).sum().backward()
    plain = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    with gr.probe(net) as signals:
        loss = net(X).sum()
        loss.backward()
    assert hooks_on(net) == 0
    assert all(
        torch.equal(a, p.grad)
        for a, p in zip(plain, net.parameters(), strict=True)
    )
    assert (
        signals[0].output < 0
    ).any()  # as the first layer returned it, not as the ReLU in place left it
    net(X).sum().backward()
    assert len(signals) == 3


def test_a_probe_is_removed_after_an_error_and_before_a_late_backward():
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    with pytest.raises(ZeroDivisionError), gr.probe(net):
        net(torch.ones(2, 4))
        1 / 0  # noqa: B018
    assert hooks_on(net) == 0
    with gr.probe(net) as signals:
        loss = net(torch.ones(2, 4)).sum()
    loss.backward()
    assert signals[0].gradient is None
    assert math.isnan(signals[0].gradient_norm)


def test_a_probe_takes_any_module():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.rnn = nn.Linear(3, 3), nn.RNN(3, 3)

        def forward(self, x):
            return self.rnn(self.layer(self.layer(x)))[0]

    net = Twice()
    with gr.probe(net) as signals:
        net(torch.ones(2, 3)).sum().backward()
    assert [signal.name for signal in signals] == ["layer", "layer", "rnn"]
    assert all(signal.gradient is not None for signal in signals)
    with gr.probe(net, kinds=nn.RNN) as signals, torch.no_grad():
        net(torch.ones(2, 3))
    assert [(signal.name, signal.gradient) for signal in signals] == [
        ("rnn", None)
    ]
    with gr.probe(nn.Linear(2, 1)) as signals:
        signals_of_a_single_layer = signals
    assert signals_of_a_single_layer == []


# Networks ---------------------------------------------------------------------


def test_a_residual_block_adds_the_identity_to_the_jacobian():
    branch = nn.Linear(3, 3, bias=False).double()
    jacobian = torch.autograd.functional.jacobian(
        gr.Residual(branch, 0.5), rand(3)
    )
    torch.testing.assert_close(
        jacobian,
        torch.eye(3, dtype=torch.float64) + 0.5 * branch.weight.detach(),
    )


def test_autocorrelation():
    assert gr.autocorrelation(torch.linspace(0, 1, 500), 1) > 0.99
    assert gr.autocorrelation(rand(4, 5000), 5).abs().max() < 0.06
    g = rand(30)
    centred = g - g.mean()
    expected = (centred[:-3] * centred[3:]).sum() / (centred**2).sum()
    torch.testing.assert_close(
        gr.autocorrelation(torch.stack([g, -2 * g + 1]), 3), expected.expand(2)
    )


@pytest.mark.parametrize("length", [1, 2, 30])
def test_the_recurrent_network_equals_torchs(length):
    ours = seeded_model(lambda: gr.RecurrentNet(2, 8, 1).double(), 0)
    theirs = nn.RNN(2, 8, batch_first=True).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.W_xh)
        theirs.weight_hh_l0.copy_(ours.W_hh)
        theirs.bias_ih_l0.copy_(ours.b.fill_(0.3))
        theirs.bias_hh_l0.zero_()
    X = rand(5, length, 2)
    expected = ours.out(theirs(X)[0][:, -1])
    torch.testing.assert_close(ours(X), expected, rtol=1e-10, atol=1e-14)
    ours(X).sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(
        ours.W_hh.grad, theirs.weight_hh_l0.grad, rtol=1e-10, atol=1e-14
    )
    torch.testing.assert_close(
        ours.W_xh.grad, theirs.weight_ih_l0.grad, rtol=1e-10, atol=1e-14
    )
    assert torch.autograd.gradcheck(ours, X[:2, -3:].requires_grad_())


def test_the_spectral_radius_follows_the_gain_and_inputs_keep_their_size():
    net = seeded_model(lambda: gr.RecurrentNet(16, 400, 1, gain=0.7), 0)
    assert torch.linalg.eigvals(net.W_hh).abs().max().item() == pytest.approx(
        0.7, rel=0.1
    )
    assert net.W_xh.std().item() == pytest.approx(1 / 4, rel=0.1)


def test_recurrent_and_residual_networks_train_in_fit_many():
    from companion.optimizers import sgd

    X, y = gr.adding_problem(0, n=20, length=6)
    kwargs = dict(loss=F.mse_loss, rule=sgd, seeds=[0, 1], epochs=2, lr=0.1)
    runs = fit_many(lambda: gr.RecurrentNet(2, 4, 1), (X, y), **kwargs)
    assert runs.history["train_loss"].shape == (2, 2)
    net = lambda: nn.Sequential(  # noqa: E731
        gr.Residual(nn.Linear(12, 12)), nn.Linear(12, 1)
    )
    assert (
        fit_many(net, (X.flatten(1), y), **kwargs)
        .history["train_loss"]
        .isfinite()
        .all()
    )


def test_the_adding_problem_marks_one_number_in_each_half():
    X, y = gr.adding_problem(3, n=4000, length=9)
    assert torch.equal(X[:, :4, 1].sum(1), torch.ones(4000))
    assert torch.equal(X[:, 4:, 1].sum(1), torch.ones(4000))
    assert (y - 1).square().mean().item() == pytest.approx(1 / 6, abs=0.02)
    assert not torch.equal(X, gr.adding_problem(4, n=4000, length=9)[0])


# Bad input --------------------------------------------------------------------

W = torch.zeros(2, requires_grad=True)
BAD = {
    "z a list": (
        lambda: gr.sigmoid_derivative([0.0]),
        TypeError,
        "z must be a tensor of floating-point numbers, got list",
    ),
    "depth 0": (
        lambda: gr.chain_derivative(1.0, 0.0, 0),
        ValueError,
        "depth must be at least 1, got 0",
    ),
    "depth half": (
        lambda: gr.chain_derivative(1.0, 0.0, 1.5),
        TypeError,
        "depth must be an int, got float",
    ),
    "q scalar": (
        lambda: gr.softmax_jacobian(torch.tensor(1.0)),
        ValueError,
        r"q must have shape \(…, K\)",
    ),
    "rows": (
        lambda: gr.weight_gradient(torch.ones(2, 3), torch.ones(3, 3)),
        ValueError,
        r"h must have as many rows as delta, got \(3, 3\) for \(2, 3\)",
    ),
    "delta a vector": (
        lambda: gr.weight_gradient(torch.ones(3), torch.ones(3, 3)),
        ValueError,
        "delta must have at least 2 dimensions",
    ),
    "h of ints": (
        lambda: gr.weight_gradient(torch.ones(1, 3), torch.ones(1, 3).int()),
        TypeError,
        "h must be a tensor of floating-point numbers",
    ),
    "not square": (
        lambda: gr.log10_norm_of_product(torch.ones(3, 2, 4)),
        ValueError,
        r"got \(3, 2, 4\)",
    ),
    "no factor": (
        lambda: gr.log10_norm_of_product(torch.ones(0, 2, 2)),
        ValueError,
        "T at least 1",
    ),
    "max_norm": (
        lambda: gr.clip_grad_norm_(W, -1.0),
        ValueError,
        "max_norm must be at least 0, got -1.0",
    ),
    "max_norm NaN": (
        lambda: gr.clip_grad_norm_(W, math.nan),
        ValueError,
        "max_norm must be at least 0, got nan",
    ),
    "max_norm word": (
        lambda: gr.clip_grad_norm_(W, "1"),
        TypeError,
        "max_norm must be a number, got str",
    ),
    "clip_value": (
        lambda: gr.clip_grad_value_(W, -0.5),
        ValueError,
        "clip_value must be at least 0, got -0.5",
    ),
    "parameters": (
        lambda: gr.clip_grad_norm_(["w"], 1.0),
        TypeError,
        "parameters must hold tensors, got str",
    ),
    "model": (
        lambda: gr.probe(torch.sin).__enter__(),
        TypeError,
        "model must be an nn.Module",
    ),
    "branch": (
        lambda: gr.Residual(nn.Linear(3, 1))(torch.ones(2, 3)),
        ValueError,
        r"what the branch returns must have shape \(2, 3\), got \(2, 1\)",
    ),
    "lag": (
        lambda: gr.autocorrelation(torch.ones(4), 4),
        ValueError,
        "lag must be below the length of g, got 4",
    ),
    "lag 0": (
        lambda: gr.autocorrelation(torch.ones(4), 0),
        ValueError,
        "lag must be at least 1, got 0",
    ),
    "units": (
        lambda: gr.RecurrentNet(2, 0, 1),
        ValueError,
        "num_hiddens must be at least 1, got 0",
    ),
    "gain": (
        lambda: gr.RecurrentNet(2, 3, 1, gain=-1),
        ValueError,
        "gain must be at least 0, got -1",
    ),
    "length": (
        lambda: gr.adding_problem(0, 5, 1),
        ValueError,
        "length must be at least 2, got 1",
    ),
    "n": (
        lambda: gr.adding_problem(0, True, 5),
        TypeError,
        "n must be an int, got bool",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_sentence(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


# Exercises --------------------------------------------------------------------


def joint(grads):
    return torch.cat([g.flatten() for g in grads]).norm()


def clipped_by_hand(grads, max_norm):
    whole = sum(g.square().sum() for g in grads).sqrt()
    return [g * (max_norm / (whole + 1e-6)).clamp(max=1) for g in grads]


def with_torch(grads, max_norm):
    parameters = [torch.zeros_like(g, requires_grad=True) for g in grads]
    for parameter, g in zip(parameters, grads, strict=True):
        parameter.grad = g
    nn.utils.clip_grad_norm_(parameters, max_norm)
    return [parameter.grad for parameter in parameters]


EXERCISES = {
    "chain, right": (gr.check_chain_by_hand, 1 / 32, "Right"),
    "chain, stub": (gr.check_chain_by_hand, ..., "put your number"),
    "chain, weights": (gr.check_chain_by_hand, 32, "product of the weights"),
    "chain, slopes": (gr.check_chain_by_hand, 4.0**-5, "product of the slopes"),
    "chain, one": (gr.check_chain_by_hand, 0.5, "there are five"),
    "chain, sum": (gr.check_chain_by_hand, 2.5, "multiplied, not added"),
    "silu, right": (
        gr.check_silu_derivative,
        lambda z: slope_of(F.silu, z),
        "Right",
    ),
    "silu, stub": (gr.check_silu_derivative, lambda z: None, "write its body"),
    "silu, first": (
        gr.check_silu_derivative,
        lambda z: z.sigmoid(),
        "there is a second term",
    ),
    "silu, second": (
        gr.check_silu_derivative,
        lambda z: z * z.sigmoid() * (1 - z.sigmoid()),
        "there is a first term",
    ),
    "silu, itself": (gr.check_silu_derivative, F.silu, "this is SiLU itself"),
    "silu, of a": (
        gr.check_silu_derivative,
        lambda z: z.sigmoid() + z * (z * (1 - z)),
        "not z(1 − z)",
    ),
    "clip, right": (gr.check_clipping, clipped_by_hand, "Right"),
    "clip, by torch": (
        gr.check_clipping,
        with_torch,
        "write the formula yourself",
    ),
    "clip, stub": (gr.check_clipping, lambda grads, c: None, "write its body"),
    "clip, value": (
        gr.check_clipping,
        lambda grads, c: [g.clip(-c, c) for g in grads],
        "every entry on its own",
    ),
    "clip, each": (
        gr.check_clipping,
        lambda grads, c: [g * min(1, c / g.norm()) for g in grads],
        "by its own norm",
    ),
    "clip, stretch": (
        gr.check_clipping,
        lambda grads, c: [c * g / joint(grads) for g in grads],
        "stretched",
    ),
    "clip, root": (
        gr.check_clipping,
        lambda grads, c: [g * min(1, c / joint(grads) ** 2) for g in grads],
        "the root",
    ),
    "clip, none": (
        gr.check_clipping,
        lambda grads, c: list(grads),
        "leaves long gradients",
    ),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_answer_back(name, capsys):
    assert_answers(*EXERCISES[name], capsys)


@pytest.mark.parametrize(
    ("max_norm", "norm_type"),
    [(1.0, "inf"), (torch.tensor(1.0), 2.0), (np.float32(1), np.int64(1))],
)
def test_clipping_takes_what_torch_takes(max_norm, norm_type):
    pair = [nn.Parameter(torch.zeros(3)) for _ in range(2)]
    for w in pair:
        w.grad = torch.tensor([3.0, -4.0, 1.0])
    ours = gr.clip_grad_norm_(pair[0], max_norm, norm_type)
    theirs = nn.utils.clip_grad_norm_(pair[1], max_norm, norm_type)
    assert ours == theirs
    torch.testing.assert_close(pair[0].grad, pair[1].grad)
    gr.clip_grad_value_(pair[0], max_norm)


def test_clipping_takes_one_norm():
    with pytest.raises(TypeError, match=r"^max_norm must be a number, got Ten"):
        gr.clip_grad_norm_(torch.ones(1), torch.ones(2))
