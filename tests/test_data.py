"""The data sets, their splits and their noise."""

import itertools
import math
import re
import subprocess
import sys

import numpy as np
import pytest
import sklearn.datasets
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion.data import (
    Split,
    breast_cancer,
    check_data,
    diabetes,
    digits,
    flip_labels,
    from_table,
    generator,
    linear_teacher,
    stack,
)

LOADERS = {
    "digits": (digits, 1797, 64),
    "diabetes": (diabetes, 442, 10),
    "breast_cancer": (breast_cancer, 569, 30),
}
loaders = pytest.mark.parametrize(
    ("load", "rows", "columns"), LOADERS.values(), ids=LOADERS.keys()
)


def equal(a, b):
    return all(x.equal(y) for x, y in zip(a, b, strict=True))


def sorted_rows(X):
    return sorted(map(tuple, X.tolist()))


# ---------------------------------------------------------------- splits


@loaders
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_types(load, rows, columns, dtype):
    split = load(0, n_train=100, n_valid=50, dtype=dtype)
    sizes = {"train": 100, "valid": 50, "test": rows - 150}
    for part, size in sizes.items():
        X, y = getattr(split, part)
        assert X is getattr(split, f"X_{part}") and y is getattr(
            split, f"y_{part}"
        )
        assert X.shape == (size, columns) and y.shape == (size,)
        assert X.dtype == dtype
        assert y.dtype == (dtype if load is diabetes else torch.int64)
        check_data(X, y)


@loaders
@pytest.mark.parametrize(("n_valid", "expected"), [(0, 0), (101, 101)])
def test_training_takes_half_of_what_validation_leaves(
    load, rows, columns, n_valid, expected
):
    split = load(0, n_valid=n_valid)
    half = (rows - n_valid) // 2
    assert [len(t) for t in split[::2]] == [
        half,
        expected,
        rows - n_valid - half,
    ]


@pytest.mark.parametrize("load", [digits, diabetes, breast_cancer])
def test_a_split_that_is_changed_changes_no_later_one(load):
    before = load(0)
    for tensor in load(0):
        tensor.zero_()
    assert all(map(torch.equal, load(0), before)) and before.X_train.any()


def test_what_every_lab_loads_leaves_slow_packages_alone():
    code = (
        "import sys\n"
        "from companion import checks, claims, data, plots, training\n"
        "data.digits(0)\n"
        "print({'scipy.stats', 'sklearn', 'pandas'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf8"
    )
    assert done.stdout == "set()\n", done.stderr


def test_digits_are_split_without_loss_or_repetition():
    raw = sklearn.datasets.load_digits()
    split = digits(3, n_train=700, n_valid=300, dtype=torch.float64)
    together = torch.cat(
        [
            torch.cat([X, y.unsqueeze(1)], 1)
            for X, y in (split.train, split.valid, split.test)
        ]
    )
    expected = torch.cat(
        [torch.tensor(raw.data / 16), torch.tensor(raw.target).unsqueeze(1)], 1
    )
    assert sorted_rows(together) == sorted_rows(expected)
    assert 0.0 == together[:, :64].min() and together[:, :64].max() == 1.0
    assert not together.equal(expected)  # shuffled


@pytest.mark.parametrize(
    ("load", "raw"),
    [
        (diabetes, lambda: sklearn.datasets.load_diabetes(scaled=False)),
        (breast_cancer, sklearn.datasets.load_breast_cancer),
    ],
    ids=["diabetes", "breast_cancer"],
)
def test_columns_are_standardised_on_the_training_rows_alone(load, raw):
    split, raw = load(3, n_train=120, n_valid=40, dtype=torch.float64), raw()
    assert split.X_train.mean(0).abs().max() < 1e-12
    assert (split.X_train.std(0) - 1).abs().max() < 1e-12
    for part in (split.X_valid, split.X_test):
        assert (
            part.mean(0).abs().max() > 0.01
            and (part.std(0) - 1).abs().max() > 0.01
        )
    together = torch.cat(
        [split.X_train, split.X_valid, split.X_test]
    )  # undo the scaling: the raw rows are all there
    raw_X, raw_y = torch.tensor(raw.data), torch.tensor(raw.target)
    slope = (raw_X.std(0) / together.std(0)).unsqueeze(0)
    restored = (together - together.mean(0)) * slope + raw_X.mean(0)
    order, raw_order = (
        torch.argsort(
            (X * torch.arange(1, X.shape[1] + 1) / raw_X.std(0)).sum(1)
        )
        for X in (restored, raw_X)
    )
    assert torch.allclose(
        restored[order], raw_X[raw_order], rtol=1e-8, atol=1e-8
    )
    y = torch.cat([split.y_train, split.y_valid, split.y_test])[order].double()
    r = torch.corrcoef(torch.stack([y, raw_y[raw_order].double()]))[0, 1]
    assert r == pytest.approx(1.0, abs=1e-9)  # targets stayed with their rows


