"""What pages say of themselves to others: titles, descriptions, pictures, data
for search engines, links to the repository; and how their words are set.

Run by `make test` after the build.
"""

import json
import re
import sys
from collections import Counter
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.utils import new_document
from PIL import Image
from test_site import (
    CONFIG,
    PAGES,
    ROOT,
    SITE,
    WHOLE,
    Visit,
    browser,
    parsed,
    server,
)

sys.path.insert(0, str(ROOT / "book/_ext"))
import report_links
import sharing
import social_cards
import typography

__all__ = ["browser", "server"]  # fixtures
BASE = CONFIG["html"]["baseurl"]
LABS = [page for page in PAGES if page.startswith("notebooks/")]
CHAPTERS = [page.replace("notebooks/", "book/") for page in LABS]
MAX_DATA = 1536  # bytes, the address of the site not counted
SPACE = "\N{NO-BREAK SPACE}"


def facts(page: str) -> dict[str, str]:
    """Return what the head of a page says in its <meta> elements."""
    return {
        tag.get("property") or tag.get("name"): tag["content"]
        for tag in parsed(SITE / page).head.find_all("meta", content=True)
    }


def is_on_the_site(address: str) -> bool:
    """Say whether an address names a file of the site."""
    return (
        address.startswith(BASE)
        and (SITE / address.removeprefix(BASE)).is_file()
    )


# Titles and descriptions ------------------------------------------------------


def test_every_page_has_a_title_of_its_own_and_says_it_once():
    titles = {page: parsed(SITE / page).title.text for page in WHOLE}
    for title in titles.values():
        parts = re.split(" [—-] ", title)
        assert len(set(parts)) == len(parts), title
        assert CONFIG["title"] in parts
    counted = Counter(titles[page] for page in PAGES)
    assert [title for title in counted if counted[title] > 1] == []


@pytest.mark.parametrize("page", WHOLE)
def test_a_page_has_one_heading_one_viewport_and_its_own_address(page):
    found = parsed(SITE / page)
    assert len(found.find_all("h1")) == 1
    assert len(found.select('meta[name="viewport"]')) == 1
    addresses = [tag["href"] for tag in found.select('link[rel="canonical"]')]
    assert addresses == [BASE + page]


@pytest.mark.parametrize("page", WHOLE)
def test_a_page_names_itself_to_others(page):
    said = facts(page)
    assert said["og:url"] == BASE + page
    assert said["og:site_name"] == CONFIG["title"]
    assert said["og:title"] and said["og:type"]


def test_every_page_describes_itself_in_a_sentence_or_two():
    about = {page: facts(page)["description"] for page in WHOLE}
    long = {page: len(text) for page, text in about.items()}
    assert {page for page in long if not 50 <= long[page] <= 160} == set()
    odd = re.compile(r"^(Open in Colab|You will)|[\\$*`\n]|\.\.\.")
    assert [text for text in about.values() if odd.search(text)] == []
    counted = Counter(about.values())
    assert [text for text in counted if counted[text] > 1] == []
    for page, text in about.items():
        assert facts(page)["og:description"] == text


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Short.", "Short."),
        ("a" * 60 + ". " + "b" * 120, "a" * 60 + "."),
        ("a" * 60 + "; " + "b" * 50 + "; " + "c" * 60, None),
        ("word " * 40, "word " * 30 + "word…"),
    ],
)
def test_a_long_description_ends_where_a_part_of_it_ends(text, short):
    found = sharing.shortened(text)
    assert len(found) <= 160
    if short is None:
        short = text[:112] + "."
    assert found == short


# Pictures ---------------------------------------------------------------------


@pytest.mark.parametrize("page", WHOLE)
def test_a_shared_page_has_a_picture(page):
    said = facts(page)
    assert said["twitter:card"] == "summary_large_image"
    assert is_on_the_site(said["og:image"])
    with Image.open(SITE / said["og:image"].removeprefix(BASE)) as image:
        size = image.size
    assert size == (1200, 630)
    assert size == (
        int(said["og:image:width"]),
        int(said["og:image:height"]),
    )
    assert len(said["og:image:alt"]) > 10


