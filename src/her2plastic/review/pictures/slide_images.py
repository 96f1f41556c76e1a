"""The image of a slide for looking at it: pixels, outlines and pyramids, all read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from her2plastic._errors import DamagedTileError, InputFileError
from her2plastic.im.windows import readable_window
from her2plastic.io.lazy_image import LazyImage, UnreadableRegion, lazy_array
from her2plastic.io.ngff_slides import image_groups, is_zarr, pyramid
from her2plastic.io.store_layout import LABELS, element_names

if TYPE_CHECKING:
    from dask.array import Array

    from her2plastic.io import Slide
    from her2plastic.io.ngff_slides import ZarrPlane

    Pyramid: TypeAlias = tuple[tuple[ZarrPlane, ...], ...]


class SlideImages:
    """One slide, and the store that it lies in.

    Parameters
    ----------
    slide
        Its fields at full size.
    store
        The store with its pyramids and outlines; None for a slide that is read from its original file.
    """

    def __init__(self, slide: Slide, store: Path | None = None) -> None:
        self.slide = slide
        self.store = store
        self._label_pyramids: dict[str, Pyramid] = {}
        self._image_pyramids: dict[int, Pyramid] = {}
        self._fields = {one.name: place for place, one in enumerate(slide.fields)}
        self._names: dict[str, list[str]] = {}
        self._written = _stamp(store)

    def place_of(self, field: str) -> int | None:
        """Return the number of a field by its name; the only one goes by any name."""
        return 0 if len(self._fields) == 1 else self._fields.get(field)

    def shape(self, field: int) -> tuple[int, int]:
        """Return rows and columns of a field."""
        rows, columns = self.slide.fields[field].image.shape[1:]
        return int(rows), int(columns)

    def lost(self) -> str:
        """Return why nothing can be read any more, or nothing: a piece that is gone would be read as zeros."""
        if self.store is None or (now := _stamp(self.store)) == self._written:
            return ""
        if now is None:
            return f"{self.store} is no longer there. Was it moved, or the disk taken away?"
        return f"{self.store} was written anew since it was opened. Close the review and open it again."

    def pixels(self, field: int, window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels (channel, y, x) of a window, 0 where unreadable, and which can be read."""
        if self.store is not None:
            # a task graph for each of thousands of small windows would cost more than to read them
            slide = self.slide
            planes = self._image_pyramid(field)[0]
            image = LazyImage(planes, slide.channels, slide.slide_id, slide.fields[field].name)
            try:
                return _numbers(image[:, *window])
            except DamagedTileError:
                pass
        pixels, readable = readable_window(self.slide, field, window)
        numbers, finite = _numbers(pixels)
        return numbers, readable & finite

    def objects(self, field: int, window: tuple[slice, slice], *, kind: str, region: str = "") -> np.ndarray | None:
        """Return the numbers of the objects in a window; None where the slide has none, or they cannot be read.

        ``kind`` is ``"cells"`` or ``"nuclei"``, ``region`` the name of the label image where it is known.
        """
        planes = self._label_pyramid(region or self._element_names(kind)[field])
        if not planes or planes[0][0].shape != self.shape(field):
            return None
        try:
            return planes[0][0].read(*window)
        except UnreadableRegion:
            return None

    def levels(self, field: int) -> tuple[Array, ...]:
        """Return the image of a field in every size there is, the largest first, each (channels, y, x)."""
        whole = self.slide.fields[field]
        if self.store is None:
            return (whole.image,)
        smaller = self._image_pyramid(field)[1:]
        return (whole.image, *(self._lazy(level, self.slide.channels, field) for level in smaller))

    def label_levels(self, field: int, *, kind: str) -> tuple[Array, ...]:
        """Return a label image of a field in every size there is, the largest first, each (y, x)."""
        name = self._element_names(kind)[field]
        return tuple(self._lazy(level, (name,), field)[0] for level in self._label_pyramid(name))

    def _lazy(self, planes: Sequence[ZarrPlane], channels: Sequence[str], field: int) -> Array:
        return lazy_array(planes, channels, slide=self.slide.slide_id, field=self.slide.fields[field].name)

    @cached_property
    def _image_groups(self) -> list[Path]:
        if self.store is None:
            return []
        found, expected = [folder for folder, _ in image_groups(self.store)], len(self.slide.fields)
        if len(found) != expected:  # the others would be taken for those of fields before them
            raise InputFileError(
                f"{self.store}: {len(found)} of its {expected} images are there; the others are no longer there. Put "
                "them back, or copy the store again."
            )
        return found

    def _element_names(self, kind: str) -> list[str]:
        if kind not in self._names:
            self._names[kind] = element_names(self.slide, kind)
        return self._names[kind]

    def _image_pyramid(self, field: int) -> Pyramid:
        if field not in self._image_pyramids:
            self._image_pyramids[field] = pyramid(self._image_groups[field])
        return self._image_pyramids[field]

    def _label_pyramid(self, name: str) -> Pyramid:
        if name in self._label_pyramids:
            return self._label_pyramids[name]
        if found := _label_pyramid(self.store, name):  # that there is none is not kept: the store may come back
            self._label_pyramids[name] = found
        return found


def _numbers(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels with 0 where one is no number in any channel, and where all are numbers."""
    finite = np.isfinite(pixels).all(axis=0)
    return (pixels if finite.all() else np.where(finite, pixels, 0).astype(pixels.dtype)), finite


def _stamp(store: Path | None) -> tuple[int, int] | None:
    """Return what tells a store from another that is put in its place; None where there is none."""
    if store is None:
        return None
    for name in ("zarr.json", ".zgroup"):
        try:
            found = (store / name).stat()
        except OSError:
            continue
        return found.st_ino, found.st_mtime_ns
    return None


def _label_pyramid(store: Path | None, name: str) -> Pyramid:
    """Return the levels of a label image; none where there is no such, or it cannot be read."""
    if store is None or not is_zarr(store / LABELS / name):
        return ()
    try:
        return pyramid(store / LABELS / name)
    except InputFileError:
        return ()
