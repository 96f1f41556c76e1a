"""What is written to a journal comes back, and what stands of it is what a person would say stands."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.io.journal.pen import CELLS, Pen

from her2plastic import io
from her2plastic._errors import JournalError, ParameterError
from her2plastic.io.journal.events import Event
from her2plastic.io.journal.recording import Journal
from her2plastic.io.journal.standing import last_decisions

UTC_MOMENT = pd.DatetimeTZDtype("us", "UTC")


def test_all_events_come_back_in_order(pen: Pen) -> None:
    decided = pen.decide("s1:a", "HER2-low", seen={"image": "ab", "ranges": {"HER2": (0, np.float32(1.5))}})
    pen.add("note", cell_id="s1:a", round="review", value="dim, “blebs”\nsecond line")
    pen.undo(decided)
    pen.add("closed")
    table = io.read_journal(pen.path)
    assert list(table["kind"]) == ["decision", "note", "undo", "closed"]
    assert list(table["place"]) == [0, 1, 2, 3]
    assert list(table["reviewer"]) == ["AB"] * 4
    assert table["at"].dtype == UTC_MOMENT
    assert table["at"].is_monotonic_increasing
    assert table["value"][1] == "dim, “blebs”\nsecond line"
    assert table["takes_back"][2] == decided.event
    assert json.loads(table["seen"][0]) == {"image": "ab", "ranges": {"HER2": [0, 1.5]}}


def test_sessions_keep_settings_queue_and_data(path: Path) -> None:
    pen = Pen(path, blinded=True, filters=("a=b",))
    with Journal(path) as journal:
        (head,) = journal.heads()
    assert head == pen.head
    assert head.settings == {"blinded": True, "filters": ["a=b"]}
    assert head.queue == tuple((cell, "review") for cell in CELLS)
    assert head.data == {"name": "test"}


def test_decisions_that_stand(path: Path) -> None:
    pen, other = Pen(path, blinded=True), Pen(path, "CD")
    pen.decide("s1:a", "HER2-0")
    pen.decide("s1:b", "unsure")
    pen.decide("s1:a", "HER2-low")  # decided anew
    pen.decide("s1:a", "HER2-0", "repeat")
    other.decide("s1:a", "HER2-positive")
    pen.undo(pen.decide("s2:a", "HER2-0"))  # taken back
    table = io.read_decisions(path)
    assert list(table.columns) == [
        "event", "session", "reviewer", "at", "cell_id", "round", "decision", "blinded",
    ]  # fmt: skip
    assert table["at"].dtype == UTC_MOMENT
    assert table["blinded"].dtype == bool
    rows = list(table[["reviewer", "cell_id", "round", "decision", "blinded"]].itertuples(index=False, name=None))
    assert rows == [
        ("AB", "s1:b", "review", "unsure", True),
        ("AB", "s1:a", "review", "HER2-low", True),
        ("AB", "s1:a", "repeat", "HER2-0", True),
        ("CD", "s1:a", "review", "HER2-positive", False),
    ]
    assert len(io.read_decisions(path, reviewers=["CD"])) == 1
    assert list(io.read_decisions(path, rounds=["repeat"])["decision"]) == ["HER2-0"]


def test_what_was_decided_before_stands_again_after_an_undo(pen: Pen) -> None:
    pen.decide("s1:a", "HER2-0")
    pen.undo(pen.decide("s1:a", "HER2-low"))
    assert list(io.read_decisions(pen.path)["decision"]) == ["HER2-0"]


def test_a_second_session_replaces_the_first_unless_both_are_asked_for(path: Path) -> None:
    Pen(path).decide("s1:a", "HER2-0")
    Pen(path).decide("s1:a", "HER2-low")
    assert list(io.read_decisions(path)["decision"]) == ["HER2-low"]
    assert list(io.read_decisions(path, each_session=True)["decision"]) == ["HER2-0", "HER2-low"]


def test_a_journal_without_decisions_gives_an_empty_table(pen: Pen) -> None:
    assert io.read_decisions(pen.path).dtypes.to_dict() | {"at": UTC_MOMENT, "blinded": np.dtype(bool)} == (
        io.read_decisions(pen.path).dtypes.to_dict()
    )
    assert len(io.read_decisions(pen.path)) == len(io.read_journal(pen.path)) == 0


def test_unknown_reviewer_or_round_is_refused(pen: Pen) -> None:
    with pytest.raises(ParameterError, match="'XY' is not known; options: 'AB'"):
        io.read_decisions(pen.path, reviewers=["XY"])
    with pytest.raises(ParameterError, match="options: 'review', 'repeat', 'adjudication'"):
        io.read_decisions(pen.path, rounds=["second"])


def test_a_clock_that_is_put_back_does_not_turn_the_order_round(pen: Pen, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    from her2plastic.io.journal import recording

    class Clock(datetime):
        moments = iter([datetime(2026, 3, 29, 3, tzinfo=UTC), datetime(2026, 3, 29, 2, tzinfo=UTC)])

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return next(cls.moments)

    monkeypatch.setattr(recording, "datetime", Clock)
    pen.decide("s1:a", "HER2-0")
    pen.decide("s1:a", "HER2-low")
    assert list(io.read_decisions(pen.path)["decision"]) == ["HER2-low"]
    assert io.read_journal(pen.path)["at"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"kind": "guess"}, "options: 'opened', 'decision'"),
        ({"kind": "decision", "cell_id": "c", "round": "review", "value": "maybe"}, "'maybe' is not known"),
        ({"kind": "decision", "cell_id": "c", "round": "", "value": "unsure"}, "round='' is not known"),
        ({"kind": "note", "cell_id": "c", "round": "review", "value": "\ud83e"}, "half a character"),
        ({"kind": "note", "cell_id": "c", "round": "review", "value": 3}, "expected text, not a int"),
        ({"kind": "closed", "seen": {"image": object()}}, "seen holds a object"),
    ],
)
def test_events_that_no_reader_would_understand_are_refused(pen: Pen, what: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        pen.add(**what)
    assert len(io.read_journal(pen.path)) == 0


def test_numbers_that_are_none_do_not_cost_a_decision(pen: Pen) -> None:
    pen.decide("s1:a", "HER2-0", seen={"ranges": {"HER2": (np.nan, np.inf)}, "panels": np.array([1, 2])})
    assert json.loads(io.read_journal(pen.path)["seen"][0]) == {"ranges": {"HER2": [None, None]}, "panels": [1, 2]}


@pytest.mark.parametrize("name", ["", "  ", "A\nB", None])
def test_a_reviewer_has_a_name(path: Path, name: str) -> None:
    with pytest.raises(ParameterError, match="reviewer"):
        Pen(path, name)


def test_a_session_that_was_gone_on_with_elsewhere_takes_no_event(pen: Pen) -> None:
    first = pen.decide("s1:a", "HER2-0")
    pen.decide("s1:b", "HER2-0", follows=first.digest)
    with pytest.raises(JournalError, match="in another window.*Nothing was written"):
        pen.decide("s1:b", "HER2-low", follows=first.digest)
    assert list(io.read_decisions(pen.path)["decision"]) == ["HER2-0"] * 2


def test_an_event_needs_its_session(pen: Pen) -> None:
    with Journal(pen.path) as journal, pytest.raises(JournalError, match="no session 'none': begin one first"):
        journal.append("none", "closed")


@pytest.mark.parametrize("taken", ["nothing", "of another session", "an undo", "by a note"])
def test_an_undo_takes_back_what_its_session_did(pen: Pen, taken: str) -> None:
    other = Pen(pen.path, "CD").decide("s1:a", "HER2-0")
    decision = pen.decide("s1:a", "HER2-0")
    undo = pen.undo(decision)
    takes_back = {"nothing": "", "of another session": other.event, "an undo": undo.event, "by a note": decision.event}
    kind = "note" if taken == "by a note" else "undo"
    with pytest.raises(JournalError, match="expected an undo, and a decision, note or flag of its session"):
        pen.add(kind, cell_id="s1:a", round="review", takes_back=takes_back[taken])
    assert len(io.read_journal(pen.path)) == 3


def test_names_of_files_may_hold_anything(tmp_path: Path) -> None:
    pen = Pen(tmp_path / "a?b#c%20 é'\".journal")
    pen.decide("s1:a", "HER2-0")
    assert len(io.read_decisions(pen.path)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [pen.path.name]


def test_the_file_is_what_its_description_says(path: Path) -> None:
    """docs/review_journal.md tells how to read it with nothing but SQLite, JSON and BLAKE2b."""
    pen = Pen(path, blinded=True)
    pen.decide("s1:ä", "HER2-0", seen={"image": "00"})
    pen.add("closed")
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA application_id").fetchone() == (0x48325052,)
        assert file.execute("PRAGMA user_version").fetchone() == (1,)
        (head,) = file.execute("SELECT * FROM sessions").fetchall()
        events = file.execute("SELECT * FROM events").fetchall()
    before = ""
    for row in (head, *events):
        text = json.dumps(row[:-1], ensure_ascii=False, separators=(",", ":"))
        assert row[-1] == hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()
        assert row is head or row[-2] == before
        before = row[-1]
    assert json.loads(head[4]) == [["s1:a", "review"], ["s1:b", "review"], ["s2:a", "review"]]


def test_a_journal_of_version_1_stays_readable(path: Path) -> None:
    """The dump was made once; later versions of the package have to read it as this one did."""
    with closing(sqlite3.connect(path)) as file:
        file.executescript((Path(__file__).parent / "version_1.sql").read_text(encoding="utf-8"))
    table = io.read_decisions(path)
    assert list(table[["reviewer", "cell_id", "round", "decision", "blinded"]].itertuples(index=False, name=None)) == [
        ("AB", "D01-d0:7", "review", "HER2-low", True),
        ("AB", "D01-d0:7", "repeat", "unsure", True),
    ]
    assert list(io.read_journal(path)["kind"]) == [
        "opened",
        "decision",
        "note",
        "decision",
        "decision",
        "undo",
        "closed",
    ]


def test_decisions_are_exported_without_formulas(pen: Pen, tmp_path: Path) -> None:
    pen.decide("=cmd:a", "HER2-0")
    io.write_table(io.read_decisions(pen.path), tmp_path / "decisions.csv")
    table = pd.read_csv(tmp_path / "decisions.csv", parse_dates=["at"])
    assert list(table["cell_id"]) == ["'=cmd:a"]
    assert list(table["decision"]) == ["HER2-0"]
    assert table["at"].equals(io.read_decisions(pen.path)["at"].astype(table["at"].dtype))


_STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["HER2-0", "HER2-low", "undo"])), max_size=12)


@given(_STEPS)
def test_undoing_is_as_if_it_had_never_been_decided(steps: list[tuple[str, str]]) -> None:
    """Taking back the last that stands, any number of times, leaves what a list would hold that is popped."""
    events: list[Event] = []
    kept: list[tuple[str, str]] = []
    ids: list[str] = []
    for place, (cell, word) in enumerate(steps):
        takes_back = ""
        if word == "undo":
            if not kept:
                continue
            takes_back = ids.pop()
            kept.pop()
        else:
            kept.append((cell, word))
            ids.append(str(place))
        kind, value = ("undo", "") if word == "undo" else ("decision", word)
        at = f"2026-01-01T00:00:{place:02}.000000+00:00"
        events.append(Event(str(place), "s", place, at, kind, cell, "review", value, takes_back, "{}", ""))
    standing = {event.cell_id: event.value for event in last_decisions(events, {"s": "AB"}, each_session=False)}
    assert standing == dict(kept)
