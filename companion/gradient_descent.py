r"""Chapter *gradient_descent*: steps down the slope, with all rows or with a
few, and how long the steps may be.

Ordered from plain descent to its limits on a quadratic, mini-batches and their
noise, schedules, accumulation and curvature; the checks of the chapter's
exercises come last.
"""

import torch

from companion.arguments import (
    check_int,
    check_real,
    check_solvable,
    in_float32,
    surely,
)
from companion.checks import check, check_number

__all__ = [
    "accumulate_gradients",
    "batch_noise",
    "best_step",
    "check_accumulate",
    "check_limit_by_hand",
    "check_minibatch_step",
    "contraction",
    "critical_point",
    "gradient_descent",
    "inverse_time",
    "minibatches",
    "noise_floor",
    "noise_scale",
    "noisy_descent",
    "quadratic_path",
    "sharpness",
    "step_decay",
    "step_limit",
    "steps_with_batch",
]


def _check_tensor(name, value, ndim=None):
    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}"
        )
    if ndim is not None and (value.ndim != ndim or not value.numel()):
        raise ValueError(
            f"{name} must have {ndim} dimensions and at least one entry, got"
            f" shape {tuple(value.shape)}"
        )


def gradient_descent(f, start, *, lr, steps):
    r"""Follow the negative gradient of a function, and keep the whole path.

    .. math::
        \mathbf{w}_t = \mathbf{w}_{t-1} - \eta\,\nabla f(\mathbf{w}_{t-1})

    Args:
        f: differentiable function of a tensor like ``start``; returns a scalar
            tensor.
        start: :math:`\mathbf{w}_0`, floating point, any shape.
        lr: learning rate :math:`\eta \ge 0`.
        steps: number of steps, at least 0.

    Returns:
        The path, shape ``(steps + 1, *start.shape)``; the first entry is
        ``start``.

    Raises:
        ValueError: for a negative ``lr`` or number of steps.

    Example:
        >>> gradient_descent(
        ...     lambda w: w.square().sum(),
        ...     torch.tensor([1.0]),
        ...     lr=0.25,
        ...     steps=3,
        ... ).flatten().tolist()
        [1.0, 0.5, 0.25, 0.125]

    Source: Cauchy (1847).

    Chapter: gradient_descent.
    """
    _check_tensor("start", start)
    check_real("lr", lr, low=0)
    check_int("steps", steps, 0)
    path = [start.detach()]
    for _ in range(steps):
        w = path[-1].detach().requires_grad_()
        (gradient,) = torch.autograd.grad(f(w), w)
        path.append(w.detach() - lr * gradient)
    return torch.stack(path)


def quadratic_path(curvature, start, *, lr, steps):
    r"""The path of gradient descent on a quadratic, without descending.

    .. math::
        f(\mathbf{w}) = \tfrac12 \textstyle\sum_j \lambda_j w_j^2
        \quad\Rightarrow\quad
        w_{t,j} = (1 - \eta\lambda_j)^t\, w_{0,j}

    Args:
        curvature: :math:`\lambda_j`, the eigenvalues of the Hessian, shape
            (d,); any sign.
        start: :math:`\mathbf{w}_0` in the directions of the eigenvectors, shape
            (d,).
        lr: learning rate :math:`\eta \ge 0`.
        steps: number of steps, at least 0.

    Returns:
        The path, shape (steps + 1, d).

    Raises:
        ValueError: for shapes that do not fit, a negative ``lr`` or number of
            steps.

    Example:
        >>> quadratic_path(
        ...     torch.tensor([1.0, 4.0]), torch.ones(2), lr=0.5, steps=2
        ... ).tolist()
        [[1.0, 1.0], [0.5, -1.0], [0.25, 1.0]]

    Chapter: gradient_descent.
    """
    _check_tensor("curvature", curvature, 1)
    _check_tensor("start", start, 1)
    if start.shape != curvature.shape:
        raise ValueError(
            f"start must have the shape {tuple(curvature.shape)} of curvature,"
            f" got {tuple(start.shape)}"
        )
    check_real("lr", lr, low=0)
    check_int("steps", steps, 0)
    t = torch.arange(steps + 1, device=curvature.device).unsqueeze(1)
    return (1 - lr * curvature) ** t * start


