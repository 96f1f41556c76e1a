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

    Examples
    --------
    >>> import her2plastic as hp
    >>> moves = hp.datasets.Kinetics(rates=((0, 0.9, 0), (0, 0, 0.9), (0, 0, 0)))  # upwards only
    >>> genes = hp.datasets.Programmes(rtk=(0, 0.6, 1.8, 1.8), notch=(1.8, 1.2, 0, 0), stress=(1.8, 1.2, 0, 0))
    >>> cells = hp.datasets.simulate_cohort(
    ...     n_donors=4, draws=(0,), n_ctc=240, platform="smart-seq2", n_genes=820, amplified=0, kinetics=moves,
    ...     programmes=genes, contamination=hp.datasets.Contamination.none(), seed=2,
    ... )
    >>> found = hp.tl.direction(cells, state_key="true_state", modes=["steady_state"], n_null=19)
    >>> steps = hp.tl.direction_kernel(cells)
    >>> steps.shape, round(float(steps.sum(axis=1).min()), 3)
    ((960, 960), 1.0)
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
