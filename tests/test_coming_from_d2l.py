"""The page book/coming_from_d2l.md: every row of its tables is run, and every
sentence about d2l has its test.
"""

import inspect
import math
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from companion import (
    batch_norm,
    data,
    dropout,
    gradients,
    initialization,
    losses,
    optimizers,
    overfitting,
    plots,
    training,
)
from companion.d2l_bridge import d2l

PAGE = (Path(__file__).parents[1] / "book" / "coming_from_d2l.md").read_text(
    encoding="utf8"
)
ENTRY = re.compile(r"`([^`]+)`(?: \((text|0\.17 only)\))?")
# d2l hands a tensor that requires a gradient to float(): its own affair, and
# harmless. torch says so once per process.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Converting a tensor with requires_grad=True:UserWarning:d2l"
)


def code(page: str, heading: str) -> str:
    """Return the Python blocks of the section under a heading, or of the page's
    start, joined.
    """
    section = re.split(r"^## ", page, flags=re.MULTILINE)
    (found,) = (part for part in section if part.startswith(heading))
    return "\n".join(
        re.findall(r"^```python\n(.*?)^```", found, re.MULTILINE | re.DOTALL)
    )


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """Return the rows of the table under a heading: what, and the four
    cells.
    """
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line[:1] == "|"
    ]
    assert lines[0] == ["what", "d2l 0.17", "d2l 1.0", "companion", "torch"]
    assert all(len(line) == 5 for line in lines), (
        "a row has more or fewer than five cells"
    )
    return {line[0]: line[1:] for line in lines[2:]}


def entries(cell: str) -> list[tuple[str, str]]:
    """Return the (code, mark) pairs of a cell; a dash has none."""
    found = (
        []
        if cell == "—"
        else [ENTRY.fullmatch(part) for part in cell.split("; ")]
    )
    assert all(found), (
        f"{cell!r} is neither — nor names like `f`, `f` (text) or `f` (0.17"
        " only), parted by semicolons"
    )
    return [match.groups() for match in found]


def text_batch_norm(X, gamma, beta, mean, var, eps, momentum):
    """A batch through the text's batch normalization, and the moments it keeps.
    In version 0.17, momentum is the weight of the old moments.
    """
    centre, spread = X.mean(0), X.var(0, correction=0)
    out = gamma * (X - centre) / (spread + eps).sqrt() + beta
    return (
        out,
        mean + momentum * (centre - mean),
        (var + momentum * (spread - var)),
    )


# What the text's functions compute, as read in d2l-en at v1.0.3 and v0.17.6.
TEXT = {
    "softmax": lambda X: X.exp() / X.exp().sum(1, keepdim=True),
    "l2_penalty": lambda w: w.square().sum() / 2,
    "batch_norm": text_batch_norm,
}


def names() -> dict:
    """Run the page's first block of code."""
    space = {}
    exec(code(PAGE, "The names"), space)
    return space


SAME_NUMBERS, SAME_JOB = (
    rows(PAGE, "The same numbers"),
    rows(PAGE, "The same job"),
)


def evaluated(cells: list[str], space: dict) -> list:
    """Evaluate the code of a row, with the text's formulas where it calls them;
    see that marked names are in d2l 1.0.3 no more, or never were.
    """
    values = []
    for place, cell in enumerate(cells):
        for source, mark in entries(cell):
            if mark is None:
                values.append(eval(source, space))
                continue
            assert place == 0 or (place == 1 and mark == "text"), (
                f"{source} cannot be marked {mark} there"
            )
            called = re.findall(r"(\w+)\(", source) or [source]
            assert not any(hasattr(d2l, name) for name in called), (
                f"d2l 1.0.3 has {source}"
            )
            if "(" in source:
                values.append(eval(source, {**space, **TEXT}))
    return values


