r"""Chapter *backpropagation*: the chain rule along a graph, in both directions;
a network's gradient; its check; a second derivative.

Ordered from single numbers to layers to finite differences; the checks of the
chapter's exercises come last.
"""

import itertools
import math
from numbers import Real

import torch

from companion.arguments import surely
from companion.checks import check, check_number

__all__ = [
    "Value",
    "as_value",
    "best_step",
    "check_hidden_delta",
    "check_logit_delta",
    "check_three_paths",
    "count_paths",
    "cross_entropy_backward",
    "finite_difference",
    "forward_mode",
    "gradient_check",
    "half_squared_error",
    "hvp",
    "linear_backward",
    "mlp_backward",
    "mlp_forward",
    "relative_error",
    "reverse_mode",
    "sigmoid_backward",
    "trace",
]


class Value:
    r"""A number that remembers what it was computed from, and the local
    derivative along each edge.

    .. math::
        \frac{\partial (a + b)}{\partial a} = 1, \qquad \frac{\partial (a
        b)}{\partial a} = b, \qquad
        \frac{\partial \sigma(a)}{\partial a} = \sigma(a)\,(1 - \sigma(a))

    Attributes:
        data: the number, a float.
        edges: pairs of a value that this one was computed from and the local
            derivative with respect to it.

    Args:
        data: a number.
        edges: left empty for an input.

    Raises:
        TypeError: if ``data`` is not a number.

    Example:
        >>> a, b = Value(2.0), Value(3.0)
        >>> y = (a + b) * b
        >>> y.data, [slope for _, slope in y.edges]
        (15.0, [3.0, 5.0])

    Differs from torch: single numbers only; sums, differences, products and the
    logistic function only.

    Chapter: backpropagation.
    """

    numbers = itertools.count()  # a value is younger than what it came from

    def __init__(self, data, edges=()):
        if isinstance(data, bool) or not isinstance(data, Real):
            raise TypeError(f"data must be a number, got {type(data).__name__}")
        self.data, self.edges = float(data), edges
        self.place = next(self.numbers)

    def __repr__(self):
        return f"Value({self.data:g})"

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __sub__(self, other):
        other = as_value(other)
        return Value(self.data - other.data, ((self, 1.0), (other, -1.0)))

    def __mul__(self, other):
        other = as_value(other)
        edges = (self, other.data), (other, self.data)
        return Value(self.data * other.data, edges)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other):
        return as_value(other) - self

    def sigmoid(self):
        """The logistic function of this value."""
        e = math.exp(-abs(self.data))  # never above 1, so it cannot overflow
        s = 1 / (1 + e) if self.data >= 0 else e / (1 + e)
        return Value(s, ((self, s * (1 - s)),))


def as_value(number):
    r"""Make a number an input of a graph; a value stays what it is.

    Args:
        number: a number or a :class:`Value`.

    Returns:
        A :class:`Value`.

    Raises:
        TypeError: if ``number`` is neither.

    Example:
        >>> as_value(2)
        Value(2)

    Chapter: backpropagation.
    """
    return number if isinstance(number, Value) else Value(number)


def _check_value(name, value):
    if not isinstance(value, Value):
        raise TypeError(f"{name} must be a Value, got {type(value).__name__}")


def trace(output):
    r"""List the values that take part in ``output``, in the order in which they
    were computed.

    Args:
        output: a :class:`Value`.

    Returns:
        List of values, ``output`` last. Each stands after all that it was
        computed from.

    Raises:
        TypeError: if ``output`` is not a :class:`Value`.

    Example:
        >>> a, b = Value(2.0), Value(3.0)
        >>> trace((a + b) * b)
        [Value(2), Value(3), Value(5), Value(15)]

    Chapter: backpropagation.
    """
    _check_value("output", output)
    found, waiting = {output}, [output]
    while waiting:
        new = {parent for parent, _ in waiting.pop().edges} - found
        found |= new
        waiting += new
    return sorted(found, key=lambda value: value.place)


