"""Columns of text and of numbers of a text table whose form is known, and what a number looks like."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from her2plastic._errors import InputFileError
from her2plastic.io.opening import ends_with_line_end, faults_named, open_decompressed

_log = logging.getLogger(__name__)

# A no-break space is part of a field: no number holds one.
_BLANKS = " \t\r"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
_LIKE_A_NUMBER = re.compile(r"[+-]?[\d.,'’\s]*\d[\d.,'’\s]*%?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[.,]\d{3})+", re.ASCII)
_MISSING = {
    *("", "na", "nan", "n/a", "null", "none", "inf", "-inf", "-"),
    *("#n/a", "#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!"),
}


@dataclass(frozen=True)
class TableForm:
    """How a text table is laid out. ``first_line`` is the line number of its first row of numbers."""

    separator: str
    skip: int
    width: int
    first_line: int
    rows: int | None = None
    decimal: str = "."
    header: tuple[str, ...] = ()

    def place(self, row: int, column: int, label: str = "") -> str:
        """Return in words where a field stands."""
        named = f" ({self.header[column]!r})" if self.header else ""
        return f"line {self.first_line + row}{f' ({label!r})' if label else ''}, column {column + 1}{named}"


# --- what a number looks like ---
def is_number(field: str, decimal: str = ".") -> bool:
    """Tell a number in plain or scientific notation."""
    field = field.strip(_BLANKS)
    if decimal == ",":
        field = field.replace(".", "?").replace(",", ".")
    return bool(_NUMBER.fullmatch(field))


def is_missing(field: str) -> bool:
    """Tell a word (or nothing) that stands for a missing value."""
    return field.strip().lower() in _MISSING


def is_text(field: str, decimal: str = ".") -> bool:
    """Tell words from numbers, missing values, and numbers in a form that is not read (``1,234,567``, ``12 %``)."""
    field = field.strip()
    return not (is_number(field, decimal) or is_missing(field) or _LIKE_A_NUMBER.fullmatch(field))


def decimal_of(path: Path, separator: str, rows: list[list[str]]) -> str:
    """Return the decimal separator of the first rows.

    A comma is one where commas do not part the columns. Where every comma (or, in a table of semicolons, every point)
    stands before three digits, it may as well part thousands, and that is an InputFileError.
    """
    if separator == ",":
        return "."
    fields = [field.strip() for row in rows for field in row[1:]]
    with_comma = [field for field in fields if _COMMA_NUMBER.fullmatch(field)]
    with_point = [field for field in fields if "." in field and is_number(field)]
    doubtful = with_comma or (with_point if separator == ";" else [])
    if doubtful and all(_THOUSANDS.fullmatch(field) for field in doubtful):
        raise InputFileError(
            f"{path}: {doubtful[0]!r} may be {re.sub('[.,]', '', doubtful[0])} or {doubtful[0].replace(',', '.')}: "
            "nothing in the first lines tells thousands from decimals. Write numbers with a decimal point and without "
            "thousands separators, in columns separated by commas or tabs."
        )
    return "," if with_comma else "."


# --- reading ---
def read_numbers(
    path: Path, form: TableForm, *, names: list[int], numbers: list[int], genes: int | None = None
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Read text columns and number columns of a table without a header.

    ``genes`` is the text column in which no field may be empty.

    Returns
    -------
    The text columns by their position (surrounding blanks removed), and the numbers as float64, rows as in the file.
    """
    types = {index: str if index in set(names) else np.float64 for index in (*names, *numbers)}
    with faults_named(path, what="a table"), open_decompressed(path) as handle:
        try:
            frame = _parse(handle, form, types)
        except ValueError as fault:
            if not re.search(r"could not convert|cannot safely convert|[Uu]nable to parse|invalid literal", str(fault)):
                raise
            raise _not_a_number(path, form, names=names, numbers=numbers) from fault
    if frame.empty:
        raise InputFileError(f"{path}: has a header but no row below it.")
    _check_whole(path, form, frame)
    text = {index: frame[index].fillna("").str.strip(_BLANKS).to_numpy(dtype=object) for index in names}
    _check_lines(path, form, text)
    if genes is not None:
        check_named(path, form, genes, text[genes])
    return text, frame[numbers].to_numpy(dtype=np.float64)


