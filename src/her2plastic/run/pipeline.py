"""The steps of a run, in order. Each one reads what the steps before it wrote; none reaches back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from her2plastic import _keys, io, pp, tl
from her2plastic._access import step_record
from her2plastic.io.image_columns import IMAGE_PATH
from her2plastic.run.clinical import CLINICAL_STEPS, ClinicalFindings, ClinicalTables, ask_clinical
from her2plastic.run.clock import Listener, StepClock
from her2plastic.run.config import RunConfig
from her2plastic.run.patients import patient_table
from her2plastic.run.samples import SAMPLE_STEPS, Sample, doublets_of, join, work_on_samples
from her2plastic.run.transitions import Answers, ask

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.run.kept_cells import KeptTables
    from her2plastic.tl import ProgrammeComparison

#: Every step with what it does, for progress bars and provenance.
STEPS: Final = {
    **SAMPLE_STEPS,
    "pp.ctc_identity": "Telling CTCs from other cells",
    "tl.amplicon": "Scoring the 17q12 amplicon",
    "tl.her2_state": "Calling HER2 states",
    "tl.programmes": "Scoring expression programmes",
    "tl.embedding": "Laying out the map of the cells",
    "tl.switching": "Asking how fast the states switch",
    "tl.trajectory": "Ordering the cells by likeness",
    "tl.direction": "Asking which way RNA velocity points",
    "tl.conversion": "Comparing first and last tissue",
    "tl.her2_shares": "Shares per donor and draw",
    "tl.compare_programmes": "Comparing programmes between states",
    **CLINICAL_STEPS,
}


@dataclass
class Analysis:
    """What the steps of a run made."""

    adata: AnnData
    sheet: pd.DataFrame
    patients: pd.DataFrame
    #: None where the programmes could not be compared.
    comparison: ProgrammeComparison | None
    #: Moves between the states: what was asked, and what was not and why. Or their tables, as another job wrote them.
    answers: Answers | KeptTables
    #: Tissue, serum and alleles of the patients.
    clinical: ClinicalFindings
    #: What a person should know: warnings of the steps, and steps that could not be done with the reason.
    notes: list[str] = field(default_factory=list)
    #: Wall time of each step.
    seconds: dict[str, float] = field(default_factory=dict)
    #: Samples that could not be read, each with the reason.
    failed: list[str] = field(default_factory=list)


def analyse(
    config: RunConfig,
    sheet_path: Path,
    *,
    clinical: ClinicalTables | None = None,
    keep_going: bool = False,
    listen: Listener | None = None,
) -> Analysis:
    """Run every step on the samples of a sheet.

    Parameters
    ----------
    config
        What the run was told.
    sheet_path
        The sample sheet.
    clinical
        Tissue, serum and alleles of the patients.
    keep_going
        Leave out samples that cannot be read; they are named in the notes.
    listen
        Called as each step begins.

    Returns
    -------
    The annotated cells, the patient table, the comparison of programmes, and notes.

    Raises
    ------
    Her2plasticError
        Where the input cannot be read or does not hold what a step needs.
    """
    clock = StepClock(listen, STEPS)
    sheet = io.read_sheet(sheet_path)
    adata = call_cells(work_on_samples(sheet, config, listen), sheet, config, clock, keep_going=keep_going)
    answers = ask(adata, config, clock)
    return conclude(adata, sheet, answers, config, clinical or ClinicalTables(), clock)


def call_cells(
    samples: Mapping[str, Sample], sheet: pd.DataFrame, config: RunConfig, clock: StepClock, *, keep_going: bool
) -> AnnData:
    """Join the samples, judge the cells, call their states and score their programmes."""
    for sample in samples.values():
        clock.take(sample.notes, sample.seconds)
    with clock.step("io.read_samples", told=True):
        adata = join(samples, sheet, config, skip=keep_going)
    with clock.step("pp.quality"):
        limits = config.quality.model_dump(exclude={"doublets"})
        pp.quality(adata, **limits, doublets=doublets_of(samples, config), seed=config.seed)
    with clock.step("pp.ctc_identity"):
        pp.ctc_identity(adata, threshold=config.identity.threshold)
    with clock.step("tl.amplicon", may_fail=True):
        tl.amplicon(adata)
    with clock.step("tl.her2_state"):
        tl.her2_state(adata, calibration=config.her2.calibration, level=config.her2.level, seed=config.seed)
    with clock.step("tl.programmes", may_fail=True):
        tl.programmes(adata)
    if config.map:
        with clock.step("tl.embedding", may_fail=True):
            tl.embedding(adata, seed=config.seed)
    return adata


def conclude(
    adata: AnnData,
    sheet: pd.DataFrame,
    answers: Answers | KeptTables,
    config: RunConfig,
    clinical: ClinicalTables,
    clock: StepClock,
) -> Analysis:
    """Sum the called cells up by patient, compare the programmes, and look at what is known around the cells."""
    with clock.step("tl.her2_shares"):
        patients = patient_table(adata, sheet, level=config.her2.interval, unread=unread_samples(adata))
    comparison = None
    if _keys.PROGRAMMES in adata.obsm:
        with clock.step("tl.compare_programmes", may_fail=True):
            comparison = tl.compare_programmes(adata, seed=config.seed)
    found = ask_clinical(adata, config, clinical, clock)
    failed = [f"sample {name!r}: {reason}" for name, reason in unread_samples(adata).items()]
    notes = [
        *left_to_slides(sheet),
        *(f"io.read_samples: not read and left out: {fault}" for fault in failed),
        *_empty_samples(adata),
        *clock.notes,
        *shortfalls(adata),
        *_not_compared(comparison),
        *found.notes,
    ]
    return Analysis(adata, sheet, patients, comparison, answers, found, notes, clock.seconds, failed)


def left_to_slides(sheet: pd.DataFrame) -> list[str]:
    """Return that a run of expression leaves the images of its sheet alone."""
    n = int(sheet[IMAGE_PATH].notna().sum()) if IMAGE_PATH in sheet else 0
    return [f"images in the sheet ({n}) were left to `her2plastic slide`: this run is of expression alone"] if n else []


def unread_samples(adata: AnnData) -> dict[str, str]:
    """Return the samples that could not be read, each with the reason."""
    record = step_record(adata, "read_samples")
    names, reasons = (list(map(str, record.get(key, []))) for key in ("unreadable_samples", "unreadable"))
    return {name: text.removeprefix(f"sample {name!r}: ") for name, text in zip(names, reasons, strict=True)}


def _empty_samples(adata: AnnData) -> list[str]:
    empty = step_record(adata, "read_samples").get("empty_samples", [])
    return [f"io.read_samples: sample {name} holds no event" for name in empty]


def shortfalls(adata: AnnData) -> list[str]:
    """Return what the steps recorded as insufficient, with the reason."""
    said = []
    for step, record in adata.uns.get(_keys.ROOT, {}).items():
        status = str(record.get("status", ""))
        reasons = [status.removeprefix("insufficient: ")] if status.startswith("insufficient") else []
        reasons += [str(reason) for reason in np.atleast_1d(record.get("insufficient", []))]
        said += [f"{step}: insufficient: {reason.removeprefix('insufficient: ')}" for reason in reasons]
    return said


def _not_compared(comparison: ProgrammeComparison | None) -> list[str]:
    """Return the programmes that could not be compared, those of one reason together."""
    if comparison is None:
        return []
    pooled = comparison.to_frame()
    lacking = pooled[pooled["note"] != ""].groupby("note", sort=False)["programme"]
    return [f"tl.compare_programmes: {', '.join(names)}: {note}" for note, names in lacking]
