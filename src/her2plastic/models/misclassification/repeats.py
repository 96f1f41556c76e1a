"""The accuracy of readers from repeated readings of the same tissue, where nothing can have changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic._errors import ParameterError, check_probability
from her2plastic.models.misclassification.intervals import allowed_drop
from her2plastic.models.misclassification.reader_error import ERROR_OF_HIGHEST, ReaderError, reader_matrix

#: Accuracies that are tried.
_GRID: Final = np.linspace(0.505, 0.995, 197)
_ROUNDS: Final = 300
#: Fewer pieces of tissue than this say nothing of the readers.
LEAST_SUBJECTS: Final = 10
_LEAST_STATES: Final = 2


@dataclass(frozen=True)
class RepeatedReadings:
    """What repeated readings say of the readers.

    Attributes
    ----------
    accuracy
        Accuracy of the readers, its bounds: missing where ``status`` says why.
    lower, upper
        Bounds of the accuracy.
    error
        The error of the readers, as sure as the readings make it; None where it cannot be had.
    status
        ``"ok"``, or ``"insufficient: "`` with the number that fell short.
    """

    accuracy: float
    lower: float
    upper: float
    error: ReaderError | None
    status: str = "ok"


def reader_error_from_repeats(
    readings: np.ndarray, *, error_of_highest: float = ERROR_OF_HIGHEST, level: float = 0.95
) -> RepeatedReadings:
    """Return the accuracy of readers who read the same tissue two times and more.

    The shape of the error matrix is that of :func:`her2plastic.models.reader_matrix`: two readings a piece, the truth
    of which nobody knows, say how often readings go wrong, and not which way.

    Parameters
    ----------
    readings
        ``(subjects, states)`` counts: how many readings of each piece of tissue gave each state. Pieces with one
        reading only are left out.
    error_of_highest
        Error of the highest state as a share of that of the others.
    level
        Probability that the interval of the accuracy holds (profile likelihood).

    Returns
    -------
    The accuracy and the error; ``error`` goes into :class:`her2plastic.models.MisreadTable` or ``tl.conversion``.

    Examples
    --------
    >>> import her2plastic as hp
    >>> readings = [[2, 0, 0]] * 15 + [[1, 1, 0]] * 4 + [[0, 2, 0]] * 12 + [[0, 1, 1]] * 3 + [[0, 0, 2]] * 10
    >>> found = hp.models.reader_error_from_repeats(readings)  # readings of each piece that gave each state
    >>> print(f"{found.accuracy:.2f} ({found.lower:.2f} to {found.upper:.2f})")
    0.90 (0.80 to 0.95)
    """
    check_probability("level", level)
    counts = np.asarray(readings, dtype=float)
    if counts.ndim != 2 or counts.shape[1] < 2:
        raise ParameterError(f"readings: expected subjects by at least 2 states, got shape {counts.shape}")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.round(counts)).any():
        raise ParameterError("readings: expected whole numbers of at least 0: readings per subject and state")
    counts = counts[counts.sum(axis=1) >= 2]
    unknown = (float("nan"),) * 3
    if len(counts) < LEAST_SUBJECTS:
        reason = f"insufficient: {len(counts)} subjects with two readings, {LEAST_SUBJECTS} needed"
        return RepeatedReadings(*unknown, None, reason)
    if np.count_nonzero(counts.sum(axis=0)) < _LEAST_STATES:
        # who gives one answer to everything agrees with themself, right or wrong
        reason = f"insufficient: 1 state in all readings, {_LEAST_STATES} needed"
        return RepeatedReadings(*unknown, None, reason)
    k = counts.shape[1]
    patterns, times = np.unique(counts, axis=0, return_counts=True)
    errors = np.stack([reader_matrix(a, n_states=k, error_of_highest=error_of_highest) for a in _GRID.tolist()])
    loglik = _profile(patterns, times, errors)
    best = int(loglik.argmax())
    inside = _GRID[loglik >= loglik[best] - allowed_drop(level)]
    accuracy, lower, upper = float(_GRID[best]), float(inside[0]), float(inside[-1])
    if lower <= _GRID[0]:
        reason = f"insufficient: any accuracy from {lower:.2f} to {upper:.2f} fits, a bound above 0.5 needed"
        return RepeatedReadings(float("nan"), lower, upper, None, reason)
    weight = _weight(accuracy, lower, upper, level)
    right = min(accuracy, 1 - 0.5 / weight)
    error = ReaderError.from_beta(right * weight, (1 - right) * weight, k, error_of_highest=error_of_highest)
    return RepeatedReadings(accuracy, lower, upper, error)


def _profile(patterns: np.ndarray, times: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the log-likelihood at each error matrix, the shares of the states fitted to it."""
    likelihood = np.exp(np.einsum("pa,gia->gpi", patterns, np.log(np.maximum(errors, 1e-12))))
    shares = np.full((len(errors), 1, errors.shape[1]), 1 / errors.shape[1])
    for _ in range(_ROUNDS):
        joint = likelihood * shares
        joint = joint / np.maximum(joint.sum(axis=2, keepdims=True), 1e-300) * times[:, None]
        shares = joint.sum(axis=1, keepdims=True) / times.sum()
    return (times * np.log(np.maximum((likelihood * shares).sum(axis=2), 1e-300))).sum(axis=1)


def _weight(accuracy: float, lower: float, upper: float, level: float) -> float:
    """Return how many validation readings would know the accuracy as well as the interval does."""
    from scipy.stats import norm

    error = max(upper - lower, 1e-3) / (2 * float(norm.ppf(0.5 + level / 2)))
    return float(max(accuracy * (1 - accuracy) / error**2, 2.0))
