"""From a slide to its objects: tiles are segmented one by one, and every object is painted once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic._errors import DataWarning, InputFileError, ParameterError, check_made_by
from her2plastic.im.classical import ClassicalSegmenter
from her2plastic.im.object_table import COLUMNS, renumber_in_raster_order, table_of_objects
from her2plastic.im.segmentation import Segmentation
from her2plastic.im.segmenter import Segmenter, TileContext
from her2plastic.im.survey import Survey, SurveyTask, survey_from
from her2plastic.im.tile_bar import tile_bar
from her2plastic.im.tiles import Tile, TilePool, tiles_of
from her2plastic.im.windows import read_window

if TYPE_CHECKING:
    from her2plastic.io.slide import Slide


#: DAPI that leans so far to the dark is inverted: fields of nuclei lean by 0.4 and more to the bright.
_INVERTED = -0.5
#: Share of the fields that may do so by chance.
_FEW_FIELDS = 0.1


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
        Number of processes. They are started anew: a script that asks for several has to begin its work below
        ``if __name__ == "__main__":``.
    scheduler
        Address of a Dask scheduler (``tcp://...``) that does the work instead.
    store
        Folder for the label images, as zarr; without it they are held in memory.
    progress
        Show a bar on standard error; None shows it if that is a terminal.

    Returns
    -------
    Label images and one row an object. A field without nuclei has no rows but those of debris. A region that cannot be
    read is named in ``damaged`` and left empty; what it cuts is marked as touching an edge.

    Raises
    ------
    ChannelError
        When no channel shows the nuclei.
    InputFileError
        When a channel holds no number at all.
    ParameterError
        When an argument cannot be used.
    WorkersLostError
        When the processes that do the work die again and again.

    Warns
    -----
    DataWarning
        DAPI shows dark objects on a bright ground, in more than a tenth of the fields.

    Notes
    -----
    Tiles are read with a margin of ``segmenter.halo_um``, and an object is painted whole by the tile whose core holds
    its first pixel in raster order. An object that is larger than the margin is cut where that tile's window ends.
    Background, noise and brightness are taken from a survey of the whole field first, on a grid of 50 um that has
    nothing to do with the tiles.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> found = hp.im.segment(made.slide)
    >>> found.objects["kind"].value_counts().to_dict()
    {'debris': 42, 'cell': 12}
    """
    from her2plastic.io.slide import Slide

    check_made_by("slide", slide, Slide, "io.read_slide")
    chosen = ClassicalSegmenter() if segmenter is None else segmenter
    if not isinstance(chosen, Segmenter):
        raise ParameterError(f"segmenter={chosen!r}: expected something with halo_um that can be called with a tile")
    nuclei, cells, tables, damaged, inverted = [], [], [], set(slide.damaged), []
    pool = TilePool((slide, chosen), workers=workers, scheduler=scheduler)
    with pool, tile_bar("segmenting", shown=progress) as bar:
        for index in range(len(slide.fields)):
            painted = _labels(store, index, _shape(slide, index))
            lost, cut, survey = _segment_field(pool, index, painted, tile_size, bar)
            damaged |= lost
            inverted += [index] if _is_inverted(slide, survey) else []
            tables.append(table_of_objects(*painted, slide=slide, field_index=index, cut=cut))
            nuclei.append(painted[0])
            cells.append(painted[1])
    _tell_inverted(slide, inverted)
    objects = pd.concat(tables, ignore_index=True)[list(COLUMNS)]
    return Segmentation(slide, tuple(nuclei), tuple(cells), objects, _parameters(chosen), tuple(sorted(damaged)))


def _segment_field(
    pool: TilePool, index: int, painted: tuple[Any, Any], tile_size: int, bar: Callable[[int, int], None]
) -> tuple[set[str], np.ndarray, Survey]:
    """Paint the objects of one field; return what could not be read, the labels that are cut by it, and its survey."""
    slide, segmenter = pool.shared
    shape = _shape(slide, index)
    look = SurveyTask(index, slide.pixel_size_um)
    damaged: set[str] = set()
    found = []
    for tile, (statistics, lost) in pool.run(look, tiles_of(shape, tile_size=look.tile_size, halo=0)):
        found.append((tile, statistics))
        damaged |= lost
    if not damaged and not any(np.isfinite(statistics).any() for _, statistics in found):
        raise InputFileError(
            f"slide {slide.slide_id!r}: no pixel holds a number in every channel ({', '.join(slide.channels)}). Leave "
            "a channel that holds none (NaN all over) out when the slide is written."
        )
    task = _SegmentTask(index, survey_from(found, look, shape))
    halo = int(np.ceil(segmenter.halo_um / slide.pixel_size_um))
    n_objects = 0
    cut: list[np.ndarray] = []
    tiles = tiles_of(shape, tile_size=tile_size, halo=halo)
    for tile, (labels, lost, cut_here) in pool.run(task, tiles, progress=bar):
        cut.append(cut_here + n_objects)
        n_objects = _paint(painted, tile, labels, n_objects)
        damaged |= lost
    new = renumber_in_raster_order(*painted)
    marked = np.concatenate(cut)
    marked = new[marked[marked < len(new)]]  # what other objects cover altogether was never painted
    return damaged, marked[marked > 0], task.survey


