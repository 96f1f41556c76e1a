"""The loops of moving draws of shares: where each draw steps, and how high the posterior is there."""

from __future__ import annotations

import math

import numpy as np

from her2plastic.models.compiling import compiled, compiled_sums

#: A product of likelihoods below this is turned into its logarithm before it vanishes.
_SMALL = 1e-150
_NO_LESS = 1e-300


@compiled_sums
def mixture_heights(
    like: np.ndarray, base: np.ndarray, multiplicity: np.ndarray, shares: np.ndarray, nodes: np.ndarray
) -> np.ndarray:
    """Return the log-likelihood of each draw's mixture; minus infinity off the grid of offsets.

    ``like`` has shape ``(offsets, components, bins)``, ``base`` ``(offsets,)``, ``multiplicity`` ``(bins,)``,
    ``shares`` ``(draws, components)`` and ``nodes`` ``(draws,)``.
    """
    n_offsets, n_components, n_bins = like.shape
    height = np.full(len(nodes), -np.inf)
    mixture = np.empty(n_bins)
    for draw in range(len(nodes)):
        node = nodes[draw]
        if node < 0 or node >= n_offsets:
            continue
        mixture[:] = 0.0
        for component in range(n_components):
            share = shares[draw, component]
            for at in range(n_bins):
                mixture[at] += share * like[node, component, at]
        height[draw] = base[node] + _log_product(mixture, multiplicity)
    return height


@compiled
def _log_product(factors: np.ndarray, powers: np.ndarray) -> float:
    """Return the sum of logarithms, by few logarithms of products."""
    total, product = 0.0, 1.0
    for at in range(len(factors)):
        if powers[at] != 1.0 or factors[at] < _SMALL:
            total += powers[at] * math.log(factors[at]) if factors[at] > 0.0 else -np.inf
            continue
        product *= factors[at]
        if product < _SMALL:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@compiled
def stepped(
    log_shares: np.ndarray,
    nodes: np.ndarray,
    moving: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    length: np.ndarray,
    single: np.ndarray,
    which: np.ndarray,
    jitter: np.ndarray,
    rounding: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the moving draws after steps along the difference of two others.

    ``log_shares`` has shape ``(draws, components)``, ``nodes`` ``(draws,)``; the rest is one entry, or one row, for
    each moving draw: the two others, the length of the step, whether one share alone moves against the rest and
    which, and random numbers.
    """
    n_components = log_shares.shape[1]
    moved = np.empty((len(moving), n_components))
    moved_nodes = np.empty(len(moving), dtype=np.int64)
    for draw in range(len(moving)):
        here, first, second = moving[draw], one[draw], other[draw]
        reach, offset_step = length[draw], float(nodes[first] - nodes[second])
        if single[draw]:
            reach, offset_step = 2 * reach, 0.0
        peak = -np.inf
        for component in range(n_components):
            step = jitter[draw, component]
            if not single[draw]:
                step += log_shares[first, component] - log_shares[second, component]
            elif component == which[draw]:
                step += _logit(log_shares[first, component]) - _logit(log_shares[second, component])
            moved[draw, component] = log_shares[here, component] + reach * step
            peak = max(peak, moved[draw, component])
        total = 0.0
        for component in range(n_components):
            total += math.exp(moved[draw, component] - peak)
        moved[draw] -= peak + math.log(total)
        moved_nodes[draw] = nodes[here] + math.floor(length[draw] * offset_step + rounding[draw])
    return moved, moved_nodes


@compiled
def _logit(log_share: float) -> float:
    return log_share - math.log(max(-math.expm1(log_share), _NO_LESS))
