"""What a run found about moves between HER2 states, read back from its records, and said in a sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic._access import step_record
from her2plastic.models import Conversion, NullTest, TransitionRates
from her2plastic.models.null_test import deciding_of, decisive_of, tests_from_records
from her2plastic.tl import Direction
from her2plastic.tl.direction_result import FOUND

if TYPE_CHECKING:
    from anndata import AnnData

#: Step of each design, and what it is called on the page.
DESIGNS: Final = {
    "switching_draws": "Blood draws", "switching_panel": "Tissue over time", "switching_sorted": "Sorted cultures",
    "switching_clones": "Clones", "trajectory": "Order of cells", "direction": "RNA velocity",
    "conversion": "First and last tissue",
}  # fmt: skip
_STEP_OF: Final = {step.removeprefix("switching_"): step for step in DESIGNS}
_SWITCHING: Final = "switching_"
#: A null is rejected at this p.
_ALPHA: Final = 0.05


@dataclass(frozen=True)
class Result:
    """One design that was asked: its record, its tests, and the sentence that it comes to."""

    step: str
    title: str
    record: Mapping[str, Any]
    tests: tuple[NullTest, ...]
    status: str
    sentence: str
    notes: tuple[str, ...]
    deciding: int

    @property
    def decisive(self) -> NullTest | None:
        """The null that decides: of those that decide together, the one with the largest p."""
        return decisive_of(self.tests, self.deciding)

    @property
    def has_rates(self) -> bool:
        """Whether it has rates between states."""
        return self.step.startswith(_SWITCHING)

    @property
    def design(self) -> str:
        """Its name in the configuration."""
        return self.step.removeprefix(_SWITCHING)


def results_of(adata: AnnData) -> list[Result]:
    """Return what was asked, in the order of the page."""
    found = []
    for step, title in DESIGNS.items():
        record = step_record(adata, step)
        if not record:
            continue
        tests = tests_from_records(record.get("tests", {}))
        status, deciding = str(record["status"]), deciding_of(record)
        sentence = (
            status[:1].upper() + status[1:] + "."
            if status.startswith("insufficient")
            else _said(step, record, tests[:deciding])
        )
        notes = tuple(str(note) for note in record.get("notes", ()))
        found.append(Result(step, title, record, tests, status, sentence, notes, deciding))
    return found


def not_asked_of(adata: AnnData) -> list[tuple[str, str]]:
    """Return the designs that were not asked, by their names on the page, with the reason; those of one together."""
    reasons = step_record(adata, "transitions").get("not_asked", {})
    titles: dict[str, list[str]] = {}
    for design, step in _STEP_OF.items():
        if design in reasons:
            titles.setdefault(str(reasons[design]), []).append(DESIGNS[step])
    return [
        ("All of them" if len(names) == len(DESIGNS) else ", ".join(names), reason) for reason, names in titles.items()
    ]


def _said(step: str, record: Mapping[str, Any], tests: tuple[NullTest, ...]) -> str:
    """Return what the nulls that decide say: whether there is anything beyond each of them."""
    test = decisive_of(tests, len(tests))
    if test is None:
        return "No null was run, so that nothing is said of whether anything moves."
    if test.status != "ok":
        return f"Nothing can be said: the null ({test.name}) is {test.status}."
    found, p = bool(test.p <= _ALPHA), f"{test.name}, p = {test.p:.2g}"
    if len(tests) > 1:
        p += f", the {'larger' if len(tests) == 2 else 'largest'} of those of {len(tests)} nulls that decide together"
    if step == "direction":
        return f"{_direction(record, found=found)} ({p}). A score has no unit: it is no rate per day."
    if step == "trajectory":
        kept = ", ".join(map(str, record.get("left_out", ())))
        without = f", {kept} left out" if kept else ""
        lie = "Cells of one state are more alike than chance has it" if found else "States are mixed as by chance"
        return f"{lie}{without} ({p}). This is an order of likeness: it knows neither time nor direction."
    if step == "conversion":
        return f"{_conversion(record, found=found)} ({p})."
    beyond = f"beyond what reading error and chance explain ({p})"
    if not found:
        return f"No transition was found {beyond}."
    if not bool(record["effective"]):
        return f"A transition was found {beyond}{_largest(record)}."
    kind = "switching, growth, shedding and clearance cannot be told apart in it"
    return f"The composition of the draws moved {beyond}; {kind}{_largest(record)}."


def _largest(record: Mapping[str, Any]) -> str:
    """Return the largest rate that the data identify, with its interval."""
    rates = TransitionRates.from_record(record)
    known = np.where(rates.identifiability == "identified", rates.rates, np.nan)
    if not np.isfinite(known).any():
        return ", though no single rate is identified"
    i, j = np.unravel_index(int(np.nanargmax(known)), known.shape)
    kind = "effective rate" if rates.effective else "rate"
    return (
        f"; the largest {kind} is {rates.states[i]} to {rates.states[j]}, {known[i, j]:.2g} {rates.unit} "
        f"({rates.lower[i, j]:.2g} to {rates.upper[i, j]:.2g})"
    )


def _direction(record: Mapping[str, Any], *, found: bool) -> str:
    if not found:
        return "No direction was found"
    rows = Direction.from_record(record).to_frame()
    pairs = [f"{row['from']} to {row['to']}" for row in rows.to_dict("records") if row["verdict"] == FOUND]
    return f"A direction was found: {', '.join(pairs)}" if pairs else "A direction was found, though in no single pair"


def _conversion(record: Mapping[str, Any], *, found: bool) -> str:
    result = Conversion.from_record(record)
    expected, low, high = result.expected
    alone = f"{expected:.0%}" if np.isfinite(expected) else f"{low:.0%} to {high:.0%}"
    seen = f"First and last tissue differ in {result.discordance:.0%} of the patients; reader error alone gives {alone}"
    return f"{seen}, so that states were converted" if found else f"{seen}. No conversion is shown beyond it"
