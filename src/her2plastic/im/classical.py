"""The segmenter that is used unless another one is asked for: no training, lengths in micrometres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from her2plastic.im.blobs import BlobShape, find_blobs
from her2plastic.im.cell_bodies import CellShape, cell_bodies
from her2plastic.im.stains import Smoothing, cytoplasm_stains, dapi_channel, stain_of

if TYPE_CHECKING:
    from her2plastic.im.segmenter import TileContext

#: Debris is smaller than a nucleus, often dimmer, and of any shape.
DEBRIS = BlobShape(least_um2=4.0, least_brightness=0.0, ragged_below=0.0)


@dataclass(frozen=True)
class ClassicalSegmenter:
    """Nuclei from DAPI, cells around them, and cytokeratin without a nucleus.

    The background is what the field's survey says it is, on a grid that no tile changes; what is left is smoothed.
    Nuclei are the level sets most like an ellipse, trimmed where they fall to a share of their own brightness, joined
    where neighbours make a better ellipse, divided at waists. A cell is what its nucleus reaches over the stains CK,
    CD45 and HER2 within a bound, down to a share of its own level in any of them. Debris is what CK shows by the same
    rules as nuclei, where no cell is; larger pieces of CK without a nucleus than ``debris.largest_um`` are found as
    the pieces that their brighter parts make.

    Every decision about a pixel rests on what lies within ``halo_um`` of it, so that tiles cannot show in the result.

    Attributes
    ----------
    smoothing
        How channels are looked at.
    nucleus, cell, debris
        What they may look like.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> found = hp.im.segment(made.slide, segmenter=hp.im.ClassicalSegmenter())
    >>> match = hp.datasets.match_labels(made.nuclei, found=found.nuclei[0])
    >>> print(f"{match.recall:.0%} of {match.n_truth} nuclei found")
    92% of 13 nuclei found
    """

    smoothing: Smoothing = Smoothing()
    nucleus: BlobShape = BlobShape()
    cell: CellShape = CellShape()
    debris: BlobShape = DEBRIS

    @property
    def halo_um(self) -> float:
        """Margin around a tile, micrometres."""
        return max(self.nucleus.reach_um, self.debris.reach_um) + self.cell.growth_um

    def __call__(self, tile: np.ndarray, context: TileContext) -> tuple[np.ndarray, np.ndarray]:
        """Return label images of nuclei and of cells."""
        pixel = context.pixel_size_um
        dapi = stain_of(tile, context, dapi_channel(context), self.smoothing)
        nuclei = np.zeros(tile.shape[1:], np.int32)
        if dapi is not None:
            nuclei = find_blobs(dapi, pixel_size_um=pixel, shape=self.nucleus)
        stains = cytoplasm_stains(tile, context, self.smoothing)
        cells = cell_bodies(nuclei, list(stains.values()), pixel_size_um=pixel, shape=self.cell)
        if "CK" in stains:
            debris = find_blobs(stains["CK"], pixel_size_um=pixel, shape=self.debris, free=cells == 0)
            cells = np.where(debris > 0, debris + cells.max(initial=0), cells)
        return nuclei, cells
