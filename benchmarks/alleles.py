"""io.read_alleles: reads over ERBB2 per second on one core, and how much of a BAM file is read.

The file holds reads of 10x kind (cell barcodes, UMIs) over ERBB2, and many more elsewhere on chromosome 17. It is
compared with a pile-up of the same alleles by pysam, cell by cell and molecule by molecule.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from measuring import MB, in_turn, measure, median, say, spread, table

from her2plastic import io, reference
from her2plastic.datasets.allele_genome import LENGTHS, gene_bases, write_genome

READS, ELSEWHERE, CELLS, LENGTH = 200_000, 400_000, 500, 90
ERBB2 = (39_687_914, 39_730_426)
ROUNDS = 3


def make(folder: Path, *, over: str) -> None:
    """Write a genome and an alignment whose reads over ERBB2 lie anywhere, or all on an allele."""
    rng = np.random.default_rng(0)
    start, bases = gene_bases("GRCh38", seed=0)
    if not (folder / "chr17.fa.gz").exists():
        write_genome(folder / "chr17.fa.gz", build="GRCh38", contig="chr17", start=start, bases=bases)
    if over == "gene":
        starts = rng.integers(*ERBB2, READS)
    else:
        sites = reference.erbb2_variants()["pos_grch38"].to_numpy()
        starts = rng.choice(sites, READS) - rng.integers(1, LENGTH, READS)
    elsewhere = np.concatenate([rng.integers(1_000_000, 39_000_000, ELSEWHERE // 2),
                                rng.integers(41_000_000, 80_000_000, ELSEWHERE - ELSEWHERE // 2)])  # fmt: skip
    barcodes = ["".join(rng.choice(list("ACGT"), 16)) + "-1" for _ in range(CELLS)]
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr17", "LN": LENGTHS["GRCh38"]}]}
    )
    quality = pysam.qualitystring_to_array("F" * LENGTH)
    random_bases = "".join(rng.choice(list("ACGT"), 5000))
    with pysam.AlignmentFile(str(folder / f"{over}.bam"), "wb", header=header) as file:
        for number, at in enumerate(np.sort(np.concatenate([starts, elsewhere])).tolist()):
            read = pysam.AlignedSegment(header)
            read.query_name, read.flag, read.reference_id, read.mapping_quality = (
                f"r{number}",
                16 * (number % 2),
                0,
                255,
            )
            read.reference_start, read.cigartuples = at, [(0, LENGTH)]
            inside = start <= at < start + len(bases) - LENGTH
            place = at - start if inside else number % 4900
            read.query_sequence = (bases if inside else random_bases)[place : place + LENGTH]
            read.query_qualities = quality
            read.set_tag("CB", barcodes[number % CELLS])
            read.set_tag("UB", f"{rng.integers(4**6):012d}")
            file.write(read)
    pysam.index(str(folder / f"{over}.bam"))


def _bytes_read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))


def _pile_up(path: Path) -> dict[Any, Counter[str]]:
    """Count the single-base alleles by pile-up; the UMIs of a cell are collapsed by majority."""
    found: dict[Any, Counter[str]] = {}
    sites = sorted(set(reference.erbb2_variants()["pos_grch38"]))
    with pysam.AlignmentFile(str(path)) as file:
        for site in sites:
            columns = file.pileup("chr17", site - 1, site, truncate=True, min_base_quality=20, max_depth=10**8,
                                  stepper="nofilter")  # fmt: skip
            for column in columns:
                votes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
                for one in column.pileups:
                    if one.query_position is None:
                        continue
                    read = one.alignment
                    votes[read.get_tag("CB"), read.get_tag("UB")][read.query_sequence[one.query_position]] += 1
                for (cell, _), words in votes.items():
                    found.setdefault((cell, site), Counter())[words.most_common(1)[0][0]] += 1
    return found


def work(folder: Path, over: str, how: str) -> None:
    """Read once, and say what it took."""
    path = folder / f"{over}.bam"
    io.read_alleles(reference.erbb2_variants().reset_index().head(1).assign(donor_id="a", n_ref=1, n_alt=0)[
        ["donor_id", "hgvs_c", "n_ref", "n_alt"]])  # fmt: skip
    with pysam.AlignmentFile(str(path)) as file:
        reads = sum(1 for _ in file.fetch("chr17", *ERBB2))
    before, started = _bytes_read(), time.process_time()
    if how == "pile-up":
        _, figures = measure(lambda: _pile_up(path))
        counted = reads
    else:
        table, figures = measure(
            lambda: io.read_alleles(path, genome=folder / "chr17.fa.gz", cell_tag="CB", umi_tag="UB")
        )
        counted = table.attrs["reads"]["counted or left out"]
    say(
        **figures,
        cpu=time.process_time() - started,
        reads=reads,
        counted=counted,
        bytes=_bytes_read() - before,
        size=path.stat().st_size,
    )


def main() -> None:
    """Print the table, or do the work of one process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", nargs=3)
    given = parser.parse_args().work
    if given:
        work(Path(given[0]), given[1], given[2])
        return
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), []
        for over in ("gene", "alleles"):
            make(folder, over=over)
            commands = {
                how: [sys.executable, __file__, "--work", name, over, how] for how in ("read_alleles", "pile-up")
            }
            for how, said in in_turn(commands, rounds=ROUNDS).items():
                first, seconds = said[0], median(said, "cpu")
                rows.append([
                    "all over the gene" if over == "gene" else "all on an allele", how, f"{first['reads']:,}",
                    f"{seconds:.2f} s ({spread(said, 'cpu')})", f"{median(said):.2f} s",
                    f"{first['reads'] / seconds:,.0f}",
                    f"{first['counted'] / seconds:,.0f}", f"{first['bytes'] / MB:.2f} of {first['size'] / MB:.1f} MB",
                ])  # fmt: skip
    print("## Alleles: `io.read_alleles`\n")
    print(f"{READS:,} reads of {LENGTH} bases over ERBB2 ({CELLS} cells, UMIs), {ELSEWHERE:,} elsewhere.\n")
    print(table(["reads lie", "", "reads", "processor time", "by the clock", "reads over ERBB2 per second",
                 "of those looked at", "read from the file"], rows))  # fmt: skip


if __name__ == "__main__":
    main()
