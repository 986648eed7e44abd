"""How fast is ``fit_many``? Its time against that of

* one by one: ``torch.optim`` and a ``DataLoader``, as a careful person would
  write it;
* JAX: the training of all runs compiled at once, see ``jax_many.py``
  (``pip install jax``; without it the column says so);
* the batched products of all steps, and nothing else;
* itself, with another process computing beside it.

Ratios of medians over alternating rounds, all measured in this process on this
many cores. Then one run of a lesson drawn with ``d2l.Animator``.

    python benchmarks/bench_fit_many.py --cores 1
"""

import argparse
import contextlib
import importlib.util
import io
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from companion import data, optimizers
from companion.training import fit_many, seeded_model

NEIGHBOUR = """
import torch
a = torch.randn(500, 500)
print("computing", flush=True)
while True:
    a @ a
"""


class Case(NamedTuple):
    """What is trained."""

    name: str
    sizes: tuple
    train: tuple
    loss: object
    rule: str
    seeds: int
    rates: list
    epochs: int
    batch_size: int
    between: object = nn.ReLU

    def model(self):
        """A net of these widths."""
        layers = [
            layer
            for a, b in pairwise(self.sizes)
            for layer in (nn.Linear(a, b), self.between())
        ]
        return nn.Sequential(*layers[:-1])


class Dropped(nn.Sequential):
    """ReLU, then dropout."""

    def __init__(self):
        super().__init__(nn.ReLU(), nn.Dropout(0.5))


class Normalized(nn.Sequential):
    """Batch normalization of 128 units, then ReLU."""

    def __init__(self):
        super().__init__(nn.BatchNorm1d(128), nn.ReLU())


def together(case):
    """All runs with ``fit_many``."""
    fit_many(
        case.model,
        case.train,
        loss=case.loss,
        rule=getattr(optimizers, case.rule),
        seeds=range(case.seeds),
        epochs=case.epochs,
        batch_size=case.batch_size,
        grid={"lr": case.rates},
    )


def one_by_one(case):
    """The same runs, one after the other."""
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[case.rule]
    for seed in range(case.seeds):
        for lr in case.rates:
            model = seeded_model(case.model, seed)
            optimizer = kind(model.parameters(), lr=lr)
            loader = DataLoader(
                TensorDataset(*case.train),
                case.batch_size,
                shuffle=True,
                generator=torch.Generator().manual_seed(seed),
            )
            for _ in range(case.epochs):
                for X, y in loader:
                    optimizer.zero_grad()
                    case.loss(model(X), y).backward()
                    optimizer.step()


def products(case):
    """Return a function that computes the products of all steps."""
    runs, rows = case.seeds * len(case.rates), case.batch_size
    layers = [
        (
            torch.randn(runs, rows, a),
            torch.randn(runs, b, a),
            torch.randn(runs, rows, b),
            [torch.empty(runs, *s) for s in ((rows, b), (b, a), (rows, a))],
        )
        for a, b in pairwise(case.sizes)
    ]
    steps = case.epochs * len(case.train[0]) // rows

    def run():
        for _ in range(steps):
            for i, (x, W, delta, (out, outer, back)) in enumerate(layers):
                torch.bmm(x, W.mT, out=out)
                torch.bmm(delta.mT, x, out=outer)
                if i:
                    torch.bmm(delta, W, out=back)

    return run


def compiled(case):
    """Return a function that trains all runs with JAX."""
    import jax_many

    loss = {
        F.cross_entropy: jax_many.cross_entropy,
        F.mse_loss: jax_many.squared,
    }[case.loss]
    return jax_many.trained(
        case.sizes,
        case.train,
        loss,
        getattr(jax_many, case.rule),
        range(case.seeds),
        case.rates,
        case.epochs,
        case.batch_size,
    )


def medians(functions, rounds):
    """Return the median seconds of each, over alternating rounds."""
    for function in functions.values():
        function()
    times = {label: [] for label in functions}
    for _ in range(rounds):
        for label, function in functions.items():
            start = time.perf_counter()
            function()
            times[label].append(time.perf_counter() - start)
    return {label: statistics.median(each) for label, each in times.items()}


