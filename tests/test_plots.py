"""Figures: described, deterministic, light and legible on any page, also in a
real browser.
"""

import base64
import io
import math
import re
import shutil
import xml.etree.ElementTree as ElementTree
from contextlib import ExitStack

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from companion import _layout, plots
from companion._layout import arrange
from companion.claims import interval

ALT = "A curve falls from one to zero."
BROWSER = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome")),
    ),
    None,
)


@pytest.fixture(autouse=True)
def agg():
    """Draw without a screen, and leave no figure behind."""
    before = plt.get_backend()
    plt.switch_backend("Agg")
    yield
    assert plt.get_fignums() == []
    plt.switch_backend(before)


def curve(rate=1.0):
    fig, ax = plots.figure()
    x = np.linspace(0, 3, 50)
    y = np.exp(-rate * x)
    ax.plot(x, y, label="loss")
    ax.plot(x[::10], y[::10], "o", color="black", label="data")
    plots.baseline(ax, 0.5, "chance")
    ax.set(xlabel="step", ylabel="loss", ylim=(0, 1), title="<a> & b")
    return fig


def image(shell, number=-1):
    """The attributes of the shown image, its SVG, and the whole output."""
    output = shell.outputs[number]
    html = output["data"]["text/html"]
    assert re.fullmatch(r"<picture><source [^<>]*><img [^<>]*></picture>", html)
    attributes = dict(
        re.findall(r'([a-z-]+)="([^"]*)"', html[html.index("<img") :])
    )
    return attributes, svg_of(attributes["src"]), output


def svg_of(uri):
    return base64.b64decode(
        uri.removeprefix("data:image/svg+xml;base64,")
    ).decode()


def phone(shell, number=-1):
    """The SVG for phones."""
    html = shell.outputs[number]["data"]["text/html"]
    return svg_of(re.search(r'srcset="([^"]*)"', html)[1])


# --- colours


def luminance(colour):
    """WCAG 2 relative luminance."""
    c = np.array(matplotlib.colors.to_rgb(colour))
    return float(
        np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        @ [0.2126, 0.7152, 0.0722]
    )


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def theme(text):
    return dict(re.findall(r"--(\w+):(#\w+)", text))


@pytest.mark.parametrize(
    "colours", [theme(plots.LIGHT), theme(plots.DARK)], ids=["light", "dark"]
)
def test_contrast(colours):
    assert contrast(colours["ink"], colours["paper"]) >= 7
    assert (
        min(contrast(colour, colours["paper"]) for colour in plots.PALETTE) >= 3
    )


