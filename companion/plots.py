r"""Figures that every reader can see, and what live explorers are handed. Used
by the lab of every chapter.

One colour per concept, the same in every chapter: ``COLORS``. Dashes mean
training, solid lines test. Draw in black, white and the palette: :func:`show`
turns black into the page's ink and white into its paper, chooses ticks that can
be read, writes labels beside the lines, and refuses texts that cover each other
or the data.
"""

import base64
import html
import io
import json
import math
import re
from contextlib import ExitStack

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion import _pace
from companion._layout import arrange
from companion.claims import interval, publish

__all__ = [
    "COLORS",
    "MARKERS",
    "PALETTE",
    "band",
    "baseline",
    "explorer_data",
    "figure",
    "show",
    "style",
]

DATA = "explorer."  # before the keys of what explorers are handed

# At least 3 : 1 against both papers, and apart for colour-blind readers.
PALETTE = ("#0a94ff", "#c23a3a", "#7335fe", "#b28f00", "#a63698", "#889590")
BLUE, RED, VIOLET, OCHRE, MAGENTA, GREY = PALETTE

# Concepts that meet in a figure have different colours.
COLORS = {
    "baseline": "black",
    "theory": "black",
    "truth": "black",
    "training": BLUE,
    "validation": VIOLET,
    "test": RED,
    "right labels": OCHRE,
    "wrong labels": MAGENTA,
    "plain": GREY,
    "L1": OCHRE,
    "L2": VIOLET,
    "dropout": BLUE,
    "early stopping": RED,
    "augmentation": MAGENTA,
    "ensemble": OCHRE,
    "batch norm": BLUE,
    "layer norm": OCHRE,
    "residual": RED,
    "SGD": BLUE,
    "momentum": RED,
    "Nesterov": GREY,
    "AdaGrad": OCHRE,
    "RMSProp": MAGENTA,
    "Adam": VIOLET,
    "AdamW": OCHRE,
    "Lion": GREY,
    "Muon": MAGENTA,
    "σ = 0.01": MAGENTA,
    "σ = 1": OCHRE,
    "default": GREY,
    "Xavier": BLUE,
    "He": RED,
    "orthogonal": VIOLET,
    "ReLU": BLUE,
    "leaky ReLU": RED,
    "tanh": VIOLET,
    "sigmoid": OCHRE,
    "squared error": BLUE,
    "Huber": RED,
    "absolute error": VIOLET,
    "cross-entropy": OCHRE,
    "pos_weight": MAGENTA,
    "focal loss": GREY,
    "one spread": BLUE,
    "learned spread": RED,
    "quantile loss": VIOLET,
}
ALIASES = {
    "train": "training",
    "right": "right labels",
    "true": "right labels",
    "wrong": "wrong labels",
    "random": "wrong labels",
    "none": "plain",
    "no decay": "plain",
    "no dropout": "plain",
    "no augmentation": "plain",
    "single": "plain",
    "lasso": "L1",
    "decay": "L2",
    "weight decay": "L2",
    "ridge": "L2",
    "ridge regression": "L2",
    "batch normalization": "batch norm",
    "layer normalization": "layer norm",
    "gradient descent": "SGD",
    "Kaiming": "He",
    "Glorot": "Xavier",
    "Gaussian": "Xavier",
}
CONCEPTS = {name.lower(): name for name in COLORS} | {
    alias.lower(): name for alias, name in ALIASES.items()
}
TRAINING = (0, (5, 2))
MARKERS = ("o", "s", "^", "D", "v", "P")

# In inches. Text of 12 points is 12 pixels high where a page of 360 pixels
# shows the figure.
PHONE = 328 / 72

LIGHT = "--ink:#1f2328;--paper:#ffffff;--rule:#c4cad1;color-scheme:light"
DARK = "--ink:#e3e8ee;--paper:#14181e;--rule:#454f5b;color-scheme:dark"
INKS = {
    "#000000": "var(--ink)",
    "#ffffff": "var(--paper)",
    "#b0b0b0": "var(--rule)",
    "#cccccc": "var(--rule)",
}

