"""Show a folder on localhost until Ctrl-C: ``python tests/serve.py FOLDER
PORT``.
"""

import functools
import http.server
import sys

from progress import program


def main(folder: str, port: str) -> int:
    """Serve the folder; a port that cannot be had is said in a sentence."""
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=folder
    )
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