def test_the_target_of_diabetes_is_standardised_and_cancers_classes_are_not():
    split = diabetes(0, n_train=200, dtype=torch.float64)
    assert abs(
        split.y_train.mean()
    ) < 1e-12 and split.y_train.std() == pytest.approx(1.0)
    assert abs(split.y_test.mean()) > 1e-3
    assert sum(torch.cat(breast_cancer(0)[1::2]).bincount().tolist()) == 569
    assert torch.cat(breast_cancer(0)[1::2]).bincount().tolist() == [212, 357]


def test_a_column_that_is_constant_on_the_training_rows_is_only_centred():
    splits = [diabetes(seed, n_train=2) for seed in range(20)]
    assert any(
        s.X_train[0, 1] == s.X_train[1, 1] for s in splits
    )  # two patients of one sex
    assert all(t.isfinite().all() for s in splits for t in s)


@loaders
def test_a_seed_redraws_the_split_and_repeats_it(load, rows, columns):
    assert equal(load(1), load(1))
    assert not load(1).X_train.equal(load(2).X_train)


def test_nothing_touches_the_global_random_state():
    torch.rand(1)
    before = torch.get_rng_state()
    for load in (digits, diabetes, breast_cancer):
        load(0)
    digits(0, label_noise=0.5)
    linear_teacher(0, n_train=2, n_test=2, n_features=2)
    generator(0, "split")
    assert torch.get_rng_state().equal(before)


# ---------------------------------------------------------------- noise


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_label_noise_hits_its_share_of_training_and_validation_and_no_test(
    share,
):
    clean, noisy = (
        digits(4, n_train=800, n_valid=600, label_noise=noise)
        for noise in (0.0, share)
    )
    assert noisy.X_train.equal(clean.X_train) and noisy.X_valid.equal(
        clean.X_valid
    )
    assert equal(noisy.test, clean.test)
    for a, b, n in (
        (noisy.y_train, clean.y_train, 800),
        (noisy.y_valid, clean.y_valid, 600),
    ):
        bound = 5 * math.sqrt(
            share * (1 - share) / n
        )  # five deviations of a binomial share
        assert abs((a != b).double().mean().item() - share) < bound
        assert a.min() >= 0 and a.max() <= 9
    wrong = [
        (a != b)[:600]
        for a, b in (
            (noisy.y_train, clean.y_train),
            (noisy.y_valid, clean.y_valid),
        )
    ]
    assert not wrong[0].equal(wrong[1])


def test_wrong_labels_are_uniform_over_the_other_classes():
    n, y = 40_000, torch.full((40_000,), 3)
    flipped = flip_labels(y, 0.5, 5, generator=generator(0, "test"))
    shares = flipped.bincount(minlength=5).double() / n
    expected = torch.tensor(
        [0.125, 0.125, 0.125, 0.5, 0.125], dtype=torch.float64
    )
    assert (
        (shares - expected).abs() < 5 * (expected * (1 - expected) / n).sqrt()
    ).all()


def test_share_1_leaves_no_label_right_and_share_0_none_wrong():
    y = torch.arange(1000).reshape(10, 100) % 7
    assert flip_labels(y, 1.0, 7).ne(y).all()
    assert flip_labels(y, 0.0, 7).equal(y)
    assert flip_labels(y, 1.0, 7).shape == y.shape


