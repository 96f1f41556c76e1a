"""Class shares of groups of cells (donors) from uncertain cells: mixtures with a donor offset and a common prior.

A group has shares ``p`` over the components and an offset ``b`` of its expression scale. Its cells are independent
given both. A coarse grid of offsets is gone through first, which lets groups inform each other through the cohort's
offset (a platform that reads high or low). Each group is then drawn on a fine grid where its own offset lies, by
importance sampling and moves along the posterior (:mod:`her2plastic.models.share_moves`). At each offset the draws come
from a mixture: a Student t at the mode, the Dirichlet prior, and Dirichlets between the two, so that one cell and a
million cells are both served without tuning, and with the same result for the same seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from her2plastic.models.log_sums import log_sum

#: Draws of a group, spread over the offsets that matter; at least so many at each.
_DRAWS = 3600
_MIN_DRAWS = 96
#: Offsets whose posterior at the mode lies this far below the best (natural log) are left out.
_NEGLIGIBLE = 14.0
_EM_STEPS = 15
_NEWTON_STEPS = 20
#: Newton steps end when none is longer: the mode is where draws are proposed, and need not be exact.
_NEAR_MODE = 1e-3
_T_DEGREES = 5.0
_LEAST_CURVATURE = 0.05
#: Besides the Student t, Dirichlets around the mode that hold these shares of the cells' weight (0 is the prior): along
#: a ridge that the cells leave open (HER2-0 against HER2-low) the posterior is as wide as the prior, across it narrow.
_TEMPERS = (0.0, 0.02, 0.08, 0.3)
_DRAWS_AT_ONCE = 256


@dataclass(frozen=True)
class OffsetPrior:
    """Offsets of the expression scale, in log2 units: of the cohort, and of donors around it."""

    donor_sd: float
    cohort_sd: float

    @property
    def total_sd(self) -> float:
        """Standard deviation of a donor's offset before any data."""
        return float(np.hypot(self.donor_sd, self.cohort_sd))


@dataclass(frozen=True)
class GroupDraws:
    """Weighted draws from the posterior of one group.

    Attributes
    ----------
    nodes
        Shape ``(kept,)``: indices of the offsets that matter.
    log_shares
        Shape ``(kept, draws, components)``.
    log_weight
        Shape ``(kept, draws)``: likelihood and share prior over proposal density, without the prior of the offset.
    """

    nodes: np.ndarray
    log_shares: np.ndarray
    log_weight: np.ndarray

    @property
    def evidence(self) -> OffsetEvidence:
        """What the draws say about the offset."""
        return OffsetEvidence(self.nodes, log_sum(self.log_weight, axis=1))


@dataclass(frozen=True)
class OffsetEvidence:
    """Log evidence of a group at the offsets that matter; both of shape ``(kept,)``."""

    nodes: np.ndarray
    log_evidence: np.ndarray


@dataclass(frozen=True)
class CohortOffset:
    """What the groups say about the offset of the cohort and about each other's.

    Attributes
    ----------
    offsets
        The grid, log2 units.
    weights
        Shape ``(offsets,)``: posterior of the cohort's offset.
    others
        Shape ``(groups, offsets)``: the same without the evidence of one group, log.
    group_weights
        Shape ``(groups, offsets)``: posterior of each group's own offset.
    donor_sd
        Spread of groups around the cohort.
    """

    offsets: np.ndarray
    weights: np.ndarray
    others: np.ndarray
    group_weights: np.ndarray
    donor_sd: float

    def log_prior(self, group: int, offsets: np.ndarray) -> np.ndarray:
        """Return the log prior of one group's offset, given all other groups, at any offsets."""
        distance = offsets[:, None] - self.offsets[None, :]
        if self.donor_sd == 0:
            return log_sum(np.where(np.abs(distance) < 1e-9, 0.0, -np.inf) + self.others[group], axis=1)
        return log_sum(-0.5 * (distance / self.donor_sd) ** 2 + self.others[group], axis=1)

    def reach(self, group: int) -> tuple[float, float]:
        """Return between which offsets a group lies, with room for what the grid is too coarse to show."""
        weights = self.group_weights[group]
        mean = weights @ self.offsets
        spacing = self.offsets[1] - self.offsets[0]
        sd = max(np.sqrt(weights @ (self.offsets - mean) ** 2), spacing / 4)
        kept = self.offsets[weights > 1e-5]
        return max(mean - 5 * sd, kept[0] - spacing), min(mean + 5 * sd, kept[-1] + spacing)


