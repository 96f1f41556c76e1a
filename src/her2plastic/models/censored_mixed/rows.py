"""Values over time, several a patient, in the order that the likelihoods read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from her2plastic._errors import ParameterError, as_numbers


@dataclass(frozen=True)
class MixedRows:
    """Values by patient.

    Attributes
    ----------
    patients
        Names of the patients.
    patient
        Place of each row's patient among them, rising.
    x
        Shape ``(rows, effects)``: design of the fixed effects.
    z
        Shape ``(rows, random effects)``: design of the random effects.
    y
        Values; the limit where the value lies below it.
    below
        Whether the value lies below ``y``.
    order
        Which row of what was given each row is.
    """

    patients: tuple[str, ...]
    patient: np.ndarray
    x: np.ndarray
    z: np.ndarray
    y: np.ndarray
    below: np.ndarray
    order: np.ndarray

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.patients)

    def per_patient(self) -> np.ndarray:
        """Return the number of values of each patient."""
        return np.bincount(self.patient, minlength=self.n_patients)


def mixed_rows(
    patient: Sequence[object] | np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    y: Sequence[float] | np.ndarray,
    below: Sequence[bool] | np.ndarray | None = None,
) -> MixedRows:
    """Return values sorted by patient, checked.

    Parameters
    ----------
    patient
        Patient of each value.
    x, z
        Designs of the fixed and the random effects, rows by effects.
    y
        Values; the limit where the value lies below it.
    below
        Whether the value lies below; none of them by default.

    Returns
    -------
    The rows.

    Raises
    ------
    ParameterError
        Lengths differ, or a number is missing.
    """
    values, fixed, random = as_numbers("y", y), as_numbers("x", x), as_numbers("z", z)
    low = np.zeros(len(values), dtype=bool) if below is None else np.asarray(below, dtype=bool)
    names = np.asarray([str(name) for name in patient], dtype=object)
    for name, given in (("patient", names), ("x", fixed), ("z", random), ("below", low)):
        if len(given) != len(values):
            raise ParameterError(f"{name}: expected {len(values)} rows, as many as values, got {len(given)}")
    for name, given in (("y", values), ("x", fixed), ("z", random)):
        if not np.isfinite(given).all():
            raise ParameterError(f"{name} holds numbers that are missing or infinite: leave these rows out")
    unique, code = np.unique(names, return_inverse=True)
    order = np.argsort(code, kind="stable")
    return MixedRows(
        tuple(map(str, unique)), code[order], fixed[order], random[order], values[order], low[order], order
    )
