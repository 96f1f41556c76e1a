"""Cut-offs of a score: what a given one does, and what an optimised one would do to patients it was not chosen on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import fisher_exact

from her2plastic._errors import check_probability, check_seed, check_whole
from her2plastic.models.agreement import share_interval

#: Fewest patients with and without the outcome for a cut-off to be chosen.
LEAST: Final = 10
_BLANK: Final = float("nan")
#: Rounding by which a score that is the cut-off may come out below it.
ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Rule:
    """What a cut-off does.

    Attributes
    ----------
    kind
        ``"given"``: said before the data were seen. ``"optimised, as found"``: chosen on the patients it is judged by,
        and too good for that. ``"optimised, nested"``: chosen on other patients than it is judged by.
    cutoff
        The score from which a patient is called positive; for a nested one the median of those chosen.
    cutoff_lower, cutoff_upper
        The middle 80 % of the cut-offs chosen.
    sensitivity, specificity
        Share of patients with, without the outcome that are called rightly, each with its interval.
    youden
        Sensitivity plus specificity less 1, with its interval.
    p
        Fisher's exact test of the two-by-two table of a given cut-off.
    n, n_positive
        Patients, and those with the outcome.
    status
        ``"ok"``, or why there is no rule.
    """

    kind: str
    n: int
    n_positive: int
    cutoff: float = _BLANK
    cutoff_lower: float = _BLANK
    cutoff_upper: float = _BLANK
    sensitivity: float = _BLANK
    sensitivity_lower: float = _BLANK
    sensitivity_upper: float = _BLANK
    specificity: float = _BLANK
    specificity_lower: float = _BLANK
    specificity_upper: float = _BLANK
    youden: float = _BLANK
    youden_lower: float = _BLANK
    youden_upper: float = _BLANK
    p: float = _BLANK
    status: str = "ok"


def given_cutoff(score: np.ndarray, positive: np.ndarray, cutoff: float, *, level: float = 0.95) -> Rule:
    """Return what a cut-off does that was said before the data were seen.

    Parameters
    ----------
    score
        Higher with the outcome.
    positive
        Which patients have the outcome.
    cutoff
        The score from which a patient is called positive.
    level
        Probability that an interval holds (Jeffreys).

    Returns
    -------
    The rule.
    """
    called = score >= cutoff - ROUNDING
    n, ones = len(score), int(positive.sum())
    if not 0 < ones < n:
        return Rule("given", n, ones, cutoff, status=f"insufficient: {ones} of {n} patients have the outcome")
    table = [[int((called & positive).sum()), int((~called & positive).sum())],
             [int((called & ~positive).sum()), int((~called & ~positive).sum())]]  # fmt: skip
    shares = (called[positive].mean(), (~called[~positive]).mean())
    return _rule("given", shares, cutoff, (np.nan, np.nan), n, ones, level, p=float(fisher_exact(table)[1]))


def optimised_cutoff(
    score: np.ndarray,
    positive: np.ndarray,
    *,
    level: float = 0.95,
    folds: int = 5,
    repeats: int = 40,
    seed: int = 0,
) -> tuple[Rule, Rule]:
    """Choose the cut-off of the largest Youden index; judge it as found, and by nested resampling (Youden 1950).

    The patients are parted into folds, with and without the outcome apart; a cut-off is chosen without each fold and
    judged by it. That is repeated with other folds.

    Parameters
    ----------
    score
        Higher with the outcome.
    positive
        Which patients have the outcome.
    level
        Probability that an interval holds.
    folds, repeats
        Parts of the patients, and how often they are parted anew.
    seed
        Seed of the parts.

    Returns
    -------
    The rule as found, and the nested one.
    """
    check_probability("level", level)
    check_seed(seed)
    check_whole("folds", folds, least=2)
    check_whole("repeats", repeats, least=1)
    n, ones = len(score), int(positive.sum())
    if min(ones, n - ones) < max(LEAST, folds):
        reason = (
            f"insufficient: {ones} patients with and {n - ones} without the outcome; at least {max(LEAST, folds)} of "
            "each are needed to choose a cut-off and judge it by others"
        )
        return Rule("optimised, as found", n, ones, status=reason), Rule("optimised, nested", n, ones, status=reason)
    cutoffs = _candidates(score)
    called = score[:, None] >= cutoffs
    chosen = float(_best(cutoffs, called, positive, np.ones((1, n)))[0])
    shares = ((score[positive] >= chosen).mean(), (score[~positive] < chosen).mean())
    found = _rule("optimised, as found", shares, chosen, (np.nan, np.nan), n, ones, level)
    fold = _folds(positive, folds, repeats, np.random.default_rng(seed))
    outside = fold[:, None, :] != np.arange(folds)[None, :, None]
    best = _best(cutoffs, called, positive, outside.reshape(-1, n)).reshape(repeats, folds)
    own = score >= np.take_along_axis(best, fold, axis=1)
    held_out = (own[:, positive].mean(), (~own[:, ~positive]).mean())
    low, middle, high = np.quantile(best, [0.1, 0.5, 0.9])
    return found, _rule("optimised, nested", held_out, middle, (low, high), n, ones, level)


def _candidates(score: np.ndarray) -> np.ndarray:
    """Return cut-offs half-way between scores, and one that calls everybody positive."""
    values = np.unique(score)
    return np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])


def _best(cutoffs: np.ndarray, called: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the best cut-off under each row of weights: the middle of the lowest range in which all are as good."""
    ones, zeros = 1.0 * weights * positive, 1.0 * weights * ~positive
    youden = ones @ called / ones.sum(axis=1, keepdims=True) - zeros @ called / zeros.sum(axis=1, keepdims=True)
    top = youden >= youden.max(axis=1, keepdims=True) - 1e-12
    first = np.argmax(top, axis=1)
    beyond = ~top & (np.arange(len(cutoffs)) > first[:, None])
    last = np.where(beyond.any(axis=1), np.argmax(beyond, axis=1) - 1, len(cutoffs) - 1)
    return (cutoffs[first] + cutoffs[last]) / 2


def _folds(positive: np.ndarray, folds: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each patient in each repeat, as many of each kind in each fold as can be."""
    fold = np.empty((repeats, len(positive)), dtype=int)
    for group in (np.flatnonzero(positive), np.flatnonzero(~positive)):
        fold[:, group] = rng.permuted(np.tile(np.arange(len(group)) % folds, (repeats, 1)), axis=1)
    return fold


def _rule(
    kind: str, shares: tuple[float, float], cutoff: float, spread: tuple[float, float], n: int, ones: int,
    level: float, p: float = float("nan"),
) -> Rule:  # fmt: skip
    sensitivity, specificity = map(float, shares)
    low_1, high_1 = share_interval(sensitivity * ones, ones, level)
    low_0, high_0 = share_interval(specificity * (n - ones), n - ones, level)
    youden = sensitivity + specificity - 1
    # of two independent shares, from their own intervals (Donner and Zou 2012)
    lower = youden - np.hypot(sensitivity - low_1, specificity - low_0)
    upper = youden + np.hypot(high_1 - sensitivity, high_0 - specificity)
    return Rule(
        kind, n, ones, float(cutoff), float(spread[0]), float(spread[1]), sensitivity, low_1, high_1, specificity,
        low_0, high_0, youden, float(max(lower, -1.0)), float(min(upper, 1.0)), p,
    )  # fmt: skip
