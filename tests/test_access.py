"""What every function asks of an AnnData."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

import her2plastic as hp
from her2plastic._access import gene_column
from her2plastic._errors import GeneError, UnitError


def test_a_gene_that_stands_twice_is_named() -> None:
    adata = AnnData(csr_matrix(np.eye(3, dtype="f4")), var=pd.DataFrame(index=["ERBB2", "A", "B"]))
    np.testing.assert_array_equal(gene_column(adata, adata.X, "ERBB2"), [1, 0, 0])
    adata.var_names = ["ERBB2", "A", "ERBB2"]
    with pytest.raises(GeneError, match=r"'ERBB2' stands 2 times"):
        gene_column(adata, adata.X, "ERBB2")


def _with_counts(values: np.ndarray, sparse: bool = False) -> AnnData:
    names = ["ERBB2", *(f"G{i}" for i in range(values.shape[1] - 1))]
    adata = AnnData(obs=pd.DataFrame(index=[f"c{i}" for i in range(len(values))]), var=pd.DataFrame(index=names))
    adata.layers["counts"] = csr_matrix(values) if sparse else values
    return adata


def _expression() -> np.ndarray:
    return np.random.default_rng(0).negative_binomial(0.3, 0.05, (60, 800)).astype(np.float32)


def _changed(value: float) -> np.ndarray:
    values = _expression()
    values[3, 4] = value
    return values


NO_COUNTS = {
    "logarithms": np.log1p(_expression() / _expression().sum(axis=1, keepdims=True) * 1e4),
    "relative": _expression() / _expression().sum(axis=1, keepdims=True) * 1e6,
    "genes left out": (_expression() / _expression().sum(axis=1, keepdims=True) * 1e6)[:, :600],
    "missing": _changed(np.nan),
    "infinite": _changed(np.inf),
    "negative": _changed(-1),
    "too large": _changed(1e12),
    "infinite, and a negative zero": np.where(_changed(np.inf) == 0, np.float32(-0.0), _changed(np.inf)),
    "text": _expression().astype(str).astype(object),
}


@pytest.mark.parametrize("what", NO_COUNTS)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("step", [hp.tl.her2_state, hp.tl.amplicon])
def test_values_that_are_no_counts_are_refused(step: Callable[[AnnData], None], what: str, sparse: bool) -> None:
    if sparse and what == "text":
        pytest.skip("a sparse matrix cannot hold text")
    with pytest.raises(UnitError, match=r"layers\['counts'\]"):
        step(_with_counts(NO_COUNTS[what], sparse))


@pytest.mark.parametrize("decimals", [2, None])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_estimated_counts_are_taken(decimals: int | None, share: float) -> None:
    rng, values = np.random.default_rng(1), _expression()
    estimated = np.where(rng.random(values.shape) < share, values * rng.random(values.shape), values)
    adata = _with_counts(estimated if decimals is None else estimated.round(decimals))
    hp.tl.her2_state(adata)
    assert np.isfinite(adata.obs["erbb2_count"]).all()
