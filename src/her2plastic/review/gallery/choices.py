"""Lists to choose from: short ones, and long ones that are searched by typing."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QCompleter, QHBoxLayout, QLabel, QSizePolicy, QWidget

#: Lists longer than this can be searched.
_LONG = 12


class Choice(QComboBox):
    """One of several names. A long list is searched by typing any part of a name.

    Parameters
    ----------
    spoken
        What it chooses, for those who hear the screen.
    width
        Letters that it is wide at least.
    """

    chosen = Signal(str)

    def __init__(self, spoken: str, *, width: int = 10) -> None:
        super().__init__()
        self.setAccessibleName(spoken)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(width)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMaxVisibleItems(24)
        self.currentIndexChanged.connect(self._tell)
        self._names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What is chosen."""
        index = self.currentIndex()
        return self._names[index] if 0 <= index < len(self._names) else ""

    def offer(self, names: Sequence[str], *, first: str = "") -> None:
        """Offer names; what was chosen stays where it is still there, else it is ``first``."""
        kept = self.name
        if tuple(names) == self._names and kept:
            return
        self.blockSignals(True)
        self._names = tuple(names)
        self.clear()
        self.addItems(list(names))
        for index, name in enumerate(names):
            self.setItemData(index, name, Qt.ItemDataRole.ToolTipRole)
        self._make_searchable(len(names) > _LONG)
        wanted = kept if kept in self._names else first if first in self._names else (self._names or ("",))[0]
        self.setCurrentIndex(self._names.index(wanted) if wanted in self._names else -1)
        self.setToolTip(self.name)
        self.blockSignals(False)

    def choose(self, name: str) -> None:
        """Choose a name that is offered; any other is passed over."""
        if name in self._names:
            self.setCurrentIndex(self._names.index(name))

    def _make_searchable(self, searchable: bool) -> None:
        if searchable == self.isEditable():
            return
        self.setEditable(searchable)
        line = self.lineEdit()
        if line is not None:
            self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
            completer = QCompleter(self.model(), self)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
            self.setCompleter(completer)
            line.editingFinished.connect(self._settle)
            line.setPlaceholderText("type to search")

    def _settle(self) -> None:
        """Take a name that was typed; put back what was chosen where there is none of that name."""
        typed = self.currentText().strip().casefold()
        alike = [name for name in self._names if name.casefold() == typed]
        near = alike or [name for name in self._names if typed and typed in name.casefold()]
        if len(alike) == 1 or len(near) == 1:
            self.choose((alike or near)[0])
        self.setEditText(self.name)

    def _tell(self) -> None:
        self.setToolTip(self.name)
        if self.isEditable():
            line = self.lineEdit()
            if line is not None:
                line.setCursorPosition(0)
        if self.name:
            self.chosen.emit(self.name)


def labelled(words: str, *fields: QWidget) -> QWidget:
    """Return fields with their name before them."""
    row = QWidget()
    row.setProperty("role", "side")
    box = QHBoxLayout(row)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(6)
    if words:
        label = QLabel(words)
        label.setProperty("role", "quiet")
        label.setBuddy(fields[0])
        box.addWidget(label)
    for place, one in enumerate(fields):
        box.addWidget(one, 1 if place == 0 else 0)
    return row
