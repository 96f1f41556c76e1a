"""What the visits of one donor must have in common, and several values of one day."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from her2plastic import _keys

#: Columns that hold one value per donor.
OF_DONOR: Final = ("response", "progression_day", "last_day", "arm")


def donor_faults(name: str, frame: pd.DataFrame) -> list[str]:
    """Return the donors with two values of what a donor has one of, and with days that contradict one another."""
    found = []
    for donor, rows in frame.groupby(_keys.DONOR_ID, sort=False):
        for column in OF_DONOR:
            known = rows[column].replace("", np.nan).dropna()
            if known.nunique() > 1:
                lines = ", ".join(map(str, rows.loc[known.index, "line"]))
                found.append(f"{name}, lines {lines}: donor {donor!r} has several values of {column!r}: "
                             f"{', '.join(map(str, known.unique()))}; expected one")  # fmt: skip
        last, progression = rows["last_day"].max(), rows["progression_day"].max()
        for what, day in (("a visit", rows["day"].max()), ("progression", progression)):
            if day > last:
                found.append(f"{name}, line {rows['line'].iloc[0]}: donor {donor!r} has {what} on day {day:g}, after "
                             f"'last_day' {last:g}; expected the last day of follow-up")  # fmt: skip
    return found


def time_faults(name: str, frame: pd.DataFrame, cycle_days: float) -> list[str]:
    """Return the visits whose day and number of cycles cannot both be right, even with a dose held back for long."""
    day, cycle = (frame[column].to_numpy(dtype=float) for column in ("day", "cycle"))
    expected = cycle * cycle_days
    odd = (expected > 0) & ((day < expected / 2) | (day > 2 * expected + cycle_days))
    return [
        f"{name}, line {row['line']}: day {row['day']:g} does not go with {row['cycle']:g} cycles of {cycle_days:g} "
        "days; expected days (not weeks) since the first dose, and cycles completed (0 before treatment)"
        for row in frame[odd].to_dict("records")
    ]


def without_repeats(name: str, frame: pd.DataFrame, repeats: str, notes: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return one row with a value per donor and day."""
    keys = [_keys.DONOR_ID, "day"]
    again = frame["value"].notna() & frame[frame["value"].notna()].duplicated(keys, keep=False).reindex(
        frame.index, fill_value=False
    )
    if not again.any():
        return frame, []
    faults, kept = [], []
    for (donor, day), rows in frame[again].groupby(keys, sort=False):
        lines = ", ".join(map(str, rows["line"]))
        if repeats == "refuse":
            faults.append(f"{name}, lines {lines}: donor {donor!r} has {len(rows)} values on day {day:g}; keep one, or "
                          "read with repeats='mean', 'first' or 'last'")  # fmt: skip
        elif repeats == "mean" and (rows["assay"].nunique(dropna=False) > 1 or rows["below_lod"].nunique() > 1):
            faults.append(f"{name}, lines {lines}: donor {donor!r}, day {day:g}: values of two assays, or one below "
                          "detection and one above, have no mean; keep one")  # fmt: skip
        else:
            row = rows.iloc[[-1 if repeats == "last" else 0]].copy()
            if repeats == "mean":
                row["value"] = float(np.exp(np.log(rows["value"].astype(float)).mean()))
            kept.append(row)
    if faults:
        return frame, faults
    notes.append(f"{int(again.sum())} values on {len(kept)} repeated visits: the {repeats} was taken")
    return pd.concat([frame[~again], *kept]), []
