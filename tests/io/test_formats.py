from __future__ import annotations

import gzip
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import her2plastic
from her2plastic._access import step_record
from her2plastic._errors import InputFileError, ParameterError
from her2plastic.io.sniff import FORMAT_NAMES

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io
ad: Any = anndata


def values(adata, layer="counts"):
    return pd.DataFrame(adata.layers[layer].toarray(), index=adata.obs_names, columns=adata.var_names)


def assert_counts(adata, small, *, factor=1, format):
    expected = (factor * small.frame()).astype("float32")
    got = values(adata).loc[small.cells, small.genes]
    pd.testing.assert_frame_equal(got, expected, check_names=False)
    record = step_record(adata, "read")
    assert record["format"] == format
    assert record["unit"] == "counts"
    assert record["counts"] == "as read"
    assert adata.X.dtype == np.float32
    assert adata.X.format == "csr"
    assert adata.X.has_canonical_format


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_tenx_folder(tmp_path, small, files, version):
    adata = io.read_counts(files["tenx_folder"](tmp_path / "m", small, version=version))
    assert_counts(adata, small, format="10x-mtx")
    assert step_record(adata, "read")["version"] == version
    assert list(adata.var["gene_id"]) == small.gene_ids


def test_prefixed_triple_is_read_by_its_folder_and_by_its_matrix(tmp_path, small, files):
    folder = files["tenx_folder"](tmp_path / "m", small, prefix="GSM1_donor_")
    assert_counts(io.read_counts(folder), small, format="10x-mtx")
    assert_counts(io.read_counts(folder / "GSM1_donor_matrix.mtx.gz"), small, format="10x-mtx")
    files["tenx_folder"](folder, small, prefix="GSM2_donor_")
    with pytest.raises(InputFileError, match="2 10x matrices"):
        io.read_counts(folder)


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_tenx_h5(tmp_path, small, files, version):
    assert_counts(io.read_counts(files["tenx_h5"](tmp_path / "x.h5", small, version=version)), small, format="10x-h5")


def test_antibodies_are_left_out_of_tenx(tmp_path, small, files):
    kinds = ["Gene Expression"] * 6 + ["Antibody Capture"]
    adata = io.read_counts(files["tenx_h5"](tmp_path / "x.h5", small, kinds=kinds))
    assert list(adata.var_names) == small.genes[:6]
    assert list(step_record(adata, "read")["feature_types_left_out"]) == ["Antibody Capture"]


def test_human_genes_of_a_run_against_two_genomes(tmp_path, small, files):
    genes = [f"GRCh38_{gene}" for gene in small.genes[:4]] + [f"mm10_{gene}" for gene in small.genes[4:]]
    two = type(small)(small.counts, genes, [f"GRCh38_{i}" for i in small.gene_ids], small.cells)
    adata = io.read_counts(files["tenx_folder"](tmp_path / "m", two))
    assert list(adata.var_names) == small.genes[:4]
    assert list(step_record(adata, "read")["genomes_left_out"]) == ["mm10"]


def test_run_folder_takes_the_filtered_matrix(tmp_path, small, files):
    files["tenx_folder"](tmp_path / "run/outs/filtered_feature_bc_matrix", small)
    doubled = type(small)(2 * small.counts, small.genes, small.gene_ids, small.cells)
    files["tenx_folder"](tmp_path / "run/outs/raw_feature_bc_matrix", doubled)
    assert_counts(io.read_counts(tmp_path / "run"), small, format="cellranger")


def test_raw_run_folder_loses_its_empty_barcodes(tmp_path, small, files):
    counts = np.vstack([small.counts, 0 * small.counts, 0 * small.counts])
    cells = [*small.cells, *(f"EMPTY{number}-1" for number in range(10))]
    files["tenx_folder"](tmp_path / "raw_feature_bc_matrix", type(small)(counts, small.genes, small.gene_ids, cells))
    adata = io.read_counts(tmp_path)
    assert_counts(adata, small, format="cellranger")
    assert step_record(adata, "read")["empty_barcodes_dropped"] == 10