# Linear RGB as seen with each kind of colour blindness (Machado, Oliveira and
# Fernandes 2009, severity 1).
SIGHT = {
    "usual": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("sight", SIGHT)
def test_palette_is_told_apart_by_every_reader(sight):
    def lab(colour):
        c = np.array(matplotlib.colors.to_rgb(colour))
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        seen = np.clip(np.array(SIGHT[sight]) @ linear, 0, 1)
        xyz = [
            [0.4124, 0.3576, 0.1805],
            [0.2126, 0.7152, 0.0722],
            [0.0193, 0.1192, 0.9505],
        ] @ seen
        f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
        return np.array(
            [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]
        )

    labs = [lab(colour) for colour in plots.PALETTE]
    apart = [
        np.linalg.norm(a - b) for i, a in enumerate(labs) for b in labs[:i]
    ]
    assert min(apart) > 25  # a difference of about 2 can just be seen


def test_nothing_changes_outside_the_style():
    before = dict(matplotlib.rcParams)
    plt.close(curve())
    assert dict(matplotlib.rcParams) == before
    with plots.style():
        assert dict(matplotlib.rcParams) != before


# --- drawing


@pytest.mark.parametrize("columns", [1, 2])
def test_two_rows_are_twice_as_high_as_one(columns):
    (one, _), (two, _) = (plots.figure(rows, columns) for rows in (1, 2))
    assert two.get_size_inches().tolist() == [
        one.get_size_inches()[0],
        2 * one.get_size_inches()[1],
    ]
    plt.close("all")


def test_panels_are_smaller_side_by_side():
    fig, _ = plots.figure(2, 2)
    assert fig.get_size_inches().tolist() == [7.2, 6.4]
    plt.close(fig)


def test_lines_differ_by_more_than_colour():
    fig, ax = plots.figure()
    lines = [
        plots.band(
            ax,
            range(5),
            np.random.default_rng(i).normal(size=(3, 5)),
            label=f"{i}",
        )
        for i in range(6)
    ]
    assert [line.get_color() for line in lines] == list(plots.PALETTE)
    assert len({line.get_marker() for line in lines}) == 6
    again = plots.band(
        ax, range(5), np.zeros((2, 5)), label="again", color=plots.PALETTE[3]
    )
    assert again.get_marker() == lines[3].get_marker()
    plt.close(fig)


MEETINGS = [
    ["training", "validation", "test"],
    ["training", "validation", "right labels", "wrong labels"],
    ["right labels", "wrong labels", "plain", "L2"],
    ["plain", "L1", "L2", "dropout", "early stopping", "augmentation"],
    ["plain", "L2", "dropout", "early stopping", "augmentation", "ensemble"],
    ["plain", "batch norm", "layer norm", "residual"],
    ["SGD", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"],
    ["SGD", "momentum", "Adam", "AdamW", "Lion", "Muon"],
    ["σ = 0.01", "σ = 1", "default", "Xavier", "He", "orthogonal"],
    ["ReLU", "leaky ReLU", "tanh", "sigmoid"],
    ["squared error", "Huber", "absolute error", "cross-entropy"],
    ["cross-entropy", "pos_weight", "focal loss", "squared error"],
    ["one spread", "learned spread", "quantile loss"],
]


@pytest.mark.parametrize("concepts", MEETINGS, ids=", ".join)
def test_concepts_that_meet_have_different_colours(concepts):
    colours = [plots.COLORS[concept] for concept in concepts]
    assert len(set(colours)) == len(colours)
    assert set(colours) <= set(plots.PALETTE)  # tested above on both papers


def test_every_concept_is_tested_where_it_meets_others():
    assert {c for group in MEETINGS for c in group} == {
        c for c, colour in plots.COLORS.items() if colour != "black"
    }


@pytest.mark.parametrize(
    ("label", "concept", "dashed"),
    [
        ("Adam", "Adam", False),
        ("rmsprop", "RMSProp", False),
        ("training error", "training", True),
        ("test loss", "test", False),
        ("40 % wrong labels", "wrong labels", False),
        ("ReLU, He", "He", False),
        ("no decay, training", "plain", True),
        ("40 % wrong, decay 0.01", "L2", False),
        ("training, random labels", "wrong labels", True),
        ("ridge regression", "L2", False),
        ("σ = 0.01", "σ = 0.01", False),
    ],
)
def test_a_label_that_names_a_concept_has_its_look(label, concept, dashed):
    fig, ax = plots.figure()
    line = plots.band(ax, range(5), np.zeros((2, 5)), label=label)
    assert line.get_color() == plots.COLORS[concept]
    assert line.is_dashed() == dashed
    plt.close(fig)


def test_a_colour_that_is_taken_is_not_given_again():
    fig, ax = plots.figure()
    labels = ("x, Xavier", "tanh, Xavier", "y, Xavier", "test", "momentum")
    lines = [
        plots.band(ax, range(2), np.zeros((2, 2)), label=label)
        for label in labels
    ]
    plt.close(fig)
    colours = [line.get_color() for line in lines]
    assert colours[:2] == [plots.COLORS["Xavier"], plots.COLORS["tanh"]]
    assert len(set(colours)) == 5


def test_training_and_test_of_one_concept_share_its_colour():
    fig, ax = plots.figure()
    for concept in ("decay", "no decay"):
        pair = [
            plots.band(
                ax, range(2), np.zeros((2, 2)), label=f"{concept}, {rows}"
            )
            for rows in ("training", "test")
        ]
        assert pair[0].get_color() == pair[1].get_color()
        assert [line.is_dashed() for line in pair] == [True, False]
    plt.close(fig)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "cast",
    [
        np.asarray,
        torch.as_tensor,
        lambda v: torch.as_tensor(v).requires_grad_(),
    ],
)
def test_band_is_the_interval_of_the_claims(log, cast):
    values = np.random.default_rng(0).lognormal(size=(10, 4))
    fig, ax = plots.figure()
    ax.set_yscale("log" if log else "linear")
    line = plots.band(ax, torch.arange(4), cast(values), label="loss")
    mean, low, high = interval(np.log(values) if log else values)
    unlog = np.exp if log else np.asarray
    np.testing.assert_allclose(line.get_ydata(), unlog(mean))
    corners = ax.collections[0].get_paths()[0].vertices
    for x in range(4):
        at_x = corners[corners[:, 0] == x, 1]
        np.testing.assert_allclose(
            (at_x.min(), at_x.max()), (unlog(low)[x], unlog(high)[x])
        )
    plt.close(fig)


def test_a_diverged_seed_leaves_a_gap():
    fig, ax = plots.figure()
    line = plots.band(
        ax, range(3), [[1, 2, np.inf], [1, np.nan, 3]], label="loss"
    )
    np.testing.assert_array_equal(
        np.isnan(line.get_ydata()), [False, True, True]
    )
    plt.close(fig)


def test_band_draws_every_dtype_of_torch():
    fig, ax = plots.figure()
    line = plots.band(
        ax,
        torch.arange(3),
        torch.ones(2, 3, dtype=torch.bfloat16, requires_grad=True),
        label="loss",
    )
    plt.close(fig)
    assert line.get_ydata().tolist() == [1.0] * 3


@pytest.mark.parametrize(
    ("x", "values", "message"),
    [
        (range(3), np.zeros((1, 3)), r"at least 2 seeds.*\(1, 3\)"),
        (range(3), np.zeros(3), r"at least 2 seeds.*\(3,\)"),
        (range(4), np.zeros((2, 3)), r"values \(2, 3\) and x \(4,\)"),
        (
            range(2),
            np.array([[1.0, 2.0], [0.0, 1.0]]),
            "positive on a logarithmic axis; got 0",
        ),
        (
            range(2),
            np.array([[1.0, np.nan], [-3.0, 1.0]]),
            "positive on a logarithmic axis; got -3",
        ),
    ],
)
def test_band_refuses(x, values, message):
    fig, ax = plots.figure()
    ax.set_yscale("log")
    with pytest.raises(ValueError, match=message):
        plots.band(ax, x, values, label="loss")
    plt.close(fig)


def test_baseline_is_a_dashed_labelled_line():
    fig, ax = plots.figure()
    line = plots.baseline(ax, torch.tensor(0.1), "majority class")
    assert list(line.get_ydata()) == [float(torch.tensor(0.1))] * 2
    assert line.is_dashed() and line.get_label() == "majority class"
    plt.close(fig)


# --- show


def test_show_emits_one_described_image(shell):
    plots.show(curve(), alt='A "curve" & more to be seen.', name="fig_curve")
    attributes, svg, output = image(shell)
    assert attributes["alt"] == "A &quot;curve&quot; &amp; more to be seen."
    assert output["data"]["text/plain"] == 'A "curve" & more to be seen.'
    assert output["metadata"] == {
        "scrapbook": {"name": "fig_curve", "mime_prefix": ""}
    }
    root = ElementTree.fromstring(svg)
    assert (
        root.get("width") == attributes["width"] == "538"
        and root.get("height") == attributes["height"] == "346"
        and root.get("viewBox") == "0 0 403.2 259.2"
    )


def test_text_is_twelve_pixels_high_on_a_phone(shell):
    fig, ax = plots.figure()
    ax.plot([1, 2], [1, 1e6], label="loss")
    ax.set(yscale="log", title="small")
    ax.title.set_fontsize(7)
    ax.text(1, 1e5, "smaller", fontsize=6)
    plots.show(fig, alt=ALT)
    root = ElementTree.fromstring(phone(shell))
    width = float(root.get("viewBox").split()[2])
    sizes = [float(s) for s in re.findall(r"font-size:([\d.]+)", phone(shell))]
    assert len(sizes) > 8 and min(sizes) * 328 / width >= 11.99
    assert "font-size:6px" in image(shell)[1]  # wide pages keep the size


def test_the_second_rendition_leaves_no_trace(shell):
    fig = curve()
    ax = fig.axes[0]
    ax.set_title("small", fontsize=6)
    ax.set_xticks(range(30), [str(1000 + i) for i in range(30)])
    locators = ax.xaxis.get_major_locator(), ax.yaxis.get_major_locator()
    plots.show(fig, alt=ALT)
    assert locators == (
        ax.xaxis.get_major_locator(), ax.yaxis.get_major_locator()
    )  # fmt: skip
    assert fig.get_size_inches().tolist() == [5.6, 3.6]
    assert ax.get_legend() is None and len(ax.texts) == 0
    assert ax.title.get_fontsize() == 6


def test_show_without_a_name_is_not_glued(shell):
    plots.show(curve().axes[0], alt=ALT)
    assert image(shell)[2]["metadata"] == {}


def test_show_closes_the_figure_outside_notebooks_too(capsys):
    plots.show(curve(), alt=ALT)
    assert plt.get_fignums() == [] and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "alt",
    [
        "",
        "A curve.",
        "fig/learning_curve_of_the_net.png",
        None,
        "                         ",
    ],
)
def test_alternative_text_must_describe(alt):
    with pytest.raises(
        ValueError, match="what is to be seen, in at least 20 characters"
    ):
        plots.show(None, alt=alt)


