"""Likelihood of values that may lie below a limit, and of what else a patient's random effects are shared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from her2plastic.models.censored_mixed.quadrature import Integral, Term, integrate
from her2plastic.models.censored_mixed.rows import MixedRows
from her2plastic.models.censored_mixed.terms import Counts, Values, YesNo

#: Nodes per random effect, by the number of these.
NODES: Final = {1: 21, 2: 11, 3: 5}
_DIFFERENCE = 1e-4
_FLATTEST = 1e-8


@dataclass(frozen=True)
class Leaving:
    """Whether patients left before a planned visit.

    The probit of leaving is ``w @ effects + dependence * change``, where ``change`` is the patient's true change since
    the first visit, ``x @ fixed effects + z @ random effects``.

    Attributes
    ----------
    patient
        Place of each row's patient.
    w
        Shape ``(rows, effects)``: design of leaving itself.
    x, z
        Designs of the change: those at the planned visit less those at the first.
    left
        Whether the patient left.
    """

    patient: np.ndarray
    w: np.ndarray
    x: np.ndarray
    z: np.ndarray
    left: np.ndarray


@dataclass(frozen=True)
class SharedCounts:
    """Binomial counts of the same patients.

    Attributes
    ----------
    patient
        Place of each row's patient.
    x
        Shape ``(rows, effects)``: design of their fixed effects.
    z
        Shape ``(rows, random effects)``: design of their random effects, behind those of the values.
    hits, n
        Counts.
    """

    patient: np.ndarray
    x: np.ndarray
    z: np.ndarray
    hits: np.ndarray
    n: np.ndarray


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is highest, how high, the covariance of the parameters, and whether the search ended."""

    place: np.ndarray
    loglik: float
    covariance: np.ndarray
    converged: bool


