"""The genes that vary most: those that scanpy takes by the same rule."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
import scanpy
from scipy import sparse

from her2plastic.models.gene_variability import variable_genes


def _logs(seed: int, n_cells: int = 150, n_genes: int = 2000) -> sparse.csr_matrix:
    """Return counts of genes of many heights, one far above the others, some never seen and some without variance."""
    rng = np.random.default_rng(seed)
    heights = np.exp(rng.normal(-1.5, 1.5, n_genes))
    counts = rng.poisson(heights * rng.gamma(1 / rng.uniform(0.1, 3, n_genes), size=(n_cells, n_genes)))
    counts[:, 0] = rng.poisson(90_000, n_cells)  # alone in its class
    counts[:, 1:5] = 0
    counts[:, 5] = 3
    return sparse.csr_matrix(np.log1p(counts.astype(np.float32)))


@pytest.mark.parametrize("n_top", [None, 10, 300])
@pytest.mark.parametrize("seed", [0, 1])
def test_they_are_those_of_scanpy(seed: int, n_top: int | None) -> None:
    logs = _logs(seed)
    with np.errstate(divide="ignore"):
        reference = scanpy.pp.highly_variable_genes(anndata.AnnData(logs.copy()), n_top_genes=n_top, inplace=False)
    found = variable_genes(logs, n_top)
    assert 0 < found.sum() < logs.shape[1]
    np.testing.assert_array_equal(found, reference["highly_variable"])
    np.testing.assert_array_equal(variable_genes(logs.toarray(), n_top), found)


def test_asked_for_more_than_vary_it_gives_those_that_do() -> None:
    logs = _logs(0)
    found = variable_genes(logs, 2000)
    varying = np.ptp(logs.toarray(), axis=0) > 0
    np.testing.assert_array_equal(found, varying)


def test_where_nothing_varies_no_gene_is_taken() -> None:
    assert not variable_genes(np.ones((5, 30), dtype=np.float32)).any()
    assert not variable_genes(np.ones((5, 30), dtype=np.float32), 10).any()
