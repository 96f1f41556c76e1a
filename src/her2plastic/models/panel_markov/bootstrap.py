"""Panel models fitted again to samples of whole subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from her2plastic._errors import ParameterError, check_seed
from her2plastic.models.panel_markov.fitting import Optimum, climb
from her2plastic.models.panel_markov.likelihood import PanelLikelihood

if TYPE_CHECKING:
    import pandas as pd

#: Slope at which a climb counts as ended.
_SLOPE: Final = 0.05
_STEPS: Final = 300


@dataclass(frozen=True)
class PanelBootstrap:
    """Rates of samples of whole subjects.

    Attributes
    ----------
    rates
        ``(samples, states, states)``: generators at the mean of the covariates; missing where a fit did not converge.
    lower, upper
        ``(states, states)``: quantiles of the rates.
    level
        Probability between them.
    n_failed
        Samples whose fit did not converge.
    """

    rates: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    level: float
    n_failed: int

    def to_frame(self) -> pd.DataFrame:
        """Return a row per pair of states: median and quantiles of its rate."""
        import pandas as pd

        middle = np.nanmedian(self.rates, axis=0)
        rows = [
            {"from": i, "to": j, "median": middle[i, j], "lower": self.lower[i, j], "upper": self.upper[i, j]}
            for i, j in np.argwhere(middle > 0)
        ]
        return pd.DataFrame(rows, columns=["from", "to", "median", "lower", "upper"])

    def summary(self) -> str:
        """Return a line per rate."""
        lines = [f"{len(self.rates)} samples of subjects, {self.n_failed} without a fit"]
        for row in self.to_frame().to_dict("records"):
            lines.append(
                f"{row['from']} -> {row['to']}: {row['median']:.4g} ({row['lower']:.4g} to {row['upper']:.4g})"
            )
        return "\n".join(lines)


def resampled(
    likelihood: PanelLikelihood, best: Optimum, *, n_bootstrap: int, seed: int, level: float
) -> PanelBootstrap:
    """Return the rates of ``n_bootstrap`` samples of subjects drawn with replacement."""
    check_seed(seed)
    if n_bootstrap < 1:
        raise ParameterError(f"n_bootstrap={n_bootstrap!r}: expected at least 1 sample")
    rng = np.random.default_rng(seed)
    subjects = len(likelihood.weight)
    curvature = np.maximum(np.diag(best.information), 0.5)
    n_states = likelihood.structure.n_states
    rates = np.full((n_bootstrap, n_states, n_states), np.nan)
    mean = np.zeros((1, len(likelihood.data.names)))
    for sample in range(n_bootstrap):
        weight = np.bincount(rng.integers(0, subjects, subjects), minlength=subjects)
        drawn = likelihood.reweighted(weight)
        theta = climb(drawn, best.theta, curvature, steps=_STEPS)
        if np.abs(drawn.loss(theta)[1]).max() < _SLOPE:
            rates[sample] = likelihood.generators(theta, mean)[0] / likelihood.unit
    failed = int(np.isnan(rates).any(axis=(1, 2)).sum())
    if failed == n_bootstrap:
        quantiles = np.full((2, n_states, n_states), np.nan)
    else:
        quantiles = np.nanquantile(rates, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return PanelBootstrap(rates, quantiles[0], quantiles[1], level, failed)
