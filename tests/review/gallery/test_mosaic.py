from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from her2plastic.review.gallery.mosaic import mosaic


def test_pictures_lie_where_they_should_and_are_cut_at_the_edges(plain_thumbnails: Callable[..., Any]) -> None:
    atlas = plain_thumbnails(100, side=10)
    cells, x, y = np.array([7, 80, 3, 90]), np.array([0, 12, -4, 35]), np.array([0, 12, 25, 200])
    image = mosaic(atlas, cells, x, y, size=(30, 40), ground=(20, 22, 26))
    expected = np.full((30, 40, 4), (20, 22, 26, 255), dtype=np.uint8)
    expected[0:10, 0:10, :3] = 7
    expected[12:22, 12:22, :3] = 80
    expected[25:30, 0:6, :3] = 3
    assert np.array_equal(image, expected)


def test_an_image_without_cells_is_ground(plain_thumbnails: Callable[..., Any]) -> None:
    none = np.zeros(0, dtype=np.int64)
    image = mosaic(plain_thumbnails(3), none, none, none, size=(4, 5), ground=(1, 2, 3))
    assert (image == (1, 2, 3, 255)).all()
