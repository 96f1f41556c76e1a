from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from her2plastic import _keys, tl
from her2plastic._errors import MissingKeyError, ParameterError

PANELS = {"up": ["MKI67", "PCNA"], "still": ["HES1", "JAG1"]}


def cohort(n_donors: int = 8, *, effect: float = 0.8, n_cells: int = 40, depth: float = 1e4, seed: int = 0) -> Any:
    """Half of each donor's cells are HER2-positive and have panel ``up`` at 2 ** effect; donors differ by far more."""
    rng = np.random.default_rng(seed)
    n = n_donors * n_cells
    donor = np.repeat(np.arange(n_donors), n_cells)
    positive = np.tile(np.arange(n_cells) % 2 == 0, n_donors)
    depths = depth * np.exp(rng.normal(0, 0.7, n))
    level = np.exp2(rng.normal(0, 1.5, n_donors))[donor]
    up = level * np.where(positive, 2.0**effect, 1.0)
    rates = np.column_stack([up, up, level, level]) * 2e-4
    counts = np.column_stack([rng.poisson(rates * depths[:, None]), rng.poisson(depths)])
    state = pd.Categorical(np.where(positive, "HER2-positive", "HER2-low"), categories=list(_keys.STATES), ordered=True)
    adata = anndata.AnnData(
        sparse.csr_matrix(counts.astype(np.float32)),
        obs=pd.DataFrame(
            {"donor_id": [f"d{i}" for i in donor], "her2_state": state}, index=[f"c{i}" for i in range(n)]
        ),
        var=pd.DataFrame(index=[*PANELS["up"], *PANELS["still"], "ACTB"]),
    )
    adata.layers[_keys.COUNTS] = adata.X
    adata.obsm[_keys.HER2_POSTERIOR] = pd.get_dummies(state).astype(float).set_axis(adata.obs_names)
    tl.programmes(adata, programmes=PANELS)
    return adata


def test_effect_within_patients_is_found_and_no_other():
    comparison = tl.compare_programmes(cohort())
    frame: Any = comparison.to_frame().set_index("programme")
    assert frame.loc["up", "lower"] < 0.8 < frame.loc["up", "upper"]
    assert frame.loc["up", "lower"] > 0.4
    assert frame.loc["up", "p_value"] == 2 / 2**8
    assert frame.loc["up", "p_adjusted"] == pytest.approx(4 / 2**8)
    assert frame.loc["still", "lower"] < 0 < frame.loc["still", "upper"]
    assert (frame["n_donors"] == 8).all()
    assert (frame["note"] == "").all()
    assert len(comparison.donors) == 16
    assert "up: +0." in comparison.summary()
    assert "8 patients" in comparison.summary()


def test_weights_by_state_and_by_certain_posterior_agree():
    adata = cohort()
    by_state, by_posterior = (
        tl.compare_programmes(adata, weights=weights).to_frame() for weights in ("state", "posterior")
    )
    pd.testing.assert_frame_equal(by_state, by_posterior)


def test_uncertain_cells_draw_the_ratio_to_0():
    adata = cohort()
    adata.obsm[_keys.HER2_POSTERIOR] = 0.5 * adata.obsm[_keys.HER2_POSTERIOR] + 0.5 / 3
    frame: Any = tl.compare_programmes(adata).to_frame().set_index("programme")
    assert 0.1 < frame.loc["up", "log2_ratio"] < 0.5


def test_more_cells_of_the_same_patients_are_not_more_evidence():
    # deep enough for the half count that is added to every sum not to matter
    adata = cohort(7, depth=1e5)
    often = anndata.concat([adata] * 6, index_unique="-", uns_merge="same")
    often.obsm[_keys.HER2_POSTERIOR] = pd.concat([adata.obsm[_keys.HER2_POSTERIOR]] * 6).set_axis(often.obs_names)
    often.uns = adata.uns
    few, many = (tl.compare_programmes(data).to_frame() for data in (adata, often))
    width = [frame["upper"] - frame["lower"] for frame in (few, many)]
    assert np.allclose(width[0], width[1], rtol=0.05)
    assert few["p_value"].tolist() == many["p_value"].tolist()


def test_fewer_than_six_patients_are_shown_one_by_one():
    comparison = tl.compare_programmes(cohort(5))
    frame = comparison.to_frame()
    assert (frame["note"] == "insufficient: 5 patients have enough cells of both, 6 needed").all()
    assert frame[["log2_ratio", "lower", "upper", "p_value", "p_adjusted"]].isna().all(axis=None)
    assert len(comparison.donors) == 10
    assert comparison.donors["log2_ratio"].notna().all()
    assert "insufficient" in comparison.summary()


