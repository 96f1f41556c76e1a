"""The files are read here by plain libraries, and then by the package."""

from __future__ import annotations

import gzip

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from her2plastic import _keys, io
from her2plastic._errors import MissingKeyError, ParameterError
from her2plastic.datasets import Kinetics, simulate_cohort, write_cohort
from her2plastic.datasets.formats import FORMATS


@pytest.fixture(scope="module")
def cohort():
    return simulate_cohort(
        n_donors=2, draws=(0, 21.5), n_ctc=4, controls=2, n_genes=900, seed=4, kinetics=Kinetics(ambiguous=0.1)
    )


@pytest.fixture(scope="module")
def counts_only():
    return simulate_cohort(n_donors=2, draws=(0,), n_ctc=4, n_genes=900, seed=4)


@pytest.fixture
def sample(cohort):
    return cohort[cohort.obs[_keys.SAMPLE_ID] == "D01-d0"]


def written(cohort, tmp_path, name):
    sheet = write_cohort(cohort, tmp_path / "cohort", format=name)
    return sheet.parent / f"D01-d0{FORMATS[name].ending}"


def names(adata):
    return [name.split(":")[1] for name in adata.obs_names]


def read_mtx(lines):
    assert lines[0] == "%%MatrixMarket matrix coordinate integer general" and lines[1].startswith("%")
    entries = np.array([line.split() for line in lines[3:]], dtype=int).reshape(-1, 3)
    n_genes, n_cells, stored = map(int, lines[2].split())
    assert len(entries) == stored
    return sparse.coo_matrix(
        (entries[:, 2], (entries[:, 0] - 1, entries[:, 1] - 1)), shape=(n_genes, n_cells)
    ).T.toarray()


def gz_lines(path):
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def text_lines(path):
    return path.read_text().splitlines()


def test_10x_h5(cohort, sample, tmp_path):
    with h5py.File(written(cohort, tmp_path, "10x-h5")) as file:
        matrix = file["matrix"]
        parts = [matrix[name][:] for name in ("data", "indices", "indptr")]
        shape = tuple(matrix["shape"][:])
        values = sparse.csc_matrix(tuple(parts), shape=shape).T.toarray()
        assert (values == sample.X.toarray()).all()
        assert [name.decode() for name in matrix["barcodes"]] == names(sample)
        features = matrix["features"]
        assert [name.decode() for name in features["name"]] == list(cohort.var_names)
        assert [name.decode() for name in features["id"]] == list(cohort.var[_keys.GENE_ID])
        assert set(features["feature_type"]) == {b"Gene Expression"} and set(features["genome"]) == {b"GRCh38"}
        assert file.attrs["filetype"] == "matrix"


def test_10x_matrix_folder(cohort, sample, tmp_path):
    folder = written(cohort, tmp_path, "10x-mtx")
    assert sorted(path.name for path in folder.iterdir()) == ["barcodes.tsv.gz", "features.tsv.gz", "matrix.mtx.gz"]
    assert (read_mtx(gz_lines(folder / "matrix.mtx.gz")) == sample.X.toarray()).all()
    assert gz_lines(folder / "barcodes.tsv.gz") == names(sample)
    assert "ENSG00000141736\tERBB2\tGene Expression" in gz_lines(folder / "features.tsv.gz")


def test_starsolo(cohort, sample, tmp_path):
    solo = written(cohort, tmp_path, "starsolo")
    spliced, unspliced, ambiguous = (
        read_mtx(text_lines(solo / "Velocyto" / "filtered" / f"{name}.mtx"))
        for name in ("spliced", "unspliced", "ambiguous")
    )
    assert (unspliced == sample.layers[_keys.UNSPLICED].toarray()).all()
    assert (spliced + ambiguous == read_mtx(text_lines(solo / "Gene" / "filtered" / "matrix.mtx"))).all()
    everything = read_mtx(text_lines(solo / "GeneFull" / "filtered" / "matrix.mtx"))
    assert (everything == sample.X.toarray()).all() and (everything == spliced + unspliced + ambiguous).all()
    barcodes = text_lines(solo / "Gene" / "filtered" / "barcodes.tsv")
    assert [f"{barcode}-1" for barcode in barcodes] == names(sample)


def test_starsolo_without_splicing_has_all_counts_in_gene(counts_only, tmp_path):
    solo = written(counts_only, tmp_path, "starsolo")
    assert [path.name for path in solo.iterdir()] == ["Gene"]
    sample = counts_only[counts_only.obs[_keys.SAMPLE_ID] == "D01-d0"]
    assert (read_mtx(text_lines(solo / "Gene" / "filtered" / "matrix.mtx")) == sample.X.toarray()).all()


