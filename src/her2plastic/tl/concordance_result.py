"""Tissue against CTCs, patient by patient, and what the cohort says beyond misreading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic.models import Conversion

if TYPE_CHECKING:
    import pandas as pd

CONCORDANT: Final = "concordant"
#: The cells leave several states open, that of the tissue among them.
COMPATIBLE: Final = "compatible"
WITHIN: Final = "discordant, within misreading"
BEYOND: Final = "discordant beyond misreading"
VERDICTS: Final = (CONCORDANT, COMPATIBLE, WITHIN, BEYOND)
_NUMBERS: Final = ("tissue_day", "n_specimens", "n_ctc", "differs", "p_misread")


@dataclass(frozen=True)
class Concordance:
    """The HER2 status of tissue beside the state of the CTCs.

    Attributes
    ----------
    frame
        A row per patient: ``donor_id``; ``tissue_day``, ``site``, ``tissue_class``, ``tissue_state`` of the specimen
        that was compared, and ``n_specimens`` that have a state; ``n_ctc``; ``ctc_`` and the name of a state: how
        probable it is that most CTCs (or the share asked for) are of it; ``ctc_states``, the smallest set that holds
        the level; ``differs``, the probability that the state of the CTCs is not that of the tissue as it was read;
        ``p_misread``, how often tissue of the CTCs' own state would be read as it was; ``verdict``.
    cohort
        What all patients say together: discordance, what misreading alone gives, and what is beyond it.
    rule
        Criteria of the tissue status, with their version.
    level
        Probability that a set of states holds.
    notes
        What a reader must know, a sentence each.
    """

    frame: pd.DataFrame
    cohort: Conversion
    rule: str
    level: float
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """``"ok"``, or ``"insufficient: "`` with the number that fell short, of the cohort."""
        return self.cohort.status

    def to_frame(self) -> pd.DataFrame:
        """Return the table of patients."""
        return self.frame.copy()

    def counts(self) -> dict[str, int]:
        """Return how many patients have each verdict; those that cannot be compared last."""
        verdicts = self.frame["verdict"].astype(str)
        counted = {word: int((verdicts == word).sum()) for word in VERDICTS}
        return counted | {"insufficient": int(verdicts.str.startswith("insufficient").sum())}

    def summary(self) -> str:
        """Return a line per patient, then what the cohort says."""
        lines = []
        for row in self.frame.to_dict("records"):
            known = isinstance(row["tissue_state"], str)
            tissue = row["tissue_class"] if known else "no status"
            cells = f"CTCs {row['ctc_states']} ({int(row['n_ctc'])} cells)" if row["n_ctc"] else "no CTC"
            lines.append(f"{row[_keys.DONOR_ID]}: tissue {tissue}, {cells}: {row['verdict']}")
        return "\n".join([*lines, f"tissue by {self.rule}", self.cohort.summary(), *self.notes])

    def record(self) -> dict[str, Any]:
        """Return everything as plain scalars and arrays, for ``uns``."""
        columns = {
            name: self.frame[name].to_numpy(dtype=float) if self._is_number(name) else self._words(name)
            for name in self.frame.columns
        }
        return {
            "patients": columns, "cohort": self.cohort.record(), "rule": self.rule, "level": self.level,
            "columns": np.array(self.frame.columns, dtype=object), "notes": np.array(self.notes, dtype=object),
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Concordance:
        """Return what :meth:`record` wrote, also after a round trip through a file."""
        import pandas as pd

        frame = pd.DataFrame({str(name): np.asarray(record["patients"][str(name)]) for name in record["columns"]})
        for name in ("tissue_state", "tissue_class"):
            frame[name] = frame[name].astype(object).where(frame[name] != "", None)
        return cls(
            frame, Conversion.from_record(record["cohort"]), str(record["rule"]), float(record["level"]),
            tuple(map(str, record.get("notes", ()))),
        )  # fmt: skip

    def _is_number(self, name: str) -> bool:
        return name in _NUMBERS or (name.startswith("ctc_") and name != "ctc_states")

    def _words(self, name: str) -> np.ndarray:
        words = self.frame[name].astype(object)
        return words.where(words.notna(), "").to_numpy(dtype=object)
