"""The IHC score that percentages of stained tumour cells give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from her2plastic import reference
from her2plastic._errors import ParameterError
from her2plastic.io.tissue_fields import PATTERNS

_PREFIX: Final = "ihc_"
#: Percentages are read by eye, and rounded: together they may come to a little more than all cells.
_ALL: Final = 101.0
_UNNAMED: Final = "?"


@dataclass(frozen=True)
class IhcScores:
    """Score of each row by its percentages, empty where they give none; a flag, and where percentages were given."""

    score: np.ndarray
    flag: np.ndarray
    given: np.ndarray


def scores_of_percentages(percent: Mapping[str, np.ndarray], rows: Any, rule: str) -> IhcScores:
    """Return the score of each row.

    A percentage that was not given is not 0: a row has a score where it is the same whatever the missing ones are.
    """
    values: np.ndarray = np.column_stack([percent[name] for name in PATTERNS])
    known = np.isfinite(values)
    given = known.any(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    over = np.flatnonzero(total > _ALL)
    if over.size:
        raise ParameterError(
            f"row {rows[over[0]]!r}: {', '.join(PATTERNS)} come to {total[over[0]]:g} %: expected at most 100 % of the "
            "invasive tumour cells, each cell in one of them"
        )
    if np.any((values > 0) & (values < 1)) and np.nanmax(values) <= 1:
        raise ParameterError(
            f"no percentage in {', '.join(PATTERNS)} is above 1: these look like shares. Give percentages from 0 to "
            "100; staining of less than 1 % of the cells can be given as the score ultralow"
        )
    score, flag = np.full(len(values), "", dtype=object), np.full(len(values), "", dtype=object)
    open_rows = given.copy()
    for row in reference.ihc_criteria(rule).to_dict("records"):
        holds, unknown = _holds(values, known, row)
        hit = open_rows & holds
        score[hit] = "" if row["score"] == _UNNAMED else row["score"]
        flag[hit] = row["flag"]
        cut = open_rows & unknown
        flag[cut] = "percentages_incomplete"
        open_rows &= ~(holds | unknown)
    return IhcScores(score, flag, given)


def _holds(values: np.ndarray, known: np.ndarray, row: Mapping[Any, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return where a criterion holds, and where a missing percentage leaves it open."""
    if row["pattern"] == "none":
        complete = known.all(axis=1)
        return np.logical_and(complete, (values == 0).all(axis=1)), np.logical_not(complete)
    place = PATTERNS.index(_PREFIX + str(row["pattern"]))
    with np.errstate(invalid="ignore"):
        holds = (values[:, place] > float(row["above"])) & (values[:, place] <= float(row["at_most"]))
    # of cells that are all accounted for, none is left for the missing kind
    left: np.ndarray = _ALL - 1.0 - np.where(known, values, 0.0).sum(axis=1)
    open_still: np.ndarray = ~known[:, place] & (left > float(row["above"]))
    return holds, open_still
