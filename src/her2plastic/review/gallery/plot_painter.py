"""Drawing of the scatter plot: grid, points, what is selected, the lasso."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPixmap, QPolygonF

from her2plastic.pl.palette import Look
from her2plastic.review import looks as window
from her2plastic.review.gallery import markers
from her2plastic.review.gallery.grouping import Groups
from her2plastic.review.gallery.plot_axis import Tick
from her2plastic.review.gallery.plot_scene import Frame, PlotScene
from her2plastic.review.gallery.selection import CellSelection

GROUND, _GRID, _LINE = QColor(window.GROUND), QColor("#23272E"), QColor(window.LINE)
_INK, _QUIET, _FAINT = QColor(window.INK), QColor(window.QUIET), QColor(window.FAINT)
_ACCENT, _REVIEWED = QColor(window.ACCENT), QColor(window.WARNING)
_STEPPED_BACK: Final = Look("#4A505A", "o")
#: Pixels of a tick's text and of a name.
_SMALL, _NAME = 11, 12


def radius_of(points: int) -> float:
    """Return the radius of so many points: smaller where there are many."""
    return float(np.interp(np.log10(max(points, 1)), [1.5, 3.0, 4.0, 5.0], [4.6, 3.8, 2.8, 2.0]))


def paint_points(
    size: tuple[int, int], ratio: float, scene: PlotScene, frame: Frame, groups: Groups, selection: CellSelection
) -> QPixmap:
    """Return the plot with its points, which stays until they change or are selected."""
    pixmap = QPixmap(max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(GROUND)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    _grid(painter, scene, frame, size)
    painter.setClipRect(QRectF(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top))
    cells = scene.seen(frame)
    x, y = scene.pixels(frame)
    radius = radius_of(cells.size)
    if len(selection):
        chosen = selection.chosen[cells]
        back = [markers.picture(_STEPPED_BACK, max(1.6, radius - 1), ratio, edge=window.GROUND, opacity=0.8)]
        _stamp(painter, x, y, cells[~chosen], np.zeros(len(x), dtype=np.int64), back, max(1.6, radius - 1))
        cells = cells[chosen]
        radius += 1
    edge = window.INK if len(selection) else window.GROUND
    pictures = [markers.picture(look, radius, ratio, edge=edge) for look in groups.looks]
    _stamp(painter, x, y, cells, groups.codes, pictures, radius)
    painter.end()
    return pixmap


def paint_over(
    painter: QPainter, scene: PlotScene, frame: Frame, rings: Sequence[tuple[int | None, str, float]], lasso: np.ndarray
) -> None:
    """Draw what changes often: rings around cells (cell, colour, radius), and the lasso while it is drawn."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    x, y = scene.pixels(frame)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for cell, colour, radius in rings:
        if cell is not None and 0 <= cell < len(x) and np.isfinite(x[cell]) and frame.holds(x[cell], y[cell]):
            painter.setPen(QPen(QColor(colour), 1.8))
            painter.drawEllipse(QPointF(float(x[cell]), float(y[cell])), radius, radius)
    if len(lasso) > 1:
        inner = QColor(_ACCENT)
        inner.setAlpha(36)
        painter.setPen(QPen(_ACCENT, 1.4, Qt.PenStyle.DashLine))
        painter.setBrush(inner)
        painter.drawPolygon(QPolygonF([QPointF(float(a), float(b)) for a, b in lasso]))


def _stamp(
    painter: QPainter, x: np.ndarray, y: np.ndarray, cells: np.ndarray, codes: np.ndarray, pictures: Sequence[QPixmap],
    radius: float,
) -> None:  # fmt: skip
    reach = markers.reach(radius)
    draw = painter.drawPixmap
    # whole pixels: a picture between pixels would be resampled
    left, top = np.round(x[cells] - reach).astype(int), np.round(y[cells] - reach).astype(int)
    for code, across, down in zip(codes[cells].tolist(), left.tolist(), top.tolist(), strict=True):
        draw(across, down, pictures[code])


def _grid(painter: QPainter, scene: PlotScene, frame: Frame, size: tuple[int, int]) -> None:
    font = QFont(painter.font())
    font.setPixelSize(_SMALL)
    painter.setFont(font)
    measure = QFontMetrics(font)
    across = scene.x_axis.ticks(max(2, int((frame.right - frame.left) // 76)))
    upward = scene.y_axis.ticks(max(2, int((frame.bottom - frame.top) // 44)))
    for tick, x in _at(across, scene.x_axis.pixels(_places(across), frame.left, frame.right)):
        painter.setPen(QPen(_GRID, 1))
        painter.drawLine(QPointF(x, frame.top), QPointF(x, frame.bottom))
        painter.setPen(_QUIET)
        room = QRectF(x - 44, frame.bottom + 5, 88, measure.height())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignCenter), measure.elidedText(
            tick.text, Qt.TextElideMode.ElideRight, 86))  # fmt: skip
    for tick, y in _at(upward, scene.y_axis.pixels(_places(upward), frame.bottom, frame.top)):
        painter.setPen(QPen(_GRID, 1))
        painter.drawLine(QPointF(frame.left, y), QPointF(frame.right, y))
        painter.setPen(_QUIET)
        room = QRectF(20, y - measure.height() / 2, frame.left - 26, measure.height())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), measure.elidedText(
            tick.text, Qt.TextElideMode.ElideRight, int(room.width())))  # fmt: skip
    painter.setPen(QPen(_LINE, 1))
    painter.drawRect(QRectF(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top))
    _names(painter, scene, frame, size)


def _names(painter: QPainter, scene: PlotScene, frame: Frame, size: tuple[int, int]) -> None:
    font = QFont(painter.font())
    font.setPixelSize(_NAME)
    painter.setFont(font)
    painter.setPen(_INK)
    measure = QFontMetrics(font)
    wide, high = int(frame.right - frame.left), int(frame.bottom - frame.top)
    middle = Qt.TextElideMode.ElideMiddle
    centre = int(Qt.AlignmentFlag.AlignCenter)
    painter.drawText(QRectF(frame.left, size[1] - 22, wide, 18), centre, measure.elidedText(scene.x_name, middle, wide))
    painter.save()
    painter.translate(10, (frame.top + frame.bottom) / 2)
    painter.rotate(-90)
    painter.drawText(QRectF(-high / 2, -9, high, 18), centre, measure.elidedText(scene.y_name, middle, high))
    painter.restore()


def _places(ticks: Sequence[Tick]) -> np.ndarray:
    return np.array([tick.at for tick in ticks], dtype=float)


def _at(ticks: Sequence[Tick], pixels: np.ndarray) -> list[tuple[Tick, float]]:
    return list(zip(ticks, map(float, pixels), strict=True))
