"""What every reader of images hands over: planes with the names, sizes and places that the files give them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from her2plastic._errors import InputFileError
from her2plastic.io.lazy_image import Plane

_T = TypeVar("_T")

#: Micrometres in a unit of length, by the names and signs that image files use.
UNITS_UM = {
    "m": 1e6, "meter": 1e6, "metre": 1e6, "cm": 1e4, "centimeter": 1e4, "mm": 1e3, "millimeter": 1e3,
    "um": 1.0, "\u00b5m": 1.0, "\u03bcm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0,
    "nm": 1e-3, "nanometer": 1e-3, "pm": 1e-6, "picometer": 1e-6, "\u00c5": 1e-4, "\u212b": 1e-4, "angstrom": 1e-4,
    "in": 25_400.0, "inch": 25_400.0,
}  # fmt: skip


#: More than this no slide has: ten thousand million, tenfold.
_MOST_PIXELS = 10**11


@dataclass(frozen=True)
class SlideOptions:
    """What the caller said about the files; readers take what concerns them."""

    max_pixels: int
    pattern: str | None = None


@dataclass(frozen=True)
class StoredField:
    """One field: a plane for every channel."""

    name: str
    planes: Sequence[Plane]
    origin_um: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class StoredSlide:
    """A slide as the files hold it. ``channels`` are the files' names, empty where a channel has none.

    ``pixel_size_um`` is (y, x), and None where the files do not tell; so is ``bit_depth``, and ``saturation``.
    """

    fields: Sequence[StoredField]
    channels: tuple[str, ...]
    pixel_size_um: tuple[float, float] | None = None
    bit_depth: int | None = None
    saturation: float | None = None
    damaged: tuple[str, ...] = ()


SlideReader = Callable[[Path, SlideOptions], StoredSlide]


def in_micrometres(value: object, unit: str | None) -> float | None:
    """Return a length in micrometres, or None where its value or unit is none."""
    try:
        length = float(str(value)) * UNITS_UM[str(unit).strip()]
    except (ValueError, KeyError):
        return None
    return length if math.isfinite(length) else None


def gathered(path: Path, parts: Sequence[tuple[str, StoredSlide]]) -> StoredSlide:
    """Return slides of one field or more, by the name of each, as one slide of all their fields; they must agree."""
    if not parts:
        raise InputFileError(f"{path}: holds no picture.")
    first_name, first = parts[0]
    fields: list[StoredField] = []
    for name, part in parts:
        if part.channels != first.channels:
            raise InputFileError(
                f"{path}: field {name!r} has the channels {_listed(part.channels)}, but {first_name!r} has "
                f"{_listed(first.channels)}. The fields of a slide must have the same channels."
            )
        several = len(part.fields) > 1
        fields += [replace(field, name=f"{name} {field.name}" if several else name) for field in part.fields]
    return StoredSlide(
        fields,
        first.channels,
        agreed(path, "pixel size", [part.pixel_size_um for _, part in parts]),
        agreed(path, "bit depth", [part.bit_depth for _, part in parts]),
        agreed(path, "saturation", [part.saturation for _, part in parts]),
        tuple(text for _, part in parts for text in part.damaged),
    )


def _listed(channels: Sequence[str]) -> str:
    return f"{', '.join(channels)} ({len(channels)})" if any(channels) else f"{len(channels)} without names"


def agreed(path: Path, what: str, values: Sequence[_T | None]) -> _T | None:
    """Return what the parts of a slide say alike, those that say nothing left out, or raise InputFileError."""
    found = list(dict.fromkeys(value for value in values if value is not None))
    if len(found) > 1:
        raise InputFileError(
            f"{path}: its parts differ in {what}: {', '.join(map(str, found[:4]))}. They are not of one slide; read "
            "them one by one."
        )
    return found[0] if found else None


def checked(path: Path, stored: StoredSlide, *, max_pixels: int) -> StoredSlide:
    """Return a stored slide whose fields fit one another, or raise InputFileError naming what does not fit."""
    if not stored.fields:
        raise InputFileError(f"{path}: holds no picture.")
    first, bits = stored.fields[0].planes, stored.bit_depth
    if bits is not None and first and not 1 <= bits <= 8 * first[0].dtype.itemsize:
        raise InputFileError(f"{path}: says that {bits} bits of its {first[0].dtype} pixels are significant.")
    for field in stored.fields:
        place = f"{path}, field {field.name!r}" if field.name else str(path)
        if len(field.planes) != len(stored.channels):
            raise InputFileError(
                f"{place}: has {len(field.planes)} channels; expected {len(stored.channels)}, as the first field has."
            )
        for channel, plane in enumerate(field.planes):
            name = stored.channels[channel] or f"number {channel}"
            _check_plane(f"{place}, channel {name}", plane, like=field.planes[0], first=first[0], most=max_pixels)
    return stored


def _check_plane(place: str, plane: Plane, *, like: Plane, first: Plane, most: int) -> None:
    if not 0 < plane.shape[0] * plane.shape[1] <= _MOST_PIXELS or 0 in plane.tile:
        raise InputFileError(
            f"{place}: says that it has {plane.shape[0]:,} x {plane.shape[1]:,} pixels, in pieces of {plane.tile[0]:,} "
            f"x {plane.tile[1]:,}; expected 1 to {_MOST_PIXELS:,}. The file is damaged; copy or export it again."
        )
    if plane.shape != like.shape:
        raise InputFileError(
            f"{place}: is {plane.shape[0]} x {plane.shape[1]} pixels, but the first channel is {like.shape[0]} x "
            f"{like.shape[1]}. The channels of a field must have one size; export them again without cropping."
        )
    if plane.dtype.kind not in "uif":
        raise InputFileError(f"{place}: pixels of dtype {plane.dtype}; expected whole numbers or fractions.")
    if plane.dtype != first.dtype:
        raise InputFileError(f"{place}: pixels of dtype {plane.dtype}, but the first channel has {first.dtype}.")
    if (pixels := plane.tile[0] * plane.tile[1]) > most:
        raise InputFileError(
            f"{place}: {plane.tile[0]:,} x {plane.tile[1]:,} pixels would have to be decoded as one piece ({pixels:,}; "
            f"at most {most:,}). If the file is what you expect it to be, say max_pixels={pixels}; better, export it "
            "in tiles (OME-TIFF or OME-Zarr)."
        )
