r"""Chapter *optimizers*: every update rule once, as a pure function, and the
same rule as a ``torch.optim.Optimizer``.

Ordered by increasing complexity: averages, momentum, step sizes per parameter,
both together, a schedule. Then the ``torch.optim`` faces, and last the checks
of the chapter's exercises.

A rule takes one parameter, its gradient and its state, and returns the new
parameter and the new state. It changes nothing it is given. Its
hyper-parameters are numbers, or tensors that broadcast against the parameter:
that is how :func:`companion.training.fit_many` trains many replicas with one
call of the rule.

A rule is written as its equation. ``fit_many`` and the ``torch.optim`` faces
run a private form of it that works in place and passes over memory less often;
the tests hold the two equal.
"""

import functools
import inspect
import math
from numbers import Real

import torch

from companion.arguments import check_floats, check_real, plain
from companion.checks import check, check_number

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "RMSprop",
    "adagrad",
    "adam",
    "adamw",
    "check_adam_step",
    "check_first_step_by_hand",
    "check_hyperparameters",
    "check_momentum_step",
    "iteration_matrix",
    "lion",
    "moving_average",
    "muon",
    "orthogonalize",
    "rmsprop",
    "rule_hyperparameters",
    "sgd",
    "tuned_momentum",
    "warmup_cosine",
]


def moving_average(x, beta, *, bias_correction=True):
    r"""Exponential moving average of a sequence, corrected for its start at
    zero.

    .. math::
        v_t = \beta v_{t-1} + (1 - \beta)\, x_t, \qquad v_0 = 0, \qquad \hat
        v_t = v_t / (1 - \beta^t)

    The weights of the values so far sum to :math:`1 - \beta^t`; the correction
    makes them sum to 1.

    Args:
        x: values (T, …), at least one.
        beta: :math:`\beta` in [0, 1); the weight of a value halves in
            :math:`\ln 2 / (-\ln \beta)` steps.
        bias_correction: whether to return :math:`\hat v_t` rather than
            :math:`v_t`.

    Returns:
        The averages (T, …), in the unit of ``x``.

    Raises:
        TypeError: if ``x`` is not a floating-point tensor.
        ValueError: if ``x`` is empty or ``beta`` is outside [0, 1).

    Example:
        >>> ones = torch.ones(3)
        >>> [
        ...     round(v, 3)
        ...     for v in moving_average(
        ...         ones, 0.9, bias_correction=False
        ...     ).tolist()
        ... ]
        [0.1, 0.19, 0.271]
        >>> [round(v, 3) for v in moving_average(ones, 0.9).tolist()]
        [1.0, 1.0, 1.0]

    Source: Kingma and Ba (2015), the section on bias correction.

    Chapter: optimizers.
    """
    check_floats("x", x, dims=1)
    check_real("beta", beta, 0)
    if beta >= 1:
        raise ValueError(f"beta must be below 1, got {beta}")
    v, averages = torch.zeros_like(x[0]), []
    for t, value in enumerate(x, start=1):
        v = beta * v + (1 - beta) * value
        averages.append(v / (1 - beta**t) if bias_correction else v)
    return torch.stack(averages)


def sgd(
    param,
    grad,
    state,
    *,
    lr=1e-3,
    momentum=0.0,
    dampening=0.0,
    weight_decay=0.0,
    nesterov=False,
):
    r"""One step of stochastic gradient descent with momentum.

    .. math::
        g_t &= \nabla L(w_{t-1}) + \lambda w_{t-1} \\
        v_t &= \mu v_{t-1} + (1 - \tau)\, g_t, \qquad v_1 = g_1 \\
        w_t &= w_{t-1} - \eta v_t \qquad\text{(Nesterov: } w_{t-1} - \eta\,(g_t
        + \mu v_t)\text{)}

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`.
        momentum: :math:`\mu \ge 0`; 0 means none.
        dampening: :math:`\tau`, weakens each new gradient in the average.
        weight_decay: :math:`\lambda \ge 0` of the penalty
            :math:`\frac{\lambda}{2}\lVert w\rVert_2^2`.
        nesterov: look ahead along the momentum.

    Returns:
        The new parameter and the new state (``momentum_buffer``).

    Example:
        >>> w, state = torch.tensor([1.0]), {}
        >>> w, state = sgd(w, 2 * w, state, lr=0.1, momentum=0.9)
        >>> w, state = sgd(w, 2 * w, state, lr=0.1, momentum=0.9)
        >>> round(w.item(), 4)
        0.46

    Source: Polyak (1964) for momentum; Sutskever, Martens, Dahl and Hinton
    (2013) for the form of Nesterov's method.

    Chapter: optimizers.
    """
    g = grad + weight_decay * param
    # without momentum there is nothing to dampen
    dampening = dampening * (momentum != 0)
    v = g
    if state:
        v = momentum * state["momentum_buffer"] + (1 - dampening) * g
    step = g + momentum * v if nesterov else v
    return param - lr * step, {"momentum_buffer": v}


def iteration_matrix(curvature, lr, momentum):
    r"""What one step of momentum does along a direction of one curvature: it
    turns the last two places into the next two.

    .. math::
        \begin{pmatrix} w_{t+1} \\ w_t \end{pmatrix} =
        \begin{pmatrix} 1 + \mu - \eta\lambda & -\mu \\ 1 & 0 \end{pmatrix}
        \begin{pmatrix} w_t \\ w_{t-1} \end{pmatrix}

    Its eigenvalues r solve :math:`r^2 - (1 + \mu - \eta\lambda)\, r + \mu =
    0`; the larger of their sizes is what a step leaves in the long run.

    Args:
        curvature: :math:`\lambda`.
        lr: learning rate :math:`\eta`.
        momentum: :math:`\mu`.

    Returns:
        The matrix (2, 2), float64.

    Example:
        >>> torch.linalg.eigvals(iteration_matrix(1.0, 2.25, 0.25)).real
        tensor([-0.5000, -0.5000], dtype=torch.float64)

    Source: Goh (2017), the dynamics of momentum.

    Chapter: optimizers.
    """
    return torch.tensor(
        [[1 + momentum - lr * curvature, -momentum], [1.0, 0.0]],
        dtype=torch.float64,
    )


