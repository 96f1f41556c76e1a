"""Where each tile of a contact sheet lies: groups under headings, rows of tiles, and what of it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

#: Pixels between tiles, around the sheet, of a heading, and below a group.
GAP: Final = 3
MARGIN: Final = 8
HEADING: Final = 30
BELOW_GROUP: Final = 10

Move = Literal["left", "right", "up", "down", "page up", "page down", "row start", "row end", "start", "end"]


@dataclass(frozen=True)
class Heading:
    """The line above a group.

    Attributes
    ----------
    group
        Number of the group.
    y
        Its upper edge in the sheet.
    pinned
        Whether it is held at the top of what is seen, because its group began above.
    """

    group: int
    y: int
    pinned: bool = False


@dataclass(frozen=True)
class SheetLayout:
    """Tiles of one size in rows, group after group. A slot is the place of a tile, counted over the whole sheet.

    Attributes
    ----------
    counts
        Tiles of each group; none is 0.
    width
        Of what is seen, pixels.
    side
        Of a tile, pixels.
    headed
        Whether the groups have headings.
    """

    counts: tuple[int, ...]
    width: int
    side: int
    headed: bool = True

    @property
    def pitch(self) -> int:
        """Pixels from one tile to the next."""
        return self.side + GAP

    @cached_property
    def columns(self) -> int:
        """Tiles in a row."""
        return max(1, (self.width - 2 * MARGIN + GAP) // self.pitch)

    @cached_property
    def starts(self) -> np.ndarray:
        """First slot of each group, and the number of slots."""
        return np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)]).astype(np.int64)

    @property
    def slots(self) -> int:
        """Number of tiles."""
        return int(self.starts[-1])

    @property
    def heading_height(self) -> int:
        """Pixels of a heading."""
        return HEADING if self.headed else 0

    @cached_property
    def _tops(self) -> np.ndarray:
        """Upper edge of each group (its heading), and where the last one ends."""
        rows = -(-np.asarray(self.counts, dtype=np.int64) // self.columns)
        heights = self.heading_height + rows * self.pitch + BELOW_GROUP
        return np.concatenate([[MARGIN], MARGIN + np.cumsum(heights)]).astype(np.int64)

    @property
    def height(self) -> int:
        """Pixels of the whole sheet."""
        return int(self._tops[-1]) + MARGIN if self.counts else 0

    def corner(self, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the left and upper edges of tiles in the sheet."""
        slots = np.asarray(slots, dtype=np.int64)
        group = np.searchsorted(self.starts, slots, side="right") - 1
        row, column = np.divmod(slots - self.starts[group], self.columns)
        return MARGIN + column * self.pitch, self._tops[group] + self.heading_height + row * self.pitch

    def seen(self, top: int, bottom: int) -> range:
        """Return the slots whose tiles touch the rows of pixels from ``top`` up to ``bottom``."""
        if not self.counts or bottom <= top:
            return range(0)
        return range(self._first_below(top), self._first_at(bottom))

    def _first_below(self, y: int) -> int:
        """Return the first slot whose lower edge lies below ``y``."""
        group = max(0, int(np.searchsorted(self._tops, y, side="right")) - 1)
        if group >= len(self.counts):
            return self.slots
        into = y - int(self._tops[group]) - self.heading_height
        # a row's last pixel lies ``side - 1`` below its first
        row = max(0, -(-(into - self.side + 1) // self.pitch))
        return int(self.starts[group]) + min(row * self.columns, self.counts[group])

    def _first_at(self, y: int) -> int:
        """Return the first slot whose upper edge lies at ``y`` or below."""
        group = max(0, int(np.searchsorted(self._tops, y, side="right")) - 1)
        if group >= len(self.counts):
            return self.slots
        into = y - int(self._tops[group]) - self.heading_height
        row = max(0, -(-into // self.pitch))
        return int(self.starts[group]) + min(row * self.columns, self.counts[group])

    def headings(self, top: int, bottom: int) -> list[Heading]:
        """Return the headings that are seen; that of a group which began above is held at the top."""
        if not self.headed or not self.counts or bottom <= top:
            return []
        tops = self._tops
        first = int(np.clip(np.searchsorted(tops, top, side="right") - 1, 0, len(self.counts) - 1))
        found = []
        for group in range(first, len(self.counts)):
            y = int(tops[group])
            if y >= bottom:
                break
            if y < top:
                # the next group pushes the heading that is held out of the way
                held = min(top, int(tops[group + 1]) - BELOW_GROUP - HEADING)
                if held + HEADING > top and tops[group + 1] > top:
                    found.append(Heading(group, held, pinned=True))
            else:
                found.append(Heading(group, y))
        return found

    def slot_at(self, x: float, y: float) -> int | None:
        """Return the slot of the tile under a point of the sheet, or nothing between tiles."""
        if not self.counts:
            return None
        group = int(np.searchsorted(self._tops, y, side="right")) - 1
        if not 0 <= group < len(self.counts):
            return None
        column, across = divmod(x - MARGIN, self.pitch)
        row, down = divmod(y - int(self._tops[group]) - self.heading_height, self.pitch)
        if across >= self.side or down >= self.side or not 0 <= column < self.columns or row < 0:
            return None
        place = int(row) * self.columns + int(column)
        return int(self.starts[group]) + place if place < self.counts[group] else None

    def slots_within(self, left: float, top: float, right: float, bottom: float) -> np.ndarray:
        """Return the slots whose tiles touch a rectangle of the sheet."""
        slots = np.asarray(self.seen(int(np.floor(top)), int(np.ceil(bottom)) + 1), dtype=np.int64)
        x, y = self.corner(slots)
        return slots[(x <= right) & (x + self.side > left) & (y <= bottom) & (y + self.side > top)]

    def group_of(self, slot: int) -> int:
        """Return the number of the group that a slot is in."""
        return int(np.searchsorted(self.starts, slot, side="right")) - 1

    def slots_of(self, group: int) -> range:
        """Return the slots of a group."""
        return range(int(self.starts[group]), int(self.starts[group + 1]))

    def moved(self, slot: int, move: Move, *, view_height: int) -> int:
        """Return the slot that a key leads to from another, always one that there is."""
        last = self.slots - 1
        group = self.group_of(slot)
        column = (slot - int(self.starts[group])) % self.columns
        row_start = slot - column
        match move:
            case "left":
                slot -= 1
            case "right":
                slot += 1
            case "row start":
                slot = row_start
            case "row end":
                slot = min(row_start + self.columns, int(self.starts[group + 1])) - 1
            case "start":
                slot = 0
            case "end":
                slot = last
            case "up" | "down" | "page up" | "page down":
                rows = max(1, view_height // self.pitch - 1) if move.startswith("page") else 1
                slot = self._rows_on(group, row_start, column, -rows if move.endswith("up") else rows)
        return min(max(slot, 0), last)

    def _rows_on(self, group: int, row_start: int, column: int, rows: int) -> int:
        """Return the slot so many rows on (or back), in the same column or the last of a shorter row."""
        per_group = -(-np.asarray(self.counts, dtype=np.int64) // self.columns)
        rows_before = np.concatenate([[0], np.cumsum(per_group)])
        row = int(rows_before[group]) + (row_start - int(self.starts[group])) // self.columns
        row = min(max(row + rows, 0), int(rows_before[-1]) - 1)
        group = int(np.searchsorted(rows_before, row, side="right")) - 1
        start = int(self.starts[group]) + (row - int(rows_before[group])) * self.columns
        return min(start + column, int(self.starts[group + 1]) - 1)

    def top_with(self, slot: int) -> int:
        """Return the upper edge of the view in which a tile's row comes first, below the heading of its group."""
        y = int(self.corner(np.array([slot]))[1][0]) - self.heading_height
        in_first_row = slot - int(self.starts[self.group_of(slot)]) < self.columns
        return max(0, y - MARGIN if in_first_row else y)

    def scrolled_to(self, slot: int, *, top: int, view_height: int) -> int:
        """Return the upper edge of the view that shows a tile whole, and its heading where there is room for it."""
        y = int(self.corner(np.array([slot]))[1][0])
        above = self.heading_height + GAP
        if y - above < top:
            top = y - above
        elif y + self.side + GAP > top + view_height:
            top = min(y + self.side + GAP - view_height, y - above)
        return min(max(top, 0), max(0, self.height - view_height))


def layout_of(counts: Sequence[int], *, width: int, side: int, headed: bool = True) -> SheetLayout:
    """Return the layout of groups of so many tiles."""
    return SheetLayout(tuple(int(count) for count in counts), int(width), int(side), headed)
