"""The gallery driven by real mouse and key events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from anndata import AnnData

from her2plastic import _keys
from her2plastic.review.session import ReviewSession, ReviewSettings


@pytest.fixture
def gallery_of(
    qtbot: Any, qapp: Any, cells: AnnData, plain_thumbnails: Callable[..., Any]
) -> Iterator[Callable[..., Any]]:
    from her2plastic.review.gallery import Gallery

    made = []

    def make(**settings: Any) -> Any:
        settings.setdefault("thumbnails", plain_thumbnails(cells.n_obs, side=64))
        gallery = Gallery(SimpleNamespace(adata=cells, pictures=None), **settings)
        gallery.resize(1200, 700)
        gallery.show()
        qapp.processEvents()
        made.append(gallery)
        return gallery

    yield make
    for gallery in made:
        gallery.close()
        gallery.deleteLater()
    qapp.processEvents()


def middle_of(gallery: Any, cell: int) -> Any:
    """Return the middle of a cell's tile in the view."""
    from qtpy.QtCore import QPoint

    x, y = gallery.sheet.layout_now.corner(gallery.sheet.order.slots[cell : cell + 1])
    half = gallery.sheet.side // 2
    return QPoint(int(x[0]) + half, int(y[0]) + half - gallery.sheet.top())


def click(gallery: Any, cell: int, *, held: str = "No") -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    modifier = getattr(Qt.KeyboardModifier, f"{held}Modifier")
    QTest.mouseClick(gallery.sheet.viewport(), Qt.MouseButton.LeftButton, modifier, middle_of(gallery, cell))


def press(widget: Any, key: str, *, held: str = "No") -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    QTest.keyClick(widget, getattr(Qt.Key, f"Key_{key}"), getattr(Qt.KeyboardModifier, f"{held}Modifier"))


def drag(widget: Any, points: list[tuple[float, float]], *, held: str = "No") -> None:
    """Press, go along points, and let go; QTest's moves tell no button, so that the events are made here."""
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    modifier = getattr(Qt.KeyboardModifier, f"{held}Modifier")
    kinds = [QEvent.Type.MouseButtonPress, *[QEvent.Type.MouseMove] * (len(points) - 1), QEvent.Type.MouseButtonRelease]
    for kind, point in zip(kinds, [*points, points[-1]], strict=True):
        at = QPointF(*point)
        button = none if kind == QEvent.Type.MouseMove else left
        buttons = none if kind == QEvent.Type.MouseButtonRelease else left
        where = widget.mapToGlobal(at.toPoint()).toPointF()
        QApplication.sendEvent(widget, QMouseEvent(kind, at, where, button, buttons, modifier))


def move(widget: Any, at: Any) -> None:
    """Point at a place without any button."""
    from qtpy.QtCore import QEvent, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    none, where = Qt.MouseButton.NoButton, widget.mapToGlobal(at.toPoint()).toPointF()
    event = QMouseEvent(QEvent.Type.MouseMove, at, where, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, event)


