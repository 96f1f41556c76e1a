"""Which genes rise or fall along a path of cells: rank correlations within each patient, then over patients."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy.stats import rankdata

from her2plastic.models.resample import benjamini_hochberg, mean_interval, sign_flip_p_values

#: Fewer patients than this are no basis for a test over patients.
MIN_GROUPS: Final = 6
#: Cells of a patient that a correlation needs.
MIN_CELLS: Final = 10
_GENES_AT_ONCE = 500


class PathGenes:
    """Change of genes along a path, tested over patients and never over cells.

    In each patient a gene's values are rank-correlated with the place on the path, at equal depth (the ranks' linear
    dependence on the rank of depth is taken off both). The correlations are one value per patient: their mean is tested
    by flipping signs over patients.

    Parameters
    ----------
    min_cells
        Cells that a patient needs.
    min_groups
        Patients with a correlation that a gene needs for a test.
    level
        Probability that an interval holds.
    seed
        Seed of the random sign flips of more than 14 patients.

    Attributes
    ----------
    groups_
        The patients with enough cells.
    correlations_
        ``(patients, genes)``, missing where a gene does not vary.
    n_groups_
        Patients with a correlation, per gene.
    correlation_, lower_, upper_
        Mean over patients and its Student interval; missing where there are too few patients.
    p_, p_adjusted_
        By sign flips, and adjusted over the genes.
    """

    def __init__(
        self, *, min_cells: int = MIN_CELLS, min_groups: int = MIN_GROUPS, level: float = 0.95, seed: int = 0
    ) -> None:
        self.min_cells = min_cells
        self.min_groups = min_groups
        self.level = level
        self.seed = seed

    def fit(self, values: Any, path: np.ndarray, group: np.ndarray, depth: np.ndarray) -> PathGenes:
        """Fit.

        Parameters
        ----------
        values
            ``(cells, genes)``, dense or sparse, such as counts per million.
        path
            Place of each cell on the path; cells without one are left out.
        group
            Patient of each cell.
        depth
            Depth of each cell.
        """
        values = values.tocsr() if hasattr(values, "tocsr") else np.asarray(values, dtype=float)
        placed = np.isfinite(path)
        names, number = np.unique(group[placed], return_counts=True)
        self.groups_ = names[number >= self.min_cells]
        self.correlations_ = np.full((self.groups_.size, values.shape[1]), np.nan)
        for row, name in enumerate(self.groups_):
            cells = np.flatnonzero(placed & (group == name))
            self.correlations_[row] = _partial_rank_correlations(values[cells], path[cells], depth[cells])
        known = np.isfinite(self.correlations_)
        self.n_groups_ = known.sum(axis=0)
        enough = np.flatnonzero(self.n_groups_ >= max(self.min_groups, 1))
        self.correlation_, self.lower_, self.upper_, self.p_ = np.full((4, values.shape[1]), np.nan)
        self.p_[enough] = sign_flip_p_values(np.nan_to_num(self.correlations_[:, enough]), seed=self.seed)
        for gene in enough:
            of_gene = self.correlations_[known[:, gene], gene]
            self.correlation_[gene], self.lower_[gene], self.upper_[gene] = mean_interval(of_gene, level=self.level)
        self.p_adjusted_ = benjamini_hochberg(self.p_)
        return self


def _partial_rank_correlations(values: Any, path: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return the rank correlation of every gene with the path at equal depth; missing where a gene does not vary."""
    rank_of_depth = _centred(rankdata(depth))
    of_path = _less(_centred(rankdata(path)), rank_of_depth)
    found = np.full(values.shape[1], np.nan)
    if _is_nothing(of_path, path.size):
        return found
    for first in range(0, values.shape[1], _GENES_AT_ONCE):
        some = values[:, first : first + _GENES_AT_ONCE]
        ranks = rankdata(some.toarray() if hasattr(some, "toarray") else some, axis=0)
        of_genes = _less(ranks - ranks.mean(axis=0), rank_of_depth)
        length = np.sqrt((of_genes**2).sum(axis=0) * (of_path**2).sum())
        varies = ~_is_nothing(of_genes, path.size)
        found[first : first + _GENES_AT_ONCE][varies] = (of_path @ of_genes)[varies] / length[varies]
    return found


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean()


def _less(values: np.ndarray, regressor: np.ndarray) -> np.ndarray:
    """Return what of the columns a centred regressor leaves over."""
    length = float(regressor @ regressor)
    if length == 0.0:
        return values
    slope = regressor @ values / length
    return values - (np.outer(regressor, slope) if values.ndim == 2 else regressor * slope)


def _is_nothing(residue: np.ndarray, n: int) -> np.ndarray:
    """Return where ranks have no variance left beyond rounding."""
    return np.asarray((residue**2).sum(axis=0) <= 1e-9 * n**3)
