"""Early stopping: the rules against plain loops, fit and fit_many; descent in
closed form; bad input; exercises.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from companion import early_stopping as es
from companion.optimizers import sgd
from companion.training import fit, fit_many, seeded_model

LOSSES = st.lists(
    st.floats(0.1, 10).map(lambda x: round(x, 1)), min_size=1, max_size=30
)
COUNT = st.integers(1, 6)


def history(losses):
    return torch.tensor(losses, dtype=torch.float64)


def first(losses, fires):
    return next((t for t in range(1, len(losses) + 1) if fires(t)), len(losses))


# The rules against loops written from their definitions -----------------------


@given(LOSSES, COUNT, st.sampled_from([0.0, 0.25, 2.0]))
def test_patience_equals_a_loop(losses, patience, min_delta):
    best, kept, end = float("inf"), 0, 0
    for end, loss in enumerate(history(losses).tolist(), start=1):
        if loss < best - min_delta:
            best, kept = loss, end
        if end - kept >= patience:
            break
    assert tuple(
        map(int, es.stop_patience(history(losses), patience, min_delta))
    ) == (end, kept)


@given(LOSSES, st.sampled_from([0.0, 5.0, 50.0]))
def test_gl_equals_its_definition(losses, alpha):
    stop = first(
        losses, lambda t: 100 * (losses[t - 1] / min(losses[:t]) - 1) > alpha
    )
    assert es.stop_gl(history(losses), alpha).item() == stop


@given(LOSSES, COUNT, st.integers(1, 4))
def test_up_equals_its_recursive_definition(losses, strip, s):
    # UP_s stops after t if UP_{s-1} stops after t - k and the loss rose since
    def up(s, t):
        return s == 0 or (
            t > strip
            and losses[t - 1] > losses[t - strip - 1]
            and up(s - 1, t - strip)
        )

    stop = first(losses, lambda t: t % strip == 0 and up(s, t))
    assert es.stop_up(history(losses), s, strip).item() == stop


@given(LOSSES, LOSSES, COUNT)
def test_pq_equals_its_definition(valid, train, strip):
    valid, train = zip(*zip(valid, train, strict=False), strict=True)
    alpha = math.pi / 10  # no ties between rounded losses

    def fires(t):
        if t % strip:
            return False
        last = train[t - strip : t]
        return 100 * (valid[t - 1] / min(valid[:t]) - 1) > alpha * 1000 * (
            sum(last) / (strip * min(last)) - 1
        )

    assert es.stop_pq(
        history(valid), history(train), alpha, strip
    ).item() == first(valid, fires)


def test_pq_stops_where_the_training_loss_stands_still():
    assert (
        es.stop_pq(history([2.0, 2.1]), history([1.0, 1.0]), alpha=5, strip=1)
        == 2
    )


@pytest.mark.parametrize("strip", [5, 6])
def test_a_strip_has_five_epochs_where_nothing_else_is_said(strip):
    valid = history([2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6])
    train = torch.ones_like(valid)
    stops = (es.stop_pq(valid, train, 1), es.stop_up(valid, 1))
    given = (es.stop_pq(valid, train, 1, strip), es.stop_up(valid, 1, strip))
    assert (stops == given) == (strip == 5)


@given(LOSSES)
def test_the_best_epoch_is_the_first_of_the_lowest(losses):
    for end in range(1, len(losses) + 1):
        expected = losses[:end].index(min(losses[:end])) + 1
        assert (
            es.best_epoch(history(losses), torch.tensor(end)).item() == expected
        )
    assert es.at_epoch(history(losses), es.best_epoch(history(losses))) == min(
        losses
    )


def test_stacked_histories_equal_single_ones():
    valid, train = (
        torch.rand(2, 3, 4, 25, generator=torch.Generator().manual_seed(0))
        + 0.5
    )
    for rule in (
        lambda v, t: es.stop_patience(v, 3)[0],
        lambda v, t: es.stop_patience(v, 3, 0.1)[1],
        lambda v, t: es.stop_gl(v, 50),
        lambda v, t: es.stop_pq(v, t, 0.05, strip=4),
        lambda v, t: es.stop_up(v, 2, strip=3),
        lambda v, t: es.best_epoch(v),
    ):
        together = rule(valid, train)
        alone = [
            [rule(valid[i, j], train[i, j]).item() for j in range(4)]
            for i in range(3)
        ]
        assert together.tolist() == alone
        assert len(set(together.flatten().tolist())) > 1
    epochs = es.best_epoch(valid)
    assert torch.equal(es.at_epoch(valid, epochs), valid.min(-1).values)


def test_a_min_delta_above_every_fall_keeps_the_first_epoch():
    assert es.stop_patience(torch.linspace(3, 0, 40), 20, min_delta=10) == (
        21,
        1,
    )


def test_nan_is_never_better():
    assert es.stop_patience(history([2.0, math.nan, math.nan, 1.0]), 2) == (
        3,
        1,
    )
    assert es.stop_patience(history([math.nan] * 3), 2) == (2, 0)
    assert (
        es.best_epoch(history([math.nan, 3.0, 2.0, 4.0, math.nan, math.nan]))
        == 3
    )
    assert es.best_epoch(history([2.0, math.nan, 1.0]), torch.tensor(2)) == 1
    assert es.generalization_loss(
        history([4.0, math.nan, 2.0, 3.0])
    ).nan_to_num(-1).tolist() == [0, -1, 0, 50]
    assert es.stop_gl(history([2.0, math.nan, 2.0, 3.0, 1.0]), 20) == 4


def test_a_stopped_run_keeps_the_best_epoch_of_its_history():
    train, valid = noisy_line(0), noisy_line(1)
    runs = fit_many(
        line,
        train,
        loss=F.mse_loss,
        rule=sgd,
        lr=0.05,
        seeds=range(10),
        epochs=60,
        valid=valid,
        patience=3,
    )
    assert runs.history["valid_loss"].isnan().any()  # after a run has stopped
    assert torch.equal(
        es.best_epoch(runs.history["valid_loss"]), runs.best_epoch
    )


# The same rule in fit and fit_many --------------------------------------------


def noisy_line(seed, n=12):
    chance = torch.Generator().manual_seed(seed)
    X = torch.randn(n, 8, generator=chance, dtype=torch.float64)
    return X, X[:, :1] + torch.randn(
        n, 1, generator=chance, dtype=torch.float64
    )


def line():
    return nn.Linear(8, 1, dtype=torch.float64)


@pytest.mark.parametrize(
    ("patience", "min_delta"), [(1, 0.0), (3, 0.0), (3, 0.02)]
)
def test_fit_and_fit_many_stop_and_keep_as_the_rule_says(patience, min_delta):
    train, valid, seeds = noisy_line(0), noisy_line(1), [0, 1, 2]
    common = dict(loss=F.mse_loss, epochs=60, batch_size=4, valid=valid)
    whole = fit_many(line, train, rule=sgd, lr=0.05, seeds=seeds, **common)
    stopped, kept = es.stop_patience(
        whole.history["valid_loss"], patience, min_delta
    )
    assert (stopped < 60).any() and len(set(stopped.tolist())) > 1
    stop = common | dict(patience=patience, min_delta=min_delta)
    many = fit_many(line, train, rule=sgd, lr=0.05, seeds=seeds, **stop)
    assert torch.equal(many.epochs_run, stopped) and torch.equal(
        many.best_epoch, kept
    )
    for seed in seeds:
        model = seeded_model(line, seed)
        run = fit(
            model,
            train,
            seed=seed,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.05),
            **stop,
        )
        assert len(run["valid_loss"]) == stopped[seed]
        expected = whole.history["valid_loss"][seed, kept[seed] - 1]
        torch.testing.assert_close(
            F.mse_loss(model(valid[0]), valid[1]), expected, rtol=1e-10, atol=0
        )


# Gradient descent in closed form ----------------------------------------------


def regression(n=30, d=6, problems=(3,)):
    chance = torch.Generator().manual_seed(7)
    X = torch.randn(*problems, n, d, generator=chance, dtype=torch.float64)
    return X, torch.randn(*problems, n, generator=chance, dtype=torch.float64)


def descend(X, y, lr, steps):
    w = torch.zeros_like(X[..., 0, :])
    for _ in range(steps):
        error = (X @ w.unsqueeze(-1)).squeeze(-1) - y
        w = w - lr * (X.mT @ error.unsqueeze(-1)).squeeze(-1) / X.shape[-2]
    return w


@pytest.mark.parametrize("shape", [(30, 6), (5, 12)])
@pytest.mark.parametrize(
    ("lr", "steps"), [(0.1, 1), (0.1, 300), (0.7, 20), (1e-6, 5)]
)
def test_the_closed_form_equals_the_steps(shape, lr, steps):
    X, y = regression(*shape)
    torch.testing.assert_close(
        es.descent_weights(X, y, lr, steps),
        descend(X, y, lr, steps),
        rtol=1e-9,
        atol=1e-13,
    )


def test_many_steps_reach_least_squares():
    X, y = regression()
    expected = torch.linalg.lstsq(X, y.unsqueeze(-1)).solution.squeeze(-1)
    torch.testing.assert_close(
        es.descent_weights(X, y, 0.3, 10**6), expected, rtol=1e-9, atol=1e-12
    )


def test_tiny_directions_keep_their_digits():
    share = es.descent_shrinkage(history([1e-20]), lr=0.5, steps=4)
    torch.testing.assert_close(share, history([2e-20]), rtol=1e-12, atol=0)


@pytest.mark.parametrize("steps", [1, 20, 200])
def test_a_strength_per_direction_gives_the_same_shares(steps):
    s = torch.logspace(-6, 0.2, 20, dtype=torch.float64)
    own = es.equivalent_penalty(s, 0.5, steps)
    torch.testing.assert_close(
        s / (s + own), es.descent_shrinkage(s, 0.5, steps), rtol=1e-12, atol=0
    )
    torch.testing.assert_close(
        own[0], history(1 / (0.5 * steps)), rtol=1e-3, atol=0
    )


def test_ridge_shares_give_the_ridge_solution():
    X, y = regression(problems=())
    s, V = torch.linalg.eigh(X.T @ X / len(X))
    least = torch.linalg.lstsq(X, y.unsqueeze(-1)).solution.squeeze(-1)
    expected = torch.linalg.solve(
        X.T @ X / len(X) + 0.3 * torch.eye(6), X.T @ y / len(X)
    )
    torch.testing.assert_close(
        V @ (es.ridge_shrinkage(s, 0.3) * (V.T @ least)), expected
    )


# Bad input --------------------------------------------------------------------

GOOD = torch.tensor([2.0, 1.0, 3.0])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: es.stop_patience([1.0], 2),
            TypeError,
            "valid_loss must be a tensor of floating-point numbers, got list",
        ),
        (
            lambda: es.stop_gl(torch.tensor([1, 2]), 2),
            TypeError,
            "got torch.int64",
        ),
        (
            lambda: es.stop_up(torch.zeros(3, 0), 1),
            ValueError,
            r"at least one epoch, got \(3, 0\)",
        ),
        (
            lambda: es.stop_patience(GOOD, 0),
            ValueError,
            "patience must be at least 1, got 0",
        ),
        (
            lambda: es.stop_patience(GOOD, 1.5),
            TypeError,
            "patience must be an int, got float",
        ),
        (
            lambda: es.stop_patience(GOOD, True),
            TypeError,
            "patience must be an int, got bool",
        ),
        (
            lambda: es.stop_patience(GOOD, 1, -0.1),
            ValueError,
            "min_delta must be finite and at least 0, got -0.1",
        ),
        (
            lambda: es.stop_patience(GOOD, 1, "0"),
            TypeError,
            "min_delta must be a number, got str",
        ),
        (
            lambda: es.stop_gl(GOOD, math.nan),
            ValueError,
            "alpha must be finite and at least 0, got nan",
        ),
        (
            lambda: es.stop_pq(GOOD, GOOD[:2], 1),
            ValueError,
            r"same shape, got \[\(3,\), \(2,\)\]",
        ),
        (
            lambda: es.stop_pq(GOOD, GOOD, -1),
            ValueError,
            "alpha must be finite and at least 0, got -1",
        ),
        (
            lambda: es.progress(GOOD, 0),
            ValueError,
            "strip must be at least 1, got 0",
        ),
        (
            lambda: es.stop_up(GOOD, 0),
            ValueError,
            "s must be at least 1, got 0",
        ),
        (
            lambda: es.best_epoch(GOOD, 2),
            TypeError,
            "stopped must be an int64 tensor, got int",
        ),
        (
            lambda: es.best_epoch(GOOD, torch.tensor(2).numpy()),
            TypeError,
            "stopped must be an int64 tensor, got ndarray",
        ),
        (
            lambda: es.best_epoch(GOOD, torch.tensor(2.0)),
            TypeError,
            "stopped must be an int64 tensor, got torch.float32",
        ),
        (
            lambda: es.best_epoch(GOOD, torch.tensor(4)),
            ValueError,
            "stopped must lie in 1 … 3, got 4",
        ),
        (
            lambda: es.at_epoch(GOOD, torch.tensor(0)),
            ValueError,
            "epoch must lie in 1 … 3, got 0",
        ),
        (
            lambda: es.at_epoch(GOOD, torch.tensor([1])),
            ValueError,
            r"must have shape \(\), got \(1,\)",
        ),
        (
            lambda: es.descent_shrinkage(torch.tensor([-1.0]), 0.1, 1),
            ValueError,
            "eigenvalues must be at least 0",
        ),
        (
            lambda: es.ridge_shrinkage([1.0], 0.1),
            TypeError,
            "eigenvalues must be a tensor of floating-point numbers",
        ),
        (
            lambda: es.ridge_shrinkage(GOOD, -1),
            ValueError,
            "lam must be finite and at least 0, got -1",
        ),
        (
            lambda: es.equivalent_penalty(GOOD, 0.0, 3),
            ValueError,
            "lr must be above 0, got 0",
        ),
        (
            lambda: es.descent_shrinkage(GOOD, -0.1, 1),
            ValueError,
            "lr must be finite and at least 0, got -0.1",
        ),
        (
            lambda: es.descent_weights(torch.eye(3), GOOD, 0.1, 0),
            ValueError,
            "steps must be at least 1, got 0",
        ),
        (
            lambda: es.descent_weights(torch.eye(3), GOOD[:, None], 0.1, 1),
            ValueError,
            r"and y \(…, n\), got",
        ),
        (
            lambda: es.descent_weights(torch.eye(3) * math.nan, GOOD, 0.1, 1),
            ValueError,
            "data: X must be finite",
        ),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


# The exercises ----------------------------------------------------------------


def stop_epoch(losses, patience, better=lambda loss, best, last: loss < best):
    """A plain loop, as a reader would write it."""
    waited, best, last = 0, float("inf"), float("inf")
    for epoch, loss in enumerate(losses.tolist(), start=1):
        waited = 0 if better(loss, best, last) else waited + 1
        best, last = min(best, loss), loss
        if waited == patience:
            return epoch
    return len(losses)


def never_at_the_end(losses, patience):
    best, kept = math.inf, 0
    for epoch, loss in enumerate(losses.tolist(), start=1):
        if loss < best:
            best, kept = loss, epoch
        if epoch - kept >= patience:
            return epoch
    return None  # the history ended first


def two_bugs(valid_loss, patience):
    """What the exercise hands out."""
    last, waited = float("inf"), 0
    for epoch, loss in enumerate(valid_loss.tolist()):  # noqa: B007
        waited = 0 if loss < last else waited + 1
        last = loss
        if waited == patience:
            break
    return epoch


def kept_epoch(losses, stopped):
    return losses[:stopped].argmin().item() + 1


@pytest.mark.parametrize(
    ("check", "answer", "right", "words"),
    [
        (es.check_lambda_by_hand, ..., False, "put your number"),
        (es.check_lambda_by_hand, 0.2, True, "0.2"),
        (es.check_lambda_by_hand, 5, False, "its inverse"),
        (es.check_lambda_by_hand, 0.02, False, "learning rate counts"),
        (es.check_lambda_by_hand, 10, False, "number of steps"),
        (es.check_lambda_by_hand, 0.002, False, "below the line"),
        (
            es.check_stop_epoch,
            lambda losses, patience: ...,
            False,
            "write its body",
        ),
        (es.check_stop_epoch, stop_epoch, True, "agrees"),
        (
            es.check_stop_epoch,
            lambda v, p: v.argmin().item() + 1,
            False,
            "weights are kept",
        ),
        (
            es.check_stop_epoch,
            lambda v, p: stop_epoch(v, p, lambda x, best, last: x < last),
            False,
            "epoch before",
        ),
        (
            es.check_stop_epoch,
            lambda v, p: stop_epoch(v, p, lambda x, best, last: x <= best),
            False,
            "not better",
        ),
        (
            es.check_stop_epoch,
            lambda v, p: stop_epoch(v, p + 1),
            False,
            "one epoch too long",
        ),
        (
            es.check_stop_epoch,
            lambda v, p: stop_epoch(v, p) - 1,
            False,
            "count epochs from 1",
        ),
        (es.check_stop_epoch, never_at_the_end, False, "expected"),
        (es.check_stop_epoch, two_bugs, False, "expected"),
        (
            es.check_kept_epoch,
            lambda losses, stopped: None,
            False,
            "write its body",
        ),
        (es.check_kept_epoch, kept_epoch, True, "agrees"),
        (es.check_kept_epoch, lambda v, stopped: stopped, False, "last epoch"),
        (
            es.check_kept_epoch,
            lambda v, stopped: v.argmin().item() + 1,
            False,
            "never trained",
        ),
        (
            es.check_kept_epoch,
            lambda v, stopped: v[:stopped].argmin().item(),
            False,
            "from 1",
        ),
        (
            es.check_kept_epoch,
            lambda v, stopped: v[:stopped].argmax().item() + 1,
            False,
            "low is good",
        ),
    ],
)
def test_exercises_answer_back(capsys, check, answer, right, words):
    assert bool(check(answer)) is right
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("✓" if right else "✗") and words in line
