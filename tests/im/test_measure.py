"""What is measured of the objects of a slide, through the public functions."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from skimage.draw import disk, ellipse
from skimage.measure import regionprops_table

from her2plastic.datasets import simulate_slide
from her2plastic.im import Segmentation, measure
from her2plastic.io import write_h5ad
from her2plastic.io.slide import Field, Slide

CHANNELS = ("DAPI", "CK", "CD45", "HER2")
PIXEL = 0.5


def label_images(shape: tuple[int, int] = (300, 260)) -> tuple[np.ndarray, np.ndarray]:
    """Return nuclei and cells: ellipses on a jittered grid, the first row without nuclei, some touching, some cut."""
    rng = np.random.default_rng(0)
    nuclei, cells = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    number = 0
    for y in range(0, shape[0], 27):
        for x in range(0, shape[1], 25):
            number += 1
            centre, radii, angle = rng.uniform(-3, 3, 2) + (y, x), rng.uniform(5, 12, 2), rng.uniform(0, 3)
            inside = ellipse(centre[0], centre[1], radii[0], radii[1], shape=shape, rotation=angle)
            free = cells[inside] == 0
            cells[inside[0][free], inside[1][free]] = number
            radii = 0.6 * radii
            nucleus = ellipse(centre[0], centre[1], radii[0], radii[1], shape=shape, rotation=angle)
            if y:
                nuclei[nucleus] = np.where(cells[nucleus] == number, number, nuclei[nucleus])
    return nuclei, cells


def slide_of(cells: np.ndarray, *, channels: tuple[str, ...] = CHANNELS, pixel_size_um: float = PIXEL) -> Slide:
    rng = np.random.default_rng(1)
    brightness = rng.integers(100, 3000, (len(channels), int(cells.max()) + 1))
    image = rng.normal(100, 8, (len(channels), *cells.shape)) + np.where(cells > 0, brightness[:, cells], 0)
    return Slide.from_array(
        np.clip(image, 0, 4095).astype(np.uint16), channels=channels, pixel_size_um=pixel_size_um, bit_depth=12
    )


@pytest.fixture(scope="module")
def segmentation() -> Segmentation:
    nuclei, cells = label_images()
    return Segmentation.from_labels(slide_of(cells), nuclei, cells)


@pytest.fixture(scope="module")
def measured(segmentation: Segmentation) -> AnnData:
    return measure(segmentation)


def pixels(segmentation: Segmentation) -> np.ndarray:
    return segmentation.slide.read(0, slice(None), slice(None))


def same(one: AnnData, other: AnnData) -> None:
    """Assert that two tables hold the same bits."""
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.obsm["spatial"], other.obsm["spatial"])
    pd.testing.assert_frame_equal(one.obs, other.obs)
    pd.testing.assert_frame_equal(one.var, other.var)


def test_names_say_channel_compartment_and_statistic(measured: AnnData) -> None:
    statistics = ["mean", "median", "max", "min", "sd", "sum", "p05", "p25", "p75", "p95", "saturated"]
    expected = [
        f"{channel}_{compartment}_{statistic}"
        for channel in CHANNELS
        for compartment in ("nucleus", "cytoplasm", "rim", "cell")
        for statistic in statistics
    ]
    once = ("background", "nucleus_overlap", "rim_to_centre", "rim_completeness")
    expected += [f"{channel}_{name}" for channel in CHANNELS for name in once]
    shapes = ("area_um2", "diameter_um", "perimeter_um", "eccentricity", "solidity", "p2a")
    expected += [f"{which}_{shape}" for which in ("nucleus", "cell") for shape in shapes]
    assert sorted(measured.var_names) == sorted([*expected, "nucleus_to_cell_ratio"])
    assert list(measured.var.loc["HER2_rim_mean"]) == ["HER2", "rim", "mean", "intensity", True]
    assert list(measured.var.loc["CK_cell_saturated"]) == ["CK", "cell", "saturated", "1", False]
    assert list(measured.var.loc["cell_area_um2"]) == ["", "cell", "area_um2", "um2", False]
    assert list(measured.var.columns) == ["channel", "compartment", "statistic", "unit", "low_resolution"]


def test_agrees_with_regionprops(segmentation: Segmentation, measured: AnnData) -> None:
    image, features = np.moveaxis(pixels(segmentation), 0, -1), measured.to_df()
    cells, nuclei = segmentation.cells[0], segmentation.nuclei[0]
    compartments = {"nucleus": nuclei, "cytoplasm": np.where(nuclei > 0, 0, cells), "cell": cells}
    names = ("mean", "median", "max", "min", "std")
    for which, labels in compartments.items():
        wanted = pd.DataFrame(
            regionprops_table(
                labels, image, properties=("label", "area", "perimeter", "eccentricity", "solidity",
                                           *(f"intensity_{name}" for name in names)),
            )
        ).set_index("label")  # fmt: skip
        rows = features.set_axis(measured.obs["instance_id"], axis=0).loc[wanted.index]
        assert len(rows) > 80
        for c, channel in enumerate(CHANNELS):
            for name in names:
                found = rows[f"{channel}_{which}_{'sd' if name == 'std' else name}"]
                background = 0 if name == "std" else rows[f"{channel}_background"]
                np.testing.assert_allclose(found + background, wanted[f"intensity_{name}-{c}"], rtol=1e-6)
        if which != "cytoplasm":
            np.testing.assert_allclose(rows[f"{which}_area_um2"], wanted["area"] * PIXEL**2, rtol=1e-6)
            np.testing.assert_allclose(rows[f"{which}_perimeter_um"], wanted["perimeter"] * PIXEL, rtol=1e-6)
            np.testing.assert_allclose(rows[f"{which}_eccentricity"], wanted["eccentricity"], rtol=1e-6)
            np.testing.assert_allclose(rows[f"{which}_solidity"], wanted["solidity"], rtol=1e-6)


@pytest.mark.parametrize("tile_size", [512, 1024, 97])
def test_tiles_do_not_matter(segmentation: Segmentation, measured: AnnData, tile_size: int) -> None:
    same(measure(segmentation, tile_size=tile_size), measured)


def test_larger_field_in_tiles_and_by_two_workers() -> None:
    nuclei, cells = label_images((1300, 700))
    segmentation = Segmentation.from_labels(slide_of(cells), nuclei, cells)
    whole = measure(segmentation, tile_size=2000)
    assert whole.n_obs > 1000
    for tile_size, workers in ((512, 1), (1024, 1), (512, 2)):
        same(measure(segmentation, tile_size=tile_size, workers=workers), whole)


def test_what_an_object_does_not_have_is_missing(segmentation: Segmentation, measured: AnnData) -> None:
    features = measured.to_df()
    debris = (measured.obs["kind"] == "debris").to_numpy()
    assert 0 < debris.sum() < len(debris)
    of_nucleus = [name for name in measured.var_names if "nucleus" in name]
    assert features.loc[debris, of_nucleus].isna().all(axis=None)
    assert features.loc[~debris, of_nucleus].notna().all(axis=None)
    np.testing.assert_array_equal(features.loc[debris, "CK_cytoplasm_sum"], features.loc[debris, "CK_cell_sum"])
    bare = measure(Segmentation.from_labels(segmentation.slide, nuclei=segmentation.nuclei[0]))
    assert (bare.obs["kind"] == "bare nucleus").all()
    cytoplasm = bare.to_df().filter(like="cytoplasm")
    assert cytoplasm.shape[1] == 44
    assert cytoplasm.isna().all(axis=None)
    assert bare.to_df()["nucleus_to_cell_ratio"].eq(1).all()


def test_background_is_taken_off_once_a_pixel(segmentation: Segmentation, measured: AnnData) -> None:
    features, image = measured.to_df(), pixels(segmentation)
    cell = segmentation.cells[0] == measured.obs["instance_id"].iloc[60]
    row = features.iloc[60]
    for c, channel in enumerate(CHANNELS):
        raw = image[c][cell].astype(float)
        assert abs(row[f"{channel}_background"] - 100) < 3
        assert row[f"{channel}_cell_sum"] == pytest.approx(raw.sum() - cell.sum() * row[f"{channel}_background"])
        assert row[f"{channel}_cell_p95"] == pytest.approx(np.percentile(raw, 95) - row[f"{channel}_background"])
        assert row[f"{channel}_cell_sd"] == pytest.approx(raw.std())


def test_intensities_are_absolute(segmentation: Segmentation, measured: AnnData) -> None:
    slide = segmentation.slide
    doubled = Slide.from_array(
        2.0 * pixels(segmentation), channels=CHANNELS, pixel_size_um=PIXEL, saturation=2 * slide.saturation
    )
    twice = measure(Segmentation.from_labels(doubled, *segmentation.nuclei, *segmentation.cells))
    scale = np.where(measured.var["unit"] == "intensity", 2, 1)
    np.testing.assert_allclose(twice.X, measured.X * scale, rtol=1e-6)


def test_saturated_pixels_are_counted() -> None:
    cells = np.zeros((60, 60), dtype=np.int32)
    cells[disk((30, 30), 10)] = 1
    image = np.full((2, 60, 60), 100, dtype=np.uint16)
    image[0][cells > 0] = 4094
    image[0, 30, 20:30] = 4095
    image[1] = 4095
    slide = Slide.from_array(image, channels=("CK", "HER2"), pixel_size_um=PIXEL, bit_depth=12)
    table = measure(Segmentation.from_labels(slide, cells=cells))
    row = table.to_df().iloc[0]
    assert row["CK_cell_saturated"] == pytest.approx(((image[0] == 4095) & (cells > 0)).sum() / (cells > 0).sum())
    assert row["HER2_cell_saturated"] == 1.0
    assert row["HER2_cell_mean"] == 0.0  # a channel that is saturated throughout shows no cell
    assert np.isnan(row["HER2_rim_to_centre"])
    assert list(table.uns["her2plastic"]["measure"]["with_saturated_pixels"]) == [1, 1]


def test_nothing_found_gives_no_rows_and_all_features(measured: AnnData) -> None:
    nothing = np.zeros((50, 70), dtype=np.int32)
    empty = measure(Segmentation.from_labels(slide_of(nothing), nothing, nothing))
    assert empty.shape == (0, measured.n_vars)
    assert list(empty.var_names) == list(measured.var_names)
    assert list(empty.obs.columns) == list(measured.obs.columns)
    assert dict(empty.obs.dtypes.astype(str)) == dict(measured.obs.dtypes.astype(str))
    assert empty.obsm["spatial"].shape == (0, 2)


@pytest.mark.parametrize("channels", [("DAPI",), ("HER2", "vimentin"), ("CK", "DAPI", "CD45")])
def test_any_channels_will_do(channels: tuple[str, ...]) -> None:
    nuclei, cells = label_images((90, 90))
    table = measure(Segmentation.from_labels(slide_of(cells, channels=channels), nuclei, cells))
    assert table.n_vars == len(channels) * 48 + 13
    assert list(dict.fromkeys(table.var["channel"])) == [*channels, ""]


def test_low_resolution_is_flagged_above_two_fifths_of_a_micrometre() -> None:
    nuclei, cells = label_images((90, 90))
    for size, low in ((0.4, False), (0.41, True)):
        table = measure(Segmentation.from_labels(slide_of(cells, pixel_size_um=size), nuclei, cells))
        assert table.uns["her2plastic"]["slide"]["low_resolution"] is low
        flagged = set(table.var_names[table.var["low_resolution"]])
        assert flagged == ({name for name in table.var_names if "_rim_" in name} if low else set())


def test_fields_lie_where_the_slide_says() -> None:
    first, second = np.zeros((40, 50), dtype=np.int32), np.zeros((60, 30), dtype=np.int32)
    first[10:20, 30:40] = 1
    second[:, :] = 0
    second[5:10, 5:15], second[40:50, 10:20] = 1, 2
    slide = slide_of(first)
    other = slide_of(second)
    slide = Slide(
        "s1", (Field("a", slide.fields[0].image), Field("b", other.fields[0].image, (100.0, 200.0))), CHANNELS, PIXEL,
        12, 4095.0, damaged=("rows 0 to 5 of a",),
    )  # fmt: skip
    table = measure(Segmentation.from_labels(slide, cells=[first, second]))
    assert list(table.obs_names) == list(table.obs["cell_id"]) == ["s1:a:1", "s1:b:1", "s1:b:2"]
    np.testing.assert_allclose(table.obsm["spatial"], [[17.5, 7.5], [205.0, 103.75], [207.5, 122.5]])
    assert list(table.obs["field"]) == ["a", "b", "b"]
    assert list(table.obs["instance_id"]) == [1, 1, 2]
    assert list(table.uns["spatialdata_attrs"]["region"]) == list(table.obs["region"].cat.categories)
    assert list(table.uns["her2plastic"]["slide"]["damaged"]) == ["rows 0 to 5 of a"]


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_survives_a_round_trip(measured: AnnData, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"cells.{ending}"
    if ending == "h5ad":
        write_h5ad(measured, path)
        again = anndata.read_h5ad(path)
    else:
        measured.write_zarr(path)
        again = anndata.read_zarr(path)
    same(again, measured)
    slide, kept = again.uns["her2plastic"]["slide"], measured.uns["her2plastic"]["slide"]
    assert set(slide) == set(kept)
    assert list(slide["channels"]) == list(CHANNELS)
    assert list(slide["damaged"]) == []
    assert again.uns["spatialdata_attrs"] == measured.uns["spatialdata_attrs"]


def test_spatialdata_takes_the_table(segmentation: Segmentation, measured: AnnData) -> None:
    spatialdata = pytest.importorskip("spatialdata", reason="spatialdata needs Python 3.12")
    labels = spatialdata.models.Labels2DModel.parse(np.asarray(segmentation.cells[0]), dims=("y", "x"))
    spatialdata.models.TableModel().validate(measured)
    whole = spatialdata.SpatialData(labels={"cells": labels}, tables={"table": measured.copy()})
    matched = spatialdata.match_table_to_element(sdata=whole, element_name="cells", table_name="table")
    assert sorted(matched.obs["cell_id"]) == sorted(measured.obs["cell_id"])


def test_simulated_cells_are_measured_as_bright_as_they_are() -> None:
    simulated = simulate_slide(shape=(600, 600), pixel_size_um=0.32, n_leukocytes=20, n_ctcs=16, seed=5)
    labels = np.asarray(simulated.cells)
    segmentation = Segmentation.from_labels(simulated.slide, np.asarray(simulated.nuclei), labels)
    table = measure(segmentation)
    features = table.to_df()
    x, y = (np.floor(table.obsm["spatial"] / 0.32).astype(int)).T
    truth = simulated.truth.set_index("number").loc[labels[y, x]]
    plain = (truth["kind"] == "CTC").to_numpy() & ~truth["saturated"].to_numpy(dtype=bool)
    assert plain.sum() >= 10
    np.testing.assert_allclose(
        features["HER2_cell_mean"].to_numpy()[plain], truth["her2_intensity"].to_numpy()[plain], rtol=0.05
    )
    bright = plain & truth["her2_class"].isin(["2+", "3+"]).to_numpy()
    membrane, filled = (features[f"{channel}_rim_to_centre"].to_numpy() for channel in ("HER2", "CK"))
    assert membrane[bright].min() > 1.2
    assert np.median(filled[plain]) < 0.9
    assert (membrane > filled)[bright].all()
    assert features["HER2_rim_completeness"].to_numpy()[bright].min() == 1.0
    np.testing.assert_allclose(features["cell_diameter_um"].to_numpy()[plain], truth["diameter_um"][plain], rtol=0.1)
