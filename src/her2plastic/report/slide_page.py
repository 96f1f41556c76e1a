"""The report of a run over slides, and the chapter that a report of cells has where slides were measured, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from her2plastic import _keys
from her2plastic.report import methods
from her2plastic.report.consensus import agreement_table, consensus_sentences, pairs_table
from her2plastic.report.figures import Drawing
from her2plastic.report.fluorescence import calibration_sentences, drift_table, rules_table
from her2plastic.report.rendering import call_pieces, render
from her2plastic.report.review import ReviewChapter, Reviewed, review_chapter
from her2plastic.report.slide_pictures import Card, contact_cards, fluorescence_figures, slide_pictures
from her2plastic.report.slide_summary import patient_ctcs, slide_headline
from her2plastic.report.slide_tables import ctc_table, slides_table
from her2plastic.report.tables import Table, cohort_table

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from her2plastic.im import Crops, Segmentation
    from her2plastic.tl import HER2PatientRules

PAGE: Final = "report.html"


@dataclass(frozen=True)
class Chapter:
    """What the chapter on slides shows."""

    table: Table
    ctcs: Table | None
    cohort: Table | None
    rules: Table | None
    drift: Table | None
    consensus: list[Table] = field(default_factory=list)
    consensus_sentences: list[str] = field(default_factory=list)
    calibration: list[str] = field(default_factory=list)
    pictures: list[Drawing] = field(default_factory=list)
    figures: list[Drawing] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    n_ctc: int = 0
    review: ReviewChapter | None = None
    #: Sentences and notes above the chapter, where it is a part of another report.
    lead: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def _drawings(self) -> tuple[Drawing, ...]:
        return (*self.pictures, *self.figures, *(() if self.review is None else self.review.figures))

    def files(self) -> dict[str, bytes]:
        """Return the files of the figures by relative name."""
        return {name: file for drawing in self._drawings() for name, file in drawing.files.items()}


class SlideFindings(Protocol):
    """What a run over slides found, as far as a report shows it."""

    @property
    def adata(self) -> AnnData:
        """The objects of all slides after the last step."""

    @property
    def slides(self) -> pd.DataFrame:
        """The table of the slides, failed ones included."""

    @property
    def patients(self) -> pd.DataFrame | None:
        """Shares per donor and draw; None where HER2 was not called."""

    @property
    def rules(self) -> HER2PatientRules | None:
        """The patient rules; None where HER2 was not called."""

    @property
    def joined(self) -> AnnData | None:
        """Cells with an image and an expression; None where there are none."""

    @property
    def reviewed(self) -> Reviewed | None:
        """What reviewers decided; None where no journal was given."""

    @property
    def notes(self) -> list[str]:
        """What a person should know."""

    @property
    def segmentations(self) -> Mapping[str, Segmentation]:
        """Image and labels of every slide that is whole."""

    @property
    def crops(self) -> Mapping[str, Crops]:
        """Pictures of the cells that a person looks at, by slide."""


def draw_slides(found: SlideFindings, *, origin: Mapping[str, Any]) -> dict[str, bytes]:
    """Draw the figures and the report of a run over slides.

    Parameters
    ----------
    found
        What the run found.
    origin
        What the results were made from: ``config``, ``versions``, ``inputs``, ``steps``, ``notes``. Times are not
        shown, so that the same results give the same page.

    Returns
    -------
    The files by relative name: ``report.html`` and ``figures/*``.
    """
    config = origin["config"]
    head = slide_headline(found.adata, found.slides)
    chapter = chapter_of(found, figures=config["figures"], level=config["her2"]["interval"])
    page = render(
        "slides_page.html",
        title=config["title"],
        seed=origin["seed"],
        version=origin["versions"]["her2plastic"],
        head=head,
        sentences=head.sentences(),
        calls=call_pieces(head.calls),
        notes=origin["notes"],
        method=METHOD,
        slides=chapter,
        inputs=methods.inputs_table(origin["inputs"]),
        parameters=methods.parameters_table(origin["steps"]),
        versions=methods.versions_table(origin["versions"]),
    )
    return {PAGE: page.encode("utf-8"), **chapter.files()}


def chapter_of(found: SlideFindings, *, figures: Mapping[str, Any], level: float, alone: bool = True) -> Chapter:
    """Return the chapter on slides; one that does not stand alone says itself what was found."""
    is_shown = patient_ctcs(found.adata, found.slides)
    called = _keys.HER2_IF_CALL in found.adata.obs
    return Chapter(
        table=slides_table(found.slides),
        ctcs=ctc_table(found.adata, is_shown),
        cohort=None if found.patients is None else cohort_table(found.patients, level, name="fluorescence"),
        rules=None if found.rules is None else rules_table(found.rules),
        drift=drift_table(found.adata) if called else None,
        calibration=calibration_sentences(found.adata) if called else [],
        consensus=[] if found.joined is None else [agreement_table(found.joined), pairs_table(found.joined)],
        consensus_sentences=[] if found.joined is None else consensus_sentences(found.joined),
        pictures=slide_pictures(found.adata, found.slides, found.segmentations, figures=figures),
        figures=fluorescence_figures(found.adata, figures=figures) if called else [],
        cards=contact_cards(found.adata, found.crops, is_shown),
        n_ctc=int(is_shown.sum()),
        review=None if found.reviewed is None else review_chapter(found.reviewed, found.adata, found.crops, figures),
        lead=[] if alone else slide_headline(found.adata, found.slides).sentences(),
        notes=[] if alone else list(found.notes),
    )


METHOD: Final = (
    "Nuclei are found in DAPI and cells around them in cytokeratin, CD45 and HER2, by methods whose parameters are in "
    "micrometres; fragments with cytokeratin and without a nucleus are debris. Intensities are those of the file, the "
    "local background taken off; nothing is normalised per cell.",
    "What an object is rests on the leukocytes of its own slide: they show what no cytokeratin, no HER2 and CD45 look "
    "like there. HER2 is measured in units of their background, and control lines of known receptor number say which "
    "intensity is which score. Score 0 is HER2-0, 1+ and 2+ are HER2-low, 3+ is HER2-positive. None of this is a "
    "clinical HER2 status.",
)
