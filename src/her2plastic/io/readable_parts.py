"""What of a window can be read where a part of it is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import DamagedTileError

if TYPE_CHECKING:
    from her2plastic.io.slide import Slide

Window = tuple[slice, slice]


def readable_parts(slide: Slide, field: int, window: Window) -> Iterator[tuple[Window, np.ndarray | DamagedTileError]]:
    """Yield windows that together cover a window, each with its pixels, or with the error of what cannot be read.

    What is lost does not depend on the window: the error names the tile of the file that is damaged.
    """
    left = [window]
    while left:
        y, x = left.pop()
        try:
            yield (y, x), slide.read(field, y, x)
        except DamagedTileError as fault:
            hole = _overlap((y, x), (slice(*fault.y), slice(*fault.x)))
            yield hole, fault
            left += _around((y, x), hole)


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
