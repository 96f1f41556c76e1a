"""Profile-likelihood intervals of the parameters of a sorted assay."""

from __future__ import annotations

import numpy as np
from scipy.stats import f as f_distribution

from her2plastic.models.sorted_assay.fit import Fit, fit_layout

_MOST_TRIES = 14


def profile_interval(fit: Fit, place: int, *, level: float, n_values: int) -> tuple[float, float]:
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

    Returns
    -------
    Lower and upper bound; missing where the likelihood does not fall enough before the parameter's limit. A lower bound
    that reaches 0 is 0.
    """
    rest = n_values - fit.layout.n
    if rest < 1:
        return float("nan"), float("nan")
    allowed = n_values * np.log1p(float(f_distribution.ppf(level, 1, rest)) / rest)
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
            return guess
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
    return guess
