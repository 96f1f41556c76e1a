"""Where a review stands, and what of it may be shown now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from her2plastic._errors import ReviewError
from her2plastic._keys import REVIEW_ROUNDS
from her2plastic.io.journal.events import Event, Item
from her2plastic.review.session.blinding import OthersDecision, decisions_of_others, hidden_columns, told_facts
from her2plastic.review.session.ordering import cell_ids
from her2plastic.review.session.progress import Progress, start_of
from her2plastic.review.session.starting import StartedSession

if TYPE_CHECKING:
    from anndata import AnnData

#: Told in place of a reason that would give a cell away.
_NO_PICTURE: Final = (
    "Its image is damaged, or no longer where it was: was the folder moved, or the disk taken away? Which image it is "
    "can be told once the session is closed, for it would tell whose cell this is."
)


class SessionView:
    """What can be known of a session without changing it; ``ReviewSession`` adds deciding and moving."""

    def __init__(self, adata: AnnData, started: StartedSession) -> None:
        self._adata = adata
        self._rows = {str(name): row for row, name in enumerate(cell_ids(adata))}
        self._journal, self._ledger, self._steps = started.journal, started.ledger, started.shown
        self._place = {step: place for place, step in enumerate(self._steps)}
        self.reviewer, self.session, self.queue = started.head.reviewer, started.head.session, started.head.queue
        self.settings = started.settings
        self.resumed, self.gone, self.missing = started.resumed, started.gone, started.missing
        self._position = start_of(self.queue, self._steps, self._ledger)
        self._first_step = {cell: step for step, (cell, _) in reversed(list(enumerate(self.queue)))}
        self._others: dict[str, tuple[OthersDecision, ...]] | None = None
        self._changes = 0

    # --- where it stands ------------------------------------------------------------------------------------------
    @property
    def journal_path(self) -> Path:
        """The file of the journal."""
        return self._journal.path

    @property
    def events(self) -> tuple[Event, ...]:
        """All that happened in this session, in order; what was taken back included."""
        return tuple(self._ledger.events)

    @property
    def position(self) -> int:
        """The step of the queue that is shown, from 0."""
        return self._position

    @property
    def current(self) -> Item:
        """The cell that is shown and its round."""
        return self.queue[self._position]

    @property
    def current_decision(self) -> str | None:
        """What was decided at this step; for a repeat, not what was decided the first time."""
        return self._ledger.decisions.get(self.current)

    @property
    def to_take_back(self) -> Event | None:
        """The decision, note or flag that an undo would take back now; None where there is none."""
        return self._ledger.standing[-1] if self._ledger.standing and not self.closed else None

    @property
    def finished(self) -> bool:
        """Whether every step that can be decided is: a cell without a picture is not waited for."""
        open_ = (step for step in self._steps if self.queue[step] not in self._ledger.decisions)
        return all(self.queue[step][0] in self.missing for step in open_)

    @property
    def closed(self) -> bool:
        """Whether the session was closed: nothing is hidden any more, and nothing can be decided."""
        return self._ledger.closed

    @property
    def blind(self) -> bool:
        """Whether call, patient, draw and the decisions of others are hidden now."""
        return self.settings.blinded and not self.closed

    @property
    def progress(self) -> Progress:
        """How many steps are done, of how many, and how they were decided."""
        return self._ledger.progress([self.queue[step] for step in self._steps])

    def upcoming(self, n: int) -> tuple[str, ...]:
        """Return the cells of the next ``n`` steps, to be prepared while the reviewer looks at this one."""
        place = self._place[self._position]
        return tuple(self.queue[step][0] for step in self._steps[place + 1 : place + 1 + n])

    # --- what may be shown ----------------------------------------------------------------------------------------
    def decision_of(self, cell_id: str) -> str | None:
        """Return the reviewer's own decision on a cell; while its repeat is shown, that of the repeat."""
        if self.current[0] == cell_id:
            return self.current_decision
        return self.decisions().get(cell_id)

    def decisions(self) -> dict[str, str]:
        """Return the reviewer's own standing decisions of this session by cell; of two, the first look's."""
        found: dict[str, str] = {}
        for (cell, why), word in self._ledger.decisions.items():
            if why != "repeat" or cell not in found:
                found[cell] = word
        return found

    def decisions_of_all(self) -> pd.DataFrame:
        """Return everybody's standing decisions, as ``io.read_decisions`` does.

        Raises
        ------
        ReviewError
            They are hidden until the session is closed.
        """
        from her2plastic.io import read_decisions

        if self.blind:
            raise ReviewError("the decisions of others are hidden until the session is closed")
        return read_decisions(self.journal_path)

    def notes_of(self, cell_id: str) -> tuple[str, ...]:
        """Return the notes of this session on a cell; while its repeat is shown, those of the repeat."""
        return tuple(note for item in self._items_of(cell_id) for note in self._ledger.notes.get(item, ()))

    def flagged(self, cell_id: str) -> bool:
        """Return whether the cell has a flag in this session; while its repeat is shown, whether the repeat has."""
        return any(item in self._ledger.flags for item in self._items_of(cell_id))

    def _items_of(self, cell_id: str) -> list[Item]:
        """Return the steps that may answer for a cell: a note of the first look would give its repeat away."""
        return [self.current] if self.current[0] == cell_id else [(cell_id, why) for why in REVIEW_ROUNDS]

    def name_of(self, cell_id: str) -> str:
        """Return what a cell may be called on the screen: its name tells the sample, and is hidden while blinded."""
        if not self.blind:
            return cell_id
        step = self._position if self.current[0] == cell_id else self._first_step.get(cell_id)
        return "another cell" if step is None else f"cell {step + 1}"

    def why_no_picture(self, reason: str) -> str:
        """Return what may be told of why a cell has no picture; the reason names its slide, and is hidden, too."""
        return _NO_PICTURE if self.blind else reason

    def hidden_columns(self) -> frozenset[str]:
        """Return the columns of ``obs`` that must not be shown now."""
        return hidden_columns(self._adata) if self.blind else frozenset()

    def facts(self, cell_id: str) -> dict[str, str]:
        """Return what may be told of a cell now, as words: nothing of call, patient and draw while blinded."""
        if cell_id not in self._rows:
            raise ReviewError(f"the cell {cell_id!r} is not in the data")
        return told_facts(self._adata, self._rows[cell_id], blind=self.blind)

    def others(self, cell_id: str) -> tuple[OthersDecision, ...]:
        """Return what was decided on a cell in other sessions; nothing while blinded, except in adjudication."""
        if self.blind and not self.settings.adjudicate:
            return ()
        changes = self._journal.changes_of_others()
        if self._others is None or changes != self._changes:
            self._changes = changes
            self._others = decisions_of_others(
                self._journal.events(),
                {head.session: head.reviewer for head in self._journal.heads()},
                without_session=self.session,
            )
        return self._others.get(cell_id, ())
