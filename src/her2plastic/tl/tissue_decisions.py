"""The decision table for the HER2 status of tissue, looked up for every row at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import reference
from her2plastic.tl.tissue_readings import TissueReadings, read_readings

if TYPE_CHECKING:
    import pandas as pd

_NOT_DONE: Final = "not done"
#: In-situ hybridisation of which the numbers are not known, by its result; they follow the groups.
_REPORTED: Final = {word: f"reported {word}" for word in ("negative", "equivocal", "positive")}
#: What the numbers alone make of a result, where they do.
_RESULT_OF_GROUP: Final = {
    "1": "positive", "5": "negative", "single, positive": "positive", "single, negative": "negative",
    "single, equivocal": "equivocal",
}  # fmt: skip
_SCORES: Final = (_NOT_DONE, "0", "1+", "2+", "3+")
#: Codes of a recount: none, the same group again, another one.
_RECOUNTS: Final = ("", "unchanged", "changed")
#: Score that the table knows a finer one by.
_COARSE: Final = {"null": "0", "ultralow": "0"}


@dataclass(frozen=True)
class Decisions:
    """The answer for each row."""

    score: np.ndarray
    group: np.ndarray
    status: np.ndarray
    step: np.ndarray
    comment: np.ndarray
    flags: list[list[str]]


@dataclass(frozen=True)
class _Rule:
    """A rule as arrays: bounds of the groups, and the row of the decision table for each combination."""

    groups: tuple[str, ...]
    bounds: np.ndarray
    single: np.ndarray
    row_of: np.ndarray
    outcome: np.ndarray
    table: pd.DataFrame
    least_cells: int


def decide(table: pd.DataFrame, rule: str) -> Decisions:
    """Return status, step and flags of each row of a table of pathology."""
    read, told = read_readings(table, rule), _rule(rule)
    names = np.array([_NOT_DONE, *told.groups, *_REPORTED.values()], dtype=object)
    possible = _possible_groups(read.ratio, read.copies, read.probe, told)
    at_odds = np.isfinite(read.other_ratio)
    possible |= at_odds[:, None] & _possible_groups(read.other_ratio, read.copies, read.probe, told)
    recount = _recounts(read, possible, told)
    scores = _possible_scores(read)
    rows = np.moveaxis(told.row_of[:, :, recount], 2, 0)
    incomplete = possible.sum(axis=1) > 1
    wanting = possible[:, 0] | (incomplete & ~at_odds & ~_decided(possible, scores, rows, told))
    possible = _with_results(possible, read.result, wanting)
    open_to, decided = _combinations(possible, scores), _decided(possible, scores, rows, told)
    n = len(table)
    flat = open_to.reshape(n, told.row_of[:, :, 0].size)
    chosen = rows.reshape(flat.shape)[np.arange(n), flat.argmax(axis=1)]
    alone = open_to.sum(axis=(1, 2)) == 1
    words = {name: told.table[name].to_numpy(dtype=object)[chosen] for name in ("status", "step", "flag", "comment")}
    lacking = np.where(
        read.ihc_unclear, "ihc_review_required", np.where(np.isnan(read.copies), "copies_required", "ratio_required")
    )
    for row in np.flatnonzero(alone & (words["flag"] != "")):
        read.flags[row].append(str(words["flag"][row]))
    _flag_contradicted(read, names[possible.argmax(axis=1)], alone)
    for row in np.flatnonzero(incomplete & ~at_odds):
        read.flags[row].append("ish_incomplete")
    unsure = possible.sum(axis=1) > 1
    group = names[possible.argmax(axis=1)]
    group[unsure] = [" or ".join(names[line]) for line in possible[unsure]]
    return Decisions(
        read.score, group, np.where(decided, words["status"], ""), np.where(decided, words["step"], lacking),
        np.where(alone, words["comment"], ""), read.flags,
    )  # fmt: skip


def _possible_groups(ratio: np.ndarray, copies: np.ndarray, probe: np.ndarray, rule: _Rule) -> np.ndarray:
    """Return ``(rows, 1 + groups + 3)``: which groups a ratio and copies may be of.

    The first is none, and the last three are those of a result without numbers.
    """
    single = (probe == "single") | ((probe == "") & np.isnan(ratio))
    r, c = ratio[:, None], copies[:, None]
    with np.errstate(invalid="ignore"):
        within = (np.isnan(r) | ((r >= rule.bounds[:, 0]) & (r < rule.bounds[:, 1]))) & (
            np.isnan(c) | ((c >= rule.bounds[:, 2]) & (c < rule.bounds[:, 3]))
        )
    within &= rule.single == single[:, None]
    done = np.isfinite(ratio) | np.isfinite(copies)
    return np.column_stack([~done, within & done[:, None], np.zeros((len(done), len(_REPORTED)), dtype=bool)])


def _with_results(possible: np.ndarray, result: np.ndarray, open_rows: np.ndarray) -> np.ndarray:
    """Put a reported result where numbers are missing or leave the answer open; elsewhere they say more than it."""
    found = possible.copy()
    for place, word in enumerate(_REPORTED, start=possible.shape[1] - len(_REPORTED)):
        taken = open_rows & (result == word)
        found[taken] = False
        found[taken, place] = True
    return found


def _possible_scores(read: TissueReadings) -> np.ndarray:
    """Return ``(rows, scores)``: which scores each row may have; the first is none."""
    code = np.array([_SCORES.index(_COARSE.get(str(s), str(s))) if s else 0 for s in read.score], dtype=int)
    scores = np.arange(len(_SCORES)) == code[:, None]
    scores[read.ihc_unclear] = [False, True, True, True, True]
    return scores


def _combinations(possible: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return ``(rows, groups, scores)``: every combination that is possible; an answer is one that all of them give."""
    return possible[:, :, None] & scores[:, None, :]


