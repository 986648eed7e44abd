r"""Chapter *early_stopping*: when to stop training, which weights to keep, and
why that resembles a penalty.

The rules are functions of a validation history, such as
``fit_many(…).history["valid_loss"]``; leading dimensions are separate runs.
Ordered from patience to Prechelt's criteria and to gradient descent in closed
form; the checks of the chapter's exercises come last.
"""

import torch
import torch.nn.functional as F

from companion.arguments import (
    check_floats,
    check_int,
    check_real,
    check_solvable,
    in_float32,
    surely,
)
from companion.checks import check, check_number
from companion.data import check_data

__all__ = [
    "at_epoch",
    "best_epoch",
    "check_kept_epoch",
    "check_lambda_by_hand",
    "check_stop_epoch",
    "descent_shrinkage",
    "descent_weights",
    "equivalent_penalty",
    "first_epoch",
    "generalization_loss",
    "progress",
    "ridge_shrinkage",
    "stop_gl",
    "stop_patience",
    "stop_pq",
    "stop_up",
]


def _check_history(name, history):
    check_floats(name, history)
    if history.ndim == 0 or history.shape[-1] == 0:
        raise ValueError(
            f"{name} must have shape (…, epochs) with at least one epoch, got"
            f" {tuple(history.shape)}"
        )


def stop_patience(valid_loss, patience, min_delta=0.0):
    r"""Stop when the validation loss has not become better for ``patience``
    epochs: the rule of ``fit``.

    Better means lower than the last better epoch by more than :math:`\delta`.
    With :math:`b_t` the last epoch up to :math:`t` that was better, training
    stops after the first epoch :math:`t` with

    .. math::
        t - b_t \ge \text{patience}

    Args:
        valid_loss: validation loss after each epoch (…, epochs). NaN is never
            better.
        patience: epochs to wait, at least 1.
        min_delta: :math:`\delta \ge 0`, in the unit of the loss.

    Returns:
        Two int64 tensors (…): the last epoch trained, and the epoch whose
        weights are kept (0 if none was ever better), both counted from 1. A run
        that never stops ends with its last epoch.

    Raises:
        TypeError, ValueError: for a history or settings out of range.

    Example:
        >>> stop_patience(torch.tensor([5.0, 3.0, 4.0, 3.5, 2.0]), patience=2)
        (tensor(4), tensor(2))

    Differs from torch: torch has no such rule; Keras and Lightning have it
    under the same names.

    Chapter: early_stopping.
    """
    _check_history("valid_loss", valid_loss)
    check_int("patience", patience)
    check_real("min_delta", min_delta, low=0)
    best = torch.full_like(valid_loss[..., 0], float("inf"))
    kept = torch.zeros_like(best, dtype=torch.int64)
    stopped, active = kept.clone(), torch.ones_like(best, dtype=torch.bool)
    for epoch, loss in enumerate(valid_loss.unbind(-1), start=1):
        stopped = torch.where(active, epoch, stopped)
        better = active & (loss < best - min_delta)
        best = torch.where(better, loss, best)
        kept = torch.where(better, epoch, kept)
        active = active & (epoch - kept < patience)
    return stopped, kept


def first_epoch(fires):
    r"""Return the first epoch, from 1, at which a rule fires; the last epoch
    where it never does.

    Args:
        fires: whether the rule fires (…, epochs), bool.

    Returns:
        int64 tensor (…).

    Example:
        >>> first_epoch(torch.tensor([[False, True, True], [False] * 3]))
        tensor([2, 3])

    Chapter: early_stopping.
    """
    return torch.where(
        fires.any(-1), fires.int().argmax(-1) + 1, fires.shape[-1]
    )


@in_float32
def generalization_loss(valid_loss):
    r"""How far the validation loss lies above its lowest value so far, in per
    cent.

    .. math::
        GL(t) = 100\,\Bigl(\frac{E_{va}(t)}{\min_{t' \le t} E_{va}(t')} -
        1\Bigr)

    Args:
        valid_loss: :math:`E_{va}` after each epoch (…, epochs), above 0. NaN is
            never the lowest.

    Returns:
        Tensor (…, epochs), in per cent, at least 0; NaN where the loss is.

    Example:
        >>> generalization_loss(torch.tensor([4.0, 2.0, 3.0]))
        tensor([ 0.,  0., 50.])

    Source: Prechelt (1998).

    Chapter: early_stopping.
    """
    _check_history("valid_loss", valid_loss)
    known = valid_loss.masked_fill(valid_loss.isnan(), float("inf"))
    lowest = known.cummin(-1).values
    return 100 * (valid_loss / lowest - 1)


