from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from her2plastic.models.left_alignment import last_place, left_aligned, trimmed

BASES = st.text(alphabet="AC", min_size=30, max_size=60)  # two bases only: full of repeats


def spliced(context: str, pos: int, ref: str, alt: str) -> str:
    assert context[pos : pos + len(ref)] == ref
    return context[:pos] + alt + context[pos + len(ref) :]


@settings(max_examples=60)
@given(context=BASES, at=st.integers(5, 20), length=st.integers(1, 5), inserted=st.text("AC", min_size=1, max_size=5))
def test_one_haplotype_has_one_spelling(context: str, at: int, length: int, inserted: str) -> None:
    """Wherever the same change is written, its leftmost spelling is the same, and makes the same bases."""
    for ref, alt in (
        (context[at], context[at] + inserted),
        (context[at : at + 1 + length], context[at]),
    ):
        made = spliced(context, at, ref, alt)
        found = left_aligned(at, ref, alt, context=context, start=0)
        assert spliced(context, *found) == made
        size = len(alt) - len(ref)
        for other in range(1, len(context) - length):  # every place at which the same bases can be made
            old = context[other] if size > 0 else context[other : other + 1 - size]
            new = made[other : other + 1 + size] if size > 0 else context[other]
            if other + len(old) <= len(context) and spliced(context, other, old, new) == made:
                assert left_aligned(other, old, new, context=context, start=0) == found
                assert other >= found[0]


@settings(max_examples=60)
@given(context=BASES, at=st.integers(5, 20), inserted=st.text("AC", min_size=1, max_size=5))
def test_reads_up_to_the_last_place_tell_the_alleles_apart_and_shorter_ones_do_not(
    context: str, at: int, inserted: str
) -> None:
    pos, ref, alt = left_aligned(at, context[at], context[at] + inserted, context=context, start=0)
    last = last_place(pos, ref, alt, context=context, start=0)
    if last >= len(context):
        return
    made = spliced(context, pos, ref, alt)
    assert made[pos : last + 1] != context[pos : last + 1]
    assert made[pos:last] == context[pos:last]


def test_trimmed_leaves_one_base_of_each() -> None:
    assert trimmed(10, "CTG", "CAG") == (11, "T", "A")
    assert trimmed(10, "GTT", "GT") == (10, "GT", "G")
    assert trimmed(10, "A", "A") == (10, "A", "A")


def test_an_allele_like_the_reference_stays() -> None:
    assert left_aligned(3, "A", "A", context="CCCACC", start=0) == (3, "A", "A")
