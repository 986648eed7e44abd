"""d2l through the bridge: what the course uses of it works, and what can be missing is said in one sentence."""

import importlib
import importlib.util
import math
import re
import subprocess
import sys

import pytest
import torch
from torch import nn

from companion import d2l_bridge
from companion.d2l_bridge import d2l, load_d2l


def test_the_import_is_silent_and_declared_operators_refuse_to_run():
    """In a process of its own: torch warns once, and remembers declared operators."""
    code = """
import torch
from companion import d2l_bridge
assert d2l_bridge.load_d2l() is d2l_bridge.d2l
print(d2l_bridge.d2l.__name__)
if d2l_bridge._declared:  # else torchvision's own operators load, and there is nothing to declare
    for name in ("nms", "qnms"):
        try:
            getattr(torch.ops.torchvision, name)(torch.zeros(1, 4), torch.zeros(1), 0.5)
            print("ran")
        except NotImplementedError as error:
            assert f"torchvision::{name}" in str(error)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
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
    assert not shuffled.equal(X) and sorted(shuffled.tolist()) == sorted(X.tolist())


# d2l hands a tensor that requires a gradient to float(): its own affair, and harmless. torch says so once per process.
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True:UserWarning:d2l")
def test_evaluate_loss_is_the_mean_over_all_rows():
    torch.manual_seed(0)
    X, y = d2l.synthetic_data(torch.tensor([2.0, -3.4]), 4.2, 100)
    net = nn.Linear(2, 1)
    loss = d2l.evaluate_loss(net, d2l.load_array((X, y), 30), nn.MSELoss(reduction="none"))
    assert loss == pytest.approx(nn.functional.mse_loss(net(X), y).item(), rel=1e-5)


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
    model, data = Regression(), d2l.SyntheticRegressionData(torch.tensor([2.0, -3.4]), 4.2, num_train=500, num_val=50)
    trainer = d2l.Trainer(max_epochs=2)
    trainer.fit(model, data)
    assert trainer.epoch == 1  # counted from 0
    assert torch.allclose(model.net.weight, torch.tensor([[2.0, -3.4]]), atol=0.01)
    assert model.net.bias.item() == pytest.approx(4.2, abs=0.01)


@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        ("d2l", "d2l is not installed; install it with: python -m pip install --no-deps d2l==1.0.3"),
        ("torchvision", "torchvision is not installed; install it with: python -m pip install --no-deps torchvision"),
    ],
)
def test_a_missing_package_is_one_sentence_with_the_command(package, sentence, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == package else find(name, *more))
    with pytest.raises(ImportError, match=f"^{re.escape(sentence)}$"):
        load_d2l()


def broken_torchvision(monkeypatch, error):
    """Let the import of torchvision fail, and note which operators get declared and what is imported."""
    imported, declared, load = [], [], importlib.import_module

    def import_module(name, *more):
        imported.append(name)
        if name == "torchvision":
            raise error
        return load(name, *more)

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(d2l_bridge, "_declare_operators", lambda: declared.append(True))
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


def test_a_missing_operator_is_declared_and_d2l_imported_all_the_same(monkeypatch):
    error = RuntimeError("operator torchvision::nms does not exist")
    imported, declared = broken_torchvision(monkeypatch, error)
    assert load_d2l() is d2l
    assert imported == ["torchvision", "d2l.torch"]
    assert declared == [True]
