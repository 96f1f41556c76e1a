"""Thumbnails are painted in the background: what is looked at first, all in the end, in the memory they may take."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from her2plastic import _keys
from her2plastic._errors import ParameterError
from her2plastic.review.pictures import Atlas, CellPictures, open_review_data
from her2plastic.review.pictures.painting import thumbnail


@pytest.fixture
def pictures(small: Any) -> CellPictures:
    return open_review_data(small.folder).pictures


def test_every_thumbnail_is_painted_once_at_its_place(pictures: CellPictures) -> None:
    atlas = Atlas(pictures, pictures.cell_ids, side=32)
    assert atlas.side == 32 and len(atlas) == 36 and not atlas.ready.any() and atlas.tile(3) is None
    assert atlas.place(3) is None
    atlas.start()
    assert atlas.wait(timeout=20)
    assert atlas.ready.all() and atlas.painted == 36 and not atlas.missing
    ranges = pictures.display_ranges()
    for index, name in enumerate(pictures.cell_ids):
        page, y, x = atlas.place(index) or (-1, 0, 0)
        shown = atlas.pages[page][y : y + 32, x : x + 32]
        np.testing.assert_array_equal(shown[..., :3], thumbnail(pictures.crop(name, size_um=24.0), ranges, side=32))
        assert (shown[..., 3] == 255).all()
    assert all(page.flags.c_contiguous and page.dtype == np.uint8 for page in atlas.pages)
    atlas.close()


def test_many_cells_fill_pages_that_do_not_overlap(pictures: CellPictures) -> None:
    names = list(pictures.cell_ids) * 20
    atlas = Atlas(pictures, names, side=16)
    places = set(zip(atlas.page_of.tolist(), atlas.y_of.tolist(), atlas.x_of.tolist(), strict=True))
    assert len(places) == 720 and len(atlas.pages) == 3
    assert [page.shape for page in atlas.pages] == [(256, 256, 4), (256, 256, 4), (13 * 16, 256, 4)]
    assert atlas.nbytes == sum(page.nbytes for page in atlas.pages)


@pytest.mark.parametrize("n", [10, 5000, 10_000, 60_000])
def test_memory_is_bounded_by_smaller_thumbnails(pictures: CellPictures, n: int) -> None:
    atlas = Atlas(pictures, ["S1:1"] * n, side=64, most_bytes=40_000_000)
    assert atlas.nbytes <= 40_000_000
    assert atlas.side == 64 if n == 10 else 8 <= atlas.side < 64


def test_what_is_wanted_comes_first(pictures: CellPictures) -> None:
    painted: list[str] = []
    begun, gate = threading.Event(), threading.Event()
    read = pictures.read

    def slow(cell_id: str, **options: Any) -> Any:
        painted.append(cell_id)
        if len(painted) == 1:
            begun.set()
            assert gate.wait(timeout=10)
        return read(cell_id, **options)

    pictures.read = slow  # type: ignore[method-assign]
    atlas = Atlas(pictures, pictures.cell_ids, side=16)
    atlas.want(np.array([30, 31, 29]))
    atlas.start()
    assert begun.wait(timeout=10)
    atlas.want([20, 21])
    gate.set()
    assert atlas.wait(timeout=20)
    assert set(painted[:3]) == {pictures.cell_ids[place] for place in (29, 30, 31)}
    assert set(painted[3:5]) == {pictures.cell_ids[place] for place in (20, 21)}
    assert len(painted) == 36
    atlas.close()


def test_cells_without_a_picture_are_told(small: Any, rewritten: Any) -> None:
    small.adata.obsm[_keys.SPATIAL][4] = -50.0, 5.0
    pictures = open_review_data(rewritten(small.adata)).pictures
    atlas = Atlas(pictures, pictures.cell_ids, side=16)
    atlas.start()
    assert atlas.wait(timeout=20)
    assert set(atlas.missing) == {4} and "outside its image" in atlas.missing[4]
    assert not atlas.ready[4] and atlas.painted == 36 and (atlas.pages[0][:16, 64:80] == 0).all()
    atlas.close()


def test_one_channel_and_another_contrast(pictures: CellPictures) -> None:
    atlas = Atlas(pictures, pictures.cell_ids, side=16, channel="HER2", ranges={"HER2": (0.0, 1.0)})
    atlas.start()
    assert atlas.wait(timeout=20)
    tile = atlas.tile(0)
    assert tile is not None and (tile == 255).all()
    atlas.close()
    with pytest.raises(ParameterError, match="channel='PSA'"):
        Atlas(pictures, pictures.cell_ids, channel="PSA")


def test_no_cells_and_closing_early(pictures: CellPictures) -> None:
    none = Atlas(pictures, [])
    none.start()
    assert none.wait(timeout=5) and none.pages == []
    none.close()
    atlas = Atlas(pictures, list(pictures.cell_ids) * 50, side=16)
    read = pictures.read

    def closing(cell_id: str, **options: Any) -> Any:
        atlas.close()
        return read(cell_id, **options)

    pictures.read = closing  # type: ignore[method-assign]
    atlas.start()
    assert not atlas.wait(timeout=20)
    atlas.close()
    assert atlas.painted == 1, "what is under way when it is closed is the last"


def test_neighbours_are_read_together(pictures: CellPictures) -> None:
    names = list(pictures.cell_ids)[::-1]
    order = [names[place].rpartition(":")[0] for place in pictures.reading_order(names)]
    assert order == ["S1"] * 12 + ["S2:left"] * 12 + ["S2:right"] * 12
