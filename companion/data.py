r"""Data that needs no network: scikit-learn's digits, diabetes and breast
cancer, a linear teacher, label noise, and a table of your own.

Every loader takes a ``seed`` that redraws all that chance decides (split and
noise), and returns a :class:`Split`. :func:`stack` joins the splits of several
seeds for :func:`companion.training.fit_many`.
"""

import csv
import functools
import math
import zlib
from importlib.util import find_spec
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from companion.arguments import check_int, check_real, check_seed, surely

__all__ = [
    "Split",
    "Table",
    "breast_cancer",
    "check_data",
    "check_regression",
    "diabetes",
    "digits",
    "flip_labels",
    "from_table",
    "generator",
    "linear_teacher",
    "stack",
]


class Split(NamedTuple):
    """Inputs and targets, split into training, validation and test rows.

    ``split.train``, ``split.valid`` and ``split.test`` are the pairs ``(X, y)``
    that the training functions take.

    Chapter: all.
    """

    X_train: torch.Tensor
    y_train: torch.Tensor
    X_valid: torch.Tensor
    y_valid: torch.Tensor
    X_test: torch.Tensor
    y_test: torch.Tensor

    @property
    def train(self):
        """The training pair ``(X, y)``."""
        return self.X_train, self.y_train

    @property
    def valid(self):
        """The validation pair ``(X, y)``; no rows if none were asked for."""
        return self.X_valid, self.y_valid

    @property
    def test(self):
        """The test pair ``(X, y)``."""
        return self.X_test, self.y_test

    def to(self, device):
        """The same rows on another device, such as ``"cuda"``."""
        return Split(*(tensor.to(device) for tensor in self))


class Table(NamedTuple):
    """What :func:`from_table` makes of a table.

    ``split`` holds the rows, ``inputs`` names the columns of X. ``classes`` are
    the target's values in the order of their numbers, empty for a target that
    is a number. ``mean`` and ``std`` are those of the inputs on the training
    rows, ``target_mean`` and ``target_std`` those of the target: new rows need
    the same.

    Chapter: all.
    """

    split: Split
    inputs: list
    classes: list
    mean: torch.Tensor
    std: torch.Tensor
    target_mean: float
    target_std: float


def generator(seed, purpose):
    """Make a ``torch.Generator`` for one purpose of one seed, so that split,
    noise and masks are unrelated.

    Adding a large number to a seed is not enough: torch's CPU generator looks
    at the lowest 32 bits only.

    Args:
        seed: the seed of the run, an int from 0 to 2**32 − 1, or a list of
            them for runs that go together.
        purpose: a word such as ``"split"``.

    Returns:
        A seeded ``torch.Generator`` on the CPU.

    Raises:
        TypeError: if a seed is not an int.
        ValueError: if a seed is negative or not below 2**32.

    Example:
        >>> a, b = generator(0, "split"), generator(0, "noise")
        >>> bool(torch.rand(1, generator=a) == torch.rand(1, generator=b))
        False

    Chapter: all.
    """
    for one in seed if isinstance(seed, list) else [seed]:
        # 0.0 is another word than 0, and would redraw everything
        check_seed("seed", one)
    seed = [*map(int, seed)] if isinstance(seed, list) else int(seed)
    return torch.Generator().manual_seed(
        zlib.crc32(f"{purpose} {seed}".encode())
    )


