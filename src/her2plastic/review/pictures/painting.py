"""A cell for the screen: the composite and each channel side by side, all with the contrast of the session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from her2plastic._errors import check_whole
from her2plastic.pl._composite import UNREAD, composite, shade
from her2plastic.review.pictures.cell_picture import CellPicture

#: The name of the panel with the light of all channels.
COMPOSITE = "composite"
#: Grey of the gaps between panels, and colours of the outlines of cell and nucleus.
_GAP, _CELL, _NUCLEUS = 24, (255, 255, 255), (150, 190, 255)

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """Where one panel lies in a mosaic: its name, its upper left corner and its side, in pixels of the mosaic."""

    name: str
    y: int
    x: int
    side: int


@dataclass(frozen=True)
class Mosaic:
    """Panels of one cell.

    Attributes
    ----------
    rgb
        uint8, shape ``(y, x, 3)``.
    panels
        Where they lie: the composite, then a channel each.
    um_per_pixel
        Micrometres of a pixel of the mosaic, in every panel.
    """

    rgb: np.ndarray
    panels: tuple[Panel, ...]
    um_per_pixel: float


def paint(
    picture: CellPicture,
    ranges: Ranges,
    *,
    channels: Sequence[str] | None = None,
    panel: int = 256,
    columns: int | None = None,
    gap: int = 4,
    outline: bool = True,
) -> Mosaic:
    """Paint a cell: its composite, and each channel in grey.

    Parameters
    ----------
    picture
        The cell.
    ranges
        Values shown as black and as full light in each channel, the same for all cells of a session.
    channels
        Channels with a panel, in this order; one that this slide lacks is grey all over. All of ``ranges`` by default.
    panel
        Side of a panel, pixels of the screen. Pixels of the file are repeated, never smoothed.
    columns
        Panels in a row; all by default.
    gap
        Pixels between panels.
    outline
        Whether the outlines of cell and nucleus are drawn.

    Returns
    -------
    The mosaic.
    """
    check_whole("panel", panel, least=8)
    names = list(ranges) if channels is None else list(channels)
    columns = len(names) + 1 if columns is None else columns
    check_whole("columns", columns, least=1)
    rows = -(-(len(names) + 1) // columns)
    pitch = panel + gap
    rgb = np.full((rows * pitch - gap, min(columns, len(names) + 1) * pitch - gap, 3), _GAP, dtype=np.uint8)
    from_pixel = _repeated(picture.side, panel)
    lines = _outlines(picture, from_pixel) if outline else ()
    panels = []
    for number, name in enumerate([COMPOSITE, *names]):
        light = composite_of(picture, ranges, names) if number == 0 else grey_of(picture, ranges, name)
        large = _enlarged(light, from_pixel)
        for line, colour in lines:
            large.reshape(-1, 3)[line] = colour
        y, x = number // columns * pitch, number % columns * pitch
        rgb[y : y + panel, x : x + panel] = large
        panels.append(Panel(name, y, x, panel))
    return Mosaic(rgb, tuple(panels), picture.side * picture.pixel_size_um / panel)


def composite_of(picture: CellPicture, ranges: Ranges, channels: Sequence[str] | None = None) -> np.ndarray:
    """Return the light of all channels added up, uint8 (side, side, 3)."""
    wanted = picture.channels if channels is None else channels
    own = [name for name in picture.channels if name in wanted and name in ranges]
    light = composite(picture.pixels[[picture.channels.index(name) for name in own]], own, ranges)
    light[~picture.inside] = UNREAD
    return _bytes(light)


def grey_of(picture: CellPicture, ranges: Ranges, channel: str) -> np.ndarray:
    """Return the light of one channel in grey, uint8 (side, side, 3); grey all over where the slide lacks it."""
    light = np.full((picture.side, picture.side), UNREAD)
    if channel in picture.channels and channel in ranges:
        place = picture.channels.index(channel)
        light = np.where(picture.inside, shade(picture.pixels[place], ranges[channel]), UNREAD)
    return np.repeat(_bytes(light)[..., None], 3, axis=2)


def _repeated(pixels: int, side: int) -> np.ndarray:
    """Return the pixel of the file for each of ``side`` pixels of the screen."""
    return ((np.arange(side) + 0.5) * pixels / side).astype(np.intp)


def _enlarged(pixels: np.ndarray, from_pixel: np.ndarray) -> np.ndarray:
    """Repeat rows and columns: the small part first, whole rows after it."""
    return pixels.take(from_pixel, axis=1).take(from_pixel, axis=0)


def _bytes(light: np.ndarray) -> np.ndarray:
    return np.rint(light * 255).astype(np.uint8)


def _outlines(picture: CellPicture, from_pixel: np.ndarray) -> list[tuple[np.ndarray, tuple[int, int, int]]]:
    """Return the pixels of a panel, counted row by row, that each outline covers, and its colour."""
    found = []
    for mask, colour in ((picture.nucleus, _NUCLEUS), (picture.cell, _CELL)):
        if mask.any():
            large = _enlarged(mask, from_pixel)
            found.append((np.flatnonzero(_edge(large)), colour))
    return found


def _edge(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that touch what is not in it: those at the rim of the picture do not."""
    whole = np.pad(mask, 1, mode="edge")
    within = whole[:-2, 1:-1] & whole[2:, 1:-1] & whole[1:-1, :-2] & whole[1:-1, 2:]
    return mask & ~within


def thumbnail(picture: CellPicture, ranges: Ranges, *, side: int, channel: str = COMPOSITE) -> np.ndarray:
    """Return a small picture of a cell, uint8 (side, side, 3): its composite, or one channel in grey."""
    light = composite_of(picture, ranges) if channel == COMPOSITE else grey_of(picture, ranges, channel)
    if (step := picture.side // side) > 1:
        rows = picture.side // step
        light = light[: rows * step, : rows * step].reshape(rows, step, rows, step, 3).mean(axis=(1, 3))
        light = np.rint(light).astype(np.uint8)
    from_pixel = _repeated(len(light), side)
    return _enlarged(light, from_pixel)
