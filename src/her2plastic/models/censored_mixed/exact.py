"""Linear mixed model of values that are all known: its (restricted) likelihood in closed form (Laird and Ware 1982)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize

from her2plastic.models.censored_mixed.rows import MixedRows

#: Relative standard deviations of random effects that the search starts from.
_STARTS: Final = (1.0, 0.3, 3.0)
_SEARCH: Final[Any] = {"ftol": 1e-13, "gtol": 1e-7, "maxiter": 500}
#: Standard deviations of random effects are at most so many times that within patients.
_LARGEST: Final = 1e3
#: No residual is smaller, as a share of the variation of all values.
_LEAST_REST: Final = 1e-12
#: Minus twice the log-likelihoods of two searches that have found the same top.
_ALIKE: Final = 1e-4


@dataclass(frozen=True)
class ExactFit:
    """A maximum: fixed effects and their covariance, residual standard deviation, and the factor of random effects.

    ``factor`` is lower triangular; times its transpose it is the covariance of the random effects.
    """

    effects: np.ndarray
    covariance: np.ndarray
    sigma: float
    factor: np.ndarray
    loglik: float
    converged: bool


def fit_exact(rows: MixedRows, *, restricted: bool = True) -> ExactFit:
    """Fit by maximum (restricted) likelihood; no value may be censored.

    Parameters
    ----------
    rows
        Values.
    restricted
        Maximise the restricted likelihood, which does not make variances too small.

    Returns
    -------
    The maximum.
    """
    padded = _Padded(rows)
    q = rows.z.shape[1]
    corner = np.tril_indices(q)
    on_diagonal = corner[0] == corner[1]
    scale = np.sqrt((rows.z**2).mean(axis=0))
    bounds = [(0.0, _LARGEST) if here else (-_LARGEST, _LARGEST) for here in on_diagonal]

    def factor(place: np.ndarray) -> np.ndarray:
        table = np.zeros((q, q))
        table[corner] = place
        return table / scale[:, None]

    def height(place: np.ndarray) -> float:
        return padded.criterion(factor(place), restricted=restricted)[0]

    found = [
        minimize(height, np.where(on_diagonal, start, 0.0), method="L-BFGS-B", bounds=bounds, options=_SEARCH)
        for start in _STARTS
    ]
    tops = np.array([one.fun for one in found])
    best = found[int(np.argmin(tops))]
    # near the top the differences that stand for the gradient are rounding, and the search may say that it failed
    agreed = bool(best.success or np.sort(tops)[1] - tops.min() < _ALIKE)
    top, effects, covariance, sigma = padded.criterion(factor(best.x), restricted=restricted)
    return ExactFit(effects, covariance, sigma, sigma * factor(best.x), -top / 2, agreed)


class _Padded:
    """Rows as patients by visits; a visit that did not take place is a row of zeros with variance 1."""

    def __init__(self, rows: MixedRows) -> None:
        counts = rows.per_patient()
        place = np.arange(len(rows.y)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = (rows.n_patients, int(counts.max()))
        self.x = np.zeros((*shape, rows.x.shape[1]))
        self.z = np.zeros((*shape, rows.z.shape[1]))
        self.y = np.zeros(shape)
        self.x[rows.patient, place], self.z[rows.patient, place] = rows.x, rows.z
        self.y[rows.patient, place] = rows.y
        self.n, self.p = rows.x.shape
        self._least = _LEAST_REST * max(float(rows.y @ rows.y), 1.0)

    def criterion(self, factor: np.ndarray, *, restricted: bool) -> tuple[float, np.ndarray, np.ndarray, float]:
        """Return minus twice the log-likelihood, the fixed effects, their covariance and the residual deviation."""
        spread = self.z @ factor
        variance = spread @ spread.transpose(0, 2, 1) + np.eye(self.y.shape[1])
        root = np.linalg.cholesky(variance)
        both = np.linalg.solve(root, np.concatenate([self.x, self.y[..., None]], axis=2))
        x, y = both[..., :-1].reshape(-1, self.p), both[..., -1].ravel()
        basis, triangle = np.linalg.qr(x)
        effects = np.linalg.solve(triangle, basis.T @ y)
        rest = max(float(((y - x @ effects) ** 2).sum()), self._least)
        freedom = self.n - self.p if restricted else self.n
        height = freedom * (1 + np.log(2 * np.pi * rest / freedom))
        height += 2 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum()
        if restricted:
            height += 2 * np.log(np.abs(np.diag(triangle))).sum()
        inverse = np.linalg.inv(triangle)
        sigma2 = rest / freedom
        return float(height), effects, sigma2 * inverse @ inverse.T, float(np.sqrt(sigma2))
