"""Depth, genes seen and panel sums of every cell, in one pass over the matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from her2plastic._errors import GeneError
from her2plastic.pp.cell_values import CellValues, smallest_per_row, sum_per_row


@dataclass(frozen=True)
class CellSums:
    """What one pass over the values gave.

    Attributes
    ----------
    depth
        Sum of the cell's values.
    n_genes
        Genes with a value above 0.
    smallest
        Smallest value above 0; NaN in an empty cell.
    panels
        Panel to the sum over its genes; NaN throughout for a panel of which the table has no gene.
    markers
        Values of the marker genes, cells x markers.
    """

    depth: np.ndarray
    n_genes: np.ndarray
    smallest: np.ndarray
    panels: dict[str, np.ndarray]
    markers: sparse.csr_matrix

    def share(self, panel: str) -> np.ndarray:
        """Return the share of a panel in the depth; NaN where the depth is 0 or the table lacks the panel."""
        return np.divide(self.panels[panel], self.depth, out=np.full(len(self.depth), np.nan), where=self.depth > 0)


def gene_positions(var_names: pd.Index, genes: Sequence[str]) -> np.ndarray:
    """Return the columns of those of the genes that the table has, in the order of ``genes``."""
    if not var_names.is_unique:
        repeated = list(var_names[var_names.duplicated()].unique()[:3])
        raise GeneError(
            f"`var_names` holds genes more than once, e.g. {repeated}. Read the table with her2plastic.io.read_counts, "
            "which sums them, or sum them yourself."
        )
    positions = var_names.get_indexer(pd.Index(genes))
    return positions[positions >= 0]


def sum_cells(values: CellValues, panels: Mapping[str, np.ndarray], markers: np.ndarray | None = None) -> CellSums:
    """Sum every cell over all genes and over each panel.

    Parameters
    ----------
    values
        The values of the cells.
    panels
        Panel to the columns of its genes.
    markers
        Columns to keep as they are, by default none.

    Returns
    -------
    The sums.
    """
    n_cells, n_genes = values.matrix.shape
    markers = np.empty(0, dtype=np.int64) if markers is None else markers
    indicator = np.zeros((n_genes, len(panels)))
    for column, positions in enumerate(panels.values()):
        indicator[positions, column] = 1.0
    members = sparse.csr_matrix(indicator)
    depth, smallest = np.zeros(n_cells), np.full(n_cells, np.nan)
    seen = np.zeros(n_cells, dtype=np.int64)
    sums = np.zeros((n_cells, len(panels)))
    kept = []
    for rows, block in values.blocks():
        depth[rows] = sum_per_row(block.indptr, block.data)
        seen[rows] = np.diff(block.indptr)
        smallest[rows] = smallest_per_row(block.indptr, block.data)
        sums[rows] = (block @ members).toarray()
        kept.append(block[:, markers])
    by_panel = {
        name: sums[:, column] if len(positions) else np.full(n_cells, np.nan)
        for column, (name, positions) in enumerate(panels.items())
    }
    stacked = sparse.vstack(kept, format="csr") if kept else sparse.csr_matrix((n_cells, len(markers)))
    return CellSums(depth, seen, smallest, by_panel, stacked)
