"""What files say of their cells, beside the sample sheet."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import her2plastic
from her2plastic import _keys
from her2plastic._errors import DataWarning

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io
ad: Any = anndata

HEADER = "donor_id,sample_id,draw_day,assay,path"


@pytest.fixture
def read_files(tmp_path, small):
    """Return a reader of one h5ad file a table of cells; the samples are a, b, ..."""

    def read(*tables, header=HEADER, more=""):
        rows = [header]
        for name, obs in zip("abcd", tables, strict=False):
            part = ad.AnnData(csr_matrix(small.counts.astype("float32")), obs=obs.set_axis(small.cells))
            part.var_names = small.genes
            part.write_h5ad(tmp_path / f"{name}.h5ad")
            rows.append(f"P{name},{name},0,10x,{name}.h5ad{more}")
        (tmp_path / "samples.csv").write_text("\n".join(rows) + "\n")
        return io.read_samples(tmp_path / "samples.csv")

    return read


def test_only_the_sheet_says_which_cells_are_controls(read_files):
    obs = pd.DataFrame({"label": ["HER2-positive"] * 5, "batch": "B"})
    with pytest.warns(DataWarning, match=r"1 of 2 samples \(a\) are left out: label\."):
        adata = read_files(obs, pd.DataFrame({"batch": ["C"] * 5}))
    assert "label" not in adata.obs
    assert adata.obs["batch"].tolist() == ["B"] * 5 + ["C"] * 5
    with pytest.warns(DataWarning, match="label"):
        adata = read_files(obs, header=HEADER + ",label", more=",HER2-low")
    assert set(adata.obs["label"]) == {"HER2-low"}


def test_results_in_files_do_not_come_along(read_files):
    results = [key.name for key in _keys.REGISTRY if key.slot == "obs" and key.written_by.startswith(("pp", "tl"))]
    assert {"is_ctc", "her2_call", "depth", "ambient_share", "erbb2_mechanism"} <= set(results)
    earlier = pd.DataFrame({name: np.ones(5) for name in results} | {"plate": "x"})
    with pytest.warns(DataWarning, match=r"2 of 2 samples.*ambient_share, .*is_ctc, .*Rename a column"):
        adata = read_files(earlier, earlier)
    assert list(adata.obs) == ["cell_id", "donor_id", "sample_id", "draw_day", "assay", "plate"]


COLUMNS: dict[str, Any] = {
    "int": [1, 2, 3, 4, 5],
    "float": [0.5, np.nan, 1, 2, 3],
    "bool": [True, False, True, True, False],
    "text": list("vwxyz"),
    "text with gaps": pd.Series(["x", None, "y", "x", "y"]),
    "category of int": pd.Categorical([1, 2, 1, 2, 3]),
    "category of text": pd.Categorical(["p", "q", None, "p", "q"]),
    "ordered": pd.Categorical(list("lhlhl"), categories=["l", "h"], ordered=True),
    "nullable int": pd.array([1, None, 3, 4, 5], dtype="Int64"),
    "nullable bool": pd.array([True, None, False, True, True], dtype="boolean"),
    "nothing": [np.nan] * 5,
}


def test_columns_of_any_two_types_can_be_written(tmp_path, small, read_files):
    # every pair of types, and every type beside no column, in one cohort
    pairs: list[Any] = list(combinations((*COLUMNS, None), 2))
    first = pd.DataFrame({f"{one} {other}": COLUMNS[one] for one, other in pairs})
    second = pd.DataFrame({f"{one} {other}": COLUMNS[other] for one, other in pairs if other is not None})
    adata = read_files(first, second)
    io.write_h5ad(adata, tmp_path / "cohort.h5ad")
    adata.write_zarr(tmp_path / "cohort.zarr")
    for again in (ad.read_h5ad(tmp_path / "cohort.h5ad"), ad.read_zarr(tmp_path / "cohort.zarr")):
        for one, other in pairs:
            column = again.obs[f"{one} {other}"]
            given = pd.Series([*COLUMNS[one], *([np.nan] * 5 if other is None else COLUMNS[other])], dtype=object)
            assert column.isna().tolist() == given.isna().tolist()
            assert [_plain(value) for value in column.dropna()] == [_plain(value) for value in given.dropna()]


def _plain(value):
    """Return a number, or the number or word that a text stands for: what is left of a value in any type."""
    text = {"True": "1", "False": "0"}.get(str(value), str(value))
    return float(text) if text[0].isdigit() else text


@pytest.mark.parametrize(
    ("one", "other", "dtype", "values"),
    [
        ("int", "text", "category", ["1", "2", "3", "4", "5", *"vwxyz"]),
        ("int", "float", "float64", [1, 2, 3, 4, 5, 0.5, np.nan, 1, 2, 3]),
        ("float", "text", "category", ["0.5", np.nan, "1.0", "2.0", "3.0", *"vwxyz"]),
        ("bool", None, "boolean", [True, False, True, True, False, *[pd.NA] * 5]),
        ("bool", "int", "category", ["True", "False", "True", "True", "False", "1", "2", "3", "4", "5"]),
        ("category of int", "category of text", "category", ["1", "2", "1", "2", "3", "p", "q", np.nan, "p", "q"]),
        ("nullable int", "float", "float64", [1, np.nan, 3, 4, 5, 0.5, np.nan, 1, 2, 3]),
        ("ordered", None, "category", [*"lhlhl", *[np.nan] * 5]),
        ("text", "text", str(pd.Series(["text"]).dtype), [*"vwxyz"] * 2),
    ],
)
def test_the_type_that_two_types_become(read_files, one, other, dtype, values):
    second = pd.DataFrame({} if other is None else {"x": COLUMNS[other]}, index=range(5))
    column = read_files(pd.DataFrame({"x": COLUMNS[one]}), second).obs["x"]
    assert str(column.dtype) == dtype
    pd.testing.assert_series_equal(
        column.reset_index(drop=True).astype(object), pd.Series(values, dtype=object), check_names=False
    )
    if one == "ordered":
        assert list(column.cat.categories) == ["l", "h"]
        assert column.cat.ordered
