from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from her2plastic import _keys, im
from her2plastic._errors import DataWarning, MissingKeyError, ParameterError

SOME = (0, 1, 2, 3, 3)


def batches(adata: AnnData) -> Any:
    return pd.DataFrame(adata.uns["her2plastic"]["image_identity"]["batches"]).set_index("batch")


def joined(*slides: AnnData) -> AnnData:
    return anndata.concat(slides)


@pytest.mark.parametrize(("leukocytes", "ctcs"), [(5000, 3), (5000, 0), (200, 0), (200, 10), (60, 60), (100, 500)])
@pytest.mark.parametrize("seed", [0, 1])
def test_few_ctcs_are_found_among_many_leukocytes_and_none_where_there_is_none(
    measured: Callable[..., AnnData], leukocytes: int, ctcs: int, seed: int
) -> None:
    adata = measured(leukocytes=leukocytes, scores=np.arange(ctcs) % 4, seed=seed)
    im.ctc_identity(adata)
    truth = adata.obs["true_ctc"].to_numpy()
    called = adata.obs["is_ctc"].to_numpy()
    assert (called & truth).sum() >= 0.95 * ctcs
    assert (called & ~truth).sum() <= 0.002 * leukocytes
    assert (adata.obs["identity"] == "leukocyte")[~truth].mean() > 0.99
    assert batches(adata).loc["s1", "status"] == "ok"


def test_posterior_adds_up_and_says_what_it_writes(measured: Callable[..., AnnData], tmp_path: Path) -> None:
    adata = measured(scores=SOME)
    im.ctc_identity(adata)
    posterior = adata.obsm["identity_posterior"]
    assert list(posterior.columns) == list(_keys.IMAGE_IDENTITIES)
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    assert (posterior.to_numpy() >= 0).all()
    np.testing.assert_array_equal(adata.obs["ctc_probability"], posterior["CTC"])
    for write, read in ((AnnData.write_h5ad, anndata.read_h5ad), (AnnData.write_zarr, anndata.read_zarr)):
        write(adata, tmp_path / write.__name__)
        again = read(tmp_path / write.__name__)
        pd.testing.assert_frame_equal(again.obsm["identity_posterior"], posterior, check_column_type=False)
        assert again.obs["identity_reason"].astype(str).tolist() == adata.obs["identity_reason"].tolist()


def test_reason_names_the_side_of_each_gate(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=(0, 3))
    im.ctc_identity(adata)
    reasons = adata.obs["identity_reason"]
    assert reasons.iloc[0] == "nucleus, CD45 above gate, CK and HER2 below gate"
    assert reasons.iloc[-1] == "nucleus, CK and HER2 above gate, CD45 below gate"
    gates = batches(adata).loc["s1", ["gate_CK", "gate_CD45", "gate_HER2"]].astype(float)
    assert (gates.to_numpy() > [20, 30, 70]).all()
    assert (gates.to_numpy() < [130, 200, 200]).all()


def one(adata: AnnData, place: int, **values: float) -> None:
    """Give one object other features."""
    matrix: Any = adata.X
    for name, value in values.items():
        matrix[place, adata.var_names.get_loc(name)] = value


def test_kinds_that_are_no_ctc_have_their_names(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=(2, 2, 2, 2, 2, 2))
    n = adata.n_obs
    one(adata, n - 1, CK_cell_mean=12, CK_nucleus_mean=12)  # CK-, HER2 2+
    one(adata, n - 2, CD45_cell_mean=300)  # a leukocyte on a CTC
    one(adata, n - 3, cell_diameter_um=3.5)
    one(adata, n - 4, CK_cell_mean=1500, CD45_cell_mean=2500, HER2_cell_mean=2000, DAPI_cytoplasm_mean=1500)
    one(adata, 0, CD45_cell_mean=2, CD45_nucleus_mean=2, CK_cell_mean=1, HER2_cell_mean=1)
    adata.obs.loc[adata.obs_names[:3], "kind"] = ["bare nucleus", "debris", "bare nucleus"]
    im.ctc_identity(adata)
    identity = adata.obs["identity"].astype(str)
    assert identity.iloc[-4:].tolist() == ["bright blob", "other", "CTC-leukocyte", "CK- HER2+"]
    assert identity.iloc[:3].tolist() == ["bare nucleus", "debris", "leukocyte"]
    assert "too small" in adata.obs["identity_reason"].iloc[-3]
    assert adata.obs["identity_reason"].iloc[1].startswith("no nucleus")
    assert not adata.obs["is_ctc"].iloc[-4:].any()


def test_few_leukocytes_are_better_than_none(measured: Callable[..., AnnData]) -> None:
    adata = measured(leukocytes=12, scores=[0, 1, 2, 3])
    im.ctc_identity(adata)
    assert batches(adata).loc["s1", "status"] == "insufficient: about 12 leukocytes, fewer than the 20 needed"
    assert batches(adata).loc["s1", "gates_from"] == "gates from doubtful leukocytes"
    np.testing.assert_array_equal(adata.obs["is_ctc"], adata.obs["true_ctc"])


