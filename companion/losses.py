r"""Chapter *losses*: every loss as the surprise of a noise model, written so
that it neither overflows nor goes blind.

Ordered from the losses of one number to those of one class, of many labels, of
their limits and of what their probabilities are worth; the checks of the
chapter's exercises come last.

Differs from torch: under ``torch.autocast`` a loss keeps the type of its input;
torch returns float32.
"""

import math

import torch
import torch.nn.functional as F

from companion.arguments import (
    at_least_float32,
    check_floats,
    check_int,
    check_real,
    check_solvable,
    check_tensor,
)
from companion.checks import check, check_number
from companion.data import check_data

__all__ = [
    "binary_cross_entropy_with_logits",
    "brier_score",
    "check_bce_with_logits",
    "check_cross_entropy",
    "check_quantile_loss",
    "check_smooth_l1_by_hand",
    "cross_entropy",
    "double_softmax_floor",
    "fit_temperature",
    "gaussian_nll_loss",
    "huber_loss",
    "huber_regression",
    "l1_loss",
    "log_softmax",
    "mse_loss",
    "quantile_loss",
    "reduce",
    "sigmoid_focal_loss",
    "smooth_l1_loss",
    "smoothing_gap",
    "softmax",
]


def _check_input(input, reduction):
    check_floats("input", input)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )


def _check_pair(input, target, reduction):
    _check_input(input, reduction)
    check_tensor("target", target)
    if target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"target must hold real numbers, got {target.dtype}")
    if input.shape != target.shape:
        shapes = f"{tuple(input.shape)} and {tuple(target.shape)}"
        raise ValueError(
            f"input and target must have the same shape, got {shapes}; nothing"
            " is broadcast"
        )


def _check_weight(name, weight, shape):
    if weight is not None:
        check_tensor(name, weight)
        missing = len(shape) - weight.ndim
        if missing < 0 or any(
            w not in (1, s)
            for w, s in zip(weight.shape, shape[missing:], strict=True)
        ):
            raise ValueError(
                f"{name} must broadcast to the shape {tuple(shape)}, got"
                f" {tuple(weight.shape)}"
            )


def reduce(losses, reduction):
    r"""Make one number of the losses: their mean, their sum, or leave them.

    Args:
        losses: any shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        Tensor without dimensions, or ``losses``.

    Example:
        >>> reduce(torch.tensor([1.0, 3.0]), "mean").item()
        2.0

    Chapter: losses.
    """
    if reduction == "mean":
        return losses.mean()
    return losses.sum() if reduction == "sum" else losses


def mse_loss(input, target, *, reduction="mean"):
    r"""Mean squared error: up to constants, the surprise under Gaussian noise.

    .. math::
        \ell_i = (\hat y_i - y_i)^2, \qquad L = \frac{1}{n} \sum_i \ell_i

    Args:
        input: predictions :math:`\hat y`, any shape.
        target: :math:`y`, the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        Scalar tensor, in the unit of ``target`` squared; the shape of ``input``
        with ``"none"``.

    Raises:
        ValueError: if the shapes differ or the reduction is unknown.

    Example:
        >>> mse_loss(
        ...     torch.tensor([0.5, 2.5, 3.0]), torch.tensor([1.0, 2.0, 3.0])
        ... )
        tensor(0.1667)
        >>> mse_loss(torch.zeros(3, 1), torch.zeros(3))
        Traceback (most recent call last):
            ...
        ValueError: input and target must have the same shape, got (3, 1) and
        (3,); nothing is broadcast

    Differs from torch: shapes that differ are refused; torch warns and
    broadcasts. No ``weight``.

    Chapter: losses.
    """
    _check_pair(input, target, reduction)
    return reduce((input - target).square(), reduction)


def l1_loss(input, target, *, reduction="mean"):
    r"""Mean absolute error: up to constants, the surprise under Laplace noise.

    .. math::
        \ell_i = \lvert \hat y_i - y_i \rvert

    Args:
        input: predictions :math:`\hat y`, any shape.
        target: :math:`y`, the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        Scalar tensor, in the unit of ``target``; the shape of ``input`` with
        ``"none"``.

    Raises:
        ValueError: if the shapes differ or the reduction is unknown.

    Example:
        >>> l1_loss(
        ...     torch.tensor([0.5, 2.5, 3.0]), torch.tensor([1.0, 2.0, 3.0])
        ... )
        tensor(0.3333)

    Differs from torch: shapes that differ are refused. No ``weight``.

    Chapter: losses.
    """
    _check_pair(input, target, reduction)
    return reduce((input - target).abs(), reduction)