@pytest.mark.parametrize("what", SAME_NUMBERS)
def test_the_entries_of_a_row_give_the_same_numbers(what):
    values = evaluated(SAME_NUMBERS[what], names())
    assert len(values) >= 2
    for value in values[1:]:
        torch.testing.assert_close(
            torch.as_tensor(value),
            torch.as_tensor(values[0]),
            rtol=1e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize("what", SAME_JOB)
def test_the_entries_of_a_row_exist(what):
    assert all(callable(value) for value in evaluated(SAME_JOB[what], names()))


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["`d2l.train_ch3`", "—"], "train_ch3"),
        (["`accuracy` (0.17 only)", "—"], "d2l 1.0.3 has accuracy"),
        (["—", "`train_ch3` (0.17 only)"], "cannot be marked"),
        (["—", "—", "`f` (text)"], "cannot be marked"),
        (["accuracy", "—"], "is neither"),
    ],
)
def test_a_wrong_row_is_named(cells, words):
    with pytest.raises((AssertionError, AttributeError), match=words):
        evaluated(cells, names())


# One test per row of the second table -----------------------------------------

PROVEN = set()


def proves(what: str):
    """Note which row a test is of."""
    PROVEN.add(what)
    return lambda test: test


def test_every_row_has_its_test():
    assert PROVEN == SAME_JOB.keys()


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def shown(monkeypatch):
    """What d2l displays, instead of a display; all figures are closed
    afterwards.
    """
    figures = []
    monkeypatch.setattr(d2l.display, "display", figures.append)
    monkeypatch.setattr(d2l.display, "clear_output", lambda wait: None)
    monkeypatch.setattr(
        d2l.backend_inline, "set_matplotlib_formats", lambda *formats: None
    )  # for notebooks only
    yield figures
    plt.close("all")


class Quiet(d2l.Classifier):
    """A classifier that shows nothing."""

    def __init__(self, *layers, lr=0.1):
        super().__init__()
        self.save_hyperparameters(ignore=["layers"])
        self.board.display = False
        self.net = nn.Sequential(*layers)


class Rows(d2l.DataModule):
    """Training and validation pairs."""

    def __init__(self, train, valid, batch_size):
        super().__init__()
        self.save_hyperparameters()

    def get_dataloader(self, train):
        return self.get_tensorloader(
            self.hparams["train" if train else "valid"], train
        )


def three_classes(n):
    """Inputs of two columns, and labels that depend on them."""
    X = torch.randn(n, 2)
    return X, (X[:, 0] > 0).long() + (X[:, 1] > 0).long()


@proves("linear data with noise")
def test_linear_data():
    made = d2l.SyntheticRegressionData(
        torch.tensor([2.0, -3.4]), 4.2, noise=0.5, num_train=3000, num_val=1000
    )
    split = data.linear_teacher(
        0, n_train=3000, n_test=1000, n_features=2, noise=0.5
    )
    for X, y in (
        (made.X, made.y),
        (
            torch.cat([split.X_train, split.X_test]),
            torch.cat([split.y_train, split.y_test]),
        ),
    ):
        design = torch.cat([X, torch.ones(len(X), 1)], 1)
        rest = y.reshape(-1) - design @ torch.linalg.lstsq(
            design, y.reshape(-1, 1)
        ).solution.squeeze(1)
        assert rest.std().item() == pytest.approx(
            0.5, rel=5 / math.sqrt(2 * len(X))
        )


@proves("shuffled batches")
def test_batches():
    X, y = torch.arange(10.0).unsqueeze(1), torch.arange(10.0)
    module = Rows((X, y), (X, y), 4)
    seen = []
    training.fit(
        model := nn.Linear(1, 1),
        (X, y),
        loss=lambda output, target: (
            seen.append(target) or F.mse_loss(output.squeeze(1), target)
        ),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        epochs=1,
        batch_size=4,
    )
    for batches in (
        [t for _, t in d2l.load_array((X, y), 4)],
        [t for _, t in module.train_dataloader()],
        seen,
    ):
        assert [len(t) for t in batches] == [4, 4, 2]
        assert not torch.cat(batches).equal(y) and torch.cat(
            batches
        ).sort().values.equal(y)


@proves("Fashion-MNIST")
def test_fashion_mnist():
    """The loaders themselves run in tests/test_d2l_bridge.py; here, that both
    read with torchvision's class.
    """
    for loader in (d2l.load_data_fashion_mnist, d2l.FashionMNIST):
        assert "torchvision.datasets.FashionMNIST" in inspect.getsource(loader)


