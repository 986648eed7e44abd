r"""Chapter *capstone*: from a default network to a recipe, what each of its
parts is worth, and an honest final number.

Ordered from the interval of a paired difference to recipes taken apart, the
choice by nested cross-validation, a test set that opens once, and
Fashion-MNIST; the checks of the chapter's exercises come last.
"""

import math
from numbers import Real
from pathlib import Path

import torch
from scipy.special import stdtrit

from companion.arguments import check_floats, check_int, check_real
from companion.checks import check, check_number
from companion.data import Split, check_data, flip_labels, generator

__all__ = [
    "SealedTest",
    "build_up",
    "changed_parts",
    "check_interval_by_hand",
    "check_nested_score",
    "check_one_out",
    "clean_accuracy",
    "false_alarm_rate",
    "fashion_mnist",
    "nested_score",
    "one_in",
    "one_out",
    "paired_interval",
]


def _check_scores(dims, shape, **scores):
    """Refuse what is not a pair of floating-point tensors of one shape."""
    for name, value in scores.items():
        check_floats(name, value)
    a, b = (tuple(value.shape) for value in scores.values())
    if a != b or len(a) < dims or 0 in a:
        raise ValueError(
            f"{' and '.join(scores)} must have the same shape {shape}, got {a}"
            f" and {b}"
        )


def _check_share(name, value, below=1.0):
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not 0 <= value < below:
        raise ValueError(
            f"{name} must be at least 0 and below {below:g}, got {value}"
        )


def paired_interval(with_part, without_part, comparisons=1):
    r"""Mean worth of a part over seeds and its interval, each seed compared
    with itself.

    .. math::
        d_s = a_s - b_s, \qquad
        \bar d \pm t_{1 - 0.025/m,\; S-1}\, \sqrt{\frac{1}{S\,(S-1)} \sum_s
        (d_s - \bar d)^2}

    With :math:`m = 1` this is the 95 % interval. With :math:`m` comparisons it
    is wide enough that *all m together* cover the truth in at least 95 % of
    experiments (Bonferroni).

    Args:
        with_part: scores :math:`a_s` with the part, floating point, shape (S,
            …), S at least 2.
        without_part: scores :math:`b_s` without the part, same shape, same
            seeds in the same order.
        comparisons: :math:`m`, how many such intervals the table holds, at
            least 1.

    Returns:
        Mean, low and high, tensors of shape (…), in the unit of the scores.

    Raises:
        TypeError: if the scores are not floating-point tensors or
            ``comparisons`` is not an int.
        ValueError: for shapes that differ, fewer than 2 seeds, or
            ``comparisons`` below 1.

    Example:
        >>> a, b = (
        ...     torch.tensor([72.0, 84.0, 94.0]),
        ...     torch.tensor([70.0, 80.0, 90.0]),
        ... )
        >>> [round(x.item(), 2) for x in paired_interval(a, b)]
        [3.33, 0.46, 6.2]

    Source: Student (1908); Dunn (1961) for several comparisons.
    ``scipy.stats.ttest_rel`` has the same interval.

    Chapter: capstone.
    """
    _check_scores(1, "(S, …)", with_part=with_part, without_part=without_part)
    check_int("the number of seeds S", len(with_part), 2)
    check_int("comparisons", comparisons, 1)
    d = with_part - without_part
    t = float(stdtrit(len(d) - 1, 1 - 0.025 / comparisons))
    half = t * d.std(0) / math.sqrt(len(d))
    return d.mean(0), d.mean(0) - half, d.mean(0) + half


def false_alarm_rate(comparisons, level=0.05):
    r"""How often a table of useless parts shows at least one interval without
    zero, if the intervals are independent.

    .. math::
        1 - (1 - \alpha)^m

    Args:
        comparisons: :math:`m`, number of intervals in the table, at least 1.
        level: :math:`\alpha`, how often a single interval misses, in [0, 1).

    Returns:
        A probability.

    Raises:
        TypeError, ValueError: for arguments of the wrong type or out of range.

    Example:
        >>> round(false_alarm_rate(8), 3)
        0.337

    Chapter: capstone.
    """
    check_int("comparisons", comparisons, 1)
    _check_share("level", level)
    return 1 - (1 - level) ** comparisons


