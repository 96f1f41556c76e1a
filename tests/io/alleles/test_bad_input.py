from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pysam
import pytest

from her2plastic import io, reference
from her2plastic._errors import GenomeBuildError, Her2plasticError, InputFileError, ParameterError, SampleSheetError
from her2plastic.datasets import SimulatedAlleles
from her2plastic.datasets.allele_genome import LENGTHS


def bam(path: Path, contigs: dict[str, int], *, index: bool = True, reads: int = 1) -> Path:
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": name, "LN": size} for name, size in contigs.items()]}
    )
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for number in range(reads):
            read = pysam.AlignedSegment(header)
            read.query_name, read.reference_id, read.reference_start = f"r{number}", 0, 100
            read.query_sequence, read.cigartuples, read.mapping_quality = "A" * 50, [(0, 50)], 60
            file.write(read)
    if index:
        pysam.index(str(path))
    return path


def vcf(path: Path, records: list[str], *, header: list[str] | None = None, samples: str = "\tFORMAT\tp1") -> Path:
    lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += ['##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">', '##FILTER=<ID=weak,Description="Weak">']
    lines += [f"##contig=<ID=chr17,length={LENGTHS['GRCh38']}>"] if header is None else header
    lines.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO{samples}")
    path.write_text("\n".join([*lines, *records]) + "\n")
    return path


# --- alignments ---
@pytest.mark.parametrize(
    ("contigs", "expected"),
    [
        ({"chr17": 1000}, "1,000 bases long; expected 81,195,210 (GRCh37) or 83,257,441 (GRCh38)"),
        ({"chr1": 248_956_422}, "no chromosome 17"),
        ({"chr17": LENGTHS["GRCh38"], "17": LENGTHS["GRCh38"]}, "several sequences that may be chromosome 17"),
    ],
)
def test_genomes_that_are_not_known(contigs: dict[str, int], expected: str, tmp_path: Path) -> None:
    with pytest.raises(GenomeBuildError, match=re.escape(expected)):
        io.read_alleles(bam(tmp_path / "a.bam", contigs))


def test_a_build_that_is_not_the_files(tmp_path: Path) -> None:
    path = bam(tmp_path / "a.bam", {"17": LENGTHS["GRCh37"]})
    with pytest.raises(GenomeBuildError, match=r"build='GRCh38' was said, but the file is of GRCh37"):
        io.read_alleles(path, build="GRCh38")
    assert set(io.read_alleles(path)["build"]) == {"GRCh37"}


def test_without_an_index(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="has no index.*samtools index a.bam"):
        io.read_alleles(bam(tmp_path / "a.bam", {"chr17": LENGTHS["GRCh38"]}, index=False))


def test_cut_short(simulated: SimulatedAlleles, tmp_path: Path) -> None:
    source = Path(simulated.sheet["path"].iloc[0])
    whole = source.read_bytes()
    for share in (0.3, 0.9):
        path = tmp_path / f"{share}.bam"
        path.write_bytes(whole[: int(len(whole) * share)])
        shutil.copy(f"{source}.bai", f"{path}.bai")
        with pytest.raises(InputFileError, match="cut short"):
            io.read_alleles(path)


