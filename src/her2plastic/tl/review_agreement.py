"""How far reviewers agree with themselves, with each other, and with the calls of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from her2plastic import _keys
from her2plastic.models.agreement import Agreement, cohen_kappa, fleiss_kappa
from her2plastic.tl.review_decisions import Readings

#: Fewer cells with two readings than this say nothing of an agreement.
LEAST_CELLS: Final = 10
#: Of two words, one that is said less often than this leaves the interval of an agreement without a ground.
LEAST_RARE: Final = 5
_N_STATES: Final = len(_keys.STATES)
_NONE: Final = _keys.REVIEW_DECISIONS.index(_keys.NOT_A_CTC)
UNSURE: Final = _keys.REVIEW_DECISIONS.index(_keys.UNSURE)
WITHIN, BETWEEN, MODEL = "within", "between", "model"
COLUMNS: Final = (
    "kind", "first", "second", "what", "statistic", "n", "value", "lower", "upper", "observed", "by_chance",
    "n_unsure", "status",
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """What is compared: its name, the number of categories, and the coefficients."""

    what: str
    k: int
    weights: tuple[str, ...]

    def codes(self, words: np.ndarray) -> np.ndarray:
        """Return the categories of decisions; -1 for what is not compared."""
        if self.what == "CTC or not":
            return np.where(words < 0, -1, np.where(words < _N_STATES, 0, np.where(words == _NONE, 1, -1)))
        return np.where(words < self.k, words, -1)


WHAT: Final = (
    Compared("CTC or not", 2, ("none",)),
    Compared("state or no CTC", _N_STATES + 1, ("none",)),
    Compared("state", _N_STATES, ("none", "linear", "quadratic")),
)
STATISTICS: Final = {
    "none": "Cohen's kappa", "linear": "kappa, linear weights", "quadratic": "kappa, quadratic weights",
}  # fmt: skip
FLEISS: Final = "Fleiss' kappa"


def agreement_rows(readings: Readings, level: float) -> list[dict[str, Any]]:
    """Return a row for each comparison of a reviewer with themself, of two reviewers, and of all reviewers."""
    first, again, standing = readings.numbered(0), readings.numbered(1), readings.standing()
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(readings.reviewers):
        rows += pair_rows(WITHIN, name, name, first[:, place], again[:, place], level)
    for one, other in combinations(range(len(readings.reviewers)), 2):
        names = readings.reviewers[one], readings.reviewers[other]
        rows += pair_rows(BETWEEN, *names, standing[:, one], standing[:, other], level)
    if len(readings.reviewers) > 2:
        rows += list(_of_all(standing, level))
    return rows


def pair_rows(
    kind: str, one: str, other: str, first: np.ndarray, second: np.ndarray, level: float
) -> list[dict[str, Any]]:
    """Return the rows of two columns of decisions, in which -1 is no decision."""
    both = (first >= 0) & (second >= 0)
    unsure = int((both & ((first == UNSURE) | (second == UNSURE))).sum())
    rows = []
    for compared in WHAT:
        table = crossed(compared.codes(first), compared.codes(second), compared.k)
        n = int(table.sum())
        for weights in compared.weights:
            enough = n >= LEAST_CELLS and (compared.k > 2 or rarest(table) >= LEAST_RARE)
            found = cohen_kappa(table, weights=weights, level=level) if enough else None
            rows.append(
                {"kind": kind, "first": one, "second": other, "what": compared.what, "statistic": STATISTICS[weights]}
                | _values(found, n, rarest(table))
                | {"n_unsure": unsure}
            )
    return rows


def rarest(table: np.ndarray) -> int:
    """Return how often the word was said that one of the two said least often."""
    return int(min(table.sum(axis=0).min(), table.sum(axis=1).min()))


def crossed(first: np.ndarray, second: np.ndarray, k: int) -> np.ndarray:
    """Return the table ``(k, k)`` of two columns of categories; cells with a -1 are left out."""
    both = (first >= 0) & (second >= 0)
    return np.bincount(first[both] * k + second[both], minlength=k * k).reshape(k, k).astype(float)


def _of_all(first: np.ndarray, level: float) -> Iterator[dict[str, Any]]:
    unsure = int((first == UNSURE).any(axis=1).sum())
    for compared in WHAT:
        codes = compared.codes(first)
        ratings = np.stack([(codes == code).sum(axis=1) for code in range(compared.k)], axis=1)
        ratings = ratings[ratings.sum(axis=1) >= 2]
        rare = int(ratings.sum(axis=0).min())
        enough = len(ratings) >= LEAST_CELLS and (compared.k > 2 or rare >= LEAST_RARE)
        found = fleiss_kappa(ratings, level=level) if enough else None
        names = {"kind": BETWEEN, "first": "all", "second": "all", "what": compared.what, "statistic": FLEISS}
        yield names | _values(found, len(ratings), rare) | {"n_unsure": unsure}


def _values(found: Agreement | None, n: int, rare: int) -> dict[str, Any]:
    status = "ok"
    if found is None:
        found = Agreement(*(float("nan"),) * 5)
        status = f"insufficient: {n} cells with two sure readings, {LEAST_CELLS} needed"
        if n >= LEAST_CELLS:
            status = f"insufficient: the rarer word was said {rare} times, {LEAST_RARE} needed"
    elif not np.isfinite(found.value):
        status = "insufficient: 1 word in all readings, 2 needed: chance alone would agree fully"
    return {
        "n": n, "value": found.value, "lower": found.lower, "upper": found.upper, "observed": found.observed,
        "by_chance": found.by_chance, "status": status,
    }  # fmt: skip
