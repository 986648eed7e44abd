"""The capstone: intervals against SciPy, recipes taken apart, the sealed test
set, Fashion-MNIST on small files.
"""

import json
import os
import struct
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from exercises import assert_answers
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from companion import capstone as cap
from companion import data
from companion.claims import ClaimError, claim

SCORES = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=3, max_size=12
).filter(lambda pairs: len({round(a - b, 3) for a, b in pairs}) > 1)


def scores(seed, *shape):
    return torch.rand(
        *shape,
        generator=torch.Generator().manual_seed(seed),
        dtype=torch.float64,
    )


@given(SCORES)
def test_the_paired_interval_equals_scipy(pairs):
    a, b = torch.tensor(pairs, dtype=torch.float64).T
    mean, low, high = cap.paired_interval(a, b)
    expected = stats.ttest_rel(a, b).confidence_interval()
    torch.testing.assert_close(
        torch.stack([low, high]),
        torch.tensor(expected, dtype=torch.float64),
        rtol=1e-10,
        atol=1e-9,
    )
    torch.testing.assert_close(mean, (a - b).mean())


def test_several_comparisons_share_the_errors():
    a, b = scores(0, 10, 3), scores(1, 10, 3)
    _, low, high = cap.paired_interval(a, b, comparisons=5)
    for part in range(3):
        expected = stats.ttest_rel(a[:, part], b[:, part]).confidence_interval(
            0.99
        )
        torch.testing.assert_close(
            torch.stack([low, high])[:, part],
            torch.tensor(expected, dtype=torch.float64),
        )


def test_false_alarms_are_what_simulation_finds():
    alarms = (scores(2, 100_000, 6) < 0.05).any(1).double().mean().item()
    assert cap.false_alarm_rate(6) == pytest.approx(
        alarms, abs=4 * (0.2 / 100_000) ** 0.5
    )
    assert cap.false_alarm_rate(1, level=0.2) == pytest.approx(0.2)


DEFAULT = {"a": 0, "b": 0, "c": 0}
RECIPE = {"a": 1, "b": 0, "c": 3}


def test_three_ways_to_ask_what_a_part_is_worth():
    assert cap.one_in(DEFAULT, RECIPE) == {
        "a": {"a": 1, "b": 0, "c": 0},
        "c": {"a": 0, "b": 0, "c": 3},
    }
    assert cap.one_out(DEFAULT, RECIPE) == {
        "a": {"a": 0, "b": 0, "c": 3},
        "c": {"a": 1, "b": 0, "c": 0},
    }
    assert cap.build_up(DEFAULT, RECIPE) == {
        "a": {"a": 1, "b": 0, "c": 0},
        "c": RECIPE,
    }
    assert DEFAULT == {"a": 0, "b": 0, "c": 0} and RECIPE == {
        "a": 1,
        "b": 0,
        "c": 3,
    }


@given(st.lists(st.booleans(), min_size=1, max_size=6).filter(any))
def test_first_and_last_step_of_a_path_are_one_in_and_one_out(chosen):
    default = {str(i): False for i in range(len(chosen))}
    recipe = {str(i): yes for i, yes in enumerate(chosen)}
    path = list(cap.build_up(default, recipe).values())
    assert path[0] == next(iter(cap.one_in(default, recipe).values()))
    assert path[-1] == recipe
    assert [default, *path][-2] == list(cap.one_out(default, recipe).values())[
        -1
    ]


def test_the_nested_score_equals_a_loop():
    inner, outer = scores(3, 4, 5, 3), scores(4, 4, 5, 3)
    for i, expected in enumerate(cap.nested_score(inner, outer)):
        loop = [
            outer[i, k, max(range(3), key=lambda c: inner[i, k, c])].item()
            for k in range(5)
        ]
        assert expected.item() == pytest.approx(sum(loop) / 5)


