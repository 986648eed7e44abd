"""The links of a page to its repository: to change the page, and to report
what is wrong with it.

While ``_config.yml`` does not name the repository, there are none: they would
lead nowhere.
"""

from html import escape
from urllib.parse import urlencode

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation

_ = get_translation("course")
UNSET = "OWNER"
API = "book/api/"


def source(app: Sphinx, pagename: str) -> str:
    """Return the file that a page is made from; a page of the API is made from
    its module.
    """
    if pagename.startswith(API):
        return f"companion/{pagename.removeprefix(API)}.py"
    return app.env.doc2path(pagename, base=False)


def add_links(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Put the links in the place of the theme's button."""
    buttons = context["header_buttons"]
    buttons[:] = [
        each for each in buttons if each["label"] != "source-repository-button"
    ]
    owner, name = context.get("github_user"), context.get("github_repo")
    if owner in (None, UNSET):
        return
    url = f"https://github.com/{owner}/{name}"
    links = [(_("Repository"), url, "fa-github", "repository")]
    if doctree is not None:
        file = source(app, pagename)
        page = app.config.html_baseurl + app.builder.get_target_uri(pagename)
        asked = _("What is wrong, and what did you expect?")
        report = {"title": f"{file}: ", "body": f"{asked}\n\n\n{page}"}
        branch = context["github_version"]
        links += [
            (
                _("Edit this page"),
                f"{url}/edit/{branch}/{file}",
                "fa-pencil",
                "edit",
            ),
            # near.js adds the section in view, at the end.
            (
                _("Report a problem here"),
                f"{url}/issues/new?{urlencode(report)}",
                "fa-flag",
                "report",
            ),
        ]
    buttons.append(
        {
            "type": "group",
            "tooltip": _("Repository, changes, problems"),
            "icon": "fab fa-github",
            "label": "source-buttons",
            "buttons": [
                {
                    "type": "link",
                    "url": escape(address),
                    "tooltip": text,
                    "text": text,
                    "icon": f"fas {icon}",
                    "label": f"{label}-button",
                }
                for text, address, icon, label in links
            ],
        }
    )


def setup(app: Sphinx) -> dict:
    """Come after the theme has made its buttons."""
    app.connect("html-page-context", add_links, priority=502)
    return {
        "version": "1",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
