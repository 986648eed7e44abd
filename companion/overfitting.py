r"""Chapter *overfitting*: models of chosen capacity, what their error is made
of, and how to estimate it.

Ordered from features to least squares, from the parts of the error to folds,
cross-validation and a model that chooses by it; the checks of the chapter's
exercises come last.
"""

import math

import numpy as np
import torch

from companion.arguments import (
    check_floats,
    check_int,
    check_solvable,
    in_float32,
    surely,
)
from companion.checks import check, check_number
from companion.data import check_data, generator

__all__ = [
    "BestByCrossValidation",
    "LinearModel",
    "bias_variance",
    "check_bias_variance_by_hand",
    "check_feature_selection",
    "check_leave_one_out",
    "cross_validate",
    "effective_degrees_of_freedom",
    "filtered_svd",
    "kfold",
    "least_squares",
    "leave_one_out_errors",
    "lowest",
    "polynomial_features",
    "random_relu_features",
    "read_folds",
    "train_new",
]


def _check_lam(lam):
    if surely(~(torch.as_tensor(lam) >= 0).all()):
        raise ValueError(f"lam must be at least 0, got {lam}")


def polynomial_features(x, degree):
    r"""Legendre polynomials of degree 0 … ``degree``: the polynomials, written
    so that their columns stay apart.

    .. math::
        P_0 = 1, \qquad P_1 = x, \qquad (k + 1)\,P_{k+1} = (2k + 1)\,x\,P_k -
        k\,P_{k-1}

    The columns span the same functions as :math:`1, x, \dots, x^k`, whose
    columns are almost parallel.

    Args:
        x: tensor (…, n), meant for values in −1 … 1.
        degree: highest degree, at least 0.

    Returns:
        Tensor (…, n, degree + 1).

    Raises:
        TypeError, ValueError: for an ``x`` that is not a floating-point tensor,
            or a negative ``degree``.

    Example:
        >>> polynomial_features(torch.tensor([0.0, 1.0]), 2)
        tensor([[ 1.0000,  0.0000, -0.5000],
                [ 1.0000,  1.0000,  1.0000]])

    Source: Legendre's polynomials, by Bonnet's recursion;
    ``numpy.polynomial.legendre.legvander`` returns the same.

    Chapter: overfitting.
    """
    check_floats("x", x, 1)
    check_int("degree", degree, 0)
    P = [torch.ones_like(x), x]
    for k in range(1, degree):
        P.append(((2 * k + 1) * x * P[k] - k * P[k - 1]) / (k + 1))
    return torch.stack(P[: degree + 1], dim=-1)


def random_relu_features(X, n_features, seed):
    r"""Outputs of a hidden ReLU layer whose weights are drawn and never
    trained.

    .. math::
        \phi_j(x) = \frac{1}{\sqrt{pd}} \max(0,\, v_j^\top x + c_j),
        \qquad (v_j, c_j) \sim N(0, I_{d+1})

    Args:
        X: inputs (…, n, d), roughly centred.
        n_features: :math:`p`, at least 1.
        seed: fixes the weights: the same seed and width give the same features
            for training and test rows.

    Returns:
        Tensor (…, n, p).

    Raises:
        TypeError, ValueError: for inputs that are not a floating-point tensor,
            or fewer than 1 feature.

    Example:
        >>> random_relu_features(torch.zeros(3, 2), 5, seed=0).shape
        torch.Size([3, 5])

    Source: Rahimi and Recht (2007), who draw cosines and bins; these are ReLUs.

    Chapter: overfitting.
    """
    check_floats("X", X, 2)
    check_int("n_features", n_features, 1)
    d, chance = X.shape[-1], generator(seed, "random features")
    size = d + 1, n_features
    W = torch.randn(size, generator=chance, dtype=torch.float64).to(X)
    return (X @ W[:-1] + W[-1]).relu() / math.sqrt(n_features * d)