def _decided(possible: np.ndarray, scores: np.ndarray, rows: np.ndarray, rule: _Rule) -> np.ndarray:
    """Tell the rows in which every combination that is possible has the same answer."""
    open_to, outcomes = _combinations(possible, scores), rule.outcome[rows]
    low = np.where(open_to, outcomes, rule.outcome.max() + 1).min(axis=(1, 2))
    return low == np.where(open_to, outcomes, -1).max(axis=(1, 2))


def _flag_contradicted(read: TissueReadings, group: np.ndarray, certain: np.ndarray) -> None:
    """Flag the rows whose reported result is not that of their numbers."""
    for row in np.flatnonzero(certain & (read.result != "")):
        by_numbers = _RESULT_OF_GROUP.get(str(group[row]))
        if by_numbers is not None and by_numbers != read.result[row]:
            read.flags[row].append("ish_result_contradicts_numbers")


def _recounts(read: TissueReadings, possible: np.ndarray, rule: _Rule) -> np.ndarray:
    """Return the code of each row's recount, from its word or from the group of its numbers."""
    code = np.array([_RECOUNTS.index("unchanged" if w == "adjudicated" else str(w)) for w in read.recount], dtype=int)
    counted = np.isfinite(read.recount_ratio) & np.isfinite(read.recount_copies)
    enough = read.recount_cells >= rule.least_cells
    again = _possible_groups(read.recount_ratio, read.recount_copies, np.full(len(code), "dual"), rule)
    same = (again == possible).all(axis=1)
    for row in np.flatnonzero(counted & ~enough):
        if np.isnan(read.recount_cells[row]):
            read.flags[row].append("recount_cells_not_given")
    # so few cells are no recount, whatever is said of it
    few = read.recount_cells < rule.least_cells
    for row in np.flatnonzero(few):
        read.flags[row].append(f"recount_cells_under_{rule.least_cells}")
    code[few & (read.recount != "adjudicated")] = 0
    by_numbers = np.where(same, _RECOUNTS.index("unchanged"), _RECOUNTS.index("changed"))
    used = counted & enough & (read.recount != "adjudicated")
    for row in np.flatnonzero(used & (code > 0) & (code != by_numbers)):
        read.flags[row].append("recount_contradicts_its_numbers")
    return np.where(used, by_numbers, code)


@cache
def _rule(rule: str) -> _Rule:
    groups, table = reference.ish_groups(rule), reference.tissue_decisions(rule)
    names = (_NOT_DONE, *groups["group"], *_REPORTED.values())
    row_of = np.empty((len(names), len(_SCORES), len(_RECOUNTS)), dtype=int)
    lines: Any = table.to_dict("records")
    for i, ish in enumerate(names):
        for j, ihc in enumerate(_SCORES):
            for k, recount in enumerate(_RECOUNTS):
                row_of[i, j, k] = next(
                    place
                    for place, line in enumerate(lines)
                    if line["ish"] == ish
                    and (line["ihc"] == "any" or ihc in line["ihc"].split(","))
                    and line["recount"] in ("any", recount)
                )
    outcome = (table["status"] + "/" + table["step"]).factorize()[0]
    bounds = groups[["ratio_from", "ratio_below", "copies_from", "copies_below"]].to_numpy(dtype=float)
    least = int(reference.tissue_rules()["least_cells"].to_dict()[rule])
    return _Rule(
        tuple(groups["group"]), bounds, (groups["probe"] == "single").to_numpy(dtype=bool), row_of,
        np.asarray(outcome), table, least,
    )  # fmt: skip
