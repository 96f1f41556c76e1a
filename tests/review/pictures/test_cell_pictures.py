"""Pictures hold the numbers of the file, say what is whose, and are read ahead in bounded memory."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from her2plastic import _keys
from her2plastic._errors import ReviewError
from her2plastic.review.pictures import CellPictures, open_review_data
from her2plastic.review.pictures.cell_picture import CellPicture
from her2plastic.review.pictures.display_ranges import range_between
from her2plastic.review.pictures.reading_ahead import PictureReader


@pytest.fixture
def pictures(small: Any) -> CellPictures:
    return open_review_data(small.folder).pictures


def _wait(condition: Any, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(condition())


def _group(path: Path) -> Any:
    return zarr.open_group(path, mode="a")


# --- what a picture holds -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "slide", "field"), [("S1:6", "S1", 0), ("S2:left:7", "S2", 0), ("S2:right:7", "S2", 1)]
)
def test_numbers_and_masks_are_those_of_the_file(
    small: Any, pictures: CellPictures, name: str, slide: str, field: int
) -> None:
    segmentation = small.slides[slide]
    number = int(name.rpartition(":")[2])
    picture, place = pictures.crop(name, size_um=24.0), pictures.place(name)
    size = segmentation.slide.pixel_size_um
    side = int(np.ceil(24.0 / size))
    own = np.asarray(segmentation.cells[field]) == number
    middle = [float(values.mean()) for values in np.nonzero(own)]
    assert abs(place.y_px - middle[0]) < 1 and abs(place.x_px - middle[1]) < 1
    origin = segmentation.slide.fields[field].origin_um
    assert place.y_um == pytest.approx(place.y_px * size + origin[0])
    assert place.x_um == pytest.approx(place.x_px * size + origin[1])
    top, left = int(place.y_px) - side // 2, int(place.x_px) - side // 2
    window = slice(top, top + side), slice(left, left + side)
    np.testing.assert_array_equal(picture.pixels, segmentation.slide.read(field, *window))
    np.testing.assert_array_equal(picture.cell, own[window])
    np.testing.assert_array_equal(picture.nucleus, np.asarray(segmentation.nuclei[field])[window] == number)
    assert picture.pixels.dtype == np.uint16 and picture.inside.all() and picture.pixel_size_um == size


def test_a_cell_at_the_edge_is_not_moved(small: Any, pictures: CellPictures) -> None:
    picture = pictures.crop("S1:1", size_um=64.0)
    assert picture.side == 100 and not picture.inside.all()
    y, x = (values.mean() for values in np.nonzero(picture.cell))
    assert abs(y - 50) <= 1 and abs(x - 50) <= 1, "the cell stays in the middle"
    assert (picture.pixels[:, ~picture.inside] == 0).all() and picture.pixels[:, picture.inside].all()
    larger_than_the_field = pictures.crop("S1:1", size_um=400.0)
    assert larger_than_the_field.inside.sum() == 180 * 240


def test_a_square_may_be_smaller_than_the_hole_of_a_cell(small: Any) -> None:
    labels = _group(small.folder / "slides" / "S1.zarr" / "labels" / "cells")["s0"]
    pictures = open_review_data(small.folder).pictures
    place, ring = pictures.place("S1:6"), np.asarray(labels[:])
    y, x = np.mgrid[:180, :240]
    ring[np.hypot(y - place.y_px, x - place.x_px) < 5] = 0
    labels[:] = ring
    pictures = open_review_data(shutil.copytree(small.folder, small.folder.with_name("ring"))).pictures
    assert not pictures.crop("S1:6", size_um=3.0).cell.any()
    assert pictures.crop("S1:6").cell.any() and not pictures.missing


def test_digest_is_of_what_is_seen(small: Any, pictures: CellPictures) -> None:
    again = open_review_data(small.folder).pictures
    assert pictures.crop("S1:6").digest == again.crop("S1:6").digest
    digests = {pictures.crop(name).digest for name in pictures.cell_ids} | {pictures.crop("S1:6", size_um=20).digest}
    assert len(digests) == 37
    other = shutil.copytree(small.folder, small.folder.with_name("other"))
    level = _group(other / "slides" / "S1.zarr" / "images" / "image")["s0"]
    place = pictures.place("S1:6")
    level[3, int(place.y_px), int(place.x_px)] += 1
    changed = open_review_data(other).pictures
    assert changed.crop("S1:6").digest != pictures.crop("S1:6").digest
    assert changed.crop("S1:1").digest == pictures.crop("S1:1").digest


def test_unknown_cells_and_sizes_are_refused(pictures: CellPictures) -> None:
    with pytest.raises(ReviewError, match="'S9:1' is not among the 36 cells"):
        pictures.crop("S9:1")
    for size in (0.0, -3.0, float("nan"), 1e9):
        with pytest.raises(ReviewError, match="size_um"):
            pictures.crop("S1:1", size_um=size)
    with pytest.raises(ReviewError, match="no image of slide 'S9'; there are S1, S2"):
        pictures.slide_levels("S9")
    with pytest.raises(ReviewError, match="no field 'up'; it has 'left', 'right'"):
        pictures.slide_levels("S2", field="up")


def test_levels_are_those_of_the_pyramid(small: Any) -> None:
    group = _group(small.folder / "slides" / "S1.zarr")
    image = group["images/image"]
    whole = np.asarray(image["s0"][:])
    smaller = image.create_array("s1", data=whole[:, ::2, ::2], chunks=(1, 64, 64), dimension_names=("c", "y", "x"))
    said: Any = dict(image.attrs)
    said["ome"]["multiscales"][0]["datasets"].append(
        {"path": "s1", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 2.0, 2.0]}]}
    )
    image.attrs.update(said)
    pictures = open_review_data(small.folder).pictures
    levels = pictures.slide_levels("S1")
    assert [level.shape for level in levels] == [(4, 180, 240), smaller.shape]
    np.testing.assert_array_equal(levels[0].compute(), whole)
    np.testing.assert_array_equal(levels[1].compute(), whole[:, ::2, ::2])
    for kind, expected in (("cells", small.slides["S1"].cells[0]), ("nuclei", small.slides["S1"].nuclei[0])):
        (found,) = pictures.label_levels("S1", kind=kind)
        np.testing.assert_array_equal(found.compute(), expected)


# --- contrast -------------------------------------------------------------------------------------------------------
def test_one_contrast_for_all_cells(small: Any, pictures: CellPictures) -> None:
    ranges = pictures.display_ranges()
    assert list(ranges) == ["DAPI", "CK", "CD45", "HER2"]
    for low, high in ranges.values():
        assert 100 <= low <= 115 and low < high <= 4095, "black lies at the top of the background"
    assert 1900 < ranges["HER2"][1] < 2200, "3+ cells, of 2,000 above the background, set full light"
    assert 450 < ranges["CD45"][1] - ranges["CD45"][0] < 600, "leukocytes set that of CD45"
    assert open_review_data(small.folder).pictures.display_ranges() == ranges


def test_contrast_without_measures_is_sampled(small: Any, rewritten: Any) -> None:
    measured = open_review_data(small.folder).pictures.display_ranges()
    bare = small.adata[:, :0].copy()
    ranges = open_review_data(rewritten(bare)).pictures.display_ranges()
    assert list(ranges) == list(measured)
    for name, (low, high) in ranges.items():
        assert abs(low - measured[name][0]) < 15 and 0.7 < high / measured[name][1] < 1.4, name


def test_an_empty_channel_stays_dark_and_light_ends_at_saturation() -> None:
    assert range_between(100.0, 101.0, saturation=4095.0) == (100.0, 150.0)
    assert range_between(100.0, 9000.0, saturation=4095.0) == (100.0, 4095.0)
    assert range_between(0.0, 0.0, saturation=float("inf")) == (0.0, 1.0)
    assert range_between(0.1, 0.7, saturation=float("inf"))[1] > 0.7, "fractions are not rounded"


# --- damage ---------------------------------------------------------------------------------------------------------
def _chunk(small: Any, *place: int, image: str = "images/image") -> Path:
    return small.folder.joinpath("slides", "S1.zarr", image, "s0", "c", *map(str, place))


def test_what_cannot_be_read_is_not_inside(small: Any) -> None:
    path = small.folder / "slides" / "S1.zarr" / "images" / "image"
    group = _group(path)
    whole = np.asarray(group["s0"][:])
    group.create_array("s0", data=whole, chunks=(1, 60, 60), dimension_names=("c", "y", "x"), overwrite=True)
    chunk = path / "s0" / "c" / "0" / "1" / "1"
    chunk.write_bytes(chunk.read_bytes()[:20])
    pictures = open_review_data(small.folder).pictures
    middles = {name: pictures.place(name) for name in pictures.cell_ids[:12]}
    name = next(name for name, at in middles.items() if 64 < at.y_px < 116 and 64 < at.x_px < 116)
    partly, place = pictures.crop(name, size_um=76.0), middles[name]
    readable = np.zeros((180 + 400, 240 + 400), dtype=bool)
    readable[200:380, 200:440] = True
    readable[260:320, 260:320] = False
    top, left = (200 + int(middle) - partly.side // 2 for middle in (place.y_px, place.x_px))
    np.testing.assert_array_equal(partly.inside, readable[top : top + partly.side, left : left + partly.side])
    assert 0 < (~partly.inside).sum() < partly.side**2
    assert (partly.pixels[:, ~partly.inside] == 0).all()
    with pytest.raises(ReviewError, match=f"{name}.*slide 'S1' cannot be read"):
        pictures.crop(name, size_um=4.0)
    assert "cannot be read" in pictures.missing[name]
    with pytest.raises(ReviewError, match="cannot be read"):
        pictures.crop(name, size_um=76.0)


def test_pixels_that_are_no_number_are_not_inside(small: Any) -> None:
    image = _group(small.folder / "slides" / "S1.zarr" / "images" / "image")
    whole = np.asarray(image["s0"][:], dtype=np.float32)
    place = open_review_data(small.folder).pictures.place("S1:6")
    whole[2, int(place.y_px), int(place.x_px)] = np.nan
    image.create_array("s0", data=whole, chunks=(1, 60, 60), dimension_names=("c", "y", "x"), overwrite=True)
    picture = open_review_data(small.folder).pictures.crop("S1:6")
    middle = picture.side // 2
    assert not picture.inside[middle, middle] and (~picture.inside).sum() == 1
    assert np.isfinite(picture.pixels).all() and (picture.pixels[:, middle, middle] == 0).all()


def test_pieces_that_are_gone_are_not_a_black_picture(small: Any) -> None:
    for channel in range(4):
        _chunk(small, channel, 0, 0).unlink()
    with pytest.raises(ReviewError, match="zero in every channel: pieces of it are lost"):
        open_review_data(small.folder).pictures.crop("S1:6")


def test_a_channel_that_is_gone_is_not_a_missing_stain(small: Any) -> None:
    _chunk(small, 1, 0, 0).unlink()
    with pytest.raises(ReviewError, match="channel CK is zero all over.*light was measured there.*lost"):
        open_review_data(small.folder).pictures.crop("S1:6")


def test_a_damaged_outline_leaves_the_picture(small: Any) -> None:
    chunk = _chunk(small, 0, 0, image="labels/cells")
    chunk.write_bytes(chunk.read_bytes()[:10])
    picture = open_review_data(small.folder).pictures.crop("S1:6")
    assert picture.inside.all() and not picture.cell.any()
    shutil.rmtree(small.folder / "slides" / "S1.zarr" / "labels")
    assert not open_review_data(small.folder).pictures.crop("S1:6").cell.any()


def test_an_image_that_goes_from_a_store_that_stays(small: Any, pictures: CellPictures) -> None:
    shutil.rmtree(small.folder / "slides" / "S1.zarr" / "images" / "image")
    with pytest.raises(ReviewError, match="0 of its 1 images are there"):
        pictures.crop("S1:6")
    pictures.prefetch(["S1:7", "S2:left:7"])
    assert _wait(lambda: pictures.holds("S2:left:7")), "the thread that reads ahead goes on after a fault"


def test_fields_whose_image_stays_are_not_taken_for_the_one_that_goes(small: Any, pictures: CellPictures) -> None:
    (left,) = (small.folder / "slides" / "S2.zarr" / "images").glob("*left*")
    shutil.rmtree(left)
    for name in ("S2:left:7", "S2:right:7"):
        with pytest.raises(ReviewError, match="1 of its 2 images are there"):
            pictures.crop(name)


# --- reading ahead --------------------------------------------------------------------------------------------------
def test_pictures_are_read_ahead(pictures: CellPictures) -> None:
    names = pictures.cell_ids[:8]
    pictures.prefetch(names)
    assert _wait(lambda: all(pictures.holds(name) for name in names))
    assert not pictures.holds(names[0], size_um=64.0)
    first = pictures.crop(names[0])
    assert pictures.crop(names[0]) is first
    pictures.close()
    assert not pictures.holds(names[0])
    assert pictures.crop(names[0]).digest == first.digest, "a closed one reads, and holds nothing"


def test_reading_ahead_passes_over_cells_without_a_picture(small: Any, rewritten: Any) -> None:
    small.adata.obsm[_keys.SPATIAL][0] = 9e5, 9e5
    pictures = open_review_data(rewritten(small.adata)).pictures
    pictures.prefetch(["S1:1", "S1:2"])
    assert _wait(lambda: pictures.holds("S1:2"))
    assert not pictures.holds("S1:1")


class _Source:
    """Pictures of 1,000 bytes, each of which waits until it is let through."""

    def __init__(self, *, gated: bool = False) -> None:
        self.asked: list[str] = []
        self.read: list[str] = []
        self.gate = threading.Semaphore(0 if gated else 10_000)

    def __call__(self, cell_id: str, size_um: float) -> CellPicture:
        self.asked.append(cell_id)
        assert self.gate.acquire(timeout=10)
        self.read.append(cell_id)
        if cell_id == "bad":
            raise ReviewError("no picture")
        none = np.zeros((0, 0), dtype=bool)
        return CellPicture(cell_id, np.zeros((1, 25, 40), np.uint8), none, none, none, ("DAPI",), 1.0)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the threads that wait for a change: what they had to do before is done."""
    names: set[str] = set()
    wait = threading.Condition.wait

    def told(condition: threading.Condition, timeout: float | None = None) -> bool:
        name = threading.current_thread().name
        names.add(name)
        try:
            return wait(condition, timeout)
        finally:
            names.discard(name)

    monkeypatch.setattr(threading.Condition, "wait", told)
    return names


