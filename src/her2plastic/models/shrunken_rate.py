"""Log-ratios of counts to their expectation, drawn towards the typical cell where there are few counts.

Counts are negative binomial around ``expected * exp(theta)``, and theta is normal between cells. The score of a cell is
the posterior mean of its theta. As a posterior mean it has the same expectation at every depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import gammaln

from her2plastic.models.log_sums import log_sum

LN2 = float(np.log(2.0))
#: Relative variance between cells that a fitted dispersion may take.
DISPERSION_BOUNDS = (0.01, 10.0)
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_LOG_WEIGHTS = np.log(_WEIGHTS / _WEIGHTS.sum()) + 0.5 * _NODES**2
_NEWTON_STEPS = 50
_MAX_CELLS_FIT = 2_000
_BLOCK = 50_000


@dataclass(frozen=True)
class RateSpread:
    """How the log rate ratio varies between cells.

    Parameters
    ----------
    centre, sd
        Mean and standard deviation of the natural logarithm of the ratio.
    """

    centre: float
    sd: float


def fit_spread(observed: np.ndarray, expected: np.ndarray, size: np.ndarray | float) -> RateSpread:
    """Return the spread of rate ratios between cells, by marginal maximum likelihood.

    Parameters
    ----------
    observed, expected
        Counts of each cell, and their expectation at a ratio of 1.
    size
        Negative binomial size of the counting noise (inverse of its dispersion).

    Returns
    -------
    Centre and standard deviation; weakly held to 0 and about 0.7 (one log2 unit), for data that say little.
    """
    used = evenly_spaced(np.flatnonzero(expected > 0), _MAX_CELLS_FIT)
    observed, expected = observed[used], expected[used]
    size = (
        np.broadcast_to(np.asarray(size, dtype=float), (used.size,)) if np.ndim(size) == 0 else np.asarray(size)[used]
    )

    def loss(theta: np.ndarray) -> float:
        spread = RateSpread(float(theta[0]), float(np.exp(theta[1])))
        evidence = _posterior(observed, expected, size, spread)[2].sum()
        return -float(evidence) + 0.5 * (theta[0] / 2.0) ** 2 + 0.5 * (theta[1] - np.log(0.7)) ** 2

    # given, because the default first simplex is minute around 0
    simplex = np.array([[0.0, np.log(0.7)], [-1.0, np.log(0.7)], [0.0, np.log(1.5)]])
    options = {"xatol": 1e-2, "fatol": 1e-2, "initial_simplex": simplex}
    fit = minimize(loss, simplex[0], method="Nelder-Mead", options=options)
    return RateSpread(float(fit.x[0]), float(np.exp(fit.x[1])))


def shrunken_log2_ratio(
    observed: np.ndarray, expected: np.ndarray, size: np.ndarray | float, spread: RateSpread
) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior mean and standard deviation of each cell's log2 rate ratio to the centre of the spread.

    Parameters
    ----------
    observed, expected
        Counts of each cell, and their expectation at a ratio of 1.
    size
        Negative binomial size of the counting noise.
    spread
        Spread of the log ratio between cells.

    Returns
    -------
    Mean and standard deviation in log2 units. A cell without information has 0 and the spread's own deviation.
    """
    size = np.broadcast_to(np.asarray(size, dtype=float), observed.shape)
    mean, deviation = np.empty((2, observed.size))
    for start in range(0, observed.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        mean[part], deviation[part], _ = _posterior(observed[part], expected[part], size[part], spread)
    return (mean - spread.centre) / LN2, deviation / LN2


def negative_binomial_log_pmf(observed: np.ndarray, mean: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """Return log P(observed) of a negative binomial with variance ``mean + mean ** 2 / size``.

    Parameters
    ----------
    observed
        Counts; fractions are accepted.
    mean
        Expected counts; 0 allows only 0.
    size
        Inverse of the dispersion.

    Returns
    -------
    Natural logarithms, in the broadcast shape of the inputs.
    """
    observed, mean, size = (np.asarray(values, dtype=float) for values in (observed, mean, size))
    total = size + mean
    with np.errstate(divide="ignore"):
        log_share = np.log(mean / total)
    # 0 * log 0 is 0 here: no count is certain where none is expected.
    counted = np.zeros(np.broadcast_shapes(observed.shape, total.shape))
    np.multiply(observed, log_share, out=counted, where=observed > 0)
    return gammaln(observed + size) - gammaln(size) - gammaln(observed + 1) + size * np.log(size / total) + counted


def fit_dispersion(observed: np.ndarray, expected: np.ndarray) -> float:
    """Return the negative binomial dispersion that fits counts of known expectation best.

    Parameters
    ----------
    observed
        Counts.
    expected
        Their expectation.

    Returns
    -------
    Relative variance between cells, by maximum likelihood within ``DISPERSION_BOUNDS``. 1 where no cell has an
    expectation above 0.
    """
    informative = expected > 0
    if not informative.any():
        return 1.0
    observed, expected = observed[informative], expected[informative]

    def loss(log_dispersion: float) -> float:
        return -float(negative_binomial_log_pmf(observed, expected, np.exp(-log_dispersion)).sum())

    low, high = np.log(DISPERSION_BOUNDS)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def evenly_spaced(indices: np.ndarray, most: int) -> np.ndarray:
    """Return at most ``most`` of the indices, evenly spaced, so that a choice of cells needs no random numbers."""
    if indices.size <= most:
        return indices
    return indices[np.linspace(0, indices.size - 1, most).round().astype(int)]


def _posterior(
    observed: np.ndarray, expected: np.ndarray, size: np.ndarray, spread: RateSpread
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return posterior mean, standard deviation and log evidence of theta, by quadrature around each cell's mode."""
    precision = spread.sd**-2
    mode = np.full(observed.shape, spread.centre)
    for _ in range(_NEWTON_STEPS):
        mean = expected * np.exp(mode)
        slope = (observed - mean) / (1.0 + mean / size) - (mode - spread.centre) * precision
        curvature = (observed + size) * size * mean / (size + mean) ** 2 + precision
        # the log posterior is concave; the limit keeps a step from a far start from overshooting
        step = np.clip(slope / curvature, -2.0, 2.0)
        mode = mode + step
        if not step.size or np.abs(step).max() < 1e-4:
            break
    mean = expected * np.exp(mode)
    width = ((observed + size) * size * mean / (size + mean) ** 2 + precision) ** -0.5
    theta = mode[:, None] + width[:, None] * _NODES
    log_density = negative_binomial_log_pmf(observed[:, None], expected[:, None] * np.exp(theta), size[:, None])
    log_density += -0.5 * ((theta - spread.centre) / spread.sd) ** 2 - np.log(spread.sd)
    log_terms = log_density + _LOG_WEIGHTS + np.log(width)[:, None]
    log_evidence = log_sum(log_terms, axis=1)
    weights = np.exp(log_terms - log_evidence[:, None])
    average = (weights * theta).sum(axis=1)
    variance = (weights * (theta - average[:, None]) ** 2).sum(axis=1)
    return average, np.sqrt(variance), log_evidence