def step_limit(curvature):
    r"""The learning rate from which on gradient descent no longer converges on
    a quadratic.

    .. math::
        \eta_{\text{limit}} = \frac{2}{\lambda_{\max}}

    Args:
        curvature: eigenvalues of the Hessian, shape (d,), the largest above 0.

    Returns:
        Scalar tensor.

    Raises:
        ValueError: if no eigenvalue is above 0.

    Example:
        >>> step_limit(torch.tensor([1.0, 10.0])).item()
        0.20000000298023224

    Source: Nocedal and Wright (2006).

    Chapter: gradient_descent.
    """
    _check_tensor("curvature", curvature, 1)
    if surely(~(curvature.max() > 0)):
        raise ValueError(
            "curvature must have an eigenvalue above 0, got at most"
            f" {curvature.max().item():g}"
        )
    return 2 / curvature.max()


def best_step(curvature):
    r"""The learning rate at which the slowest direction of a quadratic shrinks
    fastest.

    .. math::
        \eta^* = \frac{2}{\lambda_{\min} + \lambda_{\max}}

    Args:
        curvature: eigenvalues of the Hessian, shape (d,), all above 0.

    Returns:
        Scalar tensor.

    Raises:
        ValueError: if an eigenvalue is not above 0.

    Example:
        >>> best_step(torch.tensor([1.0, 3.0])).item()
        0.5

    Source: Nocedal and Wright (2006).

    Chapter: gradient_descent.
    """
    _check_tensor("curvature", curvature, 1)
    if surely(~(curvature.min() > 0)):
        raise ValueError(
            "curvature must be above 0 in every direction, got"
            f" {curvature.min().item():g}"
        )
    return 2 / (curvature.min() + curvature.max())


def contraction(curvature, lr):
    r"""The factor by which one step changes the slowest direction of a
    quadratic; below 1 it converges.

    .. math::
        \rho(\eta) = \max_j\, \lvert 1 - \eta\lambda_j\rvert, \qquad
        \rho(\eta^*) = \frac{\kappa - 1}{\kappa + 1}, \quad \kappa =
        \lambda_{\max}/\lambda_{\min}

    Args:
        curvature: eigenvalues of the Hessian, shape (d,).
        lr: learning rate :math:`\eta`, a number or a scalar tensor.

    Returns:
        Scalar tensor.

    Example:
        >>> contraction(torch.tensor([1.0, 3.0]), 0.5).item()
        0.5

    Chapter: gradient_descent.
    """
    _check_tensor("curvature", curvature, 1)
    return (1 - lr * curvature).abs().max()


def minibatches(n, batch_size, generator=None):
    r"""Shuffle the row numbers and cut them into batches: the batches of one
    epoch.

    Args:
        n: number of rows, at least 1.
        batch_size: :math:`m`, rows per batch, in 1 … n. The last batch holds
            what is left.
        generator: source of randomness.

    Returns:
        Tuple of int64 tensors; together they hold each row number once.

    Raises:
        ValueError: if ``batch_size`` is not in 1 … n.

    Example:
        >>> [len(rows) for rows in minibatches(10, 4)]
        [4, 4, 2]

    Differs from torch: ``DataLoader(shuffle=True)`` draws its own seed first,
    so its order is another one.

    Chapter: gradient_descent.
    """
    check_int("n", n, 1)
    check_int("batch_size", batch_size, 1, n)
    return torch.randperm(n, generator=generator).split(batch_size)


