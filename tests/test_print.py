"""Print and offline: a chapter as a handout, the course as one PDF, and the
archive for a classroom without network.
"""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import archive
import course_pdf
import pytest
import yaml
from pypdf import PdfReader
from pypdf.generic import Destination
from test_site import SITE, Visit, browser, parsed, server, window  # noqa: F401

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
LONGEST = ["losses", "optimizers"]
MAX_SHEETS = 14
# A sheet of A4 between its margins, in CSS pixels.
SHEET = 687
# What is cut off or reaches beyond the sheet, or is smaller than 9 points.
FAULTS = """([width, smallest]) => {
    const found = [];
    const name = each => each.tagName + ' ' + each.textContent.slice(0, 30);
    for (const each of document.querySelectorAll(
        'article :is(pre, table, figure, img, svg, .katex-display)')) {
        if (!each.getClientRects().length || each.closest('.sd-octicon'))
            continue;
        const right = each.getBoundingClientRect().right;
        const cut = each.clientWidth && each.scrollWidth > each.clientWidth + 1;
        if (cut || right > width + 1) found.push('wide: ' + name(each));
    }
    for (const each of document.querySelectorAll(
        'article :is(p, li, pre, td, th, summary, figcaption, code)')) {
        const size = parseFloat(getComputedStyle(each).fontSize);
        if (each.getClientRects().length && size < smallest)
            found.push('small: ' + name(each));
    }
    return found;
}"""


LINK = re.compile(r'<[a-z][^<>]*\s(?:href|src)="([^"#?]+)')


def printed(visit: Visit) -> None:
    """Make a page what it is while it is printed."""
    visit.page.emulate_media(media="print")
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")


@pytest.fixture(scope="module")
def dropout(browser, server):  # noqa: F811
    """Open a chapter as it is printed."""
    with Visit(browser, server + "book/dropout.html", width=SHEET) as visit:
        printed(visit)
        yield visit
        assert visit.messages == []


# The handout ------------------------------------------------------------------


def test_the_questions_come_first_and_the_answers_last(dropout):
    text = dropout.page.locator("article").inner_text()
    questions, _line, answers = text.rpartition("\nAnswers\n")
    for name in ("Prediction 1", "Saying 1", "Question 1", "Question 4"):
        assert f"{name}\n" in questions and f"{name}\n" in answers
    for said in ("Measured:", "It is partly true.", "Call the model twice"):
        assert said in answers and said not in questions
    assert "Exercise 1. By hand." in answers
    assert not {"Solution", "Show", "Not quite.", "Right."} & set(
        text.splitlines()
    )
    assert (
        dropout.page.locator(".answers").evaluate(
            "e => getComputedStyle(e).breakBefore"
        )
        == "page"
    )


def test_choices_have_letters_and_the_right_one_a_mark(dropout):
    page = dropout.page
    marks = page.locator(".quiz summary").evaluate_all(
        "all => all.map(e => getComputedStyle(e, '::before').content)"
    )
    assert set(marks) == {"counter(choice, upper-alpha)"}
    solved = page.locator(".answer-to", has_text="Question 1")
    assert solved.locator(".letter").evaluate_all(
        "all => all.map(e => [e.textContent,"
        " getComputedStyle(e, '::after').content])"
    ) == [["A", "none"], ["B", "none"], ["C", '" ✓"']]


def test_only_the_article_is_on_paper(dropout):
    page = dropout.page
    seen = page.evaluate(
        "() => [...document.querySelectorAll('header, nav, footer, button,"
        " .bd-sidebar, .headerlink, #jb-print-docs-body, a[href*=colab],"
        " .stage .live, .prev-next-footer')].filter(e =>"
        " e.getClientRects().length && e.offsetHeight).map(e => e.outerHTML)"
    )
    assert seen == []
    assert page.locator("h1").filter(visible=True).all_inner_texts() == [
        "Dropout"
    ]
    assert page.locator(".stage .still svg").is_visible()
    assert "srivastava" not in page.locator("#sources ~ .cited").inner_text()


def test_sources_are_said_in_full(dropout):
    said = dropout.page.locator(".cited li").all_inner_texts()
    assert len(said) == len(set(said)) >= 5
    assert any(
        each.startswith("Nitish Srivastava") and "2014" in each for each in said
    )


@pytest.mark.parametrize("name", CHAPTERS)
def test_nothing_is_cut_off_or_too_small(window, server, name):  # noqa: F811
    visit = window(f"{server}book/{name}.html", width=SHEET)
    printed(visit)
    assert visit.page.evaluate(FAULTS, [SHEET, 12]) == []


