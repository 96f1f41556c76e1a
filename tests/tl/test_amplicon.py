from __future__ import annotations

import time
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from her2plastic import _keys, datasets, tl
from her2plastic._errors import GeneError, MissingKeyError, ParameterError, UnitError

CORE = ["STARD3", "PGAP3", "MIEN1", "GRB7"]
FLANK = ["MED1", "CDK12", "MED24", "PSMD3"]


def cohort(platform: str, seed: int = 0) -> Any:
    adata = datasets.simulate_cohort(platform=platform, seed=seed, n_donors=16)
    adata.obs[_keys.IS_CTC] = adata.obs[_keys.TRUE_IDENTITY].isin(_keys.CTC_IDENTITIES)
    return adata


def cells(core: np.ndarray, depth: np.ndarray, donor: np.ndarray, *, erbb2: float = 0.0, seed: int = 0) -> Any:
    """Cells with a given expression of the core per million; flanks at 250, ERBB2 at will, the rest in one gene."""
    rng = np.random.default_rng(seed)
    per_million = np.concatenate(
        [np.repeat(core[:, None] / 4, 4, axis=1), np.full((core.size, 4), 62.5), np.full((core.size, 1), erbb2)], axis=1
    )
    counts = rng.poisson(per_million * depth[:, None] / 1e6)
    counts = np.column_stack([counts, depth.astype(int) - counts.sum(axis=1)])
    adata = anndata.AnnData(
        sparse.csr_matrix(counts.astype(np.float32)),
        obs=pd.DataFrame({"donor_id": donor}, index=[f"c{i}" for i in range(core.size)]),
        var=pd.DataFrame(index=[*CORE, *FLANK, "ERBB2", "ACTB"]),
    )
    adata.layers[_keys.COUNTS] = adata.X
    return adata


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("platform", "recall"), [("10x-degraded", 0.45), ("10x", 0.65), ("smart-seq2", 0.95), ("smart-seq2-reads", 0.6)]
)
def test_plastic_positives_are_not_called_amplified(platform, recall):
    adata = cohort(platform)
    tl.amplicon(adata)
    ctc = adata.obs[_keys.IS_CTC].to_numpy()
    amplified = (adata.obs[_keys.TRUE_MECHANISM] == "amplified").to_numpy()
    positive = (adata.obs[_keys.TRUE_STATE] == "HER2-positive").to_numpy()
    mechanism = adata.obs[_keys.ERBB2_MECHANISM].astype(object)
    plastic = mechanism[ctc & positive & ~amplified]
    assert len(plastic) > 100
    assert (plastic == "amplified").mean() < 0.01
    assert (mechanism[ctc & ~amplified] == "amplified").mean() < 0.01
    assert (mechanism[ctc & amplified] == "amplified").mean() > recall
    assert (mechanism[ctc & amplified] == "not amplified").mean() < 0.15
    assert mechanism[~ctc].isna().all()


def test_breast_lines(shared_data):
    expression = pd.read_csv(shared_data / "breast_lines" / "breast_lines_log2fpkm.csv", index_col=0)
    lines = pd.read_csv(shared_data / "breast_lines" / "breast_lines_her2.csv", index_col="cell_line").loc[
        expression.index
    ]
    # FPKM stand in for counts per million of as deep a library; the genes that are not in the table share the rest
    counts = np.exp2(expression).round()
    counts["rest"] = 1e6 - counts.sum(axis=1)
    adata = anndata.AnnData(counts.astype(np.float32))
    adata.layers[_keys.COUNTS] = adata.X
    adata.obs[_keys.DONOR_ID] = adata.obs_names
    tl.amplicon(adata)
    high = (lines["status_ERBB2"] == "high").to_numpy()
    mechanism = adata.obs[_keys.ERBB2_MECHANISM].astype(object).to_numpy()
    assert roc_auc_score(high, adata.obs[_keys.AMPLICON_SCORE]) > 0.98
    assert (mechanism[high] == "amplified").mean() > 0.75
    assert not (mechanism[high] == "not amplified").any()
    assert not (mechanism[(lines["dai2017_HER2"] == "-").to_numpy()] == "amplified").any()


