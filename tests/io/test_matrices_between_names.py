"""Matrix files between two files of names, and names of genes and cells in AnnData and loom."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

import her2plastic
from her2plastic._access import step_record
from her2plastic._errors import InputFileError

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io

WU = ("count_matrix_sparse.mtx", "count_matrix_genes.tsv", "count_matrix_barcodes.tsv")
SEURAT = ("counts.mtx.gz", "gene_names.csv", "cell_names.csv")


def check(path, small, *, name) -> None:
    read = io.read_counts(path)
    assert step_record(read, "read")["format"] == name
    pd.testing.assert_frame_equal(read.to_df(), small.frame().astype(np.float32), check_names=False)


@pytest.mark.parametrize("names", [WU, SEURAT])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("form", ["{gene}", "{id}\t{gene}", '"{n}",{gene}'])
def test_matrix_between_files_of_names(tmp_path, small, files, names, turned, form):
    rows = [form.format(gene=g, id=i, n=n) for n, (g, i) in enumerate(zip(small.genes, small.gene_ids, strict=True))]
    if names is SEURAT:
        rows = ['"","x"', *(row.replace("\t", ",") for row in rows)]
    else:
        rows = [row.replace('"', "").replace(",", "\t") for row in rows]
    files["mtx"](tmp_path / names[0], small.counts if turned else small.counts.T)
    files["lines"](tmp_path / names[1], rows)
    files["lines"](tmp_path / names[2], small.cells)
    check(tmp_path, small, name="mtx")
    check(tmp_path / names[0], small, name="mtx")


def test_two_files_that_may_name_genes_are_not_guessed_between(tmp_path, small, files):
    files["mtx"](tmp_path / WU[0], small.counts.T)
    for name in (WU[1], "count_matrix_features.tsv"):
        files["lines"](tmp_path / name, small.genes)
    files["lines"](tmp_path / WU[2], small.cells)
    with pytest.raises(InputFileError, match="nothing known in this folder"):
        io.read_counts(tmp_path)


def test_prefix_of_one_genome(tmp_path, small, files):
    named = type(small)(small.counts, [f"GRCh38_{gene}" for gene in small.genes], small.gene_ids, small.cells)
    check(files["tenx_folder"](tmp_path / "run", named), small, name="10x-mtx")


@pytest.mark.parametrize("column", ["Gene_Symbol", "geneSymbol", "external_gene_name", "name", "features"])
@pytest.mark.parametrize("index", ["id", "number"])
def test_columns_of_symbols(tmp_path, small, column, index):
    names = small.gene_ids if index == "id" else [str(n) for n in range(len(small.genes))]
    adata = AnnData(
        csr_matrix(small.counts.astype(np.float32)),
        pd.DataFrame(index=small.cells),
        pd.DataFrame({column: small.genes}, index=names),
    )
    adata.write_h5ad(tmp_path / "x.h5ad")
    check(tmp_path / "x.h5ad", small, name="h5ad")


def test_loom_of_the_cell_atlas(tmp_path, small):
    with h5py.File(tmp_path / "x.loom", "w") as file:
        file["matrix"] = small.counts.T
        for name, values in (("ensembl_ids", small.gene_ids), ("gene_names", small.genes)):
            file[f"row_attrs/{name}"] = np.array([value.encode() for value in values])
        file["col_attrs/cell_names"] = np.array([value.encode() for value in small.cells])
    check(tmp_path / "x.loom", small, name="loom")
    assert io.read_counts(tmp_path / "x.loom").var["gene_id"].tolist() == small.gene_ids


def test_assays_in_words_of_the_cell_atlas(tmp_path, small):
    words = ["10x 3' v3", "10x 5' v2", "Smart-seq2", "BD Rhapsody", None]
    adata = AnnData(
        csr_matrix(small.counts.astype(np.float32)),
        pd.DataFrame({"assay": pd.Categorical(words)}, index=small.cells),
        pd.DataFrame(index=small.genes),
    )
    adata.write_h5ad(tmp_path / "x.h5ad")
    read = io.read_counts(tmp_path / "x.h5ad")
    assert read.obs["assay"].astype(object).fillna("").tolist() == ["10x", "10x", "smart-seq2", "BD Rhapsody", ""]
    assert "10x 3' v3 -> 10x" in step_record(read, "read")["assays_renamed"]
    assert set(io.read_counts(tmp_path / "x.h5ad", assay="Chromium").obs["assay"]) == {"10x"}
