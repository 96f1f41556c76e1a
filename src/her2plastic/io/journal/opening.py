"""Opening of a file as a journal, or saying why it is none."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from her2plastic._errors import JournalError
from her2plastic.io.journal.faults import journal_faults
from her2plastic.io.journal.layout import FORMAT, MAGIC, make_file
from her2plastic.io.journal.patience import PatientFile


def open_file(path: Path, *, create: bool, wait_seconds: float) -> PatientFile:
    """Return the journal at ``path``, made where there is none and ``create``.

    Raises
    ------
    JournalError
        There is none, or it is no journal, damaged, locked, or of a newer version.
    """
    with journal_faults(path, "opened"), ExitStack() as on_failure:
        _prepare_place(path, create=create)
        file = PatientFile(path, wait_seconds=wait_seconds)
        on_failure.callback(file.close)
        _check_layout(path.name, file)
        file.keep_on_disk()
        file.run("PRAGMA foreign_keys = ON")
        on_failure.pop_all()
    return file


def _prepare_place(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise JournalError(f"{path.name} is a folder: expected the file of a journal")
    if not path.exists():
        if not create:
            raise JournalError(f"no journal at {path}: expected a file made by her2plastic review")
        if not path.parent.is_dir():
            raise JournalError(f"the folder of the journal, {path.parent}, does not exist: make it first")
        make_file(path)
    if path.stat().st_size == 0:
        raise JournalError(
            f"{path.name} is empty: expected a journal. Restore it from a copy, or name another file, or "
            "delete it if it never held anything"
        )


def _check_layout(name: str, file: PatientFile) -> None:
    (mark,) = file.run("PRAGMA application_id").fetchone()
    if mark != MAGIC:
        raise JournalError(f"{name} is an SQLite file of another program, not a journal of reviews: name another file")
    (version,) = file.run("PRAGMA user_version").fetchone()
    if version < 1:
        raise JournalError(f"{name} is damaged: it is of version {version}. Restore it from a copy")
    if version > FORMAT:
        raise JournalError(
            f"{name} is a journal of version {version}, made by a newer her2plastic; this one reads version {FORMAT}. "
            "Update her2plastic"
        )
    (state,) = file.run("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise JournalError(f"{name} is damaged: {' '.join(state.split())}. Restore it from a copy; nothing was changed")
