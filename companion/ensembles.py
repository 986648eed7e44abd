r"""Chapter *ensembles*: several models that answer as one, by averaging,
voting, bagging and stacking.

Ordered from the average and its identity, for the squared error and for the
logarithmic loss, to voting, bagging and stacking; the checks of the chapter's
exercises come last. Members stand in the first dimension of every tensor.
"""

import math
from typing import NamedTuple

import scipy.optimize
import torch
import torch.nn.functional as F

from companion.arguments import check_int, in_float32, surely
from companion.checks import check, check_number
from companion.data import check_data

__all__ = [
    "Decomposition",
    "ambiguity_decomposition",
    "average",
    "bootstrap",
    "check_ambiguity_by_hand",
    "check_ensemble_size",
    "check_out_of_fold",
    "check_vote",
    "error_correlation",
    "expected_error",
    "folds",
    "geometric_average",
    "log_loss_decomposition",
    "majority_accuracy",
    "out_of_bag",
    "out_of_fold",
    "stacking_weights",
    "vote",
]


def _check_members(name, value, floating=True):
    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}"
        )
    if not (
        value.is_floating_point() if floating else value.dtype == torch.int64
    ):
        raise TypeError(
            f"{name} must be {'a floating-point' if floating else 'an int64'}"
            f" tensor, got {value.dtype}"
        )
    if value.ndim == 0 or len(value) == 0:
        raise ValueError(
            f"{name} must have its members in the first dimension, got shape"
            f" {tuple(value.shape)}"
        )


def _check_target(outputs, target):
    _check_members("outputs", outputs)
    if not isinstance(target, torch.Tensor):
        raise TypeError(
            f"target must be a torch.Tensor, got {type(target).__name__}"
        )
    if outputs.ndim < 2 or target.shape != outputs.shape[1:]:
        shapes = f"{tuple(outputs.shape)} and {tuple(target.shape)}"
        raise ValueError(
            f"outputs must be (M, …, N) and target (…, N), got {shapes}"
        )


def _check_weights(weights, shape):
    if not isinstance(weights, torch.Tensor):
        raise TypeError(
            f"weights must be a torch.Tensor, got {type(weights).__name__}"
        )
    if (
        not 1 <= weights.ndim <= len(shape)
        or weights.shape != shape[: weights.ndim]
    ):
        raise ValueError(
            f"weights must be {tuple(shape)} or its first dimensions,"
            f" got {tuple(weights.shape)}"
        )
    if surely((weights < 0).any() | (weights.sum(0) == 0).any()):
        raise ValueError(
            "weights must be at least 0 and not all 0, got a negative weight or"
            " only zeros"
        )


def _check_classes(logits, target=None):
    _check_members("logits", logits)
    if logits.ndim < 2 or logits.shape[-1] == 0:
        raise ValueError(
            f"logits must be (M, …, K), got shape {tuple(logits.shape)}"
        )
    if target is None:
        return
    tensor = isinstance(target, torch.Tensor)
    kind = target.dtype if tensor else type(target).__name__
    if kind != torch.int64:
        raise TypeError(f"target must hold int64 classes, got {kind}")
    if logits.ndim < 3 or target.shape != logits.shape[1:-1]:
        shapes = f"{tuple(logits.shape)} and {tuple(target.shape)}"
        raise ValueError(
            f"logits must be (M, …, N, K) and target (…, N), got {shapes}"
        )


def average(outputs, weights=None):
    r"""Average the members' outputs: predictions, or probabilities (then it is
    called *soft voting*).

    .. math::
        \bar f(x) = \sum_{k=1}^{M} a_k f_k(x), \qquad a_k \ge 0,\; \sum_k a_k =
        1

    Args:
        outputs: floating point, shape (M, …).
        weights: at least 0, shape (M,) or (M, …), such as one weight per member
            and row; divided by their sum over the members. Equal if not given.

    Returns:
        Tensor of shape (…).

    Raises:
        ValueError: if there are no members, or weights are negative, all zero
            or of another shape.

    Example:
        >>> average(torch.tensor([[1.0, 2.0], [2.0, 2.0], [6.0, 5.0]]))
        tensor([3., 3.])

    Chapter: ensembles.
    """
    _check_members("outputs", outputs)
    if weights is not None:
        _check_weights(weights, outputs.shape)
    if weights is None:
        return outputs.mean(0)
    ones = [1] * (outputs.ndim - weights.ndim)
    a = weights.to(outputs.dtype).reshape(*weights.shape, *ones)
    return (a / a.sum(0) * outputs).sum(0)


