"""What makes the published pages light, done when all pages are written.

- Figures leave the pages for files of their own, loaded when they come near.
- Each page loads one style sheet, cut to the rules that can match something in
  this site: a class, id or element of a page, or a word of a script.
- Scripts that a page cannot use leave it, and the others wait until the page
  has been read.
"""

import base64
import functools
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from posixpath import dirname, join, normpath

import tinycss2
from sphinx.application import Sphinx

DATA = re.compile(
    r'(?<=src|set)="data:image/(svg\+xml|png);base64,([\w+/]{40,}=*)("| )'
)
IMAGE = re.compile(r'<img\b(?:[^>"]|"[^"]*")*>')
STYLE = re.compile(r'[ \t]*<link(?=[^>]*rel="stylesheet")[^>]*>\n?')
LOCAL = re.compile(r'href="((?:\.\./)*|/[^"?]*?/)(_static/[^"?]+\.css)')
SCRIPT = re.compile(r'<script(?=[^>]* src="([^"]*))(?![^>]*\bdefer\b)')
# A script, and what a page that can use it holds.
NEEDS = {
    "clipboard.min.js": 'class="highlight',
    "copybutton.js": 'class="highlight',
    "design-tabs.js": "sd-tab-set",
    "togglebutton.js": r'class="(?:toggle\b|admonition[^"]*\bdropdown\b)',
    "fontawesome.js": "(?!)",
    "sphinx-thebe.js": "(?!)",
}
UNUSED = re.compile(
    r'[ \t]*(<link rel="preload" as="script"[^>]*>'
    r"|<script>const THEBE_JS_URL.*?</script>"
    r'|<script type="text/x-thebe-config">.*?</script>)\n?',
    re.DOTALL,
)
# Bootstrap would lay out the whole page to follow the reader; near.js does not.
SPY = re.compile(r'(<body[^>]*?) data-bs-spy="scroll"[^>]*?(?= data-default|>)')
LEFT_OVER = (
    "vendor/fontawesome/**/*",
    "scripts/fontawesome.js*",
    "**/*.map",
    "sphinx-thebe*",
)
# Bootstrap and D3 know more words than the pages use of them: these they add.
STATES = set(
    "active collapsing dropup dropstart dropend fade hide show".split()
)
STATES |= set("tooltip tooltip-arrow tooltip-inner bs-tooltip-auto".split())
STATES |= {"html", "body", "dialog"}
WORD = re.compile(r"[A-Za-z_][\w-]*")
TAG = re.compile(r"<([a-z][a-z0-9-]*)")
NAMES = re.compile(r'\b(?:class|id)="([^"]*)"')
IN_SELECTOR = re.compile(
    r"""\[[^\]]*\]|:(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)"""
    r"""|::?[\w-]+(?:\([^)]*\))?"""
)
VARIABLE = re.compile(
    r"""(?<=[{;])\s*(--[\w-]+)\s*:(?:[^;{}"']|"[^"]*"|'[^']*')*(?:;|(?=}))"""
)
NAME = re.compile(r"[.#]?(?:\\.|[\w-])+")


# Figures ----------------------------------------------------------------------


