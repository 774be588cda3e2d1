"""Runs the notebooks from top to bottom and keeps their outputs, without noise: ``make notebooks``.

Noise differs from run to run and tells nothing: when cells ran, their numbers in a session, addresses in memory. What a
notebook shows of live data differs, and stays as the run had it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from tests.house.architecture import ROOT

NOTEBOOKS = ROOT / "notebooks"

REMOVE_OUTPUT = "remove-output"
"""The tag of a cell whose output neither the notebook nor the site keeps: what it shows is nothing without a kernel."""


def executed(path: Path) -> str:
    """The notebook as it is after a run, as text.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    # not in the test extra, where checkers look: these two come with `make docs`
    nbformat, nbclient = (import_module(name) for name in ("nbformat", "nbclient"))
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key != "execution"}
        if cell.cell_type == "code":
            cell.execution_count = None
            if REMOVE_OUTPUT in cell.metadata.get("tags", ()):
                cell.outputs = []
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = None
                if "image/svg+xml" in output.get("data", {}):
                    output.data.pop("text/plain", None)  # an address in memory
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.writes(notebook) + "\n"


def main() -> None:
    """Run all of them, or those that are named."""
    named = [Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in named:
        path.write_text(executed(path), "utf-8")
        print(path.name)  # noqa: T201


if __name__ == "__main__":
    main()
