"""The CTCs one by one, as the data that the report's script pages through. The script writes them as text only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import patient_cells

if TYPE_CHECKING:
    from anndata import AnnData

#: More CTCs than this make the page slow on a phone; all of them are in cells.h5ad.
MOST_CELLS: Final = 3000

#: Column heading, key, and whether it is a number (with its decimals).
_COLUMNS: Final = (
    ("Cell", "cell_id", None),
    ("Donor", _keys.DONOR_ID, None),
    ("Draw, day", _keys.DRAW_DAY, 1),
    ("Call", _keys.HER2_CALL, None),
    ("Confidence", _keys.HER2_CONFIDENCE, 3),
    ("ERBB2 counts", _keys.ERBB2_COUNT, 0),
    ("ERBB2 per million", _keys.ERBB2_CPM, 1),
    ("Depth", _keys.DEPTH, 0),
    ("Amplicon", _keys.ERBB2_MECHANISM, None),
    ("CTC probability", _keys.CTC_PROBABILITY, 3),
)


def ctc_data(adata: AnnData) -> dict[str, Any]:
    """Return the CTCs as columns and rows that JSON can hold.

    Returns
    -------
    ``columns`` (title, source, numeric), ``states``, ``calls`` (those that occur, in order), ``rows`` (a value per
    column, then the posterior of each state), ``total`` (CTCs there are) and ``shown``. Beyond 3,000 CTCs every donor
    keeps the same part of its own, evenly spaced.
    """
    is_ctc = np.flatnonzero(adata.obs[_keys.IS_CTC].to_numpy(dtype=bool) & patient_cells(adata))
    kept = is_ctc if is_ctc.size <= MOST_CELLS else is_ctc[np.linspace(0, is_ctc.size - 1, MOST_CELLS).astype(int)]
    obs = adata.obs.iloc[kept]
    columns, values = [], []
    for title, key, decimals in _COLUMNS:
        if key != _keys.CELL_ID and key not in obs:
            continue
        column = obs.index.to_series() if key == _keys.CELL_ID else obs[key]
        columns.append({"title": title, "source": f"obs: {key}", "numeric": decimals is not None})
        values.append(_texts(column) if decimals is None else _numbers(column, decimals))
    posterior = adata.obsm[_keys.HER2_POSTERIOR]
    frame = pd.DataFrame(np.asarray(posterior)[kept], columns=list(_keys.STATES))
    values += [_numbers(frame[state], 3) for state in _keys.STATES]
    return {
        "columns": columns,
        "states": list(_keys.STATES),
        "calls": [call for call in _keys.CALLS if (obs[_keys.HER2_CALL].astype(str) == call).any()],
        "rows": [list(row) for row in zip(*values, strict=True)],
        "total": int(is_ctc.size),
        "shown": int(kept.size),
    }


def _texts(column: pd.Series) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in column]


def _numbers(column: pd.Series, decimals: int) -> list[float | None]:
    return [round(float(value), decimals) if np.isfinite(value) else None for value in column.astype(float)]
