from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import her2plastic
from her2plastic import _keys
from her2plastic._access import step_record
from her2plastic._errors import EmptySampleError, GeneError, InputFileError, ParameterError, SampleSheetError, UnitError

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io
ad: Any = anndata

HEADER = "donor_id,sample_id,draw_day,assay,path"


@pytest.fixture
def cohort(tmp_path, small, files):
    """Return a writer of sheets beside a 10x folder, a table of counts and an empty sample."""
    files["tenx_folder"](tmp_path / "tenx", small)
    small.frame().T.to_csv(tmp_path / "table.csv")
    nobody = type(small)(small.counts[:0], small.genes, small.gene_ids, [])
    files["tenx_h5"](tmp_path / "empty.h5", nobody)

    def write(*rows, header=HEADER):
        path = tmp_path / "samples.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


def test_a_cohort(cohort, small):
    sheet = cohort(
        "P1,a,0,10x 3' v3,tenx,paclitaxel,,HER2-low,North", "P2,b,21,Smart-seq2,table.csv,,,,South",
        header=HEADER + ",treatment,er,label,hospital",
    )  # fmt: skip
    adata = io.read_samples(sheet)
    assert adata.shape == (10, 7)
    assert list(adata.obs_names) == [f"{sample}:{cell}" for sample in "ab" for cell in small.cells]
    assert list(adata.obs.columns[:5]) == ["cell_id", "donor_id", "sample_id", "draw_day", "assay"]
    assert adata.obs["cell_id"].tolist() == list(adata.obs_names)
    assert adata.obs["donor_id"].tolist() == ["P1"] * 5 + ["P2"] * 5
    assert adata.obs["draw_day"].tolist() == [0.0] * 5 + [21.0] * 5
    assert list(adata.obs["assay"].cat.categories) == ["10x", "smart-seq2"]
    assert tuple(adata.obs["label"].cat.categories) == _keys.STATES
    assert adata.obs["hospital"].tolist() == ["North"] * 5 + ["South"] * 5
    assert "er" not in adata.obs
    assert "path" not in adata.obs
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), np.vstack([small.counts, small.counts]))
    assert list(adata.var["gene_id"]) == small.gene_ids
    record = step_record(adata, "read_samples")
    assert list(record["formats"]) == ["10x-mtx", "table"]
    assert list(record["cells"]) == [5, 5]


def test_the_table_of_read_sheet_serves_as_well(cohort):
    sheet = cohort("P1,a,0,10x,tenx")
    frame = io.read_sheet(sheet)
    assert (io.read_samples(frame).X != io.read_samples(sheet).X).nnz == 0
    frame.attrs.clear()
    with pytest.raises(ParameterError, match="root"):
        io.read_samples(frame)
    assert io.read_samples(frame, root=sheet.parent).n_obs == 5


def test_one_row_a_cell(tmp_path, cohort, small, files):
    rows = []
    for cell in range(3):
        files["rsem"](tmp_path / f"well{cell}.genes.results", small, cell=cell)
        rows.append(f"P1,w{cell},0,Smart-seq2,well{cell}.genes.results")
    adata = io.read_samples(cohort(*rows))
    assert list(adata.obs_names) == ["w0:well0", "w1:well1", "w2:well2"]
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), small.counts[:3])
    np.testing.assert_array_equal(adata.X.toarray(), small.counts[:3])


def test_empty_samples_are_listed_and_do_not_stop(cohort):
    adata = io.read_samples(cohort("P1,a,0,10x,tenx", "P2,none,0,10x,empty.h5"))
    record = step_record(adata, "read_samples")
    assert adata.n_obs == 5
    assert list(record["empty_samples"]) == ["none"]
    assert list(record["empty_donors"]) == ["P2"]
    with pytest.raises(EmptySampleError, match="none of the 1 samples"):
        io.read_samples(cohort("P2,none,0,10x,empty.h5"))
    with pytest.raises(EmptySampleError, match="holds no cells"):
        io.read_counts(cohort().parent / "empty.h5")