def forward_mode(output, source):
    r"""Derivatives of every value with respect to one input: one sweep from the
    input to the output.

    .. math::
        \dot v = \frac{\partial v}{\partial x} = \sum_{u \to v} \frac{\partial
        v}{\partial u}\, \dot u,
        \qquad \dot x = 1

    Args:
        output: the :class:`Value` that the sweep ends at.
        source: the :class:`Value` :math:`x` that it starts from.

    Returns:
        Dict of each value in ``trace(output)`` and its derivative :math:`\dot
        v`.

    Raises:
        TypeError: if an argument is not a :class:`Value`.
        ValueError: if ``source`` does not take part in ``output``.

    Example:
        >>> a, b = Value(2.0), Value(3.0)
        >>> y = (a + b) * b
        >>> forward_mode(y, b)[y]
        8.0

    Source: Griewank and Walther (2008).

    Chapter: backpropagation.
    """
    _check_value("source", source)
    if source not in trace(output):
        raise ValueError(
            f"source must take part in output, got {source}, on which {output}"
            " does not depend"
        )
    tangent = dict.fromkeys(trace(output), 0.0)
    tangent[source] = 1.0
    for v in tangent:
        if v is not source:
            tangent[v] = sum(slope * tangent[u] for u, slope in v.edges)
    return tangent


def reverse_mode(output):
    r"""Derivatives of one output with respect to every value: one sweep from
    the output to the inputs.

    .. math::
        \bar u = \frac{\partial y}{\partial u} = \sum_{u \to v} \bar v\,
        \frac{\partial v}{\partial u},
        \qquad \bar y = 1

    Args:
        output: the :class:`Value` :math:`y`.

    Returns:
        Dict of each value in ``trace(output)`` and the derivative :math:`\bar
        u` of the output with respect to it.

    Raises:
        TypeError: if ``output`` is not a :class:`Value`.

    Example:
        >>> a, b = Value(2.0), Value(3.0)
        >>> slopes = reverse_mode((a + b) * b)
        >>> slopes[a], slopes[b]
        (3.0, 8.0)

    Source: Linnainmaa (1976); Rumelhart, Hinton and Williams (1986) for neural
    networks.

    Differs from torch: returns the derivatives and stores nothing, so no
    gradients add up between calls.

    Chapter: backpropagation.
    """
    adjoint = dict.fromkeys(trace(output), 0.0)
    adjoint[output] = 1.0
    for v in reversed(adjoint):
        for u, slope in v.edges:
            adjoint[u] += adjoint[v] * slope
    return adjoint


def count_paths(output):
    r"""Number of paths from every value to the output: reverse mode with each
    local derivative replaced by 1.

    .. math::
        N_u = \sum_{u \to v} N_v, \qquad N_y = 1

    Args:
        output: the :class:`Value` :math:`y`.

    Returns:
        Dict of each value in ``trace(output)`` and its number of paths, an int.
        A value multiplied by itself has two edges.

    Raises:
        TypeError: if ``output`` is not a :class:`Value`.

    Example:
        >>> x = y = Value(1.0)
        >>> for _ in range(20):
        ...     y = y + y
        >>> count_paths(y)[x]
        1048576

    Chapter: backpropagation.
    """
    paths = dict.fromkeys(trace(output), 0)
    paths[output] = 1
    for v in reversed(paths):
        for u, _ in v.edges:
            paths[u] += paths[v]
    return paths


def _check_matrices(**tensors):
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"{name} must be a torch.Tensor, got {type(tensor).__name__}"
            )
        if tensor.ndim != 2 or not tensor.is_floating_point():
            kind = f"{tensor.dtype} of shape {tuple(tensor.shape)}"
            raise ValueError(
                f"{name} must be floating-point numbers with two dimensions,"
                f" got {kind}"
            )


def _check_pair(name, tensor, other_name, other):
    _check_matrices(**{name: tensor, other_name: other})
    if tensor.shape != other.shape:
        raise ValueError(
            f"{name} must have the shape of {other_name}, {tuple(other.shape)},"
            f" got {tuple(tensor.shape)}"
        )


def sigmoid_backward(dh, h):
    r"""Carry a gradient back through the logistic function :math:`h =
    \sigma(z)`.

    .. math::
        \frac{\partial L}{\partial z} = \frac{\partial L}{\partial h} \odot h
        \odot (1 - h)

    Args:
        dh: gradient of the loss with respect to the outputs :math:`h`, shape
            (n, units).
        h: the outputs, shape (n, units), in 0 … 1.

    Returns:
        Gradient with respect to the inputs :math:`z`, shape (n, units).

    Raises:
        TypeError: if an argument is not a tensor.
        ValueError: if an argument is not a matrix, or the shapes differ.

    Example:
        >>> sigmoid_backward(
        ...     torch.tensor([[1.0, 1.0]]), torch.tensor([[0.5, 1.0]])
        ... )
        tensor([[0.2500, 0.0000]])

    Chapter: backpropagation.
    """
    _check_pair("dh", dh, "h", h)
    return dh * h * (1 - h)


