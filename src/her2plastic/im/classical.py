"""The segmenter that is used unless another one is asked for: no training, lengths in micrometres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import ChannelError
from her2plastic.im.blobs import BlobShape, find_blobs
from her2plastic.im.cell_bodies import CellShape, cell_bodies
from her2plastic.im.object_table import CYTOPLASM_CHANNELS

if TYPE_CHECKING:
    from her2plastic.im.segmenter import TileContext


#: Debris is smaller than a nucleus, often dimmer, and of any shape.
DEBRIS = BlobShape(least_um2=4.0, least_brightness=0.0, ragged_below=0.0)


@dataclass(frozen=True)
class ClassicalSegmenter:
    """Nuclei from DAPI, cells around them, and cytokeratin without a nucleus.

    The background is what the field's survey says it is, on a grid that no tile changes; what is left is smoothed.
    Nuclei are the level sets most like an ellipse, trimmed where they fall to half of their own brightness, joined
    where halves make a better ellipse, divided at waists. A cell is what its nucleus reaches over the stains CK, CD45
    and HER2 within a bound, down to half of its own level in any of them. Debris is what CK shows by the same rules as
    nuclei, where no cell is.

    Every decision about a pixel rests on what lies within ``halo_um`` of it, so that tiles cannot show in the result.

    Attributes
    ----------
    smoothing_um
        Standard deviation of the Gaussian filter.
    noise_factor
        Nothing below this many standard deviations of the smoothed noise is looked at.
    floor
        Nor anything below this share of the typical brightness of objects in the channel.
    nucleus, cell, debris
        What they may look like.
    """

    smoothing_um: float = 0.308
    noise_factor: float = 5.0
    floor: float = 0.103
    nucleus: BlobShape = BlobShape()
    cell: CellShape = CellShape()
    debris: BlobShape = DEBRIS

    @property
    def halo_um(self) -> float:
        """Margin around a tile, micrometres."""
        return self.nucleus.reach_um + self.cell.growth_um

    def __call__(self, tile: np.ndarray, context: TileContext) -> tuple[np.ndarray, np.ndarray]:
        """Return label images of nuclei and of cells."""
        pixel = context.pixel_size_um
        if "DAPI" not in context.channels:
            raise ChannelError(f"no channel DAPI, which shows the nuclei; there are {', '.join(context.channels)}")
        dapi = context.channels.index("DAPI")
        shape = tile.shape[1:]
        floor = self._floor(context, dapi)
        nuclei = np.zeros(shape, np.int32)
        if np.isfinite(floor):
            nuclei = find_blobs(
                self._picture(tile, context, dapi), floor=floor, brightness=context.survey.brightness[dapi],
                pixel_size_um=pixel, shape=self.nucleus,
            )  # fmt: skip
        used = [i for i, name in enumerate(context.channels) if name in CYTOPLASM_CHANNELS]
        used = [i for i in used if np.isfinite(self._floor(context, i))]
        stains = np.array([self._picture(tile, context, i) for i in used]).reshape(len(used), *shape)
        floors = np.array([self._floor(context, i) for i in used])
        cells = cell_bodies(nuclei, stains, floors, pixel_size_um=pixel, shape=self.cell)
        for place, channel in enumerate(used):
            if context.channels[channel] == "CK":
                debris = find_blobs(
                    np.where(cells == 0, stains[place], 0), floor=floors[place],
                    brightness=context.survey.brightness[channel], pixel_size_um=pixel, shape=self.debris,
                )  # fmt: skip
                cells = np.where(debris > 0, debris + cells.max(initial=0), cells)
        return nuclei, cells

    def _picture(self, tile: np.ndarray, context: TileContext, channel: int) -> np.ndarray:
        """Return a channel without its background, smoothed; 0 where it could not be read."""
        from scipy import ndimage

        window = tuple(slice(a, a + n) for a, n in zip(context.origin, tile.shape[1:], strict=True))
        signal = tile[channel] - context.survey.background_of(channel, (window[0], window[1]))
        signal[~np.isfinite(signal)] = 0
        return ndimage.gaussian_filter(signal, self.smoothing_um / context.pixel_size_um)

    def _floor(self, context: TileContext, channel: int) -> float:
        """Return the level below which a smoothed channel shows nothing; infinite where the channel is empty."""
        width = self.smoothing_um / context.pixel_size_um
        # a Gaussian filter wider than a pixel leaves this share of independent noise
        noise = context.survey.noise[channel] * min(1.0, 1 / (2 * np.sqrt(np.pi) * width))
        floor = max(self.noise_factor * noise, self.floor * context.survey.brightness[channel])
        return floor if floor > 0 else np.inf
