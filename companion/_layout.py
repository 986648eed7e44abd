"""Where everything in a figure stands: ticks that can be read, labels beside
their lines or legends that cover nothing, and what is wrong with a layout.

:mod:`companion.plots` uses it for every figure.
"""

import re
import textwrap
from contextlib import ExitStack
from itertools import combinations, pairwise

import numpy as np
from matplotlib.container import ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import (
    AutoLocator,
    FixedLocator,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
    SymmetricalLogLocator,
)
from matplotlib.transforms import Bbox, blended_transform_factory

from companion.claims import number

SMALLEST = 12  # points; see PHONE in companion.plots


def arrange(fig, undo, inches):
    """Lay a figure out at a width: ticks, labels, legends. What it changes,
    ``undo`` restores.
    """
    phone = inches is not None
    if phone:
        size = fig.get_size_inches().copy()
        undo.callback(fig.set_size_inches, size)
        fig.set_size_inches(inches, size[1])
        for text in fig.findobj(Text):
            if text.get_fontsize() < SMALLEST:
                undo.callback(text.set_fontsize, text.get_fontsize())
                text.set_fontsize(SMALLEST)
    bare = [
        ax
        for ax in fig.axes
        if ax.get_legend_handles_labels()[0]
        and not ax.get_legend()
        and not fig.legends
    ]
    for ax in fig.axes:
        if ax.images:
            ax.grid(False)  # it would lie above the picture
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            _ticks(ax, axis, undo)
    _layout(fig)
    _freeze(fig, undo)
    beside = {}
    if bare:
        _settle(fig, undo)
        beside = {ax: _margin(ax, undo, 0.3 if phone else 0.4) for ax in bare}
        _layout(fig)
    full = [ax for ax in bare if not _along(ax, undo, beside[ax])]
    for ax in full:
        for label in beside[ax].values():
            label.remove()
    if any(beside[ax] for ax in full):
        _layout(fig)
    for ax in full:
        _legend(ax, undo)
    _settle(fig, undo)
    fault = _overlap(fig)
    if fault:
        raise ValueError(f"{'on a phone, ' if phone else ''}{fault}")
    engine = fig.get_layout_engine()
    fig.set_layout_engine("none")
    undo.callback(fig.set_layout_engine, engine)


def _layout(fig):
    """Compute where everything stands."""
    engine = fig.get_layout_engine()
    if engine is not None:
        engine.execute(fig)
    for ax in fig.axes:
        ax.get_tightbbox()  # the labels of axes keep their distance


def _freeze(fig, undo):
    """Keep the ticks of linear axes as they are: a change of size would change
    them, and they the size.
    """
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            locator = axis.get_major_locator()
            if isinstance(locator, MaxNLocator):
                undo.callback(axis.set_major_locator, locator)
                axis.set_major_locator(FixedLocator(axis.get_majorticklocs()))


def _settle(fig, undo):
    """Lay out, and again if texts of the axes had to change for it."""
    _layout(fig)
    changed = [_thin_all(fig, undo), _wrap(fig, undo)]
    if any(changed):
        _layout(fig)
        _layout(fig)  # one pass does not settle it where margins change much


# --- ticks


def _tick_text(x, powers=False):
    """A tick as people write it: 0.01, 1000, 10⁵."""
    if x == 0:
        return "0"
    power = round(np.log10(abs(x)), 9)
    if powers and power == int(power) and not 0 <= power <= 1:
        digits = str(int(power)).translate(
            str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
        )
        return f"{'−' if x < 0 else ''}10{digits}"
    return number(float(f"{x:.6g}")).replace(",", "")


