"""Segmenting: the same result whatever the tiles and workers, known slides, and slides that nobody wants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

from her2plastic import im
from her2plastic._errors import ChannelError, DamagedTileError, DataWarning, InputFileError, ParameterError
from her2plastic.datasets import match_labels, simulate_slide
from her2plastic.io.slide import Field, Slide

CHANNELS = ("DAPI", "CK", "CD45", "HER2")


@pytest.fixture(scope="module")
def simulated() -> Any:
    return simulate_slide(shape=(640, 900), n_leukocytes=140, n_ctcs=12, seed=5)


@pytest.fixture(scope="module")
def whole(simulated: Any) -> im.Segmentation:
    return im.segment(simulated.slide, tile_size=4096)


def assert_same(found: im.Segmentation, other: im.Segmentation) -> None:
    for name in ("nuclei", "cells"):
        for one, two in zip(getattr(found, name), getattr(other, name), strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
    assert found.objects.equals(other.objects)


@pytest.mark.parametrize("tile_size", [1024, 512, 333])
def test_tiles_do_not_show(simulated: Any, whole: im.Segmentation, tile_size: int) -> None:
    assert_same(im.segment(simulated.slide, tile_size=tile_size), whole)


def test_workers_do_not_show(simulated: Any, whole: im.Segmentation) -> None:
    assert_same(im.segment(simulated.slide, tile_size=512, workers=2), whole)


def test_dask_and_a_store_do_not_show(simulated: Any, whole: im.Segmentation, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        found = im.segment(
            simulated.slide, tile_size=512, scheduler=cluster.scheduler_address, store=tmp_path / "labels.zarr"
        )
    assert type(found.cells[0]).__module__.startswith("zarr")
    assert_same(found, whole)


@pytest.mark.parametrize(("pixel_size_um", "least"), [(0.64, 0.90), (0.32, 0.95)])
def test_simulated_nuclei_and_cells_are_found(pixel_size_um: float, least: float) -> None:
    side = round(480 / pixel_size_um)
    made = simulate_slide(shape=(side, side), pixel_size_um=pixel_size_um, n_leukocytes=150, n_ctcs=15, seed=11)
    found = im.segment(made.slide)
    assert match_labels(made.nuclei, found=found.nuclei[0]).f1 >= least
    pairs = match_labels(made.cells, found=found.cells[0]).pairs.set_index("truth")["found"]
    kinds = found.objects.set_index("label")["kind"]
    truth = made.truth.set_index("number")
    of_kind = {kind: pairs.reindex(truth.index[truth["kind"] == kind]).map(kinds) for kind in truth["kind"].unique()}
    assert (of_kind["CTC"] == "cell").all()
    assert (of_kind["leukocyte"] == "cell").mean() > 0.95
    assert (of_kind["bare nucleus"].dropna() == "bare nucleus").all()
    debris = of_kind["debris"][truth["diameter_um"] > 3]
    assert (debris == "debris").mean() > 0.9


def test_touching_cells_are_numbered_as_a_group(simulated: Any, whole: im.Segmentation) -> None:
    pairs = match_labels(simulated.cells, found=whole.cells[0]).pairs.set_index("truth")["found"]
    truth = simulated.truth.set_index("number")
    members = truth.index[(truth["cluster"] > 0) & truth["kind"].isin(["CTC", "leukocyte"])]
    clusters = whole.objects.set_index("label")["cluster"]
    assert len(members) > 1
    assert (pairs.reindex(members).dropna().map(clusters) > 0).mean() > 0.7


def test_every_number_is_its_own_object(whole: im.Segmentation) -> None:
    nuclei, cells = np.asarray(whole.nuclei[0]), np.asarray(whole.cells[0])
    assert ((nuclei == cells) | (nuclei == 0)).all()
    numbers, first, counts = np.unique(cells, return_index=True, return_counts=True)
    np.testing.assert_array_equal(numbers[1:], whole.objects["label"])
    np.testing.assert_array_equal(counts[1:], whole.objects["n_pixels"])
    assert (np.diff(first[1:]) > 0).all()  # raster order


def blank(value: float, channels: tuple[str, ...] = CHANNELS, dtype: Any = np.uint16) -> Slide:
    return Slide.from_array(
        np.full((len(channels), 150, 180), value, dtype), channels=channels, pixel_size_um=0.64, bit_depth=None
    )


@pytest.mark.parametrize("value", [0, 100, 65535])
def test_a_field_without_nuclei_is_an_empty_result(value: float) -> None:
    found = im.segment(blank(value))
    assert len(found.objects) == 0
    assert not np.asarray(found.cells[0]).any()
    assert list(found.objects.columns)[:4] == ["field", "field_index", "label", "kind"]


def test_an_inverted_field_is_told(simulated: Any) -> None:
    """Of 255 less the pixels some tens of gaps between nuclei would pass for nuclei."""
    pixels = np.asarray(simulated.slide.fields[0].image)
    inverted = Slide.from_array(pixels.max() - pixels, channels=simulated.slide.channels, pixel_size_um=0.64)
    with pytest.warns(DataWarning, match="DAPI shows dark objects on a bright ground"):
        im.segment(inverted)


def test_inverted_fields_are_told_once_and_a_full_thumbnail_is_not(simulated: Any) -> None:
    """A nucleus that fills its thumbnail leaves little dark ground; hundreds of fields are told in one line."""
    image = np.asarray(simulated.slide.fields[0].image)[:, :64, :64]
    inverted = image.max() - image

    def gallery(n: int) -> Slide:
        fields = tuple(Field(f"c{place}", da.from_array(inverted if place < n else image)) for place in range(11))
        return replace(simulated.slide, fields=fields)

    im.segment(gallery(1))  # a warning would be an error here
    with pytest.warns(DataWarning, match=r"2 of 11 fields \(first 'c0'\)") as told:
        im.segment(gallery(2))
    assert len(told) == 1


def test_noise_is_no_cell() -> None:
    rng = np.random.default_rng(1)
    for image in (rng.integers(0, 4096, (4, 400, 400)), rng.normal(100, 5, (4, 400, 400)).astype(int)):
        slide = Slide.from_array(image.astype(np.uint16), channels=CHANNELS, pixel_size_um=0.64)
        assert len(im.segment(slide).objects) == 0


def test_one_saturated_channel_leaves_the_others_their_cells(simulated: Any, whole: im.Segmentation) -> None:
    pixels = np.asarray(simulated.slide.read(0, slice(0, 640), slice(0, 900))).copy()
    pixels[2] = 4095
    found = im.segment(replace(simulated.slide, fields=(Field("", da.from_array(pixels)),)))
    assert (found.objects["kind"] != "debris").sum() == (whole.objects["kind"] != "debris").sum()


def test_an_out_of_focus_field_gives_no_shreds(simulated: Any, whole: im.Segmentation) -> None:
    from scipy import ndimage

    pixels = simulated.slide.read(0, slice(0, 640), slice(0, 900)).astype(float)
    blurred = np.stack([ndimage.gaussian_filter(plane, 8) for plane in pixels])
    found = im.segment(replace(simulated.slide, fields=(Field("", da.from_array(blurred)),)))
    assert (found.objects["kind"] != "debris").sum() <= (whole.objects["kind"] != "debris").sum()


def test_not_a_number_is_a_hole_and_cuts_what_it_touches(simulated: Any, whole: im.Segmentation) -> None:
    pixels = simulated.slide.read(0, slice(0, 640), slice(0, 900)).astype(np.float32)
    pixels[3, 200:300, 250:400] = np.nan
    found = im.segment(replace(simulated.slide, fields=(Field("", da.from_array(pixels)),)), tile_size=512)
    cells = np.asarray(found.cells[0])
    assert not cells[200:300, 250:400].any()
    rim = np.unique(cells[199:301, 249:401])
    assert found.objects.set_index("label").loc[rim[rim > 0], "touches_edge"].all()
    far = np.asarray(whole.objects["y0"] > 450)
    assert (found.objects["y0"] > 450).sum() == far.sum()


class DamagedImage:
    """An image of which one stored piece cannot be decoded."""

    ndim = 3

    def __init__(self, pixels: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> None:
        self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype
        self.rows, self.columns = rows, columns

    def __getitem__(self, window: tuple[slice, slice, slice]) -> np.ndarray:
        _, y, x = window
        if y.start < self.rows[1] and y.stop > self.rows[0] and x.start < self.columns[1] and x.stop > self.columns[0]:
            raise DamagedTileError("slide", "", "CK", self.rows, self.columns, "corrupt stream")
        return self.pixels[window]


def test_a_channel_without_any_number_is_an_error(simulated: Any) -> None:
    image = simulated.slide.fields[0].image.compute().astype(np.float32)
    image[3] = np.nan
    slide = Slide.from_array(image, channels=CHANNELS, pixel_size_um=0.64)
    with pytest.raises(InputFileError, match="no pixel holds a number in every channel"):
        im.segment(slide)


def test_a_corrupt_tile_is_reported_and_the_rest_stands(simulated: Any, whole: im.Segmentation) -> None:
    pixels = np.asarray(simulated.slide.read(0, slice(0, 640), slice(0, 900)))
    image = da.from_array(
        DamagedImage(pixels, (256, 384), (384, 512)), chunks=(4, 640, 900), asarray=False, meta=pixels[:0, :0, :0]
    )
    slide = replace(simulated.slide, fields=(Field("", image),))
    found = im.segment(slide, tile_size=512)
    assert len(found.damaged) == 1
    assert "rows 256 to 384, columns 384 to 512" in found.damaged[0]
    cells = np.asarray(found.cells[0])
    assert not cells[256:384, 384:512].any()
    # what is typical of the field is now typical of its rest, which may move an outline by a pixel
    assert match_labels(np.asarray(whole.cells[0])[450:], found=cells[450:], iou=0.9).f1 > 0.99
    assert_same(im.segment(slide, tile_size=200), found)


def test_a_slide_smaller_than_an_object() -> None:
    slide = Slide.from_array(np.full((4, 3, 2), 7, np.uint16), channels=CHANNELS, pixel_size_um=0.64)
    assert len(im.segment(slide).objects) == 0


def test_nuclei_alone_are_cells(simulated: Any, whole: im.Segmentation) -> None:
    pixels = np.asarray(simulated.slide.read(0, slice(0, 640), slice(0, 900)))[:1]
    slide = Slide.from_array(pixels, channels=("DAPI",), pixel_size_um=0.64)
    found = im.segment(slide)
    assert set(found.objects["kind"]) == {"cell"}  # nobody can tell that a nucleus is bare
    np.testing.assert_array_equal(np.asarray(found.nuclei[0]) > 0, np.asarray(whole.nuclei[0]) > 0)


def test_a_slide_without_dapi_is_an_error() -> None:
    with pytest.raises(ChannelError, match="no channel DAPI"):
        im.segment(blank(100, ("CK", "CD45")))


@pytest.mark.parametrize("arguments", [{"tile_size": 0}, {"workers": 0}, {"segmenter": "cellpose"}])
def test_impossible_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        im.segment(blank(100), **arguments)


@dataclass(frozen=True)
class StandIn:
    """A trained model, for all that the adapters can tell."""

    as_float: bool = False

    def eval(self, picture: np.ndarray, *, diameter: float, normalize: bool) -> tuple[np.ndarray, None, None]:
        assert diameter == pytest.approx(9 / 0.64)
        assert not normalize
        return self._labels(picture), None, None

    def predict_instances(self, picture: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        return self._labels(picture), {}

    def _labels(self, picture: np.ndarray) -> np.ndarray:
        from scipy import ndimage

        labels = ndimage.label(ndimage.gaussian_filter(picture, 1) > 0.4)[0]
        return labels + 0.5 if self.as_float else labels


@pytest.mark.parametrize("adapter", [im.CellposeSegmenter, im.StarDistSegmenter])
def test_models_as_segmenters(adapter: Any, simulated: Any, whole: im.Segmentation) -> None:
    found = im.segment(simulated.slide, segmenter=adapter(model=StandIn()), tile_size=512)
    matched = match_labels(np.asarray(whole.nuclei[0]), found=np.asarray(found.nuclei[0]))
    assert matched.recall > 0.8
    assert (found.objects["kind"] == "cell").sum() > 100
    assert found.params["segmenter"] == adapter.__name__
    with pytest.raises(ParameterError, match="whole numbers"):
        im.segment(simulated.slide, segmenter=adapter(model=StandIn(as_float=True)))


@pytest.mark.parametrize(
    ("adapter", "package"), [(im.CellposeSegmenter, "cellpose"), (im.StarDistSegmenter, "stardist")]
)
def test_models_that_are_not_there(adapter: Any, package: str, simulated: Any, tmp_path: Path) -> None:
    import importlib.util

    with pytest.raises(ParameterError, match="as weights"):
        im.segment(simulated.slide, segmenter=adapter())
    with pytest.raises(ParameterError, match="none are fetched"):
        im.segment(simulated.slide, segmenter=adapter(weights=tmp_path / "missing"))
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    weights = tmp_path / "weights"
    if package == "cellpose":
        weights.touch()
    else:
        weights.mkdir()
    with pytest.raises(ParameterError, match=f"needs {package}, which is not installed"):
        im.segment(simulated.slide, segmenter=adapter(weights=weights))
