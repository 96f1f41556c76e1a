"""What may explain a sorted assay: which parameters each explanation has, and the compositions that it expects."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic.models.sorted_assay.data import AssayData
from her2plastic.models.sorted_assay.flow import equilibrium, flow, movement

#: Net growth differences beyond this (per day, a doubling every seven hours) are not looked for.
_LARGEST_GROWTH: Final = 2.5
#: One state never outgrows another by more than this (natural log) over the whole assay: numbers stay finite.
_LARGEST_LOG_RATIO: Final = 600.0
_LEAST_SHARE: Final = 1e-12


@dataclass(frozen=True)
class Explanation:
    """One explanation of a sorted assay: what is allowed to happen in it."""

    name: str
    switching: bool
    growth: bool
    impurity: bool


SWITCHING: Final = Explanation("switching and growth", True, True, True)
IMPURITY: Final = Explanation("growth and impurity", False, True, True)
MARKOV: Final = Explanation("equal growth", True, False, False)
IMPURE_MARKOV: Final = Explanation("equal growth and impurity", True, False, True)
EXPLANATIONS: Final = (SWITCHING, IMPURITY, IMPURE_MARKOV, MARKOV)


@dataclass(frozen=True)
class Expected:
    """Expected shares and log cell numbers (up to each start's seeding) with their derivatives."""

    shares: np.ndarray
    slopes: np.ndarray
    log_totals: np.ndarray
    total_slopes: np.ndarray


class Layout:
    """The parameters of one explanation as a vector, with bounds.

    In order: rates (row by row, the diagonal left out), growth of the states against the first, growth of the first
    (only if cells were counted), and of each start the amounts of the other states per cell of its own.
    """

    def __init__(
        self, explanation: Explanation, data: AssayData, *, known: np.ndarray | None, largest_impurity: float,
        misclassification: np.ndarray, common: bool | None = None,
    ) -> None:  # fmt: skip
        size = data.n_states
        self.explanation, self.data, self.known, self.errors = explanation, data, known, misclassification
        self.pairs = [(i, j) for i in range(size) for j in range(size) if i != j] if explanation.switching else []
        self.n_rates = len(self.pairs)
        self.n_growth = size - 1 if explanation.growth else 0
        self.has_common = data.has_growth_information if common is None else common
        self.reference = _reference_states(data)
        self.amounts = [
            (group, state)
            for group in range(data.n_starts)
            for state in range(size)
            if known is None
            and state != self.reference[group]
            and (explanation.impurity or data.sorted_to[group] < 0)
            # a culture that is only seen at its equilibrium has no start to speak of
            and np.isfinite(data.day[data.start == group]).any()
        ]
        self.n = self.n_rates + self.n_growth + int(self.has_common) + len(self.amounts)
        self.lower, self.upper = self._bounds(largest_impurity)
        self._directions = self._matrix_directions()
        self._index_wells()

    def over(self, data: AssayData) -> Layout:
        """Return the same layout over other measurements of the same wells."""
        other = copy(self)
        other.data = data
        return other

    def from_fit(self, names: Sequence[str], values: np.ndarray) -> np.ndarray:
        """Return the parameters of an explanation that allows less as those of this one."""
        known = dict(zip(names, values, strict=True))
        return np.array([known.get(name, 0.0) for name in self.names])

    @property
    def names(self) -> list[str]:
        """Names of the parameters, states by number."""
        return [
            *(f"rate {i} -> {j}" for i, j in self.pairs),
            *(f"growth of {k + 1} against 0" for k in range(self.n_growth)),
            *(["growth of 0"] if self.has_common else []),
            *(f"{state} in start {group}" for group, state in self.amounts),
        ]

    def _bounds(self, largest_impurity: float) -> tuple[np.ndarray, np.ndarray]:
        days = self.data.day[np.isfinite(self.data.day) & (self.data.day > 0)]
        fastest = 10.0 / days.min() if days.size else 10.0
        # a sort that was measured on day 0 is as impure as it was measured to be
        assumed = (self.data.sorted_to >= 0) & ~self.data.measured_at_sort
        other = [largest_impurity / (1 - largest_impurity) if assumed[group] else 1e4 for group, _ in self.amounts]
        steepest = min(_LARGEST_GROWTH, _LARGEST_LOG_RATIO / days.max()) if days.size else _LARGEST_GROWTH
        n_moving = self.n_growth + int(self.has_common)
        lower = np.concatenate([np.zeros(self.n_rates), np.full(n_moving, -steepest), np.zeros(len(other))])
        upper = np.concatenate([np.full(self.n_rates, fastest), np.full(n_moving, steepest), other])
        return lower, upper

    def _matrix_directions(self) -> np.ndarray:
        """Return how M changes with each rate and growth parameter, ``(parameters, S, S)``."""
        size = self.data.n_states
        rows = []
        for i, j in self.pairs:
            turn = np.zeros((size, size))
            turn[j, i], turn[i, i] = 1.0, -1.0
            rows.append(turn)
        rows += [np.diag(np.eye(size)[k + 1]) for k in range(self.n_growth)]
        if self.has_common:
            rows.append(np.eye(size))
        return np.array(rows).reshape(len(rows), size, size)

    def _index_wells(self) -> None:
        """Find the starts and days that wells share: what is expected is worked out once for each of them."""
        data = self.data
        finite = np.isfinite(data.day)
        self._days, place = np.unique(data.day[finite], return_inverse=True)
        combined = data.start[finite] * len(self._days) + place
        unique, row = np.unique(combined, return_inverse=True)
        self._starts, self._day_of = unique // max(len(self._days), 1), unique % max(len(self._days), 1)
        self._row = np.full(len(data.day), len(unique))
        self._row[finite] = row

    def parts(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rates ``(S, S)``, growth ``(S,)`` and the composition of each start ``(starts, S)``."""
        size = self.data.n_states
        rates = np.zeros((size, size))
        for value, (i, j) in zip(values, self.pairs, strict=False):
            rates[i, j] = value
        growth = np.zeros(size)
        growth[1 : 1 + self.n_growth] = values[self.n_rates : self.n_rates + self.n_growth]
        if self.has_common:
            growth = growth + values[self.n_rates + self.n_growth]
        if self.known is not None:
            return rates, growth, self.known
        raw = np.eye(size)[self.reference]
        for value, (group, state) in zip(values[self.n - len(self.amounts) :], self.amounts, strict=True):
            raw[group, state] = value
        return rates, growth, raw / raw.sum(axis=1, keepdims=True)

    def expected(self, values: np.ndarray) -> Expected:
        """Return what this explanation expects to be read in every well."""
        size = self.data.n_states
        rates, growth, begin = self.parts(values)
        matrix = movement(rates, growth)
        shift = float(growth.mean())  # rates alone keep the number of cells; growth would overflow
        days, starts = self._days[self._day_of], self._starts
        value, slope = flow(matrix - shift * np.eye(size), self._days, self._directions)
        origin = begin[starts]
        numbers = np.einsum("rij,rj->ri", value[self._day_of], origin)
        changes = np.zeros((len(days), self.n, size))
        changes[:, : len(self._directions)] = np.einsum("rpij,rj->rpi", slope[self._day_of], origin)
        first = self.n - len(self.amounts)
        for number, (group, state) in enumerate(self.amounts):
            own = begin[group, self.reference[group]]  # 1 / (1 + all amounts)
            here = np.flatnonzero(starts == group)
            changes[here, first + number] = value[self._day_of[here]] @ ((np.eye(size)[state] - begin[group]) * own)
        totals = numbers.sum(axis=1)
        shares, total_slopes = numbers / totals[:, None], changes.sum(axis=2) / totals[:, None]
        slopes = changes / totals[:, None, None] - shares[:, None] * total_slopes[:, :, None]
        log_totals = np.log(totals) + shift * days
        if (self._row == len(days)).any():  # wells at equilibrium
            rest, rest_slopes = equilibrium(matrix)
            last = np.zeros((1, self.n, size))
            last[0, : len(self._directions)] = self._directions.reshape(-1, size * size) @ rest_slopes
            shares, slopes = np.vstack([shares, rest]), np.concatenate([slopes, last])
            log_totals = np.append(log_totals, 0.0)
            total_slopes = np.vstack([total_slopes, np.zeros(self.n)])
        read = np.maximum(shares @ self.errors, _LEAST_SHARE)
        row = self._row
        return Expected(read[row], (slopes @ self.errors)[row], log_totals[row], total_slopes[row])


def _reference_states(data: AssayData) -> np.ndarray:
    """Return the state of each start that the others are counted against: its own, or the commonest of a mixture."""
    reference = data.sorted_to.copy()
    for group in np.flatnonzero(reference < 0):
        wells = np.flatnonzero(data.start == group)
        first = wells[data.day[wells] == data.day[wells].min()]
        reference[group] = int(data.shares[first].mean(axis=0).argmax())
    return reference


def starting_values(layout: Layout) -> list[np.ndarray]:
    """Return starting values: slow and fast rates, growth alike, a little impurity."""
    days = layout.data.day[np.isfinite(layout.data.day) & (layout.data.day > 0)]
    scale = 1.0 / float(np.median(days))
    rest = [np.zeros(layout.n_growth + int(layout.has_common))]
    rest.append(np.where(layout.data.sorted_to[[group for group, _ in layout.amounts]] < 0, 0.5, 0.02))
    speeds = (0.1, 1.0) if layout.n_rates else (0.0,)
    return [np.concatenate([np.full(layout.n_rates, speed * scale), *rest]) for speed in speeds]
