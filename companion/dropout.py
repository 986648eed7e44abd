r"""Chapter *dropout*: units that are missing at random while a network learns.

Ordered from the mask to the module, the penalty it amounts to, and predictions
averaged over masks; the checks of the chapter's exercises come last.
"""

import math
from contextlib import contextmanager
from numbers import Real

import torch
from torch import nn

from companion.arguments import (
    check_floats,
    check_int,
    check_seed,
    check_solvable,
    check_tensor,
    mapped,
    surely,
)
from companion.checks import check, check_number
from companion.data import check_regression

__all__ = [
    "Dropout",
    "HasProbability",
    "check_dropout",
    "check_mc_mean",
    "check_ridge_strength",
    "check_survivor",
    "dropout",
    "dropout_ridge",
    "dropping",
    "entropy",
    "expected_squared_error",
    "mc_predict",
    "mutual_information",
]


def _check_probability(p, below_one=False):
    if isinstance(p, torch.Tensor):
        if p.ndim:
            raise ValueError(
                f"p must be one number, got a tensor of shape {tuple(p.shape)}"
            )
        if mapped(p):
            return
        p = p.item()
    if isinstance(p, bool) or not isinstance(p, Real):
        raise TypeError(f"p must be a number, got {type(p).__name__}")
    if not 0 <= p <= 1 or (below_one and p == 1):
        raise ValueError(
            f"p must be in [0, 1{')' if below_one else ']'}, got {p}"
        )


def dropout(x, p=0.5, training=True, inplace=False, generator=None):
    r"""Set each entry to zero with probability ``p`` and divide the others by
    :math:`1 - p`.

    .. math::
        \tilde h_i = \frac{\xi_i}{1 - p}\, h_i, \qquad \xi_i = \begin{cases}
            0 & \text{with probability } p \\ 1 & \text{with probability } 1 -
            p \end{cases}

    so that :math:`\operatorname{E}\tilde h_i = h_i` and
    :math:`\operatorname{Var}\tilde h_i = \frac{p}{1-p} h_i^2`.

    Args:
        x: :math:`h`, floating-point tensor of any shape.
        p: probability of a zero, in [0, 1]; a number, or a tensor without
            dimensions.
        training: whether to drop at all; if not, ``x`` comes back as it is,
            and no random number is drawn; so, too, if ``p`` is 0.
        inplace: change ``x`` itself.
        generator: source of randomness, on the device of ``x``; torch's global
            one if not given.

    Returns:
        Tensor of the shape, type and device of ``x``.

    Raises:
        ValueError: if ``p`` is outside [0, 1].
        TypeError: if ``x`` is not a floating-point tensor or ``p`` is not a
            number.

    Example:
        >>> dropout(
        ...     torch.ones(8),
        ...     p=0.75,
        ...     generator=torch.Generator().manual_seed(0),
        ... )
        tensor([0., 4., 0., 0., 0., 0., 0., 4.])

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014);
    here inverted, as in torch.

    Differs from torch: equal in distribution, with other random numbers; takes
    a generator.

    Chapter: dropout.
    """
    check_floats("x", x)
    _check_probability(p)
    if not training or surely(p == 0):
        return x
    p = torch.as_tensor(p, dtype=torch.float64, device=x.device)
    where = {"generator": generator, "device": x.device}
    chance = torch.rand(x.shape, dtype=torch.float32, **where)  # in [0, 1)
    scale = (1 / (1 - p)).to(x.dtype)
    # chosen, not multiplied: p = 1 gives 0 · ∞
    mask = torch.where(chance >= p, scale, 0.0)
    return x.mul_(mask) if inplace else x * mask


class HasProbability(nn.Module):
    """A module with one probability ``p``: a buffer, so that
    :func:`companion.training.fit_many` can train a grid of it, but one that
    keeps its value in float64 whatever becomes of the model's type and device.

    Chapter: dropout.
    """

    def __setattr__(self, name, value):
        if name == "p":
            _check_probability(value)
            device = value.device if isinstance(value, torch.Tensor) else "cpu"
            value = torch.as_tensor(value, dtype=torch.float64, device=device)
            value = value.clone()
        super().__setattr__(name, value)

    def _apply(self, fn, recurse=True):
        return self


