"""How many molecules a cell had, by the number of distinct genes that it shows."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from scipy.special import ndtri

#: Spread (log2) of abundances over the genes of a transcriptome: gives the 1,200-1,600 genes seen in 3,000 molecules.
ABUNDANCE_SD_LOG2: Final = 2.9


def molecules_behind(n_seen: np.ndarray, n_genes: int) -> np.ndarray:
    """Return how many molecules a cell must have had to show its number of distinct genes.

    Reads multiply molecules, and relative values have lost their number; how many genes were seen keeps it. Abundances
    are taken as log-normal over the genes of the table (spread ``ABUNDANCE_SD_LOG2``). An order of magnitude: it tells
    the degraded cell, in which an unseen gene means nothing, from the good one.

    Parameters
    ----------
    n_seen
        Genes seen in each cell.
    n_genes
        Genes of the table.

    Returns
    -------
    Molecules, shaped as ``n_seen``; 0 where none was seen.
    """
    seen = np.asarray(n_seen, dtype=float)
    if n_genes == 0:
        return np.zeros_like(seen)
    log_molecules, expected = _complexity_curve(int(n_genes))
    return np.where(seen > 0, np.exp(np.interp(seen, expected, log_molecules)), 0.0)


@cache
def _complexity_curve(n_genes: int) -> tuple[np.ndarray, np.ndarray]:
    points = min(n_genes, 2000)
    abundance = np.exp2(ABUNDANCE_SD_LOG2 * ndtri((np.arange(points) + 0.5) / points))
    abundance /= abundance.sum() * n_genes / points
    log_molecules = np.linspace(0.0, np.log(1e7), 160)
    seen = -np.expm1(-np.exp(log_molecules)[:, None] * abundance).mean(axis=1, keepdims=False)
    return log_molecules, seen * n_genes
