"""Visits of patients with serum HER2: what was read, by patient and by look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import MissingKeyError, ParameterError, check_made_by
from her2plastic.io.serum import CYCLE_DAYS, read_serum

#: A visit up to so many cycles before the first dose, or one day after it, is one before treatment.
BEFORE: Final = (-2.0, 0.05)
_NEEDED: Final = (_keys.DONOR_ID, "day", "cycle", "value", "below_lod")
_NUMBERS: Final = ("day", "cycle", "value")


@dataclass(frozen=True)
class SerumVisits:
    """Visits with a value, sorted by patient and day.

    Attributes
    ----------
    frame
        As :func:`her2plastic.io.read_serum` returns them.
    group
        Column whose values part the patients; empty for none.
    levels
        Its values, the one that others are compared with first.
    looks
        Cycles of the looks on treatment.
    window
        Cycles that a visit may be off its look.
    """

    frame: pd.DataFrame
    group: str
    levels: tuple[str, ...]
    looks: tuple[float, ...]
    window: float

    @cached_property
    def donors(self) -> pd.DataFrame:
        """A row per patient: group, response, days of progression and of the end of follow-up, last visit."""
        donors = self.frame.groupby(_keys.DONOR_ID, sort=True)
        table = donors.first()
        table["last_visit"] = donors["day"].max()
        return table

    @cached_property
    def on_treatment(self) -> pd.DataFrame:
        """The visits with their cycles on treatment: 0 for those before it, as nothing acts on serum HER2 there yet.

        Visits earlier than what counts as before treatment are left out.
        """
        frame = self.frame[self.frame["cycle"] >= BEFORE[0]]
        return frame.assign(cycle=frame["cycle"].clip(lower=0.0))

    @cached_property
    def log_value(self) -> pd.DataFrame:
        """Log ng/mL by patient and look (0 is before treatment); missing where there was no visit."""
        return self._at_looks(np.log(self.frame["value"]))

    @cached_property
    def below(self) -> pd.DataFrame:
        """Whether the value lies below detection, by patient and look."""
        return self._at_looks(self.frame["below_lod"].astype(float)) == 1.0

    @cached_property
    def day(self) -> pd.DataFrame:
        """Day of the visit, by patient and look."""
        return self._at_looks(self.frame["day"])

    def _at_looks(self, column: Any) -> pd.DataFrame:
        table = pd.DataFrame(index=self.donors.index)
        for look, rows in self._rows.items():
            found = pd.Series(column.loc[rows].to_numpy(dtype=float), index=self.frame.loc[rows, _keys.DONOR_ID])
            table[look] = found.reindex(table.index)
        return table

    @cached_property
    def _rows(self) -> dict[float, pd.Index]:
        """Row of each patient's visit at each look: the last one before treatment, the nearest one later."""
        cycle = self.frame["cycle"]
        before = self.frame[(cycle >= BEFORE[0]) & (cycle <= BEFORE[1])]
        rows = {0.0: before.groupby(_keys.DONOR_ID)["day"].idxmax()}
        for look in self.looks:
            near = (cycle - look).abs()
            here = near[near <= self.window + 1e-9]
            rows[look] = here.groupby(self.frame.loc[here.index, _keys.DONOR_ID]).idxmin()
        return {look: pd.Index(found.to_numpy()) for look, found in rows.items()}


def serum_visits(
    source: str | Path | pd.DataFrame, *, group: str | None, looks: Sequence[float], window: float
) -> SerumVisits:
    """Return visits, checked.

    Parameters
    ----------
    source
        What :func:`her2plastic.io.read_serum` returned, or the path of such a table.
    group
        Column that parts the patients.
    looks
        Cycles of the looks on treatment.
    window
        Cycles that a visit may be off its look.

    Returns
    -------
    The visits.
    """
    frame = read_serum(source) if isinstance(source, (str, Path)) else source
    check_made_by("data", frame, pd.DataFrame, "io.read_serum")
    for column in (*_NEEDED, *([group] if group else [])):
        if column not in frame.columns:
            raise MissingKeyError("table", column, map(str, frame.columns), "Read the table with io.read_serum.")
    for column in _NUMBERS:
        numbers = pd.to_numeric(frame[column], errors="coerce")
        if not np.isfinite(numbers.to_numpy(dtype=float)).all() or (column == "value" and (numbers <= 0).any()):
            raise ParameterError(f"column {column!r} holds numbers that are missing or not above 0: use io.read_serum")
    frame = frame.assign(**{_keys.DONOR_ID: frame[_keys.DONOR_ID].astype(str)})
    frame = frame.sort_values([_keys.DONOR_ID, "day"], kind="stable").reset_index(drop=True)
    if group:
        # one row that says the group of a patient says it of all rows; an empty field is no group
        known = frame[group].mask(frame[group].astype(object) == "")
        frame[group] = known.groupby(frame[_keys.DONOR_ID]).transform("first").where(known.isna(), known)
    if frame.duplicated([_keys.DONOR_ID, "day"]).any():
        raise ParameterError("a patient has two values on one day: read the table with io.read_serum(repeats=...)")
    for column in ("response", "progression_day", "last_day", "assay"):
        if column not in frame:
            frame[column] = None if column in ("response", "assay") else np.nan
    chosen = tuple(sorted(float(look) for look in looks))
    if not chosen or chosen[0] <= 0 or len(set(chosen)) < len(chosen):
        raise ParameterError(f"looks={looks!r}: expected different numbers of cycles above 0")
    if not 0 < window < 10:
        raise ParameterError(f"window={window!r}: expected cycles above 0")
    return SerumVisits(frame, group or "", _levels(frame, group), chosen, float(window))


def _levels(frame: pd.DataFrame, group: str | None) -> tuple[str, ...]:
    if not group:
        return ()
    column = frame[group]
    several = frame.groupby(_keys.DONOR_ID)[group].nunique()
    if (several > 1).any():
        raise ParameterError(f"column {group!r}: donor {several.idxmax()!r} has {several.max()} values; expected one")
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(str(level) for level in column.cat.categories if (column == level).any())
    return tuple(sorted(map(str, column.dropna().unique())))


def cycles_to_days(cycles: float) -> float:
    """Return days of so many cycles."""
    return cycles * CYCLE_DAYS
