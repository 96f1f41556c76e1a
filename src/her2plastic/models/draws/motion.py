"""How a composition moves between draws: transition matrices with their derivatives by the log rates."""

from __future__ import annotations

import numpy as np

from her2plastic.models.compiling import compiled

_TAYLOR_TERMS = 10


def motions(days: np.ndarray, log_rates: np.ndarray, edges: np.ndarray, n_states: int) -> tuple[np.ndarray, np.ndarray]:
    """Return transition matrices and their derivatives by the log of each rate.

    Scaling and squaring of a Taylor series, whose derivative is carried along: near-singular and absorbing generators
    need no special care.

    Parameters
    ----------
    days
        Shape ``(kinds,)``: length of each kind of interval.
    log_rates
        Shape ``(kinds, nodes, rates)``.
    edges
        Shape ``(rates, 2)``: from and to.
    n_states
        Number of states.

    Returns
    -------
    Arrays ``(kinds, nodes, states, states)`` and ``(kinds, nodes, rates, states, states)``.
    """
    # one layout, so that the loop is compiled once
    return _motions(np.ascontiguousarray(days), np.ascontiguousarray(log_rates), np.ascontiguousarray(edges), n_states)


@compiled
def _motions(
    days: np.ndarray, log_rates: np.ndarray, edges: np.ndarray, n_states: int
) -> tuple[np.ndarray, np.ndarray]:
    n_kinds, n_nodes, n_rates = log_rates.shape
    moved = np.zeros((n_kinds, n_nodes, n_states, n_states))
    slope = np.zeros((n_kinds, n_nodes, n_rates, n_states, n_states))
    for u in range(n_kinds):
        for b in range(n_nodes):
            step = np.zeros((n_states, n_states))
            by_rate = np.zeros((n_rates, n_states, n_states))
            for r in range(n_rates):
                i, j = edges[r, 0], edges[r, 1]
                value = np.exp(log_rates[u, b, r]) * days[u]
                by_rate[r, i, j] += value
                by_rate[r, i, i] -= value
                step += by_rate[r]
            fastest = 0.0
            for i in range(n_states):
                fastest = max(fastest, -step[i, i])
            halvings = 0
            while fastest > 0.5:
                fastest /= 2
                halvings += 1
            scale = 0.5**halvings
            step *= scale
            by_rate *= scale
            power, total = np.eye(n_states), np.eye(n_states)
            d_power, d_total = np.zeros_like(by_rate), np.zeros_like(by_rate)
            for k in range(1, _TAYLOR_TERMS + 1):
                for r in range(n_rates):
                    d_power[r] = (_product(d_power[r], step) + _product(power, by_rate[r])) / k
                    d_total[r] += d_power[r]
                power = _product(power, step) / k
                total += power
            for _ in range(halvings):
                for r in range(n_rates):
                    d_total[r] = _product(d_total[r], total) + _product(total, d_total[r])
                total = _product(total, total)
            moved[u, b] = total
            slope[u, b] = d_total
    return moved, slope


@compiled
def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    n = a.shape[0]
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            for k in range(n):
                out[i, j] += a[i, k] * b[k, j]
    return out
