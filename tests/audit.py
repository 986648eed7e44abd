"""What Lighthouse says about the pages of the built site, as on a phone.

``make audit`` runs it: every chapter page, and one page of each other kind.
Each page is opened RUNS times and the median counts. Exit status 1 if a
chapter page misses a mark.
"""

import argparse
import functools
import gzip
import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
FOLDER = ROOT / "_build" / "audit"
LIGHTHOUSE = "lighthouse@12.8.2"
OTHERS = ["index", "claims", "api/optimizers", "../notebooks/optimizers"]
# The least a chapter page may have, in hundredths.
MARKS = {
    "performance": 90,
    "accessibility": 100,
    "best-practices": 95,
    "seo": 95,
}
MAX_FIRST = 300  # kilobytes before the reader can use a chapter page
QUIET = 1000  # the benchmarkIndex of a machine fast and idle enough
FLAGS = [
    "--quiet",
    "--output=json",
    "--output-path=stdout",
    "--only-categories=" + ",".join(MARKS),
    "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
]


class Compressed(http.server.SimpleHTTPRequestHandler):
    """A server like those that publish sites: gzip, and caches allowed."""

    def do_GET(self):
        """Send a file, compressed unless it already is."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Cache-Control", "max-age=31536000")
        if path.suffix not in (".woff2", ".png"):
            data = gzip.compress(data)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        """Say nothing."""


def first_bytes(requests: list[dict]) -> int:
    """Return what is transferred before a page can be used: itself, styles,
    scripts and fonts.
    """
    needed = ("Document", "Stylesheet", "Script", "Font")
    return sum(
        each.get("transferSize", 0)
        for each in requests
        if each.get("resourceType") in needed
    )


def facts(report: dict) -> dict[str, float]:
    """Return the numbers of one report."""
    requests = report["audits"]["network-requests"]["details"]["items"]
    requests = [
        each
        for each in requests
        if urlsplit(each["url"]).scheme.startswith("http")
    ]
    scores = {
        name: round(100 * (report["categories"][name]["score"] or 0))
        for name in MARKS
    }
    return scores | {
        "index": round(report["environment"]["benchmarkIndex"]),
        "first": first_bytes(requests) / 1000,
        "all": sum(each.get("transferSize", 0) for each in requests) / 1000,
        "requests": len(requests),
    }


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each number over the runs."""
    return {
        name: statistics.median(run[name] for run in runs) for name in runs[0]
    }


def misses(page: str, found: dict[str, float]) -> list[str]:
    """Say where a chapter page misses a mark."""
    said = [
        f"{page}: {name} {found[name]:g}, wanted {mark}"
        for name, mark in MARKS.items()
        if found[name] < mark
    ]
    if found["first"] > MAX_FIRST:
        said.append(
            f"{page}: {found['first']:.0f} kB before use, at most {MAX_FIRST}"
        )
    return said


def lighthouse(address: str) -> dict:
    """Open a page once and return Lighthouse's report."""
    program = FOLDER / "node_modules" / ".bin" / "lighthouse"
    done = subprocess.run(
        [program, address, *FLAGS], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"Lighthouse could not open {address}:\n{done.stderr}")
    return json.loads(done.stdout)


def install() -> None:
    """Install Lighthouse in _build/audit, and name the browser for it."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, browsers)), None)
    npm = shutil.which("npm")
    if not (npm and browser):
        missing = "npm (with Node 20 or newer)" if browser else "Chromium"
        sys.exit(f"{missing} is missing: install it with your system's tools")
    os.environ.setdefault("CHROME_PATH", browser)
    if not (FOLDER / "node_modules" / "lighthouse").is_dir():
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-fund", "--no-audit", "--prefix"]
        subprocess.run([*command, FOLDER, LIGHTHOUSE], check=True)


def main() -> int:
    """Audit the pages, print a table, say what misses a mark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="such as dropout")
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    chapters = sorted(path.stem for path in ROOT.glob("notebooks/*.ipynb"))
    pages = asked.pages or chapters + OTHERS
    for page in pages:
        if not (SITE / "book" / f"{page}.html").is_file():
            sys.exit(f"there is no page {page} in {SITE}: run make book first")
    install()
    handler = functools.partial(Compressed, directory=SITE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(
        f"{'':24}  perf  a11y  best   seo   index  kB first  kB all  requests"
    )
    said, indices = [], []
    for page in pages:
        address = f"http://127.0.0.1:{server.server_port}/book/{page}.html"
        runs = [facts(lighthouse(address)) for _ in range(asked.runs)]
        found = median(runs)
        print(
            f"{page:24}"
            + "".join(f"{found[name]:6.0f}" for name in MARKS)
            + f"{found['index']:8.0f}{found['first']:10.0f}"
            f"{found['all']:8.0f}{found['requests']:10.0f}",
            flush=True,
        )
        if page in chapters:
            said += misses(page, found)
            indices.append(found["index"])
    print(*said, sep="\n")
    if said and min(indices) < QUIET:
        print(
            f"The benchmarkIndex fell to {min(indices):.0f}; below {QUIET} the"
            " machine is too slow or too busy for the performance marks."
        )
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