def check_data(X, y, name="train"):
    """Refuse data that no model can learn from: wrong types, no rows, unequal
    lengths, NaN or infinity. While ``torch.func`` maps a function of the data,
    their values are not looked at.

    Args:
        X: inputs, a tensor of shape (N, …).
        y: targets, a tensor of shape (N, …).
        name: what to call the pair in the message.

    Raises:
        TypeError: if ``X`` or ``y`` is not a tensor.
        ValueError: if there are no rows, if the lengths differ, or if a value
            is not finite.

    Example:
        >>> check_data(torch.zeros(3, 2), torch.zeros(2))
        Traceback (most recent call last):
            ...
        ValueError: train: X has 3 rows and y has 2; they must agree

    Chapter: all.
    """
    for letter, tensor in (("X", X), ("y", y)):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"{name}: {letter} must be a torch.Tensor, got"
                f" {type(tensor).__name__}"
            )
        if tensor.ndim == 0 or len(tensor) == 0:
            raise ValueError(
                f"{name}: {letter} must have at least one row, got shape"
                f" {tuple(tensor.shape)}"
            )
        if tensor.is_floating_point() and surely(~tensor.isfinite().all()):
            bad = (~tensor.isfinite()).sum().item()
            raise ValueError(
                f"{name}: {letter} must be finite, got {bad} values that are"
                " NaN or infinite"
            )
    if len(X) != len(y):
        raise ValueError(
            f"{name}: X has {len(X)} rows and y has {len(y)}; they must agree"
        )


def check_regression(X, y):
    """Refuse data that no linear regression can learn from, see
    :func:`check_data`.

    Args:
        X: inputs, a tensor of shape (…, n, d); leading dimensions are separate
            problems.
        y: targets, a tensor of shape (…, n).

    Raises:
        TypeError: if ``X`` or ``y`` is not a tensor.
        ValueError: if a shape does not fit or a value is not finite.

    Example:
        >>> check_regression(torch.zeros(3, 2), torch.zeros(3, 1))
        Traceback (most recent call last):
            ...
        ValueError: X must be (…, n, d) and y (…, n), got (3, 2) and (3, 1)

    Chapter: all.
    """
    check_data(X, y, name="data")
    if X.ndim < 2 or y.shape != X.shape[:-1]:
        raise ValueError(
            f"X must be (…, n, d) and y (…, n), got {tuple(X.shape)} and"
            f" {tuple(y.shape)}"
        )


def _check_dtype(dtype):
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(
            "dtype must be a floating-point type such as torch.float64, got"
            f" {dtype!r}"
        )


def _split(X, y, seed, n_train, n_valid):
    """Cut a random permutation of the rows into training, validation and
    test.
    """
    n = len(X)
    check_int("n_valid", n_valid, 0, n - 2)
    n_train = (n - n_valid) // 2 if n_train is None else n_train
    check_int("n_train", n_train, 1, n - n_valid - 1)
    order = torch.randperm(n, generator=generator(seed, "split"))
    train, valid, test = order.split([n_train, n_valid, n - n_train - n_valid])
    return Split(X[train], y[train], X[valid], y[valid], X[test], y[test])


def flip_labels(y, share, n_classes, generator=None):
    r"""Replace each label, with probability ``share``, by a different class
    chosen uniformly.

    Args:
        y: int64 labels in 0 … ``n_classes`` − 1, any shape.
        share: probability of a wrong label, in [0, 1].
        n_classes: number of classes, at least 2.
        generator: source of randomness.

    Returns:
        Labels of the same shape; about ``share`` of them are wrong.

    Raises:
        TypeError: if ``y`` is not an int64 tensor, ``share`` no number or
            ``n_classes`` no int.
        ValueError: if ``share`` is outside [0, 1], ``n_classes`` is below 2 or
            a label is not below ``n_classes``.

    Example:
        >>> flip_labels(torch.tensor([0, 1, 1]), 1.0, 2)
        tensor([1, 0, 0])

    Chapter: all.
    """
    if not isinstance(y, torch.Tensor) or y.dtype != torch.int64:
        kind = y.dtype if isinstance(y, torch.Tensor) else type(y).__name__
        raise TypeError(f"y must be an int64 tensor, got {kind}")
    check_real("share", share, 0, 1)
    check_int("n_classes", n_classes, 2)
    if surely(((y < 0) | (y >= n_classes)).any()):
        raise ValueError(
            f"y must lie in 0 … {n_classes - 1}, got {y.min().item()} …"
            f" {y.max().item()}"
        )
    wrong = torch.rand(y.shape, generator=generator) < share
    shift = torch.randint(1, n_classes, y.shape, generator=generator)
    return torch.where(wrong, (y + shift) % n_classes, y)


