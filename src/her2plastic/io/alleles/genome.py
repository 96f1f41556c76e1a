"""The reference genome that a user gives, checked against the alleles that are looked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from her2plastic._errors import GenomeBuildError, InputFileError, from_extra
from her2plastic.io.alleles.columns import POSITION_OF_BUILD
from her2plastic.io.alleles.genome_build import build_of

if TYPE_CHECKING:
    import pandas as pd


def open_genome(reference: str | Path, *, build: str, alleles: pd.DataFrame) -> tuple[Any, str]:
    """Return an open FASTA file and its name of chromosome 17; its bases are those that the alleles start from.

    Raises
    ------
    InputFileError
        The file, or its index, is not there or cannot be read.
    GenomeBuildError
        It is of another build, or of other bases.
    """
    path = Path(reference)
    pysam = from_extra("pysam", extra="clinical")
    if not path.is_file():
        raise InputFileError(f"{path}: no such reference genome. Give a FASTA file, plain or compressed by bgzip.")
    if not Path(f"{path}.fai").is_file():
        raise InputFileError(f"{path}: has no index. Make one: samtools faidx {path.name}")
    try:
        genome = pysam.FastaFile(str(path))
    except (OSError, ValueError) as fault:
        raise InputFileError(f"{path}: cannot be read as a FASTA file with its index: {fault}.") from fault
    lengths = dict(zip(genome.references, genome.lengths, strict=True))
    _, contig = build_of(path, lengths, said=build)
    check_bases(path, genome, contig, build=build, alleles=alleles)
    return genome, contig


def check_bases(path: Path, genome: Any, contig: str, *, build: str, alleles: pd.DataFrame) -> None:
    """Raise GenomeBuildError unless the genome has the reference bases of every allele."""
    rows = zip(alleles.index, alleles[POSITION_OF_BUILD[build]], alleles["ref"], strict=True)
    odd = []
    for name, pos, ref in rows:
        there = genome.fetch(contig, int(pos) - 1, int(pos) - 1 + len(ref)).upper()
        if there != ref:
            odd.append(f"{name} at {contig}:{pos} expects {ref}, there is {there or 'nothing'}")
    if odd:
        raise GenomeBuildError(
            f"{path}: {len(odd)} of {len(alleles)} reference bases differ ({'; '.join(odd[:3])}"
            f"{'; ...' if len(odd) > 3 else ''}). It is not {build}, is masked, or is another sequence."
        )