def _ticks(ax, axis, undo):
    """Ticks that can be read: whole numbers where the data are, powers of ten
    or factors on logarithmic axes, no labels at what is between.
    """
    locator, scale = axis.get_major_locator(), axis.get_scale()
    minor = axis.get_minor_locator(), axis.get_minor_formatter()
    formatter = axis.get_major_formatter()
    length = ax.bbox.height if axis is ax.yaxis else ax.bbox.width
    room = length * 72 / ax.figure.dpi / (22 if axis is ax.yaxis else 36)
    if isinstance(locator, AutoLocator) and _whole(ax, axis):
        undo.callback(axis.set_major_locator, locator)
        axis.set_major_locator(
            MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True)
        )
    if scale not in ("log", "symlog"):
        return
    undo.callback(axis.set_minor_formatter, minor[1])
    axis.set_minor_formatter(NullFormatter())
    if isinstance(locator, (LogLocator, SymmetricalLogLocator)):
        low, high = sorted(axis.get_view_interval())
        start = low
        if scale == "symlog":
            start = 10 * axis.get_transform().linthresh
        ticks, step = _decades(start, high, room / (1 + (scale == "symlog")))
        if scale == "symlog":
            ticks = sorted([-t for t in ticks if -t >= low] + [0] + ticks)
        undo.callback(axis.set_major_locator, locator)
        undo.callback(axis.set_minor_locator, minor[0])
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(
            LogLocator(subs=range(2, 10))
            if step == 1 and scale == "log"
            else NullLocator()
        )
    elif not isinstance(formatter, ScalarFormatter) and not hasattr(
        formatter, "labelOnlyBase"
    ):
        return
    ticks = np.abs(axis.get_majorticklocs())
    ticks = ticks[ticks > 0]
    powers = bool(len(ticks)) and not (
        ticks.min() >= 0.00099 and ticks.max() <= 10001
    )
    undo.callback(axis.set_major_formatter, formatter)
    axis.set_major_formatter(lambda x, _: _tick_text(x, powers))


def _decades(low, high, room):
    """Ticks on a logarithmic axis, and the powers of ten between them."""
    first, last = (
        int(np.ceil(np.log10(low) - 1e-9)),
        int(np.floor(np.log10(high) + 1e-9)),
    )
    powers = list(range(first, last + 1))
    if len(powers) > 2:
        step = next(
            s
            for s in (1, 2, 3, 4, 5, 10, 20, 25, 50, 100)
            if len([p for p in powers if p % s == 0]) <= max(room, 2)
        )
        return [10.0**p for p in powers if p % step == 0], step
    for factors in ((1, 2, 5), range(1, 10)):
        ticks = [
            f * 10.0**p for p in range(first - 1, last + 1) for f in factors
        ]
        ticks = [
            t for t in ticks if low <= t * (1 + 1e-9) and t <= high * (1 + 1e-9)
        ]
        if 3 <= len(ticks) <= max(room, 3):
            return ticks, 1
    if len(powers) == 2:
        return [10.0**p for p in powers], 1
    ticks = MaxNLocator(
        max(int(min(room, 6)), 2), steps=[1, 2, 5, 10]
    ).tick_values(low, high)
    return [t for t in ticks if low <= t <= high and t > 0], 2


def _whole(ax, axis):
    """Whether the data along an axis, and along those that share it, are whole
    numbers.
    """
    place = int(axis is ax.yaxis)
    shared = (ax.get_shared_x_axes(), ax.get_shared_y_axes())[place]
    data = [
        line.get_xydata()[:, place]
        for each in shared.get_siblings(ax)
        for line in each.lines
        if line.get_transform() == each.transData
    ]
    data = np.concatenate([[], *data])
    data = data[np.isfinite(data)]
    return len(data) > 0 and np.ptp(data) > 1 and (data == np.round(data)).all()