def test_starsolo_with_splicing(tmp_path, small, files):
    folder = files["solo"](tmp_path, small)
    for path in (folder, folder / "Solo.out"):
        adata = io.read_counts(path)
        assert_counts(adata, small, format="starsolo")
        for layer, factor in (("spliced", 3), ("unspliced", 2), ("ambiguous", 1)):
            np.testing.assert_array_equal(adata.layers[layer].toarray(), factor * small.counts)
    full = io.read_counts(folder, introns=True)
    assert step_record(full, "read")["taken"] == "GeneFull/raw"
    assert_counts(full, small, factor=2, format="starsolo")


def test_starsolo_subfolders(tmp_path, small, files):
    solo = files["solo"](tmp_path, small) / "Solo.out"
    assert_counts(io.read_counts(solo / "Gene/filtered"), small, format="10x-mtx")
    velocyto = io.read_counts(solo / "Velocyto/raw")
    assert_counts(velocyto, small, factor=4, format="starsolo")
    assert step_record(velocyto, "read")["x_is"] == "spliced + ambiguous"


@pytest.mark.parametrize(("workflow", "factor"), [("standard", 1), ("lamanno", 3), ("nac", 4)])
def test_kb_python(tmp_path, small, files, workflow, factor):
    folder = files["kb"](tmp_path, small, workflow=workflow)
    # Only the package's own genes are named where kb wrote no symbols.
    known = (
        small
        if workflow != "lamanno"
        else type(small)(small.counts, [*small.genes[:6], small.gene_ids[6]], *_names(small))
    )
    for path in (folder, folder / "counts_unfiltered"):
        adata = io.read_counts(path)
        assert_counts(adata, known, factor=factor, format="kb")
        if workflow != "standard":
            np.testing.assert_array_equal(adata.layers["unspliced"].toarray(), 2 * small.counts)
    assert adata.var["gene_id"]["ERBB2"] == "ENSG00000141736"


def _names(small):
    return small.gene_ids, small.cells


def test_kb_introns_and_cells_of_one_matrix_only(tmp_path, small, files):
    folder = files["kb"](tmp_path, small, workflow="lamanno") / "counts_unfiltered"
    files["mtx"](folder / "unspliced.mtx", 2 * small.counts[:3])
    files["lines"](folder / "unspliced.barcodes.txt", small.cells[:3])
    adata = io.read_counts(folder, introns=True)
    assert list(adata.obs_names) == small.cells[:3]
    np.testing.assert_array_equal(adata.X.toarray(), 5 * small.counts[:3])


@pytest.mark.parametrize(("usa", "factor"), [(True, 4), (False, 1)])
def test_alevin_fry(tmp_path, small, files, usa, factor):
    adata = io.read_counts(files["alevin"](tmp_path, small, usa=usa))
    assert_counts(adata, small, factor=factor, format="alevin-fry")
    assert adata.obs["mapping_rate"].tolist() == [0.9] * 5
    if usa:
        np.testing.assert_array_equal(adata.layers["unspliced"].toarray(), 2 * small.counts)
        assert_counts(io.read_counts(tmp_path, introns=True), small, factor=6, format="alevin-fry")


def test_loom(tmp_path, small, files):
    adata = io.read_counts(files["loom"](tmp_path / "x.loom", small))
    assert_counts(adata, small, factor=6, format="loom")
    np.testing.assert_array_equal(adata.layers["spliced"].toarray(), 3 * small.counts)


@pytest.mark.parametrize("store", ["h5ad", "zarr"])
def test_anndata_stores(tmp_path, small, store):
    adata = ad.AnnData(csr_matrix(np.log1p(small.counts)), obs=pd.DataFrame({"who": list("aabbb")}, index=small.cells))
    adata.var_names = small.gene_ids
    adata.var["gene_symbols"] = small.genes
    adata.layers["counts"] = csr_matrix(small.counts)
    adata.layers["unspliced"] = csr_matrix(2 * small.counts)
    path = tmp_path / f"x.{store}"
    adata.write_h5ad(path) if store == "h5ad" else adata.write_zarr(path)
    got = io.read_counts(path)
    assert_counts(got, small, format=store)
    assert step_record(got, "read")["matrix"] == "layers/counts"
    assert list(got.obs["who"]) == list("aabbb")
    assert list(got.var["gene_id"]) == small.gene_ids
    np.testing.assert_array_equal(got.layers["unspliced"].toarray(), 2 * small.counts)


