"""The mean of a branching process of several cell types: what clones hold on average, and the rates behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic.models.sorted_assay.fit import bounded_step
from her2plastic.models.sorted_assay.flow import flow, movement

_MOST_STEPS: Final = 60
#: Growth per day beyond this, or beyond this fold (natural log) until the last day, is not looked for.
_LARGEST_GROWTH: Final = 5.0
_LARGEST_LOG_FOLD: Final = 20.0


@dataclass(frozen=True)
class MeanTable:
    """Mean cells per founder cell.

    Attributes
    ----------
    days
        ``(days,)`` days after founding.
    means
        ``(days, S, S)`` cells of the column's state per founder of the row's state; missing for rows without founders.
    errors
        Standard errors of the means over clones.
    """

    days: np.ndarray
    means: np.ndarray
    errors: np.ndarray


def mean_table(origin: np.ndarray, cells: np.ndarray, day: np.ndarray) -> MeanTable:
    """Return mean cells per founder cell, by least squares over clones, each weighted by its number of founders.

    Parameters
    ----------
    origin
        ``(clones, S)`` founder cells by state, or the probabilities of the founder's state.
    cells
        ``(clones, S)`` cells by state at the measurement.
    day
        ``(clones,)`` day of the measurement.
    """
    size = origin.shape[1]
    days = np.unique(day)
    means, errors = np.full((len(days), size, size), np.nan), np.full((len(days), size, size), np.nan)
    for k, time in enumerate(days):
        here = day == time
        begin, end = origin[here], cells[here]
        there = np.flatnonzero(begin.sum(axis=0) > 0.5)
        weight = 1 / begin.sum(axis=1)
        weighted = begin[:, there] * weight[:, None]
        inverse = np.linalg.pinv(weighted.T @ begin[:, there])
        table = inverse @ weighted.T @ end
        means[k, there] = table
        left = (end - begin[:, there] @ table) ** 2
        spread = (weighted @ inverse.T) ** 2
        n = len(end)
        errors[k, there] = np.sqrt(spread.T @ left * n / max(n - len(there), 1))
    return MeanTable(days, means, errors)


def fastest_rate(table: MeanTable) -> float:
    """Return the fastest rate looked for: one that can be told from any faster one on no day of the table."""
    return 10.0 / float(table.days.min())


def rates_of_means(
    table: MeanTable, weights: np.ndarray, guess: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rates and growth whose mean cell numbers come closest to a table, rates at least 0.

    For a single day with all founder states this is the matrix logarithm of the table wherever that has no negative
    rate.

    Parameters
    ----------
    table
        Mean cells per founder.
    weights
        ``(days, S, S)`` weight of each mean, 0 where there is none.
    guess
        Starting values.

    Returns
    -------
    rates
        ``(S, S)`` per day.
    growth
        ``(S,)`` per day.
    values
        The same as one vector, to start from.
    information
        Weighted squares of the slopes: what the table determines of that vector.
    """
    size = table.means.shape[1]
    pairs = [(i, j) for i in range(size) for j in range(size) if i != j]
    turns = np.zeros((len(pairs) + size, size, size))
    for place, (i, j) in enumerate(pairs):
        turns[place, j, i], turns[place, i, i] = 1.0, -1.0
    turns[len(pairs) + np.arange(size), np.arange(size), np.arange(size)] = 1.0
    observed = np.nan_to_num(table.means)
    if guess is None:
        total = np.nansum(table.means, axis=2)
        pace = np.nanmean(np.log(np.maximum(total, 0.1)) / table.days[:, None], axis=0)
        guess = np.concatenate([np.full(len(pairs), 0.1 / table.days.max()), np.nan_to_num(pace)])
    fastest = fastest_rate(table)
    steepest = max(_LARGEST_GROWTH, _LARGEST_LOG_FOLD / table.days.max())  # whatever the unit of time
    lower = np.concatenate([np.zeros(len(pairs)), np.full(size, -steepest)])
    upper = np.concatenate([np.full(len(pairs), fastest), np.full(size, steepest)])

    def distance(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        rates, growth = _parts(values, pairs, size)
        value, slope = flow(movement(rates, growth), table.days, turns)
        gap = observed - value.swapaxes(1, 2)
        slopes = slope.transpose(1, 0, 3, 2)  # parameters, days, from, to
        return gap, slopes, float((weights * gap**2).sum())

    values, damping = np.clip(guess, lower, upper), 1e-3
    gap, slopes, cost = distance(values)
    for _ in range(_MOST_STEPS):
        gradient = np.einsum("dij,pdij,dij->p", weights, slopes, gap)
        curvature = np.einsum("dij,pdij,qdij->pq", weights, slopes, slopes)
        fallen = False
        while damping < 1e8:
            damped = curvature + damping * np.diag(np.diag(curvature) + 1e-12)
            trial = np.clip(values + bounded_step(gradient, damped, values, lower, upper), lower, upper)
            other = distance(trial)
            if other[2] < cost:
                fallen = True
                break
            damping *= 8
        if not fallen:
            break
        fall = cost - other[2]
        values, (gap, slopes, cost), damping = trial, other, max(damping / 10, 1e-9)
        if fall < 1e-9 * (1 + cost):
            break
    rates, growth = _parts(values, pairs, size)
    return rates, growth, values, np.einsum("dij,pdij,qdij->pq", weights, slopes, slopes)


def _parts(values: np.ndarray, pairs: list[tuple[int, int]], size: int) -> tuple[np.ndarray, np.ndarray]:
    rates = np.zeros((size, size))
    for value, (i, j) in zip(values, pairs, strict=False):
        rates[i, j] = value
    return rates, values[len(pairs) :]
