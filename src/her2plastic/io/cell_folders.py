"""Folders that hold a table of each cell, named by their files, as they come out of an archive of a series."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from her2plastic._errors import InputFileError
from her2plastic.io import quantifiers, tables
from her2plastic.io.number_columns import TableForm, is_number, read_numbers
from her2plastic.io.one_cell_tables import program_of, read_one_cell
from her2plastic.io.opening import head_lines
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions
from her2plastic.io.table_columns import text_columns

Reader = Callable[[Path, ReadOptions], RawMatrix]

_ENDINGS = re.compile(
    r"\.(genes\.results|ReadsPerGene\.out\.tab|txt|tsv|csv|tab|counts?|htseq|sf|fpkm_tracking)(\.(gz|bz2|xz))?$"
)
_HEAD = 40


def cell_files(path: Path) -> list[Path]:
    """Return the per-cell files of a folder that holds nothing else but hidden files; empty if it is no such folder."""
    files = sorted(item for item in path.iterdir() if not item.name.startswith(".")) if path.is_dir() else []
    if not files or not all(item.is_file() and _ENDINGS.search(item.name) for item in files):
        return []
    readers = {_reader_of(files[0])} if files else set()
    if None in readers or any(_reader_of(item) not in readers for item in files[1:]):
        return []
    return files


def read_cell_files(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a folder of tables of one cell each, named by their files."""
    files = cell_files(path)
    reader = _reader_of(files[0]) if files else None
    if reader is None:
        raise InputFileError(
            f"{path}: expected only tables of one cell each, all of one program: HTSeq, RSEM (genes.results), STAR "
            "(ReadsPerGene.out.tab), featureCounts, salmon, kallisto, StringTie, Cufflinks, or a column of genes and "
            "one of values."
        )
    parts: list[RawMatrix] = []
    for file in files:
        part = reader(file, options)
        if len(part.cells) != 1:
            raise InputFileError(f"{file}: holds {len(part.cells)} cells in a folder of one file a cell.")
        parts.append(_in_order(file, part, parts[0], files[0].name) if parts else part)
    raw = parts[0]
    raw.values = np.vstack([part.values for part in parts])
    raw.cells = np.array([quantifiers.stem(file) for file in files], dtype=object)
    raw.obs = None
    raw.details = {key: value for key, value in raw.details.items() if isinstance(value, str)} | {"n_files": len(files)}
    return raw


def _in_order(file: Path, part: RawMatrix, first: RawMatrix, first_name: str) -> RawMatrix:
    """Return a cell with its genes in the order of the first."""
    if np.array_equal(part.genes, first.genes):
        return part
    place = {gene: number for number, gene in enumerate(part.genes)}
    if len(place) < len(part.genes) or len(part.genes) != len(first.genes) or not place.keys() >= set(first.genes):
        raise InputFileError(f"{file}: its genes are not those of {first_name}; one folder is one annotation.")
    part.values = part.values[:, [place[gene] for gene in first.genes]]
    return part


def _reader_of(path: Path) -> Reader | None:
    """Return what reads a file of one cell, or None."""
    lines = head_lines(path, _HEAD)
    for recognised, reader in (
        (quantifiers.is_rsem(lines), quantifiers.read_rsem),
        (quantifiers.is_star_counts(lines), quantifiers.read_star_counts),
        (program_of(lines) is not None, read_one_cell),
        (quantifiers.is_featurecounts(lines), quantifiers.read_featurecounts),
        (_has_no_header(lines) and quantifiers.is_htseq(path, lines), quantifiers.read_htseq),
        (_has_no_header(lines), _read_two_columns),
        (_has_one_cell(lines), tables.read_table),
    ):
        if recognised:
            return reader
    return None


def _has_no_header(lines: list[str]) -> bool:
    """Tell lines of a gene and its value, or of id, symbol and value, the first of them, too."""
    rows = [line.split("\t") for line in lines if line]
    alike = len(rows) > 1 and len({len(row) for row in rows}) == 1 and len(rows[0]) in (2, 3)
    return alike and all(is_number(row[-1]) and not is_number(row[0]) for row in rows)


def _read_two_columns(path: Path, options: ReadOptions) -> RawMatrix:
    """Read genes and values without a header; of three columns the second holds symbols."""
    width = len(head_lines(path, 1)[0].split("\t"))
    form = TableForm(separator="\t", skip=0, width=width, first_line=1)
    names, numbers = read_numbers(path, form, names=list(range(width - 1)), numbers=[width - 1], genes=0)
    return quantifiers.genes_in_rows(
        numbers,
        genes=names[width - 2],
        gene_id=names[0] if width > 2 else None,
        cells=[quantifiers.stem(path)],
        unit=None,
    )


def _has_one_cell(lines: list[str]) -> bool:
    """Tell a table with a header and, beside names and annotation, one column of values."""
    rows = [line for line in lines[tables.header_line(lines) :] if line.strip() and not line.startswith("#")]
    if len(rows) < 2:
        return False
    separator = tables.separator_of(rows)
    header, *body = (tables.split_line(row, separator) for row in rows)
    if len(header) < 2 or any(len(row) != len(header) for row in body):
        return False
    return len(header) - len(text_columns(header, body, ".")) == 1