def test_memory_is_bounded(waiting: set[str]) -> None:
    source = _Source()
    reader = PictureReader(source, most_bytes=10_000)
    for number in range(50):
        reader.get(str(number), 1.0)
        assert reader.nbytes <= 10_000
    assert reader.holds("49", 1.0) and not reader.holds("0", 1.0)
    reader.want([(str(number), 1.0) for number in range(100, 200)])
    assert _wait(lambda: "her2plastic-pictures" in waiting)
    assert reader.nbytes == 10_000
    assert 55 <= len(source.read) < 60, "it does not read on what would push out what it read first"
    assert reader.holds("100", 1.0)
    reader.close()


def test_what_is_no_longer_wanted_is_given_up() -> None:
    source = _Source(gated=True)
    reader = PictureReader(source, most_bytes=10**6)
    reader.want([(str(number), 1.0) for number in range(20)])
    source.gate.release()
    assert _wait(lambda: len(source.read) == 1)
    reader.want([("late", 1.0), ("bad", 1.0), ("last", 1.0)])
    for _ in range(5):
        source.gate.release()
    assert _wait(lambda: reader.holds("last", 1.0))
    assert source.read[0] == "0" and source.read[-3:] == ["late", "bad", "last"] and len(source.read) <= 5
    reader.close()


def test_a_picture_under_way_is_not_read_twice(waiting: set[str]) -> None:
    source = _Source(gated=True)
    reader = PictureReader(source, most_bytes=10**6)
    reader.want([("a", 1.0)])
    assert _wait(lambda: source.asked == ["a"])
    found: list[CellPicture] = []
    asking = threading.Thread(target=lambda: found.append(reader.get("a", 1.0)), name="asking")
    asking.start()
    assert _wait(lambda: "asking" in waiting)
    source.gate.release()
    asking.join(timeout=10)
    assert found and source.asked == source.read == ["a"]
    reader.close()


def test_closing_does_not_wait_for_all_that_is_wanted() -> None:
    source = _Source(gated=True)
    reader = PictureReader(source, most_bytes=10**6)
    reader.want([(str(number), 1.0) for number in range(1000)])
    source.gate.release(3)
    reader_thread = threading.Thread(target=reader.close)
    reader_thread.start()
    source.gate.release(3)
    reader_thread.join(timeout=10)
    assert not reader_thread.is_alive() and len(source.read) <= 6 and reader.nbytes == 0
