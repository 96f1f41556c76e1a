"""The table of cells that a reading gives: what the file tells of them, with assays by the names that models know."""

from __future__ import annotations

import pandas as pd

from her2plastic import _keys
from her2plastic.io.assay_names import assay_of, current_assay
from her2plastic.io.raw_matrix import RawMatrix


def cells_of(raw: RawMatrix, assay: str | None) -> pd.DataFrame:
    """Return obs of a matrix; ``assay`` is that of all cells.

    Where the file tells assays in other words (CELLxGENE: ``10x 3' v3``), ``obs["assay"]`` has ours, and
    ``details["assays_renamed"]`` says which. Words that mean none of ours stay as they are.
    """
    obs = pd.DataFrame(index=pd.Index(raw.cells.astype(str))) if raw.obs is None else raw.obs.copy()
    obs.index.name = None
    if assay is not None:
        obs[_keys.ASSAY] = pd.Categorical([current_assay(assay)] * len(obs))
    elif _keys.ASSAY in obs:
        told = obs[_keys.ASSAY].astype(object)
        ours = {word: assay_of(str(word)) or word for word in told.dropna().unique()}
        if renamed := [f"{word} -> {name}" for word, name in ours.items() if word != name]:
            obs[_keys.ASSAY] = pd.Categorical(told.map(ours))
            raw.details["assays_renamed"] = sorted(renamed)
    return obs
