"""The notebooks run on the sample market, and what is stored in them is what they print."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "research"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def told(notebook: Any) -> list[list[str]]:
    """Of each cell what it printed or showed as text; pictures are left out."""
    return [
        [
            output.get("text") or output["data"].get("text/plain", "")
            for output in cell.get("outputs", ())
            if output["output_type"] != "error" and "image/png" not in output.get("data", {})
        ]
        for cell in notebook.cells
    ]


def test_there_are_two():
    assert [path.stem for path in NOTEBOOKS] == ["exploring_a_signal", "from_idea_to_portfolio"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_tells_again_what_is_stored_in_it(path, sample_home, tmp_path, monkeypatch):
    monkeypatch.setenv("STOCKER_HOME", str(sample_home))
    monkeypatch.delenv("STOCKER_LAKE_URI", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    stored = nbformat.read(path, as_version=4)
    again = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(again, timeout=300, kernel_name="python3", resources=resources).execute()
    assert told(again) == told(stored)
    pictures = [
        o
        for cell in stored.cells
        for o in cell.get("outputs", ())
        if "image/png" in o.get("data", {})
    ]
    assert pictures, "a notebook is stored with its pictures"
