"""The colours of the report: those of ``pl`` for the states and calls, as CSS variables and class names."""

from __future__ import annotations

from typing import Final

from her2plastic import _keys
from her2plastic.pl.palette import CALLS, STATES

#: CSS class of each state.
STATE_CLASSES: Final = dict(zip(_keys.STATES, ("zero", "low", "positive"), strict=True))
#: CSS class or pattern of each call; a call of two states is hatched in the colours of both.
CALL_CLASSES: Final = {
    **STATE_CLASSES,
    "HER2-0/low": "zero-low",
    "HER2-low/positive": "low-positive",
    _keys.NOT_CALLABLE: "uncalled",
}


def css_colours() -> str:
    """Return the CSS variables ``--zero``, ``--low``, ``--positive`` and ``--uncalled``."""
    colours = {name: STATES[state].colour for state, name in STATE_CLASSES.items()}
    colours["uncalled"] = CALLS[_keys.NOT_CALLABLE].colour
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
