"""Journals are joined without loss and without counting anything twice, whichever way and however often."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.io.journal.pen import Pen
from tests.io.journal.test_journal_safety import run_sql

from her2plastic import io
from her2plastic._errors import JournalError, ParameterError
from her2plastic.io.journal.recording import Journal


@pytest.fixture
def two(tmp_path: Path) -> tuple[Pen, Pen]:
    """Two reviewers with a journal each."""
    first, second = Pen(tmp_path / "ab.journal"), Pen(tmp_path / "cd.journal", "CD", blinded=True)
    first.decide("s1:a", "HER2-0")
    first.undo(first.decide("s1:b", "HER2-low"))
    second.decide("s1:a", "HER2-positive")
    second.add("note", cell_id="s1:a", round="review", value="bright")
    return first, second


def test_nothing_is_lost_or_counted_twice(two: tuple[Pen, Pen], tmp_path: Path) -> None:
    paths = [pen.path for pen in two]
    separate = pd.concat([io.read_journal(path) for path in paths]).sort_values("at", ignore_index=True)
    merged = tmp_path / "all.journal"
    report = io.merge_journals(paths, into=merged)
    assert report.to_dict("list") == {
        "journal": [str(path) for path in paths],
        "sessions": [1, 1], "events": [3, 2], "new_sessions": [1, 1], "new_events": [3, 2],
    }  # fmt: skip
    assert io.read_journal(merged).equals(separate)
    assert list(io.read_decisions(merged)["decision"]) == ["HER2-0", "HER2-positive"]
    assert list(io.read_decisions(merged)["blinded"]) == [False, True]
    for again in (paths, paths[::-1], [paths[0], paths[0]], [merged]):
        assert io.merge_journals(again, into=merged)[["new_sessions", "new_events"]].to_numpy().sum() == 0
    assert io.read_journal(merged).equals(separate)


def test_the_way_of_merging_makes_no_difference(two: tuple[Pen, Pen], tmp_path: Path) -> None:
    first, second = (pen.path for pen in two)
    one, other, roundabout = (tmp_path / f"{name}.journal" for name in ("one", "other", "roundabout"))
    io.merge_journals([first, second], into=one)
    io.merge_journals([second, first], into=other)
    io.merge_journals([first], into=roundabout)
    io.merge_journals([one, second, other], into=roundabout)
    assert io.read_journal(one).equals(io.read_journal(other))
    assert io.read_journal(one).equals(io.read_journal(roundabout))


def test_one_of_the_journals_can_take_the_others(two: tuple[Pen, Pen]) -> None:
    first, second = two
    before = io.read_journal(second.path)
    report = io.merge_journals([first.path, second.path], into=first.path)
    assert list(report["new_events"]) == [0, 2]
    assert io.read_journal(second.path).equals(before)
    first.decide("s2:a", "unsure")  # its session goes on
    second.decide("s2:a", "HER2-0")
    assert list(io.merge_journals([second.path], into=first.path)["new_events"]) == [1]
    assert len(io.read_decisions(first.path)) == 4


def test_copies_that_were_both_gone_on_with_keep_both_ends(pen: Pen, tmp_path: Path) -> None:
    pen.decide("s1:a", "HER2-0")
    home = tmp_path / "home.journal"
    shutil.copy(pen.path, home)
    with Journal(home) as journal:
        journal.append(pen.head.session, "decision", cell_id="s1:b", round="review", value="HER2-low")
    pen.decide("s2:a", "unsure")
    report = io.merge_journals([home], into=pen.path)
    assert list(report["new_events"]) == [1]
    decisions = io.read_decisions(pen.path)
    assert list(decisions["cell_id"]) == ["s1:a", "s1:b", "s2:a"]
    assert list(io.read_journal(pen.path)["place"]) == [0, 1, 1]
    pen.decide("s1:a", "HER2-low")
    assert list(io.read_decisions(pen.path)["decision"]) == ["HER2-low", "unsure", "HER2-low"]
    assert list(io.merge_journals([pen.path], into=home)["new_events"]) == [2]
    assert io.read_journal(home).equals(io.read_journal(pen.path))


def test_a_damaged_source_leaves_the_target_as_it_was(two: tuple[Pen, Pen], tmp_path: Path) -> None:
    first, second = two
    damaged, new = tmp_path / "damaged.journal", tmp_path / "new.journal"
    damaged.write_bytes(second.path.read_bytes()[:-3000])
    before = first.path.read_bytes()
    for target in (first.path, new):
        with pytest.raises(JournalError, match="damaged"):
            io.merge_journals([second.path, damaged], into=target)
    assert first.path.read_bytes() == before
    assert not new.exists()


def test_a_journal_that_was_changed_by_hand_is_not_merged(two: tuple[Pen, Pen], tmp_path: Path) -> None:
    from dataclasses import astuple, replace

    from her2plastic.io.journal.events import digest_of_event

    first, second = two
    changed = tmp_path / "changed.journal"
    with Journal(second.path) as journal:
        rows, events = journal.stored()
    forged = replace(events[0], value="HER2-0")
    forged = replace(forged, digest=digest_of_event(forged))
    with Journal(changed, create=True) as journal:
        journal.add_rows(rows, [forged])
    assert astuple(forged) != astuple(events[0])
    before = first.path.read_bytes()
    with pytest.raises(JournalError, match="the same session or event with different content.*Nothing was merged"):
        io.merge_journals([second.path, changed], into=first.path)
    assert first.path.read_bytes() == before


@pytest.mark.parametrize("paths", [[], "review.journal", Path("review.journal")])
def test_sources_are_a_list(paths: list[str], tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="expected a list of one or more journals"):
        io.merge_journals(paths, into=tmp_path / "all.journal")


def test_a_missing_or_newer_source_is_said(pen: Pen, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal at"):
        io.merge_journals([tmp_path / "none.journal"], into=pen.path)
    newer = tmp_path / "newer.journal"
    shutil.copy(pen.path, newer)
    run_sql(newer, "PRAGMA user_version = 7")
    with pytest.raises(JournalError, match="version 7"):
        io.merge_journals([newer], into=pen.path)
