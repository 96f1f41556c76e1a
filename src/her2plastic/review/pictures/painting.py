"""The light of a cell in bytes, for the screen: always in the contrast of the session, never stretched by itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from her2plastic.pl._composite import UNREAD, composite, shade
from her2plastic.review.pictures.cell_picture import CellPicture

#: What the light of all channels together is called.
COMPOSITE = "composite"

#: Values shown as black and as full light in each channel, the same for all cells of a session.
Ranges = Mapping[str, tuple[float, float]]


def composite_of(picture: CellPicture, ranges: Ranges) -> np.ndarray:
    """Return the light of all channels that have a range added up, uint8 (side, side, 3); grey where nothing is."""
    own = [name for name in picture.channels if name in ranges]
    light = composite(picture.pixels[[picture.channels.index(name) for name in own]], own, ranges)
    light[~picture.inside] = UNREAD
    return _bytes(light)


def grey_of(picture: CellPicture, ranges: Ranges, channel: str) -> np.ndarray:
    """Return the light of one channel, uint8 (side, side); one grey all over where the slide lacks it."""
    light = np.full((picture.side, picture.side), UNREAD)
    if channel in picture.channels and channel in ranges:
        values = picture.pixels[picture.channels.index(channel)]
        light[picture.inside] = shade(values, ranges[channel])[picture.inside]
    return _bytes(light)


def thumbnail(picture: CellPicture, ranges: Ranges, *, side: int, channel: str = COMPOSITE) -> np.ndarray:
    """Return a small picture of a cell, uint8 (side, side, 3): its composite, or one channel in grey.

    Pixels are averaged where there are twice as many or more as are shown, and repeated where there are fewer.
    """
    if channel == COMPOSITE:
        light = composite_of(picture, ranges)
    else:
        light = np.repeat(grey_of(picture, ranges, channel)[..., None], 3, axis=2)
    if (step := picture.side // side) > 1:
        rows = picture.side // step
        light = light[: rows * step, : rows * step].reshape(rows, step, rows, step, 3).mean(axis=(1, 3))
        light = np.rint(light).astype(np.uint8)
    from_pixel = ((np.arange(side) + 0.5) * len(light) / side).astype(np.intp)
    return light.take(from_pixel, axis=1).take(from_pixel, axis=0)


def _bytes(light: np.ndarray) -> np.ndarray:
    return np.rint(light * 255).astype(np.uint8)
