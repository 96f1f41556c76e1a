"""The picture of a slide by parts: objects, background, vignetting, noise and camera."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from her2plastic.datasets.slide_drawing import Patch, Pen, draw
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
        outer = _by_blocks(window, self.shape)
        light = self._light(outer)
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
        size = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        nuclei, cells = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.int32)
        nearest = np.full(size, np.inf, dtype=np.float32)
        for number, patch in self._patches(window, with_masks=True):
            to, part = _overlap(window, patch)
            closer = patch.depth[part] < np.minimum(nearest[to], 2.0)
            nearest[to][closer] = patch.depth[part][closer]
            cells[to][closer] = number
            nuclei[to][closer] = np.where(patch.nucleus[part][closer], number, 0)
        return nuclei, cells

    def shading(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the share of the light that reaches pixels in the given rows and columns of the slide."""
        return 1.0 - self.pen.optics.vignetting * (self._across(rows)[:, None] ** 2 + self._across(columns) ** 2) / 2

    def _across(self, pixels: np.ndarray) -> np.ndarray:
        """Return places in a camera field, from -1 to 1."""
        side = self.pen.optics.camera_field_px
        return (pixels % side + 0.5) / (side / 2) - 1

    def _light(self, window: Window) -> np.ndarray:
        """Return the expected photo-electrons of a window."""
        rows, columns = np.arange(window[0].start, window[0].stop), np.arange(window[1].start, window[1].stop)
        light = np.zeros((len(CHANNELS), len(rows), len(columns)), dtype=np.float32)
        for _, patch in self._patches(window, with_masks=False):
            to, part = _overlap(window, patch)
            light[(slice(None), *to)] += patch.signal[(slice(None), *part)]
        optics = self.pen.optics
        light[CHANNELS.index("CK")] += optics.bleed_through * light[CHANNELS.index("HER2")]
        # sums and products only: their last digit does not depend on where an array begins
        slope = (self._across(rows)[:, None] + self._across(columns)) / 2
        light += (optics.background * (1 + optics.gradient * slope)).astype(np.float32)
        light *= self.shading(rows, columns).astype(np.float32)
        return light

    def _patches(self, window: Window, *, with_masks: bool) -> Iterator[tuple[int, Patch]]:
        """Yield the objects that may reach into a window, by number."""
        pixel = self.pen.pixel_size_um
        reach = self.objects["diameter_um"].to_numpy() * 0.75 + 2.5 + 2 * pixel
        near = np.ones(len(self.objects), dtype=bool)
        for name, side in (("y_um", window[0]), ("x_um", window[1])):
            place = self.objects[name].to_numpy()
            near &= (place + reach > side.start * pixel) & (place - reach < side.stop * pixel)
        for row in self.objects[near].itertuples(index=False):
            if not (with_masks and row.kind == "blob"):
                yield int(row.number), draw(row, self.pen)  # type: ignore[arg-type]


def _by_blocks(window: Window, shape: tuple[int, int]) -> Window:
    """Widen a window to whole blocks of the slide."""
    rows, columns = (
        slice(side.start // BLOCK * BLOCK, min(math.ceil(side.stop / BLOCK) * BLOCK, length))
        for side, length in zip(window, shape, strict=True)
    )
    return rows, columns


def _overlap(window: Window, patch: Patch) -> tuple[Window, Window]:
    """Return where window and patch overlap, in the window and in the patch."""
    to, part = [], []
    for side, corner, length in zip(window, patch.corner, patch.depth.shape, strict=True):
        start = max(side.start, corner)
        stop = max(min(side.stop, corner + length), start)
        # nothing in common: an empty slice of both
        to.append(slice(start - side.start, stop - side.start))
        part.append(slice(start - corner, stop - corner))
    return (to[0], to[1]), (part[0], part[1])
