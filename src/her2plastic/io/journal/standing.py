"""What stands after undoing, and after deciding anew."""

from __future__ import annotations

from collections.abc import Iterable

from her2plastic.io.journal.events import UNDOABLE, Event


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return events in the order in which they happened; those of a session are in the session's order."""
    return sorted(events, key=lambda event: (event.at, event.session, event.place, event.event))


def not_undone(events: Iterable[Event]) -> list[Event]:
    """Return the decisions, notes and flags that no undo took back, in the order given."""
    given = list(events)
    undone = {event.takes_back for event in given if event.kind == "undo"}
    return [event for event in given if event.kind in UNDOABLE and event.event not in undone]


def last_decisions(events: Iterable[Event], reviewer_of: dict[str, str], *, each_session: bool) -> list[Event]:
    """Return the decision that stands on each cell of a reviewer and round (and session), in order.

    Where the last decision on a cell was taken back, the one before it stands again.
    """
    standing: dict[tuple[str, ...], Event] = {}
    for event in not_undone(in_order(events)):
        if event.kind == "decision":
            key = (reviewer_of[event.session], event.cell_id, event.round)
            standing[(*key, event.session) if each_session else key] = event
    return in_order(standing.values())
