"""Simulated reads over ERBB2: each with its bases, how it is aligned, and what it truly says at each allele."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

READ_LENGTH: Final = 100
_MATCH, _INSERTION, _DELETION, _SKIP, _SOFT = 0, 1, 2, 3, 4
#: Aligned bases that an aligner needs behind an indel; with fewer it clips the read.
_FLANK: Final = 8
GOOD, POOR = 37, 8


@dataclass(frozen=True)
class Site:
    """An allele on the simulated chromosome, 0-based.

    Attributes
    ----------
    name
        Its ``hgvs_c``.
    pos, ref, alt
        Leftmost spelling.
    slack
        How far to the right an indel may also be written.
    """

    name: str
    pos: int
    ref: str
    alt: str
    slack: int = 0

    @property
    def is_indel(self) -> bool:
        """Whether the allele is longer or shorter than the reference."""
        return len(self.ref) != len(self.alt)


@dataclass
class SimulatedRead:
    """One read: bases, qualities, alignment."""

    start: int
    bases: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    cigar: list[tuple[int, int]] = field(default_factory=list)
    gaps: set[int] = field(default_factory=set)
    indels: set[str] = field(default_factory=set)
    qualities: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.uint8))

    def extend(self, operation: int, length: int) -> None:
        """Add an operation to the alignment, joined with the one before if alike."""
        if length and self.cigar and self.cigar[-1][0] == operation:
            self.cigar[-1] = (operation, self.cigar[-1][1] + length)
        elif length:
            self.cigar.append((operation, length))


def make_read(
    start: int, chromosome: frozenset[str], sites: Mapping[str, Site], *, gene: tuple[int, str],
    rng: np.random.Generator, splice: tuple[int, int] | None = None,
) -> SimulatedRead:  # fmt: skip
    """Return a read of one chromosome, aligned as a good aligner would: indels may be written anywhere they fit."""
    first, text = gene
    changes = {sites[name].pos: sites[name] for name in chromosome}
    read, at = SimulatedRead(start), start
    inserted = {}
    for site in changes.values():
        if site.is_indel:
            inserted[site.pos + int(rng.integers(0, site.slack + 1))] = site
    while len(read.bases) < READ_LENGTH:
        change = changes.get(at)
        base = change.alt if change is not None and not change.is_indel else text[at - first]
        read.bases.append(base)
        read.places.append(at)
        read.extend(_MATCH, 1)
        indel = inserted.get(at)
        at += 1
        if indel is not None and len(read.bases) < READ_LENGTH:
            at = _past_indel(read, indel, at, text, first)
        if splice is not None and splice[0] <= at < splice[1] and len(read.bases) < READ_LENGTH:
            read.extend(_SKIP, splice[1] - at)
            at = splice[1]
    read.bases, read.places = read.bases[:READ_LENGTH], read.places[:READ_LENGTH]
    read.qualities = np.full(len(read.bases), GOOD, dtype=np.uint8)
    return read


def _past_indel(read: SimulatedRead, site: Site, at: int, text: str, first: int) -> int:
    """Add an indel that is written before ``at``; a read that ends just behind it is clipped there."""
    shift = at - 1 - site.pos
    before = sum(length for operation, length in read.cigar if operation == _MATCH)
    added = len(site.alt) - len(site.ref)
    left = READ_LENGTH - len(read.bases) - max(added, 0)
    moved = site.alt[1:] if added > 0 else site.ref[1:]
    turned = moved[shift % len(moved) :] + moved[: shift % len(moved)]
    if left < _FLANK + site.slack or before < _FLANK:
        bases = (turned if added > 0 else "") + text[at + max(-added, 0) - first :][:READ_LENGTH]
        clipped = bases[: READ_LENGTH - len(read.bases)]
        read.bases += list(clipped)
        read.places += [-1] * len(clipped)
        read.extend(_SOFT, len(clipped))
        return at
    if added > 0:
        read.bases += list(turned)
        read.places += [-1] * len(turned)
        read.extend(_INSERTION, added)
    else:
        read.extend(_DELETION, -added)
        read.gaps |= set(range(at, at - added))
        at -= added
    read.indels.add(site.name)
    return at


def spoil(read: SimulatedRead, rng: np.random.Generator, *, poor_share: float) -> None:
    """Give some bases a poor quality, half of them a wrong base."""
    for at in np.flatnonzero(rng.random(len(read.bases)) < poor_share).tolist():
        read.qualities[at] = POOR
        if rng.random() < 0.5:
            read.bases[at] = str(rng.choice([base for base in "ACGT" if base != read.bases[at]]))


def words_of(read: SimulatedRead, sites: Mapping[str, Site], last_of: Mapping[str, int]) -> dict[Any, str]:
    """Return what a read says: a base per place of a single base, ``with`` or ``without`` per indel it tells."""
    at_place = {place: at for at, place in enumerate(read.places) if place >= 0}
    covered = set(at_place) | read.gaps
    found: dict[Any, str] = {}
    for site in sites.values():
        if not site.is_indel:
            if site.pos in read.gaps:
                found[site.pos] = "-"
            elif site.pos in at_place and read.qualities[at_place[site.pos]] >= 20:
                found[site.pos] = read.bases[at_place[site.pos]]
            continue
        anchor = at_place.get(site.pos)
        whole = all(place in covered for place in range(site.pos, last_of[site.name] + 1))
        if anchor is None or read.qualities[anchor] < 20 or not whole:
            continue
        found[site.name] = "with" if site.name in read.indels else "without"
    return found
