"""The segmenter that is used unless another one is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from her2plastic.im.segmenter import TileContext


@dataclass(frozen=True)
class ClassicalSegmenter:
    """Threshold, split, grow; lengths in micrometres.

    Attributes
    ----------
    smoothing_um
        Width of the Gaussian filter.
    growth_um
        How far a cell reaches beyond its nucleus at most.
    halo_um
        Margin around a tile.
    """

    smoothing_um: float = 0.6
    growth_um: float = 3.0
    halo_um: float = 60.0

    def __call__(self, tile: np.ndarray, context: TileContext) -> tuple[np.ndarray, np.ndarray]:
        """Return label images of nuclei and of cells."""
        from scipy import ndimage
        from skimage.filters import threshold_otsu
        from skimage.segmentation import expand_labels, watershed

        pixel = context.pixel_size_um
        dapi = ndimage.gaussian_filter(tile[context.channels.index("DAPI")], self.smoothing_um / pixel)
        if dapi.size == 0 or dapi.max() == dapi.min():
            return np.zeros(dapi.shape, np.int32), np.zeros(dapi.shape, np.int32)
        depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(dapi > threshold_otsu(dapi)), 1.0)
        peaks = (depth == ndimage.maximum_filter(depth, int(4 / pixel) | 1)) & (depth > 1.0 / pixel)
        nuclei = watershed(-depth, ndimage.label(peaks)[0], mask=dapi > threshold_otsu(dapi))
        cells = expand_labels(nuclei, self.growth_um / pixel)
        return nuclei.astype(np.int32), cells.astype(np.int32)
