from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import her2plastic
from her2plastic import reference
from her2plastic._access import step_record
from her2plastic._errors import DataWarning, GeneError, ParameterError
from her2plastic.io.gene_names import name_genes

# The unions in the types of AnnData are of no help here.
io: Any = her2plastic.io

HERE = Path("table.csv")


def named(*names, gene_id=None, require=("ERBB2",), dates="error"):
    ids = None if gene_id is None else np.array(gene_id, dtype=object)
    return name_genes(HERE, np.array(names, dtype=object), gene_id=ids, require=require, dates=dates)


@pytest.mark.parametrize(
    "alias",
    ["HER2", "NEU", "C-ERBB2", "c-erbB2", "HER2/neu", "ENSG00000141736", "ENSG00000141736.13", "ENSG00000141736_ERBB2",
     "ENSG00000141736.13|ERBB2", "ERBB2|ENSG00000141736", "ERBB2|2064"],
)  # fmt: skip
def test_every_way_to_say_erbb2(alias):
    # The other gene is written in the same way, so that the table has one naming.
    other = alias.replace("ENSG00000141736", "ENSG00000075624").replace("ERBB2", "ACTB").replace("2064", "60")
    got = named(alias, "GAPDH" if other == alias or "C-" in alias.upper() else other)
    assert got.symbol[0] == "ERBB2"


def test_renaming_is_reported():
    got = named("HER2", "CD45", "GAPDH")
    assert list(got.symbol) == ["ERBB2", "PTPRC", "GAPDH"]
    assert got.details["renamed"] == ["CD45 -> PTPRC", "HER2 -> ERBB2"]


def test_an_alias_beside_its_symbol_stays_what_it_is():
    got = named("ERBB2", "HER2", "GAPDH")
    assert list(got.symbol) == ["ERBB2", "HER2", "GAPDH"]
    assert got.details == {"aliases_left": ["HER2"]}


def test_two_aliases_without_the_symbol_are_an_error():
    with pytest.raises(GeneError, match="HER2, NEU all mean ERBB2"):
        named("HER2", "NEU", "GAPDH")


def test_one_gene_under_two_namings_is_an_error():
    with pytest.raises(GeneError, match=r"mixes two namings: ERBB2 stands beside ENSG00000141736"):
        named("ERBB2", "ENSG00000141736.12", "GAPDH")


def test_unnamed_genes_among_symbols_keep_their_ids():
    with pytest.warns(DataWarning, match="1 of 3 gene names are Ensembl ids"):
        got = named("ERBB2", "GAPDH", "ENSG00000238009.6")
    assert list(got.symbol) == ["ERBB2", "GAPDH", "ENSG00000238009"]


UNKNOWN_IDS = [f"ENSG{number:011d}" for number in range(900_001, 900_011)]


def test_symbols_and_ids_of_known_genes_side_by_side_are_an_error():
    with pytest.raises(GeneError, match=r"3 of 6 names are Ensembl ids.*ACTB \(ENSG00000075624\).*EPCAM"):
        named("ERBB2", "EPCAM", "PTPRC", "ENSG00000075624", "ENSG00000111640", "ENSG00000170421")


def test_ids_of_unknown_genes_among_symbols_are_recorded_and_warned_of():
    symbols = ["ERBB2", "EPCAM", *(f"GENE{n}" for n in range(8))]
    with pytest.warns(DataWarning, match="10 of 20 gene names are Ensembl ids"):
        got = named(*symbols, *UNKNOWN_IDS)
    assert got.details["mixed_namings"] == ["10 Ensembl ids", "10 other names"]
    assert list(got.symbol) == [*symbols, *UNKNOWN_IDS]
    few = named(*symbols, *(f"LNC{n}" for n in range(10)), UNKNOWN_IDS[0])
    assert "mixed_namings" not in few.details


def test_genes_called_by_their_id_beside_a_column_of_ids_are_no_fault():
    """Annotations call genes without a symbol by their id."""
    ids = ["ENSG00000141736", "ENSG00000119888", *UNKNOWN_IDS]
    got = named("ERBB2", "EPCAM", *UNKNOWN_IDS, gene_id=ids)
    assert got.details["mixed_namings"] == ["10 Ensembl ids", "2 other names"]
    assert list(got.symbol) == ["ERBB2", "EPCAM", *UNKNOWN_IDS]


def test_genes_without_a_name():
    got = named("ERBB2", "", "GAPDH", "", gene_id=["ENSG00000141736", UNKNOWN_IDS[0], "ENSG00000111640", ""])
    assert list(got.symbol) == ["ERBB2", UNKNOWN_IDS[0], "GAPDH", "unnamed gene"]
    assert got.details["genes_without_a_symbol"] == ["2"]


def test_ensembl_ids_become_the_ids_and_lose_their_version():
    got = named("ENSG00000141736.13", "ENSG00000238009.6", "ENSG00000002586.20_PAR_Y")
    assert list(got.gene_id) == ["ENSG00000141736", "ENSG00000238009", "ENSG00000002586"]
    assert list(got.symbol) == ["ERBB2", "ENSG00000238009", "ENSG00000002586"]


