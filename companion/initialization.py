r"""Chapter *initialization*: which random weights a network should start from,
and what they do to the signal.

Ordered from one layer's scale to torch's initializers, whole networks, what a
layer does to the variance and to the distance of two inputs, and the exact
course of learning in a linear network; the checks of the chapter's exercises
come last.
"""

import math

import torch
from torch import nn

from companion.arguments import check_floats, check_real, surely
from companion.checks import check, check_number

__all__ = [
    "calculate_gain",
    "check_default_factor",
    "check_he_bound",
    "check_he_std",
    "distance_factor",
    "fans",
    "half_time",
    "initialize",
    "kaiming_normal_",
    "kaiming_uniform_",
    "learned_mode",
    "next_correlation",
    "next_variance",
    "orthogonal_",
    "preactivations",
    "relu_correlation",
    "xavier_normal_",
    "xavier_uniform_",
]


def fans(tensor):
    r"""Count the inputs and the outputs of one weight matrix or convolution
    kernel.

    .. math::
        n_\text{in} = \text{inputs} \times \text{kernel size}, \qquad
        n_\text{out} = \text{outputs} \times \text{kernel size}

    Args:
        tensor: weights of shape (outputs, inputs), or (outputs, inputs,
            \*kernel) of a convolution.

    Returns:
        The pair of ints :math:`n_\text{in}, n_\text{out}`.

    Raises:
        ValueError: if there are fewer than 2 dimensions, or an empty one.
        TypeError: if ``tensor`` is not a tensor of floating-point numbers.

    Example:
        >>> (
        ...     fans(nn.Linear(64, 10).weight),
        ...     fans(nn.Conv2d(3, 16, kernel_size=5).weight),
        ... )
        ((64, 10), (75, 400))

    Chapter: initialization.
    """
    check_floats("tensor", tensor, dims=2)
    outputs, inputs, *kernel = tensor.shape
    return inputs * math.prod(kernel), outputs * math.prod(kernel)


def _check_nonlinearity(nonlinearity, param):
    layers = ["conv1d", "conv2d", "conv3d", "conv_transpose1d"]
    layers += ["conv_transpose2d", "conv_transpose3d"]
    known = ["linear", "sigmoid", "tanh", "relu", "selu", *layers, "leaky_relu"]
    if nonlinearity not in known:
        raise ValueError(
            f"nonlinearity must be one of {', '.join(known)}; got"
            f" {nonlinearity!r}"
        )
    if nonlinearity == "leaky_relu" and param is not None:
        check_real("param", param)


def calculate_gain(nonlinearity, param=None):
    r"""Return the factor by which the weights before an activation should be
    larger than for a linear layer.

    For ReLU and leaky ReLU with slope :math:`a` it undoes what the activation
    takes from the mean square:

    .. math::
        g = \sqrt{\frac{1}{\operatorname{E}\varphi(Z)^2}} = \sqrt{\frac{2}{1 +
        a^2}}, \qquad Z \sim N(0, 1)

    For sigmoid (1), tanh (5/3) and SELU (3/4) torch's values are conventions,
    not this formula.

    Args:
        nonlinearity: ``"linear"``, ``"conv1d"`` and its kin, ``"sigmoid"``,
            ``"tanh"``, ``"relu"``, ``"leaky_relu"`` or ``"selu"``.
        param: the negative slope :math:`a` of ``"leaky_relu"``, 0.01 if not
            given. Others ignore it.

    Returns:
        The gain :math:`g`, a number.

    Raises:
        ValueError: for an unknown activation, or a slope that is not finite.
        TypeError: for a slope that is not a number.

    Example:
        >>> (  # the second is PyTorch's default
        ...     calculate_gain("relu"),
        ...     calculate_gain("leaky_relu", math.sqrt(5)),
        ... )
        (1.4142135623730951, 0.5773502691896257)

    Source: He, Zhang, Ren and Sun (2015).

    Differs from torch: a slope that is not a number raises TypeError, not
    ValueError.

    Chapter: initialization.
    """
    _check_nonlinearity(nonlinearity, param)
    if nonlinearity == "leaky_relu":
        a = 0.01 if param is None else param
        return math.sqrt(2 / (1 + a**2))
    conventions = {"relu": math.sqrt(2), "tanh": 5 / 3, "selu": 3 / 4}
    return conventions.get(nonlinearity, 1)


