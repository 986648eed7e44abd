r"""Chapter *batch_norm*: normalizing the units of a layer over the batch,
forward and backward, in training and after.

Ordered from mean and variance to the layer, its gradient, its modules, what
becomes of it after training, its relatives that need no batch, and what theory
says of deep stacks; the checks of the chapter's exercises come last.
"""

import math

import torch
from torch import nn

from companion.arguments import (
    at_least_float32,
    check_floats,
    check_int,
    check_real,
)
from companion.checks import check, check_number

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "batch_norm",
    "batch_norm_backward",
    "check_batch_norm",
    "check_batch_norm_backward",
    "check_running_mean",
    "fuse_linear_bn_weights",
    "gradient_growth",
    "layer_norm",
    "moments",
    "normalize",
    "rms_norm",
    "running_average",
    "running_mean_std",
]


def _check_shape(name, value, shape):
    if value is not None:
        check_floats(name, value, shape=shape)


def moments(input, dims):
    r"""Mean and variance over some dimensions. The variance divides by the
    number of values: it is the biased one.

    .. math::
        \mu = \frac{1}{m}\sum_{i=1}^m x_i, \qquad \sigma^2 =
        \frac{1}{m}\sum_{i=1}^m (x_i - \mu)^2

    Args:
        input: tensor of any shape.
        dims: the dimensions to average over: 0 for the rows of a batch, −1 for
            the units of a row.

    Returns:
        Mean and variance, in float32 at least; the dimensions averaged over
        keep size 1.

    Example:
        >>> mean, var = moments(torch.tensor([[1.0], [5.0]]), 0)
        >>> mean.item(), var.item()
        (3.0, 4.0)

    Chapter: batch_norm.
    """
    check_floats("input", input)
    x = at_least_float32(input)
    mean = x.mean(dims, keepdim=True)
    # E[x²] − μ² would cancel where μ is large
    var = (x - mean).square().mean(dims, keepdim=True)
    return mean, var


def normalize(input, mean, var, eps=1e-5):
    r"""Give the values mean 0 and variance (almost) 1.

    .. math::
        \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}

    Args:
        input: tensor of any shape.
        mean: :math:`\mu`, broadcasts against ``input``.
        var: :math:`\sigma^2 \ge 0`, broadcasts against ``input``.
        eps: :math:`\epsilon \ge 0`, inside the root.

    Returns:
        Tensor of the shape of ``input``.

    Raises:
        TypeError: if ``input``, ``mean`` or ``var`` is not a tensor of floats.
        ValueError: if ``eps`` is negative.

    Example:
        >>> x = torch.tensor([[1.0], [5.0]])
        >>> normalize(x, *moments(x, 0), eps=0).tolist()
        [[-1.0], [1.0]]

    Chapter: batch_norm.
    """
    for name, value in (("input", input), ("mean", mean), ("var", var)):
        check_floats(name, value)
    check_real("eps", eps, 0)
    return (input - mean) / (var + eps).sqrt()


def running_average(old, new, momentum=0.1):
    r"""Exponential average in PyTorch's convention: ``momentum`` is the weight
    of what is **new**.

    .. math::
        r \leftarrow (1 - \alpha)\, r + \alpha\, x

    Args:
        old: :math:`r`, any shape.
        new: :math:`x`, the same shape.
        momentum: :math:`\alpha` in [0, 1].

    Returns:
        Tensor of the same shape.

    Raises:
        ValueError: if ``momentum`` is outside [0, 1].

    Example:
        >>> running_average(torch.zeros(1), torch.ones(1), momentum=0.25).item()
        0.25

    Chapter: batch_norm.
    """
    if not isinstance(momentum, torch.Tensor):
        check_real("momentum", momentum, 0, 1)
    return (1 - momentum) * old + momentum * new


