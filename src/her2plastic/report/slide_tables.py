"""The tables of the chapter on slides: what lies on each, the patient rules, image against expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic.report.slide_summary import control_slides
from her2plastic.report.tables import MISSING, Cell, Column, Table, number_cell, text_cell

if TYPE_CHECKING:
    from anndata import AnnData

#: Above this many CTCs the table of them would make the page slow; all of them are in cells.h5ad.
MOST_CELLS: Final = 500


def slides_table(slides: pd.DataFrame) -> Table:
    """Return what lies on each slide and how it was read."""
    counted = [name for name in slides.columns if name.startswith("n_") and name not in ("n_events", "n_ctc")]
    columns = (
        Column("Slide", "slides.csv: slide_id"),
        Column("Donor or line", "slides.csv: donor_id, control_line"),
        Column("Draw, day", "slides.csv: draw_day", numeric=True),
        Column("Events", "slides.csv: n_events", numeric=True),
        Column("CTCs", "slides.csv: n_ctc", numeric=True),
        *(Column(_title(name), f"slides.csv: {name}", numeric=True) for name in counted),
        Column("Pixel, µm", "slides.csv: pixel_size_um, low_resolution", numeric=True),
        Column("Bits", "slides.csv: bit_depth", numeric=True),
        Column("Note", "slides.csv: note"),
    )
    is_control = control_slides(slides)
    rows = [_slide_row(row, counted) for row in slides.to_dict("records")]
    both = bool(is_control.any() and not is_control.all())
    groups = ["controls" if control else "patients" for control in is_control] if both else []
    titled = {"patients": "Patients", "controls": "Control lines"} if both else {}
    caption = (
        "What lies on each slide: every object found, by what it was taken for. Objects are marked, never deleted. "
        "A CTC has a nucleus and cytokeratin and no CD45; the leukocytes of the same slide are its measure of both."
    )
    return Table("slides", caption, columns, rows, groups, titled)


def _slide_row(row: Mapping[Any, Any], counted: list[str]) -> list[Cell]:
    size = number_cell(row.get("pixel_size_um", np.nan))
    if row.get("low_resolution") is True or row.get("low_resolution") == 1:
        size = Cell(size.text, size.sort, "low resolution")
    line = row.get(_keys.CONTROL_LINE)
    note = f"failed: {row['note']}" if row["status"] == "failed" else row.get("note", "")
    return [
        text_cell(row[_keys.SLIDE_ID]),
        text_cell(line if isinstance(line, str) and line else row.get(_keys.DONOR_ID)),
        number_cell(row.get(_keys.DRAW_DAY, np.nan)),
        number_cell(row.get("n_events", np.nan)),
        number_cell(row.get("n_ctc", np.nan)),
        *(number_cell(row.get(name, np.nan)) for name in counted),
        size,
        number_cell(row.get("bit_depth", np.nan)),
        text_cell(note),
    ]


def ctc_table(adata: AnnData, is_shown: np.ndarray) -> Table | None:
    """Return the CTCs of the patients' slides one by one, the brightest in HER2 first; None where there is none."""
    cells: Any = adata.obs[is_shown]
    if cells.empty:
        return None
    known = [column for column in _CTC_COLUMNS if column[1] in cells or column[1] == _keys.CELL_ID]
    if _keys.HER2_INTENSITY in cells:
        cells = cells.sort_values(_keys.HER2_INTENSITY, ascending=False, kind="stable")
    cells = cells.iloc[:MOST_CELLS]
    columns = tuple(Column(title, f"obs: {key}", numeric=numeric) for title, key, numeric in known)
    rows = [
        [
            _cell(cells.index[place] if key == _keys.CELL_ID else cells[key].iloc[place], numeric)
            for _, key, numeric in known
        ]
        for place in range(len(cells))
    ]
    words = "Every CTC" if int(is_shown.sum()) <= MOST_CELLS else f"The {MOST_CELLS} CTCs that are brightest in HER2"
    caption = (
        f"{words}, with its HER2 in units of the leukocytes of its slide (corrected for drift), the score and call "
        "that follow, and why it counts as a CTC."
    )
    return Table("slide-ctcs", caption, columns, rows)


_CTC_COLUMNS: Final = (
    ("Cell", _keys.CELL_ID, False),
    ("HER2, leukocytes = 1", _keys.HER2_INTENSITY, True),
    ("Saturated", _keys.HER2_IF_CENSORED, False),
    ("Score", _keys.HER2_IF_SCORE, False),
    ("Call", _keys.HER2_IF_CALL, False),
    ("Confidence", _keys.HER2_IF_CONFIDENCE, True),
    ("CTC probability", _keys.CTC_PROBABILITY, True),
    ("Group", _keys.CLUSTER_KIND, False),
    ("Why", _keys.IDENTITY_REASON, False),
)


def _cell(value: Any, numeric: bool) -> Cell:
    if numeric:
        return number_cell(value)
    if isinstance(value, bool | np.bool_):
        return text_cell("yes" if value else MISSING)
    return text_cell(None if pd.isna(value) or value == "" else value)


def _title(column: str) -> str:
    """Return the identity that a column counts, as it is written elsewhere."""
    written = {f"n_{name.lower().replace(' ', '_')}": name for name in _keys.IMAGE_IDENTITIES}
    words = written.get(column, column)
    return words[:1].upper() + words[1:]
