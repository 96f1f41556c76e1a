"""Linear mixed model of values over time, some of them below a limit of detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic._errors import ParameterError, check_probability
from her2plastic.models.censored_mixed.exact import fit_exact
from her2plastic.models.censored_mixed.likelihood import SharedLikelihood, maximum
from her2plastic.models.censored_mixed.rows import MixedRows, mixed_rows

if TYPE_CHECKING:
    import pandas as pd

#: Fewest patients with three values or more from which a slope of their own is told from noise.
LEAST_FOR_SLOPES: Final = 5
_SINGULAR: Final = 1e-4
#: Values of a patient that differ by less are the same.
_CONSTANT: Final = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A number with its interval and the p-value of its being 0; missing where there is none."""

    estimate: float
    error: float
    lower: float
    upper: float
    p: float


@dataclass(frozen=True)
class MixedFit:
    """A fitted linear mixed model.

    Attributes
    ----------
    names
        Names of the fixed effects.
    effects
        The fixed effects.
    covariance
        Their covariance.
    freedom
        Degrees of freedom of their Student intervals: patients less the effects that differ between patients.
    sigma
        Residual standard deviation.
    random
        Names of the random effects that were fitted.
    random_covariance
        Their covariance.
    loglik
        Log-likelihood, or restricted log-likelihood.
    method
        What was maximised.
    n_patients, n_values, n_below
        Numbers of patients, of values, and of those below the limit.
    level
        Probability that an interval holds.
    notes
        What was fitted instead of what was asked for, a sentence each.
    """

    names: tuple[str, ...]
    effects: np.ndarray
    covariance: np.ndarray
    freedom: float
    sigma: float
    random: tuple[str, ...]
    random_covariance: np.ndarray
    loglik: float
    method: str
    n_patients: int
    n_values: int
    n_below: int
    level: float
    notes: tuple[str, ...] = ()

    def contrast(self, weights: Sequence[float] | np.ndarray) -> Estimate:
        """Return a weighted sum of the fixed effects with its interval."""
        from scipy.stats import t

        row = np.asarray(weights, dtype=float)
        value = float(row @ self.effects)
        error = float(np.sqrt(max(row @ self.covariance @ row, 0.0)))
        half = float(t.ppf(0.5 + self.level / 2, self.freedom)) * error
        p = float(2 * t.sf(abs(value) / error, self.freedom)) if error > 0 else float("nan")
        return Estimate(value, error, value - half, value + half, p)

    def to_frame(self) -> pd.DataFrame:
        """Return a row per fixed effect: estimate, standard error, interval and p."""
        import pandas as pd

        rows = [vars(self.contrast(row)) for row in np.eye(len(self.names))]
        return pd.DataFrame(rows, index=pd.Index(self.names, name="effect")).reset_index()

    @property
    def random_sd(self) -> dict[str, float]:
        """Standard deviation of each random effect between patients."""
        return dict(zip(self.random, np.sqrt(np.diag(self.random_covariance)).tolist(), strict=True))

    @property
    def random_correlation(self) -> float:
        """Correlation of the first two random effects; missing where there is one only, or one does not vary."""
        if len(self.random) < 2:
            return float("nan")
        spread = np.sqrt(np.diag(self.random_covariance))
        product = float(spread[0] * spread[1])
        return float(self.random_covariance[0, 1]) / product if product > 0 else float("nan")

    def summary(self) -> str:
        """Return what was fitted, and a line per fixed effect."""
        low = f", {self.n_below} below detection" if self.n_below else ""
        lines = [f"{self.method}; {self.n_patients} patients, {self.n_values} values{low}; random {self._random()}"]
        for row in self.to_frame().to_dict("records"):
            lines.append(f"{row['effect']}: {row['estimate']:.4g} ({row['lower']:.4g} to {row['upper']:.4g})")
        return "\n".join([*lines, *self.notes])

    def _random(self) -> str:
        spread = ", ".join(f"{name} sd {value:.3g}" for name, value in self.random_sd.items())
        return f"{spread}; within patients sd {self.sigma:.3g}"


