"""Reading a window of a field, whatever part of it is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import DamagedTileError
from her2plastic.io.readable_parts import readable_parts

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
    for (y, x), found in readable_parts(slide, field_index, window):
        if isinstance(found, DamagedTileError):
            damaged.add(str(found))
            continue
        down, right = y.start - rows.start, x.start - columns.start
        pixels[:, down : down + found.shape[1], right : right + found.shape[2]] = found
    pixels[:, ~np.isfinite(pixels).all(axis=0)] = np.nan
    return pixels, frozenset(damaged)


def readable_window(slide: Slide, field_index: int, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels (channel, y, x) of a window as the file has them, 0 where unreadable, and which can be read."""
    try:
        pixels = slide.read(field_index, *window)
    except DamagedTileError:
        pixels = read_window(slide, field_index, window)[0]
        readable = np.isfinite(pixels).all(axis=0)
        return np.where(readable, pixels, 0).astype(slide.fields[field_index].image.dtype), readable
    return pixels, np.ones(pixels.shape[1:], dtype=bool)
