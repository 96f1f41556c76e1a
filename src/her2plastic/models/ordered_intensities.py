"""HER2 scores from fluorescence: ordered log-normal intensities, with patients that share their cells' distribution."""

from __future__ import annotations

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.models.group_shares import ShareIntervals, draws_of_group, locate_groups, share_intervals
from her2plastic.models.intensity_scale import IntensityScale
from her2plastic.models.one_thread import one_thread
from her2plastic.models.share_posterior import OffsetPrior, SharePosterior, log_normal

#: Intensities are binned by this much, log2: a tenth of the spread of a score.
_BIN = 0.04
_RANGE_SD = 4.0
_MOST_OFFSETS = 81


class OrderedIntensities:
    """Mixture of ordered scores for intensities, some of which are lower bounds.

    A cell of patient ``d`` has score ``k`` with probability ``p[d, k]``; its log2 intensity is normal around
    ``mean[k] + b[d]``. ``p`` and ``b`` are integrated out under a prior common to the patients, as in
    :class:`her2plastic.models.OrderedCounts`.

    Parameters
    ----------
    scale
        Where the scores lie, and how far slides scatter.
    seed
        Seed of the draws.

    Attributes
    ----------
    groups_
        The groups, sorted.
    score_posterior_
        Shape ``(cells, scores)``; rows sum to 1.
    share_mean_
        Shape ``(groups, scores)``: mean share of each score.
    state_likelihood_
        Shape ``(cells, states)``: how likely each state makes the intensity, the offset integrated out; the largest
        of a row is 1. The scores of a state are weighted by their shares in the group.
    posterior_
        The joint posterior of shares and offsets.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> scale = hp.models.IntensityScale("lab", "four cell lines", (1.0, 2.5, 4.0, 6.0), (0.6, 0.6, 0.6, 0.7))
    >>> log2_intensity, slide = np.array([0.8, 2.4, 6.4]), np.zeros(3, dtype=int)
    >>> model = hp.models.OrderedIntensities(scale).fit(log2_intensity, np.zeros(3, dtype=bool), slide)
    >>> model.score_posterior_.round(1)
    array([[1. , 0. , 0. , 0. ],
           [0.2, 0.8, 0. , 0. ],
           [0. , 0. , 0. , 1. ]])
    """

    def __init__(self, scale: IntensityScale, *, seed: int = 0) -> None:
        self.scale = scale
        self.seed = seed

    def fit(self, log2_intensity: np.ndarray, censored: np.ndarray, groups: np.ndarray) -> OrderedIntensities:
        """Fit shares and offsets and compute the posterior of every cell.

        Parameters
        ----------
        log2_intensity
            Shape ``(cells,)``; finite.
        censored
            Shape ``(cells,)``: the value is a lower bound.
        groups
            Shape ``(cells,)``: patient of each cell.

        Returns
        -------
        Itself.

        Raises
        ------
        ParameterError
            Values that are not finite, vectors of different lengths, or no cells.
        """
        x, censored = np.asarray(log2_intensity, dtype=float), np.asarray(censored, dtype=bool)
        if not len(x) or x.shape != censored.shape or x.shape != np.shape(groups) or not np.isfinite(x).all():
            raise ParameterError(
                f"intensities, censored and groups must be finite vectors of one length above 0, are of shapes "
                f"{x.shape}, {censored.shape}, {np.shape(groups)}"
            )
        with one_thread():
            self._fit(x, censored, np.asarray(groups))
        return self

    def shares(self, level: float = 0.9) -> ShareIntervals:
        """Return the share of each state in each group, in the order of ``groups_``, with credible intervals."""
        return share_intervals(self.posterior_, self.scale.membership, level)

    def _fit(self, x: np.ndarray, censored: np.ndarray, groups: np.ndarray) -> None:
        self.groups_, group = np.unique(groups, return_inverse=True)
        key = np.column_stack([group, np.round(x / _BIN).astype(np.int64), censored])
        bins, inverse, multiplicity = np.unique(key, axis=0, return_inverse=True, return_counts=True)
        rng = np.random.default_rng(self.seed)
        prior = np.array(self.scale.share_prior)
        offset_prior = OffsetPrior(self.scale.slide_sd, self.scale.cohort_sd)
        offsets = self._offsets(offset_prior)
        members = [np.flatnonzero(bins[:, 0] == g) for g in range(len(self.groups_))]
        cells = [(self._log_like(bins[m], offsets), multiplicity[m].astype(float)) for m in members]
        located = locate_groups(
            cells, prior, log_normal(offsets, offset_prior.total_sd), rng, offsets=offsets, offset_prior=offset_prior
        )
        by_bin = np.empty((len(bins), len(prior)))
        drawn, effective = [], []
        for g, (m, (log_like, number)) in enumerate(zip(members, cells, strict=True)):
            log_prior = located.log_prior(g, offsets)
            draws, by_bin[m], worth = draws_of_group(log_like, number, prior, log_prior, rng)
            drawn.append(draws)
            effective.append(worth)
        weights = tuple(np.full((len(d.nodes), 1), 1 / len(d.nodes)) for d in drawn)
        self.posterior_ = SharePosterior(tuple(drawn), weights, offsets, located.weights, tuple(effective))
        self.share_mean_ = np.array([np.exp(d.log_shares).mean(axis=(0, 1)) for d in drawn])
        self.score_posterior_ = by_bin[inverse.ravel()]
        by_state = np.empty((len(bins), self.scale.membership.shape[1]))
        for g, (m, (log_like, _)) in enumerate(zip(members, cells, strict=True)):
            within = self.share_mean_[g][:, None] * self.scale.membership
            peak = log_like.max(axis=(0, 2))[:, None]
            by_score = np.einsum("j,jbk->bk", located.group_weights[g], np.exp(log_like - peak))
            by_state[m] = np.maximum(by_score @ (within / within.sum(axis=0)), 1e-300)
        self.state_likelihood_ = (by_state / by_state.max(axis=1, keepdims=True))[inverse.ravel()]

    def _offsets(self, prior: OffsetPrior) -> np.ndarray:
        """Return the grid of offsets: fine enough for one slide, wide enough for the cohort."""
        if prior.total_sd == 0:
            return np.zeros(1)
        reach = _RANGE_SD * prior.total_sd
        step = max(max(prior.donor_sd, prior.total_sd / 8) / 2, 2 * reach / _MOST_OFFSETS)
        half = int(np.ceil(reach / step))
        return np.arange(-half, half + 1) * step

    def _log_like(self, bins: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        x, censored = bins[:, 1] * _BIN, bins[:, 2].astype(bool)
        return np.stack([self.scale.log_likelihood(x, censored, float(offset)) for offset in offsets])
