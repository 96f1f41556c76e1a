"""Hartigan's dip test: is a sample compatible with one mode?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from her2plastic._errors import ParameterError


@dataclass(frozen=True)
class DipTest:
    """Result of the dip test: the statistic, the sample size, and the simulated p value."""

    dip: float
    n: int
    p_value: float
    n_null: int

    def summary(self) -> str:
        """Return the result in one line."""
        return f"dip {self.dip:.3f}, n = {self.n}, p = {self.p_value:.2g} ({self.n_null:,} uniform samples)"


def dip_test(values: np.ndarray, *, n_null: int = 100_000, seed: int = 0) -> DipTest:
    """Test a sample for unimodality.

    The dip is the largest distance between the empirical distribution function and the unimodal one nearest to it. The
    p value is that of the uniform distribution, the least favourable unimodal one, by simulation at the sample's size.

    Parameters
    ----------
    values
        Shape ``(n,)``, at least 4 finite values.
    n_null
        Uniform samples to draw; the smallest p value is ``1 / (n_null + 1)``.
    seed
        Seed of the simulation.

    Returns
    -------
    The statistic and its p value.

    Raises
    ------
    ParameterError
        Fewer than 4 values, or values that are not finite.

    References
    ----------
    Hartigan and Hartigan 1985, Annals of Statistics 13:70.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> log_erbb2 = np.concatenate([rng.normal(1, 0.3, 40), rng.normal(4, 0.3, 40)])
    >>> hp.models.dip_test(log_erbb2, n_null=199).p_value  # not one mode
    0.005
    """
    x = np.sort(np.asarray(values, dtype=float).ravel())
    if len(x) < 4 or not np.isfinite(x).all():
        finite = int(np.isfinite(x).sum())
        raise ParameterError(f"the dip test needs at least 4 finite values, got {len(x)} ({finite} finite)")
    if n_null < 1:
        raise ParameterError(f"n_null={n_null!r}: expected at least 1")
    dip = _compiled_dip()
    observed = dip(x)
    rng = np.random.default_rng(seed)
    hits, left = 0, n_null
    while left:
        samples = np.sort(rng.random((min(left, 50_000), len(x))), axis=1)
        hits += int(np.sum(np.array([dip(sample) for sample in samples]) >= observed - 1e-12))
        left -= len(samples)
    return DipTest(float(observed), len(x), (hits + 1) / (n_null + 1), n_null)


@cache
def _compiled_dip() -> Callable[[np.ndarray], float]:
    """Compile the statistic on first use; numba takes a second to import."""
    from numba import njit

    hull = njit(_hull)
    height = njit(_height)

    @njit
    def dip(x: np.ndarray) -> float:
        n = len(x)
        low, high = 0, n - 1
        best = 1.0
        while x[low] < x[high]:  # within one value lies at most an atom, which a mode may have
            lower = hull(x, low, high, 1.0)  # greatest convex minorant
            upper = hull(x, low, high, -1.0)  # least concave majorant
            # where the two lie furthest apart, at a corner of either
            gap, new_low, new_high = 0.0, low, high
            for g in lower:
                distance = height(x, upper, x[g]) - g + 1
                if distance > gap:
                    gap, new_low, new_high = distance, g, upper[np.searchsorted(upper, g)]
            for u in upper:
                distance = u - height(x, lower, x[u]) + 1
                if distance > gap:
                    gap, new_low, new_high = distance, lower[np.searchsorted(lower, u, side="right") - 1], u
            if gap <= best:
                break
            while new_low > low and x[new_low - 1] == x[new_low]:
                new_low -= 1
            while new_high < high and x[new_high + 1] == x[new_high]:
                new_high += 1
            left, right = 0.0, 0.0
            for i in range(low, new_low + 1):
                left = max(left, i - height(x, lower, x[i]) + 1)
            for i in range(new_high, high + 1):
                right = max(right, height(x, upper, x[i]) - i + 1)
            best = max(best, left, right)
            if (new_low == low and new_high == high) or new_low >= new_high:
                break
            low, high = new_low, new_high
        return best / (2 * n)

    return dip


def _hull(x: np.ndarray, low: int, high: int, sign: float) -> np.ndarray:
    """Return the corners of the convex hull of ``(x[i], i)`` from below (sign 1) or from above (sign -1)."""
    corners = np.empty(high - low + 1, dtype=np.int64)
    m = 0
    for i in range(low, high + 1):
        while m >= 2:
            a, b = corners[m - 2], corners[m - 1]
            # keep b only if the hull turns the right way there
            if sign * ((b - a) * (x[i] - x[b]) - (i - b) * (x[b] - x[a])) >= 0:
                m -= 1
            else:
                break
        corners[m] = i
        m += 1
    return corners[:m]


def _height(x: np.ndarray, corners: np.ndarray, at: float) -> float:
    """Return the height of a hull at a point, by linear interpolation between its corners."""
    first, last = 0, len(corners) - 1
    while last - first > 1:
        middle = (first + last) // 2
        if x[corners[middle]] <= at:
            first = middle
        else:
            last = middle
    a, b = corners[first], corners[last]
    if x[b] == x[a]:
        return float(b)
    return a + (b - a) * (at - x[a]) / (x[b] - x[a])