def _is_inverted(slide: Slide, survey: Survey) -> bool:
    return slide.has("DAPI") and bool(survey.tilt[slide.channel("DAPI")] <= _INVERTED)


def _tell_inverted(slide: Slide, inverted: list[int]) -> None:
    """Warn once where the nuclei are dark on a bright ground: what would be found is the gaps between them.

    A thumbnail that one nucleus fills leans to the dark, too: slides are inverted as a whole, or by many fields.
    """
    if len(inverted) <= _FEW_FIELDS * len(slide.fields):
        return
    name = slide.fields[inverted[0]].name
    where = f", {len(inverted)} of {len(slide.fields)} fields (first {name!r})" if len(slide.fields) > 1 else ""
    warnings.warn(
        f"slide {slide.slide_id!r}{where}: DAPI shows dark objects on a bright ground, as an inverted or bright-field "
        "image does; what is found are no nuclei. Expected is fluorescence, 0 for dark: invert the image (its largest "
        "value less the pixels).",
        DataWarning,
        stacklevel=3,
    )


def _shape(slide: Slide, index: int) -> tuple[int, int]:
    height, width = slide.fields[index].image.shape[1:]
    return int(height), int(width)


def _parameters(segmenter: Segmenter) -> dict[str, Any]:
    """Return what a segmenter was made with as plain values, nested ones with a dot in their name."""
    made = {"segmenter": type(segmenter).__name__, "halo_um": float(segmenter.halo_um)}
    for name, value in _plain_fields(segmenter):
        made |= {f"{name}.{key}": item for key, item in _plain_fields(value)} or {name: value}
    return {name: value for name, value in made.items() if isinstance(value, str | bool | int | float)}


def _plain_fields(thing: Any) -> list[tuple[str, Any]]:
    if not is_dataclass(thing) or isinstance(thing, type):
        return []
    return [(field.name, getattr(thing, field.name)) for field in fields(thing)]


def _labels(store: Path | str | None, index: int, shape: tuple[int, int]) -> tuple[Any, Any]:
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
class _SegmentTask:
    """What a worker does with a tile: read it, segment it, keep the objects that begin in its core."""

    field_index: int
    survey: Survey

    def __call__(
        self, shared: tuple[Slide, Segmenter], tile: Tile
    ) -> tuple[tuple[np.ndarray, np.ndarray], frozenset[str], np.ndarray]:
        """Return label images of what begins in the core, what could not be read, and the labels cut by that."""
        slide, segmenter = shared
        pixels, lost = read_window(slide, self.field_index, tile.window)
        origin = (tile.window[0].start, tile.window[1].start)
        rows, columns = (
            slice(core.start - start, core.stop - start) for core, start in zip(tile.core, origin, strict=True)
        )
        shape = _shape(slide, self.field_index)
        context = TileContext(slide.channels, slide.pixel_size_um, origin, shape, (rows, columns), self.survey)
        unread = np.isnan(pixels[0])
        if unread.all():
            empty = np.zeros(pixels.shape[1:], np.int32)
            return (empty, empty), lost, np.zeros(0, np.int32)
        nuclei, cells = segmenter(pixels, context)
        labels = _owned(nuclei, cells, context)
        return labels, lost, _beside(labels[1], unread)


def _beside(labels: np.ndarray, unread: np.ndarray) -> np.ndarray:
    """Return the labels that reach an unreadable pixel."""
    if not unread.any():
        return np.zeros(0, np.int32)
    from scipy import ndimage

    found = np.unique(labels[ndimage.binary_dilation(unread, np.ones((3, 3)))])
    return found[found > 0].astype(np.int32)


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
