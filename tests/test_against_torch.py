"""The companion against the databases that PyTorch tests itself with: every
option of an optimizer, every sample of a loss or a normalization, and what must
be refused, in four types.

What the companion lacks stands here by name, with the reason; so a new version
of torch shows what is new.
"""

import re

import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.common_optimizers import (
    OptimizerErrorEnum,
    optim_db,
)
from torch.testing._internal.opinfo.core import SampleInput

from companion import batch_norm, losses, optimizers

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
HALF = (torch.bfloat16, torch.float16)


def assert_close(ours, theirs, exact):
    """Equal; in half precision at most twice as far from the exact values as
    torch, or four roundings of the largest.
    """
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if ours.dtype not in HALF:
        torch.testing.assert_close(ours, theirs, equal_nan=True)
        return
    differ = (ours != theirs) & ~(ours.isnan() & theirs.isnan())
    if differ.any():
        rounding = torch.finfo(ours.dtype).eps * exact.abs().max().item()
        error, allowed = (
            (each.double() - exact).abs().max().item()
            for each in (ours, theirs)
        )
        assert error <= max(2 * allowed, 4 * rounding)


def uneven(value):
    """Weights of a sum; without them, the gradient of a softmax would be
    nothing but rounding.
    """
    weights = torch.linspace(0.5, 1.5, value.numel()).bfloat16()
    return weights.to(value.dtype).reshape(value.shape)


# --- optimizers

OUR_OPTIMIZERS = ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW")
RARE = "not in the course"
MISSING_OPTIMIZERS = {
    "ASGD": RARE,
    "Adadelta": RARE,
    "Adafactor": RARE,
    "Adamax": RARE,
    "LBFGS": "needs a closure",
    "Muon": "a rule only, optimizers.muon",
    "NAdam": RARE,
    "RAdam": RARE,
    "Rprop": RARE,
    "SparseAdam": "gradients are dense",
}
MISSING_ERRORS = {
    "lr as Tensor doesn't work with foreach & not capturable": "no foreach",
    r"betas\[0\] as a Tensor is not supported for capturable=False and"
    r" foreach=True": "no foreach",
    "betas must be either both floats or both Tensors": (
        "a tensor with one entry is a number"
    ),
}
INFOS = {info.optim_cls.__name__: info for info in optim_db}
INPUTS = [
    (name, i, str(each.desc))
    for name in OUR_OPTIMIZERS
    for i, each in enumerate(INFOS[name].optim_inputs_func("cpu"))
]
ERRORS = [
    (name, i, each.optimizer_error_input.desc)
    for name in OUR_OPTIMIZERS
    for i, each in enumerate(
        INFOS[name].optim_error_inputs_func("cpu", torch.float32)
    )
]


def test_every_optimizer_of_torch_is_here_or_named():
    assert {*OUR_OPTIMIZERS} <= set(INFOS)
    assert set(INFOS) <= {*OUR_OPTIMIZERS, *MISSING_OPTIMIZERS}


def parameters():
    """A matrix, one that does not lie in a row, a number, none."""
    chance = torch.Generator().manual_seed(0)
    whole = torch.randn(4, 3, generator=chance, dtype=torch.float64)
    return whole, whole.T[:, ::2], whole[0, 0], whole[:0]


def after_five_steps(kind, options, dtype):
    """Parameters, and what the optimizer remembers of each."""
    params = [p.to(dtype).requires_grad_() for p in parameters()]
    optimizer = kind(params, **options)
    for step in range(5):
        for p, start in zip(params, parameters(), strict=True):
            p.grad = (start * (2 - step)).cos().to(dtype)
        optimizer.step()
    state = optimizer.state_dict()["state"]
    return params + [
        torch.as_tensor(value)
        for own in state.values()
        for part, value in sorted(own.items())
        if part != "step"
    ]


@dtypes
@pytest.mark.parametrize(("name", "i", "what"), INPUTS)
def test_optimizers_take_every_input(name, i, what, dtype):
    ours, theirs, exact = (
        after_five_steps(
            getattr(module, name),
            INFOS[name].optim_inputs_func("cpu")[i].kwargs,
            precision,
        )
        for module, precision in (
            (optimizers, dtype),
            (torch.optim, dtype),
            (torch.optim, torch.float64),
        )
    )
    for each in zip(ours, theirs, exact, strict=True):
        assert_close(*(value.detach() for value in each))


