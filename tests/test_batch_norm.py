"""Batch and layer normalization against torch: values, gradients, running
moments; bad input; exercises.
"""

import inspect
import math

import pytest
import torch
import torch.nn.functional as F
from exercises import assert_answers
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from companion import batch_norm as bn
from companion.optimizers import sgd
from companion.training import fit_many, seeded_model
from companion.weight_decay import parameter_groups

EXACT = {"rtol": 1e-10, "atol": 1e-12}
LAYERS = {
    "units": (bn.BatchNorm1d, nn.BatchNorm1d, (6, 4)),
    "sequences": (bn.BatchNorm1d, nn.BatchNorm1d, (3, 4, 5)),
    "images": (bn.BatchNorm2d, nn.BatchNorm2d, (2, 4, 3, 3)),
}
OPTIONS = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.0},
    {"momentum": None},
    {"eps": 1e-1},
]
OPTIONS += [{"affine": False}, {"track_running_stats": False}]


def draw(*shape, seed=0, scale=1.0, offset=0.0):
    chance = torch.Generator().manual_seed(seed)
    return (
        scale * torch.randn(*shape, generator=chance, dtype=torch.float64)
        + offset
    )


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_layers_equal_torch_in_training_and_evaluation(name, options):
    ours, theirs, shape = LAYERS[name]
    ours, theirs = ours(4, **options).double(), theirs(4, **options).double()
    theirs.load_state_dict(ours.state_dict())
    optimizers = [
        (
            torch.optim.SGD(m.parameters(), lr=0.1)
            if options != {"affine": False}
            else None
        )
        for m in (ours, theirs)
    ]
    for step in range(20 if options else 100):
        x = draw(*shape, seed=step, scale=2.0, offset=3.0)
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        for layer, optimizer, leaf in zip(
            (ours, theirs), optimizers, inputs, strict=True
        ):
            (layer(leaf) - torch.sin(x)).square().mean().backward()
            if optimizer:
                optimizer.step()
                optimizer.zero_grad()
        torch.testing.assert_close(inputs[0].grad, inputs[1].grad, **EXACT)
    for (key, a), b in zip(
        ours.state_dict().items(), theirs.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(a, b, msg=key, **EXACT)
    x = draw(*shape, seed=101)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), **EXACT)


@pytest.mark.parametrize(
    ("scale", "offset"), [(1.0, 0.0), (1e-6, 0.0), (1e3, 1e5)]
)
@pytest.mark.parametrize("training", [True, False])
def test_the_function_equals_torch_at_small_scales_and_large_offsets(
    scale, offset, training
):
    x, weight, bias = (
        draw(8, 3, scale=scale, offset=offset),
        draw(3, seed=1),
        draw(3, seed=2),
    )
    stats = [
        (torch.full((3,), 0.5).double(), torch.full((3,), 2.0).double())
        for _ in range(2)
    ]
    ours = bn.batch_norm(x, *stats[0], weight, bias, training, 0.3, 1e-5)
    theirs = F.batch_norm(x, *stats[1], weight, bias, training, 0.3, 1e-5)
    torch.testing.assert_close(
        ours, theirs, rtol=1e-10 if offset == 0 else 1e-7, atol=1e-10
    )
    for a, b in zip(*stats, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (bn.normalize, F.batch_norm),
        (bn.batch_norm, F.batch_norm),
        (bn.batch_norm_backward, F.batch_norm),
        (bn.layer_norm, F.layer_norm),
        (bn.rms_norm, F.rms_norm),
    ],
)
def test_defaults_are_torchs(ours, theirs):
    ours, theirs = (
        inspect.signature(each).parameters for each in (ours, theirs)
    )
    assert "eps" in ours
    assert {name: ours[name].default for name in ours.keys() & theirs} == {
        name: theirs[name].default for name in ours.keys() & theirs
    }


def test_a_large_mean_does_not_spoil_the_variance_in_float32():
    x = torch.tensor([[10000.0], [10001.0], [10002.0]])
    assert bn.moments(x, 0)[1].item() == pytest.approx(2 / 3, rel=1e-6)


