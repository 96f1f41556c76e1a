"""Slides in OME-Zarr stores, versions 0.4 and 0.5, and in stores of SpatialData's layout.

Source: the OME-NGFF specification, versions 0.4 and 0.5 (axes, multiscales, omero, bioformats2raw, plate and well).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from her2plastic._errors import InputFileError
from her2plastic.io.blosc_chunks import check_chunk
from her2plastic.io.decoded_cache import DECODED
from her2plastic.io.stored_slide import SlideOptions, StoredField, StoredSlide, gathered, in_micrometres
from her2plastic.io.tile_assembly import assembled

VERSIONS = ("0.4", "0.5")
#: What the package itself notes beside the images that it writes.
NOTES = "her2plastic"


@dataclass(frozen=True)
class ZarrPlane:
    """The last two axes of a zarr array, at a place on the others."""

    path: Path
    changed_ns: int
    place: tuple[int, ...]
    shape: tuple[int, int]
    dtype: np.dtype
    tile: tuple[int, int]

    def read(self, y: slice, x: slice) -> np.ndarray:
        """Return a window."""
        return assembled(
            (y, x),
            self._piece,
            source=f"{self.path.parent.name}/{self.path.name}",
            shape=self.shape,
            tile=self.tile,
            dtype=self.dtype,
        )

    def _piece(self, row: int, column: int) -> np.ndarray:
        array = _opened(self.path, self.changed_ns)
        chunk = (*(at // size for at, size in zip(self.place, array.chunks, strict=False)), row, column)
        decoded = DECODED.get((self.path, self.changed_ns, chunk), lambda: _chunk(self.path, array, chunk))
        return decoded[tuple(at % size for at, size in zip(self.place, array.chunks, strict=False))]


def _chunk(path: Path, array: Any, chunk: tuple[int, ...]) -> np.ndarray:
    decoded = _decoded(path, array, chunk)
    if not _may_be_absent(decoded, array):
        return decoded
    # Pieces of an array that is gone, as on a disk that was taken away, are read as empty ones, and would be kept so.
    # That the array is there afterwards says nothing: it may be back. So emptiness is read again, between two looks.
    _check_there(path)
    decoded = _decoded(path, array, chunk)
    if _may_be_absent(decoded, array):
        _check_there(path)
    return decoded


def _decoded(path: Path, array: Any, chunk: tuple[int, ...]) -> np.ndarray:
    if array.shards is None and any("Blosc" in type(one).__name__ for one in array.compressors):
        check_chunk(path / array.metadata.encode_chunk_key(chunk), math.prod(array.chunks) * array.dtype.itemsize)
    return np.asarray(array[tuple(slice(at * n, (at + 1) * n) for at, n in zip(chunk, array.chunks, strict=True))])


def _may_be_absent(decoded: np.ndarray, array: Any) -> bool:
    """Tell whether a piece is what one that does not exist would be read as."""
    return bool((decoded == (array.fill_value or 0)).all())


def _check_there(path: Path) -> None:
    if not any((path / name).is_file() for name in ("zarr.json", ".zarray")):
        raise FileNotFoundError(f"{path.name} is no longer there")


@lru_cache(maxsize=512)
def _opened(path: Path, changed_ns: int) -> Any:
    import zarr

    return zarr.open_array(path, mode="r")


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a zarr group, of format 2 or 3."""
    return path.is_dir() and any((path / name).is_file() for name in ("zarr.json", ".zgroup"))


def read_ngff(path: Path, options: SlideOptions) -> StoredSlide:
    """Read an OME-Zarr image; of a plate, a series or a SpatialData store each image is a field."""
    images = image_groups(path)
    if not images:
        raise InputFileError(
            f"{path}: is a zarr store without multiscales; expected OME-Zarr {' or '.join(VERSIONS)}, or a "
            "SpatialData store with an image."
        )
    if len(images) == 1:
        return _image(*images[0])
    names = [said[NOTES].get("field") or folder.relative_to(path).as_posix() for folder, said in images]
    return gathered(path, [(name, _image(*image)) for name, image in zip(names, images, strict=True)])


def image_groups(path: Path) -> list[tuple[Path, Mapping[str, Any]]]:
    """Return the group of each image of a store, in the order of its fields, and what it says of itself."""
    # the package's own stores say which field comes first
    return sorted(_images(path, path), key=lambda image: image[1][NOTES].get("place", 0))


def pyramid(folder: Path) -> tuple[tuple[ZarrPlane, ...], ...]:
    """Return the planes of every level of an image or a label image, the largest level first.

    Raises
    ------
    InputFileError
        Where the group, its metadata or one of its levels cannot be read.
    """
    said = attributes(folder)
    try:
        multiscale = said["multiscales"][0]
        _check_version(folder, said, multiscale)
        axes = [axis["name"] for axis in multiscale["axes"]]
        arrays = {item["path"]: _array(folder, item["path"]) for item in multiscale["datasets"]}
    except (LookupError, TypeError, AttributeError) as fault:
        raise _not_whole(folder, fault) from fault
    falling = sorted(arrays.items(), key=lambda item: -math.prod(item[1].shape))
    return tuple(tuple(_planes(folder, folder / name, array, axes)) for name, array in falling)


