"""Measured and fitted shares of a sorted assay side by side, as a figure needs them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

from her2plastic.models.sorted_assay.data import AssayData
from her2plastic.models.sorted_assay.fit import Fit


def curves(data: AssayData, fits: Mapping[str, Fit], *, level: float) -> dict[str, np.ndarray]:
    """Return equal-length columns, a row per explanation, start, day and state.

    Parameters
    ----------
    data
        What was measured.
    fits
        The fits by the name of their explanation.
    level
        Probability that an interval holds.

    Returns
    -------
    ``model`` (empty where nothing was fitted), ``group`` (number of the start), ``day``, ``state`` (number),
    ``observed`` with ``lower`` and ``upper`` (the mean over the wells, its interval by the scatter of the best-fitting
    explanation), ``fitted`` with ``fitted_lower`` and ``fitted_upper`` (by the delta method), ``n`` (cells).
    """
    z = float(norm.ppf(0.5 + level / 2))
    places = sorted({(int(group), float(day)) for group, day in zip(data.start, data.day, strict=True)})
    rho = min((fit.spread.rho for fit in fits.values()), default=0.0)
    rows = []
    missing = np.full(data.shares.shape, np.nan)
    explained = [(name, fit.expected.shares, _spread(fit)) for name, fit in fits.items()]
    for name, expected, spread in explained or [("", missing, missing)]:
        for group, day in places:
            wells = np.flatnonzero((data.start == group) & (data.day == day))
            share = np.average(data.shares[wells], axis=0, weights=1 / (1 / data.cells[wells] + rho))
            dispersion = 1 / (1 / (1 / data.cells[wells] + rho)).sum()
            half = z * np.sqrt(np.maximum(share * (1 - share), 0.25 / data.cells[wells].sum()) * dispersion)
            middle, error = expected[wells[0]], z * spread[wells[0]]
            for state in range(data.n_states):
                rows.append(
                    (
                        name, group, day, state, share[state], share[state] - half[state], share[state] + half[state],
                        middle[state], middle[state] - error[state], middle[state] + error[state],
                        data.cells[wells].sum(),
                    )
                )  # fmt: skip
    columns = (
        "model", "group", "day", "state", "observed", "lower", "upper", "fitted", "fitted_lower", "fitted_upper", "n"
    )  # fmt: skip
    table = {
        column: np.array([row[k] for row in rows], dtype=object if k == 0 else int if k in (1, 3) else float)
        for k, column in enumerate(columns)
    }
    for column in ("lower", "upper", "fitted_lower", "fitted_upper"):
        table[column] = np.clip(table[column], 0.0, 1.0)
    return table


def _spread(fit: Fit) -> np.ndarray:
    """Return the standard error of the expected share of every well and state."""
    covariance = np.linalg.pinv(fit.information, rcond=1e-10, hermitian=True)
    slopes = fit.expected.slopes
    return np.sqrt(np.maximum(np.einsum("wpk,pq,wqk->wk", slopes, covariance, slopes), 0.0))
