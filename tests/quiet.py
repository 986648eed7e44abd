"""Run a script, or a module with ``-m``, so that Ctrl-C ends it without a
traceback, also while it still loads what it needs: ``python tests/quiet.py
SCRIPT ...``.
"""

import runpy
import sys
from pathlib import Path

from progress import program, run


def main() -> int:
    """Run a module in a process of its own, and a script in this one."""
    if sys.argv[1] == "-m":  # it may have words of its own for Ctrl-C
        return run([sys.executable, *sys.argv[1:]])
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    program(main)
