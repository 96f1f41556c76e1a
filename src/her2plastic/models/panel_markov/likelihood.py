"""The log-likelihood of a panel model and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from her2plastic.models.panel_markov import kernels
from her2plastic.models.panel_markov.data import PanelData
from her2plastic.models.panel_markov.structure import PanelStructure

#: Eigenvectors are worth their while from this many intervals per pattern of covariates on.
_INTERVALS_PER_BASIS: Final = 5
#: Condition number of eigenvectors, and share of the generator that they may miss.
_WORST_CONDITION: Final = 1e6
_WORST_RESIDUAL: Final = 1e-9
#: Probabilities below this are summed anew without cancellation.
_SMALL: Final = 1e-9
#: Log rates per unit of internal time, and logits, are held within this.
_FARTHEST: Final = 60.0
#: What stands for the logarithm of 0.
IMPOSSIBLE: Final = -1e12


@dataclass(frozen=True)
class ParameterLayout:
    """Where each parameter stands in the vector: log rates, effects, error logits, logits of the first state."""

    edges: np.ndarray
    effects: np.ndarray
    errors: np.ndarray
    initial: np.ndarray

    @property
    def n_rates(self) -> int:
        """Number of log rates."""
        return len(self.edges)

    @property
    def effects_at(self) -> int:
        """Place of the first effect; ``effects`` has the covariate and the edge of each."""
        return self.n_rates

    @property
    def errors_at(self) -> int:
        """Place of the first error logit."""
        return self.n_rates + len(self.effects)

    @property
    def initial_at(self) -> int:
        """Place of the first logit of the first state."""
        return self.errors_at + len(self.errors)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.initial_at + max(len(self.initial) - 1, 0)


@dataclass(frozen=True)
class Evaluation:
    """One pass over the data at given parameters; slopes are missing where they were not asked for."""

    log_likelihood: float
    gradient: np.ndarray
    filtered: np.ndarray
    later: np.ndarray
    impossible: int


class PanelLikelihood:
    """Log-likelihood of observations under a structure.

    Parameters
    ----------
    structure, data, layout
        What was checked and prepared.
    initial
        ``(subjects, states)``: weight of each state at the subject's first observation; not read where it is estimated.
    unit
        Length of the internal unit of time.
    weight
        ``(subjects,)``: how often each subject counts.
    """

    def __init__(
        self,
        structure: PanelStructure,
        data: PanelData,
        layout: ParameterLayout,
        initial: np.ndarray,
        unit: float,
        weight: np.ndarray | None = None,
    ) -> None:
        self.structure, self.data, self.layout, self.unit = structure, data, layout, unit
        self.initial = np.ascontiguousarray(initial, dtype=float)
        self.weight = np.ones(len(data.subjects)) if weight is None else np.asarray(weight, dtype=float)
        self.elapsed = data.elapsed / unit
        self._per_observation = np.repeat(self.weight, np.diff(data.first))
        # a density of entering at a time is per unit of the user's time
        self._unit_of_densities = float(self._per_observation @ (data.entered >= 0)) * float(np.log(unit))
        self.design = (data.covariates - data.mean) / data.spread
        self._reach = structure.may_follow
        per_pattern = np.bincount(data.pattern, minlength=len(data.covariates))
        self._by_basis = per_pattern >= _INTERVALS_PER_BASIS

    def reweighted(self, weight: np.ndarray) -> PanelLikelihood:
        """Return the likelihood of the same subjects, each counted so often."""
        return PanelLikelihood(self.structure, self.data, self.layout, self.initial, self.unit, weight)

    # --- what the parameters stand for --------------------------------------------------------------------------
    def rates(self, theta: np.ndarray, design: np.ndarray) -> np.ndarray:
        """Return the rates of every edge, ``(rows of design, edges)``, per unit of internal time."""
        layout = self.layout
        log_rate = np.broadcast_to(theta[: layout.n_rates], (len(design), layout.n_rates)).copy()
        for place, (covariate, edge) in enumerate(layout.effects):
            log_rate[:, edge] += design[:, covariate] * theta[layout.effects_at + place]
        return np.exp(np.clip(log_rate, -_FARTHEST, _FARTHEST))

    def generators(self, theta: np.ndarray, design: np.ndarray) -> np.ndarray:
        """Return the generators, ``(rows of design, states, states)``, per unit of internal time."""
        n, edges = self.structure.n_states, self.layout.edges
        found = np.zeros((len(design), n, n))
        found[:, edges[:, 0], edges[:, 1]] = self.rates(theta, design)
        found[:, np.arange(n), np.arange(n)] = 0.0 - found.sum(axis=2)  # 0 where never left, not minus 0
        return found

    def errors(self, theta: np.ndarray) -> np.ndarray:
        """Return the misclassification matrix, true state by observed state."""
        cells = self.layout.errors
        if not len(cells):
            return self.structure.known_errors
        odds = np.eye(self.structure.n_states)
        logits = theta[self.layout.errors_at : self.layout.initial_at]
        odds[cells[:, 0], cells[:, 1]] = np.exp(np.clip(logits, -_FARTHEST, _FARTHEST))
        return odds / odds.sum(axis=1, keepdims=True)

    def first_state(self, theta: np.ndarray) -> np.ndarray:
        """Return the weight of each state at each subject's first observation."""
        states = self.layout.initial
        if not len(states):
            return self.initial
        odds = np.zeros(self.structure.n_states)
        odds[states] = np.exp(np.clip(np.r_[0.0, theta[self.layout.initial_at :]], -_FARTHEST, _FARTHEST))
        return np.ascontiguousarray(np.broadcast_to(odds / odds.sum(), self.initial.shape))

    # --- one pass -----------------------------------------------------------------------------------------------
    def loss(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return minus the log-likelihood and its gradient."""
        found = self.evaluate(theta)
        return -found.log_likelihood, -found.gradient

    def evaluate(self, theta: np.ndarray) -> Evaluation:
        """Return the log-likelihood, its gradient and the state probabilities of each observation."""
        data, n = self.data, self.structure.n_states
        theta = np.asarray(theta, dtype=float)
        generators = self.generators(theta, self.design)
        basis = _Basis(generators, self._by_basis)
        probability, series = self._probabilities(generators, basis)
        errors = self.errors(theta)
        table = np.ascontiguousarray(data.fixed + data.mix @ errors.T)
        first = self.first_state(theta)
        ahead, filtered, later = np.zeros((3, len(data.time), n))
        scale = np.ones(len(data.time))
        impossible = kernels.forward(
            data.first, data.interval, data.entered, data.emission, table, first, probability, generators,
            data.pattern, ahead, filtered, scale,
        )  # fmt: skip
        if impossible >= 0:
            return Evaluation(IMPOSSIBLE, np.zeros(theta.size), filtered, later, int(impossible))
        slope, direct = np.zeros_like(probability), np.zeros_like(generators)
        by_table, by_first = np.zeros_like(table), np.zeros_like(first)
        kernels.backward(
            data.first, data.interval, data.entered, data.emission, table, probability, generators, data.pattern,
            ahead, filtered, scale, self.weight, later, slope, direct, by_table, by_first,
        )  # fmt: skip
        by_generator = np.zeros_like(generators)
        kernels.series_gradient(generators, data.pattern, self.elapsed, slope, series, by_generator)
        basis.add_gradient(data.pattern, self.elapsed, slope, ~series, by_generator)
        gradient = self._gradient(generators, direct, by_generator, errors, by_table, first, by_first)
        value = float(self._per_observation @ np.log(scale)) - self._unit_of_densities
        return Evaluation(value, gradient, filtered, later, -1)

    def _probabilities(self, generators: np.ndarray, basis: _Basis) -> tuple[np.ndarray, np.ndarray]:
        """Return P of each interval, and which of them were summed as a series."""
        data = self.data
        probability = np.empty((len(data.pattern), *generators.shape[1:]))
        if basis.sound.any():
            kernels.spectral_probabilities(
                basis.values, basis.right, basis.left, data.pattern, self.elapsed, probability
            )
            small = (probability < _SMALL) & self._reach
            series = ~basis.sound[data.pattern] | small.any(axis=(1, 2))
        else:
            series = np.ones(len(data.pattern), dtype=bool)
        kernels.series_probabilities(generators, data.pattern, self.elapsed, series, probability)
        return probability, series

    def _gradient(
        self,
        generators: np.ndarray,
        direct: np.ndarray,
        by_generator: np.ndarray,
        errors: np.ndarray,
        by_table: np.ndarray,
        first: np.ndarray,
        by_first: np.ndarray,
    ) -> np.ndarray:
        layout, data = self.layout, self.data
        gradient = np.zeros(layout.size)
        i, j = layout.edges.T
        by_rate = (by_generator[:, i, j] - by_generator[:, i, i] + direct[:, i, j]) * generators[:, i, j]
        gradient[: layout.n_rates] = by_rate.sum(axis=0)
        if len(layout.effects):
            all_effects = self.design.T @ by_rate
            gradient[layout.effects_at : layout.errors_at] = all_effects[layout.effects[:, 0], layout.effects[:, 1]]
        if len(layout.errors):
            by_error = by_table.T @ data.mix
            true, seen = layout.errors.T
            mean = (by_error * errors).sum(axis=1)
            gradient[layout.errors_at : layout.initial_at] = errors[true, seen] * (by_error[true, seen] - mean[true])
        if len(layout.initial):
            shares = first[0, layout.initial]
            total = by_first.sum(axis=0)[layout.initial]
            gradient[layout.initial_at :] = (shares * (total - shares @ total))[1:]
        return gradient


class _Basis:
    """Eigenvectors of the generators of the patterns that have enough intervals."""

    def __init__(self, generators: np.ndarray, wanted: np.ndarray) -> None:
        self.sound = np.zeros(len(generators), dtype=bool)
        chosen = np.flatnonzero(wanted)
        if not chosen.size:
            return
        try:
            values, right = np.linalg.eig(generators[chosen])
            left = np.linalg.inv(right)
        except np.linalg.LinAlgError:  # one of them has too few eigenvectors
            return
        rebuilt = (right * values[:, None, :]) @ left
        size = np.abs(generators[chosen]).max(axis=(1, 2))
        condition = np.abs(right).max(axis=(1, 2)) * np.abs(left).max(axis=(1, 2))
        residual = np.abs(rebuilt - generators[chosen]).max(axis=(1, 2))
        good = (condition < _WORST_CONDITION) & (residual < _WORST_RESIDUAL * size)
        shape, kind = (len(generators), *generators.shape[1:]), right.dtype
        self.values, self.right, self.left = np.zeros(shape[:2], kind), np.zeros(shape, kind), np.zeros(shape, kind)
        self.values[chosen], self.right[chosen], self.left[chosen] = values, right, left
        self.sound[chosen] = good

    def add_gradient(
        self, pattern: np.ndarray, time: np.ndarray, slope: np.ndarray, use: np.ndarray, total: np.ndarray
    ) -> None:
        """Add the slope by each generator, from the slope by P of the intervals in ``use``."""
        if not use.any():
            return
        inner = np.zeros_like(self.right)
        kernels.spectral_gradient(self.values, self.right, self.left, pattern, time, slope, use, inner)
        total += (np.swapaxes(self.left, 1, 2) @ inner @ np.swapaxes(self.right, 1, 2)).real