@in_float32
def batch_noise(gradients, batch_size, *, replacement=False):
    r"""Root-mean-square distance between the gradient of a random batch and
    that of all rows.

    .. math::
        \sigma_m = \frac{\sigma}{\sqrt m}\sqrt{\frac{n - m}{n - 1}}, \qquad
        \sigma^2 = \frac1n \sum_{i=1}^n \lVert\mathbf{g}_i -
        \bar{\mathbf{g}}\rVert_2^2

    The second root belongs to drawing without replacement; with replacement it
    is 1.

    Args:
        gradients: the gradient of each row, shape (n, d), n at least 2.
        batch_size: :math:`m`, in 1 … n.
        replacement: whether a row may be drawn twice.

    Returns:
        Scalar tensor.

    Raises:
        ValueError: for another shape, fewer than 2 rows, or ``batch_size``
            outside 1 … n.

    Example:
        >>> batch_noise(torch.tensor([[1.0], [-1.0]]), 1).item()
        1.0

    Source: Cochran (1977), on sampling without replacement.

    Chapter: gradient_descent.
    """
    _check_tensor("gradients", gradients, 2)
    check_int("the number of rows of gradients", len(gradients), 2)
    check_int("batch_size", batch_size, 1, len(gradients))
    n = len(gradients)
    variance = (gradients - gradients.mean(0)).square().sum() / n
    left_over = 1.0 if replacement else (n - batch_size) / (n - 1)
    return (variance / batch_size * left_over).sqrt()


@in_float32
def noise_scale(gradients):
    r"""Noise scale: the batch whose gradient has as much noise as signal.

    .. math::
        m_c = \frac{\sigma^2}{\lVert\bar{\mathbf{g}}\rVert_2^2}, \qquad
        \sigma^2 = \frac1n \sum_{i=1}^n \lVert\mathbf{g}_i -
        \bar{\mathbf{g}}\rVert_2^2

    Args:
        gradients: the gradient of each row, shape (n, d).

    Returns:
        Scalar tensor, in rows; infinite where the mean gradient is zero.

    Raises:
        ValueError: for another shape.

    Example:
        >>> noise_scale(torch.tensor([[3.0], [1.0]])).item()
        0.25

    Source: McCandlish, Kaplan, Amodei and the OpenAI Dota team (2018).

    Chapter: gradient_descent.
    """
    _check_tensor("gradients", gradients, 2)
    mean = gradients.mean(0)
    variance = (gradients - mean).square().sum(1).mean()
    return variance / mean.square().sum()


def steps_with_batch(batch_size, fewest, critical):
    r"""Steps that a batch size needs at its own best rate, by theory.

    .. math::
        T(m) = T_\infty \left(1 + \frac{m_c}{m}\right)

    Args:
        batch_size: :math:`m > 0`, a number or a tensor.
        fewest: :math:`T_\infty`, the steps that a noiseless gradient needs.
        critical: :math:`m_c`, the critical batch size.

    Returns:
        As ``batch_size``.

    Example:
        >>> steps_with_batch(20, fewest=50, critical=20)
        100.0

    Source: McCandlish, Kaplan, Amodei and the OpenAI Dota team (2018).

    Chapter: gradient_descent.
    """
    return fewest * (1 + critical / batch_size)


def noisy_descent(slope, start, noise, *, lr, schedule=None):
    r"""Gradient descent whose gradients carry noise, for any number of runs at
    once.

    .. math::
        \mathbf{w}_t = \mathbf{w}_{t-1} - \eta_t\,\bigl(\nabla
        f(\mathbf{w}_{t-1}) + \boldsymbol{\varepsilon}_t\bigr)

    Args:
        slope: function that returns the gradient, shape of ``start``.
        start: :math:`\mathbf{w}_0`, any shape; several runs may be stacked.
        noise: :math:`\boldsymbol{\varepsilon}_t`, shape
            ``(steps, *start.shape)``.
        lr: learning rate :math:`\eta \ge 0` before the schedule.
        schedule: optional function of the number of steps taken that returns a
            factor for ``lr``.

    Returns:
        The path, shape ``(steps + 1, *start.shape)``.

    Raises:
        ValueError: if the shapes do not fit or ``lr`` is negative.

    Example:
        >>> noisy_descent(
        ...     lambda w: w, torch.zeros(1), torch.ones(2, 1), lr=0.5
        ... ).flatten().tolist()
        [0.0, -0.5, -0.75]

    Source: Robbins and Monro (1951).

    Chapter: gradient_descent.
    """
    _check_tensor("start", start)
    _check_tensor("noise", noise)
    if noise.shape[1:] != start.shape or not noise.ndim:
        raise ValueError(
            f"noise must have shape (steps, *{tuple(start.shape)}), got"
            f" {tuple(noise.shape)}"
        )
    check_real("lr", lr, low=0)
    path = [start]
    for taken, error in enumerate(noise):
        rate = lr * schedule(taken) if schedule else lr
        path.append(path[-1] - rate * (slope(path[-1]) + error))
    return torch.stack(path)


