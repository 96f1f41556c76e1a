"""The page of file formats that are read."""

from __future__ import annotations

from pathlib import Path

from her2plastic.io.sniff import FORMATS
from pages.api import put

_HEAD = """# File formats

The format of a count table is told from its content, never from its name; `format=` in `io.read_counts` and a column
`format` in the sample sheet overrule it. Rows are tried from top to bottom.

| format | what it is |
|---|---|
"""


def write(path: Path) -> None:
    """Write the table of formats, in the order in which they are tried."""
    put(path, _HEAD + "\n".join(f"| `{row.name}` | {row.what} |" for row in FORMATS) + "\n")
