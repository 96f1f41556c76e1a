"""The HER2 call on public data: single CTCs of Jordan 2016, TCGA tumours, breast cancer lines."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import her2plastic as hp
from her2plastic import _keys
from her2plastic.models import dip_test

TRAP = "BRx.146.1..4.16.15"


@pytest.fixture(scope="module")
def table(shared_data: Path) -> pd.DataFrame:
    return pd.read_csv(shared_data / "gse75367" / "GSE75367_cells.csv").set_index("cell")


@pytest.fixture(scope="module")
def ctcs(shared_data: Path, table: pd.DataFrame) -> ad.AnnData:
    adata = hp.io.read_counts(shared_data / "gse75367" / "GSE75367_log2norm.csv.gz", assay="smart-seq2")
    adata.obs[_keys.DONOR_ID] = table.loc[adata.obs_names, "patient"].astype("category").to_numpy()
    return adata


def test_the_published_rule_gives_the_published_label(ctcs: ad.AnnData, table: pd.DataFrame) -> None:
    adata = ctcs.copy()
    hp.tl.her2_state(adata, calibration="jordan2016")
    high = (table.loc[adata.obs_names, "her2_label_secrier"] == "high").to_numpy()
    positive = (adata.obs[_keys.HER2_CALL] == "HER2-positive").to_numpy()
    assert (positive == high).sum() == 71
    # log-normalised 7.33 but 2.2 reads per million: the log value must not be read as RPM
    assert adata.obs.loc[TRAP, _keys.HER2_CALL] == "HER2-0/low"
    assert adata.obs.loc[TRAP, _keys.ERBB2_CPM] == pytest.approx(2.207, abs=0.001)


def test_white_cells_are_no_her2_zero_ctcs(ctcs: ad.AnnData, table: pd.DataFrame) -> None:
    adata = ctcs.copy()
    hp.pp.ctc_identity(adata)
    hp.tl.her2_state(adata)
    white = table.loc[adata.obs_names, "facs_marker"].str.contains("PTPRC high").to_numpy()
    assert white.sum() == 13
    assert (adata.obs[_keys.HER2_CALL][white] == _keys.NOT_A_CTC).all()


def test_medians_and_bimodality_reproduce(ctcs: ad.AnnData, table: pd.DataFrame) -> None:
    adata = ctcs.copy()
    hp.tl.her2_state(adata, calibration="jordan2016")
    cells = adata.obs.join(table[["facs_marker", "her2_label_secrier"]])
    lines = cells[cells[_keys.DONOR_ID].isin(["BRx-42", "BRx-82"]) & cells["facs_marker"].str.contains("PTPRC low")]
    high = lines.loc[lines["her2_label_secrier"] == "high", _keys.ERBB2_CPM]
    assert len(high) == 12
    assert high.median() == pytest.approx(135, abs=1)
    assert high.min() == pytest.approx(38, abs=0.5) and high.max() == pytest.approx(217, abs=0.5)
    dip = dip_test(np.log10(lines[_keys.ERBB2_CPM].to_numpy() + 1), n_null=200_000)
    assert dip.n == 20
    assert dip.dip == pytest.approx(0.180, abs=0.0005)
    assert dip.p_value <= 7.5e-6  # published for n = 22; below 1 in 200,000 here


@pytest.mark.parametrize("with_donors", [True, False])
@pytest.mark.parametrize("only_ptprc_low", [True, False])
def test_the_model_commits_and_agrees(
    ctcs: ad.AnnData, table: pd.DataFrame, with_donors: bool, only_ptprc_low: bool
) -> None:
    facts = table.loc[ctcs.obs_names]
    ptprc_low = facts["facs_marker"].str.contains("PTPRC low").to_numpy()
    adata = ctcs[ptprc_low].copy() if only_ptprc_low else ctcs.copy()
    if not with_donors:
        del adata.obs[_keys.DONOR_ID]
    hp.tl.her2_state(adata)
    call = adata.obs[_keys.HER2_CALL]
    low = table.loc[adata.obs_names, "facs_marker"].str.contains("PTPRC low").to_numpy()
    high = (table.loc[adata.obs_names, "her2_label_secrier"] == "high").to_numpy()
    positive = (call == "HER2-positive").to_numpy()
    negative = call.isin(["HER2-0", "HER2-0/low", "HER2-low"]).to_numpy()
    committed = positive | negative
    assert low.sum() == 58
    assert not (positive & ~high).any() and not (negative & high).any()
    assert committed[low].mean() >= 0.85


def test_reference_scale_on_tumours(shared_data: Path) -> None:
    tcga = pd.read_csv(shared_data / "tcga_brca" / "tcga_brca_her2.csv")
    known = tcga.dropna(subset=["ERBB2_rnaseq"])
    known = known[known["her2_class_asco"].isin(_keys.STATES)]
    scale = hp.tl.shipped_scale()
    # the unit of this mRNA is not documented: put the median of HER2-negative tumours where the scale has it
    negative = known.loc[known["her2_class_asco"] != "HER2-positive", "ERBB2_rnaseq"].median()
    centre = np.mean(scale.mean_log2_cpm[1:3])
    posterior = scale.posterior_of_expression(known["ERBB2_rnaseq"].to_numpy() - negative + centre)
    positive = known["her2_class_asco"] == "HER2-positive"
    assert roc_auc_score(positive, posterior[:, 2]) >= 0.88
    pair = known["her2_class_asco"].isin(["HER2-0", "HER2-low"]).to_numpy()
    is_low = (known["her2_class_asco"] == "HER2-low").to_numpy()[pair]
    separation = roc_auc_score(is_low, posterior[pair, 1] / posterior[pair, :2].sum(axis=1))
    assert 0.5 < separation <= 0.70


def test_reference_scale_on_lines(shared_data: Path) -> None:
    lines = pd.read_csv(shared_data / "breast_lines" / "breast_lines_her2.csv").set_index("cell_line")
    known = lines.dropna(subset=["dai2017_HER2"])
    posterior = hp.tl.shipped_scale().posterior_of_expression(known["ERBB2_log2fpkm_qn"].to_numpy())
    positive = (known["dai2017_HER2"] == "+").to_numpy()
    assert roc_auc_score(positive, posterior[:, 2]) >= 0.88
    called = pd.Series(posterior[:, 2] > 0.5, index=known.index)
    assert called[["skbr3", "au565", "hcc1954", "mdamb361"]].all()
    assert not called[["mdamb231", "mdamb468", "bt549", "mcf7", "t47d"]].any()
    # literature calls SKBR5 positive; its mRNA does not, and the scale follows the mRNA
    assert not called["skbr5"]


def test_the_shipped_scale_is_what_the_script_gives(shared_data: Path) -> None:
    import runpy

    script = Path(__file__).parents[2] / "docs" / "reference" / "fit_her2_scale.py"
    if not script.is_file():
        pytest.skip("the fit script is not part of the installed source")
    fitted = runpy.run_path(str(script))["fit"](
        pd.read_csv(shared_data / "breast_lines" / "breast_lines_her2.csv"),
        pd.read_csv(shared_data / "tcga_brca" / "tcga_brca_her2.csv"),
    )
    shipped = hp.reference.her2_scale("reference")
    pd.testing.assert_frame_equal(
        fitted[["component", "state", "mean_log2_cpm", "share_prior"]],
        shipped[["component", "state", "mean_log2_cpm", "share_prior"]],
        check_dtype=False,
    )