def huber_loss(input, target, *, reduction="mean", delta=1.0):
    r"""Quadratic for errors up to ``delta``, linear beyond, with the slope
    ``delta``.

    .. math::
        \ell_i = \begin{cases}
            \frac12 e_i^2 & \lvert e_i\rvert \le \delta \\
            \delta\,(\lvert e_i\rvert - \frac12 \delta) & \text{otherwise}
        \end{cases}, \qquad e_i = \hat y_i - y_i

    Args:
        input: predictions :math:`\hat y`, any shape.
        target: :math:`y`, the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        delta: :math:`\delta > 0`, in the unit of ``target``.

    Returns:
        Scalar tensor; the shape of ``input`` with ``"none"``.

    Raises:
        ValueError: if the shapes differ, the reduction is unknown or ``delta``
            is not positive.

    Example:
        >>> error = torch.tensor([0.5, 4.0])
        >>> huber_loss(error, torch.zeros(2), reduction="none", delta=2.0)
        tensor([0.1250, 6.0000])

    Source: Huber (1964).

    Differs from torch: shapes that differ are refused. No ``weight``.

    Chapter: losses.
    """
    _check_pair(input, target, reduction)
    check_real("delta", delta, above=0)
    error = (input - target).abs()
    far = error > delta
    # The square of a far error may overflow; its gradient would then be NaN.
    near = error.masked_fill(far, 0.0)
    parabola, line = near.square() / 2, delta * (error - delta / 2)
    return reduce(torch.where(far, line, parabola), reduction)


def smooth_l1_loss(input, target, *, reduction="mean", beta=1.0):
    r"""Quadratic for errors below ``beta``, linear beyond, with the slope 1:
    the Huber loss divided by its threshold.

    .. math::
        \ell_i = \begin{cases}
            \frac{1}{2\beta} e_i^2 & \lvert e_i\rvert < \beta \\
            \lvert e_i\rvert - \frac12 \beta & \text{otherwise}
        \end{cases}, \qquad \text{Huber}_\delta = \delta \cdot
        \text{SmoothL1}_{\beta = \delta}

    Args:
        input: predictions :math:`\hat y`, any shape.
        target: :math:`y`, the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        beta: :math:`\beta \ge 0`, in the unit of ``target``; 0 gives the L1
            loss.

    Returns:
        Scalar tensor; the shape of ``input`` with ``"none"``.

    Raises:
        ValueError: if the shapes differ, the reduction is unknown or ``beta``
            is negative.

    Example:
        >>> error = torch.tensor([2.0, 0.5, -0.5, 0.5])
        >>> zero, betas = torch.zeros(4), (0.5, 1.0, 2.0)
        >>> [smooth_l1_loss(error, zero, beta=beta).item() for beta in betas]
        [0.625, 0.46875, 0.296875]

    Source: Girshick (2015), with :math:`\beta = 1`.

    Differs from torch: shapes that differ are refused.

    Chapter: losses.
    """
    _check_pair(input, target, reduction)
    check_real("beta", beta, 0)
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    error = (input - target).abs()
    far = error >= beta
    near = error.masked_fill(far, 0.0)
    parabola, line = near.square() / (2 * beta), error - beta / 2
    return reduce(torch.where(far, line, parabola), reduction)


def huber_regression(X, y, delta=1.0, steps=50):
    r"""Weights of the linear model with the least Huber loss, by reweighted
    least squares, without intercept.

    .. math::
        \omega_i = \min\Bigl(1, \frac{\delta}{\lvert y_i - x_i^\top
        w\rvert}\Bigr), \qquad
        w \leftarrow \Bigl(\sum_i \omega_i\, x_i x_i^\top\Bigr)^{-1} \sum_i
        \omega_i\, x_i y_i

    A row with a large error gets a small weight :math:`\omega_i`. A huge
    ``delta`` gives least squares, a tiny one comes near least absolute errors;
    with a column of ones these are the mean and the median.

    Args:
        X: inputs (…, n, d) with independent columns; leading dimensions are
            separate problems.
        y: targets (…, n).
        delta: threshold :math:`\delta > 0`, in the unit of ``y``.
        steps: how often the rows are weighted anew, at least 1.

    Returns:
        Weights (…, d).

    Raises:
        ValueError: for shapes that do not fit, values that are not finite, or
            ``delta`` or ``steps`` out of range.

    Example:
        >>> ones, y = torch.ones(5, 1), torch.tensor([0.0, 1.0, 2.0, 3.0, 94.0])
        >>> [
        ...     round(huber_regression(ones, y, delta).item(), 2)
        ...     for delta in (1000.0, 1.0, 0.001)
        ... ]
        [20.0, 2.0, 2.0]

    Source: Huber (1964) for the estimator; Holland and Welsch (1977) for the
    method.

    Chapter: losses.
    """
    check_data(X, y, name="data")
    if X.ndim < 2 or y.shape != X.shape[:-1]:
        raise ValueError(
            f"X must be (…, n, d) and y (…, n), got {tuple(X.shape)} and"
            f" {tuple(y.shape)}"
        )
    check_solvable("X", X)
    check_real("delta", delta, above=0)
    check_int("steps", steps)
    omega = torch.ones_like(y)
    for _ in range(steps):
        weighted = (omega.unsqueeze(-1) * X).mT
        w = torch.linalg.solve(weighted @ X, weighted @ y.unsqueeze(-1))
        omega = delta / (y - (X @ w).squeeze(-1)).abs().clamp(min=delta)
    return w.squeeze(-1)


