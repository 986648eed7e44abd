"""Exercises that answer back: the stub is not accepted, the reference is, and
each usual mistake earns its own hint.
"""

import functools
import json
import math
import signal
import sys
import threading
import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from companion import checks, dropout
from companion.checks import Answer, check, check_number
from companion.claims import RECORD


def soft_threshold(x, t):
    return x.sign() * (x.abs() - t).clamp(min=0)


def hard(x, t):
    return x * (x.abs() > t)


def one_sided(x, t):
    return (x - t).clamp(min=0)


def unclipped(x, t):
    return x.sign() * (x.abs() - t)


MISTAKES = {
    "values that survive are shrunk too": hard,
    "negative values are treated like positive ones": one_sided,
    "what is smaller than t becomes 0.": unclipped,
}
CASES = [
    (torch.tensor([-3.0, -0.5, 0.5, 3.0]), 1.0),
    (torch.linspace(-2, 2, 9, dtype=torch.float64), 0.25),
]


@pytest.fixture
def ask(capsys):
    """Check an attempt, and return what was printed, which must be one
    sentence after what the attempt prints.
    """

    def run(
        attempt,
        reference=soft_threshold,
        cases=CASES,
        mistakes=MISTAKES,
        library=(),
    ):
        answer = check(attempt, reference, cases, mistakes, library=library)
        printed = capsys.readouterr().out
        printed = printed[max(printed.find("✓"), printed.find("✗")) :]
        assert (
            printed.count("\n") == 1
            and printed.endswith(".\n")
            and not printed.endswith("..\n")
        )
        assert printed.startswith("✓ Right: " if answer else "✗ Not yet: ")
        return answer, printed[:-2].split(": ", 1)[1]

    return run


@pytest.fixture
def fault(ask):
    """The sentence about an attempt at a function of one case, which must be
    wrong.
    """

    def run(came, expected):
        answer, text = ask(lambda: came, lambda: expected, [()], {})
        assert not answer
        return text.removeprefix("your function(): ")

    return run


def test_the_reference_is_accepted(ask):
    assert ask(soft_threshold) == (
        1,
        "soft_threshold agrees with the reference on all 2 cases",
    )


def test_another_way_to_write_it_is_accepted(ask):
    answer, text = ask(
        lambda x, t: torch.where(
            x > t, x - t, torch.where(x < -t, x + t, 0 * x)
        )
    )
    assert answer and text.startswith("your function agrees")


@pytest.mark.parametrize("hint", MISTAKES)
def test_each_mistake_earns_its_own_hint(hint, ask):
    assert ask(MISTAKES[hint]) == (0, hint.rstrip("."))


def test_a_mistake_must_agree_on_all_cases(ask):
    answer, text = ask(
        lambda x, t: hard(x, t) if x.dtype == torch.float32 else 0 * x
    )
    assert (
        not answer
        and text
        == "your function([-3, -0.5, 0.5, 3], 1): expected [−2, 0, 0, 2], came"
        " [−3, 0, 0, 3]"
    )


def stub(x, t):
    raise NotImplementedError


def in_place(x, t):
    x.sub_(t)


def without_return(x, t):
    y = x - t
    y + 1


@pytest.mark.parametrize(
    ("attempt", "text"),
    [
        (stub, "stub returns nothing; write its body"),
        (lambda x, t: None, "your function returns nothing; write its body"),
        (
            lambda x, t: print(x.sign()),
            "your function returns nothing; it prints its result: write return"
            " instead of print",
        ),
        (
            in_place,
            "in_place returns nothing; it changes its argument in place: return"
            " the result",
        ),
        (
            without_return,
            "without_return returns nothing; its last line needs a return",
        ),
        (lambda x, t: ..., "your function returns nothing; write its body"),
        (None, "write the function in place of the dots"),
        (..., "write the function in place of the dots"),
        (3.0, "a function is wanted, this is 3.0 (a float)"),
    ],
)
def test_a_stub_is_not_accepted(attempt, text, ask):
    assert ask(attempt) == (0, text)