@pytest.mark.parametrize(("name", "i", "what"), ERRORS)
def test_optimizers_refuse_what_torch_refuses(name, i, what):
    if what in MISSING_ERRORS:
        return
    error = INFOS[name].optim_error_inputs_func("cpu", torch.float32)[i]
    given = error.optimizer_error_input
    assert error.error_on is OptimizerErrorEnum.CONSTRUCTION_ERROR
    params = given.params or [torch.ones(1, requires_grad=True)]
    with pytest.raises(error.error_type):
        getattr(optimizers, name)(params, **given.kwargs)


# --- functions

F = "nn.functional."
OUR_OPS = {
    "softmax": losses.softmax,
    "log_softmax": losses.log_softmax,
    F + "mse_loss": losses.mse_loss,
    F + "l1_loss": losses.l1_loss,
    F + "huber_loss": losses.huber_loss,
    F + "smooth_l1_loss": losses.smooth_l1_loss,
    F + "gaussian_nll_loss": losses.gaussian_nll_loss,
    F + "cross_entropy": losses.cross_entropy,
    F + "binary_cross_entropy_with_logits": (
        losses.binary_cross_entropy_with_logits
    ),
    F + "batch_norm": batch_norm.batch_norm,
    F + "layer_norm": batch_norm.layer_norm,
    F + "rms_norm": batch_norm.rms_norm,
}
RELATIVE = "of another family"
MISSING_OPS = {
    "_softmax_backward_data": "a part of softmax",
    "masked.log_softmax": RARE,
    "masked.softmax": RARE,
    "torch.ops.aten._safe_softmax.default": "a part of attention",
    "native_batch_norm": "the same as batch_norm",
    "native_group_norm": RELATIVE,
    "native_layer_norm": "the same as layer_norm",
    F + "binary_cross_entropy": "probabilities round to 0 and 1",
    F + "nll_loss": "a part of cross_entropy",
    F + "linear_cross_entropy": RARE,
} | {
    F + name: RELATIVE
    for name in (
        *("group_norm", "instance_norm", "local_response_norm"),
        *("cosine_embedding_loss", "ctc_loss", "hinge_embedding_loss"),
        *("margin_ranking_loss", "multi_margin_loss", "poisson_nll_loss"),
        *("multilabel_margin_loss", "multilabel_soft_margin_loss"),
        *("soft_margin_loss", "triplet_margin_loss"),
        "triplet_margin_with_distance_loss",
    )
}
FAMILY = re.compile(r"loss|_norm$|softmax|cross_entropy|nll")
OPS = [op for op in op_db if op.name in OUR_OPS and torch.float64 in op.dtypes]
ops = pytest.mark.parametrize(
    "op", OPS, ids=[op.name + op.variant_test_name for op in OPS]
)


def test_every_loss_and_norm_of_torch_is_here_or_named():
    family = {
        op.name
        for op in op_db
        if FAMILY.search(op.name) and not op.name.startswith("linalg.")
    }
    assert {*OUR_OPS} <= family <= {*OUR_OPS, *MISSING_OPS}


def lacking(op, sample):
    """Why a sample of torch is none of ours, or None."""
    input, args, kwargs = sample.input, sample.args, sample.kwargs
    if kwargs.get("eps", 0) < 0 or kwargs.get("momentum", 0) < 0:
        return "eps and momentum are at least 0"
    if op.name.endswith("gaussian_nll_loss"):
        if {"full", "eps"} & set(kwargs):
            return "no full, and variances are taken as they are"
        if {each.shape for each in args} != {input.shape}:
            return "nothing is broadcast"
    if op.name.endswith("softmax") and input.ndim and not input.size(args[0]):
        return "there must be a class"
    if op.name.endswith("batch_norm") and input.ndim < 2:
        return "the channels are the second dimension"
    return None


