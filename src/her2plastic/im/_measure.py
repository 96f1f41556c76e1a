"""From a segmentation to a table: one row an object, one column a feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import record_step
from her2plastic._errors import ParameterError
from her2plastic.im.feature_names import feature_table, feature_values
from her2plastic.im.tiles import Tile, Window, map_tiles

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.im.segmentation import Segmentation
    from her2plastic.io.slide import Slide
    from her2plastic.models.region_stats import RegionGeometry

#: Pixels larger than this (micrometres) show a membrane as one or two pixels: measures of the rim are marked.
LOW_RESOLUTION_UM = 0.4


def measure(
    segmentation: Segmentation,
    *,
    tile_size: int = 1024,
    workers: int = 1,
    scheduler: str | None = None,
    progress: bool | None = False,
    rim_um: float = 1.0,
    background_gap_um: float = 2.0,
    background_ring_um: float = 3.0,
    background_pixels: int = 50,
    rim_cutoff: dict[str, float] | None = None,
) -> AnnData:
    """Measure every object in every channel: nucleus, cytoplasm, rim and whole cell.

    Parameters
    ----------
    segmentation
        Objects of a slide.
    tile_size
        Side of a tile in pixels. It changes memory and time, never the result.
    workers
        Number of processes.
    scheduler
        Address of a Dask scheduler (``tcp://...``) that does the work instead.
    progress
        Show a bar on standard error; None shows it if that is a terminal.
    rim_um
        Width of the rim: pixels of the cell whose centre is at most this far from the outline.
    background_gap_um
        Distance that background pixels keep from every object.
    background_ring_um
        Width of the ring of background pixels beyond the gap.
    background_pixels
        Free pixels that the ring must have.
    rim_cutoff
        How bright above the background a stained rim is, by channel.

    Returns
    -------
    Objects x features.
    """
    from anndata import AnnData

    slide, objects = segmentation.slide, segmentation.objects
    geometry = _geometry(slide, rim_um, background_gap_um, background_ring_um, background_pixels)
    var = feature_table(slide.channels)
    values = np.full((len(objects), len(var)), np.nan, dtype=np.float32)
    places = np.full((len(objects), 2), np.nan)
    rings = np.zeros((len(objects), 2))
    cutoffs = np.array([(rim_cutoff or {}).get(channel, np.nan) for channel in slide.channels])
    for index, field in enumerate(slide.fields):
        rows = np.flatnonzero(objects["field_index"].to_numpy() == index)
        work = _TileWork(
            slide, index, segmentation.cells[index], segmentation.nuclei[index],
            objects["label"].to_numpy()[rows], objects[["y0", "x0", "y1", "x1"]].to_numpy()[rows], geometry, cutoffs,
        )  # fmt: skip
        shape = field.image.shape[1:]
        for _, found in map_tiles(work, shape, tile_size=tile_size, halo=0, workers=workers, scheduler=scheduler):
            at = rows[found.rows]
            values[at], places[at], rings[at] = found.values, found.centroid, found.ring
        places[rows] = (places[rows] + 0.5) * slide.pixel_size_um + np.array(field.origin_um)
    adata = AnnData(values, obs=_obs(slide, objects, rings), var=var)
    adata.obsm[_keys.SPATIAL] = places[:, ::-1].copy()
    regions = [str(name) for name in adata.obs[_keys.REGION].cat.categories]
    adata.uns[_keys.SPATIALDATA] = {
        "region": regions[0] if len(regions) == 1 else regions,
        "region_key": _keys.REGION,
        "instance_key": _keys.INSTANCE_ID,
    }
    params = {
        "rim_um": rim_um, "background_gap_um": background_gap_um, "background_ring_um": background_ring_um,
        "background_pixels": background_pixels, "rim_cutoff": rim_cutoff,
    }  # fmt: skip
    record_step(adata, "measure", params=params, n_objects=len(objects))
    record_step(
        adata, "slide", params={}, slide_id=slide.slide_id, channels=list(slide.channels),
        pixel_size_um=slide.pixel_size_um, bit_depth=slide.bit_depth, saturation=slide.saturation, source=slide.source,
        low_resolution=bool(slide.pixel_size_um > LOW_RESOLUTION_UM),
        damaged=list(dict.fromkeys((*slide.damaged, *segmentation.damaged))),
    )  # fmt: skip
    return adata


def _geometry(slide: Slide, rim_um: float, gap_um: float, ring_um: float, n_background: int) -> RegionGeometry:
    from her2plastic.models.region_stats import RegionGeometry

    for name, value, least in (
        ("rim_um", rim_um, 0),
        ("background_gap_um", gap_um, 0),
        ("background_ring_um", ring_um, 0),
    ):
        if not least < value < 1000:
            raise ParameterError(f"{name}={value!r}: expected micrometres above {least}")
    if n_background < 1:
        raise ParameterError(f"background_pixels={n_background!r}: expected at least 1")
    size = slide.pixel_size_um
    return RegionGeometry(rim_um / size, gap_um / size, ring_um / size, n_background)


def _obs(slide: Slide, objects: pd.DataFrame, rings: np.ndarray) -> pd.DataFrame:
    several = len(slide.fields) > 1
    ids = [
        f"{slide.slide_id}:{field}:{label}" if several else f"{slide.slide_id}:{label}"
        for field, label in zip(objects["field"], objects["label"], strict=True)
    ]
    region_of = [f"cells_{field.name}" if several else "cells" for field in slide.fields]
    names = [field.name for field in slide.fields]
    index = objects["field_index"].to_numpy()
    return pd.DataFrame(
        {
            _keys.CELL_ID: pd.Series(ids, dtype=object).to_numpy(),
            _keys.SLIDE_ID: pd.Categorical.from_codes(np.zeros(len(ids), int), categories=pd.Index([slide.slide_id])),
            _keys.FIELD: pd.Categorical.from_codes(index, categories=pd.Index(names)),
            _keys.INSTANCE_ID: objects["label"].to_numpy(),
            _keys.REGION: pd.Categorical.from_codes(index, categories=pd.Index(region_of)),
            _keys.KIND: pd.Categorical(objects["kind"], categories=["cell", "bare nucleus", "debris"]),
            _keys.CLUSTER: objects["cluster"].to_numpy(),
            _keys.TOUCHES_EDGE: objects["touches_edge"].to_numpy().astype(bool),
            _keys.BACKGROUND_PIXELS: rings[:, 0].astype(np.int64),
            _keys.BACKGROUND_REACH: rings[:, 1],
        },
        index=pd.Index(ids, dtype=object),
    )


@dataclass(frozen=True)
class _Found:
    rows: np.ndarray
    values: np.ndarray
    centroid: np.ndarray
    ring: np.ndarray


@dataclass(frozen=True)
class _TileWork:
    """What a worker does with a tile: measure the objects whose bounding box begins in its core."""

    slide: Slide
    field_index: int
    cells: Any
    nuclei: Any
    labels: np.ndarray
    boxes: np.ndarray
    geometry: RegionGeometry
    cutoffs: np.ndarray

    def __call__(self, tile: Tile) -> _Found:
        from her2plastic.models.region_stats import region_stats

        y, x = tile.core
        y0, x0 = self.boxes[:, 0], self.boxes[:, 1]
        rows = np.flatnonzero((y0 >= y.start) & (y0 < y.stop) & (x0 >= x.start) & (x0 < x.stop))
        window = self._window(self.boxes[rows])
        corner = np.array([window[0].start, window[1].start])
        image = self.slide.fields[self.field_index].image[:, window[0], window[1]]
        stats = region_stats(
            np.asarray(image.compute(scheduler="synchronous")),
            np.asarray(self.cells[window]),
            np.asarray(self.nuclei[window]),
            labels=self.labels[rows],
            boxes=self.boxes[rows] - np.tile(corner, 2),
            geometry=self.geometry,
            saturation=self.slide.saturation,
            cutoffs=self.cutoffs,
        )
        size = self.slide.pixel_size_um
        return _Found(
            rows,
            feature_values(stats, pixel_size_um=size),
            stats.centroid + self.boxes[rows, :2],
            np.column_stack([stats.n_background, stats.reach * size]),
        )

    def _window(self, boxes: np.ndarray) -> Window:
        """Return the pixels that the objects of these boxes depend on."""
        if len(boxes) == 0:
            return slice(0, 0), slice(0, 0)
        margin = self.geometry.margin
        height, width = self.cells.shape
        return (
            slice(max(int(boxes[:, 0].min()) - margin, 0), min(int(boxes[:, 2].max()) + margin, height)),
            slice(max(int(boxes[:, 1].min()) - margin, 0), min(int(boxes[:, 3].max()) + margin, width)),
        )
