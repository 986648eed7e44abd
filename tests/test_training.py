"""``fit`` against a loop written out here, ``fit_many`` against ``fit``, and
what both refuse.
"""

import copy
import functools
import inspect
import io
import itertools
import math
import re
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from companion import optimizers, training
from companion.optimizers import adam, adamw, sgd
from companion.training import (
    accuracy,
    course_seeds,
    fit,
    fit_many,
    seeded_model,
)


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def rand(*shape, seed=0):
    return torch.randn(
        *shape,
        generator=torch.Generator().manual_seed(seed),
        dtype=torch.float64,
    )


X = rand(50, 6)
LABELS = (X @ rand(6, 3, seed=1) + rand(50, 3, seed=2)).argmax(1)
TARGETS = torch.sin(X @ rand(6, 3, seed=1)) + 0.3 * rand(50, 3, seed=2)
X_VALID = rand(40, 6, seed=3)
LABELS_VALID = (X_VALID @ rand(6, 3, seed=1) + rand(40, 3, seed=4)).argmax(1)


def linear():
    return nn.Linear(6, 3)


def relu_net():
    return nn.Sequential(
        nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)
    )


def tanh_net():
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def scaled_net(scale):
    model = relu_net()
    with torch.no_grad():
        model[0].weight.mul_(scale)
    return model


def batch_norm_net():
    return nn.Sequential(
        nn.Linear(6, 8, bias=False),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 3, bias=False),
    )


def conv_net():
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)),
        nn.Conv2d(1, 4, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8, 3),
    )


def tied_net():
    model = nn.Sequential(
        nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3)
    )
    model[2].weight = model[0].weight
    return model


def frozen_net():
    model = tanh_net()
    model[0].weight.requires_grad_(False)
    return model


def embedding_net():
    return nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(24, 3))


class Custom(nn.Module):
    """The ReLU net in a module of its own, with one layer that it never
    uses.
    """

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = (
            nn.Linear(6, 8),
            nn.Linear(8, 8),
            nn.Linear(8, 3),
        )
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.third(F.relu(self.second(F.relu(self.first(x)))))


class Recurrent(nn.Module):
    """A recurrent cell as matrix products; the six inputs are three steps of
    two.
    """

    def __init__(self):
        super().__init__()
        self.W_x, self.W_h = (
            nn.Parameter(torch.randn(2, 5) / 2),
            nn.Parameter(torch.randn(5, 5) / 3),
        )
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        h = x.new_zeros(len(x), 5)
        for x_t in x.unflatten(1, (3, 2)).unbind(1):
            h = torch.tanh(x_t @ self.W_x + h @ self.W_h)
        return self.out(h)


def torch_optimizer(rule, groups, hyper):
    """torch.optim's optimizer for a rule of the companion and its
    hyper-parameters.
    """
    hyper = dict(hyper)
    if "beta1" in hyper or "beta2" in hyper:
        hyper["betas"] = (hyper.pop("beta1", 0.9), hyper.pop("beta2", 0.999))
    kinds = {
        sgd: torch.optim.SGD,
        adam: torch.optim.Adam,
        adamw: torch.optim.AdamW,
    }
    return kinds[rule](groups, **hyper, foreach=False)


def own_optimizer(rule, groups, hyper):
    """The companion's own optimizer for the same."""
    return {
        sgd: optimizers.SGD,
        adam: optimizers.Adam,
        adamw: optimizers.AdamW,
    }[rule](groups, **hyper)


HYPER = (
    "lr",
    "momentum",
    "dampening",
    "weight_decay",
    "nesterov",
    "beta1",
    "beta2",
    "eps",
)


def one_by_one(
    make_model,
    train,
    *,
    rule,
    seeds,
    grid=None,
    per_seed=False,
    valid=None,
    schedule=None,
    overrides=None,
    make_optimizer=torch_optimizer,
    **settings,
):
    """Train the runs of ``fit_many`` with ``fit``, in the same order; return
    the models and their histories.
    """
    shared = {name: settings.pop(name) for name in HYPER if name in settings}
    results = []
    for (i, seed), point in itertools.product(
        enumerate(seeds), itertools.product(*(grid or {}).values())
    ):
        point = dict(zip(grid or {}, point, strict=True))
        wanted = inspect.signature(make_model).parameters
        model = seeded_model(
            make_model,
            seed,
            **{k: point.pop(k) for k in list(point) if k in wanted},
        )
        own = (
            {"clip_norm": point.pop("clip_norm")}
            if "clip_norm" in point
            else {}
        )
        groups = model.parameters()
        if overrides:
            groups = [
                {"params": [p]} | overrides(name, p)
                for name, p in model.named_parameters()
            ]
        optimizer = make_optimizer(rule, groups, shared | point)
        scheduler = (
            torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
            if schedule
            else None
        )
        data, check = (
            pair and tuple(t[i] if per_seed else t for t in pair)
            for pair in (train, valid)
        )
        history = fit(
            model,
            data,
            optimizer=optimizer,
            scheduler=scheduler,
            seed=seed,
            valid=check,
            **settings | own,
        )
        results.append((model, history))
    return results


def assert_same(actual, expected, tolerance=1e-10):
    """``‖difference‖ / ‖expected‖`` is within the tolerance; exact where the
    expected tensor is zero.
    """
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    difference = (actual.double() - expected.double()).norm()
    assert difference <= tolerance * expected.double().norm(), (
        f"relative difference {difference / expected.norm()}"
    )


def assert_same_runs(runs, results, tolerance=1e-10):
    """Every run has the parameters, buffers and history that ``fit`` gave."""
    positions = list(
        itertools.product(*(range(size) for size in runs.diverged.shape))
    )
    assert len(positions) == len(results)
    for index, (model, history) in zip(positions, results, strict=True):
        assert dict(model.named_parameters()).keys() == runs.params.keys()
        assert dict(model.named_buffers()).keys() == runs.buffers.keys()
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            assert_same(
                (runs.params | runs.buffers)[name][index],
                value.detach(),
                tolerance,
            )
        assert history.keys() == runs.history.keys()
        for name, values in history.items():
            assert runs.epochs_run[index] == len(values)
            actual = runs.history[name][index][: len(values)]
            single = (
                actual.dtype == torch.float32
            )  # as accuracy is, or training in float32
            assert_same(
                actual.double(),
                torch.tensor(values),
                max(tolerance, 1e-6) if single else tolerance,
            )
            assert runs.history[name][index][len(values) :].isnan().all()


def moved(runs, make_model):
    """How far the trained parameters of each run lie from where its seed
    started: no test of a standstill.
    """
    first = torch.stack(
        [
            nn.utils.parameters_to_vector(
                seeded_model(make_model, s).parameters()
            )
            for s in runs.seeds
        ]
    )
    last = torch.cat(
        [
            v.flatten(0, runs.diverged.ndim - 1).flatten(1)
            for v in runs.params.values()
        ],
        1,
    )
    return (last - first.repeat_interleave(len(last) // len(first), 0)).norm(
        dim=1
    ) / last.norm(dim=1)


# ---------------------------------------------------------------- fit against a
# loop written out


def plain_loop(
    model, optimizer, epochs, batch_size, seed, clip_norm=None, scheduler=None
):
    """Train as the chapter explains it, and record the weights after each
    epoch.
    """
    order, states = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        rows = torch.randperm(50, generator=order)
        for start in range(0, 50, batch_size):
            batch = rows[start : start + batch_size]
            optimizer.zero_grad()
            F.cross_entropy(model(X[batch]), LABELS[batch]).backward()
            if clip_norm is not None:
                norm = torch.cat(
                    [p.grad.flatten() for p in model.parameters()]
                ).norm()
                for p in model.parameters():
                    p.grad *= min(1.0, clip_norm / (norm.item() + 1e-6))
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
        states.append(
            {
                name: value.detach().clone()
                for name, value in model.state_dict().items()
            }
        )
    return states


@pytest.mark.parametrize("clip_norm", [None, 0.05], ids=["free", "clipped"])
@pytest.mark.parametrize(
    "scheduled", [False, True], ids=["constant", "scheduled"]
)
@pytest.mark.parametrize("batch_size", [10, 12], ids=["even", "rest"])
def test_fit_is_the_plain_loop(clip_norm, scheduled, batch_size):
    models = [seeded_model(relu_net, 4) for _ in range(2)]
    steps = [
        torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
        for model in models
    ]
    rates = [
        (
            torch.optim.lr_scheduler.LambdaLR(s, lambda t: 1 / (1 + t))
            if scheduled
            else None
        )
        for s in steps
    ]
    plain_loop(models[0], steps[0], 20, batch_size, 4, clip_norm, rates[0])
    fit(
        models[1],
        (X, LABELS),
        loss=F.cross_entropy,
        optimizer=steps[1],
        scheduler=rates[1],
        epochs=20,
        batch_size=batch_size,
        seed=4,
        clip_norm=clip_norm,
    )
    for a, b in zip(
        models[1].parameters(), models[0].parameters(), strict=True
    ):
        assert_same(a, b, 1e-12)


def test_fit_history_is_the_mean_over_rows_and_the_metrics_of_the_valid_set():
    model = seeded_model(linear, 0)
    history = fit(
        model,
        (X, LABELS),
        loss=F.cross_entropy,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.0),
        epochs=3,
        batch_size=12,
        valid=(X_VALID, LABELS_VALID),
        metrics={"accuracy": accuracy},
    )
    expected = F.cross_entropy(model(X), LABELS).item()
    assert history["train_loss"] == pytest.approx([expected] * 3, rel=1e-12)
    assert history["valid_loss"] == pytest.approx(
        [F.cross_entropy(model(X_VALID), LABELS_VALID).item()] * 3
    )
    assert (
        history["valid_accuracy"]
        == [accuracy(model(X_VALID), LABELS_VALID).item()] * 3
    )
    assert list(history) == ["train_loss", "valid_loss", "valid_accuracy"]


def stopping_epoch(losses, patience, min_delta):
    """(Epoch of the stop, epoch of the best loss), both from 1, read off the
    losses of a run that never stops.
    """
    best, best_epoch = math.inf, 0
    for epoch, value in enumerate(losses, start=1):
        if value < best - min_delta:
            best, best_epoch = value, epoch
        if epoch - best_epoch >= patience:
            return epoch, best_epoch
    return len(losses), best_epoch


