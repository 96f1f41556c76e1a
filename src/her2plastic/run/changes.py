"""Whether an input was changed since a job read it, told without reading it."""

from __future__ import annotations

import hashlib
from pathlib import Path


def stamp_of(path: Path) -> str:
    """Return a word that is another one once a file, or any file in a folder, was written, exchanged, or removed.

    A file that was put in the place of another keeps its own time, which may be long past; that of a folder does not
    change where a file in it is written. So the stamp holds size and time of every file, and only equality counts.
    """
    files = sorted(inner for inner in path.rglob("*") if inner.is_file()) if path.is_dir() else [path]
    lines = [f"{file.relative_to(path)} {told.st_size} {told.st_mtime_ns}" for file in files for told in [file.stat()]]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]