def test_nothing_returned_later_is_a_difference(ask):
    _, text = ask(lambda x, t: soft_threshold(x, t) if t == 1 else None)
    assert (
        "expected a tensor of shape (9,) and type float64, came nothing" in text
    )


def test_a_missing_argument_is_said(ask):
    _, text = ask(lambda x: x)
    assert text.startswith(
        "your function([-3, -0.5, 0.5, 3], 1) stops with TypeError: "
    )


def test_imaginary_parts_count(ask):
    assert not ask(lambda x, t: 1.0 + 2j, lambda x, t: 1.0, CASES, {})[0]
    assert not ask(lambda x, t: x + 2j, lambda x, t: x + 1j, CASES, {})[0]
    assert ask(lambda x, t: (x - 1j).conj(), lambda x, t: x + 1j, CASES, {})[0]


def quits(x, t):
    raise SystemExit


def endless(x, t):
    return endless(x, t)


class Hostile:
    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None

    def __repr__(self):
        raise RuntimeError("no")

    def __len__(self):
        raise RuntimeError("no")


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no")


def unprintable(x, t):
    raise Unprintable


class HostileTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "attempt",
    [
        quits,
        endless,
        unprintable,
        Hostile(),
        lambda x, t: Hostile(),
        lambda x, t: "x",
        lambda x, t: 10**400,
        lambda x, t: x.reshape(3, 3, 3),
        lambda x, t: x[:, None] @ x,
        lambda x, t: 1 / 0,
        lambda x, t: [[1], 2],
        lambda x, t: np.array(["a"]),
        lambda x, t: np.array([object()]),
        lambda x, t: soft_threshold,
        torch.nn.Linear,
        lambda x, t: torch.zeros(4).as_subclass(HostileTensor),
        lambda x, t: 1j,
        lambda x, t: {"x": x},
        type,
        functools.partial(soft_threshold),
        lambda x, t: torch.zeros(4, device="meta"),
        lambda x, t: x.to_sparse() + 1,
    ],
)
@pytest.mark.parametrize(
    "expected",
    [
        soft_threshold,
        lambda x, t: 1.0,
        lambda x, t: "y",
        lambda x, t: (x, {"a": t}),
    ],
)
def test_no_attempt_raises(attempt, expected, ask):
    answer, _ = ask(attempt, expected, CASES, {})
    assert answer == (
        isinstance(attempt, functools.partial) and expected is soft_threshold
    )


def test_an_interrupt_still_interrupts():
    def interrupted(x, t):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(interrupted, soft_threshold, CASES)


def test_the_error_is_one_line(ask):
    def wordy(x, t):
        raise ValueError("first\n  second " + 500 * "x")

    _, text = ask(wordy)
    assert " with ValueError: first second xxx" in text and len(text) < 340


def test_an_attempt_cannot_spoil_inputs_or_reference(ask):
    def in_place(x, t):
        x.zero_()
        return x

    before = CASES[0][0].clone()
    assert not ask(in_place)[0]
    assert torch.equal(CASES[0][0], before)
    assert ask(soft_threshold)[0]


def test_leaf_tensors_keep_their_gradients(ask):
    def slope(x):
        (x**2).sum().backward()
        return x.grad

    assert ask(
        slope,
        lambda x: 2 * x.detach(),
        [(torch.ones(3, requires_grad=True),)],
        {},
    )[0]


def test_chance_is_the_same_for_attempt_and_reference_and_left_alone(ask):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    answer, _ = ask(
        lambda x, t: torch.rand(3) < t,
        lambda x, t: torch.rand(3) < t,
        CASES,
        {"wrong": hard},
    )
    assert answer and torch.equal(torch.rand(1), expected)


def test_chance_is_the_same_each_time(ask):
    first = ask(lambda x, t: torch.rand_like(x), mistakes={})
    torch.rand(1)
    assert first == ask(lambda x, t: torch.rand_like(x), mistakes={})