@pytest.mark.parametrize("min_delta", [0.0, 0.02])
@pytest.mark.parametrize("restore_best", [True, False], ids=["best", "last"])
@pytest.mark.parametrize("patience", [1, 4])
def test_fit_stops_early_where_the_definition_says(
    patience, restore_best, min_delta
):
    model = seeded_model(relu_net, 1)
    states = plain_loop(
        model, torch.optim.SGD(model.parameters(), lr=0.3), 40, 10, 1
    )
    losses = []
    for state in states:
        model.load_state_dict(state)
        losses.append(F.cross_entropy(model(X_VALID), LABELS_VALID).item())
    stop, best = stopping_epoch(losses, patience, min_delta)
    assert best < stop < 40

    model = seeded_model(relu_net, 1)
    history = fit(
        model,
        (X, LABELS),
        loss=F.cross_entropy,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.3),
        epochs=40,
        batch_size=10,
        seed=1,
        valid=(X_VALID, LABELS_VALID),
        patience=patience,
        min_delta=min_delta,
        restore_best=restore_best,
    )
    assert len(history["valid_loss"]) == stop
    for name, value in model.state_dict().items():
        assert_same(
            value, states[(best if restore_best else stop) - 1][name], 1e-12
        )


def test_fit_without_patience_keeps_the_last_weights():
    model = seeded_model(relu_net, 1)
    history = fit(
        model,
        (X, LABELS),
        loss=F.cross_entropy,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.3),
        epochs=30,
        valid=(X_VALID, LABELS_VALID),
    )
    assert (
        F.cross_entropy(model(X_VALID), LABELS_VALID).item()
        == history["valid_loss"][-1]
    )
    assert min(history["valid_loss"]) < history["valid_loss"][-1]


class Modes(nn.Linear):
    """A linear layer that notes in which mode it was called."""

    def forward(self, x):
        self.__dict__.setdefault("seen", []).append((self.training, len(x)))
        return super().forward(x)


def test_fit_trains_in_training_mode_validates_in_evaluation_and_ends_there():
    for valid in (None, (X_VALID, LABELS_VALID)):
        model = Modes(6, 3).eval()
        fit(
            model,
            (X, LABELS),
            loss=F.cross_entropy,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            epochs=2,
            batch_size=25,
            valid=valid,
        )
        epoch = [(True, 25), (True, 25)] + ([(False, 40)] if valid else [])
        assert model.seen == epoch * 2
        assert not model.training


def test_fit_clips_the_norm_of_the_trained_parameters_only():
    # only the last layer is trained; the gradients of the first pile up unseen
    model = tanh_net()
    reference = copy.deepcopy(model[:2]).requires_grad_(False), nn.Linear(8, 3)
    reference[1].load_state_dict(model[2].state_dict())
    for net, layer in (
        (model, model[2]),
        (nn.Sequential(*reference), reference[1]),
    ):
        fit(
            net,
            (X, LABELS),
            loss=F.cross_entropy,
            optimizer=torch.optim.SGD(layer.parameters(), lr=0.5),
            epochs=20,
            batch_size=10,
            clip_norm=0.1,
        )
    assert_same(model[2].weight, reference[1].weight, 1e-12)


def test_fit_stops_at_divergence_and_says_what_to_try():
    model = seeded_model(linear, 0)
    message = (
        r"^training diverged in epoch (\d+): the loss is (inf|nan); try a"
        r" learning rate smaller than 1e\+06$"
    )
    with pytest.raises(FloatingPointError, match=message) as error:
        fit(
            model,
            (X, TARGETS),
            loss=F.mse_loss,
            optimizer=torch.optim.SGD(model.parameters(), lr=1e6),
            epochs=100,
        )
    epoch = int(re.match(message, str(error.value))[1])
    runs = fit_many(
        linear,
        (X, TARGETS),
        loss=F.mse_loss,
        rule=sgd,
        lr=1e6,
        seeds=[0],
        epochs=100,
    )
    assert runs.diverged.tolist() == [epoch]
    assert 1 < epoch < 100


def root(output, target):
    """A loss whose value is finite at 0 and whose gradient is not."""
    return (output - target).abs().sqrt().mean()


def test_weights_that_break_in_the_last_step_count_as_divergence():
    def zero():
        return (
            nn.Linear(6, 3, bias=False)
            .requires_grad_(True)
            .apply(lambda m: nn.init.zeros_(m.weight))
        )

    model, data = zero(), (X, torch.zeros(50, 3))
    with pytest.raises(
        FloatingPointError,
        match=(
            r"^training diverged in epoch 1: weights are not finite; try a lear"
        ),
    ):
        fit(
            model,
            data,
            loss=root,
            optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
            epochs=1,
            batch_size=None,
        )
    runs = fit_many(
        zero, data, loss=root, rule=sgd, seeds=[0, 1], epochs=1, batch_size=None
    )
    assert runs.diverged.tolist() == [1, 1]


# ---------------------------------------------------------------- fit_many
# against fit

