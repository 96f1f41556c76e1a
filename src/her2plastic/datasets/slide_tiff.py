"""TIFF files of a simulated slide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from her2plastic._errors import from_extra
from her2plastic.datasets.slide_pyramid import levels_of
from her2plastic.io import Slide

_TILE = 512


def write_ome_tiff(slide: Slide, path: Path) -> None:
    """Write one file of tiles with a pyramid and OME-XML."""
    tifffile = from_extra("tifffile", extra="imaging")
    pixel = slide.pixel_size_um
    metadata = {
        "axes": "CYX",
        "Name": slide.slide_id,
        "PhysicalSizeX": pixel,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": pixel,
        "PhysicalSizeYUnit": "µm",
        "SignificantBits": slide.bit_depth,
        "Channel": {"Name": list(slide.channels)},
    }
    options = {
        "photometric": "minisblack", "compression": "zlib", "compressionargs": {"level": 1}, "predictor": True,
        "tile": (_TILE, _TILE),
    }  # fmt: skip
    with (
        levels_of(slide.fields[0].image, path.parent) as levels,
        tifffile.TiffWriter(path, ome=True, bigtiff=True) as file,
    ):
        for number, level in enumerate(levels):
            per_centimetre = 1e4 / (pixel * 2**number)
            own = {"metadata": metadata, "subifds": len(levels) - 1} if number == 0 else {"subfiletype": 1}
            file.write(
                _tiles(level), shape=level.shape, dtype=level.dtype, resolutionunit="CENTIMETER",
                resolution=(per_centimetre, per_centimetre), **options, **own,
            )  # fmt: skip


def _tiles(image: Any) -> Iterator[np.ndarray]:
    """Yield the tiles of all channels in the order of the file, a stripe of them in memory at a time."""
    for channel in range(image.shape[0]):
        for top in range(0, image.shape[1], _TILE):
            stripe = image[channel, top : top + _TILE].compute()
            for left in range(0, image.shape[2], _TILE):
                yield stripe[:, left : left + _TILE]


def write_pages(channels: Sequence[Any], path: Path) -> None:
    """Write a page a channel, without a word about what they are."""
    tifffile = from_extra("tifffile", extra="imaging")
    with tifffile.TiffWriter(path, bigtiff=sum(page.nbytes for page in channels) > 2**31) as file:
        for page in channels:
            file.write(np.asarray(page), photometric="minisblack", metadata=None, contiguous=False)