def test_label_noise_repeats_with_its_seed_and_changes_with_it():
    splits = [digits(s, n_valid=200, label_noise=0.3) for s in (0, 0, 1)]
    for part in ("y_train", "y_valid"):
        y = [getattr(split, part) for split in splits]
        assert y[0].equal(y[1]) and not y[0].equal(y[2])


def test_noise_features_are_standard_normal_and_leave_the_others_alone():
    plain, noisy = (
        diabetes(0, noise_features=k, dtype=torch.float64) for k in (0, 40)
    )
    assert noisy.X_train.shape == (221, 50)
    assert torch.allclose(
        noisy.X_test[:, :10], plain.X_test, rtol=1e-12, atol=1e-12
    )
    assert noisy.y_train.equal(plain.y_train)
    r = torch.corrcoef(
        torch.cat([noisy.X_train, noisy.y_train.unsqueeze(1)], 1).T
    )[10:50, :]
    r[:, 10:50] -= torch.eye(40, dtype=torch.float64)
    assert r.abs().max() < 5 / math.sqrt(221)
    assert (
        not diabetes(1, noise_features=1)
        .X_train[:, 10]
        .equal(diabetes(0, noise_features=1).X_train[:, 10])
    )


@given(
    seeds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
    purposes=st.sampled_from(
        list(
            itertools.product(
                ["split", "label noise", "noise features", "training"], repeat=2
            )
        )
    ),
)
def test_streams_of_other_seeds_or_purposes_are_unrelated(seeds, purposes):
    a, b = (
        torch.randn(500, generator=generator(s, p))
        for s, p in zip(seeds, purposes, strict=True)
    )
    if (seeds[0], purposes[0]) == (seeds[1], purposes[1]):
        assert a.equal(b)
    else:
        assert torch.corrcoef(torch.stack([a, b]))[0, 1].abs() < 6 / math.sqrt(
            500
        )


def test_the_streams_of_the_course_are_all_different():
    seeds = [1000 * course + i for course in range(20) for i in range(100)]
    purposes = [
        "split",
        "label noise",
        "noise features",
        "linear teacher",
        "training",
    ]
    first = [generator(s, p).initial_seed() for s in seeds for p in purposes]
    assert len(set(first)) == len(first)


# ---------------------------------------------------------------- linear
# teacher


@pytest.mark.parametrize(
    ("weight_scale", "noise"), [(1.0, 0.0), (0.5, 2.0), (0.0, 1.0)]
)
def test_the_linear_teacher_has_the_variance_it_promises(weight_scale, noise):
    """Given w, y has variance ‖w‖² + noise²; least squares on many rows finds w
    and leaves the noise.
    """
    split = linear_teacher(
        0,
        n_train=20_000,
        n_test=10,
        n_features=40,
        weight_scale=weight_scale,
        noise=noise,
        dtype=torch.float64,
    )
    X, y = split.train
    w = torch.linalg.lstsq(X, y.unsqueeze(1)).solution.squeeze(1)
    rest = y - X @ w
    n = len(y)
    assert y.var().item() == pytest.approx(
        (w.square().sum() + noise**2).item(), rel=5 * math.sqrt(2 / n) + 0.01
    )
    assert rest.std().item() == pytest.approx(
        noise, rel=5 / math.sqrt(2 * n), abs=1e-10
    )
    assert (w.square().mean() - weight_scale**2).abs() <= 5 * math.sqrt(
        2 / 40
    ) * weight_scale**2 + 5 * noise**2 / n
    assert (X.mean(0).abs() < 5 / math.sqrt(n)).all()
    assert ((X.var(0) - 1).abs() < 5 * math.sqrt(2 / n)).all()


