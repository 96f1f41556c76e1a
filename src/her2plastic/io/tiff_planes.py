"""One page of a TIFF, read window by window: only the tiles or strips that a window touches are decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from her2plastic._errors import from_extra
from her2plastic.io.decoded_cache import DECODED
from her2plastic.io.lazy_image import UnreadableRegion
from her2plastic.io.tile_assembly import assembled

#: JPEG (old and new) and JPEG 2000: their decoders fill what is missing with grey, but both end with a marker.
_ENDING_WITH_MARKER = frozenset({6, 7, 33003, 33004, 33005, 34712, 34892})
_END_MARKER = b"\xff\xd9"


@dataclass(frozen=True)
class MappedPlane:
    """A plane that stands uncompressed and in one piece in a file."""

    path: Path
    offset: int
    stored: np.dtype
    shape: tuple[int, int]
    samples: int = 1
    sample: int = 0

    tile = (1, 1)

    @property
    def dtype(self) -> np.dtype:
        """Type of a pixel, in native byte order."""
        return self.stored.newbyteorder("=")

    @property
    def end(self) -> int:
        """Position in the file where the plane ends."""
        return self.offset + self.shape[0] * self.shape[1] * self.samples * self.stored.itemsize

    def read(self, y: slice, x: slice) -> np.ndarray:
        """Return a window."""
        try:
            whole = np.memmap(self.path, self.stored, "r", self.offset, (*self.shape, self.samples))
            return np.asarray(whole[y, x, self.sample], dtype=self.dtype)
        except (OSError, ValueError) as fault:
            raise UnreadableRegion((y.start, y.stop), (x.start, x.stop), f"{self.path.name}: {fault}") from fault


@dataclass(frozen=True)
class TiffPlane:
    """A page of a TIFF, or one sample of it, in tiles or strips that are compressed or scattered."""

    path: Path
    changed_ns: int
    directory: int
    sample: int
    shape: tuple[int, int]
    dtype: np.dtype
    tile: tuple[int, int]

    def read(self, y: slice, x: slice) -> np.ndarray:
        """Return a window."""
        with self.path.open("rb") as file:

            def piece(row: int, column: int) -> np.ndarray:
                return self._piece(file, row, column)

            return assembled((y, x), piece, source=self.path.name, shape=self.shape, tile=self.tile, dtype=self.dtype)

    def _piece(self, file: BinaryIO, row: int, column: int) -> np.ndarray:
        pieces = _pieces(self.path, self.changed_ns, self.directory)
        in_a_row, rows = -(-self.shape[1] // self.tile[1]), -(-self.shape[0] // self.tile[0])
        number = row * in_a_row + column + (self.sample * in_a_row * rows if pieces.separate_samples else 0)
        key = (self.path, self.changed_ns, self.directory, number)
        decoded = DECODED.get(key, lambda: pieces.decoded(file, number))
        return decoded[..., 0 if pieces.separate_samples else self.sample]


@dataclass(frozen=True)
class _Pieces:
    """Where the tiles or strips of a page stand, and how they are decoded."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    decode: Callable[..., Any]
    separate_samples: bool
    has_end_marker: bool
    jpeg: dict[str, Any]
    dtype: np.dtype

    def decoded(self, file: BinaryIO, number: int) -> np.ndarray:
        """Return a piece as rows x columns x samples."""
        offset, size = self.offsets[number], self.sizes[number]
        if size == 0:  # the TIFF way of leaving out an empty tile
            return np.zeros(self.decode(None, number, **self.jpeg)[2][1:], self.dtype)
        file.seek(offset)
        content = file.read(size)
        if len(content) < size:
            raise EOFError("it lies beyond the end of the file")
        if self.has_end_marker and not content.rstrip(b"\0").endswith(_END_MARKER):
            raise ValueError("it does not end as a JPEG does")
        piece, _, _ = self.decode(content, number, **self.jpeg)
        return np.asarray(piece)[0]


@lru_cache(maxsize=64)
def _pieces(path: Path, changed_ns: int, directory: int) -> _Pieces:
    """Return the pieces of the page whose directory stands at a position of a file."""
    tifffile = from_extra("tifffile", extra="imaging")
    with tifffile.TiffFile(path) as file:
        file.filehandle.seek(directory)
        page = tifffile.TiffPage(file, index=0)
        return _Pieces(
            tuple(page.dataoffsets), tuple(page.databytecounts), page.decode, page.shaped[0] > 1,
            int(page.compression) in _ENDING_WITH_MARKER,
            {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}, np.dtype(page.dtype).newbyteorder("="),
        )  # fmt: skip


def page_planes(page: Any) -> list[MappedPlane | TiffPlane]:
    """Return the planes of a page of a TIFF: one, or one a sample."""
    like = page.keyframe  # further pages of a series are known by their place only; the first tells the layout
    path = Path(page.parent.filehandle.path)
    separate, _, length, width, contiguous = like.shaped
    samples, dtype = range(separate * contiguous), np.dtype(like.dtype)
    if page.is_final and separate == 1:
        stored = dtype.newbyteorder(page.parent.byteorder)
        return [
            MappedPlane(path, page.dataoffsets[0], stored, (length, width), len(samples), sample) for sample in samples
        ]
    tile = (int(like.tilelength), int(like.tilewidth)) if like.is_tiled else (min(like.rowsperstrip, length), width)
    expected = -(-length // tile[0]) * -(-width // tile[1]) * separate
    if len(page.dataoffsets) != expected or len(page.databytecounts) != expected:
        raise ValueError(f"{len(page.dataoffsets)} tiles or strips are listed; expected {expected}")
    changed, native = path.stat().st_mtime_ns, dtype.newbyteorder("=")
    return [TiffPlane(path, changed, page.offset, sample, (length, width), native, tile) for sample in samples]
