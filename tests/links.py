"""Try the links to other sites: ``python tests/links.py``.

Labs are not executed for this, for their links do not depend on it.
"""

import os
import shutil
import sys

from progress import LOG, ROOT, program, run_logged

FOLDER = ROOT / "_build" / "links"
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


def main() -> int:
    """Name the links that do not work; return the exit status."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    config, log = FOLDER / "config.yml", LOG / "links.log"
    text = (ROOT / "_config.yml").read_text(encoding="utf8")
    text = text.replace("execute_notebooks: cache", 'execute_notebooks: "off"')
    config.write_text(text, encoding="utf8")
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", ROOT]
    command += ["--builder", "linkcheck", "-qq", "--config", config]
    command += ["--path-output", FOLDER]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "book" / "_ext")}
    what = "Trying the links to other sites"
    if not run_logged(what, command, log, cwd=ROOT, env=env):
        return 0
    tried = FOLDER / "_build" / "html" / "output.txt"
    said = tried.read_text(encoding="utf8") if tried.exists() else ""
    broken = [line for line in said.splitlines() if "[broken]" in line]
    print("\n".join(broken) or log.read_text(encoding="utf8"))
    print(
        "This step failed: trying the links to other sites. The log:"
        f" {log}\nTry: check the network; then mend the links above on the"
        " pages named"
    )
    return 1


if __name__ == "__main__":
    program(main)
