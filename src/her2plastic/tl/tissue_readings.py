"""What a table of pathology reports says of HER2, row by row: scores, numbers of in-situ hybridisation, recounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.tl.stained_cells import PATTERNS, IhcScores, scores_of_percentages

if TYPE_CHECKING:
    import pandas as pd

#: Score of each way of writing it. A result ("negative") is no score: 0 and 1+ are both negative.
_SCORE_OF_WORD: Final = {
    "0": "0", "0+": "0", "1": "1+", "1+": "1+", "+": "1+", "2": "2+", "2+": "2+", "++": "2+", "equivocal": "2+",
    "3": "3+", "3+": "3+", "+++": "3+", "null": "null", "ultralow": "ultralow", "ultra-low": "ultralow",
}  # fmt: skip
_RESULTS: Final = ("negative", "positive", "low", "her2-low", "her2-0", "her2-positive", "her2-negative")
_NOT_DONE: Final = ("", "nan", "none", "<na>", "nat", "na", "n/a", "nd", "not done", "unknown", "missing")
PROBES: Final = ("dual", "single")
RECOUNTS: Final = ("unchanged", "changed", "adjudicated")
#: Columns of numbers.
RATIO, COPIES, CEP17 = _keys.ISH_RATIO, _keys.ISH_COPIES, "ish_cep17"
RECOUNT_RATIO, RECOUNT_COPIES, RECOUNT_CELLS = "ish_recount_ratio", "ish_recount_copies", "ish_recount_cells"
PROBE: Final = "ish_probe"
NUMBERS: Final = (RATIO, COPIES, CEP17, RECOUNT_RATIO, RECOUNT_COPIES, RECOUNT_CELLS)
COLUMNS: Final = (_keys.IHC, *PATTERNS, *NUMBERS, PROBE, _keys.ISH_RECOUNT)
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
    probe
        ``dual``, ``single`` or empty.
    recount
        ``unchanged``, ``changed``, ``adjudicated`` or empty.
    """

    score: np.ndarray
    ihc_unclear: np.ndarray
    flags: list[list[str]]
    ratio: np.ndarray
    copies: np.ndarray
    recount_ratio: np.ndarray
    recount_copies: np.ndarray
    recount_cells: np.ndarray
    probe: np.ndarray
    recount: np.ndarray


