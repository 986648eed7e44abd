r"""Training, one model at a time (:func:`fit`) or many seeds and settings at
once (:func:`fit_many`).

Both take the batches of seed ``s`` from ``torch.randperm(n,
generator=torch.Generator().manual_seed(s))`` and both start from the model that
:func:`seeded_model` makes for ``s``, so that one is the test of the other.
"""

import contextlib
import copy
import functools
import inspect
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, vmap
from torch.nn.utils.parametrize import type_before_parametrizations
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tqdm import tqdm

from companion import _pace
from companion._chain import Chain
from companion.arguments import check_seed, check_tensor, plain
from companion.data import check_data, generator
from companion.optimizers import (
    _fast,
    _fast_of_all,
    _keep_freed_memory,
    check_hyperparameters,
    sgd,
)

__all__ = [
    "Runs",
    "accuracy",
    "course_seeds",
    "fit",
    "fit_many",
    "seeded_model",
]

# A step of fewer multiplications takes one thread: two would mostly wait.
SMALL_STEP = 4e6

# So many inputs are gathered at once: a megabyte.
GATHERED = 2**18


def accuracy(output, target):
    """Share of rows whose largest output is the target class. A row with a NaN
    is wrong.

    Args:
        output: logits or probabilities, shape (N, C), C at least 2.
        target: int64 classes, shape (N,).

    Returns:
        A scalar tensor in [0, 1].

    Raises:
        TypeError: if ``output`` or ``target`` is not a tensor.
        ValueError: if there are fewer than two classes, or ``target`` has
            another shape than the rows of ``output``.

    Example:
        >>> accuracy(
        ...     torch.tensor([[2.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 0])
        ... ).item()
        0.5

    Chapter: all.
    """
    check_tensor("output", output)
    check_tensor("target", target)
    if output.shape[-1:].numel() < 2:
        raise ValueError(
            "output must have a column for each of at least two classes, got"
            f" shape {tuple(output.shape)}; compare a single logit with 0"
        )
    if output.shape[:-1] != target.shape:
        raise ValueError(
            f"target must have shape {tuple(output.shape[:-1])}, got"
            f" {tuple(target.shape)}"
        )
    largest, place = output.max(-1)
    return ((place == target) & ~largest.isnan()).float().mean(-1)


def course_seeds(n):
    """List the n seeds of an experiment: ``1000 * COURSE_SEED + 0 … n − 1``.

    Set the environment variable ``COURSE_SEED`` to repeat the whole course on
    fresh seeds. Set ``COURSE_PACE`` to quick for at most four seeds: labs then
    fit into a class hour, and claims are not tested.

    Args:
        n: number of seeds, 1 … 1000.

    Returns:
        A list of ints.

    Raises:
        TypeError: if ``n`` is not an int.
        ValueError: if ``n`` is not in 1 … 1000, or ``COURSE_SEED`` is not a
            whole number from 0 to 4294966, so that seeds stay below 2**32, or
            ``COURSE_PACE`` is neither quick nor unset.

    Example:
        >>> len(course_seeds(10))
        10

    Chapter: all.
    """
    _check_type("n", n, int)
    if not 1 <= n <= 1000:
        raise ValueError(f"n must be in 1 … 1000, got {n}")
    course = os.environ.get("COURSE_SEED", "0")
    if not course.isdecimal() or int(course) > 4294966:
        raise ValueError(
            "COURSE_SEED must be a whole number from 0 to 4294966, got"
            f" {course!r}"
        )
    if _pace.quick():
        _pace.asked.add(n)
        n = min(n, _pace.FEW)
    return [1000 * int(course) + i for i in range(n)]


def seeded_model(make_model, seed, **hyper):
    """Make the model of one seed and leave the global random state as it was.

    Args:
        make_model: function that returns a new ``nn.Module``.
        seed: seed of the initial weights, an int from 0 to 2**32 − 1.
        hyper: passed on to ``make_model``.

    Returns:
        The model.

    Raises:
        TypeError, ValueError: for a seed of another type or out of range.

    Example:
        >>> a, b = (seeded_model(lambda: nn.Linear(2, 1), 0) for _ in range(2))
        >>> bool((a.weight == b.weight).all())
        True

    Chapter: all.
    """
    check_seed("seed", seed)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        if torch.accelerator.is_available():
            torch.manual_seed(int(seed))
        else:  # the same, without a stack trace for each absent device
            torch.default_generator.manual_seed(int(seed))
        return make_model(**hyper)


def _progress(epochs):
    """Count epochs on stderr for somebody who watches: in a terminal or a
    notebook, nowhere else.
    """
    watched = sys.stderr.isatty() or type(sys.stderr).__module__.startswith(
        "ipykernel"
    )
    return tqdm(
        range(epochs),
        unit="epoch",
        leave=False,
        disable=not watched or bool(os.environ.get("TQDM_DISABLE")),
    )


def _check_type(name, value, *kinds):
    numbers = {int: Integral, float: Real}  # numpy's too
    wide = tuple(numbers.get(kind, kind) for kind in kinds)
    if not isinstance(value, wide) or isinstance(value, bool):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} must be of type {wanted}, got {_kind(value)}")


def _kind(value):
    a_class = isinstance(value, type)
    return f"the class {value.__name__}" if a_class else type(value).__name__


