"""How generated pages are written: only where they changed, and tables whose cells cannot break them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def put(path: Path, text: str) -> None:
    """Write a page unless it stands there as it is, so that a second build is quick."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell(text) for text in line)} |" for line in lines) + "\n"


def cell(text: str) -> str:
    """Return a text as it may stand between two bars."""
    return " ".join(str(text).split()).replace("|", "\\|")


def hidden_toctree(pages: Iterable[str], *, depth: int = 1) -> str:
    """Return a table of contents that only the navigation shows."""
    listed = "\n".join(pages)
    return f"```{{toctree}}\n:hidden:\n:maxdepth: {depth}\n\n{listed}\n```\n"
