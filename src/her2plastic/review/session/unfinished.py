"""Sessions of a reviewer that can be gone on with."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from her2plastic._errors import ReviewError
from her2plastic.io.journal.events import Event, SessionHead
from her2plastic.io.journal.recording import Journal
from her2plastic.io.journal.standing import in_order
from her2plastic.review.session.progress import Ledger, Progress
from her2plastic.review.session.settings import ReviewSettings


@dataclass(frozen=True)
class UnfinishedSession:
    """A session that was left and not closed.

    Attributes
    ----------
    session
        Its name.
    begun, last_at
        When it began and when something happened last, UTC, ISO 8601.
    settings
        How its queue was made.
    progress
        How far it is.
    """

    session: str
    begun: str
    last_at: str
    settings: ReviewSettings
    progress: Progress


def unfinished_sessions(journal: str | os.PathLike[str] | Journal, *, reviewer: str) -> tuple[UnfinishedSession, ...]:
    """Return the sessions of a reviewer that are not closed, the one to go on with first.

    That is the one used last; where a blinded one is among them, the last of the blinded.

    Parameters
    ----------
    journal
        The journal, or its path.
    reviewer
        Whose sessions.

    Returns
    -------
    The sessions; none where there is no journal yet that could hold any.

    Raises
    ------
    JournalError
        The journal cannot be read.
    """
    if isinstance(journal, Journal):
        heads, events = journal.contents()
    elif not os.path.exists(journal):
        return ()
    else:
        with Journal(journal, read_only=True) as opened:
            heads, events = opened.contents()
    found = []
    for head in open_heads(heads, events, reviewer=reviewer):
        ledger = ledger_of(head.session, events)
        found.append(
            UnfinishedSession(
                head.session,
                head.begun,
                max([head.begun, *(event.at for event in ledger.events)]),
                ReviewSettings.of_plain(head.settings),
                ledger.progress(head.queue),
            )
        )
    first = {head.session for head in not_spoiling(open_heads(heads, events, reviewer=reviewer))}
    return tuple(sorted(found, key=lambda entry: (entry.session in first, entry.last_at), reverse=True))


def open_heads(heads: Sequence[SessionHead], events: Sequence[Event], *, reviewer: str) -> list[SessionHead]:
    """Return the sessions of a reviewer that are not closed, in the order in which they began."""
    closed = {event.session for event in events if event.kind == "closed"}
    return [head for head in heads if head.reviewer == reviewer.strip() and head.session not in closed]


def shows_hidden(settings: ReviewSettings) -> bool:
    """Return whether a session shows what blinded ones hide: calls and patients, or the decisions of others."""
    return settings.adjudicate or not settings.blinded


def blinded_heads(heads: Sequence[SessionHead]) -> list[SessionHead]:
    """Return the sessions that hide call, patient and the decisions of others."""
    return [head for head in heads if not shows_hidden(ReviewSettings.of_plain(head.settings))]


def not_spoiling(heads: Sequence[SessionHead]) -> list[SessionHead]:
    """Return those of a reviewer's open sessions that give nothing of another away: the blinded, if there are any."""
    return blinded_heads(heads) or list(heads)


def check_not_spoiled(settings: ReviewSettings, open_sessions: Sequence[SessionHead], *, reviewer: str) -> None:
    """Raise ReviewError where a session would show a reviewer what an own blinded one, still open, hides."""
    blinded = blinded_heads(open_sessions)
    if blinded and shows_hidden(settings):
        what = "adjudication shows the decisions of others" if settings.adjudicate else "an open one shows calls"
        raise ReviewError(
            f"{reviewer} has a blinded session that is not closed (of {blinded[-1].begun[:10]}), and {what}: "
            "close that session first. It is gone on with by the button of the form, or by the command without "
            "options for the queue"
        )


def ledger_of(session: str, events: Sequence[Event]) -> Ledger:
    """Return what stands of the events of a session."""
    ledger = Ledger()
    for event in in_order(event for event in events if event.session == session):
        ledger.add(event)
    return ledger


def check_same_data(name: str, heads: Sequence[SessionHead], cells: Collection[str]) -> list[SessionHead]:
    """Return the sessions that share cells with the data, or raise ReviewError where a journal has only others."""
    here = set(cells)
    shared = [head for head in heads if any(cell in here for cell, _ in head.queue)]
    if heads and not shared:
        theirs = heads[-1].queue[0][0] if heads[-1].queue else "no cell"
        raise ReviewError(
            f"the journal {name} is of another data set: none of its cells (such as {theirs!r}) is among the "
            f"{len(here)} cells here (such as {min(here, default='no cell')!r}). Name another journal, or open the "
            "data that were reviewed"
        )
    return shared
