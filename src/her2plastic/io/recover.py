"""Counts behind size-factor normalised values.

A cell whose counts were divided by one number (its size factor, or its depth) holds only integer multiples of one
smallest step. Values are stored with limited precision, so each is an interval; the question is whether one step
exists for which every interval holds an integer. Values divided by gene lengths (TPM, FPKM) have no such step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from her2plastic.io.scales import LogScale

#: The count that the smallest value of a cell may stand for; 1 in nearly every cell.
MAX_SMALLEST_COUNT = 5
#: -log of the chance that a cell of unrelated values passes, from which the cell counts as decisive.
DECISIVE = 20.0
#: Share of the cells that must be decisive on their own. The others have too few values to tell, and only must fit.
DECISIVE_SHARE = 0.5
_BLOCK_VALUES = 4_000_000
_MAX_DECIMALS = 9
_MAX_ROUNDS = 40
_MAX_TOTAL = 1e10


@dataclass(frozen=True)
class Recovery:
    """Recovered counts (CSR, float32), or None with the reason; ``details`` describes the check."""

    counts: Any
    reason: str
    details: dict[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.counts is not None


def recover_counts(values: Any, *, scale: LogScale | None, precision: float | None = None) -> Recovery:
    """Recover integer counts from normalised values, or say why they cannot be.

    Parameters
    ----------
    values
        Cells x genes, CSR or dense, as stored; duplicates of genes not yet summed.
    scale
        The logarithmic scale; None for linear values.
    precision
        Relative precision of the numbers as they came; that of their dtype if None.

    Returns
    -------
    Counts, if in every cell each value is an integer multiple of one step within the rounding of the stored decimals,
    at least half of the cells have enough different values to show it beyond chance, and the step is not just the last
    decimal of rounded values.
    """
    numbers, indices, indptr = _nonzero(values, scale)
    if numbers.size == 0:
        return Recovery(None, "no non-zero value")
    eps = (
        float(np.finfo(values.dtype if values.dtype.kind == "f" else np.float64).eps)
        if precision is None
        else precision
    )
    half_step = _half_step(numbers, eps)
    counts = np.empty(numbers.size, dtype=np.float32)
    checks: list[_Block] = []
    for first, last in _row_blocks(indptr):
        span = slice(indptr[first], indptr[last])
        block = _Block.of(numbers[span], indptr[first : last + 1] - indptr[first], scale, half_step, eps)
        if block.failed is not None:
            return Recovery(None, f"cell {first + block.failed + 1}: values are no integer multiples of one step")
        counts[span] = block.counts
        checks.append(block)
    return _judge(values, counts, indices, indptr, checks)


def _nonzero(values: Any, scale: LogScale | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the stored values above zero expression, with their genes and the start of each cell."""
    from scipy.sparse import csr_matrix

    zero = 0.0 if scale is None else scale.lowest
    if zero == 0.0:
        matrix = csr_matrix(values) if not hasattr(values, "indptr") else values
        keep = matrix.data > 0
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[keep] if not keep.all() else None
        if rows is None:
            return matrix.data, matrix.indices, np.asarray(matrix.indptr, dtype=np.int64)
        return matrix.data[keep], matrix.indices[keep], _starts(rows, matrix.shape[0])
    dense = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    rows, columns = np.nonzero(dense > zero + 1e-3)
    return dense[rows, columns], columns, _starts(rows, dense.shape[0])


def _starts(rows: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int64)


def _half_step(numbers: np.ndarray, eps: float) -> float:
    """Return half of the last decimal that the values are rounded to, or 0 where they are not."""
    for sample in (numbers[:20_000], numbers):
        for decimals in range(_MAX_DECIMALS + 1):
            scaled = sample.astype(np.float64) * 10.0**decimals
            tolerance = np.abs(scaled) * eps * 2
            if tolerance.max() > 0.02:
                return 0.0
            if np.all(np.abs(scaled - np.rint(scaled)) <= tolerance + 1e-9):
                break
        else:
            return 0.0
    return 0.5 * 10.0**-decimals


