"""Alleles in their one spelling: as short as can be, and as far to the left as the reference lets them go."""

from __future__ import annotations


def left_aligned(pos: int, ref: str, alt: str, *, context: str, start: int) -> tuple[int, str, str]:
    """Return an allele in its shortest and leftmost spelling (Tan et al. 2015).

    Parameters
    ----------
    pos
        0-based position of the first base of ``ref``.
    ref, alt
        Bases of the reference and of the allele, both at least one base and beginning with the same one if it is an
        insertion or a deletion, as in a VCF file.
    context, start
        Bases of the reference around, and the 0-based position of the first of them. The allele does not move beyond.

    Returns
    -------
    Position, bases of the reference, bases of the allele.
    """
    if ref == alt:
        return pos, ref, alt
    while ref[-1] == alt[-1] and (min(len(ref), len(alt)) > 1 or pos > start):
        ref, alt = ref[:-1], alt[:-1]
        if not ref or not alt:
            pos -= 1
            base = context[pos - start]
            ref, alt = base + ref, base + alt
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt


def trimmed(pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Return an allele without the bases that its two spellings share at their ends; one base is left of each."""
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt


def last_place(pos: int, ref: str, alt: str, *, context: str, start: int) -> int:
    """Return the 0-based position of the last reference base that must be seen to tell a left-aligned allele.

    An insertion or a deletion inside a repeat may be written at any place of it: a read tells the two alleles apart
    only where it reaches over the whole stretch.
    """
    moved = alt[1:] if len(alt) > len(ref) else ref[1:]
    place = pos + len(ref)  # first base behind the allele
    step = 0
    while place + step - start < len(context) and context[place + step - start] == moved[step % len(moved)]:
        step += 1
    return place + step
