"""What SQLite and the disk may say, turned into an error that tells what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from her2plastic._errors import JournalError

_DAMAGED: Final = "the file is damaged. Restore it from a copy"
#: The beginning of SQLite's names of faults, and what to do about them.
_REMEDIES: Final = {
    "SQLITE_BUSY": "another program holds it locked. Close that program, or try again",
    "SQLITE_LOCKED": "another program holds it locked. Close that program, or try again",
    "SQLITE_FULL": "the disk is full. Free some space, and try again",
    "SQLITE_IOERR": "the disk does not answer, or is full. Look after the disk, and try again",
    "SQLITE_READONLY": "the file or its folder may not be written to. Change its permissions, or name another file",
    "SQLITE_PERM": "the file may not be opened. Change its permissions, or name another file",
    "SQLITE_CANTOPEN": "the file or its folder may not be opened. Change the permissions, or name another file",
    "SQLITE_NOTADB": "it is no journal of reviews. Name another file",
    "SQLITE_CORRUPT": _DAMAGED,
}  # fmt: skip


@contextmanager
def journal_faults(path: Path, doing: str) -> Iterator[None]:
    """Raise JournalError for whatever SQLite or the disk says; what stood in the journal still does."""
    try:
        yield
    except sqlite3.Error as fault:
        name = getattr(fault, "sqlite_errorname", None) or ""
        other = "it was closed. Open it again" if isinstance(fault, sqlite3.ProgrammingError) else _DAMAGED
        remedy = next((text for start, text in _REMEDIES.items() if name.startswith(start)), other)
        raise JournalError(
            f"the journal {path.name} cannot be {doing}: {remedy} ({fault}). What was acknowledged before is kept"
        ) from fault
    except UnicodeDecodeError as fault:  # sqlite3 itself fails on names that were scrambled
        raise JournalError(f"the journal {path.name} cannot be {doing}: {_DAMAGED} ({fault})") from fault
    except JournalError:
        raise
    except OSError as fault:
        raise JournalError(f"the journal {path.name} cannot be {doing}: {fault.strerror or fault}") from fault
