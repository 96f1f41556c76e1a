"""Everything that is measured of the objects of a label image, in one compiled pass: each pixel is met with its object.

The loop runs over objects and, within an object, over its bounding box and a margin. What an object gets depends on
these pixels only: a part of an image that holds them gives the same numbers as the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from her2plastic._errors import ParameterError
from her2plastic.models.compiling import compiled
from her2plastic.models.region_stats import masks
from her2plastic.models.region_stats.masks import CELL, NUCLEUS, RIM, RING
from her2plastic.models.region_stats.names import COMPARTMENTS, SHAPED, SHAPES, STATISTICS
from her2plastic.models.region_stats.shape import shape_of
from her2plastic.models.region_stats.values import (
    background_of,
    describe,
    order_of,
    rim_completeness,
    rim_to_centre,
    share_on_nucleus,
)

#: A pixel of the outline is stained when it is brighter than this many standard deviations of the background.
NOISE_FACTOR = 3.0
#: How often the ring may double where neighbours leave too little of it.
DOUBLINGS = 3
_Geometry = tuple[float, float, float, int]


@dataclass(frozen=True)
class RegionGeometry:
    """Distances in pixels, of which none may be negative, and how many background pixels are enough.

    Attributes
    ----------
    rim
        Width of the rim.
    gap
        Distance that background pixels keep from every object.
    ring
        Width of the background ring beyond the gap; doubled up to three times where too few pixels are free.
    n_background
        Pixels that a ring must have.
    """

    rim: float
    gap: float
    ring: float
    n_background: int

    @property
    def margin(self) -> int:
        """Pixels around a bounding box that may be looked at."""
        return _margin(self.rim, self.gap, self.gap + self.ring * 2**DOUBLINGS)


@dataclass(frozen=True)
class RegionStats:
    """What was measured of n objects in c channels. Values are as in the image: no background is taken off.

    Attributes
    ----------
    intensity
        ``(n, c, compartments, statistics)`` in the order of ``COMPARTMENTS`` and ``STATISTICS``.
    background, background_sd
        ``(n, c)``: median of the ring and its robust standard deviation.
    nucleus_overlap, rim_to_centre, rim_completeness
        ``(n, c)``, of the signal above the background.
    shape
        ``(n, 2, shapes)`` of nucleus and cell in the order of ``SHAPES``, in pixels.
    n_pixels
        ``(n, compartments)``.
    centroid
        ``(n, 2)``: mean row and column of the cell's pixels, counted from the corner of its bounding box.
    n_background
        ``(n,)``: pixels of the ring.
    reach
        ``(n,)``: outer radius of the ring in pixels.
    """

    intensity: np.ndarray
    background: np.ndarray
    background_sd: np.ndarray
    nucleus_overlap: np.ndarray
    rim_to_centre: np.ndarray
    rim_completeness: np.ndarray
    shape: np.ndarray
    n_pixels: np.ndarray
    centroid: np.ndarray
    n_background: np.ndarray
    reach: np.ndarray


def region_stats(
    image: np.ndarray,
    cells: np.ndarray,
    nuclei: np.ndarray,
    *,
    labels: np.ndarray,
    boxes: np.ndarray,
    geometry: RegionGeometry,
    saturation: float = np.inf,
    cutoffs: np.ndarray | None = None,
) -> RegionStats:
    """Measure the objects ``labels`` whose bounding boxes (y0, x0, y1, x1; half-open) are the rows of ``boxes``.

    ``image`` is (channels, y, x); ``cells`` and ``nuclei`` are label images of shape (y, x). A nucleus has the number
    of its cell. ``saturation`` is the value from which on a pixel counts as saturated. ``cutoffs`` says, for each
    channel and above the background, how bright a stained rim is; where missing or not given it is three standard
    deviations of the background.
    """
    if image.ndim != 3 or image.shape[1:] != cells.shape or cells.shape != nuclei.shape:
        raise ParameterError(
            f"image of shape {image.shape}, cells of {cells.shape}, nuclei of {nuclei.shape}: expected "
            "(channels, y, x), (y, x) and (y, x) of one size"
        )
    n, c = len(labels), image.shape[0]
    # 8 and 16 bits stay as they are, everything else is measured in double precision; one layout, compiled once
    image = np.ascontiguousarray(image, dtype=np.uint16 if image.dtype in (np.uint8, np.uint16) else np.float64)
    result = RegionStats(
        intensity=np.full((n, c, len(COMPARTMENTS), len(STATISTICS)), np.nan),
        background=np.full((n, c), np.nan),
        background_sd=np.full((n, c), np.nan),
        nucleus_overlap=np.full((n, c), np.nan),
        rim_to_centre=np.full((n, c), np.nan),
        rim_completeness=np.full((n, c), np.nan),
        shape=np.full((n, len(SHAPED), len(SHAPES)), np.nan),
        n_pixels=np.zeros((n, len(COMPARTMENTS)), dtype=np.int64),
        centroid=np.full((n, 2), np.nan),
        n_background=np.zeros(n, dtype=np.int64),
        reach=np.zeros(n),
    )
    _measure(
        image.reshape(c, -1), np.ascontiguousarray(cells, dtype=np.int32), np.ascontiguousarray(nuclei, dtype=np.int32),
        image.dtype == np.uint16,
        np.ascontiguousarray(labels, dtype=np.int64), np.ascontiguousarray(boxes, dtype=np.int64).reshape(n, 4),
        (float(geometry.rim), float(geometry.gap), float(geometry.ring), int(geometry.n_background)),
        float(saturation), np.full(c, np.nan) if cutoffs is None else np.asarray(cutoffs, dtype=float),
        (result.intensity, result.background, result.background_sd, result.nucleus_overlap, result.rim_to_centre,
         result.rim_completeness, result.shape, result.n_pixels, result.centroid, result.n_background, result.reach),
    )  # fmt: skip
    return result


@compiled
def _margin(rim: float, gap: float, outer: float) -> int:
    """Return the pixels around a box in which a rim, a ring, or a neighbour of the ring may lie."""
    return int(np.ceil(max(outer + gap + 1.0, rim))) + 1


@compiled
def _measure(
    image: np.ndarray, cells: np.ndarray, nuclei: np.ndarray, whole: bool, labels: np.ndarray, boxes: np.ndarray,
    geometry: _Geometry, saturation: float, cutoffs: np.ndarray, out: tuple[np.ndarray, ...],
) -> None:  # fmt: skip
    """Fill the arrays of a ``RegionStats``; ``whole`` if all pixels are whole numbers of 16 bits.

    ``image`` is (channels, pixels in raster order).
    """
    intensity, background, background_sd, overlap, ratio, completeness, shape, n_pixels, centroid, ring, reach = out
    rim = max(geometry[0], 1.0)
    for i in range(len(labels)):
        codes, top, left, radius, n_ring = _surroundings(cells, nuclei, labels[i], boxes[i], geometry)
        ring[i], reach[i] = n_ring, radius
        margin = boxes[i, 0] - top - 1
        inner = codes[margin : codes.shape[0] - margin, margin : codes.shape[1] - margin]
        for k, bit in enumerate((NUCLEUS, CELL)):  # a number to the compiler, not two constants to compile for
            shape_of(inner, bit, shape[i, k])
        ys, xs, kinds, place = _pixels(codes, CELL)
        ring_ys, ring_xs, _, _ = _pixels(codes, RING)
        if len(ys):
            centroid[i, 0] = ys.mean() - (boxes[i, 0] - top)
            centroid[i, 1] = xs.mean() - (boxes[i, 1] - left)
        central = _central(ys, xs)
        inside, around = (ys + top) * cells.shape[1] + xs + left, (ring_ys + top) * cells.shape[1] + ring_xs + left
        for c in range(image.shape[0]):
            values = _gather(image[c], inside)
            ordered, sizes = _by_compartment(values, kinds, order_of(values, whole))
            for k in range(len(COMPARTMENTS)):
                n_pixels[i, k] = sizes[k]
                describe(ordered[k, : sizes[k]], saturation, intensity[i, c, k])
            level, sd = background_of(_gather(image[c], around), geometry[3], whole)
            background[i, c], background_sd[i, c] = level, sd
            if np.isnan(level) or len(values) == 0:
                continue
            if n_pixels[i, 0]:
                overlap[i, c] = share_on_nucleus(values, kinds, level)
            ratio[i, c] = rim_to_centre(values, kinds, central, level)
            least = level + (NOISE_FACTOR * sd if np.isnan(cutoffs[c]) else cutoffs[c])
            completeness[i, c] = rim_completeness(values, kinds, ys, xs, place, rim, least)


@compiled
def _surroundings(
    cells: np.ndarray, nuclei: np.ndarray, label: int, box: np.ndarray, geometry: _Geometry
) -> tuple[np.ndarray, int, int, float, int]:
    """Return the picture of an object with rim and ring, its corner, and the ring's outer radius and pixels."""
    rim, gap, ring, needed = geometry
    doubling, enough = 0, False
    while not enough:
        radius = gap + ring * 2**doubling
        codes, top, left = masks.picture(cells, nuclei, label, box, _margin(rim, gap, radius))
        n_ring = masks.mark_ring(codes, gap, radius)
        enough = n_ring >= needed or doubling == DOUBLINGS
        doubling += 1
    masks.mark_rim(codes, rim)
    return codes, top, left, radius, n_ring