def test_cases_may_be_made_from_a_generator(ask):
    def cases(generator):
        return [
            (torch.randn(5, generator=generator), 0.5),
            (torch.randn(2, 3, generator=generator), 0.1),
        ]

    assert ask(soft_threshold, cases=cases)[0]
    first = ask(torch.add, cases=cases)
    assert first == ask(torch.add, cases=cases)  # the same cases each time


@pytest.mark.parametrize(
    ("came", "expected", "text"),
    [
        (
            torch.zeros(2),
            torch.zeros(3),
            "expected a tensor (3,) float32, came a tensor (2,) float32",
        ),
        (
            torch.zeros(3),
            torch.zeros(3, 1),
            "expected a tensor (3, 1) float32, came a tensor (3,) float32",
        ),
        (
            torch.zeros(2),
            torch.zeros(2).int(),
            "expected a tensor (2,) int32, came a tensor (2,) float32",
        ),
        (
            torch.ones(2),
            torch.ones(2).bool(),
            "expected a tensor (2,) bool, came a tensor (2,) float32",
        ),
        (
            np.zeros(2),
            torch.zeros(2),
            "expected a tensor (2,) float32, came an array (2,) float64",
        ),
        (
            torch.zeros(2),
            np.zeros(2),
            "expected an array (2,) float64, came a tensor (2,) float32",
        ),
        (
            torch.zeros(1),
            0.0,
            "expected 0.0 (a float), came a tensor (1,) float32",
        ),
        (
            [0.0],
            torch.zeros(1),
            "expected a tensor (1,) float32, came a list of 1",
        ),
        (
            torch.zeros(2),
            (torch.zeros(1), torch.zeros(1)),
            "expected a tuple of 2, came a tensor (2,) float32",
        ),
        ((1.0,), (1.0, 2.0), "expected a tuple of 2, came a tuple of 1"),
        ((1.0, 2.5), (1.0, 2.0), "part 1: expected 2, came 2.5"),
        (
            {"w": 1.0, "b": (1, 2)},
            {"w": 1.0, "b": (1, 3)},
            "part 'b': part 1: expected 3, came 2",
        ),
        (
            {"w": 1.0},
            {"v": 1.0},
            "expected a dict with the keys 'v', came a dict with the keys 'w'",
        ),
        ("mean", "sum", "expected 'sum', came 'mean'"),
        (1.00001, 1.00002, "expected 1.00002, came 1.00001"),
        (1.234567, 2.0, "expected 2, came 1.235"),
        (
            np.array([1e-12, 0.0]),
            np.array([2e-12, 0.0]),
            "expected [2 × 10⁻¹², 0], came [10⁻¹², 0]",
        ),
        (1.5, "sum", "expected 'sum', came 1.5"),
        (0.12345678, 0.12345679, "expected 0.12345679, came 0.12345678"),
        (
            torch.tensor([1.0, math.nan]),
            torch.tensor([1.0, 2.0]),
            "expected [1, 2], came [1, nan]",
        ),
        (torch.zeros(3, 3), torch.eye(3), "expected 1, came 0 at index [0, 0]"),
        (math.inf, -math.inf, "expected -inf, came inf"),
        (
            torch.tensor([3, 4]),
            torch.tensor([3, 5]),
            "expected [3, 5], came [3, 4]",
        ),
        (object, 1.0, "expected 1.0 (a float), came a type"),
    ],
)
def test_differences_are_said_plainly(came, expected, text, fault):
    assert (
        fault(came, expected).replace("of shape ", "").replace("and type ", "")
        == text
    )


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        (2, 2.0),
        (torch.tensor(2.0), 2),
        (np.float32(0.5), torch.tensor(0.5)),
        (True, torch.tensor(True)),
        ([1.0, 2.0], (1.0, 2.0)),
        (
            torch.tensor([math.nan, -math.inf]),
            torch.tensor([math.nan, -math.inf]),
        ),
        (torch.ones(2), torch.ones(2, dtype=torch.float64)),
        (torch.tensor([]), torch.tensor([])),
        ("sum", "".join("sum")),
        (torch.ones(2, requires_grad=True), torch.ones(2)),
        (np.ones((2, 2)), np.ones((2, 2))),
        (torch.tensor([0.1]), torch.full((1,), 0.1, dtype=torch.float64)),
        (torch.full((1,), 0.1, dtype=torch.float64), torch.tensor([0.1])),
        (torch.full((2,), 1e-8), torch.zeros(2)),
        (torch.ones(2).bfloat16() * 1.01, torch.ones(2).bfloat16()),
    ],
)
def test_small_differences_of_form_are_accepted(came, expected, ask):
    assert ask(lambda: came, lambda: expected, [()], {})[0]


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-9), (torch.float32, 1e-4), (torch.float16, 1e-2)],
)
def test_tolerance_follows_the_dtype(dtype, tolerance, ask):
    wanted = torch.tensor([1000.0, 1.0], dtype=torch.float64)
    for factor, accepted in ((0.5, True), (2.5, False)):
        came = (wanted * (1 + factor * tolerance)).to(dtype)
        assert (
            ask(lambda came=came: came, lambda: wanted.to(dtype), [()], {})[0]
            == accepted
        )


