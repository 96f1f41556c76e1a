"""Whether clones hold cells of several states beyond what misreading makes of clones of one state."""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from her2plastic.models.null_test import NullTest

#: No reading is so sure that a single cell proves a switch.
_LEAST_ERROR = 1e-6
_ROUNDS = 60


def mixed_clone_test(counts: np.ndarray, errors: np.ndarray, *, n_null: int, seed: int) -> NullTest:
    """Return the test of mixed clones against clones of one state each, read with the same error.

    Each clone is compared under its best composition and under its best single state, whichever it is: a founder that
    was sorted into the wrong state makes no mixed clone. Clones of one state with as many cells are read again with the
    same error to see how large that statistic gets.

    Parameters
    ----------
    counts
        ``(clones, S)`` cells by the state they were read as; sums of posteriors are rounded to whole cells when
        clones are read again.
    errors
        ``(S, S)`` probability that a cell of a state (row) is read as another (column).
    n_null
        Data sets simulated.
    seed
        Seed of the simulation.
    """
    name, statistic = "clones of one state, misread", "twice the log-likelihood ratio of mixed clones"
    sizes = counts.sum(axis=1)
    told = counts[sizes >= 2]
    if not len(told):
        return NullTest.lacking(name, statistic, "0 clones of 2 or more cells")
    observed, state = _ratios(told, errors)
    rng = np.random.default_rng(seed)
    numbers = np.round(told.sum(axis=1)).astype(np.int64)
    again = np.array([_ratios(rng.multinomial(numbers, errors[state]), errors)[0].sum() for _ in range(n_null)])
    return NullTest.by_simulation(name, statistic, float(observed.sum()), again)


def _ratios(counts: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each clone twice the log-likelihood ratio of a mixture to one state, and that state."""
    certain = np.maximum(errors, _LEAST_ERROR)
    certain = certain / certain.sum(axis=1, keepdims=True)
    single = counts @ np.log(certain).T
    shares = mixtures(counts, certain)
    mixed = xlogy(counts, np.maximum(shares @ certain, 1e-300)).sum(axis=1)
    return np.maximum(2 * (mixed - single.max(axis=1)), 0.0), single.argmax(axis=1)


def mixtures(counts: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the most likely composition of each clone behind misread counts, ``(clones, S)``."""
    shares = np.full(counts.shape, 1 / counts.shape[1])
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1e-300)
    for _ in range(_ROUNDS):
        expected = np.maximum(shares @ errors, 1e-300)
        shares = shares * ((counts / expected) @ errors.T) / total
    return shares
