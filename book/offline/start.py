"""Show the course in this computer's browser, without a network.

It needs Python 3.8 or newer and nothing else. The course is shown to this
computer only, until this window is closed.
"""

import functools
import http.server
import os
import webbrowser
from typing import ClassVar

SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")


class Server(http.server.SimpleHTTPRequestHandler):
    """A server that says nothing of what it sends, and knows scripts on every
    system.
    """

    extensions_map: ClassVar = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".css": "text/css",
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".svg": "image/svg+xml",
    }

    def log_message(self, *args):
        """Stay silent."""


def main():
    """Serve the site at a free port and open the browser there."""
    handler = functools.partial(Server, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"The course is at {address}", flush=True)
        print("Close this window, or press Ctrl-C, to end it.", flush=True)
        webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