def gaussian_nll_loss(input, target, var, *, reduction="mean"):
    r"""Surprise under normal noise whose variance the model predicts as well,
    constant aside.

    .. math::
        \ell_i = \frac12 \Bigl(\log \sigma_i^2 +
        \frac{e_i^2}{\sigma_i^2}\Bigr), \qquad e_i = \hat y_i - y_i

    Args:
        input: predictions :math:`\hat y`, any shape.
        target: :math:`y`, the same shape.
        var: variances :math:`\sigma^2 > 0`, the same shape.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        Scalar tensor, in nats; the shape of ``input`` with ``"none"``.

    Raises:
        ValueError: if the shapes differ or the reduction is unknown.

    Example:
        >>> error, zero = torch.tensor([1.0, 3.0]), torch.zeros(2)
        >>> gaussian_nll_loss(error, zero, error.square(), reduction="none")
        tensor([0.5000, 1.5986])

    Source: Nix and Weigend (1994).

    Differs from torch: variances are taken as they are; torch holds them at
    1e-6 or above. Nothing is broadcast. No ``full``.

    Chapter: losses.
    """
    _check_pair(input, target, reduction)
    check_floats("var", var, shape=input.shape)
    losses = (var.log() + (input - target).square() / var) / 2
    return reduce(losses, reduction)


def quantile_loss(input, target, tau, *, reduction="mean"):
    r"""Pinball loss: a wedge with the slope :math:`\tau` where the prediction
    is too low and :math:`1 - \tau` where it is too high.

    .. math::
        \ell_i = \max\bigl(-\tau e_i,\, (1 - \tau)\, e_i\bigr), \qquad e_i =
        \hat y_i - y_i

    Its best constant is the :math:`\tau`-quantile; with :math:`\tau = \frac12`
    it is half the absolute error.

    Args:
        input: predictions :math:`\hat y`, any shape.
        target: :math:`y`, the same shape.
        tau: level :math:`\tau` in (0, 1]: the share of targets that shall lie
            below the prediction.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        Scalar tensor, in the unit of ``target``; the shape of ``input`` with
        ``"none"``.

    Raises:
        ValueError: if the shapes differ, the reduction is unknown or ``tau`` is
            out of range.

    Example:
        >>> error, zero = torch.tensor([-10.0, 10.0]), torch.zeros(2)
        >>> quantile_loss(error, zero, 0.9, reduction="none")
        tensor([9., 1.])

    Source: Koenker and Bassett (1978).

    Differs from torch: torch has none.

    Chapter: losses.
    """
    _check_pair(input, target, reduction)
    check_real("tau", tau, high=1, above=0)
    error = input - target
    return reduce(torch.maximum(-tau * error, (1 - tau) * error), reduction)


def _check_dim(input, dim):
    check_floats("input", input)
    if input.ndim and not input.size(dim):
        raise ValueError(
            f"input must have a class along dim {dim}, got shape"
            f" {tuple(input.shape)}"
        )


