"""The blood draws of a run: cells of cultures left out, and the effect of treatments where it can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anndata
import numpy as np

from her2plastic import _keys, tl
from her2plastic._access import as_names, control_cells, cultured_rows, step_record, true_or_false
from her2plastic._errors import ConvergenceError, ParameterError

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.models import TransitionRates

STEP: Final = "switching_draws"
#: A treatment's effect is asked for with at least as many patients under it, and as many without it.
MIN_PATIENTS: Final = 3
_UNTREATED: Final = ("", "nan", "none", "untreated")


def draws_with_treatments(adata: AnnData, **told: Any) -> TransitionRates:
    """Ask for the rates over draws, with the effects of the treatments in the sheet where the data can tell them.

    Parameters
    ----------
    adata
        Cells with HER2 states. The result is recorded in it.
    told
        ``level``, ``seed``, and the options of the design.

    Returns
    -------
    The rates. Where treatments were given and their effects are not estimated, a note says why.
    """
    blood = _blood(adata)
    treated = _treated(blood)
    why = _untold(treated) if treated else ""
    rates = None
    if treated and not why:
        try:
            rates = _fit(blood, told, treatment_key=_keys.TREATMENT)
        except (ParameterError, ConvergenceError) as error:
            why = str(error)
    if rates is None:
        rates = _fit(blood, told)
    record = dict(step_record(blood, STEP))
    if why:
        record["notes"] = np.array([*rates.notes, f"effects of treatments were not estimated: {why}"], dtype=object)
    elif treated and rates.status == "ok":
        given = f"rates are those without treatment; of treatments ({', '.join(treated)}) their effects are given"
        record["notes"] = np.array([*rates.notes, given], dtype=object)
    adata.uns.setdefault(_keys.ROOT, {})[STEP] = record
    return rates


def _fit(blood: AnnData, told: dict[str, Any], **more: Any) -> TransitionRates:
    options = {key: value for key, value in told.items() if key not in ("level", "seed")}
    return tl.switching(blood, design="draws", level=told["level"], seed=told["seed"], options=options | more)


def _blood(adata: AnnData) -> AnnData:
    """Return the same cells, or those of no culture with what the design reads of them."""
    cultured = cultured_rows(adata.obs)
    if not cultured.any():
        return adata
    kept = ~cultured
    obs: Any = adata.obs
    posterior = adata.obsm[_keys.HER2_POSTERIOR]
    of_blood: Any = {_keys.HER2_POSTERIOR: posterior[kept]}
    called = dict(step_record(adata, "her2_state"))
    told = {_keys.ROOT: {"her2_state": called}} if called else {}
    return anndata.AnnData(obs=obs[kept].copy(), obsm=of_blood, uns=told)


def _treated(adata: AnnData) -> dict[str, tuple[int, int]]:
    """Return for each treatment the patients with an interval between draws under it, and with one without it."""
    if _keys.TREATMENT not in adata.obs:
        return {}
    cells: Any = adata.obs[~control_cells(adata) & true_or_false(adata, _keys.IS_CTC)]
    draws = cells[[_keys.DONOR_ID, _keys.DRAW_DAY, _keys.TREATMENT]].dropna(subset=[_keys.DONOR_ID, _keys.DRAW_DAY])
    draws = draws.drop_duplicates([_keys.DONOR_ID, _keys.DRAW_DAY]).sort_values(_keys.DRAW_DAY)
    # what is written beside a draw was given since the draw before
    intervals = draws[draws[_keys.DONOR_ID].duplicated()]
    given = as_names(intervals[_keys.TREATMENT])
    donors = as_names(intervals[_keys.DONOR_ID])
    names = sorted({name for name in given if name.strip().lower() not in _UNTREATED})
    return {name: (len(set(donors[given == name])), len(set(donors[given != name]))) for name in names}


def _untold(treated: dict[str, tuple[int, int]]) -> str:
    """Return which treatment too few patients had, or were without; empty if none."""
    for name, (under, without) in treated.items():
        if min(under, without) < MIN_PATIENTS:
            return (
                f"{name} was given between draws of {under} patients and not given between draws of {without}; "
                f"{MIN_PATIENTS} of either are needed"
            )
    return ""
