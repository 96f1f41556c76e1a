"""The jobs of a workflow over slides: one a slide, then all of them together. Together they are a run over slides.

A slide is kept where ``her2plastic slide --resume`` looks for it, in the results folder; its mark stands in
``slides/<slide>/`` of the folder of kept results and says what its file is, and why it failed where it did.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from her2plastic import __version__, _keys, io
from her2plastic._errors import ParameterError
from her2plastic.io.image_columns import IMAGE_PATH
from her2plastic.io.slide_sheet import with_image
from her2plastic.run import provenance
from her2plastic.run.clock import Listener
from her2plastic.run.folder import OutputFolder
from her2plastic.run.kept_marks import folder_name, key_of, usable_mark, write_mark
from her2plastic.run.kept_slides import KeptSlides
from her2plastic.run.slide_checking import SlidePlan, check_slides, open_slide
from her2plastic.run.slide_config import load_slides_config
from her2plastic.run.slide_execution import FinishedSlides, SlideReporter, carry_out_slides
from her2plastic.run.slide_pipeline import SlideJob, SlideListener, measured_or_fault
from her2plastic.run.slide_work import Labour

if TYPE_CHECKING:
    import pandas as pd

SLIDES: Final = "slides"


def slide_job(
    config: str | os.PathLike[str],
    slide: str,
    kept: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    workers: int = 1,
    progress: bool = False,
) -> str:
    """Measure one slide of a configuration's sheet and keep it.

    Parameters
    ----------
    config
        The configuration file.
    slide
        Name of the slide: that of its sample.
    kept, output
        The folder of kept results, and the results folder.
    workers
        Number of processes.
    progress
        Show a bar of tiles on standard error.

    Returns
    -------
    Why the slide cannot be measured; empty if it was. Either is kept.

    Raises
    ------
    Her2plasticError
        Where configuration or sheet are faulty, the sheet has no such slide, there is no room for it, or the processes
        that work on it have died. Nothing is kept: the job can be done again.
    """
    loaded = load_slides_config(config)
    sheet_path = Path(config).parent / loaded.slides
    sheet = with_image(io.read_sheet(sheet_path))
    row = sheet[sheet[_keys.SAMPLE_ID] == slide]
    if row.empty:
        names = ", ".join(sheet[_keys.SAMPLE_ID])
        raise ParameterError(f"{sheet_path.name} has no slide {slide!r}; there are {names}")
    path = sheet_path.parent / str(row[IMAGE_PATH].iloc[0])
    entry = provenance.input_entry(path, within=sheet_path.parent, role=provenance.SLIDE)
    opened, fault = open_slide(row)
    job = SlideJob(opened, row.to_dict("records")[0], {entry["name"]: entry["sha256"]}, path, fault)
    labour = Labour(loaded.segmentation.tile_size, workers, None, progress)
    measured = measured_or_fault(job, KeptSlides(Path(output)), labour, resume=True)
    fault = measured if isinstance(measured, str) else ""
    (facts,) = slide_rows(row).values()
    write_mark(slide_folder(kept, slide), key=_slide_key(facts, entry), fault=fault, input=entry)
    return fault


def slides_job(
    config: str | os.PathLike[str],
    kept: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    report: SlideReporter | None = None,
    force: bool = False,
    workers: int = 1,
    listen: Listener | None = None,
    tell: SlideListener | None = None,
) -> FinishedSlides:
    """Call the kept slides together and publish results as :func:`her2plastic.run.execute_slides` does."""
    plan = check_slides(config, output=output, force=force, keep_going=True)
    marks = _marks_of(plan, kept)
    labour = Labour(plan.config.segmentation.tile_size, workers)
    with OutputFolder(output, force=force, inputs=plan.inputs) as folder:
        return carry_out_slides(plan, folder, labour, report=report, resume=True, marks=marks, listen=listen, tell=tell)


def slide_folder(kept: str | os.PathLike[str], slide: str) -> Path:
    """Return where the mark of a slide stands."""
    return Path(kept) / SLIDES / folder_name(slide)


def _marks_of(plan: SlidePlan, kept: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    marks = {}
    for name, row in slide_rows(plan.sheet).items():
        marks[name] = usable_mark(slide_folder(kept, name), what=f"slide {name!r}", key=partial(_slide_key, row))
    return marks


def slide_rows(sheet: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return what a sheet says of each slide, by the slides' names."""
    rows = sheet.astype(object).where(sheet.notna(), "").to_dict("records")
    return {str(row[_keys.SAMPLE_ID]): {str(name): str(value) for name, value in row.items()} for row in rows}


def _slide_key(row: Mapping[str, str], entry: Mapping[str, Any]) -> str:
    """Return the digest of what a slide's mark depends on: its file, what the sheet says of it, and the version."""
    return key_of({"version": __version__, "file": dict(entry), "row": dict(row)})