# Letters need more contrast than lines: some of the ink is mixed in.
TEXT_INK = re.compile(r"fill: ?(" + "|".join(PALETTE) + r")(?=[;\"])")


def style():
    r"""The look of every figure, as a context or a decorator; nothing is
    changed outside it.

    Example:
        >>> with style():
        ...     plt.rcParams["font.size"]
        12.0

    Chapter: all.
    """
    cycle = matplotlib.cycler(color=PALETTE, linewidth=[2] * len(PALETTE))
    return matplotlib.rc_context(
        {
            "figure.figsize": (5.6, 3.6),
            "figure.constrained_layout.use": True,
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],
            "font.size": 12,
            "axes.titlesize": 12,
            "legend.fontsize": 12,
            "legend.frameon": False,
            "axes.prop_cycle": cycle,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.linewidth": 0.6,
            "svg.fonttype": "none",
        }
    )


def figure(rows=1, columns=1, **options):
    r"""Create a figure and its axes like ``plt.subplots``, in the course's
    style, at a size that is legible on a phone.

    Args:
        rows: how many panels there are from top to bottom.
        columns: how many panels stand side by side. Two are as much as a phone
            can show; prefer rows.
        **options: passed on to ``matplotlib.pyplot.subplots``.

    Returns:
        The figure, and one Axes or an array of them.

    Chapter: all.
    """
    with style():
        size = (
            (5.6, 3.6 * rows) if columns == 1 else (3.6 * columns, 3.2 * rows)
        )
        return plt.subplots(rows, columns, **{"figsize": size, **options})


def band(ax, x, values, *, label, color=None):
    r"""Draw the mean over seeds as a line and its 95 % interval at each point
    as a band.

    On a logarithmic y-axis (set the scale first) both are taken of the
    logarithm, as is right for skewed quantities.

    Args:
        ax: where to draw.
        x: shape (N,).
        values: shape (S, N), one row per seed, at least 2. A NaN or infinity
            leaves a gap at its x.
        label: the name beside the line. A concept of ``COLORS`` in it, alone
            or after a comma ("ReLU, He", "decay 3, training"), gives the
            colour; *training* gives dashes.
        color: instead; otherwise, without a concept, the first colour of
            ``PALETTE`` that is still free. Each brings its own marker.

    Returns:
        The line of the mean.

    Raises:
        ValueError: if the shapes do not fit or a value is not positive on a
            logarithmic axis.

    Chapter: all.
    """
    x, values = (
        np.asarray(a.tolist() if isinstance(a, torch.Tensor) else a, float)
        for a in (x, values)
    )
    if values.ndim != 2 or len(values) < 2 or x.shape != values.shape[1:]:
        wanted = (
            "values must have shape (S, N) with at least 2 seeds S, and x shape"
            " (N,)"
        )
        raise ValueError(f"{wanted}; got values {values.shape} and x {x.shape}")
    values = np.where(np.isfinite(values), values, np.nan)
    log = ax.get_yscale() == "log"
    if log and (values <= 0).any():
        raise ValueError(
            "values must be positive on a logarithmic axis; got"
            f" {np.nanmin(values):g}"
        )
    lines = interval(np.log(values) if log else values)
    mean, low, high = (np.exp(y) for y in lines) if log else lines
    (line,) = ax.plot(
        x, mean, label=label, color=color or _color(ax, label), linestyle="-"
    )
    if "training" in _concepts(label):
        line.set_linestyle(TRAINING)
    if line.get_color() in PALETTE:
        line.set(
            marker=MARKERS[PALETTE.index(line.get_color())],
            markevery=0.15 if len(x) > 12 else None,
        )
    ax.fill_between(
        x, low, high, color=line.get_color(), alpha=0.22, linewidth=0
    )
    return line


def baseline(ax, y, label):
    r"""Draw a dashed line at the height of a trivial answer: predict the mean,
    predict zero, the majority class.

    Args:
        ax: where to draw.
        y: the height.
        label: the name in the legend.

    Returns:
        The line.

    Chapter: all.
    """
    return ax.axhline(
        float(y),
        color="black",
        linestyle=(0, (4, 3)),
        linewidth=1.2,
        label=label,
    )


