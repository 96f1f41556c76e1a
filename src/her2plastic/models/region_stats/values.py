"""Statistics of the pixel values of one object in one channel."""

from __future__ import annotations

import numpy as np

from her2plastic.models.compiling import compiled
from her2plastic.models.region_stats.masks import NUCLEUS, OUTLINE, RIM

#: From the median absolute deviation to the standard deviation of a normal law.
MAD_TO_SD = 1.482602218505602


@compiled
def quantile(ordered: np.ndarray, share: float) -> float:
    """Return a quantile of values in order, by the straight line between the two nearest."""
    place = share * (len(ordered) - 1)
    below = int(place)
    if below + 1 >= len(ordered):
        return ordered[-1]
    low, high = ordered[below], ordered[below + 1]
    return low + (high - low) * (place - below)


@compiled
def order_of(values: np.ndarray, whole: bool) -> np.ndarray:
    """Return the order of values from the smallest to the largest; ``whole`` if all are whole and of 16 bits."""
    n = len(values)
    if not whole:
        return np.argsort(values)
    order, other = np.arange(n), np.empty(n, dtype=np.int64)
    for shift in (0, 8):  # by the lower eight bits, then by the upper
        start = np.zeros(257, dtype=np.int64)
        for value in values:
            start[((int(value) >> shift) & 255) + 1] += 1
        for digit in range(256):
            start[digit + 1] += start[digit]
        for k in order:
            digit = (int(values[k]) >> shift) & 255
            other[start[digit]] = k
            start[digit] += 1
        order, other = other, order
    return order


@compiled
def describe(ordered: np.ndarray, saturation: float, out: np.ndarray) -> None:
    """Write the ``STATISTICS`` of values in order; all missing without values or where one is no finite number."""
    n = len(ordered)
    total = 0.0
    for value in ordered:
        total += value
    if n == 0 or not np.isfinite(total):
        out[:] = np.nan
        return
    mean = total / n
    squares, saturated = 0.0, 0
    for value in ordered:
        squares += (value - mean) ** 2
        saturated += value >= saturation
    out[0], out[1] = mean, quantile(ordered, 0.5)
    out[2], out[3] = ordered[n - 1], ordered[0]
    out[4], out[5] = np.sqrt(squares / n), total
    out[6], out[7] = quantile(ordered, 0.05), quantile(ordered, 0.25)
    out[8], out[9] = quantile(ordered, 0.75), quantile(ordered, 0.95)
    out[10] = saturated / n


@compiled
def background_of(values: np.ndarray, n_needed: int, whole: bool) -> tuple[float, float]:
    """Return median and robust standard deviation of the finite values; missing if there are fewer than needed."""
    finite = values if whole else values[np.isfinite(values)]
    n = len(finite)
    if n < max(n_needed, 1):
        return np.nan, np.nan
    ordered = finite[order_of(finite, whole)]
    middle = quantile(ordered, 0.5)
    away = np.empty(n)  # in order too: the nearer of the next below and the next above comes first
    below, above = n // 2 - 1, n // 2
    for k in range(n):
        if above >= n or (below >= 0 and middle - ordered[below] < ordered[above] - middle):
            away[k] = middle - ordered[below]
            below -= 1
        else:
            away[k] = ordered[above] - middle
            above += 1
    return middle, MAD_TO_SD * quantile(away, 0.5)


@compiled
def share_on_nucleus(values: np.ndarray, codes: np.ndarray, background: float) -> float:
    """Return the share of the signal above the background that lies on the nucleus; missing without signal."""
    inside, total = 0.0, 0.0
    for k in range(len(values)):
        if not np.isfinite(values[k]):
            return np.nan
        signal = max(values[k] - background, 0.0)
        total += signal
        if codes[k] & NUCLEUS:
            inside += signal
    return inside / total if total > 0 else np.nan


@compiled
def rim_to_centre(values: np.ndarray, codes: np.ndarray, central: np.ndarray, background: float) -> float:
    """Return mean of the rim over mean of the centre, above the background; missing where the centre has no signal."""
    rim, centre, n_rim, n_centre = 0.0, 0.0, 0, 0
    for k in range(len(values)):
        if codes[k] & RIM:
            rim += values[k] - background
            n_rim += 1
        elif central[k]:
            centre += values[k] - background
            n_centre += 1
    if n_rim == 0 or n_centre == 0 or not centre > 0:
        return np.nan
    return (rim / n_rim) / (centre / n_centre)


@compiled
def rim_completeness(
    values: np.ndarray, codes: np.ndarray, ys: np.ndarray, xs: np.ndarray, place: np.ndarray, reach: float, least: float
) -> float:
    """Return the share of the outline's pixels around which the rim is brighter than ``least``.

    Around means: the mean of the rim's pixels within ``reach`` pixels of the outline's. Pixel k lies at row ``ys[k]``
    and column ``xs[k]`` of a picture in which ``place`` tells k, or -1 where there is no pixel of the cell.
    """
    n_outline, n_bright, step = 0, 0, int(reach)
    for k in range(len(values)):
        if not codes[k] & OUTLINE:
            continue
        total, n = 0.0, 0
        for dy in range(-step, step + 1):
            for dx in range(-step, step + 1):
                j = place[ys[k] + dy, xs[k] + dx] if dy * dy + dx * dx <= reach * reach else -1
                if j >= 0 and codes[j] & RIM:
                    total += values[j]
                    n += 1
        if not np.isfinite(total):
            return np.nan
        n_outline += 1
        n_bright += total > least * n
    return n_bright / n_outline if n_outline else np.nan
