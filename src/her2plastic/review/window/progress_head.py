"""How far a review is: the number of the cell, how many are decided, and a thin bar; drawn at once with the cell."""

from __future__ import annotations

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from her2plastic.review import looks

_HEIGHT = 38
_BAR = 5


class ProgressHead(QWidget):
    """Shows how far a review is.

    Parameters
    ----------
    parent
        Where it stands.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.title = self.aside = ""
        self._share = 0.0

    def show_progress(self, title: str, aside: str, share: float) -> None:
        """Show the cell's number, what is said beside it, and the share that is done."""
        self.title, self.aside, self._share = title, aside, min(max(share, 0.0), 1.0)
        self.setAccessibleName(f"{title}, {aside}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        room = QRectF(4, 0, self.width() - 8, _HEIGHT - _BAR - 7)
        for words, pixels, bold, colour, side in (
            (self.title, 17, True, looks.INK, Qt.AlignmentFlag.AlignLeft),
            (self.aside, 12, False, looks.QUIET, Qt.AlignmentFlag.AlignRight),
        ):
            font = QFont(self.font())
            font.setPixelSize(pixels)
            font.setBold(bold)
            painter.setFont(font)
            painter.setPen(QColor(colour))
            painter.drawText(room, side | Qt.AlignmentFlag.AlignVCenter, words)
        bar = QRectF(0, _HEIGHT - _BAR, self.width(), _BAR)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(looks.GROUND))
        painter.drawRoundedRect(bar, 2.5, 2.5)
        if self._share:
            bar.setWidth(max(bar.width() * self._share, _BAR))
            painter.setBrush(QColor(looks.ACCENT))
            painter.drawRoundedRect(bar, 2.5, 2.5)
        painter.end()
