"""Thresholds from the spread of the cells themselves: medians and median absolute deviations."""

from __future__ import annotations

from typing import Final

import numpy as np

#: Turns a median absolute deviation into a standard deviation, for a normal distribution.
MAD_TO_SD: Final = 1.4826
#: Fewer cells than this have no spread worth a threshold.
MIN_CELLS: Final = 10


def lower_threshold(values: np.ndarray, mads: float) -> float:
    """Return the median less ``mads`` scaled median absolute deviations of the logarithm; NaN for none.

    Parameters
    ----------
    values
        Depths or numbers of genes; values of 0 and NaN have no logarithm and are left out.
    mads
        Number of scaled deviations.

    Returns
    -------
    The threshold, or NaN when there are fewer than 10 values or more than half of them are the same.
    """
    usable = values[np.isfinite(values) & (values > 0)]
    centre, spread = _centre_and_spread(np.log(usable))
    return float(np.exp(centre - mads * spread)) if spread > 0 else float("nan")


def upper_threshold(values: np.ndarray, mads: float, *, at_least: float) -> float:
    """Return the median plus ``mads`` scaled median absolute deviations; NaN for none.

    Parameters
    ----------
    values
        Shares; NaN are left out.
    mads
        Number of scaled deviations.
    at_least
        The threshold is never below this: in a clean sample the spread is small, and a cell beyond it still good.

    Returns
    -------
    The threshold, or NaN when there are fewer than 10 values or more than half of them are the same.
    """
    centre, spread = _centre_and_spread(values[np.isfinite(values)])
    return max(float(centre + mads * spread), at_least) if spread > 0 else float("nan")


def _centre_and_spread(values: np.ndarray) -> tuple[float, float]:
    if len(values) < MIN_CELLS:
        return float("nan"), 0.0
    centre = float(np.median(values))
    spread = MAD_TO_SD * float(np.median(np.abs(values - centre)))
    # the deviations of equal values are rounding errors, which would fail half of the cells
    return centre, spread if spread > 1e-9 * max(abs(centre), 1.0) else 0.0