def digits(
    seed, *, n_train=None, n_valid=0, label_noise=0.0, dtype=torch.float32
):
    """Load 1797 handwritten digits, 8×8 pixels in 0 … 1, split at random.

    Args:
        seed: redraws the split and the label noise.
        n_train: training rows; half of what validation leaves if not given.
        n_valid: validation rows. The rest is test.
        label_noise: share of training *and* validation labels replaced by a
            wrong class. Test labels stay clean.
        dtype: type of the inputs.

    Returns:
        A :class:`Split`: X of shape (N, 64), y int64 of shape (N,), 10 classes.

    Raises:
        ValueError: if more rows are asked for than there are, or
            ``label_noise`` is outside [0, 1].

    Example:
        >>> split = digits(0, n_train=300, label_noise=0.3)
        >>> split.X_train.shape, split.X_test.shape
        (torch.Size([300, 64]), torch.Size([1497, 64]))

    Source: scikit-learn's ``load_digits``, from the UCI set of Alpaydin and
    Kaynak (1998).

    Chapter: all.
    """
    check_real("label_noise", label_noise, 0, 1)
    _check_dtype(dtype)
    rows = _read_digits()
    X = torch.tensor(rows[:, :-1] / 16, dtype=dtype)
    y = torch.tensor(rows[:, -1], dtype=torch.long)
    split = _split(X, y, seed, n_train, n_valid)
    noise = generator(seed, "label noise")
    return split._replace(
        y_train=flip_labels(split.y_train, label_noise, 10, noise),
        y_valid=flip_labels(split.y_valid, label_noise, 10, noise),
    )


@functools.cache
def _read_digits():
    """Read scikit-learn's file of digits: 64 pixels and the label in a row.

    Every lab needs it, and most need nothing else of scikit-learn, which takes
    a second to load. It is read once, for labs split it hundreds of times.
    """
    (folder,) = find_spec("sklearn").submodule_search_locations
    path = Path(folder, "datasets", "data", "digits.csv.gz")
    return np.loadtxt(path, delimiter=",")


def _moments(values):
    """Mean and deviation of each column; 1 for a constant one, which is then
    only centred.
    """
    check_int("n_train", len(values), 2)
    mean, std = values.mean(0), values.std(0)
    return mean, std.where(std > 0, 1.0)


def _standardise(split, targets):
    """Give every column mean 0 and deviation 1 on the training rows, and move
    the other rows along.
    """
    mean, std = _moments(split.X_train)
    split = split._replace(
        **{
            k: (getattr(split, k) - mean) / std
            for k in ("X_train", "X_valid", "X_test")
        }
    )
    if targets:
        mean, std = _moments(split.y_train)
        split = split._replace(
            **{
                k: (getattr(split, k) - mean) / std
                for k in ("y_train", "y_valid", "y_test")
            }
        )
    return split


def diabetes(
    seed, *, n_train=None, n_valid=0, noise_features=0, dtype=torch.float32
):
    """Load 442 patients, 10 measurements and the progress of diabetes after a
    year, split at random.

    Inputs and target have mean 0 and deviation 1 on the training rows, so
    predicting 0 is predicting the mean.

    Args:
        seed: redraws the split and the noise features.
        n_train: training rows; half of what validation leaves if not given.
        n_valid: validation rows. The rest is test.
        noise_features: columns of standard normal noise to append: features
            that cannot help.
        dtype: type of inputs and targets.

    Returns:
        A :class:`Split`: X of shape (N, 10 + noise_features), y of shape (N,),
        in standard deviations.

    Raises:
        ValueError: if more rows are asked for than there are, or
            ``noise_features`` is negative.

    Example:
        >>> diabetes(0, n_train=300, noise_features=40).X_train.shape
        torch.Size([300, 50])

    Source: Efron, Hastie, Johnstone and Tibshirani (2004); scikit-learn's
    ``load_diabetes``.

    Chapter: weight_decay, dropout, ensembles.
    """
    check_int("noise_features", noise_features, 0)
    _check_dtype(dtype)
    from sklearn.datasets import load_diabetes  # a second: only where used

    raw = load_diabetes(scaled=False)
    X, y = (
        torch.tensor(raw.data, dtype=torch.float64),
        torch.tensor(raw.target, dtype=torch.float64),
    )
    noise = torch.randn(
        len(X),
        noise_features,
        generator=generator(seed, "noise features"),
        dtype=torch.float64,
    )
    X = torch.cat([X, noise], dim=1)
    return Split(
        *(
            t.to(dtype)
            for t in _standardise(
                _split(X, y, seed, n_train, n_valid), targets=True
            )
        )
    )