def tuned_momentum(smallest, largest):
    r"""Learning rate and momentum that are fastest on a quadratic, in the worst
    case over its starting points.

    .. math::
        \eta = \Bigl(\frac{2}{\sqrt{\lambda_{\max}} +
        \sqrt{\lambda_{\min}}}\Bigr)^2, \qquad
        \mu = \Bigl(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\Bigr)^2, \qquad
        \kappa = \frac{\lambda_{\max}}{\lambda_{\min}}

    Then each step multiplies the error by about :math:`\sqrt\mu`.

    Args:
        smallest: :math:`\lambda_{\min} > 0`, the smallest eigenvalue of the
            Hessian.
        largest: :math:`\lambda_{\max} \ge \lambda_{\min}`.

    Returns:
        Learning rate and momentum, two floats.

    Raises:
        ValueError: if the eigenvalues are not positive and in order.

    Example:
        >>> tuned_momentum(1.0, 9.0)
        (0.25, 0.25)

    Source: Polyak (1964).

    Chapter: optimizers.
    """
    check_real("smallest", smallest, above=0)
    check_real("largest", largest, smallest)
    low, high = math.sqrt(smallest), math.sqrt(largest)
    return (2 / (high + low)) ** 2, ((high - low) / (high + low)) ** 2


def adagrad(
    param,
    grad,
    state,
    *,
    lr=1e-2,
    lr_decay=0.0,
    weight_decay=0.0,
    initial_accumulator_value=0.0,
    eps=1e-10,
):
    r"""One step of AdaGrad: divide by the root of the sum of all squared
    gradients so far.

    .. math::
        g_t &= \nabla L(w_{t-1}) + \lambda w_{t-1}, \qquad
        s_t = s_{t-1} + g_t^2 \\
        w_t &= w_{t-1} - \frac{\eta}{1 + (t - 1)\,\gamma}\, g_t / (\sqrt{s_t} +
        \epsilon)

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`.
        lr_decay: :math:`\gamma \ge 0`, a decay of the learning rate beside the
            one that the sum brings.
        weight_decay: :math:`\lambda \ge 0` of the penalty
            :math:`\frac{\lambda}{2}\lVert w\rVert_2^2`.
        initial_accumulator_value: :math:`s_0 \ge 0`.
        eps: :math:`\epsilon \ge 0`, added outside the square root.

    Returns:
        The new parameter and the new state (``step``, ``sum``).

    Example:
        >>> w, state = torch.zeros(1), {}
        >>> for _ in range(4):
        ...     w, state = adagrad(w, -torch.ones(1), state, lr=1.0)
        >>> round(w.item(), 3)  # 1 + 1/√2 + 1/√3 + 1/√4
        2.784

    Source: Duchi, Hazan and Singer (2011), the diagonal form.

    Chapter: optimizers.
    """
    g = grad + weight_decay * param
    t = state.get("step", 0) + 1
    s = state.get("sum", initial_accumulator_value) + g**2
    rate = lr / (1 + (t - 1) * lr_decay)
    return param - rate * g / (s.sqrt() + eps), {"step": t, "sum": s}


def rmsprop(
    param,
    grad,
    state,
    *,
    lr=1e-2,
    alpha=0.99,
    eps=1e-8,
    weight_decay=0.0,
    momentum=0.0,
    centered=False,
):
    r"""One step of RMSProp: divide by the root of a moving average of the
    squared gradients.

    .. math::
        g_t &= \nabla L(w_{t-1}) + \lambda w_{t-1}, \qquad
        v_t = \alpha v_{t-1} + (1 - \alpha)\, g_t^2 \\
        w_t &= w_{t-1} - \eta\, g_t / (\sqrt{v_t} + \epsilon)

    ``centered`` subtracts the square of the average gradient from :math:`v_t`.
    With ``momentum``, the divided gradients are collected in a buffer as in
    :func:`sgd`.

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`.
        alpha: :math:`\alpha` in [0, 1), the decay of the average.
        eps: :math:`\epsilon \ge 0`, added outside the square root.
        weight_decay: :math:`\lambda \ge 0` of the penalty
            :math:`\frac{\lambda}{2}\lVert w\rVert_2^2`.
        momentum: :math:`\mu \ge 0`; 0 means none.
        centered: divide by an estimate of the standard deviation instead.

    Returns:
        The new parameter and the new state (``square_avg``, ``grad_avg``,
        ``momentum_buffer``).

    Example:
        The average starts at zero and is not corrected: the first step is
        :math:`1/\sqrt{1 - \alpha}` times ``lr``.

        >>> w, _ = rmsprop(torch.zeros(1), torch.tensor([50.0]), {}, lr=0.01)
        >>> round(w.item(), 4)
        -0.1

    Source: Tieleman and Hinton (2012), a lecture.

    Chapter: optimizers.
    """
    g = grad + weight_decay * param
    v = alpha * state.get("square_avg", 0) + (1 - alpha) * g * g
    m = alpha * state.get("grad_avg", 0) + (1 - alpha) * g
    spread = v - m**2 if centered else v
    step = g / (spread.sqrt() + eps)
    step = momentum * state.get("momentum_buffer", 0) + step
    state = {"square_avg": v, "grad_avg": m, "momentum_buffer": step}
    return param - lr * step, state


