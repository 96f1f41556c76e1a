"""The report: one HTML page that holds everything it shows and may load nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from her2plastic.report import calibration, methods
from her2plastic.report.cells import ctc_data
from her2plastic.report.clinical import chapter_of as clinical_chapter
from her2plastic.report.clinical_findings import ClinicalFindings
from her2plastic.report.figures import draw_figures
from her2plastic.report.rendering import call_pieces, render
from her2plastic.report.slide_page import SlideFindings, chapter_of
from her2plastic.report.summary import headline
from her2plastic.report.tables import Table, cohort_table, events_table
from her2plastic.report.transitions import transitions_of

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.tl import ProgrammeComparison

PAGE: Final = "report.html"


def draw(
    adata: AnnData,
    *,
    patients: pd.DataFrame,
    comparison: ProgrammeComparison | None,
    origin: Mapping[str, Any],
    slides: SlideFindings | None = None,
    clinical: ClinicalFindings | None = None,
) -> dict[str, bytes]:
    """Draw the figures and the report of a run.

    Parameters
    ----------
    adata
        Cells after the last step.
    patients
        The patient table: a row per donor and per draw.
    comparison
        The programmes compared between HER2 states; None where that was not done.
    origin
        What the results were made from: ``config``, ``versions``, ``inputs``, ``steps``, ``notes``. Times are not
        shown, so that the same results give the same page.
    slides
        What was found on slides of the same study, for a chapter of its own.
    clinical
        Tissue, serum HER2 and alleles of the patients, for a chapter of its own.

    Returns
    -------
    The files by relative name: ``report.html`` and ``figures/*``.
    """
    config = origin["config"]
    wanted = config["figures"]
    level = config["her2"]["interval"]
    drawings = draw_figures(adata, patients, formats=wanted["formats"], dpi=wanted["dpi"], level=level)
    head = headline(adata, patients)
    chapter = None if slides is None else chapter_of(slides, figures=wanted, level=level, alone=False)
    transitions = transitions_of(adata, figures=wanted)
    around = None
    if clinical is not None:
        around = clinical_chapter(adata, clinical, patients, figures=wanted, level=level)
    page = render(
        "page.html",
        title=config["title"],
        seed=origin["seed"],
        version=origin["versions"]["her2plastic"],
        head=head,
        sentences=head.sentences(),
        calls=call_pieces(head.calls),
        insufficient=_insufficient(patients),
        notes=origin["notes"],
        method=methods.method_sentences(adata),
        calibration=calibration.sentences(adata),
        overlap=calibration.overlap_sentence(adata),
        figures=drawings,
        cells=ctc_data(adata),
        transitions=transitions,
        slides=chapter,
        clinical=around,
        **_tables(adata, patients, comparison, origin),
    )
    written = {PAGE: page.encode("utf-8")}
    for drawing in drawings:
        written |= drawing.files
    written |= {} if transitions is None else transitions.files()
    written |= {} if around is None else around.files()
    return written if chapter is None else written | chapter.files()


def _tables(
    adata: AnnData, patients: pd.DataFrame, comparison: ProgrammeComparison | None, origin: Mapping[str, Any]
) -> dict[str, Table | None]:
    level = float(origin["config"]["her2"]["interval"])
    return {
        "cohort": cohort_table(patients, level),
        "events": events_table(adata),
        "amplicon": methods.mechanisms_table(adata),
        "programmes": None if comparison is None else methods.comparison_table(comparison),
        "basis": calibration.basis_table(adata),
        "scale": calibration.scale_table(adata),
        "reading": methods.reading_table(adata),
        "inputs": methods.inputs_table(origin["inputs"]),
        "parameters": methods.parameters_table(origin["steps"]),
        "versions": methods.versions_table(origin["versions"]),
    }


def _insufficient(patients: pd.DataFrame) -> list[dict[str, str]]:
    """Return the donors and draws about which nothing, or little, can be said, with the reason."""
    named = patients[patients["note"].astype(str) != ""]
    return [
        {
            "who": str(row["donor_id"]) + ("" if row["scope"] == "donor" else f", day {row['draw_day']:g}"),
            "note": str(row["note"]),
        }
        for row in named.to_dict("records")
    ]
