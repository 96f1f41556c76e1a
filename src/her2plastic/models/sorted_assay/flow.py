"""How a growing and switching population moves: cell numbers by state over time, with exact derivatives.

Cell numbers follow ``dN/dt = M N`` with ``M = diag(growth) + Q^T``, so ``N(t) = expm(M t) N(0)``. Everything that is
fitted to such data (rates, growth) is linear in the entries of M; derivatives are therefore taken after these entries
and handed on.
"""

from __future__ import annotations

import numpy as np

#: Order of the Taylor series, and the norm up to which it is exact to double precision.
_ORDER = 12
_LARGEST_NORM = 0.5


def movement(rates: np.ndarray, growth: np.ndarray) -> np.ndarray:
    """Return M of ``dN/dt = M N``: growth on the diagonal, what switches leaves its state and enters another.

    Parameters
    ----------
    rates
        ``(states, states)`` per day from row to column; the diagonal is not used.
    growth
        ``(states,)`` net growth per day.
    """
    rates = np.array(rates, dtype=float)
    np.fill_diagonal(rates, 0.0)
    return rates.T + np.diag(np.asarray(growth, dtype=float) - rates.sum(axis=1))


def flow(matrix: np.ndarray, days: np.ndarray, directions: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return ``expm(matrix * day)`` for each day and its derivatives along directions.

    Scaling and squaring of the Taylor series, with the derivative carried along by the product rule: this holds for
    defective matrices too, where a decomposition into eigenvectors fails.

    Parameters
    ----------
    matrix
        ``(S, S)``.
    days
        ``(T,)`` of at least 0.
    directions
        ``(P, S, S)`` changes of the matrix; each entry on its own, row by row, if not given.

    Returns
    -------
    values
        ``(T, S, S)``.
    slopes
        ``(T, P, S, S)``.
    """
    size = len(matrix)
    scaled = matrix * np.asarray(days, dtype=float)[:, None, None]
    norm = float(np.abs(scaled).sum(axis=1).max(initial=0.0))
    halvings = max(0, int(np.ceil(np.log2(norm / _LARGEST_NORM)))) if norm > 0 else 0
    step = scaled / 2.0**halvings
    along = np.eye(size * size).reshape(-1, size, size) if directions is None else directions
    turn = along[None] * (np.asarray(days, dtype=float) / 2.0**halvings)[:, None, None, None]
    one = np.eye(size)
    value, slope = np.broadcast_to(one, step.shape), np.zeros(turn.shape)
    for order in range(_ORDER, 0, -1):  # Horner: 1 + step / 1 (1 + step / 2 (1 + ...))
        slope = (turn @ value[:, None] + step[:, None] @ slope) / order
        value = one + step @ value / order
    for _ in range(halvings):
        slope = slope @ value[:, None] + value[:, None] @ slope
        value = value @ value
    return value, slope


def equilibrium(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the composition that a population moves towards, and its derivative after every entry of the matrix.

    It is the eigenvector of the largest eigenvalue. Where two states never exchange and grow alike there is no single
    one; the first found is returned.

    Parameters
    ----------
    matrix
        ``(S, S)``, as :func:`movement` makes it.

    Returns
    -------
    shares
        ``(S,)``, sum 1.
    slopes
        ``(S * S, S)``.
    """
    size = len(matrix)
    values, vectors = np.linalg.eig(matrix)
    first = int(np.argmax(values.real))
    shares = np.abs(vectors[:, first].real)
    shares = shares / shares.sum()
    # (M - value) dv - v dvalue = -dM v, with the entries of dv adding up to 0
    bordered = np.zeros((size + 1, size + 1))
    bordered[:size, :size] = matrix - values[first].real * np.eye(size)
    bordered[:size, size] = -shares
    bordered[size, :size] = 1.0
    changes = np.zeros((size + 1, size * size))
    for row in range(size):
        changes[row, row * size : (row + 1) * size] = -shares
    return shares, (np.linalg.pinv(bordered) @ changes)[:size].T