@compiled
def _pixels(codes: np.ndarray, bit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns and codes of the pixels that have a bit, and where in the picture which of them is."""
    place = np.full(codes.shape, -1, dtype=np.int32)
    n = np.count_nonzero(codes & bit)
    ys, xs, kinds = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.uint8)
    k = 0
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            if codes[y, x] & bit:
                ys[k], xs[k], kinds[k], place[y, x] = y, x, codes[y, x], k
                k += 1
    return ys, xs, kinds, place


@compiled
def _by_compartment(
    values: np.ndarray, kinds: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Return the values of each of ``COMPARTMENTS`` in order, a row a compartment, and how many they are."""
    ordered = np.empty((len(COMPARTMENTS), len(values) + 1))
    nucleus, cytoplasm, rim = 0, 0, 0
    for n in range(len(values)):
        value, kind = values[order[n]], kinds[order[n]]
        # written in any case, and overwritten by the next unless it counts: no branch to guess wrong
        ordered[0, nucleus], ordered[1, cytoplasm], ordered[2, rim], ordered[3, n] = value, value, value, value
        nucleus += (kind & NUCLEUS) != 0
        cytoplasm += (kind & NUCLEUS) == 0
        rim += (kind & RIM) != 0
    return ordered, (nucleus, cytoplasm, rim, len(values))


@compiled
def _central(ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Return which pixels lie within half the equivalent radius of the centroid."""
    central = np.zeros(len(ys), dtype=np.bool_)
    if len(ys):
        mean_y, mean_x = ys.mean(), xs.mean()
        for k in range(len(ys)):
            central[k] = (ys[k] - mean_y) ** 2 + (xs[k] - mean_x) ** 2 <= len(ys) / np.pi / 4.0
    return central


@compiled
def _gather(plane: np.ndarray, places: np.ndarray) -> np.ndarray:
    values = np.empty(len(places))
    for k in range(len(places)):
        values[k] = plane[places[k]]
    return values
