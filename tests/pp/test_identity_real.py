"""ctc_identity on real cells: sorted candidate CTCs (GSE75367) and blood cells without a CTC (PBMC 68k)."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from her2plastic import _keys, io, pp
from her2plastic._errors import UnitError
from her2plastic.reference import panel


@pytest.fixture(scope="module")
def jordan(shared_data: Path) -> AnnData:
    folder = shared_data / "gse75367"
    if not folder.is_dir():
        pytest.skip(f"GSE75367 not found in {shared_data}")
    adata = io.read_counts(folder / "GSE75367_log2norm.csv.gz")
    cells = pd.read_csv(folder / "GSE75367_cells.csv", index_col="cell").loc[adata.obs_names]
    adata.obs["marker"] = cells["facs_marker"]
    adata.obs["keratin_rpm"] = cells["KRT8_rpm"] + cells["KRT19_rpm"]
    pp.ctc_identity(adata)
    return adata


def test_counts_were_used(jordan) -> None:
    record = jordan.uns[_keys.ROOT]["ctc_identity"]

    assert record["values"] == "counts" and record["status"] == "ok"
    assert "SNAI2" in record["genes_missing"]  # the series does not list it


def test_ptprc_high_cells_are_not_ctcs(jordan) -> None:
    high = jordan.obs[jordan.obs["marker"].str.contains("PTPRC high")]

    assert len(high) == 13
    assert not high["is_ctc"].any()
    assert high["ctc_probability"].max() < 0.1
    assert (high["identity"] == "leukocyte").sum() >= 8


def test_epithelial_cell_with_ptprc_is_a_ctc_leukocyte(jordan) -> None:
    cell = jordan.obs.loc["BRx.146.1..08.06.15"]

    assert cell["identity"] == "CTC-leukocyte"
    assert cell["identity_reason"].startswith("KRT8, KRT18, KRT19, KRT7, EPCAM and 10 more epithelial seen; PTPRC")


def test_epithelial_cells_are_ctcs(jordan) -> None:
    epithelial = jordan.obs[(jordan.obs["keratin_rpm"] > 1000) & ~jordan.obs["marker"].str.contains("PTPRC high")]

    assert len(epithelial) >= 25
    assert epithelial["is_ctc"].all()


def test_her2_high_cells_are_ctcs_but_for_the_one_without_keratin(jordan) -> None:
    high = jordan.obs[jordan.obs["marker"] == "ERBB2 high, PTPRC low"]

    assert len(high) == 22
    assert high.index[~high["is_ctc"]].tolist() == ["BRx.213.3..08.26.15"]
    assert high.loc["BRx.213.3..08.26.15", "keratin_rpm"] < 200


def test_cells_with_neither_keratin_nor_white_cell_genes_are_other(jordan) -> None:
    silent = jordan.obs[(jordan.obs["marker"] == "ERBB2 low, PTPRC low") & (jordan.obs["keratin_rpm"] < 100)]

    assert len(silent) >= 25
    assert not silent["is_ctc"].any()
    assert (silent["identity"] == "other").mean() >= 0.95


@pytest.fixture(scope="module")
def pbmc() -> AnnData:
    import scanpy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of reading the old file, not of this package
        return scanpy.datasets.pbmc68k_reduced().raw.to_adata()


def test_blood_cells_without_a_ctc(pbmc) -> None:
    adata = pbmc.copy()
    pp.ctc_identity(adata)
    record = adata.uns[_keys.ROOT]["ctc_identity"]

    assert adata.obs["is_ctc"].mean() <= 0.005
    assert (adata.obs["identity"] == "leukocyte").mean() >= 0.99
    assert record["values"] == "relative values, ln(x + 1) undone"
    # its 765 variable genes hold no epithelial gene, and the record says so
    assert record["status"].startswith("insufficient: 0 of 15 epithelial genes")


def test_leukocytes_stay_leukocytes_when_epithelial_genes_are_in_the_table(pbmc) -> None:
    # with the epithelial genes added as unseen, the identity is free to find CTCs, and finds none
    genes = list(panel("epithelial"))
    values = sparse.hstack([pbmc.X, sparse.csr_matrix((pbmc.n_obs, len(genes)))], format="csr")
    adata = AnnData(values, obs=pbmc.obs[[]].copy(), var=pd.DataFrame(index=[*pbmc.var_names, *genes]))
    pp.ctc_identity(adata)

    assert adata.uns[_keys.ROOT]["ctc_identity"]["status"] == "ok"
    assert adata.obs["is_ctc"].sum() == 0
    assert (adata.obs["identity"] == "leukocyte").mean() >= 0.99


def test_scaled_values_are_refused_with_the_way_out() -> None:
    import scanpy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaled = scanpy.datasets.pbmc68k_reduced()
    with pytest.raises(UnitError, match=r"negative values in X.*adata\.raw\.to_adata\(\)"):
        pp.ctc_identity(scaled)


def test_counts_recovered_from_the_blood_cells_agree(pbmc) -> None:
    adata = io.from_anndata(pbmc, require=())
    pp.ctc_identity(adata)

    assert adata.obs["is_ctc"].mean() <= 0.005
    assert (adata.obs["identity"] == "leukocyte").mean() >= 0.99
