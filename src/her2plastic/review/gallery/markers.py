"""Small pictures of the markers that stand for groups of cells, in the sheet, the plot and the legend alike."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap, QPolygonF, QTransform

from her2plastic.pl.palette import Look

#: Corners of the markers with straight sides, about a centre, in radii.
_CORNERS: Final = {
    "s": ((-0.84, -0.84), (0.84, -0.84), (0.84, 0.84), (-0.84, 0.84)),
    "D": ((0.0, -1.15), (1.15, 0.0), (0.0, 1.15), (-1.15, 0.0)),
    "^": ((0.0, -1.1), (1.08, 0.85), (-1.08, 0.85)),
    "v": ((0.0, 1.1), (1.08, -0.85), (-1.08, -0.85)),
    "P": ((-0.38, -1.05), (0.38, -1.05), (0.38, -0.38), (1.05, -0.38), (1.05, 0.38), (0.38, 0.38), (0.38, 1.05),
          (-0.38, 1.05), (-0.38, 0.38), (-1.05, 0.38), (-1.05, -0.38), (-0.38, -0.38)),
}  # fmt: skip


def shape(marker: str, radius: float) -> QPainterPath:
    """Return the outline of a marker of matplotlib's names about the origin; a circle for those not known."""
    path = QPainterPath()
    if marker == "X":
        turned = QTransform().rotate(45.0).map(shape("P", radius))
        return turned
    if marker in _CORNERS:
        path.addPolygon(QPolygonF([QPointF(x * radius, y * radius) for x, y in _CORNERS[marker]]))
        path.closeSubpath()
    else:
        reach = 0.62 * radius if marker == "." else radius
        path.addEllipse(QRectF(-reach, -reach, 2 * reach, 2 * reach))
    return path


@lru_cache(maxsize=512)
def picture(look: Look, radius: float, ratio: float, edge: str = "#000000", opacity: float = 1.0) -> QPixmap:
    """Return a marker as a picture with a thin edge, so that markers on each other can be told apart.

    Parameters
    ----------
    look
        Colour and marker.
    radius
        Of the marker, in pixels of the screen's coordinates; the picture's side is twice that and 4.
    ratio
        Pixels of the device in one of them.
    edge
        Colour of the edge.
    opacity
        Of the whole.

    Returns
    -------
    The picture, clear around the marker.
    """
    side = 2 * radius + 4
    pixmap = QPixmap(max(1, round(side * ratio)), max(1, round(side * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setOpacity(opacity)
    painter.translate(side / 2, side / 2)
    painter.setPen(QPen(QColor(edge), 1.0))
    painter.setBrush(QColor(look.colour))
    painter.drawPath(shape(look.marker, radius))
    painter.end()
    return pixmap


def reach(radius: float) -> float:
    """Return how far a picture reaches from its centre."""
    return radius + 2
