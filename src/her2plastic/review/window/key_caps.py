"""Buttons that show their key: a row for each decision with its count, and a cap for everything else."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QPainter, QPen
from qtpy.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from her2plastic.review import looks

_CAP: int = 30


class KeyButton(QAbstractButton):
    """Something that is done by a key, or by a click on it; it never takes the keyboard from the cell.

    Parameters
    ----------
    words
        What it does.
    key
        The key as it is shown.
    parent
        Where it stands.
    """

    #: Its words, when it is clicked.
    asked = Signal(str)

    def __init__(self, words: str, key: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = words
        self.clicked.connect(self._ask)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_key(key)

    def _ask(self) -> None:
        self.asked.emit(self.words)

    def set_key(self, key: str) -> None:
        """Show another key."""
        self.key = key
        self.setAccessibleName(f"{self.words}, key {key}")
        self.update()


class DecisionRow(KeyButton):
    """A decision: its key, its name, and how often it was taken so far."""

    def __init__(self, words: str, key: str, parent: QWidget | None = None) -> None:
        super().__init__(words, key, parent)
        self._count = self._most = 0
        self._taken = False
        self.setMinimumHeight(_CAP + 5)

    @property
    def count(self) -> int:
        """How often it was taken."""
        return self._count

    @property
    def taken(self) -> bool:
        """Whether it is what stands for the cell that is shown."""
        return self._taken

    def set_count(self, count: int, most: int) -> None:
        """Show how often it was taken; ``most`` is the length of a full bar."""
        self._count, self._most = count, most
        self.update()

    def set_taken(self, taken: bool) -> None:
        """Show whether it stands for the cell that is shown."""
        self._taken = taken
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size that suits it."""
        return QSize(300, _CAP + 5)

    def paintEvent(self, event: Any) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        colour = QColor(looks.DECISIONS[self.words])
        room = QRectF(self.rect()).adjusted(0.5, 1.5, -0.5, -1.5)
        ground = QColor(colour)
        ground.setAlpha(58 if self._taken else 26 if self.underMouse() and self.isEnabled() else 0)
        painter.setPen(QPen(colour, 1.4) if self._taken else Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(room, 6, 6)
        if not self.isEnabled():
            painter.setOpacity(0.4)
        cap = QRectF(6, (self.height() - _CAP + 4) / 2, _CAP, _CAP - 4)
        draw_cap(painter, cap, self.key, self.font(), colour)
        painter.setFont(_sized(self.font(), 14, bold=True))
        painter.setPen(QColor(looks.INK))
        name = QRectF(cap.right() + 12, 0, 130, self.height())
        painter.drawText(name, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.words)
        left, right = name.right() + 4, self.width() - 46
        if self._most and right > left:
            bar = QRectF(left, self.height() / 2 - 3, right - left, 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(looks.RAISED))
            painter.drawRoundedRect(bar, 3, 3)
            if self._count:
                bar.setWidth(max(bar.width() * min(self._count / self._most, 1.0), 6.0))
                painter.setBrush(colour)
                painter.drawRoundedRect(bar, 3, 3)
        painter.setFont(_sized(self.font(), 14, bold=False))
        painter.setPen(QColor(looks.INK if self._count else looks.FAINT))
        number = QRectF(self.width() - 46, 0, 38, self.height())
        painter.drawText(number, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, f"{self._count:,}")
        painter.end()


class KeyCap(KeyButton):
    """A key and what it does; lit while what it switches is on."""

    def __init__(self, words: str, key: str, parent: QWidget | None = None) -> None:
        super().__init__(words, key, parent)
        self._on = False

    @property
    def on(self) -> bool:
        """Whether what it switches is on."""
        return self._on

    def set_on(self, on: bool) -> None:
        """Show whether what it switches is on."""
        self._on = on
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size that suits it."""
        return QSize(104, 28)

    def paintEvent(self, event: Any) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        if not self.isEnabled():
            painter.setOpacity(0.4)
        lit = QColor(looks.ACCENT if self._on else looks.INK if self.underMouse() else looks.QUIET)
        cap = QRectF(2, 3, 24, 22)
        draw_cap(painter, cap, self.key, self.font(), lit)
        painter.setPen(lit)
        painter.setFont(_sized(self.font(), 12, bold=False))
        words = QRectF(cap.right() + 7, 0, self.width() - cap.right() - 7, self.height())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.words)
        painter.end()


def draw_cap(painter: QPainter, place: QRectF, key: str, font: QFont, colour: QColor) -> None:
    """Draw a key as it looks on a keyboard."""
    painter.setPen(QPen(colour, 1.2))
    painter.setBrush(QColor(looks.GROUND))
    painter.drawRoundedRect(place, 5, 5)
    painter.setPen(colour)
    size = 14
    painter.setFont(_sized(font, size, bold=True))
    while painter.fontMetrics().horizontalAdvance(key) > place.width() - 4 and size > 7:
        size -= 1
        painter.setFont(_sized(font, size, bold=True))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, key)


def _sized(font: QFont, pixels: int, *, bold: bool) -> QFont:
    made = QFont(font)
    made.setPixelSize(pixels)
    made.setBold(bold)
    return made
