r"""Chapter *gradients*: why gradients vanish and explode with depth, how to see
it, and what helps.

Ordered from activation functions to the scalar chain, the two gradients of a
layer, products of Jacobians, clipping, probes for any network, residual blocks
and a recurrent network; the checks of the chapter's exercises come last.
"""

import math
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Real

import torch
from torch import nn

from companion.arguments import at_least_float32, check_floats, check_int
from companion.checks import check, check_number
from companion.data import generator

__all__ = [
    "RecurrentNet",
    "Residual",
    "Signal",
    "adding_problem",
    "autocorrelation",
    "chain_derivative",
    "check_chain_by_hand",
    "check_clipping",
    "check_silu_derivative",
    "clip_grad_norm_",
    "clip_grad_value_",
    "elu_derivative",
    "gelu_derivative",
    "gradients_of",
    "leaky_relu_derivative",
    "log10_norm_of_product",
    "probe",
    "relu_derivative",
    "sigmoid_derivative",
    "silu_derivative",
    "softmax_jacobian",
    "tanh_derivative",
    "weight_gradient",
]


def _check_not_negative(name, value):
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not value >= 0:
        raise ValueError(f"{name} must be at least 0, got {value}")


def sigmoid_derivative(z):
    r"""Derivative of the logistic function: at most 1/4, at :math:`z = 0`.

    .. math::
        \sigma'(z) = \sigma(z)\,(1 - \sigma(z)) = \sigma(z)\,\sigma(-z) \in (0,
        \tfrac14]

    Args:
        z: tensor of any shape.

    Returns:
        Tensor of the shape of ``z``.

    Raises:
        TypeError: if ``z`` is not a floating-point tensor.

    Example:
        >>> sigmoid_derivative(torch.tensor([0.0, 4.0]))
        tensor([0.2500, 0.0177])

    Chapter: gradients.
    """
    check_floats("z", z)
    # 1 - sigmoid(z) would round to 0 for large z
    return torch.sigmoid(z) * torch.sigmoid(-z)


def tanh_derivative(z):
    r"""Derivative of tanh: at most 1, at :math:`z = 0`.

    .. math::
        \tanh'(z) = 1 - \tanh^2(z) = \frac{1}{\cosh^2(z)} \in (0, 1]

    Args:
        z: tensor of any shape.

    Returns:
        Tensor of the shape of ``z``.

    Raises:
        TypeError: if ``z`` is not a floating-point tensor.

    Example:
        >>> tanh_derivative(torch.tensor([0.0, 2.0]))
        tensor([1.0000, 0.0707])

    Chapter: gradients.
    """
    check_floats("z", z)
    return torch.cosh(z) ** -2  # 1 - tanh² would round to 0 for large z


def relu_derivative(z):
    r"""Derivative of ReLU: 1 or 0. At :math:`z = 0`, where there is none, 0 as
    in PyTorch.

    .. math::
        \operatorname{relu}'(z) = \mathbb{1}[z > 0]

    Args:
        z: tensor of any shape.

    Returns:
        Tensor of the shape of ``z``.

    Raises:
        TypeError: if ``z`` is not a floating-point tensor.

    Example:
        >>> relu_derivative(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 1.])

    Chapter: gradients.
    """
    check_floats("z", z)
    return (z > 0).to(z.dtype)


def leaky_relu_derivative(z, negative_slope=0.01):
    r"""Derivative of leaky ReLU: never zero, so no unit dies.

    .. math::
        \operatorname{leaky}'(z) = 1 \text{ if } z > 0 \text{, else } \alpha

    Args:
        z: tensor of any shape.
        negative_slope: :math:`\alpha`.

    Returns:
        Tensor of the shape of ``z``.

    Raises:
        TypeError: if ``z`` is not a floating-point tensor.

    Example:
        >>> leaky_relu_derivative(torch.tensor([-1.0, 2.0]))
        tensor([0.0100, 1.0000])

    Chapter: gradients.
    """
    check_floats("z", z)
    return torch.ones_like(z).where(z > 0, negative_slope)