def test_loom(cohort, sample, tmp_path):
    with h5py.File(written(cohort, tmp_path, "loom")) as file:
        assert (file["matrix"][:].T == sample.X.toarray()).all()
        for name in ("spliced", "unspliced", "ambiguous"):
            assert (file["layers"][name][:].T == sample.layers[name].toarray()).all()
        assert [name.decode() for name in file["row_attrs/Gene"]] == list(cohort.var_names)
        cells = [name.decode() for name in file["col_attrs/CellID"]]
    assert cells == [f"D01-d0:{name.removesuffix('-1')}x" for name in names(sample)]


def test_csv(cohort, sample, tmp_path):
    path = written(cohort, tmp_path, "csv")
    table = pd.read_csv(path, index_col=0)
    assert (table.T.to_numpy() == sample.X.toarray()).all()
    assert list(table.index) == list(cohort.var_names) and list(table.columns) == names(sample)


@pytest.mark.parametrize("name", ["h5ad", "zarr"])
def test_anndata_files_hold_no_truth(cohort, sample, tmp_path, name):
    back = getattr(anndata, f"read_{name}")(written(cohort, tmp_path, name))
    assert (back.X != sample.X).nnz == 0
    assert list(back.obs) == [] and dict(back.uns) == {}
    assert {layer for layer in back.layers if layer} == {"spliced", "unspliced", "ambiguous"}


@pytest.mark.parametrize("name", [*FORMATS, "mixed"])
def test_read_back_by_the_package(counts_only, tmp_path, name):
    sheet = write_cohort(counts_only, tmp_path / "cohort", format=name, truth=True)
    back = io.read_samples(sheet)
    assert abs(back[:, counts_only.var_names].layers[_keys.COUNTS] - counts_only.X).max() == 0
    truth = pd.read_csv(sheet.parent / "truth.csv")
    assert list(truth[_keys.CELL_ID]) == list(back.obs_names)
    assert list(truth[_keys.TRUE_ERBB2_CPM]) == pytest.approx(list(counts_only.obs[_keys.TRUE_ERBB2_CPM]))
    for key in (_keys.DONOR_ID, _keys.SAMPLE_ID, _keys.DRAW_DAY, _keys.ASSAY, "er"):
        assert list(back.obs[key].astype(str)) == list(counts_only.obs[key].astype(str))
    assert not [column for column in back.obs if str(column).startswith("true_")]


@pytest.mark.parametrize("name", ["starsolo", "loom", "h5ad", "zarr"])
def test_splicing_layers_are_read_back(cohort, tmp_path, name):
    back = io.read_samples(write_cohort(cohort, tmp_path / "cohort", format=name), introns=name == "starsolo")
    for layer in (_keys.SPLICED, _keys.UNSPLICED, _keys.AMBIGUOUS, _keys.COUNTS):
        assert abs(back[:, cohort.var_names].layers[layer] - cohort.layers[layer]).max() == 0


def test_sheet(cohort, tmp_path):
    sheet = io.read_sheet(write_cohort(cohort, tmp_path / "cohort", format="mixed"))
    assert list(sheet[_keys.SAMPLE_ID]) == list(cohort.obs[_keys.SAMPLE_ID].astype(str).unique())
    controls = sheet[sheet[_keys.DONOR_ID] == "control"]
    assert list(controls[_keys.LABEL]) == list(_keys.STATES)
    assert sheet.loc[sheet[_keys.DONOR_ID] != "control", _keys.LABEL].isna().all()
    assert sheet[_keys.DRAW_DAY].tolist()[:4] == [0.0, 21.5, 0.0, 21.5]
    assert sheet[_keys.DRAW_DAY].isna().tolist() == [False] * 4 + [True] * 3
    assert sheet["path"].map(lambda path: not path.startswith("/")).all()
    assert sheet["path"].str.rsplit("D0", n=1).notna().all()


def test_same_cohort_same_bytes(counts_only, tmp_path):
    for name in ("10x-mtx", "csv"):
        first, second = (written(counts_only, tmp_path / folder / name, name) for folder in ("one", "two"))
        files = [first] if first.is_file() else sorted(first.iterdir())
        for file in files:
            twin = second if second.is_file() else second / file.name
            assert file.read_bytes() == twin.read_bytes()


def test_faults(cohort, tmp_path):
    with pytest.raises(ParameterError, match="10x-mtx"):
        write_cohort(cohort, tmp_path, format="xlsx")
    without = cohort[:2].copy()
    del without.obs[_keys.ASSAY]
    with pytest.raises(MissingKeyError, match="assay"):
        write_cohort(without, tmp_path)
    assert list(tmp_path.iterdir()) == []
    sheet = write_cohort(cohort, tmp_path, format="csv")
    before = sheet.read_bytes()
    with pytest.raises(ParameterError, match=r"samples\.csv is there already"):
        write_cohort(cohort, tmp_path, format="csv")
    assert sheet.read_bytes() == before
