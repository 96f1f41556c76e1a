"""The report of a run over slides, and the chapter that a report of cells has where slides were measured, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from her2plastic.report import methods
from her2plastic.report.figures import Drawing
from her2plastic.report.rendering import call_pieces, render
from her2plastic.report.slide_summary import patient_ctcs, slide_headline
from her2plastic.report.slide_tables import ctc_table, slides_table
from her2plastic.report.tables import Table

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.im import Segmentation

PAGE = "report.html"


@dataclass(frozen=True)
class Chapter:
    """What the chapter on slides shows."""

    table: Table
    ctcs: Table | None
    rules: Table | None
    drift: Table | None
    consensus: list[Table] = field(default_factory=list)
    consensus_sentences: list[str] = field(default_factory=list)
    calibration: list[str] = field(default_factory=list)
    pictures: list[Drawing] = field(default_factory=list)
    figures: list[Drawing] = field(default_factory=list)
    cards: list[Any] = field(default_factory=list)
    cards_caption: str = ""
    #: Sentences and notes above the chapter, where it is a part of another report.
    lead: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def draw_slides(
    adata: AnnData,
    *,
    slides: pd.DataFrame,
    rules: Any,
    segmentations: Mapping[str, Segmentation],
    origin: Mapping[str, Any],
) -> dict[str, bytes]:
    """Draw the figures and the report of a run over slides.

    Parameters
    ----------
    adata
        The objects of all slides after the last step.
    slides
        The table of the slides, failed ones included.
    rules
        What ``tl.her2_patient_rules`` returned; None where HER2 was not called.
    segmentations
        Image and labels of every slide that is whole.
    origin
        What the results were made from: ``config``, ``versions``, ``inputs``, ``steps``, ``notes``.

    Returns
    -------
    The files by relative name: ``report.html`` and ``figures/*``.
    """
    head = slide_headline(adata, slides)
    chapter = chapter_of(adata, slides, rules, segmentations, origin["config"]["figures"])
    page = render(
        "slides_page.html",
        title=origin["config"]["title"],
        seed=origin["seed"],
        version=origin["versions"]["her2plastic"],
        head=head,
        sentences=head.sentences(),
        calls=call_pieces(head.calls),
        notes=origin["notes"],
        method=[],
        slides=chapter,
        inputs=methods.inputs_table(origin["inputs"]),
        parameters=methods.parameters_table(origin["steps"]),
        versions=methods.versions_table(origin["versions"]),
    )
    written = {PAGE: page.encode("utf-8")}
    for drawing in (*chapter.pictures, *chapter.figures):
        written |= drawing.files
    return written


def chapter_of(
    adata: AnnData,
    slides: pd.DataFrame,
    rules: Any,
    segmentations: Mapping[str, Segmentation],
    figures: Mapping[str, Any],
) -> Chapter:
    """Return the chapter on slides."""
    return Chapter(
        table=slides_table(slides),
        ctcs=ctc_table(adata, patient_ctcs(adata, slides)),
        rules=None,
        drift=None,
    )
