"""Whether a journal holds all that was written, as it was written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from her2plastic._errors import JournalError
from her2plastic.io.journal.events import Event, digest_of_event, digest_of_head
from her2plastic.io.journal.heads import HEAD_COLUMNS


def check_chain(name: str, heads: Sequence[Sequence[Any]], events: Sequence[Event]) -> None:
    """Raise JournalError where a session or an event was changed, or one before another is missing.

    Two events may hang on one: so it is where copies of a journal were gone on with and joined again.
    """
    known: dict[str, set[str]] = {}
    for row in heads:
        *stored, digest = row
        session, reviewer = stored[:2]
        if digest_of_head(*stored) != digest:
            raise JournalError(
                f"{name} is damaged: the head of session {session} of {reviewer} is not as it was written "
                f"({', '.join(HEAD_COLUMNS[:-1])}). Restore the journal from a copy"
            )
        known[session] = {digest}
    for event in events:
        where = f"event {event.place} of session {event.session} ({event.kind} of {event.cell_id or 'no cell'})"
        if digest_of_event(event) != event.digest:
            raise JournalError(f"{name} is damaged: {where} is not as it was written. Restore it from a copy")
        if event.session not in known or event.after not in known[event.session]:
            raise JournalError(f"{name} is damaged: what stood before {where} is missing. Restore it from a copy")
        known[event.session].add(event.digest)
