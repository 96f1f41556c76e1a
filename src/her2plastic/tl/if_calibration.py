"""What the HER2 score of a cell's fluorescence rests on: control lines on the slides, or the shipped reference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic._errors import CalibrationError, ParameterError
from her2plastic.models.intensity_scale import (
    ControlCells,
    IntensityScale,
    fit_controls,
    scale_from_receptors,
)
from her2plastic.reference import control_lines

if TYPE_CHECKING:
    from her2plastic.tl.if_cells import IfCells

UNCALIBRATED: Final = "uncalibrated"
#: Receptors whose stain would equal the background of a leukocyte: a working assumption. Autofluorescence and unbound
#: antibody are taken for a few ten thousand receptors, which puts SK-BR-3-like cells at about twenty times it.
BACKGROUND_RECEPTORS: Final = 25_000.0
#: Spread of cells within a score, and how far the whole may lie off without controls: about a factor of 1.7.
_CELL_SD: Final = 0.5
_REFERENCE_COHORT_SD: Final = 0.8
_REFERENCE_SLIDE_SD: Final = 0.2


def reference_scale() -> IntensityScale:
    """Return the scale by receptor numbers of the control lines alone, with the wide offset of one never calibrated.

    Returns
    -------
    A scale named ``"reference"``.
    """
    lines = control_lines().dropna(subset=["receptors"])
    receptors = {
        score: float(np.exp(np.log(lines.loc[lines["stands_for"] == score, "receptors"]).mean()))
        for score in _keys.IF_SCORES
    }
    return IntensityScale(
        name="reference",
        source=(
            f"{UNCALIBRATED}: receptor numbers of control lines over an assumed background of "
            f"{BACKGROUND_RECEPTORS:,.0f} receptors; may be off by a factor of two either way"
        ),
        mean_log2=scale_from_receptors(receptors, background=BACKGROUND_RECEPTORS),
        sd_log2=(_CELL_SD,) * len(_keys.IF_SCORES),
        slide_sd=_REFERENCE_SLIDE_SD,
        cohort_sd=_REFERENCE_COHORT_SD,
    )


def resolve_scale(calibration: str | IntensityScale, cells: IfCells) -> tuple[IntensityScale, np.ndarray]:
    """Return the scale behind a name, and the drift of each batch, log2.

    Raises
    ------
    ParameterError
        A name that is not known.
    CalibrationError
        Control lines are asked for and do not allow a calibration.
    """
    still = np.zeros(len(cells.batch_names))
    if isinstance(calibration, IntensityScale):
        drift = dict(calibration.drift_log2)
        return calibration, np.array([drift.get(name, 0.0) for name in cells.batch_names])
    if calibration == "reference":
        return reference_scale(), still
    if calibration == "controls":
        return _on_controls(cells)
    raise ParameterError(
        f"calibration={calibration!r} is not known; options: 'controls', 'reference', or an IntensityScale"
    )


def score_of_line(name: str) -> str:
    """Return the score that a control line stands for; a score stands for itself.

    Raises
    ------
    CalibrationError
        A line that is not in ``reference.control_lines()``.
    """
    if name in _keys.IF_SCORES:
        return name
    known = {_plain(str(line)): str(score) for line, score in control_lines()["stands_for"].items()}
    if _plain(name) not in known:
        raise CalibrationError(
            f"control line {name!r} is not known; lines: {', '.join(control_lines().index)}; or give its score: "
            f"{', '.join(_keys.IF_SCORES)}"
        )
    return known[_plain(name)]


def _plain(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", str(name).upper())


def _on_controls(cells: IfCells) -> tuple[IntensityScale, np.ndarray]:
    used = (cells.control != "") & cells.usable
    if not used.any():
        has = sorted(set(cells.control[cells.control != ""]))
        what = f"control lines {', '.join(has)} without a measurable CTC" if has else "no control line is named"
        raise CalibrationError(
            f"{what}: nothing to calibrate on. Name the control slides in `obs['control_line']`, or use "
            "calibration='reference'."
        )
    names = cells.control[used]
    scores = {name: _keys.IF_SCORES.index(score_of_line(str(name))) for name in np.unique(names.astype(str))}
    controls = ControlCells(
        cells.log2_intensity[used], cells.censored[used], np.array([scores[str(name)] for name in names]),
        cells.batch[used],
    )  # fmt: skip
    words = ", ".join(f"{(names == name).sum()} {name}" for name in scores)
    base = reference_scale()
    return fit_controls(controls, base, n_batches=len(cells.batch_names), words=words)


def describe_scale(scale: IntensityScale) -> dict[str, Any]:
    """Return a scale as plain scalars and arrays for the record in ``uns``."""
    return {
        "name": scale.name,
        "source": scale.source,
        "calibrated": UNCALIBRATED not in scale.source,
        "slide_sd": scale.slide_sd,
        "cohort_sd": scale.cohort_sd,
        "scale": {str(key): values.to_numpy() for key, values in scale.to_frame().items()},
    }


def recorded_scale(record: Any) -> IntensityScale:
    """Return the scale that :func:`describe_scale` put into a record."""
    table = record["scale"]
    return IntensityScale(
        name=str(record["name"]),
        source=str(record["source"]),
        mean_log2=tuple(float(x) for x in table["mean_log2"]),
        sd_log2=tuple(float(x) for x in table["sd_log2"]),
        share_prior=tuple(float(x) for x in table["share_prior"]),
        slide_sd=float(record["slide_sd"]),
        cohort_sd=float(record["cohort_sd"]),
    )