def adam(
    param,
    grad,
    state,
    *,
    lr=1e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    amsgrad=False,
):
    r"""One step of Adam; ``weight_decay`` is an L2 penalty, added to the
    gradient.

    .. math::
        g_t &= \nabla L(w_{t-1}) + \lambda w_{t-1} \\
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t &= m_t / (1 - \beta_1^t), \qquad \hat v_t = v_t / (1 -
        \beta_2^t) \\
        w_t &= w_{t-1} - \eta\, \hat m_t / (\sqrt{\hat v_t} + \epsilon)

    With ``amsgrad`` the largest :math:`v` so far takes the place of :math:`v_t`
    in the last line.

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`.
        beta1: decay of the mean of the gradients, in [0, 1).
        beta2: decay of the mean of the squared gradients, in [0, 1).
        eps: :math:`\epsilon \ge 0`, added outside the square root.
        weight_decay: :math:`\lambda \ge 0` of the penalty
            :math:`\frac{\lambda}{2}\lVert w\rVert_2^2`.
        amsgrad: use the largest average of squares so far.

    Returns:
        The new parameter and the new state (``step``, ``exp_avg``,
        ``exp_avg_sq``, ``max_exp_avg_sq`` if used).

    Example:
        The first step has length ``lr``, whatever the scale of the gradient.

        >>> grad = torch.tensor([1e-4, 1e4])
        >>> w, state = adam(torch.zeros(2), grad, {}, lr=0.1, eps=0.0)
        >>> [round(x, 6) for x in w.tolist()]
        [-0.1, -0.1]

    Source: Kingma and Ba (2015), Algorithm 1; Reddi, Kale and Kumar (2018) for
    ``amsgrad``.

    Chapter: optimizers.
    """
    g = grad + weight_decay * param
    t = state.get("step", 0) + 1
    m = beta1 * state.get("exp_avg", 0) + (1 - beta1) * g
    # g² alone may be too large for the type, and so may v_hat
    v = beta2 * state.get("exp_avg_sq", 0) + (1 - beta2) * g * g
    new = {"step": t, "exp_avg": m, "exp_avg_sq": v}
    if amsgrad:
        v = torch.maximum(v, state.get("max_exp_avg_sq", v))
        new["max_exp_avg_sq"] = v
    m_hat = m / (1 - beta1**t)
    root_v_hat = v.sqrt() / (1 - beta2**t) ** 0.5
    return param - lr * m_hat / (root_v_hat + eps), new


def adamw(
    param,
    grad,
    state,
    *,
    lr=1e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=1e-2,
    amsgrad=False,
):
    r"""One step of AdamW: Adam on the loss alone, and a decay of the weights
    beside it.

    .. math::
        w_t = (1 - \eta\lambda)\, w_{t-1} - \eta\, \hat m_t / (\sqrt{\hat v_t}
        + \epsilon)

    The decay does not pass through :math:`\hat m` and :math:`\hat v`, so every
    weight shrinks at the same rate.

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`; it scales the decay too.
        beta1: decay of the mean of the gradients, in [0, 1).
        beta2: decay of the mean of the squared gradients, in [0, 1).
        eps: :math:`\epsilon \ge 0`, added outside the square root.
        weight_decay: :math:`\lambda \ge 0`, the share of the weight lost per
            unit of learning rate.
        amsgrad: use the largest average of squares so far.

    Returns:
        The new parameter and the new state, as :func:`adam`.

    Example:
        >>> w, _ = adamw(
        ...     torch.ones(1), torch.zeros(1), {}, lr=0.1, weight_decay=0.5
        ... )
        >>> round(w.item(), 6)
        0.95

    Source: Loshchilov and Hutter (2019), Algorithm 2, with :math:`\eta\lambda`
    as PyTorch has it.

    Chapter: optimizers.
    """
    decayed = (1 - lr * weight_decay) * param
    own = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps}
    return adam(decayed, grad, state, amsgrad=amsgrad, **own)


def lion(
    param, grad, state, *, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0
):
    r"""One step of Lion: every weight moves by ``lr``; only the sign of an
    average gradient counts.

    .. math::
        c_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad m_t = \beta_2
        m_{t-1} + (1 - \beta_2)\, g_t \\
        w_t &= (1 - \eta\lambda)\, w_{t-1} - \eta \operatorname{sign}(c_t)

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`, the size of every step.
        beta1: weight of the average against the newest gradient in the step, in
            [0, 1).
        beta2: decay of the average, in [0, 1).
        weight_decay: :math:`\lambda \ge 0`, decoupled as in :func:`adamw`.

    Returns:
        The new parameter and the new state (``exp_avg``).

    Example:
        >>> grad = torch.tensor([1e-6, -3.0, 0.0])
        >>> w, _ = lion(torch.zeros(3), grad, {}, lr=0.5)
        >>> w.tolist()
        [-0.5, 0.5, 0.0]

    Source: Chen and others (2023), Symbolic discovery of optimization
    algorithms.

    Chapter: optimizers.
    """
    m = state.get("exp_avg", 0)
    c = beta1 * m + (1 - beta1) * grad
    m = beta2 * m + (1 - beta2) * grad
    decayed = (1 - lr * weight_decay) * param
    return decayed - lr * c.sign(), {"exp_avg": m}


def orthogonalize(matrix, steps=5, eps=1e-7):
    r"""Make the singular values of a matrix about equal to 1 by products of
    matrices alone (Newton and Schulz, with Muon's coefficients).

    .. math::
        X \leftarrow G / \lVert G\rVert_F, \qquad
        X \leftarrow a X + (b A + c A^2) X, \quad A = X X^\top

    Each step sends every singular value x of X to :math:`a x + b x^3 + c x^5`,
    with a = 3.4445, b = -4.7750 and c = 2.0315: small ones grow 3.4-fold, those
    near 1 end between 0.7 and 1.2.

    Args:
        matrix: :math:`G`, shape (…, rows, columns).
        steps: how often, at least 0.
        eps: the norm is taken to be at least this.

    Returns:
        A matrix with the same singular vectors, shape of ``matrix``.

    Raises:
        ValueError: if ``matrix`` has fewer than two dimensions or ``steps`` is
            negative.

    Example:
        >>> X = orthogonalize(torch.diag(torch.tensor([3.0, 0.3])))
        >>> [round(x, 2) for x in X.diagonal().tolist()]
        [0.7, 0.71]

    Source: Jordan and others (2024).

    Chapter: optimizers.
    """
    if matrix.ndim < 2 or steps < 0:
        raise ValueError(
            "matrix must have at least two dimensions and steps be at least 0,"
            f" got {tuple(matrix.shape)} and {steps}"
        )
    a, b, c = 3.4445, -4.7750, 2.0315
    norm = torch.linalg.vector_norm(matrix, dim=(-2, -1), keepdim=True)
    X = matrix / norm.clamp(min=eps)
    for _ in range(steps):
        A = X @ X.mT
        X = a * X + (b * A + c * A @ A) @ X
    return X


