"""d2l through the bridge: what the course uses of it works, and what can be
missing is said in one sentence.
"""

import ast
import functools
import gzip
import hashlib
import importlib
import importlib.util
import math
import re
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from companion import d2l_bridge, optimizers
from companion.augmentation import Augment, add_noise
from companion.batch_norm import BatchNorm1d
from companion.d2l_bridge import d2l, load_d2l
from companion.data import digits
from companion.dropout import Dropout
from companion.gradients import Residual
from companion.training import accuracy, fit


def test_the_import_is_silent_and_declared_operators_refuse_to_run():
    """In a process of its own: torch warns once, and remembers declared
    operators.
    """
    code = """
import torch
from companion import d2l_bridge
assert d2l_bridge.load_d2l() is d2l_bridge.d2l
print(d2l_bridge.d2l.__name__)
# else torchvision's own operators load, and there is nothing to declare
if d2l_bridge._declared:
    for name in ("nms", "qnms"):
        try:
            operator = getattr(torch.ops.torchvision, name)
            operator(torch.zeros(1, 4), torch.zeros(1), 0.5)
            print("ran")
        except NotImplementedError as error:
            assert f"torchvision::{name}" in str(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("d2l.torch\n", "", 0)


def test_synthetic_data_and_load_array():
    torch.manual_seed(0)
    w = torch.tensor([2.0, -3.4])
    X, y = d2l.synthetic_data(w, 4.2, 1000)
    assert X.shape == (1000, 2) and y.shape == (1000, 1)
    rest = y.squeeze(1) - X @ w - 4.2
    assert rest.std().item() == pytest.approx(0.01, rel=5 / math.sqrt(2000))
    batches = list(d2l.load_array((X, y), 30, is_train=False))
    assert [len(x) for x, _ in batches] == [30] * 33 + [10]
    assert torch.cat([x for x, _ in batches]).equal(X)
    shuffled = torch.cat([x for x, _ in d2l.load_array((X, y), 30)])
    assert not shuffled.equal(X) and sorted(shuffled.tolist()) == sorted(
        X.tolist()
    )


# d2l hands a tensor that requires a gradient to float(): its own affair, and
# harmless. torch says so once per process.
@pytest.mark.filterwarnings(
    "ignore:Converting a tensor with requires_grad=True:UserWarning:d2l"
)
def test_evaluate_loss_is_the_mean_over_all_rows():
    torch.manual_seed(0)
    X, y = d2l.synthetic_data(torch.tensor([2.0, -3.4]), 4.2, 100)
    net = nn.Linear(2, 1)
    loss = d2l.evaluate_loss(
        net, d2l.load_array((X, y), 30), nn.MSELoss(reduction="none")
    )
    assert loss == pytest.approx(
        nn.functional.mse_loss(net(X), y).item(), rel=1e-5
    )


def test_trainer_fits_a_module():
    class Regression(d2l.Module):
        def __init__(self):
            super().__init__()
            self.board.display = False
            self.net = nn.Linear(2, 1)

        def forward(self, X):
            return self.net(X)

        def loss(self, y_hat, y):
            return nn.functional.mse_loss(y_hat, y)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    torch.manual_seed(0)
    model, data = (
        Regression(),
        d2l.SyntheticRegressionData(
            torch.tensor([2.0, -3.4]), 4.2, num_train=500, num_val=50
        ),
    )
    trainer = d2l.Trainer(max_epochs=2)
    trainer.fit(model, data)
    assert trainer.epoch == 1  # counted from 0
    assert torch.allclose(
        model.net.weight, torch.tensor([[2.0, -3.4]]), atol=0.01
    )
    assert model.net.bias.item() == pytest.approx(4.2, abs=0.01)


# Companion parts under d2l.Trainer --------------------------------------------

OPTIMIZERS = [
    each
    for name, each in vars(optimizers).items()
    if not name.startswith("_")
    and isinstance(each, type)
    and issubclass(each, torch.optim.Optimizer)
]


class Order(torch.utils.data.Sampler):
    """The rows in the order of ``fit``."""

    def __init__(self, n, seed):
        self.n, self.chance = n, torch.Generator().manual_seed(seed)

    def __len__(self):
        return self.n

    def __iter__(self):
        return iter(torch.randperm(self.n, generator=self.chance).tolist())


class Pairs(d2l.DataModule):
    """The companion's data for ``d2l.Trainer``."""

    def __init__(self, split, seed=0, batch_size=32):
        super().__init__()
        self.save_hyperparameters()

    def get_dataloader(self, train):
        if not train:
            return self.get_tensorloader(self.split.valid, train)
        rows = torch.utils.data.TensorDataset(*self.split.train)
        return torch.utils.data.DataLoader(
            rows, self.batch_size, sampler=Order(len(rows), self.seed)
        )


