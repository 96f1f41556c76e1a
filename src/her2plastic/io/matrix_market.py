"""Matrix Market files (mtx, compressed or not) as CSR."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np

from her2plastic._errors import InputFileError
from her2plastic.io.opening import faults_named, open_decompressed
from her2plastic.io.raw_matrix import single_precision

# With the letters of nan and inf, which the checks of values name gene and cell of.
_BYTES_OF_NUMBERS = b"0123456789+-.eE \t\r\nnaifNAIF"
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

    with open_decompressed(path) as stream:
        return mmread(_Numbers(path, stream))


class _Numbers:
    """The bytes of a Matrix Market file as scipy's reader can take them.

    A byte that belongs to no number before the end of the file, and a NUL anywhere, end the whole program in it; a
    decimal point below ``integer`` ends the number. Such bytes are refused here, the last line is ended, and whole
    numbers are announced as real ones, which may hold both.
    """

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream = path, stream
        self._head = b""
        for line in iter(stream.readline, b""):
            self._head += line.replace(b"\0", b"?")
            if not line.startswith(b"%"):
                break
        banner, end, rest = self._head.partition(b"\n")
        self._head = re.sub(rb"\b(unsigned-)?integer\b", b"real", banner, flags=re.IGNORECASE) + end + rest
        self._done = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        if self._head:
            chunk = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(chunk) :]
            return chunk
        chunk = self._stream.read(size)
        if odd := chunk.translate(None, _BYTES_OF_NUMBERS):
            raise InputFileError(
                f"{self._path}: holds {odd[:1]!r} below its header, where only numbers stand. Copy or write it again."
            )
        if not chunk and not self._done:
            self._done = True
            return b"\n"
        return chunk


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