def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    r"""Normalize each channel, in training by the batch's own moments,
    otherwise by the running ones.

    .. math::
        y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta

    In training the running moments are updated in place: the mean by
    :math:`\mu`, the variance by the unbiased :math:`\frac{m}{m-1}\sigma^2`,
    with :math:`m` values per channel.

    Args:
        input: shape (N, C) or (N, C, …).
        running_mean: shape (C,), or None.
        running_var: shape (C,), or None.
        weight: :math:`\gamma`, shape (C,), or None for 1.
        bias: :math:`\beta`, shape (C,), or None for 0.
        training: use the batch's moments, and update the running ones.
        momentum: weight of the new moments in the running ones, in [0, 1].
        eps: :math:`\epsilon \ge 0`.

    Returns:
        Tensor of the shape and type of ``input``.

    Raises:
        TypeError: for arguments that are no tensors of floats.
        ValueError: for shapes that do not fit, a momentum or eps out of range,
            or one value per channel in training.

    Example:
        >>> mean, var = torch.zeros(1), torch.ones(1)
        >>> x = torch.tensor([[1.0], [5.0]])
        >>> [
        ...     round(y, 4)
        ...     for y in batch_norm(x, mean, var, training=True)
        ...     .flatten()
        ...     .tolist()
        ... ]
        [-1.0, 1.0]
        >>> (  # 0.9 · 0 + 0.1 · 3 and 0.9 · 1 + 0.1 · 8
        ...     round(mean.item(), 4),
        ...     round(var.item(), 4),
        ... )
        (0.3, 1.7)

    Source: Ioffe and Szegedy (2015), Algorithm 1.

    Differs from torch: neither running moments nor ``training`` is a
    ValueError, not a RuntimeError; momentum and eps are checked.

    Chapter: batch_norm.
    """
    _check_batch_norm(input, running_mean, running_var, weight, bias, training)
    per_channel = (-1, *[1] * (input.ndim - 2))
    if training:
        mean, var = moments(input, [d for d in range(input.ndim) if d != 1])
    else:
        mean = at_least_float32(running_mean).reshape(per_channel)
        var = at_least_float32(running_var).reshape(per_channel)
    y = normalize(input, mean, var, eps)
    if weight is not None:
        y = y * weight.reshape(per_channel)
    if bias is not None:
        y = y + bias.reshape(per_channel)
    if training and running_mean is not None:
        m = input.numel() / input.shape[1]
        mean, var = mean.detach().flatten(), var.detach().flatten()
        unbiased = var * m / (m - 1)
        running_mean.copy_(running_average(running_mean, mean, momentum))
        running_var.copy_(running_average(running_var, unbiased, momentum))
    return y.to(input.dtype)


def _check_batch_norm(input, running_mean, running_var, weight, bias, training):
    check_floats("input", input)
    if input.ndim < 2:
        raise ValueError(
            f"input must be (N, C) or (N, C, …), got shape {tuple(input.shape)}"
        )
    names = ("running_mean", "running_var", "weight", "bias")
    for name, vector in zip(
        names, (running_mean, running_var, weight, bias), strict=True
    ):
        _check_shape(name, vector, input.shape[1:2])
    if (running_mean is None) != (running_var is None):
        raise ValueError(
            "running_mean and running_var go together; got only one of them"
        )
    if not training and running_mean is None:
        raise ValueError(
            "running_mean and running_var are needed when training is False;"
            " got None"
        )
    if training and input.numel() <= input.shape[1]:
        raise ValueError(
            "input must have more than one value per channel in training, got"
            f" {tuple(input.shape)}"
        )