def noise_floor(lr, curvature=1.0, noise=1.0):
    r"""Mean square of one weight under noisy descent with a constant rate, once
    it has forgotten its start.

    .. math::
        \mathbb{E}\,w^2 = \frac{\eta\,\sigma^2}{\lambda\,(2 - \eta\lambda)}

    Args:
        lr: learning rate :math:`\eta`, with :math:`0 \le \eta\lambda < 2`.
        curvature: :math:`\lambda > 0` of the loss :math:`\frac{\lambda}{2}
            w^2`.
        noise: :math:`\sigma \ge 0`, standard deviation of the noise in the
            gradient.

    Returns:
        A float.

    Raises:
        ValueError: for values out of range.

    Example:
        >>> round(noise_floor(0.2), 6)
        0.111111

    Chapter: gradient_descent.
    """
    check_real("lr", lr, low=0)
    check_real("curvature", curvature, above=0)
    check_real("noise", noise, low=0)
    if lr * curvature >= 2:
        raise ValueError(
            f"lr must be below 2 / curvature = {2 / curvature:g}, got {lr}"
        )
    return lr * noise**2 / (curvature * (2 - lr * curvature))


def inverse_time(step, *, half):
    r"""Factor for the learning rate that falls like 1/t.

    .. math::
        \eta_t / \eta = \frac{1}{1 + t / \tau}

    Args:
        step: :math:`t \ge 0`, number of steps taken.
        half: :math:`\tau > 0`, the step at which the rate has halved.

    Returns:
        A float in (0, 1].

    Raises:
        ValueError: for values out of range.

    Example:
        >>> inverse_time(0, half=10), inverse_time(10, half=10)
        (1.0, 0.5)

    Source: Robbins and Monro (1951) for the conditions that it meets.

    Chapter: gradient_descent.
    """
    check_real("step", step, low=0)
    check_real("half", half, above=0)
    return 1 / (1 + step / half)


