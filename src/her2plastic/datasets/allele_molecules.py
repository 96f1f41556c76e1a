"""Molecules of simulated samples, read once or several times, and what a right count of their alleles is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from her2plastic.datasets.allele_reads import GOOD, READ_LENGTH, SimulatedRead, Site, make_read, spoil, words_of

#: Share of bases of poor quality.
_POOR: Final = 0.02
#: Share of reads that are no evidence: low mapping quality, duplicates or secondary, in equal parts.
_NO_EVIDENCE: Final = 0.06
_BARCODE, _UMI = 16, 12


@dataclass(frozen=True)
class NamedRead:
    """A read as it stands in a file."""

    name: str
    read: SimulatedRead
    flag: int
    mapping_quality: int
    cell: str
    umi: str


@dataclass(frozen=True)
class Stretch:
    """What reads are drawn from.

    Attributes
    ----------
    sites
        Alleles by name.
    last_of
        Last base that tells each indel.
    gene
        0-based first position and bases of the reference.
    """

    sites: Mapping[str, Site]
    last_of: Mapping[str, int]
    gene: tuple[int, str]


def molecules(
    chromosomes: tuple[frozenset[str], frozenset[str]], *, amplified: float, number: int, stretch: Stretch, cell: str,
    with_umi: bool, spliced: bool, rng: np.random.Generator, prefix: str,
) -> Iterator[tuple[list[NamedRead], dict[Any, str]]]:  # fmt: skip
    """Yield the reads of each molecule, and what the molecule says at each place ("" where its reads are at odds)."""
    places = sorted({site.pos for site in stretch.sites.values()})
    for order in range(number):
        chromosome = chromosomes[0] if rng.random() < amplified / (amplified + 1) else chromosomes[1]
        target = int(rng.choice(places))
        start = _start(chromosome, stretch, target - int(rng.integers(0, READ_LENGTH)), rng)
        size = 1 + int(rng.poisson(1.5)) if with_umi else 2
        starts = [start + int(rng.integers(-20, 21)) if with_umi else start + 60 * member for member in range(size)]
        splice = _splice(target, rng) if spliced and rng.random() < 0.2 else None
        reads = [
            make_read(_start(chromosome, stretch, one, rng), chromosome, stretch.sites, gene=stretch.gene, rng=rng,
                      splice=splice)
            for one in starts
        ]  # fmt: skip
        for read in reads:
            spoil(read, rng, poor_share=_POOR)
        if rng.random() < 0.1:  # one read of the molecule with a wrong base of good quality
            _wrong_base(reads[0], target, rng)
        umi = "".join(rng.choice(list("ACGT"), _UMI)) if with_umi else ""
        reverse = 16 if rng.random() < 0.5 else 0
        named = [
            NamedRead(f"{prefix}{order}" if not with_umi else f"{prefix}{order}.{member}", read, reverse, 60, cell, umi)
            for member, read in enumerate(reads)
        ]
        counted = [words_of(one.read, stretch.sites, stretch.last_of) for one in named]
        yield [*named, *_no_evidence(named, with_umi=with_umi, rng=rng)], _majority(counted)


def _start(chromosome: frozenset[str], stretch: Stretch, start: int, rng: np.random.Generator) -> int:
    """Return a start that is no base that the chromosome lacks."""
    for name in chromosome:
        site = stretch.sites[name]
        while site.is_indel and site.pos < start <= site.pos + max(len(site.ref) - 1, 0) + site.slack:
            start -= int(rng.integers(1, 30))
    return start


def _splice(target: int, rng: np.random.Generator) -> tuple[int, int]:
    first = target + int(rng.integers(-30, 30))
    return first, first + int(rng.integers(80, 900))


def _wrong_base(read: SimulatedRead, target: int, rng: np.random.Generator) -> None:
    if target in read.places:
        at = read.places.index(target)
        read.bases[at] = str(rng.choice([base for base in "ACGT" if base != read.bases[at]]))
        read.qualities[at] = GOOD


def _no_evidence(reads: list[NamedRead], *, with_umi: bool, rng: np.random.Generator) -> list[NamedRead]:
    """Return further reads that must not count: they say other bases than their molecule."""
    found = []
    for one in reads:
        if rng.random() >= _NO_EVIDENCE:
            continue
        other = SimulatedRead(
            one.read.start, ["T" if base == "C" else "C" for base in one.read.bases], one.read.places, one.read.cigar,
            one.read.gaps, one.read.indels, np.full(len(one.read.bases), GOOD, dtype=np.uint8),
        )  # fmt: skip
        kind = int(rng.integers(0, 2 if with_umi else 3))
        flag, quality = ((one.flag, 3), (one.flag | 256, 60), (one.flag | 1024, 60))[kind]
        found.append(NamedRead(f"{one.name}x", other, flag, quality, one.cell, one.umi))
    return found


def _majority(said: list[dict[Any, str]]) -> dict[Any, str]:
    """Return what most reads say at each place; nothing ("") where they are at odds."""
    found = {}
    for place in {place for words in said for place in words}:
        tally = Counter(words[place] for words in said if place in words).most_common()
        tied = len(tally) > 1 and tally[0][1] == tally[1][1]
        found[place] = "" if tied else tally[0][0]
    return found


def barcode(rng: np.random.Generator) -> str:
    """Return a cell barcode as 10x writes it."""
    return "".join(rng.choice(list("ACGT"), _BARCODE)) + "-1"
