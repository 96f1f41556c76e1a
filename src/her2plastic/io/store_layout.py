"""The words by which SpatialData and OME-NGFF find images, labels and tables in a store.

Sources: the OME-NGFF specification, version 0.5; the storage format of SpatialData, container version 0.2, raster
version 0.3 and table version 0.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from her2plastic import _keys
from her2plastic.io.slide import Slide

IMAGES, LABELS, TABLES, TABLE, CROPS = "images", "labels", "tables", "table", "crops"
#: Its 0.5 with the coordinate systems of what follows it; every reader of 0.5 passes them over.
RASTER_VERSION = "0.5-dev-spatialdata"
_CONTAINER, _LABELS_VERSION, _TABLE_VERSION = "0.2", "0.3", "0.2"


def element_names(slide: Slide, kind: str) -> list[str]:
    """Return the name of each field's image or label image (``kind`` and field), of letters that names may have."""
    if len(slide.fields) == 1:
        return [kind]
    names: list[str] = []
    for place, field in enumerate(slide.fields):
        name = f"{kind}_" + re.sub(r"[^\w.-]", "_", field.name)
        # two names that differ in their case only would be one on some disks
        names.append(f"{name}_{place}" if name.lower() in {taken.lower() for taken in names} else name)
    return names


def container_attributes(writer: str) -> dict[str, Any]:
    """Return what the root of a store says."""
    return {"spatialdata_attrs": {"version": _CONTAINER, "spatialdata_software_version": writer}}


def image_attributes(name: str, slide: Slide, field: int, n_levels: int) -> dict[str, Any]:
    """Return what the group of an image says."""
    ome = _multiscale(name, "cyx", slide, field, n_levels)
    largest = slide.saturation if slide.saturation < float("inf") else 1.0
    window = {"start": 0.0, "end": largest, "min": 0.0, "max": largest}
    ome["omero"] = {
        "channels": [
            {"label": channel, "color": "FFFFFF", "window": window, "active": True} for channel in slide.channels
        ]
    }
    return {"ome": ome, "spatialdata_attrs": {"version": _LABELS_VERSION}}


def label_attributes(name: str, slide: Slide, field: int, n_levels: int) -> dict[str, Any]:
    """Return what the group of a label image says."""
    ome = _multiscale(name, "yx", slide, field, n_levels)
    ome["image-label"] = {"version": "0.5"}
    return {"ome": ome, "spatialdata_attrs": {"version": _LABELS_VERSION}}


def table_attributes(regions: Sequence[str]) -> dict[str, Any]:
    """Return what the group of a table says: which label images its rows annotate, and by which columns."""
    none = {"region": None, "region_key": None, "instance_key": None}
    annotated = annotation(regions) if regions else none
    return {"spatialdata-encoding-type": "ngff:regions_table", "version": _TABLE_VERSION, **annotated}


def annotation(regions: Sequence[str]) -> dict[str, Any]:
    """Return the label images that a table annotates, and the columns that name them and number their objects."""
    return {
        "region": regions[0] if len(regions) == 1 else list(regions),
        "region_key": _keys.REGION,
        "instance_key": _keys.INSTANCE_ID,
    }


def _multiscale(name: str, axes: str, slide: Slide, field: int, n_levels: int) -> dict[str, Any]:
    others = len(axes) - 2
    datasets = [
        {
            "path": f"s{level}",
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0] * others + [2.0**level] * 2},
                # the centre of a pixel that stands for several lies between theirs
                {"type": "translation", "translation": [0.0] * others + [(2**level - 1) / 2] * 2},
            ],
        }
        for level in range(n_levels)
    ]
    described = _axes(axes)
    multiscale = {
        "name": name,
        "axes": described,
        "datasets": datasets,
        "coordinateTransformations": [_to_micrometres(axes, described, slide, field)],
    }
    return {"version": RASTER_VERSION, "multiscales": [multiscale]}


def _axes(axes: str) -> list[dict[str, str]]:
    return [
        {"name": axis, "type": "channel"} if axis == "c" else {"name": axis, "type": "space", "unit": "micrometer"}
        for axis in axes
    ]


def _to_micrometres(axes: str, described: list[dict[str, str]], slide: Slide, field: int) -> dict[str, Any]:
    """Return the way from pixels to micrometres on the slide."""
    others, size, origin = len(axes) - 2, slide.pixel_size_um, slide.fields[field].origin_um
    systems = {"input": {"name": axes, "axes": described}, "output": {"name": "global", "axes": described}}
    scale = {"type": "scale", "scale": [1.0] * others + [size, size], **systems}
    if not any(origin):
        return scale
    shift = {"type": "translation", "translation": [0.0] * others + list(origin), **systems}
    return {"type": "sequence", "transformations": [scale, shift], **systems}
