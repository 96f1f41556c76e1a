"""What was decided on each cell, and whether readings of it differ: between reviewers, from the model, or of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import _keys

if TYPE_CHECKING:
    import pandas as pd

#: No decision stands on the cell.
UNDECIDED: Final = "no decision yet"
#: Decisions stand that are not the same.
VARIOUS: Final = "decisions differ"
DECISION_WORDS: Final = (*_keys.REVIEW_DECISIONS, VARIOUS, UNDECIDED)

BETWEEN_REVIEWERS: Final = "reviewers differ"
OF_ONE: Final = "a reviewer differs from their own repeat"
FROM_MODEL: Final = "reviewer and model differ"
SETTLED: Final = "settled by adjudication"
ALIKE: Final = "all alike"
#: What there is to look into comes first.
DIFFERENCE_WORDS: Final = (BETWEEN_REVIEWERS, OF_ONE, FROM_MODEL, SETTLED, ALIKE, UNDECIDED)

_REVIEW, _REPEAT, _ADJUDICATION = _keys.REVIEW_ROUNDS


@dataclass(frozen=True)
class Readings:
    """Decisions by cell.

    Attributes
    ----------
    decision
        Place of each cell's decision in ``DECISION_WORDS``.
    difference
        Place of each cell's difference in ``DIFFERENCE_WORDS``.
    """

    decision: np.ndarray
    difference: np.ndarray


def readings(
    cell_ids: tuple[str, ...], decisions: pd.DataFrame, *, calls: np.ndarray | None, reviewer: str | None = None
) -> Readings:
    """Return what stands on each cell.

    Parameters
    ----------
    cell_ids
        Names of the cells.
    decisions
        As ``io.read_decisions`` gives; of several on one cell by one reviewer in one round the last stands. Cells that
        are not among the names are passed over.
    calls
        The model's call of each cell, or nothing where it may not be known.
    reviewer
        The one whose decision is shown; that of all where not given. Differences are always between all decisions.

    Returns
    -------
    Decision and difference of each cell.
    """
    place = {cell: number for number, cell in enumerate(cell_ids)}
    own: dict[int, dict[tuple[str, str], str]] = {}
    for cell, who, round_, word in zip(
        *(decisions[name].astype(str) for name in ("cell_id", "reviewer", "round", "decision")), strict=True
    ):
        if cell in place and word in _keys.REVIEW_DECISIONS:
            own.setdefault(place[cell], {})[who, round_] = word
    decision = np.full(len(cell_ids), DECISION_WORDS.index(UNDECIDED), dtype=np.int64)
    difference = np.full(len(cell_ids), DIFFERENCE_WORDS.index(UNDECIDED), dtype=np.int64)
    for number, said in own.items():
        word = _decision(said, reviewer)
        decision[number] = DECISION_WORDS.index(word)
        call = None if calls is None else str(calls[number])
        difference[number] = DIFFERENCE_WORDS.index(_difference(said, call))
    return Readings(decision, difference)


def _decision(said: dict[tuple[str, str], str], reviewer: str | None) -> str:
    settled = [word for (_, round_), word in said.items() if round_ == _ADJUDICATION]
    if settled:
        return settled[-1]
    words = {word for (who, round_), word in said.items() if round_ == _REVIEW and reviewer in (None, who)}
    if not words:
        words = {word for (who, _), word in said.items() if reviewer in (None, who)}
    return UNDECIDED if not words else words.pop() if len(words) == 1 else VARIOUS


def _difference(said: dict[tuple[str, str], str], call: str | None) -> str:
    first = {who: word for (who, round_), word in said.items() if round_ == _REVIEW}
    again = {who: word for (who, round_), word in said.items() if round_ == _REPEAT}
    settled = [word for (_, round_), word in said.items() if round_ == _ADJUDICATION]
    if settled:
        return SETTLED
    if len(set(first.values())) > 1:
        return BETWEEN_REVIEWERS
    if any(first.get(who, word) != word for who, word in again.items()):
        return OF_ONE
    words = set(first.values()) or set(again.values())
    if call is not None and any(fits(word, call) is False for word in words):
        return FROM_MODEL
    return ALIKE


def fits(decision: str, call: str) -> bool | None:
    """Return whether a decision is among what a call leaves open; nothing where either of the two says nothing."""
    if decision == _keys.UNSURE or call == _keys.NOT_CALLABLE or call not in _keys.CALLS:
        return None
    if _keys.NOT_A_CTC in (decision, call):
        return decision == call
    # "HER2-0/low" leaves HER2-0 and HER2-low open
    return decision.removeprefix("HER2-") in call.removeprefix("HER2-").split("/")