@dataclass(frozen=True)
class SharePosterior:
    """Posterior over all groups.

    Attributes
    ----------
    groups
        Equally weighted draws of each group, one at each place of ``nodes``.
    weights
        Per group, shape ``(kept, draws)``, sum 1.
    offsets
        The grid of offsets, log2 units.
    cohort_offset
        Posterior weights of the cohort's offset on the same grid.
    importance_draws
        Effective number of importance draws of each group, from which the kept draws were moved.
    """

    groups: tuple[GroupDraws, ...]
    weights: tuple[np.ndarray, ...]
    offsets: np.ndarray
    cohort_offset: np.ndarray
    importance_draws: tuple[float, ...]

    def effective_draws(self, group: int) -> float:
        """Return the effective number of importance draws of a group, before they were moved."""
        return self.importance_draws[group]


def draw_group(
    log_like: np.ndarray,
    multiplicity: np.ndarray,
    prior: np.ndarray,
    log_offset_prior: np.ndarray,
    rng: np.random.Generator,
    *,
    n_total: int = _DRAWS,
) -> GroupDraws:
    """Draw the shares of one group at every offset that matters.

    Parameters
    ----------
    log_like
        Shape ``(offsets, bins, components)``.
    multiplicity
        Shape ``(bins,)``: cells in each bin.
    prior
        Shape ``(components,)``: Dirichlet parameters.
    log_offset_prior
        Shape ``(offsets,)``: how likely each offset is before the data.
    rng
        Source of the draws.
    n_total
        Draws over all offsets, about.

    Returns
    -------
    The draws with their weights.
    """
    peak = log_like.max(axis=2)
    like = np.exp(log_like - peak[:, :, None])
    start, height = _approach(like, multiplicity, prior)
    base = peak @ multiplicity + log_offset_prior
    # EM falls short of the mode by a little: what is far below after it stays far below
    nodes = np.flatnonzero(height + base > (height + base).max() - 3 * _NEGLIGIBLE)
    mode, precision, height = _mode(like[nodes], start[nodes], multiplicity, prior)
    height = height + base[nodes] - 0.5 * np.linalg.slogdet(precision)[1]
    near = height > height.max() - _NEGLIGIBLE
    nodes, mode, precision = nodes[near], mode[near], precision[near]
    like = like[nodes]
    parts = len(_TEMPERS) + 2  # the Student t gets two
    n_draws = max(_MIN_DRAWS, n_total // len(nodes)) // parts * parts
    bridges = [prior + temper * multiplicity.sum() * mode for temper in _TEMPERS]
    log_shares = _propose(mode, precision, bridges, n_draws, rng)
    log_proposal = _log_proposal(log_shares, mode, precision, bridges)
    shares = np.exp(log_shares)
    log_weight = np.stack([_log_likelihood(s, l, multiplicity) for s, l in zip(shares, like, strict=True)])
    log_weight += (peak[nodes] @ multiplicity)[:, None] + _log_dirichlet(log_shares, prior) - log_proposal
    # more draws at an offset must not make it more likely
    return GroupDraws(nodes, log_shares, log_weight - np.log(n_draws))


def _log_likelihood(shares: np.ndarray, like: np.ndarray, multiplicity: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of draws; a few at a time, so that the cost in memory does not grow with the bins."""
    blocks = np.array_split(shares, len(shares) // _DRAWS_AT_ONCE + 1)
    return np.concatenate([np.log(block @ like.T) @ multiplicity for block in blocks])


def pool_groups(groups: tuple[OffsetEvidence, ...], *, offsets: np.ndarray, offset_prior: OffsetPrior) -> CohortOffset:
    """Let the groups inform each other.

    Parameters
    ----------
    groups
        Evidence of each group.
    offsets
        Grid of offsets, log2 units.
    offset_prior
        Spread of the cohort's and the donors' offsets.

    Returns
    -------
    The posterior of the cohort's offset and of the groups'.
    """
    between = log_normal(offsets[:, None] - offsets[None, :], offset_prior.donor_sd)  # (donor offset, cohort offset)
    evidence = np.array([log_sum(g.log_evidence[:, None] + between[g.nodes], axis=0) for g in groups])
    log_cohort = log_normal(offsets, offset_prior.cohort_sd) + evidence.sum(axis=0)
    log_cohort -= log_sum(log_cohort)
    possible = np.isfinite(log_cohort)
    others = np.where(possible, log_cohort - np.where(possible, evidence, 0.0), -np.inf)
    weights = np.zeros(evidence.shape)
    for g, group in enumerate(groups):
        log_weight = group.log_evidence + log_sum(between[group.nodes] + others[g], axis=1)
        weights[g, group.nodes] = np.exp(log_weight - log_sum(log_weight))
    return CohortOffset(offsets, np.exp(log_cohort), others, weights, offset_prior.donor_sd)


def weighted_quantile(values: np.ndarray, weights: np.ndarray, probability: float) -> float:
    """Return the quantile of weighted draws."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][min(np.searchsorted(cumulative, probability * cumulative[-1]), len(order) - 1)])


def _approach(like: np.ndarray, multiplicity: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares near the mode at every offset, by EM, which comes near from anywhere, and the log posterior."""
    total = multiplicity.sum() + prior.sum()
    shares = np.tile(prior / prior.sum(), (len(like), 1))
    for _ in range(_EM_STEPS):
        # the responsibilities are not needed one by one, only their sums over the cells
        per_share = (multiplicity / _mixture(like, shares))[:, None, :] @ like
        shares = (shares * per_share[:, 0] + prior) / total
    return shares, _height(like, shares, multiplicity, prior)


def _mode(
    like: np.ndarray, shares: np.ndarray, multiplicity: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the posterior mode in softmax coordinates, the precision and the log posterior there.

    Damped Newton steps, which converge where EM would creep.
    """
    height = _height(like, shares, multiplicity, prior)
    damping = np.ones(len(like))
    for _ in range(_NEWTON_STEPS):
        gradient, precision = _curvature(like, shares, multiplicity, prior)
        step = np.linalg.solve(precision, gradient[:, :, None])[:, :, 0]
        length = np.abs(step).max(axis=1)
        step *= (damping / np.maximum(length, 1.0))[:, None]
        logits = np.log(shares)
        logits[:, :-1] += step
        moved = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        moved_height = _height(like, moved, multiplicity, prior)
        better = moved_height >= height
        shares = np.where(better[:, None], moved, shares)
        height = np.where(better, moved_height, height)
        damping = np.where(better, np.minimum(2 * damping, 1.0), damping / 4)
        if (length < _NEAR_MODE).all():
            break
    return shares, _curvature(like, shares, multiplicity, prior)[1], height


def _mixture(like: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the likelihood of every bin under one mixture an offset; shape ``(offsets, bins)``."""
    return (like @ shares[:, :, None])[:, :, 0]


def _height(like: np.ndarray, shares: np.ndarray, multiplicity: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return the log posterior in softmax coordinates at every offset."""
    return np.log(_mixture(like, shares)) @ multiplicity + _log_dirichlet(np.log(shares), prior)


def _curvature(
    like: np.ndarray, shares: np.ndarray, multiplicity: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient and (made positive definite) precision of the log posterior in softmax coordinates."""
    k = len(prior) - 1
    total = multiplicity.sum() + prior.sum()
    resp = like[:, :, :k] * (shares[:, None, :k] / _mixture(like, shares)[:, :, None])
    head = shares[:, :k]
    weighted = resp * multiplicity[None, :, None]
    expected = weighted.sum(axis=1)
    covariance = head[:, :, None] * np.eye(k) - head[:, :, None] * head[:, None, :]
    within = expected[:, :, None] * np.eye(k) - weighted.transpose(0, 2, 1) @ resp
    values, vectors = np.linalg.eigh(total * covariance - within)
    # Away from a mode the curvature can vanish or turn; at one it is the prior's at least.
    values = np.maximum(values, _LEAST_CURVATURE)
    gradient = expected + prior[:k] - total * head
    return gradient, np.einsum("jik,jk,jlk->jil", vectors, values, vectors)


def _propose(
    mode: np.ndarray, precision: np.ndarray, bridges: list[np.ndarray], n_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Return log shares ``(offsets, draws, components)``: equal parts from each Dirichlet, two from the Student t."""
    nodes, components = mode.shape
    part = n_draws // (len(bridges) + 2)
    drawn = []
    for bridge in bridges:
        alpha = bridge.reshape(-1, 1, components)
        # Gamma draws of a small parameter underflow: log gamma(a) = log gamma(a + 1) + log(uniform) / a
        log_gamma = np.log(rng.gamma(np.broadcast_to(alpha + 1, (nodes, part, components))))
        log_gamma += np.log(rng.random((nodes, part, components))) / alpha
        drawn.append(log_gamma - log_sum(log_gamma, axis=2, keepdims=True))
    normal = rng.standard_normal((nodes, 2 * part, components - 1))
    scale = np.sqrt(_T_DEGREES / rng.chisquare(_T_DEGREES, size=(nodes, 2 * part, 1)))
    upper = np.linalg.cholesky(precision).transpose(0, 2, 1)
    steps = np.linalg.solve(upper, (normal * scale).transpose(0, 2, 1)).transpose(0, 2, 1)
    centre = np.log(mode[:, :-1]) - np.log(mode[:, -1:])
    logits = np.concatenate([centre[:, None, :] + steps, np.zeros((nodes, 2 * part, 1))], axis=2)
    drawn.append(logits - log_sum(logits, axis=2, keepdims=True))
    return np.maximum(np.concatenate(drawn, axis=1), -690.0)


def _log_proposal(
    log_shares: np.ndarray, mode: np.ndarray, precision: np.ndarray, bridges: list[np.ndarray]
) -> np.ndarray:
    """Return the log density of the proposal in softmax coordinates."""
    d = log_shares.shape[2] - 1
    logits = log_shares[:, :, :-1] - log_shares[:, :, -1:]
    steps = logits - (np.log(mode[:, :-1]) - np.log(mode[:, -1:]))[:, None, :]
    distance = np.einsum("jsk,jkl,jsl->js", steps, precision, steps)
    log_det = np.linalg.slogdet(precision)[1][:, None]
    nu = _T_DEGREES
    log_t = gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * np.log(nu * np.pi) + log_det / 2
    parts = [log_t - (nu + d) / 2 * np.log1p(distance / nu) + np.log(2)]
    parts += [_log_dirichlet(log_shares, bridge) for bridge in bridges]
    return log_sum(np.stack(parts), axis=0) - np.log(len(bridges) + 2)


def _log_dirichlet(log_shares: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the Dirichlet log density in softmax coordinates (the Jacobian adds one to each exponent).

    ``alpha`` is one vector, or one for each offset.
    """
    norm = gammaln(alpha.sum(axis=-1)) - gammaln(alpha).sum(axis=-1)
    if alpha.ndim == 1:
        return log_shares @ alpha + norm
    return np.einsum("jsk,jk->js", log_shares, alpha) + norm[:, None]


def log_normal(x: np.ndarray, sd: float) -> np.ndarray:
    """Return normalised log weights of a normal density on a grid (a point mass when ``sd`` is 0)."""
    log_density = np.where(np.abs(x) < 1e-9, 0.0, -np.inf) if sd == 0 else -0.5 * (x / sd) ** 2
    return log_density - log_sum(log_density, axis=0)
