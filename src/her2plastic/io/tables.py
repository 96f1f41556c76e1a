"""Plain tables of numbers: CSV, TSV and their kin, genes in rows or in columns."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from her2plastic._errors import InputFileError
from her2plastic.io.gene_names import ENSEMBL, known_share
from her2plastic.io.measures import columns_of_one_measure
from her2plastic.io.number_columns import (
    TableForm,
    check_named,
    decimal_of,
    is_missing,
    is_number,
    is_text,
    read_numbers,
)
from her2plastic.io.opening import head_lines
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions
from her2plastic.io.table_columns import (
    NO_GENE,
    is_annotation,
    is_corner,
    is_total,
    no_name,
    settled_text,
    text_columns,
    warn_of_doubtful_cells,
    widened_header,
)

_log = logging.getLogger(__name__)

_SEPARATORS = ("\t", ",", ";", " ")
#: Rows below the header that the columns are told by.
_TOLD_BY = 30
#: Lines that may stand above the header.
_TITLE_LINES = 6
_SEPARATOR_MARKS = ' \t,;"'


def is_table(lines: list[str]) -> bool:
    """Tell a table by lines of at least two fields, one below the first with a number (or what is meant for one)."""
    rows = [line for line in lines[header_line(lines) :] if line.strip() and not line.startswith("#")]
    if len(rows) < 2:
        return False
    separator = separator_of(rows)
    body = [split_line(row, separator) for row in rows[1 : 1 + _TOLD_BY]]
    alike = [fields for fields in body if len(fields) == len(body[0]) > 1]
    return any(not is_text(field) and not is_missing(field) for fields in alike for field in fields)


def read_table(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a table with one header line; which way round it lies is told from where gene names stand."""
    lines = head_lines(path)
    skip = header_line(lines)
    rows = [line for line in lines[skip:] if line.strip()]
    if len(rows) < 2:
        raise InputFileError(f"{path}: {'is empty' if not rows else 'has a header but no row below it'}.")
    separator = separator_of(rows)
    header = [name.strip() for name in split_line(rows[0], separator)]
    body = [split_line(row, separator) for row in rows[1 : 1 + _TOLD_BY]]
    header = widened_header(path, header, body, first_line=skip + 2)
    if not is_corner(header[0]) and all(is_number(field) for field in header[1:]):
        raise InputFileError(
            f"{path}: the first line ({rows[0][:60]!r}) is a name and numbers, so no header. Add a line that names the "
            "columns; HTSeq files without their last lines can be read with format='htseq'."
        )
    decimal = decimal_of(path, separator, body)
    form = TableForm(separator, skip + 1, len(header), skip + 2, decimal=decimal, header=tuple(header))
    names = text_columns(header, body, decimal)
    numbers = [index for index in range(len(header)) if index not in names]
    text, values = read_numbers(path, form, names=names, numbers=numbers)
    text = settled_text(path, form, text)
    if not numbers:
        raise InputFileError(f"{path}: no column holds numbers; the first row below the header is {rows[1][:80]!r}.")
    for index in numbers:
        if not header[index]:
            raise no_name(path, form, index)
    return _orient(path, form, options, text, numbers, values)


def _orient(
    path: Path,
    form: TableForm,
    options: ReadOptions,
    text: dict[int, np.ndarray],
    numbers: list[int],
    values: np.ndarray,
) -> RawMatrix:
    columns = np.array([form.header[index] for index in numbers], dtype=object)
    genes_in = options.genes_in
    if genes_in == "auto":
        genes_in = "rows" if max(known_share(names) for names in text.values()) >= known_share(columns) else "columns"
    if genes_in == "rows":
        kept, cells, measure = columns_of_one_measure(path, form.header, numbers, unit=options.unit)
        values = values[:, [numbers.index(index) for index in kept]] if measure else values
        columns = np.array([cells[index] for index in kept], dtype=object)
        warn_of_doubtful_cells(path, values, columns)
        symbol, by_id = _gene_columns(text)
        _check_first(path, form, text, symbol)
        check_named(path, form, symbol, text[symbol] if by_id is None else text[symbol] + text[by_id])
        raw = RawMatrix(
            values=np.ascontiguousarray(values.T), cells=columns, genes=text[symbol],
            gene_id=None if by_id is None else text[by_id], details={"genes_in": "rows"},
        )  # fmt: skip
        left = [index for index in text if index not in (symbol, by_id)]
        if measure:
            # estimated counts may be fractions; other units are checked as those of a file's name are
            raw.unit_hint = None if measure == "counts" else measure
            raw.details["measure"] = measure
            raw.details["measures_left_out"] = [form.header[index] for index in numbers if index not in kept]
    else:
        left = [index for index in text if index != 0]
        # h5ad files take no slash in the name of a column
        obs = pd.DataFrame({form.header[index].replace("/", "_"): _numbers_if_all(text[index]) for index in left})
        obs.index = pd.Index(text[0].astype(str))
        raw = RawMatrix(values=values, cells=text[0], genes=columns, obs=obs, details={"genes_in": "columns"})
    _tell_annotation(path, raw, [form.header[index] for index in left])
    _without_what_is_no_gene(raw)
    return raw


