"""Tests of the ensembles chapter: the identity, voting, bagging, stacking and
the exercises.
"""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    BaggingRegressor,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor

from companion import ensembles as en
from companion.data import diabetes, generator


def draw(*shape, seed=0):
    return torch.randn(
        *shape, generator=generator(seed, "test"), dtype=torch.float64
    )


def least_squares(X, y, X_new):
    return X_new @ torch.linalg.lstsq(X, y.unsqueeze(1)).solution.squeeze(1)


def nearest(X, y, X_new):
    return y[torch.cdist(X_new, X).argmin(1)]


# Averages and their identity --------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 20),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 1e3]),
)
def test_the_ambiguity_identity_holds_for_any_members_and_weights(
    members, rows, seed, offset
):
    outputs, target = (
        draw(members, rows, seed=seed) + offset,
        draw(rows, seed=seed + 1),
    )
    weights = draw(members, seed=seed + 2).abs()
    for a in (None, weights):
        ensemble, mean, ambiguity = en.ambiguity_decomposition(
            outputs, target, a
        )
        assert abs(ensemble - (mean - ambiguity)) <= 1e-12 * (1 + mean)
        assert ambiguity >= 0


def test_the_decomposition_is_the_textbook_sum():
    outputs, target, weights = (
        draw(4, 3, 5),
        draw(3, 5, seed=1),
        torch.tensor([1.0, 0.0, 3.0, 4.0]),
    )
    split = en.ambiguity_decomposition(outputs, target, weights)
    a = weights.double() / 8
    f_bar = sum(a[k] * outputs[k] for k in range(4))
    torch.testing.assert_close(split.ensemble, ((f_bar - target) ** 2).mean(1))
    torch.testing.assert_close(
        split.mean,
        sum(a[k] * ((outputs[k] - target) ** 2).mean(1) for k in range(4)),
    )
    torch.testing.assert_close(
        split.ambiguity,
        sum(a[k] * ((outputs[k] - f_bar) ** 2).mean(1) for k in range(4)),
    )


def test_average_takes_weights_per_member_or_per_row():
    outputs = draw(3, 4, 2)
    torch.testing.assert_close(
        en.average(outputs, torch.ones(3)), outputs.mean(0), rtol=1e-12, atol=0
    )
    one_hot = torch.zeros(3, 4)
    one_hot[[0, 2, 1, 0], range(4)] = 5.0
    assert torch.equal(
        en.average(outputs, one_hot),
        torch.stack([outputs[k, i] for i, k in enumerate([0, 2, 1, 0])]),
    )


def test_averages_pass_nan_on_and_keep_the_dtype():
    outputs = torch.tensor([[1.0, float("nan")], [3.0, 4.0]])
    assert en.average(outputs)[0] == 2 and en.average(outputs)[1].isnan()
    assert (
        en.average(outputs, torch.tensor([1.0, 3.0], dtype=torch.float64)).dtype
        == torch.float32
    )


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_the_expected_error_is_the_mean_over_all_choices_of_members(size):
    outputs, target = draw(6, 2, 30), draw(2, 30, seed=1)
    chosen = [
        outputs[list(c)].mean(0) for c in itertools.combinations(range(6), size)
    ]
    measured = torch.stack(
        [(f - target).square().mean(-1) for f in chosen]
    ).mean(0)
    mean = en.ambiguity_decomposition(outputs, target).mean
    predicted = en.expected_error(
        mean, en.error_correlation(outputs, target), size
    )
    torch.testing.assert_close(predicted, measured, rtol=1e-12, atol=0)


def test_error_correlation_is_the_mean_over_pairs():
    outputs, target = draw(4, 20), draw(20, seed=1)
    e = outputs - target
    pairs = [(e[k] * e[m]).mean() for k in range(4) for m in range(4) if k != m]
    torch.testing.assert_close(
        en.error_correlation(outputs, target),
        sum(pairs) / 12 / e.square().mean(),
        rtol=1e-12,
        atol=0,
    )
    same = outputs[:1].expand(4, -1)
    assert abs(en.error_correlation(same, target) - 1) < 1e-12