def test_cd45_that_tells_nothing_shows_no_leukocyte_and_no_ctc(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=[0, 1, 2, 3] * 20)
    cd45 = 60 * np.exp(1.2 * np.random.default_rng(0).standard_normal(adata.n_obs))
    matrix: Any = adata.X
    for name in ("CD45_cell_mean", "CD45_nucleus_mean"):
        matrix[:, adata.var_names.get_loc(name)] = cd45
    im.ctc_identity(adata)
    assert batches(adata).loc["s1", "status"].startswith("insufficient: CD45")
    assert set(adata.obs["identity"].astype(str)) == {"other"}
    reason = "nucleus, CK and HER2 above gate, CD45 not judged, gates from doubtful leukocytes"
    assert adata.obs["identity_reason"].iloc[-1] == reason


def test_bleeding_her2_makes_no_cytokeratin(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=(3, 3, 3))
    her2 = adata[-1, "HER2_cell_mean"].X.item()
    one(adata, adata.n_obs - 1, CK_cell_mean=15 + 0.02 * her2, CK_nucleus_mean=15 + 0.02 * her2)
    im.ctc_identity(adata)
    assert adata.obs["identity"].iloc[-1] == "CK- HER2+"


def test_groups_of_touching_cells_are_named(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=(1, 1, 1, 1))
    cluster = np.zeros(adata.n_obs, dtype=int)
    cluster[[0, 1]], cluster[[2, -1]], cluster[[-3, -2]] = 1, 2, 3
    adata.obs["cluster"] = cluster
    im.ctc_identity(adata)
    kind = adata.obs["cluster_kind"]
    assert kind.iloc[[0, 2, -1, -2]].tolist() == [
        "leukocyte cluster", "CTC-leukocyte cluster", "CTC-leukocyte cluster", "CTC cluster",
    ]  # fmt: skip
    assert kind.isna().sum() == adata.n_obs - 6


def test_gain_of_the_slide_changes_nothing(measured: Callable[..., AnnData]) -> None:
    """8-bit and 16-bit slides in one cohort: gates are each slide's own."""
    adata = joined(measured(scores=SOME, slide_id="a"), measured(scores=SOME, slide_id="b", gain=40.0))
    im.ctc_identity(adata)
    one_slide, other = (adata.obs["is_ctc"][adata.obs["slide_id"] == name].to_numpy() for name in "ab")
    np.testing.assert_array_equal(one_slide, other)
    np.testing.assert_array_equal(one_slide, adata.obs["true_ctc"][adata.obs["slide_id"] == "a"])


# --- where leukocytes do not do as a control ------------------------------------------------------------------------
def test_slide_without_leukocytes_is_insufficient_and_borrows_gates(measured: Callable[..., AnnData]) -> None:
    adata = joined(measured(scores=SOME, slide_id="a"), measured(leukocytes=0, scores=[1] * 50, slide_id="line"))
    im.ctc_identity(adata)
    table = batches(adata)
    assert table.loc["line", "status"].startswith("insufficient")
    assert table.loc["line", "gates_from"] == "gates from other batches"
    assert adata.obs["is_ctc"][adata.obs["slide_id"] == "line"].all()
    assert adata.obs["identity_reason"].iloc[-1].endswith("gates from other batches")


def test_gates_are_not_borrowed_from_another_camera(measured: Callable[..., AnnData]) -> None:
    adata = joined(
        measured(scores=SOME, slide_id="a", gain=16.0), measured(leukocytes=0, scores=[1] * 50, slide_id="line")
    )
    im.ctc_identity(adata)
    assert batches(adata).loc["line", "gates_from"] == "gates from the local background"
    assert adata.obs["is_ctc"][adata.obs["slide_id"] == "line"].mean() > 0.9


def test_without_leukocytes_and_background_nothing_is_a_ctc(measured: Callable[..., AnnData]) -> None:
    adata = measured(leukocytes=0, scores=[2] * 40)
    adata = adata[:, [name for name in adata.var_names if not name.endswith("_background")]].copy()
    im.ctc_identity(adata)
    # 40 bright cells of one kind: without a reference, nobody can say what they are bright against
    assert not adata.obs["is_ctc"].any()


@pytest.mark.parametrize("lacking", ["CK", "CD45"])
def test_without_a_channel_no_ctc_is_shown(measured: Callable[..., AnnData], lacking: str) -> None:
    adata = measured(scores=SOME, channels=[c for c in ("DAPI", "CK", "CD45", "HER2") if c != lacking])
    im.ctc_identity(adata)
    assert not adata.obs["is_ctc"].any()
    assert lacking in batches(adata).loc["s1", "status"]
    assert adata.uns["her2plastic"]["image_identity"]["lacking"].tolist() == [lacking]


