"""What one aligned read says at given positions: a base, a deletion, or an indel in its one spelling."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Final

from her2plastic.io.alleles.sites import Indel
from her2plastic.models.left_alignment import left_aligned

# operations of a CIGAR string
_MATCHES: Final = (0, 7, 8)
_INSERTION, _DELETION, _SKIP, _SOFT_CLIP = 1, 2, 3, 4
#: A read that has a gap where a base is looked for.
GAP: Final = "-"
#: What a read says of an indel.
WITHOUT, WITH, ANOTHER = "0", "1", "2"


def bases_of(read: Any, start: int, cigar: Any, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield each place that the read covers with the place of its base in the read, or -1 where it has a gap."""
    reached, at = 0, start
    following = bisect_left(places, at)
    for operation, length in cigar:
        if following == len(places):
            return
        if operation in _MATCHES:
            behind = at + length
            while following < len(places) and places[following] < behind:
                yield places[following], reached + places[following] - at
                following += 1
            reached, at = reached + length, behind
        elif operation in (_DELETION, _SKIP):
            behind = at + length
            while following < len(places) and places[following] < behind:
                if operation == _DELETION:
                    yield places[following], -1
                following += 1
            at = behind
        elif operation in (_INSERTION, _SOFT_CLIP):
            reached += length


def indel_said(start: int, cigar: Any, sequence: str, indel: Indel) -> tuple[str, int] | None:
    """Return what a read says of an indel with the place of the base before it, or None where it does not reach.

    The read must be aligned from the base before the indel to the last base that tells the alleles apart.
    """
    reached, at = 0, start
    anchor, said = -1, WITHOUT
    for operation, length in cigar:
        if operation in _MATCHES:
            if at <= indel.pos < at + length:
                anchor = reached + indel.pos - at
            reached, at = reached + length, at + length
        elif operation == _INSERTION:
            if indel.pos < at <= indel.last and said == WITHOUT:
                before = _base_before(indel, at)
                said = _compared(at - 1, before, before + sequence[reached : reached + length], indel)
            reached += length
        elif operation == _DELETION:
            if at <= indel.last and at + length > indel.pos and said == WITHOUT:
                said = ANOTHER
                if at > indel.start and at + length - indel.start <= len(indel.context):
                    gone = indel.context[at - indel.start : at - indel.start + length]
                    before = _base_before(indel, at)
                    said = _compared(at - 1, before + gone, before, indel)
            at += length
        elif operation == _SKIP:
            if at <= indel.last and at + length > indel.pos:
                return None
            at += length
        elif operation == _SOFT_CLIP:
            reached += length
    return (said, anchor) if anchor >= 0 and at > indel.last else None


def _base_before(indel: Indel, at: int) -> str:
    return indel.context[at - 1 - indel.start]


def _compared(pos: int, ref: str, alt: str, indel: Indel) -> str:
    found = left_aligned(pos, ref, alt, context=indel.context, start=indel.start)
    return WITH if found == (indel.pos, indel.ref, indel.alt) else ANOTHER
