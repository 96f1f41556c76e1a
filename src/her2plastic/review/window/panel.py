"""The panel beside the stage: how far the review is, the decisions with their keys, what may be known of the cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from her2plastic import _keys
from her2plastic.io.journal.events import FLAGGED
from her2plastic.review import looks
from her2plastic.review.window import actions
from her2plastic.review.window.actions import KeyTable
from her2plastic.review.window.key_caps import DecisionRow, KeyButton, KeyCap
from her2plastic.review.window.progress_head import ProgressHead

if TYPE_CHECKING:
    from her2plastic.io.journal.events import Event
    from her2plastic.review.session import OthersDecision, Progress

#: What is said of the rounds; a reviewer's own repeats are hidden, so that none is named in a blinded session.
_ROUNDS: Final = {"review": "", "repeat": "on a repeat", "adjudication": "in adjudication"}

#: Letters of a note that are shown beside the key that takes it back.
_NOTE_LENGTH: Final = 18

#: What columns are called on the screen; others by their own name.
_FACTS: Final = {
    _keys.DONOR_ID: "patient", _keys.SAMPLE_ID: "sample", _keys.SLIDE_ID: "slide", _keys.DRAW_DAY: "day of draw",
    _keys.IDENTITY_REASON: "because", _keys.CTC_PROBABILITY: "CTC", _keys.HER2_CALL: "call by RNA",
    _keys.HER2_STATE: "state by RNA", _keys.HER2_CONFIDENCE: "confidence", _keys.HER2_IF_CALL: "call by light",
    _keys.HER2_IF_STATE: "state by light", _keys.HER2_IF_CONFIDENCE: "confidence",
    _keys.HER2_INTENSITY: "HER2 in leukocytes' light", _keys.HER2_CONSENSUS_CALL: "call by both",
}  # fmt: skip


class ReviewPanel(QWidget):
    """Shows a review that is under way, and says what the reviewer asks for.

    Parameters
    ----------
    keys
        Key of each action.
    parent
        Where it stands.
    """

    #: An action by its name, or a decision.
    asked = Signal(str)
    #: A note was entered: ``typed``.
    noted = Signal()
    #: The reviewer wants to end the session.
    ended = Signal()

    def __init__(self, keys: KeyTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("review_page")
        self.who, self.badge = _label("quiet"), _label("quiet")
        self.badge.setTextFormat(Qt.TextFormat.RichText)
        self.head = ProgressHead()
        self.rows = {action.name: DecisionRow(action.words, keys.shown(action.name)) for action in actions.DECISIONS}
        self.caps = {
            action.name: KeyCap(action.words, keys.shown(action.name)) for action in (*actions.MOVES, *actions.VIEWS)
        }
        self.facts, self.last, self.others = _label("quiet"), _label("quiet"), _label("quiet")
        self._others_heading = _heading("OTHER DECISIONS")
        self.others.setTextFormat(Qt.TextFormat.RichText)
        self.facts.setTextFormat(Qt.TextFormat.RichText)
        self.last.setFixedHeight(20)
        self.last.setTextFormat(Qt.TextFormat.RichText)
        self.note = QLineEdit()
        self.note.setPlaceholderText("a note on this cell, then Enter")
        self.note.setMaxLength(2000)
        self.note.setAccessibleName("note on this cell")
        self.note.returnPressed.connect(self._keep_note)
        self.end = QPushButton("Close session")
        self.end.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.end.clicked.connect(self.ended)
        self._buttons: dict[str, KeyButton] = {**self.rows, **self.caps}
        for button in self._buttons.values():
            button.asked.connect(self._ask)
        self._arrange()

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(_line(self.who, self.badge))
        column.addWidget(self.head)
        column.addSpacing(6)
        for row in self.rows.values():
            column.addWidget(row)
        column.addSpacing(6)
        column.addWidget(self._scrolled(), 1)
        column.addWidget(self.note)
        column.addSpacing(2)
        column.addLayout(_line(_heading("BEFORE"), self.last))
        column.addSpacing(4)
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(1)
        for place, cap in enumerate(self.caps.values()):
            grid.addWidget(cap, place // 3, place % 3)
        column.addLayout(grid)
        column.addSpacing(4)
        column.addWidget(self.end)

    def _scrolled(self) -> QScrollArea:
        """Return what may be known of a cell, in a room that does not grow with it."""
        told = QWidget()
        column = QVBoxLayout(told)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._others_heading, self.others, _heading("THIS CELL"), self.facts):
            column.addWidget(widget)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidget(told)
        area.setWidgetResizable(True)
        area.setMinimumHeight(48)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return area

    # --- what it shows ------------------------------------------------------------------------------------------------
    def show_session(self, reviewer: str, name: str, *, adjudicates: bool) -> None:
        """Show whose review of what it is."""
        self.who.setText(f"{reviewer}  ·  {name}" + ("  ·  adjudication" if adjudicates else ""))

    def set_state(self, *, blind: bool, closed: bool, finished: bool) -> None:
        """Show whether anything is hidden, and whether decisions are still taken."""
        words, colour = ("blinded", looks.GOOD) if blind else ("open", looks.WARNING)
        if closed:
            words, colour = "closed", looks.QUIET
        self.badge.setText(f'<span style="color:{colour}">●</span> {words}')
        for row in self.rows.values():
            row.setEnabled(not closed)
        self.note.setEnabled(not closed)
        self.end.setText("New session" if closed else "Close session")
        set_role(self.end, "main" if finished and not closed else "")

    def show_progress(self, position: int, progress: Progress) -> None:
        """Show how far the review is, and the decisions so far."""
        flags = f"{progress.flagged:,} ⚑  ·  " if progress.flagged else ""
        self.head.show_progress(
            f"Cell {position + 1:,} of {progress.total:,}",
            f"{flags}{progress.done:,} decided",
            progress.done / max(progress.total, 1),
        )
        most = max([*progress.counts.values(), 1])
        for word, row in self.rows.items():
            row.set_count(int(progress.counts.get(word, 0)), most)

    def show_cell(self, name: str, facts: Mapping[str, str], decision: str, *, flagged: bool, note: str) -> None:
        """Show what may be known of a cell, and what was decided on it."""
        told = {**({"name": name} if name else {}), **facts}
        lines = [
            f'<tr><td style="color:{looks.FAINT}; padding-right:12px">{_safe(_in_words(about))}</td>'
            f"<td>{_safe(value)}</td></tr>"
            for about, value in told.items()
        ]
        if flagged:
            lines.append(f'<tr><td colspan="2" style="color:{looks.WARNING}">⚑ flagged</td></tr>')
        if note:
            lines.append(f'<tr><td colspan="2" style="color:{looks.INK}">“{_safe(note)}”</td></tr>')
        self.facts.setText(f"<table>{''.join(lines)}</table>")
        for word, row in self.rows.items():
            row.set_taken(word == decision)
        self.caps[actions.FLAG].set_on(flagged)

    def show_others(self, others: Sequence[OthersDecision]) -> None:
        """Show what others decided on the cell, where that may be seen."""
        lines = [
            f'<tr><td style="color:{looks.INK}; padding-right:14px"><b>{_safe(one.reviewer)}</b></td>'
            f'<td style="color:{looks.DECISIONS[one.decision]}; padding-right:10px">■ {_safe(one.decision)}</td>'
            f'<td style="color:{looks.FAINT}">{_safe(_ROUNDS[one.round])}</td></tr>'
            + "".join(f'<tr><td></td><td colspan="2">“{_safe(text)}”</td></tr>' for text in one.notes)
            for one in others
        ]
        self.others.setText(f"<table cellpadding='2'>{''.join(lines)}</table>")
        for widget in (self.others, self._others_heading):
            widget.setVisible(bool(lines))

    def show_last(self, last: Event | None, key: str) -> None:
        """Show the decision, note or flag that can be taken back, and the key that does it."""
        if last is not None:
            mark, words, colour = _in_short(last)
            self.last.setText(
                f'<span style="color:{colour}">{mark}</span> {_safe(words)}'
                f'<span style="color:{looks.FAINT}">&nbsp;&nbsp;{_safe(key)} takes it back</span>'
            )
        else:
            self.last.setText(f'<span style="color:{looks.FAINT}">nothing yet</span>')

    def show_keys(self, keys: KeyTable) -> None:
        """Show other keys."""
        for name, button in self._buttons.items():
            button.set_key(keys.shown(name))

    def _ask(self, words: str) -> None:
        self.asked.emit(actions.named_by(words))

    # --- notes --------------------------------------------------------------------------------------------------------
    def write_note(self) -> None:
        """Put the cursor into the note."""
        self.note.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @property
    def typed(self) -> str:
        """The note that is being written."""
        return self.note.text().strip()

    def empty_note(self) -> None:
        """Empty the field of the note, once it is kept or given up."""
        self.note.clear()
        self.note.clearFocus()

    def _keep_note(self) -> None:
        if self.typed:
            self.noted.emit()
        else:
            self.empty_note()


def _in_words(column: str) -> str:
    """Return a column's name as a person says it."""
    return _FACTS.get(column) or column.replace("_", " ")


