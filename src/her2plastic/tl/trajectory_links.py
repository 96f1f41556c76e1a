"""How states lie in the neighbour graph of the cells, with and without what defines them, and where on the path."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from her2plastic.models.null_test import NullTest
from her2plastic.models.resample import mean_interval
from her2plastic.models.state_graph import NULL, STATISTIC, StateGraph, blocks_of_like_cells
from her2plastic.tl.trajectory_cells import MIN_STATE_CELLS, LaidCells
from her2plastic.tl.trajectory_features import Features
from her2plastic.tl.trajectory_path import DiffusionMap, diffusion_map
from her2plastic.tl.trajectory_result import StateLinks

#: Cells of like depth within which states are shuffled.
BLOCK: Final = 5


def lay(features: Features, n_neighbors: int, n_components: int, seed: int) -> DiffusionMap:
    """Lay cells out by their features."""
    return diffusion_map(features.values, n_neighbors=n_neighbors, n_components=n_components, seed=seed)


def links_of(laid: DiffusionMap, cells: LaidCells, features: Features, n_null: int, seed: int) -> StateLinks:
    """Return how states lie in the graph, beside states shuffled among cells of like depth of one donor and assay."""
    block = np.unique(cells.group, return_inverse=True)[1]
    if cells.depth is not None:
        block = blocks_of_like_cells(cells.group, cells.depth, size=BLOCK)
    graph = StateGraph(n_null=n_null, min_cells=MIN_STATE_CELLS, seed=seed)
    return StateLinks.of(
        features.names, graph.fit(laid.neighbours, cells.membership, cells.group, block, depth=cells.depth)
    )


def links_without(
    cells: LaidCells, left_out: tuple[str, ...], root: int, pseudotime: np.ndarray, how: tuple[int, int, int, int]
) -> tuple[StateLinks | None, float]:
    """Return how states lie without the features that define them, and whether the order of cells stays."""
    if not left_out:
        return None, float("nan")
    n_neighbors, n_components, n_null, seed = how
    rest = cells.features.without(left_out)
    if len(rest.names) < 2 or not (rest.values.std(axis=0) > 0).any():
        reason = f"{len(rest.names)} features are left without {', '.join(left_out)}, 2 that vary needed"
        lacking = NullTest.lacking(NULL, STATISTIC, reason)
        return StateLinks.lacking(rest.names, len(cells.states), lacking), float("nan")
    laid = lay(rest, n_neighbors, n_components, seed)
    other = laid.pseudotime(root)
    both = np.isfinite(pseudotime) & np.isfinite(other)
    agreement = pd.Series(pseudotime[both]).corr(pd.Series(other[both]), method="spearman")
    return links_of(laid, cells, rest, n_null, seed), float(agreement)


def positions_of(cells: LaidCells, pseudotime: np.ndarray, level: float) -> pd.DataFrame:
    """Return where each state lies on the path: the mean of donors' means, and its interval over donors."""
    placed = np.isfinite(pseudotime)
    rows = []
    for place, state in enumerate(cells.states):
        weight = np.where(placed, cells.membership[:, place], 0.0)
        by_donor = pd.DataFrame({"weight": weight, "sum": weight * np.nan_to_num(pseudotime)}).groupby(cells.donor)
        sums: Any = by_donor.sum()
        enough = sums[sums["weight"] >= 1.0]
        mean, lower, upper = mean_interval((enough["sum"] / enough["weight"]).to_numpy(), level=level)
        rows.append({"state": state, "cells": float(weight.sum()), "n_donors": len(enough), "pseudotime": mean,
                     "lower": lower, "upper": upper})  # fmt: skip
    return pd.DataFrame(rows)
