"""Random draws of CTCs: how many, in which states, from a composition that moves by rates or stays."""

from __future__ import annotations

from typing import Final

import numpy as np

#: Correlations up to this are none: their Dirichlet parameters would overflow.
NO_CORRELATION: Final = 1e-12


def dirichlet(rng: np.random.Generator, parameters: np.ndarray) -> np.ndarray:
    """Return shares drawn from the Dirichlet of each row of parameters.

    By its gammas; the floor keeps parameters that are all 0 from making 0/0.
    """
    weights = rng.standard_gamma(parameters) + 1e-300
    return weights / weights.sum(axis=-1, keepdims=True)


def overdispersed(rng: np.random.Generator, shares: np.ndarray, rho: float) -> np.ndarray:
    """Return shares scattered around their own by a Dirichlet of intra-draw correlation ``rho``."""
    return dirichlet(rng, shares * (1.0 - rho) / rho) if rho > NO_CORRELATION else shares


def sample_states(rng: np.random.Generator, shares: np.ndarray, numbers: np.ndarray, rho: float) -> np.ndarray:
    """Return Dirichlet-multinomial counts of the states with intra-draw correlation ``rho``."""
    return rng.multinomial(numbers, overdispersed(rng, shares, rho))


def lognormal_numbers(
    rng: np.random.Generator, shape: tuple[int, ...], median: float, sd_log: float, limits: tuple[int, int]
) -> np.ndarray:
    """Return numbers of CTCs: log-normal, rounded, within limits."""
    return np.clip(np.rint(np.exp(rng.normal(np.log(median), sd_log, shape))), *limits).astype(int)


def closed(rates: np.ndarray) -> np.ndarray:
    """Return rates off the diagonal with the diagonal that lets rows sum to 0."""
    rates = rates * ~np.eye(rates.shape[-1], dtype=bool)
    return rates - rates.sum(axis=-1)[..., None] * np.eye(rates.shape[-1])


def shares_over(
    start: np.ndarray,
    rates: np.ndarray,
    days: np.ndarray,
    *,
    factor: float | np.ndarray = 1.0,
    changed_from: np.ndarray | None = None,
) -> np.ndarray:
    """Return shares over days under rates that are multiplied from some day on.

    Parameters
    ----------
    start
        Shares on the first day, patients x states.
    rates
        Rates per day, patients x states x states, rows sum to 0.
    days
        Days, rising.
    factor
        What the rates are multiplied by from ``changed_from`` on; a number or states x states.
    changed_from
        Day of the change of each patient; None for none.

    Returns
    -------
    Shares, patients x days x states.
    """
    from scipy.linalg import expm

    changed = closed(rates * np.asarray(factor, dtype=float))
    since = np.full(len(start), np.inf) if changed_from is None else changed_from
    shares, here = [start], start
    for earlier, later in zip(days, days[1:], strict=False):
        before = np.clip(since - earlier, 0.0, later - earlier)[:, None, None]
        step = expm(rates * before) @ expm(changed * (later - earlier - before))
        here = (here[:, None, :] @ step)[:, 0].clip(0.0)
        here = here / here.sum(axis=1, keepdims=True)
        shares.append(here)
    return np.stack(shares, axis=1)