def test_h5ad_takes_raw_where_x_is_scaled_and_obeys_the_caller(tmp_path, small):
    raw = ad.AnnData(csr_matrix(small.counts.astype("float32")), obs=pd.DataFrame(index=small.cells))
    raw.var_names = small.genes
    adata = raw[:, :3].copy()
    adata.X = np.asarray(adata.X.toarray()) - 1.5
    adata.raw = raw
    adata.write_h5ad(tmp_path / "x.h5ad")
    assert_counts(io.read_counts(tmp_path / "x.h5ad"), small, format="h5ad")
    with pytest.raises(InputFileError, match="is negative"):
        io.read_counts(tmp_path / "x.h5ad", matrix="X", unit="log2")
    with pytest.raises(ParameterError, match=r"there are raw\.X, X"):
        io.read_counts(tmp_path / "x.h5ad", matrix="layers/counts")


def test_featurecounts(tmp_path, small, files):
    adata = io.read_counts(files["featurecounts"](tmp_path / "counts.txt", small))
    assert list(adata.obs_names) == small.cells
    assert adata.var_names[-1] == "ENSG00000999999"
    np.testing.assert_array_equal(adata.X.toarray(), small.counts)
    assert step_record(adata, "read")["format"] == "featurecounts"


def test_htseq(tmp_path, small, files):
    adata = io.read_counts(files["htseq"](tmp_path / "cell7.htseq.txt", small))
    assert list(adata.obs_names) == ["cell7"]
    np.testing.assert_array_equal(adata.X.toarray(), small.counts[:1])
    assert step_record(adata, "read")["not_counted_for_a_gene"] == 45


def test_rsem(tmp_path, small, files):
    path = files["rsem"](tmp_path / "cell7.genes.results", small)
    adata = io.read_counts(path)
    assert list(adata.var_names) == small.genes
    np.testing.assert_allclose(adata.X.toarray(), small.counts[:1] + 0.25)
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), small.counts[:1])
    assert step_record(adata, "read")["counts_rounded"]
    tpm = io.read_counts(path, unit="tpm")
    assert "counts" not in tpm.layers
    assert step_record(tpm, "read")["unit"] == "tpm"


def test_star_gene_counts(tmp_path, small, files):
    special = [f"{name}\t5\t5\t5" for name in ("N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous")]
    rows = [f"{i}\t{small.counts[0, place]}\t0\t0" for place, i in enumerate(small.gene_ids)]
    adata = io.read_counts(files["lines"](tmp_path / "c1ReadsPerGene.out.tab", [*special, *rows]))
    assert list(adata.obs_names) == ["c1"]
    np.testing.assert_array_equal(adata.X.toarray(), small.counts[:1])


@pytest.mark.parametrize(("writer", "ending"), [("htseq", ".txt"), ("rsem", ".genes.results")])
def test_folder_of_one_file_a_cell(tmp_path, small, files, writer, ending):
    for cell in range(3):
        files[writer](tmp_path / f"cell{cell}{ending}", small, cell=cell)
    adata = io.read_counts(tmp_path)
    assert list(adata.obs_names) == ["cell0", "cell1", "cell2"]
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), small.counts[:3])


