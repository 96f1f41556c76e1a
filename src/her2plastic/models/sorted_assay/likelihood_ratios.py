"""Whether a sorted assay needs switching: likelihood ratios, calibrated by measuring the null again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import betainc

from her2plastic.models.null_test import NullTest
from her2plastic.models.sorted_assay.data import AssayData
from her2plastic.models.sorted_assay.fit import Fit

#: Simulation ends once this many simulated ratios reach the observed one (Besag and Clifford 1991): a large p needs no
#: exact figure.
_ENOUGH = 10

Refit = Callable[[AssayData, np.ndarray | None, np.ndarray | None], tuple[Fit, Fit]]


def switching_test(null: Fit, full: Fit, refit: Refit, *, n_null: int, seed: int) -> NullTest:
    """Return the test of switching against growth and impurity alone.

    Every rate lies on its bound under the null, so that the likelihood ratio does not follow chi-square. The null is
    measured again instead, with its own growth, impurity and scatter, and both explanations are fitted each time.

    Parameters
    ----------
    null, full
        The fits without and with switching.
    refit
        Fits both to other data, from given starting values.
    n_null
        The most data sets simulated; fewer once the p-value is clearly large.
    seed
        Seed of the simulation.
    """
    name, statistic = "impurity and growth only", "twice the log-likelihood ratio of switching"
    observed = ratio(null, full)
    rng = np.random.default_rng(seed)
    simulated: list[float] = []
    reached = 0
    data, sigma = null.layout.data, null.spread.sigma
    for _ in range(n_null):
        again = data.measured_again(
            null.expected.shares, null.log_totals, null.spread.rho, 0.0 if np.isnan(sigma) else sigma, rng
        )
        simulated.append(ratio(*refit(again, null.values, full.values)))
        reached += simulated[-1] >= observed
        if reached >= _ENOUGH:
            break
    return NullTest.by_simulation(name, statistic, observed, np.array(simulated))


def nested_test(name: str, null: Fit, full: Fit, n_values: int) -> NullTest:
    """Return a likelihood-ratio test whose null lies inside the bounds, by F since the scatter is estimated."""
    statistic = "twice the log-likelihood ratio"
    more, rest = full.layout.n - null.layout.n, n_values - full.layout.n
    if more < 1 or rest < 1:
        return NullTest.lacking(name, statistic, f"{n_values} measured values, {full.layout.n + 1} needed")
    observed = ratio(null, full)
    f = np.expm1(observed / n_values) * rest / more
    return NullTest(name, statistic, observed, float(betainc(rest / 2, more / 2, rest / (rest + more * f))))


def ratio(null: Fit, full: Fit) -> float:
    """Return twice the log-likelihood ratio, at least 0."""
    return max(2 * (full.log_likelihood - null.log_likelihood), 0.0)
