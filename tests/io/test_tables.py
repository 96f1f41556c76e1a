from __future__ import annotations

import re
import string
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import her2plastic
from her2plastic._access import step_record
from her2plastic._errors import DataWarning, InputFileError
from her2plastic.io.table_columns import is_annotation, is_corner

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io

CELL_NAMES = st.text(string.ascii_letters + string.digits + "._-: ", min_size=1, max_size=12).filter(
    lambda s: s == s.strip() and not is_annotation(s) and not is_corner(s)
)


@settings(max_examples=40)
@given(
    data=st.data(), genes_in=st.sampled_from(["rows", "columns"]), separator=st.sampled_from([",", "\t", ";"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]), bom=st.booleans(), r_style=st.booleans(), said=st.booleans(),
)  # fmt: skip
def test_round_trip(tmp_path_factory, data, genes_in, separator, end, bom, r_style, said):
    """Counts come back whatever the layout, the separator and the line ends."""
    cells = data.draw(
        st.lists(CELL_NAMES, min_size=2, max_size=6, unique=True).filter(lambda c: not all(map(str.isdigit, c)))
    )
    genes = ["ERBB2", "ACTB", "GAPDH", "HLA-DRA", "novel gene"]
    counts = data.draw(
        st.lists(st.lists(st.integers(0, 100_000), min_size=5, max_size=5), min_size=len(cells), max_size=len(cells))
    )
    frame = pd.DataFrame(counts, index=cells, columns=genes)
    table = frame.T if genes_in == "rows" else frame
    text = table.to_csv(sep=separator, lineterminator=end)
    if r_style:
        first = separator if text.startswith(separator) else '""' + separator
        text = text.removeprefix(first)
    path = tmp_path_factory.mktemp("tables") / "counts.txt"
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.encode())
    adata = io.read_counts(path, genes_in=genes_in if said else "auto", unit="counts")
    got = pd.DataFrame(adata.X.toarray(), index=adata.obs_names, columns=adata.var_names)
    pd.testing.assert_frame_equal(got, frame.astype("float32"), check_names=False)
    assert step_record(adata, "read")["genes_in"] == genes_in


def test_symbols_and_ids_side_by_side(tmp_path, small, files):
    rows = [
        f"{i}\t{g}\tprotein_coding\t{1000 + place}\t" + "\t".join(map(str, small.counts[:, place]))
        for place, (i, g) in enumerate(zip(small.gene_ids, small.genes, strict=True))
    ]
    header = "gene_id\tgene_name\tbiotype\tLength\t" + "\t".join(small.cells)
    adata = io.read_counts(files["lines"](tmp_path / "x.tsv", [header, *rows]))
    assert list(adata.var_names) == small.genes
    assert list(adata.var["gene_id"]) == small.gene_ids
    np.testing.assert_array_equal(adata.X.toarray(), small.counts)
    assert list(step_record(adata, "read")["annotation_columns"]) == ["biotype", "Length"]


def test_words_beside_genes_in_columns_become_obs(tmp_path, small):
    frame = small.frame()
    frame.insert(0, "patient", ["P1", "P1", "P2", "P2", "P3"])
    frame.to_csv(tmp_path / "x.csv")
    adata = io.read_counts(tmp_path / "x.csv")
    assert adata.obs["patient"].tolist() == ["P1", "P1", "P2", "P2", "P3"]
    np.testing.assert_array_equal(adata.X.toarray(), small.counts)


def test_decimal_commas(tmp_path, files):
    path = files["lines"](tmp_path / "x.csv", ["gene;c1;c2", "ERBB2;1,5;0", "ACTB;3,25;2,5"])
    adata = io.read_counts(path, unit="fpkm")
    np.testing.assert_allclose(adata.to_df().to_numpy(), [[1.5, 3.25], [0, 2.5]])