@pytest.mark.parametrize("fig", [None, "figure", [1]])
def test_only_figures_are_shown(fig):
    with pytest.raises(TypeError, match="matplotlib Figure or Axes"):
        plots.show(fig, alt=ALT)


def test_svg_is_the_same_each_time_and_carries_nothing_needless(shell):
    plots.show(curve(), alt=ALT)
    plt.close(curve(2.0))  # what was drawn in between must not matter
    plots.show(curve(), alt=ALT)
    svg = image(shell)[1]
    assert svg == image(shell, 0)[1]
    assert not re.search(
        r"metadata|Date|matplotlib|DOCTYPE|xlink|<!--|\d\.\d{3,}[ LMC]", svg
    )
    assert "<text" in svg and "DejaVu" not in svg


def test_svg_has_its_own_paper_and_ink(shell):
    plots.show(curve(), alt=ALT)
    svg = image(shell)[1]
    body = svg.split("</style>")[1]
    assert "prefers-color-scheme:dark" in svg
    assert set(re.findall(r"#[0-9a-f]{6}", body)) == {
        plots.PALETTE[0]
    }  # all other colours are variables
    assert 'style="background:var(--paper);fill:var(--ink)' in svg
    assert (
        "stroke:var(--ink)" in body
        and "stroke:var(--rule)" in body
        and "fill:var(--paper)" in body
    )