def elu_derivative(z, alpha=1.0):
    r"""Derivative of ELU.

    .. math::
        \operatorname{elu}'(z) = 1 \text{ if } z > 0 \text{, else } \alpha e^{z}

    Args:
        z: tensor of any shape.
        alpha: :math:`\alpha`.

    Returns:
        Tensor of the shape of ``z``.

    Raises:
        TypeError: if ``z`` is not a floating-point tensor.

    Example:
        >>> elu_derivative(torch.tensor([-1.0, 2.0]))
        tensor([0.3679, 1.0000])

    Source: Clevert, Unterthiner and Hochreiter (2016).

    Chapter: gradients.
    """
    check_floats("z", z)
    return torch.ones_like(z).where(z > 0, alpha * z.clamp(max=0).exp())


def gelu_derivative(z):
    r"""Derivative of GELU, :math:`z\,\Phi(z)` with the normal distribution
    function :math:`\Phi`: at most 1.1289.

    .. math::
        \operatorname{gelu}'(z) = \Phi(z) + z\,\frac{e^{-z^2/2}}{\sqrt{2\pi}}

    Args:
        z: tensor of any shape.

    Returns:
        Tensor of the shape of ``z``.

    Raises:
        TypeError: if ``z`` is not a floating-point tensor.

    Example:
        >>> gelu_derivative(torch.tensor([0.0, 2**0.5]))
        tensor([0.5000, 1.1289])

    Source: Hendrycks and Gimpel (2016).

    Chapter: gradients.
    """
    check_floats("z", z)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    return torch.special.ndtr(z) + z * density


def silu_derivative(z):
    r"""Derivative of SiLU, :math:`z\,\sigma(z)`: at most 1.0998.

    .. math::
        \operatorname{silu}'(z) = \sigma(z) + z\,\sigma'(z)

    Args:
        z: tensor of any shape.

    Returns:
        Tensor of the shape of ``z``.

    Raises:
        TypeError: if ``z`` is not a floating-point tensor.

    Example:
        >>> silu_derivative(torch.tensor([0.0, 2.4]))
        tensor([0.5000, 1.0998])

    Source: Elfwing, Uchibe and Doya (2018).

    Chapter: gradients.
    """
    return torch.sigmoid(z) + z * sigmoid_derivative(z)


def chain_derivative(w, b, depth, a=0.5):
    r"""Derivative of a chain of sigmoid units, one per layer, all with weight
    ``w`` and bias ``b``.

    .. math::
        z_l = w\,a_{l-1} + b, \qquad a_l = \sigma(z_l), \qquad
        \frac{\partial a_L}{\partial a_0} = \prod_{l=1}^{L} w\,\sigma'(z_l)

    Args:
        w: weight, a number or a tensor that broadcasts against ``b`` and ``a``.
        b: bias, likewise.
        depth: number of layers :math:`L \ge 1`.
        a: input :math:`a_0`, likewise.

    Returns:
        The derivative, float64.

    Raises:
        ValueError: if ``depth`` is below 1.

    Example:
        >>> chain_derivative(4.0, -2.0, depth=20).item()
        1.0

    Source: Bengio, Simard and Frasconi (1994), for the product.

    Chapter: gradients.
    """
    check_int("depth", depth)

    w, b, a = (torch.as_tensor(v, dtype=torch.float64) for v in (w, b, a))
    slope = torch.ones_like(w)
    for _ in range(depth):
        z = w * a + b
        slope = slope * w * sigmoid_derivative(z)
        a = torch.sigmoid(z)
    return slope


