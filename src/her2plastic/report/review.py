"""The chapter on what reviewers decided: agreement, accuracy, decisions against calls, and every disagreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from her2plastic import _keys, pl
from her2plastic.report.figures import SIZE, Drawing, FigureSpec, figure_file
from her2plastic.report.slide_pictures import Card, card_of, crop_limits
from her2plastic.report.tables import MISSING, Cell, Column, Table, number_cell, share_cell, text_cell

if TYPE_CHECKING:
    from anndata import AnnData

    from her2plastic.im import Crops
    from her2plastic.tl import Recalibration, Review

#: Cells of each kind of disagreement whose picture is in the page; more would make it slow.
MOST_CARDS: Final = 300
_TALL: Final = (6.4, 5.2)
_NAME_OF_MODEL: Final = {"her2_if": "HER2 fluorescence", "her2_state": "ERBB2 expression"}


@dataclass(frozen=True)
class Disputed:
    """A cell on which somebody differs: its picture, if there is one, and who said what."""

    name: str
    card: Card | None
    said: tuple[tuple[str, str], ...]

    @property
    def alt(self) -> str:
        """The card in words."""
        return f"{self.name}: " + ", ".join(f"{who} {word}" for who, word in self.said)


@dataclass(frozen=True)
class DisputedGroup:
    """Cells of one kind of disagreement."""

    name: str
    title: str
    caption: str
    cards: list[Disputed]


@dataclass(frozen=True)
class ReviewChapter:
    """What the chapter shows."""

    lead: list[str]
    notes: list[str]
    figures: list[Drawing]
    agreement: Table
    readers: Table
    confusion: Table
    groups: list[DisputedGroup]
    scale: list[str] = field(default_factory=list)


class Reviewed(Protocol):
    """What a run gives of a review."""

    @property
    def review(self) -> Review:
        """The review."""

    @property
    def recalibration(self) -> Recalibration | None:
        """What its decisions make of the scale."""


def review_chapter(
    reviewed: Reviewed, adata: AnnData, crops: Mapping[str, Crops], figures: Mapping[str, Any]
) -> ReviewChapter:
    """Return the chapter of a review of the cells of slides."""
    found = reviewed.review
    return ReviewChapter(
        lead=_lead(found), notes=_notes(found), figures=_figures(found, figures), agreement=_agreement(found),
        readers=_readers(found), confusion=_confusion(found), groups=_groups(found, adata, crops),
        scale=_scale(reviewed.recalibration),
    )  # fmt: skip


def _lead(found: Review) -> list[str]:
    n = sum(count for name, count in found.statuses.items() if name != "not reviewed")
    names = found.reviewers
    who = f"{names[0]} looked" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} looked"
    counted = ", ".join(
        f"{count:,} {words}" for name, words in _STATUS_WORDS.items() if (count := found.statuses.get(name, 0))
    )
    return [f"{who} at {n:,} cells: {counted}."]


_STATUS_WORDS: Final = {
    "one reviewer": "decided by one reviewer alone", "agreed": "on which reviewers agree",
    "adjudicated": "settled by an adjudication", "differ": "on which reviewers still differ",
}  # fmt: skip


def _notes(found: Review) -> list[str]:
    notes = []
    if found.gone:
        shown = ", ".join(found.gone[:3]) + (", ..." if len(found.gone) > 3 else "")
        notes.append(f"{len(found.gone):,} reviewed cells are not among the cells of this run: {shown}")
    if found.n_unblinded:
        notes.append(
            f"{found.n_unblinded:,} readings were not blinded: whoever saw the call, or what others decided, agrees "
            "with it more often"
        )
    open_cells = found.statuses.get("differ", 0)
    if open_cells and found.consensus == "unanimous":
        notes.append(
            f"the consensus leaves out the {open_cells:,} cells on which reviewers differ, which are the hard ones: "
            "the model's agreement with it is too high by that"
        )
    return notes


def _figures(found: Review, figures: Mapping[str, Any]) -> list[Drawing]:
    from matplotlib.figure import Figure

    drawings = []
    for draw, spec, size in (
        (pl.review_agreement, _SPECS[0], _TALL), (pl.reviewer_accuracy, _SPECS[1], _TALL),
        (pl.review_confusion, _SPECS[2], (1.4 * SIZE[0], SIZE[1])),
    ):  # fmt: skip
        figure = Figure(figsize=size, layout="constrained")
        draw(found, ax=figure.subplots())
        files = {
            f"figures/{spec.name}.{kind}": figure_file(figure, kind, figures["dpi"]) for kind in figures["formats"]
        }
        drawings.append(Drawing(spec, size, figure_file(figure, "png", figures["dpi"]), files))
    return drawings


_NEEDS: Final = (("obs", _keys.REVIEW_CONSENSUS),)
_SPECS: Final = (
    FigureSpec(
        "review_agreement", "Agreement",
        "How far two readings of a cell's HER2 state agree beyond chance; a state that lies next to the other counts "
        "as half agreement. A reviewer who does not agree with themself cannot agree with anybody.", _NEEDS,
    ),
    FigureSpec(
        "reviewer_accuracy", "Accuracy",
        "How often a reviewer reads a state as what it is. Nobody knows what it is: this is what fits all readings, if "
        "reviewers err independently. Where the look of a cell misleads all of them alike, they are less accurate.",
        _NEEDS,
    ),
    FigureSpec(
        "review_confusion", "Decisions against calls",
        "Reviewed cells by decision and call; the shade is the share of the row. A frame marks calls that hold the "
        "decision.", (*_NEEDS, ("obs", _keys.HER2_IF_CALL)),
    ),
)  # fmt: skip


def _agreement(found: Review) -> Table:
    columns = (
        Column("Who", "review_agreement.csv: first, second"), Column("On what", "review_agreement.csv: what"),
        Column("Coefficient", "review_agreement.csv: statistic"),
        Column("Value", "review_agreement.csv: value, lower, upper", numeric=True),
        Column("Cells", "review_agreement.csv: n", numeric=True),
        Column("Same word", "review_agreement.csv: observed", numeric=True),
        Column("By chance", "review_agreement.csv: by_chance", numeric=True),
        Column("Unsure", "review_agreement.csv: n_unsure", numeric=True),
        Column("Note", "review_agreement.csv: status"),
    )  # fmt: skip
    rows, groups = [], []
    for row in found.agreement.to_dict("records"):
        again = f"{row['first']} again"
        both = "all reviewers" if row["first"] == "all" else f"{row['first']} and {_of_model(row['second'])}"
        rows.append(
            [
                text_cell(again if row["kind"] == "within" else both), text_cell(row["what"]),
                text_cell(row["statistic"]), _interval(row["value"], row["lower"], row["upper"]),
                number_cell(row["n"]), share_cell(row["observed"]), share_cell(row["by_chance"]),
                number_cell(row["n_unsure"]), text_cell("" if row["status"] == "ok" else row["status"]),
            ]
        )  # fmt: skip
        groups.append(str(row["kind"]))
    titles = {"within": "With oneself", "between": "With each other", "model": "With the model"}
    titles = {kind: title for kind, title in titles.items() if kind in groups}
    caption = (
        f"Agreement beyond chance: 0 is what chance gives, 1 full agreement; {found.level:.0%} intervals. Cells that "
        "one of the two was unsure about are left out and counted. The state is compared among cells that both took "
        "for a CTC."
    )
    return Table("review-agreement", caption, columns, rows, groups if len(titles) > 1 else [], titles)


def _readers(found: Review) -> Table:
    source = "uns: her2plastic/review/review/readers"
    columns = (
        Column("Reviewer", source), Column("Cells", source, numeric=True), Column("Repeats", source, numeric=True),
        Column("Unsure", source, numeric=True), Column("State right, all readings", source, numeric=True),
        Column("State right, repeats alone", source, numeric=True),
        Column("CTC or not right", source, numeric=True), Column("Repeats too alike, p", source, numeric=True),
        Column("Note", source),
    )  # fmt: skip
    rows = []
    for row in found.readers.to_dict("records"):
        statuses = dict.fromkeys(str(row[key]) for key in ("status", "repeat_status"))
        rows.append(
            [
                text_cell(row["reviewer"]), number_cell(row["n_cells"]), number_cell(row["n_repeats"]),
                share_cell(row["unsure"]), _interval(row["accuracy"], row["lower"], row["upper"]),
                _interval(row["repeat_accuracy"], row["repeat_lower"], row["repeat_upper"]),
                _interval(row["ctc_accuracy"], row["ctc_lower"], row["ctc_upper"]), number_cell(row["alike_p"]),
                text_cell("; ".join(status for status in statuses if status != "ok")),
            ]
        )  # fmt: skip
    caption = (
        "Each reviewer's accuracy, from the readings alone. A small p says that repeats agree more often than "
        "independent readings would: the same look misleads the reviewer again, and the accuracy is too high."
    )
    return Table("review-readers", caption, columns, rows)


def _confusion(found: Review) -> Table:
    source = "uns: her2plastic/review/review/confusion"
    calls = _keys.CALLS
    columns = (
        Column("Reader", source), Column("Decision", source),
        *(Column(call, source, numeric=True) for call in calls),
    )  # fmt: skip
    rows = []
    if not found.confusion.empty:
        for (reader, decision), part in found.confusion.groupby(["reader", "decision"], sort=False):
            by_call = dict(zip(part["call"], part["n"], strict=True))
            if sum(by_call.values()):
                rows.append([text_cell(reader), text_cell(decision), *(number_cell(by_call[call]) for call in calls)])
    model = _of_model(found.model)
    return Table("review-confusion", f"Reviewed cells by decision and by the call of {model}.", columns, rows)


def _groups(found: Review, adata: AnnData, crops: Mapping[str, Crops]) -> list[DisputedGroup]:
    limits = {slide: crop_limits(made) for slide, made in crops.items()}
    places = {slide: {name: k for k, name in enumerate(made.cell_id)} for slide, made in crops.items()}
    slides = dict(zip(adata.obs_names.astype(str), adata.obs[_keys.SLIDE_ID].astype(str), strict=True))
    by_model = found.differing["between"].astype(str).eq("model").to_numpy(dtype=bool)
    kinds = (
        ("among", "Where reviewers differ", ~by_model),
        ("against", "Where reviewers agree, and the model calls otherwise", by_model),
    )
    groups = []
    for name, title, of_kind in kinds:
        rows = found.differing[of_kind].to_dict("records")
        cards = []
        for row in rows[:MOST_CARDS]:
            cell = str(row[_keys.CELL_ID])
            slide = slides.get(cell, "")
            place = places.get(slide, {}).get(cell)
            card = None if place is None else card_of(cell, {}, crops[slide], place, limits[slide])
            cards.append(Disputed(cell, card, _said(row, found.reviewers)))
        if cards:
            words = f"All {len(rows):,}" if len(cards) == len(rows) else f"The first {len(cards):,} of {len(rows):,}"
            caption = (
                f"{words} cells. Left: DAPI blue, cytokeratin green, CD45 pink. Right: HER2. The cells "
                "of a slide are on one scale."
            )
            groups.append(DisputedGroup(f"review-{name}", title, caption, cards))
    return groups


def _said(row: Mapping[Any, Any], reviewers: Sequence[str]) -> tuple[tuple[str, str], ...]:
    said = [(name, str(row[name])) for name in reviewers if row[name]]
    if row["consensus"] and len(reviewers) > 1:
        said.append(("consensus", str(row["consensus"])))
    return (*said, ("model", str(row["model"]) or MISSING))


def _scale(fitted: Recalibration | None) -> list[str]:
    if fitted is None:
        return []
    lines = fitted.summary().split("\n")
    return [*lines, "The calls of this report rest on the scale before. The refitted one is used by "
            "tl.her2_if(adata, calibration=result.scale)."] if fitted.scale is not None else lines  # fmt: skip


def _of_model(name: str) -> str:
    return _NAME_OF_MODEL.get(str(name), str(name))


def _interval(value: float, lower: float, upper: float) -> Cell:
    bounds = f"{lower:.2f} to {upper:.2f}" if np.isfinite(lower) and np.isfinite(upper) else ""
    if not np.isfinite(value):
        return Cell(MISSING, sort=np.nan, detail=bounds)
    return Cell(f"{value:.2f}", sort=float(value), detail=bounds)
