from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from her2plastic import _keys, datasets, reference, tl
from her2plastic._errors import MissingKeyError, ParameterError

PANEL = ["NOTCH1", "HES1", "JAG1"]


def cells(n: int, *, fold: np.ndarray | float = 1.0, seed: int = 0, median: float = 6e3) -> Any:
    """Cells of very different depth; the panel is at 400 per million times ``fold``, the rest in one gene."""
    rng = np.random.default_rng(seed)
    depth = median * np.exp(rng.normal(0, 1.2, n))
    panel = rng.poisson(np.outer(depth * fold, [2e-4, 1e-4, 1e-4]))
    rest = rng.poisson(depth)
    adata = anndata.AnnData(
        sparse.csr_matrix(np.column_stack([panel, rest, np.zeros(n)]).astype(np.float32)),
        obs=pd.DataFrame({"donor_id": "a"}, index=[f"c{i}" for i in range(n)]),
        var=pd.DataFrame(index=[*PANEL, "ACTB", "ERBB2"]),
    )
    adata.layers[_keys.COUNTS] = adata.X
    return adata


def test_without_differences_scores_do_not_follow_depth():
    adata = cells(4000)
    tl.programmes(adata, programmes={"notch": PANEL})
    score = adata.obsm[_keys.PROGRAMMES]["notch"].to_numpy()
    depth = np.log(np.asarray(adata.X.sum(axis=1)).ravel())
    assert abs(np.corrcoef(depth, score)[0, 1]) < 0.05
    for part in np.array_split(np.argsort(depth), 4):
        assert abs(score[part].mean()) < 0.05


def test_with_differences_scores_do_not_follow_depth_and_errors_do():
    fold = np.exp2(np.random.default_rng(5).normal(0, 1.0, 4000))
    adata = cells(4000, fold=fold)
    tl.programmes(adata, programmes={"notch": PANEL})
    score = adata.obsm[_keys.PROGRAMMES]["notch"].to_numpy()
    error = adata.obsm[_keys.PROGRAMMES_SE]["notch"].to_numpy()
    depth = np.log(np.asarray(adata.X.sum(axis=1)).ravel())
    assert abs(np.corrcoef(depth, score)[0, 1]) < 0.05
    assert np.corrcoef(depth, error)[0, 1] < -0.5
    deviation = (score - np.log2(fold)) / error
    assert 0.9 < deviation.std() < 1.1
    assert np.corrcoef(score, np.log2(fold))[0, 1] > 0.6


def test_a_shallow_cell_is_drawn_to_0():
    adata = cells(300, fold=np.exp2(np.random.default_rng(5).normal(0, 1.0, 300)), median=3e4)
    counts = adata.layers[_keys.COUNTS].toarray()
    counts[0] = [1, 0, 0, 20, 0]
    counts[1] = 0
    adata.layers[_keys.COUNTS] = sparse.csr_matrix(counts)
    tl.programmes(adata, programmes={"notch": PANEL})
    spread = adata.uns[_keys.ROOT]["programmes"]["spread"]["notch"]
    score, error = (adata.obsm[key]["notch"] for key in (_keys.PROGRAMMES, _keys.PROGRAMMES_SE))
    # one molecule in twenty is 125 times what is expected, yet one molecule
    assert score.iloc[0] < 2
    assert error.iloc[0] > 0.7 * spread
    assert np.isnan(score.iloc[1])


def test_erbb2_and_its_amplicon_never_score():
    adata = cells(500)
    with_erbb2 = adata.copy()
    counts = adata.layers[_keys.COUNTS].toarray()
    moved = np.minimum(counts[:, 3], 50)
    counts[:, 4] += moved
    counts[:, 3] -= moved
    with_erbb2.layers[_keys.COUNTS] = sparse.csr_matrix(counts)
    for data in (adata, with_erbb2):
        tl.programmes(data, programmes={"rtk": [*PANEL, "ERBB2", "GRB7", "TOP2A"]})
    pd.testing.assert_frame_equal(adata.obsm[_keys.PROGRAMMES], with_erbb2.obsm[_keys.PROGRAMMES])
    assert list(adata.uns[_keys.ROOT]["programmes"]["genes"]["rtk"]) == PANEL
    assert "ERBB2" not in reference.panel("rtk")


