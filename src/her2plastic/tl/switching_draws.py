"""Effective rates from the CTCs of successive blood draws: the design ``"draws"`` of ``tl.switching``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import control_cells, donor_codes, obs_column, record_step, true_or_false
from her2plastic._errors import ParameterError, one_of
from her2plastic.models.draws.drop_out import DropOutSensitivity, drop_out_sensitivity
from her2plastic.models.draws.estimator import DrawComposition
from her2plastic.models.draws.fitted import fitted_draws
from her2plastic.models.draws.nulls import KINDS, SHUFFLED, no_switch_test
from her2plastic.models.draws.rows import TreatmentPeriod
from her2plastic.models.null_test import NullTest
from her2plastic.models.transition_rates import TransitionRates
from her2plastic.tl.state_likelihoods import StateLikelihoods, of_calls, of_posterior, of_table
from her2plastic.tl.treatment_periods import periods_between_draws, periods_of_table

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

STEP: Final = "switching_draws"
#: HER2-positive against the rest, whose two states ERBB2 counts barely tell apart.
POSITIVE_AGAINST_REST: Final = (("HER2-0", "HER2-low"), ("HER2-positive",))
_CALLS_NOTE = (
    "calls were taken as they are, without misclassification: the intervals are too narrow, and misreading pulls "
    "compositions and rates towards each other"
)


@dataclass(frozen=True)
class DrawnCells:
    """The cells of draws: donor and day of each, its likelihoods, and how many were left out."""

    donor: np.ndarray
    day: np.ndarray
    names: tuple[str, ...]
    likelihoods: StateLikelihoods
    left_out: int


def fit(
    adata: AnnData,
    *,
    level: float = 0.9,
    seed: int = 0,
    donor_key: str = _keys.DONOR_ID,
    day_key: str = _keys.DRAW_DAY,
    posterior_key: str = _keys.HER2_POSTERIOR,
    prior: str | None = None,
    likelihood_key: str | None = None,
    state_key: str | None = None,
    misclassification: np.ndarray | None = None,
    merge: Sequence[Sequence[str]] | str | None = None,
    allowed: np.ndarray | None = None,
    treatment_key: str | None = None,
    treatments: pd.DataFrame | None = None,
    patient_sd: float | None = None,
    overdispersion: float | None = None,
    null: str = SHUFFLED,
    n_null: int = 99,
    drop_out: str | None = None,
) -> TransitionRates:
    """Fit effective rates to the CTCs of several draws of each patient.

    Parameters
    ----------
    adata
        CTCs with donor, day of the draw and what is known of their HER2 state.
    level, seed
        See :func:`her2plastic.tl.switching`.
    donor_key, day_key
        Columns of the donor and of the day.
    posterior_key
        Posteriors of the states in obsm; their uncertainty is carried through.
    prior
        What the posteriors hold besides the cell's evidence, to be divided out: ``"donor"`` (the donor's shares),
        ``"even"`` (nothing), or None for what the record of ``tl.her2_state`` says; without one, ``"even"``.
    likelihood_key
        Likelihoods of the states in obsm, such as ``"her2_if_likelihood"``, in place of posteriors.
    state_key
        Column of called states, in place of posteriors.
    misclassification
        Shape ``(3, 3)``, with ``state_key``: probability of each call (column) of a cell in a true state (row).
    merge
        Groups of states that count as one, such as ``(("HER2-0", "HER2-low"), ("HER2-positive",))``, in short
        ``"positive"``: HER2-positive against the rest.
    allowed
        0/1 table of allowed transitions between the (merged) states; None for all.
    treatment_key
        Column with the treatment since the draw before, whose effect on the rates is estimated.
    treatments
        In its place a table with the columns ``donor``, ``start_day``, ``end_day``, ``treatment``.
    patient_sd, overdispersion
        See :class:`~her2plastic.models.DrawComposition`.
    null
        ``"shuffled draw order"`` or ``"no switching"``.
    n_null
        Data sets of the null; 0 for no test.
    drop_out
        State on which drop-out may depend: how the rates change then is recorded and noted.

    Returns
    -------
    The rates.

    Raises
    ------
    MissingKeyError, ParameterError
        What is read is missing or holds something else.
    ConvergenceError
        The likelihood could not be maximised.
    """
    one_of("null", null, KINDS)
    groups = _groups(merge)
    used = _used(adata, donor_key, day_key, posterior_key if likelihood_key is None else likelihood_key, state_key)
    cells = _collect(
        adata, used, donor_key=donor_key, day_key=day_key, posterior_key=posterior_key, prior=prior,
        likelihood_key=likelihood_key, state_key=state_key, misclassification=misclassification, groups=groups,
    )  # fmt: skip
    likelihoods, absent = cells.likelihoods.without_impossible()
    names = np.array(cells.names, dtype=object)
    given = periods_of_table(treatments) if treatments is not None else []
    shown = periods_between_draws(adata, used, cells.donor, cells.day, cells.names, treatment_key)
    model = DrawComposition(allowed, patient_sd=patient_sd, overdispersion=overdispersion, level=level)
    notes = _notes(cells, absent, state_key, misclassification)
    params = {
        "level": level, "seed": seed, "donor_key": donor_key, "day_key": day_key, "posterior_key": posterior_key,
        "prior": cells.likelihoods.prior, "likelihood_key": likelihood_key, "state_key": state_key,
        "treatment_key": treatment_key, "patient_sd": patient_sd, "overdispersion": overdispersion, "null": null,
        "n_null": n_null, "drop_out": drop_out, "merge": None if groups is None else list(likelihoods.states),
    }  # fmt: skip
    if len(likelihoods.states) < 2:
        return _record_lacking(adata, cells, likelihoods.states, params, level)
    model.fit_cells(
        names[cells.donor], cells.day, likelihoods.values,
        periods=given or (shown if treatment_key is not None else []),
    )  # fmt: skip
    tests = [no_switch_test(model, kind=null, n=n_null, seed=seed)] if n_null else []
    sensitivity = _drop_out(model, likelihoods.states, drop_out, tests)
    if sensitivity is not None:
        notes.append(f"drop-out: {sensitivity.summary()}")
    rates = model.transition_rates(likelihoods.states, tests=tests, notes=notes)
    _record(adata, model, rates, params, seed=seed, shown=given or shown, sensitivity=sensitivity)
    return rates


def _groups(merge: Sequence[Sequence[str]] | str | None) -> tuple[tuple[str, ...], ...] | None:
    """Return the groups of states, each state once."""
    if merge is None:
        return None
    if isinstance(merge, str):
        one_of("merge", merge, ("positive",))
        return POSITIVE_AGAINST_REST
    groups = tuple((group,) if isinstance(group, str) else tuple(group) for group in merge)
    if sorted(state for group in groups for state in group) != sorted(_keys.STATES) or len(groups) < 2:
        raise ParameterError(f"merge={merge!r}: expected two or three groups that hold each of {_keys.STATES} once")
    return groups


def _used(adata: AnnData, donor_key: str, day_key: str, table_key: str, state_key: str | None) -> np.ndarray:
    """Return which cells are patients' CTCs with a donor, a day and evidence of their state."""
    used = ~control_cells(adata)
    if _keys.IS_CTC in adata.obs:
        used &= true_or_false(adata, _keys.IS_CTC)
    remedy = "Draws need the donor and the day of each cell: give them in the sample sheet, or name the columns."
    used &= obs_column(adata, donor_key, remedy=remedy).notna().to_numpy()
    used &= np.isfinite(_days(adata, day_key, remedy))
    if state_key is not None:
        return used & obs_column(adata, state_key).notna().to_numpy()
    if table_key in adata.obsm:
        used &= np.isfinite(np.asarray(adata.obsm[table_key], dtype=float)).all(axis=1)
        if table_key == _keys.HER2_POSTERIOR and _keys.ERBB2_CPM in adata.obs:
            used &= adata.obs[_keys.ERBB2_CPM].notna().to_numpy()  # a cell without counts has no evidence
    return used


