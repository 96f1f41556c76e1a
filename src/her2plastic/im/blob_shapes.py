"""Shapes of labelled blobs: halves that belong together are joined, blobs with a waist are divided."""

from __future__ import annotations

import numpy as np

from her2plastic.im.component_tree import ellipticity
from her2plastic.im.geodesic import STEP, split_by_depth
from her2plastic.models.compiling import compiled


@compiled
def self_weighted_means(labels: np.ndarray, picture: np.ndarray, n: int) -> np.ndarray:
    """Return the mean of each label's pixels with themselves as weights: the level of its bright part."""
    total, squares = np.zeros(n + 1), np.zeros(n + 1)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label > 0 and picture[y, x] > 0:
                total[label] += picture[y, x]
                squares[label] += picture[y, x] ** 2
    for label in range(n + 1):
        squares[label] = squares[label] / total[label] if total[label] > 0 else 0.0
    return squares


@compiled
def moments_of(labels: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return moments and bounding boxes (half-open; y0, x0, y1, x1) of the labels 0 to ``n``."""
    moments = np.zeros((n + 1, 6))
    box = np.zeros((n + 1, 4), np.int64)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label == 0:
                continue
            row, corner = moments[label], box[label]
            if row[0] == 0:
                corner[0], corner[1] = y, x
            row[0] += 1
            row[1] += y
            row[2] += x
            row[3] += y * y
            row[4] += x * x
            row[5] += y * x
            corner[1], corner[2], corner[3] = min(corner[1], x), y + 1, max(corner[3], x + 1)
    return moments, box


def joined(
    labels: np.ndarray, picture: np.ndarray, levels: np.ndarray, *, max_side: int, least: float, gain: float,
    depth: float,
) -> np.ndarray:  # fmt: skip
    """Join neighbours whose union is more of an ellipse than they are, twice; return the label image.

    A union needs an ellipticity of ``least``, and one better by ``gain`` than the mean of its parts; a bounding box of
    at most ``max_side``; and along the border a picture of at least ``depth`` times the lower of the two ``levels``.
    A pair is joined if neither has a better partner, which no blob beyond their neighbours has a say in.
    """
    labels, levels = labels.copy(), levels.copy()
    for _ in range(2):
        n = len(levels) - 1
        moments, box = moments_of(labels, n)
        one, other, lowest = _borders(labels, picture, moments[:, 0])
        best = np.zeros(n + 1)
        quality = np.zeros(len(one))
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            top, left = np.minimum(box[a, :2], box[b, :2])
            bottom, right = np.maximum(box[a, 2:], box[b, 2:])
            if max(bottom - top, right - left) > max_side or lowest[i] < depth * min(levels[a], levels[b]):
                continue
            union = ellipticity(moments[a] + moments[b], top, left)
            parts = (ellipticity(moments[a], *box[a, :2]) + ellipticity(moments[b], *box[b, :2])) / 2
            if union >= least and union > parts + gain:
                quality[i] = union
                best[a], best[b] = max(best[a], union), max(best[b], union)
        new = np.arange(n + 1, dtype=np.int32)
        for a, b, union in zip(one, other, quality, strict=True):
            if union > 0 and union == best[a] == best[b] and new[b] == b and new[a] == a:
                new[b] = a
                levels[a] = max(levels[a], levels[b])
        labels = new[labels]
    return labels


def _borders(labels: np.ndarray, picture: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of labels with a border as long as the smaller one is wide, and the mean picture along it."""
    views = ((labels[:-1], labels[1:], picture[:-1], picture[1:]),
             (labels[:, :-1], labels[:, 1:], picture[:, :-1], picture[:, 1:]))  # fmt: skip
    pairs, values = [], []
    for one, other, low, high in views:
        at = (one != other) & (one > 0) & (other > 0)
        pairs.append(np.sort(np.column_stack([one[at], other[at]]), axis=1))
        # whole numbers: a sum of fractions would depend on their order, and that on the window
        values.append(np.rint(64 * np.minimum(low[at], high[at]).astype(np.float64)).astype(np.int64))
    found, which = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
    length = np.bincount(which.ravel(), minlength=len(found))
    total = np.zeros(len(found), np.int64)
    np.add.at(total, which.ravel(), np.concatenate(values))
    one, other = found[:, 0], found[:, 1]
    long = length >= 0.6 * np.sqrt(np.minimum(pixels[one], pixels[other]))
    return one[long], other[long], total[long] / 64 / np.maximum(length[long], 1)


def divided(mask: np.ndarray, *, smoothing: float, waist: float, least_radius: float, gain: float, least_pixels: float):
    """Return the parts of one blob (masks), divided where it has a waist; a list of one if it has none.

    Parts are discs in the smoothed distance transform whose centres are parted by a waist at least the share
    ``waist`` narrower than the smaller disc. The parts together have to be better ellipses, by ``gain``, than the blob.
    """
    from scipy import ndimage

    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1], smoothing) * mask
    peaks = _peaks(depth, waist, least_radius)
    if len(peaks) < 2:
        return [mask]
    heights = np.rint(STEP * depth[tuple(peaks.T)]).astype(np.int64)
    parts = split_by_depth(mask, peaks, heights)
    moments, box = moments_of(parts, len(peaks))
    if moments[1:, 0].min() < least_pixels:
        return [mask]
    whole, corner = moments_of(mask.astype(np.int32), 1)
    mean = np.mean([ellipticity(moments[i], *box[i, :2]) for i in range(1, len(peaks) + 1)])
    if mean <= ellipticity(whole[1], *corner[1, :2]) + gain:
        return [mask]
    return [parts == i for i in range(1, len(peaks) + 1)]


def _peaks(depth: np.ndarray, waist: float, least: float) -> np.ndarray:
    """Return the local maxima (rows of y, x) that no higher one reaches without passing a waist."""
    from scipy import ndimage

    places, n = ndimage.label((depth == ndimage.maximum_filter(depth, 3)) & (depth >= least), np.ones((3, 3)))
    if n < 2:
        return np.zeros((n, 2), np.int64)
    middles = ndimage.center_of_mass(np.ones(depth.shape), places, range(1, n + 1))
    peaks = np.rint(np.array(middles)).astype(np.int64)
    heights = depth[tuple(peaks.T)]
    order = np.lexsort((peaks[:, 1], peaks[:, 0], -heights))
    peaks, heights = peaks[order], heights[order]
    kept = [
        i
        for i in range(n)
        if not any(_lowest_between(depth, peaks[i], peaks[j]) > (1 - waist) * heights[i] for j in range(i))
    ]
    return peaks[kept]


def _lowest_between(depth: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    steps = np.linspace(0, 1, int(np.hypot(*(other - one))) + 2)[:, None]
    way = np.rint(one + (other - one) * steps).astype(int)
    return float(depth[way[:, 0], way[:, 1]].min())
