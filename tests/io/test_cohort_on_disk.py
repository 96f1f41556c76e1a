"""Sample by sample into a store: what is opened there is what is read into memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from anndata import AnnData
from anndata.io import write_elem
from scipy import sparse

from her2plastic import io
from her2plastic._errors import InputFileError, OutputFolderError, ParameterError, SampleSheetError, UnitError
from her2plastic.io.cohort import layer_names

GENES = ["ERBB2", "KRT8", "KRT19", "PTPRC", "EPCAM", "ACTB", "GAPDH", "CD3E"]


def sample(genes: list[str], seed: int, layers: tuple[str, ...] = (), *, n_cells: int = 9) -> AnnData:
    rng = np.random.default_rng(seed)
    obs = pd.DataFrame({"batch": seed}, index=[f"cell{i}" for i in range(n_cells)])
    made = AnnData(sparse.csr_matrix(rng.poisson(1.0, (n_cells, len(genes))).astype(np.float32)), obs=obs)
    made.var_names = genes
    for name in layers:
        made.layers[name] = sparse.csr_matrix(rng.poisson(0.5, made.shape).astype(np.float32))
    return made


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """Samples with other genes, in another order, and with layers that not all have; one without cells."""
    parts = {
        "s1": sample(GENES[:6], 1, ("spliced", "unspliced")),
        "s2": sample([*GENES[5::-1], "CD3E"], 2, ("spliced",)),
        "empty": sample(GENES, 3, n_cells=0),
        "s3": sample(GENES, 4, ("spliced", "ambiguous")),
    }
    lines = ["donor_id,sample_id,draw_day,assay,path"]
    for name, part in parts.items():
        part.write_h5ad(tmp_path / f"{name}.h5ad")
        lines.append(f"d{name[-1]},{name},0,10x,{name}.h5ad")
    path = tmp_path / "samples.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def assert_same(stored: AnnData, read: AnnData) -> None:
    pd.testing.assert_frame_equal(stored.obs, read.obs)
    pd.testing.assert_frame_equal(stored.var, read.var)
    names = set(layer_names(read))
    assert set(layer_names(stored)) == names
    for name in names:
        np.testing.assert_array_equal(as_array(stored.layers[name]), as_array(read.layers[name]))
    assert plain(stored.uns) == plain(read.uns)


def as_array(matrix: Any) -> np.ndarray:
    rows = matrix[:]
    return rows.toarray() if sparse.issparse(rows) else rows


def plain(record: Any) -> Any:
    if isinstance(record, dict):
        return {key: plain(value) for key, value in record.items()}
    return repr(np.asarray(record).tolist())


def test_a_store_holds_what_is_read_into_memory(sheet: Path) -> None:
    stored = io.read_samples(sheet, store=sheet.parent / "cohort.zarr")
    read = io.read_samples(sheet)
    assert set(read.layers) >= {"counts", "spliced"}
    assert_same(stored, read)
    assert_same(io.open_cohort(sheet.parent / "cohort.zarr"), read)
    assert stored.X is None
    assert_same(stored.to_memory(), read)
    by_anndata = anndata.read_zarr(sheet.parent / "cohort.zarr")
    by_anndata.obs = by_anndata.obs.infer_objects()  # under pandas 3 it leaves text of zarr as objects, of h5ad not
    assert_same(by_anndata, read)


def test_text_is_of_one_type_wherever_it_is_read_from(sheet: Path) -> None:
    """It is of pandas' own type of text, which are objects up to pandas 2."""
    read = io.read_samples(sheet)
    io.write_h5ad(read, sheet.parent / "cohort.h5ad")
    found = [read, io.read_samples(sheet, store=sheet.parent / "cohort.zarr")]
    found += [io.open_cohort(sheet.parent / "cohort.h5ad"), anndata.read_h5ad(sheet.parent / "cohort.h5ad")]
    assert {str(cohort.obs["cell_id"].dtype) for cohort in found} == {str(pd.Series(["text"]).dtype)}


def test_unreadable_samples_are_left_out_alike(sheet: Path) -> None:
    (sheet.parent / "s2.h5ad").write_bytes(b"no file of this kind")
    store = sheet.parent / "cohort.zarr"
    with pytest.raises(SampleSheetError, match="'s2'"):
        io.read_samples(sheet, store=store)
    assert sorted(path.name for path in sheet.parent.iterdir() if "cohort" in path.name) == []
    assert_same(io.read_samples(sheet, store=store, on_error="skip"), io.read_samples(sheet, on_error="skip"))


