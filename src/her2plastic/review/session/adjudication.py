"""Cells on which reviewers differ: they are shown again, with the decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from her2plastic import _keys
from her2plastic._errors import ReviewError
from her2plastic.io.journal.events import Event, Item, SessionHead
from her2plastic.io.journal.standing import last_decisions
from her2plastic.review.session.filters import matching_cells
from her2plastic.review.session.ordering import cell_ids
from her2plastic.review.session.settings import ReviewSettings

if TYPE_CHECKING:
    from anndata import AnnData

_REVIEW, _, _ADJUDICATION = _keys.REVIEW_ROUNDS


def differing_cells(heads: Sequence[SessionHead], events: Sequence[Event]) -> list[str]:
    """Return the cells on which the standing first decisions of reviewers differ, as they came to.

    A cell that was adjudicated is among them again only where a reviewer decided it after that.
    """
    reviewer_of = {head.session: head.reviewer for head in heads}
    words: dict[str, dict[str, str]] = {}
    last: dict[str, str] = {}
    settled: dict[str, str] = {}
    for event in last_decisions(events, reviewer_of, each_session=False):
        if event.round == _REVIEW:
            words.setdefault(event.cell_id, {})[reviewer_of[event.session]] = event.value
            last[event.cell_id] = event.at
        elif event.round == _ADJUDICATION:
            settled[event.cell_id] = event.at
    return [cell for cell, of_cell in words.items()
            if len(set(of_cell.values())) > 1 and settled.get(cell, "") < last[cell]]  # fmt: skip


def adjudication_queue(
    adata: AnnData,
    settings: ReviewSettings,
    *,
    heads: Sequence[SessionHead],
    events: Sequence[Event],
) -> tuple[Item, ...]:
    """Return the cells on which reviewers differ, shuffled by the seed.

    Raises
    ------
    ReviewError
        There is none.
    """
    names = cell_ids(adata)
    here = set(names[matching_cells(adata, settings.filters)])
    differing = differing_cells(heads, events)
    shown = sorted(cell for cell in differing if cell in here)
    if not shown:
        n = len({head.reviewer for head in heads})
        raise ReviewError(
            f"there is nothing to adjudicate: {n} reviewer{'' if n == 1 else 's'} in the journal, and "
            + (f"none of the {len(differing)} cells on which they differ is here" if differing else "none differ")
        )
    order = np.random.default_rng(settings.seed).permutation(len(shown))[: settings.target]
    return tuple((shown[place], _ADJUDICATION) for place in order)
