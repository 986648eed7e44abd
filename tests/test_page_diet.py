"""What makes the published pages light, on small pages of its own."""

import base64
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SVG = b'<svg viewBox="0 0 30 60"><path d="M0 0"/></svg>'
PAGE = """<html data-content_root="../"><head>
<link rel="stylesheet" href="../_static/a.css" />
<link rel="stylesheet" href="../_static/b/b.css?v=1" />
<script src="../_static/documentation_options.js?v=1"></script>
<script src="../_static/x.js"></script>
<script src="../_static/design-tabs.js?v=1"></script>
<script src="../_static/togglebutton.js?v=1"></script>
<script>var togglebuttonSelector = '.toggle, .admonition.dropdown';</script>
</head><body>{body}</body></html>"""


@pytest.fixture
def page_diet(monkeypatch):
    """Return the extension."""
    monkeypatch.syspath_prepend(ROOT / "book/_ext")
    return import_module("page_diet")


def site(folder, body, a="", b="", script="") -> Path:
    """Write a site of one page with two style sheets and a script."""
    for name, text in {
        "book/p.html": PAGE.format(body=body),
        "_static/a.css": a,
        "_static/b/b.css": b,
        "_static/b/c.css": ".imported{color:red}",
        "_static/x.js": script,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "book/p.html"


def style(folder) -> str:
    """Return the only style sheet that is left."""
    (path,) = (folder / "_static").rglob("*.css")
    return path.read_text() if path.name != "c.css" else ""


def test_only_rules_that_can_match_are_kept(page_diet, tmp_path):
    path = site(
        tmp_path,
        '<p class="one two" id="here">x</p>',
        a="/* c */ .one{a:b} .none{a:b} p.two, h7{a:c} #here:hover{a:d}"
        " .one .gone{a:e} a:not(.gone) > p{a:f}",
        b='@import "c.css"; @media print{.one{a:g} .no{a:h}}'
        "@media x{.no{a:i}} .opened{a:j}",
        script='e.classList.add("opened", "imported")',
    )
    (tmp_path / "_static/b/c.css").touch()
    page_diet.diet(tmp_path)
    made = next((tmp_path / "_static").glob("site-*.css"))
    text = made.read_text()
    assert (
        text.split()
        == (
            ".one{a:b} p.two{a:c} #here:hover{a:d} .imported{color:red}"
            " @media print{.one{a:g}} .opened{a:j}"
        ).split()
    )
    assert path.read_text().count("stylesheet") == 1
    assert f'href="../_static/{made.name}"' in path.read_text()


def test_addresses_in_styles_still_lead_there(page_diet, tmp_path):
    site(tmp_path, "<p>", b="p{a:url(f/x.woff2) url('data:,') url(../y)}")
    page_diet.diet(tmp_path)
    text = next((tmp_path / "_static").glob("site-*.css")).read_text()
    assert "url(b/f/x.woff2)" in text and "url(y)" in text


def test_variables_that_nothing_reads_leave(page_diet, tmp_path):
    body = '<p style="a:var(--inline)">'
    css = "p{--used:1;--chain:2;--unused:var(--chain);--inline:3;a:var(--used)}"
    site(tmp_path, body, a=css)
    page_diet.diet(tmp_path)
    text = next((tmp_path / "_static").glob("site-*.css")).read_text()
    assert text == "p{--used:1;--inline:3;a:var(--used)}\n"


def test_icon_fonts_leave_and_others_stay(page_diet, tmp_path):
    fonts = "@font-face{font-family:%s;src:url(x)}"
    site(tmp_path, "<p>", a=fonts % "Font Awesome" + fonts % "KaTeX_Main")
    page_diet.diet(tmp_path)
    text = next((tmp_path / "_static").glob("site-*.css")).read_text()
    assert "KaTeX_Main" in text and "Awesome" not in text


def test_figures_become_files_with_a_size(page_diet, tmp_path):
    high = '<img alt="b" height="7" width="9" src="{}">'
    data = "data:image/svg+xml;base64," + base64.b64encode(SVG).decode()
    image = f'<img alt="a > b" width="90" src="{data}">'
    body = (
        f'{image}<picture><source srcset="{data}">{image}</picture>'
        f'<img src="logo.png">{high.format(data)}'
    )
    path = site(tmp_path, body)
    page_diet.diet(tmp_path)
    (file,) = (tmp_path / "_images").iterdir()
    assert file.read_bytes() == SVG
    first, second, third = re.findall(
        "<img alt|<img [^<]* alt[^<]*", path.read_text()
    )
    assert 'height="180"' in first and "lazy" not in first
    assert f'src="../_images/{file.name}"' in first
    assert "data:" not in path.read_text()
    assert 'loading="lazy"' in second and 'decoding="async"' in second
    assert re.findall(' height="([0-9]+)"', third) == ["7"]
    assert path.read_text().count('loading="lazy"') == 2


def test_scripts_wait_and_those_without_use_leave(page_diet, tmp_path):
    path = site(tmp_path, "<p>")
    page_diet.diet(tmp_path)
    text = path.read_text()
    assert '<script src="../_static/documentation_options.js' in text
    assert '<script defer src="../_static/x.js">' in text
    assert "design-tabs" not in text and "togglebutton.js" not in text
    site(tmp_path, '<div class="admonition note dropdown">')
    page_diet.diet(tmp_path)
    assert "togglebutton.js" in path.read_text()


def test_sections_say_how_high_they_may_be(page_diet):
    page = (
        "<section id='a'><h1>A</h1><section id='b'><p>x</p><section>"
        "<p>y</p></section></section><section id='c'>"
        + "<p>word</p>" * 100
        + "</section></section>"
    )
    found = page_diet.with_heights(page)
    assert found.count("--narrow:") == 2
    heights = [int(part.split("px")[0]) for part in found.split("--wide:")[1:]]
    assert heights[1] > 10 * heights[0] > 0
    live = '<div class="stage" style="--wide:640px;--narrow:710px"></div>'
    for chars, widest, more in ((78, 690, 640), (40, 350, 710)):
        without = page_diet.height("<p>x</p>", chars, widest)
        found = page_diet.height(live + "<p>x</p>", chars, widest)
        assert more <= found - without < more + 50


def test_audit_counts_what_comes_before_use():
    audit = import_module("audit")
    kinds = ["Document", "Font", "Image", "Script", "Stylesheet", "Other"]
    requests = [
        {"resourceType": kind, "transferSize": 10**i, "url": "http://a/"}
        for i, kind in enumerate(kinds)
    ]
    assert audit.first_bytes(requests) == 11011
    good = dict(audit.MARKS) | {"first": 300}
    assert audit.misses("p", good) == []
    assert audit.misses("p", good | {"seo": 94}) == ["p: seo 94, wanted 95"]
    (line,) = audit.misses("p", good | {"first": 301})
    assert line == "p: 301 kB before use, at most 300"
    runs = [{"seo": each} for each in (1, 9, 2)]
    assert audit.median(runs) == {"seo": 2}
