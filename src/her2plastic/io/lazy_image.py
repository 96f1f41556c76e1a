"""Images that are read window by window: stored planes, and what a window of them that cannot be read is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from her2plastic._errors import DamagedTileError, from_extra

if TYPE_CHECKING:
    from dask.array import Array

_CHUNK = 2048


class Plane(Protocol):
    """One channel of one field as a file stores it. It can be pickled, and opens its file anew in another process."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def dtype(self) -> np.dtype:
        """Type of a pixel, in native byte order."""

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of the pieces that are decoded as a whole."""

    def read(self, y: slice, x: slice) -> np.ndarray:
        """Return a window, or raise UnreadableRegion."""


class UnreadableRegion(Exception):
    """A piece of a plane cannot be read; its half-open ranges of rows and columns, and the reason."""

    def __init__(self, y: tuple[int, int], x: tuple[int, int], reason: str) -> None:
        super().__init__(y, x, reason)
        self.y, self.x, self.reason = y, x, reason


@dataclass(frozen=True)
class LazyImage:
    """The channels of one field behind the interface of an array, as dask reads it."""

    planes: tuple[Plane, ...]
    channels: tuple[str, ...]
    slide: str
    field: str

    ndim = 3

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns."""
        return (len(self.planes), *self.planes[0].shape)

    @cached_property
    def dtype(self) -> np.dtype:
        """Type of a pixel."""
        return self.planes[0].dtype

    def __getitem__(self, window: tuple[Any, ...]) -> np.ndarray:
        parts = [_bounds(part, size) for part, size in zip(window, self.shape, strict=True)]
        (channels, y, x), within = (part[0] for part in parts), [part[1] for part in parts]
        out = np.empty((channels.stop - channels.start, y.stop - y.start, x.stop - x.start), self.dtype)
        for place, channel in enumerate(range(channels.start, channels.stop)):
            unreadable = None
            try:
                out[place] = self.planes[channel].read(y, x)
            except UnreadableRegion as fault:
                unreadable = fault
            # raised apart from its cause: Dask sends that too, and errors of codecs cannot be pickled
            if unreadable is not None:
                raise DamagedTileError(
                    self.slide, self.field, self.channels[channel], unreadable.y, unreadable.x, unreadable.reason
                )
        for axis in (2, 1, 0):
            out = out[(*(slice(None),) * axis, within[axis])]
        return out


def _bounds(part: Any, size: int) -> tuple[slice, Any]:
    """Return the range of one axis that an index needs, and the index within it."""
    if isinstance(part, slice):
        chosen = range(*part.indices(size))
        if not chosen:
            return slice(0, 0), slice(None)
        low, high = min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1])
        return slice(low, high + 1), slice(None, None, chosen.step)
    numbers = np.arange(size)[part]
    low = int(numbers.min(initial=size))
    return slice(min(low, size), int(numbers.max(initial=low - 1)) + 1), numbers - low


def lazy_array(planes: Sequence[Plane], channels: Sequence[str], *, slide: str, field: str) -> Array:
    """Return planes of one size and type as a dask array of shape (channels, y, x); nothing is read yet."""
    image = LazyImage(tuple(planes), tuple(channels), slide, field)
    rows, columns = (
        min(size, max(tile, _CHUNK // tile * tile)) for size, tile in zip(image.shape[1:], planes[0].tile, strict=True)
    )
    da: Any = from_extra("dask.array", extra="imaging")
    return da.from_array(
        image,
        chunks=(1, rows, columns),
        name=False,
        asarray=False,
        meta=np.empty((0, 0, 0), dtype=image.dtype),
    )
