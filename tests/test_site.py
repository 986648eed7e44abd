"""The built site: links, alternative text, no foreign host, accessibility,
quizzes driven in a browser.

Run by `make test` after the build. The browser tests need Chromium; where none
is found they are skipped.
"""

import contextlib
import doctest
import functools
import gc
import gzip
import http.server
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import test_words
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from labs import fingerprint
from playwright.sync_api import sync_playwright
from serve import Site
from small_build import build_into, copies
from test_repository import public

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf8"))
PREFIX = CONFIG["sphinx"]["config"]["notfound_urls_prefix"]
PAGES = sorted(
    str(path.relative_to(SITE))
    for folder in ("book", "book/api", "notebooks")
    for path in (SITE / folder).glob("*.html")
)
# The API pages are all made alike: a browser opens the largest.
BROWSED = [
    page
    for page in PAGES
    if not page.startswith("book/api/") or page == "book/api/optimizers.html"
]
OTHER_PAGES = ["search.html", "genindex.html", "404.html"]
BROWSER = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome")),
    ),
    None,
)
# The theme's search and theme buttons have a name that differs from what they
# show.
KNOWN_VIOLATIONS = {"label-content-name-mismatch"}
# What axe may find in one colour scheme and not in another: colours, and the
# pictures that only one of them shows.
OF_A_SCHEME = ["color-contrast", "link-in-text-block", "image-alt"]
OF_A_SCHEME += ["role-img-alt", "svg-img-alt", "object-alt"]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What text of a page would look like if a formula had not been rendered.
TEX = re.compile(r"\$[^$]+\$|\\[A-Za-z(\[]")
MAX_SCRIPTS = 14
# Bytes of one page's own HTML.
MAX_PAGE = 1_000_000
# Bytes that a first visit loads, uncompressed, fonts included.
MAX_FIRST_VISIT = 2_000_000
# Bytes, compressed, before a reader can use a chapter page: the page, its
# style, scripts and fonts.
MAX_BEFORE_USE = 300_000
# The fonts of KaTeX, and which formulas ask for them.
FORMULA_FONTS = {
    "Main-Regular": ".katex",
    "Math-Italic": ".mathnormal",
    "Main-Bold": ".mathbf",
    "Math-BoldItalic": ".boldsymbol",
    "AMS-Regular": ".mathbb, .amsrm",
    "Caligraphic-Regular": ".mathcal",
    "Size1-Regular": ".size1, .small-op",
    "Size2-Regular": ".size2, .large-op",
    "Size3-Regular": ".delimsizing.size3",
    "Size4-Regular": ".delimsizing.size4, .delim-size4",
    "Typewriter-Regular": ".mathtt, .texttt",
}


# Rules for the files of a site ------------------------------------------------


@functools.cache
def parsed(path: Path) -> BeautifulSoup:
    """Return a page as a tree. Its parts stay: the collector of garbage need
    not visit them again and again.
    """
    gc.disable()
    try:
        return BeautifulSoup(path.read_text(encoding="utf8"), "html.parser")
    finally:
        gc.freeze()
        gc.enable()


@functools.cache
def transferred(path: Path) -> int:
    """Return the bytes of a file as it is sent: all but fonts compressed."""
    data = path.read_bytes()
    return len(data if path.suffix == ".woff2" else gzip.compress(data))


@functools.cache
def anchors(path: Path) -> frozenset[str]:
    """Return every place of a page that a link can name."""
    return frozenset(
        tag.get(key)
        for tag in parsed(path).find_all(True)
        for key in ("id", "name")
        if tag.get(key)
    )


def addresses(path: Path) -> list[str]:
    """Return everything that a page links to, loads or redirects to."""
    page = parsed(path)
    found = [
        tag[key]
        for key in ("href", "src")
        for tag in page.find_all(attrs={key: True})
    ]
    refresh = page.find(
        "meta", attrs={"http-equiv": re.compile("refresh", re.IGNORECASE)}
    )
    return found + (
        [refresh["content"].partition("url=")[2]] if refresh else []
    )


def html_files(site: Path) -> list[Path]:
    """Return the pages of a site; the sources that it offers for download are
    not among them.
    """
    return [
        path
        for path in sorted(site.rglob("*.html"))
        if not {"_static", "_sources"} & set(path.relative_to(site).parts)
    ]


def broken_links(site: Path) -> list[str]:
    """Name the internal links that lead to no file, or to no place in it."""
    found = []
    for path in html_files(site):
        for address in addresses(path):
            bare, fragment = urldefrag(unquote(address))
            if urlsplit(bare).scheme or bare.startswith("//"):
                continue
            bare = bare.partition("?")[0]
            target = (
                site / bare.removeprefix(PREFIX)
                if bare.startswith("/")
                else path.parent / bare
            )
            target = (
                path
                if not bare
                else target / "index.html"
                if target.is_dir()
                else target
            )
            if not target.is_file():
                found.append(
                    f"{path.relative_to(site)}: {address} does not exist"
                )
            elif (
                fragment
                and target.suffix == ".html"
                and fragment not in anchors(target.resolve())
            ):
                found.append(
                    f"{path.relative_to(site)}: {address} has no such place"
                )
    return found


def images_without_words(site: Path) -> list[str]:
    """Name the images whose alternative text is missing, empty or a file
    name.
    """
    images = (
        (path, image)
        for path in html_files(site)
        for image in parsed(path).select("main img")
    )
    silent = re.compile(r"\s*|\S+\.(png|svg|jpe?g|gif)")
    return [
        f"{path.name}: {str(image)[:80]}"
        for path, image in images
        if silent.fullmatch(image.get("alt") or "")
    ]


def foreign_parts(site: Path) -> list[str]:
    """Name what a page would load from another host: scripts, styles, images,
    frames. Links to click on are free.
    """
    found = []
    for path in html_files(site):
        loads = [tag["src"] for tag in parsed(path).find_all(src=True)]
        loads += [
            tag["href"]
            for tag in parsed(path).find_all("link", href=True)
            if "canonical" not in tag.get("rel", [])
        ]
        found += [
            f"{path.relative_to(site)}: {each}"
            for each in loads
            if re.match(r"(https?:)?//", each)
        ]
    for path in site.rglob("*.css"):
        found += [
            f"{path.name}: {url}"
            for url in re.findall(
                r"""url\(["']?((?:https?:)?//[^)"']+)""",
                path.read_text(encoding="utf8"),
            )
        ]
    return found


def heavy_pages(site: Path) -> list[str]:
    """Name the pages that are larger, or load more scripts, than a page of this
    course may.
    """
    found = []
    for path in html_files(site):
        scripts = len(parsed(path).find_all("script", src=True))
        if path.stat().st_size > MAX_PAGE or scripts > MAX_SCRIPTS:
            found.append(
                f"{path.relative_to(site)}: {path.stat().st_size} bytes,"
                f" {scripts} scripts"
            )
    return found


def unrendered_maths(site: Path) -> list[str]:
    """Name the formulas that a reader would see as TeX."""
    found = []
    for path in html_files(site):
        page = parsed(path)
        raw = [
            tag
            for tag in page.select(".math")
            if not tag.select_one(".katex") or tag.select_one(".katex-error")
        ]
        raw += [
            text
            for text in page.find_all(string=TEX)
            if not {"code", "pre", "script", "style", "textarea"}
            & {parent.name for parent in text.parents}
        ]
        found += [f"{path.relative_to(site)}: {each!s:.80}" for each in raw]
    return found


def wrong_numbers(site: Path) -> list[str]:
    """Name the references that give an equation another number than the
    equation shows.
    """
    found = []
    for path in html_files(site):
        for link in parsed(path).select('a[href*="#equation-"]'):
            if "headerlink" in link.get("class", []):
                continue
            bare, place = urldefrag(link["href"])
            target = parsed((path.parent / bare).resolve() if bare else path)
            shown = target.find(id=place).select_one(".eqno")
            number = shown and shown.find(string=True)
            if link.text != number:
                found.append(f"{path.name}: {link.text} for {number}, {place}")
    return found