def test_geo_series_matrix(tmp_path, small, files):
    table = [
        '"ID_REF"\t' + "\t".join(f'"GSM{number}"' for number in range(5)),
        *(f'"{gene}"\t' + "\t".join(map(str, small.counts[:, place])) for place, gene in enumerate(small.genes)),
    ]
    head = ['!Series_title\t"CTCs"', "", "!Sample_title\t" + "\t".join(f'"cell {number}"' for number in range(5))]
    patients = [f'"patient: Brx-{number}"' for number in range(5)]
    head += ["!Sample_characteristics_ch1\t" + "\t".join(patients[:4] + ['"er/pr: pos"'])]
    head += ["!Sample_characteristics_ch1\t" + "\t".join(['""'] * 4 + patients[4:])]
    path = files["lines"](
        tmp_path / "GSE1_series_matrix.txt.gz",
        [*head, "!series_matrix_table_begin", *table, "!series_matrix_table_end"],
    )
    adata = io.read_counts(path)
    np.testing.assert_array_equal(adata.X.toarray(), small.counts)
    assert adata.obs["title"].tolist() == [f"cell {number}" for number in range(5)]
    assert adata.obs["patient"].tolist() == [f"Brx-{number}" for number in range(5)]
    assert adata.obs["er_pr"].tolist() == ["", "", "", "", "pos"]
    files["lines"](path, [*head, "!series_matrix_table_begin", table[0], "!series_matrix_table_end"])
    with pytest.raises(InputFileError, match="table is empty"):
        io.read_counts(path)


def test_unknown_format_lists_the_known_ones(tmp_path, small, files):
    with pytest.raises(ParameterError) as fault:
        io.read_counts(tmp_path, format="10x")
    assert all(repr(name) in str(fault.value) for name in FORMAT_NAMES)
    with pytest.raises(ParameterError, match="'log2'"):
        io.read_counts(tmp_path, unit="RPM")


def test_the_format_can_be_said(tmp_path, small, files):
    path = files["tenx_folder"](tmp_path / "m", small, version="v2")
    adata = io.read_counts(path, format="10x-mtx")
    assert step_record(adata, "read")["format_from"] == "said"
    with pytest.raises(InputFileError, match="kb-python"):
        io.read_counts(path, format="kb")


def test_compression_is_told_by_content_not_by_name(tmp_path, small):
    path = tmp_path / "counts.csv"
    path.write_bytes(gzip.compress(small.frame().T.to_csv().encode()))
    assert_counts(io.read_counts(path), small, format="table")


def test_read_anndata_survives_a_round_trip(tmp_path, small, files):
    adata = io.read_counts(files["solo"](tmp_path, small), assay="10x 3' v3")
    assert list(adata.obs["assay"].cat.categories) == ["10x"]
    io.write_h5ad(adata, tmp_path / "out.h5ad")
    adata.write_zarr(tmp_path / "out.zarr")
    for again in (ad.read_h5ad(tmp_path / "out.h5ad"), ad.read_zarr(tmp_path / "out.zarr")):
        record, first = step_record(again, "read"), step_record(adata, "read")
        assert set(record) == set(first)
        assert list(record["summed_duplicates"]) == []
        np.testing.assert_array_equal(again.layers["spliced"].toarray(), adata.layers["spliced"].toarray())


def test_h5ad_of_old_anndata(tmp_path):
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file["X"] = np.array([[1, 2], [3, 0]], dtype="f4")
        file["obs"] = np.array([(b"c1", 1), (b"c2", 2)], dtype=[("index", "S2"), ("n", "i4")])
        file["var"] = np.array([(b"ERBB2", 1), (b"ACTB", 2)], dtype=[("index", "S5"), ("n", "i4")])
    adata = io.read_counts(tmp_path / "x.h5ad")
    assert adata.to_df(layer="counts").to_dict() == {"ERBB2": {"c1": 1, "c2": 3}, "ACTB": {"c1": 2, "c2": 0}}


def test_htseq_without_its_last_lines_is_read_when_said(tmp_path, small, files):
    rows = [f"{gene}\t{count}" for gene, count in zip(small.genes[::-1], small.counts[0][::-1], strict=True)]
    path = files["lines"](tmp_path / "cell.txt", rows)
    with pytest.raises(InputFileError, match="format='htseq'"):
        io.read_counts(path)
    np.testing.assert_array_equal(io.read_counts(path, format="htseq").X.toarray()[0], small.counts[0][::-1])


def test_required_genes_can_be_one_name(tmp_path, small, files):
    assert io.read_counts(files["loom"](tmp_path / "x.loom", small), require="GRB7").n_vars == 7
