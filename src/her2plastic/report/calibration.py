"""What the calls were measured against: in words, as a table with the source of every row, and why states overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from her2plastic import reference
from her2plastic._access import step_record
from her2plastic.report.tables import Cell, Column, Table, frame_table, number_cell, text_cell

if TYPE_CHECKING:
    from anndata import AnnData

_SCALE: Final = "uns: her2plastic/her2_state/calibration/scale"
_SCALE_COLUMNS: Final = ("state", "component", "mean_log2_cpm", "sd_log2", "share_prior")
_SHIPPED: Final = "reference/her2_scales.tsv"
#: Standard deviations on both sides of the middle that hold 80 % of a normal distribution.
_HOLDS_80: Final = 1.2816


def sentences(adata: AnnData) -> list[str]:
    """Return in words what the calls were measured against."""
    record = step_record(adata, "her2_state")
    calibration = record["calibration"]
    name, source = str(calibration["name"]), str(calibration["source"]).rstrip(".")
    if calibration["kind"] == "rule":
        return [
            f"The calls rest on the published rule “{name}”: {source}. It tells HER2-positive from the rest and "
            "nothing more, so a cell below it is HER2-0/low."
        ]
    said = [f"The calls rest on the scale “{name}”: how much ERBB2 cells of each state have."]
    if _shipped(calibration) is None:
        said[0] += f" Where its numbers come from: {source}."
    for assay, found in record.get("assays", {}).items():
        if "scale_offset_log2" in found:
            offset = float(found["scale_offset_log2"])
            where = f"{'above' if offset > 0 else 'below'} the scale by a factor of {2 ** abs(offset):.2g}"
            said.append(f"In {assay} data, ERBB2 of this cohort lies {where}; the calls take that into account.")
    return said


def basis_table(adata: AnnData) -> Table | None:
    """Return where each state lies, on what that rests and on how many samples; None where calls rest on a rule."""
    calibration = step_record(adata, "her2_state")["calibration"]
    frame = _scale(calibration)
    if frame is None:
        return None
    columns = [
        Column("State", f"{_SCALE}/state"),
        Column("Component", f"{_SCALE}/component"),
        Column("ERBB2 per million", f"{_SCALE}/mean_log2_cpm, sd_log2", numeric=True),
    ]
    rows = [[text_cell(row["state"]), text_cell(row["component"]), _range(row)] for row in frame.to_dict("records")]
    shipped = _shipped(calibration)
    if shipped is not None:
        columns += [Column("n", f"{_SHIPPED}: n", numeric=True), Column("Where it comes from", f"{_SHIPPED}: source")]
        for row, n, source in zip(rows, shipped["n"], shipped["source"], strict=True):
            row += [number_cell(n or np.nan), text_cell(source)]
    caption = (
        "ERBB2 of the components of each state: the median, and the range that holds four cells in five. n is the "
        "number of samples that a component rests on."
    )
    return Table("basis", caption, tuple(columns), rows)


def overlap_sentence(adata: AnnData) -> str:
    """Return what HER2-0/low means and why many cells get it; nothing where the calls rest on a rule."""
    frame = _scale(step_record(adata, "her2_state")["calibration"])
    if frame is None:
        return ""
    means = (
        "HER2-0/low means that a cell is not HER2-positive, and that it stays open whether it is HER2-0 or HER2-low."
    )
    zero, top_of_zero = _typical(frame, "HER2-0", 1)
    low, bottom_of_low = _typical(frame, "HER2-low", -1)
    if top_of_zero < bottom_of_low:
        return f"{means} Cells that were sequenced too little get it."
    return (
        f"{means} Many cells get it: a typical HER2-0 cell has {_digits(2**zero)} ERBB2 per million and a typical "
        f"HER2-low cell {_digits(2**low)}, and the ranges of the two overlap, so that ERBB2 alone does not tell them "
        "apart in a single cell."
    )


def _typical(frame: pd.DataFrame, state: str, side: int) -> tuple[float, float]:
    """Return the middle of a state's most frequent component and the end of its range on one side, log2."""
    row: Any = frame[frame["state"] == state].sort_values("share_prior").iloc[-1]
    middle = float(row["mean_log2_cpm"])
    return middle, middle + side * _HOLDS_80 * float(row["sd_log2"])


def scale_table(adata: AnnData) -> Table | None:
    """Return the numbers of the scale as the model used them, or None where the calls rest on a rule."""
    frame = _scale(step_record(adata, "her2_state")["calibration"])
    if frame is None:
        return None
    caption = "Where the states lie on ERBB2 expression, log2 counts per million: a log-normal per component."
    return frame_table(frame, name="scale", caption=caption, source=_SCALE)


def _scale(calibration: Any) -> pd.DataFrame | None:
    scale = calibration.get("scale")
    # a record from h5ad has lost the order of its columns
    return None if scale is None else pd.DataFrame({column: list(scale[column]) for column in _SCALE_COLUMNS})


def _shipped(calibration: Any) -> pd.DataFrame | None:
    """Return the shipped scale that was used, with the source of every row; None where it was another one."""
    name, used = str(calibration["name"]), _scale(calibration)
    if used is None or name not in reference.her2_scale_names():
        return None
    shipped = reference.her2_scale(name)
    same = list(used["component"]) == list(shipped["component"])
    return shipped if same and np.allclose(used["mean_log2_cpm"], shipped["mean_log2_cpm"]) else None


def _range(row: Any) -> Cell:
    """Return the median of a component and the range that holds 80 % of its cells."""
    middle, half = float(row["mean_log2_cpm"]), _HOLDS_80 * float(row["sd_log2"])
    low, high = 2 ** (middle - half), 2 ** (middle + half)
    return Cell(_digits(2**middle), sort=middle, detail=f"{_digits(low)} to {_digits(high)}")


def _digits(value: float) -> str:
    """Return a number above 0 with two significant digits, or whole from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
