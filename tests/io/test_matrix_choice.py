"""Which matrix of an AnnData is taken where each holds other values or other genes."""

from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import her2plastic
from her2plastic._access import step_record
from her2plastic._errors import DataWarning

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io
ad: Any = anndata

N_CELLS, N_GENES, N_VARIABLE = 20, 1200, 150


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(5)
    rates = rng.gamma(0.4, 3.0, N_GENES) * rng.uniform(0.5, 2, (N_CELLS, 1))
    return rng.poisson(rates).astype("float32")


def variable_genes(counts, normalised, *, layer=None):
    """Return counts of the first genes in X (or a layer), and normalised values of all genes in raw.X."""
    whole = ad.AnnData(csr_matrix(normalised.astype("float32")), obs=pd.DataFrame(index=_names("cell", N_CELLS)))
    whole.var_names = ["ERBB2", *_names("GENE", N_GENES - 1)]
    adata = whole[:, :N_VARIABLE].copy()
    adata.raw = whole
    few = csr_matrix(counts[:, :N_VARIABLE])
    if layer is None:
        adata.X = few
    else:
        adata.layers[layer] = few
    return adata


def _names(what, n):
    return [f"{what}{number}" for number in range(n)]


@pytest.fixture(scope="module")
def per_depth(counts):
    return 1e4 * counts / counts.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("unit", ["auto", "counts"])
@pytest.mark.parametrize("layer", [None, "counts"])
def test_counts_of_few_genes_give_way_to_those_behind_raw(tmp_path, counts, per_depth, unit, layer):
    variable_genes(counts, np.log1p(per_depth), layer=layer).write_h5ad(tmp_path / "x.h5ad")
    adata = io.read_counts(tmp_path / "x.h5ad", unit=unit)
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), counts)
    np.testing.assert_allclose(adata.X.toarray(), np.log1p(per_depth), rtol=1e-6)
    record = step_record(adata, "read")
    assert (record["matrix"], record["unit"], record["counts"]) == ("raw.X", "ln", "recovered")
    assert "more genes than in" in record["matrix_why"]


def test_counts_of_few_genes_are_told_where_raw_has_no_counts(tmp_path, counts, per_depth):
    lengths = np.random.default_rng(0).uniform(0.3, 3, N_GENES)
    adata = variable_genes(counts, np.log1p(per_depth / lengths))
    with pytest.warns(
        DataWarning, match=r"counts of X are of 150 of the 1,200 genes of raw\.X: depth.*matrix='raw\.X'"
    ):
        got = io.from_anndata(adata)
    np.testing.assert_array_equal(got.layers["counts"].toarray(), counts[:, :N_VARIABLE])
    assert step_record(got, "read")["matrix"] == "X"
    assert io.from_anndata(adata, matrix="X").n_vars == N_VARIABLE
    said = io.from_anndata(adata, matrix="raw.X", unit="ln")
    assert said.n_vars == N_GENES
    assert "counts" not in said.layers


def test_values_of_raw_that_are_not_finite_do_not_stop_counts(counts, per_depth):
    with_gap = np.log1p(per_depth)
    with_gap[2, 7] = np.nan
    with pytest.warns(DataWarning, match="not finite"):
        got = io.from_anndata(variable_genes(counts, with_gap))
    assert got.n_vars == N_VARIABLE


@pytest.mark.parametrize("with_raw", [False, True])
def test_a_backed_anndata_is_read_into_memory(tmp_path, counts, per_depth, with_raw):
    whole = variable_genes(counts, np.log1p(per_depth))
    if not with_raw:
        del whole.raw
    whole.write_h5ad(tmp_path / "x.h5ad")
    backed = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    got = io.from_anndata(backed)
    np.testing.assert_array_equal(got.layers["counts"].toarray(), counts if with_raw else counts[:, :N_VARIABLE])
    assert backed.isbacked
    backed.file.close()
