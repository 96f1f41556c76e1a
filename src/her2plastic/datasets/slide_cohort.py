"""Cohorts of simulated slides: patients, control lines, the sheet, and expression of the same cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from her2plastic import _keys
from her2plastic._errors import ParameterError, one_of
from her2plastic.datasets.argument_checks import in_range, whole
from her2plastic.datasets.cohort import simulate_cohort
from her2plastic.datasets.parameters import Composition, Contamination
from her2plastic.datasets.slide import SimulatedSlide, simulate_slide
from her2plastic.datasets.slide_files import SLIDE_FILES, write_slide
from her2plastic.datasets.slide_parameters import HER2Stain, SlideCells, SlideOptics
from her2plastic.io.image_columns import IMAGE_PATH
from her2plastic.reference import control_lines as known_lines

if TYPE_CHECKING:
    from anndata import AnnData

#: As many CTCs as lie on a slide of the default shape with their debris.
_CTC_RANGE = (1, 40)
_LINES = ("MDA-MB-231", "T47D", "MDA-MB-453", "SKBR3")
_SHEET = "slides.csv"


@dataclass(frozen=True)
class SlideCohort:
    """Simulated slides on disk, and what is true of them.

    Attributes
    ----------
    sheet
        Path of ``slides.csv``: ``donor_id, sample_id, draw_day, image_path, channels, pixel_size_um, bit_depth,
        pattern, control_line, batch``; paths are relative to its folder.
    truth
        The truth tables of all slides (see :class:`SimulatedSlide`), with ``donor_id``, ``sample_id``,
        ``control_line``, ``batch`` and the batch's ``staining``; ``state`` is what the cell's RNA says (missing for
        control cells and all but CTCs).
    composition
        Numbers of CTCs by HER2 class of the image, a row for each patient's slide.
    expression
        Counts of the picked CTCs, or None where none were picked. ``obsm["spatial"]`` is where on its slide each was
        picked (x and y, micrometres), ``obs["true_if_score"]`` its class in the image.
    """

    sheet: Path
    truth: pd.DataFrame
    composition: pd.DataFrame
    expression: AnnData | None


@dataclass(frozen=True)
class _Planned:
    """Whose slide it is, its batch (from 1) and its staining."""

    donor_id: str
    sample_id: str
    draw_day: float
    control_line: str
    batch: int
    staining: float


@dataclass(frozen=True)
class _Look:
    """What all slides of a cohort share."""

    shape: tuple[int, int]
    pixel_size_um: float
    n_leukocytes: int
    cells: SlideCells
    her2: HER2Stain
    optics: SlideOptics


def simulate_slide_cohort(
    folder: str | Path,
    *,
    n_donors: int = 4,
    draws: Sequence[float] = (0,),
    n_ctc: int | Sequence[Sequence[int]] | None = None,
    composition: Composition | None = None,
    control_lines: Sequence[str] = _LINES,
    control_cells: int = 50,
    batches: int = 1,
    staining_sd_log: float = 0.1,
    picked: float = 0.0,
    disagreement: float = 0.1,
    platform: str = "smart-seq2",
    shape: tuple[int, int] = (2048, 2048),
    pixel_size_um: float = 0.64,
    n_leukocytes: int = 200,
    cells: SlideCells | None = None,
    her2: HER2Stain | None = None,
    optics: SlideOptics | None = None,
    format: str = "ome-tiff",
    truth: bool = False,
    seed: int = 0,
) -> SlideCohort:
    """Simulate the slides of some patients and of control lines, and write them with their sheet.

    Parameters
    ----------
    folder
        Where to write; made if it is not there. Nothing that is there is overwritten.
    n_donors, draws
        Number of patients, and days of their blood draws: a slide for each.
    n_ctc, composition
        Numbers and HER2 states of the CTCs, as in :func:`simulate_cohort`; by default at most 40 CTCs a slide.
    control_lines, control_cells, batches
        Lines of :func:`her2plastic.reference.control_lines`, one slide of each in every batch; cells on each; number of
        batches, over which the patients are dealt out in turn.
    staining_sd_log
        Spread of the batches' staining: standard deviation of the natural log of ``HER2Stain.staining``. The controls
        of a batch share it with its patients.
    picked
        Share of the CTCs that are picked from the slide for sequencing.
    disagreement
        Share of CTCs whose protein is of another state than their RNA, in truth and not by error. Elsewhere HER2-0 is
        class 0, HER2-low is 1+ or 2+ with equal chances, HER2-positive is 3+.
    platform
        Of the sequencing, as in :func:`simulate_cohort`.
    shape, pixel_size_um, n_leukocytes, cells, her2, optics
        Of every slide, as in :func:`simulate_slide`.
    format
        Of the images, as in :func:`write_slide`.
    truth
        Also write ``truth.csv``, the truth tables of all slides.
    seed
        The same seed and parameters give the same cohort.

    Returns
    -------
    The sheet, the truth, and the expression of the picked cells.

    Raises
    ------
    ParameterError
        When a parameter is out of range, or a file to be written is there already.

    Examples
    --------
    >>> import her2plastic as hp
    >>> cohort = hp.datasets.simulate_slide_cohort(
    ...     "slides", n_donors=1, n_ctc=4, control_lines=("SKBR3",), control_cells=4, shape=(320, 320), n_leukocytes=10
    ... )
    >>> sheet = hp.io.read_sheet(cohort.sheet)
    >>> print(sheet[["donor_id", "sample_id", "image_path"]].to_string(index=False))
    donor_id       sample_id              image_path
         D01          D01-d0          D01-d0.ome.tif
       SKBR3 control-1-SKBR3 control-1-SKBR3.ome.tif
    """
    look = _Look(
        shape, pixel_size_um, n_leukocytes, cells or SlideCells(), her2 or HER2Stain(), optics or SlideOptics()
    )
    _check(control_lines, control_cells, batches, staining_sd_log, picked, disagreement, format)
    rng = np.random.default_rng([seed, 5])
    rna = simulate_cohort(
        n_donors=n_donors, draws=draws, n_ctc=n_ctc, composition=composition or Composition(ctc_range=_CTC_RANGE),
        platform=platform, contamination=Contamination(leukocytes=0.0, doublets=0.0), seed=seed,
    )  # fmt: skip
    states: Any = rna.obs[_keys.TRUE_STATE]
    classes = _image_classes(rng, states.cat.codes.to_numpy(), disagreement)
    rna.obs[_keys.TRUE_IF_SCORE] = classes
    plan = _plan(rng, n_donors, draws, control_lines, batches, staining_sd_log)
    folder = Path(folder)
    _refuse_standing(folder, [_SHEET, *(row.sample_id + SLIDE_FILES[format].ending for row in plan)])
    rows, tables, places = [], [], np.full((rna.n_obs, 2), np.nan)
    for number, row in enumerate(plan):
        own = np.flatnonzero(rna.obs[_keys.SAMPLE_ID] == row.sample_id)
        made = _slide(look, row, control_cells, list(classes[own]), seed=[seed, number])
        name = f"{row.sample_id}{SLIDE_FILES[format].ending}"
        write_slide(made, folder / name, format=format)
        rows.append(_sheet_row(row, name, SLIDE_FILES[format].sheet_columns(made.slide)))
        table = _labelled(made.truth, row)
        ctcs = table.loc[table["ctc"] >= 0].sort_values("ctc")
        if not row.control_line:
            places[own] = ctcs[["x_um", "y_um"]]
            table.loc[ctcs.index, "state"] = states.iloc[own].astype(str).to_numpy()
        tables.append(table)
    return _finish(rng, folder, pd.DataFrame(rows), pd.concat(tables, ignore_index=True), rna, places, picked, truth)


def _check(
    control_lines: Sequence[str], control_cells: int, batches: int, staining_sd_log: float, picked: float,
    disagreement: float, format: str,
) -> None:  # fmt: skip
    for line in control_lines:
        one_of("control_lines", line, known_lines().index)
    whole("control_cells", control_cells, 1)
    whole("batches", batches, 1)
    in_range("staining_sd_log", staining_sd_log, 0, 2)
    in_range("picked", picked, 0, 1)
    in_range("disagreement", disagreement, 0, 1)
    one_of("format", format, SLIDE_FILES)


def _image_classes(rng: np.random.Generator, states: np.ndarray, disagreement: float) -> Any:
    """Return the HER2 class of each cell's image."""
    others = (states + rng.integers(1, len(_keys.STATES), len(states))) % len(_keys.STATES)
    protein = np.where(rng.random(len(states)) < disagreement, others, states)
    stronger = rng.random(len(states)) < 0.5
    codes = np.select([protein == 0, protein == 1], [0, 1 + stronger], 3)
    return pd.Categorical.from_codes(codes, pd.Index(_keys.IF_SCORES), ordered=True)