def test_without_erbb2_the_error_says_what_was_looked_for():
    with pytest.raises(GeneError) as fault:
        named("GAPDH", "ACTB")
    for name in ("ERBB2", "HER2", "NEU", "C-ERBB2", "ENSG00000141736", "GAPDH"):
        assert name in str(fault.value)
    assert list(named("GAPDH", "ACTB", require=()).symbol) == ["GAPDH", "ACTB"]


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (("Erbb2", "Gapdh"), "mouse"),
        (("erbb2", "gapdh"), "zebrafish"),
        (("ENSMUSG00000062312", "Gapdh"), "another species"),
    ],
)
def test_other_species(names, word):
    with pytest.raises(GeneError, match=word):
        named(*names)


DATES = ["1-Mar", "9-Sep", "2-sep", "Mar-01", "2021-03-01", "2021-03-01 00:00:00", "3/1/2021", "43891", "1 Mar"]
GERMAN = ["1. Mrz", "01. Mrz", "2.Mär", "1. Mär. 21", "4. Okt", "1. Dez", "12. März 2021", "7. Mai", "Mrz 01"]
FRENCH = ["01-mars", "1-févr", "9-sept", "1-déc.", "3 août", "7-juil", "sept.-09", "mars-01", "DÉC-01", "10-oct"]


@pytest.mark.parametrize("date", [*DATES, *GERMAN, *FRENCH])
def test_dates_of_spreadsheets(date):
    with pytest.raises(GeneError) as fault:
        named("ERBB2", "GAPDH", date)
    assert repr(date) in str(fault.value)
    assert "gene 3" in str(fault.value)
    got = named("ERBB2", "GAPDH", date, dates="keep")
    assert got.symbol[2] == date
    assert got.details["spreadsheet_dates_kept"] == [date]


GENES = ["MARCH1", "SEPT9", "DEC1", "NOV", "APR-1", "SEP15", "HLA-DRA", "1/2-SBSRNA4", "7SK"]


@pytest.mark.parametrize("gene", [*GENES, "MARS1", "JUN", "MAIP1", "OCT4", "DEC-205"])
def test_real_genes_are_no_dates(gene):
    assert named("ERBB2", gene).symbol[1] == gene


def test_row_numbers_and_entrez_ids_are_no_names():
    with pytest.raises(GeneError, match="bare numbers"):
        named("2064", "60", "2597")


def test_symbols_that_end_in_numbers_are_not_split():
    assert list(named("ERBB2", "GENE_12", "GENE_13").symbol) == ["ERBB2", "GENE_12", "GENE_13"]


def test_duplicates_are_summed_and_reported(tmp_path, small):
    frame = small.frame().T
    twice = pd.concat([frame, frame.iloc[[4]], frame.iloc[[4]]])
    twice.to_csv(tmp_path / "x.csv")
    adata = io.read_counts(tmp_path / "x.csv")
    assert adata.var_names.is_unique
    np.testing.assert_array_equal(adata[:, "ACTB"].X.toarray().ravel(), 3 * small.counts[:, 4])
    np.testing.assert_array_equal(adata[:, "ERBB2"].X.toarray().ravel(), small.counts[:, 0])
    assert list(step_record(adata, "read")["summed_duplicates"]) == ["ACTB"]


def test_ids_of_summed_genes_are_joined(tmp_path, small, files):
    genes = ["ERBB2", "EPCAM", "KRT8", "PTPRC", "ACTB", "ACTB", "ACTB"]
    adata = io.read_counts(
        files["tenx_folder"](tmp_path, type(small)(small.counts, genes, small.gene_ids, small.cells))
    )
    assert adata.var["gene_id"]["ACTB"] == ";".join(small.gene_ids[4:])
    assert adata.var["gene_id"]["KRT8"] == small.gene_ids[2]
    np.testing.assert_array_equal(adata[:, "ACTB"].layers["counts"].toarray().ravel(), small.counts[:, 4:].sum(1))


@settings(max_examples=25)
@given(st.lists(st.floats(0, 9), min_size=3, max_size=3), st.sampled_from(["log2", "ln"]))
def test_logarithms_of_a_repeated_gene_are_summed_as_expression(tmp_path_factory, values, unit):
    path = tmp_path_factory.mktemp("logs") / "x.csv"
    pd.DataFrame(
        {"c1": [values[0], values[1], 1.5], "c2": [values[2], 0.25, 2.5]}, index=["ERBB2", "ERBB2", "ACTB"]
    ).to_csv(path)
    x = io.read_counts(path, unit=unit).to_df()
    base = 2.0 if unit == "log2" else np.e
    expected = np.log(base ** values[0] + base ** values[1] - 1) / np.log(base)
    assert x.loc["c1", "ERBB2"] == pytest.approx(expected, abs=1e-5)
    assert x.loc["c2", "ACTB"] == 2.5


def test_aliases_of_the_package_are_sound():
    aliases = reference.gene_aliases()
    symbols = {gene for genes in reference.panels().values() for gene in genes} | set(reference.amplicon()["gene"])
    ids = [symbol for alias, symbol in aliases.items() if alias.startswith("ENSG")]
    assert len(ids) == len(set(ids))
    assert symbols <= set(ids)
    assert not symbols & set(aliases)
    assert all(alias == alias.upper() for alias in aliases)
    assert aliases["ENSG00000141736"] == "ERBB2"


def test_unknown_choice_of_dates(tmp_path, small):
    small.frame().T.to_csv(tmp_path / "x.csv")
    with pytest.raises(ParameterError, match="'keep'"):
        io.read_counts(tmp_path / "x.csv", spreadsheet_dates="drop")