@torch.no_grad()
def xavier_normal_(tensor, gain=1.0, generator=None):
    r"""Fill weights with normal numbers: the compromise between keeping the
    signal and keeping the gradient.

    .. math::
        w \sim N\Bigl(0,\; g^2 \frac{2}{n_\text{in} + n_\text{out}}\Bigr)

    Args:
        tensor: weights, filled in place; see :func:`fans`.
        gain: :math:`g`, finite and at least 0.
        generator: source of randomness.

    Returns:
        ``tensor``.

    Raises:
        ValueError, TypeError: as :func:`fans`, and for a gain that is negative
            or not a finite number.

    Example:
        >>> w = xavier_normal_(
        ...     torch.empty(300, 500),
        ...     generator=torch.Generator().manual_seed(0),
        ... )
        >>> round(w.var().item() * 400, 1)
        1.0

    Source: Glorot and Bengio (2010).

    Differs from torch: tensors that are empty or not floating-point, and gains
    that are not finite, are refused.

    Chapter: initialization.
    """
    check_real("gain", gain, low=0)
    n_in, n_out = fans(tensor)
    std = gain * math.sqrt(2 / (n_in + n_out))
    return tensor.normal_(0, std, generator=generator)


@torch.no_grad()
def xavier_uniform_(tensor, gain=1.0, generator=None):
    r"""Fill weights with uniform numbers of the same variance as
    :func:`xavier_normal_`.

    The variance of a uniform number between :math:`-r` and :math:`r` is
    :math:`r^2 / 3`, so

    .. math::
        w \sim U(-r, r), \qquad r = \sqrt{3}\; g \sqrt{\frac{2}{n_\text{in} +
        n_\text{out}}}
                               = g \sqrt{\frac{6}{n_\text{in} + n_\text{out}}}

    Args:
        tensor: weights, filled in place; see :func:`fans`.
        gain: :math:`g`, finite and at least 0.
        generator: source of randomness.

    Returns:
        ``tensor``.

    Raises:
        ValueError, TypeError: as :func:`fans`, and for a gain that is negative
            or not a finite number.

    Example:
        >>> xavier_uniform_(
        ...     torch.empty(2, 4), generator=torch.Generator().manual_seed(0)
        ... ).abs().max() <= 1
        tensor(True)

    Source: Glorot and Bengio (2010).

    Differs from torch: tensors that are empty or not floating-point, and gains
    that are not finite, are refused.

    Chapter: initialization.
    """
    check_real("gain", gain, low=0)
    n_in, n_out = fans(tensor)
    std = gain * math.sqrt(2 / (n_in + n_out))
    r = math.sqrt(3) * std
    return tensor.uniform_(-r, r, generator=generator)


def _check_mode(mode):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")


@torch.no_grad()
def kaiming_normal_(
    tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None
):
    r"""Fill weights with normal numbers that keep the signal through ReLUs
    (``fan_in``), or the gradient (``fan_out``).

    .. math::
        w \sim N\Bigl(0,\; \frac{g^2}{n}\Bigr), \qquad n = n_\text{in} \text{
        or } n_\text{out}

    Args:
        tensor: weights, filled in place; see :func:`fans`.
        a: negative slope, used with ``"leaky_relu"``; 0 is ReLU.
        mode: ``"fan_in"`` or ``"fan_out"``.
        nonlinearity: what follows the layer, for :func:`calculate_gain`.
        generator: source of randomness.

    Returns:
        ``tensor``.

    Raises:
        ValueError, TypeError: as :func:`fans` and :func:`calculate_gain`, and
            for an unknown mode.

    Example:
        >>> w = kaiming_normal_(
        ...     torch.empty(300, 500),
        ...     generator=torch.Generator().manual_seed(0),
        ... )
        >>> round(w.var().item() * 500, 1)
        2.0

    Source: He, Zhang, Ren and Sun (2015); Kaiming is the first author's given
    name.

    Differs from torch: tensors that are empty or not floating-point are
    refused; ``mode`` must be in lower case.

    Chapter: initialization.
    """
    _check_mode(mode)
    n_in, n_out = fans(tensor)
    n = n_in if mode == "fan_in" else n_out
    std = calculate_gain(nonlinearity, a) / math.sqrt(n)
    return tensor.normal_(0, std, generator=generator)


