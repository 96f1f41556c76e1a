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
from her2plastic.io.alleles.read_bases import BASES, N_WORDS, WITH, WITHOUT, said_by
from her2plastic.io.alleles.sites import Window, windows_of

if TYPE_CHECKING:
    import pandas as pd

# unmapped, secondary, failed, supplementary
_LEFT_OUT: Final = 0x4 | 0x100 | 0x200 | 0x800
_DUPLICATE, _REVERSE = 0x400, 0x10
#: Bits of a vote below the molecule: word and strand.
_MOLECULE_BITS: Final = 4


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
    """What reads say at each place, a number a read: the molecule, the word in three bits, the strand in the last."""

    at: dict[Any, list[int]] = field(default_factory=dict)
    molecules: dict[tuple[str, str], int] = field(default_factory=dict)
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
            _gather(file, contig, window, reading, votes)
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


def _gather(file: Any, contig: str, window: Window, reading: Reading, votes: Votes) -> None:
    """Add what the reads over one stretch say."""
    heard = [votes.at.setdefault(place, []) for place in window.bases]
    heard += [votes.at.setdefault(("indel", indel.allele), []) for indel in window.indels]
    number = Molecules(reading, votes)
    lowest, duplicates = reading.min_mapping_quality, 0 if reading.umi_tag is not None else _DUPLICATE
    left_out = _LEFT_OUT | duplicates
    for read in file.fetch(contig, window.first, window.last + 1):
        votes.reads += 1
        flag = read.flag
        if flag & left_out:
            votes.left_out["duplicate, secondary or failed"] += 1
            continue
        if read.mapping_quality < lowest:
            votes.left_out["mapping quality"] += 1
            continue
        cigar = read.cigartuples
        if not cigar:
            continue
        said = said_by(read, read.reference_start, cigar, window, reading.min_base_quality)
        if not said:
            continue
        molecule = number.of(read)
        if molecule < 0:
            continue
        low_bits = (molecule << _MOLECULE_BITS) | (1 if flag & _REVERSE else 0)
        for slot, word in said:
            heard[slot].append(low_bits | word << 1)


class Molecules:
    """Numbers molecules as their reads come: those of one UMI and cell, or of one fragment, are one."""

    def __init__(self, reading: Reading, votes: Votes) -> None:
        self._cell_tag, self._umi_tag, self._barcodes = reading.cell_tag, reading.umi_tag, reading.barcodes
        self._votes = votes

    def of(self, read: Any) -> int:
        """Return the number of a read's molecule, or -1 where the read does not count."""
        cell, molecule = "", ""
        try:
            if self._cell_tag is not None:
                cell = read.get_tag(self._cell_tag)
        except KeyError:
            self._votes.left_out["no cell barcode"] += 1
            return -1
        if self._barcodes is not None and cell not in self._barcodes:
            self._votes.left_out["barcode not asked for"] += 1
            return -1
        try:
            molecule = read.query_name if self._umi_tag is None else read.get_tag(self._umi_tag)
        except KeyError:
            self._votes.left_out["no UMI"] += 1
            return -1
        known = self._votes.molecules
        number = known.setdefault((cell, molecule), len(known))
        return number


# --- votes to counts ---
def _counted(alleles: pd.DataFrame, build: str, votes: Votes, untold: set[int], *, by_cell: bool) -> pd.DataFrame:
    import pandas as pd

    named = allele_columns(alleles, build)
    cells, cell_of = np.unique([cell for cell, _ in votes.molecules] or [""], return_inverse=True)
    tallies = {
        place: _settled(np.array(heard, dtype=np.int64), cell_of, len(cells)) for place, heard in votes.at.items()
    }
    nothing = np.zeros((len(cells), N_WORDS + 1, 2), dtype=np.int64)
    parts = []
    for number, (pos, base, other) in enumerate(zip(named["pos"], named["ref"], named["alt"], strict=True)):
        indel = is_indel(base, other)
        place: Any = ("indel", number) if indel else int(pos) - 1
        ref, alt = (WITHOUT, WITH) if indel else (BASES[base], BASES[other])
        tally = tallies.get(place, nothing)
        of_word = tally.sum(axis=2)
        n_ref, n_alt, conflicting = of_word[:, ref], of_word[:, alt], of_word[:, N_WORDS]
        total = of_word.sum(axis=1)
        part = pd.DataFrame({
            "number": number, "cell": cells, "n_ref": n_ref, "n_alt": n_alt,
            "n_other": total - n_ref - n_alt - conflicting, "n_conflicting": conflicting,
            "n_ref_forward": tally[:, ref, 0], "n_alt_forward": tally[:, alt, 0],
        })  # fmt: skip
        parts.append(part[total > 0] if by_cell else part)
    counted = pd.concat(parts, ignore_index=True)
    table = named.iloc[counted["number"]].reset_index(drop=True)
    table = pd.concat([table, counted.drop(columns="number")], axis=1)
    seen = table[["n_ref", "n_alt", "n_other"]].sum(axis=1) > 0
    untellable = counted["number"].isin(untold)
    table[STATUS] = np.where(untellable, NEEDS_REFERENCE, np.where(seen, SEEN, NOT_COVERED))
    return table


def _settled(heard: np.ndarray, cell_of: np.ndarray, n_cells: int) -> np.ndarray:
    """Return molecules by cell, word and strand: each has the word that most of its reads say.

    The last word stands for molecules whose reads are at odds; the strand is that of most reads that say the word.
    """
    tally = np.zeros((n_cells, N_WORDS + 1, 2), dtype=np.int64)
    if not heard.size:
        return tally
    said, place, times = np.unique(heard >> 1, return_inverse=True, return_counts=True)
    reverse = np.bincount(place, weights=heard & 1)
    molecule, word = said >> (_MOLECULE_BITS - 1), said & (N_WORDS - 1)
    first = np.flatnonzero(np.diff(molecule, prepend=-1))
    group = np.repeat(np.arange(len(first)), np.diff(first, append=len(said)))
    leading = times == np.maximum.reduceat(times, first)[group]
    at_odds = np.add.reduceat(leading.astype(np.int64), first) > 1
    won = leading & ~at_odds[group]
    np.add.at(tally, (cell_of[molecule[won]], word[won], (2 * reverse[won] > times[won]).astype(int)), 1)
    np.add.at(tally, (cell_of[molecule[first[at_odds]]], N_WORDS, 0), 1)
    return tally