def test_pictures_are_embedded_sharp_and_without_grid(shell):
    fig, ax = plots.figure()
    ax.imshow(np.eye(3))
    plots.show(fig, alt=ALT)
    svg = image(shell)[1]
    ElementTree.fromstring(svg)
    picture = plt.imread(
        io.BytesIO(
            base64.b64decode(
                re.search(r'href="data:image/png;base64,([^"]*)"', svg)[1]
            )
        )
    )
    shown = float(re.search(r'<image [^>]*width="([\d.]+)"', svg)[1])
    assert picture.shape[1] >= 1.9 * shown  # two dots per point
    assert "var(--rule)" not in svg


def test_coordinates_under_a_scale_are_not_rounded():
    assert (
        plots._round(' transform="translate(1.26 2) scale(0.0123)"')
        == ' transform="translate(1.26 2) scale(0.0123)"'
    )
    assert (
        plots._round(' transform="translate(1.26 2.04)"')
        == ' transform="translate(1.3 2)"'
    )
    assert plots._round(' d="M 1.26 -2.04 L 3 4 z "') == ' d="M1.3 -2L3 4z"'


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def placed(draw, inches=None):
    """The texts of axes, arranged, before all is undone, and whether a legend
    was needed.
    """
    fig, ax = plots.figure()
    with plots.style(), ExitStack() as undo:
        draw(ax)
        arrange(fig, undo, inches)
        found = {text.get_text(): text for text in ax.texts}
        boxes = {name: t.get_window_extent() for name, t in found.items()}
        colours = {name: t.get_color() for name, t in found.items()}
        ticks = [
            [text.get_text() for _, text in _layout._tick_labels(axis)]
            for axis in (ax.xaxis, ax.yaxis)
        ]
        legend = ax.get_legend()
        if legend:
            legend = legend.get_window_extent(), ax.bbox.frozen()
        edge = ax.bbox.x1
    plt.close(fig)
    return boxes, colours, ticks, legend, edge


