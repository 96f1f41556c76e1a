"""From likelihoods of cells to draws of the shares in each group: found on a grid of offsets, drawn, moved.

What :class:`her2plastic.models.OrderedCounts` and :class:`her2plastic.models.OrderedIntensities` have in common.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from her2plastic.models.share_moves import ENOUGH, GroupTarget, component_posterior, effective_number, move, resample
from her2plastic.models.share_posterior import (
    CohortOffset,
    GroupDraws,
    OffsetEvidence,
    OffsetPrior,
    SharePosterior,
    draw_group,
    pool_groups,
    weighted_quantile,
)

#: Draws that only have to show where a group's offset lies.
_LOCATING_DRAWS = 3000


@dataclass(frozen=True)
class ShareIntervals:
    """Shares of the states in each group, with credible intervals; arrays of shape ``(groups, states)``."""

    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    level: float


def locate_groups(
    cells: Iterable[tuple[np.ndarray, np.ndarray]],
    prior: np.ndarray,
    log_prior: np.ndarray,
    rng: np.random.Generator,
    *,
    offsets: np.ndarray,
    offset_prior: OffsetPrior,
) -> CohortOffset:
    """Find where the cohort's and the groups' offsets lie.

    Parameters
    ----------
    cells
        Per group: log-likelihoods ``(offsets, bins, components)`` and the cells in each bin.
    prior
        Dirichlet parameters of the components.
    log_prior
        Log prior of each offset.
    rng
        Source of the draws.
    offsets
        The grid.
    offset_prior
        Spread of the offsets.

    Returns
    -------
    The posterior of the offsets.
    """
    evidence = tuple(locate_group(log_like, multiplicity, prior, log_prior, rng) for log_like, multiplicity in cells)
    return pool_groups(evidence, offsets=offsets, offset_prior=offset_prior)


def locate_group(
    log_like: np.ndarray, multiplicity: np.ndarray, prior: np.ndarray, log_prior: np.ndarray, rng: np.random.Generator
) -> OffsetEvidence:
    """Return what the cells of one group say about its offset; arguments as of :func:`draws_of_group`."""
    return draw_group(log_like, multiplicity, prior, log_prior, rng, n_total=_LOCATING_DRAWS).evidence


def pool_runs(log_like: np.ndarray, multiplicity: np.ndarray, runs: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean log-likelihood ``(offsets, runs, components)`` and the cells of runs of neighbouring bins.

    ``runs`` holds the first bin of each run, or is None where every bin stays as it is.
    """
    if runs is None or len(runs) == len(multiplicity):
        return log_like, multiplicity
    cells = np.add.reduceat(multiplicity, runs)
    return np.add.reduceat(log_like * multiplicity[:, None], runs, axis=1) / cells[:, None], cells


def draws_of_group(
    log_like: np.ndarray,
    multiplicity: np.ndarray,
    prior: np.ndarray,
    log_prior: np.ndarray,
    rng: np.random.Generator,
    *,
    runs: np.ndarray | None = None,
) -> tuple[GroupDraws, np.ndarray, float]:
    """Draw shares and offset of one group.

    Parameters
    ----------
    log_like
        Shape ``(offsets, bins, components)``.
    multiplicity
        Cells in each bin.
    prior
        Dirichlet parameters of the components.
    log_prior
        Log prior of each offset.
    rng
        Source of the draws.
    runs
        First bins of runs that are pooled while shares are drawn; None to pool none.

    Returns
    -------
    Equally weighted draws, the component probabilities of each bin, and the effective number of importance draws.
    """
    bins_like = log_like
    log_like, multiplicity = pool_runs(log_like, multiplicity, runs)
    drawn = draw_group(log_like, multiplicity, prior, log_prior, rng)
    log_weight = drawn.log_weight + log_prior[drawn.nodes][:, None]
    chosen = resample(log_weight, rng, likelihoods=log_like[0].size)
    log_shares = drawn.log_shares.reshape(-1, len(prior))[chosen]
    nodes = np.repeat(drawn.nodes, drawn.log_weight.shape[1])[chosen]
    target = GroupTarget.of(log_like, multiplicity, prior, log_prior)
    effective = effective_number(log_weight)
    if effective < ENOUGH:
        log_shares, nodes = move(target, log_shares, nodes, effective, rng)
    draws = GroupDraws(nodes, log_shares[:, None, :], np.zeros((len(nodes), 1)))
    return draws, component_posterior(bins_like, np.exp(log_shares), nodes), effective


def share_intervals(posterior: SharePosterior, membership: np.ndarray, level: float) -> ShareIntervals:
    """Return the share of each state in each group with equal-tailed credible intervals.

    Parameters
    ----------
    posterior
        Draws of each group.
    membership
        Components by states, 0 or 1.
    level
        Probability that an interval holds.

    Returns
    -------
    Means and bounds in the order of the groups.
    """
    shape = (len(posterior.groups), membership.shape[1])
    mean, lower, upper = np.empty(shape), np.empty(shape), np.empty(shape)
    for g, (group, weights) in enumerate(zip(posterior.groups, posterior.weights, strict=True)):
        by_state = (np.exp(group.log_shares) @ membership).reshape(-1, shape[1])
        flat = weights.ravel()
        mean[g] = flat @ by_state
        for k in range(shape[1]):
            lower[g, k] = weighted_quantile(by_state[:, k], flat, (1 - level) / 2)
            upper[g, k] = weighted_quantile(by_state[:, k], flat, (1 + level) / 2)
    return ShareIntervals(mean, lower, upper, level)
