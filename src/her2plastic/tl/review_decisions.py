"""Decisions of reviewers as readings of the cells of an AnnData, checked, with those of cells that are gone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import as_names
from her2plastic._errors import ParameterError, ReviewError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

#: Columns of the decisions that are needed; ``session``, ``at`` and ``blinded`` are used where they are there.
NEEDED: Final = ("reviewer", "cell_id", "round", "decision")
_MOST_NAMED: Final = 5
#: No file can hold a column with these in its name.
_NOT_IN_NAMES: Final = "/"
#: Names that stand for something else where reviewers are listed.
RESERVED: Final = ("all", "between", "consensus", "model", _keys.CELL_ID)
FIRST, AGAIN, SETTLED = _keys.REVIEW_ROUNDS


@dataclass(frozen=True)
class Readings:
    """Readings of cells: one row a reading, in the order in which they were made.

    Attributes
    ----------
    cell
        Place of the cell in the AnnData.
    reviewer
        Place of the reviewer among ``reviewers``; -1 for one who did nothing but adjudicate.
    word
        Place of the decision among ``_keys.REVIEW_DECISIONS``.
    number
        0 for a reviewer's first reading of the cell, 1 for the next, and so on; -1 for an adjudication.
    stands
        Whether it is what the reviewer's decision on the cell is: the last one that is no hidden repeat.
    blinded
        Whether the reviewer saw neither the model's call nor what others decided.
    reviewers
        Names, in the order of the alphabet.
    gone
        ``cell_id`` of decisions on cells that are not in the AnnData.
    n_cells
        Cells of the AnnData.
    """

    cell: np.ndarray
    reviewer: np.ndarray
    word: np.ndarray
    number: np.ndarray
    stands: np.ndarray
    blinded: np.ndarray
    reviewers: tuple[str, ...]
    gone: tuple[str, ...]
    n_cells: int

    def standing(self) -> np.ndarray:
        """Return what stands ``(cells, reviewers)``: the decision that is no hidden repeat; -1 where there is none."""
        return self._table(self.stands)

    def numbered(self, number: int) -> np.ndarray:
        """Return the decision ``(cells, reviewers)`` of the reading with this number; -1 where there is none."""
        return self._table(self.number == number)

    def _table(self, here: np.ndarray) -> np.ndarray:
        found = np.full((self.n_cells, len(self.reviewers)), -1)
        found[self.cell[here], self.reviewer[here]] = self.word[here]
        return found

    def settled(self) -> np.ndarray:
        """Return the last adjudication of each cell; -1 where there was none."""
        found = np.full(self.n_cells, -1)
        here = self.number < 0
        found[self.cell[here]] = self.word[here]
        return found


def collect_readings(adata: AnnData, decisions: pd.DataFrame | str | os.PathLike[str]) -> Readings:
    """Match decisions to the cells of an AnnData.

    Raises
    ------
    ParameterError
        Columns are missing, or hold words that no decision, no round or no reviewer has.
    ReviewError
        There is no decision, or none is of these cells.
    """
    frame = _ordered(_frame(decisions))
    ids = adata.obs[_keys.CELL_ID] if _keys.CELL_ID in adata.obs else adata.obs_names
    names = as_names(ids).astype(str)
    if len(np.unique(names)) < len(names):
        raise ReviewError(
            "`obs['cell_id']` names some cells twice: nobody can tell which of them was reviewed. Give each its own."
        )
    place: dict[str, int] = {name: k for k, name in enumerate(names)}
    cell = np.array([place.get(str(name), -1) for name in frame["cell_id"]])
    if not (cell >= 0).any():
        raise ReviewError(
            f"none of the {len(set(frame['cell_id']))} reviewed cells is here: reviewed were "
            f"{frame['cell_id'].iloc[0]!r}, ..., here are {', '.join(map(repr, names[:3]))}, ... The journal is of "
            "another data set."
        )
    gone = tuple(dict.fromkeys(frame["cell_id"][cell < 0].astype(str)))
    kept = frame[cell >= 0]
    reviewers, names_of = _codes(kept["reviewer"], (kept["round"] != SETTLED).to_numpy())
    words = [*_keys.REVIEW_DECISIONS]
    blinded = kept["blinded"].to_numpy(dtype=bool) if "blinded" in kept else np.ones(len(kept), dtype=bool)
    return Readings(
        cell=cell[cell >= 0], reviewer=reviewers, word=np.array([words.index(str(w)) for w in kept["decision"]]),
        number=_numbers(kept), stands=_standing(kept), blinded=blinded, reviewers=names_of, gone=gone,
        n_cells=adata.n_obs,
    )  # fmt: skip


def _frame(decisions: Any) -> pd.DataFrame:
    import pandas as pd

    if isinstance(decisions, (str, os.PathLike)):
        from her2plastic import io

        decisions = io.read_decisions(decisions)
    if not isinstance(decisions, pd.DataFrame):
        raise ParameterError(
            "decisions: expected a table of io.read_decisions, or the path of a journal, not a "
            f"{type(decisions).__name__}"
        )
    lacking = [name for name in NEEDED if name not in decisions]
    if lacking:
        raise ParameterError(
            f"decisions: no column {', '.join(lacking)}; there are {', '.join(map(str, decisions.columns))}. Read the "
            "journal with io.read_decisions."
        )
    if decisions.empty:
        raise ReviewError("decisions: there is none. Review some cells first: her2plastic review PATH --reviewer NAME.")
    if decisions[list(NEEDED)].isna().any(axis=None):
        name = next(name for name in NEEDED if decisions[name].isna().any())
        raise ParameterError(f"decisions: {int(decisions[name].isna().sum())} rows have no {name}")
    for name, known in (("decision", _keys.REVIEW_DECISIONS), ("round", _keys.REVIEW_ROUNDS)):
        odd = sorted({str(value) for value in decisions[name]} - set(known))
        if odd:
            shown = ", ".join(map(repr, odd[:_MOST_NAMED]))
            raise ParameterError(f"decisions: {name} {shown} is not known; known are {', '.join(known)}")
    return decisions.assign(**{name: decisions[name].astype(str).astype(object) for name in NEEDED})


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the decisions by time; of a cell decided anew in one session and round the last one alone."""
    frame = frame.reset_index(drop=True)
    if "at" in frame:
        frame = frame.sort_values("at", kind="stable")
    told_apart = [name for name in ("session", *NEEDED[:3]) if name in frame]
    return frame.drop_duplicates(told_apart, keep="last").reset_index(drop=True) if "session" in frame else frame


