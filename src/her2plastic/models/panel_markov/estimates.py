"""Estimates of a panel model with intervals, and what the data say of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import chi2

from her2plastic.models.panel_markov.fitting import Optimum, profile_bound
from her2plastic.models.panel_markov.likelihood import PanelLikelihood
from her2plastic.models.transition_rates import IDENTIFIED, NOT_ALLOWED, NOT_IDENTIFIED, WEAK

#: An interval that spans more than this factor says little.
_WIDE: Final = 100.0
#: Logarithms beyond this are no numbers any more.
_LARGEST: Final = 600.0
#: One that spans more than this factor says nothing.
_OPEN: Final = 1e7
#: Moves in the shortest time between observations that could still be told from more of them.
_MOST_MOVES: Final = 20.0
#: An observation that gives a state more than this share of its likelihood names it.
_NAMED: Final = 0.5


@dataclass(frozen=True)
class Estimate:
    """A linear combination of parameters with its interval; missing where the data do not identify it."""

    value: float
    lower: float
    upper: float
    word: str


@dataclass(frozen=True)
class Table:
    """Estimates in the cells of a matrix of states: values, intervals ``(..., 2)`` and words."""

    values: np.ndarray
    intervals: np.ndarray
    words: np.ndarray

    @classmethod
    def empty(cls, shape: tuple[int, ...], word: str) -> Table:
        """Return a table of missing values."""
        return cls(np.full(shape, np.nan), np.full((*shape, 2), np.nan), np.full(shape, word, dtype=object))

    def put(self, place: tuple[int, ...], found: Estimate) -> None:
        """Write one estimate."""
        self.values[place], self.intervals[place], self.words[place] = (
            found.value,
            (found.lower, found.upper),
            found.word,
        )


@dataclass(frozen=True)
class Judge:
    """Makes estimates of linear combinations of parameters.

    Attributes
    ----------
    likelihood, best
        The likelihood and its maximum.
    level
        Probability that an interval holds.
    by_profile
        Whether intervals come from the profile of the likelihood instead of its curvature.
    """

    likelihood: PanelLikelihood
    best: Optimum
    level: float
    by_profile: bool = False

    def estimate(self, contrast: np.ndarray, *, scale: float = 1.0, doubted: bool = False) -> Estimate:
        """Return the estimate of ``contrast @ theta``; ``scale`` makes a unit of it a factor of e.

        One that is doubted is no number, whatever the likelihood says; its bounds are those of the profile.
        """
        value = float(contrast @ self.best.theta)
        drop = 0.5 * float(chi2.ppf(self.level, 1))
        half = float(np.sqrt(2 * drop * self.best.variance(contrast)))
        flat = doubted or self.best.is_flat(contrast) or 2 * half * scale > np.log(_OPEN)
        lower, upper = value - half, value + half
        if flat or self.by_profile:
            lower, upper = (profile_bound(self.likelihood, self.best, contrast, side, drop) for side in (-1, 1))
            unbounded = int(np.isinf(lower)) + int(np.isinf(upper))
            finite = not unbounded and (upper - lower) * scale <= np.log(_OPEN)
            if doubted or unbounded > (0 if flat else 1) or not (unbounded or finite):
                return Estimate(np.nan, lower, upper, NOT_IDENTIFIED)
        wide = (upper - lower) * scale > np.log(_WIDE)
        return Estimate(value, lower, upper, WEAK if wide else IDENTIFIED)

    # --- tables of states -----------------------------------------------------------------------------------------
    def rates(self, design: np.ndarray) -> Table:
        """Return the generator at one row of the standardised covariates, with intervals on the scale of logarithms."""
        likelihood, layout = self.likelihood, self.likelihood.layout
        n, unit = likelihood.structure.n_states, likelihood.unit
        table = Table.empty((n, n), NOT_ALLOWED)
        contrasts, seen, fastest = self.rate_contrasts(design), self.states_seen(), self.fastest()
        for (i, j), contrast in zip(layout.edges, contrasts, strict=True):
            doubted = not seen[i] or float(contrast @ self.best.theta) > fastest
            found = self.estimate(contrast, doubted=doubted)
            # no bound from above is known where it would be of moves that nobody could count
            upper = np.inf if found.word == NOT_IDENTIFIED and found.upper > fastest else found.upper
            value, low, high = (
                float(np.exp(min(v, _LARGEST))) / unit if v < np.inf else v for v in (found.value, found.lower, upper)
            )
            table.put((i, j), Estimate(value, low, high, found.word))
        rates = likelihood.rates(self.best.theta, design[None])[0] / unit
        for k in range(n):
            table.words[k, k] = ""
            leaving = np.flatnonzero(layout.edges[:, 0] == k)
            total = rates[leaving].sum()
            known = np.isfinite(table.values[k, layout.edges[leaving, 1]]).all()
            if not known:
                continue
            table.values[k, k] = 0.0 - total  # 0 where never left, not minus 0
            table.intervals[k, k] = 0.0
            if leaving.size and total > 0:
                contrast = rates[leaving] @ contrasts[leaving] / total
                half = float(np.sqrt(chi2.ppf(self.level, 1) * self.best.variance(contrast)))
                table.intervals[k, k] = (-total * np.exp(half) if half < _LARGEST else -np.inf, -total * np.exp(-half))
        table.values[~likelihood.structure.allowed & ~np.eye(n, dtype=bool)] = 0.0
        table.intervals[~likelihood.structure.allowed & ~np.eye(n, dtype=bool)] = 0.0
        return table

    def states_seen(self) -> np.ndarray:
        """Return which states some observation, taken at its word, names; how long the others last nobody saw."""
        table = (self.likelihood.data.fixed + self.likelihood.data.mix)[self.likelihood.data.emission]
        return np.asarray((table > _NAMED * table.sum(axis=1, keepdims=True)).any(axis=0))

    def fastest(self) -> float:
        """Return the log of the fastest rate that observations so far apart can tell from faster ones."""
        elapsed = self.likelihood.elapsed
        return float(np.log(_MOST_MOVES / elapsed[elapsed > 0].min()))

    def rate_contrasts(self, design: np.ndarray) -> np.ndarray:
        """Return the log rate of each edge as a linear combination of the parameters, ``(edges, parameters)``."""
        layout = self.likelihood.layout
        contrasts = np.zeros((layout.n_rates, layout.size))
        contrasts[:, : layout.n_rates] = np.eye(layout.n_rates)
        for place, (covariate, edge) in enumerate(layout.effects):
            contrasts[edge, layout.effects_at + place] = design[covariate]
        return contrasts

    def effects(self) -> Table:
        """Return the log rate ratio per unit of each covariate, ``(covariates, states, states)``."""
        likelihood, layout, data = self.likelihood, self.likelihood.layout, self.likelihood.data
        n = likelihood.structure.n_states
        table = Table.empty((len(data.names), n, n), NOT_ALLOWED)
        half_range = 0.5 * np.ptp(data.covariates, axis=0)
        for place, (covariate, edge) in enumerate(layout.effects):
            contrast = np.zeros(layout.size)
            contrast[layout.effects_at + place] = 1.0 / data.spread[covariate]
            found = self.estimate(contrast, scale=half_range[covariate] or 1.0)
            table.put((covariate, *layout.edges[edge]), found)
        for k in range(n):
            table.words[:, k, k] = ""
        return table

    def errors(self) -> Table:
        """Return the misclassification matrix; intervals of estimated errors on the scale of log odds."""
        likelihood, layout = self.likelihood, self.likelihood.layout
        errors = likelihood.errors(self.best.theta)
        n = len(errors)
        table = Table(errors.copy(), np.stack([errors, errors], axis=-1), np.full((n, n), "", dtype=object))
        for true, seen in layout.errors:
            # slope of log(e / (1 - e)) by the logits of the row
            contrast = np.zeros(layout.size)
            mates = np.flatnonzero(layout.errors[:, 0] == true)
            share, others = errors[true, seen], errors[true, layout.errors[mates, 1]]
            own = layout.errors[mates, 1] == seen
            contrast[layout.errors_at + mates] = np.where(own, 1.0, -others / max(1.0 - share, 1e-300))
            centre = np.log(share) - np.log1p(-share) - float(contrast @ self.best.theta)
            found = self.estimate(contrast)
            odds = np.exp(np.clip(np.array([found.value, found.lower, found.upper]) + centre, -700, 700))
            value, lower, upper = odds / (1 + odds)
            table.put((true, seen), Estimate(float(value), float(lower), float(upper), found.word))
        return table
