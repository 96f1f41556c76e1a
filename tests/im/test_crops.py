"""Crops hold the file's own numbers and say which pixels are whose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import pytest

from her2plastic._errors import DamagedTileError, ParameterError
from her2plastic.im import Segmentation, crops
from her2plastic.io.slide import Field, Slide


@pytest.fixture
def segmentation() -> Segmentation:
    cells = np.zeros((60, 90), dtype=np.int32)
    cells[0:8, 0:8] = 1
    cells[30:41, 40:51] = 2
    cells[30:41, 51:60] = 3
    nuclei = np.where(np.arange(90) % 2 == 0, cells, 0)
    image = np.random.default_rng(0).integers(1, 4096, (3, 60, 90)).astype(np.uint16)
    slide = Slide.from_array(image, channels=("DAPI", "CK", "HER2"), pixel_size_um=0.5, slide_id="s")
    return Segmentation.from_labels(slide, nuclei, cells)


def test_values_are_those_of_the_file(segmentation: Segmentation) -> None:
    image = segmentation.slide.read(0, slice(None), slice(None))
    found = crops(segmentation, cells=["s:3", "s:2"], size_um=10)
    assert len(found) == 2
    assert found.cell_id == ("s:3", "s:2")
    assert found.pixels.shape == (2, 3, 20, 20)
    assert found.pixels.dtype == np.uint16
    window = (slice(25, 45), slice(35, 55))
    np.testing.assert_array_equal(found.pixels[1], image[:, *window])
    np.testing.assert_array_equal(found.cell[1], segmentation.cells[0][window] == 2)
    np.testing.assert_array_equal(found.nucleus[1], segmentation.nuclei[0][window] == 2)
    assert found.inside[1].all()


def test_beyond_the_edge_there_is_nothing(segmentation: Segmentation) -> None:
    image = segmentation.slide.read(0, slice(None), slice(None))
    (corner,) = crops(segmentation, cells=["s:1"], size_um=20).to_arrays()["pixels"]
    inside = crops(segmentation, cells=["s:1"], size_um=20).inside[0]
    expected = np.zeros((40, 40), dtype=bool)
    expected[16:, 16:] = True  # the middle of the object, row 4 and column 4, lies at 20
    np.testing.assert_array_equal(inside, expected)
    np.testing.assert_array_equal(corner[:, 16:, 16:], image[:, :24, :24])
    assert (corner[:, ~inside] == 0).all()


def test_what_cannot_be_read_is_not_inside(segmentation: Segmentation) -> None:
    image = segmentation.slide.read(0, slice(None), slice(None))

    def block(values: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info and block_info[0]["array-location"][2][0] >= 45:
            raise DamagedTileError("s", "", "CK", (0, 60), (45, 90), "truncated")
        return values

    lazy = da.from_array(image, chunks=(3, 60, 45)).map_blocks(block, dtype=image.dtype, meta=image[:, :0, :0])
    found = crops(
        replace(segmentation, slide=replace(segmentation.slide, fields=(Field("", lazy),))), cells=["s:2"], size_um=10
    )
    np.testing.assert_array_equal(found.inside[0].all(axis=0), np.arange(35, 55) < 45)
    np.testing.assert_array_equal(found.pixels[0][:, :, :10], image[:, 25:45, 35:45])
    assert (found.pixels[0][:, :, 10:] == 0).all()
    assert found.pixels.dtype == np.uint16


def test_no_cells_give_no_crops(segmentation: Segmentation) -> None:
    assert crops(segmentation, cells=[]).pixels.shape == (0, 3, 64, 64)


def test_faulty_arguments(segmentation: Segmentation) -> None:
    with pytest.raises(ParameterError, match=r"cells: 1 are not of slide 's', e\.g\. 't:1'; it has s:1, s:2"):
        crops(segmentation, cells=["s:1", "t:1"])
    for size in (0.1, float("nan"), 1e6):
        with pytest.raises(ParameterError, match="size_um"):
            crops(segmentation, cells=["s:1"], size_um=size)
