r"""Chapter *weight_decay*: penalties on the size of the weights, and what
minimises them.

Ordered from norms to penalties, closed form, proximal step and the use in
networks; the checks of the chapter's exercises come last.
"""

from numbers import Real

import torch
from torch import nn

from companion.arguments import (
    at_least_float32,
    check_floats,
    check_int,
    check_solvable,
    check_tensor,
    surely,
)
from companion.checks import check, check_number
from companion.data import check_regression

__all__ = [
    "check_decay_step",
    "check_lasso_by_hand",
    "check_soft_threshold",
    "convert_penalty",
    "ista",
    "l1_norm",
    "l1_penalty",
    "l2_norm",
    "l2_penalty",
    "parameter_groups",
    "proximal_sgd",
    "ridge",
    "slope_bound",
    "soft_threshold",
    "spare_biases",
    "squared_l2_norm",
    "subgradient_sgd",
]


def _check_not_negative(name, value):
    if isinstance(value, bool) or not isinstance(value, (Real, torch.Tensor)):
        raise TypeError(
            f"{name} must be a number or a tensor, got {type(value).__name__}"
        )
    fine = value >= 0
    if surely(~fine.all() if isinstance(fine, torch.Tensor) else not fine):
        raise ValueError(f"{name} must be at least 0, got {value}")


def _check_problem(X, y, lam):
    check_regression(X, y)
    check_floats("X", X, 2)
    check_solvable("X", X)
    if y.dtype != X.dtype:
        raise TypeError(
            f"X and y must have the same type of numbers, got {X.dtype} and"
            f" {y.dtype}"
        )
    _check_not_negative("lam", lam)


def l1_norm(w):
    r"""Sum of the absolute values.

    .. math::
        \lVert w \rVert_1 = \sum_i |w_i|

    Args:
        w: tensor of any shape.

    Returns:
        Scalar tensor, in the unit of ``w``.

    Example:
        >>> l1_norm(torch.tensor([3.0, -4.0])).item()
        7.0

    Chapter: weight_decay.
    """
    check_tensor("w", w)
    return w.abs().sum()


def squared_l2_norm(w):
    r"""Sum of the squares. Many texts call it "the L2 norm"; it is the square
    of that norm.

    .. math::
        \lVert w \rVert_2^2 = \sum_i w_i^2

    Args:
        w: tensor of any shape.

    Returns:
        Scalar tensor, in the unit of ``w`` squared.

    Example:
        >>> squared_l2_norm(torch.tensor([3.0, -4.0])).item()
        25.0

    Chapter: weight_decay.
    """
    check_tensor("w", w)
    return w.square().sum()


def l2_norm(w):
    r"""Euclidean length: the root of the sum of the squares.

    .. math::
        \lVert w \rVert_2 = \sqrt{\textstyle\sum_i w_i^2}

    Args:
        w: tensor of any shape.

    Returns:
        Scalar tensor, in the unit of ``w``.

    Example:
        >>> l2_norm(torch.tensor([3.0, -4.0])).item()
        5.0

    Chapter: weight_decay.
    """
    check_tensor("w", w)
    length = squared_l2_norm(at_least_float32(w)).sqrt()
    return length.to(torch.result_type(w, 1.0))


def l1_penalty(w, lam):
    r"""Lasso penalty, to be added to a loss.

    .. math::
        \lambda \lVert w \rVert_1

    Args:
        w: tensor of any shape.
        lam: strength :math:`\lambda \ge 0`.

    Returns:
        Scalar tensor.

    Raises:
        ValueError: if ``lam`` is negative.

    Example:
        >>> l1_penalty(torch.tensor([3.0, -4.0]), lam=0.5).item()
        3.5

    Source: Tibshirani (1996).

    Chapter: weight_decay.
    """
    _check_not_negative("lam", lam)
    return lam * l1_norm(w)