def test_every_chapter_has_a_picture_of_its_own_and_shares_it_with_its_lab():
    pictures = {page: facts(page)["og:image"] for page in CHAPTERS}
    assert len(set(pictures.values())) == len(CHAPTERS)
    assert facts("book/index.html")["og:image"] not in pictures.values()
    for page, lab in zip(CHAPTERS, LABS, strict=True):
        assert facts(lab)["og:image"] == pictures[page]
    files = {
        (SITE / address.removeprefix(BASE)).read_bytes()
        for address in pictures.values()
    }
    assert len(files) == len(CHAPTERS)


def test_a_picture_is_small_and_the_same_in_every_build(tmp_path):
    drawing = ROOT / "book/diagrams/backpropagation.svg"
    for name in ("a.png", "b.png"):
        social_cards.card("Why?", "Because.", "Us", drawing, tmp_path / name)
    first = (tmp_path / "a.png").read_bytes()
    assert first == (tmp_path / "b.png").read_bytes()
    assert len(first) < 200_000


SHAPES = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300"
 fill="none" stroke-width="2">
<rect x="0" y="0" width="100" height="100" fill="var(--course-one)" />
<g transform="translate(200,0)" fill="currentColor">
  <circle cx="50" cy="50" r="50" fill="var(--course-two)" />
  <path d="M100 200h100v100h-100Z" />
</g>
<path d="M0 290L190 290" stroke="var(--course-three)" stroke-width="20" />
</svg>"""


def test_a_picture_shows_the_shapes_of_its_drawing(tmp_path):
    (tmp_path / "a.svg").write_text(SHAPES, encoding="utf8")
    paths = tmp_path / "a.svg", tmp_path / "a.png"
    social_cards.card("A", "B", "C", *paths)
    left, top, right, bottom = social_cards.DRAWING
    scale = min((right - left) / 400, (bottom - top) / 300)
    colours = social_cards.light()
    with Image.open(tmp_path / "a.png") as image:
        pixels = image.convert("RGB")

    def seen(x, y):
        at = (
            round((left + right) / 2 + (x - 200) * scale),
            round((top + bottom) / 2 + (y - 150) * scale),
        )
        return "#{:02x}{:02x}{:02x}".format(*pixels.getpixel(at))

    assert seen(50, 50) == colours["--course-one"]
    assert seen(250, 50) == colours["--course-two"]
    assert seen(350, 250) == colours["currentColor"]
    assert seen(100, 290) == colours["--course-three"]
    assert seen(150, 150) == seen(290, 5) == "#ffffff"


def test_every_drawing_of_a_chapter_can_be_drawn():
    figure = social_cards.Figure()
    for page in [*CHAPTERS, "front"]:
        path = ROOT / f"book/diagrams/{Path(page).stem}.svg"
        svg = ElementTree.fromstring(path.read_text(encoding="utf8"))
        kinds = {each.tag.removeprefix(sharing.SVG) for each in svg.iter()}
        known = {*social_cards.SHAPES, "svg", "g", "text", "title", "desc"}
        assert kinds <= known, path.name
    with pytest.raises(ValueError, match="translate and rotate; got skewX"):
        social_cards.moved("skewX(10)")
    with pytest.raises(ValueError, match="a word is too long"):
        social_cards.FigureCanvasAgg(figure)
        social_cards.write(figure, "x" * 60, 0, 42, "#000")


# Data for search engines ------------------------------------------------------


def data(page: str) -> dict[str, dict]:
    """Return what a page says in schema.org's words, by type."""
    scripts = parsed(SITE / page).select('script[type="application/ld+json"]')
    if not scripts:
        return {}
    (script,) = scripts
    assert len(script.text.replace(BASE, "/").encode()) <= MAX_DATA
    found = json.loads(script.text)
    assert found["@context"] == "https://schema.org"
    return {each["@type"]: each for each in found["@graph"]}


def all_addresses(value: object) -> list[str]:
    """Return every address in some data."""
    if isinstance(value, dict):
        own = [value[key] for key in ("@id", "item") if key in value]
        return own + all_addresses(list(value.values()))
    if isinstance(value, list):
        return [each for part in value for each in all_addresses(part)]
    return []


