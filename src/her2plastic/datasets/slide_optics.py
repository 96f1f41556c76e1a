"""The picture of a slide by parts: objects, background, vignetting, noise and camera."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from her2plastic.datasets.slide_drawing import Pen, Shape, outline, stained
from her2plastic.datasets.slide_objects import BLOB
from her2plastic.datasets.slide_parameters import CHANNELS

#: Noise is drawn by whole blocks of this side, counted from the slide's corner: a pixel is the same in every window.
BLOCK = 256

Window = tuple[slice, slice]


@dataclass(frozen=True)
class Scene:
    """All that a picture is drawn from."""

    shape: tuple[int, int]
    objects: pd.DataFrame
    pen: Pen

    def picture(self, window: Window) -> np.ndarray:
        """Return the camera's picture of a window, shape (channels, y, x)."""
        return self._picture(window, None)

    def picture_and_masks(self, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return both; the window starts and ends with blocks."""
        masks = _Masks(window)
        return self._picture(window, masks), masks.nuclei, masks.cells

    def _picture(self, window: Window, masks: _Masks | None) -> np.ndarray:
        outer = _by_blocks(window, self.shape)
        light = self._light(outer, masks)
        optics, top, left = self.pen.optics, outer[0].start, outer[1].start
        counts = np.empty(light.shape, dtype=np.uint16)
        for y in range(top, outer[0].stop, BLOCK):
            for x in range(left, outer[1].stop, BLOCK):
                part = (slice(None), slice(y - top, y - top + BLOCK), slice(x - left, x - left + BLOCK))
                rng = np.random.Generator(np.random.SFC64([self.pen.seed, 2, y // BLOCK, x // BLOCK]))
                values = rng.poisson(light[part]).astype(np.float32)
                values += optics.read_noise * rng.standard_normal(values.shape, dtype=np.float32)
                counts[part] = np.clip(np.rint(values), 0, 2**optics.bits - 1)
        return counts[:, window[0].start - top : window[0].stop - top, window[1].start - left : window[1].stop - left]

    def masks(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the nuclei and of the cells in a window."""
        masks = _Masks(window)
        for row in self._near(window):
            masks.add(row, outline(row, self.pen))
        return masks.nuclei, masks.cells

    def shading(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the share of the light that reaches pixels in the given rows and columns of the slide."""
        return 1.0 - self.pen.optics.vignetting * (self._across(rows)[:, None] ** 2 + self._across(columns) ** 2) / 2

    def _across(self, pixels: np.ndarray) -> np.ndarray:
        """Return places in a camera field, from -1 to 1."""
        side = self.pen.optics.camera_field_px
        return (pixels % side + 0.5) / (side / 2) - 1

    def _light(self, window: Window, masks: _Masks | None) -> np.ndarray:
        """Return the expected photo-electrons of a window, and note where the objects lie."""
        rows, columns = np.arange(window[0].start, window[0].stop), np.arange(window[1].start, window[1].stop)
        light = np.zeros((len(CHANNELS), len(rows), len(columns)), dtype=np.float32)
        for row in self._near(window):
            shape = outline(row, self.pen)
            to, part = _overlap(window, shape)
            light[(slice(None), *to)] += stained(row, shape, self.pen)[(slice(None), *part)]
            if masks is not None:
                masks.add(row, shape)
        optics = self.pen.optics
        light[CHANNELS.index("CK")] += optics.bleed_through * light[CHANNELS.index("HER2")]
        # sums and products only: their last digit does not depend on where an array begins
        slope = (self._across(rows)[:, None] + self._across(columns)) / 2
        light += (optics.background * (1 + optics.gradient * slope)).astype(np.float32)
        light *= self.shading(rows, columns).astype(np.float32)
        return light

    def _near(self, window: Window) -> Iterator[Any]:
        """Yield the objects that may reach into a window, by number."""
        pixel = self.pen.pixel_size_um
        reach = self.pen.reach_um(self.objects["diameter_um"].to_numpy()) + 2 * pixel
        near = np.ones(len(self.objects), dtype=bool)
        for name, side in (("y_um", window[0]), ("x_um", window[1])):
            place = self.objects[name].to_numpy()
            near &= (place + reach > side.start * pixel) & (place - reach < side.stop * pixel)
        yield from self.objects[near].itertuples(index=False)


class _Masks:
    """Truth masks of a window; a pixel of two objects belongs to the one whose centre is relatively nearer."""

    def __init__(self, window: Window) -> None:
        size = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        self._window = window
        self.nuclei, self.cells = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.int32)
        self._nearest = np.full(size, 2.0, dtype=np.float32)

    def add(self, row: Any, shape: Shape) -> None:
        if row.kind == BLOB:
            return
        to, part = _overlap(self._window, shape)
        closer = shape.depth[part] < self._nearest[to]
        self._nearest[to][closer] = shape.depth[part][closer]
        self.cells[to][closer] = row.number
        self.nuclei[to][closer] = np.where(shape.nucleus[part][closer], row.number, 0)


def _by_blocks(window: Window, shape: tuple[int, int]) -> Window:
    """Widen a window to whole blocks of the slide."""
    rows, columns = (
        slice(side.start // BLOCK * BLOCK, min(math.ceil(side.stop / BLOCK) * BLOCK, length))
        for side, length in zip(window, shape, strict=True)
    )
    return rows, columns


def _overlap(window: Window, shape: Shape) -> tuple[Window, Window]:
    """Return where a window and an object overlap, in the window and in the object's shape."""
    to, part = [], []
    for side, corner, length in zip(window, shape.corner, shape.depth.shape, strict=True):
        start = max(side.start, corner)
        stop = max(min(side.stop, corner + length), start)
        # nothing in common: an empty slice of both
        to.append(slice(start - side.start, stop - side.start))
        part.append(slice(start - corner, stop - corner))
    return (to[0], to[1]), (part[0], part[1])
