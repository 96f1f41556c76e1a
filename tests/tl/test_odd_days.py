"""Days that are no plain numbers, and posteriors that are no probabilities, in every design of transitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys
from her2plastic._errors import DataWarning, ParameterError
from her2plastic.datasets import simulate_clones, simulate_draws, simulate_sorted_assay
from her2plastic.tl import conversion, power, switching

DAYS = {"draws": _keys.DRAW_DAY, "panel": _keys.DRAW_DAY, "sorted": _keys.DAYS_AFTER_SORT, "clones": _keys.CLONE_DAY}


def _cells(design: str) -> AnnData:
    if design == "sorted":
        return simulate_sorted_assay(days=(0, 4), replicates=1, cells=30, seed=1).to_anndata()
    if design == "clones":
        return simulate_clones(n_clones=5, seed=1).to_anndata()
    return simulate_draws(n_patients=6, seed=1).to_anndata()


@pytest.mark.parametrize("design", DAYS)
@pytest.mark.parametrize("kind", ["dates", "spans", "yes or no"])
def test_dates_are_not_read_as_nanoseconds(design: str, kind: str) -> None:
    adata, key = _cells(design), DAYS[design]
    days = adata.obs[key]
    made: dict[str, Any] = {"dates": pd.to_datetime(days, unit="D"), "spans": pd.to_timedelta(days, unit="D")}
    adata.obs[key] = made.get(kind, days > 0)
    with pytest.raises(ParameterError, match=key):
        switching(adata, design=design)


def test_years_in_a_column_of_days_are_told() -> None:
    """Rates would be 365 times too fast, and called rates per day."""
    adata = _cells("panel")
    adata.obs[_keys.DRAW_DAY] = adata.obs[_keys.DRAW_DAY].astype(float) / 365.25
    with pytest.warns(DataWarning, match=r"draw_day.*are these years or months\? They are taken as days"):
        switching(adata, design="panel", options={"n_null": 0, "intervals": "hessian"})


@pytest.mark.parametrize(
    ("design", "odd"),
    [*((design, odd) for design in DAYS for odd in (-0.5, "x")), ("sorted", np.inf), ("clones", np.inf)],
)
def test_odd_posteriors_are_refused(design: str, odd: Any) -> None:
    adata = _cells(design)
    table = adata.obsm[_keys.HER2_POSTERIOR].astype(object)
    table.iloc[0] = [odd, 1.0, 0.5]
    adata.obsm[_keys.HER2_POSTERIOR] = table
    with pytest.raises(ParameterError, match=_keys.HER2_POSTERIOR):
        switching(adata, design=design)


@pytest.mark.parametrize("column", ["donor_id", "draw_day"])
def test_a_panel_without_a_single_draw_is_insufficient(column: str) -> None:
    adata = _cells("panel")
    adata.obs[column] = np.nan
    assert switching(adata, design="panel").status.startswith("insufficient: 0 draws")


@pytest.mark.parametrize("given", [{"n_null": "x"}, {"n_null": 1.5}, {"accuracies": "x"}, {"error": [[1], [1, 2]]}])
def test_odd_settings_of_a_conversion_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(given))):
        conversion(np.array([[30, 5], [6, 20]]), **{"error": 0.8, **given})


@pytest.mark.parametrize(
    "given", [{"n_patients": 5}, {"rates": 5}, {"rates": [[0, 1, 2], [1, 0]]}, {"rates": None}, {"overdispersion": 2}]
)
def test_odd_settings_of_power_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(given))):
        power(n=19, **given)