def _gene_columns(text: dict[int, np.ndarray]) -> tuple[int, int | None]:
    """Return the column with most known symbols, and the one of Ensembl ids where there is another."""
    ids = {index: np.mean([bool(ENSEMBL.match(name)) for name in names[:2000]]) for index, names in text.items()}
    by_id = max(ids, key=lambda index: ids[index])
    others = [index for index in text if ids[index] < 0.5]
    symbol = max(others, key=lambda index: known_share(text[index])) if others else by_id
    if others and known_share(text[symbol]) == 0:
        symbol = 0
    return symbol, by_id if ids[by_id] > 0.5 and by_id != symbol else None


def _check_first(path: Path, form: TableForm, text: dict[int, np.ndarray], symbol: int) -> None:
    """Raise an InputFileError where the first column may be a cell: numbers without order, before those of names."""
    if symbol == 0 or is_corner(form.header[0]) or is_annotation(form.header[0]):
        return
    if not all(is_number(field, form.decimal) for field in text[0]):
        return
    raise InputFileError(
        f"{path}, line {form.first_line - 1}, column 1: {form.header[0]!r} stands above numbers, before the genes of "
        f"column {symbol + 1} ({form.header[symbol]!r}): it may be a cell or annotation. Put the column of genes "
        "first, or name the first column 'id'."
    )


def _numbers_if_all(fields: np.ndarray) -> np.ndarray:
    """Return numbers where each field is one or is missing, else the text."""
    if all(is_number(field) or is_missing(field) for field in fields):
        return np.array([float(field) if is_number(field) else np.nan for field in fields])
    return fields


def _tell_annotation(path: Path, raw: RawMatrix, names: list[str]) -> None:
    if not names:
        return
    raw.details["annotation_columns"] = [name or "(row names)" for name in names]
    known = all(is_annotation(name) or is_corner(name) for name in names)
    what = "cells" if raw.details["genes_in"] == "rows" else "genes"
    _log.log(
        logging.INFO if known else logging.WARNING, "%s: taken as annotation, not as %s: %s", path, what,
        ", ".join(raw.details["annotation_columns"][:20]),
    )  # fmt: skip


def _without_what_is_no_gene(raw: RawMatrix) -> None:
    """Leave out sums over all genes and what counting programs counted for no gene: neither is part of the depth."""
    uncounted = np.array([bool(NO_GENE.fullmatch(str(name))) for name in raw.genes])
    special = uncounted | np.array([is_total(str(name)) for name in raw.genes])
    if not special.any():
        return
    raw.details["left_out_as_no_genes"] = [str(name) for name in raw.genes[special]]
    if uncounted.any():
        raw.details["not_counted_for_a_gene"] = float(raw.values[:, uncounted].sum())
    raw.values, raw.genes = raw.values[:, ~special], raw.genes[~special]
    if raw.gene_id is not None:
        raw.gene_id = raw.gene_id[~special]


def header_line(lines: list[str]) -> int:
    """Return the position of the header: the first line that is no comment, or one below a title.

    A title, or the size that a GCT table has above its header, fills few of the fields that the rows below have.
    """
    told = [number for number, line in enumerate(lines) if line.strip(_SEPARATOR_MARKS) and not line.startswith("#")]
    for place, number in enumerate(told[:_TITLE_LINES]):
        rows = [lines[below] for below in told[place : place + _TOLD_BY]]
        if len(rows) < 4:
            break
        if _is_alike(rows, separator_of(rows)) or not _is_above(rows, separator_of(rows[2:])):
            return number
    return told[0] if told else len(lines)


def _is_alike(rows: list[str], separator: str) -> bool:
    first, last = (len(split_line(row, separator)) for row in (rows[0], rows[-1]))
    return last > 1 and abs(first - last) <= 1 and not _is_above(rows, separator)


def _is_above(rows: list[str], separator: str) -> bool:
    """Tell whether the first of some lines fills a third of the fields of the last, or fewer."""
    first, last = (sum(bool(field.strip()) for field in split_line(row, separator)) for row in (rows[0], rows[-1]))
    return last > 2 and first <= max(1, last // 3)


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
        blanks = csv.reader([line.strip()], delimiter=" ", skipinitialspace=True)
        return [field for field in next(blanks, []) if field] if '"' in line else line.split()
    return next(csv.reader([line], delimiter=separator), [])
