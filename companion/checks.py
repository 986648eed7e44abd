r"""Exercises that answer back: compare a reader's answer with the right one and
with the usual wrong ones.

The exercises themselves stand at the end of each chapter's module and call
:func:`check` or :func:`check_number`.
"""

import copy
import math
import re
from numbers import Number, Real

import numpy as np
import torch

from companion.claims import number

__all__ = ["Answer", "check", "check_number"]

NUMERIC = (Number, np.ndarray, torch.Tensor)
# Relative tolerance per dtype: wide enough for another order of summation,
# narrow enough to see a misplaced eps.
TOLERANCE = {
    torch.float64: 1e-9,
    torch.float32: 1e-4,
    torch.float16: 1e-2,
    torch.bfloat16: 3e-2,
}


class Answer(int):
    r"""What a check found: 1 (right) or 0. The sentence is printed already, so
    a notebook does not echo this.

    Attributes:
        case: the arguments with which the reader's function went wrong, or
            None.

    Example:
        >>> bool(Answer(1))
        True

    Chapter: all.
    """

    case = None

    def _ipython_display_(self):
        pass

    def __repr__(self):
        return str(bool(self))


def check_number(answer, expected, mistakes=None, *, tolerance=None):
    r"""Check a number worked out by hand, and print one sentence about it.

    Args:
        answer: the reader's number; None or ``...`` means not yet answered.
        expected: the right number.
        mistakes: wrong number to the hint for whoever arrives at it.
        tolerance: the largest absolute error; by default half a percent of
            ``expected``.

    Returns:
        1 if right, else 0. Nothing that a reader answers raises an error.

    Raises:
        ValueError: if the exercise is badly set: expected 0 without tolerance,
            or a mistake that would count as right.

    Example:
        >>> hints = {0.5: "the survivors are scaled up by 1/(1 - p)"}
        >>> answer = check_number(0.5, 1.0, hints)
        ✗ Not yet: the survivors are scaled up by 1/(1 - p).
        >>> answer = check_number(1.0, 1.0, hints)
        ✓ Right: 1.

    Chapter: all.
    """
    tolerance = abs(expected) * 0.005 if tolerance is None else tolerance
    mistakes = mistakes or {}
    if not (math.isfinite(expected) and tolerance > 0):
        raise ValueError(
            f"expected must be finite and tolerance positive; got {expected!r}"
            f" and {tolerance!r}"
        )
    for wrong, hint in mistakes.items():
        if abs(wrong - expected) <= tolerance:
            raise ValueError(
                f"the mistake {wrong!r} ({hint}) is within {tolerance:g} of the"
                f" expected {expected!r}"
            )
    if answer is None or answer is ...:
        return _say(False, "put your number in place of the dots")
    if (
        isinstance(answer, torch.Tensor | np.ndarray)
        and math.prod(answer.shape) == 1
    ):
        answer = answer.item()
    if _comma(answer):
        return _say(False, "write 0.25 for a quarter, with a point, not 0,25")
    if isinstance(answer, bool) or not isinstance(answer, Real):
        return _say(False, f"the answer is one number, this is {_kind(answer)}")
    try:
        answer = float(answer)
    except OverflowError:
        answer = math.inf
    if abs(answer - expected) <= tolerance:
        return _say(True, number(expected))
    near = min(
        mistakes, key=lambda wrong: abs(answer - wrong), default=math.inf
    )
    if abs(answer - near) <= tolerance:
        return _say(False, mistakes[near])
    if math.isfinite(answer):
        return _say(
            False,
            f"{number(answer)} is too"
            f" {'small' if answer < expected else 'large'}",
        )
    return _say(False, f"the answer is a finite number, this is {answer}")


