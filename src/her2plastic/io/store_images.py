"""Images and label images with their pyramids, written window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from her2plastic._errors import DamagedTileError
from her2plastic.io.readable_parts import Window, readable_parts
from her2plastic.io.slide import Slide

_CHUNK = 1024
#: A pyramid ends at the first level whose longer side is not above this.
_SMALLEST = 512


def write_image(group: Any, slide: Slide, field: int) -> tuple[int, list[str]]:
    """Write the image of a field; return the number of levels, and what could not be read, which is left at zero."""
    image = slide.fields[field].image
    damaged: dict[str, None] = {}

    def pixels(window: Window) -> np.ndarray:
        (y, x), out = window, np.zeros((image.shape[0], *(part.stop - part.start for part in window)), image.dtype)
        for (rows, columns), found in readable_parts(slide, field, window):
            if isinstance(found, DamagedTileError):
                damaged[str(found)] = None
            else:
                place = (
                    slice(rows.start - y.start, rows.stop - y.start),
                    slice(columns.start - x.start, columns.stop - x.start),
                )
                out[:, *place] = found
        return out

    return _write_levels(group, image.shape, image.dtype, pixels, _means), list(damaged)


def write_labels(group: Any, labels: Any) -> int:
    """Write a label image; return the number of levels. Smaller levels hold the label of every second pixel."""
    return _write_levels(
        group,
        labels.shape,
        np.dtype(np.int32),
        lambda window: np.asarray(labels[window], dtype=np.int32),
        _every_second,
    )


def _write_levels(
    group: Any,
    shape: tuple[int, ...],
    dtype: np.dtype,
    pixels: Callable[[Window], np.ndarray],
    halved: Callable[[np.ndarray], np.ndarray],
) -> int:
    """Write the full size and every smaller one, each from the one before."""
    axes = ("c", "y", "x")[-len(shape) :]
    level = 0
    while True:
        chunks = (*(1,) * (len(shape) - 2), *(min(_CHUNK, side) for side in shape[-2:]))
        array = group.create_array(f"s{level}", shape=shape, chunks=chunks, dtype=dtype, dimension_names=axes)
        for window in _windows(shape[-2:]):
            array[..., *window] = pixels(window)
        level += 1
        if max(shape[-2:]) <= _SMALLEST:
            return level
        shape = (*shape[:-2], *(max(1, side // 2) for side in shape[-2:]))
        pixels = _from(array, halved)


def _from(array: Any, halved: Callable[[np.ndarray], np.ndarray]) -> Callable[[Window], np.ndarray]:
    def pixels(window: Window) -> np.ndarray:
        return halved(np.asarray(array[..., *(slice(2 * part.start, 2 * part.stop) for part in window)]))

    return pixels


def _windows(shape: tuple[int, ...]) -> Iterator[Window]:
    for top in range(0, shape[0], _CHUNK):
        for left in range(0, shape[1], _CHUNK):
            yield slice(top, min(top + _CHUNK, shape[0])), slice(left, min(left + _CHUNK, shape[1]))


def _means(pixels: np.ndarray) -> np.ndarray:
    """Return the means of 2 x 2 pixels, whole numbers rounded."""
    rows, columns = (max(1, side // 2) for side in pixels.shape[-2:])
    total = np.zeros((*pixels.shape[:-2], rows, columns), np.float64)
    count = 0
    for corner in np.ndindex(*(min(2, side) for side in pixels.shape[-2:])):
        total += pixels[..., corner[0] :: 2, corner[1] :: 2][..., :rows, :columns]
        count += 1
    means = total / count
    return (np.rint(means) if pixels.dtype.kind in "ui" else means).astype(pixels.dtype)


def _every_second(labels: np.ndarray) -> np.ndarray:
    return labels[..., ::2, ::2][..., : max(1, labels.shape[-2] // 2), : max(1, labels.shape[-1] // 2)]