def _in_short(event: Event) -> tuple[str, str, str]:
    """Return mark, words and colour of what was done, so short that the line holds them."""
    if event.kind == "decision":
        return "■", event.value, looks.DECISIONS.get(event.value, looks.INK)
    if event.kind == "flag":
        return "⚑", "flag put" if event.value == FLAGGED else "flag taken off", looks.WARNING
    text = event.value if len(event.value) <= _NOTE_LENGTH else event.value[: _NOTE_LENGTH - 1].rstrip() + "…"
    return "✎", f"note “{text}”", looks.INK


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget the look of a role."""
    style = widget.style()
    if widget.property("role") != role and style is not None:
        widget.setProperty("role", role)
        style.unpolish(widget)
        style.polish(widget)


def _label(role: str, words: str = "") -> QLabel:
    made = QLabel(words)
    made.setProperty("role", role)
    made.setWordWrap(role == "quiet")
    return made


def _heading(words: str) -> QLabel:
    return _label("heading", words)


def _line(left: QLabel, right: QLabel) -> QHBoxLayout:
    row = QHBoxLayout()
    left.setWordWrap(False)
    right.setWordWrap(False)
    row.addWidget(left, 1)
    row.addWidget(right, 0, Qt.AlignmentFlag.AlignRight)
    return row


def _safe(text: str) -> str:
    from html import escape

    return escape(text)
