"""Sheets of files that would count twice, and variant files whose header or form is unusual."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pandas as pd
import pytest

from her2plastic import io
from her2plastic._errors import GenomeBuildError, InputFileError, ParameterError, SampleSheetError
from her2plastic.datasets import SimulatedAlleles


def vcf(path: Path, *, contig: str = "##contig=<ID=chr17,length=83257441>", chrom: str = "chr17") -> Path:
    lines = ["##fileformat=VCFv4.2", contig, '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tp1"]
    path.write_text("\n".join([*lines, f"{chrom}\t39727784\t.\tC\tG\t.\tPASS\t.\tGT\t0/1"]) + "\n")
    return path


# --- variant files ---
def test_a_variant_file_of_gzip(tmp_path: Path) -> None:
    (tmp_path / "b.vcf.gz").write_bytes(gzip.compress(vcf(tmp_path / "a.vcf").read_bytes()))
    with pytest.raises(InputFileError, match="compressed by gzip.*bgzip b.vcf"):
        io.read_alleles(tmp_path / "b.vcf.gz")


def test_the_accession_of_a_chromosome_tells_its_build(tmp_path: Path) -> None:
    path = vcf(tmp_path / "a.vcf", contig="##contig=<ID=NC_000017.11>", chrom="NC_000017.11")
    read = io.read_alleles(path).set_index("variant")
    assert [read[name]["P1170A"] for name in ("build", "genotype")] == ["GRCh38", "C/G"]
    with pytest.raises(GenomeBuildError, match="the file is of GRCh38"):
        io.read_alleles(path, build="GRCh37")


def test_records_that_lie_on_the_alleles_of_the_other_build(tmp_path: Path) -> None:
    path = vcf(tmp_path / "a.vcf", contig="##contig=<ID=chr17>")
    with pytest.raises(GenomeBuildError, match="build='GRCh37' was said, but .* GRCh38"):
        io.read_alleles(path, build="GRCh37")
    assert "C/G" in io.read_alleles(path, build="GRCh38")["genotype"].tolist()


# --- sheets ---
def test_files_of_a_sheet_that_would_count_twice(simulated: SimulatedAlleles, tmp_path: Path) -> None:
    twice = pd.concat([simulated.sheet.iloc[:1]] * 2)
    with pytest.raises(SampleSheetError, match="row 2: the same sample as row 1"):
        io.read_alleles(twice)
    for name in ("p1.day0.bam", "p1.day21.bam"):
        for ending in ("", ".bai"):
            shutil.copy(f"{simulated.sheet['path'].iloc[0]}{ending}", tmp_path / f"{name}{ending}")
    draws = pd.DataFrame({"path": [str(tmp_path / "p1.day0.bam"), str(tmp_path / "p1.day21.bam")], "donor_id": "p1"})
    with pytest.raises(SampleSheetError, match="sample_id"):
        io.read_alleles(draws)
    read = io.read_alleles(draws.assign(sample_id=["a", "b"]))
    assert read["sample_id"].unique().tolist() == ["a", "b"]


def test_barcodes_that_cannot_be_asked_for(simulated: SimulatedAlleles) -> None:
    path = simulated.sheet["path"].iloc[1]
    for barcodes, cell_tag, expected in (
        (["AAAC-1"], None, "cell_tag"), ([], "CB", "no barcode"), ("AAAC-1", "CB", "a list"),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=expected):
            io.read_alleles(path, cell_tag=cell_tag, barcodes=barcodes)