# The logarithmic loss ---------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-3, 1.0, 300.0])
def test_the_geometric_average_is_the_mean_of_the_logits(scale):
    logits = scale * draw(4, 3, 7, 5)
    found = en.geometric_average(logits)
    torch.testing.assert_close(
        found, F.log_softmax(logits.mean(0), -1), rtol=1e-12, atol=1e-12
    )
    again = en.geometric_average(logits.log_softmax(-1))
    torch.testing.assert_close(found, again, rtol=1e-10, atol=1e-10)


def test_the_geometric_average_is_the_textbook_product():
    q = draw(3, 8, 4).softmax(-1)
    product = (q[0] * q[1] * q[2]) ** (1 / 3)
    wanted = product / product.sum(-1, keepdim=True)
    found = en.geometric_average(q.log()).exp()
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 8),
    st.integers(2, 6),
    st.integers(0, 10**6),
    st.sampled_from([1e-3, 1.0, 300.0]),
)
def test_the_identity_of_the_logarithmic_loss(members, classes, seed, scale):
    logits = scale * draw(members, 9, classes, seed=seed)
    y = torch.randint(classes, (9,), generator=generator(seed, "target"))
    split = en.log_loss_decomposition(logits, y)
    gap = split.ensemble - (split.mean - split.ambiguity)
    assert abs(gap) <= 1e-12 * (1 + split.mean)
    assert split.ambiguity >= -1e-15 * (1 + split.mean)
    wanted = F.cross_entropy(logits.mean(0), y)
    torch.testing.assert_close(split.ensemble, wanted, rtol=1e-12, atol=1e-12)
    losses = [F.cross_entropy(each, y) for each in logits]
    torch.testing.assert_close(
        split.mean, torch.stack(losses).mean(), rtol=1e-12, atol=1e-12
    )


def test_the_gain_in_the_logarithmic_loss_needs_no_target():
    logits = draw(4, 2, 9, 3)
    first, second = torch.zeros(2, 9).long(), torch.ones(2, 9).long()
    gains = [
        en.log_loss_decomposition(logits, y).ambiguity for y in (first, second)
    ]
    assert torch.equal(*gains)
    copies = logits[:1].expand(4, -1, -1, -1)
    assert (
        en.log_loss_decomposition(copies, first).ambiguity.abs().max() < 1e-15
    )


# Voting -----------------------------------------------------------------------


def test_voting_equals_torch_mode_and_scikit_learn():
    labels = torch.randint(
        5, (6, 400), generator=generator(0, "votes")
    )  # six voters: ties are frequent
    assert torch.equal(en.vote(labels, 5), torch.mode(labels, dim=0).values)

    # a "fitted" classifier that reads its answers from the inputs
    class Ballot:
        def __init__(self, k):
            self.k = k

        def predict(self, X):
            return X[:, self.k]

    jury = VotingClassifier([(str(k), None) for k in range(6)])
    jury.estimators_, jury.le_ = [Ballot(k) for k in range(6)], _Identity()
    jury.classes_ = np.arange(5)
    for weights in (None, [1.0, 0.5, 2.0, 0.25, 1.0, 4.0]):
        jury.weights = weights
        mine = en.vote(
            labels, 5, None if weights is None else torch.tensor(weights)
        )
        assert mine.tolist() == jury.predict(labels.T.numpy()).tolist()


class _Identity:
    def inverse_transform(self, labels):
        return labels


def test_a_tie_goes_to_the_lowest_class_and_weights_break_it():
    labels = torch.tensor([[3], [1]])
    assert en.vote(labels, 4).item() == 1
    assert en.vote(labels, 4, torch.tensor([2.0, 1.0])).item() == 3


def test_whole_weights_that_tie_are_a_tie():
    chance = generator(0, "ties")
    ties = 0
    for _ in range(500):
        labels, weights = (
            torch.randint(3, (5,), generator=chance),
            torch.randint(1, 10, (5,), generator=chance),
        )
        counts = torch.bincount(labels, weights, minlength=3)
        ties += ((counts == counts.max()).sum() > 1).item()
        for a in (weights, weights.float()):
            assert en.vote(labels.unsqueeze(1), 3, a).item() == counts.argmax()
    assert ties > 10
    assert (
        en.vote(
            torch.tensor([[0], [0], [1], [1], [0]]),
            2,
            torch.tensor([7.0, 1, 4, 6, 2]),
        ).item()
        == 0
    )  # 10 to 10