def batch_norm_backward(grad_output, input, weight=None, eps=1e-5):
    r"""Gradients of batch normalization in training. Mean and variance depend
    on every row, so all rows interact.

    .. math::
        \frac{\partial L}{\partial \beta} &= \sum_i g_i, \qquad
        \frac{\partial L}{\partial \gamma} = \sum_i g_i \hat x_i \\
        \frac{\partial L}{\partial x_i} &= \frac{\gamma}{\sqrt{\sigma^2 +
        \epsilon}}
            \Bigl(g_i - \frac{1}{m}\sum_j g_j - \hat x_i\,\frac{1}{m}\sum_j g_j
            \hat x_j\Bigr)

    Args:
        grad_output: :math:`g`, the gradient of the loss by the layer's output,
            shape of ``input``.
        input: shape (N, C) or (N, C, …).
        weight: :math:`\gamma`, shape (C,), or None for 1.
        eps: :math:`\epsilon \ge 0`.

    Returns:
        The gradients by ``input``, by ``weight`` and by ``bias``.

    Raises:
        ValueError: for shapes that do not fit.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [5.0]])
        >>> grad = torch.tensor([[1.0], [0.0], [0.0]])
        >>> dx, dweight, dbias = batch_norm_backward(grad, x)

        No shift and no scale of x changes the loss.

        >>> bool(dx.sum().abs() < 1e-6 and (dx * x).sum().abs() < 1e-5)
        True

    Source: Ioffe and Szegedy (2015), section 3, simplified.

    Chapter: batch_norm.
    """
    _check_batch_norm(input, None, None, weight, None, training=True)
    _check_shape("grad_output", grad_output, input.shape)
    dims = [d for d in range(input.ndim) if d != 1]
    mean, var = moments(input, dims)
    x_hat = normalize(input, mean, var, eps)
    g = at_least_float32(grad_output)
    grad_weight, grad_bias = (g * x_hat).sum(dims), g.sum(dims)
    if weight is not None:
        g = g * weight.reshape(-1, *[1] * (input.ndim - 2))
    mean_g = g.mean(dims, keepdim=True)
    mean_gx = (g * x_hat).mean(dims, keepdim=True)
    grad_input = (g - mean_g - x_hat * mean_gx) / (var + eps).sqrt()
    own = input.dtype if weight is None else weight.dtype
    return grad_input.to(input.dtype), grad_weight.to(own), grad_bias.to(own)


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """What the two modules share. Parameters, buffers and how they are reset
    and shown are torch's, for its tools know a layer by its class.
    """

    ndims = ()

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        check_int("num_features", num_features)
        check_real("eps", eps, 0)
        if momentum is not None:
            check_real("momentum", momentum, 0, 1)
        super().__init__(
            num_features,
            eps,
            momentum,
            affine,
            track_running_stats,
            device,
            dtype,
        )
        if not bias:
            self.bias = None

    def reset_parameters(self):
        """Set gamma to 1, beta to 0, and the running moments back."""
        self.reset_running_stats()
        for parameter, value in ((self.weight, 1.0), (self.bias, 0.0)):
            if parameter is not None:
                nn.init.constant_(parameter, value)

    def forward(self, input):
        """Normalize ``input``; in training mode by the batch, in evaluation
        mode by the running moments.
        """
        check_floats("input", input)
        if input.ndim not in self.ndims:
            wanted = " or ".join(map(str, self.ndims))
            raise ValueError(
                f"input must have {wanted} dimensions, got shape"
                f" {tuple(input.shape)}"
            )
        if input.shape[1] != self.num_features:
            raise ValueError(
                f"input must have num_features={self.num_features} channels,"
                f" got {tuple(input.shape)}"
            )
        momentum, tracked = self.momentum, self.running_mean is not None
        if self.training and tracked:
            self.num_batches_tracked.add_(1)
            if momentum is None:  # the plain average of all batches so far
                momentum = 1 / self.num_batches_tracked.double()
        training = self.training or not tracked
        return batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training,
            momentum or 0.0,
            self.eps,
        )


class BatchNorm1d(_BatchNorm, nn.BatchNorm1d):
    r"""Batch normalization of the units of a layer: :func:`batch_norm` with
    parameters and running moments.

    Args:
        num_features: number of units C, at least 1.
        eps: :math:`\epsilon \ge 0`.
        momentum: weight of the new moments in [0, 1]; None averages all batches
            alike.
        affine: learn :math:`\gamma` and :math:`\beta`, which start at 1 and 0.
        track_running_stats: keep running moments; without them evaluation uses
            the batch as well.
        device: where parameters and buffers are.
        dtype: their type.
        bias: whether there is a :math:`\beta` to learn.

    Inputs have shape (N, C) or (N, C, L).

    Raises:
        TypeError, ValueError: for arguments out of range or an input of another
            shape.

    Example:
        >>> layer = BatchNorm1d(1)
        >>> layer(torch.tensor([[0.0], [2.0]])).detach().round().tolist()
        [[-1.0], [1.0]]
        >>> round(  # the running mean is 0.1 now
        ...     layer.eval()(torch.tensor([[0.1]])).item(), 4
        ... )
        0.0

    Source: Ioffe and Szegedy (2015).

    Differs from torch: the arguments are checked; an empty input and one
    channel more or less are a ValueError.

    Chapter: batch_norm.
    """

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm, nn.BatchNorm2d):
    r"""Batch normalization of the channels of images: the mean runs over rows
    and pixels.

    Args:
        num_features: number of channels C, at least 1.
        eps: :math:`\epsilon \ge 0`.
        momentum: weight of the new moments in [0, 1]; None averages all batches
            alike.
        affine: learn :math:`\gamma` and :math:`\beta`, which start at 1 and 0.
        track_running_stats: keep running moments; without them evaluation uses
            the batch as well.
        device: where parameters and buffers are.
        dtype: their type.
        bias: whether there is a :math:`\beta` to learn.

    Inputs have shape (N, C, H, W).

    Raises:
        TypeError, ValueError: for arguments out of range or an input of another
            shape.

    Example:
        >>> layer = BatchNorm2d(3)
        >>> layer(torch.arange(24.0).reshape(2, 3, 2, 2)).mean(
        ...     (0, 2, 3)
        ... ).abs().max().item() < 1e-6
        True

    Source: Ioffe and Szegedy (2015).

    Differs from torch: the arguments are checked; an empty input and one
    channel more or less are a ValueError.

    Chapter: batch_norm.
    """

    ndims = (4,)


