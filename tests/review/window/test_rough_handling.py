"""Keys too many, a button pressed by mistake, and disks that are taken away: nothing is changed or given away."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from her2plastic import io
from her2plastic._errors import JournalError

if TYPE_CHECKING:
    from her2plastic.review.window.dock import ReviewDock

Begin = Callable[..., "ReviewDock"]
Press = Callable[..., None]


def test_keys_after_the_last_cell_change_nothing(begin: Begin, press: Press, tmp_path: Path, Qt: Any) -> None:
    journal = tmp_path / "review.journal"
    dock = begin(target=3)
    press("01202")
    assert "Nothing was changed" in dock.message.text()
    assert list(io.read_decisions(journal)["decision"]) == ["HER2-0", "HER2-low", "HER2-positive"]
    dock = begin(resume=True)
    press("n")
    assert "Nothing was changed" in dock.message.text()
    press(Qt.Key.Key_Left, Qt.Key.Key_Right, "n")
    assert list(io.read_decisions(journal)["decision"]) == ["HER2-0", "HER2-low", "not a CTC"]


def test_of_two_reviews_in_a_window_the_last_has_the_keys(begin: Begin, press: Press, tmp_path: Path) -> None:
    from her2plastic.review.window.under_way import review_under_way

    first = begin("AB", target=4)
    press("0")
    second = begin("CD", target=4)
    assert first.opened is None and first.form.isVisible()
    press("1111")
    decisions = io.read_decisions(tmp_path / "review.journal")
    assert list(decisions["reviewer"]) == ["AB"] + ["CD"] * 4
    assert second.opened is not None and second.opened.session.finished
    assert review_under_way(second.viewer) is second


def test_a_session_with_cells_left_is_closed_at_the_second_asking(begin: Begin, press: Press, tmp_path: Path) -> None:
    dock = begin(target=4)
    press("0")
    dock.panel.end.click()
    assert "3 of 4 cells are not decided" in dock.message.text()
    assert dock.opened is not None and not dock.opened.session.closed
    press("1")  # it was a mistake
    dock.panel.end.click()
    assert not dock.opened.session.closed
    dock.panel.end.click()
    assert dock.opened.session.closed
    assert len(io.read_decisions(tmp_path / "review.journal")) == 2


@pytest.mark.parametrize("view", ["", "s", "c"])
def test_a_lost_image_gives_no_cell_away(
    begin: Begin, press: Press, results: Path, tmp_path: Path, Qt: Any, view: str
) -> None:
    copied = Path(shutil.copytree(results, tmp_path / "copied"))
    dock = begin(path=copied, target=None)
    press(view)
    dock.opened.data.pictures._ahead.close()  # what was read ahead would be shown all the same
    (copied / "slides").rename(copied / "away")
    press(Qt.Key.Key_Right)
    said = f"{dock.stage._words} {dock.message.text()} {dock.panel.facts.text()}"
    assert "no picture" in said and "disk" in said
    cell, _ = dock.opened.session.current
    assert not any(name in said for name in (cell, "S1", "S2"))
    assert dock.stage.isVisible(), "the slide of the cell before is still on the screen"
    (copied / "away").rename(copied / "slides")
    press(Qt.Key.Key_Left, Qt.Key.Key_Right)
    assert dock.stage.shown is not None
    dock.close_session()
    (copied / "slides").rename(copied / "away")
    press(Qt.Key.Key_Right)
    assert "S1.zarr" in dock.stage._words or "S2.zarr" in dock.stage._words


def test_a_journal_that_is_locked_while_it_is_closed(
    begin: Begin, press: Press, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = begin(target=4)
    press("0")
    monkeypatch.setattr(type(dock.opened.session), "others", _locked)
    dock.close_session()
    assert dock.opened.session.closed and "is locked" in dock.message.text()


def _locked(session: object, cell_id: str) -> None:
    raise JournalError("the journal is locked")
