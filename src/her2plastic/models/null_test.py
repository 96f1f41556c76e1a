"""An observed value beside what it would be if nothing moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class NullTest:
    """A statistic of the data beside the same statistic where there is no transition.

    Attributes
    ----------
    name
        The null, in the field's words: ``"shuffled draw order"``, ``"no switching"``, ``"impurity only"``, ...
    statistic
        What is compared, in words. Larger values speak against the null.
    observed
        Its value in the data.
    simulated
        Its values under the null, one per simulated or permuted data set; empty where a distribution is known. Minus
        infinity where the method found nothing to go by in such data, missing where it failed.
    p
        Probability of a value at least as large under the null; missing where ``status`` says why.
    status
        ``"ok"``, or ``"insufficient: "`` and the number that fell short.
    """

    name: str
    statistic: str
    observed: float
    p: float
    simulated: np.ndarray = field(default_factory=lambda: np.empty(0))
    status: str = "ok"

    @classmethod
    def by_simulation(cls, name: str, statistic: str, observed: float, simulated: np.ndarray) -> NullTest:
        """Return the test whose p-value is the rank of the observed value among the simulated ones.

        The observed value counts among them (Phipson and Smyth 2010), so that p is never 0. A missing value counts as
        at least as large as the observed one, minus infinity as smaller.
        """
        simulated = np.asarray(simulated, dtype=float)
        if not np.isfinite(observed) or simulated.size == 0:
            reason = "no value in the data" if simulated.size else "0 data sets simulated, 1 needed"
            return cls(name, statistic, float(observed), float("nan"), simulated, f"insufficient: {reason}")
        # equal values that differ by rounding are equal: a permutation that changes nothing must count
        margin = 1e-9 * max(1.0, abs(float(observed)))
        as_large = np.count_nonzero(~(simulated < observed - margin))
        return cls(name, statistic, float(observed), (as_large + 1) / (simulated.size + 1), simulated)

    @property
    def n_failed(self) -> int:
        """Data sets whose value is missing; they count as at least as large as the observed one."""
        return int(np.isnan(self.simulated).sum())

    @property
    def n_empty(self) -> int:
        """Data sets in which the method had nothing to go by; they count as smaller than the observed one."""
        return int(np.isneginf(self.simulated).sum())

    @classmethod
    def lacking(cls, name: str, statistic: str, reason: str) -> NullTest:
        """Return that the test could not be made, with the reason and the number that fell short."""
        return cls(name, statistic, float("nan"), float("nan"), status=f"insufficient: {reason}")

    def to_frame(self) -> pd.DataFrame:
        """Return one row: null, statistic, observed value, p and the spread of the null."""
        import pandas as pd

        known = self.simulated[np.isfinite(self.simulated)]
        low, middle, high = np.quantile(known, [0.05, 0.5, 0.95]) if known.size else (np.nan,) * 3
        return pd.DataFrame(
            {
                "null": [self.name], "statistic": [self.statistic], "observed": [self.observed], "p": [self.p],
                "n_null": [self.simulated.size], "null_q05": [low], "null_median": [middle], "null_q95": [high],
                "status": [self.status],
            }
        )  # fmt: skip

    def summary(self) -> str:
        """Return the test in one line."""
        if self.status != "ok":
            return f"{self.name}: {self.status}"
        return f"{self.name}: {self.statistic} {self.observed:.3g}, p = {self.p:.2g}"

    def record(self) -> dict[str, Any]:
        """Return the test as plain scalars and arrays, for ``uns``."""
        return {
            "name": self.name, "statistic": self.statistic, "observed": self.observed, "p": self.p,
            "simulated": self.simulated, "status": self.status,
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> NullTest:
        """Return what :meth:`record` wrote, also after a round trip through a file."""
        return cls(
            str(record["name"]), str(record["statistic"]), float(record["observed"]), float(record["p"]),
            np.asarray(record["simulated"], dtype=float), str(record["status"]),
        )  # fmt: skip


def tests_from_records(records: Mapping[str, Mapping[str, Any]]) -> tuple[NullTest, ...]:
    """Return the tests of a record of ``uns``, whose keys are their places, from ``"0"``."""
    return tuple(NullTest.from_record(records[place]) for place in sorted(records, key=int))


def deciding_of(record: Mapping[str, Any]) -> int:
    """Return how many tests of a record of ``uns``, from the first, decide together; 1 where it does not say."""
    return int(record.get("deciding", 1))


def decisive_of(tests: Sequence[NullTest], deciding: int = 1) -> NullTest | None:
    """Return which of the first tests decides: the one with the largest p, one that could not be made before all."""
    return max(tests[:deciding], key=lambda test: test.p if np.isfinite(test.p) else np.inf, default=None)
