"""What readers take for what: matrices of reader error, checked, and how well they can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Final

import numpy as np

from her2plastic._errors import ParameterError, as_numbers, check_probability, check_whole

#: How often the highest state is misread, as a share of how often the others are.
ERROR_OF_HIGHEST: Final = 0.25
#: Below this smallest singular value an error matrix cannot be undone with any use: errors grow tenfold and more.
LEAST_SINGULAR_VALUE: Final = 0.1


def reader_matrix(accuracy: float, *, n_states: int, error_of_highest: float = ERROR_OF_HIGHEST) -> np.ndarray:
    """Return the error matrix of a reader who takes a state for one of its neighbours.

    Parameters
    ----------
    accuracy
        Probability that a state is read as what it is. It holds for every state but the highest.
    n_states
        Number of ordered states.
    error_of_highest
        Error of the highest state as a share of ``1 - accuracy``: strong staining and amplification are read more
        surely than the lower states. With two states it is not used.

    Returns
    -------
    ``(true, observed)``; rows sum to 1. A state between two others is taken for either equally often.

    Examples
    --------
    >>> import her2plastic as hp
    >>> hp.models.reader_matrix(0.9, n_states=3).round(3)  # true by read state
    array([[0.9  , 0.1  , 0.   ],
           [0.05 , 0.9  , 0.05 ],
           [0.   , 0.025, 0.975]])
    """
    check_probability("accuracy", accuracy)
    if isinstance(error_of_highest, bool) or not isinstance(error_of_highest, Real) or not 0 <= error_of_highest <= 1:
        raise ParameterError(f"error_of_highest={error_of_highest!r}: expected a share from 0 to 1")
    check_whole("n_states", n_states, least=2)
    error = np.full(n_states, 1 - float(accuracy))
    if n_states > 2:
        error[-1] *= float(error_of_highest)
    matrix = np.diag(1 - error)
    for state in range(n_states):
        neighbours = [place for place in (state - 1, state + 1) if 0 <= place < n_states]
        matrix[state, neighbours] += error[state] / len(neighbours)
    return matrix


def check_error_matrix(name: str, matrix: object, n_states: int) -> np.ndarray:
    """Return a matrix ``(true, observed)`` of probabilities, or raise ParameterError with what is wrong with it."""
    values = as_numbers(name, matrix)
    if values.shape != (n_states, n_states):
        raise ParameterError(f"{name}: expected a matrix of {n_states} true by {n_states} observed states, got shape "
                             f"{values.shape}")  # fmt: skip
    if not np.isfinite(values).all() or (values < 0).any() or not np.allclose(values.sum(axis=1), 1, rtol=0, atol=1e-6):
        raise ParameterError(f"{name}: rows are true states and must be probabilities that sum to 1, got "
                             f"{values.round(4).tolist()}")  # fmt: skip
    return values / values.sum(axis=1, keepdims=True)


def error_matrix(name: str, matrix: object | None, n_states: int) -> np.ndarray:
    """Return a checked matrix ``(true, observed)``; that of no error where none is given."""
    return np.eye(n_states) if matrix is None else check_error_matrix(name, matrix, n_states)


def check_counts(name: str, counts: object, n_states: int | None = None) -> np.ndarray:
    """Return a square table of counts, or raise ParameterError with what is wrong with it."""
    try:
        values = np.asarray(counts, dtype=float)
    except (TypeError, ValueError) as fault:
        raise ParameterError(f"{name}: expected a square table of counts, got {counts!r}") from fault
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.shape[0] < 2:
        raise ParameterError(f"{name}: expected a square table of at least 2 by 2 states, got shape {values.shape}. "
                             "Give states that one of the two never showed a row or column of 0.")  # fmt: skip
    if n_states is not None and len(values) != n_states:
        raise ParameterError(f"{name}: expected {n_states} states, got {len(values)}")
    if not np.isfinite(values).all() or (values < 0).any() or (values != np.round(values)).any():
        raise ParameterError(f"{name}: expected whole numbers of at least 0, got {values.tolist()}")
    return values


@dataclass(frozen=True)
class ReaderError:
    """How often a reader takes each true state for each other, and how surely that is known.

    Attributes
    ----------
    matrix
        ``(true, observed)``: probabilities; rows sum to 1.
    counts
        ``(true, observed)``: validation readings that the matrix was estimated from; empty where it is taken as known.

    Examples
    --------
    >>> import her2plastic as hp
    >>> reader = hp.models.ReaderError.from_accuracy(0.9, 3)
    >>> reader.matrix.round(3)
    array([[0.9  , 0.1  , 0.   ],
           [0.05 , 0.9  , 0.05 ],
           [0.   , 0.025, 0.975]])
    """

    matrix: np.ndarray
    counts: np.ndarray

    @classmethod
    def known(cls, matrix: object) -> ReaderError:
        """Return an error that is known without uncertainty."""
        values = as_numbers("error", matrix)
        return cls(check_error_matrix("error", values, values.shape[0] if values.ndim else 0), np.empty((0, 0)))

    @classmethod
    def from_accuracy(
        cls, accuracy: float, n_states: int, *, error_of_highest: float = ERROR_OF_HIGHEST
    ) -> ReaderError:
        """Return the error of a reader of known accuracy; see :func:`reader_matrix`."""
        return cls.known(reader_matrix(accuracy, n_states=n_states, error_of_highest=error_of_highest))

    @classmethod
    def from_validation(cls, counts: object) -> ReaderError:
        """Return the error as a validation table gives it: true states in rows, what was read in columns.

        Half a reading is added per cell in which nothing was seen, so that an error that was not met in few readings is
        not taken as impossible. A state without validation readings is a ParameterError.
        """
        values = check_counts("validation", counts)
        if (values.sum(axis=1) == 0).any():
            empty = int(np.flatnonzero(values.sum(axis=1) == 0)[0])
            raise ParameterError(f"validation: no reading of true state {empty}; each state needs at least one")
        values = np.where(values == 0, 0.5, values)
        return cls(values / values.sum(axis=1, keepdims=True), values)

    @classmethod
    def from_beta(
        cls, right: float, wrong: float, n_states: int, *, error_of_highest: float = ERROR_OF_HIGHEST
    ) -> ReaderError:
        """Return the error of a reader whose accuracy is known as Beta(right, wrong).

        Each state's errors weigh as much as ``right + wrong`` validation readings of it.
        """
        for name, value in (("right", right), ("wrong", wrong)):
            if not isinstance(value, Real) or not np.isfinite(value) or value <= 0:
                raise ParameterError(f"{name}={value!r}: expected a number above 0")
        matrix = reader_matrix(right / (right + wrong), n_states=n_states, error_of_highest=error_of_highest)
        return cls(matrix, matrix * (right + wrong))

    @property
    def is_known(self) -> bool:
        """Whether the matrix is taken as known without uncertainty."""
        return self.counts.size == 0

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.matrix)

    @property
    def least_singular_value(self) -> float:
        """How well the error can be undone: 1 for no error, 0 where two true states are read alike."""
        return float(np.linalg.svd(self.matrix, compute_uv=False).min())


def expected_without_change(
    shares: np.ndarray, first: np.ndarray, second: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Return the table that two readings of unchanged states give, and its discordance.

    Parameters
    ----------
    shares
        Shares of the true states.
    first, second
        Error matrices ``(true, observed)`` of the two readings; the second as the first by default.

    Returns
    -------
    Probabilities ``(first reading, second reading)`` and the probability that the two differ.
    """
    shares = np.asarray(shares, dtype=float)
    second = first if second is None else second
    if shares.shape != (len(first),) or (shares < 0).any() or not np.isclose(shares.sum(), 1):
        raise ParameterError(f"shares: expected {len(first)} shares that sum to 1, got {shares.tolist()}")
    table = first.T @ (shares[:, None] * second)
    return table, float(1 - np.trace(table))