def test_her2_high_ctcs_of_her2_negative_patients_are_not_amplified(shared_data):
    adata = datasets.jordan2016(path=shared_data / "gse75367")
    tl.amplicon(adata)
    assert not (adata.obs[_keys.ERBB2_MECHANISM] == "amplified").any()


def test_donors_with_many_cells_and_baselines_of_their_own_are_not_amplified():
    rng = np.random.default_rng(7)
    donor = np.repeat([f"d{i:02d}" for i in range(12)], 1500)
    shift = np.repeat(np.linspace(-0.8, 0.8, 12), 1500)
    core = 130 * np.exp2(shift + rng.normal(0, 0.4, donor.size))
    adata = cells(core, 8e3 * np.exp(rng.normal(0, 0.7, donor.size)), donor)
    tl.amplicon(adata)
    mechanism = adata.obs[_keys.ERBB2_MECHANISM]
    assert (mechanism == "amplified").mean() < 0.001
    assert (mechanism == "not amplified").mean() > 0.95


def test_sparse_cells_are_decided_by_their_donor_or_not_at_all():
    # donor a is amplified, b to d are not, each with 40 deep cells; a has a shallow cell as well, and e that alone
    donor = np.repeat(["a", "b", "c", "d", "e"], [41, 40, 40, 40, 1])
    core = np.full(donor.size, 130.0)
    core[:41] = 1040.0
    depth = np.full(donor.size, 3e4)
    depth[0] = depth[-1] = 300
    adata = cells(core, depth, donor)
    tl.amplicon(adata)
    mechanism, evidence = adata.obs[_keys.ERBB2_MECHANISM], adata.obs[_keys.AMPLICON_EVIDENCE]
    assert (mechanism.iloc[0], evidence.iloc[0]) == ("amplified", "donor")
    assert (mechanism.iloc[-1], evidence.iloc[-1]) == ("unknown", "none")
    assert (mechanism.iloc[1:41] == "amplified").all()
    assert (mechanism.iloc[41:161] == "not amplified").all()
    donors: Any = pd.DataFrame(dict(adata.uns[_keys.ROOT]["amplicon"]["donors"])).set_index("donor")
    assert donors.loc["a", "log_bayes_factor"] > 5
    assert (donors.loc[["b", "c", "d"], "log_bayes_factor"] < -2).all()
    assert donors.loc["a", "amplified_share"] > 0.8


def test_score_is_log2_of_the_core_and_knows_nothing_of_erbb2():
    donor = np.repeat([f"d{i}" for i in range(10)], 20)
    core = np.where(np.arange(200) < 40, 1040.0, 130.0)
    low, high = (cells(core, np.full(200, 1e5), donor, erbb2=value) for value in (0.0, 0.0))
    # ERBB2 rises twenty-fold at the expense of a gene that is neither core nor flank
    dense = high.layers[_keys.COUNTS].toarray()
    dense[:, 8] += 200
    dense[:, 9] -= 200
    high.layers[_keys.COUNTS] = sparse.csr_matrix(dense)
    for adata in (low, high):
        tl.amplicon(adata)
    pd.testing.assert_series_equal(low.obs[_keys.AMPLICON_SCORE], high.obs[_keys.AMPLICON_SCORE])
    pd.testing.assert_series_equal(low.obs[_keys.AMPLIFIED_PROBABILITY], high.obs[_keys.AMPLIFIED_PROBABILITY])
    assert low.obs[_keys.AMPLICON_SCORE].iloc[:40].mean() == pytest.approx(3, abs=0.5)
    assert low.obs[_keys.AMPLICON_SCORE].iloc[40:].mean() == pytest.approx(0, abs=0.3)
    assert (low.obs[_keys.AMPLICON_SE] > 0).all()
    with pytest.raises(ParameterError, match="ERBB2"):
        tl.amplicon(low, core=["ERBB2", "GRB7"])


