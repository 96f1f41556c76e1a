"""The page on which a reviewer chooses keys of their own."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from her2plastic._errors import ParameterError
from her2plastic.review.window.actions import ACTIONS, KeyTable

_WAITS = "press a key"
_MODIFIERS = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)


class KeysPage(QWidget):
    """Lists every action with its key, and takes another key for it.

    Parameters
    ----------
    keys
        Key of each action.
    parent
        Where it stands.
    """

    changed = Signal(object)
    refused = Signal(str)
    left = Signal()

    def __init__(self, keys: KeyTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("review_page")
        self._keys = keys
        self._waiting = ""
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self._wait_for_place)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        title, words = QLabel("Keys"), QLabel("Choose an action, then press its new key. Escape leaves it as it is.")
        title.setProperty("role", "title")
        words.setProperty("role", "quiet")
        words.setWordWrap(True)
        column.addWidget(title)
        column.addWidget(words)
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        for place, action in enumerate(ACTIONS):
            button = QPushButton()
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._group.addButton(button, place)
            self.buttons[action.name] = button
            grid.addWidget(QLabel(action.words), place, 0)
            grid.addWidget(button, place, 1)
        grid.setColumnStretch(0, 1)
        column.addLayout(grid)
        column.addStretch(1)
        row = QHBoxLayout()
        back, done = QPushButton("Default keys"), QPushButton("Done")
        done.setProperty("role", "main")
        for button in (back, done):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            row.addWidget(button)
        back.clicked.connect(self._take_default)
        done.clicked.connect(self.left)
        column.addLayout(row)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._label()

    def _wait_for_place(self, place: int) -> None:
        self.wait_for(ACTIONS[place].name)

    def _take_default(self) -> None:
        self._take(KeyTable())

    def wait_for(self, name: str) -> None:
        """Take the next key that is pressed as that of an action."""
        self._waiting = name
        self._label()
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take a key."""
        if event.key() == Qt.Key.Key_Escape:
            waited, self._waiting = self._waiting, ""
            self._label()
            if not waited:
                self.left.emit()
        elif self._waiting and event.key() not in _MODIFIERS:
            key = QKeySequence(event.keyCombination()).toString()
            name, self._waiting = self._waiting, ""
            try:
                self._take(KeyTable({**self._keys.own(), name: key}))
            except ParameterError as fault:
                self._label()
                self.refused.emit(str(fault))
        else:
            super().keyPressEvent(event)

    def _take(self, keys: KeyTable) -> None:
        self._keys = keys
        self._label()
        self.changed.emit(keys)

    def _label(self) -> None:
        for name, button in self.buttons.items():
            button.setText(_WAITS if name == self._waiting else self._keys.shown(name))