RULES = {
    "SGD": (sgd, {"lr": 0.1}),
    "momentum": (sgd, {"lr": 0.05, "momentum": 0.9}),
    "Nesterov": (sgd, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "Adam with L2": (adam, {"lr": 0.01}),
    "AdamW": (adamw, {"lr": 0.01}),
}
rules = pytest.mark.parametrize(
    ("rule", "hyper"), RULES.values(), ids=RULES.keys()
)


@rules
@pytest.mark.parametrize("make_model", [linear, relu_net, tanh_net])
def test_fit_many_is_fit_with_torch_optim(make_model, rule, hyper):
    settings = dict(
        loss=F.cross_entropy,
        rule=rule,
        seeds=[5, 2],
        epochs=20,
        batch_size=10,
        **hyper,
    )  # 100 steps
    settings["grid"] = {"weight_decay": [0.0, 0.1]}
    runs = fit_many(make_model, (X, LABELS), **settings)
    assert_same_runs(runs, one_by_one(make_model, (X, LABELS), **settings))
    assert (moved(runs, make_model) > 0.1).all()


@rules
def test_fit_many_is_fit_with_our_own_optimizers(rule, hyper):
    settings = dict(
        loss=F.cross_entropy,
        rule=rule,
        seeds=[5],
        epochs=20,
        batch_size=10,
        **hyper,
    )
    settings["grid"] = {"weight_decay": [0.0, 0.1]}
    runs = fit_many(relu_net, (X, LABELS), **settings)
    assert_same_runs(
        runs,
        one_by_one(
            relu_net, (X, LABELS), make_optimizer=own_optimizer, **settings
        ),
    )


def no_decay_for_biases(name, parameter):
    return {"weight_decay": 0.0} if name.endswith("bias") else {}


def l1_loss(output, target):
    return (output - F.one_hot(target, 3)).abs().mean()


def decay(step):
    return 1 / (1 + step / 10)


MOMENTUM = {"rule": sgd, "lr": 0.05, "momentum": 0.9}
ADAMW = {"rule": adamw, "lr": 0.01, "weight_decay": 0.1}
VALID = {"valid": (X_VALID, LABELS_VALID)}
CASES = {
    "two entries in the grid": (
        relu_net,
        {"rule": sgd, "grid": {"lr": [0.05, 0.1], "momentum": [0.0, 0.9]}},
    ),
    "dampening and momentum 0 in the grid": (
        linear,
        {
            "rule": sgd,
            "dampening": 0.5,
            "grid": {"lr": [0.05], "momentum": [0.0, 0.5]},
        },
    ),
    "betas and eps in the grid": (
        relu_net,
        {
            "rule": adam,
            "seeds": [5],
            "grid": {"beta1": [0.0, 0.9], "beta2": [0.5, 0.99], "eps": [0.1]},
        },
    ),
    "grid over an argument of make_model": (
        scaled_net,
        MOMENTUM | {"grid": {"scale": [0.5, 2.0]}},
    ),
    "argument of make_model before a hyper-parameter": (
        scaled_net,
        {
            "rule": adamw,
            "seeds": [5],
            "grid": {"scale": [0.5, 2.0], "lr": [0.001, 0.01]},
        },
    ),
    "hyper-parameter before an argument of make_model": (
        scaled_net,
        {
            "rule": adamw,
            "seeds": [5],
            "grid": {"lr": [0.001, 0.01], "scale": [0.5, 2.0]},
        },
    ),
    "schedule": (relu_net, MOMENTUM | {"schedule": decay}),
    "schedule over a grid of lr": (
        relu_net,
        {"rule": adamw, "schedule": decay, "grid": {"lr": [0.01, 0.03]}},
    ),
    "clipping": (relu_net, MOMENTUM | {"clip_norm": 0.05}),
    "clipping in the grid": (
        relu_net,
        MOMENTUM | {"seeds": [5], "grid": {"clip_norm": [0.02, 0.1, 1e6]}},
    ),
    "clipping with AdamW": (tanh_net, ADAMW | {"clip_norm": 0.05}),
    "biases spared": (
        relu_net,
        {
            "rule": adamw,
            "lr": 0.01,
            "overrides": no_decay_for_biases,
            "grid": {"weight_decay": [0.1, 1.0]},
        },
    ),
    "batch norm": (
        batch_norm_net,
        {"rule": sgd, "lr": 0.1, "grid": {"weight_decay": [0.0, 0.01]}} | VALID,
    ),
    "batch norm with momentum": (batch_norm_net, MOMENTUM | VALID),
    "batch norm with early stopping": (
        batch_norm_net,
        {"rule": sgd, "lr": 0.3, "patience": 2} | VALID,
    ),
    "conv net": (conv_net, ADAMW | VALID),
    "module of its own": (
        Custom,
        MOMENTUM | {"grid": {"weight_decay": [0.0, 0.1]}} | VALID,
    ),
    "unused parameters": (Custom, ADAMW),
    "tied parameters": (tied_net, ADAMW | VALID),
    "frozen parameters": (frozen_net, ADAMW | {"clip_norm": 0.1}),
    "recurrent cell as matrix products": (Recurrent, ADAMW | VALID),
    "last batch smaller": (relu_net, MOMENTUM | {"batch_size": 12}),
    "all rows at once": (
        relu_net,
        MOMENTUM | {"batch_size": None, "epochs": 100},
    ),
    "batch larger than the data": (
        relu_net,
        MOMENTUM | {"batch_size": 64, "epochs": 100},
    ),
    "mean squared error": (
        tanh_net,
        MOMENTUM | {"loss": F.mse_loss, "valid": (X_VALID, X_VALID[:, :3])},
    ),
    "custom loss": (tanh_net, MOMENTUM | {"loss": l1_loss} | VALID),
    "loss as a module": (
        tanh_net,
        MOMENTUM | {"loss": nn.CrossEntropyLoss(label_smoothing=0.1)} | VALID,
    ),
    "metrics": (relu_net, ADAMW | VALID | {"metrics": {"accuracy": accuracy}}),
    "one seed, no grid": (relu_net, MOMENTUM | {"seeds": [7]}),
}


@pytest.mark.parametrize("name", CASES)
def test_fit_many_is_fit(name):
    make_model, settings = CASES[name]
    settings = (
        dict(loss=F.cross_entropy, seeds=[5, 2], epochs=20, batch_size=10)
        | settings
    )
    train = (X, TARGETS if settings["loss"] is F.mse_loss else LABELS)
    runs = fit_many(make_model, train, **settings)
    assert_same_runs(runs, one_by_one(make_model, train, **settings))
    if "patience" not in settings:
        assert runs.epochs_run.eq(settings["epochs"]).all()
    free = (
        fit_many(make_model, train, **settings | {"clip_norm": None})
        if "clip_norm" in settings
        else None
    )
    if free:  # clipping was active
        assert all(
            (runs.params[k] != free.params[k]).any()
            for k in free.params
            if "0.weight" not in k
        )


def test_frozen_parameters_stay_exactly_where_they_were():
    runs = fit_many(
        frozen_net,
        (X, LABELS),
        loss=F.cross_entropy,
        seeds=[0, 1],
        epochs=2,
        **ADAMW,
    )
    for i, seed in enumerate([0, 1]):
        assert runs.params["0.weight"][i].equal(
            seeded_model(frozen_net, seed)[0].weight
        )


def test_clipping_in_the_grid_has_an_unclipped_end():
    settings = dict(loss=F.cross_entropy, seeds=[0], epochs=5, **MOMENTUM)
    runs = fit_many(
        relu_net, (X, LABELS), grid={"clip_norm": [0.02, 1e6]}, **settings
    )
    free = fit_many(relu_net, (X, LABELS), **settings)
    assert_same(runs.params["0.weight"][:, 1], free.params["0.weight"], 1e-12)
    assert (
        runs.params["0.weight"][:, 0] - free.params["0.weight"]
    ).norm() > 0.01


@pytest.mark.parametrize("make_model", [relu_net, Custom, batch_norm_net])
def test_fit_many_is_fit_on_data_of_its_own_for_each_seed(make_model):
    train, valid = (
        (rand(3, 47, 6), rand(3, 47, 3, seed=1).argmax(2)),
        (rand(3, 20, 6), rand(3, 20, 3).argmax(2)),
    )
    settings = dict(
        loss=F.cross_entropy,
        rule=sgd,
        lr=0.1,
        seeds=[5, 2, 9],
        epochs=20,
        batch_size=10,
        valid=valid,
        per_seed=True,
        grid={"weight_decay": [0.0, 0.1]},
    )
    assert_same_runs(
        fit_many(make_model, train, **settings),
        one_by_one(make_model, train, **settings),
    )


def test_fit_many_is_fit_on_whole_numbers():
    train = (
        torch.randint(
            0, 5, (50, 6), generator=torch.Generator().manual_seed(0)
        ),
        LABELS,
    )
    settings = dict(
        loss=F.cross_entropy,
        seeds=[5, 2],
        epochs=20,
        batch_size=10,
        valid=train,
        **ADAMW,
    )
    assert_same_runs(
        fit_many(embedding_net, train, **settings),
        one_by_one(embedding_net, train, **settings),
    )


def test_fit_many_leaves_out_ignored_rows_as_torch_does():
    train = (X, LABELS.where(torch.arange(len(X)) % 3 > 0, -100))
    settings = dict(
        loss=F.cross_entropy, seeds=[5, 2], epochs=20, batch_size=10, **MOMENTUM
    )
    assert_same_runs(
        fit_many(relu_net, train, **settings),
        one_by_one(relu_net, train, **settings),
    )


def test_fit_many_is_fit_in_float32():
    def make():
        return relu_net().float()

    train = (X.float(), LABELS)
    settings = dict(
        loss=F.cross_entropy, rule=adamw, seeds=[5, 2], epochs=20, batch_size=10
    )
    settings |= {
        "grid": {"lr": [0.001, 0.01], "clip_norm": [0.1]},
        "schedule": decay,
    }
    runs = fit_many(make, train, **settings)
    assert {value.dtype for value in runs.params.values()} == {torch.float32}
    assert runs.history["train_loss"].dtype == torch.float32
    assert_same_runs(runs, one_by_one(make, train, **settings), 1e-3)


@pytest.mark.parametrize("min_delta", [0.0, 0.02])
@pytest.mark.parametrize("restore_best", [True, False], ids=["best", "last"])
def test_fit_many_stops_each_run_where_fit_does(restore_best, min_delta):
    settings = dict(
        loss=F.cross_entropy,
        rule=sgd,
        seeds=[5, 2, 1],
        epochs=30,
        batch_size=10,
        patience=3,
        grid={"lr": [0.1, 0.5]},
        restore_best=restore_best,
        min_delta=min_delta,
        **VALID,
    )
    runs = fit_many(relu_net, (X, LABELS), **settings)
    results = one_by_one(relu_net, (X, LABELS), **settings)
    assert_same_runs(runs, results)
    assert len(runs.epochs_run.unique()) >= 3  # they stop at different epochs
    assert (
        runs.history["valid_loss"].shape[-1]
        == runs.epochs_run.max()
        == max(len(h["valid_loss"]) for _, h in results)
    )
    expected = [
        stopping_epoch(history["valid_loss"], 3, min_delta)
        for _, history in results
    ]
    assert runs.best_epoch.flatten().tolist() == [best for _, best in expected]
    assert runs.epochs_run.flatten().tolist() == [stop for stop, _ in expected]
    assert (runs.best_epoch < runs.epochs_run).sum() >= 4
    loss = runs.evaluate(X_VALID, LABELS_VALID, F.cross_entropy)
    at = runs.best_epoch if restore_best else runs.epochs_run
    assert_same(
        loss,
        runs.history["valid_loss"].gather(-1, at.unsqueeze(-1) - 1).squeeze(-1),
    )


def test_a_run_that_never_had_a_better_epoch_keeps_the_weights_of_its_stop():
    """The run with lr 0 gains nothing after epoch 1 and stops; with a loss of
    infinity it has no best epoch at all.
    """
    valid = (
        X_VALID,
        torch.full((40, 3), 1e200),
    )  # its mean squared error overflows
    settings = dict(
        loss=F.mse_loss,
        rule=sgd,
        lr=0.1,
        seeds=[0],
        epochs=5,
        patience=2,
        batch_size=10,
        valid=valid,
    )
    runs = fit_many(linear, (X, TARGETS), **settings)
    assert runs.epochs_run.tolist() == [2]
    assert runs.best_epoch.tolist() == [0]
    ((model, history),) = one_by_one(linear, (X, TARGETS), **settings)
    assert len(history["valid_loss"]) == 2
    assert_same(runs.params["weight"][0], model.weight.detach())


def test_a_run_without_a_best_epoch_stands_still_while_others_go_on():
    """Per-seed data: the validation loss of the first seed is infinite, so it
    stops first.
    """
    train = (X.expand(2, 50, 6), TARGETS.expand(2, 50, 3))
    valid = (
        X_VALID.expand(2, 40, 6),
        torch.stack([torch.full((40, 3), 1e200), X_VALID[:, :3]]),
    )
    settings = dict(
        loss=F.mse_loss,
        rule=sgd,
        lr=0.01,
        seeds=[0, 1],
        epochs=9,
        patience=2,
        batch_size=10,
        valid=valid,
        per_seed=True,
    )
    runs = fit_many(linear, train, **settings)
    assert runs.epochs_run[0] == 2 < runs.epochs_run[1]
    for i, (model, _) in enumerate(one_by_one(linear, train, **settings)):
        assert_same(runs.params["weight"][i], model.weight.detach())


def test_a_chain_of_layers_and_a_module_of_its_own_train_alike():
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.chain = relu_net()

        def forward(self, x):
            return self.chain(x)

    settings = dict(
        loss=F.cross_entropy, seeds=[0, 1], epochs=20, batch_size=10, **ADAMW
    )
    chain, wrapped = (
        fit_many(make, (X, LABELS), **settings) for make in (relu_net, Wrapped)
    )
    assert training._Stacked(relu_net()).plain
    assert not training._Stacked(Wrapped()).plain
    for name, value in chain.params.items():
        assert_same(wrapped.params[f"chain.{name}"], value)


# ---------------------------------------------------------------- chance


class InputDropout(nn.Module):
    """Dropout before a linear layer whose weights every seed shares."""

    def __init__(self, wrapped=True):
        super().__init__()
        self.drop, self.out = nn.Dropout(0.5), nn.Linear(6, 1)
        with torch.no_grad():
            self.out.weight.copy_(torch.arange(1.0, 7))
            self.out.bias.zero_()

    def forward(self, x):
        return self.out(self.drop(x))


def chain_with_dropout():
    model = InputDropout()
    return nn.Sequential(model.drop, model.out)


@pytest.mark.parametrize(
    "make_model", [chain_with_dropout, InputDropout], ids=["chain", "module"]
)
def test_dropout_masks_are_independent_and_have_the_right_spread(
    make_model,
):
    n = 600
    x = torch.ones(1, 6)
    runs = fit_many(
        make_model,
        (x, torch.full((1, 1), 21.0)),
        loss=F.mse_loss,
        rule=sgd,
        lr=0.0,
        seeds=range(4),
        epochs=n,
        grid={"weight_decay": [0.0, 0.0, 0.0]},
        batch_size=None,
    )
    loss = runs.history["train_loss"].flatten(
        0, 1
    )  # (12, n): the weights never move, only the masks do
    r = torch.corrcoef(loss)
    assert (r - torch.eye(12)).abs().max() < 5 / math.sqrt(n)
    assert (
        torch.stack(
            [
                torch.corrcoef(torch.stack([row[1:], row[:-1]]))[0, 1]
                for row in loss
            ]
        )
        .abs()
        .max()
        < 0.2
    )
    variance = 91.0  # of the output: p / (1 - p) times the sum of w² x²
    assert abs(loss.mean() - variance) < 5 * loss.std() / math.sqrt(
        loss.numel()
    )


def test_masks_of_one_run_differ_between_rows():
    runs = fit_many(
        chain_with_dropout,
        (torch.ones(400, 6), torch.full((400, 1), 21.0)),
        loss=F.mse_loss,
        rule=sgd,
        lr=0.0,
        seeds=range(3),
        epochs=1,
        batch_size=None,
    )
    assert (runs.history["train_loss"] - 91).abs().max() < 5 * 120 / math.sqrt(
        400
    )  # one shared mask misses by 100


def test_dropout_nets_agree_with_fit_in_distribution():
    def make():
        return nn.Sequential(
            nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)
        )

    settings = dict(loss=F.mse_loss, rule=sgd, lr=0.2, epochs=10, batch_size=10)
    runs = fit_many(make, (X, TARGETS), seeds=range(24), **settings)
    many = runs.evaluate(X, TARGETS, F.mse_loss)
    one = one_by_one(make, (X, TARGETS), seeds=range(24), **settings)
    single = torch.stack(
        [F.mse_loss(model(X), TARGETS) for model, _ in one]
    ).detach()
    # The same seeds start from the same weights, so the difference of each pair
    # is due to the masks alone.
    difference = many - single
    assert difference.abs().max() > 1e-6
    assert difference.mean().abs() < 5 * difference.std() / math.sqrt(24)
    assert runs.history["train_loss"][:, -1].mean() == pytest.approx(
        sum(h["train_loss"][-1] for _, h in one) / 24, rel=0.05)  # fmt: skip
    assert (many.mean() - single.mean()).abs() < 0.05 * single.mean()