def l2_penalty(w, lam):
    r"""Ridge penalty, to be added to a loss. The half makes its gradient
    :math:`\lambda w`.

    .. math::
        \frac{\lambda}{2} \lVert w \rVert_2^2

    Args:
        w: tensor of any shape.
        lam: strength :math:`\lambda \ge 0`, equal to the ``weight_decay`` of
            ``torch.optim.SGD``.

    Returns:
        Scalar tensor.

    Raises:
        ValueError: if ``lam`` is negative.

    Example:
        >>> l2_penalty(torch.tensor([3.0, -4.0]), lam=0.5).item()
        6.25

    Source: Hoerl and Kennard (1970); Krogh and Hertz (1991).

    Chapter: weight_decay.
    """
    _check_not_negative("lam", lam)
    return lam / 2 * squared_l2_norm(w)


def convert_penalty(lam, source, m=None):
    r"""Turn the coefficient of a squared-norm penalty into PyTorch's
    ``weight_decay``.

    ``weight_decay`` is the factor of :math:`w` in the gradient of the penalty.
    If the penalty is

    .. math::
        \frac{\lambda}{2}\lVert w\rVert_2^2, \quad \lambda\lVert w\rVert_2^2,
        \quad
        \frac{\lambda}{2m}\lVert w\rVert_2^2, \quad \frac{\lambda}{m}\lVert
        w\rVert_2^2

    then ``weight_decay`` is :math:`\lambda,\; 2\lambda,\; \lambda/m,\;
    2\lambda/m`.

    Args:
        lam: :math:`\lambda \ge 0`.
        source: how the penalty is written: ``"λ/2"``, ``"λ"``, ``"λ/2m"`` or
            ``"λ/m"``.
        m: number of training rows, at least 1; needed where the penalty is
            divided by it.

    Returns:
        ``weight_decay``.

    Raises:
        ValueError: for an unknown form, a negative ``lam``, or a missing or
            needless ``m``.

    Example:
        >>> convert_penalty(0.5, "λ/2m", m=100)
        0.005

    Chapter: weight_decay.
    """
    _check_not_negative("lam", lam)
    forms = ("λ/2", "λ", "λ/2m", "λ/m")
    if source not in forms:
        raise ValueError(
            f"source must be one of {', '.join(forms)}, got {source!r}"
        )
    if source.endswith("m") and (m is None or m < 1):
        raise ValueError(
            f"a penalty written with {source} needs m, the number of training"
            f" rows, at least 1; got {m}"
        )
    if not source.endswith("m") and m is not None:
        raise ValueError(f"a penalty written with {source} has no m; got {m}")
    factor = {"λ/2": 1.0, "λ": 2.0, "λ/2m": 1.0, "λ/m": 2.0}[source]
    return factor * lam / (m or 1)


def ridge(X, y, lam):
    r"""Weights of ridge regression in closed form, without intercept.

    .. math::
        \hat w = \arg\min_w \frac{1}{2n}\lVert y - Xw\rVert_2^2 +
        \frac{\lambda}{2}\lVert w\rVert_2^2
               = \Bigl(\frac{X^\top X}{n} + \lambda I\Bigr)^{-1} \frac{X^\top
               y}{n}

    Args:
        X: inputs (…, n, d); leading dimensions are separate problems.
        y: targets (…, n).
        lam: :math:`\lambda \ge 0`, a number or a tensor that broadcasts against
            the leading dimensions. With :math:`\lambda = 0` the columns of
            ``X`` must be independent.

    Returns:
        Weights (…, d).

    Raises:
        TypeError, ValueError: for types or shapes that do not fit, values that
            are not finite, or a negative ``lam``.

    Example:
        >>> ridge(torch.eye(2), torch.tensor([2.0, 4.0]), lam=0.5)
        tensor([1., 2.])

    Source: Hoerl and Kennard (1970). scikit-learn's ``Ridge(alpha=n * lam)``
    minimises the same.

    Chapter: weight_decay.
    """
    _check_problem(X, y, lam)
    n, d = X.shape[-2:]
    like = {"dtype": X.dtype, "device": X.device}
    lam = torch.as_tensor(lam, **like)[..., None, None]
    gram, product = X.mT @ X / n, X.mT @ y.unsqueeze(-1) / n
    penalty = lam * torch.eye(d, **like)
    return torch.linalg.solve(gram + penalty, product).squeeze(-1)


