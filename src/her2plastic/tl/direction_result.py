"""What RNA velocity says of the direction between states: scores, intervals, nulls, and when it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic.models.null_test import NullTest, tests_from_records

if TYPE_CHECKING:
    import pandas as pd

#: What the data say of one pair of states.
FOUND: Final = "direction found"
INSUFFICIENT: Final = "insufficient"
VERDICTS: Final = (FOUND, INSUFFICIENT)


@dataclass(frozen=True)
class Direction:
    """Direction scores between states: dimensionless, never a rate.

    Attributes
    ----------
    states
        Names of the states.
    scores
        ``(states, states)``: net flow from row to column, above what the neighbour graph alone gives. Antisymmetric;
        positive where cells move from the row to the column. Missing on the diagonal and where nothing can be said.
    lower, upper
        Interval over patients; missing with fewer than six.
    p
        ``(states, states)``: two-sided p-value of each score against its within-patient null; symmetric.
    verdict
        ``(states, states)``: one of ``VERDICTS`` per pair; empty text on the diagonal.
    level
        Probability that an interval holds.
    status
        ``"ok"`` where a direction was found for a pair at least, or ``"insufficient: "`` with the number that fell
        short; the scores are then missing. Velocities cannot show that nothing moves.
    modes, mode_scores
        Velocity modes, and the scores that each gives alone ``(modes, states, states)``.
    agreement
        ``(states, states)``: share of the modes whose score has the sign of the score above.
    variants, variant_scores
        What was changed to see how far the scores depend on it, and the scores then ``(variants, states, states)``.
    donors, donor_scores
        Patients, and the scores in each ``(patients, states, states)``.
    tests
        The nulls; the first decides whether any direction was found.
    numbers
        What the scores rest on, such as cells, patients, genes and candidate transitional cells.
    notes
        What a reader must know, a sentence each: other explanations among them.
    """

    states: tuple[str, ...]
    scores: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    p: np.ndarray
    verdict: np.ndarray
    level: float
    status: str = "ok"
    modes: tuple[str, ...] = ()
    mode_scores: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))
    agreement: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    variants: tuple[str, ...] = ()
    variant_scores: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))
    donors: tuple[str, ...] = ()
    donor_scores: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))
    tests: tuple[NullTest, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def lacking(
        cls,
        states: tuple[str, ...],
        reason: str,
        *,
        level: float,
        numbers: Mapping[str, float],
        notes: tuple[str, ...] = (),
    ) -> Direction:
        """Return that nothing can be said, with the reason and the number that fell short."""
        missing = np.full((len(states), len(states)), np.nan)
        words = np.full(missing.shape, INSUFFICIENT, dtype=object)
        np.fill_diagonal(words, "")
        return cls(
            states, missing, missing, missing, missing, words, level, f"insufficient: {reason}", numbers=numbers,
            notes=notes,
        )  # fmt: skip

    def with_variants(self, variants: tuple[str, ...], scores: np.ndarray) -> Direction:
        """Return the same with the scores that other choices give."""
        return replace(self, variants=variants, variant_scores=scores)

    def found(self, alpha: float = 0.05) -> bool:
        """Return whether the first null is rejected at ``alpha``."""
        return bool(self.tests) and self.status == "ok" and bool(self.tests[0].p <= alpha)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per pair of states, in the direction that the score is positive in."""
        import pandas as pd

        rows = []
        for i in range(len(self.states)):
            for j in range(i + 1, len(self.states)):
                start, end = (j, i) if self.scores[i, j] < 0 else (i, j)
                rows.append(
                    {
                        "from": self.states[start], "to": self.states[end], "score": self.scores[start, end],
                        "lower": self.lower[start, end], "upper": self.upper[start, end], "p": self.p[i, j],
                        "agreement": self.agreement[i, j] if self.agreement.size else np.nan,
                        "verdict": str(self.verdict[i, j]),
                    }
                )  # fmt: skip
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Return what was found in a line per pair, null and note."""
        counted = ", ".join(f"{number:g} {what}" for what, number in self.numbers.items())
        lines = [f"direction between states (dimensionless score) from {counted}"]
        if self.status != "ok":
            return "\n".join([*lines, self.status, *self.notes])
        for row in self.to_frame().to_dict("records"):
            edge = f"{row['from']} -> {row['to']}"
            if row["verdict"] == INSUFFICIENT:
                lines.append(f"{edge}: {INSUFFICIENT}")
                continue
            interval = f" ({row['lower']:+.3f} to {row['upper']:+.3f})" if np.isfinite(row["lower"]) else ""
            lines.append(f"{edge}: {row['score']:+.3f}{interval}, p = {row['p']:.2g}, {row['verdict']}")
        return "\n".join([*lines, *(test.summary() for test in self.tests), *self.notes])

    def record(self) -> dict[str, Any]:
        """Return everything as plain scalars and arrays, for ``uns``."""
        words = ("states", "modes", "variants", "donors", "notes")
        arrays = (
            "scores", "lower", "upper", "p", "mode_scores", "agreement", "variant_scores", "donor_scores",
        )  # fmt: skip
        return {
            **{name: np.array(getattr(self, name), dtype=object) for name in words},
            **{name: getattr(self, name) for name in arrays},
            "verdict": self.verdict.astype(object), "level": self.level, "status": self.status,
            "tests": {str(place): test.record() for place, test in enumerate(self.tests)},
            "numbers": {what: float(number) for what, number in self.numbers.items()},
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Direction:
        """Return what :meth:`record` wrote, also after a round trip through a file."""

        def words(name: str) -> tuple[str, ...]:
            return tuple(map(str, record.get(name, ())))

        def array(name: str) -> np.ndarray:
            return np.asarray(record[name], dtype=float)

        return cls(
            states=words("states"), scores=array("scores"), lower=array("lower"), upper=array("upper"), p=array("p"),
            verdict=np.asarray(record["verdict"], dtype=object), level=float(record["level"]),
            status=str(record["status"]), modes=words("modes"), mode_scores=array("mode_scores"),
            agreement=array("agreement"), variants=words("variants"), variant_scores=array("variant_scores"),
            donors=words("donors"), donor_scores=array("donor_scores"),
            tests=tests_from_records(record.get("tests", {})),
            numbers={what: float(number) for what, number in record.get("numbers", {}).items()},
            notes=words("notes"),
        )  # fmt: skip
