"""Maximising a smooth function in a box, from a start whose curvature is roughly known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Height = Callable[[np.ndarray], tuple[float, np.ndarray]]

_SUFFICIENT = 1e-4
_HALVINGS = 25


@dataclass(frozen=True)
class Maximum:
    """Where the function is highest, how high, its gradient there, and an estimate of the inverse curvature."""

    place: np.ndarray
    height: float
    gradient: np.ndarray
    inverse: np.ndarray
    converged: bool
    evaluations: int


def maximise(
    function: Height,
    start: np.ndarray,
    inverse: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    free: np.ndarray | None = None,
    tolerance: float = 1e-4,
    most: int = 200,
    longest: float = 2.0,
) -> Maximum:
    """Climb by BFGS with projection on the box.

    Parameters
    ----------
    function
        Returns height and gradient.
    start
        Where to start.
    inverse
        Inverse of the negative Hessian, or a guess of it.
    lower, upper
        The box.
    free
        Which coordinates may move; None for all.
    tolerance
        The climb ends when the next step would gain less than this.
    most
        Most evaluations.
    longest
        Longest step of one coordinate.

    Returns
    -------
    The maximum; ``converged`` is False where the evaluations ran out first.
    """
    movable = np.ones(len(start), dtype=bool) if free is None else free
    place = np.clip(start, lower, upper)
    height, gradient = function(place)
    inverse = inverse.copy()
    evaluations = 1
    while evaluations < most:
        held = ~movable | ((place <= lower) & (gradient < 0)) | ((place >= upper) & (gradient > 0))
        step = _newton_step(gradient, inverse, held)
        gain = float(gradient @ step)
        if gain < tolerance:
            return Maximum(place, height, gradient, inverse, True, evaluations)
        step *= min(1.0, longest / np.abs(step).max())
        moved = None
        for halving in range(_HALVINGS):
            target = np.clip(place + step * 0.5**halving, lower, upper)
            moved = (target, *function(target))
            evaluations += 1
            if moved[1] >= height + _SUFFICIENT * float(gradient @ (target - place)):
                break
        else:
            # no height to gain along the step: what is left is the rounding of the tables
            return Maximum(place, height, gradient, inverse, gain < 100 * tolerance, evaluations)
        _update(inverse, moved[0] - place, gradient - moved[2])
        place, height, gradient = moved
    return Maximum(place, height, gradient, inverse, False, evaluations)


def _newton_step(gradient: np.ndarray, inverse: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return the step within the coordinates that are not held."""
    step = np.zeros_like(gradient)
    free = ~held
    if not free.any():
        return step
    if held.any():
        # the curvature of the free coordinates, the held ones fixed
        part = inverse[np.ix_(free, free)] - inverse[np.ix_(free, held)] @ np.linalg.solve(
            inverse[np.ix_(held, held)], inverse[np.ix_(held, free)]
        )
    else:
        part = inverse
    step[free] = part @ gradient[free]
    if gradient @ step <= 0:
        step[free] = gradient[free]
    return step


def _update(inverse: np.ndarray, moved: np.ndarray, bent: np.ndarray) -> None:
    """Update the inverse curvature by one step, in place (BFGS)."""
    turn = float(moved @ bent)
    if turn <= 1e-10 * float(np.linalg.norm(moved) * np.linalg.norm(bent)):
        return
    left = inverse @ bent
    inverse += (1 + float(bent @ left) / turn) / turn * np.outer(moved, moved)
    inverse -= (np.outer(left, moved) + np.outer(moved, left)) / turn


def inverse_curvature(
    function: Height, place: np.ndarray, step: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """Return the inverse of the negative Hessian, by central differences of the gradient, made positive definite."""
    n = len(place)
    hessian = np.empty((n, n))
    for j in range(n):
        ahead, behind = place.copy(), place.copy()
        ahead[j] = min(place[j] + step[j], upper[j])
        behind[j] = max(place[j] - step[j], lower[j])
        hessian[j] = -(function(ahead)[1] - function(behind)[1]) / (ahead[j] - behind[j])
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    return (vectors / np.maximum(values, 0.02)) @ vectors.T
