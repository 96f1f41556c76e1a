"""Effective rates from the CTCs of successive blood draws: the design ``"draws"`` of ``tl.switching``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import one_of
from her2plastic.models.draws.drop_out import DropOutSensitivity, drop_out_sensitivity
from her2plastic.models.draws.estimator import DrawComposition
from her2plastic.models.draws.fitted import fitted_draws
from her2plastic.models.draws.nulls import DECIDING, KINDS, SHUFFLED, no_switch_test
from her2plastic.models.draws.rows import TreatmentPeriod
from her2plastic.models.null_test import NullTest
from her2plastic.models.transition_rates import TransitionRates
from her2plastic.tl.drawn_cells import DrawnCells, cells_with_evidence, drawn_cells, merged_groups
from her2plastic.tl.treatment_periods import periods_between_draws, periods_of_table

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

STEP: Final = "switching_draws"
_CALLS_NOTE = (
    "calls were taken as they are, without misclassification: the intervals are too narrow, and misreading pulls "
    "compositions and rates towards each other"
)


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
        A transition is found where the data stand out against the shuffled draw order and against shuffled labels;
        ``"no switching"``: against draws simulated without moves, too.
    n_null
        Data sets of each null; 0 for no test.
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
    groups = merged_groups(merge)
    used = cells_with_evidence(
        adata, donor_key, day_key, posterior_key if likelihood_key is None else likelihood_key, state_key
    )
    cells = drawn_cells(
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
    kinds = dict.fromkeys((*DECIDING, null)) if n_null else {}
    tests = [no_switch_test(model, kind=kind, n_null=n_null, seed=seed) for kind in kinds]
    sensitivity = _drop_out(model, likelihoods.states, drop_out, tests)
    if sensitivity is not None:
        notes.append(f"drop-out: {sensitivity.summary()}")
    rates = model.transition_rates(likelihoods.states, tests=tests, deciding=max(len(tests), 1), notes=notes)
    _record(adata, model, rates, params, seed=seed, shown=given or shown, sensitivity=sensitivity)
    return rates


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
    """Return the sensitivity to drop-out, if asked for; found is what exceeds the 95 per cent point of every null."""
    if drop_out is None or model.status_ != "ok":
        return None
    one_of("drop_out", drop_out, states)
    critical = max((float(np.quantile(test.simulated, 0.95)) for test in tests), default=None)
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
