r"""What an argument may be: every refusal names the argument, what is allowed
and what came.

Formula functions check types, shapes and hyper-parameters with these. The
values of a tensor pass, NaN included, as in torch; data are looked at where
they come in (:func:`companion.data.check_data`), unless ``torch.func`` maps the
function (:func:`surely`).
"""

import functools
import math
from numbers import Integral, Real

import numpy as np
import torch
from torch._C._functorch import is_functorch_wrapped_tensor

__all__ = [
    "at_least_float32",
    "check_floats",
    "check_int",
    "check_real",
    "check_seed",
    "check_solvable",
    "check_tensor",
    "in_float32",
    "mapped",
    "plain",
    "surely",
]


HALF = (torch.float16, torch.bfloat16)


def at_least_float32(x):
    r"""Give sums and squares room: half-precision numbers as float32, others
    as they are.

    Args:
        x: tensor of floating-point numbers.

    Returns:
        The same values; the gradient comes back in the type of ``x``.

    Example:
        >>> x = torch.tensor(300.0, dtype=torch.float16)
        >>> x.square().item(), at_least_float32(x).square().item()
        (inf, 90000.0)
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))


def check_solvable(name, value):
    r"""Refuse numbers for which torch solves no equations.

    Args:
        name: name of the argument.
        value: a tensor.

    Raises:
        TypeError: if it is in half precision.

    Example:
        >>> check_solvable("X", torch.ones(2, 2).half())
        Traceback (most recent call last):
        TypeError: X must be float32 or float64, got torch.float16: torch solves
        nothing in half precision
    """
    if value.dtype in HALF:
        raise TypeError(
            f"{name} must be float32 or float64, got {value.dtype}: torch"
            " solves nothing in half precision"
        )


def check_tensor(name, value):
    r"""Refuse what is no tensor.

    Args:
        name: name of the argument.
        value: what came.

    Raises:
        TypeError: if ``value`` is not a tensor.

    Example:
        >>> check_tensor("target", [1, 2])
        Traceback (most recent call last):
        TypeError: target must be a torch.Tensor, got list
    """
    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}"
        )


def _kind(value):
    tensor = isinstance(value, torch.Tensor)
    return value.dtype if tensor else type(value).__name__


def check_floats(name, value, dims=0, shape=None):
    r"""Refuse what is no tensor of floating-point numbers with enough
    dimensions.

    Args:
        name: name of the argument.
        value: what came.
        dims: fewest dimensions; with 1 or more, none of them may be empty.
        shape: the only shape that is allowed, or None for any.

    Raises:
        TypeError: if ``value`` is not a tensor of floating-point numbers.
        ValueError: if it has another shape.

    Example:
        >>> check_floats("X", torch.ones(3), dims=2)
        Traceback (most recent call last):
        ValueError: X must have at least 2 dimensions, none empty, got shape
        (3,)
    """
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        kind = _kind(value)
        raise TypeError(
            f"{name} must be a tensor of floating-point numbers, got {kind}"
        )
    if value.ndim < dims or (dims and 0 in value.shape):
        plural = "dimension" if dims == 1 else "dimensions"
        raise ValueError(
            f"{name} must have at least {dims} {plural}, none empty, got shape"
            f" {tuple(value.shape)}"
        )
    if shape is not None and value.shape != shape:
        raise ValueError(
            f"{name} must have shape {tuple(shape)}, got {tuple(value.shape)}"
        )


def check_int(name, value, low=1, high=math.inf):
    r"""Refuse what is no int between two limits.

    Args:
        name: name of the argument.
        value: what came, an int of Python or numpy; True and False are none.
        low: smallest allowed int.
        high: largest allowed int.

    Raises:
        TypeError: if ``value`` is not an int.
        ValueError: if it is outside the limits.

    Example:
        >>> check_int("patience", 0)
        Traceback (most recent call last):
        ValueError: patience must be at least 1, got 0
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if not low <= value <= high:
        limits = (
            f"at least {low}"
            if high == math.inf
            else f"between {low} and {high}"
        )
        raise ValueError(f"{name} must be {limits}, got {value}")