def log_softmax(input, dim=-1, *, dtype=None):
    r"""Logarithm of the softmax, by the log-sum-exp trick.

    .. math::
        \log \hat q_k = (z_k - z_{\max}) - \log \sum_j \exp(z_j - z_{\max})

    Args:
        input: logits :math:`z`, any shape.
        dim: dimension of the classes.
        dtype: type of the result; that of ``input`` if not given.

    Returns:
        Log-probabilities, the shape of ``input``.

    Raises:
        TypeError: if ``input`` is not a floating-point tensor.
        ValueError: if there is no class.

    Example:
        >>> log_softmax(torch.tensor([0.0, 1000.0]))
        tensor([-1000.,     0.])

    Differs from torch: the classes are the last dimension unless ``dim`` says
    otherwise; torch wants ``dim`` given. There must be a class.

    Chapter: losses.
    """
    _check_dim(input, dim)
    z = at_least_float32(input.to(dtype or input.dtype))
    # The largest exponent is 0, so nothing overflows.
    shifted = z - z.amax(dim, keepdim=True).detach()
    log_q = shifted - shifted.exp().sum(dim, keepdim=True).log()
    return log_q.to(dtype or input.dtype)


def softmax(input, dim=-1, *, dtype=None):
    r"""Turn logits into positive numbers with the sum 1.

    .. math::
        \hat q_k = \frac{e^{z_k}}{\sum_j e^{z_j}}

    Args:
        input: logits :math:`z`, any shape.
        dim: dimension of the classes.
        dtype: type of the result; that of ``input`` if not given.

    Returns:
        Probabilities in [0, 1], the shape of ``input``.

    Raises:
        TypeError: if ``input`` is not a floating-point tensor.
        ValueError: if there is no class.

    Example:
        >>> softmax(torch.tensor([1000.0, 1000.0]))
        tensor([0.5000, 0.5000])

    Differs from torch: the classes are the last dimension unless ``dim`` says
    otherwise. There must be a class.

    Chapter: losses.
    """
    _check_dim(input, dim)
    z = at_least_float32(input.to(dtype or input.dtype))
    return log_softmax(z, dim).exp().to(dtype or input.dtype)


def cross_entropy(
    input,
    target,
    weight=None,
    *,
    ignore_index=-100,
    reduction="mean",
    label_smoothing=0.0,
):
    r"""Cross-entropy of **logits**: the surprise at the true class.

    .. math::
        \ell_i = -c_{y_i} \log \hat q_{i y_i}, \qquad
        L = \frac{\sum_i \ell_i}{\sum_i c_{y_i}}

    with class weights :math:`c_k` (1 if not given). Label smoothing
    :math:`\alpha` replaces the target by :math:`1 - \alpha` of it and
    :math:`\alpha / K` of every class. Targets may be probabilities :math:`q`:

    .. math::
        \ell_i = -\sum_k c_k\, q_{ik} \log \hat q_{ik}, \qquad L = \frac{1}{n}
        \sum_i \ell_i

    Args:
        input: logits (C), (N, C) or (N, C, d…).
        target: int64 or uint8 classes from 0 to C − 1, the shape of ``input``
            without C; or probabilities, the shape of ``input``.
        weight: class weights (C), at least 0.
        ignore_index: rows with this class count for nothing.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``. The mean divides by the
            *weights* of the classes seen.
        label_smoothing: :math:`\alpha` in [0, 1].

    Returns:
        Scalar tensor, in nats; the shape of ``input`` without C with
        ``"none"``.

    Raises:
        TypeError: if ``target`` is neither int64 nor uint8 nor floating-point.
        ValueError: for shapes that do not fit, ``reduction`` or
            ``label_smoothing`` out of range, or ``ignore_index`` beside
            probabilities.

    Example:
        >>> logits = torch.tensor([[1.5, 2.0, 0.5], [0.5, 1.0, 1.5]])
        >>> cross_entropy(logits, torch.tensor([1, 2]))
        tensor(0.6422)
        >>> cross_entropy(  # softmax twice
        ...     softmax(logits), torch.tensor([1, 2])
        ... )
        tensor(0.9173)

    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016) for label
    smoothing.

    Differs from torch: a class that does not exist stops with the error of
    ``gather``.

    Chapter: losses.
    """
    _check_classes(input, target, weight, reduction, ignore_index)
    check_real("label_smoothing", label_smoothing, 0, 1)
    dim = min(input.ndim - 1, 1)
    z = at_least_float32(input)
    surprise = -log_softmax(z, dim).movedim(dim, -1)
    c = surprise.new_ones(surprise.shape[-1]) if weight is None else weight
    if target.is_floating_point():
        losses = (target.movedim(dim, -1) * c * surprise).sum(-1)
        kept = share = torch.ones_like(losses)
    else:
        kept = target != ignore_index
        label = target.where(kept, 0).long()
        losses = c[label] * surprise.gather(-1, label.unsqueeze(-1)).squeeze(-1)
        share = c[label] * kept
    if label_smoothing:
        uniform = (c * surprise).mean(-1)
        losses = (1 - label_smoothing) * losses + label_smoothing * uniform
    losses = losses.where(kept != 0, 0.0)
    if reduction == "mean":
        losses, reduction = losses.sum() / share.sum(), "none"
    return reduce(losses, reduction).to(input.dtype)