def read_readings(table: pd.DataFrame, rule: str) -> TissueReadings:
    """Return what the columns of a table say; a value that cannot be read is a ParameterError that names the rows."""
    if not any(column in table.columns for column in (_keys.IHC, *PATTERNS, RATIO, COPIES)):
        raise MissingKeyError(
            "table", _keys.IHC, map(str, table.columns),
            f"Give the IHC score ({_keys.IHC}), percentages ({', '.join(PATTERNS)}), or {RATIO} and {COPIES}.",
        )  # fmt: skip
    flags: list[list[str]] = [[] for _ in range(len(table))]
    given = _words(table, _keys.IHC, _score, "one of 0, null, ultralow, 1+, 2+ (equivocal), 3+")
    stained = scores_of_percentages({name: _numbers(table, name) for name in PATTERNS}, table.index, rule)
    score, unclear = _settled(given, stained, flags)
    numbers = {name: _numbers(table, name) for name in NUMBERS}
    ratio, copies, cep17 = numbers[RATIO], numbers[COPIES], numbers[CEP17]
    ratio = _with_cep17(ratio, copies, cep17, flags)
    probe = _words(table, PROBE, _one_of(PROBES), "dual or single")
    _check(table, (probe == "single") & np.isfinite(ratio), f"a single probe has no {RATIO}: leave out one of the two")
    recount = _words(table, _keys.ISH_RECOUNT, _one_of(RECOUNTS), f"one of {', '.join(RECOUNTS)}")
    return TissueReadings(
        score, unclear, flags, ratio, copies, numbers[RECOUNT_RATIO], numbers[RECOUNT_COPIES], numbers[RECOUNT_CELLS],
        probe, recount,
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


def _with_cep17(ratio: np.ndarray, copies: np.ndarray, cep17: np.ndarray, flags: list[list[str]]) -> np.ndarray:
    """Return the ratio, made of copies and CEP17 where it was not given, and flag the rows where the three disagree."""
    by_hand = np.divide(copies, cep17, out=np.full(len(copies), np.nan), where=cep17 > 0)
    # a ratio is reported to one or two decimals
    for row in np.flatnonzero(np.abs(ratio - by_hand) > 0.1 + 0.05 * by_hand):
        flags[row].append("ratio_contradicts_copies")
    return np.where(np.isfinite(ratio), ratio, by_hand)


# --- reading of columns -------------------------------------------------------------------------------------------
def _score(word: str) -> str | None:
    number = word.removesuffix(".0")  # a column of numbers with empty fields
    return _SCORE_OF_WORD.get(number)


def _one_of(options: tuple[str, ...]) -> Callable[[str], str | None]:
    return lambda word: word if word in options else None


def _words(table: pd.DataFrame, column: str, known: Callable[[str], str | None], expected: str) -> np.ndarray:
    """Return a column of words in our spelling, empty where nothing was done."""
    out = np.full(len(table), "", dtype=object)
    if column not in table.columns:
        return out
    values = _one_column(table, column).astype(object)
    faulty = np.zeros(len(table), dtype=bool)
    for row, value in enumerate(values):
        word = "" if value is None else str(value).strip().lower()
        if word in _NOT_DONE:
            continue
        found = None if isinstance(value, (bool, np.bool_)) else known(word)
        faulty[row], out[row] = found is None, found or ""
    remedy = ""
    if column == _keys.IHC and any(str(value).strip().lower() in _RESULTS for value in values[faulty]):
        remedy = ". That is a result and no score: it does not tell 0 from 1+, nor how it was found"
    _check(table, faulty, f"{column}: expected {expected}, or nothing{remedy}", column)
    return out


def _numbers(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of numbers of at least 0, missing where nothing was counted."""
    import pandas as pd

    if column not in table.columns:
        return np.full(len(table), np.nan)
    values = _one_column(table, column)
    if getattr(values.dtype, "kind", "O") in "mMbc":
        raise ParameterError(f"column {column!r} holds {values.dtype}: expected numbers")
    words = values.astype(object).map(lambda value: "" if value is None else str(value).strip().lower())
    empty = words.isin(_NOT_DONE).to_numpy(dtype=bool)
    numbers = pd.to_numeric(words.where(~empty, "nan"), errors="coerce").to_numpy(dtype=float)
    odd = values.map(lambda value: isinstance(value, (bool, np.bool_))).to_numpy(dtype=bool)
    with np.errstate(invalid="ignore"):
        faulty = ~empty & (~np.isfinite(numbers) | (numbers < 0) | odd)
    _check(table, faulty, f"{column}: expected a number of at least 0 with a decimal point, or nothing", column)
    return np.where(empty, np.nan, numbers)


def _one_column(table: pd.DataFrame, column: str) -> Any:
    found = table[column]
    if found.ndim > 1:
        raise ParameterError(f"column {column!r} stands {found.shape[1]} times in the table: expected once")
    return found


def _check(table: pd.DataFrame, faulty: np.ndarray, expected: str, column: str | None = None) -> None:
    """Raise a ParameterError that names the first faulty rows."""
    places = np.flatnonzero(faulty)
    if not places.size:
        return
    shown = [
        f"row {table.index[place]!r}" + (f" has {table[column].iloc[place]!r}" if column else "")
        for place in places[:_SHOWN]
    ]
    more = f" and {places.size - _SHOWN} more" if places.size > _SHOWN else ""
    raise ParameterError(f"{expected}; {', '.join(shown)}{more}")