def linear_backward(delta, h, W):
    r"""Carry a gradient back through a linear layer :math:`Z = H W^\top + b`.

    .. math::
        \frac{\partial L}{\partial W} = \Delta^\top H, \qquad
        \frac{\partial L}{\partial b} = \sum_i \delta_i, \qquad
        \frac{\partial L}{\partial H} = \Delta W

    Args:
        delta: :math:`\Delta`, gradient of the loss with respect to :math:`Z`,
            shape (n, units).
        h: :math:`H`, what went into the layer, shape (n, inputs).
        W: weights, shape (units, inputs) as in ``torch.nn.Linear``.

    Returns:
        The three gradients, of the shapes of W, b and h.

    Raises:
        TypeError: if an argument is not a tensor.
        ValueError: if an argument is not a matrix, or the shapes do not fit.

    Example:
        >>> dW, db, dh = linear_backward(
        ...     torch.tensor([[1.0]]),
        ...     torch.tensor([[2.0, 3.0]]),
        ...     torch.tensor([[4.0, 5.0]]),
        ... )
        >>> dW, db, dh
        (tensor([[2., 3.]]), tensor([1.]), tensor([[4., 5.]]))

    Chapter: backpropagation.
    """
    _check_matrices(delta=delta, h=h, W=W)
    if delta.shape[0] != h.shape[0] or W.shape != (delta.shape[1], h.shape[1]):
        shapes = f"{tuple(delta.shape)}, {tuple(h.shape)} and {tuple(W.shape)}"
        raise ValueError(
            "delta, h and W must be (n, units), (n, inputs) and (units,"
            f" inputs), got {shapes}"
        )
    return delta.T @ h, delta.sum(0), delta @ W


def half_squared_error(y_hat, y):
    r"""Half the squared error: the sum over the outputs, the mean over the
    examples.

    .. math::
        L = \frac{1}{n} \sum_{i=1}^{n} \frac{1}{2} \lVert \hat y_i - y_i
        \rVert_2^2

    Args:
        y_hat: predictions, shape (n, outputs).
        y: targets, shape (n, outputs).

    Returns:
        Scalar tensor.

    Raises:
        TypeError: if an argument is not a tensor.
        ValueError: if an argument is not a matrix, or the shapes differ.

    Example:
        >>> half_squared_error(
        ...     torch.tensor([[3.0, 0.0, 1.0]]), torch.tensor([[1.0, 0.0, 0.0]])
        ... ).item()
        2.5

    Differs from torch: ``nn.MSELoss`` has no half and divides by the number of
    outputs too. The two agree when there are two outputs.

    Chapter: backpropagation.
    """
    _check_pair("y", y, "y_hat", y_hat)
    return (y_hat - y).square().sum(1).mean() / 2


def cross_entropy_backward(z, y):
    r"""Gradient of the mean cross-entropy with respect to the logits: predicted
    probabilities minus targets.

    .. math::
        \frac{\partial L}{\partial z_{ik}} = \frac{1}{n} \bigl(q_{ik} -
        [y_i = k]\bigr), \qquad q_{ik} = \frac{e^{z_{ik}}}{\sum_j
        e^{z_{ij}}}

    Args:
        z: logits, shape (n, classes).
        y: classes 0, 1, …, int64, shape (n,).

    Returns:
        Tensor of shape (n, classes). Each row adds up to 0.

    Raises:
        TypeError: if an argument is not a tensor.
        ValueError: if ``z`` is not a matrix of floating-point numbers, or ``y``
            not one int64 per row.

    Example:
        >>> cross_entropy_backward(torch.zeros(1, 4), torch.tensor([2]))
        tensor([[ 0.2500,  0.2500, -0.7500,  0.2500]])

    Chapter: backpropagation.
    """
    _check_classes(z, y)
    q = torch.softmax(z, dim=1)
    return (q - torch.nn.functional.one_hot(y, z.shape[1])) / len(y)


