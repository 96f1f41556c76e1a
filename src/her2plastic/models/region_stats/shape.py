"""Shape of one mask: area, moments, perimeter, convex hull. Definitions as in scikit-image, all in pixels."""

from __future__ import annotations

import numpy as np

from her2plastic.models.compiling import compiled


@compiled
def shape_of(codes: np.ndarray, bit: int, out: np.ndarray) -> None:
    """Write ``SHAPES`` for the pixels of ``codes`` that have ``bit``; missing where there are none.

    ``codes`` needs a margin of one pixel without the bit.
    """
    area, eccentricity = _moments(codes, bit)
    if area == 0:
        out[:] = np.nan
        return
    length = _perimeter(codes, bit)
    out[0] = area
    out[1] = np.sqrt(4.0 * area / np.pi)
    out[2] = length
    out[3] = eccentricity
    out[4] = area / _pixels_of_hull(codes, bit)
    out[5] = length * length / (4.0 * np.pi * area)


@compiled
def _moments(codes: np.ndarray, bit: int) -> tuple[int, float]:
    """Return the number of pixels, and the eccentricity of the ellipse with their second central moments."""
    n, sum_y, sum_x, sum_yy, sum_xx, sum_yx = 0, 0, 0, 0, 0, 0
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            there = (codes[y, x] & bit) != 0
            n += there
            sum_y += there * y
            sum_x += there * x
            sum_yy += there * y * y
            sum_xx += there * x * x
            sum_yx += there * y * x
    if n == 0:
        return 0, np.nan
    yy, xx, yx = sum_yy - sum_y * (sum_y / n), sum_xx - sum_x * (sum_x / n), sum_yx - sum_y * (sum_x / n)
    half, root = (yy + xx) / 2.0, np.sqrt(((yy - xx) / 2.0) ** 2 + yx * yx)
    longer, shorter = half + root, max(half - root, 0.0)
    if longer == 0:
        return n, 0.0
    return n, np.sqrt(1.0 - shorter / longer)


@compiled
def _is_border(codes: np.ndarray, bit: int, y: int, x: int) -> bool:
    """Tell whether a pixel has the bit and one of its four neighbours has not."""
    if not codes[y, x] & bit:
        return False
    return not (codes[y - 1, x] & bit and codes[y + 1, x] & bit and codes[y, x - 1] & bit and codes[y, x + 1] & bit)


@compiled
def _perimeter(codes: np.ndarray, bit: int) -> float:
    """Return the length of the line through the centres of the border pixels.

    Each border pixel adds 1, sqrt(2) or their mean, by how many of its neighbours along rows and columns (straight) and
    along diagonals are border pixels too: the pattern of a straight, a diagonal, or a turning line.
    """
    border = np.zeros(codes.shape, dtype=np.uint8)
    for y in range(1, codes.shape[0] - 1):
        for x in range(1, codes.shape[1] - 1):
            border[y, x] = _is_border(codes, bit, y, x)
    length = 0.0
    for y in range(1, codes.shape[0] - 1):
        for x in range(1, codes.shape[1] - 1):
            if border[y, x]:
                straight = border[y - 1, x] + border[y + 1, x] + border[y, x - 1] + border[y, x + 1]
                diagonal = (
                    border[y - 1, x - 1] + border[y - 1, x + 1] + border[y + 1, x - 1] + border[y + 1, x + 1]
                )  # fmt: skip
                length += _step(straight, diagonal)
    return length


@compiled
def _step(straight: int, diagonal: int) -> float:
    if diagonal <= 2 and (straight == 2 or straight == 3):
        return 1.0
    if (straight == 0 and diagonal == 2) or (straight == 1 and diagonal == 3):
        return np.sqrt(2.0)
    if straight == 1 and (diagonal == 1 or diagonal == 2):
        return (1.0 + np.sqrt(2.0)) / 2.0
    return 0.0


@compiled
def _pixels_of_hull(codes: np.ndarray, bit: int) -> int:
    """Return how many pixel centres lie in or on the convex hull of the middles of the four sides of all pixels.

    The outer left side of the hull is convex in the row, so the leftmost points of each row are enough; the right side
    is the left side of the picture turned over. Coordinates are doubled: all is exact in whole numbers.
    """
    height, width = codes.shape
    leftmost = _outermost(codes, bit, False)
    rightmost = _outermost(codes, bit, True)
    n_pixels = 0
    for y in range(height):
        if leftmost[y] <= width:
            n_pixels += width - 1 - leftmost[y] - rightmost[y] + 1
    return n_pixels


@compiled
def _outermost(codes: np.ndarray, bit: int, turned: bool) -> np.ndarray:
    """Return for each row the first column whose centre lies in the hull, counted from the left (or the right)."""
    height, width = codes.shape
    none = 4 * width
    doubled = np.full(2 * height + 1, none, dtype=np.int64)  # place 2y + 1 is row y; even places are the sides between
    for y in range(height):
        for x in range(width):
            if codes[y, width - 1 - x if turned else x] & bit:
                doubled[2 * y + 1] = 2 * x - 1
                doubled[2 * y] = min(doubled[2 * y], 2 * x)
                doubled[2 * y + 2] = min(doubled[2 * y + 2], 2 * x)
                break
    corners = np.empty(2 * height + 1, dtype=np.int64)
    n = 0
    for place in range(2 * height + 1):
        if doubled[place] == none:
            continue
        while n > 1 and _turns_inward(doubled, corners[n - 2], corners[n - 1], place):
            n -= 1
        corners[n] = place
        n += 1
    first = np.full(height, none, dtype=np.int64)
    for k in range(n - 1):
        a, b = corners[k], corners[k + 1]
        for place in range(a, b + 1):
            if place % 2 == 1:  # smallest x with 2x (b - a) >= the line's doubled column there times (b - a)
                line = doubled[a] * (b - a) + (doubled[b] - doubled[a]) * (place - a)
                first[place // 2] = -((-line) // (2 * (b - a)))
    return first


@compiled
def _turns_inward(doubled: np.ndarray, a: int, b: int, c: int) -> bool:
    """Tell whether the point at ``b`` lies on or inside the line from ``a`` to ``c``."""
    return (doubled[b] - doubled[a]) * (c - a) >= (doubled[c] - doubled[a]) * (b - a)