def _check_classes(input, target, weight, reduction, ignore_index):
    _check_input(input, reduction)
    check_tensor("target", target)
    if input.ndim == 0:
        raise ValueError(
            "input must have a dimension of classes: (C), (N, C) or (N, C, d…),"
            " got one number"
        )
    dim, one_hot = min(input.ndim - 1, 1), target.is_floating_point()
    wanted = (
        input.shape if one_hot else input.shape[:dim] + input.shape[dim + 1 :]
    )
    if not one_hot and target.dtype not in (torch.int64, torch.uint8):
        raise TypeError(
            "target must hold int64 classes or floating-point probabilities,"
            f" got {target.dtype}"
        )
    if one_hot and ignore_index >= 0:
        raise ValueError(
            "ignore_index must be negative where target holds probabilities,"
            f" got {ignore_index}"
        )
    if target.shape != wanted:
        kind = "probabilities" if one_hot else "classes"
        raise ValueError(
            f"target must hold {kind} of shape {tuple(wanted)}, got"
            f" {tuple(target.shape)}"
        )
    if weight is not None:
        check_tensor("weight", weight)
        if weight.shape != (input.shape[dim],):
            raise ValueError(
                f"weight must have shape {(input.shape[dim],)}, one per class,"
                f" got {tuple(weight.shape)}"
            )


def binary_cross_entropy_with_logits(
    input, target, weight=None, *, reduction="mean", pos_weight=None
):
    r"""Cross-entropy of **logits** of a yes: sigmoid and logarithm in one, so
    that neither rounds the other away.

    .. math::
        \ell_i = \omega_i \bigl(c\, y_i\, \zeta(-z_i) + (1 - y_i)\,
        \zeta(z_i)\bigr), \qquad
        \zeta(z) = \log(1 + e^z) = -\log \sigma(-z)

    Args:
        input: logits :math:`z`, any shape.
        target: :math:`y` in [0, 1], the same shape.
        weight: optional weights :math:`\omega`, a shape that broadcasts to that
            of ``input``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``. The mean divides by the
            number of entries, not by the weights.
        pos_weight: optional weight :math:`c` of a yes, a shape that broadcasts
            to that of ``input``.

    Returns:
        Scalar tensor, in nats; the shape of ``input`` with ``"none"``.

    Raises:
        ValueError: if the shapes do not fit or the reduction is unknown.

    Example:
        >>> binary_cross_entropy_with_logits(
        ...     torch.tensor([17.0, -1000.0]),
        ...     torch.tensor([0.0, 1.0]),
        ...     reduction="none",
        ... )
        tensor([  17., 1000.])

    Chapter: losses.
    """
    _check_pair(input, target, reduction)
    _check_weight("weight", weight, input.shape)
    _check_weight("pos_weight", pos_weight, input.shape)
    zero = torch.zeros_like(input)
    # Softplus without overflow, with the right slope at 0, where
    # log1p(exp(-abs(z))) would have a kink.
    yes, no = torch.logaddexp(zero, -input), torch.logaddexp(zero, input)
    c = 1 if pos_weight is None else pos_weight
    losses = c * target * yes + (1 - target) * no
    return reduce(losses if weight is None else weight * losses, reduction)


def sigmoid_focal_loss(input, target, *, gamma=2.0, reduction="mean"):
    r"""Binary cross-entropy of logits, with less weight for rows that are
    nearly right.

    .. math::
        \ell_i = (1 - p_i)^\gamma \, (-\log p_i), \qquad
        p_i = \begin{cases} \hat p_i & y_i = 1 \\ 1 - \hat p_i & y_i = 0
        \end{cases}

    Args:
        input: logits :math:`z`, any shape.
        target: :math:`y`, 0 or 1, the same shape.
        gamma: :math:`\gamma \ge 0`; 0 gives the cross-entropy.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        Scalar tensor, in nats; the shape of ``input`` with ``"none"``.

    Raises:
        ValueError: if the shapes differ, the reduction is unknown or ``gamma``
            is negative.

    Example:
        >>> z, yes = torch.tensor([0.0, 4.0]), torch.ones(2)
        >>> sigmoid_focal_loss(z, yes, reduction="none")
        tensor([1.7329e-01, 5.8716e-06])

    Source: Lin, Goyal, Girshick, He and Dollár (2017).

    Differs from torchvision: no ``alpha``, and the mean by default.

    Chapter: losses.
    """
    check_real("gamma", gamma, 0)
    none = {"reduction": "none"}
    surprise = binary_cross_entropy_with_logits(input, target, **none)
    other = binary_cross_entropy_with_logits(input, 1 - target, **none)
    # The other answer has the probability 1 − p, whose logarithm is known.
    return reduce(torch.exp(-gamma * other) * surprise, reduction)


