"""Where a scale's states lie by the measurements of all cells and by decisions on some, however those were chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from her2plastic._errors import ConvergenceError, ParameterError

_STEP: Final = 0.03


@dataclass(frozen=True)
class Move:
    """How a scale moves.

    Attributes
    ----------
    common
        Move of the whole scale, log2.
    own
        ``(components,)``: what each component moves beyond that, log2.
    factor
        Factor of all spreads.
    common_sd
        How surely the common move is known, log2.
    """

    common: float
    own: np.ndarray
    factor: float
    common_sd: float = 0.0


def fit_move(
    log_like: Callable[[Move], np.ndarray],
    log_prior: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    *,
    n_own: int,
    common_sd: float,
    own_sd: float,
    factor_sd: float,
) -> Move:
    """Return the move of a scale that makes the measurements of all cells, and the decisions on some, most likely.

    The cells that nobody reviewed take part. So it does not matter that those for review were chosen by their
    measurement, the most uncertain first: a scale fitted to the reviewed cells alone would be drawn to where the queue
    looked.

    Parameters
    ----------
    log_like
        Given a move: log-likelihood ``(cells, states)`` of the measurements under the scale moved.
    log_prior
        ``(cells, states)``: log share of each state where the cell comes from.
    labels
        ``(cells, states)``: how likely each state makes the decisions on the cell; 1 for a cell without.
    weights
        ``(cells,)``: cells that each of them stands for.
    n_own
        Components of the scale.
    common_sd, own_sd
        How far the scale as a whole, and each of its components beyond that, may lie off before the decisions, log2.
    factor_sd
        How far the log of the factor of all spreads may lie off 0.

    Returns
    -------
    The move.

    Raises
    ------
    ParameterError
        The shapes do not fit, or a cell has no likely state.
    ConvergenceError
        No best move was found.
    """
    from scipy.optimize import minimize

    labels = np.asarray(labels, dtype=float)
    if labels.shape != log_prior.shape or not np.isfinite(labels).all() or (labels.max(axis=1, initial=0) <= 0).any():
        raise ParameterError(f"labels: expected {log_prior.shape} likelihoods, in each row one above 0")
    log_joint = np.log(np.maximum(labels, 1e-300)) + log_prior
    spread = np.array([common_sd, *[own_sd] * n_own, factor_sd])

    def loss(x: np.ndarray) -> float:
        fit = log_sum(log_joint + log_like(_move(x)))
        return float(0.5 * ((x / spread) ** 2).sum() - weights @ fit)

    found = minimize(loss, np.zeros(n_own + 2), method="L-BFGS-B", options={"ftol": 1e-9, "gtol": 1e-3})
    if not found.success or not np.isfinite(found.fun):
        raise ConvergenceError(f"the scale could not be fitted to the decisions: {found.message}")
    return replace(_move(found.x), common_sd=_sd_of_common(loss, found.x))


def _move(x: np.ndarray) -> Move:
    return Move(float(x[0]), x[1:-1], float(np.exp(x[-1])))


def _sd_of_common(loss: Callable[[np.ndarray], float], x: np.ndarray) -> float:
    """Return how unsure the common move is, the others as uncertain as they are (Laplace)."""
    steps = np.eye(len(x)) * _STEP
    curvature = np.zeros((len(x), len(x)))
    for row, a in enumerate(steps):
        for column, b in enumerate(steps[: row + 1]):
            bent = loss(x + a + b) - loss(x + a - b) - loss(x - a + b) + loss(x - a - b)
            curvature[row, column] = curvature[column, row] = bent / (4 * _STEP**2)
    values, vectors = np.linalg.eigh(curvature)
    # the priors alone keep every direction this well known
    values = np.maximum(values, 0.5)
    return float(np.sqrt((vectors[0] ** 2 / values).sum()))


def log_sum(logs: np.ndarray) -> np.ndarray:
    """Return the log of the sum of the exponentials over the second axis; scipy's takes several times as long."""
    peak = logs.max(axis=1)
    return np.asarray(peak + np.log(np.exp(logs - np.expand_dims(peak, 1)).sum(axis=1)))


def log_scores(posterior: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return, per cell, the log of the probability that a posterior gave to the decisions made on it."""
    held = (np.maximum(posterior, 1e-9) * labels).sum(axis=1) / np.maximum(labels.sum(axis=1), 1e-300)
    return np.asarray(np.log(held))
