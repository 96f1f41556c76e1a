"""The gallery beside a review: it follows what is opened, put on another cell, and let go of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from anndata import AnnData

from her2plastic import _keys
from her2plastic.review.session import ReviewSession, ReviewSettings


def shown_in(dock: Any) -> Any:
    """Return the gallery that a dock shows."""
    return dock.gallery


@pytest.fixture
def review(qtbot: Any) -> Any:
    """A review's window as the gallery knows it: what is open, its signals, and the way to a cell."""
    from qtpy.QtCore import QObject, Signal

    from her2plastic.review.window.under_way import put_under_way

    class Review(QObject):
        began, ended = Signal(), Signal()
        shown_cell = Signal(str)
        opened: Any = None
        asked: list[str]

        def go_to(self, cell_id: str) -> bool:
            self.asked = [*getattr(self, "asked", []), cell_id]
            return bool(self.opened.session.go_to(cell_id))

    made = Review()
    raised = []
    window = SimpleNamespace(raise_=lambda: raised.append(1), activateWindow=lambda: None)
    made.viewer = SimpleNamespace(window=SimpleNamespace(_qt_window=window))
    put_under_way(made.viewer, made)
    return made


@pytest.fixture
def dock_of(qtbot: Any, qapp: Any, monkeypatch: pytest.MonkeyPatch, plain_thumbnails: Callable[..., Any]) -> Any:
    from her2plastic.review import pictures
    from her2plastic.review.gallery.dock import GalleryDock

    monkeypatch.setattr(pictures, "Atlas", lambda _, cell_ids: plain_thumbnails(len(cell_ids), side=64))
    made = []

    def make(viewer: Any) -> Any:
        dock = GalleryDock(viewer)
        dock.resize(1100, 700)
        dock.show()
        qapp.processEvents()
        made.append(dock)
        return dock

    yield make
    for dock in made:
        dock.close()
        dock.deleteLater()
    qapp.processEvents()


def test_it_follows_the_review_from_beginning_to_end(
    review: Any, dock_of: Callable[..., Any], cells: AnnData, tmp_path: Path, qapp: Any
) -> None:
    dock = dock_of(review.viewer)
    assert shown_in(dock) is None
    settings = ReviewSettings(order="random", blinded=True, target=20, repeat_share=0.0)
    with ReviewSession(cells, tmp_path / "j", "AB", settings) as session:
        review.opened = SimpleNamespace(data=SimpleNamespace(adata=cells, pictures=None), session=session)
        review.began.emit()
        gallery = shown_in(dock)
        assert gallery.contents.blind
        current = gallery.contents.place_of(session.current[0])
        assert gallery.sheet._scene.reviewed == gallery.plot._reviewed == current

        other = session.queue[5][0]
        gallery.opened.emit(other)
        assert session.current[0] == other
        review.shown_cell.emit(other)
        assert gallery.sheet._scene.reviewed == gallery.contents.place_of(other)
        review.shown_cell.emit("")
        assert gallery.sheet._scene.reviewed is None

        absent = next(cell for cell in cells.obs[_keys.CELL_ID] if cell not in {name for name, _ in session.queue})
        gallery.opened.emit(absent)
        assert "not in the queue" in dock.message.text()

        review.ended.emit()
        assert shown_in(dock) is None
        assert gallery.thumbnails.closed
        review.began.emit()
        assert shown_in(dock) is not None


def test_it_opens_on_a_review_that_began_before(
    review: Any, dock_of: Callable[..., Any], cells: AnnData, tmp_path: Path
) -> None:
    settings = ReviewSettings(order="random", target=5, repeat_share=0.0)
    with ReviewSession(cells, tmp_path / "j", "AB", settings) as session:
        review.opened = SimpleNamespace(data=SimpleNamespace(adata=cells, pictures=None), session=session)
        dock = dock_of(review.viewer)
        assert shown_in(dock).sheet.order.cells.size == 5