def before_use(path: Path) -> int:
    """Return how many bytes a page needs before a reader can use it; of the
    fonts all that its formulas could ask for.
    """
    page = parsed(path)
    loaded = {tag["src"] for tag in page.find_all("script", src=True)}
    loaded |= {
        tag["href"]
        for tag in page.select('link[rel="stylesheet"], link[rel="preload"]')
    }
    files = {path.parent.joinpath(urlsplit(each).path) for each in loaded}
    fonts = FORMULA_FONTS if page.select_one(".katex") else {}
    looks = {frozenset(tag["class"]) for tag in page.find_all(class_=True)}
    for name, selector in fonts.items():
        kinds = [set(each.split(".")[1:]) for each in selector.split(", ")]
        if any(kind <= look for kind in kinds for look in looks):
            files.add(SITE / f"_static/katex/fonts/KaTeX_{name}.woff2")
    files = {each.resolve() for each in files} | {path}
    return sum(map(transferred, files))


def test_the_site_is_built():
    assert {
        "book/index.html",
        "book/claims.html",
        "book/misconceptions.html",
    } <= set(PAGES), "build it first: make book"


def test_every_link_leads_somewhere():
    assert broken_links(SITE) == []


def test_every_image_has_words():
    assert images_without_words(SITE) == []


def test_no_page_names_a_foreign_part():
    assert foreign_parts(SITE) == []


def test_every_formula_is_rendered():
    assert unrendered_maths(SITE) == []
    assert any(parsed(SITE / page).select_one(".katex") for page in PAGES)


def test_references_give_the_numbers_that_equations_show():
    assert wrong_numbers(SITE) == []
    references = 'a:not(.headerlink)[href*="#equation-"]'
    assert any(parsed(SITE / page).select_one(references) for page in PAGES)


def test_no_formula_is_a_tab_stop():
    stops = ".math [tabindex], .math a:not(.headerlink), .math[tabindex]"
    assert [page for page in PAGES if parsed(SITE / page).select(stops)] == []


def test_katex_publishes_its_licence_and_fonts_only():
    folder = SITE / "_static" / "katex"
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds == {"", ".woff2"}


def test_pages_are_light():
    assert heavy_pages(SITE) == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "katex" in (SITE / page).read_text()]
)
def test_a_page_with_maths_can_soon_be_used(page):
    assert before_use(SITE / page) <= MAX_BEFORE_USE


def test_styles_and_images_are_files_of_their_own():
    for path in html_files(SITE):
        page = parsed(path)
        styles = page.select('link[rel="stylesheet"]')
        assert len(styles) <= 1, path
        assert not page.select('img[src^="data:"], source[srcset^="data:"]')
        for image in page.select('img[src*="_images/"]'):
            assert image.get("height") and image["decoding"] == "async", path


def test_no_style_asks_for_an_icon_font():
    assert [
        path.name
        for path in (SITE / "_static").rglob("*.css")
        if "webfonts" in path.read_text(encoding="utf8")
    ] == []


def test_the_palette_is_chosen_before_the_first_paint():
    for page in PAGES:
        script = parsed(SITE / page).head.find("script", type=None)
        assert "prefers-color-scheme" in script.text


def test_every_page_has_an_icon():
    for page in PAGES:
        icon = parsed(SITE / page).head.find("link", rel="icon")["href"]
        assert (SITE / page).parent.joinpath(icon).is_file()


def test_the_sitemap_lists_every_page():
    listed = re.findall(
        "<loc>(.+?)</loc>", (SITE / "sitemap.xml").read_text(encoding="utf8")
    )
    assert sorted(listed) == [
        CONFIG["html"]["baseurl"] + page for page in PAGES
    ]


def test_there_is_a_page_for_wrong_addresses():
    page = parsed(SITE / "404.html")
    assert "Page not found" in page.main.text
    assert all(
        tag["src"].startswith(PREFIX)
        for tag in page.find_all("script", src=True)
    )


def test_the_first_page_is_found_from_the_root():
    first = "book/index.html"
    canonical = CONFIG["html"]["baseurl"] + first
    assert addresses(SITE / "index.html") == [canonical, first]


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (ROOT / "companion").glob("[!_]*.py"))
)
def test_every_public_name_is_on_its_api_page(name):
    module = import_module(f"companion.{name}")
    assert {f"companion.{name}.{each}" for each in public(module)} <= anchors(
        SITE / "book" / "api" / f"{name}.html"
    )


@functools.cache
def ledger_rows() -> set[str]:
    """Return the ids of the ledger's rows."""
    return {
        row["id"]
        for row in parsed(SITE / "book" / "claims.html").select(
            "table.claims-ledger tbody tr"
        )
    }


def test_the_ledger_has_every_printed_claim():
    printed = 0
    for page in PAGES:
        if page.startswith("notebooks/"):
            outputs = parsed(SITE / page).select(".cell_output .output.stream")
            printed += sum(
                line.startswith("✓") and ":" in line
                for output in outputs
                for line in output.text.splitlines()
            )
    assert printed > 0
    assert printed == len(ledger_rows())


SHOWN = {  # what stands in the file, and what the page shows of it
    "docstrings, also of methods and inner functions": (
        """
class A:
    'One.'

    def f(self):
        'Two.'

        def g():
            'Three.'
            return "g"

        return g
""",
        """
class A:
    def f(self):
        def g():
            return "g"

        return g
""",
    ),
    "checks at the head": (
        """
def f(x, n):
    'Doc.'
    # why
    check_int("n", n)
    arguments.check_tensor("x", x)
    _check_own(x)
    if n > 3:
        shapes = n, x
        raise ValueError(f"{n} {shapes}")
    for name in ("a", "b"):
        check_real(name, n)

    # the sum
    return x + n
""",
        """
def f(x, n):
    # the sum
    return x + n
""",
    ),
    "arguments one on a line each, filled": (
        """
@decorated
def f(
    x,
    *,
    lr=1e-3,
    the_second_argument=None,
    third_argument=None,
    fourth="one-word",
):
    'Doc.'
    return x
""",
        """
@decorated
def f(
    x, *, lr=1e-3, the_second_argument=None, third_argument=None,
    fourth="one-word",
):
    return x
""",
    ),
    "a name that only checks use": (
        """
def f(x):
    most = max(x)
    if not all(x for x in x) or most > 3:
        raise ValueError(most)
    return [x for x in x]
""",
        """
def f(x):
    return [x for x in x]
""",
    ),
    "not what a later line uses": (
        """
def f(x):
    check_int("x", x)
    n = len(x)
    check_int("n", n)
    return n
""",
        """
def f(x):
    n = len(x)
    check_int("n", n)
    return n
""",
    ),
    "not what is bound by a walrus and used": (
        """
def f(x):
    if (n := len(x)) > 3:
        raise ValueError(n)
    return n
""",
        """
def f(x):
    if (n := len(x)) > 3:
        raise ValueError(n)
    return n
""",
    ),
    "not a condition that does more, nor a later check": (
        """
def f(x):
    if x is None:
        return 0
    check_int("x", x)
    return x
""",
        """
def f(x):
    if x is None:
        return 0
    check_int("x", x)
    return x
""",
    ),
    "not a whole body": (
        """
def f(x):
    'Doc.'
    check_int("x", x)
    raise ValueError(x)
""",
        """
def f(x):
    raise ValueError(x)
""",
    ),
}


@pytest.mark.parametrize(("source", "expected"), SHOWN.values(), ids=SHOWN)
def test_shown_code_is_signature_and_formula(monkeypatch, source, expected):
    monkeypatch.syspath_prepend(ROOT / "book/_ext")
    code, checked = import_module("tested_code").shown(source.strip())
    assert code == expected.strip()
    assert checked == (
        code.count("check") + code.count("raise")
        < (source.count("check") + source.count("raise"))
    )


def book_of_code(folder: Path, source: str) -> subprocess.CompletedProcess:
    """Build one page that shows a function ``f`` with that source."""
    (folder / "toy_shown.py").write_text(source)
    (folder / "conf.py").write_text(
        f"import sys\nsys.path[:0] = [{str(ROOT / 'book/_ext')!r},"
        f" {str(folder)!r}]\nextensions = ['myst_parser', 'tested_code']\n"
    )
    (folder / "index.md").write_text(
        "# Toy\n\nA sentence.\n\n```{tested-code} toy_shown.f\n```\n\n"
        "```{eval-rst}\n.. py:function:: toy_shown.f\n```\n"
    )
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    return subprocess.run(
        [*build, str(folder), str(folder / "html")],
        capture_output=True,
        text=True,
    )


