"""Genes that vary more than other genes of their height, in normalised logarithms of counts.

The rule is that of Seurat (Satija et al. 2015, doi:10.1038/nbt.3192), as scanpy has it under that name: the same genes,
without the seconds that scanpy spends in every process on compiling sums.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse

#: Genes are compared with those of the same of so many equally wide classes of height.
_CLASSES: Final = 20
#: Without a number of genes asked for: between which heights, and from which excess on, a gene counts.
_HEIGHTS: Final = (0.0125, 3.0)
_LEAST_DISPERSION: Final = 0.5


def variable_genes(logs: Any, n_top: int | None = None) -> np.ndarray:
    """Return which genes vary most.

    Parameters
    ----------
    logs
        Cells x genes, sparse or dense: ``ln(1 + normalised count)``.
    n_top
        How many genes are wanted (more where some vary alike); without it all between fixed bounds are taken.

    Returns
    -------
    Boolean, one entry a gene.
    """
    mean, variance = _moments(np.expm1(logs))
    mean[mean == 0] = 1e-12
    with np.errstate(divide="ignore"):
        dispersion = np.log(np.where(variance > 0, variance / mean, np.nan))
    height = np.log1p(mean)
    excess = _excess(dispersion, height)
    if n_top is None:
        low, high = _HEIGHTS
        return (height > low) & (height < high) & (np.nan_to_num(excess) > _LEAST_DISPERSION)
    known = np.sort(excess[~np.isnan(excess)])
    least = known[-min(n_top, known.size)] if known.size else np.inf
    return np.nan_to_num(excess, nan=-np.inf) >= least


def _moments(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of each gene, in double precision."""
    n, n_genes = values.shape
    if not sparse.issparse(values):
        return values.mean(axis=0, dtype=float), values.var(axis=0, ddof=1, dtype=float)
    values = values.tocsr()
    mean = np.bincount(values.indices, weights=values.data, minlength=n_genes) / n
    squares = np.bincount(values.indices, weights=(values.data - mean[values.indices]) ** 2, minlength=n_genes)
    absent = n - np.bincount(values.indices, minlength=n_genes)
    return mean, (squares + absent * mean**2) / (n - 1)


def _excess(dispersion: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return by how many standard deviations each gene is dispersed more than the genes of its class of height."""
    genes = pd.DataFrame({"dispersion": dispersion, "class": pd.cut(pd.Series(height), _CLASSES)})
    of_class = genes.groupby("class", observed=True)["dispersion"]
    middle, spread = of_class.transform("mean"), of_class.transform("std")
    alone = spread.isna()  # a gene without any like it is one deviation above nothing
    return ((genes["dispersion"] - middle.mask(alone, 0)) / spread.mask(alone, middle)).to_numpy()
