r"""Chapter *augmentation*: change the training inputs so that their labels stay
true.

Ordered from one pixel looked up between others to shifts and rotations, random
transforms, mixup, the layer that applies them while training, the average over
views of a test input, and input noise as a penalty; the checks of the chapter's
exercises come last.
"""

from numbers import Real

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from companion.arguments import (
    check_floats,
    check_int,
    check_real,
    check_solvable,
)
from companion.checks import check, check_number
from companion.data import check_data

__all__ = [
    "Augment",
    "add_noise",
    "affine",
    "average_views",
    "check_mixup",
    "check_noise_strength",
    "check_shift_right",
    "cutout",
    "mixup",
    "neighbours",
    "noisy_least_squares",
    "per_image",
    "pixel_places",
    "random_affine",
    "random_shift",
    "rotate",
    "shift",
    "uniform_each",
    "warp",
]


def _check_images(X):
    check_floats("X", X)
    if X.ndim < 2 or 0 in X.shape[-2:]:
        raise ValueError(
            "X must be images (H, W), (N, H, W) or (N, C, H, W), got shape"
            f" {tuple(X.shape)}"
        )


def _check_each(name, value, X):
    if not isinstance(value, Real | torch.Tensor):
        raise TypeError(
            f"{name} must be a number or a tensor, got {type(value).__name__}"
        )
    shape = tuple(torch.as_tensor(value).shape)
    if shape and (X.ndim < 3 or shape != X.shape[:1]):
        raise ValueError(
            f"{name} must be one number, or one per image; got"
            f" {shape} for {tuple(X.shape)}"
        )


def per_image(value, X):
    r"""Shape one number per image, or one number for all, so that it broadcasts
    against the images.

    Args:
        value: one number, or one per image (N,).
        X: images (H, W), (N, H, W) or (N, C, H, W), floating point.

    Returns:
        Tensor of the type of ``X``: without dimensions for one number, else
        (N, 1, …).

    Example:
        >>> per_image(torch.tensor([1, 2]), torch.zeros(2, 8, 8)).shape
        torch.Size([2, 1, 1])

    Chapter: augmentation.
    """
    value = torch.as_tensor(value, dtype=X.dtype, device=X.device)
    return value.reshape(-1, *[1] * (X.ndim - 1)) if value.ndim else value


def uniform_each(limit, X, generator=None):
    r"""Draw one number per image, all equally likely between −limit and limit.

    Args:
        limit: largest number, at least 0.
        X: images (H, W), (N, H, W) or (N, C, H, W), floating point.
        generator: source of randomness.

    Returns:
        Tensor (N,), or without dimensions for a single image, of the type of
        ``X``.

    Example:
        >>> bool(uniform_each(2.0, torch.zeros(9, 8, 8)).abs().max() <= 2)
        True

    Chapter: augmentation.
    """
    one_each = X.shape[:-2][:1]
    share = torch.rand(one_each, generator=generator, dtype=X.dtype)
    return limit * (2 * share - 1).to(X.device)


def pixel_places(X):
    r"""Row and column of every pixel, counted from 0 at the top left.

    Args:
        X: images (…, H, W).

    Returns:
        Rows (H, 1) and columns (W,), of the type of ``X``.

    Example:
        >>> pixel_places(torch.zeros(2, 3))
        (tensor([[0.],
                [1.]]), tensor([0., 1., 2.]))

    Chapter: augmentation.
    """
    height, width = X.shape[-2:]
    rows = torch.arange(height, dtype=X.dtype, device=X.device)
    columns = torch.arange(width, dtype=X.dtype, device=X.device)
    return rows.unsqueeze(1), columns


def neighbours(places, size):
    r"""The two pixels around each place on a line, and their weights in linear
    interpolation.

    .. math::
        \max(0,\, 1 - |\rho - r|), \qquad r = \lfloor\rho\rfloor,\;
        \lfloor\rho\rfloor + 1

    Args:
        places: :math:`\rho`, counted from 0, any shape.
        size: number of pixels on the line.

    Returns:
        Two pairs of the pixels and their weights, each of the shape of
        ``places``. A pixel that does not exist weighs nothing.

    Example:
        >>> [
        ...     (pixel.item(), weight.item())
        ...     for pixel, weight in neighbours(torch.tensor(1.25), size=8)
        ... ]
        [(1, 0.75), (2, 0.25)]

    Chapter: augmentation.
    """
    pairs = []
    for near in (places.floor(), places.floor() + 1):
        exists = (near >= 0) & (near < size)
        # a place that is NaN has a weight of NaN
        pixel = near.nan_to_num().clamp(0, size - 1).long()
        pairs.append((pixel, (1 - (places - near).abs()) * exists))
    return pairs


