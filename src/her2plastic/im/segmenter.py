"""What a segmenter is asked for, and what it is told about the tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from her2plastic.im.survey import Survey
    from her2plastic.im.tiles import Window


@dataclass(frozen=True)
class TileContext:
    """Where a tile lies and what its pixels mean.

    Attributes
    ----------
    channels
        Names in the order of the tile's first axis.
    pixel_size_um
        Side of a pixel, micrometres.
    origin
        Row and column, in the field, of the tile's first pixel.
    field_shape
        Rows and columns of the field.
    core
        Rows and columns, within the tile, of what the tile answers for; the rest is margin.
    survey
        Background, noise and brightness of the whole field on a coarse grid, alike for every tile.
    """

    channels: tuple[str, ...]
    pixel_size_um: float
    origin: tuple[int, int]
    field_shape: tuple[int, int]
    core: Window
    survey: Survey


@runtime_checkable
class Segmenter(Protocol):
    """Anything that finds nuclei and cells in a tile.

    Attributes
    ----------
    halo_um
        Margin around a tile that it needs to see, micrometres: the largest object and its surroundings. A larger
        object is cut where the window of the tile that holds its first pixel ends.
    """

    halo_um: float

    def __call__(self, tile: np.ndarray, context: TileContext) -> tuple[np.ndarray, np.ndarray]:
        """Return label images of nuclei and of cells.

        ``tile`` is float32 of shape ``(channels, y, x)``, NaN where the file could not be read. Both label images
        have its shape ``(y, x)``, 0 for background; a nucleus has the number of its cell.
        """
        ...