def stop_gl(valid_loss, alpha):
    r"""Stop after the first epoch with :math:`GL(t) > \alpha`.

    Args:
        valid_loss: validation loss after each epoch (…, epochs), above 0.
        alpha: :math:`\alpha \ge 0`, in per cent.

    Returns:
        The last epoch trained, int64 (…), from 1.

    Raises:
        TypeError, ValueError: for a history or settings out of range.

    Example:
        >>> stop_gl(torch.tensor([4.0, 2.0, 2.1, 3.0, 1.0]), alpha=20)
        tensor(4)

    Source: Prechelt (1998).

    Chapter: early_stopping.
    """
    check_real("alpha", alpha, low=0)
    return first_epoch(generalization_loss(valid_loss) > alpha)


@in_float32
def progress(train_loss, strip=5):
    r"""How much the training loss still falls within a strip of :math:`k`
    epochs, in per mille.

    .. math::
        P_k(t) = 1000\,\Bigl(\frac{\frac1k \sum_{t'=t-k+1}^{t}
        E_{tr}(t')}{\min_{t-k < t' \le t} E_{tr}(t')} - 1\Bigr)

    Args:
        train_loss: :math:`E_{tr}` of each epoch (…, epochs), above 0.
        strip: :math:`k \ge 1`, in epochs.

    Returns:
        Tensor (…, epochs), in per mille; NaN for the first :math:`k - 1`
        epochs.

    Raises:
        TypeError, ValueError: for a history or settings out of range.

    Example:
        >>> progress(torch.tensor([3.0, 1.0, 1.0]), strip=2)
        tensor([  nan, 1000.,    0.])

    Source: Prechelt (1998).

    Chapter: early_stopping.
    """
    _check_history("train_loss", train_loss)
    check_int("strip", strip)
    padded = F.pad(train_loss, (strip - 1, 0), value=float("nan"))
    strips = padded.unfold(-1, strip, 1)
    return 1000 * (strips.mean(-1) / strips.amin(-1) - 1)


def stop_pq(valid_loss, train_loss, alpha, strip=5):
    r"""Stop when the validation loss has risen by much and the training loss
    falls by little.

    Training stops after the first epoch :math:`t` that ends a strip and has

    .. math::
        PQ(t) = \frac{GL(t)}{P_k(t)} > \alpha

    Args:
        valid_loss: validation loss after each epoch (…, epochs), above 0.
        train_loss: training loss of each epoch, same shape, above 0.
        alpha: :math:`\alpha \ge 0`.
        strip: :math:`k \ge 1`, in epochs.

    Returns:
        The last epoch trained, int64 (…), from 1.

    Raises:
        TypeError, ValueError: for histories or settings out of range.

    Example:
        >>> valid, train = (
        ...     torch.tensor([2.0, 2.2, 2.4, 2.6]),
        ...     torch.tensor([3.0, 1.0, 1.0, 1.0]),
        ... )
        >>> stop_pq(valid, train, alpha=1, strip=2)
        tensor(4)

    Source: Prechelt (1998).

    Chapter: early_stopping.
    """
    check_real("alpha", alpha, low=0)
    _check_history("train_loss", train_loss)
    _check_history("valid_loss", valid_loss)
    if valid_loss.shape != train_loss.shape:
        shapes = [tuple(valid_loss.shape), tuple(train_loss.shape)]
        raise ValueError(
            f"valid_loss and train_loss must have the same shape, got {shapes}"
        )
    GL, P = generalization_loss(valid_loss), progress(train_loss, strip)
    epoch = torch.arange(1, GL.shape[-1] + 1, device=GL.device)
    # GL > alpha * P, not GL / P > alpha: the training loss may stand still
    return first_epoch((GL > alpha * P) & (epoch % strip == 0))


