"""Outlines of the objects of a segmentation, and their rows in the table of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import obs_column
from her2plastic._errors import ParameterError

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.im import Segmentation


def rows_of(adata: AnnData, slide_id: str, field: str, labels: np.ndarray) -> np.ndarray:
    """Return the row of each object of a field in ``adata``, -1 where it has none."""
    there = (obs_column(adata, _keys.SLIDE_ID).astype(str) == slide_id).to_numpy() & (
        obs_column(adata, _keys.FIELD).astype(str) == field
    ).to_numpy()
    rows = np.flatnonzero(there)
    own = pd.Index(obs_column(adata, _keys.INSTANCE_ID).to_numpy()[rows])
    found = own.get_indexer(pd.Index(labels))
    return np.where(found >= 0, rows[found], -1) if len(rows) else found


def check_places(adata: AnnData, segmentation: Segmentation, field: int, found: np.ndarray, labels: np.ndarray) -> None:
    """Raise ParameterError where objects of one name lie elsewhere in the table than in the segmentation."""
    known = found >= 0
    if _keys.SPATIAL not in adata.obsm or not known.any():
        return
    slide, objects = segmentation.slide, segmentation.objects
    boxes = objects[objects["field_index"] == field].set_index("label").loc[labels[known], ["y0", "x0", "y1", "x1"]]
    places = np.asarray(adata.obsm[_keys.SPATIAL])[found[known], ::-1] - slide.fields[field].origin_um
    pixels = places / slide.pixel_size_um
    elsewhere = ((pixels < boxes[["y0", "x0"]].to_numpy()) | (pixels > boxes[["y1", "x1"]].to_numpy())).any(axis=1)
    if elsewhere.any():
        raise ParameterError(
            f"segmentation: {int(elsewhere.sum()):,} of {int(known.sum()):,} objects of slide {slide.slide_id!r} lie "
            "elsewhere in adata; expected the segmentation that was measured. Measure this one, or give that one."
        )


def outlines_of(segmentation: Segmentation, field: int, rows: slice, columns: slice, step: int) -> pd.DataFrame:
    """Return label and outline of each object that reaches into a window, in pixels of the picture."""
    from skimage.measure import find_contours

    objects, labels = segmentation.objects, segmentation.cells[field]
    seen = objects[
        (objects["field_index"] == field)
        & (objects["y1"] > rows.start) & (objects["y0"] < rows.stop)
        & (objects["x1"] > columns.start) & (objects["x0"] < columns.stop)
    ]  # fmt: skip
    found = []
    for row in seen.itertuples():
        own = np.asarray(labels[row.y0 : row.y1, row.x0 : row.x1]) == row.label
        longest = max(find_contours(np.pad(own, 1).astype(float), 0.5), key=len)
        # the middle of the first pixel of the picture is at 0
        start = np.array([row.y0 - 1 - rows.start, row.x0 - 1 - columns.start])
        found.append((longest + start + 0.5) / step - 0.5)
    return pd.DataFrame({"label": seen["label"].to_numpy(), "outline": pd.Series(found, dtype=object)})


def grown(line: np.ndarray, smallest: float) -> np.ndarray:
    """Return an outline scaled about its middle to a size that can be seen."""
    low, high = line.min(axis=0), line.max(axis=0)
    middle, size = (low + high) / 2, float((high - low).max())
    return middle + (line - middle) * max(1.0, smallest / size)
