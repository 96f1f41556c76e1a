"""The jobs of a workflow over all cells of a cohort, in three stages. With those of the samples they are a run.

Each job checks that what it is handed was made from the same files, by the same configuration and version. Layout of
the folder of kept results: ``samples/<sample>/``, ``called/`` and ``transitions/``, each as ``kept_cells`` writes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from her2plastic.run import provenance
from her2plastic.run.checking import Plan, check
from her2plastic.run.clock import Listener, StepClock
from her2plastic.run.execution import Beside, Finished, Reporter, publish
from her2plastic.run.folder import OutputFolder
from her2plastic.run.kept_cells import keep_stage, kept_sample, kept_stage
from her2plastic.run.kept_marks import key_of, usable_mark
from her2plastic.run.pipeline import STEPS, call_cells, conclude
from her2plastic.run.sample_job import sample_folder, sample_key
from her2plastic.run.samples import sample_rows
from her2plastic.run.told import CALLED, TRANSITIONS, told
from her2plastic.run.transitions import ask


def called_job(
    config: str | os.PathLike[str], kept: str | os.PathLike[str], *, listen: Listener | None = None
) -> list[str]:
    """Join the kept samples, call CTCs and HER2 states, and keep the cells; return what was noted.

    Parameters
    ----------
    config, kept
        As for :func:`her2plastic.run.sample_job.sample_job`.
    listen
        Called as each step begins.

    Raises
    ------
    Her2plasticError
        Where a sample is not kept, or no cell is there.
    """
    plan = check(config, keep_going=True)
    marks = _marks_of(plan, kept)
    samples = {name: kept_sample(sample_folder(kept, name), mark) for name, mark in marks.items()}
    clock = StepClock(listen, STEPS)
    adata = call_cells(samples, plan.sheet, plan.config, clock, keep_going=True)
    folder = Path(kept) / CALLED
    keep_stage(adata, folder, key=_keys_of(plan, marks).called, notes=clock.notes, seconds=clock.seconds)
    return clock.notes


def transitions_job(
    config: str | os.PathLike[str], kept: str | os.PathLike[str], *, listen: Listener | None = None
) -> list[str]:
    """Ask the called cells how they move between states, and keep the answers; see :func:`called_job`."""
    plan = check(config, keep_going=True)
    keys = _keys_of(plan, _marks_of(plan, kept))
    stage = kept_stage(Path(kept) / CALLED, key=keys.called, what="the called cells")
    clock = StepClock(listen, STEPS)
    clock.take(stage.notes, stage.seconds)
    answers = ask(stage.adata, plan.config, clock)
    keep_stage(
        stage.adata, Path(kept) / TRANSITIONS, key=keys.transitions, notes=clock.notes, seconds=clock.seconds,
        tables=answers.tables(),
    )  # fmt: skip
    return clock.notes[len(stage.notes) :]


def report_job(
    config: str | os.PathLike[str],
    kept: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    report: Reporter | None = None,
    force: bool = False,
    listen: Listener | None = None,
) -> Finished:
    """Sum up what was kept, draw the report, and publish results as :func:`her2plastic.run.execute` does."""
    started = datetime.now(UTC)
    plan = check(config, output=output, force=force, keep_going=True)
    with OutputFolder(output, force=force, inputs=plan.inputs) as folder:
        keys = _keys_of(plan, _marks_of(plan, kept))
        stage = kept_stage(Path(kept) / TRANSITIONS, key=keys.transitions, what="the transitions")
        clock = StepClock(listen, STEPS)
        clock.take(stage.notes, stage.seconds)
        analysis = conclude(stage.adata, plan.sheet, stage.tables, plan.config, plan.clinical, clock)
        return publish(
            plan, folder, analysis, Beside(), report=report, listen=listen, started=started, samples=keys.entries
        )


# --- what each result was made from -------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Keys:
    called: str
    transitions: str
    #: What the provenance says of the samples' files.
    entries: list[dict[str, Any]]


def _marks_of(plan: Plan, kept: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """Return the marks of all samples of the sheet, or say of which none is kept that could be used."""
    marks = {}
    for name, row in sample_rows(plan.sheet).items():
        key = partial(sample_key, plan.config, row)
        marks[name] = usable_mark(sample_folder(kept, name), what=f"sample {name!r}", key=key)
    return marks


def _keys_of(plan: Plan, marks: Mapping[str, Mapping[str, Any]]) -> _Keys:
    called = key_of({
        "sheet": provenance.sha256(plan.sheet_path), "samples": {name: mark["key"] for name, mark in marks.items()},
        "config": told(plan.config, CALLED),
    })  # fmt: skip
    transitions = key_of({"called": called, "config": told(plan.config, TRANSITIONS)})
    files = {mark["input"]["name"]: mark["input"] for mark in marks.values()}
    return _Keys(called, transitions, list(files.values()))