def changed_parts(default, recipe):
    r"""Names of the parts in which a recipe differs from the default, in order.

    Args:
        default: dict of part and setting.
        recipe: dict with the same parts in the same order.

    Returns:
        List of names, at least one.

    Raises:
        TypeError: if an argument is not a dict.
        ValueError: if the parts or their order differ, or no setting does.

    Example:
        >>> changed_parts(
        ...     {"decay": 0, "dropout": 0}, {"decay": 1, "dropout": 0}
        ... )
        ['decay']

    Chapter: capstone.
    """
    for name, value in (("default", default), ("recipe", recipe)):
        if not isinstance(value, dict):
            raise TypeError(
                f"{name} must be a dict of part and setting, got"
                f" {type(value).__name__}"
            )
    if odd := sorted(set(default) ^ set(recipe)):
        raise ValueError(
            f"default and recipe must have the same parts, got {odd} in"
            " only one"
        )
    if list(default) != list(recipe):
        raise ValueError(
            "default and recipe must have their parts in the same order, got"
            f" {list(default)} and {list(recipe)}"
        )
    parts = [part for part in recipe if recipe[part] != default[part]]
    if not parts:
        raise ValueError(
            "recipe must differ from default in at least one part, got the"
            " default"
        )
    return parts


def one_in(default, recipe):
    r"""Add each part alone to the default: the first way to ask what a part is
    worth.

    .. math::
        r^{+j} = (x_1^0, \dots, x_{j-1}^0,\, x_j,\, x_{j+1}^0, \dots, x_J^0)

    Args:
        default: dict of part and setting :math:`x_j^0`.
        recipe: dict of the same parts with the settings :math:`x_j` to be
            tried.

    Returns:
        Dict of part and recipe, for the parts in which the two differ.

    Raises:
        TypeError: if one is not a dict.
        ValueError: if the parts differ, or nothing differs.

    Example:
        >>> one_in({"decay": 0, "dropout": 0}, {"decay": 1, "dropout": 0.5})
        {'decay': {'decay': 1, 'dropout': 0}, 'dropout': {'decay': 0, 'dropout':
        0.5}}

    Chapter: capstone.
    """
    parts = changed_parts(default, recipe)
    return {part: {**default, part: recipe[part]} for part in parts}


def one_out(default, recipe):
    r"""Set each part of the recipe back to the default, the others stay: an
    ablation, the second way to ask.

    .. math::
        r^{-j} = (x_1, \dots, x_{j-1},\, x_j^0,\, x_{j+1}, \dots, x_J)

    Args:
        default: as in :func:`one_in`.
        recipe: as in :func:`one_in`.

    Returns:
        Dict of part and recipe, for the parts in which the two differ.

    Raises:
        TypeError, ValueError: as in :func:`one_in`.

    Example:
        >>> one_out({"decay": 0, "dropout": 0}, {"decay": 1, "dropout": 0.5})
        {'decay': {'decay': 0, 'dropout': 0.5}, 'dropout': {'decay': 1,
        'dropout': 0}}

    Chapter: capstone.
    """
    parts = changed_parts(default, recipe)
    return {part: {**recipe, part: default[part]} for part in parts}