def double_softmax_floor(num_classes):
    r"""Least loss that ``cross_entropy`` can reach when it is given
    probabilities for logits.

    .. math::
        \log(e + K - 1) - 1

    The best probabilities are 1 for the true class and 0 for the others; the
    second softmax makes of them :math:`e / (e + K - 1)`.

    Args:
        num_classes: K, at least 2.

    Returns:
        The floor, in nats.

    Raises:
        ValueError: if there are fewer than 2 classes.

    Example:
        >>> round(double_softmax_floor(10), 4)
        1.4612

    Chapter: losses.
    """
    check_int("num_classes", num_classes, 2)
    return math.log(math.e + num_classes - 1) - 1


def smoothing_gap(num_classes, label_smoothing):
    r"""How far the true class's logit lies above the others where the smoothed
    cross-entropy is least.

    .. math::
        z_y - z_k = \log\Bigl(\frac{1 - \alpha + \alpha / K}{\alpha / K}\Bigr)

    Args:
        num_classes: K, at least 2.
        label_smoothing: :math:`\alpha`, above 0, at most 1.

    Returns:
        The gap.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> round(smoothing_gap(10, 0.1), 4)
        4.5109

    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016).

    Chapter: losses.
    """
    check_int("num_classes", num_classes, 2)
    check_real("label_smoothing", label_smoothing, high=1, above=0)
    other = label_smoothing / num_classes
    return math.log((1 - label_smoothing + other) / other)


def brier_score(input, target):
    r"""Mean squared distance of predicted probabilities from what came.

    .. math::
        \frac1n \sum_i \sum_k \bigl(\hat q_{ik} - [k = y_i]\bigr)^2

    Args:
        input: **probabilities** :math:`\hat q`, shape (…, K).
        target: int64 classes, shape (…).

    Returns:
        Scalar tensor between 0 and 2.

    Raises:
        ValueError: if the shapes do not fit.
        TypeError: if ``target`` does not hold int64 classes.

    Example:
        >>> q = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
        >>> brier_score(q, torch.tensor([0, 0]))
        tensor(0.2500)

    Source: Brier (1950).

    Differs from torch: torch has none.

    Chapter: losses.
    """
    _check_rows(input, target)
    came = F.one_hot(target, input.shape[-1])
    return (input - came).square().sum(-1).mean()


def fit_temperature(input, target, steps=60):
    r"""The temperature by which logits are divided for the least cross-entropy.

    .. math::
        T = \operatorname*{arg\,min}_T \, -\frac1n \sum_i \log
        \operatorname{softmax}(\mathbf{z}_i / T)_{y_i}

    The cross-entropy is convex in :math:`u = 1/T`; where its slope
    :math:`\frac1n \sum_i (\sum_k \hat q_{ik} z_{ik} - z_{i y_i})` is 0 is found
    by halving an interval.

    Args:
        input: logits :math:`z`, shape (…, N, K); leading dimensions are
            separate models.
        target: int64 classes, shape (…, N).
        steps: how often the interval of log T, from −10 to 10, is halved.

    Returns:
        Temperatures, shape (…).

    Raises:
        ValueError: if the shapes do not fit or ``steps`` is below 1.
        TypeError: if ``target`` does not hold int64 classes.

    Example:
        >>> z = torch.tensor([[2.0, 0.0]] * 4)  # sure of class 0
        >>> T = fit_temperature(z, torch.tensor([0, 0, 0, 1]))
        >>> (z / T).softmax(-1)[0]  # right three times in four
        tensor([0.7500, 0.2500])

    Source: Guo, Pleiss, Sun and Weinberger (2017).

    Differs from torch: torch has none.

    Chapter: losses.
    """
    _check_rows(input, target)
    check_int("steps", steps)
    # Two logarithms of T; a slope above 0 says that T must grow.
    low = torch.full_like(input[..., 0, 0], -10.0)
    high = -low
    right = input.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    for _ in range(steps):
        middle = (low + high) / 2
        q = softmax(input * torch.exp(-middle)[..., None, None])
        slope = ((q * input).sum(-1) - right).mean(-1)
        low = torch.where(slope > 0, middle, low)
        high = torch.where(slope > 0, high, middle)
    return ((low + high) / 2).exp()


