"""Intervals of shares of hidden pairs of states, by the profile likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic.models.misclassification_em import Fitted, Held, fit_pairs

_HALVINGS: Final = 13


@dataclass(frozen=True)
class Question:
    """Shares asked for: the pairs in ``part`` among those in ``whole``, of the table at ``place``.

    Attributes
    ----------
    part, whole
        ``(shares, states, states)``: which pairs of hidden states.
    place
        ``(shares,)``: number of the table.
    drop
        ``(2, shares)``: how far the log-likelihood may fall, for the lower and for the upper bound.
    """

    part: np.ndarray
    whole: np.ndarray
    place: np.ndarray
    drop: np.ndarray


def profile_intervals(
    tables: np.ndarray,
    best: Fitted,
    asked: Question,
    *,
    validation: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
    shared: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the shares asked for, and the bounds beyond which the readings speak against them.

    Parameters
    ----------
    tables
        ``(tables, a, b)`` counts.
    best
        Their fit.
    asked
        The shares.
    validation
        Validation counts of the two readings, the same for all tables, where errors were estimated with the pairs.
    shared
        One reader gave both readings.

    Returns
    -------
    Values, lower and upper bounds. The likelihood with a share held rises up to its best value and falls after it, so
    that each bound is found by halving.
    """
    pairs = best.pairs[asked.place]
    inside = np.maximum((pairs * asked.whole).sum(axis=(1, 2)), 1e-300)
    value = np.clip((pairs * asked.part).sum(axis=(1, 2)) / inside, 0.0, 1.0)
    n, place = len(value), np.concatenate([asked.place, asked.place])
    part, whole = np.concatenate([asked.part] * 2), np.concatenate([asked.whole] * 2)
    least = best.loglik[place] - asked.drop.ravel()
    first, second = (matrix if matrix.ndim == 2 else matrix[place] for matrix in (best.first, best.second))

    def kept(shares: np.ndarray) -> np.ndarray:
        fitted = fit_pairs(
            tables[place], first, second, held=Held(part, whole, shares), learn_first=validation[0],
            learn_second=validation[1], shared=shared, tolerance=1e-5,
        )  # fmt: skip
        return fitted.loglik >= least

    inner = np.concatenate([value, value])
    outer = np.concatenate([np.zeros(n), np.ones(n)])
    inner = np.where(kept(outer), outer, inner)
    for _ in range(_HALVINGS):
        middle = (inner + outer) / 2
        stays = kept(middle)
        inner, outer = np.where(stays, middle, inner), np.where(stays, outer, middle)
    return value, inner[:n], inner[n:]


def allowed_drop(level: float) -> float:
    """Return how far the log-likelihood may fall within an interval of one share."""
    from scipy.stats import chi2

    return float(chi2.ppf(level, 1) / 2)