def test_labels_stand_at_the_ends_of_their_lines():
    def draw(ax):
        for i, name in enumerate(("SGD", "Adam", "AdamW", "Lion")):
            x = np.arange(1, 9)
            plots.band(ax, x, np.ones((2, 8)) * (2 + i) + x, label=name)
        plots.baseline(ax, 10.1, "guessing")

    boxes, colours, _, legend, edge = placed(draw)
    assert legend is None and set(boxes) == {
        "SGD", "Adam", "AdamW", "Lion", "guessing",
    }  # fmt: skip
    assert all(box.x0 >= edge for box in boxes.values())
    order = sorted(boxes, key=lambda name: boxes[name].y0)
    assert order in (
        ["SGD", "guessing", "Adam", "AdamW", "Lion"],
        ["guessing", "SGD", "Adam", "AdamW", "Lion"],
    )
    assert colours["Adam"] == plots.COLORS["Adam"]
    assert colours["guessing"] == "black"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", ["up and out", "up and out of the picture"])
def test_a_line_that_ends_elsewhere_is_labelled_along_it(name, order):
    def draw(ax):
        lines = [([0, 4], [0, 4], name), ([0, 9], [3, 1], "down")]
        for x, y, label in lines[::order]:
            ax.plot(x, y, label=label)
        ax.set(ylim=(0, 4), xlim=(0, 9))

    boxes, _, _, legend, edge = placed(draw)
    assert legend is None
    assert boxes["down"].x0 >= edge > boxes[name].x1


def test_where_labels_find_no_room_there_is_a_legend_that_covers_nothing():
    def tangle(ax):
        for i in range(6):
            x = np.linspace(0, 1, 200)
            ax.plot(x, np.sin(40 * x + i), label=f"rather long, number {i}")
        ax.plot(0.5, 0.5, "x", color="black", label="a black mark")

    for inches in (None, plots.PHONE):
        boxes, _, _, (legend, axes), _ = placed(tangle, inches=inches)
        assert boxes == {} and legend.y0 >= axes.y1 - 1

    def corner(ax):
        tangle(ax)
        ax.set(ylim=(-1, 5))

    _, _, _, (legend, axes), _ = placed(corner)
    assert legend.y1 < axes.y1 and legend.y0 > axes.y0 + axes.height / 3
    middle = (axes.x0 + axes.x1) / 2
    assert legend.x0 > middle

    def bar_in_the_corner(ax):
        corner(ax)
        ax.bar(0.9, 1, 0.2, bottom=3.9, label="_bar")

    def text_in_the_corner(ax):
        corner(ax)
        ax.text(0.9, 4.5, "a word")

    for draw in (bar_in_the_corner, text_in_the_corner):
        _, _, _, (legend, axes), _ = placed(draw)
        assert legend.x1 < middle and legend.y1 < axes.y1