def soft_threshold(w, threshold):
    r"""Move every weight towards zero by ``threshold`` and stop there: the
    proximal operator of the L1 norm.

    .. math::
        S_\tau(w)_i = w_i - \operatorname{clip}(w_i, -\tau, \tau)
                    = \operatorname{sign}(w_i)\,\max(|w_i| - \tau,\, 0)
                    = \arg\min_u \tfrac{1}{2}(u - w_i)^2 + \tau |u|

    Args:
        w: tensor of any shape.
        threshold: :math:`\tau \ge 0`, a number or a tensor that broadcasts.

    Returns:
        Tensor of the shape of ``w``; weights within :math:`\tau` of zero are
        exactly zero.

    Raises:
        ValueError: if ``threshold`` is negative.

    Example:
        >>> soft_threshold(torch.tensor([3.0, -0.5, -2.0]), 1.0)
        tensor([ 2.,  0., -1.])

    Source: Beck and Teboulle (2009).

    Chapter: weight_decay.
    """
    check_tensor("w", w)
    _check_not_negative("threshold", threshold)
    return w - w.clamp(-threshold, threshold)


def ista(X, y, lam, steps=500):
    r"""Lasso regression by proximal gradient descent (ISTA), without intercept,
    from zero.

    .. math::
        w \leftarrow S_{\eta\lambda}\Bigl(w - \frac{\eta}{n} X^\top (Xw -
        y)\Bigr),
        \qquad \eta = n / \lVert X\rVert_2^2

    which minimises :math:`\frac{1}{2n}\lVert y - Xw\rVert_2^2 + \lambda\lVert
    w\rVert_1`.

    Args:
        X: inputs (…, n, d); leading dimensions are separate problems.
        y: targets (…, n).
        lam: :math:`\lambda \ge 0`, a number or a tensor that broadcasts against
            the leading dimensions.
        steps: number of steps, at least 1.

    Returns:
        Weights (…, d).

    Raises:
        TypeError, ValueError: for types or shapes that do not fit, values that
            are not finite, a negative ``lam`` or no steps.

    Example:
        >>> ista(torch.eye(2), torch.tensor([2.0, 0.4]), lam=0.5)
        tensor([1., 0.])

    Source: Beck and Teboulle (2009). scikit-learn's ``Lasso(alpha=lam)``
    minimises the same.

    Chapter: weight_decay.
    """
    _check_problem(X, y, lam)
    check_int("steps", steps)
    n = X.shape[-2]
    lam = torch.as_tensor(lam, dtype=X.dtype, device=X.device).unsqueeze(-1)
    square = torch.linalg.matrix_norm(X, ord=2).square().unsqueeze(-1)
    # where X is zero the gradient is zero, and any step will do
    lr = n / square.where(square > 0, 1.0)
    w = torch.zeros_like(X[..., 0, :])
    for _ in range(steps):
        error = (X @ w.unsqueeze(-1)).squeeze(-1) - y
        gradient = (X.mT @ error.unsqueeze(-1)).squeeze(-1) / n
        w = soft_threshold(w - lr * gradient, lr * lam)
    return w


def subgradient_sgd(param, grad, state, *, lr=1e-3, l1=0.0):
    r"""SGD on the loss plus an L1 penalty, the penalty differentiated: what
    ``loss + l1_penalty`` and autograd do.

    .. math::
        w_t = w_{t-1} - \eta\,\bigl(\nabla L(w_{t-1}) + \lambda
        \operatorname{sign}(w_{t-1})\bigr)

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: not used.
        lr: learning rate :math:`\eta \ge 0`.
        l1: :math:`\lambda \ge 0`.

    Returns:
        The new parameter and the state.

    Example:
        >>> w, _ = subgradient_sgd(
        ...     torch.tensor([0.05]), torch.zeros(1), {}, lr=0.1, l1=1.0
        ... )
        >>> round(w.item(), 4)  # it steps over zero
        -0.05

    Chapter: weight_decay.
    """
    return param - lr * (grad + l1 * param.sign()), state


