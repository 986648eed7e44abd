"""The picture that goes along when a page is shared: the title, the course's
name, and the drawing of the chapter, ``book/diagrams/<slug>.svg``.

The drawings are made of so few kinds of shapes that matplotlib can draw them:
no program beside those that the course needs anyway takes part.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from fontTools.pens.recordingPen import RecordingPen
from fontTools.svgLib.path import parse_path
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Ellipse, FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve
from matplotlib.transforms import Affine2D, IdentityTransform, Transform

SIZE = WIDTH, HEIGHT = 1200, 630
DRAWING = (500, 50, 1160, 580)  # its place: left, top, right, bottom
LEFT, ROOM = 50, 415  # where the words begin, and how wide they may be
SVG = "{http://www.w3.org/2000/svg}"
ASSETS = Path(__file__).parents[1] / "assets"
INHERITED = {
    "fill": "#000",
    "stroke": "none",
    "stroke-width": "1",
    "stroke-dasharray": "none",
    "stroke-linecap": "butt",
    "fill-opacity": "1",
    "font-size": "14",
    "font-weight": "normal",
    "text-anchor": "start",
}
POINTS = 0.72  # of a pixel, at 100 dots per inch
CAPS = {"butt": "butt", "round": "round", "square": "projecting"}
ANCHORS = {"start": "left", "middle": "center", "end": "right"}
STEPS = {
    "moveTo": (Curve.MOVETO,),
    "lineTo": (Curve.LINETO,),
    "qCurveTo": (Curve.CURVE3,) * 2,
    "curveTo": (Curve.CURVE4,) * 3,
}


def light() -> dict[str, str]:
    """Return the colours of the light palette, by the names of their CSS
    variables.
    """
    style = ASSETS.joinpath("course.css").read_text(encoding="utf8")
    blocks = re.findall(r'html(?:\[data-theme="light"\])? \{([^}]*)\}', style)
    found = dict(re.findall(r"(--[\w-]+): (#\w+);", "".join(blocks)))
    return {**found, "currentColor": found["--pst-color-text-base"]}


def colour(name: str, opacity: float, colours: dict) -> tuple | str:
    """Return a colour of a drawing as matplotlib names it."""
    name = re.sub(r"var\((.+)\)", r"\1", name)
    name = colours.get(name, name)
    return name if name in ("none", "transparent") else (name, opacity)


def curve(steps: str) -> Curve:
    """Return the path that the attribute ``d`` describes."""
    pen, places, codes = RecordingPen(), [], []
    parse_path(steps, pen)
    for step, points in pen.value:
        if step in STEPS:
            places += points
            codes += STEPS[step]
        elif step == "closePath":
            places.append(places[-1])
            codes.append(Curve.CLOSEPOLY)
    return Curve(places, codes)


def moved(words: str) -> Affine2D:
    """Return the attribute ``transform``: a shift, or a turn about a point."""
    kind, numbers = re.fullmatch(r"(\w+)\(([^)]*)\)", words).groups()
    values = [float(each) for each in re.split("[ ,]+", numbers)]
    if kind == "translate":
        return Affine2D().translate(*values)
    if kind == "rotate":
        return Affine2D().rotate_deg_around(*values[1:], values[0])
    raise ValueError(f"a drawing is moved by translate and rotate; got {words}")


def draw(
    figure: Figure,
    element: ElementTree.Element,
    place: Transform,
    scale: float,
    colours: dict,
    above: dict = INHERITED,
    opacity: float = 1.0,
) -> None:
    """Draw an element of a drawing and what it holds.

    Args:
        figure: where.
        element: one of the shapes that drawings are made of, or a group.
        place: from the element's units to pixels.
        scale: how many pixels a unit has.
        colours: what the names of colours mean.
        above: the look that the element inherits.
        opacity: that of the groups around it.
    """
    look = {key: element.get(key, above[key]) for key in above}
    opacity *= float(element.get("opacity", 1))
    if "transform" in element.attrib:
        place = moved(element.get("transform")) + place
    kind = element.tag.removeprefix(SVG)
    at = {k: float(v) for k, v in element.attrib.items() if k in NUMBERS}
    if kind in SHAPES:
        shape = SHAPES[kind](element, at)
        filled = opacity * float(look["fill-opacity"])
        shape.set_facecolor(colour(look["fill"], filled, colours))
        shape.set_edgecolor(colour(look["stroke"], opacity, colours))
        width = float(look["stroke-width"]) if look["stroke"] != "none" else 0
        shape.set_linewidth(width * scale * POINTS)
        shape.set_capstyle(CAPS[look["stroke-linecap"]])
        if look["stroke-dasharray"] != "none":
            dashes = re.split("[ ,]+", look["stroke-dasharray"])
            dashes = [float(each) / width for each in dashes]
            shape.set_linestyle((0, dashes * (1 + len(dashes) % 2)))
        shape.set_transform(place)
        figure.add_artist(shape)
    elif kind == "text":
        figure.text(
            *place.transform((at["x"], at["y"])),
            " ".join((element.text or "").split()),
            size=float(look["font-size"]) * scale * POINTS * 0.94,
            color=colour(look["fill"], opacity, colours),
            ha=ANCHORS[look["text-anchor"]],
            va="baseline",
            weight="normal" if look["font-weight"] == "normal" else "bold",
            transform=None,
            parse_math=False,
        )
    for child in element:
        draw(figure, child, place, scale, colours, look, opacity)


NUMBERS = set("x y cx cy r rx ry width height".split())
SHAPES = {
    "path": lambda element, at: PathPatch(curve(element.get("d"))),
    "circle": lambda _, at: Ellipse((at["cx"], at["cy"]), *2 * [2 * at["r"]]),
    "ellipse": lambda _, at: Ellipse(
        (at["cx"], at["cy"]), 2 * at["rx"], 2 * at["ry"]
    ),
    "rect": lambda _, at: FancyBboxPatch(
        (at["x"], at["y"]),
        at["width"],
        at["height"],
        f"round,pad=0,rounding_size={at['rx']}"
        if "rx" in at
        else "square,pad=0",
    ),
}


def box(
    figure: Figure, sides: tuple, style: str, face: str, edge: str = "none"
) -> None:
    """Draw a box that lies between left, top, right and bottom."""
    left, top, right, bottom = sides
    shape = FancyBboxPatch(
        (left, HEIGHT - bottom), right - left, bottom - top, f"{style},pad=0"
    )
    shape.set(facecolor=face, edgecolor=edge, transform=IdentityTransform())
    figure.add_artist(shape)


def lines(figure: Figure, words: str, font: FontProperties) -> list[str]:
    """Break words into lines that fit beside the drawing."""
    measure = figure.canvas.get_renderer().get_text_width_height_descent
    found = []
    for word in words.split():
        longer = f"{found[-1]} {word}" if found else word
        if found and measure(longer, font, False)[0] <= ROOM:
            found[-1] = longer
        else:
            found.append(word)
    if any(measure(line, font, False)[0] > ROOM for line in found):
        raise ValueError(f"a word is too long for a picture: {words}")
    return found


def write(
    figure: Figure, words: str, top: float, size: float, paint: str, **look: str
) -> float:
    """Write words at the left and return where they end."""
    font = FontProperties(size=size * POINTS, **look)
    for line in lines(figure, words, font):
        top += 1.3 * size
        figure.text(
            LEFT,
            HEIGHT - top,
            line,
            fontproperties=font,
            color=paint,
            transform=None,
            parse_math=False,
        )
    return top


def card(
    title: str, hook: str, course: str, drawing: Path, target: Path
) -> None:
    """Write the picture of a page.

    Args:
        title: the page's title.
        hook: a sentence that makes one curious.
        course: the course's name.
        drawing: an SVG of the course.
        target: the PNG to be written.
    """
    colours = light()
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100)
    FigureCanvasAgg(figure)
    figure.set_facecolor(colours["--course-tint"])
    main = colours["--pst-color-primary"]
    box(figure, (0, 0, 16, HEIGHT), "square", main)
    left, top, right, bottom = DRAWING
    box(
        figure,
        (left - 20, top - 20, right + 20, bottom + 20),
        "round,rounding_size=18",
        colours["--pst-color-background"],
        colours["--pst-color-border"],
    )
    svg = ElementTree.fromstring(drawing.read_text(encoding="utf8"))
    x, y, wide, high = map(float, svg.get("viewBox").split())
    scale = min((right - left) / wide, (bottom - top) / high)
    place = (
        Affine2D()
        .translate(-x - wide / 2, -y - high / 2)
        .scale(scale, -scale)
        .translate((left + right) / 2, HEIGHT - (top + bottom) / 2)
    )
    draw(figure, svg, place, scale, colours)
    ink = colours["--pst-color-heading"]
    end = write(figure, title, 34, 42, ink, weight="bold")
    write(figure, hook, end + 22, 25, colours["--pst-color-text-muted"])
    write(figure, course, HEIGHT - 84, 25, main, weight="bold")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={"Software": None})