def test_simulated_programmes_are_found():
    adata: Any = datasets.simulate_cohort(seed=3, platform="smart-seq2")
    adata.obs[_keys.IS_CTC] = adata.obs[_keys.TRUE_IDENTITY].isin(_keys.CTC_IDENTITIES)
    tl.programmes(adata)
    score, ctc = adata.obsm[_keys.PROGRAMMES], adata.obs[_keys.IS_CTC].to_numpy()
    assert list(score) == ["proliferation", "rtk", "notch", "dna_damage", "emt", "hormone", "stress"]
    assert score[~ctc].isna().all(axis=None)
    assert score[ctc].notna().all(axis=None)
    depth = np.log(adata.obs["true_depth"])[ctc]
    assert all(abs(np.corrcoef(depth, score.loc[ctc, name])[0, 1]) < 0.12 for name in score)
    positive = (adata.obs[_keys.TRUE_STATE] == "HER2-positive").to_numpy()
    groups = score[ctc & positive], score[ctc & ~positive]
    difference = groups[0].mean() - groups[1].mean()
    # in standard errors: scores of single cells are drawn to 0, so their difference is below the simulated one
    difference /= np.sqrt(sum(group.var() / len(group) for group in groups))
    assert difference["proliferation"] > 5
    assert difference["rtk"] > 3
    assert difference["notch"] < -5
    assert difference["dna_damage"] < -5
    mesenchymal = (adata.obs["true_kind"] == "mesenchymal").to_numpy()
    emt = score["emt"]
    assert emt[ctc & mesenchymal].mean() > emt[ctc & ~mesenchymal].mean() + 3


def test_each_assay_is_compared_with_its_own():
    adata = cells(400, fold=np.repeat([1.0, 6.0], 200))
    adata.obs[_keys.ASSAY] = np.repeat(["10x", "smart-seq2"], 200)
    tl.programmes(adata, programmes={"notch": PANEL})
    score = adata.obsm[_keys.PROGRAMMES]["notch"]
    assert score.iloc[:200].mean() == pytest.approx(score.iloc[200:].mean(), abs=0.2)


def test_controls_do_not_move_the_typical_ctc():
    adata = cells(400, fold=np.repeat([1.0, 8.0], 200))
    adata.obs[_keys.LABEL] = pd.Categorical([None] * 200 + ["HER2-0"] * 200)
    tl.programmes(adata, programmes={"notch": PANEL})
    score = adata.obsm[_keys.PROGRAMMES]["notch"]
    assert score.iloc[:200].mean() == pytest.approx(0, abs=0.1)
    assert score.iloc[200:].mean() > 0.3


def test_what_cannot_be_scored_is_missing_with_the_reason():
    adata = cells(50)
    tl.programmes(adata)
    record = adata.uns[_keys.ROOT]["programmes"]
    assert adata.obsm[_keys.PROGRAMMES]["notch"].notna().all()
    assert adata.obsm[_keys.PROGRAMMES]["hormone"].isna().all()
    assert any("hormone: insufficient: 0 genes" in line for line in record["insufficient"])
    assert record["leading_gene"]["notch"] == "NOTCH1"
    assert record["leading_share"]["notch"] == pytest.approx(0.5, abs=0.1)


def test_bad_input_is_named():
    adata = cells(50)
    with pytest.raises(ParameterError, match="empty"):
        tl.programmes(adata, programmes={})
    with pytest.raises(ParameterError, match="'/'"):
        tl.programmes(adata, programmes={"a/b": PANEL})
    del adata.layers[_keys.COUNTS]
    with pytest.raises(MissingKeyError, match="tl.programmes models counts"):
        tl.programmes(adata)


@pytest.mark.parametrize("n", [0, 1])
def test_no_cell_and_one_cell(n):
    adata = cells(50)[:n].copy()
    tl.programmes(adata)
    assert adata.obsm[_keys.PROGRAMMES].shape == (n, 7)
    assert len(adata.uns[_keys.ROOT]["programmes"]["insufficient"]) >= 6


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_round_trip(tmp_path, fmt):
    adata = cells(50)
    tl.programmes(adata)
    path = tmp_path / f"cells.{fmt}"
    getattr(adata, f"write_{fmt}")(path)
    again = getattr(anndata, f"read_{fmt}")(path)
    pd.testing.assert_frame_equal(again.obsm[_keys.PROGRAMMES], adata.obsm[_keys.PROGRAMMES])
    assert list(again.uns[_keys.ROOT]["programmes"]["panels_down"]["emt"]) == ["emt_down"]
