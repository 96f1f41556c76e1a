"""The tables of a journal, and the making of a new file: whole or not there."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final
from uuid import uuid4

#: Marks an SQLite file as a journal ("H2PR"), and tells the version of its layout.
MAGIC: Final = 0x48325052
FORMAT: Final = 1

_TABLES: Final = (
    """CREATE TABLE sessions (
    session TEXT PRIMARY KEY NOT NULL, reviewer TEXT NOT NULL, begun TEXT NOT NULL, settings TEXT NOT NULL,
    queue TEXT NOT NULL, data TEXT NOT NULL, digest TEXT NOT NULL UNIQUE
)""",
    """CREATE TABLE events (
    event TEXT PRIMARY KEY NOT NULL, session TEXT NOT NULL REFERENCES sessions, place INTEGER NOT NULL,
    at TEXT NOT NULL, kind TEXT NOT NULL, cell_id TEXT NOT NULL, round TEXT NOT NULL, value TEXT NOT NULL,
    takes_back TEXT NOT NULL, seen TEXT NOT NULL, after TEXT NOT NULL, digest TEXT NOT NULL UNIQUE
)""",
    "CREATE INDEX events_of_sessions ON events (session, at)",
)


def _guards() -> list[str]:
    """Return triggers that refuse every change and deletion, those by which INSERT OR REPLACE makes room included."""
    refuse = "BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END"
    guards = []
    for table, key in (("sessions", "session"), ("events", "event")):
        guards += [f"CREATE TRIGGER {table}_keep_{what} BEFORE {what.upper()} ON {table} {refuse}"
                   for what in ("update", "delete")]  # fmt: skip
        there = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key} OR digest = NEW.digest)"
        guards.append(f"CREATE TRIGGER {table}_keep_replace BEFORE INSERT ON {table} {there} {refuse}")
    return guards


def make_file(path: Path) -> None:
    """Make an empty journal at ``path`` in one step, unless another process was faster: then theirs stays.

    So a file of no bytes is never a journal that was being made, but one that was lost.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        file = sqlite3.connect(part, isolation_level=None)
        try:
            file.execute("PRAGMA synchronous = EXTRA")
            file.execute("BEGIN IMMEDIATE")
            for statement in (*_TABLES, *_guards()):
                file.execute(statement)
            file.execute(f"PRAGMA application_id = {MAGIC}")
            file.execute(f"PRAGMA user_version = {FORMAT}")
            file.execute("COMMIT")
        finally:
            file.close()
        _put(part, path)
    finally:
        part.unlink(missing_ok=True)


def _put(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        return
    except OSError:  # file systems without hard links
        if path.exists():
            return
        part.rename(path)
    if os.name != "nt":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
