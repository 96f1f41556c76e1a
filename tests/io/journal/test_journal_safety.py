"""A journal is only added to; whatever happens to its file is said, and what stood in it still does."""

from __future__ import annotations

import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.io.journal.pen import Pen

from her2plastic import io
from her2plastic._errors import JournalError
from her2plastic.io.journal.recording import Journal


def run_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        for statement in statements:
            file.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET value = 'HER2-positive'",
        "UPDATE sessions SET reviewer = 'CD'",
        "DELETE FROM events",
        "DELETE FROM sessions",
        "INSERT OR REPLACE INTO events SELECT * FROM events",
        "INSERT OR REPLACE INTO sessions SELECT * FROM sessions",
        "REPLACE INTO events SELECT 'x', session, place, at, kind, cell_id, round, 'HER2-positive', takes_back, seen, "
        "after, digest FROM events",
    ],
)
def test_a_journal_is_only_added_to(pen: Pen, statement: str) -> None:
    pen.decide("s1:a", "HER2-0")
    before = io.read_journal(pen.path)
    with pytest.raises(sqlite3.IntegrityError, match="a journal is only added to"):
        run_sql(pen.path, statement)
    assert io.read_journal(pen.path).equals(before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE events SET value = 'HER2-positive' WHERE place = 1", "event 1 of session .* is not as it was written"),
        ("DELETE FROM events WHERE place = 1", "what stood before event 2 of session .* is missing"),
        ("UPDATE sessions SET settings = '{}'", "the head of session .* of AB is not as it was written"),
        ("DELETE FROM sessions", "what stood before event 0 .* is missing"),
    ],
)
def test_a_change_behind_its_back_is_found(path: Path, change: str, message: str) -> None:
    pen = Pen(path, blinded=True)
    for cell in ("s1:a", "s1:b", "s2:a"):
        pen.decide(cell, "HER2-0")
    with closing(sqlite3.connect(path)) as file:
        triggers = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    run_sql(path, *(f"DROP TRIGGER {name}" for name in triggers), change)
    with pytest.raises(JournalError, match=message):
        io.read_decisions(path)


def _no_file(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("cell_id,decision\n" * 100)


def _foreign(path: Path) -> None:
    path.unlink()
    run_sql(path, "CREATE TABLE events (event)")


def _newer(path: Path) -> None:
    run_sql(path, "PRAGMA user_version = 2")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def _scrambled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(range(256)) * 16
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_no_file, "no journal at .*: expected a file made by her2plastic review"),
        (_folder, "is a folder: expected the file of a journal"),
        (_empty, "is empty: expected a journal. Restore it"),
        (_text, "it is no journal of reviews. Name another file"),
        (_foreign, "SQLite file of another program"),
        (_newer, "version 2, made by a newer her2plastic; this one reads version 1. Update"),
        (_cut, "damaged"),
        (_scrambled, "damaged"),
    ],
)
def test_a_file_that_is_no_sound_journal_is_refused_and_left_alone(
    pen: Pen, damage: Callable[[Path], None], message: str
) -> None:
    for number in range(20):
        pen.decide(f"s1:{number}", "HER2-0", seen={"filling": "x" * 500})
    damage(pen.path)
    before = pen.path.read_bytes() if pen.path.is_file() else None
    for opening in (io.read_decisions, io.read_journal, Journal):
        with pytest.raises(JournalError, match=message):
            opening(pen.path)
    assert (pen.path.read_bytes() if pen.path.is_file() else None) == before
    assert [entry.name for entry in pen.path.parent.iterdir()] == [pen.path.name] * pen.path.exists()


