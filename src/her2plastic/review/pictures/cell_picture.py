"""One picture of one cell, and where the cell lies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class CellPlace:
    """Where a cell lies.

    Attributes
    ----------
    slide, field
        Names of its slide and of the field on it; the only field of a slide may have none.
    y_px, x_px
        Row and column in the image of the field.
    y_um, x_um
        On the slide, micrometres.
    pixel_size_um
        Side of a pixel of this slide.
    """

    slide: str
    field: str
    y_px: float
    x_px: float
    y_um: float
    x_um: float
    pixel_size_um: float


@dataclass(frozen=True)
class CellPicture:
    """A square around a cell, in the numbers of the file.

    Attributes
    ----------
    cell_id
        Name of the cell.
    pixels
        ``(channels, side, side)`` in the file's own dtype; 0 where ``inside`` is false.
    cell, nucleus
        ``(side, side)`` bool: the cell and its nucleus, without its neighbours; false all over where the slide has no
        outlines.
    inside
        ``(side, side)`` bool: false beyond the edge of the field, and where the file cannot be read.
    channels
        Names of the channels that this slide has.
    pixel_size_um
        Side of a pixel, micrometres.
    """

    cell_id: str
    pixels: np.ndarray
    cell: np.ndarray
    nucleus: np.ndarray
    inside: np.ndarray
    channels: tuple[str, ...]
    pixel_size_um: float

    @cached_property
    def digest(self) -> str:
        """Digest of all that is seen of the cell: pixels, masks, channels and scale."""
        found = hashlib.blake2b(digest_size=16)
        facts = (self.pixels.shape, self.pixels.dtype.str, self.channels, self.pixel_size_um)
        found.update(repr(facts).encode())
        for part in (self.pixels, self.cell, self.nucleus, self.inside):
            found.update(np.ascontiguousarray(part).data)
        return found.hexdigest()

    @property
    def side(self) -> int:
        """Pixels to a side."""
        return int(self.pixels.shape[-1])

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.pixels.nbytes + self.cell.nbytes + self.nucleus.nbytes + self.inside.nbytes