def _days(adata: AnnData, day_key: str, remedy: str) -> np.ndarray:
    import pandas as pd

    column = obs_column(adata, day_key, remedy=remedy)
    days = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    faulty = (np.isnan(days) & column.notna().to_numpy()) | np.isinf(days)
    if faulty.any():
        cell = int(np.flatnonzero(faulty)[0])
        raise ParameterError(
            f"`obs[{day_key!r}]` must hold days as numbers; cell {adata.obs_names[cell]!r} has {column.iloc[cell]!r}"
        )
    return days


def _collect(
    adata: AnnData,
    used: np.ndarray,
    *,
    donor_key: str,
    day_key: str,
    posterior_key: str,
    prior: str | None,
    likelihood_key: str | None,
    state_key: str | None,
    misclassification: np.ndarray | None,
    groups: tuple[tuple[str, ...], ...] | None,
) -> DrawnCells:
    """Return donor, day and likelihoods of the used cells."""
    codes, names = donor_codes(adata, donor_key)
    donor, day = codes[used], _days(adata, day_key, "")[used]
    if likelihood_key is not None and state_key is not None:
        raise ParameterError("likelihood_key and state_key: expected one of the two at most")
    if misclassification is not None and state_key is None:
        raise ParameterError("misclassification is of called states: name their column with state_key")
    if state_key is not None:
        error = np.eye(len(_keys.STATES)) if misclassification is None else np.asarray(misclassification, dtype=float)
        if error.shape != (3, 3) or not ((error >= 0).all() and np.allclose(error.sum(axis=1), 1, rtol=0, atol=1e-6)):
            raise ParameterError("misclassification: expected 3 x 3 probabilities, true x called, rows summing to 1")
        found = of_calls(adata, used, state_key=state_key, error=error)
    elif likelihood_key is not None:
        found = of_table(adata, used, likelihood_key)
    else:
        found = of_posterior(adata, used, donor, key=posterior_key, prior=prior)
    if groups is not None:
        found = found.merged(groups, donor)
    return DrawnCells(donor, day, names, found, int((~used).sum()))


