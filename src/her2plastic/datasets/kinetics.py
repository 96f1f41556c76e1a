"""Spliced and unspliced molecules of cells at rest and of cells on their way between two states."""

from __future__ import annotations

import numpy as np

from her2plastic.datasets.parameters import Kinetics


def decay_rates(rng: np.random.Generator, n_genes: int, model: Kinetics) -> np.ndarray:
    """Return a log-normal decay rate per hour for each gene."""
    return model.gamma_median * np.exp(rng.normal(0.0, model.gamma_sd_log, n_genes))


def resting_share(gamma: np.ndarray, beta: float) -> np.ndarray:
    """Return the unspliced share u / (u + s) at steady state, where beta u = gamma s."""
    return gamma / (beta + gamma)


def relax(fold: np.ndarray, gamma: np.ndarray, beta: float, hours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unspliced and spliced amounts after transcription changed by ``fold``, ``hours`` ago.

    The exact solution of du/dt = alpha - beta u, ds/dt = beta u - gamma s from the old steady state, in units of the
    old steady state's total.
    """
    share = resting_share(gamma, beta)
    missing = 1.0 - fold  # distance of the old from the new steady state, in units of the old one
    spliced_left = np.exp(-gamma * hours)
    unspliced_left = np.exp(-beta * hours)
    # (e^-beta t - e^-gamma t) / (gamma - beta), written so that it is exact where gamma nears beta and never overflows
    gap = np.abs(gamma - beta) * hours
    near = gap < 1e-9
    safe = np.where(near, 1.0, gap)
    carried = hours * np.exp(-np.minimum(beta, gamma) * hours) * np.where(near, 1.0, -np.expm1(-safe) / safe)
    unspliced = share * (fold + missing * unspliced_left)
    spliced = (1.0 - share) * (fold + missing * spliced_left) + beta * share * missing * carried
    return unspliced, spliced


def in_transit(
    rng: np.random.Generator, state: np.ndarray, barred: np.ndarray, model: Kinetics
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each CTC the state it is on its way to (-1: none) and the hours since it set out (NaN: it did not).

    ``barred`` (cells x 3) marks states that a cell cannot go to by transcription alone.
    """
    # the same numbers are drawn whatever the rates, so that moving and static twins share all else
    chance, which, elapsed = rng.random((3, len(state)))
    rates = np.asarray(model.rates, dtype=float) * ~np.eye(3, dtype=bool)
    out = np.where(barred | (state < 0)[:, None], 0.0, rates[state])
    total = out.sum(axis=1)
    leaves = chance < -np.expm1(-total * model.transit_hours / 24.0)
    steps = np.cumsum(out, axis=1) / np.where(total > 0, total, 1.0)[:, None]
    target = (which[:, None] >= steps).sum(axis=1).clip(max=2)
    return np.where(leaves, target, -1), np.where(leaves, elapsed * model.transit_hours, np.nan)


def erbb2_fold(origin: np.ndarray, target: np.ndarray, medians: np.ndarray, model: Kinetics) -> np.ndarray:
    """Return the factor on ERBB2 transcription of cells that move from class ``origin`` to ``target``."""
    if model.erbb2_fold == 0:
        return medians[target] / medians[origin]
    return np.where(target > origin, model.erbb2_fold, 1.0 / model.erbb2_fold)
