"""Image and expression of the same cell: where the two agree, and which cells do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from her2plastic import _keys
from her2plastic.report.summary import number
from her2plastic.report.tables import Column, Table, number_cell, text_cell

if TYPE_CHECKING:
    from anndata import AnnData


def consensus_sentences(joined: AnnData) -> list[str]:
    """Return how many cells have both, and what disagreement is."""
    cells = _both(joined)
    counts = cells[_keys.HER2_AGREEMENT].value_counts()
    found = ", ".join(f"{word}: {int(counts.get(word, 0)):,}" for word in _keys.AGREEMENTS)
    return [
        f"{number(len(cells), 'cell')} picked from the slides and sequenced, joined by name ({found}).",
        "A cell whose RNA and protein show different states is biology or an error, and its own result: it gets no "
        "call, never the state between. “Unclear” means that one of the two says too little.",
    ]


def agreement_table(joined: AnnData) -> Table:
    """Return the calls by RNA against the calls by protein."""
    cells = _both(joined)
    counts = pd.crosstab(cells[_keys.HER2_CALL].astype(str), cells[_keys.HER2_IF_CALL].astype(str))
    calls = [call for call in _keys.CALLS if call in counts.index or call in counts.columns]
    counts = counts.reindex(index=calls, columns=calls, fill_value=0)
    columns = (
        Column("By RNA", f"obs: {_keys.HER2_CALL}"),
        *(Column(f"{call} by protein", f"obs: {_keys.HER2_IF_CALL}", numeric=True) for call in calls),
    )
    rows = [[text_cell(call), *(number_cell(counts.at[call, other]) for other in calls)] for call in calls]
    return Table("agreement", "Calls of the same cells: by RNA down, by protein across.", columns, rows)


def pairs_table(joined: AnnData) -> Table:
    """Return the cells one by one, those that disagree first."""
    cells: Any = _both(joined).sort_values(_keys.HER2_DISAGREEMENT, ascending=False, kind="stable").iloc[:500]
    known = [
        (title, key, numeric)
        for title, key, numeric in (
            ("ERBB2 counts", _keys.ERBB2_COUNT, True),
            ("By RNA", _keys.HER2_CALL, False),
            ("HER2, leukocytes = 1", _keys.HER2_INTENSITY, True),
            ("By protein", _keys.HER2_IF_CALL, False),
            ("Probability that they differ", _keys.HER2_DISAGREEMENT, True),
            ("Together", _keys.HER2_AGREEMENT, False),
            ("Call of both", _keys.HER2_CONSENSUS_CALL, False),
        )
        if key in cells
    ]
    columns = (
        Column("Cell", f"obs: {_keys.CELL_ID}"),
        *(Column(title, f"obs: {key}", numeric=numeric) for title, key, numeric in known),
    )
    rows = []
    for place, name in enumerate(cells.index):
        values = [(cells[key].iloc[place], numeric) for _, key, numeric in known]
        shown = [number_cell(value) if numeric else text_cell(_word(value)) for value, numeric in values]
        rows.append([text_cell(name), *shown])
    return Table("pairs", "The cells one by one, those that disagree first.", columns, rows)


def _both(joined: AnnData) -> Any:
    obs: Any = joined.obs
    return obs[obs[_keys.HAS_IMAGE].to_numpy(dtype=bool) & obs[_keys.HER2_AGREEMENT].notna().to_numpy()]


def _word(value: Any) -> Any:
    return None if pd.isna(value) else value