class Net(d2l.Classifier):
    """A network with its optimizer, for ``d2l.Trainer``."""

    def __init__(self, net, make):
        super().__init__()
        self.net, self.make = net, make
        self.board.display = False

    def configure_optimizers(self):
        return self.make(self.net.parameters())


def digits_net(seed):
    """A small network for the digits, in float64."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(64, 32), BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10)
    ).double()


@pytest.mark.parametrize(
    "optimizer", OPTIMIZERS, ids=lambda each: each.__name__
)
def test_the_trainer_ends_where_fit_ends(optimizer):
    """Weights and running moments agree to 1e-10 in float64, after 30 steps
    with the same batches.
    """
    split = digits(0, n_train=300, n_valid=100, dtype=torch.float64)
    ours, theirs = digits_net(0), digits_net(0)
    make = functools.partial(optimizer, lr=0.003, weight_decay=0.01)
    d2l.Trainer(max_epochs=3).fit(Net(theirs, make), Pairs(split, seed=5))
    optimizer = make(ours.parameters())
    fit(
        ours,
        split.train,
        loss=F.cross_entropy,
        optimizer=optimizer,
        epochs=3,
        seed=5,
    )
    start = digits_net(0).state_dict()
    for name, value in ours.state_dict().items():
        assert not value.equal(start[name]), name
        assert (
            value - theirs.state_dict()[name]
        ).double().norm() <= 1e-10 * value.double().norm(), name


def test_layers_of_the_companion_know_training_from_validation():
    modes = {True: 0, False: 0}
    layers = (
        Augment(lambda x: add_noise(x, 0.1)),
        nn.Linear(64, 16),
        BatchNorm1d(16),
        Residual(nn.Tanh()),
        Dropout(0.2),
    )
    net = nn.Sequential(*layers, nn.Linear(16, 10))
    for layer in layers:
        layer.register_forward_hook(
            lambda layer, *_: modes.update(
                {layer.training: modes[layer.training] + 1}
            )
        )
    model = Net(net, functools.partial(optimizers.AdamW, lr=0.01))
    torch.manual_seed(0)
    d2l.Trainer(max_epochs=5).fit(
        model, Pairs(digits(0, n_train=320, n_valid=64))
    )
    assert modes == {True: 5 * 10 * len(layers), False: 5 * 2 * len(layers)}
    losses = [point.y for point in model.board.data["val_loss"]]
    assert len(losses) == 5 and losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("display", [False, True])
def test_a_board_that_does_not_display_is_quiet(display, monkeypatch, capsys):
    monkeypatch.setattr(
        d2l.backend_inline, "set_matplotlib_formats", lambda *formats: None
    )  # for notebooks only
    model = Net(nn.Linear(64, 10), functools.partial(optimizers.SGD, lr=0.1))
    model.board.display = display
    d2l.Trainer(max_epochs=2).fit(
        model, Pairs(digits(0, n_train=64, n_valid=32))
    )
    said, figures = "".join(capsys.readouterr()), d2l.plt.get_fignums()
    d2l.plt.close("all")
    assert (said != "", figures != []) == (display, display)
    assert {name: len(points) for name, points in model.board.data.items()} == {
        "train_loss": 4,
        "val_loss": 2,
        "val_acc": 2,
    }


# Fashion-MNIST ----------------------------------------------------------------


def idx(values):
    """Write bytes as an idx file: two zeros, the type, the number of
    dimensions, the dimensions, the data.
    """
    return (
        struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
        + values.numpy().tobytes()
    )


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """Small packed files in the format of Fashion-MNIST where d2l looks, with
    their checksums; no network.
    """

    def no_network(request, *more, **named):
        raise urllib.error.URLError("no network here")

    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    torch.manual_seed(0)
    arrays, resources = {}, []
    for part, n in (("train", 12), ("t10k", 5)):
        arrays[f"{part}-images-idx3-ubyte"] = torch.randint(
            256, (n, 28, 28), dtype=torch.uint8
        )
        arrays[f"{part}-labels-idx1-ubyte"] = (
            torch.arange(n, dtype=torch.uint8) % 10
        )
    for name, values in arrays.items():
        packed = gzip.compress(idx(values))
        (raw / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # d2l reads ../data
    monkeypatch.setattr(
        d2l.torchvision.datasets.FashionMNIST, "resources", resources
    )
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    monkeypatch.setattr(
        d2l, "get_dataloader_workers", lambda: 0
    )  # four processes for 17 images are too many
    return raw, {
        name.split("-ubyte")[0]: values for name, values in arrays.items()
    }


def test_load_data_fashion_mnist_reads_packed_files(fashion):
    _, arrays = fashion
    train, test = d2l.load_data_fashion_mnist(4)
    X, y = (torch.cat(parts) for parts in zip(*test, strict=True))
    assert X.equal(arrays["t10k-images-idx3"].unsqueeze(1) / 255) and y.equal(
        arrays["t10k-labels-idx1"].long()
    )
    X, y = (torch.cat(parts) for parts in zip(*train, strict=True))
    assert sorted(y.tolist()) == sorted(arrays["train-labels-idx1"].tolist())
    images = {image.numpy().tobytes() for image in arrays["train-images-idx3"]}
    assert {
        (image * 255).round().byte().numpy().tobytes() for image in X
    } == images
    (small, _), *_ = d2l.load_data_fashion_mnist(4, resize=8)[0]
    assert small.shape == (4, 1, 8, 8)


def test_fashion_mnist_trains_a_network_with_the_companion(fashion):
    rows = d2l.FashionMNIST(batch_size=4)
    rows.num_workers = 0
    assert (len(rows.train), len(rows.val)) == (12, 5)
    assert (
        rows.text_labels([0, 9])
        == d2l.get_fashion_mnist_labels([0, 9])
        == ["t-shirt", "ankle boot"]
    )
    model = Net(
        nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
        functools.partial(optimizers.Adam, lr=0.01),
    )
    d2l.Trainer(max_epochs=20).fit(model, rows)
    X, y = next(iter(torch.utils.data.DataLoader(rows.train, 12)))
    assert accuracy(model(X), y) == 1.0


def test_a_damaged_packed_file_is_not_unpacked(fashion):
    raw, _ = fashion
    packed = raw / "t10k-images-idx3-ubyte.gz"
    packed.write_bytes(packed.read_bytes()[:-1])
    with pytest.raises(
        RuntimeError,
        match=(
            r"^Error downloading t10k-images-idx3-ubyte.gz:\n(.|\n)*no network"
            r" here"
        ),
    ):
        d2l.FashionMNIST()
    assert not (raw / "t10k-images-idx3-ubyte").exists()


def test_unpacked_files_are_taken_as_they_are(fashion):
    raw, arrays = fashion
    for name, values in arrays.items():
        (raw / f"{name}-ubyte").write_bytes(idx(0 * values))
        (raw / f"{name}-ubyte.gz").unlink()
    assert d2l.FashionMNIST().train.data.sum() == 0


# What can be missing ----------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("d2l", "--no-deps d2l==1.0.3"),
        ("torchvision", "--no-deps torchvision"),
        ("pandas", "pandas"),
        ("requests", "requests"),
        ("PIL", "pillow"),
        ("IPython", "ipython"),
        ("matplotlib_inline", "matplotlib-inline"),
    ],
)
def test_a_missing_package_is_one_sentence_with_the_command(
    package, arguments, monkeypatch
):
    sentence = (
        f"{package} is not installed; install it with: python -m pip install"
        f" {arguments}"
    )
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == package else find(name, *more),
    )
    with pytest.raises(ImportError, match=f"^{re.escape(sentence)}$"):
        load_d2l()


def test_every_package_that_d2l_imports_is_looked_for():
    source = ast.parse(Path(d2l.__file__).read_text(encoding="utf8"))
    imported = {
        name.name
        for node in source.body
        if isinstance(node, ast.Import)
        for name in node.names
    }
    imported |= {
        node.module for node in source.body if isinstance(node, ast.ImportFrom)
    }
    looked_for = (
        d2l_bridge._PACKAGES.keys()
        | {"numpy", "torch", "scipy", "matplotlib"}
        | sys.stdlib_module_names
    )
    assert {name.partition(".")[0] for name in imported} <= looked_for


def broken_torchvision(monkeypatch, error):
    """Let the import of torchvision fail, and note which operators get declared
    and what is imported.
    """
    imported, declared, load = [], [], importlib.import_module

    def import_module(name, *more):
        imported.append(name)
        if name == "torchvision":
            raise error
        return load(name, *more)

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(
        d2l_bridge, "_declare_operators", lambda: declared.append(True)
    )
    return imported, declared


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Numpy is not available"),
        RuntimeError("CUDA error: out of memory"),
        ImportError("libcudart.so.13: cannot open shared object file"),
        ValueError("operator torchvision::nms does not exist"),
    ],
    ids=str,
)
def test_other_errors_of_torchvision_are_not_swallowed(error, monkeypatch):
    imported, declared = broken_torchvision(monkeypatch, error)
    with pytest.raises(type(error), match=f"^{re.escape(str(error))}$"):
        load_d2l()
    assert imported == ["torchvision"]
    assert not declared


def test_a_missing_operator_is_declared_and_d2l_imported_all_the_same(
    monkeypatch,
):
    error = RuntimeError("operator torchvision::nms does not exist")
    imported, declared = broken_torchvision(monkeypatch, error)
    assert load_d2l() is d2l
    assert imported == ["torchvision", "d2l.torch"]
    assert declared == [True]