def _check_classes(z, y):
    _check_matrices(z=z)
    if not isinstance(y, torch.Tensor):
        raise TypeError(f"y must be a torch.Tensor, got {type(y).__name__}")
    if y.dtype != torch.int64 or y.shape != z.shape[:1]:
        kind = f"{y.dtype} of shape {tuple(y.shape)}"
        raise ValueError(
            f"y must be one int64 for each of the {len(z)} rows of z, got"
            f" {kind}"
        )


def mlp_forward(params, X):
    r"""Outputs of every layer of a network with logistic units: the forward
    pass.

    .. math::
        H^{(0)} = X, \qquad H^{(l)} = \sigma\bigl(H^{(l-1)} W^{(l)\top} +
        b^{(l)}\bigr)

    Args:
        params: list of tensors W, b, W, b, … in the order of
            ``nn.Sequential(nn.Linear, nn.Sigmoid, …).parameters()``.
        X: inputs, shape (n, d).

    Returns:
        List of :math:`H^{(0)}, \dots, H^{(D)}`; the last is the prediction. The
        backward pass needs all of them.

    Raises:
        TypeError: if ``params`` is not a list of tensors, or another argument
            not a tensor.
        ValueError: if the shapes do not fit.

    Example:
        >>> [
        ...     h.tolist()
        ...     for h in mlp_forward(
        ...         [torch.zeros(1, 2), torch.zeros(1)], torch.ones(1, 2)
        ...     )
        ... ]
        [[[1.0, 1.0]], [[0.5]]]

    Chapter: backpropagation.
    """
    _check_matrices(X=X)
    _check_fit(params, X)
    outputs = [X]
    for W, b in zip(params[0::2], params[1::2], strict=True):
        h = outputs[-1]
        outputs.append(torch.sigmoid(h @ W.T + b))
    return outputs


def _check_params(params):
    if not isinstance(params, list | tuple):
        raise TypeError(
            f"params must be a list W, b, W, b, …, got {type(params).__name__}"
        )
    if not params or len(params) % 2:
        raise ValueError(f"params must be a list W, b, W, b, …, got {params}")
    _check_matrices(
        **{f"params[{i}]": params[i] for i in range(0, len(params), 2)}
    )
    for i in range(1, len(params), 2):
        if not isinstance(params[i], torch.Tensor):
            raise TypeError(
                f"params[{i}] must be a torch.Tensor, got"
                f" {type(params[i]).__name__}"
            )


def _check_fit(params, X):
    _check_params(params)
    inputs = X.shape[1]
    for i in range(0, len(params), 2):
        W, b = params[i], params[i + 1]
        if W.shape[1] != inputs or b.shape != W.shape[:1]:
            shapes = f"{tuple(W.shape)} and {tuple(b.shape)}"
            raise ValueError(
                f"W and b of layer {i // 2 + 1} must fit its {inputs} inputs,"
                f" got {shapes}"
            )
        inputs = W.shape[0]


def mlp_backward(params, outputs, y):
    r"""Gradient of :func:`half_squared_error` with respect to every parameter:
    backpropagation, layer by layer.

    .. math::
        \Delta^{(D)} &= \tfrac{1}{n}\,(H^{(D)} - Y) \odot \sigma'(Z^{(D)}) \\
        \Delta^{(l)} &= \bigl(\Delta^{(l+1)} W^{(l+1)}\bigr) \odot
        \sigma'(Z^{(l)}) \\
        \frac{\partial L}{\partial W^{(l)}} &= \Delta^{(l)\top} H^{(l-1)},
        \qquad
        \frac{\partial L}{\partial b^{(l)}} = \sum_i \delta^{(l)}_i

    Args:
        params: as in :func:`mlp_forward`.
        outputs: what :func:`mlp_forward` returned.
        y: targets, shape (n, outputs).

    Returns:
        List of gradients, in the order and of the shapes of ``params``.

    Raises:
        TypeError: if ``params`` is not a list of tensors, or another argument
            not a tensor.
        ValueError: if the shapes do not fit, or the outputs are not those of
            these parameters.

    Example:
        >>> params = [torch.zeros(1, 2), torch.zeros(1)]
        >>> kept = mlp_forward(params, torch.ones(1, 2))
        >>> mlp_backward(params, kept, torch.zeros(1, 1))
        [tensor([[0.1250, 0.1250]]), tensor([0.1250])]

    Source: Rumelhart, Hinton and Williams (1986).

    Chapter: backpropagation.
    """
    _check_params(params)
    if len(outputs) != len(params) // 2 + 1:
        raise ValueError(
            f"outputs must be the {len(params) // 2 + 1} of mlp_forward, got"
            f" {len(outputs)}"
        )
    _check_pair("y", y, "the prediction", outputs[-1])
    weights, gradients = params[0::2], []
    dh = (outputs[-1] - y) / len(y)
    for i in reversed(range(len(weights))):
        delta = sigmoid_backward(dh, outputs[i + 1])
        dW, db, dh = linear_backward(delta, outputs[i], weights[i])
        gradients = [dW, db, *gradients]
    return gradients