def _tick_labels(axis):
    """The labels that are drawn, with their places, in order."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    shown = [
        (tick.get_loc(), tick.label1)
        for tick in ticks
        if low - slack <= tick.get_loc() <= high + slack
        and tick.label1.get_visible()
        and tick.label1.get_text()
    ]
    return sorted(shown, key=lambda pair: pair[0])


def _clash(boxes, gap=0.0):
    """Which boxes touch the one before them."""
    return [
        i
        for i, (a, b) in enumerate(pairwise(boxes), 1)
        if min(a.x1, b.x1) + gap > max(a.x0, b.x0)
        and min(a.y1, b.y1) > max(a.y0, b.y0)
    ]


def _wrap(fig, undo):
    """Break titles and labels of axes that are longer than there is room; says
    whether it did.
    """
    changed = False
    for ax in fig.axes:
        page, middle = ax.figure.bbox, (ax.bbox.x0 + ax.bbox.x1) / 2
        across = 2 * min(
            middle - page.x0, page.x1 - middle, 0.6 * ax.bbox.width
        )
        for text, side, room in (
            (ax.title, "width", across),
            (ax.xaxis.label, "width", across),
            (ax.yaxis.label, "height", 1.05 * ax.bbox.height),
        ):
            whole = text.get_text()
            size = getattr(text.get_window_extent(), side)
            if whole and "\n" not in whole and size > room:
                parts = int(size / room) + 1
                undo.callback(text.set_text, whole)
                text.set_text(
                    "\n".join(textwrap.wrap(whole, len(whole) // parts + 3))
                )
                changed = True
    return changed


def _thin_all(fig, undo):
    """Leave out, break or turn tick labels that touch; says whether it did."""
    changed = False
    for ax in fig.axes:
        if not ax.axison:
            continue
        for axis in (ax.xaxis, ax.yaxis):
            changed |= _thin(axis, undo)
    return changed


def _spread(boxes, gap):
    """Which of the boxes to keep so that none touch: every second, every third
    of evenly spaced ones, else each that has room.
    """
    middles = [(box.x0 + box.x1 + box.y0 + box.y1) / 2 for box in boxes]
    if np.ptp(np.diff(middles)) < 2:
        step = next(
            step
            for step in range(2, len(boxes) + 1)
            if not _clash(boxes[::step], gap)
        )
        return list(range(0, len(boxes), step))
    kept = [0]
    for i in range(1, len(boxes)):
        if not _clash([boxes[kept[-1]], boxes[i]], gap):
            kept.append(i)
    return kept


def _thin(axis, undo):
    """Leave out, break or turn the labels of one axis if they touch."""
    found = _tick_labels(axis)
    if len({text.get_rotation() for _, text in found} | {0}) > 1:
        return False
    boxes = [text.get_window_extent() for _, text in found]
    gap = 2.0 if axis.axis_name == "x" else 0.0
    if not _clash(boxes, gap):
        return False
    texts = [text.get_text() for _, text in found]
    places = [place for place, _ in found]
    formatter, locator = axis.get_major_formatter(), axis.get_major_locator()
    undo.callback(axis.set_major_formatter, formatter)
    undo.callback(axis.set_major_locator, locator)
    if all(re.fullmatch(r"[−\-\d.,⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", text) for text in texts):
        kept = _spread(boxes, gap + 2)
        axis.set_ticks(
            places, [t if i in kept else "" for i, t in enumerate(texts)]
        )
        return True
    broken = [text.replace(" ", "\n") for text in texts]
    axis.set_ticks(places, broken)
    boxes = [text.get_window_extent() for _, text in _tick_labels(axis)]
    if _clash(boxes, gap) and axis.axis_name == "x":
        axis.set_ticks(places, [text.replace("\n", " ") for text in texts])
        for text in axis.get_ticklabels():
            undo.callback(
                text.set,
                rotation=0,
                ha=text.get_ha(),
                rotation_mode=text.get_rotation_mode(),
            )
            text.set(rotation=55, ha="right", rotation_mode="anchor")
    return True


# --- labels


def _samples(line, every=3.0):
    """Points of a line as far as it is drawn, in pixels, close together."""
    path = line.get_transform().transform_path(line.get_path())
    clip = tuple(line.axes.bbox.extents)
    xy = path.vertices
    if line.get_linestyle() == "None":
        xy = xy[np.isfinite(xy).all(1)]
        inside = (xy >= clip[:2]).all(1) & (xy <= clip[2:]).all(1)
        return xy[inside]
    path = path.cleaned(clip=clip, remove_nans=True, simplify=False)
    xy, codes = path.vertices, path.codes
    parts = [xy[:0]]
    for a, b, code in zip(xy[:-1], xy[1:], codes[1:], strict=True):
        if code == path.LINETO:
            count = int(np.hypot(*(b - a)) / every) + 2
            parts.append(np.linspace(a, b, count))
    return np.concatenate(parts)


def _data(ax):
    """The points that no legend may cover, in pixels: lines, markers and error
    bars.
    """
    parts = [_samples(line) for line in ax.lines if line.get_visible()]
    bars = [
        bar
        for container in ax.containers
        if isinstance(container, ErrorbarContainer)
        for group in container[2]
        for bar in group.get_segments()
    ]
    for bar in bars:
        parts.append(np.linspace(*ax.transData.transform(bar), 30))
    for collection in ax.collections:
        if hasattr(collection, "get_sizes") and len(collection.get_offsets()):
            parts.append(
                collection.get_offset_transform().transform(
                    collection.get_offsets()
                )
            )
    return np.concatenate([np.empty((0, 2)), *parts])


def _covered(box, points, pad=0.0):
    """How many of the points lie in a box."""
    return int(
        (
            (points[:, 0] > box.x0 - pad)
            & (points[:, 0] < box.x1 + pad)
            & (points[:, 1] > box.y0 - pad)
            & (points[:, 1] < box.y1 + pad)
        ).sum()
    )


def _write(ax, undo, line, text, **place):
    """A label in its line's colour."""
    label = ax.annotate(
        text, color=line.get_color(), annotation_clip=False, **place
    )
    undo.callback(lambda: label in ax.texts and label.remove())
    return label