def _check_run(
    train,
    valid,
    metrics,
    loss,
    epochs,
    batch_size,
    patience,
    min_delta,
    clip_norm,
):
    """Refuse the data and settings that ``fit`` and ``fit_many`` share;
    messages name the argument.
    """
    for name, pair in (("train", train), ("valid", valid)):
        if pair is None and name == "valid":
            continue
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(
                f"{name} must be a pair of tensors (X, y), got"
                f" {type(pair).__name__}"
            )
        check_data(*pair, name=name)
    for name, value in (("patience", patience), ("metrics", metrics)):
        if value is not None and valid is None:
            raise ValueError(f"{name} needs validation data: pass valid=(X, y)")
    if metrics is not None and not (
        isinstance(metrics, dict) and all(map(callable, metrics.values()))
    ):
        raise TypeError(
            "metrics must be a dict of names and functions of (output,"
            f" target), got {metrics!r}"
        )
    if "loss" in (metrics or ()):
        raise ValueError(
            "metrics must have other names than 'loss': valid_loss is what"
            " early stopping looks at"
        )
    if isinstance(loss, type) or not callable(loss):
        raise TypeError(
            f"loss must be a function of (output, target), got {_kind(loss)}"
        )
    for name, value in (
        ("epochs", epochs),
        ("batch_size", batch_size),
        ("patience", patience),
    ):
        if value is None and name != "epochs":
            continue
        _check_type(name, value, int)
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    _check_type("min_delta", min_delta, int, float)
    if not min_delta >= 0:
        raise ValueError(f"min_delta must be at least 0, got {min_delta}")
    for bound in (
        clip_norm.flatten().tolist()
        if isinstance(clip_norm, torch.Tensor)
        else [clip_norm]
    ):
        if bound is not None:
            _check_type("clip_norm", bound, int, float)
            if not bound > 0:
                raise ValueError(f"clip_norm must be above 0, got {bound}")


def _check_fit(model, optimizer, scheduler, seed):
    """Refuse what ``fit`` alone takes."""
    _check_type("model", model, nn.Module)
    _check_type("optimizer", optimizer, torch.optim.Optimizer)
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure and closure.default is closure.empty:
        raise ValueError(
            "optimizer must step without a closure, got"
            f" {type(optimizer).__name__}"
        )
    if scheduler is not None:
        _check_type("scheduler", scheduler, LRScheduler)
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                "scheduler must be made from the same optimizer, got one of"
                f" another {type(scheduler.optimizer).__name__}"
            )
    check_seed("seed", seed)
    own = {id(p) for p in model.parameters()}
    if not any(
        id(p) in own
        for group in optimizer.param_groups
        for p in group["params"]
    ):
        raise ValueError(
            "optimizer must hold parameters of the model; make it from"
            " model.parameters()"
        )


def _rehearse(model, X, y, loss, size):
    """Refuse data and loss that do not fit the model: where something looks
    wrong, a copy of it runs once as in training, on as many rows as the last
    batch has.
    """
    if not _suspicious(model, X, y, size):
        return
    rows = torch.arange(len(X) % size or min(size, len(X)), device=X.device)
    if not (y.is_floating_point() or y.is_complex()) and y.numel():
        # the largest class first
        rows[0] = y.reshape(len(y), -1).long().amax(1).argmax()
    x, y = X[rows], y[rows]
    try:
        twin = copy.deepcopy(model).train()
    except Exception:
        return  # not all can be copied, the result of a computation cannot
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            output = twin(x)
        except _FAILURES as error:
            raise ValueError(_misfit(model, X, x, size, error)) from error
        try:
            value = loss(output, y)
        except _FAILURES as error:
            raise ValueError(
                f"loss fails on an output of {_tensor(output)} and y of"
                f" {_tensor(y)}: {_line(error)}; classes are int64, one per"
                " row, below the number of outputs; numbers have type and"
                " shape of the output"
            ) from error
    _check_mean("loss", value)


def _suspicious(model, X, y, size):
    """Whether types, classes or the size of the last batch look wrong."""
    norm = nn.modules.batchnorm._BatchNorm
    if len(X) % size == 1 and any(isinstance(m, norm) for m in model.modules()):
        return True
    parameters = list(model.parameters())
    if _shapeless(model) or not parameters:
        return False  # a first pass gives a lazy module its parameters
    if any(p.dtype != X.dtype for p in parameters):
        return True
    if y.is_floating_point() or y.is_complex():
        return False
    classes = parameters[-1].shape[:1].numel()
    return y.dtype != torch.int64 or y.ndim > 1 or y.max() >= classes


def _shapeless(model):
    """Names of what a lazy module has not made yet."""
    return [
        name
        for name, value in _named_state(model)
        if isinstance(value, nn.parameter.UninitializedTensorMixin)
    ]


_FAILURES = (RuntimeError, TypeError, ValueError, IndexError)


def _misfit(model, X, x, size, error):
    """Say why a model fails on the last batch."""
    for name, parameter in model.named_parameters():
        if parameter.dtype != X.dtype and "type" in str(error):
            return (
                f"X is {X.dtype} and the parameter {name} is {parameter.dtype};"
                " they must agree"
            )
    if len(X) % size == 1 < len(X):
        return (
            f"batch_size {size} leaves one of {len(X)} rows for the last batch,"
            f" on which the model fails: {_line(error)}"
        )
    return f"the model fails on a batch of {_tensor(x)}: {_line(error)}"


def _line(error):
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _tensor(value):
    if not isinstance(value, torch.Tensor):
        return f"type {type(value).__name__}"
    return f"shape {tuple(value.shape)} and type {value.dtype}"


def _check_mean(name, value):
    check_tensor(f"what {name} returns", value)
    if value.ndim:
        raise ValueError(
            f"{name} must return one number, the mean over the batch, got shape"
            f" {tuple(value.shape)}"
        )


