"""Losses and gradients of many plain networks at once, without autograd.

A chain of linear layers with activations between them is what most labs train.
Its backward pass is the one of the chapter *backpropagation*, written for all
runs together; the tests hold it equal to autograd. Values are laid out as
(run, row, unit), the outputs as (run, unit, row): so products and softmax are
fastest.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["Chain"]

# Each activation in place, and its gradient from that of its output.
_aten = torch.ops.aten
ACTIVATIONS = {
    nn.Identity: (lambda z: z, lambda delta, h: delta),
    nn.ReLU: (
        torch.relu_,
        lambda delta, h: _aten.threshold_backward(delta, h, 0),
    ),
    nn.Tanh: (torch.tanh_, _aten.tanh_backward),
    nn.Sigmoid: (torch.sigmoid_, _aten.sigmoid_backward),
}


class Chain:
    """The step of networks that :meth:`fits` has accepted.

    Args:
        model: one of the networks.
        loss: ``F.cross_entropy`` or ``F.mse_loss``.
    """

    def __init__(self, model, loss):
        layers = list(model)
        kinds = [type(layer) for layer in layers[1:]] + [nn.Linear]
        self.names = [
            (f"{i}.weight", f"{i}.bias" if layer.bias is not None else None)
            for i, layer in enumerate(layers)
            if type(layer) is nn.Linear
        ]
        self.acts = [
            ACTIVATIONS[nn.Identity if kind is nn.Linear else kind]
            for layer, kind in zip(layers, kinds, strict=True)
            if type(layer) is nn.Linear
        ]
        self.loss = _cross_entropy if loss is F.cross_entropy else _squared

    @staticmethod
    def fits(model, loss, X, y):
        """Say whether networks like ``model`` can be trained this way."""
        if type(model) is not nn.Sequential or X.ndim != 2:
            return False
        kinds = [type(layer) for layer in model]
        linear = [layer for layer in model if type(layer) is nn.Linear]
        if (
            kinds[:1] != [nn.Linear]
            or kinds[-1] is not nn.Linear
            or not all(
                kind is nn.Linear or kind in ACTIVATIONS for kind in kinds
            )
            or any(nn.Linear not in pair for pair in pairwise(kinds))
            or len({id(layer) for layer in model}) < len(kinds)
            or any(layer._forward_hooks for layer in model)
            or any(layer._forward_pre_hooks for layer in model)
        ):
            return False
        parameters = [p for layer in linear for p in layer.parameters()]
        outputs = linear[-1].out_features
        return (
            all(p.requires_grad for p in parameters)
            and len({id(p) for p in parameters}) == len(parameters)
            and linear[0].in_features == X.shape[1]
            and (
                (loss is F.mse_loss and y.shape == (len(X), outputs))
                or (
                    loss is F.cross_entropy
                    and y.dtype == torch.int64
                    and y.ndim == 1
                    and 0 <= y.min()
                    and y.max() < outputs
                )
            )
        )

    def __call__(self, params, x, y):
        """Return the loss of each run, shape (R,), and the gradients by name,
        for one batch of each seed: inputs (S, N, d), targets (S, N) or
        (S, N, k). Runs of the same seed follow each other.
        """
        first = params[self.names[0][0]]
        seeds, runs = len(x), len(first)
        if runs > seeds:  # faster than repeat_interleave
            y = y.unsqueeze(1).expand(seeds, runs // seeds, *y.shape[1:])
            y = y.flatten(0, 1)
        inputs, h, last = [], x, len(self.names) - 1
        for i, (weight, bias) in enumerate(self.names):
            inputs.append(h)
            z = _forward(h, params[weight], params.get(bias), i == last)
            h = self.acts[i][0](z)
        losses, delta = self.loss(h, y)  # (R,), (R, k, N)
        grads = {}
        for i in range(last, -1, -1):
            (weight, bias), h = self.names[i], inputs[i]
            grads[weight] = _outer(delta, h, params[weight])
            if bias:
                grads[bias] = delta.sum(2)
            if i:
                slope = self.acts[i - 1][1]
                delta = slope(torch.bmm(delta.mT, params[weight]), h).mT
        return losses, grads


def _forward(h, W, b, last):
    """The layer's pre-activations, (R, N, k), or (R, k, N) for the last one."""
    if len(h) < len(W):  # the runs of a seed share its inputs
        z = torch.bmm(W.view(len(h), -1, W.shape[2]), h.mT)
        z = z.view(len(W), W.shape[1], -1)
        if b is not None:
            z += b.unsqueeze(2)
        return z if last else z.mT
    if last:
        if b is None:
            return torch.bmm(W, h.mT)
        return torch.baddbmm(b.unsqueeze(2), W, h.mT)
    if b is None:
        return torch.bmm(h, W.mT)
    return torch.baddbmm(b.unsqueeze(1), h, W.mT)


def _outer(delta, h, W):
    """The gradient of the weights, shaped like them."""
    delta = delta.reshape(len(h), -1, h.shape[1])
    return torch.bmm(delta, h).view(W.shape)


def _cross_entropy(z, y):
    """Mean loss of each run and its gradient, for scores (R, k, N)."""
    y = y.unsqueeze(1)
    log_q = z.log_softmax(1)
    losses = -log_q.gather(1, y).squeeze(1).mean(1)
    one = torch.ones((), dtype=z.dtype, device=z.device).expand(y.shape)
    return losses, log_q.exp_().scatter_add_(1, y, -one).div_(z.shape[2])


def _squared(z, y):
    """Mean loss of each run and its gradient, for outputs (R, k, N)."""
    error = z - y.mT
    losses = error.square().mean((1, 2))
    return losses, error.mul_(2 / error[0].numel())
