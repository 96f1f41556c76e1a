"""Which cells are selected, and which one has the keys: one state that the sheet and the scatter plot share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

#: What becomes of cells that were pointed at: they alone are selected, or they join, leave, or change over.
How = Literal["replace", "add", "remove", "toggle"]


class CellSelection:
    """Selected cells among n, by their places.

    Parameters
    ----------
    n_cells
        Number of cells.
    """

    def __init__(self, n_cells: int) -> None:
        self._chosen = np.zeros(n_cells, dtype=bool)
        self._current: int | None = None
        self._anchor: int | None = None
        self._listeners: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return int(self._chosen.sum())

    @property
    def chosen(self) -> np.ndarray:
        """Whether each cell is selected; not to be written to."""
        view = self._chosen.view()
        view.flags.writeable = False
        return view

    @property
    def places(self) -> np.ndarray:
        """Places of the selected cells, rising."""
        return np.flatnonzero(self._chosen)

    @property
    def current(self) -> int | None:
        """The cell that the keys move from."""
        return self._current

    @property
    def anchor(self) -> int | None:
        """The cell that a range began at."""
        return self._anchor

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after every change; what comes back ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def select(self, cells: Iterable[int] | np.ndarray, *, how: How = "replace") -> None:
        """Select, add, remove or toggle cells; the current cell stays."""
        self._set(self._after(cells, how), self._current, self._anchor)

    def point_at(self, cell: int, *, how: How = "replace") -> None:
        """Make one cell the current one, from which ranges begin, and select, add, remove or toggle it."""
        self._set(self._after([cell], how), cell, cell)

    def move_to(self, cell: int) -> None:
        """Make a cell the current one and leave the selection as it is."""
        self._set(self._chosen, cell, self._anchor if self._anchor is not None else cell)

    def extend_to(self, cell: int, *, order: np.ndarray, how: How = "replace") -> None:
        """Select from the cell where the range began to ``cell``, as they lie in ``order``."""
        begun = np.flatnonzero(order == self._anchor) if self._anchor is not None else np.array([], dtype=int)
        ends = np.flatnonzero(order == cell)
        if begun.size == 0 or ends.size == 0:
            self.point_at(cell, how=how)
            return
        first, last = sorted((int(begun[0]), int(ends[0])))
        self._set(self._after(order[first : last + 1], how), cell, self._anchor)

    def clear(self) -> None:
        """Select no cell."""
        self._set(np.zeros_like(self._chosen), self._current, self._anchor)

    def invert(self, *, among: np.ndarray) -> None:
        """Select those of ``among`` that are not selected, and nothing else."""
        chosen = np.zeros_like(self._chosen)
        chosen[among] = ~self._chosen[among]
        self._set(chosen, self._current, self._anchor)

    def keep(self, among: np.ndarray) -> None:
        """Leave out of the selection, and of the keys, all cells that are not in ``among``."""
        there = np.zeros_like(self._chosen)
        there[among] = True

        def kept(cell: int | None) -> int | None:
            return cell if cell is not None and there[cell] else None

        self._set(self._chosen & there, kept(self._current), kept(self._anchor))

    def _after(self, cells: Iterable[int] | np.ndarray, how: How) -> np.ndarray:
        places = np.asarray(cells if isinstance(cells, np.ndarray) else list(cells), dtype=np.int64)
        chosen = np.zeros_like(self._chosen) if how == "replace" else self._chosen.copy()
        chosen[places] = ~chosen[places] if how == "toggle" else how != "remove"
        return chosen

    def _set(self, chosen: np.ndarray, current: int | None, anchor: int | None) -> None:
        same = np.array_equal(chosen, self._chosen) and (current, anchor) == (self._current, self._anchor)
        self._chosen, self._current, self._anchor = chosen, current, anchor
        if not same:
            for listener in tuple(self._listeners):
                listener()