def test_validation_ignores_dropout():
    runs = fit_many(
        chain_with_dropout,
        (X, X[:, :1]),
        loss=F.mse_loss,
        rule=sgd,
        lr=0.0,
        seeds=[0],
        epochs=2,
        valid=(X, X[:, :1]),
    )
    expected = F.mse_loss(InputDropout().eval()(X), X[:, :1]).item()
    assert runs.history["valid_loss"].tolist()[0] == pytest.approx(
        [expected] * 2
    )
    assert (runs.history["train_loss"] - expected).abs().min() > 1


def test_differences_along_the_grid_are_paired():
    runs = fit_many(
        relu_net,
        (X, LABELS),
        loss=F.cross_entropy,
        rule=sgd,
        lr=0.1,
        seeds=[0, 1],
        epochs=2,
        grid={"weight_decay": [0.0, 0.0]},
    )
    for value in runs.params.values():
        assert value[:, 0].equal(value[:, 1])
        assert not value[0].equal(value[1])
    still = fit_many(
        relu_net,
        (X, LABELS),
        loss=F.cross_entropy,
        rule=sgd,
        seeds=[8, 3],
        epochs=1,
        grid={"lr": [0.0, 0.0]},
    )
    for i, seed in enumerate([8, 3]):
        for name, value in seeded_model(relu_net, seed).named_parameters():
            assert still.params[name][i, 0].equal(value) and still.params[name][
                i, 1
            ].equal(value)


@pytest.mark.parametrize(
    "make_model", [chain_with_dropout, InputDropout], ids=["chain", "module"]
)
def test_the_same_call_gives_the_same_result(make_model):
    settings = dict(
        loss=F.mse_loss,
        rule=sgd,
        lr=0.01,
        seeds=[0, 1],
        epochs=3,
        grid={"weight_decay": [0.0, 0.1]},
    )
    first = fit_many(make_model, (X, X[:, :1]), **settings)
    torch.rand(3)
    second = fit_many(make_model, (X, X[:, :1]), **settings)
    assert all(
        first.params[name].equal(second.params[name]) for name in first.params
    )
    assert first.history["train_loss"].equal(second.history["train_loss"])
    models = [seeded_model(make_model, 0) for _ in range(2)]
    for model in models:
        fit(
            model,
            (X, X[:, :1]),
            loss=F.mse_loss,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
            epochs=3,
        )
        torch.rand(3)
    assert all(
        a.equal(b)
        for a, b in zip(
            models[0].parameters(), models[1].parameters(), strict=True
        )
    )


def run_fit(**settings):
    model = seeded_model(chain_with_dropout, 0)
    return fit(
        model,
        (X, X[:, :1]),
        loss=F.mse_loss,
        epochs=5,
        optimizer=torch.optim.SGD(
            model.parameters(), lr=settings.pop("lr", 0.01)
        ),
        **settings,
    )


def run_fit_many(**settings):
    return fit_many(
        chain_with_dropout,
        (X, X[:, :1]),
        loss=F.mse_loss,
        rule=sgd,
        seeds=[0, 1],
        epochs=5,
        **settings,
    )


@pytest.mark.parametrize(
    "call",
    [
        run_fit,
        run_fit_many,
        lambda: seeded_model(relu_net, 3),
        lambda: run_fit_many(lr=1e200),
    ],
    ids=["fit", "fit_many", "seeded_model", "diverging fit_many"],
)
def test_the_global_random_state_stays_as_it_was(call):
    torch.rand(1)
    before = torch.get_rng_state()
    call()
    assert torch.get_rng_state().equal(before)


def test_the_global_random_state_stays_as_it_was_when_fit_fails():
    before = torch.get_rng_state()
    with pytest.raises(FloatingPointError):
        run_fit(lr=1e200)
    assert torch.get_rng_state().equal(before)


def test_results_do_not_hang_on_the_global_random_state():
    torch.manual_seed(1)
    first = (
        run_fit_many(lr=0.01),
        run_fit(lr=0.01),
        seeded_model(relu_net, 0)[0].weight,
    )
    torch.manual_seed(2)
    second = (
        run_fit_many(lr=0.01),
        run_fit(lr=0.01),
        seeded_model(relu_net, 0)[0].weight,
    )
    assert first[0].params["1.weight"].equal(second[0].params["1.weight"])
    assert first[2].equal(second[2])


# ---------------------------------------------------------------- divergence


@pytest.mark.parametrize(
    "make_model", [linear, conv_net, Custom, batch_norm_net]
)
def test_a_run_that_diverges_leaves_the_others_bit_for_bit(make_model):
    settings = dict(
        loss=F.mse_loss, rule=sgd, seeds=[0, 1], epochs=8, batch_size=10
    )
    mixed = fit_many(
        make_model,
        (X, TARGETS),
        grid={"lr": [0.01, 1e8], "weight_decay": [0.1]},
        **settings,
    )
    calm = fit_many(
        make_model,
        (X, TARGETS),
        grid={"lr": [0.01, 0.01], "weight_decay": [0.1]},
        **settings,
    )
    assert mixed.diverged[:, 0].eq(0).all() and calm.diverged.eq(0).all()
    assert mixed.diverged[:, 1].gt(0).all()
    for name, value in calm.params.items():
        assert mixed.params[name][:, 0].equal(value[:, 0])
    assert mixed.history["train_loss"][:, 0].equal(
        calm.history["train_loss"][:, 0]
    )
    assert not mixed.history["train_loss"][:, 1, 0, -1].isfinite().any()


@pytest.mark.parametrize("make_model", [linear, Custom])
def test_a_run_is_the_same_without_its_diverging_neighbour(make_model):
    settings = dict(
        loss=F.mse_loss, rule=sgd, seeds=[0, 1], epochs=20, batch_size=10
    )
    mixed = fit_many(
        make_model, (X, TARGETS), grid={"lr": [0.01, 1e100]}, **settings
    )
    alone = fit_many(make_model, (X, TARGETS), grid={"lr": [0.01]}, **settings)
    for name, value in alone.params.items():
        assert_same(mixed.params[name][:, 0], value[:, 0], 1e-13)


def test_a_run_that_diverged_under_early_stopping_ends_at_its_best_epoch():
    settings = dict(
        loss=F.mse_loss,
        rule=sgd,
        seeds=[0],
        epochs=40,
        batch_size=10,
        patience=3,
    )
    runs = fit_many(
        linear,
        (X, TARGETS),
        valid=(X_VALID, X_VALID[:, :3]),
        grid={"lr": [0.01, 1e12]},
        **settings,
    )
    assert runs.diverged[0, 0] == 0 < runs.diverged[0, 1]
    assert runs.params["weight"].isfinite().all()
    assert runs.best_epoch[0, 1] == 1
    assert runs.epochs_run[0, 1] == runs.best_epoch[0, 1] + 3


# ---------------------------------------------------------------- Runs


def trained(per_seed=False):
    def make():
        return nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)
        )

    train = (
        (rand(2, 50, 6), rand(2, 50, 3).argmax(2)) if per_seed else (X, LABELS)
    )
    return fit_many(
        make,
        train,
        loss=F.cross_entropy,
        rule=sgd,
        lr=0.1,
        seeds=[4, 6],
        epochs=2,
        per_seed=per_seed,
        grid={"weight_decay": [0.0, 0.1, 1.0], "momentum": [0.0, 0.9]},
    )


def test_runs_have_seeds_and_grid_in_front():
    runs = trained()
    assert runs.seeds == [4, 6]
    assert {name: values.tolist() for name, values in runs.grid.items()} == {
        "weight_decay": [0.0, 0.1, 1.0], "momentum": [0.0, 0.9]}  # fmt: skip
    assert runs.params["0.weight"].shape == (2, 3, 2, 8, 6)
    assert runs.buffers["1.running_mean"].shape == (2, 3, 2, 8)
    assert runs.buffers["1.num_batches_tracked"].eq(4).all()
    assert runs.history["train_loss"].shape == (2, 3, 2, 2)
    assert (
        runs.diverged.shape
        == runs.best_epoch.shape
        == runs.epochs_run.shape
        == (2, 3, 2)
    )
    assert not any(
        value.requires_grad for value in (runs.params | runs.history).values()
    )