def pixels_of(widget: Any) -> np.ndarray:
    """Return what is seen of a widget, (y, x, 3)."""
    from qtpy.QtGui import QImage

    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    size = image.height() * image.bytesPerLine()
    raw = np.frombuffer(bits if isinstance(bits, memoryview) else bits.asarray(size), dtype=np.uint8)
    return raw.reshape(image.height(), -1)[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def test_every_tile_shows_the_picture_of_its_cell(gallery_of: Callable[..., Any]) -> None:
    gallery = gallery_of()
    seen = pixels_of(gallery.sheet.viewport())
    cells = gallery.sheet.seen_cells()
    assert cells.size > 20
    for cell in cells[:20].tolist():
        at = middle_of(gallery, cell)
        assert seen[at.y(), at.x()].tolist() == [cell] * 3


def test_clicks_select_one_several_and_a_range(gallery_of: Callable[..., Any]) -> None:
    gallery = gallery_of()
    order = gallery.sheet.order.cells.tolist()
    click(gallery, order[2])
    assert gallery.selection.places.tolist() == [order[2]]
    click(gallery, order[5], held="Control")
    assert gallery.selection.places.tolist() == sorted([order[2], order[5]])
    click(gallery, order[8], held="Shift")
    assert gallery.selection.places.tolist() == sorted(order[5:9])
    click(gallery, order[6], held="Control")
    assert gallery.selection.places.tolist() == sorted([order[5], *order[7:9]])
    assert gallery.selection_bar.said.text() == "3 of 60 cells selected"


def test_a_heading_selects_its_group(gallery_of: Callable[..., Any]) -> None:
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    gallery = gallery_of()
    heading = gallery.sheet.layout_now.headings(0, 400)[0]
    at = QPoint(40, heading.y + 10)
    QTest.mouseClick(gallery.sheet.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    chosen = gallery.selection.chosen
    calls = gallery.contents.columns
    codes, words = calls.words(_keys.HER2_IF_CALL)
    assert np.array_equal(chosen, codes == 0)
    assert words[0] == gallery.sheet._scene.titles[0]


def test_a_drag_selects_the_tiles_that_it_goes_over(gallery_of: Callable[..., Any]) -> None:
    gallery = gallery_of()
    order = gallery.sheet.order.cells.tolist()
    first, last = middle_of(gallery, order[0]), middle_of(gallery, order[2])
    drag(gallery.sheet.viewport(), [(first.x(), first.y()), (first.x() + 30, first.y()), (last.x(), last.y() + 5)])
    assert gallery.selection.places.tolist() == sorted(order[:3])
    assert gallery.sheet.band is None


def test_keys_move_extend_select_and_open(gallery_of: Callable[..., Any], cells: AnnData) -> None:
    gallery = gallery_of()
    order = gallery.sheet.order.cells.tolist()
    opened: list[str] = []
    gallery.opened.connect(opened.append)
    press(gallery.sheet, "Right")  # the first cell that is seen
    press(gallery.sheet, "Right")
    assert gallery.selection.places.tolist() == [order[1]]
    press(gallery.sheet, "Right", held="Shift")
    press(gallery.sheet, "Right", held="Control")
    assert gallery.selection.places.tolist() == sorted(order[1:3])
    press(gallery.sheet, "Space")
    assert gallery.selection.places.tolist() == sorted(order[1:4])
    press(gallery.sheet, "Return")
    assert opened == [cells.obs[_keys.CELL_ID].iloc[order[3]]]
    press(gallery.sheet, "Escape")
    assert len(gallery.selection) == 0
    press(gallery.sheet, "A", held="Control")
    assert len(gallery.selection) == cells.n_obs
    press(gallery.sheet, "I", held="Control")
    assert len(gallery.selection) == 0
    press(gallery.sheet, "End")
    assert gallery.selection.places.tolist() == [order[-1]]
    assert order[-1] in gallery.sheet.seen_cells()


def test_tiles_are_made_larger_and_the_cell_stays_in_sight(gallery_of: Callable[..., Any]) -> None:
    gallery = gallery_of()
    cell = int(gallery.sheet.order.cells[-1])
    press(gallery.sheet, "End")
    for key, side in (("Plus", 80), ("Plus", 96), ("Minus", 80)):
        press(gallery.sheet, key)
        assert gallery.sheet.side == side
        assert cell in gallery.sheet.seen_cells()
    gallery.sheet_bar.size.setValue(0)
    assert gallery.sheet.side == 24


def test_a_lasso_selects_in_the_sheet_and_a_selection_of_the_sheet_shows_in_the_plot(
    gallery_of: Callable[..., Any],
) -> None:
    gallery = gallery_of()
    frame, scene = gallery.plot.frame, gallery.plot.scene
    x, y = scene.pixels(frame)
    half = (frame.top + frame.bottom) / 2
    around = [(frame.left + 1, frame.top + 1), (frame.right - 1, frame.top + 1), (frame.right - 1, half), (65.0, half)]
    drag(gallery.plot, around)
    expected = np.flatnonzero(y < half)
    assert 0 < expected.size < len(y)
    assert gallery.selection.places.tolist() == expected.tolist()
    assert np.isin(gallery.sheet.seen_cells(), expected).any()
    drag(gallery.plot, around, held="Control")
    assert len(gallery.selection) == 0

    before = pixels_of(gallery.plot)
    click(gallery, int(gallery.sheet.seen_cells()[0]))
    assert not np.array_equal(pixels_of(gallery.plot), before)


def test_only_the_selected_are_left_on_the_sheet_and_a_lasso_changes_which(gallery_of: Callable[..., Any]) -> None:
    gallery = gallery_of()
    gallery.selection.select([1, 4, 9])
    gallery.selection_bar.only.click()
    assert sorted(gallery.sheet.order.cells) == [1, 4, 9]
    click(gallery, 4)
    assert sorted(gallery.sheet.order.cells) == [1, 4, 9]
    frame = gallery.plot.frame
    left, top, right, bottom = frame.left, frame.top, frame.right, frame.bottom
    drag(gallery.plot, [(left, top), (right, top), (right, bottom), (left, bottom)])
    assert gallery.sheet.order.cells.size == 60
    gallery.selection_bar.only.click()
    assert gallery.sheet.order.cells.size == 60


def test_the_legend_selects_a_group(gallery_of: Callable[..., Any]) -> None:
    from qtpy.QtWidgets import QToolButton

    gallery = gallery_of()
    button = next(b for b in gallery.legend.findChildren(QToolButton) if b.text().startswith("HER2-low "))
    button.click()
    codes, words = gallery.contents.columns.words(_keys.HER2_IF_CALL)
    assert np.array_equal(gallery.selection.chosen, codes == words.index("HER2-low"))


def test_pointing_at_a_cell_rings_it_in_the_other_view(gallery_of: Callable[..., Any]) -> None:
    from qtpy.QtCore import QPointF

    gallery = gallery_of()
    cell = int(gallery.sheet.order.cells[3])
    move(gallery.sheet.viewport(), middle_of(gallery, cell).toPointF())
    assert gallery.sheet.hovered_cell == cell == gallery.plot._hovered
    assert gallery.sheet.words_of(cell).startswith(gallery.contents.name_of(cell))
    x, y = gallery.plot.scene.pixels(gallery.plot.frame)
    point = int(gallery.plot.scene.seen(gallery.plot.frame)[-1])  # the one on top of all
    move(gallery.plot, QPointF(x[point], y[point]))
    assert gallery.plot._hovered == point == gallery.sheet.hovered_cell


def test_the_wheel_zooms_about_the_mouse_and_home_shows_all(gallery_of: Callable[..., Any], qapp: Any) -> None:
    from qtpy.QtCore import QPoint, QPointF, Qt
    from qtpy.QtGui import QWheelEvent

    gallery = gallery_of()
    plot, whole = gallery.plot, gallery.plot.scene
    at = QPointF(300, 200)
    event = QWheelEvent(
        at, plot.mapToGlobal(at.toPoint()).toPointF(), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    qapp.sendEvent(plot, event)
    assert plot.scene.x_axis.high - plot.scene.x_axis.low < whole.x_axis.high - whole.x_axis.low
    press(plot, "Home")
    assert plot.scene is whole
    press(plot, "Right")
    assert len(gallery.selection) == 1


def test_other_axes_take_the_scale_that_suits_them(gallery_of: Callable[..., Any]) -> None:
    gallery = gallery_of()
    bar = gallery.plot_bar
    assert (bar.x_scale.name, bar.y_scale.name) == ("asinh", "asinh")
    bar.x.choose("cell_area_um2")
    assert (gallery.plot.scene.x_name, bar.x_scale.name) == ("cell_area_um2 (µm²)", "linear")
    bar.swap.click()
    assert (bar.x.name, bar.y.name, bar.x_scale.name) == ("HER2_cell_mean", "cell_area_um2", "asinh")
    bar.y.choose(_keys.HER2_IF_CALL)
    assert gallery.plot.scene.y_axis.words


def test_a_name_is_found_by_typing_a_part_of_it(gallery_of: Callable[..., Any]) -> None:
    from qtpy.QtTest import QTest

    gallery = gallery_of()
    line = gallery.plot_bar.x.lineEdit()
    line.selectAll()
    QTest.keyClicks(line, "area")
    press(line, "Return")
    assert gallery.plot_bar.x.name == "cell_area_um2"
    line.selectAll()
    QTest.keyClicks(line, "no such column")
    press(line, "Return")
    assert (gallery.plot_bar.x.name, line.text()) == ("cell_area_um2", "cell_area_um2")


def test_pictures_that_are_seen_are_asked_for_first_and_drawn_when_they_come(
    gallery_of: Callable[..., Any], plain_thumbnails: Callable[..., Any], cells: AnnData, qapp: Any
) -> None:
    from qtpy.QtTest import QTest

    atlas = plain_thumbnails(cells.n_obs, side=64, ready=False)
    atlas.missing[5] = "the slide was moved"
    gallery = gallery_of(thumbnails=atlas)
    seen = gallery.sheet.seen_cells().tolist()
    assert atlas.wanted[-1][: len(seen)] == seen
    assert "59 pictures to come" in gallery.selection_bar.note.text()
    assert "1 without a picture" in gallery.selection_bar.note.text()
    assert "the slide was moved" in gallery.sheet.words_of(5)
    cell = next(cell for cell in seen if cell > 20)
    at = middle_of(gallery, cell)
    assert pixels_of(gallery.sheet.viewport())[at.y(), at.x()].tolist() != [cell] * 3
    atlas.ready[:] = np.arange(cells.n_obs) != 5
    atlas.painted = cells.n_obs
    QTest.qWait(120)
    assert pixels_of(gallery.sheet.viewport())[at.y(), at.x()].tolist() == [cell] * 3
    gallery.close()
    assert atlas.closed


def test_a_blinded_review_is_followed_and_shown_open_once_it_is_closed(
    gallery_of: Callable[..., Any], cells: AnnData, tmp_path: Path
) -> None:
    from qtpy.QtTest import QTest

    settings = ReviewSettings(order="random", blinded=True, target=20, repeat_share=0.0)
    with ReviewSession(cells, tmp_path / "review.journal", "AB", settings) as session:
        gallery = gallery_of(session=session)
        assert gallery.sheet_bar.group.name == "decision"
        assert gallery.sheet.order.cells.size == 20
        assert gallery.contents.call_column is None
        cell = session.current[0]
        gallery.show_cell(cell)
        assert gallery.contents.place_of(cell) in gallery.sheet.seen_cells()
        session.decide("HER2-low")
        QTest.qWait(400)
        assert gallery.sheet._scene.titles == ("HER2-low", "no decision yet")
        gallery.selection.select([gallery.contents.place_of(cell)])
        assert not gallery.selection_bar.copy.isEnabled()
        session.close()
        assert gallery.contents.call_column == _keys.HER2_IF_CALL
        assert gallery.selection_bar.copy.isEnabled()
        gallery.selection_bar.copy.click()


def test_decisions_of_others_that_cannot_be_read_are_told_in_the_window(
    gallery_of: Callable[..., Any], cells: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from her2plastic._errors import JournalError

    settings = ReviewSettings(order="random", blinded=True, target=5, repeat_share=0.0)
    with ReviewSession(cells, tmp_path / "review.journal", "AB", settings) as session:
        gallery = gallery_of(session=session)

        def locked() -> None:
            raise JournalError("review.journal is locked")

        monkeypatch.setattr(session, "decisions_of_all", locked)
        session.close()
        assert session.closed
        assert gallery.message.text() == "review.journal is locked"
        pixels_of(gallery)


def test_keys_of_the_sheet_are_kept_from_the_shortcuts_of_its_window(
    gallery_of: Callable[..., Any], qapp: Any, cells: AnnData
) -> None:
    from qtpy.QtCore import QEvent, Qt
    from qtpy.QtGui import QKeyEvent

    gallery = gallery_of()
    none, ctrl = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
    for view in (gallery.sheet, gallery.plot):
        for key, held, own in (
            (Qt.Key.Key_Left, none, True), (Qt.Key.Key_Space, none, True), (Qt.Key.Key_A, ctrl, True),
            (Qt.Key.Key_A, none, False), (Qt.Key.Key_1, none, False), (Qt.Key.Key_Plus, ctrl, False),
        ):  # fmt: skip
            event = QKeyEvent(QEvent.Type.ShortcutOverride, key, held)
            event.ignore()
            qapp.sendEvent(view, event)
            assert event.isAccepted() == own


def test_an_empty_sheet_and_a_table_without_columns_are_drawn(gallery_of: Callable[..., Any], cells: AnnData) -> None:
    cells.obs = cells.obs[[_keys.CELL_ID]]
    gallery = gallery_of()
    assert gallery.contents.first_grouping == "nothing"
    gallery._only = np.zeros(cells.n_obs, dtype=bool)
    gallery._lay_sheet()
    assert gallery.sheet.order.cells.size == 0
    pixels_of(gallery)
    for key in ("Right", "Space", "Return", "End", "Plus"):
        press(gallery.sheet, key)
    assert len(gallery.selection) == 0