def check_real(name, value, low=-math.inf, high=math.inf, above=None):
    r"""Refuse what is no finite number between two limits.

    Args:
        name: name of the argument.
        value: what came, a number of Python or numpy; True and False are none.
        low: smallest allowed number.
        high: largest allowed number.
        above: a limit that is not allowed itself, instead of ``low``.

    Raises:
        TypeError: if ``value`` is not a number.
        ValueError: if it is NaN, infinite or outside the limits.

    Example:
        >>> check_real("p", 1.5, 0, 1)
        Traceback (most recent call last):
        ValueError: p must be in [0, 1], got 1.5
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not (
        low <= value <= high
        and math.isfinite(value)
        and (above is None or value > above)
    ):
        if high < math.inf:
            limits = (
                f"in {f'[{low:g}' if above is None else f'({above:g}'},"
                f" {high:g}]"
            )
        else:
            lowest = f" and at least {low:g}" if low > -math.inf else ""
            limits = (
                f"finite{lowest if above is None else f' and above {above:g}'}"
            )
        raise ValueError(f"{name} must be {limits}, got {value}")


def check_seed(name, value):
    r"""Refuse what is no seed. torch's generator for the CPU takes the lowest
    32 bits of a seed, so a larger one would repeat a smaller one.

    Args:
        name: name of the argument.
        value: what came.

    Raises:
        TypeError: if ``value`` is not an int.
        ValueError: if it is negative or not below 2**32.

    Example:
        >>> check_seed("seed", 2**32)
        Traceback (most recent call last):
        ValueError: seed must be between 0 and 4294967295, got 4294967296
    """
    check_int(name, value, 0, 2**32 - 1)


def in_float32(function):
    r"""Let a function of tensors compute in float32 where they are in half
    precision, whose squares overflow from 256 on; what it returns has the type
    that it would have had.

    Args:
        function: returns a tensor, or a tuple of tensors.

    Returns:
        The function.

    Example:
        >>> @in_float32
        ... def length(x):
        ...     return x.square().sum().sqrt()
        >>> length(torch.tensor([300.0, 400.0]).half())
        tensor(500., dtype=torch.float16)
    """

    @functools.wraps(function)
    def wide(*args, **kwargs):
        floats = [
            value
            for value in (*args, *kwargs.values())
            if isinstance(value, torch.Tensor) and value.is_floating_point()
        ]
        if all(value.dtype not in HALF for value in floats):
            return function(*args, **kwargs)
        own = functools.reduce(
            torch.promote_types, [value.dtype for value in floats]
        )
        args = [_wide(value) for value in args]
        kwargs = {name: _wide(value) for name, value in kwargs.items()}
        result = function(*args, **kwargs)
        if isinstance(result, torch.Tensor):
            return result.to(own)
        parts = [part.to(own) for part in result]
        return tuple(parts) if type(result) is tuple else type(result)(*parts)

    return wide


def _wide(value):
    """A tensor in half precision in float32, all else as it is."""
    half = isinstance(value, torch.Tensor) and value.dtype in HALF
    return value.float() if half else value


def mapped(value):
    r"""Say whether the numbers of a tensor cannot be looked at: while
    ``torch.func`` transforms a function or ``torch.compile`` traces it, a
    tensor stands for many numbers or for none yet.

    Args:
        value: anything.

    Returns:
        True or False.

    Example:
        >>> mapped(torch.ones(2))
        False
    """
    return torch.compiler.is_compiling() or (
        isinstance(value, torch.Tensor) and is_functorch_wrapped_tensor(value)
    )


def plain(value):
    r"""Turn a number of numpy into one of Python; leave all else.

    Args:
        value: anything.

    Returns:
        The same value.

    Example:
        >>> import numpy as np
        >>> plain(np.int64(3)), plain(0.5)
        (3, 0.5)
    """
    return value.item() if isinstance(value, np.generic) else value


def surely(condition):
    r"""Say whether a condition on values holds and can be looked at: nothing is
    sure of what is :func:`mapped`.

    Args:
        condition: a bool, or a tensor with one.

    Returns:
        True or False.

    Example:
        >>> surely(torch.tensor(-1.0) < 0)
        True
        >>> torch.func.vmap(lambda x: x if surely(x < 0) else -x)(torch.ones(1))
        tensor([-1.])
    """
    return not mapped(condition) and bool(condition)
