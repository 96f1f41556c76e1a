"""Every benchmark that writes a section of the page of results is run with the others."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "benchmarks"


def test_every_section_of_the_page_is_written_by_make_bench() -> None:
    tree = ast.parse((FOLDER / "run.py").read_text(encoding="utf-8"))
    (table,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "BENCHMARKS"
    )
    sections = {path.name for path in FOLDER.glob("*.py") if '"## ' in path.read_text(encoding="utf-8")}
    assert sorted(table.values()) == sorted(sections)
