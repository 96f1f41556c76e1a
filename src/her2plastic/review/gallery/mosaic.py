"""Pictures of cells put beside each other in one image."""

from __future__ import annotations

import numpy as np

from her2plastic.review.gallery.thumbnails import Thumbnails


def mosaic(
    thumbnails: Thumbnails,
    cells: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    size: tuple[int, int],
    ground: tuple[int, int, int],
) -> np.ndarray:
    """Return an image of cells, each as large as its picture is.

    Parameters
    ----------
    thumbnails
        Their pictures.
    cells
        Places of the cells, whose pictures are painted.
    x, y
        Left and upper edge of each in the image; what lies beyond the image's edges is cut off.
    size
        Height and width, pixels.
    ground
        Red, green and blue between the pictures.

    Returns
    -------
    ``(height, width, 4)`` uint8: red, green, blue, and 255.
    """
    height, width = size
    one_pixel = np.array([*ground, 255], dtype=np.uint8).view(np.uint32)[0]  # filled as whole pixels: four times faster
    image = np.full((height, width), one_pixel, dtype=np.uint32).view(np.uint8).reshape(height, width, 4)
    side, pages = thumbnails.side, thumbnails.pages
    places = zip(
        np.asarray(thumbnails.page_of)[cells].tolist(), np.asarray(thumbnails.y_of)[cells].tolist(),
        np.asarray(thumbnails.x_of)[cells].tolist(), np.asarray(x).tolist(), np.asarray(y).tolist(), strict=True,
    )  # fmt: skip
    for page, top, left, across, down in places:
        above, before = max(0, -down), max(0, -across)
        below, after = min(side, height - down), min(side, width - across)
        if above < below and before < after:
            picture = pages[page][top + above : top + below, left + before : left + after]
            image[down + above : down + below, across + before : across + after] = picture
    return image