def test_a_page_is_as_it_was_when_it_has_been_printed(browser, server):  # noqa: F811
    address = server + "book/dropout.html"
    with Visit(browser, address, scheme="dark") as visit:
        page = visit.page
        page.evaluate("scrollTo(0, 2000)")
        page.wait_for_timeout(500)
        # What comes near the window is mounted, and may become a tab stop.
        page.evaluate("""() => window.copied = () => {
            const copy = document.querySelector('article').cloneNode(true);
            copy.querySelectorAll('.stage').forEach(each => each.remove());
            copy.querySelectorAll('[tabindex]').forEach(
                each => each.removeAttribute('tabindex'));
            return copy;
        }""")
        state = "[scrollY, document.documentElement.dataset.theme]"
        page.evaluate("() => { window.kept = copied(); }")
        assert page.evaluate(state) == [2000, "dark"]
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate(state)[1] == "light"
        assert not page.evaluate("copied().isEqualNode(kept)")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(state) == [2000, "dark"]
        assert page.evaluate("copied().isEqualNode(kept)")


def test_without_scripts_the_answers_are_open(browser, server):  # noqa: F811
    with Visit(
        browser, server + "book/dropout.html", java_script_enabled=False
    ) as visit:
        visit.page.emulate_media(media="print")
        for part in (".quiz .verdict", ".sd-card-body", ".answer"):
            assert visit.page.locator(part).last.is_visible()


# The PDF ----------------------------------------------------------------------


@pytest.mark.parametrize("name", LONGEST)
def test_a_handout_is_short(browser, server, name, tmp_path):  # noqa: F811
    with Visit(browser, f"{server}book/{name}.html") as visit:
        visit.page.pdf(path=tmp_path / "a.pdf", format="A4")
    reader = PdfReader(tmp_path / "a.pdf")
    assert len(reader.pages) <= MAX_SHEETS
    title = parsed(SITE / f"book/{name}.html").h1.find(string=True)
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text()
        assert f"{number} / {len(reader.pages)}" in text
        assert "Deep Learning, Tested" in text and title[:12] in text
        assert len(text) > 300  # no page is left blank


@pytest.fixture(scope="module")
def joined(browser, tmp_path_factory):  # noqa: F811
    """Join three pages; the browser says whether there is one."""
    target = tmp_path_factory.mktemp("pdf") / "two.pdf"
    names = {"book/introduction": "Before", "book/dropout": "I. One"}
    names["book/references"] = "Back"  # both of the others cite
    with ThreadPoolExecutor() as pool:  # one Playwright in a thread
        sheets = pool.submit(course_pdf.join, names, SITE, target).result()
    return PdfReader(target), sheets


def outline(items: list, depth: int = 0) -> Iterator[tuple[int, Destination]]:
    """Yield the bookmarks with their depths."""
    for item in items:
        if isinstance(item, list):
            yield from outline(item, depth + 1)
        else:
            yield depth, item


def test_the_order_of_the_pdf_is_that_of_the_book():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf8"))
    pages = dict(course_pdf.contents(toc))
    names = list(pages)
    assert names[:2] == ["book/index", "book/introduction"]
    for chapter in CHAPTERS:
        place = names.index(f"book/{chapter}")
        assert names[place + 1] == f"notebooks/{chapter}"
    assert names[-2:] == ["book/notation", "book/references"]
    assert "book/misconceptions" in names and "book/claims" not in names
    assert not any(name.startswith("book/api") for name in names)
    assert pages["notebooks/dropout"] == "I. Generalization"


def test_the_pdf_has_bookmarks_numbers_and_a_language(joined):
    reader, sheets = joined
    marks = [
        (depth, mark.title, reader.get_destination_page_number(mark))
        for depth, mark in outline(reader.outline)
    ]
    start = sheets["book/introduction"]
    assert (0, "I. One", start) in marks and (1, "Dropout", start) in marks
    (last,) = (page for _, title, page in marks if title == "Answers")
    assert start + 5 < last < len(reader.pages)
    assert [page for *_, page in marks] == sorted(page for *_, page in marks)
    for number, page in enumerate(reader.pages, 1):
        assert str(number) in page.extract_text().splitlines()
    assert reader.metadata.title == "Deep Learning, Tested"
    assert reader.trailer["/Root"]["/Lang"] == "en"


def test_links_of_the_pdf_stay_inside_where_they_can(joined):
    reader, sheets = joined
    inside, outside = [], set()
    for number, page in enumerate(reader.pages):
        for link in page.get("/Annots", ()):
            link = link.get_object()
            if "/Dest" in link:
                to = link["/Dest"][0].get_object()
                known = [each.get_object() for each in reader.pages]
                inside.append((number, known.index(to)))
            else:
                outside.add(link["/A"]["/URI"])
    start = sheets["book/introduction"]
    assert any(at < start <= to for at, to in inside)
    assert any(start <= at < to for at, to in inside)
    assert not any(each.startswith("file:") for each in outside)
    site = course_pdf.CONFIG["html"]["baseurl"]
    assert f"{site}book/weight_decay.html" in outside


# The archive ------------------------------------------------------------------


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """Pack the site and unpack it elsewhere, with its rights."""
    folder = tmp_path_factory.mktemp("classroom")
    archive.pack(SITE, folder / "deep-learning-tested.zip")
    with zipfile.ZipFile(folder / "deep-learning-tested.zip") as packed:
        for entry in packed.infolist():
            path = packed.extract(entry, folder)
            os.chmod(path, entry.external_attr >> 16)
    return folder / "deep-learning-tested"