@pytest.mark.parametrize("page", PAGES)
def test_the_data_of_a_page_lead_to_pages(page):
    found = data(page)
    assert found, "every page has some"
    addresses = all_addresses(list(found.values()))
    assert [each for each in addresses if not is_on_the_site(each)] == []


def test_the_first_page_is_a_course_with_its_chapters():
    course = data("book/index.html")["Course"]
    assert course["name"] == CONFIG["title"]
    assert course["description"] == facts("book/index.html")["description"]
    assert course["provider"]["name"] == CONFIG["author"]
    for key in ("inLanguage", "educationalLevel", "license"):
        assert course[key]
    assert [part["name"] for part in course["hasPart"]] == [
        "I. Generalization",
        "II. Signals through depth",
        "III. Learning",
        "IV. All together",
    ]
    pages = [
        each["@id"] for part in course["hasPart"] for each in part["hasPart"]
    ]
    assert sorted(pages) == [BASE + page for page in CHAPTERS]


@pytest.mark.parametrize("page", [*CHAPTERS, *LABS])
def test_a_chapter_or_lab_says_what_it_teaches(page):
    lesson = data(page)["LearningResource"]
    assert lesson["@id"] == BASE + page
    assert lesson["name"] == parsed(SITE / page).h1.contents[0].strip()
    assert lesson["description"] == facts(page)["description"]
    assert lesson["isPartOf"]["@id"] == BASE + "book/index.html"
    assert lesson["inLanguage"] == parsed(SITE / page).html["lang"]
    assert lesson["license"].startswith("https://creativecommons.org/")
    assert lesson["educationalLevel"]
    kind = "lab" if page in LABS else "chapter"
    assert lesson["learningResourceType"] == kind
    for skill in lesson["teaches"]:
        assert len(skill) > 10 and "\\" not in skill


@pytest.mark.parametrize("page", PAGES)
def test_breadcrumbs_lead_from_the_first_page_to_the_page(page):
    if page == "book/index.html":
        assert "BreadcrumbList" not in data(page)
        return
    steps = data(page)["BreadcrumbList"]["itemListElement"]
    places = [step["item"].removeprefix(BASE) for step in steps]
    above = ["book/index.html"]
    if page in LABS:
        above.append(page.replace("notebooks/", "book/"))
    if page.startswith("book/api/"):
        above.append("book/api.html")
    assert places == [*above, page]
    assert [step["position"] for step in steps] == list(
        range(1, len(steps) + 1)
    )
    assert all(step["name"] for step in steps)


def test_the_address_of_the_site_says_what_its_first_page_says():
    root = BeautifulSoup(
        (SITE / "index.html").read_text(encoding="utf8"), "html.parser"
    )
    said = {
        tag.get("property") or tag.get("name"): tag["content"]
        for tag in root.find_all("meta", content=True)
    }
    for key, value in facts("book/index.html").items():
        if key.startswith(("og:", "twitter:", "description")):
            assert said[key] == value
    assert root.select_one('link[rel="canonical"]')["href"] == (
        BASE + "book/index.html"
    )


# Words ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "set_"),
    [
        ("30 % of 20 seeds", "30_% of 20_seeds"),
        ("within 300\nsteps", "within 300_steps"),
        ("Figure 3, seed 7, seeds 0 to 9", "Figure_3, seed_7, seeds_0 to 9"),
        ("from -5 to -3.2", "from −5 to −3.2"),
        ("-1 and (-2)", "−1 and (−2)"),
        ("2-3 layers, 1e-5, half-3, x.-1", "2-3 layers, 1e-5, half-3, x.-1"),
        ("3 seedlings, 4 mice, offset 3", "3 seedlings, 4 mice, offset 3"),
        ("in 2018 somebody", "in 2018 somebody"),
        ("one · two\n· three", "one_· two_· three"),
    ],
)
def test_words_are_set(typed, set_):
    if "layers" in typed:
        set_ = set_.replace("3 layers", "3_layers")
    assert typography.well_set(typed) == set_.replace("_", SPACE)


