"""Doublet scores by scrublet, sample by sample, where there are enough cells."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy import sparse

#: Fewer cells than this in a sample, and simulated doublets have no neighbourhood to be told by.
MIN_CELLS: Final = 100
#: Genes in at least three cells that are needed for the components.
MIN_GENES: Final = 200


def doublet_scores(counts: Any, seed: int) -> tuple[np.ndarray, float, str]:
    """Score the doublets of one sample.

    Parameters
    ----------
    counts
        Cells x genes.
    seed
        Seed of the simulated doublets.

    Returns
    -------
    Score per cell (NaN where none could be given), scrublet's own threshold (NaN where it found none), and "ok" or
    the reason why there are no scores.
    """
    matrix = sparse.csr_matrix(counts)
    scores = np.full(matrix.shape[0], np.nan)
    filled = np.flatnonzero(np.diff(matrix.indptr))
    if len(filled) < MIN_CELLS:
        return scores, float("nan"), f"not scored: {len(filled)} cells with counts, {MIN_CELLS} needed"
    widespread = np.bincount(matrix.indices, minlength=matrix.shape[1]) >= 3
    if widespread.sum() < MIN_GENES:
        reason = f"not scored: {widespread.sum()} genes in three cells or more, {MIN_GENES} needed"
        return scores, float("nan"), reason
    scores[filled], threshold = _scrublet(matrix[filled], seed, n_components=min(30, len(filled) // 5))
    return scores, threshold, "ok"


def _scrublet(counts: sparse.csr_matrix, seed: int, *, n_components: int) -> tuple[np.ndarray, float]:
    # scanpy takes seconds to import, so only those who score doublets pay for it
    import anndata
    import scanpy

    sample = anndata.AnnData(counts.astype(np.float32))
    scanpy.pp.scrublet(sample, n_prin_comps=n_components, random_state=seed, verbose=False)
    threshold = sample.uns["scrublet"].get("threshold", np.nan)
    return sample.obs["doublet_score"].to_numpy(dtype=float), float(threshold)