def best_step(dtype, scheme="central"):
    r"""The step at which a finite difference errs least, for functions and
    inputs of size about 1.

    .. math::
        h^* \approx \varepsilon^{1/3} \text{ (central)}, \qquad h^* \approx
        \varepsilon^{1/2} \text{ (forward)}

    Args:
        dtype: ``torch.float32`` or ``torch.float64``; its rounding error is
            :math:`\varepsilon`.
        scheme: ``"central"`` or ``"forward"``.

    Returns:
        :math:`h^*`.

    Raises:
        TypeError: if ``dtype`` is not one of the two.
        ValueError: for an unknown scheme.

    Example:
        >>> f"{best_step(torch.float64):.1e}"
        '6.1e-06'
        >>> f"{best_step(torch.float64, 'forward'):.1e}"
        '1.5e-08'

    Source: Press, Teukolsky, Vetterling and Flannery (2007), section on
    numerical derivatives.

    Chapter: backpropagation.
    """
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"dtype must be torch.float32 or torch.float64, got {dtype}"
        )
    if scheme not in ("central", "forward"):
        raise ValueError(
            f"scheme must be one of central, forward, got {scheme!r}"
        )
    eps = torch.finfo(dtype).eps
    return eps ** (1 / 3 if scheme == "central" else 1 / 2)


def _check_difference(x, h, scheme):
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"x must be a torch.Tensor, got {type(x).__name__}")
    best = best_step(x.dtype, scheme)  # refuses other types and schemes
    h = best if h is None else h
    if not 0 < h < math.inf:
        raise ValueError(f"h must be above 0 and finite, got {h}")
    vanishes = (x + h) - (x - h if scheme == "central" else x) == 0
    if surely(vanishes.any()):
        raise ValueError(
            f"h must change x: {h:g} vanishes beside the entry"
            f" {x[vanishes][0].item():g}"
        )


@torch.no_grad()
def finite_difference(function, x, h=None, scheme="central"):
    r"""Gradient from function values alone, one entry of ``x`` at a time.

    .. math::
        \frac{\partial f}{\partial x_i} \approx \frac{f(x + h e_i) - f(x - h
        e_i)}{2h} \text{ (central)}, \qquad
        \frac{f(x + h e_i) - f(x)}{h} \text{ (forward)}

    Args:
        function: takes a tensor of the shape of ``x`` and returns one number as
            a tensor.
        x: where, float32 or float64, any shape.
        h: step, above 0 and finite; :func:`best_step` if not given.
        scheme: ``"central"`` (error of order :math:`h^2`) or ``"forward"``
            (order :math:`h`).

    Returns:
        Tensor of the shape of ``x``. It takes two evaluations of the function
        for every entry.

    Raises:
        TypeError: if ``x`` is not a tensor of float32 or float64.
        ValueError: for an unknown scheme, a step that is not above 0 and finite
            or vanishes in rounding, or a function that does not return one
            number.

    Example:
        >>> finite_difference(
        ...     lambda x: (x**3).sum(),
        ...     torch.tensor([1.0, 2.0], dtype=torch.float64),
        ...     h=0.5,
        ... )
        tensor([ 3.2500, 12.2500], dtype=torch.float64)

    Chapter: backpropagation.
    """
    _check_difference(x, h, scheme)
    h = best_step(x.dtype, scheme) if h is None else float(h)
    slopes, shift = torch.zeros(2, *x.shape, dtype=x.dtype, device=x.device)
    for i in range(x.numel()):
        shift.view(-1)[i] = h
        upper = x + shift
        lower = x - shift if scheme == "central" else x
        shift.view(-1)[i] = 0.0
        rise = function(upper) - function(lower)
        if not isinstance(rise, torch.Tensor) or rise.ndim:
            raise ValueError(
                "function must return one number as a tensor without"
                f" dimensions, got {rise}"
            )
        # not quite 2h, since x + h and x - h are rounded
        width = (upper - lower).flatten()[i]
        slopes.view(-1)[i] = rise / width
    return slopes