def breast_cancer(seed, *, n_train=None, n_valid=0, dtype=torch.float32):
    """Load 569 tumours, 30 measurements each, malignant (0) or benign (1),
    split at random.

    Inputs have mean 0 and deviation 1 on the training rows.

    Args:
        seed: redraws the split.
        n_train: training rows; half of what validation leaves if not given.
        n_valid: validation rows. The rest is test.
        dtype: type of the inputs.

    Returns:
        A :class:`Split`: X of shape (N, 30), y int64 of shape (N,), 2 classes.

    Raises:
        ValueError: if more rows are asked for than there are.

    Example:
        >>> breast_cancer(0, n_train=100).X_test.shape
        torch.Size([469, 30])

    Source: Street, Wolberg and Mangasarian (1993); scikit-learn's
    ``load_breast_cancer``.

    Chapter: overfitting, losses.
    """
    _check_dtype(dtype)
    from sklearn.datasets import load_breast_cancer  # a second, as above

    raw = load_breast_cancer()
    X, y = torch.tensor(raw.data, dtype=torch.float64), torch.tensor(raw.target)
    split = _standardise(_split(X, y, seed, n_train, n_valid), targets=False)
    return Split(*(t.to(dtype) if t.is_floating_point() else t for t in split))


def linear_teacher(
    seed,
    *,
    n_train,
    n_test,
    n_features,
    weight_scale=1.0,
    noise=1.0,
    n_valid=0,
    dtype=torch.float32,
):
    r"""Draw a linear teacher :math:`y = x^\top w^* + \sigma\varepsilon` with
    standard normal inputs.

    Args:
        seed: redraws the teacher :math:`w^* \sim N(0, s^2 I)`, the inputs and
            the noise.
        n_train: training rows.
        n_test: test rows; their targets carry the same noise.
        n_features: number of inputs.
        weight_scale: :math:`s`, standard deviation of each teacher weight.
        noise: :math:`\sigma \ge 0`.
        n_valid: validation rows.
        dtype: type of inputs and targets.

    Returns:
        A :class:`Split`: X of shape (N, n_features), y of shape (N,).

    Raises:
        ValueError: if a count is below 1 or a scale is negative.

    Example:
        >>> linear_teacher(
        ...     0, n_train=20, n_test=100, n_features=200
        ... ).X_train.shape
        torch.Size([20, 200])

    Chapter: weight_decay, overfitting.
    """
    for name, count in (
        ("n_train", n_train),
        ("n_test", n_test),
        ("n_features", n_features),
    ):
        check_int(name, count, 1)
    check_int("n_valid", n_valid, 0)
    check_real("weight_scale", weight_scale, 0)
    check_real("noise", noise, 0)
    _check_dtype(dtype)
    chance = generator(seed, "linear teacher")
    n = n_train + n_valid + n_test
    w = weight_scale * torch.randn(
        n_features, generator=chance, dtype=torch.float64
    )
    X = torch.randn(n, n_features, generator=chance, dtype=torch.float64)
    y = X @ w + noise * torch.randn(n, generator=chance, dtype=torch.float64)
    X, y = (
        X.to(dtype).split([n_train, n_valid, n_test]),
        y.to(dtype).split([n_train, n_valid, n_test]),
    )
    return Split(X[0], y[0], X[1], y[1], X[2], y[2])


