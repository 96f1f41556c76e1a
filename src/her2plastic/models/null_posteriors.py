"""Posteriors of cells as they would be if nothing moved, with the error of the calls as it is in the data."""

from __future__ import annotations

import numpy as np

from her2plastic.models.draws.sampling import dirichlet, overdispersed
from her2plastic.models.nulls import EM_ROUNDS, PRIOR, sums_by


def no_switch_posteriors(
    posterior: np.ndarray,
    patient: np.ndarray,
    draw: np.ndarray,
    *,
    prior: np.ndarray | None = None,
    overdispersion: float = 0.0,
    seed: int,
) -> np.ndarray:
    """Return posteriors of cells of patients whose composition stays what it is.

    A cell's state is drawn from its patient's composition over all draws together; its evidence is that of a cell of
    the data drawn with the probability of being in this state, so that the error of the calls is kept.

    Parameters
    ----------
    posterior
        Probability of each state, cells x states.
    patient, draw
        Patient and draw of each cell.
    prior
        What the posteriors hold besides the cell's own evidence, states or cells x states; None for even odds.
    overdispersion
        Intra-draw correlation of the states, at least 0 and below 1.
    seed
        Seed of the simulation.

    Returns
    -------
    Posteriors of the same shape, under the same prior.
    """
    rng = np.random.default_rng(seed)
    before, evidence = _evidence(posterior, prior)
    codes = np.unique(patient, return_inverse=True)[1].ravel()
    pairs = np.stack([codes, np.unique(draw, return_inverse=True)[1].ravel()])
    draws, place = np.unique(pairs, axis=1, return_inverse=True)
    place = place.ravel()
    numbers = np.bincount(place, minlength=draws.shape[1])
    weight = 1.0 / (1.0 + np.maximum(numbers - 1, 0) * overdispersion)[place]
    of_patient = dirichlet(rng, _states_behind(evidence, codes, weight) + PRIOR)
    of_draw = overdispersed(rng, of_patient[draws[0]], overdispersion)
    return _read_as(rng, evidence, _categories(rng, of_draw[place]), before)


def posteriors_of_states(
    posterior: np.ndarray, state: np.ndarray | int, *, prior: np.ndarray | None = None, seed: int
) -> np.ndarray:
    """Return posteriors of cells that are in given states, read with the error of the data.

    Parameters
    ----------
    posterior
        Probability of each state, cells x states.
    state
        The state that each cell is in, counted from 0; one number for a population of one class.
    prior
        What the posteriors hold besides the cell's own evidence, states or cells x states; None for even odds.
    seed
        Seed of the draw.

    Returns
    -------
    Posteriors of the same shape, under the same prior: the evidence is that of cells of the data, drawn with their
    probability of being in the state.
    """
    before, evidence = _evidence(posterior, prior)
    states = np.broadcast_to(np.asarray(state), (len(evidence),))
    return _read_as(np.random.default_rng(seed), evidence, states, before)


def _evidence(posterior: np.ndarray, prior: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the prior of every cell, and what its posterior says without it."""
    posterior = np.asarray(posterior, dtype=float)
    before = np.broadcast_to(1.0 if prior is None else np.asarray(prior, dtype=float), posterior.shape)
    evidence = np.divide(posterior, before, out=np.zeros_like(posterior), where=before > 0)
    total = evidence.sum(axis=1, keepdims=True)
    return before, np.divide(evidence, total, out=np.full_like(evidence, 1 / evidence.shape[1]), where=total > 0)


def _states_behind(evidence: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the expected (weighted) number of cells in each state, group by group, at the most likely shares."""
    size = sums_by(weight[:, None], codes)
    shares = np.full((len(size), evidence.shape[1]), 1.0 / evidence.shape[1])
    numbers = shares * size
    for _ in range(EM_ROUNDS):
        responsibility = shares[codes] * evidence
        total = responsibility.sum(axis=1, keepdims=True)
        responsibility = np.divide(responsibility, total, out=evidence.copy(), where=total > 0)
        numbers = sums_by(weight[:, None] * responsibility, codes)
        shares = numbers / size
    return numbers


def _categories(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """Return one state per row, drawn by the row's shares."""
    steps = np.cumsum(shares, axis=1)
    above = rng.random(len(shares))[:, None] * steps[:, -1:] >= steps
    return above.sum(axis=1).clip(max=shares.shape[1] - 1)


def _read_as(rng: np.random.Generator, evidence: np.ndarray, state: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return for each cell the evidence of a cell of the data, drawn by its state, under its own prior."""
    everyone = np.zeros(len(evidence), dtype=np.intp)
    pooled = _states_behind(evidence, everyone, np.ones(len(evidence)))
    probability = evidence * pooled  # of each state, given how frequent the states are in the data
    probability /= np.maximum(probability.sum(axis=1, keepdims=True), 1e-300)
    drawn = np.empty(len(state), dtype=np.intp)
    for number in np.unique(state):
        here = np.flatnonzero(state == number)
        weight = probability[:, number] if probability[:, number].sum() > 0 else evidence[:, number]
        total = weight.sum()
        drawn[here] = rng.choice(len(evidence), len(here), p=weight / total if total > 0 else None)
    made = evidence[drawn] * prior
    total = made.sum(axis=1, keepdims=True)
    return np.divide(made, total, out=evidence[drawn].copy(), where=total > 0)
