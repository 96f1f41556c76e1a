"""A cell made ready for the screen: the light of its channels as pictures, its outlines as lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from her2plastic.review.pictures.painting import composite_of, grey_of

if TYPE_CHECKING:
    from her2plastic.review.pictures import CellPicture


@dataclass(frozen=True)
class ShownCell:
    """What the stage draws.

    Attributes
    ----------
    composite
        RGB, shape ``(side, side, 3)``, uint8: the channels' light added up.
    channels
        One picture for each channel, grey, shape ``(side, side)``, uint8.
    names
        Names of the channels.
    ranges
        Value shown as black and as full light of each channel.
    cell, nucleus
        Outlines: points ``(x, y)`` in pixels of the picture, from its upper left corner.
    width_um
        Side of the picture, micrometres.
    """

    composite: np.ndarray
    channels: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]
    cell: tuple[np.ndarray, ...]
    nucleus: tuple[np.ndarray, ...]
    width_um: float


def shown_cell(picture: CellPicture, ranges: Mapping[str, tuple[float, float]]) -> ShownCell:
    """Paint a cell in the ranges of the session: the same number has the same brightness in every cell."""
    return ShownCell(
        composite=composite_of(picture, ranges),
        channels=tuple(grey_of(picture, ranges, name) for name in ranges),
        names=tuple(ranges),
        ranges=ranges,
        cell=outlines(picture.cell),
        nucleus=outlines(picture.nucleus),
        width_um=picture.pixels.shape[-1] * picture.pixel_size_um,
    )


def outlines(mask: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the lines around a mask as points (x, y), in pixels from the upper left corner of the picture."""
    from scipy.ndimage import gaussian_filter
    from skimage.measure import find_contours

    # smoothed by less than a pixel, the line runs through the steps of the pixels
    framed = gaussian_filter(np.pad(np.asarray(mask, dtype=np.float32), 2), 0.8)
    # a centre of a pixel lies half a pixel from its edge, and the frame shifts all by two
    return tuple(line[:, ::-1] - 1.5 for line in find_contours(framed, 0.5))
