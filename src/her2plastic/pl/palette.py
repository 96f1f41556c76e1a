"""Colours and markers of every figure, in one fixed order; chosen to stay apart with colour-vision deficiency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

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

#: Ink of what is said beside the data.
NOTE: Final = "#666666"

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
#: Objects on slides, in colours that can be seen on black.
IMAGE_IDENTITIES: Final = {
    "CTC": Look("#FFE14D", "o"),
    "CK- HER2+": Look("#FF9F40", "D"),
    "CTC-leukocyte": Look("#C9A0FF", "^"),
    "leukocyte": Look("#B9C4D0", "s"),
    "bare nucleus": Look("#5AC8FA", "v"),
    "debris": Look("#8A9099", "X"),
    "bright blob": Look("#6E747C", "P"),
    "other": Look("#6E747C", "."),
}
#: The HER2 calls in colours that can be seen on black.
ON_BLACK: Final = {
    "HER2-0": Look("#4DA9E8", "o"),
    "HER2-0/low": Look("#9BD8F8", "v"),
    "HER2-low": Look("#F6BC55", "^"),
    "HER2-low/positive": Look("#F0865F", "D"),
    "HER2-positive": Look("#EF6AA0", "s"),
    _keys.NOT_CALLABLE: Look("#A8A8A8", "X"),
    _keys.NOT_A_CTC: Look("#5A5F66", "."),
}
#: Patients by response, and groups of any other kind in turn.
RESPONSES: Final = {
    _keys.RESPONSES[0]: Look("#B5541C", "s", "///"),
    _keys.RESPONSES[1]: Look("#00707F", "o", ""),
}
#: Looks over time, from light to dark with a line and a marker each.
LOOKS: Final = (
    Look("#E0A458", "o"), Look("#C2452D", "s"), Look("#6A1B4D", "D"), Look("#2A1A5E", "^"), Look("#0B0B0B", "v"),
)  # fmt: skip
#: Light of each channel in a composite picture; they add up on black. HER2 on cytokeratin is yellow on green, CD45 is
#: kept apart from both by its bluish red.
CHANNELS: Final = {"DAPI": "#2F55E0", "CK": "#12A866", "CD45": "#C86CBC", "HER2": "#FFC61A"}
#: Light of channels that the package does not know, in turn.
OTHER_CHANNELS: Final = ("#BFBFBF", "#E07A5F", "#81B7C9")
#: States that are not the HER2 states of this package (sorted populations, statuses with death), in turn.
OTHER_STATES: Final = (
    Look("#0072B2", "o"), Look("#F0A830", "^"), Look("#8C1C4B", "s"), Look("#4C9A6A", "D"), Look("#7A7A7A", "v"),
    Look("#56B4E9", "P"),
)  # fmt: skip
#: Treatments over time, in turn: grey bars that are told apart by hatch, so that they are not taken for states.
TREATMENTS: Final = (
    Look("#5F6B7A", "s", ""), Look("#C7CDD5", "s", "///"), Look("#8E9AAB", "s", "..."), Look("#E3E6EA", "s", "xxx"),
    Look("#444B55", "s", "\\\\\\\\"), Look("#B4BAC3", "s", "---"),
)  # fmt: skip
#: Changed states of patients: what error alone gives, what it may give (by chance, or if readers err as much as they
#: may), the rest; readings that are alike.
CONVERSION_PARTS: Final = {
    "error alone": Look("#A9B0B8", "s", ""),
    "may be error": Look("#D9B3C2", "s", "///"),
    "beyond error": Look("#8C1C4B", "s", ""),
    "alike": Look("#D8D3C6", "s", ""),
}
#: Competing models: line styles in the order of their weights.
MODEL_LINES: Final[tuple[Any, ...]] = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))


def look_of_state(name: str, *, place: int = 0) -> Look:
    """Return how a state is drawn; one that is no HER2 state, nor two together, has its look by its place."""
    return CALLS.get(name, OTHER_STATES[place % len(OTHER_STATES)])
