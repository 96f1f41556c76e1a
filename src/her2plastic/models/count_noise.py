"""How counts scatter around expression: log-normal cells seen through negative binomial noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from her2plastic._errors import ParameterError

#: Nodes of the Gauss-Hermite rule over the log-normal expression of a component.
_QUADRATURE_NODES = 40
#: Steps of the tables, in log2: depth and large counts are smooth on this scale.
_STEP_LOG2 = 0.125
#: Counts up to here have a row of their own; larger ones are interpolated on the log scale.
_EXACT_COUNTS = 16


@dataclass(frozen=True)
class CountNoise:
    """Noise of one assay.

    Parameters
    ----------
    dispersion
        Negative binomial dispersion: variance = mean + dispersion * mean ** 2.
    zero_inflation
        Share of cells in which the gene drops out altogether, whatever its expression.
    ambient_cpm
        Ambient molecules of the gene per million counts, added to every cell.
    """

    dispersion: float = 0.1
    zero_inflation: float = 0.0
    ambient_cpm: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.dispersion) and self.dispersion > 0):
            raise ParameterError(f"dispersion={self.dispersion!r}: expected a number above 0")
        if not 0 <= self.zero_inflation < 1:
            raise ParameterError(f"zero_inflation={self.zero_inflation!r}: expected a share from 0 to below 1")
        if not (np.isfinite(self.ambient_cpm) and self.ambient_cpm >= 0):
            raise ParameterError(f"ambient_cpm={self.ambient_cpm!r}: expected a number of at least 0")


def log_likelihood(
    counts: np.ndarray, log2_depth: np.ndarray, mean_log2: np.ndarray, sd_log2: np.ndarray, noise: CountNoise
) -> np.ndarray:
    """Return the log-likelihood of counts under log-normal components, up to a term without the component.

    Parameters
    ----------
    counts
        Molecules of the gene; broadcast against ``log2_depth``. Need not be whole (molecule equivalents of reads).
    log2_depth
        log2 of all molecules of the cell.
    mean_log2, sd_log2
        Shape ``(components,)``: log2 counts per million.
    noise
        Noise of the assay.

    Returns
    -------
    Shape ``broadcast(counts, log2_depth) + (components,)``.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_QUADRATURE_NODES)
    log_weights = np.log(weights / weights.sum())
    cpm = np.exp2(mean_log2[:, None] + sd_log2[:, None] * nodes) + noise.ambient_cpm
    y = np.asarray(counts, dtype=float)[..., None, None]
    log_mean = np.log(2.0) * (np.asarray(log2_depth, dtype=float)[..., None, None] - np.log2(1e6)) + np.log(cpm)
    log_scaled = log_mean + np.log(noise.dispersion)
    terms = y * log_mean - (y + 1 / noise.dispersion) * np.logaddexp(0.0, log_scaled)
    result = logsumexp(terms + log_weights, axis=-1)
    if noise.zero_inflation:
        result = np.log1p(-noise.zero_inflation) + result
        dropped = np.where(y[..., 0] <= 0, np.log(noise.zero_inflation), -np.inf)
        result = np.logaddexp(result, dropped)
    return result


@dataclass(frozen=True)
class LikelihoodTable:
    """Log-likelihoods on a grid of (count, depth), so that a cell costs a look-up.

    An offset of the expression scale by ``b`` log2 units is the same as a depth ``2 ** b`` times as large, so one
    table serves every offset. The ambient term then moves with the offset, as it does when the offset is the
    platform's.
    """

    count_levels: np.ndarray
    depth_levels: np.ndarray
    values: np.ndarray

    @classmethod
    def build(
        cls,
        mean_log2: np.ndarray,
        sd_log2: np.ndarray,
        noise: CountNoise,
        *,
        max_count: float,
        log2_depth_range: tuple[float, float],
    ) -> LikelihoodTable:
        """Compute the table for counts up to ``max_count`` and for depths in the range."""
        counts = count_levels(max_count)
        low, high = log2_depth_range
        depths = np.arange(np.floor(low / _STEP_LOG2), np.ceil(high / _STEP_LOG2) + 1) * _STEP_LOG2
        values = np.stack([log_likelihood(counts, np.full_like(counts, d), mean_log2, sd_log2, noise) for d in depths], 1)
        return cls(counts, depths, values)

    def look_up(self, counts: np.ndarray, log2_depth: np.ndarray) -> np.ndarray:
        """Interpolate the table; shape ``(cells, components)``."""
        i, wi = _cell(self.count_levels, counts)
        j, wj = _cell(self.depth_levels, log2_depth)
        wi, wj = wi[:, None], wj[:, None]
        v = self.values
        return (1 - wi) * ((1 - wj) * v[i, j] + wj * v[i, j + 1]) + wi * ((1 - wj) * v[i + 1, j] + wj * v[i + 1, j + 1])


def count_levels(max_count: float) -> np.ndarray:
    """Return the counts that have a row in a table: each up to 16, then eight per doubling."""
    exact = np.arange(_EXACT_COUNTS + 1, dtype=float)
    doublings = max(np.log2(max(max_count, 1) / _EXACT_COUNTS), 0.0)
    above = _EXACT_COUNTS * np.exp2(_STEP_LOG2 * np.arange(1, np.ceil(doublings / _STEP_LOG2) + 2))
    return np.concatenate([exact, above])


def _cell(levels: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of the level below each value and the weight of the next."""
    index = np.clip(np.searchsorted(levels, values, side="right") - 1, 0, len(levels) - 2)
    weight = (values - levels[index]) / (levels[index + 1] - levels[index])
    return index, np.clip(weight, 0.0, 1.0)
