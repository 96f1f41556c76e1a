"""Where on chromosome 17 reads have to be looked at, and how each allele is told there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from her2plastic.io.alleles.columns import POSITION_OF_BUILD, is_indel
from her2plastic.models.left_alignment import last_place, left_aligned

if TYPE_CHECKING:
    import pandas as pd

#: Places closer than this are fetched together, so that no read is gone through more often than it need be.
_NEAR: Final = 400
#: Bases of the reference on both sides of an indel within which it may move.
AROUND: Final = 300


@dataclass(frozen=True)
class Indel:
    """An insertion or a deletion in its leftmost spelling, 0-based.

    Attributes
    ----------
    allele
        Place of the allele among those looked for.
    pos, ref, alt
        Its one spelling.
    last
        Last base that a read must reach to tell whether it has the allele.
    """

    allele: int
    pos: int
    ref: str
    alt: str
    last: int

    @property
    def slack(self) -> int:
        """How far to the right the allele may also be written."""
        return self.last - self.pos - len(self.ref)


@dataclass
class Window:
    """A stretch that is fetched once: single bases to look at, and indels."""

    first: int
    last: int
    bases: list[int] = field(default_factory=list)
    indels: list[Indel] = field(default_factory=list)


def windows_of(alleles: pd.DataFrame, build: str, genome: Any | None, contig: str) -> tuple[list[Window], set[int]]:
    """Return the stretches to fetch, and the alleles that cannot be told without the reference genome."""
    places: list[tuple[int, int, Indel | None]] = []
    untold: set[int] = set()
    rows = zip(alleles[POSITION_OF_BUILD[build]], alleles["ref"], alleles["alt"], strict=True)
    for number, (pos, ref, alt) in enumerate(rows):
        at = int(pos) - 1
        if not is_indel(ref, alt):
            places.append((at, at, None))
        elif genome is None:
            untold.add(number)
        else:
            indel = spelled(number, at, ref, alt, genome=genome, contig=contig)
            places.append((indel.pos, indel.last, indel))
    windows: list[Window] = []
    for first, last, found in sorted(places, key=lambda place: place[:2]):
        if not windows or first - windows[-1].last > _NEAR:
            windows.append(Window(first, last))
        window = windows[-1]
        window.last = max(window.last, last)
        if found is not None:
            window.indels.append(found)
        elif first not in window.bases:
            window.bases.append(first)
    return windows, untold


def spelled(number: int, at: int, ref: str, alt: str, *, genome: Any, contig: str) -> Indel:
    """Return an indel as the reference makes it spelled."""
    start = max(at - AROUND, 0)
    context = genome.fetch(contig, start, at + len(ref) + AROUND).upper()
    pos, short_ref, short_alt = left_aligned(at, ref, alt, context=context, start=start)
    last = last_place(pos, short_ref, short_alt, context=context, start=start)
    return Indel(number, pos, short_ref, short_alt, last)
