"""What is painted has one contrast, and shows edges and channels where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from her2plastic.review.pictures import CellPicture, composite_of, grey_of
from her2plastic.review.pictures.painting import thumbnail

RANGES = {"DAPI": (100.0, 1100.0), "HER2": (100.0, 2100.0)}
GREY = 64


@pytest.fixture
def picture() -> CellPicture:
    pixels = np.full((2, 20, 20), 100, np.uint16)
    pixels[1, 5:15, 5:15] = 2100
    pixels[0, 8:12, 8:12] = 1100
    cell, nucleus = np.zeros((2, 20, 20), dtype=bool)
    cell[5:15, 5:15] = True
    nucleus[8:12, 8:12] = True
    return CellPicture("a", pixels, cell, nucleus, np.ones((20, 20), bool), ("DAPI", "HER2"), 0.5)


def test_light_is_absolute(picture: CellPicture) -> None:
    her2 = grey_of(picture, RANGES, "HER2")
    assert her2.shape == (20, 20) and her2.dtype == np.uint8
    assert her2.min() == 0 and her2.max() == 255
    dim = replace(picture, pixels=picture.pixels // 2 + 50)
    assert grey_of(dim, RANGES, "HER2").max() < 200, "a dim cell is dim"
    bright = replace(picture, pixels=np.where(picture.pixels > 100, 60_000, 100).astype(np.uint16))
    assert grey_of(bright, RANGES, "HER2").max() == 255
    brighter = [grey_of(replace(picture, pixels=np.full((2, 20, 20), value)), RANGES, "HER2").max() for value in
                range(0, 2500, 100)]  # fmt: skip
    assert brighter == sorted(brighter)


def test_composite_has_the_light_of_the_channels(picture: CellPicture) -> None:
    shown = composite_of(picture, RANGES).astype(int)
    her2, nucleus = shown[6, 6], shown[10, 10]
    assert not shown[0, 0].any()
    assert her2[0] > 200 and her2[2] < 80, "HER2 is yellow"
    assert nucleus[2] > her2[2], "and DAPI adds blue"
    only = composite_of(picture, {"DAPI": RANGES["DAPI"]})
    assert only[10, 10, 2] > 200 and not only[6, 6].any(), "channels without a range give no light"


def test_what_is_not_inside_and_channels_that_lack_are_one_grey(picture: CellPicture) -> None:
    inside = np.ones((20, 20), dtype=bool)
    inside[:, :3] = False
    cut = replace(picture, inside=inside)
    for light in (composite_of(cut, RANGES), grey_of(cut, RANGES, "DAPI"), grey_of(cut, RANGES, "HER2")):
        assert (light[:, :3] == GREY).all() and not (light[:, 3:] == GREY).all()
    assert (grey_of(cut, RANGES | {"CK": (0.0, 9.0)}, "CK") == GREY).all()
    assert (composite_of(picture, {"CK": (0.0, 1.0)}) == 0).all()


@pytest.mark.parametrize("channel", ["composite", "HER2", "CD45"])
@pytest.mark.parametrize("side", [8, 20, 33])
def test_thumbnails(picture: CellPicture, side: int, channel: str) -> None:
    small = thumbnail(picture, RANGES, side=side, channel=channel)
    assert small.shape == (side, side, 3) and small.dtype == np.uint8
    if channel == "HER2":
        assert small[side // 2, side // 2].min() > 200 and small[0, 0].max() == 0
    if channel == "CD45":
        assert (small == GREY).all()


def test_pixels_are_repeated_not_smoothed(picture: CellPicture) -> None:
    noisy = replace(picture, pixels=np.random.default_rng(1).integers(0, 3000, (2, 20, 20)).astype(np.uint16))
    whole = thumbnail(noisy, RANGES, side=20)
    for side in (60, 47, 13):
        from_pixel = ((np.arange(side) + 0.5) * 20 / side).astype(int)
        np.testing.assert_array_equal(thumbnail(noisy, RANGES, side=side), whole[np.ix_(from_pixel, from_pixel)])