def relative_error(a, b):
    r"""Distance of two gradients relative to the longer one.

    .. math::
        \frac{\lVert a - b \rVert_2}{\max(\lVert a \rVert_2, \lVert b \rVert_2)}

    Args:
        a: tensor of any shape.
        b: tensor of the same shape.

    Returns:
        A number in 0 … 2; 0 if both are zero.

    Raises:
        TypeError: if an argument is not a tensor.
        ValueError: if the shapes differ.

    Example:
        >>> relative_error(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 3.0]))
        0.2

    Chapter: backpropagation.
    """
    if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
        raise TypeError(
            f"a and b must be tensors, got {type(a).__name__} and"
            f" {type(b).__name__}"
        )
    if a.shape != b.shape:
        raise ValueError(
            f"a and b must have the same shape, got {tuple(a.shape)} and"
            f" {tuple(b.shape)}"
        )
    a, b = a.double(), b.double()
    longer = torch.maximum(a.norm(), b.norm())
    return ((a - b).norm() / longer).item() if longer != 0 else 0.0


def gradient_check(function, x, gradient=None, h=None):
    r"""Compare a gradient with central differences.

    Args:
        function: takes a tensor of the shape of ``x`` and returns one number as
            a tensor. It must be smooth near ``x`` and return the same number
            each time.
        x: where, best in float64.
        gradient: the gradient to check, of the shape of ``x``; the one of
            autograd if not given.
        h: step of the difference; :func:`best_step` if not given.

    Returns:
        Their :func:`relative_error`: in float64 about 1e-9 for a right gradient
        of a smooth function, above 1e-2 for most wrong ones.

    Raises:
        TypeError, ValueError: as :func:`finite_difference` and
            :func:`relative_error`.

    Example:
        >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64)
        >>> gradient_check(lambda x: (x**3).sum(), x) < 1e-8
        True
        >>> round(  # the 3 is missing
        ...     gradient_check(lambda x: (x**3).sum(), x, gradient=x**2), 3
        ... )
        0.667

    Differs from torch: ``torch.autograd.gradcheck`` compares entry by entry
    with a tolerance and raises.

    Chapter: backpropagation.
    """
    numeric = finite_difference(function, x, h)
    if gradient is None:
        x = x.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(function(x), x)
    return relative_error(gradient, numeric)


def hvp(function, x, v):
    r"""Hessian-vector product: how the gradient moves when ``x`` moves along
    ``v``. The Hessian is never made.

    .. math::
        H v = \nabla \bigl(\nabla f(x)^\top v\bigr)

    Args:
        function: takes a tensor of the shape of ``x`` and returns one number as
            a tensor.
        x: where, floating point, any shape.
        v: direction, of the shape and type of ``x``.

    Returns:
        Tensor of the shape of ``x``. The product of gradient and direction is
        one number, so a second sweep of reverse mode gives its gradient.

    Raises:
        TypeError: if ``x`` or ``v`` is not a tensor.
        ValueError: if their shapes or types differ, or are not floating-point.

    Example:
        >>> x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])
        >>> hvp(lambda x: (x**3).sum(), x, v)  # the Hessian is diag(6 x)
        tensor([6., 0.])

    Source: Pearlmutter (1994).

    Differs from torch: ``torch.autograd.functional.hvp`` returns the value of
    the function as well.

    Chapter: backpropagation.
    """
    _check_direction(x, v)
    gradient = torch.func.grad(function)
    return torch.func.grad(lambda x: (gradient(x) * v).sum())(x)


def _check_direction(x, v):
    if not isinstance(x, torch.Tensor) or not isinstance(v, torch.Tensor):
        raise TypeError(
            f"x and v must be tensors, got {type(x).__name__} and"
            f" {type(v).__name__}"
        )
    if (x.shape, x.dtype) != (v.shape, v.dtype) or not x.is_floating_point():
        kinds = f"{x.dtype} {tuple(x.shape)} and {v.dtype} {tuple(v.shape)}"
        raise ValueError(
            "x and v must be floating-point, of the same shape and type, got"
            f" {kinds}"
        )


