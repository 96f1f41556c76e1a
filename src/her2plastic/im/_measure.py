"""From a segmentation to a table: every object is measured by the tile in which it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic import _keys
from her2plastic._access import input_hash, record_step
from her2plastic._errors import ChannelError, DamagedTileError, ParameterError, check_made_by, check_whole
from her2plastic.im.clipping import tell_clipped
from her2plastic.im.feature_names import feature_table, feature_values
from her2plastic.im.measured_table import measured_table
from her2plastic.im.segmentation import Segmentation
from her2plastic.im.tile_bar import tile_bar
from her2plastic.im.tiles import Tile, Window, map_tiles
from her2plastic.im.windows import read_window

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.io.slide import Slide
    from her2plastic.models.region_stats.measuring import RegionGeometry

BOX = ["y0", "x0", "y1", "x1"]
#: Bounding boxes of objects that hang together cover a field about once. This many times: the labels are scattered.
MOST_COVER = 50


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
    rim_cutoff: Mapping[str, float] | None = None,
) -> AnnData:
    """Measure every object of a slide in every channel: nucleus, cytoplasm, rim and whole cell, and their shape.

    Intensities are those of the file less the object's own background, never scaled. ``docs/image_features.md`` defines
    every feature; those that scikit-image's ``regionprops`` has too are defined as there.

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
        Width of the rim: pixels of the cell whose centre lies at most this far inside the outline, in micrometres.
    background_gap_um
        Distance that background pixels keep from every object, in micrometres.
    background_ring_um
        Width of the ring of background pixels beyond the gap, in micrometres.
    background_pixels
        Free pixels that the ring must have. Where neighbours leave fewer, it is widened to twice, four and eight times
        its width; where that is not enough either, there is no background, and all that needs one is missing.
    rim_cutoff
        By channel, how much brighter than the background a stained rim is; three standard deviations of the background
        in channels that are not named.

    Returns
    -------
    Objects x features (float32), in the order of ``segmentation.objects``; none at all where nothing was found.
    ``var_names`` are ``{channel}_{compartment}_{statistic}``, ``{channel}_{statistic}``, ``{compartment}_{shape}``;
    ``var`` holds ``channel``, ``compartment``, ``statistic``, ``unit``, and ``low_resolution`` for measures of the rim
    where a pixel is larger than 0.4 um. What an object does not have is missing: the nucleus of debris, the cytoplasm
    of a bare nucleus, and in all channels whatever lies on pixels that cannot be read or are no number in one of them.
    Pixels of 8 and 16 bits are taken as they are, others in single precision. Written are further

    ``obs["cell_id"]``, also the index
        ``slide:number``, or ``slide:field:number`` where the slide has several fields.
    ``obs["slide_id" | "field" | "instance_id" | "region" | "kind" | "cluster" | "touches_edge"]``
        where the object lies, its number in the label image, and what the segmentation says of it.
    ``obs["background_pixels" | "background_reach_um"]``
        free pixels that the background rests on, and how far from the outline they lie at most.
    ``obsm["spatial"]``
        x and y of the centroid on the slide, micrometres; the corner of the field's first pixel is its origin.
    ``uns["spatialdata_attrs"]``
        that the rows annotate the label images of the cells.
    ``uns["her2plastic"]["slide" | "measure"]``
        name, channels, pixel size, saturation and damage of the slide; parameters, and the numbers of objects with
        saturated pixels (by channel) and without background.

    Raises
    ------
    ParameterError
        When a parameter cannot be used, label images have another shape than their fields, or an object has no pixel.
    ChannelError
        When ``rim_cutoff`` names a channel that the slide does not have.
    WorkersLostError
        When the processes that do the work die again and again.

    Warns
    -----
    DataWarning
        The brightest pixels of a channel are the same in several objects and below the saturation of the slide, as of a
        12-bit camera in 16 bits that the file does not tell of.

    See Also
    --------
    crops : pictures of single objects.

    Examples
    --------
    >>> import her2plastic as hp
    >>> made = hp.datasets.simulate_slide(shape=(256, 256), n_leukocytes=10, n_ctcs=3)
    >>> objects = hp.im.measure(hp.im.segment(made.slide))
    >>> objects.shape
    (54, 205)
    >>> print(objects.to_df()[["CK_cell_mean", "HER2_cell_mean", "cell_diameter_um"]].round(0).head(3).to_string())
             CK_cell_mean  HER2_cell_mean  cell_diameter_um
    slide:1          20.0            46.0               9.0
    slide:2          11.0            61.0               9.0
    slide:3          11.0            58.0               8.0
    """
    check_made_by("segmentation", segmentation, Segmentation, "im.segment")
    slide, objects = segmentation.slide, segmentation.objects
    geometry = _geometry(slide, rim_um, background_gap_um, background_ring_um, background_pixels)
    cutoffs = _cutoffs(slide, rim_cutoff)
    _check(segmentation)
    var = feature_table(slide.channels)
    values = np.full((len(objects), len(var)), np.nan, dtype=np.float32)
    places, rings = np.full((len(objects), 2), np.nan), np.zeros((len(objects), 2))
    with tile_bar("measuring", shown=progress) as bar:
        run = partial(map_tiles, tile_size=tile_size, halo=0, workers=workers, scheduler=scheduler, progress=bar)
        for index, field in enumerate(slide.fields):
            rows = np.flatnonzero(objects["field_index"].to_numpy() == index)
            work = _TileWork(
                slide, index, segmentation.cells[index], segmentation.nuclei[index],
                objects["label"].to_numpy()[rows], objects[BOX].to_numpy()[rows], geometry, cutoffs,
            )  # fmt: skip
            for _, found in run(work, (int(field.image.shape[1]), int(field.image.shape[2]))):
                at = rows[found.rows]
                values[at], places[at], rings[at] = found.values, found.centroid, found.ring
            places[rows] = (places[rows] + 0.5) * slide.pixel_size_um + np.array(field.origin_um)
    _check_all_found(segmentation, places)
    tell_clipped(slide, values, var)
    adata = measured_table(segmentation, values, places[:, ::-1].copy(), rings)
    params = {
        "rim_um": rim_um, "background_gap_um": background_gap_um, "background_ring_um": background_ring_um,
        "background_pixels": background_pixels, "rim_cutoff": None if rim_cutoff is None else dict(rim_cutoff),
    }  # fmt: skip
    saturated = values[:, (var[_keys.STATISTIC] == "saturated") & (var[_keys.COMPARTMENT] == "cell")] > 0
    record_step(
        adata, "measure", params=params, input_hash=input_hash(objects[BOX]), n_objects=len(objects),
        with_saturated_pixels=np.count_nonzero(saturated, axis=0),
        without_background=int(np.count_nonzero(rings[:, 0] < background_pixels)),
    )  # fmt: skip
    return adata


def _geometry(slide: Slide, rim_um: float, gap_um: float, ring_um: float, n_background: int) -> RegionGeometry:
    from her2plastic.models.region_stats.measuring import RegionGeometry

    for name, value in (("rim_um", rim_um), ("background_gap_um", gap_um), ("background_ring_um", ring_um)):
        if not isinstance(value, Real) or not 0 < value <= 100:
            raise ParameterError(f"{name}={value!r}: expected micrometres above 0, at most 100")
    check_whole("background_pixels", n_background, least=1)
    size = slide.pixel_size_um
    return RegionGeometry(rim_um / size, gap_um / size, ring_um / size, int(n_background))


def _cutoffs(slide: Slide, given: Mapping[str, float] | None) -> np.ndarray:
    given = given or {}
    if unknown := sorted(set(given) - set(slide.channels)):
        raise ChannelError(
            f"rim_cutoff names {', '.join(unknown)}; slide {slide.slide_id!r} has {', '.join(slide.channels)}"
        )
    for channel, value in given.items():
        if not isinstance(value, Real) or not value >= 0:
            raise ParameterError(
                f"rim_cutoff of {channel} is {value!r}: expected a number above the background, from 0"
            )
    return np.array([given.get(channel, np.nan) for channel in slide.channels], dtype=float)


def _check(segmentation: Segmentation) -> None:
    """Raise where label images, fields and objects do not belong together."""
    slide, objects = segmentation.slide, segmentation.objects
    for name, images in (("nuclei", segmentation.nuclei), ("cells", segmentation.cells)):
        found = [tuple(image.shape) for image in images]
        expected = [tuple(field.image.shape[1:]) for field in slide.fields]
        if found != expected:
            raise ParameterError(
                f"{name} of slide {slide.slide_id!r}: label images of shape {found}, but the fields have {expected} "
                "(y, x)"
            )
    boxes = objects[BOX].to_numpy()
    cover = float(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum())
    pixels = float(sum(np.prod(field.image.shape[1:]) for field in slide.fields))
    if cover > MOST_COVER * pixels:
        raise ParameterError(
            f"the bounding boxes of the {len(objects)} objects of slide {slide.slide_id!r} cover it "
            f"{cover / pixels:.0f} times: expected objects that hang together. Is this a label image of single cells?"
        )


def _check_all_found(segmentation: Segmentation, places: np.ndarray) -> None:
    absent = np.flatnonzero(np.isnan(places[:, 0]))
    if absent.size:
        named = ", ".join(str(label) for label in segmentation.objects["label"].to_numpy()[absent[:5]])
        raise ParameterError(
            f"{absent.size} objects of slide {segmentation.slide.slide_id!r} have no pixel in their bounding box, "
            f"e.g. numbers {named}: label images and table of objects are not of one segmentation"
        )


@dataclass(frozen=True)
class _Found:
    """Of the objects ``rows``: features, row and column of the centroid, pixels and reach (um) of the ring."""

    rows: np.ndarray
    values: np.ndarray
    centroid: np.ndarray
    ring: np.ndarray


@dataclass(frozen=True)
class _TileWork:
    """What a worker does with a tile: measure the objects whose bounding box begins in its core.

    It reads all that these objects and their backgrounds lie on, however far that reaches out of the tile.
    """

    slide: Slide
    field_index: int
    cells: Any
    nuclei: Any
    labels: np.ndarray
    boxes: np.ndarray
    geometry: RegionGeometry
    cutoffs: np.ndarray

    def __call__(self, tile: Tile) -> _Found:
        from her2plastic.models.region_stats.measuring import region_stats

        (y, x), (y0, x0) = tile.core, self.boxes[:, :2].T
        rows = np.flatnonzero((y0 >= y.start) & (y0 < y.stop) & (x0 >= x.start) & (x0 < x.stop))
        window = self._window(self.boxes[rows])
        stats = region_stats(
            self._pixels(window),
            np.asarray(self.cells[window]),
            np.asarray(self.nuclei[window]),
            labels=self.labels[rows],
            boxes=self.boxes[rows] - np.tile([window[0].start, window[1].start], 2),
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

    def _pixels(self, window: Window) -> np.ndarray:
        """Return the file's own numbers of 8 or 16 bits; all others, and what is damaged, in single precision.

        Where a pixel cannot be read, or is no number in one channel, it is NaN in all of them.
        """
        if self.slide.fields[self.field_index].image.dtype in (np.uint8, np.uint16):
            try:
                return self.slide.read(self.field_index, *window)
            except DamagedTileError:
                pass
        return read_window(self.slide, self.field_index, window)[0]
