"""Where the values of the cells come from: counts, or relative values whose logarithm is undone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from her2plastic import _keys
from her2plastic._access import check_obs_in_memory, counts, step_record
from her2plastic._errors import MissingKeyError, UnitError
from her2plastic._row_blocks import in_memory, row_blocks, stored_values, take_rows

if TYPE_CHECKING:
    from anndata import AnnData

#: No logarithm of an expression value is larger: 2 ** 25 counts in one gene.
LARGEST_LOG = 25.0
_SAMPLED_CELLS = 200
_UNIT_BASES = {"log2": 2.0, "ln": math.e}


@dataclass(frozen=True)
class CellValues:
    """Expression values, cells x genes, and what they are.

    Attributes
    ----------
    matrix
        Dense or sparse, in memory or not.
    source
        Where they stand, in words.
    are_counts
        Molecules or reads; otherwise only the proportions within a cell mean something.
    log_base
        The base of the logarithm that they have, or None.
    """

    matrix: Any
    source: str
    are_counts: bool
    log_base: float | None

    @property
    def kind(self) -> str:
        """What was used, in words for the record."""
        if self.are_counts:
            return "counts"
        if self.log_base is None:
            return "relative values"
        return "relative values, log2(x + 1) undone" if self.log_base == 2 else "relative values, ln(x + 1) undone"

    def blocks(self) -> Iterator[tuple[slice, sparse.csr_matrix]]:
        """Yield runs of cells with their values on the linear scale, each gene once and zeros left out."""
        for rows, block in row_blocks(self.matrix):
            if not sparse.issparse(block):
                block = sparse.csr_matrix(block)
            if not block.has_canonical_format:  # counts of a gene that stand in parts are one count
                block = block.copy()
                block.sum_duplicates()
            if self.log_base is not None:
                block = block.astype(np.float64)
                block.data = np.expm1(block.data * np.log(self.log_base))
            if not block.data.all():
                block = block.copy()
                block.eliminate_zeros()
            yield rows, block


def cell_values(adata: AnnData, *, needed_by: str) -> CellValues:
    """Find the values to work with: the counts if there are any, else relative values on the linear scale.

    Parameters
    ----------
    adata
        Cells x genes. Looked at, in this order: ``layers["counts"]``, ``layers["cpm"]``, ``X`` in the unit that
        reading recorded, ``X`` by its values: whole numbers are counts, numbers up to 25 a logarithm, others relative.
    needed_by
        The step that asks, for the messages.

    Returns
    -------
    The values.

    Raises
    ------
    UnitError
        When values are negative or not finite: scaled or corrected values have no depth. When ``layers["counts"]``
        holds something else than counts.
    MissingKeyError
        When there is neither a counts layer nor ``X``.
    """
    check_obs_in_memory(adata, needed_by=needed_by)
    if _keys.COUNTS in adata.layers:
        found = CellValues(adata.layers[_keys.COUNTS], "layers['counts']", are_counts=True, log_base=None)
    elif _keys.CPM in adata.layers:
        found = CellValues(adata.layers[_keys.CPM], "layers['cpm']", are_counts=False, log_base=None)
    elif adata.X is None:
        layers: Any = adata.layers
        raise MissingKeyError(
            "layers", _keys.COUNTS, layers.keys(), f"X is empty as well; {needed_by} needs expression values."
        )
    else:
        found = _values_of_x(adata)
    _refuse_unusable(found, needed_by, has_raw=adata.raw is not None)
    if _keys.COUNTS in adata.layers:
        counts(adata, needed_by=needed_by, by_blocks=True)  # refuses logarithms that stand there as counts
    return found


def _values_of_x(adata: AnnData) -> CellValues:
    unit = step_record(adata, "read").get("unit")
    if unit in _UNIT_BASES:
        return CellValues(adata.X, f"X, read as {unit}", are_counts=False, log_base=_UNIT_BASES[unit])
    if unit is not None:
        return CellValues(adata.X, f"X, read as {unit}", are_counts=unit == "counts", log_base=None)
    matrix = adata.X
    whole, high = _whole_and_highest(matrix)
    if whole:
        return CellValues(matrix, "X, whole numbers", are_counts=True, log_base=None)
    if high > LARGEST_LOG:
        return CellValues(matrix, "X, by its values", are_counts=False, log_base=None)
    return CellValues(matrix, "X, by its values", are_counts=False, log_base=_log_base(adata, matrix))


def _whole_and_highest(matrix: Any) -> tuple[bool, float]:
    """Return whether all values are whole, and the largest of them."""
    if not in_memory(matrix):
        found = stored_values(matrix)
        return not found.has_fractions, found.high
    stored = _stored(matrix)
    return bool(np.all(stored == np.floor(stored))), float(stored.max(initial=0.0))


def _log_base(adata: AnnData, values: Any) -> float:
    """Return the base that scanpy recorded, or the one that makes values multiples of a cell's smallest; else e."""
    recorded = adata.uns.get("log1p", {}).get("base")
    if recorded is not None:
        return float(recorded)
    rows = np.linspace(0, adata.n_obs - 1, min(adata.n_obs, _SAMPLED_CELLS)).astype(int)
    sample = sparse.csr_matrix(take_rows(values, np.unique(rows)))
    fits = {base: _share_of_multiples(sample, base) for base in (math.e, 2.0)}
    return 2.0 if fits[2.0] > 0.95 and fits[2.0] > fits[math.e] else math.e


