from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pysam.bcftools
import pytest

from her2plastic import datasets, io, reference
from her2plastic.datasets import SimulatedAlleles
from her2plastic.datasets.allele_genome import LENGTHS

COUNTS = ["n_ref", "n_alt", "n_other", "n_conflicting"]
WHO = ["sample_id", "cell_id", "hgvs_c"]


def differing(truth: pd.DataFrame, read: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose counts are not the same in both, none of them left out."""
    seen = [table[table[COUNTS].sum(axis=1) > 0] for table in (truth, read)]
    both = seen[0].merge(seen[1], on=WHO, how="outer", suffixes=("", "_read")).fillna(-1)
    first = both[COUNTS].to_numpy(dtype=float)
    second = both[[f"{name}_read" for name in COUNTS]].to_numpy(dtype=float)
    return both[(first != second).any(axis=1)]


def test_counts_of_a_cohort_equal_the_truth(simulated: SimulatedAlleles) -> None:
    read = io.read_alleles(simulated.sheet, genome=simulated.genome)
    assert differing(simulated.counts, read).empty
    seen = simulated.counts[COUNTS].sum()
    assert (
        seen["n_alt"] > 100 and seen["n_conflicting"] > 20 and seen["n_other"] > 20
    )  # there was something to get wrong
    assert read["n_alt_forward"].le(read["n_alt"]).all()
    assert set(read["build"]) == {"GRCh38"}
    assert set(read["material"]) == {"leukocytes", "CTC"}


@pytest.mark.parametrize("molecules", [0, 1, 4, 300])
def test_counts_are_exact_at_every_depth(molecules: int, tmp_path: Path) -> None:
    simulated = datasets.simulate_alleles(
        tmp_path, n_donors=1, n_cells=2, molecules_per_cell=molecules, leukocyte_fragments=molecules * 2,
        mutated_share=1, seed=molecules,
    )  # fmt: skip
    read = io.read_alleles(simulated.sheet, genome=simulated.genome)
    assert differing(simulated.counts, read).empty
    bulk = read[read["material"] == "leukocytes"]
    assert len(bulk) == len(reference.erbb2_variants())  # an allele that nothing covers has a row that says so
    assert set(bulk.loc[bulk[COUNTS].sum(axis=1) == 0, "status"]) <= {"not covered"}


@pytest.mark.parametrize("allele", ["c.2264_2278del", "c.2313_2324dup"])
def test_indels_are_counted_wherever_the_aligner_wrote_them(allele: str, tmp_path: Path) -> None:
    found = 0
    for seed in range(30):
        simulated = datasets.simulate_alleles(
            tmp_path / str(seed), n_donors=1, n_cells=1, molecules_per_cell=0, leukocyte_fragments=0, mutated_share=1,
            seed=seed,
        )  # fmt: skip
        if simulated.donors[0].somatic == allele:
            found = seed
            break
    assert simulated.donors[0].somatic == allele
    simulated = datasets.simulate_alleles(
        tmp_path / "deep", n_donors=1, n_cells=4, molecules_per_cell=400, leukocyte_fragments=0, mutated_share=1,
        mutated_cells=1, seed=found,
    )  # fmt: skip
    sample = simulated.sheet[simulated.sheet["material"] == "CTC"]
    read = io.read_alleles(sample, genome=simulated.genome)
    assert differing(simulated.counts, read).empty
    assert read.loc[read["hgvs_c"] == allele, "n_alt"].sum() > 20
    written = {
        (read.reference_start, str(read.cigarstring))
        for read in pysam.AlignmentFile(sample["path"].iloc[0])
        if "I" in str(read.cigarstring) or "D" in str(read.cigarstring)
    }
    places = {start + int(cigar.split("M")[0]) for start, cigar in written if "S" not in cigar}
    assert len(places) > 1  # the same indel stands at several places of the file


def test_without_the_genome_indels_are_not_told(simulated: SimulatedAlleles) -> None:
    path = simulated.sheet["path"].iloc[0]
    read = io.read_alleles(path, sample_id=simulated.sheet["sample_id"].iloc[0])
    indel = read["ref"].str.len() != read["alt"].str.len()
    assert set(read.loc[indel, "status"]) == {"needs the reference genome"}
    assert not read.loc[indel, COUNTS].any(axis=None)
    single = simulated.counts[~simulated.counts["hgvs_c"].isin(read.loc[indel, "hgvs_c"])]
    own = single[single["sample_id"] == read["sample_id"].iloc[0]]
    assert differing(own, read).empty


def test_pile_up_of_htslib_agrees(simulated: SimulatedAlleles) -> None:
    """Fragments without UMIs, counted by another program."""
    path = simulated.sheet["path"].iloc[0]
    read = io.read_alleles(path, sample_id="x").set_index("hgvs_c")
    single = read[read["ref"].str.len().eq(1) & read["alt"].str.len().eq(1)]
    with pysam.AlignmentFile(path) as file:
        for row in single.to_dict("records"):
            said: dict[str, set[str]] = {}
            for column in file.pileup(
                "chr17", row["pos"] - 1, row["pos"], truncate=True, min_base_quality=20,
                stepper="all", ignore_overlaps=False, max_depth=100_000,
            ):  # fmt: skip
                for one in column.pileups:
                    if one.query_position is not None and one.alignment.mapping_quality >= 20:
                        base = str(one.alignment.query_sequence)[one.query_position]
                        said.setdefault(str(one.alignment.query_name), set()).add(base)
            assert sum(bases == {row["ref"]} for bases in said.values()) == row["n_ref"]
            assert sum(bases == {row["alt"]} for bases in said.values()) == row["n_alt"]
            assert sum(len(bases) > 1 for bases in said.values()) == row["n_conflicting"]


def test_table_is_spelled_as_bcftools_spells_it(simulated: SimulatedAlleles, tmp_path: Path) -> None:
    alleles = reference.erbb2_variants()
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID=chr17,length={LENGTHS['GRCh38']}>"]
    lines += ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"])]
    for name, row in alleles.sort_values("pos_grch38").iterrows():
        lines.append("\t".join(["chr17", str(row["pos_grch38"]), str(name), row["ref"], row["alt"], ".", ".", "."]))
    path = tmp_path / "table.vcf"
    path.write_text("\n".join(lines) + "\n")
    normed = pysam.bcftools.norm("-f", str(simulated.genome), "-c", "e", str(path))
    found = [line.split("\t")[1:5] for line in normed.splitlines() if not line.startswith("#")]
    assert {name: (int(pos), ref, alt) for pos, name, ref, alt in found} == {
        str(name): (row["pos_grch38"], row["ref"], row["alt"]) for name, row in alleles.iterrows()
    }


def test_only_the_stretch_around_the_alleles_is_read(tmp_path: Path) -> None:
    if not Path("/proc/self/io").is_file():
        pytest.skip("the bytes that a process reads are told by /proc on Linux only")
    rng = np.random.default_rng(0)
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr17", "LN": LENGTHS["GRCh38"]}]}
    )
    site = int(reference.erbb2_variants().loc["c.2264T>C", "pos_grch38"]) - 1
    starts = np.sort(np.concatenate([rng.integers(1_000_000, 80_000_000, 12_000), np.full(200, site - 500)]))
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    path = tmp_path / "large.bam"
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for number, start in enumerate(starts.tolist()):
            read = pysam.AlignedSegment(header)
            read.query_name, read.reference_id, read.reference_start = f"r{number}", 0, start
            read.mapping_quality, read.cigartuples = 60, [(0, 1000)]
            read.query_sequence = letters[rng.integers(0, 4, 1000)].tobytes().decode()
            read.query_qualities = array("B", rng.integers(20, 41, 1000, dtype=np.uint8).tobytes())
            file.write(read)
    pysam.index(str(path))
    before = _bytes_read()
    counted = io.read_alleles(path, sample_id="s")
    size = path.stat().st_size
    assert size > 1e7
    assert _bytes_read() - before < 0.12 * size
    assert counted.loc[counted["hgvs_c"] == "c.2264T>C", COUNTS].to_numpy().sum() == 200
    assert counted.attrs["reads"]["counted or left out"] < 1000


def _bytes_read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def test_barcodes_asked_for_are_the_only_ones(simulated: SimulatedAlleles) -> None:
    row = simulated.sheet[simulated.sheet["material"] == "CTC"].iloc[0]
    cells = simulated.counts.loc[simulated.counts["sample_id"] == row["sample_id"], "cell_id"].unique()[:2]
    wanted = [str(cell).split(":")[1] for cell in cells]
    read = io.read_alleles(row["path"], genome=simulated.genome, sample_id=row["sample_id"], cell_tag="CB",
                           umi_tag="UB", barcodes=wanted)  # fmt: skip
    assert set(read["cell_id"]) == set(cells)
    assert differing(simulated.counts[simulated.counts["cell_id"].isin(cells)], read).empty
    assert read.attrs["reads"]["barcode not asked for"] > 0


def test_the_other_build_and_the_other_name_are_recognised(tmp_path: Path) -> None:
    simulated = datasets.simulate_alleles(
        tmp_path, n_donors=1, n_cells=1, molecules_per_cell=30, leukocyte_fragments=60, build="GRCh37", contig="17"
    )
    read = io.read_alleles(simulated.sheet, genome=simulated.genome)
    assert set(read["build"]) == {"GRCh37"}
    assert differing(simulated.counts, read).empty
    germline = io.read_alleles(simulated.genotypes)
    assert set(germline["build"]) == {"GRCh37"}


def test_genotypes_of_the_variant_file_equal_the_truth(simulated: SimulatedAlleles) -> None:
    read = io.read_alleles(simulated.genotypes, genome=simulated.genome, material="germline DNA")
    both = simulated.germline.merge(read, on=["donor_id", "hgvs_c"], how="outer", suffixes=("_true", ""))
    assert (both["n_ref"] == both["n_ref_true"]).all()
    assert (both["n_alt"] == both["n_alt_true"]).all()
    copies = [
        sum(base == alt for base in bases.split("/")) for bases, alt in zip(both["genotype"], both["alt"], strict=True)
    ]
    assert copies == both["copies"].tolist()
    assert set(read["status"]) == {"ok"}


def test_a_cram_file_gives_the_same(simulated: SimulatedAlleles, tmp_path: Path) -> None:
    row = simulated.sheet.iloc[0]
    cram = tmp_path / "same.cram"
    with pysam.AlignmentFile(row["path"]) as source, pysam.AlignmentFile(
        str(cram), "wc", template=source, reference_filename=str(simulated.genome)
    ) as target:  # fmt: skip
        for read in source:
            target.write(read)
    pysam.index(str(cram))
    first, second = (io.read_alleles(path, genome=simulated.genome, sample_id="s") for path in (row["path"], cram))
    pd.testing.assert_frame_equal(first, second)


def test_a_table_written_is_a_table_read(simulated: SimulatedAlleles, tmp_path: Path) -> None:
    first = io.read_alleles(simulated.sheet, genome=simulated.genome)
    first.to_csv(tmp_path / "counts.csv", index=False)
    second = io.read_alleles(tmp_path / "counts.csv")
    pd.testing.assert_frame_equal(first, second, check_dtype=False)
