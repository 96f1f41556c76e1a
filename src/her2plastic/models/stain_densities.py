"""Where the negative and the positive cells of a stain lie: Student t for the leukocytes, broad for what may be few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaln, ndtr

CHANNELS: Final = ("CK", "CD45", "HER2")
_CD45: Final = CHANNELS.index("CD45")
DEGREES: Final = 4.0
#: Spreads of the leukocytes below which nothing is positive, whatever its density.
CLEAR: Final = 3.0
#: The positive side is a normal density with some of a uniform one, up to this far above the negative centre.
_UNIFORM: Final = 0.2
_REACH: Final = 9.0


@dataclass(frozen=True)
class StainDensities:
    """Where the negative and the positive cells of each channel lie, on the soft logarithm.

    Arrays have one entry a channel, in the order of ``CHANNELS``.
    """

    unit: np.ndarray
    negative: np.ndarray
    negative_spread: np.ndarray
    positive: np.ndarray
    positive_spread: np.ndarray

    def soft_log(self, values: np.ndarray) -> np.ndarray:
        """Return intensities on the scale of the densities: linear near 0, natural logarithm far above."""
        return np.arcsinh(values / (2 * self.unit))

    def intensity(self, soft: np.ndarray) -> np.ndarray:
        """Return the inverse of :meth:`soft_log`."""
        return 2 * self.unit * np.sinh(soft)

    def log_densities(self, values: np.ndarray) -> np.ndarray:
        """Return log densities ``(cells, channels, 2)``: negative, positive. A missing value speaks for neither."""
        soft = self.soft_log(values)
        out = np.zeros((*soft.shape, 2))
        for channel in range(len(CHANNELS)):
            y, low, high = soft[:, channel], self._side(channel, 0), self._side(channel, 1)
            if channel == _CD45:  # here the leukocytes are the positive ones
                floor = high[0] - CLEAR * high[1]
                out[:, channel, 0] = broad_log(-y, -low[0], low[1], -min(floor, high[0]))
                out[:, channel, 1] = student_log(y, *high)
                out[:, channel, 1] = np.where(y > high[0], student_log(high[0], *high), out[:, channel, 1])
            else:
                out[:, channel, 0] = student_log(y, *low)
                # below their centre, cells are only more clearly negative
                out[:, channel, 0] = np.where(y < low[0], student_log(low[0], *low), out[:, channel, 0])
                out[:, channel, 1] = broad_log(y, *high, low[0] + CLEAR * low[1])
        return np.where(np.isfinite(soft)[:, :, None], out, 0.0)

    def gates(self) -> np.ndarray:
        """Return the intensity from which on each channel is likelier positive than negative, sides weighted alike."""
        out = np.full(len(CHANNELS), np.nan)
        for channel in np.flatnonzero(np.isfinite(self.unit)):
            low, high = sorted((self.negative[channel], self.positive[channel]))
            soft = np.linspace(low, high, 400)
            values = np.full((len(soft), len(CHANNELS)), np.nan)
            values[:, channel] = self.intensity(np.tile(soft[:, None], len(CHANNELS)))[:, channel]
            odds = self.log_densities(values)[:, channel]
            positive = np.flatnonzero(odds[:, 1] > odds[:, 0])
            out[channel] = values[positive[0] if len(positive) else -1, channel]
        return out

    def _side(self, channel: int, positive: int) -> tuple[float, float]:
        if positive:
            return float(self.positive[channel]), float(self.positive_spread[channel])
        return float(self.negative[channel]), float(self.negative_spread[channel])


def without_leukocytes(background: np.ndarray) -> StainDensities:
    """Return densities for a batch without leukocytes: what counts is the local background of each channel.

    Negative cells lie around 0, positive ones from about once the background on. A channel without a background above 0
    speaks for nothing.
    """
    unit = np.where(np.isfinite(background) & (background > 0), background / 4, np.nan)
    negative, positive = np.zeros(len(CHANNELS)), np.array([3.2, 2.6, 2.6])
    return StainDensities(unit, negative, np.full(len(CHANNELS), 0.4), positive, np.array([1.0, 0.6, 1.0]))


def typical(densities: list[StainDensities]) -> StainDensities:
    """Return the densities in the middle of several batches, for a batch that has none of its own."""
    fields = ("unit", "negative", "negative_spread", "positive", "positive_spread")
    return StainDensities(*(np.median([getattr(d, name) for d in densities], axis=0) for name in fields))


def student_log(y: np.ndarray | float, centre: float, spread: float) -> np.ndarray:
    """Return the log density of a Student t with ``DEGREES`` degrees of freedom."""
    norm = gammaln((DEGREES + 1) / 2) - gammaln(DEGREES / 2) - 0.5 * np.log(DEGREES * np.pi) - np.log(spread)
    return norm - (DEGREES + 1) / 2 * np.log1p((np.asarray(y) - centre) ** 2 / (DEGREES * spread**2))


def broad_log(y: np.ndarray, centre: float, spread: float, start: float) -> np.ndarray:
    """Return the log density of a normal with some of a uniform, both from ``start`` on, fading out below it."""
    mass = max(float(ndtr((centre - start) / spread)), 1e-3)
    normal = np.exp(-0.5 * ((y - centre) / spread) ** 2) / (np.sqrt(2 * np.pi) * spread * mass)
    uniform = np.where(y < start + _REACH, 1 / _REACH, 1e-6)
    density = np.log((1 - _UNIFORM) * normal + _UNIFORM * uniform)
    return density - 0.5 * (np.minimum(y - start, 0.0) / 0.1) ** 2
