"""A channel of a tile as segmenters look at it: without its background, smoothed, and down to which level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from her2plastic._errors import ChannelError
from her2plastic.im.object_table import CYTOPLASM_CHANNELS

if TYPE_CHECKING:
    from her2plastic.im.segmenter import TileContext


@dataclass(frozen=True)
class Stain:
    """One channel of a tile.

    Attributes
    ----------
    picture
        The channel without its background, smoothed, shape (y, x), float32.
    floor
        Level below which it shows nothing.
    brightness
        Typical height of an object on the whole field.
    """

    picture: np.ndarray
    floor: float
    brightness: float


@dataclass(frozen=True)
class Smoothing:
    """How channels are looked at.

    Attributes
    ----------
    width_um
        Standard deviation of the Gaussian filter, micrometres.
    noise_factor
        Nothing below this many standard deviations of the smoothed noise is looked at.
    floor
        Nor anything below this share of the typical brightness of objects in the channel.

    Examples
    --------
    >>> import her2plastic as hp
    >>> soft = hp.im.Smoothing(width_um=1.0)
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> for smoothing in (hp.im.Smoothing(), soft):
    ...     found = hp.im.segment(made.slide, segmenter=hp.im.ClassicalSegmenter(smoothing=smoothing))
    ...     print(f"{smoothing.width_um:.1f} um: {len(found.objects)} objects")
    0.3 um: 54 objects
    1.0 um: 58 objects
    """

    width_um: float = 0.308
    noise_factor: float = 5.0
    floor: float = 0.111


def dapi_channel(context: TileContext) -> int:
    """Return the index of the channel that shows the nuclei."""
    if "DAPI" not in context.channels:
        raise ChannelError(
            f"no channel DAPI, which shows the nuclei; there are {', '.join(context.channels)}: "
            'name it in read_slide(channels={"DAPI": ...})'
        )
    return context.channels.index("DAPI")


def cytoplasm_stains(tile: np.ndarray, context: TileContext, smoothing: Smoothing) -> dict[str, Stain]:
    """Return the stains of cytoplasm and membrane that the slide has and that show anything."""
    found = {
        name: stain_of(tile, context, channel, smoothing)
        for channel, name in enumerate(context.channels)
        if name in CYTOPLASM_CHANNELS
    }
    return {name: stain for name, stain in found.items() if stain is not None}


def stain_of(tile: np.ndarray, context: TileContext, channel: int, smoothing: Smoothing) -> Stain | None:
    """Return a channel as it is looked at; None where it shows nothing on the whole field."""
    from scipy import ndimage

    survey = context.survey
    width = smoothing.width_um / context.pixel_size_um
    # a Gaussian filter wider than a pixel leaves this share of independent noise
    noise = survey.noise[channel] * min(1.0, 1 / (2 * np.sqrt(np.pi) * width))
    floor = max(smoothing.noise_factor * noise, smoothing.floor * survey.brightness[channel])
    if floor <= 0:
        return None
    rows, columns = (slice(a, a + n) for a, n in zip(context.origin, tile.shape[1:], strict=True))
    signal = tile[channel] - survey.background_of(channel, (rows, columns))
    signal[~np.isfinite(signal)] = 0
    return Stain(ndimage.gaussian_filter(signal, width), float(floor), float(survey.brightness[channel]))
