"""Compositions of populations whose states grow at different rates and turn into one another.

The number of cells per state follows ``dN/dt = N (Q + diag(g))`` (rows of Q from, columns to). Every matrix here is
non-negative: a series of non-negative terms over a short step, then doubling. Nothing cancels, and rows are kept as
compositions beside the logarithm of their size, so that nothing overflows.
"""

from __future__ import annotations

import numpy as np

#: Terms of the series; the step is at most 1 in units of the fastest rate, where the rest is below rounding.
_TERMS = 20
#: Doublings after which every population has come to rest: 2 ** 80 of the fastest times.
_DOUBLINGS = 80


def grown(rates: np.ndarray, growth: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the compositions after a time from each start, and the logarithm of each one's size.

    Parameters
    ----------
    rates
        ``(states, states)``, from row to column; the diagonal is not read.
    growth
        ``(states,)``: net growth of each state.
    time
        At least 0.

    Returns
    -------
    ``(states, states)`` of rows that sum to 1, and ``(states,)``.
    """
    shifted, fastest = _shifted(rates, growth)
    if time == 0 or fastest == 0:
        return np.eye(len(rates)), growth * time
    doublings = int(np.ceil(np.log2(max(fastest * time, 1.0))))
    step = time / 2**doublings
    shares, size = _short_step(shifted * step)
    if np.ptp(growth) == 0:  # all sizes are one, and kept so: their rounding would look like growth
        for _ in range(doublings):
            shares = shares @ shares
            shares /= shares.sum(axis=1, keepdims=True)
        return shares, growth * time
    for _ in range(doublings):
        shares, size = _doubled(shares, size)
    # the shift by the fastest rate is taken back
    return shares, size + (growth.max() - fastest) * time


def settled(rates: np.ndarray, growth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what :func:`grown` tends to; the sizes are right up to one constant."""
    shifted, fastest = _shifted(rates, growth)
    if fastest == 0:
        return np.eye(len(rates)), np.zeros(len(rates))
    shares, size = _short_step(shifted / fastest)
    for _ in range(_DOUBLINGS):
        shares, size = _doubled(shares, size)
        size = size - size.max()
    return shares, size


def _shifted(rates: np.ndarray, growth: np.ndarray) -> tuple[np.ndarray, float]:
    """Return ``Q + diag(g)`` less the largest growth plus the fastest rate, which has no negative entry."""
    matrix = rates.astype(float)
    np.fill_diagonal(matrix, 0.0)
    lost = matrix.sum(axis=1) + (growth.max() - growth)
    fastest = float(lost.max())
    matrix[np.diag_indices(len(matrix))] = fastest - lost
    return matrix, fastest


def _short_step(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the exponential of a small non-negative matrix as rows that sum to 1 and the logarithms of their sums."""
    term = np.eye(len(matrix))
    total = term.copy()
    for order in range(1, _TERMS):
        term = term @ matrix / order
        total += term
    sums = total.sum(axis=1)
    return total / sums[:, None], np.log(sums)


def _doubled(shares: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return compositions and log sizes after twice the time."""
    with np.errstate(divide="ignore"):
        log_weight = np.log(shares) + size
    largest = log_weight.max(axis=1)
    product = np.exp(log_weight - largest[:, None]) @ shares
    sums = product.sum(axis=1)
    return product / sums[:, None], size + largest + np.log(sums)