class CensoredMixed:
    """Linear mixed model with values that may lie below a limit (Hughes 1999).

    Without such values the restricted likelihood is maximised in closed form, as R's lme4 does. With them it is the
    likelihood, in which a value below the limit counts with the probability of lying there; the random effects are
    integrated out by quadrature.

    Parameters
    ----------
    names
        Names of the fixed effects.
    random
        Names of the random effects, the intercept first.
    level
        Probability that an interval holds.
    restricted
        Maximise the restricted likelihood where no value lies below the limit.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        random: Sequence[str] = ("intercept", "time"),
        level: float = 0.95,
        restricted: bool = True,
    ) -> None:
        self.names = names
        self.random = random
        self.level = level
        self.restricted = restricted

    def fit(
        self,
        patient: Sequence[object] | np.ndarray,
        x: np.ndarray,
        z: np.ndarray,
        y: Sequence[float] | np.ndarray,
        below: Sequence[bool] | np.ndarray | None = None,
    ) -> CensoredMixed:
        """Fit; afterwards ``fitted_`` holds the result, ``rows_`` the values, or ``status_`` why there is none.

        ``x`` is rows by fixed effects, ``z`` rows by random effects; ``y`` holds the limit where ``below`` is true.
        """
        check_probability("level", self.level)
        rows = mixed_rows(patient, x, z, y, below)
        if rows.x.ndim != 2 or rows.x.shape[1] != len(self.names):
            raise ParameterError(f"x: expected {len(self.names)} columns ({', '.join(self.names)})")
        if rows.z.ndim != 2 or rows.z.shape[1] != len(self.random):
            raise ParameterError(f"z: expected {len(self.random)} columns ({', '.join(self.random)})")
        self.fitted_: MixedFit | None = None
        self.status_ = _shortfall(rows, self.names)
        self.rows_ = rows
        if self.status_ != "ok":
            return self
        rows, random, notes = _with_random_effects(rows, tuple(self.random))
        self.rows_ = rows
        self.fitted_, self.status_ = self._fitted(rows, random, notes)
        return self

    def _fitted(self, rows: MixedRows, random: tuple[str, ...], notes: list[str]) -> tuple[MixedFit | None, str]:
        n_below = int(rows.below.sum())
        exact = fit_exact(rows, restricted=self.restricted and not n_below)
        sigma, factor, loglik = exact.sigma, exact.factor, exact.loglik
        effects, covariance, converged = exact.effects, exact.covariance, exact.converged
        method = "restricted likelihood" if self.restricted else "likelihood"
        if n_below:
            function = SharedLikelihood(rows)
            top = maximum(function, start_of(rows, exact.effects, exact.sigma, exact.factor))
            converged, loglik, method = top.converged, top.loglik, "likelihood with values below detection as such"
            effects, sigma, factor = function.split(top.place)[:3]
            p = len(effects)
            covariance = top.covariance[:p, :p]
        if not converged:
            if len(random) > 1:
                simpler = MixedRows(**{**vars(rows), "z": rows.z[:, :1]})
                self.rows_ = simpler
                notes.append("the fit with slopes of patients did not converge: they share the slopes of their group")
                return self._fitted(simpler, random[:1], notes)
            return None, "the fit did not converge"
        covariance_of_random = factor @ factor.T
        for name, spread in zip(random, np.sqrt(np.diag(covariance_of_random)), strict=True):
            if spread < _SINGULAR * sigma:
                notes.append(f"the {name} does not vary between patients as far as can be told (its variance is 0)")
        return MixedFit(
            names=tuple(self.names), effects=effects, covariance=covariance, freedom=_freedom(rows), sigma=sigma,
            random=random, random_covariance=covariance_of_random, loglik=loglik, method=method,
            n_patients=rows.n_patients, n_values=len(rows.y), n_below=n_below, level=self.level, notes=tuple(notes),
        ), "ok"  # fmt: skip


def start_of(rows: MixedRows, effects: np.ndarray, sigma: float, factor: np.ndarray) -> np.ndarray:
    """Return parameters of the likelihood to start from, with random effects that can still grow."""
    least = 0.1 * sigma / np.maximum(np.abs(rows.z).max(axis=0), 1e-12)
    factor = factor.copy()
    q = len(factor)
    factor[np.arange(q), np.arange(q)] = np.maximum(np.abs(np.diag(factor)), least)
    return np.concatenate([effects, [np.log(max(sigma, 1e-6))], factor[np.tril_indices(q)]])


def _shortfall(rows: MixedRows, names: Sequence[str]) -> str:
    """Return ``"ok"``, or why the values cannot be fitted."""
    p = rows.x.shape[1]
    if rows.n_patients < p + 2:
        return f"insufficient: {rows.n_patients} patients for {p} effects; at least {p + 2} are needed"
    twice = int((rows.per_patient() >= 2).sum())
    if twice < 3:
        return f"insufficient: {twice} patients with two values or more; at least 3 are needed"
    seen = rows.x[~rows.below]
    if len(seen) < p + 2 or np.linalg.matrix_rank(seen) < p:
        return f"insufficient: the {len(seen)} values above detection do not tell the effects {', '.join(names)} apart"
    means = np.bincount(rows.patient, rows.y) / rows.per_patient()
    if np.abs(rows.y - means[rows.patient]).max() < _CONSTANT:
        return "insufficient: the values of no patient differ from one another"
    return "ok"


def _with_random_effects(rows: MixedRows, random: tuple[str, ...]) -> tuple[MixedRows, tuple[str, ...], list[str]]:
    """Return the rows with the random effects that they can tell."""
    often = int((rows.per_patient() >= 3).sum())
    if len(random) > 1 and often < LEAST_FOR_SLOPES:
        note = (
            f"only {often} patients have three values or more, of {LEAST_FOR_SLOPES} needed for slopes of their own: "
            "patients share the slopes of their group"
        )
        return MixedRows(**{**vars(rows), "z": rows.z[:, :1]}), random[:1], [note]
    return rows, random, []


def _freedom(rows: MixedRows) -> float:
    """Return patients less the rank of what differs between them."""
    counts = rows.per_patient()
    means = np.stack([np.bincount(rows.patient, column) / counts for column in rows.x.T], axis=1)
    within = rows.x - means[rows.patient]
    between = rows.x[:, np.abs(within).max(axis=0) < 1e-9]
    return float(max(rows.n_patients - max(np.linalg.matrix_rank(between) if between.size else 1, 1), 1))
