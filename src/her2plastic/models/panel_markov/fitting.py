"""Maximum likelihood of panel models: starting values, the climb, the information, and profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from her2plastic._errors import ConvergenceError
from her2plastic.models.panel_markov.data import PanelData
from her2plastic.models.panel_markov.likelihood import IMPOSSIBLE, PanelLikelihood

#: Curvature of the log-likelihood, per squared unit of a logarithm, below which a direction counts as flat: an
#: interval would span more than 7 orders of magnitude.
FLAT: Final = 0.05
#: Smaller eigenvalues are rounding.
_FLATTEST: Final = 1e-8
#: Slope at which the climb ends, and log-likelihood that may be missing after the last steps.
_SLOPE: Final = 1e-3
_MISSING: Final = 1e-4
_STEP: Final = 1e-4
_NEWTON_STEPS: Final = 6
#: Errors of reading that are tried as starting values.
_ERROR_STARTS: Final = (0.1, 0.02, 0.25)
#: How far, in logarithms, a profile is followed.
_FARTHEST: Final = 24.0


@dataclass(frozen=True)
class Optimum:
    """The maximum: parameters, log-likelihood, information with its eigenvalues and eigenvectors (columns)."""

    theta: np.ndarray
    log_likelihood: float
    information: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray

    def variance(self, contrast: np.ndarray) -> float:
        """Return the variance of a linear combination of parameters by the curvature."""
        return float(self._parts(contrast).sum())

    def is_flat(self, contrast: np.ndarray) -> bool:
        """Return whether what is not known of a linear combination of parameters is mostly a flat direction's."""
        parts = self._parts(contrast)
        return bool(parts[self.eigenvalues < FLAT].sum() > 0.5 * parts.sum())

    def _parts(self, contrast: np.ndarray) -> np.ndarray:
        """Return the variance of a linear combination of parameters along each eigenvector."""
        return (contrast @ self.eigenvectors) ** 2 / np.maximum(self.eigenvalues, _FLATTEST)


