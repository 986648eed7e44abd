"""Print and offline: the handout, the joined PDF, the archive for a classroom
without network.
"""

import json
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader
from test_site import (  # noqa: F401
    PAGES,
    SITE,
    Visit,
    browser,
    parsed,
    server,
    small_book,
)

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted(
    f"book/{path.stem}.html" for path in (ROOT / "notebooks").glob("*.ipynb")
)
# Those with most pages in print.
LONGEST = ["losses", "optimizers", "batch_norm"]
MAX_SHEETS = 14
# The width of a sheet of A4 between its margins, in CSS pixels.
SHEET = 687


@pytest.fixture(scope="module")
def dropout(browser, server):  # noqa: F811
    """Open a chapter as it is while it is printed."""
    with Visit(browser, server + "book/dropout.html", width=SHEET) as visit:
        visit.page.emulate_media(media="print")
        visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        yield visit
        assert visit.messages == []


# The handout ------------------------------------------------------------------


def test_the_questions_come_first_and_the_answers_last(dropout):
    page = dropout.page
    article = page.locator("article")
    text = article.inner_text()
    questions, _, answers = text.rpartition("\nAnswers\n")
    for name in ("Prediction 1", "Saying 1", "Question 1", "Question 4"):
        assert questions.count(f"{name}\n") == answers.count(f"{name}\n") == 1
    assert "Exercise 1. By hand." in answers
    for said in ("Measured:", "It is partly true.", "Call the model twice"):
        assert said in answers and said not in questions
    assert "Solution" not in text and "Show" not in text
    assert questions.index("Quiz") < questions.index("Sources")


def test_the_right_choice_has_a_mark(dropout):
    solved = dropout.page.locator(".answer-to", has_text="Question 1\n")
    letters = solved.locator(".choice").evaluate_all(
        "all => all.map(e => [e.querySelector('.letter').textContent,"
        " getComputedStyle(e.querySelector('.letter'), '::after').content])"
    )
    assert letters == [["A", "none"], ["B", "none"], ["C", '" ✓"']]
    marks = dropout.page.locator(".quiz summary").evaluate_all(
        "all => all.map(e => getComputedStyle(e, '::before').content)"
    )
    assert set(marks) == {"counter(choice, upper-alpha)"}
