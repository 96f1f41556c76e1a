"""Pictures of the cells of a data set by their names, read ahead of the reviewer, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import InputFileError, ReviewError
from her2plastic.review.pictures.cell_picture import CellPicture, CellPlace
from her2plastic.review.pictures.cell_places import places_of, square_around, without_picture
from her2plastic.review.pictures.display_ranges import (
    brightest_pixels,
    kinds_of,
    measured_ranges,
    sampled_ranges,
)
from her2plastic.review.pictures.reading_ahead import PictureReader

if TYPE_CHECKING:
    from anndata import AnnData
    from dask.array import Array

    from her2plastic.io import Slide
    from her2plastic.review.pictures.slide_images import SlideImages

#: Side of the square that is shown of a cell, micrometres: a CTC and what touches it.
SIZE_UM = 32.0
_LARGEST_UM = 2000.0
#: Side of the square in which a part of a cell lies in any case, micrometres.
_NEAR_UM = 24.0
#: Pictures of each kind of cell that the contrast rests on where nothing was measured.
_LOOKED_AT = 24


class CellPictures:
    """Pictures of cells. Nothing is read before it is asked for.

    Parameters
    ----------
    adata
        The cells, as of ``her2plastic slide``, or expression that images were joined to.
    images
        Their slides by name.
    lost
        Slides that were found and cannot be opened, with the reason.
    most_bytes
        Memory that pictures may take that were read ahead.

    Raises
    ------
    ReviewError
        Where two cells have one name.
    MissingKeyError
        Where the table does not say where its cells lie.
    """

    def __init__(
        self,
        adata: AnnData,
        images: Mapping[str, SlideImages],
        *,
        lost: Mapping[str, str] | None = None,
        most_bytes: int = 128_000_000,
    ) -> None:
        self._adata = adata
        self._images = dict(images)
        self._places = places_of(adata)
        self._missing = without_picture(self._places, self._images, lost or {})
        self._ahead = PictureReader(self._read, most_bytes=most_bytes)
        self._ranges: dict[str, tuple[float, float]] | None = None
        self._brightest: dict[str, np.ndarray | None] = {}

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of all slides, in the order in which they first come."""
        return tuple(dict.fromkeys(name for one in self._images.values() for name in one.slide.channels))

    @property
    def slides(self) -> tuple[str, ...]:
        """Names of the slides that there are images of."""
        return tuple(self._images)

    @property
    def cell_ids(self) -> tuple[str, ...]:
        """Names of all cells in the order of the table, those without a picture included."""
        return tuple(self._places.cell_id.tolist())

    @property
    def missing(self) -> dict[str, str]:
        """Cells that have no picture, with the reason. It grows where a picture turns out to be damaged."""
        return dict(self._missing)  # a copy: it is also written to in the background

    def slide(self, name: str) -> Slide:
        """Return a slide: its fields, channels, pixel size and saturation."""
        return self._of(name).slide

    def place(self, cell_id: str) -> CellPlace:
        """Return where a cell lies; ReviewError for one without a picture."""
        row = self._row(cell_id)
        return self._places.place(row, self._of(self._places.slide[row]))

    def crop(self, cell_id: str, *, size_um: float = SIZE_UM) -> CellPicture:
        """Return the square of ``size_um`` micrometres around a cell, in the numbers of the file.

        Raises
        ------
        ReviewError
            With the reason, where the cell has no picture; it then stands in ``missing``.
        """
        self._row(cell_id)
        if not 1.0 <= size_um <= _LARGEST_UM:
            raise ReviewError(f"size_um={size_um!r}: expected micrometres from 1 to {_LARGEST_UM:g}")
        return self._ahead.get(cell_id, size_um)

    def read(self, cell_id: str, *, size_um: float = SIZE_UM, outlines: bool = True) -> CellPicture:
        """Return what :meth:`crop` does, read anew and not held; without the outlines, if they are not needed."""
        row = self._row(cell_id)
        images = self._images[self._places.slide[row]]
        _refuse_lost(cell_id, images)
        try:
            picture = self._cut(row, size_um, outlines)
        except (ReviewError, InputFileError) as fault:
            _refuse_lost(cell_id, images)  # as it may have been while it was read
            self._missing[cell_id] = str(fault)
            raise ReviewError(f"cell {cell_id!r} has no picture: {fault}") from fault
        _refuse_lost(cell_id, images)
        return picture

    def reading_order(self, cell_ids: Sequence[str]) -> np.ndarray:
        """Return the places of cells in the list, in the order in which they lie in the files."""
        return self._places.reading_order(cell_ids, self._images)

    def prefetch(self, cell_ids: Sequence[str], *, size_um: float = SIZE_UM) -> None:
        """Read pictures ahead, in this order, in the background; what was asked for before is given up."""
        self._ahead.want([(name, size_um) for name in cell_ids if name not in self._missing])

    def holds(self, cell_id: str, *, size_um: float = SIZE_UM) -> bool:
        """Tell whether a picture has been read already, so that :meth:`crop` returns at once."""
        return self._ahead.holds(cell_id, size_um)

    def slide_levels(self, slide: str, *, field: str = "") -> tuple[Array, ...]:
        """Return the image of a field in every size that is stored, the largest first: lazy, (channels, y, x)."""
        images = self._of(slide)
        return images.levels(_field(images, field))

    def label_levels(self, slide: str, *, field: str = "", kind: str = "cells") -> tuple[Array, ...]:
        """Return the numbers of the ``cells`` or ``nuclei`` of a field in every size: lazy, (y, x)."""
        images = self._of(slide)
        return images.label_levels(_field(images, field), kind=kind)

    def display_ranges(self) -> dict[str, tuple[float, float]]:
        """Return the values shown as black and as full light in each channel: one pair for the whole data set.

        They are those of the file. No cell is ever stretched by itself: a bright cell is a bright cell.
        """
        if self._ranges is None:
            saturation = max((one.slide.saturation for one in self._images.values()), default=np.inf)
            ranges = measured_ranges(self._adata, self.channels, saturation=saturation)
            if unmeasured := [name for name in self.channels if name not in ranges]:
                ranges |= sampled_ranges(map(self._some, kinds_of(self._adata)), unmeasured, saturation=saturation)
            self._ranges = {name: ranges[name] for name in self.channels}
        return dict(self._ranges)

    def _some(self, kind: np.ndarray) -> Iterator[CellPicture]:
        """Yield pictures of cells of a kind that lie evenly over the table."""
        shown = [name for name in self._places.cell_id[kind].tolist() if name not in self._missing]
        for place in np.unique(np.linspace(0, len(shown) - 1, min(_LOOKED_AT, len(shown))).astype(int)):
            try:
                yield self.read(shown[place])
            except ReviewError:
                continue

    def close(self) -> None:
        """End the reading in the background, and let go of what was read."""
        self._ahead.close()

    def _of(self, slide: str) -> SlideImages:
        if slide not in self._images:
            raise ReviewError(f"there is no image of slide {slide!r}; there are {', '.join(self._images) or 'none'}")
        return self._images[slide]

    def _row(self, cell_id: str) -> int:
        row = self._places.row(cell_id)
        if cell_id in self._missing:
            raise ReviewError(f"cell {cell_id!r} has no picture: {self._missing[cell_id]}")
        return row

    def _read(self, cell_id: str, size_um: float) -> CellPicture:
        return self.read(cell_id, size_um=size_um)

    def _cut(self, row: int, size_um: float, outlines: bool) -> CellPicture:
        images, places = self._images[self._places.slide[row]], self._places
        slide, field = images.slide, images.place_of(places.field[row]) or 0
        cut = square_around(places.place(row, images), size_um, images.shape(field))
        pixels = np.zeros((len(slide.channels), cut.side, cut.side), dtype=slide.fields[field].image.dtype)
        cell, nucleus, inside = np.zeros((3, cut.side, cut.side), dtype=bool)
        pixels[:, *cut.to], inside[cut.to] = images.pixels(field, cut.window)
        if not inside.any():
            raise ReviewError(f"its part of the image of slide {slide.slide_id!r} cannot be read")
        self._refuse_lost_light(row, images, pixels)
        number = int(places.number[row])
        found = images.objects(field, cut.window, kind="cells", region=places.region[row]) if outlines else None
        if number and found is not None:
            cell[cut.to] = found == number
            if not cell.any() and not self._is_near(row, images):
                raise ReviewError(
                    f"object {number} is not where the table says in the outlines of slide {slide.slide_id!r}: the "
                    "images are not those that the cells were measured on"
                )
            nuclei = images.objects(field, cut.window, kind="nuclei")
            nucleus[cut.to] = False if nuclei is None else nuclei == number
        return CellPicture(str(places.cell_id[row]), pixels, cell, nucleus, inside, slide.channels, slide.pixel_size_um)

    def _refuse_lost_light(self, row: int, images: SlideImages, pixels: np.ndarray) -> None:
        """Raise ReviewError where pieces of the image are gone: read as zeros, they would look like no stain."""
        name = images.slide.slide_id
        if not pixels.any():
            raise ReviewError(
                f"its part of the image of slide {name!r} is zero in every channel: pieces of it are lost"
            )
        for channel, values in zip(images.slide.channels, pixels, strict=True):
            if values.any():
                continue
            if channel not in self._brightest:
                self._brightest[channel] = brightest_pixels(self._adata, channel)
            measured = self._brightest[channel]
            if measured is not None and measured[row] > 0:
                raise ReviewError(
                    f"channel {channel} is zero all over in its part of the image of slide {name!r}, but light was "
                    f"measured there (up to {measured[row]:,.0f}): pieces of the image are lost"
                )

    def _is_near(self, row: int, images: SlideImages) -> bool:
        """Tell whether a cell is around its place at all: a small square in the middle of a crescent misses it."""
        places = self._places
        field = images.place_of(places.field[row]) or 0
        cut = square_around(places.place(row, images), _NEAR_UM, images.shape(field))
        found = images.objects(field, cut.window, kind="cells", region=places.region[row])
        return found is None or bool((found == places.number[row]).any())


def _refuse_lost(cell_id: str, images: SlideImages) -> None:
    """Raise ReviewError where the store of a cell is gone; it may come back, as disks of a network do."""
    if lost := images.lost():
        raise ReviewError(f"cell {cell_id!r} has no picture: {lost}")


def _field(images: SlideImages, name: str) -> int:
    number = images.place_of(name)
    if number is None:
        known = ", ".join(repr(one.name) for one in images.slide.fields)
        raise ReviewError(f"slide {images.slide.slide_id!r} has no field {name!r}; it has {known}")
    return number
