"""What one aligned read says at given positions: a base, a deletion, or an indel in its one spelling."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Final

from her2plastic.io.alleles.sites import Indel, Window
from her2plastic.models.left_alignment import left_aligned

# operations of a CIGAR string
_MATCHES: Final = (0, 7, 8)
_INSERTION, _DELETION, _SKIP, _SOFT_CLIP = 1, 2, 3, 4
#: What a read may say, by number: a base, a gap where a base is looked for, and of an indel that it is not there, that
#: it is, or that another one is.
BASES: Final = {"A": 0, "C": 1, "G": 2, "T": 3}
GAP, WITHOUT, WITH, ANOTHER = 4, 5, 6, 7
N_WORDS: Final = 8


def said_by(read: Any, start: int, cigar: Any, window: Window, min_quality: int) -> list[tuple[int, int]]:
    """Return what a read says: the place in the window (indels behind the bases), and the word."""
    places, indels = window.bases, window.indels
    if len(cigar) == 1 and cigar[0][0] in _MATCHES:  # nearly all reads: no need to walk
        end = start + cigar[0][1]
        low, high = bisect_left(places, start), bisect_left(places, end)
        at_place = [(slot, places[slot] - start) for slot in range(low, high)]
        of_indels = [
            (len(places) + slot, WITHOUT, indel.pos - start)
            for slot, indel in enumerate(indels)
            if start <= indel.pos and indel.last < end
        ]
    else:
        at_place = list(bases_of(start, cigar, places))
        sequence = read.query_sequence if indels else None
        told = [] if sequence is None else [indel_said(start, cigar, sequence, indel) for indel in indels]
        of_indels = [(len(places) + slot, *said) for slot, said in enumerate(told) if said is not None]
    if not at_place and not of_indels:
        return []
    sequence, qualities = read.query_sequence, read.query_qualities
    if sequence is None:
        return []
    found = []
    for slot, at in at_place:
        if at < 0:
            found.append((slot, GAP))
        elif qualities is None or qualities[at] >= min_quality:
            word = BASES.get(sequence[at])
            if word is not None:
                found.append((slot, word))
    for slot, word, at in of_indels:
        if qualities is None or qualities[at] >= min_quality:
            found.append((slot, word))
    return found


def bases_of(start: int, cigar: Any, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the number of each place that a read covers with where in the read its base is, -1 where it has a gap."""
    reached, at = 0, start
    following = bisect_left(places, at)
    for operation, length in cigar:
        if following == len(places):
            return
        if operation in _MATCHES:
            behind = at + length
            while following < len(places) and places[following] < behind:
                yield following, reached + places[following] - at
                following += 1
            reached, at = reached + length, behind
        elif operation in (_DELETION, _SKIP):
            behind = at + length
            while following < len(places) and places[following] < behind:
                if operation == _DELETION:
                    yield following, -1
                following += 1
            at = behind
        elif operation in (_INSERTION, _SOFT_CLIP):
            reached += length


def indel_said(start: int, cigar: Any, sequence: str, indel: Indel) -> tuple[int, int] | None:
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


def _compared(pos: int, ref: str, alt: str, indel: Indel) -> int:
    found = left_aligned(pos, ref, alt, context=indel.context, start=indel.start)
    return WITH if found == (indel.pos, indel.ref, indel.alt) else ANOTHER
