"""Every notebook is executed in a kernel of its own; none is stored with output, and each opens with its question."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

nbformat: Any = pytest.importorskip("nbformat", reason="nbformat is not installed")
pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

PROJECT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem: path for path in sorted((PROJECT / "notebooks").glob("*.ipynb"))}
#: Where executed copies go, if anywhere: `make notebooks` names a folder.
EXECUTED = os.environ.get("HER2PLASTIC_EXECUTED_NOTEBOOKS", "")
#: Seconds of computing that a notebook may take on one core, whatever else the machine does meanwhile.
LONGEST = 60
CLOCK = "import time; _seconds = time.process_time(); _seconds"


# --- execution ----------------------------------------------------------------------------------------------------
def executed(notebook: Any, folder: Path) -> tuple[Any, float]:
    """Return the notebook with its outputs, and the seconds of computing that it took."""
    copy = nbformat.from_dict(notebook)
    copy.cells.append(nbformat.v4.new_code_cell(CLOCK))
    source, target = folder / "stored.ipynb", folder / "executed.ipynb"
    nbformat.write(copy, source)
    line = [sys.executable, str(Path(__file__).parent / "executing.py"), str(source), str(target)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = nbformat.read(target, as_version=4)
    seconds = float(found.cells.pop().outputs[0]["data"]["text/plain"])
    return found, seconds


def pictures(notebook: Any) -> int:
    """Return how many pictures an executed notebook shows."""
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in data for data in shown)


def complaints(notebook: Any) -> list[str]:
    """Return everything that an executed notebook shows of warnings and errors."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                found.append(f"{output['ename']}: {output['evalue']}")
            elif output["output_type"] == "stream" and (output["name"] == "stderr" or "Warning" in output["text"]):
                found.append(output["text"])
    return found


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs_without_complaint(name: str, tmp_path: Path) -> None:
    notebook, seconds = executed(nbformat.read(NOTEBOOKS[name], as_version=4), tmp_path)
    if EXECUTED:
        Path(EXECUTED).mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, Path(EXECUTED) / f"{name}.ipynb")
    assert complaints(notebook) == []
    drawn = sum(len(re.findall(r"\bpl\.\w+\(", cell.source)) for cell in notebook.cells if cell.cell_type == "code")
    assert pictures(notebook) >= drawn > 0, "a figure that is drawn is seen, without a magic"
    assert seconds < LONGEST, f"{name} computed for {seconds:.0f} s, {LONGEST} s are allowed"


def test_warnings_and_errors_of_a_notebook_are_seen(tmp_path: Path) -> None:
    cells = ["import os, sys, warnings\nwarnings.warn('careful')\n(sys.executable, 'DISPLAY' in os.environ)", "1 / 0"]
    notebook, seconds = executed(_of_cells(*map(nbformat.v4.new_code_cell, cells)), tmp_path)
    warned, failed = complaints(notebook)
    assert "UserWarning: careful" in warned
    assert failed == "ZeroDivisionError: division by zero"
    assert notebook.cells[0].outputs[-1]["data"]["text/plain"] == repr((sys.executable, False))
    assert 0 < seconds < LONGEST


# --- how they are stored --------------------------------------------------------------------------------------------
def untidy(notebook: Any) -> list[str]:
    """Return what a stored notebook should not hold, or lacks."""
    found = []
    first = notebook.cells[0] if notebook.cells else {"cell_type": "none", "source": ""}
    if first["cell_type"] != "markdown" or not first["source"].startswith("# ") or "?" not in first["source"]:
        found.append("does not open with a markdown cell, a heading and a question")
    for place, cell in enumerate(notebook.cells):
        if cell.get("outputs"):
            found.append(f"cell {place} is stored with output")
        if cell.get("execution_count") is not None:
            found.append(f"cell {place} is stored with its execution count")
        if cell["metadata"]:
            found.append(f"cell {place} has metadata: {sorted(cell['metadata'])}")
    if extra := set(notebook.metadata) - {"kernelspec", "language_info"}:
        found.append(f"metadata: {sorted(extra)}")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("is not for the kernel python3")
    if set(notebook.metadata.get("language_info", {})) - {"name"}:
        found.append("names the Python that it was run with")
    return found


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_is_stored_clean(name: str) -> None:
    text = NOTEBOOKS[name].read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert untidy(notebook) == []
    assert "her2plastic" in text
    assert str(PROJECT) not in text
    assert text.endswith("\n")


def test_untidy_notebooks_are_seen() -> None:
    cell = nbformat.v4.new_code_cell("1", execution_count=3, outputs=[nbformat.v4.new_output("stream", text="1")])
    cell.metadata["collapsed"] = True
    notebook = _of_cells(cell)
    notebook.metadata |= {"widgets": {}, "language_info": {"name": "python", "version": "3.13.1"}}
    assert len(untidy(notebook)) == 7
    clean = _of_cells(nbformat.v4.new_markdown_cell("# Draws\n\nDo cells move?"), nbformat.v4.new_code_cell("1"))
    clean.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    assert untidy(clean) == []


def _of_cells(*cells: Any) -> Any:
    return nbformat.v4.new_notebook(cells=list(cells))
