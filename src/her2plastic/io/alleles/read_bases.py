"""What one aligned read says at given positions: a base, a deletion, or an indel in its one spelling."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Final

from her2plastic.io.alleles.sites import Indel, Window

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
        of_indels = _indels_of(read, start, cigar, window, min_quality) if indels else []
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


def _indels_of(read: Any, start: int, cigar: Any, window: Window, min_quality: int) -> list[tuple[int, int, int]]:
    sequence, qualities = read.query_sequence, read.query_qualities
    if sequence is None:
        return []
    told = []
    for slot, indel in enumerate(window.indels, start=len(window.bases)):
        said = indel_said(start, cigar, sequence, qualities, min_quality, indel)
        if said is not None:
            told.append((slot, *said))
    return _one_at_most(told)


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


def indel_said(
    start: int, cigar: Any, sequence: str, qualities: Any, min_quality: int, indel: Indel
) -> tuple[int, int, int] | None:
    """Return what a read says of an indel, the place of the base before it, and how many poor bases differ from it.

    None where the read does not reach: it must be aligned from the base before the indel to the last base that tells
    the alleles apart. The indel may be written anywhere in the stretch. Inserted bases of poor quality do not count.
    """
    reached, at = 0, start
    anchor, said, poor = -1, WITHOUT, 0
    for operation, length in cigar:
        if operation in _MATCHES:
            if at <= indel.pos < at + length:
                anchor = reached + indel.pos - at
            reached, at = reached + length, at + length
        elif operation == _INSERTION:
            if indel.pos < at <= indel.last and said == WITHOUT:
                own = slice(reached, reached + length)
                said, poor = _inserted(indel, at - 1, sequence[own], None if qualities is None else qualities[own],
                                       min_quality)  # fmt: skip
            reached += length
        elif operation == _DELETION:
            if at <= indel.last and at + length > indel.pos and said == WITHOUT:
                alike = length == len(indel.ref) - len(indel.alt) and 0 <= at - 1 - indel.pos <= indel.slack
                said = WITH if alike else ANOTHER
            at += length
        elif operation == _SKIP:
            if at <= indel.last and at + length > indel.pos:
                return None
            at += length
        elif operation == _SOFT_CLIP:
            reached += length
    return (said, anchor, poor) if anchor >= 0 and at > indel.last else None


def _inserted(indel: Indel, before: int, bases: str, qualities: Any, min_quality: int) -> tuple[int, int]:
    """Return whether bases inserted behind the base ``before`` are those of an indel, and how many poor ones differ."""
    moved, shift = indel.alt[1:], before - indel.pos
    if len(bases) != len(indel.alt) - len(indel.ref) or shift > indel.slack:
        return ANOTHER, 0
    turn = shift % len(moved)
    odd = [at for at, (base, own) in enumerate(zip(bases, moved[turn:] + moved[:turn], strict=True)) if base != own]
    good = [at for at in odd if qualities is None or qualities[at] >= min_quality]
    return (ANOTHER, 0) if good else (WITH, len(odd))


def _one_at_most(told: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int]]:
    """Return what a read says of several indels: it has the one that fewest of its poor bases speak against."""
    fewest = min((poor for _, word, _, poor in told if word == WITH), default=0)
    alike = sum(word == WITH and poor == fewest for _, word, _, poor in told)
    return [
        (slot, word if word != WITH or (poor == fewest and alike == 1) else ANOTHER, anchor)
        for slot, word, anchor, poor in told
    ]
