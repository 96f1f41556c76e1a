from __future__ import annotations

import gzip
import shutil
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import her2plastic
from her2plastic._access import step_record
from her2plastic._errors import GeneError, InputFileError

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io


def refused(path, *words, **said):
    with pytest.raises(InputFileError) as fault:
        io.read_counts(path, **said)
    for word in (path.name, *words):
        assert word in str(fault.value), str(fault.value)


def cut(path, share=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


@pytest.fixture
def h5ad(tmp_path, small):
    rng = np.random.default_rng(0)
    adata = ad.AnnData(csr_matrix(rng.poisson(1.0, (200, 7)).astype("float32")))
    adata.var_names = small.genes
    adata.write_h5ad(tmp_path / "x.h5ad")
    return tmp_path / "x.h5ad"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_truncated_hdf5(tmp_path, small, files, h5ad, share):
    refused(cut(h5ad, share))
    refused(cut(files["tenx_h5"](tmp_path / "y.h5", small), share))
    refused(cut(files["loom"](tmp_path / "z.loom", small), share))


def test_a_damaged_block_of_hdf5(tmp_path, small, files):
    path = files["loom"](tmp_path / "z.loom", small)
    with h5py.File(path) as file:
        block = file["matrix"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[block.byte_offset : block.byte_offset + block.size] = b"\x55" * block.size
    path.write_bytes(bytes(content))
    refused(path, "copy it again")


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_truncated_mtx(tmp_path, small, files, suffix, share):
    folder = files["tenx_folder"](tmp_path / "m", small, version="v3" if suffix else "v2")
    cut(folder / f"matrix.mtx{suffix}", share)
    with pytest.raises(InputFileError, match=r"matrix\.mtx"):
        io.read_counts(folder)


def test_truncated_gzip_of_a_table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.poisson(5, (3000, 20)), index=["ERBB2", *(f"G{number}" for number in range(2999))])
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(frame.to_csv().encode()))
    refused(cut(path), "damaged or cut short")


def test_a_table_cut_within_a_row(tmp_path, small):
    path = tmp_path / "x.csv"
    path.write_text(small.frame().T.to_csv()[:-8])
    refused(path, "line 8")


@pytest.mark.parametrize(("what", "words"), [("barcodes.tsv", "4 cells"), ("genes.tsv", "6 genes")])
def test_names_that_do_not_fit_the_matrix(tmp_path, small, files, what, words):
    folder = files["tenx_folder"](tmp_path / "m", small, version="v2")
    lines = (folder / what).read_text().splitlines()
    files["lines"](folder / what, lines[:-1])
    with pytest.raises(InputFileError, match=words):
        io.read_counts(folder)


def test_a_matrix_turned_round(tmp_path, small, files):
    folder = files["tenx_folder"](tmp_path / "m", small, version="v2")
    files["mtx"](folder / "matrix.mtx", small.counts)
    with pytest.raises(InputFileError, match="fits when turned round"):
        io.read_counts(folder)


def test_wrong_shapes_in_hdf5(tmp_path, small, files):
    path = files["tenx_h5"](tmp_path / "x.h5", small)
    with h5py.File(path, "a") as file:
        file["matrix/indices"][0] = 99
    refused(path, "outside the 7 genes")
    with h5py.File(path, "a") as file:
        del file["matrix/barcodes"]
        file["matrix/barcodes"] = np.array(small.cells[:3], dtype="S")
    refused(path, "3 barcodes")
    with h5py.File(path, "a") as file:
        del file["matrix/data"]
    refused(path)


def test_loom_without_names(tmp_path, small, files):
    path = files["loom"](tmp_path / "x.loom", small)
    with h5py.File(path, "a") as file:
        del file["col_attrs/CellID"]
    refused(path, "/col_attrs", "CellID")


def test_splicing_of_another_run(tmp_path, small, files):
    folder = files["solo"](tmp_path, small)
    lines = (folder / "Solo.out/Velocyto/raw/features.tsv").read_text().splitlines()
    files["lines"](folder / "Solo.out/Velocyto/raw/features.tsv", lines[::-1])
    with pytest.raises(InputFileError, match="different runs"):
        io.read_counts(folder)


def test_alevin_names_that_do_not_fit(tmp_path, small, files):
    folder = files["alevin"](tmp_path, small, usa=True)
    files["lines"](folder / "alevin/quants_mat_rows.txt", small.cells[:2])
    with pytest.raises(InputFileError, match="names 2 cells"):
        io.read_counts(folder)


def test_nothing_there(tmp_path):
    refused(tmp_path / "nowhere", "no such file")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "folder is empty")
    (tmp_path / "zero.csv").write_bytes(b"")
    refused(tmp_path / "zero.csv", "0 bytes")
    (tmp_path / "zero.csv.gz").write_bytes(gzip.compress(b""))
    refused(tmp_path / "zero.csv.gz")


