"""Pages of thumbnails as Qt sees them, without a copy."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRect
from qtpy.QtGui import QImage, QPainter

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

    def draw(self, painter: QPainter, cells: np.ndarray, x: np.ndarray, y: np.ndarray, side: int) -> np.ndarray:
        """Draw the pictures of cells that are ready at these corners; return which are."""
        atlas = self._thumbnails
        ready = np.asarray(atlas.ready)[cells]
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, side != atlas.side)
        own = cells[ready]
        rows = zip(
            np.asarray(atlas.page_of)[own].tolist(), np.asarray(atlas.x_of)[own].tolist(),
            np.asarray(atlas.y_of)[own].tolist(), x[ready].tolist(), y[ready].tolist(), strict=True,
        )  # fmt: skip
        for page, left, top, across, down in rows:
            source = QRect(left, top, atlas.side, atlas.side)
            painter.drawImage(QRect(across, down, side, side), self._image(page), source)
        return ready

    def _image(self, number: int) -> QImage:
        page = self._thumbnails.pages[number]
        kept = self._images.get(number)
        if kept is None or kept[0] is not page:
            height, width = page.shape[:2]
            image = QImage(page.data, width, height, page.strides[0], QImage.Format.Format_RGBX8888)
            kept = self._images[number] = (page, image)  # the page must outlive the image that looks into it
        return kept[1]
