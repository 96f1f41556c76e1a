"""HER2 by fluorescence: what the intensities are measured against, the drift between slides, the patient rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic.report.tables import MISSING, Cell, Column, Table, number_cell, text_cell

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.tl import HER2PatientRules

_SOURCE: Final = "uns: her2plastic/her2_if"
#: How a rule's quantity is written.
_PER_CENT: Final = "share"


def calibration_sentences(adata: AnnData) -> list[str]:
    """Return in words what HER2 fluorescence was measured against."""
    calibration = step_record(adata, "her2_if")["calibration"]
    said = [
        "A cell's HER2 is its mean over the cell, the local background taken off, in units of the leukocytes of its "
        "own slide, which have next to no HER2."
    ]
    source = str(calibration["source"]).rstrip(".")
    if bool(calibration["calibrated"]):
        said.append(f"The scores are placed by {source}.")
    else:
        said.append(
            f"No control line was measured with these slides: the scores are placed by {source}, which may be off by a "
            "factor of two. The calls are as unsure as that."
        )
    return said


def drift_table(adata: AnnData) -> Table:
    """Return the background of each slide and the drift that was taken off."""
    record = step_record(adata, "her2_if")
    slides = {key: np.asarray(values) for key, values in record["slides"].items()}
    # without leukocytes on any slide there is no background
    slides.setdefault("leukocyte_background", np.full(len(slides["slide"]), np.nan))
    drift = dict(zip(record["batches"]["batch"], np.asarray(record["batches"]["drift_log2"], float), strict=True))
    batch_of = _batches(adata, str(record["params"]["batch_key"]))
    columns = (
        Column("Slide", f"{_SOURCE}/slides/slide"),
        Column("Leukocytes", f"{_SOURCE}/slides/n_leukocytes", numeric=True),
        Column("Their HER2, grey values", f"{_SOURCE}/slides/leukocyte_background", numeric=True),
        Column("Drift taken off", f"{_SOURCE}/batches/drift_log2", numeric=True),
        Column("Status", f"{_SOURCE}/slides/status"),
    )
    rows = []
    for place, name in enumerate(slides["slide"]):
        factor = 2.0 ** drift.get(batch_of.get(str(name), ""), np.nan)
        rows.append([
            text_cell(name),
            number_cell(slides["n_leukocytes"][place]),
            number_cell(slides["leukocyte_background"][place]),
            Cell(f"× {factor:.2f}", sort=factor) if np.isfinite(factor) else Cell(MISSING, sort=np.nan),
            text_cell(slides["status"][place]),
        ])  # fmt: skip
    caption = (
        "The unit of each slide, and the factor by which its control lines lay above or below those of the others."
    )
    return Table("drift", caption, columns, rows)


def _batches(adata: AnnData, key: str) -> dict[str, str]:
    obs: Any = adata.obs
    if key not in obs:
        return {}
    pairs = obs[[_keys.SLIDE_ID, key]].astype(str) if key != _keys.SLIDE_ID else obs[[key]].astype(str)
    return dict(zip(pairs.iloc[:, 0], pairs.iloc[:, -1], strict=True))


def rules_table(rules: HER2PatientRules) -> Table:
    """Return what each published rule says of each patient, with its number of CTCs, interval and source."""
    columns = (
        Column("Patient", f"rules.csv: {', '.join(rules.by)}"),
        Column("Rule", "rules.csv: threshold"),
        Column("CTCs", "rules.csv: n_ctc", numeric=True),
        Column("Found", "rules.csv: value, lower, upper", numeric=True),
        Column("Probability met", "rules.csv: probability", numeric=True),
        Column("Mind", "rules.csv: note, warning, seen_if_tenth"),
        Column("Source", "rules.csv: source"),
    )
    rows = [_rule_row(row, rules.by) for row in rules.to_frame().to_dict("records")]
    caption = (
        "Published rules side by side; none is the default, for they disagree and rest on different scores. A rule on "
        f"numbers depends on how many CTCs were seen. Intervals hold {rules.level:.0%}: the doubt about each score and "
        "the number of CTCs."
    )
    return Table("rules", caption, columns, rows)


def _rule_row(row: Mapping[Any, Any], by: tuple[str, ...]) -> list[Cell]:
    words = [str(row[key]) for key in by if key != _keys.DRAW_DAY]
    if _keys.DRAW_DAY in by:
        words.append(f"day {float(row[_keys.DRAW_DAY]):g}")
    minds = [str(row["note"] or row["warning"])]
    if np.isfinite(float(row["seen_if_tenth"])):
        minds.append(f"were a tenth of the CTCs positive, it would be met with {float(row['seen_if_tenth']):.0%}")
    return [
        text_cell(", ".join(words)),
        text_cell(f"{row['rule']} ({row['threshold']})".replace("_", " ")),
        number_cell(row["n_ctc"]),
        _value(row),
        Cell(f"{float(row['probability']):.0%}", sort=float(row["probability"]))
        if np.isfinite(float(row["probability"]))
        else Cell(MISSING, sort=np.nan),
        text_cell("; ".join(mind for mind in minds if mind)),
        text_cell(row["source"]),
    ]


def _value(row: Mapping[Any, Any]) -> Cell:
    value, lower, upper = (float(row[key]) for key in ("value", "lower", "upper"))
    if not np.isfinite(value):
        return Cell(MISSING, sort=np.nan)
    if str(row["threshold"]).startswith(_PER_CENT):
        return Cell(
            f"{value:.0%}",
            sort=value,
            detail=f"{100 * lower:.0f} to {upper:.0%}",
            whisker=(value, lower, upper, "HER2-positive"),
        )
    return Cell(f"{value:.3g}", sort=value, detail=f"{lower:.3g} to {upper:.3g}")
