"""Sums of numbers that are known by their logarithms."""

from __future__ import annotations

import numpy as np


def log_sum(logs: np.ndarray, axis: int | None = None, *, keepdims: bool = False) -> np.ndarray:
    """Return the logarithm of the sum of real numbers given by their logarithms; minus infinity is nothing.

    ``scipy.special.logsumexp`` does more (weights, signs, complex numbers), and takes six times as long where the
    arrays are small and many.
    """
    peak = logs.max(axis=axis, keepdims=True)
    shift = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(logs - shift).sum(axis=axis, keepdims=True)) + shift
    return total if keepdims else total.squeeze(axis=axis)