@pytest.mark.parametrize(
    ("limits", "scale", "labels"),
    [
        ((0.01, 1000), "log", ["0.01", "0.1", "1", "10", "100", "1000"]),
        ((30, 200), "log", ["50", "100", "200"]),
        ((72, 98), "log", ["75", "80", "85", "90", "95"]),
        (
            (1e-12, 10),
            "log",
            ["10⁻¹²", "10⁻¹⁰", "10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "1"],
        ),
        (
            (-1e4, 1e4),
            "symlog",
            ["−10000", "−1000", "−100", "0", "100", "1000", "10000"],
        ),
    ],
)
def test_logarithmic_ticks_can_be_read(limits, scale, labels):
    def draw(ax):
        ax.plot([0, 1], limits)
        ax.set(yscale=scale, ylim=limits)

    assert placed(draw)[2][1] == labels


def test_ticks_of_whole_numbers_are_whole():
    ticks = placed(lambda ax: ax.plot([1, 2, 3], [0.5, 0.7, 0.9]))[2]
    assert ticks[0] == ["1", "2", "3"]
    assert any("." in text for text in ticks[1])


def test_tick_labels_make_room():
    def numbers(ax):
        ax.plot(range(30), range(30))
        ax.set_xticks(range(30), [str(1000 + i) for i in range(30)])

    def words(ax):
        ax.plot(range(4), range(4))
        ax.set_xticks(range(4), ["early stopping " * 2] * 4)

    assert placed(numbers)[2][0][:4] == ["1000", "1003", "1006", "1009"]
    assert placed(words)[2][0] == ["early\nstopping\nearly\nstopping\n"] * 4


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (
            lambda ax: (ax.text(1, 1, "here"), ax.text(1.02, 1, "there")),
            "'here' overlaps 'there'",
        ),
        (lambda ax: ax.text(1.4, 1.9, "struck"), "'struck' covers a line"),
        (
            lambda ax: ax.figure.text(0.9, 0.5, "a text at the edge"),
            "is cut off",
        ),
        (lambda ax: ax.legend(loc="center"), "legend of 'loss' covers data"),
    ],
)
def test_texts_that_cover_something_are_refused(spoil, fault, shell):
    fig, ax = plots.figure()
    ax.plot([0, 1, 2, 3], [0, 4, 0, 4], label="loss")
    spoil(ax)
    with pytest.raises(ValueError, match=fault):
        plots.show(fig, alt=ALT)
    assert shell.outputs == []
    plt.close("all")


def test_texts_of_every_panel_are_looked_at(shell):
    fig, (first, _) = plots.figure(2)
    first.text(0.5, 0.5, "here")
    first.text(0.52, 0.5, "there")
    with pytest.raises(ValueError, match="'here' overlaps 'there'"):
        plots.show(fig, alt=ALT)
    plt.close("all")


def test_texts_on_paper_of_their_own_and_in_markers_may_cover_lines(shell):
    fig, ax = plots.figure()
    ax.plot([0, 1, 2], [0, 1, 2])
    ax.plot(1, 1, "o", markersize=30, markerfacecolor="white")
    ax.text(1, 1, "h₁", ha="center", va="center")
    ax.text(0.5, 0.5, "0.15", bbox={"facecolor": "white"})
    plots.show(fig, alt=ALT)
    assert "h₁" in texts(image(shell)[1])


def test_error_bars_are_data():
    fig, ax = plots.figure()
    ax.errorbar(1, 1, yerr=1, fmt="o")
    fig.draw_without_rendering()
    heights = ax.transData.inverted().transform(_layout._data(ax))[:, 1]
    plt.close(fig)
    assert ((heights > 0.2) & (heights < 0.8)).any()


def test_letters_have_more_contrast_than_lines(shell):
    fig, ax = plots.figure()
    plots.band(ax, [1, 2], np.ones((2, 2)), label="Adam")
    plots.show(fig, alt=ALT)
    colour = plots.COLORS["Adam"]
    assert f"color-mix(in srgb,{colour} 70%,var(--ink))" in image(shell)[1]
    for look in (theme(plots.LIGHT), theme(plots.DARK)):
        for colour in plots.PALETTE:
            mixed = 0.7 * np.array(
                matplotlib.colors.to_rgb(colour)
            ) + 0.3 * np.array(matplotlib.colors.to_rgb(look["ink"]))
            assert contrast(mixed, look["paper"]) >= 4.5