def copies(sample, dtype):
    """Input and arguments, none shared with those of another call."""

    def copied(each):
        if isinstance(each, torch.Tensor):
            each = each.detach().clone(memory_format=torch.preserve_format)
            return each.to(dtype) if each.is_floating_point() else each
        return each

    input = copied(sample.input).requires_grad_()
    args = [copied(each) for each in sample.args]
    return input, args, {name: copied(v) for name, v in sample.kwargs.items()}


def outcome(function, sample, dtype):
    """Value, gradient by the input, and tensors that it may have changed."""
    input, args, kwargs = copies(sample, dtype)
    value = function(input, *args, **kwargs)
    (gradient,) = torch.autograd.grad(value, input, uneven(value))
    tensors = [each for each in args if isinstance(each, torch.Tensor)]
    return [value.detach(), gradient, *tensors]


def torchs(op, sample, dtype):
    """What torch finds; where an older one has no kernel for a type, what it
    finds in float64, in that type.
    """
    try:
        return outcome(op.op, sample, dtype)
    except RuntimeError as reason:
        if "not implemented for" not in str(reason):
            raise
        wide = outcome(op.op, sample, torch.float64)
        return [
            each.to(dtype) if each.is_floating_point() else each
            for each in wide
        ]


def assert_same_as_torch(op, sample, dtype):
    found = zip(
        outcome(OUR_OPS[op.name], sample, dtype),
        torchs(op, sample, dtype),
        outcome(op.op, sample, torch.float64),
        strict=True,
    )
    for ours, theirs, exact in found:
        assert_close(ours, theirs, exact.double())


@dtypes
@ops
def test_functions_take_every_sample(op, dtype):
    samples = [
        each
        for sample in op.sample_inputs("cpu", dtype)
        for each in (sample, sample.noncontiguous())
        if not lacking(op, sample)
    ]
    assert samples
    for sample in samples:
        assert_same_as_torch(op, sample, dtype)


@dtypes
@pytest.mark.parametrize("shape", [(), (0,), (0, 3)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "name",
    [
        *("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"),
        "binary_cross_entropy_with_logits",
    ],
)
def test_losses_of_one_number_and_of_none(name, reduction, shape, dtype):
    sample = SampleInput(
        torch.full(shape, 0.7, dtype=dtype),
        args=(torch.full(shape, 0.2, dtype=dtype),),
        kwargs={"reduction": reduction},
    )
    (op,) = (op for op in OPS if op.name == F + name)
    assert_same_as_torch(op, sample, dtype)


@ops
def test_functions_refuse_what_torch_refuses(op):
    errors = op.error_inputs("cpu") if op.error_inputs_func else ()
    for error in errors:
        sample = error.sample_input
        with pytest.raises((ValueError, TypeError)):
            OUR_OPS[op.name](sample.input, *sample.args, **sample.kwargs)


# --- modules

OUR_MODULES = {
    torch.nn.BatchNorm1d: batch_norm.BatchNorm1d,
    torch.nn.BatchNorm2d: batch_norm.BatchNorm2d,
}
MISSING_INPUTS = {"zero_batch": "an empty batch has no moments"}


@dtypes
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", OUR_MODULES)
def test_modules_take_every_input(kind, training, dtype):
    (info,) = (info for info in module_db if info.module_cls is kind)
    options = {"device": "cpu", "requires_grad": True, "training": training}
    inputs = info.module_inputs_func(info, dtype=dtype, **options)
    described = {each.desc for each in inputs}
    assert set(MISSING_INPUTS) <= described
    for each in inputs:
        if each.desc in MISSING_INPUTS:
            continue
        made, (x,) = each.constructor_input, each.forward_input.args
        results = []
        for module, precision in (
            (OUR_MODULES[kind], dtype),
            (kind, dtype),
            (kind, torch.float64),
        ):
            layer = module(*made.args, **made.kwargs, dtype=precision)
            leaf = x.detach().to(precision).requires_grad_()
            y = layer.train(training)(leaf)
            y.backward(uneven(y))
            state = layer.state_dict().values()
            results.append([y.detach(), leaf.grad, *state])
        for ours, theirs, exact in zip(*results, strict=True):
            assert_close(ours, theirs, exact.double())