def test_her2_is_not_needed(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=SOME, channels=("DAPI", "CK", "CD45"))
    im.ctc_identity(adata)
    np.testing.assert_array_equal(adata.obs["is_ctc"], adata.obs["true_ctc"])
    assert "HER2 not judged" in adata.obs["identity_reason"].iloc[0]


def test_object_without_a_value_is_not_named_after_the_others(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=SOME)
    one(adata, 0, CK_cell_mean=np.nan, CK_nucleus_mean=np.nan)
    one(adata, adata.n_obs - 1, CD45_cell_mean=np.nan, CD45_nucleus_mean=np.nan)
    im.ctc_identity(adata)
    assert adata.obs["identity"].iloc[[0, -1]].tolist() == ["other", "other"]
    assert adata.obs["is_ctc"].sum() == len(SOME) - 1


def test_saturated_slide_names_nothing(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=SOME)
    matrix: Any = adata.X
    matrix[:] = 4095.0
    im.ctc_identity(adata)
    assert batches(adata).loc["s1", "status"].endswith("the same in every cell")
    assert set(adata.obs["identity"].astype(str)) == {"other"}


def test_no_object_at_all_is_a_result(measured: Callable[..., AnnData]) -> None:
    adata = measured()[[]].copy()
    im.ctc_identity(adata)
    assert adata.obsm["identity_posterior"].shape == (0, len(_keys.IMAGE_IDENTITIES))


def test_constant_channel_calls_nothing(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=SOME)
    matrix: Any = adata.X
    for name in ("CK_cell_mean", "CK_nucleus_mean", "CK_background"):
        matrix[:, adata.var_names.get_loc(name)] = 0.0
    im.ctc_identity(adata, bleed_through=0)
    assert "CK the same in every cell" in batches(adata).loc["s1", "status"]
    assert not adata.obs["is_ctc"].any()


# --- published gates ------------------------------------------------------------------------------------------------
def test_published_gates_warn_of_their_camera_and_decide_hard(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=SOME)
    with pytest.warns(DataWarning, match="camera"):
        im.ctc_identity(adata, gates="accept_cell_line_um2")
    assert set(np.unique(adata.obsm["identity_posterior"])) == {0.0, 1.0}
    ctc = adata.obs["is_ctc"].to_numpy()
    features = adata.to_df()
    by_hand = (features["CK_cell_max"] > 400) & (features["CD45_cell_max"] < 200) & (features["cell_area_um2"] > 75)
    np.testing.assert_array_equal(ctc, by_hand)
    assert adata.obs["identity_reason"].iloc[0] == "CK_cell_max not above 400"


def test_published_gates_need_their_features(measured: Callable[..., AnnData]) -> None:
    adata = measured(scores=SOME)
    adata = adata[:, adata.var_names != "CK_cell_sd"].copy()
    with pytest.warns(DataWarning), pytest.raises(MissingKeyError, match="CK_cell_sd"):
        im.ctc_identity(adata, gates="accept_breast_px")


# --- wrong use ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "wrong",
    [
        {"gates": "accept"}, {"gates": "accept_leukocyte_px"}, {"threshold": 0}, {"least_diameter_um": -1},
        {"least_leukocytes": 0}, {"bleed_through": 1},
    ],
)  # fmt: skip
def test_wrong_parameters_are_named(measured: Callable[..., AnnData], wrong: dict) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        im.ctc_identity(measured(), **wrong)


def test_missing_batch_and_stains_are_named(measured: Callable[..., AnnData]) -> None:
    adata = measured()
    with pytest.raises(MissingKeyError, match="run"):
        im.ctc_identity(adata, batch_key="run")
    with pytest.raises(ParameterError, match="CK, CD45, HER2"):
        im.ctc_identity(measured(channels=("DAPI",)))
    adata.obs["kind"] = "thing"
    with pytest.raises(ParameterError, match="thing"):
        im.ctc_identity(adata)


@pytest.mark.parametrize("channel", ["CK", "CD45", "HER2"])
def test_a_dead_channel_says_nothing_of_its_slide_and_of_others(measured: Callable[..., AnnData], channel: str) -> None:
    dead, few = measured(scores=[3] * 4), measured(leukocytes=3, scores=[3] * 4, slide_id="s2", seed=1)
    matrix: Any = dead.X
    matrix[:, dead.var_names.str.startswith(f"{channel}_")] = 0.0
    cells = joined(dead, few)
    im.ctc_identity(cells)
    assert "gates from other batches" not in batches(cells)["gates_from"].tolist()
    first = (cells.obs["slide_id"] == "s1").to_numpy()
    if channel == "HER2":
        assert cells.obs["is_ctc"][first].sum() == 4
        assert (cells.obs["identity"][first] == "leukocyte").sum() >= 290
    else:
        assert cells.obs["is_ctc"][first].sum() == 0
        assert f"{channel} the same in every cell" in batches(cells).loc["s1", "status"]
