from __future__ import annotations

from importlib.metadata import version

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2plastic import io
from her2plastic._errors import OutputFolderError, ParameterError

STARTS = "=+-@\t\r\n＝＋－＠"


def test_formulas_are_disarmed_and_numbers_are_not(tmp_path):
    frame = pd.DataFrame(
        {
            "sample": ["=HYPERLINK(1)", "+cmd", "@x", "\tx"],
            "change": [-1.5, 2.0, np.nan, -3.0],
            "text": pd.Categorical(["-2", "-x", "1+", "+1e-3"]),
            "=head": [True, False, None, True],
        },
        index=pd.Index(["-a", "b", "=c", "d"], name="@id"),
    )
    io.write_table(frame, tmp_path / "x.csv")
    text = (tmp_path / "x.csv").read_text()
    assert text.splitlines()[0] == "'@id,sample,change,text,'=head"
    assert text.splitlines()[1] == "'-a,'=HYPERLINK(1),-1.5,-2,True"
    assert text.splitlines()[3] == "'=c,'@x,,1+,"
    again = pd.read_csv(tmp_path / "x.csv", index_col=0)
    assert again["change"].tolist()[:2] == [-1.5, 2.0]
    assert frame["sample"][0] == "=HYPERLINK(1)" if 0 in frame.index else True


@settings(max_examples=80)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), min_size=1, max_size=5))
def test_no_cell_starts_a_formula(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("tables") / "x.tsv"
    io.write_table(
        pd.DataFrame({"a": texts, "b": texts}, index=pd.MultiIndex.from_arrays([texts, texts], names=["=i", "j"])), path
    )
    again = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, lineterminator="\n")
    for cell in [*again.to_numpy().ravel(), *again.columns]:
        number = (
            cell.lstrip("+-")
            .replace(".", "", 1)
            .replace("e", "", 1)
            .replace("E", "", 1)
            .replace("-", "")
            .replace("+", "")
        )
        assert not cell.startswith(tuple(STARTS)) or number.isdigit()


def test_an_index_of_row_numbers_is_left_out(tmp_path):
    io.write_table(pd.DataFrame({"a": [1, 2]}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "a\n1\n2\n"


def test_unknown_endings(tmp_path):
    with pytest.raises(ParameterError, match=r"'\.csv', '\.tsv'"):
        io.write_table(pd.DataFrame({"a": [1]}), tmp_path / "x.xlsx")


def test_folders_are_made(tmp_path):
    io.write_text("Größe\n", tmp_path / "a/b/x.txt")
    assert (tmp_path / "a/b/x.txt").read_bytes() == "Größe\n".encode()


@pytest.mark.parametrize("text", [object, str, "string"])
def test_text_of_h5ad_is_plain_whatever_pandas_calls_it(tmp_path, text):
    if text == "string" and version("anndata").startswith("0.12."):
        pytest.skip("anndata 0.12 cannot write this type")
    obs = pd.DataFrame({"note": ["x", None, "z"], "ward": ["North", "South", "West"]}, index=["c1", "c2", "c3"])
    adata = ad.AnnData(np.ones((3, 1), dtype="float32"), obs=obs, var=pd.DataFrame(index=["ERBB2"]))
    adata.obs["ward"] = adata.obs["ward"].astype(text)
    adata.obs_names = adata.obs_names.astype(text)
    io.write_h5ad(adata, tmp_path / "x.h5ad")
    with h5py.File(tmp_path / "x.h5ad") as file:
        for name in ("obs/_index", "obs/ward", "obs/note/categories", "var/_index"):
            assert file[name].attrs["encoding-type"] == "string-array"
    back = ad.read_h5ad(tmp_path / "x.h5ad")
    assert back.obs_names.tolist() == ["c1", "c2", "c3"]
    assert back.obs["note"].isna().tolist() == [False, True, False]


def test_a_fault_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "x.h5ad"
    adata = ad.AnnData(np.ones((2, 2), dtype="float32"))
    io.write_h5ad(adata, path)
    before = path.read_bytes()
    adata.uns["no"] = object()
    with pytest.raises(Exception, match="object"):
        io.write_h5ad(adata, path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["x.h5ad"]

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        io.write_text("new", tmp_path / "x.txt")
    assert [item.name for item in tmp_path.iterdir()] == ["x.h5ad"]


def test_a_reader_never_sees_a_half_written_file(tmp_path, monkeypatch):
    """The target appears only by a rename of a whole file."""
    path = tmp_path / "x.txt"
    io.write_text("old", path)
    seen = []
    from pathlib import Path

    replace = Path.replace

    def spy(self, target):
        seen.append((Path(self).read_text(), Path(target).read_text()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", spy)
    io.write_text("new", path)
    assert seen == [("new", "old")]
    assert path.read_text() == "new"


def test_raw_is_written_where_x_stays_in_its_file(tmp_path):
    cells = ad.AnnData(np.array([[1.0, 0.0], [2.0, 3.0]]), var=pd.DataFrame(index=["ERBB2", "KRT8"]))
    cells.raw = ad.AnnData(np.array([[4.0, 5.0, 6.0], [0.0, 7.0, 8.0]]), var=pd.DataFrame(index=["A", "B", "C"]))
    cells.write_h5ad(tmp_path / "whole.h5ad")
    backed = ad.read_h5ad(tmp_path / "whole.h5ad", backed="r")
    io.write_h5ad(backed, tmp_path / "again.h5ad")
    again = ad.read_h5ad(tmp_path / "again.h5ad")
    assert list(again.raw.var_names) == ["A", "B", "C"]
    np.testing.assert_array_equal(again.raw.X.toarray(), cells.raw.X)


def test_a_folder_and_a_full_disk_are_named(tmp_path):
    resource = pytest.importorskip("resource", reason="sizes of files are limited on POSIX")
    cells = ad.AnnData(np.random.default_rng(0).normal(size=(100, 50)))
    with pytest.raises(OutputFolderError, match="is a folder"):
        io.write_h5ad(cells, tmp_path)
    io.write_h5ad(cells, tmp_path / "cells.h5ad")
    before = (tmp_path / "cells.h5ad").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) - 1, limits[1]))
    try:
        with pytest.raises(OutputFolderError, match="cells.h5ad: could not be written.*[Mm]ake room"):
            io.write_h5ad(cells, tmp_path / "cells.h5ad")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["cells.h5ad"]
    assert (tmp_path / "cells.h5ad").read_bytes() == before