class Decomposition(NamedTuple):
    """Error of the ensemble, mean error of its members, and their ambiguity:
    the first is the second minus the third.

    Chapter: ensembles.
    """

    ensemble: torch.Tensor
    mean: torch.Tensor
    ambiguity: torch.Tensor


@in_float32
def ambiguity_decomposition(outputs, target, weights=None):
    r"""Split the squared error of an average: the members' mean error minus
    their spread around the average.

    .. math::
        \underbrace{(\bar f - y)^2}_{E} = \underbrace{\sum_k a_k (f_k -
        y)^2}_{\bar E}
        - \underbrace{\sum_k a_k (f_k - \bar f)^2}_{\bar A}

    Args:
        outputs: predictions of the members, shape (M, …, N).
        target: shape (…, N).
        weights: of the members, shape (M,), at least 0; equal if not given.

    Returns:
        :class:`Decomposition` with the means over the N rows, each of shape
        (…).

    Raises:
        ValueError: for shapes that do not fit or weights that are negative.

    Example:
        >>> ambiguity_decomposition(
        ...     torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([3.0])
        ... )
        Decomposition(ensemble=tensor(0.), mean=tensor(4.6667),
        ambiguity=tensor(4.6667))

    Source: Krogh and Vedelsby (1995).

    Chapter: ensembles.
    """
    _check_target(outputs, target)
    f_bar = average(outputs, weights)
    ensemble = (f_bar - target).square()
    mean = average((outputs - target).square(), weights)
    ambiguity = average((outputs - f_bar).square(), weights)
    return Decomposition(ensemble.mean(-1), mean.mean(-1), ambiguity.mean(-1))


@in_float32
def error_correlation(outputs, target):
    r"""How much two members err together: the mean product of two errors over
    the mean squared error.

    .. math::
        \rho = \frac{\frac{1}{M(M-1)} \sum_{k \ne l} \overline{e_k
        e_l}}{\frac{1}{M} \sum_k \overline{e_k^2}},
        \qquad e_k = f_k - y

    The bars are means over the rows. 1 means that all members make the same
    errors, 0 that the products of their errors cancel. It is the share of the
    mean error that two members have in common. No mean is subtracted, unlike in
    a correlation of statistics: an error that all make on all rows counts.

    Args:
        outputs: predictions of the members, shape (M, …, N), M at least 2.
        target: shape (…, N).

    Returns:
        Tensor of shape (…), at most 1.

    Raises:
        ValueError: for shapes that do not fit or a single member.

    Example:
        >>> error_correlation(
        ...     torch.tensor([[1.0, -1.0], [1.0, 1.0]]), torch.zeros(2)
        ... ).item()
        0.0

    Source: Hastie, Tibshirani and Friedman (2009), the variance of an average
    of correlated variables; here for errors.

    Chapter: ensembles.
    """
    _check_target(outputs, target)
    if len(outputs) < 2:
        raise ValueError(
            f"outputs must have at least 2 members, got {len(outputs)}"
        )
    errors = outputs - target
    squares = errors.square().sum(0)  # Σ_k e_k², per row
    products = errors.sum(0).square() - squares  # Σ_{k≠l} e_k e_l, per row
    return (products.mean(-1) / (len(errors) - 1)) / squares.mean(-1)


def expected_error(mean_error, correlation, members):
    r"""Squared error of an average of M members: what they share stays, the
    rest falls as 1/M.

    .. math::
        E_M = \bar E \Bigl(\rho + \frac{1 - \rho}{M}\Bigr)

    This is exact for the mean over all choices of M members out of those that
    gave :math:`\bar E` and :math:`\rho`.

    Args:
        mean_error: :math:`\bar E`, number or tensor.
        correlation: :math:`\rho`, from :func:`error_correlation`.
        members: M, at least 1; a number or a tensor.

    Returns:
        The error, in the unit of ``mean_error``.

    Raises:
        ValueError: if ``members`` is below 1.

    Example:
        >>> expected_error(1.0, 0.5, 2)
        0.75

    Source: Hastie, Tibshirani and Friedman (2009), the variance of an average
    of correlated variables; here for errors.

    Chapter: ensembles.
    """
    if surely(~(torch.as_tensor(members) >= 1).all()):
        raise ValueError(f"members must be at least 1, got {members}")
    return mean_error * (correlation + (1 - correlation) / members)


