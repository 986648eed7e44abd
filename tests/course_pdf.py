"""Join the course into one PDF: ``python tests/course_pdf.py``.

Chromium prints the pages of the built site in the order of the book. Parts,
pages and sections are the bookmarks, page numbers run on, and a link from page
to page stays inside. The API and the ledger, long lists to look things up in,
stay on the site; links to them lead there.
"""

import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urldefrag, urljoin

import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Page, sync_playwright
from progress import ROOT, Line, program
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    Fit,
    FloatObject,
    NameObject,
    NullObject,
    TextStringObject,
)

SITE = ROOT / "_build" / "html"
TARGET = ROOT / "_build" / "deep-learning-tested.pdf"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf8"))
LEFT_OUT = ("book/claims", "book/status", "book/api")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# The number of the page in the book, without how many pages its part has.
NUMBERS = """@media print {{
    @page {{ @bottom-center {{ content: counter(page); }} }}
    html {{ counter-reset: page {before}; }}
}}"""
# Chromium notes the places that a page's own links name.
NAME_PLACES = """names => document.body.append(...names.map(name => {
    const link = document.createElement("a");
    link.href = "#" + name;
    return link;
}))"""


def contents(toc: dict, part: str = "") -> Iterator[tuple[str, str]]:
    """Yield the pages of the book in their order, each with its part."""
    name = toc.get("root", toc.get("file", ""))
    if name and not name.startswith(LEFT_OUT):
        yield name, part
    for key in ("parts", "chapters", "sections"):
        for each in toc.get(key, []):
            yield from contents(each, toc.get("caption", part))


def headings(page: Path) -> dict[str, str]:
    """Return the title of a page and of its sections, by their places."""
    parsed = BeautifulSoup(page.read_text(encoding="utf8"), "html.parser")
    top = parsed.select_one("article section[id]")
    found = {}
    for section in [top, *top.find_all("section", recursive=False)]:
        title = section.find(re.compile("h[12]"))
        for link in title.select(".headerlink, .katex-mathml"):
            link.decompose()
        found[section["id"]] = " ".join(title.get_text().split())
    if answers := parsed.select_one("section.answers"):
        found[answers["id"]] = answers["data-title"]
    return found


def named_places(names: Iterable[str], site: Path) -> dict[str, set[str]]:
    """Return the places of each page that the others link to."""
    found = defaultdict(set)
    for name in names:
        text = (site / f"{name}.html").read_text(encoding="utf8")
        for address in re.findall(r'href="([^"#:]*#[^"]+)"', text):
            target, place = urldefrag(urljoin(f"{name}.html", address))
            found[target.removesuffix(".html")].add(unquote(place))
    return found


def print_page(
    page: Page, address: str, places: set[str], before: int, path: Path
) -> None:
    """Print one page; the first of its numbers follows those before."""
    page.goto(address, wait_until="load")
    page.add_style_tag(content=NUMBERS.format(before=before))
    page.evaluate(NAME_PLACES, sorted(places))
    page.pdf(
        path=path,
        format="A4",
        prefer_css_page_size=True,
        print_background=True,
    )


def explicit(writer: PdfWriter, page: int, place: object) -> ArrayObject:
    """Return a destination that needs no name: a place, or a page's head."""
    known = place is not None and place.get("/Top") is not None
    top = FloatObject(place["/Top"]) if known else NullObject()
    return ArrayObject(
        [
            writer.pages[page].indirect_reference,
            NameObject("/XYZ"),
            NullObject(),
            top,
            NullObject(),
        ]
    )


