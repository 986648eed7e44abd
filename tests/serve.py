"""Show a folder on localhost until Ctrl-C: ``python tests/serve.py FOLDER
PORT``.

The site is also found where its page for wrong addresses expects it, and that
page answers them, as it does where the site is published.
"""

import functools
import http.server
import re
import sys
from pathlib import Path

from progress import ROOT, program

PREFIX = re.search(
    r"^ *notfound_urls_prefix: *(\S+)",
    (ROOT / "_config.yml").read_text(encoding="utf8"),
    re.MULTILINE,
)[1]


class Site(http.server.SimpleHTTPRequestHandler):
    """A server of files that has a page for wrong addresses."""

    def translate_path(self, path: str) -> str:
        """Return the file behind an address."""
        return super().translate_path(
            "/" + path.removeprefix(PREFIX).removeprefix("/")
        )

    def send_error(self, code: int, *words: str | None) -> None:
        """Answer a wrong address by the site's own page, if it has one."""
        page = Path(self.directory, "404.html")
        if code != http.HTTPStatus.NOT_FOUND or not page.is_file():
            super().send_error(code, *words)
            return
        body = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main(folder: str, port: str) -> int:
    """Serve the folder; a port that cannot be had is said in a sentence."""
    handler = functools.partial(Site, directory=folder)
    try:
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", int(port)), handler
        )
    except (OSError, OverflowError, ValueError) as reason:
        print(
            f"Port {port} cannot be used ({reason}). Choose another from 1024"
            " to 65535, as in: make serve PORT=8001"
        )
        return 1
    print(f"The book is at http://127.0.0.1:{port}/ (Ctrl-C ends this)")
    server.serve_forever()
    return 0


if __name__ == "__main__":
    program(lambda: main(*sys.argv[1:]))
