"""What is known of the ERBB2 alleles of some donors: germline genotypes, tumour fractions, calls, evidence, cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: Columns of :meth:`Variants.to_frame`.
COLUMNS: Final = (
    "donor_id", "sample_id", "draw_day", "material", "variant", "hgvs_c", "hgvs_p", "domain", "origin", "ref", "alt",
    "n_ref", "n_alt", "n_other", "fraction", "lower", "upper", "genotype", "call", "p", "status",
)  # fmt: skip
MUTATED: Final = "mutated"
NOT_SEEN: Final = "not seen"
GERMLINE: Final = "germline"
DOUBTFUL: Final = "doubtful"
BALANCED: Final = "balanced"
IN_EXCESS: Final = "in excess"
#: What a cell may be said to be at a somatic allele.
CELL_WORDS: Final = ("mutated", "no mutant copy seen", "not covered")


@dataclass(frozen=True)
class Variants:
    """ERBB2 alleles of donors, a statement per sample and allele, with what it rests on.

    Attributes
    ----------
    frame
        See :meth:`to_frame`.
    genotypes
        A row per donor and germline allele: ``donor_id, variant, hgvs_c, rs, ref, alt, genotype`` (bases; empty where
        not known), ``n_ref, n_alt, pl`` (phred-scaled likelihoods of ref/ref, ref/alt, alt/alt), ``quality, materials,
        status``. Only leukocytes, germline DNA and normal tissue tell it.
    evidence
        What has been published on the alleles that were called, a row each, with ``conflicting``.
    cells
        A row per cell and somatic allele that was called in its donor: ``cell_id, donor_id, variant, hgvs_c, n_ref,
        n_alt, mutation, missed`` (probability that one mutant copy of two would go unseen in as many molecules), and
        the cell's HER2 state and call beside, where cells were given.
    level
        Probability that an interval holds.
    numbers
        What it rests on.
    notes
        What a reader must know, a sentence each.
    """

    frame: pd.DataFrame
    genotypes: pd.DataFrame
    evidence: pd.DataFrame
    cells: pd.DataFrame
    level: float
    numbers: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a row per sample and allele.

        ``donor_id, sample_id, draw_day, material``; ``variant, hgvs_c, hgvs_p, domain, origin, ref, alt``; ``n_ref,
        n_alt, n_other`` (molecules or reads); ``fraction`` of ``alt`` with ``lower`` and ``upper``; ``genotype`` of the
        donor's germline by bases; ``call``: bases in germline material, ``balanced`` or ``C in excess`` in the tumour
        of heterozygotes, ``mutated``, ``not seen``, ``germline`` or ``doubtful`` at somatic alleles; ``p`` of equal
        shares or of errors alone; ``status`` (``ok``, or ``insufficient`` with the number that fell short).
        """
        return self.frame.copy()

    def mutated(self) -> pd.DataFrame:
        """Return the somatic alleles that were called."""
        return self.frame[self.frame["call"] == MUTATED].reset_index(drop=True)

    def cell_table(self, column: str = "her2_call") -> pd.DataFrame:
        """Return cells by mutation (rows) and by their HER2 call, state or another column beside it."""
        import pandas as pd

        if self.cells.empty or column not in self.cells:
            return pd.DataFrame()
        order = [word for word in CELL_WORDS if (self.cells["mutation"] == word).any()]
        return pd.crosstab(self.cells["mutation"], self.cells[column]).reindex(order)

    def summary(self) -> str:
        """Return what was found, a line each."""
        counted = ", ".join(f"{number} {what}" for what, number in self.numbers.items())
        lines = [counted]
        known = self.genotypes[self.genotypes["genotype"] != ""] if len(self.genotypes) else self.genotypes
        for variant, rows in known.groupby("variant", sort=True):
            shares = ", ".join(f"{bases} {n}" for bases, n in rows["genotype"].value_counts().sort_index().items())
            lines.append(f"{variant} in the germline: {shares}")
        calls = self.frame["call"]
        for row in self.frame[calls.str.endswith(IN_EXCESS)].to_dict("records"):
            lines.append(
                f"{row['donor_id']}, {row['variant']}: {row['call']}, {_share(row)} {row['alt']} in the tumour"
            )
        for found in self.mutated().to_dict("records"):
            lines.append(f"{found['donor_id']}, {found['variant']}: {_share(found)} of {_reads(found):g} reads")
        conflicting = self.evidence[self.evidence["conflicting"]] if len(self.evidence) else self.evidence
        for group, rows in conflicting.groupby(["variant", "drug"]) if len(conflicting) else ():
            name, drug = map(str, group)
            said = "; ".join(f"{row['direction']} ({row['source']})" for row in rows.to_dict("records"))
            lines.append(f"{name} and {drug}, publications disagree: {said}")
        return "\n".join([*lines, *self.notes])

    def record(self) -> dict[str, Any]:
        """Return everything as plain scalars and arrays, for ``uns``."""
        tables = {name: _columns(getattr(self, name)) for name in ("frame", "genotypes", "evidence", "cells")}
        return {
            **tables, "level": self.level, "numbers": dict(self.numbers), "notes": np.array(self.notes, dtype=object)
        }  # fmt: skip


def _share(row: Mapping[Any, Any]) -> str:
    return f"{row['fraction']:.0%} ({row['lower']:.0%} to {row['upper']:.0%})"


def _reads(row: Mapping[Any, Any]) -> float:
    return float(row["n_ref"] + row["n_alt"])


def _columns(table: pd.DataFrame) -> dict[str, np.ndarray]:
    kept: dict[str, np.ndarray] = {}
    for name in table.columns:
        column = table[name]
        if column.dtype.kind in "fiub":
            kept[str(name)] = column.to_numpy()
        else:
            kept[str(name)] = column.fillna("").astype(str).to_numpy(dtype=object)
    return kept
