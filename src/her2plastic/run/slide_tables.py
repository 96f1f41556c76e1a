"""The table of the slides: what each was read as, what lies on it, what is wrong with it. Failed slides have a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.io.slide import ROLES

if TYPE_CHECKING:
    from anndata import AnnData

#: Columns of the sheet that stay with a slide.
_FROM_SHEET = (_keys.DONOR_ID, _keys.DRAW_DAY, _keys.CONTROL_LINE)


def slide_table(
    sheet: pd.DataFrame,
    cells: Mapping[str, tuple[AnnData, Mapping[str, Any]]],
    failed: Mapping[str, str],
    dead: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return a row per slide of the sheet, in its order.

    Parameters
    ----------
    sheet
        The sheet of the slides.
    cells
        The objects of every slide that is whole, after the last step, and the record of how it was read.
    failed
        Why each of the others failed.
    dead
        What is to be said of channels that show nothing, per slide.

    Returns
    -------
    ``slide_id``, what the sheet says of it, ``status`` ("whole" or "failed"), how it was read (``pixel_size_um``,
    ``bit_depth``, ``saturation``, ``channels``, ``low_resolution``), ``n_events``, ``n_ctc``, a column per identity
    (``n_leukocyte``, ...), and ``note``: the reason of a failure, what could not be read, channels that show nothing.
    """
    rows = []
    for row in sheet.to_dict("records"):
        slide_id = str(row[_keys.SAMPLE_ID])
        known: dict[str, Any] = {_keys.SLIDE_ID: slide_id} | {key: row[key] for key in _FROM_SHEET if key in row}
        if slide_id in cells:
            rows.append(known | {"status": "whole"} | _facts(*cells[slide_id], dead.get(slide_id, ())))
        else:
            rows.append(known | {"status": "failed", "note": failed.get(slide_id, "")})
    table = pd.DataFrame(rows)
    counted = [column for column in table.columns if column.startswith("n_")]
    table[counted] = table[counted].astype("Int64")
    return table


def _facts(adata: AnnData, record: Mapping[str, Any], dead: Sequence[str]) -> dict[str, Any]:
    damaged = [str(region) for region in np.atleast_1d(record.get("damaged", []))]
    read = {
        name: record[name] for name in ("pixel_size_um", "bit_depth", "saturation", "low_resolution") if name in record
    }
    if "channels" in record:
        channels = [str(name) for name in np.atleast_1d(record["channels"])]
        read["channels"] = ", ".join(channels)
        damaged += [f"no {role} channel" for role in ROLES if role not in channels]
    counts: dict[str, Any] = {"n_events": adata.n_obs}
    if _keys.IDENTITY in adata.obs:
        identity = adata.obs[_keys.IDENTITY].astype(str)
        counts["n_ctc"] = int(adata.obs[_keys.IS_CTC].sum())
        counts |= {column_of(name): int((identity == name).sum()) for name in _keys.IMAGE_IDENTITIES if name != "CTC"}
    return {**read, **counts, "note": "; ".join([*damaged, *dead])}


def column_of(identity: str) -> str:
    """Return the column that counts an identity."""
    return "n_" + identity.lower().replace(" ", "_")


#: What is said of a cell that has an image and an expression.
_CONSENSUS = (
    _keys.HER2_CALL,
    _keys.HER2_IF_CALL,
    _keys.HER2_INTENSITY,
    _keys.ERBB2_COUNT,
    _keys.DEPTH,
    _keys.HER2_AGREEMENT,
    _keys.HER2_DISAGREEMENT,
    _keys.HER2_CONSENSUS_CALL,
)


def consensus_table(joined: AnnData) -> pd.DataFrame:
    """Return a row per cell that has an image and an expression: what each says, and what both say together."""
    obs = joined.obs[joined.obs[_keys.HAS_IMAGE].to_numpy(dtype=bool)]
    table = pd.DataFrame({_keys.CELL_ID: obs.index.to_numpy(dtype=object)})
    for key in (_keys.DONOR_ID, *_CONSENSUS):
        if key in obs:
            table[key] = obs[key].to_numpy()
    return table