def stop_up(valid_loss, s, strip=5):
    r"""Stop when the validation loss has risen from strip to strip, :math:`s`
    times in a row.

    .. math::
        E_{va}(t - jk) > E_{va}(t - (j + 1)k) \quad\text{for }
        j = 0, \dots, s - 1

    Args:
        valid_loss: validation loss after each epoch (…, epochs).
        s: :math:`s \ge 1`, rises in a row.
        strip: :math:`k \ge 1`, in epochs; only the epochs :math:`k, 2k, \dots`
            are looked at.

    Returns:
        The last epoch trained, int64 (…), from 1.

    Raises:
        TypeError, ValueError: for a history or settings out of range.

    Example:
        >>> stop_up(
        ...     torch.tensor([3.0, 1.0, 9.0, 2.0, 0.0, 3.0, 1.0]), s=2, strip=2
        ... )
        tensor(6)

    Source: Prechelt (1998).

    Chapter: early_stopping.
    """
    _check_history("valid_loss", valid_loss)
    check_int("s", s)
    check_int("strip", strip)
    fires = torch.zeros_like(valid_loss, dtype=torch.bool)
    ends = valid_loss[..., strip - 1 :: strip]
    rises = ends[..., 1:] > ends[..., :-1]
    if rises.shape[-1] >= s:
        in_a_row = rises.unfold(-1, s, 1).all(-1)
        fires[..., (s + 1) * strip - 1 :: strip] = in_a_row
    return first_epoch(fires)


def best_epoch(valid_loss, stopped=None):
    r"""Return the epoch with the lowest validation loss among those trained:
    what restore-best keeps.

    .. math::
        t^* = \arg\min_{t \le t_{\text{stop}}} E_{va}(t)

    Args:
        valid_loss: validation loss after each epoch (…, epochs). NaN is never
            best.
        stopped: the last epoch trained, int64 (…), from 1; all epochs if not
            given.

    Returns:
        int64 tensor (…), from 1; the first of equal ones, and 1 if all are NaN.

    Raises:
        TypeError, ValueError: for a history or epochs out of range.

    Example:
        >>> best_epoch(
        ...     torch.tensor([3.0, 2.0, 4.0, 1.0]), stopped=torch.tensor(3)
        ... )
        tensor(2)

    Chapter: early_stopping.
    """
    _check_history("valid_loss", valid_loss)
    if stopped is not None:
        _check_epochs("stopped", stopped, valid_loss)
    loss = valid_loss.masked_fill(valid_loss.isnan(), float("inf"))
    if stopped is not None:
        epoch = torch.arange(1, loss.shape[-1] + 1, device=loss.device)
        late = epoch > stopped.unsqueeze(-1)
        loss = loss.masked_fill(late, float("inf"))
    return loss.argmin(-1) + 1


def _check_epochs(name, epoch, history):
    kind = type(epoch).__name__
    if isinstance(epoch, torch.Tensor):
        kind = epoch.dtype
    if kind != torch.int64:
        raise TypeError(f"{name} must be an int64 tensor, got {kind}")
    if epoch.shape != history.shape[:-1]:
        raise ValueError(
            f"{name} must have shape {tuple(history.shape[:-1])}, got"
            f" {tuple(epoch.shape)}"
        )
    if surely(((epoch < 1) | (epoch > history.shape[-1])).any()):
        raise ValueError(
            f"{name} must lie in 1 … {history.shape[-1]}, got {epoch.min()} …"
            f" {epoch.max()}"
        )


def at_epoch(history, epoch):
    """Read a history at one epoch per run.

    Args:
        history: any quantity after each epoch (…, epochs).
        epoch: int64 (…), from 1.

    Returns:
        Tensor (…).

    Raises:
        TypeError, ValueError: for a history or epochs out of range.

    Example:
        >>> at_epoch(
        ...     torch.tensor([[5.0, 6.0], [7.0, 8.0]]), torch.tensor([2, 1])
        ... )
        tensor([6., 7.])

    Chapter: early_stopping.
    """
    _check_history("history", history)
    _check_epochs("epoch", epoch, history)
    return history.gather(-1, epoch.unsqueeze(-1) - 1).squeeze(-1)


def _check_eigenvalues(eigenvalues):
    check_floats("eigenvalues", eigenvalues)
    if surely((eigenvalues < 0).any()):
        raise ValueError(
            f"eigenvalues must be at least 0, got {eigenvalues.min().item()}"
        )


def descent_shrinkage(eigenvalues, lr, steps):
    r"""Share of the least-squares solution that gradient descent from zero has
    reached, per direction.

    .. math::
        f_j = 1 - (1 - \eta c_j)^t

    Args:
        eigenvalues: the :math:`c_j \ge 0` of :math:`X^\top X / n`, any shape.
        lr: :math:`\eta \ge 0`; it converges for :math:`\eta c_j < 2`.
        steps: :math:`t \ge 1`.

    Returns:
        Tensor of the same shape.

    Raises:
        TypeError, ValueError: for eigenvalues or settings out of range.

    Example:
        >>> descent_shrinkage(torch.tensor([0.0, 0.5, 1.0]), lr=1.0, steps=2)
        tensor([0.0000, 0.7500, 1.0000])

    Source: Ali, Kolter and Tibshirani (2019).

    Chapter: early_stopping.
    """
    _check_eigenvalues(eigenvalues)
    check_real("lr", lr, low=0)
    check_int("steps", steps)
    step = lr * eigenvalues
    # keeps its digits where the step is tiny
    slow = -torch.expm1(steps * torch.log1p(-step.clamp(max=0.5)))
    return torch.where(step < 0.5, slow, 1 - (1 - step) ** steps)


