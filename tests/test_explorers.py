"""Diagrams, predictions and live explorers: in a small book, what each does and
refuses; on the course's own site, that every explorer can be used by everybody
and that its model computes what the companion computes.
"""

import json
import re
import shutil
from importlib import import_module
from urllib.parse import parse_qs, urlsplit

import pytest
import test_site
from matplotlib.colors import to_hex
from test_site import (
    ROOT,
    SITE,
    STAGE,
    STICKING_OUT,
    Visit,
    explorers,
    mounted,
    pages_with,
    parsed,
    served,
    settle,
    small_book,
    violations,
)

from companion.plots import COLORS

browser, server = test_site.browser, test_site.server
window = test_site.window
FRAME = 16  # milliseconds that a movement may take, processor slowed four times

DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 30">
  <title>Two circles</title>
  <desc>One is inside the other.</desc>
  <defs><clipPath id="cut"><rect width="40" height="30" /></clipPath></defs>
  <circle cx="20" cy="15" r="14" fill="var(--course-one)"
    clip-path="url(#cut)" />
  <text x="50" y="20" fill="currentColor">inside</text>
</svg>
"""
MODULE = """import {
  add, button, chart, d3, fill, fixed, handle, normals, onFrame, player, radios,
  slider, verdict,
} from "./kit.js";

export const model = { twice: (x) => 2 * x, normals };

export function mount(element, words) {
  const state = { x: 1, kind: "a" };
  const say = verdict(element);
  const update = onFrame(draw);
  const on = chart(element, {
    label: words.chart, height: 200,
    margin: { top: 20, right: 20, bottom: 30, left: 40 },
    x: d3.scaleLinear([0, 10], [0, 1]), y: d3.scaleLinear([0, 20], [0, 1]),
    titles: { x: words.x }, draw: update,
  });
  const point = handle(on, {
    label: words.x,
    move: (x) => set(x),
    step: (dx, dy) => set(state.x + dx + dy),
  });
  const row = slider(element, {
    label: words.x, min: 0, max: 10, step: 1, value: 1,
    format: (x) => fixed(x, 1), change: set,
  });
  radios(element, {
    legend: words.kind, options: { a: "A", b: "B" }, value: "a",
    change: (kind) => { state.kind = kind; update(); },
  });
  const film = player(element, {
    play: words.play, pause: words.pause,
    tick(seconds) { set(state.x + seconds); return state.x < 10; },
  });
  function set(x) { state.x = Math.min(Math.max(x, 0), 10); update(); }
  function draw() {
    const text = fill(words.state, { x: fixed(state.x, 1) });
    const now = state.x;
    point.place(now, 2 * now, { now, min: 0, max: 10, text });
    row.set(state.x);
    say(text + state.kind);
  }
  draw();
  film.start();
}
"""
EXPLORER = """```{explorer} NAME
:title: A toy
:description: A point on a line.
:still: circles
:height: 400 430
:word-chart: The line
:word-x: Place
:word-kind: Kind
:word-play: Play
:word-pause: Pause
:word-state: It is at {x}.
Drag the point.
```
"""
FED = MODULE.replace("mount(element, words)", "mount(element, words, data)")
FED = FED.replace("  draw();\n", "  draw();\n  element.title = data.name;\n", 1)
WITH_DATA = EXPLORER.replace(":height:", ":data: ends\n:height:")
GOOD = f"""
```{{predict}} By **how much** does it grow?
:claim: grows
:from: 0
:to: 10
:step: 0.5
:unit: points
It grows a lot.
```

```{{predict}} In how many percent?
:claim: toy/often
:from: 0
:to: 100
:step: 1
:unit: %
In all.
```

```{{predict}} How many times?
:claim: falls
:from: 1
:to: 100000
:scale: log
:unit: times
The error falls to {{claim}}`falls`.
```

```{{predict}} Which one?
- [ ] This

  No, that.
- [x] That

  Yes, that.
```

```{{diagram}} circles
:name: fig-circles
Two circles, {{numref}}`fig-circles`.
```

```{{diagram}} circles
```

<div style="height:3000px"></div>

{EXPLORER.replace("NAME", "toy")}

{EXPLORER.replace("NAME", "breaks")}