def fit(
    model,
    train,
    *,
    loss,
    optimizer,
    epochs,
    batch_size=32,
    seed=0,
    valid=None,
    metrics=None,
    scheduler=None,
    clip_norm=None,
    patience=None,
    min_delta=0.0,
    restore_best=True,
):
    """Train one model in place.

    Args:
        model: an ``nn.Module`` on the device of the data.
        train: pair of tensors ``(X, y)``, shapes (N, …).
        loss: function of (output, target), the mean over the batch.
        optimizer: a ``torch.optim.Optimizer`` over the model's parameters.
        epochs: passes over the data, at least 1.
        batch_size: rows per step; the last batch may be smaller. ``None`` takes
            all rows.
        seed: seed of the batch order and of dropout masks, an int from 0 to
            2**32 − 1.
        valid: optional pair ``(X, y)``, evaluated after each epoch.
        metrics: optional dict of name and function of (output, target), for
            ``valid``.
        scheduler: optional ``torch.optim.lr_scheduler`` of the optimizer,
            stepped after every batch; ``ReduceLROnPlateau`` after every epoch,
            by the validation loss, without ``valid`` by the training loss.
        clip_norm: optional bound on the norm of the whole gradient of the
            optimizer's parameters.
        patience: stop after this many epochs without a better validation loss.
        min_delta: what counts as better: lower by more than this.
        restore_best: after early stopping or the last epoch, take the weights
            of the best epoch (with ``patience``).

    The model is left in evaluation mode, also by an error or Ctrl-C; then too
    it takes the weights of the best epoch so far, and the history so far is the
    exception's ``history``.

    Returns:
        History: dict of lists, one number per epoch: ``train_loss`` (mean over
        the epoch's batches), and with ``valid`` also ``valid_loss`` and
        ``valid_<metric>``.

    Raises:
        TypeError, ValueError: for data or settings out of range, or that do not
            fit the model.
        FloatingPointError: if the loss or the final weights are NaN or
            infinite; names the epoch.

    Example:
        >>> X = torch.linspace(-1, 1, 20).unsqueeze(1)
        >>> model = seeded_model(lambda: nn.Linear(1, 1), 0)
        >>> history = fit(
        ...     model,
        ...     (X, 3 * X),
        ...     loss=F.mse_loss,
        ...     epochs=50,
        ...     optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
        ... )
        >>> round(model.weight.item(), 3)
        3.0

    Chapter: all.
    """
    _check_fit(model, optimizer, scheduler, seed)
    _check_run(
        train,
        valid,
        metrics,
        loss,
        epochs,
        batch_size,
        patience,
        min_delta,
        clip_norm,
    )
    X, y = train
    batch_size = plain(batch_size) or len(X)
    _rehearse(model, X, y, loss, batch_size)
    order = torch.Generator().manual_seed(int(seed))
    history, best, best_state, waited = (
        {"train_loss": []},
        float("inf"),
        None,
        0,
    )
    with (
        _attached("history", lambda: history),
        torch.random.fork_rng(devices=range(torch.cuda.device_count())),
    ):
        torch.manual_seed(generator(seed, "training").initial_seed())
        try:
            for epoch in (bar := _progress(epochs)):
                shuffled = torch.randperm(len(X), generator=order).to(X.device)
                batches = shuffled.split(batch_size)
                steps = (loss, optimizer, scheduler, clip_norm)
                record = _train_epoch(model, X, y, batches, epoch, *steps)
                if valid is not None:
                    functions = {"loss": loss} | (metrics or {})
                    record |= _evaluate(model, valid, functions)
                    bar.set_postfix(valid_loss=record["valid_loss"])
                for name, number in record.items():
                    history.setdefault(name, []).append(number)
                if isinstance(scheduler, ReduceLROnPlateau):
                    scheduler.step(
                        record["train_loss" if valid is None else "valid_loss"]
                    )
                if patience is not None:
                    waited += 1
                    if record["valid_loss"] < best - min_delta:
                        best, best_state, waited = (
                            record["valid_loss"],
                            copy.deepcopy(model.state_dict()),
                            0,
                        )
                    if waited >= patience:
                        break
        finally:
            if best_state is not None and restore_best:
                model.load_state_dict(best_state)
            model.eval()
        if not all(p.isfinite().all() for p in model.parameters()):
            raise FloatingPointError(
                _diverged(epoch, "weights are not finite", optimizer)
            )
    return history


def _train_epoch(
    model, X, y, batches, epoch, loss, optimizer, scheduler, clip_norm
):
    """Take the steps of an epoch; return the mean loss over its batches."""
    model.train()
    total = 0.0
    for batch in batches:
        optimizer.zero_grad()
        value = loss(model(X[batch]), y[batch])
        _check_mean("loss", value)
        if not value.isfinite():
            raise FloatingPointError(
                _diverged(epoch, f"the loss is {value.item()}", optimizer)
            )
        value.backward()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(
                [p for g in optimizer.param_groups for p in g["params"]],
                clip_norm,
            )
        optimizer.step()
        if scheduler and not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()
        total += value.item() * len(batch)
    return {"train_loss": total / len(X)}


@contextlib.contextmanager
def _attached(name, found):
    """Give an exception what was found before it."""
    try:
        yield
    except BaseException as error:
        setattr(error, name, found())
        raise


def _diverged(epoch, what, optimizer):
    rates = ", ".join(f"{group['lr']:g}" for group in optimizer.param_groups)
    return (
        f"training diverged in epoch {epoch + 1}: {what}; try a learning rate"
        f" smaller than {rates}"
    )


@torch.no_grad()
def _evaluate(model, data, functions):
    model.eval()
    output = model(data[0])
    results = {
        name: function(output, data[1]) for name, function in functions.items()
    }
    for name, result in results.items():
        _check_mean(f"metric {name}", result)
    return {f"valid_{name}": result.item() for name, result in results.items()}


