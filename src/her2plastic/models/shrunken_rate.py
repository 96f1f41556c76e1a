"""Log-ratios of counts to their expectation, drawn towards 0 where there are few counts."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import digamma, gammaln, polygamma

LN2 = float(np.log(2.0))

#: Relative variance between cells that the estimate may take.
DISPERSION_BOUNDS = (0.01, 10.0)


def shrunken_log2_ratio(observed: np.ndarray, expected: np.ndarray, *, shape: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior mean and standard deviation of a log2 rate ratio.

    Counts are Poisson with mean ``ratio * expected`` and the ratio has a gamma prior with mean 1 and the given shape.
    The prior mean of the log-ratio is subtracted, so that a cell without information scores 0. Under this model the
    score has the same expectation, 0, at every depth: it is a posterior mean.

    Parameters
    ----------
    observed
        Counts, not negative.
    expected
        Counts expected at a ratio of 1, not negative.
    shape
        Shape of the gamma prior: the inverse of the relative variance between cells.

    Returns
    -------
    Mean and standard deviation in log2 units, shaped as ``observed``.
    """
    posterior_shape = np.asarray(observed, dtype=float) + shape
    posterior_rate = np.asarray(expected, dtype=float) + shape
    centre = digamma(shape) - np.log(shape)
    mean = (digamma(posterior_shape) - np.log(posterior_rate) - centre) / LN2
    return mean, np.sqrt(polygamma(1, posterior_shape)) / LN2


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
    counted = np.multiply(observed, log_share, out=np.zeros(np.broadcast_shapes(observed.shape, total.shape)),
                          where=observed > 0)  # fmt: skip
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
