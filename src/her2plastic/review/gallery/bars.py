"""The rows of controls: what is on the sheet and in which order, what is plotted, and what is selected."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QToolButton, QVBoxLayout, QWidget

from her2plastic.review.gallery.choices import Choice, labelled
from her2plastic.review.gallery.contents import GalleryContents
from her2plastic.review.gallery.legend import FlowLayout
from her2plastic.review.gallery.plot_axis import SCALES
from her2plastic.review.gallery.sheet_view import SIDES


class SheetBar(QWidget):
    """Which cells, grouped and sorted by what, and how large."""

    order_changed = Signal()
    side_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "side")
        self.scope = Choice("Cells to show", width=8)
        self.group = Choice("Group by", width=9)
        self.sort = Choice("Sort by", width=11)
        self.falling = QToolButton()
        self.falling.setCheckable(True)
        self.falling.setProperty("role", "boxed")
        self.falling.setAccessibleName("Largest first")
        self._show_direction(False)
        self.size = QSlider(Qt.Orientation.Horizontal)
        self.size.setRange(0, len(SIDES) - 1)
        self.size.setPageStep(1)
        self.size.setFixedWidth(84)
        self.size.setAccessibleName("Size of the pictures")
        self.size.setToolTip("Size of the pictures (+ and \N{MINUS SIGN}, or Ctrl and the wheel)")
        row = FlowLayout(self, gap=10)
        for words, *fields in (
            ("Show", self.scope), ("Group", self.group), ("Sort", self.sort, self.falling), ("", self.size),
        ):  # fmt: skip
            row.addWidget(labelled(str(words), *fields))
        for choice in (self.group, self.sort):
            choice.chosen.connect(self.order_changed)
        self.falling.toggled.connect(self._turn)
        self.size.valueChanged.connect(self._choose_side)

    def offer(self, contents: GalleryContents) -> None:
        """Offer what there is to choose from."""
        self.scope.offer(contents.scopes, first=contents.scopes[0])
        self.group.offer(contents.groupings, first=contents.first_grouping)
        self.sort.offer(contents.sortings)

    def _choose_side(self, place: int) -> None:
        self.side_chosen.emit(SIDES[place])

    def show_side(self, side: int) -> None:
        """Show which size the tiles have."""
        self.size.blockSignals(True)
        self.size.setValue(SIDES.index(side) if side in SIDES else 0)
        self.size.blockSignals(False)

    def _turn(self, falling: bool) -> None:
        self._show_direction(falling)
        self.order_changed.emit()

    def _show_direction(self, falling: bool) -> None:
        self.falling.setText("\N{DOWNWARDS ARROW}" if falling else "\N{UPWARDS ARROW}")
        self.falling.setToolTip("Largest first" if falling else "Smallest first")


class PlotBar(QWidget):
    """What is plotted against what, along which scales, in which colours."""

    axes_changed = Signal()
    colour_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "side")
        self.x, self.y = Choice("Horizontal axis", width=11), Choice("Vertical axis", width=11)
        self.x_scale, self.y_scale = Choice("Horizontal scale", width=4), Choice("Vertical scale", width=4)
        self.colour = Choice("Colour by", width=10)
        for scale in (self.x_scale, self.y_scale):
            scale.offer(SCALES)
            scale.setToolTip("log has no place for values of 0 and less; asinh is linear about 0")
        self.swap = QToolButton()
        self.swap.setText("\N{LEFT RIGHT ARROW}")
        self.swap.setProperty("role", "boxed")
        self.swap.setToolTip("Exchange the axes")
        self.swap.setAccessibleName("Exchange the axes")
        row = FlowLayout(self, gap=10)
        row.addWidget(labelled("x", self.x, self.x_scale))
        row.addWidget(labelled("y", self.y, self.y_scale, self.swap))
        row.addWidget(labelled("Colour", self.colour))
        self._first_scale: Callable[[str], str] | None = None
        self.x.chosen.connect(self._other_x)
        self.y.chosen.connect(self._other_y)
        for scale in (self.x_scale, self.y_scale):
            scale.chosen.connect(self.axes_changed)
        self.colour.chosen.connect(self.colour_changed)
        self.swap.clicked.connect(self._swap)

    def offer(self, contents: GalleryContents) -> None:
        """Offer what there is to choose from."""
        x, y = contents.first_axes
        self.x.offer(contents.axes, first=x)
        self.y.offer(contents.axes, first=y)
        if self._first_scale is None:
            self._first_scale = contents.first_scale
            self._set_quietly({self.x_scale: contents.first_scale(x), self.y_scale: contents.first_scale(y)})
        self._first_scale = contents.first_scale
        self.colour.offer(contents.groupings, first=contents.first_grouping)

    def _swap(self) -> None:
        self._set_quietly({
            self.x: self.y.name, self.y: self.x.name, self.x_scale: self.y_scale.name, self.y_scale: self.x_scale.name,
        })  # fmt: skip
        self.axes_changed.emit()

    def _other_x(self, name: str) -> None:
        self._other_axis(self.x_scale, name)

    def _other_y(self, name: str) -> None:
        self._other_axis(self.y_scale, name)

    def _other_axis(self, scale: Choice, name: str) -> None:
        """Plot another column, along the scale that suits it."""
        if self._first_scale is not None:
            self._set_quietly({scale: self._first_scale(name)})
        self.axes_changed.emit()

    @staticmethod
    def _set_quietly(names: Mapping[Choice, str]) -> None:
        for choice, name in names.items():
            choice.blockSignals(True)
            choice.choose(name)
            choice.blockSignals(False)


class SelectionBar(QWidget):
    """How many cells are selected, and what can be done with them."""

    only_toggled = Signal(bool)
    inverted = Signal()
    cleared = Signal()
    copied = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "side")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.setSpacing(6)
        self.said = QLabel()
        self.note = QLabel()
        self.note.setProperty("role", "quiet")
        self.only = QPushButton("Only these")
        self.only.setCheckable(True)
        self.only.setToolTip("Leave nothing but the selected cells on the sheet; a lasso then changes which these are")
        self.invert, self.clear, self.copy = QPushButton("Invert"), QPushButton("Clear"), QPushButton("Copy names")
        self.invert.setToolTip("Select the cells of the sheet that are not selected (Ctrl I)")
        self.clear.setToolTip("Select nothing (Esc)")
        self.copy.setToolTip("Put the names of the selected cells on the clipboard, a line each")
        row.addWidget(self.said)
        row.addWidget(self.note, 1)
        for button in (self.only, self.invert, self.clear, self.copy):
            row.addWidget(button)
        column.addLayout(row)
        self.only.toggled.connect(self.only_toggled)
        self.invert.clicked.connect(self.inverted)
        self.clear.clicked.connect(self.cleared)
        self.copy.clicked.connect(self.copied)

    def tell(self, selected: int, on_sheet: int, *, note: str, names_hidden: bool) -> None:
        """Say how many cells are selected; what cannot be done is greyed."""
        self.said.setText(f"{selected:,} of {on_sheet:,} cells selected" if selected else f"{on_sheet:,} cells")
        self.note.setText(note)
        self.only.setEnabled(bool(selected) or self.only.isChecked())
        self.clear.setEnabled(bool(selected))
        self.invert.setEnabled(on_sheet > 0)
        self.copy.setEnabled(bool(selected) and not names_hidden)