@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 5), (2, 4, 3, 3)])
def test_backward_equals_autograd_through_torch(shape):
    x, grad, weight = (
        draw(*shape, scale=2.0, offset=1.0),
        draw(*shape, seed=1),
        draw(4, seed=2),
    )
    leaves = [
        x.clone().requires_grad_(),
        weight.clone().requires_grad_(),
        torch.zeros_like(weight).requires_grad_(),
    ]
    y = F.batch_norm(leaves[0], None, None, *leaves[1:], training=True, eps=0.1)
    expected = torch.autograd.grad(y, leaves, grad)
    for ours, theirs in zip(
        bn.batch_norm_backward(grad, x, weight, eps=0.1), expected, strict=True
    ):
        torch.testing.assert_close(ours, theirs, **EXACT)
    plain, _, _ = bn.batch_norm_backward(grad, x, eps=0.1)
    (theirs,) = torch.autograd.grad(
        F.batch_norm(leaves[0], None, None, training=True, eps=0.1),
        leaves[0],
        grad,
    )
    torch.testing.assert_close(plain, theirs, **EXACT)


def test_gradcheck():
    x, weight, bias = (
        draw(*s, seed=i).requires_grad_()
        for i, s in enumerate([(5, 3), (3,), (3,)])
    )
    assert torch.autograd.gradcheck(
        lambda *a: bn.batch_norm(a[0], None, None, a[1], a[2], training=True),
        (x, weight, bias),
    )
    assert torch.autograd.gradcheck(
        lambda *a: bn.layer_norm(a[0], (3,), a[1], a[2]), (x, weight, bias)
    )


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_layer_norm_equals_torch(shape):
    x, weight, bias = (
        draw(5, 3, 4, scale=3.0, offset=10.0),
        draw(*shape, seed=1),
        draw(*shape, seed=2),
    )
    torch.testing.assert_close(
        bn.layer_norm(x, shape, weight, bias),
        F.layer_norm(x, shape, weight, bias),
        **EXACT,
    )
    torch.testing.assert_close(
        bn.layer_norm(x, shape, eps=0.1),
        F.layer_norm(x, shape, eps=0.1),
        **EXACT,
    )


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
@pytest.mark.parametrize("scale", [1e-6, 3.0, 1e6])
@pytest.mark.parametrize("eps", [None, 0.1])
def test_rms_norm_equals_torch(shape, scale, eps):
    x, weight = draw(5, 3, 4, scale=scale, offset=scale), draw(*shape, seed=1)
    for w in (weight, None):
        torch.testing.assert_close(
            bn.rms_norm(x, shape, w, eps), F.rms_norm(x, shape, w, eps), **EXACT
        )


def test_rms_norm_is_layer_norm_of_a_row_with_mean_zero():
    x = draw(5, 4)
    x = x - x.mean(1, keepdim=True)
    torch.testing.assert_close(
        bn.rms_norm(x, (4,), eps=0.1), bn.layer_norm(x, (4,), eps=0.1), **EXACT
    )


@pytest.mark.parametrize("missing", [(), ("linear_b",), ("bn_w", "bn_b")])
def test_the_fused_layer_equals_torchs_and_the_two_layers(missing):
    arguments = {
        "linear_w": draw(3, 4),
        "linear_b": draw(3, seed=1),
        "bn_rm": draw(3, seed=2),
        "bn_rv": draw(3, seed=3).square(),
        "bn_eps": 0.01,
        "bn_w": draw(3, seed=4),
        "bn_b": draw(3, seed=5),
    } | dict.fromkeys(missing)
    w, b = bn.fuse_linear_bn_weights(**arguments)
    if "bn_w" not in missing:  # torch's wants both
        theirs = nn.utils.fusion.fuse_linear_bn_weights(**arguments)
        torch.testing.assert_close(w, theirs[0].detach(), **EXACT)
        torch.testing.assert_close(b, theirs[1].detach(), **EXACT)
    x = draw(6, 4, seed=6)
    z = F.linear(x, arguments["linear_w"], arguments["linear_b"])
    y = bn.batch_norm(
        z,
        arguments["bn_rm"],
        arguments["bn_rv"],
        arguments["bn_w"],
        arguments["bn_b"],
        eps=0.01,
    )
    torch.testing.assert_close(F.linear(x, w, b), y, **EXACT)


