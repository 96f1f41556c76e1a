"""pp.quality: what is measured, who fails, and what happens to odd samples."""

from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from her2plastic import _keys, datasets, pp
from her2plastic._errors import MissingKeyError, ParameterError, UnitError
from her2plastic.datasets.parameters import Contamination

MEASURES = ("depth", "n_genes", "mito_share", "ribo_share", "platelet_share", "erythroid_share")


def _record(adata) -> dict:
    return adata.uns[_keys.ROOT]["quality"]


def test_measures_are_the_sums(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial | kinds.platelet | {"HBB": 30_000}, kinds.t_cell] * 6)
    pp.quality(adata)
    counts = pd.DataFrame(adata.layers["counts"].toarray(), index=adata.obs_names, columns=adata.var_names)
    depth = counts.sum(axis=1)
    mito = counts.loc[:, counts.columns.str.startswith("MT-")].sum(axis=1)
    platelet = counts[["PPBP", "PF4", "GP9", "ITGA2B", "TUBB1"]].sum(axis=1)

    np.testing.assert_allclose(adata.obs["depth"], depth)
    np.testing.assert_array_equal(adata.obs["n_genes"], (counts > 0).sum(axis=1))
    np.testing.assert_allclose(adata.obs["mito_share"], mito / depth)
    np.testing.assert_allclose(adata.obs["ribo_share"], counts["RPL3"] / depth)  # and not the kinase RPS6KA1
    np.testing.assert_allclose(adata.obs["platelet_share"], platelet / depth)
    np.testing.assert_allclose(adata.obs["erythroid_share"], counts["HBB"] / depth)


def test_counts_of_a_gene_in_parts_are_one_count(make_cells, kinds) -> None:
    """A sparse matrix may hold a gene of a cell twice, as after samples were added up: it is seen once."""
    whole = make_cells([kinds.epithelial, kinds.t_cell] * 3)
    counts = sparse.csr_matrix(whole.layers["counts"])
    twice = (np.repeat(counts.data / 2, 2), np.repeat(counts.indices, 2), counts.indptr * 2)
    parts = whole.copy()
    parts.layers["counts"] = sparse.csr_matrix(twice, shape=counts.shape)
    for cells in (whole, parts):
        pp.quality(cells, doublets="off")
    assert parts.obs.equals(whole.obs)
    assert parts.layers["counts"].nnz == 2 * counts.nnz  # what was given is not changed


def test_round_trip(make_cells, kinds, tmp_path) -> None:
    adata = make_cells([kinds.epithelial, kinds.t_cell] * 10)
    pp.quality(adata)
    adata.write_h5ad(tmp_path / "cells.h5ad")
    adata.write_zarr(tmp_path / "cells.zarr")
    for back in (anndata.read_h5ad(tmp_path / "cells.h5ad"), anndata.read_zarr(tmp_path / "cells.zarr")):
        found: Any = back.obs
        pd.testing.assert_frame_equal(found[list(MEASURES)], adata.obs[list(MEASURES)])
        assert list(_record(back)["thresholds"]["group"]) == ["10x"]


def test_shallow_and_broken_cells_are_marked_and_kept(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 60, depth=8000)
    shallow = make_cells([kinds.epithelial] * 2, depth=300, seed=1)
    broken = make_cells([kinds.epithelial | {"MT-CO1": 600_000}] * 2, depth=8000, seed=2)
    adata = anndata.concat([adata, shallow, broken], index_unique="-")
    pp.quality(adata)
    reasons = adata.obs["quality_reason"]

    assert adata.n_obs == 64
    assert adata.obs["passes_quality"].dtype == bool
    assert reasons.iloc[60].startswith("depth below ") and "fewer than" in reasons.iloc[61]
    assert reasons.iloc[62:].str.contains("mitochondrial share above").all()
    assert adata.obs["passes_quality"].iloc[:60].mean() >= 0.95
    assert ((reasons == "") == adata.obs["passes_quality"]).all()
    assert _record(adata)["n_failing"] == int((~adata.obs["passes_quality"]).sum())


