"""Small tables that people write, such as sample sheets: rows of text with their line numbers, and what is odd."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from her2plastic._errors import InputFileError
from her2plastic.io.opening import faults_named, open_decompressed, refuse_utf16


def read_text_rows(path: Path, *, what: str, columns: Sequence[str]) -> tuple[list[list[str]], list[int], list[str]]:
    """Return the rows of a table of text, the line that each begins on, and the faults of their widths.

    The header is the first row; lines above it that begin with # are left out, and so are empty ones. Commas,
    semicolons or tabs part the fields.

    Parameters
    ----------
    path
        The file: UTF-8 with or without a byte-order mark; LF, CRLF or bare CR line ends; compressed or not.
    what
        What the table is called in messages, such as ``sample sheet``.
    columns
        Names that its header may have, for the message about an empty file.

    Returns
    -------
    Rows, lines and faults; a row whose number of fields is not that of the header is a fault and left out.

    Raises
    ------
    InputFileError
        If the file is missing, empty, or no text.
    """
    if not path.is_file():
        raise InputFileError(f"{path}: no such {what}. Check the path.")
    with faults_named(path, what=f"a {what} (CSV)"), open_decompressed(path) as handle:
        content = handle.read()
        refuse_utf16(path, content)
        text = content.decode("utf-8-sig")
    if "\0" in text:
        raise InputFileError(f"{path}: holds NUL bytes; expected a CSV file.")
    text = _without_comments(text.replace("\r\n", "\n").replace("\r", "\n"))
    first = text.lstrip("\n").splitlines()[0] if text.strip() else ""
    if not first:
        raise InputFileError(f"{path}: the {what} is empty. Its header is: {', '.join(columns)}.")
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    rows: list[list[str]] = []
    lines: list[int] = []
    problems: list[str] = []
    previous = 0
    with faults_named(path, what=f"a {what} (CSV)"):
        for row in reader:
            started, previous = previous + 1, reader.line_num
            if not any(field.strip() for field in row):
                continue
            if rows and len(row) != len(rows[0]):
                problems.append(
                    f"{path.name}, line {started}: {len(row)} fields where the header has {len(rows[0])}; "
                    "check separators and quotes"
                )
                continue
            rows.append([field.strip() for field in row] if not rows else row)
            lines.append(started)
    return rows, lines, problems


def _without_comments(text: str) -> str:
    """Return text with the lines above its header that begin with # left empty, so that lines keep their numbers."""
    lines = text.split("\n")
    header = next((number for number, line in enumerate(lines) if line and not line.startswith("#")), 0)
    return "\n".join([""] * header + lines[header:])
