"""Where the pictures of a cell go on the stage, and how long its scale bar is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Room around and between the pictures, in pixels of the screen.
MARGIN: Final = 22
GAP: Final = 14
#: Room under a picture for its name and range.
CAPTION: Final = 24
_STEPS: Final = (5.0, 2.0, 1.0)


@dataclass(frozen=True)
class Square:
    """A square on the screen."""

    x: float
    y: float
    side: float


@dataclass(frozen=True)
class StageLayout:
    """The composite, and a square for each channel."""

    composite: Square
    channels: tuple[Square, ...]


def lay_out(width: float, height: float, n_channels: int) -> StageLayout:
    """Return the places of the pictures: beside the composite or below it, whichever shows more.

    Parameters
    ----------
    width, height
        Of the stage, pixels of the screen.
    n_channels
        Pictures beside the composite.
    """
    return max(_arrangements(width, height, n_channels), key=_worth)


def _worth(layout: StageLayout) -> float:
    # the channels weigh as much as the composite, so that neither is a stamp
    return layout.composite.side * (layout.channels[0].side ** 2 if layout.channels else 1.0)


def _arrangements(width: float, height: float, n: int) -> Iterator[StageLayout]:
    inner_width, inner_height = max(width - 2 * MARGIN, 40.0), max(height - 2 * MARGIN, 40.0)
    if n == 0:
        side = min(inner_width, inner_height - CAPTION)
        yield StageLayout(Square((width - side) / 2, (height - side - CAPTION) / 2, side), ())
        return
    for columns in range(1, n + 1):
        rows = -(-n // columns)
        # beside: rows of channels are as high as the composite
        high = (rows - 1) * (GAP + CAPTION)
        side = min(inner_height - CAPTION, (inner_width - columns * GAP + columns * high / rows) / (1 + columns / rows))
        small = (side - high) / rows
        if small > 8:
            total = side + columns * (small + GAP)
            x, y = (width - total) / 2, (height - side - CAPTION) / 2
            places = _grid(x + side + GAP, y, small, columns, n)
            yield StageLayout(Square(x, y, side), places)
        # below
        small = min((inner_width - (columns - 1) * GAP) / columns, inner_height / (rows + 1))
        side = min(inner_width, inner_height - CAPTION - rows * (small + CAPTION + GAP))
        if side > small > 8:
            wide = columns * small + (columns - 1) * GAP
            y = (height - side - CAPTION - rows * (small + CAPTION + GAP)) / 2
            below = _grid((width - wide) / 2, y + side + CAPTION + GAP, small, columns, n)
            yield StageLayout(Square((width - side) / 2, y, side), below)
    yield StageLayout(Square(MARGIN, MARGIN, 8.0), tuple(Square(MARGIN, MARGIN, 8.0) for _ in range(n)))


def _grid(x: float, y: float, side: float, columns: int, n: int) -> tuple[Square, ...]:
    return tuple(
        Square(x + (place % columns) * (side + GAP), y + (place // columns) * (side + GAP + CAPTION), side)
        for place in range(n)
    )


def bar_length(width_um: float, *, share: float = 0.3) -> float:
    """Return the longest round length (1, 2 or 5 times a power of ten) within a share of a width, micrometres."""
    decade = 1e-3
    while decade * 10 <= width_um * share:
        decade *= 10
    return next(step * decade for step in _STEPS if step * decade <= width_um * share)
