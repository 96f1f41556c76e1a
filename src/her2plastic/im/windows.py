"""Reading a window of a field, whatever part of it is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import DamagedTileError

if TYPE_CHECKING:
    from her2plastic.im.tiles import Window
    from her2plastic.io.slide import Slide


def read_window(slide: Slide, field_index: int, window: Window) -> tuple[np.ndarray, frozenset[str]]:
    """Return the pixels (channel, y, x) of a window as float32, NaN where unreadable, and what was unreadable.

    A pixel that is no number in one channel, or lost, is NaN in all of them. What is read around a damaged region does
    not depend on the window, for the file names the region.
    """
    rows, columns = window
    shape = (len(slide.channels), rows.stop - rows.start, columns.stop - columns.start)
    pixels = np.full(shape, np.nan, np.float32)
    damaged: set[str] = set()
    left = [window]
    while left:
        y, x = left.pop()
        try:
            part = slide.read(field_index, y, x)
        except DamagedTileError as fault:
            damaged.add(str(fault))
            left += _around((y, x), _overlap((y, x), (slice(*fault.y), slice(*fault.x))))
            continue
        down, right = y.start - rows.start, x.start - columns.start
        pixels[:, down : down + part.shape[1], right : right + part.shape[2]] = part
    pixels[:, ~np.isfinite(pixels).all(axis=0)] = np.nan
    return pixels, frozenset(damaged)


def _overlap(window: Window, hole: Window) -> Window:
    """Return the part of a window that a hole takes; all of it if the hole is said to lie elsewhere."""
    y, x = (slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(window, hole, strict=True))
    return (y, x) if y.start < y.stop and x.start < x.stop else window


def _around(window: Window, hole: Window) -> list[Window]:
    """Return the windows that cover what a hole leaves of a window."""
    (y, x), (lost_y, lost_x) = window, hole
    parts = (
        (slice(y.start, lost_y.start), x),
        (slice(lost_y.stop, y.stop), x),
        (lost_y, slice(x.start, lost_x.start)),
        (lost_y, slice(lost_x.stop, x.stop)),
    )
    return [(a, b) for a, b in parts if a.start < a.stop and b.start < b.stop]