def fuse_linear_bn_weights(
    linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b
):
    r"""Fold a batch normalization that no longer learns into the linear layer
    before it: the weights and the bias of one layer that does the work of both.

    .. math::
        \mathbf{W}' = \frac{\gamma}{\sqrt{r_v + \epsilon}}\,\mathbf{W}, \qquad
        \mathbf{b}' = \frac{\gamma}{\sqrt{r_v + \epsilon}}\,(\mathbf{b} -
        r_m) + \beta

    Args:
        linear_w: :math:`\mathbf{W}`, shape (C, inputs).
        linear_b: :math:`\mathbf{b}`, shape (C,), or None for 0.
        bn_rm: running mean :math:`r_m`, shape (C,).
        bn_rv: running variance :math:`r_v`, shape (C,).
        bn_eps: :math:`\epsilon \ge 0`.
        bn_w: :math:`\gamma`, shape (C,), or None for 1.
        bn_b: :math:`\beta`, shape (C,), or None for 0.

    Returns:
        :math:`\mathbf{W}'` and :math:`\mathbf{b}'`.

    Raises:
        ValueError: for shapes that do not fit, or if ``bn_eps`` is negative.

    Example:
        >>> w, b = fuse_linear_bn_weights(
        ...     torch.ones(1, 2),
        ...     None,
        ...     torch.ones(1),
        ...     4 * torch.ones(1),
        ...     0.0,
        ...     torch.ones(1),
        ...     None,
        ... )  # (x₁ + x₂ − 1) / 2
        >>> w.tolist(), b.tolist()
        ([[0.5, 0.5]], [-0.5])

    Source: Jacob and others (2018).

    Differs from torch: plain tensors come back, not parameters; γ and β may be
    None.

    Chapter: batch_norm.
    """
    check_floats("linear_w", linear_w, dims=2)
    _check_shape("bn_rm", bn_rm, linear_w.shape[:1])
    for name, vector in zip(
        ("linear_b", "bn_rv", "bn_w", "bn_b"),
        (linear_b, bn_rv, bn_w, bn_b),
        strict=True,
    ):
        _check_shape(name, vector, bn_rm.shape)
    check_real("bn_eps", bn_eps, 0)
    scale = 1 / (at_least_float32(bn_rv) + bn_eps).sqrt()
    if bn_w is not None:
        scale = bn_w * scale
    shift = -bn_rm if linear_b is None else linear_b - bn_rm
    b = scale * shift if bn_b is None else scale * shift + bn_b
    w, dtype = scale.unsqueeze(1) * linear_w, linear_w.dtype
    return w.to(dtype), b.to(dtype)