def test_below_shown_code_a_line_says_what_is_left_out(tmp_path):
    source = "def f(x):\n    check_int('x', x)\n    return x\n"
    built = book_of_code(tmp_path, source)
    assert built.returncode == 0, built.stderr
    page = parsed(tmp_path / "html/index.html")
    assert "check_int" not in page.select_one(".tested-code pre").text
    line = page.select_one(".tested-code-link")
    assert line.text.strip() == (
        "Shown without the checks of its arguments; all of it: toy_shown.f"
    )
    assert line.a["href"] == "#toy_shown.f"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(x):\n    return _helper(x)\n", "private name _helper;"),
        ("def f(x):\n    return x._data\n", "private name _data;"),
        ("def f(_x):\n    return 1\n", "private name _x;"),
        ("def f(x):\n    return g(_of=x, y=_Y)\n", "private name _Y, _of;"),
        ("def f(x):\n    import a._b\n    return x\n", "private name _b;"),
        ("def f(x):\n    return x" + " + x" * 18 + "\n", "line of 84 columns"),
    ],
)
def test_shown_code_that_is_private_or_wide_fails_the_build(
    tmp_path, source, words
):
    built = book_of_code(tmp_path, source)
    assert built.returncode != 0
    (line,) = [each for each in built.stderr.splitlines() if words in each]
    assert "index.md:5" in line
    assert "public names" in line or "at most 80" in line


def test_a_dunder_and_a_name_for_nothing_are_not_private(tmp_path):
    source = "def f(x):\n    return [x.__class__ for _ in x]\n"
    built = book_of_code(tmp_path, source)
    assert built.returncode == 0, built.stderr


# The rules can fail -----------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "rule", "words"),
    [
        ('<a href="b.html">b</a>', broken_links, "b.html does not exist"),
        ('<a href="#x">x</a>', broken_links, "#x has no such place"),
        (
            '<a href="a.html#x">x</a>',
            broken_links,
            "a.html#x has no such place",
        ),
        (
            f'<a href="{PREFIX}b.html">b</a>',
            broken_links,
            "b.html does not exist",
        ),
        (
            '<meta http-equiv="refresh" content="0; url=b.html">',
            broken_links,
            "b.html does not exist",
        ),
        ('<main><img src="data:,"></main>', images_without_words, "<img"),
        (
            '<main><img src="data:," alt="a.png"></main>',
            images_without_words,
            "a.png",
        ),
        (
            '<script src="https://cdn.example/x.js"></script>',
            foreign_parts,
            "cdn.example",
        ),
        (
            '<link rel="stylesheet" href="//cdn.example/x.css">',
            foreign_parts,
            "cdn.example",
        ),
        (
            "<script src='data:,'></script>" * (MAX_SCRIPTS + 1),
            heavy_pages,
            "15 scripts",
        ),
        ("x" * (MAX_PAGE + 1), heavy_pages, "bytes"),
        ('<p class="math">x</p>', unrendered_maths, "x"),
        ("<p>Let $x$ be</p>", unrendered_maths, "$x$"),
        (r"<p>Let \alpha be</p>", unrendered_maths, "alpha"),
        (
            '<p class="math"><i class="katex katex-error">x</i></p>',
            unrendered_maths,
            "katex-error",
        ),
        (
            '<p id="equation-a"><i class="eqno">(2)</i></p>'
            '<a href="#equation-a">(1)</a>',
            wrong_numbers,
            "(1) for (2)",
        ),
    ],
)
def test_a_faulty_page_is_named(tmp_path, body, rule, words):
    (tmp_path / "a.html").write_text(f"<html><body>{body}</body></html>")
    (found,) = rule(tmp_path)
    assert words in found


def test_a_foreign_font_is_named(tmp_path):
    (tmp_path / "a.css").write_text('@import url("https://fonts.example/x");')
    assert foreign_parts(tmp_path) == ["a.css: https://fonts.example/x"]


# In a browser -----------------------------------------------------------------


class Quiet(Site):
    """The server of the course, which prints nothing; a browser may keep what
    it has.
    """

    def end_headers(self):
        """Let a file be kept for as long as the tests take."""
        self.send_header("Cache-Control", "max-age=3600")
        super().end_headers()

    def log_message(self, *args):
        """Say nothing."""