def ridge_shrinkage(eigenvalues, lam):
    r"""Share of the least-squares solution that ridge regression leaves, per
    direction.

    .. math::
        f_j = \frac{c_j}{c_j + \lambda}

    Args:
        eigenvalues: the :math:`c_j \ge 0` of :math:`X^\top X / n`, any shape.
        lam: :math:`\lambda \ge 0`, the strength of
            :math:`\frac{\lambda}{2}\lVert w\rVert_2^2`.

    Returns:
        Tensor of the same shape; NaN where :math:`c_j = \lambda = 0`.

    Raises:
        TypeError, ValueError: for eigenvalues or a strength out of range.

    Example:
        >>> ridge_shrinkage(torch.tensor([0.0, 0.5, 1.5]), lam=0.5)
        tensor([0.0000, 0.5000, 0.7500])

    Source: Hoerl and Kennard (1970).

    Chapter: early_stopping.
    """
    _check_eigenvalues(eigenvalues)
    check_real("lam", lam, low=0)
    return eigenvalues / (eigenvalues + lam)


def equivalent_penalty(eigenvalues, lr, steps):
    r"""Compute the ridge strength of each direction that gives exactly the
    weights after :math:`t` steps.

    .. math::
        \lambda_j = c_j\,\frac{1 - f_j}{f_j} = \frac{c_j\,(1 - \eta c_j)^t}{1 -
        (1 - \eta c_j)^t}
        \;\longrightarrow\; \frac{1}{\eta t} \quad (c_j \to 0)

    Args:
        eigenvalues: the :math:`c_j \ge 0` of :math:`X^\top X / n`, any shape.
        lr: :math:`\eta > 0`, small enough that :math:`\eta c_j \le 1`; beyond
            that a strength may be negative.
        steps: :math:`t \ge 1`.

    Returns:
        Tensor of the same shape: near :math:`1 / (\eta t)` where :math:`\eta t
        c_j` is small, near 0 where it is large.

    Raises:
        TypeError, ValueError: for eigenvalues or settings out of range.

    Example:
        >>> equivalent_penalty(torch.tensor([0.0, 0.5]), lr=1.0, steps=2)
        tensor([0.5000, 0.1667])

    Source: Ali, Kolter and Tibshirani (2019).

    Chapter: early_stopping.
    """
    if lr == 0:
        raise ValueError("lr must be above 0, got 0")
    reached = descent_shrinkage(eigenvalues, lr, steps)
    lam = eigenvalues * (1 - reached) / reached
    return torch.where(eigenvalues > 0, lam, 1 / (lr * steps))


def descent_weights(X, y, lr, steps):
    r"""Weights of a linear model after :math:`t` full-batch steps of gradient
    descent from zero, in closed form.

    With the loss :math:`\frac{1}{2n}\lVert y - Xw\rVert_2^2` and :math:`X^\top
    X / n = V \operatorname{diag}(c) V^\top`

    .. math::
        w_t = V \operatorname{diag}\Bigl(\frac{1 - (1 - \eta c_j)^t}{c_j}\Bigr)
        V^\top \frac{X^\top y}{n}

    Args:
        X: inputs (…, n, d); leading dimensions are separate problems.
        y: targets (…, n).
        lr: :math:`\eta \ge 0`.
        steps: :math:`t \ge 1`.

    Returns:
        Weights (…, d). Where :math:`c_j = 0` the factor is its limit
        :math:`\eta t`.

    Raises:
        TypeError, ValueError: for shapes that do not fit, values that are not
            finite, or settings out of range.

    Example:
        >>> descent_weights(
        ...     2**0.5 * torch.eye(2), torch.tensor([2.0, 4.0]), lr=0.5, steps=1
        ... )
        tensor([0.7071, 1.4142])

    Source: Ali, Kolter and Tibshirani (2019).

    Chapter: early_stopping.
    """
    check_data(X, y, name="data")
    if X.ndim < 2 or y.shape != X.shape[:-1]:
        raise ValueError(
            f"X must be (…, n, d) and y (…, n), got {tuple(X.shape)} and"
            f" {tuple(y.shape)}"
        )
    check_solvable("X", X)
    n = X.shape[-2]
    c, V = torch.linalg.eigh(X.mT @ X / n)
    c = c.clamp(min=0)  # rounding may put a zero just below
    factor = torch.where(c > 0, descent_shrinkage(c, lr, steps) / c, lr * steps)
    along = V.mT @ (X.mT @ y.unsqueeze(-1) / n)
    return (V @ (factor.unsqueeze(-1) * along)).squeeze(-1)