def test_one_donor_needs_reference_cells():
    adata = cells(np.full(60, 1040.0), np.full(60, 3e4), np.repeat("a", 60))
    tl.amplicon(adata)
    record = adata.uns[_keys.ROOT]["amplicon"]
    assert "1 donors with CTCs, 3 needed" in record["insufficient"]
    assert (adata.obs[_keys.ERBB2_MECHANISM] == "unknown").all()
    assert adata.obs[_keys.AMPLICON_SCORE].isna().all()

    mixed = cells(np.repeat([1040.0, 130.0], 30), np.full(60, 3e4), np.repeat("a", 60))
    mixed.obs[_keys.IS_CTC] = np.repeat([True, False], 30)
    mixed.obs[_keys.IDENTITY] = pd.Categorical(np.repeat(["CTC", "leukocyte"], 30), categories=_keys.IDENTITIES)
    tl.amplicon(mixed)
    assert list(mixed.uns[_keys.ROOT]["amplicon"]["baselines"]["source"]) == ["leukocytes"]
    assert (mixed.obs[_keys.ERBB2_MECHANISM].iloc[:30] == "amplified").all()
    assert mixed.obs[_keys.ERBB2_MECHANISM].iloc[30:].isna().all()

    del mixed.obs[_keys.IDENTITY]
    mixed.obs["control"] = ~mixed.obs[_keys.IS_CTC]
    tl.amplicon(mixed, reference_key="control")
    assert list(mixed.uns[_keys.ROOT]["amplicon"]["baselines"]["source"]) == ["reference cells"]
    assert (mixed.obs[_keys.ERBB2_MECHANISM].iloc[:30] == "amplified").all()


def test_every_assay_has_its_own_baseline():
    donor = np.repeat([f"d{i}" for i in range(8)], 20)
    core = np.repeat([130.0, 700.0], 80)
    adata = cells(core, np.full(160, 3e4), donor)
    adata.obs[_keys.ASSAY] = np.repeat(["10x", "smart-seq2"], 80)
    tl.amplicon(adata)
    assert list(adata.uns[_keys.ROOT]["amplicon"]["baselines"]["assay"]) == ["10x", "smart-seq2"]
    assert (adata.obs[_keys.ERBB2_MECHANISM] == "not amplified").all()


def test_cells_without_a_donor_or_assay_are_a_group_of_their_own():
    adata = cells(np.full(160, 130.0), np.full(160, 3e4), np.repeat([f"d{i}" for i in range(8)], 20))
    adata.obs[_keys.ASSAY] = "10x"
    named, missing = adata.copy(), adata.copy()
    for key, unknown in (("donor_id", np.arange(160) < 20), (_keys.ASSAY, np.arange(160) >= 80)):
        named.obs[key] = adata.obs[key].astype(object).where(~unknown, "nan")
        missing.obs[key] = adata.obs[key].astype("category").where(~unknown)
    tl.amplicon(named)
    tl.amplicon(missing)
    assert list(missing.uns[_keys.ROOT]["amplicon"]["baselines"]["assay"]) == ["10x", "nan"]
    written = [_keys.AMPLICON_SCORE, _keys.AMPLIFIED_PROBABILITY, _keys.ERBB2_MECHANISM]
    pd.testing.assert_frame_equal(missing.obs[written], named.obs[written])


def test_genes_that_are_not_there():
    adata = cells(np.full(40, 130.0), np.full(40, 3e4), np.repeat(list("abcd"), 10))[:, 3:].copy()
    tl.amplicon(adata)
    assert "1 core genes in the data, 2 needed" in adata.uns[_keys.ROOT]["amplicon"]["insufficient"]
    assert (adata.obs[_keys.ERBB2_MECHANISM] == "unknown").all()