def test_the_linear_teacher_has_one_teacher_for_all_its_rows():
    sizes = {"n_train": 30, "n_valid": 20, "n_test": 25, "n_features": 3}
    split = linear_teacher(0, **sizes, noise=0.0, dtype=torch.float64)
    assert [tuple(t.shape) for t in split] == [
        (30, 3),
        (30,),
        (20, 3),
        (20,),
        (25, 3),
        (25,),
    ]
    w = torch.linalg.lstsq(
        split.X_train, split.y_train.unsqueeze(1)
    ).solution.squeeze(1)
    for X, y in (split.valid, split.test):
        assert torch.allclose(X @ w, y, rtol=1e-10)
    assert equal(
        split, linear_teacher(0, **sizes, noise=0.0, dtype=torch.float64)
    )
    other = linear_teacher(1, **sizes, noise=0.0, dtype=torch.float64)
    assert not torch.allclose(other.X_test @ w, other.y_test, atol=0.1)
    assert (
        linear_teacher(0, n_train=1, n_test=1, n_features=2).X_train.dtype
        == torch.float32
    )


# ---------------------------------------------------------------- stack


def test_stack_puts_the_seeds_in_front_in_their_order():
    splits = [digits(seed, n_train=100, n_valid=30) for seed in (5, 2, 9)]
    stacked = stack(splits)
    assert isinstance(stacked, Split)
    assert stacked.X_train.shape == (3, 100, 64) and stacked.y_test.shape == (
        3,
        1667,
    )
    for i, split in enumerate(splits):
        assert equal([t[i] for t in stacked], split)


# ---------------------------------------------------------------- bad input