class Dropout(HasProbability):
    r""":func:`dropout` as a module that obeys ``train()`` and ``eval()``.

    ``p`` is a buffer, so that :func:`companion.training.fit_many` can train a
    grid of it. It is left out of the ``state_dict``, which is that of
    ``torch.nn.Dropout``, and stays as it is when the model changes its type or
    device.

    Args:
        p: probability of a zero, in [0, 1].
        inplace: change the input itself.

    Raises:
        ValueError: if ``p`` is outside [0, 1].
        TypeError: if ``p`` is not a number.

    Example:
        >>> layer = Dropout(0.5)
        >>> sorted(set(layer(torch.ones(1000)).tolist()))
        [0.0, 2.0]
        >>> bool((layer.eval()(torch.ones(1000)) == 1).all())
        True

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014).

    Differs from torch: ``p`` is a tensor.

    Chapter: dropout.
    """

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        self.register_buffer("p", None, persistent=False)
        self.p, self.inplace = p, inplace

    def forward(self, x):
        """Drop while training, pass on otherwise.

        Args:
            x: floating-point tensor of any shape.

        Returns:
            Tensor of the same shape.

        Example:
            >>> Dropout(1.0)(torch.ones(2))
            tensor([0., 0.])
        """
        return dropout(x, self.p, self.training, self.inplace)

    def extra_repr(self):
        """Show ``p`` when the module is printed.

        Returns:
            A string.

        Example:
            >>> Dropout(0.1)
            Dropout(p=0.1)
        """
        return f"p={self.p.item():g}" + ", inplace=True" * self.inplace


def expected_squared_error(X, y, w, p):
    r"""Squared error of a linear model with dropout on its inputs, averaged
    over all masks.

    .. math::
        \operatorname{E}\,\frac1n \lVert y - \tilde X w\rVert_2^2
            = \frac1n \lVert y - Xw\rVert_2^2 + \frac{p}{1-p} \sum_j
            \Bigl(\frac1n\sum_i x_{ij}^2\Bigr) w_j^2

    Args:
        X: inputs (…, n, d); leading dimensions are separate problems.
        y: targets (…, n).
        w: weights (…, d).
        p: probability of a zero, in [0, 1).

    Returns:
        Tensor (…), in the unit of ``y`` squared.

    Raises:
        ValueError: for shapes that do not fit, values that are not finite, or
            ``p`` outside [0, 1).

    Example:
        >>> X, y, w = torch.ones(1, 1), torch.zeros(1), torch.ones(1)
        >>> expected_squared_error(  # the prediction is 0 or 2
        ...     X, y, w, p=0.5
        ... ).item()
        2.0

    Source: Srivastava et al. (2014), the section on marginalizing dropout.

    Chapter: dropout.
    """
    check_regression(X, y)
    if w.shape != X.shape[:-2] + X.shape[-1:]:
        raise ValueError(
            f"w must be (…, d) for X of shape {tuple(X.shape)}, got"
            f" {tuple(w.shape)}"
        )
    _check_probability(p, below_one=True)
    p = torch.as_tensor(p, dtype=torch.float64).to(X)
    fit = (y - (X @ w.unsqueeze(-1)).squeeze(-1)).square().mean(-1)
    return fit + p / (1 - p) * (X.square().mean(-2) * w.square()).sum(-1)


def dropout_ridge(X, y, p):
    r"""Minimiser of :func:`expected_squared_error`: ridge regression, each
    weight charged by its input's size.

    .. math::
        \hat w = \Bigl(X^\top X + \frac{p}{1-p} \operatorname{diag}(X^\top
        X)\Bigr)^{-1} X^\top y

    Args:
        X: inputs (…, n, d); leading dimensions are separate problems. With ``p
            = 0`` the columns must be independent; with ``p`` above 0 none may
            be all zero.
        y: targets (…, n).
        p: probability of a zero, in [0, 1).

    Returns:
        Weights (…, d).

    Raises:
        ValueError: for shapes that do not fit, values that are not finite, or
            ``p`` outside [0, 1).

    Example:
        >>> dropout_ridge(torch.eye(2), torch.tensor([2.0, 4.0]), p=0.5)
        tensor([1., 2.])

    Source: Srivastava et al. (2014), the section on marginalizing dropout;
    Wager, Wang and Liang (2013).

    Chapter: dropout.
    """
    check_regression(X, y)
    check_solvable("X", X)
    _check_probability(p, below_one=True)
    p = torch.as_tensor(p, dtype=torch.float64).to(X)
    gram, product = X.mT @ X, X.mT @ y.unsqueeze(-1)
    diagonal = torch.diag_embed(gram.diagonal(dim1=-2, dim2=-1))
    penalty = p / (1 - p) * diagonal
    return torch.linalg.solve(gram + penalty, product).squeeze(-1)