def _margin(ax, undo, share):
    """Labels to the right of the axes, at the heights where lines end there;
    the lines with their labels, none if there is no room.
    """
    box, ends = ax.bbox, {}
    for line, text in zip(*ax.get_legend_handles_labels(), strict=True):
        if not isinstance(line, Line2D):
            return {}
        points = _samples(line)
        if (points[:, 0] >= box.x0 + 0.9 * box.width).any():
            text = text if "$" in text else textwrap.fill(text, 17)
            ends[line] = text, points[points[:, 0].argmax(), 1]
    if not ends:
        return {}
    with ExitStack() as trial:
        sizes = [
            _write(
                ax, trial, line, text, xy=(1, 1), xycoords="axes fraction"
            ).get_window_extent()
            for line, (text, _) in ends.items()
        ]
    wanted = np.array([y for _, y in ends.values()])
    heights = np.array([size.height for size in sizes]) + 2
    places = _apart(wanted, heights)
    if (
        max(size.width for size in sizes) > share * box.width
        or np.abs(places - wanted).max() > 1.3 * heights.min()
    ):
        return {}
    return {
        line: _write(
            ax, undo, line, text, xy=(1, (place - box.y0) / box.height),
            xycoords="axes fraction", xytext=(5, 0),
            textcoords="offset points", va="center",
        )
        for (line, (text, _)), place in zip(ends.items(), places, strict=True)
    }  # fmt: skip


