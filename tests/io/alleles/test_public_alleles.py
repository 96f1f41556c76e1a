"""Alleles as public tables write them: MAF files, names with transcripts, builds under other words."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest

from her2plastic import io
from her2plastic._errors import InputFileError, SampleSheetError

COLUMNS = (
    "Hugo_Symbol", "NCBI_Build", "Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2",
    "Tumor_Sample_Barcode", "HGVSc", "HGVSp_Short", "t_ref_count", "t_alt_count",
)  # fmt: skip
ROWS = (
    ("ERBB2", "GRCh37", "17", "37880220", "T", "C", "P-1", "ENST00000269571.5:c.2264T>C", "p.L755S", "30", "12"),
    ("TP53", "GRCh37", "17", "7578406", "C", "T", "P-1", "ENST00000269305.4:c.524G>A", "p.R175H", "20", "9"),
    ("ERBB2", "GRCh37", "17", "37880981", "-", "GCATACGTGATG", "P-2", "c.2310_2311ins", "p.Y772_A775dup", "60", "4"),
    ("ERBB2", "GRCh37", "17", "37879863", "G", "A", "P-3", "ENST00000269571.5:c.2033G>A", "p.R678Q", "30", "3"),
)


def maf(path: Path, rows: tuple[tuple[str, ...], ...] = ROWS) -> Path:
    path.write_text("\n".join(["#version 2.4", *("\t".join(row) for row in (COLUMNS, *rows))]) + "\n")
    return path


@pytest.mark.parametrize("name", ["data_mutations.txt", "x.maf"])
def test_mutations_of_erbb2_in_a_maf_file(tmp_path, caplog, name):
    with caplog.at_level(logging.WARNING, logger="her2plastic"):
        found = io.read_alleles(maf(tmp_path / name))
    assert found[["sample_id", "variant", "build", "n_ref", "n_alt"]].to_numpy().tolist() == [
        ["P-1", "L755S", "GRCh37", 30, 12],
        ["P-2", "Y772_A775dup", "GRCh37", 60, 4],
    ]
    assert "1 mutations of ERBB2 are not looked for: p.R678Q" in caplog.text


@pytest.mark.parametrize("blank", ["", ".", "NA", None])
def test_mutations_whose_reads_were_not_counted_are_no_gaps(blank):
    """Joined studies have depths in some rows; a patient with a call would pass for one who was not looked at."""
    frame = pd.DataFrame([ROWS[0], ROWS[2], (*ROWS[2][:6], "P-4", *ROWS[2][7:])], columns=COLUMNS)
    frame["Tumor_Seq_Allele1"] = ["C", "-", "-"]
    frame.loc[[0, 1], ["t_ref_count", "t_alt_count"]] = blank
    found = io.read_alleles(frame)
    ref, alt = found.loc[1, ["ref", "alt"]]
    assert found["genotype"].tolist() == ["C/C", f"{ref}/{alt}", ""]
    assert found["status"].tolist() == ["ok"] * 3
    assert found["n_alt"].isna().tolist() == [True, True, False]


def test_maf_without_depths_and_without_what_is_looked_for(tmp_path):
    frame = pd.DataFrame(ROWS[:2], columns=COLUMNS).drop(columns=["t_ref_count", "t_alt_count"])
    assert io.read_alleles(frame)["genotype"].tolist() == ["T/C"]
    with pytest.raises(InputFileError, match="none of its 2 mutations is an allele of ERBB2"):
        io.read_alleles(maf(tmp_path / "x.maf", (ROWS[1], ROWS[3])))


@pytest.mark.parametrize(
    "word", ["ENST00000269571.5:c.2264T>C", "NM_004448.4:c.2264T>C", "ERBB2 p.L755S", "NP_004439.2:p.(Leu755Ser)"]
)
def test_names_with_the_transcript_that_numbers_them(word):
    table = pd.DataFrame({"sample_id": ["a"], "variant": [word], "n_ref": [9], "n_alt": [3]})
    assert io.read_alleles(table)["hgvs_c"].tolist() == ["c.2264T>C"]
    other = table.assign(variant="NM_001005862.3:c.2264T>C")  # another transcript, numbered otherwise
    with pytest.raises(SampleSheetError, match="no such allele"):
        io.read_alleles(other)


def test_builds_and_protein_changes_under_other_words():
    table = pd.DataFrame({"sample_id": ["a", "b"], "n_ref": [9, 8], "n_alt": [3, 2]})
    placed = table.assign(build=["hg19", "37"], pos=37880220, ref="T", alt="C")
    assert io.read_alleles(placed)[["variant", "build"]].drop_duplicates().to_numpy().tolist() == [["L755S", "GRCh37"]]
    assert io.read_alleles(table.assign(hgvs_p="p.Leu755Ser"))["variant"].tolist() == ["L755S", "L755S"]
