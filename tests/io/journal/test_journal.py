"""What is written to a journal comes back, and what stands of it is what a person would say stands."""

from __future__ import annotations

import json
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