@contextlib.contextmanager
def served(site):
    """Serve a site and yield its address."""
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=site)
    ) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server():
    """Serve the course and yield its address."""
    with served(SITE) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """Yield a browser that can reach this machine only."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        rules = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
        running = playwright.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-gpu", rules],
        )
        yield running
        running.close()


def settle(page):
    """Wait until what was set off has been drawn: for the frame in which sizes
    are noticed, and two in which their news is drawn.
    """
    frame = "await new Promise(done => requestAnimationFrame(done));"
    page.evaluate("async () => {" + 3 * frame + "}")


class Visit:
    """One page opened in the browser, with all that it said and asked for."""

    def __init__(
        self, browser, address, *, scheme="light", width=1280, **options
    ):
        self.scheme, self.size = scheme, {"width": width, "height": 900}
        self.context = browser.new_context(
            viewport=self.size, color_scheme=scheme, **options
        )
        self.page = self.context.new_page()
        self.page.on("request", self.asked)
        self.page.on(
            "console",
            lambda message: (
                self.messages.append(message.text)
                if message.type == "error"
                else None
            ),
        )
        self.page.on(
            "pageerror", lambda error: self.messages.append(str(error))
        )
        self.page.on("response", self.received)
        self.go(address)

    def go(self, address):
        """Open a page as if nothing had been opened before."""
        if self.page.url != "about:blank":
            self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
            self.page.goto("about:blank")
            self.page.set_viewport_size(self.size)
            self.page.emulate_media(media="null", color_scheme=self.scheme)
        self.messages, self.foreign, self.failed, self.loaded = [], [], [], 0
        self.page.goto(address, wait_until="load")

    def asked(self, request):
        """Keep what is asked of other machines; the browser finds none."""
        address = urlsplit(request.url)
        own = address.scheme in ("data", "blob")
        if not own and address.hostname != "127.0.0.1":
            self.foreign.append(request.url)

    def received(self, response):
        """Add up what was loaded, and keep what failed."""
        self.loaded += int(response.headers.get("content-length", 0))
        if response.status >= 400:
            self.failed.append(response.url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


@pytest.fixture(scope="module")
def window(browser):
    """Return a function that opens a page in a window that is kept for all of
    the same settings. That takes a third of the time of a new one.
    """
    with contextlib.ExitStack() as kept:

        @functools.cache
        def opened(**settings):
            return kept.enter_context(Visit(browser, "about:blank", **settings))

        def show(address, **settings):
            visit = opened(**settings)
            visit.go(address)
            return visit

        yield show


# Keep how every part of a page looks in the colour scheme of the moment.
LOOKS = """() => {
    const scheme = document.documentElement.dataset.theme;
    const own = e => {
        const s = getComputedStyle(e);
        return [s.backgroundColor, s.backgroundImage, s.opacity, s.filter,
            s.mixBlendMode].join();
    };
    const font = e => {
        const s = getComputedStyle(e);
        return [s.color, s.fontSize, s.fontWeight, s.textShadow].join();
    };
    for (const e of document.querySelectorAll('*:not(svg *), .katex *'))
        (e.looks ??= {})[scheme] = [own(e), font(e), getComputedStyle(e).color];
}"""
# axe takes long over the contrast of each of thousands of words, and over every
# sign of the formulas for listeners: those become text. Of words of code, one
# of each kind stays marked, and of the signs of a formula that all look the
# same, the longest. Of what then has the same kind, colour, font and ground,
# axe measures the contrast of three. It never blames a single sign.
ONE_OF_EACH_KIND = """() => {
    for (const formula of document.querySelectorAll('math'))
        formula.replaceChildren(formula.textContent);

    const kinds = new Set();
    for (const word of document.querySelectorAll('.highlight span')) {
        if (word.children.length) continue;
        const kind = word.className + (word.textContent.length > 1);
        if (kinds.has(kind)) word.replaceWith(word.textContent);
        kinds.add(kind);
    }
    document.body.normalize();

    const plain = 'rgba(0, 0, 0, 0),none,1,none,normal';
    const looks = (e, i) => Object.values(e.looks).map(each => each[i]);
    const own = e => looks(e, 0).join();
    const isPlain = e => looks(e, 0).every(each => each === plain);
    const colours = e => looks(e, 2).join();
    for (const formula of document.querySelectorAll('.katex-html')) {
        const signs = [...formula.querySelectorAll('*')];
        const same = e => isPlain(e) && colours(e) === colours(formula);
        const longest = signs.filter(e => !e.children.length).reduce(
            (a, b) => b.textContent.length > a.textContent.length ? b : a
        );
        if (signs.every(same)) formula.replaceChildren(longest);
    }

    const grounds = new Map(), seen = new Map();
    const ground = e => {
        if (!e) return '';
        if (!grounds.has(e)) {
            const below = ground(e.parentElement);
            grounds.set(e, isPlain(e) ? below : below + own(e));
        }
        return grounds.get(e);
    };
    const length = e => [...e.childNodes].map(
        each => each.nodeType === Node.TEXT_NODE ? each.data.trim() : ''
    ).join('').length;
    for (const e of document.querySelectorAll('body *:not(svg *)')) {
        if (!length(e) || !e.getClientRects().length) continue;
        if (!e.checkVisibility({visibilityProperty: true})) continue;
        const kind = [e.tagName, e.className, length(e) > 1];
        const look = [...kind, ...looks(e, 1), ground(e)].join();
        seen.set(look, (seen.get(look) ?? 0) + 1);
        if (seen.get(look) > 3) e.setAttribute('data-alike', '');
    }
}"""
NOT_ALIKE = """axe.configure({
    rules: [{id: 'color-contrast', selector: '*:not([data-alike])'}]
})"""
AXE = Axe()


# What is far from the window has a size only by estimate, and then seems to lie
# over its neighbours: axe looks at a page that is laid out as a whole.
LAID_OUT = ".bd-article section, tr { content-visibility: visible !important; }"


def switch(page, scheme):
    """Let a reader prefer another colour scheme, and end what then fades."""
    page.emulate_media(color_scheme=scheme)
    settle(page)
    assert page.get_attribute("html", "data-theme") == scheme
    page.evaluate(
        "document.getAnimations().filter(each => each instanceof CSSTransition)"
        ".forEach(each => each.finish())"
    )


def violations(page, part="html", schemes=()):
    """Return what axe finds on a page, or a part of it, but for what is the
    theme's; in the last of the schemes all, in those before what may differ.
    """
    for scheme in schemes:
        switch(page, scheme)
        page.evaluate(LOOKS)
    if not schemes:
        page.evaluate(LOOKS)
    page.evaluate(ONE_OF_EACH_KIND)
    page.add_style_tag(content=LAID_OUT)
    page.evaluate(AXE.axe_script + NOT_ALIKE)
    found = axe(page, part, {"type": "tag", "values": WCAG})
    for scheme in schemes[:-1]:
        switch(page, scheme)
        more = axe(page, part, {"type": "rule", "values": OF_A_SCHEME})
        found |= {f"{name}, {scheme}": nodes for name, nodes in more.items()}
    return found


def axe(page, part, rules):
    """Return what axe finds by some of its rules."""
    found = page.evaluate(
        "([part, options]) => axe.run(part, options)",
        [part, {"runOnly": rules, "resultTypes": ["violations"]}],
    )
    return {
        each["id"]: [node["html"][:200] for node in each["nodes"][:3]]
        for each in found["violations"]
        if each["id"] not in KNOWN_VIOLATIONS
    }


# What of the page itself reaches beyond the right edge, unless it can be
# scrolled to or is meant for listeners only.
STICKING_OUT = """() => [
    ...document.querySelectorAll('main *:not(.katex svg *)')
].filter(e => {
    if (e.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let up = e; up.tagName !== 'MAIN'; up = up.parentElement) {
        const style = getComputedStyle(up);
        const right = up.getBoundingClientRect().right;
        const scrolls = ['auto', 'scroll'].includes(style.overflowX);
        if (scrolls && right <= innerWidth + 1) return false;
        if (style.clipPath !== 'none' || style.clip !== 'auto') return false;
        if (style.visibility === 'hidden') return false;
    }
    return true;
}).map(e => e.tagName + '.' + e.className).slice(0, 5)"""


@pytest.mark.parametrize(
    "part",
    [
        '<p style="color:#ccc">pale</p>',
        '<div style="background:#555"><p>dark</p></div>',
        '<p class="katex-html"><i>is</i><i style="color:#ccc">if</i></p>',
        '<p class="katex-html" style="color:#ccc"><i>a</i><i>if</i></p>',
        '<p class="highlight"><span>is</span>'
        '<span class="k" style="color:#ccc">a</span>'
        '<span class="k" style="color:#ccc">if</span></p>',
    ],
)
def test_faint_words_among_others_are_found(browser, part):
    page = browser.new_page()
    page.set_content(
        '<html lang="en"><title>A</title><main><h1>A</h1>'
        + 9 * "<p>I say</p>"
        + part
        + 9 * "<p>I say</p>"
    )
    found = violations(page)
    page.close()
    assert list(found) == ["color-contrast"]
    assert len(found["color-contrast"]) == 1


THEMED = """<html lang="en"><title>A</title><style>
    p { transition: color 1s } [data-theme=dark] body { background: #222 }
    [data-theme=dark] p { color: #fff } [data-theme=FAINT] i { color: #777 }
</style><script>
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const choose = () => document.documentElement.dataset.theme =
        dark.matches ? 'dark' : 'light';
    dark.onchange = choose; choose();
</script><main><h1 style="color:#888;font-size:60px">A</h1>"""


@pytest.mark.parametrize("faint", ["dark", "light"])
def test_faint_words_in_one_colour_scheme_are_found(browser, faint):
    words = 9 * "<p>I say</p>" + '<p class="katex-html"><b>of</b><i>if</i></p>'
    page = browser.new_page()
    page.set_content(THEMED.replace("FAINT", faint) + words)
    found = violations(page, schemes=["dark", "light"])
    page.close()
    name = "color-contrast" + ", dark" * (faint == "dark")
    assert {name: ["<i>if</i>"]} == found


def test_what_a_page_asks_of_others_is_noticed(browser, tmp_path):
    (tmp_path / "a.html").write_text(
        '<link rel="icon" href="data:,"><img src="data:,">'
        '<script>fetch("https://cdn.example/x")</script>'
    )
    with served(tmp_path) as root, Visit(browser, root + "a.html") as visit:
        assert visit.foreign == ["https://cdn.example/x"]


STAGE = ".live-explorer .stage"
# What stood there before an explorer came, beside it.
SHOW_STILLS = f"""document.querySelectorAll('{STAGE} .still').forEach(
    each => each.parentElement.before(each))"""


def mounted(visit, nth=0):
    """Go to an explorer, wait until it is there, and return its stage."""
    stage = visit.page.locator(STAGE).nth(nth)
    stage.scroll_into_view_if_needed()
    visit.page.wait_for_function(
        "stage => stage.matches('.mounted, .failed')",
        arg=stage.element_handle(),
    )
    settle(visit.page)
    return stage


def explorers(visit):
    """Go through the explorers of a page: each comes, and nothing shifts."""
    for nth in range(visit.page.locator(STAGE).count()):
        before = visit.page.locator(STAGE).nth(nth).bounding_box()
        stage = mounted(visit, nth)
        assert "mounted" in stage.get_attribute("class")
        assert stage.bounding_box()["height"] == before["height"]
        yield stage


@pytest.mark.parametrize("page", BROWSED + OTHER_PAGES)
def test_a_page_in_the_browser(window, server, page):
    visit = window(server + page, scheme="dark")
    assert visit.page.get_attribute("html", "data-theme") == "dark"
    assert visit.loaded < MAX_FIRST_VISIT
    stages = (SITE / page).read_text(encoding="utf8").count('class="stage"')
    assert len(list(explorers(visit))) == stages
    assert visit.page.evaluate(STICKING_OUT) == []
    visit.page.evaluate(SHOW_STILLS)
    assert violations(visit.page, schemes=["dark", "light"]) == {}
    assert visit.foreign == visit.failed == visit.messages == []


SCROLLING_CODE = """() => [...document.querySelectorAll('main pre')]
    .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth)
    .map(e => e.textContent.slice(0, 80))"""


OPEN_ALL = """() => {
    for (const each of document.querySelectorAll('details')) each.open = true;
}"""
TOO_WIDE = (
    "document.documentElement.scrollWidth"
    " - document.documentElement.clientWidth"
)


def outside(visit):
    """Return by how much a page is too wide, and what sticks out."""
    settle(visit.page)  # figures are drawn anew
    too_wide = max(visit.page.evaluate(TOO_WIDE), 0)
    return [too_wide, *visit.page.evaluate(STICKING_OUT)]


WHOLE = [
    str(path.relative_to(SITE))
    for path in html_files(SITE)
    if path != SITE / "index.html"
]


@pytest.mark.parametrize("page", WHOLE)
def test_a_page_fits_a_phone_and_its_code_a_wide_window(window, server, page):
    visit = window(server + page, width=390)
    assert visit.page.get_attribute("html", "data-theme") == "light"
    visit.page.evaluate(OPEN_ALL)
    assert outside(visit) == [0]
    visit.page.add_style_tag(content=LAID_OUT)
    assert outside(visit) == [0]
    visit.page.set_viewport_size({"width": 320, "height": 900})
    assert outside(visit) == [0]
    if page in PAGES:
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        assert visit.page.evaluate("innerWidth") == 1280
        assert visit.page.evaluate(SCROLLING_CODE) == []
    assert visit.foreign == visit.failed == visit.messages == []


# What a page shows in the type of code, whether it is code, and what its button
# copies, or null where there is none.
COPIED = """() => [...document.querySelectorAll('main .highlight > pre')]
    .map(pre => {
        const button = pre.nextElementSibling;
        const block = pre.parentElement.parentElement.classList;
        window.copied = null;
        button?.click();
        return [
            pre.textContent,
            block.contains('doctest'),
            block.contains('output') || (
                block.contains('highlight-default')
                && !block.contains('doctest')
            ),
            window.copied,
        ];
    })"""


def copied(visit):
    """Return what each block of a page in the type of code says, whether it is
    a doctest, whether it is a result, and what its button copies, or None.
    """
    visit.page.wait_for_selector(".copybtn", state="attached")
    visit.page.evaluate(
        "document.addEventListener('copy', () => window.copied ="
        " document.activeElement.value.replaceAll('\\r\\n', '\\n'))"
    )
    return visit.page.evaluate(COPIED)


@pytest.mark.parametrize(
    "page",
    [
        *("book/api/optimizers.html", "book/api/losses.html"),
        *("book/optimizers.html", "notebooks/optimizers.html"),
    ],
)
def test_a_click_copies_code_and_nothing_else(window, server, page):
    blocks = copied(window(server + page))
    assert any(code for *_, code in blocks)
    for text, example, result, code in blocks:
        if example:
            parts = doctest.DocTestParser().get_examples(text)
            text = "".join(part.source for part in parts)
        assert code == (None if result else text.removesuffix("\n"))


@pytest.mark.parametrize(
    ("width", "shown", "hidden"),
    [(1280, "th", "span.head"), (390, "span.head", "th")],
)
def test_the_ledger_names_its_numbers_once(
    window, server, width, shown, hidden
):
    page = window(server + "book/claims.html", width=width).page
    assert page.locator(f".claims-ledger {shown}").first.is_visible()
    assert not page.locator(f".claims-ledger {hidden}").first.is_visible()


# Where a place rests for half a second, and how far the window could go on.
AT_REST = """async () => {
    const place = document.getElementById(
        decodeURIComponent(location.hash.slice(1)));
    let top, still = 0;
    while (still < 30) {
        await new Promise(done => requestAnimationFrame(done));
        const now = place.getBoundingClientRect().top;
        still = now === top ? still + 1 : 0;
        top = now;
    }
    return [top,
        document.documentElement.scrollHeight - innerHeight - scrollY];
}"""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_link_lands_where_it_leads(window, server, width):
    places = ["losses.html#quiz", "weight_decay.html#exercises"]
    for place in places:
        visit = window(server + "book/" + place, width=width)
        top, _rest = visit.page.evaluate(AT_REST)
        assert -10 <= top <= 300, place


# What readers ask, and the section that answers.
QUESTIONS = {
    "AdamW vs Adam": "weight_decay#with-adam-penalty-and-decay-differ",
    "Kaiming": "initialization#he-make-the-number-1",
    "bagging random forest": "ensembles#worse-members-a-better-forest",
    "batch size 1 batch norm": "batch_norm#in-bad-company",
    "calibration temperature": "losses#what-is-a-probability-worth",
    "cross entropy softmax twice": "losses#softmax-twice",
    "data augmentation flip": "augmentation#the-label-must-survive",
    "data leakage": "overfitting#who-will-be-new",
    "double descent": "overfitting#worse-then-worse-still-then-better"
    "-than-ever",
    "dropout at test time": "dropout#one-mask-many-masks-none",
    "early stopping patience": "early_stopping#when-to-stop",
    "exploding gradients": "gradients#gradients-vanishing-and-exploding",
    "gradient check": "backpropagation#how-to-check-a-gradient",
    "gradient clipping": "gradients#when-it-explodes-clipping",
    "how to initialize weights": "initialization#initialization",
    "lasso": "weight_decay#exact-zeros-need-a-step-of-their-own",
    "learning rate warmup": "optimizers#why-warm-up",
    "loss stays at 2.30": "initialization#the-loss-stays-at-2-30-what-is-wrong",
    "mixup": "augmentation#mixup-changes-the-label-too",
    "momentum": "optimizers#momentum-is-a-ball-with-friction",
    "pos_weight imbalanced": "losses#one-yes-in-fifty",
    "test set reuse": "overfitting#three-more-ways-to-fool-yourself",
    "train mode eval mode": "dropout#one-mask-many-masks-none",
    "vanishing gradients": "gradients#gradients-vanishing-and-exploding",
    "weight decay Adam": "weight_decay#with-adam-penalty-and-decay-differ",
    "why is my loss nan": "losses#why-losses-take-logits",
}


def test_the_first_hit_of_a_question_is_the_section_that_answers(
    browser, server
):
    wrong = {}
    with Visit(browser, server + "search.html") as visit:
        field = visit.page.locator("main input[type=search]").first
        hits = visit.page.locator("#search-results li a")
        for question, section in QUESTIONS.items():
            field.fill("")
            hits.first.wait_for(state="detached")
            field.fill(question)
            hits.first.wait_for()
            page, _, anchor = hits.first.get_attribute("href").partition("#")
            found = f"{Path(page).stem}#{anchor}"
            if found != section:
                wrong[question] = found
        assert visit.foreign == visit.failed == visit.messages == []
    assert wrong == {}


@pytest.mark.parametrize("width", [390, 1280])
def test_the_search_answers_while_one_types(browser, server, width):
    address = server + "book/dropout.html"
    with Visit(browser, address, width=width) as visit:
        page = visit.page
        page.keyboard.press("Control+k")
        page.keyboard.type("exploding gradients")
        found = page.locator("dialog .search-found li")
        found.first.wait_for()
        icon, field = (
            page.locator(f"dialog form {part}") for part in ("i", "input")
        )
        edges = icon.bounding_box(), field.bounding_box()
        padding = field.evaluate(
            "e => parseFloat(getComputedStyle(e).paddingLeft)"
        )
        assert edges[0]["x"] + edges[0]["width"] <= edges[1]["x"] + padding
        texts = found.all_inner_texts()
        assert len(texts) > 3 and not any("\\" in text for text in texts)
        assert "Found" in page.locator("dialog [role=status]").inner_text()
        assert violations(page) == {}
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('li') !== null")
        page.keyboard.press("Enter")
        page.wait_for_url("**/gradients.html*")
        assert visit.foreign == visit.failed == visit.messages == []


def test_a_search_without_a_hit_says_so(browser, server):
    with Visit(browser, server + "search.html?q=xyzzyqq") as visit:
        status = visit.page.locator("#search-results [role=status]")
        status.filter(has_text="Try fewer").wait_for()
        assert visit.page.locator("#search-results li").count() == 0
        field = visit.page.locator("#search-results, main").locator(
            "input[type=search]"
        )
        field.first.fill("residual")
        visit.page.locator("#search-results li a").first.wait_for()
        assert violations(visit.page) == {}


def pages_with(words: str) -> list[str]:
    """Return the pages that have a tag with an attribute of these words, or
    nothing before the site is built.
    """
    tag = re.compile(rf'<[^>]*"([^"]* )?{words}[ "]')
    return [
        page
        for page in PAGES
        if tag.search((SITE / page).read_text(encoding="utf8"))
    ]


def test_some_page_has_a_quiz():
    assert pages_with("quiz")


def test_the_contents_follow_the_reader(browser, server):
    address = server + "book/initialization.html"
    with Visit(browser, address, width=1280) as visit:
        for name in ("quiz", "exercises"):
            visit.page.evaluate(
                "name => document.getElementById(name).scrollIntoView()", name
            )
            marked = visit.page.wait_for_selector(
                f".page-toc .active[aria-current][href='#{name}']",
                timeout=5000,
            )
            assert marked.is_visible()


# Of each choice of a quiz: whether its verdict and what follows it can be seen,
# and what the verdict says.
VERDICTS = """quiz => [...quiz.querySelectorAll('details')].map(choice => [
    ...['.verdict', '.verdict + *'].map(each => {
        const part = choice.querySelector(each);
        return part.checkVisibility({visibilityProperty: true})
            && part.getBoundingClientRect().height > 0;
    }),
    choice.querySelector('.verdict').innerText,
])"""


@pytest.mark.parametrize("page", pages_with("quiz"))
def test_quizzes_answer_from_the_keyboard(window, server, page):
    visit = window(server + page)
    for quiz in visit.page.query_selector_all(".quiz"):
        choices = quiz.query_selector_all("summary")
        seen = quiz.evaluate(VERDICTS)
        for number, choice in enumerate(choices):
            assert [each[0] for each in seen[number:]] == [False] * (
                len(choices) - number
            )
            choice.press("Enter")
            seen = quiz.evaluate(VERDICTS)
            assert seen[number][1], "a choice opens to its explanation"
        verdicts = [each[2] for each in seen]
        assert len(verdicts) >= 2 and "Right." in verdicts


def test_misconceptions_lead_to_the_ledger():
    boxes = parsed(SITE / "book" / "misconceptions.html").select(
        ".misconception"
    )
    assert boxes
    for box in boxes:
        links = [
            link["href"].partition("#")[2] for link in box.select(".tested a")
        ]
        assert links and set(links) <= ledger_rows()


# Words that only a claim may say ----------------------------------------------


def records(lab: str) -> dict[str, dict]:
    """Return the claims that a lab recorded in the build, by name."""
    path = ROOT / "_build/jupyter_execute/notebooks" / f"{lab}.glue.json"
    found = json.loads(path.read_text(encoding="utf8"))
    claims = (
        json.loads(each["data"]["application/json"])
        for name, each in found.items()
        if name.startswith("claim.")
    )
    return {claim["name"]: claim for claim in claims}


def shows_an_absence(claim: dict) -> bool:
    """Say whether a claim bounds an effect on both sides, and its interval
    holds what is no effect.
    """
    nothing = 1 if claim["kind"] == "factor" else 0
    bounded = None not in (claim["floor"], claim["ceiling"])
    return bounded and claim["low"] <= nothing <= claim["high"]


@pytest.mark.parametrize("page", test_words.PAGES, ids=lambda page: page.stem)
def test_what_is_said_to_be_absent_is_claimed_to_be(page):
    for sentence, claims in test_words.absences(page):
        assert any(
            shows_an_absence(records(lab)[name]) for lab, name in claims
        ), f"say smaller than, or let a claim show it: {sentence}"


@pytest.mark.parametrize(
    ("low", "high", "floor", "ceiling", "right"),
    [
        (-1, 1, -2, 2, True),
        (0.1, 1, -2, 2, False),
        (-1, 1, None, 2, False),
    ],
)
def test_an_absence_needs_an_interval_that_holds_nothing(
    low, high, floor, ceiling, right
):
    claim = {"kind": "mean", "low": low, "high": high}
    claim |= {"floor": floor, "ceiling": ceiling}
    assert shows_an_absence(claim) is right


# A page follows its lab -------------------------------------------------------

LAB = """from companion.claims import claim, claim_exact
from companion.claims import claim_factor, claim_share
gains = [{value} + i / 100 for i in range(10)]
claim("grows", "It grows by", gains, above=1, unit="points")
claim("close", "It comes close by", [1.1 + i / 10 for i in range(10)], above=1)
claim_share("often", "It grows in", [True] * 39 + [False], above=0.5)
falls = [1 / (900 + 9 * i) for i in range(20)]
claim_factor("falls", "The error falls to", falls, below=0.01)
many = [i % 7 / 7 for i in range(140)]
claim("many", "It is", many, within=(0, 1), counted="draws", source="Me (1)")
claim_exact("half", "The mean is", 0.5, equals=0.5, tolerance=0)
from companion.plots import explorer_data
explorer_data("ends", {{"from": [1 / 3, 2], "name": "\\"a\\" <b> & ü"}})
"""
PAGE = """# Toy

It grows by {{glue:text}}`/notebooks/toy.ipynb::grows.value:.2f`.

It grows by {{claim}}`grows` in {{claim}}`often`, and the error falls to
{{claim}}`falls`, a {{claim}}`toy/falls:fold` drop. Half: {{claim}}`half`.

:::{{note}}
From {{claim}}`grows:low` to {{claim}}`grows:high`: {{claim}}`grows:interval`,
{{claim}}`grows:bound`, {{claim}}`grows:value`. {{claim}}`many`. {role}
:::

```{{misconception}} It shrinks.
:lab: toy
:claim: {claim}
:from: nowhere
It grows.
```
"""


# What labs of small books gave before; a lab with other cells runs.
EXECUTED = tempfile.TemporaryDirectory()


def small_book(
    folder: Path,
    value: float = 2.0,
    claim: str = "grows",
    role: str = "",
    more: str = "",
    read: Sequence[str] = (),
) -> subprocess.CompletedProcess:
    """Build a book of the course's own settings with one lab and one page."""
    for part in (
        "book/_ext",
        "book/assets",
        "book/diagrams",
        "book/explorers",
        "book/references.bib",
        "book/claims.md",
        "book/misconceptions.md",
        "_config.yml",
    ):
        source, target = ROOT / part, folder / part
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(
                source, target
            )
    cell = {
        "cell_type": "code",
        "id": "a",
        "source": LAB.format(value=value),
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    title = {
        "cell_type": "markdown",
        "id": "b",
        "source": "# Does it grow?",
        "metadata": {},
    }
    kernel = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
    }
    (folder / "notebooks").mkdir(exist_ok=True)
    notebook = {
        "cells": [title, cell],
        "metadata": kernel,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "notebooks" / "toy.ipynb").write_text(json.dumps(notebook))
    (folder / "book" / "toy.md").write_text(
        PAGE.format(claim=claim, role=role) + more, encoding="utf8"
    )
    fresh = {
        "claims": {
            "grows": {"137": [1.98, True], "138": [2.16, True]},
            "often": {"137": [0.975, True], "138": [None, False]},
            "half": {"137": [0.5, True], "138": [0.5, True]},
        },
        "hash": fingerprint(folder / "notebooks/toy.ipynb", folder),
    }
    known = {"used": [137, 138], "labs": {"toy": fresh}, "failures": []}
    (folder / "replications.json").write_text(json.dumps(known))
    (folder / "book" / "introduction.md").write_text("# Introduction\n")
    files = ["introduction", "claims", "misconceptions"]
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/toy\nchapters:\n- file: notebooks/toy\n"
        + "".join(f"- file: book/{name}\n" for name in files)
    )
    cache, known = folder / "_build/.jupyter_cache", Path(EXECUTED.name, "labs")
    if known.exists() and not cache.exists():
        shutil.copytree(known, cache)
    built = build(folder, *read)
    if not known.exists() and built.returncode == 0:
        shutil.copytree(cache, known)
    return built