def test_a_legend_of_ones_own_is_kept(shell):
    fig, axes = plots.figure(1, 2)
    axes[0].plot([0, 1], label="curve")
    own = axes[0].legend(title="mine")
    plots.show(fig, alt=ALT)
    assert axes[0].get_legend() is own
    fig, axes = plots.figure(1, 2)
    axes[0].plot([0, 1], label="curve")
    fig.legend()
    plots.show(fig, alt=ALT)
    assert axes[0].get_legend() is None


# --- in a browser


@pytest.fixture
def shown(shell):
    """What a page shows of a figure."""
    plots.show(curve(), alt=ALT)
    return shell.outputs[-1]["data"]["text/html"]


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed"
    )
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ]
    flags += [
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=BROWSER, args=flags
        )
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """Open HTML as a page; an error in its scripts fails the test."""
    contexts, errors = [], []

    def run(body, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text) if message.type == "error" else None
            ),
        )
        page.set_content(
            "<!doctype html><html lang='en'><title>Test</title>"
            f"<main><h1>Test</h1>{body}</main></html>"
        )
        return page

    yield run
    for context in contexts:
        context.close()
    assert errors == []


def pixel(element):
    """The colour near the corner of an element, where there is only paper."""
    place = element.bounding_box() | {"width": 8, "height": 8}
    picture = plt.imread(io.BytesIO(element.page.screenshot(clip=place)))
    return matplotlib.colors.to_hex(picture[4, 4, :3])


def test_image_follows_the_colour_scheme_of_the_page(shown, open_page):
    page = open_page(shown)
    papers = {
        "light": theme(plots.LIGHT)["paper"],
        "dark": theme(plots.DARK)["paper"],
    }
    for system in papers:
        page.emulate_media(color_scheme=system)
        for page_is, shown in (
            ("light", "light"),
            ("dark", "dark"),
            ("light dark", system),
        ):
            page.evaluate(
                f"document.documentElement.style.colorScheme = '{page_is}'"
            )
            page.wait_for_timeout(50)
            assert pixel(page.locator("img")) == papers[shown], (
                page_is,
                system,
            )


def test_figure_fits_a_phone(shown, open_page):
    page = open_page(shown, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_axe_finds_nothing(shown, open_page):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe-playwright-python is not installed",
    )
    page = open_page(shown)
    for system in ("light", "dark"):
        page.emulate_media(color_scheme=system)
        found = axe.Axe().run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


# What live explorers are handed -----------------------------------------------


def test_data_for_an_explorer_is_recorded_and_not_shown(shell):
    plots.explorer_data(
        "weights",
        {
            "W": torch.tensor([[1 / 3, 2.0]], dtype=torch.float64),
            "n": np.arange(2),
            "more": [1, 1e-9 / 3, "α", None, True, (np.float32(0.5),)],
        },
    )
    ((data, metadata),) = [
        (each["data"], each["metadata"]) for each in shell.outputs
    ]
    assert metadata["scrapbook"]["name"] == "explorer.weights"
    (kind,) = data
    assert kind == "application/papermill.record/application/json"
    assert data[kind] == (
        '{"W":[[0.333333,2.0]],"n":[0,1],'
        '"more":[1,3.33333e-10,"α",null,true,[0.5]]}'
    )


@pytest.mark.parametrize(
    ("name", "data", "kind", "words"),
    [
        ("Weights", [1], ValueError, "name must be lower-case .* 'Weights'"),
        (3, [1], ValueError, "name must be lower-case"),
        (
            "w",
            [[math.nan]],
            ValueError,
            "'w' must hold finite numbers, got nan",
        ),
        ("w", torch.tensor([math.inf]), ValueError, "numbers, got inf"),
        ("w", {1: 2}, TypeError, "dicts with text keys, .* got dict"),
        ("w", [{2}], TypeError, "numbers, strings or None, got set"),
    ],
)
def test_data_for_an_explorer_that_no_page_can_read_is_refused(
    shell, name, data, kind, words
):
    with pytest.raises(kind, match=words):
        plots.explorer_data(name, data)
