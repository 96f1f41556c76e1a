"""The matrices that a unit gives: the values as read, counts, and counts per million, each gene once."""

from __future__ import annotations

from typing import Any

import numpy as np

from her2plastic import _keys
from her2plastic.io.duplicates import groups_of, sum_columns
from her2plastic.io.gene_names import NamedGenes
from her2plastic.io.raw_matrix import RawMatrix
from her2plastic.io.scales import log_scale
from her2plastic.io.unit_hints import MANY_GENES
from her2plastic.io.units import MILLION, Settled, relative_cpm
from her2plastic.io.value_checks import are_integers

_DENSE_FROM = 0.5


def matrices_of(
    raw: RawMatrix, settled: Settled, log_offset: float, *, of_no_gene: np.ndarray
) -> tuple[dict[str, Any], str, bool]:
    """Return X, counts and CPM as far as the unit gives them, where the counts are from, and if they were rounded.

    ``of_no_gene`` is what was left out of each cell's values: it was part of the million of CPM.
    """
    if settled.unit == "counts":
        values = compact(raw.values, sparse=True)
        rounded = not are_integers(values.data)
        counts = values
        if rounded:
            counts = values.copy()
            counts.data = np.rint(counts.data)
            counts.eliminate_zeros()
        return {"X": values, _keys.COUNTS: counts}, "recovered" if settled.recovery else "as read", rounded
    matrices = {"X": compact(raw.values)}
    if settled.recovery:
        return matrices | {_keys.COUNTS: settled.recovery.counts}, "recovered", False
    if settled.unit == "cpm":
        matrices[_keys.CPM] = _per_million_of_genes(matrices["X"], of_no_gene)
    elif settled.unit in ("log2", "ln") and raw.values.shape[1] >= MANY_GENES:
        matrices[_keys.CPM] = relative_cpm(raw.values, settled.unit, log_offset)
    return matrices, "none", False


def _per_million_of_genes(cpm: Any, of_no_gene: np.ndarray) -> Any:
    from scipy.sparse import csr_matrix, diags

    left = MILLION - of_no_gene
    factor = np.divide(MILLION, left, out=np.zeros_like(left), where=left > 0)
    if hasattr(cpm, "indptr"):
        return csr_matrix(diags(factor) @ cpm).astype(np.float32)
    return (cpm * factor[:, None]).astype(np.float32)


def sum_duplicates(
    matrices: dict[str, Any], layers: dict[str, Any], genes: NamedGenes, settled: Settled, log_offset: float
) -> list[str]:
    """Sum genes that occur more than once, in place, and return their names."""
    codes, unique, repeated = groups_of(genes.symbol)
    if not repeated:
        return []
    shared = matrices.get(_keys.COUNTS) is matrices["X"]
    for name, values in matrices.items():
        scale = log_scale(settled.unit, log_offset) if name == "X" else None
        matrices[name] = (
            matrices["X"] if shared and name == _keys.COUNTS else sum_columns(values, codes, len(unique), scale=scale)
        )
    for name, values in layers.items():
        layers[name] = sum_columns(values, codes, len(unique))
    return repeated


def compact(values: Any, *, sparse: bool = False) -> Any:
    """Return float32, CSR if asked for or if half of the values or more are zero."""
    from scipy.sparse import csr_matrix

    if hasattr(values, "indptr"):
        return values.tocsr().astype(np.float32, copy=False)
    if sparse or np.count_nonzero(values) <= _DENSE_FROM * values.size:
        return csr_matrix(values.astype(np.float32, copy=False))
    return values.astype(np.float32, copy=False)