def from_table(
    table,
    target,
    *,
    seed=0,
    n_train=None,
    n_valid=0,
    leave_out=(),
    classes=None,
    delimiter=",",
    dtype=torch.float32,
):
    """Make a split of a table of your own: rows drawn at random, inputs with
    mean 0 and deviation 1 on the training rows.

    Args:
        table: the path of a CSV file whose first line names the columns, a dict
            of columns, or a DataFrame.
        target: the column to predict. All others are inputs, and numbers.
        seed: redraws the split.
        n_train: training rows; half of what validation leaves if not given.
        n_valid: validation rows. The rest is test.
        leave_out: columns to leave out.
        classes: whether the target names classes, in alphabetical or rising
            order; else it is a number, scaled like the inputs. By default,
            whether its first row is no number.
        delimiter: what parts the columns of a file.
        dtype: type of the inputs, and of a target that is a number.

    Returns:
        A :class:`Table`: its ``split`` has X of shape (N, columns) and y of
        shape (N,), int64 classes or numbers.

    Raises:
        TypeError: if the table is none of the three.
        ValueError: if a column is missing or an entry is empty or no number;
            names column, row and what to do. Rows count from 1.

    Example:
        >>> cats = {
        ...     "length": [40, 41, 47, 50],
        ...     "weight": ["3.5", "3.7", "5.0", "5.2"],
        ...     "kind": ["house", "house", "wild", "wild"],
        ... }
        >>> found = from_table(cats, "kind", n_train=2)
        >>> found.inputs, found.classes, found.split.X_train.shape
        (['length', 'weight'], ['house', 'wild'], torch.Size([2, 2]))
        >>> cats["weight"][2] = "5,0"
        >>> from_table(cats, "kind")
        Traceback (most recent call last):
            ...
        ValueError: column 'weight', row 3: '5,0' is no number; write 5.0, with
        a point

    Chapter: all.
    """
    _check_dtype(dtype)
    columns = _columns(table, delimiter)
    for name in (target, *leave_out):
        if name not in columns:
            raise ValueError(
                f"there is no column {name!r}; the columns are"
                f" {', '.join(map(repr, columns))}"
            )
    inputs = [name for name in columns if name not in (target, *leave_out)]
    if not inputs:
        raise ValueError(f"besides the target {target!r} no column is left")
    check_int("rows of the table", len(columns[target]), 3)
    X = torch.tensor(
        [
            _numbers(name, columns[name], "name it in leave_out")
            for name in inputs
        ],
        dtype=torch.float64,
    ).T
    raw = [
        _entry(target, row, value)
        for row, value in enumerate(columns[target], 1)
    ]
    if classes is None:
        classes = _as_number(raw[0]) is None
    if classes:
        names = _sorted(raw)
        if len(names) < 2:
            raise ValueError(
                f"column {target!r}: every row is {names[0]!r}; classes need at"
                " least two values"
            )
        place = {name: number for number, name in enumerate(names)}
        y = torch.tensor([place[_plain(value)] for value in raw])
    else:
        names = []
        numbers = _numbers(target, raw, "write classes=True")
        y = torch.tensor(numbers, dtype=torch.float64)
    split = _split(X, y, seed, n_train, n_valid)
    mean, std = _moments(split.X_train)
    middle, unit = (0.0, 1.0) if classes else _moments(split.y_train)
    scaled = _standardise(split, targets=not classes)
    return Table(
        Split(*(t.to(dtype) if t.is_floating_point() else t for t in scaled)),
        inputs,
        names,
        mean.to(dtype),
        std.to(dtype),
        float(middle),
        float(unit),
    )


def _columns(table, delimiter):
    """Read a table into a dict of columns, all of one length."""
    if isinstance(table, str | Path):
        columns = _read_csv(table, delimiter)
    elif isinstance(table, dict):
        columns = {
            name: values.tolist() if hasattr(values, "tolist") else list(values)
            for name, values in table.items()
        }
    elif hasattr(table, "columns") and hasattr(table, "__getitem__"):
        columns = {name: list(table[name]) for name in table.columns}
    else:
        raise TypeError(
            "table must be the path of a CSV file, a dict of columns or a"
            f" DataFrame, got {type(table).__name__}"
        )
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        first, *others = lengths
        other = next(n for n in others if lengths[n] != lengths[first])
        raise ValueError(
            f"column {first!r} has {lengths[first]} rows and column {other!r}"
            f" has {lengths[other]}; they must agree"
        )
    return columns