@torch.no_grad()
def kaiming_uniform_(
    tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None
):
    r"""Fill weights with uniform numbers of the same variance as
    :func:`kaiming_normal_`.

    .. math::
        w \sim U(-r, r), \qquad r = \sqrt{3}\, \frac{g}{\sqrt{n}}

    ``nn.Linear`` and the convolutions call it with :math:`a = \sqrt{5}`. Then
    :math:`g^2 = 1/3`, :math:`r = 1/\sqrt{n_\text{in}}`, and the variance is
    :math:`1 / (3 n_\text{in})`: a sixth of what ReLU needs.

    Args:
        tensor: weights, filled in place; see :func:`fans`.
        a: negative slope, used with ``"leaky_relu"``; 0 is ReLU.
        mode: ``"fan_in"`` or ``"fan_out"``.
        nonlinearity: what follows the layer, for :func:`calculate_gain`.
        generator: source of randomness.

    Returns:
        ``tensor``.

    Raises:
        ValueError, TypeError: as :func:`kaiming_normal_`.

    Example:
        >>> w = kaiming_uniform_(
        ...     torch.empty(300, 500),
        ...     a=math.sqrt(5),
        ...     generator=torch.Generator().manual_seed(0),
        ... )
        >>> round(w.var().item() * 500, 2), (w.abs().max() <= 500**-0.5).item()
        (0.33, True)

    Source: He, Zhang, Ren and Sun (2015).

    Differs from torch: tensors that are empty or not floating-point are
    refused; ``mode`` must be in lower case.

    Chapter: initialization.
    """
    _check_mode(mode)
    n_in, n_out = fans(tensor)
    n = n_in if mode == "fan_in" else n_out
    std = calculate_gain(nonlinearity, a) / math.sqrt(n)
    r = math.sqrt(3) * std
    return tensor.uniform_(-r, r, generator=generator)


@torch.no_grad()
def orthogonal_(tensor, gain=1, generator=None):
    r"""Fill weights with a random orthogonal matrix: all its singular values
    are equal.

    .. math::
        \mathbf{G} = \mathbf{Q}\mathbf{R}, \quad G_{ij} \sim N(0, 1); \qquad
        \mathbf{W} = g\, \mathbf{Q} \operatorname{diag}(\operatorname{sign}
        R_{ii})

    The signs make every orthogonal matrix equally likely. If the matrix is not
    square, the shorter of its rows and columns are orthonormal.

    Args:
        tensor: weights, filled in place; kernels count as one row per output.
        gain: :math:`g`, finite: all singular values become :math:`|g|`.
        generator: source of randomness.

    Returns:
        ``tensor``.

    Raises:
        ValueError, TypeError: as :func:`fans`, and for a gain that is not a
            finite number.

    Example:
        >>> w = orthogonal_(
        ...     torch.empty(3, 5),
        ...     gain=2,
        ...     generator=torch.Generator().manual_seed(0),
        ... )
        >>> torch.linalg.svdvals(w)
        tensor([2.0000, 2.0000, 2.0000])

    Source: Saxe, McClelland and Ganguli (2014).

    Differs from torch: tensors that are empty or not floating-point, and gains
    that are not finite, are refused.

    Chapter: initialization.
    """
    check_floats("tensor", tensor, dims=2)
    check_real("gain", gain)
    G = tensor.new_empty(len(tensor), tensor[0].numel())
    G.normal_(0, 1, generator=generator)
    wide = G.shape[0] < G.shape[1]
    Q, R = torch.linalg.qr(G.T if wide else G)
    Q = Q * R.diagonal().sign()
    W = Q.T if wide else Q
    return tensor.copy_(W.reshape(tensor.shape)).mul_(gain)


