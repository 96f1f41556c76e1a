"""What a reviewer can do, and the key of each: the defaults, the reviewer's own, and what keys may not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from her2plastic import _keys
from her2plastic._errors import ParameterError

#: Names of what is not a decision.
FORWARD, BACK, UNDO, FLAG, NOTE = "forward", "back", "undo", "flag", "note"
OUTLINE, CONTEXT, SLIDE, GALLERY, KEYS = "outline", "context", "slide", "gallery", "keys"


@dataclass(frozen=True)
class Action:
    """One thing that a key does.

    Attributes
    ----------
    name
        What it is called in the file of settings; of a decision, the decision itself.
    key
        Key by default, as Qt writes it.
    words
        What is said on the screen.
    """

    name: str
    key: str
    words: str


DECISIONS: Final = tuple(
    Action(word, key, word) for word, key in zip(_keys.REVIEW_DECISIONS, ("0", "1", "2", "N", "U"), strict=True)
)
MOVES: Final = (
    Action(BACK, "Left", "back"),
    Action(FORWARD, "Right", "on"),
    Action(UNDO, "Z", "undo"),
    Action(FLAG, "F", "flag"),
    Action(NOTE, "T", "note"),
)
VIEWS: Final = (
    Action(OUTLINE, "O", "outlines"),
    Action(CONTEXT, "C", "neighbours"),
    Action(SLIDE, "S", "whole slide"),
    Action(GALLERY, "G", "gallery"),
    Action(KEYS, "K", "keys"),
)
ACTIONS: Final = (*DECISIONS, *MOVES, *VIEWS)
_BY_NAME: Final = {action.name: action for action in ACTIONS}


def named_by(words: str) -> str:
    """Return the name of the action that is called so on the screen."""
    return next(action.name for action in ACTIONS if action.words == words)


#: How keys are written on the screen.
_SHOWN: Final = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "Space": "␣", "Return": "⏎", "Backspace": "⌫"}
#: Keys that the fields for text, lists and dialogs need.
_RESERVED: Final = frozenset({"Tab", "Esc", "Escape", "Enter", "Return", ""})


class KeyTable(Mapping[str, str]):
    """The key of every action.

    Parameters
    ----------
    own
        Keys that differ from the default, by the name of the action. Names that no action has are passed over: they are
        of another version of the package.

    Raises
    ------
    ParameterError
        Two actions would have one key, or a key is needed elsewhere.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        own = {name: key.strip() for name, key in (own or {}).items() if name in _BY_NAME}
        self._keys = {action.name: own.get(action.name, action.key) for action in ACTIONS}
        taken: dict[str, str] = {}
        for name, key in self._keys.items():
            if key in _RESERVED or not key.isprintable():  # half a letter, as dead keys are
                raise ParameterError(f"the key {key or 'nothing'!r} cannot be that of {name!r}: choose another")
            if key.upper() in taken:
                raise ParameterError(
                    f"the key {key!r} is that of {taken[key.upper()]!r} and of {name!r}: expected one key for each"
                )
            taken[key.upper()] = name

    def __getitem__(self, name: str) -> str:
        return self._keys[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def shown(self, name: str) -> str:
        """Return the key as it is written on the screen."""
        return _SHOWN.get(self._keys[name], self._keys[name])

    def own(self) -> dict[str, str]:
        """Return the keys that differ from the default."""
        return {name: key for name, key in self._keys.items() if key != _BY_NAME[name].key}
