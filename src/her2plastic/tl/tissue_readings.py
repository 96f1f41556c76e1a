"""What a table of pathology reports says of HER2, row by row: scores, numbers of in-situ hybridisation, recounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.io.tissue_fields import (
    CEP17,
    COPIES,
    EVIDENCE,
    NUMBERS,
    PATTERNS,
    PROBE,
    RATIO,
    RECOUNT_CELLS,
    RECOUNT_COPIES,
    RECOUNT_RATIO,
    RESULT,
    WORDS,
    number_of,
    word_of,
)
from her2plastic.tl.stained_cells import IhcScores, scores_of_percentages

if TYPE_CHECKING:
    import pandas as pd

#: Faulty rows that an error names.
_SHOWN: Final = 5


@dataclass(frozen=True)
class TissueReadings:
    """Everything that was read of each row.

    Attributes
    ----------
    score
        IHC score (``0``, ``null``, ``ultralow``, ``1+``, ``2+``, ``3+``), empty where there is none.
    ihc_unclear
        IHC was done, but gives no score.
    flags
        What is odd about each row.
    ratio, copies, recount_ratio, recount_copies, recount_cells
        Numbers of in-situ hybridisation, missing where not given.
    other_ratio
        Where copies and CEP17 contradict the ratio, theirs.
    probe
        ``dual``, ``single`` or empty.
    result
        ``positive``, ``negative`` or ``equivocal`` as reported, or empty.
    recount
        ``unchanged``, ``changed``, ``adjudicated`` or empty.
    """

    score: np.ndarray
    ihc_unclear: np.ndarray
    flags: list[list[str]]
    ratio: np.ndarray
    other_ratio: np.ndarray
    copies: np.ndarray
    recount_ratio: np.ndarray
    recount_copies: np.ndarray
    recount_cells: np.ndarray
    probe: np.ndarray
    result: np.ndarray
    recount: np.ndarray


def read_readings(table: pd.DataFrame, rule: str) -> TissueReadings:
    """Return what the columns of a table say; a value that cannot be read is a ParameterError that names the rows."""
    if not any(column in table.columns for column in EVIDENCE):
        raise MissingKeyError(
            "table", _keys.IHC, map(str, table.columns),
            f"Give the IHC score ({_keys.IHC}), percentages ({', '.join(PATTERNS)}), or {RATIO} and {COPIES}.",
        )  # fmt: skip
    flags: list[list[str]] = [[] for _ in range(len(table))]
    words = {column: _words(table, column) for column in WORDS}
    numbers = {column: _numbers(table, column) for column in NUMBERS}
    stained = scores_of_percentages({name: numbers[name] for name in PATTERNS}, table.index, rule)
    score, unclear = _settled(words[_keys.IHC], stained, flags)
    # every cell has signals where the probe worked: a 0 may stand for what was not counted
    for row in np.flatnonzero((numbers[RATIO] == 0) | (numbers[COPIES] == 0)):
        flags[row].append("ish_without_signal")
    ratio, other_ratio = _with_cep17(numbers[RATIO], numbers[COPIES], numbers[CEP17], flags)
    # who counted CEP17 used two probes
    probe = np.where((words[PROBE] == "") & np.isfinite(numbers[CEP17]), "dual", words[PROBE])
    contradicts = f"a single probe has no {RATIO} and no {CEP17}: leave out one of the two"
    _refuse(table, np.flatnonzero((probe == "single") & np.isfinite(ratio)), contradicts, PROBE)
    return TissueReadings(
        score, unclear, flags, ratio, other_ratio, numbers[COPIES], numbers[RECOUNT_RATIO], numbers[RECOUNT_COPIES],
        numbers[RECOUNT_CELLS], probe, words[RESULT], words[_keys.ISH_RECOUNT],
    )  # fmt: skip


def _settled(given: np.ndarray, stained: IhcScores, flags: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of each row out of the one reported and the one by percentages, and where they give none."""
    score, unclear = given.copy(), np.zeros(len(given), dtype=bool)
    for row in np.flatnonzero(stained.given):
        word, told = str(stained.score[row]), str(given[row])
        if stained.flag[row]:
            flags[row].append(str(stained.flag[row]))
        if not told:
            score[row], unclear[row] = word, not word
        elif word and told != word:
            if told == "0" and word in ("null", "ultralow"):
                score[row] = word
            else:
                flags[row].append("score_contradicts_percentages")
                score[row], unclear[row] = "", True
    return score, unclear


def _with_cep17(
    ratio: np.ndarray, copies: np.ndarray, cep17: np.ndarray, flags: list[list[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ratio, made of copies and CEP17 where it was not given, and theirs where it is another one."""
    # fewer signals than one in a hundred cells are none
    by_hand = np.divide(copies, cep17, out=np.full(len(copies), np.nan), where=cep17 > 0.01)
    # a ratio is reported to one or two decimals
    at_odds = np.abs(ratio - by_hand) > 0.1 + 0.05 * by_hand
    for row in np.flatnonzero(at_odds):
        flags[row].append("ratio_contradicts_copies")
    return np.where(np.isfinite(ratio), ratio, by_hand), np.where(at_odds, by_hand, np.nan)


# --- reading of columns -------------------------------------------------------------------------------------------
def _words(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of words in our spelling, empty where nothing was done."""
    read = [word_of(column, value) for value in _one_column(table, column).astype(object)]
    faulty = [row for row, (_, why) in enumerate(read) if why]
    _refuse(table, faulty, f"{column}: {read[faulty[0]][1]}" if faulty else "", column)
    return np.array([word for word, _ in read], dtype=object)


def _numbers(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of numbers of at least 0, missing where nothing was counted."""
    read = [number_of(value) for value in _one_column(table, column).astype(object)]
    faulty = [row for row, (_, why) in enumerate(read) if why]
    _refuse(table, faulty, f"{column}: {read[faulty[0]][1]}" if faulty else "", column)
    return np.array([number for number, _ in read], dtype=float)


def _one_column(table: pd.DataFrame, column: str) -> Any:
    import pandas as pd

    if column not in table.columns:
        return pd.Series(None, index=table.index, dtype=object)
    found = table[column]
    if found.ndim > 1:
        raise ParameterError(f"column {column!r} stands {found.shape[1]} times in the table: expected once")
    return found


def _refuse(table: pd.DataFrame, rows: Any, expected: str, column: str) -> None:
    """Raise a ParameterError that names the first faulty rows, if there are any."""
    if not len(rows):
        return
    shown = [f"row {table.index[place]!r} has {table[column].iloc[place]!r}" for place in rows[:_SHOWN]]
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    raise ParameterError(f"{expected}; {', '.join(shown)}{more}")