@pytest.mark.parametrize("per_seed", [False, True], ids=["shared", "per seed"])
def test_predict_evaluate_and_model_agree(per_seed):
    runs = trained(per_seed)
    x, y = (
        (rand(2, 30, 6, seed=5), rand(2, 30, 3, seed=6).argmax(2))
        if per_seed
        else (X_VALID, LABELS_VALID)
    )
    output = runs.predict(x, per_seed=per_seed)
    loss = runs.evaluate(x, y, F.cross_entropy, per_seed=per_seed)
    right = runs.evaluate(x, y, accuracy, per_seed=per_seed)
    assert output.shape == (2, 3, 2, len(y[0]) if per_seed else len(y), 3)
    assert loss.shape == right.shape == (2, 3, 2)
    for index in itertools.product(range(2), range(3), range(2)):
        model = runs.model(*index)
        mine = (x[index[0]], y[index[0]]) if per_seed else (x, y)
        assert_same(output[index], model(mine[0]).detach(), 1e-12)
        assert_same(
            loss[index],
            F.cross_entropy(model(mine[0]), mine[1]).detach(),
            1e-12,
        )
        assert right[index] == accuracy(model(mine[0]), mine[1])


def test_a_model_taken_from_the_runs_is_a_copy_in_evaluation_mode():
    runs = trained()
    before = runs.params["0.weight"].clone()
    model = runs.model(1, 2, 0)
    assert not model.training
    assert all(p.requires_grad for p in model.parameters())
    with torch.no_grad():
        model[0].weight.zero_()
    assert runs.params["0.weight"].equal(before)
    assert runs.model(1, 2, 0)[0].weight.equal(before[1, 2, 0])


@pytest.mark.parametrize("index", [(), (0,), (0, 0), (0, 0, 0, 0)], ids=str)
def test_a_model_needs_one_position_per_dimension(index):
    with pytest.raises(
        ValueError,
        match=(
            r"index must be 3 positions \(seed, weight_decay, momentum\), got"
            rf" {len(index)}"
        ),
    ):
        trained().model(*index)


@pytest.mark.parametrize("per_seed", [False, True], ids=["shared", "per seed"])
def test_predict_bounds_its_memory_and_joins_its_chunks(per_seed, monkeypatch):
    runs = fit_many(
        lambda: nn.Linear(128, 1),
        (rand(20, 128), rand(20, 1)),
        loss=F.mse_loss,
        rule=sgd,
        seeds=range(2),
        epochs=1,
        grid={"lr": [0.0] * 64},
    )
    x, sizes = rand(*((2, 2500) if per_seed else (2500,)), 128), []
    original = training._Stacked.__call__
    monkeypatch.setattr(
        training._Stacked,
        "__call__",
        lambda self, state, x, shared=False: (
            sizes.append(x.shape[-2]) or original(self, state, x, shared)
        ),
    )
    output = runs.predict(x, per_seed=per_seed)
    assert sum(sizes) == 2500
    assert len(sizes) > 1
    assert max(sizes) * 128 * 128 <= 2**24  # rows × runs × inputs
    for i in range(2):
        assert_same(
            output[i, 63],
            runs.model(i, 63)(x[i] if per_seed else x).detach(),
            1e-12,
        )


def test_predict_refuses_inputs_that_do_not_fit_the_seeds():
    runs = trained()
    with pytest.raises(
        ValueError,
        match=(
            r"^X: with per_seed the first dimension must be the 2 seeds, got"
            r" shape \(3, 5,"
        ),
    ):
        runs.predict(rand(3, 5, 6), per_seed=True)
    with pytest.raises(
        ValueError,
        match=(
            r"^y: with per_seed the first dimension must be the 2 seeds, got"
            r" shape \(3, 5"
        ),
    ):
        runs.evaluate(
            rand(2, 5, 6), LABELS[:15].reshape(3, 5), accuracy, per_seed=True
        )


# ---------------------------------------------------------------- progress bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("call", [run_fit, run_fit_many])
def test_the_progress_bar_is_silent_where_nobody_watches(
    call, monkeypatch, capfd
):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    call(valid=(X, X[:, :1]))
    assert stream.getvalue() == ""
    assert capfd.readouterr() == ("", "")


class Notebook(io.StringIO):
    __module__ = "ipykernel.iostream"


@pytest.mark.parametrize("stream", [Terminal, Notebook])
@pytest.mark.parametrize("call", [run_fit, run_fit_many])
def test_the_progress_bar_shows_where_somebody_watches_unless_told_not_to(
    call, stream, monkeypatch
):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(sys, "stderr", shown := stream())
    call(valid=(X, X[:, :1]))
    assert "epoch" in shown.getvalue() and "_loss=" in shown.getvalue()
    monkeypatch.setattr(sys, "stderr", hidden := stream())
    monkeypatch.setenv("TQDM_DISABLE", "1")
    call()
    assert hidden.getvalue() == ""


# ---------------------------------------------------------------- small
# functions


def test_accuracy_is_the_share_of_rows_that_are_right():
    output = torch.tensor(
        [[2.0, 1.0, 0.0], [0.0, 1.0, 3.0], [0.0, 1.0, 0.5], [5.0, 1.0, 0.5]]
    )
    assert accuracy(output, torch.tensor([0, 2, 1, 1])) == 0.75


@pytest.mark.parametrize("shape", [(1,), (4, 1), (5,)])
def test_accuracy_refuses_targets_of_another_shape(shape):
    with pytest.raises(
        ValueError,
        match=rf"^target must have shape \(4,\), got {re.escape(str(shape))}$",
    ):
        accuracy(torch.eye(4), torch.zeros(shape, dtype=torch.int64))


def test_accuracy_refuses_what_is_no_tensor():
    with pytest.raises(
        TypeError, match=r"^output must be a torch\.Tensor, got list$"
    ):
        accuracy([[1.0, 2.0]], torch.tensor([1]))
    with pytest.raises(
        TypeError, match=r"^target must be a torch\.Tensor, got list$"
    ):
        accuracy(torch.eye(2), [0, 1])


@pytest.mark.parametrize("per_seed", [False, True], ids=["shared", "per seed"])
def test_evaluate_refuses_a_metric_that_is_not_one_number(per_seed):
    runs = attempt_fit_many()
    data = (
        (X.expand(3, 50, 6), LABELS.expand(3, 50)) if per_seed else (X, LABELS)
    )
    with pytest.raises(
        ValueError,
        match=(
            r"^metric must return one number, the mean over the batch, got"
            r" shape"
        ),
    ):
        runs.evaluate(
            *data,
            lambda output, target: output.argmax(-1) == target,
            per_seed=per_seed,
        )


@pytest.mark.parametrize(
    ("course", "expected"),
    [(None, [0, 1, 2]), ("0", [0, 1, 2]), ("7", [7000, 7001, 7002])],
)
def test_course_seeds_follow_the_environment(course, expected, monkeypatch):
    if course is None:
        monkeypatch.delenv("COURSE_SEED", raising=False)
    else:
        monkeypatch.setenv("COURSE_SEED", course)
    assert course_seeds(3) == expected
    assert len(set(course_seeds(1000))) == 1000


@pytest.mark.parametrize(
    ("n", "course", "kind", "message"),
    [
        (0, "0", ValueError, "n must be in 1 … 1000, got 0"),
        (1001, "0", ValueError, "n must be in 1 … 1000, got 1001"),
        (2.0, "0", TypeError, "n must be of type int, got float"),
        (
            3,
            "-1",
            ValueError,
            "COURSE_SEED must be a whole number from 0 to 4294966, got '-1'",
        ),
        (
            3,
            "one",
            ValueError,
            "COURSE_SEED must be a whole number from 0 to 4294966, got 'one'",
        ),
        (
            3,
            "",
            ValueError,
            "COURSE_SEED must be a whole number from 0 to 4294966, got ''",
        ),
        (
            3,
            "4294967",
            ValueError,
            "COURSE_SEED must be a whole number from 0 to 4294966, got"
            " '4294967'",
        ),
    ],
)
def test_course_seeds_refuse(n, course, kind, message, monkeypatch):
    monkeypatch.setenv("COURSE_SEED", course)
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        course_seeds(n)


@pytest.mark.parametrize("n", [3, 4, 5, 20])
def test_a_class_hour_has_four_seeds_at_most(n, monkeypatch):
    monkeypatch.setenv("COURSE_SEED", "7")
    full = course_seeds(n)
    monkeypatch.setenv("COURSE_PACE", "quick")
    assert course_seeds(n) == full[:4]
    monkeypatch.setenv("COURSE_PACE", "")
    assert course_seeds(n) == full


@pytest.mark.parametrize(
    ("pace", "strict", "message"),
    [
        ("fast", "", "COURSE_PACE must be \"quick\" or unset, got 'fast'"),
        (
            "quick",
            "1",
            "COURSE_PACE=quick tests no claim and COURSE_STRICT tests every"
            " one: unset one of them",
        ),
    ],
)
def test_other_paces_are_refused(pace, strict, message, monkeypatch):
    monkeypatch.setenv("COURSE_PACE", pace)
    monkeypatch.setenv("COURSE_STRICT", strict)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        course_seeds(10)


def test_seeded_model_passes_arguments_on_and_follows_the_seed():
    assert seeded_model(scaled_net, 1, scale=3.0)[0].weight.equal(
        3.0 * seeded_model(relu_net, 1)[0].weight
    )
    assert not seeded_model(relu_net, 1)[0].weight.equal(
        seeded_model(relu_net, 2)[0].weight
    )


# ---------------------------------------------------------------- bad input

