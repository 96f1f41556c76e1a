"""HER2 states of patients by their tissue, first and last, out of the columns of the sample sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import control_cells, donor_codes, obs_column, record_step
from her2plastic.tl._tissue_status import tissue_status

if TYPE_CHECKING:
    from anndata import AnnData

#: Columns that tell the state of a tissue.
_TOLD: Final = (_keys.IHC, _keys.ISH_RATIO, _keys.ISH_COPIES, _keys.ISH_RECOUNT)


def tissue_states(adata: AnnData, *, donor_key: str = _keys.DONOR_ID) -> pd.DataFrame:
    """Write the HER2 state of the tissue of each draw, and of each patient's first and last, if read on two days.

    The states are those of :func:`tissue_status`. Unknown is a tissue of which the criteria ask for another step
    first: an IHC of 2+ without in-situ hybridisation, or one whose blinded recount is missing.

    Parameters
    ----------
    adata
        Cells with ``ihc`` in ``obs`` and, where known, ``ish_ratio``, ``ish_copies`` and ``ish_recount`` (unchanged,
        changed, adjudicated): the tissue that belongs to the draw of the cell.
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
    ParameterError
        If a score or a number of the tissue cannot be read.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import anndata
    >>> import pandas as pd
    >>> rows = [("A", 0.0, "1+"), ("A", 90.0, "3+"), ("B", 0.0, "0"), ("B", 60.0, "0")]
    >>> obs = pd.DataFrame(rows, columns=["donor_id", "draw_day", "ihc"], index=["c1", "c2", "c3", "c4"])
    >>> print(hp.tl.tissue_states(anndata.AnnData(obs=obs)).to_string())
      donor  first_day  last_day     first           last
    0     A        0.0      90.0  HER2-low  HER2-positive
    1     B        0.0      60.0    HER2-0         HER2-0
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
    obs_column(adata, _keys.IHC)
    told: Any = adata.obs[[key for key in _TOLD if key in adata.obs]]
    # the cells of a draw share its tissue
    place = told.astype(object).groupby(list(told.columns), dropna=False, sort=False).ngroup()
    first = ~place.duplicated().to_numpy()
    specimens = told[first].set_axis(place[first].to_numpy())
    states = tissue_status(specimens)[_keys.TISSUE_STATE].astype(object)
    return states.reindex(place.to_numpy()).to_numpy()
