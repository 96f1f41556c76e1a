"""Sparse matrices in files, written run by run of cells: no more than one run is in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from her2plastic._row_blocks import row_blocks

#: Values of a chunk: 4 MB, small enough to read a block of cells without much besides.
_CHUNK: Final = 1_000_000
_ENCODING: Final = {"encoding-type": "csr_matrix", "encoding-version": "0.1.0"}


class GrowingMatrix:
    """A CSR matrix in an open h5ad or zarr file, as AnnData writes them, to which cells are added.

    Parameters
    ----------
    group
        Empty group of h5py or zarr.
    dtype
        Type of the values.
    """

    def __init__(self, group: Any, dtype: Any) -> None:
        self._group = group
        self._arrays = {
            name: _empty_array(group, name, kind)
            for name, kind in (("data", np.dtype(dtype)), ("indices", np.dtype("i4")), ("indptr", np.dtype("i8")))
        }
        self._add("indptr", np.zeros(1, dtype=np.int64))
        self.n_rows = self.n_stored = 0

    def append(self, block: Any) -> None:
        """Add the cells of a CSR matrix, its genes numbered as those of all others."""
        self._add("data", block.data)
        self._add("indices", block.indices)
        self._add("indptr", block.indptr[1:].astype(np.int64) - block.indptr[0] + self.n_stored)
        self.n_rows, self.n_stored = self.n_rows + block.shape[0], self.n_stored + len(block.data)

    def finish(self, n_genes: int) -> None:
        """Say how many genes there are, which makes it a matrix that can be read."""
        self._group.attrs.update(_ENCODING)
        self._group.attrs["shape"] = _shape(self._group, (self.n_rows, n_genes))

    def _add(self, name: str, values: np.ndarray) -> None:
        array = self._arrays[name]
        start = array.shape[0]
        if len(values):
            array.resize((start + len(values),))
            array[start:] = values


def copy_matrix(matrix: Any, group: Any) -> None:
    """Write a sparse or dense matrix that is not in memory, block by block of cells."""
    growing = GrowingMatrix(group, matrix.dtype)
    for _, block in row_blocks(matrix):
        growing.append(_as_csr(block))
    growing.finish(matrix.shape[1])


def _as_csr(block: Any) -> Any:
    from scipy.sparse import csr_matrix, issparse

    return block if issparse(block) else csr_matrix(block)


def _empty_array(group: Any, name: str, dtype: np.dtype[Any]) -> Any:
    make: Callable[..., Any] | None = getattr(group, "create_array", None)
    if make is not None:
        return make(name, shape=(0,), chunks=(_CHUNK,), dtype=dtype)
    return group.create_dataset(
        name, shape=(0,), maxshape=(None,), chunks=(_CHUNK // 10,), dtype=dtype, compression="gzip", compression_opts=1
    )


def _shape(group: Any, shape: tuple[int, int]) -> Any:
    """Return a shape as the file has it: zarr keeps attributes as JSON."""
    return list(shape) if hasattr(group, "create_array") else np.array(shape)
