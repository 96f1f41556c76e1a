"""Matrix Market files (mtx, compressed or not) as CSR."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from her2plastic._errors import InputFileError
from her2plastic.io.opening import faults_named, is_compressed, open_decompressed


def read_mtx(path: Path, *, cells_in: str) -> Any:
    """Read a sparse matrix as cells x genes CSR of float32.

    Parameters
    ----------
    path
        The file; gzip, bzip2 and xz are recognised by content.
    cells_in
        ``"rows"`` or ``"columns"`` of the file.
    """
    from scipy.io import mmread
    from scipy.sparse import coo_matrix, csr_matrix

    with faults_named(path, what="a Matrix Market file"), warnings.catch_warnings():
        # Of the return type, which is made a CSR below in any case; older scipy does not know the argument.
        warnings.filterwarnings("ignore", "The default value for `spmatrix`", DeprecationWarning)
        if is_compressed(path):
            with open_decompressed(path) as stream:
                matrix = mmread(stream)
        else:
            matrix = mmread(str(path))
    if not hasattr(matrix, "row"):
        raise InputFileError(f"{path}: is a dense Matrix Market array; expected a sparse one ('coordinate').")
    cell, gene = (matrix.row, matrix.col) if cells_in == "rows" else (matrix.col, matrix.row)
    shape = matrix.shape if cells_in == "rows" else matrix.shape[::-1]
    data = matrix.data.astype(np.float32, copy=False)
    if np.all(cell[1:] >= cell[:-1]):
        # Written cell by cell, as every counting program does: no sorting is needed.
        indptr = np.zeros(shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(cell, minlength=shape[0]), out=indptr[1:])
        csr = csr_matrix((data, gene.astype(np.int32, copy=False), indptr), shape=shape)
    else:
        csr = coo_matrix((data, (cell, gene)), shape=shape).tocsr()
    csr.sum_duplicates()
    return csr