def test_the_archive_has_all_that_a_classroom_needs(unpacked):
    names = {path.name for path in unpacked.iterdir()}
    starters = {"start.bat", "start.command", "start.py", "start.sh"}
    assert names == {"LICENSE.txt", "README.txt", "labs", "site", *starters}
    for name in ("start.command", "start.sh"):
        assert os.access(unpacked / name, os.X_OK)
    assert b"\r\n" in (unpacked / "start.bat").read_bytes()
    for name in CHAPTERS:
        assert (unpacked / f"labs/{name}.ipynb").is_file()
    found = subprocess.run(
        [sys.executable, "-c", "import companion; print(companion.__file__)"],
        cwd=unpacked / "labs",
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert found.stdout.startswith(str(unpacked.resolve() / "labs"))
    read_me = (unpacked / "README.txt").read_text(encoding="utf8")
    assert starters - {"start.py"} <= set(re.findall(r"start\.\w+", read_me))


def test_the_same_site_makes_the_same_archive(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<h1>Why?</h1>", encoding="utf8")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        archive.pack(site, tmp_path / name / "c.zip")
        os.utime(site / "index.html", (1, 1))
    made = [(tmp_path / name / "c.zip").read_bytes() for name in "ab"]
    assert made[0] == made[1]


def test_every_link_of_the_archive_names_a_file(unpacked):
    site, missing = unpacked / "site", []
    for path in site.rglob("*.html"):
        if {"_static", "_sources"} & set(path.relative_to(site).parts):
            continue
        text = path.read_text(encoding="utf8")
        for address in re.findall(LINK, text):
            if re.match(r"[a-z]+:|//", address):
                continue
            if not path.parent.joinpath(address).is_file():
                missing.append(f"{path.relative_to(site)}: {address}")
    assert missing == []


def test_opened_as_a_file_a_page_shows_stills_and_says_why(
    browser,  # noqa: F811
    unpacked,
):
    page = browser.new_page()
    said, failed = [], []
    page.on("console", lambda message: said.append(message))
    page.on("pageerror", lambda error: failed.append(str(error)))
    # What the browser itself gives up when the page is left is not missing.
    page.on(
        "requestfailed",
        lambda request: (
            request.failure != "net::ERR_ABORTED"
            and failed.append(f"{request.url}: {request.failure}")
        ),
    )
    page.goto((unpacked / "site" / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    page.goto((unpacked / "site/book/dropout.html").as_uri())
    figure = page.locator(".live-explorer")
    figure.scroll_into_view_if_needed()
    assert figure.locator(".still svg").is_visible()
    assert figure.locator(".description").is_visible()
    assert "start.bat" in figure.locator(".opened-as-file").inner_text()
    page.keyboard.press("Control+k")
    status = page.locator("dialog [role=status]")
    assert "start.command" in status.inner_text()
    page.keyboard.press("Escape")
    page.locator(".quiz summary").first.click()
    assert page.locator(".quiz .verdict").first.is_visible()
    page.locator("article a[href='weight_decay.html']").first.click()
    page.wait_for_url("**/book/weight_decay.html")
    wrong = [each.text for each in said if each.type in ("error", "warning")]
    assert wrong == failed == []
    page.close()


def test_the_starter_serves_live_figures_and_the_search(
    browser,  # noqa: F811
    unpacked,
):
    running = subprocess.Popen(
        ["sh", str(unpacked / "start.sh")],
        env={**os.environ, "BROWSER": "true"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = running.stdout.readline().split()[-1]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        with Visit(browser, address + "book/dropout.html") as visit:
            page = visit.page
            page.locator(".live-explorer").scroll_into_view_if_needed()
            page.locator(".stage.mounted .live svg").first.wait_for()
            assert not page.locator(".opened-as-file").is_visible()
            page.keyboard.press("Control+k")
            page.keyboard.type("mask")
            page.locator("dialog .search-found a").first.wait_for()
            assert visit.messages == visit.failed == visit.foreign == []
    finally:
        running.terminate()
        running.communicate(timeout=10)


# The build --------------------------------------------------------------------


def test_the_title_in_the_margin_is_a_string_of_css(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book/_ext")
    quoted = import_module("handout").quoted
    assert quoted("Dropout") == '"Dropout"'
    assert quoted('A "b" \\ <c>') == '"A \\22 b\\22  \\5c  \\3c c>"'


def test_only_pages_with_questions_are_handouts():
    def scripts(name):
        return "handout.js" in (SITE / f"{name}.html").read_text()

    assert all(scripts(f"book/{name}") for name in CHAPTERS)
    assert scripts("book/misconceptions")
    assert not scripts("book/references")
    assert not scripts("notebooks/dropout")
    figures = parsed(SITE / "book/dropout.html").select("picture source")
    assert {"(max-width: 600px), print"} == {each["media"] for each in figures}
    lab = parsed(SITE / "notebooks/dropout.html").select("picture source")
    assert {"(max-width: 600px)"} == {each["media"] for each in lab}
