r"""Exercises that answer back: compare a reader's answer with the right one and
with the usual wrong ones.

The exercises themselves stand at the end of each chapter's module and call
:func:`check` or :func:`check_number`. In a notebook each verdict is recorded,
too, for whoever reads many notebooks.
"""

import contextlib
import copy
import dis
import inspect
import io
import json
import math
import re
import signal
import sys
import threading
import traceback
from numbers import Number, Real

import numpy as np
import torch

from companion.claims import number, publish

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
SECONDS = 10  # for all cases together
HEARD = 2000  # characters of what an attempt prints
# what a function without a body of its own consists of
EMPTY = {"RESUME", "NOP", "LOAD_CONST", "POP_TOP", "RETURN_VALUE"}
EMPTY |= {"RETURN_CONST", "COPY_FREE_VARS"}


class _TooLong(BaseException):
    """Raised in an attempt that runs too long; no ``except Exception`` in it
    shall swallow this.
    """


class Answer(int):
    r"""What a check found: 1 (right) or 0. The sentence is printed already, so
    a notebook does not echo this.

    Attributes:
        case: the arguments with which the reader's function went wrong, or
            None.
        hint: what was said of a wrong answer, else an empty string.

    Example:
        >>> bool(Answer(1))
        True

    Chapter: all.
    """

    case = None
    hint = ""

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


def check(attempt, reference, cases, mistakes=None, *, library=()):
    r"""Check a function the reader wrote, and print one sentence about it.

    The attempt and the reference run on copies of every case, from the same
    random state. They may return tensors, arrays, numbers, strings, or tuples,
    lists and dicts of them; a number and a tensor without dimensions are the
    same. Where the attempt agrees with a known wrong implementation on all
    cases, its hint is printed, else the first case that differs. Tensors agree
    when each entry does, to a tolerance that follows the dtype and the largest
    entry.

    An attempt may run 10 seconds. In the main thread of Linux and macOS it is
    stopped then, though not within a single long operation of torch; elsewhere
    a line only says how to stop it.

    Args:
        attempt: the reader's function.
        reference: the right one.
        cases: tuples of arguments, or a function that makes them from a
            ``torch.Generator``.
        mistakes: hint to the wrong implementation that earns it.
        library: functions that are the whole answer. An attempt that is right
            because it calls one of them is not accepted.

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
        verdict = _judge(attempt, cases, wanted, wrongs)
        if verdict[0] and (found := _borrowed(attempt, cases[0], library)):
            verdict = (
                False,
                f"the numbers are right, but {found} computed them; write the"
                " formula yourself",
            )
        return _say(*verdict)
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
    heard, results = _Heard(), []
    try:
        with contextlib.redirect_stdout(heard), _time_limit():
            for case in cases:
                given = copy.deepcopy(case)
                try:
                    results.append(_run(attempt, given))
                except NotImplementedError:
                    return False, f"{name} returns nothing; write its body"
                if results[0] is None or results[0] is ...:
                    break
    except (Exception, SystemExit, _TooLong) as error:
        place = _place(error, attempt)
        if isinstance(error, _TooLong):
            what = (
                f"still runs after {SECONDS} s{place}; is there a loop"
                " without an end?"
            )
        else:
            what = (
                f"stops{place} with {type(error).__name__}: "
                + " ".join(str(error).split())[:200]
            )
        return False, f"{name}({_arguments(case)}) {what}", case
    finally:
        print(heard.getvalue(), end="")
    if results[0] is None or results[0] is ...:
        why = _nothing(attempt, case, given, heard.getvalue())
        return False, f"{name} returns nothing; {why}"
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


class _Heard(io.StringIO):
    """Keep the beginning of what is printed."""

    def write(self, text):
        super().write(text[: max(HEARD - self.tell(), 0)])
        return len(text)


@contextlib.contextmanager
def _time_limit():
    """Stop what runs too long, where the system can; else say so."""
    alarms = hasattr(signal, "setitimer")
    if not alarms or threading.current_thread() is not threading.main_thread():
        text = f"This still runs after {SECONDS} s: interrupt the kernel."
        timer = threading.Timer(SECONDS, print, [text], {"file": sys.stderr})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        return

    def stop(*_):
        raise _TooLong

    handler = signal.signal(signal.SIGALRM, stop)
    # again every second, for an attempt may swallow everything
    timer = signal.setitimer(signal.ITIMER_REAL, SECONDS, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


def _place(error, attempt):
    """Name the line of the reader's own code in which an error arose."""
    code = getattr(attempt, "__code__", None)
    lines = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if code and frame.filename == code.co_filename
    ]
    if not lines:
        return ""
    text = lines[-1].line
    return f" in line {lines[-1].lineno}" + (f" ({text[:60]})" if text else "")


