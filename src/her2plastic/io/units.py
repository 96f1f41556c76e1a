"""The unit of expression values: said, fixed by the format, or told from the values."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from her2plastic._errors import DataWarning, UnitError
from her2plastic.io.raw_matrix import RawMatrix
from her2plastic.io.recover import Recovery, recover_counts
from her2plastic.io.scales import log_scale
from her2plastic.io.unit_hints import (
    LARGEST_LOG,
    LOGS,
    MANY_GENES,
    OPTIONS,
    SMALL_MAXIMUM,
    believed,
    check_whole,
    hint_of,
)
from her2plastic.io.value_checks import are_integers, column_of, largest, smallest, stored

#: ln(10 ** 6 + 1): no natural logarithm of a CPM or TPM is larger.
_LARGEST_LN_OF_CPM = 13.82
MILLION = 1e6
#: Cells whose sums are looked at to tell counts from rounded relative values.
_TOLD_BY = 100
#: Spread of the sums of cells below which they are the same number.
_SAME_SUM = 0.005
#: log(x + 1) of a table with many genes is 0 somewhere: each has a gene that is expressed below one unit.
_LEAST_ABOVE_FLOOR = 1.0


@dataclass(frozen=True)
class Settled:
    """The unit of a matrix, how it was settled, and the counts behind it where they could be recovered."""

    unit: str
    unit_from: str
    recovery: Recovery


_NOT_TRIED = Recovery(None, "not tried: the unit is not one of normalised counts")
_RECOVERABLE = ("cpm", "log2", "ln")


def settle_unit(path: Path, raw: RawMatrix, *, said: str, log_offset: float) -> Settled:
    """Return the unit of a matrix.

    Parameters
    ----------
    path
        The file; its name may hold the unit.
    raw
        The matrix, checked to be finite.
    said
        One of the known units, or ``"auto"``.
    log_offset
        What was added before the logarithm.

    Raises
    ------
    UnitError
        Where the values contradict what was said, or do not tell their unit.
    """
    if raw.recovery is not None and raw.unit is not None and said in ("auto", "counts"):
        return Settled(raw.unit, "values: counts lie behind them", raw.recovery)
    if said != "auto":
        return _as_said(path, raw, said, log_offset)
    numbers = stored(raw.values)
    whole = are_integers(numbers)
    # A format of counts may hold other values: normalised ones are written in it too.
    if raw.unit is not None and (raw.unit != "counts" or raw.estimated or whole):
        return Settled(raw.unit, "format", _NOT_TRIED)
    hint, hint_from = hint_of(path, raw.unit_hint)
    if whole:
        if "matrix" not in raw.details:
            check_whole(path, hint)
        return _integers(path, raw, numbers)
    hint = believed(path, hint, top=largest(numbers), n_genes=raw.values.shape[1])
    if largest(numbers) <= LARGEST_LOG and (hint is None or hint in LOGS):
        return _logs(path, raw, hint, hint_from, log_offset)
    return _linear(path, raw, hint, hint_from)


def _as_said(path: Path, raw: RawMatrix, unit: str, log_offset: float) -> Settled:
    numbers = stored(raw.values)
    top, n_genes = largest(numbers), raw.values.shape[1]
    if raw.unit == "counts" and unit not in ("counts", "auto") and are_integers(numbers):
        raise UnitError(
            f"{path}: said to be {unit!r}, but this format and its whole numbers are counts. Leave unit='auto'."
        )
    if unit in ("log2", "ln") and top > LARGEST_LOG:
        row, column = column_of(raw.values, int(np.argmax(numbers)))
        raise UnitError(
            f"{path}: said to be {unit!r}, but gene {raw.genes[column]!r}, cell {raw.cells[row]!r} holds {top:g}, "
            "which is "
            f"no logarithm of an expression value. Options: {OPTIONS}."
        )
    if unit in ("cpm", "tpm", "fpkm") and top <= SMALL_MAXIMUM and n_genes >= MANY_GENES:
        raise UnitError(
            f"{path}: said to be {unit!r}, but the largest of {n_genes:,} genes is {top:g}: these look like "
            "logarithms. "
            "Say unit='log2' or 'ln', or take the values before the logarithm."
        )
    if unit in ("cpm", "tpm") and np.median(_sums(raw.values)) > 1.05 * MILLION:
        raise UnitError(
            f"{path}: said to be {unit!r}, but cells sum to {np.median(_sums(raw.values)):,.0f} (median), more "
            "than a million."
        )
    if unit in ("cpm", "tpm"):
        _check_per_million(path, raw, unit)
    if unit == "counts" and not raw.estimated and not are_integers(numbers):
        _check_estimated(path, raw, numbers)
    recovery = _NOT_TRIED
    if unit in _RECOVERABLE:
        recovery = recover_counts(raw.values, scale=log_scale(unit, log_offset))
    return Settled(unit, "said", recovery)


def _check_estimated(path: Path, raw: RawMatrix, numbers: np.ndarray) -> None:
    """Accept fractions as estimated counts (RSEM, salmon, kallisto), but no logarithms and no relative values."""
    fraction = np.not_equal(np.rint(numbers), numbers)
    row, column = column_of(raw.values, int(np.argmax(fraction)))
    sums = _sums(raw.values)
    place = f"gene {raw.genes[column]!r}, cell {raw.cells[row]!r}: {numbers[np.argmax(fraction)]:g}"
    if largest(numbers) <= SMALL_MAXIMUM and raw.values.shape[1] >= MANY_GENES:
        raise UnitError(
            f"{path}: said to be counts, but {place} is not whole and no value is above 25: these are logarithms."
        )
    if len(sums) > 1 and sums.mean() > 0 and sums.std() < 1e-3 * sums.mean():
        raise UnitError(
            f"{path}: said to be counts, but {place} is not whole and every cell sums to {sums.mean():,.0f}: these are "
            f"relative values. Options: {OPTIONS}."
        )


def _check_per_million(path: Path, raw: RawMatrix, unit: str) -> None:
    """Raise a UnitError where every cell sums to the same, which is not a million: counts per 10,000 are usual, too."""
    sums = _sums(raw.values)
    filled = sums[sums > 0]
    same = len(filled) > 2 and filled.std() < _SAME_SUM * filled.mean()
    if same and abs(filled.mean() - MILLION) > 0.05 * MILLION:
        raise UnitError(
            f"{path}: taken for {unit!r}, but every cell sums to {filled.mean():,.0f}, not to a million. Multiply the "
            f"values by {MILLION / filled.mean():g}, or give the counts."
        )


def _integers(path: Path, raw: RawMatrix, numbers: np.ndarray) -> Settled:
    sums = _sums(raw.values[:_TOLD_BY])
    filled = sums[sums > 0]
    if len(filled) > 2 and np.all(np.abs(filled - MILLION) < 0.01 * MILLION):
        raise UnitError(
            f"{path}: the values are whole, but every cell sums to a million: rounded CPM or TPM, not counts. "
            "Say unit='cpm' or 'tpm', or read the counts."
        )
    return Settled("counts", "values: non-negative integers", _NOT_TRIED)


def _logs(path: Path, raw: RawMatrix, hint: str | None, hint_from: str, log_offset: float) -> Settled:
    """Tell log2 from ln: by a hint, by counts that one of them gives, by equal sums, or by a value too large for ln."""
    recoveries = {}
    for unit in [hint] if hint else ["log2", "ln"]:
        recoveries[unit] = recover_counts(raw.values, scale=log_scale(unit, log_offset))
        if recoveries[unit]:
            return Settled(
                unit, hint_from if hint else f"values: {unit} of size-factor normalised counts", recoveries[unit]
            )
    if hint:
        return Settled(hint, hint_from, recoveries[hint])
    for unit in ("log2", "ln"):
        sums = _linear_sums(raw.values, unit, log_offset)
        filled = sums[sums > 0]
        if len(filled) > 2 and filled.std() < _SAME_SUM * filled.mean():
            return Settled(unit, f"values: as {unit}, every cell sums to the same", recoveries[unit])
    if largest(stored(raw.values)) > _LARGEST_LN_OF_CPM and raw.values.shape[1] >= MANY_GENES:
        return Settled("log2", "values: too large for natural logarithms", recoveries["log2"])
    raise UnitError(
        f"{path}: the values are not whole and at most {largest(stored(raw.values)):g}: logarithms, but of which "
        f"base the values do not tell. Say unit='log2' or 'ln' (log10: after multiplying them by 3.321928, 'log2'; or, "
        f"if they are no logarithms, one of {OPTIONS})."
    )


def _linear(path: Path, raw: RawMatrix, hint: str | None, hint_from: str) -> Settled:
    sums = _sums(raw.values)
    filled = sums[sums > 0]
    million = len(filled) > 0 and np.all(np.abs(filled - MILLION) < 0.01 * MILLION)
    if million and hint in (None, "cpm"):
        recovery = recover_counts(raw.values, scale=None)
        if recovery or hint:
            return Settled("cpm", hint_from or "values: cells sum to a million, and counts fit", recovery)
    if hint in ("tpm", "fpkm", "cpm"):
        if hint != "fpkm":
            _check_per_million(path, raw, hint)
        return Settled(hint, hint_from, _NOT_TRIED)
    if million:
        return Settled("tpm", "values: cells sum to a million, and no counts fit", _NOT_TRIED)
    recovery = recover_counts(raw.values, scale=None)
    if recovery and _divided_by_cell(sums, _sums(recovery.counts)):
        raw.values = recovery.counts
        return Settled("counts", "values: counts lie behind them, divided by one number a cell", recovery)
    raise UnitError(
        f"{path}: the values are not whole (so no counts), too large for logarithms (up to "
        f"{largest(stored(raw.values)):g}), "
        f"and cells do not sum to a million (so neither CPM nor TPM of all genes). Say the unit: one of {OPTIONS}."
    )


def _divided_by_cell(sums: np.ndarray, counts: np.ndarray) -> bool:
    """Tell size factors, which differ between cells, from counts in halves (means of two, shared reads)."""
    factor = sums[counts > 0] / counts[counts > 0]
    return len(factor) > 2 and bool(factor.std() > _SAME_SUM * factor.mean())


def _sums(values: Any) -> np.ndarray:
    return np.asarray(values.sum(axis=1, dtype=np.float64)).ravel()


def _linear_sums(values: Any, unit: str, log_offset: float) -> np.ndarray:
    return _sums(linear_values(values, unit, log_offset))


def linear_values(values: Any, unit: str, log_offset: float) -> Any:
    """Return values without their logarithm (float64, sparse where they are sparse and zero stays zero)."""
    scale = log_scale(unit, log_offset)
    if scale is None:
        return values
    if hasattr(values, "indptr") and scale.lowest == 0.0:
        linear = values.astype(np.float64)
        linear.data = scale.linear(linear.data)
        return linear
    return scale.linear(values.toarray() if hasattr(values, "toarray") else values)


def relative_cpm(values: Any, unit: str, log_offset: float) -> Any:
    """Return counts per million of each cell's sum, in the form (dense or CSR) of the linear values."""
    from scipy.sparse import csr_matrix, diags

    linear = linear_values(values, unit, log_offset)
    sums = _sums(linear)
    factor = np.divide(MILLION, sums, out=np.zeros_like(sums), where=sums > 0)
    if hasattr(linear, "indptr"):
        return csr_matrix(diags(factor) @ linear).astype(np.float32)
    return (linear * factor[:, None]).astype(np.float32)