@pytest.mark.parametrize(
    "parts",
    [
        ["With 64", "\n", "inputs"],
        ["Not", "\n", "so: 64", "\n", "inputs"],
        ["in Fig.", "\n", "3"],
        [nodes.strong("", "64"), " inputs"],
        [nodes.math("", "n"), " seeds"],
        ["seed ", nodes.math("", "s")],
    ],
)
def test_a_number_may_stand_in_another_node_than_its_unit(parts):
    paragraph = nodes.paragraph(
        "", "", *(nodes.Text(x) if isinstance(x, str) else x for x in parts)
    )
    document = new_document("")
    document += paragraph
    typography.SetWords(document).run()
    assert paragraph.astext().count(SPACE) == 1


@pytest.mark.parametrize(
    ("formula", "after", "kept"),
    [
        ("l", ", and", "l,"),
        ("l", ")", "l)"),
        ("l", " and", ""),
        ("l" * 40, ",", ""),
    ],
)
def test_a_mark_stays_with_its_formula(formula, after, kept):
    paragraph = nodes.paragraph(
        "", "", nodes.Text("of "), nodes.math("", formula), nodes.Text(after)
    )
    document = new_document("")
    document += paragraph
    typography.SetWords(document).run()
    assert paragraph.astext() == f"of {formula}{after}"
    whole = [each.astext() for each in paragraph.findall(nodes.inline)]
    assert whole == [kept] * bool(kept)


def prose(page: str) -> list[str]:
    """Return the texts of a page's article that are neither code nor maths."""
    apart = ["pre", "code", "script", "style", "template", "dt"]
    apart += ["svg", ".katex", ".claims-ledger"]
    found = []
    for text in parsed(SITE / page).find("article").find_all(string=True):
        names = {each.name for each in text.parents}
        classes = {
            f".{name}"
            for each in text.parents
            for name in each.get("class", [])
        }
        if not {*names, *classes} & set(apart):
            found.append(str(text))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_no_number_parts_from_its_unit(page):
    texts = prose(page)
    assert texts
    assert [text for text in texts if typography.well_set(text) != text] == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "book/diagrams").glob("*.svg")), ids=lambda p: p.stem
)
def test_no_drawing_has_a_hyphen_for_a_minus(path):
    svg = ElementTree.fromstring(path.read_text(encoding="utf8"))
    words = [each.text or "" for each in svg.iter()]
    assert [text for text in words if hyphen_for_minus(text)] == []


def test_no_figure_card_or_ledger_has_a_hyphen_for_a_minus():
    for path in (SITE / "_images").glob("*.svg"):
        svg = path.read_text(encoding="utf8")
        shown = re.sub(r"<style>.*?</style>", "", svg)
        assert [
            t for t in re.findall(">([^<]+)<", shown) if hyphen_for_minus(t)
        ] == []
    for page in PAGES:
        for part in parsed(SITE / page).select("template, .claims-ledger"):
            assert not hyphen_for_minus(part.get_text(" "))


def hyphen_for_minus(text: str) -> bool:
    """Say whether a text has a hyphen where a minus should be."""
    return typography.RULES[-1][0].search(text) is not None


def test_a_hyphen_is_told_from_a_minus():
    assert hyphen_for_minus("from -5") and not hyphen_for_minus("from −5, 2-3")


# The stamp of a lab -----------------------------------------------------------


@pytest.mark.parametrize("page", LABS)
def test_a_lab_says_with_which_versions_it_was_verified(page):
    (stamp,) = parsed(SITE / page).select(".stamp")
    text = stamp.text.replace(SPACE, " ")
    printed = parsed(SITE / page).select_one(".cell_output pre").text
    for name in ("Python", "torch", "numpy"):
        version = re.search(rf"{name} (\d+(?:\.\d+)+)", text)[0]
        assert version in printed
    ids = {tag["id"] for tag in parsed(SITE / page).select('[id^="claim-"]')}
    assert (
        f"all {len({i for i in ids if not i.endswith('-card')})} claims" in text
    )
    assert stamp.a["href"] == "../book/status.html"
    assert not re.search(r"\d{4}-\d\d-\d\d", text), "no date: builds are alike"


