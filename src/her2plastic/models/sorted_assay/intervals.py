"""Profile-likelihood intervals of the parameters of a sorted assay."""

from __future__ import annotations

from copy import copy
from typing import Final

import numpy as np
from scipy.stats import f as f_distribution

from her2plastic.models.sorted_assay.fit import Fit, fit_layout

_MOST_TRIES: Final = 14
#: Rates that stop at the fastest one looked for are given so many times as much room, to see whether that matters.
_ROOM: Final = 30.0


def profile_interval(fit: Fit, place: int, *, level: float, n_values: int, together: int = 1) -> tuple[float, float]:
    """Return the values of one parameter that the data do not speak against.

    The fall of the profile likelihood is judged by F, since the scatter of the wells is estimated from them.

    Parameters
    ----------
    fit
        The best fit.
    place
        Number of the parameter.
    level
        Probability that the interval holds.
    n_values
        Independent numbers in the data.
    together
        How many parameters may trade against this one where the likelihood has no regular top: the fall is judged for
        all of them (Scheffé), and the interval holds whichever of them are at fault.

    Returns
    -------
    Lower and upper bound; missing where the likelihood does not fall enough before the parameter's limit, or only
    because another rate stops at its own. A lower bound that reaches 0 is 0.
    """
    rest = n_values - fit.layout.n
    if rest < 1:
        return float("nan"), float("nan")
    allowed = n_values * np.log1p(together * float(f_distribution.ppf(level, together, rest)) / rest)
    lower = _crossing(fit, place, allowed, -1)
    upper = _crossing(fit, place, allowed, +1)
    return lower, upper


def _crossing(fit: Fit, place: int, allowed: float, side: int) -> float:
    """Return where twice the fall of the profile reaches ``allowed`` on one side, by secants of its square root."""
    layout, best = fit.layout, float(fit.values[place])
    limit = float(layout.lower[place] if side < 0 else layout.upper[place])
    target = np.sqrt(allowed)
    curvature = float(fit.information[place, place])
    reach = target / np.sqrt(curvature) if curvature > 0 else abs(limit - best)
    inside, fell_inside, outside, fell_outside = best, 0.0, limit, np.inf
    guess, values = best + side * reach, fit.values
    for _ in range(_MOST_TRIES):
        guess = max(guess, limit) if side < 0 else min(guess, limit)
        trial = fit_layout(layout, [values], {place: guess})
        fell = np.sqrt(max(2 * (fit.log_likelihood - trial.log_likelihood), 0.0))
        if abs(fell - target) < 0.01 * target:
            break
        if fell < target:
            if guess == limit:
                return 0.0 if side < 0 and limit == 0 else float("nan")
            inside, fell_inside, values = guess, fell, trial.values
        else:
            outside, fell_outside = guess, fell
        if np.isfinite(fell_outside):
            part = (target - fell_inside) / (fell_outside - fell_inside)
            guess = inside + min(max(part, 0.1), 0.9) * (outside - inside)
        else:
            guess = best + (inside - best) * min(max(1.05 * target / max(fell_inside, 1e-3), 1.2), 8.0)
    return guess if _told_by_data(fit, trial, place, guess, target) else float("nan")


def _told_by_data(fit: Fit, trial: Fit, place: int, value: float, target: float) -> bool:
    """Return whether the likelihood falls as much where the other rates may be faster than is looked for.

    Cultures near their equilibrium tell the ratio of two rates: as long as one of them stops at its limit, the other
    seems to be known.
    """
    layout = trial.layout
    rates = np.arange(layout.n) < layout.n_rates
    moving = np.arange(layout.n) < layout.n - len(layout.amounts)
    if (moving & ~rates & (np.abs(fit.values) >= 0.999 * layout.upper)).any():
        return False  # growth as steep as is looked for: what the rates are then hangs on that limit
    stopped = rates & (trial.values >= 0.999 * layout.upper) & (np.arange(layout.n) != place)
    if not stopped.any():
        return True
    wider = copy(layout)
    wider.upper = np.where(rates, _ROOM * layout.upper, layout.upper)
    faster = np.where(stopped, 3.0 * trial.values, trial.values)
    free = fit_layout(wider, [trial.values, faster], {place: value})
    return bool(np.sqrt(max(2 * (fit.log_likelihood - free.log_likelihood), 0.0)) > 0.9 * target)