def check_log_floor(path: Path, raw: RawMatrix, settled: Settled, log_offset: float) -> None:
    """Raise a UnitError where a logarithm lies below that of zero expression, beyond the rounding of its decimals.

    Where all lie far above it, in a table of many genes, the values are no such logarithms (intensities of arrays and
    variance-stabilised counts have a floor of their own): a UnitError, or a DataWarning where the unit was said.
    """
    scale = log_scale(settled.unit, log_offset)
    if scale is None:
        return
    numbers = stored(raw.values)
    low = smallest(numbers)
    row, column = column_of(raw.values, int(np.argmin(numbers))) if numbers.size else (0, 0)
    if low < scale.lowest - 1e-3:
        raise UnitError(
            f"{path}: gene {raw.genes[column]!r}, cell {raw.cells[row]!r} holds {low:g}, below log(0 + "
            f"{log_offset:g}) "
            f"= {scale.lowest:g}. Give log_offset the number that was added before the logarithm."
        )
    dense = not hasattr(raw.values, "indptr")
    if not dense or raw.values.shape[1] < MANY_GENES or low < scale.lowest + _LEAST_ABOVE_FLOOR:
        return
    told = (
        f"{path}: the smallest of {numbers.size:,} values is {low:g} (gene {raw.genes[column]!r}, cell "
        f"{raw.cells[row]!r}), where logarithms of expression + {log_offset:g} have {scale.lowest:g} for genes that "
        "are not expressed: intensities of an array, variance-stabilised counts, or a table without such genes."
    )
    if settled.unit_from == "said":
        warnings.warn(f"{told} They are taken for {settled.unit} as said.", DataWarning, stacklevel=2)
    else:
        raise UnitError(f"{told} Give the counts; if they are such logarithms all the same, say unit='log2' or 'ln'.")