def _parse(handle: Any, form: TableForm, types: Mapping[int, Any]) -> pd.DataFrame:
    # Without names or usecols, pandas checks that no row has more fields than the first.
    return pd.read_csv(
        handle,
        sep=r"\s+" if form.separator == " " else form.separator,
        header=None,
        skiprows=form.skip,
        nrows=form.rows,
        dtype={index: types.get(index, str) for index in range(form.width)},
        na_filter=False,
        encoding="utf-8-sig",
        decimal=form.decimal,
        low_memory=False,
    )


def _check_whole(path: Path, form: TableForm, frame: pd.DataFrame) -> None:
    """Raise an InputFileError for rows that end before the last column; log a last line that nothing ends."""
    narrow = frame.shape[1] < form.width
    # In the table of a counting program no field is empty; in a general one it may be.
    last: Any = frame.iloc[-1, -1]
    cut = not form.header and bool(last == "" or pd.isna(last))
    if narrow or cut:
        raise InputFileError(
            f"{path}, line {form.first_line + (0 if narrow else len(frame) - 1)}: ends before column {form.width}. "
            "Check the separator, and that the file is whole."
        )
    if form.rows is None and not ends_with_line_end(path):
        _log.warning("%s: nothing ends its last line; if the file is cut short there, its last number may be too", path)


def _check_lines(path: Path, form: TableForm, text: Mapping[int, np.ndarray]) -> None:
    """Raise an InputFileError for a name over several lines: a quote that is never closed swallows rows."""
    for index, column in text.items():
        broken = [row for row, field in enumerate(column) if "\n" in field or "\r" in field]
        if broken:
            raise InputFileError(
                f"{path}, {form.place(broken[0], index)}: {column[broken[0]][:40]!r} runs over several lines. "
                "Remove or close the quotes."
            )


def check_named(path: Path, form: TableForm, column: int, names: np.ndarray) -> None:
    """Raise an InputFileError for a row whose gene has no name."""
    unnamed = np.flatnonzero(names == "")
    if unnamed.size:
        raise InputFileError(
            f"{path}, {form.place(int(unnamed[0]), column)}: the gene has no name ({unnamed.size:,} of {len(names):,} "
            "rows). Name every gene at its source, or leave the row out."
        )


def _not_a_number(path: Path, form: TableForm, *, names: list[int], numbers: list[int]) -> InputFileError:
    """Return the error that names the first field that is no number, after a second, slower reading as text."""
    with open_decompressed(path) as handle:
        frame = _parse(handle, form, dict.fromkeys((*names, *numbers), str))
    for index in numbers:
        bad = [row for row, field in enumerate(frame[index]) if not _is_finite(field, form.decimal)]
        if bad:
            label = str(frame[names[0]].iloc[bad[0]]) if names else ""
            return no_number(path, form, bad[0], index, str(frame[index].iloc[bad[0]]), label=label)
    return InputFileError(f"{path}: a field is not a number.")


def _is_finite(field: str, decimal: str) -> bool:
    return is_number(field, decimal) and np.isfinite(float(field.replace(decimal, ".")))


def no_number(path: Path, form: TableForm, row: int, column: int, field: str, *, label: str = "") -> InputFileError:
    """Return the error for a field among numbers that is none."""
    if is_missing(field):
        what = "a missing value"
        remedy = "Missing values are not zeros: fill them at their source, or leave the gene or the cell out"
    else:
        what = "not a number"
        remedy = "Correct it at its source. A line that tells of the cells and not of a gene has to be taken out"
    return InputFileError(f"{path}, {form.place(row, column, label)}: {field!r} is {what}. {remedy}.")
