"""Cohorts in their file: every step that reads cells in blocks writes what it writes in memory, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from anndata.experimental import read_lazy

import her2plastic as hp
from her2plastic import _row_blocks
from her2plastic._errors import ParameterError, UnitError
from her2plastic.pp.doublets import SampleDoublets


@pytest.fixture(scope="module")
def cohort() -> AnnData:
    """Two assays, a sample of more cells than scrublet needs, control cells."""
    parts = [
        hp.datasets.simulate_cohort(n_donors=4, draws=(0,), n_ctc=40, controls=40, seed=1, platform=platform)
        for platform in ("10x", "smart-seq2")
    ]
    both = anndata.concat(parts, keys=["a", "b"], index_unique="-")
    both.obs = both.obs[["donor_id", "assay", "label"]].assign(sample_id="one")
    return both


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_row_blocks, "_MOST_ROWS", 100)
        patch.setattr(_row_blocks, "_FEWEST_ROWS", 1)
        yield


def calls(adata: AnnData) -> AnnData:
    hp.pp.quality(adata, doublets="off")
    hp.pp.ctc_identity(adata)
    hp.tl.amplicon(adata)
    hp.tl.her2_state(adata)
    return adata


@pytest.fixture(scope="module")
def in_memory(cohort: AnnData) -> AnnData:
    return calls(cohort.copy())


def of_h5ad(cohort: AnnData, folder: Path) -> AnnData:
    hp.io.write_h5ad(cohort, folder / "cohort.h5ad")
    return hp.io.open_cohort(folder / "cohort.h5ad")


def of_zarr(cohort: AnnData, folder: Path) -> AnnData:
    cohort.copy().write_zarr(folder / "cohort.zarr")
    return hp.io.open_cohort(folder / "cohort.zarr")


def of_dask(cohort: AnnData, folder: Path) -> AnnData:
    pytest.importorskip("xarray")  # AnnData reads lazily with it
    cohort.copy().write_zarr(folder / "cohort.zarr")
    lazy: Any = read_lazy(folder / "cohort.zarr")
    return AnnData(obs=lazy.obs.to_memory(), var=lazy.var.to_memory(), layers={"counts": lazy.layers["counts"]})


def backed(cohort: AnnData, folder: Path) -> AnnData:
    """AnnData backs X alone, and reads layers."""
    only_x = cohort.copy()
    del only_x.layers["counts"]
    only_x.write_h5ad(folder / "cohort.h5ad")
    found = anndata.read_h5ad(folder / "cohort.h5ad", backed="r")
    found.layers["counts"] = found.X
    return found


def assert_same(found: AnnData, other: AnnData) -> None:
    """The same columns, tables and records, without any tolerance; text may be kept as categories."""
    assert set(found.obs) == set(other.obs)
    for name in found.obs:
        one, two = found.obs[name], other.obs[name]
        if not pd.api.types.is_numeric_dtype(one.dtype):
            one, two = one.astype(object), two.astype(object)
        pd.testing.assert_series_equal(one, two, check_exact=True)
    for name in other.obsm:
        pd.testing.assert_frame_equal(found.obsm[name], other.obsm[name], check_exact=True)
    assert plain(found.uns["her2plastic"]) == plain(other.uns["her2plastic"])


def plain(record: Any) -> Any:
    if isinstance(record, dict):
        return {key: plain(value) for key, value in record.items()}
    return repr(np.asarray(record).tolist())


@pytest.mark.parametrize("opened", [of_h5ad, of_zarr, of_dask, backed])
def test_where_the_counts_are_does_not_show(
    opened: Callable[[AnnData, Path], AnnData], cohort: AnnData, in_memory: AnnData, tmp_path: Path
) -> None:
    found = opened(cohort, tmp_path)
    assert not _row_blocks.in_memory(found.layers["counts"])
    assert_same(calls(found), in_memory)


def test_doublets_are_scored_from_the_same_cells(
    cohort: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scrublet takes seconds: what stands in for it scores a cell by all of its counts."""

    def scores(counts: Any, seed: int) -> SampleDoublets:
        return SampleDoublets(counts.toarray() @ np.arange(counts.shape[1]), float(seed), "ok")

    monkeypatch.setattr("her2plastic.pp._quality.doublet_scores", scores)
    here = cohort.copy()
    here.obs["sample_id"] = np.array(["one", "two", "three"])[np.arange(cohort.n_obs) * 7 // 5 % 3]
    there = of_h5ad(here, tmp_path)
    for adata in (here, there):
        hp.pp.quality(adata)
    assert here.obs["doublet_score"].nunique() > 100
    assert_same(there, here)


@pytest.mark.parametrize("calibration", ["controls", "jordan2016"])
def test_every_calibration_works_on_a_file(calibration: str, cohort: AnnData, tmp_path: Path) -> None:
    few = cohort[cohort.obs["assay"] == "10x"].copy()
    there = of_h5ad(few, tmp_path)
    for adata in (few, there):
        hp.tl.her2_state(adata, calibration=calibration)
    assert_same(there, few)


def test_relative_values_in_a_file(cohort: AnnData, tmp_path: Path) -> None:
    adata = cohort.copy()
    adata.X = np.log1p(cohort.X)
    del adata.layers["counts"]
    there = of_h5ad(adata, tmp_path)
    for cells in (adata, there):
        hp.pp.quality(cells)
        hp.pp.ctc_identity(cells)
    assert_same(there, adata)


def test_results_are_written_without_reading_the_matrix(
    cohort: AnnData, in_memory: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = calls(of_zarr(cohort, tmp_path))
    shapes = []
    real = _row_blocks._run

    def run(matrix: Any, rows: slice) -> Any:
        shapes.append(rows.stop - rows.start)
        return real(matrix, rows)

    monkeypatch.setattr(_row_blocks, "_run", run)
    hp.io.write_h5ad(found, tmp_path / "out" / "cells.h5ad")
    assert max(shapes) == 100
    again = anndata.read_h5ad(tmp_path / "out" / "cells.h5ad")
    for one, two in ((again.layers["counts"], in_memory.layers["counts"]), (again.X, in_memory.X)):
        assert (one != two).nnz == 0
    assert_same(again, in_memory)
    assert_same(hp.io.open_cohort(tmp_path / "out" / "cells.h5ad"), in_memory)
    assert (found.obs["quality_reason"] == in_memory.obs["quality_reason"]).all()  # not turned into anything


def test_cells_can_be_taken_out_of_the_file(cohort: AnnData, in_memory: AnnData, tmp_path: Path) -> None:
    found = calls(of_zarr(cohort, tmp_path))
    ctcs = found[found.obs["is_ctc"]].to_memory()
    expected = in_memory[in_memory.obs["is_ctc"]]
    assert (ctcs.layers["counts"] != expected.layers["counts"]).nnz == 0
    pd.testing.assert_frame_equal(hp.tl.her2_shares(ctcs).to_frame(), hp.tl.her2_shares(expected.copy()).to_frame())


def test_what_needs_memory_says_so(cohort: AnnData, tmp_path: Path) -> None:
    found = of_h5ad(cohort, tmp_path)
    with pytest.raises(ParameterError, match="needs the counts in memory"):
        hp.tl.embedding(found)
    with pytest.raises(ParameterError, match="remove=True: these cells are in a file"):
        hp.pp.quality(found, remove=True, doublets="off")
    assert "depth" not in found.obs


def test_a_lazy_table_of_cells_is_refused(cohort: AnnData, tmp_path: Path) -> None:
    pytest.importorskip("xarray")
    cohort.copy().write_zarr(tmp_path / "cohort.zarr")
    with pytest.raises(ParameterError, match="open_cohort"):
        hp.pp.quality(read_lazy(tmp_path / "cohort.zarr"))


def test_values_that_are_no_counts_are_refused_in_a_file(cohort: AnnData, tmp_path: Path) -> None:
    wrong = cohort.copy()
    counts: Any = cohort.layers["counts"].copy()
    counts.data[-1] = np.nan
    wrong.layers["counts"] = counts
    found = of_h5ad(wrong, tmp_path)
    for step in (hp.pp.quality, hp.pp.ctc_identity, hp.tl.amplicon, hp.tl.her2_state):
        with pytest.raises(UnitError, match="finite"):
            step(found)
