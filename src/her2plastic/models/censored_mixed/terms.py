"""Kinds of observations that share a patient's random effects: values, values below a limit, yes or no, counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaln, log_ndtr

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
_LOG_ROOT_2_PI = 0.5 * np.log(2 * np.pi)


def _log_normal_tail(z: np.ndarray) -> Parts:
    """Return ``log(Phi(z))`` and its first two derivatives."""
    value = log_ndtr(z)
    ratio = np.exp(-0.5 * z**2 - _LOG_ROOT_2_PI - value)
    return value, ratio, -ratio * (z + ratio)


@dataclass(frozen=True)
class Values:
    """Normal values about the linear predictor, some of them only known to lie below ``y``."""

    patient: np.ndarray
    base: np.ndarray
    weights: np.ndarray
    y: np.ndarray
    below: np.ndarray
    sigma: float

    def evaluate(self, predictor: np.ndarray) -> Parts:
        """Return log-likelihood and its derivatives by the predictor, rows x nodes."""
        z = (self.y[:, None] - predictor) / self.sigma
        value, first = -0.5 * z**2 - _LOG_ROOT_2_PI - np.log(self.sigma), z / self.sigma
        second = np.full(z.shape, -1.0 / self.sigma**2)
        if self.below.any():
            tail, ratio, bend = _log_normal_tail(z[self.below])
            value[self.below], first[self.below] = tail, -ratio / self.sigma
            second[self.below] = bend / self.sigma**2
        return value, first, second

    def by_log_sigma(self, predictor: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Return the derivative of the log-likelihood by the logarithm of ``sigma``, rows x nodes."""
        return first * (self.y[:, None] - predictor) - (~self.below)[:, None]


@dataclass(frozen=True)
class YesNo:
    """Events with the probability ``Phi(predictor)``."""

    patient: np.ndarray
    base: np.ndarray
    weights: np.ndarray
    happened: np.ndarray

    def evaluate(self, predictor: np.ndarray) -> Parts:
        """Return log-likelihood and its derivatives by the predictor, rows x nodes."""
        sign = np.where(self.happened, 1.0, -1.0)[:, None]
        value, first, second = _log_normal_tail(sign * predictor)
        return value, sign * first, second


@dataclass(frozen=True)
class Counts:
    """Binomial counts with the log-odds of the predictor."""

    patient: np.ndarray
    base: np.ndarray
    weights: np.ndarray
    hits: np.ndarray
    n: np.ndarray

    def evaluate(self, predictor: np.ndarray) -> Parts:
        """Return log-likelihood and its derivatives by the predictor, rows x nodes."""
        hits, n = self.hits[:, None], self.n[:, None]
        constant = gammaln(n + 1) - gammaln(hits + 1) - gammaln(n - hits + 1)
        share = expit(predictor)
        value = constant + hits * predictor - n * np.logaddexp(0.0, predictor)
        return value, hits - n * share, -n * share * (1 - share)
