"""What error alone gives where only shares were published, without the table they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic._errors import ParameterError, check_probability
from her2plastic.models.agreement import share_interval
from her2plastic.models.misclassification.reader_error import check_error_matrix

#: Compositions are tried in steps of this share.
_STEP: Final = 0.01
#: How far off a published share may be by rounding, and how far it is taken to be where the number of patients is not
#: known.
_ROUNDING: Final = 0.005
_UNCOUNTED: Final = 0.02
_MOST_STATES: Final = 4
_UNSAMPLED: Final = ", sampling apart"


@dataclass(frozen=True)
class StatedShare:
    """A published share of patients: those of the pairs ``part`` among those of the pairs ``whole``.

    Attributes
    ----------
    part, whole
        ``(states, states)``: which pairs (first reading, second reading); ``part`` lies in ``whole``.
    share
        The share.
    n
        Patients of ``whole``; missing where it was not published.
    """

    part: np.ndarray
    whole: np.ndarray
    share: float
    n: float = float("nan")

    @property
    def is_margin(self) -> bool:
        """Whether it tells of one reading alone: how many were read as what."""
        by_first = _same_along(self.part, 1) and _same_along(self.whole, 1)
        return by_first or bool(self.whole.all() and _same_along(self.part, 0))


def _same_along(pairs: np.ndarray, axis: int) -> bool:
    return bool((pairs == pairs.take([0], axis=axis)).all())


@dataclass(frozen=True)
class ErrorAloneBounds:
    """A published share beside what error alone gives.

    Attributes
    ----------
    share
        The published share.
    lowest, highest
        What error alone is expected to give, over all compositions that agree with the published margins.
    lower, upper
        Where error alone lies in as many patients; missing where their number was not published.
    left_lower, left_upper
        What is left after error alone; negative where error alone gives more.
    verdict
        ``"error alone can give it"``, ``"more than error alone gives"``, ``"less than error alone gives"``; or
        ``"insufficient: "`` with what was not published. ``", sampling apart"`` is added where the number of patients
        was not published.
    """

    share: float
    lowest: float
    highest: float
    lower: float
    upper: float
    left_lower: float
    left_upper: float
    verdict: str


def error_alone_bounds(
    stated: Sequence[StatedShare],
    asked: StatedShare,
    first: np.ndarray,
    second: np.ndarray | None = None,
    *,
    level: float = 0.95,
) -> ErrorAloneBounds:
    """Return what error alone gives of a published share.

    Parameters
    ----------
    stated
        Everything that was published. What it says of one reading alone bounds the composition of the true states; if
        it says nothing of the kind, what it says of patients of other first states than those asked for does.
    asked
        The share to be explained.
    first, second
        Error matrices ``(true, observed)`` of the two readings; the second as the first by default.
    level
        Probability of the interval of what error alone gives, and of the margins' intervals.

    Returns
    -------
    The bounds. Missing, with the verdict ``"more than error alone gives"``, where no composition agrees with what was
    published: then these errors alone cannot have given it.
    """
    check_probability("level", level)
    k = len(asked.part)
    if k > _MOST_STATES:
        raise ParameterError(f"{k} states: bounds from published shares are for at most {_MOST_STATES}")
    first = check_error_matrix("first", first, k)
    second = first if second is None else check_error_matrix("second", second, k)
    shares = _compositions(k)
    tables = np.einsum("sa,ns,sb->nab", first, shares, second)
    bounding = [share for share in stated if share.is_margin] or [
        share for share in stated if not (share.whole & asked.whole).any()
    ]
    agrees = np.ones(len(shares), dtype=bool)
    for known in bounding:
        low, high = _interval(known, level)
        given = _given(tables, known)
        agrees &= (given >= low) & (given <= high)
    unknown = (float("nan"),) * 6
    if not bounding and not asked.whole.all():
        return ErrorAloneBounds(asked.share, *unknown, "insufficient: the composition was not published")
    if not agrees.any():
        return ErrorAloneBounds(asked.share, *unknown, "more than error alone gives")
    tables = tables[agrees]
    given = _given(tables, asked)
    lowest, highest = float(given.min()), float(given.max())
    lower, upper = _sampled(lowest, highest, asked.n, level)
    below, above = (lowest, highest) if np.isnan(lower) else (lower, upper)
    verdict = "error alone can give it"
    if asked.share > above + 1e-9:
        verdict = "more than error alone gives"
    elif asked.share < below - 1e-9:
        verdict = "less than error alone gives"
    if np.isnan(lower):
        verdict += _UNSAMPLED
    return ErrorAloneBounds(
        asked.share, lowest, highest, lower, upper, asked.share - highest, asked.share - lowest, verdict
    )


def _given(tables: np.ndarray, stated: StatedShare) -> np.ndarray:
    return tables[:, stated.part].sum(axis=1) / np.maximum(tables[:, stated.whole].sum(axis=1), 1e-12)


def _compositions(k: int) -> np.ndarray:
    """Return shares of ``k`` states that sum to 1, in even steps."""
    steps = round(1 / _STEP) if k < _MOST_STATES else 40
    axes = np.meshgrid(*[np.arange(steps + 1)] * (k - 1), indexing="ij")
    parts = np.stack([axis.ravel() for axis in axes], axis=1)
    parts = parts[parts.sum(axis=1) <= steps]
    return np.column_stack([parts, steps - parts.sum(axis=1)]) / steps


def _interval(stated: StatedShare, level: float) -> tuple[float, float]:
    if np.isnan(stated.n):
        return stated.share - _UNCOUNTED, stated.share + _UNCOUNTED
    return share_interval(round(stated.share * stated.n), stated.n, level)


def _sampled(lowest: float, highest: float, n: float, level: float) -> tuple[float, float]:
    from scipy.stats import binom

    if np.isnan(n):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    return float(binom.ppf(tail, n, lowest) / n), float(binom.ppf(1 - tail, n, highest) / n)


def possible_cells(stated: Sequence[StatedShare]) -> tuple[np.ndarray, np.ndarray]:
    """Return between which shares of all patients each cell of the unpublished table must lie.

    Parameters
    ----------
    stated
        What was published, correct to its rounding of half a percentage point at most.

    Returns
    -------
    Lower and upper bounds, ``(states, states)``; missing where the published shares contradict each other.
    """
    from scipy.optimize import linprog

    if not stated:
        raise ParameterError("stated: expected at least one published share")
    k = len(stated[0].part)
    rows, limits = [], []
    for share in stated:
        part, whole = share.part.ravel().astype(float), share.whole.ravel().astype(float)
        margin = _ROUNDING if np.isnan(share.n) else min(_ROUNDING, 0.5 / share.n + 0.0005)
        rows += [part - (share.share + margin) * whole, (share.share - margin) * whole - part]
        limits += [0.0, 0.0]
    bounds = np.full((2, k * k), np.nan)
    for cell in range(k * k):
        for side, sign in enumerate((1.0, -1.0)):
            cost = np.zeros(k * k)
            cost[cell] = sign
            found = linprog(cost, A_ub=np.array(rows), b_ub=limits, A_eq=np.ones((1, k * k)), b_eq=[1.0])
            if found.status == 0:
                bounds[side, cell] = sign * found.fun
    return bounds[0].reshape(k, k), bounds[1].reshape(k, k)
