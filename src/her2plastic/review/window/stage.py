"""The stage: one cell, large, its channels beside it, drawn at the speed of a key press."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QImage, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from her2plastic.pl._composite import GAMMA, channel_colours
from her2plastic.review import looks
from her2plastic.review.window.shown_cell import ShownCell
from her2plastic.review.window.stage_layout import CAPTION, Square, bar_length, lay_out


class Stage(QWidget):
    """Shows a cell, or says in words why there is none to show.

    Parameters
    ----------
    parent
        The widget that it covers.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("review_stage")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._shown: ShownCell | None = None
        self._words = ""
        self._outlines = True
        self._mark = QColor(0, 0, 0, 0)
        self._tag = ""

    def sizeHint(self) -> QSize:
        """Return the size that suits the stage."""
        return QSize(900, 640)

    @property
    def shown(self) -> ShownCell | None:
        """What is on the stage."""
        return self._shown

    @property
    def outlines(self) -> bool:
        """Whether the outlines are drawn."""
        return self._outlines

    def show_cell(self, shown: ShownCell) -> None:
        """Draw a cell."""
        self._shown, self._words = shown, ""
        self.update()

    def show_words(self, words: str) -> None:
        """Say why there is no picture."""
        self._shown, self._words = None, words
        self.update()

    def set_outlines(self, on: bool) -> None:
        """Draw the outlines, or leave them out."""
        self._outlines = on
        self.update()

    def set_decision(self, word: str, tag: str = "") -> None:
        """Frame the cell in the colour of what was decided on it; nothing while it is undecided."""
        self._mark = QColor(looks.DECISIONS[word]) if word else QColor(0, 0, 0, 0)
        self._tag = tag or word
        self.update()

    def paintEvent(self, event: Any) -> None:
        """Draw the stage."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(looks.GROUND))
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing
            | QPainter.RenderHint.SmoothPixmapTransform
            | QPainter.RenderHint.TextAntialiasing
        )
        if self._shown is None:
            painter.setFont(_font(self, 15))
            painter.setPen(QColor(looks.QUIET))
            room = QRectF(self.rect()).adjusted(60, 60, -60, -60)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)
        else:
            self._draw(painter, self._shown)
        painter.end()

    def _draw(self, painter: QPainter, shown: ShownCell) -> None:
        layout = lay_out(self.width(), self.height(), len(shown.names))
        place = layout.composite
        self._picture(painter, place, _image(shown.composite), shown)
        self._bar(painter, place, shown.width_um)
        self._frame(painter, place)
        self._caption(painter, place, looks.INK, "composite", f"brightness to the power {GAMMA:g}")
        colours = channel_colours(shown.names)
        for square, name, values in zip(layout.channels, shown.names, shown.channels, strict=True):
            self._picture(painter, square, _image(values), shown)
            low, high = shown.ranges[name]
            self._caption(painter, square, _readable(colours[name]), name, f"{low:,.0f} – {high:,.0f}")

    def _picture(self, painter: QPainter, place: Square, image: QImage, shown: ShownCell) -> None:
        target = QRectF(place.x, place.y, place.side, place.side)
        painter.drawImage(target, image)
        if not self._outlines:
            return
        scale = place.side / shown.composite.shape[1]
        painter.save()
        painter.setClipRect(target)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for lines, colour, width in (
            (shown.nucleus, looks.NUCLEUS_LINE, 1.1),
            (shown.cell, looks.CELL_LINE, 1.5),
        ):
            painter.setPen(QPen(QColor(colour), width))
            for line in lines:
                painter.drawPolyline(_polyline(line * scale, place))
        painter.restore()

    def _frame(self, painter: QPainter, place: Square) -> None:
        if not self._mark.alpha():
            return
        painter.setPen(QPen(self._mark, 4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(place.x, place.y, place.side, place.side).adjusted(-3, -3, 3, 3))
        painter.setFont(_font(self, 13, bold=True))
        width = painter.fontMetrics().horizontalAdvance(self._tag) + 20
        tag = QRectF(place.x + 10, place.y + 10, width, 26)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._mark)
        painter.drawRoundedRect(tag, 5, 5)
        painter.setPen(QColor("#101214"))
        painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, self._tag)

    def _bar(self, painter: QPainter, place: Square, width_um: float) -> None:
        length = bar_length(width_um)
        pixels = length / width_um * place.side
        right, bottom = place.x + place.side - 16, place.y + place.side - 16
        shadow = QColor(0, 0, 0, 150)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setFont(_font(self, 13, bold=True))
        words = f"{length:g} µm"
        wide = max(pixels, painter.fontMetrics().horizontalAdvance(words)) + 14
        painter.setBrush(shadow)
        painter.drawRoundedRect(QRectF(right - wide + 7, bottom - 24, wide, 32), 4, 4)
        painter.setBrush(QColor("#FFFFFF"))
        middle = right - wide / 2 + 7
        painter.drawRect(QRectF(middle - pixels / 2, bottom - 1, pixels, 4))
        painter.setPen(QColor("#FFFFFF"))
        painter.drawText(QRectF(middle - wide / 2, bottom - 23, wide, 20), Qt.AlignmentFlag.AlignCenter, words)

    def _caption(self, painter: QPainter, place: Square, colour: str, name: str, words: str) -> None:
        room = QRectF(place.x, place.y + place.side + 3, place.side, CAPTION - 3)
        painter.setFont(_font(self, 13, bold=True))
        painter.setPen(QColor(colour))
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        used = painter.fontMetrics().horizontalAdvance(name)
        painter.setFont(_font(self, 12))
        if used + painter.fontMetrics().horizontalAdvance(words) + 12 < place.side:
            painter.setPen(QColor(looks.FAINT))
            painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)


def _image(pixels: np.ndarray) -> QImage:
    """Return an image of its own memory, grey or RGB."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    kind = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    return QImage(pixels.tobytes(), width, height, pixels.strides[0], kind).copy()


def _polyline(points: np.ndarray, place: Square) -> QPolygonF:
    return QPolygonF([QPointF(place.x + x, place.y + y) for x, y in points.tolist()])


def _font(widget: QWidget, pixels: int, *, bold: bool = False) -> QFont:
    font = QFont(widget.font())
    font.setPixelSize(pixels)
    font.setBold(bold)
    return font


def _readable(colour: str) -> str:
    """Return a colour light enough to be read on the dark ground."""
    made = QColor(colour)
    return QColor.fromHsl(made.hslHue(), made.hslSaturation(), max(made.lightness(), 165)).name()
