"""One sample of a run: what can be done of it without looking at the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from her2plastic import _keys
from her2plastic.io.sample_sheet import PATH
from her2plastic.io.samples import Reading, joined_readings, patterns_of, read_one, root_of, with_expression
from her2plastic.pp.doublets import SampleDoublets, doublet_scores
from her2plastic.run.clock import Listener, StepClock
from her2plastic.run.config import RunConfig

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

#: The steps of one sample, with what each does.
SAMPLE_STEPS: Final = {
    "io.read_samples": "Reading the samples",
    "pp.quality": "Judging the quality of the events",
}


@dataclass(frozen=True)
class Sample:
    """What was found of one sample by itself."""

    reading: Reading
    #: None where none were asked for, or there are no counts.
    doublets: SampleDoublets | None = None
    #: What the steps warned of.
    notes: tuple[str, ...] = ()
    #: Wall time of each step.
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleRow:
    """A row of the sheet that has a file of expression.

    ``shown`` is its path as the sheet has it, ``patterns`` which cells of it are the row's, where not all are.
    """

    name: str
    path: Path
    assay: str
    shown: str
    patterns: str = ""


def sample_rows(sheet: pd.DataFrame) -> dict[str, SampleRow]:
    """Return the samples of a sheet by their names, in its order."""
    table = with_expression(sheet)
    root = root_of(table, None)
    rows = zip(table[_keys.SAMPLE_ID], table[PATH], table[_keys.ASSAY], patterns_of(table), strict=True)
    return {name: SampleRow(name, root / path, assay, path, own) for name, path, assay, own in rows}


def work_on_sample(row: SampleRow, config: RunConfig) -> Sample:
    """Read a sample and score its doublets. What is wrong with it is told in what comes back, and is no error."""
    clock = StepClock(None, SAMPLE_STEPS)
    with clock.step("io.read_samples"):
        reading = read_one(row.name, row.path, assay=row.assay, patterns=row.patterns, said=_read_as(config))
    if reading.fault:  # results name files as the sheet does, wherever it lies
        reading = Reading(fault=reading.fault.replace(str(row.path), row.shown))
    doublets = None
    if config.quality.doublets and reading.cells is not None and _keys.COUNTS in reading.cells.layers:
        with clock.step("pp.quality"):
            doublets = doublet_scores(reading.cells.layers[_keys.COUNTS], config.seed)
    return Sample(reading, doublets, tuple(clock.notes), dict(clock.seconds))


def work_on_samples(sheet: pd.DataFrame, config: RunConfig, listen: Listener | None) -> dict[str, Sample]:
    """Work on every sample of a sheet, one after the other."""
    if listen is not None:
        listen("io.read_samples", SAMPLE_STEPS["io.read_samples"])
    return {name: work_on_sample(row, config) for name, row in sample_rows(sheet).items()}


def join(samples: Mapping[str, Sample], sheet: pd.DataFrame, config: RunConfig, *, skip: bool) -> AnnData:
    """Return the cells of all samples as one table. ``skip`` leaves out those that could not be read."""
    readings = {name: sample.reading for name, sample in samples.items()}
    return joined_readings(readings, with_expression(sheet), _read_as(config) | {"genes": "auto"}, skip=skip)


def doublets_of(samples: Mapping[str, Sample], config: RunConfig) -> Literal["off"] | dict[str, SampleDoublets]:
    """Return what was found of the doublets, by sample, as ``pp.quality`` takes it."""
    if not config.quality.doublets:
        return "off"
    return {name: sample.doublets for name, sample in samples.items() if sample.doublets is not None}


def _read_as(config: RunConfig) -> dict[str, Any]:
    """Return the options that a run has for reading."""
    return {
        "unit": config.reading.unit, "format": "auto", "introns": False, "log_offset": 1.0, "require": ("ERBB2",),
        "spreadsheet_dates": "error",
    }  # fmt: skip
