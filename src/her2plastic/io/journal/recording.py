"""Opening a journal, and adding to it: what was added is on the disk when the call returns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from her2plastic import _keys
from her2plastic._errors import JournalError, one_of
from her2plastic.io.journal.checking import check_chain
from her2plastic.io.journal.events import (
    EVENT_COLUMNS,
    KINDS,
    UNDOABLE,
    Event,
    Item,
    SessionHead,
    as_json,
    checked_reviewer,
    checked_text,
    digest_of_event,
    digest_of_head,
)
from her2plastic.io.journal.faults import journal_faults
from her2plastic.io.journal.heads import HEAD_COLUMNS, head_of_row
from her2plastic.io.journal.opening import open_file
from her2plastic.io.journal.patience import PatientFile

_LIST_OF_EVENTS: Final = ", ".join(EVENT_COLUMNS)


class Journal:
    """A journal of reviews, open until :meth:`close`; also a context manager.

    Two processes may add to one journal at a time where it lies on a local disk. On network file systems, whose locks
    cannot be trusted, keep a journal each and join them by :func:`her2plastic.io.merge_journals`.

    Parameters
    ----------
    path
        The file.
    create
        Make it where there is none; its folder has to be there.
    read_only
        Refuse to add to it.
    wait_seconds
        How long to wait while another process writes, in seconds.

    Raises
    ------
    JournalError
        There is no such file, or it is no journal, damaged, in use by another program, or of a newer version.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        read_only: bool = False,
        wait_seconds: float = 5.0,
    ) -> None:
        self.path = Path(path)
        self._file = open_file(self.path, create=create, wait_seconds=wait_seconds)
        self._identity = _identity(self.path)
        if read_only:
            self._file.run("PRAGMA query_only = ON")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Everything that was added is on the disk already."""
        self._file.close()

    # --- adding ---------------------------------------------------------------------------------------------------
    def begin_session(
        self, *, reviewer: str, settings: Mapping[str, Any], queue: Sequence[Item], data: Mapping[str, Any]
    ) -> SessionHead:
        """Add a session with its whole queue, and return its head."""
        for cell_id, why in queue:
            checked_text(cell_id, name="cell_id of the queue")
            one_of("round", why, _keys.REVIEW_ROUNDS)
        stored = (
            uuid4().hex,
            checked_reviewer(reviewer),
            _moment(datetime.now(UTC)),
            as_json(settings, name="settings"),
            as_json([list(item) for item in queue], name="queue"),
            as_json(data, name="data"),
        )
        row = (*stored, digest_of_head(*stored))
        with self._writing() as file:
            _insert(file, "sessions", HEAD_COLUMNS, row)
        return head_of_row(row)

    def append(
        self,
        session: str,
        kind: str,
        *,
        cell_id: str = "",
        round: str = "",
        value: str = "",
        takes_back: str = "",
        seen: Mapping[str, Any] | None = None,
        follows: str | None = None,
    ) -> Event:
        """Add an event to a session and return it, once it is on the disk.

        With ``follows``, the digest of the event that the caller knows as the last, nothing is added where the session
        was meanwhile gone on with elsewhere.
        """
        one_of("kind", kind, KINDS)
        if kind == "decision":
            one_of("decision", value, _keys.REVIEW_DECISIONS)
        if cell_id or kind == "decision":
            one_of("round", round, _keys.REVIEW_ROUNDS)
        words = {"cell_id": cell_id, "value": value, "takes_back": takes_back}
        for name, text in words.items():
            checked_text(text, name=name)
        shown = as_json(seen or {}, name="seen")
        with self._writing() as file:
            self._check_taken_back(session, kind, takes_back)
            place, at, after = self._end_of(session)
            if follows is not None and follows != after:
                raise JournalError(
                    f"the session was gone on with in another window since it was opened here (in {self.path.name}). "
                    "Nothing was written: close one of the two, and open the session again"
                )
            event = Event(
                event=uuid4().hex, session=session, place=place, at=at, kind=kind, round=round, seen=shown, after=after,
                **words,
            )  # fmt: skip
            event = replace(event, digest=digest_of_event(event))
            _insert(file, "events", EVENT_COLUMNS, astuple(event))
        return event

    def _check_taken_back(self, session: str, kind: str, takes_back: str) -> None:
        """Raise JournalError unless an undo, and nothing else, takes back a decision, note or flag of its session."""
        found = self._file.run(
            "SELECT kind FROM events WHERE event = ? AND session = ?", (takes_back, session)
        ).fetchone()
        if (found is not None and found[0] in UNDOABLE) if kind == "undo" else not takes_back:
            return
        raise JournalError(
            f"a {kind} takes back {takes_back or 'nothing'!r}: expected an undo, and a decision, note or flag of its "
            "session. Nothing was written"
        )

    def _end_of(self, session: str) -> tuple[int, str, str]:
        """Return place and time of the session's next event, and the digest that it hangs on."""
        now = datetime.now(UTC)
        last = self._file.run(
            "SELECT place, at, digest FROM events WHERE session = ? ORDER BY at DESC, place DESC, event DESC LIMIT 1",
            (session,),
        ).fetchone()
        if last is not None:
            # A clock that was put back must not turn the order of events round.
            after_last = datetime.fromisoformat(last[1]) + timedelta(microseconds=1)
            return last[0] + 1, _moment(max(now, after_last)), last[2]
        head = self._file.run("SELECT digest FROM sessions WHERE session = ?", (session,)).fetchone()
        if head is None:
            raise JournalError(f"{self.path.name} has no session {session!r}: begin one first")
        return 0, _moment(now), head[0]

    def add_rows(self, heads: Sequence[tuple[Any, ...]], events: Sequence[Event]) -> None:
        """Add sessions and events of another journal as they stand there; all of them or none."""
        with self._writing() as file:
            for row in heads:
                _insert(file, "sessions", HEAD_COLUMNS, row)
            for event in events:
                _insert(file, "events", EVENT_COLUMNS, astuple(event))

    @contextmanager
    def _writing(self) -> Iterator[PatientFile]:
        self._check_in_place()
        with journal_faults(self.path, "written to"):
            self._file.run("BEGIN IMMEDIATE")
            try:
                yield self._file
                self._file.run("COMMIT")
            finally:
                self._file.roll_back()

    def _check_in_place(self) -> None:
        """Refuse to write to a file that nobody would find again."""
        if _identity(self.path) != self._identity:
            raise JournalError(
                f"the journal {self.path} was moved, deleted or replaced while it was open. Nothing was written: put "
                "it back, or open the journal where it lies now"
            )

    # --- reading --------------------------------------------------------------------------------------------------
    def heads(self) -> tuple[SessionHead, ...]:
        """Return the heads of all sessions, in the order in which they were added."""
        return tuple(head_of_row(row) for row in self.head_rows())

    def head_rows(self) -> list[tuple[Any, ...]]:
        """Return the heads of all sessions as they are stored."""
        with journal_faults(self.path, "read"):
            return self._file.run(f"SELECT {', '.join(HEAD_COLUMNS)} FROM sessions ORDER BY rowid").fetchall()

    def events(self) -> tuple[Event, ...]:
        """Return all events in the order in which they were added; nothing is checked."""
        with journal_faults(self.path, "read"):
            rows = self._file.run(f"SELECT {_LIST_OF_EVENTS} FROM events ORDER BY rowid")
            return tuple(Event(*row) for row in rows)

    def changes_of_others(self) -> int:
        """Return a number that differs once another process has added something."""
        with journal_faults(self.path, "read"):
            (number,) = self._file.run("PRAGMA data_version").fetchone()
        return int(number)

    def stored(self) -> tuple[list[tuple[Any, ...]], tuple[Event, ...]]:
        """Return all rows of sessions and all events as they stood at one moment, their chains checked.

        Raises
        ------
        JournalError
            An event was changed or is missing.
        """
        with journal_faults(self.path, "read"):
            self._file.run("BEGIN")
            try:
                heads, events = self.head_rows(), self.events()
            finally:
                self._file.roll_back()
        check_chain(self.path.name, heads, events)
        return heads, events

    def contents(self) -> tuple[tuple[SessionHead, ...], tuple[Event, ...]]:
        """Return all sessions and all events, as :meth:`stored` does."""
        heads, events = self.stored()
        return tuple(map(head_of_row, heads)), events


def _insert(file: PatientFile, table: str, columns: Sequence[str], row: Sequence[Any]) -> None:
    places = ", ".join("?" * len(columns))
    file.run(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", row)


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="microseconds")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of its name, or None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
