"""Drawing of the contact sheet: pictures, rings around what is selected, marks of the groups, headings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from qtpy.QtCore import QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen

from her2plastic.pl.palette import Look
from her2plastic.review import looks as window
from her2plastic.review.gallery import markers
from her2plastic.review.gallery.grouping import Groups
from her2plastic.review.gallery.looks import NOTHING
from her2plastic.review.gallery.page_images import PageImages
from her2plastic.review.gallery.selection import CellSelection
from her2plastic.review.gallery.sheet_layout import HEADING, MARGIN, Heading, SheetLayout

GROUND: Final = QColor(window.GROUND)
_WAITING: Final = QColor("#1B1E24")
_INK, QUIET, _FAINT = QColor(window.INK), QColor(window.QUIET), QColor(window.FAINT)
_SELECTED, _CURRENT, _REVIEWED = QColor(window.ACCENT), QColor("#FFFFFF"), QColor(window.WARNING)
#: What is not selected steps back so far while something is.
_STEPPED_BACK: Final = QColor(20, 22, 26, 150)
#: Tiles below this side have no mark in their corner.
_LEAST_MARKED: Final = 40


@dataclass
class SheetScene:
    """All that is drawn.

    Attributes
    ----------
    layout
        Where the tiles lie.
    cells
        Place of the cell of each slot.
    titles
        Of the groups that have cells.
    title_looks
        Their markers, or nothing where these would not be those of the tiles.
    marks
        The words that the tiles are marked by, or nothing.
    selection
        Selected cells and the one that has the keys.
    images
        Draws the pictures.
    reason
        Why a cell has no picture, or an empty text.
    """

    layout: SheetLayout
    cells: np.ndarray
    titles: tuple[str, ...]
    title_looks: tuple[Look | None, ...]
    marks: Groups | None
    selection: CellSelection
    images: PageImages
    reason: Callable[[int], str]
    hovered: int | None = None
    reviewed: int | None = None
    focused: bool = False


def paint(painter: QPainter, scene: SheetScene, *, top: int, area: QRect, ratio: float) -> None:
    """Draw a part of the view, whose first row of pixels is row ``top`` of the sheet."""
    slots = np.asarray(scene.layout.seen(top + area.top() - 3, top + area.bottom() + 4), dtype=np.int64)
    x, y = scene.layout.corner(slots)
    y = y - top
    cells = scene.cells[slots]
    if scene.layout.side != scene.images.side:
        painter.fillRect(area, GROUND)
    ready = scene.images.draw(painter, area, GROUND.getRgb()[:3], cells, x, y, scene.layout.side)
    _without_picture(painter, scene, cells[~ready], x[~ready], y[~ready])
    _step_back(painter, scene, cells, x, y)
    _marks(painter, scene, cells, x, y, ratio)
    _rings(painter, scene, cells, x, y)
    for heading in scene.layout.headings(top, top + area.bottom() + 1):
        if heading.y - top + HEADING >= area.top():
            _heading(painter, scene, heading, heading.y - top, ratio)


def _without_picture(painter: QPainter, scene: SheetScene, cells: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    side = scene.layout.side
    font = QFont(painter.font())
    font.setPixelSize(max(8, side // 6))
    painter.setFont(font)
    for cell, left, top in zip(cells.tolist(), x.tolist(), y.tolist(), strict=True):
        tile = QRect(left, top, side, side)
        painter.fillRect(tile, _WAITING)
        if scene.reason(cell):
            painter.setPen(QPen(_FAINT, 1))
            painter.drawRect(tile.adjusted(0, 0, -1, -1))
            if side >= 40:
                painter.drawText(tile.adjusted(3, 3, -3, -3), Qt.AlignmentFlag.AlignCenter, "no\nimage")


def _step_back(painter: QPainter, scene: SheetScene, cells: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    if not len(scene.selection):
        return
    side, chosen = scene.layout.side, scene.selection.chosen[cells]
    for left, top in zip(x[~chosen].tolist(), y[~chosen].tolist(), strict=True):
        painter.fillRect(QRect(left, top, side, side), _STEPPED_BACK)


def _marks(painter: QPainter, scene: SheetScene, cells: np.ndarray, x: np.ndarray, y: np.ndarray, ratio: float) -> None:
    marks, side = scene.marks, scene.layout.side
    if marks is None or side < _LEAST_MARKED:
        return
    radius = 3.5 if side < 60 else 4.5
    inset = 3 + radius - markers.reach(radius)
    pictures = [markers.picture(look, radius, ratio) for look in marks.looks]
    told = np.array([look != NOTHING for look in marks.looks])[marks.codes[cells]]
    cells, x, y = cells[told], x[told], y[told]
    for code, left, top in zip(marks.codes[cells].tolist(), x.tolist(), y.tolist(), strict=True):
        down = top + side - 3 - radius - markers.reach(radius)
        painter.drawPixmap(round(left + inset), round(down), pictures[code])


def _rings(painter: QPainter, scene: SheetScene, cells: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    side, chosen = scene.layout.side, scene.selection.chosen[cells]
    painter.setPen(_pen(_SELECTED, 2.0))
    for left, top in zip(x[chosen].tolist(), y[chosen].tolist(), strict=True):
        painter.drawRect(QRectF(left - 0.0, top - 0.0, side, side))
    for cell, colour, width, out in (
        (scene.hovered, QUIET, 1.0, 0.5),
        (scene.reviewed, _REVIEWED, 2.0, -2.0),
        (scene.selection.current if scene.focused else None, _CURRENT, 1.5, 1.5),
    ):
        for place in np.flatnonzero(cells == cell).tolist() if cell is not None else ():
            painter.setPen(_pen(colour, width))
            painter.drawRect(QRectF(x[place] - out, y[place] - out, side - 1 + 2 * out, side - 1 + 2 * out))


def _heading(painter: QPainter, scene: SheetScene, heading: Heading, y: int, ratio: float) -> None:
    width = scene.layout.width
    painter.fillRect(QRect(0, y, width, HEADING), GROUND)
    group = heading.group
    look, left = scene.title_looks[group], MARGIN + 2
    if look is not None:
        marker = markers.picture(look, 5.0, ratio, edge=window.GROUND)
        painter.drawPixmap(left, round(y + (HEADING - 4) / 2 - markers.reach(5.0)), marker)
        left += 22
    slots = scene.layout.slots_of(group)
    selected = int(scene.selection.chosen[scene.cells[slots.start : slots.stop]].sum())
    notes = [f"{len(slots):,} cell{'s' * (len(slots) != 1)}"] + [f"{selected:,} selected"] * bool(selected)
    texts = ((scene.titles[group], _INK, True), ("  ·  ".join(notes), QUIET, False))
    _texts(painter, texts, left, y, width - MARGIN)
    painter.setPen(QPen(QColor(window.LINE), 1))
    painter.drawLine(MARGIN, y + HEADING - 4, width - MARGIN, y + HEADING - 4)


def _texts(painter: QPainter, texts: Sequence[tuple[str, QColor, bool]], left: int, y: int, right: int) -> None:
    for text, colour, bold in texts:
        font = QFont(painter.font())
        font.setPixelSize(13 if bold else 12)
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(colour)
        measure = QFontMetrics(font)
        room = right - left
        shown = measure.elidedText(text, Qt.TextElideMode.ElideRight, max(0, room))
        painter.drawText(QRect(left, y, room, HEADING - 4), int(Qt.AlignmentFlag.AlignVCenter), shown)
        left += measure.horizontalAdvance(shown) + 12


def paint_band(painter: QPainter, band: QRect) -> None:
    """Draw what a drag goes over."""
    inner = QColor(_SELECTED)
    inner.setAlpha(40)
    painter.setPen(QPen(_SELECTED, 1))
    painter.setBrush(inner)
    painter.drawRect(band)


def _pen(colour: QColor, width: float) -> QPen:
    pen = QPen(colour, width)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    return pen
