"""Doublet scores by scrublet, sample by sample, where there are enough cells and not too many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import sparse

from her2plastic import _keys
from her2plastic.models.gene_variability import variable_genes

#: Fewer cells than this in a sample, and simulated doublets have no neighbourhood to be told by.
MIN_CELLS: Final = 100
#: More cells than this are more than one capture holds. The search for neighbours grows with their square: on two
#: cores 30,000 cells took 50 s and 3 GB.
MAX_CELLS: Final = 30_000
#: Genes in at least three cells that are needed for the components.
MIN_GENES: Final = 200
#: As scanpy's scrublet has them: cells that a gene, and genes that a cell, must be seen in.
_CELLS_OF_A_GENE: Final = 3
_GENES_OF_A_CELL: Final = 3


@dataclass(frozen=True)
class SampleDoublets:
    """The doublets of one sample: a score per cell (NaN where none could be given), and what is said of them."""

    scores: np.ndarray
    #: Scrublet's own threshold, NaN where it found none.
    threshold: float
    #: "ok", with the number of cells that have too few counts for a score, or the reason why there are no scores.
    status: str


def doublet_scores(counts: Any, seed: int) -> SampleDoublets:
    """Score the doublets of one sample.

    Parameters
    ----------
    counts
        Cells x genes.
    seed
        Seed of the simulated doublets.

    Returns
    -------
    The scores, scrublet's threshold, and whether or why not.
    """
    matrix = sparse.csr_matrix(counts, dtype=np.float32)
    if not matrix.data.all():
        matrix = matrix.copy()
        matrix.eliminate_zeros()
    scores = np.full(matrix.shape[0], np.nan)
    genes = np.bincount(matrix.indices, minlength=matrix.shape[1]) >= _CELLS_OF_A_GENE
    matrix = matrix[:, np.flatnonzero(genes)]
    cells = np.flatnonzero(np.diff(matrix.indptr) >= _GENES_OF_A_CELL)
    if reason := _unfit(len(cells), int(genes.sum())):
        return SampleDoublets(scores, float("nan"), reason)
    sample = _variable_genes(matrix[cells])
    # A cell without any count of the variable genes has no direction, and its normalised values are no numbers.
    told = np.diff(sample.layers[_keys.COUNTS].indptr) > 0
    n_components = min(30, int(told.sum()) // 5)
    if told.sum() < MIN_CELLS or sample.n_vars <= n_components:
        reason = f"not scored: {sample.n_vars} variable genes, with counts in {told.sum()} of {len(scores)} cells"
        return SampleDoublets(scores, float("nan"), reason)
    scores[cells[told]], threshold = _scrublet(sample[told].copy(), seed, n_components=n_components)
    left_out = int(np.isnan(scores).sum())
    status = f"ok; {left_out} cells have too few counts of variable genes for a score" if left_out else "ok"
    return SampleDoublets(scores, threshold, status)


def too_many_cells(n_genes: np.ndarray) -> str:
    """Return why a sample of so many cells is not scored, or an empty text, from the number of genes of each cell."""
    return _too_many(int((n_genes >= _GENES_OF_A_CELL).sum()))


def _too_many(n_cells: int) -> str:
    if n_cells <= MAX_CELLS:
        return ""
    return f"not scored: {n_cells} cells in one sample, more than {MAX_CELLS}; give each capture its own sample_id"


def _unfit(n_cells: int, n_genes: int) -> str:
    """Return why a sample cannot be scored, or an empty text."""
    if n_cells < MIN_CELLS:
        return f"not scored: {n_cells} cells with counts, {MIN_CELLS} needed"
    if reason := _too_many(n_cells):
        return reason
    if n_genes < MIN_GENES:
        return f"not scored: {n_genes} genes in three cells or more, {MIN_GENES} needed"
    return ""


def _variable_genes(counts: sparse.csr_matrix) -> Any:
    """Return the sample in its variable genes: normalised values in X, the counts in a layer."""
    import anndata

    normalised = _of_depth(counts, np.median(_depths(counts)))
    genes = variable_genes(normalised.log1p())
    return anndata.AnnData(normalised[:, genes], layers={_keys.COUNTS: counts[:, genes]})


def _depths(counts: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(counts.sum(axis=1, dtype=float)).ravel().astype(np.float32)


def _of_depth(counts: sparse.csr_matrix, depth: float) -> sparse.csr_matrix:
    """Return the counts that the cells would have at one depth; a cell without counts stays as it is."""
    # not by scanpy, whose normalisation spends seconds of every process on compiling
    factors = _depths(counts) / np.float32(depth)
    factors[factors == 0] = 1
    values = counts.data / np.repeat(factors, np.diff(counts.indptr))
    return sparse.csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)


def _scrublet(sample: Any, seed: int, *, n_components: int) -> tuple[np.ndarray, float]:
    """Score cells against doublets that are simulated from their counts.

    The steps are those of scanpy.pp.scrublet, which takes them in one call, but then keeps cells without counts.
    """
    import scanpy  # takes seconds to import, so only those who score doublets pay for it

    simulated = scanpy.pp.scrublet_simulate_doublets(sample, layer=_keys.COUNTS, random_seed=seed)
    for cells in (sample, simulated):
        cells.X = _of_depth(cells.X.tocsr(), 1e6)
    # Exact neighbours: from a few thousand cells on, the approximate search takes three times as long.
    scanpy.pp.scrublet(
        sample,
        simulated,
        n_prin_comps=n_components,
        use_approx_neighbors=False,
        random_state=seed,
        verbose=False,
    )
    threshold = sample.uns["scrublet"].get("threshold", np.nan)
    return sample.obs["doublet_score"].to_numpy(dtype=float), float(threshold)