def test_choosing_among_equals_flatters_the_plain_and_not_the_nested_score():
    # ten candidates of the same true score, 0.5
    inner, outer = scores(5, 4000, 5, 10), scores(6, 4000, 5, 10)
    assert cap.nested_score(inner, outer).mean().item() == pytest.approx(
        0.5, abs=4 * 0.29 / (4000 * 5) ** 0.5
    )
    assert outer.mean(1).max(1).values.mean() > 0.6


@given(st.floats(0, 1), st.floats(0, 0.45), st.integers(2, 20))
def test_the_clean_accuracy_undoes_the_noise(a, noise, classes):
    agreement = a * (1 - noise) + (1 - a) * noise / (classes - 1)
    assert cap.clean_accuracy(agreement, noise, classes) == pytest.approx(
        a, abs=1e-9
    )


def test_the_clean_accuracy_fits_flipped_labels():
    chance = torch.Generator().manual_seed(0)
    y = torch.randint(10, (200_000,), generator=chance)
    guesses = data.flip_labels(
        y, 0.2, 10, chance
    )  # a model that is right in 80 %
    agreement = (
        (guesses == data.flip_labels(y, 0.3, 10, chance)).double().mean()
    )
    clean = (guesses == y).double().mean()
    assert cap.clean_accuracy(agreement, 0.3, 10) == pytest.approx(
        clean.item(), abs=4 * (0.25 / 200_000) ** 0.5 / 0.66
    )


@pytest.mark.parametrize(
    ("believed", "holds"), [(0.3, True), (0.22, False), (0.38, False)]
)
def test_the_labs_claim_of_the_corrected_estimate_fails_for_a_wrong_share(
    believed, holds
):
    # sixty seeds, 300 rows with 30 % wrong labels, a model right in 84 %
    chance = torch.Generator().manual_seed(0)
    y = torch.randint(10, (60, 300), generator=chance)
    guesses = data.flip_labels(y, 0.16, 10, chance)
    doubtful = data.flip_labels(y, 0.3, 10, chance)
    agreement, true = (
        (guesses == labels).double().mean(1) for labels in (doubtful, y)
    )
    miss = 100 * (cap.clean_accuracy(agreement, believed, 10) - true)
    with nullcontext() if holds else pytest.raises(ClaimError):
        claim("estimate", "It misses by", miss, within=(-5, 5), unit="points")


def test_the_sealed_test_opens_once_and_for_several_guesses():
    y = torch.tensor([[0, 1, 2], [2, 2, 2]])
    sealed = cap.SealedTest(torch.zeros(2, 3, 5), y)
    opened = sealed.open(torch.stack([y, torch.full_like(y, 2)]))
    torch.testing.assert_close(opened, torch.tensor([[1.0, 1.0], [1 / 3, 1.0]]))
    with pytest.raises(
        ValueError, match="the test set has been opened already"
    ):
        sealed.open(y)


def test_a_refused_guess_leaves_the_seal_whole():
    sealed = cap.SealedTest(torch.zeros(3, 5), torch.tensor([0, 1, 2]))
    with pytest.raises(
        TypeError, match="guesses must be an int64 tensor of classes"
    ):
        sealed.open(torch.zeros(3))
    with pytest.raises(
        ValueError, match=r"guesses must end in \(3,\), got shape \(3, 1\)"
    ):
        sealed.open(torch.zeros(3, 1, dtype=torch.int64))
    assert sealed.open(torch.tensor([0, 1, 1])).item() == pytest.approx(2 / 3)


