"""Matrix Market files (mtx, compressed or not) as CSR."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from her2plastic._errors import InputFileError
from her2plastic.io.opening import faults_named, is_compressed, open_decompressed
from her2plastic.io.raw_matrix import single_precision

_FIELDS = ("integer", "real", "unsigned-integer", "double")


def read_mtx(path: Path, *, cells_in: str) -> Any:
    """Read a sparse matrix as cells x genes CSR of float32.

    Parameters
    ----------
    path
        The file; gzip, bzip2 and xz are recognised by content.
    cells_in
        ``"rows"`` or ``"columns"`` of the file.
    """
    with faults_named(path, what="a Matrix Market file"), warnings.catch_warnings():
        # Of the return type, which is made a CSR below in any case; older scipy does not know the argument.
        warnings.filterwarnings("ignore", "The default value for `spmatrix`", DeprecationWarning)
        _check_banner(path)
        return _as_csr(_read(path), cells_in=cells_in)


def _check_banner(path: Path) -> None:
    """Raise an InputFileError unless the first line promises numbers for some places of a matrix."""
    with open_decompressed(path) as stream:
        banner = stream.readline(200).decode("ascii", "replace").split()
    if len(banner) < 4 or banner[0] != "%%MatrixMarket":
        raise InputFileError(f"{path}: does not begin as a Matrix Market file does ('%%MatrixMarket matrix ...').")
    if banner[2].lower() != "coordinate":
        raise InputFileError(f"{path}: is a dense Matrix Market array; expected a sparse one ('coordinate').")
    if banner[3].lower() not in _FIELDS:
        raise InputFileError(f"{path}: its values are {banner[3]!r}; expected {' or '.join(map(repr, _FIELDS[:2]))}.")


def _read(path: Path) -> Any:
    from scipy.io import mmread

    if not is_compressed(path):
        return mmread(str(path))
    with open_decompressed(path) as stream:
        return mmread(stream)


def _as_csr(matrix: Any, *, cells_in: str) -> Any:
    from scipy.sparse import coo_matrix, csr_matrix

    cell, gene = (matrix.row, matrix.col) if cells_in == "rows" else (matrix.col, matrix.row)
    shape = matrix.shape if cells_in == "rows" else matrix.shape[::-1]
    data = single_precision(matrix.data)
    if np.all(cell[1:] >= cell[:-1]):
        # Written cell by cell, as every counting program does: no sorting is needed.
        indptr = np.zeros(shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(cell, minlength=shape[0]), out=indptr[1:])
        csr = csr_matrix((data, gene.astype(np.int32, copy=False), indptr), shape=shape)
    else:
        csr = coo_matrix((data, (cell, gene)), shape=shape).tocsr()
    csr.sum_duplicates()
    return csr
