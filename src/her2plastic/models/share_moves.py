"""Draws of shares and offset carried along the posterior, so that a poor importance sample does not show.

Importance weights alone are not enough: along the ridge between states that the cells barely tell apart, a few draws
can hold most of the weight. The draws are therefore resampled and moved by differential evolution, whose steps take
length and direction from the spread of the other draws. Each move leaves the posterior as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from her2plastic.models.log_sums import log_sum
from her2plastic.models.share_steps import mixture_heights, stepped

#: Draws that are kept of each group: fewer where each costs many likelihoods, as such a group's posterior is narrow.
_MOST_KEPT, _LEAST_KEPT = 2000, 600
_KEPT_LIKELIHOODS = 1_500_000
#: Sweeps of moves: many where few importance draws count.
_SWEEPS = 20
_SWEEPS_FROM_FEW = 40
_FEW = 200.0
#: So many importance draws need no moving.
ENOUGH = 700.0
#: Up to so many likelihoods, all draws are evaluated at once; beyond, one offset after the other.
_AT_ONCE = 400_000
#: Draws are resampled with weights flattened until so many count: a start from few different draws moves badly.
_LEAST_START = 60.0
_TINY = np.float32(1e-37)


@dataclass(frozen=True)
class GroupTarget:
    """Posterior of one group's shares and offset.

    Attributes
    ----------
    like
        Shape ``(offsets, bins, components)``: likelihood of each bin, its largest component 1.
    base
        Shape ``(offsets,)``: what was divided out, and the log prior of the offset.
    multiplicity
        Shape ``(bins,)``: cells in each bin.
    prior
        Shape ``(components,)``: Dirichlet parameters.
    """

    like: np.ndarray
    base: np.ndarray
    multiplicity: np.ndarray
    prior: np.ndarray

    @classmethod
    def of(
        cls, log_like: np.ndarray, multiplicity: np.ndarray, prior: np.ndarray, log_prior: np.ndarray
    ) -> GroupTarget:
        """Return the target of log-likelihoods ``(offsets, bins, components)`` and the log prior of the offsets."""
        peak = log_like.max(axis=2)
        return cls(np.exp(log_like - peak[:, :, None]), peak @ multiplicity + log_prior, multiplicity, prior)

    def log_density(self, log_shares: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """Return the log posterior, up to a constant, in softmax coordinates; minus infinity off the grid."""
        shares = np.exp(log_shares)
        if len(nodes) * self.like[0].size <= _AT_ONCE:
            height = mixture_heights(self._by_component, self.base, self.multiplicity, shares, nodes)
            return height + log_shares @ self.prior
        # Single precision is off by less than 0.01 in the sum over 100,000 cells, and takes a third of the time.
        height = np.full(len(nodes), -np.inf)
        narrow, multiplicity = shares.astype(np.float32), self.multiplicity.astype(np.float32)
        for node in np.unique(nodes[(nodes >= 0) & (nodes < len(self.base))]):
            here = nodes == node
            mixture = narrow[here] @ self._narrow[node].T
            np.log(np.maximum(mixture, _TINY, out=mixture), out=mixture)
            height[here] = mixture @ multiplicity + self.base[node]
        return height + log_shares @ self.prior

    @cached_property
    def _by_component(self) -> np.ndarray:
        return np.ascontiguousarray(self.like.transpose(0, 2, 1))

    @cached_property
    def _narrow(self) -> np.ndarray:
        return self.like.astype(np.float32)


def component_posterior(log_like: np.ndarray, shares: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return the component probabilities of each bin, averaged over draws; shape ``(bins, components)``."""
    total = np.zeros(log_like.shape[1:])
    for node in np.unique(nodes):
        here = shares[nodes == node]
        like = np.exp(log_like[node] - log_like[node].max(axis=1, keepdims=True))
        total += like * ((1 / (here @ like.T)).T @ here)
    return total / total.sum(axis=1, keepdims=True)


def resample(log_weight: np.ndarray, rng: np.random.Generator, *, likelihoods: int) -> np.ndarray:
    """Return the indices of equally weighted draws, the weights flattened where too few draws hold them.

    ``likelihoods`` is how many terms the posterior of one draw has: bins times components.
    """
    kept = int(np.clip(_KEPT_LIKELIHOODS // likelihoods, _LEAST_KEPT, _MOST_KEPT))
    flat = log_weight.ravel()
    power = 1.0
    weight = np.exp(flat - log_sum(flat))
    while effective_number(power * flat) < min(_LEAST_START, len(flat) / 4) and power > 1e-3:
        power /= 2
        weight = np.exp(power * flat - log_sum(power * flat))
    cumulative = np.cumsum(weight)
    positions = (np.arange(kept) + rng.random()) / kept
    return np.minimum(np.searchsorted(cumulative, positions * cumulative[-1]), len(flat) - 1)


def effective_number(log_weight: np.ndarray) -> float:
    """Return how many equally weighted draws weighted ones are worth."""
    flat = log_weight.ravel()
    return float(np.exp(2 * log_sum(flat) - log_sum(2 * flat)))


def move(
    target: GroupTarget, log_shares: np.ndarray, nodes: np.ndarray, effective: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return draws moved towards and along the posterior.

    Parameters
    ----------
    target
        The posterior.
    log_shares, nodes
        Shapes ``(draws, components)`` and ``(draws,)``: the draws to start from.
    effective
        How many importance draws they are worth.
    rng
        Source of the moves.

    Returns
    -------
    log shares and nodes of as many draws.

    References
    ----------
    ter Braak 2006, Statistics and Computing 16:239 (differential evolution Markov chain).
    """
    order = rng.permutation(len(nodes))
    log_shares, nodes = log_shares[order], nodes[order]
    height = target.log_density(log_shares, nodes)
    half = len(nodes) // 2
    halves = (np.arange(half), np.arange(half, len(nodes)))
    for _ in range(_SWEEPS_FROM_FEW if effective < _FEW else _SWEEPS):
        # one half moves by differences within the other, so that a move does not change what it is drawn from
        for moving, still in (halves, halves[::-1]):
            new_shares, new_nodes = _proposal(log_shares, nodes, moving, still, rng)
            new_height = target.log_density(new_shares, new_nodes)
            accepted = np.log(rng.random(len(moving))) < new_height - height[moving]
            taken = moving[accepted]
            log_shares[taken], nodes[taken], height[taken] = (
                new_shares[accepted], new_nodes[accepted], new_height[accepted],
            )  # fmt: skip
    return log_shares, nodes


def _proposal(
    log_shares: np.ndarray, nodes: np.ndarray, moving: np.ndarray, still: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return symmetric proposals: a difference of all coordinates, or of one share against the rest."""
    n, components = len(moving), log_shares.shape[1]
    one, other = still[rng.integers(len(still), size=n)], still[rng.integers(len(still), size=n)]
    # mostly the length that suits a normal posterior of five coordinates, at times a short or a full step
    length = np.array([0.75, 0.225, 1.0])[np.searchsorted([0.6, 0.9], rng.random(n))]
    single = rng.random(n) < 0.3
    which = rng.integers(components, size=n)
    jitter = 1e-3 * rng.standard_normal((n, components))
    # the offset lies on a grid; rounding at random, alike in both directions, keeps the proposal symmetric
    return stepped(log_shares, nodes, moving, one, other, length, single, which, jitter, rng.random(n))
