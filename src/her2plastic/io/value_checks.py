"""Checks of the values of a matrix, dense or sparse, without making it dense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from her2plastic._errors import InputFileError

#: No expression value is larger, whatever its unit.
LARGEST_VALUE = 2.0**40
#: No cell gives so many molecules or reads of one gene.
LARGEST_COUNT = 2.0**31
# Blocks that stay in the cache.
_BLOCK = 1 << 16


def stored(values: Any) -> np.ndarray:
    """Return the stored numbers of a matrix as a vector: the non-zero ones if sparse, all if dense."""
    return values.data if hasattr(values, "indptr") else np.asarray(values).reshape(-1)


def smallest(numbers: np.ndarray) -> float:
    """Return the smallest number (NaN if there is any), or 0 where nothing is stored."""
    return float(numbers.min()) if numbers.size else 0.0


def largest(numbers: np.ndarray) -> float:
    """Return the largest number (NaN if there is any), or 0 where nothing is stored."""
    return float(numbers.max()) if numbers.size else 0.0


def are_integers(numbers: np.ndarray) -> bool:
    """Tell whether every number is a whole one."""
    if numbers.dtype.kind in "iub":
        return True
    blocks = (numbers[start : start + _BLOCK] for start in range(0, numbers.size, _BLOCK))
    return all(bool(np.equal(np.rint(block), block).all()) for block in blocks)


def column_of(values: Any, flat: int) -> tuple[int, int]:
    """Return row and column of a position in :func:`stored`."""
    if hasattr(values, "indptr"):
        return int(np.searchsorted(values.indptr, flat, side="right")) - 1, int(values.indices[flat])
    row, column = divmod(flat, values.shape[1])
    return int(row), int(column)


def check_values(
    path: Path, values: Any, *, cells: np.ndarray, genes: np.ndarray, matrix: str = "", allow_negative: bool = False
) -> None:
    """Raise an InputFileError that names gene and cell of the first value that is not finite, negative or too large."""
    numbers = stored(values)
    low, high = smallest(numbers), largest(numbers)
    if not (np.isfinite(low) and np.isfinite(high)):
        what, faulty = "not finite", ~np.isfinite(numbers)
        remedy = "Missing values are not zeros: fill them at their source, or leave the gene or the cell out."
    elif low < 0 and not allow_negative:
        what, faulty = "negative", numbers < 0
        remedy = (
            "Expression is never negative. Logarithms of values below 1 need their offset: unit='log2', "
            "log_offset=... (the number that was added before the logarithm; log2(x + 1) is 1). Scaled or centred "
            "values cannot be used."
        )
    elif high > LARGEST_VALUE:
        what, faulty = "too large for an expression value", numbers > LARGEST_VALUE
        remedy = "Look for a lost separator, or a column that is no cell."
    else:
        return
    first = int(np.argmax(faulty))
    row, column = column_of(values, first)
    raise InputFileError(
        f"{path}{f', {matrix}' if matrix else ''}: gene {genes[column]!r}, cell {cells[row]!r}: {numbers[first]} "
        f"is {what} ({int(faulty.sum()):,} such values). {remedy}"
    )


def check_counts(path: Path, values: Any, *, cells: np.ndarray, genes: np.ndarray) -> None:
    """Raise an InputFileError for a count that no cell gives."""
    numbers = stored(values)
    if (high := largest(numbers)) > LARGEST_COUNT:
        row, column = column_of(values, int(np.argmax(numbers)))
        raise InputFileError(
            f"{path}: gene {genes[column]!r}, cell {cells[row]!r}: {high:.0f} is too large for a count (2 ** 31 at "
            "most). Look for a lost separator, or a column that is no cell."
        )
