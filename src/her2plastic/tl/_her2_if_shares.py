"""The share of each HER2 state by fluorescence among the CTCs of a patient or a draw, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic._access import obs_column, step_record
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.models.ordered_intensities import OrderedIntensities
from her2plastic.tl._her2_if import STEP
from her2plastic.tl._her2_shares import HER2Shares, step_names
from her2plastic.tl.if_calibration import recorded_scale
from her2plastic.tl.if_cells import scored_cells

if TYPE_CHECKING:
    from anndata import AnnData


def her2_if_shares(adata: AnnData, *, by: Sequence[str] = (_keys.DONOR_ID,), level: float = 0.9) -> HER2Shares:
    """Return the share of each HER2 state by fluorescence among the CTCs of each group.

    The shares are those of the population the CTCs came from: the interval holds the uncertainty of each cell's score,
    of the slides' offsets, and of the number of cells. The recorded scale and seed are used again.

    Parameters
    ----------
    adata
        Objects after :func:`her2plastic.tl.her2_if`.
    by
        Columns of ``obs`` that make a group.
    level
        Probability that an interval holds; 0.9 as in :func:`her2_shares`.

    Returns
    -------
    The table; see :class:`HER2Shares`. Groups without a CTC have a row that says so. Control lines are left out.

    Raises
    ------
    MissingKeyError
        A column is missing, or ``her2_if`` has not run.
    ParameterError
        ``level`` is out of range, or ``by`` is empty.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(320, 320), n_leukocytes=30, n_ctcs=6)
    >>> cells = hp.im.measure(hp.im.segment(made.slide))
    >>> hp.im.ctc_identity(cells)
    >>> hp.tl.her2_if(cells, calibration="reference")
    >>> print(hp.tl.her2_if_shares(cells, by=["slide_id"]).summary())
    slide: HER2-0 35% (7% to 66%), HER2-low 40% (12% to 72%), HER2-positive 25% (4% to 55%); 6 CTCs
    """
    import pandas as pd

    if not 0 < level < 1:
        raise ParameterError(f"level={level!r}: expected a probability between 0 and 1")
    by = (by,) if isinstance(by, str) else tuple(by)
    if not by:
        raise ParameterError("by=(): expected at least one column of obs")
    record = step_record(adata, STEP)
    if not record:
        raise MissingKeyError("uns['her2plastic']", STEP, step_names(adata), "Run tl.her2_if first.")
    cells = scored_cells(adata, control_key=str(record["params"]["control_key"]))
    keys = pd.DataFrame({column: obs_column(adata, column).to_numpy(dtype=object) for column in by})[cells.of_patient]
    grouped = keys.groupby(list(by), dropna=False, sort=True)
    group = np.full(adata.n_obs, -1)
    group[cells.of_patient] = grouped.ngroup().to_numpy()
    frame = grouped.size().rename("n_cells").reset_index()
    n = len(frame)
    frame["n_ctc"] = np.bincount(group[cells.of_patient & cells.is_ctc], minlength=n)
    used = cells.of_patient & cells.scored
    frame["n_callable"] = np.bincount(group[used], minlength=n)
    for state in _keys.STATES:
        for what in ("share", "lower", "upper"):
            frame[f"{what}_{state}"] = np.nan
    frame["note"] = np.where(frame["n_ctc"] == 0, "insufficient: no CTC", "insufficient: no CTC with an intensity")
    if used.any():
        model = OrderedIntensities(recorded_scale(record["calibration"]), seed=int(record["params"]["seed"]))
        model.fit(cells.log2_intensity[used], cells.censored[used], group[used])
        intervals = model.shares(level)
        for k, state in enumerate(_keys.STATES):
            frame.loc[model.groups_, f"share_{state}"] = intervals.mean[:, k]
            frame.loc[model.groups_, f"lower_{state}"] = intervals.lower[:, k]
            frame.loc[model.groups_, f"upper_{state}"] = intervals.upper[:, k]
        frame.loc[model.groups_, "note"] = ""
    return HER2Shares(frame=frame, by=by, level=level)
