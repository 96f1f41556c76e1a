"""One run, from a configuration file to a folder of results."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from her2plastic import _keys, io
from her2plastic.run import provenance
from her2plastic.run.checking import Plan, check
from her2plastic.run.clock import Listener
from her2plastic.run.folder import OutputFolder
from her2plastic.run.interruption import go_on
from her2plastic.run.pipeline import Analysis, analyse

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from her2plastic.run.clinical import ClinicalFindings
    from her2plastic.run.slide_pipeline import SlideAnalysis
    from her2plastic.tl import ProgrammeComparison

CELLS: Final = "cells.h5ad"
PATIENTS: Final = "patients.csv"
COMPARISON: Final = "programmes.csv"
#: The steps after the analysis, for progress bars.
LAST_STEPS: Final = {"report": "Drawing the figures and the report", "write": "Writing the results"}


class Reporter(Protocol):
    """What draws the figures and the report: gets the results, gives the files by relative name."""

    def __call__(
        self,
        adata: AnnData,
        *,
        patients: pd.DataFrame,
        comparison: ProgrammeComparison | None,
        origin: Mapping[str, Any],
        slides: SlideAnalysis | None = None,
        clinical: ClinicalFindings | None = None,
    ) -> Mapping[str, bytes]:
        """Draw."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended well: where its results are, their names, and what they were made of."""

    folder: Path
    files: list[str]
    analysis: Analysis
    provenance: dict[str, Any]
    #: What was found on slides, where there were any.
    slides: SlideAnalysis | None = None


@dataclass(frozen=True)
class Beside:
    """What a run has beside its cells: findings on slides, their folders (see ``publish``), and how they were made."""

    slides: SlideAnalysis | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)


def execute(
    config: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    report: Reporter | None = None,
    force: bool = False,
    keep_going: bool = False,
    listen: Listener | None = None,
) -> Finished:
    """Check a configuration, run it, and write the results.

    Parameters
    ----------
    config
        The configuration file.
    output
        The results folder. Former results in it stay as they are until the new ones are whole.
    report
        What draws figures and report, e.g. ``her2plastic.report.draw``. None writes tables and cells only.
    force
        Write to a folder that holds files of someone else's.
    keep_going
        Leave out samples that cannot be read. They are in ``analysis.failed``, and the report names them.
    listen
        Called as each step begins, with its name and its description.

    Returns
    -------
    Where the results are and what they were made of.

    Raises
    ------
    Her2plasticError
        Where anything is wrong with configuration, sample sheet, files, or output folder. Nothing is lost.
    """
    plan = check(config, output=output, force=force, keep_going=keep_going)
    with OutputFolder(output, force=force, inputs=plan.inputs) as folder:
        return carry_out(plan, folder, report=report, listen=listen, keep_going=keep_going)


def carry_out(
    plan: Plan,
    folder: OutputFolder,
    *,
    report: Reporter | None,
    listen: Listener | None,
    keep_going: bool = False,
    measure: Callable[[Analysis], Beside] | None = None,
) -> Finished:
    """Run what was checked and publish the results; ``measure`` adds what was found on slides of the same study."""
    started = datetime.now(UTC)
    analysis = analyse(plan.config, plan.sheet_path, clinical=plan.clinical, keep_going=keep_going, listen=listen)
    beside = Beside() if measure is None else measure(analysis)
    return publish(plan, folder, analysis, beside, report=report, listen=listen, started=started)


def publish(
    plan: Plan,
    folder: OutputFolder,
    analysis: Analysis,
    beside: Beside,
    *,
    report: Reporter | None,
    listen: Listener | None,
    started: datetime,
    samples: list[dict[str, Any]] | None = None,
) -> Finished:
    """Draw, write and publish the results; ``samples`` are the entries of the samples' files, where they are known."""
    origin = _origin(plan, analysis, samples) | beside.origin
    if report is not None:
        _tell(listen, "report")
        drawn = report(
            analysis.adata, patients=analysis.patients, comparison=analysis.comparison, origin=origin,
            slides=beside.slides, clinical=analysis.clinical if analysis.clinical.any else None,
        )  # fmt: skip
        for name, content in drawn.items():
            folder.write(name, content)
    _tell(listen, "write")
    io.write_h5ad(analysis.adata, folder.stage / CELLS)
    tables: dict[str, pd.DataFrame | Path] = {PATIENTS: analysis.patients}
    if analysis.comparison is not None:
        tables[COMPARISON] = analysis.comparison.to_frame()
    tables |= analysis.answers.tables()
    tables |= analysis.clinical.tables()
    for name, table in tables.items():
        if isinstance(table, Path):
            folder.write(name, table.read_bytes())
        else:
            io.write_table(table, folder.stage / name)
    provenance.stage(origin, folder, seconds=analysis.seconds, started=started)
    go_on()
    return Finished(folder.path, folder.publish(beside.folders), analysis, origin, beside.slides)


def _origin(plan: Plan, analysis: Analysis, samples: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Return everything that the results were made from, without any time."""
    within = plan.sheet_path.parent
    config = plan.config.model_dump(mode="json")
    config["samples"] = provenance.shown_name(plan.config.samples, within=plan.config_folder)
    for section in ("tissue", "serum", "alleles"):
        if config[section]["table"] is not None:
            config[section]["table"] = provenance.shown_name(config[section]["table"], within=plan.config_folder)
    inputs = [provenance.input_entry(plan.sheet_path, within=within, role="sample sheet")]
    if samples is None:
        samples = [provenance.input_entry(path, within=within, role=provenance.SAMPLE) for path in plan.files]
    inputs += samples
    inputs += [provenance.input_entry(path, within=within, role=role) for role, path in plan.clinical.files]
    return {
        "versions": provenance.versions(),
        "seed": plan.config.seed,
        "config": config,
        "inputs": inputs,
        "steps": [
            {"step": step, "parameters": parameters}
            for step, parameters in provenance.step_parameters(analysis.adata.uns).items()
        ],
        "read": provenance.plain(analysis.adata.uns.get(_keys.ROOT, {}).get("read_samples", {})),
        "notes": list(analysis.notes),
    }


def _tell(listen: Listener | None, step: str) -> None:
    go_on()
    if listen is not None:
        listen(step, LAST_STEPS[step])