ok, labels = torch.zeros(3, 2), torch.tensor([0, 1, 1])
nan = torch.tensor([[0.0, math.nan], [math.inf, 0.0], [0.0, 0.0]])
BAD = {
    "X a list": (
        lambda: check_data([[1.0]], labels),
        TypeError,
        "train: X must be a torch.Tensor, got list",
    ),
    "y an array": (
        lambda: check_data(ok, labels.numpy()),
        TypeError,
        "train: y must be a torch.Tensor, got ndarray",
    ),
    "no rows": (
        lambda: check_data(ok[:0], labels[:0]),
        ValueError,
        "train: X must have at least one row, got shape (0, 2)",
    ),
    "a number": (
        lambda: check_data(torch.tensor(1.0), labels),
        ValueError,
        "train: X must have at least one row, got shape ()",
    ),
    "NaN": (
        lambda: check_data(nan, labels),
        ValueError,
        "train: X must be finite, got 2 values that are NaN or infi",
    ),
    "NaN in y": (
        lambda: check_data(ok, nan),
        ValueError,
        "train: y must be finite, got 2 values that are NaN or infi",
    ),
    "lengths": (
        lambda: check_data(ok, labels[:2]),
        ValueError,
        "train: X has 3 rows and y has 2; they must agree",
    ),
    "another name": (
        lambda: check_data(ok, labels[:2], name="valid"),
        ValueError,
        "valid: X has 3 rows and y has 2",
    ),
    "n_train too large": (
        lambda: digits(0, n_train=1797),
        ValueError,
        "n_train must be between 1 and 1796, got 1797",
    ),
    "n_train zero": (
        lambda: digits(0, n_train=0),
        ValueError,
        "n_train must be between 1 and 1796, got 0",
    ),
    "n_train a float": (
        lambda: digits(0, n_train=10.0),
        TypeError,
        "n_train must be an int, got float",
    ),
    "n_train without a test row": (
        lambda: digits(0, n_train=1700, n_valid=97),
        ValueError,
        "n_train must be between 1 and 1699, got 1700",
    ),
    "n_valid negative": (
        lambda: diabetes(0, n_valid=-1),
        ValueError,
        "n_valid must be between 0 and 440, got -1",
    ),
    "n_valid too large": (
        lambda: breast_cancer(0, n_valid=568),
        ValueError,
        "n_valid must be between 0 and 567, got",
    ),
    "nothing to standardise by": (
        lambda: diabetes(0, n_train=1),
        ValueError,
        "n_train must be at least 2",
    ),
    "label_noise": (
        lambda: digits(0, label_noise=1.5),
        ValueError,
        "label_noise must be in [0, 1], got 1.5",
    ),
    "label_noise NaN": (
        lambda: digits(0, label_noise=math.nan),
        ValueError,
        "label_noise must be in [0, 1], got nan",
    ),
    "label_noise a word": (
        lambda: digits(0, label_noise="a"),
        TypeError,
        "label_noise must be a number, got str",
    ),
    "noise_features": (
        lambda: diabetes(0, noise_features=-1),
        ValueError,
        "noise_features must be at least 0, got -1",
    ),
    "share": (
        lambda: flip_labels(labels, -0.1, 2),
        ValueError,
        "share must be in [0, 1], got -0.1",
    ),
    "share a word": (
        lambda: flip_labels(labels, "half", 2),
        TypeError,
        "share must be a number, got str",
    ),
    "classes a float": (
        lambda: flip_labels(labels, 0.1, 2.0),
        TypeError,
        "n_classes must be an int, got float",
    ),
    "seed a float": (
        lambda: digits(0.0),
        TypeError,
        "seed must be an int, got float",
    ),
    "seed a bool": (
        lambda: diabetes(False),
        TypeError,
        "seed must be an int, got bool",
    ),
    "no seed": (
        lambda: breast_cancer(None),
        TypeError,
        "seed must be an int, got NoneType",
    ),
    "seed negative": (
        lambda: linear_teacher(-1, n_train=1, n_test=1, n_features=1),
        ValueError,
        "seed must be between 0 and 4294967295, got -1",
    ),
    "a list with half a seed": (
        lambda: generator([0, 0.5], "noise"),
        TypeError,
        "seed must be an int, got float",
    ),
    "digits in whole numbers": (
        lambda: digits(0, dtype=torch.int64),
        TypeError,
        "dtype must be a floating-point type such as torch.float",
    ),
    "diabetes in whole numbers": (
        lambda: diabetes(0, dtype=torch.int32),
        TypeError,
        "dtype must be a floating-point",
    ),
    "tumours in a word": (
        lambda: breast_cancer(0, dtype="float"),
        TypeError,
        "dtype must be a floating-point type",
    ),
    "teacher, whole numbers": (
        lambda: linear_teacher(
            0, n_train=1, n_test=1, n_features=1, dtype=torch.int64
        ),
        TypeError,
        "dtype must be a",
    ),
    "stack of one split": (
        lambda: stack(digits(0)),
        TypeError,
        "splits must be a list of Split, one per seed, got Sp",
    ),
    "stack of a generator": (
        lambda: stack(digits(s) for s in range(2)),
        TypeError,
        "splits must be a list of Split, one per seed, got gen",
    ),
    "one class": (
        lambda: flip_labels(labels, 0.1, 1),
        ValueError,
        "n_classes must be at least 2, got 1",
    ),
    "label out of range": (
        lambda: flip_labels(labels + 1, 0.1, 2),
        ValueError,
        "y must lie in 0 … 1, got 1 … 2",
    ),
    "negative label": (
        lambda: flip_labels(labels - 1, 0.1, 2),
        ValueError,
        "y must lie in 0 … 1, got -1 … 0",
    ),
    "labels a list": (
        lambda: flip_labels([0, 1], 0.1, 2),
        TypeError,
        "y must be an int64 tensor, got list",
    ),
    "labels floats": (
        lambda: flip_labels(ok, 0.1, 2),
        TypeError,
        "y must be an int64 tensor, got torch.float32",
    ),
    "teacher without rows": (
        lambda: linear_teacher(0, n_train=0, n_test=1, n_features=1),
        ValueError,
        "n_train must be at least 1",
    ),
    "teacher without test rows": (
        lambda: linear_teacher(0, n_train=1, n_test=0, n_features=1),
        ValueError,
        "n_test must be at least 1",
    ),
    "teacher without features": (
        lambda: linear_teacher(0, n_train=1, n_test=1, n_features=0),
        ValueError,
        "n_features must be at least 1",
    ),
    "teacher, n_valid": (
        lambda: linear_teacher(
            0, n_train=1, n_test=1, n_features=1, n_valid=-1
        ),
        ValueError,
        "n_valid must be at",
    ),
    "teacher, noise": (
        lambda: linear_teacher(
            0, n_train=1, n_test=1, n_features=1, noise=-1.0
        ),
        ValueError,
        "noise must be finite and at least 0, got -1.0",
    ),
    "teacher, weight_scale": (
        lambda: linear_teacher(
            0, n_train=1, n_test=1, n_features=1, weight_scale=math.inf
        ),
        ValueError,
        "weight_scale must be finite and at least 0, got inf",
    ),
    "stack of none": (
        lambda: stack([]),
        ValueError,
        "splits must hold at least one Split, got none",
    ),
    "stack of shapes": (
        lambda: stack([digits(0), digits(1, n_train=5)]),
        ValueError,
        "splits must all have the same shapes, got 2 different ones",
    ),
}


