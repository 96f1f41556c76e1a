"""A slide with its labels, cells and crops is written whole or not at all, and opened by spatialdata as it is."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import zarr

from her2plastic import _keys, io
from her2plastic._errors import DamagedTileError, MissingKeyError, OutputFolderError, ParameterError

ROLES = ("DAPI", "CK", "CD45", "HER2")
SHAPE = (1301, 1100)


needs_spatialdata = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="spatialdata 0.7, the newest for Python 3.11, cannot be imported"
)


@dataclass(frozen=True)
class Segmented:
    slide: io.Slide
    nuclei: tuple[np.ndarray, ...]
    cells: tuple[np.ndarray, ...]
    damaged: tuple[str, ...] = ()


def slide_of(fields, *, dtype=np.uint16) -> Segmented:
    rng = np.random.default_rng(2)
    made, labels = [], []
    for place, name in enumerate(fields):
        pixels = rng.integers(0, 4096, (4, *SHAPE)).astype(dtype)
        slide = io.Slide.from_array(pixels, channels=ROLES, pixel_size_um=0.64, bit_depth=12, slide_id="S1")
        made.append(io.Field(name, slide.fields[0].image, (0.0, 1000.0 * place)))
        label = np.zeros(SHAPE, np.int32)
        for cell in range(5):
            label[10 + 50 * cell : 40 + 50 * cell, 20:50] = cell + 1
        labels.append(label)
    slide = io.Slide("S1", tuple(made), ROLES, 0.64, 12, 4095.0, "S1.ome.tif")
    return Segmented(slide, tuple(np.where(one > 2, one, 0) for one in labels), tuple(labels))


def cells_of(segmented: Segmented, *, left_out=()) -> ad.AnnData:
    rows = [(field.name, label) for field in segmented.slide.fields for label in range(1, 6)]
    rows = [row for row in rows if row[0] not in left_out]
    obs = pd.DataFrame(
        {
            _keys.SLIDE_ID: pd.Categorical(["S1"] * len(rows)),
            _keys.FIELD: pd.Categorical([field for field, _ in rows]),
            _keys.INSTANCE_ID: np.array([label for _, label in rows], dtype=np.int64),
        },
        index=pd.Index([f"S1:{field}:{label}" for field, label in rows], dtype=object),
    )
    return ad.AnnData(np.arange(3.0 * len(rows)).reshape(len(rows), 3), obs=obs)


def _array(group: zarr.Group, name: str) -> Any:
    return group[name]


@pytest.fixture(scope="module")
def one() -> Segmented:
    return slide_of([""])


# --- what is written ----------------------------------------------------------------------------------------------
def test_image_and_labels_come_back(tmp_path, one):
    adata = cells_of(one)
    before = adata.copy()
    io.write_slide_cells(adata, tmp_path / "S1.zarr", segmentation=one)
    assert list(adata.obs.columns) == list(before.obs.columns) and _keys.SPATIALDATA not in adata.uns
    slide = io.read_slide(tmp_path / "S1.zarr")
    assert (slide.channels, slide.pixel_size_um, slide.bit_depth, slide.saturation) == (ROLES, 0.64, 12, 4095.0)
    whole = slice(0, SHAPE[0]), slice(0, SHAPE[1])
    np.testing.assert_array_equal(slide.read(0, *whole), one.slide.read(0, *whole))
    root = zarr.open_group(tmp_path / "S1.zarr", mode="r")
    np.testing.assert_array_equal(_array(root, "labels/cells/s0")[:], one.cells[0])
    np.testing.assert_array_equal(_array(root, "labels/nuclei/s0")[:], one.nuclei[0])
    assert [path.name for path in tmp_path.iterdir()] == ["S1.zarr"]


def test_levels_of_the_pyramid(tmp_path, one):
    io.write_slide_cells(cells_of(one), tmp_path / "S1.zarr", segmentation=one)
    root = zarr.open_group(tmp_path / "S1.zarr", mode="r")
    assert [_array(root, f"images/image/s{level}").shape for level in range(3)] == [
        (4, 1301, 1100), (4, 650, 550), (4, 325, 275),
    ]  # fmt: skip
    pixels = one.slide.read(0, slice(0, 1300), slice(0, 1100)).astype(float)
    means = pixels.reshape(4, 650, 2, 550, 2).mean(axis=(2, 4))
    np.testing.assert_array_equal(_array(root, "images/image/s1")[:], np.rint(means).astype(np.uint16))
    np.testing.assert_array_equal(_array(root, "labels/cells/s1")[:], one.cells[0][:1300:2, ::2])


def test_crops_stand_beside(tmp_path, one):
    pixels = np.arange(2 * 4 * 8 * 8, dtype=np.uint16).reshape(2, 4, 8, 8)
    crops = {"pixels": pixels, "cells": pixels[:, 0] > 3, "cell_id": np.array(["a", "b"]), "size_um": 32.0}
    io.write_slide_cells(cells_of(one), tmp_path / "S1.zarr", segmentation=one, crops=crops)
    group = zarr.open_group(tmp_path / "S1.zarr/crops", mode="r")
    np.testing.assert_array_equal(_array(group, "pixels")[:], pixels)
    np.testing.assert_array_equal(_array(group, "cells")[:], pixels[:, 0] > 3)
    assert dict(group.attrs) == {"cell_id": ["a", "b"], "size_um": 32.0}


def test_table_alone_is_an_anndata(tmp_path, one):
    io.write_slide_cells(cells_of(one), tmp_path / "S1.zarr", segmentation=one)
    table = ad.read_zarr(tmp_path / "S1.zarr/tables/table")
    assert table.obs[_keys.REGION].tolist() == ["cells"] * 5
    np.testing.assert_array_equal(table.X, cells_of(one).X)


@needs_spatialdata
@pytest.mark.parametrize("fields", [[""], ["f 1", "f 2", "F_2"]])
def test_spatialdata_opens_it_as_it_is(tmp_path, fields):
    spatialdata = pytest.importorskip("spatialdata")
    from spatialdata.transformations import get_transformation

    segmented = slide_of(fields)
    kept = cells_of(segmented, left_out=fields[1:2])
    io.write_slide_cells(kept, tmp_path / "S1.zarr", segmentation=segmented)
    found = spatialdata.read_zarr(tmp_path / "S1.zarr")
    ends = [""] if len(fields) == 1 else ["_f_1", "_f_2", "_F_2_2"]
    assert sorted(found.images) == sorted(f"image{end}" for end in ends)
    assert sorted(found.labels) == sorted(f"{kind}{end}" for end in ends for kind in ("cells", "nuclei"))
    table = found.tables["table"]
    regions = ["cells"] if len(fields) == 1 else ["cells_f_1", "cells_F_2_2"]
    attributes = table.uns["spatialdata_attrs"]
    assert attributes["region_key"] == "region" and attributes["instance_key"] == "instance_id"
    assert list(np.atleast_1d(attributes["region"])) == regions
    assert spatialdata.get_element_annotators(found, regions[-1]) == {"table"}
    of_last = table.obs.loc[table.obs["region"] == regions[-1], "instance_id"]
    assert sorted(of_last) == sorted(set(spatialdata.get_element_instances(found[regions[-1]])) - {0})
    image = found.images[f"image{ends[-1]}"]
    assert image["scale0"].image.coords["c"].values.tolist() == list(ROLES)
    matrix = get_transformation(image).to_affine_matrix(("x", "y"), ("x", "y"))
    np.testing.assert_allclose(matrix, [[0.64, 0, 1000.0 * (len(fields) - 1)], [0, 0.64, 0], [0, 0, 1]])
    np.testing.assert_array_equal(found[regions[-1]]["scale0"].image.values, segmented.cells[-1])
    again = [(field.name, field.origin_um) for field in io.read_slide(tmp_path / "S1.zarr").fields]
    assert again == [(field.name, field.origin_um) for field in segmented.slide.fields]


@needs_spatialdata
def test_a_slide_without_cells(tmp_path, one):
    spatialdata = pytest.importorskip("spatialdata")
    io.write_slide_cells(cells_of(one)[:0].copy(), tmp_path / "S1.zarr", segmentation=one)
    assert spatialdata.read_zarr(tmp_path / "S1.zarr").tables["table"].n_obs == 0


def test_fractions_have_no_saturation(tmp_path):
    slide = io.Slide.from_array(np.random.default_rng(0).random((1, 40, 1)), channels=["DAPI"], pixel_size_um=0.3)
    label = np.zeros((40, 1), np.int32)
    segmented = Segmented(slide, (label,), (label,))
    adata = cells_of(slide_of([""]))[:0].copy()
    io.write_slide_cells(adata, tmp_path / "a.zarr", segmentation=segmented)
    again = io.read_slide(tmp_path / "a.zarr")
    assert again.saturation == np.inf
    np.testing.assert_array_equal(again.read(0, slice(0, 40), slice(0, 1)), slide.read(0, slice(0, 40), slice(0, 1)))


# --- what cannot be written ---------------------------------------------------------------------------------------
def test_what_cannot_be_read_is_zero_and_said(tmp_path, one, monkeypatch):
    whole = one.slide.read(0, slice(0, SHAPE[0]), slice(0, SHAPE[1]))
    (y0, y1), (x0, x1) = (600, 664), (1000, 1064)

    def read(slide, field, y, x):
        if y.start < y1 and y.stop > y0 and x.start < x1 and x.stop > x0:
            raise DamagedTileError("S1", "", "CK", (y0, y1), (x0, x1), "bad data")
        return whole[:, y, x]

    monkeypatch.setattr(io.Slide, "read", read)
    io.write_slide_cells(cells_of(one), tmp_path / "S1.zarr", segmentation=one)
    written = _array(zarr.open_group(tmp_path / "S1.zarr", mode="r"), "images/image/s0")[:]
    expected = whole.copy()
    expected[:, y0:y1, x0:x1] = 0
    np.testing.assert_array_equal(written, expected)
    (said,) = io.read_slide(tmp_path / "S1.zarr").damaged
    assert "channel CK: rows 600 to 664, columns 1000 to 1064" in said


def test_nothing_is_replaced_unless_said(tmp_path, one):
    target = tmp_path / "S1.zarr"
    target.mkdir()
    (target / "mine").write_text("x")
    with pytest.raises(OutputFolderError, match="is there already. Say overwrite=True"):
        io.write_slide_cells(cells_of(one), target, segmentation=one)
    assert (target / "mine").read_text() == "x"
    io.write_slide_cells(cells_of(one), target, segmentation=one, overwrite=True)
    assert not (target / "mine").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["S1.zarr"]


def test_full_disk_leaves_what_was_there(tmp_path, one):
    target = tmp_path / "S1.zarr"
    target.mkdir()
    (target / "mine").write_text("x")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # a chunk is larger: writing it fails half-way
    try:
        with pytest.raises(OutputFolderError, match="could not be written: the disk is full. Nothing of it was kept"):
            io.write_slide_cells(cells_of(one), target, segmentation=one, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["S1.zarr"]
    assert (target / "mine").read_text() == "x"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda obs: obs.assign(slide_id="S2"), ParameterError, "holds cells of S2; expected those of slide 'S1' only"),
        (lambda obs: obs.assign(field="x"), ParameterError, "cells of the fields x; slide 'S1' has no such fields"),
        (lambda obs: obs.drop(columns="instance_id"), MissingKeyError, "Measure the cells with her2plastic.im.measure"),
    ],
)
def test_cells_of_something_else(tmp_path, one, change, error, message):
    adata = cells_of(one)
    adata.obs = change(adata.obs)
    with pytest.raises(error, match=message):
        io.write_slide_cells(adata, tmp_path / "S1.zarr", segmentation=one)
    assert list(tmp_path.iterdir()) == []