def test_a_misplaced_eps_is_seen(ask):
    gradient = torch.tensor([1e-3, 1e-1, 1.0], dtype=torch.float64)
    mistakes = {
        "eps is added outside the root": lambda g: g / (g**2 + 1e-8).sqrt()
    }
    assert ask(
        mistakes["eps is added outside the root"],
        lambda g: g / (g.abs() + 1e-8),
        [(gradient,)],
        mistakes,
    ) == (
        0,
        "eps is added outside the root",
    )


@pytest.mark.parametrize(
    ("reference", "cases", "mistakes", "message"),
    [
        (soft_threshold, [], {}, "non-empty list of argument tuples"),
        (
            soft_threshold,
            [torch.zeros(2)],
            {},
            "non-empty list of argument tuples",
        ),
        (soft_threshold, None, {}, "non-empty list of argument tuples"),
        (soft_threshold, [(1,)], {}, r"'the reference' fails on \(1\)"),
        (lambda x, t: None, CASES, {}, "'the reference' returns None"),
        (
            soft_threshold,
            CASES,
            {"same": lambda x, t: soft_threshold(x, t) + 0},
            "'same' agrees with the reference",
        ),
        (soft_threshold, CASES, {"broken": lambda x: x}, "'broken' fails on"),
    ],
)
def test_a_badly_set_exercise_is_refused(reference, cases, mistakes, message):
    with pytest.raises(ValueError, match=message):
        check(soft_threshold, reference, cases, mistakes)


def test_an_answer_is_not_echoed():
    from IPython.core.interactiveshell import InteractiveShell

    formatter = InteractiveShell().display_formatter
    assert formatter.format(Answer(1)) == ({}, {})
    assert formatter.format(1) != ({}, {})
    assert (
        repr(Answer(1)),
        repr(Answer(0)),
        Answer(1) == True,  # noqa: E712
        bool(Answer(0)),
    ) == (
        "True",
        "False",
        True,
        False,
    )


HINTS = {0.5: "the survivors are scaled up", -1.0: "the sign is wrong"}


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (1.0, "✓ Right: 1."),
        (1.004, "✓ Right: 1."),
        (torch.tensor([1.0]), "✓ Right: 1."),
        (np.float32(1.0), "✓ Right: 1."),
        (1, "✓ Right: 1."),
        (1.006, "✗ Not yet: 1.006 is too large."),
        (0.9, "✗ Not yet: 0.9 is too small."),
        (0.5, "✗ Not yet: the survivors are scaled up."),
        (-1.001, "✗ Not yet: the sign is wrong."),
        (..., "✗ Not yet: put your number in place of the dots."),
        (None, "✗ Not yet: put your number in place of the dots."),
        ("1", "✗ Not yet: the answer is one number, this is '1' (a str)."),
        (True, "✗ Not yet: the answer is one number, this is True (a bool)."),
        (
            torch.zeros(2),
            (
                "✗ Not yet: the answer is one number, this is a tensor of shape"
                " (2,) and type float32."
            ),
        ),
        (math.nan, "✗ Not yet: the answer is a finite number, this is nan."),
        (-math.inf, "✗ Not yet: the answer is a finite number, this is -inf."),
        pytest.param(
            10**400,
            "✗ Not yet: the answer is a finite number, this is inf.",
            id="huge",
        ),
    ],
)
def test_check_number(answer, line, capsys):
    assert bool(check_number(answer, 1.0, HINTS)) == line.startswith("✓")
    assert capsys.readouterr().out == line + "\n"


