"""Unspliced counts as they would be if no cell moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StaticCounts:
    """Amounts of a gene in a cell, split into what rest explains and what it does not.

    Attributes
    ----------
    total
        Cells x genes: spliced and unspliced together, per depth.
    resting
        Unspliced amount expected at rest: total x the gene's share in the patient x the cell's own unspliced share
        over that of its patient.
    excess
        Unspliced amount observed less that expected.
    capture
        The cell's unspliced share over the usual one. What the methods return is divided by it.
    """

    total: np.ndarray
    resting: np.ndarray
    excess: np.ndarray
    capture: np.ndarray

    @classmethod
    def split(cls, total: np.ndarray, unspliced: np.ndarray, groups: np.ndarray, capture: np.ndarray) -> StaticCounts:
        """Return the split of observed amounts."""
        resting = np.zeros_like(total)
        for group in np.unique(groups):
            cells = groups == group
            expected = total[cells] * capture[cells, None]
            sums = expected.sum(axis=0)
            share = np.divide(unspliced[cells].sum(axis=0), sums, out=np.zeros_like(sums), where=sums > 0)
            resting[cells] = expected * share
        return cls(total, resting, unspliced - resting, capture)

    def observed(self) -> np.ndarray:
        """Return the unspliced amounts that were seen."""
        return (self.resting + self.excess) / self.capture[:, None]

    def turned(self, rng: np.random.Generator) -> np.ndarray:
        """Return unspliced amounts in which each cell's excess, over all genes together, is turned round at random.

        What a cell's genes share, how noisy they are and what depends on depth stays; a direction does not.
        """
        signs = rng.choice(np.array([-1.0, 1.0], dtype=self.excess.dtype), self.excess.shape[0])
        return (self.resting + signs[:, None] * self.excess) / self.capture[:, None]

    def shuffled(self, rng: np.random.Generator, groups: np.ndarray) -> np.ndarray:
        """Return unspliced amounts dealt out anew among the cells of a group, gene by gene."""
        amounts = self.observed()
        for group in np.unique(groups):
            cells = np.flatnonzero(groups == group)
            amounts[cells] = rng.permuted(amounts[cells], axis=0)
        return amounts


def capture_factor(unspliced: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return each cell's unspliced share over what is expected of it, drawn towards 1 as far as counting noise asks.

    Parameters
    ----------
    unspliced, expected
        Unspliced counts of each cell over all genes, and those that its genes would have at the usual shares.

    Returns
    -------
    One factor a cell; 1 for all of them where they scatter no more than counts do.
    """
    known = expected > 0
    if not known.any():
        return np.ones(unspliced.size)
    ratio = unspliced[known] / expected[known]
    extra = np.average((ratio - 1.0) ** 2 - 1.0 / expected[known], weights=expected[known])
    factor = np.ones(unspliced.size)
    if extra > 0:
        prior = 1.0 / extra
        factor[known] = (unspliced[known] + prior) / (expected[known] + prior)
    return factor


def follows(total_spliced: np.ndarray, unspliced: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return how unspliced amounts go with spliced ones over the cells of a group, and its z-value.

    Parameters
    ----------
    total_spliced, unspliced
        Cells x genes.
    groups
        Whole number of each cell's group.

    Returns
    -------
    The mean correlation over groups and genes, weighted by cells, and it over its standard error if there were none.
    Velocity means nothing where unspliced molecules of a gene know nothing of its spliced ones.
    """
    sums, weights, squares = 0.0, 0.0, 0.0
    for group in np.unique(groups):
        cells = groups == group
        n = int(cells.sum())
        if n < 5:
            continue
        first, second = (np.sqrt(values[cells]) for values in (total_spliced, unspliced))
        first, second = first - first.mean(axis=0), second - second.mean(axis=0)
        spread = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
        known = spread > 0
        found = (first * second).sum(axis=0)[known] / spread[known]
        sums += n * found.sum()
        weights += n * found.size
        squares += n**2 * found.size / (n - 1)
    return (sums / weights, sums / float(np.sqrt(squares))) if weights else (0.0, 0.0)
