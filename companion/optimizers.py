r"""Chapter *optimizers*: every update rule once, as a pure function, and the same rule as a ``torch.optim.Optimizer``.

A rule takes one parameter, its gradient and its state, and returns the new parameter and the new state. It changes
nothing it is given. Its hyper-parameters are numbers, or tensors that broadcast against the parameter: that is how
:func:`companion.training.fit_many` trains many replicas with one call of the rule.
"""

import functools
import inspect

import torch

__all__ = ["SGD", "Adam", "AdamW", "adam", "adamw", "check_hyperparameters", "rule_hyperparameters", "sgd"]


def _add(a, b, scale):
    """Return ``a + scale * b`` in one pass over memory, for a number or a tensor ``scale``."""
    if isinstance(scale, torch.Tensor):
        return torch.addcmul(a, b, scale)
    return torch.add(a, b, alpha=scale) if scale else a


def sgd(param, grad, state, *, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    r"""One step of stochastic gradient descent with momentum.

    .. math::
        g_t &= \nabla L(w_{t-1}) + \lambda w_{t-1} \\
        v_t &= \mu v_{t-1} + (1 - \tau)\, g_t, \qquad v_1 = g_1 \\
        w_t &= w_{t-1} - \eta v_t \qquad\text{(Nesterov: } w_{t-1} - \eta\,(g_t + \mu v_t)\text{)}

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`.
        momentum: :math:`\mu \ge 0`; 0 means none.
        dampening: :math:`\tau`, weakens each new gradient in the average.
        weight_decay: :math:`\lambda \ge 0` of the penalty :math:`\frac{\lambda}{2}\lVert w\rVert_2^2`.
        nesterov: look ahead along the momentum.

    Returns:
        The new parameter and the new state (``momentum_buffer`` if momentum is used).

    Example:
        >>> w, state = torch.tensor([1.0]), {}
        >>> w, state = sgd(w, 2 * w, state, lr=0.1, momentum=0.9)
        >>> w, state = sgd(w, 2 * w, state, lr=0.1, momentum=0.9)
        >>> round(w.item(), 4)
        0.46

    Source: Polyak (1964) for momentum; Sutskever, Martens, Dahl and Hinton (2013) for the form of Nesterov's method.

    Chapter: optimizers.
    """
    grad = _add(grad, param, weight_decay)
    if isinstance(momentum, torch.Tensor) or momentum:
        if isinstance(momentum, torch.Tensor):
            dampening = dampening * momentum.ne(0).to(momentum.dtype)  # where momentum is 0, nothing is averaged
        v = state.get("momentum_buffer")
        v = grad.clone() if v is None else _add(momentum * v, grad, 1 - dampening)
        state = {"momentum_buffer": v}
        grad = _add(grad, v, momentum) if nesterov else v
    return _add(param, grad, -lr), state


def adam(param, grad, state, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    r"""One step of Adam; ``weight_decay`` is an L2 penalty, added to the gradient.

    .. math::
        g_t &= \nabla L(w_{t-1}) + \lambda w_{t-1} \\
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t &= m_t / (1 - \beta_1^t), \qquad \hat v_t = v_t / (1 - \beta_2^t) \\
        w_t &= w_{t-1} - \eta\, \hat m_t / (\sqrt{\hat v_t} + \epsilon)

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`.
        beta1: decay of the mean of the gradients, in [0, 1).
        beta2: decay of the mean of the squared gradients, in [0, 1).
        eps: :math:`\epsilon \ge 0`, added outside the square root.
        weight_decay: :math:`\lambda \ge 0` of the penalty :math:`\frac{\lambda}{2}\lVert w\rVert_2^2`.

    Returns:
        The new parameter and the new state (``step``, ``exp_avg``, ``exp_avg_sq``).

    Example:
        The first step has length ``lr``, whatever the scale of the gradient.

        >>> w, state = adam(torch.zeros(2), torch.tensor([1e-4, 1e4]), {}, lr=0.1, eps=0.0)
        >>> [round(x, 6) for x in w.tolist()]
        [-0.1, -0.1]

    Source: Kingma and Ba (2015), Algorithm 1.

    Chapter: optimizers.
    """
    grad = _add(grad, param, weight_decay)
    if not state:
        state = {"step": 0, "exp_avg": torch.zeros_like(grad), "exp_avg_sq": torch.zeros_like(grad)}
    t = state["step"] + 1
    m = torch.lerp(state["exp_avg"], grad, _weight(1 - beta1, grad))
    v = torch.lerp(state["exp_avg_sq"], grad.square(), _weight(1 - beta2, grad))
    denominator = (v / (1 - beta2**t)).sqrt_().add_(eps)
    step = (m / (1 - beta1**t)).div_(denominator)
    return _add(param, step, -lr), {"step": t, "exp_avg": m, "exp_avg_sq": v}


def _weight(weight, like):
    """``torch.lerp`` wants a number, or a tensor of its operands' type."""
    return weight.to(like.dtype) if isinstance(weight, torch.Tensor) else weight


def adamw(param, grad, state, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    r"""One step of AdamW: Adam on the loss alone, and a decay of the weights beside it.

    .. math::
        w_t = (1 - \eta\lambda)\, w_{t-1} - \eta\, \hat m_t / (\sqrt{\hat v_t} + \epsilon)

    The decay does not pass through :math:`\hat m` and :math:`\hat v`, so every weight shrinks at the same rate.

    Args:
        param: :math:`w_{t-1}`, any shape.
        grad: the gradient of the loss, shape of ``param``.
        state: ``{}`` at the first step, then what the last step returned.
        lr: learning rate :math:`\eta \ge 0`; it scales the decay too.
        beta1: decay of the mean of the gradients, in [0, 1).
        beta2: decay of the mean of the squared gradients, in [0, 1).
        eps: :math:`\epsilon \ge 0`, added outside the square root.
        weight_decay: :math:`\lambda \ge 0`, the share of the weight lost per unit of learning rate.

    Returns:
        The new parameter and the new state (``step``, ``exp_avg``, ``exp_avg_sq``).

    Example:
        >>> w, _ = adamw(torch.ones(1), torch.zeros(1), {}, lr=0.1, weight_decay=0.5)
        >>> round(w.item(), 6)
        0.95

    Source: Loshchilov and Hutter (2019), Algorithm 2, with :math:`\eta\lambda` as PyTorch has it.

    Chapter: optimizers.
    """
    return adam(param * (1 - lr * weight_decay), grad, state, lr=lr, beta1=beta1, beta2=beta2, eps=eps)


_RANGES = {
    "lr": (0.0, float("inf")),
    "momentum": (0.0, float("inf")),
    "weight_decay": (0.0, float("inf")),
    "l1": (0.0, float("inf")),
    "eps": (0.0, float("inf")),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
}


def check_hyperparameters(rule, hyper):
    """Refuse hyper-parameters that ``rule`` does not have, or values outside their range.

    Args:
        rule: an update rule such as :func:`sgd`.
        hyper: dict of names and values; a value is a number, a bool or a tensor of numbers.

    Raises:
        TypeError: if a value is neither a number nor a tensor, or not a bool where the rule has a bool.
        ValueError: for an unknown name, a value that is not finite or one outside its range.

    Example:
        >>> check_hyperparameters(sgd, {"lr": -1.0})
        Traceback (most recent call last):
            ...
        ValueError: lr must be finite and at least 0, got -1.0

    Chapter: optimizers.
    """
    allowed = rule_hyperparameters(rule)
    defaults = {p.name: p.default for p in inspect.signature(rule).parameters.values()}
    for name, value in hyper.items():
        if name not in allowed:
            raise ValueError(f"{rule.__name__} has no hyper-parameter {name!r}; it has {', '.join(allowed)}")
        if not isinstance(value, int | float | torch.Tensor):
            raise TypeError(f"{name} must be a number or a tensor, got {type(value).__name__}")
        if isinstance(defaults[name], bool) and not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, got {value}")
        low, high = _RANGES.get(name, (-float("inf"), float("inf")))
        values = torch.as_tensor(value, dtype=torch.float64)
        if not (values.isfinite().all() and (values >= low).all() and (values < high).all()):
            limit = f" and at least {low:g}" if low > -float("inf") else ""
            limit = f" and in [{low:g}, {high:g})" if high < float("inf") else limit
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
        ['lr', 'beta1', 'beta2', 'eps', 'weight_decay']

    Chapter: optimizers.
    """
    return [p.name for p in inspect.signature(rule).parameters.values() if p.kind is p.KEYWORD_ONLY]


class _RuleOptimizer(torch.optim.Optimizer):
    """A ``torch.optim.Optimizer`` that applies one rule to every parameter."""

    rule = None

    def add_param_group(self, param_group):
        """Add parameters with options of their own; torch calls this for the first groups too.

        Args:
            param_group: dict with ``params`` and options.

        Raises:
            TypeError, ValueError: for an option of the wrong type or out of range.
        """
        super().add_param_group(param_group)
        check_hyperparameters(self.rule, self._hyper(self.param_groups[-1]))

    def _hyper(self, group):
        hyper = {name: group[name] for name in rule_hyperparameters(self.rule) if name in group}
        if "betas" in group:
            if not isinstance(group["betas"], tuple | list) or len(group["betas"]) != 2:
                raise TypeError(f"betas must be a pair (beta1, beta2), got {group['betas']!r}")
            hyper["beta1"], hyper["beta2"] = group["betas"]
        return hyper

    @torch.no_grad()
    def step(self, closure=None):
        """Update every parameter that has a gradient.

        Args:
            closure: optional function that computes the loss anew and calls ``backward``.

        Returns:
            What ``closure`` returned, or ``None``.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            hyper = self._hyper(group)
            for p in group["params"]:
                if p.grad is not None:
                    new, self.state[p] = self.rule(p, p.grad, self.state[p], **hyper)
                    p.copy_(new)
        return loss


class SGD(_RuleOptimizer):
    r"""Stochastic gradient descent: :func:`sgd` as a ``torch.optim.Optimizer``.

    Args:
        params: iterable of parameters, or of dicts that define parameter groups.
        lr: learning rate :math:`\eta \ge 0`.
        momentum: :math:`\mu \ge 0`.
        dampening: :math:`\tau`.
        weight_decay: :math:`\lambda \ge 0`.
        nesterov: look ahead along the momentum; needs momentum and no dampening.

    Raises:
        ValueError: for a hyper-parameter out of range, or ``nesterov`` without momentum or with dampening.

    Example:
        >>> w = torch.ones(2, requires_grad=True)
        >>> optimizer = SGD([w], lr=0.1, weight_decay=1.0)
        >>> w.sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.800000011920929, 0.800000011920929]

    Differs from torch: no ``maximize``, ``foreach``, ``differentiable`` or ``fused``.

    Chapter: optimizers.
    """

    rule = staticmethod(sgd)

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                f"nesterov needs momentum above 0 and dampening 0, got momentum {momentum} and dampening {dampening}"
            )
        names = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
        super().__init__(params, dict(zip(names, (lr, momentum, dampening, weight_decay, nesterov), strict=True)))


class Adam(_RuleOptimizer):
    r"""Adam: :func:`adam` as a ``torch.optim.Optimizer``.

    Args:
        params: iterable of parameters, or of dicts that define parameter groups.
        lr: learning rate :math:`\eta \ge 0`.
        betas: :math:`(\beta_1, \beta_2)`, each in [0, 1).
        eps: :math:`\epsilon \ge 0`.
        weight_decay: :math:`\lambda \ge 0`, added to the gradient.

    Raises:
        ValueError: for a hyper-parameter out of range.

    Example:
        >>> w = torch.zeros(1, requires_grad=True)
        >>> optimizer = Adam([w], lr=0.1)
        >>> (3 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        -0.1

    Differs from torch: no ``amsgrad``, ``maximize``, ``foreach``, ``capturable``, ``differentiable`` or ``fused``.

    Chapter: optimizers.
    """

    rule = staticmethod(adam)

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})


class AdamW(_RuleOptimizer):
    r"""AdamW: :func:`adamw` as a ``torch.optim.Optimizer``.

    Args:
        params: iterable of parameters, or of dicts that define parameter groups.
        lr: learning rate :math:`\eta \ge 0`.
        betas: :math:`(\beta_1, \beta_2)`, each in [0, 1).
        eps: :math:`\epsilon \ge 0`.
        weight_decay: :math:`\lambda \ge 0`, the decay beside the gradient.

    Raises:
        ValueError: for a hyper-parameter out of range.

    Example:
        >>> w = torch.ones(1, requires_grad=True)
        >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
        >>> (0 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        0.95

    Differs from torch: no ``amsgrad``, ``maximize``, ``foreach``, ``capturable``, ``differentiable`` or ``fused``.

    Chapter: optimizers.
    """

    rule = staticmethod(adamw)

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