def stepped(step):
    """Weights after one step on the half squared error of eight rows."""
    torch.manual_seed(0)
    X, y = d2l.synthetic_data(torch.tensor([2.0, -3.4]), 4.2, 8)
    w = torch.ones(2, 1, requires_grad=True)
    step(w, d2l.squared_loss(X @ w, y))
    return w.detach()


@proves("a step of SGD")
def test_a_step_of_sgd():
    def function(w, losses):
        losses.sum().backward()
        d2l.sgd([w], 0.1, batch_size=8)
        assert w.grad.abs().sum() == 0

    def method(make):
        def step(w, losses):
            losses.mean().backward()
            with torch.no_grad():
                make([w], lr=0.1).step()

        return step

    makers = (d2l.SGD, optimizers.SGD, torch.optim.SGD)
    first, *others = [
        stepped(function),
        *(stepped(method(make)) for make in makers),
    ]
    for other in others:
        torch.testing.assert_close(other, first)


@proves("momentum, Adam")
def test_adam():
    def step(make):
        return lambda w, losses: (
            losses.mean().backward(),
            make([w], lr=0.1).step(),
        )

    torch.testing.assert_close(
        stepped(step(optimizers.Adam)), stepped(step(torch.optim.Adam))
    )


@proves("the training loop")
def test_training_loops(shown, capsys):
    """Full batches have no order, so the three loops must end with the same
    weights.
    """
    train = three_classes(60)
    model = Quiet(nn.Linear(2, 3), lr=0.5)
    nets = {"fit": nn.Linear(2, 3), "ch6": nn.Linear(2, 3)}
    torch.manual_seed(1)
    d2l.init_cnn(model.net[0])  # what train_ch6 does to every layer first
    for name, net in nets.items():
        net.load_state_dict(model.net[0].state_dict())
        if name == "fit":
            sgd = optimizers.SGD(net.parameters(), lr=0.5)
            training.fit(
                net,
                train,
                loss=F.cross_entropy,
                optimizer=sgd,
                epochs=10,
                batch_size=None,
            )
    d2l.Trainer(max_epochs=10).fit(model, Rows(train, train, 60))
    torch.manual_seed(1)
    full = [train] * 5  # five batches are one epoch: train_ch6 needs that many
    d2l.train_ch6(nets["ch6"], full, [train], 2, 0.5, torch.device("cpu"))
    assert "training on cpu" in capsys.readouterr().out and shown
    for name, net in nets.items():
        torch.testing.assert_close(
            net.weight,
            model.net[0].weight,
            msg=lambda text, name=name: f"{name}: {text}",
        )
        torch.testing.assert_close(net.bias, model.net[0].bias)


@proves("curves")
def test_curves(shown):
    animator, board = d2l.Animator(), d2l.ProgressBoard(xlabel="epoch")
    _, ax = plt.subplots()
    for epoch, loss in enumerate([3.0, 2.0, 1.5]):
        animator.add(epoch, loss)
        board.draw(epoch, loss, "loss")
    plots.band(ax, range(3), torch.tensor([[3.0, 2.0, 1.5]] * 2), label="loss")
    assert (
        animator.Y[0]
        == [point.y for point in board.data["loss"]]
        == list(ax.lines[0].get_ydata())
    )
    assert len(shown) == 6


@proves("sums over batches")
def test_sums_over_batches():
    X, y = three_classes(10)
    net, metric = nn.Linear(2, 3), d2l.Accumulator(2)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    still = torch.optim.SGD(net.parameters(), lr=0.0)
    history = training.fit(
        net,
        (X, y),
        loss=F.cross_entropy,
        optimizer=still,
        epochs=1,
        batch_size=4,
    )
    for x, labels in d2l.load_array((X, y), 4):
        metric.add(F.cross_entropy(net(x), labels, reduction="sum"), len(x))
    assert metric[0] / metric[1] == pytest.approx(
        history["train_loss"][0], rel=1e-5
    )
    assert all(
        start[name].equal(value) for name, value in net.state_dict().items()
    )


