"""What a reviewer asks for: which cells, which journal, who, and how."""

from __future__ import annotations

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

    def journal_path(self) -> Path:
        """Return the journal that is meant."""
        if self.journal.strip():
            return Path(self.journal.strip()).expanduser()
        place = Path(self.path).expanduser()
        return (place if place.is_dir() and place.suffix != ".zarr" else place.parent) / JOURNAL_NAME
