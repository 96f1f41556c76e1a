"""From nuclei to cells: bounded growth over the stains of the cytoplasm and the membrane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from her2plastic.im.blob_shapes import moments_of, self_weighted_means
from her2plastic.im.geodesic import STEP, grown
from her2plastic.im.stains import Stain


@dataclass(frozen=True)
class CellShape:
    """What a cell may look like; lengths in micrometres, the rest in shares.

    Attributes
    ----------
    growth_um
        How far a cell reaches beyond its nucleus.
    half
        A cell ends where every stain falls below this share of its own level in that cell.
    least_body
        A nucleus with less than this share of its own area around it is bare.

    Examples
    --------
    >>> import her2plastic as hp
    >>> tight = hp.im.CellShape(growth_um=1.0)
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> for cell in (hp.im.CellShape(), tight):
    ...     objects = hp.im.measure(hp.im.segment(made.slide, segmenter=hp.im.ClassicalSegmenter(cell=cell)))
    ...     print(f"within {cell.growth_um:.0f} um: {objects.to_df()['cell_diameter_um'].max():.0f} um the largest")
    within 8 um: 14 um the largest
    within 1 um: 10 um the largest
    """

    growth_um: float = 8.0
    half: float = 0.55
    least_body: float = 0.12


def cell_bodies(nuclei: np.ndarray, stains: list[Stain], *, pixel_size_um: float, shape: CellShape) -> np.ndarray:
    """Return a label image of cells, numbered as their nuclei; a bare nucleus is its own cell."""
    n = int(nuclei.max(initial=0))
    if n == 0 or len(stains) == 0:
        return nuclei.copy()
    # the strongest stain in units of its floor
    strongest = np.max([stain.picture / np.float32(stain.floor) for stain in stains], axis=0)
    territory = grown(nuclei, strongest, np.ones(n + 1), int(STEP * shape.growth_um / pixel_size_um))
    body = nuclei > 0
    for stain in stains:
        lit = np.where(stain.picture > stain.floor, territory, 0)
        level = np.maximum(shape.half * self_weighted_means(lit, stain.picture, n), stain.floor)
        body |= (territory > 0) & (stain.picture > level[territory])
    kept = np.where(body, territory, 0)
    out = nuclei.copy()
    boxes = moments_of(kept, n)[1]
    for label in range(1, n + 1):
        y0, x0, y1, x1 = boxes[label]
        place = (slice(y0, y1), slice(x0, x1))
        nucleus = nuclei[place] == label
        mask = _around_nucleus(kept[place] == label, nucleus, max(1, round(0.5 / pixel_size_um)))
        if np.count_nonzero(mask) >= (1 + shape.least_body) * np.count_nonzero(nucleus):
            out[place][mask & (out[place] == 0)] = label
    return out


def _around_nucleus(mask: np.ndarray, nucleus: np.ndarray, radius: int) -> np.ndarray:
    """Return the part of a mask that hangs together with the nucleus, without spurs and holes."""
    from scipy import ndimage

    # what is cut by the edge of the field goes on beyond it; the box is no edge
    padded = np.pad(mask, radius)
    opened = ndimage.binary_opening(padded, iterations=radius)[radius:-radius, radius:-radius] | nucleus
    pieces = ndimage.label(opened)[0]
    return ndimage.binary_fill_holes(pieces == pieces[nucleus][0])