def _nothing(attempt, case, given, heard):
    """Say why an attempt returns nothing."""
    code = getattr(attempt, "__code__", None)
    if code and {step.opname for step in dis.get_instructions(code)} <= EMPTY:
        return "write its body"
    if heard:
        return "it prints its result: write return instead of print"
    if any(map(_difference, given, case)):
        return "it changes its argument in place: return the result"
    return "its last line needs a return"


def _borrowed(attempt, case, library):
    """Name the library's function that does an attempt's work, or None."""
    # Python's functions are known by their code, others by themselves
    known = {
        getattr(inspect.unwrap(f), "__code__", f): f.__qualname__
        for f in library
    }
    found = []

    def watch(frame, event, arg):
        key = frame.f_code if event == "call" else arg
        if event in ("call", "c_call") and key in known:
            found.append(known[key])

    before = sys.getprofile()
    with contextlib.redirect_stdout(_Heard()), _time_limit():
        sys.setprofile(watch)
        try:
            _run(attempt, copy.deepcopy(case))
        finally:
            sys.setprofile(before)
    return found[0] if found else None


def _say(right, text, case=None):
    """Print the one sentence, and record it under the name of the exercise:
    the function of the course that called the check.
    """
    text = text.rstrip(".")
    if case and not all(map(_short, case)):
        text += "; .case of what this check returns holds the arguments"
    print(f"{'✓ Right' if right else '✗ Not yet'}: {text}.")
    answer = Answer(right)
    answer.case = copy.deepcopy(case)
    answer.hint = "" if right else text
    caller = inspect.currentframe().f_back.f_back
    module = caller.f_globals.get("__name__", "")
    if module.startswith("companion."):
        name = f"{module.removeprefix('companion.')}.{caller.f_code.co_name}"
        verdict = "right" if right else "not yet"
        record = {"exercise": name, "verdict": verdict, "hint": answer.hint}
        publish(
            {"application/json": json.dumps(record)},
            f"exercise.{name}",
            visible=False,
        )
    return answer


def _run(function, case):
    """Call a function from a fixed random state, which it cannot spoil."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return function(*case)


def _by_author(role, function, case):
    """Run what the author of the exercise wrote: it must work."""
    try:
        result = _run(function, copy.deepcopy(case))
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
    truth = a.dtype == b.dtype == torch.bool
    a, b = a.double(), b.double()
    scale = b[b.isfinite()].abs().max().item() if b.isfinite().any() else 0.0
    close = torch.isclose(
        a, b, rtol=tolerance, atol=tolerance * scale or coarse, equal_nan=True
    )
    if close.all():
        return ""
    index, place = (), ""
    if b.numel() > 6:
        index = tuple((~close).nonzero()[0].tolist())
        place = f" at index {list(index)}"
    a, b = (t.bool() if truth else t for t in (a[index], b[index]))
    want, got = _texts(b.tolist(), a.tolist())
    return f"{where}expected {want}, came {got}{place}"


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
        if isinstance(value, list):
            # commas part the entries
            inner = (text(v, digits).replace(",", "") for v in value)
            if any(isinstance(v, list) for v in value):
                inner = (text(v, digits) for v in value)
            return f"[{', '.join(inner)}]"
        if isinstance(value, bool) or not math.isfinite(value):
            return str(value)
        return number(value, digits)

    for digits in (4, 8, 17):
        texts = [text(value, digits) for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _kind(value):
    """Say what a value is: its type, and its shape or itself."""
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
    if value is None:
        return "nothing"
    name = type(value).__name__
    kind = f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
    if type(value) in (bool, int, float, complex, str):
        text = repr(value)
        return f"{text if len(text) <= 60 else text[:60] + '…'} ({kind})"
    return kind


def _arguments(case):
    """Write the arguments of a case briefly."""
    parts = []
    for value in case:
        if isinstance(value, bool) or not isinstance(value, NUMERIC):
            parts.append(repr(value)[:60])
        elif _short(value):
            parts.append(_plain(_tensor(value).tolist()))
        else:
            parts.append(_kind(value))
    return ", ".join(parts)


def _plain(value):
    """Write a number, or lists of them, as Python reads them."""
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    return f"{value:.4g}"


def _short(value):
    """Whether the sentence has room for a whole argument."""
    if isinstance(value, NUMERIC):
        return _tensor(value).numel() <= 6
    return len(repr(value)) <= 60