def _notes(
    cells: DrawnCells, absent: tuple[str, ...], state_key: str | None, misclassification: np.ndarray | None
) -> list[str]:
    notes = [f"no cell can be {state}: it is left out" for state in absent]
    if cells.likelihoods.prior == "donor":
        notes.append("the donors' shares in the posteriors were divided out")
    if state_key is not None and misclassification is None:
        notes.append(_CALLS_NOTE)
    return notes


def _drop_out(
    model: DrawComposition, states: tuple[str, ...], drop_out: str | None, tests: Sequence[NullTest]
) -> DropOutSensitivity | None:
    """Return the sensitivity to drop-out, if asked for; found is what exceeds the null's 95 per cent point."""
    if drop_out is None or model.status_ != "ok":
        return None
    one_of("drop_out", drop_out, states)
    simulated = tests[0].simulated if tests else np.empty(0)
    critical = float(np.quantile(simulated, 0.95)) if simulated.size else None
    return drop_out_sensitivity(model, state=states.index(drop_out), critical=critical)


def _record_lacking(
    adata: AnnData, cells: DrawnCells, states: tuple[str, ...], params: dict[str, Any], level: float
) -> TransitionRates:
    numbers = {"patients": len(np.unique(cells.donor)), "cells": len(cells.donor)}
    reason = f"{len(cells.donor)} cells of {len(states)} states, 2 states needed"
    rates = TransitionRates.lacking("draws", states, reason, level=level, numbers=numbers)
    record_step(adata, STEP, params=params, **rates.record())
    return rates


def _record(
    adata: AnnData,
    model: DrawComposition,
    rates: TransitionRates,
    params: dict[str, Any],
    *,
    seed: int,
    shown: Sequence[TreatmentPeriod],
    sensitivity: DropOutSensitivity | None,
) -> None:
    """Record the rates, the compositions beside the fitted ones, treatments and drop-out."""
    found = fitted_draws(model, seed=seed)
    n_states = model.n_states_
    patients = np.array(list(map(str, model.rows_.patients)), dtype=object)
    table = {
        "group": np.repeat(patients[found.patient], n_states), "day": np.repeat(found.day, n_states),
        "state": np.tile(np.array(rates.states, dtype=object), len(found.day)), "n": np.repeat(found.n_cells, n_states),
        "observed": found.observed.ravel(), "lower": found.observed_lower.ravel(),
        "upper": found.observed_upper.ravel(), "fitted": found.fitted.ravel(),
        "fitted_lower": found.fitted_lower.ravel(), "fitted_upper": found.fitted_upper.ravel(),
    }  # fmt: skip
    results: dict[str, Any] = {"fitted": table}
    if shown:
        results["treatments"] = {
            "group": np.array([str(p.patient) for p in shown], dtype=object),
            "start_day": np.array([p.start for p in shown], dtype=float),
            "end_day": np.array([p.end for p in shown], dtype=float),
            "treatment": np.array([p.treatment for p in shown], dtype=object),
        }
    if model.status_ == "ok":
        results["spread"] = {"patient_sd": model.patient_sd_, "overdispersion": model.overdispersion_}
        results["deviance"] = model.deviance_
        if model.effects_:
            # as arrays: names of treatments may have characters that keys may not
            results["effects"] = {
                "treatment": np.array(list(model.effects_), dtype=object),
                "factor": np.stack(list(model.effects_.values())),
            }
    if sensitivity is not None:
        frame = sensitivity.to_frame()
        results["drop_out"] = {str(name): column.to_numpy() for name, column in frame.items()}
        results["drop_out"]["tipping_point"] = sensitivity.tipping_point
    record_step(adata, STEP, params=params, **rates.record(), **results)
