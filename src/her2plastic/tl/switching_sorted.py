"""Rates from sorted cultures: cells of an AnnData, by the state they were sorted from and the day after the sort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, input_hash, obs_column, record_step
from her2plastic._errors import ParameterError
from her2plastic.models.sorted_assay.estimator import SortedAssay
from her2plastic.models.transition_rates import TransitionRates
from her2plastic.tl.soft_counts import SoftStates, numbers_of, read_states

if TYPE_CHECKING:
    from anndata import AnnData

STEP = "switching_sorted"


@dataclass(frozen=True)
class _Wells:
    """What the cells of an AnnData say of each well."""

    names: tuple[str, ...]
    starts: tuple[str, ...]
    start: np.ndarray
    day: np.ndarray
    counts: np.ndarray
    totals: np.ndarray | None


def fit(
    adata: AnnData,
    *,
    sorted_key: str = _keys.SORTED_FROM,
    day_key: str = _keys.DAYS_AFTER_SORT,
    well_key: str = _keys.WELL_ID,
    cells_key: str = _keys.WELL_CELLS,
    posterior_key: str = _keys.HER2_POSTERIOR,
    prior: np.ndarray | str | None = None,
    merge: str | None = None,
    misclassification: np.ndarray | None = None,
    purity: np.ndarray | None = None,
    largest_impurity: float = 0.25,
    parental: np.ndarray | None = None,
    parental_cells: float | None = None,
    n_null: int = 99,
    level: float = 0.9,
    seed: int = 0,
) -> TransitionRates:
    """Estimate switching from sorted cultures of one line, against growth and sort impurity.

    A cell counts with its posterior, not with its most probable state, and the shares that this gives are compared with
    what the model expects to be counted given the posteriors' own doubt. Doubt that is the same on every day is
    therefore no switching. This asks for posteriors under one prior for all cells: call the states of all cultures as
    one donor, or have the shares of the donors divided out with ``prior="donor"``.

    Parameters
    ----------
    adata
        Cells of all wells. Those of day 0 (the sorted cells measured again) tell how pure the sorts were.
    sorted_key
        Column with the state that the culture was sorted for; any other word names a mixture.
    day_key
        Column with days after the sort.
    well_key
        Column with the culture; the cells of one start and day are one well where it is missing.
    cells_key
        Column with the number of cells in the whole culture; without it only differences of growth are known.
    posterior_key
        Posteriors of the states in ``obsm``.
    prior
        ``(S,)`` prior that stands in the posteriors, where it is not that of the cells themselves (even odds, for
        example). By default the posteriors are taken to be calibrated. ``"donor"``: those of ``tl.her2_state``, whose
        donors' shares are divided out; ``"even"``: those of even odds.
    merge
        ``"positive"``: HER2-positive against the rest, whose two states ERBB2 counts barely tell apart.
    misclassification
        ``(S, S)`` probability that a cell of a state (row) is counted as another (column); from the posteriors
        themselves if not given.
    purity
        ``(starts, S)`` known composition of each start, in the order of the starts' names.
    largest_impurity
        The largest share of another state that a sort may hold, where it was not measured on day 0.
    parental, parental_cells
        Composition of the culture that the sorts came from, and the cells behind it.
    n_null
        The most data sets simulated to judge whether switching is needed.
    level
        Probability that an interval holds; see :func:`her2plastic.tl.switching`.
    seed
        Seed of the simulation.

    Returns
    -------
    The rates; see :class:`~her2plastic.models.TransitionRates`. Writes ``uns["her2plastic"]["switching_sorted"]`` with
    the rates, ``fitted`` (a row per explanation, start, day and state), ``models`` (explanations with AIC and weights),
    ``information``, ``growth``, ``composition`` and ``misclassification``.

    Raises
    ------
    MissingKeyError
        A column is missing, or there are no posteriors.
    ParameterError
        A column holds something else than it should, or a parameter is out of range.

    Notes
    -----
    For fractions in a table, :class:`her2plastic.models.SortedAssay` takes arrays without any AnnData.
    """
    soft, known = read_states(adata, posterior_key, among=sorted_key, prior=prior, merge=merge)
    names = {"sorted_key": sorted_key, "day_key": day_key, "well_key": well_key, "cells_key": cells_key}
    params = {
        **names, "posterior_key": posterior_key, "prior": prior, "merge": merge,
        "largest_impurity": largest_impurity, "level": level, "seed": seed, "n_null": n_null,
        "purity": purity, "parental": parental, "parental_cells": parental_cells,
    }  # fmt: skip
    wells = _wells(adata, soft, **names)
    if wells is None:
        rates = TransitionRates.lacking(
            "sorted", soft.states, "0 cells with a state", level=level, numbers={"cells": 0}
        )
        record_step(adata, STEP, params=params, **rates.record())
        return rates
    errors = soft.confusion(known) if misclassification is None else misclassification
    model = SortedAssay(
        purity=purity, largest_impurity=largest_impurity, misclassification=errors, level=level,
        n_null=n_null, seed=seed,
    )  # fmt: skip
    _fit_wells(model, wells, soft.states, parental=parental, parental_cells=parental_cells)
    rates = model.transition_rates(soft.states)
    record_step(
        adata, STEP, params=params, input_hash=input_hash(wells.counts, wells.day), **rates.record(),
        misclassification=np.asarray(errors), **_found(model, wells, soft.states),
    )  # fmt: skip
    return rates


def statistic(
    adata: AnnData,
    *,
    sorted_key: str = _keys.SORTED_FROM,
    day_key: str = _keys.DAYS_AFTER_SORT,
    well_key: str = _keys.WELL_ID,
    cells_key: str = _keys.WELL_CELLS,
    posterior_key: str = _keys.HER2_POSTERIOR,
    prior: np.ndarray | str | None = None,
    merge: str | None = None,
    largest_impurity: float = 0.25,
) -> float:
    """Return the statistic of the first null, without simulation and intervals; missing where it cannot be had."""
    soft, known = read_states(adata, posterior_key, among=sorted_key, prior=prior, merge=merge)
    wells = _wells(adata, soft, sorted_key=sorted_key, day_key=day_key, well_key=well_key, cells_key=cells_key)
    if wells is None:
        return float("nan")
    errors = soft.confusion(known)
    model = SortedAssay(largest_impurity=largest_impurity, misclassification=errors, n_null=0)
    return _fit_wells(model, wells, soft.states, intervals=False).ratio_


def _fit_wells(model: SortedAssay, wells: _Wells, states: tuple[str, ...], **options: Any) -> SortedAssay:
    targets = [states.index(name) if name in states else -1 for name in wells.starts]
    return model.fit(
        wells.start, wells.day, wells.counts, cells=np.maximum(wells.counts.sum(axis=1), 1.0), totals=wells.totals,
        sorted_to=np.array(targets), **options,
    )  # fmt: skip


def _wells(
    adata: AnnData, soft: SoftStates, *, sorted_key: str, day_key: str, well_key: str, cells_key: str
) -> _Wells | None:
    """Return the soft counts of every well; None without a cell."""
    remedy = "Name the column with sorted_key, day_key."
    origin = soft.names(obs_column(adata, sorted_key, remedy=remedy))[soft.kept]
    day = numbers_of(obs_column(adata, day_key, remedy=remedy), day_key)[soft.kept]
    sorted_ = origin != "nan"  # cells of no sort, such as the parental culture, may stand in the same table
    if not sorted_.any():
        return None
    if np.isnan(day[sorted_]).any():
        raise ParameterError(f"`obs[{day_key!r}]`: {np.isnan(day[sorted_]).sum()} sorted cells have no day")
    well = as_names(adata.obs[well_key])[soft.kept] if well_key in adata.obs else origin
    origin, day, well = origin[sorted_], day[sorted_], well[sorted_]
    cells = SoftStates(soft.states, sorted_, soft.posterior[sorted_])
    # a culture that is measured on several days is a well on each of them
    days, place = np.unique(day, return_inverse=True)
    code = np.unique(well, return_inverse=True)[1] * len(days) + place
    _, first, group = np.unique(code, return_index=True, return_inverse=True)
    if (origin != origin[first][group]).any():
        odd = int(np.flatnonzero(origin != origin[first][group])[0])
        raise ParameterError(f"`obs[{well_key!r}]`: well {well[odd]!r} holds cells of several starts; expected one")
    starts, start = np.unique(origin[first], return_inverse=True)
    totals = None
    if cells_key in adata.obs:
        counted = numbers_of(adata.obs[cells_key], cells_key)[soft.kept][sorted_]
        totals = counted[first]
        if not np.array_equal(counted, totals[group], equal_nan=True):
            raise ParameterError(f"`obs[{cells_key!r}]`: expected one number for all cells of a well and day")
    return _Wells(
        tuple(map(str, well[first])), tuple(map(str, starts)), start.astype(np.int64), day[first],
        cells.counts(group, len(first)), totals,
    )  # fmt: skip


def _found(model: SortedAssay, wells: _Wells, states: tuple[str, ...]) -> dict[str, Any]:
    """Return what is recorded beside the rates."""
    fitted = model.fitted()
    fitted["group"] = np.array(wells.starts, dtype=object)[fitted["group"]]
    fitted["state"] = np.array(states, dtype=object)[fitted["state"]]
    found: dict[str, Any] = {"fitted": fitted, "growth": model.growth_, "composition": model.composition_}
    if model.fits_:
        table = model.comparison().rename(columns={"explanation": "model", "aic_weight": "weight"})
        found["models"] = {name: table[name].to_numpy(object if name == "model" else float) for name in table}
    if model.information_ is not None:
        found["information"] = {
            "parameters": np.array(model.information_.names, dtype=object), "rank": model.information_.rank,
            "standard_errors": model.information_.standard_errors,
            "undetermined": np.array(model.information_.undetermined, dtype=object),
        }  # fmt: skip
    if model.chain_ is not None:
        found["chain_per_day"] = model.chain_.chain.per_day
        found["chain_embeddable"] = model.chain_.chain.embeddable
    return found
