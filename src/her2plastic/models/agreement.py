"""How far two readings, or several readers, agree beyond chance, with intervals; whether changes lean one way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from her2plastic._errors import ParameterError, check_probability, one_of
from her2plastic.models.misclassification.reader_error import check_counts

#: An error of large samples below this is rounding: the readings do not vary in what it is reckoned from.
_NO_ERROR = 1e-7


@dataclass(frozen=True)
class Agreement:
    """A coefficient of agreement with its interval; missing where the data leave it undefined.

    Attributes
    ----------
    value
        1 for full agreement, 0 for what chance gives.
    lower, upper
        Bounds of the interval.
    observed
        Share of agreement, weighted if the coefficient is.
    by_chance
        The share that the margins alone give.
    """

    value: float
    lower: float
    upper: float
    observed: float
    by_chance: float


def cohen_kappa(table: np.ndarray, *, weights: str = "none", level: float = 0.95) -> Agreement:
    """Return Cohen's kappa of a table of two readings, plain or weighted (Cohen 1960; Fleiss et al. 1969).

    Parameters
    ----------
    table
        ``(states, states)`` counts: first reading in rows, second in columns.
    weights
        ``"none"``; ``"linear"`` or ``"quadratic"``: states that lie near each other agree in part.
    level
        Probability that the interval holds. Its error is that of large samples, on the scale of the inverse hyperbolic
        tangent. Where that says 0 (all pairs agree, none does, or one reading is always of one state) it is that of the
        share of agreement (Jeffreys).

    Returns
    -------
    The coefficient. Missing for no pairs, and where all readings are of one state.

    Examples
    --------
    >>> import her2plastic as hp
    >>> table = [[40, 5, 0], [6, 25, 4], [0, 3, 17]]  # first reader by second
    >>> kappa = hp.models.cohen_kappa(table, weights="linear")
    >>> print(f"{kappa.value:.2f} ({kappa.lower:.2f} to {kappa.upper:.2f})")
    0.78 (0.67 to 0.86)
    """
    check_probability("level", level)
    counts = check_counts("table", table)
    n = counts.sum()
    if n == 0:
        return Agreement(*(float("nan"),) * 5)
    share = counts / n
    credit = _credit(weights, len(counts))
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    observed, by_chance = float((credit * share).sum()), float(rows @ credit @ columns)
    if by_chance > 1 - 1e-12:
        return Agreement(float("nan"), float("nan"), float("nan"), observed, by_chance)
    kappa = (observed - by_chance) / (1 - by_chance)
    mean = (credit @ columns)[:, None] + (rows @ credit)[None, :]
    spread = (share * (credit - mean * (1 - kappa)) ** 2).sum() - (kappa - by_chance * (1 - kappa)) ** 2
    error = float(np.sqrt(max(spread, 0.0) / n) / (1 - by_chance))
    if kappa > 1 - 1e-12 or error < _NO_ERROR:
        bounds = np.array(share_interval(round(observed * n, 9), n, level))
        lower, upper = np.clip((bounds - by_chance) / (1 - by_chance), -1, 1).tolist()
        return Agreement(kappa, lower, upper, observed, by_chance)
    lower, upper = _on_tangent_scale(kappa, error, level)
    return Agreement(kappa, lower, upper, observed, by_chance)


def _credit(weights: str, k: int) -> np.ndarray:
    one_of("weights", weights, ("none", "linear", "quadratic"))
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / (k - 1)
    if weights == "none":
        return np.eye(k)
    return 1 - (apart if weights == "linear" else apart**2)


def _on_tangent_scale(value: float, error: float, level: float) -> tuple[float, float]:
    from scipy.stats import norm

    if abs(value) >= 1:
        return value, value
    half = float(norm.ppf(0.5 + level / 2)) * error / (1 - value**2)
    return float(np.tanh(np.arctanh(value) - half)), float(np.tanh(np.arctanh(value) + half))


def prevalence_adjusted_kappa(table: np.ndarray, *, level: float = 0.95) -> Agreement:
    """Return kappa as it were if all states were equally frequent (Byrt et al. 1993): the share of agreement, rescaled.

    Parameters
    ----------
    table
        ``(states, states)`` counts.
    level
        Probability that the interval holds; it is the Jeffreys interval of the share of agreement.

    Returns
    -------
    The coefficient.

    Examples
    --------
    >>> import her2plastic as hp
    >>> table = [[90, 3], [4, 3]]  # nearly all cells are of one state
    >>> for kappa in (hp.models.cohen_kappa(table), hp.models.prevalence_adjusted_kappa(table)):
    ...     print(f"{kappa.value:.2f} ({kappa.lower:.2f} to {kappa.upper:.2f})")
    0.42 (0.02 to 0.71)
    0.86 (0.73 to 0.94)
    """
    check_probability("level", level)
    counts = check_counts("table", table)
    n, k = counts.sum(), len(counts)
    if n == 0:
        return Agreement(*(float("nan"),) * 5)
    lower, upper = share_interval(np.trace(counts), n, level)
    observed = float(np.trace(counts) / n)
    value, low, high = ((k * share - 1) / (k - 1) for share in (observed, lower, upper))
    return Agreement(value, low, high, observed, 1 / k)


def share_interval(hits: float, n: float, level: float) -> tuple[float, float]:
    """Return the Jeffreys interval of a share; it reaches 0 and 1 where none and all are hits."""
    from scipy.stats import beta

    tail = (1 - level) / 2
    lower = 0.0 if hits == 0 else float(beta.ppf(tail, hits + 0.5, n - hits + 0.5))
    upper = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 0.5, n - hits + 0.5))
    return lower, upper


def fleiss_kappa(ratings: np.ndarray, *, level: float = 0.95) -> Agreement:
    """Return the agreement of several readers beyond chance (Fleiss 1971).

    Parameters
    ----------
    ratings
        ``(subjects, states)`` counts: how many readers put each subject into each state. The number of readers may
        differ between subjects; those with fewer than two say nothing and are left out.
    level
        Probability that the interval holds. It is by the jackknife over subjects.

    Returns
    -------
    The coefficient. Missing for fewer than two subjects, and where all readings are of one state.

    Examples
    --------
    >>> import her2plastic as hp
    >>> votes = [[3, 0, 0], [2, 1, 0], [0, 3, 0], [0, 2, 1], [0, 0, 3]] * 8  # three readers of 40 cells
    >>> kappa = hp.models.fleiss_kappa(votes)
    >>> print(f"{kappa.value:.2f} ({kappa.lower:.2f} to {kappa.upper:.2f})")
    0.59 (0.43 to 0.76)
    """
    from scipy.stats import t

    check_probability("level", level)
    counts = np.asarray(ratings, dtype=float)
    if counts.ndim != 2 or counts.shape[1] < 2:
        raise ParameterError(f"ratings: expected subjects by at least 2 states, got shape {counts.shape}")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.round(counts)).any():
        raise ParameterError("ratings: expected whole numbers of at least 0: readers per subject and state")
    counts = counts[counts.sum(axis=1) >= 2]
    n = len(counts)
    if n < 2:
        return Agreement(*(float("nan"),) * 5)
    readers = counts.sum(axis=1)
    agreed = (counts * (counts - 1)).sum(axis=1) / (readers * (readers - 1))
    totals = counts.sum(axis=0)
    observed, by_chance = agreed.mean(), float(((totals / totals.sum()) ** 2).sum())
    if by_chance > 1 - 1e-12:
        return Agreement(float("nan"), float("nan"), float("nan"), float(observed), by_chance)
    kappa = float((observed - by_chance) / (1 - by_chance))
    without = totals - counts
    chance = ((without / without.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    left = (agreed.sum() - agreed) / (n - 1)
    known = chance < 1 - 1e-12
    values = np.divide(left - chance, 1 - chance, out=np.ones(n), where=known)
    error = float(np.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum()))
    half = float(t.ppf(0.5 + level / 2, n - 1)) * error
    return Agreement(kappa, max(kappa - half, -1.0), min(kappa + half, 1.0), float(observed), by_chance)


def bowker_statistic(tables: np.ndarray) -> np.ndarray:
    """Return how far changes one way outnumber changes the other way, summed over pairs of states (Bowker 1948).

    Parameters
    ----------
    tables
        ``(..., states, states)`` counts.

    Returns
    -------
    The statistic of each table.
    """
    tables = np.asarray(tables, dtype=float)
    upper = np.triu_indices(tables.shape[-1], 1)
    up, down = tables[..., upper[0], upper[1]], tables[..., upper[1], upper[0]]
    both = up + down
    return np.divide((up - down) ** 2, both, out=np.zeros_like(both), where=both > 0).sum(axis=-1)


def swapped_tables(table: np.ndarray, *, n_null: int, seed: int) -> np.ndarray:
    """Return tables in which each changed subject may as well have changed the other way.

    Parameters
    ----------
    table
        ``(states, states)`` counts.
    n_null
        Number of tables.
    seed
        Seed of the draws.

    Returns
    -------
    ``(n_null, states, states)`` counts.
    """
    counts = check_counts("table", table)
    rng = np.random.default_rng(seed)
    upper = np.triu_indices(len(counts), 1)
    both = (counts + counts.T)[upper].astype(int)
    up = rng.binomial(both, 0.5, size=(n_null, both.size))
    tables = np.zeros((n_null, *counts.shape))
    tables[:] = np.diag(np.diag(counts))
    tables[:, upper[0], upper[1]] = up
    tables[:, upper[1], upper[0]] = both - up
    return tables


def stuart_maxwell_test(table: np.ndarray) -> tuple[float, int, float]:
    """Return whether the two readings differ in the shares of the states (Stuart 1955; Maxwell 1970).

    Parameters
    ----------
    table
        ``(states, states)`` counts.

    Returns
    -------
    Statistic, degrees of freedom and p of the chi-squared distribution. States that neither reading showed, or in whose
    number nothing could differ, are left out; p is missing if fewer than two are left.
    """
    from scipy.stats import chi2

    counts = check_counts("table", table)
    moved = counts.sum(axis=1) + counts.sum(axis=0) - 2 * np.diag(counts)
    counts = counts[np.ix_(moved > 0, moved > 0)]
    if len(counts) < 2:
        return float("nan"), 0, float("nan")
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    covariance = np.diag(rows + columns) - counts - counts.T
    difference = rows - columns
    freedom = int(np.linalg.matrix_rank(covariance))
    statistic = float(difference @ np.linalg.pinv(covariance) @ difference)
    return statistic, freedom, float(chi2.sf(statistic, freedom))
