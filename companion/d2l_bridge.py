r"""``d2l``, the library of *Dive into Deep Learning*, imported where
torchvision's compiled operators cannot load.

Use it as ``from companion.d2l_bridge import d2l``.

``d2l.torch`` imports torchvision, whose wheel may belong to another build of
torch (a CUDA build beside a CPU torch, say). Then the import fails at the first
missing operator, though d2l needs none of them. Declaring the operators that
torchvision looks up lets its data sets and transforms load; calling such an
operator still says that it is missing.
"""

import importlib
import importlib.util

import torch

__all__ = ["d2l", "load_d2l"]

_OPERATORS = ("nms", "qnms")
# Packages that d2l imports and the companion does not need. d2l and torchvision
# demand versions of others, so pip must not look at what they depend on.
_PACKAGES = {
    "d2l": "--no-deps d2l==1.0.3",
    "torchvision": "--no-deps torchvision",
    "pandas": "pandas",
    "requests": "requests",
    "PIL": "pillow",
    "IPython": "ipython",
    "matplotlib_inline": "matplotlib-inline",
}
_declared = []  # torch forgets the operators of a Library that nobody holds


def _declare_operators():
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        library.define(
            f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
    _declared.append(library)


def load_d2l():
    """Import ``d2l.torch``.

    Returns:
        The module ``d2l.torch``.

    Raises:
        ImportError: if d2l or a package that it imports is missing; names the
            command that installs it.

    Example:
        >>> X, y = load_d2l().synthetic_data(torch.tensor([2.0, -3.4]), 4.2, 5)
        >>> X.shape, y.shape
        (torch.Size([5, 2]), torch.Size([5, 1]))

    Source: Zhang, Lipton, Li and Smola (2023), version 1.0.3 of the library.

    Chapter: weight_decay, capstone.
    """
    for package, arguments in _PACKAGES.items():
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"{package} is not installed; install it with: python -m pip"
                f" install {arguments}"
            )
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "does not exist" not in str(error):
            raise
        _declare_operators()
    return importlib.import_module("d2l.torch")


d2l = load_d2l()