def build(folder: Path, *read: str) -> subprocess.CompletedProcess:
    """Build a book as make does: read these pages anew, or all, write all."""
    process = copies().Process(target=build_into, args=(folder, read))
    process.start()
    process.join()
    said = [(folder / name).read_text() for name in ("stdout", "stderr")]
    return subprocess.CompletedProcess([], process.exitcode, *said)


def shown(folder: Path) -> list[str]:
    """Return what the page, the ledger and the misconceptions of the small book
    say.
    """
    return [
        (folder / "_build/html/book" / f"{name}.html").read_text(
            encoding="utf8"
        )
        for name in ("toy", "claims", "misconceptions")
    ]


def test_pages_follow_each_other_and_their_lab(tmp_path):
    built = small_book(tmp_path, value=2.0)
    assert built.returncode == 0, built.stderr
    assert all("2.04" in text for text in shown(tmp_path))
    page = tmp_path / "book/introduction.md"
    page.write_text("# Introduction\n\n{nosuchrole}`x`\n", encoding="utf8")
    for _ in range(2):  # a faulty page stays faulty until it is mended
        built = build(tmp_path, "book/introduction")
        assert built.returncode != 0
        assert "introduction.md:3" in built.stderr
    page.write_text("# Before you start\n", encoding="utf8")
    built = build(tmp_path, "book/introduction")
    assert built.returncode == 0, built.stderr
    assert all("Before you start" in text for text in shown(tmp_path))
    built = small_book(tmp_path, value=7.0, read=["notebooks/toy"])
    assert built.returncode == 0, built.stderr
    assert "[100%]" in built.stdout and "[ 50%]" not in built.stdout
    assert all(
        "7.04" in text and "2.04" not in text for text in shown(tmp_path)
    )


