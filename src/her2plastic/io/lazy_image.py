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

    def __getitem__(self, window: tuple[slice, slice, slice]) -> np.ndarray:
        which, y, x = (slice(*part.indices(size)) for part, size in zip(window, self.shape, strict=True))
        chosen = range(which.start, which.stop, which.step)
        out = np.empty((len(chosen), max(0, y.stop - y.start), max(0, x.stop - x.start)), self.dtype)
        for place, channel in enumerate(chosen):
            try:
                out[place] = self.planes[channel].read(y, x)
            except UnreadableRegion as fault:
                raise DamagedTileError(
                    self.slide, self.field, self.channels[channel], fault.y, fault.x, fault.reason
                ) from fault
        return out


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
        fancy=False,
        meta=np.empty((0, 0, 0), dtype=image.dtype),
    )