def test_nothing_known(tmp_path, small, files):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/readme.md").write_text("hello")
    refused(tmp_path / "notes", "nothing known", "readme.md", "Known formats")
    (tmp_path / "words.txt").write_text("only words\nand more words\n")
    refused(tmp_path / "words.txt", "only words")
    (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04" + bytes(100))
    refused(tmp_path / "x.xlsx", "save the sheet as CSV")
    (tmp_path / "x.bin").write_bytes(bytes(range(1, 256)) * 3 + b"\0")
    refused(tmp_path / "x.bin", "NUL bytes")
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["something"] = 1
    refused(tmp_path / "x.hdf5", "neither 10x, loom nor h5ad", "something")
    folder = files["tenx_folder"](tmp_path / "m", small, version="v2")
    shutil.move(folder / "matrix.mtx", tmp_path / "matrix.mtx")
    refused(tmp_path / "matrix.mtx", "without its barcodes")


def test_other_encodings(tmp_path):
    text = "gene,c1,c2\nERBB2,1,2\nβ-Aktin,3,4\n"
    (tmp_path / "x.csv").write_bytes(text.encode("utf-16"))
    refused(tmp_path / "x.csv", "UTF-16")
    (tmp_path / "y.csv").write_bytes(text.replace("β", "ü").encode("latin-1"))
    refused(tmp_path / "y.csv", "line 3", "0xfc", "UTF-8")
    far = "gene,c1,c2\nERBB2,1,2\n" + "G,3,4\n" * 20_000 + "ü,3,4\n"
    (tmp_path / "z.csv").write_bytes(far.encode("latin-1"))
    refused(tmp_path / "z.csv", "line 20003", "0xfc")
    (tmp_path / "z.csv").write_bytes(far.encode("utf-8"))
    assert io.read_counts(tmp_path / "z.csv").n_vars == 3


def test_dates_for_genes(tmp_path, small):
    frame = small.frame().T
    frame.index = [*frame.index[:-2], "1-Mar", "9-Sep"]
    frame.to_csv(tmp_path / "x.csv")
    with pytest.raises(GeneError, match=r"'1-Mar' \(gene 6\), '9-Sep' \(gene 7\)"):
        io.read_counts(tmp_path / "x.csv")
    adata = io.read_counts(tmp_path / "x.csv", spreadsheet_dates="keep")
    assert list(step_record(adata, "read")["spreadsheet_dates_kept"]) == ["1-Mar", "9-Sep"]
    assert adata.X.sum() == small.counts.sum()


def test_mixed_namings_of_a_table(tmp_path, small):
    frame = small.frame().T
    pd.concat([frame, frame.set_axis(small.gene_ids)]).to_csv(tmp_path / "x.csv")
    with pytest.raises(GeneError, match="mixes two namings"):
        io.read_counts(tmp_path / "x.csv")


def test_repeated_barcodes(tmp_path, small, files):
    twice = type(small)(small.counts, small.genes, small.gene_ids, [*small.cells[:4], small.cells[0]])
    with pytest.raises(InputFileError, match="'AAAC0-1' stands for cell 1 and cell 5"):
        io.read_counts(files["tenx_folder"](tmp_path / "m", twice))


@pytest.mark.parametrize("writer", ["tenx_folder", "tenx_h5", "loom", "featurecounts", "htseq", "rsem"])
def test_one_cell(tmp_path, small, files, writer):
    one = type(small)(small.counts[:1], small.genes, small.gene_ids, small.cells[:1])
    adata = io.read_counts(files[writer](tmp_path / "one.x", one))
    assert adata.n_obs == 1
    assert adata.layers["counts"].shape == (1, 7)


def test_a_cell_without_any_count_is_kept(tmp_path, small):
    frame = small.frame()
    frame.iloc[2] = 0
    frame.T.to_csv(tmp_path / "x.csv")
    assert io.read_counts(tmp_path / "x.csv").layers["counts"][2].nnz == 0


def test_kb_without_its_names(tmp_path, small, files):
    folder = files["kb"](tmp_path, small, workflow="standard")
    (folder / "counts_unfiltered/cells_x_genes.genes.txt").unlink()
    with pytest.raises(InputFileError, match=r"cells_x_genes\.genes\.txt"):
        io.read_counts(folder)


def test_transcripts_are_no_genes(tmp_path, files):
    header = "transcript_id\tgene_id\tlength\teffective_length\texpected_count\tTPM\tFPKM\tIsoPct"
    path = files["lines"](tmp_path / "x.isoforms.results", [header, "ENST1\tENSG1\t1\t1\t1\t1\t1\t1"])
    refused(path, "genes.results")


@pytest.mark.parametrize(("writer", "line"), [("featurecounts", 9), ("htseq", 7), ("rsem", 8)])
def test_a_gene_without_a_name(tmp_path, small, files, writer, line):
    unnamed = type(small)(small.counts, small.genes, [*small.gene_ids[:-1], ""], small.cells)
    path = files[writer](tmp_path / "x.txt", unnamed)
    if writer == "rsem":
        path.write_text(path.read_text().replace("_NOVEL1", ""))
    refused(path, "the gene has no name", f"line {line}, column 1")
