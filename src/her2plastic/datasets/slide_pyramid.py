"""The pixels of a slide at full size and at halved sizes, without holding them all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from her2plastic._errors import from_extra

#: A pyramid ends at the first level whose longer side is not above this.
_SMALLEST = 512
_CHUNK = 1024
#: Images of more bytes than this are not held in memory.
_IN_MEMORY = 2**26


def level_shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of a pyramid's levels, the full size first; an odd last row or column is left out."""
    shapes = [tuple(shape)]
    while max(shapes[-1][-2:]) > _SMALLEST:
        shapes.append((*shape[:-2], max(1, shapes[-1][-2] // 2), max(1, shapes[-1][-1] // 2)))
    return shapes


def halved(image: Any) -> Any:
    """Return a dask array of half the rows and columns: means of 2 x 2 pixels, rounded."""
    da = from_extra("dask.array", extra="imaging")
    halves = {axis: 2 for axis in (image.ndim - 2, image.ndim - 1) if image.shape[axis] > 1}
    even = image[tuple(slice(size // 2 * 2 if axis in halves else size) for axis, size in enumerate(image.shape))]
    even = even.rechunk(dict.fromkeys(halves, _CHUNK))
    return da.rint(da.coarsen(np.mean, even, halves)).astype(image.dtype)


@contextmanager
def levels_of(image: Any, folder: Path) -> Iterator[list[Any]]:
    """Draw every pixel once and yield the levels as dask arrays; those of large images lie in a store in ``folder``.

    A lazily drawn slide would otherwise be drawn anew for each channel and each level that is written.
    """
    if image.nbytes <= _IN_MEMORY:
        yield _in_memory(image)
        return
    zarr = from_extra("zarr", extra="imaging")
    with TemporaryDirectory(dir=folder, prefix=".slide-") as scratch:
        yield _stored(image, zarr.open_group(scratch, mode="w"))


def _in_memory(image: Any) -> list[Any]:
    da = from_extra("dask.array", extra="imaging")
    levels = [da.from_array(image.compute())]
    for _ in level_shapes(image.shape)[1:]:
        levels.append(da.from_array(halved(levels[-1]).compute()))
    return levels


def _stored(image: Any, root: Any) -> list[Any]:
    da = from_extra("dask.array", extra="imaging")
    levels: list[Any] = []
    for number, shape in enumerate(level_shapes(image.shape)):
        chunks = (*(1,) * (image.ndim - 2), _CHUNK, _CHUNK)
        array = root.create_array(str(number), shape=shape, dtype=image.dtype, chunks=chunks, compressors=None)
        da.store(_as_chunks(halved(levels[-1]) if levels else image, array), array, lock=False)
        levels.append(da.from_array(array, chunks=array.chunks))
    return levels


def _as_chunks(source: Any, array: Any) -> Any:
    """Cut an array along the chunks that it will be stored in, all channels together."""
    return source.rechunk((*source.shape[:-2], *array.chunks[-2:]))
