"""Blocks of rows: whatever a matrix is and wherever it is, the same rows, sums, columns and values come out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pytest
import zarr
from anndata.io import sparse_dataset, write_elem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from her2plastic import _row_blocks
from her2plastic._count_values import check_counts
from her2plastic._errors import ParameterError, UnitError
from her2plastic._row_blocks import column, row_blocks, row_sums, stored_values, take_rows

# anndata 0.12, the newest for Python 3.11, announces its next default.
pytestmark = pytest.mark.filterwarnings("ignore:zarr v3 autosharding:UserWarning")

KINDS = ("dense", "csr", "csc", "h5ad", "zarr", "h5ad dense", "zarr dense", "dask", "dask sparse")


def kept_as(kind: str, matrix: np.ndarray, folder: Path) -> Any:
    csr = sparse.csr_matrix(matrix)
    if kind in ("dense", "csr", "csc"):
        return {"dense": matrix, "csr": csr, "csc": csr.tocsc()}[kind]
    if kind.startswith("dask"):
        da = pytest.importorskip("dask.array")
        lazy = da.from_array(matrix, chunks=(7, -1))
        return lazy.map_blocks(sparse.csr_matrix) if kind == "dask sparse" else lazy
    path = folder / f"{kind}-{len(list(folder.iterdir()))}"
    root = zarr.open_group(path, mode="w", zarr_format=3) if kind.startswith("zarr") else h5py.File(path, "w")
    write_elem(root, "x", matrix if kind.endswith("dense") else csr)
    return root["x"] if kind.endswith("dense") else sparse_dataset(root["x"])


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_row_blocks, "_MOST_ROWS", 5)
    monkeypatch.setattr(_row_blocks, "_FEWEST_ROWS", 1)
    monkeypatch.setattr(_row_blocks, "_GAP", 3)


def dense(block: Any) -> np.ndarray:
    return np.asarray(block.toarray() if sparse.issparse(block) else block)


@pytest.mark.filterwarnings("ignore:The codec:UserWarning")
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_kind_of_matrix_shows(kind: str, tmp_path: Path, small_blocks: None, data: st.DataObject) -> None:
    n_rows = data.draw(st.integers(1, 23))
    values = np.random.default_rng(n_rows).poisson(0.6, (n_rows, 4)).astype(np.float32)
    matrix = kept_as(kind, values, tmp_path)
    blocks = list(row_blocks(matrix))
    assert [rows.start for rows, _ in blocks] == list(range(0, n_rows, 5))
    np.testing.assert_array_equal(np.concatenate([dense(block) for _, block in blocks]), values)
    np.testing.assert_array_equal(row_sums(matrix), values.sum(axis=1))
    np.testing.assert_array_equal(column(matrix, 2), values[:, 2])
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, n_rows - 1)))), dtype=np.int64)
    np.testing.assert_array_equal(dense(take_rows(matrix, rows)), values[rows])


@pytest.mark.parametrize(
    ("value", "said"), [(np.nan, "non-finite"), (np.inf, "non-finite"), (-1.0, "negative"), (2.0**33, "more than any")]
)
@pytest.mark.parametrize("place", [0, 12])
def test_values_that_are_no_counts_are_found_in_a_file(
    value: float, said: str, place: int, tmp_path: Path, small_blocks: None
) -> None:
    values = np.ones((13, 3), dtype=np.float32)
    check_counts(kept_as("h5ad", values, tmp_path), needed_by="test")
    values[place, 1] = value
    with pytest.raises(UnitError, match=said):
        check_counts(kept_as("h5ad", values, tmp_path), needed_by="test")


@pytest.mark.parametrize("kind", ["csr", "zarr"])
def test_logarithms_and_estimated_counts_are_told_apart_as_in_memory(
    kind: str, tmp_path: Path, small_blocks: None
) -> None:
    counts = np.random.default_rng(0).poisson(3.0, (60, 40)).astype(np.float64)
    check_counts(kept_as(kind, counts + 0.25 * (counts > 5), tmp_path), needed_by="test")
    with pytest.raises(UnitError, match="logarithms"):
        check_counts(kept_as(kind, np.log1p(counts), tmp_path), needed_by="test")


def test_a_file_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = kept_as("zarr", np.ones((4, 3)), tmp_path)
    assert not stored_values(matrix).has_fractions
    monkeypatch.setattr(_row_blocks, "row_blocks", None)
    assert stored_values(matrix).high == 1.0
    with pytest.raises(TypeError):
        stored_values(kept_as("zarr", np.ones((4, 3)), tmp_path))


def test_a_matrix_stored_gene_by_gene_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        write_elem(file, "x", sparse.csc_matrix(np.eye(3)))
        with pytest.raises(ParameterError, match="gene by gene"):
            next(row_blocks(sparse_dataset(file["x"])))


def test_backed_anndata_is_read_in_blocks(tmp_path: Path) -> None:
    anndata.AnnData(sparse.random(30, 5, density=0.5, format="csr", random_state=0)).write_h5ad(tmp_path / "x.h5ad")
    backed = anndata.read_h5ad(tmp_path / "x.h5ad", backed="r")
    assert not _row_blocks.in_memory(backed.X)
    np.testing.assert_array_equal(row_sums(backed.X), row_sums(backed.to_memory().X))
    backed.file.close()
