"""Which points a line drawn by hand encloses."""

from __future__ import annotations

import numpy as np

#: Points times edges that are looked at in one go, so that memory stays small.
_AT_ONCE = 2_000_000


def inside(x: np.ndarray, y: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Return which points lie within a closed line: those from which a ray crosses it an odd number of times.

    Parameters
    ----------
    x, y
        Points; NaN lies nowhere.
    line
        ``(corners, 2)``: x and y; the last corner is joined to the first.

    Returns
    -------
    bool, one a point.
    """
    x, y, line = np.asarray(x, dtype=float), np.asarray(y, dtype=float), np.asarray(line, dtype=float)
    found = np.zeros(x.shape, dtype=bool)
    if len(line) < 3:
        return found
    (left, top), (right, bottom) = line.min(axis=0), line.max(axis=0)
    near = np.flatnonzero((x >= left) & (x <= right) & (y >= top) & (y <= bottom))
    x0, y0 = line[:, 0], line[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    sloped = y0 != y1
    x0, y0, x1, y1 = x0[sloped], y0[sloped], x1[sloped], y1[sloped]
    if not x0.size:
        return found
    step = max(1, _AT_ONCE // x0.size)
    for start in range(0, near.size, step):
        some = near[start : start + step]
        px, py = x[some, None], y[some, None]
        beside = (y0 > py) != (y1 > py)
        crossing = x0 + (py - y0) / (y1 - y0) * (x1 - x0)
        found[some] = ((beside & (px < crossing)).sum(axis=1) % 2).astype(bool)
    return found


def thinned(line: np.ndarray, *, least: float) -> np.ndarray:
    """Return a line without corners that lie closer than ``least`` to the one kept before; its ends are kept."""
    line = np.asarray(line, dtype=float)
    if len(line) < 3:
        return line
    kept = [0]
    for place in range(1, len(line) - 1):
        if np.hypot(*(line[place] - line[kept[-1]])) >= least:
            kept.append(place)
    return line[[*kept, len(line) - 1]]