@given(st.floats(0.1, 100), st.floats(-100, 100))
def test_scale_and_shift_of_the_input_leave_the_output(scale, shift):
    x = draw(7, 3)
    expected = bn.batch_norm(x, None, None, training=True, eps=0)
    torch.testing.assert_close(
        bn.batch_norm(scale * x + shift, None, None, training=True, eps=0),
        expected,
        rtol=1e-8,
        atol=1e-9,
    )


@given(st.floats(0, 1), st.floats(-5, 5), st.floats(-5, 5))
def test_the_running_average_lies_between_old_and_new(momentum, old, new):
    average = bn.running_average(
        torch.tensor(old, dtype=torch.float64),
        torch.tensor(new, dtype=torch.float64),
        momentum,
    )
    assert min(old, new) - 1e-9 <= average <= max(old, new) + 1e-9


def test_the_running_mean_scatters_as_its_formula_says():
    x = draw(60, 2000, 8)  # steps, units, rows
    running = torch.zeros(2000, dtype=torch.float64)
    for batch in x:
        running = bn.running_average(running, batch.mean(1), 0.5)
    # the sample deviation of 2000 units is off by 1/sqrt(4000) = 1.6 %: four of
    # these
    assert running.std().item() == pytest.approx(
        bn.running_mean_std(0.5, 8), rel=0.065
    )


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (torch.relu, math.pi / (math.pi - 1)),
        (lambda z: 3 * z + 1, 1.0),
        (torch.sin, None),
    ],
)
def test_growth_equals_the_closed_form(activation, expected):
    if expected is None:  # E[cos²] = (1 + e⁻²)/2 and Var[sin] = (1 − e⁻²)/2
        expected = (1 + math.exp(-2)) / (1 - math.exp(-2))
    assert bn.gradient_growth(activation) == pytest.approx(expected, rel=1e-4)


def test_modules_run_in_fit_many():
    def make():
        return nn.Sequential(
            nn.Linear(6, 8, bias=False),
            bn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Linear(8, 3, bias=False),
        )

    train = draw(40, 6).float(), torch.arange(40) % 3
    runs = fit_many(
        make,
        train,
        loss=F.cross_entropy,
        rule=sgd,
        seeds=[0, 1],
        epochs=3,
        lr=0.1,
        batch_size=8,
    )
    model = runs.model(0)
    assert model[1].num_batches_tracked == 15
    assert not torch.equal(
        runs.buffers["1.running_mean"][0], runs.buffers["1.running_mean"][1]
    )
    torch.testing.assert_close(model(train[0]), runs.predict(train[0])[0])


def test_modules_swap_with_torch():
    ours = seeded_model(lambda: bn.BatchNorm1d(3), 0)
    nn.BatchNorm1d(3).load_state_dict(ours.state_dict())
    assert bn.BatchNorm1d(3)(torch.randn(4, 3)).dtype == torch.float32


