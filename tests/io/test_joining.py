from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from her2plastic import im, io, tl
from her2plastic._errors import DataWarning, MissingKeyError, ParameterError


@pytest.fixture
def images(measured: Callable[..., AnnData]) -> AnnData:
    adata = measured(leukocytes=60, scores=[0, 1, 2, 3])
    im.ctc_identity(adata)
    tl.her2_if(adata, calibration="reference")
    adata.obsm["spatial"] = np.arange(2.0 * adata.n_obs).reshape(-1, 2)
    adata.obs["well"] = ""
    adata.obs.loc[adata.obs_names[-4:], "well"] = ["A1", "A2", "A3", "A4"]
    return adata


@pytest.fixture
def expression() -> AnnData:
    obs = pd.DataFrame(
        {"well": ["A4", "A1", "B9", None], "is_ctc": [True, True, True, False], "donor_id": "d"},
        index=pd.Index(["e4", "e1", "e9", "e0"], dtype=object),
    )
    adata = AnnData(X=sparse.csr_matrix(np.eye(4, 3)), obs=obs, var=pd.DataFrame(index=pd.Index(["g1", "g2", "g3"])))
    adata.uns["her2plastic"] = {"her2_if": {"version": "other"}, "read": {"unit": "counts"}}
    return adata


def test_cells_meet_by_their_name(images: AnnData, expression: AnnData) -> None:
    before = expression.copy()
    joined = io.join_cells(images, expression, on="well")
    assert joined.obs_names.tolist() == ["e4", "e1", "e9", "e0"]
    assert joined.obs["has_image"].tolist() == [True, True, False, False]
    assert joined.obs["image_cell_id"].tolist()[:2] == [images.obs_names[-1], images.obs_names[-4]]
    assert joined.obs["is_ctc"].tolist() == [True, True, True, False]  # the expression's own
    assert joined.obs["image_is_ctc"].tolist()[:2] == [True, True]
    assert joined.obs["image_is_ctc"].isna().tolist()[2:] == [True, True]
    assert joined.obs["her2_intensity"].iloc[0] == images.obs["her2_intensity"].iloc[-1]
    np.testing.assert_array_equal(joined.obsm["image_spatial"][1], images.obsm["spatial"][-4])
    assert np.isnan(joined.obsm["image_spatial"][2:]).all()
    assert joined.obsm["image_features"].loc["e4", "HER2_cell_mean"] == images[-1, "HER2_cell_mean"].X.item()
    assert set(before.obs) == set(expression.obs)  # the input is left alone
    assert not expression.obsm


def test_report_names_what_has_no_partner(images: AnnData, expression: AnnData) -> None:
    record = io.join_cells(images, expression, on="well").uns["her2plastic"]["join_cells"]
    assert record["n_joined"] == 2
    assert record["not_in_images"].tolist() == ["B9"]
    assert record["n_not_in_expression"] == 2
    assert record["n_unnamed"] == 1


def test_records_of_both_sides_are_kept(images: AnnData, expression: AnnData) -> None:
    steps = io.join_cells(images, expression, on="well").uns["her2plastic"]
    assert steps["her2_if"]["version"] == "other"
    assert "calibration" in steps["image_her2_if"]
    assert {"read", "image_identity"} <= set(steps)


def test_name_that_stands_twice_joins_nothing(images: AnnData, expression: AnnData) -> None:
    images.obs.loc[images.obs_names[-3], "well"] = "A1"
    with pytest.warns(DataWarning, match="stand more than once.*'A1'"):
        joined = io.join_cells(images, expression, on="well")
    assert joined.obs["has_image"].tolist() == [True, False, False, False]
    assert joined.uns["her2plastic"]["join_cells"]["repeated_in_images"].tolist() == ["A1"]


def test_files_hold_the_joined_cells(images: AnnData, expression: AnnData, tmp_path: Path) -> None:
    joined = io.join_cells(images, expression, on="well")
    joined.write_h5ad(tmp_path / "a.h5ad")
    joined.write_zarr(tmp_path / "a.zarr")
    for again in (anndata.read_h5ad(tmp_path / "a.h5ad"), anndata.read_zarr(tmp_path / "a.zarr")):
        assert again.obs["has_image"].tolist() == joined.obs["has_image"].tolist()
        assert again.obs["image_is_ctc"].isna().tolist() == joined.obs["image_is_ctc"].isna().tolist()
        pd.testing.assert_frame_equal(again.obsm["image_features"], joined.obsm["image_features"], check_names=False)


def test_tables_that_share_nothing_are_refused(images: AnnData, expression: AnnData) -> None:
    expression.obs["well"] = ["x", "y", "z", ""]
    with pytest.raises(ParameterError, match="'A1', 'A2', 'A3', \\.\\.\\..*'x', 'y', 'z'"):
        io.join_cells(images, expression, on="well")
    with pytest.raises(MissingKeyError, match="plate"):
        io.join_cells(images, expression, on="plate")
