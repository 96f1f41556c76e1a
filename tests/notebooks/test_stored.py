"""Notebooks are stored clean: a question first, parameters that papermill finds, no output, nothing of a machine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.notebooks.stored import MARK, NOTEBOOKS, PROJECT, untidy

nbformat: Any = pytest.importorskip("nbformat", reason="nbformat is not installed")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_is_stored_clean(name: str) -> None:
    text = NOTEBOOKS[name].read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert untidy(notebook) == []
    assert "her2plastic" in text
    assert str(PROJECT) not in text
    assert text.endswith("\n")


def test_notebooks_are_numbered_in_the_order_in_which_they_are_read() -> None:
    assert [int(name.split("_")[0]) for name in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))


def test_untidy_notebooks_are_seen() -> None:
    cell = nbformat.v4.new_code_cell("1", execution_count=3, outputs=[nbformat.v4.new_output("stream", text="1")])
    cell.metadata["collapsed"] = True
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata |= {"widgets": {}, "language_info": {"name": "python", "version": "3.13.1"}}
    assert len(untidy(notebook)) == 9
    assert untidy(story("n = 1", "print(n)")) == []


@pytest.mark.parametrize(
    ("given", "after", "complaint"),
    [
        ("n = 1\nm = 2", "print(n)", "parameter m is never used"),
        ("n = 1", "n = 3\nprint(n)", "parameter n is set again further down"),
        ("n = int(1)", "print(n)", "plain value"),
        ("n += 1", "print(n)", "plain value"),
    ],
)
def test_parameters_that_could_not_be_set_are_seen(given: str, after: str, complaint: str) -> None:
    (found,) = untidy(story(given, after))
    assert complaint in found


def story(given: str, after: str) -> Any:
    """Return a clean notebook of a question, parameters, one more cell and how to go on."""
    cells = [
        nbformat.v4.new_markdown_cell("# Draws\n\nDo cells move?"),
        nbformat.v4.new_code_cell(given, metadata=MARK),
        nbformat.v4.new_code_cell(after),
        nbformat.v4.new_markdown_cell("## With your own data"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook
