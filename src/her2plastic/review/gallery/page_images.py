"""Pictures of cells from the pages of an atlas to the screen."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRect
from qtpy.QtGui import QImage, QPainter

from her2plastic.review.gallery.mosaic import mosaic
from her2plastic.review.gallery.thumbnails import Thumbnails


class PageImages:
    """Draws cells from the pages of an atlas.

    Parameters
    ----------
    thumbnails
        The atlas.
    """

    def __init__(self, thumbnails: Thumbnails) -> None:
        self._thumbnails = thumbnails
        self._images: dict[int, tuple[np.ndarray, QImage]] = {}

    @property
    def side(self) -> int:
        """Side of the pictures as they are."""
        return self._thumbnails.side

    def draw(
        self, painter: QPainter, area: QRect, ground: tuple[int, int, int], cells: np.ndarray, x: np.ndarray,
        y: np.ndarray, side: int,
    ) -> np.ndarray:  # fmt: skip
        """Draw the pictures that are ready at these corners, and return which are.

        Where they are drawn as large as they are, the whole area is filled, with the ground between them.
        """
        atlas = self._thumbnails
        ready = np.asarray(atlas.ready)[cells]
        own, across, down = cells[ready], x[ready], y[ready]
        if side == atlas.side:
            # one call of Qt instead of one a picture: at each of them the thread that paints pictures may come between
            size = area.height(), area.width()
            page = mosaic(atlas, own, across - area.left(), down - area.top(), size=size, ground=ground)
            image = QImage(page.data, size[1], size[0], page.strides[0], QImage.Format.Format_RGBX8888)
            painter.drawImage(area.topLeft(), image)
            return ready
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rows = zip(atlas.page_of[own].tolist(), atlas.x_of[own].tolist(), atlas.y_of[own].tolist(), across.tolist(),
                   down.tolist(), strict=True)  # fmt: skip
        for number, left, top, at_x, at_y in rows:
            source = QRect(left, top, atlas.side, atlas.side)
            painter.drawImage(QRect(at_x, at_y, side, side), self._image(number), source)
        return ready

    def _image(self, number: int) -> QImage:
        page = self._thumbnails.pages[number]
        kept = self._images.get(number)
        if kept is None or kept[0] is not page:
            height, width = page.shape[:2]
            image = QImage(page.data, width, height, page.strides[0], QImage.Format.Format_RGBX8888)
            kept = self._images[number] = (page, image)  # the page must outlive the image that looks into it
        return kept[1]
