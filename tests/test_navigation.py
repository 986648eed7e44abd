"""How readers find the way on the built site: on a phone, by keyboard, by
addresses of places, from chapter to chapter, and from wrong addresses.
"""

import json
import re
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest
import test_site
import yaml
from test_site import (
    AT_REST,
    OPEN_ALL,
    PAGES,
    PREFIX,
    ROOT,
    SITE,
    Visit,
    parsed,
    violations,
)

browser, server = test_site.browser, test_site.server
window = test_site.window
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf8"))
# Every page but labs and API modules, in reading order.
STORY = [TOC["root"]] + [
    chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]
]
CHAPTERS = [
    name
    for name in STORY
    if (ROOT / f"notebooks/{Path(name).name}.ipynb").is_file()
]
LABS = [name.replace("book/", "notebooks/") for name in CHAPTERS]


def article(name: str):
    """Return the text of a page."""
    return parsed(SITE / f"{name}.html").article


def source(name: str) -> str:
    """Return what the authors wrote of a chapter, or the texts of a lab."""
    if name.startswith("book/"):
        return (ROOT / f"{name}.md").read_text(encoding="utf8")
    path = ROOT / f"{name}.ipynb"
    cells = json.loads(path.read_text(encoding="utf8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


# On a phone -------------------------------------------------------------------


SCROLLING = """() => [...document.querySelectorAll(
    '.katex-display, main pre, .pst-scrollable-table-container'
)].filter(each => each.scrollWidth > each.clientWidth + 1).map((each, i) => {
    each.id ||= `scrolls-${i}`;
    return [each.tagName, each.id];
})"""
FADE = """id => {
    const box = document.getElementById(id);
    return [getComputedStyle(box).maskImage, box.className];
}"""
# The masks that let the left or the right edge fade.
LEFT, RIGHT = "to right, rgba(0, 0, 0, 0.2)", "to left, rgba(0, 0, 0, 0.2)"


@pytest.mark.parametrize(
    "page", ["book/overfitting.html", "book/api/losses.html"]
)
def test_what_scrolls_fades_where_it_is_cut_off(browser, server, page):
    with Visit(browser, server + page, width=390) as visit:
        visit.page.evaluate(OPEN_ALL)
        found = visit.page.evaluate(SCROLLING)
        if page.startswith("book/o"):
            assert {tag for tag, _id in found} == {"SPAN", "PRE", "DIV"}
        for _tag, name in found[:12]:
            box = visit.page.locator(f"#{name}")
            box.scroll_into_view_if_needed()
            visit.page.wait_for_selector(f"#{name}.cut-after")
            mask, names = visit.page.evaluate(FADE, name)
            assert RIGHT in mask and "cut-before" not in names
            box.evaluate("box => { box.scrollLeft = 5 }")
            visit.page.wait_for_selector(f"#{name}.cut-before")
            box.evaluate("box => { box.scrollLeft = box.scrollWidth }")
            visit.page.wait_for_selector(f"#{name}:not(.cut-after)")
            mask, names = visit.page.evaluate(FADE, name)
            assert LEFT in mask and RIGHT not in mask


def test_what_fits_does_not_fade(browser, server):
    with Visit(browser, server + "book/dropout.html", width=1280) as visit:
        visit.page.locator(".katex-display").first.scroll_into_view_if_needed()
        visit.page.wait_for_selector(".katex-display[tabindex='-1']")
        assert visit.page.locator(".cut-after, .cut-before").count() == 0


# Kinds of places, by what names them in a page.
PLACES = {
    "heading": "section[id] > :is(h2, h3)",
    "figure": "figure[id]",
    "explorer": "figure.live-explorer[id]",
    "equation": "div.math[id]",
    "exercise": "p[id^=exercise-]",
    "question": ".quiz[id]",
    "prediction": ".predict[id]",
    "misconception": ".misconception[id]",
    "function": "dt.sig[id]",
    "claim": ":is(div.cell, tr)[id^=claim-]",
    "lab figure": "div.cell[id^=figure-], span[id^=figure-]",
}
LONG = ["book/backpropagation", "book/optimizers", "notebooks/optimizers"]
LONG += ["book/api/optimizers", "book/claims", "book/misconceptions"]


def places(page: str) -> list[str]:
    """Return the first and the last place of each kind on a page."""
    found = {}
    for selector in PLACES.values():
        every = article(page).select(selector)
        for tag in every[:1] + every[-1:]:
            name = tag.get("id") or tag.parent["id"]
            found[name] = None
    return list(found)


@pytest.mark.parametrize("page", LONG)
def test_every_link_to_a_place_lands_there(window, server, page):
    missed = {}
    for name in places(page):
        visit = window(f"{server}{page}.html#{quote(name)}", width=390)
        top, rest = visit.page.evaluate(AT_REST)
        # the last places of a page cannot come to the top
        if not (-10 <= top <= 200 or (rest < 2 and 0 < top < 900)):
            missed[name] = top
    assert missed == {}


# Focus ------------------------------------------------------------------------

# How the element in focus looks, with what stands for it: a label beside a
# hidden input, the icon or the ring inside.
LOOK = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    const near = [e, e.nextElementSibling, ...e.querySelectorAll('*')];
    const look = near.filter(Boolean).slice(0, 12).map(each => {
        const s = getComputedStyle(each);
        const ring = s.outlineStyle === 'none' ? '' : s.outline;
        return [ring, s.boxShadow, s.stroke].join();
    }).join(';');
    const rest = (() => {
        e.blur();
        const after = near.filter(Boolean).slice(0, 12).map(each => {
            const s = getComputedStyle(each);
            const ring = s.outlineStyle === 'none' ? '' : s.outline;
            return [ring, s.boxShadow, s.stroke].join();
        }).join(';');
        e.focus();
        return after;
    })();
    const hidden = getComputedStyle(e).opacity === '0'
        && !e.nextElementSibling;
    return [look !== rest && !hidden, e.outerHTML.slice(0, 160)];
}"""


@pytest.mark.parametrize(
    "page",
    [
        "book/dropout.html",
        "notebooks/dropout.html",
        "book/claims.html",
        "book/index.html",
        "404.html",
    ],
)
def test_whatever_has_the_focus_shows_it(browser, server, page):
    with Visit(browser, server + page) as visit:
        visit.page.add_style_tag(content="* { transition: none !important }")
        stops, faint = 0, []
        for _stop in range(160):
            visit.page.keyboard.press("Tab")
            found = visit.page.evaluate(LOOK)
            if found is None:
                break
            stops += 1
            if not found[0]:
                faint.append(found[1])
        assert faint == []
        assert stops > 15


# Contents ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [CHAPTERS[2], LABS[2], "book/misconceptions", "book/api/optimizers"],
)
def test_a_phone_has_the_contents_of_a_page(browser, server, page):
    address = f"{server}{page}.html"
    with Visit(browser, address, width=390) as visit:
        box = visit.page.locator("details.page-contents")
        assert box.bounding_box()["y"] < 900, "near the top"
        assert not box.locator("a").first.is_visible()
        box.locator("summary").click()
        links = box.locator("a")
        there = [link.get_attribute("href") for link in links.all()]
        beside = visit.page.locator("#pst-page-toc-nav a")
        assert there == [link.get_attribute("href") for link in beside.all()]
        assert violations(visit.page) == {}
        links.nth(len(there) // 2).click()
        assert -10 <= visit.page.evaluate(AT_REST)[0] <= 200
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        assert not box.is_visible()
        assert visit.page.locator("#pst-page-toc-nav").is_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_ledger_has_a_link_to_each_chapter(browser, server, width):
    address = server + "book/claims.html"
    with Visit(browser, address, width=width) as visit:
        links = visit.page.locator(".ledger-chapters a")
        assert links.count() == len(CHAPTERS)
        links.nth(8).click()
        assert -10 <= visit.page.evaluate(AT_REST)[0] <= 200
        chapter = Path(CHAPTERS[8]).name
        assert f"#claim-{chapter}-" in visit.page.url


# Places and the links to them -------------------------------------------------


def linked(name: str, selector: str) -> list[str]:
    """Return the ids of what a selector finds on a page; each has a link to it
    inside, or is empty and has one in its parent.
    """
    ids = []
    for tag in article(name).select(selector):
        ids.append(tag["id"])
        inside = tag if tag.name != "span" else tag.parent
        link = inside.select_one(f'a[href="#{tag["id"]}"]')
        assert link and link.text == "#", tag["id"]
        assert link.get("aria-label"), tag["id"]
    return ids


@pytest.mark.parametrize("name", CHAPTERS + LABS)
def test_every_exercise_has_an_address(name):
    written = re.findall(r"^\*\*(\d+)\. ", source(name), re.MULTILINE)
    assert written
    found = linked(name, "p[id^=exercise-]")
    assert found == [f"exercise-{number}" for number in written]


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_question_and_figure_has_an_address(name):
    text = source(name)
    count = text.count("```{quiz}")
    found = linked(name, ".quiz[id^=quiz-]")
    assert found == [f"quiz-{i}" for i in range(1, count + 1)] != []
    count = text.count("```{predict}")
    found = linked(name, ".predict[id^=prediction-]")
    assert found == [f"prediction-{i}" for i in range(1, count + 1)]
    figures = article(name).select("figure")
    assert len(linked(name, "figure[id]")) == len(figures)


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_misconception_has_an_address_on_two_pages(name):
    claims = re.findall(
        r"```\{misconception\}.*?^:claim: (\w+)",
        source(name),
        re.MULTILINE | re.DOTALL,
    )
    slug = Path(name).name
    names = [f"misconception-{slug}-{claim}" for claim in claims]
    assert linked(name, ".misconception") == names
    collected = linked("book/misconceptions", ".misconception")
    assert set(names) <= set(collected)
    # addresses of an earlier edition
    old = [f"misconception-{slug}-{i}" for i in range(1, len(names) + 1)]
    for page in (name, "book/misconceptions"):
        assert all(article(page).find(id=each) for each in old)


@pytest.mark.parametrize("name", LABS)
def test_claims_and_figures_of_a_lab_have_addresses(name):
    ids = linked(name, "div.cell[id], div.cell > span[id]")
    claims = set(test_site.records(Path(name).name))
    assert {f"claim-{claim}" for claim in claims} <= set(ids)
    figures = re.findall(r'\bname="fig_(\w+)"', source(name))
    assert {f"figure-{figure}" for figure in figures} <= set(ids)
    assert len(ids) == len(claims) + len(figures)


def test_ids_are_used_once():
    for page in PAGES:
        ids = [tag["id"] for tag in parsed(SITE / page).select("main [id]")]
        twice = [each for each, count in Counter(ids).items() if count > 1]
        assert not twice, page


@pytest.mark.parametrize(
    ("page", "over"),
    [
        ("book/dropout.html", "#quiz-1"),
        ("book/dropout.html", "#exercise-2"),
        ("book/dropout.html", ".misconception"),
        ("book/dropout.html", "#fig-dropout-noise figcaption"),
        ("book/dropout.html", "#exercises h2"),
        ("notebooks/dropout.html", "div.cell[id^=claim]"),
    ],
)
def test_a_link_to_a_place_shows_itself(browser, server, page, over):
    with Visit(browser, server + page) as visit:
        visit.page.add_style_tag(content="* { transition: none !important }")
        box = visit.page.locator(over).first
        link = box.locator("a.headerlink").first
        opacity = "link => getComputedStyle(link).opacity"
        box.scroll_into_view_if_needed()
        visit.page.mouse.move(0, 0)
        assert link.evaluate(opacity) == "0"
        box.hover()
        assert link.evaluate(opacity) == "1"
        visit.page.mouse.move(0, 0)
        visit.page.keyboard.press("Shift")
        link.focus()
        assert link.evaluate(opacity) == "1"
        assert link.evaluate("e => getComputedStyle(e).visibility") == "visible"


# Around the text --------------------------------------------------------------


@pytest.mark.parametrize("name", CHAPTERS + LABS)
def test_a_page_says_how_long_it_takes(name):
    (line,) = article(name).select("h1 + .reading-time")
    found = re.match(r"Reading time: about (\d+)\s+min\.", line.text)
    words = sum(
        len(text.split())
        for text in article(name).find_all(string=True)
        if not {"pre", "template", "math", "svg", "nav", "script"}
        & {parent.name for parent in text.parents}
        and "katex-html" not in str(text.parent.get("class"))
    )
    assert 0.5 * words / 230 - 1 <= int(found[1]) <= 1.1 * words / 230 + 1
    runs = re.search(r"Running time: about (\d+)\s+s\.", line.text)
    assert bool(runs) == (name in LABS)
    assert not runs or 0 < int(runs[1]) < 300


def ways(name: str) -> dict[str, str]:
    """Return where the links below a page lead."""
    page = parsed(SITE / f"{name}.html")
    links = page.select(".prev-next-area a")
    found = {link["class"][0]: link["href"] for link in links}
    folder = (SITE / name).parent
    return {
        side: str((folder / link).resolve().relative_to(SITE.resolve()))
        for side, link in found.items()
    }


@pytest.mark.parametrize("name", STORY)
def test_a_chapter_leads_to_the_next_chapter(name):
    place = STORY.index(name)
    found = ways(name)
    if place:
        assert found["left-prev"].startswith(STORY[place - 1].rsplit(".")[0])
    if name in CHAPTERS:
        assert found["left-prev"] == f"{STORY[place - 1]}.html"
        assert found["right-next"] == f"{STORY[place + 1]}.html"
        lab = name.replace("book/", "notebooks/")
        assert found["to-lab"] == f"{lab}.html"
    else:
        assert "to-lab" not in found


@pytest.mark.parametrize("name", LABS)
def test_a_lab_leads_back_to_its_chapter_and_on_to_the_next(name):
    chapter = name.replace("notebooks/", "book/")
    found = ways(name)
    assert found["left-prev"] == f"{chapter}.html"
    assert found["right-next"] == f"{STORY[STORY.index(chapter) + 1]}.html"
    page = parsed(SITE / f"{name}.html")
    words = page.select_one(".left-prev .prev-next-subtitle").text
    assert words == "The chapter of this lab"
    for rel, side in (("prev", "left-prev"), ("next", "right-next")):
        link = page.select_one(f'link[rel="{rel}"]')["href"]
        assert link == page.select_one(f".{side}")["href"]


# Wrong addresses --------------------------------------------------------------


@pytest.mark.parametrize("root", ["", PREFIX.strip("/") + "/"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_wrong_address_leads_to_a_page_that_helps(
    browser, server, root, width
):
    wrong = f"{server}{root}book/no/such/page.html"
    with Visit(browser, wrong, width=width) as visit:
        page = visit.page
        assert visit.failed == [wrong]
        assert page.locator("article h1").inner_text() == "Page not found"
        assert len(visit.messages) == 1, "the page itself, and nothing else"
        fonts = "getComputedStyle(document.querySelector('h1')).fontFamily"
        assert "system-ui" in page.evaluate(fonts), "the style is there"
        links = page.locator("main nav[aria-label='All pages'] a")
        there = [link.get_attribute("href") for link in links.all()]
        wanted = [f"{PREFIX}{name}.html" for name in STORY[1:]]
        assert there == wanted
        field = page.locator("main form.bd-search input")
        field.click()
        field.press_sequentially("exploding gradients")
        hit = page.locator("main .search-found a").first
        hit.wait_for()
        if not root:  # it is the same page under either
            assert violations(page) == {}
        hit.click()
        page.wait_for_url("**/book/gradients.html*")
        page.goto(wrong)
        page.locator("main form.bd-search input").fill("dropout")
        page.keyboard.press("Enter")
        page.locator("#search-results li a").first.wait_for()
        page.goto(wrong)
        page.locator("main nav[aria-label='All pages'] a").nth(3).click()
        page.wait_for_url(f"**/{STORY[4]}.html")
        assert set(visit.failed) == {wrong}
        assert visit.foreign == []
