"""The strongest peer of ``fit_many``: JAX compiles the training of all runs,
with ``vmap`` over runs, ``jit``, and ``scan`` over epochs and steps.

JAX is wanted for the benchmark only: ``pip install jax``.
"""

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
from jax import lax, random


def draw(key, sizes):
    """The weights and biases of a network, drawn as PyTorch does."""
    layers = []
    for a, b in pairwise(sizes):
        ours = partial(random.uniform, minval=-(a**-0.5), maxval=a**-0.5)
        key, weights, biases = random.split(key, 3)
        layers.append((ours(weights, (a, b)), ours(biases, (b,))))
    return layers


def outputs(layers, x):
    """A ReLU net."""
    for W, b in layers[:-1]:
        x = jax.nn.relu(x @ W + b)
    W, b = layers[-1]
    return x @ W + b


def cross_entropy(output, y):
    """The mean over a batch."""
    log_q = jax.nn.log_softmax(output)
    return -jnp.take_along_axis(log_q, y[:, None], 1).mean()


def squared(output, y):
    """The mean squared error."""
    return jnp.square(output - y).mean()


def sgd(layers, grads, state, lr):
    """A step of gradient descent."""
    step = jax.tree.map(lambda p, g: p - lr * g, layers, grads)
    return step, state


def adam(layers, grads, state, lr):
    """A step of Adam."""
    m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)

    def step(p, m, v):
        size = jnp.sqrt(v / (1 - 0.999**t)) + 1e-8
        return p - lr * m / (1 - 0.9**t) / size

    return jax.tree.map(step, layers, m, v), (m, v, t)


def trained(sizes, train, loss, rule, seeds, rates, epochs, batch_size):
    """Return a function that trains all runs, compiled."""
    X, y = (jnp.asarray(t.numpy()) for t in train)
    n = len(X)
    if n % batch_size:
        raise ValueError(
            f"batch_size must divide the {n} rows here, got {batch_size}"
        )

    def train_one(key, lr):
        start, chance = random.split(key)
        layers = draw(start, sizes)
        zeros = jax.tree.map(jnp.zeros_like, layers)

        def step(carry, rows):
            layers, state = carry
            value, grads = jax.value_and_grad(
                lambda layers: loss(outputs(layers, X[rows]), y[rows])
            )(layers)
            return rule(layers, grads, state, lr), value

        def epoch(carry, key):
            order = random.permutation(key, n).reshape(-1, batch_size)
            carry, values = lax.scan(step, carry, order)
            return carry, values.mean()

        return lax.scan(
            epoch, (layers, (zeros, zeros, 0)), random.split(chance, epochs)
        )

    keys = jnp.repeat(jnp.arange(len(seeds)), len(rates))
    keys = jax.vmap(random.key)(keys)
    rates = jnp.tile(jnp.asarray(rates, jnp.float32), len(seeds))
    run = jax.jit(jax.vmap(train_one))
    return lambda: jax.block_until_ready(run(keys, rates))