def _codes(column: pd.Series, reviews: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the place of each reviewer, -1 for one who did nothing but adjudicate, and the names."""
    names = column.astype(str)
    known = tuple(sorted(set(names[reviews])))
    taken = sorted(set(known) & set(RESERVED))
    if taken:
        raise ParameterError(
            f"reviewers: {', '.join(map(repr, taken))} names something else in the tables of a review. Rename: "
            "decisions.replace({'reviewer': {...}})"
        )
    columns = [column_of(name) for name in known]
    if len(set(columns)) < len(columns):
        twice = sorted({name for name in columns if columns.count(name) > 1})
        raise ParameterError(f"reviewers: several names would share the column {twice[0]!r}; rename one of {known}")
    places = {name: place for place, name in enumerate(known)}
    return np.array([places.get(name, -1) for name in names]), known


def column_of(reviewer: str) -> str:
    """Return the column of ``obs`` that holds what a reviewer decided."""
    name = reviewer
    for character in _NOT_IN_NAMES:
        name = name.replace(character, "_")
    return f"{_keys.REVIEWER_PREFIX}{name}"


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """Return how many readings of the cell the reviewer had made before; -1 for an adjudication."""
    settled = (frame["round"] == SETTLED).to_numpy()
    numbers = np.full(len(frame), -1)
    numbers[~settled] = frame[~settled].groupby(["reviewer", "cell_id"], sort=False, observed=True).cumcount()
    return numbers


def _standing(frame: pd.DataFrame) -> np.ndarray:
    """Return which decisions stand: of each reviewer and cell the last review, or the first repeat without one."""
    rounds = frame["round"].to_numpy()
    last = ~frame[rounds == FIRST].duplicated(["reviewer", "cell_id"], keep="last")
    stands = np.zeros(len(frame), dtype=bool)
    stands[np.flatnonzero(rounds == FIRST)[last.to_numpy()]] = True
    reviewed = frame[rounds != SETTLED]
    lacking = ~reviewed.assign(has=reviewed["round"] == FIRST).groupby(["reviewer", "cell_id"])["has"].transform("any")
    only = lacking & ~reviewed.duplicated(["reviewer", "cell_id"])
    stands[np.flatnonzero(rounds != SETTLED)[only.to_numpy()]] = True
    return stands