def check(attempt, reference, cases, mistakes=None):
    r"""Check a function the reader wrote, and print one sentence about it.

    The attempt and the reference run on copies of every case, from the same
    random state. They may return tensors, arrays, numbers, strings, or tuples,
    lists and dicts of them; a number and a tensor without dimensions are the
    same. Where the attempt agrees with a known wrong implementation on all
    cases, its hint is printed, else the first case that differs. Tensors agree
    when each entry does, to a tolerance that follows the dtype and the largest
    entry.

    Args:
        attempt: the reader's function.
        reference: the right one.
        cases: tuples of arguments, or a function that makes them from a
            ``torch.Generator``.
        mistakes: hint to the wrong implementation that earns it.

    Returns:
        1 if right, else 0; its ``case`` holds the arguments that the sentence
        names. Nothing that an attempt does raises an error.

    Raises:
        ValueError: if the exercise is badly set: no cases, a reference that
            fails or returns None, or a mistake that fails or agrees with the
            reference on all cases.

    Example:
        >>> def relu(x):
        ...     return x.clamp(min=0)
        >>> cases = [(torch.tensor([-1.0, 2.0]),), (torch.tensor([-3.0, 0.0]),)]
        >>> answer = check(
        ...     lambda x: x.abs(),
        ...     relu,
        ...     cases,
        ...     {"negative inputs give 0, not their size": torch.abs},
        ... )
        ✗ Not yet: negative inputs give 0, not their size.
        >>> answer = check(lambda x: (x + x.abs()) / 2, relu, cases)
        ✓ Right: your function agrees with the reference on all 2 cases.

    Chapter: all.
    """
    cases = (
        cases(torch.Generator().manual_seed(0)) if callable(cases) else cases
    )
    if (
        not isinstance(cases, list | tuple)
        or not cases
        or not all(isinstance(case, tuple) for case in cases)
    ):
        raise ValueError(
            f"cases must be a non-empty list of argument tuples; got {cases!r}"
        )
    wanted = [_by_author("the reference", reference, case) for case in cases]
    wrongs = {
        hint: [_by_author(hint, wrong, case) for case in cases]
        for hint, wrong in (mistakes or {}).items()
    }
    for hint, results in wrongs.items():
        if not any(map(_difference, results, wanted)):
            raise ValueError(
                f"the mistake {hint!r} agrees with the reference on all cases"
            )
    try:
        return _say(*_judge(attempt, cases, wanted, wrongs))
    except Exception as error:
        # an answer may be any object, even one that refuses to be compared or
        # printed
        return _say(
            False,
            "the result cannot be compared with the expected one"
            f" ({type(error).__name__})",
        )


def _comma(answer):
    """Whether a number was written with a decimal comma, which Python takes for
    a pair of ints.
    """
    if isinstance(answer, tuple):
        return [type(part) for part in answer] == [int, int]
    return isinstance(answer, str) and bool(
        re.fullmatch(r"\s*[+-]?\d*,\d+\s*", answer)
    )


def _judge(attempt, cases, wanted, wrongs):
    """Run the attempt on all cases and find the one thing to say about it."""
    if attempt is None or attempt is ...:
        return False, "write the function in place of the dots"
    if not callable(attempt):
        return False, f"a function is wanted, this is {_kind(attempt)}"
    name = getattr(attempt, "__name__", "<lambda>").replace(
        "<lambda>", "your function"
    )
    results = []
    for case in cases:
        try:
            results.append(_run(attempt, case))
        except NotImplementedError:
            results.append(None)
        except (Exception, SystemExit) as error:
            cause = " ".join(str(error).split())[:200]
            return (
                False,
                (
                    f"{name}({_arguments(case)}) stops with"
                    f" {type(error).__name__}: {cause}"
                ),
                case,
            )
        if results[0] is None or results[0] is ...:
            return False, f"{name} returns nothing; write its body"
    faults = [
        _difference(result, want)
        for result, want in zip(results, wanted, strict=True)
    ]
    if not any(faults):
        return (
            True,
            f"{name} agrees with the reference on all {len(cases)} cases",
        )
    for hint, wrong in wrongs.items():
        if not any(map(_difference, results, wrong)):
            return False, hint
    first = next(i for i, fault in enumerate(faults) if fault)
    case = cases[first]
    return False, f"{name}({_arguments(case)}): {faults[first]}", case


def _say(right, text, case=None):
    """Print the one sentence."""
    text = text.rstrip(".")
    if case and not all(map(_short, case)):
        text += "; .case of what this check returns holds the arguments"
    print(f"{'✓ Right' if right else '✗ Not yet'}: {text}.")
    answer = Answer(right)
    answer.case = copy.deepcopy(case)
    return answer


