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
def distance_in_row(codes: np.ndarray, bits: int, wanted: bool) -> np.ndarray:
    """Return the distance of every pixel to the nearest one of its row that has one of ``bits`` (or none of them)."""
    height, width = codes.shape
    distance = np.empty((height, width), dtype=np.int32)
    for y in range(height):
        steps = FAR
        for x in range(width):
            steps = 0 if ((codes[y, x] & bits) != 0) == wanted else min(steps + 1, FAR)
            distance[y, x] = steps
        steps = FAR
        for x in range(width - 1, -1, -1):
            steps = 0 if distance[y, x] == 0 else min(steps + 1, FAR)
            distance[y, x] = min(distance[y, x], steps)
    return distance


@compiled
def is_within(distance: np.ndarray, y: int, x: int, radius: float) -> bool:
    """Tell whether what ``distance_in_row`` looked for lies within ``radius`` (pixels, Euclidean) of a pixel."""
    limit = radius * radius + SLACK
    reach = int(np.sqrt(limit))
    for dy in range(reach + 1):
        room = limit - dy * dy
        if y - dy >= 0 and distance[y - dy, x] * distance[y - dy, x] <= room:
            return True
        if y + dy < distance.shape[0] and distance[y + dy, x] * distance[y + dy, x] <= room:
            return True
    return False


@compiled
def mark_rim(codes: np.ndarray, rim: float) -> None:
    """Set RIM on pixels of the cell within ``rim`` pixels of its outline, OUTLINE on those that touch it by a side.

    The outline runs between the centres of two neighbours, half a pixel from either. The edge of the image is none:
    a cut cell goes on beyond it.
    """
    distance = distance_in_row(codes, CELL | OUTSIDE, False)
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            if codes[y, x] & CELL:
                if is_within(distance, y, x, 1.0):
                    codes[y, x] |= OUTLINE
                if is_within(distance, y, x, rim + 0.5):
                    codes[y, x] |= RIM


@compiled
def mark_ring(codes: np.ndarray, gap: float, outer: float) -> int:
    """Set RING on free pixels within ``outer`` pixels of the cell and further than ``gap`` from every object.

    Returns how many they are.
    """
    from_cell = distance_in_row(codes, CELL, True)
    from_any = distance_in_row(codes, CELL | OTHER, True)
    n_pixels = 0
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            free = codes[y, x] == 0
            if free and is_within(from_cell, y, x, outer + 0.5) and not is_within(from_any, y, x, gap + 0.5):
                codes[y, x] |= RING
                n_pixels += 1
    return n_pixels
