"""The form that a review starts from: whose cells, who reviews, in which order, how blind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from her2plastic._errors import Her2plasticError
from her2plastic.review.window.wish import JOURNAL_NAME, Wish

if TYPE_CHECKING:
    from her2plastic.review.session import UnfinishedSession

#: Orders of the queue, and what is said of each.
ORDERS: Final = {
    "uncertain": "most uncertain first",
    "random": "random",
    "slide": "slide by slide",
    "stratified": "all calls alike",
}


class StartForm(QWidget):
    """Asks for what a review needs.

    Parameters
    ----------
    wish
        What the fields hold at first.
    parent
        Where it stands.
    """

    started = Signal(object)

    def __init__(self, wish: Wish, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("review_page")
        self.path, self.journal, self.reviewer = QLineEdit(), QLineEdit(), QLineEdit()
        self.path.setPlaceholderText("results folder, h5ad, zarr or slides.csv")
        self.journal.setPlaceholderText(f"{JOURNAL_NAME} beside the results")
        self.reviewer.setPlaceholderText("initials")
        self.kind = QComboBox()
        self.kind.addItem("review cells", False)
        self.kind.addItem("settle where reviewers differ", True)
        self.order = QComboBox()
        for name, words in ORDERS.items():
            self.order.addItem(words, name)
        self.filters = QLineEdit()
        self.filters.setPlaceholderText("is_ctc=True; slide_id=s1|s2")
        self.filters.setToolTip("Conditions on columns of obs, all of which have to hold, with a semicolon between")
        self.target, self.repeats, self.seed = QSpinBox(), QSpinBox(), QSpinBox()
        self.target.setRange(0, 1_000_000)
        self.target.setSpecialValueText("all")
        self.repeats.setRange(0, 50)
        self.repeats.setSuffix(" %")
        self.seed.setRange(0, 2_000_000_000)
        self.blinded = QCheckBox("hide calls, patients, reviewers")
        self.go = QPushButton("Start")
        self.go.setProperty("role", "main")
        self.go.clicked.connect(self._start)
        self.resume = QPushButton()
        self.resume.setVisible(False)
        self.resume.clicked.connect(self._go_on)
        for edit in (self.path, self.journal, self.reviewer):
            edit.editingFinished.connect(self.look_for_unfinished)
        for edit in (self.path, self.journal, self.reviewer, self.filters):
            edit.returnPressed.connect(self._start)
        self._arrange()
        self.fill(wish)

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        title = QLabel("Review cells")
        title.setProperty("role", "title")
        words = QLabel(
            "One cell at a time, decided by keys. Every decision is on disk before the next cell is shown; the results "
            "themselves are never changed."
        )
        words.setProperty("role", "quiet")
        words.setWordWrap(True)
        column.addWidget(title)
        column.addWidget(words)
        form = QFormLayout()
        form.setVerticalSpacing(8)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Cells", self._with_browser(self.path, self._browse_cells))
        form.addRow("Reviewer", self.reviewer)
        form.addRow("Journal", self._with_browser(self.journal, self._browse_journal))
        form.addRow("Task", self.kind)
        form.addRow("Order", self.order)
        form.addRow("Only", self.filters)
        form.addRow("Cells to do", self.target)
        form.addRow("Hidden repeats", self.repeats)
        form.addRow("Seed", self.seed)
        form.addRow("Blinding", self.blinded)
        column.addLayout(form)
        column.addWidget(self.go)
        column.addWidget(self.resume)
        column.addStretch(1)

    def _with_browser(self, edit: QLineEdit, browse: Callable[[], None]) -> QHBoxLayout:
        row = QHBoxLayout()
        button = QPushButton("…")
        button.setProperty("role", "small")
        button.setFixedWidth(34)
        button.setAccessibleName("choose")
        button.clicked.connect(browse)
        row.addWidget(edit, 1)
        row.addWidget(button)
        return row

    def _browse_cells(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Results folder or store", self.path.text()):
            self.path.setText(chosen)
            self.look_for_unfinished()

    def _browse_journal(self) -> None:
        options = QFileDialog.Option.DontConfirmOverwrite
        chosen, _ = QFileDialog.getSaveFileName(self, "Journal", self.journal.text(), options=options)
        if chosen:
            self.journal.setText(chosen)
            self.look_for_unfinished()

    def fill(self, wish: Wish) -> None:
        """Put a wish into the fields; what has no field is kept."""
        self._given = wish
        self.path.setText(wish.path)
        self.journal.setText(wish.journal)
        self.reviewer.setText(wish.reviewer)
        given = wish.settings or {}
        self.kind.setCurrentIndex(int(given.get("adjudicate", False)))
        self.order.setCurrentIndex(max(self.order.findData(given.get("order", "uncertain")), 0))
        self.filters.setText("; ".join(given.get("filters", ())))
        self.target.setValue(int(given.get("target", 300) or 0))
        self.repeats.setValue(round(100 * float(given.get("repeat_share", 0.1))))
        self.seed.setValue(int(given.get("seed", 0)))
        self.blinded.setChecked(bool(given.get("blinded", True)))
        self.look_for_unfinished()

    def wish(self) -> Wish:
        """Return what the fields hold."""
        path = self.path.text().strip()
        settings: dict[str, Any] = {
            **(self._given.settings or {}),
            "order": self.order.currentData(),
            "repeat_share": self.repeats.value() / 100,
            "seed": self.seed.value(),
            "blinded": self.blinded.isChecked(),
            "target": self.target.value() or None,
            "filters": tuple(part.strip() for part in self.filters.text().split(";") if part.strip()),
            "adjudicate": bool(self.kind.currentData()),
        }
        return Wish(
            path=path,
            journal=self.journal.text().strip(),
            reviewer=self.reviewer.text().strip(),
            settings=settings,
            images=self._given.images if path == self._given.path else "",
        )

    def look_for_unfinished(self) -> None:
        """Offer to go on with a session of this reviewer that was left."""
        from her2plastic.review.session import unfinished_sessions

        wish = self.wish()
        found: tuple[UnfinishedSession, ...] = ()
        if wish.path and wish.reviewer:
            try:
                found = unfinished_sessions(wish.journal_path(), reviewer=wish.reviewer)
            except (Her2plasticError, OSError):
                found = ()  # said at the start, where there is room for it
        self.resume.setVisible(bool(found))
        if found:
            progress = found[0].progress
            day = found[0].last_at[:10]
            self.resume.setText(f"Go on with the session of {day}: {progress.done:,} of {progress.total:,} decided")

    def _start(self) -> None:
        self.started.emit(self.wish())

    def _go_on(self) -> None:
        self.started.emit(replace(self.wish(), settings=None))
