"""The hand-written step of plain chains against autograd, and which networks
take it.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from companion import training
from companion._chain import ACTIVATIONS, Chain
from companion.optimizers import adam, sgd
from companion.training import fit_many

X = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
LABELS = (X[:, :3] + X[:, 3:]).argmax(1)
TARGETS = torch.sin(X[:, :3])


def net(*kinds, bias=True, width=5):
    """A network with an activation of each kind between its layers."""
    widths = [6, *[width] * len(kinds), 3]
    layers = [nn.Linear(widths[0], widths[1], bias=bias)]
    for i, kind in enumerate(kinds):
        layers += [kind(), nn.Linear(widths[i + 1], widths[i + 2], bias=bias)]
    return nn.Sequential(*layers)


NETS = {
    "linear": (),
    **{kind.__name__: (kind, kind) for kind in ACTIVATIONS},
    "mixed": (nn.ReLU, nn.Tanh, nn.Sigmoid),
}


@pytest.mark.parametrize("kinds", NETS.values(), ids=NETS)
@pytest.mark.parametrize("points", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("loss", [F.cross_entropy, F.mse_loss])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gradients_are_those_of_autograd(kinds, points, bias, loss, dtype):
    torch.manual_seed(0)
    nets = [net(*kinds, bias=bias).to(dtype) for _ in range(2 * points)]
    y = LABELS if loss is F.cross_entropy else TARGETS.to(dtype)
    x = X.to(dtype)
    assert Chain.fits(nets[0], loss, x, y)
    names = dict(nets[0].named_parameters())
    params = {
        name: torch.stack([one.get_parameter(name).detach() for one in nets])
        for name in names
    }
    rows = torch.arange(20).view(2, 10)  # a batch for each of two seeds
    losses, grads = Chain(nets[0], loss)(params, x[rows], y[rows])
    losses = losses.mean(1)
    assert grads.keys() == params.keys()
    close = {"rtol": 1e-12, "atol": 1e-14} if dtype is torch.float64 else {}
    for i, one in enumerate(nets):
        value = loss(one(x[rows[i // points]]), y[rows[i // points]])
        torch.testing.assert_close(losses[i], value.detach(), **close)
        expected = torch.autograd.grad(value, list(one.parameters()))
        for name, grad in zip(names, expected, strict=True):
            torch.testing.assert_close(grads[name][i], grad, **close)
            assert grads[name].is_contiguous() or "bias" in name


def hooked():
    model = net(nn.ReLU)
    model[0].register_forward_hook(lambda *_: None)
    return model


def frozen():
    model = net(nn.ReLU)
    model[0].bias.requires_grad_(False)
    return model


def tied():
    model = net(nn.ReLU, nn.ReLU)
    model[4].weight = model[2].weight
    return model


class Own(nn.Sequential):
    """Its forward pass is its own affair."""


REFUSED = {
    "module": nn.Linear(6, 3),
    "subclass": Own(nn.Linear(6, 3)),
    "empty": nn.Sequential(),
    "starts with an activation": nn.Sequential(nn.ReLU(), nn.Linear(6, 3)),
    "ends with an activation": nn.Sequential(nn.Linear(6, 3), nn.ReLU()),
    "two activations": nn.Sequential(
        nn.Linear(6, 5), nn.ReLU(), nn.Tanh(), nn.Linear(5, 3)
    ),
    "dropout": nn.Sequential(nn.Linear(6, 5), nn.Dropout(), nn.Linear(5, 3)),
    "hook": hooked(),
    "frozen": frozen(),
    "tied": tied(),
    "other inputs": nn.Sequential(nn.Linear(7, 3)),
}


@pytest.mark.parametrize("model", REFUSED.values(), ids=REFUSED)
def test_other_networks_are_left_to_autograd(model):
    assert not Chain.fits(model, F.cross_entropy, X, LABELS)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (F.l1_loss, TARGETS),
        (F.mse_loss, TARGETS[:, :1]),
        (F.mse_loss, LABELS),
        (F.mse_loss, TARGETS.double()),
        (F.cross_entropy, TARGETS),
        (F.cross_entropy, LABELS.where(LABELS > 0, -100)),
        (F.cross_entropy, LABELS + 1),
    ],
)
def test_other_losses_and_targets_are_left_to_autograd(loss, y):
    assert Chain.fits(net(nn.ReLU), F.cross_entropy, X, LABELS)
    assert not Chain.fits(net(nn.ReLU), loss, X, y)


@pytest.mark.parametrize("settings", [{"rule": sgd}, {"rule": adam}])
def test_the_same_runs_without_the_chain(monkeypatch, settings):
    def runs():
        return fit_many(
            lambda: net(nn.ReLU, nn.Tanh).double(),
            (X.double(), LABELS),
            loss=F.cross_entropy,
            seeds=range(3),
            epochs=10,
            batch_size=8,
            grid={"lr": [0.1, 0.01]},
            clip_norm=0.5,
            **settings,
        )

    by_hand = runs()
    calls = []
    monkeypatch.setattr(
        Chain, "fits", staticmethod(lambda *given: calls.append(given))
    )
    by_autograd = runs()
    assert calls
    for name, value in by_autograd.params.items():
        torch.testing.assert_close(
            by_hand.params[name], value, rtol=1e-10, atol=1e-12
        )
    torch.testing.assert_close(by_hand.history, by_autograd.history)


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("rule", [sgd, adam])
@pytest.mark.parametrize("per_seed", [False, True])
def test_threads_share_the_seeds_and_change_nothing(
    monkeypatch, three_threads, rule, per_seed
):
    def runs():
        data = (X, LABELS)
        if per_seed:
            data = tuple(
                torch.stack([t.roll(i, 0) for i in range(4)]) for t in data
            )
        return fit_many(
            lambda: net(nn.ReLU),
            data,
            loss=F.cross_entropy,
            rule=rule,
            seeds=range(4),
            epochs=5,
            batch_size=8,
            per_seed=per_seed,
            grid={"lr": [0.1, 0.01], "clip_norm": [0.1, 1.0]},
            schedule=lambda step: 1 / (1 + step),
        )

    alone = runs()
    shares = []
    share = training._Step.share
    monkeypatch.setattr(
        training._Step,
        "share",
        lambda step, runs: shares.append(runs) or share(step, runs),
    )
    monkeypatch.setattr(training, "SMALL_STEP", 0)
    together = runs()
    assert shares == [slice(0, 4), slice(4, 8), slice(8, 16)]
    assert torch.get_num_threads() == 3
    torch.testing.assert_close(together.params, alone.params)
    torch.testing.assert_close(together.history, alone.history)


def test_a_rule_of_the_reader_may_return_new_tensors(
    monkeypatch, three_threads
):
    def mine(param, grad, state, *, lr):
        return param - lr * grad, state

    monkeypatch.setattr(training, "SMALL_STEP", 0)
    settings = {
        "loss": F.mse_loss,
        "seeds": range(4),
        "epochs": 5,
        "lr": 0.1,
    }
    ours = fit_many(lambda: net(nn.ReLU), (X, TARGETS), rule=mine, **settings)
    same = fit_many(lambda: net(nn.ReLU), (X, TARGETS), rule=sgd, **settings)
    torch.testing.assert_close(ours.params, same.params)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("per_seed", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_steps_of_a_regression_in_one_loop(monkeypatch, bias, per_seed, decay):
    one, slopes = X.double(), X[:, :1].double() + 1
    data = (one, one.matmul(slopes[:6]))
    if per_seed:
        data = tuple(torch.stack([t, t.roll(1, 0)]) for t in data)

    def runs(**settings):
        return fit_many(
            lambda: nn.Sequential(nn.Linear(6, 1, bias=bias)).double(),
            data,
            loss=F.mse_loss,
            rule=sgd,
            seeds=range(2),
            epochs=5,
            batch_size=8,
            per_seed=per_seed,
            momentum=0.0,
            weight_decay=decay,
            overrides=lambda name, _: (
                {"weight_decay": 0.1 * decay} if "bias" in name else {}
            ),
            **settings,
        )

    calls, regress = [], Chain.regress
    monkeypatch.setattr(
        Chain,
        "regress",
        lambda *given: calls.append(given) or regress(*given),
    )
    for rates in ({"lr": 0.1}, {"grid": {"lr": [0.1, 0.01, 0.02]}}):
        in_one_loop = runs(**rates)
        assert len(calls) == 5
        # the same, step by step
        each = runs(schedule=lambda step: 1.0, **rates)
        assert len(calls) == 5
        with monkeypatch.context() as patched:
            patched.setattr(Chain, "fits", staticmethod(lambda *given: False))
            by_autograd = runs(**rates)
        for other in (each, by_autograd):
            torch.testing.assert_close(in_one_loop.params, other.params)
            torch.testing.assert_close(in_one_loop.history, other.history)
        calls.clear()


def bent():
    return [
        {"momentum": 0.0, "weight_decay": 0.3},
        {"grid": {"lr": [0.1, 0.01], "weight_decay": [0.0, 0.3]}},
        {"momentum": 0.9},
        {"clip_norm": 0.1},
        {"schedule": lambda step: 1 / (1 + step)},
        {"rule": adam, "weight_decay": 0.1},
        {"rule": adam, "amsgrad": True},
        {"rule": adam, "grid": {"beta1": [0.9, 0.5]}},
        {"rule": adam, "schedule": lambda step: torch.tensor(0.5)},
        {
            "rule": adam,
            "overrides": lambda name, _: {"lr": 0.2} if "bias" in name else {},
        },
    ]


@pytest.mark.parametrize("settings", bent())
def test_the_shorter_steps_are_those_of_the_equation(monkeypatch, settings):
    def runs(fast):
        given = {"rule": sgd, "lr": 0.1} | settings
        if "lr" in given.get("grid", {}):
            del given["lr"]
        with monkeypatch.context() as patched:
            if not fast:
                patched.setattr(training, "_fast", lambda rule: rule)
                patched.setattr(training._Step, "descends", False)
            return fit_many(
                lambda: net(nn.ReLU, nn.Tanh).double(),
                (X.double(), LABELS),
                loss=F.cross_entropy,
                seeds=range(3),
                epochs=4,
                batch_size=8,
                **given,
            )

    short, equation = runs(True), runs(False)
    torch.testing.assert_close(short.params, equation.params)
    torch.testing.assert_close(short.history, equation.history)