def test_jury_theorem_equals_simulation_and_its_limits():
    for p, members in ((0.6, 5), (0.4, 11)):
        right = torch.rand(members, 200_000, generator=generator(0, "jury")) < p
        share = (right.sum(0) * 2 > members).double().mean().item()
        assert abs(
            share - en.majority_accuracy(p, members)
        ) < 4.5 * 0.5 / math.sqrt(200_000)
    assert en.majority_accuracy(0.7, 1) == pytest.approx(0.7, abs=1e-15)
    assert en.majority_accuracy(0.5, 101) == pytest.approx(0.5, abs=1e-12)
    assert (
        en.majority_accuracy(1.0, 7) == 1 and en.majority_accuracy(0.0, 7) == 0
    )


# Bagging ----------------------------------------------------------------------


def test_bootstrap_draws_uniformly_with_replacement():
    rows = en.bootstrap(50, 4000, generator(0, "bootstrap"))
    assert rows.shape == (4000, 50) and rows.dtype == torch.int64
    counts = torch.bincount(rows.flatten(), minlength=50)
    assert (counts - 4000).abs().max() < 5 * math.sqrt(
        4000
    )  # each row about once per sample
    missed = en.out_of_bag(rows).double().mean().item()
    assert abs(missed - (1 - 1 / 50) ** 50) < 5 * 0.5 / math.sqrt(4000 * 50)
    assert torch.equal(rows, en.bootstrap(50, 4000, generator(0, "bootstrap")))
    assert en.bootstrap(1, 1).tolist() == [[0]]


def test_out_of_bag_marks_what_is_absent():
    rows = en.bootstrap(30, 5, generator(0, "bag"))
    unseen = en.out_of_bag(rows)
    assert all(
        unseen[k, i] == (i not in rows[k].tolist())
        for k in range(5)
        for i in range(30)
    )


def test_bagging_and_out_of_bag_predictions_equal_scikit_learn():
    X, y = diabetes(0, n_train=60, dtype=torch.float64).train
    bag = BaggingRegressor(
        KNeighborsRegressor(1), n_estimators=60, oob_score=True, random_state=0
    )
    bag.fit(X.numpy(), y.numpy())
    rows = torch.from_numpy(np.stack(bag.estimators_samples_))
    outputs = torch.stack([nearest(X[i], y[i], X) for i in rows])
    mine = en.average(outputs, en.out_of_bag(rows).double())
    torch.testing.assert_close(
        mine, torch.from_numpy(bag.oob_prediction_), rtol=1e-10, atol=1e-12
    )
    torch.testing.assert_close(
        en.average(outputs),
        torch.from_numpy(bag.predict(X.numpy())),
        rtol=1e-10,
        atol=1e-12,
    )


# Stacking ---------------------------------------------------------------------


@given(st.integers(2, 40), st.integers(2, 40))
def test_every_row_is_in_exactly_one_fold(n, k):
    if k > n:
        with pytest.raises(ValueError, match="k must be at most n"):
            en.folds(n, k)
        return
    parts = en.folds(n, k, generator(n, "folds"))
    assert torch.cat(parts).sort().values.tolist() == list(range(n))
    sizes = [len(part) for part in parts]
    assert len(parts) == k and max(sizes) - min(sizes) <= 1


def test_out_of_fold_never_shows_a_learner_the_rows_it_predicts():
    X, y = torch.arange(17.0).unsqueeze(1), torch.arange(17.0)
    seen = []

    def spy(X_fit, y_fit, X_new):
        assert torch.equal(X_fit.squeeze(1), y_fit)
        assert not set(X_fit.flatten().tolist()) & set(X_new.flatten().tolist())
        assert len(X_fit) + len(X_new) == 17
        seen.extend(X_new.flatten().tolist())
        return -X_new.squeeze(1)

    Z = en.out_of_fold([spy], X, y, 5, generator(0, "folds"))
    assert torch.equal(Z[0], -y)  # each prediction stands at its own row
    assert sorted(seen) == y.tolist()


def test_leave_one_out_by_folds_equals_a_plain_loop():
    X, y = draw(12, 3), draw(12, seed=1)
    Z = en.out_of_fold([least_squares, nearest], X, y, 12)
    for i in range(12):
        kept = [j for j in range(12) if j != i]
        for m, learner in enumerate((least_squares, nearest)):
            torch.testing.assert_close(
                Z[m, i],
                learner(X[kept], y[kept], X[i : i + 1])[0],
                rtol=1e-12,
                atol=0,
            )


