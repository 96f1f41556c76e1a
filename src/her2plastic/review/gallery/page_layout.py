"""How the parts of the gallery lie on its page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter, QVBoxLayout, QWidget

from her2plastic.review.gallery.style import STYLE

#: From this width on the two views stand side by side.
_SIDE_BY_SIDE: Final = 820


def arrange(page: QWidget, above: QWidget, sides: Sequence[Sequence[QWidget]], below: QWidget) -> QSplitter:
    """Put two columns of widgets beside each other, the second of each growing, between one above and one below."""
    page.setObjectName("review")
    page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    page.setStyleSheet(STYLE)
    split = QSplitter(Qt.Orientation.Horizontal)
    split.setHandleWidth(10)
    for place, widgets in enumerate(sides):
        side = QWidget()
        side.setProperty("role", "side")
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for row, widget in enumerate(widgets):
            column.addWidget(widget, int(row == 1))
        split.addWidget(side)
        split.setStretchFactor(place, 3 - place)
    column = QVBoxLayout(page)
    column.setContentsMargins(12, 12, 12, 10)
    column.setSpacing(8)
    column.addWidget(above)
    column.addWidget(split, 1)
    column.addWidget(below)
    return split


def turn(split: QSplitter, width: int) -> None:
    """Put the columns side by side where there is room, else one above the other."""
    wide = width >= _SIDE_BY_SIDE
    split.setOrientation(Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical)