def filtered_svd(X, lam):
    r"""Singular value decomposition, and what a ridge penalty makes of each
    singular value.

    .. math::
        X = U \operatorname{diag}(s)\, V^\top, \qquad
        \frac{s}{s^2 + n\lambda}, \qquad \frac{s^2}{s^2 + n\lambda}

    Args:
        X: inputs (…, n, p).
        lam: :math:`\lambda \ge 0`, a number or a tensor (…).

    Returns:
        :math:`U`, :math:`V^\top` and the two factors (…, min(n, p)). Directions
        that are zero but for rounding get the factor 0.

    Example:
        >>> X = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> U, Vt, inverse, shrink = filtered_svd(X, lam=2.0)
        >>> inverse, shrink
        (tensor([0.2500, 0.0000]), tensor([0.5000, 0.0000]))

    Chapter: overfitting.
    """
    U, s, Vt = torch.linalg.svd(X, full_matrices=False)
    lam = torch.as_tensor(lam, dtype=X.dtype, device=X.device).unsqueeze(-1)
    # Directions that are zero but for rounding get no weight: what is left is
    # the solution of smallest norm.
    rounding = torch.finfo(s.dtype).eps * max(X.shape[-2:]) * s[..., :1]
    s = s.where(s > rounding, 0.0)
    inverse = torch.where(s > 0, s / (s.square() + X.shape[-2] * lam), 0.0)
    return U, Vt, inverse, s * inverse


def least_squares(X, y, lam=0.0):
    r"""Weights that minimise the squared error, and among these, or with a
    penalty, the small ones.

    .. math::
        \hat w = \arg\min_w \frac{1}{2n}\lVert y - Xw\rVert_2^2 +
        \frac{\lambda}{2}\lVert w\rVert_2^2
               = V \operatorname{diag}\!\Bigl(\frac{s_j}{s_j^2 +
               n\lambda}\Bigr) U^\top y,
        \qquad X = U \operatorname{diag}(s)\, V^\top

    With :math:`\lambda = 0` this is the solution of smallest norm. Gradient
    descent from zero arrives there too.

    Args:
        X: inputs (…, n, p); leading dimensions are separate problems.
        y: targets (…, n), or (…, n, K) for K outputs.
        lam: :math:`\lambda \ge 0`, a number or a tensor that broadcasts against
            the leading dimensions.

    Returns:
        Weights (…, p) or (…, p, K).

    Raises:
        TypeError, ValueError: for types or shapes that do not fit, values that
            are not finite, or a negative ``lam``.

    Example:
        >>> w = least_squares(  # two weights, one equation
        ...     torch.ones(1, 2), torch.tensor([4.0])
        ... )
        >>> print(f"{w[0]:.3f} {w[1]:.3f}")
        2.000 2.000

    Source: Hoerl and Kennard (1970); for :math:`\lambda = 0` the
    pseudo-inverse, ``torch.linalg.pinv(X) @ y``.

    Chapter: overfitting.
    """
    check_data(X, y, name="data")
    check_floats("X", X, 2)
    check_solvable("X", X)
    _check_lam(lam)
    if y.shape[: X.ndim - 1] != X.shape[:-1] or y.ndim > X.ndim:
        raise ValueError(
            "X must be (…, n, p) and y (…, n) or (…, n, K), got"
            f" {tuple(X.shape)} and {tuple(y.shape)}"
        )
    if y.dtype != X.dtype:
        raise TypeError(
            f"X and y must have the same type of numbers, got {X.dtype} and"
            f" {y.dtype}"
        )
    U, Vt, inverse, _ = filtered_svd(X, lam)
    Y = y.unsqueeze(-1) if y.ndim < X.ndim else y
    W = Vt.mT @ (inverse.unsqueeze(-1) * (U.mT @ Y))
    return W.squeeze(-1) if y.ndim < X.ndim else W


def effective_degrees_of_freedom(X, lam):
    r"""How many parameters ridge regression really spends: the trace of the
    matrix that maps targets to fitted values.

    .. math::
        \operatorname{df}(\lambda) = \operatorname{tr} H = \sum_j
        \frac{s_j^2}{s_j^2 + n\lambda},
        \qquad \hat y = Hy

    Args:
        X: inputs (…, n, p), with singular values :math:`s_j`.
        lam: :math:`\lambda \ge 0` as in :func:`least_squares`, where it
            multiplies half the squared norm and the squared error is a mean.
            Texts that write the error as a sum have :math:`\lambda` for our
            :math:`n\lambda`.

    Returns:
        Tensor (…): the rank of X for :math:`\lambda = 0`, falling to 0.

    Raises:
        TypeError, ValueError: for an ``X`` that is not a floating-point matrix,
            or a negative ``lam``.

    Example:
        >>> effective_degrees_of_freedom(
        ...     torch.eye(4), torch.tensor([0.0, 0.25, 0.75])
        ... )
        tensor([4., 2., 1.])

    Source: Hastie, Tibshirani and Friedman (2009).

    Chapter: overfitting.
    """
    check_floats("X", X, 2)
    check_solvable("X", X)
    _check_lam(lam)
    _, _, _, shrink = filtered_svd(X, lam)
    return shrink.sum(-1)