def test_a_row_of_the_ledger_says_all_of_a_claim(toy_site):
    page = parsed(toy_site / "book/claims.html").main
    row = page.find(id="claim-toy-often")
    cells = [cell.text.strip() for cell in row.find_all("td")]
    assert cells == [
        "It grows in more than 50 % of seeds #",
        "Chapter: Toy",
        "Measured: 39 of 40 seeds95 % interval: 87.1 to 99.6\xa0%"
        "Held on 1 of 2 fresh sets of seeds: 39 of 40 seeds … 39 of 40 seeds.",
        "Counted: 40 seeds",
        "Kind: share",
        f"Margin: {float(row['data-margin']):.2g}",
        "Fresh seeds: 1 of 2",
    ]
    assert [link["href"] for link in row.find_all("a")] == [
        "../notebooks/toy.html#claim-often",
        "#claim-toy-often",
    ]
    assert len(row.select("svg .dots")) == 1
    assert not page.find(id="claim-toy-half").find("svg")
    assert "Claims with a margin below 3: 1." in page.text


def test_a_false_claim_fails_the_build(tmp_path):
    built = small_book(tmp_path, value=0.5)
    assert built.returncode != 0
    assert "ClaimError" in (
        tmp_path / "_build/html/reports/notebooks/toy.err.log"
    ).read_text(encoding="utf8")


