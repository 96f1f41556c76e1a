"""The CTCs of patients with their depth and call: what the figures over depth share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from her2plastic import _keys
from her2plastic._access import control_cells, counts, obs_column, row_sums

if TYPE_CHECKING:
    from anndata import AnnData

REMEDY = "Run her2plastic.tl.her2_state first."


def called_ctcs(adata: AnnData, *, needed_by: str) -> pd.DataFrame:
    """Return ``depth`` and ``call`` of each CTC with counts, without control cells."""
    call = obs_column(adata, _keys.HER2_CALL, remedy=REMEDY).astype(object)
    if _keys.DEPTH in adata.obs:
        depth = adata.obs[_keys.DEPTH].to_numpy(dtype=float)
    else:
        depth = row_sums(counts(adata, needed_by=needed_by, by_blocks=True))
    frame = pd.DataFrame({"depth": depth, "call": call.to_numpy()}, index=adata.obs_names)
    return frame[(call != _keys.NOT_A_CTC).to_numpy() & (depth > 0) & ~control_cells(adata)]