def leave_one_out_errors(X, y, lam=0.0):
    r"""What each row's error would be without that row in training, from a
    single fit on all rows.

    .. math::
        y_i - \hat f_{-i}(x_i) = \frac{y_i - \hat y_i}{1 - H_{ii}}, \qquad
        H = X (X^\top X + n\lambda I)^{-1} X^\top

    :math:`H_{ii}` is the leverage of row i: how far its own target pulls its
    own prediction. The n − 1 rows are fitted with the same penalty
    :math:`n\lambda` on the summed error.

    Args:
        X: inputs (…, n, p).
        y: targets (…, n).
        lam: :math:`\lambda \ge 0` as in :func:`least_squares`.

    Returns:
        Errors (…, n), signed, in the unit of ``y``.

    Raises:
        ValueError: if a leverage is 1, so that the rest cannot predict that
            row; and as :func:`least_squares`.

    Example:
        >>> leave_one_out_errors(  # the mean of the others: 4, 3.5, 1.5
        ...     torch.ones(3, 1), torch.tensor([1.0, 2.0, 6.0])
        ... )
        tensor([-3.0000, -1.5000,  4.5000])

    Source: Allen (1974), the PRESS statistic.

    Chapter: overfitting.
    """
    check_data(X, y, name="data")
    if y.ndim == X.ndim:
        raise ValueError(f"y must be one output, (…, n), got {tuple(y.shape)}")
    w = least_squares(X, y, lam)
    residual = y - (X @ w.unsqueeze(-1)).squeeze(-1)
    U, _, _, shrink = filtered_svd(X, lam)
    leverage = (U.square() * shrink.unsqueeze(-2)).sum(-1)
    if surely((leverage > 1 - 1e3 * torch.finfo(X.dtype).eps).any()):
        raise ValueError(
            "X has a row that alone fixes one weight (leverage 1); use fewer"
            " features or a larger lam"
        )
    return residual / (1 - leverage)


@in_float32
def bias_variance(predictions, truth):
    r"""Split the error of a learning method into what it always gets wrong and
    what changes with the sample.

    .. math::
        \frac1D \sum_k \bigl(\hat f_k(x) - f(x)\bigr)^2
        = \bigl(\bar f(x) - f(x)\bigr)^2 + \frac1D \sum_k \bigl(\hat f_k(x) -
        \bar f(x)\bigr)^2,
        \qquad \bar f = \frac1D \sum_k \hat f_k

    Args:
        predictions: (…, D, N): D models, each trained on its own sample, at N
            points.
        truth: the true function at these points, without noise, (…, N).

    Returns:
        Squared bias and variance, both averaged over the points, shapes (…).

    Raises:
        TypeError, ValueError: for other types or shapes that do not fit.

    Example:
        >>> bias_variance(torch.tensor([[3.0], [5.0]]), torch.tensor([1.0]))
        (tensor(9.), tensor(1.))

    Source: Geman, Bienenstock and Doursat (1992).

    Chapter: overfitting.
    """
    check_floats("predictions", predictions, 2)
    check_floats("truth", truth, 1)
    if truth.shape != predictions.shape[:-2] + predictions.shape[-1:]:
        shapes = f"{tuple(predictions.shape)} and {tuple(truth.shape)}"
        raise ValueError(
            f"predictions must be (…, D, N) and truth (…, N), got {shapes}"
        )
    mean = predictions.mean(-2, keepdim=True)
    bias_squared = (mean.squeeze(-2) - truth).square().mean(-1)
    variance = (predictions - mean).square().mean((-2, -1))
    return bias_squared, variance


def _check_labels(stratify, n, k):
    labels = np.asarray(stratify)
    if labels.shape != (n,):
        raise ValueError(
            f"stratify must hold one label for each of {n} rows, got shape"
            f" {labels.shape}"
        )
    _, counts = np.unique(labels, return_counts=True)
    if (most := counts.max()) < k:
        needed = (
            f"stratify must hold classes, one of them with at least k = {k}"
            " rows"
        )
        raise ValueError(f"{needed}; the most frequent label has {most}")


