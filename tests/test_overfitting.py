"""Tests of the chapter overfitting: against numpy, scikit-learn, brute force
and theory.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from companion.overfitting import (
    BestByCrossValidation,
    LinearModel,
    bias_variance,
    check_bias_variance_by_hand,
    check_feature_selection,
    check_leave_one_out,
    cross_validate,
    effective_degrees_of_freedom,
    kfold,
    least_squares,
    leave_one_out_errors,
    lowest,
    polynomial_features,
    random_relu_features,
)


def problem(seed=0, n=20, d=5, dtype=torch.float64, batch=()):
    """Draw a regression problem."""
    chance = torch.Generator().manual_seed(seed)
    X = torch.randn(*batch, n, d, generator=chance, dtype=torch.float64)
    y = X.sum(-1) + torch.randn(
        *batch, n, generator=chance, dtype=torch.float64
    )
    return X.to(dtype), y.to(dtype)


def wrong_rate(prediction, target):
    """Share of wrong labels."""
    return (prediction != target).double().mean()


# Features ---------------------------------------------------------------------


@pytest.mark.parametrize("degree", [0, 1, 2, 9])
def test_polynomials_equal_numpys(degree):
    x = torch.linspace(-1, 1, 30, dtype=torch.float64)
    want = np.polynomial.legendre.legvander(x.numpy(), degree)
    np.testing.assert_allclose(
        polynomial_features(x, degree).numpy(), want, rtol=1e-12, atol=1e-14
    )


def test_polynomials_keep_leading_dimensions_and_dtype():
    features = polynomial_features(torch.zeros(3, 4, dtype=torch.float32), 2)
    assert features.shape == (3, 4, 3) and features.dtype == torch.float32


def test_random_features_follow_seed_and_width():
    X, _ = problem()
    features = random_relu_features(X, 50, seed=1)
    torch.testing.assert_close(
        features[7:9],
        random_relu_features(X[7:9], 50, seed=1),
        rtol=1e-12,
        atol=0,
    )
    assert not torch.allclose(features, random_relu_features(X, 50, seed=2))
    assert (features >= 0).all() and (features == 0).any()


def test_random_features_are_the_same_in_single_precision():
    X, _ = problem()
    single = random_relu_features(X.float(), 50, seed=1)
    assert single.dtype == torch.float32
    wanted = random_relu_features(X, 50, seed=1).float()
    torch.testing.assert_close(single, wanted)


def test_random_features_have_the_stated_scale():
    X = torch.full(
        (1, 3), 1.0, dtype=torch.float64
    )  # then v'x + c is N(0, 4): E relu² = 2 and E relu⁴ = 24
    squared_norm = (
        3 * random_relu_features(X, 100_000, seed=0).square().sum().item()
    )
    assert abs(squared_norm - 2) < 5 * math.sqrt((24 - 2**2) / 100_000)


# Least squares ----------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(20, 5), (5, 20), (8, 8)])
@pytest.mark.parametrize("lam", [0.0, 0.3])
def test_least_squares_solves_the_stated_problem(n, d, lam):
    X, y = problem(n=n, d=d)
    if lam:
        want = torch.linalg.solve(
            X.mT @ X / n + lam * torch.eye(d, dtype=X.dtype), X.mT @ y / n
        )
    else:
        want = torch.linalg.pinv(X) @ y
    torch.testing.assert_close(
        least_squares(X, y, lam), want, rtol=1e-9, atol=1e-11
    )


def test_least_squares_equals_scikit_learn():
    X, y = problem()
    want = (
        Ridge(alpha=20 * 0.1, fit_intercept=False)
        .fit(X.numpy(), y.numpy())
        .coef_
    )
    np.testing.assert_allclose(
        least_squares(X, y, 0.1).numpy(), want, rtol=1e-10
    )


def test_least_squares_takes_the_smallest_solution_of_many():
    X, y = problem(n=6, d=3)
    # equal columns: rounding leaves singular values of 1e-16 that must count as
    # zero
    twice = torch.cat([X, X], 1)
    torch.testing.assert_close(
        least_squares(twice, y), torch.cat([least_squares(X, y)] * 2) / 2
    )
    assert torch.equal(
        least_squares(torch.zeros(4, 2), torch.ones(4)), torch.zeros(2)
    )


def test_least_squares_does_many_problems_outputs_and_strengths_at_once():
    X, y = problem(batch=(3,))
    lam = torch.tensor([[0.0], [0.5]], dtype=torch.float64)
    weights = least_squares(X[None], y[None], lam.squeeze(-1)[:, None])
    assert weights.shape == (2, 3, 5)
    torch.testing.assert_close(weights[1, 2], least_squares(X[2], y[2], 0.5))
    outputs = least_squares(X[0], torch.stack([y[0], -y[0]], -1), 0.5)
    torch.testing.assert_close(outputs[:, 1], -least_squares(X[0], y[0], 0.5))


def test_gradient_descent_from_zero_finds_the_smallest_solution():
    X, y = problem(n=5, d=20)
    w = torch.zeros(20, dtype=torch.float64)
    for _ in range(2000):
        w -= 0.02 * X.mT @ (X @ w - y)
    torch.testing.assert_close(w, least_squares(X, y), rtol=1e-8, atol=1e-10)


def test_a_far_start_keeps_what_no_row_sees():
    X, y = problem(n=5, d=20)
    start = torch.linspace(-3, 3, 20, dtype=torch.float64)
    w = start
    for _ in range(2000):
        w = w - 0.02 * X.mT @ (X @ w - y)
    seen = least_squares(X, X @ start)  # the part of the start in the rows
    torch.testing.assert_close(
        w, least_squares(X, y) + start - seen, rtol=1e-8, atol=1e-10
    )


def test_the_examples_by_hand():
    rows = torch.tensor([[1.0, 1.0], [1.0, 1.1]], dtype=torch.float64)
    y = torch.tensor([2.0, 2.3], dtype=torch.float64)
    want = torch.tensor([-1.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(least_squares(rows, y), want)
    third = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    found = least_squares(torch.cat([rows, third], 1), y)
    assert [round(each, 2) for each in found.tolist()] == [0.99, 1.01, 0.2]
    row = torch.tensor([[1.0, 2.0, 2.0]], dtype=torch.float64)
    nine = torch.tensor([9.0], dtype=torch.float64)
    torch.testing.assert_close(least_squares(row, nine), row[0])


def test_degrees_of_freedom_are_the_trace_of_the_hat_matrix():
    X, _ = problem()
    for lam in (0.0, 0.01, 3.0):
        hat = X @ torch.linalg.solve(
            X.mT @ X + 20 * lam * torch.eye(5, dtype=X.dtype), X.mT
        )
        assert abs(effective_degrees_of_freedom(X, lam) - hat.trace()) < 1e-10
    strengths = torch.logspace(-6, 6, 50, dtype=torch.float64)
    df = effective_degrees_of_freedom(X[None], strengths)
    assert (df.diff() < 0).all() and df[0] > 4.99 and df[-1] < 1e-4
    assert effective_degrees_of_freedom(
        torch.cat([X, X], 1), 0.0
    ) == pytest.approx(5, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(3, 12),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.01, 1.0]),
)
def test_leave_one_out_equals_brute_force(seed, n, d, lam):
    d = min(d, n - 2)
    X, y = problem(seed, n, d)
    brute = []
    for i in range(n):
        rest = torch.arange(n) != i
        w = least_squares(
            X[rest], y[rest], lam * n / (n - 1)
        )  # the same penalty on the summed error
        brute.append(y[i] - X[i] @ w)
    torch.testing.assert_close(
        leave_one_out_errors(X, y, lam),
        torch.stack(brute),
        rtol=1e-6,
        atol=1e-7,
    )


def test_leave_one_out_is_cross_validation_with_n_folds():
    X, y = problem(batch=(2,))
    folds = kfold(20, 20)
    for i in range(2):
        losses = cross_validate(LinearModel, X[i], y[i], folds, F.mse_loss)
        torch.testing.assert_close(
            losses,
            leave_one_out_errors(X, y)[i].square(),
            rtol=1e-9,
            atol=1e-12,
        )


def test_leave_one_out_refuses_a_row_that_fixes_a_weight_alone():
    X = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="leverage 1"):
        leave_one_out_errors(X, torch.ones(3))
    assert leave_one_out_errors(X, torch.ones(3), lam=0.1).isfinite().all()


# Bias and variance ------------------------------------------------------------


def test_bias_and_variance_add_up_to_the_error():
    chance = torch.Generator().manual_seed(0)
    predictions = 1e3 + torch.randn(
        2, 7, 11, generator=chance, dtype=torch.float64
    )  # a large offset: centre first
    truth = torch.randn(2, 11, generator=chance, dtype=torch.float64)
    bias_squared, variance = bias_variance(predictions, truth)
    error = (predictions - truth.unsqueeze(-2)).square().mean((-2, -1))
    torch.testing.assert_close(
        bias_squared + variance, error, rtol=1e-12, atol=0
    )
    torch.testing.assert_close(
        variance, predictions.var(-2, correction=0).mean(-1), rtol=1e-10, atol=0
    )


def test_the_variance_of_least_squares_is_p_over_n():
    X, _ = problem(n=40, d=8)
    chance = torch.Generator().manual_seed(1)
    y = torch.randn(
        4000, 40, generator=chance, dtype=torch.float64
    )  # truth 0, noise 1, the same inputs
    predictions = least_squares(X.expand(4000, 40, 8), y) @ X.mT
    bias_squared, variance = bias_variance(
        predictions, torch.zeros(40, dtype=torch.float64)
    )
    assert (
        abs(variance - 8 / 40) < 5 * math.sqrt(2 * 8 / 4000) / 40
    )  # a chi-square with 8 degrees, over n
    assert bias_squared < 0.001


# Folds ------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.booleans(), st.integers(0, 3))
def test_folds_are_a_partition(n, k, shuffled, classes):
    k = min(n, k)
    chance = torch.Generator().manual_seed(n) if shuffled else None
    classes = min(
        classes, n // k
    )  # then some class has k rows, as stratified folds demand
    labels = torch.arange(n) % classes if classes else None
    folds = kfold(n, k, stratify=labels, generator=chance)
    assert len(folds) == k
    assert torch.cat(
        [test for _, test in folds]
    ).sort().values.tolist() == list(range(n))
    assert all(
        sorted(train.tolist() + test.tolist()) == list(range(n))
        for train, test in folds
    )
    sizes = [len(test) for _, test in folds]
    assert max(sizes) - min(sizes) <= 1
    for label in range(classes):
        counts = [int((labels[test] == label).sum()) for _, test in folds]
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("n", "k"), [(10, 5), (11, 3), (7, 7), (50, 8)])
def test_folds_equal_scikit_learns(n, k):
    for (train, test), (want_train, want_test) in zip(
        kfold(n, k), KFold(k).split(np.zeros(n)), strict=True
    ):
        assert (
            train.tolist() == want_train.tolist()
            and test.tolist() == want_test.tolist()
        )


@pytest.mark.parametrize(
    "labels",
    [list("bbaacabcabbcaabb"), [2] * 9 + [0] * 5 + [1] * 7, [1, 0] * 10],
)
def test_stratified_folds_equal_scikit_learns(labels):
    k = 3
    wanted = StratifiedKFold(k).split(np.zeros(len(labels)), labels)
    for (_, test), (_, want) in zip(
        kfold(len(labels), k, stratify=labels), wanted, strict=True
    ):
        assert test.tolist() == want.tolist()


def test_shuffled_folds_follow_the_generator():
    folds = [
        kfold(30, 3, generator=torch.Generator().manual_seed(s))[0][1].tolist()
        for s in (0, 0, 1)
    ]
    assert folds[0] == folds[1] != folds[2]
    assert folds[0] != list(range(10))


# Cross-validation -------------------------------------------------------------


@pytest.mark.parametrize("kind", [torch.as_tensor, np.asarray])
def test_cross_validation_equals_scikit_learns(kind):
    X, y = problem(n=30)
    X, y = kind(X.numpy()), kind(y.numpy())
    make_model = lambda: make_pipeline(StandardScaler(), LinearRegression())  # noqa: E731
    got = cross_validate(make_model, X, y, kfold(30, 5), F.mse_loss)
    want = -cross_val_score(
        make_model(),
        np.asarray(X),
        np.asarray(y),
        cv=KFold(5),
        scoring="neg_mean_squared_error",
    )
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-10)


def test_cross_validation_of_a_classifier():
    X, y = problem(n=30)
    labels = (y > 0).long()
    folds = kfold(30, 3, stratify=labels)
    got = 1 - cross_validate(
        lambda: KNeighborsClassifier(1), X, labels, folds, wrong_rate
    )
    want = cross_val_score(
        KNeighborsClassifier(1),
        X.numpy(),
        labels.numpy(),
        cv=StratifiedKFold(3),
    )
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)


def test_every_fold_has_a_new_model():
    X, y = problem()
    made = []
    cross_validate(
        lambda: made.append(LinearModel()) or made[-1],
        X,
        y,
        kfold(20, 4),
        F.mse_loss,
    )
    assert len({id(model) for model in made}) == 4


def test_the_best_candidate_is_trained_on_all_rows():
    X, y = problem()
    candidates = [lambda lam=lam: LinearModel(lam=lam) for lam in (100.0, 0.0)]
    model = BestByCrossValidation(candidates, 5, F.mse_loss, seed=3).fit(X, y)
    assert model.best == 1 and model.scores[1] < model.scores[0]
    torch.testing.assert_close(model.predict(X), X @ least_squares(X, y))


class Diverged(LinearModel):
    """A model whose training has failed."""

    def predict(self, X):
        return super().predict(X) * float("nan")


def test_a_diverged_candidate_is_never_the_best():
    X, y = problem()
    model = BestByCrossValidation([Diverged, LinearModel], 5, F.mse_loss).fit(
        X, y
    )
    assert (
        model.best == 1
        and model.scores[0].isnan()
        and model.predict(X).isfinite().all()
    )


def test_no_candidate_is_chosen_where_all_diverged():
    with pytest.raises(
        ValueError,
        match=r"no candidate has a finite mean loss, got \[nan, nan\]",
    ):
        BestByCrossValidation([Diverged, Diverged], 5, F.mse_loss).fit(
            *problem()
        )


def test_the_lowest_score_is_a_number():
    nan, inf = float("nan"), float("inf")
    assert lowest(torch.tensor([nan, 2.0, inf, 1.0, -inf])) == 3


def test_nested_cross_validation_never_chooses_on_test_rows():
    X, y = problem(n=12)
    seen = []

    class Spy(LinearModel):
        def fit(self, X, y):
            seen.append({tuple(row) for row in X.tolist()})
            return super().fit(X, y)

    outer = kfold(12, 3)
    cross_validate(
        lambda: BestByCrossValidation([Spy, Spy], 2, F.mse_loss),
        X,
        y,
        outer,
        F.mse_loss,
    )
    per_fold = 2 * 2 + 1
    for i, (_, test) in enumerate(outer):
        hidden = {tuple(row) for row in X[test].tolist()}
        assert all(
            not rows & hidden
            for rows in seen[i * per_fold : (i + 1) * per_fold]
        )
    assert len(seen) == 3 * per_fold


# Bad input --------------------------------------------------------------------

GOOD_X, GOOD_Y = problem()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: polynomial_features([0.1], 2),
            TypeError,
            "x must be a tensor of floating-point numbers, got list",
        ),
        (
            lambda: polynomial_features(torch.arange(3), 2),
            TypeError,
            "got torch.int64",
        ),
        (
            lambda: polynomial_features(torch.zeros(3), -1),
            ValueError,
            "degree must be at least 0, got -1",
        ),
        (
            lambda: polynomial_features(torch.zeros(3), 1.5),
            TypeError,
            "degree must be an int, got float",
        ),
        (
            lambda: random_relu_features(torch.zeros(3), 2, 0),
            ValueError,
            "X must have at least 2 dimensions",
        ),
        (
            lambda: random_relu_features(GOOD_X, 0, 0),
            ValueError,
            "n_features must be at least 1",
        ),
        (
            lambda: least_squares(GOOD_X, GOOD_Y, -1.0),
            ValueError,
            "lam must be at least 0, got -1.0",
        ),
        (
            lambda: least_squares(GOOD_X, GOOD_Y, float("nan")),
            ValueError,
            "lam must be at least 0, got nan",
        ),
        (
            lambda: least_squares(GOOD_X.numpy(), GOOD_Y),
            TypeError,
            "X must be a torch.Tensor",
        ),
        (
            lambda: least_squares(GOOD_X, GOOD_Y[:5]),
            ValueError,
            "X has 20 rows and y has 5",
        ),
        (
            lambda: least_squares(GOOD_X, GOOD_Y / 0),
            ValueError,
            "y must be finite",
        ),
        (
            lambda: least_squares(GOOD_X[None], GOOD_Y[None, :5]),
            ValueError,
            r"got \(1, 20, 5\) and \(1, 5\)",
        ),
        (
            lambda: leave_one_out_errors(GOOD_X, GOOD_Y[:, None]),
            ValueError,
            r"one output, \(…, n\), got \(20, 1\)",
        ),
        (
            lambda: effective_degrees_of_freedom(GOOD_X, -2),
            ValueError,
            "lam must be at least 0",
        ),
        (
            lambda: bias_variance(GOOD_X, GOOD_Y),
            ValueError,
            r"got \(20, 5\) and \(20,\)",
        ),
        (
            lambda: bias_variance(GOOD_X[0], GOOD_Y),
            ValueError,
            "predictions must have at least 2 dimensions",
        ),
        (lambda: kfold(5, 6), ValueError, "k must be between 2 and 5, got 6"),
        (lambda: kfold(5, 1), ValueError, "k must be between 2 and 5, got 1"),
        (lambda: kfold(5.0, 2), TypeError, "n must be an int, got float"),
        (
            lambda: kfold(5, 2, stratify=[0, 1]),
            ValueError,
            r"one label for each of 5 rows, got shape \(2,\)",
        ),
        (
            lambda: cross_validate(
                StandardScaler, GOOD_X, GOOD_Y, kfold(20, 2), F.mse_loss
            ),  # it can fit only
            TypeError,
            "fit and predict, got StandardScaler",
        ),
        (
            lambda: cross_validate(
                LinearModel, GOOD_X / 0, GOOD_Y, kfold(20, 2), F.mse_loss
            ),
            ValueError,
            "X must be finite",
        ),
        (
            lambda: cross_validate(
                LinearModel, GOOD_X, GOOD_Y, [([0, 1, 2], [2, 3])], F.mse_loss
            ),
            ValueError,
            "row 2 is in training and in test",
        ),
        (
            lambda: cross_validate(
                LinearModel, GOOD_X, GOOD_Y, [(range(20), [])], F.mse_loss
            ),
            ValueError,
            (
                r"test rows must be a list with at least one row number, got"
                r" shape \(0,\)"
            ),
        ),
        (
            lambda: cross_validate(
                LinearModel,
                GOOD_X,
                GOOD_Y,
                [(GOOD_Y < 0, GOOD_Y >= 0)],
                F.mse_loss,
            ),
            TypeError,
            (
                "training rows must be row numbers, which flatnonzero makes of"
                " a mask, got bool"
            ),
        ),
        (
            lambda: cross_validate(
                LinearModel, GOOD_X, GOOD_Y, [(range(20), [-1])], F.mse_loss
            ),
            ValueError,
            "row numbers must be between 0 and 19, got -1",
        ),
        (
            lambda: cross_validate(
                LinearModel, GOOD_X, GOOD_Y, [(range(1, 20), [20])], F.mse_loss
            ),
            ValueError,
            "row numbers must be between 0 and 19, got 20",
        ),
        (
            lambda: kfold(20, 5, stratify=GOOD_Y),
            ValueError,
            (
                "stratify must hold classes, one of them with at least k = 5"
                " rows; the most frequent label has 1"
            ),
        ),
        (
            lambda: least_squares(GOOD_X, GOOD_Y.float()),
            TypeError,
            "got torch.float64 and torch.float32",
        ),
        (
            lambda: BestByCrossValidation([], 2, F.mse_loss),
            ValueError,
            "candidates must hold at least one",
        ),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


# Exercises --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "right", "words"),
    [
        (..., 0, "put your number"),
        (8 / 3, 1, "2.66667"),
        (2.67, 1, "Right"),
        (4.0, 0, "divide by 3"),
        (9, 0, "squared bias"),
        (11.67, 0, "bias included"),
        (3, 0, "that is the bias"),
        (8, 0, "take their mean"),
        (1.63, 0, "square it"),
    ],
)
def test_variance_by_hand(capsys, number, right, words):
    assert check_bias_variance_by_hand(number) == right
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("attempt", "right", "words"),
    [
        (lambda e, h: ..., 0, "write its body"),
        (lambda e, h: ((e / (1 - h)) ** 2).mean(), 1, "all 3 cases"),
        (lambda e, h: (e**2).mean(), 0, "leverages are missing"),
        (lambda e, h: (e**2 / (1 - h)).mean(), 0, "square then"),
        (
            lambda e, h: ((e * (1 - h)) ** 2).mean(),
            0,
            "pulls its own prediction",
        ),
    ],
)
def test_leave_one_out_exercise(capsys, attempt, right, words):
    assert check_leave_one_out(attempt) == right
    assert words in capsys.readouterr().out


def choose(X, y, m):
    """Choose columns by the size of their inner product with y."""
    return (X.mT @ y).abs().topk(m).indices.sort().values


@pytest.mark.parametrize(
    ("attempt", "right", "words"),
    [
        (lambda X, y, train, m: ..., 0, "write its body"),
        (
            lambda X, y, train, m: choose(X[train], y[train], m),
            1,
            "all 4 cases",
        ),
        (lambda X, y, train, m: choose(X, y, m), 0, "looks at all rows"),
        (
            lambda X, y, train, m: (
                (X[train].mT @ y[train]).topk(m).indices.sort().values
            ),
            0,
            "take the size",
        ),
    ],
)
def test_feature_selection_exercise(capsys, attempt, right, words):
    assert check_feature_selection(attempt) == right
    assert words in capsys.readouterr().out
