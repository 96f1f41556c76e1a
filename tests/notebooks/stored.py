"""What is asked of a notebook as it is stored: its question, its parameters, and no output."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem: path for path in sorted((PROJECT / "notebooks").glob("*.ipynb"))}

#: The tag of the one cell that papermill, or a reader, changes.
PARAMETERS = "parameters"
#: What the cell may be marked with; nothing else is stored about a cell.
MARK = {"tags": [PARAMETERS]}
#: Words in a heading of the part that tells a reader how to go on.
OWN_DATA = "your own data"


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
        if cell["metadata"] and not (cell["metadata"] == MARK and cell["cell_type"] == "code"):
            found.append(f"cell {place} has metadata: {sorted(cell['metadata'])}")
    if not any(OWN_DATA in heading.lower() for heading in headings(notebook)):
        found.append(f"no heading has the words {OWN_DATA!r}")
    if extra := set(notebook.metadata) - {"kernelspec", "language_info"}:
        found.append(f"metadata: {sorted(extra)}")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("is not for the kernel python3")
    if set(notebook.metadata.get("language_info", {})) - {"name"}:
        found.append("names the Python that it was run with")
    return found + badly_parameterised(notebook)


def headings(notebook: Any) -> list[str]:
    """Return the headings of a notebook."""
    text = [cell["source"] for cell in notebook.cells if cell["cell_type"] == "markdown"]
    return [line for source in text for line in source.splitlines() if line.startswith("#")]


def parameters(notebook: Any) -> dict[str, Any]:
    """Return the parameters of a notebook by name; empty where there is not one cell of them."""
    cells = [cell for cell in notebook.cells if PARAMETERS in cell["metadata"].get("tags", ())]
    if len(cells) != 1:
        return {}
    found = {}
    for line in ast.parse(cells[0]["source"]).body:
        if not isinstance(line, ast.Assign) or not isinstance(line.targets[0], ast.Name):
            return {}
        try:
            found[line.targets[0].id] = ast.literal_eval(line.value)
        except ValueError:
            return {}
    return found


def badly_parameterised(notebook: Any) -> list[str]:
    """Return why another value of a parameter could not be set, or would change nothing."""
    named = parameters(notebook)
    if not named:
        return [f"has not one cell tagged {PARAMETERS!r} in which every line gives a plain value to a name"]
    place = next(i for i, cell in enumerate(notebook.cells) if cell["metadata"] == MARK)
    after = [cell["source"] for cell in notebook.cells[place + 1 :] if cell["cell_type"] == "code"]
    nodes = [node for source in after for node in ast.walk(ast.parse(_plain(source))) if isinstance(node, ast.Name)]
    used = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
    set_again = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    wrong = [f"parameter {name} is never used" for name in named if name not in used]
    return wrong + [f"parameter {name} is set again further down" for name in named if name in set_again]


def _plain(source: str) -> str:
    """Return the Python of a cell, without what only IPython understands."""
    return "\n".join("pass" if line.startswith(("%", "!")) else line for line in source.splitlines())