def kfold(n, k, *, stratify=None, generator=None):
    r"""Cut n rows into k folds; each is the test fold once, and the others are
    its training rows.

    In the sorted labels, fold i gets as many rows of a class as there are
    positions r of that class with r mod k = i, so each class is spread as
    evenly as can be. Within a class the folds are consecutive blocks, in the
    order of the data or of the shuffle. Without labels all rows are one class.
    ``k = n`` leaves one row out at a time.

    Args:
        n: number of rows.
        k: number of folds, 2 … n.
        stratify: labels (n,) whose shares every fold shall have; at least one
            class must have k rows.
        generator: a ``torch.Generator`` that shuffles; without one the folds
            are blocks of rows in the order of the data, which is wrong for
            sorted data.

    Returns:
        List of k pairs (training rows, test rows), sorted int64 tensors.

    Raises:
        TypeError, ValueError: for counts out of range, as many labels as do not
            fit, or targets that are no classes.

    Example:
        >>> for train, test in kfold(5, 2):
        ...     print(train.tolist(), test.tolist())
        [3, 4] [0, 1, 2]
        [0, 1, 2] [3, 4]

    Source: Stone (1974). Without a generator the folds are those of
    scikit-learn's ``KFold`` and ``StratifiedKFold``.

    Chapter: overfitting.
    """
    check_int("n", n, 2)
    check_int("k", k, 2, n)
    if stratify is not None:
        _check_labels(stratify, n, k)
    labels = np.zeros(n) if stratify is None else np.asarray(stratify)
    _, first, inverse = np.unique(
        labels, return_index=True, return_inverse=True
    )
    label = first[inverse]  # classes numbered in the order in which they appear
    order = np.arange(n)
    if generator is not None:
        order = torch.randperm(n, generator=generator).numpy()
    order = order[np.argsort(label[order], kind="stable")]
    fold = np.empty(n, dtype=np.int64)
    fold[order] = np.sort(label[order] * k + np.arange(n) % k) % k
    rows = torch.arange(n)
    fold = torch.from_numpy(fold)
    return [(rows[fold != i], rows[fold == i]) for i in range(k)]


def read_folds(folds, n):
    r"""Read pairs of training and test rows, and refuse what would not be
    cross-validation.

    Args:
        folds: pairs of training rows and test rows, as :func:`kfold` or
            scikit-learn make them.
        n: number of rows of the data.

    Returns:
        List of pairs of arrays.

    Raises:
        TypeError: if the rows are not whole numbers.
        ValueError: if a fold is empty, a row does not exist, or a row is in
            training and in test.

    Example:
        >>> [(train, test)] = read_folds([([0, 2], [1])], n=3)
        >>> train.tolist(), test.tolist()
        ([0, 2], [1])

    Chapter: overfitting.
    """
    pairs = [(np.asarray(train), np.asarray(test)) for train, test in folds]
    for train, test in pairs:
        _check_rows("training", train, n)
        _check_rows("test", test, n)
        if both := set(train.tolist()) & set(test.tolist()):
            raise ValueError(
                f"folds: row {min(both)} is in training and in test; the"
                " estimate would be worthless"
            )
    return pairs


def _check_rows(name, rows, n):
    if rows.ndim != 1 or not len(rows):
        raise ValueError(
            f"folds: {name} rows must be a list with at least one row number,"
            f" got shape {rows.shape}"
        )
    if rows.dtype.kind not in "iu":
        raise TypeError(
            f"folds: {name} rows must be row numbers, which flatnonzero makes"
            f" of a mask, got {rows.dtype}"
        )
    if (bad := rows[(rows < 0) | (rows >= n)]).size:
        raise ValueError(
            f"folds: row numbers must be between 0 and {n - 1}, got {bad[0]}"
        )


def train_new(make_model, X, y):
    r"""Make a new model and train it.

    Args:
        make_model: function that returns a new model with ``fit(X, y)`` and
            ``predict(X)``, scikit-learn's included.
        X: inputs (n, …).
        y: targets (n, …).

    Returns:
        The trained model.

    Raises:
        TypeError: if the model has no ``fit`` or no ``predict``.

    Example:
        >>> model = train_new(LinearModel, torch.eye(2), torch.ones(2))
        >>> model.predict(torch.eye(2))
        tensor([1., 1.])

    Chapter: overfitting.
    """
    model = make_model()
    if not (hasattr(model, "fit") and hasattr(model, "predict")):
        raise TypeError(
            "make_model must return a model with fit and predict, got"
            f" {type(model).__name__}"
        )
    model.fit(X, y)
    return model


