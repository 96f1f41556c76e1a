"""Counts with negative binomial noise, quickly where most of them are zero."""

from __future__ import annotations

import numpy as np

from her2plastic.datasets.parameters import Library

#: Means above this are drawn as Poisson of gamma; inversion would need too many steps there.
_LARGE = 16.0


def draw_counts(rng: np.random.Generator, mean: np.ndarray, library: Library) -> np.ndarray:
    """Return negative binomial counts with the library's dispersion and zero inflation.

    Small means take one uniform number each, whatever they are, so that two cohorts of one seed that differ in a few
    cells have the same small counts in all others.
    """
    phi = library.dispersion
    uniform = rng.random(mean.shape, dtype=np.float32)
    dropped = rng.random(mean.shape, dtype=np.float32) < library.zero_inflation if library.zero_inflation > 0 else None
    counts = np.zeros(mean.shape, dtype=np.int64)
    large = mean * max(1.0, phi) > _LARGE
    small = np.where(large, 0.0, mean).astype(np.float32)
    none = np.exp(-np.log1p(small * np.float32(phi)) / np.float32(phi)) if phi > 0 else np.exp(-small)
    some = np.flatnonzero(uniform >= none)
    _invert(counts.reshape(-1), some, uniform.reshape(-1)[some], small.reshape(-1)[some], none.reshape(-1)[some], phi)
    expected = mean[large]
    if phi > 0:
        expected = expected * rng.standard_gamma(1.0 / phi, len(expected)) * phi
    counts[large] = rng.poisson(expected)
    if dropped is not None:
        counts[dropped] = 0
    return counts


def _invert(
    counts: np.ndarray, where: np.ndarray, uniform: np.ndarray, mean: np.ndarray, none: np.ndarray, phi: float
) -> None:
    """Write the smallest count whose cumulative probability exceeds ``uniform``; all of them are above 0."""
    chance = none.astype(float)
    below = chance.copy()
    ratio = mean.astype(float) / (1.0 + phi * mean)
    count = 0
    while len(where):
        counts[where] = count + 1
        # p(k + 1) / p(k) of the negative binomial; of the Poisson where phi is 0
        chance = chance * ratio * ((1.0 + phi * count) / (count + 1))
        below = below + chance
        count += 1
        # the last digit of a uniform number may lie above what the probabilities add up to
        left = (uniform >= below) & (chance > 1e-12)
        where, uniform, chance, below, ratio = where[left], uniform[left], chance[left], below[left], ratio[left]
