"""A journal as tables: all that happened, and what stands of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from her2plastic._errors import one_of
from her2plastic._keys import REVIEW_ROUNDS
from her2plastic.io.journal.recording import Journal
from her2plastic.io.journal.standing import in_order, last_decisions

#: Columns of all events.
JOURNAL_COLUMNS: Final = (
    "event", "session", "reviewer", "place", "at", "kind", "cell_id", "round", "value", "takes_back", "seen",
)  # fmt: skip
#: Columns of the decisions that stand.
DECISION_COLUMNS: Final = ("event", "session", "reviewer", "at", "cell_id", "round", "decision", "blinded")


def read_journal(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read everything that happened in the reviews of a journal, what was taken back included.

    Parameters
    ----------
    path
        The journal. It may be in use; it is not changed.

    Returns
    -------
    One row an event, in the order in which they happened: ``event``, ``session``, ``reviewer``, ``place`` (number in
    the session, from 0), ``at`` (UTC), ``kind`` (opened, decision, note, flag, undo, closed), ``cell_id``, ``round``
    (review, repeat, adjudication), ``value`` (the decision, the note, flagged or unflagged), ``takes_back`` (the event
    that an undo takes back) and ``seen`` (what was on the screen, as JSON).

    Raises
    ------
    JournalError
        There is no journal, or it is damaged, of another program, or of a newer version.

    Examples
    --------
    >>> import her2plastic as hp
    >>> from her2plastic.io.journal.recording import Journal
    >>> with Journal("review.journal", create=True) as journal:
    ...     start = journal.begin_session(reviewer="AB", settings={}, queue=[("s1:7", "review")], data={})
    ...     made = journal.append(start.session, "decision", cell_id="s1:7", round="review", value="HER2-low")
    ...     _ = journal.append(start.session, "undo", cell_id="s1:7", round="review", takes_back=made.event)
    >>> print(hp.io.read_journal("review.journal")[["place", "kind", "cell_id", "value"]].to_string(index=False))
     place     kind cell_id    value
         0 decision    s1:7 HER2-low
         1     undo    s1:7
    """
    with Journal(path, read_only=True) as journal:
        heads, events = journal.contents()
    reviewers = {head.session: head.reviewer for head in heads}
    rows = [{**vars(event), "reviewer": reviewers[event.session]} for event in in_order(events)]
    return _frame(rows, JOURNAL_COLUMNS).astype({"place": "int64"})


def read_decisions(
    path: str | os.PathLike[str],
    *,
    reviewers: Sequence[str] | None = None,
    rounds: Sequence[str] | None = None,
    each_session: bool = False,
) -> pd.DataFrame:
    """Read the decisions that stand: what was taken back, or decided anew, is left out.

    Parameters
    ----------
    path
        The journal. It may be in use; it is not changed.
    reviewers
        Whose decisions; default everybody's.
    rounds
        Which rounds, of review (the first look), repeat (the hidden second one) and adjudication; default all.
    each_session
        Where a reviewer saw a cell in several sessions, keep the decision of each; by default the last one stands.

    Returns
    -------
    One row a reviewer, cell and round, in the order of deciding: ``event``, ``session``, ``reviewer``, ``at`` (UTC),
    ``cell_id``, ``round``, ``decision`` (one of ``HER2-0``, ``HER2-low``, ``HER2-positive``, ``not a CTC``, ``unsure``)
    and ``blinded`` (whether call, patient and draw were hidden). :func:`her2plastic.io.write_table` writes it as CSV.

    Raises
    ------
    JournalError
        There is no journal, or it is damaged, of another program, or of a newer version.
    ParameterError
        The journal has no such reviewer, or there is no such round.

    Examples
    --------
    >>> import her2plastic as hp
    >>> from her2plastic.io.journal.recording import Journal
    >>> with Journal("review.journal", create=True) as journal:
    ...     start = journal.begin_session(reviewer="AB", settings={}, queue=[("s1:7", "review")], data={})
    ...     for word in ("HER2-0", "HER2-low"):
    ...         _ = journal.append(start.session, "decision", cell_id="s1:7", round="review", value=word)
    >>> decisions = hp.io.read_decisions("review.journal")
    >>> print(decisions[["reviewer", "cell_id", "round", "decision"]].to_string(index=False))
    reviewer cell_id  round decision
          AB    s1:7 review HER2-low
    """
    for name in rounds or ():
        one_of("round", name, REVIEW_ROUNDS)
    with Journal(path, read_only=True) as journal:
        heads, events = journal.contents()
    of_session = {head.session: head for head in heads}
    reviewer_of = {head.session: head.reviewer for head in heads}
    for name in reviewers or ():
        one_of("reviewer", name, sorted(set(reviewer_of.values())))
    rows = [
        {
            **vars(event),
            "reviewer": reviewer_of[event.session],
            "decision": event.value,
            "blinded": bool(of_session[event.session].settings.get("blinded", False)),
        }
        for event in last_decisions(events, reviewer_of, each_session=each_session)
        if (rounds is None or event.round in rounds) and (reviewers is None or reviewer_of[event.session] in reviewers)
    ]
    return _frame(rows, DECISION_COLUMNS).astype({"blinded": bool})


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame([[row[name] for name in columns] for row in rows], columns=list(columns))
    moments = pd.to_datetime(frame["at"], utc=True, format="ISO8601")
    return frame.assign(at=moments.astype("datetime64[us, UTC]"))
