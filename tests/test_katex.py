"""Maths that is rendered in the build: a page of its own, built by Sphinx."""

import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]
SETTINGS = """import sys
sys.path.insert(0, {ext!r})
extensions = ["myst_parser", "sphinx.ext.napoleon", "sphinx.ext.autodoc",
              "katex_math"]
myst_enable_extensions = ["amsmath", "dollarmath"]
html_math_renderer = "katex"
katex_macros = {{"\\\\E": "\\\\mathbb{{E}}"}}
html_static_path = [{assets!r}]
exclude_patterns = ["katex/katex.min.js"]
"""


def build(folder: Path, text: str) -> subprocess.CompletedProcess:
    """Build a page of the course's renderer, warnings as errors."""
    settings = SETTINGS.format(
        ext=str(ROOT / "book/_ext"), assets=str(ROOT / "book/assets")
    )
    (folder / "conf.py").write_text(settings)
    (folder / "index.md").write_text(text)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "."]
    return subprocess.run(
        [*command, "out"], cwd=folder, capture_output=True, text=True
    )


PAGE = r"""# Page

Inline $x \in \E^2$.

$$ a = b $$

$$ a &= b \\ &= c $$ (chain)

\begin{align*} a &= b \\ c &= d \end{align*}

See {eq}`chain`.

```{eval-rst}
.. autofunction:: toy_formula.f
```
"""
CODE = '''def f():
    r"""Return a formula.

    .. math:: \\frac{1}{2} \\in \\E

    Args:
        nothing: :math:`\\E`.
    """
'''


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return a page with formulas of every kind, as a tree."""
    folder = tmp_path_factory.mktemp("maths")
    (folder / "toy_formula.py").write_text(CODE)
    built = build(folder, "".join(PAGE))
    assert built.returncode == 0, built.stderr
    text = (folder / "out" / "index.html").read_text(encoding="utf8")
    return BeautifulSoup(text, "html.parser")


def test_formulas_of_every_kind_are_html_and_mathml(page):
    formulas = page.select(".math")
    assert len(formulas) == 6
    for each in formulas:
        assert each.select_one(".katex-html") and each.select_one("math")
    assert [bool(each.select_one(".katex-display")) for each in formulas] == [
        each.name == "div" for each in formulas
    ]


def test_macros_are_known_and_no_tex_is_left(page):
    assert page.select_one(".math .mathbb").text == "E"
    assert "\\" not in page.text and page.find("annotation") is None


def test_only_the_equation_with_a_name_has_a_number(page):
    (number,) = page.select(".eqno")
    assert number.find(string=True) == "(1)"
    assert number.parent["id"] == "equation-chain"
    assert page.select_one('a.reference[href="#equation-chain"]').text == "(1)"


def test_the_style_and_the_usual_fonts_are_loaded(page):
    hrefs = [link["href"].partition("?")[0] for link in page.select("link")]
    assert "_static/katex/katex-swap.min.css" in hrefs
    assert "_static/katex/fonts/KaTeX_Main-Regular.woff2" in hrefs


def test_a_page_without_maths_loads_no_style_for_it(tmp_path):
    assert build(tmp_path, "# Page\n").returncode == 0
    assert "katex" not in (tmp_path / "out/index.html").read_text()


def test_an_invalid_formula_fails_with_page_and_line(tmp_path):
    built = build(tmp_path, "# Page\n\nRight: $x$.\n\nWrong: $\\frac{1$.\n")
    assert built.returncode != 0
    assert "index.md:5: WARNING: invalid formula: KaTeX" in built.stderr
