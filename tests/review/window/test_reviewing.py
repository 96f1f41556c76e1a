"""A review by keys in a real napari window, on a screen that nobody sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from her2plastic import _keys, io

if TYPE_CHECKING:
    from her2plastic.review.window.dock import ReviewDock

Begin = Callable[..., "ReviewDock"]
Press = Callable[..., None]
WORDS = dict(zip("012nu", _keys.REVIEW_DECISIONS, strict=True))


def _decided(journal: Path) -> list[str]:
    return list(io.read_decisions(journal)["decision"])


def test_fifty_cells_by_keys_and_on_at_the_same_cell(begin: Begin, press: Press, tmp_path: Path) -> None:
    journal = tmp_path / "review.journal"
    dock = begin(target=60)
    queue = dock.opened.session.queue
    pressed = ("0122nu1012" * 5)[:50]
    press(pressed)
    assert dock.panel.head.title == "Cell 51 of 60"
    assert dock.panel.head.aside == "50 decided"
    assert {word: row.count for word, row in dock.panel.rows.items()} == {
        word: pressed.count(key) for key, word in WORDS.items()
    }
    here = dock.opened.session.current
    dock.end()  # as the closed window does

    decisions = io.read_decisions(journal)
    assert list(decisions["decision"]) == [WORDS[key] for key in pressed]
    assert list(decisions["cell_id"]) == [cell for cell, _ in queue[:50]]
    again = begin(resume=True)
    assert again.opened.session.current == here
    assert again.panel.head.title == "Cell 51 of 60"
    assert "Gone on with" in again.message.text()


def test_what_was_on_the_screen_is_in_the_journal(begin: Begin, press: Press, tmp_path: Path) -> None:
    import json

    dock = begin(target=5)
    cell, _ = dock.opened.session.current
    press("2")
    events = io.read_journal(tmp_path / "review.journal")
    seen = json.loads(events.loc[events["kind"] == "decision", "seen"].iloc[0])
    pictures = dock.opened.data.pictures
    assert seen["image"] == pictures.crop(cell).digest
    assert seen["ranges"] == {name: list(pair) for name, pair in pictures.display_ranges().items()}
    assert (seen["blinded"], seen["outlines"], seen["view"]) == (True, True, "cell")
    assert seen["software"].startswith("her2plastic ")


def test_undo_goes_back_to_the_cell(begin: Begin, press: Press, tmp_path: Path) -> None:
    dock = begin(target=6)
    first = dock.opened.session.current
    press("0")
    press("z")
    assert dock.opened.session.current == first
    assert "Taken back: HER2-0" in dock.message.text()
    press("2")
    assert _decided(tmp_path / "review.journal") == ["HER2-positive"]
    press("zz")
    assert "nothing to take back" in dock.message.text()
    assert dock.opened is not None


def test_what_undo_takes_back_is_shown(begin: Begin, press: Press, Qt: Any) -> None:
    dock = begin(target=6)
    assert "nothing yet" in dock.panel.last.text()
    press("01")
    press("t", "a nucleus <that> is torn apart", Qt.Key.Key_Return)
    press("f")
    dock = begin(resume=True)
    for words in ("flag put", "note “a nucleus &lt;that&gt;…”", "HER2-low", "HER2-0"):
        assert words in dock.panel.last.text()
        assert "Z takes it back" in dock.panel.last.text()
        press("z")
    assert "nothing yet" in dock.panel.last.text()


def test_arrows_lead_to_a_decision_that_is_changed(begin: Begin, press: Press, tmp_path: Path, Qt: Any) -> None:
    dock = begin(target=6)
    press("012", Qt.Key.Key_Left, Qt.Key.Key_Left)
    assert dock.panel.rows["HER2-low"].taken
    assert not dock.panel.rows["HER2-positive"].taken
    press("n")
    assert _decided(tmp_path / "review.journal") == ["HER2-0", "HER2-positive", "not a CTC"]
    assert dock.panel.head.title == "Cell 4 of 6"  # on with what is not decided
    press(*[Qt.Key.Key_Right] * 4)
    assert "last cell" in dock.message.text()


def test_a_note_is_typed_without_deciding(begin: Begin, press: Press, tmp_path: Path, Qt: Any) -> None:
    dock = begin(target=6)
    here = dock.opened.session.current
    press("t")
    press("10 nuclei, unclear", Qt.Key.Key_Return)
    assert dock.opened.session.current == here
    assert "10 nuclei, unclear" in dock.panel.facts.text()
    press("t", "0", Qt.Key.Key_Escape)  # left unwritten
    assert dock.panel.note.text() == ""
    press("f")
    assert "flagged" in dock.panel.facts.text()
    press("1")  # the keys are heard again
    events = io.read_journal(tmp_path / "review.journal")
    assert list(events["kind"]) == ["opened", "note", "flag", "decision"]
    assert set(events["cell_id"].iloc[1:]) == {here[0]}


def test_a_note_that_was_not_entered_stays_with_its_cell(begin: Begin, press: Press, tmp_path: Path) -> None:
    dock = begin(target=6)
    here = [cell for cell, _ in dock.opened.session.queue]
    press("t", "odd nucleus")
    dock.panel.rows["HER2-low"].click()
    assert dock.panel.typed == ""
    press("t", "blurred")
    assert dock.go_to(here[4])  # as from the gallery
    press("t", "wrong cell")
    dock.panel.caps["undo"].click()
    assert (dock.panel.typed, dock.opened.session.current[0]) == ("", here[4])
    press("t", "torn")
    dock.close_session()
    assert not dock.panel.note.isEnabled()
    events = io.read_journal(tmp_path / "review.journal")
    notes = events[events["kind"] == "note"]
    assert list(zip(notes["cell_id"], notes["value"], strict=True)) == [
        (here[0], "odd nucleus"), (here[1], "blurred"), (here[4], "torn"),
    ]  # fmt: skip


def test_a_blinded_session_tells_nothing_until_it_is_closed(begin: Begin, press: Press, results: Path) -> None:
    import anndata

    dock = begin(target=4)
    cell, _ = dock.opened.session.current
    told = dock.panel.facts.text()
    assert "S1" not in told
    assert "S2" not in told
    assert "HER2-low" not in told
    assert "blinded" in dock.panel.badge.text()
    dock.close_session()
    told = dock.panel.facts.text()
    assert cell in told
    assert str(anndata.read_h5ad(results / "cells.h5ad").obs.loc[cell, _keys.HER2_IF_CALL]) in told
    assert "closed" in dock.panel.badge.text()
    press("0")
    assert "closed" in dock.message.text()
    assert dock.panel.head.aside == "0 decided"


def test_reviewers_who_differ_are_adjudicated(begin: Begin, press: Press, tmp_path: Path) -> None:
    journal = tmp_path / "review.journal"
    for reviewer, keys in (("AB", "0120"), ("CD", "0122")):
        dock = begin(reviewer, target=4, seed=3)
        press(keys)
        dock.close_session()
        dock.end()
    dock = begin("EF", adjudicate=True)
    assert dock.panel.head.title == "Cell 1 of 1"
    assert "adjudication" in dock.panel.who.text()
    told = dock.panel.others.text()
    assert all(word in told for word in ("AB", "CD", "HER2-0", "HER2-positive"))
    press("1")
    last = io.read_decisions(journal).iloc[-1]
    assert (last["reviewer"], last["round"], last["decision"]) == ("EF", "adjudication", "HER2-low")


def test_the_end_of_the_queue_is_said(begin: Begin, press: Press) -> None:
    dock = begin(target=3)
    press("000")
    assert "Every cell is decided" in dock.message.text()
    assert dock.panel.end.property("role") == "main"
