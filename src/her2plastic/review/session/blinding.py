"""What a blinded reviewer may see of a cell: its picture and its measures, not whose it is nor what was said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from her2plastic import _keys
from her2plastic.io.journal.events import Event
from her2plastic.io.journal.standing import in_order, not_undone

if TYPE_CHECKING:
    from anndata import AnnData

#: Columns of obs that tell neither patient nor draw nor call. Any other is hidden, whatever a user named it.
HARMLESS: Final = (_keys.KIND, _keys.TOUCHES_EDGE, _keys.CLUSTER, _keys.BACKGROUND_PIXELS, _keys.BACKGROUND_REACH)
#: What is told of a cell, where it is not hidden, in this order.
_TOLD: Final = (
    _keys.DONOR_ID, _keys.SAMPLE_ID, _keys.DRAW_DAY, _keys.TREATMENT, _keys.SLIDE_ID, _keys.FIELD, _keys.KIND,
    _keys.IDENTITY, _keys.CTC_PROBABILITY, _keys.IDENTITY_REASON, _keys.HER2_CONSENSUS_CALL, _keys.HER2_IF_CALL,
    _keys.HER2_IF_STATE, _keys.HER2_IF_CONFIDENCE, _keys.HER2_INTENSITY, _keys.HER2_CALL, _keys.HER2_STATE,
    _keys.HER2_CONFIDENCE, _keys.TOUCHES_EDGE,
)  # fmt: skip


@dataclass(frozen=True)
class OthersDecision:
    """What another reviewer, or the reviewer in another session, decided on a cell.

    Attributes
    ----------
    reviewer
        Who.
    round
        Why the cell was shown.
    decision
        One of ``REVIEW_DECISIONS``.
    notes
        What was noted on the cell.
    at
        When, UTC, ISO 8601.
    """

    reviewer: str
    round: str
    decision: str
    notes: tuple[str, ...]
    at: str


def hidden_columns(adata: AnnData) -> frozenset[str]:
    """Return columns of ``obs`` that a blinded reviewer must not see, sort by or plot; measures in X may be seen."""
    return frozenset(adata.obs.columns) - set(HARMLESS)


def told_facts(adata: AnnData, row: int, *, blind: bool) -> dict[str, str]:
    """Return what may be told of a cell, as words to show."""
    hidden = hidden_columns(adata) if blind else frozenset()
    facts = {}
    for name in _TOLD:
        if name in adata.obs and name not in hidden:
            text = _in_words(adata.obs[name].iloc[row])
            if text:
                facts[name] = text
    return facts


def _in_words(value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)


def decisions_of_others(
    events: Sequence[Event], reviewer_of: Mapping[str, str], *, without_session: str
) -> dict[str, tuple[OthersDecision, ...]]:
    """Return the standing decisions of other sessions by cell, in order."""
    kept = [event for event in not_undone(in_order(events)) if event.session != without_session]
    last: dict[tuple[str, str, str], Event] = {}
    notes: dict[tuple[str, str], list[str]] = {}
    for event in kept:
        who = reviewer_of[event.session]
        if event.kind == "decision":
            last[event.cell_id, who, event.round] = event
        elif event.kind == "note":
            notes.setdefault((event.cell_id, who), []).append(event.value)
    found: dict[str, list[OthersDecision]] = {}
    for event in in_order(last.values()):
        who = reviewer_of[event.session]
        noted = tuple(notes.get((event.cell_id, who), ()))
        found.setdefault(event.cell_id, []).append(OthersDecision(who, event.round, event.value, noted, event.at))
    return {cell: tuple(entries) for cell, entries in found.items()}
