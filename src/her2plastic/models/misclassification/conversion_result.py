"""Changed states of patients, split into what reader error alone explains and what is beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from her2plastic.models.null_test import NullTest, tests_from_records
from her2plastic.models.transition_rates import INSUFFICIENT

if TYPE_CHECKING:
    import pandas as pd

_UNKNOWN = (float("nan"),) * 3


@dataclass(frozen=True)
class Conversion:
    """A table of paired readings beside what error alone gives, and the conversion that is left.

    Triples are a value and the two bounds of its interval.

    Attributes
    ----------
    states
        Names of the states, rising.
    table
        ``(states, states)``: patients by first state (rows) and second state (columns). Where a reading is unsure, the
        sum of its probabilities.
    error_alone
        The table that error alone gives, fitted to the same patients.
    conversion, lower, upper
        ``(states, states)``: probability that a patient who truly was in the row's state is truly in the column's at
        the second reading, with its interval; rows sum to 1. Missing where the data do not identify it.
    identifiability
        ``(states, states)``: one of ``IDENTIFIABILITY`` per entry.
    discordance
        Share of patients whose two readings differ.
    expected
        The share that error alone gives, and where it lies in as many patients (sampling included).
    changed
        Share of patients whose true state changed.
    risen, fallen
        Share of patients whose true state rose, and fell.
    explained
        Share of the discordance that error alone gives.
    agreement
        Kappas: name to triple.
    curve
        Columns of the same length over reader accuracies: ``accuracy``, ``expected``, ``expected_lower``,
        ``expected_upper``, ``p``, ``changed``, ``changed_lower``, ``changed_upper``, and ``loglik`` of error alone.
    tipping
        Accuracy at which error alone gives the discordance seen, and the lowest and highest accuracy on the curve at
        which error alone is not rejected.
    first_error, second_error
        Error matrices ``(true, observed)`` that were used.
    level
        Probability that an interval holds.
    status
        ``"ok"``, or ``"insufficient: "`` with the number that fell short.
    tests
        The nulls; the first one, error alone, decides whether there is conversion.
    numbers
        What it rests on, such as ``{"patients": 547}``.
    notes
        What a reader must know, a sentence each.
    """

    states: tuple[str, ...]
    table: np.ndarray
    error_alone: np.ndarray
    conversion: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    identifiability: np.ndarray
    discordance: float
    expected: tuple[float, float, float]
    changed: tuple[float, float, float]
    level: float
    risen: tuple[float, float, float] = _UNKNOWN
    fallen: tuple[float, float, float] = _UNKNOWN
    explained: tuple[float, float, float] = _UNKNOWN
    agreement: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    curve: Mapping[str, np.ndarray] = field(default_factory=dict)
    tipping: tuple[float, float, float] = _UNKNOWN
    first_error: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    second_error: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    status: str = "ok"
    tests: tuple[NullTest, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def lacking(
        cls, states: tuple[str, ...], reason: str, *, table: np.ndarray, level: float, numbers: Mapping[str, int]
    ) -> Conversion:
        """Return that nothing can be said, with the reason and the number that fell short."""
        missing = np.full((len(states), len(states)), np.nan)
        words = np.full(missing.shape, INSUFFICIENT, dtype=object)
        total = table.sum()
        discordance = float(1 - np.trace(table) / total) if total else float("nan")
        return cls(
            states, table, missing, missing, missing, missing, words, discordance, _UNKNOWN, _UNKNOWN, level,
            status=f"insufficient: {reason}", numbers=numbers,
        )  # fmt: skip

    @property
    def beyond_error(self) -> np.ndarray:
        """Patients in each cell beyond those that error alone gives; negative where there are fewer."""
        return self.table - self.error_alone

    def found(self, alpha: float = 0.05) -> bool:
        """Return whether error alone is rejected at ``alpha``."""
        return bool(self.tests) and self.status == "ok" and bool(self.tests[0].p <= alpha)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per pair of states: patients, those by error alone, conversion with interval."""
        import pandas as pd

        rows = [
            {
                "first": self.states[i], "second": self.states[j], "patients": self.table[i, j],
                "error_alone": self.error_alone[i, j], "beyond_error": self.beyond_error[i, j],
                "conversion": self.conversion[i, j], "lower": self.lower[i, j], "upper": self.upper[i, j],
                "identifiability": str(self.identifiability[i, j]),
            }
            for i in range(len(self.states))
            for j in range(len(self.states))
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def curve_frame(self) -> pd.DataFrame:
        """Return a row per reader accuracy: what error alone gives, its p, and the change that is left."""
        import pandas as pd

        # files keep no order of keys
        return pd.DataFrame({name: np.asarray(self.curve[name]) for name in _CURVE if name in self.curve})

    def summary(self) -> str:
        """Return what was found, a line each."""
        named = sorted(self.numbers.items(), key=lambda item: (item[0] != "patients", item[0]))
        counted = ", ".join(f"{number} {what}" for what, number in named)
        lines = [f"readings differ in {self.discordance:.1%} of {counted}"]
        told = {
            "error alone gives": self.expected, "share of the discordance that error alone gives": self.explained,
            "true state changed": self.changed, "rose": self.risen, "fell": self.fallen,
        }  # fmt: skip
        for what, (value, lower, upper) in told.items():
            if np.isfinite(value):
                lines.append(f"{what}: {value:.1%} ({lower:.1%} to {upper:.1%})")
            elif np.isfinite(lower) and np.isfinite(upper):
                lines.append(f"{what}: {lower:.1%} to {upper:.1%}")
        for name, (value, lower, upper) in sorted(self.agreement.items()):
            if np.isfinite(value):
                lines.append(f"{name}: {value:.2f} ({lower:.2f} to {upper:.2f})")
        if np.isfinite(self.tipping[0]):
            lines.append(f"error alone gives the discordance seen at reader accuracy {self.tipping[0]:.2f}")
        if np.isfinite(self.tipping[2]):
            lines.append(f"error alone is not rejected up to reader accuracy {self.tipping[2]:.2f}")
        lines += [self.status] if self.status != "ok" else []
        return "\n".join([*lines, *(test.summary() for test in self.tests), *self.notes])

    def record(self) -> dict[str, Any]:
        """Return everything as plain scalars and arrays, for ``uns``."""
        triples = {name: np.asarray(getattr(self, name), dtype=float) for name in _TRIPLES}
        arrays = {name: np.asarray(getattr(self, name), dtype=float) for name in _ARRAYS}
        return {
            "states": np.array(self.states, dtype=object), **arrays, **triples,
            "identifiability": self.identifiability.astype(object), "discordance": self.discordance,
            "agreement": {name: np.asarray(values, dtype=float) for name, values in self.agreement.items()},
            "curve": {name: np.asarray(values) for name, values in self.curve.items()}, "level": self.level,
            "status": self.status, "tests": {str(place): test.record() for place, test in enumerate(self.tests)},
            "numbers": dict(self.numbers), "notes": np.array(self.notes, dtype=object),
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Conversion:
        """Return what :meth:`record` wrote, also after a round trip through a file."""
        triples: dict[str, Any] = {name: _triple(record[name]) for name in _TRIPLES}
        arrays: dict[str, Any] = {name: np.asarray(record[name], dtype=float) for name in _ARRAYS}
        return cls(
            states=tuple(map(str, record["states"])), **arrays, **triples,
            identifiability=np.asarray(record["identifiability"], dtype=object),
            discordance=float(record["discordance"]), level=float(record["level"]), status=str(record["status"]),
            agreement={str(name): _triple(values) for name, values in record.get("agreement", {}).items()},
            curve={str(name): np.asarray(values) for name, values in record.get("curve", {}).items()},
            tests=tests_from_records(record.get("tests", {})),
            numbers={str(what): int(number) for what, number in record.get("numbers", {}).items()},
            notes=tuple(map(str, record.get("notes", ()))),
        )  # fmt: skip


_TRIPLES = ("expected", "changed", "risen", "fallen", "explained", "tipping")
_CURVE = (
    "accuracy", "expected", "expected_lower", "expected_upper", "p", "changed", "changed_lower", "changed_upper",
    "loglik",
)  # fmt: skip
_ARRAYS = ("table", "error_alone", "conversion", "lower", "upper", "first_error", "second_error")


def _triple(values: Any) -> tuple[float, float, float]:
    value, lower, upper = (float(number) for number in values)
    return value, lower, upper
