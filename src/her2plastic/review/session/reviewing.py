"""A review, step by step: each decision is on the disk before the next cell is shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from her2plastic._errors import ParameterError, ReviewError, one_of
from her2plastic._keys import REVIEW_DECISIONS
from her2plastic.io.journal.events import FLAGGED, UNFLAGGED, Event, Item
from her2plastic.io.journal.recording import Journal
from her2plastic.review.session.progress import next_step, start_of
from her2plastic.review.session.settings import ReviewSettings
from her2plastic.review.session.starting import start_session, this_software
from her2plastic.review.session.viewing import SessionView

if TYPE_CHECKING:
    from anndata import AnnData

#: Called with the kind of what happened (``"moved"`` or a kind of event) and the cell.
Listener = Callable[[str, str], None]


class ReviewSession(SessionView):
    """One reviewer's way through a queue of cells; knows nothing of windows.

    Where the reviewer has an unfinished session of these settings in the journal, it is gone on with: its queue is the
    one that was stored, and it stands at the same cell, even if the data were calibrated or cut down meanwhile.

    Parameters
    ----------
    adata
        The cells; never changed.
    journal
        The journal, or its path; a file that is not there is made.
    reviewer
        Initials or name.
    settings
        How the queue is made. None goes on with the reviewer's last unfinished session whatever its settings, a blinded
        one before any other; where there is none, it stands for ``ReviewSettings()``.
    data
        Name and fingerprint of the data set, to be kept in the journal.
    missing
        Cells that have no picture, and why: they are not shown.

    Attributes
    ----------
    settings
        Those of the session.
    reviewer
        Initials or name.
    session
        Name of the session in the journal.
    queue
        Every step, a cell and its round each. A reviewer must not see the round: repeats are hidden.
    resumed
        Whether a session was gone on with.
    gone
        Cells of the journal's sessions on these data that are no longer among them.
    missing
        Cells of the queue that have no picture, and why; those of ``picture_lost`` among them.

    Raises
    ------
    JournalError
        The journal cannot be opened or written to.
    ReviewError
        The journal is of another data set, no cell is left to review, cells are named twice, or the reviewer has a
        blinded session open that this one would spoil.
    ParameterError
        The reviewer has no name.
    """

    def __init__(
        self,
        adata: AnnData,
        journal: str | os.PathLike[str] | Journal,
        reviewer: str,
        settings: ReviewSettings | None = None,
        *,
        data: Mapping[str, Any] | None = None,
        missing: Mapping[str, str] | None = None,
    ) -> None:
        started = start_session(
            adata, journal if isinstance(journal, Journal) else Path(journal), reviewer, settings,
            data=data or {}, missing=missing or {},
        )  # fmt: skip
        super().__init__(adata, started)
        self._owns_journal = not isinstance(journal, Journal)
        self._tip = self._ledger.events[-1].digest
        self._listeners: list[Listener] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    # --- deciding -------------------------------------------------------------------------------------------------
    def decide(self, word: str, seen: Mapping[str, Any] | None = None) -> Event:
        """Decide on the cell that is shown, and go to the next step that is not decided.

        Parameters
        ----------
        word
            One of ``REVIEW_DECISIONS``.
        seen
            What was on the screen: hash of the image, display range of each channel. Blinding and the version of the
            package are added.

        Returns
        -------
        The event, which is on the disk.

        Raises
        ------
        JournalError
            The decision could not be written; the session stands where it stood.
        ReviewError
            The session is closed.
        ParameterError
            There is no such decision.
        """
        one_of("decision", word, REVIEW_DECISIONS)
        event = self._write("decision", value=word, seen=seen)
        self._position = next_step(self.queue, self._steps, self._ledger, after=self._position)
        self._tell("decision", event.cell_id)
        return event

    def undo(self) -> Event | None:
        """Take back the last decision, note or flag that stands, and go to its cell; None where there is none."""
        self._check_open()
        last = self.to_take_back
        if last is None:
            return None
        self._write("undo", item=(last.cell_id, last.round), takes_back=last.event)
        self._position = start_of(self.queue, self._steps, self._ledger)
        self._tell("undo", last.cell_id)
        return last

    def note(self, text: str, seen: Mapping[str, Any] | None = None) -> Event:
        """Note a text on the cell that is shown."""
        if not isinstance(text, str) or not text.strip():
            raise ParameterError(f"note {text!r}: expected some text")
        event = self._write("note", value=text.strip(), seen=seen)
        self._tell("note", event.cell_id)
        return event

    def flag(self, seen: Mapping[str, Any] | None = None) -> Event:
        """Put a flag on the cell that is shown, or take it off."""
        event = self._write("flag", value=UNFLAGGED if self.flagged(self.current[0]) else FLAGGED, seen=seen)
        self._tell("flag", event.cell_id)
        return event

    def close(self) -> None:
        """End the session: what was hidden is shown, and nothing more can be decided. Once is enough."""
        if not self.closed:
            self._write("closed", item=("", ""))
            self._others = None
            self._tell("closed", self.current[0])

    def leave(self) -> None:
        """Leave the session for now: it can be gone on with. Everything is on the disk already."""
        if self._owns_journal:
            self._journal.close()

    def _write(
        self,
        kind: str,
        *,
        value: str = "",
        item: Item | None = None,
        takes_back: str = "",
        seen: Mapping[str, Any] | None = None,
    ) -> Event:
        self._check_open()
        cell_id, why = self.current if item is None else item
        shown = {**(seen or {}), "blinded": self.blind, "software": this_software()}
        event = self._journal.append(
            self.session, kind, cell_id=cell_id, round=why, value=value, takes_back=takes_back, seen=shown,
            follows=self._tip,
        )  # fmt: skip
        self._tip = event.digest
        self._ledger.add(event)
        return event

    def _check_open(self) -> None:
        if self.closed:
            raise ReviewError(f"the session of {self.reviewer} is closed: begin a new one to decide anew")

    # --- pictures -------------------------------------------------------------------------------------------------
    def picture_lost(self, cell_id: str, reason: str) -> None:
        """Take in that a cell turned out to have no picture: it cannot be decided, and the end does not wait for it."""
        self.missing[cell_id] = reason

    def picture_found(self, cell_id: str) -> None:
        """Take in that a cell has its picture, as after a disk came back."""
        self.missing.pop(cell_id, None)

    # --- moving ---------------------------------------------------------------------------------------------------
    def forward(self) -> bool:
        """Go to the next step, decided or not; False at the end."""
        return self._step(+1)

    def back(self) -> bool:
        """Go to the step before; False at the beginning."""
        return self._step(-1)

    def _step(self, by: int) -> bool:
        place = self._place[self._position] + by
        return 0 <= place < len(self._steps) and self._move_to(self._steps[place])

    def go_to(self, cell_id: str) -> bool:
        """Go to the first step of a cell; False where it is not in the queue, or cannot be shown."""
        step = self._first_step.get(cell_id)
        return step is not None and step in self._place and self._move_to(step)

    def _move_to(self, step: int) -> bool:
        self._position = step
        self._tell("moved", self.current[0])
        return True

    # --- listening ------------------------------------------------------------------------------------------------
    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have a function called with ``(what, cell_id)`` after each change; the function returned ends that.

        ``what`` is ``"moved"``, ``"decision"``, ``"undo"``, ``"note"``, ``"flag"`` or ``"closed"``; after a decision or
        an undo the session already stands at its new step.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _tell(self, what: str, cell_id: str) -> None:
        for listener in tuple(self._listeners):
            listener(what, cell_id)
