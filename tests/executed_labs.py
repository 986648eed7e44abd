"""Write the labs, with the outputs that the site shows, into a folder: ``python
tests/executed_labs.py FOLDER``.

The outputs come from the cache of the build. nbval runs the labs anew and
compares. With ``again`` the cells that are compared follow once more at the
end: whoever runs a cell again, after all others, must see the same. MyST-NB
keeps executed copies too, but changes their outputs while it merges streams,
and leaves them empty when the cache knew the lab already.
"""

import sys
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.cache.main import JupyterCacheBase


def executed(
    lab: Path, cache: JupyterCacheBase, again: bool = False
) -> nbformat.NotebookNode:
    """Return a lab with its outputs; a comparison that would compare nothing is
    an error.
    """
    try:
        _, notebook = cache.merge_match_into_notebook(
            nbformat.read(lab, as_version=4)
        )
    except KeyError:
        raise SystemExit(
            f"{lab} as it stands has not been executed: run make book first"
        ) from None
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tagged = [
        cell
        for cell in code
        if "nbval-check-output" in cell.metadata.get("tags", [])
    ]
    if not tagged or any(
        cell.execution_count is None or not cell.outputs for cell in tagged
    ):
        raise SystemExit(
            f"{lab} has a cell tagged nbval-check-output without output, or no"
            " such cell"
        )
    if again:
        notebook.cells += [
            nbformat.from_dict({**cell, "id": f"{cell.id}-again"})
            for cell in tagged
        ]
    return notebook


def main(
    folder: Path,
    labs: list[Path],
    cache: JupyterCacheBase,
    again: bool = False,
) -> None:
    """Write every lab into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for lab in labs:
        nbformat.write(executed(lab, cache, again), folder / lab.name)


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    main(
        Path(sys.argv[1]),
        sorted((root / "notebooks").glob("*.ipynb")),
        get_cache(root / "_build/.jupyter_cache"),
    )