def _check_rows(input, target):
    check_floats("input", input)
    check_tensor("target", target)
    if target.dtype != torch.int64:
        raise TypeError(f"target must hold int64 classes, got {target.dtype}")
    if input.ndim < 2 or target.shape != input.shape[:-1]:
        raise ValueError(
            "input must be (…, N, K) and target (…, N), got"
            f" {tuple(input.shape)} and {tuple(target.shape)}"
        )


def check_smooth_l1_by_hand(answer):
    r"""Exercise by hand: the SmoothL1 loss of an error of 3 with :math:`\beta =
    2`.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_smooth_l1_by_hand(4.0)
        ✗ Not yet: that is the Huber loss with δ = 2; SmoothL1 is that divided
        by its threshold.

    Chapter: losses.
    """
    return check_number(
        answer,
        2.0,
        {
            4.0: (
                "that is the Huber loss with δ = 2; SmoothL1 is that divided by"
                " its threshold"
            ),
            2.25: (
                "that is the quadratic branch; an error of 3 lies beyond β = 2"
            ),
            2.5: "that is the answer for β = 1; the linear branch is |e| − β/2",
            3.0: (
                "that is the absolute error; the linear branch lies β/2"
                " below it"
            ),
            4.5: "that is half the square; an error of 3 lies beyond β = 2",
            9.0: "that is the square; an error of 3 lies beyond β = 2",
            1.0: "subtract half of β, not β",
        },
    )


def _softened(added, clamped):
    """Hints to losses whose logarithm is kept from −∞ by a small number."""
    mistakes = {}
    for eps in (1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5):
        bound = (
            " hides an error and cuts the gradient; no loss exceeds"
            f" {-math.log(eps):.0f}: use the logits"
        )
        mistakes[f"log(p + {eps:g}), or p clamped there,{bound}"] = (
            lambda z, y, e=eps: added(z, y, e)
        )
        mistakes[f"p clamped at {eps:g}{bound}"] = lambda z, y, e=eps: clamped(
            z, y, e
        )
    return mistakes


def check_cross_entropy(attempt):
    """Exercise: ``attempt(logits, y)`` returns the mean cross-entropy of logits
    (N, C) and classes (N).

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_cross_entropy(
        ...     lambda z, y: cross_entropy(softmax(z), y)
        ... )
        ✗ Not yet: softmax is taken twice: pass logits on, not probabilities.

    Chapter: losses.
    """

    def cases(generator):
        logits = [3 * torch.randn(5, 4, generator=generator) for _ in range(3)]
        drawn = [
            (z, torch.randint(4, (5,), generator=generator))
            for z in (*logits, 500 + 100 * logits[0])
        ]
        # exp(−120) is 0 in float32
        return [
            *drawn,
            (torch.tensor([[0.0, -120.0, 1.0]]), torch.tensor([1])),
        ]

    def chosen(q, y):
        return q.gather(1, y.unsqueeze(1)).squeeze(1)

    return check(
        attempt,
        cross_entropy,
        cases,
        {
            "softmax is taken twice: pass logits on, not probabilities": (
                lambda z, y: cross_entropy(z.softmax(1), y)
            ),
            (
                "large logits overflow: subtract the largest logit of each row"
                " before you exponentiate"
            ): lambda z, y: (
                -chosen(z.exp() / z.exp().sum(1, keepdim=True), y).log().mean()
            ),
            (
                "the log-sum-exp overflows: subtract the largest logit of each"
                " row in it, and add it again outside"
            ): lambda z, y: (z.exp().sum(1).log() - chosen(z, y)).mean(),
            (
                "a probability that rounds to 0 has no logarithm:"
                " do not compute it, subtract the log-sum-exp"
            ): lambda z, y: -chosen(z.softmax(1), y).log().mean(),
            **_softened(
                lambda z, y, e: -(chosen(z.softmax(1), y) + e).log().mean(),
                lambda z, y, e: (
                    -chosen(z.softmax(1).clamp(e, 1 - e), y).log().mean()
                ),
            ),
            "a loss is positive: mind the sign": lambda z, y: (
                -cross_entropy(z, y)
            ),
            "take the mean over the rows, not the sum": lambda z, y: (
                cross_entropy(z, y, reduction="sum")
            ),
            "the classes are dimension 1; yours normalises over the rows": (
                lambda z, y: -chosen(z.log_softmax(0), y).mean()
            ),
            (
                "pick the true class of each row:"
                " yours averages over all entries"
            ): lambda z, y: -z.log_softmax(1).mean(),
        },
        library=(cross_entropy, F.cross_entropy),
    )


