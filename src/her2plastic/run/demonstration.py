"""The run of the embedded example: a cohort of cells, slides of some patients, and the cells that have both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from her2plastic import datasets, io, pp, tl
from her2plastic._errors import MissingExtraError, OutputFolderError
from her2plastic.run import provenance
from her2plastic.run.checking import check
from her2plastic.run.clock import Listener
from her2plastic.run.execution import Beside, Finished, Reporter, carry_out
from her2plastic.run.folder import EXAMPLE, INPUT, OutputFolder, other_results
from her2plastic.run.pipeline import Analysis
from her2plastic.run.template import CONFIG, config_text

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.datasets import SlideCohort

#: Folder of the example's slides, within that of its files; of the results of the slides, within the results.
SLIDES: Final = "slides"
IMAGES: Final = "images"
#: Expression of the cells that were picked from the slides.
PICKED: Final = "picked.h5ad"


def demonstrate(
    output: str | os.PathLike[str],
    *,
    report: Reporter | None = None,
    force: bool = False,
    listen: Listener | None = None,
) -> Finished:
    """Write the embedded cohort and its slides as a lab would have them, run both, and join the cells that have both.

    Parameters
    ----------
    output
        The results folder; the files of the example come to stand in its folder ``input``.
    report, force, listen
        As for :func:`execute`.

    Returns
    -------
    Where the results are and what they were made of. Without the packages that read images, ``slides`` is None and a
    note says so.

    Raises
    ------
    OutputFolderError
        Where the folder cannot be written to.
    """
    if problem := other_results(Path(output), EXAMPLE, force=force):
        raise OutputFolderError(problem)
    with OutputFolder(output, force=force) as folder:
        if listen is not None:
            listen("datasets.demo_cohort", "Writing the example cohort")
        sheet = datasets.write_cohort(datasets.demo_cohort(), folder.stage / INPUT)
        config = sheet.parent / CONFIG
        io.write_text(_with_tables(config_text(), datasets.demo_patients(sheet.parent)), config)
        folder.refuse_changed_input()

        def measure(analysis: Analysis) -> Beside:
            try:
                return _slides(folder, listen)
            except MissingExtraError as error:
                analysis.notes.append(f"the slides of the example were left out: {error}")
                return Beside()

        return carry_out(check(config), folder, report=report, listen=listen, measure=measure)


def _with_tables(text: str, tables: Mapping[str, Path]) -> str:
    """Return a configuration whose sections of these names have their table."""
    for section, path in tables.items():
        head, name, rest = text.partition(f"\n{section}:\n")
        text = head + name + rest.replace("table: null", f"table: {path.name}", 1)
    return text


def _slides(folder: OutputFolder, listen: Listener | None) -> Beside:
    """Write the example slides, measure them, and join the picked cells to their expression."""
    from her2plastic.run.slide_checking import check_slides
    from her2plastic.run.slide_execution import findings_of, origin_of_slides, write_stores, write_tables
    from her2plastic.run.slide_work import Labour

    if listen is not None:
        listen("datasets.demo_slides", "Writing and measuring the example slides")
    home = folder.stage / INPUT / SLIDES
    cohort = datasets.demo_slides(home)
    text = config_text(slides=True)
    io.write_text(text.replace("expression: null", f"expression: {PICKED}"), home / CONFIG)

    def expression(images: AnnData) -> AnnData:
        picked = _called(cohort, images)
        io.write_h5ad(picked, home / PICKED)
        return picked

    io.write_text(text, home / "without.yaml")  # what was picked is known once the slides are measured
    plan = check_slides(home / "without.yaml")
    (home / "without.yaml").unlink()
    analysis, inputs = findings_of(plan, folder, Labour(), expression=expression)
    analysis.notes.append("the slides are of two further patients: their D01 and D02 are not those of the cells above")
    folders = write_stores(analysis, folder)
    (folder.stage / IMAGES).mkdir()
    write_tables(analysis, folder.stage / IMAGES)
    made = {key: value for key, value in origin_of_slides(plan, analysis, inputs).items() if key != "versions"}
    return Beside(analysis, folders, {"images": provenance.plain(made)})


def _called(cohort: SlideCohort, images: AnnData) -> AnnData:
    """Return the expression of the picked cells, named as their images, with HER2 states."""
    assert cohort.expression is not None  # every CTC of the example is picked
    picked = datasets.name_picked_cells(cohort.expression, images=images)
    pp.quality(picked, doublets="off")
    pp.ctc_identity(picked)
    tl.her2_state(picked, calibration="reference")
    return picked
