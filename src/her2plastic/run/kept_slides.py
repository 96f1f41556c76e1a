"""Slides that are whole, kept through an interruption: each in a folder named by the digest of what made it.

A slide is written beside its place and renamed into it, so that what stands there is whole. The slides of the last run,
ended or not, stand in ``.her2plastic/slides`` of the results folder: their label images and what was measured.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from her2plastic.run.folder import HIDDEN

#: What a whole slide is known by, within its folder.
MARK: Final = "slide.json"


class KeptSlides:
    """The whole slides of a results folder.

    Parameters
    ----------
    results
        The results folder.
    """

    def __init__(self, results: Path) -> None:
        self._folder = results / HIDDEN / "slides"

    def find(self, key: str) -> Path | None:
        """Return the folder of a whole slide that was made from the same, or None."""
        return self._folder / key if _mark(self._folder / key).get("key") == key else None

    @contextmanager
    def writing(self, key: str, mark: Mapping[str, Any]) -> Iterator[Path]:
        """Give a new folder to write a slide into; it is kept if the block ends well."""
        part, whole = self._folder / f"{key}.part", self._folder / key
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            yield part
            (part / MARK).write_text(json.dumps({"key": key, **mark}, indent=1) + "\n", encoding="utf-8")
            os.sync()  # a store has thousands of files, all of which must be on the disk before they count as whole
            shutil.rmtree(whole, ignore_errors=True)
            part.rename(whole)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def keep_only(self, keys: Collection[str]) -> None:
        """Remove the slides of former runs."""
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.name not in keys:
                shutil.rmtree(folder, ignore_errors=True)


def _mark(folder: Path) -> dict[str, Any]:
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return mark if isinstance(mark, dict) else {}
