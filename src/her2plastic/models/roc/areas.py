"""Area under the ROC curve: its value, error, and values under other weights of the patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm


@dataclass(frozen=True)
class Curve:
    """The ROC curve of one score.

    Attributes
    ----------
    cutoff
        Scores from high to low; a patient at or above one counts as positive. The first is infinite.
    sensitivity, false_positive
        Shares of the positive and of the negative patients that are called positive.
    """

    cutoff: np.ndarray
    sensitivity: np.ndarray
    false_positive: np.ndarray


def roc_curve(score: np.ndarray, positive: np.ndarray) -> Curve:
    """Return the curve.

    Parameters
    ----------
    score
        Higher in positive patients.
    positive
        Which patients are positive.

    Returns
    -------
    The curve from nobody to everybody called positive.
    """
    cutoff = np.concatenate([[np.inf], np.unique(score)[::-1]])
    called = score[None, :] >= cutoff[:, None]
    return Curve(cutoff, called[:, positive].mean(axis=1), called[:, ~positive].mean(axis=1))


def above(score: np.ndarray) -> np.ndarray:
    """Return for every pair whether the first patient scores above the second; a half where they tie."""
    return (score[:, None] > score[None, :]) + 0.5 * (score[:, None] == score[None, :])


def area(wins: np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the curve from the pairs of :func:`above`."""
    return float(wins[np.ix_(positive, ~positive)].mean())


def areas(wins: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Return areas under weights.

    Parameters
    ----------
    wins
        Shape ``(patients, patients)``, of :func:`above`.
    positive, negative
        Shape ``(sets, patients)``: weight of each patient among the positive and the negative ones.

    Returns
    -------
    One area per set; missing where one of the two has no weight.
    """
    total = positive.sum(axis=1) * negative.sum(axis=1)
    won = ((positive @ wins) * negative).sum(axis=1)
    return np.divide(won, total, out=np.full(len(total), np.nan), where=total > 0)


def area_error(wins: np.ndarray, positive: np.ndarray) -> float:
    """Return the standard error of the area by the parts of patients (Sen 1960); missing for fewer than two."""
    pairs = wins[np.ix_(positive, ~positive)]
    if min(pairs.shape) < 2:
        return float("nan")
    of_positive, of_negative = pairs.mean(axis=1), pairs.mean(axis=0)
    variance = of_positive.var(ddof=1) / len(of_positive) + of_negative.var(ddof=1) / len(of_negative)
    return float(np.sqrt(variance))


def interval_of_extreme(n_positive: int, n_negative: int, *, level: float) -> float:
    """Return the lower bound of an area of 1, by its error at the bound itself (Newcombe 2006)."""
    z = float(norm.ppf(0.5 + level / 2))
    mean = (n_positive + n_negative) / 2 - 1

    def distance(a: float) -> float:
        variance = a * (1 - a) * (1 + mean * (1 - a) / (2 - a) + mean * a / (1 + a)) / (n_positive * n_negative)
        return (1 - a) - z * np.sqrt(variance)

    return float(brentq(distance, 0.0, 1 - 1e-9)) if distance(1 - 1e-9) < 0 < distance(0.0) else 0.0
