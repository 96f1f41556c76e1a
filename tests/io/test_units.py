from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from her2plastic import io
from her2plastic._access import counts, step_record
from her2plastic._errors import InputFileError, ParameterError, UnitError


@pytest.fixture(scope="module")
def reads():
    """Counts of 6 cells over 1,500 genes, and TPM-like values of the same cells."""
    rng = np.random.default_rng(1)
    rate = rng.lognormal(0, 2, 1500)
    counted = rng.poisson(rate, (6, 1500))
    lengths = rng.lognormal(0.5, 0.7, 1500)
    per_length = counted / lengths
    return counted, per_length / per_length.sum(axis=1, keepdims=True) * 1e6


def write(path, matrix):
    genes = ["ERBB2", "ACTB", *(f"G{number}" for number in range(matrix.shape[1] - 2))]
    pd.DataFrame(matrix.T, index=genes, columns=[f"c{number}" for number in range(len(matrix))]).to_csv(path)
    return path


def read(path, **said):
    adata = io.read_counts(path, **said)
    return adata, step_record(adata, "read")


def size_factor_logs(reads):
    factors = np.array([0.5, 0.8, 1.1, 1.7, 2.3, 3.9])[:, None]
    return np.log2(reads[0] / factors + 1)


def test_whole_numbers_are_counts(tmp_path, reads):
    adata, record = read(write(tmp_path / "x.csv", reads[0]))
    assert (record["unit"], record["counts"]) == ("counts", "as read")
    np.testing.assert_array_equal(counts(adata, needed_by="this").toarray(), reads[0])


def test_logs_of_size_factor_counts_give_the_counts(tmp_path, reads):
    adata, record = read(write(tmp_path / "x.csv", size_factor_logs(reads).round(4)))
    assert (record["unit"], record["counts"]) == ("log2", "recovered")
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), reads[0])
    np.testing.assert_allclose(adata.to_df().to_numpy(), size_factor_logs(reads), atol=1e-4)
    assert "cpm" not in adata.layers


def test_natural_logs_are_told_from_log2(tmp_path, reads):
    natural = np.log1p(reads[0] / np.array([[0.5], [0.8], [1.1], [1.7], [2.3], [3.9]]))
    _, record = read(write(tmp_path / "x.csv", natural))
    assert (record["unit"], record["counts"]) == ("ln", "recovered")


def test_logs_of_tpm_give_relative_cpm_and_no_counts(tmp_path, reads):
    adata, record = read(write(tmp_path / "x.csv", np.log2(reads[1] + 1)))
    assert (record["unit"], record["counts"]) == ("log2", "none")
    assert "counts" not in adata.layers
    cpm = adata.layers["cpm"]
    np.testing.assert_allclose(np.asarray(cpm.sum(axis=1)).ravel(), 1e6, rtol=1e-4)
    np.testing.assert_allclose(
        np.asarray(cpm[:, 0].todense() if hasattr(cpm, "todense") else cpm[:, 0]).ravel(), reads[1][:, 0], rtol=1e-3
    )
    with pytest.raises(UnitError, match="read as 'log2'"):
        counts(adata, needed_by="the model")


def test_a_panel_of_genes_gives_no_cpm(tmp_path, reads):
    adata, _ = read(write(tmp_path / "x.csv", np.log2(reads[1][:, :40] + 1)), unit="log2")
    assert "cpm" not in adata.layers


def test_cpm_tpm_and_fpkm(tmp_path, reads):
    cpm = reads[0] / reads[0].sum(axis=1, keepdims=True) * 1e6
    adata, record = read(write(tmp_path / "x.csv", cpm))
    assert (record["unit"], record["counts"]) == ("cpm", "recovered")
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), reads[0])
    _, record = read(write(tmp_path / "x.csv", reads[1]))
    assert (record["unit"], record["counts"]) == ("tpm", "none")
    _, record = read(write(tmp_path / "cells_FPKM.csv", reads[1] * 0.37))
    assert (record["unit"], record["unit_from"]) == ("fpkm", "file name")


def test_cpm_that_hide_their_counts_are_kept_as_cpm(tmp_path, reads):
    adata, record = read(write(tmp_path / "x.csv", reads[1]), unit="cpm")
    assert (record["unit"], record["counts"]) == ("cpm", "none")
    np.testing.assert_array_equal(adata.to_df(layer="cpm"), adata.to_df())