def build_up(default, recipe):
    r"""Add the parts one after the other and keep them: the third way, which
    depends on the order.

    .. math::
        r^{(j)} = (x_1, \dots, x_j,\, x_{j+1}^0, \dots, x_J^0)

    Args:
        default: as in :func:`one_in`.
        recipe: as in :func:`one_in`; the order of its parts is the order in
            which they are added.

    Returns:
        Dict of part and recipe; the last one is the whole recipe.

    Raises:
        TypeError, ValueError: as in :func:`one_in`.

    Example:
        >>> build_up({"decay": 0, "dropout": 0}, {"decay": 1, "dropout": 0.5})
        {'decay': {'decay': 1, 'dropout': 0}, 'dropout': {'decay': 1, 'dropout':
        0.5}}

    Chapter: capstone.
    """
    built, recipes = default, {}
    for part in changed_parts(default, recipe):
        built = recipes[part] = {**built, part: recipe[part]}
    return recipes


def nested_score(inner, outer):
    r"""Score of "take the candidate that wins the inner cross-validation", from
    the tables of both levels.

    .. math::
        \frac1K \sum_{k=1}^{K} \text{outer}_{k,\,\hat c_k}, \qquad \hat c_k =
        \arg\max_c \text{inner}_{k,c}

    The choice of fold k never sees the rows on which fold k is scored, so the
    score is not flattered by the choosing.

    Args:
        inner: mean score in the inner folds, floating point (…, K, C): K outer
            folds, C candidates; larger is better.
        outer: score on the test rows of the outer fold, same shape.

    Returns:
        Tensor (…).

    Raises:
        TypeError: if one is not a floating-point tensor.
        ValueError: for shapes that differ or fewer than two dimensions.

    Example:
        >>> inner = torch.tensor([[0.9, 0.8], [0.7, 0.8]])
        >>> outer = torch.tensor([[0.6, 0.9], [0.9, 0.7]])
        >>> round(nested_score(inner, outer).item(), 2)
        0.65

    Source: Varma and Simon (2006).

    Chapter: capstone.
    """
    _check_scores(2, "(…, K, C)", inner=inner, outer=outer)
    chosen = inner.argmax(-1, keepdim=True)
    return outer.gather(-1, chosen).squeeze(-1).mean(-1)


def clean_accuracy(accuracy, noise, num_classes):
    r"""Accuracy on right labels, from the accuracy on labels of which a known
    share is wrong.

    A wrong label is any other class with equal probability, so a model of
    accuracy :math:`p` agrees with

    .. math::
        r = p\,(1 - \eta) + (1 - p)\,\frac{\eta}{K - 1}
        \qquad\Rightarrow\qquad
        p = \frac{r - \eta/(K-1)}{1 - \eta - \eta/(K-1)}

    of them. The model must not have been trained on these rows.

    Args:
        accuracy: :math:`r`, a number or a tensor, as a share.
        noise: :math:`\eta`, share of wrong labels, at least 0 and below
            :math:`(K-1)/K`.
        num_classes: :math:`K`, at least 2.

    Returns:
        :math:`p`, a number or a tensor. Chance can push it outside [0, 1].

    Raises:
        TypeError, ValueError: for arguments of the wrong type or out of range.

    Example:
        >>> round(clean_accuracy(0.64, noise=0.3, num_classes=10), 3)
        0.91

    Source: follows from the law of total probability; Angluin and Laird (1988)
    use it for two classes.

    Chapter: capstone.
    """
    if isinstance(accuracy, bool) or not isinstance(
        accuracy, Real | torch.Tensor
    ):
        raise TypeError(
            "accuracy must be a number or a tensor, got"
            f" {type(accuracy).__name__}"
        )
    check_int("num_classes", num_classes, 2)
    _check_share("noise", noise, (num_classes - 1) / num_classes)
    by_accident = noise / (num_classes - 1)
    return (accuracy - by_accident) / (1 - noise - by_accident)