with_nan = X.clone()
with_nan[3, 2] = float("nan")
BOTH = {  # what fit and fit_many refuse alike
    "train no pair": (
        {"train": X},
        TypeError,
        r"train must be a pair of tensors \(X, y\), got Tensor",
    ),
    "train of two rows": (
        {"train": X[:2]},
        TypeError,
        r"train must be a pair of tensors \(X, y\), got Tensor",
    ),
    "train a triple": (
        {"train": (X, LABELS, X)},
        TypeError,
        r"train must be a pair of tensors \(X, y\), got tuple",
    ),
    "X a list": (
        {"train": ([[1.0]], LABELS)},
        TypeError,
        "train: X must be a torch.Tensor, got list",
    ),
    "y an array": (
        {"train": (X, LABELS.numpy())},
        TypeError,
        "train: y must be a torch.Tensor, got ndarray",
    ),
    "no rows": (
        {"train": (X[:0], LABELS[:0])},
        ValueError,
        r"train: X must have at least one row, got shape \(0, 6\)",
    ),
    "unequal lengths": (
        {"train": (X, LABELS[:40])},
        ValueError,
        "train: X has 50 rows and y has 40; they must agree",
    ),
    "NaN in X": (
        {"train": (with_nan, LABELS)},
        ValueError,
        "train: X must be finite, got 1 values that are NaN or i",
    ),
    "infinite y": (
        {"train": (X, X / 0)},
        ValueError,
        "train: y must be finite, got 300 values",
    ),
    "no rows in valid": (
        {"valid": (X[:0], LABELS[:0])},
        ValueError,
        r"valid: X must have at least one row, got shape",
    ),
    "NaN in valid": (
        {"valid": (with_nan, LABELS)},
        ValueError,
        "valid: X must be finite, got 1",
    ),
    "valid no pair": (
        {"valid": X},
        TypeError,
        r"valid must be a pair of tensors \(X, y\), got Tensor",
    ),
    "loss a word": (
        {"loss": "mse"},
        TypeError,
        r"loss must be a function of \(output, target\), got str",
    ),
    "loss without a mean": (
        {
            "loss": functools.partial(F.cross_entropy, reduction="none"),
            "batch_size": 10,
        },
        ValueError,
        (
            r"loss must return one number, the mean over the batch, got shape"
            r" \(10,\)"
        ),
    ),
    "zero epochs": (
        {"epochs": 0},
        ValueError,
        "epochs must be at least 1, got 0",
    ),
    "half an epoch": (
        {"epochs": 0.5},
        TypeError,
        "epochs must be of type int, got float",
    ),
    "epochs None": (
        {"epochs": None},
        TypeError,
        "epochs must be of type int, got NoneType",
    ),
    "epochs True": (
        {"epochs": True},
        TypeError,
        "epochs must be of type int, got bool",
    ),
    "batch of none": (
        {"batch_size": 0},
        ValueError,
        "batch_size must be at least 1, got 0",
    ),
    "batch a float": (
        {"batch_size": 32.0},
        TypeError,
        "batch_size must be of type int, got float",
    ),
    "patience of none": (
        {"patience": 0} | VALID,
        ValueError,
        "patience must be at least 1, got 0",
    ),
    "patience without valid": (
        {"patience": 3},
        ValueError,
        r"patience needs validation data: pass valid=\(X, y\)",
    ),
    "metrics without valid": (
        {"metrics": {"a": accuracy}},
        ValueError,
        "metrics needs validation data: pass valid=",
    ),
    "metrics a list": (
        {"metrics": [accuracy]} | VALID,
        TypeError,
        r"metrics must be a dict of names and functions",
    ),
    "a metric no function": (
        {"metrics": {"a": 3}} | VALID,
        TypeError,
        "metrics must be a dict of names and functions",
    ),
    "a metric in the place of the loss": (
        {"metrics": {"loss": accuracy}} | VALID,
        ValueError,
        "metrics must have other names than 'loss'",
    ),
    "metric per row": (
        {
            "metrics": {
                "right": lambda output, target: output.argmax(-1) == target
            }
        }
        | VALID,
        ValueError,
        (
            r"metric right must return one number, the mean over the batch, got"
            r" shape \(40,\)"
        ),
    ),
    "metric no tensor": (
        {"metrics": {"one": lambda output, target: 1.0}} | VALID,
        TypeError,
        "what metric one returns must be a torch.Tensor, got float",
    ),
    "loss no tensor": (
        {"loss": lambda output, target: None},
        TypeError,
        "what loss returns must be a torch.Tensor, got NoneType",
    ),
    "loss without a graph": (
        {"loss": lambda output, target: F.cross_entropy(output, target).item()},
        TypeError,
        "what loss returns must be a torch.Tensor, got float",
    ),
    "clip_norm True": (
        {"clip_norm": True},
        TypeError,
        "clip_norm must be of type int or float, got bool",
    ),
    "min_delta negative": (
        {"min_delta": -0.1},
        ValueError,
        "min_delta must be at least 0, got -0.1",
    ),
    "min_delta NaN": (
        {"min_delta": float("nan")},
        ValueError,
        "min_delta must be at least 0, got nan",
    ),
    "min_delta a word": (
        {"min_delta": "1"},
        TypeError,
        "min_delta must be of type int or float, got str",
    ),
    "clip_norm zero": (
        {"clip_norm": 0.0},
        ValueError,
        "clip_norm must be above 0, got 0.0",
    ),
    "clip_norm NaN": (
        {"clip_norm": float("nan")},
        ValueError,
        "clip_norm must be above 0, got nan",
    ),
    "clip_norm a word": (
        {"clip_norm": "1"},
        TypeError,
        "clip_norm must be of type int or float, got str",
    ),
}


def attempt_fit(**settings):
    model = settings.pop("model", None) or linear()
    settings = {
        "train": (X, LABELS),
        "loss": F.cross_entropy,
        "epochs": 2,
    } | settings
    if "optimizer" not in settings:
        settings["optimizer"] = torch.optim.SGD(model.parameters(), lr=0.1)
    return fit(model, settings.pop("train"), **settings)


def attempt_fit_many(**settings):
    defaults = {
        "make_model": linear,
        "train": (X, LABELS),
        "loss": F.cross_entropy,
        "rule": sgd,
        "epochs": 2,
    }
    settings = defaults | {"seeds": [0, 1, 2]} | settings
    return fit_many(
        settings.pop("make_model"), settings.pop("train"), **settings
    )


