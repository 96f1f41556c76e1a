"""What is seen: the cell, its neighbours, its slide, outlines; always in the same ranges; and keys of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from her2plastic.review.window.dock import ReviewDock

Begin = Callable[..., "ReviewDock"]
Press = Callable[..., None]


def _pixels(widget: Any) -> np.ndarray:
    from qtpy.QtGui import QImage

    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    flat = np.frombuffer(bytes(image.constBits()), dtype=np.uint8)
    return flat.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()].reshape(image.height(), -1, 3)


def test_the_cell_is_painted_in_the_middle_of_the_composite(begin: Begin) -> None:
    from her2plastic.review.window.stage_layout import lay_out

    stage = begin(target=5).stage
    place = lay_out(stage.width(), stage.height(), 4).composite
    seen = _pixels(stage)
    middle = slice(int(place.y + place.side * 0.45), int(place.y + place.side * 0.55))
    across = slice(int(place.x + place.side * 0.45), int(place.x + place.side * 0.55))
    assert seen[middle, across].mean() > 25
    assert place.side > 400


def test_outlines_come_and_go_by_a_key(begin: Begin, press: Press) -> None:
    dock = begin(target=5)
    with_lines = _pixels(dock.stage)
    press("o")
    without = _pixels(dock.stage)
    assert not np.array_equal(with_lines, without)
    press("o")
    assert np.array_equal(_pixels(dock.stage), with_lines)


def test_every_cell_has_the_same_ranges(begin: Begin, press: Press) -> None:
    dock = begin(target=6)
    ranges = dict(dock.stage.shown.ranges)
    for _ in range(5):
        press("1")
        assert dict(dock.stage.shown.ranges) == ranges


def test_neighbours_are_shown_by_a_key_and_the_next_cell_with_its_own(begin: Begin, press: Press, Qt: Any) -> None:
    dock = begin(target=6)
    assert dock.stage.shown.width_um == pytest.approx(32, abs=1)
    press("c")
    assert dock.stage.shown.width_um == pytest.approx(120, abs=1)
    press("0")
    assert dock.panel.head.aside == "1 decided"
    assert dock.stage.shown.width_um == pytest.approx(120, abs=1)
    press(Qt.Key.Key_Escape)
    assert dock.stage.shown.width_um == pytest.approx(32, abs=1)


def test_the_slide_is_shown_with_the_cell_in_the_middle(begin: Begin, press: Press, viewer: Any) -> None:
    dock = begin(target=6)
    press("s")
    assert not dock.stage.isVisible()
    assert [layer.name for layer in viewer.layers] == ["DAPI", "CK", "CD45", "HER2", "this cell"]
    camera = getattr(viewer, "scene", viewer).camera
    for _ in range(2):
        place = dock.opened.data.pictures.place(dock.opened.session.current[0])
        middle = (np.array([place.y_px, place.x_px]) + 0.5) * place.pixel_size_um
        np.testing.assert_allclose(camera.center[-2:], middle)
        np.testing.assert_allclose(viewer.layers["this cell"].data[0], middle)
        press("1")  # decisions are taken here, too, and the slide follows
    assert dock.panel.head.aside == "2 decided"
    press("s")
    assert dock.stage.isVisible()
    dock.end()
    assert list(viewer.layers) == []


def test_all_is_seen_at_once_on_a_small_screen(begin: Begin, qtbot: QtBot, viewer: Any) -> None:
    dock = begin(target=6)
    dock.close_session()  # everything that there is to tell is told
    viewer.window.resize(1280, 700)
    qtbot.waitUntil(lambda: viewer.window._qt_window.height() <= 720)
    shown = dock.panel.rect()
    for widget in (*dock.panel.rows.values(), *dock.panel.caps.values(), dock.panel.end, dock.panel.note):
        corner = widget.mapTo(dock.panel, widget.rect().bottomRight())
        assert shown.contains(corner), widget
    viewer.window.resize(1500, 940)


def test_keys_are_chosen_on_the_screen_and_kept(begin: Begin, press: Press, tmp_path: Path) -> None:
    from her2plastic.review.window.settings_file import read_keys

    dock = begin(target=6)
    press("k")
    dock.keys_page.wait_for("HER2-low")
    press("0")
    assert "one key for each" in dock.message.text()
    dock.keys_page.wait_for("HER2-low")
    press("x")
    dock.keys_page.left.emit()
    assert dock.panel.rows["HER2-low"].key == "X"
    press("1")  # no more
    assert dock.panel.head.aside == "0 decided"
    press("x")
    assert dock.panel.rows["HER2-low"].count == 1
    assert read_keys()["HER2-low"] == "X"
    press("k")
    dock.keys_page._take(type(dock.keys)())
    assert read_keys().own() == {}


def test_a_press_outside_the_review_decides_nothing(begin: Begin, viewer: Any, qtbot: QtBot) -> None:
    from qtpy.QtWidgets import QLineEdit

    dock = begin(target=6)
    beside = QLineEdit()
    other = viewer.window.add_dock_widget(beside, name="beside")
    beside.setFocus()
    qtbot.keyClicks(beside, "012nuz")
    assert beside.text() == "012nuz"
    assert dock.panel.head.aside == "0 decided"
    viewer.window.remove_dock_widget(other)


def test_a_dock_that_is_closed_leaves_napari_as_it_was(begin: Begin, press: Press, viewer: Any, tmp_path: Path) -> None:
    from her2plastic import io
    from her2plastic.review.window.under_way import review_under_way

    dock = begin(target=6)
    press("01")
    viewer.window.remove_dock_widget(dock)
    assert dock.opened is None
    assert not dock.stage.isVisible()
    assert review_under_way(viewer) is None
    assert len(io.read_decisions(tmp_path / "review.journal")) == 2
    again = begin(resume=True)
    assert again.panel.head.aside == "2 decided"
