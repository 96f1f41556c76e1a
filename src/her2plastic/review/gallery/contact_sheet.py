"""The contact sheet under mouse and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QRect, Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QToolTip, QWidget

from her2plastic.review.gallery.selection import CellSelection, How
from her2plastic.review.gallery.sheet_keys import how_of, is_own, press
from her2plastic.review.gallery.sheet_view import SheetView
from her2plastic.review.gallery.thumbnails import Thumbnails

#: Pixels of movement from which on a press is a drag.
_DRAG: Final = 5
#: Most pixels that are scrolled at a step, and milliseconds between steps, while a drag is held beyond the edge.
_DRIFT, _DRIFT_EVERY = 60, 30


class ContactSheet(SheetView):
    """Tiles of cells in groups, to be pointed at, selected and opened.

    Parameters
    ----------
    thumbnails
        Their pictures.
    selection
        Selected cells, shared with the scatter plot.
    parent
        Widget that it is in.
    """

    opened = Signal(int)

    def __init__(self, thumbnails: Thumbnails, selection: CellSelection, parent: QWidget | None = None) -> None:
        super().__init__(thumbnails, selection, parent)
        self.words_of: Callable[[int], str] = str
        self._pressed: tuple[QPoint, int | None] | None = None  # where in the sheet, and the cell there
        self._before = np.zeros(0, dtype=np.int64)
        self._how: How = "replace"
        self._drifting = QTimer(self)
        self._drifting.setInterval(_DRIFT_EVERY)
        self._drifting.timeout.connect(self._drift)

    # --- mouse --------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Point at a cell, or at a heading, which stands for its group."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() != Qt.MouseButton.LeftButton:
            return
        point, how = self._in_sheet(event), how_of(event.modifiers())
        group = self.group_at(point)
        if group is not None:
            slots = self.layout_now.slots_of(group)
            self.selection.select(self.order.cells[slots.start : slots.stop], how="add" if how == "toggle" else how)
            return
        cell = self.cell_at(point)
        self._pressed, self._how = (point, cell), how
        self._before = self.selection.places if how != "replace" else np.zeros(0, dtype=np.int64)
        if cell is not None and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            joins = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            self.selection.extend_to(cell, order=self.order.cells, how="add" if joins else "replace")
        elif cell is not None:
            self.selection.point_at(cell, how=how)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Select what a drag goes over; without one, tell which cell is pointed at."""
        point = self._in_sheet(event)
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            self.hover(None if self.group_at(point) is not None else self.cell_at(point))
        elif self.band is not None or (point - self._pressed[0]).manhattanLength() >= _DRAG:
            self._drag_to(point)
            if 0 <= event.position().y() < self.viewport().height():
                self._drifting.stop()
            elif not self._drifting.isActive():
                self._drifting.start()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag; a press between the tiles selects nothing."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        between = self._pressed is not None and self._pressed[1] is None and self.band is None
        self._pressed, self.band = None, None
        self._drifting.stop()
        if between and self._how == "replace":
            self.selection.clear()
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the cell."""
        point = self._in_sheet(event)
        cell = self.cell_at(point) if self.group_at(point) is None else None
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(cell)

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self.hover(None)

    def _in_sheet(self, event: QMouseEvent) -> QPoint:
        return event.position().toPoint() + QPoint(0, self.top())

    def _drag_to(self, point: QPoint) -> None:
        if self._pressed is None:
            return
        self.band = band = QRect(self._pressed[0], point).normalized()
        slots = self.layout_now.slots_within(band.left(), band.top(), band.right(), band.bottom())
        under = self.order.cells[slots]
        joined = np.setdiff1d(self._before, under) if self._how == "remove" else np.union1d(self._before, under)
        self.selection.select(joined.astype(np.int64))
        self.viewport().update()

    def _drift(self) -> None:
        """Scroll on while a drag is held beyond the edge."""
        where = self.viewport().mapFromGlobal(self.cursor().pos())
        over = where.y() if where.y() < 0 else max(0, where.y() - self.viewport().height())
        if over:
            self.verticalScrollBar().setValue(self.top() + max(-_DRIFT, min(_DRIFT, over)))
            self._drag_to(where + QPoint(0, self.top()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll; with Ctrl make the tiles larger or smaller."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.step_side(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show what is known of the cell that is pointed at."""
        if event.type() == QEvent.Type.ToolTip:
            if self.hovered_cell is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), self.words_of(self.hovered_cell), self)
            return True
        return super().viewportEvent(event)

    # --- keys ---------------------------------------------------------------------------------------------------
    def event(self, event: QEvent) -> bool:
        """Keep the keys of the sheet from the shortcuts of the window that it is in."""
        if event.type() == QEvent.Type.ShortcutOverride and is_own(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, select, open, zoom; other keys are left to the window."""
        current = self.selection.current
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current is not None:
            self.opened.emit(current)
        elif not press(self, event):
            event.ignore()