@dataclass
class Runs:
    """What :func:`fit_many` returns. Every shape starts with S seeds, then one
    dimension per entry of the grid.

    Attributes:
        history: dict of tensors (S, …, epochs): ``train_loss``, ``valid_loss``,
            ``valid_<metric>``; NaN after a run has stopped.
        params: dict of parameter name and tensor ``(S, …, *shape)``.
        buffers: the same for buffers.
        diverged: epoch (from 1) in which the loss of a run ceased to be finite,
            or after which its final weights were not finite; 0 if neither
            happened; int64 (S, …).
        best_epoch: epoch (from 1) of the lowest validation loss, 0 without
            validation data; int64 (S, …).
        epochs_run: epochs that a run was trained before it stopped; int64 (S,
            …).
        seeds: the seeds, a list.
        grid: the grid, a dict of 1-D tensors.

    Chapter: all.
    """

    history: dict
    params: dict
    buffers: dict
    diverged: torch.Tensor
    best_epoch: torch.Tensor
    epochs_run: torch.Tensor
    seeds: list
    grid: dict
    _model: nn.Module

    def predict(self, X, *, per_seed=False):
        """Outputs of every run, in evaluation mode.

        Args:
            X: inputs (N, …), or (S, N, …) with ``per_seed``.
            per_seed: whether every seed has its own inputs.

        Returns:
            Tensor ``(S, …, N, *output)``.

        Raises:
            ValueError: if ``per_seed`` and the first dimension of X is not S.
        """
        shape = self.diverged.shape
        _check_per_seed("X", X, self.seeds, per_seed)
        state = {
            name: value.flatten(0, len(shape) - 1)
            for name, value in (self.params | self.buffers).items()
        }
        return _predict(
            _Stacked(self._model), state, _per_run(X, shape, per_seed), per_seed
        ).unflatten(0, shape)

    def evaluate(self, X, y, metric, *, per_seed=False):
        """One number per run: ``metric(output, target)`` in evaluation mode.

        Args:
            X: inputs (N, …), or (S, N, …) with ``per_seed``.
            y: targets (N, …), or (S, N, …) with ``per_seed``.
            metric: function of (output, target) that returns a scalar, such as
                :func:`accuracy` or a loss.
            per_seed: whether every seed has its own data.

        Returns:
            Tensor (S, …).

        Raises:
            TypeError: if ``metric`` does not return a tensor.
            ValueError: if ``per_seed`` and a first dimension is not S, or
                ``metric`` does not return one number.
        """
        shape = self.diverged.shape
        _check_per_seed("y", y, self.seeds, per_seed)
        output = self.predict(X, per_seed=per_seed).flatten(0, len(shape) - 1)
        return _numbers(
            "metric",
            metric,
            output,
            _per_run(y, shape, per_seed),
            shared=not per_seed,
        ).unflatten(0, shape)

    def model(self, *index):
        """The model of one run as an ordinary ``nn.Module``, in evaluation
        mode.

        Args:
            index: position of the seed, then one position per entry of the
                grid.

        Returns:
            A new module with that run's parameters and buffers.

        Raises:
            ValueError: if there are too few or too many positions.
        """
        if len(index) != self.diverged.ndim:
            names = ", ".join(["seed", *self.grid])
            raise ValueError(
                f"index must be {self.diverged.ndim} positions ({names}), got"
                f" {len(index)}"
            )
        model = copy.deepcopy(self._model)
        with torch.no_grad():
            for name, value in _named_state(model):
                value.copy_((self.params | self.buffers)[name][index])
        return model.eval()