def test_out_of_fold_takes_inputs_and_targets_of_different_types():
    X, y = draw(12, 3), draw(12, seed=1)
    learner = lambda *data: least_squares(*(t.double() for t in data))  # noqa: E731
    whole = y.round().long()
    for inputs, targets, dtype in (
        (X.float(), y, torch.float64),
        (X, y.float(), torch.float32),
        (X, whole, None),
    ):
        Z = en.out_of_fold([learner], inputs, targets, 4, generator(0, "folds"))
        assert Z.dtype == (dtype or torch.get_default_dtype())
        want = en.out_of_fold(
            [learner],
            inputs.double(),
            targets.double(),
            4,
            generator(0, "folds"),
        )
        torch.testing.assert_close(Z, want.to(Z.dtype), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_bagging_and_stacking_stay_on_the_gpu():
    X, y = draw(12, 3).cuda(), draw(12, seed=1).cuda()
    Z = en.out_of_fold([least_squares, nearest], X, y, 4, generator(0, "folds"))
    a = en.stacking_weights(Z, y)
    assert Z.is_cuda and a.is_cuda
    torch.testing.assert_close(a.cpu(), en.stacking_weights(Z.cpu(), y.cpu()))
    rows = en.bootstrap(12, 40)
    unseen = en.out_of_bag(rows.cuda())
    assert unseen.is_cuda and torch.equal(unseen.cpu(), en.out_of_bag(rows))


def test_stacking_weights_are_the_best_over_all_subsets():
    for seed in range(5):
        outputs, target = draw(4, 25, seed=seed), draw(25, seed=seed + 10)
        outputs[1] = (
            -target + 0.1 * outputs[1]
        )  # a member that least squares would give a negative weight
        a = en.stacking_weights(outputs, target)
        best = target.square().sum()
        for size in (1, 2, 3, 4):
            for chosen in itertools.combinations(range(4), size):
                Z = outputs[list(chosen)].T
                w = torch.linalg.lstsq(Z, target.unsqueeze(1)).solution
                if (w >= 0).all():
                    best = min(
                        best, (Z @ w - target.unsqueeze(1)).square().sum()
                    )
        assert a[1] == 0 and (a >= 0).all()
        torch.testing.assert_close(
            (a @ outputs - target).square().sum(), best, rtol=1e-10, atol=0
        )


def test_stacking_equals_scikit_learn():
    split = diabetes(0, n_train=80, dtype=torch.float64)
    X, y = split.train
    parts = en.folds(80, 5, generator(0, "folds"))
    kept = [np.setdiff1d(np.arange(80), part.numpy()) for part in parts]
    theirs = StackingRegressor(
        [
            ("line", LinearRegression(fit_intercept=False)),
            ("near", KNeighborsRegressor(1)),
        ],
        LinearRegression(fit_intercept=False, positive=True),
        cv=[(k, part.numpy()) for k, part in zip(kept, parts, strict=True)],
    ).fit(X.numpy(), y.numpy())
    Z = en.out_of_fold([least_squares, nearest], X, y, 5, generator(0, "folds"))
    a = en.stacking_weights(Z, y)
    torch.testing.assert_close(
        a,
        torch.from_numpy(theirs.final_estimator_.coef_),
        rtol=1e-9,
        atol=1e-12,
    )
    mine = a @ torch.stack(
        [f(X, y, split.X_test) for f in (least_squares, nearest)]
    )
    torch.testing.assert_close(
        mine,
        torch.from_numpy(theirs.predict(split.X_test.numpy())),
        rtol=1e-9,
        atol=1e-12,
    )


def test_folds_are_as_large_as_scikit_learns():
    theirs = sorted(len(test) for _, test in KFold(7).split(np.zeros(45)))
    assert sorted(len(part) for part in en.folds(45, 7)) == theirs


# Bad input --------------------------------------------------------------------

ONES = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: en.average([1.0]),
            TypeError,
            "outputs must be a torch.Tensor, got list",
        ),
        (
            lambda: en.average(torch.tensor([1, 2])),
            TypeError,
            "outputs must be a floating-point",
        ),
        (
            lambda: en.average(torch.ones(0, 3)),
            ValueError,
            "members in the first dimension",
        ),
        (
            lambda: en.average(ONES, [1, 1]),
            TypeError,
            "weights must be a torch.Tensor, got list",
        ),
        (
            lambda: en.average(ONES, torch.ones(3)),
            ValueError,
            r"weights must be \(2, 3\) or its first dimensions",
        ),
        (
            lambda: en.average(ONES, torch.tensor([1.0, -1.0])),
            ValueError,
            "weights must be at least 0",
        ),
        (lambda: en.average(ONES, torch.zeros(2)), ValueError, "not all 0"),
        (
            lambda: en.ambiguity_decomposition(ONES, torch.ones(2)),
            ValueError,
            r"\(2, 3\) and \(2,\)",
        ),
        (
            lambda: en.ambiguity_decomposition(ONES, 1.0),
            TypeError,
            "target must be a torch.Tensor",
        ),
        (
            lambda: en.error_correlation(ONES[:1], torch.ones(3)),
            ValueError,
            "at least 2 members, got 1",
        ),
        (
            lambda: en.expected_error(1.0, 0.5, 0),
            ValueError,
            "members must be at least 1, got 0",
        ),
        (
            lambda: en.geometric_average([0.1]),
            TypeError,
            "logits must be a torch.Tensor, got list",
        ),
        (
            lambda: en.geometric_average(torch.ones(3)),
            ValueError,
            r"logits must be \(M, …, K\), got shape \(3,\)",
        ),
        (
            lambda: en.geometric_average(torch.ones(3, 0)),
            ValueError,
            r"logits must be \(M, …, K\), got shape \(3, 0\)",
        ),
        (
            lambda: en.log_loss_decomposition(torch.ones(2, 3, 4), [1]),
            TypeError,
            "target must hold int64 classes, got list",
        ),
        (
            lambda: en.log_loss_decomposition(torch.ones(2, 3, 4), ONES[0]),
            TypeError,
            "target must hold int64 classes, got torch.float32",
        ),
        (
            lambda: en.log_loss_decomposition(ONES, torch.ones(2).long()),
            ValueError,
            r"logits must be \(M, …, N, K\) and target \(…, N\), got \(2, 3\)",
        ),
        (lambda: en.vote(ONES, 2), TypeError, "labels must be an int64 tensor"),
        (
            lambda: en.vote(ONES.int(), 2),
            TypeError,
            "labels must be an int64 tensor, got torch.int32",
        ),
        (
            lambda: en.vote(ONES.bool(), 2),
            TypeError,
            "labels must be an int64 tensor, got torch.bool",
        ),
        (
            lambda: en.vote(ONES.long(), 2, torch.tensor([1, -1])),
            ValueError,
            "weights must be at least 0",
        ),
        (
            lambda: en.out_of_bag(ONES.int()),
            TypeError,
            "rows must be an int64 tensor, got torch.int32",
        ),
        (
            lambda: en.vote(ONES.long(), 1),
            ValueError,
            "num_classes must be at least 2, got 1",
        ),
        (
            lambda: en.vote(ONES.long() * 3, 3),
            ValueError,
            "labels must lie in 0 … 2, got 3 … 3",
        ),
        (
            lambda: en.majority_accuracy(0.6, 4),
            ValueError,
            "members must be odd",
        ),
        (
            lambda: en.majority_accuracy(1.2, 3),
            ValueError,
            r"p must be in \[0, 1\], got 1.2",
        ),
        (lambda: en.bootstrap(0, 3), ValueError, "n must be at least 1, got 0"),
        (
            lambda: en.bootstrap(3.0, 3),
            TypeError,
            "n must be an int, got float",
        ),
        (
            lambda: en.bootstrap(3, True),
            TypeError,
            "members must be an int, got bool",
        ),
        (
            lambda: en.out_of_bag(torch.tensor([[2, 0]])),
            ValueError,
            r"rows must be of shape \(M, n\)",
        ),
        (
            lambda: en.out_of_bag(torch.tensor([[-1, 0]])),
            ValueError,
            r"rows must be of shape \(M, n\)",
        ),
        (lambda: en.folds(1, 2), ValueError, "n must be at least 2, got 1"),
        (lambda: en.folds(5, 1), ValueError, "k must be at least 2, got 1"),
        (
            lambda: en.out_of_fold([], ONES, ONES[:, 0], 2),
            ValueError,
            "learners must be functions",
        ),
        (
            lambda: en.out_of_fold([1], ONES, ONES[:, 0], 2),
            TypeError,
            "learners must be functions",
        ),
        (
            lambda: en.out_of_fold([nearest], ONES / 0, ONES[:, 0], 2),
            ValueError,
            "X must be finite",
        ),
        (
            lambda: en.stacking_weights(ONES, ONES[0] / 0),
            ValueError,
            "must be finite",
        ),
        (
            lambda: en.stacking_weights(torch.ones(2, 3, 4), torch.ones(3, 4)),
            ValueError,
            r"outputs must be \(M, n\)",
        ),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


