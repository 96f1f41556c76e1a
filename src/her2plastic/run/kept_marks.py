"""Marks of what is kept for other jobs or later runs: what it was made from, in words and as a digest.

A mark is written last into the folder of what is kept: where it stands, the rest is whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from her2plastic import io
from her2plastic._errors import InputFileError

#: The mark of a kept sample, slide or stage.
MARK: Final = "made.json"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


def key_of(recipe: Mapping[str, Any]) -> str:
    """Return the digest of everything that a result depends on."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:32]


def folder_name(name: str) -> str:
    """Return a name that any file system takes; one that had to be changed ends in a digest, so that no two meet."""
    safe = _UNSAFE.sub("_", name).lstrip(".")[:80]
    if safe and safe == name:
        return safe
    return f"{safe or 'unnamed'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def write_mark(folder: Path, **mark: Any) -> None:
    """Write the mark of a folder: what is there is whole."""
    io.write_text(json.dumps(mark, indent=1) + "\n", folder / MARK)


def mark_of(folder: Path, *, what: str) -> dict[str, Any]:
    """Return the mark of a folder, or raise an InputFileError where nothing whole is kept there."""
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputFileError(f"{what}: nothing is kept in {folder}; run its job first") from None
    except ValueError as error:
        raise InputFileError(f"{what}: {folder / MARK} is damaged ({error}); delete it and run its job again") from None
    if not isinstance(mark, dict):
        raise InputFileError(f"{what}: {folder / MARK} is damaged; delete it and run its job again")
    return mark


def usable_mark(folder: Path, *, what: str, key: str | Callable[[Mapping[str, Any]], str]) -> dict[str, Any]:
    """Return the mark of a folder, or raise an InputFileError where what is kept there was made from something else.

    ``key`` is the digest of what it should have been made from, or gives it from what the mark says of its file.
    """
    mark = mark_of(folder, what=what)
    wanted = key if isinstance(key, str) else key(mark.get("input", {}))
    if mark.get("key") != wanted:
        raise InputFileError(
            f"{what}: {folder} was made from other files, by another configuration or by another version of "
            "her2plastic; delete it and run its job again"
        )
    return mark
