"""Likelihoods of patients who share random effects, integrated by adaptive Gauss-Hermite quadrature.

Every term of a patient's likelihood is a concave function of a linear predictor ``base + weights @ u``, where the
``u`` are independent standard normal. The nodes are placed about each patient's mode (Pinheiro and Bates 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np

_NEWTON = 60
_HALVINGS = 30


class Term(Protocol):
    """Rows of one kind of observation."""

    @property
    def patient(self) -> np.ndarray:
        """Place of each row's patient."""

    @property
    def base(self) -> np.ndarray:
        """Linear predictor of each row without random effects."""

    @property
    def weights(self) -> np.ndarray:
        """Shape ``(rows, random effects)``: how far each standard normal ``u`` moves it."""

    def evaluate(self, predictor: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log-likelihood, first and second derivative of rows x nodes."""


@dataclass(frozen=True)
class Integral:
    """What the quadrature gives.

    Attributes
    ----------
    loglik
        Log-likelihood of each patient.
    u
        Shape ``(patients, nodes, random effects)``: the nodes.
    share
        Shape ``(patients, nodes)``: posterior probability of each node.
    modes
        Shape ``(patients, random effects)``: where to start the next time.
    """

    loglik: np.ndarray
    u: np.ndarray
    share: np.ndarray
    modes: np.ndarray

    def expected(self, patient: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the posterior mean of values, rows x nodes."""
        return (self.share[patient] * values).sum(axis=1)

    def expected_with_u(self, patient: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the posterior mean of values times each random effect, rows x random effects."""
        return np.einsum("rk,rkq->rq", self.share[patient] * values, self.u[patient])


def integrate(terms: list[Term], n_patients: int, n_effects: int, *, nodes: int, start: np.ndarray | None) -> Integral:
    """Integrate the random effects out.

    Parameters
    ----------
    terms
        What was observed.
    n_patients, n_effects
        Number of patients and of random effects.
    nodes
        Nodes per random effect.
    start
        Modes to start from; None for 0.

    Returns
    -------
    Log-likelihoods and posteriors.
    """
    modes = np.zeros((n_patients, n_effects)) if start is None else start.copy()
    modes, precision = _modes(terms, modes)
    place, log_weight = _grid(n_effects, nodes)
    root = np.linalg.cholesky(np.linalg.inv(precision))
    u = modes[:, None, :] + place @ root.transpose(0, 2, 1)
    height = -0.5 * (u**2).sum(axis=2)
    for term in terms:
        predictor = term.base[:, None] + np.einsum("rq,rkq->rk", term.weights, u[term.patient])
        np.add.at(height, term.patient, term.evaluate(predictor)[0])
    # the nodes are those of exp(-x ** 2 / 2), and the constant of the standard normal cancels
    height += log_weight + 0.5 * (place**2).sum(axis=1)
    top = height.max(axis=1, keepdims=True)
    share = np.exp(height - top)
    total = share.sum(axis=1, keepdims=True)
    log_root = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    return Integral(top[:, 0] + np.log(total[:, 0]) + log_root, u, share / total, modes)


def _grid(n_effects: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes of the standard normal and the logarithms of their weights, which sum to 1."""
    place, weight = np.polynomial.hermite_e.hermegauss(nodes)
    table = np.array(list(product(place, repeat=n_effects)))
    log_weight = np.log(weight / weight.sum())
    return table, np.array([sum(one) for one in product(log_weight, repeat=n_effects)])


def _modes(terms: list[Term], modes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each patient's mode and the curvature there, by Newton steps that are halved where they would fall."""
    height, slope, curve = _at(terms, modes)
    for _ in range(_NEWTON):
        step = np.linalg.solve(curve, slope[..., None])[..., 0]
        gain = (slope * step).sum(axis=1)
        if gain.max() < 1e-12:
            break
        length = np.ones(len(modes))
        for _ in range(_HALVINGS):
            moved = modes + length[:, None] * step
            found = _at(terms, moved)
            worse = found[0] < height - 1e-9 * (1 + np.abs(height))
            if not worse.any():
                break
            length[worse] /= 2
        modes, (height, slope, curve) = moved, found
    return modes, curve


def _at(terms: list[Term], modes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return height, gradient and negative Hessian of each patient's log posterior of ``u``."""
    height, slope = -0.5 * (modes**2).sum(axis=1), -modes.copy()
    curve = np.repeat(np.eye(modes.shape[1])[None], len(modes), axis=0)
    for term in terms:
        predictor = term.base + (term.weights * modes[term.patient]).sum(axis=1)
        value, first, second = (part[:, 0] for part in term.evaluate(predictor[:, None]))
        np.add.at(height, term.patient, value)
        np.add.at(slope, term.patient, first[:, None] * term.weights)
        outer = term.weights[:, :, None] * term.weights[:, None, :]
        np.add.at(curve, term.patient, -second[:, None, None] * outer)
    return height, slope, curve
