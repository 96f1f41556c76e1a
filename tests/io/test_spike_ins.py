"""Spike-ins are no genes, whatever the format."""

from __future__ import annotations

import logging
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

import her2plastic
from her2plastic._access import step_record
from her2plastic._errors import InputFileError

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io
ad: Any = anndata

SPIKES = ["ERCC-00002", "ERCC-00171", "ercc.00130"]


@pytest.fixture
def spiked(small):
    """Return the small counts with three spike-ins among the genes, of many counts each."""
    counts = np.hstack([small.counts[:, :2], np.full((5, 3), 500), small.counts[:, 2:]])
    names = [*small.genes[:2], *SPIKES, *small.genes[2:]]
    ids = [*small.gene_ids[:2], *SPIKES, *small.gene_ids[2:]]
    return type(small)(counts, names, ids, small.cells)


@pytest.mark.parametrize("writer", ["tenx_folder", "tenx_h5", "solo", "loom", "featurecounts", "alevin"])
def test_spike_ins_are_left_out_of_every_format(tmp_path, small, spiked, files, writer):
    more = {"usa": True} if writer == "alevin" else {}
    with_them = io.read_counts(files[writer](tmp_path / "with", spiked, **more))
    without = io.read_counts(files[writer](tmp_path / "without", small, **more))
    assert list(with_them.var_names) == list(without.var_names)
    assert step_record(with_them, "read")["spike_ins_left_out"] == 3
    assert step_record(without, "read")["spike_ins_left_out"] == 0
    assert set(with_them.layers) == set(without.layers)
    for name in without.layers:
        np.testing.assert_array_equal(with_them.to_df(layer=name), without.to_df(layer=name))


def test_spike_ins_are_left_out_of_tables_and_told(tmp_path, small, spiked, caplog):
    spiked.frame().to_csv(tmp_path / "x.csv")
    with caplog.at_level(logging.INFO, logger="her2plastic"):
        adata = io.read_counts(tmp_path / "x.csv")
    assert "3 spike-ins (ERCC-00002, ...) are no genes" in caplog.text
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), small.counts)
    got = io.from_anndata(ad.AnnData(spiked.frame().astype("float32")))
    np.testing.assert_array_equal(got.layers["counts"].toarray(), small.counts)


def test_genes_called_ercc_are_genes(tmp_path, small):
    frame = small.frame().rename(columns={"ACTB": "ERCC2", "GRB7": "ERCC6L", "KRT8": "ERCC-1"})
    frame.to_csv(tmp_path / "x.csv")
    assert {"ERCC2", "ERCC6L", "ERCC-1"} <= set(io.read_counts(tmp_path / "x.csv").var_names)


def test_units_are_told_with_the_spike_ins_and_relative_values_are_of_the_genes():
    rng = np.random.default_rng(1)
    counts = rng.poisson(rng.gamma(0.5, 8, 1500), (10, 1500))
    counts[:, -3:] = 4000
    names = ["ERBB2", *(f"GENE{number}" for number in range(1496)), *SPIKES]
    weights = counts * rng.uniform(0.5, 2, 1500)
    cpm = 1e6 * weights / weights.sum(axis=1, keepdims=True)
    genes = 1e6 * weights[:, :-3] / weights[:, :-3].sum(axis=1, keepdims=True)
    for values, unit in ((cpm, "cpm"), (np.log2(cpm + 1), "log2")):
        got = io.from_anndata(ad.AnnData(pd.DataFrame(values, columns=names).rename(index=str)), unit=unit)
        assert got.n_vars == 1497
        np.testing.assert_allclose(got.to_df(layer="cpm"), genes, rtol=1e-4)
        np.testing.assert_allclose(got.to_df(), values[:, :-3], rtol=1e-5)
    depths = 1e6 * counts / counts.sum(axis=1, keepdims=True)
    got = io.from_anndata(ad.AnnData(pd.DataFrame(depths, columns=names).rename(index=str)))
    assert step_record(got, "read")["unit"] == "cpm"
    np.testing.assert_array_equal(got.to_df(layer="counts"), counts[:, :-3])


def test_nothing_but_spike_ins(tmp_path):
    (tmp_path / "x.csv").write_text("gene,c1,c2\nERCC-00002,1,2\nERCC-00003,3,4\n")
    with pytest.raises(InputFileError, match="no genes but 2 spike-ins"):
        io.read_counts(tmp_path / "x.csv", require=(), genes_in="rows")
