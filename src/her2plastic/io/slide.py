"""One slide: its fields as lazily read arrays, and what its pixels mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic._errors import ParameterError

if TYPE_CHECKING:
    from dask.array import Array

#: The channels that the package knows the meaning of.
ROLES = ("DAPI", "CK", "CD45", "HER2")


@dataclass(frozen=True)
class Field:
    """One plane of a slide.

    Attributes
    ----------
    name
        Empty for the only field of a slide.
    image
        Shape ``(channels, y, x)``, in the file's own dtype, lazily read.
    origin_um
        y and x of the upper left corner on the slide, micrometres.
    """

    name: str
    image: Array
    origin_um: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Slide:
    """One slide, or one gallery of thumbnails.

    Attributes
    ----------
    slide_id
        Its name.
    fields
        Its planes.
    channels
        Names in the order of the images' first axis; known roles are ``DAPI``, ``CK``, ``CD45`` and ``HER2``.
    pixel_size_um
        Side of a pixel, micrometres.
    bit_depth
        Significant bits of a pixel.
    saturation
        Value from which on a pixel counts as saturated.
    source
        File or folder it is from.
    damaged
        Regions that could not be read, in words.
    """

    slide_id: str
    fields: tuple[Field, ...]
    channels: tuple[str, ...]
    pixel_size_um: float
    bit_depth: int
    saturation: float
    source: str = "memory"
    damaged: tuple[str, ...] = ()

    @classmethod
    def from_array(
        cls,
        array: Any,
        *,
        channels: Sequence[str],
        pixel_size_um: float,
        slide_id: str = "slide",
        bit_depth: int | None = None,
        saturation: float | None = None,
    ) -> Slide:
        """Return a slide of one field from an array of shape ``(channels, y, x)``."""
        import dask.array as da

        if array.ndim != 3 or array.shape[0] != len(channels):
            raise ParameterError(
                f"array of shape {tuple(array.shape)}: expected (channels, y, x) with {len(channels)} channels"
            )
        image = array if isinstance(array, da.Array) else da.from_array(np.asarray(array), chunks=(1, 2048, 2048))
        bits = bit_depth or (8 * image.dtype.itemsize if image.dtype.kind in "ui" else 32)
        limit = float(2**bits - 1) if saturation is None and image.dtype.kind in "ui" else saturation
        return cls(
            slide_id, (Field("", image),), tuple(channels), float(pixel_size_um), bits,
            float("inf") if limit is None else float(limit),
        )  # fmt: skip

    def has(self, channel: str) -> bool:
        """Tell whether the slide has a channel."""
        return channel in self.channels

    def channel(self, name: str) -> int:
        """Return the index of a channel."""
        if name not in self.channels:
            raise ParameterError(f"slide {self.slide_id!r} has no channel {name!r}; it has {', '.join(self.channels)}")
        return self.channels.index(name)