def muon(
    param,
    grad,
    state,
    *,
    lr=1e-3,
    weight_decay=0.1,
    momentum=0.95,
    nesterov=True,
    eps=1e-7,
):
    r"""One step of Muon for a matrix of weights: the momentum, with its
    singular values made about equal.

    .. math::
        V_t &= \mu V_{t-1} + (1 - \mu)\, G_t \\
        W_t &= (1 - \eta\lambda)\, W_{t-1} - \eta\,
        \sqrt{\max(1, n_\text{out} / n_\text{in})}\;
        \mathrm{orthogonalize}(V_t)

    With ``nesterov``, :math:`(1 - \mu) G_t + \mu V_t` takes the place of
    :math:`V_t` in the second line.

    Args:
        param: :math:`W_{t-1}`, shape (…, :math:`n_\text{out}`,
            :math:`n_\text{in}`). A bias is no matrix: leave it to
            :func:`adam`.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`.
        weight_decay: :math:`\lambda \ge 0`, decoupled as in :func:`adamw`.
        momentum: :math:`\mu \ge 0`.
        nesterov: look ahead along the momentum.
        eps: see :func:`orthogonalize`.

    Returns:
        The new parameter and the new state (``momentum_buffer``).

    Raises:
        ValueError: if ``param`` has fewer than two dimensions.

    Example:
        >>> G = torch.diag(torch.tensor([1.0, 0.1]))
        >>> W, _ = muon(torch.zeros(2, 2), G, {}, lr=1.0)
        >>> [round(w, 2) for w in W.diagonal().tolist()]
        [-0.7, -0.71]

    Source: Jordan and others (2024).

    Differs from torch: in the precision of the parameter, where torch computes
    the orthogonal matrix in bfloat16.

    Chapter: optimizers.
    """
    v = momentum * state.get("momentum_buffer", 0) + (1 - momentum) * grad
    u = (1 - momentum) * grad + momentum * v if nesterov else v
    rows, columns = param.shape[-2:]
    step = math.sqrt(max(1, rows / columns)) * orthogonalize(u, eps=eps)
    return (1 - lr * weight_decay) * param - lr * step, {"momentum_buffer": v}


def warmup_cosine(step, *, warmup, total, floor=0.0):
    r"""Factor of the learning rate: a straight rise, then half a cosine down to
    ``floor``.

    .. math::
        f_t = \begin{cases}
            (t + 1) / t_w & t < t_w \\
            f_{\min} + \tfrac{1 - f_{\min}}{2}\Bigl(1 + \cos \pi \frac{t -
            t_w}{T - t_w}\Bigr) & t_w \le t \le T
        \end{cases}

    For ``fit_many(…, schedule=…)`` and ``torch.optim.lr_scheduler.LambdaLR``.

    Args:
        step: number of steps taken so far, from 0.
        warmup: :math:`t_w \ge 0`, steps of the rise.
        total: :math:`T > t_w`, steps in all; afterwards the factor stays at
            ``floor``.
        floor: :math:`f_{\min}` in [0, 1].

    Returns:
        The factor, a float in [0, 1].

    Raises:
        ValueError: if ``step`` is negative or the other arguments are out of
            range.

    Example:
        >>> [round(warmup_cosine(t, warmup=2, total=6), 3) for t in range(7)]
        [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]

    Source: Goyal and others (2017) for the rise; Loshchilov and Hutter (2017)
    for the cosine.

    Chapter: optimizers.
    """
    check_real("step", step, 0)
    check_real("warmup", warmup, 0)
    check_real("total", total, above=warmup)
    check_real("floor", floor, 0, 1)
    if step < warmup:
        return (step + 1) / warmup
    share = min((step - warmup) / (total - warmup), 1.0)
    return floor + (1 - floor) * (1 + math.cos(math.pi * share)) / 2


_RANGES = {
    "lr": (0.0, float("inf")),
    "momentum": (0.0, float("inf")),
    "weight_decay": (0.0, float("inf")),
    "l1": (0.0, float("inf")),
    "lr_decay": (0.0, float("inf")),
    "initial_accumulator_value": (0.0, float("inf")),
    "eps": (0.0, float("inf")),
    "alpha": (0.0, 1.0),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
}


def check_hyperparameters(rule, hyper):
    """Refuse hyper-parameters that ``rule`` does not have, or values outside
    their range.

    Args:
        rule: an update rule such as :func:`sgd`.
        hyper: dict of names and values; a value is a number, a bool or a tensor
            of numbers.

    Raises:
        TypeError: if a value is neither a number nor a tensor, or not a bool
            where the rule has a bool.
        ValueError: for an unknown name, a value that is not finite or one
            outside its range.

    Example:
        >>> check_hyperparameters(sgd, {"lr": -1.0})
        Traceback (most recent call last):
            ...
        ValueError: lr must be finite and at least 0, got -1.0

    Chapter: optimizers.
    """
    allowed = rule_hyperparameters(rule)
    defaults = {
        p.name: p.default for p in inspect.signature(rule).parameters.values()
    }
    for name, value in hyper.items():
        if name not in allowed:
            # functools.partial has no name
            owner = getattr(rule, "__name__", "the rule")
            raise ValueError(
                f"{owner} has no hyper-parameter {name!r}; it has"
                f" {', '.join(allowed)}"
            )
        if isinstance(defaults[name], bool) and not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, got {value}")
        if isinstance(value, bool) and not isinstance(defaults[name], bool):
            raise TypeError(f"{name} must be a number or a tensor, got bool")
        if not isinstance(value, Real | torch.Tensor):
            raise TypeError(
                f"{name} must be a number or a tensor, got"
                f" {type(value).__name__}"
            )
        low, high = _RANGES.get(name, (-float("inf"), float("inf")))
        values = torch.as_tensor(value, dtype=torch.float64)
        if not (
            values.isfinite().all()
            and (values >= low).all()
            and (values < high).all()
        ):
            limit = f" and at least {low:g}" if low > -float("inf") else ""
            limit = (
                f" and in [{low:g}, {high:g})" if high < float("inf") else limit
            )
            shown = value.tolist() if isinstance(value, torch.Tensor) else value
            raise ValueError(f"{name} must be finite{limit}, got {shown}")


