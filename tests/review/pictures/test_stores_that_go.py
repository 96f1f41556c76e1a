"""Stores on disks that go and come back: what is read meanwhile is no picture, and nothing of it is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from her2plastic._errors import DamagedTileError, ReviewError
from her2plastic.review.pictures import CellPictures, open_review_data
from her2plastic.review.pictures.slide_images import SlideImages


@pytest.fixture
def pictures(small: Any) -> CellPictures:
    return open_review_data(small.folder).pictures


@pytest.fixture
def store(small: Any) -> Path:
    return Path(small.folder / "slides" / "S1.zarr")


@contextmanager
def _gone(store: Path) -> Iterator[None]:
    store.rename(store.with_name("away"))
    yield
    _back(store)


def _back(store: Path) -> None:
    if not store.exists():
        store.with_name("away").rename(store)


@pytest.fixture
def around_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[None]]:
    """Do something before and after the next pieces are read from a store; what is returned grows with each piece."""
    read = zarr.Array.__getitem__

    def act(*, before: Callable[[], Any] = lambda: None, after: Callable[[], Any], times: int) -> list[None]:
        done: list[None] = []

        def slow(array: Any, window: Any) -> Any:
            if len(done) == times:
                return read(array, window)
            done.append(None)
            before()
            found = read(array, window)
            after()
            return found

        monkeypatch.setattr(zarr.Array, "__getitem__", slow)
        return done

    return act


def test_a_store_that_goes_and_comes_back_while_it_is_open(small: Any, pictures: CellPictures) -> None:
    store = small.folder / "slides" / "S1.zarr"
    digest = pictures.crop("S1:6").digest
    store.rename(store.with_name("away"))
    with pytest.raises(ReviewError, match="S1.zarr is no longer there"):
        pictures.crop("S1:7")
    assert pictures.crop("S1:6").digest == digest, "what was read is still held"
    store.with_name("away").rename(store)
    assert pictures.crop("S1:7").inside.all() and not pictures.missing
    shutil.copytree(store, store.with_name("new"))
    shutil.rmtree(store)
    store.with_name("new").rename(store)
    with pytest.raises(ReviewError, match="written anew since it was opened"):
        pictures.crop("S1:8")
    assert open_review_data(small.folder).pictures.crop("S1:8").inside.all()


def test_what_was_read_while_a_store_was_gone_is_not_kept(store: Path, pictures: CellPictures) -> None:
    levels = pictures.slide_levels("S1")  # as of the whole slide in the window, which asks no cell whether it is there
    with _gone(store), pytest.raises(DamagedTileError, match="no longer there"):
        levels[0][:, :180, :240].compute()
    assert pictures.crop("S1:6").pixels.any() and not pictures.missing


def test_a_reading_under_way_when_the_store_comes_back(
    small: Any, store: Path, pictures: CellPictures, around_reading: Callable[..., list[None]]
) -> None:
    level, expected = pictures.slide_levels("S1")[0], small.slides["S1"].slide.fields[0].image.compute()
    with _gone(store):
        done = around_reading(after=lambda: _back(store), times=1)
        np.testing.assert_array_equal(level.compute(scheduler="synchronous"), expected)
    assert len(done) == 1
    np.testing.assert_array_equal(level.compute(), expected)


def test_a_store_that_is_gone_only_while_a_piece_is_read(
    small: Any, store: Path, pictures: CellPictures, around_reading: Callable[..., list[None]]
) -> None:
    level, expected = pictures.slide_levels("S1")[0], small.slides["S1"].slide.fields[0].image.compute()
    away = store.with_name("away")
    done = around_reading(before=lambda: store.rename(away), after=lambda: away.rename(store), times=1)
    np.testing.assert_array_equal(level.compute(scheduler="synchronous"), expected)
    assert len(done) == 1
    np.testing.assert_array_equal(level.compute(), expected)


def test_outlines_asked_for_while_a_store_was_gone(small: Any, store: Path, pictures: CellPictures) -> None:
    with _gone(store):
        assert pictures.label_levels("S1") == ()
    np.testing.assert_array_equal(pictures.label_levels("S1")[0].compute(), small.slides["S1"].cells[0])
    assert pictures.crop("S1:6").cell.any()


def test_a_store_that_goes_while_a_cell_is_cut(pictures: CellPictures, monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter(["", "S1.zarr is no longer there"])
    monkeypatch.setattr(SlideImages, "lost", lambda images: next(told, ""))
    with pytest.raises(ReviewError, match="no longer there"):
        pictures.read("S1:6")
    assert not pictures.missing
    assert pictures.read("S1:6").inside.all()
