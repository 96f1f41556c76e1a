"""Class shares of groups of cells (donors) from uncertain cells: mixtures with a donor offset and a common prior.

A group has shares ``p`` over the components and an offset ``b`` of its expression scale. Its cells are independent
given both. The posterior is integrated by importance sampling on a grid of offsets: at each offset, half of the draws
come from the Dirichlet prior and half from a Student t at the mode, so that one cell and a million cells are both
served, without tuning and with the same result for the same seed. Groups inform each other through the cohort's offset
(a platform that reads high or low) and through the mean of the common Dirichlet prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln, logsumexp, polygamma

_DRAWS = 256
_EM_STEPS = 60
_T_DEGREES = 5.0
#: The common prior is held to its starting point as if by this many donors of known shares.
_PRIOR_DONORS = 2.0
_POOLING_STEPS = 8
_RESAMPLED = 400


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
    shares
        Shape ``(offsets, draws, components)``.
    log_weight
        Shape ``(offsets, draws)``: likelihood over proposal density, without the priors.
    """

    shares: np.ndarray
    log_weight: np.ndarray


@dataclass(frozen=True)
class SharePosterior:
    """Posterior over all groups.

    Attributes
    ----------
    groups
        Draws of each group.
    weights
        Per group, shape ``(offsets, draws)``, sum 1.
    offsets
        The grid of offsets, log2 units.
    cohort_offset
        Posterior weights of the cohort's offset on the same grid.
    prior
        Dirichlet parameters of the common prior after pooling.
    """

    groups: tuple[GroupDraws, ...]
    weights: tuple[np.ndarray, ...]
    offsets: np.ndarray
    cohort_offset: np.ndarray
    prior: np.ndarray

    def resample(self, group: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return equally weighted draws: offset indices and shares."""
        flat = self.weights[group].ravel()
        positions = (np.arange(_RESAMPLED) + rng.random()) / _RESAMPLED
        chosen = np.minimum(np.searchsorted(np.cumsum(flat), positions), flat.size - 1)
        node, draw = np.unravel_index(chosen, self.weights[group].shape)
        return node, self.groups[group].shares[node, draw]

    def effective_draws(self, group: int) -> float:
        """Return the effective number of draws of a group."""
        return float(1.0 / np.sum(self.weights[group] ** 2))


def draw_group(log_like: np.ndarray, multiplicity: np.ndarray, prior: np.ndarray, rng: np.random.Generator) -> GroupDraws:
    """Draw the shares of one group at every offset.

    Parameters
    ----------
    log_like
        Shape ``(offsets, bins, components)``.
    multiplicity
        Shape ``(bins,)``: cells in each bin.
    prior
        Shape ``(components,)``: Dirichlet parameters.
    rng
        Source of the draws.

    Returns
    -------
    The draws with their weights.
    """
    peak = log_like.max(axis=2, keepdims=True)
    like = np.exp(log_like - peak)
    mode, precision = _mode(like, multiplicity, prior)
    log_shares = _propose(mode, precision, prior, rng)
    log_proposal = _log_proposal(log_shares, mode, precision, prior)
    shares = np.exp(log_shares)
    log_weight = np.empty(shares.shape[:2])
    for j in range(len(shares)):  # one offset at a time bounds the memory
        log_weight[j] = np.log(shares[j] @ like[j].T) @ multiplicity
    log_weight += (peak[:, :, 0] @ multiplicity)[:, None] + _log_dirichlet(log_shares, prior) - log_proposal
    return GroupDraws(shares, log_weight)


def pool_groups(
    groups: tuple[GroupDraws, ...], *, offsets: np.ndarray, offset_prior: OffsetPrior, prior: np.ndarray
) -> SharePosterior:
    """Let the groups inform each other and return the weights of all draws.

    Parameters
    ----------
    groups
        Draws made under ``prior``.
    offsets
        Grid of offsets, log2 units.
    offset_prior
        Spread of the cohort's and the donors' offsets.
    prior
        Dirichlet parameters the draws were made under.

    Returns
    -------
    The joint posterior; exact in the cohort's offset, empirical Bayes in the mean of the common prior.
    """
    between = _log_normal(offsets[:, None] - offsets[None, :], offset_prior.donor_sd)  # (donor offset, cohort offset)
    cohort_prior = _log_normal(offsets, offset_prior.cohort_sd)
    log_shares = [np.log(np.maximum(group.shares, 1e-300)) for group in groups]
    current = prior
    state = None
    for _ in range(_POOLING_STEPS):
        tilt = [
            group.log_weight + _log_dirichlet(logs, current) - _log_dirichlet(logs, prior)
            for group, logs in zip(groups, log_shares, strict=True)
        ]
        state = _weigh(tilt, between, cohort_prior)
        mean_log = [np.einsum("js,jsk->k", w, logs) for w, logs in zip(state[0], log_shares, strict=True)]
        current = _common_prior(np.array(mean_log), prior)
    assert state is not None
    return SharePosterior(groups, tuple(state[0]), offsets, state[1], current)


def weighted_quantile(values: np.ndarray, weights: np.ndarray, probability: float) -> float:
    """Return the quantile of weighted draws."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][min(np.searchsorted(cumulative, probability * cumulative[-1]), len(order) - 1)])


def _mode(like: np.ndarray, multiplicity: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior mode in softmax coordinates at every offset, and the precision there."""
    total = multiplicity.sum() + prior.sum()
    shares = np.tile(prior / prior.sum(), (len(like), 1))
    for _ in range(_EM_STEPS):
        joint = like * shares[:, None, :]
        resp = joint / joint.sum(axis=2, keepdims=True)
        shares = (np.einsum("jbk,b->jk", resp, multiplicity) + prior) / total
    k = len(prior) - 1
    joint = like * shares[:, None, :]
    resp = (joint / joint.sum(axis=2, keepdims=True))[:, :, :k]
    head = shares[:, :k]
    covariance = np.einsum("jk,kl->jkl", head, np.eye(k)) - np.einsum("jk,jl->jkl", head, head)
    within = np.einsum("jbk,kl,b->jkl", resp, np.eye(k), multiplicity) - np.einsum(
        "jbk,jbl,b->jkl", resp, resp, multiplicity
    )
    precision = total * covariance - within
    # Far from convergence the curvature can dip below the prior's, which it never does at a mode.
    values, vectors = np.linalg.eigh(precision)
    floor = 0.5 * prior.sum() * np.linalg.eigvalsh(covariance)[:, :1]
    values = np.maximum(values, np.maximum(floor, 1e-8))
    return shares, np.einsum("jik,jk,jlk->jil", vectors, values, vectors)


def _propose(mode: np.ndarray, precision: np.ndarray, prior: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return log shares, shape ``(offsets, draws, components)``: half from the prior, half around the mode."""
    nodes, components = mode.shape
    half = _DRAWS // 2
    # Gamma draws of a small parameter underflow: log gamma(a) = log gamma(a + 1) + log(uniform) / a
    log_gamma = np.log(rng.gamma(prior + 1, size=(nodes, half, components)))
    log_gamma += np.log(rng.random((nodes, half, components))) / prior
    from_prior = log_gamma - logsumexp(log_gamma, axis=2, keepdims=True)
    normal = rng.standard_normal((nodes, half, components - 1))
    scale = np.sqrt(_T_DEGREES / rng.chisquare(_T_DEGREES, size=(nodes, half, 1)))
    upper = np.linalg.cholesky(precision).transpose(0, 2, 1)
    steps = np.linalg.solve(upper, (normal * scale).transpose(0, 2, 1)).transpose(0, 2, 1)
    centre = np.log(mode[:, :-1]) - np.log(mode[:, -1:])
    logits = np.concatenate([centre[:, None, :] + steps, np.zeros((nodes, half, 1))], axis=2)
    around_mode = logits - logsumexp(logits, axis=2, keepdims=True)
    return np.maximum(np.concatenate([from_prior, around_mode], axis=1), -690.0)


def _log_proposal(log_shares: np.ndarray, mode: np.ndarray, precision: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return the log density of the proposal in softmax coordinates."""
    d = log_shares.shape[2] - 1
    logits = log_shares[:, :, :-1] - log_shares[:, :, -1:]
    steps = logits - (np.log(mode[:, :-1]) - np.log(mode[:, -1:]))[:, None, :]
    distance = np.einsum("jsk,jkl,jsl->js", steps, precision, steps)
    log_det = np.linalg.slogdet(precision)[1][:, None]
    nu = _T_DEGREES
    log_t = gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * np.log(nu * np.pi) + log_det / 2
    log_t = log_t - (nu + d) / 2 * np.log1p(distance / nu)
    return np.logaddexp(log_t, _log_dirichlet(log_shares, prior)) - np.log(2)


def _log_dirichlet(log_shares: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return the Dirichlet log density in softmax coordinates (the Jacobian adds one to each exponent)."""
    return log_shares @ prior + gammaln(prior.sum()) - gammaln(prior).sum()


def _log_normal(x: np.ndarray, sd: float) -> np.ndarray:
    """Return normalised log weights of a normal density on a grid (a point mass when ``sd`` is 0)."""
    log_density = np.where(np.abs(x) < 1e-9, 0.0, -np.inf) if sd == 0 else -0.5 * (x / sd) ** 2
    return log_density - logsumexp(log_density, axis=0)


def _weigh(
    tilt: list[np.ndarray], between: np.ndarray, cohort_prior: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the draws' weights with the cohort's offset integrated out, and the posterior of that offset."""
    evidence = [logsumexp(logsumexp(t, axis=1)[:, None] + between, axis=0) for t in tilt]  # per cohort offset
    log_cohort = cohort_prior + sum(evidence)
    log_cohort -= logsumexp(log_cohort)
    weights = []
    for t, own in zip(tilt, evidence, strict=True):
        others = np.where(np.isfinite(log_cohort), log_cohort - own, -np.inf)
        others -= logsumexp(others)
        log_weight = t + logsumexp(between + others, axis=1)[:, None]
        weights.append(np.exp(log_weight - logsumexp(log_weight)))
    return weights, np.exp(log_cohort)


def _common_prior(mean_log: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return the Dirichlet of the same concentration whose mean fits the groups best.

    The fixed-precision iteration of Minka, Estimating a Dirichlet distribution (2000), with the prior as pseudo-donors.
    """
    concentration = prior.sum()
    target = mean_log.sum(axis=0) + _PRIOR_DONORS * (digamma(prior) - digamma(concentration))
    target /= len(mean_log) + _PRIOR_DONORS
    mean = prior / concentration
    for _ in range(100):
        mean = _inverse_digamma(target - mean @ (target - digamma(concentration * mean)))
        mean /= mean.sum()
    return concentration * mean


def _inverse_digamma(y: np.ndarray) -> np.ndarray:
    """Return the inverse of the digamma function by Newton steps."""
    x = np.where(y >= -2.22, np.exp(y) + 0.5, -1.0 / (y - digamma(1.0)))
    for _ in range(5):
        x = np.maximum(x - (digamma(x) - y) / polygamma(1, x), 1e-12)
    return x
