"""The scatter plot under mouse and keys: a lasso selects, the wheel zooms, the right button moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap, QWheelEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from her2plastic.review import looks as window
from her2plastic.review.gallery import plot_painter
from her2plastic.review.gallery.grouping import Groups
from her2plastic.review.gallery.lasso import thinned
from her2plastic.review.gallery.plot_scene import Frame, PlotScene, frame_of
from her2plastic.review.gallery.selection import CellSelection
from her2plastic.review.gallery.sheet_keys import how_of, is_own

_STEPS: Final = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
#: A drag shorter than this is a click, pixels.
_CLICK: Final = 4.0
_ZOOM: Final = 0.8


class ScatterPlot(QWidget):
    """Cells as points.

    Parameters
    ----------
    selection
        Selected cells, shared with the contact sheet.
    parent
        Widget that it is in.
    """

    opened = Signal(int)
    hovered = Signal(int)
    lassoed = Signal()

    def __init__(self, selection: CellSelection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self.words_of: Callable[[int], str] = str
        self._scene: PlotScene | None = None
        self._whole: PlotScene | None = None
        self._groups = Groups(np.zeros(0, dtype=np.int64), (), ())
        self._points: QPixmap | None = None
        self._line: list[tuple[float, float]] = []
        self._grip: QPointF | None = None
        self._hovered: int | None = None
        self._reviewed: int | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 160)
        self.setAccessibleName("Scatter plot of cells")
        self.setAccessibleDescription("Arrow keys go from point to point, Space selects, plus and minus zoom.")
        selection.listen(self._redraw)

    def sizeHint(self) -> QSize:
        """Return the size that it likes to have."""
        return QSize(460, 420)

    @property
    def scene(self) -> PlotScene | None:
        """What is plotted."""
        return self._scene

    @property
    def frame(self) -> Frame:
        """The rectangle of the plot."""
        return frame_of(self.width(), self.height())

    def show_plot(self, scene: PlotScene, groups: Groups) -> None:
        """Plot cells in the colours of groups, all of them seen."""
        self._scene = self._whole = scene
        self._groups = groups
        self._redraw()

    def show_groups(self, groups: Groups) -> None:
        """Take other colours; what is seen stays."""
        self._groups = groups
        self._redraw()

    def show_hovered(self, cell: int | None) -> None:
        """Ring a cell that is pointed at elsewhere; none for a negative place."""
        cell = None if cell is None or cell < 0 else cell
        if cell != self._hovered:
            self._hovered = cell
            self.update()

    def show_reviewed(self, cell: int | None) -> None:
        """Ring the cell that is being reviewed."""
        self._reviewed = cell
        self.update()

    def _redraw(self) -> None:
        self._points = None
        self.update()

    def _see(self, scene: PlotScene | None) -> None:
        self._scene = scene
        self._redraw()

    # --- painting -----------------------------------------------------------------------------------------------
    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the points, which are kept as a picture, and over them what changes often."""
        painter = QPainter(self)
        if self._scene is None:
            painter.fillRect(self.rect(), plot_painter.GROUND)
            painter.end()
            return
        size, ratio = (self.width(), self.height()), self.devicePixelRatioF()
        if self._points is None or self._points.deviceIndependentSize() != QSize(*size).toSizeF():
            self._points = plot_painter.paint_points(
                size, ratio, self._scene, self.frame, self._groups, self._selection
            )
        painter.drawPixmap(0, 0, self._points)
        current = self._selection.current if self.hasFocus() else None
        rings = ((self._reviewed, window.WARNING, 8.0), (self._hovered, window.INK, 7.0), (current, "#FFFFFF", 9.0))
        plot_painter.paint_over(painter, self._scene, self.frame, rings, np.array(self._line, dtype=float))
        painter.end()

    # --- mouse --------------------------------------------------------------------------------------------------
    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a lasso, or take hold of the plot."""
        at = event.position()
        if event.button() == Qt.MouseButton.LeftButton and self.frame.holds(at.x(), at.y()):
            self._line = [(at.x(), at.y())]
        elif event.button() in (Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton):
            self._grip = at

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the lasso on, move the plot, or tell which point is pointed at."""
        at = event.position()
        if self._line:
            frame = self.frame
            self._line.append((min(max(at.x(), frame.left), frame.right), min(max(at.y(), frame.top), frame.bottom)))
            self.update()
        elif self._grip is not None and self._scene is not None:
            by, self._grip = at - self._grip, at
            self._see(self._scene.moved(self.frame, by.x(), by.y()))
        elif self._scene is not None:
            inside = self.frame.holds(at.x(), at.y())
            self._hover(self._scene.near(self.frame, at.x(), at.y()) if inside else None)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Select what the lasso holds; without one, the point that was clicked, or nothing."""
        if event.button() != Qt.MouseButton.LeftButton:
            self._grip = None
            return
        line, self._line = np.array(self._line, dtype=float), []
        if self._scene is None or not len(line):
            return
        how = how_of(event.modifiers())
        if np.hypot(*np.ptp(line, axis=0)) >= _CLICK:
            held = self._scene.within(self.frame, thinned(line, least=1.5))
            self._selection.select(held, how=how)
            self.lassoed.emit()
        else:
            cell = self._scene.near(self.frame, *map(float, line[0]))
            if cell is not None:
                self._selection.point_at(cell, how=how)
                self.lassoed.emit()
            elif how == "replace":
                self._selection.clear()
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the cell under the mouse; beside the points, show the whole plot again."""
        at = event.position()
        cell = None if self._scene is None else self._scene.near(self.frame, at.x(), at.y())
        if cell is not None:
            self.opened.emit(cell)
        else:
            self._see(self._whole)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the mouse."""
        at = event.position()
        if self._scene is not None and event.angleDelta().y():
            factor = _ZOOM if event.angleDelta().y() > 0 else 1 / _ZOOM
            self._see(self._scene.zoomed(self.frame, factor, at.x(), at.y()))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self._hover(None)

    def event(self, event: QEvent) -> bool:
        """Show what is known of the cell that is pointed at; keep its keys from the shortcuts of the window."""
        if event.type() == QEvent.Type.ShortcutOverride and is_own(event):
            event.accept()
            return True
        if event.type() == QEvent.Type.ToolTip:
            if self._hovered is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), self.words_of(self._hovered), self)
            return True
        return super().event(event)

    def _hover(self, cell: int | None) -> None:
        if cell != self._hovered:
            self.show_hovered(cell)
            self.hovered.emit(-1 if cell is None else cell)

    # --- keys ---------------------------------------------------------------------------------------------------
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from point to point, select, open, zoom; other keys are left to the window."""
        key, selection, scene = event.key(), self._selection, self._scene
        frame = self.frame
        middle = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2
        if scene is None:
            event.ignore()
        elif key in _STEPS:
            across, down = _STEPS[Qt.Key(key)]
            cell = scene.beside(frame, selection.current, across=across, down=down)
            adding = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            if cell is not None:
                selection.point_at(cell, how="add" if adding else "replace")
                self.lassoed.emit()
        elif key == Qt.Key.Key_Space and selection.current is not None:
            selection.point_at(selection.current, how="toggle")
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and selection.current is not None:
            self.opened.emit(selection.current)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self._see(scene.zoomed(frame, 1 / _ZOOM if key == Qt.Key.Key_Minus else _ZOOM, *middle))
        elif key == Qt.Key.Key_Home:
            self._see(self._whole)
        elif key == Qt.Key.Key_Escape and (self._line or len(selection)):
            self._line = []
            selection.clear()
        else:
            event.ignore()
