"""Several journals into one, without loss and without counting anything twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from her2plastic._errors import JournalError, ParameterError
from her2plastic.io.journal.events import Event
from her2plastic.io.journal.recording import Journal


def merge_journals(paths: Sequence[str | os.PathLike[str]], *, into: str | os.PathLike[str]) -> pd.DataFrame:
    """Add what other journals hold to one journal; merging again adds nothing.

    Sessions and events keep their names, so that whatever stands in several journals, or comes by several ways, is
    taken once. Where copies of one journal were both gone on with, both continuations are kept. The sources are not
    changed, and the target gets all or nothing.

    Parameters
    ----------
    paths
        The journals to take from.
    into
        The journal to add to; made where there is none. It may be one of ``paths``.

    Returns
    -------
    One row a source: ``journal`` (its path), ``sessions`` and ``events`` (what it holds), ``new_sessions`` and
    ``new_events`` (what the target did not have yet).

    Raises
    ------
    JournalError
        A source or the target is no journal, damaged, or of a newer version, or the two hold the same event with
        different content. The target is as it was.
    ParameterError
        No source, or a single path instead of a list.

    Examples
    --------
    >>> import her2plastic as hp
    >>> from her2plastic.io.journal.recording import Journal
    >>> for reviewer in ("AB", "CD"):
    ...     with Journal(f"{reviewer}.journal", create=True) as journal:
    ...         start = journal.begin_session(reviewer=reviewer, settings={}, queue=[("s1:7", "review")], data={})
    ...         _ = journal.append(start.session, "decision", cell_id="s1:7", round="review", value="HER2-low")
    >>> merged = hp.io.merge_journals(["AB.journal", "CD.journal"], into="both.journal")
    >>> print(merged[["journal", "sessions", "new_sessions", "new_events"]].to_string(index=False))
       journal  sessions  new_sessions  new_events
    AB.journal         1             1           1
    CD.journal         1             1           1
    """
    if isinstance(paths, str | os.PathLike) or not list(paths):
        raise ParameterError(f"paths={paths!r}: expected a list of one or more journals")
    sources = [(Path(path), *_stored(Path(path))) for path in paths]  # read all before the target is touched
    with Journal(into, create=True) as target:
        heads, events = target.stored()
        known_heads, known_events = {row[0]: row for row in heads}, {event.event: event for event in events}
        new_heads: list[tuple[Any, ...]] = []
        new_events: list[Event] = []
        report = []
        for path, its_heads, its_events in sources:
            fresh_heads = [row for row in its_heads if _is_new(row, known_heads.get(row[0]), path, into)]
            fresh_events = [event for event in its_events if _is_new(event, known_events.get(event.event), path, into)]
            known_heads |= {row[0]: row for row in fresh_heads}
            known_events |= {event.event: event for event in fresh_events}
            new_heads += fresh_heads
            new_events += fresh_events
            report.append((str(path), len(its_heads), len(its_events), len(fresh_heads), len(fresh_events)))
        target.add_rows(new_heads, new_events)
    return pd.DataFrame(report, columns=["journal", "sessions", "events", "new_sessions", "new_events"])


def _stored(path: Path) -> tuple[list[tuple[Any, ...]], tuple[Event, ...]]:
    with Journal(path, read_only=True) as journal:
        return journal.stored()


def _is_new(entry: object, known: object, path: Path, into: object) -> bool:
    if known is not None and known != entry:
        raise JournalError(
            f"{path.name} and {Path(str(into)).name} hold the same session or event with different content: one of "
            "them was changed by hand. Nothing was merged"
        )
    return known is None
