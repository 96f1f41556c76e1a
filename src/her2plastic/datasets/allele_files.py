"""Simulated alleles as files: BAM with its index, VCF with its index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from her2plastic._errors import from_extra
from her2plastic.datasets.allele_donors import AlleleDonor
from her2plastic.datasets.allele_genome import LENGTHS
from her2plastic.datasets.allele_molecules import NamedRead


def write_alignment(path: Path, reads: Iterable[NamedRead], *, build: str, contig: str) -> None:
    """Write reads as a sorted BAM file with its index."""
    pysam = from_extra("pysam", extra="clinical")
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": contig, "LN": LENGTHS[build]}]}
    )
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for one in sorted(reads, key=lambda read: (read.read.start, read.name)):
            file.write(_segment(pysam, header, one))
    pysam.index(str(path))


def _segment(pysam: Any, header: Any, one: NamedRead) -> Any:
    segment = pysam.AlignedSegment(header)
    segment.query_name, segment.flag = one.name, one.flag
    segment.reference_id, segment.reference_start = 0, one.read.start
    segment.mapping_quality, segment.cigartuples = one.mapping_quality, one.read.cigar
    segment.query_sequence = "".join(one.read.bases)
    segment.query_qualities = pysam.qualitystring_to_array("".join(chr(33 + q) for q in one.read.qualities))
    if one.cell:
        segment.set_tag("CB", one.cell)
    if one.umi:
        segment.set_tag("UB", one.umi)
    return segment


def write_genotypes(
    path: Path, donors: Sequence[AlleleDonor], alleles: pd.DataFrame, *, build: str, contig: str, depth: float,
    rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Write the germline genotypes as a compressed VCF file with its index; return genotypes and depths as written."""
    pysam = from_extra("pysam", extra="clinical")
    header = pysam.VariantHeader()
    header.add_line(f"##contig=<ID={contig},length={LENGTHS[build]}>")
    for line in (
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depth of each allele">',
        '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality of the genotype">',
    ):
        header.add_line(line)
    for donor in donors:
        header.add_sample(donor.donor_id)
    truth = []
    with pysam.VariantFile(str(path), "wz", header=header) as file:
        for (pos, ref), rows in alleles.groupby([f"pos_{build.lower()}", "ref"], sort=True):
            start = int(str(pos)) - 1
            record = file.new_record(contig=contig, start=start, alleles=(ref, *rows["alt"]), filter="PASS")
            for donor in donors:
                carried = [name for name in rows.index for _ in range(donor.genotype(name))]
                numbers = sorted([0] * (2 - len(carried)) + [list(rows.index).index(name) + 1 for name in carried])
                depths = rng.multinomial(rng.poisson(depth), [numbers.count(k) / 2 for k in range(len(rows) + 1)])
                call = record.samples[donor.donor_id]
                call["GT"], call["AD"], call["GQ"] = tuple(numbers), tuple(map(int, depths)), 60
                for place, name in enumerate(rows.index, start=1):
                    truth.append((donor.donor_id, name, numbers.count(place), int(depths[0]), int(depths[place])))
            file.write(record)
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return pd.DataFrame(truth, columns=["donor_id", "hgvs_c", "copies", "n_ref", "n_alt"])