def _plan(
    rng: np.random.Generator, n_donors: int, draws: Sequence[float], control_lines: Sequence[str], batches: int,
    staining_sd_log: float,
) -> list[_Planned]:  # fmt: skip
    width = max(2, len(str(n_donors)))
    donors = [f"D{number:0{width}d}" for number in range(1, n_donors + 1)]
    staining = np.exp(rng.normal(0.0, staining_sd_log, batches))
    patients = [
        _Planned(donor, f"{donor}-d{day:g}", float(day), "", number % batches + 1, float(staining[number % batches]))
        for number, donor in enumerate(donors)
        for day in draws
    ]
    controls = [
        _Planned(line, f"control-{batch + 1}-{line}", float("nan"), line, batch + 1, float(staining[batch]))
        for batch in range(batches)
        for line in control_lines
    ]
    return [*patients, *controls]


def _refuse_standing(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        if (folder / name).exists():
            raise ParameterError(f"folder={str(folder)!r}: {name} is there already; give an empty folder")


def _slide(look: _Look, row: _Planned, control_cells: int, classes: list[str], *, seed: list[int]) -> SimulatedSlide:
    given: dict[str, Any] = {"n_ctcs": len(classes), "her2_classes": classes, "cells": look.cells}
    if row.control_line:
        # lines are grown and spiked in whole: next to no fragments
        clean = replace(look.cells, debris_per_ctc=(0, 1))
        given = {"n_ctcs": control_cells, "control_line": row.control_line, "cells": clean}
    own_seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
    return simulate_slide(
        shape=look.shape, pixel_size_um=look.pixel_size_um, n_leukocytes=look.n_leukocytes, slide_id=row.sample_id,
        her2=replace(look.her2, staining=look.her2.staining * row.staining), optics=look.optics, seed=own_seed, **given,
    )  # fmt: skip


def _sheet_row(row: _Planned, name: str, said: dict[str, object]) -> dict[str, object]:
    return {
        _keys.DONOR_ID: row.donor_id,
        _keys.SAMPLE_ID: row.sample_id,
        _keys.DRAW_DAY: row.draw_day,
        IMAGE_PATH: name,
        **said,
        _keys.CONTROL_LINE: row.control_line,
        "batch": row.batch,
    }


def _labelled(truth: pd.DataFrame, row: _Planned) -> pd.DataFrame:
    table = truth.copy()
    for place, name in enumerate((_keys.DONOR_ID, _keys.SAMPLE_ID, _keys.CONTROL_LINE, "batch", "staining")):
        table.insert(place, name, getattr(row, name))
    table["state"] = pd.Series([None] * len(table), dtype=object)
    return table


def _finish(
    rng: np.random.Generator, folder: Path, sheet: pd.DataFrame, table: pd.DataFrame, rna: AnnData, places: np.ndarray,
    picked: float, truth: bool,
) -> SlideCohort:  # fmt: skip
    from her2plastic.io import write_table

    patients = sheet.loc[sheet[_keys.CONTROL_LINE] == "", _keys.SAMPLE_ID]
    ctcs = table[table["kind"] == "CTC"]
    composition = pd.crosstab(ctcs[_keys.SAMPLE_ID], ctcs["her2_class"])
    composition = composition.reindex(index=patients, columns=_keys.IF_SCORES, fill_value=0)
    chosen = np.sort(rng.permutation(rna.n_obs)[: round(picked * rna.n_obs)])
    expression = None
    if len(chosen):
        rna.obsm[_keys.SPATIAL] = places
        expression = rna[chosen].copy()
        expression.layers[_keys.COUNTS] = expression.X
    if truth:
        write_table(table, folder / "truth.csv")
    # the sheet comes last: as long as it is not there, the folder is not a cohort
    write_table(sheet, folder / _SHEET)
    return SlideCohort(folder / _SHEET, table, composition, expression)
