"""Colours and markers of every figure, in one fixed order; chosen to stay apart with colour-vision deficiency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from her2plastic import _keys


@dataclass(frozen=True)
class Look:
    """How one group is drawn.

    Parameters
    ----------
    colour
        Hexadecimal RGB.
    marker
        Matplotlib marker, a second cue beside the colour.
    hatch
        Matplotlib hatch, the second cue of areas.
    """

    colour: str
    marker: str
    hatch: str = ""


MISSING: Final = Look("#D9D9D9", "o")

#: Control cells of known state, where they are drawn beside the patients' cells.
CONTROL_CELL: Final = "control cell"
CONTROLS: Final = {CONTROL_CELL: Look("#C2AE8A", "P")}

STATES: Final = {
    "HER2-0": Look("#0072B2", "o", ""),
    "HER2-low": Look("#F0A830", "^", "///"),
    "HER2-positive": Look("#8C1C4B", "s", ""),
}
CALLS: Final = {
    "HER2-0": STATES["HER2-0"],
    "HER2-0/low": Look("#56B4E9", "v", "\\\\"),
    "HER2-low": STATES["HER2-low"],
    "HER2-low/positive": Look("#D0603A", "D", "\\\\"),
    "HER2-positive": STATES["HER2-positive"],
    _keys.NOT_CALLABLE: Look("#8A8A8A", "X"),
    _keys.NOT_A_CTC: MISSING,
}
#: How far a call commits.
CERTAINTY: Final = {
    "one state": Look("#1D4E57", "s", ""),
    "two states": Look("#A5D3CB", "D", "///"),
    _keys.NOT_CALLABLE: CALLS[_keys.NOT_CALLABLE],
}
MECHANISMS: Final = {
    "amplified": Look("#3B0F70", "s"),
    "not amplified": Look("#5C8FE0", "o"),
    "unknown": Look("#C4C4C4", "X"),
}
IDENTITIES: Final = {
    "CTC": Look("#117733", "o"),
    "platelet-coated CTC": Look("#9BC53D", "D"),
    "CTC-leukocyte": Look("#AA4499", "^"),
    "leukocyte": Look("#5B8DB8", "s"),
    "other": Look("#BDBDBD", "X"),
}
