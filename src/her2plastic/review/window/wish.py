"""What a reviewer asks for: which cells, which journal, who, and how."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: The journal's name where none is given: beside the results.
JOURNAL_NAME: Final = "review.journal"


@dataclass(frozen=True)
class Wish:
    """What a reviewer asks for.

    Attributes
    ----------
    path, journal
        Results and journal. Without a journal it lies beside the results.
    reviewer
        Initials.
    settings
        Arguments of ``ReviewSettings``; None goes on with the session that was left last.
    images
        Where the stores of the slides are, if not beside the cells.
    """

    path: str = ""
    journal: str = ""
    reviewer: str = ""
    settings: Mapping[str, Any] | None = None
    images: str = ""

    def results_path(self) -> Path:
        """Return the results that are meant."""
        return _from_home(self.path)

    def images_path(self) -> Path | None:
        """Return where the stores of the slides are meant to be; None for beside the cells."""
        return _from_home(self.images) if self.images else None

    def journal_path(self) -> Path:
        """Return the journal that is meant."""
        if self.journal.strip():
            return _from_home(self.journal.strip())
        place = self.results_path()
        return (place if place.is_dir() and place.suffix != ".zarr" else place.parent) / JOURNAL_NAME


def _from_home(text: str) -> Path:
    """Return a path; ``~`` is the home folder, which no shell has put in for a form or an option with ``=``."""
    return Path(os.path.expanduser(text))  # leaves the home of nobody as it is, where pathlib raises