def test_check_number_without_mistakes(capsys):
    assert check_number(0.05, 0, tolerance=0.1) and not check_number(
        0.2, 0, tolerance=0.1
    )
    assert (
        capsys.readouterr().out == "✓ Right: 0.\n✗ Not yet: 0.2 is too large.\n"
    )


@pytest.mark.parametrize(
    ("expected", "mistakes", "tolerance", "message"),
    [
        (0, {}, None, "tolerance positive"),
        (1, {}, -1, "tolerance positive"),
        (math.nan, {}, 1, "expected must be finite"),
        (1, {1.004: "rounded"}, None, "1.004 .rounded. is within"),
    ],
)
def test_a_badly_set_number_is_refused(expected, mistakes, tolerance, message):
    with pytest.raises(ValueError, match=message):
        check_number(1, expected, mistakes, tolerance=tolerance)


@pytest.mark.parametrize("answer", [(0, 25), "0,25", "-,5", (-1, 5)])
def test_a_decimal_comma_has_its_own_hint(answer, capsys):
    assert not check_number(answer, 0.25)
    assert capsys.readouterr().out == (
        "✗ Not yet: write 0.25 for a quarter, with a point, not 0,25.\n"
    )


@pytest.mark.parametrize("answer", [(0, 25, 3), (0.5, 1), "a, b"])
def test_other_pairs_are_no_decimal_comma(answer, capsys):
    assert not check_number(answer, 0.25)
    assert "the answer is one number" in capsys.readouterr().out


def test_a_failing_case_can_be_repeated(capsys):
    def wrong(x, flip):
        return x if flip else -x

    def right(x, flip):
        return -x

    answer = check(wrong, right, [(2.0, False), (3.0, True)])
    said = "✗ Not yet: wrong(3, True): expected −3, came 3.\n"
    assert capsys.readouterr().out == said and answer.case == (3.0, True)
    many = torch.arange(7.0)
    answer = check(wrong, right, [(many, False), (many, True)])
    assert capsys.readouterr().out.endswith(
        "; .case of what this check returns holds the arguments.\n"
    )
    assert answer.case[0].equal(many) and answer.case[1] is True
    assert check(right, right, [(many, True)]).case is None


def test_the_case_on_which_a_function_stops_can_be_repeated(capsys):
    answer = check(lambda x: 1 / x, lambda x: x, [(2,), (0,)])
    assert " with ZeroDivisionError" in capsys.readouterr().out
    assert answer.case == (0,)


def test_the_line_of_an_exception_is_named(ask):
    def broken(x, t):
        y = x + t
        return torch.relu(y) @ torch.ones(17)  # here

    _, text = ask(broken)
    first = broken.__code__.co_firstlineno
    assert f"stops in line {first + 2} (return torch.relu(y) @ torch" in text
    assert "with RuntimeError" in text


def test_the_line_is_the_readers_even_where_torch_stops(ask):
    code = "def cell(x, t):\n    return torch.softmax(x, 9)"
    space = {"torch": torch}
    exec(compile(code, "<cell 3>", "exec"), space)
    _, text = ask(space["cell"])
    assert "stops in line 2 with IndexError" in text


