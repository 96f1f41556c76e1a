"""PNG and JPEG pictures, whose headers are looked at before a pixel is decoded.

Sources: PNG, W3C Recommendation (third edition), 11.2.1; JPEG, ITU-T T.81, annex B.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from her2plastic._errors import InputFileError, from_extra
from her2plastic.io.colours import COLOURS
from her2plastic.io.decoded_cache import DECODED
from her2plastic.io.opening import first_bytes
from her2plastic.io.stored_slide import SlideOptions, StoredField, StoredSlide
from her2plastic.io.tile_assembly import assembled

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
#: PNG colour types and the samples of a pixel; 3 is a palette.
_PNG_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
#: Frame headers of a JPEG; the other markers of this range are tables and extensions.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_END = 0xDA, b"\xff\xd9"


@dataclass(frozen=True)
class PicturePlane:
    """One sample of a PNG or JPEG, which is decoded as a whole."""

    path: Path
    changed_ns: int
    sample: int
    shape: tuple[int, int]
    dtype: np.dtype

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.shape

    def read(self, y: slice, x: slice) -> np.ndarray:
        """Return a window."""
        return assembled(
            (y, x), self._piece, source=self.path.name, shape=self.shape, tile=self.shape, dtype=self.dtype
        )

    def _piece(self, row: int, column: int) -> np.ndarray:
        return DECODED.get((self.path, self.changed_ns), self._decoded)[..., self.sample]

    def _decoded(self) -> np.ndarray:
        imagecodecs = from_extra("imagecodecs", extra="imaging")
        content = self.path.read_bytes()
        is_png = content.startswith(PNG_START)
        if not is_png and content.rfind(_JPEG_END) < _scan_start(content):
            raise EOFError("it is cut short")
        pixels = np.asarray(imagecodecs.png_decode(content) if is_png else imagecodecs.jpeg_decode(content))
        return pixels.reshape(*pixels.shape[:2], -1).astype(self.dtype, copy=False)


def is_picture(path: Path) -> bool:
    """Tell whether a file starts as a PNG or JPEG."""
    return first_bytes(path).startswith((PNG_START, JPEG_START))


def read_picture(path: Path, options: SlideOptions) -> StoredSlide:
    """Read a PNG or JPEG: one channel, or the three colours; transparency is left out."""
    is_png = first_bytes(path).startswith(PNG_START)
    rows, columns, bits, samples = _png_header(path) if is_png else _jpeg_header(path)
    changed = path.stat().st_mtime_ns
    colours = ("",) if samples < 3 else COLOURS
    dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
    planes = [PicturePlane(path, changed, sample, (rows, columns), dtype) for sample in range(len(colours))]
    return StoredSlide([StoredField("", planes)], colours, bit_depth=bits)


def _png_header(path: Path) -> tuple[int, int, int, int]:
    start = first_bytes(path, 26)
    if len(start) < 26 or start[12:16] != b"IHDR":
        raise InputFileError(f"{path}: is not a whole PNG file. Copy or export it again.")
    columns, rows, bits, colour = struct.unpack(">IIBB", start[16:26])
    if colour not in _PNG_SAMPLES or bits not in (8, 16):
        kind = "a palette" if colour == 3 else f"{bits} bits"
        raise InputFileError(f"{path}: has {kind}; expected grey or colour with 8 or 16 bits. Save it so.")
    return rows, columns, bits, _PNG_SAMPLES[colour]


def _jpeg_header(path: Path) -> tuple[int, int, int, int]:
    content = path.read_bytes()
    position = _segment(path, content, _JPEG_FRAMES)
    if len(content) < position + 10:
        raise InputFileError(f"{path}: is not a whole JPEG file. Copy or export it again.")
    bits, rows, columns, samples = struct.unpack(">BHHB", content[position + 4 : position + 10])
    if samples not in (1, 3) or bits not in (8, 12, 16):
        raise InputFileError(f"{path}: has {samples} colours of {bits} bits; expected grey, or red, green and blue.")
    return rows, columns, bits, samples


def _scan_start(content: bytes) -> int:
    return _segment(Path(), content, frozenset({_JPEG_SCAN}))


def _segment(path: Path, content: bytes, markers: frozenset[int]) -> int:
    """Return the position of the first of some markers of a JPEG, by walking over the segments before it."""
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker in markers:
            return position
        if marker == 0xFF:  # fill
            position += 1
            continue
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    raise InputFileError(f"{path}: is not a whole JPEG file. Copy or export it again.")
