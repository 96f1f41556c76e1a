"""ROC of the same patients at several looks: intervals by bootstrap, tests by permutation; for one look and for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from her2plastic._errors import ParameterError, check_probability, check_seed, check_whole
from her2plastic.models.roc.areas import Curve, above, area, area_error, areas, interval_of_extreme, roc_curve

if TYPE_CHECKING:
    import pandas as pd

#: Fewest patients with and without the outcome from which an area says something.
LEAST: Final = 5
_AT_ONCE: Final = 1000
#: Draws from which the width for all looks is read.
_NORMALS: Final = 20_000


@dataclass(frozen=True)
class RocLook:
    """The ROC of one look.

    Attributes
    ----------
    look
        Its name.
    n, n_positive
        Patients with a score, and those with the outcome.
    area, error
        Area under the curve, and its standard error by the parts of patients (Sen 1960).
    lower, upper
        Interval of this look alone.
    lower_all, upper_all
        Interval that holds together with those of all other looks.
    p, p_all
        Probability of an area so far from a half if the outcome had nothing to do with the score: of this look alone,
        and of the furthest of all looks.
    curve
        The curve; None where it is insufficient.
    status
        ``"ok"``, or why there is no area.
    """

    look: str
    n: int
    n_positive: int
    area: float
    error: float
    lower: float
    upper: float
    lower_all: float
    upper_all: float
    p: float
    p_all: float
    curve: Curve | None
    status: str = "ok"


def roc_at_looks(
    scores: np.ndarray,
    positive: np.ndarray,
    names: tuple[str, ...],
    *,
    level: float = 0.95,
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> tuple[RocLook, ...]:
    """Return the ROC at each look.

    Patients are drawn with replacement, those with and without the outcome apart, and all looks of a patient together.
    The standard deviation of the drawn areas gives the interval on the log-odds of the area; the intervals for all
    looks together are wider by what the drawn areas say of their correlation. For tests the outcome is shuffled over
    patients.

    Parameters
    ----------
    scores
        Shape ``(patients, looks)``: higher with the outcome; missing where a patient was not seen.
    positive
        Which patients have the outcome.
    names
        Names of the looks.
    level
        Probability that an interval holds.
    n_bootstrap
        Draws of the bootstrap, and of the shuffle.
    seed
        Seed of both.

    Returns
    -------
    One ROC a look.
    """
    check_probability("level", level)
    check_seed(seed)
    check_whole("n_bootstrap", n_bootstrap, least=99)
    scores, outcome = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    if scores.ndim != 2 or scores.shape != (len(outcome), len(names)):
        raise ParameterError(f"scores: expected {len(outcome)} patients by {len(names)} looks, got {scores.shape}")
    seen = np.isfinite(scores)
    counts = np.stack([(seen & outcome[:, None]).sum(axis=0), (seen & ~outcome[:, None]).sum(axis=0)])
    usable = np.flatnonzero((counts.min(axis=0) >= LEAST) & _differs(scores, seen))
    wins = {look: np.where(seen[:, look, None] & seen[None, :, look], above(scores[:, look]), 0.0) for look in usable}
    observed = np.array([area(wins[k][np.ix_(seen[:, k], seen[:, k])], outcome[seen[:, k]]) for k in usable])
    drawn, nulls, z = _drawn(wins, seen, outcome, usable, n_bootstrap, seed, observed)
    errors, widths = _widths(drawn, level, seed)
    found = {
        look: _numbers(place, observed[place], errors[place], widths, nulls, z, counts[:, look], level)
        for place, look in enumerate(usable.tolist())
    }
    return tuple(
        _look(names[k], scores[:, k], outcome, counts[:, k], wins.get(k), found.get(k)) for k in range(len(names))
    )


def _differs(scores: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the looks at which not all patients have one and the same score."""
    lowest = np.where(seen, scores, np.inf).min(axis=0, initial=np.inf)  # of no patient, too
    highest = np.where(seen, scores, -np.inf).max(axis=0, initial=-np.inf)
    return np.asarray(lowest < highest)