def fit_many(
    make_model,
    train,
    *,
    loss,
    rule,
    seeds,
    epochs,
    grid=None,
    batch_size=32,
    per_seed=False,
    valid=None,
    metrics=None,
    schedule=None,
    clip_norm=None,
    overrides=None,
    patience=None,
    min_delta=0.0,
    restore_best=True,
    **hyper,
):
    r"""Train one independent model per seed and grid point, all at once.

    The parameters of all models are stacked. One forward pass is mapped over
    them (``torch.func.vmap``), the sum of their losses is differentiated, and
    one call of the rule per parameter updates them. Since no model touches
    another's loss, the gradient of the sum holds each model's own gradient. At
    every grid point a seed has the same initial weights and the same batches,
    so that differences along the grid are paired.

    Args:
        make_model: function that returns a new ``nn.Module``. It may take
            arguments named in ``grid``.
        train: pair of tensors ``(X, y)``, shapes (N, …), or (S, N, …) with
            ``per_seed``.
        loss: function of (output, target), the mean over the batch.
        rule: update rule such as :func:`companion.optimizers.sgd`.
        seeds: S different ints from 0 to 2**32 − 1; a seed fixes initial
            weights and batch order.
        epochs: passes over the data, at least 1.
        grid: dict of name and 1-D tensor or list: hyper-parameters of ``rule``,
            ``clip_norm``, or arguments of ``make_model``. Every combination is
            trained; ints stay ints.
        batch_size: rows per step; the last batch may be smaller. ``None`` takes
            all rows.
        per_seed: whether every seed has its own data.
        valid: optional pair ``(X, y)``, evaluated after each epoch; one per
            seed if ``per_seed``.
        metrics: optional dict of name and function of (output, target), for
            ``valid``.
        schedule: optional function of the number of steps taken that returns a
            factor for ``lr``.
        clip_norm: optional bound on the norm of each model's whole gradient.
        overrides: optional function of (name, parameter of one model) that
            returns a dict of hyper-parameters for that parameter, such as
            ``{"weight_decay": 0.0}`` for biases.
        patience: a run stops after this many epochs without a better validation
            loss.
        min_delta: what counts as better: lower by more than this.
        restore_best: with ``patience``, a run ends with the weights of its best
            epoch.
        hyper: hyper-parameters of ``rule`` that all runs share, such as
            ``lr=0.1``.

    Returns:
        :class:`Runs`. A run that diverges is recorded there and leaves the
        others alone. After an error or Ctrl-C, the exception's ``runs`` holds
        what was trained so far.

    Raises:
        TypeError, ValueError: for data or settings out of range, or a model
            that cannot be mapped.

    Example:
        >>> from companion.optimizers import sgd
        >>> X = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
        >>> runs = fit_many(
        ...     lambda: nn.Linear(3, 1),
        ...     (X, X[:, :1]),
        ...     loss=F.mse_loss,
        ...     rule=sgd,
        ...     lr=0.1,
        ...     seeds=range(5),
        ...     epochs=20,
        ...     grid={"weight_decay": [0.0, 1.0]},
        ... )
        >>> runs.params["weight"].shape
        torch.Size([5, 2, 1, 3])
        >>> runs.history["train_loss"][..., -1].mean(0) < 0.1
        tensor([ True, False])

    Chapter: all.
    """
    _check_functions(rule, schedule, overrides)
    if grid is not None:
        _check_type("grid", grid, dict)
    seeds, grid = (
        _seed_list(seeds),
        {
            name: _grid_values(name, values)
            for name, values in (grid or {}).items()
        },
    )
    hyper = {name: plain(value) for name, value in hyper.items()}
    batch_size = plain(batch_size)
    for name, value in (hyper | {"clip_norm": clip_norm}).items():
        if name in grid and value is not None:
            raise ValueError(
                f"{name} is given in grid and as an argument, {value}; give it"
                " once"
            )
        if isinstance(value, torch.Tensor) and value.ndim:
            raise ValueError(
                f"{name} must be one number; several values belong in grid, got"
                f" {value.tolist()}"
            )
    if isinstance(make_model, nn.Module) or not callable(make_model):
        raise TypeError(
            "make_model must be a function that returns a new model, got"
            f" {type(make_model).__name__}"
        )
    clip_norm = grid.get("clip_norm", clip_norm)
    _check_run(
        train,
        valid,
        metrics,
        loss,
        epochs,
        batch_size,
        patience,
        min_delta,
        clip_norm,
    )
    _check_many(train, valid, seeds, per_seed)
    shape = torch.Size([len(seeds), *(len(values) for values in grid.values())])
    points = (
        torch.cartesian_prod(*(values.double() for values in grid.values()))
        .reshape(-1, len(grid))
        .T.repeat(1, len(seeds))
        if grid
        else ()
    )
    # one value per run
    points = {
        name: values.to(train[0].device, grid[name].dtype)
        for name, values in zip(grid, points, strict=True)
    }
    X, y = (t.flatten(0, 1) if per_seed else t for t in train)
    n = len(X) // len(seeds) if per_seed else len(X)

    taken = {
        name: points.pop(name)
        for name in list(points)
        if name in inspect.signature(make_model).parameters
    }
    clip_norm = points.pop("clip_norm", clip_norm)
    check_hyperparameters(rule, hyper | points)
    model, params, buffers = _stack_models(make_model, seeds, shape, taken, X)
    _rehearse(model, X[:n], y[:n], loss, batch_size or n)
    trained = {
        name: one for name, one in model.named_parameters() if one.requires_grad
    }
    if not trained:
        raise ValueError(
            "make_model must return a model with parameters to train, got none"
            " that requires a gradient"
        )
    settings = {
        name: _expand(rule, hyper | points, params[name]) for name in trained
    }
    for name, one in trained.items() if overrides else ():
        own = overrides(name, one)
        _check_type(f"overrides of {name}", own, dict)
        own = {key: plain(value) for key, value in own.items()}
        check_hyperparameters(rule, own)
        settings[name] |= own

    _keep_freed_memory()
    device = X.device
    step = _Step(model, loss, _fast(rule), settings, schedule, clip_norm)
    if Chain.fits(model, loss, X, y):
        step.chain = Chain(model, loss)
    products = (
        shape.numel()
        * (batch_size or n)
        * sum(p.numel() for p in trained.values())
    )
    threads = torch.get_num_threads() if products > SMALL_STEP else 1
    apart = step.chain is not None and _fast(rule) is not rule
    team = _Team(step, len(seeds), threads, apart and device.type == "cpu")
    orders = [torch.Generator().manual_seed(seed) for seed in seeds]
    first_row = torch.arange(len(seeds)).unsqueeze(1) * (n if per_seed else 0)
    runs = shape.numel()
    diverged, best_epoch, epochs_run = torch.zeros(
        3, runs, dtype=torch.int64, device=device
    )
    active, has_kept = torch.ones(2, runs, dtype=torch.bool, device=device)
    best = torch.full((runs,), float("inf"), device=device, dtype=torch.float64)
    has_kept, kept, history = ~has_kept, params | buffers, []

    def found():
        final = params | buffers
        if has_kept.any():
            final = _choose(has_kept, kept, final)
        finite = torch.stack(
            [final[name].flatten(1).isfinite().all(1) for name in params]
        ).all(0)
        late = torch.where((diverged == 0) & ~finite, epochs_run, diverged)
        numbers = {"diverged": late, "best_epoch": best_epoch}
        numbers["epochs_run"] = epochs_run
        return Runs(
            history={
                name: torch.stack([h[name] for h in history], -1).unflatten(
                    0, shape
                )
                for name in (history[0] if history else ())
            },
            params={
                name: final[name].detach().unflatten(0, shape)
                for name in params
            },
            buffers={name: final[name].unflatten(0, shape) for name in buffers},
            **{name: n.unflatten(0, shape) for name, n in numbers.items()},
            seeds=seeds,
            grid=grid,
            _model=model,
        )

    with (
        _attached("runs", found),
        torch.random.fork_rng(devices=range(torch.cuda.device_count())),
    ):
        torch.manual_seed(generator(seeds, "training").initial_seed())
        for epoch in (bar := _progress(epochs)):
            order = first_row + torch.stack(
                [torch.randperm(n, generator=chance) for chance in orders]
            ).to(device)
            step.stacked.model.train()
            params, total = team.epoch(
                params, buffers, (X, y), order, batch_size or n
            )
            epochs_run += active
            record = {"train_loss": total / n}
            if valid is not None:
                functions = {"loss": loss} | (metrics or {})
                record |= _validate(
                    step.stacked,
                    params | buffers,
                    valid,
                    functions,
                    shape,
                    per_seed,
                )
                better = active & (record["valid_loss"] < best - min_delta)
                best = torch.where(better, record["valid_loss"].double(), best)
                best_epoch = torch.where(better, epoch + 1, best_epoch)
            history.append(
                {
                    name: torch.where(active, value, float("nan"))
                    for name, value in record.items()
                }
            )
            diverged = torch.where(
                active & (diverged == 0) & ~total.isfinite(),
                epoch + 1,
                diverged,
            )
            if not bar.disable:
                bar.set_postfix(
                    train_loss=f"{history[-1]['train_loss'].nanmean():.3g}"
                )
            if patience is not None:
                stopping = active & (epoch + 1 - best_epoch >= patience)
                keep = (
                    better | (stopping & ~has_kept)
                    if restore_best
                    else stopping
                )
                kept = _choose(keep, params | buffers, kept)
                has_kept, active = has_kept | keep, active & ~stopping
                if not active.any():
                    break
    return found()


