"""A window put together from the pieces (tiles, strips, chunks) that it touches."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from her2plastic.io.lazy_image import UnreadableRegion

#: What readers and decoders raise for damaged data: RuntimeErrors of imagecodecs and numcodecs, and whatever numbers
#: that cannot be (no rows, an unknown tag) lead to inside of them.
DECODING_FAULTS = (
    RuntimeError, ValueError, TypeError, LookupError, OSError, EOFError, ArithmeticError, AttributeError,
    AssertionError, struct.error,
)  # fmt: skip


def assembled(
    window: tuple[slice, slice],
    piece: Callable[[int, int], np.ndarray],
    *,
    source: str,
    shape: tuple[int, int],
    tile: tuple[int, int],
    dtype: np.dtype,
) -> np.ndarray:
    """Return a window of a plane from its pieces.

    ``piece(row, column)`` returns one, at least as large as what of it lies inside the plane; whatever it raises for
    damaged data becomes an UnreadableRegion that names the pixels of this piece.
    """
    out = np.empty([part.stop - part.start for part in window], dtype)
    if not out.size:
        return out
    rows, columns = (range(part.start // size, -(-part.stop // size)) for part, size in zip(window, tile, strict=True))
    for row in rows:
        for column in columns:
            corner = (row * tile[0], column * tile[1])
            inside = [(start, min(start + size, end)) for start, size, end in zip(corner, tile, shape, strict=True)]
            try:
                decoded = piece(row, column)
                if any(has < end - start for has, (start, end) in zip(decoded.shape, inside, strict=True)):
                    raise ValueError(f"{decoded.shape[0]} x {decoded.shape[1]} pixels are there; some are missing")
            except DECODING_FAULTS as fault:
                reason = f"{source}: {str(fault) or type(fault).__name__}"
                raise UnreadableRegion(inside[0], inside[1], reason) from fault
            overlap = [
                (max(start, part.start), min(end, part.stop)) for (start, end), part in zip(inside, window, strict=True)
            ]
            target = tuple(slice(a - part.start, b - part.start) for (a, b), part in zip(overlap, window, strict=True))
            out[target] = decoded[tuple(slice(a - c, b - c) for (a, b), c in zip(overlap, corner, strict=True))]
    return out
