"""OME-Zarr of a simulated slide, in the layout of NGFF 0.4 and 0.5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from her2plastic._errors import from_extra
from her2plastic.datasets.slide_pyramid import halved, level_shapes
from her2plastic.io import Slide

_CHUNK = 512
_COLOURS = {"DAPI": "0072B2", "CK": "009E73", "CD45": "CC79A7", "HER2": "F0E442"}


def write_ome_zarr(slide: Slide, path: Path, *, version: str) -> None:
    """Write one image with its pyramid; version 0.4 is of Zarr format 2, 0.5 of format 3."""
    da = from_extra("dask.array", extra="imaging")
    zarr = from_extra("zarr", extra="imaging")
    old = version == "0.4"
    root = zarr.open_group(path, mode="w-", zarr_format=2 if old else 3)
    image = slide.fields[0].image
    shapes = level_shapes(image.shape)
    layout: dict[str, Any] = {"dimension_names": ["c", "y", "x"]}
    if old:
        layout = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    source = image
    for number, shape in enumerate(shapes):
        chunks = (1, *(min(_CHUNK, side) for side in shape[1:]))
        array = root.create_array(str(number), shape=shape, dtype=image.dtype, chunks=chunks, **layout)
        # whole chunks of the store and, of a lazily drawn slide, all channels at once: each is drawn and written once
        da.store(source.rechunk((shape[0], 2 * _CHUNK, 2 * _CHUNK)), array, lock=False)
        source = halved(da.from_array(array, chunks=array.chunks))
    described = {
        "multiscales": [_multiscale(slide, len(shapes), {"version": "0.4"} if old else {})],
        "omero": _display(slide),
    }
    # the description comes last: as long as it is not there, the folder is no image
    root.attrs.update(described if old else {"ome": {"version": version, **described}})


def _multiscale(slide: Slide, n_levels: int, version: dict[str, str]) -> dict[str, Any]:
    lengths = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    return version | {
        "name": slide.slide_id,
        "axes": [{"name": "c", "type": "channel"}, *lengths],
        "datasets": [
            {"path": str(number), "coordinateTransformations": _transformations(slide.pixel_size_um, 2**number)}
            for number in range(n_levels)
        ],
    }


def _transformations(pixel_size_um: float, step: int) -> list[dict[str, Any]]:
    # the centre of a pixel that is the mean of several lies between theirs
    offset = pixel_size_um * (step - 1) / 2
    scale = {"type": "scale", "scale": [1.0, pixel_size_um * step, pixel_size_um * step]}
    return [scale] if step == 1 else [scale, {"type": "translation", "translation": [0.0, offset, offset]}]


def _display(slide: Slide) -> dict[str, Any]:
    top = 2**slide.bit_depth - 1
    return {
        "channels": [
            {
                "label": name,
                "color": _COLOURS.get(name, "FFFFFF"),
                "active": True,
                "window": {"min": 0, "max": top, "start": 0, "end": top},
            }
            for name in slide.channels
        ]
    }