@pytest.mark.parametrize(
    "attempt", [attempt_fit, attempt_fit_many], ids=["fit", "fit_many"]
)
@pytest.mark.parametrize(
    ("settings", "kind", "message"), BOTH.values(), ids=BOTH.keys()
)
def test_fit_and_fit_many_refuse(attempt, settings, kind, message):
    with pytest.raises(kind, match=f"^{message}"):
        attempt(**settings)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        (
            {"model": linear, "optimizer": None},
            TypeError,
            "model must be of type Module, got function",
        ),
        (
            {"optimizer": torch.optim.SGD},
            TypeError,
            "optimizer must be of type Optimizer, got the class SGD",
        ),
        (
            {"optimizer": torch.optim.SGD(linear().parameters(), lr=0.1)},
            ValueError,
            (
                "optimizer must hold parameters of the model; make it from"
                " model.parameters()"
            ),
        ),
        (
            {"scheduler": 0.9},
            TypeError,
            "scheduler must be of type LRScheduler, got float",
        ),
        ({"seed": 0.5}, TypeError, "seed must be an int, got float"),
        ({"seed": None}, TypeError, "seed must be an int, got NoneType"),
        (
            {"seed": -1},
            ValueError,
            "seed must be between 0 and 4294967295, got -1",
        ),
    ],
    ids=[
        "model a function",
        "optimizer a class",
        "optimizer of another model",
        "scheduler a number",
        "half a seed",
        "no seed",
        "negative seed",
    ],
)
def test_fit_refuses(settings, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        attempt_fit(**settings)


class PlainTensor(nn.Module):
    def __init__(self):
        super().__init__()
        self.out, self.scale = nn.Linear(6, 3), torch.ones(3)

    def forward(self, x):
        return self.out(x) * self.scale


class ReplacedBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(6, 3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls = self.calls + 1
        return self.out(x)


class Branch(nn.Linear):
    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else super().forward(-x)


class TorchRNN(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell, self.out = cell(2, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(self.cell(x.unflatten(1, (3, 2)))[0][:, -1])


def dropout_net(p):
    return nn.Sequential(nn.Linear(6, 3), nn.Dropout(p))


def wide_net(wide):
    return nn.Sequential(
        nn.Linear(6, 4 + 4 * int(wide)),
        nn.ReLU(),
        nn.Linear(4 + 4 * int(wide), 3),
    )


def needs_one_run(output, target):
    return F.cross_entropy(output, target) * (
        2.0 if output.detach().sum() > 1e9 else 1.0
    )


def average_norm():
    return nn.Sequential(
        nn.Linear(6, 4), nn.BatchNorm1d(4, momentum=None), nn.Linear(4, 3)
    )


ONE = nn.Linear(6, 3)
S1 = (rand(3, 10, 6), rand(3, 10, 3).argmax(2))
MANY = {
    "torch's RNN": (
        {"make_model": lambda: TorchRNN(nn.RNN)},
        ValueError,
        (
            r"fit_many cannot map TorchRNN and its loss over the runs \(.+\);"
            r" train it with fit, one seed at a time$"
        ),
    ),
    "torch's LSTM": (
        {"make_model": lambda: TorchRNN(nn.LSTM)},
        ValueError,
        "fit_many cannot map TorchRNN",
    ),
    "torch's GRU": (
        {"make_model": lambda: TorchRNN(nn.GRU)},
        ValueError,
        "fit_many cannot map TorchRNN",
    ),
    "cumulative batch norm": (
        {"make_model": average_norm},
        ValueError,
        "fit_many cannot map Sequential and",
    ),
    "branch on the data": (
        {"make_model": lambda: Branch(6, 3)},
        ValueError,
        "fit_many cannot map Branch and its loss",
    ),
    "loss that branches": (
        {"loss": needs_one_run},
        ValueError,
        "fit_many cannot map Linear and its loss over the ru",
    ),
    "plain tensor": (
        {"make_model": PlainTensor},
        ValueError,
        (
            r"fit_many cannot map the tensors \['scale'\], which are plain"
            r" attributes; register them as parameters or buf"
        ),
    ),
    "buffer replaced": (
        {"make_model": ReplacedBuffer},
        ValueError,
        "the model replaces its buffer calls; change it in place, with c",
    ),
    "dropout probability in the grid": (
        {"make_model": dropout_net, "grid": {"p": [0.1, 0.5]}},
        ValueError,
        (
            "make_model must build the same module for all of p; what differs"
            " between runs must be a parameter or a buff"
        ),
    ),
    "width in the grid": (
        {"make_model": wide_net, "grid": {"wide": [0, 1]}},
        ValueError,
        "make_model must build the same module for a",
    ),
    "nothing to train": (
        {"make_model": lambda: linear().requires_grad_(False)},
        ValueError,
        (
            "make_model must return a model with parameters to train, got none"
            " that requires a gradient"
        ),
    ),
    "other dtype": (
        {"train": (X.float(), LABELS)},
        ValueError,
        (
            "X is torch.float32 and the parameter weight is torch.float64; they"
            " must agree"
        ),
    ),
    "wrong number of inputs": (
        {"train": (X[:, :5], LABELS)},
        RuntimeError,
        "(addmm: )?mat1 and mat2 shapes cannot be multipli",
    ),
    "rule a word": (
        {"rule": "sgd"},
        TypeError,
        (
            "rule must be an update rule such as companion.optimizers.sgd, got"
            " 'sgd'"
        ),
    ),
    "rule an optimizer": (
        {"rule": torch.optim.SGD, "lr": 0.1},
        TypeError,
        "rule must be an update rule such as companion",
    ),
    "rule without lr": (
        {
            "rule": lambda param, grad, state, *, rate=0.1: (
                param - rate * grad,
                state,
            )
        },
        ValueError,
        "lr must be a hyper-parameter of the rule",
    ),
    "rule whose lr is not given": (
        {"rule": lambda param, grad, state, *, lr: (param - lr * grad, state)},
        ValueError,
        "lr must be given",
    ),
    "unknown to a rule without a name": (
        {"rule": functools.partial(sgd, momentum=0.9), "rate": 0.1},
        ValueError,
        "the rule has no hyper-parameter 'rate'; it has lr",
    ),
    "schedule a number": (
        {"schedule": 0.9},
        TypeError,
        "schedule must be a function, got float",
    ),
    "overrides a dict": (
        {"overrides": {"bias": {}}},
        TypeError,
        "overrides must be a function, got dict",
    ),
    "overrides return nothing": (
        {"overrides": lambda name, p: None},
        TypeError,
        "overrides of weight must be of type dict, got NoneType",
    ),
    "grid a list": (
        {"grid": [0.1]},
        TypeError,
        "grid must be of type dict, got list",
    ),
    "seeds None": (
        {"seeds": None},
        TypeError,
        "seeds must be a list or range of ints, got the NoneType None",
    ),
    "seeds an int": (
        {"seeds": 3},
        TypeError,
        "seeds must be a list or range of ints, got the int 3",
    ),
    "no seeds": (
        {"seeds": []},
        ValueError,
        (
            r"seeds must be different ints from 0 to 2\*\*32 − 1, at least one"
            r" of them,"
            r" got "
        ),
    ),
    "seeds twice": (
        {"seeds": [1, 1]},
        ValueError,
        r"seeds must be different ints from 0 to .+got \[1, 1\]",
    ),
    "negative seed": (
        {"seeds": [0, -1]},
        ValueError,
        r"seeds must be different ints from 0 to .+got \[0, -1\]",
    ),
    "half a seed": (
        {"seeds": [0.5]},
        TypeError,
        "each of seeds must be of type int, got float",
    ),
    "seeds and data mismatch": (
        {"train": S1, "per_seed": True, "seeds": [0, 1]},
        ValueError,
        (
            r"train: X: with per_seed the first dimension must be the 2 seeds,"
            r" got shape \(3, 10, 6\)"
        ),
    ),
    "seeds and targets mismatch": (
        {"train": (X, LABELS), "per_seed": True},
        ValueError,
        (
            r"train: X: with per_seed the first dimension must be the 3 seeds,"
            r" got shape \(50, 6\)"
        ),
    ),
    "seeds and valid mismatch": (
        {"train": S1, "per_seed": True} | VALID,
        ValueError,
        (
            r"valid: X: with per_seed the first dimension must be the 3 seeds,"
            r" got shape \(40, 6\)"
        ),
    ),
    "rows per seed": (
        {"train": (S1[0], S1[1][:, :8]), "per_seed": True},
        ValueError,
        "train: X has 10 rows per seed and y has 8",
    ),
    "no rows per seed": (
        {"train": (S1[0][:, :0], S1[1][:, :0]), "per_seed": True},
        ValueError,
        r"train: X must have rows for each seed, got shape \(3, 0, 6\)",
    ),
    "no valid rows per seed": (
        {"train": S1, "per_seed": True, "valid": (S1[0][:, :0], S1[1][:, :0])},
        ValueError,
        r"valid: X must have rows for each seed, got shape \(3, 0, 6\)",
    ),
    "no dimension for rows": (
        {"train": (S1[0], LABELS[:3]), "per_seed": True},
        ValueError,
        r"train: y must have rows for each seed, got shape \(3,\)",
    ),
    "unknown hyper-parameter": (
        {"momentun": 0.9},
        ValueError,
        (
            "sgd has no hyper-parameter 'momentun'; it has lr, momentum,"
            " dampening, weigh"
        ),
    ),
    "unknown name in the grid": (
        {"grid": {"beta1": [0.9]}},
        ValueError,
        "sgd has no hyper-parameter 'beta1'; it has ",
    ),
    "unknown name in overrides": (
        {"overrides": lambda name, p: {"decay": 0.0}},
        ValueError,
        "sgd has no hyper-parameter 'decay'; it has lr",
    ),
    "negative lr": (
        {"lr": -0.1},
        ValueError,
        "lr must be finite and at least 0, got -0.1",
    ),
    "negative lr in the grid": (
        {"grid": {"lr": [0.1, -0.1]}},
        ValueError,
        "lr must be finite and at least 0, got",
    ),
    "negative weight_decay": (
        {"weight_decay": -1.0},
        ValueError,
        "weight_decay must be finite and at least 0, got -1",
    ),
    "negative weight_decay in overrides": (
        {"overrides": lambda name, p: {"weight_decay": -1.0}},
        ValueError,
        "weight_decay must be finite and at least",
    ),
    "beta of 1": (
        {"rule": adam, "beta1": 1.0},
        ValueError,
        r"beta1 must be finite and in \[0, 1\), got 1.0",
    ),
    "lr a word": (
        {"lr": "0.1"},
        TypeError,
        "lr must be a number or a tensor, got str",
    ),
    "lr a tensor of several": (
        {"lr": torch.tensor([0.1, 0.2])},
        ValueError,
        r"lr must be one number; several values belong in grid, got \[0",
    ),
    "lr twice": (
        {"lr": 0.1, "grid": {"lr": [0.1]}},
        ValueError,
        "lr is given in grid and as an argument, 0.1; give",
    ),
    "clip_norm twice": (
        {"clip_norm": 1.0, "grid": {"clip_norm": [0.1]}},
        ValueError,
        "clip_norm is given in grid and as an argument",
    ),
    "clip_norm negative in the grid": (
        {"grid": {"clip_norm": [1.0, -1.0]}},
        ValueError,
        "clip_norm must be above 0, got -1.0",
    ),
    "clip_norm NaN in the grid": (
        {"grid": {"clip_norm": [math.nan]}},
        ValueError,
        "clip_norm must be above 0, got n",
    ),
    "grid value not 1-D": (
        {"grid": {"lr": 0.1}},
        ValueError,
        r"grid: lr must be a 1-D tensor or list of numbers, got shape \(\)",
    ),
    "grid value empty": (
        {"grid": {"lr": []}},
        ValueError,
        r"grid: lr must be a 1-D tensor or list of numbers, got shape \(0,\)",
    ),
    "grid of words": (
        {"grid": {"lr": ["a"]}},
        TypeError,
        r"grid: lr must be a 1-D tensor or list of numbers, got \['a'\]",
    ),
    "nesterov in the grid": (
        {"grid": {"nesterov": [True]}},
        TypeError,
        "nesterov must be True or False, got tensor",
    ),
    "make_model a model": (
        {"make_model": nn.Linear(6, 3)},
        TypeError,
        "make_model must be a function that returns a new model, got Line",
    ),
    "make_model returns no model": (
        {"make_model": lambda: 3},
        TypeError,
        "make_model must be a function that returns a new model, got int from ",
    ),
    "make_model returns one model for all": (
        {"make_model": lambda: ONE},
        ValueError,
        "make_model must return a new model at each call",
    ),
}


@pytest.mark.parametrize(
    ("settings", "kind", "message"), MANY.values(), ids=MANY.keys()
)
def test_fit_many_refuses(settings, kind, message):
    with pytest.raises(kind, match=f"^{message}"):
        attempt_fit_many(**settings)


def test_what_fit_many_refuses_to_map_fit_trains():
    for model in (
        TorchRNN(nn.RNN),
        average_norm(),
        PlainTensor(),
        ReplacedBuffer(),
        Branch(6, 3),
    ):
        history = attempt_fit(model=model)
        assert history["train_loss"][1] < history["train_loss"][0]


def sgd_of(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr)


def test_plateaus_lower_the_rate_after_epochs():
    for valid in (None, (X_VALID, LABELS_VALID)):
        model = seeded_model(tanh_net, 0)
        optimizer = sgd_of(model)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.5, patience=0, threshold=1e9
        )
        rates = []
        original = scheduler.step

        def step(metric, seen=rates, step=original):
            seen.append(metric)
            step(metric)

        scheduler.step = step
        history = fit(
            model,
            (X, LABELS),
            loss=F.cross_entropy,
            optimizer=optimizer,
            epochs=4,
            valid=valid,
            scheduler=scheduler,
        )
        assert rates == history["valid_loss" if valid else "train_loss"]
        assert optimizer.param_groups[0]["lr"] < 0.1


class Interrupted:
    """A loss that an error ends at its n-th call."""

    def __init__(self, error, call):
        self.error, self.calls, self.last = error, 0, call

    def __call__(self, output, y):
        self.calls += 1
        if self.calls == self.last:
            raise self.error
        return F.cross_entropy(output, y)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), FloatingPointError("inf"), OSError()]
)
def test_fit_keeps_what_there_is_when_an_error_ends_it(error):
    def model_after(loss, epochs, **more):
        model = seeded_model(tanh_net, 0)
        settings = {"valid": (X_VALID, LABELS_VALID), "patience": 50}
        try:
            history = fit(
                model,
                (X, LABELS),
                loss=loss,
                optimizer=sgd_of(model, lr=3.0),
                epochs=epochs,
                batch_size=25,
                **settings | more,
            )
        except BaseException as raised:
            history = raised.history
            assert raised is error
        return model, history

    # two batches and a validation per epoch
    whole, wanted = model_after(F.cross_entropy, 6)
    early, history = model_after(Interrupted(error, 3 * 6 + 2), 10)
    assert history == wanted and not early.training
    best = min(history["valid_loss"])
    assert best < history["valid_loss"][-1]
    with torch.no_grad():
        loss = F.cross_entropy(early(X_VALID), LABELS_VALID).item()
    assert loss == best
    for a, b in zip(early.parameters(), whole.parameters(), strict=True):
        assert a.equal(b)