def proximal_sgd(param, grad, state, *, lr=1e-3, l1=0.0):
    r"""SGD on the loss, then the proximal step of an L1 penalty.

    .. math::
        w_t = S_{\eta\lambda}\bigl(w_{t-1} - \eta\,\nabla L(w_{t-1})\bigr)

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: not used.
        lr: learning rate :math:`\eta \ge 0`.
        l1: :math:`\lambda \ge 0`.

    Returns:
        The new parameter and the state.

    Example:
        >>> w, _ = proximal_sgd(
        ...     torch.tensor([0.05]), torch.zeros(1), {}, lr=0.1, l1=1.0
        ... )
        >>> w.item()  # it stops at zero
        0.0

    Source: Beck and Teboulle (2009), with a stochastic gradient.

    Chapter: weight_decay.
    """
    return soft_threshold(param - lr * grad, lr * l1), state


def slope_bound(weights):
    r"""Bound how steep a chain of layers can be, whose activations stretch
    nothing: ReLU, tanh.

    .. math::
        \lvert f(x) - f(x') \rvert \le \prod_{l=1}^{L} \lVert W_l \rVert_2\,
        \lVert x - x' \rVert_2
        \qquad \prod_l \lVert W_l \rVert_2 \le
        \Bigl(\frac{1}{L} \sum_l \lVert W_l \rVert_F^2\Bigr)^{L/2}

    Args:
        weights: the layers' matrices in any order, each (…, outputs, inputs);
            leading dimensions are separate networks.

    Returns:
        :math:`\prod_l \lVert W_l \rVert_2`, one number per network; the norm
        is the largest singular value.

    Raises:
        TypeError: if a weight is not a floating-point tensor.
        ValueError: if there are no weights, or one is not a matrix.

    Example:
        >>> slope_bound([torch.diag(torch.tensor([3.0, 1.0])), torch.eye(2)])
        tensor(3.)

    Source: Szegedy et al. (2014) bound a network's layers in this way; the
    second inequality is that of geometric and arithmetic mean.

    Chapter: weight_decay.
    """
    if not weights:
        raise ValueError("weights must hold at least one matrix, got none")
    for weight in weights:
        check_floats("a weight", weight, 2)
        check_solvable("a weight", weight)
    stretches = [torch.linalg.matrix_norm(W, ord=2) for W in weights]
    return torch.stack(stretches).prod(0)


def parameter_groups(model, weight_decay):
    """Split the parameters of a model for an optimizer: weights decay, biases
    and norm parameters do not.

    Args:
        model: an ``nn.Module``.
        weight_decay: for the weights, at least 0.

    Returns:
        List of two parameter groups, for ``torch.optim`` and
        :mod:`companion.optimizers`.

    Raises:
        ValueError: if ``weight_decay`` is negative.

    Example:
        >>> decayed, spared = parameter_groups(
        ...     nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), 0.1
        ... )
        >>> (
        ...     len(decayed["params"]),
        ...     len(spared["params"]),
        ...     spared["weight_decay"],
        ... )
        (1, 3, 0.0)

    Chapter: weight_decay.
    """
    _check_not_negative("weight_decay", weight_decay)
    batch = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm
    image = nn.InstanceNorm1d | nn.InstanceNorm2d | nn.InstanceNorm3d
    norms = batch | image | nn.LayerNorm | nn.GroupNorm | nn.RMSNorm
    spared = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if "bias" in name or isinstance(module, norms)
    }
    decayed, free = [], []
    for parameter in model.parameters():
        (free if id(parameter) in spared else decayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]


def spare_biases(name, parameter):
    """Do not decay parameters with fewer than two dimensions; for ``fit_many(…,
    overrides=spare_biases)``.

    Args:
        name: name of the parameter.
        parameter: the parameter of one model.

    Returns:
        ``{"weight_decay": 0.0}`` for biases and norm parameters, else ``{}``.

    Example:
        >>> (
        ...     spare_biases("bias", torch.zeros(3)),
        ...     spare_biases("weight", torch.zeros(3, 3)),
        ... )
        ({'weight_decay': 0.0}, {})

    Chapter: weight_decay.
    """
    return {"weight_decay": 0.0} if parameter.ndim < 2 else {}