def _run(function, case):
    """Call a function on a copy of a case and from a fixed random state, so
    that it can spoil neither.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return function(*copy.deepcopy(case))


def _by_author(role, function, case):
    """Run what the author of the exercise wrote: it must work."""
    try:
        result = _run(function, case)
    except Exception as error:
        raise ValueError(
            f"{role!r} fails on ({_arguments(case)}): {error}"
        ) from error
    if result is None:
        raise ValueError(f"{role!r} returns None on ({_arguments(case)})")
    return result


def _difference(got, want, where=""):
    """Say how a result differs from the wanted one; an empty string if it does
    not.
    """
    kinds = f"{where}expected {_kind(want)}, came {_kind(got)}"
    if isinstance(want, tuple | list | dict):
        family = dict if isinstance(want, dict) else (tuple, list)
        keys = list(want) if isinstance(want, dict) else range(len(want))
        if (
            not isinstance(got, family)
            or len(got) != len(want)
            or (family is dict and set(got) != set(want))
        ):
            return kinds
        parts = (
            _difference(got[key], want[key], f"{where}part {key!r}: ")
            for key in keys
        )
        return next((part for part in parts if part), "")
    if not isinstance(want, NUMERIC):
        return (
            ""
            if type(got) is type(want) and got == want
            else f"{where}expected {want!r}, came {got!r}"
        )
    if not isinstance(got, NUMERIC):
        return kinds
    a, b = _tensor(got), _tensor(want)
    same_family = not b.ndim or isinstance(got, torch.Tensor) == isinstance(
        want, torch.Tensor
    )
    if (
        a.shape != b.shape
        or a.is_complex() != b.is_complex()
        or not same_family
        or (b.ndim and _dtype_class(a) != _dtype_class(b))
    ):
        return kinds
    if a.is_complex():
        a, b = (
            torch.view_as_real(a.resolve_conj()),
            torch.view_as_real(b.resolve_conj()),
        )
    tolerance = max(TOLERANCE.get(a.dtype, 0.0), TOLERANCE.get(b.dtype, 0.0))
    coarse = torch.finfo(a.dtype).eps if a.is_floating_point() else 0.0
    a, b = a.double(), b.double()
    scale = b[b.isfinite()].abs().max().item() if b.isfinite().any() else 0.0
    close = torch.isclose(
        a, b, rtol=tolerance, atol=tolerance * scale or coarse, equal_nan=True
    )
    if close.all():
        return ""
    if b.numel() <= 6:
        return f"{where}expected {{}}, came {{}}".format(
            *_texts(b.tolist(), a.tolist())
        )
    index = tuple((~close).nonzero()[0].tolist())
    return f"{where}expected {{}}, came {{}} at index {list(index)}".format(
        *_texts(b[index].item(), a[index].item())
    )


def _tensor(value):
    """Turn a number, an array or a tensor into a tensor without loss."""
    return (
        value.cpu()
        if isinstance(value, torch.Tensor)
        else torch.from_numpy(np.array(value))
    )


def _dtype_class(tensor):
    """Tell floating-point, integer and Boolean tensors apart."""
    return tensor.is_floating_point(), tensor.dtype == torch.bool


def _texts(*values):
    """Write numbers, or nested lists of them, with as few digits as tell them
    apart.
    """

    def text(value, digits):
        return (
            f"[{', '.join(text(v, digits) for v in value)}]"
            if isinstance(value, list)
            else f"{value:.{digits}g}"
        )

    for digits in (4, 8, 17):
        texts = [text(value, digits) for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _kind(value):
    """Name what a value is: its type and shape."""
    if isinstance(value, torch.Tensor | np.ndarray):
        family = "a tensor" if isinstance(value, torch.Tensor) else "an array"
        return (
            f"{family} of shape {tuple(value.shape)} and type"
            f" {str(value.dtype).removeprefix('torch.')}"
        )
    if isinstance(value, dict):
        return f"a dict with the keys {', '.join(map(repr, value))}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    name = "nothing" if value is None else type(value).__name__
    return (
        name
        if value is None
        else f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
    )


def _arguments(case):
    """Write the arguments of a case briefly."""
    parts = []
    for value in case:
        if isinstance(value, bool) or not isinstance(value, NUMERIC):
            parts.append(repr(value)[:60])
        elif _short(value):
            parts.append(_texts(_tensor(value).tolist())[0])
        else:
            parts.append(_kind(value))
    return ", ".join(parts)


def _short(value):
    """Whether the sentence has room for a whole argument."""
    if isinstance(value, NUMERIC):
        return _tensor(value).numel() <= 6
    return len(repr(value)) <= 60
