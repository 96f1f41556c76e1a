"""The explanations of a sorted assay side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from her2plastic.models.sorted_assay.fit import Fit

if TYPE_CHECKING:
    import pandas as pd


def compared(fits: Mapping[str, Fit], n_values: int) -> pd.DataFrame:
    """Return a row per explanation with log-likelihood, parameters, AIC, BIC and their weights, best first.

    Parameters
    ----------
    fits
        The fits by the name of their explanation.
    n_values
        Independent numbers in the data.
    """
    import pandas as pd

    likelihood = np.array([fit.log_likelihood for fit in fits.values()])
    number = np.array([fit.n_parameters for fit in fits.values()])
    frame = pd.DataFrame({"explanation": list(fits), "log_likelihood": likelihood, "n_parameters": number})
    for name, cost in (("aic", 2.0), ("bic", float(np.log(n_values)))):
        score = cost * number - 2 * likelihood
        weight = np.exp(-0.5 * (score - score.min(initial=np.inf)))
        frame[name], frame[f"{name}_weight"] = score, weight / max(weight.sum(), 1e-300)
    return frame.sort_values("aic", ignore_index=True)
