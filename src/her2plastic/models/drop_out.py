"""How often whole transcripts are lost, whatever their expression, judged by genes that every cell shows."""

from __future__ import annotations

import numpy as np

#: Mean count from which a gene's absence from a cell is hardly chance.
_MEAN_COUNT = 200.0
_MIN_GENES = 20
#: A loss that strikes all genes alike strikes the most steadily seen ones too; this quantile of the genes' absences is
#: therefore an upper bound of it, up to chance.
_QUANTILE = 0.02


def uniform_drop_out(mean_count: np.ndarray, share_absent: np.ndarray) -> float | None:
    """Estimate the share of cells in which any given transcript drops out altogether.

    Parameters
    ----------
    mean_count
        Shape ``(genes,)``: mean count over cells.
    share_absent
        Shape ``(genes,)``: share of cells without a count of the gene.

    Returns
    -------
    The estimate, or None when fewer than 20 genes are counted 200 times a cell on average.
    """
    absent = share_absent[mean_count >= _MEAN_COUNT]
    if len(absent) < _MIN_GENES:
        return None
    return float(np.quantile(absent, _QUANTILE))