def crude_start(likelihood: PanelLikelihood, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Return starting values from counts of transitions per time, and roughly how curved each is.

    Observations are taken at their word, where they name one state.
    """
    layout, data = likelihood.layout, likelihood.data
    guess, sure = _named_states(data)
    n = likelihood.structure.n_states
    ends = data.follows[sure[data.follows] & sure[data.follows - 1]]
    counted = likelihood.weight[data.subject_of[ends]]
    counts, spent = np.zeros((n, n)), np.zeros(n)
    np.add.at(counts, (guess[ends - 1], guess[ends]), counted)
    np.add.at(spent, guess[ends - 1], counted * likelihood.elapsed[data.interval[ends]])
    i, j = layout.edges.T
    theta, curvature = np.zeros(layout.size), np.ones(layout.size)
    theta[: layout.n_rates] = np.log((counts[i, j] + 0.5) / (spent[i] + 1.0))
    curvature[: layout.n_rates] = counts[i, j] + 1.0
    if len(layout.effects):
        curvature[layout.effects_at : layout.errors_at] = curvature[: layout.n_rates][layout.effects[:, 1]]
    if len(layout.errors):
        per_row = np.bincount(layout.errors[:, 0], minlength=n)[layout.errors[:, 0]]
        theta[layout.errors_at : layout.initial_at] = np.log(error / (1 - np.minimum(error * per_row, 0.7)))
        curvature[layout.errors_at : layout.initial_at] = 1.0 + error * len(ends) / n
        theta[: layout.n_rates] -= np.log(2.0)  # some of the moves are misreadings
    if len(layout.initial):
        begins = np.bincount(guess[data.first[:-1]], weights=likelihood.weight, minlength=n)[layout.initial] + 0.5
        theta[layout.initial_at :] = np.log(begins[1:] / begins[0])
        curvature[layout.initial_at :] = begins[1:]
    return theta, curvature


def _named_states(data: PanelData) -> tuple[np.ndarray, np.ndarray]:
    """Return the most likely state of each observation alone, and whether there is only one."""
    table = (data.fixed + data.mix)[data.emission]
    guess = table.argmax(axis=1)
    return guess, (table == table.max(axis=1, keepdims=True)).sum(axis=1) == 1


def climb(likelihood: PanelLikelihood, start: np.ndarray, curvature: np.ndarray, *, steps: int) -> np.ndarray:
    """Return the parameters at which the climb from a start ends."""
    return np.asarray(
        minimize(
            likelihood.loss, start, jac=True, method="BFGS",
            options={"gtol": _SLOPE, "maxiter": steps, "hess_inv0": np.diag(1.0 / curvature)},
        ).x
    )  # fmt: skip


def information(likelihood: PanelLikelihood, theta: np.ndarray) -> np.ndarray:
    """Return minus the second derivatives of the log-likelihood, from differences of its gradient."""
    found = np.empty((theta.size, theta.size))
    for k in range(theta.size):
        ahead, behind = theta.copy(), theta.copy()
        ahead[k] += _STEP
        behind[k] -= _STEP
        found[k] = (likelihood.loss(ahead)[1] - likelihood.loss(behind)[1]) / (2 * _STEP)
    return 0.5 * (found + found.T)


def maximum(likelihood: PanelLikelihood, *, steps: int, start: np.ndarray | None = None) -> Optimum:
    """Return the maximum of the likelihood.

    Raises
    ------
    ConvergenceError
        From no start was a maximum reached.
    """
    if start is not None:
        starts = [(start, crude_start(likelihood, _ERROR_STARTS[0])[1])]
    else:
        tried = _ERROR_STARTS if len(likelihood.layout.errors) else _ERROR_STARTS[:1]
        starts = [crude_start(likelihood, error) for error in tried]
    ends = [climb(likelihood, theta, curvature, steps=steps) for theta, curvature in starts]
    theta = min(ends, key=lambda end: likelihood.loss(end)[0])
    fault = "no step was possible"
    for _ in range(3):
        found, fault = _polished(likelihood, theta)
        if not fault:
            return found
        downhill = found.eigenvectors[:, 0] if found.eigenvalues[0] < -FLAT else 0.0
        theta = climb(likelihood, found.theta + 0.5 * downhill, np.maximum(np.diag(found.information), 1), steps=steps)
    raise ConvergenceError(
        f"the likelihood of the panel has no maximum that could be reached: {fault}. Allow fewer transitions, errors "
        "or covariates, give more steps (max_iterations), or other starting values (start)."
    )


def _polished(likelihood: PanelLikelihood, theta: np.ndarray) -> tuple[Optimum, str]:
    """Take Newton's steps where the likelihood is curved; return where they end, and what is wrong there."""
    value, slope = likelihood.loss(theta)
    for _ in range(_NEWTON_STEPS):
        curved = information(likelihood, theta)
        values, vectors = np.linalg.eigh(curved)
        steep = values >= FLAT
        along = slope @ vectors
        missing = 0.5 * float((along[steep] ** 2 / values[steep]).sum())
        if missing < _MISSING * 1e-4:
            break
        step = vectors[:, steep] @ (along[steep] / values[steep])
        step *= min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        moved, moved_slope = likelihood.loss(theta - step)
        if not moved <= value:
            break
        theta, value, slope = theta - step, moved, moved_slope
    found = Optimum(theta, -value, curved, values, vectors)
    if -value <= IMPOSSIBLE:
        return found, "some observation has no probability at the parameters tried"
    if values[0] < -FLAT:
        return found, f"the likelihood is curved upwards there (eigenvalue of the information {values[0]:.3g})"
    if missing > _MISSING or np.abs(along[~steep]).max(initial=0.0) > 10 * _SLOPE:
        return found, f"the slope there is still {np.abs(slope).max():.3g}"
    return found, ""


def profile_bound(likelihood: PanelLikelihood, best: Optimum, contrast: np.ndarray, side: int, drop: float) -> float:
    """Return where a linear combination of parameters makes the log-likelihood fall by ``drop``, or an infinity.

    All else is fitted again at each value, from where the curvature at the maximum says that it will be.
    """
    centre = float(contrast @ best.theta)
    floor = np.maximum(best.eigenvalues, 1e-6)
    path = best.eigenvectors @ ((contrast @ best.eigenvectors) / floor)
    path /= contrast @ path
    last = best.theta

    def fallen(distance: float) -> float:
        nonlocal last
        value = centre + side * distance
        loss, last = _constrained(likelihood, last + (value - contrast @ last) * path, contrast, best)
        return max(loss + best.log_likelihood, 0.0) - drop

    if best.is_flat(contrast):
        if fallen(_FARTHEST) < 0:
            return side * np.inf
        last = best.theta
    near, near_fall = 0.0, -drop
    far = min(np.sqrt(2 * drop * max(best.variance(contrast), 1e-4)), 2.0)
    far_fall = fallen(far)
    while far_fall < 0:
        if far > _FARTHEST:
            return side * np.inf
        near, near_fall = far, far_fall
        far *= 1.5
        far_fall = fallen(far)
    for _ in range(30):  # the root of the fall is nearly a straight line
        low, high = np.sqrt(near_fall + drop), np.sqrt(far_fall + drop)
        share = float(np.clip((np.sqrt(drop) - low) / max(high - low, 1e-12), 0.02, 0.98))
        middle = near + (far - near) * share
        fall = fallen(middle)
        if abs(fall) < 1e-4 or far - near < 1e-6:
            return centre + side * middle
        near, near_fall, far, far_fall = (middle, fall, far, far_fall) if fall < 0 else (near, near_fall, middle, fall)
    return centre + side * 0.5 * (near + far)


def _constrained(
    likelihood: PanelLikelihood, start: np.ndarray, contrast: np.ndarray, best: Optimum
) -> tuple[float, np.ndarray]:
    """Return the least loss where ``contrast @ theta`` is what it is at the start, and where it is."""
    place, value = int(np.abs(contrast).argmax()), float(contrast @ start)
    others = np.delete(np.arange(start.size), place)
    tilt = contrast[others] / contrast[place]

    def whole(free: np.ndarray) -> np.ndarray:
        theta = np.empty(start.size)
        theta[others] = free
        theta[place] = value / contrast[place] - tilt @ free
        return theta

    def loss(free: np.ndarray) -> tuple[float, np.ndarray]:
        found, slope = likelihood.loss(whole(free))
        return found, slope[others] - slope[place] * tilt

    if not others.size:
        return likelihood.loss(start)[0], start
    curved = best.information[np.ix_(others, others)] - np.outer(tilt, best.information[place, others])
    curved += np.outer(tilt, tilt) * best.information[place, place] - np.outer(best.information[others, place], tilt)
    values, vectors = np.linalg.eigh(curved)
    metric = (vectors / np.maximum(values, 0.1)) @ vectors.T
    options = {"gtol": 1e-2, "maxiter": 200, "hess_inv0": 0.5 * (metric + metric.T)}
    end = minimize(loss, start[others], jac=True, method="BFGS", options=options)
    return float(end.fun), whole(end.x)
