"""HER2 states of patients by their tissue, first and last, out of the columns of the sample sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import control_cells, donor_codes, obs_column, record_step
from her2plastic.tl.state_words import STATES_OF_WORD

if TYPE_CHECKING:
    from anndata import AnnData

_STATE_OF_IHC: Final = {score: STATES_OF_WORD[score][0] for score in ("0", "null", "ultralow", "1+", "3+")}
#: Bounds of amplification: HER2/CEP17 with HER2 copies per cell, and copies that are enough alone.
_RATIO, _COPIES, _COPIES_ALONE = 2.0, 4.0, 6.0


def tissue_states(adata: AnnData, *, donor_key: str = _keys.DONOR_ID) -> pd.DataFrame:
    """Write the HER2 state of the tissue of each draw, and of each patient's first and last, if read on two days.

    0 (null, ultralow) is HER2-0, 1+ is HER2-low, 3+ is HER2-positive; 2+ is HER2-positive where in-situ hybridisation
    shows amplification (a ratio of at least 2 with at least 4 copies, or 6 copies; Wolff et al. 2018), HER2-low where
    it does not, and unknown where it was not done.

    Parameters
    ----------
    adata
        Cells with ``ihc`` in ``obs`` and, where known, ``ish_ratio`` and ``ish_copies``: the tissue that belongs to the
        draw of the cell.
    donor_key
        Column of ``obs`` with the patient.

    Returns
    -------
    A row per patient with two readings: ``donor``, ``first_day``, ``last_day``, ``first``, ``last``. Writes
    ``obs["tissue_state"]`` of the draw, and of the patient ``obs["tissue_first"]`` and ``obs["tissue_last"]``, missing
    without two. Days on which two samples of a patient say different things are left out, control cells too.

    Raises
    ------
    MissingKeyError
        If ``ihc`` or the day of the draw is not in ``obs``.
    """
    codes, names = donor_codes(adata, donor_key)
    readings = pd.DataFrame({
        "donor": np.array(names, dtype=object)[codes], "day": obs_column(adata, _keys.DRAW_DAY).to_numpy(dtype=float),
        "state": _states(adata),
    })  # fmt: skip
    known = readings[readings["state"].notna() & readings["day"].notna() & ~control_cells(adata)].drop_duplicates()
    clear = known[~known.duplicated(["donor", "day"], keep=False)].sort_values("day", kind="stable")
    ends = clear.groupby("donor", sort=True).agg(
        first_day=("day", "first"), last_day=("day", "last"), first=("state", "first"), last=("state", "last")
    )
    ends = ends[ends["first_day"] < ends["last_day"]].reset_index()
    of_draw = dict(zip(zip(clear["donor"], clear["day"], strict=True), clear["state"], strict=True))
    drawn = zip(readings["donor"], readings["day"], control_cells(adata), strict=True)
    states = [None if control else of_draw.get((donor, day)) for donor, day, control in drawn]
    adata.obs[_keys.TISSUE_STATE] = pd.Categorical(states, categories=list(_keys.STATES), ordered=True)
    for key, column in ((_keys.TISSUE_FIRST, "first"), (_keys.TISSUE_LAST, "last")):
        of_donor = dict(zip(ends["donor"], ends[column], strict=True))
        values = [of_donor.get(name) for name in readings["donor"]]
        adata.obs[key] = pd.Categorical(values, categories=list(_keys.STATES), ordered=True)
    record_step(adata, "tissue_states", params={"donor_key": donor_key}, patients=len(ends))
    return ends


def _states(adata: AnnData) -> np.ndarray:
    """Return the state of each cell's tissue, missing where it is not known."""
    ihc = obs_column(adata, _keys.IHC).astype(object)
    ratio, copies = (
        adata.obs[key].to_numpy(dtype=float) if key in adata.obs else np.full(adata.n_obs, np.nan)
        for key in (_keys.ISH_RATIO, _keys.ISH_COPIES)
    )
    with_ratio = (ratio >= _RATIO) & ~(copies < _COPIES)
    amplified = with_ratio | (copies >= _COPIES_ALONE)
    hybridised = np.isfinite(ratio) | np.isfinite(copies)
    state = ihc.map(_STATE_OF_IHC).to_numpy(dtype=object)
    equivocal = (ihc == "2+").to_numpy(dtype=bool) & hybridised
    return np.where(equivocal, np.where(amplified, _keys.STATES[2], _keys.STATES[1]), state)
