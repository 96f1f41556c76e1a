"""Text of cells in files: the same in pieces of any length, and in memory once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import zarr
from anndata import AnnData
from anndata.io import write_elem
from scipy import sparse

from her2plastic import io
from her2plastic.io import stored_text

N_CELLS = 23


@pytest.fixture
def cells() -> AnnData:
    """Cells with names, texts that many share, texts of their own, gaps, and a table of results."""
    names = [f"cell{i}" for i in range(N_CELLS)]
    obs = pd.DataFrame(
        {
            "same_as_name": names,
            "shared": [f"reason {i % 3}, longer than what fits in place" for i in range(N_CELLS)],
            "own": [f"note {i}" for i in range(N_CELLS)],
            "kind": pd.Categorical(["a", "b", None, *["a"] * (N_CELLS - 3)]),
        },
        index=names,
    )
    made = AnnData(sparse.csr_matrix(np.eye(N_CELLS, 4, dtype=np.float32)), obs=obs)
    made.obsm["table"] = pd.DataFrame({"p": np.linspace(0, 1, N_CELLS)}, index=names)
    return made


@pytest.mark.parametrize("piece", [1, 7, N_CELLS, 1000])
@pytest.mark.parametrize("kind", ["h5ad", "zarr", "zarr in chunks"])
def test_tables_are_those_that_anndata_reads(
    kind: str, piece: int, cells: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"cells.{kind[:4]}"
    chunked: dict[str, Any] = {"chunks": 5} if "chunks" in kind else {}
    if kind == "h5ad":
        cells.write_h5ad(path, convert_strings_to_categoricals=False)
    else:
        cells.write_zarr(path, convert_strings_to_categoricals=False, **chunked)
    expected = (anndata.read_h5ad if kind == "h5ad" else anndata.read_zarr)(path)
    monkeypatch.setattr(stored_text, "PIECE", piece)
    found = io.open_cohort(path)
    pd.testing.assert_frame_equal(found.obs, expected.obs)
    pd.testing.assert_frame_equal(found.obsm["table"], expected.obsm["table"])
    if found.obs["shared"].dtype == object:  # as pandas 2 keeps text
        names = found.obs_names.to_numpy()
        for column in (found.obs["same_as_name"], found.obsm["table"].index):
            assert all(one is two for one, two in zip(names, column.to_numpy(), strict=True))
        assert piece < 7 or len({id(text) for text in found.obs["shared"]}) == 3


@pytest.mark.parametrize("piece", [5, N_CELLS])
def test_long_text_is_written_as_anndata_writes_it(
    piece: int, cells: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_text, "PIECE", piece)
    root: Any = zarr.open_group(tmp_path / "found.zarr", mode="w", zarr_format=3)
    other: Any = zarr.open_group(tmp_path / "expected.zarr", mode="w", zarr_format=3)
    stored_text.write_table(root, "obs", cells.obs)
    with stored_text.written_for_all():
        write_elem(other, "obs", cells.obs)
    assert dict(root["obs"].attrs) == dict(other["obs"].attrs)
    places = dict(other.members(max_depth=None))
    assert set(places) == set(dict(root.members(max_depth=None)))
    for name, element in places.items():
        assert dict(root[name].attrs) == dict(element.attrs)
        if hasattr(element, "dtype"):
            assert root[name].dtype == element.dtype
            np.testing.assert_array_equal(root[name][...], element[...])
    assert root["obs/own"].chunks == (piece,)
    assert root["obs/kind/codes"].chunks == (N_CELLS,)
