"""The tables of the report as plain rows: what a cell shows, what it sorts by, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._access import control_cells

if TYPE_CHECKING:
    from anndata import AnnData

MISSING = "–"


@dataclass(frozen=True)
class Column:
    """One column: its heading, and the key of the AnnData or the column of the CSV that its numbers are."""

    title: str
    source: str
    numeric: bool = False
    #: Group of rows that the column is for; it is hidden while another group is shown.
    only: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell of a table. ``sort`` is what it sorts by; a number, or None to sort by the text."""

    text: str
    sort: float | None = None
    #: Second line, e.g. an interval.
    detail: str = ""
    #: Start, end and state of each piece of a bar, from 0 to 1.
    pieces: tuple[tuple[float, float, str], ...] = ()
    #: Share and interval drawn as a dot with a whisker: value, lower, upper, state.
    whisker: tuple[float, float, float, str] | None = None


@dataclass(frozen=True)
class Table:
    """A table with the words above it."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: list[list[Cell]]
    #: Group of each row, for the buttons that show one group (the first at the start); empty where there are none.
    groups: list[str] = field(default_factory=list)
    group_titles: Mapping[str, str] = field(default_factory=dict)


def cohort_table(patients: pd.DataFrame, level: float, *, name: str = "cohort") -> Table:
    """Return shares, intervals and numbers per donor and per draw."""
    columns = (
        Column("Donor", "patients.csv: donor_id"),
        Column("Draw, day", "patients.csv: draw_day", numeric=True, only="draw"),
        Column("CTCs", "patients.csv: n_ctc", numeric=True),
        Column("Composition", "patients.csv: share_*", numeric=True),
        *(Column(state, f"patients.csv: share_{state}", numeric=True) for state in _keys.STATES),
        Column("With a call", "patients.csv: n_callable", numeric=True),
        Column("Events", "patients.csv: n_cells", numeric=True),
        *([Column("Amplified", "patients.csv: n_amplified", numeric=True)] if "n_amplified" in patients else []),
        Column("Note", "patients.csv: note"),
    )
    return Table(
        name=name,
        caption=f"Share of each HER2 state among the CTCs, with its {level:.0%} interval. The interval holds both the "
        "doubt about the single cells and their small number.",
        columns=columns,
        rows=[_cohort_row(row) for row in patients.to_dict("records")],
        groups=patients["scope"].tolist(),
        group_titles={"donor": "Per donor", "draw": "Per draw"},
    )


def _cohort_row(row: Mapping[Any, Any]) -> list[Cell]:
    shares = [float(row[f"share_{state}"]) for state in _keys.STATES]
    day = row["draw_day"]
    return [
        text_cell(row["donor_id"]),
        Cell("all", sort=-np.inf) if pd.isna(day) else number_cell(day),
        number_cell(row["n_ctc"]),
        _composition(shares),
        *(_share(row, state) for state in _keys.STATES),
        *(number_cell(row[name]) for name in ("n_callable", "n_cells", "n_amplified") if name in row),
        text_cell(row["note"]),
    ]


def _composition(shares: Sequence[float]) -> Cell:
    """Sort by the mean state: from all HER2-0 to all HER2-positive."""
    if not np.all(np.isfinite(shares)):
        return Cell(MISSING, sort=np.nan)
    ends = np.cumsum(shares)
    pieces = tuple(
        (float(end - share), float(end), state) for share, end, state in zip(shares, ends, _keys.STATES, strict=True)
    )
    words = ", ".join(f"{state} {share:.0%}" for share, state in zip(shares, _keys.STATES, strict=True))
    return Cell(words, sort=float(np.dot(shares, range(len(shares)))), pieces=pieces)


def _share(row: Mapping[Any, Any], state: str) -> Cell:
    share, lower, upper = (float(row[f"{part}_{state}"]) for part in ("share", "lower", "upper"))
    if not np.isfinite(share):
        return Cell(MISSING, sort=np.nan)
    detail = f"{100 * lower:.0f} to {upper:.0%}" if np.isfinite(lower) and np.isfinite(upper) else ""
    whisker = (share, lower, upper, state) if detail else None
    return Cell(f"{share:.0%}", sort=share, detail=detail, whisker=whisker)


def events_table(adata: AnnData) -> Table:
    """Return quality and identity of the events of each sample."""
    obs = adata.obs
    sample = obs[_keys.SAMPLE_ID].astype(str)
    parts: dict[str, pd.Series] = {"events": sample.groupby(sample).size()}
    for title, key in (("depth", _keys.DEPTH), ("genes", _keys.N_GENES), ("ambient", _keys.AMBIENT_SHARE)):
        if key in obs:
            parts[title] = obs[key].groupby(sample).median()
    if _keys.PASSES_QUALITY in obs:
        parts["passes"] = obs[_keys.PASSES_QUALITY].astype(bool).groupby(sample).sum()
    identity = pd.crosstab(sample, obs[_keys.IDENTITY].astype(str)).reindex(
        columns=list(_keys.IDENTITIES), fill_value=0
    )
    donor = obs[_keys.DONOR_ID].astype(str).groupby(sample).first()
    is_control = pd.Series(control_cells(adata), index=obs.index).groupby(sample).any()
    frame = pd.DataFrame(parts)
    titles = {
        "events": Column("Events", "obs: one row per event", numeric=True),
        "depth": Column("Median depth", f"obs: {_keys.DEPTH}", numeric=True),
        "genes": Column("Median genes", f"obs: {_keys.N_GENES}", numeric=True),
        "ambient": Column("Median ambient share", f"obs: {_keys.AMBIENT_SHARE}", numeric=True),
        "passes": Column("Good quality", f"obs: {_keys.PASSES_QUALITY}", numeric=True),
    }
    columns = [Column("Sample", f"obs: {_keys.SAMPLE_ID}"), Column("Donor", f"obs: {_keys.DONOR_ID}")]
    columns += [titles[name] for name in frame.columns]
    columns += [Column(name, f"obs: {_keys.IDENTITY}", numeric=True) for name in _keys.IDENTITIES]
    rows = []
    for name in frame.index:
        values = [share_cell(frame.at[name, key]) if key == "ambient" else number_cell(frame.at[name, key])
                  for key in frame.columns]  # fmt: skip
        counted = [number_cell(identity.at[name, kind]) for kind in _keys.IDENTITIES]
        rows.append([text_cell(name), text_cell(donor[name]), *values, *counted])
    caption = "What was read in each sample, and what the events are. Events are marked, never deleted."
    groups = ["controls" if is_control[name] else "patients" for name in frame.index] if is_control.any() else []
    titled = {"patients": "Patients", "controls": "Controls"} if groups else {}
    return Table("events", caption, tuple(columns), rows, groups, titled)


def frame_table(frame: pd.DataFrame, *, name: str, caption: str, source: str) -> Table:
    """Return a table of a data frame as it is; ``source`` names the file or key that holds its columns."""
    numeric = {column: pd.api.types.is_numeric_dtype(frame[column]) for column in frame.columns}
    columns = tuple(
        Column(_title(str(column)), f"{source}: {column}", numeric=is_number) for column, is_number in numeric.items()
    )
    rows = [
        [number_cell(row[column]) if numeric[column] else text_cell(row[column]) for column in frame.columns]
        for row in frame.to_dict("records")
    ]
    return Table(name, caption, columns, rows)


def _title(column: str) -> str:
    words = column.replace("_", " ")
    return words[:1].upper() + words[1:]


def number_cell(value: Any) -> Cell:
    """Return a cell that shows a number: whole ones with separators, others with three significant digits."""
    number = np.nan if pd.isna(value) else float(value)
    if not np.isfinite(number):
        return Cell(MISSING, sort=np.nan)
    if number == int(number) and abs(number) < 1e15:
        return Cell(f"{int(number):,}".replace("-", "\N{MINUS SIGN}"), sort=number)
    shown = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    return Cell(shown.replace("-", "\N{MINUS SIGN}", 1) if number < 0 else shown, sort=number)


def share_cell(value: Any) -> Cell:
    """Return a cell that shows a share in per cent."""
    number = float(value)
    return Cell(f"{number:.1%}", sort=number) if np.isfinite(number) else Cell(MISSING, sort=np.nan)


def text_cell(value: Any) -> Cell:
    """Return a cell that shows text."""
    return Cell(
        MISSING if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)) else str(value)
    )
