"""The colours of the report: those of ``pl`` for the states and calls, as CSS variables and class names."""

from __future__ import annotations

from typing import Final

from her2plastic import _keys
from her2plastic.pl.palette import CALLS

#: CSS class of each state.
STATE_CLASSES: Final = dict(zip(_keys.STATES, ("zero", "low", "positive"), strict=True))
#: CSS class of each call.
CALL_CLASSES: Final = {
    **STATE_CLASSES,
    "HER2-0/low": "zero-low",
    "HER2-low/positive": "low-positive",
    _keys.NOT_CALLABLE: "uncalled",
}


#: Calls of two states, whose areas are hatched.
HATCHED: Final = ("HER2-0/low", "HER2-low/positive")


def css_colours() -> str:
    """Return the CSS variables of the calls, e.g. ``--zero``, ``--zero-low`` and ``--uncalled``."""
    return " ".join(f"--{name}: {CALLS[call].colour};" for call, name in CALL_CLASSES.items())
