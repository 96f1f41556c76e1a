"""Simulated slides on disk: what other programs read there, and what our own reader makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from her2plastic import datasets, io
from her2plastic._errors import ParameterError


@pytest.fixture(scope="module")
def simulated() -> datasets.SimulatedSlide:
    return datasets.simulate_slide(shape=(1030, 1101), n_leukocytes=30, n_ctcs=4, slide_id="S1", seed=2)


@pytest.fixture(scope="module")
def pixels(simulated: datasets.SimulatedSlide) -> np.ndarray:
    return np.asarray(simulated.slide.fields[0].image)


def test_ome_tiff_has_tiles_a_pyramid_and_metadata(
    simulated: datasets.SimulatedSlide, pixels: np.ndarray, tmp_path: Path
) -> None:
    import tifffile

    path = datasets.write_slide(simulated, tmp_path / "S1.ome.tif")
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        assert [level.shape for level in series.levels] == [(4, 1030, 1101), (4, 515, 550), (4, 257, 275)]
        assert series.keyframe.is_tiled
        assert np.array_equal(series.asarray(), pixels)
        mean = pixels[:, :1030, :1100].reshape(4, 515, 2, 550, 2).mean(axis=(2, 4))
        assert np.array_equal(series.levels[1].asarray(), np.rint(mean))
        xml = file.ome_metadata or ""
    assert 'SignificantBits="12"' in xml
    assert 'PhysicalSizeX="0.64" PhysicalSizeXUnit="µm"' in xml


@pytest.mark.parametrize(("format", "version"), [("ome-zarr", "0.5"), ("ome-zarr-0.4", "0.4")])
def test_ome_zarr_is_read_by_its_own_library(
    simulated: datasets.SimulatedSlide, pixels: np.ndarray, tmp_path: Path, format: str, version: str
) -> None:
    from ome_zarr.format import format_from_version
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    path = datasets.write_slide(simulated, tmp_path / "S1.ome.zarr", format=format)
    location = parse_url(path, fmt=format_from_version(version))
    assert location is not None
    node = next(iter(Reader(location)()))
    assert [level.shape for level in node.data] == [(4, 1030, 1101), (4, 515, 550), (4, 257, 275)]
    assert np.array_equal(np.asarray(node.data[0]), pixels)
    assert node.metadata["channel_names"] == ["DAPI", "CK", "CD45", "HER2"]
    assert node.metadata["coordinateTransformations"][0] == [{"type": "scale", "scale": [1.0, 0.64, 0.64]}]


def test_lazy_slide_is_written_alike(pixels: np.ndarray, tmp_path: Path) -> None:
    import tifffile

    lazy = datasets.simulate_slide(shape=(1030, 1101), n_leukocytes=30, n_ctcs=4, slide_id="S1", seed=2, lazy=True)
    assert np.array_equal(tifffile.imread(datasets.write_slide(lazy, tmp_path / "S1.ome.tif")), pixels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["S1.ome.tif"]


def test_fields_together_are_the_slide(simulated: datasets.SimulatedSlide, pixels: np.ndarray, tmp_path: Path) -> None:
    import tifffile

    folder = datasets.write_slide(simulated, tmp_path / "fields", format="fields")
    rows = [
        np.concatenate([tifffile.imread(folder / f"r{row:02d}c{column:02d}_HER2.tif") for column in (1, 2)], axis=1)
        for row in (1, 2)
    ]
    # of 1,101 columns the last one is left over
    assert np.array_equal(np.concatenate(rows), pixels[3, :, :1100])
    slide = io.read_slide(folder, pattern="{field}_{channel}.tif", pixel_size_um=0.64, bit_depth=12)
    assert [field.name for field in slide.fields] == ["r01c01", "r01c02", "r02c01", "r02c02"]
    assert np.array_equal(np.asarray(slide.fields[3].image[slide.channel("HER2")]), pixels[3, 515:, 550:1100])


def test_gallery_has_a_picture_of_each_candidate(simulated: datasets.SimulatedSlide, tmp_path: Path) -> None:
    import tifffile

    truth = simulated.truth
    chosen = truth["kind"].isin(["CTC", "CK- HER2+"]) | ((truth["kind"] == "debris") & (truth["diameter_um"] >= 4))
    folder = datasets.write_slide(simulated, tmp_path / "gallery", format="gallery")
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == [f"S1_{number:05d}.tif" for number in truth.loc[chosen, "number"]]
    assert {tifffile.imread(path).shape for path in files} == {(4, 80, 80)}


ROLES = ("DAPI", "CK", "CD45", "HER2")


@pytest.mark.parametrize(
    ("format", "name", "said"),
    [
        ("ome-tiff", "S1.ome.tif", {}),
        ("ome-zarr", "S1.ome.zarr", {"bit_depth": 12}),
        ("ome-zarr-0.4", "S1.ome.zarr", {"bit_depth": 12}),
        ("tiff", "S1.tif", {"channels": ROLES, "pixel_size_um": 0.64, "bit_depth": 12}),
        ("channels", "S1", {"pixel_size_um": 0.64, "bit_depth": 12}),
    ],
)
def test_slide_is_read_back(
    simulated: datasets.SimulatedSlide, pixels: np.ndarray, tmp_path: Path, format: str, name: str, said: dict
) -> None:
    slide = io.read_slide(datasets.write_slide(simulated, tmp_path / name, format=format), **said)
    assert sorted(slide.channels) == sorted(ROLES)
    assert (slide.pixel_size_um, slide.bit_depth, slide.saturation) == (0.64, 12, 4095)
    assert np.array_equal(np.asarray(slide.fields[0].image)[[slide.channel(name) for name in ROLES]], pixels)


def test_gallery_is_read_back_as_fields(simulated: datasets.SimulatedSlide, pixels: np.ndarray, tmp_path: Path) -> None:
    folder = datasets.write_slide(simulated, tmp_path / "gallery", format="gallery")
    slide = io.read_slide(folder, channels=ROLES, pixel_size_um=0.64, bit_depth=12)
    assert len(slide.fields) == len(list(folder.iterdir()))
    row = simulated.truth[simulated.truth["kind"] == "CTC"].iloc[0]
    thumbnail = next(field for field in slide.fields if field.name == f"S1_{row['number']:05d}")
    centre = [int(row[name] / 0.64) for name in ("y_um", "x_um")]
    here = pixels[:, centre[0] - 3 : centre[0] + 3, centre[1] - 3 : centre[1] + 3]
    found = np.lib.stride_tricks.sliding_window_view(np.asarray(thumbnail.image), here.shape)[0]
    assert (found == here).all(axis=(2, 3, 4)).sum() == 1


def test_truth_is_written_where_asked(simulated: datasets.SimulatedSlide, tmp_path: Path) -> None:
    import pandas as pd

    datasets.write_slide(simulated, tmp_path / "S1.tif", format="tiff", truth=tmp_path / "truth" / "S1.csv")
    table = pd.read_csv(tmp_path / "truth" / "S1.csv", keep_default_na=False)
    assert list(table["kind"]) == list(simulated.truth["kind"])
    assert np.allclose(table["her2_intensity"], simulated.truth["her2_intensity"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["S1.tif", "truth"]


def test_nothing_is_overwritten(simulated: datasets.SimulatedSlide, tmp_path: Path) -> None:
    path = datasets.write_slide(simulated, tmp_path / "S1.tif", format="tiff")
    before = path.read_bytes()
    with pytest.raises(ParameterError, match=r"S1\.tif.*is there already"):
        datasets.write_slide(simulated, path)
    assert path.read_bytes() == before
    with pytest.raises(ParameterError, match="format='bmp' is not known"):
        datasets.write_slide(simulated, tmp_path / "x", format="bmp")
