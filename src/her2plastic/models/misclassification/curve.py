"""What is left of a table of changed states at each reader accuracy, and at which accuracy error alone explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic._errors import ParameterError, as_numbers
from her2plastic.models.misclassification.em import Fitted, changed, fit_pairs, unchanged_only
from her2plastic.models.misclassification.intervals import Question, allowed_drop, profile_intervals
from her2plastic.models.misclassification.reader_error import ERROR_OF_HIGHEST, check_counts, reader_matrix

#: Accuracies of the curve.
ACCURACIES: Final = tuple(np.round(np.arange(0.60, 0.985, 0.02), 2).tolist())


@dataclass(frozen=True)
class AccuracyCurve:
    """A table read at several accuracies of its readers.

    Attributes
    ----------
    columns
        By name, one value an accuracy: ``accuracy``; ``expected`` with ``expected_lower`` and ``expected_upper``,
        discordance by error alone and where it lies in as many patients; ``p`` of error alone; ``changed`` with
        ``changed_lower`` and ``changed_upper``, share of patients whose hidden state changed; ``loglik``, how likely
        error alone makes the table.
    tipping
        Accuracy at which error alone gives the discordance seen, and the lowest and highest accuracy on the curve at
        which error alone is not rejected. Missing where there is none.
    """

    columns: dict[str, np.ndarray]
    tipping: tuple[float, float, float]


def accuracy_curve(
    table: np.ndarray,
    *,
    accuracies: tuple[float, ...] = ACCURACIES,
    error_of_highest: float = ERROR_OF_HIGHEST,
    level: float = 0.95,
    n_null: int = 199,
    seed: int = 0,
) -> AccuracyCurve:
    """Return what error alone gives, and what change is left, at each accuracy of both readers.

    Parameters
    ----------
    table
        ``(states, states)`` counts: first reading in rows, second in columns.
    accuracies
        Accuracies, rising, above 0.5 and below 1.
    error_of_highest
        Error of the highest state relative to the others; see
        :func:`her2plastic.models.misclassification.reader_error.reader_matrix`.
    level
        Probability that an interval holds.
    n_null
        Simulated tables per accuracy.
    seed
        Their seed; all accuracies use the same random numbers, so that the curve is smooth.

    Returns
    -------
    The curve.
    """
    counts = check_counts("table", table)
    k, n = len(counts), int(counts.sum())
    grid = as_numbers("accuracies", accuracies)
    if grid.ndim != 1 or grid.size == 0 or (np.diff(grid) <= 0).any() or grid[0] <= 0.5 or grid[-1] >= 1:
        raise ParameterError(f"accuracies={accuracies!r}: expected rising numbers above 0.5 and below 1")
    if n == 0:
        raise ParameterError("table: no patient with both readings")
    errors = np.stack([reader_matrix(a, n_states=k, error_of_highest=error_of_highest) for a in grid.tolist()])
    tables = np.broadcast_to(counts, (grid.size, k, k))
    null, free = _both(tables, errors)
    seen = np.swapaxes(errors, 1, 2) @ null.pairs @ errors
    drawn = np.concatenate(
        [np.random.default_rng(seed).multinomial(n, s.ravel() / s.sum(), size=n_null) for s in seen]
    ).reshape(-1, k, k).astype(float)  # fmt: skip
    nulls, frees = _both(drawn, np.repeat(errors, n_null, axis=0))
    ratio = np.maximum(2 * (free.loglik - null.loglik), 0.0)
    ratios = np.maximum(2 * (frees.loglik - nulls.loglik), 0.0).reshape(grid.size, n_null)
    p = ((ratios >= ratio[:, None] - 1e-6).sum(axis=1) + 1) / (n_null + 1)
    differ = (1 - np.trace(drawn, axis1=1, axis2=2) / n).reshape(grid.size, n_null)
    tail = (1 - level) / 2
    low, high = np.quantile(differ, [tail, 1 - tail], axis=1)
    towards_none = np.maximum(np.quantile(ratios, level, axis=1) / 2, allowed_drop(level))
    asked = Question(
        np.broadcast_to(changed(k), (grid.size, k, k)), np.ones((grid.size, k, k), dtype=bool), np.arange(grid.size),
        np.stack([towards_none, np.full(grid.size, allowed_drop(level))]),
    )  # fmt: skip
    value, lower, upper = profile_intervals(tables, free, asked)
    columns = {
        "accuracy": grid, "expected": 1 - np.trace(seen, axis1=1, axis2=2), "expected_lower": low,
        "expected_upper": high, "p": p, "changed": value, "changed_lower": lower, "changed_upper": upper,
        "loglik": null.loglik,
    }  # fmt: skip
    return AccuracyCurve(columns, _tipping(counts, error_of_highest, grid, p, 1 - level))


def _both(tables: np.ndarray, errors: np.ndarray) -> tuple[Fitted, Fitted]:
    null = fit_pairs(tables, errors, errors, held=unchanged_only(errors.shape[-1]), tolerance=1e-6)
    return null, fit_pairs(tables, errors, errors, tolerance=1e-6)


def _tipping(
    counts: np.ndarray, error_of_highest: float, grid: np.ndarray, p: np.ndarray, alpha: float
) -> tuple[float, float, float]:
    """Return where error alone gives the discordance seen, and between which accuracies it is not rejected."""
    stays = grid[p > alpha]
    lowest, highest = (float(stays[0]), float(stays[-1])) if stays.size else (float("nan"),) * 2
    k, total = len(counts), counts.sum()
    observed = 1 - np.trace(counts) / total
    fine = np.linspace(0.501, 0.999, 250)
    errors = np.stack([reader_matrix(a, n_states=k, error_of_highest=error_of_highest) for a in fine.tolist()])
    null = fit_pairs(np.broadcast_to(counts, errors.shape), errors, errors, held=unchanged_only(k), tolerance=1e-6)
    expected = 1 - np.trace(np.swapaxes(errors, 1, 2) @ null.pairs @ errors, axis1=1, axis2=2)
    above = np.flatnonzero(expected >= observed)
    if not above.size or above[-1] == fine.size - 1:
        return float("nan"), lowest, highest
    i = int(above[-1])
    share = (expected[i] - observed) / max(expected[i] - expected[i + 1], 1e-12)
    return float(fine[i] + share * (fine[i + 1] - fine[i])), lowest, highest
