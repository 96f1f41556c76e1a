"""Columns of tables of pathology, and what a field of each may hold."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

import numpy as np

from her2plastic import _keys
from her2plastic.io.number_columns import is_number

#: Columns with the percentage of invasive tumour cells that have each kind of membrane staining.
PATTERNS: Final = ("ihc_complete_intense", "ihc_complete_weak", "ihc_incomplete_intense", "ihc_incomplete_faint")
RATIO, COPIES, CEP17 = _keys.ISH_RATIO, _keys.ISH_COPIES, "ish_cep17"
RECOUNT_RATIO, RECOUNT_COPIES, RECOUNT_CELLS = "ish_recount_ratio", "ish_recount_copies", "ish_recount_cells"
PROBE: Final = "ish_probe"
#: In-situ hybridisation of which only the result was reported.
RESULT: Final = "ish_result"
#: Columns of in-situ hybridisation with numbers.
ISH_NUMBERS: Final = (RATIO, COPIES, CEP17, RECOUNT_RATIO, RECOUNT_COPIES, RECOUNT_CELLS)
NUMBERS: Final = (*PATTERNS, *ISH_NUMBERS)
WORDS: Final = (_keys.IHC, PROBE, RESULT, _keys.ISH_RECOUNT)
#: One of these at least says something of HER2.
EVIDENCE: Final = (_keys.IHC, *PATTERNS, RATIO, COPIES, RESULT)

#: Score of each way of writing it.
_SCORE_OF_WORD: Final = {
    "0": "0", "0+": "0", "1": "1+", "1+": "1+", "+": "1+", "2": "2+", "2+": "2+", "++": "2+", "equivocal": "2+",
    "3": "3+", "3+": "3+", "+++": "3+", "null": "null", "ultralow": "ultralow", "ultra-low": "ultralow",
}  # fmt: skip
_PROBES: Final = ("dual", "single")
#: Result of each way of reporting it.
_RESULT_OF_WORD: Final = {
    "positive": "positive", "amplified": "positive", "negative": "negative", "not amplified": "negative",
    "non-amplified": "negative", "equivocal": "equivocal", "indeterminate": "equivocal", "borderline": "equivocal",
    "pos": "positive", "neg": "negative", "amplification": "positive", "no amplification": "negative",
    "non amplified": "negative", "nonamplified": "negative", "not-amplified": "negative", "unamplified": "negative",
}  # fmt: skip
#: What may stand before a score or a result: the name of what was scored.
_BEFORE_A_WORD: Final = re.compile(r"(?:(?:her-?2|erbb2|ihc|fish|cish|sish|dish|ish|score)\b[\s:=/-]*)+(?=[\da-z])")
RECOUNTS: Final = ("unchanged", "changed", "adjudicated")
#: A result is no score: 0 and 1+ are both negative, and 2+ may be positive.
_RESULTS: Final = ("negative", "positive", "low", "her2-low", "her2-0", "her2-positive", "her2-negative")
_NOT_DONE: Final = (
    *("", "nan", "none", "<na>", "nat", "na", "n/a", "nd", "not done", "unknown", "missing", "not available"),
    *("not evaluated", "not performed", "not tested", "not assessed", "not applicable", "pending"),
)
_A_NUMBER: Final = "expected a number of at least 0 with a decimal point, or nothing"


def not_done(value: object) -> bool:
    """Tell a field of what was not done or is not known."""
    return value is None or str(value).strip().lower().removeprefix("[").removesuffix("]") in _NOT_DONE


def word_of(column: str, value: object) -> tuple[str, str]:
    """Return a field of words in our spelling, empty where nothing was done, or why it is none."""
    if not_done(value):
        return "", ""
    word = str(value).strip().lower()
    if word not in _RESULTS:
        word = _BEFORE_A_WORD.sub("", word, count=1)
    if isinstance(value, (bool, np.bool_)):
        word = ""
    if column == _keys.IHC:
        # a column of numbers with empty fields holds 2.0
        score = _SCORE_OF_WORD.get(word.removesuffix(".0"), "")
        why = "expected one of 0, null, ultralow, 1+, 2+ (equivocal), 3+, or nothing"
        if str(value).strip() == "NULL":
            return "", f"{why}; NULL may be a database's word for nothing: leave the field empty, or write null"
        if word in _RESULTS:
            why += "; it is a result and no score: that does not tell 0 from 1+, nor how it was found"
        return score, "" if score else why
    if column == RESULT:
        result = _RESULT_OF_WORD.get(word, "")
        return result, "" if result else f"expected one of {', '.join(_RESULT_OF_WORD)}, or nothing"
    allowed = _PROBES if column == PROBE else RECOUNTS
    return (word, "") if word in allowed else ("", f"expected one of {', '.join(allowed)}, or nothing")


def number_of(value: object) -> tuple[float, str]:
    """Return a field of numbers, missing where nothing was counted, or why it is none."""
    if not_done(value):
        return float("nan"), ""
    if isinstance(value, (bool, np.bool_, dt.date, np.datetime64)):
        return float("nan"), _A_NUMBER
    text = str(value).strip()
    number = float(text) if is_number(text) else float("nan")
    return (number, "") if np.isfinite(number) and number >= 0 else (float("nan"), _A_NUMBER)
