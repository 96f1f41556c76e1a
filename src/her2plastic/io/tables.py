"""Plain tables of numbers: CSV, TSV and their kin, genes in rows or in columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from her2plastic._errors import InputFileError
from her2plastic.io.gene_names import ENSEMBL, known_share
from her2plastic.io.opening import faults_named, head_lines, open_decompressed
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions

_SEPARATORS = ("\t", ",", ";", " ")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
_MISSING = {"", "na", "nan", "n/a", "null", "none", "inf", "-inf", "#n/a", "-"}
# Columns of gene tables that hold no expression.
_ANNOTATION = {
    "chr",
    "chrom",
    "chromosome",
    "start",
    "end",
    "strand",
    "length",
    "width",
    "gene_length",
    "effective_length",
    "entrez",
    "entrezid",
    "entrez_id",
    "entrezgene",
    "gene_biotype",
    "gene_type",
    "biotype",
    "description",
}
# What stands above a column of names. Below another word, columns called 1, 2, 3 are not told from a row of numbers.
_CORNERS = {
    *("", "unnamed: 0", "rownames", "row.names", "id", "id_ref", "name", "index"),
    *("gene", "genes", "gene_id", "geneid", "gene_name", "genename", "gene_symbol", "symbol", "symbols", "hgnc_symbol"),
    *("ensembl", "ensembl_id", "cell", "cells", "cell_id", "cellid", "barcode", "barcodes", "sample", "sample_id"),
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


def read_numbers(
    path: Path, form: TableForm, *, names: list[int], numbers: list[int]
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Read text columns and number columns of a table without a header.

    Returns
    -------
    The text columns by their position (surrounding blanks removed), and the numbers as float64, rows as in the file.
    """
    types = {index: str if index in set(names) else np.float64 for index in (*names, *numbers)}
    with faults_named(path, what="a table"), open_decompressed(path) as handle:
        try:
            frame = _parse(handle, form, types)
        except ValueError as fault:
            if not re.search(r"could not convert|[Uu]nable to parse|invalid literal", str(fault)):
                raise
            raise _not_a_number(path, form, names=names, numbers=numbers) from fault
    if frame.empty:
        raise InputFileError(f"{path}: has a header but no row below it.")
    text = {index: frame[index].str.strip().to_numpy(dtype=object) for index in names}
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


def _not_a_number(path: Path, form: TableForm, *, names: list[int], numbers: list[int]) -> InputFileError:
    """Return the error that names the first field that is no number, after a second, slower reading as text."""
    with open_decompressed(path) as handle:
        frame = _parse(handle, form, dict.fromkeys((*names, *numbers), str))
    for index in numbers:
        column = frame[index].str.strip().str.replace(form.decimal, ".", regex=False)
        bad = ~column.str.fullmatch(_NUMBER.pattern)
        if bad.any():
            row = int(np.argmax(bad.to_numpy()))
            shown = frame[index].iloc[row]
            label = f" ({frame[names[0]].iloc[row]!r})" if names else ""
            what = "a missing value" if shown.strip().lower() in _MISSING else "not a number"
            return InputFileError(
                f"{path}, line {form.first_line + row}{label}, column {index + 1}: {shown!r} is {what}. Missing "
                "values are "
                "not zeros: fill them at their source, or leave the gene or the cell out."
            )
    return InputFileError(f"{path}: a field is not a number.")


# --- the general table ---
def is_table(lines: list[str]) -> bool:
    """Tell a table by two lines of at least two fields, the second with a number."""
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    if len(rows) < 2:
        return False
    fields = split_line(rows[1], separator_of(rows))
    return len(fields) > 1 and any(_is_number(field) for field in fields)


