"""Small-sample inference over independent units (patients, clones, wells), never over cells."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student_t

#: Up to this number of units every assignment of signs is enumerated.
EXACT_UP_TO = 14
_TESTS_AT_ONCE = 128


def sign_flip_p(differences: np.ndarray, *, n_random: int = 20_000, seed: int = 0) -> float:
    """Return the two-sided p-value of a zero mean by flipping the signs of paired differences.

    Parameters
    ----------
    differences
        One paired difference per unit.
    n_random
        Random sign assignments where there are more than ``EXACT_UP_TO`` units.
    seed
        Seed of these assignments.

    Returns
    -------
    The share of sign assignments whose mean is at least as far from 0 as the one observed; exact for few units. With
    n units it cannot be below ``2 / 2 ** n``. Missing for no units.
    """
    return float(sign_flip_p_values(np.asarray(differences, dtype=float)[:, None], n_random=n_random, seed=seed)[0])


def sign_flip_p_values(differences: np.ndarray, *, n_random: int = 20_000, seed: int = 0) -> np.ndarray:
    """Return the p-value of :func:`sign_flip_p` for many quantities of the same units at once.

    Parameters
    ----------
    differences
        ``(units, tests)``. A unit without a value has 0: its sign changes nothing.
    n_random, seed
        As of :func:`sign_flip_p`.

    Returns
    -------
    One p-value per test.
    """
    differences = np.asarray(differences, dtype=float)
    n, n_tests = differences.shape
    if n == 0:
        return np.full(n_tests, np.nan)
    if n <= EXACT_UP_TO:
        signs = 1.0 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        counted = 0  # the observed signs are among them
    else:
        signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(n_random, n))
        counted = 1
    p = np.empty(n_tests)
    for first in range(0, n_tests, _TESTS_AT_ONCE):
        some = differences[:, first : first + _TESTS_AT_ONCE]
        bound = np.abs(some.sum(axis=0)) - 1e-12 * np.abs(some).sum(axis=0)
        extreme = np.count_nonzero(np.abs(signs @ some) >= bound, axis=0)
        p[first : first + _TESTS_AT_ONCE] = (extreme + counted) / (len(signs) + counted)
    return p


def mean_interval(values: np.ndarray, *, level: float) -> tuple[float, float, float]:
    """Return the mean of independent units and its Student interval.

    Parameters
    ----------
    values
        One value per unit.
    level
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    Mean, lower and upper bound; the bounds are missing for fewer than two units.
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        return float("nan"), float("nan"), float("nan")
    mean = float(values.mean())
    if values.size == 1:
        return mean, float("nan"), float("nan")
    error = float(values.std(ddof=1) / np.sqrt(values.size))
    half = float(student_t.ppf(0.5 + level / 2, values.size - 1)) * error
    return mean, mean - half, mean + half


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Return p-values adjusted to control the false discovery rate (Benjamini and Hochberg 1995).

    Parameters
    ----------
    p_values
        One per test; missing values stay missing and do not count as tests.

    Returns
    -------
    Adjusted p-values in the same order.
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    if known.size == 0:
        return adjusted
    order = known[np.argsort(p_values[known], kind="stable")]
    scaled = p_values[order] * known.size / np.arange(1, known.size + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
