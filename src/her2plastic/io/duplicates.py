"""Genes that stand in a table more than once: summed, in the unit in which a sum has a meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from her2plastic.io.scales import LogScale


def groups_of(symbol: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the group of each gene, the unique symbols in order of first appearance, and those that occur again."""
    codes, unique = pd.factorize(pd.Series(symbol, dtype=object))
    repeated = np.flatnonzero(np.bincount(codes, minlength=len(unique)) > 1)
    return codes, np.asarray(unique, dtype=object), [str(unique[place]) for place in repeated]


def sum_columns(values: Any, codes: np.ndarray, n: int, *, scale: LogScale | None = None) -> Any:
    """Sum columns of one group, sparse or dense. Logarithms are taken back to their linear values and again."""
    from scipy.sparse import csr_matrix

    if scale is not None:
        return _sum_logs(values, codes, n, scale)
    if hasattr(values, "indptr"):
        summed = csr_matrix(
            (values.data, codes.astype(np.int32)[values.indices], values.indptr), shape=(values.shape[0], n)
        )
        summed.sum_duplicates()
        return summed
    indicator = csr_matrix(
        (np.ones(len(codes), dtype=values.dtype), (np.arange(len(codes)), codes)), shape=(len(codes), n)
    )
    return np.asarray(values @ indicator)


def _sum_logs(values: Any, codes: np.ndarray, n: int, scale: LogScale) -> Any:
    """Sum only where a gene occurs more than once, so that every other value stays as it was read."""
    repeated = np.flatnonzero(np.bincount(codes, minlength=n) > 1)
    first = np.unique(codes, return_index=True)[1]
    dense = not hasattr(values, "indptr")
    kept = values[:, first] if dense else values[:, first].tolil()
    for group in repeated:
        members = values[:, np.flatnonzero(codes == group)]
        total = scale.linear(np.asarray(members if dense else members.toarray(), dtype=float)).sum(axis=1)
        kept[:, group] = scale.logarithm(total) if dense else scale.logarithm(total)[:, None]
    return kept if dense else kept.tocsr()


def join_ids(gene_id: np.ndarray, codes: np.ndarray, n: int) -> np.ndarray:
    """Return one id a gene; the ids of summed genes are joined by a semicolon."""
    joined = np.empty(n, dtype=object)
    joined[codes[::-1]] = gene_id[::-1]
    for group in np.flatnonzero(np.bincount(codes, minlength=n) > 1):
        names = dict.fromkeys(str(name) for name in gene_id[codes == group] if name)
        joined[group] = ";".join(names)
    return joined