def _read_csv(path, delimiter):
    """Read a CSV file; its first line names the columns."""
    # some programs begin a file with a mark, which utf-8-sig takes away
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = [line for line in csv.reader(file, delimiter=delimiter) if line]
    if not lines:
        raise ValueError(f"{path} is empty; its first line names the columns")
    names = [name.strip() for name in lines[0]]
    other = next((d for d in ";\t,|" if d != delimiter and d in names[0]), None)
    if len(names) == 1 and other:
        raise ValueError(
            f"{path} has one column, {names[0]!r}: write delimiter={other!r}"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path} names the column {twice!r} twice")
    for row, line in enumerate(lines[1:], 1):
        if len(line) != len(names):
            raise ValueError(
                f"{path}, row {row}: {len(line)} entries for {len(names)}"
                " columns; an entry that holds a delimiter stands in quotes"
            )
    rows = lines[1:]
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _as_number(value):
    """An entry as a float, or None where it is no number."""
    if isinstance(value, Real | np.bool_):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else float(str(value))
    except ValueError:
        return None


def _entry(name, row, value):
    """Refuse an empty entry."""
    value = value.strip() if isinstance(value, str) else value
    # what programs write, and None, NaN and NA
    if str(value).lower() in ("", "nan", "none", "null", "na", "n/a", "<na>"):
        raise ValueError(
            f"column {name!r}, row {row} is empty ({value!r}): leave the row or"
            " the column out, or fill in a value, such as the column's mean"
        )
    return value


def _plain(value):
    """A class as its number where it has one: 3 and "3" are the same."""
    number = _as_number(value)
    if number is None:
        return str(value)
    return int(number) if number.is_integer() else number


def _sorted(values):
    """The different classes, in rising order: numbers, then words."""
    return sorted(
        set(map(_plain, values)),
        key=lambda value: (isinstance(value, str), value),
    )


def _numbers(name, values, instead):
    """Turn a column into floats, or say which entry is none."""
    found = []
    for row, value in enumerate(values, 1):
        value = _entry(name, row, value)
        number = _as_number(value)
        if number is None:
            comma = _as_number(str(value).replace(",", "."))
            raise ValueError(
                f"column {name!r}, row {row}: {value!r} is no number; "
                + (
                    f"write {str(value).replace(',', '.')}, with a point"
                    if comma is not None
                    else "write its values as numbers (two as 0 and 1, more as"
                    f" a column of 0 and 1 each), or {instead}"
                )
            )
        if not math.isfinite(number):
            raise ValueError(
                f"column {name!r}, row {row}: {value!r} is not finite; correct"
                " the entry or leave the row out"
            )
        found.append(number)
    return found


def stack(splits):
    """Join the splits of S seeds: every tensor gets a leading dimension S.

    Args:
        splits: list of :class:`Split` with equal shapes, one per seed.

    Returns:
        A :class:`Split` of tensors (S, N, …), for ``fit_many(…,
        per_seed=True)``.

    Raises:
        TypeError: if ``splits`` is not a list of :class:`Split`.
        ValueError: if the list is empty or the shapes differ.

    Example:
        >>> stack([digits(s, n_train=100) for s in range(3)]).X_train.shape
        torch.Size([3, 100, 64])

    Chapter: all.
    """
    if isinstance(splits, Split) or not isinstance(splits, list | tuple):
        raise TypeError(
            "splits must be a list of Split, one per seed, got"
            f" {type(splits).__name__}"
        )
    if not splits:
        raise ValueError("splits must hold at least one Split, got none")
    shapes = {tuple(tuple(t.shape) for t in split) for split in splits}
    if len(shapes) > 1:
        raise ValueError(
            f"splits must all have the same shapes, got {len(shapes)} different"
            " ones"
        )
    return Split(
        *(torch.stack(tensors) for tensors in zip(*splits, strict=True))
    )