@contextmanager
def dropping(model):
    r"""Within the context, the dropout layers of a model drop and all else is
    in evaluation mode: batch normalization, for one, must not learn.
    Afterwards every module is in the mode it was in.

    Args:
        model: an ``nn.Module`` with :class:`Dropout` or torch's dropout layers.

    Raises:
        ValueError: if the model has no dropout layer.

    Example:
        >>> layer = Dropout(1.0).eval()
        >>> with dropping(layer):
        ...     layer(torch.ones(1)).item()
        0.0
        >>> layer(torch.ones(1)).item()
        1.0

    Chapter: dropout.
    """
    units = Dropout | nn.Dropout | nn.AlphaDropout
    maps = nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.FeatureAlphaDropout
    modes = {module: module.training for module in model.modules()}
    layers = [module for module in modes if isinstance(module, units | maps)]
    if not layers:
        raise ValueError(
            f"model must have a dropout layer, got {type(model).__name__}"
            " without one"
        )
    try:
        model.eval()
        for layer in layers:
            layer.train()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def mc_predict(model, X, samples=50, seed=0):
    r"""Outputs of a network under many random masks, for Monte-Carlo averages.

    Args:
        model: an ``nn.Module`` with :class:`Dropout` or ``torch.nn.Dropout``
            layers, which alone are :func:`dropping`.
        X: inputs (N, …).
        samples: number of masks for each row, at least 1.
        seed: seed of the masks.

    Returns:
        Tensor (samples, N, …), without gradient.

    Raises:
        ValueError: if the model has no dropout layer, ``samples`` is below 1
            or ``seed`` is not from 0 to 2**32 − 1.
        TypeError: if ``samples`` or ``seed`` is no int or ``X`` no tensor.

    Example:
        >>> outputs = mc_predict(Dropout(0.5), torch.ones(3, 2), samples=10_000)
        >>> outputs.shape, round(outputs.mean().item(), 1)
        (torch.Size([10000, 3, 2]), 1.0)

    Source: Gal and Ghahramani (2016).

    Chapter: dropout.
    """
    check_int("samples", samples)
    check_tensor("X", X)
    check_seed("seed", seed)
    copies = X.expand(samples, *X.shape).flatten(0, 1)
    devices = range(torch.cuda.device_count())
    with dropping(model), torch.random.fork_rng(devices), torch.no_grad():
        torch.manual_seed(seed)
        return model(copies).unflatten(0, (samples, len(X)))


def entropy(probabilities):
    r"""Entropy of each row of class probabilities.

    .. math::
        H(q) = -\sum_k q_k \ln q_k

    Args:
        probabilities: :math:`q`, shape (…, K), rows that sum to 1.

    Returns:
        Tensor (…), in nats, between 0 and ln K.

    Example:
        >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
        tensor([0.0000, 0.6931])

    Chapter: dropout.
    """
    check_floats("probabilities", probabilities)
    return torch.special.entr(probabilities).sum(-1)


def mutual_information(probabilities):
    r"""How much the predictions of many masks disagree: entropy of their mean
    minus mean of their entropies.

    .. math::
        I = H\Bigl(\frac1k\sum_{s=1}^{k} q_s\Bigr) - \frac1k\sum_{s=1}^{k}
        H(q_s)

    Args:
        probabilities: :math:`q_s`, shape (k, …, K), rows that sum to 1.

    Returns:
        Tensor (…), in nats, at least 0; 0 if all masks agree.

    Example:
        >>> mutual_information(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]))
        tensor([0.6931])

    Source: Gal and Ghahramani (2016) for the masks; Houlsby, Huszár, Ghahramani
    and Lengyel (2011) for the quantity.

    Chapter: dropout.
    """
    return entropy(probabilities.mean(0)) - entropy(probabilities).mean(0)


