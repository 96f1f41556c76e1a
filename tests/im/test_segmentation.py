"""Segmentations of small slides whose objects are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from her2plastic import im
from her2plastic._errors import ParameterError
from her2plastic.im.segmentation import Segmentation
from her2plastic.io.slide import Slide

CHANNELS = ("DAPI", "CK", "CD45", "HER2")


def discs(shape: tuple[int, int], places: list[tuple[float, float]], radius: float) -> np.ndarray:
    y, x = np.indices(shape)
    image = np.zeros(shape, bool)
    for cy, cx in places:
        image |= (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
    return image


def small_slide(places: list[tuple[float, float]], shape: tuple[int, int] = (160, 200)) -> Slide:
    rng = np.random.default_rng(0)
    image = rng.normal(100, 5, (4, *shape))
    image[0] += 1500 * discs(shape, places, 8)
    image[1] += 1000 * discs(shape, places, 12)
    return Slide.from_array(image.astype(np.uint16), channels=CHANNELS, pixel_size_um=0.5)


def test_every_nucleus_is_found_once() -> None:
    found = im.segment(small_slide([(40, 40), (100, 60), (80, 150)]))
    assert found.objects["kind"].tolist() == ["cell"] * 3
    assert found.objects["label"].tolist() == [1, 2, 3]
    assert not found.objects["touches_edge"].any()
    assert found.nuclei[0].dtype == np.int32
    assert ((found.nuclei[0] == found.cells[0]) | (found.nuclei[0] == 0)).all()


def test_label_images_of_another_program() -> None:
    slide = small_slide([])
    nuclei, cells = np.zeros((160, 200), int), np.zeros((160, 200), int)
    cells[10:40, 10:40], nuclei[20:30, 20:30] = 70, 5  # a cell; its nucleus is numbered otherwise
    cells[10:40, 40:60] = 9  # no nucleus: debris, side by side with the cell
    nuclei[100:110, 100:110] = 6  # no cell around it
    cells[150:160, 0:5], nuclei[152:156, 1:4] = 12, 8  # at the corner
    cells[140:150, 0:5], nuclei[142:146, 1:4] = 13, 9  # touches the one before
    objects = Segmentation.from_labels(slide, nuclei, cells).objects
    assert objects["kind"].tolist() == ["cell", "debris", "bare nucleus", "cell", "cell"]
    assert objects["label"].tolist() == [1, 2, 3, 4, 5]
    assert objects["cluster"].tolist() == [0, 0, 0, 1, 1]
    assert objects["touches_edge"].tolist() == [False, False, False, True, True]
    box = objects[["y0", "x0", "y1", "x1", "n_pixels"]].to_numpy()[0]
    np.testing.assert_array_equal(box, [10, 10, 40, 40, 900])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((10, 10), int), "shape"),
        (np.full((160, 200), 0.5), "whole numbers"),
        (np.full((160, 200), -1), "negative"),
        (np.full((160, 200), "a"), "whole numbers"),
        (None, "nuclei, of cells, or both"),
    ],
)
def test_label_images_that_cannot_be(labels: np.ndarray, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Segmentation.from_labels(small_slide([]), labels)


small_labels = arrays(np.int64, (12, 15), elements=st.sampled_from([0, 0, 0, 1, 2, 7, 10**12]))


@given(nuclei=small_labels, cells=small_labels)
def test_any_label_images_become_paired_and_ordered(nuclei: np.ndarray, cells: np.ndarray) -> None:
    slide = Slide.from_array(np.zeros((4, 12, 15), np.uint16), channels=CHANNELS, pixel_size_um=0.5)
    found = Segmentation.from_labels(slide, nuclei, cells)
    inside, whole = found.nuclei[0], found.cells[0]
    assert ((inside == whole) | (inside == 0)).all()
    assert (whole[cells > 0] > 0).all()  # no cell is lost
    numbers, first = np.unique(whole[whole > 0], return_index=True)
    np.testing.assert_array_equal(numbers, found.objects["label"])
    assert (np.diff(first) > 0).all()
    assert found.objects["n_pixels"].sum() == (whole > 0).sum()