def check_three_paths(answer):
    r"""Exercise by hand: the derivative of :math:`y = (a b + b)\,b` with
    respect to b, at a = 1 and b = 3.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_three_paths(6)
        ✗ Not yet: that is one path or two; b is used in three places, so add
        three.

    Chapter: backpropagation.
    """
    return check_number(
        answer,
        12.0,
        {
            3.0: "that is one path; b is used in three places, so add three",
            6.0: (
                "that is one path or two; b is used in three places, so add"
                " three"
            ),
            9.0: (
                "one of three paths is missing: b is a factor of a·b, a term of"
                " the sum and a factor of y"
            ),
            18.0: "that is y itself; its derivative is asked for",
        },
    )


def _deltas(generator):
    """Weights, deltas of the next layer and outputs of this one; square, so
    that a transposed matrix fits too.
    """
    draws = [
        [torch.randn(3, 3, generator=generator) for _ in range(3)]
        for _ in range(4)
    ]
    return [(W, delta, torch.sigmoid(z)) for W, delta, z in draws]


def check_hidden_delta(attempt):
    r"""Exercise: ``attempt(W, delta, h)`` returns the deltas of a hidden layer
    of logistic units.

    ``W`` and ``delta`` belong to the next layer, ``h`` are the outputs of this
    one; rows are examples.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_hidden_delta(lambda W, delta, h: delta @ W)
        ✗ Not yet: the slope of the logistic function is missing: multiply by h
        (1 − h).

    Chapter: backpropagation.
    """
    return check(
        attempt,
        lambda W, delta, h: sigmoid_backward(delta @ W, h),
        _deltas,
        {
            (
                "the slope of the logistic function is missing:"
                " multiply by h (1 − h)"
            ): lambda W, delta, h: delta @ W,
            (
                "W has one row per unit of the next layer: delta @ W,"
                " not delta @ W.T"
            ): lambda W, delta, h: (delta @ W.T) * h * (1 - h),
            (
                "h is σ(z) already: its slope is h (1 − h),"
                " so do not apply σ again"
            ): lambda W, delta, h: (
                (delta @ W) * torch.sigmoid(h) * (1 - torch.sigmoid(h))
            ),
            (
                "1 − h² is the slope of tanh; the logistic function's is"
                " h (1 − h)"
            ): lambda W, delta, h: (delta @ W) * (1 - h.square()),
            "the slope is h (1 − h), not h alone": lambda W, delta, h: (
                (delta @ W) * h
            ),
            "carry the deltas back through the weights first: delta @ W": (
                lambda W, delta, h: delta * h * (1 - h)
            ),
        },
        library=(sigmoid_backward,),
    )


def _logits(generator):
    """Logits of a few rows, and classes."""
    return [
        (
            torch.randn(n, 4, generator=generator, dtype=torch.float64),
            torch.randint(4, (n,), generator=generator),
        )
        for n in (2, 3, 5)
    ]


def check_logit_delta(attempt):
    r"""Exercise: ``attempt(z, y)`` returns the gradient of the mean
    cross-entropy with respect to the logits.

    ``z`` has a row of logits per example, ``y`` the classes.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_logit_delta(lambda z, y: torch.softmax(z, dim=1))
        ✗ Not yet: the target is missing: subtract 1 in the column of the right
        class, and divide by the number of rows.

    Chapter: backpropagation.
    """
    return check(
        attempt,
        cross_entropy_backward,
        _logits,
        {
            (
                "the target is missing: subtract 1 in the column of the right"
                " class, and divide by the number of rows"
            ): lambda z, y: torch.softmax(z, dim=1),
            "the loss is a mean: divide by the number of rows": (
                lambda z, y: len(y) * cross_entropy_backward(z, y)
            ),
            "the sign is the other way round: q minus the target": (
                lambda z, y: -cross_entropy_backward(z, y)
            ),
            (
                "the softmax runs over the classes of a row, dim=1,"
                " not over the rows"
            ): lambda z, y: (
                cross_entropy_backward(z, y)
                + (torch.softmax(z, dim=0) - torch.softmax(z, dim=1)) / len(y)
            ),
        },
        library=(cross_entropy_backward,),
    )
