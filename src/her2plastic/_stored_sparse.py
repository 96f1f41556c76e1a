"""Damage of sparse matrices in files, told before it is taken for counts.

A zarr folder that lacks a chunk reads as zeros, places of values that do not fit the matrix are read from anywhere in
memory, and a folder that was written anew is another cohort's under the old names of cells. None of this fails by
itself.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final
from weakref import WeakValueDictionary

import numpy as np
from scipy import sparse

from her2plastic._errors import InputFileError

_PARTS: Final = ("data", "indices", "indptr")
_REMEDY: Final = "Copy or write it again, and open it again."

_opened: WeakValueDictionary[int, Any] = WeakValueDictionary()
_ends_when_opened: dict[int, bytes] = {}
_chunks_when_opened: dict[int, int] = {}


def place_of(matrix: Any) -> str:
    """Return file and name of a matrix in a file, for messages; other matrices are named by their kind."""
    holder = getattr(matrix, "group", matrix)
    file = getattr(getattr(holder, "file", None), "filename", None) or getattr(holder, "store_path", None)
    return f"{file}, {getattr(holder, 'name', '')}" if file else f"{type(matrix).__name__} of the cells"


def check_stored(matrix: Any) -> None:
    """Raise InputFileError where a sparse matrix of a file is not whole, or not the one that was opened.

    Parameters
    ----------
    matrix
        Sparse data set of AnnData, or dense array of zarr, of which a chunk of zeros need not be there: it is only
        compared with what it was when it was opened. Anything else is not looked at.

    Raises
    ------
    InputFileError
        Chunks are missing, its parts do not fit one another, or it changed since it was first looked at.
    """
    if hasattr(matrix, "nchunks_initialized"):
        _refuse_lost_chunks(matrix)
    group = getattr(matrix, "group", None)
    if group is None or sparse.issparse(matrix):
        return
    where = place_of(matrix)
    try:
        parts = {name: group[name] for name in _PARTS}
        ends = parts["indptr"][...]
    except (KeyError, ValueError, RuntimeError, OSError) as fault:
        raise InputFileError(f"{where}: cannot be read ({fault}): damaged, or removed while open. {_REMEDY}") from fault
    n_stored = parts["data"].shape[0]
    if n_stored:
        _refuse_missing_chunks(parts, matrix.shape, where)
    fits = len(ends) == matrix.shape[0] + 1 and parts["indices"].shape[0] == n_stored
    if not (fits and ends[0] == 0 and ends[-1] == n_stored and (ends[1:] >= ends[:-1]).all()):
        raise InputFileError(
            f"{where}: the cells do not add up to the {n_stored:,} values that are stored: the file is damaged. "
            f"{_REMEDY}"
        )
    digest = hashlib.blake2b(np.ascontiguousarray(ends).data, digest_size=8).digest()
    if _opened.get(id(matrix)) is not matrix:
        _opened[id(matrix)], _ends_when_opened[id(matrix)] = matrix, digest
    elif _ends_when_opened[id(matrix)] != digest:
        raise InputFileError(f"{where}: was written anew while it was open. Open it again.")


def _refuse_lost_chunks(array: Any) -> None:
    """Refuse a dense zarr array that has fewer chunks than when it was first looked at."""
    there = array.nchunks_initialized
    if _opened.get(id(array)) is not array:
        _opened[id(array)], _chunks_when_opened[id(array)] = array, there
    elif there < _chunks_when_opened[id(array)]:
        raise InputFileError(f"{place_of(array)}: was removed, or written anew, while it was open. {_REMEDY}")


def check_rows(rows: sparse.csr_matrix, matrix: Any) -> None:
    """Raise InputFileError where rows that were read hold values of genes that there are not."""
    indices = rows.indices
    if len(indices) and (indices.min() < 0 or indices.max() >= rows.shape[1]):
        wrong = indices[(indices < 0) | (indices >= rows.shape[1])][0]
        raise InputFileError(
            f"{place_of(matrix)}: has values of gene {wrong:,}, and there are "
            f"{rows.shape[1]:,} genes: the file is damaged. {_REMEDY}"
        )


def _refuse_missing_chunks(parts: dict[str, Any], shape: tuple[int, int], where: str) -> None:
    """Refuse zarr arrays without one of their chunks, which would read as zeros."""
    for name, array in parts.items():
        if not hasattr(array, "nchunks_initialized"):  # h5ad is one file
            continue
        # a chunk that holds nothing but zeros need not be there: places, where no cell has more than one value
        may_be_zeros = name == "indices" and array.shape[0] <= shape[0]
        if array.nchunks_initialized < array.nchunks and not may_be_zeros:
            raise InputFileError(
                f"{where}: {array.nchunks - array.nchunks_initialized} of {array.nchunks} chunks of its {name} are "
                f"missing, as after a copy that was broken off. {_REMEDY}"
            )