@pytest.mark.parametrize("name", ["a.bam", "a.cram", "a.vcf", "a.vcf.gz", "a.bcf"])
@pytest.mark.parametrize("content", [b"", b"not what it says\n" * 20, b"\x1f\x8b\x08\x00rubbish"])
def test_files_that_are_something_else(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=name):
        io.read_alleles(path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for name in ("a.bam", "a.vcf.gz", "a.csv"):
        with pytest.raises(InputFileError, match="Check the path"):
            io.read_alleles(tmp_path / name)
    with pytest.raises(InputFileError, match="its ending is not known"):
        io.read_alleles(tmp_path / "a.xlsx")


# --- the reference genome ---
def test_a_genome_of_another_build(simulated: SimulatedAlleles, tmp_path: Path) -> None:
    path = bam(tmp_path / "a.bam", {"17": LENGTHS["GRCh37"]})
    with pytest.raises(GenomeBuildError, match="the file is of GRCh38"):
        io.read_alleles(path, genome=simulated.genome)


def test_a_genome_with_other_bases(simulated: SimulatedAlleles) -> None:
    moved = reference.erbb2_variants()
    moved["pos_grch38"] += 1
    with pytest.raises(GenomeBuildError, match=r"reference bases differ \(.*expects"):
        io.read_alleles(simulated.sheet["path"].iloc[0], genome=simulated.genome, variants=moved)


def test_a_genome_without_index_or_file(simulated: SimulatedAlleles, tmp_path: Path) -> None:
    path = simulated.sheet["path"].iloc[0]
    bare = tmp_path / "bare.fa"
    bare.write_text(">chr17\nACGT\n")
    with pytest.raises(InputFileError, match="samtools faidx bare.fa"):
        io.read_alleles(path, genome=bare)
    with pytest.raises(InputFileError, match="no such reference genome"):
        io.read_alleles(path, genome=tmp_path / "nothing.fa")


# --- variant files ---
def test_reference_base_of_another_build(tmp_path: Path) -> None:
    path = vcf(tmp_path / "a.vcf", ["chr17\t39727784\t.\tG\tC\t.\tPASS\t.\tGT\t0/1"])
    with pytest.raises(GenomeBuildError, match=r"reference base G, GRCh38 has C \(P1170A\)"):
        io.read_alleles(path)


def test_nothing_tells_the_build(tmp_path: Path) -> None:
    record = ["17\t37884037\t.\tC\tG\t.\tPASS\t.\tGT\t0/1"]
    with pytest.raises(GenomeBuildError, match="Say build="):
        io.read_alleles(vcf(tmp_path / "a.vcf", record, header=[]))
    read = io.read_alleles(vcf(tmp_path / "b.vcf", record, header=[]), build="GRCh37")
    assert read.set_index("variant").loc["P1170A", "genotype"] == "C/G"
    words = vcf(tmp_path / "c.vcf", record, header=["##reference=file:///data/hg19/hs37d5.fa"])
    assert set(io.read_alleles(words)["build"]) == {"GRCh37"}
    both = vcf(tmp_path / "d.vcf", record, header=["##reference=hg19.fa", "##assembly=GRCh38"])
    with pytest.raises(GenomeBuildError, match="names both"):
        io.read_alleles(both)


def test_a_site_that_is_not_in_the_file_is_not_the_reference(tmp_path: Path) -> None:
    read = io.read_alleles(vcf(tmp_path / "a.vcf", ["chr17\t39727784\t.\tC\tG\t.\tPASS\t.\tGT:AD\t0/1:5,6"]))
    rows = read.set_index("variant")
    assert [rows[name]["P1170A"] for name in ("genotype", "n_ref", "n_alt", "status")] == ["C/G", 5, 6, "ok"]
    assert rows.loc["I655V", "genotype"] == ""
    assert rows.loc["I655V", "status"] == "not in the file"


@pytest.mark.parametrize(
    ("record", "genotype", "status"),
    [
        ("39727784\t.\tC\tG\t.\tPASS\t.\tGT\t./.", "", "not covered"),
        ("39727784\t.\tC\tG\t.\tPASS\t.\tGT\t./1", "", "not covered"),
        ("39727784\t.\tC\tG\t.\tweak\t.\tGT\t0/1", "C/G", "failed the filter weak"),
        ("39727784\t.\tC\tT,G\t.\tPASS\t.\tGT\t1/2", "G/T", "ok"),
        ("39727784\t.\tC\tG\t.\tPASS\t.\tGT\t1|0", "C/G", "ok"),
        ("39727783\t.\tNCN\tNGN\t.\tPASS\t.\tGT\t1/1", "G/G", "ok"),
        ("39727784\t.\tC\tG\t.\tPASS\t.\tAD\t90,10", "", "ok"),
        ("39727780\t.\tN\t<NON_REF>\t.\tPASS\tEND=39727790\tGT\t0/0", "C/C", "ok"),
    ],
)
def test_records_of_every_kind(record: str, genotype: str, status: str, tmp_path: Path) -> None:
    contig = f"##contig=<ID=chr17,length={LENGTHS['GRCh38']}>"
    header = [contig, '##INFO=<ID=END,Number=1,Type=Integer,Description="End">']
    read = io.read_alleles(vcf(tmp_path / "a.vcf", [f"chr17\t{record}"], header=header)).set_index("variant")
    assert [read[name]["P1170A"] for name in ("genotype", "status")] == [genotype, status]


def test_indels_of_a_variant_file_in_any_spelling(simulated: SimulatedAlleles, tmp_path: Path) -> None:
    allele = reference.erbb2_variants().loc["c.2313_2324dup"]
    last = int(allele["pos_grch38"]) + 12  # the same twelve bases, written behind themselves
    record = f"chr17\t{last}\t.\tG\tGGCATACGTGATG\t.\tPASS\t.\tGT:AD\t0/1:9,4"
    for genome, genotype in ((simulated.genome, "A/AGCATACGTGATG"), (None, "")):
        read = io.read_alleles(vcf(tmp_path / "a.vcf", [record]), genome=genome).set_index("hgvs_c")
        assert read.loc["c.2313_2324dup", "genotype"] == genotype


def test_a_variant_file_without_samples(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="holds no samples"):
        io.read_alleles(vcf(tmp_path / "a.vcf", ["chr17\t39727784\t.\tC\tG\t.\tPASS\t."], samples=""))


# --- tables ---
BASE = {"donor_id": "p1", "variant": "P1170A", "n_ref": 3, "n_alt": 4}


@pytest.mark.parametrize(
    ("change", "error", "expected"),
    [
        ({"n_alt": -1}, SampleSheetError, "n_alt -1; expected a whole number of at least 0"),
        ({"n_alt": "3.5"}, SampleSheetError, "n_alt '3.5'"),
        ({"n_alt": "many"}, SampleSheetError, "n_alt 'many'"),
        ({"n_alt": "inf"}, SampleSheetError, "n_alt 'inf'"),
        ({"variant": "P1170X"}, SampleSheetError, "no such allele among the 24"),
        ({"variant": "V777L"}, SampleSheetError, "may be c.2329G>C or c.2329G>T; say which in hgvs_c"),
        ({"genotype": "het"}, SampleSheetError, "expected two bases such as C/G"),
        ({"genotype": "Pro/Ala"}, SampleSheetError, "expected two bases such as C/G"),
        ({"genotype": "C/T"}, SampleSheetError, "expected the bases C and G"),
        ({"material": "blood"}, SampleSheetError, "material 'blood'; expected one of leukocytes"),
        ({"draw_day": "2024-03-01"}, SampleSheetError, "expected days since the donor's day 0"),
        ({"draw_day": "45352"}, SampleSheetError, "expected days since the donor's day 0"),
        ({"build": "hg18"}, GenomeBuildError, "build 'hg18'; expected one of GRCh37, GRCh38"),
        ({"pos": 37884037, "build": "GRCh38"}, GenomeBuildError, "in GRCh38 it is at 39727784"),
        ({"variant": None, "pos": 37884037}, GenomeBuildError, "without a build"),
    ],
)  # fmt: skip
def test_faulty_rows(change: dict[str, Any], error: type[Her2plasticError], expected: str) -> None:
    with pytest.raises(error, match=re.escape(expected)) as caught:
        io.read_alleles(pd.DataFrame([BASE | {"donor_id": "p0"}, BASE | change]))
    assert "row 2" in str(caught.value)


def test_every_fault_of_a_file_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("donor_id;variant;n_ref;n_alt\np1;P1170A;1;2\np2;?;1;2\n\np3;P1170A;x;2\n", encoding="utf-8-sig")
    with pytest.raises(SampleSheetError) as caught:
        io.read_alleles(path)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["line 3", "line 5"]


def test_columns_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="expected donor_id, sample_id or cell_id"):
        io.read_alleles(pd.DataFrame([{"variant": "P1170A", "n_ref": 1, "n_alt": 1}]))
    with pytest.raises(InputFileError, match="n_ref and n_alt, or genotype"):
        io.read_alleles(pd.DataFrame([{"donor_id": "a", "variant": "P1170A"}]))
    with pytest.raises(InputFileError, match="no rows"):
        io.read_alleles(pd.DataFrame(columns=list(BASE)))


