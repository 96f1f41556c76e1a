"""Steps from cell to cell for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from her2plastic import _keys
from her2plastic._errors import MissingKeyError

if TYPE_CHECKING:
    from anndata import AnnData


def direction_kernel(adata: AnnData, *, backward: bool = False) -> sparse.csr_matrix:
    """Return the probabilities of steps between cells, as ``cellrank.kernels.PrecomputedKernel`` takes them.

    ``PrecomputedKernel(direction_kernel(adata), adata=adata)`` hands them to CellRank's estimators.

    Parameters
    ----------
    adata
        Cells after :func:`her2plastic.tl.direction` with status ``ok``.
    backward
        Where cells come from: the transposed steps, rows made to sum to 1 again.

    Returns
    -------
    Cells x cells, float64, rows summing to 1. A cell that was not used stays where it is.

    Raises
    ------
    MissingKeyError
        If there are no steps: a direction that was insufficient leaves none.
    """
    if _keys.DIRECTION_STEPS not in adata.obsp:
        raise MissingKeyError(
            "obsp", _keys.DIRECTION_STEPS, adata.obsp.keys(),
            "Run her2plastic.tl.direction first; where it is insufficient there are no steps to hand on.",
        )  # fmt: skip
    stored: Any = adata.obsp[_keys.DIRECTION_STEPS]
    steps = sparse.csr_matrix(stored, dtype=np.float64)
    if backward:
        steps = sparse.csr_matrix(steps.T)
    sums = np.asarray(steps.sum(axis=1)).ravel()
    lonely = sums == 0
    if lonely.any():
        steps = sparse.csr_matrix(steps + sparse.diags(lonely.astype(float)))
        sums[lonely] = 1.0
    return sparse.csr_matrix(sparse.diags(1.0 / sums) @ steps)
