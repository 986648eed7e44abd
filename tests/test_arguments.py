"""What arguments may be, and the sentence that refuses the rest."""

import math

import numpy as np
import pytest
import torch

from companion.arguments import (
    at_least_float32,
    check_floats,
    check_int,
    check_real,
    check_seed,
    check_tensor,
    plain,
)


@pytest.mark.parametrize(
    ("check", "value", "limits"),
    [
        (check_tensor, torch.tensor(1), {}),
        (check_floats, torch.tensor(math.nan), {}),
        (check_floats, torch.ones(0), {}),
        (check_floats, torch.ones(2, 3), {"dims": 2, "shape": (2, 3)}),
        (check_int, 1, {}),
        (check_int, 0, {"low": 0, "high": 0}),
        (check_int, np.int8(3), {}),
        (check_real, np.float32(0.5), {"above": 0}),
        (check_real, np.int64(1), {}),
        (check_seed, 2**32 - 1, {}),
        (check_seed, np.int64(0), {}),
        (check_real, -1e9, {}),
        (check_real, 0, {"low": 0}),
        (check_real, 1.0, {"above": 0, "high": 1}),
    ],
)
def test_what_is_allowed_passes(check, value, limits):
    assert check("x", value, **limits) is None


@pytest.mark.parametrize(
    ("check", "value", "limits", "error", "sentence"),
    [
        (
            check_tensor,
            1.0,
            {},
            TypeError,
            "x must be a torch.Tensor, got float",
        ),
        (
            check_floats,
            [1.0],
            {},
            TypeError,
            "x must be a tensor of floating-point numbers, got list",
        ),
        (
            check_floats,
            torch.tensor(1),
            {},
            TypeError,
            "x must be a tensor of floating-point numbers, got torch.int64",
        ),
        (
            check_floats,
            torch.tensor(1.0),
            {"dims": 1},
            ValueError,
            "x must have at least 1 dimension, none empty, got shape ()",
        ),
        (
            check_floats,
            torch.ones(2, 0),
            {"dims": 2},
            ValueError,
            "x must have at least 2 dimensions, none empty, got shape (2, 0)",
        ),
        (
            check_floats,
            torch.ones(2),
            {"shape": (3,)},
            ValueError,
            "x must have shape (3,), got (2,)",
        ),
        (
            check_floats,
            np.ones(2),
            {},
            TypeError,
            "x must be a tensor of floating-point numbers, got ndarray",
        ),
        (check_int, np.True_, {}, TypeError, "x must be an int, got bool"),
        (
            check_int,
            np.float64(1),
            {},
            TypeError,
            "x must be an int, got float64",
        ),
        (
            check_seed,
            2**32,
            {},
            ValueError,
            "x must be between 0 and 4294967295, got 4294967296",
        ),
        (check_int, True, {}, TypeError, "x must be an int, got bool"),
        (check_int, 1.0, {}, TypeError, "x must be an int, got float"),
        (check_int, 0, {}, ValueError, "x must be at least 1, got 0"),
        (
            check_int,
            3,
            {"low": 0, "high": 2},
            ValueError,
            "x must be between 0 and 2, got 3",
        ),
        (check_real, "1", {}, TypeError, "x must be a number, got str"),
        (check_real, False, {}, TypeError, "x must be a number, got bool"),
        (check_real, math.nan, {}, ValueError, "x must be finite, got nan"),
        (
            check_real,
            math.inf,
            {"low": 0},
            ValueError,
            "x must be finite and at least 0, got inf",
        ),
        (
            check_real,
            -0.1,
            {"low": 0},
            ValueError,
            "x must be finite and at least 0, got -0.1",
        ),
        (
            check_real,
            0,
            {"above": 0},
            ValueError,
            "x must be finite and above 0, got 0",
        ),
        (
            check_real,
            2,
            {"above": 0, "high": 1},
            ValueError,
            "x must be in (0, 1], got 2",
        ),
        (
            check_real,
            2,
            {"low": 0, "high": 1},
            ValueError,
            "x must be in [0, 1], got 2",
        ),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_sentence(
    check, value, limits, error, sentence
):
    with pytest.raises(error) as refused:
        check("x", value, **limits)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_at_least_float32(narrow, wide):
    x = torch.ones(2, dtype=narrow, requires_grad=True)
    y = at_least_float32(x)
    assert y.dtype == wide and (y is x) == (narrow == wide)
    y.sum().backward()
    assert x.grad.dtype == narrow


def test_plain_numbers():
    found = [plain(x) for x in (np.float32(0.5), np.int8(2), np.True_, "a")]
    assert found == [0.5, 2, True, "a"]
    assert [type(x) for x in found] == [float, int, bool, str]
