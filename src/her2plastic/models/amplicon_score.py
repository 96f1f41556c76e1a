"""Amplification of 17q12 from counts of ERBB2's neighbours, in each cell and in all cells of a donor together.

Per cell the core counts are negative binomial around ``rate * depth * activity``. ``activity`` is how much the flanks
of that cell exceed what its depth lets expect, drawn towards 1 where they hold few counts, and never beyond one
doubling either way: in breast lines with an amplified ERBB2 the nearest flanks (MED1, CDK12) are often amplified as
well, and a free ratio to the flanks would hide the amplicon.

Per donor, cells are amplified with an unknown share. Half of the prior says that the share is 0, the other half that it
is anything; so the prior alone never decides, and a donor's cells decide together for the cells with few counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import minimize

from her2plastic.models.log_sums import log_sum
from her2plastic.models.shrunken_rate import LN2, RateSpread, evenly_spaced, fit_dispersion, negative_binomial_log_pmf

#: log2 rise of the core in amplified cells: wide, from 3-fold up. Amplified breast lines lie about 4 above the others.
FOLD_MEAN, FOLD_SD = 3.0, 1.0
FOLDS = np.arange(1.5, 5.01, 0.5)
#: log2 shift of a donor's own baseline: in lines without amplification the core varies by about 0.5-0.6.
DONOR_SD = 0.5
#: In fine steps: a baseline between two nodes would pass for a mixture of cells in a donor with many of them.
STEP = 0.125
DONOR_SHIFTS = np.arange(-1.25, 1.26, STEP)
SHIFTS = np.arange(DONOR_SHIFTS[0], DONOR_SHIFTS[-1] + FOLDS[-1] + 0.01, STEP)
#: Share of amplified cells in a donor: 0, or any.
SHARES = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
PRIOR_AMPLIFIED_DONOR = 0.5
#: Prior of the shown score: any cell, amplified or not.
SCORE_SPREAD = RateSpread(0.0, 2.0 * LN2)
#: The flanks may move the expectation by this factor at most.
ACTIVITY_LIMIT = 2.0
#: Cells that a fit or a donor's pool looks at. More would not teach a donor's state, only the errors of the model.
MAX_CELLS_FIT = 5_000
MAX_CELLS_DONOR = 500
_CHUNK = 10_000


@dataclass(frozen=True)
class AmpliconBaseline:
    """What cells without amplification show on one assay.

    Parameters
    ----------
    core_rate, flank_rate
        Counts in the core and in the flanks per count of depth.
    core_dispersion, flank_dispersion
        Relative variance between cells beyond counting noise.
    """

    core_rate: float
    flank_rate: float
    core_dispersion: float
    flank_dispersion: float

    def expected(self, flank: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the core counts expected without amplification, and the negative binomial size around them."""
        shape = 1.0 / self.flank_dispersion
        activity = (shape + flank) / (shape + self.flank_rate * depth)
        activity = np.clip(activity, 1.0 / ACTIVITY_LIMIT, ACTIVITY_LIMIT)
        return self.core_rate * depth * activity, 1.0 / (self.core_dispersion + 1.0 / (shape + flank))


def fit_baseline(
    core: np.ndarray, flank: np.ndarray, depth: np.ndarray, *, known_normal: np.ndarray | None = None
) -> AmpliconBaseline:
    """Estimate what cells without amplification show.

    Parameters
    ----------
    core, flank, depth
        Counts per cell in the core genes, in the flank genes, and in all genes.
    known_normal
        Mask of cells known not to be amplified. With it only they are used; without it the lower part of a mixture of
        cells with and without amplification.

    Returns
    -------
    The baseline: maximum a posteriori of a two-part negative binomial mixture.
    """
    use = np.arange(core.size) if known_normal is None else np.flatnonzero(known_normal)
    use = evenly_spaced(use, MAX_CELLS_FIT)
    core, flank, depth = core[use], flank[use], depth[use]
    flank_rate = float(flank.sum() / depth.sum())
    flank_dispersion = fit_dispersion(flank, flank_rate * depth)
    folds, log_fold_weights = _fold_prior()

    def unpack(theta: np.ndarray) -> AmpliconBaseline:
        return AmpliconBaseline(float(np.exp(theta[0])), flank_rate, float(np.exp(theta[1])), flank_dispersion)

    def loss(theta: np.ndarray) -> float:
        expected, size = unpack(theta).expected(flank, depth)
        log_normal = negative_binomial_log_pmf(core, expected, size)
        # Weak prior: a dispersion of about 0.3, within a factor of 7.
        penalty = 0.5 * (theta[1] - np.log(0.3)) ** 2
        if known_normal is not None:
            return penalty - float(log_normal.sum())
        log_raised = log_sum(_log_pmf_at(core, expected, size, folds) + log_fold_weights, axis=1)
        log_share, log_rest = -np.logaddexp(0.0, -theta[2]), -np.logaddexp(0.0, theta[2])
        mixed = np.logaddexp(log_rest + log_normal, log_share + log_raised)
        # Beta(1.5, 4) on the share of amplified cells: fewer than half, unless the counts say more.
        return penalty - float(mixed.sum()) - 0.5 * log_share - 3.0 * log_rest

    pooled = np.log(max(core.sum(), 0.5) / depth.sum())
    starts = [pooled] if known_normal is not None else [pooled, pooled - 1.0, pooled - 2.0]
    fits = [minimize(loss, (start, np.log(0.3), -2.0), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-3})
            for start in starts]  # fmt: skip
    return unpack(min(fits, key=lambda fit: fit.fun).x)