@contextlib.contextmanager
def neighbour():
    """Another process that computes in as many threads as there are cores."""
    with subprocess.Popen(
        [sys.executable, "-c", NEIGHBOUR], stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def measure(case, rounds, apart, peer):
    """Print one row."""
    functions = {"fit_many": lambda: together(case)}
    if apart:
        functions["one by one"] = lambda: one_by_one(case)
    if case.between is nn.ReLU:
        functions["products"] = products(case)
        if peer:
            functions["JAX"] = compiled(case)
    found = medians(functions, rounds)
    ours = found["fit_many"]
    with neighbour():
        busy = medians({"busy": functions["fit_many"]}, rounds)["busy"]
    cells = [
        f"{found[label] / ours:10.2f}" if label in found else f"{'—':>10}"
        for label in ("one by one", "JAX", "products")
    ]
    print(f"{case.name:<44}{ours:9.3f}{''.join(cells)}{busy / ours:10.2f}")


def cases():
    """The problems, with the epochs that take long enough to be measured."""
    digits = data.digits(0, n_train=1000).train
    teacher = data.linear_teacher(0, n_train=20, n_test=1, n_features=200)
    regression = (teacher.X_train, teacher.y_train.unsqueeze(1))
    classes = (digits, F.cross_entropy)
    small, large = (64, 128, 128, 10), (64, 256, 256, 10)
    for rule, rate in (("sgd", 0.1), ("adam", 0.003)):
        rest = (*classes, rule)
        yield Case(
            f"{rule}, 32 seeds, 64-128-128-10, batch 20",
            *(small, *rest, 32, [rate], 4, 20),
        )
        yield Case(
            f"{rule}, 10 seeds, 64-256-256-10, batch 40",
            *(large, *rest, 10, [rate], 4, 40),
        )
    rates = [0.0003 * 1.2**i for i in range(10)]
    yield Case(
        "sgd, 16 seeds × 10 rates, 200-1, batch 5",
        *((200, 1), regression, F.mse_loss, "sgd", 16, rates, 50, 5),
    )
    for seeds in (1, 8, 32, 128):
        yield Case(
            f"sgd, {seeds} seeds, 64-128-128-10, batch 20",
            *(small, *classes, "sgd", seeds, [0.1], 1, 20),
        )
    for between in (Dropped, Normalized):
        yield Case(
            f"the same, 32 seeds, {between.__name__.lower()}",
            *(small, *classes, "sgd", 32, [0.1], 1, 20, between),
        )


def d2l_lesson(train, epochs):
    """One run of the 200-input regression, drawn epoch by epoch with
    ``d2l.Animator``.
    """
    from companion.d2l_bridge import d2l

    animator = d2l.Animator(
        xlabel="epoch",
        ylabel="loss",
        yscale="log",
        xlim=[1, epochs],
        legend=["train"],
    )
    net, loader = nn.Linear(train[0].shape[1], 1), d2l.load_array(train, 5)
    optimizer, loss = torch.optim.SGD(net.parameters(), lr=0.003), nn.MSELoss()
    for epoch in range(epochs):
        for X, y in loader:
            optimizer.zero_grad()
            loss(net(X), y).backward()
            optimizer.step()
        if (epoch + 1) % 5 == 0:
            animator.add(epoch + 1, (d2l.evaluate_loss(net, loader, loss),))


def use_cores(number):
    """Keep this process, its threads and JAX's on so many cores."""
    torch.set_num_threads(number)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[:number]
        os.sched_setaffinity(0, cores)


def main(rounds, cores):
    """Print all rows."""
    use_cores(cores)
    peer = importlib.util.find_spec("jax") is not None
    print(
        f"torch {torch.__version__}, {platform.machine()}, {cores} core(s),"
        f" {rounds} rounds; "
        + (
            f"jax {importlib.import_module('jax').__version__}"
            if peer
            else "JAX is not installed: pip install jax"
        )
    )
    heads = ("one by one", "JAX", "products", "busy")
    print(f"{'seconds, then ratios to them':<44}{'fit_many':>9}", end="")
    print("".join(f"{head:>10}" for head in heads))
    for case in cases():
        measure(case, rounds, apart=case.epochs == 1, peer=peer)
    train = next(case for case in cases() if case.sizes == (200, 1)).train
    start = time.perf_counter()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):  # it draws and warns
        d2l_lesson(train, 100)
    print(
        "one run of the regression lesson with d2l.Animator, 100 epochs:"
        f" {time.perf_counter() - start:.1f} s"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    main(given.rounds, given.cores)