def geometric_average(logits):
    r"""Average the members' logits: the geometric mean of their probabilities,
    divided by its sum.

    .. math::
        \bar q(c) = \frac{1}{G} \prod_{k=1}^{M} q_k(c)^{1/M}, \qquad
        G = \sum_c \prod_{k=1}^{M} q_k(c)^{1/M}

    Args:
        logits: shape (M, …, K). Log-probabilities give the same.

    Returns:
        Log-probabilities :math:`\log \bar q`, shape (…, K).

    Raises:
        ValueError: if there are no members or no classes.

    Example:
        >>> q = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
        >>> geometric_average(q.log()).exp()
        tensor([0.5000, 0.5000])

    Source: Heskes (1998), the logarithmic opinion pool.

    Chapter: ensembles.
    """
    _check_classes(logits)
    return logits.mean(0).log_softmax(-1)


def log_loss_decomposition(logits, target):
    r"""Split the logarithmic loss of a geometric average: the members' mean
    loss minus their disagreement, which needs no target.

    .. math::
        \underbrace{-\log \bar q(y)}_{E} = \underbrace{\frac1M \sum_k
        \bigl(-\log q_k(y)\bigr)}_{\bar E} - \underbrace{(-\log G)}_{\bar A}

    Args:
        logits: of the members, shape (M, …, N, K).
        target: int64 classes, shape (…, N).

    Returns:
        :class:`Decomposition` with the means over the N rows, each of shape
        (…).

    Raises:
        TypeError: if ``target`` does not hold int64 classes.
        ValueError: for shapes that do not fit.

    Example:
        >>> q = torch.tensor([[[0.9, 0.1]], [[0.1, 0.9]]])
        >>> log_loss_decomposition(q.log(), torch.tensor([0]))
        Decomposition(ensemble=tensor(0.6931), mean=tensor(1.2040),
        ambiguity=tensor(0.5108))

    Source: Heskes (1998), logarithmic opinion pools.

    Chapter: ensembles.
    """
    _check_classes(logits, target)
    log_q, y = logits.log_softmax(-1), target.unsqueeze(-1)
    ensemble = -geometric_average(logits).gather(-1, y).squeeze(-1)
    mean = -log_q.mean(0).gather(-1, y).squeeze(-1)
    log_G = log_q.mean(0).logsumexp(-1)
    return Decomposition(ensemble.mean(-1), mean.mean(-1), -log_G.mean(-1))


def vote(labels, num_classes, weights=None):
    r"""Let the members vote (*hard voting*): the class with the most votes
    wins, the lowest class if there is a tie.

    .. math::
        \hat y(x) = \arg\max_c \sum_{k=1}^{M} a_k\, [\hat y_k(x) = c]

    Args:
        labels: int64 classes in 0 … ``num_classes`` − 1, shape (M, …).
        num_classes: number of classes, at least 2.
        weights: of the members, shape (M,), at least 0; equal if not given.

    Returns:
        int64 classes, shape (…).

    Raises:
        TypeError: if ``labels`` are not int64.
        ValueError: if a label is out of range or weights are negative.

    Example:
        >>> vote(torch.tensor([[0, 1], [2, 1], [2, 0]]), num_classes=3)
        tensor([2, 1])

    Source: scikit-learn's ``VotingClassifier(voting="hard")`` breaks ties in
    the same way.

    Chapter: ensembles.
    """
    _check_members("labels", labels, floating=False)
    check_int("num_classes", num_classes, 2)
    if surely(((labels < 0) | (labels >= num_classes)).any()):
        raise ValueError(
            f"labels must lie in 0 … {num_classes - 1}, got"
            f" {labels.min().item()} … {labels.max().item()}"
        )
    if weights is not None:
        _check_weights(weights, (*labels.shape, num_classes))
    ballots = F.one_hot(labels, num_classes).double()
    if weights is not None:
        # not divided by their sum, so that a tie is a tie
        ones = [1] * (ballots.ndim - weights.ndim)
        ballots = weights.double().reshape(*weights.shape, *ones) * ballots
    return ballots.sum(0).argmax(-1)