def warp(X, rows, columns):
    r"""Look up every output pixel at any place of the input, between the pixels
    by bilinear interpolation.

    .. math::
        \tilde X_{ij} = \sum_{r,c} X_{rc}\,\max(0,\, 1 - |\rho_{ij} -
        r|)\,\max(0,\, 1 - |\gamma_{ij} - c|)

    At most four pixels have a weight above zero: the neighbours of the place
    :math:`(\rho_{ij}, \gamma_{ij})`. Outside the picture everything is 0.

    Args:
        X: images (…, H, W), floating point.
        rows: row :math:`\rho` of each place, counted from 0 at the top;
            broadcasts against ``X``.
        columns: column :math:`\gamma` of each place, counted from 0 at the
            left; broadcasts against ``X``.

    Returns:
        Images of the shape of ``X``.

    Raises:
        TypeError: if ``X`` is not a floating-point tensor.
        ValueError: if ``X`` has fewer than two dimensions.

    Example:
        >>> warp(
        ...     torch.tensor([[0.0, 4.0]]),
        ...     torch.zeros(1, 2),
        ...     torch.tensor([[0.25, 1.5]]),
        ... )
        tensor([[1., 2.]])

    Source: the same as ``torch.nn.functional.grid_sample(…,
    align_corners=False)``, in pixels.

    Chapter: augmentation.
    """
    _check_images(X)
    height, width = X.shape[-2:]
    flat, output = X.flatten(-2), torch.zeros_like(X)
    for r, row_weight in neighbours(rows, height):
        for c, column_weight in neighbours(columns, width):
            place = (r * width + c).expand(X.shape).flatten(-2)
            pixel = flat.gather(-1, place).reshape(X.shape)
            output = output + row_weight * column_weight * pixel
    return output


def shift(X, right=0, down=0):
    r"""Move images by whole or broken numbers of pixels; what comes in from
    outside is 0.

    .. math::
        \tilde X_{ij} = X_{i - \text{down},\; j - \text{right}}

    Args:
        X: images (H, W), (N, H, W) or (N, C, H, W).
        right: pixels to the right, one number or one per image (N,). Negative
            moves to the left.
        down: pixels down, likewise.

    Returns:
        Images of the shape of ``X``.

    Raises:
        TypeError: if ``X`` is not a floating-point tensor or a distance is not
            a number.
        ValueError: if a distance is neither one number nor one per image.

    Example:
        >>> shift(torch.tensor([[1.0, 2.0, 3.0]]), right=1)
        tensor([[0., 1., 2.]])

    Differs from torch: ``torch.roll`` brings what leaves on one side back in on
    the other.

    Chapter: augmentation.
    """
    _check_images(X)
    _check_each("down", down, X)
    _check_each("right", right, X)
    rows, columns = pixel_places(X)
    return warp(X, rows - per_image(down, X), columns - per_image(right, X))


def affine(X, matrix, right=0, down=0):
    r"""Turn, stretch and shear images about their middle, then move them.

    .. math::
        \tilde X(u) = X\bigl(A^{-1}(u - t)\bigr)

    with places :math:`u = (\text{column}, \text{row})` counted from the middle
    to the right and down. Each output pixel asks where it came from: so no hole
    can open.

    Args:
        X: images (H, W), (N, H, W) or (N, C, H, W).
        matrix: :math:`A`, shape (2, 2), or one per image (N, 2, 2); invertible.
        right: first part of :math:`t`, in pixels, one number or one per image
            (N,).
        down: second part of :math:`t`, likewise.

    Returns:
        Images of the shape of ``X``.

    Raises:
        TypeError: if ``X`` or ``matrix`` is not a floating-point tensor.
        ValueError: if ``matrix`` is neither (2, 2) nor (N, 2, 2).

    Example:
        >>> affine(  # a mirror
        ...     torch.tensor([[1.0, 2.0, 3.0]]),
        ...     torch.tensor([[-1.0, 0.0], [0.0, 1.0]]),
        ... )
        tensor([[3., 2., 1.]])

    Chapter: augmentation.
    """
    _check_images(X)
    check_floats("matrix", matrix)
    if matrix.shape not in ((2, 2), (*X.shape[:-2][:1], 2, 2)):
        raise ValueError(
            "matrix must be (2, 2), or one per image; got"
            f" {tuple(matrix.shape)} for {tuple(X.shape)}"
        )
    _check_each("down", down, X)
    _check_each("right", right, X)
    a, b, c, d = (
        per_image(entry, X) for entry in matrix.flatten(-2).unbind(-1)
    )
    det = a * d - b * c
    rows, columns = pixel_places(X)
    middle_row, middle_column = ((n - 1) / 2 for n in X.shape[-2:])
    y = rows - middle_row - per_image(down, X)
    x = columns - middle_column - per_image(right, X)
    from_row = (a * y - c * x) / det + middle_row
    from_column = (d * x - b * y) / det + middle_column
    return warp(X, from_row, from_column)