class _Step:
    """One step of all runs: forward, backward, clipping, rule."""

    def __init__(self, model, loss, rule, settings, schedule, clip_norm):
        self.stacked, self.model, self.loss, self.rule, self.settings = (
            _Stacked(model),
            model,
            loss,
            rule,
            settings,
        )
        self.schedule, self.clip_norm = schedule, clip_norm
        self.state, self.taken = {name: {} for name in settings}, 0
        self.chain = None

    @functools.cached_property
    def descends(self):
        """Whether a step is that of plain gradient descent on a chain."""
        momenta = [
            hyper.get("momentum", 0.0) for hyper in self.settings.values()
        ]
        return (
            self.chain is not None
            and self.rule is _fast(sgd)
            and self.clip_norm is None
            and not any(isinstance(m, torch.Tensor) or m for m in momenta)
        )

    @functools.cached_property
    def alike(self):
        """Whether all parameters have the same numbers as hyper-parameters."""
        first, *rest = self.settings.values()
        return not any(
            isinstance(value, torch.Tensor)
            for hyper in self.settings.values()
            for value in hyper.values()
        ) and all(hyper == first for hyper in rest)

    def __call__(self, params, buffers, x, y):
        """Take one step with a batch of each seed; return the parameters, and
        the losses of each run's rows.
        """
        settings = self.settings
        if self.schedule is not None:
            factor = self.schedule(self.taken)
            settings = {
                name: hyper | {"lr": hyper["lr"] * factor}
                for name, hyper in settings.items()
            }
        self.taken += 1
        with torch.no_grad():
            if self.descends:
                return params, self.chain.descend(params, x, y, settings)
            if self.chain:
                losses, grads = self.chain(params, x, y)
            else:
                losses, grads = self.differentiate(params, buffers, x, y)
            if self.clip_norm is not None:
                grads = _clip(grads, self.clip_norm)
            return self.update(params, grads, settings), losses

    def update(self, params, grads, settings):
        """Take the rule's step, in one call for all parameters if it can."""
        names = list(grads)
        if self.alike and (of_all := _fast_of_all(self.rule)):
            states = of_all(
                [params[name] for name in names],
                list(grads.values()),
                [self.state[name] for name in names],
                **settings[names[0]],
            )
            if states:
                self.state = dict(zip(names, states, strict=True))
                return params
        params = dict(params)
        for name, grad in grads.items():
            params[name], self.state[name] = self.rule(
                params[name], grad, self.state[name], **settings[name]
            )
        return params

    def epoch(self, params, buffers, data, order, size):
        """Take the steps of an epoch; return the parameters, and the sum of the
        losses over the rows.
        """
        batches, found = _batches(data, order, size), []
        if self.descends and self.schedule is None and self.chain.is_regression:
            with torch.no_grad():
                losses = self.chain.regress(params, batches, self.settings)
            return params, losses.sum(1)
        for x, y in batches:
            params, losses = self(params, buffers, x, y)
            found.append(losses)
        return params, torch.cat(found, 1).sum(1)

    def share(self, runs):
        """Return the step of some of the runs."""
        own = copy.copy(self)
        own.settings = {
            name: {key: _of_runs(value, runs) for key, value in hyper.items()}
            for name, hyper in self.settings.items()
        }
        own.clip_norm = _of_runs(self.clip_norm, runs)
        own.state = {name: {} for name in own.settings}
        return own

    @torch.enable_grad()
    def differentiate(self, params, buffers, x, y):
        """Losses and gradients by autograd; each row's loss is the mean."""
        leaves = [params[name].requires_grad_() for name in self.settings]
        points = len(leaves[0]) // len(x)
        rows = x.shape[1]
        x, y = (t.repeat_interleave(points, 0) for t in (x, y))
        losses = (self.losses if self.taken > 1 else self.first_losses)(
            params | buffers, x, y
        )
        found = torch.autograd.grad(losses.sum(), leaves, allow_unused=True)
        grads = zip(self.settings, found, strict=True)
        return losses.detach().unsqueeze(1).expand(-1, rows), {
            name: grad for name, grad in grads if grad is not None
        }

    def losses(self, state, x, y):
        return _mean_losses(self.loss, self.stacked(state, x), y)

    def first_losses(self, state, x, y):
        try:
            return self.losses(state, x, y)
        # if one model alone fails too, its own error says more
        except RuntimeError as error:
            one = functional_call(
                self.model,
                {name: value[0] for name, value in state.items()},
                (x[0],),
            )
            _check_mean("loss", self.loss(one, y[0]))
            raise ValueError(
                f"fit_many cannot map {type(self.model).__name__} and its loss"
                f" over the runs ({str(error).splitlines()[0]}); train it with"
                " fit, one seed at a time"
            ) from error