def majority_accuracy(p, members):
    r"""Accuracy of the majority of M independent voters, two classes, each
    right with probability p.

    .. math::
        P = \sum_{k > M/2} \binom{M}{k} p^k (1 - p)^{M - k}

    Args:
        p: probability that one voter is right, in [0, 1].
        members: M, odd, at least 1.

    Returns:
        Probability that more than half are right.

    Raises:
        ValueError: if ``p`` is outside [0, 1] or ``members`` is even or
            below 1.

    Example:
        >>> (
        ...     round(majority_accuracy(0.6, 11), 3),
        ...     round(majority_accuracy(0.4, 11), 3),
        ... )
        (0.753, 0.247)

    Source: Condorcet (1785), the jury theorem.

    Chapter: ensembles.
    """
    check_int("members", members, 1)
    if members % 2 == 0:
        raise ValueError(
            f"members must be odd, so that there is a majority, got {members}"
        )
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in [0, 1], got {p}")
    M = members
    terms = (
        math.comb(M, k) * p**k * (1 - p) ** (M - k)
        for k in range(M // 2 + 1, M + 1)
    )
    return math.fsum(terms)


def bootstrap(n, members, generator=None):
    """Draw n of n rows with replacement, anew for each member.

    Args:
        n: number of rows, at least 1.
        members: number of samples M, at least 1.
        generator: source of randomness.

    Returns:
        int64 row numbers, shape (M, n). Use them as ``X[rows]``.

    Raises:
        ValueError: if a count is below 1.

    Example:
        >>> rows = bootstrap(1000, 5, torch.Generator().manual_seed(0))
        >>> rows.shape, round(len(rows[0].unique()) / 1000, 2)
        (torch.Size([5, 1000]), 0.63)

    Source: Breiman (1996), Bagging predictors.

    Chapter: ensembles.
    """
    check_int("n", n, 1)
    check_int("members", members, 1)
    return torch.randint(n, (members, n), generator=generator)


def out_of_bag(rows):
    r"""Mark the rows that a member has not seen: about :math:`(1 - 1/n)^n
    \approx 1/e` of them.

    Args:
        rows: from :func:`bootstrap`, int64 in 0 … n − 1, shape (M, n).

    Returns:
        Boolean tensor (M, n): true where row i is not in the sample of member
        k. As ``weights`` of :func:`average` it gives every training row a
        prediction of members that never saw it. With few members some rows are
        in every sample and get none: :func:`average` refuses them.

    Raises:
        TypeError: if ``rows`` is not int64.
        ValueError: if ``rows`` is not of shape (M, n) or a row number is not in
            0 … n − 1.

    Example:
        >>> out_of_bag(torch.tensor([[0, 0, 2], [1, 2, 0]]))
        tensor([[False,  True, False],
                [False, False, False]])

    Source: Breiman (1996), Out-of-bag estimation.

    Chapter: ensembles.
    """
    _check_members("rows", rows, floating=False)
    if rows.ndim != 2 or not 0 <= rows.min() <= rows.max() < rows.shape[1]:
        raise ValueError(
            "rows must be of shape (M, n) and in 0 … n − 1, got shape"
            f" {tuple(rows.shape)}"
        )
    unseen = torch.ones_like(rows, dtype=torch.bool)
    return unseen.scatter(1, rows, False)


def folds(n, k, generator=None):
    """Cut the rows 0 … n − 1 at random into k parts of nearly equal size.

    Args:
        n: number of rows.
        k: number of folds, 2 … n.
        generator: source of randomness.

    Returns:
        List of k int64 tensors; every row is in exactly one of them.

    Raises:
        ValueError: if ``k`` is not in 2 … n.

    Example:
        >>> sorted(
        ...     len(rows)
        ...     for rows in folds(10, 3, torch.Generator().manual_seed(0))
        ... )
        [3, 3, 4]

    Chapter: ensembles.
    """
    check_int("n", n, 2)
    check_int("k", k, 2)
    if k > n:
        raise ValueError(f"k must be at most n = {n}, got {k}")
    return list(torch.randperm(n, generator=generator).tensor_split(k))


def out_of_fold(learners, X, y, k, generator=None):
    r"""Predict every training row by models that were fitted without its fold.

    .. math::
        Z_{mi} = f_m^{(-\kappa(i))}(x_i), \qquad \kappa(i) \text{ the fold of
        row } i

    Args:
        learners: list of M functions ``learner(X, y, X_new)`` that fit to (X,
            y) and return predictions for ``X_new``.
        X: inputs (n, …).
        y: targets (n,).
        k: number of folds, 2 … n.
        generator: source of randomness of the folds; all learners get the same.

    Returns:
        Predictions Z, shape (M, n): the training data of the second level.
        Floating point, of the type of ``y`` if it is one.

    Raises:
        TypeError: if a learner is not a function.
        ValueError: for data that nothing can learn from, no learners, or ``k``
            out of range.

    Example:
        >>> mean = lambda X, y, X_new: y.mean().expand(len(X_new))
        >>> out_of_fold(  # each is predicted by the other
        ...     [mean], torch.zeros(2, 1), torch.tensor([0.0, 6.0]), k=2
        ... )
        tensor([[6., 0.]])

    Source: Wolpert (1992); Breiman (1996), Stacked regressions.

    Chapter: ensembles.
    """
    check_data(X, y, name="data")
    if not learners or not all(callable(learner) for learner in learners):
        raise (TypeError if learners else ValueError)(
            f"learners must be functions, at least one, got {learners!r}"
        )
    dtype = y.dtype if y.is_floating_point() else torch.get_default_dtype()
    Z = torch.empty(len(learners), len(X), dtype=dtype, device=X.device)
    for held_out in folds(len(X), k, generator):
        kept = torch.ones(len(X), dtype=torch.bool)
        kept[held_out] = False
        for m, learner in enumerate(learners):
            Z[m, held_out] = learner(X[kept], y[kept], X[held_out]).to(Z)
    return Z


def stacking_weights(outputs, target):
    r"""Weights of the members by least squares, none of them negative.

    .. math::
        a = \arg\min_{a \ge 0} \sum_i \Bigl(y_i - \sum_k a_k Z_{ki}\Bigr)^2

    Args:
        outputs: out-of-fold predictions Z of the members, shape (M, n).
            Predictions of rows that the members were fitted to give the largest
            weight to whoever overfits most.
        target: shape (n,).

    Returns:
        Weights, shape (M,). They need not sum to one.

    Raises:
        ValueError: for shapes that do not fit or values that are not finite.

    Example:
        >>> stacking_weights(
        ...     torch.tensor([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]]),
        ...     torch.tensor([2.0, 4.0, 6.0]),
        ... )
        tensor([2., 0.])

    Source: Breiman (1996), Stacked regressions.

    Chapter: ensembles.
    """
    _check_target(outputs, target)
    if outputs.ndim != 2:
        raise ValueError(
            f"outputs must be (M, n), got shape {tuple(outputs.shape)}"
        )
    check_data(outputs.T, target, name="outputs and target")
    Z, y = (t.double().cpu().numpy() for t in (outputs.T, target))
    a, _ = scipy.optimize.nnls(Z, y)
    return torch.from_numpy(a).to(outputs)


def check_ambiguity_by_hand(answer):
    r"""Exercise by hand: three members say 1, 2 and 6, the target is 4. What is
    their ambiguity?

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_ambiguity_by_hand(17 / 3)
        ✗ Not yet: that is the mean error of the members; the ambiguity measures
        from their average.

    Chapter: ensembles.
    """
    hints = {
        17 / 3: (
            "that is the mean error of the members; the ambiguity measures from"
            " their average"
        ),
        1.0: (
            "that is the error of the average; subtract it from the mean error"
            " of the members"
        ),
        7.0: "divide by the number of members, 3, not by 2",
        14.0: "divide the sum by the number of members",
        3.0: (
            "that is the average itself; what is the mean squared distance"
            " from it?"
        ),
    }
    return check_number(answer, 14 / 3, hints, tolerance=0.05)


def check_ensemble_size(answer):
    r"""Exercise by hand: the smallest number of members that brings 90 % of
    what endlessly many would bring.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_ensemble_size(9)
        ✗ Not yet: 9 members bring 1 − 1/9, which is 89 %.

    Chapter: ensembles.
    """
    hints = {
        9: "9 members bring 1 − 1/9, which is 89 %",
        100: "the error falls as 1/M, not as one over the root of M",
        5: "5 members bring 1 − 1/5, which is 80 %",
    }
    return check_number(answer, 10, hints)


def _ballots(generator):
    """Five ballot papers, and one that ends in a tie."""
    drawn = [torch.randint(4, (5, 8), generator=generator) for _ in range(5)]
    return [
        (labels, 4)
        for labels in [*drawn, torch.tensor([[2, 3], [1, 3], [2, 0], [1, 0]])]
    ]


def check_vote(attempt):
    """Exercise: ``attempt(labels, num_classes)`` returns the class with the
    most votes in each column.

    Args:
        attempt: the reader's function. Ties go to the lowest class.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_vote(
        ...     lambda labels, num_classes: labels.median(0).values
        ... )
        ✗ Not yet: classes are names, not sizes: count the votes, do not take
        the middle class.

    Chapter: ensembles.
    """
    name = "classes are names, not sizes: count the votes, do not"
    hints = {
        f"{name} take the middle class": lambda labels, c: (
            labels.median(0).values
        ),
        f"{name} average the class numbers": lambda labels, c: (
            labels.double().mean(0).round().long()
        ),
        "count down the columns, where the members stand": lambda labels, c: (
            F.one_hot(labels, c).sum(1).argmax(-1)
        ),
        "return the winning class, not its number of votes": lambda labels, c: (
            F.one_hot(labels, c).sum(0).amax(-1)
        ),
        "a tie goes to the lowest class": lambda labels, c: (
            c - 1 - vote(c - 1 - labels, c)
        ),
    }
    return check(attempt, vote, _ballots, hints, library=(vote,))


def _smoother(X, y, X_new):
    return torch.softmax(-torch.cdist(X_new, X), dim=1) @ y


def _fold_cases(generator):
    """Three small problems, each with its folds."""
    drawn = [
        (
            torch.randn(6, 2, generator=generator),
            torch.randn(6, generator=generator),
        )
        for _ in range(3)
    ]
    return [
        (
            _smoother,
            X,
            y,
            [torch.tensor([4, 1, 2]), torch.tensor([0, 5]), torch.tensor([3])],
        )
        for X, y in drawn
    ]


def _by_folds(learner, X, y, parts, seen=False, alone=False):
    z = torch.empty(len(X))
    for held_out in parts:
        kept = torch.full((len(X),), not alone).index_fill(
            0, held_out, seen or alone
        )
        z[held_out] = learner(X[kept], y[kept], X[held_out])
    return z


def check_out_of_fold(attempt):
    """Exercise: ``attempt(learner, X, y, parts)`` predicts each row by a model
    that has not seen the row's fold.

    Args:
        attempt: the reader's function. ``learner(X, y, X_new)`` fits and
            predicts; ``parts`` is a list of row numbers.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_out_of_fold(
        ...     lambda learner, X, y, parts: learner(X, y, X)
        ... )
        ✗ Not yet: the learner has seen the rows that it predicts: leave their
        fold out when you fit.

    Chapter: ensembles.
    """
    hints = {
        (
            "the learner has seen the rows that it predicts:"
            " leave their fold out when you fit"
        ): lambda *case: _by_folds(*case, seen=True),
        (
            "put each prediction back at the number of its row;"
            " yours stand in the order of the folds"
        ): lambda *case: _by_folds(*case)[torch.cat(case[-1])],
        (
            "fit on the other folds and predict this one;"
            " yours fits on this one alone"
        ): lambda *case: _by_folds(*case, alone=True),
    }
    return check(attempt, _by_folds, _fold_cases, hints, library=(out_of_fold,))
