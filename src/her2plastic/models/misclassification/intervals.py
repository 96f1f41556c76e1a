"""Intervals of shares of hidden pairs of states, by the profile likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic.models.misclassification.em import Fitted, Held, changed, fit_pairs
from her2plastic.models.transition_rates import IDENTIFIED, NOT_IDENTIFIED, WEAK

_HALVINGS: Final = 13
#: An interval of a probability that is wider than this says little; one that leaves out less than the last, nothing.
_WIDE: Final = 0.5
_FLAT: Final = 0.95


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
            learn_second=validation[1], shared=shared, enough=least, tolerance=1e-5,
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


@dataclass(frozen=True)
class HiddenChange:
    """How the hidden states of patients changed; triples are a value and its interval.

    Attributes
    ----------
    conversion, lower, upper, identifiability
        ``(states, states)``: probability of each second state given the first, interval and word.
    changed, risen, fallen
        Share of patients whose hidden state changed, rose and fell.
    """

    conversion: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    identifiability: np.ndarray
    changed: tuple[float, float, float]
    risen: tuple[float, float, float]
    fallen: tuple[float, float, float]


def hidden_change(
    table: np.ndarray,
    best: Fitted,
    *,
    level: float,
    simulated: np.ndarray,
    validation: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
    shared: bool = False,
) -> HiddenChange:
    """Return the change of the hidden states of one table, with profile intervals.

    Parameters
    ----------
    table
        ``(a, b)`` counts.
    best
        Their fit.
    level
        Probability that an interval holds.
    simulated
        Likelihood ratios of change in tables without change. With no change several shares end at 0 together, so that
        the bounds towards no change are as far as these say.
    validation, shared
        As in :func:`profile_intervals`.

    Returns
    -------
    The change.
    """
    k = best.pairs.shape[-1]
    whole, part = _questions(k)
    drop = np.full((2, len(part)), allowed_drop(level))
    if simulated.size:
        drop[0, k * k :] = max(drop[0, 0], float(np.quantile(simulated, level)) / 2)
    asked = Question(part, whole, np.zeros(len(part), dtype=int), drop)
    value, lower, upper = profile_intervals(table[None], best, asked, validation=validation, shared=shared)
    of_pairs = [numbers[: k * k].reshape(k, k) for numbers in (value, lower, upper)]
    width = of_pairs[2] - of_pairs[1]
    words = np.full((k, k), IDENTIFIED, dtype=object)
    words[width > _WIDE], words[width > _FLAT] = WEAK, NOT_IDENTIFIED
    triples = [(float(v), float(a), float(b)) for v, a, b in zip(value, lower, upper, strict=True)][k * k :]
    return HiddenChange(np.where(width > _FLAT, np.nan, of_pairs[0]), of_pairs[1], of_pairs[2], words, *triples)


def _questions(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares asked for: each pair among those of its first state, then changed, risen and fallen of all."""
    part = np.eye(k * k, dtype=bool).reshape(k * k, k, k)
    whole = np.repeat(part.any(axis=2), k, axis=1).reshape(k * k, k, k)
    everything = np.ones((k, k), dtype=bool)
    moved = np.stack([changed(k), np.triu(everything, 1), np.tril(everything, -1)])
    return np.concatenate([whole, np.stack([everything] * 3)]), np.concatenate([part, moved])