def _check_layer_norm(input, normalized_shape, weight, bias):
    check_floats("input", input)
    if not isinstance(normalized_shape, tuple | list):
        raise TypeError(
            "normalized_shape must be a tuple or list of ints, got"
            f" {type(normalized_shape).__name__}"
        )
    shape = tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise ValueError(
            "normalized_shape must be the end of input's shape"
            f" {tuple(input.shape)}, got {shape}"
        )
    _check_shape("weight", weight, shape)
    _check_shape("bias", bias, shape)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    r"""Normalize each row by its own moments: no batch, no running moments, no
    difference between training and use.

    .. math::
        y_i = \gamma \odot \frac{x_i - \mu_i}{\sqrt{\sigma_i^2 + \epsilon}} +
        \beta,
        \qquad \mu_i,\ \sigma_i^2 \text{ over the units of row } i

    Args:
        input: shape (…, \*normalized_shape).
        normalized_shape: shape of what is normalized together, a tuple or list
            of ints.
        weight: :math:`\gamma`, shape ``normalized_shape``, or None for 1.
        bias: :math:`\beta`, shape ``normalized_shape``, or None for 0.
        eps: :math:`\epsilon \ge 0`.

    Returns:
        Tensor of the shape of ``input``.

    Raises:
        TypeError: if ``normalized_shape`` is no tuple or list.
        ValueError: for shapes that do not fit.

    Example:
        >>> layer_norm(
        ...     torch.tensor([[1.0, 5.0], [0.0, 2.0]]), (2,), eps=0
        ... ).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]

    Source: Ba, Kiros and Hinton (2016).

    Chapter: batch_norm.
    """
    _check_layer_norm(input, normalized_shape, weight, bias)
    mean, var = moments(input, list(range(-len(normalized_shape), 0)))
    y = normalize(input, mean, var, eps)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y.to(input.dtype)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    r"""Divide each row by its root mean square: layer normalization without the
    mean and without the shift.

    .. math::
        y_i = \gamma \odot \frac{x_i}{\sqrt{\overline{x_i^2} + \epsilon}},
        \qquad \overline{x_i^2} \text{ over the units of row } i

    Args:
        input: shape (…, \*normalized_shape).
        normalized_shape: shape of what is normalized together, a tuple or list
            of ints.
        weight: :math:`\gamma`, shape ``normalized_shape``, or None for 1.
        eps: :math:`\epsilon \ge 0`; None takes the spacing of numbers near 1
            in float32, or in float64 for such an ``input``.

    Returns:
        Tensor of the shape of ``input``.

    Raises:
        TypeError: if ``normalized_shape`` is no tuple or list.
        ValueError: for shapes that do not fit, or if ``eps`` is negative.

    Example:
        >>> rms_norm(torch.tensor([[3.0, 4.0, 0.0, 0.0]]), (4,)).tolist()[0][:2]
        [1.2000000476837158, 1.600000023841858]

    Source: Zhang and Sennrich (2019).

    Chapter: batch_norm.
    """
    _check_layer_norm(input, normalized_shape, weight, None)
    check_real("eps", 0 if eps is None else eps, 0)
    x = at_least_float32(input)
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    dims = list(range(-len(normalized_shape), 0))
    y = x / (x.square().mean(dims, keepdim=True) + eps).sqrt()
    return (y if weight is None else y * weight).to(input.dtype)


def running_mean_std(momentum, batch_size, std=1.0):
    r"""Standard deviation of the running mean after many steps, over random
    batches from one distribution.

    .. math::
        \operatorname{sd}(r) = \sigma\sqrt{\frac{\alpha}{2 -
        \alpha}\cdot\frac{1}{m}}

    Args:
        momentum: :math:`\alpha` in [0, 1], the weight of what is new.
        batch_size: :math:`m`, at least 1.
        std: :math:`\sigma \ge 0` of one value.

    Returns:
        The standard deviation, in the unit of ``std``.

    Raises:
        ValueError: for an argument out of range.

    Example:
        >>> (
        ...     round(running_mean_std(0.1, 32), 4),
        ...     round(running_mean_std(0.9, 32), 4),
        ... )
        (0.0406, 0.1599)

    Chapter: batch_norm.
    """
    check_real("momentum", momentum, 0, 1)
    check_int("batch_size", batch_size)
    check_real("std", std, 0)
    return std * math.sqrt(momentum / (2 - momentum) / batch_size)


def gradient_growth(activation):
    r"""By what factor batch normalization multiplies the squared gradient, per
    layer, in a deep net at initialization.

    .. math::
        \frac{\mathbb{E}[\varphi'(z)^2]}{\operatorname{Var}[\varphi(z)]},
        \qquad z \sim N(0, 1)

    Args:
        activation: :math:`\varphi`, a function of a tensor that acts on each
            entry.

    Returns:
        The factor, for wide layers and large batches.

    Raises:
        TypeError: if ``activation`` is not callable.

    Example:
        >>> (
        ...     round(gradient_growth(torch.relu), 4),
        ...     round(math.pi / (math.pi - 1), 4),
        ... )
        (1.4669, 1.4669)

    Source: Yang, Pennington, Rao, Sohl-Dickstein and Schoenholz (2019), for
    wide layers; the form is derived here.

    Chapter: batch_norm.
    """
    if not callable(activation):
        raise TypeError(
            f"activation must be a function, got {type(activation).__name__}"
        )
    z = torch.linspace(-12, 12, 200_001, dtype=torch.float64).requires_grad_()
    h = activation(z)
    (slope,) = torch.autograd.grad(h.sum(), z)
    density = (-z.detach().square() / 2).exp()
    density /= density.sum()
    mean = (density * h).sum()
    variance = (density * (h - mean).square()).sum()
    return ((density * slope.square()).sum() / variance).item()