def test_what_is_there_is_not_written_over(sheet: Path) -> None:
    store = sheet.parent / "cohort.zarr"
    store.mkdir()
    with pytest.raises(OutputFolderError, match="is there already"):
        io.read_samples(sheet, store=store)
    assert list(store.iterdir()) == []


def test_a_store_is_of_counts(sheet: Path) -> None:
    with pytest.raises(UnitError, match="'s1'.*made of counts"):
        io.read_samples(sheet, store=sheet.parent / "cohort.zarr", unit="tpm")
    with pytest.raises(ParameterError, match="intersection"):
        io.read_samples(sheet, store=sheet.parent / "cohort.zarr", genes="intersection")


def test_files_of_anndata_are_opened(sheet: Path) -> None:
    made = sample(GENES, 1)
    made.layers["dense"] = made.X.toarray()
    made.obsm["pca"] = np.ones((made.n_obs, 2))
    made.write_h5ad(sheet.parent / "own.h5ad")
    opened = io.open_cohort(sheet.parent / "own.h5ad")
    assert type(opened.X).__name__ == "_CSRDataset"
    np.testing.assert_array_equal(as_array(opened.layers["dense"]), made.layers["dense"])
    io.write_h5ad(opened, sheet.parent / "again.h5ad")
    again = anndata.read_h5ad(sheet.parent / "again.h5ad")
    np.testing.assert_array_equal(as_array(again.layers["dense"]), made.layers["dense"])
    np.testing.assert_array_equal(as_array(again.X), as_array(made.X))
    np.testing.assert_array_equal(again.obsm["pca"], made.obsm["pca"])


def test_files_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="not found"):
        io.open_cohort(tmp_path / "nothing.h5ad")
    (tmp_path / "text.h5ad").write_text("cells")
    with pytest.raises(InputFileError, match="read_samples"):
        io.open_cohort(tmp_path / "text.h5ad")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputFileError, match="read_samples"):
        io.open_cohort(tmp_path / "folder")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        write_elem(file, "X", sparse.csr_matrix(np.eye(2)))
    with pytest.raises(InputFileError, match="no obs and no var"):
        io.open_cohort(tmp_path / "other.h5")
    by_gene = sample(GENES, 1)
    by_gene.layers["counts"] = by_gene.X.tocsc()
    by_gene.write_h5ad(tmp_path / "csc.h5ad")
    with pytest.raises(InputFileError, match="layers.'counts'.*csc_matrix"):
        io.open_cohort(tmp_path / "csc.h5ad")


@pytest.mark.parametrize("part", ["obs/donor_id/codes", "obs/_index", "layers/counts/data", "var/_index"])
def test_a_store_that_lacks_a_file_is_refused(part: str, sheet: Path) -> None:
    """Zarr would read zeros in its place: all cells would be the first donor's."""
    store = sheet.parent / "cohort.zarr"
    io.read_samples(sheet, store=store)
    shutil.rmtree(store / part / "c")
    with pytest.raises(InputFileError, match="1 of its [0-9]+ files are missing"):
        io.open_cohort(store)


@pytest.mark.filterwarnings("ignore:zarr v3 autosharding will be the default:UserWarning")  # of anndata 0.12
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("part", ["obs/batch", "obs/_index", "layers/counts/data"])
def test_a_chunk_that_is_cut_short_is_named(part: str, zarr_format: Literal[2, 3], tmp_path: Path) -> None:
    """A byte less of what Blosc wrote, as AnnData writes with zarr 2, would be read as other values without a fault."""
    made = sample(GENES, 1)
    made.layers["counts"] = made.X.copy()
    write_elem(zarr.open_group(tmp_path / "cells.zarr", mode="w", zarr_format=zarr_format), "/", made)
    [chunk] = (tmp_path / "cells.zarr" / part).rglob("0")
    chunk.write_bytes(chunk.read_bytes()[:-1])
    if zarr_format == 2 or part.startswith("obs"):  # zarr 3 tells when the counts are read
        with pytest.raises(InputFileError, match="cells.zarr: cannot be read as a cohort.*damaged"):
            io.open_cohort(tmp_path / "cells.zarr")
    with pytest.raises(InputFileError, match="cells.zarr: cannot be read as an AnnData zarr store"):
        io.read_counts(tmp_path / "cells.zarr")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    made = sample(GENES, 1)
    made.write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "cells.h5ad", "r+") as file:
        file["X"].attrs["shape"] = [made.n_obs, 5]
    with pytest.raises(InputFileError, match="cells.h5ad: cannot be read as a cohort.*but has 8 rows"):
        io.open_cohort(tmp_path / "cells.h5ad")