def show(fig, alt, name=None):
    r"""Show a figure as one image with alternative text, in one rendition for
    wide pages and one for phones, and close it.

    Labels stand at the lines' right ends, or along the lines; where there is no
    room, in a legend that covers no data. Axes that have a legend keep it.

    Args:
        fig: what to show.
        alt: what is to be seen, for readers who cannot see it: at least 20
            characters.
        name: the key under which a page can glue the figure.

    Raises:
        TypeError: if ``fig`` is not a figure.
        ValueError: if ``alt`` does not say what is to be seen, or texts cover
            each other or the data.

    Chapter: all.
    """
    _check_alt(alt)
    look = (
        f"<style>svg{{{LIGHT}}}"
        f"@media(prefers-color-scheme:dark){{svg{{{DARK}}}}}</style>"
    )
    sources = []
    # a class has no phones to show it on
    for inches in (None,) if _pace.quick() else (None, PHONE):
        svg, *size = _svg(fig, inches)
        width, height = (round(x * 4 / 3) for x in size)
        svg = svg.replace(
            ">",
            f' xmlns="http://www.w3.org/2000/svg" width="{width}"'
            f' height="{height}">{look}',
            1,
        )
        data = base64.b64encode(svg.encode()).decode()
        uri = f'"data:image/svg+xml;base64,{data}"'
        sources.append((uri, f'width="{width}" height="{height}"'))
    plt.close(_figure(fig))
    (wide, size), (narrow, small) = sources[0], sources[-1]
    image = (
        f'<picture><source media="(max-width: 600px)" {small} srcset={narrow}>'
        f'<img class="dark-light" alt="{html.escape(alt)}" {size}'
        f' style="max-width:100%;height:auto" src={wide}></picture>'
    )
    publish({"text/html": image, "text/plain": alt}, name)


def explorer_data(name, data, digits=6):
    r"""Record what a live explorer cannot compute in the browser: trained
    weights, scores. The cell itself shows nothing.

    Args:
        name: the key under which the page's explorer names it: lower-case
            letters, digits, underscores.
        data: dicts with text keys, lists, tensors, arrays, numbers, strings and
            None, as deep as you like; no number may be NaN or infinite.
        digits: significant digits that are kept of every float.

    Raises:
        TypeError: if something in ``data`` is of another type.
        ValueError: if the name is malformed, or a number is not finite.

    Example:
        >>> explorer_data("weights", {"W": torch.eye(2), "b": [0.5, 1 / 3]})

    Chapter: all.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            "name must be lower-case letters, digits and underscores, got"
            f" {name!r}"
        )
    text = json.dumps(
        _plain(name, data, digits), ensure_ascii=False, separators=(",", ":")
    )
    publish({"application/json": text}, DATA + name, visible=False)


def _plain(name, value, digits):
    """What JSON can write of some data, floats rounded."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(
                f"data {name!r} must hold finite numbers, got {value}"
            )
        return float(f"{value:.{digits}g}")
    if isinstance(value, list | tuple):
        return [_plain(name, each, digits) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(name, each, digits) for key, each in value.items()}
    raise TypeError(
        f"data {name!r} must be dicts with text keys, lists, tensors, numbers,"
        f" strings or None, got {type(value).__name__}"
    )


def _check_alt(alt):
    """Refuse alternative text that describes nothing."""
    if (
        not isinstance(alt, str)
        or len(alt.strip()) < 20
        or re.fullmatch(r"\S+\.\w{2,4}", alt.strip())
    ):
        raise ValueError(
            "alt must say what is to be seen, in at least 20 characters, not a"
            f" file name; got {alt!r}"
        )


def _concepts(label):
    """The concepts that a label names: its parts between commas, also without
    numbers and without a last word such as *loss*.
    """
    found = []
    for part in label.lower().split(", "):
        bare = re.sub(r" (error|loss|accuracy|labels)$", "", part)
        for name in (
            part,
            re.sub(r"^[\d.]+ % | [\d.]+$", "", part),
            re.sub(r"^[\d.]+ % | [\d.]+$", "", bare),
        ):
            if name in CONCEPTS:
                found.append(CONCEPTS[name])
                break
    return found