def _apart(places, heights):
    """The heights nearest to ``places`` at which labels do not touch."""
    order = np.argsort(places, kind="stable")
    groups = []  # each: the members, and where its middle wants to be
    for i in order:
        groups.append([[i], places[i]])
        while len(groups) > 1:
            (lower, below), (upper, above) = groups[-2:]
            reach = (heights[lower].sum() + heights[upper].sum()) / 2
            if above - below >= reach:
                break
            members = lower + upper
            offsets = np.cumsum(heights[members]) - heights[members] / 2
            middle = (
                np.mean(places[members] - offsets) + heights[members].sum() / 2
            )
            groups[-2:] = [[members, middle]]
    result = np.empty(len(places))
    for members, middle in groups:
        offsets = np.cumsum(heights[members]) - heights[members] / 2
        result[members] = middle - heights[members].sum() / 2 + offsets
    return result


def _along(ax, undo, done):
    """Labels above, below or beside the lines that have none yet, where nothing
    else is; says whether there was room.
    """
    handles, labels = ax.get_legend_handles_labels()
    if not all(
        isinstance(line, Line2D)
        and (line.get_linestyle() != "None" or line.get_color() != "black")
        for line in handles
    ):
        return False  # a black mark says nothing about its label
    samples = [_samples(line) for line in handles]
    everything = _data(ax)
    taken = [text.get_window_extent() for text in ax.texts if text.get_text()]
    found = []
    for k, (line, text) in enumerate(zip(handles, labels, strict=True)):
        if line in done:
            continue
        with ExitStack() as trial:
            size = _write(
                ax, trial, line, text, xy=(0, 0), xycoords="axes fraction"
            ).get_window_extent()
        others = [samples[j] for j in range(len(handles)) if j != k]
        others = np.concatenate([np.empty((0, 2)), *others])
        box = _best(ax.bbox, size, samples[k], others, everything, taken)
        if box is None:
            return False
        taken.append(box)
        found.append((line, text, box))
    for line, text, box in found:
        place = ax.transAxes.inverted().transform((box.x0, box.y0))
        _write(
            ax, undo, line, text, xy=place, xycoords="axes fraction",
            va="bottom",
        )  # fmt: skip
    return True


