"""The chapter on transitions: do the cells move between HER2 states, which way, how fast, and how sure is that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic.models import Conversion, TransitionRates
from her2plastic.models.transition_rates import NOT_ALLOWED
from her2plastic.report.figures import Drawing
from her2plastic.report.tables import Cell, Column, Table, number_cell, text_cell
from her2plastic.report.transition_figures import transition_figures
from her2plastic.report.transition_results import Result, not_asked_of, results_of
from her2plastic.tl import Direction

if TYPE_CHECKING:
    from anndata import AnnData

_RATES: Final = "transitions.csv"


@dataclass(frozen=True)
class TransitionsChapter:
    """What the chapter shows."""

    #: Name and sentence of each design that was asked.
    said: list[tuple[str, str]]
    #: Name of each other design, with why it was not asked.
    not_asked: list[tuple[str, str]]
    notes: list[tuple[str, str]]
    tables: list[Table]
    figures: list[Drawing]

    def files(self) -> dict[str, bytes]:
        """Return the files of the figures by relative name."""
        return {name: file for drawing in self.figures for name, file in drawing.files.items()}


def transitions_of(adata: AnnData, *, figures: Mapping[str, Any]) -> TransitionsChapter | None:
    """Return the chapter, or None where nothing was asked and no reason was recorded."""
    results, not_asked = results_of(adata), not_asked_of(adata)
    if not results and not not_asked:
        return None
    tables = [_rates_table(results), _direction_table(results), _conversion_table(results), _nulls_table(results)]
    return TransitionsChapter(
        said=[(result.title, result.sentence) for result in results],
        not_asked=not_asked,
        notes=[(result.title, note) for result in results for note in result.notes],
        tables=[table for table in tables if table is not None],
        figures=transition_figures(adata, results, figures=figures),
    )


def transition_sentences(adata: AnnData) -> list[str]:
    """Return what was found of each design in one sentence, for the terminal."""
    return [f"{result.title}: {result.sentence}" for result in results_of(adata)]


def _rates_table(results: Sequence[Result]) -> Table | None:
    rows = []
    for result in results:
        if not result.has_rates or result.status != "ok":
            continue
        rates = TransitionRates.from_record(result.record)
        for row in rates.to_frame().to_dict("records"):
            if row["identifiability"] != NOT_ALLOWED:
                rows.append([
                    text_cell(result.title), text_cell(row["from"]), text_cell(row["to"]), number_cell(row["rate"]),
                    _interval(row["lower"], row["upper"]), text_cell(row["identifiability"]),
                ])  # fmt: skip
    if not rows:
        return None
    columns = (
        Column("Design", f"{_RATES}: design"), Column("From", f"{_RATES}: from"), Column("To", f"{_RATES}: to"),
        Column("Rate per day", f"{_RATES}: rate", numeric=True),
        Column("Interval", f"{_RATES}: lower, upper", numeric=True),
        Column("What the data say of it", f"{_RATES}: identifiability"),
    )  # fmt: skip
    caption = (
        "Rates between states with their intervals. A rate that the data do not identify has no number, and a number "
        "is no finding by itself: whether anything moves is for the nulls below to say."
    )
    return Table("transitions", caption, columns, rows)


def _direction_table(results: Sequence[Result]) -> Table | None:
    own = next((result for result in results if result.step == "direction" and result.status == "ok"), None)
    if own is None:
        return None
    rows = [
        [
            text_cell(row["from"]), text_cell(row["to"]), number_cell(row["score"]),
            _interval(row["lower"], row["upper"]), number_cell(row["p"]), number_cell(row["agreement"]),
            text_cell(row["verdict"]),
        ]
        for row in Direction.from_record(own.record).to_frame().to_dict("records")
    ]  # fmt: skip
    titles = {"From": "from", "To": "to", "Score": "score", "Interval": "lower, upper", "p": "p",
              "Agreement of velocity modes": "agreement", "Verdict": "verdict"}  # fmt: skip
    columns = tuple(
        Column(title, f"direction.csv: {source}", numeric=source not in ("from", "to", "verdict"))
        for title, source in titles.items()
    )
    return Table("direction", "Direction scores between states: which way, not how fast.", columns, rows)


def _conversion_table(results: Sequence[Result]) -> Table | None:
    own = next((result for result in results if result.step == "conversion"), None)
    if own is None:
        return None
    rows = [
        [
            text_cell(row["first"]), text_cell(row["second"]), number_cell(row["patients"]),
            _rounded(row["error_alone"]), _rounded(row["beyond_error"]), number_cell(row["conversion"]),
            _interval(row["lower"], row["upper"]), text_cell(row["identifiability"]),
        ]
        for row in Conversion.from_record(own.record).to_frame().to_dict("records")
    ]  # fmt: skip
    titles = {"First": "first", "Last": "second", "Patients": "patients", "By error alone": "error_alone",
              "Beyond error": "beyond_error", "True share of the first state": "conversion",
              "Interval": "lower, upper", "What the data say of it": "identifiability"}  # fmt: skip
    words = ("first", "second", "identifiability")
    columns = tuple(
        Column(title, f"conversion.csv: {source}", numeric=source not in words) for title, source in titles.items()
    )
    caption = (
        "Patients by first and last tissue. Two readings of an unchanged tissue differ, too: what that gives stands "
        "beside what was seen."
    )
    return Table("conversion", caption, columns, rows)


def _nulls_table(results: Sequence[Result]) -> Table | None:
    rows = []
    for result in results:
        for place, test in enumerate(result.tests):
            frame = test.to_frame().iloc[0]
            rows.append([
                text_cell(result.title), text_cell(test.name), text_cell(test.statistic), number_cell(test.observed),
                _interval(frame["null_q05"], frame["null_q95"]), number_cell(test.simulated.size),
                number_cell(test.p), text_cell(_role(result, place)),
                text_cell("" if test.status == "ok" else test.status),
            ])  # fmt: skip
    if not rows:
        return None
    titles = {"Design": "design", "Null": "null", "What is compared": "statistic", "Observed": "observed",
              "90% of the null": "null_q05, null_q95", "Data sets": "n_null", "p": "p", "Role": "row",
              "Note": "status"}  # fmt: skip
    words = ("design", "null", "statistic", "row", "status")
    columns = tuple(
        Column(title, f"nulls.csv: {source}", numeric=source not in words) for title, source in titles.items()
    )
    caption = "What would be seen if nothing moved, with the same cells and the same reading error."
    return Table("nulls", caption, columns, rows)


def _role(result: Result, place: int) -> str:
    """Return what a null has to say in whether anything was found."""
    if place >= result.deciding:
        return ""
    if result.deciding == 1:
        return "decides"
    return "decides: the largest p" if result.tests[place] is result.decisive else "decides too"


def _interval(lower: Any, upper: Any) -> Cell:
    low, high = number_cell(lower), number_cell(upper)
    if not (np.isfinite(float(lower)) or np.isfinite(float(upper))):
        return low
    return Cell(f"{low.text} to {high.text}", sort=float(upper))


def _rounded(value: Any) -> Cell:
    """Return a number of patients with one decimal."""
    number = float(value)
    return number_cell(round(number, 1)) if np.isfinite(number) else number_cell(number)
