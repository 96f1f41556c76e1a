"""The patient table: shares of the HER2 states per donor and per draw, with intervals and numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys, tl
from her2plastic._access import NOT_READ, cultured_rows, true_or_false

if TYPE_CHECKING:
    from anndata import AnnData

SCOPE: Final = "scope"
DONOR: Final = "donor"
DRAW: Final = "draw"
#: Decimals of the shares: more would be below the noise of the numerics and differ between machines.
_DECIMALS: Final = 4


def patient_table(
    adata: AnnData,
    sheet: pd.DataFrame,
    *,
    level: float,
    shares: Callable[..., tl.HER2Shares] = tl.her2_shares,
    unread: Collection[str] = (),
) -> pd.DataFrame:
    """Return one row per donor and one per draw, those of the sample sheet without any event included.

    ``scope`` says which of the two a row is; a donor's row has no ``draw_day``. Control cells (a ``label`` or a
    ``control_line`` in the sheet), cultures and clones have no row. ``shares`` gives the shares of the groups.
    ``unread`` names the samples that could not be read: the note of their groups says so.
    """
    cultured = cultured_rows(adata.obs)
    if cultured.any() and not cultured.all():
        adata = adata[~cultured]
    sheet = sheet[~cultured_rows(sheet)]
    if _keys.LABEL in sheet:  # control cells are no patients
        sheet = sheet[~sheet[_keys.LABEL].isin(_keys.STATES)]
    if _keys.CONTROL_LINE in sheet:
        sheet = sheet[sheet[_keys.CONTROL_LINE].fillna("") == ""]
    parts = [
        _scope_table(adata, sheet, DONOR, (_keys.DONOR_ID,), level, shares, unread),
        _scope_table(adata, sheet, DRAW, (_keys.DONOR_ID, _keys.DRAW_DAY), level, shares, unread),
    ]
    table = pd.concat(parts, ignore_index=True)
    if _keys.DRAW_DAY not in table:
        table[_keys.DRAW_DAY] = np.nan
    leading = [SCOPE, _keys.DONOR_ID, _keys.DRAW_DAY]
    return table[leading + [column for column in table.columns if column not in leading]]


def _scope_table(
    adata: AnnData,
    sheet: pd.DataFrame,
    scope: str,
    by: tuple[str, ...],
    level: float,
    shares: Callable[..., tl.HER2Shares],
    unread: Collection[str],
) -> pd.DataFrame:
    found = shares(adata, by=by, level=level).to_frame().reset_index(drop=True)
    found[_keys.DONOR_ID] = found[_keys.DONOR_ID].astype(str)
    expected = (
        sheet[list(by)].drop_duplicates().assign(**{_keys.DONOR_ID: lambda rows: rows[_keys.DONOR_ID].astype(str)})
    )
    table = expected.merge(found, on=list(by), how="left", sort=False)
    counted = [column for column in table.columns if column.startswith("n_")]
    empty = table["n_cells"].isna()
    table[counted] = table[counted].fillna(0).astype(int)
    table["note"] = table["note"].fillna("").astype(str)
    table.loc[empty, "note"] = "insufficient: the files of this group hold no event"
    table.loc[empty & _holds_cells(adata, table, by), "note"] = "insufficient: every event of this group is a control"
    _tell_unread(table, sheet, by, unread)
    if shares is tl.her2_shares:
        table["n_amplified"] = _amplified(adata, table, by)
    table[_numbers(table)] = table[_numbers(table)].round(_DECIMALS)
    table = table.sort_values(list(by), kind="stable", ignore_index=True)
    return table.assign(**{SCOPE: scope})


def _tell_unread(table: pd.DataFrame, sheet: pd.DataFrame, by: tuple[str, ...], unread: Collection[str]) -> None:
    """Say in the notes of groups which of their samples could not be read: their shares are of the others alone."""
    if not unread:
        return
    lacking = sheet[sheet[_keys.SAMPLE_ID].isin(list(unread))].astype({_keys.DONOR_ID: str})
    words = lacking.groupby(list(by))[_keys.SAMPLE_ID].agg(", ".join).rename("unread").reset_index()
    names = table[list(by)].merge(words, on=list(by), how="left")["unread"].to_numpy()
    for row in np.flatnonzero(pd.notna(names)):
        said = f"{NOT_READ}{names[row]}"
        if table.loc[row, "n_cells"] == 0:
            table.loc[row, "note"] = f"insufficient: {said}"
        else:
            table.loc[row, "note"] = "; ".join(filter(None, [str(table.loc[row, "note"]), said]))


def _holds_cells(adata: AnnData, table: pd.DataFrame, by: tuple[str, ...]) -> np.ndarray:
    """Tell which groups have a cell at all, be it one that the shares leave out."""
    obs: Any = adata.obs
    groups = obs[list(by)].astype({_keys.DONOR_ID: str}).drop_duplicates()
    return table[list(by)].merge(groups, on=list(by), how="left", indicator=True)["_merge"].eq("both").to_numpy()


def _amplified(adata: AnnData, table: pd.DataFrame, by: tuple[str, ...]) -> pd.Series:
    """Count the CTCs of each group that are read as amplified; missing where that is known of none of them."""
    obs: Any = adata.obs
    if _keys.ERBB2_MECHANISM not in obs:
        return pd.Series(pd.NA, index=table.index, dtype="Int64")
    cells = obs.loc[true_or_false(adata, _keys.IS_CTC), list(by)].astype({_keys.DONOR_ID: str})
    mechanism = obs.loc[cells.index, _keys.ERBB2_MECHANISM]
    cells["amplified"] = (mechanism == "amplified").to_numpy(dtype=int)
    known = cells[mechanism.isin(["amplified", "not amplified"]).to_numpy()]
    counted = known.groupby(list(by), observed=True)["amplified"].sum().reset_index()
    return table[list(by)].merge(counted, on=list(by), how="left")["amplified"].astype("Int64")


def _numbers(table: pd.DataFrame) -> list[str]:
    return [column for column in table.columns if column.startswith(("share_", "lower_", "upper_"))]
