"""A simulated slide on disk, in the formats that laboratories have."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from her2plastic._errors import ParameterError, one_of
from her2plastic.datasets.slide import SimulatedSlide
from her2plastic.datasets.slide_objects import CK_NEGATIVE, CTC, DEBRIS
from her2plastic.datasets.slide_tiff import write_ome_tiff, write_pages
from her2plastic.datasets.slide_zarr import write_ome_zarr
from her2plastic.io import Slide
from her2plastic.io.image_columns import BIT_DEPTH, CHANNELS, PATTERN, PIXEL_SIZE

#: Largest side of a field in a folder of fields, pixels.
_FIELD_PX = 1024
#: Side of a thumbnail, micrometres, and the smallest fragment that gets one.
_THUMBNAIL_UM, _SMALLEST_UM = 51.2, 4.0


@dataclass(frozen=True)
class SlideFileFormat:
    """What the path of a slide ends with, what writes it, and what a reader has to be told."""

    ending: str
    write: Callable[[SimulatedSlide, Path], None]
    untold: tuple[str, ...] = ()
    pattern: str = ""

    def sheet_columns(self, slide: Slide) -> dict[str, object]:
        """Return what the sample sheet has to say of a slide, empty where the files tell it."""
        numbered = ";".join(f"{name}={number}" for number, name in enumerate(slide.channels))
        told = {CHANNELS: numbered, PIXEL_SIZE: slide.pixel_size_um, BIT_DEPTH: slide.bit_depth}
        return {name: value if name in self.untold else "" for name, value in told.items()} | {PATTERN: self.pattern}


def _write_tiff(simulated: SimulatedSlide, path: Path) -> None:
    write_pages(list(simulated.slide.fields[0].image), path)


def _write_channels(simulated: SimulatedSlide, path: Path) -> None:
    path.mkdir()
    for name, page in zip(simulated.slide.channels, simulated.slide.fields[0].image, strict=True):
        write_pages([page], path / f"{name}.tif")


def _write_fields(simulated: SimulatedSlide, path: Path) -> None:
    path.mkdir()
    slide = simulated.slide
    image = slide.fields[0].image
    numbers = [math.ceil(side / _FIELD_PX) for side in image.shape[1:]]
    height, width = (side // number for side, number in zip(image.shape[1:], numbers, strict=True))
    for row in range(numbers[0]):
        for column in range(numbers[1]):
            part = image[:, row * height : (row + 1) * height, column * width : (column + 1) * width].compute()
            for name, page in zip(slide.channels, part, strict=True):
                write_pages([page], path / f"r{row + 1:02d}c{column + 1:02d}_{name}.tif")


def _write_gallery(simulated: SimulatedSlide, path: Path) -> None:
    path.mkdir()
    for number, window in thumbnails(simulated).items():
        pages = simulated.slide.fields[0].image[(slice(None), *window)].compute()
        write_pages(list(pages), path / f"{simulated.slide.slide_id}_{number:05d}.tif")


_NOTHING_TOLD = (CHANNELS, PIXEL_SIZE, BIT_DEPTH)
SLIDE_FILES: dict[str, SlideFileFormat] = {
    "ome-tiff": SlideFileFormat(".ome.tif", lambda simulated, path: write_ome_tiff(simulated.slide, path)),
    # NGFF has no word for the bits of a camera
    "ome-zarr": SlideFileFormat(
        ".ome.zarr", lambda simulated, path: write_ome_zarr(simulated.slide, path, version="0.5"), (BIT_DEPTH,)
    ),
    "ome-zarr-0.4": SlideFileFormat(
        ".ome.zarr", lambda simulated, path: write_ome_zarr(simulated.slide, path, version="0.4"), (BIT_DEPTH,)
    ),
    "tiff": SlideFileFormat(".tif", _write_tiff, _NOTHING_TOLD),
    "channels": SlideFileFormat("_channels", _write_channels, (PIXEL_SIZE, BIT_DEPTH)),
    "fields": SlideFileFormat("_fields", _write_fields, (PIXEL_SIZE, BIT_DEPTH), "{field}_{channel}.tif"),
    "gallery": SlideFileFormat("_gallery", _write_gallery, _NOTHING_TOLD),
}


def write_slide(
    simulated: SimulatedSlide, path: str | Path, *, format: str = "ome-tiff", truth: str | Path | None = None
) -> Path:
    """Write a simulated slide as scanners and cartridge systems do.

    Parameters
    ----------
    simulated
        A slide of :func:`simulate_slide`. One that is drawn lazily is written with a few tiles in memory.
    path
        File or folder to write. Nothing that is there is overwritten.
    format
        ``"ome-tiff"`` (tiles, pyramid, OME-XML with pixel size, channel names and significant bits), ``"tiff"`` (a page
        a channel, no metadata), ``"channels"`` (a folder, ``<channel>.tif``), ``"fields"`` (a folder,
        ``r<row>c<column>_<channel>.tif``: the fewest equal fields of at most 1,024 x 1,024 pixels; a last row or column
        that is left over is cut off), ``"ome-zarr"`` (NGFF 0.5), ``"ome-zarr-0.4"``, or
        ``"gallery"`` (a folder, one TIFF of all channels for each candidate: ``<slide>_<number>.tif``, 51.2 um wide,
        around each cell with cytokeratin or HER2 and each fragment of at least 4 um).
    truth
        File for the truth table as CSV; none is written unless it is named.

    Returns
    -------
    ``path``.

    Raises
    ------
    ParameterError
        When the format is not known, or something to be written is there already.
    MissingExtraError
        When the packages for images are not installed.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> path = hp.datasets.write_slide(made, "slide.ome.tif", truth="truth.csv")
    >>> hp.io.read_slide(path).channels
    ('DAPI', 'CK', 'CD45', 'HER2')
    """
    from her2plastic.io import write_table

    one_of("format", format, SLIDE_FILES)
    path = Path(path)
    table = None if truth is None else Path(truth)
    for target in (path, table):
        if target is not None and target.exists():
            raise ParameterError(f"path={str(target)!r}: is there already; give another path")
    path.parent.mkdir(parents=True, exist_ok=True)
    SLIDE_FILES[format].write(simulated, path)
    if table is not None:
        write_table(simulated.truth, table)
    return path


def thumbnails(simulated: SimulatedSlide) -> dict[int, tuple[slice, slice]]:
    """Return the windows of the candidates' thumbnails by the number of the object."""
    slide, truth = simulated.slide, simulated.truth
    large = (truth["kind"] == DEBRIS) & (truth["diameter_um"] >= _SMALLEST_UM)
    chosen: pd.DataFrame = truth[truth["kind"].isin([CTC, CK_NEGATIVE]) | large]
    return {int(row.number): _around(slide, float(row.y_um), float(row.x_um)) for row in chosen.itertuples()}  # type: ignore[arg-type]


def _around(slide: Slide, y_um: float, x_um: float) -> tuple[slice, slice]:
    """Return a window of a thumbnail's size around a place, moved inwards at the edge."""
    sides: list[Any] = []
    for centre, length in zip((y_um, x_um), slide.fields[0].image.shape[1:], strict=True):
        side = min(length, round(_THUMBNAIL_UM / slide.pixel_size_um))
        first = min(max(round(centre / slide.pixel_size_um - side / 2), 0), length - side)
        sides.append(slice(first, first + side))
    return sides[0], sides[1]