def step_decay(step, *, every, gamma=0.1):
    r"""Factor for the learning rate that falls in stairs.

    .. math::
        \eta_t / \eta = \gamma^{\lfloor t / k \rfloor}

    Args:
        step: :math:`t \ge 0`, number of steps taken.
        every: :math:`k`, steps per stair, at least 1.
        gamma: :math:`\gamma > 0`, the factor of each stair.

    Returns:
        A float.

    Raises:
        ValueError: for values out of range.

    Example:
        >>> [step_decay(t, every=2, gamma=0.5) for t in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]

    Differs from torch: ``StepLR(step_size=every, gamma=gamma)`` gives the same
    factors, and counts epochs if it is stepped once per epoch.

    Chapter: gradient_descent.
    """
    check_real("step", step, low=0)
    check_int("every", every, 1)
    check_real("gamma", gamma, above=0)
    return float(gamma) ** (step // every)


def accumulate_gradients(model, loss, X, y, batch_size):
    r"""Leave in ``p.grad`` the gradient of all rows, with only ``batch_size``
    rows in memory at a time.

    .. math::
        \nabla L = \sum_k \frac{m_k}{n}\, \nabla L_k, \qquad L_k =
        \frac{1}{m_k} \sum_{i \text{ in part } k} \ell_i

    Args:
        model: an ``nn.Module`` that treats each row by itself: no batch norm in
            training mode.
        loss: function of (output, target), the mean over its rows.
        X: inputs (n, …).
        y: targets (n, …).
        batch_size: rows per part, in 1 … n; the last part may be smaller.

    Returns:
        The mean loss over all rows, a float.

    Raises:
        ValueError: if ``X`` and ``y`` differ in length or ``batch_size`` is not
            in 1 … n.

    Example:
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> X, mean_error = (
        ...     torch.arange(5.0).unsqueeze(1),
        ...     lambda output, y: (output - y).mean(),
        ... )
        >>> value = accumulate_gradients(
        ...     model, mean_error, X, torch.zeros(5, 1), batch_size=2
        ... )
        >>> round(model.weight.grad.item(), 6)
        2.0

    Chapter: gradient_descent.
    """
    _check_tensor("X", X)
    _check_tensor("y", y)
    if len(X) != len(y):
        raise ValueError(
            f"X has {len(X)} rows and y has {len(y)}; they must agree"
        )
    check_int("batch_size", batch_size, 1, len(X))
    model.zero_grad()
    total = 0.0
    parts = zip(X.split(batch_size), y.split(batch_size), strict=True)
    for part, target in parts:
        share = len(part) / len(X) * loss(model(part), target)
        # adds to p.grad, and frees the activations of this part
        share.backward()
        total += share.item()
    return total


def sharpness(loss, params, start, iterations=20):
    r"""Sharpness of a loss: the Hessian's eigenvalue of largest size, of either
    sign, by power iteration.

    .. math::
        \mathbf{v} \leftarrow \frac{\nabla^2 L\,\mathbf{v}}{\lVert\nabla^2
        L\,\mathbf{v}\rVert_2}, \qquad
        \lambda \approx \mathbf{v}^\top\, \nabla^2 L\, \mathbf{v}

    Each product of Hessian and vector costs about two gradients; the Hessian
    itself is never formed. Where it is zero, the result is 0 and the vector
    stays.

    Args:
        loss: function of a dict of tensors such as ``params``; returns a scalar
            tensor.
        params: dict of name and tensor.
        start: dict of the same form, not zero and not orthogonal to the
            eigenvector, such as random numbers or an earlier result.
        iterations: at least 1.

    Returns:
        The eigenvalue, a scalar tensor, and the last vector, a dict: the start
        for the next call.

    Raises:
        ValueError: if the names or the shapes of ``start`` and ``params``
            differ.

    Example:
        >>> value, _ = sharpness(
        ...     lambda p: (
        ...         p["w"] @ torch.diag(torch.tensor([1.0, 3.0])) @ p["w"] / 2
        ...     ),
        ...     {"w": torch.zeros(2)},
        ...     {"w": torch.ones(2)},
        ... )
        >>> round(value.item(), 4)
        3.0

    Chapter: gradient_descent.
    """
    if {k: t.shape for k, t in params.items()} != {
        k: t.shape for k, t in start.items()
    }:
        raise ValueError(
            f"start must have the names and shapes of params, got {list(start)}"
            f" for {list(params)}"
        )
    check_int("iterations", iterations, 1)
    # the Hessian is symmetric, so v H is H v
    _, product = torch.func.vjp(torch.func.grad(loss), params)
    v = start
    for _ in range(iterations):
        length = torch.stack([each.norm() for each in v.values()]).norm()
        v = {name: each / length for name, each in v.items()}
        (image,) = product(v)
        value = sum((v[name] * image[name]).sum() for name in v)
        flat = sum(each.abs().sum() for each in image.values()) == 0
        v = {name: v[name].where(flat, image[name]) for name in v}
    return value, v


def critical_point(hessian, tolerance=1e-6):
    r"""Say what a point with gradient zero is, from the signs of the Hessian's
    eigenvalues.

    All above zero: a minimum. All below: a maximum. Both signs: a saddle. Else
    the second derivative does not tell.

    Args:
        hessian: symmetric matrix, shape (d, d).
        tolerance: eigenvalues up to this size count as zero.

    Returns:
        ``"minimum"``, ``"maximum"``, ``"saddle"`` or ``"undecided"``.

    Raises:
        ValueError: if the matrix is not square or not symmetric.

    Example:
        >>> critical_point(torch.diag(torch.tensor([1.0, -1.0])))
        'saddle'

    Chapter: gradient_descent.
    """
    _check_tensor("hessian", hessian, 2)
    check_solvable("hessian", hessian)
    if hessian.shape[0] != hessian.shape[1] or not torch.allclose(
        hessian, hessian.mT
    ):
        raise ValueError(
            "hessian must be a symmetric matrix, got shape"
            f" {tuple(hessian.shape)}"
        )
    values = torch.linalg.eigvalsh(hessian)
    if (values < -tolerance).any() and (values > tolerance).any():
        return "saddle"
    if (values.abs() <= tolerance).any():
        return "undecided"
    return "minimum" if values[0] > 0 else "maximum"


def _step_cases(generator):
    """Five weights, data sets, batches of row numbers and learning rates."""

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return [
        (
            draw(3),
            draw(12, 3),
            draw(12),
            minibatches(12, 4, generator)[0],
            0.1 * i,
        )
        for i in range(1, 6)
    ]


def _pull(w, X, y, rows):
    return X[rows].T @ (X[rows] @ w - y[rows])


def check_minibatch_step(attempt):
    r"""Exercise: ``attempt(w, X, y, rows, lr)`` returns the weights after one
    step on the rows ``rows``.

    The loss of a row is :math:`\frac12 (\mathbf{x}_i^\top\mathbf{w} - y_i)^2`,
    that of a batch their mean.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_minibatch_step(
        ...     lambda w, X, y, rows, lr: w - lr * X.T @ (X @ w - y) / len(X)
        ... )
        ✗ Not yet: this is the step of all rows: use X[rows] and y[rows].

    Chapter: gradient_descent.
    """
    return check(
        attempt,
        lambda w, X, y, rows, lr: w - lr * _pull(w, X, y, rows) / len(rows),
        _step_cases,
        {
            "this is the step of all rows: use X[rows] and y[rows]": (
                lambda w, X, y, rows, lr: w - lr * X.T @ (X @ w - y) / len(X)
            ),
            "a batch's loss is a mean: divide by len(rows)": (
                lambda w, X, y, rows, lr: w - lr * _pull(w, X, y, rows)
            ),
            "divide by the rows of the batch, not by all rows": (
                lambda w, X, y, rows, lr: w - lr * _pull(w, X, y, rows) / len(X)
            ),
            "the loss of a row has a half in front, so its slope has no 2": (
                lambda w, X, y, rows, lr: (
                    w - 2 * lr * _pull(w, X, y, rows) / len(rows)
                )
            ),
            "a step goes against the gradient: mind its sign": (
                lambda w, X, y, rows, lr: (
                    w + lr * _pull(w, X, y, rows) / len(rows)
                )
            ),
            "this is the gradient, not the weights": lambda w, X, y, rows, lr: (
                _pull(w, X, y, rows) / len(rows)
            ),
        },
    )


def check_accumulate(attempt):
    """Exercise: ``attempt(gradients, sizes)`` joins mean gradients of parts of
    different size into that of all rows.

    Args:
        attempt: the reader's function; ``gradients`` has shape (parts, d),
            ``sizes`` shape (parts,).

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_accumulate(
        ...     lambda gradients, sizes: gradients.mean(0)
        ... )
        ✗ Not yet: a part with fewer rows counts for less: weight each gradient
        by its size.

    Chapter: gradient_descent.
    """
    return check(
        attempt,
        lambda gradients, sizes: (
            (sizes.unsqueeze(1) * gradients).sum(0) / sizes.sum()
        ),
        lambda generator: [
            (
                torch.randn(3, 4, generator=generator, dtype=torch.float64),
                torch.tensor([32.0, 32.0, last]).double(),
            )
            for last in (4.0, 16.0, 31.0)
        ],
        {
            (
                "a part with fewer rows counts for less:"
                " weight each gradient by its size"
            ): lambda g, sizes: g.mean(0),
            "divide by the number of rows at the end": (
                lambda g, sizes: (sizes.unsqueeze(1) * g).sum(0)
            ),
            "this adds the mean gradients; their weighted mean is wanted": (
                lambda g, sizes: g.sum(0)
            ),
        },
        library=(accumulate_gradients,),
    )


def check_limit_by_hand(answer):
    r"""Exercise by hand: the learning rate from which on gradient descent on
    :math:`f(w) = 3w^2` fails to converge.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_limit_by_hand(2 / 3)
        ✗ Not yet: the curvature is the second derivative, 6, not the factor 3.

    Chapter: gradient_descent.
    """
    return check_number(
        answer,
        1 / 3,
        tolerance=0.004,  # 0.33 will do
        mistakes={
            2 / 3: (
                "the curvature is the second derivative, 6, not the factor 3"
            ),
            1 / 6: (
                "at 1/6 one step lands on the minimum; the limit is twice that"
            ),
            6: "6 is the curvature; the limit is 2 divided by it",
            3: "that is 6 / 2; the limit is 2 / 6",
        },
    )
