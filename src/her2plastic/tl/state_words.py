"""Words that tables use for the HER2 state of a tissue, and the states that each may mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from her2plastic import _keys

#: Words for states that are known, rising. The first set that holds every word in use is taken.
VOCABULARIES: Final = (
    _keys.STATES,
    ("0", "low", "positive"),
    ("null", "ultralow", "low", "positive"),
    ("null", "ultralow", "1+", "2+", "3+"),
    _keys.IF_SCORES,
    ("negative", "positive"),
    ("negative", "low", "positive"),
)

_NONE, _LOW, _POSITIVE = _keys.STATES
#: The states that a word may mean. What 2+ is, only in-situ hybridisation tells; without HER2-low, what is not positive
#: is negative.
STATES_OF_WORD: Final[Mapping[str, tuple[str, ...]]] = {
    **{state: (state,) for state in _keys.STATES},
    "0": (_NONE,), "null": (_NONE,), "ultralow": (_NONE,), "1+": (_LOW,), "low": (_LOW,), "2+": (_LOW, _POSITIVE),
    "3+": (_POSITIVE,), "positive": (_POSITIVE,), "negative": (_NONE, _LOW),
}  # fmt: skip