# Exercises --------------------------------------------------------------------


def answer(capsys, check, attempt):
    result = check(attempt)
    return bool(result), capsys.readouterr().out


def test_the_stubs_are_not_accepted(capsys):
    for check in (en.check_ambiguity_by_hand, en.check_ensemble_size):
        assert answer(capsys, check, ...) == (
            False,
            "✗ Not yet: put your number in place of the dots.\n",
        )
    for check in (en.check_vote, en.check_out_of_fold):
        right, words = answer(capsys, check, lambda *arguments: ...)
        assert not right and "write its body" in words


def test_right_answers_are_accepted(capsys):
    def by_loop(labels, num_classes):
        return torch.stack(
            [
                torch.bincount(column, minlength=num_classes).argmax()
                for column in labels.T
            ]
        )

    def by_lists(learner, X, y, parts):
        z = torch.empty(len(X))
        for part in parts:
            kept = [i for i in range(len(X)) if i not in part.tolist()]
            z[part] = learner(X[kept], y[kept], X[part])
        return z

    assert (
        en.check_ambiguity_by_hand(4.667)
        and en.check_ambiguity_by_hand(4.7)
        and en.check_ensemble_size(10)
    )
    assert en.check_vote(by_loop) and en.check_vote(
        lambda labels, c: torch.mode(labels, 0).values
    )
    assert en.check_out_of_fold(by_lists)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1.0, "error of the average"),
        (7.0, "not by 2"),
        (14.0, "divide the sum"),
        (3, "average itself"),
    ],
)
def test_wrong_ambiguities_get_their_own_hint(capsys, number, words):
    right, said = answer(capsys, en.check_ambiguity_by_hand, number)
    assert not right and words in said


