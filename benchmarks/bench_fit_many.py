"""How much faster is ``fit_many`` than training the same runs one by one?

Prints ratios of medians over alternating rounds, all measured in this process
with this number of threads:

* one by one: ``torch.optim.SGD`` and a ``DataLoader``, as a careful person
  would write it;
* by hand: the same runs with the batch dimension written out by hand, for this
  one architecture: the reachable best;
* ``fit_many``.

Then the sizes at which ``fit_many`` stops paying, and the time of one run of a
lesson drawn with ``d2l.Animator``.

    python benchmarks/bench_fit_many.py
"""

import argparse
import contextlib
import io
import statistics
import time
import warnings
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from companion import data
from companion.optimizers import sgd
from companion.training import fit_many, seeded_model


def one_by_one(make_model, train, loss, seeds, rates, epochs, batch_size):
    """The same runs, one after the other."""
    for seed in seeds:
        for lr in rates:
            model = seeded_model(make_model, seed)
            optimizer = torch.optim.SGD(model.parameters(), lr=lr)
            order = torch.Generator().manual_seed(seed)
            loader = DataLoader(
                TensorDataset(*train), batch_size, shuffle=True, generator=order
            )
            for _ in range(epochs):
                total = 0.0
                for X, y in loader:
                    optimizer.zero_grad()
                    value = loss(model(X), y)
                    value.backward()
                    optimizer.step()
                    total += value.item() * len(X)


def together(make_model, train, loss, seeds, rates, epochs, batch_size):
    """The same runs with ``fit_many``."""
    fit_many(
        make_model,
        train,
        loss=loss,
        rule=sgd,
        seeds=seeds,
        epochs=epochs,
        batch_size=batch_size,
        grid={"lr": rates},
    )


def by_hand(sizes, train, loss, seeds, rates, epochs, batch_size):
    """The same runs of a ReLU net with the run dimension written out."""
    X, y = train
    runs = len(seeds) * len(rates)
    make = lambda: nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))  # noqa: E731
    nets = [
        net
        for net in (seeded_model(make, seed) for seed in seeds)
        for _ in rates
    ]
    weights = [
        torch.stack([net[i].weight.T for net in nets]).detach()
        for i in range(len(sizes) - 1)
    ]
    biases = [
        torch.stack([net[i].bias for net in nets]).unsqueeze(1).detach()
        for i in range(len(sizes) - 1)
    ]
    params = [p.requires_grad_() for p in weights + biases]
    lr = torch.tensor(list(rates)).repeat(len(seeds)).reshape(-1, 1, 1)
    orders = [torch.Generator().manual_seed(seed) for seed in seeds]
    for _ in range(epochs):
        order = torch.stack(
            [torch.randperm(len(X), generator=g) for g in orders]
        ).repeat_interleave(len(rates), 0)
        for batch in order.split(batch_size, dim=1):
            h = X[batch]
            for W, b in zip(weights[:-1], biases[:-1], strict=True):
                h = torch.baddbmm(b, h, W).relu()
            out = torch.baddbmm(biases[-1], h, weights[-1]).flatten(0, 1)
            value = loss(out, y[batch].flatten(0, 1)) * runs
            grads = torch.autograd.grad(value, params)
            with torch.no_grad():
                for p, g in zip(params, grads, strict=True):
                    p.addcmul_(g, lr, value=-1)


def compare(name, functions, rounds):
    """Print the medians of alternating rounds and their ratios to the first
    function.
    """
    for function in functions.values():
        function()
    times = {label: [] for label in functions}
    for _ in range(rounds):
        for label, function in functions.items():
            start = time.perf_counter()
            function()
            times[label].append(time.perf_counter() - start)
    medians = {label: statistics.median(ts) for label, ts in times.items()}
    first = next(iter(medians.values()))
    print(name)
    for label, median in medians.items():
        print(f"  {label:<12} {median:8.3f} s   {first / median:6.1f} ×")


def measure(name, sizes, train, loss, seeds, rates, epochs, batch_size, rounds):
    """Compare the three ways on one problem."""
    rest = (train, loss, range(seeds), rates, epochs, batch_size)
    functions = {
        "one by one": lambda: one_by_one(lambda: mlp(*sizes), *rest),
        "fit_many": lambda: together(lambda: mlp(*sizes), *rest),
        "by hand": lambda: by_hand(sizes, *rest),
    }
    compare(name, functions, rounds)


def mlp(*sizes):
    """A ReLU net of these widths."""
    layers = [
        layer
        for a, b in pairwise(sizes)
        for layer in (nn.Linear(a, b), nn.ReLU())
    ]
    return nn.Sequential(*layers[:-1])


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


def main(rounds):
    """Run all comparisons."""
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads,"
        f" {rounds} rounds"
    )
    digits = data.digits(0, n_train=1000).train
    teacher = data.linear_teacher(0, n_train=20, n_test=1, n_features=200)
    regression = (teacher.X_train, teacher.y_train.unsqueeze(1))
    rates = [0.0003 * 1.2**i for i in range(10)]
    sizes, name = (
        (64, 128, 128, 10),
        "32 seeds, 64-128-128-10 on digits, batch 20",
    )
    measure(name, sizes, digits, F.cross_entropy, 32, [0.1], 2, 20, rounds)
    measure(
        "160 runs, 200-1 regression, batch 5",
        (200, 1),
        regression,
        F.mse_loss,
        16,
        rates,
        50,
        5,
        rounds,
    )
    print("where it stops paying, on digits")
    for seeds, width in (
        (1, 128),
        (2, 128),
        (4, 128),
        (8, 256),
        (8, 512),
        (8, 1024),
    ):
        name, sizes = (
            f"{seeds} seeds, width {width}, batch 20",
            (64, width, width, 10),
        )
        measure(name, sizes, digits, F.cross_entropy, seeds, [0.1], 1, 20, 3)
    start = time.perf_counter()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):  # it draws and warns
        d2l_lesson(regression, 100)
    print(
        "one run of the regression lesson with d2l.Animator, 100 epochs:"
        f" {time.perf_counter() - start:.1f} s"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    main(parser.parse_args().rounds)
