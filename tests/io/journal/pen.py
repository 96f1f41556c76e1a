"""A journal that is written to by name of cell and decision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from her2plastic.io.journal.events import Event, SessionHead
from her2plastic.io.journal.recording import Journal

CELLS = ("s1:a", "s1:b", "s2:a")


class Pen:
    """A session that is written to by name of cell and decision."""

    def __init__(self, path: Path, reviewer: str = "AB", cells: Sequence[str] = CELLS, **settings: Any) -> None:
        self.path = path
        with Journal(path, create=True) as journal:
            self.head: SessionHead = journal.begin_session(
                reviewer=reviewer, settings=settings, queue=[(cell, "review") for cell in cells], data={"name": "test"}
            )

    def add(self, kind: str, **what: Any) -> Event:
        with Journal(self.path) as journal:
            return journal.append(self.head.session, kind, **what)

    def decide(self, cell_id: str, word: str, round: str = "review", **what: Any) -> Event:
        return self.add("decision", cell_id=cell_id, round=round, value=word, **what)

    def undo(self, event: Event) -> Event:
        return self.add("undo", cell_id=event.cell_id, round=event.round, takes_back=event.event)
