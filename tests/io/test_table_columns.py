"""No cell vanishes: which columns of a plain table count as annotation, and what is wrong with the others."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

import her2plastic
from her2plastic._access import step_record
from her2plastic._errors import InputFileError

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io

GENES = ["ERBB2", "EPCAM", "KRT8", "PTPRC", *(f"G{number}" for number in range(46))]


@pytest.fixture
def cells() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        rng.poisson(3, (28, len(GENES))) + 1, index=[f"cell{n}" for n in range(28)], columns=GENES, dtype=object
    )


def with_field(frame: pd.DataFrame, row: int, column: int, field: str) -> pd.DataFrame:
    frame = frame.copy()
    frame.iloc[row, column] = field
    return frame


NO_NUMBERS = ["x", "NA", "", "nan", "#REF!", "#N/A", "1,234", "1 234", "1_000", "0x1F", "TRUE", "<5", "12*", "１２",
              "3\u00a0", "--", "∞"]  # fmt: skip


@pytest.mark.parametrize("field", NO_NUMBERS)
@pytest.mark.parametrize("row", [0, 3, 29, 30, 45])
def test_one_field_without_a_number_is_an_error_and_no_annotation(tmp_path, cells, field, row):
    with_field(cells.T, row, 5, field).to_csv(tmp_path / "x.csv")
    with pytest.raises(InputFileError) as fault:
        io.read_counts(tmp_path / "x.csv")
    for words in ("x.csv", f"line {row + 2} ({GENES[row]!r})", "column 7 ('cell5')", repr(field)):
        assert words in str(fault.value)


@pytest.mark.parametrize("field", NO_NUMBERS)
def test_one_field_without_a_number_where_genes_are_columns(tmp_path, cells, field):
    with_field(cells, 3, 5, field).to_csv(tmp_path / "x.csv")
    with pytest.raises(InputFileError) as fault:
        io.read_counts(tmp_path / "x.csv")
    for words in ("x.csv", "line 5 ('cell3')", "column 7 ('G1')", repr(field)):
        assert words in str(fault.value)


@pytest.mark.parametrize("turned", [False, True])
def test_a_number_beyond_all_numbers(tmp_path, cells, turned):
    """Whether 1e400 is read as text or as infinity depends on the version of pandas."""
    table = with_field(cells, 3, 5, "1e400")
    (table.T if turned else table).to_csv(tmp_path / "x.csv")
    with pytest.raises(InputFileError) as fault:
        io.read_counts(tmp_path / "x.csv")
    for words in ("x.csv", "'cell3'", "'G1'"):
        assert words in str(fault.value)


@pytest.mark.parametrize("word", ["NA", "#REF!", "1,234", "12 %"])
def test_a_cell_without_any_number_is_an_error(tmp_path, cells, word):
    table = cells.T
    table["cell5"] = word
    table.to_csv(tmp_path / "x.csv")
    with pytest.raises(InputFileError, match=r"line 2 \('ERBB2'\), column 7 \('cell5'\)"):
        io.read_counts(tmp_path / "x.csv")


def test_half_words_half_numbers_are_an_error(tmp_path, cells):
    table = cells.T
    table.loc[GENES[:25], "cell5"] = "low"
    table.to_csv(tmp_path / "x.csv")
    with pytest.raises(InputFileError, match=r"column 7 \('cell5'\): 'low' is not a number"):
        io.read_counts(tmp_path / "x.csv")


def test_annotation_is_recorded_and_told(tmp_path, cells, caplog):
    table = cells.T
    table.insert(3, "pathway", [*["unknown"] * 49, "7"])
    table.insert(4, "Strand", ["+", "-"] * 25)
    table.insert(5, "Length", 1000)
    table.to_csv(tmp_path / "x.csv")
    with caplog.at_level(logging.INFO):
        adata = io.read_counts(tmp_path / "x.csv")
    assert list(adata.obs_names) == list(cells.index)
    np.testing.assert_array_equal(adata.X.toarray(), cells.to_numpy(dtype=float))
    assert list(step_record(adata, "read")["annotation_columns"]) == ["pathway", "Strand", "Length"]
    told = [record for record in caplog.records if "taken as annotation, not as cells" in record.getMessage()]
    assert [record.levelname for record in told] == ["WARNING"]  # "pathway" is the name of no known column
    assert "pathway, Strand, Length" in told[0].getMessage()


def test_annotation_of_cells_becomes_obs(tmp_path, cells):
    cells.insert(0, "Length", [*range(27), "NA"])
    cells.insert(2, "HER2/neu", ["high", "low"] * 14)
    cells.to_csv(tmp_path / "x.csv")
    adata = io.read_counts(tmp_path / "x.csv")
    assert list(adata.var_names) == GENES
    assert adata.obs["HER2_neu"].tolist() == ["high", "low"] * 14
    assert adata.obs["Length"].tolist()[:3] == [0.0, 1.0, 2.0] and np.isnan(adata.obs["Length"].iloc[-1])
    assert list(step_record(adata, "read")["annotation_columns"]) == ["Length", "HER2/neu"]
    adata.write_h5ad(tmp_path / "x.h5ad")


def test_sums_are_no_genes_and_no_cells(tmp_path, cells):
    table = cells.T
    table.loc["Total"] = table.sum()
    table["Total"] = table.sum(axis=1)
    table.loc["__no_feature"] = 77
    table.loc["N_unmapped"] = 5
    table.to_csv(tmp_path / "x.csv")
    adata = io.read_counts(tmp_path / "x.csv")
    np.testing.assert_array_equal(adata.to_df().to_numpy(), cells.to_numpy(dtype=float))
    record = step_record(adata, "read")
    assert list(record["left_out_as_no_genes"]) == ["Total", "__no_feature", "N_unmapped"]
    assert record["not_counted_for_a_gene"] == 28 * 82
    assert list(record["annotation_columns"]) == ["Total"]
    cells.assign(nCount_RNA=9).to_csv(tmp_path / "y.csv")
    assert list(io.read_counts(tmp_path / "y.csv").var_names) == GENES


@pytest.mark.parametrize("form", ["both", "rows", "twice"])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_trailing_separators(tmp_path, cells, form, separator):
    header, *rows = cells.T.to_csv(sep=separator).splitlines()
    end = separator * (2 if form == "twice" else 1)
    lines = [header + (end if form != "rows" else ""), *(row + end for row in rows)]
    (tmp_path / "x.txt").write_text("\n".join(lines) + "\n")
    adata = io.read_counts(tmp_path / "x.txt")
    assert list(adata.obs_names) == list(cells.index)
    np.testing.assert_array_equal(adata.X.toarray(), cells.to_numpy(dtype=float))


def test_columns_of_values_need_a_name(tmp_path, cells):
    cells.T.rename(columns={"cell5": ""}).to_csv(tmp_path / "x.csv")
    with pytest.raises(InputFileError, match=r"line 1, column 7: has no name"):
        io.read_counts(tmp_path / "x.csv")
    cells.rename(index={"cell5": ""}).to_csv(tmp_path / "x.csv")
    with pytest.raises(InputFileError, match=r"cell 6 has no name \(1 of 28 cells\)"):
        io.read_counts(tmp_path / "x.csv")


def test_a_cell_before_the_genes_is_not_taken_for_row_numbers(tmp_path, cells):
    table = cells.T.reset_index(names="gene")
    table[[*cells.index, "gene"]].to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputFileError, match="'cell0' stands above numbers, before the genes of column 29"):
        io.read_counts(tmp_path / "x.csv")
    table.to_csv(tmp_path / "y.csv")  # row numbers without a name above them
    assert io.read_counts(tmp_path / "y.csv").n_obs == 28


@pytest.mark.parametrize(("separator", "mark"), [("\t", ","), (";", ","), (";", ".")])
def test_thousands_that_may_be_decimals(tmp_path, cells, separator, mark):
    table = cells.T.map(lambda count: f"{1000 * count + 234:,}".replace(",", mark))
    table.to_csv(tmp_path / "x.txt", sep=separator)
    with pytest.raises(InputFileError, match=r"may be \d+ or \d\.\d{3}: nothing in the first lines tells"):
        io.read_counts(tmp_path / "x.txt")


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_decimal_commas_below_whole_numbers(tmp_path, cells, separator):
    table = cells.T.map(lambda count: f"{count}")
    table.iloc[20, 3] = "0,5"
    table.to_csv(tmp_path / "x.txt", sep=separator)
    adata = io.read_counts(tmp_path / "x.txt", unit="fpkm")
    assert adata.to_df().iloc[3, 20] == 0.5


def test_decimal_commas_between_commas(tmp_path, files):
    path = files["lines"](tmp_path / "x.csv", ["gene,c1", "ERBB2,1,5", "ACTB,3,25"])
    with pytest.raises(InputFileError, match="3 fields where the header has 2, which starts with 'gene'"):
        io.read_counts(path)


def test_comments_titles_and_quotes(tmp_path, cells):
    text = cells.T.to_csv()
    path = tmp_path / "x.csv"
    path.write_text("# comment\n" * 60 + text)
    assert io.read_counts(path).n_obs == 28
    path.write_text(text.replace("EPCAM", '"EPCAM').replace("G40,", '"G40,'))
    with pytest.raises(InputFileError, match=r"x\.csv"):
        io.read_counts(path)
    far = text + "".join(f"F{n}" + ",1" * 28 + "\n" for n in range(60))
    path.write_text(far.replace("F20", '"F20').replace("F25,", 'F25",'))
    with pytest.raises(InputFileError, match="runs over several lines|fields"):
        io.read_counts(path)


@pytest.mark.parametrize("count", [2**31 + 2000, 3e12, 1e20])
def test_counts_that_no_cell_has(tmp_path, cells, count):
    with_field(cells.T, 3, 5, f"{count:.0f}").to_csv(tmp_path / "x.csv")
    with pytest.raises(InputFileError, match=r"gene 'PTPRC', cell 'cell5': .* too large"):
        io.read_counts(tmp_path / "x.csv")


def test_a_last_line_without_an_end_is_told(tmp_path, cells, caplog):
    (tmp_path / "x.csv").write_text(cells.T.to_csv().rstrip("\n"))
    assert io.read_counts(tmp_path / "x.csv").n_obs == 28
    assert "nothing ends its last line" in caplog.text
