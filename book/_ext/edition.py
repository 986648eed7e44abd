"""The edition for students: the site without the solutions of the exercises.

The environment variable ``COURSE_EDITION`` says which edition is built; ``make
student`` sets it. The explanations of a quiz stay, for they belong to it.
"""

import os
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

STUDENT = "student"
LAB = ".ipynb"
TITLE = "Solution"
# What the labs printed is the same in every edition.
CACHE = "_build/.jupyter_cache"


def settle(app: Sphinx, config: Config) -> None:
    """Read which edition is wanted."""
    if config.course_edition not in ("", STUDENT):
        raise ConfigError(
            f"COURSE_EDITION is {STUDENT} or unset; got"
            f" {config.course_edition!r}"
        )
    if config.course_edition:
        config.nb_execution_cache_path = str(Path(app.srcdir, CACHE))


def leave_out(app: Sphinx, doctree: nodes.document) -> None:
    """Take the solutions out of a page that was read."""
    if not app.config.course_edition:
        return
    for box in list(doctree.findall(nodes.container)):
        if box.get("design_component") == "dropdown":
            if box.children and box[0].astext() == TITLE:
                box.parent.remove(box)


def without_source(
    app: Sphinx,
    page: str,
    template: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Keep back the source of a page, for it has the solutions; that of a lab
    stays.
    """
    if app.config.course_edition and context.get("page_source_suffix") != LAB:
        context["sourcename"] = ""  # Sphinx then copies nothing
        for group in context.get("header_buttons", []):
            if group["label"] == "download-buttons":
                group["buttons"] = [
                    button
                    for button in group["buttons"]
                    if button["label"] != "download-source-button"
                ]


def setup(app: Sphinx) -> dict:
    """Build the edition that is wanted."""
    edition = os.environ.get("COURSE_EDITION", "")
    app.add_config_value("course_edition", edition, "env", [str])
    app.connect("config-inited", settle)
    # before what notes the words of a page
    app.connect("doctree-read", leave_out, priority=100)
    # after the theme has made its buttons
    app.connect("html-page-context", without_source, priority=900)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