@dataclass(frozen=True)
class DonorEvidence:
    """What the cells of one donor say together.

    Parameters
    ----------
    log_bayes_factor
        Natural logarithm of the evidence for some amplified cells against none.
    amplified_share
        Posterior mean of the share of amplified cells.
    probability
        Per cell, posterior of amplification given all cells of the donor.
    """

    log_bayes_factor: float
    amplified_share: float
    probability: np.ndarray


def own_probability(core: np.ndarray, expected: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the posterior of amplification from each cell alone.

    Parameters
    ----------
    core
        Core counts.
    expected, size
        From :meth:`AmpliconBaseline.expected`.

    Returns
    -------
    One probability per cell; the prior share of amplified cells where a cell shows nothing.
    """
    prior = PRIOR_AMPLIFIED_DONOR * SHARES[1:].mean()
    log_weights = _setting_log_prior()
    probability = np.empty(core.size)
    for part in _chunks(core.size):
        log_normal, log_raised = _per_setting(core[part], expected[part], size[part])
        raised = np.log(prior) + log_sum(log_raised + log_weights, axis=1)
        normal = np.log1p(-prior) + log_sum(log_normal + log_weights, axis=1)
        probability[part] = np.exp(raised - np.logaddexp(raised, normal))
    return probability


def pool_donor(core: np.ndarray, expected: np.ndarray, size: np.ndarray) -> DonorEvidence:
    """Return the posterior of amplification of a donor's cells, each in the light of all of them.

    Parameters
    ----------
    core
        Core counts of the donor's CTCs.
    expected, size
        From :meth:`AmpliconBaseline.expected`.

    Returns
    -------
    The evidence, integrated over the donor's own baseline, the fold of the amplicon and the share of amplified cells.
    """
    used = evenly_spaced(np.arange(core.size), MAX_CELLS_DONOR)
    log_normal, log_raised = _per_setting(core[used], expected[used], size[used])
    log_evidence = np.stack([_mix(log_normal, log_raised, share).sum(axis=0) for share in SHARES])
    log_evidence += _setting_log_prior()
    log_none = log_sum(log_evidence[0])
    log_some = log_sum(log_evidence[1:]) - np.log(SHARES.size - 1)
    log_evidence[0] += np.log1p(-PRIOR_AMPLIFIED_DONOR)
    log_evidence[1:] += np.log(PRIOR_AMPLIFIED_DONOR / (SHARES.size - 1))
    weights = np.exp(log_evidence - log_sum(log_evidence))
    probability = np.zeros(core.size)
    for part in _chunks(core.size):
        log_normal, log_raised = _per_setting(core[part], expected[part], size[part])
        for share, weight in zip(SHARES, weights, strict=True):
            matters = np.flatnonzero(weight > 1e-6)
            if share > 0 and matters.size:
                mixed = _mix(log_normal[:, matters], log_raised[:, matters], share)
                probability[part] += np.exp(log_raised[:, matters] - mixed) @ (weight[matters] * share)
    return DonorEvidence(float(log_some - log_none), float(weights.sum(axis=1) @ SHARES), np.clip(probability, 0, 1))


def _chunks(n_cells: int) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, n_cells, _CHUNK)]


def _mix(log_normal: np.ndarray, log_raised: np.ndarray, share: float) -> np.ndarray:
    if share == 0:
        return log_normal
    if share == 1:
        return log_raised
    return np.logaddexp(np.log1p(-share) + log_normal, np.log(share) + log_raised)


def _log_pmf_at(core: np.ndarray, expected: np.ndarray, size: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return log P(core) at each log2 shift of the expectation: cells x shifts."""
    return negative_binomial_log_pmf(core[:, None], expected[:, None] * np.exp2(shifts), size[:, None])


def _per_setting(core: np.ndarray, expected: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log-likelihoods without and with amplification: cells x (donor shifts x folds)."""
    table = _log_pmf_at(core, expected, size, SHIFTS)
    shift, fold = np.meshgrid(np.arange(DONOR_SHIFTS.size), FOLDS, indexing="ij")
    raised = np.rint((DONOR_SHIFTS[shift] + fold - SHIFTS[0]) / STEP).astype(int)
    return table[:, shift.ravel()], table[:, raised.ravel()]


def _fold_prior() -> tuple[np.ndarray, np.ndarray]:
    return FOLDS, _log_normal_weights(FOLDS, FOLD_MEAN, FOLD_SD)


@cache
def _setting_log_prior() -> np.ndarray:
    shifts = _log_normal_weights(DONOR_SHIFTS, 0.0, DONOR_SD)
    return (shifts[:, None] + _log_normal_weights(FOLDS, FOLD_MEAN, FOLD_SD)).ravel()


def _log_normal_weights(values: np.ndarray, mean: float, sd: float) -> np.ndarray:
    log_weights = -0.5 * ((values - mean) / sd) ** 2
    return log_weights - log_sum(log_weights)