def _batches(data, order, size):
    """Yield the batches of all seeds, so many rows of each in turn. Several are
    gathered at once, as long as they fit a core's own memory.
    """
    one = order[:, :size].numel() * data[0][0].numel()
    together = max(1, GATHERED // max(1, one)) * size
    for columns in order.split(together, dim=1):
        # index_select with a flat index is faster than X[columns]
        rows = columns.flatten()
        parts = (
            t.index_select(0, rows).unflatten(0, columns.shape) for t in data
        )
        yield from zip(*(part.split(size, 1) for part in parts), strict=True)


def _of_runs(value, runs):
    """Return the part of a value that belongs to some of the runs; a number is
    of all.
    """
    return (
        value[runs] if isinstance(value, torch.Tensor) and value.ndim else value
    )


class _Team:
    """All runs, in as many threads as pay.

    Where the steps can be taken ``apart``, each thread has some of the seeds to
    itself for a whole epoch. Threads that share each product wait for each
    other thousands of times, long on a busy machine.
    """

    def __init__(self, step, seeds, threads, apart):
        self.step, self.threads = step, threads
        workers = min(seeds, threads) if apart else 1
        cuts = [seeds * i // workers for i in range(workers + 1)]
        self.seeds = [slice(*pair) for pair in pairwise(cuts)]
        self.steps = None if workers == 1 else []

    def epoch(self, params, buffers, data, order, size):
        if self.steps is None:
            with _threads(self.threads):
                return self.step.epoch(params, buffers, data, order, size)
        points = len(next(iter(params.values()))) // self.seeds[-1].stop
        runs = [slice(s.start * points, s.stop * points) for s in self.seeds]
        self.steps = self.steps or [self.step.share(each) for each in runs]

        def work(step, seeds, runs):
            # in place: what belongs to other runs is never touched
            own = {name: value[runs] for name, value in params.items()}
            return step.epoch(own, buffers, data, order[seeds], size)[1]

        with ThreadPoolExecutor(
            len(runs), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            totals = list(pool.map(work, self.steps, self.seeds, runs))
        return params, torch.cat(totals)


@contextlib.contextmanager
def _threads(number):
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_PLAIN = (
    nn.Linear,
    nn.Identity,
    nn.Dropout,
    nn.ReLU,
    nn.LeakyReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Tanh,
)


class _Stacked:
    """All models as one function of (stacked state, inputs): ``vmap`` over one
    model that is lent each run's state.

    Plain chains of linear layers and activations need no ``vmap``: one batched
    product serves all runs of a layer.
    """

    def __init__(self, model):
        self.model = copy.deepcopy(model)
        # tied parameters have one name
        first = {id(t): name for name, t in _named_state(self.model)}
        self.slots = [
            (holder, key, first[id(t)])
            for module in self.model.modules()
            for holder in (module._parameters, module._buffers)
            for key, t in holder.items()
            if t is not None
        ]
        leaves = [
            module
            for module in self.model.modules()
            if type(module) is not nn.Sequential
        ]
        self.plain = all(type(module) in _PLAIN for module in leaves)
        for module in leaves:
            if self.plain and type(module) is nn.Linear:
                module.forward = functools.partial(_stacked_linear, module)

    def lend(self, state, x):
        for holder, key, name in self.slots:
            holder[key] = state[name]
        output = self.model(x)
        for holder, key, name in self.slots:
            if holder[key] is not state[name]:
                raise ValueError(
                    f"the model replaces its buffer {name}; change it in place,"
                    f" with {key}.copy_(…)"
                )
        return output

    def __call__(self, state, x, shared=False):
        """Outputs (R, N, …) for inputs (R, N, …), or (N, …) that all runs
        share.
        """
        if self.plain and x.ndim == (2 if shared else 3):
            runs = len(next(iter(state.values())))
            return self.lend(state, x.expand(runs, *x.shape) if shared else x)
        return vmap(
            self.lend,
            in_dims=(0, None if shared else 0),
            randomness="different",
        )(state, x)


class _StackedLinear(torch.autograd.Function):
    """One linear layer of all runs: inputs (R, N, d), weights (R, k, d), biases
    (R, k) or none. Autograd's own gradient of the weights would be transposed,
    and the rules slow.
    """

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        if bias is None:
            return torch.bmm(x, weight.mT)
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    @staticmethod
    def backward(ctx, delta):
        x, weight = ctx.saved_tensors
        needs = ctx.needs_input_grad
        return (
            torch.bmm(delta, weight) if needs[0] else None,
            torch.bmm(delta.mT, x) if needs[1] else None,
            delta.sum(1) if needs[2] else None,
        )


def _stacked_linear(layer, x):
    if layer.weight.ndim == 2:  # one model under vmap
        return F.linear(x, layer.weight, layer.bias)
    return _StackedLinear.apply(x, layer.weight, layer.bias)


def _named_state(model):
    return [*model.named_parameters(), *model.named_buffers()]


def _mean_losses(loss, output, y):
    """Mean loss of each run, shape (R,)."""
    if loss is F.cross_entropy or (
        loss is F.mse_loss and output.shape == y.shape
    ):
        # faster than the mapped loss
        rows = loss(output.flatten(0, 1), y.flatten(0, 1), reduction="none")
        rows = rows.unflatten(0, y.shape[:2]).flatten(1)
        # ignore_index
        return (
            rows.mean(1)
            if y.is_floating_point()
            else rows.sum(1) / (y != -100).flatten(1).sum(1)
        )
    return _numbers("loss", loss, output, y)


def _numbers(name, function, output, y, shared=False):
    """What a function of (output, target) says of each run, shape (R,);
    ``shared`` targets are those of all runs.
    """

    def number(output, y):
        value = function(output, y)
        _check_mean(name, value)
        return value

    return vmap(
        number, in_dims=(0, None if shared else 0), randomness="different"
    )(output, y)


def _clip(grads, max_norm):
    """Scale the gradients of each run so that their joint norm is at most
    ``max_norm``.
    """
    norms = torch.stack(
        [grad.flatten(1).norm(dim=1) for grad in grads.values()]
    ).norm(dim=0)
    factor = (max_norm / (norms + 1e-6)).clamp(max=1.0)
    return {
        name: grad * _per_parameter(factor, grad)
        for name, grad in grads.items()
    }


def _per_parameter(values, stacked):
    """Shape one value per run so that it broadcasts against a stacked
    parameter.
    """
    return values.to(stacked.device, stacked.dtype).reshape(
        -1, *[1] * (stacked.ndim - 1)
    )


@torch.no_grad()
def _choose(mask, yes, no):
    """Per run, the state ``yes`` where ``mask``, else ``no``."""
    return {
        name: torch.where(
            _per_parameter(mask, yes[name]).bool(), yes[name], no[name]
        )
        for name in yes
    }


def _expand(rule, hyper, stacked):
    """Give the hyper-parameters that differ between runs the shape of a stacked
    parameter.
    """
    lr = inspect.signature(rule).parameters.get("lr")
    if lr is None or (lr.default is lr.empty and "lr" not in hyper):
        raise ValueError(
            "lr must be given, for the rule has no default"
            if lr
            else "lr must be a hyper-parameter of the rule"
        )
    expanded = {"lr": lr.default} | hyper
    for name, value in expanded.items():
        if isinstance(value, torch.Tensor):
            same = (value == value.flatten()[0]).all()  # a number is faster
            expanded[name] = (
                value.flatten()[0].item()
                if same
                else _per_parameter(value, stacked)
            )
    return expanded


def _validate(stacked, state, valid, functions, shape, per_seed):
    X, y = (_per_run(t, shape, per_seed) for t in valid)
    output = _predict(stacked, state, X, per_seed)
    return {
        f"valid_{name}": _numbers(
            f"metric {name}", function, output, y, shared=not per_seed
        )
        for name, function in functions.items()
    }


def _per_run(data, shape, per_seed):
    """Repeat each seed's data for its runs; data that all seeds share stays as
    it is.
    """
    return (
        data.repeat_interleave(shape.numel() // shape[0], 0)
        if per_seed
        else data
    )


@torch.no_grad()
def _predict(stacked, state, X, per_seed):
    """Outputs (R, N, …) in evaluation mode, some rows at a time to bound the
    memory.
    """
    stacked.model.eval()
    inputs = X.shape[2 if per_seed else 1 :].numel()
    rows = max(1, 2**24 // (max(64, inputs) * len(next(iter(state.values())))))
    chunks = X.split(rows, dim=1 if per_seed else 0)
    return torch.cat(
        [stacked(state, x, shared=not per_seed) for x in chunks], dim=1
    )


def _stack_models(make_model, seeds, shape, taken, X):
    """Make every run's model; return one of them, the stacked parameters and
    the stacked buffers.
    """
    points = shape.numel() // len(seeds)
    if taken:
        arguments = [
            {name: values[run].item() for name, values in taken.items()}
            for run in range(shape.numel())
        ]
        models = [
            seeded_model(make_model, seeds[run // points], **arguments[run])
            for run in range(shape.numel())
        ]
    else:
        models = [seeded_model(make_model, seed) for seed in seeds]
    first = None
    for model in models:
        if not isinstance(model, nn.Module):
            raise TypeError(
                "make_model must be a function that returns a new model, got"
                f" {type(model).__name__} from it"
            )
        if _attributes(model, torch.Tensor):
            raise ValueError(
                "fit_many cannot map the tensors"
                f" {_attributes(model, torch.Tensor)}, which are plain"
                " attributes; register them as parameters or buffers"
            )
        if _shapeless(model):
            raise ValueError(
                "make_model must return a model that knows its shapes, got none"
                f" for {', '.join(_shapeless(model))}"
            )
        own = _settings(model)
        first = first or own
        if own != first:
            raise ValueError(
                "make_model must build the same module for all of"
                f" {', '.join(taken) or 'the seeds'}; what differs between runs"
                " must be a parameter or a buffer"
            )
    if len({id(model) for model in models}) < len(models):
        raise ValueError(
            "make_model must return a new model at each call, got the same one"
            " again"
        )
    model = copy.deepcopy(models[0]).to(X.device)
    states = [dict(_named_state(each)) for each in models]
    params, buffers = (
        {
            name: torch.stack([state[name].detach() for state in states])
            for name, _ in named
        }
        for named in (model.named_parameters(), model.named_buffers())
    )
    if not taken and points > 1:
        params, buffers = (
            {
                name: value.repeat_interleave(points, 0)
                for name, value in d.items()
            }
            for d in (params, buffers)
        )
    return (
        model,
        {name: value.to(X.device) for name, value in params.items()},
        {name: value.to(X.device) for name, value in buffers.items()},
    )


def _attributes(model, kind):
    """Names of the plain attributes of one kind, in all submodules."""
    return sorted(
        k
        for module in model.modules()
        for k, v in vars(module).items()
        if isinstance(v, kind)
    )


def _settings(model):
    """What distinguishes two modules beside parameters and buffers."""
    simple = (bool, int, float, str, tuple, type(None))
    return [
        (
            # parametrizations make a class for each module
            type_before_parametrizations(m),
            {k: v for k, v in vars(m).items() if isinstance(v, simple)},
        )
        for m in model.modules()
    ]


def _check_functions(rule, schedule, overrides):
    # a class is an optimizer, not a rule
    if isinstance(rule, type) or not callable(rule):
        raise TypeError(
            "rule must be an update rule such as companion.optimizers.sgd, got"
            f" {rule!r}"
        )
    for name, value in (("schedule", schedule), ("overrides", overrides)):
        if value is not None and not callable(value):
            raise TypeError(
                f"{name} must be a function, got {type(value).__name__}"
            )


def _seed_list(seeds):
    if not hasattr(seeds, "__iter__"):
        raise TypeError(
            "seeds must be a list or range of ints, got the"
            f" {type(seeds).__name__} {seeds}"
        )
    seeds = list(seeds)
    for seed in seeds:
        _check_type("each of seeds", seed, int)
    seeds = [int(seed) for seed in seeds]
    if (
        not seeds
        or len(set(seeds)) < len(seeds)
        or not 0 <= min(seeds) <= max(seeds) < 2**32
    ):
        raise ValueError(
            "seeds must be different ints from 0 to 2**32 − 1, at least one of"
            f" them, got {seeds}"
        )
    return seeds


def _grid_values(name, values):
    try:
        wide = torch.as_tensor(values, dtype=torch.float64)
        values = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"grid: {name} must be a 1-D tensor or list of numbers, got"
            f" {values!r}"
        ) from None
    if values.ndim != 1 or not len(values):
        raise ValueError(
            f"grid: {name} must be a 1-D tensor or list of numbers, got shape"
            f" {tuple(values.shape)}"
        )
    return wide if values.is_floating_point() else values


def _check_per_seed(name, tensor, seeds, per_seed):
    if per_seed and len(tensor) != len(seeds):
        raise ValueError(
            f"{name}: with per_seed the first dimension must be the"
            f" {len(seeds)} seeds, got shape {tuple(tensor.shape)}"
        )


def _check_many(train, valid, seeds, per_seed):
    """Refuse data whose leading dimension is not the seeds."""
    for name, pair in (("train", train), ("valid", valid)):
        if pair is None or not per_seed:
            continue
        for letter, tensor in zip("Xy", pair, strict=True):
            _check_per_seed(f"{name}: {letter}", tensor, seeds, per_seed)
            if tensor.ndim < 2 or tensor.shape[1] == 0:
                raise ValueError(
                    f"{name}: {letter} must have rows for each seed, got shape"
                    f" {tuple(tensor.shape)}"
                )
        if pair[0].shape[1] != pair[1].shape[1]:
            raise ValueError(
                f"{name}: X has {pair[0].shape[1]} rows per seed and y has"
                f" {pair[1].shape[1]}"
            )
