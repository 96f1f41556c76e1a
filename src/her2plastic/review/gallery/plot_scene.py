"""Points of the scatter plot: where they lie, in which order they are drawn, which one is near, what a lasso holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from her2plastic.review.gallery.cell_columns import CellColumns
from her2plastic.review.gallery.lasso import inside
from her2plastic.review.gallery.plot_axis import PlotAxis, Scale, axis_of_words, axis_over, spread

#: Room around the plot for ticks and names, pixels: left, top, right, bottom.
MARGINS: Final = (64, 12, 16, 46)
#: How far from a point it can be pointed at, pixels.
NEAR: Final = 10.0


@dataclass(frozen=True)
class Frame:
    """The rectangle of the plot in the widget, pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, x: float, y: float) -> bool:
        """Return whether a point lies in it."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom


def frame_of(width: int, height: int) -> Frame:
    """Return the rectangle of the plot in a widget of this size."""
    left, top, right, bottom = MARGINS
    return Frame(left, top, max(width - right, left + 20), max(height - bottom, top + 20))


@dataclass(frozen=True)
class PlotScene:
    """Cells as points of a plot.

    Attributes
    ----------
    x, y
        Where they lie along the axes; NaN for those that have no place.
    x_axis, y_axis
        What is seen of the axes.
    x_name, y_name
        What the axes are.
    drawn
        bool: which cells are drawn at all.
    """

    x: np.ndarray
    y: np.ndarray
    x_axis: PlotAxis
    y_axis: PlotAxis
    x_name: str
    y_name: str
    drawn: np.ndarray

    @cached_property
    def placed(self) -> np.ndarray:
        """Cells that are drawn and have a place on both axes."""
        return np.asarray(self.drawn & np.isfinite(self.x) & np.isfinite(self.y))

    @property
    def without_place(self) -> int:
        """Number of cells that are to be drawn and have no place on an axis."""
        return int(self.drawn.sum() - self.placed.sum())

    def pixels(self, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels of all points; those without a place are NaN."""
        x = self.x_axis.pixels(self.x, frame.left, frame.right)
        y = self.y_axis.pixels(self.y, frame.bottom, frame.top)
        return np.where(self.placed, x, np.nan), np.where(self.placed, y, np.nan)

    def seen(self, frame: Frame) -> np.ndarray:
        """Return the cells whose points lie in the frame, in the order of drawing: shuffled, alike each time.

        In any order of the file one group would lie on the others.
        """
        x, y = self.pixels(frame)
        within = (x >= frame.left) & (x <= frame.right) & (y >= frame.top) & (y <= frame.bottom)
        return self._shuffled[within[self._shuffled]]

    @cached_property
    def _shuffled(self) -> np.ndarray:
        return np.random.default_rng(0).permutation(len(self.x))

    def near(self, frame: Frame, x: float, y: float) -> int | None:
        """Return the cell whose point is nearest, if it is near."""
        seen = self.seen(frame)
        if not seen.size:
            return None
        across, down = self.pixels(frame)
        distance = np.hypot(across[seen] - x, down[seen] - y)
        # of points on each other the one that was drawn last is seen
        place = seen.size - 1 - int(np.argmin(distance[::-1]))
        return int(seen[place]) if distance[place] <= NEAR else None

    def within(self, frame: Frame, line: np.ndarray) -> np.ndarray:
        """Return the cells that a closed line holds, rising."""
        x, y = self.pixels(frame)
        return np.flatnonzero(inside(x, y, line))

    def zoomed(self, frame: Frame, factor: float, x: float, y: float) -> PlotScene:
        """Return the plot zoomed about a pixel."""
        return replace(
            self,
            x_axis=self.x_axis.zoomed(factor, about=self.x_axis.at_pixel(x, frame.left, frame.right)),
            y_axis=self.y_axis.zoomed(factor, about=self.y_axis.at_pixel(y, frame.bottom, frame.top)),
        )

    def moved(self, frame: Frame, across: float, down: float) -> PlotScene:
        """Return the plot with what is seen moved by pixels."""
        by_x = -across / (frame.right - frame.left) * (self.x_axis.high - self.x_axis.low)
        by_y = down / (frame.bottom - frame.top) * (self.y_axis.high - self.y_axis.low)
        return replace(self, x_axis=self.x_axis.moved(by_x), y_axis=self.y_axis.moved(by_y))

    def beside(self, frame: Frame, cell: int | None, *, across: int, down: int) -> int | None:
        """Return the nearest cell to one side of a cell; the one in the middle of the plot where there is none yet."""
        seen = self.seen(frame)
        if not seen.size:
            return None
        x, y = self.pixels(frame)
        if cell is None or not np.any(seen == cell):
            middle = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2
            return int(seen[np.argmin(np.hypot(x[seen] - middle[0], y[seen] - middle[1]))])
        dx, dy = x[seen] - x[cell], y[seen] - y[cell]
        along, aside = (dx * across, np.abs(dy)) if across else (dy * down, np.abs(dx))
        # straight on counts more than aside
        ahead = (along > 0) & (aside <= 2 * along)
        if not ahead.any():
            return cell
        cost = np.where(ahead, along + 2 * aside, np.inf)
        return int(seen[np.argmin(cost)])


def plot_of(
    columns: CellColumns, *, x: str, y: str, drawn: np.ndarray, x_scale: Scale = "linear", y_scale: Scale = "linear"
) -> PlotScene:
    """Return the plot of one column against another; words are strips over which their cells are spread."""
    places, axes = [], []
    for name, scale in ((x, x_scale), (y, y_scale)):
        if columns.column(name).words:
            codes, words = columns.words(name)
            places.append(spread(codes))
            axes.append(axis_of_words(words))
        else:
            values = columns.numbers(name)
            axis = axis_over(values[drawn], scale=scale)
            places.append(axis.along(values))
            axes.append(axis)
    return PlotScene(places[0], places[1], axes[0], axes[1], _title(columns, x), _title(columns, y), drawn)


def _title(columns: CellColumns, name: str) -> str:
    unit = columns.column(name).unit.replace("um2", "µm²").replace("um", "µm")
    return f"{name} ({unit})" if unit else name