def test_all_unreadable_samples_are_reported_together(tmp_path, cohort):
    (tmp_path / "short.h5").write_bytes((tmp_path / "empty.h5").read_bytes()[:900])
    (tmp_path / "mouse.csv").write_text("gene,c1\nErbb2,1\nActb,2\n")
    sheet = cohort("P1,a,0,10x,tenx", "P2,b,0,10x,short.h5", "P3,c,0,10x,mouse.csv")
    with pytest.raises(SampleSheetError) as fault:
        io.read_samples(sheet)
    assert len(fault.value.problems) == 2
    assert "sample 'b'" in fault.value.problems[0]
    assert "short.h5" in fault.value.problems[0]
    assert "sample 'c'" in fault.value.problems[1]
    assert "2 of 3 samples" in str(fault.value)
    adata = io.read_samples(sheet, on_error="skip")
    assert adata.n_obs == 5
    assert len(step_record(adata, "read_samples")["unreadable"]) == 2


def test_genes_of_count_tables_are_joined_by_union(tmp_path, cohort, small):
    frame = small.frame().T.drop(index=["KRT8"])
    frame.index = [*frame.index[:-1], "OTHER"]
    frame.to_csv(tmp_path / "other.csv")
    sheet = cohort("P1,a,0,10x,table.csv", "P2,b,0,10x,other.csv")
    adata = io.read_samples(sheet)
    assert list(adata.var_names) == [*small.genes, "OTHER"]
    assert adata["b:AAAC0-1", "KRT8"].X.toarray().item() == 0
    assert adata["b:AAAC1-1", "OTHER"].X.toarray().item() == small.counts[1, 6]
    assert adata.X.has_sorted_indices
    assert step_record(adata, "read_samples")["n_genes_filled_with_zeros"] == 3
    shared = io.read_samples(sheet, genes="intersection")
    assert list(shared.var_names) == [gene for gene in small.genes if gene not in ("KRT8", "NOVEL1")]
    assert step_record(shared, "read_samples")["n_genes_left_out"] == 3
    np.testing.assert_array_equal(shared["a:AAAC0-1"].X.toarray()[0], small.counts[0, [0, 1, 3, 4, 5]])


def test_two_namings_do_not_go_together(tmp_path, cohort, small):
    symbols = pd.DataFrame(1, index=["ERBB2", *(f"G{number}" for number in range(9))], columns=["c1", "c2"])
    ids = symbols.set_axis(["ENSG00000141736", *(f"ENSG0000099900{number}" for number in range(9))])
    symbols.to_csv(tmp_path / "symbols.csv")
    ids.to_csv(tmp_path / "ids.csv")
    with pytest.raises(GeneError, match=r"'a' .* and 'b' .* share 1 of 10 genes"):
        io.read_samples(cohort("P1,a,0,10x,symbols.csv", "P1,b,0,10x,ids.csv"))


def test_different_units_do_not_go_together(tmp_path, cohort, small):
    (small.frame() * 13.7).T.to_csv(tmp_path / "fpkm.csv")
    with pytest.raises(UnitError, match=r"counts: a; fpkm: b"):
        io.read_samples(cohort("P1,a,0,10x,table.csv", "P1,b,0,10x,fpkm.csv"))
    adata = io.read_samples(cohort("P1,b,0,10x,fpkm.csv"))
    assert step_record(adata, "read")["unit"] == "fpkm"
    assert "counts" not in adata.layers


def test_recovered_and_read_counts_go_together(tmp_path, cohort, small):
    rng = np.random.default_rng(0)
    counts = rng.poisson(3, (3, 300))
    genes = [*small.genes, *(f"G{number}" for number in range(293))]
    frame = pd.DataFrame(np.log2(counts / np.array([[0.7], [1.3], [2.1]]) + 1), index=["x", "y", "z"], columns=genes)
    frame.T.to_csv(tmp_path / "logs.csv")
    adata = io.read_samples(cohort("P1,a,0,10x,table.csv", "P1,b,0,10x,logs.csv"))
    np.testing.assert_array_equal(adata.X.toarray()[5:], counts)
    assert step_record(adata, "read_samples")["x_is"] == "counts"


