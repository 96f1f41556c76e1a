from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import her2plastic
from her2plastic._access import step_record
from her2plastic._errors import GeneError, InputFileError

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io


@pytest.fixture(scope="module")
def ctcs(shared_data):
    return io.read_counts(shared_data / "gse75367/GSE75367_log2norm.csv.gz")


@pytest.fixture(scope="module")
def cells(shared_data, ctcs):
    return pd.read_csv(shared_data / "gse75367/GSE75367_cells.csv").set_index("cell").loc[ctcs.obs_names]


def test_counts_of_jordan_are_recovered(ctcs):
    record = step_record(ctcs, "read")
    assert ctcs.shape == (71, 16_670)
    assert (record["unit"], record["counts"]) == ("log2", "recovered")
    check = record["recovery_check"]
    assert check["share_of_one_integer"] > 0.999
    assert check["cells_decisive"] == 71
    assert check["values_at_minimum_median"] > 300
    assert 1e5 < check["total_smallest"] < check["total_largest"] < 5e6


def test_the_unit_is_told_from_the_values_alone(shared_data, tmp_path, ctcs):
    path = tmp_path / "matrix.csv.gz"
    path.write_bytes((shared_data / "gse75367/GSE75367_log2norm.csv.gz").read_bytes())
    adata = io.read_counts(path)
    assert step_record(adata, "read")["unit_from"].startswith("values: log2")
    assert (adata.layers["counts"] != ctcs.layers["counts"]).nnz == 0


@pytest.mark.parametrize("gene", ["ERBB2", "PTPRC", "EPCAM", "KRT19", "VIM"])
def test_rpm_equals_the_cell_table(ctcs, cells, gene):
    counts = ctcs.layers["counts"]
    rpm = counts[:, ctcs.var_names.get_loc(gene)].toarray().ravel() / np.asarray(counts.sum(axis=1)).ravel() * 1e6
    np.testing.assert_allclose(rpm, cells[f"{gene}_rpm"], rtol=2e-4, atol=1e-3)


def test_ten_rpm_gives_the_published_label_in_all_71_cells(ctcs, cells):
    counts = ctcs.layers["counts"]
    rpm = counts[:, ctcs.var_names.get_loc("ERBB2")].toarray().ravel() / np.asarray(counts.sum(axis=1)).ravel() * 1e6
    assert (np.where(rpm > 10, "high", "low") == cells["her2_label_secrier"]).all()
    trap = ctcs.obs_names.get_loc("BRx.146.1..4.16.15")
    assert rpm[trap] == pytest.approx(2.2, abs=0.05)
    assert ctcs.X[trap, ctcs.var_names.get_loc("ERBB2")] == pytest.approx(7.33, abs=0.005)


def test_a_cohort_of_jordan_written_as_counts(ctcs, tmp_path):
    frame = pd.DataFrame(ctcs.layers["counts"].toarray().astype(int), index=ctcs.obs_names, columns=ctcs.var_names)
    frame.T.to_csv(tmp_path / "counts.tsv.gz", sep="\t")
    again = io.read_counts(tmp_path / "counts.tsv.gz")
    assert (again.X != ctcs.layers["counts"]).nnz == 0


def test_mouse_genes_are_refused_and_splicing_is_read_on_request(shared_data):
    path = shared_data / "velocity/pancreas_50obs.h5ad"
    with pytest.raises(GeneError, match="'Erbb2' is there: the names are those of mouse or rat"):
        io.read_counts(path)
    adata = io.read_counts(path, require=())
    assert adata.shape == (50, 27_998)
    assert {"counts", "spliced", "unspliced"} <= set(adata.layers.keys())
    assert 0.1 < adata.layers["unspliced"].sum() / adata.layers["spliced"].sum() < 0.5
    assert (adata.layers["spliced"] != adata.X).nnz == 0


def test_breast_lines_need_their_offset(shared_data):
    path = shared_data / "breast_lines/breast_lines_log2fpkm.csv"
    with pytest.raises(InputFileError, match=r"gene 'CDH2', cell '600mpe': -3.322 is negative"):
        io.read_counts(path)
    adata = io.read_counts(path, unit="log2", log_offset=0.1)
    record = step_record(adata, "read")
    assert adata.shape == (57, 34)
    assert (record["genes_in"], record["unit"], record["counts"]) == ("columns", "log2", "none")
    assert not {"counts", "cpm"} & set(adata.layers.keys())
    assert adata["au565", "ERBB2"].X.item() == pytest.approx(11.038)


@pytest.mark.filterwarnings("ignore")
def test_scanpy_pbmc_has_its_counts_back():
    import scanpy as sc

    pbmc = sc.datasets.pbmc68k_reduced()
    adata = io.from_anndata(pbmc, require=())
    record = step_record(adata, "read")
    assert (record["matrix"], record["unit"], record["counts"]) == ("raw.X", "ln", "recovered")
    smallest = np.expm1(pbmc.raw.X.toarray().astype(float))
    smallest = np.where(smallest > 0, smallest, np.inf).min(axis=1, keepdims=True)
    ratio = np.expm1(pbmc.raw.X.toarray().astype(float)) / smallest
    np.testing.assert_allclose(adata.layers["counts"].toarray(), ratio, rtol=0.02)