class SealedTest:
    """A test set whose labels can be compared with guesses once.

    Commit every guess first, then open. A second look would let the labels
    guide the next choice, and the accuracy would no longer be that of unseen
    data.

    Args:
        X: inputs (…, N, d). They are no secret.
        y: int64 classes (…, N).

    Raises:
        TypeError: if ``y`` is not an int64 tensor.
        ValueError: if ``X`` has other leading dimensions than ``y``.

    Example:
        >>> test = SealedTest(torch.zeros(4, 2), torch.tensor([0, 1, 1, 2]))
        >>> test.open(torch.tensor([0, 1, 1, 0])).item()
        0.75
        >>> test.open(torch.tensor([0, 1, 1, 2]))
        Traceback (most recent call last):
            ...
        ValueError: the test set has been opened already; draw a new one, or
        report the first result

    Chapter: capstone.
    """

    def __init__(self, X, y):
        check_data(X, y, name="test")
        if y.dtype != torch.int64:
            raise TypeError(f"y must be an int64 tensor, got {y.dtype}")
        if X.shape[: y.ndim] != y.shape:
            raise ValueError(
                f"X must have the rows of y, {tuple(y.shape)}, got shape"
                f" {tuple(X.shape)}"
            )
        self.X, self.sealed = X, y

    def open(self, guesses):
        """Share of right guesses: int64 (…, N) that broadcasts against y; the
        result has one dimension less.
        """
        if self.sealed is None:
            raise ValueError(
                "the test set has been opened already; draw a new one, or"
                " report the first result"
            )
        kind = type(guesses).__name__
        if isinstance(guesses, torch.Tensor):
            kind = guesses.dtype
        if kind != torch.int64:
            raise TypeError(
                f"guesses must be an int64 tensor of classes, got {kind}"
            )
        rows = self.sealed.shape
        if guesses.shape[guesses.ndim - len(rows) :] != rows:
            raise ValueError(
                f"guesses must end in {tuple(rows)}, got shape"
                f" {tuple(guesses.shape)}"
            )
        y, self.sealed = self.sealed, None
        return (guesses == y).float().mean(-1)


