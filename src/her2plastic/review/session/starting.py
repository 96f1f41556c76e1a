"""The beginning of a session: a new queue, or the stored one of a session that was left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from her2plastic._errors import ReviewError
from her2plastic.io.journal.events import Event, Item, SessionHead, checked_reviewer
from her2plastic.io.journal.recording import Journal
from her2plastic.review.session.adjudication import adjudication_queue
from her2plastic.review.session.ordering import cell_ids, make_queue
from her2plastic.review.session.progress import Ledger
from her2plastic.review.session.settings import ReviewSettings
from her2plastic.review.session.unfinished import (
    check_not_spoiled,
    check_same_data,
    ledger_of,
    not_spoiling,
    open_heads,
)

if TYPE_CHECKING:
    from anndata import AnnData


@cache
def this_software() -> str:
    """Return name and version of the package, for the journal."""
    return f"her2plastic {version('her2plastic')}"


@dataclass(frozen=True)
class StartedSession:
    """What a session begins with; ``shown`` are the steps of its queue that can be shown."""

    journal: Journal
    head: SessionHead
    settings: ReviewSettings
    ledger: Ledger
    shown: tuple[int, ...]
    resumed: bool
    gone: tuple[str, ...]
    missing: dict[str, str]


def start_session(
    adata: AnnData,
    journal: Journal | Path,
    reviewer: str,
    settings: ReviewSettings | None,
    *,
    data: Mapping[str, Any],
    missing: Mapping[str, str],
) -> StartedSession:
    """Go on with the reviewer's session, or begin one."""
    reviewer = checked_reviewer(reviewer)
    cells = {str(name) for name in cell_ids(adata)}
    path = journal.path if isinstance(journal, Journal) else journal
    with ExitStack() as on_failure:
        opened = journal if isinstance(journal, Journal) else None
        if opened is None and path.exists():
            opened = on_failure.enter_context(Journal(path))
        heads, events = opened.contents() if opened is not None else ((), ())
        heads_here = check_same_data(path.name, heads, cells)
        unfinished = open_heads(heads_here, events, reviewer=reviewer)
        head = _to_go_on_with(unfinished, events, settings)
        resumed = head is not None
        settings = ReviewSettings.of_plain(head.settings) if head is not None else settings or ReviewSettings()
        check_not_spoiled(settings, unfinished, reviewer=reviewer)
        if head is None:
            queue = _new_queue(adata, settings, heads_here, events, missing)
            if opened is None:  # no file is made for a queue that is not there
                opened = on_failure.enter_context(Journal(path, create=True))
            head = opened.begin_session(
                reviewer=reviewer, settings=settings.as_plain(), queue=queue, data={**data, "cells": len(cells)}
            )
        assert opened is not None
        shown = tuple(step for step, (cell, _) in enumerate(head.queue) if cell in cells and cell not in missing)
        if not shown:
            raise ReviewError(_nothing_shown(missing))
        ledger = ledger_of(head.session, events)
        tip = ledger.events[-1].digest if ledger.events else head.digest
        ledger.add(opened.append(head.session, "opened", seen={"software": this_software()}, follows=tip))
        on_failure.pop_all()
    queued = {cell for cell, _ in head.queue}
    return StartedSession(
        opened, head, settings, ledger, shown, resumed,
        _gone(heads_here, head, cells), {cell: why for cell, why in missing.items() if cell in queued},
    )  # fmt: skip


def _to_go_on_with(
    unfinished: Sequence[SessionHead], events: Sequence[Event], settings: ReviewSettings | None
) -> SessionHead | None:
    """Return the session that was used last among the unfinished that have the settings asked for."""
    last_at = {event.session: event.at for event in events}
    if settings is None:
        fitting = not_spoiling(unfinished)
    else:
        fitting = [head for head in unfinished if ReviewSettings.of_plain(head.settings) == settings]
    return max(fitting, key=lambda head: last_at.get(head.session, head.begun), default=None)


def _new_queue(
    adata: AnnData,
    settings: ReviewSettings,
    heads: Sequence[SessionHead],
    events: Sequence[Event],
    missing: Mapping[str, str],
) -> tuple[Item, ...]:
    if settings.adjudicate:
        return adjudication_queue(adata, settings, heads=heads, events=events)
    return make_queue(adata, settings, without=missing)


def _nothing_shown(missing: Mapping[str, str]) -> str:
    if not missing:
        return "none of the cells of this session is in the data any more: open the data that were reviewed"
    cell, reason = next(iter(missing.items()))
    return f"no cell of this session has a picture ({cell}: {reason}): put the images back, and open it again"


def _gone(heads: Sequence[SessionHead], head: SessionHead, cells: set[str]) -> tuple[str, ...]:
    known = {cell: None for entry in (*heads, head) for cell, _ in entry.queue}
    return tuple(cell for cell in known if cell not in cells)