def size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height of a PNG or SVG image."""
    if data.startswith(b"\x89PNG"):
        return tuple(int.from_bytes(data[i : i + 4]) for i in (16, 20))
    box = re.search(rb'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"', data)
    return box and tuple(round(float(side) * 4 / 3) for side in box.groups())


def without_data(page: str, root: str, out: Path) -> str:
    """Write the images of a page to files; all but the first load when they
    come near.
    """
    sizes, first = {}, True

    def extract(found: re.Match) -> str:
        """Write an image, return its address."""
        data = base64.b64decode(found[2])
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.{found[1][:3]}"
        out.joinpath("_images").mkdir(exist_ok=True)
        out.joinpath("_images", name).write_bytes(data)
        sizes[f"{root}_images/{name}"] = size(data)
        return f'="{root}_images/{name}{found[3]}'

    def describe(found: re.Match) -> str:
        """Say when an image loads and how high it is."""
        nonlocal first
        tag = found[0]
        address = re.search(r' src="([^"]*)"', tag)
        if not address or not (sides := sizes.get(address[1])):
            return tag
        extra = ' decoding="async"' + ("" if first else ' loading="lazy"')
        first = False
        width = re.search(r' width="(\d+)"', tag)
        wide = int(width[1]) if width else sides[0]
        extra += "" if width else f' width="{wide}"'
        if ' height="' not in tag:
            extra += f' height="{round(wide * sides[1] / sides[0])}"'
        return f"<img{extra}{tag[4:]}"

    return IMAGE.sub(describe, DATA.sub(extract, page))


# Heights ----------------------------------------------------------------------


def without(pattern: str, html: str) -> str:
    """Return a text with what matches taken out."""
    return re.sub(pattern, " ", html, flags=re.DOTALL)


def height(html: str, chars: int, widest: int) -> int:
    """Guess how high a section is, rather too high than too low: sections that
    overlap before they are laid out would cover each other's links.

    Args:
        html: the section.
        chars: how many characters a line of text holds.
        widest: how wide a figure may be, in pixels.
    """
    html = without(
        r"<svg.*?</svg>|<script.*?</script>|<style.*?</style>"
        r'|<span class="katex-mathml">.*?</math></span>|(?<=</summary>).*?'
        r"(?=</details>)",
        html,
    )
    figures = re.findall(r'<img[^>]* width="(\d+)"[^>]* height="(\d+)"', html)
    figures += re.findall(r'<img[^>]* height="(\d+)"[^>]* width="(\d+)"', html)
    high = sum(
        max(map(int, sides)) * min(1, widest / min(map(int, sides)))
        for sides in figures
    )
    code = re.findall(r"<pre.*?</pre>", html, re.DOTALL)
    high += sum(22 * each.count("\n") + 90 for each in code)
    html = without(r"<pre.*?</pre>", html)
    stages = re.findall(r"--wide:(\d+)px;--narrow:(\d+)px", html)
    high += sum(int(sides[widest < 500]) for sides in stages)
    high += 90 * html.count("katex-display")
    high += 150 * len(re.findall('class="(?:misconception|quiz)', html))
    high += 45 * html.count("<summary")
    for text in re.split(r"<(?:p|li|h\d|d[td]|tr|figcaption|summary)\b", html):
        words = re.sub(r"\s+", " ", without("<[^>]*>", "<" + text))
        high += 28 * (len(words) // chars + 1) + 14
    return round(high)


def with_heights(page: str) -> str:
    """Say how high each section of a page may be, on a phone and on a desk,
    while it is not laid out.
    """
    start, depth, parts, last = 0, 0, [], 0
    for found in re.finditer(r"<section\b|</section>", page):
        depth += 1 if found[0] != "</section>" else -1
        if found[0] != "</section>" and depth == 2:
            start = found.end()
        if found[0] == "</section>" and depth == 1:
            html = page[start : found.start()]
            narrow, wide = height(html, 40, 350), height(html, 78, 690)
            style = f' style="--narrow:{narrow}px;--wide:{wide}px"'
            parts += [page[last:start], style]
            last = start
    return "".join([*parts, page[last:]])


# Styles -----------------------------------------------------------------------


def used_names(pages: list[str], scripts: list[str]) -> set[str]:
    """Return every class, id and element of the pages, and every word of the
    scripts.
    """
    names = set(STATES)
    for page in pages:
        names.update(TAG.findall(page))
        for found in set(NAMES.findall(page)):
            names.update(found.split())
        for script in re.findall(r"<script[^>]*>([^<]+)", page):
            names.update(WORD.findall(script))
    for script in scripts:
        names.update(WORD.findall(script))
    return names


def can_match(selector: str, used: set[str]) -> bool:
    """Say whether something of the site could match one selector."""
    return all(
        re.sub(r"\\(.)", r"\1", name).lstrip(".#") in used
        for name in NAME.findall(IN_SELECTOR.sub(" ", selector))
    )


def cut(rules: list, used: set[str], load: Callable[[str], str]) -> str:
    """Return the rules that can match, without comments.

    ``load`` returns the text that an ``@import`` names.
    """
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = tinycss2.serialize(rule.prelude).split(",")
            if rule.prelude and "(" in tinycss2.serialize(rule.prelude):
                selectors = split_selectors(rule.prelude)
            matching = [each for each in selectors if can_match(each, used)]
            body = tinycss2.serialize(rule.content).strip()
            if matching and body:
                line = ",".join(each.strip() for each in matching)
                kept.append(f"{line}{{{body}}}")
        elif rule.type == "at-rule":
            kept.append(cut_at_rule(rule, used, load))
    return "\n".join(filter(None, kept))


def split_selectors(prelude: list) -> list[str]:
    """Return the selectors of a rule; commas in parentheses part none."""
    found = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            found.append([])
        else:
            found[-1].append(token)
    return [tinycss2.serialize(each) for each in found]


def cut_at_rule(rule: object, used: set[str], load: Callable) -> str:
    """Return an at-rule with what of its rules can match."""
    head = f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}".strip()
    if rule.lower_at_keyword == "import":
        (name,) = [each for each in rule.prelude if hasattr(each, "value")][-1:]
        return cut(parsed(load(name.value)), used, load)
    if rule.content is None:
        return "" if rule.lower_at_keyword == "charset" else head + ";"
    if rule.lower_at_keyword in ("media", "supports", "layer", "container"):
        inner = tinycss2.parse_rule_list(
            rule.content, skip_comments=True, skip_whitespace=True
        )
        body = cut(inner, used, load)
    else:
        body = tinycss2.serialize(rule.content).strip()
    icons = rule.lower_at_keyword == "font-face" and "Awesome" in body
    return f"{head}{{{body}}}" if body and not icons else ""


@functools.cache
def parsed(text: str) -> list:
    """Return the rules of a style sheet."""
    return tinycss2.parse_stylesheet(
        text, skip_comments=True, skip_whitespace=True
    )


def without_unused_variables(style: str, elsewhere: str) -> str:
    """Drop the variables that nothing reads, and rules left empty."""
    read = set(re.findall(r"var\(\s*(--[\w-]+)", style + elsewhere))
    less = VARIABLE.sub(lambda it: it[0] if it[1] in read else "", style)
    if less != style:
        return without_unused_variables(less, elsewhere)
    return re.sub(r"[^{}]*\{\}\n?", "", style)


def bundle(names: tuple[str, ...], out: Path, used: set[str]) -> str:
    """Return one style sheet, to lie in ``_static``, made of several."""
    parts = []
    for name in names:
        text = out.joinpath(name).read_text(encoding="utf8")
        folder = dirname(name)

        def load(other: str, folder: str = folder) -> str:
            path = out / normpath(join(folder, other))
            return path.read_text(encoding="utf8")

        def move(found: re.Match, folder: str = folder) -> str:
            if found[1].startswith(("data:", "#", "http")):
                return found[0]
            place = normpath(join(folder, found[1])).removeprefix("_static/")
            return f"url({place})"

        style = cut(parsed(text), used, load)
        parts.append(re.sub(r"""url\(["']?([^)"']+)["']?\)""", move, style))
    return "\n".join(parts)


# Pages ------------------------------------------------------------------------


def without_scripts(page: str) -> str:
    """Drop the scripts that a page cannot use; the others wait."""
    page = SPY.sub(r"\1", UNUSED.sub("", page))
    for name, need in NEEDS.items():
        if not re.search(need, page):
            page = re.sub(
                rf'[ \t]*<script[^>]*/{re.escape(name)}[?"][^>]*></script>\n?',
                "",
                page,
            )
    return SCRIPT.sub(
        lambda found: (
            found[0] if "documentation_options" in found[1] else "<script defer"
        ),
        page,
    )


def diet(out: Path) -> None:
    """Make every page of a built site light."""
    paths = [
        path
        for path in out.rglob("*.html")
        if not {"_static", "_sources"} & set(path.relative_to(out).parts)
    ]
    pages = {}
    for path in paths:
        page = path.read_text(encoding="utf8")
        found = re.search(r'data-content_root="([^"]*)"', page)
        root = found[1] if found else ""
        page = without_data(without_scripts(page), root, out)
        pages[path] = with_heights(page)
    scripts = [
        path.read_text(encoding="utf8")
        for path in out.joinpath("_static").rglob("*.js")
        if path.name not in ("bootstrap.js", "fontawesome.js", "d3.min.js")
    ]
    used = used_names(list(pages.values()), scripts)
    elsewhere = "".join([*pages.values(), *scripts])
    made = {}
    for path, page in pages.items():
        links = [
            found
            for link in STYLE.findall(page)
            if (found := LOCAL.search(link))
        ]
        names = tuple(found[2] for found in links)
        if not names:
            continue
        if names not in made:
            style = bundle(names, out, used)
            style = without_unused_variables(style, elsewhere)
            mark = hashlib.sha256(style.encode()).hexdigest()[:12]
            made[names] = f"_static/site-{mark}.css"
            out.joinpath(made[names]).write_text(style, encoding="utf8")
        link = f'<link rel="stylesheet" href="{links[0][1]}{made[names]}">\n'
        first, *rest = STYLE.split(page)
        pages[path] = first + link + "".join(rest)
    for path, page in pages.items():
        path.write_text(page, encoding="utf8")
    for name in {name for names in made for name in names}:
        out.joinpath(name).unlink()
    for pattern in LEFT_OVER:
        for path in out.joinpath("_static").glob(pattern):
            if path.is_file():
                path.unlink()


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Do this at the end of a build of the site."""
    if not exception and app.builder.format == "html":
        diet(Path(app.outdir))


def setup(app: Sphinx) -> dict:
    """Come after all that mends pages."""
    app.add_js_file("near.js", loading_method="defer", priority=100)
    app.connect("build-finished", finish, priority=900)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