def clipped(clip, length):
    """The gradient of a layer after clipping to a norm of 1, from a norm of the
    given length.
    """
    torch.manual_seed(0)
    net = nn.Linear(3, 2, bias=False).double()
    net.weight.grad = (
        F.normalize(torch.randn(6, dtype=torch.float64), dim=0)
        .mul(length)
        .reshape(2, 3)
    )
    clip(net)
    return net.weight.grad


def d2l_clips(net):
    """Clip as d2l.Trainer does."""
    d2l.Trainer(max_epochs=1, gradient_clip_val=1).clip_gradients(1, net)


@proves("clipping")
def test_clipping():
    for length in (0.5, 10.0):
        by_function = clipped(lambda net: d2l.grad_clipping(net, 1), length)
        torch.testing.assert_close(
            clipped(d2l_clips, length), by_function, rtol=1e-14, atol=0
        )
        for clip in (gradients.clip_grad_norm_, nn.utils.clip_grad_norm_):
            other = clipped(
                lambda net, clip=clip: clip(net.parameters(), 1), length
            )
            torch.testing.assert_close(other, by_function, rtol=2e-6, atol=0)


@proves("Xavier's start")
def test_xavier():
    def started(start):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 2))
        torch.manual_seed(1)
        start(net)
        return [layer.weight for layer in net]

    ours = started(
        lambda net: initialization.initialize(
            net, initialization.xavier_uniform_
        )
    )
    theirs = started(
        lambda net: [nn.init.xavier_uniform_(layer.weight) for layer in net]
    )
    for weight, our, their in zip(
        started(lambda net: net.apply(d2l.init_cnn)), ours, theirs, strict=True
    ):
        assert weight.equal(their)
        torch.testing.assert_close(our, weight)


@proves("dropout")
def test_dropping():
    for drop in (dropout.dropout, F.dropout):
        dropped = drop(torch.ones(10_000), 0.2)
        assert sorted(dropped.unique().tolist()) == [0.0, 1.25]
        assert (dropped == 0).float().mean().item() == pytest.approx(
            0.2, abs=5 * 0.4 / 100
        )


@proves("batch normalization layer")
def test_batch_norm_layer():
    ours, theirs = batch_norm.BatchNorm1d(3), nn.BatchNorm1d(3)
    for mode in (True, True, False):
        X = torch.randn(20, 3) + 5
        torch.testing.assert_close(ours.train(mode)(X), theirs.train(mode)(X))


@proves("residual block")
def test_residual():
    X, block = torch.randn(2, 3, 5, 5), d2l.Residual(3)
    ends = block(X)
    branch = nn.Sequential(
        block.conv1, block.bn1, nn.ReLU(), block.conv2, block.bn2
    )
    torch.testing.assert_close(gradients.Residual(branch)(X).relu(), ends)


@proves("folds for cross-validation")
def test_folds():
    cut = overfitting.kfold(10, 5)
    assert torch.cat(
        [torch.as_tensor(test) for _, test in cut]
    ).sort().values.tolist() == list(range(10))


@proves("predicted classes")
def test_predicted():
    X, y = three_classes(20)
    settings = {
        "loss": F.cross_entropy,
        "rule": optimizers.sgd,
        "seeds": [0, 1],
        "epochs": 1,
        "lr": 0.1,
    }
    runs = training.fit_many(lambda: nn.Linear(2, 3), (X, y), **settings)
    for i in range(2):
        assert (
            runs.predict(X)[i]
            .argmax(-1)
            .equal(torch.argmax(runs.model(i)(X), dim=1))
        )


@proves("path on a surface")
def test_path(capsys):
    """On x² + 2 y², as the text draws it."""

    def step(x, y, s, t):
        return x - 0.1 * 2 * x, y - 0.1 * 4 * y, 0, 0

    ends = {"d2l": torch.tensor(d2l.train_2d(step, steps=20)[-1])}
    capsys.readouterr()  # train_2d prints the last point
    ours, theirs = (
        torch.tensor([-5.0, -2.0]),
        torch.tensor([-5.0, -2.0], requires_grad=True),
    )
    slopes, state, sgd = (
        torch.tensor([2.0, 4.0]),
        {},
        torch.optim.SGD([theirs], lr=0.1),
    )
    for _ in range(20):
        ours, state = optimizers.sgd(ours, slopes * ours, state, lr=0.1)
        theirs.grad = slopes * theirs.detach()
        sgd.step()
    torch.testing.assert_close(ours, ends["d2l"])
    torch.testing.assert_close(theirs.detach(), ends["d2l"])