X = torch.zeros(4, 3)
BAD = {
    "list": (
        lambda: bn.moments([1.0], 0),
        TypeError,
        "floating-point numbers, got list",
    ),
    "ints": (
        lambda: bn.batch_norm(X.long(), None, None, training=True),
        TypeError,
        "got torch.int64",
    ),
    "one dimension": (
        lambda: bn.batch_norm(X[0], None, None, training=True),
        ValueError,
        r"or \(N, C, …\), got shape \(3,\)",
    ),
    "one row": (
        lambda: bn.BatchNorm1d(3)(X[:1]),
        ValueError,
        r"more than one value per channel in training, got \(1, 3\)",
    ),
    "no rows": (
        lambda: bn.BatchNorm1d(3)(X[:0]),
        ValueError,
        "more than one value per channel",
    ),
    "weight": (
        lambda: bn.batch_norm(X, None, None, X, training=True),
        ValueError,
        r"weight must have shape \(3,\)",
    ),
    "mean only": (
        lambda: bn.batch_norm(X, X[0], None, training=True),
        ValueError,
        "go together",
    ),
    "no moments": (
        lambda: bn.batch_norm(X, None, None),
        ValueError,
        "needed when training is False",
    ),
    "eps": (
        lambda: bn.normalize(X, X, X, -1.0),
        ValueError,
        "eps must be finite and at least 0, got -1.0",
    ),
    "momentum": (
        lambda: bn.running_average(X, X, 1.5),
        ValueError,
        r"momentum must be in \[0, 1\], got 1.5",
    ),
    "momentum NaN": (
        lambda: bn.BatchNorm1d(3, momentum=math.nan),
        ValueError,
        "got nan",
    ),
    "momentum word": (
        lambda: bn.BatchNorm1d(3, momentum="a"),
        TypeError,
        "momentum must be a number, got str",
    ),
    "features": (
        lambda: bn.BatchNorm2d(0),
        ValueError,
        "num_features must be at least 1, got 0",
    ),
    "features float": (
        lambda: bn.BatchNorm2d(3.0),
        TypeError,
        "num_features must be an int, got float",
    ),
    "channels": (
        lambda: bn.BatchNorm1d(4)(X),
        ValueError,
        r"input must have num_features=4 channels, got \(4, 3\)",
    ),
    "channels without buffers": (
        lambda: bn.BatchNorm1d(4, affine=False, track_running_stats=False)(X),
        ValueError,
        "num_features=4 channels",
    ),
    "moments are numbers": (
        lambda: bn.normalize(X, 0.0, 1.0),
        TypeError,
        "mean must be a tensor of floating-point numbers, got float",
    ),
    "2d in 1d": (
        lambda: bn.BatchNorm1d(3)(X[..., None, None]),
        ValueError,
        "2 or 3 dimensions, got shape",
    ),
    "1d in 2d": (lambda: bn.BatchNorm2d(3)(X), ValueError, "4 dimensions"),
    "backward": (
        lambda: bn.batch_norm_backward(X[:2], X),
        ValueError,
        r"grad_output must have shape \(4, 3\), got \(2, 3\)",
    ),
    "layer shape": (
        lambda: bn.layer_norm(X, (4,)),
        ValueError,
        r"end of input's shape \(4, 3\), got \(4,\)",
    ),
    "layer number": (
        lambda: bn.layer_norm(X, 3),
        TypeError,
        "normalized_shape must be a tuple or list of ints, got int",
    ),
    "layer weight": (
        lambda: bn.layer_norm(X, (3,), X),
        ValueError,
        r"weight must have shape \(3,\), got \(4, 3\)",
    ),
    "rms shape": (
        lambda: bn.rms_norm(X, (4,)),
        ValueError,
        r"end of input's shape \(4, 3\), got \(4,\)",
    ),
    "rms eps": (
        lambda: bn.rms_norm(X, (3,), eps=-1.0),
        ValueError,
        "eps must be finite and at least 0, got -1.0",
    ),
    "fused vector": (
        lambda: bn.fuse_linear_bn_weights(
            X, None, X[:, 0], X[0], 0.1, None, None
        ),
        ValueError,
        r"bn_rv must have shape \(4,\), got \(3,\)",
    ),
    "fused moments": (
        lambda: bn.fuse_linear_bn_weights(X, None, X[0], X[0], 0.1, None, None),
        ValueError,
        r"bn_rm must have shape \(4,\), got \(3,\)",
    ),
    "fused eps": (
        lambda: bn.fuse_linear_bn_weights(
            X, None, X[:, 0], X[:, 0], -0.1, None, None
        ),
        ValueError,
        "bn_eps must be finite and at least 0, got -0.1",
    ),
    "batch size": (
        lambda: bn.running_mean_std(0.1, 0),
        ValueError,
        "batch_size must be at least 1, got 0",
    ),
    "activation": (
        lambda: bn.gradient_growth("relu"),
        TypeError,
        "activation must be a function, got str",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_sentence(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("wrong", [{"eps": -1.0}, {"momentum": 2.0}])
def test_a_refused_call_leaves_the_running_moments_alone(wrong):
    mean, var = torch.zeros(3, dtype=X.dtype), torch.ones(3, dtype=X.dtype)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        bn.batch_norm(X, mean, var, training=True, **wrong)
    assert mean.eq(0).all() and var.eq(1).all()


def forward(x, gamma, beta, eps):
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


def variant(x, divisor, gamma=1.0, beta=0.0, dim=0):
    return gamma * (x - x.mean(dim, keepdim=True)) / divisor + beta


EXERCISES = {
    "mean, right": (bn.check_running_mean, 3.0, "Right"),
    "mean, stub": (bn.check_running_mean, ..., "put your number"),
    "mean, opposite": (bn.check_running_mean, 11, "opposite convention"),
    "mean, replaced": (bn.check_running_mean, 12, "only part of the way"),
    "mean, half": (bn.check_running_mean, 7, "do not count alike"),
    "mean, sum": (bn.check_running_mean, 3.2, "multiplied by 1 − momentum"),
    "mean, new only": (bn.check_running_mean, 1.2, "the old value counts too"),
    "forward, right": (
        bn.check_batch_norm,
        lambda x, gamma, beta, eps: variant(
            x, (x.var(0, unbiased=False) + eps).sqrt(), gamma, beta
        ),
        "Right",
    ),
    "forward, all at once": (
        bn.check_batch_norm,
        lambda x, gamma, beta, eps: (
            gamma * (x - x.mean()) / (x.var(unbiased=False) + eps).sqrt() + beta
        ),
        "not the one mean of all entries",
    ),
    "forward, by torch": (
        bn.check_batch_norm,
        forward,
        "write the formula yourself",
    ),
    "forward, stub": (
        bn.check_batch_norm,
        lambda x, g, b, eps: None,
        "write its body",
    ),
    "forward, unbiased": (
        bn.check_batch_norm,
        lambda x, g, b, e: variant(x, (x.var(0) + e).sqrt(), g, b),
        "biased variance",
    ),
    "forward, rows": (
        bn.check_batch_norm,
        lambda x, g, b, e: F.layer_norm(x, (4,), g, b, e),
        "normalizes each row",
    ),
    "forward, eps": (
        bn.check_batch_norm,
        lambda x, g, b, e: variant(x, x.std(0, unbiased=False) + e, g, b),
        "inside the square",
    ),
    "forward, variance": (
        bn.check_batch_norm,
        lambda x, g, b, e: variant(x, x.var(0, unbiased=False) + e, g, b),
        "root of the variance",
    ),
    "forward, plain": (
        bn.check_batch_norm,
        lambda x, g, b, e: variant(x, (x.var(0, unbiased=False) + e).sqrt()),
        "scale by gamma",
    ),
    "backward, right": (
        bn.check_batch_norm_backward,
        lambda g, x, s: (g - g.mean(0) - x * (g * x).mean(0)) / s,
        "Right",
    ),
    "backward, stub": (
        bn.check_batch_norm_backward,
        lambda g, x, s: None,
        "write its body",
    ),
    "backward, constants": (
        bn.check_batch_norm_backward,
        lambda g, x, s: g / s,
        "two means are to be subtracted",
    ),
    "backward, no x_hat": (
        bn.check_batch_norm_backward,
        lambda g, x, s: (g - g.mean(0)) / s,
        "term with x_hat",
    ),
    "backward, no mean": (
        bn.check_batch_norm_backward,
        lambda g, x, s: (g - x * (g * x).mean(0)) / s,
        "term without x_hat",
    ),
    "backward, sums": (
        bn.check_batch_norm_backward,
        lambda g, x, s: (g - g.sum(0) - x * (g * x).sum(0)) / s,
        "not sums",
    ),
    "backward, no std": (
        bn.check_batch_norm_backward,
        lambda g, x, s: g - g.mean(0) - x * (g * x).mean(0),
        "divide by std",
    ),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_answer_back(name, capsys):
    assert_answers(*EXERCISES[name], capsys)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["batch", "layer", "rms"])
def test_half_precision_is_normalized_in_float32(name, dtype):
    chance = torch.Generator().manual_seed(0)
    x = 100 + torch.randn(512, 4, generator=chance)
    x[0] = 600.0
    x = x.to(dtype)
    function = {
        "batch": lambda x: bn.batch_norm(x, None, None, training=True),
        "layer": lambda x: bn.layer_norm(x, (4,)),
        "rms": lambda x: bn.rms_norm(x, (4,)),
    }[name]
    found, wanted = function(x), function(x.double())
    assert found.dtype == dtype
    torch.testing.assert_close(found, wanted.to(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_running_variance_of_half_precision_stays_finite(dtype):
    x = torch.tensor([[0.0], [600.0]], dtype=torch.float16)
    mean, var = torch.zeros(1, dtype=dtype), torch.ones(1, dtype=dtype)
    y = bn.batch_norm(x, mean, var, training=True)
    assert y.tolist() == [[-1.0], [1.0]]
    torch.testing.assert_close(var, torch.tensor([18000.9], dtype=dtype))


def test_gradients_of_half_precision():
    x = torch.tensor([[0.0], [600.0], [100.0]])
    g = torch.tensor([[1.0], [2.0], [4.0]])
    half = bn.batch_norm_backward(g.half(), x.half())
    for found, wanted in zip(half, bn.batch_norm_backward(g, x), strict=True):
        torch.testing.assert_close(found, wanted.half())


def test_half_precision_is_folded_in_float32():
    w, one = torch.ones(2, 3).half(), torch.ones(2)
    tiny = (1e-6 * one).half()
    found = bn.fuse_linear_bn_weights(w, None, one, tiny, 1e-5, one, one)
    wanted = bn.fuse_linear_bn_weights(
        w.double(), None, one, tiny.double(), 1e-5, one, one
    )
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b.half())


PAIRS = [(bn.BatchNorm1d, nn.BatchNorm1d), (bn.BatchNorm2d, nn.BatchNorm2d)]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_the_layers_have_torchs_face(ours, theirs):
    plain = {"affine": False, "track_running_stats": False}
    wide = {"device": "cpu", "dtype": torch.float64, "momentum": None}
    for options in ({}, plain, wide):
        a, b = ours(3, **options), theirs(3, **options)
        assert repr(a) == repr(b)
        state = b.state_dict()
        assert list(a.state_dict()) == list(state)
        for name, value in a.state_dict().items():
            assert value.equal(state[name]) and value.dtype == state[name].dtype
    layer = ours(3)
    layer.train()(
        torch.randn(8, 3, *[2] * (2 if ours is bn.BatchNorm2d else 0))
    )
    nn.init.constant_(layer.weight, 5.0)
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1.0] * 3
    assert layer.num_batches_tracked == 0 and layer.weight.tolist() == [5.0] * 3
    layer.reset_parameters()
    assert layer.weight.tolist() == [1.0] * 3


def test_a_layer_without_shift():
    layer = bn.BatchNorm1d(2, bias=False)
    assert layer.bias is None and list(layer.parameters()) == [layer.weight]
    layer.reset_parameters()
    assert (
        layer(torch.tensor([[0.0, 1.0], [2.0, 5.0]])).mean(0).abs().max() < 1e-6
    )


def test_update_bn_knows_the_layers():
    chance = torch.Generator().manual_seed(0)
    batches = [5 + torch.randn(8, 3, generator=chance) for _ in range(4)]
    layers = [nn.Sequential(kind(3)) for kind in PAIRS[0]]
    for layer in layers:
        torch.optim.swa_utils.update_bn(batches, layer)
    ours, theirs = (layer.state_dict() for layer in layers)
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value)
    assert ours["0.running_mean"].min() > 4


def test_the_decay_of_weights_spares_the_layers():
    decayed, spared = parameter_groups(
        nn.Sequential(nn.Linear(3, 2), bn.BatchNorm1d(2)), 0.1
    )
    assert len(decayed["params"]) == 1 and len(spared["params"]) == 3
