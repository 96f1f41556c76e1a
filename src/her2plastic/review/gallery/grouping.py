"""Groups of the contact sheet and the order of the cells within them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic.pl.palette import Look
from her2plastic.review.gallery import looks
from her2plastic.review.gallery.cell_columns import CellColumns
from her2plastic.review.gallery.differences import DECISION_WORDS, DIFFERENCE_WORDS, Readings

BY_NOTHING: Final = "nothing"
BY_DECISION: Final = "decision"
BY_DIFFERENCE: Final = "disagreement"
#: Order in which the cells stand in the file.
BY_FILE: Final = "order in the file"


@dataclass(frozen=True)
class Groups:
    """A word for every cell.

    Attributes
    ----------
    codes
        Place of each cell's word among the words.
    words
        In the order in which the groups are shown.
    looks
        Colour and marker of each word.
    """

    codes: np.ndarray
    words: tuple[str, ...]
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class SheetOrder:
    """Cells in the order of the sheet.

    Attributes
    ----------
    cells
        Place of the cell of each slot.
    slots
        Slot of each cell; -1 for those that are not on the sheet.
    groups
        Word of each group that has cells, as a place among the words.
    counts
        Their numbers of cells.
    """

    cells: np.ndarray
    slots: np.ndarray
    groups: tuple[int, ...]
    counts: tuple[int, ...]


def groups_of(by: str, columns: CellColumns, readings: Readings | None) -> Groups:
    """Return the groups by decision, by disagreement, by a column of words, or one group of all."""
    if by == BY_NOTHING:
        return Groups(np.zeros(len(columns), dtype=np.int64), ("all cells",), (looks.NOTHING,))
    if readings is not None and by == BY_DECISION:
        return Groups(readings.decision, DECISION_WORDS, tuple(looks.DECISIONS[word] for word in DECISION_WORDS))
    if readings is not None and by == BY_DIFFERENCE:
        return Groups(
            readings.difference, DIFFERENCE_WORDS, tuple(looks.DIFFERENCES[word] for word in DIFFERENCE_WORDS)
        )
    codes, words = columns.words(by)
    return Groups(codes, words, looks.looks_of(words))


def ordered(
    groups: Groups, *, shown: np.ndarray, values: np.ndarray | None = None, falling: bool = False
) -> SheetOrder:
    """Return the cells of the sheet, group after group.

    Parameters
    ----------
    groups
        Their words.
    shown
        bool: which cells are on the sheet.
    values
        What the cells of a group are sorted by; cells without a value come last. The order in the file where not given,
        and where values are alike.
    falling
        Whether the largest comes first.

    Returns
    -------
    Order of the cells.
    """
    cells = np.flatnonzero(shown)
    codes = groups.codes[cells]
    if values is None:
        keys = -cells if falling else cells
        order = np.lexsort((keys, codes))
    else:
        own = values[cells]
        missing = ~np.isfinite(own)
        own = np.where(missing, 0.0, -own if falling else own)
        order = np.lexsort((cells, own, missing, codes))
    cells = cells[order]
    slots = np.full(len(shown), -1, dtype=np.int64)
    slots[cells] = np.arange(len(cells))
    found, counts = np.unique(codes, return_counts=True)
    return SheetOrder(cells, slots, tuple(int(code) for code in found), tuple(int(count) for count in counts))
