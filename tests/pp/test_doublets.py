"""Doublet scores: those of scrublet, for the cells and samples that can have one."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
import scanpy
from scipy import sparse

from her2plastic import _keys, datasets, pp
from her2plastic._errors import ParameterError
from her2plastic.pp import doublets


def _shallow(n_cells: int, rate: float) -> sparse.csr_matrix:
    counts = np.random.default_rng(0).poisson(rate, (n_cells, 2000))
    return sparse.csr_matrix(counts.astype(np.float32))


def test_scores_are_those_of_scrublet() -> None:
    adata = datasets.simulate_cohort(n_donors=1, draws=(0,), n_ctc=[[100]], seed=1)
    counts = adata.layers["counts"].astype(np.float32)
    found = doublets.doublet_scores(counts, 3)
    reference = anndata.AnnData(counts)
    scanpy.pp.scrublet(
        reference,
        random_state=3,
        n_prin_comps=min(30, len(found.scores) // 5),
        use_approx_neighbors=False,
        verbose=False,
    )

    assert found.status == "ok"
    np.testing.assert_array_equal(found.scores, reference.obs["doublet_score"])
    assert found.threshold == pytest.approx(reference.uns["scrublet"]["threshold"], nan_ok=True)


def test_cells_with_too_few_counts_have_no_score() -> None:
    """scrublet itself would warn of cells without counts, and score them by values that are no numbers."""
    found = doublets.doublet_scores(sparse.vstack([_shallow(300, 0.2), _shallow(40, 0.003)]), 0)
    missing = np.isnan(found.scores)

    assert not missing[:300].any()
    assert 0 < missing[300:].sum() < 40
    assert found.status == f"ok; {missing.sum()} cells have too few counts of variable genes for a score"


def test_stored_zeros_are_no_counts() -> None:
    counts = _shallow(99, 0.5)
    empty = sparse.csr_matrix((np.zeros(50), (np.arange(50), np.arange(50))), shape=(50, 2000))
    found = doublets.doublet_scores(sparse.vstack([counts, empty]), 0)

    assert np.isnan(found.scores).all()
    assert found.status == "not scored: 99 cells with counts, 100 needed"


def test_genes_that_do_not_vary_tell_no_doublets() -> None:
    found = doublets.doublet_scores(_shallow(600, 0.004), 0)

    assert np.isnan(found.scores).all()
    assert "variable genes" in found.status


def test_samples_of_more_than_one_capture_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doublets, "MAX_CELLS", 120)
    adata = anndata.AnnData(sparse.vstack([_shallow(110, 0.3), _shallow(130, 0.3)]).tocsr())
    adata.layers["counts"] = adata.X
    adata.var_names = [f"G{number}" for number in range(2000)]
    adata.obs["sample_id"] = ["one"] * 110 + ["pooled"] * 130
    adata.obs_names_make_unique()
    pp.quality(adata)
    notes = adata.uns[_keys.ROOT]["quality"]["doublets"]

    assert notes["status"][0] == "ok"
    assert notes["status"][1].startswith("not scored: 130 cells in one sample, more than 120")
    assert adata.obs["doublet_score"][:110].notna().all() and adata.obs["doublet_score"][110:].isna().all()


def test_scores_found_before_are_taken_as_they_are() -> None:
    adata = anndata.AnnData(sparse.vstack([_shallow(110, 0.3), _shallow(130, 0.3)]).tocsr())
    adata.layers["counts"] = adata.X
    adata.var_names = [f"G{number}" for number in range(2000)]
    adata.obs["sample_id"] = ["one"] * 110 + ["two"] * 130
    adata.obs_names_make_unique()
    apart = adata.copy()
    pp.quality(adata, seed=4)
    found = {
        name: doublets.doublet_scores(apart[(apart.obs["sample_id"] == name).to_numpy()].layers["counts"], 4)
        for name in ("one", "two")
    }
    pp.quality(apart, doublets=found, seed=4)

    np.testing.assert_array_equal(apart.obs["doublet_score"], adata.obs["doublet_score"])
    notes, record = (each.uns[_keys.ROOT]["quality"] for each in (apart, adata))
    assert list(notes["doublets"]["status"]) == list(record["doublets"]["status"]) == ["ok", "ok"]
    assert notes["params"] == record["params"]
    with pytest.raises(ParameterError, match="expected 130 scores of sample 'two', there are none"):
        pp.quality(apart, doublets={"one": found["one"]})
