"""Ties keys to what they do, where the cell is looked at: not while a note, a form or another dock is typed into."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from her2plastic.review.window.actions import BACK, FORWARD, KeyTable

#: Escape always leads back to the cell.
HOME = "home"


class _Heard:
    """One key that was heard. (Bound methods, because connected lambdas outlive their widgets in PySide6.)"""

    def __init__(self, name: str, act: Callable[[str], None]) -> None:
        self._name, self._act = name, act

    def tell(self) -> None:
        self._act(self._name)


class Shortcuts:
    """The keys of a review.

    Parameters
    ----------
    places
        Widgets in which, and in whose children, the keys are heard. None may lie in another.
    act
        Is told the name of the action.
    keys
        Key of each action.
    """

    def __init__(self, places: Sequence[QWidget], act: Callable[[str], None], keys: KeyTable) -> None:
        self._places, self._act = tuple(places), act
        self._made: list[QShortcut] = []
        self._heard: list[_Heard] = []
        self._on = True
        self.set_keys(keys)

    def set_keys(self, keys: KeyTable) -> None:
        """Listen to other keys."""
        self.end()
        for place in self._places:
            for name, key in (*keys.items(), (HOME, "Escape")):
                made = QShortcut(QKeySequence(key), place)
                made.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                # a key that is held down leafs through the cells, but must not decide them
                made.setAutoRepeat(name in (FORWARD, BACK))
                heard = _Heard(name, self._act)
                made.activated.connect(heard.tell)
                made.activatedAmbiguously.connect(heard.tell)
                self._made.append(made)
                self._heard.append(heard)
        self.set_on(self._on)

    def set_on(self, on: bool) -> None:
        """Listen, or not."""
        self._on = on
        for made in self._made:
            made.setEnabled(on)

    def end(self) -> None:
        """Listen no more."""
        for made in self._made:
            made.setEnabled(False)
            made.deleteLater()
        self._made, self._heard = [], []
