"""Profile likelihood intervals, and what they say of a rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.stats import chi2

from her2plastic.models.draws.objective import DrawsObjective
from her2plastic.models.quasi_newton import Height, Maximum, inverse_curvature, maximise
from her2plastic.models.transition_rates import IDENTIFIED, NOT_IDENTIFIED, WEAK

#: A rate whose interval spans more than this factor is weakly identified.
WIDE: Final = 30.0
_STEPS = 8
#: The other parameters are followed to this much of the log-likelihood.
_INNER = 0.01
#: The bound is where the fall of the profile is this near to the one asked for, relatively.
_NEAR = 0.05


def profile_bound(
    function: Height, top: Maximum, which: int, side: int, fall: float, lower: np.ndarray, upper: np.ndarray
) -> float:
    """Return where the profile of one parameter has fallen by ``fall``; infinite where it never does in the box.

    Parameters
    ----------
    function
        Height and gradient.
    top
        Its maximum, with the inverse curvature there.
    which
        The parameter.
    side
        -1 for the lower and +1 for the upper bound.
    fall
        By how much.
    lower, upper
        The box.

    Returns
    -------
    The bound.
    """
    edge = (lower if side < 0 else upper)[which]
    if side * (edge - top.place[which]) <= 1e-9:
        return side * np.inf
    free = np.ones(len(top.place), dtype=bool)
    free[which] = False
    direction = top.inverse[:, which] / top.inverse[which, which]
    root = np.sqrt(fall)

    # distances from the maximum and the square roots of the fall there, between which the bound is looked for
    near, near_root, far, far_root = 0.0, 0.0, np.inf, np.inf
    place, distance = top.place, np.sqrt(2 * fall * top.inverse[which, which])
    previous, inverse = 0.0, top.inverse
    reach = side * (edge - top.place[which])
    for _ in range(_STEPS):
        distance = min(distance, reach)
        start = place + side * (distance - previous) * direction
        start[which] = top.place[which] + side * distance
        held = maximise(function, start, inverse, lower, upper, free=free, tolerance=_INNER)
        place, previous, inverse = held.place, distance, held.inverse
        found = np.sqrt(max(top.height - held.height, 0.0))
        if abs(found - root) < _NEAR * root / 2:
            break
        if found < root:
            if distance >= reach:
                return side * np.inf
            near, near_root = distance, found
        else:
            far, far_root = distance, found
        if not np.isfinite(far):
            growth = root / found if found > 0.3 * root else 3.0
            distance *= float(np.clip(1.1 * growth, 1.15, 3.0))
        else:
            share = (root - near_root) / (far_root - near_root)
            distance = near + float(np.clip(share, 0.1, 0.9)) * (far - near)
    return float(top.place[which] + side * distance)


@dataclass(frozen=True)
class RateIntervals:
    """Rates with profile intervals and words; arrays ``(states, states)``, missing where nothing is allowed.

    ``effects`` holds per treatment the factor on each rate with its bounds, ``(3, states, states)``.
    """

    rates: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    words: np.ndarray
    effects: tuple[np.ndarray, ...] = ()


def rate_intervals(
    objective: DrawsObjective, top: Maximum, *, level: float, box: tuple[float, float]
) -> tuple[RateIntervals, Maximum]:
    """Return the rates at a maximum with their intervals, and the maximum with its curvature.

    Parameters
    ----------
    objective
        The penalised log-likelihood.
    top
        Its maximum.
    level
        Probability that an interval holds.
    box
        Smallest and largest log rate.

    Returns
    -------
    Rates and maximum.
    """
    layout = objective.layout
    lower, upper = layout.bounds(box)
    curved = replace(top, inverse=inverse_curvature(objective, top.place, np.full(layout.size, 0.05), lower, upper))
    fall = float(chi2.ppf(level, 1)) / 2

    def ends(which: int) -> list[float]:
        return [profile_bound(objective, curved, which, side, fall, lower, upper) for side in (-1, 1)]

    missing = np.full((layout.n_states, layout.n_states), np.nan)
    found = RateIntervals(missing, missing.copy(), missing.copy(), np.full(missing.shape, "", dtype=object))
    for r, (i, j) in enumerate(layout.edges):
        rate, low, high = rate_interval(curved.place[r], ends(r), box)
        found.rates[i, j], found.lower[i, j], found.upper[i, j] = rate, low, high
        found.words[i, j] = identifiability_word(rate, low, high)
    effects = []
    for c in range(layout.n_treatments):
        factors = np.full((3, *missing.shape), np.nan)
        for r, (i, j) in enumerate(layout.edges):
            if found.words[i, j] != NOT_IDENTIFIED:
                which = layout.n_rates * (1 + c) + r
                factors[:, i, j] = np.exp([curved.place[which], *ends(which)])
        effects.append(factors)
    return replace(found, effects=tuple(effects)), curved


def rate_interval(log_rate: float, ends: Sequence[float], box: tuple[float, float]) -> tuple[float, float, float]:
    """Return rate, lower and upper bound per day; the rate is missing where it lies at the edge of what can be told."""
    low, high = ends
    lower = float(np.exp(low)) if np.isfinite(low) else 0.0
    upper = float(np.exp(high)) if np.isfinite(high) else np.inf
    at_edge = log_rate <= box[0] + 1e-6 or log_rate >= box[1] - 1e-6
    missing = at_edge or (lower == 0.0 and not np.isfinite(upper))
    return float("nan") if missing else float(np.exp(log_rate)), lower, upper


def identifiability_word(rate: float, lower: float, upper: float) -> str:
    """Return what the data say of a rate with its interval."""
    if not np.isfinite(rate):
        return NOT_IDENTIFIED
    return IDENTIFIED if lower > 0 and upper <= WIDE * lower else WEAK