def _best(axes, size, own, others, everything, taken):
    """The place of a label by its line that is farthest from other lines."""
    best, clear, gap = None, 0.0, 5.0
    w, h = size.width, size.height
    for x, y in own[:: max(1, len(own) // 60)]:
        for dx, dy in (
            (-w / 2, gap),
            (-w / 2, -gap - h),
            (gap, -h / 2),
            (-gap - w, -h / 2),
            (gap, gap),
            (gap, -gap - h),
        ):
            box = Bbox.from_bounds(x + dx, y + dy, w, h)
            if (
                box.x0 < axes.x0
                or box.x1 > axes.x1
                or box.y0 < axes.y0
                or box.y1 > axes.y1
                or _covered(box, everything, 2)
                or any(box.overlaps(other) for other in taken)
            ):
                continue
            far = min(_distance(box, others), 60.0)
            if far < 2.5 * _distance(box, own):
                continue
            score = far + 10 * (x - axes.x0) / axes.width
            if score > clear:
                best, clear = box, score
    return best


def _distance(box, points):
    """From a box to the nearest point, in pixels."""
    if not len(points):
        return np.inf
    across = np.maximum(box.x0 - points[:, 0], points[:, 0] - box.x1)
    up = np.maximum(box.y0 - points[:, 1], points[:, 1] - box.y1)
    return float(np.hypot(across.clip(0), up.clip(0)).min())


CORNERS = (
    "upper right", "upper left", "lower left", "lower right", "center right",
    "center left", "upper center", "lower center", "center",
)  # fmt: skip


def _hidden(ax, box):
    """Whether a legend's box would cover data, bars or texts."""
    return (
        _covered(box, _data(ax), 1) > 0
        or any(
            patch.get_window_extent().overlaps(box)
            for patch in ax.patches
            if patch.get_visible()
        )
        or any(text.get_window_extent().overlaps(box) for text in ax.texts)
    )


def _legend(ax, undo):
    """A legend where it covers nothing: in a corner, else above the axes."""
    legend = ax.legend()
    undo.callback(lambda: ax.get_legend().remove())
    for place in CORNERS:
        legend.set_loc(place)
        if not _hidden(ax, legend.get_window_extent()):
            return
    page = ax.figure.bbox
    left = ax.transAxes
    if ax.bbox.x0 < 0.3 * page.width:
        left = blended_transform_factory(ax.figure.transFigure, ax.transAxes)
    count = len(ax.get_legend_handles_labels()[1])
    for columns in range(min(count, 4), 0, -1):
        legend = ax.legend(
            loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.6,
            bbox_transform=left, ncols=columns, columnspacing=1.2,
            handlelength=1.6,
        )  # fmt: skip
        box = legend.get_window_extent()
        if box.x1 <= page.x1 - 4:
            break
    if ax.get_title():
        pad = box.height * 72 / ax.figure.dpi
        size = ax.title.get_fontsize()
        undo.callback(ax.set_title, ax.get_title(), fontsize=size)
        ax.set_title(ax.get_title(), fontsize=size, pad=pad + 12)


# --- faults


def _overlap(fig):
    """Say which text covers another, or the data, or leaves the figure; None
    if none does.
    """
    texts = [t for t in fig.texts if t.get_visible() and t.get_text()]
    legends = list(fig.legends)
    tilted, free = set(), []
    for ax in fig.axes:
        if not ax.get_visible():
            continue
        here = [ax.title, ax._left_title, ax._right_title, *ax.texts]
        if ax.axison:
            for axis in (ax.xaxis, ax.yaxis):
                labels = [text for _, text in _tick_labels(axis)]
                here += [axis.label, axis.offsetText, *labels]
                tilted |= {text for text in labels if text.get_rotation() % 90}
        texts += [t for t in here if t.get_visible() and t.get_text()]
        free += [
            (ax, t)
            for t in ax.texts
            if t.get_text() and t.get_bbox_patch() is None
        ]
        legends += [ax.get_legend()] if ax.get_legend() else []
    renderer = fig.canvas.get_renderer()
    boxes = [
        (_name(a), a, a.get_window_extent(renderer)) for a in texts + legends
    ]
    for name, _, box in boxes:
        page = fig.bbox
        if (
            min(box.x0 - page.x0, box.y0 - page.y0) < -1
            or min(page.x1 - box.x1, page.y1 - box.y1) < -1
        ):
            return f"{name} is cut off at the figure's edge"
    for (name, a, one), (other, b, two) in combinations(boxes, 2):
        if {a, b} <= tilted:
            continue
        if (
            min(one.x1, two.x1) - max(one.x0, two.x0) > 1
            and min(one.y1, two.y1) - max(one.y0, two.y0) > 2
        ):
            return f"{name} overlaps {other}"
    for ax in fig.axes:
        legend = ax.get_legend()
        if legend and _hidden_lines(ax, legend.get_window_extent(renderer)):
            return f"{_name(legend)} covers data"
    for ax, text in free:
        box = text.get_window_extent(renderer)
        if any(
            line.get_markersize() > 1.5 * text.get_fontsize()
            and line.get_linestyle() == "None"
            and _covered(box, _samples(line), 2)
            for line in ax.lines
        ):
            continue  # it stands inside a marker
        points = [_samples(line) for line in ax.lines]
        if _covered(box, np.concatenate([np.empty((0, 2)), *points]), -1):
            return f"{_name(text)} covers a line"
    return None


def _hidden_lines(ax, box):
    """Whether a legend lies on data or bars."""
    bars = [patch for patch in ax.patches if patch.get_visible()]
    return _covered(box, _data(ax), -1) or any(
        bar.get_window_extent().overlaps(box) for bar in bars
    )


def _name(artist):
    """What to call a text or legend in a message."""
    if isinstance(artist, Legend):
        first = artist.get_texts()
        return f"the legend of {first[0].get_text() if first else ''!r}"
    return repr(artist.get_text())