def test_scrambled_bits_are_found_or_do_no_harm(pen: Pen) -> None:
    for number in range(5):
        pen.decide("s1:ä", "HER2-0", seen={"filling": "ö" * 10 * number})
    whole, sound = io.read_journal(pen.path), pen.path.read_bytes()
    chance, refused = random.Random(3), 0
    for _ in range(120):
        content = bytearray(sound)
        for _ in range(chance.choice((1, 1, 4, 40))):
            # the head of the file, and anywhere
            content[chance.randrange(100) if chance.random() < 0.3 else chance.randrange(len(content))] ^= (
                1 << chance.randrange(8)
            )
        pen.path.write_bytes(content)
        try:
            assert io.read_journal(pen.path).equals(whole)
        except JournalError:
            refused += 1
        pen.path.with_name(f"{pen.path.name}-journal").unlink(missing_ok=True)
    assert 20 < refused < 120


def test_a_new_journal_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="the folder of the journal, .*, does not exist: make it first"):
        Journal(tmp_path / "none" / "a.journal", create=True)


def test_a_locked_journal_says_so_and_keeps_what_it_has(pen: Pen) -> None:
    pen.decide("s1:a", "HER2-0")
    with Journal(pen.path, wait_seconds=0.05) as journal, closing(sqlite3.connect(pen.path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalError, match="cannot be written to: another program holds it locked"):
            journal.append(pen.head.session, "closed")
        with pytest.raises(JournalError, match="cannot be opened: another program holds it locked"):
            Journal(pen.path, wait_seconds=0.05)
        other.rollback()
        journal.append(pen.head.session, "closed")
    assert list(io.read_journal(pen.path)["kind"]) == ["decision", "closed"]


@pytest.mark.parametrize("what", ["moved", "deleted", "replaced"])
def test_nothing_is_written_to_a_file_that_nobody_would_find(pen: Pen, path: Path, what: str) -> None:
    elsewhere = path.with_name("elsewhere.journal")
    with Journal(path) as journal:
        journal.append(pen.head.session, "opened")
        if what == "deleted":
            path.unlink()
        else:
            shutil.copy(path, elsewhere)
            elsewhere.replace(path) if what == "replaced" else path.replace(elsewhere)
        with pytest.raises(JournalError, match="was moved, deleted or replaced while it was open. Nothing was written"):
            journal.append(pen.head.session, "closed")
        if what == "moved":
            elsewhere.replace(path)
            journal.append(pen.head.session, "closed")
            assert list(io.read_journal(path)["kind"]) == ["opened", "closed"]


def test_a_full_disk_is_said_and_costs_nothing(pen: Pen) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    written = []
    with Journal(pen.path) as journal:

        def decide() -> None:
            seen = {"filling": "x" * 2000}
            written.append(
                journal.append(
                    pen.head.session, "decision", cell_id="s1:a", round="review", value="unsure", seen=seen
                ).event
            )

        resource.setrlimit(resource.RLIMIT_FSIZE, (pen.path.stat().st_size + 20_000, hard))
        try:
            with pytest.raises(JournalError, match="cannot be written to: the disk .*full"):
                for _ in range(100):
                    decide()
            assert 2 < len(written) < 20
            with pytest.raises(JournalError, match="full"):
                decide()
            assert list(io.read_journal(pen.path)["event"]) == written
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        decide()
    assert list(io.read_journal(pen.path)["event"]) == written


def test_reading_does_not_write(pen: Pen) -> None:
    with Journal(pen.path, read_only=True) as journal, pytest.raises(JournalError, match="cannot be written to"):
        journal.append(pen.head.session, "closed")
    assert len(io.read_journal(pen.path)) == 0


def test_several_who_make_a_journal_at_once_make_one(path: Path) -> None:
    code = (
        "import sys; from her2plastic.io.journal.recording import Journal\n"
        "sys.stdin.readline()\n"
        "with Journal(sys.argv[1], create=True) as journal:\n"
        "    journal.begin_session(reviewer='AB', settings={}, queue=[], data={})\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in running] == [None] * 3
    assert [process.returncode for process in running] == [0] * 3
    with Journal(path) as journal:
        assert len(journal.heads()) == 3
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
