"""How often each reviewer is right, though nobody knows the truth: by hidden repeats, and by all readings together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic.models.misclassification.repeats import reader_error_from_repeats
from her2plastic.tl.review_agreement import UNSURE
from her2plastic.tl.review_decisions import Readings

if TYPE_CHECKING:
    import pandas as pd

_N_STATES: Final = len(_keys.STATES)
ERROR_COLUMNS: Final = ("reviewer", "truth", "decision", "value", "lower", "upper")


def reader_tables(
    readings: Readings, *, level: float, error_of_highest: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return the reviewers, their errors, and the posterior of each cell's truth ``(cells, states + 1)``."""
    import pandas as pd

    rows = []
    for place, name in enumerate(readings.reviewers):
        own = (readings.reviewer == place) & (readings.number >= 0)
        row: dict[str, Any] = {
            "reviewer": name, "n_cells": int((own & (readings.number == 0)).sum()),
            "n_repeats": int((own & (readings.number == 1)).sum()),
            "unsure": float((readings.word[own] == UNSURE).mean()) if own.any() else np.nan,
            "unblinded": float((~readings.blinded[own]).mean()) if own.any() else np.nan,
        }  # fmt: skip
        by_repeats = reader_error_from_repeats(_counts(readings, own), error_of_highest=error_of_highest, level=level)
        row |= {"repeat_accuracy": by_repeats.accuracy, "repeat_lower": by_repeats.lower,
                "repeat_upper": by_repeats.upper, "repeat_status": by_repeats.status}  # fmt: skip
        row |= {"accuracy": np.nan, "lower": np.nan, "upper": np.nan, "status": "insufficient: not yet"}
        rows.append(row)
    posterior = np.full((readings.n_cells, _N_STATES + 1), np.nan)
    return pd.DataFrame(rows), pd.DataFrame(columns=list(ERROR_COLUMNS)), posterior


def _counts(readings: Readings, own: np.ndarray) -> np.ndarray:
    """Return how many of one reviewer's readings gave each cell each state; cells that were not read are left out."""
    used = own & (readings.word < _N_STATES)
    counts = np.zeros((readings.n_cells, _N_STATES))
    np.add.at(counts, (readings.cell[used], readings.word[used]), 1)
    return counts[counts.sum(axis=1) > 0]