def _drawn(
    wins: dict[int, np.ndarray], seen: np.ndarray, outcome: np.ndarray, usable: np.ndarray, n_bootstrap: int, seed: int,
    observed: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return bootstrapped areas, distances of shuffled areas from a half, and those observed."""
    rng = np.random.default_rng(seed)
    n, boot, null = len(outcome), [], []
    for first in range(0, n_bootstrap, _AT_ONCE):
        size = min(_AT_ONCE, n_bootstrap - first)
        weights = np.zeros((size, n))
        for group in (np.flatnonzero(outcome), np.flatnonzero(~outcome)):
            if len(group):
                weights[:, group] = rng.multinomial(len(group), np.full(len(group), 1 / len(group)), size=size)
        labels = rng.permuted(np.tile(outcome, (size, 1)), axis=1)
        some_boot, some_null = np.empty((size, len(usable))), np.empty((size, len(usable)))
        for place, look in enumerate(usable):
            here = seen[:, look]
            some_boot[:, place] = areas(wins[look], weights * (outcome & here), weights * (~outcome & here))
            some_null[:, place] = _distance(areas(wins[look], labels * here, ~labels * here), labels, here)
        boot.append(some_boot)
        null.append(some_null)
    z = np.array(
        [_distance(np.array([a]), outcome[None], seen[:, k])[0] for a, k in zip(observed, usable, strict=True)]
    )
    return np.concatenate(boot), np.concatenate(null), z


def _distance(area: np.ndarray, labels: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Return how many null errors areas are from a half."""
    ones = (labels & here).sum(axis=1)
    zeros = here.sum() - ones
    error = np.sqrt((here.sum() + 1) / np.maximum(12.0 * ones * zeros, 1))
    return np.nan_to_num(np.abs(area - 0.5) / error, nan=0.0)


def _widths(drawn: np.ndarray, level: float, seed: int) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the errors of the areas, and how many of them an interval reaches for one look and for all together."""
    known = np.isfinite(drawn).all(axis=1)
    errors = drawn[known].std(axis=0, ddof=1)
    alone = float(norm.ppf(0.5 + level / 2))
    varying = errors > 0
    if varying.sum() < 2:
        return errors, (alone, alone)
    correlation = np.corrcoef(drawn[known][:, varying], rowvar=False)
    normal = np.random.default_rng([seed, 1]).multivariate_normal(np.zeros(int(varying.sum())), correlation, _NORMALS)
    return errors, (alone, max(float(np.quantile(np.abs(normal).max(axis=1), level)), alone))


def _numbers(
    place: int, area: float, error: float, widths: tuple[float, float], nulls: np.ndarray, z: np.ndarray,
    counts: np.ndarray, level: float,
) -> dict[str, float]:  # fmt: skip
    """Return area, intervals and p-values of one look."""
    if 0 < area < 1 and error > 0:
        step = error / (area * (1 - area))
        bounds = [float(expit(logit(area) + sign * width * step)) for width in widths for sign in (-1, 1)]
    else:
        bounds = _extreme(area, counts, level, len(z))
    tail = 1e-9
    return {
        "area": float(area), "lower": bounds[0], "upper": bounds[1], "lower_all": bounds[2], "upper_all": bounds[3],
        "p": float((np.sum(nulls[:, place] >= z[place] - tail) + 1) / (len(nulls) + 1)),
        "p_all": float((np.sum(nulls.max(axis=1) >= z[place] - tail) + 1) / (len(nulls) + 1)),
    }  # fmt: skip


def _extreme(value: float, counts: np.ndarray, level: float, looks: int) -> list[float]:
    """Return the intervals of an area of 0 or 1, in which no bootstrap sample differs."""
    bounds: list[float] = []
    for confidence in (level, 1 - (1 - level) / looks):
        low = interval_of_extreme(int(counts[0]), int(counts[1]), level=confidence)
        bounds += [low, 1.0] if value == 1 else [0.0, 1 - low]
    return bounds


def _look(
    name: str, score: np.ndarray, outcome: np.ndarray, counts: np.ndarray, wins: np.ndarray | None,
    numbers: dict[str, float] | None,
) -> RocLook:  # fmt: skip
    n, n_positive = int(counts.sum()), int(counts[0])
    here = np.isfinite(score)
    if numbers is None or wins is None:
        missing = float("nan")
        reason = (
            f"insufficient: {n_positive} patients with and {n - n_positive} without the outcome; at least {LEAST} of "
            "each are needed"
        )
        if counts.min() >= LEAST:
            reason = f"insufficient: all {n} patients have the same value"
        return RocLook(
            name, n, n_positive, missing, missing, missing, missing, missing, missing, missing, missing, None, reason
        )
    error = area_error(wins[np.ix_(here, here)], outcome[here])
    return RocLook(
        name, n, n_positive, numbers["area"], error, numbers["lower"], numbers["upper"], numbers["lower_all"],
        numbers["upper_all"], numbers["p"], numbers["p_all"], roc_curve(score[here], outcome[here]),
    )  # fmt: skip


def looks_frame(looks: tuple[RocLook, ...]) -> pd.DataFrame:
    """Return a row per look, without the curves."""
    import pandas as pd

    rows = [{key: value for key, value in vars(look).items() if key != "curve"} for look in looks]
    return pd.DataFrame(rows)
