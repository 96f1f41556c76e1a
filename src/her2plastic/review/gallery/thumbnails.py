"""What the contact sheet asks of an atlas of thumbnails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    painted
        A number that grows with every picture.
    missing
        Why a cell has no picture.
    """

    side: int

    @property
    def pages(self) -> Sequence[np.ndarray]: ...
    @property
    def page_of(self) -> np.ndarray: ...
    @property
    def y_of(self) -> np.ndarray: ...
    @property
    def x_of(self) -> np.ndarray: ...
    @property
    def ready(self) -> np.ndarray: ...
    @property
    def painted(self) -> int: ...
    @property
    def missing(self) -> Mapping[int, str]: ...

    def start(self) -> None:
        """Begin to paint in the background."""

    def want(self, indices: Sequence[int], /) -> None:
        """Paint these next."""

    def close(self) -> None:
        """Stop."""
