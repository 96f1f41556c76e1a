"""Whether values can be counts. Told from all of them where that is quick, and from a spread of cells elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from her2plastic._errors import UnitError
from her2plastic._row_blocks import in_memory, row_blocks, stored_values, take_rows

#: No cell gives so many molecules or reads of one gene.
LARGEST_COUNT = 2.0**31
#: No logarithm of a relative expression value is larger; the largest count of a table of many genes is.
_LARGEST_LOG = 25.0
_SAMPLED_VALUES = 100_000
_SAMPLED_CELLS = 64
#: Values of a cell from which it tells whether they are multiples of the smallest.
_ENOUGH_VALUES = 20
_NAME = "`layers['counts']`"
_REMEDY = "Give it the raw counts: read the file with her2plastic.io.read_counts, which tells units apart."


def check_counts(matrix: Any, *, needed_by: str) -> None:
    """Raise UnitError for values that are no counts.

    Whole numbers are taken as they are. Fractions are allowed, as estimated counts have them (RSEM, salmon, kallisto,
    alevin), unless most values have them and they look like logarithms or like counts that were divided by their sum.

    Parameters
    ----------
    matrix
        Cells x genes, dense or sparse, in memory or not.
    needed_by
        Name of the calling function.

    Raises
    ------
    UnitError
        Values that are no numbers, missing, negative, too large, logarithms or relative values.
    """
    if matrix.dtype.kind not in "iufb":
        raise UnitError(f"{needed_by}: {_NAME} holds {matrix.dtype} values, expected numbers. {_REMEDY}")
    low, high, may_have_fractions = _seen(matrix)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnitError(
            f"{needed_by}: {_NAME} holds non-finite values, expected counts. Missing values are not zeros: leave the "
            "gene or the cell out."
        )
    if low < 0 or high >= LARGEST_COUNT:
        value, what = (low, "negative values") if low < 0 else (high, "values of more than any cell has")
        raise UnitError(f"{needed_by}: {_NAME} holds {what}, such as {value:g}: these are no counts. {_REMEDY}")
    if may_have_fractions:
        _check_fractions(matrix, high, needed_by)


def _seen(matrix: Any) -> tuple[float, float, bool]:
    """Return smallest and largest value, not a number where there is one, and whether any may have a fraction."""
    if in_memory(matrix):
        return *_range(_stored(matrix)), matrix.dtype.kind == "f"
    found = stored_values(matrix)
    return found.low, found.high, found.has_fractions


def _stored(matrix: Any) -> np.ndarray:
    return (matrix.data if hasattr(matrix, "indptr") else matrix).reshape(-1)


def _range(numbers: np.ndarray) -> tuple[float, float]:
    """Return smallest and largest value, not a number where there is one."""
    if not numbers.size:
        return 0.0, 0.0
    if numbers.dtype in (np.float32, np.float64):
        # As whole numbers of the same bits, floats keep their order, and negative, infinite and missing ones are
        # larger than any count: for a million cells, one pass instead of two.
        bits: Any = np.uint32 if numbers.dtype == np.float32 else np.uint64
        top = numbers.view(bits).max(keepdims=True)
        high = float(top.view(numbers.dtype)[0])
        if top[0] == 0 or 0 < high < LARGEST_COUNT:
            return 0.0, high
    return float(numbers.min()), float(numbers.max())


def _check_fractions(matrix: Any, high: float, needed_by: str) -> None:
    sample = _some_values(matrix)
    sample = sample[sample > 0]
    fraction = sample != np.rint(sample)
    if not fraction.any():
        return
    value = float(sample[np.argmax(fraction)])
    cells = _some_cells(matrix)
    sums = np.array([cell.sum() for cell in cells])
    if fraction.mean() > 0.5 and (high <= _LARGEST_LOG or _all_multiples(cells)):
        kind = "logarithms" if high <= _LARGEST_LOG else "counts that were divided by a size factor"
    elif len(sums) > 1 and sums.std() < 1e-3 * sums.mean():
        kind = f"relative values, as every cell sums to {sums.mean():,.0f}"
    else:
        return
    raise UnitError(f"{needed_by}: {_NAME} holds values such as {value:g}: these are {kind}, no counts. {_REMEDY}")


def _some_values(matrix: Any) -> np.ndarray:
    """Return some of the stored values, from all over the matrix."""
    if in_memory(matrix):
        numbers = _stored(matrix)
        return numbers[:: max(numbers.size // _SAMPLED_VALUES, 1)]
    sizes = [_stored(block).size for _, block in row_blocks(matrix)]
    step, parts, passed = max(sum(sizes) // _SAMPLED_VALUES, 1), [], 0
    for (_, block), size in zip(row_blocks(matrix), sizes, strict=True):
        parts.append(_stored(block)[-passed % step :: step].copy())
        passed += size
    return np.concatenate(parts)


def _some_cells(matrix: Any) -> list[np.ndarray]:
    """Return the values above 0 of some cells from all over the matrix, without those that have none."""
    chosen = np.unique(np.linspace(0, matrix.shape[0] - 1, min(_SAMPLED_CELLS, matrix.shape[0])).astype(int))
    rows = take_rows(matrix, chosen)
    if hasattr(rows, "toarray"):
        rows = rows.toarray()
    cells = [np.asarray(row, dtype=float) for row in rows]
    return [cell[cell > 0] for cell in cells if (cell > 0).any()]


def _all_multiples(cells: list[np.ndarray]) -> bool:
    """Tell whether the values of every cell are multiples of its smallest, most frequent value, which is not whole.

    That is what counts look like after division by a size factor: most of them were 1.
    """
    told = [cell for cell in cells if len(cell) >= _ENOUGH_VALUES]
    return bool(told) and all(_are_multiples(cell) for cell in told)


def _are_multiples(cell: np.ndarray) -> bool:
    unit = cell.min()
    ratio = cell / unit
    times = np.rint(ratio)
    values, numbers = np.unique(times, return_counts=True)
    whole = np.abs(ratio - times) < 1e-5 * times + 1e-4
    return bool(unit != np.rint(unit) and whole.all() and values[numbers.argmax()] == 1)
