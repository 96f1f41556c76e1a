"""Association of a genotype with an outcome: two-by-two tables, trend over bases, models with covariates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from her2plastic._errors import ParameterError, check_probability

_UNKNOWN = float("nan")


@dataclass(frozen=True)
class Effect:
    """An effect with its interval and p.

    Attributes
    ----------
    value, lower, upper
        Effect and the bounds of its interval.
    p
        Probability of an effect as far from none or further, without one.
    n
        People it rests on.
    status
        ``"ok"``, or ``"insufficient: "`` with the number that fell short.
    """

    value: float
    lower: float
    upper: float
    p: float
    n: int
    status: str = "ok"

    @classmethod
    def lacking(cls, reason: str, n: int) -> Effect:
        """Return that nothing can be said."""
        return cls(_UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN, n, f"insufficient: {reason}")


def fisher_odds_ratio(table: np.ndarray, *, level: float = 0.95) -> Effect:
    """Return the odds ratio of a two-by-two table with its exact interval and Fisher's two-sided p.

    Parameters
    ----------
    table
        ``(2, 2)``: carriers and non-carriers (rows), with and without the outcome (columns).
    level
        Probability that the interval holds: exact, conditional on the margins.

    Returns
    -------
    The odds ratio of the table itself (its cross product); 0 or infinite where a cell is empty.
    """
    from scipy.stats import fisher_exact
    from scipy.stats.contingency import odds_ratio

    check_probability("level", level)
    counts = np.asarray(table)
    if counts.shape != (2, 2) or (counts < 0).any() or (counts != counts.astype(int)).any():
        raise ParameterError(f"table={table!r}: expected two rows and two columns of whole numbers of at least 0")
    counts = counts.astype(int)
    n = int(counts.sum())
    for axis, what in ((1, "carriers and non-carriers"), (0, "people with and without the outcome")):
        if (counts.sum(axis=axis) == 0).any():
            return Effect.lacking(f"0 on one side of {what}, 1 needed", n)
    interval = odds_ratio(counts, kind="conditional").confidence_interval(level)
    (a, b), (c, d) = counts.tolist()
    value = a * d / (b * c) if b * c else float("inf")
    return Effect(value, float(interval.low), float(interval.high), float(fisher_exact(counts).pvalue), n)


def trend(dose: np.ndarray, outcome: np.ndarray) -> tuple[float, float]:
    """Return the Cochran-Armitage test of a trend of the outcome over the number of bases (Armitage 1955).

    Parameters
    ----------
    dose
        Bases (0, 1, 2) of each person.
    outcome
        Whether each person has the outcome.

    Returns
    -------
    Chi-square of one degree of freedom, and its p; missing without variation.
    """
    from scipy.stats import chi2

    x, y = np.asarray(dose, dtype=float), np.asarray(outcome, dtype=float)
    n, share = len(x), y.mean() if len(y) else _UNKNOWN
    spread = np.sum((x - x.mean()) ** 2) if n else 0.0
    if n < 2 or spread == 0 or share in (0.0, 1.0):
        return _UNKNOWN, _UNKNOWN
    statistic = np.sum((x - x.mean()) * (y - share)) ** 2 / (share * (1 - share) * spread)
    return float(statistic), float(chi2.sf(statistic, 1))


def logistic_effect(design: np.ndarray, outcome: np.ndarray, *, level: float = 0.95) -> Effect:
    """Return the odds ratio per unit of the first column by logistic regression, profile-free Wald interval.

    Parameters
    ----------
    design
        ``(people, columns)`` without an intercept: the genotype first, then covariates.
    outcome
        Whether each person has the outcome.
    level
        Probability that the interval holds.

    Returns
    -------
    The odds ratio, or that the data separate the outcomes, are too few, or the fit did not converge.
    """
    from scipy.stats import norm

    x = np.column_stack([np.ones(len(design)), np.asarray(design, dtype=float)])
    y = np.asarray(outcome, dtype=float)
    fewer = int(min(y.sum(), len(y) - y.sum()))
    if fewer < 5 * (x.shape[1] - 1):
        return Effect.lacking(f"{fewer} people with the rarer outcome, {5 * (x.shape[1] - 1)} needed", len(y))
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return Effect.lacking("covariates or genotype do not vary apart from one another", len(y))
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        fitted = 1 / (1 + np.exp(-np.clip(x @ beta, -35, 35)))
        weight = np.maximum(fitted * (1 - fitted), 1e-12)
        information = x.T @ (x * weight[:, None])
        step = np.linalg.solve(information, x.T @ (y - fitted))
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    else:
        return Effect.lacking("the fit did not converge in 50 steps: the outcomes are separated", len(y))
    error = float(np.sqrt(np.linalg.inv(information)[1, 1]))
    if abs(beta[1]) > 15 or error > 50:
        return Effect.lacking("the genotype or a covariate separates the outcomes", len(y))
    z = float(norm.ppf(0.5 + level / 2))
    low, high = np.exp(beta[1] - z * error), np.exp(beta[1] + z * error)
    return Effect(float(np.exp(beta[1])), float(low), float(high), float(2 * norm.sf(abs(beta[1]) / error)), len(y))


def linear_effect(design: np.ndarray, values: np.ndarray, *, level: float = 0.95) -> Effect:
    """Return the slope of the first column by least squares with its Student interval; an intercept is added."""
    from scipy.stats import t as student_t

    x = np.column_stack([np.ones(len(design)), np.asarray(design, dtype=float)])
    y = np.asarray(values, dtype=float)
    free = len(y) - x.shape[1]
    if free < 3:
        return Effect.lacking(f"{len(y)} people, {x.shape[1] + 3} needed", len(y))
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return Effect.lacking("covariates or genotype do not vary apart from one another", len(y))
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    left = y - x @ beta
    error = float(np.sqrt(left @ left / free * np.linalg.inv(x.T @ x)[1, 1]))
    if error == 0:
        return Effect.lacking("the values do not vary", len(y))
    half = float(student_t.ppf(0.5 + level / 2, free)) * error
    p = float(2 * student_t.sf(abs(beta[1]) / error, free))
    return Effect(float(beta[1]), float(beta[1] - half), float(beta[1] + half), p, len(y))
