"""The surroundings of one object as a small picture of codes: cell, nucleus, rim, outline, neighbours, ring."""

from __future__ import annotations

import numpy as np

from her2plastic.models.compiling import compiled

#: Bits of a pixel of the picture. A pixel without any bit is free: no object has it.
CELL, NUCLEUS, RIM, OUTLINE, OTHER, OUTSIDE, RING = 1, 2, 4, 8, 16, 32, 64

#: Distances are compared as squares; this much is forgiven for rounding of micrometres to pixels.
SLACK = 1e-9
FAR = 1 << 15


@compiled
def picture(
    cells: np.ndarray, nuclei: np.ndarray, label: int, box: np.ndarray, margin: int
) -> tuple[np.ndarray, int, int]:
    """Return the codes of the bounding box and a margin around it, and where the picture begins (row, column).

    What lies beyond the label images is OUTSIDE: it belongs to no object and is not free either.
    """
    top, left = box[0] - margin, box[1] - margin
    codes = np.full((box[2] + margin - top, box[3] + margin - left), OUTSIDE, dtype=np.uint8)
    for y in range(max(top, 0), min(box[2] + margin, cells.shape[0])):
        for x in range(max(left, 0), min(box[3] + margin, cells.shape[1])):
            cell, nucleus = cells[y, x], nuclei[y, x]
            code = 0
            if cell == label:
                code = CELL
                if nucleus == label:
                    code |= NUCLEUS
            elif cell != 0 or nucleus != 0:
                code = OTHER
            codes[y - top, x - left] = code
    return codes, top, left


@compiled
def squared_distance(codes: np.ndarray, bits: int, wanted: bool, reach: float) -> np.ndarray:
    """Return the squared distance of each pixel to the nearest one that has one of ``bits`` (or none of them).

    Euclidean, between centres, in pixels; right up to ``reach``, and above it where there is none within ``reach``.
    """
    height, width = codes.shape
    in_row = np.empty((height, width), dtype=np.int32)
    for y in range(height):
        steps = FAR
        for x in range(width):
            steps = 0 if ((codes[y, x] & bits) != 0) == wanted else min(steps + 1, FAR)
            in_row[y, x] = steps
        steps = FAR
        for x in range(width - 1, -1, -1):
            steps = min(in_row[y, x], steps + 1)
            in_row[y, x] = steps
        for x in range(width):
            in_row[y, x] *= in_row[y, x]
    nearest = in_row.copy()
    for dy in range(1, int(reach) + 1):
        for y in range(height - dy):
            for x in range(width):  # no branch within, so that many columns are done at once
                nearest[y, x] = min(nearest[y, x], in_row[y + dy, x] + np.int32(dy * dy))
        for y in range(dy, height):
            for x in range(width):
                nearest[y, x] = min(nearest[y, x], in_row[y - dy, x] + np.int32(dy * dy))
    return nearest


@compiled
def mark_rim(codes: np.ndarray, rim: float) -> None:
    """Set RIM on pixels of the cell within ``rim`` pixels of its outline, OUTLINE on those that touch it by a side.

    The outline runs between the centres of two neighbours, half a pixel from either. The edge of the image is none:
    a cut cell goes on beyond it.
    """
    limit = (rim + 0.5) ** 2 + SLACK
    distance = squared_distance(codes, CELL | OUTSIDE, False, max(rim + 0.5, 1.0))
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            if codes[y, x] & CELL:
                if distance[y, x] == 1:
                    codes[y, x] |= OUTLINE
                if distance[y, x] <= limit:
                    codes[y, x] |= RIM


@compiled
def mark_ring(codes: np.ndarray, gap: float, outer: float) -> int:
    """Set RING on free pixels within ``outer`` pixels of the cell and further than ``gap`` from every object.

    Returns how many they are.
    """
    least, most = (gap + 0.5) ** 2 + SLACK, (outer + 0.5) ** 2 + SLACK
    from_cell = squared_distance(codes, CELL, True, outer + 0.5)
    from_other = squared_distance(codes, OTHER, True, gap + 0.5)
    n_pixels = 0
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            if codes[y, x] == 0 and least < from_cell[y, x] <= most and from_other[y, x] > least:
                codes[y, x] |= RING
                n_pixels += 1
    return n_pixels
