"""What is seen of the contact sheet: thumbnails of thousands of cells, painted from an atlas where they are seen."""

from __future__ import annotations

from typing import Final

import numpy as np
from qtpy.QtCore import QPoint, QRect, Qt, QTimer, Signal
from qtpy.QtGui import QPainter, QPaintEvent, QResizeEvent
from qtpy.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from her2plastic.review.gallery import sheet_painter
from her2plastic.review.gallery.grouping import Groups, SheetOrder
from her2plastic.review.gallery.page_images import PageImages
from her2plastic.review.gallery.selection import CellSelection
from her2plastic.review.gallery.sheet_layout import HEADING, SheetLayout, layout_of
from her2plastic.review.gallery.thumbnails import Thumbnails

#: Sides of tiles that the keys and the wheel step through.
SIDES: Final = (24, 32, 48, 64, 80, 96, 128, 160, 192)
#: How often it is looked whether pictures that are waited for have come, milliseconds.
_LOOK_EVERY: Final = 40
#: Rows of tiles above and below what is seen that are asked for too.
_ROWS_AHEAD: Final = 4


class SheetView(QAbstractScrollArea):
    """Tiles of cells in groups.

    Parameters
    ----------
    thumbnails
        Their pictures.
    selection
        Selected cells, shared with the scatter plot.
    parent
        Widget that it is in.
    """

    hovered = Signal(int)
    side_changed = Signal(int)

    def __init__(self, thumbnails: Thumbnails, selection: CellSelection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails, self._selection = thumbnails, selection
        self._order = SheetOrder(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), (), ())
        self._side = 64
        self._headed = True
        self._scene = sheet_painter.SheetScene(
            layout_of((), width=1, side=self._side), self._order.cells, (), (), None, selection,
            PageImages(thumbnails), lambda cell: thumbnails.missing.get(cell, ""),
        )  # fmt: skip
        self.band: QRect | None = None  # what a drag goes over, in the sheet
        self._painted = -1
        self._clock = QTimer(self)
        self._clock.setInterval(_LOOK_EVERY)
        self._clock.timeout.connect(self._look_for_pictures)
        self._make_ready()

    @property
    def selection(self) -> CellSelection:
        """Selected cells."""
        return self._selection

    def _make_ready(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Contact sheet of cells")
        self.setAccessibleDescription("Arrow keys move, Shift extends the selection, Space selects, Enter opens.")
        view = self.viewport()
        view.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        view.setMouseTracking(True)
        self.setMinimumSize(160, 120)
        self._selection.listen(self.viewport().update)

    # --- what is shown ------------------------------------------------------------------------------------------
    @property
    def layout_now(self) -> SheetLayout:
        """Where the tiles lie."""
        return self._scene.layout

    @property
    def order(self) -> SheetOrder:
        """Cells in the order of the sheet."""
        return self._order

    @property
    def side(self) -> int:
        """Pixels of a tile."""
        return self._side

    def show_cells(
        self, order: SheetOrder, groups: Groups, *, headed: bool, marked: bool = False, from_top: bool = False
    ) -> None:
        """Show cells in an order, in groups, under headings, with the groups' markers or without.

        The cell at the top stays in sight where it can, unless the sheet is to be seen from its top.
        """
        kept = self._top_cell()
        self._order, self._headed = order, headed
        self._scene.cells = order.cells
        self._scene.titles = tuple(groups.words[code] for code in order.groups)
        self._scene.title_looks = tuple(groups.looks[code] if marked else None for code in order.groups)
        self._lay_out()
        if from_top:
            self.verticalScrollBar().setValue(0)
        elif kept is not None and kept < len(order.slots) and order.slots[kept] >= 0 and self.top() > 0:
            self._scroll_to_top_of(int(order.slots[kept]))

    def show_marks(self, marks: Groups | None) -> None:
        """Mark the tiles by the words of groups, or not at all."""
        self._scene.marks = marks
        self.viewport().update()

    def show_reviewed(self, cell: int | None) -> None:
        """Ring the cell that is being reviewed."""
        self._scene.reviewed = cell
        self.viewport().update()

    def show_hovered(self, cell: int | None) -> None:
        """Ring the cell that is pointed at elsewhere; none for a negative place."""
        cell = None if cell is None or cell < 0 else cell
        if cell != self._scene.hovered:
            for one in (self._scene.hovered, cell):
                self._update_cell(one)
            self._scene.hovered = cell

    def set_side(self, side: int) -> None:
        """Draw tiles of so many pixels; the cell at the top stays in sight."""
        side = min(max(int(side), SIDES[0]), SIDES[-1])
        if side == self._side:
            return
        kept = self._selection.current if self._seen(self._selection.current) else self._top_cell()
        self._side = side
        self._lay_out()
        if kept is not None:
            self._scroll_to_top_of(int(self._order.slots[kept]))
        self.side_changed.emit(side)

    def reveal(self, cell: int, *, at_top: bool = False) -> None:
        """Scroll until a cell is seen, in the first row if asked for; one that is not on the sheet changes nothing."""
        if not 0 <= cell < len(self._order.slots) or (slot := int(self._order.slots[cell])) < 0:
            return
        if at_top:
            self._scroll_to_top_of(slot)
        else:
            view = self.viewport().height()
            self.verticalScrollBar().setValue(self.layout_now.scrolled_to(slot, top=self.top(), view_height=view))

    def seen_cells(self) -> np.ndarray:
        """Return the cells whose tiles are seen, in the order of the sheet."""
        slots = self.layout_now.seen(self.top(), self.top() + self.viewport().height())
        return self._order.cells[slots.start : slots.stop]

    # --- geometry -----------------------------------------------------------------------------------------------
    def top(self) -> int:
        """Return the row of pixels of the sheet that is the first seen."""
        return self.verticalScrollBar().value()

    def _lay_out(self) -> None:
        width, height = self.viewport().width(), self.viewport().height()
        layout = layout_of(self._order.counts, width=width, side=self._side, headed=self._headed)
        self._scene.layout = layout
        bar = self.verticalScrollBar()
        bar.setPageStep(height)
        bar.setSingleStep(max(1, layout.pitch // 2))
        bar.setRange(0, max(0, layout.height - height))
        self._ask_for_pictures()
        self.viewport().update()

    def _seen(self, cell: int | None) -> bool:
        return cell is not None and bool(np.any(self.seen_cells() == cell))

    def _top_cell(self) -> int | None:
        seen = self.seen_cells()
        return int(seen[0]) if seen.size else None

    def _scroll_to_top_of(self, slot: int) -> None:
        self.verticalScrollBar().setValue(self.layout_now.top_with(slot))

    def _update_cell(self, cell: int | None) -> None:
        if cell is None or not 0 <= cell < len(self._order.slots) or self._order.slots[cell] < 0:
            return
        x, y = self.layout_now.corner(self._order.slots[cell : cell + 1])
        self.viewport().update(QRect(int(x[0]) - 3, int(y[0]) - self.top() - 3, self._side + 6, self._side + 6))

    def cell_at(self, point: QPoint) -> int | None:
        """Return the cell under a point of the sheet."""
        slot = self.layout_now.slot_at(point.x(), point.y())
        return None if slot is None else int(self._order.cells[slot])

    def group_at(self, point: QPoint) -> int | None:
        """Return the group whose heading is under a point of the sheet."""
        headings = self.layout_now.headings(self.top(), self.top() + self.viewport().height())
        return next((h.group for h in headings if h.y <= point.y() < h.y + HEADING), None)

    # --- painting -----------------------------------------------------------------------------------------------
    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is seen."""
        painter = QPainter(self.viewport())
        self._scene.focused = self.hasFocus()
        area = event.rect()
        sheet_painter.paint(painter, self._scene, top=self.top(), area=area, ratio=self.devicePixelRatioF())
        if not self._order.cells.size:
            painter.setPen(sheet_painter.QUIET)
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, "No cell to show")
        if self.band is not None:
            sheet_painter.paint_band(painter, self.band.translated(0, -self.top()))
        painter.end()
        if self._waits() and not self._clock.isActive():
            self._clock.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the tiles out anew; the cell at the top stays."""
        kept = self._top_cell() if self.top() > 0 else None
        self._lay_out()
        if kept is not None:
            self._scroll_to_top_of(int(self._order.slots[kept]))

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Draw anew after scrolling, and ask for the pictures that came into sight."""
        self._ask_for_pictures()
        self.viewport().update()

    def _ask_for_pictures(self) -> None:
        top, height, ahead = self.top(), self.viewport().height(), _ROWS_AHEAD * self.layout_now.pitch
        near = self.layout_now.seen(max(0, top - ahead), top + height + ahead)
        seen = self.layout_now.seen(top, top + height)
        cells = np.concatenate([self._order.cells[seen.start : seen.stop], self._order.cells[near.start : near.stop]])
        lacking = cells[~np.asarray(self._thumbnails.ready)[cells]] if cells.size else cells
        if lacking.size:
            self._thumbnails.want(list(dict.fromkeys(lacking.tolist())))

    def _look_for_pictures(self) -> None:
        painted = self._thumbnails.painted
        if painted != self._painted:
            self._painted = painted
            self.viewport().update()
        elif not self._waits():
            self._clock.stop()

    def _waits(self) -> bool:
        """Return whether a cell is seen whose picture may still come."""
        seen = self.seen_cells()
        lacking = seen[~np.asarray(self._thumbnails.ready)[seen]]
        return any(cell not in self._thumbnails.missing for cell in lacking.tolist())

    def hover(self, cell: int | None) -> None:
        """Ring the cell that is pointed at here, and tell which it is."""
        if cell != self._scene.hovered:
            self.show_hovered(cell)
            self.hovered.emit(-1 if cell is None else cell)

    @property
    def hovered_cell(self) -> int | None:
        """The cell that is pointed at."""
        return self._scene.hovered

    def step_side(self, steps: int) -> None:
        """Make the tiles larger (1) or smaller (-1)."""
        nearest = int(np.argmin(np.abs(np.array(SIDES) - self._side)))
        self.set_side(SIDES[min(max(nearest + steps, 0), len(SIDES) - 1)])
