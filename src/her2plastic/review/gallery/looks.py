"""Colour and marker of each group of cells on black: a second cue beside the colour, everywhere the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from her2plastic import _keys
from her2plastic.pl.palette import IMAGE_IDENTITIES, ON_BLACK, Look
from her2plastic.review.gallery import differences
from her2plastic.review.gallery.cell_columns import NO_WORD

#: What nobody has decided on, or what has no word.
NOTHING: Final = Look("#757C87", ".")
DECISIONS: Final = {
    **{state: ON_BLACK[state] for state in _keys.STATES},
    _keys.NOT_A_CTC: Look("#A3AAB5", "X"),
    _keys.UNSURE: Look("#C3A6E8", "D"),
    differences.VARIOUS: Look("#FFF3B0", "P"),
    differences.UNDECIDED: NOTHING,
}
DIFFERENCES: Final = {
    differences.BETWEEN_REVIEWERS: Look("#FF8A6B", "D"),
    differences.OF_ONE: Look("#F6D55C", "^"),
    differences.FROM_MODEL: Look("#C3A6E8", "s"),
    differences.SETTLED: Look("#7BD3C0", "v"),
    differences.ALIKE: Look("#6FA8DC", "o"),
    differences.UNDECIDED: NOTHING,
}
_KNOWN: Final = {**IMAGE_IDENTITIES, **ON_BLACK}
#: Other words, in turn: far apart on black also with colour-vision deficiency, by colour and marker together.
_OTHERS: Final = (
    Look("#6CB2F0", "o"), Look("#F6BC55", "^"), Look("#EF6AA0", "s"), Look("#7BD3C0", "D"), Look("#C3A6E8", "v"),
    Look("#F0865F", "P"), Look("#D7DBA0", "X"), Look("#9BD8F8", "."),
)  # fmt: skip


def _other(place: int) -> Look:
    """Return the look of the so-manieth other word: once all colours are used, each comes with the next marker."""
    turn, place = divmod(place, len(_OTHERS))
    return Look(_OTHERS[place].colour, _OTHERS[(place + turn) % len(_OTHERS)].marker)


def looks_of(words: Sequence[str]) -> tuple[Look, ...]:
    """Return how the groups of these words are drawn; known words look as everywhere else."""
    others = [word for word in words if word not in _KNOWN and word != NO_WORD]
    table = {**_KNOWN, NO_WORD: NOTHING}
    table |= {word: _other(place) for place, word in enumerate(others)}
    return tuple(table[word] for word in words)