@pytest.mark.parametrize(
    ("call", "kind", "message"), BAD.values(), ids=BAD.keys()
)
def test_refuses(call, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        call()


def test_check_data_lets_good_data_pass():
    check_data(ok, labels)
    check_data(labels, ok)


def test_numbers_of_numpy_are_welcome():
    split = digits(
        np.int64(1), n_train=np.int64(50), label_noise=np.float32(0.5)
    )
    for a, b in zip(split, digits(1, n_train=50, label_noise=0.5), strict=True):
        assert a.equal(b)
    for seeds in ([np.int64(0), np.int64(3)], [0, 3]):
        chance = generator(seeds, "masks")
        assert (
            chance.initial_seed() == generator([0, 3], "masks").initial_seed()
        )


def test_seeds_are_below_two_to_the_32():
    with pytest.raises(ValueError, match=r"^seed must be between 0 and 42949"):
        digits(2**32)


def test_labels_of_numpy_are_named_by_their_type():
    with pytest.raises(TypeError, match=r"^y must be .+, got ndarray$"):
        flip_labels(np.zeros(3), 0.5, 2)


# A table of one's own ---------------------------------------------------------

CATS = {
    "length": [40, 41, 47, 50, 44, 43],
    "weight": [3.5, 3.7, 5.0, 5.2, 4.0, 4.4],
    "old": [True, False, True, True, False, False],
    "kind": ["house", "house", "wild", "wild", "sand", "sand"],
}


def as_csv(path, columns=CATS, delimiter=",", begin=""):
    lines = [columns, *zip(*columns.values(), strict=True)]
    text = "\n".join(
        delimiter.join(
            str(1 * e if e is True or e is False else e) for e in line
        )
        for line in lines
    )
    path.write_text(begin + text + "\n", encoding="utf8")
    return path


def changed(**columns):
    return {**CATS, **columns}


def test_a_table_is_the_same_from_a_file_a_dict_and_a_frame(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    made = [
        from_table(table, "kind", n_train=3, seed=4)
        for table in (
            CATS,
            as_csv(tmp_path / "a.csv"),
            str(as_csv(tmp_path / "b.csv", begin="\ufeff")),
            pandas.DataFrame(CATS),
            {k: np.array(v) for k, v in CATS.items()},
            {k: torch.tensor(v) if k != "kind" else v for k, v in CATS.items()},
        )
    ]
    for table in made:
        assert table.inputs == ["length", "weight", "old"]
        assert table.classes == ["house", "sand", "wild"]
        for a, b in zip(table.split, made[0].split, strict=True):
            torch.testing.assert_close(a, b)


def test_a_table_is_scaled_by_its_training_rows_and_can_be_undone():
    table = from_table(
        CATS, "weight", n_train=4, leave_out=["kind"], dtype=torch.float64
    )
    X, y = table.split.train
    assert table.classes == [] and X.dtype == y.dtype == torch.float64
    torch.testing.assert_close(X.mean(0), torch.zeros(2).double())
    torch.testing.assert_close(X.std(0), torch.ones(2).double())
    rows = [*table.split.y_train.tolist(), *table.split.y_test.tolist()]
    back = sorted(table.target_std * y + table.target_mean for y in rows)
    assert back == pytest.approx(sorted(CATS["weight"]))
    lengths = torch.cat([table.split.X_train, table.split.X_test])
    lengths = (lengths * table.std + table.mean)[:, 0]
    assert sorted(lengths.tolist()) == pytest.approx(sorted(CATS["length"]))


def test_another_seed_draws_other_rows_and_validation_is_cut():
    tables = [
        from_table(CATS, "weight", seed=s, leave_out=["kind"], n_valid=2)
        for s in (0, 0, 1)
    ]
    assert [len(t) for t in tables[0].split] == [2, 2, 2, 2, 2, 2]
    assert torch.equal(tables[0].split.X_train, tables[1].split.X_train)
    assert not torch.equal(tables[0].split.X_train, tables[2].split.X_train)


def test_numbers_can_be_classes_too():
    table = from_table(
        changed(kind=[10, "9", 10, 9, 2, 9]), "kind", classes=True
    )
    assert table.classes == [2, 9, 10]
    assert table.split.y_train.dtype == torch.int64


def test_a_split_moves_to_a_device():
    split = from_table(CATS, "kind").split
    assert {tensor.device.type for tensor in split.to("meta")} == {"meta"}


TABLES = {
    "target": (CATS, "age", {}, "no column 'age'; the columns are 'length', '"),
    "leave": (CATS, "kind", {"leave_out": ["x"]}, "there is no column 'x'"),
    "alone": ({"a": [1, 2, 3]}, "a", {}, "besides the target 'a' no column"),
    "text": (
        CATS,
        "weight",
        {},
        r"column 'kind', row 1: 'house' is no number; write its values as"
        r" numbers .two as 0 and 1.* or name it in leave_out",
    ),
    "comma": (
        changed(weight=[3.5, 3.7, "5,25", 1, 1, 1]),
        "kind",
        {},
        "column 'weight', row 3: '5,25' is no number; write 5.25, with a point",
    ),
    "empty": (
        changed(weight=[3.5, "", 5, 1, 1, 1]),
        "kind",
        {},
        "column 'weight', row 2 is empty .''.: leave the row or the column out",
    ),
    "none": (
        changed(length=[None] * 6),
        "kind",
        {},
        "'length', row 1 is empty",
    ),
    "nan": (changed(length=[math.nan] * 6), "kind", {}, "row 1 is empty .nan."),
    "infinite": (
        changed(length=[1, 2, math.inf, 1, 1, 1]),
        "kind",
        {},
        "column 'length', row 3: inf is not finite",
    ),
    "target, empty": (
        changed(kind=["a", "b", " ", "b", "a", "b"]),
        "kind",
        {},
        "column 'kind', row 3 is empty",
    ),
    "target, mixed": (
        changed(kind=[1, 2, "wild", 1, 1, 1]),
        "kind",
        {},
        "column 'kind', row 3: 'wild' is no number; .* or write classes=True",
    ),
    "one class": (changed(kind=["a"] * 6), "kind", {}, "every row is 'a'"),
    "few": (
        {"a": [1, 2], "b": [1, 2]},
        "a",
        {},
        "rows of the table must be at",
    ),
    "unequal": (
        changed(length=[1, 2]),
        "kind",
        {},
        "column 'length' has 2 rows and column 'weight' has 6",
    ),
    "too many": (CATS, "kind", {"n_train": 6}, "n_train must be"),
}


@pytest.mark.parametrize("case", TABLES)
def test_an_unusable_table_is_refused_by_column_and_row(case):
    table, target, options, words = TABLES[case]
    with pytest.raises(ValueError, match=words):
        from_table(table, target, **options)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; its first line names the columns"),
        ("a;b\n1;2\n", "has one column, 'a;b': write delimiter=';'"),
        ("a,b,a\n1,2,3\n", "names the column 'a' twice"),
        ("a,b\n1,2\n1,2,3\n", "row 2: 3 entries for 2 columns"),
    ],
)
def test_an_unusable_file_is_refused(text, words, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        from_table(path, "a")


def test_a_file_with_semicolons(tmp_path):
    path = as_csv(tmp_path / "own.csv", delimiter=";")
    assert from_table(path, "kind", delimiter=";").inputs == [
        "length",
        "weight",
        "old",
    ]


@pytest.mark.parametrize("table", [None, [[1, 2]], 3, torch.zeros(3, 2)])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(TypeError, match="the path of a CSV file, a dict of"):
        from_table(table, "a")
