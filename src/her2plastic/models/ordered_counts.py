"""HER2 states from counts: ordered log-normal components under negative binomial noise, with donors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.models.count_noise import (
    STEPS_PER_DOUBLING,
    CountNoise,
    LikelihoodTable,
    depth_step,
    log_likelihood,
    nearest_level,
)
from her2plastic.models.expression_scale import ExpressionScale
from her2plastic.models.group_shares import ShareIntervals, draws_of_group, locate_group, pool_runs, share_intervals
from her2plastic.models.one_thread import one_thread
from her2plastic.models.share_posterior import (
    CohortOffset,
    GroupDraws,
    OffsetPrior,
    SharePosterior,
    log_normal,
    pool_groups,
)

_OFFSET_NODES = 41
_OFFSET_RANGE_SD = 4.5
#: Offsets of one group lie on a grid so many times as fine as the table; values between its columns are interpolated.
_FINER = 8
_FINE_NODES = 24
_COUNTED_UP_TO = 20_000_000
#: The cells of a group say no more about its shares than so many: beyond, the grid, and what is known of the scale,
#: are coarser than the cells are many, and intervals would be narrower than their errors.
MOST_CELLS = 6000
#: With more bins than so many, neighbouring depths of one count, within half a doubling, share their mean
#: log-likelihood while shares are drawn. The cells' own posteriors are computed bin by bin.
_FEW_BINS = 500
_POOLED_STEPS = STEPS_PER_DOUBLING // 2
#: Cells of a new donor whose probabilities are computed at once.
_AT_ONCE = 4096
#: Where so many of them share a depth, on average, each depth is computed by itself.
_FEW_OF_A_DEPTH = 8


@dataclass(frozen=True)
class _Fitted:
    """A fit, with the digest of everything that it follows from."""

    recipe: str
    posterior: SharePosterior
    cell_posterior: np.ndarray


class OrderedCounts:
    """Mixture of ordered expression states for counts with their depth.

    A cell of donor ``d`` has component ``k`` with probability ``p[d, k]``; its log2 expression is normal around
    ``mean[k] + b[d]``; its count is negative binomial given expression and depth. ``p`` and ``b`` are integrated out
    under a prior that is common to the donors (see :mod:`her2plastic.models.share_posterior`). The likelihood depends
    on count and depth alone, so cells are binned and a million cost little more than a thousand.

    Parameters
    ----------
    scale
        Where the states lie.
    noise
        Noise of the assay.
    cohort_sd
        How far the assay as a whole may be off the scale, log2.
    seed
        Seed of the draws. Those of a group follow from the seed and the group's cells.

    Attributes
    ----------
    groups_
        The groups, sorted.
    cell_posterior_
        Shape ``(cells, states)``; rows sum to 1.
    posterior_
        The joint posterior of shares and offsets.

    Examples
    --------
    >>> import her2plastic as hp
    >>> model = hp.models.OrderedCounts(hp.tl.shipped_scale(), hp.models.CountNoise())
    >>> fit = model.fit([0, 0, 800], depth=[2e3, 2e5, 2e5])
    >>> fit.cell_posterior_.round(1).tolist()  # HER2-0, low, positive
    [[0.6, 0.3, 0.1], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]]
    """

    # States are called and then their shares asked for, of the same cells: the second fit would be the first again.
    _last: ClassVar[_Fitted | None] = None

    def __init__(self, scale: ExpressionScale, noise: CountNoise, *, cohort_sd: float = 0.0, seed: int = 0) -> None:
        self.scale = scale
        self.noise = noise
        if not (np.isfinite(cohort_sd) and cohort_sd >= 0):
            raise ParameterError(f"cohort_sd={cohort_sd!r}: expected a number of at least 0")
        self.cohort_sd = cohort_sd
        self.seed = seed

    def fit(self, counts: np.ndarray, depth: np.ndarray, groups: np.ndarray | None = None) -> OrderedCounts:
        """Fit shares and offsets and compute the posterior of every cell.

        Parameters
        ----------
        counts
            Shape ``(cells,)``: molecules of the gene, not below 0; whole, or molecule equivalents of reads.
        depth
            Shape ``(cells,)``: all molecules, above 0.
        groups
            Shape ``(cells,)``: donor of each cell; None for a single one.

        Returns
        -------
        Itself.

        Raises
        ------
        ParameterError
            Counts or depths that are negative, not finite, or of different lengths; no cells.
        """
        counts, depth = _checked(counts, depth)
        labels = np.zeros(len(counts), dtype=np.int64) if groups is None else np.asarray(groups)
        if labels.shape != counts.shape:
            raise ParameterError(
                f"groups must hold one donor for each of {len(counts)} cells, has shape {labels.shape}"
            )
        with one_thread():
            self._fit(counts, depth, labels)
        return self

    def _fit(self, counts: np.ndarray, depth: np.ndarray, labels: np.ndarray) -> None:
        self.groups_, group_index, _ = _distinct(labels)
        recipe = self._recipe(counts, depth, group_index)
        last = OrderedCounts._last
        if last is None or last.recipe != recipe:
            last = OrderedCounts._last = _Fitted(recipe, *self._found(counts, depth, group_index))
        self.posterior_, self.cell_posterior_ = last.posterior, last.cell_posterior.copy()

    def _recipe(self, *data: np.ndarray) -> str:
        """Return the digest of everything that a fit follows from."""
        digest = hashlib.sha256(repr((self.scale, self.noise, self.cohort_sd, self.seed)).encode())
        for values in data:
            digest.update(f"{values.dtype} {values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()

    def _found(
        self, counts: np.ndarray, depth: np.ndarray, group_index: np.ndarray
    ) -> tuple[SharePosterior, np.ndarray]:
        """Return the joint posterior of shares and offsets, and the posterior of every cell."""
        self._prepare(counts, depth)
        bins, inverse, multiplicity = self._bin(counts, depth, group_index)
        members = np.split(np.arange(len(bins)), np.searchsorted(bins[:, 0], np.arange(1, len(self.groups_))))
        runs = [_runs(bins[m]) for m in members]
        contents = [_content(bins[m], multiplicity[m]) for m in members]
        # groups of like cells, such as single empty ones, have the same posterior: it is drawn once
        first: dict[bytes, int] = {}
        place = [first.setdefault(content, g) for g, content in enumerate(contents)]
        located = self._locate(
            {
                g: (bins[members[g]], multiplicity[members[g]], runs[g], self._rng(content, 0))
                for content, g in first.items()
            },
            place,
        )
        found = {
            g: self._draw(located, g, bins[members[g]], multiplicity[members[g]], runs[g], self._rng(content, 1))
            for content, g in first.items()
        }
        by_bin = np.concatenate([found[g][1] for g in place])
        drawn = [found[g][0] for g in place]
        effective = [found[g][2] for g in place]
        cohort = np.zeros(len(self._offsets))
        cohort[self._coarse] = located.weights
        weights = tuple(np.full((len(d.nodes), 1), 1 / len(d.nodes)) for d in drawn)
        posterior = SharePosterior(tuple(drawn), weights, self._offsets, cohort, tuple(effective))
        return posterior, self.scale.to_states(by_bin)[inverse]

    def shares(self, level: float = 0.9) -> ShareIntervals:
        """Return the share of each state in each group with equal-tailed credible intervals.

        Parameters
        ----------
        level
            Probability that the interval holds.

        Returns
        -------
        Means and bounds in the order of ``groups_``.
        """
        return share_intervals(self.posterior_, self.scale.membership, level)

    def predict_proba(self, counts: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return state probabilities of cells of a new donor of this cohort.

        Parameters
        ----------
        counts, depth
            Shape ``(cells,)``, as in :meth:`fit`.

        Returns
        -------
        Shape ``(cells, states)``: under the common prior and the cohort's offset.
        """
        offset = float(self.posterior_.cohort_offset @ self.posterior_.offsets)
        return new_donor_posterior(counts, depth, scale=self.scale, noise=self.noise, offset=offset)

    def _prepare(self, counts: np.ndarray, depth: np.ndarray) -> None:
        """Build the grids of offsets and the likelihood table that covers cells and offsets."""
        reach = _OFFSET_RANGE_SD * OffsetPrior(self.scale.donor_sd, self.cohort_sd).total_sd * STEPS_PER_DOUBLING
        spacing = max(int(np.ceil(reach / (_OFFSET_NODES // 2))), 1)
        if self.scale.donor_sd > 0:  # donors must not fall between the grid's places
            spacing = min(spacing, max(int(self.scale.donor_sd * STEPS_PER_DOUBLING / 2), 1))
        half = max(int(np.ceil(reach / spacing)), 1)
        #: fine grid, whose every 8 * spacing'th place is on the coarse one; one place more on each side
        last = (half + 1) * spacing * _FINER
        self._offsets = np.arange(-last, last + 1) / (_FINER * STEPS_PER_DOUBLING)
        self._coarse = np.arange(1, 2 * half + 2) * spacing * _FINER
        steps = depth_step(depth)
        self._table = LikelihoodTable.build(
            np.array(self.scale.mean_log2_cpm),
            np.array(self.scale.sd_log2),
            self.noise,
            max_count=float(counts.max()),
            depth_steps=(int(steps.min()) - last // _FINER, int(steps.max()) + last // _FINER + 1),
        )

    def _rng(self, content: bytes, stage: int) -> np.random.Generator:
        """Return the source of a group's draws: it does not depend on what other groups there are, or on names."""
        return np.random.default_rng([self.seed, stage, *np.frombuffer(content, dtype=np.uint32).tolist()])

    def _locate(
        self,
        distinct: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray, np.random.Generator]],
        place: list[int],
    ) -> CohortOffset:
        """Find on the coarse grid where the cohort's and the groups' offsets lie.

        ``place`` tells for each group which of the distinct ones has the same cells.
        """
        prior = np.array(self.scale.share_prior)
        offset_prior = OffsetPrior(self.scale.donor_sd, self.cohort_sd)
        offsets = self._offsets[self._coarse]
        log_prior = log_normal(offsets, offset_prior.total_sd)
        evidence = {
            g: locate_group(*pool_runs(self._log_like(bins, self._coarse), multiplicity, runs), prior, log_prior, rng)
            for g, (bins, multiplicity, runs, rng) in distinct.items()
        }
        return pool_groups(tuple(evidence[g] for g in place), offsets=offsets, offset_prior=offset_prior)

    def _draw(
        self,
        located: CohortOffset,
        group: int,
        bins: np.ndarray,
        multiplicity: np.ndarray,
        runs: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[GroupDraws, np.ndarray, float]:
        """Return one group's draws, the component probabilities of its bins, and the effective importance draws."""
        prior = np.array(self.scale.share_prior)
        steps = self._fine_steps(located, group)
        log_prior = located.log_prior(group, self._offsets[steps])
        draws, component_posterior, effective = draws_of_group(
            self._log_like(bins, steps), multiplicity, prior, log_prior, rng, runs=runs
        )
        return GroupDraws(steps[draws.nodes], draws.log_shares, draws.log_weight), component_posterior, effective

    def _fine_steps(self, located: CohortOffset, group: int) -> np.ndarray:
        """Return the places of the fine grid on which one group is drawn."""
        coarse = self._offsets[self._coarse]
        if self.scale.donor_sd < coarse[1] - coarse[0]:  # donors share their offset with the cohort, on its grid
            return self._coarse[located.group_weights[group] > 0]
        low, high = np.searchsorted(self._offsets, located.reach(group))
        stride = max((high - low) // _FINE_NODES, 1)
        return np.arange(max(low, 0), min(high, len(self._offsets) - 1) + 1, stride)

    def _bin(
        self, counts: np.ndarray, depth: np.ndarray, group_index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the distinct (group, count level, depth step), the bin of each cell, and the cells in each bin."""
        level = nearest_level(self._table.count_levels, counts)
        step = depth_step(depth) - self._table.first_depth_step
        n_levels, n_steps = self._table.values.shape[:2]
        key = (group_index.astype(np.int64) * n_levels + level) * n_steps + step
        unique, inverse, multiplicity = _distinct(key)
        bins = np.stack([unique // (n_levels * n_steps), unique // n_steps % n_levels, unique % n_steps], axis=1)
        bins[:, 2] += self._table.first_depth_step
        cells_of_group = np.bincount(bins[:, 0], multiplicity)
        counted = np.minimum(1.0, MOST_CELLS / cells_of_group)
        return bins, inverse, multiplicity * counted[bins[:, 0]]

    def _log_like(self, bins: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return log-likelihoods of bins at places of the fine grid: shape ``(offsets, bins, components)``."""
        column, between = np.divmod(steps - len(self._offsets) // 2, _FINER)
        result = []
        for step, part in zip(column, between / _FINER, strict=True):
            here = self._table.at(bins[:, 1], bins[:, 2], int(step))
            if part:
                here = (1 - part) * here + part * self._table.at(bins[:, 1], bins[:, 2], int(step) + 1)
            result.append(here)
        return np.stack(result)


def _content(bins: np.ndarray, multiplicity: np.ndarray) -> bytes:
    """Return a digest of a group's cells."""
    return hashlib.blake2b(bins[:, 1:].tobytes() + multiplicity.tobytes(), digest_size=16).digest()


def _runs(bins: np.ndarray) -> np.ndarray:
    """Return where runs of bins begin that are pooled while shares are drawn: none where a group has few bins."""
    if len(bins) <= _FEW_BINS:
        return np.arange(len(bins))
    level, step = bins[:, 1], bins[:, 2] // _POOLED_STEPS
    return np.flatnonzero(np.diff(level, prepend=-1) | np.diff(step, prepend=step[0] - 1))


def new_donor_posterior(
    counts: np.ndarray, depth: np.ndarray, *, scale: ExpressionScale, noise: CountNoise, offset: float = 0.0
) -> np.ndarray:
    """Return state probabilities of cells of which only count and depth are known.

    Parameters
    ----------
    counts, depth
        Shape ``(cells,)``.
    scale, noise
        Where the states lie, and the noise of the assay.
    offset
        Offset of the assay from the scale, log2.

    Returns
    -------
    Shape ``(cells, states)``: shares at their prior mean, the spread of donors added to that of cells.
    """
    counts, depth = _checked(counts, depth)
    mean, spread = np.array(scale.mean_log2_cpm) + offset, np.hypot(scale.sd_log2, scale.donor_sd)
    # a cell takes hundreds of numbers on the way, and many have the same count and depth
    pairs, inverse = np.unique(depth + 1j * counts, return_inverse=True)
    of_depth, count = pairs.real, pairs.imag
    found = []
    for part in _parts(of_depth):
        log2_depth = np.log2(of_depth[part])
        one = float(log2_depth[0]) if log2_depth[0] == log2_depth[-1] else log2_depth
        log_joint = log_likelihood(count[part], one, mean, spread, noise)
        log_joint += np.log(scale.share_prior)
        joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
        found.append(scale.to_states(joint / joint.sum(axis=1, keepdims=True)))
    return np.concatenate(found)[inverse]


def _parts(depth: np.ndarray) -> list[slice]:
    """Return parts of the sorted depths: of one depth each where few are different, as on a grid."""
    starts = np.flatnonzero(np.diff(depth, prepend=0.0))
    if len(depth) < _FEW_OF_A_DEPTH * len(starts):
        starts = np.arange(0, len(depth), _AT_ONCE)
    ends = np.append(starts[1:], len(depth))
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct values, the place of each value among them, and their numbers.

    Small whole numbers are counted instead of sorted, which for a million cells is most of the time of a fit.
    """
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() < _COUNTED_UP_TO:
        number = np.bincount(values)
        unique = np.flatnonzero(number)
        place = np.zeros(len(number), dtype=np.int64)
        place[unique] = np.arange(len(unique))
        return unique, place[values], number[unique]
    unique, inverse, number = np.unique(values, return_inverse=True, return_counts=True)
    return unique, inverse, number


def _checked(counts: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts, depth = np.asarray(counts, dtype=float), np.asarray(depth, dtype=float)
    if counts.shape != depth.shape or counts.ndim != 1:
        raise ParameterError(f"counts and depth must be vectors of one length, are {counts.shape} and {depth.shape}")
    if len(counts) == 0:
        raise ParameterError("no cells to fit: counts and depth are empty")
    for name, values, least in (("counts", counts, 0.0), ("depth", depth, np.nextafter(0.0, 1.0))):
        bad = ~(np.isfinite(values) & (values >= least))
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise ParameterError(
                f"{name}[{i}] is {values[i]}: expected finite values {'of at least' if least == 0 else 'above'} 0"
            )
    return counts, depth
