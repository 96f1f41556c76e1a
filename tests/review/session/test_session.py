"""A session from the first decision to its closing: nothing is lost, and it goes on where it stood."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from anndata import AnnData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.review.session.conftest import Opening
from tests.review.session.reviewed_cells import PLAIN, cells_of_slides

from her2plastic import io
from her2plastic._errors import JournalError, ParameterError, ReviewError
from her2plastic._keys import REVIEW_DECISIONS
from her2plastic.io.journal.recording import Journal
from her2plastic.review.session import ReviewSession, ReviewSettings, unfinished_sessions


@pytest.fixture
def session(begin: Opening) -> ReviewSession:
    return begin("AB", PLAIN, data={"name": "test", "fingerprint": "f"})


def test_a_decision_is_on_the_disk_before_the_next_cell_is_shown(session: ReviewSession, journal: Path) -> None:
    cell, _ = session.current
    told = []

    def look(what: str, of: str) -> None:
        told.append((what, of, session.position, list(io.read_decisions(journal)["cell_id"])))

    session.listen(look)
    event = session.decide("HER2-low", {"image": "00ff", "ranges": {"HER2": [0.0, 900.0]}})
    assert told == [("decision", cell, 1, [cell])]
    assert json.loads(event.seen) == {
        "image": "00ff", "ranges": {"HER2": [0.0, 900.0]}, "blinded": True,
        "software": json.loads(session.events[0].seen)["software"],
    }  # fmt: skip
    assert json.loads(event.seen)["software"].startswith("her2plastic 0")


def test_progress_and_counts(session: ReviewSession) -> None:
    for word in ("HER2-0", "HER2-0", "not a CTC", "unsure"):
        session.decide(word)
    session.flag()
    progress = session.progress
    assert (progress.done, progress.total, progress.flagged) == (4, 60, 1)
    assert progress.counts == {"HER2-0": 2, "HER2-low": 0, "HER2-positive": 0, "not a CTC": 1, "unsure": 1}
    assert list(progress.counts) == list(REVIEW_DECISIONS)
    assert not session.finished


def test_moving_about(session: ReviewSession) -> None:
    assert not session.back()
    assert session.forward()
    assert session.forward()
    assert session.position == 2
    assert session.upcoming(3) == tuple(cell for cell, _ in session.queue[3:6])
    session.decide("HER2-0")
    assert session.position == 3
    assert session.back()
    assert session.current_decision == "HER2-0"
    session.decide("HER2-low")  # decided anew: on to the next that is open
    assert session.position == 3
    assert session.go_to(session.queue[59][0])
    assert not session.forward()
    assert session.upcoming(3) == ()
    assert not session.go_to("no such cell")
    session.decide("unsure")
    assert session.position == 0  # what was passed over comes at the end
    assert session.progress.done == 2


def test_undo_takes_back_the_last_of_all_and_goes_there(session: ReviewSession) -> None:
    session.decide("HER2-0")
    session.note("first")
    session.flag()
    second = session.current[0]
    assert (session.notes_of(second), session.flagged(second)) == (("first",), True)
    session.forward()
    undone = session.undo()
    assert undone is not None
    assert undone.kind == "flag"
    assert (session.position, session.flagged(second)) == (1, False)
    assert session.undo().kind == "note"
    assert session.notes_of(second) == ()
    assert session.undo().value == "HER2-0"
    assert (session.position, session.progress.done) == (0, 0)
    assert session.undo() is None
    assert [event.kind for event in session.events] == ["opened", "decision", "note", "flag", "undo", "undo", "undo"]


def test_a_flag_is_taken_off_by_a_second(session: ReviewSession) -> None:
    cell = session.current[0]
    assert session.flag().value == "flagged"
    assert session.flag().value == "unflagged"
    assert not session.flagged(cell)
    session.undo()
    assert session.flagged(cell)


def test_it_goes_on_at_the_same_cell(begin: Opening, journal: Path, session: ReviewSession) -> None:
    session.decide("HER2-0")
    session.note("dim")
    session.forward()
    session.decide("HER2-low")
    where, queue, progress = session.position, session.queue, session.progress
    session.leave()
    changed = cells_of_slides(seed=5)  # calibrated anew, in another order of rows, with another cell
    changed = changed[::-1].copy()
    again = begin(cells=changed, reviewer="AB")
    assert (again.resumed, again.position, again.queue, again.progress) == (True, where, queue, progress)
    assert again.settings == PLAIN
    assert again.session == session.session
    assert again.notes_of(queue[1][0]) == ("dim",)
    assert len(unfinished_sessions(journal, reviewer="AB")) == 1


@pytest.mark.parametrize(
    ("last", "position"),
    [
        (lambda session: session.note("here"), 1),
        (lambda session: session.flag(), 1),
        (lambda session: session.undo(), 0),
        (lambda session: session.decide("unsure"), 2),
    ],
    ids=["note", "flag", "undo", "decision"],
)
def test_where_it_goes_on_after(
    begin: Opening, session: ReviewSession, last: Callable[[ReviewSession], object], position: int
) -> None:
    session.decide("HER2-0")
    last(session)
    assert session.position == position
    session.leave()
    assert begin("AB").position == position


def test_other_settings_begin_another_session(begin: Opening, journal: Path, session: ReviewSession) -> None:
    session.decide("HER2-0")
    other = begin("AB", ReviewSettings(order="stratified", target=5))
    assert not other.resumed
    assert other.progress.done == 0
    other.decide("HER2-low")
    assert begin("AB", PLAIN).session == session.session
    assert begin("AB").session == session.session  # it was opened last
    assert not begin("CD", PLAIN).resumed
    assert {entry.settings.order for entry in unfinished_sessions(journal, reviewer="AB")} == {"random", "stratified"}


def test_the_end_of_the_queue(begin: Opening, journal: Path) -> None:
    session = begin("AB", ReviewSettings(order="random", target=10, repeat_share=0.3))
    rounds = [why for _, why in session.queue]
    assert rounds.count("repeat") == 3
    while not session.finished:
        session.decide("HER2-0" if session.current[1] == "review" else "HER2-low")
    assert session.progress.done == session.progress.total == 13
    assert session.position == 12
    session.decide("unsure")  # the last may still be decided anew
    assert session.position == 12
    session.close()
    session.close()
    assert session.closed
    for change in (lambda: session.decide("HER2-0"), lambda: session.note("late"), session.undo, session.flag):
        with pytest.raises(ReviewError, match="the session of AB is closed"):
            change()
    table = io.read_decisions(journal)
    assert table.groupby("round").size().to_dict() == {"repeat": 3, "review": 10}
    assert [event.kind for event in session.events].count("closed") == 1
    assert unfinished_sessions(journal, reviewer="AB") == ()
    assert not begin("AB", session.settings).resumed


def test_the_first_look_at_a_cell_does_not_answer_for_its_repeat(begin: Opening) -> None:
    session = begin("AB", ReviewSettings(order="random", target=4, repeat_share=0.5))
    while session.current[1] != "repeat":
        session.note("seen")
        session.flag()
        session.decide("HER2-0")
    cell = session.current[0]
    assert (session.notes_of(cell), session.flagged(cell)) == ((), False)
    session.note("again")
    assert session.flag().value == "flagged"
    assert session.current_decision is None
    assert session.decision_of(cell) is None
    assert session.decisions()[cell] == "HER2-0"
    assert session.name_of(cell) == f"cell {session.position + 1}"
    session.decide("HER2-low")
    session.go_to(cell)
    assert session.decision_of(cell) == "HER2-0"
    assert session.notes_of(cell) == ("seen",)
    session.forward()
    assert session.notes_of(cell) == ("seen", "again")


def test_cells_that_are_gone_are_told_and_passed_over(
    begin: Opening, adata: AnnData, journal: Path, session: ReviewSession
) -> None:
    for _ in range(3):
        session.decide("HER2-0")
    session.leave()
    lost = [session.queue[step][0] for step in (0, 3, 4)]
    newer = adata[~adata.obs["cell_id"].isin(lost)].copy()
    again = begin(cells=newer, reviewer="AB")
    assert sorted(again.gone) == sorted(lost)
    assert again.position == 5
    assert (again.progress.done, again.progress.total) == (2, 57)
    again.back()
    assert again.position == 2
    assert len(io.read_decisions(journal)) == 3  # nothing of them is dropped
    with pytest.raises(ReviewError, match="is not in the data"):
        again.facts(lost[0])


def test_cells_without_pictures_are_told_and_passed_over(begin: Opening, session: ReviewSession) -> None:
    cell = session.queue[0][0]
    session.leave()
    again = begin("AB", missing={cell: "its image was moved", "s9:x": "not here"})
    assert again.missing == {cell: "its image was moved"}
    assert again.position == 1
    again.leave()
    everywhere = {name: "its image was moved" for name, _ in session.queue}
    with pytest.raises(ReviewError, match="no cell of this session has a picture .*its image was moved"):
        begin("AB", missing=everywhere)


def test_a_journal_of_another_data_set_is_refused(
    begin: Opening, journal: Path, session: ReviewSession, adata: AnnData
) -> None:
    session.leave()
    before = journal.read_bytes()
    adata.obs["cell_id"] = "other:" + adata.obs["cell_id"]
    with pytest.raises(ReviewError, match="is of another data set: none of its cells .*Name another journal"):
        begin("AB", PLAIN)
    assert journal.read_bytes() == before


def test_an_empty_queue_makes_no_journal(begin: Opening, journal: Path) -> None:
    with pytest.raises(ReviewError, match="nothing to review"):
        begin("AB", ReviewSettings(filters=("my_column=9",)))
    assert not journal.exists()


def test_a_reviewer_without_a_name_makes_no_journal(begin: Opening, journal: Path) -> None:
    with pytest.raises(ParameterError, match="reviewer"):
        begin(" ", PLAIN)
    assert not journal.exists()


def test_a_decision_that_cannot_be_written_moves_nothing(
    session: ReviewSession, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.decide("HER2-0")
    with pytest.raises(ParameterError, match="'maybe' is not known"):
        session.decide("maybe")
    with pytest.raises(ParameterError, match="expected some text"):
        session.note("  ")
    monkeypatch.setattr(session._journal._file, "_wait", 0.05)
    with closing(sqlite3.connect(journal)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for change in (lambda: session.decide("HER2-low"), lambda: session.note("x"), session.flag, session.undo):
            with pytest.raises(JournalError, match="locked"):
                change()
    assert (session.position, session.progress.done, len(session.events)) == (1, 1, 2)
    session.decide("HER2-low")
    assert list(io.read_decisions(journal)["decision"]) == ["HER2-0", "HER2-low"]


def test_a_session_open_in_two_windows(begin: Opening, journal: Path, session: ReviewSession) -> None:
    second = begin("AB", PLAIN)
    assert second.session == session.session
    with pytest.raises(JournalError, match="in another window"):
        session.decide("HER2-0")
    assert session.position == 0
    second.decide("HER2-low")
    assert list(io.read_decisions(journal)["decision"]) == ["HER2-low"]


def test_a_journal_that_is_open_already_is_left_open(adata: AnnData, journal: Path) -> None:
    with Journal(journal, create=True) as opened:
        with ReviewSession(adata, opened, "AB", PLAIN) as session:
            session.decide("HER2-0")
        assert len(opened.events()) == 2
        assert len(unfinished_sessions(opened, reviewer="AB")) == 1


def test_the_data_are_never_changed(begin: Opening, adata: AnnData) -> None:
    before = adata.copy()
    session = begin("AB", ReviewSettings())
    session.decide("HER2-0")
    session.facts(session.current[0])
    session.close()
    assert adata.obs.equals(before.obs)
    assert adata.obsm["her2_if_posterior"].equals(before.obsm["her2_if_posterior"])
    assert list(adata.uns) == list(before.uns)


def test_a_session_that_was_left_takes_no_decision(session: ReviewSession, journal: Path) -> None:
    session.leave()
    session.leave()
    with pytest.raises(JournalError, match="cannot be written to: it was closed. Open it again"):
        session.decide("HER2-0")
    assert session.position == 0
    assert len(io.read_decisions(journal)) == 0


def test_listening_ends(session: ReviewSession) -> None:
    told: list[str] = []
    end = session.listen(lambda what, _: told.append(what))
    session.decide("HER2-0")
    session.back()
    session.undo()
    session.note("n")
    session.flag()
    session.close()
    assert told == ["decision", "moved", "undo", "note", "flag", "closed"]
    end()
    end()
    session.forward()
    assert len(told) == 6


_DOING = st.lists(st.sampled_from(["0", "1", "undo", "forward", "back", "note", "flag", "reopen"]), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(doing=_DOING)
def test_a_reopened_session_knows_what_it_knew(doing: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    adata, journal = cells_of_slides(6), tmp_path_factory.mktemp("any") / "a.journal"
    asked = ReviewSettings(order="random", repeat_share=0.5)

    def known() -> tuple[object, ...]:
        return opened.decisions(), opened.progress, opened.notes_of(opened.queue[0][0])

    opened = ReviewSession(adata, journal, "AB", asked)
    for what in doing:
        if what in "01":
            opened.decide(REVIEW_DECISIONS[int(what)])
        elif what == "note":
            opened.note("n")
        elif what != "reopen":
            {"undo": opened.undo, "forward": opened.forward, "back": opened.back, "flag": opened.flag}[what]()
        if what not in ("forward", "back"):  # what is no event is forgotten
            before, position = known(), opened.position
            opened.leave()
            opened = ReviewSession(adata, journal, "AB", asked)
            assert known() == before
            assert opened.position == position or what in ("undo", "reopen")
    opened.leave()
    stored = io.read_decisions(journal)
    assert len(stored) == opened.progress.done
    assert stored["decision"].value_counts().to_dict() == {w: n for w, n in opened.progress.counts.items() if n}


@pytest.mark.parametrize(
    "name", ["\N{WOMAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}", "\u0645\u06cc\u200c\u062e", "Jos\u00e9"]
)
def test_names_of_every_script(begin: Opening, journal: Path, name: str) -> None:
    begin(name).decide("unsure")
    assert list(io.read_decisions(journal)["reviewer"]) == [name]


@pytest.mark.parametrize("name", ["\N{RIGHT-TO-LEFT OVERRIDE}BA", "\N{ZERO WIDTH JOINER}", "A\nB", "A\0"])
def test_names_with_signs_that_cannot_be_seen(begin: Opening, name: str) -> None:
    with pytest.raises(ParameterError, match="signs that cannot be seen"):
        begin(name)
