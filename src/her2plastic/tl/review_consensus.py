"""What reviewers decided together: consensus, where they differ, and the columns that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic.tl.review_agreement import UNSURE
from her2plastic.tl.review_decisions import Readings, column_of

if TYPE_CHECKING:
    from anndata import AnnData

STEP: Final = "review"
RULES: Final = ("unanimous", "majority")
NOT_REVIEWED, ONE, AGREED, DIFFER, ADJUDICATED = range(len(_keys.REVIEW_STATUSES))


@dataclass(frozen=True)
class Consensus:
    """Of each cell: the decision (a place in ``_keys.REVIEW_DECISIONS``, -1 for none), and what it rests on."""

    word: np.ndarray
    status: np.ndarray


def consensus_of(readings: Readings, *, rule: str) -> Consensus:
    """Return what the reviewers' decisions come to; an adjudication goes before them.

    A reviewer who was unsure says nothing. ``"majority"`` takes the word that more than half of the sure reviewers
    said, ``"unanimous"`` only one that all of them said.
    """
    first, settled = readings.standing(), readings.settled()
    votes = np.stack([(first == word).sum(axis=1) for word in range(len(_keys.REVIEW_DECISIONS))], axis=1)
    read, votes[:, UNSURE] = votes.sum(axis=1), 0
    sure, most = votes.sum(axis=1), votes.max(axis=1)
    enough = 2 * most > sure if rule == "majority" else most == sure
    word = np.where(sure == 0, np.where(read > 0, UNSURE, -1), np.where(enough, votes.argmax(axis=1), -1))
    status = np.select([read == 0, (sure > 0) & ~enough, read == 1], [NOT_REVIEWED, DIFFER, ONE], AGREED)
    # one reviewer was sure and the others were not: what stands is the word of one
    status[(sure == 1) & (read > 1)] = ONE
    by_third = settled >= 0
    return Consensus(np.where(by_third, settled, word), np.where(by_third, ADJUDICATED, status))


def write_columns(adata: AnnData, readings: Readings, consensus: Consensus) -> None:
    """Write each reviewer's decision, the consensus, its state, and what it rests on."""
    import pandas as pd

    # the column of a former call's reviewer who is not among these decisions would be taken for one of them
    former = step_record(adata, STEP).get("review", {}).get("reviewers", ())
    obs: Any = adata.obs
    for column in {column_of(str(name)) for name in former} & set(obs):
        del obs[column]
    first = readings.standing()
    for place, name in enumerate(readings.reviewers):
        adata.obs[column_of(name)] = _ordered(first[:, place])
    adata.obs[_keys.REVIEW_CONSENSUS] = _ordered(consensus.word)
    state = np.where(consensus.word < len(_keys.STATES), consensus.word, -1).astype(np.int64)
    adata.obs[_keys.REVIEW_STATE] = pd.Categorical.from_codes(state, categories=pd.Index(_keys.STATES), ordered=True)
    status = consensus.status.astype(np.int64)
    adata.obs[_keys.REVIEW_STATUS] = pd.Categorical.from_codes(status, categories=pd.Index(_keys.REVIEW_STATUSES))


def _ordered(words: np.ndarray) -> Any:
    import pandas as pd

    place = np.array([_keys.REVIEW_ORDER.index(word) for word in _keys.REVIEW_DECISIONS] + [-1])
    codes = place[words].astype(np.int64)  # -1, no decision, is the last place
    return pd.Categorical.from_codes(codes, categories=pd.Index(_keys.REVIEW_ORDER), ordered=True)
