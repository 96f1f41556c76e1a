"""Rates of transition between states as every design reports them: with intervals, identifiability and nulls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic.models.null_test import NullTest, deciding_of, decisive_of, tests_from_records

if TYPE_CHECKING:
    import pandas as pd

#: What the data say of one rate. A rate that is not identified is no number.
IDENTIFIED: Final = "identified"
WEAK: Final = "weakly identified"
NOT_IDENTIFIED: Final = "not identified"
NOT_ALLOWED: Final = "not allowed"
INSUFFICIENT: Final = "insufficient"
IDENTIFIABILITY: Final = (IDENTIFIED, WEAK, NOT_IDENTIFIED, NOT_ALLOWED, INSUFFICIENT)


@dataclass(frozen=True)
class TransitionRates:
    """Rates between states, what is known of each, and how they stand against their nulls.

    Attributes
    ----------
    design
        The kind of data: ``"draws"``, ``"panel"``, ``"sorted"`` or ``"clones"``.
    states
        Names of the states.
    rates, lower, upper
        ``(states, states)``: rate from row to column and its interval; missing on the diagonal and where the data do
        not identify it. A bound may be known where the rate is not.
    identifiability
        ``(states, states)``: one of ``IDENTIFIABILITY`` per entry; empty text on the diagonal.
    level
        Probability that an interval holds.
    unit
        Unit of the rates.
    effective
        True where switching, growth, shedding and clearance cannot be told apart: the rates are of all together.
    status
        ``"ok"``, or ``"insufficient: "`` with the number that fell short; the rates are then missing.
    tests
        The nulls.
    numbers
        What the rates rest on, such as ``{"donors": 12, "draws": 40, "cells": 310}``.
    notes
        What a reader must know, a sentence each.
    deciding
        How many of the nulls, from the first, decide together: a transition was found where each of them is rejected.
    """

    design: str
    states: tuple[str, ...]
    rates: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    identifiability: np.ndarray
    level: float
    unit: str = "per day"
    effective: bool = False
    status: str = "ok"
    tests: tuple[NullTest, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    deciding: int = 1

    @classmethod
    def lacking(
        cls, design: str, states: tuple[str, ...], reason: str, *, level: float, numbers: Mapping[str, int]
    ) -> TransitionRates:
        """Return that nothing can be said, with the reason and the number that fell short."""
        missing = np.full((len(states), len(states)), np.nan)
        words = np.full(missing.shape, INSUFFICIENT, dtype=object)
        np.fill_diagonal(words, "")
        return cls(
            design, states, missing, missing, missing, words, level, status=f"insufficient: {reason}", numbers=numbers
        )

    def found(self, alpha: float = 0.05) -> bool:
        """Return whether every null that decides is rejected at ``alpha``."""
        decisive = self.decisive
        return decisive is not None and self.status == "ok" and bool(decisive.p <= alpha)

    @property
    def decisive(self) -> NullTest | None:
        """Of the nulls that decide, the one that the data stand out against least; None where there is none."""
        return decisive_of(self.tests, self.deciding)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per pair of states: from, to, rate, interval, identifiability."""
        import pandas as pd

        rows = [
            {
                "from": self.states[i], "to": self.states[j], "rate": self.rates[i, j], "lower": self.lower[i, j],
                "upper": self.upper[i, j], "identifiability": str(self.identifiability[i, j]),
            }
            for i in range(len(self.states))
            for j in range(len(self.states))
            if i != j
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return what was found in a line per rate and null."""
        counted = ", ".join(f"{number} {what}" for what, number in self.numbers.items())
        kind = "effective rates" if self.effective else "rates"
        lines = [f"{self.design}: {kind} {self.unit} from {counted}" if counted else f"{self.design}: {kind}"]
        if self.status != "ok":
            return "\n".join([*lines, self.status, *self.notes])
        for row in self.to_frame().to_dict("records"):
            edge = f"{row['from']} -> {row['to']}"
            if np.isfinite(row["rate"]):
                interval = f"({row['lower']:.3g} to {row['upper']:.3g})"
                lines.append(f"{edge}: {row['rate']:.3g} {interval}, {row['identifiability']}")
            elif row["identifiability"] != NOT_ALLOWED:
                lines.append(f"{edge}: {row['identifiability']}")
        lines += [test.summary() for test in self.tests]
        decisive = self.decisive
        if self.deciding > 1 and decisive is not None and np.isfinite(decisive.p):
            lines.append(f"the larger of the first {self.deciding} p decides: {decisive.p:.2g} ({decisive.name})")
        return "\n".join([*lines, *self.notes])

    def record(self) -> dict[str, Any]:
        """Return everything as plain scalars and arrays, for ``uns``."""
        return {
            "design": self.design, "states": np.array(self.states, dtype=object), "rates": self.rates,
            "lower": self.lower, "upper": self.upper, "identifiability": self.identifiability.astype(object),
            "level": self.level, "unit": self.unit, "effective": self.effective, "status": self.status,
            "tests": {str(place): test.record() for place, test in enumerate(self.tests)},
            "numbers": dict(self.numbers), "notes": np.array(self.notes, dtype=object), "deciding": self.deciding,
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> TransitionRates:
        """Return what :meth:`record` wrote, also after a round trip through a file."""
        return cls(
            design=str(record["design"]), states=tuple(map(str, record["states"])), rates=np.asarray(record["rates"]),
            lower=np.asarray(record["lower"]), upper=np.asarray(record["upper"]),
            identifiability=np.asarray(record["identifiability"], dtype=object), level=float(record["level"]),
            unit=str(record["unit"]), effective=bool(record["effective"]), status=str(record["status"]),
            tests=tests_from_records(record.get("tests", {})),
            numbers={str(what): int(number) for what, number in record.get("numbers", {}).items()},
            notes=tuple(map(str, record.get("notes", ()))), deciding=deciding_of(record),
        )  # fmt: skip
