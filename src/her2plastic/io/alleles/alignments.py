"""Allele counts out of BAM and CRAM files: only the stretches around the alleles are read, by the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from her2plastic._errors import Her2plasticError, InputFileError, from_extra
from her2plastic.io.alleles.columns import (
    NEEDS_REFERENCE,
    NOT_COVERED,
    SEEN,
    STATUS,
    allele_columns,
    is_indel,
)
from her2plastic.io.alleles.genome import open_genome
from her2plastic.io.alleles.genome_build import build_of
from her2plastic.io.alleles.read_bases import GAP, WITH, WITHOUT, bases_of, indel_said
from her2plastic.io.alleles.sites import Window, windows_of

if TYPE_CHECKING:
    import pandas as pd

# unmapped, secondary, failed, supplementary
_LEFT_OUT: Final = 0x4 | 0x100 | 0x200 | 0x800
_DUPLICATE, _REVERSE, _QUALITY_UNKNOWN = 0x400, 0x10, 255


@dataclass(frozen=True)
class Reading:
    """How reads are counted.

    Attributes
    ----------
    cell_tag, umi_tag
        Tags of the cell and of the molecule; None where reads have none.
    barcodes
        Cells to count; None for all.
    min_base_quality, min_mapping_quality
        Reads and bases below are left out. A mapping quality of 255 is unknown, and counts.
    """

    cell_tag: str | None
    umi_tag: str | None
    barcodes: frozenset[str] | None
    min_base_quality: int
    min_mapping_quality: int


@dataclass
class Votes:
    """What the reads of each molecule say at each place: ``votes[place][cell, molecule]`` counts words."""

    at: dict[Any, dict[tuple[str, str], list[tuple[str, bool]]]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    reads: int = 0


def count_alignments(
    path: Path, alleles: pd.DataFrame, *, build: str, genome: str | Path | None, reading: Reading
) -> pd.DataFrame:
    """Return allele counts of a BAM or CRAM file, a row per allele (and per cell that covers it)."""
    with opened(path, genome) as file:
        lengths = dict(zip(file.references, file.lengths, strict=True))
        build, contig = build_of(path, lengths, said=build, words=str(file.header))
        fasta, its_contig = (None, contig) if genome is None else open_genome(genome, build=build, alleles=alleles)
        try:
            windows, untold = windows_of(alleles, build, fasta, its_contig)
        finally:
            if fasta is not None:
                fasta.close()
        votes = Votes()
        for window in windows:
            _gather(path, file, contig, window, reading, votes)
    table = _counted(alleles, build, votes, untold, by_cell=reading.cell_tag is not None)
    table.attrs["reads"] = {"counted or left out": votes.reads, **dict(votes.left_out)}
    return table


@contextmanager
def opened(path: Path, genome: str | Path | None) -> Iterator[Any]:
    """Open an alignment file with its index, or say what is wrong with it."""
    pysam = from_extra("pysam", extra="clinical")
    if not path.is_file():
        raise InputFileError(f"{path}: no such file. Check the path.")
    loudness = pysam.set_verbosity(0)  # its complaints come as errors below
    try:
        with pysam.AlignmentFile(
            str(path), reference_filename=None if genome is None else str(genome), require_index=False
        ) as file:
            if not file.has_index():
                raise InputFileError(
                    f"{path}: has no index, and without it the whole file would have to be read. "
                    f"Make one: samtools index {path.name}"
                )
            yield file
    except (OSError, ValueError) as fault:
        if isinstance(fault, Her2plasticError):
            raise
        raise InputFileError(
            f"{path}: cannot be read as an alignment ({fault}). It may be cut short, or not sorted: copy it again, or "
            "sort and index it with samtools."
        ) from fault
    finally:
        pysam.set_verbosity(loudness)


def _gather(path: Path, file: Any, contig: str, window: Window, reading: Reading, votes: Votes) -> None:
    """Add what the reads over one stretch say."""
    places, indels = window.bases, window.indels
    for read in file.fetch(contig, window.first, window.last + 1):
        votes.reads += 1
        flag = read.flag
        if flag & _LEFT_OUT or (flag & _DUPLICATE and reading.umi_tag is None):
            votes.left_out["duplicate, secondary or failed"] += 1
            continue
        if read.mapping_quality < reading.min_mapping_quality:
            votes.left_out["mapping quality"] += 1
            continue
        cigar, start = read.cigartuples, read.reference_start
        if not cigar:
            continue
        said = _said(read, start, cigar, places, indels, reading.min_base_quality)
        if not said:
            continue
        molecule = _molecule(read, reading, votes)
        if molecule is None:
            continue
        reverse = bool(flag & _REVERSE)
        for place, word in said:
            votes.at.setdefault(place, {}).setdefault(molecule, []).append((word, reverse))


def _said(
    read: Any, start: int, cigar: Any, places: list[int], indels: list[Any], min_quality: int
) -> list[tuple[Any, str]]:
    found: list[tuple[Any, str]] = []
    sequence, qualities = None, None
    for place, at in bases_of(read, start, cigar, places):
        if at < 0:
            found.append((place, GAP))
            continue
        if sequence is None:
            sequence, qualities = read.query_sequence, read.query_qualities
            if sequence is None:
                return []
        if sequence[at] != "N" and (qualities is None or qualities[at] >= min_quality):
            found.append((place, sequence[at]))
    for indel in indels:
        if indel.pos < start:
            continue
        sequence = read.query_sequence if sequence is None else sequence
        told = None if sequence is None else indel_said(start, cigar, sequence, indel)
        if told is None:
            continue
        qualities = read.query_qualities if qualities is None else qualities
        if qualities is None or qualities[told[1]] >= min_quality:
            found.append((("indel", indel.allele), told[0]))
    return found


def _molecule(read: Any, reading: Reading, votes: Votes) -> tuple[str, str] | None:
    """Return cell and molecule of a read; reads of one fragment are one molecule where there are no UMIs."""
    cell, molecule = "", read.query_name
    if reading.cell_tag is not None:
        if not read.has_tag(reading.cell_tag):
            votes.left_out["no cell barcode"] += 1
            return None
        cell = str(read.get_tag(reading.cell_tag))
        if reading.barcodes is not None and cell not in reading.barcodes:
            votes.left_out["barcode not asked for"] += 1
            return None
    if reading.umi_tag is not None:
        if not read.has_tag(reading.umi_tag):
            votes.left_out["no UMI"] += 1
            return None
        molecule = str(read.get_tag(reading.umi_tag))
    return cell, molecule


# --- votes to counts ---
def _counted(alleles: pd.DataFrame, build: str, votes: Votes, untold: set[int], *, by_cell: bool) -> pd.DataFrame:
    import pandas as pd

    named = allele_columns(alleles, build)
    of_place = {place: _settled(molecules) for place, molecules in votes.at.items()}
    cells = sorted({cell for tally in of_place.values() for cell in tally}) if by_cell else [""]
    parts = []
    for number, (pos, base, other) in enumerate(zip(named["pos"], named["ref"], named["alt"], strict=True)):
        indel = is_indel(base, other)
        place: Any = ("indel", number) if indel else int(pos) - 1
        ref, alt = (WITHOUT, WITH) if indel else (base, other)
        tally = of_place.get(place, {})
        for cell in cells if not by_cell else sorted(tally):
            counts = tally.get(cell, Counter())
            parts.append((number, cell, *_columns(counts, ref, alt), number in untold))
    names = ("number", "cell", "n_ref", "n_alt", "n_other", "n_conflicting", "n_ref_forward", "n_alt_forward", "untold")
    counted = pd.DataFrame(parts, columns=list(names))
    table = named.iloc[counted["number"]].reset_index(drop=True)
    table = pd.concat([table, counted.drop(columns=["number", "untold"])], axis=1)
    seen = table[["n_ref", "n_alt", "n_other"]].sum(axis=1) > 0
    table[STATUS] = np.where(counted["untold"], NEEDS_REFERENCE, np.where(seen, SEEN, NOT_COVERED))
    return table


def _settled(molecules: dict[tuple[str, str], list[tuple[str, bool]]]) -> dict[str, Counter[tuple[str, bool]]]:
    """Return molecules by cell, word and strand: each has the word that most of its reads say."""
    found: dict[str, Counter[tuple[str, bool]]] = {}
    for (cell, _), said in molecules.items():
        tally = found.setdefault(cell, Counter())
        if len(said) == 1:
            tally[said[0]] += 1
            continue
        words = Counter(word for word, _ in said).most_common(2)
        if len(words) > 1 and words[0][1] == words[1][1]:
            tally["", False] += 1
            continue
        word = words[0][0]
        tally[word, next(reverse for told, reverse in said if told == word)] += 1
    return found


def _columns(counts: Counter[tuple[str, bool]], ref: str, alt: str) -> tuple[int, int, int, int, int, int]:
    of_ref, of_alt = (counts[word, False] + counts[word, True] for word in (ref, alt))
    conflicting = counts["", False]
    other = sum(counts.values()) - of_ref - of_alt - conflicting
    return of_ref, of_alt, other, conflicting, counts[ref, False], counts[alt, False]
