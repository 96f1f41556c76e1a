"""A Matrix Market file between files of names, as R and others export it: under any names, either way round."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import numpy as np

from her2plastic._errors import InputFileError
from her2plastic.io.matrix_market import read_mtx
from her2plastic.io.opening import read_lines
from her2plastic.io.raw_matrix import RawMatrix, ReadOptions, check_shape

_MATRIX = re.compile(r"\.mtx(\.gz)?$")
_NAMES = re.compile(r"\.(tsv|csv|txt)(\.gz)?$")
_GENES = re.compile(r"gene|feature|rowname|rows", re.IGNORECASE)
_CELLS = re.compile(r"barcode|cell|colname|cols", re.IGNORECASE)


def find_named(path: Path) -> tuple[Path, Path, Path] | None:
    """Return the one matrix of a folder (or the matrix file given) with its files of genes and of cells, or None.

    Where a name says both (``genes_of_cells.tsv``), or two files may be the same, none is taken.
    """
    folder = path if path.is_dir() else path.parent
    files = sorted(item for item in folder.iterdir() if item.is_file() and not item.name.startswith("."))
    matrices = [item for item in files if _MATRIX.search(item.name)] if path.is_dir() else [path]
    names = [item for item in files if _NAMES.search(item.name)]
    # what all names begin with says nothing: a project may be called after cells or genes
    common = len(os.path.commonprefix([item.name for item in (*names, *matrices)]))
    genes = [item for item in names if _GENES.search(item.name[common:])]
    cells = [item for item in names if _CELLS.search(item.name[common:]) and item not in genes]
    if len(matrices) != 1 or len(genes) != 1 or len(cells) != 1:
        return None
    return matrices[0], genes[0], cells[0]


def read_named_matrix(path: Path, options: ReadOptions) -> RawMatrix:
    """Read a matrix and its two files of names; cells stand where their number fits."""
    found = find_named(path)
    if found is None:
        raise InputFileError(
            f"{path}: expected one .mtx file, one file of names of genes (or features) and one of cells (or barcodes)."
        )
    matrix, genes_file, cells_file = found
    values = read_mtx(matrix, cells_in="columns")
    genes, cells = _columns(genes_file), _columns(cells_file)
    genes, cells = _without_header(genes, values.shape), _without_header(cells, values.shape)
    turned = values.shape == (len(genes), len(cells)) != (len(cells), len(genes))
    if turned:
        values = values.T.tocsr()
    check_shape(
        matrix, values, n_cells=len(cells), n_genes=len(genes), cells_from=cells_file.name, genes_from=genes_file.name
    )
    gene_id, symbol = _ids_and_symbols(genes)
    details = {"matrix_file": matrix.name, "genes_in": "columns" if turned else "rows"}
    return RawMatrix(values=values, cells=_names(cells), genes=symbol, gene_id=gene_id, details=details)


def _columns(path: Path) -> list[list[str]]:
    separator = "," if re.search(r"\.csv(\.gz)?$", path.name) else "\t"
    return [[field.strip() for field in row] for row in csv.reader(read_lines(path), delimiter=separator) if row]


def _without_header(rows: list[list[str]], shape: tuple[int, int]) -> list[list[str]]:
    return rows[1:] if len(rows) not in shape and len(rows) - 1 in shape else rows


def _ids_and_symbols(rows: list[list[str]]) -> tuple[np.ndarray | None, np.ndarray]:
    """Return ids and symbols of two columns, or symbols alone; numbers of rows before them are left out."""
    rows = [row[1:] if len(row) > 1 and row[0].isdigit() else row for row in rows]
    if not all(len(row) > 1 and row[1] for row in rows):
        return None, _names(rows)
    return _names(rows), np.array([row[1] for row in rows], dtype=object)


def _names(rows: list[list[str]]) -> np.ndarray:
    rows = [row[1:] if len(row) > 1 and row[0].isdigit() else row for row in rows]
    return np.array([row[0] for row in rows], dtype=object)
