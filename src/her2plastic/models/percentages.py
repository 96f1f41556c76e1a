"""Percentages in the place of counts of cells: whole ones pass for counts, and each row for a hundred cells."""

from __future__ import annotations

from typing import Final

import numpy as np

#: Rows from which on it is no chance that all of them hold a hundred cells.
_SEVERAL_ROWS: Final = 3


def may_be_percentages(counts: np.ndarray) -> bool:
    """Tell whether all rows that hold anything sum to about a hundred: each share may be rounded by up to a half."""
    sums = counts.sum(axis=1)
    filled = sums[sums > 0]
    return len(filled) >= _SEVERAL_ROWS and bool((np.abs(filled - 100.0) <= counts.shape[1] / 2).all())