@pytest.mark.parametrize(
    ("number", "words"), [(9, "89 %"), (100, "root of M"), (5, "80 %")]
)
def test_wrong_sizes_get_their_own_hint(capsys, number, words):
    right, said = answer(capsys, en.check_ensemble_size, number)
    assert not right and words in said


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda labels, c: labels.median(0).values, "middle class"),
        (
            lambda labels, c: labels.double().mean(0).round().long(),
            "average the class numbers",
        ),
        (lambda labels, c: torch.mode(labels.mT, 0).values, "down the columns"),
        (
            lambda labels, c: (
                torch.nn.functional.one_hot(labels, c).sum(0).max(-1).values
            ),
            "not its number of votes",
        ),
        (
            lambda labels, c: c - 1 - torch.mode(c - 1 - labels, 0).values,
            "a tie goes",
        ),
        (lambda labels, c: en.vote(labels, c), "but vote computed them"),
    ],
)
def test_wrong_votes_get_their_own_hint(capsys, attempt, words):
    right, said = answer(capsys, en.check_vote, attempt)
    assert not right and words in said


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda learner, X, y, parts: learner(X, y, X), "leave their fold out"),
        (
            lambda learner, X, y, parts: torch.cat(
                [
                    learner(
                        *(
                            t[torch.cat([q for q in parts if q is not p])]
                            for t in (X, y)
                        ),
                        X[p],
                    )
                    for p in parts
                ]
            ),
            "at the number of its row",
        ),
        (
            lambda learner, X, y, parts: torch.cat(
                [learner(X[p], y[p], X[p]) for p in parts]
            )[torch.cat(parts).argsort()],
            "fits on this one alone",
        ),
    ],
)
def test_wrong_folds_get_their_own_hint(capsys, attempt, words):
    right, said = answer(capsys, en.check_out_of_fold, attempt)
    assert not right and words in said
