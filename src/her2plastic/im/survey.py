"""A first look at a whole field on a coarse grid: background, noise and brightness, the same for every tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic.im.windows import read_window
from her2plastic.models.compiling import compiled

if TYPE_CHECKING:
    from her2plastic.im.tiles import Tile, Window
    from her2plastic.io.slide import Slide

#: Side of a block of the grid and of the means taken in it, micrometres. A block is wider than any cell.
BLOCK_UM, MEAN_UM = 50.0, 1.0
#: Pixels, about, that are read at once; what is found does not depend on it.
READ_PIXELS = 1024
#: Share of the means in a block that lie below its background.
BACKGROUND_SHARE = 0.1

_BACKGROUND, _NOISE, _SUM, _SQUARES, _LEAST, _MIDDLE, _MOST, _WIDTH = range(8)


@dataclass(frozen=True)
class Survey:
    """Coarse statistics of a field, equal for every tile of it.

    Attributes
    ----------
    block
        Side of a block, pixels; the grid begins at the first pixel of the field.
    background
        Shape ``(channels, rows, columns)`` of the grid: the level between the objects, the median of a block and its
        neighbours.
    noise
        Standard deviation of a pixel, per channel.
    brightness
        Typical height of an object over the background, per channel; 0 where there is nothing.
    tilt
        Per channel from -1, dark objects on a bright ground, to 1, bright objects on a dark one.
    """

    block: int
    background: np.ndarray
    noise: np.ndarray
    brightness: np.ndarray
    tilt: np.ndarray

    def background_of(self, channel: int, window: Window) -> np.ndarray:
        """Return the background of a channel in a window of the field, interpolated between the blocks."""
        grid = self.background[channel].astype(np.float32)
        for axis, part in enumerate(window):
            where = (np.arange(part.start, part.stop) + 0.5) / self.block - 0.5
            where = np.clip(where, 0, grid.shape[axis] - 1)
            low = np.minimum(where.astype(int), max(grid.shape[axis] - 2, 0))
            high = np.minimum(low + 1, grid.shape[axis] - 1)
            weight = (where - low).astype(np.float32)
            weight = weight[:, None] if axis == 0 else weight
            grid = np.take(grid, low, axis) * (1 - weight) + np.take(grid, high, axis) * weight
        return grid


@dataclass(frozen=True)
class SurveyTask:
    """What a worker does with a tile of whole blocks: one row of statistics per channel and block."""

    field_index: int
    pixel_size_um: float

    @property
    def mean_pixels(self) -> int:
        """Side of the means, pixels."""
        return max(1, round(MEAN_UM / self.pixel_size_um))

    @property
    def block(self) -> int:
        """Side of a block, pixels: a whole number of means."""
        return self.mean_pixels * max(1, round(BLOCK_UM / self.pixel_size_um / self.mean_pixels))

    @property
    def tile_size(self) -> int:
        """Side of what is read at once, pixels: a whole number of blocks."""
        return self.block * max(1, READ_PIXELS // self.block)

    def __call__(self, shared: tuple[Slide, Any], tile: Tile) -> tuple[np.ndarray, frozenset[str]]:
        """Return statistics of shape (channels, rows, columns, 4) of blocks, and what could not be read."""
        pixels, damaged = read_window(shared[0], self.field_index, tile.core)
        return np.stack([_block_statistics(plane, self.block, self.mean_pixels) for plane in pixels]), damaged


def survey_from(found: list[tuple[Tile, np.ndarray]], task: SurveyTask, field_shape: tuple[int, int]) -> Survey:
    """Put the statistics of all tiles together."""
    from scipy import ndimage

    block = task.block
    grid_shape = (-(-field_shape[0] // block), -(-field_shape[1] // block))
    n_channels = len(found[0][1])
    grid = np.full((n_channels, *grid_shape, _WIDTH), np.nan)
    for tile, statistics in found:
        top, left = (part.start // block for part in tile.core)
        grid[:, top : top + statistics.shape[1], left : left + statistics.shape[2]] = statistics
    background = np.zeros((n_channels, *grid_shape))
    noise, brightness, tilt = np.zeros((3, n_channels))
    for channel, blocks in enumerate(grid):
        known = np.isfinite(blocks[..., _BACKGROUND])
        if not known.any():
            continue
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        background[channel] = ndimage.median_filter(blocks[..., _BACKGROUND][tuple(nearest)], 3, mode="nearest")
        noise[channel] = np.median(blocks[known][:, _NOISE])
        total = blocks[known][:, _SUM].sum()
        brightness[channel] = blocks[known][:, _SQUARES].sum() / total if total > 0 else 0.0
        tilt[channel] = _tilt(blocks[known])
    return Survey(block, background, noise, brightness, tilt)


def _tilt(blocks: np.ndarray) -> float:
    """Return on which side of the middle of a block its means reach farther, over all blocks."""
    below, above = blocks[:, _MIDDLE] - blocks[:, _LEAST], blocks[:, _MOST] - blocks[:, _MIDDLE]
    span = (above + below).sum()
    return float((above - below).sum() / span) if span > 0 else 0.0


@compiled
def _block_statistics(plane: np.ndarray, block: int, side: int) -> np.ndarray:
    height, width = plane.shape
    rows, columns = -(-height // block), -(-width // block)
    out = np.full((rows, columns, _WIDTH), np.nan)
    means = np.empty((block // side + 1) ** 2)
    steps = np.empty(block * block)
    for row in range(rows):
        for column in range(columns):
            top, left = row * block, column * block
            bottom, right = min(top + block, height), min(left + block, width)
            n = 0
            for y in range(top, bottom, side):
                for x in range(left, right, side):
                    total, count = 0.0, 0
                    for yy in range(y, min(y + side, bottom)):
                        for xx in range(x, min(x + side, right)):
                            total += plane[yy, xx]
                            count += 1
                    if np.isfinite(total):
                        means[n] = total / count
                        n += 1
            k = 0
            for y in range(top, bottom, 4):  # a quarter of the rows says enough about noise
                for x in range(left, right - 1):
                    step = abs(plane[y, x + 1] - plane[y, x])
                    if np.isfinite(step):
                        steps[k] = step
                        k += 1
            if n == 0:
                continue
            sorted_means = np.sort(means[:n])
            low = sorted_means[int(BACKGROUND_SHARE * n)]
            out[row, column, _BACKGROUND] = low
            out[row, column, _LEAST], out[row, column, _MOST] = sorted_means[0], sorted_means[-1]
            out[row, column, _MIDDLE] = sorted_means[n // 2]
            # the median step between neighbours with independent normal noise is 0.954 of its standard deviation
            out[row, column, _NOISE] = np.median(steps[:k]) / 0.954 if k else 0.0
            out[row, column, _SUM], out[row, column, _SQUARES] = 0.0, 0.0
            least = 0.25 * (sorted_means[-1] - low)
            for i in range(n):
                over = sorted_means[i] - low
                if over > least:
                    out[row, column, _SUM] += over
                    out[row, column, _SQUARES] += over * over
    return out