# What d2l 1.0.3 really does ---------------------------------------------------


def test_accuracy_counts_and_the_method_averages():
    logits, labels = torch.eye(4), torch.tensor([0, 1, 2, 0])
    assert d2l.accuracy(logits, labels) == 3
    assert d2l.Classifier().accuracy(logits, labels) == 0.75
    assert "number of correct" in inspect.getdoc(d2l.Classifier.accuracy)


def test_linear_regression_takes_steps_twice_as_long():
    y_hat, y = torch.randn(8, 1), torch.randn(8, 1)
    scratch, concise = (
        d2l.LinearRegressionScratch(1, 0.1),
        d2l.LinearRegression(0.1),
    )
    torch.testing.assert_close(
        concise.loss(y_hat, y), 2 * scratch.loss(y_hat, y)
    )


def test_sgd_expects_the_sum_of_the_losses():
    def step(w, losses):
        losses.mean().backward()
        d2l.sgd([w], 0.1, batch_size=8)

    def right(w, losses):
        losses.mean().backward()
        optimizers.SGD([w], lr=0.1).step()

    torch.testing.assert_close(8 * (stepped(step) - 1), stepped(right) - 1)
    with pytest.raises(TypeError, match="SGD is not an Optimizer"):
        torch.optim.lr_scheduler.StepLR(d2l.SGD([torch.ones(1)], 0.1), 1)


def test_linear_regression_forgets_its_small_start():
    torch.manual_seed(0)
    model = d2l.LinearRegression(0.1)
    model(torch.zeros(1, 100))
    assert model.net.weight.std().item() == pytest.approx(
        0.1 / math.sqrt(3), rel=0.3
    )  # uniform in ±1/√100
    assert model.net.bias.item() != 0


def test_the_board_has_the_curves_and_the_mean_validation_loss_of_batches():
    torch.manual_seed(0)
    train, valid = three_classes(40), three_classes(5)
    model = Quiet(nn.Linear(2, 3), lr=0.0)
    assert d2l.Trainer(max_epochs=1).fit(model, Rows(train, valid, 4)) is None
    (point,) = model.board.data["val_loss"]
    losses = F.cross_entropy(
        model(valid[0]), valid[1], reduction="none"
    ).detach()
    assert point.y == pytest.approx((losses[:4].mean() + losses[4]).item() / 2)
    history = training.fit(
        model.net,
        train,
        valid=valid,
        loss=F.cross_entropy,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.0),
        epochs=1,
    )
    assert history["valid_loss"] == pytest.approx([losses.mean().item()])


def test_one_batch_per_epoch_draws_no_training_curve():
    train = three_classes(40)
    for batch_size, points in ((40, 0), (20, 10)):
        model = Quiet(nn.Linear(2, 3))
        d2l.Trainer(max_epochs=5).fit(model, Rows(train, train, batch_size))
        assert len(model.board.data["train_loss"]) == points


def test_a_missing_gpu_is_not_mentioned(monkeypatch, capsys):
    monkeypatch.setattr(d2l, "num_gpus", lambda: 0)
    assert d2l.Trainer(max_epochs=1, num_gpus=1).gpus == []
    assert capsys.readouterr() == ("", "")


def test_train_ch6_starts_afresh_and_needs_five_batches(shown, capsys):
    train = three_classes(40)
    net = nn.Linear(2, 3)
    nn.init.constant_(net.weight, 100.0)
    d2l.train_ch6(net, [train] * 5, [train], 2, 0.1, "cpu")
    assert net.weight.abs().max() < 10
    with pytest.raises(ZeroDivisionError):
        d2l.train_ch6(net, [train] * 4, [train], 2, 0.1, "cpu")


