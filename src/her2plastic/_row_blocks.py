"""Rows of a matrix, block by block: the one place that knows whether it is in memory, in a file, or Dask's.

Cells are looked at one after another by nearly every step, so that a matrix larger than memory is no other case: what
is in memory is looked at where it is, what is not is read block by block. Blocks follow from the shape alone, so that
no result depends on where a matrix is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from weakref import finalize

import numpy as np
from scipy import sparse

from her2plastic._errors import InputFileError, ParameterError
from her2plastic._stored_sparse import check_rows, check_stored, place_of

#: Cells x genes of a block at most, and cells: a tenth of the values of a block of single cells is not zero, which
#: makes about 50 MB.
_BLOCK_VALUES: Final = 2**26
_MOST_ROWS: Final = 8_192
_FEWEST_ROWS: Final = 1_024
#: Wanted rows of a file with a gap of so many between them are not read in one go.
_GAP: Final = 512


@dataclass(frozen=True)
class StoredValues:
    """What the stored values of a matrix are like: their smallest and largest, NaN where one is not finite."""

    low: float
    high: float
    has_fractions: bool


#: By the identity of a matrix, for as long as it lives.
_found: dict[int, StoredValues] = {}


def in_memory(matrix: Any) -> bool:
    """Tell numpy and scipy from what has still to be read."""
    return isinstance(matrix, np.ndarray) or sparse.issparse(matrix)


def row_blocks(matrix: Any) -> Iterator[tuple[slice, Any]]:
    """Yield runs of rows, in order, each dense or CSR; those of a CSR matrix in memory are no copies.

    Parameters
    ----------
    matrix
        Cells x genes: numpy, scipy, a sparse or dense data set of h5ad or zarr, or a Dask array of either.

    Raises
    ------
    ParameterError
        A matrix in a file that is stored gene by gene (CSC), of which no run of cells can be read.
    InputFileError
        A file that is damaged, or was removed or written anew since it was opened.
    """
    if not in_memory(matrix) and getattr(matrix, "format", None) == "csc":
        raise ParameterError(
            "the matrix is stored gene by gene (CSC), so that cells cannot be read in blocks: store it cell by cell "
            "(CSR), or read it into memory with `adata.to_memory()`"
        )
    if sparse.issparse(matrix) and matrix.format != "csr":
        matrix = matrix.tocsr()
    check_stored(matrix)
    n_rows, n_columns = matrix.shape
    step = int(np.clip(_BLOCK_VALUES // max(n_columns, 1), _FEWEST_ROWS, _MOST_ROWS))
    for start in range(0, n_rows, step):
        rows = slice(start, min(start + step, n_rows))
        yield rows, _run(matrix, rows)


def take_rows(matrix: Any, rows: np.ndarray) -> Any:
    """Return some rows, given by their places in ascending order, in memory."""
    if in_memory(matrix) or not len(rows):
        return _fetched(matrix[rows])
    parts = np.split(rows, np.flatnonzero(np.diff(rows) > _GAP) + 1)
    read = [_run(matrix, slice(part[0], part[-1] + 1))[part - part[0]] for part in parts]
    return sparse.vstack(read, format="csr") if sparse.issparse(read[0]) else np.concatenate(read)


def row_sums(matrix: Any) -> np.ndarray:
    """Return the sum of each row as a float vector."""
    if in_memory(matrix):
        return np.asarray(matrix.sum(axis=1), dtype=float).ravel()
    return by_rows(matrix, lambda block: np.asarray(block.sum(axis=1), dtype=float).ravel())


def column(matrix: Any, place: int) -> np.ndarray:
    """Return one column as a dense float vector."""
    if not in_memory(matrix):
        return by_rows(matrix, lambda block: column(block, place))
    values = matrix[:, [place]].toarray() if sparse.issparse(matrix) else matrix[:, place]
    return np.asarray(values, dtype=float).ravel()


def by_rows(matrix: Any, function: Any) -> np.ndarray:
    """Return ``function(block)``, an array with one entry a row, of all rows."""
    found: np.ndarray | None = None
    for rows, block in row_blocks(matrix):
        part = function(block)
        if found is None:  # filled, not joined at the end: of millions of cells there is no room for two
            found = np.empty((matrix.shape[0], *part.shape[1:]), dtype=part.dtype)
        found[rows] = part
    return function(sparse.csr_matrix(matrix.shape)) if found is None else found


def stored_values(matrix: Any) -> StoredValues:
    """Look at all stored values of a matrix that is not in memory; at the same matrix only once."""
    if id(matrix) not in _found:
        low, high, fractions = 0.0, 0.0, False
        for _, block in row_blocks(matrix):
            values = block.data if sparse.issparse(block) else block
            if values.size:
                # np.minimum and np.maximum keep what is no number
                low = float(np.minimum(low, values.min()))
                high = float(np.maximum(high, values.max()))
                fractions = fractions or (values.dtype.kind == "f" and bool((values != np.rint(values)).any()))
        _found[id(matrix)] = StoredValues(low, high, fractions)
        # the next object of this identity is another matrix
        finalize(matrix, _found.pop, id(matrix), None).atexit = False
    return _found[id(matrix)]


def _run(matrix: Any, rows: slice) -> Any:
    if not (sparse.issparse(matrix) and matrix.format == "csr"):
        return _fetched(matrix[rows]) if in_memory(matrix) else _read(matrix, rows)
    # scipy's own row slices copy; these look at the same memory
    indptr = matrix.indptr[rows.start : rows.stop + 1]
    stored = slice(indptr[0], indptr[-1])
    parts = (matrix.data[stored], matrix.indices[stored], indptr - indptr[0])
    return sparse.csr_matrix(parts, shape=(rows.stop - rows.start, matrix.shape[1]))


def _read(matrix: Any, rows: slice) -> Any:
    """Return rows of a file or of Dask, checked."""
    try:
        part = _fetched(matrix[rows])
    except (ValueError, RuntimeError, OSError, KeyError) as fault:  # what h5py, zarr and codecs raise
        raise InputFileError(
            f"{place_of(matrix)}: cells {rows.start:,} to {rows.stop:,} cannot be read ({fault}): the file is damaged, "
            "or was removed while open. Copy or write it again, and open it again."
        ) from fault
    if sparse.issparse(part):
        check_rows(part, matrix)
    return part


def _fetched(part: Any) -> Any:
    """Return rows that were asked of a file or of Dask, in memory; sparse ones as CSR."""
    if hasattr(part, "compute"):
        part = part.compute(scheduler="synchronous")
    if not sparse.issparse(part):
        return np.asarray(part)
    return part if part.format == "csr" else part.tocsr()