def _color(ax, label):
    """The colour of the last concept in the label, training and test last of
    all, whose colour is free; else the first free one.
    """
    used = {line.get_color() for line in ax.lines}
    rows = ("training", "test", "validation")
    wanted = sorted(reversed(_concepts(label)), key=lambda c: c in rows)
    mine = {
        line.get_color()
        for line in ax.lines
        if set(_concepts(str(line.get_label()))) & set(wanted) - set(rows)
        and any(row in _concepts(label) for row in rows)
    }
    free = [
        COLORS[c] for c in wanted if COLORS[c] in mine or COLORS[c] not in used
    ]
    free += [color for color in PALETTE if color not in used]
    return (free or PALETTE)[0]


def _figure(fig):
    """The figure itself, also of its axes."""
    fig = fig.figure if isinstance(fig, Axes) else fig
    if not isinstance(fig, Figure):
        raise TypeError(
            f"expected a matplotlib Figure or Axes; got {type(fig).__name__}"
        )
    return fig


def _text_ink(match):
    """The palette's colour with enough ink to be read as text."""
    color = match[1]
    return f"fill:{color};fill:color-mix(in srgb,{color} 70%,var(--ink))"


def _svg(fig, inches):
    """Render a figure: a small SVG whose colours are variables, its width and
    height.
    """
    fig = _figure(fig)
    buffer = io.StringIO()
    with style(), ExitStack() as undo:
        arrange(fig, undo, inches)
        fig.savefig(
            buffer,
            format="svg",
            dpi=144,
            metadata={
                "Date": None,
                "Creator": None,
                "Format": None,
                "Type": None,
            },
        )
    svg = re.sub(
        r"<style.*?</style>|<!--.*?-->|\n\s*",
        " ",
        buffer.getvalue(),
        flags=re.S,
    )
    svg = re.sub(
        r"(?<=>) +(?=<)| font-family: [^;\"]*;?| transform=\"rotate\(-0"
        r" [^\"]*\"",
        "",
        svg,
    )
    width, height = (
        float(x)
        for x in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()
    )
    svg = svg[svg.index(">", svg.index("<svg ")) + 1 :].replace(
        "xlink:href", "href"
    )
    # in order of appearance
    used = dict.fromkeys(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    ids = {old: f"f-{i}" for i, old in enumerate(used)}
    svg = re.sub(
        r' id="([^"]*)"',
        lambda m: f' id="{ids[m[1]]}"' if m[1] in ids else "",
        svg,
    )
    svg = re.sub(
        r'(href="|url\()#([^")]+)', lambda m: f"{m[1]}#{ids[m[2]]}", svg
    )
    svg = re.sub(
        r' (?:d="|x="|y="|transform="rotate|transform="translate)[^"]*"',
        lambda m: _round(m[0]),
        svg,
    )
    svg = re.sub(
        r'style="[^"]*"', lambda m: re.sub("(?<=[:;]) ", "", m[0]), svg
    )
    svg = re.sub(
        r"<t(?:ext|span)[^>]*>", lambda m: TEXT_INK.sub(_text_ink, m[0]), svg
    )
    svg = re.sub(
        r"(?<=:)(?:" + "|".join(INKS) + r")(?=[;\"])", lambda m: INKS[m[0]], svg
    )
    look = (
        "background:var(--paper);fill:var(--ink);font-family:sans-serif;"
        "stroke-linejoin:round"
    )
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" style="{look}">{svg}',
        width,
        height,
    )


def _round(text):
    """Round the coordinates in an attribute to one decimal, and close the gaps
    around the letters of a path.
    """
    if "scale(" in text:
        return text
    text = re.sub(
        r"\d+\.\d+", lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), text
    )
    return (
        re.sub(r" *\b([A-Zz]) *", r"\1", text)
        if text.startswith(' d="')
        else text
    )
