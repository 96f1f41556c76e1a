"""Clones that grow and switch: barcoded or grown from single cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.stats import norm

from her2plastic._errors import ParameterError, check_probability, check_seed, check_whole
from her2plastic.models.clones.bounds import no_switch_bounds
from her2plastic.models.clones.data import checked_counts, checked_days, checked_founders
from her2plastic.models.clones.mean import MeanTable, fastest_rate, mean_table, rates_of_means
from her2plastic.models.clones.null import mixed_clone_test
from her2plastic.models.misclassification.reader_error import error_matrix
from her2plastic.models.null_test import NullTest
from her2plastic.models.sorted_assay.flow import flow, movement
from her2plastic.models.sorted_assay.information import information_of
from her2plastic.models.transition_rates import IDENTIFIED, INSUFFICIENT, NOT_IDENTIFIED, WEAK, TransitionRates

#: Fewer clones of a founder state than this have no interval.
LEAST_CLONES: Final = 5
_WIDE: Final = 10.0


class Clones:
    """Rates of switching and growth from clones, with clones as the unit of sampling.

    The mean of the branching process is linear: founders of state i leave ``expm(M t)[j, i]`` cells of state j after t
    days, with ``M = diag(growth) + Q^T`` however divisions and switches follow each other. Clone sizes tell growth, the
    states within clones tell switching. That a clone holds several states is the evidence that neither selection nor an
    impure sort can imitate; only misreading can, and it is the null.

    Parameters
    ----------
    misclassification
        ``(S, S)`` probability that a cell of a state (row) is read as another (column); none by default.
    founder_purity
        ``(S, S)`` probability of a founder's true state (column) given the state it was named by (row); certain by
        default.
    whole
        Whether all cells of a clone were counted. If only a sample was, growth is known up to one number for all
        states, and divisions are not.
    level
        Probability that an interval holds; 0.9 for rates, which rest on few patients, cultures or clones.
    n_bootstrap
        Bootstrap samples of clones.
    n_null
        Data sets simulated for the null.
    seed
        Seed of both.

    Attributes
    ----------
    rates_, lower_, upper_
        ``(S, S)`` per day.
    growth_, growth_lower_, growth_upper_
        ``(S,)`` net growth per day; against the first state if only a sample of each clone was counted.
    per_birth_
        ``(S, S)`` probability that a daughter of the row's state switches to the column's, ``rate / (2 growth)``, if no
        cell dies; missing for states that do not grow.
    shared_
        ``(S, S)`` cells by the state of their founder and their own, after correction for misreading.
    probabilities_
        ``(S, S)`` the same as shares of each row.
    mixed_
        Clones of two or more cells that were read in more than one state.
    means_
        Mean cells per founder with standard errors.
    tests_, status_
        The null, and ``"ok"`` or ``"insufficient: "`` with the number that fell short.

    Examples
    --------
    >>> import her2plastic as hp
    >>> clones = hp.datasets.simulate_clones(n_clones=40, seed=1)
    >>> model = hp.models.Clones(n_bootstrap=50, n_null=19).fit(clones.founder, clones.counts, clones.day)
    >>> rates = model.transition_rates()
    >>> print(rates.status, rates.numbers["mixed clones"], "of", rates.numbers["clones"], "clones are mixed")
    ok 82 of 120 clones are mixed
    """

    def __init__(
        self,
        *,
        misclassification: np.ndarray | None = None,
        founder_purity: np.ndarray | None = None,
        whole: bool = True,
        level: float = 0.9,
        n_bootstrap: int = 300,
        n_null: int = 199,
        seed: int = 0,
    ) -> None:
        self.misclassification, self.founder_purity, self.whole = misclassification, founder_purity, whole
        self.level, self.n_bootstrap, self.n_null, self.seed = level, n_bootstrap, n_null, seed

    def fit(self, founder: np.ndarray, counts: np.ndarray, day: np.ndarray) -> Clones:
        """Fit the mean of the clones.

        Parameters
        ----------
        founder
            ``(clones,)`` state of the founder, by number; or ``(clones, S)`` cells of the clone by state at the first
            look, or probabilities of the founder's state.
        counts
            ``(clones, S)`` cells by state at the measurement. A clone that died out has a row of zeros: clones that
            were lost unseen make growth look faster.
        day
            ``(clones,)`` days from founder (or first look) to measurement, above 0.

        Returns
        -------
        This object.

        Raises
        ------
        ParameterError
            The data or a parameter are faulty.
        """
        check_probability("level", self.level)
        check_seed(self.seed)
        check_whole("n_bootstrap", self.n_bootstrap, least=2)
        check_whole("n_null", self.n_null, least=0)
        if not isinstance(self.whole, (bool, np.bool_)):
            raise ParameterError(f"whole={self.whole!r}: expected true or false")
        self.counts_ = checked_counts(counts, whole=bool(self.whole))
        self.day_ = checked_days(day, len(self.counts_))
        size = self.counts_.shape[1]
        self._errors = error_matrix("misclassification", self.misclassification, size)
        if np.linalg.cond(self._errors) > 1e6:
            raise ParameterError("misclassification: states that are read alike cannot be told apart; merge them")
        self.origin_ = checked_founders(founder, self.counts_.shape)
        if self.founder_purity is not None:
            self.origin_ = self.origin_ @ error_matrix("founder_purity", self.founder_purity, size)
        self._cells = self.counts_ @ np.linalg.inv(self._errors)
        self.rates_, self.lower_, self.upper_, self.per_birth_ = (np.full((size, size), np.nan) for _ in range(4))
        self.identifiability_ = np.full((size, size), "", dtype=object)
        self.growth_, self.growth_lower_, self.growth_upper_ = (np.full(size, np.nan) for _ in range(3))
        self.mixed_ = int(((self.counts_ > 0.5).sum(axis=1) > 1).sum())
        self.shared_ = (self.origin_ / self.origin_.sum(axis=1, keepdims=True)).T @ self._cells
        total = self.shared_.sum(axis=1, keepdims=True)
        self.probabilities_ = np.divide(self.shared_, total, out=np.full(self.shared_.shape, np.nan), where=total > 0)
        self.tests_: tuple[NullTest, ...] = ()
        self.status_ = self._lack()
        if self.status_ == "ok":
            test = mixed_clone_test(self.counts_, self._errors, n_null=self.n_null, seed=self.seed)
            self.tests_ = (test,)
            self._estimate()
        return self

    def _lack(self) -> str:
        """Return ``"ok"``, or what the clones lack."""
        n = len(self.counts_)
        if n < LEAST_CLONES:
            return f"insufficient: {n} clones, {LEAST_CLONES} needed"
        alive = int((self.counts_.sum(axis=1) > 0).sum())
        if alive == 0:
            return f"insufficient: 0 of {n} clones with a cell"
        divided = int((self.counts_.sum(axis=1) > 1.5).sum())
        if divided == 0:
            return f"insufficient: 0 of {n} clones with 2 or more cells"
        founded = self._founded()
        if (founded < LEAST_CLONES).all():
            return f"insufficient: at most {founded.max():.3g} clones of a founder state, {LEAST_CLONES} needed"
        return "ok"

    def _founded(self) -> np.ndarray:
        """Return the clones by the state of their founder."""
        return self.origin_.sum(axis=0) / np.maximum(self.origin_.sum(axis=1).mean(), 1e-9)

    def _estimate(self) -> None:
        """Take rates from the mean of the clones, and intervals from clones drawn anew."""
        self.means_ = mean_table(self.origin_, self._cells, self.day_)
        weights = _weights(self.means_)
        rates, growth, values, information = rates_of_means(self.means_, weights)
        known = np.isfinite(information_of(information, [""] * len(values)).standard_errors)
        enough = self._founded() >= LEAST_CLONES
        drawn = self._drawn(weights, values)
        tail = (1 - self.level) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
        size = len(rates)
        self._fitted_movement = movement(rates, growth)
        first = size * size - size
        enough_growth = enough & known[first:]
        self.growth_ = np.where(enough_growth, growth - (0.0 if self.whole else growth[0]), np.nan)
        moved = drawn[:, first:] - (0.0 if self.whole else drawn[:, [first]])
        self.growth_lower_, self.growth_upper_ = (
            np.where(enough_growth, bound, np.nan) for bound in np.quantile(moved, [tail, 1 - tail], axis=0)
        )
        pairs = [(i, j) for i in range(size) for j in range(size) if i != j]
        # clones near their equilibrium tell the ratio of two rates: with the one at its limit, the other seems known
        ended = np.vstack([values, drawn])[:, :first] >= 0.999 * fastest_rate(self.means_)
        ended |= ended[:, [pairs.index((j, i)) for i, j in pairs]]
        bounded = ~ended[0] & (ended[1:].mean(axis=0) <= tail)
        for place, (i, j) in enumerate(pairs):
            unseen = self.counts_[self.origin_.argmax(axis=1) == i, j].sum() <= 0.5
            if not (enough[i] and known[place]):
                self.identifiability_[i, j] = NOT_IDENTIFIED if enough[i] else INSUFFICIENT
                continue
            if not unseen and not (bounded[place] and self._stayed(i)):
                self.identifiability_[i, j] = NOT_IDENTIFIED
                for of_state in (self.growth_, self.growth_lower_, self.growth_upper_):
                    of_state[i] = np.nan  # cells that leave at any speed may grow at any
                continue
            self.rates_[i, j], self.lower_[i, j], self.upper_[i, j] = rates[i, j], low[place], high[place]
            self._bound_unseen(i, j)
            sure = 0 < self.upper_[i, j] <= _WIDE * self.lower_[i, j]
            given = np.isfinite(self.rates_[i, j])
            self.identifiability_[i, j] = IDENTIFIED if sure else WEAK if given else NOT_IDENTIFIED
            if self.whole and growth[i] > 0:
                self.per_birth_[i, j] = min(rates[i, j] / (2 * growth[i]), 1.0)

    def _stayed(self, i: int) -> bool:
        """Return whether any cell is left of the founders of a state: if not, they may have gone at any speed."""
        own = self.origin_.argmax(axis=1) == i
        return bool(self.counts_[own, i].sum() > 0.5 or self.counts_[own].sum() <= 0.5)

    def _drawn(self, weights: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the parameters from clones drawn anew within each day and likeliest founder state."""
        rng = np.random.default_rng([self.seed, 1])
        stratum = np.unique(np.column_stack([self.day_, self.origin_.argmax(axis=1)]), axis=0, return_inverse=True)[1]
        groups = [np.flatnonzero(stratum.ravel() == k) for k in range(int(stratum.max()) + 1)]
        drawn = []
        for _ in range(self.n_bootstrap):
            chosen = np.concatenate([rng.choice(group, len(group)) for group in groups])
            table = mean_table(self.origin_[chosen], self._cells[chosen], self.day_[chosen])
            drawn.append(rates_of_means(table, weights, values)[2])
        return np.array(drawn)

    def _bound_unseen(self, i: int, j: int) -> None:
        """No bound is below the exact one of clones without a switch: resampling clones of 0 shows only 0."""
        own = self.origin_.argmax(axis=1) == i
        sizes = self.counts_[own].sum(axis=1)
        bound = no_switch_bounds(sizes, days=self.day_[own], level=self.level)[1] if self.whole else float("nan")
        if self.counts_[own, j].sum() <= 0.5:
            self.rates_[i, j], self.lower_[i, j], self.upper_[i, j] = 0.0 if self.whole else np.nan, 0.0, bound
        elif self.upper_[i, j] < bound:
            self.upper_[i, j] = bound

    def transition_rates(self, states: Sequence[str] | None = None) -> TransitionRates:
        """Return rates, intervals, identifiability and the null in the shape that all designs share."""
        size = self.counts_.shape[1]
        names = tuple(states) if states is not None else tuple(str(k) for k in range(size))
        numbers: Mapping[str, int] = {
            "clones": len(self.counts_), "cells": int(round(self.counts_.sum())), "mixed clones": self.mixed_,
        }  # fmt: skip
        if self.status_ != "ok":
            reason = self.status_.removeprefix("insufficient: ")
            return TransitionRates.lacking("clones", names, reason, level=self.level, numbers=numbers)
        return TransitionRates(
            "clones", names, self.rates_, self.lower_, self.upper_, self.identifiability_, self.level,
            tests=self.tests_, numbers=numbers, notes=self._notes(names),
        )  # fmt: skip

    def _notes(self, names: Sequence[str]) -> tuple[str, ...]:
        notes = []
        for i, name in enumerate(names):
            own = self.origin_.argmax(axis=1) == i
            if not own.any() or self.counts_[own].sum() - self.counts_[own, i].sum() > 0.5:
                continue
            sizes = self.counts_[own].sum(axis=1)
            per_daughter, _ = no_switch_bounds(sizes, days=self.day_[own], level=self.level)
            if self.whole and np.isfinite(per_daughter):
                bound = f"at most {per_daughter:.2g} per daughter (exact, level {self.level:g})"
                notes.append(f"no clone of {name} switched: {bound}")
        if not self.whole:
            notes.append("clones were sampled: growth is known against the first state only")
        if self.misclassification is None:
            notes.append("no misreading was assumed: a single misread cell makes a clone mixed")
        return tuple(notes)

    def fitted(self) -> dict[str, np.ndarray]:
        """Return a row per founder state, day and state: share in clones with its interval, and the fitted one."""
        rows = []
        size = self.counts_.shape[1]
        z = float(norm.ppf(0.5 + self.level / 2))
        if self.status_ != "ok":
            return _columns([])
        values, _ = flow(self._fitted_movement, self.means_.days)
        for k, day in enumerate(self.means_.days):
            for i in range(size):
                mean, error = self.means_.means[k, i], self.means_.errors[k, i]
                total = mean.sum()
                own = (self.origin_.argmax(axis=1) == i) & (self.day_ == day)
                if not (np.isfinite(total) and total > 0):
                    continue
                expected = values[k][:, i] / values[k][:, i].sum()
                for j in range(size):
                    share, half = mean[j] / total, z * error[j] / total
                    rows.append((i, day, j, share, share - half, share + half, expected[j], self.counts_[own].sum()))
        return _columns(rows)


def _columns(rows: Sequence[tuple[float, ...]]) -> dict[str, np.ndarray]:
    names = ("group", "day", "state", "observed", "lower", "upper", "fitted", "n")
    table = {name: np.array([row[k] for row in rows], dtype=float) for k, name in enumerate(names)}
    for name in ("observed", "lower", "upper"):
        table[name] = np.clip(table[name], 0.0, 1.0)
    for name in ("group", "state"):
        table[name] = table[name].astype(int)
    return {**table, "fitted_lower": np.full(len(rows), np.nan), "fitted_upper": np.full(len(rows), np.nan)}


def _weights(table: MeanTable) -> np.ndarray:
    """Return the weight of each mean: one over its variance, which is never below that of a single cell more."""
    known = np.isfinite(table.means)
    floor = np.nanmin(np.where(table.errors > 0, table.errors, np.nan)) if (table.errors > 0).any() else 1.0
    spread = np.maximum(np.nan_to_num(table.errors), 0.3 * floor)
    return np.where(known, 1 / spread**2, 0.0)
