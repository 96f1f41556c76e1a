"""Every notebook is executed in a kernel of its own; one is run by papermill with other values of its parameters."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.notebooks.stored import NOTEBOOKS, parameters

nbformat: Any = pytest.importorskip("nbformat", reason="nbformat is not installed")
pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

#: Where executed copies go, if anywhere: `make notebooks` names a folder.
EXECUTED = os.environ.get("HER2PLASTIC_EXECUTED_NOTEBOOKS", "")
#: Seconds of computing that a notebook may take on one core, whatever else the machine does meanwhile.
LONGEST = 60
#: Public data that a notebook reads where they are: the variable that names their folder, and the folder.
REAL_DATA = {"HER2PLASTIC_GSE75367": "gse75367"}
CLOCK = "import time; _seconds = time.process_time(); _seconds"
#: The notebook that papermill runs in earnest with other values than it is stored with, and without the real data.
BY_PAPERMILL = "2_jordan_2016"
OTHER_VALUES: dict[str, Any] = {"n_simulated_sets": 20}


# --- execution ----------------------------------------------------------------------------------------------------
@pytest.fixture
def real_data(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the variables that name folders of public data; none where the data are not."""
    try:
        folder: Path = request.getfixturevalue("shared_data")
    except pytest.skip.Exception:
        return {}
    return {name: str(folder / place) for name, place in REAL_DATA.items() if (folder / place).is_dir()}


def executed(notebook: Any, folder: Path, variables: dict[str, str]) -> tuple[Any, float]:
    """Return the notebook with its outputs, and the seconds of computing that it took."""
    copy = nbformat.from_dict(notebook)
    copy.cells.append(nbformat.v4.new_code_cell(CLOCK))
    source, target = folder / "stored.ipynb", folder / "executed.ipynb"
    nbformat.write(copy, source)
    line = [sys.executable, str(Path(__file__).parent / "executing.py"), str(source), str(target)]
    done = subprocess.run(line, capture_output=True, text=True, env={**os.environ, **variables})
    assert done.returncode == 0, done.stderr
    found = nbformat.read(target, as_version=4)
    seconds = float(found.cells.pop().outputs[0]["data"]["text/plain"])
    return found, seconds


def without_picture(notebook: Any) -> list[str]:
    """Return the cells of an executed notebook that draw a figure and show none."""
    drawing = [cell for cell in notebook.cells if cell.cell_type == "code" and re.search(r"\bpl\.\w+\(", cell.source)]
    return [cell.source for cell in drawing if not any("image/png" in shown for shown in _shown(cell))] or (
        [] if drawing else ["no cell draws a figure"]
    )


def _shown(cell: Any) -> list[Any]:
    return [output.get("data", {}) for output in cell.get("outputs", ())]


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
def test_notebook_runs_without_complaint(name: str, tmp_path: Path, real_data: dict[str, str]) -> None:
    notebook, seconds = executed(nbformat.read(NOTEBOOKS[name], as_version=4), tmp_path, real_data)
    if EXECUTED:
        Path(EXECUTED).mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, Path(EXECUTED) / f"{name}.ipynb")
    assert complaints(notebook) == []
    assert without_picture(notebook) == [], "a figure that is drawn is seen, without a magic"
    assert seconds < LONGEST, f"{name} computed for {seconds:.0f} s, {LONGEST} s are allowed"


def test_warnings_and_errors_of_a_notebook_are_seen(tmp_path: Path) -> None:
    cells = [
        "import os, sys, warnings\nwarnings.warn('careful')\n(sys.executable, 'DISPLAY' in os.environ)",
        "class pl:\n    draw = print\npl.draw('nothing')",
        "1 / 0",
    ]
    stored = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook, seconds = executed(stored, tmp_path, {})
    warned, failed = complaints(notebook)
    assert "UserWarning: careful" in warned
    assert failed == "ZeroDivisionError: division by zero"
    assert without_picture(notebook) == [cells[1]]
    assert notebook.cells[0].outputs[-1]["data"]["text/plain"] == repr((sys.executable, False))
    assert 0 < seconds < LONGEST


# --- other values -------------------------------------------------------------------------------------------------
@pytest.mark.skipif(find_spec("papermill") is None, reason="papermill is not installed")
def test_papermill_runs_a_notebook_with_other_values(tmp_path: Path) -> None:
    stored = parameters(nbformat.read(NOTEBOOKS[BY_PAPERMILL], as_version=4))
    assert all(stored[name] != value for name, value in OTHER_VALUES.items())
    notebook = by_papermill(NOTEBOOKS[BY_PAPERMILL], OTHER_VALUES, tmp_path)
    (injected,) = [cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", ())]
    assert all(f"{name} = {value!r}" in injected.source for name, value in OTHER_VALUES.items())
    assert complaints(notebook) == []
    assert without_picture(notebook) == []


def by_papermill(source: Path, values: dict[str, Any], folder: Path) -> Any:
    """Return what the command papermill makes of a notebook with other values, nothing left at home."""
    given = ["-y", json.dumps(values)]  # -p would take lists for text
    target = folder / "run.ipynb"
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "--cwd", str(folder), "-k", "python3"]
    homes = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    variables = {name: value for name, value in os.environ.items() if name not in REAL_DATA}
    variables |= dict.fromkeys(homes, str(folder)) | {"OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    done = subprocess.run([*command, str(source), str(target), *given], capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr
    return nbformat.read(target, as_version=4)