def test_removes_when_asked(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 30 + [{}] * 2, depth=2000)
    adata.layers["counts"] = sparse.vstack([adata.layers["counts"][:30], sparse.csr_matrix((2, adata.n_vars))]).tocsr()
    pp.quality(adata, remove=True)

    assert adata.n_obs < 32 and adata.obs["passes_quality"].all() and (adata.obs["depth"] > 0).all()
    assert _record(adata)["n_cells"] == 32


def test_given_thresholds_are_used(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 5, depth=2000)
    pp.quality(adata, min_depth=1e5, min_genes=10, max_mito=0.9)

    assert (adata.obs["quality_reason"] == "depth below 100000").all()
    assert _record(adata)["thresholds"]["depth_set_by"].tolist() == ["given"]


def test_cells_that_fail_the_same_share_one_text(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 30, depth=2000)
    pp.quality(adata, min_depth=1e5, min_genes=1e5, doublets="off")
    reasons = adata.obs["quality_reason"]
    assert set(reasons) == {"depth below 100000; fewer than 100000 genes"}
    assert len({id(text) for text in reasons}) == 1  # in a cohort of millions, text of each cell is most of the memory


def test_thresholds_are_those_of_the_assay(make_cells, kinds) -> None:
    droplets = make_cells([kinds.epithelial] * 40, depth=3000, assay="10x")
    plates = make_cells([kinds.epithelial] * 40, depth=300_000, assay="smart-seq2", seed=3)
    adata = anndata.concat([droplets, plates], index_unique="-")
    pp.quality(adata)
    thresholds = _record(adata)["thresholds"]

    assert thresholds["group"].tolist() == ["10x", "smart-seq2"]
    assert thresholds["depth"][0] < 3000 < 100_000 < thresholds["depth"][1]
    assert adata.obs["passes_quality"].mean() >= 0.95


def test_groups_of_two_columns_do_not_run_into_each_other(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 40)
    adata.obs["a"] = ["x, y"] * 20 + ["x"] * 20
    adata.obs["b"] = ["z"] * 20 + ["y, z"] * 20
    pp.quality(adata, by=("a", "b"))

    assert _record(adata)["thresholds"]["group"].tolist() == ["x, y, z", "x, y, z"]


def test_missing_group_column(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 3, assay=None)
    pp.quality(adata)  # without an assay, all cells are one group
    assert _record(adata)["thresholds"]["group"].tolist() == ["all cells"]
    with pytest.raises(MissingKeyError, match="plate.*available"):
        pp.quality(adata, by=("plate",))


def test_equal_cells_have_no_spread_and_all_pass(make_cells, kinds) -> None:
    one = make_cells([kinds.epithelial])
    adata = anndata.concat([one] * 30, index_unique="-")
    pp.quality(adata)

    assert adata.obs["passes_quality"].all()
    assert _record(adata)["thresholds"]["depth_set_by"].tolist() == ["none: too few or equal values"]


def test_one_cell_and_none(make_cells, kinds) -> None:
    one = make_cells([kinds.epithelial])
    none = one[:0].copy()
    pp.quality(one)
    pp.quality(none)

    assert one.obs["passes_quality"].tolist() == [True]
    assert none.n_obs == 0 and "quality_reason" in none.obs


def test_cell_without_counts_fails(make_cells, kinds) -> None:
    adata = make_cells([{}] * 3, depth=0)
    pp.quality(adata)

    assert (adata.obs["quality_reason"] == "no counts").all() and not adata.obs["passes_quality"].any()
    assert adata.obs["mito_share"].isna().all() and (adata.obs["depth"] == 0).all()


def test_missing_genes_are_missing_values_and_not_zeros(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 3)
    adata = adata[:, ~adata.var_names.str.startswith(("MT-", "RP"))].copy()
    pp.quality(adata)

    assert adata.obs["mito_share"].isna().all() and adata.obs["ribo_share"].isna().all()
    assert adata.obs["platelet_share"].notna().all()


