"""One specimen of tissue per patient, out of all that were read: the one to set beside the CTCs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, name_codes, obs_column, patient_cells
from her2plastic._errors import MissingKeyError, ParameterError, as_numbers
from her2plastic.io.tissue_fields import NUMBERS, WORDS
from her2plastic.tl._tissue_status import tissue_status
from her2plastic.tl.drawn_cells import days_of

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

#: Which specimen of a patient is taken.
WHICH: Final = ("nearest", "first", "last")
_DAY: Final = "day"


def specimens(adata: AnnData, tissue: pd.DataFrame | None, *, donor_key: str, day_key: str, rule: str) -> pd.DataFrame:
    """Return every specimen with its status: ``donor_id``, ``day``, ``site``, then the columns of ``tissue_status``.

    They are those of a table as :func:`her2plastic.io.read_tissue` gives it, or stand in ``obs`` beside the draws.
    """
    import pandas as pd

    if tissue is None:
        tissue = _of_obs(adata, donor_key, day_key)
    elif not isinstance(tissue, pd.DataFrame):
        raise ParameterError(
            f"tissue: expected a table as io.read_tissue gives it, or None for the columns of obs, not a "
            f"{type(tissue).__name__}"
        )
    if _keys.DONOR_ID not in tissue.columns:
        raise MissingKeyError("tissue", _keys.DONOR_ID, map(str, tissue.columns), "Name the patient of each specimen.")
    # a specimen of nobody is not that of cells of nobody
    tissue = tissue[tissue[_keys.DONOR_ID].notna()].reset_index(drop=True)
    status = tissue_status(tissue, rule=rule)
    days = tissue[_DAY] if _DAY in tissue else pd.Series(np.nan, index=tissue.index)
    given = pd.DataFrame({
        _keys.DONOR_ID: as_names(tissue[_keys.DONOR_ID]), "day": as_numbers("tissue['day']", days),
        "site": tissue["site"].fillna("").astype(str) if "site" in tissue else "",
    })  # fmt: skip
    return pd.concat([given, status], axis=1).sort_values([_keys.DONOR_ID, "day"], kind="stable").reset_index(drop=True)


def one_per_patient(found: pd.DataFrame, drawn: dict[str, np.ndarray], *, which: str) -> tuple[pd.DataFrame, list[str]]:
    """Return one row per patient, by name, and notes on the specimens that were left out.

    Specimens of one day that say different things are left out. A patient without a known state keeps the row of the
    last specimen, whose ``step`` says what is missing, or that specimens differ.
    """
    known = found[found[_keys.TISSUE_STATE].notna()]
    state = known[_keys.TISSUE_STATE].astype(str)
    several = state.groupby([known[_keys.DONOR_ID], known["day"].fillna(np.inf)]).transform("nunique") > 1
    notes = []
    if several.any():
        names = ", ".join(known.loc[several, _keys.DONOR_ID].unique()[:5])
        notes.append(f"Specimens of one day that differ were left out: {int(several.sum())} of {names}.")
    clear = known[~several]
    rows = []
    for donor, own in found.groupby(_keys.DONOR_ID, sort=True):
        usable = clear[clear[_keys.DONOR_ID] == donor]
        taken = usable.iloc[_place(usable, drawn.get(str(donor)), which)] if len(usable) else own.iloc[-1]
        row = taken.to_dict() | {"n_specimens": len(usable), "usable": bool(len(usable))}
        if not len(usable) and several.reindex(own.index, fill_value=False).any():
            row["step"] = "specimens of one day differ"
        rows.append(row)
    import pandas as pd

    return pd.DataFrame(rows, columns=[*found.columns, "n_specimens", "usable"]), notes


def _place(own: pd.DataFrame, days: np.ndarray | None, which: str) -> int:
    if which == "first":
        return 0
    if which == "last" or days is None or not len(days) or own["day"].isna().any():
        return len(own) - 1
    apart = np.abs(own["day"].to_numpy(dtype=float)[:, None] - days[None, :]).min(axis=1)
    return int(np.argmin(apart))


def days_of_draws(adata: AnnData, donor_key: str, day_key: str) -> dict[str, np.ndarray]:
    """Return the days on which each patient's blood was drawn; none where no day is known."""
    if donor_key not in adata.obs or day_key not in adata.obs:
        return {}
    kept = patient_cells(adata)
    codes, names = name_codes(adata.obs[donor_key])
    days = days_of(adata, day_key, "")
    kept &= np.isfinite(days)
    return {names[code]: np.unique(days[kept & (codes == code)]) for code in np.unique(codes[kept])}


def _of_obs(adata: AnnData, donor_key: str, day_key: str) -> pd.DataFrame:
    """Return the specimens that stand beside the draws in obs, each once."""
    obs_column(adata, _keys.IHC, remedy="Give tissue=io.read_tissue(...), or the tissue in the sample sheet.")
    columns: dict[str, Any] = {_keys.DONOR_ID: obs_column(adata, donor_key)}
    if day_key in adata.obs:
        columns[_DAY] = adata.obs[day_key]
    columns |= {name: adata.obs[name] for name in (*WORDS, *NUMBERS) if name in adata.obs}
    import pandas as pd

    table = pd.DataFrame({name: values.astype(object) for name, values in columns.items()})[patient_cells(adata)]
    told = table.drop(columns=[_keys.DONOR_ID, _DAY], errors="ignore").notna().any(axis=1)
    return table[told].drop_duplicates()