@functools.cache
def rule_hyperparameters(rule):
    """List the hyper-parameters of a rule: its keyword-only arguments.

    Args:
        rule: an update rule such as :func:`sgd`.

    Returns:
        Their names, in order.

    Example:
        >>> rule_hyperparameters(adam)
        ['lr', 'beta1', 'beta2', 'eps', 'weight_decay', 'amsgrad']

    Chapter: optimizers.
    """
    return [
        p.name
        for p in inspect.signature(rule).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    ]


# The same rules in fewer passes over memory ---------------------------------


def _add(a, b, scale):
    """Return ``a + scale * b`` in one pass over memory, for a number or a
    tensor ``scale``.
    """
    if isinstance(scale, torch.Tensor):
        return torch.addcmul(a, b, scale)
    return torch.add(a, b, alpha=scale) if scale else a


def _add_(a, b, scale):
    """The same in place."""
    if isinstance(scale, torch.Tensor):
        return a.addcmul_(b, scale)
    return a.add_(b, alpha=scale)


def _average_(old, new, beta):
    """Set ``old`` to ``beta * old + (1 - beta) * new`` in one pass;
    ``torch.lerp`` wants a number, or a tensor of its operands' type.
    """
    weight = 1 - beta
    if isinstance(weight, torch.Tensor):
        weight = weight.to(new.dtype)
    return old.lerp_(new, weight)


def _average_of_squares_(old, grad, beta):
    """Set ``old`` to ``beta * old + (1 - beta) * grad**2``."""
    if isinstance(beta, torch.Tensor):
        return old.mul_(beta).addcmul_((1 - beta) * grad, grad)
    return old.mul_(beta).addcmul_(grad, grad, value=1 - beta)


def _begun(state, grad, *names):
    """Return the state with one step more, at first with zeros."""
    state = state or {name: torch.zeros_like(grad) for name in names}
    state["step"] = state.get("step", 0) + 1
    return state


def _fast_sgd(
    param, grad, state, *, lr, momentum, dampening, weight_decay, nesterov
):
    grad = _add(grad, param, weight_decay)
    if isinstance(momentum, torch.Tensor) or momentum:
        if isinstance(momentum, torch.Tensor):
            dampening = dampening * momentum.ne(0).to(momentum.dtype)
        v = state.get("momentum_buffer")
        if v is None:
            v = grad.clone()
        else:
            _add_(v.mul_(momentum), grad, 1 - dampening)
        state = {"momentum_buffer": v}
        grad = _add(grad, v, momentum) if nesterov else v
    return _add_(param, grad, -lr), state


def _fast_adagrad(
    param,
    grad,
    state,
    *,
    lr,
    lr_decay,
    weight_decay,
    initial_accumulator_value,
    eps,
):
    grad = _add(grad, param, weight_decay)
    if not state:
        s = torch.zeros_like(grad) + initial_accumulator_value
        state = {"step": 0, "sum": s}
    state["step"] += 1
    s = state["sum"].addcmul_(grad, grad)
    step = grad / s.sqrt().add_(eps)
    rate = lr / (1 + (state["step"] - 1) * lr_decay)
    return _add_(param, step, -rate), state


def _fast_rmsprop(
    param, grad, state, *, lr, alpha, eps, weight_decay, momentum, centered
):
    grad = _add(grad, param, weight_decay)
    first = not state
    centres = ["grad_avg"] if centered else []
    state = _begun(state, grad, "square_avg", *centres)
    v = _average_of_squares_(state["square_avg"], grad, alpha)
    if centered:
        v = v - _average_(state["grad_avg"], grad, alpha).square()
    step = grad / v.sqrt().add_(eps)
    if isinstance(momentum, torch.Tensor) or momentum:
        if not first:
            step = state["momentum_buffer"].mul_(momentum).add_(step)
        state["momentum_buffer"] = step
    return _add_(param, step, -lr), state


def _fast_adam(
    param, grad, state, *, lr, beta1, beta2, eps, weight_decay, amsgrad
):
    grad = _add(grad, param, weight_decay)
    state = _begun(state, grad, "exp_avg", "exp_avg_sq")
    t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
    if _in_one_pass(param, grad, m, v, beta1, beta2, eps) and not amsgrad:
        if not isinstance(lr, torch.Tensor):
            _adam_kernel([param], [grad], [state], lr, beta1, beta2, eps)
            return param, state
        step = torch.zeros_like(param)
        _adam_kernel([step], [grad], [state], 1.0, beta1, beta2, eps)
        return _add_(param, step, lr), state
    _average_(m, grad, beta1)
    _average_of_squares_(v, grad, beta2)
    if amsgrad:
        v = torch.maximum(v, state.get("max_exp_avg_sq", v))
        state["max_exp_avg_sq"] = v
    denominator = v.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)
    step = (m / (1 - beta1**t)).div_(denominator)
    return _add_(param, step, -lr), state


def _in_one_pass(*given):
    """Whether torch's kernel for the CPU takes these: it reads tensors as they
    lie in memory, and one number of each kind.
    """
    *tensors, beta1, beta2, eps = given
    return all(
        each.is_contiguous() and each.device.type == "cpu" for each in tensors
    ) and not any(
        isinstance(each, torch.Tensor) for each in (beta1, beta2, eps)
    )


def _adam_kernel(params, grads, states, lr, beta1, beta2, eps):
    """What ``torch.optim.Adam(fused=True)`` runs."""
    torch._fused_adam_(
        params,
        grads,
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [],
        [torch.tensor(float(states[0]["step"]))] * len(states),
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=0.0,
        amsgrad=False,
        maximize=False,
    )


def _fast_adamw(param, grad, state, *, lr, weight_decay, **own):
    if isinstance(weight_decay, torch.Tensor) or weight_decay:
        param.mul_(1 - lr * weight_decay)
    return _fast_adam(param, grad, state, lr=lr, weight_decay=0.0, **own)


def _fast_lion(param, grad, state, *, lr, beta1, beta2, weight_decay):
    if not state:
        state = {"exp_avg": torch.zeros_like(grad)}
    m = state["exp_avg"]
    c = _average_(m.clone(), grad, beta1)
    _average_(m, grad, beta2)
    param.mul_(1 - lr * weight_decay)
    return _add_(param, c.sign_(), -lr), state


