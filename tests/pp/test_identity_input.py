"""What ctc_identity does with odd, poor and faulty input."""

from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from her2plastic import _keys, pp
from her2plastic._errors import GeneError, MissingKeyError, ParameterError, UnitError
from her2plastic.reference import panel


def test_keys_dtypes_and_round_trip(make_cells, kinds, tmp_path) -> None:
    adata = make_cells([kinds.epithelial, kinds.t_cell, kinds.nothing])
    pp.ctc_identity(adata)

    assert adata.obs["is_ctc"].dtype == bool
    assert list(adata.obs["identity"].cat.categories) == list(_keys.IDENTITIES)
    posterior = adata.obsm["identity_posterior"]
    assert list(posterior.columns) == list(_keys.IDENTITIES)
    assert posterior.index.equals(adata.obs_names)
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    np.testing.assert_allclose(posterior[["CTC", "platelet-coated CTC"]].sum(axis=1), adata.obs["ctc_probability"])
    for suffix, read in ((".h5ad", anndata.read_h5ad), (".zarr", anndata.read_zarr)):
        path = tmp_path / f"cells{suffix}"
        (adata.write_h5ad if suffix == ".h5ad" else adata.write_zarr)(path)
        back = read(path)
        found: Any = back.obsm["identity_posterior"]
        pd.testing.assert_frame_equal(found, posterior, check_names=False)
        assert back.uns[_keys.ROOT]["ctc_identity"]["n_cells"] == adata.uns[_keys.ROOT]["ctc_identity"]["n_cells"]


def test_values_are_left_alone_and_runs_agree(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial, kinds.t_cell] * 5)
    before = adata.layers["counts"].copy()
    pp.ctc_identity(adata)
    first: pd.DataFrame = adata.obsm["identity_posterior"].copy()
    pp.ctc_identity(adata)

    assert (adata.layers["counts"] != before).nnz == 0
    pd.testing.assert_frame_equal(pd.DataFrame(adata.obsm["identity_posterior"]), first)


def test_a_cell_is_judged_by_itself(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial, kinds.t_cell, kinds.mesenchymal_ctc, kinds.nothing] * 5)
    alone = adata[7:8].copy()
    pp.ctc_identity(adata)
    pp.ctc_identity(alone)

    np.testing.assert_allclose(alone.obsm["identity_posterior"], adata.obsm["identity_posterior"].iloc[7:8])


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csc_matrix, sparse.csr_array])
def test_storage_does_not_matter(make_cells, kinds, as_matrix) -> None:
    adata = make_cells([kinds.epithelial, kinds.t_cell, kinds.nothing])
    other = adata.copy()
    other.layers["counts"] = as_matrix(adata.layers["counts"].toarray())
    pp.ctc_identity(adata)
    pp.ctc_identity(other)

    pd.testing.assert_frame_equal(other.obsm["identity_posterior"], adata.obsm["identity_posterior"])


def test_stored_zeros_are_not_genes(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 3, assay=None)
    padded = adata.copy()
    counts = sparse.csr_matrix(np.ones(adata.shape))
    counts.data = adata.layers["counts"].toarray().ravel()
    padded.layers["counts"] = counts
    pp.ctc_identity(adata)
    pp.ctc_identity(padded)

    pd.testing.assert_frame_equal(padded.obsm["identity_posterior"], adata.obsm["identity_posterior"])


def test_no_cells(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial])[:0].copy()
    pp.ctc_identity(adata)

    assert adata.obs["is_ctc"].dtype == bool and len(adata.obs["identity"]) == 0
    assert adata.obsm["identity_posterior"].shape == (0, 5)


def test_cells_without_counts_keep_the_prior(make_cells, kinds) -> None:
    adata = make_cells([kinds.nothing] * 4, depth=0)
    pp.ctc_identity(adata)

    np.testing.assert_allclose(adata.obsm["identity_posterior"], [[0.2, 0.1, 0.05, 0.3, 0.35]] * 4, atol=1e-3)
    assert (adata.obs["identity"] == "other").all() and not adata.obs["is_ctc"].any()


def test_table_without_epithelial_genes_has_no_ctc_and_says_why(make_cells, kinds) -> None:
    adata = make_cells([kinds.t_cell, kinds.epithelial] * 5)
    epithelial = set(panel("epithelial")) - {"KRT8"}
    adata = adata[:, ~adata.var_names.isin(epithelial)].copy()
    pp.ctc_identity(adata, threshold=0.01)

    record = adata.uns[_keys.ROOT]["ctc_identity"]
    assert record["status"].startswith("insufficient: 1 of 15 epithelial genes")
    assert not adata.obs["is_ctc"].any()
    assert epithelial <= set(record["genes_missing"])


def test_table_without_leukocyte_genes_has_no_ctc_and_says_why(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial] * 5)
    names = [name for name in panel("epithelial") if name in adata.var_names]
    adata = adata[:, [*names, *(f"SIM{i:04d}" for i in range(1500))]].copy()
    pp.ctc_identity(adata)

    assert adata.uns[_keys.ROOT]["ctc_identity"]["status"].startswith("insufficient: no leukocyte gene")
    assert not adata.obs["is_ctc"].any()