def test_empty_cells_and_empty_data():
    adata = cells(np.full(40, 130.0), np.full(40, 3e4), np.repeat(list("abcd"), 10))
    adata.layers[_keys.COUNTS] = sparse.csr_matrix(adata.layers[_keys.COUNTS].toarray() * (np.arange(40) > 0)[:, None])
    tl.amplicon(adata)
    assert np.isnan(adata.obs[_keys.AMPLICON_SCORE].iloc[0])
    assert adata.obs[_keys.ERBB2_MECHANISM].iloc[0] == "unknown"
    nothing = adata[:0].copy()
    tl.amplicon(nothing)
    assert "insufficient" in nothing.uns[_keys.ROOT]["amplicon"]


def test_bad_input_is_named():
    adata = cells(np.full(40, 130.0), np.full(40, 3e4), np.repeat(list("abcd"), 10))
    with pytest.raises(ParameterError, match="level"):
        tl.amplicon(adata, level=0.4)
    with pytest.raises(MissingKeyError, match="available: 'donor_id'"):
        tl.amplicon(adata, reference_key="control")
    negative = adata.copy()
    negative.layers[_keys.COUNTS] = sparse.csr_matrix(-adata.layers[_keys.COUNTS].toarray())
    with pytest.raises(UnitError, match="negative"):
        tl.amplicon(negative)
    twice = adata.copy()
    twice.var_names = [*adata.var_names[:-1], "GRB7"]
    with pytest.raises(GeneError, match="GRB7"):
        tl.amplicon(twice)
    del adata.layers[_keys.COUNTS]
    with pytest.raises(MissingKeyError, match="counts"):
        tl.amplicon(adata)


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_round_trip(tmp_path, fmt):
    adata = cells(np.full(40, 130.0), np.full(40, 3e4), np.repeat(list("abcd"), 10))
    tl.amplicon(adata)
    path = tmp_path / f"cells.{fmt}"
    getattr(adata, f"write_{fmt}")(path)
    again = getattr(anndata, f"read_{fmt}")(path)
    pd.testing.assert_frame_equal(again.obs, adata.obs)
    record = again.uns[_keys.ROOT]["amplicon"]
    assert list(record["donors"]["donor"]) == list("abcd")
    assert "not a DNA copy number" in record["note"]


@pytest.mark.parametrize("column", [["True", "False"], pd.array([True, None], dtype="boolean"), [1, 0]])
def test_yes_and_no_are_not_read_from_text(column: Any) -> None:
    adata = cells(np.full(2, 100.0), np.full(2, 1e4), np.array(["A", "B"]))
    adata.obs["odd"] = column
    with pytest.raises(ParameterError, match=r"obs\['odd'\]` must be true or false"):
        tl.amplicon(adata, reference_key="odd")
    adata.obs[_keys.IS_CTC] = column
    with pytest.raises(ParameterError, match=r"obs\['is_ctc'\]` must be true or false"):
        tl.amplicon(adata)


def test_nullable_booleans_without_gaps_are_read() -> None:
    adata = cells(np.full(2, 100.0), np.full(2, 1e4), np.array(["A", "B"]))
    adata.obs[_keys.IS_CTC] = pd.array([True, False], dtype="boolean")
    tl.amplicon(adata)
    assert list(adata.obs[_keys.ERBB2_MECHANISM].isna()) == [False, True]


def test_thousands_of_donors_take_seconds() -> None:
    n = 4000
    adata = cells(np.full(n, 100.0), np.full(n, 2e4), np.arange(n))
    began = time.process_time()
    tl.amplicon(adata)
    assert time.process_time() - began < 15
    donors = adata.uns[_keys.ROOT]["amplicon"]["donors"]
    assert len(donors["donor"]) == n and set(donors["n_ctc"]) == {1}


def test_threads_do_not_change_the_last_bit() -> None:
    """With so few counts all settings of the prior matter: the products are large, and threads would share them."""
    donor = np.append(np.arange(8).repeat(3), np.full(5003, 8))
    adata = cells(np.full(donor.size, 100.0), np.full(donor.size, 300.0), donor)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            tl.amplicon(adata)
        found.append(adata.obs[_keys.AMPLIFIED_PROBABILITY].to_numpy(copy=True))
    assert np.isfinite(found[0]).all()
    np.testing.assert_array_equal(*found)