def attributes(folder: Path) -> Mapping[str, Any]:
    """Return what a group says of itself by the words of NGFF, which version 0.5 keeps under one key."""
    import zarr
    from zarr.errors import BaseZarrError

    try:
        attributes: dict[str, Any] = zarr.open_group(folder, mode="r", use_consolidated=False).attrs.asdict()
    except (BaseZarrError, ValueError, OSError, KeyError, TypeError) as fault:
        raise InputFileError(f"{folder}: is not a whole zarr group ({fault}). Copy it again.") from fault
    return {NOTES: attributes.get(NOTES, {}), **attributes.get("ome", attributes)}


def _images(path: Path, folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the images below a group: itself, those of a series, of the wells of a plate, or of SpatialData."""
    said = attributes(folder)
    if said.get("multiscales"):
        yield folder, said
    elif "plate" in said:
        for well in said["plate"].get("wells", ()):
            yield from _images(path, folder / well["path"])
    elif "well" in said:
        for image in said["well"].get("images", ()):
            yield from _images(path, folder / image["path"])
    else:
        series = sorted((item for item in folder.iterdir() if item.name.isdecimal()), key=lambda item: int(item.name))
        within = series or (sorted((folder / "images").iterdir()) if is_zarr(folder / "images") else [])
        for item in within:
            if is_zarr(item):
                yield from _images(path, item)


def _image(folder: Path, said: Mapping[str, Any]) -> StoredSlide:
    """Read one image: its largest level, its axes, its scale and its channels."""
    try:
        multiscale = said["multiscales"][0]
        _check_version(folder, said, multiscale)
        axes = [(axis["name"], axis.get("unit")) for axis in multiscale["axes"]]
        level = max(multiscale["datasets"], key=lambda item: math.prod(_array(folder, item["path"]).shape))
        array = _array(folder, level["path"])
        scale, offset = _transformed(len(axes), level, multiscale)
        planes = _planes(folder, folder / level["path"], array, [name for name, _ in axes])
        sizes = [in_micrometres(scale[at], axes[at][1]) for at in (-2, -1)]
        origin = [in_micrometres(offset[at], axes[at][1]) or 0.0 for at in (-2, -1)]
        notes = said[NOTES]
        labels = [str(one.get("label", "")) for one in said.get("omero", {}).get("channels", ())]
    except (LookupError, TypeError, AttributeError) as fault:
        raise _not_whole(folder, fault) from fault
    size = None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1])
    return StoredSlide(
        [StoredField("", planes, (origin[0], origin[1]))],
        tuple(labels) if len(labels) == len(planes) else ("",) * len(planes),
        size,
        notes.get("bit_depth"),
        notes.get("saturation"),
        tuple(notes.get("damaged", ())),
    )


def _check_version(folder: Path, said: Mapping[str, Any], multiscale: Mapping[str, Any]) -> None:
    version = str(said.get("version") or multiscale.get("version"))
    if not version.startswith(VERSIONS):
        raise InputFileError(f"{folder}: is OME-Zarr {version}; expected {' or '.join(VERSIONS)}. Convert it.")


def _not_whole(folder: Path, fault: Exception) -> InputFileError:
    return InputFileError(f"{folder}: its OME-Zarr metadata are not whole ({fault!r}). Export it again.")


def _array(folder: Path, name: str) -> Any:
    from zarr.errors import BaseZarrError

    try:
        return _opened(folder / name, (folder / name).stat().st_mtime_ns)
    except (BaseZarrError, ValueError, OSError, KeyError, TypeError) as fault:
        raise InputFileError(
            f"{folder}: its level {name!r} cannot be opened ({fault}). Copy the store again."
        ) from fault


def _transformed(n_axes: int, *parts: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Return scale and translation of a level: its own first, then those of all levels together."""
    scale, offset = [1.0] * n_axes, [0.0] * n_axes
    for part in parts:
        for step in _plain_steps(part.get("coordinateTransformations", ())):
            if step["type"] == "scale":
                scale = [a * b for a, b in zip(scale, step["scale"], strict=True)]
                offset = [a * b for a, b in zip(offset, step["scale"], strict=True)]
            elif step["type"] == "translation":
                offset = [a + b for a, b in zip(offset, step["translation"], strict=True)]
    return scale, offset


def _plain_steps(steps: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for step in steps:
        yield from _plain_steps(step["transformations"]) if step["type"] == "sequence" else (step,)


def _planes(folder: Path, path: Path, array: Any, axes: list[str]) -> list[ZarrPlane]:
    if (
        axes[-2:] != ["y", "x"]
        or len(axes) != array.ndim
        or any(name != "c" and size > 1 for name, size in zip(axes[:-2], array.shape, strict=False))
    ):
        sizes = ", ".join(f"{name} {size}" for name, size in zip(axes, array.shape, strict=False))
        raise InputFileError(
            f"{folder}: has the axes {sizes}; expected channels, rows and columns. Of a stack or a time series, export "
            "one plane."
        )
    shape, tile = tuple(array.shape[-2:]), tuple(array.chunks[-2:])
    dtype = np.dtype(array.dtype).newbyteorder("=")
    changed = path.stat().st_mtime_ns
    return [ZarrPlane(path, changed, place, shape, dtype, tile) for place in np.ndindex(array.shape[:-2])]
