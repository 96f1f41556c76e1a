"""What is painted has one contrast, and shows outlines, edges and channels where they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from her2plastic._errors import ParameterError
from her2plastic.review.pictures import CellPicture, paint
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


def _panel(mosaic: Any, name: str) -> np.ndarray:
    (panel,) = [one for one in mosaic.panels if one.name == name]
    return mosaic.rgb[panel.y : panel.y + panel.side, panel.x : panel.x + panel.side]


def test_panels_lie_in_a_row_or_in_rows(picture: CellPicture) -> None:
    mosaic = paint(picture, RANGES, panel=100, gap=5)
    assert [one.name for one in mosaic.panels] == ["composite", "DAPI", "HER2"]
    assert mosaic.rgb.shape == (100, 310, 3) and mosaic.rgb.dtype == np.uint8
    assert mosaic.um_per_pixel == pytest.approx(0.1)
    assert paint(picture, RANGES, panel=100, gap=5, columns=2).rgb.shape == (205, 205, 3)
    assert paint(picture, RANGES, panel=100, gap=5, columns=9).rgb.shape == (100, 310, 3)


def test_light_is_absolute(picture: CellPicture) -> None:
    her2 = _panel(paint(picture, RANGES, outline=False), "HER2")
    assert her2.min() == 0 and her2.max() == 255
    dim = replace(picture, pixels=picture.pixels // 2 + 50)
    assert _panel(paint(dim, RANGES, outline=False), "HER2").max() < 200, "a dim cell is dim"
    bright = replace(picture, pixels=np.where(picture.pixels > 100, 60_000, 100).astype(np.uint16))
    assert _panel(paint(bright, RANGES, outline=False), "HER2").max() == 255


def test_pixels_are_repeated_not_smoothed(picture: CellPicture) -> None:
    noisy = replace(picture, pixels=np.random.default_rng(1).integers(0, 3000, (2, 20, 20)).astype(np.uint16))
    for panel in (20, 60, 47, 13):
        shown = _panel(paint(noisy, RANGES, panel=panel, outline=False), "HER2")[..., 0]
        whole = _panel(paint(noisy, RANGES, panel=20, outline=False), "HER2")[..., 0]
        assert set(np.unique(shown)) <= set(np.unique(whole))
        from_pixel = ((np.arange(panel) + 0.5) * 20 / panel).astype(int)
        np.testing.assert_array_equal(shown, whole[np.ix_(from_pixel, from_pixel)])


def test_outline_can_be_left_out_and_hides_only_its_line(picture: CellPicture) -> None:
    with_line, without = (paint(picture, RANGES, panel=200, outline=which).rgb for which in (True, False))
    changed = (with_line != without).any(axis=2)
    assert changed.any() and changed.mean() < 0.03
    shown = _panel(paint(picture, RANGES, panel=200), "DAPI")
    assert (shown[50, 50:150] == 255).all() and (shown[51, 52:148] == 0).all(), "one pixel of the screen wide"
    no_mask = replace(picture, cell=np.zeros((20, 20), bool), nucleus=np.zeros((20, 20), bool))
    np.testing.assert_array_equal(paint(no_mask, RANGES, panel=200).rgb, without)


def test_a_cell_that_the_picture_cuts_has_no_line_at_the_cut(picture: CellPicture) -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[:8] = True
    shown = _panel(paint(replace(picture, cell=mask, nucleus=~mask & mask), RANGES, panel=20), "DAPI")[..., 0]
    assert (shown[7] == 255).all() and (shown[0] != 255).all()


def test_what_is_not_inside_and_channels_that_lack_are_grey(picture: CellPicture) -> None:
    inside = np.ones((20, 20), dtype=bool)
    inside[:, :3] = False
    mosaic = paint(replace(picture, inside=inside), RANGES | {"CK": (0.0, 9.0)}, panel=20, outline=False)
    for name in ("composite", "DAPI", "HER2"):
        assert (_panel(mosaic, name)[:, :3] == GREY).all() and not (_panel(mosaic, name) == GREY).all()
    assert (_panel(mosaic, "CK") == GREY).all()
    assert [one.name for one in paint(picture, RANGES, channels=["HER2"]).panels] == ["composite", "HER2"]


def test_composite_has_the_light_of_the_channels(picture: CellPicture) -> None:
    shown = _panel(paint(picture, RANGES, panel=20, outline=False), "composite").astype(int)
    her2, nucleus = shown[6, 6], shown[10, 10]
    assert her2[0] > 200 and her2[2] < 80, "HER2 is yellow"
    assert nucleus[2] > her2[2], "and DAPI adds blue"
    only = _panel(paint(picture, RANGES, channels=["DAPI"], panel=20, outline=False), "composite")
    assert not only[6, 6].any(), "channels that are switched off give no light"


@pytest.mark.parametrize("channel", ["composite", "HER2", "CD45"])
@pytest.mark.parametrize("side", [8, 20, 33])
def test_thumbnails(picture: CellPicture, side: int, channel: str) -> None:
    small = thumbnail(picture, RANGES, side=side, channel=channel)
    assert small.shape == (side, side, 3) and small.dtype == np.uint8
    if channel == "HER2":
        assert small[side // 2, side // 2].min() > 200 and small[0, 0].max() == 0
    if channel == "CD45":
        assert (small == GREY).all()


def test_pictures_without_any_channel_of_the_session(picture: CellPicture) -> None:
    mosaic = paint(picture, {"CK": (0.0, 1.0)}, panel=20, outline=False)
    assert (_panel(mosaic, "CK") == GREY).all() and (_panel(mosaic, "composite") == 0).all()


def test_faulty_sizes_are_refused(picture: CellPicture) -> None:
    for wrong in ({"panel": 0}, {"panel": 2.5}, {"columns": 0}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            paint(picture, RANGES, **wrong)
