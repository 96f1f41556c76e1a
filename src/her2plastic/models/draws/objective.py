"""Penalised marginal likelihood of draws as a function of the parameters that all patients share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy.special import digamma, gammaln

from her2plastic.models.draws.evidence import LOGIT_REACH, LOGIT_STEP, RHO_LOGITS, logit_axis
from her2plastic.models.draws.likelihood import cubic_weights, patient_likelihoods
from her2plastic.models.draws.motion import motions
from her2plastic.models.draws.rows import DrawRows

#: Weak priors (mean, standard deviation) of what draws say little about.
LOG_PATIENT_SD_PRIOR: Final = (np.log(0.3), 0.5)
RHO_LOGIT_PRIOR: Final = (np.log(0.03 / 0.97), 1.5)
LOG_FIRST_PRIOR: Final = (0.0, 1.0)
EFFECT_PRIOR: Final = (0.0, 2.0)
_LOG_PATIENT_SD_RANGE = (np.log(0.02), np.log(1.5))
_LOG_FIRST_RANGE = (np.log(0.3), np.log(30.0))
#: Points along one axis of the first composition.
_POINTS = {2: 32, 3: 15}


@dataclass(frozen=True)
class Layout:
    """Which parameter stands where: log rates, effects of treatments, patient sd, overdispersion, first draws."""

    edges: np.ndarray
    n_states: int
    n_treatments: int
    patient_sd: float | None
    overdispersion: float | None

    @property
    def n_rates(self) -> int:
        """Number of allowed transitions."""
        return len(self.edges)

    @property
    def n_directions(self) -> int:
        """Number of parameters that move the rates."""
        return self.n_rates * (1 + self.n_treatments) + int(self.free_sd)

    @property
    def free_sd(self) -> bool:
        """Whether the patient sd is estimated."""
        return self.patient_sd is None and self.n_rates > 0

    @property
    def rho_at(self) -> int:
        """Place of the logit of the overdispersion; there also where it is fixed."""
        return self.n_directions

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.n_directions + 1 + self.n_states

    def bounds(self, rates: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Return the box, given the log rates' limits."""
        low, high = np.empty(self.size), np.empty(self.size)
        low[: self.n_rates], high[: self.n_rates] = rates
        effects = slice(self.n_rates, self.n_rates * (1 + self.n_treatments))
        low[effects], high[effects] = -5.0, 5.0
        if self.free_sd:
            low[self.n_directions - 1], high[self.n_directions - 1] = _LOG_PATIENT_SD_RANGE
        low[self.rho_at], high[self.rho_at] = RHO_LOGITS[1], RHO_LOGITS[-2]
        if self.overdispersion is not None:
            low[self.rho_at] = high[self.rho_at] = np.log(self.overdispersion / (1 - self.overdispersion))
        low[self.rho_at + 1 :], high[self.rho_at + 1 :] = _LOG_FIRST_RANGE
        return low, high