def _share_of_multiples(sample: sparse.csr_matrix, base: float) -> float:
    linear = np.expm1(sample.data.astype(float) * np.log(base))
    smallest = smallest_per_row(sample.indptr, linear)
    ratio = linear / np.repeat(smallest, np.diff(sample.indptr))
    telling = (ratio > 1.5) & (ratio < 50)
    return float(np.mean(np.abs(ratio[telling] - np.rint(ratio[telling])) < 0.03)) if telling.any() else 0.0


def smallest_per_row(indptr: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Return the smallest stored value of each row of a CSR matrix, NaN for rows without one."""
    filled = np.diff(indptr) > 0
    smallest = np.full(len(filled), np.nan)
    if filled.any():
        smallest[filled] = np.minimum.reduceat(data, indptr[:-1][filled])
    return smallest


def sum_per_row(indptr: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Return the sum of each row of a CSR matrix in double precision, without a copy of the matrix in it."""
    filled = np.diff(indptr) > 0
    total = np.zeros(len(filled))
    if filled.any():
        total[filled] = np.add.reduceat(data, indptr[:-1][filled], dtype=np.float64)
    return total


def _stored(matrix: Any) -> np.ndarray:
    return matrix.data if sparse.issparse(matrix) else np.asarray(matrix)


def _refuse_unusable(found: CellValues, needed_by: str, *, has_raw: bool) -> None:
    low, finite = _lowest_and_finite(found.matrix)
    if not finite:
        raise UnitError(
            f"{needed_by} found values in {found.source} that are not finite (NaN or infinite). Mend the table; a "
            "missing value is not a count of 0."
        )
    if low < 0:
        raise UnitError(
            f"{needed_by} found negative values in {found.source} (smallest {low:.3g}): scaled or corrected "
            "values have no depth. Give it counts, or CPM or their logarithm, before scaling"
            + (": `adata.raw.to_adata()` may hold them." if has_raw else ".")
        )


def _lowest_and_finite(matrix: Any) -> tuple[float, bool]:
    """Return the smallest value, 0 at most, and whether all are finite."""
    if not in_memory(matrix):
        found = stored_values(matrix)
        return found.low, bool(np.isfinite(found.low) and np.isfinite(found.high))
    stored = _stored(matrix)
    # the sum is not finite when any value is not, and takes no second array
    return float(stored.min(initial=0.0)), bool(np.isfinite(stored.sum(dtype=float)))
