"""From state probabilities to the words of a call."""

from __future__ import annotations

import numpy as np

from her2plastic import _keys

#: Sets of neighbouring states, smallest first, and what each is called.
_SETS: tuple[tuple[tuple[int, ...], str], ...] = (
    ((0,), "HER2-0"),
    ((1,), "HER2-low"),
    ((2,), "HER2-positive"),
    ((0, 1), "HER2-0/low"),
    ((1, 2), "HER2-low/positive"),
)


def call_words(posterior: np.ndarray, *, level: float, never_only_zero: np.ndarray | None = None) -> np.ndarray:
    """Return the calls of :func:`call_codes` in words, as an object array."""
    words = np.array(_keys.CALLS, dtype=object)
    return words[call_codes(posterior, level=level, never_only_zero=never_only_zero)]


def call_codes(posterior: np.ndarray, *, level: float, never_only_zero: np.ndarray | None = None) -> np.ndarray:
    """Return the smallest set of neighbouring states that holds ``level``.

    Parameters
    ----------
    posterior
        Shape ``(cells, 3)``.
    level
        Probability that the set must hold; between 0.5 and 1.
    never_only_zero
        Shape ``(cells,)``: cells that cannot be told to be HER2-0 whatever their donor's other cells say; their
        smallest set is ``HER2-0/low``.

    Returns
    -------
    Places in ``_keys.CALLS``, int8. Of two sets of one size, the more probable; ``not callable`` when only all three
    states together, or the two outer ones, hold the level.
    """
    codes = np.full(len(posterior), code_of(_keys.NOT_CALLABLE), dtype=np.int8)
    for size in (2, 1):  # smaller sets overrule larger ones
        best = np.full(len(posterior), level - 1e-12)  # slack: a probability of exactly the level counts
        for members, word in _SETS:
            if len(members) == size:
                mass = sum(posterior[:, member] for member in members)
                codes[mass >= best] = code_of(word)
                best = np.maximum(best, mass)
    if never_only_zero is not None:
        codes[never_only_zero & (codes == code_of("HER2-0"))] = code_of("HER2-0/low")
    return codes


def code_of(word: str) -> int:
    """Return the place of a call in ``_keys.CALLS``."""
    return _keys.CALLS.index(word)