def fashion_mnist(seed, *, n_train, label_noise=0.0):
    """Load Fashion-MNIST through ``d2l``: pictures of clothes, 28×28 pixels in
    0 … 1, 10 classes.

    torchvision downloads the files into ``../data`` where they are missing, and
    compares the checksums of what it downloads.

    Args:
        seed: redraws which training rows are taken, and the label noise.
        n_train: training rows, 1 … 60,000.
        label_noise: share of training labels replaced by a wrong class. Test
            labels stay clean.

    Returns:
        A :class:`companion.data.Split`: X float32 of shape (N, 784), y int64 of
        shape (N,). It has no validation rows; the test rows are the 10,000 of
        the data set.

    Raises:
        OSError: if the files are missing and cannot be downloaded, or are
            damaged.
        TypeError, ValueError: for counts or shares out of range.

    Example:
        >>> fashion_mnist(0, n_train=0)
        Traceback (most recent call last):
            ...
        ValueError: n_train must be at least 1, got 0

    Source: Xiao, Rasul and Vollgraf (2017).

    Chapter: capstone.
    """
    check_int("n_train", n_train, 1)
    check_real("label_noise", label_noise, 0, 1)
    from companion.d2l_bridge import d2l  # slow to import, and only needed here

    raw = Path("../data/FashionMNIST/raw")
    damaged = (
        f"the files of Fashion-MNIST in {raw} are damaged: delete that folder"
        " and run once with a network"
    )
    try:
        data = d2l.FashionMNIST()
    except (
        AssertionError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        # torchvision raises any of them
        if len(list(raw.glob("*-ubyte"))) == 4:  # nothing was missing
            raise OSError(damaged) from error
        raise OSError(
            "Fashion-MNIST is not in ../data and cannot be downloaded: run once"
            " with a network, or leave FASHION off"
        ) from error
    for part in (data.train, data.val):
        if (
            part.data.shape != (len(part.targets), 28, 28)
            or part.targets.max() > 9
        ):
            raise OSError(damaged)
    if n_train > len(data.train.data):
        raise ValueError(
            f"n_train must be at most {len(data.train.data)}, got {n_train}"
        )
    X, X_test = (part.data.flatten(1) / 255 for part in (data.train, data.val))
    y, y_test = (part.targets.long() for part in (data.train, data.val))
    rows = torch.randperm(len(X), generator=generator(seed, "split"))[:n_train]
    noisy = flip_labels(
        y[rows], label_noise, 10, generator(seed, "label noise")
    )
    return Split(X[rows], noisy, X[:0], y[:0], X_test, y_test)


def check_interval_by_hand(answer):
    r"""Exercise by hand: half the width of the paired 95 % interval of five
    gains.

    Five seeds gain 2, 4, 4, 4 and 6 points; :math:`t_{0.975,4} = 2.776`.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_interval_by_hand(3.93)
        ✗ Not yet: that is for one seed; the interval of the mean is narrower by
        the square root of 5.

    Chapter: capstone.
    """
    t, s = 2.776, math.sqrt(2)
    return check_number(
        answer,
        t * s / math.sqrt(5),
        {
            t * s: (
                "that is for one seed; the interval of the mean is narrower by"
                " the square root of 5"
            ),
            t
            * math.sqrt(8 / 5)
            / math.sqrt(5): "divide the sum of squares by S − 1 = 4, not by 5",
            1.96
            * s
            / math.sqrt(5): "1.96 is for many seeds; with five take 2.776",
            s / math.sqrt(5): "that is the standard error; multiply by 2.776",
            2
            * t
            * s
            / math.sqrt(5): "that is the whole width; half of it is asked for",
            s: "that is the standard deviation of the gains",
        },
    )


def check_one_out(attempt):
    """Exercise: ``attempt(default, recipe)`` returns a dict of part and the
    recipe without that part.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_one_out(one_in)
        ✗ Not yet: this adds each part to the default; start from the recipe and
        set one part back.

    Chapter: capstone.
    """
    default = {"decay": 0.0, "dropout": 0.0, "init": "default"}
    return check(
        attempt,
        one_out,
        [
            (default, {"decay": 1.0, "dropout": 0.5, "init": "he"}),
            ({"decay": 0.0}, {"decay": 2.0}),
        ],
        {
            (
                "this adds each part to the default;"
                " start from the recipe and set one part back"
            ): one_in,
            (
                "set the part back to its default;"
                " the network still needs a value for it"
            ): lambda default, recipe: {
                part: {k: v for k, v in recipe.items() if k != part}
                for part in recipe
            },
            "put each part back before you take the next one away": (
                lambda default, recipe: {
                    part: {**recipe, **dict(list(default.items())[: i + 1])}
                    for i, part in enumerate(recipe)
                }
            ),
            (
                "each entry is the whole recipe:"
                " one part has to go back to its default"
            ): lambda default, recipe: {part: dict(recipe) for part in recipe},
        },
        library=(one_out,),
    )


def check_nested_score(attempt):
    """Exercise: ``attempt(inner, outer)`` returns the nested score of two
    tables of shape (K, C).

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_nested_score(
        ...     lambda inner, outer: outer.max(1).values.mean()
        ... )
        ✗ Not yet: this chooses by the rows that give the score; choose by the
        inner table.

    Chapter: capstone.
    """
    return check(
        attempt,
        nested_score,
        lambda generator: [
            tuple(torch.rand(2, 5, 4, generator=generator)) for _ in range(3)
        ],
        {
            (
                "this chooses by the rows that give the score;"
                " choose by the inner table"
            ): lambda inner, outer: outer.max(1).values.mean(),
            (
                "this reports the score by which the winner was chosen;"
                " read its outer score"
            ): lambda inner, outer: inner.max(1).values.mean(),
            (
                "this takes one winner for all folds;"
                " each fold makes its own choice"
            ): lambda inner, outer: outer[:, inner.mean(0).argmax()].mean(),
            (
                "this reports the best mean of the outer table;"
                " that is plain cross-validation"
            ): lambda inner, outer: outer.mean(0).max(),
        },
        library=(nested_score,),
    )
