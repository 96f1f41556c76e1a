"""Damaged files of counts are refused: never read as zeros, as other genes, or as another cohort."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from anndata.io import sparse_dataset, write_elem
from scipy import sparse

from her2plastic._errors import InputFileError
from her2plastic._row_blocks import row_blocks, row_sums

# anndata 0.12, the newest for Python 3.11, announces its next default.
pytestmark = pytest.mark.filterwarnings("ignore:zarr v3 autosharding:UserWarning")


def cells(seed: int = 0) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(0.6, (40, 12)).astype(np.float32))


def in_zarr(folder: Path, matrix: sparse.csr_matrix) -> Any:
    root = zarr.open_group(folder / "cells.zarr", mode="w", zarr_format=3)
    write_elem(root, "x", matrix)
    return sparse_dataset(root["x"])


@pytest.mark.parametrize("part", ["data", "indices", "indptr"])
def test_a_missing_chunk_is_not_zeros(part: str, tmp_path: Path) -> None:
    matrix = in_zarr(tmp_path, cells())
    np.testing.assert_array_equal(row_sums(matrix), row_sums(cells()))
    shutil.rmtree(tmp_path / "cells.zarr" / "x" / part / "c")
    with pytest.raises(InputFileError, match=f"chunks of its {part} are missing"):
        row_sums(matrix)


def test_what_was_removed_or_written_anew_is_not_read_on(tmp_path: Path) -> None:
    matrix = in_zarr(tmp_path, cells())
    row_sums(matrix)
    shutil.rmtree(tmp_path / "cells.zarr")
    with pytest.raises(InputFileError, match="removed while open"):
        row_sums(matrix)
    in_zarr(tmp_path, cells(seed=1))
    with pytest.raises(InputFileError, match="written anew"):
        row_sums(matrix)


def test_a_dense_array_that_was_removed_is_not_zeros(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "cells.zarr", mode="w", zarr_format=3)
    write_elem(root, "x", cells().toarray())
    matrix: Any = root["x"]
    np.testing.assert_array_equal(row_sums(matrix), row_sums(cells()))
    shutil.rmtree(tmp_path / "cells.zarr")
    with pytest.raises(InputFileError, match="removed"):
        row_sums(matrix)


def outside(group: Any) -> None:
    group["indices"][-1] = 5000


def before(group: Any) -> None:
    group["indices"][-1] = -5


def back_and_forth(group: Any) -> None:
    ends = group["indptr"][:]
    ends[10], ends[11] = ends[12], ends[9]
    group["indptr"][:] = ends


def too_few(group: Any) -> None:
    group["indptr"][-1] -= 2


def cut(name: str) -> Callable[[Any], None]:
    def change(group: Any) -> None:
        values = group[name][:-3]
        del group[name]
        group[name] = values

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (outside, "gene 5,000, and there are 12 genes"),
        (before, "gene -5, and there are 12 genes"),
        (back_and_forth, "do not add up"),
        (too_few, "do not add up"),
        (cut("data"), "do not add up"),
        (cut("indices"), "do not add up"),
        (cut("indptr"), "do not add up"),
    ],
    ids=["outside", "before", "back", "too few", "cut data", "cut indices", "cut indptr"],
)
def test_parts_that_do_not_fit_are_refused(change: Callable[[Any], None], said: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "cells.h5ad", "w") as file:
        write_elem(file, "x", cells())
        change(file["x"])
        with pytest.raises(InputFileError, match=said) as caught:
            row_sums(sparse_dataset(file["x"]))
    assert "cells.h5ad" in str(caught.value)


def test_a_damaged_chunk_is_named_with_its_cells(tmp_path: Path) -> None:
    matrix = in_zarr(tmp_path, cells())
    for chunk in (tmp_path / "cells.zarr" / "x" / "data" / "c").iterdir():
        chunk.write_bytes(chunk.read_bytes()[:-5])
    with pytest.raises(InputFileError, match=r"cells.zarr.*cells 0 to 40 cannot be read"):
        list(row_blocks(matrix))


def test_chunks_of_zeros_need_not_be_there(tmp_path: Path) -> None:
    """Zarr leaves out what it would fill in: cells whose only gene is the first, and cells without counts."""
    only_first = sparse.csr_matrix(np.eye(1, 12, dtype=np.float32).repeat(3, axis=0))
    np.testing.assert_array_equal(row_sums(in_zarr(tmp_path, only_first)), [1, 1, 1])
    none = sparse.csr_matrix((3, 12), dtype=np.float32)
    np.testing.assert_array_equal(row_sums(in_zarr(tmp_path, none)), [0, 0, 0])
