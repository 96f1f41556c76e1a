"""What reviewers decided beside what a model called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names, obs_column
from her2plastic._errors import one_of
from her2plastic.models.agreement import share_interval
from her2plastic.tl.review_agreement import LEAST_CELLS, MODEL, UNSURE, pair_rows

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

#: Columns of a model: its most probable state, its call, and the posterior of the states.
MODELS: Final = {
    "her2_if": (_keys.HER2_IF_STATE, _keys.HER2_IF_CALL, _keys.HER2_IF_POSTERIOR),
    "her2_state": (_keys.HER2_STATE, _keys.HER2_CALL, _keys.HER2_POSTERIOR),
}
CONSENSUS: Final = "consensus"
_NONE: Final = _keys.REVIEW_DECISIONS.index(_keys.NOT_A_CTC)
#: The decisions that each call holds.
HOLDS: Final = {
    "HER2-0": ("HER2-0",), "HER2-0/low": ("HER2-0", "HER2-low"), "HER2-low": ("HER2-low",),
    "HER2-low/positive": ("HER2-low", "HER2-positive"), "HER2-positive": ("HER2-positive",),
    _keys.NOT_CALLABLE: _keys.STATES, _keys.NOT_A_CTC: (_keys.NOT_A_CTC,),
}  # fmt: skip


@dataclass(frozen=True)
class ModelCalls:
    """Of each cell: the state as a decision (a place in ``_keys.REVIEW_DECISIONS``, -1 if unread), and the call."""

    name: str
    word: np.ndarray
    call: np.ndarray


def model_calls(adata: AnnData, model: str | None) -> ModelCalls | None:
    """Return what a model called; the one that there is by default, None for a table without calls.

    Raises
    ------
    ParameterError
        A model that is not known.
    MissingKeyError
        The model was named and has not run.
    """
    if model is None:
        there = [name for name, (_, call, _) in MODELS.items() if call in adata.obs]
        if not there:
            return None
        model = there[0]
    one_of("model", model, MODELS)
    state_key, call_key, _ = MODELS[model]
    call = as_names(obs_column(adata, call_key, remedy=f"Run tl.{model} first."))
    state = as_names(obs_column(adata, state_key))
    codes = {word: place for place, word in enumerate(_keys.REVIEW_DECISIONS)}
    # a state that the model cannot tell is, beside a reviewer's decision, an unsure reading
    word = np.array([codes.get(str(name), UNSURE) for name in state])
    return ModelCalls(model, np.where(call == _keys.NOT_A_CTC, _NONE, word), call)


def model_rows(calls: ModelCalls, by_reader: dict[str, np.ndarray], level: float) -> list[dict[str, Any]]:
    """Return the agreement of each reviewer, and of the consensus, with the model."""
    return [
        row for name, words in by_reader.items() for row in pair_rows(MODEL, name, calls.name, words, calls.word, level)
    ]


def confusion_table(calls: ModelCalls, by_reader: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return a row per reader, decision and call, with the number of cells."""
    import pandas as pd

    rows = []
    for name, words in by_reader.items():
        for place, decision in enumerate(_keys.REVIEW_DECISIONS):
            here = words == place
            rows += [
                {"reader": name, "decision": decision, "call": call, "n": int((here & (calls.call == call)).sum())}
                for call in _keys.CALLS
            ]
    return pd.DataFrame(rows)


def held_by_call(calls: ModelCalls, by_reader: dict[str, np.ndarray], level: float) -> pd.DataFrame:
    """Return, for each reader, the share of the states decided that lie in the set of states the model called."""
    import pandas as pd

    rows = []
    for name, words in by_reader.items():
        decided = (words >= 0) & (words < len(_keys.STATES)) & (calls.call != _keys.NOT_A_CTC)
        n = int(decided.sum())
        pairs = zip(words[decided], calls.call[decided], strict=True)
        hits = sum(_keys.STATES[word] in HOLDS[str(call)] for word, call in pairs)
        lacks = n < LEAST_CELLS
        lower, upper = (np.nan, np.nan) if lacks else share_interval(hits, n, level)
        status = f"insufficient: {n} CTCs with a state by both, {LEAST_CELLS} needed" if lacks else "ok"
        share = np.nan if lacks else hits / n
        rows.append({"reader": name, "n": n, "share": share, "lower": lower, "upper": upper, "status": status})
    return pd.DataFrame(rows)