# Claims on pages: cards, boxes, the ledger ------------------------------------


@pytest.fixture(scope="module")
def toy_site(tmp_path_factory):
    """Return the folder of the small book's site."""
    folder = tmp_path_factory.mktemp("toy")
    built = small_book(folder)
    assert built.returncode == 0, built.stderr
    return folder / "_build/html"


@pytest.fixture(scope="module")
def toy(toy_site):
    """Serve the small book and yield its address."""
    with served(toy_site) as address:
        yield address


def spaced(text: str) -> str:
    """Return a text with plain spaces, as one types it."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_role_says_what_a_reader_says(toy_site):
    page = parsed(toy_site / "book/toy.html").article
    said = [
        spaced((link.select_one(".on-screen") or link).text)
        for link in page.select("a.claim")
    ]
    assert said == [
        "2.04 points",
        "39 of 40 seeds",
        "1/984",
        "984-fold",
        "0.5",
        "2.023",
        "2.067",
        "2.023 to 2.067 points",
        "more than 1 point",
        "2.04",
        "0.429",
        "It grows by more than 1 point: 2.04 points, 95 % interval [2.02,"
        " 2.07], 10 seeds",
    ]


def test_a_card_holds_the_proof(toy_site):
    page = parsed(toy_site / "book/toy.html")
    cards = {card["id"]: card for card in page.find_all("template")}
    assert len(cards) == 5
    for link in page.select("a.claim"):
        name = link["href"].removeprefix("claims.html#")
        assert link["data-card"] == f"{name}-card" and f"{name}-card" in cards
    often = cards["claim-toy-often-card"]
    (dots,) = often.select("svg .dots")
    assert dots["d"].count("M") == 40
    assert "It grows in more than 50 % of seeds: 39 of 40 seeds" in spaced(
        often.text
    )
    assert "Each dot is one of 40 seeds" in spaced(often.text)
    many = cards["claim-toy-many-card"]
    assert len(many.select("svg .bars")) == 1 and not many.select("svg .dots")
    assert "140 draws" in spaced(many.text) and "Source: Me (1)." in many.text
    assert not cards["claim-toy-half-card"].find("svg")
    for name, said in {
        "grows": "Held on 2 of 2 fresh sets of seeds: 1.98 points …"
        " 2.16 points.",
        "often": "Held on 1 of 2 fresh sets of seeds: 39 of 40 seeds …"
        " 39 of 40 seeds.",
        "half": "Held on 2 of 2 fresh sets of seeds.",
        "many": "Not replicated on fresh seeds since the last change.",
    }.items():
        assert said in spaced(cards[f"claim-toy-{name}-card"].text)
    assert [link["href"] for link in many.find_all("a")] == [
        "../notebooks/toy.html#claim-many",
        "claims.html#claim-toy-many",
    ]


def test_the_scripts_come_only_where_they_are_used(toy_site):
    for page, script in (("toy", "claims"), ("claims", "ledger")):
        for name in ("toy", "claims", "introduction"):
            tree = parsed(toy_site / "book" / f"{name}.html")
            found = tree.find("script", src=re.compile(rf"/{script}\.js"))
            assert (found is not None) == (name == page)


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    """What the build says of a page whose claims are all wrong."""
    roles = "{claim}`sinks` {claim}`no/grows` {claim}`grows:fold` {claim}`a-b`"
    box = (
        "\n```{misconception} No.\n:lab: toy\n:claim: grows\n:from: here\n"
        ":verdict: maybe\nNo.\n```"
    )
    built = small_book(
        tmp_path_factory.mktemp("wrong"),
        claim="shrinks",
        role=f"{roles}\n:::\n{box}\n:::{{note}}\nHere.",
    )
    assert built.returncode != 0
    return built.stderr.splitlines()


@pytest.mark.parametrize(
    "words",
    [
        "no claim 'shrinks' in notebooks/toy; it makes: grows, close,",
        "no claim 'sinks' in notebooks/toy; it makes: grows, close,",
        "claim 'grows' has no lab notebooks/no; labs are: toy",
        "'grows' is of kind mean and has no part 'fold'; its parts are: value,",
        "a claim role is name, name:part or slug/name; got 'a-b'",
        '"true", "partly", or "false"',
    ],
)
def test_what_is_wrong_with_a_claim_on_a_page_fails_the_build(wrong, words):
    lines = [each for each in wrong if words in each]
    assert lines
    for line in lines:
        assert re.search(r"book/toy\.md:\d+: WARNING", line)


FOCUS_ON_CARD = "document.activeElement.id === 'claim-card'"


def links_and_card(visit):
    """Return the claims of a page and the place of their card."""
    return (
        visit.page.locator("a.claim"),
        visit.page.locator("#claim-card"),
    )


def test_hovering_shows_a_card_that_can_be_hovered_and_dismissed(browser, toy):
    with Visit(browser, toy + "book/toy.html") as visit:
        links, card = links_and_card(visit)
        links.first.hover()
        card.wait_for(state="visible")
        assert not visit.page.evaluate(FOCUS_ON_CARD)
        assert links.first.get_attribute("aria-expanded") == "true"
        card.locator(".legend").hover()
        visit.page.wait_for_timeout(500)
        assert card.is_visible()
        visit.page.keyboard.press("Escape")
        assert not card.is_visible()
        links.nth(1).hover()
        card.wait_for(state="visible")
        assert "39 of 40 seeds" in spaced(card.inner_text())
        visit.page.mouse.move(5, 5)
        card.wait_for(state="hidden")
        assert visit.messages == []


def test_focus_shows_a_card_and_enter_goes_into_it(browser, toy):
    with Visit(browser, toy + "book/toy.html") as visit:
        links, card = links_and_card(visit)
        assert links.first.get_attribute("aria-haspopup") == "dialog"
        visit.page.keyboard.press("Tab")
        links.first.focus()
        card.wait_for(state="visible")
        assert not visit.page.evaluate(FOCUS_ON_CARD)
        visit.page.keyboard.press("Tab")
        card.get_by_text("39 of 40").first.wait_for()
        visit.page.keyboard.press("Shift+Tab")
        visit.page.keyboard.press("Enter")
        assert card.is_visible() and visit.page.evaluate(FOCUS_ON_CARD)
        assert card.get_attribute("role") == "dialog"
        assert card.get_attribute("aria-label") == "Proof of this number"
        for name in ("Its cell in the lab", "Its row in the ledger", "×"):
            visit.page.keyboard.press("Tab")
            assert (
                visit.page.evaluate("document.activeElement.innerText") == name
            )
        visit.page.keyboard.press("Tab")
        assert not card.is_visible()
        assert visit.page.evaluate(
            "document.activeElement === document.querySelectorAll('a.claim')[1]"
        )
        visit.page.keyboard.press("Enter")
        visit.page.keyboard.press("Escape")
        visit.page.wait_for_timeout(500)
        assert not card.is_visible()
        assert visit.page.evaluate(
            "document.activeElement === document.querySelectorAll('a.claim')[1]"
        )
        assert links.nth(1).get_attribute("aria-expanded") == "false"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 600), (1280, 900)])
def test_an_open_card_is_whole_and_accessible(
    browser, toy, width, height, scheme
):
    options = {"scheme": scheme, "width": width, "has_touch": True}
    with Visit(browser, toy + "book/toy.html", **options) as visit:
        visit.page.set_viewport_size({"width": width, "height": height})
        links, card = links_and_card(visit)
        for link in links.all():
            if not link.is_visible():
                continue
            link.tap()
            box, number = card.bounding_box(), link.bounding_box()
            assert 0 <= box["x"] and box["x"] + box["width"] <= width
            assert 0 <= box["y"] and box["y"] + box["height"] <= height
            covered = (
                number["y"] + number["height"] > box["y"]
                and number["y"] < box["y"] + box["height"]
            )
            assert not covered
            visit.page.keyboard.press("Escape")
        visit.page.locator("article h1").tap()
        assert not card.is_visible() and visit.messages == []
        links.first.tap()
        assert violations(visit.page) == {}


def test_without_javascript_a_claim_links_to_its_row(browser, toy):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(toy + "book/toy.html")
    page.locator("a.claim").first.click()
    assert page.url.endswith("book/claims.html#claim-toy-grows")
    assert page.locator("#claim-toy-grows").is_visible()
    assert not page.locator("form.ledger-filter").is_visible()
    assert page.locator(".claims-ledger tbody tr").count() == 6
    page.goto(toy + "book/toy.html")
    page.get_by_text("Partly").click()
    assert page.locator(".misconception .answer").is_visible()
    context.close()


def test_a_printed_page_says_how_sure_it_is(browser, toy):
    with Visit(browser, toy + "book/toy.html") as visit:
        links, card = links_and_card(visit)
        links.first.click()
        visit.page.emulate_media(media="print")
        assert not card.is_visible()
        assert [spaced(each.inner_text()) for each in links.all()[:5]] == [
            "2.045 ± 0.022 points",
            "39 of 40 seeds (87.1 to 99.6 %)",
            "1/984 (1/1,010 to 1/960)",
            "984-fold",
            "0.5",
        ]
        box = visit.page.locator(".misconception")
        assert "It is false." in box.inner_text()
        assert "It grows by more than 1 point" in spaced(box.inner_text())


@pytest.mark.parametrize("page", ["book/toy.html", "book/misconceptions.html"])
def test_a_misconception_asks_first(browser, toy, page):
    with Visit(browser, toy + page) as visit:
        box = visit.page.locator("#misconception-toy-grows")
        answer, choices = box.locator(".answer"), box.locator("details")
        assert not answer.is_visible()
        assert choices.all_inner_texts() == ["True", "Partly", "False"]
        choices.nth(0).locator("summary").press("Enter")
        assert choices.nth(0).inner_text() == "True\n\nNot quite."
        assert answer.is_visible()
        choices.nth(0).locator("summary").press("Enter")
        assert not answer.is_visible()
        choices.nth(2).locator("summary").click()
        assert choices.nth(2).inner_text() == "False\n\nRight."
        assert "It is false." in answer.inner_text()
        answer.locator("a.claim").click()
        assert "10 seeds" in spaced(visit.page.inner_text("#claim-card"))
        visit.page.keyboard.press("Escape")
        assert violations(visit.page) == {}


def shown_rows(page):
    """Return the names of the ledger's rows that are shown, in order."""
    rows = page.locator(".claims-ledger tbody tr")
    return [
        row.get_attribute("id").removeprefix("claim-toy-")
        for row in rows.all()
        if row.is_visible()
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_ledger_can_be_sorted_and_filtered(browser, toy, scheme):
    with Visit(browser, toy + "book/claims.html", scheme=scheme) as visit:
        page, every = visit.page, "grows close often falls many half".split()
        assert shown_rows(page) == every
        status = page.locator(".ledger-filter [role=status]")
        assert status.inner_text() == "6 of 6 claims"
        margin = page.get_by_role("columnheader", name="Margin")
        margin.get_by_role("button").press("Enter")
        assert margin.get_attribute("aria-sort") == "ascending"
        assert shown_rows(page)[0] == "close"
        assert shown_rows(page)[-1] == "half"  # it has no margin
        upward = shown_rows(page)[:-1]
        margin.get_by_role("button").click()
        assert margin.get_attribute("aria-sort") == "descending"
        assert shown_rows(page) == [*upward[::-1], "half"]
        page.get_by_role("columnheader", name="Kind").get_by_role(
            "button"
        ).click()
        assert margin.get_attribute("aria-sort") is None
        assert shown_rows(page)[:2] == ["half", "falls"]
        page.get_by_role("columnheader", name="Chapter").get_by_role(
            "button"
        ).click()
        assert shown_rows(page) == every
        page.get_by_label("Kind").select_option("mean")
        assert shown_rows(page) == ["grows", "close", "many"]
        assert status.inner_text() == "3 of 6 claims"
        page.get_by_label("Margin").select_option("close")
        assert shown_rows(page) == ["close"]
        page.get_by_label("Kind").select_option("")
        page.get_by_label("Margin").select_option("")
        fresh = page.get_by_label("Fresh seeds")
        for choice, rows in {
            "held": ["grows", "half"],
            "failed": ["often"],
            "none": ["close", "falls", "many"],
        }.items():
            fresh.select_option(choice)
            assert sorted(shown_rows(page)) == rows
        fresh.select_option("")
        page.get_by_label("Find").fill("DRAWS me")
        assert shown_rows(page) == ["many"]
        page.get_by_label("Find").fill("")
        page.locator("select[name=chapter]").select_option("toy")
        assert shown_rows(page) == every
        assert visit.messages == []
        assert violations(page) == {}


def test_a_row_of_the_ledger_can_be_linked_to(browser, toy):
    with Visit(browser, toy + "book/claims.html", width=390) as visit:
        visit.page.locator("#claim-toy-half .here").click()
        assert visit.page.url.endswith("#claim-toy-half")
        visit.page.wait_for_timeout(300)
        box = visit.page.locator("#claim-toy-half").bounding_box()
        assert 0 <= box["y"] < 900
        assert violations(visit.page) == {}
