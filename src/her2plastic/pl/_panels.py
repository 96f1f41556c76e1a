"""Small panels side by side within one axes, so that a figure of many panels still takes and returns one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic.pl import palette
from her2plastic.pl._axes import without_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches between panels: for the labels at the left, the title above.
_LEFT, _ABOVE = 0.16, 0.30
_MOST_COLUMNS: Final = 6
#: Inches that a letter and the mark before it take in the legend.
_PER_LETTER, _HANDLE = 0.08, 0.5
#: Inches from the panels to the legend, which keep their own numbers and label free, and of a line of it.
_BELOW, _LINE = 0.48, 0.215


class Grid:
    """Panels in rows within one axes.

    Parameters
    ----------
    ax
        The axes that hold the panels; its own frame is taken away.
    n
        How many panels.
    """

    def __init__(self, ax: Axes, n: int) -> None:
        self._ax = ax
        self._n = n
        self.n_columns, self.n_rows = self.shape_for(n)
        without_frame(ax)
        width, height = (float(side) / ax.figure.dpi for side in ax.get_window_extent().bounds[2:])
        self._gap = (_LEFT / width, _ABOVE / height)
        self._width = width

    @staticmethod
    def shape_for(n: int) -> tuple[int, int]:
        """Return columns and rows for a number of panels: a little wider than high."""
        n_columns = int(np.clip(np.ceil(np.sqrt(1.34 * max(n, 1))), min(max(n, 1), 3), _MOST_COLUMNS))
        return n_columns, max(-(-n // n_columns), 1)

    @staticmethod
    def size_for(n: int, *, panel: tuple[float, float], below: float) -> tuple[float, float]:
        """Return width and height in inches of a figure of ``n`` panels, with ``below`` for the legend."""
        n_columns, n_rows = Grid.shape_for(n)
        return max(6.4, panel[0] * n_columns + 0.6), panel[1] * n_rows + below

    def panel(self, place: int, *, title: str) -> Axes:
        """Return the axes of one panel, counted from 0 along the rows."""
        row, column = divmod(place, self.n_columns)
        wide, high = 1 / self.n_columns, 1 / self.n_rows
        panel = self._ax.inset_axes(
            (column * wide + self._gap[0] / 2, 1 - (row + 1) * high, wide - self._gap[0], high - self._gap[1])
        )
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8.5, length=2.5)
        panel.set_title(title, fontsize=10, loc="left", pad=3, parse_math=False)
        return panel

    def label(self, panel: Axes, place: int, *, x: str, y: str) -> None:
        """Label a panel where nothing stands below or at the left of it; take the numbers away elsewhere."""
        row, column = divmod(place, self.n_columns)
        if column == 0:
            panel.set_ylabel(y, fontsize=9.5)
        else:
            panel.tick_params(labelleft=False)
        if place + self.n_columns >= self._n:
            panel.set_xlabel(x, fontsize=9.5, labelpad=1)
        else:
            panel.tick_params(labelbottom=False)

    def legend(self, groups: list[list[Any]], told: str) -> None:
        """Put the legends of all panels below them, a block for each group, and a line that explains the rest."""
        from matplotlib.legend import Legend
        from matplotlib.transforms import ScaledTranslation

        below = _BELOW
        for handles in filter(None, groups):
            longest = max(len(str(handle.get_label())) for handle in handles)
            columns = int(np.clip(self._width / (_PER_LETTER * longest + _HANDLE), 1, 5))
            # matplotlib fills a legend column by column
            handles = [handles[k] for column in range(columns) for k in range(column, len(handles), columns)]
            # in inches, for the panels get their height after this
            place = self._ax.transAxes + ScaledTranslation(0, -below, self._ax.figure.dpi_scale_trans)
            block = Legend(self._ax, handles, [str(handle.get_label()) for handle in handles], loc="upper left",
                           bbox_to_anchor=(0.0, 0.0), ncols=columns, bbox_transform=place, frameon=False,
                           borderaxespad=0.0, handletextpad=0.4, columnspacing=1.4)  # fmt: skip
            self._ax.add_artist(block)
            below += _LINE * -(-len(handles) // columns) + 0.03
        self._ax.annotate(told, (0, 0), xycoords="axes fraction", xytext=(0, -72 * below - 4),
                          textcoords="offset points", va="top", fontsize=9, color=palette.NOTE)  # fmt: skip
