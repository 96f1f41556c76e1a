"""From a slide to its objects: tiles are segmented one by one, and every object is painted once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic._errors import ParameterError
from her2plastic.im.classical import ClassicalSegmenter
from her2plastic.im.object_table import COLUMNS, renumber_in_raster_order, table_of_objects
from her2plastic.im.segmentation import Segmentation
from her2plastic.im.segmenter import Segmenter, TileContext
from her2plastic.im.survey import Survey
from her2plastic.im.tiles import Tile, map_tiles
from her2plastic.im.windows import read_window

if TYPE_CHECKING:
    from her2plastic.io.slide import Slide


def segment(
    slide: Slide,
    *,
    segmenter: Segmenter | None = None,
    tile_size: int = 1024,
    workers: int = 1,
    scheduler: str | None = None,
    store: Path | str | None = None,
    progress: bool | None = False,
) -> Segmentation:
    """Find nuclei, cells and debris on a slide.

    Parameters
    ----------
    slide
        What to segment.
    segmenter
        What finds the objects in a tile; by default a :class:`ClassicalSegmenter` with its defaults.
    tile_size
        Side of a tile in pixels, its margin not counted. It changes memory and time, never the result.
    workers
        Number of processes.
    scheduler
        Address of a Dask scheduler (``tcp://...``) that does the work instead.
    store
        Folder for the label images, as zarr; without it they are held in memory.
    progress
        Show a bar on standard error; None shows it if that is a terminal.

    Returns
    -------
    Label images and one row an object. A field without nuclei gives empty label images and no rows.

    Raises
    ------
    ParameterError
        When an argument cannot be used.
    """
    chosen = ClassicalSegmenter() if segmenter is None else segmenter
    if not isinstance(chosen, Segmenter):
        raise ParameterError(f"segmenter={chosen!r}: expected something with halo_um that can be called with a tile")
    halo = int(np.ceil(chosen.halo_um / slide.pixel_size_um))
    nuclei, cells, tables = [], [], []
    for index, field in enumerate(slide.fields):
        shape = (int(field.image.shape[1]), int(field.image.shape[2]))
        painted = _labels(store, index, shape, tile_size)
        work = _TileWork(slide, index, chosen, Survey())
        n_objects = 0
        for tile, found in map_tiles(work, shape, tile_size=tile_size, halo=halo, workers=workers, scheduler=scheduler):
            n_objects = _paint(painted, tile, found, n_objects)
        renumber_in_raster_order(*painted)
        tables.append(table_of_objects(*painted, slide=slide, field_index=index))
        nuclei.append(painted[0])
        cells.append(painted[1])
    objects = pd.concat(tables, ignore_index=True)[list(COLUMNS)]
    params = {"segmenter": type(chosen).__name__}
    if is_dataclass(chosen):
        params |= asdict(chosen)
    return Segmentation(slide, tuple(nuclei), tuple(cells), objects, params)


def _labels(store: Path | str | None, index: int, shape: tuple[int, int], tile_size: int) -> tuple[Any, Any]:
    if store is None:
        return np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    import zarr

    group = zarr.open_group(str(store), mode="a")
    chunks = (min(512, shape[0]), min(512, shape[1]))
    made = [
        group.create_array(f"{index}/{name}", shape=shape, chunks=chunks, dtype="int32", fill_value=0, overwrite=True)
        for name in ("nuclei", "cells")
    ]
    return made[0], made[1]


@dataclass(frozen=True)
class _TileWork:
    """What a worker does with a tile: read it, segment it, keep the objects that begin in its core."""

    slide: Slide
    field_index: int
    segmenter: Segmenter
    survey: Survey

    def __call__(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        pixels, _ = read_window(self.slide, self.field_index, tile.window)
        origin = (tile.window[0].start, tile.window[1].start)
        core = tuple(
            slice(core.start - start, core.stop - start) for core, start in zip(tile.core, origin, strict=True)
        )
        shape = self.slide.fields[self.field_index].image.shape
        context = TileContext(
            self.slide.channels, self.slide.pixel_size_um, origin, (shape[1], shape[2]), (core[0], core[1]), self.survey
        )
        nuclei, cells = self.segmenter(pixels, context)
        return _owned(nuclei, cells, context)


def _owned(nuclei: np.ndarray, cells: np.ndarray, context: TileContext) -> tuple[np.ndarray, np.ndarray]:
    """Return the objects whose first pixel in raster order lies in the core, numbered from 1."""
    labels, first = np.unique(cells, return_index=True)
    y, x = np.divmod(first, cells.shape[1])
    rows, columns = context.core
    mine = (labels > 0) & (y >= rows.start) & (y < rows.stop) & (x >= columns.start) & (x < columns.stop)
    new = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    new[labels[mine]] = np.arange(1, np.count_nonzero(mine) + 1)
    return new[nuclei], new[cells]


def _paint(painted: tuple[Any, Any], tile: Tile, found: tuple[np.ndarray, np.ndarray], n_objects: int) -> int:
    nuclei, cells = found
    free = np.asarray(painted[1][tile.window]) == 0
    for image, labels in zip(painted, (nuclei, cells), strict=True):
        there = np.asarray(image[tile.window])
        new = free & (labels > 0)
        there[new] = labels[new] + n_objects
        image[tile.window] = there
    return n_objects + int(cells.max(initial=0))