def _histories(generator):
    """Histories that fall and rise, one that stands still and one that ends
    first, with a patience each.
    """
    dip = (torch.linspace(-1, 2, 24) ** 2 + 1) + 0.4 * torch.rand(
        5, 24, generator=generator
    )
    return [
        (history, wait)
        for history, wait in zip(dip, (1, 2, 3, 4, 6), strict=True)
    ] + [
        (torch.tensor([3.0, 2.0, 2.0, 1.0, 1.0]), 1),
        (torch.tensor([3.0, 2.0, 1.0]), 2),
    ]


def _waiting(better, extra=0):
    """Patience with another idea of what is better, or with more of it."""

    def stop(history, patience):
        best, last, waited = float("inf"), float("inf"), 0
        for epoch, loss in enumerate(history.tolist(), start=1):
            waited = 0 if better(loss, best, last) else waited + 1
            best, last = min(best, loss), loss
            if waited >= patience + extra:
                return epoch
        return len(history)

    return stop


def check_stop_epoch(attempt):
    """Exercise: ``attempt(valid_loss, patience)`` returns the last epoch
    trained, counted from 1.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_stop_epoch(
        ...     lambda valid_loss, patience: valid_loss.argmin().item() + 1
        ... )
        ✗ Not yet: that is the epoch whose weights are kept; training goes on
        for patience epochs more.

    Chapter: early_stopping.
    """
    return check(
        attempt,
        lambda history, patience: stop_patience(history, patience)[0].item(),
        _histories,
        {
            (
                "that is the epoch whose weights are kept;"
                " training goes on for patience epochs more"
            ): lambda history, patience: history.argmin().item() + 1,
            "compare with the best loss so far, not with the epoch before": (
                _waiting(lambda loss, _, last: loss < last)
            ),
            "an equal loss is not better": _waiting(
                lambda loss, best, _: loss <= best
            ),
            "you wait one epoch too long": _waiting(
                lambda loss, best, _: loss < best, extra=1
            ),
            "count epochs from 1": lambda history, patience: (
                stop_patience(history, patience)[0].item() - 1
            ),
        },
        library=(stop_patience,),
    )


def check_kept_epoch(attempt):
    """Exercise: ``attempt(valid_loss, stopped)`` returns the epoch whose
    weights restore-best keeps, from 1.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_kept_epoch(lambda valid_loss, stopped: stopped)
        ✗ Not yet: those are the weights of the last epoch; keep the best one.

    Chapter: early_stopping.
    """
    cases = (
        ([3.0, 2.0, 4.0, 1.0], 3),
        ([5.0, 4.0, 3.0, 6.0, 2.0], 4),
        ([1.0, 2.0, 0.5], 3),
    )
    return check(
        attempt,
        lambda history, stopped: best_epoch(
            history, torch.tensor(stopped)
        ).item(),
        [(torch.tensor(losses), stopped) for losses, stopped in cases],
        {
            "those are the weights of the last epoch; keep the best one": (
                lambda history, stopped: stopped
            ),
            "the epochs after the stop were never trained": (
                lambda history, stopped: history.argmin().item() + 1
            ),
            "count epochs from 1": lambda history, stopped: (
                history[:stopped].argmin().item()
            ),
            "low is good: it is a loss": lambda history, stopped: (
                history[:stopped].argmax().item() + 1
            ),
        },
        library=(best_epoch,),
    )


def check_lambda_by_hand(answer):
    r"""Exercise by hand: the ridge strength that matches 50 steps of gradient
    descent with learning rate 0.1.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_lambda_by_hand(5.0)
        ✗ Not yet: that is ηt; the strength is its inverse, for longer training
        means less penalty.

    Chapter: early_stopping.
    """
    return check_number(
        answer,
        0.2,
        {
            5.0: (
                "that is ηt; the strength is its inverse, for longer training"
                " means less penalty"
            ),
            0.02: "that is 1/t; the learning rate counts too",
            10.0: "that is 1/η; the number of steps counts too",
            0.002: "that is η/t; both η and t stand below the line",
        },
    )
