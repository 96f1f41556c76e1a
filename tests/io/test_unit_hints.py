"""What a file's name says of its unit, and where its values say otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from her2plastic import io
from her2plastic._access import step_record
from her2plastic._errors import DataWarning, UnitError

LOG2 = np.log2


@pytest.fixture(scope="module")
def counted() -> np.ndarray:
    return np.random.default_rng(3).poisson(np.random.default_rng(1).lognormal(0, 2, 1200), (6, 1200))


@pytest.fixture(scope="module")
def per_length(counted: np.ndarray) -> np.ndarray:
    values = counted / np.random.default_rng(2).lognormal(0.5, 0.7, counted.shape[1])
    return values / values.sum(axis=1, keepdims=True) * 1e6


def written(path: Path, matrix: np.ndarray) -> Path:
    genes = ["ERBB2", *(f"G{number}" for number in range(matrix.shape[1] - 1))]
    pd.DataFrame(matrix.T, index=genes, columns=[f"c{number}" for number in range(len(matrix))]).to_csv(path)
    return path


@pytest.mark.parametrize("name", ["GSE1_TPM.csv", "GSE1_logTPM.csv", "cohort_fpkm.csv", "RPM.csv"])
def test_logarithms_in_a_file_named_after_what_they_are_of(tmp_path, per_length, name):
    adata = io.read_counts(written(tmp_path / name, LOG2(per_length + 1)))
    assert step_record(adata, "read")["unit"] == "log2"
    np.testing.assert_allclose(np.asarray(adata.layers["cpm"].sum(axis=1)).ravel(), 1e6, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "base", "unit"), [("LN_TPM.csv", 2, "log2"), ("P1-LN.csv", 2, "log2"), ("lnTPM.csv", np.e, "ln")]
)
def test_lymph_nodes_are_no_natural_logarithms(tmp_path, per_length, name, base, unit):
    adata = io.read_counts(written(tmp_path / name, np.log(per_length + 1) / np.log(base)))
    assert step_record(adata, "read")["unit"] == unit


def test_small_values_of_few_genes_are_asked_about(tmp_path, per_length):
    with pytest.raises(UnitError, match=r"its name says 'tpm'.*as it is for logarithms"):
        io.read_counts(written(tmp_path / "panel_TPM.csv", LOG2(per_length[:, :30] + 1)))


def test_logarithms_to_base_ten_have_a_way_out(tmp_path, per_length):
    with pytest.raises(UnitError, match="Multiply the values by 3.321928"):
        io.read_counts(written(tmp_path / "GSE1_log10_TPM.csv", np.log10(per_length + 1)))
    adata = io.read_counts(written(tmp_path / "x.csv", np.log10(per_length + 1) * 3.321928), unit="log2")
    np.testing.assert_allclose(adata.to_df(layer="cpm"), per_length, rtol=1e-3, atol=0.01)


def test_whole_numbers_in_a_file_named_after_relative_values(tmp_path, counted):
    with pytest.raises(UnitError, match="its name says 'tpm', but the values are whole"):
        io.read_counts(written(tmp_path / "GSE1_TPM.csv", counted))
    for name, said in (("GSE1_TPM_counts.csv", "auto"), ("GSE1_TPM.csv", "counts")):
        adata = io.read_counts(written(tmp_path / name, counted), unit=said)
        np.testing.assert_array_equal(adata.to_df(layer="counts"), counted)


@pytest.mark.parametrize("said", ["auto", "cpm"])
def test_counts_per_ten_thousand_are_no_cpm(tmp_path, per_length, said):
    with pytest.raises(UnitError, match=r"every cell sums to 10,000, not to a million\. Multiply the values by 100"):
        io.read_counts(written(tmp_path / "cells_CPM.csv", per_length / 100), unit=said)


def test_counts_divided_by_size_factors_are_counts_again(tmp_path, counted):
    factors = np.array([0.5, 0.8, 1.1, 1.7, 2.3, 3.9])[:, None]
    adata = io.read_counts(written(tmp_path / "normalized_counts.csv", counted / factors))
    record = step_record(adata, "read")
    assert (record["unit"], record["counts"]) == ("counts", "recovered")
    np.testing.assert_array_equal(adata.to_df(layer="counts"), counted)
    with pytest.raises(UnitError, match="Say the unit"):  # counts in halves are not twice as many
        io.read_counts(written(tmp_path / "means.csv", counted / 2))


def test_values_with_a_floor_of_their_own_are_no_logarithms_of_expression(tmp_path, counted):
    intensities = LOG2(counted * np.linspace(8, 12, 6)[:, None] + 40).round(3)
    with pytest.raises(UnitError, match=r"the smallest of 7,200 values is 5\.32.*intensities of an array"):
        io.read_counts(written(tmp_path / "log2_intensity.csv", intensities))
    with pytest.warns(DataWarning, match="taken for log2 as said"):
        io.read_counts(written(tmp_path / "x.csv", intensities), unit="log2")
