"""One run over slides, from a configuration file to a folder of results."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from her2plastic import _keys, io
from her2plastic.run import provenance
from her2plastic.run.clock import Listener
from her2plastic.run.folder import HIDDEN, OutputFolder
from her2plastic.run.interruption import go_on
from her2plastic.run.kept_marks import folder_name
from her2plastic.run.kept_slides import KeptSlides
from her2plastic.run.slide_checking import SlidePlan, check_slides
from her2plastic.run.slide_pipeline import ExpressionOf, SlideAnalysis, SlideJob, SlideListener, analyse_slides
from her2plastic.run.slide_review import decisions_of, journal_paths
from her2plastic.run.slide_tables import consensus_table
from her2plastic.run.slide_work import Labour, refuse_silent_scheduler

if TYPE_CHECKING:
    from anndata import AnnData

CELLS: Final = "cells.h5ad"
SLIDES: Final = "slides.csv"
PATIENTS: Final = "patients.csv"
RULES: Final = "rules.csv"
CONSENSUS: Final = "consensus.csv"
AGREEMENT: Final = "review_agreement.csv"
DIFFERING: Final = "review_differing.csv"
#: Folder of the stores of the slides, within the results.
STORES: Final = "slides"
#: The steps after the analysis, for progress bars.
LAST_SLIDE_STEPS: Final = {
    "io.write_slide_cells": "Writing images, labels and crops",
    "report": "Drawing the figures and the report",
    "write": "Writing the results",
}


class SlideReporter(Protocol):
    """What draws the figures and the report: gets the results, gives the files by relative name."""

    def __call__(self, found: SlideAnalysis, *, origin: Mapping[str, Any]) -> Mapping[str, bytes]:
        """Draw."""


@dataclass(frozen=True)
class FinishedSlides:
    """A run over slides that has ended: where its results are, and what they were made of."""

    folder: Path
    files: list[str]
    analysis: SlideAnalysis
    provenance: dict[str, Any]


def execute_slides(
    config: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    report: SlideReporter | None = None,
    force: bool = False,
    resume: bool = False,
    keep_going: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    progress: bool = False,
    listen: Listener | None = None,
    tell: SlideListener | None = None,
) -> FinishedSlides:
    """Check a configuration of slides, run it, and write the results.

    Parameters
    ----------
    config
        The configuration file.
    output
        The results folder. Former results in it stay as they are until the new ones are whole.
    report
        What draws figures and report, e.g. ``her2plastic.report.draw_slides``. None writes tables and cells only.
    force
        Write to a folder that holds files of someone else's.
    resume
        Take slides that a former run here has left whole, where input, parameters and version are the same.
    keep_going
        Leave out slides that cannot be opened, as those that fail later on.
    workers
        Number of processes.
    scheduler
        Address of a Dask scheduler (``tcp://...``) that does the work instead.
    progress
        Show a bar of tiles on standard error.
    listen
        Called as each step begins, with its name and its description.
    tell
        Called as each slide begins and ends.

    Returns
    -------
    Where the results are and what they were made of; slides that failed are in ``analysis.failed``.

    Raises
    ------
    Her2plasticError
        Where anything is wrong with configuration, sheet, every slide, or output folder. Nothing whole is lost.
    """
    if scheduler is not None:
        refuse_silent_scheduler(scheduler)
    plan = check_slides(config, output=output, force=force, keep_going=keep_going)
    labour = Labour(plan.config.segmentation.tile_size, workers, scheduler, progress)
    with OutputFolder(output, force=force, inputs=plan.inputs) as folder:
        return carry_out_slides(plan, folder, labour, report=report, resume=resume, listen=listen, tell=tell)


def carry_out_slides(
    plan: SlidePlan,
    folder: OutputFolder,
    labour: Labour,
    *,
    report: SlideReporter | None = None,
    resume: bool = False,
    marks: Mapping[str, Mapping[str, Any]] | None = None,
    listen: Listener | None = None,
    tell: SlideListener | None = None,
) -> FinishedSlides:
    """Run what was checked and publish the results; for ``marks`` see :func:`findings_of`."""
    started = datetime.now(UTC)
    analysis, inputs = findings_of(
        plan, folder, labour, expression=_expression_of(plan), resume=resume, marks=marks, listen=listen, tell=tell
    )
    origin = origin_of_slides(plan, analysis, inputs)
    _tell(listen, "io.write_slide_cells")
    stores = write_stores(analysis, folder)
    if report is not None:
        _tell(listen, "report")
        for name, content in report(analysis, origin=origin).items():
            folder.write(name, content)
    _tell(listen, "write")
    write_tables(analysis, folder.stage)
    provenance.stage(origin, folder, seconds=analysis.seconds, started=started)
    go_on()
    files = folder.publish(stores)
    KeptSlides(folder.path).keep_only(analysis.keys.values())
    return FinishedSlides(folder.path, files, analysis, origin)


def findings_of(
    plan: SlidePlan,
    folder: OutputFolder,
    labour: Labour,
    *,
    expression: ExpressionOf | None = None,
    resume: bool = False,
    marks: Mapping[str, Mapping[str, Any]] | None = None,
    listen: Listener | None = None,
    tell: SlideListener | None = None,
) -> tuple[SlideAnalysis, list[dict[str, Any]]]:
    """Measure and call the slides that were checked; return what was found, and the entries of the images.

    ``marks`` say of each slide what its file is and why it failed, where another job has worked on it.
    """
    jobs, inputs = jobs_of(plan, marks or {})
    analysis = analyse_slides(
        plan.config, jobs, KeptSlides(folder.path), labour, expression=expression,
        decisions=decisions_of(journal_paths(plan.config.review, plan.config_folder)), resume=resume, listen=listen,
        tell=tell,
    )  # fmt: skip
    analysis.notes[:0] = plan.notes
    return analysis, inputs


def jobs_of(plan: SlidePlan, marks: Mapping[str, Mapping[str, Any]]) -> tuple[list[SlideJob], list[dict[str, Any]]]:
    """Return what is to be done of each row of the sheet, and the entries of the images."""
    slides = {slide.slide_id: slide for slide in plan.slides}
    jobs, inputs = [], []
    for path, row in zip(plan.files, plan.sheet.to_dict("records"), strict=True):
        name = str(row[_keys.SAMPLE_ID])
        mark = marks.get(name)
        if mark is None:
            mark = {
                "input": provenance.input_entry(path, within=plan.sheet_path.parent, role=provenance.SLIDE),
                "fault": "",
            }
        fault = mark["fault"] or plan.faults.get(name, "")
        entry = mark["input"]
        jobs.append(SlideJob(slides.get(name), row, {entry["name"]: entry["sha256"]}, path, fault))
        inputs.append(dict(entry))
    return jobs, inputs


def write_tables(analysis: SlideAnalysis, folder: Path) -> None:
    """Write the cells and the tables of a run over slides."""
    io.write_h5ad(analysis.adata, folder / CELLS)
    io.write_table(analysis.slides, folder / SLIDES)
    if analysis.patients is not None:
        io.write_table(analysis.patients, folder / PATIENTS)
    if analysis.rules is not None:
        io.write_table(analysis.rules.to_frame(), folder / RULES)
    if analysis.reviewed is not None:
        io.write_table(analysis.reviewed.review.to_frame(), folder / AGREEMENT)
        io.write_table(analysis.reviewed.review.differing, folder / DIFFERING)
    if analysis.joined is not None:
        io.write_table(consensus_table(analysis.joined), folder / CONSENSUS)


def _expression_of(plan: SlidePlan) -> ExpressionOf | None:
    """Return what reads the expression of the picked cells; None where the configuration names none."""
    if plan.config.expression is None:
        return None
    path = plan.config_folder / plan.config.expression

    def read(_images: AnnData) -> AnnData:
        from anndata import read_h5ad

        return read_h5ad(path)

    return read


def write_stores(analysis: SlideAnalysis, folder: OutputFolder) -> dict[str, Path]:
    """Write image, labels, table and crops of every slide, and return where each is to stand and where it stands."""
    made = folder.path / HIDDEN / "stores"
    records = json.dumps(provenance.plain(analysis.adata.uns.get(_keys.ROOT, {})))
    places = {}
    for name, segmentation in analysis.segmentations.items():
        target = made / f"{folder_name(name)}.zarr"
        cells = analysis.adata[(analysis.adata.obs[_keys.SLIDE_ID] == name).to_numpy()].copy()
        # as one text: zarr writes a file for each of a few hundred entries otherwise
        cells.uns = {_keys.ROOT: {"records": records}}
        crops = analysis.crops[name].to_arrays() if name in analysis.crops else None
        io.write_slide_cells(cells, target, segmentation=segmentation, crops=crops, overwrite=True)
        places[f"{STORES}/{target.name}"] = target
    return places


def origin_of_slides(plan: SlidePlan, analysis: SlideAnalysis, inputs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return everything that the results were made from, without any time."""
    within = plan.sheet_path.parent
    config = plan.config.model_dump(mode="json")
    config["slides"] = provenance.shown_name(plan.config.slides, within=plan.config_folder)
    return {
        "versions": provenance.versions(),
        "seed": plan.config.seed,
        "config": config,
        "inputs": [
            provenance.input_entry(plan.sheet_path, within=within, role="sheet"),
            *inputs,
            *(
                provenance.input_entry(path, within=plan.config_folder, role="journal")
                for path in journal_paths(plan.config.review, plan.config_folder)
            ),
        ],
        "steps": [
            {"step": step, "parameters": parameters}
            for step, parameters in provenance.step_parameters(analysis.adata.uns).items()
        ],
        "slides": [
            {"slide_id": name, "made_from": key, "store": f"{STORES}/{folder_name(name)}.zarr"}
            for name, key in analysis.keys.items()
        ],
        "notes": list(analysis.notes),
    }


def _tell(listen: Listener | None, step: str) -> None:
    go_on()
    if listen is not None:
        listen(step, LAST_SLIDE_STEPS[step])