class SharedLikelihood:
    """Log-likelihood and its gradient by all parameters.

    Parameters are, in this order: fixed effects of the values; log of their residual deviation; lower triangle of the
    factor of the random effects, by rows; effects of leaving and its dependence on the change; effects of the counts.

    Parameters
    ----------
    rows
        The values.
    leaving
        Who left; None to leave that aside.
    counts
        Counts of the same patients; None for none. Their random effects come after those of the values.
    dependence
        Dependence of leaving on the change where it is assumed; None to estimate it.
    nodes
        Nodes per random effect; by default the fewer the more random effects there are.
    """

    def __init__(
        self,
        rows: MixedRows,
        *,
        leaving: Leaving | None = None,
        counts: SharedCounts | None = None,
        dependence: float | None = None,
        nodes: int | None = None,
    ) -> None:
        self.rows, self.leaving, self.counts, self.dependence = rows, leaving, counts, dependence
        extra = 0 if counts is None else counts.z.shape[1]
        self.p, self.q = rows.x.shape[1], rows.z.shape[1] + extra
        self.corner = np.tril_indices(self.q)
        self.nodes = NODES[min(self.q, max(NODES))] if nodes is None else nodes
        self.z = np.pad(rows.z, ((0, 0), (0, extra)))
        self.n_leaving = 0 if leaving is None else leaving.w.shape[1] + (dependence is None)
        self.n_counts = 0 if counts is None else counts.x.shape[1]
        self.n_parameters = self.p + 1 + len(self.corner[0]) + self.n_leaving + self.n_counts
        self._modes: np.ndarray | None = None

    def factor(self, place: np.ndarray) -> np.ndarray:
        """Return the lower triangular factor of the covariance of the random effects."""
        table = np.zeros((self.q, self.q))
        table[self.corner] = place[self.p + 1 : self.p + 1 + len(self.corner[0])]
        return table

    def split(self, place: np.ndarray) -> tuple[np.ndarray, float, np.ndarray, np.ndarray, float, np.ndarray]:
        """Return fixed effects, sigma, factor, effects of leaving, its dependence, and effects of the counts."""
        at = self.p + 1 + len(self.corner[0])
        leave = place[at : at + self.n_leaving]
        slope = self.dependence
        if self.leaving is not None and slope is None:
            leave, slope = leave[:-1], float(leave[-1])
        counts = place[at + self.n_leaving :]
        return place[: self.p], float(np.exp(place[self.p])), self.factor(place), leave, float(slope or 0.0), counts

    def terms(self, place: np.ndarray) -> list[Term]:
        """Return what was observed, at these parameters."""
        effects, sigma, factor, leave, slope, count_effects = self.split(place)
        rows = self.rows
        terms: list[Term] = [Values(rows.patient, rows.x @ effects, self.z @ factor, rows.y, rows.below, sigma)]
        if self.leaving is not None:
            left = self.leaving
            weights = slope * np.pad(left.z, ((0, 0), (0, self.q - left.z.shape[1]))) @ factor
            terms.append(YesNo(left.patient, left.w @ leave + slope * left.x @ effects, weights, left.left))
        if self.counts is not None:
            seen = self.counts
            weights = np.pad(seen.z, ((0, 0), (self.q - seen.z.shape[1], 0))) @ factor
            terms.append(Counts(seen.patient, seen.x @ count_effects, weights, seen.hits, seen.n))
        return terms

    def __call__(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log-likelihood and its gradient (Fisher's identity)."""
        terms = self.terms(place)
        found = integrate(terms, self.rows.n_patients, self.q, nodes=self.nodes, start=self._modes)
        if np.isfinite(found.modes).all():
            self._modes = found.modes
        gradient = np.zeros(self.n_parameters)
        by_factor = np.zeros((self.q, self.q))
        for term in terms:
            self._add_gradient(term, found, place, gradient, by_factor)
        at = self.p + 1
        gradient[at : at + len(self.corner[0])] = by_factor[self.corner]
        return float(found.loglik.sum()), gradient

    def _add_gradient(
        self, term: Term, found: Integral, place: np.ndarray, gradient: np.ndarray, by_factor: np.ndarray
    ) -> None:
        effects, _, factor, leave, slope, count_effects = self.split(place)
        predictor = term.base[:, None] + np.einsum("rq,rkq->rk", term.weights, found.u[term.patient])
        first = term.evaluate(predictor)[1]
        mean, with_u = found.expected(term.patient, first), found.expected_with_u(term.patient, first)
        if isinstance(term, Values):
            gradient[: self.p] += self.rows.x.T @ mean
            gradient[self.p] += found.expected(term.patient, term.by_log_sigma(predictor, first)).sum()
            by_factor += self.z.T @ with_u
        elif isinstance(term, YesNo) and self.leaving is not None:
            left = self.leaving
            z = np.pad(left.z, ((0, 0), (0, self.q - left.z.shape[1])))
            gradient[: self.p] += slope * left.x.T @ mean
            by_factor += slope * z.T @ with_u
            at = self.p + 1 + len(self.corner[0])
            gradient[at : at + len(leave)] += left.w.T @ mean
            if self.dependence is None:
                change = (left.x @ effects) * mean + ((z @ factor) * with_u).sum(axis=1)
                gradient[at + len(leave)] += change.sum()
        elif isinstance(term, Counts) and self.counts is not None:
            z = np.pad(self.counts.z, ((0, 0), (self.q - self.counts.z.shape[1], 0)))
            by_factor += z.T @ with_u
            gradient[len(gradient) - len(count_effects) :] += self.counts.x.T @ mean


def maximum(function: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray) -> Maximum:
    """Return the maximum, with the inverse of the observed information as covariance.

    Parameters
    ----------
    function
        Returns log-likelihood and gradient.
    start
        Where to start.

    Returns
    -------
    The maximum. Directions in which the likelihood is flat are taken as fixed where they are.
    """

    def negative(place: np.ndarray) -> tuple[float, np.ndarray]:
        height, slope = function(place)
        if not np.isfinite(height):
            return 1e10, np.zeros_like(place)
        return -height, -slope

    found = minimize(negative, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-12,
                                                                           "gtol": 1e-5, "maxcor": 30})  # fmt: skip
    place = found.x
    n = len(place)
    hessian = np.empty((n, n))
    for j in range(n):
        step = np.zeros(n)
        step[j] = _DIFFERENCE * max(1.0, abs(place[j]))
        hessian[j] = (function(place + step)[1] - function(place - step)[1]) / (2 * step[j])
    values, vectors = np.linalg.eigh(-(hessian + hessian.T) / 2)
    known = values > _FLATTEST * max(values.max(), 1.0)
    covariance = (vectors[:, known] / values[known]) @ vectors[:, known].T
    slope = function(place)[1]
    gain = float(slope @ covariance @ slope)
    return Maximum(place, -float(found.fun), covariance, bool(found.success or gain < 1e-4) and gain < 1e-2)