def test_patients_with_few_cells_of_a_state_are_left_out():
    adata = cohort(8)
    first = (adata.obs["donor_id"] == "d0").to_numpy() & (adata.obs["her2_state"] == "HER2-positive").to_numpy()
    kept = np.ones(adata.n_obs, dtype=bool)
    kept[np.flatnonzero(first)[2:]] = False
    comparison = tl.compare_programmes(adata[kept].copy())
    assert (comparison.to_frame()["n_donors"] == 7).all()
    assert "d0" not in set(comparison.donors["donor"])


def test_controls_other_cells_and_second_assays_are_left_out():
    adata = cohort(8)
    expected = tl.compare_programmes(adata).donors
    control = cohort(8, effect=6.0, seed=9)
    control.obs[_keys.LABEL] = "HER2-positive"
    other = cohort(8, effect=-6.0, seed=10)
    other.obs[_keys.IS_CTC] = False
    second = cohort(8, effect=5.0, seed=11, n_cells=20)
    second.obs[_keys.ASSAY] = "smart-seq2"
    parts = [adata, control, other, second]
    for part in parts:
        part.obs[_keys.IS_CTC] = part.obs.get(_keys.IS_CTC, True)
        part.obs[_keys.ASSAY] = part.obs.get(_keys.ASSAY, "10x")
    joined = anndata.concat(parts, index_unique="-", join="outer")
    posterior = pd.concat([part.obsm[_keys.HER2_POSTERIOR] for part in parts]).set_axis(joined.obs_names)
    joined.obsm[_keys.HER2_POSTERIOR] = posterior
    joined.uns = adata.uns
    pd.testing.assert_frame_equal(tl.compare_programmes(joined).donors, expected)


def test_cells_without_a_donor_or_assay_are_a_group_of_their_own():
    adata = cohort(8)
    adata.obs[_keys.ASSAY] = "10x"
    named, missing = adata.copy(), adata.copy()
    unknown = (adata.obs["donor_id"] == "d0").to_numpy()
    for key in ("donor_id", _keys.ASSAY):
        named.obs[key] = adata.obs[key].astype(object).where(~unknown, "nan")
        missing.obs[key] = adata.obs[key].astype("category").where(~unknown)
    expected = tl.compare_programmes(named).donors
    assert set(expected["donor"]) == {*(f"d{i}" for i in range(1, 8)), "nan"}
    pd.testing.assert_frame_equal(tl.compare_programmes(missing).donors, expected)


@pytest.mark.statistical
def test_shuffled_states_are_rarely_significant():
    adata = cohort(8, n_cells=24)
    rng = np.random.default_rng(4)
    significant = []
    for _ in range(60):
        order = np.concatenate([rng.permutation(24) + 24 * donor for donor in range(8)])
        posterior = adata.obsm[_keys.HER2_POSTERIOR]
        adata.obsm[_keys.HER2_POSTERIOR] = posterior.iloc[order].set_axis(adata.obs_names)
        significant += (tl.compare_programmes(adata).to_frame()["p_value"] <= 0.05).tolist()
    # 120 tests at 0.05: more than 13 would have a probability of 0.003
    assert sum(significant) <= 13


def test_bad_input_is_named():
    adata = cohort(2)
    faulty: Any = ("HER2-positive", ("HER2-positive",) * 2, ("HER2-positive", ()), ("positive", "HER2-0"))
    for between in faulty:
        with pytest.raises(ParameterError, match="between"):
            tl.compare_programmes(adata, between=between)
    with pytest.raises(ParameterError, match="weights"):
        tl.compare_programmes(adata, weights="call")
    with pytest.raises(ParameterError, match="level"):
        tl.compare_programmes(adata, level=95)
    with pytest.raises(ParameterError, match="min_cells"):
        tl.compare_programmes(adata, min_cells=0)
    with pytest.raises(MissingKeyError, match="available: 'donor_id', 'her2_state'"):
        tl.compare_programmes(adata, donor_key="patient")
    del adata.obsm[_keys.HER2_POSTERIOR]
    with pytest.raises(MissingKeyError, match="her2_state first"):
        tl.compare_programmes(adata)
    del adata.obsm[_keys.PROGRAMMES]
    with pytest.raises(MissingKeyError, match="tl.programmes first"):
        tl.compare_programmes(adata)


def test_record_after_a_round_trip(tmp_path):
    adata = cohort(6)
    adata.write_h5ad(tmp_path / "cells.h5ad")
    again = anndata.read_h5ad(tmp_path / "cells.h5ad")
    pd.testing.assert_frame_equal(tl.compare_programmes(again).to_frame(), tl.compare_programmes(adata).to_frame())