_FAST = {
    sgd: _fast_sgd,
    adagrad: _fast_adagrad,
    rmsprop: _fast_rmsprop,
    adam: _fast_adam,
    adamw: _fast_adamw,
    lion: _fast_lion,
}


def _adam_of_all(
    params, grads, states, *, lr, beta1, beta2, eps, weight_decay, amsgrad
):
    """Step several parameters of the CPU in one call, where numbers are the
    same for all of them; return the states, or None if the rule has to step
    them one by one.
    """
    if amsgrad or weight_decay or isinstance(lr, torch.Tensor):
        return None
    if not _in_one_pass(*params, *grads, beta1, beta2, eps):
        return None
    states = [
        _begun(*each, "exp_avg", "exp_avg_sq")
        for each in zip(states, grads, strict=True)
    ]
    _adam_kernel(params, grads, states, lr, beta1, beta2, eps)
    return states


@functools.cache
def _fast(rule):
    """Return the fast form of a rule, with the rule's own defaults: it changes
    parameter and state in place. A rule without one stays what it is.
    """
    return _with_defaults(_FAST[rule], rule) if rule in _FAST else rule


@functools.cache
def _fast_of_all(rule):
    """Return the form that steps several parameters at once, if there is one
    for a rule that :func:`_fast` has returned.
    """
    return _with_defaults(_adam_of_all, adam) if rule is _fast(adam) else None


def _with_defaults(form, rule):
    parameters = inspect.signature(rule).parameters
    names = rule_hyperparameters(rule)
    return functools.partial(
        form, **{name: parameters[name].default for name in names}
    )