@pytest.mark.parametrize(
    "name", ["P1170A", "p.Pro1170Ala", "p.(Pro1170Ala)", "c.3508C>G", "ERBB2 P1170A", "rs1058808", "p1170a"]
)
def test_names_of_one_allele(name: str) -> None:
    assert io.read_alleles(pd.DataFrame([BASE | {"variant": name}]))["hgvs_c"].tolist() == ["c.3508C>G"]


def test_every_faulty_file_of_a_sheet_is_told(simulated: SimulatedAlleles, tmp_path: Path) -> None:
    sheet = simulated.sheet.head(2).copy()
    sheet.loc[2] = {**sheet.iloc[0].to_dict(), "path": str(tmp_path / "nothing.bam")}
    sheet.loc[3] = {**sheet.iloc[0].to_dict(), "material": "blood"}
    with pytest.raises(SampleSheetError, match="2 of 4 files cannot be read") as caught:
        io.read_alleles(sheet)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["row 3", "row 4"]


def test_a_sheet_as_a_file_with_days_left_empty(simulated: SimulatedAlleles) -> None:
    """Leukocytes need no day; paths start in the folder of the sheet."""
    read = io.read_alleles(simulated.genome.parent / "alleles.csv", genome=simulated.genome)
    pd.testing.assert_frame_equal(read, io.read_alleles(simulated.sheet, genome=simulated.genome))
    assert read.loc[read["material"] == "leukocytes", "draw_day"].isna().all()
    with pytest.raises(SampleSheetError, match="draw_day='2024-01-01': expected days since"):
        io.read_alleles(simulated.sheet.assign(draw_day="2024-01-01"))


