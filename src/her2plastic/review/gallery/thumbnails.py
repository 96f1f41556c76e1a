"""What the contact sheet asks of an atlas of thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Thumbnails(Protocol):
    """Square pictures of one size in pages, painted in the background; cells are named by their places.

    Attributes
    ----------
    side
        Pixels of a picture.
    pages
        ``(rows, columns, 4)`` uint8: red, green, blue, and 255.
    page_of, y_of, x_of
        Page and upper left corner of each cell's picture.
    ready
        Whether each cell's picture has been painted.
    missing
        Why a cell has no picture.
    """

    side: int
    pages: list[np.ndarray]
    page_of: np.ndarray
    y_of: np.ndarray
    x_of: np.ndarray
    ready: np.ndarray
    missing: dict[int, str]

    @property
    def painted(self) -> int:
        """A number that grows with every picture."""
        ...

    def start(self) -> None:
        """Begin to paint in the background."""

    def want(self, indices: Sequence[int], /) -> None:
        """Paint these next."""

    def close(self) -> None:
        """Stop."""
