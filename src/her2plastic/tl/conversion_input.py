"""Patients with two readings of the HER2 state: out of a table of patients, of counts, or the cells of an AnnData."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic._access import control_cells, donor_codes, obs_column
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.tl.state_words import VOCABULARIES

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


@dataclass(frozen=True)
class Readings:
    """Two readings a patient.

    Attributes
    ----------
    states
        Names of the states, rising.
    first, second
        Place of each patient's state among them.
    left_out
        Patients without one of the two readings.
    """

    states: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    left_out: int

    @property
    def table(self) -> np.ndarray:
        """Counts: first reading in rows, second in columns."""
        k = len(self.states)
        return np.bincount(self.first * k + self.second, minlength=k * k).reshape(k, k)


def patient_table(adata: AnnData, columns: Sequence[str], donor_key: str) -> pd.DataFrame:
    """Return the columns of ``obs`` with one row per donor; a donor with two values is an error."""
    import pandas as pd

    kept = ~control_cells(adata)
    code, names = donor_codes(adata, donor_key)
    frame = pd.DataFrame(index=pd.Index(list(names), dtype=object).take(np.unique(code[kept])))
    for column in columns:
        values = obs_column(adata, column)
        known = kept & values.notna().to_numpy()
        pairs = pd.DataFrame({"donor": code[known], "value": values.astype(object).to_numpy()[known]}).drop_duplicates()
        twice = pairs["donor"][pairs["donor"].duplicated()]
        if len(twice):
            found = pairs.loc[pairs["donor"] == twice.iloc[0], "value"].tolist()
            raise ParameterError(
                f"`obs[{column!r}]` must hold one value per donor: donor {names[int(twice.iloc[0])]!r} has {found}. "
                "Give each of the donor's cells the state of the patient."
            )
        value_of = dict(zip(pairs["donor"], pairs["value"], strict=True))
        frame[column] = pd.Series([value_of.get(place) for place in np.unique(code[kept])], index=frame.index)
        if isinstance(values.dtype, pd.CategoricalDtype):
            frame[column] = frame[column].astype(values.dtype)
    return frame


def read_patients(frame: pd.DataFrame, *, first: str, second: str, states: Sequence[str] | None) -> Readings:
    """Return the readings of a table with one row per patient."""
    for column in (first, second):
        if column not in frame.columns:
            raise MissingKeyError("table", column, map(str, frame.columns), "Name the columns with first= and second=.")
    names = known_states(frame[first], frame[second], states)
    codes = [_codes(frame[column], column, names) for column in (first, second)]
    both = (codes[0] >= 0) & (codes[1] >= 0)
    return Readings(names, codes[0][both], codes[1][both], int((~both).sum()))


def read_states(frame: pd.DataFrame, column: str, states: Sequence[str] | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the states of one column and the place of each patient's among them; -1 where it is missing."""
    names = known_states(frame[column], frame[column], states)
    return names, _codes(frame[column], column, names)


def known_states(first: Any, second: Any, states: Sequence[str] | None) -> tuple[str, ...]:
    """Return the states: those given, the categories of ordered columns, or the first vocabulary that fits."""
    import pandas as pd

    if states is not None:
        names = tuple(map(str, states))
        if len(set(names)) < len(names) or len(names) < 2:
            raise ParameterError(f"states={names!r}: expected at least two different names, from low to high")
        return names
    ordered = [
        tuple(map(str, column.cat.categories))
        for column in (first, second)
        if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered
    ]
    if len(ordered) == 2 and ordered[0] == ordered[1] and len(ordered[0]) > 1:
        return ordered[0]
    words = {str(value) for column in (first, second) for value in column.dropna().unique()}
    for vocabulary in VOCABULARIES:
        if words <= set(vocabulary):
            return vocabulary
    raise ParameterError(
        f"the states {sorted(words)} are in none of the known sets {_shown(VOCABULARIES)}; give them as states=, from "
        "low to high"
    )


def _shown(vocabularies: Iterable[tuple[str, ...]]) -> str:
    return "; ".join(", ".join(words) for words in vocabularies)


def _codes(column: Any, name: str, states: tuple[str, ...]) -> np.ndarray:
    place = {state: number for number, state in enumerate(states)}
    known = column.notna().to_numpy()
    words = [str(value) for value in column[known]]
    odd = sorted(set(words) - set(states))
    if odd:
        raise ParameterError(
            f"column {name!r}: {odd[0]!r} is not among the states {', '.join(map(repr, states))}. Correct it, or leave "
            "the patient's reading missing."
        )
    codes = np.full(len(column), -1, dtype=np.int64)
    codes[known] = [place[word] for word in words]
    return codes


def counted_table(table: Any, states: Sequence[str] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a table of counts with its states rising, and their names."""
    import pandas as pd

    names = tuple(map(str, states)) if states is not None else None
    if isinstance(table, pd.DataFrame):
        named = table.set_axis(list(map(str, table.index)), axis=0).set_axis(list(map(str, table.columns)), axis=1)
        _check_no_margins(named.to_numpy())
        named = _rising(named, names)
        names = names or tuple(named.index)
        table = named.to_numpy()
    values = np.asarray(table)
    _check_no_margins(values)
    if names is None:
        size = values.shape[0] if values.ndim else 0
        names = next((words for words in VOCABULARIES if len(words) == size), None)
        names = names or tuple(f"state {place}" for place in range(size))
    return values, names


def _rising(table: pd.DataFrame, states: tuple[str, ...] | None) -> pd.DataFrame:
    """Return a table with rows and columns in the order of the states, as far as their names tell it.

    Which states are neighbours, and which is the highest, is in the order: a table that is sorted by the alphabet or
    falls would be fitted with other errors.
    """
    rows, columns = tuple(table.index), tuple(table.columns)
    words = set(rows) | set(columns)
    order = states if states is not None and words <= set(states) else None
    if order is None and states is None:
        known = next((one for one in VOCABULARIES if set(_lower(words)) <= set(_lower(one))), ())
        place = {word: number for number, word in enumerate(_lower(known))}
        order = tuple(sorted(words, key=lambda word: place[word.lower()])) if known else None
    twice = len(set(rows)) < len(rows) or len(set(columns)) < len(columns)
    if twice or (order is None and set(rows) != set(columns)):
        raise ParameterError(
            f"a table of counts must have the same states in rows and columns, each once, got {rows} and {columns}. "
            "For a table with a row per patient name its columns with first= and second=."
        )
    order = order or rows
    return table.reindex(index=list(order), columns=list(order), fill_value=0)


def _lower(words: Iterable[str]) -> list[str]:
    return [word.lower() for word in words]


def _check_no_margins(values: np.ndarray) -> None:
    """Raise ParameterError where the last row and the last column are the sums of the others."""
    if values.ndim != 2 or values.shape[0] != values.shape[1] or len(values) < 3 or values.dtype.kind not in "uif":
        return
    inner = values[:-1, :-1]
    below, beside = np.r_[inner.sum(axis=0), inner.sum()], inner.sum(axis=1)
    if inner.sum() > 0 and np.array_equal(values[-1], below) and np.array_equal(values[:-1, -1], beside):
        raise ParameterError(
            "the last row and column of the table of counts are the sums of the others: leave them out "
            "(pd.crosstab without margins)"
        )
