"""Rates between the HER2 statuses of patients seen at several draws: the design ``"panel"`` of ``tl.switching``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import ParameterError
from her2plastic.models.null_test import NullTest
from her2plastic.models.panel_markov.estimator import PanelMarkov
from her2plastic.models.panel_markov.nulls import gain_by_moves, no_switching_test, shuffled_order_test
from her2plastic.models.transition_rates import TransitionRates
from her2plastic.tl.draw_status import DrawStatus, dominant_status, status_on_file
from her2plastic.tl.drawn_cells import cells_with_evidence, drawn_cells, merged_groups
from her2plastic.tl.state_likelihoods import merged_name
from her2plastic.tl.treatment_periods import periods_between_draws

if TYPE_CHECKING:
    from anndata import AnnData

STEP: Final = "switching_panel"
#: Fewer patients with two draws say nothing of patients: five with two draws each can be dealt in 16 orders that differ
#: but for their direction, so that none of them stands out at 5 %.
MIN_PATIENTS: Final = 6
#: Fewer allow intervals that are rough at best.
_FEW_PATIENTS: Final = 12
#: Draws of a patient whose order tells of moves to and fro.
_ORDERED: Final = 3
#: A posterior of a draw's status above this names it.
_NAMED: Final = 0.5


@dataclass(frozen=True)
class _Panel:
    """What is fitted: the draws, names of states and donors, the errors of reading, and where the status is from."""

    draws: DrawStatus
    states: tuple[str, ...]
    names: tuple[str, ...]
    errors: np.ndarray | None
    on_file: bool
    prior: str
    treated: tuple[str, ...]
    treatment: np.ndarray
    periods: dict[str, np.ndarray]


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
    intervals: str = "profile",
    n_null: int = 99,
) -> TransitionRates:
    """Fit rates between the statuses of patients: of each draw's CTCs together, or as they stand in a column.

    Parameters
    ----------
    adata
        CTCs with donor, day of the draw and what is known of their HER2 state.
    level, seed
        See :func:`her2plastic.tl.switching`.
    donor_key, day_key
        Columns of the donor and of the day.
    posterior_key
        Posteriors of the cells' states in obsm. A draw's status is the state that most of its cells' population is in;
        how likely each status makes the draw is carried into the fit, so that an uncertain draw is no switch.
    prior, likelihood_key
        As in the design ``"draws"``: what the posteriors hold besides the cell's evidence; likelihoods in their place.
    state_key
        Column with the patient's status at each draw, such as of a biopsy, in place of the CTCs' states: names of
        states, or the words of pathology (0, null, ultralow, 1+, low, 3+, positive). 2+ is left open between HER2-low
        and HER2-positive, negative between HER2-0 and HER2-low, unless they count as one.
    misclassification
        With ``state_key``: ``(states, states)``, probability of each status on file (column) given the true one (row);
        or 0 and 1, the errors to be estimated.
    merge
        Groups of states that count as one, such as ``(("HER2-0", "HER2-low"), ("HER2-positive",))``, in short
        ``"positive"``.
    allowed
        0/1 table of transitions between the (merged) states; neighbouring states without.
    treatment_key
        Column with the treatment since the draw before, whose effect on the rates is estimated.
    intervals
        ``"profile"`` or ``"hessian"``.
    n_null
        Data sets of each null; 0 for no test.

    Returns
    -------
    The rates per day. The tests are the shuffled draw order and no switching.

    Raises
    ------
    MissingKeyError, ParameterError
        What is read is missing or holds something else.
    ConvergenceError
        The likelihood could not be maximised.
    """
    if not isinstance(n_null, (int, np.integer)) or isinstance(n_null, bool) or n_null < 0:
        raise ParameterError(f"n_null={n_null!r}: expected a whole number of at least 0")
    panel = _panel(
        adata, donor_key=donor_key, day_key=day_key, posterior_key=posterior_key, prior=prior,
        likelihood_key=likelihood_key, state_key=state_key, misclassification=misclassification, merge=merge,
        treatment_key=treatment_key,
    )  # fmt: skip
    params = {
        "level": level, "seed": seed, "donor_key": donor_key, "day_key": day_key, "posterior_key": posterior_key,
        "prior": panel.prior, "likelihood_key": likelihood_key, "state_key": state_key, "treatment_key": treatment_key,
        "intervals": intervals, "n_null": n_null, "merge": None if merge is None else list(panel.states),
    }  # fmt: skip
    if reason := _shortfall(panel):
        rates = TransitionRates.lacking("panel", panel.states, reason, level=level, numbers=_numbers(panel))
        record_step(adata, STEP, params=params, **rates.record())
        return rates
    model = _fitted(panel, allowed, level=level, intervals=intervals)
    tests = (
        (shuffled_order_test(model, n_null=n_null, seed=seed), no_switching_test(model, n_null=n_null, seed=seed))
        if n_null else ()
    )  # fmt: skip
    rates = _rates(panel, model, tests)
    results: dict[str, Any] = {
        "fitted": _fitted_table(panel, model), "quantity": "probability of the status",
        "counted": "readings" if panel.on_file else "cells",
    }  # fmt: skip
    if panel.periods:
        results["treatments"] = panel.periods
    if panel.treated:
        results["effects"] = {name: model.effects_[k] for k, name in enumerate(panel.treated)}
    record_step(adata, STEP, params=params, **rates.record(), **results)
    return rates


def statistic(
    adata: AnnData,
    *,
    donor_key: str = _keys.DONOR_ID,
    day_key: str = _keys.DRAW_DAY,
    posterior_key: str = _keys.HER2_POSTERIOR,
    prior: str | None = None,
    likelihood_key: str | None = None,
    state_key: str | None = None,
    misclassification: np.ndarray | None = None,
    merge: Sequence[Sequence[str]] | str | None = None,
    allowed: np.ndarray | None = None,
) -> float:
    """Return the observed value of the first test of :func:`fit`, without intervals or nulls; missing if insufficient.

    The parameters are those of :func:`fit`.
    """
    panel = _panel(
        adata, donor_key=donor_key, day_key=day_key, posterior_key=posterior_key, prior=prior,
        likelihood_key=likelihood_key, state_key=state_key, misclassification=misclassification, merge=merge,
        treatment_key=None,
    )  # fmt: skip
    if _shortfall(panel):
        return float("nan")
    return gain_by_moves(_fitted(panel, allowed, level=0.9, intervals="hessian"))


def _panel(
    adata: AnnData,
    *,
    donor_key: str,
    day_key: str,
    posterior_key: str,
    prior: str | None,
    likelihood_key: str | None,
    state_key: str | None,
    misclassification: np.ndarray | None,
    merge: Sequence[Sequence[str]] | str | None,
    treatment_key: str | None,
) -> _Panel:
    """Return the draws with their statuses."""
    groups = merged_groups(merge) or tuple((state,) for state in _keys.STATES)
    states = tuple(merged_name(group) if len(group) > 1 else group[0] for group in groups)
    if misclassification is not None and state_key is None:
        raise ParameterError("misclassification is of the status on file: name its column with state_key")
    used = cells_with_evidence(
        adata, donor_key, day_key, posterior_key if likelihood_key is None else likelihood_key, state_key
    )
    cells = drawn_cells(
        adata, used, donor_key=donor_key, day_key=day_key, posterior_key=posterior_key, prior=prior,
        likelihood_key=likelihood_key, state_key=state_key, misclassification=None,
        groups=None if merge is None else groups,
    )  # fmt: skip
    negative = cells.day < 0
    if negative.any():
        cell = int(np.argmax(negative))
        raise ParameterError(
            f"`obs[{day_key!r}]`: donor {cells.names[cells.donor[cell]]!r} has the day {cells.day[cell]:g}; expected "
            "at least 0, counted from the donor's day 0"
        )
    if state_key is None:
        draws, errors = dominant_status(cells.donor, cells.day, cells.likelihoods.values), None
    else:
        errors = None if misclassification is None else np.asarray(misclassification, dtype=float)
        if errors is not None and errors.shape != (len(states), len(states)):
            raise ParameterError(f"misclassification has the shape {errors.shape}: expected {(len(states),) * 2}")
        draws = status_on_file(
            adata, used, cells.donor, cells.day, cells.names, state_key=state_key, groups=groups, errors=errors
        )
    periods = periods_between_draws(adata, used, cells.donor, cells.day, cells.names, treatment_key)
    treated = tuple(sorted({period.treatment for period in periods})) if treatment_key is not None else ()
    treatment = np.zeros((len(draws.day), len(treated)))
    for period in periods if treated else ():
        here = (draws.donor == cells.names.index(str(period.patient))) & (draws.day == period.start)
        treatment[here, treated.index(period.treatment)] = 1.0
    table = {
        "group": np.array([str(p.patient) for p in periods], dtype=object),
        "start_day": np.array([p.start for p in periods], dtype=float),
        "end_day": np.array([p.end for p in periods], dtype=float),
        "treatment": np.array([p.treatment for p in periods], dtype=object),
    }  # fmt: skip
    return _Panel(
        draws, states, cells.names, errors, state_key is not None, "none" if state_key else cells.likelihoods.prior,
        treated, treatment, table if periods else {},
    )  # fmt: skip


def _shortfall(panel: _Panel) -> str:
    """Return what is missing for a fit, with the number that fell short; empty if nothing is."""
    draws = panel.draws
    if not draws.day.size:
        return "0 draws, 2 needed"
    several = int((np.unique(draws.donor, return_counts=True)[1] > 1).sum())
    if several < MIN_PATIENTS:
        return f"{several} patients with two draws or more, {MIN_PATIENTS} needed"
    share = draws.likelihood / draws.likelihood.sum(axis=1, keepdims=True)
    named = share.argmax(axis=1)[share.max(axis=1) > _NAMED]
    if len(np.unique(named)) < 2:
        return f"{len(np.unique(named))} statuses among {len(draws.day)} draws, 2 needed"
    return ""


def _numbers(panel: _Panel) -> dict[str, int]:
    draws = panel.draws
    return {
        "patients": len(np.unique(draws.donor)), "draws": len(draws.day), "cells": int(draws.n_cells.sum()),
    }  # fmt: skip


def _fitted(panel: _Panel, allowed: np.ndarray | None, *, level: float, intervals: str) -> PanelMarkov:
    """Return the fitted model; the first status of a patient is not known, and its shares are estimated."""
    n, draws = len(panel.states), panel.draws
    may = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) == 1 if allowed is None else np.asarray(allowed)
    if may.shape != (n, n):
        raise ParameterError(f"allowed has the shape {may.shape}: expected {(n, n)} for {', '.join(panel.states)}")
    model = PanelMarkov(
        may, misclassification=panel.errors, censored=draws.open_states, initial="estimate", level=level,
        intervals=intervals,
    )  # fmt: skip
    covariates = dict(zip(panel.treated, panel.treatment.T, strict=True)) or None
    return model.fit(
        draws.donor, draws.day, draws.status if panel.on_file else None, covariates,
        likelihood=None if panel.on_file else draws.likelihood,
    )  # fmt: skip


def _rates(panel: _Panel, model: PanelMarkov, tests: tuple[NullTest, ...]) -> TransitionRates:
    notes = list(model.notes_)
    numbers = _numbers(panel)
    if panel.on_file and panel.errors is None:
        notes.append("statuses were taken as they are, without misclassification: misread draws look like moves")
    if not panel.on_file:
        notes.append("a draw's status is the state of most cells of its population; another draw holds other cells")
    if panel.draws.open_states:
        notes.append(f"{int((panel.draws.status < 0).sum())} draws have a status that is left open, such as 2+")
    if panel.prior == "donor":
        notes.append("the donors' shares in the posteriors were divided out")
    if numbers["patients"] < _FEW_PATIENTS:
        notes.append(f"{numbers['patients']} patients: the intervals are rough")
    if tests and np.unique(panel.draws.donor, return_counts=True)[1].max() < _ORDERED:
        notes.append(
            "no patient has more than two draws: their order tells of a common direction, not of moves to and fro, so "
            f"that a large p of the {tests[0].name} says nothing"
        )
    rates = model.transition_rates(panel.states, unit="per day", tests=tests)
    return replace(rates, numbers=numbers, notes=tuple(notes), effective=not panel.on_file)


def _fitted_table(panel: _Panel, model: PanelMarkov) -> dict[str, np.ndarray]:
    """Return what each draw says of its status alone, and what the model makes of it, a row per draw and state.

    A state has no fit where a rate into or out of it may be any: neither a number nor below a bound.
    """
    draws, n = panel.draws, len(panel.states)
    alone = draws.likelihood / draws.likelihood.sum(axis=1, keepdims=True)
    missing = np.full(alone.size, np.nan)
    open_rate = np.isnan(model.intensities_) & ~np.isfinite(model.intensity_intervals_[..., 1]) & ~np.eye(n, dtype=bool)
    fitted = np.where(open_rate.any(axis=0) | open_rate.any(axis=1), np.nan, model.state_probabilities())
    names = np.array(panel.names, dtype=object)
    return {
        "group": np.repeat(names[draws.donor], n), "day": np.repeat(draws.day, n),
        "state": np.tile(np.array(panel.states, dtype=object), len(draws.day)), "n": np.repeat(draws.n_cells, n),
        "observed": alone.ravel(), "lower": missing, "upper": missing, "fitted": fitted.ravel(),
        "fitted_lower": missing, "fitted_upper": missing,
    }  # fmt: skip
