"""One page of a TIFF, read window by window: only the tiles or strips that a window touches are decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from her2plastic._errors import from_extra
from her2plastic.io.decoded_cache import DECODED
from her2plastic.io.lazy_image import UnreadableRegion

#: What the decoders raise for damaged data; those of imagecodecs are RuntimeErrors.
DECODING_FAULTS = (RuntimeError, ValueError, TypeError, IndexError, KeyError, OSError, EOFError)


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
            raise UnreadableRegion((y.start, y.stop), (x.start, x.stop), str(fault)) from fault


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
        out = np.empty((y.stop - y.start, x.stop - x.start), self.dtype)
        pieces = _pieces(self.path, self.changed_ns, self.directory)
        with self.path.open("rb") as file:
            for number, top, left in self._touched(pieces, y, x):
                piece = self._piece(file, pieces, number, top, left)
                bottom, right = min(top + piece.shape[0], y.stop), min(left + piece.shape[1], x.stop)
                first, start = max(top, y.start), max(left, x.start)
                out[first - y.start : bottom - y.start, start - x.start : right - x.start] = piece[
                    first - top : bottom - top, start - left : right - left
                ]
        return out

    def _touched(self, pieces: _Pieces, y: slice, x: slice) -> Iterator[tuple[int, int, int]]:
        """Yield number, top and left of the pieces that a window touches."""
        height, width = self.tile
        in_a_row = -(-self.shape[1] // width)
        of_a_sample = in_a_row * -(-self.shape[0] // height)
        first = self.sample * of_a_sample if pieces.separate_samples else 0
        for row in range(y.start // height, -(-y.stop // height)):
            for column in range(x.start // width, -(-x.stop // width)):
                yield first + row * in_a_row + column, row * height, column * width

    def _piece(self, file: BinaryIO, pieces: _Pieces, number: int, top: int, left: int) -> np.ndarray:
        try:
            decoded = DECODED.get(
                (self.path, self.changed_ns, self.directory, number), lambda: pieces.decoded(file, number)
            )
        except DECODING_FAULTS as fault:
            y, x = (
                (start, min(start + size, end))
                for start, size, end in zip((top, left), self.tile, self.shape, strict=True)
            )
            raise UnreadableRegion(y, x, f"{self.path.name}: {str(fault) or type(fault).__name__}") from fault
        return decoded[..., 0 if pieces.separate_samples else self.sample]


@dataclass(frozen=True)
class _Pieces:
    """Where the tiles or strips of a page stand, and how they are decoded."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    decode: Callable[..., Any]
    separate_samples: bool
    extra: dict[str, Any]
    dtype: np.dtype
    file_size: int

    def decoded(self, file: BinaryIO, number: int) -> np.ndarray:
        """Return a piece as rows x columns x samples."""
        offset, size = self.offsets[number], self.sizes[number]
        if size == 0:  # the TIFF way of leaving out an empty tile
            shape = self.decode(None, number, **self.extra)[2]
            return np.zeros(shape[1:], self.dtype)
        if offset + size > self.file_size:
            raise ValueError("it lies beyond the end of the file, which is cut short")
        file.seek(offset)
        piece, _, shape = self.decode(file.read(size), number, **self.extra)
        return np.asarray(piece).reshape(shape)[0]


@lru_cache(maxsize=64)
def _pieces(path: Path, changed_ns: int, directory: int) -> _Pieces:
    """Return the pieces of the page whose directory stands at a position of a file."""
    tifffile = from_extra("tifffile", extra="imaging")
    with tifffile.TiffFile(path) as file:
        file.filehandle.seek(directory)
        page = tifffile.TiffPage(file, index=0)
        extra = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
        return _Pieces(
            tuple(page.dataoffsets), tuple(page.databytecounts), page.decode, page.shaped[0] > 1,
            extra, np.dtype(page.dtype).newbyteorder("="), file.filehandle.size,
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
    tile = (like.tilelength, like.tilewidth) if like.is_tiled else (min(like.rowsperstrip, length), width)
    changed, native = path.stat().st_mtime_ns, dtype.newbyteorder("=")
    return [TiffPlane(path, changed, page.offset, sample, (length, width), native, tile) for sample in samples]
