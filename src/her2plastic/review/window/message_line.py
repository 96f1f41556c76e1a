"""What went wrong, or what was done, in words inside the window: never a dialog that stops the hand."""

from __future__ import annotations

from typing import Final, Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from her2plastic.review import looks

Tone = Literal["error", "warning", "good", "quiet"]
_COLOURS: Final = {"error": looks.ERROR, "warning": looks.WARNING, "good": looks.GOOD, "quiet": looks.QUIET}


class MessageLine(QLabel):
    """A message, with a coloured edge that says how grave it is; hidden while there is none.

    Parameters
    ----------
    parent
        Where it stands.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("review_message")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.tone: Tone = "quiet"
        self.hide()

    def say(self, words: str, tone: Tone = "quiet") -> None:
        """Show a message."""
        self.tone = tone
        self.setText(words)
        self.setStyleSheet(
            f"QLabel#review_message {{ background: {looks.GROUND}; color: {looks.INK}; padding: 9px 11px;"
            f" border: none; border-left: 4px solid {_COLOURS[tone]}; border-radius: 4px; font-size: 13px; }}"
        )
        self.setVisible(bool(words))

    def be_quiet(self) -> None:
        """Take the message off."""
        if self.text():
            self.say("")