def rotate(X, angle):
    r"""Turn images about their middle, counter-clockwise.

    .. math::
        A = \begin{pmatrix} \cos\varphi & \sin\varphi \\ -\sin\varphi &
        \cos\varphi \end{pmatrix}

    The minus sign stands below because rows count downwards.

    Args:
        X: images (H, W), (N, H, W) or (N, C, H, W).
        angle: :math:`\varphi` in degrees, one number or one per image (N,).

    Returns:
        Images of the shape of ``X``; corners that come from outside are 0.

    Raises:
        TypeError: if ``X`` is not a floating-point tensor or ``angle`` is not a
            number.
        ValueError: if ``angle`` is neither one number nor one per image.

    Example:
        >>> rotate(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 90).round(decimals=4)
        tensor([[2., 4.],
                [1., 3.]])

    Chapter: augmentation.
    """
    _check_images(X)
    _check_each("angle", angle, X)
    phi = torch.deg2rad(torch.as_tensor(angle, dtype=X.dtype, device=X.device))
    cos, sin = phi.cos(), phi.sin()
    A = torch.stack([cos, sin, -sin, cos], dim=-1).unflatten(-1, (2, 2))
    return affine(X, A)


def random_shift(X, pixels, generator=None):
    r"""Move each image by its own whole number of pixels, at most ``pixels``
    each way.

    .. math::
        \text{right}, \text{down} \sim U\{-k, \dots, k\}

    Args:
        X: images (H, W), (N, H, W) or (N, C, H, W).
        pixels: :math:`k`, an int of at least 0.
        generator: source of randomness.

    Returns:
        Images of the shape of ``X``.

    Raises:
        TypeError: if ``X`` is not a floating-point tensor or ``pixels`` is not
            an int.
        ValueError: if ``pixels`` is negative.

    Example:
        >>> random_shift(
        ...     torch.ones(2, 3, 3), 1, torch.Generator().manual_seed(0)
        ... ).sum((1, 2))
        tensor([4., 4.])

    Source: a random crop of the padded image, as used for small photographs, is
    the same.

    Chapter: augmentation.
    """
    _check_images(X)
    check_int("pixels", pixels, 0)
    one_each = X.shape[:-2][:1]
    right, down = (
        torch.randint(-pixels, pixels + 1, one_each, generator=generator)
        for _ in range(2)
    )
    return shift(X, right, down)


def random_affine(
    X, degrees=0.0, pixels=0.0, scale=0.0, shear=0.0, generator=None
):
    r"""Turn, stretch, shear and move each image by its own small random amount.

    .. math::
        A = s \begin{pmatrix} \cos\varphi & \sin\varphi \\ -\sin\varphi &
        \cos\varphi \end{pmatrix}
              \begin{pmatrix} 1 & h \\ 0 & 1 \end{pmatrix}

    with :math:`\varphi`, :math:`\log s`, :math:`h` and both shifts uniform in
    an interval around zero.

    Args:
        X: images (H, W), (N, H, W) or (N, C, H, W).
        degrees: largest angle, 0 … 180.
        pixels: largest shift each way, at least 0.
        scale: largest relative change of size, at least 0: 0.1 goes from 1/1.1
            to 1.1.
        shear: largest :math:`h`, at least 0.
        generator: source of randomness.

    Returns:
        Images of the shape of ``X``.

    Raises:
        TypeError: if ``X`` is not a floating-point tensor or a limit is not a
            number.
        ValueError: if a limit is out of range.

    Example:
        >>> random_affine(torch.ones(5, 8, 8), degrees=10, scale=0.1).shape
        torch.Size([5, 8, 8])

    Differs from torch: torchvision's ``RandomAffine`` draws once and moves a
    whole batch alike.

    Chapter: augmentation.
    """
    _check_images(X)
    check_real("degrees", degrees, 0, 180)
    check_real("scale", scale, 0)
    check_real("shear", shear, 0)
    check_real("pixels", pixels, 0)
    phi = torch.deg2rad(uniform_each(degrees, X, generator))
    s = (1 + scale) ** uniform_each(1, X, generator)
    h = uniform_each(shear, X, generator)
    cos, sin = s * phi.cos(), s * phi.sin()
    A = torch.stack([cos, h * cos + sin, -sin, cos - h * sin], dim=-1)
    right, down = (uniform_each(pixels, X, generator) for _ in range(2))
    return affine(X, A.unflatten(-1, (2, 2)), right, down)


