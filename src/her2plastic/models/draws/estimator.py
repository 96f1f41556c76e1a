"""Effective rates between states from the composition of successive blood draws."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from her2plastic._errors import ConvergenceError, DataWarning, ParameterError, check_probability
from her2plastic.models.draws.evidence import DrawTerms, evidence_tables
from her2plastic.models.draws.maxima import climb, rate_limits, spans
from her2plastic.models.draws.objective import DrawsObjective, Layout
from her2plastic.models.draws.profile import rate_intervals
from her2plastic.models.draws.rows import (
    TreatmentPeriod,
    cells_of_counts,
    check_days,
    order_draws,
    terms_of_counts,
)
from her2plastic.models.misclassification.reader_error import error_matrix
from her2plastic.models.null_test import NullTest
from her2plastic.models.percentages import may_be_percentages
from her2plastic.models.quasi_newton import Maximum
from her2plastic.models.transition_rates import NOT_ALLOWED, NOT_IDENTIFIED, TransitionRates

#: Fewer patients with two draws are shown one by one, without a pooled rate.
MIN_PATIENTS: Final = 6
EFFECTIVE_NOTE: Final = "effective: switching, growth, shedding and clearance together"


def _tell_percentages(counts: np.ndarray) -> None:
    """Warn where every draw has about a hundred cells."""
    if may_be_percentages(counts):
        n_draws = np.count_nonzero(counts.sum(axis=1))
        warnings.warn(
            f"counts: all {n_draws} draws sum to about 100 and are taken as cells; intervals rest on it. If they "
            "are percentages, multiply them by the cells of each draw.",
            DataWarning,
            stacklevel=3,
        )


class DrawComposition:
    """Composition of the CTCs of patients over blood draws, moved by effective rates that patients share.

    Patient ``i`` has a composition ``x_i`` at the first draw and log rates ``log q + sd * b_i``; between draws ``x_i``
    moves by ``expm(Q_i t)``, where treatments multiply the rates. The CTCs of a draw are Dirichlet-multinomial around
    ``x_i`` (overdispersion ``rho``) and each is seen through its own error. First compositions (a common Dirichlet) and
    patients' own rates are integrated out; rates have no prior, the rest weak ones. A CTC is destroyed when it is
    measured, so that growth, shedding and clearance are in the rates too.

    Parameters
    ----------
    allowed
        Shape ``(states, states)``, two or three states: 1 where a transition is allowed; None for all, by the number of
        states in the data.
    misclassification
        Shape ``(states, states)``: probability of each observed state (column) of a cell in a true state (row); None
        for none. Not used by :meth:`fit_cells`.
    patient_sd
        Standard deviation of the patients' own log rates; None to estimate it (weakly: prior median 0.3).
    overdispersion
        Intra-draw correlation of the cells' states; None to estimate it.
    level
        Probability that an interval holds; 0.9 for rates, which rest on few patients, cultures or clones.

    Attributes
    ----------
    status_
        ``"ok"``, or ``"insufficient: "`` and the number that fell short; the other results are then missing.
    rates_, lower_, upper_
        Shape ``(states, states)``: rates per day from row to column with profile likelihood intervals.
    identifiability_
        Shape ``(states, states)``: words of :class:`~her2plastic.models.TransitionRates`.
    effects_
        Per treatment ``(3, states, states)``: factor on each rate, its lower and its upper bound.
    patient_sd_, overdispersion_, first_
        Estimates of the patients' spread, of the overdispersion, and the Dirichlet parameters of the first draw.
    log_likelihood_, log_likelihood_static_, deviance_
        Penalised log-likelihoods with and without moves, and twice their difference.
    rows_
        The draws in order.
    numbers_
        What the fit rests on: patients, draws, cells.

    Examples
    --------
    >>> import her2plastic as hp
    >>> table = hp.datasets.simulate_draws(n_patients=20, n_ctc=10, seed=1).to_frame()
    >>> counts = table.iloc[:, 3:].to_numpy()  # CTCs read as each state
    >>> model = hp.models.DrawComposition().fit(table["patient"], table["day"], counts)
    >>> print(model.status_, model.rates_.round(2).tolist(), model.identifiability_.tolist())
    ok [[nan, 0.03], [0.04, nan]] [['', 'weakly identified'], ['weakly identified', '']]
    """

    def __init__(
        self,
        allowed: np.ndarray | Sequence[Sequence[int]] | None = None,
        *,
        misclassification: np.ndarray | Sequence[Sequence[float]] | None = None,
        patient_sd: float | None = None,
        overdispersion: float | None = None,
        level: float = 0.9,
    ) -> None:
        self.allowed = allowed
        self.misclassification = misclassification
        self.patient_sd = patient_sd
        self.overdispersion = overdispersion
        self.level = level

    def fit(
        self,
        patient: np.ndarray,
        day: np.ndarray,
        counts: np.ndarray,
        *,
        periods: Sequence[TreatmentPeriod] = (),
        intervals: bool = True,
    ) -> DrawComposition:
        """Fit counts of cells by observed state.

        Parameters
        ----------
        patient, day
            Shape ``(draws,)``, in any order: patient and day of each draw.
        counts
            Shape ``(draws, states)``: cells by observed state; draws without a cell say nothing and are left out.
        periods
            When patients were treated.
        intervals
            False where only the gain in log-likelihood is wanted: spares the profiles, and rates are missing.

        Returns
        -------
        Itself.

        Raises
        ------
        ParameterError
            Faulty arrays or parameters, or two draws of a patient on one day.
        ConvergenceError
            The likelihood could not be maximised.
        """
        counts = np.asarray(counts)
        if counts.ndim != 2 or counts.shape[1] not in (2, 3):
            raise ParameterError(f"counts: expected draws x 2 or 3 states, has shape {counts.shape}")
        whole = np.asarray(counts, dtype=float)
        if not (np.isfinite(whole).all() and (whole >= 0).all() and (whole == np.rint(whole)).all()):
            raise ParameterError("counts: expected whole numbers of cells of at least 0, none missing")
        _tell_percentages(whole)
        patient, day = _vectors(patient, day, len(counts), "counts")
        self._prepare(counts.shape[1])
        error = error_matrix("misclassification", self.misclassification, counts.shape[1])
        drawn = whole.sum(axis=1) > 0
        terms = terms_of_counts(whole[drawn].astype(np.int64), error)
        self.looks_ = error.T
        self.look_ = cells_of_counts(whole[drawn].astype(np.int64))[1]
        self.chance_of_look_: np.ndarray | None = error
        return self._fit(patient[drawn], day[drawn], terms, periods, intervals=intervals)

    def fit_cells(
        self,
        patient: np.ndarray,
        day: np.ndarray,
        likelihood: np.ndarray,
        *,
        periods: Sequence[TreatmentPeriod] = (),
        intervals: bool = True,
    ) -> DrawComposition:
        """Fit cells each with its own uncertainty.

        Parameters
        ----------
        patient, day
            Shape ``(cells,)``: patient of each cell and day of its draw.
        likelihood
            Shape ``(cells, states)``: how likely each state makes what was measured of the cell, up to a factor of the
            cell. A posterior is no likelihood: divide its prior out.
        periods
            When patients were treated.
        intervals
            False where only the gain in log-likelihood is wanted: spares the profiles, and rates are missing.

        Returns
        -------
        Itself.

        Raises
        ------
        ParameterError
            Faulty arrays or parameters.
        ConvergenceError
            The likelihood could not be maximised.
        """
        likelihood = np.asarray(likelihood, dtype=float)
        if likelihood.ndim != 2 or likelihood.shape[1] not in (2, 3):
            raise ParameterError(f"likelihood: expected cells x 2 or 3 states, has shape {likelihood.shape}")
        if not (np.isfinite(likelihood).all() and (likelihood >= 0).all() and (likelihood.max(axis=1) > 0).all()):
            raise ParameterError("likelihood: expected numbers of at least 0, one above 0 per cell, none missing")
        patient, day = _vectors(patient, day, len(likelihood), "likelihood")
        self._prepare(likelihood.shape[1])
        self.looks_, self.chance_of_look_ = likelihood, None
        _, codes = np.unique(patient, return_inverse=True)
        order = np.lexsort((day, codes))
        self.look_ = order
        if len(codes) == 0:
            return self._fit(patient, day, [], periods, intervals=intervals)
        begins = np.flatnonzero(np.diff(codes[order], prepend=-1) | (np.diff(day[order], prepend=np.nan) != 0))
        terms = [DrawTerms.of_cells(likelihood[cells]) for cells in np.split(order, begins[1:])]
        return self._fit(patient[order[begins]], day[order[begins]], terms, periods, intervals=intervals)

    def _prepare(self, n_states: int) -> None:
        check_probability("level", self.level)
        for name, value, most in (("patient_sd", self.patient_sd, 2.0), ("overdispersion", self.overdispersion, 0.4)):
            least = 0.0 if name == "patient_sd" else 0.001
            if value is not None and not (isinstance(value, (int, float)) and least <= value <= most):
                raise ParameterError(f"{name}={value!r}: expected None or a number from {least:g} to {most:g}")
        self.n_states_ = n_states
        self.allowed_ = _allowed(self.allowed, n_states)

    def _fit(
        self,
        patient: np.ndarray,
        day: np.ndarray,
        terms: list[DrawTerms],
        periods: Sequence[TreatmentPeriod],
        *,
        intervals: bool,
    ) -> DrawComposition:
        size = self.n_states_
        self.terms_, self.periods_ = terms, tuple(periods)
        self.rows_ = order_draws(patient, day, periods)
        n_draws = np.array([(self.rows_.draw[a:b] >= 0).sum() for a, b in spans(self.rows_)], dtype=int)
        self.numbers_ = {
            "patients": len(self.rows_.patients), "patients with two draws": int((n_draws >= 2).sum()),
            "draws": len(terms), "cells": int(sum(term.n_cells for term in terms)),
        }  # fmt: skip
        self.rates_ = np.full((size, size), np.nan)
        self.lower_, self.upper_ = self.rates_.copy(), self.rates_.copy()
        self.identifiability_ = np.full((size, size), "", dtype=object)
        self.effects_: dict[str, np.ndarray] = {}
        self._check_treatments()
        self.status_ = self._shortfall()
        if self.status_ != "ok":
            return self
        self.layout_ = Layout(
            np.argwhere(self.allowed_).astype(np.int64).reshape(-1, 2), size, len(self.rows_.treatments),
            self.patient_sd, self.overdispersion,
        )  # fmt: skip
        self.tables_ = evidence_tables(terms, size)
        static, moving = climb(self.rows_, self.tables_, self.layout_)
        if not (static.converged and moving.converged):
            raise ConvergenceError(
                f"the likelihood of {len(terms)} draws could not be maximised in {moving.evaluations} evaluations. "
                "Merge states, allow fewer transitions, or fix patient_sd and overdispersion."
            )
        self._take(static, moving, intervals=intervals)
        return self

    def _check_treatments(self) -> None:
        """Refuse a treatment whose effect nothing can be compared with."""
        for name, given in zip(self.rows_.treatments, self.rows_.treated.T, strict=True):
            if len(given) and given.min() == given.max():
                raise ParameterError(
                    f"{name!r} was given in {'all' if given[0] else 'none'} of the intervals between draws: its effect "
                    "on the rates cannot be told. Leave it out, or give the days of its start and end."
                )

    def _shortfall(self) -> str:
        """Return why nothing can be said, or ``"ok"``."""
        if not self.allowed_.any():
            return "insufficient: 0 transitions are allowed, 1 needed"
        followed = self.numbers_["patients with two draws"]
        if followed < MIN_PATIENTS:
            return (
                f"insufficient: {followed} patients with CTCs at two draws or more, {MIN_PATIENTS} needed for rates "
                "that patients share"
            )
        seen = np.zeros(self.n_states_, dtype=bool)
        for term in self.terms_:
            seen |= term.numbers.max(axis=0) > 0
        if seen.sum() < 2:
            return f"insufficient: all {self.numbers_['cells']} cells are of 1 state, 2 needed"
        return "ok"

    def _take(self, static: Maximum, moving: Maximum, *, intervals: bool) -> None:
        """Set the results from the two fits."""
        layout = self.layout_
        self.static_, self.moving_ = static, moving
        if intervals:
            found, self.moving_ = rate_intervals(
                DrawsObjective(self.rows_, self.tables_, layout), moving, level=self.level, box=rate_limits(self.rows_)
            )
            self.rates_, self.lower_, self.upper_ = found.rates, found.lower, found.upper
            self.identifiability_ = found.words
            self.effects_ = dict(zip(self.rows_.treatments, found.effects, strict=True))
        else:
            self.identifiability_[self.allowed_] = NOT_IDENTIFIED
        self.log_likelihood_, self.log_likelihood_static_ = moving.height, static.height
        self.deviance_ = 2 * max(moving.height - static.height, 0.0)
        self.overdispersion_ = float(1 / (1 + np.exp(-moving.place[layout.rho_at])))
        self.first_ = np.exp(moving.place[layout.rho_at + 1 :])
        self.patient_sd_ = (
            float(np.exp(moving.place[layout.n_directions - 1])) if layout.free_sd else float(self.patient_sd or 0.0)
        )
        self.identifiability_[~self.allowed_ & ~np.eye(layout.n_states, dtype=bool)] = NOT_ALLOWED

    def transition_rates(
        self,
        states: tuple[str, ...] | None = None,
        *,
        tests: Sequence[NullTest] = (),
        deciding: int = 1,
        notes: Sequence[str] = (),
    ) -> TransitionRates:
        """Return the rates as every design reports them.

        Parameters
        ----------
        states
            Names of the states.
        tests
            Nulls, such as of :func:`her2plastic.models.draws.nulls.no_switch_test`.
        deciding
            How many of them, from the first, a transition must stand out against to be found.
        notes
            What else a reader must know.

        Returns
        -------
        The rates, effective ones.
        """
        names = states or tuple(f"state {s}" for s in range(self.n_states_))
        if self.status_ != "ok":
            reason = self.status_.removeprefix("insufficient: ")
            lacking = TransitionRates.lacking("draws", names, reason, level=self.level, numbers=self.numbers_)
            return replace(
                lacking, effective=True, tests=tuple(tests), deciding=deciding, notes=(EFFECTIVE_NOTE, *notes)
            )
        return TransitionRates(
            "draws", names, self.rates_, self.lower_, self.upper_, self.identifiability_, self.level, effective=True,
            tests=tuple(tests), deciding=deciding, numbers=self.numbers_,
            notes=(EFFECTIVE_NOTE, *self._effect_notes(names), *notes),
        )  # fmt: skip

    def _effect_notes(self, names: tuple[str, ...]) -> list[str]:
        return [
            f"{treatment} multiplies {names[i]} -> {names[j]} by {factors[0, i, j]:.2g} ({factors[1, i, j]:.2g} to "
            f"{factors[2, i, j]:.2g})"
            for treatment, factors in self.effects_.items()
            for i, j in self.layout_.edges
            if np.isfinite(factors[0, i, j])
        ]


def _vectors(patient: np.ndarray, day: np.ndarray, n: int, other: str) -> tuple[np.ndarray, np.ndarray]:
    patient = np.asarray(patient)
    day = check_days(day)
    if patient.shape != (n,) or day.shape != (n,):
        raise ParameterError(
            f"patient and day must hold one entry for each of {n} rows of {other}, have shapes {patient.shape} and "
            f"{day.shape}"
        )
    return patient, day


def _allowed(given: np.ndarray | Sequence[Sequence[int]] | None, size: int) -> np.ndarray:
    if given is None:
        return ~np.eye(size, dtype=bool)
    table = np.asarray(given)
    if table.shape != (size, size) or not np.isin(table, (0, 1)).all():
        raise ParameterError(f"allowed: expected {size} x {size} of 0 and 1, as there are states in the data")
    return table.astype(bool) & ~np.eye(size, dtype=bool)