def test_evaluate_loss_refuses_labels_averages_batches_and_leaves_dropout_on():
    X, y = three_classes(10)
    with pytest.raises(RuntimeError, match="shape"):
        d2l.evaluate_loss(
            nn.Linear(2, 3),
            d2l.load_array((X, y), 4),
            nn.CrossEntropyLoss(reduction="none"),
        )
    values = torch.tensor([[0.0], [0.0], [3.0]])
    of_batches = d2l.evaluate_loss(
        lambda x: 0 * x,
        d2l.load_array((values, values), 2, False),
        nn.MSELoss(),
    )
    assert of_batches == 4.5  # (0 + 9) / 2, and not 9 / 3
    ones = torch.ones(100, 1)
    net = nn.Dropout(0.5)
    assert (
        d2l.evaluate_loss(
            net, d2l.load_array((ones, ones), 10), d2l.squared_loss
        )
        == 0.5
    )  # (2 − 1)² / 2, (0 − 1)² / 2


def test_clipping_goes_exactly_to_the_bound_and_needs_every_gradient():
    torch_norm = (
        clipped(lambda net: nn.utils.clip_grad_norm_(net.parameters(), 1), 2.0)
        .norm()
        .item()
    )
    assert clipped(d2l_clips, 2.0).norm().item() == pytest.approx(1, abs=1e-12)
    assert 1 - torch_norm == pytest.approx(1e-6 / 2, rel=1e-3)
    with pytest.raises(TypeError, match="NoneType"):
        d2l_clips(nn.Linear(2, 2))


def test_the_texts_batch_norm_keeps_the_biased_variance():
    X, n = torch.randn(8, 3), 8
    _, mean, var = text_batch_norm(
        X, 1, 0, torch.zeros(3), torch.ones(3), 0, 0.1
    )
    for layer in (batch_norm.BatchNorm1d(3), nn.BatchNorm1d(3)):
        layer(X)
        torch.testing.assert_close(layer.running_mean, mean)
        ratio = (layer.running_var - 0.9) / (var - 0.9)
        torch.testing.assert_close(ratio, torch.full((3,), n / (n - 1)))


def test_adams_epsilon_is_smaller_than_the_texts():
    parameters = [nn.Parameter(torch.zeros(1))]
    for kind in (optimizers.Adam, torch.optim.Adam):
        assert kind(parameters).defaults["eps"] == 1e-8 < 1e-6


def test_the_texts_softmax_overflows():
    logits = torch.tensor([[89.0, 0.0]])
    assert TEXT["softmax"](logits).isnan().any()
    assert losses.softmax(logits).sum() == 1


def test_init_cnn_leaves_biases():
    net = nn.Linear(3, 2)
    before = net.bias.clone()
    net.apply(d2l.init_cnn)
    assert net.bias.equal(before) and before.abs().min() > 0
    assert (
        initialization.initialize(net, initialization.xavier_uniform_)
        .bias.abs()
        .max()
        == 0
    )


def test_data_of_d2l_depends_on_the_global_seed_and_the_companions_does_not():
    def draws(seed):
        torch.manual_seed(seed)
        X, _ = d2l.synthetic_data(torch.ones(2), 0.0, 8)
        (batch,) = d2l.load_array((torch.arange(8),), 8)
        return (
            X,
            batch[0],
            data.linear_teacher(0, n_train=8, n_test=1, n_features=2).X_train,
        )

    first, again, other = draws(1), draws(1), draws(2)
    assert [a.equal(b) for a, b in zip(first, again, strict=True)] == [
        True,
        True,
        True,
    ]
    assert [a.equal(b) for a, b in zip(first, other, strict=True)] == [
        False,
        False,
        True,
    ]


# Companion parts under d2l.Trainer --------------------------------------------


def test_the_trainer_ends_where_fit_ends():
    space = names()
    exec(code(PAGE, "Companion parts"), space)
    model, other = space["model"].net, space["other"]
    assert len(space["history"]["valid_loss"]) == 3
    for (name, ours), theirs in zip(
        model.state_dict().items(), other.state_dict().values(), strict=True
    ):
        distance = (ours - theirs).double().norm() / theirs.double().norm()
        assert distance <= 1e-10, name
    assert all(
        parameter.dtype is torch.float64 for parameter in other.parameters()
    )