def check_bce_with_logits(attempt):
    """Exercise: ``attempt(z, y)`` returns the mean binary cross-entropy of
    logits and targets of one shape.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> def naive(z, y):
        ...     p = z.sigmoid()
        ...     return -(y * p.log() + (1 - y) * (1 - p).log()).mean()
        >>> answer = check_bce_with_logits(naive)
        ✗ Not yet: the sigmoid rounds to 0 or 1 and its logarithm is lost: use
        softplus on the logits.

    Chapter: losses.
    """

    def cases(generator):
        small = [
            (
                2 * torch.randn(6, generator=generator),
                torch.rand(6, generator=generator).round(),
            )
            for _ in range(3)
        ]
        # sure and wrong
        far = (
            torch.tensor([[200.0, 0.0], [0.0, -200.0]]),
            torch.tensor([[0.0, 1.0], [1.0, 1.0]]),
        )
        return [
            *small,
            (torch.tensor([20.0, -3.0]), torch.tensor([0.0, 1.0])),
            far,
        ]

    stable = binary_cross_entropy_with_logits
    return check(
        attempt,
        stable,
        cases,
        {
            (
                "the sigmoid rounds to 0 or 1 and its logarithm is lost:"
                " use softplus on the logits"
            ): lambda z, y: (
                -(
                    y * z.sigmoid().log() + (1 - y) * (1 - z.sigmoid()).log()
                ).mean()
            ),
            (
                "the logarithm is cut at −100:"
                " a logit of 200 on the wrong side costs 200"
            ): lambda z, y: F.binary_cross_entropy(z.sigmoid(), y),
            **_softened(
                lambda z, y, e: (
                    -(
                        y * (z.sigmoid() + e).log()
                        + (1 - y) * (1 - z.sigmoid() + e).log()
                    ).mean()
                ),
                lambda z, y, e: F.binary_cross_entropy(
                    z.sigmoid().clamp(e, 1 - e), y
                ),
            ),
            "exp(200) overflows: use torch.logaddexp, or softplus": (
                lambda z, y: (
                    y * (1 + (-z).exp()).log() + (1 - y) * (1 + z.exp()).log()
                ).mean()
            ),
            (
                "the two cases are swapped:"
                " a yes is cheap where the logit is large"
            ): lambda z, y: stable(-z, y),
            "a no counts as well: the term with 1 − y is missing": (
                lambda z, y: (y * torch.logaddexp(0 * z, -z)).mean()
            ),
            "take the mean over the entries, not the sum": lambda z, y: stable(
                z, y, reduction="sum"
            ),
            "a loss is positive: mind the sign": lambda z, y: -stable(z, y),
            "the sigmoid is applied twice: these are logits already": (
                lambda z, y: stable(z.sigmoid(), y)
            ),
        },
        library=(stable, F.binary_cross_entropy_with_logits),
    )


def check_quantile_loss(attempt):
    r"""Exercise: ``attempt(y_hat, y, tau)`` returns the mean pinball loss of
    two tensors of one shape.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> def wrong_side(y_hat, y, tau):
        ...     e = y_hat - y
        ...     return torch.maximum(tau * e, (tau - 1) * e).mean()
        >>> answer = check_quantile_loss(wrong_side)
        ✗ Not yet: the sides are swapped: for τ = 0.9, too low must be the dear
        side.

    Chapter: losses.
    """

    def cases(generator):
        drawn = torch.randn(3, 2, 8, generator=generator)
        return [
            (y_hat, y, tau)
            for (y_hat, y), tau in zip(drawn, (0.9, 0.5, 0.2), strict=True)
        ]

    return check(
        attempt,
        quantile_loss,
        cases,
        {
            (
                "the sides are swapped: for τ = 0.9, too low must be the dear"
                " side"
            ): lambda y_hat, y, tau: quantile_loss(y, y_hat, tau),
            "that is half the absolute error: the slopes do not depend on τ": (
                lambda y_hat, y, tau: quantile_loss(y_hat, y, 0.5)
            ),
            "take the larger of the two slopes, not the smaller": (
                lambda y_hat, y, tau: (
                    torch.minimum(tau * (y - y_hat), (tau - 1) * (y - y_hat))
                ).mean()
            ),
            "take the mean over the rows, not the sum": lambda y_hat, y, tau: (
                quantile_loss(y_hat, y, tau, reduction="sum")
            ),
        },
        library=(quantile_loss,),
    )
