"""Depth, genes seen and panel sums of cells, in one pass over the matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
        Values of the marker genes, cells x markers; None where none were asked for.
    """

    depth: np.ndarray
    n_genes: np.ndarray
    smallest: np.ndarray
    panels: dict[str, np.ndarray]
    markers: sparse.csr_matrix | None = None

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


def sum_cells(values: CellValues, panels: Mapping[str, np.ndarray]) -> CellSums:
    """Sum every cell over all genes and over each panel.

    Parameters
    ----------
    values
        The values of the cells.
    panels
        Panel to the columns of its genes.

    Returns
    -------
    The sums.
    """
    n_cells = values.matrix.shape[0]
    # each in memory of its own, so that those that are done with make room
    depth, smallest, *sums = (np.full(n_cells, np.nan) for _ in range(2 + len(panels)))
    seen = np.zeros(n_cells, dtype=np.int64)
    for rows, block in sums_by_block(values, panels):
        depth[rows], seen[rows], smallest[rows] = block.depth, block.n_genes, block.smallest
        for total, of_block in zip(sums, block.panels.values(), strict=True):
            total[rows] = of_block
    return CellSums(depth, seen, smallest, dict(zip(panels, sums, strict=True)))


def sums_by_block(
    values: CellValues, panels: Mapping[str, np.ndarray], markers: np.ndarray | None = None
) -> Iterator[tuple[slice, CellSums]]:
    """Yield the sums of one run of cells after another, with the values of marker genes.

    Parameters
    ----------
    values, panels
        As for :func:`sum_cells`.
    markers
        Columns to keep as they are, by default none.

    Yields
    ------
    The run of cells, and its sums.
    """
    indicator = np.zeros((values.matrix.shape[1], len(panels)))
    for place, positions in enumerate(panels.values()):
        indicator[positions, place] = 1.0
    members = sparse.csr_matrix(indicator)
    for rows, block in values.blocks():
        sums = (block @ members).toarray().astype(float, copy=False)
        by_panel = {
            name: sums[:, place] if len(positions) else np.full(len(sums), np.nan)
            for place, (name, positions) in enumerate(panels.items())
        }
        yield rows, CellSums(
            sum_per_row(block.indptr, block.data), np.diff(block.indptr).astype(np.int64),
            smallest_per_row(block.indptr, block.data), by_panel, None if markers is None else block[:, markers],
        )  # fmt: skip
