"""Fixed effects if patients leave because of what their values truly do, seen or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic.models.censored_mixed.estimator import MixedFit, start_of
from her2plastic.models.censored_mixed.exact import fit_exact
from her2plastic.models.censored_mixed.likelihood import Leaving, SharedLikelihood, maximum
from her2plastic.models.censored_mixed.rows import MixedRows

if TYPE_CHECKING:
    import pandas as pd

#: Probability that the likelihood-ratio interval of the dependence holds.
_LEVEL: Final = 0.95


@dataclass(frozen=True)
class JointFit:
    """Values and leaving, fitted together.

    Attributes
    ----------
    dependence
        By how much the probit of leaving rises with one unit of the true change since the first visit.
    error
        Its standard error; missing where it is assumed.
    estimated
        Whether it was estimated, which rests on the random effects being normal.
    fit
        The fixed effects under it; None where the fit did not converge.
    """

    dependence: float
    error: float
    estimated: bool
    fit: MixedFit | None


def fit_joint(rows: MixedRows, leaving: Leaving, base: MixedFit, *, dependence: float | None) -> JointFit:
    """Fit values and leaving together: they share the random effects (Wu and Carroll 1988).

    Parameters
    ----------
    rows
        The values.
    leaving
        Who left before which visit.
    base
        The fit without leaving; its settings are kept.
    dependence
        Dependence of leaving on the true change; None to estimate it.

    Returns
    -------
    The joint fit.
    """
    function = SharedLikelihood(rows, leaving=leaving, dependence=dependence)
    exact = fit_exact(rows, restricted=False)
    start = start_of(rows, base.effects, exact.sigma, exact.factor)
    share = np.clip(leaving.left.mean(), 0.02, 0.98)
    first = np.zeros(function.n_leaving)
    first[0] = float(np.sqrt(2) * _inverse_error(2 * share - 1))
    top = maximum(function, np.concatenate([start, first]))
    effects, sigma, factor, _, slope, _ = function.split(top.place)
    error = float("nan") if dependence is not None else float(np.sqrt(max(top.covariance[-1, -1], 0.0)))
    if not top.converged:
        return JointFit(slope, error, dependence is None, None)
    p = len(effects)
    fit = MixedFit(**{
        **vars(base), "effects": effects, "covariance": top.covariance[:p, :p], "sigma": sigma,
        "random_covariance": factor @ factor.T, "loglik": top.loglik, "method": "likelihood, jointly with leaving",
    })  # fmt: skip
    return JointFit(slope, error, dependence is None, fit)


def _inverse_error(value: float) -> float:
    from scipy.special import erfinv

    return float(erfinv(value))


def joint_frame(fits: Sequence[JointFit], effects: Sequence[str]) -> pd.DataFrame:
    """Return a row per assumption and effect: ``dependence``, ``estimated``, how well it fits, and the effect.

    ``loglik`` is the log-likelihood, ``fits`` whether a likelihood-ratio test at 0.05 leaves the assumption standing
    beside the best of them; the effect comes with its interval.
    """
    import pandas as pd
    from scipy.stats import chi2

    best = max((joint.fit.loglik for joint in fits if joint.fit is not None), default=float("nan"))

    rows = []
    for joint in fits:
        if joint.fit is None:
            continue
        table = joint.fit.to_frame()
        table.insert(0, "dependence", joint.dependence)
        table.insert(1, "estimated", joint.estimated)
        table.insert(2, "loglik", joint.fit.loglik)
        table.insert(3, "fits", bool(2 * (best - joint.fit.loglik) <= chi2.ppf(_LEVEL, 1)))
        rows.append(table[table["effect"].isin(effects)])
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