def write_idx(path, array):
    """Write an array in the format of the Fashion-MNIST files."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def clothes(tmp_path, monkeypatch):
    """Forty training and ten test pictures where torchvision looks for them; no
    download is tried.
    """
    raw, here = (
        tmp_path / "data" / "FashionMNIST" / "raw",
        tmp_path / "notebooks",
    )
    raw.mkdir(parents=True)
    here.mkdir()
    monkeypatch.chdir(here)
    for name, n in (("train", 40), ("t10k", 10)):
        pictures = np.arange(n)[:, None, None] * np.ones((1, 28, 28))
        write_idx(raw / f"{name}-images-idx3-ubyte", pictures)
        write_idx(raw / f"{name}-labels-idx1-ubyte", np.arange(n) % 10)
    return raw


def test_fashion_mnist_is_read_through_d2l(clothes):
    pytest.importorskip(
        "d2l",
        reason="d2l is not here: it is no dependency, requirements.txt pins it",
    )
    split = cap.fashion_mnist(0, n_train=30)
    assert (
        split.X_train.shape == (30, 784)
        and split.X_test.shape == (10, 784)
        and len(split.X_valid) == 0
    )
    torch.testing.assert_close(split.X_test[:, 0], torch.arange(10) / 255)
    rows = (255 * split.X_train[:, 0]).round().long()
    assert len(set(rows.tolist())) == 30
    assert torch.equal(split.y_train, rows % 10)
    assert torch.equal(split.y_test, torch.arange(10))
    noisy = cap.fashion_mnist(0, n_train=30, label_noise=1.0)
    assert torch.equal(noisy.X_train, split.X_train)
    assert (noisy.y_train != split.y_train).all()
    assert not torch.equal(
        cap.fashion_mnist(1, n_train=30).X_train, split.X_train
    )
    with pytest.raises(ValueError, match="n_train must be at most 40, got 41"):
        cap.fashion_mnist(0, n_train=41)


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


DAMAGE = {
    "pictures cut short": lambda raw: cut(
        raw / "train-images-idx3-ubyte", 2000
    ),
    "labels cut short": lambda raw: cut(raw / "t10k-labels-idx1-ubyte", 12),
    "empty": lambda raw: cut(raw / "train-labels-idx1-ubyte", 0),
    "another format": (
        lambda raw: (raw / "train-images-idx3-ubyte").write_bytes(
            b"<html>not found</html>"
        )
    ),
    "fewer labels than pictures": lambda raw: write_idx(
        raw / "train-labels-idx1-ubyte", np.arange(20) % 10
    ),
    "an eleventh class": lambda raw: write_idx(
        raw / "train-labels-idx1-ubyte", np.arange(40) % 11
    ),
    "smaller pictures": lambda raw: write_idx(
        raw / "t10k-images-idx3-ubyte", np.ones((10, 8, 8))
    ),
    "pictures for labels": lambda raw: write_idx(
        raw / "t10k-labels-idx1-ubyte", np.ones((10, 28, 28))
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_clothes_are_called_damaged(damage, clothes):
    pytest.importorskip(
        "d2l",
        reason="d2l is not here: it is no dependency, requirements.txt pins it",
    )
    damage(clothes)
    with pytest.raises(
        OSError,
        match=(
            r"FashionMNIST/raw are damaged: delete that folder and run once"
            r" with a network$"
        ),
    ):
        cap.fashion_mnist(0, n_train=30)


@pytest.mark.parametrize(
    "error",
    [
        OSError("no route to host"),
        RuntimeError("Error downloading train-images"),
    ],
)
def test_without_network_one_sentence_says_what_to_do(error, monkeypatch):
    pytest.importorskip(
        "d2l",
        reason="d2l is not here: it is no dependency, requirements.txt pins it",
    )
    from companion.d2l_bridge import d2l

    def offline(*args, **options):
        raise error

    monkeypatch.setattr(d2l, "FashionMNIST", offline)
    with pytest.raises(
        OSError,
        match=(
            "cannot be downloaded: run once with a network, or leave"
            " FASHION off"
        ),
    ):
        cap.fashion_mnist(0, n_train=10)


def test_the_labs_last_switch_moves_the_clothes_whatever_the_set_up_prints(
    monkeypatch, capsys
):
    cells = json.loads(
        (Path(__file__).parents[1] / "notebooks" / "capstone.ipynb").read_text(
            encoding="utf8"
        )
    )["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    (switch,) = [source for source in sources if source.startswith("FASHION =")]
    monkeypatch.setenv("FASHION", "1")
    where = []

    def train(recipe, X, y, seeds):
        where.append(X.device.type)
        return SimpleNamespace(evaluate=lambda *args, **options: torch.zeros(5))

    small = data.Split(*(torch.zeros(3) for _ in data.Split._fields))
    names = {
        "os": os,
        "torch": torch,
        "data": data,
        "train": train,
        "accuracy": None,
        "DEFAULT": DEFAULT,
        "RECIPE": RECIPE,
        "course_seeds": range,
        "cap": SimpleNamespace(
            fashion_mnist=lambda *a, **k: small, one_out=cap.one_out
        ),
        "device": "cpu (a GPU is here, the labs do not need it)",
    }
    exec(switch, names)
    assert set(where) == {"cuda" if torch.cuda.is_available() else "cpu"}
    assert "recipe" in capsys.readouterr().out


A, Y = scores(0, 5), torch.zeros(3, dtype=torch.int64)
BAD = {
    "scores a list": (
        lambda: cap.paired_interval([1.0], A),
        TypeError,
        "with_part must be a tensor of floating",
    ),
    "scores ints": (
        lambda: cap.paired_interval(A, A.long()),
        TypeError,
        "without_part must be .* got torch.int64",
    ),
    "scores shapes": (
        lambda: cap.paired_interval(A, A[:-1]),
        ValueError,
        r"got \(5,\) and \(4,\)",
    ),
    "one seed": (
        lambda: cap.paired_interval(A[:1], A[:1]),
        ValueError,
        "seeds S must be at least 2, got 1",
    ),
    "no comparison": (
        lambda: cap.paired_interval(A, A, 0),
        ValueError,
        "comparisons must be at least 1, got 0",
    ),
    "half a comparison": (
        lambda: cap.false_alarm_rate(1.5),
        TypeError,
        "comparisons must be an int, got float",
    ),
    "level": (
        lambda: cap.false_alarm_rate(2, 1.0),
        ValueError,
        "level must be at least 0 and below 1, got 1.0",
    ),
    "level a word": (
        lambda: cap.false_alarm_rate(2, "5 %"),
        TypeError,
        "level must be a number, got str",
    ),
    "recipe a list": (
        lambda: cap.one_in([0], DEFAULT),
        TypeError,
        "default must be a dict of part and setting",
    ),
    "other parts": (
        lambda: cap.one_out(DEFAULT, {"a": 1}),
        ValueError,
        r"got \['b', 'c'\] in only one",
    ),
    "other order": (
        lambda: cap.build_up({"a": 0, "b": 0}, {"b": 1, "a": 1}),
        ValueError,
        r"the same order, got \['a', 'b'\] and \['b', 'a'\]$",
    ),
    "no difference": (
        lambda: cap.one_out(DEFAULT, DEFAULT),
        ValueError,
        "at least one part, got the default",
    ),
    "tables differ": (
        lambda: cap.nested_score(A, A),
        ValueError,
        r"the same shape \(…, K, C\), got \(5,\)",
    ),
    "tables of ints": (
        lambda: cap.nested_score(Y, A),
        TypeError,
        "inner must be a tensor of floating-point",
    ),
    "noise": (
        lambda: cap.clean_accuracy(0.5, 0.5, 2),
        ValueError,
        "noise must be at least 0 and below 0.5, got 0.5",
    ),
    "classes": (
        lambda: cap.clean_accuracy(0.5, 0.0, 1),
        ValueError,
        "num_classes must be at least 2, got 1",
    ),
    "accuracy": (
        lambda: cap.clean_accuracy("60 %", 0.1, 2),
        TypeError,
        "accuracy must be a number or a tensor",
    ),
    "sealed floats": (
        lambda: cap.SealedTest(A, A),
        TypeError,
        "y must be an int64 tensor, got torch.float64",
    ),
    "sealed rows": (
        lambda: cap.SealedTest(A, Y),
        ValueError,
        "test: X has 5 rows and y has 3",
    ),
    "sealed shape": (
        lambda: cap.SealedTest(
            torch.zeros(3, 1), torch.zeros(3, 2, dtype=torch.int64)
        ),
        ValueError,
        "the rows of y",
    ),
    "clothes, noise": (
        lambda: cap.fashion_mnist(0, n_train=1, label_noise=2),
        ValueError,
        r"label_noise must be in \[0, 1\], got 2",
    ),
    "no clothes": (
        lambda: cap.fashion_mnist(0, n_train=0),
        ValueError,
        "n_train must be at least 1, got 0",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_sentence(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call()


def loop_one_out(default, recipe):
    return {
        part: {k: default[k] if k == part else v for k, v in recipe.items()}
        for part in recipe
    }


def keys_removed(default, recipe):
    return {
        part: {k: v for k, v in recipe.items() if k != part} for part in recipe
    }


def one_after_the_other(default, recipe):
    out, now = {}, dict(recipe)
    for part in recipe:
        now[part] = default[part]
        out[part] = dict(now)
    return out


def nested(inner, outer):
    return outer[torch.arange(len(inner)), inner.argmax(1)].mean()


EXERCISES = {
    "interval, right": (cap.check_interval_by_hand, 1.756, "Right"),
    "interval, stub": (cap.check_interval_by_hand, ..., "put your number"),
    "interval, one seed": (
        cap.check_interval_by_hand,
        3.926,
        "narrower by the square root of 5",
    ),
    "interval, n": (
        cap.check_interval_by_hand,
        1.570,
        "by S − 1 = 4, not by 5",
    ),
    "interval, normal": (
        cap.check_interval_by_hand,
        1.240,
        "1.96 is for many seeds",
    ),
    "interval, error": (
        cap.check_interval_by_hand,
        0.632,
        "that is the standard error",
    ),
    "interval, whole": (
        cap.check_interval_by_hand,
        3.511,
        "that is the whole width",
    ),
    "interval, deviation": (
        cap.check_interval_by_hand,
        1.414,
        "standard deviation of the gains",
    ),
    "apart, right": (cap.check_one_out, loop_one_out, "Right"),
    "apart, stub": (
        cap.check_one_out,
        lambda default, recipe: None,
        "write its body",
    ),
    "apart, in": (
        cap.check_one_out,
        cap.one_in,
        "start from the recipe and set one part back",
    ),
    "apart, removed": (
        cap.check_one_out,
        keys_removed,
        "set the part back to its default",
    ),
    "apart, all": (
        cap.check_one_out,
        one_after_the_other,
        "before you take the next one away",
    ),
    "apart, whole": (
        cap.check_one_out,
        lambda default, recipe: {p: recipe for p in recipe},
        "the whole recipe",
    ),
    "nested, right": (cap.check_nested_score, nested, "Right"),
    "nested, stub": (
        cap.check_nested_score,
        lambda inner, outer: None,
        "write its body",
    ),
    "nested, outer": (
        cap.check_nested_score,
        lambda inner, outer: outer.amax(1).mean(),
        "choose by the inner table",
    ),
    "nested, inner": (
        cap.check_nested_score,
        lambda inner, outer: inner.amax(1).mean(),
        "read its outer score",
    ),
    "nested, one": (
        cap.check_nested_score,
        lambda i, o: o[:, i.mean(0).argmax()].mean(),
        "makes its own choice",
    ),
    "nested, plain": (
        cap.check_nested_score,
        lambda i, o: o.mean(0).max(),
        "that is plain cross-validation",
    ),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_exercises_answer_back(name, capsys):
    assert_answers(*EXERCISES[name], capsys)
