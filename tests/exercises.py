"""What the exercises of every chapter promise."""

from collections.abc import Callable

import pytest


def assert_answers(
    exercise: Callable,
    attempt: object,
    words: str,
    capsys: pytest.CaptureFixture,
) -> None:
    """Assert that an exercise accepts an attempt only if the words are "Right",
    and says the words in one line.
    """
    assert bool(exercise(attempt)) == (words == "Right")
    said = capsys.readouterr().out
    assert words in said
    assert said.count("\n") == 1