def test_divergence_keeps_the_history_and_the_best_weights():
    model = seeded_model(tanh_net, 0)
    with pytest.raises(FloatingPointError) as raised:
        fit(
            model,
            (X, LABELS),
            loss=F.cross_entropy,
            optimizer=sgd_of(model, lr=float("inf")),
            epochs=3,
        )
    assert raised.value.history == {"train_loss": []} and not model.training


def test_fit_many_keeps_what_there_is_when_an_error_ends_it():
    settings = {"valid": (X_VALID, LABELS_VALID), "patience": 50}
    many = functools.partial(
        fit_many,
        tanh_net,
        (X, LABELS),
        rule=sgd,
        lr=3.0,
        seeds=[0, 1],
        batch_size=25,
        **settings,
    )
    wanted = many(loss=F.cross_entropy, epochs=2)
    # not the chain's loss: two batches and a validation
    error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt) as raised:
        many(loss=Interrupted(error, 3 * 2 + 2), epochs=9)
    runs = raised.value.runs
    assert runs.epochs_run.tolist() == [2, 2]
    for name, value in wanted.history.items():
        torch.testing.assert_close(runs.history[name], value)
    assert runs.best_epoch.equal(wanted.best_epoch)
    torch.testing.assert_close(runs.params, wanted.params)


def test_fit_many_interrupted_in_its_first_epoch():
    with pytest.raises(KeyboardInterrupt) as raised:
        fit_many(
            tanh_net,
            (X, LABELS),
            loss=Interrupted(KeyboardInterrupt(), 2),
            rule=sgd,
            seeds=[0],
            epochs=2,
        )
    runs = raised.value.runs
    assert runs.history == {} and runs.epochs_run.tolist() == [0]
    assert not runs.model(0).training


def test_ints_of_a_grid_stay_ints():
    widths = []

    def net(width):
        widths.append(width)
        return nn.Linear(6, 3)

    grid = {"width": [4, 8], "lr": [0.1, 0.2]}
    runs = fit_many(
        net,
        (X, LABELS),
        loss=F.cross_entropy,
        rule=sgd,
        seeds=[0],
        epochs=1,
        grid=grid,
    )
    assert widths == [4, 4, 8, 8] and {type(w) for w in widths} == {int}
    assert runs.grid["width"].tolist() == [4, 8]
    assert runs.grid["lr"].tolist() == [0.1, 0.2]


def test_numbers_of_numpy_are_welcome():
    model = nn.Linear(6, 3).double()
    common = {
        "loss": F.cross_entropy,
        "epochs": np.int64(1),
        "batch_size": np.int32(7),
        "min_delta": np.float32(0),
        "clip_norm": np.float32(1),
        "patience": np.int8(3),
        "valid": (X_VALID, LABELS_VALID),
    }
    fit(model, (X, LABELS), optimizer=sgd_of(model), seed=np.int64(1), **common)
    runs = fit_many(
        lambda: nn.Linear(6, 3).double(),
        (X, LABELS),
        rule=sgd,
        lr=np.float32(0.5),
        seeds=np.arange(2),
        overrides=lambda name, p: {"weight_decay": np.float32(0.5)},
        **common,
    )
    assert runs.seeds == [0, 1] and type(runs.seeds[0]) is int
    assert len(course_seeds(np.int64(2))) == 2
    seeded_model(nn.Identity, np.int64(0))


def test_accuracy_of_nan_is_nothing():
    output = torch.tensor([[math.nan, 1.0], [2.0, 1.0]])
    assert accuracy(output, torch.tensor([0, 0])) == 0.5


@pytest.mark.parametrize("shape", [(4, 1), (4, 0), ()])
def test_accuracy_needs_classes(shape):
    target = torch.zeros(shape[:-1], dtype=torch.int64)
    with pytest.raises(ValueError, match=r"^output must have a column for"):
        accuracy(torch.zeros(shape), target)


def tall(last=1):
    return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, last))


def last_class_too_large():
    y = LABELS.clone()
    y[30] = 3
    return y


MISFITS = {
    "float32 inputs": (
        {"train": (X.float(), LABELS)},
        r"X is torch.float32 and the parameter weight is torch.float64; they",
    ),
    "whole inputs": (
        {"train": (X.long(), LABELS)},
        r"X is torch.int64 and the parameter weight is torch.float64; they",
    ),
    "int32 classes": (
        {"train": (X, LABELS.int())},
        r"loss fails on an output of shape \(18, 3\) and type torch.float64 and"
        r" y of shape \(18,\) and type torch.int32: .+; classes are",
    ),
    "a column of classes": (
        {"train": (X, LABELS[:, None])},
        r"loss fails on .+ y of shape \(18, 1\) and type torch.int64: .+;"
        r" classes are int64, one per row",
    ),
    "a class too many": (
        {"train": (X, last_class_too_large())},
        r"loss fails on .+: Target 3 is out of bounds; classes are .+ below",
    ),
    "one row left": (
        {"model": lambda: tall(3).double(), "batch_size": 49},
        r"batch_size 49 leaves one of 50 rows for the last batch, on which the"
        r" model fails: Expected more than 1 value per channel",
    ),
}


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    ("settings", "message"), MISFITS.values(), ids=MISFITS.keys()
)
def test_what_does_not_fit_is_said_before_the_first_step(
    settings, message, many
):
    settings = {"model": lambda: nn.Linear(6, 3).double()} | settings
    settings |= {"loss": F.cross_entropy, "epochs": 1}
    settings = {"train": (X, LABELS)} | settings
    make = settings.pop("model")
    model = make().eval()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=f"^{message}"):
        if many:
            fit_many(make, rule=sgd, seeds=[0], **settings)
        else:
            fit(model, optimizer=sgd_of(model), **settings)
    assert not model.training
    for name, value in model.state_dict().items():
        assert value.equal(before[name])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"loss": nn.CrossEntropyLoss},
            TypeError,
            r"loss must be a function of \(output, target\), got the class",
        ),
        (
            {"optimizer": torch.optim.LBFGS([nn.Parameter(torch.ones(1))])},
            ValueError,
            "optimizer must step without a closure, got LBFGS",
        ),
        (
            {
                "scheduler": torch.optim.lr_scheduler.StepLR(
                    sgd_of(nn.Linear(1, 1)), 1
                )
            },
            ValueError,
            "scheduler must be made from the same optimizer",
        ),
        (
            {"seed": 2**32},
            ValueError,
            "seed must be between 0 and 4294967295, got 4294967296",
        ),
    ],
)
def test_fit_says_what_does_not_go_together(change, error, message):
    model = tanh_net()
    settings = {"loss": F.cross_entropy, "optimizer": sgd_of(model)} | change
    with pytest.raises(error, match=f"^{message}"):
        fit(model, (X, LABELS), epochs=1, **settings)


def test_large_seeds_are_refused_for_they_repeat_small_ones():
    with pytest.raises(ValueError, match=r"^seed must be between"):
        seeded_model(nn.Identity, 2**32)


def test_what_cannot_be_copied_is_trained_all_the_same():
    model = nn.Linear(6, 3).double()
    model.last = model(X)
    before = model.weight.detach().clone()
    fit(
        model,
        (X, LABELS),
        loss=F.cross_entropy,
        optimizer=sgd_of(model),
        epochs=1,
    )
    assert not torch.equal(model.weight, before)


def test_a_model_that_fits_runs_no_more_often_than_it_trains():
    model, calls = tanh_net(), []
    model.register_forward_hook(lambda *given: calls.append(given))
    fit(
        model,
        (X, LABELS),
        loss=F.cross_entropy,
        optimizer=sgd_of(model),
        epochs=1,
        batch_size=25,
    )
    assert len(calls) == 2


def test_a_model_that_only_looks_wrong_is_trained():
    model = nn.Sequential(
        nn.Linear(6, 3), nn.Linear(3, 1).requires_grad_(False)
    )

    class First(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = model

        def forward(self, x):
            return self.layers[0](x.to(model[0].weight.dtype))

    history = fit(
        First(),
        (X.float(), LABELS),
        loss=F.cross_entropy,
        optimizer=sgd_of(model[0]),
        epochs=1,
    )
    assert len(history["train_loss"]) == 1


def test_lazy_modules():
    common = {"loss": F.cross_entropy, "epochs": 1}
    model = nn.LazyLinear(3, dtype=X.dtype)
    fit(model, (X, LABELS), optimizer=sgd_of(model), **common)
    assert model.weight.shape == (3, 6)
    with pytest.raises(
        ValueError, match=r"^make_model must return a model that"
    ):
        fit_many(
            lambda: nn.LazyLinear(3, dtype=X.dtype),
            (X, LABELS),
            rule=sgd,
            seeds=[0],
            **common,
        )


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_parametrizations_are_mapped():
    def net():
        layer = nn.Linear(6, 3).double()
        return nn.utils.parametrizations.weight_norm(layer)

    common = {"loss": F.cross_entropy, "epochs": 5}
    runs = fit_many(net, (X, LABELS), rule=sgd, lr=0.1, seeds=[0, 1], **common)
    for seed in (0, 1):
        model = seeded_model(net, seed)
        fit(model, (X, LABELS), optimizer=sgd_of(model), seed=seed, **common)
        torch.testing.assert_close(
            model(X), runs.model(seed)(X), rtol=1e-10, atol=1e-12
        )