@torch.no_grad()
def initialize(model, init_):
    r"""Initialize every linear layer and convolution of a model: weights by
    ``init_``, biases to zero.

    Args:
        model: an ``nn.Module``; other layers keep what they have.
        init_: function that fills a weight in place, such as
            :func:`kaiming_normal_`.

    Returns:
        ``model``.

    Raises:
        TypeError: if ``model`` is not a module, or ``init_`` is not a function.
        ValueError: for a lazy layer that has no weights yet.

    Example:
        >>> net = initialize(
        ...     nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)),
        ...     kaiming_normal_,
        ... )
        >>> (
        ...     net[0].bias.abs().max().item(),
        ...     0.1 < net[0].weight.std().item() < 0.25,
        ... )
        (0.0, True)

    Chapter: initialization.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model must be an nn.Module, got {type(model).__name__}"
        )
    if not callable(init_):
        raise TypeError(
            "init_ must be a function that fills a tensor, got"
            f" {type(init_).__name__}"
        )
    _check_made(model)
    conv = nn.Conv1d | nn.Conv2d | nn.Conv3d
    transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
    for module in model.modules():
        if isinstance(module, nn.Linear | conv | transposed):
            init_(module.weight)
            if module.bias is not None:
                module.bias.zero_()
    return model


def _check_made(model):
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            raise ValueError(
                f"model must have its weights, got none for {name}; call it"
                " once on a batch"
            )


def preactivations(model, x):
    r"""Run a chain of layers and keep what each linear layer puts out; after
    ``backward`` each has its ``grad``.

    Args:
        model: an ``nn.Sequential``.
        x: inputs, as the first layer takes them.

    Returns:
        List of tensors :math:`\mathbf{z}^{(1)}, \mathbf{z}^{(2)}, \dots`, one
        per ``nn.Linear``; the last is the model's output if the chain ends with
        a linear layer.

    Raises:
        TypeError: if ``model`` is not an ``nn.Sequential``.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> z1, z2 = preactivations(net, torch.ones(5, 4))
        >>> z2.sum().backward()
        >>> z1.grad.shape
        torch.Size([5, 3])

    Chapter: initialization.
    """
    if not isinstance(model, nn.Sequential):
        raise TypeError(
            f"model must be an nn.Sequential, got {type(model).__name__}"
        )
    kept = []
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            if x.requires_grad:
                x.retain_grad()
            kept.append(x)
            # an in-place activation must not overwrite what is kept
            x = x.clone()
    return kept


def next_variance(v, activation, weight_variance=1.0, bias_variance=0.0):
    r"""Predict the variance of a wide layer's inputs to its activation from
    that of the layer before.

    .. math::
        v_{l+1} = \sigma_w^2\, \operatorname{E}\varphi\bigl(\sqrt{v_l}\,
        Z\bigr)^2 + \sigma_b^2, \qquad Z \sim N(0, 1)

    The expectation is a sum over 4001 points between −12 and 12 standard
    deviations.

    Args:
        v: :math:`v_l \ge 0`, a number or a tensor of any shape.
        activation: :math:`\varphi`, a function of a tensor, such as
            ``torch.relu``.
        weight_variance: :math:`\sigma_w^2 = n_\text{in} \operatorname{Var} w
            \ge 0`: 2 for He's weights.
        bias_variance: :math:`\sigma_b^2 \ge 0`.

    Returns:
        :math:`v_{l+1}`, a float64 tensor of the shape of ``v``.

    Raises:
        ValueError: if a variance is negative.
        TypeError: if ``activation`` is not a function.

    Example:
        >>> round(next_variance(1.0, torch.relu, weight_variance=2.0).item(), 6)
        1.0

    Source: Poole, Lahiri, Raghu, Sohl-Dickstein and Ganguli (2016).

    Chapter: initialization.
    """
    _check_layer(
        activation,
        v=v,
        weight_variance=weight_variance,
        bias_variance=bias_variance,
    )
    v = torch.as_tensor(v, dtype=torch.float64)
    Z = torch.linspace(-12, 12, 4001, dtype=torch.float64, device=v.device)
    density = torch.softmax(-Z.square() / 2, 0)
    mean_square = activation(v.sqrt().unsqueeze(-1) * Z).square() @ density
    return weight_variance * mean_square + bias_variance


def distance_factor(v, activation, weight_variance=1.0):
    r"""Predict by how much a wide layer multiplies the squared distance of two
    nearly equal inputs, and a gradient's mean square on its way back.

    .. math::
        \chi = \sigma_w^2\, \operatorname{E}\bigl[\varphi'\bigl(\sqrt{v}\,
        Z\bigr)^2\bigr], \qquad Z \sim N(0, 1)

    Args:
        v: variance of the pre-activations, at least 0; a number or a tensor of
            any shape.
        activation: :math:`\varphi`, a differentiable function of a tensor.
        weight_variance: :math:`\sigma_w^2 = n_\text{in} \operatorname{Var} w
            \ge 0`.

    Returns:
        :math:`\chi`, a float64 tensor of the shape of ``v``. Below 1 two inputs
        become one, above 1 they part: between lies the edge of chaos.

    Raises:
        ValueError: if a variance is negative.
        TypeError: if ``activation`` is not a function.

    Example:
        >>> round(
        ...     distance_factor(1.0, torch.relu, weight_variance=2.0).item(), 6
        ... )
        1.0
        >>> round(
        ...     distance_factor(1.0, torch.tanh, weight_variance=2.0).item(), 2
        ... )
        0.93

    Source: Schoenholz, Gilmer, Ganguli and Sohl-Dickstein (2017).

    Chapter: initialization.
    """
    _check_layer(activation, v=v, weight_variance=weight_variance)
    v = torch.as_tensor(v, dtype=torch.float64)
    # an even number of points: none lies on the kink of a ReLU
    Z = torch.linspace(-12, 12, 4000, dtype=torch.float64, device=v.device)
    density = torch.softmax(-Z.square() / 2, 0)
    z = v.sqrt().unsqueeze(-1) * Z
    slope = torch.func.grad(lambda z: activation(z).sum())(z)
    return weight_variance * (slope.square() @ density)


def relu_correlation(c):
    r"""Predict the cosine of two inputs after a wide ReLU layer without biases
    from their cosine before it.

    .. math::
        c_{l+1} = \frac{\sqrt{1 - c_l^2} + c_l\,(\pi - \arccos c_l)}{\pi}

    Args:
        c: :math:`c_l`, between −1 and 1; a number or a tensor of any shape.

    Returns:
        :math:`c_{l+1}`, float64.

    Raises:
        ValueError: if ``c`` is not between −1 and 1.

    Example:
        >>> [round(relu_correlation(c).item(), 3) for c in (-1, 0, 0.5, 1)]
        [0.0, 0.318, 0.609, 1.0]

    Source: Cho and Saul (2009), the arc-cosine kernel of degree 1.

    Chapter: initialization.
    """
    _check_cosine(c)
    c = torch.as_tensor(c, dtype=torch.float64)
    return ((1 - c.square()).sqrt() + c * (math.pi - c.arccos())) / math.pi


def next_correlation(c, v, activation, weight_variance=1.0, bias_variance=0.0):
    r"""Predict the correlation of two inputs in the next wide layer, for any
    activation; both have the same variance.

    .. math::
        c_{l+1} = \frac{\sigma_w^2 \operatorname{E}[\varphi(z_1)\,
        \varphi(z_2)] + \sigma_b^2}{v_{l+1}}, \qquad
        z_1 = \sqrt{v_l}\, Z, \quad
        z_2 = \sqrt{v_l}\, \bigl(c_l Z + \sqrt{1 - c_l^2}\, Z'\bigr)

    :math:`Z` and :math:`Z'` are independent and normal, and
    :math:`v_{l+1}` is :func:`next_variance`. The expectation is a sum over
    400 × 400 points within 8 standard deviations.

    Args:
        c: :math:`c_l`, between −1 and 1; a number or a tensor of any shape.
        v: :math:`v_l > 0`, a number or a tensor of the shape of ``c``.
        activation: :math:`\varphi`, a function of a tensor.
        weight_variance: :math:`\sigma_w^2 \ge 0`.
        bias_variance: :math:`\sigma_b^2 \ge 0`.

    Returns:
        :math:`c_{l+1}`, float64; NaN where nothing is left of the signal.

    Raises:
        ValueError: if ``c`` is not between −1 and 1, or a variance is negative.
        TypeError: if ``activation`` is not a function.

    Example:
        >>> round(next_correlation(0.5, 1.0, torch.relu, 2.0).item(), 3)
        0.609

    Source: Poole, Lahiri, Raghu, Sohl-Dickstein and Ganguli (2016).

    Chapter: initialization.
    """
    _check_cosine(c)
    _check_layer(
        activation,
        v=v,
        weight_variance=weight_variance,
        bias_variance=bias_variance,
    )
    c, v = (
        torch.as_tensor(x, dtype=torch.float64)[..., None, None] for x in (c, v)
    )
    Z = torch.linspace(-8, 8, 400, dtype=torch.float64, device=c.device)
    density = torch.softmax(-Z.square() / 2, 0)
    first = v.sqrt() * Z.unsqueeze(1)
    second = c * first + (v * (1 - c**2)).sqrt() * Z
    h, other = activation(first), activation(second)
    product = (h * other) @ density @ density
    square = h.square().squeeze(-1) @ density
    return (weight_variance * product + bias_variance) / (
        weight_variance * square + bias_variance
    )


def _check_cosine(c):
    """Refuse what is no cosine."""
    if surely(~(torch.as_tensor(c).abs() <= 1).all()):
        raise ValueError(f"c must be between -1 and 1, got {c}")


def _check_layer(activation, **variances):
    """Refuse what is no layer."""
    if not callable(activation):
        raise TypeError(
            "activation must be a function of a tensor, got"
            f" {type(activation).__name__}"
        )
    for name, value in variances.items():
        if surely(~(torch.as_tensor(value) >= 0).all()):
            raise ValueError(f"{name} must be at least 0, got {value}")


def learned_mode(t, s, start):
    r"""Follow one singular mode of a linear network with two layers while
    gradient descent learns it.

    From balanced weights, and with white inputs, the mode obeys :math:`\dot u =
    2u(s - u)`, so

    .. math::
        u(t) = \frac{s\, e^{2st}}{e^{2st} - 1 + s/u_0} = \frac{s}{1 + (s/u_0 -
        1)\, e^{-2st}}

    Args:
        t: time, learning rate times steps; a number or a tensor.
        s: singular value to be learned, above 0.
        start: :math:`u_0`, the mode's strength at the start, above 0.

    Returns:
        :math:`u(t)`, float64.

    Raises:
        ValueError: if ``s`` or ``start`` is not above 0.

    Example:
        >>> learned_mode(
        ...     torch.tensor([0.0, 100.0]), s=3.0, start=0.001
        ... ).tolist()
        [0.001, 3.0]

    Source: Saxe, McClelland and Ganguli (2014).

    Chapter: initialization.
    """
    if any(surely(~(torch.as_tensor(v) > 0).all()) for v in (s, start)):
        raise ValueError(f"s and start must be above 0, got {s} and {start}")
    t, s, start = (
        torch.as_tensor(value, dtype=torch.float64) for value in (t, s, start)
    )
    # this form does not overflow
    return s / (1 + (s / start - 1) * torch.exp(-2 * s * t))


def half_time(s, start):
    r"""Time at which a mode of :func:`learned_mode` is half learned.

    .. math::
        t_{1/2} = \frac{1}{2s} \ln\Bigl(\frac{s}{u_0} - 1\Bigr)

    Args:
        s: singular value to be learned, above 0.
        start: :math:`u_0`, above 0 and below ``s / 2``.

    Returns:
        :math:`t_{1/2}`, float64: learning rate times steps.

    Raises:
        ValueError: if ``start`` is not above 0 and below ``s / 2``.

    Example:
        >>> round(half_time(3.0, 0.001).item(), 3)
        1.334

    Source: Saxe, McClelland and Ganguli (2014).

    Chapter: initialization.
    """
    s, start = (
        torch.as_tensor(value, dtype=torch.float64) for value in (s, start)
    )
    if surely(~((start > 0) & (start < s / 2)).all()):
        raise ValueError(
            f"start must be above 0 and below s / 2, got start {start.tolist()}"
            f" and s {s.tolist()}"
        )
    return torch.log(s / start - 1) / (2 * s)


_SHAPES = [(64, 128), (100, 10), (784, 256), (30, 30)]


def check_he_std(attempt):
    """Exercise: ``attempt(n_in, n_out)`` returns the standard deviation of He's
    initialization before a ReLU.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_he_std(lambda n_in, n_out: 2 / n_in)
        ✗ Not yet: that is the variance; its root is the standard deviation.

    Chapter: initialization.
    """
    return check(
        attempt,
        lambda i, o: math.sqrt(2 / i),
        _SHAPES,
        {
            "that is the variance; its root is the standard deviation": (
                lambda i, o: 2 / i
            ),
            "a ReLU halves the mean square: 2 over the inputs, not 1": (
                lambda i, o: math.sqrt(1 / i)
            ),
            (
                "that keeps the gradient (fan_out); to keep the signal,"
                " count the inputs"
            ): lambda i, o: math.sqrt(2 / o),
            "that is Xavier's, which knows no ReLU": lambda i, o: math.sqrt(
                2 / (i + o)
            ),
            (
                "that is the bound of the uniform version,"
                " √3 standard deviations"
            ): lambda i, o: math.sqrt(6 / i),
            "that is PyTorch's default, a sixth of the needed variance": (
                lambda i, o: math.sqrt(1 / (3 * i))
            ),
        },
    )


def check_he_bound(attempt):
    """Exercise: ``attempt(n_in, n_out)`` returns the bound r of He's uniform
    initialization between −r and r, before a ReLU.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_he_bound(lambda n_in, n_out: (2 / n_out) ** 0.5)
        ✗ Not yet: two bugs are left: the outputs are counted, and a standard
        deviation is used as a bound.

    Chapter: initialization.
    """
    return check(
        attempt,
        lambda i, o: math.sqrt(6 / i),
        _SHAPES,
        {
            (
                "two bugs are left: the outputs are counted, and a standard"
                " deviation is used as a bound"
            ): lambda i, o: math.sqrt(2 / o),
            (
                "one bug is left: that is the standard deviation;"
                " uniform within ±r has variance r²/3"
            ): lambda i, o: math.sqrt(2 / i),
            (
                "one bug is left: the outputs are counted; the signal of a"
                " unit is a sum over its inputs"
            ): lambda i, o: math.sqrt(6 / o),
            "from −r to r the variance is r²/3; r²/12 is for length r": (
                lambda i, o: math.sqrt(24 / i)
            ),
            "that keeps the signal of a linear layer; a ReLU halves it": (
                lambda i, o: math.sqrt(3 / i)
            ),
            "that is Xavier's, which knows no ReLU": lambda i, o: math.sqrt(
                6 / (i + o)
            ),
        },
    )


def check_default_factor(answer):
    """Exercise by hand: what a ReLU layer with PyTorch's default weights,
    uniform within 1/√n, does to the variance.

    Args:
        answer: the reader's number, variance after the layer over variance
            before.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_default_factor(1 / 3)
        ✗ Not yet: the weights alone give n · 1/(3n) = 1/3; the ReLU halves the
        mean square as well.

    Chapter: initialization.
    """
    return check_number(
        answer,
        1 / 6,
        {
            1 / 3: (
                "the weights alone give n · 1/(3n) = 1/3; the ReLU halves the"
                " mean square as well"
            ),
            1 / 2: (
                "that is Xavier's; the variance of a uniform number in (−r, r)"
                " is r²/3"
            ),
            1 / 12: (
                "r²/12 belongs to an interval of length r; this one has"
                " length 2r"
            ),
            1.0: (
                "that is He's; the variance of a uniform number in (−r, r) is"
                " r²/3, and the ReLU halves"
            ),
            6.0: (
                "that is the inverse: variance after the layer over variance"
                " before"
            ),
        },
    )