def add_noise(X, std, generator=None):
    r"""Add independent normal noise to every input.

    .. math::
        \tilde x = x + \sigma \varepsilon, \qquad \varepsilon \sim N(0, I)

    Args:
        X: floating-point tensor of any shape; nothing here is special to
            images.
        std: :math:`\sigma`, at least 0.
        generator: source of randomness.

    Returns:
        Tensor of the shape of ``X``. Values are not clipped to the old range.

    Raises:
        TypeError: if ``X`` is not a floating-point tensor or ``std`` is not a
            number.
        ValueError: if ``std`` is negative.

    Example:
        >>> add_noise(torch.ones(2), 0.0)
        tensor([1., 1.])

    Source: Bishop (1995).

    Chapter: augmentation.
    """
    check_floats("X", X)
    check_real("std", std, 0)
    noise = torch.randn(X.shape, generator=generator, dtype=X.dtype)
    return X + std * noise.to(X.device)


def cutout(X, size, generator=None):
    r"""Blank a square at a random place of each image. Its middle is any pixel,
    so it may stick out.

    Args:
        X: images (H, W), (N, H, W) or (N, C, H, W).
        size: side of the square in pixels, an int of at least 0.
        generator: source of randomness.

    Returns:
        Images of the shape of ``X``, 0 inside the square in all channels.

    Raises:
        TypeError: if ``X`` is not a floating-point tensor or ``size`` is not an
            int.
        ValueError: if ``size`` is negative.

    Example:
        >>> cutout(torch.ones(2, 5, 5), size=1).sum((1, 2))
        tensor([24., 24.])

    Source: DeVries and Taylor (2017). Zhong et al. (2020) publish the same idea
    as random erasing.

    Chapter: augmentation.
    """
    _check_images(X)
    check_int("size", size, 0)
    one_each = X.shape[:-2][:1]
    middle_row, middle_column = (
        torch.randint(n, one_each, generator=generator) for n in X.shape[-2:]
    )
    top = per_image(middle_row - size // 2, X)
    left = per_image(middle_column - size // 2, X)
    rows, columns = pixel_places(X)
    in_rows = (rows >= top) & (rows < top + size)
    in_columns = (columns >= left) & (columns < left + size)
    return torch.where(in_rows & in_columns, 0.0, X)


def mixup(X, y, alpha, num_classes, generator=None):
    r"""Blend each example with another one, inputs and labels alike.

    .. math::
        \tilde x_i = \lambda_i x_i + (1 - \lambda_i)\, x_{\pi(i)}, \qquad
        \tilde y_i = \lambda_i y_i + (1 - \lambda_i)\, y_{\pi(i)}, \qquad
        \lambda_i \sim \text{Beta}(\alpha, \alpha)

    with labels as one-hot vectors and a random permutation :math:`\pi`. Here
    :math:`\lambda` is a share, no penalty.

    Args:
        X: inputs (N, …), floating point.
        y: classes (N,), int64.
        alpha: :math:`\alpha`, at least 0.001. Small values leave most examples
            almost unmixed; 1 makes every share equally likely.
        num_classes: number of classes :math:`K`.
        generator: source of randomness.

    Returns:
        Mixed inputs (N, …) and label shares (N, K), which
        ``torch.nn.functional.cross_entropy`` takes as they are.

    Raises:
        TypeError: if ``X`` or ``y`` is not a tensor or ``alpha`` is not a
            number.
        ValueError: if the rows of ``X`` and ``y`` do not match, ``alpha`` is
            below 0.001 or a label is not a class.

    Example:
        >>> X, y = mixup(
        ...     torch.eye(4),
        ...     torch.tensor([0, 0, 1, 1]),
        ...     alpha=1.0,
        ...     num_classes=2,
        ... )
        >>> X.shape, y.sum(1)
        (torch.Size([4, 4]), tensor([1., 1., 1., 1.]))

    Source: Zhang, Cisse, Dauphin and Lopez-Paz (2018).

    Differs from torch: torchvision's ``v2.MixUp`` draws one share for the whole
    batch, not one per example.

    Chapter: augmentation.
    """
    check_data(X, y, name="data")
    if (
        y.dtype != torch.int64
        or y.ndim != 1
        or not 0 <= y.min() <= y.max() < num_classes
    ):
        raise ValueError(
            f"y must be int64 classes (N,) below {num_classes}, got {y.dtype}"
            f" {tuple(y.shape)}, {y.max()}"
        )
    check_real("alpha", alpha, 1e-3)
    # torch's own Beta takes no generator
    seed = torch.randint(2**62, (), generator=generator).item()
    share = np.random.default_rng(seed).beta(alpha, alpha, len(X))
    share = torch.from_numpy(share).to(X)
    order = torch.randperm(len(X), generator=generator).to(X.device)

    def blend(t):  # share · t + (1 − share) · t[order]
        return torch.lerp(t[order], t, per_image(share, t))

    return blend(X), blend(F.one_hot(y, num_classes).to(X))


class Augment(nn.Module):
    r"""A layer that applies a transform in training mode and does nothing in
    evaluation mode, like dropout.

    Every step draws afresh, so an image need not look the same in two epochs.

    Args:
        transform: function of a batch that returns a batch.

    Raises:
        TypeError: if ``transform`` is not callable.

    Example:
        >>> layer = Augment(lambda x: add_noise(x, 1.0))
        >>> (
        ...     bool((layer.eval()(torch.ones(2)) == 1).all()),
        ...     bool((layer.train()(torch.ones(2)) == 1).all()),
        ... )
        (True, False)

    Chapter: augmentation.
    """

    def __init__(self, transform):
        if not callable(transform):
            raise TypeError(
                "transform must be a function of a batch, got"
                f" {type(transform).__name__}"
            )
        super().__init__()
        self.transform = transform

    def forward(self, x):
        """Transform the batch while training."""
        return self.transform(x) if self.training else x


def average_views(model, X, views):
    r"""Average the probabilities that a classifier gives to several views of
    the same inputs: test-time augmentation.

    .. math::
        \bar p(x) = \frac{1}{m} \sum_{j=1}^{m}
        \operatorname{softmax} f(T_j(x))

    Args:
        model: function of a batch that returns logits (…, K).
        X: the batch.
        views: the transforms :math:`T_1, \dots, T_m`, functions of a batch; at
            least one.

    Returns:
        Probabilities (…, K).

    Raises:
        ValueError: if there is no view.

    Example:
        >>> average_views(
        ...     lambda x: torch.stack([x, -x], dim=-1),
        ...     torch.tensor([3.0]),
        ...     [lambda x: x, lambda x: -x],
        ... )
        tensor([[0.5000, 0.5000]])

    Source: Krizhevsky, Sutskever and Hinton (2012), section 4.1, average over
    ten crops of a photograph.

    Chapter: augmentation.
    """
    if not views:
        raise ValueError("views must be transforms, at least one; got none")
    opinions = [model(view(X)).softmax(-1) for view in views]
    return torch.stack(opinions).mean(0)


def noisy_least_squares(X, y, std, copies, generator=None):
    r"""Least squares on many noisy copies of the inputs, without intercept.

    .. math::
        \hat w = \arg\min_w \sum_{k=1}^{K} \lVert y - (X + \sigma E_k)\,
        w\rVert_2^2

    Only :math:`X^\top X` and :math:`X^\top y` of the copies are summed, so
    memory does not grow with :math:`K`.

    Args:
        X: inputs (…, n, d); leading dimensions are separate problems.
        y: targets (…, n), without noise of their own.
        std: :math:`\sigma \ge 0`.
        copies: :math:`K`, an int of at least 1.
        generator: source of randomness.

    Returns:
        Weights (…, d).

    Raises:
        TypeError: if ``std`` is not a number or ``copies`` no int.
        ValueError: for shapes that do not fit, values that are not finite, a
            negative ``std`` or no copies.

    Example:
        >>> noisy_least_squares(
        ...     torch.eye(2), torch.tensor([2.0, 4.0]), std=0.0, copies=3
        ... )
        tensor([2., 4.])

    Source: Bishop (1995): for many copies this tends to ridge regression with
    :math:`\lambda = \sigma^2`.

    Chapter: augmentation.
    """
    check_data(X, y, name="data")
    check_solvable("X", X)
    check_int("copies", copies)
    if X.ndim < 2 or y.shape != X.shape[:-1]:
        raise ValueError(
            f"X must be (…, n, d) and y (…, n), got {tuple(X.shape)} and"
            f" {tuple(y.shape)}"
        )
    squares, products = 0.0, 0.0
    for _ in range(copies):
        noisy = add_noise(X, std, generator)
        squares = squares + noisy.mT @ noisy
        products = products + noisy.mT @ y.unsqueeze(-1)
    return torch.linalg.solve(squares, products).squeeze(-1)


def check_shift_right(attempt):
    """Exercise: ``attempt(image, k)`` moves one image (H, W) by k ≥ 0 columns
    to the right and fills up with zeros.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_shift_right(lambda image, k: image.roll(k, dims=1))
        ✗ Not yet: what leaves on the right comes back in on the left; fill with
        zeros instead.

    Chapter: augmentation.
    """
    return check(
        attempt,
        lambda image, k: shift(image, right=k),
        lambda generator: [
            (torch.rand(4, 5, generator=generator), k) for k in (0, 1, 2, 3, 6)
        ],
        {
            (
                "what leaves on the right comes back in on the left;"
                " fill with zeros instead"
            ): lambda i, k: i.roll(k, 1),
            "this moves to the left": lambda i, k: shift(i, right=-k),
            "this moves down: columns are the last dimension": lambda i, k: (
                shift(i, down=k)
            ),
            "the image keeps its width: drop what leaves on the right": (
                lambda i, k: F.pad(i, (k, 0))
            ),
            "this is the image unmoved": lambda i, k: i,
        },
        library=(shift,),
    )


def check_mixup(attempt):
    """Exercise: ``attempt(x1, x2, y1, y2, lam)`` blends two inputs and two
    one-hot labels, the first with share lam.

    Args:
        attempt: the reader's function.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_mixup(
        ...     lambda x1, x2, y1, y2, lam: (lam * x1 + (1 - lam) * x2, y1)
        ... )
        ✗ Not yet: the labels are blended too; yours keeps the first.

    Chapter: augmentation.
    """

    def blend(a, b, lam):
        return lam * a + (1 - lam) * b

    return check(
        attempt,
        lambda x1, x2, y1, y2, lam: (blend(x1, x2, lam), blend(y1, y2, lam)),
        lambda generator: [
            (
                *torch.rand(2, 6, generator=generator),
                *torch.eye(2),
                0.1 + 0.2 * i,
            )
            for i in range(4)
        ],
        {
            "the labels are blended too; yours keeps the first": (
                lambda a, b, c, d, lam: (
                    blend(a, b, lam),
                    c,
                )
            ),
            "the labels are blended, not chosen by the larger share": (
                lambda a, b, c, d, lam: (
                    blend(a, b, lam),
                    c if lam > 0.5 else d,
                )
            ),
            "inputs and labels take the same share": lambda a, b, c, d, lam: (
                blend(a, b, lam),
                blend(d, c, lam),
            ),
            "lam is the share of the first example": lambda a, b, c, d, lam: (
                blend(b, a, lam),
                blend(d, c, lam),
            ),
            "the inputs are blended too; yours keeps the first": (
                lambda a, b, c, d, lam: (
                    a,
                    blend(c, d, lam),
                )
            ),
            "use the share lam, not one half": lambda a, b, c, d, lam: (
                blend(a, b, 0.5),
                blend(c, d, 0.5),
            ),
        },
        library=(blend,),
    )


def check_noise_strength(answer):
    r"""Exercise by hand: the :math:`\lambda` of the ridge penalty that equals
    input noise of deviation 0.5.

    Args:
        answer: the reader's number.

    Returns:
        1 if right, else 0; one sentence is printed.

    Example:
        >>> answer = check_noise_strength(0.5)
        ✗ Not yet: the penalty is the variance of the noise, not its standard
        deviation.

    Chapter: augmentation.
    """
    return check_number(
        answer,
        0.25,
        {
            0.5: (
                "the penalty is the variance of the noise, not its standard"
                " deviation"
            ),
            0.125: (
                "both the loss and the penalty carry the half, so it cancels"
            ),
            0.0: "the mean of the noise is zero, but its square is not",
            4.0: "more noise is a stronger penalty: do not take the inverse",
        },
    )