class Places:
    """Where the pages of the site, and their places, are in the joined PDF."""

    def __init__(self, site: Path) -> None:
        self.base, self.starts, self.named = f"{site.as_uri()}/", {}, {}
        self.pages = 0

    def add(self, name: str, reader: PdfReader) -> None:
        """Note the next page of the site."""
        self.starts[name] = self.pages
        for place, to in reader.named_destinations.items():
            page = self.pages + reader.get_destination_page_number(to)
            self.named[name, unquote(place.removeprefix("/"))] = page, to
        self.pages += len(reader.pages)

    def bookmarks(
        self, writer: PdfWriter, names: dict[str, str], site: Path
    ) -> None:
        """Add the parts of the book, its pages and their sections."""
        parts = {"": None}
        for name, part in names.items():
            page, above = self.starts[name], None
            if part not in parts:
                parts[part] = writer.add_outline_item(
                    title=part, page_number=page
                )
            for place, title in headings(site / f"{name}.html").items():
                page, to = self.named.get((name, place), (page, None))
                item = writer.add_outline_item(
                    title=title,
                    page_number=page,
                    parent=above or parts[part],
                    fit=Fit.xyz(top=to and to.get("/Top")),
                    is_open=False,
                )
                above = above or item

    def lead(
        self, writer: PdfWriter, name: str, link: DictionaryObject
    ) -> None:
        """Let a link of a page lead to its place in the PDF, else to the
        site.
        """
        action = link.get("/A", DictionaryObject()).get_object()
        address = action.get("/URI", f"{self.base}{name}.html")
        if "/Dest" in link:
            address += "#" + link["/Dest"].removeprefix("/")
        if not address.startswith(self.base):
            return
        inside = address.removeprefix(self.base)
        target, place = urldefrag(inside)
        target, place = unquote(target).removesuffix(".html"), unquote(place)
        if target not in self.starts:
            site = CONFIG["html"]["baseurl"] + inside
            action[NameObject("/URI")] = TextStringObject(site)
            return
        page, to = self.named.get((target, place), (self.starts[target], None))
        link.pop("/A", None)
        link[NameObject("/Dest")] = explicit(writer, page, to)


def join(names: dict[str, str], site: Path, target: Path) -> dict[str, int]:
    """Write the PDF of pages, given with their parts; return how many sheets
    each has.
    """
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        sys.exit("Chromium is missing: install it with your system's tools")
    if missing := [n for n in names if not (site / f"{n}.html").is_file()]:
        sys.exit(f"There is no {missing[0]}.html in {site}: run make book")
    places, known = named_places(names, site), Places(site)
    for name in names:
        places[name].update(headings(site / f"{name}.html"))
    writer, line, sheets = PdfWriter(), Line(), {}
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
        )
        for count, name in enumerate(names, 1):
            line.now(f"Printing {name}, {count} of {len(names)}")
            page = browser.new_page()
            part = Path(folder, f"{count}.pdf")
            address = known.base + f"{name}.html"
            print_page(page, address, places[name], known.pages, part)
            page.close()
            reader = PdfReader(part)
            sheets[name] = len(reader.pages)
            known.add(name, reader)
            writer.append(reader, import_outline=False)
        browser.close()
    pages = iter(writer.pages)
    for name, count in sheets.items():
        for _ in range(count):
            for link in next(pages).get("/Annots", ()):
                known.lead(writer, name, link.get_object())
    known.bookmarks(writer, names, site)
    title, author = CONFIG["title"], CONFIG["author"]
    writer.add_metadata({"/Title": title, "/Author": author})
    root = writer.root_object
    language = CONFIG["sphinx"]["config"]["language"]
    root[NameObject("/Lang")] = TextStringObject(language)
    root[NameObject("/PageMode")] = NameObject("/UseOutlines")
    root[NameObject("/ViewerPreferences")] = DictionaryObject(
        {NameObject("/DisplayDocTitle"): BooleanObject(True)}
    )
    writer.compress_identical_objects()
    writer.write(target)
    line.done(f"Printed {len(names)} pages of the site: {line.seconds():.0f} s")
    return sheets


def main() -> int:
    """Write the PDF of the course and say how large it is."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf8"))
    sheets = join(dict(contents(toc)), SITE, TARGET)
    size = TARGET.stat().st_size / 1e6
    for name, count in sheets.items():
        print(f"{count:4} {name}")
    print(f"{TARGET}: {sum(sheets.values())} sheets, {size:.1f} MB")
    return 0


if __name__ == "__main__":
    program(main)
