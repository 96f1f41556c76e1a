"""A connection that waits for other processes, and is fair to them."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

# SQLite's own waiting sleeps ever longer, so that a process that writes without a pause keeps all others out.
_PAUSE_SECONDS: Final = (0.001, 0.004)


class PatientFile:
    """An SQLite file that may be in use by other processes, open until :meth:`close`.

    Parameters
    ----------
    path
        The file; it has to be there.
    wait_seconds
        How long to wait for a lock, in seconds.
    """

    def __init__(self, path: Path, *, wait_seconds: float) -> None:
        self._wait = wait_seconds
        # Opened for writing even where it is only read: a process that was killed may have left something to roll back.
        self._file = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0.0, isolation_level=None)
        self._file.execute("PRAGMA busy_timeout = 0")

    def run(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run a statement; while another process is in the way, try again until the time is over."""
        deadline = time.monotonic() + self._wait
        while True:
            try:
                return self._file.execute(statement, values)
            except sqlite3.OperationalError as fault:
                if getattr(fault, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(*_PAUSE_SECONDS))

    def keep_on_disk(self) -> None:
        """Have a commit return when all is on the disk, so that no power cut afterwards takes it back."""
        self.run("PRAGMA synchronous = EXTRA")
        self.run("PRAGMA fullfsync = ON")  # macOS: past the disk's own cache too
        # Fewer waits for the disk than with a rollback file that is deleted each time. A write-ahead log would need
        # fewer still, but is lost or mixed up in plain copies, and on network and read-only disks.
        self.run("PRAGMA journal_mode = TRUNCATE")

    def roll_back(self) -> None:
        """Take back what was not committed."""
        if self._file.in_transaction:
            self._file.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file, and take its empty rollback file away, unless another process uses it: that one will."""
        with suppress(sqlite3.Error, UnicodeDecodeError):
            self._file.execute("PRAGMA journal_mode = DELETE")
        self._file.close()