def read_table(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a table with one header line; which way round it lies is told from where gene names stand."""
    lines = head_lines(path)
    skip = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    rows = [line for line in lines[skip:] if line.strip()]
    if len(rows) < 2:
        raise InputFileError(f"{path}: {'is empty' if not rows else 'has a header but no row below it'}.")
    separator = separator_of(rows)
    header, body = split_line(rows[0], separator), [split_line(row, separator) for row in rows[1:]]
    if len(body[0]) == len(header) + 1:
        header = ["", *header]  # as write.table of R writes row names
    if header[0].strip().lower() not in _CORNERS and all(_is_number(field) for field in header[1:]):
        raise InputFileError(
            f"{path}: the first line ({rows[0][:60]!r}) is a name and numbers, so no header. Add a line that names the "
            "columns; HTSeq files without their last lines can be read with format='htseq'."
        )
    _check_widths(path, header, body, first_line=skip + 2)
    decimal = "," if separator == ";" and any(_COMMA_NUMBER.fullmatch(field) for field in body[0]) else "."
    form = TableForm(separator, skip + 1, len(header), skip + 2, decimal=decimal)
    names = _text_columns(header, body, decimal)
    numbers = [index for index in range(len(header)) if index not in names]
    if not numbers:
        raise InputFileError(f"{path}: no column holds numbers; the first row below the header is {rows[1][:80]!r}.")
    text, values = read_numbers(path, form, names=names, numbers=numbers)
    return _orient(path, options, header, text, numbers, values)


def _check_widths(path: Path, header: list[str], body: list[list[str]], *, first_line: int) -> None:
    for offset, fields in enumerate(body):
        if len(fields) != len(header):
            raise InputFileError(
                f"{path}, line {first_line + offset}: {len(fields)} fields where the header has {len(header)}. "
                "Check the separator and quotes, and that the file is whole."
            )


def _text_columns(header: list[str], body: list[list[str]], decimal: str) -> list[int]:
    """Return the columns of names: the first, and every other whose first rows hold text."""
    found = [0]
    for index in range(1, len(header)):
        fields = [row[index].replace(decimal, ".") for row in body]
        if any(not _is_number(field) and field.strip().lower() not in _MISSING for field in fields):
            found.append(index)
    return found


def _orient(
    path: Path,
    options: ReadOptions,
    header: list[str],
    text: dict[int, np.ndarray],
    numbers: list[int],
    values: np.ndarray,
) -> RawMatrix:
    columns = np.array([header[index] for index in numbers], dtype=object)
    genes_in = options.genes_in
    if genes_in == "auto":
        genes_in = "rows" if max(known_share(names) for names in text.values()) >= known_share(columns) else "columns"
    if genes_in == "columns":
        obs = pd.DataFrame({header[index] or f"column_{index}": names for index, names in text.items() if index != 0})
        obs.index = pd.Index(text[0].astype(str))
        return RawMatrix(values=values, cells=text[0], genes=columns, obs=obs, details={"genes_in": "columns"})
    kept = [place for place, name in enumerate(columns) if str(name).strip().lower() not in _ANNOTATION]
    left_out = [str(name) for name in columns if str(name).strip().lower() in _ANNOTATION]
    genes, gene_id = _gene_columns(text)
    raw = RawMatrix(
        values=np.ascontiguousarray(values[:, kept].T),
        cells=columns[kept],
        genes=genes,
        gene_id=gene_id,
        details={"genes_in": "rows"},
    )
    if left_out:
        raw.details["columns_left_out"] = left_out
    return raw


def _gene_columns(text: dict[int, np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the column with most known symbols, and the one of Ensembl ids where there is another."""
    ids = {index: np.mean([bool(ENSEMBL.match(name)) for name in names[:2000]]) for index, names in text.items()}
    by_id = max(ids, key=lambda index: ids[index])
    others = [index for index in text if ids[index] < 0.5]
    symbol = max(others, key=lambda index: known_share(text[index])) if others else by_id
    if others and known_share(text[symbol]) == 0:
        symbol = 0
    return text[symbol], text[by_id] if ids[by_id] > 0.5 and by_id != symbol else None


def separator_of(lines: list[str]) -> str:
    """Return the separator that splits the first lines into most fields, the same number in each.

    Blanks are tried last: they also stand in names.
    """
    best, most = "", 1
    for separator in _SEPARATORS:
        widths = [len(split_line(line, separator)) for line in lines[:10]]
        steady = len(set(widths[1:] or widths)) == 1 and abs(widths[0] - widths[-1]) <= 1
        if steady and min(widths) > most and not (separator == " " and best):
            best, most = separator, min(widths)
    return best or max(_SEPARATORS, key=lines[0].count)


def split_line(line: str, separator: str) -> list[str]:
    """Split one line of a table, minding quotes."""
    if separator == " ":
        return line.split()
    return next(csv.reader([line], delimiter=separator), [])


def _is_number(field: str) -> bool:
    return bool(_NUMBER.fullmatch(field.strip()))