# The links to the repository --------------------------------------------------


class Book:
    """As much of a Sphinx application as the links need."""

    class config:
        html_baseurl = "https://you.github.io/name/"

    class builder:
        get_target_uri = staticmethod(lambda docname: f"{docname}.html")

    class env:
        doc2path = staticmethod(
            lambda docname, base: (
                docname + (".ipynb" if "notebooks" in docname else ".md")
            )
        )


def links(docname: str, owner: str, doctree: object = True) -> dict[str, str]:
    """Return where the links of a page lead, by their labels."""
    theirs = {"label": "source-repository-button"}
    context = {
        "header_buttons": [theirs, {"label": "download-buttons"}],
        "github_user": owner,
        "github_repo": "name",
        "github_version": "main",
    }
    report_links.add_links(Book, docname, "page.html", context, doctree)
    kept, *group = context["header_buttons"]
    assert kept == {"label": "download-buttons"}
    buttons = group[0]["buttons"] if group else []
    return {each["label"]: unescape(each["url"]) for each in buttons}


@pytest.mark.parametrize(
    ("docname", "file"),
    [
        ("book/dropout", "book/dropout.md"),
        ("notebooks/dropout", "notebooks/dropout.ipynb"),
        ("book/api/dropout", "companion/dropout.py"),
    ],
)
def test_links_lead_to_the_file_of_a_page(docname, file):
    assert (ROOT / file).is_file()
    found = links(docname, "you")
    url = "https://github.com/you/name"
    assert found["repository-button"] == url
    assert found["edit-button"] == f"{url}/edit/main/{file}"
    report = urlsplit(found["report-button"])
    assert report.path == "/you/name/issues/new"
    asked = parse_qs(report.query)
    assert file in asked["title"][0]
    page = f"https://you.github.io/name/{docname}.html"
    assert asked["body"][0].endswith(page)


def test_a_page_without_a_source_can_be_neither_edited_nor_reported():
    assert list(links("genindex", "you", None)) == ["repository-button"]


def test_without_an_address_no_link_leads_nowhere():
    assert links("book/dropout", "OWNER") == {}
    if "/OWNER/" in CONFIG["repository"]["url"]:
        for page in PAGES:
            header = parsed(SITE / page).select_one(".article-header-buttons")
            assert header.select('a[href*="//github.com/OWNER"]') == []


def test_a_report_names_the_section_in_view(browser, server):
    address = "https://github.com/you/name/issues/new?title=a&body=x.html"
    link = f'<a class="btn-report-button" href="{address}">Report</a>'

    def with_link(route):
        page = route.fetch()
        body = page.text().replace(
            '<div class="article-header-buttons">',
            '<div class="article-header-buttons">' + link,
        )
        route.fulfill(response=page, body=body)

    with Visit(browser, server + "404.html") as visit:
        visit.page.route("**/dropout.html*", with_link)
        visit.page.goto(server + "book/dropout.html")
        report = visit.page.locator("a.btn-report-button")
        for section in ("a-penalty-in-disguise", "strike-them-yourself"):
            heading = visit.page.locator(f"section#{section} > h2")
            heading.evaluate("h => h.scrollIntoView()")
            visit.page.locator(
                f'.toc-entry > a[aria-current][href="#{section}"]'
            ).first.wait_for(state="attached")
            report.dispatch_event("pointerdown")
            assert report.get_attribute("href") == (f"{address}%23{section}")


# Small things -----------------------------------------------------------------


def test_an_underscore_shows_above_the_line_under_a_link(browser, server):
    with Visit(browser, server + "book/dropout.html") as visit:
        code = visit.page.locator("article a:has(code.literal)").first
        style = code.evaluate(
            "a => [getComputedStyle(a).textUnderlineOffset,"
            " parseFloat(getComputedStyle(a).fontSize)]"
        )
        assert float(style[0].removesuffix("px")) >= 0.25 * style[1]


def test_the_references_are_in_alphabetical_order():
    text = (ROOT / "book/references.bib").read_text(encoding="utf8")
    keys = re.findall(r"(?m)^@\w+\{([^,]+),", text)
    assert keys == sorted(keys, key=str.lower)