def cross_validate(make_model, X, y, folds, loss):
    r"""Train a new model on the training rows of each fold, and measure it on
    the rows it has not seen.

    .. math::
        \mathrm{CV} = \frac1k \sum_{i=1}^k \frac{1}{|F_i|} \sum_{j \in F_i}
        \ell\bigl(\hat f_{-F_i}(x_j), y_j\bigr)

    Args:
        make_model: function that returns a new model with ``fit(X, y)`` and
            ``predict(X)``, scikit-learn's included. All that learns from the
            data, scaling and feature selection too, belongs inside it.
        X: inputs (n, …), tensor or array; the model gets rows of the same kind.
        y: targets (n, …).
        folds: list of pairs (training rows, test rows), as :func:`kfold`
            returns.
        loss: function of (prediction, target), both tensors, that returns one
            number.

    Returns:
        float64 tensor: one number per fold, to be averaged.

    Raises:
        TypeError, ValueError: for data that are not finite, folds that are
            empty or hold no row numbers, rows that are both in training and in
            test, or a model without ``fit`` and ``predict``.

    Example:
        >>> X, y = torch.eye(4), torch.tensor([1.0, 2.0, 3.0, 4.0])
        >>> cross_validate(
        ...     LinearModel, X, y, kfold(4, 2), torch.nn.functional.mse_loss
        ... )
        tensor([ 2.5000, 12.5000], dtype=torch.float64)

    Source: Stone (1974).

    Chapter: overfitting.
    """
    check_data(torch.as_tensor(X), torch.as_tensor(y), name="data")
    losses = []
    for train, test in read_folds(folds, len(X)):
        model = train_new(make_model, X[train], y[train])
        y_hat = torch.as_tensor(model.predict(X[test]))
        losses.append(float(loss(y_hat, torch.as_tensor(y[test]))))
    return torch.tensor(losses, dtype=torch.float64)


class LinearModel:
    """Linear regression on features of the inputs, with ``fit`` and
    ``predict``.

    Args:
        features: function of the inputs that returns a matrix (n, p); the
            inputs themselves if not given.
        lam: as in :func:`least_squares`.

    Example:
        >>> x = torch.linspace(-1, 1, 5, dtype=torch.float64)
        >>> model = LinearModel(lambda x: polynomial_features(x, 1)).fit(
        ...     x, 3 * x + 1
        ... )
        >>> print(f"{model.predict(x)[-1]:.3f}")
        4.000

    Chapter: overfitting.
    """

    def __init__(self, features=None, lam=0.0):
        self.features, self.lam = features or (lambda X: X), lam

    def fit(self, X, y):
        """Learn the weights and return the model."""
        self.w = least_squares(self.features(X), y, self.lam)
        return self

    def predict(self, X):
        """Predictions (n,)."""
        return self.features(X) @ self.w


def lowest(scores):
    r"""Find the smallest score that is a number.

    Args:
        scores: tensor (C,), one score for each candidate.

    Returns:
        Its position. NaN and infinity are never the smallest.

    Raises:
        ValueError: if no score is finite.

    Example:
        >>> lowest(torch.tensor([3.0, float("nan"), 2.0]))
        2

    Chapter: overfitting.
    """
    finite = scores.isfinite()
    if not finite.any():
        raise ValueError(
            f"no candidate has a finite mean loss, got {scores.tolist()}"
        )
    # argmin would take NaN
    return scores.where(finite, math.inf).argmin().item()


