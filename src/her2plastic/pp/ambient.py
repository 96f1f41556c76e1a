"""Ambient RNA without empty droplets: what a cell shows of lineages that it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

#: Lineages that exclude each other, and the panels that show them.
EXCLUSIVE_LINEAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "epithelial": ("epithelial",),
    "T and NK": ("t_cell", "nk"),
    "B": ("b_cell",),
    "myeloid": ("myeloid",),
}
#: A sample needs this many cells, and a lineage this many cells of its own, to be looked for in other cells.
MIN_CELLS: Final = 20
MIN_OWN_CELLS: Final = 3
#: A cell has a lineage from this share of its counts, and is free of it below a tenth of what its own cells have.
OWN_SHARE: Final = 0.002
_FREE_OF_IT: Final = 0.1
#: Counts expected of pure ambient RNA that the sample's mean weighs as much as.
_PRIOR_WEIGHT: Final = 20.0


def ambient_share(panels: Mapping[str, np.ndarray], depth: np.ndarray) -> tuple[np.ndarray, str]:
    """Estimate the ambient share of each cell of one sample.

    Ambient RNA is taken to have the composition of the sample's pooled counts. In a cell of one lineage, the counts of
    the other lineages' panels, over those that pure ambient RNA would have given, are its ambient share; cells with
    few such counts are drawn towards the sample's mean. Haemoglobin and the other erythroid genes are ambient RNA in
    any cell but an erythroblast, so their share is a lower bound in every sample.

    Limits: it takes cells of at least two lineages in the sample; RNA of cells that burst and left none (other than
    erythrocytes) is not seen; doublets look ambient; an erythroblast, or platelets, are not told from their soup.

    Parameters
    ----------
    panels
        Panel to counts per cell; NaN throughout where the table lacks the panel.
    depth
        Counts per cell.

    Returns
    -------
    Share of each cell, NaN where nothing can be said, and a word on how it was found.
    """
    erythroid = _shares(panels["erythroid"], depth)
    observed, expected = _foreign_counts(panels, depth)
    informative = expected > 0
    if not informative.any():
        known = np.isfinite(erythroid).any()
        return erythroid, "lower bound: erythroid share" if known else "not estimated: no panel tells"
    mean = min(observed.sum() / expected.sum(), 1.0)
    share = np.clip((observed + _PRIOR_WEIGHT * mean) / (expected + _PRIOR_WEIGHT), 0.0, 1.0)
    share[depth <= 0] = np.nan
    return np.fmax(share, erythroid), "foreign lineages, at least the erythroid share"


def _foreign_counts(panels: Mapping[str, np.ndarray], depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of lineages that a cell is not, and what pure ambient RNA of its depth would have given."""
    observed, expected = np.zeros(len(depth)), np.zeros(len(depth))
    if len(depth) < MIN_CELLS or not depth.sum() > 0:
        return observed, expected
    for members in EXCLUSIVE_LINEAGES.values():
        counts = sum(np.nan_to_num(panels[name]) for name in members)
        share = np.nan_to_num(_shares(counts, depth))
        own = share >= OWN_SHARE
        if own.sum() < MIN_OWN_CELLS:
            continue
        free = share < _FREE_OF_IT * np.median(share[own])
        observed += np.where(free, counts, 0.0)
        expected += np.where(free, depth * counts.sum() / depth.sum(), 0.0)
    return observed, expected


def _shares(counts: np.ndarray, depth: np.ndarray) -> np.ndarray:
    return np.divide(counts, depth, out=np.full(len(depth), np.nan), where=depth > 0)
