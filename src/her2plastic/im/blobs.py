"""Blobs of one channel: found as level sets, joined, trimmed to the half of their own height, divided at waists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from her2plastic.im.blob_shapes import divided, joined, moments_of, self_weighted_means
from her2plastic.im.component_tree import elliptic_components, ellipticity, raster_order
from her2plastic.im.geodesic import STEP, grown
from her2plastic.im.stains import Stain


@dataclass(frozen=True)
class BlobShape:
    """What a blob may look like; lengths in micrometres, the rest in shares.

    Attributes
    ----------
    largest_um, least_um2
        Largest side of a bounding box, and least area.
    least_brightness
        A blob whose bright level is below this share of the typical brightness is left out.
    half
        A blob ends where the picture falls below this share of its own bright level.
    tolerance, min_share
        When level sets unite: see :func:`her2plastic.im.component_tree.elliptic_components`.
    union_least, union_gain, union_depth
        When neighbours are joined: see :func:`her2plastic.im.blob_shapes.joined`.
    waist, waist_gain, waist_smoothing_um
        When a blob is divided: see :func:`her2plastic.im.blob_shapes.divided`.
    divide_below
        Ellipticity from which on a blob is never divided.
    least_ellipticity, ragged_below
        A blob less elliptic than the first is left out if its bright level is below the second, a share of the
        typical brightness: shreds are dim, lobed nuclei are not.
    growth_um
        How far a blob reaches beyond the level set that it was found as.

    Examples
    --------
    >>> import her2plastic as hp
    >>> large = hp.im.BlobShape(least_um2=45.0)
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> for nucleus in (hp.im.BlobShape(), large):
    ...     found = hp.im.segment(made.slide, segmenter=hp.im.ClassicalSegmenter(nucleus=nucleus))
    ...     print(f"from {nucleus.least_um2:.0f} um2 on: {(found.objects['kind'] == 'cell').sum()} cells")
    from 21 um2 on: 12 cells
    from 45 um2 on: 3 cells
    """

    largest_um: float = 30.0
    least_um2: float = 20.6
    least_brightness: float = 0.314
    half: float = 0.424
    tolerance: float = 0.017
    min_share: float = 0.462
    union_least: float = 0.953
    union_gain: float = -0.019
    union_depth: float = 0.494
    waist: float = 0.126
    waist_gain: float = 0.004
    waist_smoothing_um: float = 0.56
    divide_below: float = 0.968
    least_ellipticity: float = 0.92
    ragged_below: float = 0.515
    growth_um: float = 4.38

    @property
    def reach_um(self) -> float:
        """Distance within which everything lies that has a say in a blob.

        That is the blob, a neighbour that it may be joined with, and the neighbours that this one may prefer: two of
        the largest, or three that are two thirds as large.
        """
        return 2 * (self.largest_um + self.growth_um)


#: A level is this much brighter than the one below it.
LEVEL_RATIO = 1.08
N_LEVELS = 60


def find_blobs(stain: Stain, *, pixel_size_um: float, shape: BlobShape, free: np.ndarray | None = None) -> np.ndarray:
    """Return a label image of the blobs of a stain; where ``free`` is given, only there."""
    picture = stain.picture if free is None else np.where(free, stain.picture, 0)
    area = 1 / pixel_size_um**2
    side = int(shape.largest_um / pixel_size_um)
    edges = (stain.floor * LEVEL_RATIO ** np.arange(N_LEVELS)).astype(np.float32)
    levels = np.zeros(picture.shape, np.uint8)
    above = picture > edges[0]
    levels[above] = np.searchsorted(edges, picture[above])
    seeds = elliptic_components(levels, side, 0.8 * shape.least_um2 * area, shape.tolerance, shape.min_share)
    n = int(seeds.max(initial=0))
    if n == 0:
        return seeds
    heights = self_weighted_means(seeds, picture, n)
    whole = grown(seeds, picture, shape.half * heights, int(STEP * shape.growth_um / pixel_size_um))
    whole = joined(
        whole, picture, heights, max_side=side, least=shape.union_least, gain=shape.union_gain, depth=shape.union_depth
    )
    heights = np.maximum(self_weighted_means(np.where(whole == seeds, whole, 0), picture, n), 0)
    out = np.zeros_like(whole)
    count = 0
    boxes = moments_of(whole, n)[1]
    for label in range(1, n + 1):
        if boxes[label, 2] == 0 or heights[label] < shape.least_brightness * stain.brightness:
            continue
        y0, x0, y1, x1 = boxes[label]
        place = (slice(y0, y1), slice(x0, x1))
        mask = (whole[place] == label) & (picture[place] > shape.half * heights[label])
        for part in _trimmed(mask, shape, pixel_size_um, heights[label] < shape.ragged_below * stain.brightness):
            count += 1
            out[place][part] = count
    raster_order(out, count)
    return out


def _trimmed(mask: np.ndarray, shape: BlobShape, pixel_size_um: float, dim: bool) -> list[np.ndarray]:
    """Return the parts of a blob without its spurs and holes; none if too little is left, or nothing round."""
    from scipy import ndimage

    least = shape.least_um2 / pixel_size_um**2
    radius = max(1, round(0.5 / pixel_size_um))
    opened = ndimage.binary_opening(np.pad(mask, radius, mode="edge"), iterations=radius)
    pieces, n = ndimage.label(opened[radius:-radius, radius:-radius])
    if n == 0:
        return []
    sizes = np.bincount(pieces.ravel())[1:]
    mask = ndimage.binary_fill_holes(pieces == sizes.argmax() + 1)
    if np.count_nonzero(mask) < least:
        return []
    moments, box = moments_of(mask.astype(np.int32), 1)
    quality = ellipticity(moments[1], box[1, 0], box[1, 1])
    if quality < shape.divide_below:
        parts = divided(
            mask, smoothing=shape.waist_smoothing_um / pixel_size_um, waist=shape.waist, gain=shape.waist_gain,
            least_radius=1.2 / pixel_size_um, least_pixels=0.7 * least,
        )  # fmt: skip
        if len(parts) > 1:
            return parts
    return [] if dim and quality < shape.least_ellipticity else [mask]