def weight_gradient(delta, h):
    r"""Gradient of a layer's weights: the message that comes back to the layer,
    times what the layer was given.

    .. math::
        \frac{\partial L}{\partial\mathbf{W}} = \boldsymbol{\Delta}^\top
        \mathbf{H}, \qquad \text{for one row } \boldsymbol{\delta}\,
        \mathbf{h}^\top

    Args:
        delta: gradient of the loss with respect to the layer's output
            :math:`\mathbf{z} = \mathbf{W}\mathbf{h} + \mathbf{b}`, one row
            per example, shape (…, N, n_out).
        h: the layer's input, shape (…, N, n_in).

    Returns:
        Tensor (…, n_out, n_in), shaped like ``nn.Linear.weight``.

    Raises:
        TypeError: if ``delta`` or ``h`` is not a floating-point tensor.
        ValueError: if they have not the same number of rows.

    Example:
        >>> weight_gradient(
        ...     torch.tensor([[0.5, 0.0]]), torch.tensor([[1.0, 2.0, 4.0]])
        ... )
        tensor([[0.5000, 1.0000, 2.0000],
                [0.0000, 0.0000, 0.0000]])

    Source: Rumelhart, Hinton and Williams (1986).

    Chapter: gradients.
    """
    check_floats("delta", delta, dims=2)
    check_floats("h", h, dims=2)
    if delta.shape[:-1] != h.shape[:-1]:
        raise ValueError(
            f"h must have as many rows as delta, got {tuple(h.shape)} for"
            f" {tuple(delta.shape)}"
        )
    return delta.mT @ h


def softmax_jacobian(q):
    r"""Jacobian of the softmax at the point where it returns ``q``. Its
    spectral norm is at most 1/2.

    .. math::
        \frac{\partial q_i}{\partial z_j} = q_i\,(\delta_{ij} - q_j), \qquad
        \mathbf{J} = \operatorname{diag}(\mathbf{q}) - \mathbf{q}\mathbf{q}^\top

    Args:
        q: probabilities (…, K), each row sums to 1.

    Returns:
        Tensor (…, K, K).

    Raises:
        TypeError: if ``q`` is not a floating-point tensor.
        ValueError: if ``q`` has no dimension.

    Example:
        >>> softmax_jacobian(torch.tensor([0.5, 0.5]))
        tensor([[ 0.2500, -0.2500],
                [-0.2500,  0.2500]])

    Chapter: gradients.
    """
    check_floats("q", q)
    if q.ndim == 0:
        raise ValueError(f"q must have shape (…, K), got {tuple(q.shape)}")
    return torch.diag_embed(q) - q.unsqueeze(-1) * q.unsqueeze(-2)


def log10_norm_of_product(factors):
    r"""Logarithm of the spectral norm of a product of matrices: what a gradient
    meets on its way through many layers.

    .. math::
        \log_{10} \lVert \mathbf{J}_T \cdots \mathbf{J}_2\,\mathbf{J}_1 \rVert_2

    Args:
        factors: matrices :math:`\mathbf{J}_1, \dots, \mathbf{J}_T`, shape (T,
            …, n, n).

    Returns:
        Tensor (…); it neither under- nor overflows, since the product is
        rescaled at every step.

    Raises:
        TypeError: if ``factors`` is not a floating-point tensor.
        ValueError: if ``factors`` does not hold square matrices.

    Example:
        >>> log10_norm_of_product(  # 0.1**500 is no float
        ...     0.1 * torch.eye(3).expand(500, 3, 3)
        ... ).item()
        -500.0

    Source: Pascanu, Mikolov and Bengio (2013), for the product.

    Chapter: gradients.
    """
    check_floats("factors", factors)
    if (
        factors.ndim < 3
        or factors.shape[-1] != factors.shape[-2]
        or not len(factors)
    ):
        raise ValueError(
            "factors must have shape (T, …, n, n) with T at least 1, got"
            f" {tuple(factors.shape)}"
        )
    product = torch.eye(factors.shape[-1]).to(factors)
    log10 = 0.0
    for factor in factors:
        product = factor @ product
        size = product.abs().amax((-2, -1), keepdim=True)
        product = product / size.where(size > 0, 1.0)
        log10 = log10 + size.log10()
    log10, size = log10[..., 0, 0], size[..., 0, 0]
    norm = torch.linalg.matrix_norm(product, ord=2)
    return log10 + norm.where(size > 0, 1.0).log10()