def test_comment_lines_and_blank_separated_columns(tmp_path, files):
    path = files["lines"](tmp_path / "x.txt", ["# made by hand", "gene c1 c2", "ERBB2 1 0", "ACTB  30  25"])
    np.testing.assert_array_equal(io.read_counts(path).X.toarray(), [[1, 30], [0, 25]])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["gene,c1,c2", "ERBB2,1,NA", "ACTB,3,4"], ["line 2", "'ERBB2'", "missing value"]),
        (["gene,c1,c2", *["ACTB,3,4"] * 40, "ERBB2,1,x"], ["line 42", "'ERBB2'", "column 3", "not a number"]),
        (["gene,c1,c2", *["ACTB,3,4"] * 40, "ERBB2,1,"], ["line 42", "missing value"]),
        (["gene,c1,c2", "ERBB2,1,2", "ACTB,3"], ["line 3", "2 fields where the header has 3"]),
        (["gene,c1,c2", "ERBB2,1,-2", "ACTB,3,4"], ["gene 'ERBB2'", "cell 'c2'", "negative"]),
        (["gene,c1,c2", "ERBB2,1,2", "ACTB,3,inf"], ["ACTB"]),
        (["gene,c1,c1", "ERBB2,1,2", "ACTB,3,4"], ["'c1'", "cell 1 and cell 2"]),
        (["gene,c1,c2", "ERBB2,1,2", ",3,4", "ACTB,3,4"], ["line 3", "column 1 ('gene')", "no name (1 of 3 rows)"]),
        (["gene,c1,c2", "ERBB2,1,2", "EPCAM,TRUE,FALSE", "ACTB,3,4"], ["line 3 ('EPCAM')", "'TRUE'", "not a number"]),
        (["gene,c1,c2", "EPCAM,TRUE,FALSE", "ERBB2,1,2", "ACTB,3,4"], ["line 2 ('EPCAM')", "'TRUE'", "not a number"]),
        (["ERBB2,1,2", "ACTB,3,4"], ["so no header"]),
        (["gene,c1,c2"], []),
    ],
)
def test_faulty_tables_name_the_place(tmp_path, files, lines, words):
    with pytest.raises(InputFileError) as fault:
        io.read_counts(files["lines"](tmp_path / "x.csv", lines), unit="counts")
    for word in ("x.csv", *words):
        assert word in str(fault.value)


def test_a_long_row_far_down_is_named(tmp_path, files):
    lines = ["gene,c1,c2", *[f"G{number},3,4" for number in range(60)], "ERBB2,1,2,3"]
    with pytest.raises(InputFileError, match="line 62"):
        io.read_counts(files["lines"](tmp_path / "x.csv", lines))


def test_dense_values_stay_dense(tmp_path, files):
    path = files["lines"](tmp_path / "x.csv", ["gene,c1,c2", "ERBB2,1.5,2.5", "ACTB,3.5,0"])
    assert isinstance(io.read_counts(path, unit="tpm").X, np.ndarray)


def test_a_gene_without_a_symbol_has_its_id_for_a_name(tmp_path, files):
    lines = ["gene_id,symbol,c1,c2", "ENSG00000141736,ERBB2,1,2", "ENSG00000999999,,3,4", "ENSG00000119888,EPCAM,5,6"]
    adata = io.read_counts(files["lines"](tmp_path / "x.csv", lines))
    assert list(adata.var_names) == ["ERBB2", "ENSG00000999999", "EPCAM"]


@pytest.mark.parametrize("names", [["1E+05", "1E+07"], ["1.00E+05", "2.3E+12"], ["1,00e+05", "A5"]])
def test_names_of_cells_that_a_spreadsheet_turned_into_numbers(tmp_path, names):
    pd.DataFrame({"ERBB2": [1, 2], "ACTB": [3, 4]}, index=names).T.to_csv(tmp_path / "x.tsv", sep="\t")
    with pytest.warns(DataWarning, match=rf"of 2 cell names are numbers .*{re.escape(repr(names[0]))}"):
        adata = io.read_counts(tmp_path / "x.tsv")
    assert list(adata.obs_names) == names


def test_names_of_wells_are_names(tmp_path):
    pd.DataFrame({"ERBB2": [1, 2], "ACTB": [3, 4]}, index=["1E05", "1E-05"]).T.to_csv(tmp_path / "x.csv")
    assert io.read_counts(tmp_path / "x.csv").n_obs == 2