class DrawsObjective:
    """Penalised log-likelihood and gradient of draws.

    Parameters
    ----------
    rows
        The draws in order.
    tables
        Shape ``(draws, overdispersions, points)``, of :func:`her2plastic.models.draws.evidence.evidence_tables`.
    layout
        The parameters.
    extra
        Shape ``(rows, points)``: added to the log-likelihood of each row, such as of staying in the study; None for
        nothing.
    """

    def __init__(self, rows: DrawRows, tables: np.ndarray, layout: Layout, extra: np.ndarray | None = None) -> None:
        self.rows, self.tables, self.layout, self.extra = rows, tables, layout, extra
        self.first, self.log_area = first_points(layout.n_states)
        self.log_first = np.log(self.first)
        self.nodes, self.node_weight = own_rates(layout)
        self._logits = (-LOGIT_REACH, LOGIT_STEP[layout.n_states], len(logit_axis(layout.n_states)))

    @cached_property
    def _start(self) -> np.ndarray:
        """Where parameters that are no rates start: at their priors."""
        layout = self.layout
        place = np.zeros(layout.size)
        if layout.free_sd:
            place[layout.n_directions - 1] = LOG_PATIENT_SD_PRIOR[0]
        place[layout.rho_at] = RHO_LOGIT_PRIOR[0]
        return place

    def start(self, log_rate: float) -> np.ndarray:
        """Return parameters to start from, all rates alike."""
        place = self._start.copy()
        place[: self.layout.n_rates] = log_rate
        return place

    def __call__(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the penalised log-likelihood and its gradient."""
        value, gradient, _, _ = self.evaluate(place)
        return value, gradient

    def evaluate(self, place: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Return the penalised log-likelihood, its gradient, the patients' own, and the posterior of their nodes."""
        layout = self.layout
        table, slope = self._at_overdispersion(place[layout.rho_at])
        log_rates, mixing = self._log_rates(place)
        moved, moved_slope = motions(self.rows.length, log_rates, layout.edges, layout.n_states)
        log_first, first_slope = self._first_weight(place[layout.rho_at + 1 :])
        own, by_direction, by_rho, weights = patient_likelihoods(
            self.first, self.rows.starts, self.rows.kinds, table, slope, self._table_of, self._logits, moved,
            moved_slope, mixing, np.log(self.node_weight)[:, None] + log_first[None, :],
        )  # fmt: skip
        gradient = np.empty(layout.size)
        gradient[: layout.n_directions] = by_direction.sum(axis=0)
        gradient[layout.rho_at] = by_rho.sum()
        gradient[layout.rho_at + 1 :] = weights.sum(axis=(0, 1)) @ first_slope
        penalty, penalty_slope = self._penalty(place)
        return float(own.sum()) - penalty, gradient - penalty_slope, own, weights

    @cached_property
    def _table_of(self) -> np.ndarray:
        """Table of each row: of its draw, or its own where something is added row by row."""
        return self.rows.draw if self.extra is None else np.arange(len(self.rows.draw))

    def _at_overdispersion(self, logit: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the tables at one overdispersion, and their derivative by its logit (cubic interpolation)."""
        step = RHO_LOGITS[1] - RHO_LOGITS[0]
        scaled = (logit - RHO_LOGITS[0]) / step
        place = int(np.clip(np.floor(scaled), 1, len(RHO_LOGITS) - 3))
        t = scaled - place
        weight, slope = np.empty(4), np.empty(4)
        cubic_weights(t, weight, slope)
        near = self.tables[:, place - 1 : place + 3]
        table = np.einsum("r,drg->dg", weight, near)
        by_logit = np.einsum("r,drg->dg", slope / step, near)
        if self.extra is None:
            return table, by_logit
        drawn = (self.rows.draw >= 0)[:, None]
        return np.where(drawn, table[self.rows.draw], 0.0) + self.extra, np.where(drawn, by_logit[self.rows.draw], 0.0)

    def _log_rates(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log rates ``(kinds, nodes, rates)`` and their derivatives by the directions."""
        layout = self.layout
        n_rates, treated = layout.n_rates, self.rows.treated[:, : layout.n_treatments]
        effects = place[n_rates : n_rates * (1 + layout.n_treatments)].reshape(layout.n_treatments, n_rates)
        sd = np.exp(place[layout.n_directions - 1]) if layout.free_sd else (layout.patient_sd or 0.0)
        log_rates = place[None, None, :n_rates] + (treated @ effects)[:, None, :] + sd * self.nodes[None, :, :]
        mixing = np.zeros((*log_rates.shape, layout.n_directions))
        for r in range(n_rates):
            mixing[:, :, r, r] = 1.0
            for c in range(layout.n_treatments):
                mixing[:, :, r, n_rates * (1 + c) + r] = treated[:, None, c]
            if layout.free_sd:
                mixing[:, :, r, -1] = sd * self.nodes[:, r]
        return log_rates, mixing

    def _first_weight(self, log_parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log prior weight of each first composition and its derivative by the log parameters."""
        parameters = np.exp(log_parameters)
        density = self.log_first @ (parameters - 1) + gammaln(parameters.sum()) - gammaln(parameters).sum()
        mean = digamma(parameters) - digamma(parameters.sum())
        return density + self.log_area, parameters * (self.log_first - mean)

    def _penalty(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        layout = self.layout
        mean, sd = np.zeros(layout.size), np.full(layout.size, np.inf)
        effects = slice(layout.n_rates, layout.n_rates * (1 + layout.n_treatments))
        mean[effects], sd[effects] = EFFECT_PRIOR
        if layout.free_sd:
            mean[layout.n_directions - 1], sd[layout.n_directions - 1] = LOG_PATIENT_SD_PRIOR
        mean[layout.rho_at], sd[layout.rho_at] = RHO_LOGIT_PRIOR
        mean[layout.rho_at + 1 :], sd[layout.rho_at + 1 :] = LOG_FIRST_PRIOR
        off = (place - mean) / sd
        return 0.5 * float(off @ off), off / sd

    def carried(self, place: np.ndarray) -> np.ndarray:
        """Return the transition matrices from each patient's first row to every row: ``(nodes, rows, S, S)``."""
        log_rates, _ = self._log_rates(place)
        moved, _ = motions(self.rows.length, log_rates, self.layout.edges, self.layout.n_states)
        out = np.empty((len(self.nodes), len(self.rows.day), *moved.shape[2:]))
        for row, kind in enumerate(self.rows.kinds):
            out[:, row] = np.eye(self.layout.n_states) if kind < 0 else out[:, row - 1] @ moved[kind]
        return out


def first_points(n_states: int) -> tuple[np.ndarray, np.ndarray]:
    """Return first compositions ``(points, states)`` and the log of the area that each stands for.

    Gauss-Legendre points of the arcsine of the square root, in which the precision of a share is about even.
    """
    nodes, weight = np.polynomial.legendre.leggauss(_POINTS[n_states])
    angle = np.pi * (nodes + 1) / 4
    share, area = np.sin(angle) ** 2, np.sin(2 * angle) * np.pi / 4 * weight
    if n_states == 2:
        return np.stack([1 - share, share], axis=1), np.log(area)
    third, of_rest = (axis.ravel() for axis in np.meshgrid(share, share, indexing="ij"))
    points = np.stack([(1 - third) * (1 - of_rest), (1 - third) * of_rest, third], axis=1)
    return points, np.log(np.outer(area, area).ravel() * (1 - third))


def own_rates(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes ``(nodes, rates)``, in standard deviations, and weights of the patients' own log rates.

    Products of three Gauss-Hermite points for one or two rates; beyond, the corners of a simplex, which have the mean
    and the covariance.
    """
    n = layout.n_rates
    if n == 0 or layout.patient_sd == 0:
        return np.zeros((1, n)), np.ones(1)
    if n <= 2:
        one, weight = np.array([-np.sqrt(3.0), 0.0, np.sqrt(3.0)]), np.array([1 / 6, 2 / 3, 1 / 6])
        grids = np.meshgrid(*[one] * n, indexing="ij")
        weights = np.meshgrid(*[weight] * n, indexing="ij")
        return np.stack([g.ravel() for g in grids], axis=1), np.prod([w.ravel() for w in weights], axis=0)
    corners = np.concatenate([np.eye(n), np.full((1, n), (1 - np.sqrt(n + 1)) / n)])
    corners = (corners - corners.mean(axis=0)) / corners.std(axis=0)
    return corners, np.full(n + 1, 1 / (n + 1))
