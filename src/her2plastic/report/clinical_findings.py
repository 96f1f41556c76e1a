"""What the clinical chapter is made of, whoever found it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from her2plastic import tl


class ClinicalFindings(Protocol):
    """What a run found of its patients, as far as a report shows it."""

    @property
    def tissue(self) -> pd.DataFrame | None:
        """A row per specimen with its HER2 status."""

    @property
    def concordance(self) -> tl.Concordance | None:
        """Tissue against CTCs."""

    @property
    def visits(self) -> pd.DataFrame | None:
        """Serum HER2, a row per visit."""

    @property
    def serum(self) -> tl.Serum | None:
        """What serum HER2 says."""

    @property
    def variants(self) -> tl.Variants | None:
        """Alleles of ERBB2."""

    @property
    def cutoff(self) -> float:
        """Cut-off of serum HER2 that was said beforehand, ng/mL."""

    @property
    def notes(self) -> Sequence[str]:
        """What could not be asked, with the reason."""