def test_erbb2_is_not_looked_at(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial | {"ERBB2": 3000}, kinds.t_cell | {"ERBB2": 3000}])
    without = adata[:, adata.var_names != "ERBB2"].copy()
    pp.ctc_identity(adata)
    pp.ctc_identity(without)

    assert (adata.obs["identity"] == without.obs["identity"]).all()
    assert adata.obs["identity"].tolist() == ["CTC", "leukocyte"]


def test_ensembl_ids_are_refused(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial])
    adata.var_names = [f"ENSG{i:011d}" for i in range(adata.n_vars)]

    with pytest.raises(GeneError, match=r"EPCAM.*e\.g\. \['ENSG00000000000'.*io\.read_counts"):
        pp.ctc_identity(adata)


def test_repeated_gene_names_are_refused(make_cells, kinds) -> None:
    adata = make_cells([kinds.epithelial])
    adata.var_names = ["EPCAM", "EPCAM", *adata.var_names[2:]]

    with pytest.raises(GeneError, match="more than once.*EPCAM"):
        pp.ctc_identity(adata)


@pytest.mark.parametrize(("value", "said"), [(-1.0, "negative"), (np.nan, "not finite"), (np.inf, "not finite")])
def test_unusable_values_are_refused(make_cells, kinds, value, said) -> None:
    adata = make_cells([kinds.epithelial] * 2)
    counts = adata.layers["counts"].toarray()
    counts[1, 3] = value
    adata.layers["counts"] = counts

    with pytest.raises(UnitError, match=rf"ctc_identity.*{said}|{said}"):
        pp.ctc_identity(adata)
    assert "identity" not in adata.obs


def test_no_values_at_all(make_cells, kinds) -> None:
    names = make_cells([kinds.epithelial]).var_names
    adata = AnnData(obs=pd.DataFrame(index=["a"]), var=pd.DataFrame(index=names))

    with pytest.raises(MissingKeyError, match="X is empty"):
        pp.ctc_identity(adata)


@pytest.mark.parametrize("threshold", [0, -0.1, 1.1, float("nan")])
def test_threshold_has_to_be_a_probability(make_cells, kinds, threshold) -> None:
    with pytest.raises(ParameterError, match="threshold"):
        pp.ctc_identity(make_cells([kinds.epithelial]), threshold=threshold)


@pytest.mark.parametrize(
    "prior",
    [
        {"CTC": 1.0},
        dict.fromkeys(_keys.IDENTITIES, 0.3),
        dict(zip(_keys.IDENTITIES, (0.5, 0.5, 0, 0, 0), strict=True)),
        dict.fromkeys((*_keys.IDENTITIES, "plasma cell"), 0.2),
    ],
)
def test_prior_has_to_be_one(make_cells, kinds, prior) -> None:
    with pytest.raises(ParameterError, match="platelet-coated CTC"):
        pp.ctc_identity(make_cells([kinds.epithelial]), prior=prior)


def test_prior_moves_the_undecided_and_not_the_clear(make_cells, kinds) -> None:
    rare = dict(zip(_keys.IDENTITIES, (0.002, 0.001, 0.001, 0.95, 0.046), strict=True))
    adata = make_cells([kinds.epithelial] * 20 + [kinds.nothing] * 20, depth=8000)
    faint = make_cells([kinds.nothing] * 20, depth=50)
    pp.ctc_identity(adata, prior=rare)
    pp.ctc_identity(faint, prior=rare)

    assert adata.obs["is_ctc"][:20].all() and not adata.obs["is_ctc"][20:].any()
    assert (faint.obs["ctc_probability"] < 0.02).all()


def test_threshold_decides(make_cells, kinds) -> None:
    adata = make_cells([kinds.mesenchymal_ctc] * 60, depth=4000)
    pp.ctc_identity(adata, threshold=0.3)
    lenient = adata.obs["is_ctc"].to_numpy()
    pp.ctc_identity(adata, threshold=0.9)
    strict = adata.obs["is_ctc"].to_numpy()

    assert strict.sum() < lenient.sum()
    assert (lenient | ~strict).all()
    assert (adata.obs["ctc_probability"][adata.obs["is_ctc"]] >= 0.9).all()


@settings(max_examples=40)
@given(
    counts=st.lists(st.lists(st.sampled_from([0, 0, 0, 1, 2, 50, 10**6]), min_size=40, max_size=40), max_size=6),
)
def test_any_counts_give_a_probability(counts) -> None:
    names = [*panel("epithelial")[:8], *panel("leukocyte")[:8], *panel("platelet")[:4], *panel("myeloid")[:5]]
    names += [*panel("erythroid")[:5], *(f"SIM{i}" for i in range(40 - len(names) - 5))]
    values = np.array(counts, dtype=np.float32).reshape(-1, 40)
    adata = AnnData(values, var=pd.DataFrame(index=names))
    adata.layers["counts"] = values
    pp.ctc_identity(adata)
    posterior = np.asarray(adata.obsm["identity_posterior"])

    assert np.isfinite(posterior).all() and (posterior >= 0).all()
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    assert adata.obs["identity_reason"].map(len).gt(0).all()