def test_a_sheet_that_names_itself(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,donor_id\na.csv,p1\n")
    with pytest.raises(SampleSheetError, match="a.csv: is a table; expected an alignment or a variant file"):
        io.read_alleles(tmp_path / "a.csv")


def test_tags_that_no_read_has(simulated: SimulatedAlleles) -> None:
    blood, ctcs = simulated.sheet["path"].iloc[:2]
    with pytest.raises(InputFileError, match="none of .* reads over the alleles has the tag 'CB'"):
        io.read_alleles(blood, cell_tag="CB", umi_tag="UB")
    with pytest.raises(InputFileError, match="has the tag 'XX'"):
        io.read_alleles(ctcs, cell_tag="CB", umi_tag="XX")
    with pytest.raises(ParameterError, match="a tag of two characters"):
        io.read_alleles(ctcs, cell_tag="CBX")


def test_rows_that_would_count_twice_or_for_nobody() -> None:
    with pytest.raises(SampleSheetError, match="row 2: the same sample and allele as row 1"):
        io.read_alleles(pd.DataFrame([BASE, BASE]))
    with pytest.raises(SampleSheetError, match="are all empty"):
        io.read_alleles(pd.DataFrame([BASE | {"donor_id": " "}]))
    cell = io.read_alleles(pd.DataFrame([{"cell_id": "c1", "variant": "P1170A", "n_ref": 1, "n_alt": 1}]))
    assert cell["donor_id"].tolist() == ["c1"]  # cells of nobody known are not taken for those of one donor


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"draw_day": "2024-03-01"}, "not a date"),
        ({"build": "hg19"}, "GRCh37"),
        ({"material": "blood"}, "leukocytes"),
        ({"min_base_quality": -1}, "min_base_quality"),
        ({"variants": pd.DataFrame({"variant": ["a"]})}, "pos_grch37"),
        ({"variants": reference.erbb2_variants().assign(alt="CT")}, "expected single bases, or an insertion"),
    ],
)
def test_parameters_out_of_range(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(ParameterError, match=expected):
        io.read_alleles(pd.DataFrame([BASE]), **given)