def test_results_are_shown_without_a_review_and_faults_are_told_in_the_window(
    dock_of: Callable[..., Any], cells: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from her2plastic.review import pictures

    dock = dock_of(SimpleNamespace())
    dock.open("")
    assert not dock.message.text()
    dock.open(str(tmp_path / "moved"))
    assert "no such file or folder" in dock.message.text()
    assert dock.message.isVisible()
    assert shown_in(dock) is None
    (tmp_path / "empty").mkdir()
    dock.open(str(tmp_path / "empty"))
    assert "cells.h5ad" in dock.message.text()

    closed: list[bool] = []
    data = SimpleNamespace(adata=cells, pictures=SimpleNamespace(close=lambda: closed.append(True)))
    monkeypatch.setattr(pictures, "open_review_data", lambda _: data)
    dock.open("results")
    assert not dock.message.isVisible()
    assert shown_in(dock).sheet_bar.group.name == _keys.HER2_IF_CALL
    shown_in(dock).opened.emit(cells.obs[_keys.CELL_ID].iloc[0])
    assert "No review is open" in dock.message.text()
    dock.close()
    assert closed == [True]


def test_results_that_were_opened_before_a_review_do_not_stay_beside_it(
    review: Any, dock_of: Callable[..., Any], cells: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from her2plastic.review import pictures
    from her2plastic.review.window.under_way import put_under_way, take_off

    data = SimpleNamespace(adata=cells, pictures=SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(pictures, "open_review_data", lambda _: data)
    take_off(review.viewer, review)
    dock = dock_of(review.viewer)
    dock.open("results")
    assert not shown_in(dock).contents.blind
    settings = ReviewSettings(order="random", blinded=True, target=20, repeat_share=0.0)
    with ReviewSession(cells, tmp_path / "j", "AB", settings) as session:
        put_under_way(review.viewer, review)
        review.opened = SimpleNamespace(data=SimpleNamespace(adata=cells, pictures=None), session=session)
        review.began.emit()
        assert shown_in(dock).contents.blind
        dock.open("results")
        assert shown_in(dock).contents.blind
        assert "A review is open" in dock.message.text()
        review.ended.emit()


def test_all_is_let_go_of_however_it_ends(
    qapp: Any, cells: AnnData, plain_thumbnails: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QVBoxLayout, QWidget

    from her2plastic.review import pictures
    from her2plastic.review.gallery.dock import GalleryDock

    closed: list[str] = []
    atlas = plain_thumbnails(len(cells), side=64)
    data = SimpleNamespace(adata=cells, pictures=SimpleNamespace(close=lambda: closed.append("pictures")))
    monkeypatch.setattr(pictures, "Atlas", lambda *_: atlas)
    monkeypatch.setattr(pictures, "open_review_data", lambda _: data)
    window = QWidget()
    column = QVBoxLayout(window)
    docks = [GalleryDock(SimpleNamespace()) for _ in range(2)]
    for dock in docks:
        column.addWidget(dock)
        dock.open("results")
    docks[0].setParent(None)  # as napari takes it out of its dock
    assert closed == ["pictures"]
    assert atlas.closed
    atlas.closed = False
    window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert closed == ["pictures"] * 2
    assert atlas.closed


def test_the_gallery_shows_the_pictures_of_real_results(qtbot: Any, qapp: Any, tmp_path: Path) -> None:
    """A slide from simulation to thumbnails; the middle of each is brighter than its corner."""
    from her2plastic import im, io
    from her2plastic.review.gallery import Gallery
    from her2plastic.review.pictures import open_review_data

    rng = np.random.default_rng(0)
    image, label = 90 + rng.poisson(12, (4, 128, 128)), np.zeros((128, 128), dtype=np.int32)
    y, x = np.mgrid[:128, :128]
    for number, place in enumerate([(30, 30), (30, 90), (90, 30), (90, 90)], start=1):
        within = np.hypot(y - place[0], x - place[1]) < 9
        label[within] = number
        image[:, within] += 300
    channels = ("DAPI", "CK", "CD45", "HER2")
    slide = io.Slide.from_array(image.astype(np.uint16), channels=channels, pixel_size_um=0.64, bit_depth=12)
    slide = io.Slide("S1", slide.fields, channels, 0.64, 12, 4095.0, "S1.ome.tif")
    segmentation = im.Segmentation.from_labels(slide, [label], [label])
    cells = im.measure(segmentation)
    io.write_slide_cells(cells, tmp_path / "slides" / "S1.zarr", segmentation=segmentation)
    io.write_h5ad(cells, tmp_path / "cells.h5ad")

    data = open_review_data(tmp_path)
    gallery = Gallery(data)
    gallery.resize(900, 500)
    gallery.show()
    qtbot.waitUntil(lambda: bool(np.asarray(gallery.thumbnails.ready).all()), timeout=20_000)
    for cell in range(4):
        tile: Any = gallery.thumbnails.tile(cell)
        assert tile[28:36, 28:36, :3].mean() > tile[:6, :6, :3].mean() + 20
    gallery.close()
    data.pictures.close()
