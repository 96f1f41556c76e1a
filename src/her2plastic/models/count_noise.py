"""How counts scatter around expression: log-normal cells seen through negative binomial noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from her2plastic._errors import ParameterError

#: Grid steps per doubling, of depth and of large counts. A cell's place on the grid is off by 4.5 % at most in either,
#: which is little beside the spread of expression within a state (0.9 log2 units): its posterior is off by up to 0.06.
STEPS_PER_DOUBLING = 8
#: Reach of the integral over expression, in standard deviations, and its step. Where the noise is narrower than the
#: spread of expression the step follows the noise: a coarser sum would see some counts and miss others.
_QUADRATURE_REACH = 12.0
_QUADRATURE_STEP = 0.5
_LARGEST_EXACT_COUNT = 16


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

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> counts, depth = np.array([0]), np.array([2e4])  # no ERBB2 molecule among 20,000
    >>> for silent in (0.0, 0.3):
    ...     noise = hp.models.CountNoise(zero_inflation=silent)
    ...     model = hp.models.OrderedCounts(hp.tl.shipped_scale(), noise).fit(counts, depth)
    ...     print(f"drop-out {silent}: HER2-0 with {model.cell_posterior_[0, 0]:.1f}")
    drop-out 0.0: HER2-0 with 0.6
    drop-out 0.3: HER2-0 with 0.5
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
    counts: np.ndarray, log2_depth: np.ndarray | float, mean_log2: np.ndarray, sd_log2: np.ndarray, noise: CountNoise
) -> np.ndarray:
    """Return the log-likelihood of counts under log-normal components, up to a term without the component.

    The expression of a component is log-normal, the count given expression and depth negative binomial; the integral
    over expression is a sum over even steps.

    Parameters
    ----------
    counts
        Molecules of the gene; broadcast against ``log2_depth``. Need not be whole (molecule equivalents of reads).
    log2_depth
        log2 of all molecules of the cell; one depth for many counts takes a third of the time.
    mean_log2, sd_log2
        Shape ``(components,)``: log2 counts per million.
    noise
        Noise of the assay.

    Returns
    -------
    Shape ``broadcast(counts, log2_depth) + (components,)``.
    """
    narrow = np.sqrt(noise.dispersion) / (np.log(2.0) * float(np.max(sd_log2)))
    step = min(_QUADRATURE_STEP, narrow)
    nodes = np.arange(-np.ceil(_QUADRATURE_REACH / step), np.ceil(_QUADRATURE_REACH / step) + 1) * step
    log_weights = -0.5 * nodes**2
    cpm = np.exp2(np.asarray(mean_log2)[:, None] + np.asarray(sd_log2)[:, None] * nodes) + noise.ambient_cpm
    y = np.asarray(counts, dtype=float)[..., None, None]
    share = np.asarray(log2_depth, dtype=float)[..., None, None] - np.log2(1e6)
    log_mean = np.log(2.0) * share + np.log(cpm)
    kernel = y * log_mean - (y + 1 / noise.dispersion) * np.logaddexp(0.0, log_mean + np.log(noise.dispersion))
    kernel += log_weights - np.log(np.exp(log_weights).sum())
    peak = kernel.max(axis=-1, keepdims=True)
    result = np.log(np.exp(kernel - peak).sum(axis=-1)) + peak[..., 0]
    if noise.zero_inflation:
        dropped = np.where(y[..., 0] <= 0, np.log(noise.zero_inflation), -np.inf)
        result = np.logaddexp(np.log1p(-noise.zero_inflation) + result, dropped)
    return result


@dataclass(frozen=True)
class LikelihoodTable:
    """Log-likelihoods on a grid of (count, depth), so that a cell costs a look-up.

    An offset of the expression scale by ``b`` log2 units equals a depth ``2 ** b`` times as large, so one table serves
    every offset. (The ambient term then moves with the offset, as it does when the offset is the platform's.)

    Attributes
    ----------
    count_levels
        Counts that have a row.
    first_depth_step
        Depth of the first column, in steps of 1/8 log2.
    values
        Shape ``(counts, depths, components)``.
    """

    count_levels: np.ndarray
    first_depth_step: int
    values: np.ndarray

    @classmethod
    def build(
        cls,
        mean_log2: np.ndarray,
        sd_log2: np.ndarray,
        noise: CountNoise,
        *,
        max_count: float,
        depth_steps: tuple[int, int],
    ) -> LikelihoodTable:
        """Compute the table for counts up to ``max_count`` and depths from the first to the last step."""
        levels = count_levels(max_count)
        first, last = depth_steps
        depths = np.arange(first, last + 1) / STEPS_PER_DOUBLING
        columns = [log_likelihood(levels, d, mean_log2, sd_log2, noise) for d in depths]
        return cls(levels, first, np.stack(columns, axis=1))

    def at(self, count_index: np.ndarray, depth_step: np.ndarray, offset_steps: int = 0) -> np.ndarray:
        """Return log-likelihoods, shape ``(n, components)``, with the expression scale moved by an offset."""
        return self.values[count_index, depth_step + offset_steps - self.first_depth_step]


def count_levels(max_count: float) -> np.ndarray:
    """Return the counts of a table: quarters up to 4, whole numbers up to 16, then eight per doubling."""
    quarters = np.arange(0, 4, 0.25)
    whole = np.arange(4, _LARGEST_EXACT_COUNT + 1, dtype=float)
    doublings = max(np.log2(max(max_count, 1) / _LARGEST_EXACT_COUNT), 0.0)
    steps = np.arange(1, np.ceil(doublings * STEPS_PER_DOUBLING) + 2)
    return np.concatenate([quarters, whole, _LARGEST_EXACT_COUNT * np.exp2(steps / STEPS_PER_DOUBLING)])


def nearest_level(levels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the index of the level nearest to each count."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, counts)


def depth_step(depth: np.ndarray) -> np.ndarray:
    """Return the place of each depth on the log2 grid."""
    return np.rint(np.log2(depth) * STEPS_PER_DOUBLING).astype(np.int64)
