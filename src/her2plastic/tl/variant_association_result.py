"""Association of germline ERBB2 alleles with HER2 status or gene copies, corrected for the alleles tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class VariantAssociation:
    """Tests of germline alleles against an outcome, each with its effect, interval and corrected p.

    Attributes
    ----------
    frame
        See :meth:`to_frame`.
    genotypes
        People by allele, genotype (bases) and outcome: ``variant, genotype, with_outcome, without_outcome``.
    hardy_weinberg
        Exact tests: ``variant, among`` (whole cohort, without the outcome), ``n, p, status``.
    outcome
        Name of the outcome.
    n_tests
        Alleles that p is corrected for (Bonferroni).
    level
        Probability that an interval holds.
    numbers
        What it rests on.
    notes
        What a reader must know, a sentence each.
    """

    frame: pd.DataFrame
    genotypes: pd.DataFrame
    hardy_weinberg: pd.DataFrame
    outcome: str
    n_tests: int
    level: float
    numbers: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a row per allele and test.

        ``variant, base`` (whose carriers or number is tested), ``test`` (``carriers, Fisher``; ``trend over bases,
        Cochran-Armitage``; ``per base, logistic``; ``log2 copies per base, linear``), ``effect`` (odds ratio, or log2
        copies), ``value, lower, upper, p, p_corrected, n, status``.
        """
        return self.frame.copy()

    def summary(self) -> str:
        """Return what was found, a line each."""
        lines = [", ".join(f"{number} {what}" for what, number in self.numbers.items())]
        for row in self.frame.to_dict("records"):
            head = f"{row['variant']}, base {row['base']}, {row['test']}"
            if row["status"] != "ok":
                lines.append(f"{head}: {row['status']}")
                continue
            value = f"{row['effect']} {row['value']:.2f} ({row['lower']:.2f} to {row['upper']:.2f}), "
            value = value if np.isfinite(row["value"]) else ""
            corrected = f"{row['p_corrected']:.3g} after correction for {self.n_tests} alleles"
            lines.append(f"{head}: {value}p = {row['p']:.3g}, {corrected}")
        for row in self.hardy_weinberg.to_dict("records"):
            said = f"p = {row['p']:.3g}" if row["status"] == "ok" else row["status"]
            lines.append(f"{row['variant']}, Hardy-Weinberg in {row['among']}: {said}")
        return "\n".join([*lines, *self.notes])

    def record(self) -> dict[str, Any]:
        """Return everything as plain scalars and arrays."""
        tables = {
            name: {str(column): _plain(values) for column, values in getattr(self, name).items()}
            for name in ("frame", "genotypes", "hardy_weinberg")
        }
        return {
            **tables, "outcome": self.outcome, "n_tests": self.n_tests, "level": self.level,
            "numbers": dict(self.numbers), "notes": np.array(self.notes, dtype=object),
        }  # fmt: skip


def _plain(column: pd.Series) -> np.ndarray:
    return column.to_numpy() if column.dtype.kind in "fiub" else column.astype(str).to_numpy(dtype=object)
