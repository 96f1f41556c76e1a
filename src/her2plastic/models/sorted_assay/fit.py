"""Maximum likelihood for one explanation of a sorted assay.

Shares have the deviance of a multinomial, scaled by a dispersion ``1 / cells + rho`` (the extended quasi-likelihood of
Nelder and Pregibon 1987): with rho = 0 it is the multinomial itself, and however many cells are counted, a well tells
no more than rho allows. Totals are log-normal around the expected growth, each start with its own seeding. Both spreads
are estimated along with every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import xlogy

from her2plastic.models.sorted_assay.data import AssayData
from her2plastic.models.sorted_assay.explanations import Expected, Layout

_MOST_STEPS: Final = 200
#: Rises of the log-likelihood below this are none.
_SETTLED: Final = 1e-7
_RHO_GRID: Final = np.concatenate([[0.0], np.geomspace(1e-7, 0.6, 60)])
#: Cell counts are never more exact than this (standard deviation of the natural log).
_LEAST_SPREAD: Final = 0.01


@dataclass(frozen=True)
class Spread:
    """How far wells scatter around what is expected: ``rho`` of shares, ``sigma`` of log totals."""

    rho: float
    sigma: float


@dataclass(frozen=True)
class Fit:
    """The best parameters of one explanation."""

    layout: Layout
    values: np.ndarray
    log_likelihood: float
    spread: Spread
    information: np.ndarray
    expected: Expected
    log_totals: np.ndarray
    settled: bool

    @property
    def n_parameters(self) -> int:
        """Parameters fitted, the spreads included."""
        return self.layout.n + 1 + int(self.layout.has_common)


def fit_layout(layout: Layout, starts: list[np.ndarray], fixed: dict[int, float] | None = None) -> Fit:
    """Return the best fit from several starting values; ``fixed`` holds parameters at a value."""
    lower, upper = layout.lower.copy(), layout.upper.copy()
    for place, value in (fixed or {}).items():
        lower[place] = upper[place] = value
    fits = [_climb(layout, np.clip(start, lower, upper), lower, upper) for start in starts]
    return max(fits, key=lambda fit: fit.log_likelihood)


def _climb(layout: Layout, values: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Fit:
    """Climb by Fisher scoring within the bounds; the step is damped until the likelihood rises."""
    state = _State(layout, values)
    damping, settled = 1e-3, False
    for _ in range(_MOST_STEPS):
        gradient, information = state.slope()
        scale = np.diag(information) + 1e-10
        raised = None
        while damping < 1e10:
            step = bounded_step(gradient, information + damping * np.diag(scale), state.values, lower, upper)
            trial = _State(layout, np.clip(state.values + step, lower, upper))
            if trial.log_likelihood > state.log_likelihood:
                raised = trial
                break
            damping *= 8
        if raised is None:  # no way up: the top, as far as rounding lets one see
            settled = True
            break
        rise = raised.log_likelihood - state.log_likelihood
        state, damping = raised, max(damping / 10, 1e-9)
        if rise < _SETTLED:
            settled = True
            break
    return state.fit(settled)


def bounded_step(
    gradient: np.ndarray, information: np.ndarray, values: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """Return the scoring step; parameters that it would push over a bound stop there, the others are solved anew."""
    step = np.zeros(len(values))
    free = upper > lower
    free &= ~((values <= lower) & (gradient <= 0)) & ~((values >= upper) & (gradient >= 0))
    for _ in range(len(values)):
        if not free.any():
            break
        target = gradient[free] - information[np.ix_(free, ~free)] @ step[~free]
        step[free] = np.linalg.lstsq(information[np.ix_(free, free)], target, rcond=None)[0]
        out = free & ((values + step < lower) | (values + step > upper))
        if not out.any():
            break
        step[out] = np.clip(values[out] + step[out], lower[out], upper[out]) - values[out]
        free &= ~out
    return step


class _State:
    """The likelihood of one set of parameters, the spreads at their best."""

    def __init__(self, layout: Layout, values: np.ndarray) -> None:
        self.layout, self.values = layout, values
        self.expected = layout.expected(values)
        data = layout.data
        self.deviance = share_deviance(data.shares, self.expected.shares)
        rho, self.log_likelihood = best_rho(self.deviance, data.cells, data.n_states)
        self.residual, sigma = np.zeros(len(data.day)), float("nan")
        if layout.has_common:
            self.residual, sigma, more = _totals(data, self.expected.log_totals)
            self.log_likelihood += more
        self.spread = Spread(rho, sigma)

    def slope(self) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and expected information of the parameters."""
        data, expected = self.layout.data, self.expected
        weight = 1 / (1 / data.cells + self.spread.rho)
        gradient = np.einsum("w,wk,wpk->p", weight, data.shares / expected.shares, expected.slopes)
        scaled = expected.slopes * np.sqrt(weight[:, None] / expected.shares)[:, None, :]
        flat = scaled.transpose(1, 0, 2).reshape(self.layout.n, -1)
        information = flat @ flat.T
        if self.layout.has_common:
            slopes = centred(expected.total_slopes, data)
            gradient = gradient + slopes.T @ self.residual / self.spread.sigma**2
            information = information + slopes.T @ slopes / self.spread.sigma**2
        return gradient, information

    def fit(self, settled: bool) -> Fit:
        data = self.layout.data
        seeded = np.zeros(data.n_starts)
        if data.counted.any():
            gap = np.log(np.where(data.counted, data.totals, 1.0)) - self.expected.log_totals
            for group in np.unique(data.start[data.counted]):
                seeded[group] = gap[data.counted & (data.start == group)].mean()
        return Fit(
            self.layout, self.values, float(self.log_likelihood), self.spread, self.slope()[1], self.expected,
            self.expected.log_totals + seeded[data.start], settled,
        )  # fmt: skip


def share_deviance(shares: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the deviance of each well's shares, per cell."""
    return 2 * np.maximum((xlogy(shares, shares) - shares * np.log(expected)).sum(axis=1), 0.0)


def best_rho(deviance: np.ndarray, cells: np.ndarray, n_states: int) -> tuple[float, float]:
    """Return the overdispersion of the shares that makes them most likely, and their log-likelihood."""
    own = 1 / cells

    def value(rho: np.ndarray) -> np.ndarray:
        dispersion = own + rho[:, None]
        return -0.5 * ((n_states - 1) * np.log(dispersion) + deviance / dispersion).sum(axis=1)

    grid = _RHO_GRID
    best = 0
    for _ in range(4):  # a closer look between the neighbours of the best, to nine digits
        values = value(grid)
        best = int(values.argmax())
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        chosen, likelihood = float(grid[best]), float(values[best])
        grid = np.linspace(low, high, 25)
    return chosen, likelihood


def centred(values: np.ndarray, data: AssayData) -> np.ndarray:
    """Return values of the counted wells less their mean within each start; 0 for the other wells."""
    result = np.zeros_like(values, dtype=float)
    for group in range(data.n_starts):
        wells = np.flatnonzero(data.counted & (data.start == group))
        if wells.size:
            result[wells] = values[wells] - values[wells].mean(axis=0)
    return result


def _totals(data: AssayData, log_totals: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return residuals of the log totals, their spread, and their log-likelihood."""
    observed = np.log(np.where(data.counted, data.totals, 1.0))
    residual = centred(observed - log_totals, data)
    n = int(data.counted.sum()) - len(np.unique(data.start[data.counted]))
    squares = float((residual**2).sum())
    sigma = max(np.sqrt(squares / n), _LEAST_SPREAD)
    return residual, float(sigma), -0.5 * (2 * n * np.log(sigma) + squares / sigma**2)
