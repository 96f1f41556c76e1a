"""Tables as public repositories and other programs lay them out: titles, annotation in numbers, names of genes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from her2plastic import io
from her2plastic._access import step_record
from her2plastic._errors import DataWarning, InputFileError, UnitError

N_CELLS = 12
GENES = ["ERBB2", "EPCAM", "KRT8", "PTPRC", "ACTB", "GAPDH", "GRB7", "MT-CO1", "MT-ND1", "XIST"]


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    """Counts, genes x cells."""
    counted = np.random.default_rng(5).poisson(2.0, (len(GENES), N_CELLS))
    return pd.DataFrame(counted, index=GENES, columns=[f"BRx-{n // 4}.{n}" for n in range(N_CELLS)])


def same(path: Path, cells: pd.DataFrame) -> bool:
    read = io.read_counts(path).to_df().T
    pd.testing.assert_frame_equal(read.astype(int), cells, check_names=False)
    return True


@pytest.mark.parametrize(
    "name",
    [
        "Entrez_Gene_Id",
        "GeneLength",
        "Gene.Length",
        "exonic.length",
        "Gene start (bp)",
        "NCBI gene ID",
        "baseMean",
        "Mean",
    ],
)
def test_numbers_of_genes_are_no_cell(tmp_path, cells, name):
    table = cells.copy()
    table.insert(0, name, np.arange(2000, 2000 + len(cells)))
    table.rename_axis("Hugo_Symbol").to_csv(tmp_path / "data.txt", sep="\t")
    assert same(tmp_path / "data.txt", cells)


def test_numbers_of_cells_are_no_gene(tmp_path, cells):
    table = cells.T
    for place, name in enumerate(("total_reads", "percent.mito", "cluster", "Age")):
        table.insert(place, name, np.arange(N_CELLS) * 1000)
    table.to_csv(tmp_path / "cells.csv")
    read = io.read_counts(tmp_path / "cells.csv")
    assert read.var_names.tolist() == GENES
    assert read.obs["total_reads"].tolist() == (np.arange(N_CELLS) * 1000).tolist()


def test_a_column_that_lacks_no_gene_is_doubted(tmp_path):
    counted = np.random.default_rng(1).poisson(0.7, (1200, 6))
    table = pd.DataFrame(counted, index=["ERBB2", *(f"G{n}" for n in range(1199))], columns=[f"c{n}" for n in range(6)])
    table.insert(0, "kb", np.arange(1, 1201))
    table.to_csv(tmp_path / "x.csv")
    with pytest.warns(DataWarning, match=r"1 of 7 columns taken for cells hold no zero \(kb\)"):
        io.read_counts(tmp_path / "x.csv")


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize(
    "title",
    ["Supplementary Table 3. Counts, of CTCs", '"Table S1: raw counts"', "Table S2" + "{0}" * N_CELLS, "#1.2\n10{0}12"],
)
def test_titles_above_the_header(tmp_path, cells, separator, title):
    text = cells.rename_axis("Gene").to_csv(sep=separator, lineterminator="\n")
    (tmp_path / "x.txt").write_text(title.format(separator) + "\n" + text, encoding="utf-8")
    assert same(tmp_path / "x.txt", cells)


def test_quoted_names_between_blanks_as_r_writes_them(tmp_path, cells):
    lines = [" ".join(f'"{name}"' for name in cells.columns)]
    lines += [f'"{gene}" {" ".join(map(str, row))}' for gene, row in zip(cells.index, cells.to_numpy(), strict=True)]
    (tmp_path / "x.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert same(tmp_path / "x.txt", cells)


@pytest.mark.parametrize("form", ["{gene} ({number})", "{gene} (ENSG{number:011d})", "{gene}__chr17"])
@pytest.mark.parametrize("genes_in", ["rows", "columns"])
def test_names_that_say_two_things(tmp_path, cells, form, genes_in):
    table = cells.set_axis([form.format(gene=gene, number=2064 + n) for n, gene in enumerate(GENES)])
    (table if genes_in == "rows" else table.T).to_csv(tmp_path / "x.csv")
    assert same(tmp_path / "x.csv", cells)


def test_hyphens_that_r_made_points(tmp_path, cells):
    cells.set_axis([gene.replace("-", ".") for gene in GENES]).to_csv(tmp_path / "x.csv")
    assert same(tmp_path / "x.csv", cells)
    assert "MT.CO1 -> MT-CO1" in step_record(io.read_counts(tmp_path / "x.csv"), "read")["renamed"]


@pytest.mark.parametrize("form", ["{cell}_{word}", "{word}.{cell}"])
def test_counts_and_relative_values_of_the_same_cells_side_by_side(tmp_path, cells, form):
    tpm = (cells + 0.25) / (cells + 0.25).sum() * 1e6
    table = pd.DataFrame(
        {form.format(cell=name, word=word): values[name]
         for name in cells for word, values in (("Count", cells), ("TPM", tpm))}
    )  # fmt: skip
    table.rename_axis("Gene").to_csv(tmp_path / "x.txt", sep="\t")
    assert same(tmp_path / "x.txt", cells)
    read = io.read_counts(tmp_path / "x.txt", unit="tpm")
    assert len(step_record(read, "read")["measures_left_out"]) == N_CELLS
    np.testing.assert_allclose(read.to_df().T, tpm, rtol=1e-4)
    with pytest.raises(UnitError, match="its columns hold counts, tpm, but 'fpkm' was asked for"):
        io.read_counts(tmp_path / "x.txt", unit="fpkm")


def test_a_line_of_patients_below_the_header_is_told(tmp_path, cells):
    table = pd.concat(
        [pd.DataFrame([["P1"] * N_CELLS], index=["patient"], columns=cells.columns), cells.astype(object)]
    )
    table.to_csv(tmp_path / "x.csv")
    with pytest.raises(InputFileError, match=r"line 2 \('patient'\).*'P1' is not a number.*has to be taken out"):
        io.read_counts(tmp_path / "x.csv")
