"""What was measured of clones, checked: each function raises a ParameterError that says what it may be."""

from __future__ import annotations

import numpy as np

from her2plastic._errors import ParameterError, as_numbers
from her2plastic.models.percentages import may_be_percentages


def checked_counts(counts: np.ndarray, *, whole: bool) -> np.ndarray:
    """Return cells by clone and state; percentages are refused where counts are those of ``whole`` clones."""
    table = as_numbers("counts", counts)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ParameterError(f"counts: expected clones x states with at least two states, got shape {table.shape}")
    if not np.isfinite(table).all() or (table < 0).any():
        raise ParameterError("counts: expected cell numbers of at least 0")
    if whole and may_be_percentages(table):
        raise ParameterError(
            "counts: every clone sums to about 100: percentages? Expected cells of the whole clone, whose "
            "number tells its growth. Multiply shares by the cells of each clone; or, if about a hundred cells of each "
            "were looked at, say whole=False"
        )
    return table


def checked_days(day: np.ndarray, n: int) -> np.ndarray:
    """Return the days from founder to measurement of each clone; one number stands for all."""
    days = as_numbers("day", day)
    days = np.full(n, float(days)) if days.ndim == 0 else days
    if days.shape != (n,) or not (np.isfinite(days).all() and (days > 0).all()):
        raise ParameterError("day: expected days above 0 from founder to measurement, one a clone")
    return days


def checked_founders(founder: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return founder cells, or probabilities of the founder's state, by clone and state."""
    table, given = as_numbers("founder", founder), np.asarray(founder)
    if given.shape == (shape[0],) and (table % 1 == 0).all():
        given = table.astype(np.int64)
        if given.size and (given.min() < 0 or given.max() >= shape[1]):
            raise ParameterError(f"founder: expected states from 0 to {shape[1] - 1}")
        return np.eye(shape[1])[given]
    if table.shape != shape or not np.isfinite(table).all() or (table < 0).any() or (table.sum(axis=1) <= 0).any():
        raise ParameterError(f"founder: expected {shape[0]} states, or cells by state, some in every clone")
    return table