def gradients_of(parameters):
    r"""List the gradients of parameters; those that have none are left out.

    Args:
        parameters: one tensor or an iterable of tensors.

    Returns:
        List of tensors: the gradients themselves, no copies.

    Raises:
        TypeError: if a parameter is not a tensor.

    Example:
        >>> w, b = torch.ones(2, requires_grad=True), torch.ones(1)
        >>> (3 * w).sum().backward()
        >>> gradients_of([w, b])
        [tensor([3., 3.])]

    Chapter: gradients.
    """
    if isinstance(parameters, torch.Tensor):
        parameters = [parameters]
    gradients = []
    for parameter in parameters:
        if not isinstance(parameter, torch.Tensor):
            raise TypeError(
                f"parameters must hold tensors, got {type(parameter).__name__}"
            )
        if parameter.grad is not None:
            gradients.append(parameter.grad)
    return gradients


@torch.no_grad()
def clip_grad_norm_(
    parameters, max_norm, norm_type=2.0, error_if_nonfinite=False
):
    r"""Shorten the whole gradient to length ``max_norm`` where it is longer.
    Its direction stays.

    .. math::
        \mathbf{g} \leftarrow \min\Bigl(1,\; \frac{c}{\lVert\mathbf{g}\rVert +
        10^{-6}}\Bigr)\,\mathbf{g}

    with one norm over the gradients of all parameters together.

    Args:
        parameters: a tensor or an iterable of tensors; their ``grad`` is
            changed in place.
        max_norm: :math:`c \ge 0`, a number or a tensor with one entry.
        norm_type: which norm; ``inf`` or ``"inf"`` is the largest entry.
        error_if_nonfinite: raise an error if the norm is NaN or infinite,
            instead of making every gradient NaN or 0.

    Returns:
        The norm **before** clipping, a scalar tensor.

    Raises:
        ValueError: if ``max_norm`` is negative.
        RuntimeError: if ``error_if_nonfinite`` and the norm is NaN or infinite.

    Example:
        >>> w = torch.zeros(2, requires_grad=True)
        >>> w.grad = torch.tensor([3.0, 4.0])
        >>> clip_grad_norm_(w, max_norm=1.0).item(), w.grad
        (5.0, tensor([0.6000, 0.8000]))

    Source: Pascanu, Mikolov and Bengio (2013).

    Differs from torch: no ``foreach``; a negative ``max_norm`` is refused,
    where torch turns the gradient round.

    Chapter: gradients.
    """
    _check_not_negative("max_norm", max_norm)
    max_norm, norm_type = float(max_norm), float(norm_type)
    grads = gradients_of(parameters)
    if not grads:
        return torch.tensor(0.0)
    norms = [torch.linalg.vector_norm(grad, norm_type) for grad in grads]
    norms = torch.stack([norm.to(grads[0].device) for norm in norms])
    total = torch.linalg.vector_norm(norms, norm_type)
    if error_if_nonfinite and not total.isfinite():
        raise RuntimeError(
            f"the norm of the gradients is {total.item()}, so they cannot be"
            " clipped"
        )
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(factor.to(grad.device))
    return total


@torch.no_grad()
def clip_grad_value_(parameters, clip_value):
    r"""Cut every entry of the gradient to :math:`[-c, c]` on its own. The
    direction changes.

    .. math::
        g_i \leftarrow \min(\max(g_i, -c),\, c)

    Args:
        parameters: a tensor or an iterable of tensors; their ``grad`` is
            changed in place.
        clip_value: :math:`c \ge 0`, a number or a tensor with one entry.

    Raises:
        ValueError: if ``clip_value`` is negative.

    Example:
        >>> w = torch.zeros(2, requires_grad=True)
        >>> w.grad = torch.tensor([3.0, 0.5])
        >>> clip_grad_value_(w, clip_value=1.0)
        >>> w.grad
        tensor([1.0000, 0.5000])

    Differs from torch: no ``foreach``; a negative ``clip_value`` is refused.

    Chapter: gradients.
    """
    _check_not_negative("clip_value", clip_value)
    clip_value = float(clip_value)
    for grad in gradients_of(parameters):
        grad.clamp_(-clip_value, clip_value)