def _row_blocks(indptr: np.ndarray) -> list[tuple[int, int]]:
    """Return spans of rows of about equal numbers of values."""
    blocks, first, n = [], 0, len(indptr) - 1
    while first < n:
        last = int(np.searchsorted(indptr, indptr[first] + _BLOCK_VALUES, side="right")) - 1
        last = min(max(last, first + 1), n)
        blocks.append((first, last))
        first = last
    return blocks


@dataclass
class _Block:
    """The check of some cells. ``failed`` is the first cell without a step."""

    failed: int | None = None
    counts: Any = None
    decisive: Any = None
    low: Any = None
    high: Any = None
    resolved: int = 0

    @classmethod
    def of(
        cls, numbers: np.ndarray, indptr: np.ndarray, scale: LogScale | None, half_step: float, eps: float
    ) -> _Block:
        v = numbers.astype(np.float64)
        # Beside the decimals: a few roundings in the arithmetic that made the value, and its own storage.
        slack = (
            half_step * (1 + 1e-6) + eps * (2.0 + 2.0 * np.abs(v)) if scale else half_step * (1 + 1e-6) + 4 * eps * v
        )
        lower, upper = (v - slack, v + slack) if scale is None else (scale.linear(v - slack), scale.linear(v + slack))
        # A value within the rounding of zero says nothing, but must not divide by zero.
        lower = np.maximum(lower, np.maximum(1e-9 * upper, 1e-200))
        upper = np.maximum(upper, lower)
        filled = np.flatnonzero(np.diff(indptr) > 0)
        starts = indptr[:-1][filled]
        row = np.repeat(np.arange(len(filled)), np.diff(indptr)[filled])
        step = _find_steps(lower, upper, starts, row)
        if step.unfit.any():
            return cls(failed=int(filled[np.argmax(step.unfit)]))
        k_low, k_high, width = _windows(lower, upper, step.low[row], step.high[row])
        middle = np.sqrt(lower * upper) / np.sqrt(step.low * step.high)[row]
        counts = np.clip(np.rint(middle), k_low, k_high)
        evidence = _evidence(counts, width, row, step.smallest[row], len(filled))
        return cls(None, counts, evidence >= DECISIVE, step.low, step.high, int((k_low == k_high).sum()))


@dataclass
class _Steps:
    low: np.ndarray
    high: np.ndarray
    smallest: np.ndarray
    unfit: np.ndarray


def _find_steps(lower: np.ndarray, upper: np.ndarray, starts: np.ndarray, row: np.ndarray) -> _Steps:
    """Return the interval of the step of each cell, for the smallest count that its smallest value can stand for."""
    least_low, least_high = np.minimum.reduceat(lower, starts), np.minimum.reduceat(upper, starts)
    n = len(starts)
    found = _Steps(least_low.copy(), least_high.copy(), np.ones(n, dtype=int), np.ones(n, dtype=bool))
    for smallest in range(1, MAX_SMALLEST_COUNT + 1):
        open_rows = np.flatnonzero(found.unfit)
        if not open_rows.size:
            break
        chosen = found.unfit[row]
        local = np.searchsorted(open_rows, row[chosen])
        local_starts = np.concatenate([[0], np.flatnonzero(np.diff(local)) + 1])
        low, high, unfit = _narrow(
            lower[chosen],
            upper[chosen],
            local_starts,
            local,
            least_low[open_rows] / smallest,
            least_high[open_rows] / smallest,
        )
        fits = open_rows[~unfit]
        found.low[fits], found.high[fits], found.smallest[fits] = low[~unfit], high[~unfit], smallest
        found.unfit[fits] = False
    return found