def check_running_mean(answer):
    """Exercise by hand: PyTorch, momentum 0.1, running mean 2, a batch of mean
    12; what is the running mean then?

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_running_mean(11.0)
        ✗ Not yet: that is the opposite convention; in PyTorch, momentum is the
        weight of the new batch.

    Chapter: batch_norm.
    """
    return check_number(
        answer,
        3.0,
        {
            11.0: (
                "that is the opposite convention; in PyTorch, momentum is the"
                " weight of the new batch"
            ),
            12.0: (
                "the running mean moves only part of the way to the batch's"
                " mean"
            ),
            7.0: (
                "the two do not count alike; momentum says how much the new"
                " batch counts"
            ),
            3.2: "the old value is multiplied by 1 − momentum",
            1.2: "the old value counts too, with the weight 1 − momentum",
        },
    )


def _forward(unbiased=False, dim=0, power=0.5, affine=True, inside=True):
    """The layer in training, or a variant of it with a typical mistake."""

    def layer(x, gamma, beta, eps):
        mean, var = (
            x.mean(dim, keepdim=True),
            x.var(dim, keepdim=True, unbiased=unbiased),
        )
        x_hat = (x - mean) / (
            (var + eps) ** power if inside else var**power + eps
        )
        return gamma * x_hat + beta if affine else x_hat

    return layer


def check_batch_norm(attempt):
    """Exercise: ``attempt(x, gamma, beta, eps)`` returns the output of batch
    normalization in training, x of (N, C).

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_batch_norm(
        ...     lambda x, g, b, eps: (
        ...         g * (x - x.mean(0)) / (x.var(0) + eps).sqrt() + b
        ...     )
        ... )
        ✗ Not yet: divide by the biased variance, the one with 1/m: x.var(0,
        unbiased=False).

    Chapter: batch_norm.
    """
    return check(
        attempt,
        _forward(),
        lambda generator: [
            (
                s * torch.randn(n, 4, generator=generator) + s,
                torch.arange(1.0, 5),
                torch.ones(4),
                1e-3,
            )
            for n, s in ((4, 1.0), (8, 0.05))
        ],
        {
            (
                "divide by the biased variance, the one with 1/m:"
                " x.var(0, unbiased=False)"
            ): _forward(unbiased=True),
            (
                "each unit is normalized over the rows of the batch;"
                " yours normalizes each row"
            ): _forward(dim=1),
            (
                "each unit has its own mean and variance, over the rows:"
                " x.mean(0), not the one mean of all entries"
            ): _forward(dim=(0, 1)),
            "eps stands inside the square root": _forward(inside=False),
            "divide by the square root of the variance": _forward(power=1),
            "scale by gamma and shift by beta at the end": _forward(
                affine=False
            ),
        },
        library=(batch_norm, torch.nn.functional.batch_norm),
    )


def check_batch_norm_backward(attempt):
    """Exercise: ``attempt(grad, x_hat, std)`` returns the gradient by the
    input, all of them (N, C) but std, (C,).

    Args:
        attempt: the reader's function; gamma is 1.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_batch_norm_backward(
        ...     lambda grad, x_hat, std: grad / std
        ... )
        ✗ Not yet: mean and std depend on the input too; two means are to be
        subtracted before you divide.

    Chapter: batch_norm.
    """

    def cases(generator):
        batches = [torch.randn(2, n, 3, generator=generator) for n in (4, 7)]
        return [
            (g, normalize(x, *moments(x, 0), eps=0), x.std(0, unbiased=False))
            for x, g in batches
        ]

    return check(
        attempt,
        lambda g, x_hat, std: (
            (g - g.mean(0) - x_hat * (g * x_hat).mean(0)) / std
        ),
        cases,
        {
            (
                "mean and std depend on the input too;"
                " two means are to be subtracted before you divide"
            ): lambda g, x_hat, std: g / std,
            (
                "std depends on the input as well:"
                " the term with x_hat is missing"
            ): lambda g, x_hat, std: (g - g.mean(0)) / std,
            (
                "the mean depends on the input as well:"
                " the term without x_hat is missing"
            ): lambda g, x_hat, std: (g - x_hat * (g * x_hat).mean(0)) / std,
            "take means over the batch, not sums": lambda g, x_hat, std: (
                (g - g.sum(0) - x_hat * (g * x_hat).sum(0)) / std
            ),
            "divide by std at the end": lambda g, x_hat, std: (
                g - g.mean(0) - x_hat * (g * x_hat).mean(0)
            ),
        },
    )