@pytest.mark.parametrize("unit", ["counts", "cpm", "tpm", "fpkm"])
def test_logs_said_to_be_linear(tmp_path, reads, unit):
    with pytest.raises(UnitError, match="logarithms"):
        read(write(tmp_path / "x.csv", np.log2(reads[1] + 1)), unit=unit)


@pytest.mark.parametrize("unit", ["log2", "ln"])
def test_linear_values_said_to_be_logs_name_gene_and_cell(tmp_path, reads, unit):
    matrix = reads[1].copy()
    matrix[3, 1] = 5e5
    with pytest.raises(UnitError, match="gene 'ACTB', cell 'c3'"):
        read(write(tmp_path / "x.csv", matrix), unit=unit)


def test_relative_values_said_to_be_counts(tmp_path, reads):
    with pytest.raises(UnitError, match="relative values"):
        read(write(tmp_path / "x.csv", reads[1]), unit="counts")


def test_rounded_relative_values_are_no_counts(tmp_path):
    rng = np.random.default_rng(2)
    parts = rng.multinomial(1_000_000, rng.dirichlet(np.ones(50)), 6)
    with pytest.raises(UnitError, match="sums to a million"):
        read(write(tmp_path / "x.csv", parts))


def test_more_than_a_million(tmp_path, reads):
    with pytest.raises(UnitError, match="more than a million"):
        read(write(tmp_path / "x.csv", reads[1] * 3), unit="tpm")


def test_what_the_values_do_not_tell_is_asked(tmp_path, reads):
    with pytest.raises(UnitError, match="Say the unit"):
        read(write(tmp_path / "x.csv", reads[1] * np.array([[1], [2], [3], [4], [5], [6.0]])))
    small = np.random.default_rng(3).uniform(0, 5, (4, 20)).round(3)
    with pytest.raises(UnitError, match="of which base"):
        read(write(tmp_path / "x.csv", small))


def test_estimated_counts_are_rounded_where_they_are_said_to_be_counts(tmp_path, reads):
    estimated = reads[0] + np.where(reads[0] > 5, 0.3, 0.0)
    adata, record = read(write(tmp_path / "x.csv", estimated), unit="counts")
    assert record["counts_rounded"]
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), reads[0])
    np.testing.assert_allclose(adata.X.toarray(), estimated, rtol=1e-6)


def test_counts_formats_cannot_be_said_to_be_something_else(tmp_path, small, files):
    with pytest.raises(UnitError, match="are counts"):
        io.read_counts(files["tenx_folder"](tmp_path, small), unit="log2")


def test_offsets(tmp_path, reads):
    logged = np.log2(reads[1] + 0.1)
    path = write(tmp_path / "x.csv", logged.round(3))
    with pytest.raises(InputFileError, match="log_offset"):
        read(path)
    adata, _ = read(path, unit="log2", log_offset=0.1)
    np.testing.assert_allclose(np.asarray(adata.layers["cpm"].sum(axis=1)).ravel(), 1e6, rtol=1e-4)
    with pytest.raises(UnitError, match="below log"):
        read(path, unit="log2", log_offset=0.5)
    with pytest.raises(ParameterError, match="log_offset"):
        read(path, unit="log2", log_offset=0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_faulty_values_in_sparse_matrices(tmp_path, small, value):
    import anndata as ad

    matrix = small.counts.astype(float)
    matrix[2, 3] = value
    adata = ad.AnnData(csr_matrix(matrix), obs=pd.DataFrame(index=small.cells))
    adata.var_names = small.genes
    adata.write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(InputFileError, match="PTPRC|no matrix without negative"):
        io.read_counts(tmp_path / "x.h5ad")
    with pytest.raises(InputFileError, match=f"gene 'PTPRC', cell '{small.cells[2]}'"):
        io.read_counts(tmp_path / "x.h5ad", matrix="X")


def test_logarithm_recorded_by_scanpy(tmp_path, small):
    import anndata as ad

    adata = ad.AnnData(csr_matrix(np.log1p(small.counts * 1.7)), obs=pd.DataFrame(index=small.cells))
    adata.var_names = small.genes
    adata.uns["log1p"] = {}
    got = io.from_anndata(adata)
    assert step_record(got, "read")["unit_from"] == "file: recorded logarithm"
    assert step_record(got, "read")["unit"] == "ln"
