"""Colour pictures of one grey stain: three colours that say the same are one channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from her2plastic.io.lazy_image import Plane, UnreadableRegion
from her2plastic.io.stored_slide import StoredField, StoredSlide

COLOURS = ("red", "green", "blue")
_ROWS = 4_000_000  # pixels compared at a time


def grey_as_one(stored: StoredSlide) -> StoredSlide:
    """Return a slide of red, green and blue as one of a single channel, if the three are alike in every pixel."""
    if stored.channels != COLOURS or not all(_alike(field.planes[0], field.planes[1:]) for field in stored.fields):
        return stored
    fields = [StoredField(field.name, field.planes[:1], field.origin_um) for field in stored.fields]
    return replace(stored, fields=fields, channels=("",))


def _alike(first: Plane, others: Sequence[Plane]) -> bool:
    """Tell whether planes hold the same; what cannot be read is not known to differ."""
    height = max(1, _ROWS // max(1, first.shape[1]) // first.tile[0]) * first.tile[0]
    for top in range(0, first.shape[0], height):
        window = slice(top, min(top + height, first.shape[0])), slice(0, first.shape[1])
        try:
            pixels = first.read(*window)
            if not all(np.array_equal(pixels, other.read(*window)) for other in others):
                return False
        except UnreadableRegion:
            continue
    return True