@dataclass
class Signal:
    """What :func:`probe` saw at one call of one layer.

    Attributes:
        name: the name of the layer in its model.
        output: a copy of what the layer returned, shape (N, …).
        gradient: the gradient of the loss with respect to that output, or
            ``None`` before ``backward``.

    Chapter: gradients.
    """

    name: str
    output: torch.Tensor
    gradient: torch.Tensor | None = None

    @property
    def gradient_norm(self):
        """Length of the gradient; NaN before ``backward``."""
        return (
            math.nan if self.gradient is None else self.gradient.norm().item()
        )


@contextmanager
def probe(model, kinds=nn.Module):
    """Record what every layer returns, and the gradient that reaches it, while
    a ``with`` block runs.

    The model is as it was after the block, also if the block ends in an error:
    every hook is removed.

    Args:
        model: any ``nn.Module``. Its innermost modules are watched.
        kinds: a class of modules, or a tuple of classes; others are not
            watched.

    Returns:
        A context that gives a list; each call of a watched layer adds its
        :class:`Signal`. Of layers that return a tuple, the first entry counts.

    Raises:
        TypeError: if ``model`` is not an ``nn.Module``.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> with probe(net) as signals:
        ...     net(torch.ones(5, 3)).sum().backward()
        >>> [(signal.name, tuple(signal.gradient.shape)) for signal in signals]
        [('0', (5, 2)), ('1', (5, 2)), ('2', (5, 1))]

    Chapter: gradients.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model must be an nn.Module, got {type(model).__name__}"
        )
    signals, hooks = [], []

    def record(name, module, inputs, output):
        output = output[0] if isinstance(output, tuple) else output
        if not isinstance(output, torch.Tensor):
            return
        signal = Signal(name, output.detach().clone())
        signals.append(signal)
        if output.requires_grad:
            hooks.append(output.register_hook(partial(keep, signal)))

    def keep(signal, gradient):
        signal.gradient = gradient.detach().clone()

    try:
        for name, module in model.named_modules():
            if isinstance(module, kinds) and not any(module.children()):
                hook = partial(record, name)
                hooks.append(module.register_forward_hook(hook))
        yield signals
    finally:
        for hook in hooks:
            hook.remove()


class Residual(nn.Module):
    r"""A block that adds its input to what its branch returns.

    .. math::
        \mathbf{h}^{(l)} = \mathbf{h}^{(l-1)} + \kappa\,
        f\bigl(\mathbf{h}^{(l-1)}\bigr), \qquad
        \frac{\partial\mathbf{h}^{(l)}}{\partial\mathbf{h}^{(l-1)}} =
        \mathbf{I} + \kappa\,\mathbf{J}_f

    Args:
        branch: :math:`f`, an ``nn.Module`` that keeps the shape of its input.
        scale: :math:`\kappa`, a number, or an ``nn.Parameter`` that is learned
            (ReZero starts it at ``torch.zeros(1)``).

    Raises:
        ValueError: when called, if the branch changes the shape.

    Example:
        >>> Residual(nn.ReLU())(torch.tensor([[-1.0, 2.0]]))
        tensor([[-1.,  4.]])

    Source: He, Zhang, Ren and Sun (2016); Bachlechner et al. (2021) for a
    learned scale.

    Chapter: gradients.
    """

    def __init__(self, branch, scale=1.0):
        super().__init__()
        self.branch, self.scale = branch, scale

    def forward(self, x):
        """Add the branch to the identity."""
        change = self.branch(x)
        check_floats("what the branch returns", change, shape=x.shape)
        return x + self.scale * change


def autocorrelation(g, lag):
    r"""Correlation of a sequence with itself, ``lag`` places on. White noise
    has none.

    .. math::
        \frac{\sum_i (g_i - \bar g)(g_{i+k} - \bar g)}{\sum_i (g_i - \bar g)^2}

    Args:
        g: sequences (…, n).
        lag: :math:`k`, at least 1 and below n.

    Returns:
        Tensor (…), about 1 for a slowly varying sequence.

    Raises:
        ValueError: if ``lag`` is not in 1 … n − 1.

    Example:
        >>> autocorrelation(torch.tensor([1.0, -1.0, 1.0, -1.0]), lag=1).item()
        -0.75

    Chapter: gradients.
    """
    check_floats("g", g)
    check_int("lag", lag)
    if g.ndim == 0 or lag >= g.shape[-1]:
        raise ValueError(
            f"lag must be below the length of g, got {lag} for the shape"
            f" {tuple(g.shape)}"
        )
    wide = at_least_float32(g)
    wide = wide - wide.mean(-1, keepdim=True)
    product = (wide[..., :-lag] * wide[..., lag:]).sum(-1)
    return (product / wide.square().sum(-1)).to(g.dtype)


class RecurrentNet(nn.Module):
    r"""A recurrent network of tanh units, in plain matrix products; its answer
    is read off the last state.

    .. math::
        \mathbf{h}_t = \tanh(\mathbf{W}_{xh}\mathbf{x}_t +
        \mathbf{W}_{hh}\mathbf{h}_{t-1} + \mathbf{b}), \qquad
        \hat{\mathbf{y}} = \mathbf{W}\mathbf{h}_T + \mathbf{b}'

    Args:
        num_inputs: inputs per time step; the entries of :math:`\mathbf{W}_{xh}`
            start with deviation :math:`1 / \sqrt{\text{inputs}}`.
        num_hiddens: units.
        num_outputs: outputs.
        gain: :math:`\gamma \ge 0`; the entries of :math:`\mathbf{W}_{hh}` start
            with deviation :math:`\gamma / \sqrt{\text{units}}`, which gives a
            spectral radius of about :math:`\gamma`.

    Raises:
        ValueError: if a number of units is below 1 or ``gain`` is negative.

    Example:
        >>> RecurrentNet(2, 16, 1)(torch.zeros(5, 30, 2)).shape
        torch.Size([5, 1])

    Differs from torch: one layer, one bias, normally distributed weights at the
    start.

    Chapter: gradients.
    """

    def __init__(self, num_inputs, num_hiddens, num_outputs, gain=1.0):
        super().__init__()
        for name, value in (
            ("num_inputs", num_inputs),
            ("num_hiddens", num_hiddens),
            ("num_outputs", num_outputs),
        ):
            check_int(name, value)
        _check_not_negative("gain", gain)
        self.W_xh = nn.Parameter(
            torch.randn(num_hiddens, num_inputs) / math.sqrt(num_inputs)
        )
        self.W_hh = nn.Parameter(
            gain
            * torch.randn(num_hiddens, num_hiddens)
            / math.sqrt(num_hiddens)
        )
        self.b = nn.Parameter(torch.zeros(num_hiddens))
        self.out = nn.Linear(num_hiddens, num_outputs)

    def forward(self, x):
        """Read sequences (N, T, num_inputs) and return (N, num_outputs)."""
        h = x.new_zeros(len(x), len(self.b))
        for drive in (x @ self.W_xh.T + self.b).unbind(1):
            h = torch.tanh(drive + h @ self.W_hh.T)
        return self.out(h)


def adding_problem(seed, n, length):
    r"""Draw sequences of random numbers, two of them marked; the task is to add
    these two.

    One mark falls into the first half, one into the second. Whoever always
    answers 1 has a mean squared error of 1/6.

    Args:
        seed: redraws numbers and marks.
        n: number of sequences.
        length: time steps :math:`T \ge 2`.

    Returns:
        X of shape (n, length, 2), numbers in [0, 1] and marks; y of shape (n,
        1).

    Raises:
        ValueError: if ``n`` is below 1 or ``length`` below 2.

    Example:
        >>> X, y = adding_problem(0, n=4, length=10)
        >>> bool(((X[..., 0] * X[..., 1]).sum(1, keepdim=True) == y).all())
        True

    Source: Hochreiter and Schmidhuber (1997), in a simpler form.

    Chapter: gradients.
    """
    check_int("n", n)
    check_int("length", length, low=2)
    chance = generator(seed, "adding problem")
    numbers, marks, half = (
        torch.rand(n, length, generator=chance),
        torch.zeros(n, length),
        length // 2,
    )
    marks[range(n), torch.randint(half, (n,), generator=chance)] = 1.0
    marks[range(n), torch.randint(half, length, (n,), generator=chance)] = 1.0
    return torch.stack([numbers, marks], dim=-1), (numbers * marks).sum(
        1, keepdim=True
    )


def check_chain_by_hand(answer):
    r"""Exercise by hand: the largest derivative that 5 sigmoid units in a row,
    each with weight 2, can have.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_chain_by_hand(32)
        ✗ Not yet: that is the product of the weights; each layer also brings a
        factor σ' of at most 1/4.

    Chapter: gradients.
    """
    return check_number(
        answer,
        0.5**5,
        {
            32.0: (
                "that is the product of the weights; each layer also brings a"
                " factor σ' of at most 1/4"
            ),
            0.25**5: (
                "that is the product of the slopes; each layer also brings its"
                " weight"
            ),
            0.5: "that is one layer; there are five",
            2.5: "the factors of a chain are multiplied, not added",
        },
    )


def check_silu_derivative(attempt):
    """Exercise: ``attempt(z)`` returns the derivative of ``z * sigmoid(z)``.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_silu_derivative(torch.sigmoid)
        ✗ Not yet: by the product rule there is a second term, z times the slope
        of the sigmoid.

    Chapter: gradients.
    """
    return check(
        attempt,
        silu_derivative,
        lambda chance: [
            (3 * torch.randn(5, generator=chance),) for _ in range(4)
        ],
        {
            (
                "by the product rule there is a second term,"
                " z times the slope of the sigmoid"
            ): torch.sigmoid,
            "by the product rule there is a first term, the sigmoid itself": (
                lambda z: z * sigmoid_derivative(z)
            ),
            "this is SiLU itself, not its derivative": lambda z: (
                z * torch.sigmoid(z)
            ),
            "the slope of the sigmoid is σ(z)(1 − σ(z)), not z(1 − z)": (
                lambda z: torch.sigmoid(z) + z * z * (1 - z)
            ),
        },
        library=(silu_derivative,),
    )


def _clipped(grads, max_norm):
    norm = torch.cat([g.flatten() for g in grads]).norm()
    return [g * min(1.0, max_norm / norm.item()) for g in grads]


def check_clipping(attempt):
    """Exercise: ``attempt(grads, max_norm)`` returns the gradients of all
    parameters, clipped by their joint norm.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_clipping(
        ...     lambda grads, c: [g.clamp(-c, c) for g in grads]
        ... )
        ✗ Not yet: this clips every entry on its own, which changes the
        direction; scale them all by one factor.

    Chapter: gradients.
    """

    def cases(chance):
        shapes = ((3, 2), (3,), (1, 3))
        return [
            ([size * torch.randn(s, generator=chance) for s in shapes], 1.0)
            for size in (2.0, 0.05, 0.6, 5.0)
        ]

    return check(
        attempt,
        _clipped,
        cases,
        {
            (
                "this clips every entry on its own, which changes the"
                " direction; scale them all by one factor"
            ): lambda grads, c: [g.clamp(-c, c) for g in grads],
            (
                "this clips each tensor by its own norm;"
                " take one norm over all of them"
            ): lambda grads, c: [_clipped([g], c)[0] for g in grads],
            (
                "gradients that are short enough stay as they are;"
                " yours are stretched to the limit"
            ): lambda grads, c: [
                g * c / torch.cat([g.flatten() for g in grads]).norm()
                for g in grads
            ],
            (
                "the norm is the square root of the sum of squares;"
                " yours lacks the root"
            ): lambda grads, c: [
                g * min(1.0, c / sum(f.square().sum().item() for f in grads))
                for g in grads
            ],
            "this leaves long gradients as they are": lambda grads, c: grads,
        },
        library=(clip_grad_norm_, torch.nn.utils.clip_grad_norm_),
    )
