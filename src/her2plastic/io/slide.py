"""One slide: its fields as lazily read arrays, and what its pixels mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic._errors import ChannelError, ParameterError, from_extra

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

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> left = hp.io.Field("left", np.zeros((4, 64, 64), dtype=np.uint16), origin_um=(0.0, 0.0))
    >>> right = hp.io.Field("right", np.zeros((4, 64, 64), dtype=np.uint16), origin_um=(0.0, 40.96))
    >>> slide = hp.io.Slide("s1", (left, right), ("DAPI", "CK", "CD45", "HER2"), 0.64, 12, 4095.0)
    >>> [field.name for field in slide.fields]
    ['left', 'right']
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
        Value from which on a pixel counts as saturated; infinite where none is known.
    source
        File or folder it is from.
    damaged
        Regions that could not be read, in words.

    Examples
    --------
    >>> import her2plastic as hp
    >>> import numpy as np
    >>> pixels = np.random.default_rng(0).integers(100, 200, size=(4, 64, 64), dtype=np.uint16)
    >>> names = ["DAPI", "CK", "CD45", "HER2"]
    >>> slide = hp.io.Slide.from_array(pixels, channels=names, pixel_size_um=0.64, bit_depth=12)
    >>> slide.saturation, slide.channel("HER2")
    (4095.0, 3)
    >>> slide.read(0, slice(0, 10), slice(0, 20)).shape
    (4, 10, 20)
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
        """Return a slide of one field from an array of shape ``(channels, y, x)``.

        A dask array stays lazy. Where nothing is said, whole numbers have the bits of their dtype and saturate at the
        largest value of that many bits, and fractions never saturate.
        """
        da = from_extra("dask.array", extra="imaging")
        if getattr(array, "ndim", 0) != 3 or array.shape[0] != len(channels):
            raise ParameterError(
                f"array of shape {np.shape(array)}: expected (channels, y, x) with the {len(channels)} channels "
                f"{', '.join(channels)}"
            )
        if 0 in array.shape or array.dtype.kind not in "uif":
            raise ParameterError(
                f"array of shape {array.shape} and dtype {array.dtype}: expected pixels that are numbers"
            )
        lazy = isinstance(array, da.Array)
        image = array if lazy else da.from_array(np.asarray(array), chunks=(1, 2048, 2048))
        bits, limit = pixel_range(image.dtype, bit_depth=bit_depth, saturation=saturation)
        names = role_names(channels)
        return cls(slide_id, (Field("", image),), names, checked_pixel_size(pixel_size_um), bits, limit)

    def has(self, channel: str) -> bool:
        """Tell whether the slide has a channel."""
        return channel in self.channels

    def channel(self, name: str) -> int:
        """Return the index of a channel."""
        if name not in self.channels:
            raise ChannelError(
                f"slide {self.slide_id!r} has no channel {name!r}; it has {', '.join(map(repr, self.channels))}"
            )
        return self.channels.index(name)

    def read(self, field: int, y: slice, x: slice) -> np.ndarray:
        """Return a window of a field, shape ``(channels, rows, columns)``, or raise DamagedTileError."""
        return np.asarray(self.fields[field].image[:, y, x].compute(scheduler="synchronous"))


def role_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return channel names with the known roles in their spelling, or raise ChannelError where one stands twice."""
    spelled = {role.lower(): role for role in ROLES}
    found = tuple(spelled.get(str(name).strip().lower(), str(name).strip()) for name in names)
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ChannelError(f"channels {', '.join(found)}: {', '.join(twice)} stands there more than once")
    if "" in found:
        raise ChannelError(f"channels {', '.join(map(repr, found))}: expected a name for each")
    return found


def checked_pixel_size(value: Any) -> float:
    """Return a pixel size in micrometres, or raise ParameterError for one that no microscope has."""
    size = float(value)
    if not 0.01 <= size <= 20:
        raise ParameterError(f"pixel_size_um={value!r}: expected micrometres between 0.01 and 20")
    return size


def pixel_range(dtype: np.dtype, *, bit_depth: int | None, saturation: float | None) -> tuple[int, float]:
    """Return the significant bits of a pixel, and the value from which on it is saturated."""
    bits = 8 * dtype.itemsize - (dtype.kind == "i")
    if bit_depth is not None:
        if not 1 <= bit_depth <= bits:
            raise ParameterError(f"bit_depth={bit_depth}: pixels of dtype {dtype} hold 1 to {bits} bits")
        bits = int(bit_depth)
    largest = float("inf") if dtype.kind == "f" and bit_depth in (None, 8 * dtype.itemsize) else float(2**bits - 1)
    if saturation is None:
        return bits, largest
    if not 0 < saturation <= largest:
        raise ParameterError(f"saturation={saturation}: pixels of {bits} bits lie between 0 and {largest:.0f}")
    return bits, float(saturation)