def check_dropout(attempt):
    """Exercise: ``attempt(x, u, p, training)`` returns x after inverted
    dropout.

    ``u`` holds uniform random numbers in [0, 1), one per entry; an entry is
    dropped where ``u < p``.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_dropout(
        ...     lambda x, u, p, training: x * (u >= p) if training else x
        ... )
        ✗ Not yet: the survivors must grow by 1/(1 − p), or the mean shrinks to
        (1 − p) of what it was.

    Chapter: dropout.
    """

    def masked(factor, when_off=lambda x, p: x):
        return lambda x, u, p, training: (
            x * (u >= p) * factor(p) if training else when_off(x, p)
        )

    def cases(generator):
        draw = lambda: torch.rand(6, generator=generator)  # noqa: E731
        settings = [
            (0.0, True),
            (0.2, True),
            (0.5, True),
            (0.5, False),
            (0.75, True),
            (0.75, False),
        ]
        return [(draw() + 0.5, draw(), p, training) for p, training in settings]

    return check(
        attempt,
        masked(lambda p: 1 / (1 - p)),
        cases,
        {
            (
                "the survivors must grow by 1/(1 − p),"
                " or the mean shrinks to (1 − p) of what it was"
            ): masked(lambda p: 1),
            "without training nothing is dropped": (
                lambda x, u, p, training: x * (u >= p) / (1 - p)
            ),
            (
                "the training mask already rescales,"
                " so evaluation must not scale by 1 − p again"
            ): masked(lambda p: 1 / (1 - p), lambda x, p: x * (1 - p)),
            (
                "without rescaling in training, evaluation could scale by"
                " 1 − p; inverted dropout rescales in training"
            ): masked(lambda p: 1, lambda x, p: x * (1 - p)),
            "p is the probability of a zero: keep an entry where u ≥ p": (
                lambda x, u, p, training: (
                    x * (u < p) / (1 - p) if training else x
                )
            ),
            "multiply by 1/(1 − p), not by 1 − p": masked(lambda p: 1 - p),
            "divide by the probability of being kept, 1 − p, not by p": masked(
                lambda p: 1 / p if p else math.inf
            ),
        },
    )


def check_survivor(answer):
    """Exercise by hand: a unit has the value 3 and p is 0.25. What is its value
    when it survives?

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_survivor(3)
        ✗ Not yet: with survivors of 3 the mean would be 0.75 · 3 = 2.25, not 3.

    Chapter: dropout.
    """
    return check_number(
        answer,
        4.0,
        {
            3.0: "with survivors of 3 the mean would be 0.75 · 3 = 2.25, not 3",
            2.25: "the survivor grows: divide by 1 − p, do not multiply",
            12.0: "divide by the probability of being kept, 0.75, not by p",
            0.75: "that multiplies by p; divide by 1 − p",
        },
    )


def check_ridge_strength(answer):
    r"""Exercise by hand: every input has mean square 1 and p is 0.2; which
    :math:`\lambda\lVert w\rVert^2` is dropout?

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_ridge_strength(0.2)
        ✗ Not yet: the variance of a dropped input of size 1 is p/(1 − p), not
        p.

    Chapter: dropout.
    """
    return check_number(
        answer,
        0.25,
        {
            0.2: (
                "the variance of a dropped input of size 1 is p/(1 − p), not p"
            ),
            0.16: (
                "p(1 − p) is the variance without the rescaling; divide it by"
                " (1 − p)²"
            ),
            1.25: (
                "that is the factor of the survivors; their mean square is 1/(1"
                " − p), the variance is 1 less"
            ),
            4.0: "this is (1 − p)/p, upside down",
        },
    )


def check_mc_mean(attempt):
    """Exercise: ``attempt(logits)`` turns logits of shape (samples, N, K) into
    mean probabilities of shape (N, K).

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_mc_mean(lambda logits: logits.mean(0).softmax(-1))
        ✗ Not yet: average the probabilities, not the logits: softmax first,
        then the mean over masks.

    Chapter: dropout.
    """
    return check(
        attempt,
        lambda logits: logits.softmax(-1).mean(0),
        lambda generator: [
            (3 * torch.randn(5, 4, 3, generator=generator),) for _ in range(4)
        ],
        {
            (
                "average the probabilities, not the logits: softmax first,"
                " then the mean over masks"
            ): lambda logits: logits.mean(0).softmax(-1),
            "the classes are the last dimension: softmax(-1)": lambda logits: (
                logits.softmax(0).mean(0)
            ),
            "the masks are the first dimension: take the mean over it": (
                lambda logits: logits.softmax(-1).mean(1)
            ),
            "divide by the number of masks: a mean, not a sum": lambda logits: (
                logits.softmax(-1).sum(0)
            ),
            "this is the prediction of one mask": (
                lambda logits: logits[0].softmax(-1)
            ),
        },
    )