def _cases(generator):
    """Five weight vectors and gradients, learning rates and strengths."""
    return [
        (
            torch.randn(4, generator=generator),
            torch.randn(4, generator=generator),
            0.1 * i,
            0.3 * i,
        )
        for i in range(1, 6)
    ]


def check_decay_step(attempt):
    """Exercise: ``attempt(w, gradient, lr, weight_decay)`` returns the weights
    after one step of SGD with decay.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_decay_step(lambda w, g, lr, wd: w - lr * g - wd * w)
        ✗ Not yet: the decay is scaled by the learning rate too: the weights
        shrink by lr * weight_decay.

    Chapter: weight_decay.
    """
    return check(
        attempt,
        lambda w, g, lr, wd: w - lr * (g + wd * w),
        _cases,
        {
            (
                "the decay is scaled by the learning rate too:"
                " the weights shrink by lr * weight_decay"
            ): lambda w, g, lr, wd: w - lr * g - wd * w,
            (
                "the penalty is λ/2 times the squared norm,"
                " so its gradient is λw, not 2λw"
            ): lambda w, g, lr, wd: w - lr * (g + 2 * wd * w),
            "the decay makes weights smaller: mind its sign": (
                lambda w, g, lr, wd: w - lr * (g - wd * w)
            ),
            "the gradient of the loss is missing": lambda w, g, lr, wd: (
                w - lr * wd * w
            ),
            "this decays by the sign of w, which is the L1 penalty": (
                lambda w, g, lr, wd: w - lr * (g + wd * w.sign())
            ),
            "this is the step without decay": lambda w, g, lr, wd: w - lr * g,
        },
    )


def check_soft_threshold(attempt):
    """Exercise: ``attempt(w, threshold)`` returns the soft-thresholded weights.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_soft_threshold(lambda w, t: w - t * w.sign())
        ✗ Not yet: a weight within the threshold of zero stops at zero; yours
        steps over it.

    Chapter: weight_decay.
    """
    return check(
        attempt,
        soft_threshold,
        lambda generator: (
            [(w, lr) for w, _, lr, _ in _cases(generator)]
            + [(torch.zeros(2), 1.0)]
        ),
        {
            (
                "a weight within the threshold of zero stops at zero;"
                " yours steps over it"
            ): lambda w, t: w - t * w.sign(),
            (
                "the weights that survive move towards zero as well;"
                " yours only removes the small ones"
            ): lambda w, t: w * (w.abs() > t),
            (
                "negative weights survive too: threshold the size,"
                " then give the sign back"
            ): lambda w, t: (w - t).clamp(min=0),
            "give the sign back: yours returns sizes": (
                lambda w, t: (w.abs() - t).clamp(min=0)
            ),
        },
        library=(soft_threshold, torch.nn.functional.softshrink),
    )


def check_lasso_by_hand(answer):
    r"""Exercise by hand: the minimiser of :math:`\frac12 (u - 3)^2 + 2\lvert
    u\rvert`.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_lasso_by_hand(0.0)
        ✗ Not yet: the threshold is 2 and the start is 3, so the weight
        survives.

    Chapter: weight_decay.
    """
    return check_number(
        answer,
        1.0,
        {
            0.0: (
                "the threshold is 2 and the start is 3, so the weight survives"
            ),
            3.0: (
                "3 minimises the first term alone; the penalty pulls towards"
                " zero"
            ),
            5.0: (
                "the penalty pulls towards zero, not away from it: mind the"
                " sign of its slope"
            ),
            3 / 5: (
                "that is the ridge answer, 3 / (1 + 2 · 2); the slope of 2|u|"
                " is 2, whatever u > 0 is"
            ),
            2.0: "set the slope (u − 3) + 2 to zero and solve for u",
        },
    )
