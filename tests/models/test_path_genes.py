from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import binomtest, spearmanr

from her2plastic.models.path_genes import PathGenes
from her2plastic.models.resample import sign_flip_p, sign_flip_p_values

N_GROUPS, N_CELLS = 8, 15


def patients(n_genes: int, *, seed: int = 0, n_groups: int = N_GROUPS, n_cells: int = N_CELLS) -> dict[str, Any]:
    """Genes that know nothing of the path, of patients that differ in both."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), n_cells)
    return {
        "values": rng.gamma(2, size=(group.size, n_genes)) * np.exp(rng.normal(size=(n_groups, n_genes)))[group],
        "path": rng.random(group.size) + rng.normal(size=n_groups)[group],
        "group": group,
        "depth": np.exp(rng.normal(9, 0.7, group.size)),
    }


def test_gene_that_rises_along_the_path_in_every_patient_is_found() -> None:
    data = patients(20)
    data["values"][:, 3] *= np.exp(4 * data["path"])
    data["values"][:, 4] *= np.exp(-6 * data["path"])
    found = PathGenes().fit(**data)
    assert found.p_[3] == found.p_[4] == 2 / 2**N_GROUPS
    assert 0 < found.lower_[3] < found.correlation_[3] < found.upper_[3] < 1
    assert found.upper_[4] < 0
    assert set(np.flatnonzero(found.p_adjusted_ <= 0.1)) == {3, 4}
    assert (found.n_groups_ == N_GROUPS).all()


def test_at_one_depth_it_is_the_rank_correlation() -> None:
    data = patients(5, n_groups=1) | {"depth": np.ones(N_CELLS)}
    found = PathGenes().fit(**data)
    expected = [spearmanr(data["path"], column).statistic for column in data["values"].T]
    np.testing.assert_allclose(found.correlations_[0], expected)


def test_gene_that_follows_depth_is_not_found_though_the_path_follows_it_too() -> None:
    data = patients(1, seed=3, n_cells=100)
    data["path"] = np.log(data["depth"]) + np.random.default_rng(1).normal(0, 0.3, data["path"].size)
    data["values"][:, 0] = data["depth"] * np.random.default_rng(2).gamma(20, size=data["path"].size)
    found = PathGenes().fit(**data)
    assert spearmanr(data["path"], data["values"][:, 0]).statistic > 0.7
    assert abs(found.correlation_[0]) < 0.1
    assert found.p_[0] > 0.05


def test_sparse_and_dense_values_give_the_same() -> None:
    data = patients(30)
    data["values"][data["values"] < 1] = 0
    dense = PathGenes().fit(**data)
    thin = PathGenes().fit(**data | {"values": sparse.csr_matrix(data["values"])})
    np.testing.assert_array_equal(dense.correlations_, thin.correlations_)


def test_what_cannot_be_tested_is_missing() -> None:
    data = patients(3)
    data["values"][:, 0] = 1.0
    data["values"][data["group"] < 4, 1] = 0.0
    data["path"][data["group"] == 7] = np.nan
    found = PathGenes().fit(**data)
    assert found.groups_.tolist() == list(range(7))
    assert found.n_groups_.tolist() == [0, 3, 7]
    assert np.isnan(found.p_).tolist() == [True, True, False]
    assert np.isnan(found.correlation_).tolist() == [True, True, False]
    assert np.isnan(PathGenes().fit(**patients(2, n_groups=5)).p_).all()
    assert np.isnan(PathGenes(min_cells=99).fit(**patients(2)).p_).all()


@pytest.mark.parametrize("n_units", [7, 20])
def test_many_sign_flips_at_once_are_those_of_one(n_units: int) -> None:
    values = np.random.default_rng(0).normal(0.2, 1, (n_units, 300))
    values[0, 5] = 0.0
    at_once = sign_flip_p_values(values, seed=4)
    assert at_once[[0, 5, 299]].tolist() == [sign_flip_p(values[:, k], seed=4) for k in (0, 5, 299)]
    assert at_once[5] == pytest.approx(sign_flip_p(values[1:, 5], seed=4), abs=0.02)
    assert np.isnan(sign_flip_p_values(np.empty((0, 2)))).all()


@pytest.mark.statistical
def test_genes_that_know_nothing_of_the_path_are_found_no_more_often_than_said() -> None:
    found = PathGenes().fit(**patients(2000, seed=5))
    hits = int((found.p_ <= 0.05).sum())
    assert binomtest(hits, 2000, 0.05, alternative="greater").pvalue > 0.01
    assert hits > 50
    assert (found.p_adjusted_ > 0.05).all()
