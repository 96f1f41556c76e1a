"""Donors with germline and somatic ERBB2 alleles: what stands on each of the two chromosomes of their cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic import reference

if TYPE_CHECKING:
    import pandas as pd

#: Frequency of the base that is not the reference's: of exomes for P1170A, of Europeans for I655V.
FREQUENCIES: Final = {"c.3508C>G": 0.65, "c.1963A>G": 0.20}
# They lie within one another's stretch of the reference: no read could carry two of them.
_ONE_OF: Final = ("c.929C>T", "c.2264T>C", "c.2264_2278del", "c.2313_2324dup", "c.2329G>T", "c.2524G>A", "c.2305G>T")


@dataclass(frozen=True)
class AlleleDonor:
    """A simulated donor.

    Attributes
    ----------
    donor_id
        Name.
    germline
        Alleles of the two chromosomes, by ``hgvs_c``.
    somatic
        The allele that some tumour cells have on their first chromosome; empty for none.
    mutated_cells
        Share of the tumour cells that have it.
    amplified
        Copies of the first chromosome for one of the second in tumour cells.
    """

    donor_id: str
    germline: tuple[frozenset[str], frozenset[str]]
    somatic: str
    mutated_cells: float
    amplified: float

    def genotype(self, allele: str) -> int:
        """Return how many of the two chromosomes have an allele in the germline."""
        return sum(allele in chromosome for chromosome in self.germline)

    def tumour(self, *, mutated: bool) -> tuple[frozenset[str], frozenset[str]]:
        """Return the two chromosomes of a tumour cell."""
        first, second = self.germline
        return (first | {self.somatic} if mutated and self.somatic else first), second


def simulate_donors(
    n: int, *, mutated_share: float, mutated_cells: float, amplified_share: float, rng: np.random.Generator
) -> tuple[AlleleDonor, ...]:
    """Return donors in Hardy-Weinberg proportions, some of them with a somatic allele and an amplified chromosome."""
    mutated = set(rng.permutation(n)[: round(mutated_share * n)].tolist())
    amplified = set(rng.permutation(n)[: round(amplified_share * n)].tolist())
    donors = []
    for place in range(n):
        chromosomes = tuple(
            frozenset(name for name, share in FREQUENCIES.items() if rng.random() < share) for _ in range(2)
        )
        somatic = str(rng.choice(_ONE_OF)) if place in mutated else ""
        donors.append(
            AlleleDonor(
                f"D{place + 1:02d}", (chromosomes[0], chromosomes[1]), somatic, mutated_cells if somatic else 0.0,
                9.0 if place in amplified else 1.0,
            )
        )  # fmt: skip
    return tuple(donors)


def alleles_of_reference() -> pd.DataFrame:
    """Return the alleles of the reference table in the order of their positions."""
    return reference.erbb2_variants().sort_values(["pos_grch38", "ref"], kind="stable")
