from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from anndata import AnnData

from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.datasets import simulate_sorted_assay
from her2plastic.models import TransitionRates
from her2plastic.tl import switching
from her2plastic.tl.switching_sorted import statistic

MISREADING = ((0.85, 0.15, 0.0), (0.1, 0.85, 0.05), (0.0, 0.1, 0.9))
EVEN = np.full(3, 1 / 3)
FITTED = (
    "model", "group", "day", "state", "observed", "lower", "upper", "fitted", "fitted_lower", "fitted_upper", "n",
)  # fmt: skip


def _cells(**options: Any) -> AnnData:
    given = {"days": (0, 4, 10, 21), "replicates": 2, "cells": 400, "misclassification": MISREADING, **options}
    return simulate_sorted_assay(**given).to_anndata()


def test_rates_from_uncertain_cells() -> None:
    """Posteriors with 10 to 15 % doubt: the doubt is not switching, and does not hide it."""
    adata = _cells(seed=1, cells=3000)
    rates = switching(adata, design="sorted", options={"n_null": 19, "prior": EVEN})
    assert rates.found()
    truth = step_record(adata, "simulate_sorted_assay")["rates"]
    inside = (rates.lower <= truth) & (truth <= rates.upper)
    assert inside[~np.eye(3, dtype=bool)].sum() >= 4  # 90 % intervals
    posterior_of_read = np.array(MISREADING).T / np.sum(MISREADING, axis=0)[:, None]
    counted_as = np.array(MISREADING) @ posterior_of_read
    np.testing.assert_allclose(step_record(adata, "switching_sorted")["misclassification"], counted_as, atol=0.02)
    assert statistic(adata, prior=EVEN) > 20


def test_priors_by_name_and_merged_states() -> None:
    adata = _cells(seed=6)
    assert statistic(adata, prior="even") == pytest.approx(statistic(adata, prior=EVEN))
    rates = switching(adata, design="sorted", options={"n_null": 0, "prior": "even", "merge": "positive"})
    assert rates.states == ("HER2-0/low", "HER2-positive")
    starts = set(step_record(adata, "switching_sorted")["fitted"]["group"])
    assert starts == set(rates.states), "sorts of merged states go by the merged name"
    with pytest.raises(ParameterError, match="merge"):
        switching(adata, design="sorted", options={"merge": "low"})


def test_doubt_alone_is_no_switching() -> None:
    adata = _cells(variant="growth and impurity", seed=2)
    rates = switching(adata, design="sorted", options={"n_null": 19})
    assert not rates.found()
    assert rates.tests[0].name == "impurity and growth only"


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_the_record_is_whole_and_survives_a_file(tmp_path: Path, suffix: str) -> None:
    adata = _cells(seed=3, cells=100)
    rates = switching(adata, design="sorted", options={"n_null": 9})
    path = tmp_path / f"cells.{suffix}"
    adata.write_h5ad(path) if suffix == "h5ad" else adata.write_zarr(path)
    read = anndata.read_h5ad(path) if suffix == "h5ad" else anndata.read_zarr(path)
    record = step_record(read, "switching_sorted")
    again = TransitionRates.from_record(record)
    assert again.summary().splitlines()[1:] == rates.summary().splitlines()[1:]
    assert set(FITTED) <= set(record["fitted"])
    assert len({len(column) for column in record["fitted"].values()}) == 1
    assert set(record["fitted"]["group"]) == set(_keys.STATES)
    assert set(record["fitted"]["model"]) == set(record["models"]["model"])
    assert sum(record["models"]["weight"]) == pytest.approx(1.0)
    assert record["information"]["rank"] <= len(record["information"]["parameters"])


def test_same_seed_same_result() -> None:
    first, second = (switching(_cells(seed=4, cells=60), design="sorted", options={"n_null": 9}) for _ in "ab")
    assert first.summary() == second.summary()


def test_two_states_are_enough() -> None:
    adata = _cells(
        rates=((0, 0.03), (0.05, 0)),
        growth=(0.1, 0.2),
        misclassification=((0.95, 0.05), (0.1, 0.9)),
        cells=2000,
        seed=5,
    )
    rates = switching(adata, design="sorted", options={"n_null": 19})
    assert rates.states == ("HER2-0", "HER2-positive")
    np.testing.assert_allclose([rates.rates[0, 1], rates.rates[1, 0]], [0.03, 0.05], atol=0.015)


def test_without_wells_and_counts() -> None:
    adata = _cells(seed=6)
    del adata.obs["well_id"], adata.obs["well_cells"]
    rates = switching(adata, design="sorted", options={"n_null": 0})
    assert rates.numbers["wells"] == 12
    assert "cells were not counted" in rates.summary()


def test_controls_and_cells_that_are_no_ctcs_do_not_count() -> None:
    adata = _cells(seed=6, cells=50)
    adata.obs["is_ctc"] = np.arange(adata.n_obs) % 2 == 0
    assert switching(adata, design="sorted", options={"n_null": 0}).numbers["cells"] == adata.n_obs // 2
    adata.obs["is_ctc"] = False
    assert switching(adata, design="sorted").status == "insufficient: 0 cells with a state"


def test_cells_of_no_sort_are_left_out() -> None:
    adata = _cells(seed=6, cells=50)
    adata.obs.loc[adata.obs_names[:10], ["sorted_from", "days_after_sort"]] = np.nan
    rates = switching(adata, design="sorted", options={"n_null": 0})
    assert rates.numbers["cells"] == adata.n_obs - 10
    adata.obs["sorted_from"] = np.nan
    assert switching(adata, design="sorted").status == "insufficient: 0 cells with a state"


def test_ten_cells_are_too_few_and_say_so() -> None:
    adata = _cells(seed=7, cells=50)
    rates = switching(adata[:: adata.n_obs // 10].copy(), design="sorted")
    assert rates.status.startswith("insufficient")
    assert np.isnan(rates.rates).all()


def test_missing_and_faulty_columns() -> None:
    adata = _cells(seed=8, cells=20)
    with pytest.raises(MissingKeyError, match="nope"):
        switching(adata[:, :].copy(), design="sorted", options={"sorted_key": "nope"})
    bad = adata.copy()
    bad.obs["days_after_sort"] = "soon"
    with pytest.raises(ParameterError, match="expected numbers"):
        switching(bad, design="sorted")
    bad = adata.copy()
    bad.obs["days_after_sort"] = -bad.obs["days_after_sort"]
    with pytest.raises(ParameterError, match="at least 0"):
        switching(bad, design="sorted")
    bad = adata.copy()
    bad.obs.loc[bad.obs_names[:3], "days_after_sort"] = np.nan
    with pytest.raises(ParameterError, match="3 sorted cells have no day"):
        switching(bad, design="sorted")
    bad = adata.copy()
    bad.obs["well_cells"] = np.arange(bad.n_obs, dtype=float) + 1
    with pytest.raises(ParameterError, match="one number for all cells of a well"):
        switching(bad, design="sorted")
    bad = adata.copy()
    bad.obs["well_id"] = "one"
    with pytest.raises(ParameterError, match="several starts"):
        switching(bad, design="sorted")
    bad = adata.copy()
    del bad.obsm["her2_posterior"]
    with pytest.raises(MissingKeyError, match="her2_posterior"):
        switching(bad, design="sorted")


def test_posteriors_that_tell_nothing_give_no_rate() -> None:
    adata = _cells(seed=9, cells=60)
    adata.obsm["her2_posterior"].loc[:, :] = 1 / 3
    rates = switching(adata, design="sorted", options={"n_null": 9})
    assert np.isnan(rates.rates).all()
    assert not rates.found()
