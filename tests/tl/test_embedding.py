from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from her2plastic import _keys, tl
from her2plastic._errors import MissingKeyError, ParameterError


def cells(n: int, *, n_genes: int = 60, dense: bool = False) -> Any:
    """Two kinds of cells that differ in half of their genes; the last cell is empty."""
    rng = np.random.default_rng(0)
    rate = np.full((n, n_genes), 10.0)
    rate[: n // 2, : n_genes // 2] = 80.0
    counts = rng.poisson(rate).astype(np.float32)
    counts[-1] = 0
    adata = anndata.AnnData(
        counts if dense else sparse.csr_matrix(counts),
        obs=pd.DataFrame(index=[f"c{i}" for i in range(n)]),
        var=pd.DataFrame(index=[f"g{i}" for i in range(n_genes)]),
    )
    adata.layers[_keys.COUNTS] = counts.copy() if dense else sparse.csr_matrix(counts)
    return adata


@pytest.mark.parametrize("dense", [False, True])
def test_kinds_of_cells_lie_apart(dense):
    adata = cells(81, dense=dense)
    tl.embedding(adata)
    places = adata.obsm[_keys.UMAP]
    assert places.shape == (81, 2)
    assert np.isnan(places[-1]).all()
    assert np.isfinite(places[:-1]).all()
    centres = places[:40].mean(axis=0), places[40:80].mean(axis=0)
    spread = max(places[:40].std(axis=0).max(), places[40:80].std(axis=0).max())
    assert np.linalg.norm(centres[0] - centres[1]) > 3 * spread


def test_same_seed_same_map_and_counts_stay():
    first, second, other = cells(41), cells(41), cells(41)
    before = first.X.copy()
    for adata, seed in ((first, 1), (second, 1), (other, 2)):
        tl.embedding(adata, seed=seed)
    assert np.array_equal(first.obsm[_keys.UMAP], second.obsm[_keys.UMAP], equal_nan=True)
    assert not np.array_equal(first.obsm[_keys.UMAP], other.obsm[_keys.UMAP], equal_nan=True)
    assert (first.X != before).nnz == 0
    assert (first.layers[_keys.COUNTS] != before).nnz == 0


@pytest.mark.parametrize("n", [11, 16])
def test_few_cells_still_have_a_map(n):
    adata = cells(n)
    tl.embedding(adata)
    assert np.isfinite(adata.obsm[_keys.UMAP][:-1]).all()
    record = adata.uns[_keys.ROOT]["embedding"]
    assert record["n_pcs_used"] < n
    assert record["n_neighbors_used"] < n


@pytest.mark.parametrize(("n", "n_genes"), [(9, 60), (1, 60), (40, 5)])
def test_too_few_cells_or_genes_are_insufficient(n, n_genes):
    adata = cells(n, n_genes=n_genes)
    tl.embedding(adata)
    assert _keys.UMAP not in adata.obsm
    assert _keys.PCA not in adata.obsm
    assert adata.uns[_keys.ROOT]["embedding"]["insufficient"].startswith("insufficient: ")


def test_bad_input_is_named():
    adata = cells(20)
    with pytest.raises(ParameterError, match="n_neighbors=1"):
        tl.embedding(adata, n_neighbors=1)
    del adata.layers[_keys.COUNTS]
    with pytest.raises(MissingKeyError, match="tl.embedding models counts"):
        tl.embedding(adata)


def test_round_trip(tmp_path):
    adata = cells(30)
    tl.embedding(adata)
    adata.write_h5ad(tmp_path / "cells.h5ad")
    again = anndata.read_h5ad(tmp_path / "cells.h5ad")
    assert np.array_equal(again.obsm[_keys.UMAP], adata.obsm[_keys.UMAP], equal_nan=True)