@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarms here")
def test_a_loop_without_an_end_is_stopped(swallows, ask, monkeypatch):
    monkeypatch.setattr(checks, "SECONDS", 0.1)
    tries = []

    def turning(x, t):
        while True:
            try:
                while True:
                    x = x + t
            except:  # noqa: E722
                tries.append(t)
                if not swallows or len(tries) > 1:
                    raise

    before = signal.getsignal(signal.SIGALRM)
    answer, text = ask(turning)
    assert not answer and "still runs after 0.1 s in line" in text
    assert "; is there a loop without an end?" in text
    assert "True:)" in text or "(x = x + t)" in text
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_in_other_threads_a_line_says_how_to_stop(ask, monkeypatch, capsys):
    monkeypatch.setattr(checks, "SECONDS", 0.01)
    said = []

    def slow(x, t):
        time.sleep(0.1)
        return soft_threshold(x, t)

    def run():
        said.append(check(slow, soft_threshold, CASES))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert said == [1]
    assert "0.01 s: interrupt the kernel" in capsys.readouterr().err


def test_what_an_attempt_prints_is_shown_first_and_not_without_end(capsys):
    def chatty(x, t):
        for _ in range(1000):
            print("x is", x)
        return soft_threshold(x, t)

    assert check(chatty, soft_threshold, CASES)
    said = capsys.readouterr().out
    assert said.startswith("x is tensor([-3") and "✓ Right: chatty" in said
    assert len(said) < checks.HEARD + 200


@pytest.mark.parametrize(
    "attempt",
    [
        F.softshrink,
        F.relu6,
        lambda x, t: F.softshrink(x, t),
        lambda x, t: 1 * torch.nn.Softshrink(t)(x),
    ],
)
def test_the_librarys_own_function_is_no_answer(attempt, ask):
    right = F.relu6 if attempt is F.relu6 else F.softshrink
    cases = [(CASES[0][0],)] if attempt is F.relu6 else CASES
    answer, text = ask(attempt, right, cases, {}, library=(right,))
    assert not answer
    assert text == (
        f"the numbers are right, but {right.__name__} computed them; write the"
        " formula yourself"
    )
    assert sys.getprofile() is None


def test_parts_of_the_library_may_help(ask):
    def mine(x, t):
        return torch.sign(x) * F.relu(x.abs() - t)

    assert ask(mine, F.softshrink, CASES, {}, library=(F.softshrink,))[0]


@pytest.mark.parametrize(
    ("came", "expected", "text"),
    [
        (61040.0, 61039.0, "expected 61,039, came 61,040"),
        (1e-9, 2e-9, "expected 2 × 10⁻⁹, came 10⁻⁹"),
        (-0.5, 0.5, "expected 0.5, came −0.5"),
        (True, False, "expected False, came True"),
        (
            torch.tensor([[1e4], [2.0]]),
            torch.tensor([[2e4], [2.0]]),
            "expected [[20000], [2]], came [[10000], [2]]",
        ),
        (
            torch.tensor([True, False]),
            torch.tensor([True, True]),
            "expected [True, True], came [True, False]",
        ),
        ("mean", 1.5, "expected 1.5 (a float), came 'mean' (a str)"),
        (
            True,
            torch.ones(2),
            "expected a tensor of shape (2,) and type float32, came True (a"
            " bool)",
        ),
    ],
)
def test_numbers_and_values_are_written_for_people(came, expected, text, fault):
    assert fault(came, expected) == text


def test_the_verdict_is_recorded_under_the_name_of_the_exercise(shell, capsys):
    dropout.check_survivor(3)
    dropout.check_survivor(4)
    records = [
        (
            metadata["scrapbook"]["name"],
            json.loads(data[RECORD + "application/json"]),
        )
        for data, metadata in (
            (each["data"], each["metadata"]) for each in shell.outputs
        )
    ]
    assert capsys.readouterr().out.count("\n") == 2
    name = "dropout.check_survivor"
    hint = "with survivors of 3 the mean would be 0.75 · 3 = 2.25, not 3"
    assert records == [
        (
            f"exercise.{name}",
            {"exercise": name, "verdict": verdict, "hint": why},
        )
        for verdict, why in (("not yet", hint), ("right", ""))
    ]


def test_a_check_of_the_readers_own_is_not_recorded(shell):
    def check_survivor(answer):
        return check_number(answer, 4.0)

    assert check_survivor(4).hint == ""
    assert check_survivor(3).hint == "3 is too small"
    assert shell.outputs == []
