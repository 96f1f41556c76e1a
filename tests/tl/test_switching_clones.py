from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, concat

from her2plastic._access import step_record
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.datasets import simulate_clones
from her2plastic.models import TransitionRates
from her2plastic.tl import switching
from her2plastic.tl.switching_clones import statistic

MISREADING = ((0.9, 0.1, 0.0), (0.05, 0.9, 0.05), (0.0, 0.1, 0.9))
FAST = {"n_bootstrap": 60, "n_null": 39, "prior": np.full(3, 1 / 3)}
NEVER = ((0, 0, 0), (0, 0, 0), (0, 0, 0))


def test_rates_from_clones_of_uncertain_cells() -> None:
    adata = simulate_clones(n_clones=120, misclassification=MISREADING, seed=1).to_anndata()
    rates = switching(adata, design="clones", options=FAST)
    assert rates.found()
    truth = step_record(adata, "simulate_clones")["switching"]
    inside = (rates.lower <= truth) & (truth <= rates.upper)
    assert inside[~np.eye(3, dtype=bool)].sum() >= 4
    record = step_record(adata, "switching_clones")
    np.testing.assert_allclose(record["growth"], [0.12, 0.14, 0.23], atol=0.04)
    assert statistic(adata, prior=FAST["prior"]) == pytest.approx(rates.tests[0].observed)


def test_doubt_alone_makes_no_clone_mixed() -> None:
    adata = simulate_clones(n_clones=60, misclassification=MISREADING, switching=NEVER, seed=2).to_anndata()
    rates = switching(adata, design="clones", options=FAST)
    assert not rates.found()
    assert np.nanmax(rates.rates) < 0.01


def test_barcodes_seen_twice() -> None:
    """Founder cells of each barcode at day 0, its descendants at day 10, and a sample of both."""
    rng = np.random.default_rng(0)
    late = simulate_clones(
        n_clones=60, day=10, switching=((0, 0.05), (0.03, 0)), growth=(0.3, 0.3), seed=3
    ).to_anndata()
    late = late[rng.random(late.n_obs) < 0.8].copy()
    clones = late.obs.drop_duplicates("clone_id")
    early = late[clones.index].copy()
    early.obs["clone_day"] = 0.0
    states = early.obs["founder_state"].astype(str).to_numpy()
    early.obsm["her2_posterior"] = pd.DataFrame(
        {name: (states == name).astype(float) for name in late.obsm["her2_posterior"]}, index=early.obs_names
    )
    adata = concat([early, late], index_unique="-")
    del adata.obs["founder_state"]
    rates = switching(adata, design="clones", options={"n_bootstrap": 60, "n_null": 19})
    assert rates.status == "ok"
    np.testing.assert_allclose([rates.rates[0, 1], rates.rates[1, 0]], [0.05, 0.03], atol=0.02)
    assert "clones were sampled" in rates.summary()


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_the_record_survives_a_file(tmp_path: Path, suffix: str) -> None:
    adata = simulate_clones(n_clones=10, seed=4).to_anndata()
    rates = switching(adata, design="clones", options={"n_bootstrap": 20, "n_null": 9})
    path = tmp_path / f"cells.{suffix}"
    adata.write_h5ad(path) if suffix == "h5ad" else adata.write_zarr(path)
    read = anndata.read_h5ad(path) if suffix == "h5ad" else anndata.read_zarr(path)
    record = step_record(read, "switching_clones")
    again = TransitionRates.from_record(record)
    assert again.summary().splitlines()[1:] == rates.summary().splitlines()[1:]
    assert len({len(column) for column in record["fitted"].values()}) == 1


def test_same_seed_same_result() -> None:
    first, second = (
        switching(simulate_clones(n_clones=8, seed=5).to_anndata(), design="clones", options=FAST) for _ in "ab"
    )
    assert first.summary() == second.summary()


def _small() -> AnnData:
    return simulate_clones(n_clones=6, day=8, seed=6).to_anndata()


def test_missing_and_faulty_columns() -> None:
    with pytest.raises(MissingKeyError, match="nope"):
        switching(_small(), design="clones", options={"clone_key": "nope"})
    bad = _small()
    bad.obs["founder_state"] = "odd"
    with pytest.raises(ParameterError, match="is no state"):
        switching(bad, design="clones")
    bad = _small()
    bad.obs["founder_state"] = bad.obs["true_state"]
    with pytest.raises(ParameterError, match="one founder state"):
        switching(bad, design="clones")
    bad = _small()
    bad.obs["clone_day"] = -1.0
    with pytest.raises(ParameterError, match="at least 0"):
        switching(bad, design="clones")


def test_clones_without_founders_are_insufficient() -> None:
    adata = _small()
    del adata.obs["founder_state"]
    rates = switching(adata, design="clones")
    assert rates.status == "insufficient: 0 clones with founders and descendants"
    assert np.isnan(statistic(adata))


def test_posteriors_that_tell_nothing_are_insufficient() -> None:
    adata = _small()
    adata.obsm["her2_posterior"].loc[:, :] = 1 / 3
    rates = switching(adata, design="clones")
    assert "tell fewer than 3 states apart" in rates.status
    assert np.isnan(rates.rates).all()
    assert np.isnan(statistic(adata))


def test_cells_of_one_state_do_not_switch() -> None:
    adata = simulate_clones(n_clones=20, switching=NEVER, seed=7).to_anndata()
    adata = adata[(adata.obs["founder_state"] == "HER2-low").to_numpy()].copy()
    rates = switching(adata, design="clones", options={"n_bootstrap": 20, "n_null": 19})
    assert not rates.found()
    assert not np.nansum(rates.rates)


def test_too_few_clones_give_a_status_with_their_number() -> None:
    rates = switching(simulate_clones(n_clones=4, seed=2).to_anndata(), design="clones", options={"n_null": 9})
    assert rates.status.startswith("insufficient: at most 4")
    assert np.isnan(rates.rates).all()


@pytest.mark.parametrize("errors", [np.full((3, 3), np.nan), "word", np.eye(2), np.full((3, 3), 0.5)])
def test_errors_of_calls_that_are_none_are_refused_by_name(errors: object) -> None:
    cells = simulate_clones(n_clones=6, seed=1).to_anndata()
    with pytest.raises(ParameterError, match="^misclassification"):
        switching(cells, design="clones", options={"misclassification": errors})


def test_odd_purity_of_founders_is_refused_by_its_own_name() -> None:
    cells = simulate_clones(n_clones=12, seed=1).to_anndata()
    with pytest.raises(ParameterError, match="^founder_purity"):
        switching(cells, design="clones", options={"founder_purity": np.full((3, 3), 0.5)})
