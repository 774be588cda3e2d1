"""Notebooks are kept as a run left them, without noise; ``make docs`` runs them from top to bottom."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.house.architecture import ROOT
from tests.house.notebooks import REMOVE_OUTPUT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOISE = re.compile(r" at 0x[0-9a-f]+|127\.0\.0\.1:\d+|/(?:tmp|home|root|work)/|Traceback")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_outputs_are_stored_without_noise(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    shown = [output for cell in code for output in cell["outputs"]]
    assert any("image/svg+xml" in output.get("data", {}) for output in shown), "run `make notebooks`"
    assert {output["output_type"] for output in shown} <= {"execute_result", "display_data", "stream"}
    assert [output["text"] for output in shown if output.get("name") == "stderr"] == []
    assert NOISE.findall(json.dumps(shown)) == []
    assert [cell["id"] for cell in cells if cell["metadata"] and cell["metadata"] != {"tags": [REMOVE_OUTPUT]}] == []
    assert [cell["id"] for cell in code if cell["execution_count"] or (cell["metadata"] and cell["outputs"])] == []


def test_every_notebook_is_a_page_of_the_site() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    assert NOTEBOOKS
    assert [path.stem for path in NOTEBOOKS if f"notebooks/{path.stem}\n" not in index] == []