def _keep_freed_memory():
    """Let the C library keep memory that is freed: else each step waits for
    pages that it gave back a moment ago.

    Freeing one large block raises glibc's thresholds for giving memory back;
    elsewhere this does nothing.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def _one(name, value):
    """Make a number of a tensor with one entry."""
    if not isinstance(value, torch.Tensor):
        return value
    if value.numel() != 1:
        raise ValueError(
            f"{name} must be one number, got a tensor of shape"
            f" {tuple(value.shape)}"
        )
    return value.item()


class _RuleOptimizer(torch.optim.Optimizer):
    """A ``torch.optim.Optimizer`` that applies one rule to every parameter."""

    rule = None

    def __init__(self, params, defaults, maximize):
        super().__init__(params, {**defaults, "maximize": maximize})

    def __setstate__(self, state):
        for group in state["param_groups"]:
            group.setdefault("maximize", False)
            self._check(group)
        super().__setstate__(state)
        for own in self.state.values():
            if "step" in own:  # torch's is a float32 tensor
                own["step"] = int(own["step"])

    def add_param_group(self, param_group):
        """Add parameters with options of their own; torch calls this for the
        first groups too.

        Args:
            param_group: dict with ``params`` and options.

        Raises:
            TypeError, ValueError: for an option of the wrong type or out of
                range, or complex parameters.
        """
        super().add_param_group(param_group)
        try:
            self._check(self.param_groups[-1])
        except (TypeError, ValueError):
            self.param_groups.pop()
            raise
        _keep_freed_memory()

    def _check(self, group):
        group.update({name: plain(value) for name, value in group.items()})
        for p in group["params"]:
            if p.is_complex():  # its square is not its squared size
                raise TypeError(f"params must be real, got {p.dtype}")
        if not isinstance(group["maximize"], bool):
            raise TypeError(
                f"maximize must be True or False, got {group['maximize']!r}"
            )
        for name in ("capturable", "differentiable", "decoupled_weight_decay"):
            ours = name == "decoupled_weight_decay" and self.rule is adamw
            if group.get(name) and not ours:
                raise ValueError(
                    f"{name} must be False, got {group[name]!r}:"
                    f" {type(self).__name__} has no such option"
                )
        check_hyperparameters(self.rule, self._hyper(group))

    def _hyper(self, group):
        hyper = {
            name: group[name]
            for name in rule_hyperparameters(self.rule)
            if name in group
        }
        if "betas" in group:
            if (
                not isinstance(group["betas"], tuple | list)
                or len(group["betas"]) != 2
            ):
                raise TypeError(
                    "betas must be a pair (beta1, beta2), got"
                    f" {group['betas']!r}"
                )
            hyper["beta1"], hyper["beta2"] = group["betas"]
        return {name: _one(name, value) for name, value in hyper.items()}

    @torch.no_grad()
    def step(self, closure=None):
        """Update every parameter that has a gradient.

        Args:
            closure: optional function that computes the loss anew and calls
                ``backward``.

        Returns:
            What ``closure`` returned, or ``None``.

        Raises:
            ValueError: for a sparse gradient, which only SGD without weight
                decay takes.
        """
        loss, rule = None, _fast(self.rule)
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            hyper = self._hyper(group)
            for p in group["params"]:
                if p.grad is not None:
                    if p.grad.is_sparse and (
                        self.rule is not sgd or group["weight_decay"]
                    ):
                        raise ValueError(
                            "gradients must be dense, got a sparse one; make"
                            " the embedding with sparse=False"
                        )
                    grad = -p.grad if group["maximize"] else p.grad
                    _, self.state[p] = rule(p, grad, self.state[p], **hyper)
        return loss


class SGD(_RuleOptimizer):
    r"""Stochastic gradient descent: :func:`sgd` as a ``torch.optim.Optimizer``.

    Args:
        params: iterable of parameters, or of dicts that define parameter
            groups.
        lr: learning rate :math:`\eta \ge 0`.
        momentum: :math:`\mu \ge 0`.
        dampening: :math:`\tau`.
        weight_decay: :math:`\lambda \ge 0`.
        nesterov: look ahead along the momentum; needs momentum and no
            dampening.
        maximize: go uphill.

    Raises:
        TypeError: for a hyper-parameter of the wrong type.
        ValueError: for a hyper-parameter out of range, or ``nesterov`` without
            momentum or with dampening.

    Example:
        >>> w = torch.ones(2, requires_grad=True)
        >>> optimizer = SGD([w], lr=0.1, weight_decay=1.0)
        >>> w.sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.800000011920929, 0.800000011920929]

    Differs from torch: no ``foreach``, ``differentiable`` or ``fused``; no
    complex parameters.

    Chapter: optimizers.
    """

    rule = staticmethod(sgd)

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0.0,
        dampening=0.0,
        weight_decay=0.0,
        nesterov=False,
        *,
        maximize=False,
    ):
        names = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
        super().__init__(
            params,
            dict(
                zip(
                    names,
                    (lr, momentum, dampening, weight_decay, nesterov),
                    strict=True,
                )
            ),
            maximize,
        )
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                "nesterov needs momentum above 0 and dampening 0, got momentum"
                f" {momentum} and dampening {dampening}"
            )


class Adagrad(_RuleOptimizer):
    r"""AdaGrad: :func:`adagrad` as a ``torch.optim.Optimizer``.

    Args:
        params: iterable of parameters, or of dicts that define parameter
            groups.
        lr: learning rate :math:`\eta \ge 0`.
        lr_decay: :math:`\gamma \ge 0`.
        weight_decay: :math:`\lambda \ge 0`, added to the gradient.
        initial_accumulator_value: where the sum of squares starts, at least 0.
        eps: :math:`\epsilon \ge 0`.
        maximize: go uphill.

    Raises:
        ValueError: for a hyper-parameter out of range.

    Example:
        >>> w = torch.zeros(1, requires_grad=True)
        >>> optimizer = Adagrad([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        -0.1

    Differs from torch: no ``foreach``, ``differentiable`` or ``fused``; no
    complex parameters.

    Chapter: optimizers.
    """

    rule = staticmethod(adagrad)

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0.0,
        weight_decay=0.0,
        initial_accumulator_value=0.0,
        eps=1e-10,
        *,
        maximize=False,
    ):
        names = (
            "lr",
            "lr_decay",
            "weight_decay",
            "initial_accumulator_value",
            "eps",
        )
        super().__init__(
            params,
            dict(
                zip(
                    names,
                    (
                        lr,
                        lr_decay,
                        weight_decay,
                        initial_accumulator_value,
                        eps,
                    ),
                    strict=True,
                )
            ),
            maximize,
        )


class RMSprop(_RuleOptimizer):
    r"""RMSProp: :func:`rmsprop` as a ``torch.optim.Optimizer``.

    Args:
        params: iterable of parameters, or of dicts that define parameter
            groups.
        lr: learning rate :math:`\eta \ge 0`.
        alpha: decay of the average of squares, in [0, 1).
        eps: :math:`\epsilon \ge 0`.
        weight_decay: :math:`\lambda \ge 0`, added to the gradient.
        momentum: :math:`\mu \ge 0`.
        centered: divide by an estimate of the standard deviation instead.
        maximize: go uphill.

    Raises:
        ValueError: for a hyper-parameter out of range.

    Example:
        >>> w = torch.zeros(1, requires_grad=True)
        >>> optimizer = RMSprop([w], lr=0.01)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        -0.1

    Differs from torch: no ``capturable``, ``foreach`` or ``differentiable``;
    ``alpha`` is below 1; no complex parameters.

    Chapter: optimizers.
    """

    rule = staticmethod(rmsprop)

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0.0,
        momentum=0.0,
        centered=False,
        *,
        maximize=False,
    ):
        names = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered")
        super().__init__(
            params,
            dict(
                zip(
                    names,
                    (lr, alpha, eps, weight_decay, momentum, centered),
                    strict=True,
                )
            ),
            maximize,
        )


class Adam(_RuleOptimizer):
    r"""Adam: :func:`adam` as a ``torch.optim.Optimizer``.

    Args:
        params: iterable of parameters, or of dicts that define parameter
            groups.
        lr: learning rate :math:`\eta \ge 0`.
        betas: :math:`(\beta_1, \beta_2)`, each in [0, 1).
        eps: :math:`\epsilon \ge 0`.
        weight_decay: :math:`\lambda \ge 0`, added to the gradient.
        amsgrad: use the largest average of squares so far.
        maximize: go uphill.

    Raises:
        ValueError: for a hyper-parameter out of range.

    Example:
        >>> w = torch.zeros(1, requires_grad=True)
        >>> optimizer = Adam([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        -0.1

    Differs from torch: no ``foreach``, ``capturable``, ``differentiable`` or
    ``fused``; no complex parameters.

    Chapter: optimizers.
    """

    rule = staticmethod(adam)

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.0,
        amsgrad=False,
        *,
        maximize=False,
    ):
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
        }
        super().__init__(params, defaults, maximize)


class AdamW(_RuleOptimizer):
    r"""AdamW: :func:`adamw` as a ``torch.optim.Optimizer``.

    Args:
        params: iterable of parameters, or of dicts that define parameter
            groups.
        lr: learning rate :math:`\eta \ge 0`.
        betas: :math:`(\beta_1, \beta_2)`, each in [0, 1).
        eps: :math:`\epsilon \ge 0`.
        weight_decay: :math:`\lambda \ge 0`, the decay beside the gradient.
        amsgrad: use the largest average of squares so far.
        maximize: go uphill.

    Raises:
        ValueError: for a hyper-parameter out of range.

    Example:
        >>> w = torch.ones(1, requires_grad=True)
        >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
        >>> (0 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        0.95

    Differs from torch: no ``foreach``, ``capturable``, ``differentiable`` or
    ``fused``; no complex parameters.

    Chapter: optimizers.
    """

    rule = staticmethod(adamw)

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
    ):
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
        }
        super().__init__(params, defaults, maximize)


class Lion(_RuleOptimizer):
    r"""Lion: :func:`lion` as a ``torch.optim.Optimizer``.

    Args:
        params: iterable of parameters, or of dicts that define parameter
            groups.
        lr: learning rate :math:`\eta \ge 0`.
        betas: :math:`(\beta_1, \beta_2)`, each in [0, 1).
        weight_decay: :math:`\lambda \ge 0`, the decay beside the gradient.
        maximize: go uphill.

    Raises:
        ValueError: for a hyper-parameter out of range.

    Example:
        >>> w = torch.zeros(1, requires_grad=True)
        >>> optimizer = Lion([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        -0.1

    Differs from torch: torch has no Lion.

    Chapter: optimizers.
    """

    rule = staticmethod(lion)

    def __init__(
        self,
        params,
        lr=1e-4,
        betas=(0.9, 0.99),
        weight_decay=0.0,
        *,
        maximize=False,
    ):
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        super().__init__(params, defaults, maximize)


def check_first_step_by_hand(answer):
    r"""Exercise by hand: how far Adam's first step goes, with ``lr=0.01``, a
    gradient of 1000 and the default betas.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_first_step_by_hand(10.0)
        ✗ Not yet: that is the step of SGD, lr times the gradient; Adam divides
        the gradient's size out.

    Chapter: optimizers.
    """
    return check_number(
        answer,
        0.01,
        {
            10.0: (
                "that is the step of SGD, lr times the gradient; Adam divides"
                " the gradient's size out"
            ),
            0.01 * 0.1 / math.sqrt(0.001): (
                "that is the step without bias correction: 0.1 / √0.001"
                " times lr"
            ),
            0.001: (
                "m is 100 after one step, but it is corrected by 1 − 0.9"
                " before use"
            ),
            1.0: (
                "how large are m_hat and √v_hat? Divide them, then multiply"
                " by lr"
            ),
            -0.01: "asked is how far: a length",
        },
    )


def _step_cases(generator):
    """Five times weights, two averages, gradient, step number, learning
    rate.
    """
    weights = [
        torch.randn(4, 4, generator=generator, dtype=torch.float64)
        for _ in range(5)
    ]
    return [
        (w[0], w[1], w[2].square(), w[3], t, 0.1 / t)
        for t, w in enumerate(weights, start=2)
    ]


def check_momentum_step(attempt):
    """Exercise: ``attempt(w, buffer, gradient, lr, momentum)`` returns ``(w,
    buffer)`` after one step, as in torch.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_momentum_step(
        ...     lambda w, v, g, lr, mu: (w - lr * v, mu * v + g)
        ... )
        ✗ Not yet: renew the buffer first, then step along the new one.

    Chapter: optimizers.
    """

    def step(w, v, g, lr, mu):
        return w - lr * (mu * v + g), mu * v + g

    mistakes = {
        "renew the buffer first, then step along the new one": (
            lambda w, v, g, lr, mu: (
                w - lr * v,
                mu * v + g,
            )
        ),
        (
            "torch's buffer is a sum, not an average:"
            " the new gradient enters with weight 1"
        ): lambda w, v, g, lr, mu: (
            w - lr * (mu * v + (1 - mu) * g),
            mu * v + (1 - mu) * g,
        ),
        "torch keeps the learning rate out of the buffer": (
            lambda w, v, g, lr, mu: (w - (mu * v + lr * g), mu * v + lr * g)
        ),
        "the step goes against the buffer: mind its sign": (
            lambda w, v, g, lr, mu: (w + lr * (mu * v + g), mu * v + g)
        ),
        "this is Nesterov's step; asked is plain momentum": (
            lambda w, v, g, lr, mu: (
                w - lr * (g + mu * (mu * v + g)),
                mu * v + g,
            )
        ),
        "the step uses the gradient alone; it goes along the buffer": (
            lambda w, v, g, lr, mu: (w - lr * g, mu * v + g)
        ),
    }
    return check(
        attempt,
        step,
        lambda chance: [
            (w, v, g, lr, 0.9) for w, v, _, g, _, lr in _step_cases(chance)
        ],
        mistakes,
        library=(sgd, torch.optim.SGD.step),
    )


def check_adam_step(attempt):
    """Exercise: ``attempt(w, m, v, gradient, t, lr)`` returns ``w`` after step
    ``t`` of Adam, at default betas.

    Args:
        attempt: the reader's function; ``m`` and ``v`` are the averages before
            the step.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> def without(w, m, v, g, t, lr):
        ...     m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        ...     return w - lr * m / (v.sqrt() + 1e-8)
        >>> answer = check_adam_step(without)
        ✗ Not yet: the averages start at zero: divide m by 1 − 0.9^t and v by 1
        − 0.999^t.

    Chapter: optimizers.
    """

    def step(
        power_m=1,
        power_v=1,
        root=0.5,
        square=2,
        late=0,
        sign=-1,
        old=False,
        eps=1e-8,
        inside=0.0,
    ):
        def adam_step(w, m, v, g, t, lr):
            new_m, new_v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**square
            m, v = (m, v) if old else (new_m, new_v)
            m_hat, v_hat = (
                m / (1 - 0.9 ** (t - late)) ** power_m,
                v / (1 - 0.999 ** (t - late)) ** power_v,
            )
            return w + sign * lr * m_hat / (
                (v_hat.abs() + inside) ** root + eps
            )

        return adam_step

    def efficient(w, m, v, g, t, lr):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rate = lr * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return w - rate * m / (v.sqrt() + 1e-8)

    mistakes = {
        (
            "this is the paper's efficient form, in which eps counts more in"
            " the first steps; torch adds eps to the root of v_hat"
        ): efficient,
        (
            "the averages start at zero:"
            " divide m by 1 − 0.9^t and v by 1 − 0.999^t"
        ): step(0, 0),
        "v needs its own correction, 1 − 0.999^t": step(1, 0),
        "m needs its own correction, 1 − 0.9^t": step(0, 1),
        "divide by the square root of v_hat": step(root=1),
        "steps count from 1: the powers are t, not t − 1": step(late=1),
        "the step goes downhill: mind its sign": step(sign=1),
        "renew m and v with the gradient before you use them": step(old=True),
        "eps stands outside the root": step(eps=0.0, inside=1e-8),
        "add eps to the root of v_hat": step(eps=0.0),
    }

    def cases(chance):
        w = torch.randn(4, 4, generator=chance, dtype=torch.float64)
        # here eps is felt
        tiny = (
            1e-8 * w[0],
            1e-8 * w[1],
            1e-16 * w[2].square(),
            1e-8 * w[3],
            7,
            1e-9,
        )
        return [*_step_cases(chance), tiny]

    return check(
        attempt, step(), cases, mistakes, library=(adam, torch.optim.Adam.step)
    )
