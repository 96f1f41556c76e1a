"""What a panel model may do: which states follow which, which are misread, what is known of the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from her2plastic._errors import ParameterError, as_numbers
from her2plastic.models.markov_chain.elimination import reachable

#: How far the rows of a known misclassification matrix may be from a sum of 1.
_ROW_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PanelStructure:
    """The structure of a panel model, checked.

    Attributes
    ----------
    allowed
        ``(states, states)``: which transitions may happen; the diagonal is false.
    exact
        States whose time of entry is known where they are observed.
    errors
        ``(states, states)``: which true states (rows) may be read as which others, to be estimated; none where reading
        is free of error or its errors are known.
    known_errors
        ``(states, states)``: probability that a true state (row) is read as another, where known.
    censored
        Codes of observations that leave the state open, and the states that they may be.
    """

    allowed: np.ndarray
    exact: tuple[int, ...]
    errors: np.ndarray | None
    known_errors: np.ndarray
    censored: Mapping[float, tuple[int, ...]]

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.allowed)

    @property
    def edges(self) -> np.ndarray:
        """Allowed transitions, ``(edges, 2)``: from and to."""
        return np.argwhere(self.allowed)

    @property
    def may_follow(self) -> np.ndarray:
        """Which states can be seen after which, the same state among them."""
        return reachable(self.allowed)

    @property
    def error_cells(self) -> np.ndarray:
        """Errors to be estimated, ``(errors, 2)``: true and observed state."""
        return np.empty((0, 2), dtype=int) if self.errors is None else np.argwhere(self.errors)


def checked_structure(
    allowed: np.ndarray,
    exact_states: Sequence[int],
    misclassification: np.ndarray | None,
    censored: Mapping[float, Sequence[int]] | None,
) -> PanelStructure:
    """Return the structure, or raise ParameterError that names the fault."""
    may = _square_of_zero_and_one("allowed", allowed)
    if not may.any():
        raise ParameterError("allowed has no transition: expected at least one 1 off the diagonal")
    n = len(may)
    named = np.atleast_1d(as_numbers("exact_states", exact_states))
    if not np.isin(named, np.arange(n)).all():
        raise ParameterError(f"exact_states={exact_states!r}: expected states counted from 0 to {n - 1}")
    exact = tuple(named.astype(int).tolist())
    codes: dict[float, tuple[int, ...]] = {}
    for code, states in (censored or {}).items():
        given = np.unique(as_numbers(f"censored[{code!r}]", states))
        if not given.size or not np.isin(given, np.arange(n)).all():
            raise ParameterError(f"censored[{code!r}]={states!r}: expected states counted from 0 to {n - 1}")
        if not np.isfinite(as_numbers("censored", code)) or 0 <= float(code) < n:
            raise ParameterError(f"censored: the code {code!r} is a state; take one outside 0 to {n - 1}")
        codes[float(code)] = tuple(given.astype(int).tolist())
    errors, known = _errors(misclassification, n)
    return PanelStructure(may, exact, errors, known, codes)


def _square_of_zero_and_one(name: str, given: np.ndarray) -> np.ndarray:
    matrix = as_numbers(name, given).copy()
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise ParameterError(f"{name} has the shape {matrix.shape}: expected a square matrix of at least 2 states")
    np.fill_diagonal(matrix, 0.0)
    if not np.isin(matrix, (0.0, 1.0)).all():
        raise ParameterError(f"{name} must hold 0 and 1 off the diagonal (rows from, columns to)")
    return matrix.astype(bool)


def _errors(given: np.ndarray | None, n: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Return which errors are to be estimated, if any, and the known ones."""
    if given is None:
        return None, np.eye(n)
    matrix = as_numbers("misclassification", given).copy()
    if matrix.shape != (n, n):
        raise ParameterError(f"misclassification has the shape {matrix.shape}: expected {(n, n)} (true, observed)")
    if np.isin(matrix, (0.0, 1.0)).all():
        np.fill_diagonal(matrix, 0.0)
        return (matrix.astype(bool), np.eye(n)) if matrix.any() else (None, np.eye(n))
    sums = matrix.sum(axis=1)
    if not np.isfinite(matrix).all() or (matrix < 0).any() or np.abs(sums - 1).max() > _ROW_TOLERANCE:
        raise ParameterError(
            "misclassification must be 0 and 1 (which errors are to be estimated) or known probabilities of at least 0 "
            f"whose rows (true states) sum to 1; the sums are {np.round(sums, 6).tolist()}"
        )
    return None, matrix / sums[:, None]
