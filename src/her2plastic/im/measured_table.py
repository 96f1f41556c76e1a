"""The table of what was measured: a row an object, a column a feature, and what a reader must know of the slide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic.im.feature_names import feature_table
from her2plastic.im.object_table import BARE_NUCLEUS, CELL, DEBRIS
from her2plastic.io.store_layout import annotation, element_names

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.im.segmentation import Segmentation
    from her2plastic.io.slide import Slide

#: Pixels larger than this (micrometres) show a membrane as one or two pixels: measures of the rim are marked.
LOW_RESOLUTION_UM = 0.4
#: What an image store calls the label images that the rows annotate.
CELL_LABELS = "cells"


def is_low_resolution(slide: Slide) -> bool:
    """Tell whether the pixels of a slide are too large for measures of a cell's rim to be more than a hint."""
    return slide.pixel_size_um > LOW_RESOLUTION_UM


def measured_table(
    segmentation: Segmentation, values: np.ndarray, places: np.ndarray, rings: np.ndarray
) -> AnnData:  # fmt: skip
    """Return the AnnData of features (objects, features), places (x, y) in um, and rings (pixels, reach in um)."""
    from anndata import AnnData

    slide, objects = segmentation.slide, segmentation.objects
    var = feature_table(slide.channels, low_resolution=is_low_resolution(slide))
    adata = AnnData(values, obs=_obs(slide, objects, rings), var=var)
    adata.obsm[_keys.SPATIAL] = places
    adata.uns[_keys.SPATIALDATA] = annotation(element_names(slide, CELL_LABELS))
    damaged = tuple(dict.fromkeys((*slide.damaged, *segmentation.damaged)))
    record_step(
        adata, "slide", params={}, slide_id=slide.slide_id, channels=slide.channels,
        pixel_size_um=slide.pixel_size_um, bit_depth=slide.bit_depth, saturation=slide.saturation, source=slide.source,
        low_resolution=is_low_resolution(slide), damaged=np.array(damaged, dtype=object),
    )  # fmt: skip
    return adata


def cell_ids(slide: Slide, objects: pd.DataFrame) -> list[str]:
    """Return the name of each object: slide, field where there are several, and number."""
    several = len(slide.fields) > 1
    return [
        f"{slide.slide_id}:{field}:{label}" if several else f"{slide.slide_id}:{label}"
        for field, label in zip(objects["field"], objects["label"], strict=True)
    ]


def _obs(slide: Slide, objects: pd.DataFrame, rings: np.ndarray) -> pd.DataFrame:
    ids = cell_ids(slide, objects)
    index = objects["field_index"].to_numpy(dtype=np.int64)
    columns = {
        _keys.CELL_ID: np.array(ids, dtype=object),
        _keys.SLIDE_ID: pd.Categorical.from_codes(np.zeros(len(ids), int), categories=pd.Index([slide.slide_id])),
        _keys.FIELD: pd.Categorical.from_codes(index, categories=pd.Index([field.name for field in slide.fields])),
        _keys.INSTANCE_ID: objects["label"].to_numpy(dtype=np.int64),
        _keys.REGION: pd.Categorical.from_codes(index, categories=pd.Index(element_names(slide, CELL_LABELS))),
        _keys.KIND: pd.Categorical(objects["kind"], categories=[CELL, BARE_NUCLEUS, DEBRIS]),
        _keys.CLUSTER: objects["cluster"].to_numpy(dtype=np.int64),
        _keys.TOUCHES_EDGE: objects["touches_edge"].to_numpy(dtype=bool),
        _keys.BACKGROUND_PIXELS: rings[:, 0].astype(np.int64),
        _keys.BACKGROUND_REACH: rings[:, 1],
    }
    return pd.DataFrame(columns, index=pd.Index(ids, dtype=object))
