"""A map of the cells for looking at, not for measuring distances."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from her2plastic import _keys
from her2plastic._access import counts, input_hash, record_step, row_sums
from her2plastic._errors import ParameterError
from her2plastic.models.gene_variability import variable_genes

if TYPE_CHECKING:
    from anndata import AnnData

MIN_CELLS = 10
MIN_GENES = 10


def embedding(
    adata: AnnData,
    *,
    seed: int = 0,
    n_genes: int = 2000,
    n_pcs: int = 30,
    n_neighbors: int = 15,
    min_cells: int = MIN_CELLS,
) -> None:
    """Lay the cells out on a map: log-normalised counts, variable genes, principal components, neighbours, UMAP.

    From the variable genes on it is scanpy's, on a copy; ``X`` and the layers stay as they are. The same seed gives the
    same map on the same machine. With few cells the numbers of components and neighbours are lowered to what the data
    allow.

    Parameters
    ----------
    adata
        Cells x genes with ``layers["counts"]``.
    seed
        Seed of the principal components, the neighbour search and the layout.
    n_genes
        Highly variable genes to use.
    n_pcs
        Principal components to use.
    n_neighbors
        Size of the neighbourhood.
    min_cells
        Cells with counts needed at least.

    Returns
    -------
    None. Writes:

    ``obsm["X_pca"]``
        float32, cells x components.
    ``obsm["X_umap"]``
        float32, cells x 2. Cells without any count are missing in both.
    ``uns["her2plastic"]["embedding"]``
        parameters as used. With fewer than ``min_cells`` cells or 10 varying genes only this record is written, with
        the reason under ``insufficient``.

    Raises
    ------
    UnitError
        If there are no counts.
    ParameterError
        If a parameter is too small.

    Examples
    --------
    >>> import her2plastic as hp
    >>> clean = hp.datasets.Contamination.none()
    >>> cells = hp.datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=5, contamination=clean)
    >>> hp.tl.embedding(cells)  # writes obsm["X_umap"] where there are cells enough
    >>> cells.uns["her2plastic"]["embedding"]["insufficient"]
    'insufficient: 5 cells with counts, 10 needed; 1484 genes, 10 needed'
    """
    smallest = {"n_genes": MIN_GENES, "n_pcs": 2, "n_neighbors": 2, "min_cells": 5}
    for name, value in (("n_genes", n_genes), ("n_pcs", n_pcs), ("n_neighbors", n_neighbors), ("min_cells", min_cells)):
        if value < smallest[name]:
            raise ParameterError(f"{name}={value!r}: expected at least {smallest[name]}")
    matrix = counts(adata, needed_by="tl.embedding")
    depth = row_sums(matrix)
    used = np.flatnonzero(depth > 0)
    params = {"seed": seed, "n_genes": n_genes, "n_pcs": n_pcs, "n_neighbors": n_neighbors, "min_cells": min_cells}
    n_varying = int(np.count_nonzero(np.asarray((matrix > 0).sum(axis=0)).ravel() > 0))
    if used.size < min_cells or n_varying < MIN_GENES:
        reason = (
            f"insufficient: {used.size} cells with counts, {min_cells} needed; {n_varying} genes, {MIN_GENES} needed"
        )
        record_step(adata, "embedding", params=params, insufficient=reason)
        return
    pca, umap, applied = _layout(matrix[used], seed=seed, n_genes=n_genes, n_pcs=n_pcs, n_neighbors=n_neighbors)
    for key, values in ((_keys.PCA, pca), (_keys.UMAP, umap)):
        full = np.full((adata.n_obs, values.shape[1]), np.nan, dtype=np.float32)
        full[used] = values
        adata.obsm[key] = full
    record_step(adata, "embedding", params=params, input_hash=input_hash(depth), n_cells=used.size, **applied)


def _layout(
    matrix: Any, *, seed: int, n_genes: int, n_pcs: int, n_neighbors: int
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Return components, map and the numbers used, by scanpy on a copy of the counts."""
    import anndata
    import scanpy as sc

    copy = anndata.AnnData(_log_normalised(matrix))
    with warnings.catch_warnings():
        # umap tells that a fixed seed costs parallelism; scanpy and its dependencies announce changes to come
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        if copy.n_vars > n_genes:
            copy = copy[:, variable_genes(copy.X, n_genes)].copy()
        n_pcs = min(n_pcs, copy.n_obs - 1, copy.n_vars - 1)
        n_neighbors = min(n_neighbors, max(copy.n_obs // 2, 2))
        sc.pp.pca(copy, n_comps=n_pcs, random_state=seed)
        sc.pp.neighbors(copy, n_neighbors=n_neighbors, random_state=seed)
        sc.tl.umap(copy, random_state=seed, init_pos="spectral" if copy.n_obs > n_neighbors + 2 else "random")
    applied = {"n_genes_used": copy.n_vars, "n_pcs_used": n_pcs, "n_neighbors_used": n_neighbors}
    return np.asarray(copy.obsm["X_pca"]), np.asarray(copy.obsm["X_umap"]), applied


def _log_normalised(matrix: Any) -> Any:
    """Return ln(1 + counts per ten thousand) of the genes seen."""
    # not by scanpy, whose normalisation spends seconds of every process on compiling
    seen = np.flatnonzero(np.asarray(matrix.sum(axis=0)).ravel() > 0)
    scale = (1e4 / row_sums(matrix)).astype(np.float32)
    if sparse.issparse(matrix):
        return (sparse.diags_array(scale) @ matrix[:, seen]).tocsr().log1p()
    return np.log1p(np.asarray(matrix, dtype=np.float32)[:, seen] * scale[:, None])