{WITH_DATA.replace("NAME", "fed")}
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A small book with one of each, built."""
    folder = tmp_path_factory.mktemp("touch")
    prepare(folder)
    built = small_book(folder, more=GOOD)
    assert built.returncode == 0, built.stderr
    return folder


def prepare(folder):
    """Give a book the drawing and the modules that its page names."""
    for part in ("diagrams", "explorers"):
        shutil.copytree(ROOT / "book" / part, folder / "book" / part)
    (folder / "book/diagrams/circles.svg").write_text(DRAWING)
    (folder / "book/explorers/toy.js").write_text(MODULE)
    breaks = MODULE.replace("{\n  const state", "{\n  throw 0;\n  const state")
    (folder / "book/explorers/breaks.js").write_text(breaks)
    (folder / "book/explorers/fed.js").write_text(FED)


@pytest.fixture(scope="module")
def address(book):
    """The address of the small book's page."""
    with served(book / "_build/html") as root:
        yield root + "book/toy.html"


def page_of(book):
    """Return the small book's page as a tree."""
    return parsed(book / "_build/html/book/toy.html")


# Diagrams ---------------------------------------------------------------------


def test_a_diagram_is_part_of_the_page(book):
    first, second = page_of(book).select(".diagram svg")
    for svg in (first, second):
        title, desc = svg["aria-labelledby"].split()
        assert svg["role"] == "img"
        assert svg.find(id=title).text == "Two circles"
        assert svg.find(id=desc).text == "One is inside the other."
        cut = svg.find("clippath")["id"]
        assert svg.circle["clip-path"] == f"url(#{cut})"
    ids = [tag["id"] for tag in page_of(book).find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_a_diagram_with_a_caption_is_a_numbered_figure(book):
    figure = page_of(book).find(id="fig-circles")
    number = "Fig.\N{NO-BREAK SPACE}1"
    assert figure.find(class_="caption-number").text == f"{number} "
    assert figure.figcaption.find("a", href="#fig-circles").text == number


def test_gettext_sees_the_words_of_diagrams_and_explorers(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book/_ext")
    diagram = import_module("diagram").diagram
    drawn = import_module("diagram").drawn
    node = diagram(svg=DRAWING, words={"1": "Two circles"}, prefix="p-")
    node.preserve_original_messages()
    node.apply_translated_message("Two circles", "Zwei Kreise")
    assert node.extract_original_messages() == ["Two circles"]
    assert '<title id="p-title">Zwei Kreise</title>' in drawn(node)


# Predictions ------------------------------------------------------------------


def boxes(visit):
    """Return the predictions with a number line."""
    return visit.page.locator("div.predict[data-value]").all()


def answer(visit, box, key="Enter"):
    """Open an answer by a key and return what it says."""
    box.locator("summary").press(key)
    settle(visit.page)
    return box.locator(".verdict").inner_text()


def test_a_prediction_answers_the_keyboard(browser, address):
    with Visit(browser, address) as visit:
        box = boxes(visit)[0]
        guess = box.locator("input")
        assert box.get_by_label("Your guess:").count() == 1
        assert not box.locator(".verdict").is_visible()
        guess.focus()
        guess.press("Home")
        for _ in range(3):
            guess.press("ArrowRight")
        assert guess.get_attribute("aria-valuetext") == "1.5 points"
        assert box.locator("output").inner_text() == "1.5 points"
        verdict = answer(visit, box).replace("\N{NO-BREAK SPACE}", " ")
        live = box.locator(".verdict").get_attribute("aria-live")
        assert live == "polite"
        assert verdict == (
            "You said 1.5 points. Measured: 2.04 points (95 % interval 2.02 to"
            " 2.07 points). You were 0.54 points away."
        )
        assert "It grows a lot." in box.inner_text()
        left = [
            box.locator(f".line .{kind}").evaluate("e => e.style.left")
            for kind in ("yours", "dot")
        ]
        assert left == ["15%", "20.45%"]
        assert visit.messages == []


def test_predictions_know_percent_and_factors(browser, address):
    with Visit(browser, address) as visit:
        said = []
        for box in boxes(visit)[1:]:
            box.locator("input").focus()
            for key in ("Home", *["PageUp"] * 5):
                box.locator("input").press(key)
            said.append(answer(visit, box, "Space"))
        assert "You said 50\N{NO-BREAK SPACE}%." in said[0]
        assert "Measured: 97.5\N{NO-BREAK SPACE}% (95" in said[0]
        assert said[0].endswith("You were 48 points away.")
        assert said[1].startswith("You said 320\N{NO-BREAK SPACE}times.")
        assert "Measured: 984\N{NO-BREAK SPACE}times" in said[1]
        assert said[1].endswith("You were off by a factor of 3.1.")


def test_a_right_prediction_is_told_so(browser, address):
    with Visit(browser, address) as visit:
        box = boxes(visit)[1]
        box.locator("input").focus()
        box.locator("input").press("End")
        box.locator("input").press("ArrowLeft")
        assert answer(visit, box).endswith("You were right.")


def test_without_a_guess_the_answer_says_only_what_was_measured(
    browser, address
):
    with Visit(browser, address) as visit:
        box = boxes(visit)[0]
        assert answer(visit, box).startswith("Measured: 2.04")
        assert not box.locator(".yours").is_visible()


def test_without_scripts_a_prediction_opens(browser, address):
    with Visit(browser, address, java_script_enabled=False) as visit:
        box = boxes(visit)[0]
        assert not box.locator("input").is_visible()
        box.locator("summary").press("Enter")
        assert box.locator(".verdict").is_visible()
        assert box.locator(".verdict").inner_text().startswith("Measured: 2.04")


@pytest.mark.parametrize("scripts", [True, False])
def test_print_has_the_answers_and_the_stills(browser, address, scripts):
    with Visit(browser, address, java_script_enabled=scripts) as visit:
        mounted(visit) if scripts else None
        visit.page.emulate_media(media="print")
        for box in boxes(visit):
            assert box.locator(".verdict").is_visible()
            assert not box.locator("summary").is_visible()
            assert not box.locator("input").is_visible()
        stage = visit.page.locator(STAGE).first
        assert stage.locator(".still svg").is_visible()
        assert not stage.locator(".live").is_visible()
        assert stage.locator(".description").is_visible()


def test_a_prediction_with_choices_is_a_quiz(book):
    (box,) = page_of(book).select(".quiz.predict")
    assert box.p.contents[0] == "Which one?"  # its address follows
    assert [each["class"] for each in box.find_all("details")] == [
        ["wrong"],
        ["right"],
    ]


def test_scripts_are_only_where_they_are_needed(book):
    def scripts(name):
        page = parsed(book / f"_build/html/book/{name}.html")
        return [
            urlsplit(tag["src"]).path.partition("_static/")[2]
            for tag in page.find_all("script", src=True)
        ]

    assert {"predict.js", "explorers/load.js"} <= set(scripts("toy"))
    assert not {"predict.js", "explorers/load.js"} & set(
        scripts("introduction")
    )


# Explorers in a small book ----------------------------------------------------


def test_an_explorer_loads_when_it_comes_near(browser, address):
    with Visit(browser, address) as visit:
        asked = []
        visit.page.on("request", lambda request: asked.append(request.url))
        parts = {"toy.js", "kit.js", "d3.min.js"}

        def names():
            return {urlsplit(url).path.rpartition("/")[2] for url in asked}

        visit.page.wait_for_timeout(300)
        assert not parts & names()
        assert visit.page.locator(".still").first.is_visible()
        mounted(visit)
        assert parts <= names()


def test_addresses_carry_the_hash_of_all_that_they_import(
    monkeypatch, tmp_path
):
    monkeypatch.syspath_prepend(ROOT / "book/_ext")
    explorer = import_module("explorer")
    prepare(tmp_path)
    shutil.copytree(ROOT / "book/assets/d3", tmp_path / "book/assets/d3")
    book, seen = tmp_path / "book", []
    for path, old, new in [
        ("explorers/toy.js", "2 * x", "3 * x"),
        ("explorers/kit.js", "tabindex", "tabIndex"),
        ("assets/d3/d3.min.js", "d3js", "D3js"),
    ]:
        seen.append(explorer.digest(book / "explorers/toy.js", book))
        text = (book / path).read_text(encoding="utf8")
        assert old in text
        (book / path).write_text(text.replace(old, new, 1), encoding="utf8")
    seen.append(explorer.digest(book / "explorers/toy.js", book))
    assert len(set(seen)) == 4


def test_every_module_is_asked_for_by_its_hash(browser, address):
    with Visit(browser, address) as visit:
        asked = []
        visit.page.on("request", lambda request: asked.append(request.url))
        mounted(visit)
        scripts = [url for url in asked if ".js" in url]
        assert len(scripts) >= 3
        assert all(parse_qs(urlsplit(url).query)["v"] for url in scripts)


def test_without_scripts_an_explorer_is_its_still(browser, address):
    with Visit(browser, address, java_script_enabled=False) as visit:
        stage = visit.page.locator(STAGE).first
        assert stage.locator(".still svg").is_visible()
        assert stage.locator(".description").inner_text() == (
            "A point on a line."
        )
        assert stage.bounding_box()["height"] < 400


def test_an_explorer_that_fails_leaves_its_still_and_says_what_it_shows(
    browser, address
):
    with Visit(browser, address) as visit:
        stage = mounted(visit, nth=1)
        assert stage.locator(".still svg").is_visible()
        box = stage.locator(".description").bounding_box()
        assert box["height"] > 10
        assert visit.page.locator(STAGE).first.locator(".live").is_visible()


def test_an_explorer_is_handed_what_the_lab_recorded(browser, address, book):
    stages = page_of(book).select(STAGE)
    assert [stage.has_attr("data-data") for stage in stages] == [
        False,
        False,
        True,
    ]
    data = {"from": [0.333333, 2], "name": '"a" <b> & ü'}
    assert json.loads(stages[2]["data-data"]) == data
    with Visit(browser, address) as visit:
        live = mounted(visit, nth=2).locator(".live")
        assert live.get_attribute("title") == data["name"]


def test_the_play_waits_for_readers_who_want_little_motion(browser, address):
    for motion, words in (("reduce", "Play"), ("no-preference", "Pause")):
        with Visit(browser, address, reduced_motion=motion) as visit:
            button = mounted(visit).locator("button")
            assert button.inner_text() == words
            place = visit.page.locator("[role=slider]").first
            button.press("Enter")
            settle(visit.page)
            before = place.get_attribute("aria-valuenow")
            visit.page.wait_for_timeout(400)
            assert button.inner_text() != words
            moved = place.get_attribute("aria-valuenow") != before
            assert moved == (motion == "reduce")


def test_a_point_follows_mouse_and_keys(browser, address):
    with Visit(browser, address, reduced_motion="reduce") as visit:
        stage = mounted(visit)
        point = stage.locator("[role=slider]")
        drag(visit.page, point, 60, 0)
        by_mouse = float(point.get_attribute("aria-valuenow"))
        assert by_mouse > 1
        for key, place in [
            ("Home", 0),
            ("ArrowRight", 1),
            ("ArrowUp", 2),
            ("PageUp", 10),
            ("ArrowLeft", 9),
            ("Shift+ArrowDown", 0),
            ("End", 10),
        ]:
            point.press(key)
            settle(visit.page)
            assert float(point.get_attribute("aria-valuenow")) == place, key
        status = stage.locator(".heard[role=status]")
        visit.page.wait_for_timeout(600)
        assert status.inner_text() == "It is at 10.0.a"
        assert stage.locator("output").inner_text() == "10.0"


def test_a_point_follows_a_finger_and_the_page_stays(browser, address):
    options = {"has_touch": True, "is_mobile": True, "reduced_motion": "reduce"}
    with Visit(browser, address, width=390, **options) as visit:
        stage = mounted(visit)
        point = stage.locator("[role=slider]")
        box = point.locator(".knob").bounding_box()
        x, y = box["x"] + 9, box["y"] + 9
        before = visit.page.evaluate("scrollY")
        finger = visit.context.new_cdp_session(visit.page)
        for step in range(30):
            finger.send(
                "Input.dispatchTouchEvent",
                {
                    "type": "touchMove" if step else "touchStart",
                    "touchPoints": [{"x": x + 3 * step, "y": y - 5 * step}],
                },
            )
        finger.send(
            "Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []}
        )
        settle(visit.page)
        assert float(point.get_attribute("aria-valuenow")) > 3
        assert visit.page.evaluate("scrollY") == before


# What the directives refuse ---------------------------------------------------

BAD = [
    ("```{diagram} nowhere\n```", "there is no book/diagrams/nowhere.svg"),
    ("```{diagram} mute\n```", "mute.svg must have a <title> and a <desc>"),
    ("```{diagram} open\n```", "open.svg is not well-formed"),
    ("```{diagram} red\n```", "red.svg: fill='red'; allowed are none"),
    ("```{diagram} script\n```", "script.svg must be drawn from shapes"),
    ("```{diagram} style\n```", "style.svg: attributes such as fill are"),
    ("```{diagram} circles\n:name: a\n```", "with a :name: has a caption"),
    (
        "```{predict} A?\n:claim: nowhere\n:from: 0\n:to: 1\n:step: 1\nB.\n```",
        "no claim 'nowhere' in notebooks/toy; allowed: grows, close,",
    ),
    (
        "```{predict} A?\n:claim: grows\n:from: 3\n:to: 9\n:step: 1\nB.\n```",
        "the claim 'grows' measured 2.04; allowed is a line from below it",
    ),
    ("```{predict} A?\nB.\n```", "a predict has a :claim: and a number line"),
    (
        "```{predict} A?\n:from: 0\nB.\n```",
        "names its claim with :claim:",
    ),
    (
        "```{predict} A?\n- [ ] B\n\n  C.\n```",
        "a predict has at least one right choice",
    ),
    ("```{predict} A?\n:claim: grows\nB.\n```", "needs :from: and, above it"),
    (
        "```{predict} A?\n:claim: grows\n:from: 0\n:to: 9\nB.\n```",
        "a predict needs :step:, or :scale: log",
    ),
    (
        "```{predict} A?\n:claim: grows\n:from: 0\n:to: 9\n:scale: log\nB.\n"
        "```",
        "a logarithmic line starts above 0",
    ),
    (
        "```{predict} A?\n:claim: grows\n:from: 1\n:to: 9\n:scale: ln\nB.\n```",
        "allowed are linear and log",
    ),
    (
        EXPLORER.replace("NAME", "nowhere"),
        "there is no book/explorers/nowhere.js; allowed: ",
    ),
    (
        EXPLORER.replace("NAME", "unmodelled"),
        "book/explorers/unmodelled.js must export model, an object of pure"
        " functions, and mount(element, words); model is missing",
    ),
    (EXPLORER.replace("NAME", "unmounted"), "(element, words); mount is miss"),
    (
        EXPLORER.replace("NAME", "toy").replace(":title: A toy\n", ""),
        "an explorer needs :title:",
    ),
    (
        EXPLORER.replace("NAME", "toy").replace(
            ":description: A point on a line.\n", ""
        ),
        "an explorer needs :description:",
    ),
    (
        EXPLORER.replace("NAME", "toy").replace("circles", "mute"),
        "mute.svg must have a <title>",
    ),
    (
        EXPLORER.replace("NAME", "toy").replace("400 430", "400"),
        "two heights in pixels, wide and narrow",
    ),
    (
        EXPLORER.replace("NAME", "toy").replace("word-kind", "word-kinds"),
        "missing: kind; unused: kinds",
    ),
    (
        EXPLORER.replace("NAME", "toy").replace(":word-x", ":words-x"),
        "Unknown option keys: ['words-x']",
    ),
    (
        EXPLORER.replace("NAME", "toy").replace("Drag the point.\n", ""),
        "an explorer has a caption",
    ),
    (
        WITH_DATA.replace("NAME", "toy"),
        "the third argument of mount(element, words, data) go together",
    ),
    (
        EXPLORER.replace("NAME", "fed"),
        "the third argument of mount(element, words, data) go together",
    ),
    (
        WITH_DATA.replace("NAME", "fed").replace("ends", "end"),
        "no data 'end' in notebooks/toy; its explorer_data: ends",
    ),
    (
        WITH_DATA.replace("NAME", "fed").replace("ends", "other/ends"),
        "no data 'ends' in notebooks/other; its explorer_data: none",
    ),
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """What the build says of a page on which everything is wrong, by line."""
    folder = tmp_path_factory.mktemp("bad")
    prepare(folder)
    drawings = folder / "book/diagrams"
    for name, old, new in [
        ("mute", "<desc>One is inside the other.</desc>", ""),
        ("open", "</svg>", ""),
        ("red", "currentColor", "red"),
        ("script", "<defs>", "<script>a()</script><defs>"),
        ("style", 'fill="currentColor"', 'style="fill:red"'),
    ]:
        (drawings / f"{name}.svg").write_text(DRAWING.replace(old, new))
    modules = folder / "book/explorers"
    for name, old in [("unmodelled", "model ="), ("unmounted", "mount(")]:
        text = MODULE.replace(f"export const {old}", f"const {old}")
        text = text.replace(f"export function {old}", f"function {old}")
        (modules / f"{name}.js").write_text(text)
    page = "\n\n".join(text for text, _words in BAD)
    built = small_book(folder, more=f"\n{page}\n")
    assert built.returncode != 0
    lines = (folder / "book/toy.md").read_text(encoding="utf8").splitlines()
    return built.stderr, lines


@pytest.mark.parametrize(("text", "words"), BAD)
def test_bad_input_is_named_with_file_and_line(refused, text, words):
    stderr, lines = refused
    first = text.splitlines()[0]
    starts = {i + 1 for i, line in enumerate(lines) if line == first}
    found = re.findall(r"book/toy\.md:(\d+): \w+: (.*)", stderr)
    places = {int(line) for line, message in found if words in message}
    assert places & starts, stderr


# Every explorer of the course -------------------------------------------------

EXPLORED = pages_with("live-explorer")


def test_some_page_has_a_live_explorer():
    assert EXPLORED


def mountable():
    """The modules that can be put on a page; the others only lend functions."""
    modules = (ROOT / "book/explorers").glob("*.js")
    mount = "export function mount("
    return [m for m in modules if mount in m.read_text("utf8")]


def test_every_explorer_is_on_a_page():
    used = {
        urlsplit(stage["data-module"]).path
        for page in EXPLORED
        for stage in parsed(SITE / page).select(STAGE)
    }
    assert used == {module.name for module in mountable()}


def test_every_explorer_has_a_test_of_its_model():
    tests = [ROOT / f"tests/test_model_{m.stem}.py" for m in mountable()]
    assert [test for test in tests if not test.exists()] == []


@pytest.mark.parametrize("page", EXPLORED)
def test_explorers_suit_a_phone(window, server, page):
    visit = window(server + page, width=390)
    assert list(explorers(visit))
    assert visit.page.evaluate(STICKING_OUT) == []
    assert violations(visit.page) == {}
    assert visit.foreign == visit.failed == visit.messages == []


def drag(page, point, dx, dy):
    """Drag a point with the mouse, in twenty steps."""
    box = point.locator(".knob").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 21):
        page.mouse.move(x + dx * step / 20, y + dy * step / 20)
    page.mouse.up()
    settle(page)


def keys_move(page, stage):
    """Hold that every control has a name and obeys the keyboard."""
    assert stage.locator(".heard[role=status]").count()
    for point in stage.locator("[role=slider]").all():
        assert point.get_attribute("aria-label")
        seen = set()
        for key in ("ArrowUp", "ArrowDown", "ArrowDown", "ArrowLeft"):
            point.press(key)
            settle(page)
            seen.add(point.get_attribute("aria-valuetext"))
        assert len(seen) > 1
    for row in stage.locator("input[type=range]").all():
        seen = []
        for key in ("Home", "ArrowRight", "End"):
            row.press(key)
            settle(page)
            seen.append(row.get_attribute("aria-valuetext"))
        assert len(set(seen)) == 3
    for radio in stage.locator("input[type=radio]").all():
        radio.press("Space")
        assert radio.is_checked()
    for button in stage.locator("button").all():
        button.press("Enter")


@pytest.mark.parametrize("page", EXPLORED)
def test_every_control_obeys_the_mouse_at_once_and_the_keyboard(
    browser, server, page
):
    with Visit(browser, server + page, reduced_motion="reduce") as visit:
        visit.page.evaluate(
            """window.taken = []; new PerformanceObserver(list =>
            taken.push(...list.getEntriesByName('explorer')
            .map(each => each.duration))).observe({entryTypes: ['measure']})"""
        )
        slow = visit.context.new_cdp_session(visit.page)
        for stage in explorers(visit):
            slow.send("Emulation.setCPUThrottlingRate", {"rate": 4})
            for point in stage.locator("[role=slider]").all()[-2:]:
                # other work on the machine can only make it slower
                for dx, dy in [(-60, -40), *[(50, 30), (-50, -30)] * 5]:
                    before = point.get_attribute("aria-valuetext")
                    visit.page.evaluate("taken.length = 0")
                    drag(visit.page, point, dx, dy)
                    assert point.get_attribute("aria-valuetext") != before
                    taken = sorted(visit.page.evaluate("taken"))
                    assert len(taken) >= 10
                    if taken[len(taken) // 2] < FRAME:
                        break
                    visit.page.wait_for_timeout(300)
                else:
                    pytest.fail(f"a movement takes too long: {taken} ms")
            slow.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            keys_move(visit.page, stage)
        settle(visit.page)
        assert visit.messages == []


def test_pytorchs_default_dies_and_hes_weights_live(browser, server):
    (page,) = pages_with(r"initialization\.js\?v=\w+")
    with Visit(browser, server + page) as visit:
        stage = mounted(visit)
        live = stage.locator(".live")
        assert live.get_attribute("data-size") == "shrunk"
        row = stage.locator("input[type=range]").first
        row.fill("1.41")
        settle(visit.page)
        assert live.get_attribute("data-size") == "alive"


# What the explorers of some chapters say and show -----------------------------


def stage_of(visit):
    """The stage of a page whose explorer has come."""
    return mounted(visit).locator(".live")


HUES = ["blue", "red", "violet", "magenta"]  # those of figures


def colours(lines):
    """What a browser draws lines in."""
    seen = lines.evaluate_all("ls => ls.map(l => getComputedStyle(l).stroke)")
    parts = [re.findall(r"\d+", each)[:3] for each in seen]
    return [to_hex([int(part) / 255 for part in each]) for each in parts]


@pytest.mark.parametrize(
    ("name", "concepts"),
    [
        ("early_stopping", ["validation"]),
        ("index", ["training", "test"]),
        ("losses", ["squared error", "Huber", "absolute error"]),
        ("optimizers", ["SGD", "momentum", "RMSProp", "Adam"]),
        ("overfitting", ["training", "test"]),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_have_the_colours_of_the_figures(
    browser, server, name, concepts, scheme
):
    page = f"{server}book/{name}.html"
    with Visit(browser, page, scheme=scheme) as visit:
        hues = ", ".join(f".line.{hue}" for hue in HUES)
        lines = stage_of(visit).locator(hues)
        seen = list(dict.fromkeys(colours(lines)))
        assert seen == [COLORS[concept] for concept in concepts]


INK = "#20272b"


@pytest.mark.parametrize("name", ["index", "overfitting"])
def test_the_truth_is_drawn_in_ink(browser, server, name):
    with Visit(browser, f"{server}book/{name}.html") as visit:
        live = stage_of(visit)
        assert colours(live.locator(".truth")) == [INK, INK]


def test_the_capstone_answers_after_the_first_switch(browser, server):
    with Visit(browser, f"{server}book/capstone.html") as visit:
        live = stage_of(visit)
        decay = live.locator("input[type=checkbox]").first
        bars = live.locator("svg").nth(1).locator(".line:not([visibility])")
        verdict = live.locator(".verdict")
        assert "Which switch" in verdict.inner_text()
        assert decay.get_attribute("aria-label") == "weight decay"
        assert bars.count() == 0
        decay.press("Space")
        settle(visit.page)
        assert "Which switch" not in verdict.inner_text()
        assert "worth" in decay.get_attribute("aria-label")
        assert bars.count() > 6


def test_the_formula_is_that_of_the_chosen_weight(browser, server):
    with Visit(browser, f"{server}book/backpropagation.html") as visit:
        live = stage_of(visit)
        formula = live.locator("p[aria-live]")
        assert formula.inner_text().startswith("∂L/∂w₅ =")
        for radio in live.get_by_role("radio", name="w").all():
            radio.press("Space")
            settle(visit.page)
            name = radio.evaluate("each => each.parentElement.innerText")
            assert formula.inner_text().startswith(f"∂L/∂{name} =")


def test_numbers_have_a_minus_and_none_before_a_zero(browser):
    with (
        served(ROOT / "book") as root,
        Visit(browser, root + "explorers/kit.js") as visit,
    ):
        written = visit.page.evaluate("""async () => {
            const { fixed, number } = await import("/explorers/kit.js");
            return [fixed(-1.5, 1), fixed(-0.04, 1), number(-2)];
        }""")
        assert written == ["−1.5", "0.0", "−2"]