def test_layers_of_some_samples_are_left_out(tmp_path, cohort, small, files):
    files["solo"](tmp_path / "solo", small)
    adata = io.read_samples(cohort("P1,a,0,10x,tenx", "P1,b,0,10x,solo"))
    assert sorted(name for name in adata.layers if name) == ["counts"]
    assert list(step_record(adata, "read_samples")["layers_left_out"]) == ["ambiguous", "spliced", "unspliced"]
    files["solo"](tmp_path / "again", small)
    both = io.read_samples(cohort("P1,b,0,10x,solo", "P1,c,0,10x,again"))
    np.testing.assert_array_equal(both.layers["spliced"].toarray(), 3 * np.vstack([small.counts] * 2))


def test_a_cell_id_that_two_samples_make_names_both(tmp_path, cohort):
    (tmp_path / "one.csv").write_text("gene,b:c,x\nERBB2,1,2\n")
    (tmp_path / "two.csv").write_text("gene,c,x\nERBB2,1,2\n")
    with pytest.raises(InputFileError, match=r"'a:b:c' is made by sample 'a' and by sample 'a:b'"):
        io.read_samples(cohort("P1,a,0,10x,one.csv", "P1,a:b,0,10x,two.csv"))


def test_columns_of_the_sheet_win_over_those_of_the_file(tmp_path, cohort, small):
    part = ad.AnnData(
        csr_matrix(small.counts.astype("float32")), obs=pd.DataFrame({"donor_id": "other", "batch": "B"}, small.cells)
    )
    part.var_names = small.genes
    part.write_h5ad(tmp_path / "part.h5ad")
    adata = io.read_samples(cohort("P1,a,0,10x,part.h5ad"))
    assert set(adata.obs["donor_id"]) == {"P1"}
    assert set(adata.obs["batch"]) == {"B"}


def test_a_cohort_survives_the_disk(tmp_path, cohort):
    sheet = cohort(
        "P1,a,0,10x,tenx,,2+", "P2,b,7,10x,table.csv,3.5,", "P3,n,7,10x,empty.h5,,", header=HEADER + ",ish_ratio,ihc"
    )
    adata = io.read_samples(sheet)
    io.write_h5ad(adata, tmp_path / "cohort.h5ad")
    adata.write_zarr(tmp_path / "cohort.zarr")
    for again in (ad.read_h5ad(tmp_path / "cohort.h5ad"), ad.read_zarr(tmp_path / "cohort.zarr")):
        pd.testing.assert_frame_equal(again.obs, adata.obs)
        assert list(step_record(again, "read_samples")["empty_samples"]) == ["n"]
        np.testing.assert_array_equal(again.layers["counts"].toarray(), adata.layers["counts"].toarray())


def test_progress_is_shown_only_when_asked_or_on_a_terminal(cohort, capsys):
    sheet = cohort("P1,a,0,10x,tenx")
    io.read_samples(sheet)
    assert capsys.readouterr() == ("", "")
    io.read_samples(sheet, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Reading samples" in err


def test_dense_values_are_joined_by_intersection(tmp_path, cohort):
    (tmp_path / "one.csv").write_text("gene,c1,c2\nERBB2,1.5,2\nACTB,3,4\nGRB7,5,6\nACTB,0.5,1\n")
    (tmp_path / "two.csv").write_text("gene,c1\nGRB7,9.5\nTOP2A,7\nERBB2,8\n")
    adata = io.read_samples(cohort("P1,a,0,10x,one.csv", "P2,b,0,10x,two.csv"), unit="fpkm")
    assert adata.to_df().to_dict("list") == {"ERBB2": [1.5, 2, 8], "GRB7": [5, 6, 9.5]}
    record = step_record(adata, "read_samples")
    assert (record["genes_joined_by"], record["n_genes_left_out"]) == ("intersection", 2)
    union = io.read_samples(tmp_path / "samples.csv", unit="fpkm", genes="union")
    assert union.to_df()["ACTB"].tolist() == [3.5, 5, 0]
