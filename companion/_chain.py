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

# Each activation, and its gradient from that of its output: both in place.
_aten = torch.ops.aten
ACTIVATIONS = {
    nn.Identity: (lambda z: z, lambda delta, h: delta),
    nn.ReLU: (
        torch.relu_,
        lambda delta, h: _aten.threshold_backward(
            delta, h, 0, grad_input=delta
        ),
    ),
    nn.Tanh: (
        torch.tanh_,
        lambda delta, h: _aten.tanh_backward(delta, h, grad_input=delta),
    ),
    nn.Sigmoid: (
        torch.sigmoid_,
        lambda delta, h: _aten.sigmoid_backward(delta, h, grad_input=delta),
    ),
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
        self.is_regression = (
            self.loss is _squared
            and len(self.names) == 1
            and layers[0].out_features == 1
        )

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
                (
                    loss is F.mse_loss
                    and y.shape == (len(X), outputs)
                    and y.dtype == X.dtype
                )
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
        """Return the losses of each run's rows, (R, N), and the gradients of
        their mean by name, for one batch of each seed: inputs (S, N, d),
        targets (S, N) or (S, N, k). Runs of the same seed follow each other.
        """
        losses, layers = self.backward(params, x, y)
        grads = {}
        for (weight, bias), delta, h in layers:
            shared = delta.reshape(len(h), -1, h.shape[1])
            grads[weight] = torch.bmm(shared, h).view(params[weight].shape)
            if bias:
                grads[bias] = delta.sum(2)
        return losses, grads

    def descend(self, params, x, y, settings):
        """Take a step of gradient descent in place; return the losses.

        The product that would be a layer's gradient is added to its weights:
        they are read and written once.
        """
        losses, layers = self.backward(params, x, y)
        for (weight, bias), delta, h in layers:
            if bias:
                _descend_(params[bias], delta.sum(2), **settings[bias])
            _descend_(params[weight], delta, h, **settings[weight])
        return losses

    def regress(self, params, batches, settings):
        """Descend with one batch after the other, where :attr:`is_regression`:
        with one output the steps are so small that each call counts. Return the
        losses of all rows.
        """
        (weight, bias), errors = self.names[0], []
        for x, y in batches:
            if not errors:
                W = params[weight].view(len(x), -1, x.shape[2])
                b = params[bias].view(*W.shape[:2], 1) if bias else 0.0
                rate, keep = _rates(W, **settings[weight])
                bias_rate, bias_keep = _rates(W, **settings[bias or weight])
            error = torch.baddbmm(b - y.mT, W, x.mT)
            errors.append(error)
            slope = error * (2 / error.shape[2])
            if keep is not None:
                W.mul_(keep)
            if bias_keep is not None and bias:
                b.mul_(bias_keep)
            W.baddbmm_(slope * rate, x, alpha=-1)
            if bias:
                b.sub_(slope.sum(2, keepdim=True).mul_(bias_rate))
        return torch.cat(errors, 2).square_().flatten(0, 1)

    def backward(self, params, x, y):
        """Return the losses, and for each layer, the last one first: its names,
        the gradient of its outputs (R, k, N), and its inputs, (R, N, d) or
        those of each seed. A layer may change once it has been returned.
        """
        inputs, h, last = [], x, len(self.names) - 1
        for i, (weight, bias) in enumerate(self.names):
            inputs.append(h)
            z = _forward(h, params[weight], params.get(bias), i == last)
            h = self.acts[i][0](z)
        losses, delta = self.loss(h, y)

        def layers(delta):
            for i in range(last, -1, -1):
                own, h = delta, inputs[i]
                if i:
                    back = torch.bmm(delta.mT, params[self.names[i][0]])
                    delta = self.acts[i - 1][1](back, h).mT
                yield self.names[i], own, h

        return losses, layers(delta)


def _rates(W, *, lr, weight_decay=0.0, **_no_momentum):
    """Shape a learning rate for weights (S, runs of a seed, d), and what a step
    of weight decay keeps of them: None for all.
    """

    def shape(value):
        return value.view(*W.shape[:2], 1) if value.ndim else value

    keep = None
    if isinstance(weight_decay, torch.Tensor) or weight_decay:
        keep = 1 - lr * weight_decay
    return tuple(
        shape(each) if isinstance(each, torch.Tensor) else each
        for each in (lr, keep)
    )


def _descend_(param, delta, h=None, *, lr, weight_decay=0.0, **_no_momentum):
    """Step from ``param`` against its gradient: ``delta``, or for the weights
    of inputs ``h`` the product of the two.
    """
    if isinstance(weight_decay, torch.Tensor) or weight_decay:
        param.mul_(1 - lr * weight_decay)
    if isinstance(lr, torch.Tensor):
        delta, lr = delta * lr, 1.0
    if h is None:
        param.sub_(delta, alpha=lr)
    else:
        delta = delta.reshape(len(h), -1, h.shape[1])
        weights = param.view(len(h), -1, h.shape[2])
        weights.baddbmm_(delta, h, alpha=-lr)


def _forward(h, W, b, last):
    """The layer's pre-activations, (R, N, k), or (R, k, N) for the last one."""
    if last or len(h) < len(W):  # the runs of a seed share its inputs
        W_seed = W.view(len(h), -1, W.shape[2])
        if b is None:
            z = torch.bmm(W_seed, h.mT)
        else:
            z = torch.baddbmm(b.view(len(h), -1, 1), W_seed, h.mT)
        z = z.view(len(W), W.shape[1], -1)
        return z if last else z.mT
    if b is None:
        return torch.bmm(h, W.mT)
    return torch.baddbmm(b.unsqueeze(1), h, W.mT)


def _cross_entropy(z, y):
    """Losses of the rows (R, N) and the gradient of each run's mean, for scores
    (R, k, N) and the targets of each seed.
    """
    points = len(z) // len(y)
    if points > 1:  # faster than repeat_interleave
        y = y.unsqueeze(1).expand(-1, points, -1).flatten(0, 1)
    y = y.unsqueeze(1)
    log_q = z.log_softmax(1)
    rows = log_q.gather(1, y).neg_().squeeze(1)
    delta = log_q.exp_().scatter_(1, y, -1.0, reduce="add")
    return rows, delta.div_(z.shape[2])


def _squared(z, y):
    """Losses of the rows (R, N) and the gradient of each run's mean, for
    outputs (R, k, N) and the targets of each seed.
    """
    z.view(len(y), -1, *z.shape[1:]).sub_(y.mT.unsqueeze(1))
    rows = z.square()
    rows = rows.mean(1) if z.shape[1] > 1 else rows.squeeze(1)
    return rows, z.mul_(2 / z[0].numel())
