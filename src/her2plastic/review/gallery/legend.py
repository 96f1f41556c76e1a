"""The legend: marker, word and number of cells of each group; a click selects them."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QButtonGroup, QLayout, QLayoutItem, QSizePolicy, QToolButton, QWidget

from her2plastic.review import looks as window
from her2plastic.review.gallery import markers
from her2plastic.review.gallery.grouping import Groups

_GAP = 4


class FlowLayout(QLayout):
    """Widgets in a row, and in further rows where they do not fit."""

    def __init__(self, parent: QWidget | None = None, *, gap: int = _GAP) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap = gap
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        """Take a widget in."""
        self._items.append(item)
        self.invalidate()

    def count(self) -> int:
        """Return the number of widgets."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return one of them."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Take one out."""
        self.invalidate()
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        """Tell that the height depends on the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height that a width needs."""
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        """Put the widgets where they belong."""
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QSize:
        """Return the size that it likes to have."""
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        """Return the least size."""
        size = QSize(0, 0)
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _place(self, rect: QRect, *, move: bool) -> int:
        rows: list[list[tuple[QLayoutItem, QSize]]] = [[]]
        used = 0
        for item in self._items:
            size = item.sizeHint()
            if rows[-1] and used + size.width() > rect.width():
                rows.append([])
                used = 0
            rows[-1].append((item, size))
            used += size.width() + self._gap
        y = rect.y()
        for row in rows:
            x, height = rect.x(), max((size.height() for _, size in row), default=0)
            for item, size in row:
                if move:
                    item.setGeometry(QRect(QPoint(x, y + (height - size.height()) // 2), size))
                x += size.width() + self._gap
            y += height + _GAP
        return max(0, y - _GAP - rect.y())


class Legend(QWidget):
    """Buttons, one a group."""

    picked = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "side")
        self._flow = FlowLayout(self)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Legend")
        self._shown: tuple[object, ...] = ()
        self._buttons = QButtonGroup(self)
        self._buttons.setExclusive(False)
        self._buttons.idClicked.connect(self._pick)

    def show_groups(self, groups: Groups, drawn: np.ndarray) -> None:
        """Show the groups that have cells among those drawn, with their numbers."""
        counts = np.bincount(groups.codes[drawn], minlength=len(groups.words))
        shown = (groups.words, groups.looks, tuple(counts.tolist()))
        if shown == self._shown:
            return
        self._shown = shown
        while (item := self._flow.takeAt(0)) is not None:
            button = item.widget()
            if button is not None:
                self._buttons.removeButton(button)
                button.hide()
                button.deleteLater()
        for code, (word, look) in enumerate(zip(groups.words, groups.looks, strict=True)):
            if counts[code]:
                self._flow.addWidget(self._button(code, word, int(counts[code]), QIcon(
                    markers.picture(look, 5.0, self.devicePixelRatioF(), edge=window.PANEL))))  # fmt: skip
        self.updateGeometry()

    def _pick(self, code: int) -> None:
        self.picked.emit(code, _held())

    def _button(self, code: int, word: str, count: int, icon: QIcon) -> QToolButton:
        button = QToolButton(self)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIcon(icon)
        button.setIconSize(QSize(14, 14))
        button.setText(f"{word}  {count:,}")
        button.setToolTip(f"Select the {count:,} cells of {word}; with Ctrl or Shift as well")
        button.setAccessibleName(f"Select {word}, {count} cells")
        button.setAutoRaise(True)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        self._buttons.addButton(button, code)
        button.show()
        return button


def _held() -> bool:
    """Return whether Ctrl or Shift is held."""
    from qtpy.QtWidgets import QApplication

    held = QApplication.keyboardModifiers()
    return bool(held & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier))
