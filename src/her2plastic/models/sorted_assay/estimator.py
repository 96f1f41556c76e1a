"""Sorted populations that re-equilibrate: switching against growth and an impure sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import check_probability, check_seed, check_whole
from her2plastic.models.misclassification.reader_error import error_matrix
from her2plastic.models.null_test import NullTest
from her2plastic.models.sorted_assay.chain import ChainCheck, check_chain
from her2plastic.models.sorted_assay.comparison import compared
from her2plastic.models.sorted_assay.data import USUAL_CELLS, AssayData, assay_data, checked_purity
from her2plastic.models.sorted_assay.explanations import (
    EXPLANATIONS,
    IMPURE_MARKOV,
    IMPURITY,
    MARKOV,
    SWITCHING,
    Layout,
    starting_values,
)
from her2plastic.models.sorted_assay.fit import Fit, fit_layout
from her2plastic.models.sorted_assay.information import AssayInformation, information_of
from her2plastic.models.sorted_assay.intervals import profile_interval
from her2plastic.models.sorted_assay.likelihood_ratios import nested_test, ratio, switching_test
from her2plastic.models.sorted_assay.resolution import evened_out
from her2plastic.models.transition_rates import IDENTIFIED, INSUFFICIENT, NOT_IDENTIFIED, WEAK, TransitionRates

if TYPE_CHECKING:
    import pandas as pd

#: An interval wider than this (upper over lower bound) is a weak statement.
_WIDE = 10.0
#: Fewer cells than this per parameter say nothing.
_CELLS_PER_PARAMETER = 10


class SortedAssay:
    """Rates of switching from sorted populations followed over days, against growth and sort impurity.

    Cell numbers follow ``dN/dt = (diag(growth) + Q^T) N`` from a start that may be impure. That a sorted population
    returns to the old mixture does not show switching: a few cells of the other state that grow faster do the same
    (Zapperi 2012). Four explanations are therefore fitted and compared: switching and growth; growth and impurity only;
    equal growth of all states with and without impurity (the Markov chain of Gupta et al. 2011).

    Parameters
    ----------
    purity
        ``(starts, states)`` known composition of each start at day 0; estimated if None. Measured compositions of the
        sort belong into the data as wells of day 0 instead.
    largest_impurity
        The largest share of another state that a sort may hold, where it was not measured on day 0.
    misclassification
        ``(states, states)`` probability that a cell of a state (row) is read as another (column); none by default.
    level
        Probability that an interval holds; 0.9 for rates, which rest on few patients, cultures or clones.
    n_null
        The most data sets simulated to judge whether switching is needed; 0 for no such test.
    seed
        Seed of the simulation.

    Attributes
    ----------
    rates_, lower_, upper_
        ``(S, S)`` per day under switching and growth; missing where not identified.
    growth_
        ``(S,)`` net growth per day; against the first state where cells were not counted. Missing where a rate or
        growth is not determined, or stops at the fastest one looked for.
    composition_
        ``(starts, S)`` composition at the sort.
    fits_
        The fit of every explanation, by name.
    information_
        Rank, standard errors and undetermined directions of the parameters.
    tests_
        The nulls; the first decides whether switching was found.
    ratio_
        Twice the log-likelihood ratio of switching; missing where it could not be had.
    evened_out_
        Whether some difference between the sorts is gone on the first day after the sort: such rates have no upper
        bound, and all intervals are judged for all rates and growths together.
    chain_
        Chain under equal growth and pure sorts, where there is a sort for every state; with the check against a
        parental culture.
    status_
        ``"ok"``, or ``"insufficient: "`` with the number that fell short.

    Examples
    --------
    >>> import her2plastic as hp
    >>> assay = hp.datasets.simulate_sorted_assay(cells=400, days=(0, 7, 14), seed=1)
    >>> model = hp.models.SortedAssay(n_null=19)
    >>> fit = model.fit(assay.start, assay.day, assay.counts, totals=assay.totals, intervals=False)
    >>> print(fit.status_, fit.tests_[0].summary())
    ok impurity and growth only: twice the log-likelihood ratio of switching 197, p = 0.05
    """

    def __init__(
        self,
        *,
        purity: np.ndarray | None = None,
        largest_impurity: float = 0.25,
        misclassification: np.ndarray | None = None,
        level: float = 0.9,
        n_null: int = 99,
        seed: int = 0,
    ) -> None:
        self.purity, self.largest_impurity, self.misclassification = purity, largest_impurity, misclassification
        self.level, self.n_null, self.seed = level, n_null, seed

    def fit(
        self,
        start: np.ndarray,
        day: np.ndarray,
        observed: np.ndarray,
        *,
        totals: np.ndarray | None = None,
        cells: np.ndarray | float | None = None,
        sorted_to: np.ndarray | None = None,
        parental: np.ndarray | None = None,
        parental_cells: float | None = None,
        intervals: bool = True,
    ) -> SortedAssay:
        """Fit every explanation.

        Parameters
        ----------
        start
            ``(wells,)`` starting population, whole numbers from 0.
        day
            ``(wells,)`` days after the sort, at least 0, in any order.
        observed
            ``(wells, S)`` counts of the cells by state, shares (rows sum to 1), or percentages (to 100).
        totals
            ``(wells,)`` cells in the whole culture, missing where not counted. Without them only differences of growth
            can be told.
        cells
            Cells behind each well's shares where ``observed`` holds shares or percentages; 10,000 are assumed if not
            given, which a note says.
        sorted_to
            ``(starts,)`` state that each start was sorted for, -1 for a mixture; start k for state k by default.
        parental
            ``(S,)`` composition of the culture that the sorts came from, taken to be at equilibrium. The chain under
            equal growth is held against it.
        parental_cells
            Cells behind it. Without it, the number from which on the two disagree is told.
        intervals
            Whether to profile intervals, most of the time of a fit without simulation. Without them no rate is given.

        Returns
        -------
        This object. Data that cannot answer give ``status_`` and missing rates.

        Raises
        ------
        ParameterError
            A parameter or the data are faulty.
        """
        check_probability("level", self.level)
        check_probability("largest_impurity", self.largest_impurity)
        check_seed(self.seed)
        check_whole("n_null", self.n_null, least=0)
        self.data_ = data = assay_data(start, day, observed, totals=totals, cells=cells, sorted_to=sorted_to)
        errors = error_matrix("misclassification", self.misclassification, data.n_states)
        known = None if self.purity is None else checked_purity(self.purity, data)
        size = data.n_states
        self.rates_, self.lower_, self.upper_ = (np.full((size, size), np.nan) for _ in range(3))
        self.identifiability_ = np.full((size, size), "", dtype=object)
        self.growth_, self.composition_ = np.full(size, np.nan), np.full((data.n_starts, size), np.nan)
        self.fits_: dict[str, Fit] = {}
        self.ratio_ = float("nan")
        self.evened_out_ = False
        self.tests_: tuple[NullTest, ...] = ()
        self.information_: AssayInformation | None = None
        self.chain_: ChainCheck | None = check_chain(data, errors, parental, parental_cells)
        self._layouts = {
            explanation.name: Layout(
                explanation, data, known=None if explanation is MARKOV else known,
                largest_impurity=self.largest_impurity, misclassification=errors,
            )
            for explanation in EXPLANATIONS
            if known is None or explanation is not MARKOV
        }  # fmt: skip
        self.status_ = self._lack(data)
        if self.status_ == "ok":
            self._fit_all(data, intervals)
        return self

    def _lack(self, data: AssayData) -> str:
        """Return ``"ok"``, or what the data lack."""
        moving = np.unique(data.day[np.isfinite(data.day) & (data.day > 0)])
        if moving.size == 0:
            return "insufficient: no well after day 0"
        if (data.shares.max(axis=0) > 0).sum() < 2:
            return "insufficient: cells of 1 state, 2 needed"
        if data.n_starts < 2:
            return "insufficient: 1 starting population, 2 needed: from one, growth and switching look alike"
        needed = self._layouts[SWITCHING.name].n + 1
        if data.n_values <= needed:
            return (
                f"insufficient: {data.n_values} measured values, more than {needed} needed to tell switching from "
                "growth and impurity"
            )
        if data.cells.sum() < _CELLS_PER_PARAMETER * needed:
            return f"insufficient: {data.cells.sum():.0f} cells, {_CELLS_PER_PARAMETER * needed} needed"
        if data.begins_alike:
            return "insufficient: 1 composition at the start, 2 needed: the sorts are alike, nothing re-equilibrates"
        return "ok"

    def _fit_all(self, data: AssayData, intervals: bool) -> None:
        null, full = self._refit(data, None, None)
        self.fits_ = {SWITCHING.name: full, IMPURITY.name: null}
        for explanation in (IMPURE_MARKOV, MARKOV):
            if explanation.name in self._layouts:
                layout = self._layouts[explanation.name]
                self.fits_[explanation.name] = fit_layout(layout, starting_values(layout))
        nested = [
            full.layout.from_fit(fit.layout.names, fit.values)
            for name, fit in self.fits_.items()
            if name != SWITCHING.name
        ]
        better = fit_layout(full.layout, nested)
        full = self.fits_[SWITCHING.name] = max(full, better, key=lambda fit: fit.log_likelihood)
        unsettled = [name for name, fit in self.fits_.items() if not fit.settled]
        if unsettled:
            self.status_ = f"insufficient: the fit of {', '.join(unsettled)} did not settle in 200 steps"
            return
        self.ratio_ = ratio(null, full)
        self.tests_ = self._tests(null, full)
        self.information_ = information_of(full.information, full.layout.names)
        if intervals:
            self._read(full)
        else:
            self.identifiability_[~np.eye(data.n_states, dtype=bool)] = INSUFFICIENT

    def _refit(self, data: AssayData, null: np.ndarray | None, full: np.ndarray | None) -> tuple[Fit, Fit]:
        """Fit growth and impurity alone, and with switching, to data of the same design."""
        layouts = [self._layouts[name].over(data) for name in (IMPURITY.name, SWITCHING.name)]
        without = fit_layout(layouts[0], starting_values(layouts[0]) if null is None else [null])
        starts = starting_values(layouts[1]) if full is None else [full]
        slow = layouts[1].from_fit(without.layout.names, without.values)
        slow[: layouts[1].n_rates] = layouts[1].upper[: layouts[1].n_rates] * 1e-3
        return without, fit_layout(layouts[1], [*starts, slow])

    def _tests(self, null: Fit, full: Fit) -> tuple[NullTest, ...]:
        tests = []
        if self.n_null:
            tests.append(switching_test(null, full, self._refit, n_null=self.n_null, seed=self.seed))
        tests.append(nested_test("equal growth", self.fits_[IMPURE_MARKOV.name], full, self.data_.n_values))
        return tuple(tests)

    def _read(self, fit: Fit) -> None:
        """Take rates, intervals and words from the fit of switching and growth."""
        rates, growth, self.composition_ = fit.layout.parts(fit.values)
        assert self.information_ is not None
        moving = slice(0, fit.layout.n - len(fit.layout.amounts))
        ends = (np.abs(fit.values) >= 0.999 * fit.layout.upper)[moving]
        if not (ends.any() or np.isinf(self.information_.standard_errors[moving]).any()):
            self.growth_ = growth
        self.evened_out_ = evened_out(fit)
        together = fit.layout.n_rates + fit.layout.n_growth if self.evened_out_ else 1
        for place, (i, j) in enumerate(fit.layout.pairs):
            if np.isinf(self.information_.standard_errors[place]):
                self.identifiability_[i, j] = NOT_IDENTIFIED
                continue
            lower, upper = profile_interval(
                fit, place, level=self.level, n_values=self.data_.n_values, together=together
            )
            self.lower_[i, j], self.upper_[i, j] = lower, upper
            if not (np.isfinite(lower) and np.isfinite(upper)):
                self.identifiability_[i, j] = NOT_IDENTIFIED
                continue
            self.rates_[i, j] = rates[i, j]
            self.identifiability_[i, j] = IDENTIFIED if upper <= _WIDE * lower else WEAK

    def comparison(self) -> pd.DataFrame:
        """Return a row per explanation: log-likelihood, parameters, AIC, BIC and their weights, best first."""
        return compared(self.fits_, self.data_.n_values)

    def transition_rates(self, states: Sequence[str] | None = None) -> TransitionRates:
        """Return rates, intervals, identifiability and nulls in the shape that all designs share."""
        names = tuple(states) if states is not None else tuple(str(k) for k in range(self.data_.n_states))
        numbers = self._numbers()
        unread = bool((self.identifiability_[~np.eye(len(names), dtype=bool)] == INSUFFICIENT).all())
        if self.status_ != "ok" or unread:
            reason = self.status_.removeprefix("insufficient: ")
            if self.status_ == "ok":
                reason = "0 intervals, 1 a rate needed: fit with intervals=True"
            lacking = TransitionRates.lacking("sorted", names, reason, level=self.level, numbers=numbers)
            tests = (*self.tests_, *self._chain_tests())
            return replace(lacking, tests=tests, notes=(*self._assumed(), *self._chain_notes(names)))
        return TransitionRates(
            "sorted", names, self.rates_, self.lower_, self.upper_, self.identifiability_, self.level,
            tests=(*self.tests_, *self._chain_tests()), numbers=numbers, notes=self._notes(names),
        )  # fmt: skip

    def _numbers(self) -> Mapping[str, int]:
        data = self.data_
        counted = {} if data.cells_assumed else {"cells": int(min(data.cells.sum(), 2**53))}
        return {"starts": data.n_starts, "wells": len(data.day), "days": len(np.unique(data.day)), **counted}

    def _assumed(self) -> tuple[str, ...]:
        if not self.data_.cells_assumed:
            return ()
        return (f"{USUAL_CELLS:,.0f} cells a well were assumed behind the shares: intervals and tests rest on it; "
                "say how many there were with cells=",)  # fmt: skip

    def _chain_tests(self) -> tuple[NullTest, ...]:
        return self.chain_.tests if self.chain_ else ()

    def _chain_notes(self, names: Sequence[str]) -> tuple[str, ...]:
        return self.chain_.notes(names) if self.chain_ else ()

    def _notes(self, names: Sequence[str]) -> tuple[str, ...]:
        table = self.comparison()
        best = table.iloc[0]
        notes = [f"best explanation by AIC: {best['explanation']} (weight {best['aic_weight']:.2f})", *self._assumed()]
        full = self.fits_[SWITCHING.name]
        if not full.layout.has_common:
            notes.append("cells were not counted: only differences of growth are known")
        assert self.information_ is not None
        if self.information_.undetermined:
            notes.append(f"not determined by these data: {'; '.join(self.information_.undetermined)}")
        if self.evened_out_:
            first = self.data_.day[np.isfinite(self.data_.day) & (self.data_.day > 0)].min()
            notes.append(
                f"the sorts have evened out, in part at least, by the first day seen (day {first:g}): rates much "
                "faster than that have no upper bound; intervals hold for all rates together and are wide: look earlier"
            )
        scatter = float(np.sqrt(full.spread.rho) / 2)
        if scatter > 0.1:
            notes.append(f"wells scatter by {scatter:.2f} around even the best explanation: none of them fits well")
        # the chain's own assumptions are tested above; what the parental culture says of it is not
        held = self.chain_ is not None and bool(self.chain_.tests)
        return (*notes, *(self._chain_notes(names) if held else ()))

    def fitted(self) -> dict[str, np.ndarray]:
        """Return a row per start, day, state and explanation: measured share with its interval, and the fitted one."""
        from her2plastic.models.sorted_assay.curves import curves

        return curves(self.data_, self.fits_, level=self.level)
