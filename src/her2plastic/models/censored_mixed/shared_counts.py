"""Values over time and counts of the same patients, whose random effects may go together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import chi2, norm

from her2plastic.models.censored_mixed.estimator import MixedFit, start_of
from her2plastic.models.censored_mixed.exact import fit_exact
from her2plastic.models.censored_mixed.likelihood import Maximum, SharedCounts, SharedLikelihood, maximum
from her2plastic.models.censored_mixed.rows import MixedRows

#: Standard deviation of log-odds between patients below which the counts do not tell patients apart.
_LEAST_SD: Final = 0.05
_DIFFERENCE: Final = 1e-5


@dataclass(frozen=True)
class SharedEffect:
    """Correlation of a random effect of the values with that of the counts, with its interval."""

    name: str
    correlation: float
    lower: float
    upper: float


@dataclass(frozen=True)
class SharedFit:
    """Values and counts, fitted together.

    Attributes
    ----------
    shared
        Correlation of each random effect of the values with the log-odds of the counts.
    slope
        By how much the log-odds of the counts rise with one unit of a patient's level of the values, its error.
    sd
        Standard deviation of the log-odds between patients.
    count_effects, count_errors
        Fixed effects of the counts and their standard errors.
    gain, freedom, p
        Likelihood-ratio test that nothing is shared.
    status
        ``"ok"``, or why there is no answer.
    """

    shared: tuple[SharedEffect, ...]
    slope: tuple[float, float]
    sd: float
    count_effects: np.ndarray
    count_errors: np.ndarray
    gain: float
    freedom: int
    p: float
    status: str


def fit_shared(rows: MixedRows, counts: SharedCounts, base: MixedFit) -> SharedFit:
    """Fit values and binomial counts that share patients: their random effects are normal together.

    Parameters
    ----------
    rows
        Values.
    counts
        Counts of the same patients, with one random effect.
    base
        The fit of the values alone.

    Returns
    -------
    The joint fit.
    """
    function = SharedLikelihood(rows, counts=counts)
    exact = fit_exact(rows, restricted=False)
    start = _start(function, rows, counts, start_of(rows, base.effects, exact.sigma, exact.factor))
    free = _free(function)
    alone = _maximum(function, start, free=~free)
    together = _maximum(function, alone.place, free=None)
    n_counts = function.n_counts
    effects, errors = together.place[-n_counts:], np.sqrt(np.maximum(np.diag(together.covariance)[-n_counts:], 0.0))
    gain = max(2 * (together.loglik - alone.loglik), 0.0)
    freedom = int(free.sum())
    nothing = (float("nan"), float("nan"))
    factor = function.factor(together.place)
    sd = float(np.sqrt((factor[-1] ** 2).sum()))
    status = "ok"
    if not (together.converged and alone.converged):
        status = "insufficient: the joint fit did not converge"
    elif sd < _LEAST_SD:
        status = "insufficient: the counts do not differ between patients by more than chance"
    if status != "ok":
        return SharedFit((), nothing, sd, effects, errors, gain, freedom, float("nan"), status)
    shared = tuple(_shared(function, together, place, base) for place in range(function.q - 1))
    slope = _with_error(lambda at: _slope(function.factor(at)), together)
    p = float(chi2.sf(gain, freedom))
    return SharedFit(shared, slope, sd, effects, errors, gain, freedom, p, status)


def _start(function: SharedLikelihood, rows: MixedRows, counts: SharedCounts, values: np.ndarray) -> np.ndarray:
    """Return parameters to start from: the values as fitted alone, the counts by their overall share."""
    q, p = function.q, function.p
    factor = np.zeros((q, q))
    factor[np.tril_indices(q - 1)] = values[p + 1 :]
    factor[-1, -1] = 0.7
    share = (counts.hits.sum() + 0.5) / (counts.n.sum() + 1.0)
    effects = np.zeros(counts.x.shape[1])
    effects[0] = np.log(share / (1 - share))
    return np.concatenate([values[: p + 1], factor[np.tril_indices(q)], effects])


def _free(function: SharedLikelihood) -> np.ndarray:
    """Return which parameters tie the counts to the values."""
    row, column = function.corner
    tie = (row == function.q - 1) & (column < function.q - 1)
    free = np.zeros(function.n_parameters, dtype=bool)
    free[function.p + 1 : function.p + 1 + len(tie)] = tie
    return free


def _maximum(function: SharedLikelihood, start: np.ndarray, *, free: np.ndarray | None) -> Maximum:
    """Return the maximum over some of the parameters; the others stay where they are."""
    if free is None:
        return maximum(function, start)

    def part(place: np.ndarray) -> tuple[float, np.ndarray]:
        whole = start.copy()
        whole[free] = place
        height, slope = function(whole)
        return height, slope[free]

    found = maximum(part, start[free])
    whole = start.copy()
    whole[free] = found.place
    return Maximum(whole, found.loglik, found.covariance, found.converged)


def _slope(factor: np.ndarray) -> float:
    """Return the regression of the log-odds on the level of the values between patients."""
    covariance = factor @ factor.T
    return float(covariance[-1, 0] / covariance[0, 0])


def _correlation(factor: np.ndarray, place: int) -> float:
    covariance = factor @ factor.T
    return float(covariance[-1, place] / np.sqrt(covariance[-1, -1] * covariance[place, place]))


def _with_error(quantity: Callable[[np.ndarray], float], found: Maximum) -> tuple[float, float]:
    """Return a function of the parameters and its standard error (delta method)."""
    n = len(found.place)
    gradient = np.empty(n)
    for j in range(n):
        step = np.zeros(n)
        step[j] = _DIFFERENCE
        gradient[j] = (quantity(found.place + step) - quantity(found.place - step)) / (2 * _DIFFERENCE)
    return float(quantity(found.place)), float(np.sqrt(max(gradient @ found.covariance @ gradient, 0.0)))


def _shared(function: SharedLikelihood, found: Maximum, place: int, base: MixedFit) -> SharedEffect:
    """Return a correlation with its interval on the scale of the inverse hyperbolic tangent."""
    correlation = _correlation(function.factor(found.place), place)
    if abs(correlation) > 1 - 1e-6:
        return SharedEffect(base.random[place], correlation, -1.0, 1.0)
    centre, error = _with_error(lambda at: float(np.arctanh(np.clip(_correlation(function.factor(at), place),
                                                                    -1 + 1e-12, 1 - 1e-12))), found)  # fmt: skip
    half = float(norm.ppf(0.5 + base.level / 2)) * error
    return SharedEffect(base.random[place], correlation, float(np.tanh(centre - half)), float(np.tanh(centre + half)))