class BestByCrossValidation:
    """A model that tries candidates by cross-validation, keeps the best, and
    trains it on all rows.

    Because the choice happens inside ``fit``, cross-validating this model is
    nested cross-validation. A candidate that diverges, with a loss that is NaN
    or infinite, is never the best; where all do, ``fit`` raises ``ValueError``.

    Args:
        candidates: functions that each return a new model.
        k: number of inner folds.
        loss: as in :func:`cross_validate`; lower is better.
        seed: shuffles the inner folds; the same for all candidates.

    Attributes:
        scores: the mean loss of each candidate, after ``fit``.
        best: position of the chosen candidate, after ``fit``.

    Example:
        >>> x = torch.linspace(-1, 1, 20, dtype=torch.float64)
        >>> candidates = [
        ...     lambda k=k: LinearModel(lambda x: polynomial_features(x, k))
        ...     for k in range(4)
        ... ]
        >>> BestByCrossValidation(
        ...     candidates, 5, torch.nn.functional.mse_loss
        ... ).fit(x, x**2 - x).best
        2

    Source: Varma and Simon (2006), on why the choice must be inside.

    Chapter: overfitting.
    """

    def __init__(self, candidates, k, loss, seed=0):
        if not candidates:
            raise ValueError(
                "candidates must hold at least one function, got none"
            )
        self.candidates, self.k = list(candidates), k
        self.loss, self.seed = loss, seed

    def fit(self, X, y):
        """Choose, train the chosen candidate on all rows, and return the
        model.
        """
        chance = generator(self.seed, "inner folds")
        folds = kfold(len(X), self.k, generator=chance)
        losses = [
            cross_validate(candidate, X, y, folds, self.loss)
            for candidate in self.candidates
        ]
        self.scores = torch.stack(losses).mean(1)
        self.best = lowest(self.scores)
        self.model = train_new(self.candidates[self.best], X, y)
        return self

    def predict(self, X):
        """Predictions of the chosen model."""
        return self.model.predict(X)


def check_bias_variance_by_hand(answer):
    r"""Exercise by hand: the truth is 2; on three samples a method predicts 3,
    5 and 7. What is its variance?

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_bias_variance_by_hand(9.0)
        ✗ Not yet: that is the squared bias; the variance is about the method's
        own mean.

    Chapter: overfitting.
    """
    return check_number(
        answer,
        8 / 3,
        {
            9.0: (
                "that is the squared bias; the variance is about the method's"
                " own mean"
            ),
            35 / 3: "that is the mean squared error, bias included",
            3.0: (
                "that is the bias; the variance is about the method's own mean"
            ),
            4.0: (
                "divide by 3, the number of samples: with 3 − 1 the two parts"
                " would not add up to the error"
            ),
            8.0: "that is the sum of the squared deviations; take their mean",
            math.sqrt(8 / 3): "that is the standard deviation; square it",
        },
    )


def check_leave_one_out(attempt):
    r"""Exercise: ``attempt(residuals, leverages)`` returns the leave-one-out
    estimate of the mean squared error.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_leave_one_out(lambda e, h: (e / (1 - h)).mean())
        ✗ Not yet: square each error before you take the mean.

    Chapter: overfitting.
    """
    return check(
        attempt,
        lambda e, h: (e / (1 - h)).square().mean(),
        lambda g: [
            (torch.randn(n, generator=g), 0.9 * torch.rand(n, generator=g))
            for n in (4, 7, 12)
        ],
        {
            "square each error before you take the mean": (
                lambda e, h: (e / (1 - h)).mean()
            ),
            "that is the training error; the leverages are missing": (
                lambda e, h: e.square().mean()
            ),
            "divide the error by 1 − h first and square then": (
                lambda e, h: (e.square() / (1 - h)).mean()
            ),
            (
                "a row that pulls its own prediction has a larger error"
                " without it: divide by 1 − h"
            ): lambda e, h: (e * (1 - h)).square().mean(),
        },
        library=(leave_one_out_errors,),
    )


def check_feature_selection(attempt):
    r"""Exercise: ``attempt(X, y, train, m)`` returns the m columns, in
    ascending order, that go with y most closely.

    The measure is the size of the inner product of column and target, over the
    training rows only.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_feature_selection(
        ...     lambda X, y, train, m: (
        ...         (X.mT @ y).abs().topk(m).indices.sort().values
        ...     )
        ... )
        ✗ Not yet: this looks at all rows, so the test rows help to choose the
        features.

    Chapter: overfitting.
    """

    def cases(generator):
        X, y = (
            torch.randn(4, 20, 30, generator=generator),
            torch.randn(4, 20, generator=generator).sign(),
        )
        return [
            (X[i], y[i], torch.randperm(20, generator=generator)[:12], 4)
            for i in range(4)
        ]

    def choose(X, y, m, size=torch.abs):
        return size(X.mT @ y).topk(m).indices.sort().values

    return check(
        attempt,
        lambda X, y, train, m: choose(X[train], y[train], m),
        cases,
        {
            (
                "this looks at all rows,"
                " so the test rows help to choose the features"
            ): lambda X, y, train, m: choose(X, y, m),
            (
                "a column that goes with y the other way round is as useful:"
                " take the size"
            ): lambda X, y, train, m: choose(
                X[train], y[train], m, torch.clone
            ),
        },
    )