def test_relative_values_have_no_depth(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 12)
    counts = sparse.csr_matrix(adata.layers.pop("counts"), dtype=float)
    adata.X = sparse.csr_matrix(counts.multiply(1e6 / counts.sum(axis=1)))
    pp.quality(adata)

    assert adata.obs["depth"].isna().all() and adata.obs["ambient_share"].isna().all()
    assert adata.obs["mito_share"].notna().all()
    assert _record(adata)["values"] == "relative values"


def test_negative_values_are_refused(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 2)
    adata.layers["counts"] = -adata.layers["counts"]
    with pytest.raises(UnitError, match="pp.quality found negative values"):
        pp.quality(adata)


def test_logarithms_that_stand_as_counts_are_refused(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial | {"HBB": 30_000}] * 4)
    adata.layers["counts"] = adata.layers["counts"].log1p()
    with pytest.raises(UnitError, match=r"pp.quality: `layers\['counts'\]` holds"):
        pp.quality(adata)
    assert _keys.DEPTH not in adata.obs


@pytest.mark.parametrize(
    "parameters",
    [{"mads": 0}, {"mads": float("nan")}, {"min_depth": -1}, {"max_mito": 20}, {"doublets": "yes"}, {"ambient": 1}],
)
def test_faulty_parameters(make_cells, kinds, parameters) -> None:
    with pytest.raises(ParameterError, match=next(iter(parameters))):
        pp.quality(make_cells([kinds.epithelial]), **parameters)


def test_doublets_where_the_number_of_cells_allows() -> None:
    contamination = Contamination(doublets=0.1, platelet_cloak=0.0, low_quality=0.0)
    adata = datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=[[150], [10]], seed=2, contamination=contamination)
    large, small = adata.obs["sample_id"].cat.categories
    pp.quality(adata, seed=1)
    notes = _record(adata)["doublets"]
    cells = adata.obs[adata.obs["sample_id"] == large]
    doublet = (cells["true_identity"] == "CTC-leukocyte").to_numpy()

    assert notes["sample"].tolist() == [large, small]
    assert notes["status"][0] == "ok" and notes["status"][1].endswith("cells with counts, 100 needed")
    assert cells["doublet_score"].notna().all()
    assert adata.obs["doublet_score"][adata.obs["sample_id"] == small].isna().all()
    ranks = cells["doublet_score"].rank().to_numpy()
    auc = (ranks[doublet].mean() - (doublet.sum() + 1) / 2) / (~doublet).sum()
    assert auc > 0.8
    assert not adata.obs["quality_reason"].str.contains("doublet").any()  # the score fails nobody

    again = adata.copy()
    pp.quality(again, seed=1)
    pd.testing.assert_series_equal(again.obs["doublet_score"], adata.obs["doublet_score"])


def test_ambient_share_follows_the_truth() -> None:
    estimates = {}
    for share in (0.0, 0.05, 0.2):
        contamination = Contamination(ambient=share, erythroid_share=(0.0, 0.0), doublets=0.0, low_quality=0.0)
        adata = datasets.simulate_cohort(n_donors=2, draws=(0,), n_ctc=150, seed=4, contamination=contamination)
        pp.quality(adata, doublets="off")
        estimates[share] = adata.obs["ambient_share"].median()

    assert estimates[0.0] < 0.03
    assert estimates[0.05] == pytest.approx(0.05, abs=0.03)
    assert estimates[0.2] == pytest.approx(0.2, abs=0.07)


def test_ambient_share_is_at_least_the_erythroid_share(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial | {"HBB": 300_000}] * 3)
    pp.quality(adata)

    np.testing.assert_allclose(adata.obs["ambient_share"], adata.obs["erythroid_share"])
    assert _record(adata)["ambient"]["status"].tolist() == ["lower bound: erythroid share"]
