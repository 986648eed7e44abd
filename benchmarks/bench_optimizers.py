"""How much slower per step are the companion's optimizers than torch.optim's
with ``foreach=False``?

One network of about 100,000 parameters (784-128-10), gradients computed once.
Both take the same steps in alternating rounds in this process; the medians of
the rounds and their ratio are printed.

    python benchmarks/bench_optimizers.py
"""

import argparse
import statistics
import time

import torch
from torch import nn

from companion import optimizers

CASES = {
    "SGD": ("SGD", {"lr": 1e-3}),
    "SGD, momentum": ("SGD", {"lr": 1e-3, "momentum": 0.9}),
    "SGD, Nesterov": (
        "SGD",
        {"lr": 1e-3, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
    ),
    "Adagrad": ("Adagrad", {}),
    "RMSprop": ("RMSprop", {}),
    "RMSprop, momentum, centered": (
        "RMSprop",
        {"momentum": 0.9, "centered": True},
    ),
    "Adam": ("Adam", {}),
    "Adam, AMSGrad": ("Adam", {"amsgrad": True}),
    "AdamW": ("AdamW", {}),
}


def network():
    """A small network with gradients."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    net(torch.randn(64, 784)).square().mean().backward()
    return net


def seconds(optimizer, steps):
    """Time of one step, averaged over some steps."""
    start = time.perf_counter()
    for _ in range(steps):
        optimizer.step()
    return (time.perf_counter() - start) / steps


def compare(name, options, rounds, steps):
    """Median time of a step, ours and torch's."""
    ours = getattr(optimizers, name)(network().parameters(), **options)
    theirs = getattr(torch.optim, name)(
        network().parameters(), **options, foreach=False
    )
    times = {ours: [], theirs: []}
    for _ in range(rounds + 1):  # the first round warms up
        for optimizer in (ours, theirs):
            times[optimizer].append(seconds(optimizer, steps))
    return [
        statistics.median(times[optimizer][1:]) for optimizer in (ours, theirs)
    ]


def main(rounds, steps):
    """Run all comparisons."""
    count = sum(p.numel() for p in network().parameters())
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads,"
        f" {count:,} parameters, {rounds} rounds"
    )
    for label, (name, options) in CASES.items():
        ours, theirs = compare(name, options, rounds, steps)
        print(
            f"  {label:<28} {1e6 * ours:7.0f} µs, torch {1e6 * theirs:7.0f} µs:"
            f" {ours / theirs:.2f} ×"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.steps)