def _narrow(
    lower: np.ndarray, upper: np.ndarray, starts: np.ndarray, row: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Narrow the interval of each cell's step by every value that only one integer fits, until nothing changes."""
    unfit = np.zeros(len(starts), dtype=bool)
    for _ in range(_MAX_ROUNDS):
        k_low, k_high, _ = _windows(lower, upper, low[row], high[row])
        unfit |= np.logical_or.reduceat(k_low > k_high, starts)
        single = (k_low == k_high) & (k_low > 0)
        k = np.maximum(k_low, 1.0)
        new_low = np.maximum(low, np.maximum.reduceat(np.where(single, lower / k, 0.0), starts))
        new_high = np.minimum(high, np.minimum.reduceat(np.where(single, upper / k, np.inf), starts))
        unfit |= new_low > new_high * (1 + 1e-12)
        new_high = np.maximum(new_high, new_low)
        changed = ((new_low - low) > 1e-12 * low) | ((high - new_high) > 1e-12 * high)
        low, high = new_low, new_high
        if not (changed & ~unfit).any():
            break
    return low, high, unfit


def _windows(
    lower: np.ndarray, upper: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the smallest and largest integer that each value can be, and the width of its window in counts."""
    least, most = lower / high, upper / low
    return np.ceil(least * (1 - 1e-12)), np.floor(most * (1 + 1e-12)), most - least


def _evidence(counts: np.ndarray, width: np.ndarray, row: np.ndarray, smallest: np.ndarray, n: int) -> np.ndarray:
    """Return -log of the chance that unrelated values fit, each different count of a cell taken once."""
    informative = (counts > smallest) & (width < 1)
    row, counts, width = row[informative], counts[informative], width[informative]
    if not row.size:
        return np.zeros(n)
    order = np.lexsort((counts, row))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(row[order]) != 0) | (np.diff(counts[order]) != 0)
    taken = order[first]
    return np.bincount(row[taken], weights=-np.log(np.maximum(width[taken], 1e-6)), minlength=n)


def _judge(values: Any, counts: np.ndarray, indices: np.ndarray, indptr: np.ndarray, checks: list[_Block]) -> Recovery:
    from scipy.sparse import csr_matrix

    decisive = np.concatenate([block.decisive for block in checks])
    low = np.concatenate([block.low for block in checks])
    high = np.concatenate([block.high for block in checks])
    if decisive.mean() < DECISIVE_SHARE:
        return Recovery(
            None,
            f"only {int(decisive.sum())} of {len(decisive)} cells have enough different values to show a common step",
        )
    matrix = csr_matrix((counts, np.asarray(indices, dtype=np.int32), indptr), shape=values.shape)
    totals = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    filled = totals[np.diff(indptr) > 0]
    if _is_last_decimal(low[decisive], high[decisive]):
        return Recovery(None, "the common step is the last decimal of rounded values")
    if (
        len(filled) > 2
        and filled.std() < 1e-3 * filled.mean()
        and np.allclose(np.log10(filled.mean()) % 1, [0], atol=5e-3)
    ):
        return Recovery(None, f"every cell sums to {filled.mean():.0f}: rounded relative values")
    if filled.max() > _MAX_TOTAL:
        return Recovery(None, f"a cell would hold {filled.max():.3g} counts")
    minima = np.minimum.reduceat(counts, indptr[:-1][np.diff(indptr) > 0])
    at_minimum = np.add.reduceat(
        counts == np.repeat(minima, np.diff(indptr)[np.diff(indptr) > 0]), indptr[:-1][np.diff(indptr) > 0]
    )
    return Recovery(
        matrix,
        "every value is an integer multiple of its cell's step",
        {
            "cells_decisive": int(decisive.sum()),
            "cells_fitting_only": int((~decisive).sum()),
            # A large count is certain to a relative error of the stored precision, not to the unit.
            "share_of_one_integer": sum(block.resolved for block in checks) / counts.size,
            "cells_with_smallest_count_above_1": int((minima > 1).sum()),
            "values_at_minimum_median": float(np.median(at_minimum)),
            "total_smallest": float(filled.min()),
            "total_largest": float(filled.max()),
        },
    )


def _is_last_decimal(low: np.ndarray, high: np.ndarray) -> bool:
    """Tell steps of 0.1, 0.01, ... that most cells share: decimals of rounded values, not size factors."""
    nearest = 10.0 ** np.rint(np.log10(np.sqrt(low * high)))
    shared = (low * (1 - 1e-6) <= nearest) & (nearest <= high * (1 + 1e-6)) & (nearest < 0.5)
    return bool(shared.mean() > 0.5)
